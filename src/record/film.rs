//! What all films are made of: pictures in the order of time, what happens in them, and who takes them.
//!
//! ```text
//! Film (studio, reel) --Shot--> Encoder (cast, gif, svg, html, ...) --finish--> bytes
//! ```
//!
//! Time here is presentation time: microseconds a viewer waits, integers all the way.

use super::colour::Palette;
use crate::base::text::safe;
use crate::base::time::{Span, VirtualTime};
use crate::driver::verdict::Judgement;
use crate::scenario::model::Scenario;
use ratatui::buffer::Buffer;
use serde_json::Value;
use std::sync::Arc;

/// Why a film cannot be made as asked: what was found, and what would do.
pub type Refusal = String;

/// What a film is, said before its first picture.
#[derive(Clone, Debug)]
pub struct Titles {
    /// Its title.
    pub title: String,
    /// Which of its runs is shown, and its seed; may be empty.
    pub subtitle: String,
    /// What it shows, in a sentence; may be empty.
    pub summary: String,
    /// The command line that makes it again.
    pub command: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Columns and rows of its first picture.
    pub size: (u16, u16),
    /// The colours behind the names of colours.
    pub palette: Palette,
    /// The colours on a light ground, for formats that follow their reader's preference.
    pub light: Option<Palette>,
    /// How long it lasts, as far as that is known before.
    pub length: Span,
    /// What only we understand: id, seed, program.
    pub ours: Value,
    /// The scenario that is filmed, if it is one.
    pub scenario: Option<Arc<Scenario>>,
}

impl Titles {
    /// Title and subtitle in one line.
    pub fn full(&self) -> String {
        match self.subtitle.as_str() {
            "" => self.title.clone(),
            subtitle => format!("{} · {subtitle}", self.title),
        }
    }
}

/// One picture and when it is shown.
#[derive(Clone, Copy, Debug)]
pub struct Shot<'a> {
    /// Since the film began. Never smaller than the shot's before.
    pub at: Span,
    /// The picture.
    pub picture: &'a Buffer,
    /// What happens in it, oldest first.
    pub chapters: &'a [Chapter],
    /// Keys that were pressed for it, oldest first.
    pub keys: &'a [Arc<str>],
}

/// Something that happens in a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// What kind of thing.
    pub kind: ChapterKind,
    /// Its words.
    pub text: String,
    /// Of narration that the scenario tells: which beat this is, of how many.
    pub place: Option<(usize, usize)>,
    /// When it happened in the world; `None` in films that show no world of ours.
    pub at: Option<VirtualTime>,
}

/// Kinds of chapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChapterKind {
    /// Narration.
    Beat,
    /// A fault begins.
    Fault,
    /// A fault ends.
    Heal,
    /// Another command.
    Command,
    /// A node becomes primary.
    Failover,
    /// A mark of the user's.
    Note,
    /// What came of an expectation.
    Check,
    /// A marker of a film from elsewhere.
    Other,
}

impl ChapterKind {
    /// What its labels begin with, for tools that select by marker.
    pub fn prefix(self) -> &'static str {
        match self {
            ChapterKind::Beat => "beat:",
            ChapterKind::Fault => "fault:",
            ChapterKind::Heal => "heal",
            ChapterKind::Command => "command:",
            ChapterKind::Failover => "failover:",
            ChapterKind::Note => "note:",
            ChapterKind::Check => "check:",
            ChapterKind::Other => "",
        }
    }
}

impl Chapter {
    /// The label in one line: `fault: crash n1`.
    pub fn label(&self) -> String {
        let text = one_line(&self.text);
        match self.kind {
            ChapterKind::Other => text,
            ChapterKind::Heal if text.starts_with("heal") => text,
            ChapterKind::Heal => format!("heal: {text}"),
            kind => match self.place {
                Some((place, of)) => format!("{} {place}/{of} {text}", kind.prefix()),
                None => format!("{} {text}", kind.prefix()),
            },
        }
    }
}

/// How a film ended.
#[derive(Clone, Debug, Default)]
pub struct Ending {
    /// How long it was.
    pub length: Span,
    /// The verdicts, if it was played to its end.
    pub checks: Vec<Chapter>,
    /// The exit code of those: 0 as expected, 1 not.
    pub exit: u8,
    /// Trace digests per run where it ended: (run, digest).
    pub digests: Vec<(String, u64)>,
    /// Everything measured and judged, if it was played to its end.
    pub judgement: Option<Judgement>,
}

/// Something that gives pictures in the order of time.
pub trait Film {
    /// What it is.
    fn titles(&self) -> &Titles;
    /// The next picture, until there is none.
    fn next(&mut self) -> Option<Shot<'_>>;
    /// How it ended; asked once, after the last picture.
    fn ending(&mut self) -> Ending;
}

/// Something that makes a file of pictures.
pub trait Encoder {
    /// Takes a picture.
    ///
    /// # Errors
    /// If the format cannot hold the film.
    fn take(&mut self, shot: &Shot<'_>) -> Result<(), Refusal>;
    /// Ends the file and gives it.
    ///
    /// # Errors
    /// If the format cannot hold the film.
    fn finish(self: Box<Self>, ending: &Ending) -> Result<Vec<u8>, Refusal>;
}

/// Runs a film through an encoder. `watch` is told how far it is: (presentation time done, of about).
///
/// # Errors
/// If the format cannot hold the film.
pub fn roll(
    film: &mut dyn Film,
    mut encoder: Box<dyn Encoder + '_>,
    watch: &mut dyn FnMut(Span, Span),
) -> Result<Vec<u8>, Refusal> {
    let length = film.titles().length;
    while let Some(shot) = film.next() {
        watch(shot.at, length);
        encoder.take(&shot)?;
    }
    encoder.finish(&film.ending())
}

/// Text from outside in one line, without anything a terminal would obey.
pub(super) fn one_line(text: &str) -> String {
    safe(&text.split_whitespace().collect::<Vec<_>>().join(" ")).into_owned()
}

/// `12.345678`: seconds without floats.
pub(super) fn seconds(span: Span) -> String {
    format!("{}.{:06}", span.0 / 1_000_000, span.0 % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_one_line_under_a_stable_prefix() {
        let label =
            |kind, text: &str, place| Chapter { kind, text: text.to_owned(), place, at: None }.label();
        assert_eq!(label(ChapterKind::Beat, "Two nodes\nhere. ", Some((2, 4))), "beat: 2/4 Two nodes here.");
        assert_eq!(label(ChapterKind::Beat, "By hand", None), "beat: By hand");
        assert_eq!(label(ChapterKind::Heal, "heal", None), "heal");
        assert_eq!(label(ChapterKind::Heal, "restart n1", None), "heal: restart n1");
        assert_eq!(label(ChapterKind::Note, "a\u{1b}]0;x\u{7}b", None), "note: a␛]0;x^Gb");
        assert_eq!(label(ChapterKind::Other, "intro", None), "intro");
    }
}
