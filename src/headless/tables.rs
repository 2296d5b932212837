//! `splitbrain knobs` and `splitbrain metrics`: the program's own tables, printed.

use super::report::write_columns;
use crate::base::knob::{KNOBS, KnobKind, Topology};
use crate::base::metric::METRICS;
use crate::check::CHECKERS;
use std::io::{self, Write};

/// Prints the knobs of `topology`: key, type or values, demo and real default, meaning, what it mirrors.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_knobs(topology: Topology, out: &mut dyn Write) -> io::Result<()> {
    for row in KNOBS.iter().filter(|row| row.topology == topology) {
        let default = |text: &str| if text.is_empty() { "all".to_owned() } else { text.to_owned() };
        writeln!(out, "{}  ({})", row.key, kind_words(row.kind))?;
        writeln!(out, "    {}", row.meaning)?;
        let change = if row.is_hot { "" } else { "; settled when a cluster begins" };
        writeln!(out, "    default {} (demo), {} (real){change}", default(row.demo), default(row.real))?;
        if !row.mirrors.is_empty() {
            writeln!(out, "    like {}", row.mirrors)?;
        }
    }
    Ok(())
}

fn kind_words(kind: KnobKind) -> String {
    match kind {
        KnobKind::Word(words) => words.join(" | "),
        KnobKind::Words(words) => format!("list of {}", words.join(", ")),
        KnobKind::Count(min, max) => format!("{min} to {max}"),
        KnobKind::Duration => "duration".to_owned(),
        KnobKind::DurationOr(word) => format!("{word} | duration"),
        KnobKind::RateOr(word) => format!("{word} | bytes per second"),
        KnobKind::Flag => "true | false".to_owned(),
        KnobKind::Node => "node".to_owned(),
        KnobKind::Nodes => "list of nodes".to_owned(),
    }
}

/// Prints the metrics and the checkers.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_metrics(out: &mut dyn Write) -> io::Result<()> {
    for row in METRICS {
        let unit = if row.unit.is_empty() { String::new() } else { format!(" ({})", row.unit) };
        writeln!(out, "{}{unit}\n    {}", row.name, row.meaning)?;
    }
    writeln!(out, "\nCheckers, for `checker = \"…\"` in an expectation:")?;
    let rows: Vec<Vec<String>> =
        CHECKERS.iter().map(|row| vec![format!("{}: {}", row.name, row.meaning)]).collect();
    write_columns(&rows, out)
}
