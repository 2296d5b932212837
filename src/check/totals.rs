//! Counters and collections: what they hold in the end against what was asked of them (the counter and set analyses of
//! Jepsen, with a last read of every key).
//!
//! A counter lies between the sum of what was acknowledged and that of everything that may have happened. A set or list
//! holds every acknowledged element that nobody may have taken out again, and none that nobody put in.

use super::evidence::{Evidence, told};
use super::{Findings, Ruling, SetFull};
use crate::base::data::{Change, Data, Update};
use crate::base::ids::{Key, OpId, Value};
use crate::base::operation::{Action, Outcome};
use crate::cluster::effects::Effects;
use crate::cluster::ledger::OpRecord;
use crate::cluster::measure::WHOLE;
use std::collections::BTreeSet;

fn update(record: &OpRecord) -> Option<Update> {
    if let Action::Change(Change::Update(update)) = &record.action { Some(*update) } else { None }
}

fn is_count(update: Update) -> bool {
    matches!(update, Update::Increment(_))
}

fn is_of_collection(update: Update) -> bool {
    matches!(update, Update::Add(_) | Update::Remove(_) | Update::Append(_))
}

/// What is missing of one kind of update, and whether any of that kind was asked.
fn missing(findings: &Findings<'_>, effects: &Effects, is_such: fn(Update) -> bool) -> (bool, Vec<OpId>) {
    let of_kind = |record: &OpRecord| update(record).is_some_and(is_such);
    let is_asked = findings.ledger.records().any(of_kind);
    let is_it = |op: &&OpId| findings.ledger.get(**op).is_some_and(of_kind);
    (is_asked, effects.lost.iter().filter(is_it).copied().collect())
}

pub(super) fn counters(findings: &Findings<'_>) -> Ruling {
    let effects = Effects::of(findings.ledger, findings.values, &BTreeSet::new(), WHOLE);
    let (is_asked, lost) = missing(findings, &effects, is_count);
    match (is_asked, lost.len(), effects.overcounted) {
        (false, ..) => Ruling::unknown("nothing was counted"),
        (true, 0, 0) => Ruling::pass(),
        (true, missing, surplus) => {
            let words =
                format!("{missing} acknowledged increments are missing, and {surplus} were counted too much");
            Ruling::fail(Evidence::of(words, lost.first().copied()))
        }
    }
}

pub(super) fn sets(findings: &Findings<'_>) -> Ruling {
    let effects = Effects::of(findings.ledger, findings.values, &BTreeSet::new(), WHOLE);
    let (is_asked, lost) = missing(findings, &effects, is_of_collection);
    let phantoms = phantoms(findings);
    match (is_asked, lost.len(), effects.repeated, phantoms) {
        (false, ..) => Ruling::unknown("nothing was added to a set or list"),
        (true, 0, 0, 0) => Ruling::pass(),
        (true, missing, repeated, phantoms) => {
            let first =
                lost.first().map(|&op| format!("; the first: {}", told(op, findings.ledger, findings.names)));
            let SetFull { stable, lost: unseen, never_read, .. } = findings.elements;
            let words = format!(
                "{missing} acknowledged changes are missing, {repeated} elements are there twice, {phantoms} that nobody put \
                 there{}; as reads tell, {stable} elements stayed, {unseen} were lost, {never_read} never read",
                first.unwrap_or_default()
            );
            Ruling::fail(Evidence::of(words, lost.first().copied()))
        }
    }
}

/// Elements that are there although nobody put them there, or whoever wanted to failed.
fn phantoms(findings: &Findings<'_>) -> usize {
    let mut put: BTreeSet<(Key, Value)> = BTreeSet::new();
    for record in findings.ledger.records().filter(|record| !matches!(record.outcome, Outcome::Fail(_))) {
        let Action::Change(change) = &record.action else { continue };
        match change {
            Change::Update(Update::Add(element) | Update::Append(element) | Update::Resolve(element)) => {
                put.insert((record.key, *element));
            }
            Change::Write(data) => {
                put.extend(data.elements().into_iter().map(|element| (record.key, element)))
            }
            Change::Update(_) | Change::Delete => {}
        }
    }
    let collections = findings.values.iter().flat_map(|(key, held)| {
        let held = held.iter().filter(|data| matches!(data, Data::Set(_) | Data::List(_)));
        held.flat_map(Data::elements).map(move |element| (*key, element))
    });
    collections.filter(|element| !put.contains(element)).collect::<BTreeSet<_>>().len()
}
