//! What a recording says of itself: `[recorded]`, `[[recorded.run]]` and, if it came to its end, `[recorded.end]`.

use super::model::{Entry, Recorded, RecordedEnd, RecordedRun, Run};
use super::tree::{Found, Section, Walk};
use crate::base::footprint::Footprint;
use crate::base::time::{Span, VirtualTime};

/// Whether a file says that it is a recording.
pub(super) fn is_recording(text: &str) -> bool {
    text.starts_with("[recorded]") || text.contains("\n[recorded]")
}

/// Reads the table.
pub(super) fn recorded(walk: &mut Walk, top: Section<'_>, runs: &[Run]) -> Option<Recorded> {
    let section = walk.section(top, "recorded", "[recorded]")?;
    walk.check_keys(section, &["program", "semantics", "size", "run", "end"]);
    let program = walk.text(section, "program").map_or_else(String::new, |text| text.value);
    let semantics = walk.integer(section, "semantics", 1, i64::from(u32::MAX)).map_or(0, |n| n.value as u32);
    let size = walk.text(section, "size").and_then(|size| screen(walk, &size));
    let results: Vec<(String, RecordedRun)> = walk
        .sections(section, "run", "[[recorded.run]]")
        .into_iter()
        .filter_map(|run| result(walk, run))
        .collect();
    let end = walk.section(section, "end", "[recorded.end]").and_then(|end| {
        walk.check_keys(end, &["at", "world"]);
        let (at, world) = (walk.span(end, "at")?.value, walk.text(end, "world")?);
        let world = hash(walk, &world)?;
        let of =
            |run: &Run| results.iter().rev().find(|(id, _)| *id == run.id).map(|(_, result)| result.clone());
        // Without a result for each run there is nothing to compare with.
        let runs = runs.iter().map(of).collect::<Option<_>>()?;
        Some(RecordedEnd { at: VirtualTime(at.0), world, runs })
    });
    Some(Recorded { program, semantics, size, end, is_torn: false })
}

/// How long a scenario plays: a recording as long as it was.
pub(super) fn played(recorded: Option<&Recorded>, duration: Span, timeline: &[Entry]) -> Span {
    let Some(recorded) = recorded else { return duration };
    let last = timeline.last().map_or(Span::ZERO, |entry| Span(entry.at.0 + 1));
    match &recorded.end {
        Some(end) => Span(end.at.0.max(1)),
        None => duration.max(last),
    }
}

fn screen(walk: &mut Walk, size: &Found<String>) -> Option<(u16, u16)> {
    let sides = size.value.split_once('x').map(|(columns, rows)| (columns.parse().ok(), rows.parse().ok()));
    match sides {
        Some((Some(columns), Some(rows))) => Some((columns, rows)),
        _ => {
            walk.problem(
                size.span.clone(),
                format!("`{}` is no size", size.value),
                "columns and rows: \"120x40\"",
            );
            None
        }
    }
}

fn result(walk: &mut Walk, section: Section<'_>) -> Option<(String, RecordedRun)> {
    walk.check_keys(section, &["id", "events", "digest", "milestones", "footprints"]);
    let id = walk.text(section, "id")?.value;
    let events = walk.integer(section, "events", 0, i64::MAX)?.value as u64;
    let digest = walk.text(section, "digest")?;
    let digest = hash(walk, &digest)?;
    let milestones = walk.texts(section, "milestones").map_or_else(Vec::new, |list| list.value);
    let milestones = milestones.iter().map(|text| hash(walk, text)).collect::<Option<_>>()?;
    let lines = walk.texts(section, "footprints").map_or_else(Vec::new, |list| list.value);
    let mut left = Vec::with_capacity(lines.iter().map(|line| line.value.len() / 2).sum());
    for line in &lines {
        footprints(walk, line, &mut left)?;
    }
    Some((id, RecordedRun { events, digest, milestones, footprints: left }))
}

fn footprints(walk: &mut Walk, line: &Found<String>, into: &mut Vec<Footprint>) -> Option<()> {
    let (pairs, rest) = line.value.as_bytes().as_chunks::<2>();
    let read = pairs.iter().map(|letters| Footprint::from_letters(*letters)).collect::<Option<Vec<_>>>();
    match read.filter(|_| rest.is_empty()) {
        Some(read) => into.extend(read),
        None => {
            let message = "these are no footprints of events".to_owned();
            walk.problem(line.span.clone(), message, "two letters, digits, `-` or `_` for each event");
            return None;
        }
    }
    Some(())
}

fn hash(walk: &mut Walk, text: &Found<String>) -> Option<u64> {
    let hash =
        Some(&text.value).filter(|text| text.len() == 16).and_then(|text| u64::from_str_radix(text, 16).ok());
    if hash.is_none() {
        walk.problem(text.span.clone(), format!("`{}` is no digest", text.value), "16 hexadecimal digits");
    }
    hash
}
