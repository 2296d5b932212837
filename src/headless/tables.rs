//! `splitbrain presets`, `knobs` and `metrics`: the program's own tables, printed.

use super::report::write_columns;
use super::{Exit, complain, print};
use crate::base::fate::FATES;
use crate::base::knob::{KNOBS, LIKE, LIKES, Profile, Topology};
use crate::base::metric::METRICS;
use crate::base::text::nearest;
use crate::check::CHECKERS;
use crate::scenario::presets::{PRESETS, load, preset};
use std::io::{self, Write};

/// Lists the presets, prints one as TOML, or prints their names alone.
///
/// # Errors
/// If standard output cannot be written.
pub fn presets(name: Option<&str>, names_alone: bool) -> io::Result<Exit> {
    if let Some(name) = name {
        let Some(preset) = preset(name) else {
            let near = nearest(name, PRESETS.iter().map(|preset| preset.name));
            let names = || PRESETS.iter().map(|preset| preset.name).collect::<Vec<_>>().join(", ");
            let help = near.map_or_else(
                || format!("; the presets are {}", names()),
                |near| format!("; did you mean `{near}`?"),
            );
            complain(&format!("no preset `{}`{help}", crate::base::text::safe(name)));
            return Ok(Exit::BadInput);
        };
        return print(preset.text.as_bytes());
    }
    let mut text = Vec::new();
    for row in PRESETS {
        match load(row.name) {
            Ok(scenario) if !names_alone => {
                writeln!(text, "{:<24} {}\n{:24} {}", row.name, scenario.title, "", scenario.summary)?;
            }
            _ => writeln!(text, "{}", row.name)?,
        }
    }
    print(&text)
}

/// Prints the knobs of a topology.
///
/// # Errors
/// If standard output cannot be written.
pub fn knobs(topology: Topology) -> io::Result<Exit> {
    let mut text = Vec::new();
    write_knobs(topology, &mut text)?;
    print(&text)
}

/// Prints the metrics and checkers.
///
/// # Errors
/// If standard output cannot be written.
pub fn metrics() -> io::Result<Exit> {
    let mut text = Vec::new();
    write_metrics(&mut text)?;
    print(&text)
}

/// Prints the knobs of `topology`: key, type or values, demo and real default, meaning, what it mirrors.
///
/// # Errors
/// If `out` cannot be written.
fn write_knobs(topology: Topology, out: &mut dyn Write) -> io::Result<()> {
    for row in KNOBS.iter().filter(|row| row.topology == topology) {
        let default = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
        writeln!(out, "{}  ({})", row.key, row.kind)?;
        writeln!(out, "    {}", row.meaning)?;
        let change = if row.is_hot { "" } else { "; settled when a cluster begins" };
        writeln!(out, "    default {} (demo), {} (real){change}", default(row.demo), default(row.real))?;
        if !row.mirrors.is_empty() {
            writeln!(out, "    like {}", row.mirrors)?;
        }
    }
    let mut likes = LIKES.iter().filter(|row| row.topology == topology).peekable();
    if likes.peek().is_some() {
        writeln!(
            out,
            "\nNamed configurations, for `{LIKE} = \"…\"`: these knobs at once; knobs beside it refine it."
        )?;
    }
    for row in likes {
        writeln!(out, "{}\n    {}", row.word, row.meaning)?;
        let demo =
            row.values(Profile::Demo).zip(row.values(Profile::Real)).map(|((key, demo), (_, real))| {
                if demo == real {
                    format!("{key} = {demo}")
                } else {
                    format!("{key} = {demo} (demo), {real} (real)")
                }
            });
        writeln!(out, "    {}", demo.collect::<Vec<_>>().join("; "))?;
    }
    Ok(())
}

/// Prints the metrics and the checkers.
///
/// # Errors
/// If `out` cannot be written.
fn write_metrics(out: &mut dyn Write) -> io::Result<()> {
    for row in METRICS {
        let unit = if row.unit.is_empty() { String::new() } else { format!(" ({})", row.unit) };
        writeln!(out, "{}{unit}\n    {}", row.name, row.meaning)?;
    }
    writeln!(out, "\nFates of acknowledged writes:")?;
    let rows: Vec<Vec<String>> =
        FATES.iter().map(|row| vec![format!("{}: {}", row.word, row.meaning)]).collect();
    write_columns(&rows, out)?;
    writeln!(out, "\nCheckers, for `checker = \"…\"` in an expectation:")?;
    let rows: Vec<Vec<String>> =
        CHECKERS.iter().map(|row| vec![format!("{}: {}", row.name, row.meaning)]).collect();
    write_columns(&rows, out)
}
