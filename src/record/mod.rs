//! Films and stills of scenarios, without a terminal and faster than real time; foreign films taken apart.
//!
//! ```text
//! scenario --studio--> pictures --diff--> cast, GIF, SVG, HTML, PNG, text, report
//! cast -----reel----->
//! ```
//!
//! The same scenario, seed and options give the same bytes on every machine: no clock, no environment, integers for
//! time. Start with [`film`] (what a film is made of), then [`studio`] (a scenario filmed) and [`Format`] (what it
//! becomes). Must not know: terminals, keys, how anything is simulated. Only [`edge`] touches files.

pub mod ansi;
pub mod cast;
pub mod colour;
mod drawn;
pub mod edge;
pub mod film;
pub mod font;
pub mod gif;
pub mod html;
pub mod png;
pub mod raster;
pub mod reel;
pub mod report;
pub mod runs;
pub mod studio;
pub mod svg;
pub mod text;

use crate::base::time::Span;
use cast::{Cast, Version};
use film::{Encoder, Film, Refusal, roll};

/// What a film becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A terminal film, asciicast version 3.
    Cast,
    /// The same in version 2, for older players.
    CastTwo,
    /// A moving picture.
    Gif,
    /// A still picture.
    Png,
    /// Letters on a drawing, still or moving.
    Svg,
    /// A page with a player.
    Html,
    /// A document.
    Report,
    /// The last picture as text.
    Text,
    /// The same with its colours.
    Ansi,
}

/// How many pictures a format holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// One.
    Still,
    /// Many.
    Film,
    /// Many, or one where one is asked for.
    Both,
}

/// One row: a format, the extension and word it goes by, what it holds, pictures a second and scale where nothing
/// else is said, and what it is.
#[derive(Clone, Copy, Debug)]
pub struct FormatRow {
    /// The format.
    pub format: Format,
    /// The extension of its files.
    pub extension: &'static str,
    /// Its word on the command line.
    pub word: &'static str,
    /// How many pictures it holds.
    pub holds: Holds,
    /// Pictures a second.
    pub fps: u32,
    /// Times 8x16 pixels a cell.
    pub scale: u32,
    /// What it is.
    pub meaning: &'static str,
}

const fn row(
    format: Format,
    extension: &'static str,
    word: &'static str,
    holds: Holds,
    (fps, scale): (u32, u32),
    meaning: &'static str,
) -> FormatRow {
    FormatRow { format, extension, word, holds, fps, scale, meaning }
}

/// The formats; of those that share an extension, the first is meant by it.
pub const FORMATS: &[FormatRow] = &[
    row(
        Format::Cast,
        "cast",
        "cast",
        Holds::Film,
        (30, 1),
        "a terminal film for asciinema players, with chapters",
    ),
    row(Format::CastTwo, "cast", "cast-v2", Holds::Film, (30, 1), "the same in the older version 2"),
    row(Format::Gif, "gif", "gif", Holds::Film, (10, 1), "a moving picture for any page"),
    row(Format::Png, "png", "png", Holds::Still, (10, 2), "a still picture"),
    row(
        Format::Svg,
        "svg",
        "svg",
        Holds::Both,
        (5, 1),
        "a drawing of letters: a still, or up to 20 s of film",
    ),
    row(
        Format::Html,
        "html",
        "html",
        Holds::Film,
        (10, 1),
        "one page with a player and the story, for any browser",
    ),
    row(
        Format::Report,
        "md",
        "md",
        Holds::Film,
        (1, 1),
        "a report: settings, the story with pictures, measures, verdicts",
    ),
    row(Format::Text, "txt", "txt", Holds::Still, (10, 1), "the last picture as text"),
    row(Format::Ansi, "ansi", "ansi", Holds::Still, (10, 1), "the same with its colours, for `cat`"),
];

impl FormatRow {
    /// Whether it always holds one picture.
    pub fn is_still(&self) -> bool {
        self.holds == Holds::Still
    }

    /// Whether it can hold one picture.
    pub fn can_be_still(&self) -> bool {
        self.holds != Holds::Film
    }
}

impl Format {
    /// Its row.
    pub fn row(self) -> &'static FormatRow {
        FORMATS.iter().find(|row| row.format == self).unwrap_or(&FORMATS[0])
    }

    /// The format with this word.
    pub fn of_word(word: &str) -> Option<Format> {
        FORMATS.iter().find(|row| row.word == word).map(|row| row.format)
    }

    /// The format that a file's name asks for.
    pub fn of_name(name: &str) -> Option<Format> {
        let (stem, extension) = name.rsplit_once('.')?;
        let found = FORMATS.iter().find(|row| row.extension.eq_ignore_ascii_case(extension));
        found.filter(|_| !stem.is_empty()).map(|row| row.format)
    }
}

/// Makes the file. `watch` is told how far it is: (presentation time done, of about).
///
/// # Errors
/// If the format cannot hold the film.
pub fn make(
    film: &mut dyn Film,
    format: Format,
    scale: u32,
    watch: &mut dyn FnMut(Span, Span),
) -> Result<Vec<u8>, Refusal> {
    let titles = film.titles().clone();
    let encoder: Box<dyn Encoder> = match format {
        Format::Cast => Box::new(Cast::new(Version::Three, titles)),
        Format::CastTwo => Box::new(Cast::new(Version::Two, titles)),
        Format::Gif => Box::new(gif::Gif::new(&titles, scale)?),
        Format::Png => Box::new(png::Png::new(&titles, scale)?),
        Format::Svg => Box::new(svg::Svg::new(&titles)?),
        Format::Html => Box::new(html::Html::new(&titles)),
        Format::Report => Box::new(report::Report::new(titles)),
        Format::Text => Box::new(text::Text::new(false)),
        Format::Ansi => Box::new(text::Text::new(true)),
    };
    roll(film, encoder, watch)
}
