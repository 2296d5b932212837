//! Verdicts over what a run did. Three-valued: a checker that cannot know says so.
//!
//! Two kinds of judges live here. [`CHECKERS`] judge [`Findings`] that a finished run hands over. [`linear`] judges a
//! client [`history`], ours or anybody's, from outside: `linear::linearizable(&history, budget)`.
//!
//! Must not know: protocols, the world.

pub mod history;
pub mod linear;

use crate::base::metric::{Metric, MetricSet};
use crate::base::rule::{Breaches, Rule};

/// What a checker found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Holds.
    Pass,
    /// Violated.
    Fail,
    /// Cannot be decided from this run.
    Unknown,
}

impl Verdict {
    /// The word in files and reports.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Unknown => "unknown",
        }
    }

    /// The verdict called `word`.
    pub fn from_word(word: &str) -> Option<Verdict> {
        [Verdict::Pass, Verdict::Fail, Verdict::Unknown].into_iter().find(|verdict| verdict.word() == word)
    }

    fn of(holds: bool) -> Verdict {
        if holds { Verdict::Pass } else { Verdict::Fail }
    }
}

/// What a finished run hands to the checkers.
#[derive(Clone, Debug)]
pub struct Findings {
    /// Everything measured over the whole run, judged after the settle phase.
    pub metrics: MetricSet,
    /// How often each rule of its logs was broken.
    pub breaches: Breaches,
    /// Whether the books of the network balance.
    pub books_balance: bool,
}

type Judge = fn(&Findings) -> (Verdict, Option<String>);

/// One row of the table of checkers.
#[derive(Clone, Copy)]
pub struct CheckerRow {
    /// Its name in files.
    pub name: &'static str,
    /// What it checks.
    pub meaning: &'static str,
    judge: Judge,
}

/// The checkers of this version.
pub const CHECKERS: &[CheckerRow] = &[
    CheckerRow { name: "durable", meaning: "every acknowledged write survived", judge: durable },
    CheckerRow {
        name: "converged",
        meaning: "all live owners of every key hold equal state at the end",
        judge: converged,
    },
    CheckerRow {
        name: "no-split-brain",
        meaning: "no two primaries acknowledged writes side by side",
        judge: no_split_brain,
    },
    rule_row(Rule::OnePrimaryPerTerm, |findings| rule(findings, Rule::OnePrimaryPerTerm)),
    rule_row(Rule::LeaderCompleteness, |findings| rule(findings, Rule::LeaderCompleteness)),
    rule_row(Rule::CommittedEntryKept, |findings| rule(findings, Rule::CommittedEntryKept)),
    rule_row(Rule::CommittedEntriesAgree, |findings| rule(findings, Rule::CommittedEntriesAgree)),
    CheckerRow {
        name: "messages-conserved",
        meaning: "sent + duplicated = delivered + dropped + in flight",
        judge: messages_conserved,
    },
];

impl CheckerRow {
    /// The verdict over `findings`, with a witness in words if it fails.
    pub fn judge(&self, findings: &Findings) -> (Verdict, Option<String>) {
        (self.judge)(findings)
    }
}

/// The checker called `name`.
pub fn checker(name: &str) -> Option<&'static CheckerRow> {
    CHECKERS.iter().find(|row| row.name == name)
}

fn durable(findings: &Findings) -> (Verdict, Option<String>) {
    let Some(lost) = findings.metrics.get(Metric::LostAcked) else { return (Verdict::Unknown, None) };
    let acked = findings.metrics.get(Metric::AckedWrites).unwrap_or(0.0);
    let witness = (lost > 0.0).then(|| format!("{lost} of {acked} acknowledged writes are gone"));
    (Verdict::of(lost == 0.0), witness)
}

fn converged(findings: &Findings) -> (Verdict, Option<String>) {
    match findings.metrics.get(Metric::Converged) {
        Some(1.0) => (Verdict::Pass, None),
        Some(_) => (Verdict::Fail, Some("live replicas differ after the settle phase".to_owned())),
        None => (Verdict::Unknown, None),
    }
}

fn no_split_brain(findings: &Findings) -> (Verdict, Option<String>) {
    // A cluster without primaries has none to split.
    let split = findings.metrics.get(Metric::SplitBrainMs).unwrap_or(0.0);
    let witness = (split > 0.0).then(|| format!("two primaries acknowledged writes for {split} ms"));
    (Verdict::of(split == 0.0), witness)
}

const fn rule_row(rule: Rule, judge: Judge) -> CheckerRow {
    CheckerRow { name: rule.name(), meaning: rule.meaning(), judge }
}

fn rule(findings: &Findings, rule: Rule) -> (Verdict, Option<String>) {
    let breaches = findings.breaches.of(rule);
    (Verdict::of(breaches == 0), (breaches > 0).then(|| format!("{breaches} {}", rule.breach())))
}

/// The rules that a run broke, by the names of their checkers: worth telling whether or not anyone asked.
pub fn broken_rules(breaches: Breaches) -> impl Iterator<Item = &'static str> {
    Rule::ALL.into_iter().filter(move |rule| breaches.of(*rule) > 0).map(Rule::name)
}

fn messages_conserved(findings: &Findings) -> (Verdict, Option<String>) {
    let witness = (!findings.books_balance).then(|| "the books of the network do not balance".to_owned());
    (Verdict::of(findings.books_balance), witness)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(values: &[(Metric, f64)]) -> Findings {
        let mut metrics = MetricSet::default();
        values.iter().for_each(|&(metric, value)| metrics.put(metric, value));
        Findings { metrics, breaches: Breaches::default(), books_balance: true }
    }

    #[test]
    fn a_lost_write_fails_durability_with_its_count() {
        let judged = durable(&findings(&[(Metric::LostAcked, 3.0), (Metric::AckedWrites, 40.0)]));
        assert_eq!(judged, (Verdict::Fail, Some("3 of 40 acknowledged writes are gone".to_owned())));
        assert_eq!(durable(&findings(&[(Metric::LostAcked, 0.0)])).0, Verdict::Pass);
    }

    #[test]
    fn what_was_not_measured_is_unknown() {
        assert_eq!(durable(&findings(&[])).0, Verdict::Unknown);
        assert_eq!(converged(&findings(&[])).0, Verdict::Unknown);
    }
}
