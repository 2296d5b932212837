//! Verdicts over what a run did. Three-valued: a checker that cannot know says so.
//!
//! Two judges look at every run. The white box (`durable`, `sessions`, `causal`) follows each write by its number
//! through logs and merges; the black box ([`linearizable`], [`clients`]) knows only what clients asked and were told,
//! and what a last read of every key gives. Where both can speak they must agree, which the tests hold over presets
//! and a thousand random schedules. [`linear`] judges a client [`history`], ours or anybody's.
//!
//! Must not know: protocols, the world; it judges [`Findings`] that a run hands over. Start with [`CHECKERS`].

mod causal;
pub mod clients;
mod durable;
mod evidence;
pub mod history;
pub mod linear;
pub mod linearizable;
pub mod order;
pub mod order_watch;
mod outages;
mod roles;
mod sessions;
pub mod set_full;
mod state;
mod totals;

pub use evidence::{Evidence, Interval};
pub use linearizable::Order;
pub use set_full::SetFull;

use crate::base::data::Data;
use crate::base::ids::{Key, OpId};
use crate::base::metric::MetricSet;
use crate::base::names::Names;
use crate::base::rule::{Breaches, Rule};
use crate::base::time::VirtualTime;
use crate::cluster::fates::Fates;
use crate::cluster::ledger::Ledger;
use crate::cluster::promises::Promises;
use crate::cluster::tally::Stint;
use std::collections::BTreeMap;

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
}

/// What a run hands to the checkers.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    /// Everything measured over the whole run, judged after the settle phase.
    pub metrics: &'a MetricSet,
    /// How often each rule of its logs was broken.
    pub breaches: Breaches,
    /// Whether the books of the network balance.
    pub books_balance: bool,
    /// Every operation with what only the judges know of it.
    pub ledger: &'a Ledger,
    /// How often sessions were promised something that they did not get.
    pub promises: &'a Promises,
    /// Which keys can be put in order, as clients alone can tell.
    pub order: &'a Order,
    /// What became of elements of sets and lists, as clients alone can tell.
    pub elements: &'a SetFull,
    /// What became of the acknowledged writes.
    pub fates: &'a Fates,
    /// What each key holds in the end; of siblings each one.
    pub values: &'a BTreeMap<Key, Vec<Data>>,
    /// Keys whose live holders differ in the end.
    pub keys_diverged: usize,
    /// Versions that stand beside one whose writer had seen them, with that one.
    pub false_siblings: &'a [(OpId, OpId)],
    /// Who was primary when.
    pub stints: &'a [Stint],
    /// Changes of primary.
    pub failovers: &'a [VirtualTime],
    /// What nodes, keys and values are called.
    pub names: &'a Names,
}

/// What a checker says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Its verdict.
    pub verdict: Verdict,
    /// Its evidence if it is violated, or why nobody can know.
    pub evidence: Option<Evidence>,
}

impl Ruling {
    /// It holds.
    fn pass() -> Ruling {
        Ruling { verdict: Verdict::Pass, evidence: None }
    }

    /// It is violated.
    fn fail(evidence: Evidence) -> Ruling {
        Ruling { verdict: Verdict::Fail, evidence: Some(evidence) }
    }

    /// Nobody can know, for a reason.
    fn unknown(why: impl Into<String>) -> Ruling {
        Ruling { verdict: Verdict::Unknown, evidence: Some(Evidence::words(why)) }
    }

    /// Violated if there is evidence.
    fn of(evidence: Option<Evidence>) -> Ruling {
        evidence.map_or_else(Ruling::pass, Ruling::fail)
    }
}

type Judge = fn(&Findings<'_>) -> Ruling;

/// One row of the table of checkers.
#[derive(Clone, Copy)]
pub struct CheckerRow {
    /// Its name in files.
    pub name: &'static str,
    /// What it checks.
    pub meaning: &'static str,
    /// Whether it is worth watching while a run goes on: what it says of a part holds of the whole, or it says what is
    /// so now.
    pub is_live: bool,
    judge: Judge,
}

const fn row(name: &'static str, is_live: bool, judge: Judge, meaning: &'static str) -> CheckerRow {
    CheckerRow { name, meaning, is_live, judge }
}

/// The checkers of this version.
pub const CHECKERS: &[CheckerRow] = &[
    row("durable", true, durable::judge, "every acknowledged write survived"),
    row(
        "linearizable",
        true,
        linearizable::judge,
        "each key is as if its operations had happened one by one, each between its call and its answer",
    ),
    row(
        "read-your-writes",
        true,
        sessions::read_your_writes,
        "no client missed what it had written and been told of",
    ),
    row("monotonic-reads", true, sessions::monotonic_reads, "no client saw less than it had seen before"),
    row(
        "monotonic-writes",
        true,
        causal::monotonic_writes,
        "whoever saw a client's write saw the writes that client had made before it",
    ),
    row(
        "writes-follow-reads",
        true,
        causal::writes_follow_reads,
        "whoever saw a client's write saw what that client had read before it",
    ),
    row("converged", false, state::converged, "all live owners of every key hold equal state at the end"),
    row("no-resurrection", true, state::no_resurrection, "nothing that was deleted came back"),
    row(
        "no-false-siblings",
        false,
        state::no_false_siblings,
        "no version stands at the end beside one whose writer had seen it",
    ),
    row(
        "counters",
        false,
        totals::counters,
        "each counter is the sum of what was acknowledged and some of what is unknown",
    ),
    row(
        "sets",
        false,
        totals::sets,
        "sets and lists hold what was acknowledged, each element once, and nothing else",
    ),
    row(
        "no-outage",
        true,
        outages::judge,
        "no 100 ms in a row in which fewer than half of the operations scheduled succeeded within 1 s",
    ),
    row("no-split-brain", true, roles::no_split_brain, "no two primaries acknowledged writes side by side"),
    row("no-flapping", true, roles::no_flapping, "no minute with more than six changes of primary"),
    rule_row(Rule::OnePrimaryPerTerm, |findings| rule(findings, Rule::OnePrimaryPerTerm)),
    rule_row(Rule::LeaderCompleteness, |findings| rule(findings, Rule::LeaderCompleteness)),
    rule_row(Rule::CommittedEntryKept, |findings| rule(findings, Rule::CommittedEntryKept)),
    rule_row(Rule::CommittedEntriesAgree, |findings| rule(findings, Rule::CommittedEntriesAgree)),
    row(
        "messages-conserved",
        false,
        messages_conserved,
        "sent + duplicated = delivered + dropped + in flight",
    ),
];

impl CheckerRow {
    /// What it says of `findings`.
    pub fn judge(&self, findings: &Findings<'_>) -> Ruling {
        (self.judge)(findings)
    }
}

/// The checker called `name`.
pub fn checker(name: &str) -> Option<&'static CheckerRow> {
    CHECKERS.iter().find(|row| row.name == name)
}

const fn rule_row(rule: Rule, judge: Judge) -> CheckerRow {
    row(rule.name(), true, judge, rule.meaning())
}

fn rule(findings: &Findings<'_>, rule: Rule) -> Ruling {
    let breaches = findings.breaches.of(rule);
    Ruling::of((breaches > 0).then(|| Evidence::words(format!("{breaches} {}", rule.breach()))))
}

fn messages_conserved(findings: &Findings<'_>) -> Ruling {
    let broken =
        (!findings.books_balance).then(|| Evidence::words("the books of the network do not balance"));
    Ruling::of(broken)
}

#[cfg(test)]
mod tests;
