//! The table: one row a difference, one line a metric, one cell a run.

use super::Play;
use super::settings::{Setting, differing};
use crate::base::difference::{DIFFERENCES, Difference};
use crate::base::metric::{Metric, MetricSet};
use crate::base::spread::{Spread, best};
use crate::base::time::{Span, VirtualTime};
use crate::cluster::measure::Window;

/// Everything a comparison prints.
#[derive(Clone, Debug)]
pub struct Table {
    /// The runs' words.
    pub runs: Vec<String>,
    /// In which settings they differ.
    pub settings: Vec<Setting>,
    /// The rows.
    pub rows: Vec<Row>,
}

/// One difference.
#[derive(Clone, Debug)]
pub struct Row {
    /// What differs.
    pub difference: &'static Difference,
    /// What shows it.
    pub lines: Vec<Line>,
}

/// One metric in all runs.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// The metric.
    pub metric: Metric,
    /// The seconds it is of, if not all.
    pub window: Option<Window>,
    /// What it came to, run by run.
    pub runs: Vec<Option<Spread>>,
    /// Which runs are better than another one by more than the noise.
    pub best: Vec<bool>,
}

/// Metrics that are also given for the seconds in which faults were active.
const IN_TROUBLE: [Metric; 2] = [Metric::AvailWritePct, Metric::AvailReadPct];

impl Table {
    /// The table of `plays` of one scenario, at least one.
    pub fn of(plays: &[Play]) -> Table {
        let scenario = &plays[0].scenario;
        let row = |difference: &'static Difference| Row { difference, lines: lines(plays, difference) };
        Table {
            runs: scenario.runs.iter().map(|run| run.id.clone()).collect(),
            settings: differing(scenario),
            rows: DIFFERENCES.iter().map(row).collect(),
        }
    }
}

/// The first metric of a difference is always there, the others where some run has something to show.
fn lines(plays: &[Play], difference: &Difference) -> Vec<Line> {
    let mut lines = Vec::new();
    for (nth, &metric) in difference.metrics.iter().enumerate() {
        let whole = line(plays, metric, None);
        let is_telling = |spread: &Spread| spread.least != 0.0 || spread.most != 0.0;
        if nth == 0 || whole.runs.iter().flatten().any(is_telling) {
            lines.push(whole);
        }
        if let Some(window) = plays[0].judgement.trouble.filter(|_| IN_TROUBLE.contains(&metric)) {
            lines.push(line(plays, metric, Some(window)));
        }
    }
    lines
}

fn line(plays: &[Play], metric: Metric, window: Option<Window>) -> Line {
    let runs: Vec<Option<Spread>> =
        (0..plays[0].judgement.runs.len()).map(|run| spread(plays, run, metric, window)).collect();
    let best = best(&runs, metric.better(), metric.is_counted());
    Line { metric, window, runs, best }
}

/// What `metric` came to in one run, over all plays that have it; with a window, in the seconds of trouble.
pub fn spread(plays: &[Play], run: usize, metric: Metric, window: Option<Window>) -> Option<Spread> {
    let of_play = |play: &Play| {
        let result = &play.judgement.runs[run];
        let set: Option<&MetricSet> =
            if window.is_some() { result.in_trouble.as_ref() } else { Some(&result.metrics) };
        set.and_then(|set| set.get(metric))
    };
    Spread::of(&plays.iter().filter_map(of_play).collect::<Vec<f64>>())
}

impl Line {
    /// `avail_write_pct`, or `avail_write_pct@5s..20s`.
    pub fn name(&self) -> String {
        let name = self.metric.row().name;
        self.window.map_or(name.to_owned(), |window| format!("{name}@{}", seconds(window)))
    }

    /// The cell of a run: `57.1`, `57.1 ± 1.2`, or `-` where it has no meaning. A star marks who is better.
    pub fn cell(&self, run: usize) -> String {
        let Some(spread) = self.runs[run] else { return "-".to_owned() };
        let star = if self.best[run] { " *" } else { "" };
        format!("{}{star}", figure(&spread, self.metric))
    }
}

/// A figure with its margin, if it has one.
pub fn figure(spread: &Spread, metric: Metric) -> String {
    let decimals = usize::from(metric.row().decimals);
    // Means of counts are seldom whole.
    let decimals = if decimals == 0 && spread.margin > 0.0 && spread.mean < 1_000.0 { 1 } else { decimals };
    let mean = format!("{:.decimals$}", spread.mean);
    if spread.count == 1 { mean } else { format!("{mean} ± {:.decimals$}", spread.margin) }
}

/// `5s..20s`.
pub fn seconds((from, to): Window) -> String {
    let short = |at: VirtualTime| {
        let tenths = Span(at.0).0 / 100_000;
        match tenths % 10 {
            0 => format!("{}s", tenths / 10),
            rest => format!("{}.{rest}s", tenths / 10),
        }
    };
    format!("{}..{}", short(from), short(to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_decimals_of_their_metric_and_means_of_counts_one() {
        let one = Spread::of(&[584.0]).expect("a value");
        assert_eq!(figure(&one, Metric::LostAcked), "584");
        let two = Spread::of(&[584.0, 600.0]).expect("values");
        assert_eq!(figure(&two, Metric::LostAcked), "592.0 ± 101.6");
        assert_eq!(figure(&Spread::of(&[0.0, 0.0]).expect("values"), Metric::LostAcked), "0 ± 0");
        assert_eq!(figure(&Spread::of(&[57.14]).expect("a value"), Metric::AvailWritePct), "57.1");
    }

    #[test]
    fn windows_are_named_by_their_seconds() {
        assert_eq!(seconds((VirtualTime(5_000_000), VirtualTime(20_100_000))), "5s..20.1s");
    }
}
