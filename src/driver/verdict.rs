//! A scenario played to its end without a watcher: settled, measured, judged against its expectations.

use super::player::{Player, Refused};
use super::replay::{Replay, compare};
use super::trouble::trouble;
use crate::base::fate::FateCounts;
use crate::base::metric::{Metric, MetricSet};
use crate::base::time::{Span, VirtualTime};
use crate::check::{CHECKERS, CheckerRow, Evidence, Findings, Interval, Order, Ruling, SetFull, Verdict};
use crate::cluster::fates::Fates;
use crate::cluster::live::{Cluster, HostKind};
use crate::cluster::measure::{WHOLE, Window, false_siblings};
use crate::cluster::promises::Promises;
use crate::cluster::staleness::Staleness;
use crate::protocol::Truth;
use crate::scenario::model::{Expectation, Scenario, Subject, canonical};
use std::sync::Arc;

/// How often the settling world is looked at.
const LOOK_EVERY: Span = Span::millis(100);

/// What a scenario came to.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// One per run, in order.
    pub runs: Vec<RunResult>,
    /// One per expectation and run it speaks of.
    pub expectations: Vec<Met>,
    /// Commands that meant nothing when they fired.
    pub refused: Vec<Refused>,
    /// The seconds in which the scenario is in trouble, if it ever is.
    pub trouble: Option<Window>,
    /// If the scenario is a recording: whether it came out as it did.
    pub replay: Replay,
}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// Digest of its trace up to the scenario's duration.
    pub digest: u64,
    /// Events handled up to then.
    pub events: u64,
    /// Everything measured over its duration.
    pub metrics: MetricSet,
    /// The same for the seconds of trouble.
    pub in_trouble: Option<MetricSet>,
    /// Its stale reads over its duration.
    pub staleness: Staleness,
    /// What became of its acknowledged writes.
    pub fates: FateCounts,
    /// What every checker says, in the order of the table.
    pub checks: Vec<Check>,
}

/// One checker's word on one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The checker.
    pub checker: &'static str,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its evidence in words.
    pub witness: Option<String>,
    /// The operations of its evidence.
    pub operations: Vec<Interval>,
}

/// Whether an expectation came out in one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Met {
    /// The expectation, by its place in the scenario.
    pub expectation: usize,
    /// The run, by its place.
    pub run: usize,
    /// What came out.
    pub came: Came,
    /// What was wanted, in words.
    pub wanted: String,
    /// Whether it came out.
    pub is_met: bool,
}

/// What came out, where something was expected.
#[derive(Clone, Debug, PartialEq)]
pub enum Came {
    /// Nothing: it has no meaning for this run.
    Nothing,
    /// A number.
    Number(f64),
    /// A verdict.
    Verdict(Verdict),
    /// What a key holds, in words.
    Held(String),
}

impl std::fmt::Display for Came {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Came::Nothing => f.write_str("nothing"),
            Came::Number(number) => write!(f, "{number}"),
            Came::Verdict(verdict) => f.write_str(verdict.word()),
            Came::Held(held) => f.write_str(held),
        }
    }
}

impl Judgement {
    /// Whether everything came out as expected and no run failed a check it must always pass.
    pub fn is_as_expected(&self) -> bool {
        let always = |run: &RunResult| {
            !run.checks.iter().any(|c| is_mandatory(c.checker) && c.verdict == Verdict::Fail)
        };
        self.expectations.iter().all(|met| met.is_met) && self.runs.iter().all(always)
    }
}

/// The check that no run may ever fail.
fn is_mandatory(checker: &str) -> bool {
    checker == "messages-conserved"
}

/// Plays `scenario` to its end on `host`.
///
/// # Errors
/// If the operating system gives no runtime for tasks.
pub fn play_out(scenario: &Arc<Scenario>, host: HostKind) -> std::io::Result<Judgement> {
    let mut player = Player::new(Arc::clone(scenario), host)?;
    player.advance(VirtualTime(scenario.duration.0));
    Ok(judge(scenario, &mut player))
}

/// A run whose world has settled.
struct Settled<'a> {
    cluster: &'a dyn Cluster,
    truth: Truth,
    result: RunResult,
}

/// Settles the runs where they stand and judges them.
pub fn judge(scenario: &Scenario, player: &mut Player) -> Judgement {
    let now = player.now();
    let trouble = trouble(player.clusters(), now);
    judge_in(scenario, player, trouble)
}

/// The same with other seconds of trouble than the scenario's own.
pub fn judge_in(scenario: &Scenario, player: &mut Player, trouble: Option<Window>) -> Judgement {
    let replay = compare(scenario, player);
    let whole = (VirtualTime::ZERO, player.now());
    let refused = player.refused().to_vec();
    let settled: Vec<Settled<'_>> = player
        .clusters()
        .iter_mut()
        .map(|cluster| settle_and_measure(cluster.as_mut(), scenario.settle, [Some(whole), trouble]))
        .collect();
    let mut expectations = Vec::new();
    for (place, expectation) in scenario.expectations.iter().enumerate() {
        for run in 0..settled.len() {
            if expectation.runs.is_empty() || expectation.runs.contains(&run) {
                expectations.push(meet(place, expectation, run, &settled, whole));
            }
        }
    }
    let runs = settled.into_iter().map(|run| run.result).collect();
    Judgement { expectations, runs, refused, trouble, replay }
}

fn settle_and_measure<'a>(
    cluster: &'a mut dyn Cluster,
    patience: Span,
    [whole, trouble]: [Option<Window>; 2],
) -> Settled<'a> {
    let (digest, events) = (cluster.digest(), cluster.events());
    let (truth, converged_after) = settle(cluster, patience);
    let mut metrics = cluster.measure(&truth, whole.unwrap_or(WHOLE));
    let order = Order::of(cluster.ledger(), &cluster.names());
    if let Some(percent) = order.percent() {
        metrics.put(Metric::LinOk, percent);
    }
    let (elements, _) = SetFull::of_ledger(cluster.ledger(), &cluster.names());
    put_elements(&mut metrics, &elements);
    let in_trouble = trouble.map(|window| cluster.measure(&truth, window));
    if let Some(span) = converged_after {
        metrics.put(Metric::ConvergeMs, span.as_millis());
    }
    let fates = cluster.fates(&truth);
    let promises = Promises::of(cluster.ledger(), WHOLE);
    let known = Known {
        truth: &truth,
        fates: &fates,
        metrics: &metrics,
        promises: &promises,
        order: &order,
        elements: &elements,
    };
    let checks = check(cluster, known, CHECKERS.iter());
    let staleness = Staleness::of(cluster.ledger(), whole.unwrap_or(WHOLE));
    let result = RunResult { digest, events, metrics, in_trouble, staleness, fates: fates.counts, checks };
    Settled { cluster, truth, result }
}

fn put_elements(metrics: &mut MetricSet, elements: &SetFull) {
    if elements.elements > 0 {
        metrics.put(Metric::NeverRead, elements.never_read as f64);
    }
    for (metric, percent) in [(Metric::VisibleMsP50, 50), (Metric::VisibleMsP99, 99)] {
        if let Some(within) = elements.visible_within(percent) {
            metrics.put(metric, within as f64 / 1e6);
        }
    }
}

/// What is known of a run before any checker looks at it.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) truth: &'a Truth,
    pub(super) fates: &'a Fates,
    pub(super) metrics: &'a MetricSet,
    pub(super) promises: &'a Promises,
    pub(super) order: &'a Order,
    pub(super) elements: &'a SetFull,
}

/// What some checkers say of a run as it stands.
pub(super) fn check(
    cluster: &dyn Cluster,
    known: Known<'_>,
    rows: impl Iterator<Item = &'static CheckerRow>,
) -> Vec<Check> {
    let Known { truth, fates, metrics, promises, order, elements } = known;
    let (names, stints) = (cluster.names(), cluster.stints());
    let (failovers, false_siblings) = (cluster.failovers(), false_siblings(cluster.ledger(), truth));
    let findings = Findings {
        metrics,
        breaches: cluster.breaches(),
        books_balance: cluster.messages().balances(),
        ledger: cluster.ledger(),
        promises,
        order,
        elements,
        fates,
        values: &truth.values,
        keys_diverged: truth.keys_diverged,
        false_siblings: &false_siblings,
        stints: &stints,
        failovers: &failovers,
        names: &names,
    };
    rows.map(|row| checked(row, &findings)).collect()
}

fn checked(row: &'static CheckerRow, findings: &Findings<'_>) -> Check {
    let Ruling { verdict, evidence } = row.judge(findings);
    let operations = evidence.as_ref().map(|evidence| evidence.intervals(findings.ledger, findings.names));
    Check {
        checker: row.name,
        verdict,
        witness: evidence.map(|Evidence { words, .. }| words),
        operations: operations.unwrap_or_default(),
    }
}

/// Ends load and faults and lets the world run until it is quiet, `patience` at most. Gives what has survived, and
/// how long it took until all replicas agreed for good.
pub fn settle(cluster: &mut dyn Cluster, patience: Span) -> (Truth, Option<Span>) {
    let begun = cluster.now();
    cluster.settle();
    let mut agreed_since = None;
    loop {
        cluster.advance(cluster.now() + LOOK_EVERY);
        let truth = cluster.truth();
        match (truth.is_converged, agreed_since) {
            (false, _) => agreed_since = None,
            (true, None) => agreed_since = Some(cluster.now().since(begun)),
            (true, Some(_)) => {}
        }
        let is_quiet = truth.is_converged && cluster.open_operations() == 0;
        // One more second without a change of mind: a late hint or repair may still be on its way.
        let is_sure =
            agreed_since.is_some_and(|since| cluster.now().since(begun) - since >= Span::seconds(1));
        if (is_quiet && is_sure) || cluster.now().since(begun) >= patience {
            return (truth, agreed_since);
        }
    }
}

fn meet(place: usize, expectation: &Expectation, run: usize, settled: &[Settled<'_>], whole: Window) -> Met {
    let window = expectation.during.unwrap_or(whole);
    let met = |came, wanted, is_met| Met { expectation: place, run, came, wanted, is_met };
    let number = |value: Option<f64>| value.map_or(Came::Nothing, Came::Number);
    match &expectation.subject {
        Subject::Metric { metric, wanted, percent_of, compared_to } => {
            let measured = |run: usize| measure(&settled[run], *metric, window, whole);
            let mut words = wanted.words();
            let mut value = measured(run);
            if let Some(base) = percent_of {
                let of = measure(&settled[run], *base, window, whole);
                value = value.zip(of).filter(|(_, of)| *of > 0.0).map(|(part, of)| round(part * 100.0 / of));
                words = format!("{words} % of {}", base.row().name);
            }
            if let Some(other) = compared_to {
                let of = measured(*other);
                value = value.zip(of).filter(|(_, of)| *of > 0.0).map(|(own, of)| round(own / of));
                words = format!("{words} times the other run's");
            }
            met(number(value), words, value.is_some_and(|value| wanted.admits(value)))
        }
        Subject::Lines { code, wanted } => {
            let count = settled[run].cluster.lines(code, window) as f64;
            met(Came::Number(count), format!("{} lines {code}", wanted.words()), wanted.admits(count))
        }
        Subject::Checker { checker, verdict } => {
            let found =
                settled[run].result.checks.iter().find(|check| check.checker == checker).map(|c| c.verdict);
            let came = found.map_or(Came::Nothing, Came::Verdict);
            met(came, format!("{checker}: {}", verdict.word()), found == Some(*verdict))
        }
        Subject::Holds { key, wanted } => {
            let held = held(&settled[run], key);
            let words =
                |held: &[String]| if held.is_empty() { "nothing".to_owned() } else { held.join(" | ") };
            met(Came::Held(words(&held)), format!("to hold {}", words(wanted)), held == *wanted)
        }
    }
}

/// What a key holds in the end, siblings one by one, as [`canonical`] puts it.
fn held(settled: &Settled<'_>, key: &str) -> Vec<String> {
    let names = settled.cluster.names();
    let held = settled.truth.values.iter().find(|(known, _)| names.key(**known) == key);
    let mut held: Vec<String> =
        held.into_iter().flat_map(|(_, values)| values).map(|data| canonical(&names.data(data))).collect();
    held.sort();
    held
}

fn measure(settled: &Settled<'_>, metric: Metric, window: Window, whole: Window) -> Option<f64> {
    if window == whole {
        return settled.result.metrics.get(metric);
    }
    settled.cluster.measure(&settled.truth, window).get(metric)
}

fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
