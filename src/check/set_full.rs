//! What became of each element that was put into a set or list, as reads alone can tell: the `set-full` analysis of
//! Jepsen (`jepsen.checker/set-full`), as it is there.
//!
//! ```text
//! add x      ├────┤ known
//! reads                ├ no x ┤   ├ x ┤  ├ x ┤      stable: all that were called later show it
//!                       ├─ until it was visible
//! ```
//!
//! An element is *known* when its add is confirmed or a read that shows it ends, whichever is first. It is *stable* if
//! the last read called that shows it was called after the last that does not; *lost* if the last that does not was
//! called after that, and after it was known; else *never read*. Two asymmetries: what was never confirmed nor seen may
//! be absent without fault, and nothing is concluded from a read that ran beside the add and misses it.
//!
//! Keys that were written over as a whole, and elements that somebody may have taken out, are left aside: of these a
//! read proves nothing.

use super::history::{Datum, History, Kind, NEVER, Operation, OperationId, ValueId};
use super::linear::Model;
use super::linearizable::Client;
use crate::base::data::{Change, Update};
use crate::base::ids::{Key, OpId};
use crate::base::names::Names;
use crate::base::operation::Action;
use crate::cluster::ledger::Ledger;
use std::collections::{BTreeMap, BTreeSet};

/// What became of the elements of a history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetFull {
    /// Elements that somebody wanted to put in.
    pub elements: usize,
    /// Elements that every later read showed, from some instant on.
    pub stable: usize,
    /// Of these, such that a read missed which was called when they were known already.
    pub stale: usize,
    /// Elements that were known and then absent for good.
    pub lost: usize,
    /// Elements of which reads tell neither.
    pub never_read: usize,
    /// From when a stable element was known until every read showed it, in nanoseconds, shortest first.
    pub visible_ns: Vec<u64>,
    /// From when a lost element was known until no read showed it any more, shortest first.
    pub lost_ns: Vec<u64>,
    /// The first lost one: its add, and the last read that missed it.
    pub first_lost: Option<(OperationId, OperationId)>,
}

/// What is known of one element.
#[derive(Clone, Copy)]
struct Element {
    add: OperationId,
    /// When it was known, as a place and in nanoseconds.
    known: Option<(u32, u64)>,
    /// The last calls of reads that show it and that do not, as places and in nanoseconds.
    present: Option<(u32, u64)>,
    absent: Option<(u32, u64, OperationId)>,
}

impl SetFull {
    /// Judges the sets and lists of `history`.
    pub fn of(history: &History) -> SetFull {
        let mut full = SetFull::default();
        let puts = |operation: &Operation| matches!(operation.kind, Kind::Add | Kind::Append);
        if !history.operations.iter().any(puts) {
            return full;
        }
        for operations in history.by_key() {
            if is_fit(history, &operations) {
                full.add_key(history, &operations);
            }
        }
        full.visible_ns.sort_unstable();
        full.lost_ns.sort_unstable();
        full
    }

    /// Judges the sets and lists of a run; with the way back from its operations.
    pub fn of_ledger(ledger: &Ledger, names: &Names) -> (SetFull, Vec<OpId>) {
        let adds = ledger.records().filter(|record| {
            matches!(record.action, Action::Change(Change::Update(Update::Add(_) | Update::Append(_))))
        });
        let keys: BTreeSet<Key> = adds.map(|record| record.key).collect();
        if keys.is_empty() {
            return (SetFull::default(), Vec::new());
        }
        let client = Client::of(ledger, names, &|key| keys.contains(&key));
        (SetFull::of(&client.history), client.ops)
    }

    /// The least time in which `percent` of the stable elements were visible, in nanoseconds.
    pub fn visible_within(&self, percent: usize) -> Option<u64> {
        quantile(&self.visible_ns, percent)
    }

    fn add_key(&mut self, history: &History, operations: &[OperationId]) {
        let mut elements = gather(history, operations);
        self.elements += elements.len();
        look(history, operations, &mut elements);
        for element in elements.values() {
            self.conclude(element);
        }
    }

    fn conclude(&mut self, element: &Element) {
        let call = |at: Option<(u32, u64)>| at.map_or(0, |(place, _)| place);
        let absent = element.absent.map(|(place, at, _)| (place, at));
        let since_known = |at: Option<(u32, u64)>| {
            let known = element.known.map_or(0, |(_, at)| at);
            at.map_or(0, |(_, at)| (at + 1).saturating_sub(known))
        };
        if element.present.is_some() && call(absent) < call(element.present) {
            let span = since_known(absent);
            self.stable += 1;
            self.stale += usize::from(span > 0);
            self.visible_ns.push(span);
        } else if let (Some((known, _)), Some((missed, _, read))) = (element.known, element.absent)
            && call(element.present) < missed
            && known < missed
        {
            self.lost += 1;
            self.lost_ns.push(since_known(element.present));
            let found = (element.add, read);
            self.first_lost = Some(self.first_lost.map_or(found, |first| first.min(found)));
        } else {
            self.never_read += 1;
        }
    }
}

/// The least of the sorted values that `percent` of them do not exceed, as Jepsen takes it.
fn quantile(sorted: &[u64], percent: usize) -> Option<u64> {
    let last = sorted.len().checked_sub(1)?;
    Some(sorted[last.min(sorted.len() * percent / 100)])
}

/// A set or list that was read as such, and never written over.
fn is_fit(history: &History, operations: &[OperationId]) -> bool {
    let all = || operations.iter().map(|id| &history.operations[id.index()]);
    let is_collection = |operation: &Operation| match operation.kind {
        Kind::Add | Kind::Append | Kind::Remove => true,
        Kind::Read if operation.is_answered_read() => {
            matches!(history.datum(operation.value), Datum::Nil | Datum::List(_))
        }
        Kind::Read => true,
        Kind::Write | Kind::Cas => !operation.may_have_effect(),
    };
    matches!(Model::of(history, all()), Model::Set | Model::Append) && all().all(is_collection)
}

fn gather(history: &History, operations: &[OperationId]) -> BTreeMap<ValueId, Element> {
    let mut elements: BTreeMap<ValueId, Element> = BTreeMap::new();
    for &id in operations {
        let (operation, note) = (&history.operations[id.index()], &history.notes[id.index()]);
        if matches!(operation.kind, Kind::Add | Kind::Append) {
            let new = Element { add: id, known: None, present: None, absent: None };
            let element = elements.entry(operation.value).or_insert(new);
            if operation.may_have_effect() && operation.end != NEVER {
                element.learn((operation.end, note.ended_ns));
            }
        }
    }
    for operation in operations.iter().map(|id| &history.operations[id.index()]) {
        if operation.kind == Kind::Remove && operation.may_have_effect() {
            elements.remove(&operation.value);
        }
    }
    elements
}

/// Lets every answered read tell, the last called first.
fn look(history: &History, operations: &[OperationId], elements: &mut BTreeMap<ValueId, Element>) {
    let mut missing_from_none: BTreeSet<ValueId> = elements.keys().copied().collect();
    for &id in operations.iter().rev() {
        let (operation, note) = (&history.operations[id.index()], &history.notes[id.index()]);
        if !operation.is_answered_read() {
            continue;
        }
        let shown: BTreeSet<ValueId> = match history.datum(operation.value) {
            Datum::List(shown) => shown.iter().copied().collect(),
            _ => BTreeSet::new(),
        };
        for value in &shown {
            if let Some(element) = elements.get_mut(value) {
                element.present.get_or_insert((operation.call, note.called_ns));
                element.learn((operation.end, note.ended_ns));
            }
        }
        missing_from_none.retain(|value| {
            let is_shown = shown.contains(value);
            if let Some(element) = elements.get_mut(value).filter(|_| !is_shown) {
                element.absent = Some((operation.call, note.called_ns, id));
            }
            is_shown
        });
    }
}

impl Element {
    fn learn(&mut self, at: (u32, u64)) {
        self.known = Some(self.known.map_or(at, |known| known.min(at)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::history::{Builder, Call, Outcome};

    /// Operations of one set, each with its call and its end in seconds: `+5` adds, `-5` takes out, `1 2` reads.
    fn told(story: &[(&str, u64, Option<u64>)]) -> SetFull {
        let mut builder = Builder::new(Datum::Nil);
        let key = builder.key("s");
        let mut events: Vec<(u64, bool, usize)> = Vec::new();
        for (place, (_, call, end)) in story.iter().enumerate() {
            events.push((*call, false, place));
            events.extend(end.map(|end| (end, true, place)));
        }
        events.sort_unstable();
        let mut ids = BTreeMap::new();
        for (at, is_end, place) in events {
            let words = story[place].0;
            let number = |builder: &mut Builder, text: &str| {
                builder.value(key, Datum::Int(text.parse().expect("a number")))
            };
            if is_end {
                let shown: Vec<ValueId> = match words.starts_with(['+', '-']) {
                    true => Vec::new(),
                    false => words.split_whitespace().map(|word| number(&mut builder, word)).collect(),
                };
                let shown = builder.value(key, Datum::List(shown.into()));
                builder.end(at, ids[&place], Outcome::Ok, Some(shown));
                continue;
            }
            let process = builder.process(&place.to_string());
            let call = match words.split_at_checked(1) {
                Some(("+", element)) => Call::add(key, number(&mut builder, element)),
                Some(("-", element)) => {
                    Call { kind: Kind::Remove, ..Call::add(key, number(&mut builder, element)) }
                }
                _ => Call::read(key),
            };
            ids.insert(place, builder.invoke(at, process, call));
        }
        SetFull::of(&builder.finish())
    }

    fn counts(full: &SetFull) -> [usize; 5] {
        [full.elements, full.stable, full.stale, full.lost, full.never_read]
    }

    #[test]
    fn what_every_later_read_shows_is_stable_and_visible_since_the_last_that_missed_it() {
        let at_once = told(&[("+1", 0, Some(10)), ("1", 20, Some(30))]);
        assert_eq!((counts(&at_once), at_once.visible_ns), ([1, 1, 0, 0, 0], vec![0]));
        let late = told(&[("+1", 0, Some(10)), ("", 20, Some(30)), ("1", 25, Some(40)), ("1", 50, Some(60))]);
        assert_eq!((counts(&late), late.visible_ns), ([1, 1, 1, 0, 0], vec![11]));
    }

    #[test]
    fn what_was_known_and_is_absent_for_good_is_lost() {
        let lost = told(&[("+1", 0, Some(10)), ("1", 20, Some(30)), ("", 40, Some(50)), ("", 60, Some(70))]);
        assert_eq!((counts(&lost), &lost.lost_ns[..]), ([1, 0, 0, 1, 0], &[11][..]));
        assert_eq!(lost.first_lost, Some((OperationId(0), OperationId(3))), "the last read that missed it");
        let seen = told(&[("+1", 0, None), ("1", 20, Some(30)), ("", 40, Some(50))]);
        assert_eq!(counts(&seen), [1, 0, 0, 1, 0], "never confirmed, but it was seen");
    }

    #[test]
    fn neither_an_unconfirmed_add_nor_a_read_beside_it_proves_a_loss() {
        let unconfirmed = told(&[("+1", 0, None), ("", 20, Some(30))]);
        assert_eq!(counts(&unconfirmed), [1, 0, 0, 0, 1]);
        let beside = told(&[("+1", 0, Some(10)), ("", 5, Some(30))]);
        assert_eq!(counts(&beside), [1, 0, 0, 0, 1]);
        let unread = told(&[("", 0, Some(5)), ("+1", 10, Some(20))]);
        assert_eq!(counts(&unread), [1, 0, 0, 0, 1]);
    }

    #[test]
    fn of_what_was_taken_out_nothing_is_concluded() {
        let out = told(&[("+1", 0, Some(10)), ("+2", 0, Some(10)), ("-1", 20, Some(30)), ("", 40, Some(50))]);
        assert_eq!(counts(&out), [1, 0, 0, 1, 0]);
    }

    #[test]
    fn quantiles_are_those_of_jepsen() {
        let sorted: Vec<u64> = (0..200).collect();
        assert_eq!([0, 50, 99, 100].map(|percent| quantile(&sorted, percent)), [0, 100, 198, 199].map(Some));
        assert_eq!(quantile(&[], 50), None);
    }
}
