//! The options of `splitbrain render`.

use super::{Changes, parse_speed, parse_view};
use crate::base::quantity::parse_span;
use crate::base::time::Span;
use crate::record::FORMATS;
use crate::screen::{LEAST, View};
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser};
use std::path::PathBuf;

/// `splitbrain render`.
#[derive(Args, Clone, Debug)]
pub struct Render {
    /// A preset's name, a file, or - for standard input; a .cast is shown again in another format.
    pub scenario: String,
    /// The file to make; its extension says what it becomes. - for standard output.
    #[arg(short, long, value_name = "FILE")]
    pub output: PathBuf,
    /// What it becomes, whatever the file is called.
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(FORMATS.iter().map(|row| PossibleValue::new(row.word).help(row.meaning))))]
    pub format: Option<String>,
    /// Write over a file that is there.
    #[arg(long)]
    pub force: bool,
    /// Another seed.
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// What changes the scenario.
    #[command(flatten)]
    pub changes: Changes,
    /// Begin at this instant.
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Which part")]
    pub from: Option<Span>,
    /// End at this instant; the scenario's end if nothing is said.
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Which part")]
    pub to: Option<Span>,
    /// A still of this instant.
    #[arg(long = "at", value_name = "TIME", value_parser = parse_time, conflicts_with_all = ["from", "to"], help_heading = "Which part")]
    pub still: Option<Span>,
    /// Times real time: 0.5, 2.
    #[arg(long, value_name = "SPEED", default_value = "1", value_parser = parse_speed, help_heading = "Which part")]
    pub speed: u32,
    /// Pictures a second, 1 to 60; each format has its own measure.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=60), help_heading = "Which part")]
    pub fps: Option<u32>,
    /// The run shown.
    #[arg(long = "run", value_name = "ID", help_heading = "Looks")]
    pub run: Option<String>,
    /// What fills the screen: cluster, log, network, metrics, side-by-side, differences, ledger, checks, keys.
    #[arg(long, value_name = "VIEW", value_parser = parse_view, help_heading = "Looks")]
    pub view: Option<View>,
    /// Columns and rows; 120x40, or those of a recording.
    #[arg(long, value_name = "COLUMNSxROWS", value_parser = parse_size, help_heading = "Looks")]
    pub size: Option<(u16, u16)>,
    /// As on a stage: narration large, keys shown, nothing else; time stops while a beat is read.
    #[arg(long, help_heading = "Looks")]
    pub present: bool,
    /// Of a recording: film the world alone, not its watcher's pauses, pace, views and keys.
    #[arg(long, help_heading = "Which part")]
    pub no_cues: bool,
    /// Pixels a column, times 8: 1 to 4.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4), help_heading = "Looks")]
    pub scale: Option<u32>,
    /// The theme: auto, okabe-dark, okabe-light, high-contrast, ansi16, mono. auto is dark, and light where the
    /// reader prefers it and the format can follow.
    #[arg(long, value_name = "NAME", default_value = "auto", help_heading = "Looks")]
    pub theme: String,
    /// Draw with ASCII signs only.
    #[arg(long, help_heading = "Looks")]
    pub ascii: bool,
}

fn parse_time(text: &str) -> Result<Span, String> {
    parse_span(text).ok_or_else(|| "a time is a number with a unit, at most 24 h: 7s, 1500ms, 2m".to_owned())
}

/// The largest picture, in cells.
pub(crate) const SIZE_MAX: (u16, u16) = (400, 200);

fn parse_size(text: &str) -> Result<(u16, u16), String> {
    let size =
        text.split_once('x').and_then(|(columns, rows)| Some((columns.parse().ok()?, rows.parse().ok()?)));
    size.filter(|&(columns, rows)| {
        (LEAST.0..=SIZE_MAX.0).contains(&columns) && (LEAST.1..=SIZE_MAX.1).contains(&rows)
    })
    .ok_or_else(|| {
        let ((least, low), (most, high)) = (LEAST, SIZE_MAX);
        format!("a size is columns x rows, from {least}x{low} to {most}x{high}: 120x40")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_columns_and_rows_within_what_is_drawn() {
        assert_eq!(parse_size("80x24"), Ok((80, 24)));
        for wrong in ["80", "80x", "59x24", "80x15", "401x40", "-1x40", "axb"] {
            assert!(parse_size(wrong).is_err_and(|why| why.contains("120x40")), "{wrong}");
        }
    }
}
