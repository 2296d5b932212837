//! How stale the reads of a run were: by the time since the newest write was acknowledged, and by versions missed (the
//! t-visibility and k-staleness of Bailis et al., "Probabilistically Bounded Staleness", VLDB 2012).

use crate::base::time::Span;
use crate::cluster::staleness::{CURVE_ENDS, Staleness};
use crate::driver::verdict::RunResult;
use serde_json::{Value, json};

/// The most missed versions that have a share of their own.
const MISSED: usize = 4;

/// Its place in `run --json`.
pub(super) fn json(staleness: &Staleness) -> Value {
    let ends = CURVE_ENDS.iter().map(|end| json!(end.0)).chain([Value::Null]);
    let stretches: Vec<Value> = ends
        .zip(staleness.curve.0)
        .map(|(upto, (reads, stale))| json!({ "upto_us": upto, "reads": reads, "stale": stale }))
        .collect();
    let at_least: Vec<usize> = (1..=MISSED).map(|versions| missed(staleness, versions)).collect();
    json!({ "since_newest_write": stretches, "missed_at_least": at_least })
}

/// Reads that missed so many versions or more.
fn missed(staleness: &Staleness, versions: usize) -> usize {
    staleness.stale.iter().filter(|stale| stale.missed >= versions).count()
}

/// Rows of a report with a cell for each run; none if no read of any was stale.
pub(super) fn rows(runs: &[RunResult]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    if runs.iter().all(|run| run.staleness.stale.is_empty()) {
        return rows;
    }
    let mut from = Span::ZERO;
    for place in 0..=CURVE_ENDS.len() {
        let stretch = |run: &RunResult| run.staleness.curve.0[place];
        let name = match CURVE_ENDS.get(place) {
            Some(end) => format!("stale {} to {}", from, end),
            None => format!("stale after {from}"),
        };
        from = CURVE_ENDS.get(place).copied().unwrap_or(from);
        if runs.iter().any(|run| stretch(run).1 > 0) {
            rows.push(row(name, runs, |run| (stretch(run).1 as usize, stretch(run).0 as usize)));
        }
    }
    for versions in 2..=MISSED {
        if runs.iter().any(|run| missed(&run.staleness, versions) > 0) {
            let name = format!("stale by {versions} or more");
            rows.push(row(name, runs, |run| (missed(&run.staleness, versions), run.staleness.reads)));
        }
    }
    rows
}

/// A share of each run, `-` where there was nothing to share.
fn row(name: String, runs: &[RunResult], of: impl Fn(&RunResult) -> (usize, usize)) -> Vec<String> {
    let cell = |run: &RunResult| match of(run) {
        (_, 0) => "-".to_owned(),
        (part, all) => format!("{:.1} %", part as f64 * 100.0 / all as f64),
    };
    std::iter::once(name).chain(runs.iter().map(cell)).collect()
}
