//! Pictures as the bytes a terminal takes. Written by ourselves because the terminal library asks the environment
//! (`NO_COLOR`) what to write; these bytes depend on the pictures alone.

use super::colour::number;
use crate::base::text::width;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;

/// What switches a modifier on, and the modifier.
const MODIFIERS: [(Modifier, u8); 8] = [
    (Modifier::BOLD, 1),
    (Modifier::DIM, 2),
    (Modifier::ITALIC, 3),
    (Modifier::UNDERLINED, 4),
    (Modifier::SLOW_BLINK, 5),
    (Modifier::REVERSED, 7),
    (Modifier::HIDDEN, 8),
    (Modifier::CROSSED_OUT, 9),
];

/// The whole picture, whatever the terminal showed before.
pub fn whole(picture: &Buffer) -> String {
    let mut pen = Pen::begin();
    pen.out.push_str("\x1b[2J");
    let blank = Cell::default();
    let area = picture.area;
    for y in area.top()..area.bottom() {
        let mut x = area.left();
        while x < area.right() {
            let cell = &picture[(x, y)];
            if *cell != blank {
                pen.put(x, y, cell);
            }
            x += columns(cell);
        }
    }
    pen.end()
}

/// What turns `before` into `after`, both of one size.
pub fn change(before: &Buffer, after: &Buffer) -> String {
    let mut pen = Pen::begin();
    for (x, y, cell) in before.diff(after) {
        pen.put(x, y, cell);
    }
    pen.end()
}

/// The rows of a picture as lines with colours, for a text file.
pub fn lines(picture: &Buffer) -> String {
    let area = picture.area;
    let mut out = String::new();
    for y in area.top()..area.bottom() {
        let mut pen = Pen { out, at: None, has_cursor: false, style: Style::default() };
        let end = (area.left()..area.right()).rev().find(|&x| picture[(x, y)] != Cell::default());
        let mut x = area.left();
        while end.is_some_and(|end| x <= end) {
            pen.put(x, y, &picture[(x, y)]);
            x += columns(&picture[(x, y)]);
        }
        out = pen.end();
        out.push('\n');
    }
    out
}

/// Columns a cell's symbol takes, at least one.
pub(super) fn columns(cell: &Cell) -> u16 {
    (width(symbol(cell)) as u16).max(1)
}

/// A cell's modifiers as every terminal can have them: many know one intensity only, so bold is not dim as well.
pub(super) fn modifiers(cell: &Cell) -> Modifier {
    match cell.modifier.contains(Modifier::BOLD) {
        true => cell.modifier - Modifier::DIM,
        false => cell.modifier,
    }
}

/// What a cell shows, without anything a terminal would obey.
pub(super) fn symbol(cell: &Cell) -> &str {
    let symbol = cell.symbol();
    if symbol.is_empty() || symbol.chars().any(char::is_control) { " " } else { symbol }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Style {
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

/// Bytes so far, and what the terminal is known to be like after them.
struct Pen {
    out: String,
    /// Where the cursor is, if that is known.
    at: Option<(u16, u16)>,
    /// Whether there is a cursor to be moved; a file has none.
    has_cursor: bool,
    style: Style,
}

impl Pen {
    /// Every piece begins with plain style, so that each can be cut off anywhere.
    fn begin() -> Self {
        Pen { out: "\x1b[0m".to_owned(), at: None, has_cursor: true, style: Style::default() }
    }

    fn end(mut self) -> String {
        if self.style != Style::default() {
            self.out.push_str("\x1b[0m");
        }
        self.out
    }

    fn put(&mut self, x: u16, y: u16, cell: &Cell) {
        self.go(x, y);
        self.dress(Style { fg: cell.fg, bg: cell.bg, modifier: modifiers(cell) });
        let symbol = symbol(cell);
        self.out.push_str(symbol);
        // Where the cursor stands after other than single narrow letters is a matter of the terminal's tables.
        self.at = (symbol.chars().count() == 1 && width(symbol) == 1).then_some((x + 1, y));
    }

    fn go(&mut self, x: u16, y: u16) {
        match self.at {
            _ if !self.has_cursor => {}
            Some(at) if at == (x, y) => {}
            // Formatting into a string cannot fail.
            Some((from, row)) if row == y && from < x => _ = write!(self.out, "\x1b[{}C", x - from),
            _ => _ = write!(self.out, "\x1b[{};{}H", y + 1, x + 1),
        }
    }

    fn dress(&mut self, style: Style) {
        let before = std::mem::replace(&mut self.style, style);
        if before == style {
            return;
        }
        let mut codes: Vec<String> = Vec::new();
        // A single modifier cannot be taken off on every terminal: all are, and the rest is put on again.
        let (mut fg, mut bg, mut worn) = (before.fg, before.bg, before.modifier);
        if !style.modifier.contains(worn) {
            codes.push("0".to_owned());
            (fg, bg, worn) = (Color::Reset, Color::Reset, Modifier::empty());
        }
        let added = MODIFIERS.iter().filter(|(m, _)| style.modifier.contains(*m) && !worn.contains(*m));
        codes.extend(added.map(|(_, code)| code.to_string()));
        if fg != style.fg {
            codes.push(colour(style.fg, 30));
        }
        if bg != style.bg {
            codes.push(colour(style.bg, 40));
        }
        let _ = write!(self.out, "\x1b[{}m", codes.join(";"));
    }
}

/// The code of a colour; `base` is 30 for letters, 40 for the ground.
fn colour(colour: Color, base: u8) -> String {
    match colour {
        Color::Reset => (base + 9).to_string(),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        named => match number(named).unwrap_or(7) {
            number @ 0..8 => (base + number).to_string(),
            bright => (base + 60 + bright - 8).to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style as Dress;

    fn picture(text: &str, style: Dress) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 8, 1));
        buffer.set_string(1, 0, text, style);
        buffer
    }

    #[test]
    fn a_whole_picture_clears_moves_and_dresses_once() {
        let bytes =
            whole(&picture("ab c", Dress::new().fg(Color::Rgb(1, 2, 3)).add_modifier(Modifier::BOLD)));
        assert_eq!(bytes, "\x1b[0m\x1b[2J\x1b[1;2H\x1b[1;38;2;1;2;3mab c\x1b[0m");
    }

    #[test]
    fn a_change_writes_what_changed_and_nothing_else() {
        let (before, after) = (picture("abcd", Dress::new()), picture("aXcY", Dress::new()));
        assert_eq!(change(&before, &after), "\x1b[0m\x1b[1;3HX\x1b[1CY");
        assert_eq!(change(&before, &before), "\x1b[0m");
    }

    #[test]
    fn a_modifier_is_taken_off_by_a_reset() {
        let mut after = picture("a", Dress::new().add_modifier(Modifier::BOLD));
        after.set_string(2, 0, "b", Dress::new().fg(Color::Indexed(7)).bg(Color::LightRed));
        assert_eq!(whole(&after), "\x1b[0m\x1b[2J\x1b[1;2H\x1b[1ma\x1b[0;38;5;7;101mb\x1b[0m");
    }

    #[test]
    fn nothing_a_terminal_would_obey_comes_out_of_a_cell() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 2, 1));
        buffer[(0, 0)].set_symbol("\x1b]52;c;eA==\x07");
        buffer[(1, 0)].set_symbol("!");
        assert_eq!(whole(&buffer), "\x1b[0m\x1b[2J\x1b[1;1H !");
    }
}
