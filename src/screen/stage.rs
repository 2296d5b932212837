//! What an audience sees: the narration large, the world below it, the keys just pressed. No header, no footer, no
//! timeline.
//!
//! ```text
//! n1 dies.                       the beginning of what was said last, as large as fits
//! Who takes over, and when?      the rest of it, a note
//! majority  primary-replica      which run this is, and its faults
//! ┌ n1 ────┐┌ n2 ────┐           the view
//! 2/5 ▸ enter  crash n1      c  00:07.001      the beat, what was done, the keys, the clock
//! ```

use super::layout::{split_top, standing_note};
use super::look::{Sign, Token};
use super::pen::Pen;
use super::{Stage, View, Watch, big, body, overlay};
use crate::base::text::{safe, width};
use crate::driver::frame::Frame;
use ratatui::layout::Rect;

/// Blank columns at the left.
const MARGIN: u16 = 2;
/// The widest column of text.
const TEXT: u16 = 100;
/// Rows that the world has at least.
const WORLD: u16 = 11;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame, stage: &Stage) {
    let line = Rect { y: area.bottom() - 1, height: 1, ..area };
    let above = Rect { height: area.height - 1, ..area };
    let words = Words::of(frame, above, pen.look().is_ascii);
    let (told, world) = split_top(above, words.height());
    words.draw(pen, told);
    let (title, world) = split_top(world, u16::from(watch.view != View::SideBySide));
    draw_title(pen, title, watch, frame);
    body(pen, world, watch, frame);
    draw_line(pen, line, watch, frame, stage);
    if let Some(overlay) = &watch.overlay {
        overlay::draw(pen, above, overlay);
    }
}

/// What was said last, divided into what is large and what is not.
struct Words {
    large: Vec<String>,
    /// Ordinary lines: text, and whether it is all there is to read.
    small: Vec<(String, Token)>,
}

impl Words {
    fn of(frame: &Frame, area: Rect, is_ascii: bool) -> Words {
        let (said, has_been_said) = match &frame.narration {
            Some(narration) => (narration.text.split_whitespace().collect::<Vec<_>>().join(" "), true),
            None => (frame.head.title.clone(), false),
        };
        let said = safe(&said).into_owned();
        let columns = area.width.saturating_sub(2 * MARGIN);
        let room = (area.height * 2 / 5).min(area.height.saturating_sub(WORLD + 3));
        let set = |text: &str, is_bold| big::set(text, (columns, room), is_ascii, is_bold);
        let at = |end: usize| (said[..end].to_owned(), said[end..].trim_start().to_owned());
        let end = sentence(&said);
        let (sentence, clauses) = (at(end), clauses(&said[..end]));
        // Bold strokes before long texts, long texts before thin strokes.
        let found = set(&sentence.0, true)
            .map(|large| (large, sentence.1.clone()))
            .or_else(|| {
                clauses.into_iter().map(at).find_map(|(begin, rest)| Some((set(&begin, true)?, rest)))
            })
            .or_else(|| set(&sentence.0, false).map(|large| (large, sentence.1.clone())));
        let is_large = found.is_some();
        let (large, rest) = found.unwrap_or_else(|| (Vec::new(), said.clone()));
        let token = if is_large { Token::Plain } else { Token::Title };
        let mut small: Vec<(String, Token)> =
            broken(&rest, usize::from(columns.min(TEXT))).into_iter().map(|line| (line, token)).collect();
        if !has_been_said && is_large {
            let summary = safe(&frame.head.summary).into_owned();
            small.extend(
                broken(&summary, usize::from(columns.min(TEXT))).into_iter().map(|l| (l, Token::Dim)),
            );
        }
        let note = standing_note(frame);
        let room = usize::from(area.height.saturating_sub(WORLD + 2)).saturating_sub(large.len());
        let room = room.max(1).saturating_sub(usize::from(note.is_some()));
        if small.len() > room {
            small.truncate(room);
            small.last_mut().into_iter().for_each(|(line, _)| line.push_str(" …"));
        }
        small.extend(note.map(|note| (format!("m {} {}", note.at, note.text), Token::Pending)));
        Words { large, small }
    }

    /// Rows they take, a blank one below them included.
    fn height(&self) -> u16 {
        (self.large.len() + self.small.len()) as u16 + 1
    }

    fn draw(&self, pen: &mut Pen<'_>, area: Rect) {
        let (x, wide) = (area.x + MARGIN, area.width.saturating_sub(2 * MARGIN));
        let large = self.large.iter().map(|row| (row.as_str(), Token::Title));
        let small = self.small.iter().map(|(row, token)| (row.as_str(), *token));
        for (y, (row, token)) in (area.y..area.bottom()).zip(large.chain(small)) {
            pen.text(x, y, wide, row, token);
        }
    }
}

/// Where the first sentence ends.
fn sentence(text: &str) -> usize {
    let ends = text.match_indices(['.', '!', '?']).map(|(at, sign)| at + sign.len());
    ends.into_iter().find(|&end| text[end..].is_empty() || text[end..].starts_with(' ')).unwrap_or(text.len())
}

/// Where parts of a sentence end that can stand for it, the longest first.
fn clauses(text: &str) -> Vec<usize> {
    let signs = text.match_indices([',', ':', ';']).map(|(at, sign)| at + sign.len());
    signs.filter(|&end| text[end..].starts_with(' ')).collect::<Vec<_>>().into_iter().rev().collect()
}

/// `text` in lines of at most `columns`.
fn broken(text: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width(line) + 1 + width(word) <= columns => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Which run this is, and its faults.
fn draw_title(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    if area.height == 0 {
        return;
    }
    let run = &frame.runs[watch.run.min(frame.runs.len() - 1)];
    let faults: Vec<&str> = run.view.faults.iter().map(|fault| &*fault.what).collect();
    let (gap, faults) = (if faults.is_empty() { "" } else { "   " }, faults.join(", "));
    let pieces = [
        (run.title.as_ref(), Token::Title),
        ("  ", Token::Plain),
        (run.topology.word(), Token::Dim),
        (gap, Token::Plain),
        (faults.as_str(), Token::Warn),
    ];
    pen.pieces(area.x + MARGIN, area.y, area.width.saturating_sub(2 * MARGIN), &pieces);
}

/// The beat, what was done, the keys, the clock.
fn draw_line(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame, stage: &Stage) {
    let clock = format!("  {} ", frame.at);
    let token = if frame.is_past() { Token::Warn } else { Token::Dim };
    let mut used = pen.right(area, &clock, token);
    for key in stage.keys.iter().rev() {
        let cap = format!(" {key} ");
        let wide = width(&cap) as u16;
        if used + wide + 1 > area.width / 2 {
            break;
        }
        let place = Rect { width: area.width - used, ..area };
        pen.right(place, &cap, Token::Key);
        pen.reverse(Rect { x: place.right() - wide, width: wide, ..area });
        used += wide + 1;
    }
    let beat = frame.beat.map_or(String::new(), |(place, of)| format!("{place}/{of} "));
    let waits = if frame.waits { format!("{} enter  ", pen.sign(Sign::Chosen)) } else { " ".to_owned() };
    let paused = if frame.is_running || frame.waits { "" } else { "paused  " };
    let (done, token) = match &watch.toast {
        Some((text, is_error)) => (text.as_str(), if *is_error { Token::Bad } else { Token::Good }),
        None => ("", Token::Plain),
    };
    let left = area.width.saturating_sub(used + MARGIN + 1);
    let pieces =
        [(beat.as_str(), Token::Dim), (waits.as_str(), Token::Key), (paused, Token::Paused), (done, token)];
    pen.pieces(area.x + MARGIN, area.y, left, &pieces);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_that_can_stand_alone_is_found() {
        let text = "Bob's card, on five databases that follow v1.2 of it. It moves.";
        assert_eq!(&text[..sentence(text)], "Bob's card, on five databases that follow v1.2 of it.");
        let text = "Two here, three there; and 1,5 s.";
        let begins: Vec<&str> = clauses(text).into_iter().map(|end| &text[..end]).collect();
        assert_eq!(begins, ["Two here, three there;", "Two here,"]);
        assert_eq!((sentence("no end"), clauses("no end").len()), (6, 0));
        assert_eq!(broken("a few words here", 7), ["a few", "words", "here"]);
    }
}
