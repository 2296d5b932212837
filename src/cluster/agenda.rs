//! The event queue: what happens next, ordered by (virtual time, sequence number).
//!
//! A heap of one packed integer per entry (time, sequence, slot) beside a slab of payloads: comparing two entries
//! is comparing two integers, and no entry is ever moved with its payload. The heap holds the near future alone;
//! what is due later (deadlines, timers: most of what is pending) waits unsorted in windows, so that the heap stays
//! shallow. Entries cannot be removed; whoever cancels something leaves its entry to be recognised as stale when it
//! is popped.

use crate::base::time::VirtualTime;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Bits of the packed key that name the slab slot: at most 16 million pending entries.
const SLOT_BITS: u32 = 24;
/// Bits that hold the sequence number: 10^12 events.
const SEQUENCE_BITS: u32 = 40;
/// A window of the later future is 2^14 microseconds wide: longer than most messages travel.
const WINDOW_BITS: u32 = 14;

/// A queue of `T`, earliest first; equal instants leave in the order in which they came.
#[derive(Clone, Debug)]
pub struct Agenda<T> {
    /// Everything due before `horizon`.
    heap: BinaryHeap<Reverse<u128>>,
    horizon: VirtualTime,
    /// The rest, by window.
    later: BTreeMap<u64, Vec<Reverse<u128>>>,
    slab: Vec<T>,
    free: Vec<u32>,
    sequence: u64,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Agenda {
            heap: BinaryHeap::new(),
            horizon: VirtualTime::ZERO,
            later: BTreeMap::new(),
            slab: Vec::new(),
            free: Vec::new(),
            sequence: 0,
        }
    }
}

impl<T: Copy> Agenda<T> {
    /// Puts `item` at `at`.
    ///
    /// # Panics
    /// If 16 million entries are pending.
    pub fn push(&mut self, at: VirtualTime, item: T) {
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slab[slot as usize] = item;
                slot
            }
            None => {
                self.slab.push(item);
                u32::try_from(self.slab.len() - 1).expect("the slab holds at most 2^24 entries")
            }
        };
        assert!(slot < 1 << SLOT_BITS, "more than 16 million pending events");
        self.sequence += 1;
        let low = (u128::from(self.sequence) << SLOT_BITS) | u128::from(slot);
        let key = Reverse((u128::from(at.0) << (SLOT_BITS + SEQUENCE_BITS)) | low);
        if at < self.horizon {
            self.heap.push(key);
        } else {
            self.later.entry(at.0 >> WINDOW_BITS).or_default().push(key);
        }
    }

    /// When the next entry is due.
    pub fn next_at(&self) -> Option<VirtualTime> {
        self.peek().map(|(at, _)| at)
    }

    /// The next entry and when it is due; it stays.
    pub fn peek(&self) -> Option<(VirtualTime, T)> {
        let near = self.heap.peek().copied();
        let first = || self.later.first_key_value().and_then(|(_, window)| window.iter().max().copied());
        let Reverse(key) = near.or_else(first)?;
        Some((time_of(key), self.slab[slot_of(key)]))
    }

    /// Takes the next entry if it is due before `limit`.
    pub fn pop_before(&mut self, limit: VirtualTime) -> Option<(VirtualTime, T)> {
        if self.heap.is_empty() {
            self.bring_near();
        }
        let Reverse(key) = *self.heap.peek()?;
        let at = time_of(key);
        if at >= limit {
            return None;
        }
        self.heap.pop();
        let slot = slot_of(key);
        self.free.push(slot as u32);
        Some((at, self.slab[slot]))
    }
}

impl<T> Agenda<T> {
    /// The next window becomes the near future.
    fn bring_near(&mut self) {
        if let Some((window, keys)) = self.later.pop_first() {
            self.heap = BinaryHeap::from(keys);
            self.horizon = VirtualTime((window + 1).saturating_mul(1 << WINDOW_BITS));
        }
    }
}

fn time_of(key: u128) -> VirtualTime {
    VirtualTime((key >> (SLOT_BITS + SEQUENCE_BITS)) as u64)
}

fn slot_of(key: u128) -> usize {
    (key & ((1 << SLOT_BITS) - 1)) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_leave_by_time_and_then_by_arrival() {
        let mut agenda = Agenda::default();
        for (at, item) in [(5, 'a'), (3, 'b'), (5, 'c'), (3, 'd'), (9, 'e')] {
            agenda.push(VirtualTime(at), item);
        }
        let order: String =
            std::iter::from_fn(|| agenda.pop_before(VirtualTime(9))).map(|(_, item)| item).collect();
        assert_eq!(order, "bdac");
        assert_eq!(agenda.next_at(), Some(VirtualTime(9)));
    }

    #[test]
    fn near_and_far_leave_in_one_order_whenever_they_came() {
        let mut agenda = Agenda::default();
        let (mut chance, mut expected, mut left) =
            (crate::base::random::Stream::new(1, "agenda"), Vec::new(), Vec::new());
        let mut now = 0;
        for item in 0..3_000_u64 {
            let far = if chance.chance(500_000) { 1_000 } else { 200_000 };
            let at = now + chance.below(far);
            agenda.push(VirtualTime(at), item);
            expected.push((VirtualTime(at), item));
            if item % 3 > 0 {
                assert!(agenda.next_at().is_some());
                let (at, item) = agenda.pop_before(VirtualTime::MAX).expect("more come than go");
                now = at.0;
                left.push((at, item));
            }
        }
        while let Some(due) = agenda.next_at() {
            let (at, item) = agenda.pop_before(VirtualTime::MAX).expect("one is due");
            assert_eq!(at, due);
            left.push((at, item));
        }
        expected.sort_unstable();
        assert_eq!(left, expected);
    }

    #[test]
    fn slots_are_used_again() {
        let mut agenda = Agenda::default();
        for round in 0..1_000 {
            agenda.push(VirtualTime(round), round);
            assert_eq!(agenda.pop_before(VirtualTime::MAX), Some((VirtualTime(round), round)));
        }
        assert_eq!(agenda.slab.len(), 1);
    }
}
