//! Effects that must survive any order: what was added to a set, counted, appended, inserted, or read and written back. Judged
//! by what the keys hold in the end, so the same for every store (the set and counter analyses of Jepsen, with the
//! truth at hand instead of reads).

use super::ledger::{Ledger, OpRecord};
use super::measure::Window;
use crate::base::data::{Change, Data, Update};
use crate::base::ids::{Key, OpId, Value};
use crate::base::operation::{Action, Outcome};
use crate::base::time::VirtualTime;
use std::collections::{BTreeMap, BTreeSet};

/// What became of effects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Acknowledged ones of the window that are not there in the end, though nobody undid them. A count cannot tell
    /// which of its increments are missing: the largest, of equal ones the newest, are named.
    pub lost: Vec<OpId>,
    /// What counters have too much, over the whole run.
    pub overcounted: u64,
    /// Elements that lists hold beyond their first place in them, over the whole run.
    pub repeated: u64,
}

/// The operations on one key.
#[derive(Default)]
struct Story<'a> {
    updates: Vec<(OpId, Update, &'a OpRecord)>,
    /// When the last that wrote over everything may have had its effect.
    overwritten: Option<VirtualTime>,
}

impl Effects {
    /// Judges the operations of `window` by the final `values`; those in `gone` are counted as lost elsewhere.
    pub fn of(
        ledger: &Ledger,
        values: &BTreeMap<Key, Vec<Data>>,
        gone: &BTreeSet<OpId>,
        window: Window,
    ) -> Effects {
        let mut effects = Effects::default();
        for (key, story) in stories(ledger) {
            let held = values.get(&key).map(Vec::as_slice).unwrap_or_default();
            effects.lost.extend(story.lost_elements(held, gone, window));
            effects.repeated += repeated(held);
            if story.overwritten.is_none() {
                story.judge_count(held, gone, window, &mut effects);
            }
        }
        effects
    }
}

fn stories(ledger: &Ledger) -> BTreeMap<Key, Story<'_>> {
    let mut stories: BTreeMap<Key, Story<'_>> = BTreeMap::new();
    for (number, record) in ledger.records().enumerate() {
        let Action::Change(change) = &record.action else { continue };
        if matches!(record.outcome, Outcome::Fail(_)) {
            continue;
        }
        match change {
            Change::Update(Update::Resolve(_)) | Change::Write(_) | Change::Delete => {
                let story = stories.entry(record.key).or_default();
                story.overwritten = story.overwritten.max(Some(record.closed()));
            }
            Change::Update(update) => {
                let story = stories.entry(record.key).or_default();
                story.updates.push((OpId(number as u32), *update, record));
            }
        }
    }
    // Only where something is updated does it matter who wrote over it.
    stories.retain(|_, story| !story.updates.is_empty());
    stories
}

/// Elements of a list beyond their first place in it.
fn repeated(held: &[Data]) -> u64 {
    let lists = held.iter().filter_map(|data| match data {
        Data::List(elements) => Some(elements),
        _ => None,
    });
    let surplus = lists.map(|list| list.len() - list.iter().collect::<BTreeSet<&Value>>().len());
    surplus.sum::<usize>() as u64
}

fn is_inside(record: &OpRecord, window: Window) -> bool {
    window.0 <= record.scheduled && record.scheduled < window.1
}

impl Story<'_> {
    /// Elements that should be there and are not, or should be gone and are there.
    fn lost_elements(&self, held: &[Data], gone: &BTreeSet<OpId>, window: Window) -> Vec<OpId> {
        let there: BTreeSet<Value> = held
            .iter()
            .filter(|data| matches!(data, Data::Set(_) | Data::List(_) | Data::Rows(_)))
            .flat_map(Data::elements)
            .collect();
        // When each element was last put in or taken out, as far as anybody knows.
        let mut touched: BTreeMap<(bool, Value), VirtualTime> = BTreeMap::new();
        for (_, update, record) in &self.updates {
            if let Update::Add(element) | Update::Remove(element) = *update {
                let last = touched.entry((*update == Update::Add(element), element)).or_default();
                *last = (*last).max(record.closed());
            }
        }
        let is_lost = |(op, update, record): &&(OpId, Update, &OpRecord)| {
            if !record.is_acked_write() || !is_inside(record, window) || gone.contains(op) {
                return false;
            }
            if self.overwritten.is_some_and(|at| at > record.scheduled) {
                return false;
            }
            let is_touched = |is_add: bool, element: Value| {
                touched.get(&(is_add, element)).is_some_and(|last| *last > record.scheduled)
            };
            match *update {
                Update::Add(element) => !there.contains(&element) && !is_touched(false, element),
                Update::Remove(element) => there.contains(&element) && !is_touched(true, element),
                Update::Append(element) | Update::Insert(element) => !there.contains(&element),
                Update::Increment(_) | Update::Resolve(_) => false,
            }
        };
        self.updates.iter().filter(is_lost).map(|(op, ..)| *op).collect()
    }

    /// A count cannot tell which of its increments are missing: the fewest that explain it are taken for lost, if all
    /// of them lie in the window.
    fn judge_count(&self, held: &[Data], gone: &BTreeSet<OpId>, window: Window, effects: &mut Effects) {
        let amounts = self.updates.iter().filter_map(|(op, update, record)| match update {
            Update::Increment(by) if !gone.contains(op) => Some((i64::from(*by), *op, *record)),
            _ => None,
        });
        let amounts: Vec<(i64, OpId, &OpRecord)> = amounts.collect();
        if amounts.is_empty() {
            return;
        }
        let counts = held.iter().map(|data| if let Data::Count(count) = data { *count } else { 0 });
        let held = counts.max().unwrap_or(0);
        let sum = |is_such: &dyn Fn(i64, bool) -> bool| {
            let such = amounts.iter().filter(|(by, _, record)| is_such(*by, record.is_acked_write()));
            such.map(|(by, ..)| by).sum::<i64>()
        };
        // What was acknowledged counts; what is unknown may.
        let least = sum(&|by, is_acked| is_acked || by < 0);
        let most = sum(&|by, is_acked| is_acked || by > 0);
        effects.overcounted += u64::try_from(held - most).unwrap_or(0);
        if amounts.iter().any(|(_, _, record)| !is_inside(record, window)) {
            return;
        }
        let mut missing = least - held;
        let mut acked: Vec<(i64, OpId)> = amounts
            .iter()
            .filter(|(by, _, record)| *by > 0 && record.is_acked_write())
            .map(|(by, op, _)| (*by, *op))
            .collect();
        acked.sort_unstable();
        while missing > 0
            && let Some((by, op)) = acked.pop()
        {
            missing -= by;
            effects.lost.push(op);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{ClientId, Version};
    use crate::base::operation::{Doubt, Success};
    use crate::cluster::ledger::Marks;
    use crate::cluster::measure::WHOLE;
    use std::sync::Arc;

    /// Updates of one key, each with when it was asked and when it was acknowledged; `None` for never.
    fn ledger(updates: &[(Update, u64, Option<u64>)]) -> Ledger {
        let mut ledger = Ledger::default();
        for &(update, asked, acked) in updates {
            let op = ledger.open(OpRecord {
                client: ClientId(0),
                sequence: 0,
                key: Key(1),
                action: Action::Change(Change::Update(update)),
                scheduled: VirtualTime(asked),
                ended: VirtualTime::ZERO,
                outcome: Outcome::Pending,
                node: None,
                marks: Marks::default(),
                is_by_hand: false,
            });
            let written = || Outcome::Ok(Success::Written(Version(1).into()));
            let outcome = acked.map_or(Outcome::Unknown(Doubt::Silence), |_| written());
            ledger.close(op, VirtualTime(acked.unwrap_or(asked + 5)), None, outcome);
        }
        ledger
    }

    fn judge(updates: &[(Update, u64, Option<u64>)], held: Option<Data>) -> (u32, u64) {
        let values = held.into_iter().map(|data| (Key(1), vec![data])).collect();
        let effects = Effects::of(&ledger(updates), &values, &BTreeSet::new(), WHOLE);
        (effects.lost.len() as u32, effects.overcounted + effects.repeated)
    }

    const MILK: Value = Value(1);
    const EGGS: Value = Value(2);

    #[test]
    fn an_addition_that_nobody_undid_must_be_there() {
        let adds = [(Update::Add(MILK), 0, Some(5)), (Update::Add(EGGS), 10, Some(15))];
        assert_eq!(judge(&adds, Some(Data::set([MILK, EGGS]))), (0, 0));
        assert_eq!(judge(&adds, Some(Data::set([EGGS]))), (1, 0));
        assert_eq!(judge(&adds, None), (2, 0));
    }

    #[test]
    fn what_was_removed_must_be_gone_unless_it_may_have_been_added_later() {
        let story = [(Update::Add(MILK), 0, Some(5)), (Update::Remove(MILK), 10, Some(15))];
        assert_eq!(judge(&story, Some(Data::set([]))), (0, 0));
        assert_eq!(judge(&story, Some(Data::set([MILK]))), (1, 0), "the item came back");
        let at_once = [(Update::Add(MILK), 0, Some(12)), (Update::Remove(MILK), 10, Some(15))];
        assert_eq!(judge(&at_once, Some(Data::set([MILK]))), (0, 0), "either may be the later");
    }

    #[test]
    fn a_count_lies_between_what_was_acknowledged_and_what_was_asked() {
        let up = |acked| (Update::Increment(1), 0, acked);
        let story = [up(Some(5)), up(Some(5)), up(None)];
        for (count, judged) in [(1, (1, 0)), (2, (0, 0)), (3, (0, 0)), (5, (0, 2))] {
            assert_eq!(judge(&story, Some(Data::Count(count))), judged, "{count}");
        }
    }

    #[test]
    fn a_list_holds_each_element_once() {
        let story = [(Update::Append(MILK), 0, Some(5))];
        assert_eq!(judge(&story, Some(Data::List(Arc::new(vec![MILK, MILK])))), (0, 1));
    }
}
