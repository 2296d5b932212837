//! The last picture as text, plain or with its colours.

use super::ansi::{self, columns, symbol};
use super::film::{Encoder, Ending, Refusal, Shot};
use ratatui::buffer::Buffer;

/// Makes a text file of the last picture.
pub struct Text {
    has_colours: bool,
    last: Option<Buffer>,
}

impl Text {
    /// No picture yet.
    pub fn new(has_colours: bool) -> Self {
        Text { has_colours, last: None }
    }
}

impl Encoder for Text {
    fn take(&mut self, shot: &Shot<'_>) -> Result<(), Refusal> {
        self.last = Some(shot.picture.clone());
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Ending) -> Result<Vec<u8>, Refusal> {
        let text = self.last.as_ref().map_or(String::new(), |picture| match self.has_colours {
            true => ansi::lines(picture),
            false => plain(picture),
        });
        Ok(text.into_bytes())
    }
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
