//! The general search: all orders at once, event by event (just-in-time linearization).
//!
//! A configuration is a state and the set of open operations that have taken effect. Operations take effect no sooner
//! than an end forces one to: at the end of an operation, every configuration in which it has not yet taken effect is
//! extended, by any open operations in any order, until it has. If no configuration is left, no order exists; of
//! registers the events so far are then the shortest prefix without one, while other models look ahead at reads. After Wing and Gong (1993), Lowe (*Testing for linearizability*,
//! 2017) and Knossos; deciding is NP-complete, hence the budget.
//!
//! What keeps it small, next to what [`super::problem`] has decided already:
//! - a read that is legal takes effect at once: in any order it could be moved to the front;
//! - of open operations with the same effect the one that ends first goes first: any order can be so exchanged;
//! - operations that never end are counted by effect, and of two configurations that differ in these counts alone the
//!   one that used fewer stays ([`super::frontier`]);
//! - a count that only rises must not pass what a later read shows.
//!
//! A search stops when its steps are spent and goes on from there when it gets more.

use super::frontier::Frontier;
use super::problem::{Effect, Item, Problem};
use crate::check::history::{NEVER, OperationId};

/// What a search came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// An order exists.
    Order,
    /// None exists: not even of what was called before this operation ended.
    NoOrder(OperationId),
    /// The configurations did not fit into memory.
    TooLarge,
}

/// Cells before the mask: the state in two halves.
const STATE: usize = 2;

/// A search that can be interrupted.
#[derive(Clone, Debug)]
pub(super) struct Search {
    problem: Problem,
    /// (place, item, whether it ends), in order.
    events: Vec<(u32, u32, bool)>,
    at: usize,
    /// The open operations that will end, by slot, and the slot of each item.
    slots: Vec<Option<u32>>,
    slot_of: Vec<u32>,
    /// Operations that never end, by what they do.
    free: Vec<Free>,
    free_of_class: Vec<Option<u32>>,
    /// Configurations between events.
    now: Frontier,
    /// Those still to be extended at the present end, how many of them are done, and those in which it took effect.
    work: Frontier,
    done: usize,
    out: Frontier,
    is_extending: bool,
    candidates: Vec<Candidate>,
    /// Where the state only ever counts up: of each event, the least number that a read called later shows.
    ceilings: Option<Vec<i64>>,
    row: Vec<u32>,
    steps: u64,
}

#[derive(Clone, Copy, Debug)]
struct Free {
    effect: Effect,
    called: u32,
}

/// What may take effect next.
#[derive(Clone, Copy, Debug)]
struct Candidate {
    class: u32,
    effect: Effect,
    /// The end, so that of equal effects the first to end stands first.
    end: u32,
    who: Who,
}

#[derive(Clone, Copy, Debug)]
enum Who {
    Slot(u32),
    Free(u32),
}

impl Search {
    /// A search that has not begun.
    pub(super) fn new(problem: Problem) -> Search {
        let mut events: Vec<(u32, u32, bool)> = Vec::with_capacity(2 * problem.items.len());
        for (index, item) in (0..).zip(&problem.items) {
            events.push((item.call, index, false));
            if item.end != NEVER {
                events.push((item.end, index, true));
            }
        }
        // Several may be called at place 0, before everything.
        events.sort_unstable();
        let (slots, slot_of) = slots(&problem.items, &events);
        let mut free_of_class = vec![None; problem.classes as usize];
        let mut free: Vec<Free> = Vec::new();
        for item in problem.items.iter().filter(|item| item.end == NEVER) {
            let known = &mut free_of_class[item.class as usize];
            if known.is_none() {
                *known = u32::try_from(free.len()).ok();
                free.push(Free { effect: item.effect, called: 0 });
            }
        }
        let head = STATE + slots.div_ceil(32);
        let empty = Frontier::new(head, free.len());
        let mut row = vec![0; head + free.len()];
        put_state(&mut row, problem.start);
        let mut now = empty.clone();
        now.insert(&row);
        let steps = problem.cost;
        let ceilings = ceilings(&problem.items, &events);
        Search {
            problem,
            events,
            at: 0,
            slots: vec![None; slots],
            slot_of,
            free,
            free_of_class,
            now,
            work: empty.clone(),
            done: 0,
            out: empty,
            is_extending: false,
            candidates: Vec::new(),
            ceilings,
            row,
            steps,
        }
    }

    /// Steps taken so far.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// Goes on until `steps` have been taken in all or more than `bytes` are held. `None` if it is not done by then.
    pub(super) fn run(&mut self, steps: u64, bytes: u64) -> Option<Found> {
        while let Some(&(_, item, is_end)) = self.events.get(self.at) {
            if self.steps >= steps {
                return None;
            }
            if !is_end {
                self.call(item);
            } else {
                if !self.is_extending {
                    self.begin_end(item);
                }
                match self.extend(item, steps, bytes) {
                    None => return None,
                    Some(false) => return Some(Found::TooLarge),
                    Some(true) => {}
                }
                if !self.finish_end(item) {
                    return Some(Found::NoOrder(self.problem.items[item as usize].id));
                }
            }
            self.at += 1;
        }
        Some(Found::Order)
    }

    fn call(&mut self, index: u32) {
        let item = self.problem.items[index as usize];
        self.steps += 1;
        if item.end == NEVER {
            if let Some(free) = self.free_of_class[item.class as usize] {
                self.free[free as usize].called += 1;
            }
            return;
        }
        let slot = self.slot_of[index as usize];
        self.slots[slot as usize] = Some(index);
        if item.effect.is_pure() {
            // Where it is legal it takes effect at once.
            let mut next = std::mem::take(&mut self.out);
            next.clear();
            for row in self.now.rows() {
                self.steps += 1;
                self.row.copy_from_slice(row);
                if self.problem.step(state_of(row), item.effect).is_some() {
                    put_bit(&mut self.row, slot);
                }
                next.insert(&self.row);
            }
            self.out = std::mem::replace(&mut self.now, next);
        }
    }

    /// Parts the configurations in which `index` has taken effect from those that must be extended.
    fn begin_end(&mut self, index: u32) {
        let slot = self.slot_of[index as usize];
        self.out.clear();
        self.work.clear();
        for row in self.now.rows() {
            self.steps += 1;
            if has_bit(row, slot) {
                self.row.copy_from_slice(row);
                clear_bit(&mut self.row, slot);
                self.out.insert(&self.row);
            } else {
                self.work.insert(row);
            }
        }
        self.done = 0;
        self.is_extending = true;
        if self.work.len() > 0 {
            self.gather_candidates();
        }
    }

    fn gather_candidates(&mut self) {
        self.candidates.clear();
        for (slot, index) in (0..).zip(&self.slots) {
            let Some(item) = index.map(|index| self.problem.items[index as usize]) else { continue };
            if !item.effect.is_pure() {
                let who = Who::Slot(slot);
                self.candidates.push(Candidate {
                    class: item.class,
                    effect: item.effect,
                    end: item.end,
                    who,
                });
            }
        }
        for (class, free) in (0..).zip(&self.free_of_class) {
            let Some(number) = *free else { continue };
            let free = self.free[number as usize];
            if free.called > 0 {
                let who = Who::Free(number);
                self.candidates.push(Candidate { class, effect: free.effect, end: NEVER, who });
            }
        }
        self.candidates.sort_unstable_by_key(|candidate| (candidate.class, candidate.end));
    }

    /// Extends what must be, until `index` has taken effect everywhere. `None` if the steps are spent before, `false`
    /// if the memory is.
    fn extend(&mut self, index: u32, steps: u64, bytes: u64) -> Option<bool> {
        let slot = self.slot_of[index as usize];
        while self.done < self.work.len() {
            if self.steps >= steps {
                return None;
            }
            if self.now.bytes() + self.work.bytes() + self.out.bytes() > bytes {
                return Some(false);
            }
            let Some(from) = self.work.row(self.done).map(<[u32]>::to_vec) else {
                self.done += 1;
                continue;
            };
            self.done += 1;
            if self.is_hopeless(&from, index) {
                continue;
            }
            let mut tried = None;
            for place in 0..self.candidates.len() {
                let candidate = self.candidates[place];
                if tried == Some(candidate.class) || self.is_used_up(&from, candidate.who) {
                    continue;
                }
                tried = Some(candidate.class);
                self.steps += 1;
                let Some(state) = self.problem.step(state_of(&from), candidate.effect) else { continue };
                self.take(&from, state, candidate.who);
                if self.is_too_high(state) {
                    continue;
                }
                if has_bit(&self.row, slot) {
                    clear_bit(&mut self.row, slot);
                    self.out.insert(&self.row);
                } else {
                    self.work.insert(&self.row);
                }
            }
        }
        Some(true)
    }

    /// Whether the count in `self.row` is above what a read that has not yet taken effect shows: it never falls again.
    fn is_too_high(&self, state: u64) -> bool {
        let Some(ceilings) = &self.ceilings else { return false };
        let count = state.cast_signed();
        let is_below = |(slot, index): (u32, &Option<u32>)| {
            let effect = index.map(|index| self.problem.items[index as usize].effect);
            matches!(effect, Some(Effect::Equals(shown)) if shown.cast_signed() < count)
                && !has_bit(&self.row, slot)
        };
        count > ceilings[self.at] || (0..).zip(&self.slots).any(is_below)
    }

    /// Whether the open adds cannot bring the count of `row` to what the read `index` shows.
    fn is_hopeless(&self, row: &[u32], index: u32) -> bool {
        let Effect::Equals(shown) = self.problem.items[index as usize].effect else { return false };
        if self.ceilings.is_none() {
            return false;
        }
        let left = |candidate: &Candidate| {
            let Effect::Count(by) = candidate.effect else { return 0 };
            let times = match candidate.who {
                Who::Slot(slot) => i64::from(!has_bit(row, slot)),
                Who::Free(number) => {
                    i64::from(self.free[number as usize].called - row[self.counts() + number as usize])
                }
            };
            by.saturating_mul(times)
        };
        let count = state_of(row).cast_signed();
        let most = self.candidates.iter().map(left).fold(count, i64::saturating_add);
        !(count..=most).contains(&shown.cast_signed())
    }

    fn is_used_up(&self, row: &[u32], who: Who) -> bool {
        match who {
            Who::Slot(slot) => has_bit(row, slot),
            Who::Free(number) => row[self.counts() + number as usize] >= self.free[number as usize].called,
        }
    }

    /// Makes the next configuration in `self.row`: `who` has taken effect, and so has every read that is legal now.
    fn take(&mut self, from: &[u32], state: u64, who: Who) {
        self.row.copy_from_slice(from);
        put_state(&mut self.row, state);
        match who {
            Who::Slot(slot) => put_bit(&mut self.row, slot),
            Who::Free(number) => {
                let counts = self.counts();
                self.row[counts + number as usize] += 1;
            }
        }
        for (slot, index) in (0..).zip(&self.slots) {
            let Some(effect) = index.map(|index| self.problem.items[index as usize].effect) else { continue };
            if effect.is_pure() && self.problem.step(state, effect).is_some() {
                put_bit(&mut self.row, slot);
            }
        }
    }

    /// The cell where counts begin.
    fn counts(&self) -> usize {
        self.row.len() - self.free.len()
    }

    /// Goes on with what was extended; false if that is nothing.
    fn finish_end(&mut self, index: u32) -> bool {
        self.slots[self.slot_of[index as usize] as usize] = None;
        self.is_extending = false;
        std::mem::swap(&mut self.now, &mut self.out);
        self.now.rows().next().is_some()
    }
}

/// See [`Search::ceilings`]; `None` if the state may fall or is no number.
fn ceilings(items: &[Item], events: &[(u32, u32, bool)]) -> Option<Vec<i64>> {
    let rises = |item: &Item| match item.effect {
        Effect::Count(by) => (0..1 << 40).contains(&by),
        effect => effect.is_pure(),
    };
    if !items.iter().any(|item| matches!(item.effect, Effect::Count(_))) || !items.iter().all(rises) {
        return None;
    }
    let mut ceilings = vec![i64::MAX; events.len()];
    let mut least = i64::MAX;
    for (place, &(_, index, is_end)) in events.iter().enumerate().rev() {
        ceilings[place] = least;
        if let (Effect::Equals(shown), false) = (items[index as usize].effect, is_end) {
            least = least.min(shown.cast_signed());
        }
    }
    Some(ceilings)
}

/// Gives every operation that ends the lowest slot free at its call: (how many slots, the slot of each item).
fn slots(items: &[Item], events: &[(u32, u32, bool)]) -> (usize, Vec<u32>) {
    let mut free = std::collections::BTreeSet::new();
    let (mut count, mut slot_of) = (0_u32, vec![0; items.len()]);
    for &(_, index, is_end) in events {
        if items[index as usize].end == NEVER {
            continue;
        }
        if is_end {
            free.insert(slot_of[index as usize]);
        } else {
            slot_of[index as usize] = free.pop_first().unwrap_or_else(|| {
                count += 1;
                count - 1
            });
        }
    }
    (count as usize, slot_of)
}

fn state_of(row: &[u32]) -> u64 {
    u64::from(row[0]) | u64::from(row[1]) << 32
}

fn put_state(row: &mut [u32], state: u64) {
    row[0] = (state & 0xFFFF_FFFF) as u32;
    row[1] = (state >> 32) as u32;
}

fn has_bit(row: &[u32], slot: u32) -> bool {
    row[STATE + slot as usize / 32] >> (slot % 32) & 1 == 1
}

fn put_bit(row: &mut [u32], slot: u32) {
    row[STATE + slot as usize / 32] |= 1 << (slot % 32);
}

fn clear_bit(row: &mut [u32], slot: u32) {
    row[STATE + slot as usize / 32] &= !(1 << (slot % 32));
}
