//! Stale reads: a read is stale if it returned something older than the newest write of its key that was
//! acknowledged before the read was invoked. Its age counts from the acknowledgement of the first newer version.
//!
//! Source: the t- and k-staleness of Bailis et al., "Probabilistically Bounded Staleness" (VLDB 2012).

use super::ledger::Ledger;
use super::measure::Window;
use crate::base::ids::{Key, OpId, Version};
use crate::base::operation::{Found, Outcome, Success};
use crate::base::time::{Span, VirtualTime};
use crate::base::vector::Event;
use std::collections::{BTreeMap, BTreeSet};

/// A read that missed an acknowledged write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StaleRead {
    /// The read.
    pub op: OpId,
    /// How long the first newer version had been acknowledged.
    pub age: Span,
    /// How many acknowledged versions it missed.
    pub missed: usize,
}

/// The stale reads of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Staleness {
    /// Ok reads in the window.
    pub reads: usize,
    /// The stale ones among them.
    pub stale: Vec<StaleRead>,
    /// How many of them there are, by how long ago the newest write had been acknowledged.
    pub curve: Curve,
}

/// Where the stretches of a [`Curve`] end; the last has none.
pub const CURVE_ENDS: [Span; 10] = [
    Span::millis(1),
    Span::millis(2),
    Span::millis(5),
    Span::millis(10),
    Span::millis(20),
    Span::millis(50),
    Span::millis(100),
    Span::millis(200),
    Span::millis(500),
    Span::millis(1_000),
];

/// How probable a read is to be stale, by the time since the newest write that it should have shown was acknowledged:
/// of each stretch the ok reads and the stale ones among them (the t-visibility of PBS). Reads of keys to which nothing
/// had been written are in none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Curve(pub [(u32, u32); CURVE_ENDS.len() + 1]);

impl Curve {
    fn count(&mut self, since: Span, is_stale: bool) {
        let stretch = &mut self.0[CURVE_ENDS.partition_point(|end| *end <= since)];
        stretch.0 += 1;
        stretch.1 += u32::from(is_stale);
    }
}

/// The acknowledged writes of one key in the order of their acknowledgement.
#[derive(Default)]
struct Acked {
    writes: Vec<(VirtualTime, Version)>,
    /// The newest version among the first i + 1 of them.
    newest: Vec<Version>,
    /// Those that delete the key.
    deletes: BTreeSet<Version>,
    /// Where the store knows of causes: the event of each instead, and whether it deletes the key.
    events: Vec<(VirtualTime, Event, bool)>,
}

impl Staleness {
    /// Judges every ok read of `window` against all writes of the run.
    pub fn of(ledger: &Ledger, window: Window) -> Self {
        let keys = acknowledged(ledger);
        let mut result = Staleness::default();
        for (number, record) in ledger.records().enumerate() {
            let Outcome::Ok(Success::Found(found)) = &record.outcome else { continue };
            if record.scheduled < window.0 || record.scheduled >= window.1 {
                continue;
            }
            result.reads += 1;
            let Some(acked) = keys.get(&record.key) else { continue };
            let judged = acked.judge(record.scheduled, found.as_ref());
            if let Some((age, missed)) = judged {
                result.stale.push(StaleRead { op: OpId(number as u32), age, missed });
            }
            if let Some(newest) = acked.newest_before(record.scheduled) {
                result.curve.count(record.scheduled.since(newest), judged.is_some());
            }
        }
        result
    }
}

fn acknowledged(ledger: &Ledger) -> BTreeMap<Key, Acked> {
    let mut keys: BTreeMap<Key, Acked> = BTreeMap::new();
    for record in ledger.records() {
        let Outcome::Ok(Success::Written(written)) = &record.outcome else { continue };
        let acked = keys.entry(record.key).or_default();
        if let Some((event, _)) = written.event {
            acked.events.push((record.ended, event, record.action.is_delete()));
            continue;
        }
        acked.writes.push((record.ended, written.version));
        if record.action.is_delete() {
            acked.deletes.insert(written.version);
        }
    }
    for acked in keys.values_mut() {
        acked.writes.sort_unstable();
        acked.events.sort_unstable();
        let mut newest = Version(0);
        acked.newest = acked
            .writes
            .iter()
            .map(|&(_, version)| {
                newest = newest.max(version);
                newest
            })
            .collect();
    }
    keys
}

impl Acked {
    /// Age and number of missed versions, if a read invoked at `invoked` that returned `found` was stale. Nothing
    /// found is as good as a delete that is forgotten by now.
    fn judge(&self, invoked: VirtualTime, found: Option<&Found>) -> Option<(Span, usize)> {
        if self.events.is_empty() {
            return self.judge_line(invoked, found.map(|found| found.version));
        }
        let before = &self.events[..self.events.partition_point(|(acked, ..)| *acked <= invoked)];
        if found.is_none() && before.last().is_some_and(|(.., is_delete)| *is_delete) {
            return None;
        }
        let seen = found.and_then(|found| found.past.as_ref()).map(|past| &past.seen);
        let is_missed = |event: Event| seen.is_none_or(|seen| !seen.knows(event));
        let mut missed = before.iter().filter(|(_, event, _)| is_missed(*event));
        let (first, ..) = missed.next()?;
        Some((invoked.since(*first), 1 + missed.count()))
    }

    /// When the newest write was acknowledged that a read invoked at `invoked` should show; where the store knows of
    /// causes, the last of them.
    fn newest_before(&self, invoked: VirtualTime) -> Option<VirtualTime> {
        if !self.events.is_empty() {
            let before = self.events.partition_point(|(acked, ..)| *acked <= invoked);
            return before.checked_sub(1).map(|last| self.events[last].0);
        }
        let last = self.writes.partition_point(|&(acked, _)| acked <= invoked).checked_sub(1)?;
        let first = self.newest.partition_point(|&newest| newest < self.newest[last]);
        Some(self.writes[first].0)
    }

    fn judge_line(&self, invoked: VirtualTime, version: Option<Version>) -> Option<(Span, usize)> {
        let before = self.writes.partition_point(|&(acked, _)| acked <= invoked);
        let newest = before.checked_sub(1).map(|last| self.newest[last]);
        let version = version.or(newest.filter(|newest| self.deletes.contains(newest))).unwrap_or(Version(0));
        let first_newer = self.newest[..before].partition_point(|&newest| newest <= version);
        if first_newer == before {
            return None;
        }
        let missed = self.writes[first_newer..before].iter().filter(|(_, newer)| *newer > version).count();
        Some((invoked.since(self.writes[first_newer].0), missed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acked(writes: &[(u64, u64)]) -> Acked {
        let writes: Vec<_> =
            writes.iter().map(|&(at, version)| (VirtualTime(at), Version(version))).collect();
        let newest =
            (0..writes.len()).map(|upto| writes[..=upto].iter().map(|w| w.1).max().expect("one")).collect();
        Acked { writes, newest, ..Acked::default() }
    }

    #[test]
    fn age_counts_from_the_first_newer_version() {
        let key = acked(&[(10, 1), (20, 2), (30, 3)]);
        assert_eq!(key.judge_line(VirtualTime(35), Some(Version(1))), Some((Span(15), 2)));
        assert_eq!(key.judge_line(VirtualTime(35), Some(Version(3))), None);
        assert_eq!(
            key.judge_line(VirtualTime(15), Some(Version(1))),
            None,
            "nothing newer was acknowledged yet"
        );
    }

    #[test]
    fn the_curve_counts_from_the_acknowledgement_of_the_newest_version() {
        let key = acked(&[(10, 1), (20, 5), (30, 3)]);
        let newest = [5, 15, 25, 35].map(|invoked| key.newest_before(VirtualTime(invoked)));
        assert_eq!(newest, [None, Some(VirtualTime(10)), Some(VirtualTime(20)), Some(VirtualTime(20))]);
        let mut curve = Curve::default();
        for (since, is_stale) in [(0, true), (999, false), (1_000, true), (999_999, false), (5_000_000, true)]
        {
            curve.count(Span(since), is_stale);
        }
        assert_eq!(
            curve.0,
            [(2, 1), (1, 1), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (0, 0), (1, 0), (1, 1)]
        );
    }

    #[test]
    fn nothing_is_what_a_forgotten_delete_leaves() {
        let mut key = acked(&[(10, 1), (20, 2)]);
        assert_eq!(key.judge_line(VirtualTime(25), None), Some((Span(15), 2)));
        key.deletes.insert(Version(2));
        assert_eq!(key.judge_line(VirtualTime(25), None), None);
        assert_eq!(
            key.judge_line(VirtualTime(15), None),
            Some((Span(5), 1)),
            "the delete was not acknowledged yet"
        );
    }

    #[test]
    fn acknowledgements_may_come_out_of_version_order() {
        let key = acked(&[(10, 5), (20, 3)]);
        assert_eq!(key.judge_line(VirtualTime(25), Some(Version(4))), Some((Span(15), 1)));
        assert_eq!(key.judge_line(VirtualTime(25), Some(Version(5))), None);
    }
}
