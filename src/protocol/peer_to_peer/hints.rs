//! The writes a node keeps for others until they are back: one queue per target, in the order of keeping.
//!
//! A coordinator keeps them for owners that missed a write (Cassandra), a sloppy fallback for the owner in whose
//! place it was asked (Dynamo, Riak); the latter are also what the fallback answers to reads meanwhile.

use super::durable::Hint;
use super::message::hint_bytes;
use super::object::Object;
use super::streams::KeptHints;
use crate::base::ids::{Key, NodeId};
use crate::base::time::{Span, VirtualTime};
use crate::protocol::{Holding, Sizes, Sought};
use std::collections::{BTreeMap, VecDeque};

/// The most hints in one message.
const BATCH: usize = 64;
/// With a throttle, a batch is at most this part of what may be sent in a second.
const BATCHES_PER_SECOND: u64 = 10;

/// What is kept for one target.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Queue {
    hints: VecDeque<Hint>,
    /// What they come to for each key, and how many there are of it.
    newest: BTreeMap<Key, (Object, usize)>,
    bytes: u64,
    /// The last hint of the batch that waits for its acknowledgement.
    in_flight: Option<u64>,
    /// Handed over since the queue was last empty.
    handed_over: u64,
    /// Whether a timer will look after the queue.
    pub(super) is_armed: bool,
    /// The outage of the target for which the window was found exceeded.
    refused_since: Option<VirtualTime>,
}

impl Queue {
    /// Where nothing is kept.
    const NOTHING: Queue = Queue {
        hints: VecDeque::new(),
        newest: BTreeMap::new(),
        bytes: 0,
        in_flight: None,
        handed_over: 0,
        is_armed: false,
        refused_since: None,
    };

    /// How many hints wait.
    pub(super) fn len(&self) -> u64 {
        self.hints.len() as u64
    }

    /// Their bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether a batch waits for its acknowledgement.
    pub(super) fn is_waiting(&self) -> bool {
        self.in_flight.is_some()
    }

    /// The batch under way counts as lost.
    pub(super) fn forget_batch(&mut self) {
        self.in_flight = None;
    }

    /// Whether it is the first time that a hint is refused for an outage that began at `since`.
    pub(super) fn refuse(&mut self, since: VirtualTime) -> bool {
        self.refused_since.replace(since) != Some(since)
    }

    fn push(&mut self, hint: Hint, sizes: Sizes) {
        self.bytes += hint_bytes(&hint.object, sizes);
        match self.newest.get_mut(&hint.key) {
            Some((held, count)) => {
                held.merge(&hint.object);
                *count += 1;
            }
            None => drop(self.newest.insert(hint.key, (hint.object.clone().settled(), 1))),
        }
        self.hints.push_back(hint);
    }

    fn pop(&mut self, sizes: Sizes) {
        if let Some(hint) = self.hints.pop_front() {
            self.bytes -= hint_bytes(&hint.object, sizes);
            self.handed_over += 1;
            if let Some((_, count)) = self.newest.get_mut(&hint.key) {
                *count -= 1;
                if *count == 0 {
                    self.newest.remove(&hint.key);
                }
            }
        }
    }
}

/// What an acknowledgement of a batch means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BatchEnd {
    /// Nothing: that batch is not under way.
    Stale,
    /// The batch is handed over, more waits.
    More,
    /// The queue is empty.
    Drained {
        /// Hints handed over since it was last empty.
        sent: u64,
    },
}

/// All queues of one node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Hints {
    /// Made when first needed: among a thousand nodes nearly all are never waited for.
    queues: BTreeMap<NodeId, Queue>,
    holder: NodeId,
    next_number: u64,
    bytes: u64,
    /// When the throttle lets the next batch go.
    free_at: VirtualTime,
    sizes: Sizes,
}

impl Hints {
    /// The queues of `holder` as its disk holds them, in its life number `incarnation`. Numbers of different lives
    /// never meet, so a late acknowledgement of a former life cannot drop hints of this one.
    pub(super) fn new(
        holder: NodeId,
        incarnation: u32,
        sizes: Sizes,
        kept: BTreeMap<NodeId, BTreeMap<u64, Hint>>,
    ) -> Hints {
        let mut hints = Hints {
            queues: BTreeMap::new(),
            holder,
            next_number: (u64::from(incarnation) << 32) + 1,
            bytes: 0,
            free_at: VirtualTime::ZERO,
            sizes,
        };
        for (target, kept) in kept {
            kept.into_values().for_each(|hint| hints.push(target, hint));
        }
        hints
    }

    /// The queue for `target`.
    pub(super) fn queue(&self, target: NodeId) -> &Queue {
        static NOTHING: Queue = Queue::NOTHING;
        self.queues.get(&target).unwrap_or(&NOTHING)
    }

    /// The queue for `target`, to be changed.
    pub(super) fn queue_mut(&mut self, target: NodeId) -> &mut Queue {
        self.queues.entry(target).or_default()
    }

    /// The nodes for which something is kept, with their queues.
    pub(super) fn targets(&self) -> impl Iterator<Item = (NodeId, &Queue)> {
        self.queues
            .iter()
            .map(|(&target, queue)| (target, queue))
            .filter(|(_, queue)| !queue.hints.is_empty())
    }

    /// Takes out all that is kept for `target`; gives the number of the last one with what it comes to for each key.
    pub(super) fn give_up(&mut self, target: NodeId) -> Option<(u64, Vec<(Key, Object)>)> {
        let queue = self.queues.get_mut(&target)?;
        let last = queue.hints.back()?.number;
        self.bytes -= queue.bytes;
        let is_armed = queue.is_armed;
        let queue = std::mem::replace(queue, Queue { is_armed, ..Queue::default() });
        Some((last, queue.newest.into_iter().map(|(key, (object, _))| (key, object)).collect()))
    }

    /// What is kept for `target`, by keys; nothing if it is nothing.
    pub(super) fn kept_for(&self, target: NodeId) -> Option<KeptHints> {
        let queue = self.queues.get(&target)?;
        let upto = queue.hints.back()?.number;
        let copies = queue.newest.iter().map(|(&key, (object, _))| (key, object.clone())).collect();
        Some(KeptHints { target, upto, copies })
    }

    /// Another node keeps everything for `target` up to hint `upto`.
    pub(super) fn drop_upto(&mut self, target: NodeId, upto: u64) {
        let queue = self.queues.entry(target).or_default();
        self.bytes -= queue.bytes;
        while queue.hints.front().is_some_and(|hint| hint.number <= upto) {
            queue.pop(self.sizes);
        }
        self.bytes += queue.bytes;
    }

    /// Bytes of all queues.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Keeps `object` for `target`.
    ///
    /// # Panics
    /// If the target is the holder: what a node holds for itself is its table.
    pub(super) fn keep(&mut self, target: NodeId, key: Key, object: Object) -> Hint {
        assert_ne!(target, self.holder, "a hint's target is never its holder");
        let hint = Hint { number: self.next_number, key, object };
        self.next_number += 1;
        self.push(target, hint.clone());
        hint
    }

    fn push(&mut self, target: NodeId, hint: Hint) {
        let queue = self.queues.entry(target).or_default();
        self.bytes -= queue.bytes;
        queue.push(hint, self.sizes);
        self.bytes += queue.bytes;
    }

    /// What is kept of `key` here, for anybody.
    pub(super) fn newest(&self, key: Key) -> Option<Object> {
        let copies = self.queues.values().filter_map(|queue| queue.newest.get(&key)).map(|(copy, _)| copy);
        copies.fold(None, |all: Option<Object>, copy| {
            Some(all.map_or_else(|| copy.clone(), |all| all.joined(copy)))
        })
    }

    /// What is kept of each key for each target, in order.
    pub(super) fn iter_newest(&self) -> impl Iterator<Item = (Key, &Object)> + '_ {
        self.queues.values().flat_map(|queue| queue.newest.iter().map(|(&key, (object, _))| (key, object)))
    }

    /// Whether a write is kept here for somebody, and for whom.
    pub(super) fn holding(&self, sought: &Sought<'_>) -> Option<Holding> {
        let keeps = |(_, queue): &(NodeId, &Queue)| {
            queue.newest.get(&sought.key).is_some_and(|(object, _)| object.holds(sought))
        };
        self.targets().find(keeps).map(|(target, _)| Holding::Hint { target })
    }

    /// How long the throttle holds everything back at `now`.
    pub(super) fn held_back(&self, now: VirtualTime) -> Span {
        self.free_at.since(now)
    }

    /// The next batch for `target` at `now`; empty if nothing waits. It stays queued until it is acknowledged.
    pub(super) fn begin_batch(
        &mut self,
        target: NodeId,
        throttle: Option<u64>,
        now: VirtualTime,
    ) -> Box<[Hint]> {
        let most_bytes = throttle.map_or(u64::MAX, |rate| rate / BATCHES_PER_SECOND);
        let mut bytes = 0;
        let queue = self.queues.entry(target).or_default();
        let fits = |hint: &&Hint| {
            let is_first = bytes == 0;
            bytes += hint_bytes(&hint.object, self.sizes);
            is_first || bytes <= most_bytes
        };
        let batch: Box<[Hint]> = queue.hints.iter().take(BATCH).take_while(fits).cloned().collect();
        queue.in_flight = batch.last().map(|hint| hint.number);
        if let Some(rate) = throttle {
            let sent: u64 = batch.iter().map(|hint| hint_bytes(&hint.object, self.sizes)).sum();
            self.free_at = self.free_at.max(now) + Span::seconds(1).scaled(sent, rate);
        }
        batch
    }

    /// `target` has everything up to hint `upto`: if that is the batch under way, it is dropped.
    pub(super) fn end_batch(&mut self, target: NodeId, upto: u64) -> BatchEnd {
        let queue = self.queues.entry(target).or_default();
        if queue.in_flight != Some(upto) {
            return BatchEnd::Stale;
        }
        queue.in_flight = None;
        self.bytes -= queue.bytes;
        while queue.hints.front().is_some_and(|hint| hint.number <= upto) {
            queue.pop(self.sizes);
        }
        self.bytes += queue.bytes;
        if queue.hints.is_empty() {
            BatchEnd::Drained { sent: std::mem::take(&mut queue.handed_over) }
        } else {
            BatchEnd::More
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::*;
    use crate::base::data::Data;
    use crate::base::ids::{OpId, Value};

    const SIZES: Sizes = Sizes { key: 8, value: 992 }; // 1 024 bytes a hint
    const TARGET: NodeId = NodeId(2);

    fn cell(stamp: u64) -> Object {
        Object::Latest(Cell::new(stamp, NodeId(0), Some(Data::One(Value(1))), OpId(1)))
    }

    fn hints(count: u64) -> Hints {
        let mut hints = Hints::new(NodeId(0), 1, SIZES, BTreeMap::new());
        for stamp in 1..=count {
            hints.keep(TARGET, Key(7), cell(stamp));
        }
        hints
    }

    #[test]
    fn a_throttled_coordinator_sends_its_rate_and_no_more() {
        let mut hints = hints(300);
        let (mut now, mut sent) = (VirtualTime::ZERO, 0);
        while now < VirtualTime(5_000_000) {
            let batch = hints.begin_batch(TARGET, Some(51_200), now);
            sent += batch.len();
            hints.end_batch(TARGET, batch.last().unwrap().number);
            now += hints.held_back(now);
        }
        assert_eq!(sent, 5 * 50, "50 KiB/s of 1 KiB hints for 5 s");
    }

    #[test]
    fn a_batch_stays_until_it_is_acknowledged_and_the_last_one_counts_all() {
        let mut hints = hints(70);
        assert_eq!(hints.bytes(), 70 * 1_024);
        let first = hints.begin_batch(TARGET, None, VirtualTime::ZERO);
        assert_eq!(first.len(), BATCH);
        assert_eq!(hints.end_batch(TARGET, 1), BatchEnd::Stale, "an acknowledgement of something else");
        assert_eq!(hints.end_batch(TARGET, first[63].number), BatchEnd::More);
        let rest = hints.begin_batch(TARGET, None, VirtualTime::ZERO);
        assert_eq!(hints.end_batch(TARGET, rest[5].number), BatchEnd::Drained { sent: 70 });
        assert_eq!((hints.bytes(), hints.newest(Key(7))), (0, None));
    }

    #[test]
    fn reads_see_the_newest_hint_of_a_key() {
        let mut hints = hints(3);
        hints.keep(NodeId(1), Key(7), cell(9));
        assert_eq!(hints.newest(Key(7)), Some(cell(9)));
        assert_eq!(hints.newest(Key(8)), None);
    }

    #[test]
    fn a_second_life_never_reuses_numbers() {
        let kept = hints(2);
        let numbers: BTreeMap<u64, Hint> =
            kept.queue(TARGET).hints.iter().map(|hint| (hint.number, hint.clone())).collect();
        let mut second = Hints::new(NodeId(0), 2, SIZES, BTreeMap::from([(TARGET, numbers.clone())]));
        assert_eq!(second.bytes(), kept.bytes());
        let next = second.keep(TARGET, Key(7), cell(9)).number;
        assert!(numbers.keys().all(|&number| number < next));
    }
}
