//! What lies on top of the screen: help, palette, menus, prompts. All are one thing: a title, perhaps a line being
//! typed, and rows of two columns.

use super::layout::split_top;
use super::look::{Sign, Token};
use super::pen::Pen;
use crate::base::text::width;
use ratatui::layout::Rect;

/// A row of an overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The left column: a key, a command.
    pub left: String,
    /// The right column: what it does.
    pub right: String,
    /// Whether it is a heading.
    pub is_heading: bool,
    /// Everything there is to say, shown below while the row is chosen; empty for nothing more.
    pub more: String,
}

impl Row {
    /// An ordinary row.
    pub fn new(left: impl Into<String>, right: impl Into<String>) -> Self {
        Row { left: left.into(), right: right.into(), is_heading: false, more: String::new() }
    }

    /// A heading.
    pub fn heading(text: impl Into<String>) -> Self {
        Row { is_heading: true, ..Row::new(text, "") }
    }

    /// The row with more to say while it is chosen.
    #[must_use]
    pub fn with_more(self, more: String) -> Self {
        Row { more, ..self }
    }
}

/// Something on top of the screen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overlay {
    /// Its title.
    pub title: String,
    /// A line being typed, with its prompt and the cursor's place in columns.
    pub input: Option<(String, String, usize)>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// The chosen row.
    pub selected: Option<usize>,
    /// What keys do here.
    pub hint: String,
    /// A text in full in place of rows, from edge to edge, so that it can be selected with the mouse.
    pub slip: Option<String>,
}

/// Rows for what there is more to say of the chosen row.
const MORE: u16 = 3;

/// A command line over several rows, as a shell takes it: broken between words.
fn folded(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for word in text.split_inclusive(' ') {
        let line = lines.last_mut().filter(|line| width(line) + width(word) < columns || line.is_empty());
        match line {
            Some(line) => line.push_str(word),
            None => lines.push(word.to_owned()),
        }
    }
    let last = lines.len() - 1;
    lines.iter_mut().take(last).for_each(|line| line.push('\\'));
    lines
}

fn draw_slip(pen: &mut Pen<'_>, area: Rect, overlay: &Overlay, text: &str) {
    let lines = folded(text, usize::from(area.width));
    let height = (lines.len() as u16 + 2).min(area.height);
    let place = Rect { y: area.bottom() - height, height, ..area };
    pen.clear(place);
    let rule = pen.sign(Sign::Horizontal).to_string().repeat(usize::from(area.width));
    pen.text(place.x, place.y, place.width, &rule, Token::Chosen);
    pen.text(place.x, place.bottom() - 1, place.width, &rule, Token::Chosen);
    let title = format!(" {} · {} ", overlay.title, overlay.hint);
    pen.text(place.x + 1, place.y, place.width - 2, &title, Token::Chosen);
    for (y, line) in (place.y + 1..place.bottom() - 1).zip(&lines) {
        pen.text(place.x, y, place.width, line, Token::Plain);
    }
}

/// Draws it at the bottom of `area`, as large as it needs and may be.
pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, overlay: &Overlay) {
    if let Some(text) = &overlay.slip {
        return draw_slip(pen, area, overlay, text);
    }
    let input = u16::from(overlay.input.is_some());
    let more = if overlay.rows.iter().any(|row| !row.more.is_empty()) { MORE } else { 0 };
    let wanted = overlay.rows.len() as u16 + input + more + 2;
    let height = wanted.clamp(3, area.height.saturating_sub(2).max(3)).min(area.height);
    let width = area.width.min(100);
    let place = Rect { x: area.x, y: area.bottom().saturating_sub(height), width, height };
    pen.clear(place);
    let title = match overlay.hint.as_str() {
        "" => overlay.title.clone(),
        hint => format!("{} · {hint}", overlay.title),
    };
    let mut inside = pen.boxed(place, &title, Token::Chosen);
    if let Some((prompt, typed, cursor)) = &overlay.input {
        draw_input(pen, inside, prompt, typed, *cursor);
        inside = Rect { y: inside.y + 1, height: inside.height.saturating_sub(1), ..inside };
    }
    // Where there is hardly room for the rows, they have it.
    if more > 0 && inside.height >= 2 * MORE {
        let (rows, below) = split_top(inside, inside.height - more);
        let chosen = overlay.selected.and_then(|selected| overlay.rows.get(selected));
        pen.paragraph(
            Rect { x: below.x + 1, width: below.width - 1, ..below },
            chosen.map_or("", |row| &row.more),
            Token::Dim,
        );
        inside = rows;
    }
    draw_rows(pen, inside, overlay);
}

fn draw_input(pen: &mut Pen<'_>, area: Rect, prompt: &str, typed: &str, cursor: usize) {
    let used = pen.text(area.x, area.y, area.width, prompt, Token::Key);
    let room = area.width.saturating_sub(used + 1);
    let skip = cursor.saturating_sub(usize::from(room.saturating_sub(1)));
    let shown: String = typed.chars().skip(skip).collect();
    pen.text(area.x + used, area.y, room, &shown, Token::Plain);
    let x = area.x + used + (cursor - skip) as u16;
    pen.reverse(Rect { x: x.min(area.right().saturating_sub(1)), width: 1, height: 1, ..area });
}

fn draw_rows(pen: &mut Pen<'_>, area: Rect, overlay: &Overlay) {
    if area.height == 0 {
        return;
    }
    let selected = overlay.selected.unwrap_or(0);
    let first = (selected + 1).saturating_sub(usize::from(area.height));
    let widest =
        overlay.rows.iter().filter(|row| !row.is_heading).map(|row| width(&row.left)).max().unwrap_or(0);
    let left = (widest as u16 + 2).min(area.width * 2 / 5);
    for (y, (nth, row)) in (area.y..area.bottom()).zip(overlay.rows.iter().enumerate().skip(first)) {
        if row.is_heading {
            pen.text(area.x, y, area.width, &row.left, Token::Title);
            continue;
        }
        let is_chosen = overlay.selected == Some(nth);
        let mark = if is_chosen { pen.sign(Sign::Chosen) } else { ' ' };
        pen.text(area.x, y, left + 1, &format!("{mark}{}", row.left), Token::Key);
        pen.text(area.x + left + 1, y, area.width.saturating_sub(left + 1), &row.right, Token::Plain);
        if is_chosen {
            pen.reverse(Rect { y, height: 1, ..area });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_command_line_is_folded_so_that_a_shell_takes_it_whole() {
        let text = "splitbrain --do '5s crash n1' --seek 6s";
        let lines = folded(text, 20);
        assert_eq!(lines, ["splitbrain --do \\", "'5s crash n1' \\", "--seek 6s"]);
        assert_eq!(lines.join("\n").replace("\\\n", ""), text);
        assert_eq!(folded(text, 80), [text]);
    }
}
