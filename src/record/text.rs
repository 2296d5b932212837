//! The last picture as text, plain or with its colours.

use super::ansi::{self, columns, symbol};
use super::film::{Chapter, ChapterKind, Encoder, Ending, Refusal, Shot, one_line};
use ratatui::buffer::Buffer;

/// Makes a text file of the last picture.
pub struct Text {
    has_colours: bool,
    last: Option<Buffer>,
    notes: Vec<String>,
}

impl Text {
    /// No picture yet.
    pub fn new(has_colours: bool) -> Self {
        Text { has_colours, last: None, notes: Vec::new() }
    }
}

impl Encoder for Text {
    fn take(&mut self, shot: &Shot<'_>) -> Result<(), Refusal> {
        self.last = Some(shot.picture.clone());
        self.notes.extend(notes(shot));
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Ending) -> Result<Vec<u8>, Refusal> {
        let text = self.last.as_ref().map_or(String::new(), |picture| match self.has_colours {
            true => ansi::lines(picture),
            false => plain(picture),
        });
        // The picture shows the newest note alone.
        let notes: String = self.notes.iter().map(|note| format!("{note}\n")).collect();
        Ok((text + &notes).into_bytes())
    }
}

/// The notes of a picture, a line each: `note: 00:03.000 words`.
pub(super) fn notes(shot: &Shot<'_>) -> Vec<String> {
    let notes = shot.chapters.iter().filter(|chapter| chapter.kind == ChapterKind::Note);
    let line = |chapter: &Chapter| {
        let at = chapter.at.map_or(String::new(), |at| format!("{at} "));
        format!("{} {at}{}", chapter.kind.prefix(), one_line(&chapter.text))
    };
    notes.map(line).collect()
}

/// The rows without colours and without blanks at their ends.
pub fn plain(picture: &Buffer) -> String {
    (picture.area.top()..picture.area.bottom()).map(|y| row(picture, y) + "\n").collect()
}

/// One row.
pub(super) fn row(picture: &Buffer, y: u16) -> String {
    let (mut out, mut x) = (String::new(), picture.area.left());
    while x < picture.area.right() {
        let cell = &picture[(x, y)];
        out.push_str(symbol(cell));
        x += columns(cell);
    }
    out.truncate(out.trim_end().len());
    out
}
