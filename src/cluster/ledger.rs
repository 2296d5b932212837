//! The ledger: every client operation with its times and outcome, and what the judges know of its fate.
//! Nothing in it is ever read by a protocol.

use crate::base::chunks::Chunks;
use crate::base::ids::{ClientId, Key, NodeId, OpId, Version};
use crate::base::operation::{Action, Outcome, Success};
use crate::base::time::{Span, VirtualTime};
use crate::base::vector::Vector;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// One client operation.
#[derive(Clone, Debug, PartialEq)]
pub struct OpRecord {
    /// Who asked.
    pub client: ClientId,
    /// Its number within the session.
    pub sequence: u32,
    /// Of which key.
    pub key: Key,
    /// What.
    pub action: Action,
    /// When it was scheduled, which is when it was invoked.
    pub scheduled: VirtualTime,
    /// When it ended for its client.
    pub ended: VirtualTime,
    /// How it ended.
    pub outcome: Outcome,
    /// The node that answered.
    pub node: Option<NodeId>,
    /// What befell the write.
    pub marks: Marks,
    /// Whether a person or the timeline asked, not the load.
    pub is_by_hand: bool,
}

/// What befell a write, as seen from outside; its fate is decided from them (`fates`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// A merge discarded it for a write that had returned before it was invoked.
    pub is_inverted: bool,
    /// The write for which a merge discarded it first.
    pub beaten_by: Option<OpId>,
    /// It was in a log suffix that was cut off.
    pub is_cut: bool,
}

impl OpRecord {
    /// From the scheduled instant to the end.
    pub fn latency(&self) -> Span {
        self.ended.since(self.scheduled)
    }

    /// Whether it succeeded.
    pub fn is_ok(&self) -> bool {
        matches!(self.outcome, Outcome::Ok(_))
    }

    /// Whether it is an acknowledged write.
    pub fn is_acked_write(&self) -> bool {
        matches!(self.outcome, Outcome::Ok(Success::Written(_)))
    }

    /// Whether it is a read that found no value at all.
    pub fn shows_nothing(&self) -> bool {
        self.action == Action::Read && self.outcome == Outcome::Ok(Success::Found(None))
    }

    /// When its client stopped waiting for it.
    pub fn closed(&self) -> VirtualTime {
        if self.outcome == Outcome::Pending { VirtualTime::MAX } else { self.ended }
    }

    /// When it returned to its client: never, unless it succeeded.
    pub fn returned(&self) -> VirtualTime {
        if self.is_ok() { self.ended } else { VirtualTime::MAX }
    }
}

/// How two operations stand to each other in real time, as their clients saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RealTime {
    /// The first had returned before the second began.
    Before,
    /// The second had been closed before the first began.
    After,
    /// Neither.
    Concurrent,
}

impl OpRecord {
    /// How this one stands to `other`.
    pub fn stands_to(&self, other: &OpRecord) -> RealTime {
        match (self.returned() <= other.scheduled, other.closed() <= self.scheduled) {
            (true, _) => RealTime::Before,
            (_, true) => RealTime::After,
            _ => RealTime::Concurrent,
        }
    }
}

/// All operations of a run.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    records: Chunks<OpRecord>,
    /// Pairs of real-time-concurrent writes, (kept, discarded), met at a merge; with the instant they first met.
    conflicts: BTreeSet<(OpId, OpId)>,
    conflict_times: Vec<VirtualTime>,
    /// Pairs of inserts that were given one id, with the instant they first met.
    collisions: BTreeMap<(OpId, OpId), VirtualTime>,
    /// Log entries cut off, with the instant.
    cuts: Vec<(VirtualTime, u64)>,
    /// The newest delete of each key whose tombstone was purged somewhere.
    purged: BTreeMap<Key, (Version, OpId)>,
    /// Keys whose old value came back, with the instant at which that was first seen.
    resurrected: BTreeMap<Key, VirtualTime>,
    /// What the writers of operations had seen, where the store knows of causes.
    contexts: BTreeMap<OpId, Arc<Vector>>,
    finished: u64,
    /// The last finished operations.
    last: std::collections::VecDeque<OpId>,
}

/// How many finished operations stay at hand for the screen.
const LAST: usize = 20;

impl Ledger {
    /// Opens an operation.
    pub fn open(&mut self, record: OpRecord) -> OpId {
        let op = OpId(u32::try_from(self.records.len()).expect("fewer than 2^32 operations fit a session"));
        self.records.push(record);
        op
    }

    /// The writer of `op` had seen this of the key's past.
    pub fn note_context(&mut self, op: OpId, context: Arc<Vector>) {
        self.contexts.insert(op, context);
    }

    /// Whether the writer of `later` had seen what `earlier` wrote, as the store's vectors tell.
    pub fn had_seen(&self, later: OpId, earlier: OpId) -> bool {
        let event = self.get(earlier).and_then(|record| match &record.outcome {
            Outcome::Ok(Success::Written(written)) => written.event.as_ref().map(|(event, _)| *event),
            _ => None,
        });
        event.zip(self.contexts.get(&later)).is_some_and(|(event, context)| context.knows(event))
    }

    /// How many operations there are; the number of the next one.
    pub fn records_len(&self) -> u32 {
        u32::try_from(self.records.len()).unwrap_or(u32::MAX)
    }

    /// The operation `op`.
    pub fn get(&self, op: OpId) -> Option<&OpRecord> {
        self.records.get(op.index())
    }

    /// All operations in the order of invocation.
    pub fn records(&self) -> impl DoubleEndedIterator<Item = &OpRecord> {
        self.records.iter()
    }

    /// The operations from `first` on.
    pub fn records_from(&self, first: OpId) -> impl DoubleEndedIterator<Item = &OpRecord> {
        self.records.iter_from(first.index())
    }

    /// Closes an operation; later answers to it change nothing. Returns whether it was open.
    pub fn close(&mut self, op: OpId, at: VirtualTime, node: Option<NodeId>, outcome: Outcome) -> bool {
        let Some(record) =
            self.records.get_mut(op.index()).filter(|record| record.outcome == Outcome::Pending)
        else {
            return false;
        };
        (record.ended, record.node, record.outcome) = (at, node, outcome);
        self.finished += 1;
        if self.last.len() == LAST {
            self.last.pop_front();
        }
        self.last.push_back(op);
        true
    }

    /// The last finished operations, oldest first.
    pub fn last(&self) -> impl Iterator<Item = OpId> + '_ {
        self.last.iter().copied()
    }

    /// A merge kept `winner` and discarded `loser`. Returns whether this is news of an inverted loss.
    ///
    /// Beaten by a write that had returned before the loser was invoked: inverted. Invoked after the loser
    /// returned: the ordinary course. Neither: the two were concurrent, a conflict.
    pub fn discard(&mut self, now: VirtualTime, winner: OpId, loser: OpId) -> bool {
        let (Some(kept), Some(gone)) = (self.get(winner), self.get(loser)) else {
            return false;
        };
        let (stands, marks) = (kept.stands_to(gone), gone.marks);
        if stands == RealTime::Concurrent && self.conflicts.insert((winner, loser)) {
            self.conflict_times.push(now);
        }
        let is_news = stands == RealTime::Before && !marks.is_inverted;
        if (is_news || marks.beaten_by.is_none())
            && let Some(record) = self.records.get_mut(loser.index())
        {
            record.marks.beaten_by.get_or_insert(winner);
            record.marks.is_inverted |= stands == RealTime::Before;
        }
        is_news
    }

    /// A merge met two writes of which neither had seen the other, and shows `winner`: a conflict, however long the one
    /// may have been acknowledged before the other began. Unless the loser stays readable this may be news of an
    /// inverted loss, as in [`Ledger::discard`]. Versions that the store cannot tell apart from concurrent ones are none.
    pub fn clash(&mut self, now: VirtualTime, winner: OpId, loser: OpId, is_kept: bool) -> bool {
        let has_seen = self.had_seen(winner, loser) || self.had_seen(loser, winner);
        if !has_seen && self.conflicts.insert((winner, loser)) {
            self.conflict_times.push(now);
        }
        !is_kept && self.discard(now, winner, loser)
    }

    /// The rows of two inserts were given one id, and that of `loser` is gone.
    pub fn collide(&mut self, now: VirtualTime, winner: OpId, loser: OpId) {
        self.collisions.entry((winner, loser)).or_insert(now);
    }

    /// Acknowledged inserts whose ids collided with another's in `window`.
    pub fn collisions_in(&self, window: (VirtualTime, VirtualTime)) -> usize {
        let is_acked = |op: OpId| self.get(op).is_some_and(OpRecord::is_acked_write);
        let counted = self.collisions.iter().filter(|(_, at)| window.0 <= **at && **at < window.1);
        counted.filter(|((winner, loser), _)| is_acked(*winner) && is_acked(*loser)).count()
    }

    /// A node cut `entries` log entries that carried `ops`.
    pub fn cut(&mut self, now: VirtualTime, entries: u64, ops: &[OpId]) {
        self.cuts.push((now, entries));
        for op in ops {
            if let Some(record) = self.records.get_mut(op.index()) {
                record.marks.is_cut = true;
            }
        }
    }

    /// The tombstone that the delete `op` left is purged somewhere.
    pub fn purge(&mut self, key: Key, version: Version, op: OpId) {
        let newest = self.purged.entry(key).or_insert((version, op));
        *newest = (*newest).max((version, op));
    }

    /// Whether what is of this version was deleted, or is a delete, and its tombstone purged.
    pub fn is_purged(&self, key: Key, version: Version) -> bool {
        self.purged.get(&key).is_some_and(|(purged, _)| version <= *purged)
    }

    /// A value of this version, written by `op`, was met. Gives whether this is news of a resurrection: an acknowledged
    /// delete of it was purged before.
    pub fn meet(&mut self, now: VirtualTime, key: Key, version: Version, op: OpId) -> bool {
        let deleted = self.purged.get(&key).filter(|&&(deleted, by)| version < deleted && op < by);
        let is_acked = deleted.and_then(|(_, op)| self.get(*op)).is_some_and(OpRecord::is_acked_write);
        is_acked && !self.resurrected.contains_key(&key) && self.resurrected.insert(key, now).is_none()
    }

    /// Keys whose old value came back, with when that was first seen.
    pub fn resurrected(&self) -> impl Iterator<Item = (Key, VirtualTime)> + '_ {
        self.resurrected.iter().map(|(&key, &at)| (key, at))
    }

    /// The newest delete of `key` whose tombstone was purged somewhere.
    pub fn purged_delete(&self, key: Key) -> Option<OpId> {
        self.purged.get(&key).map(|(_, op)| *op)
    }

    /// Keys whose old value was seen again in `window`.
    pub fn resurrected_in(&self, window: (VirtualTime, VirtualTime)) -> usize {
        self.resurrected.values().filter(|&&at| window.0 <= at && at < window.1).count()
    }

    /// Conflicts met in `window`.
    pub fn conflicts_in(&self, window: (VirtualTime, VirtualTime)) -> usize {
        self.conflict_times.iter().filter(|&&at| window.0 <= at && at < window.1).count()
    }

    /// Log entries cut off in `window`.
    pub fn diverged_in(&self, window: (VirtualTime, VirtualTime)) -> u64 {
        self.cuts.iter().filter(|(at, _)| window.0 <= *at && *at < window.1).map(|(_, entries)| entries).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Value;

    fn write(scheduled: u64) -> OpRecord {
        OpRecord {
            client: ClientId(0),
            sequence: 0,
            key: Key(1),
            action: Action::write(Value(0)),
            scheduled: VirtualTime(scheduled),
            ended: VirtualTime::ZERO,
            outcome: Outcome::Pending,
            node: None,
            marks: Marks::default(),
            is_by_hand: false,
        }
    }

    fn ledger(writes: &[(u64, Option<u64>)]) -> Ledger {
        let mut ledger = Ledger::default();
        for &(scheduled, ended) in writes {
            let op = ledger.open(write(scheduled));
            if let Some(ended) = ended {
                ledger.close(op, VirtualTime(ended), None, Outcome::Ok(Success::Written(Version(0).into())));
            }
        }
        ledger
    }

    #[test]
    fn a_write_beaten_by_an_earlier_one_is_inverted() {
        let mut ledger = ledger(&[(0, Some(10)), (20, Some(30))]);
        assert!(ledger.discard(VirtualTime(40), OpId(0), OpId(1)));
        assert!(!ledger.discard(VirtualTime(41), OpId(0), OpId(1)), "told once");
        assert_eq!(ledger.conflicts_in((VirtualTime::ZERO, VirtualTime::MAX)), 0);
    }

    #[test]
    fn a_write_beaten_by_a_later_one_is_the_ordinary_course() {
        let mut ledger = ledger(&[(0, Some(10)), (20, Some(30))]);
        assert!(!ledger.discard(VirtualTime(40), OpId(1), OpId(0)));
        assert_eq!(ledger.conflicts_in((VirtualTime::ZERO, VirtualTime::MAX)), 0);
    }

    #[test]
    fn overlapping_writes_conflict_once_per_pair() {
        for (first, second) in [((0, Some(25)), (20, Some(30))), ((0, None), (20, Some(30)))] {
            let mut ledger = ledger(&[first, second]);
            ledger.discard(VirtualTime(40), OpId(1), OpId(0));
            ledger.discard(VirtualTime(41), OpId(1), OpId(0));
            assert_eq!(ledger.conflicts_in((VirtualTime::ZERO, VirtualTime::MAX)), 1);
        }
    }

    #[test]
    fn only_the_first_answer_counts() {
        let mut ledger = ledger(&[(0, Some(10))]);
        assert!(!ledger.close(
            OpId(0),
            VirtualTime(12),
            None,
            Outcome::Fail(crate::base::operation::Refusal::Fenced)
        ));
        assert!(ledger.get(OpId(0)).is_some_and(OpRecord::is_acked_write));
    }
}
