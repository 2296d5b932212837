//! Dotted version vector sets (Preguiça, Baquero, Almeida, Fonte, Gonçalves 2012; Riak 2.0): siblings of which each
//! knows the one event that made it, so that a write replaces exactly what its writer had seen.

use crate::base::vector::{Actor, Vector};
use std::collections::BTreeMap;

/// The last events of one actor: `count` of them are known, and the values of the last few are still there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line<V> {
    count: u64,
    /// Newest first: the value of event `count`, of `count - 1`, …
    values: Vec<V>,
}

impl<V> Default for Line<V> {
    fn default() -> Self {
        Line { count: 0, values: Vec::new() }
    }
}

impl<V> Line<V> {
    /// The events before the oldest value that is still there.
    fn settled(&self) -> u64 {
        self.count - self.values.len() as u64
    }

    /// The values of events up to `known` have been seen and replaced.
    fn discard(&mut self, known: u64) {
        let left = self.count.saturating_sub(known.max(self.settled()));
        self.values.truncate(left as usize);
        self.count = self.count.max(known);
    }
}

/// Siblings with their causal past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dotted<V> {
    lines: BTreeMap<Actor, Line<V>>,
}

impl<V> Default for Dotted<V> {
    fn default() -> Self {
        Dotted { lines: BTreeMap::new() }
    }
}

impl<V: Clone> Dotted<V> {
    /// What a reader gets with the values, and gives back with its write.
    pub fn context(&self) -> Vector {
        self.lines.iter().map(|(&actor, line)| (actor, line.count)).collect()
    }

    /// `actor` writes `value` for a client that has seen `context`: what the client has seen is replaced.
    pub fn put(&mut self, context: &Vector, actor: Actor, value: V) {
        for (seen, count) in context.iter() {
            self.lines.entry(seen).or_default().discard(count);
        }
        let line = self.lines.entry(actor).or_default();
        line.count += 1;
        line.values.insert(0, value);
    }

    /// Takes in what another replica knows.
    pub fn merge(&mut self, other: &Dotted<V>) {
        for (&actor, theirs) in &other.lines {
            let ours = self.lines.entry(actor).or_default();
            let settled = ours.settled().max(theirs.settled());
            if theirs.count > ours.count {
                *ours = theirs.clone();
            }
            // What either side has replaced is replaced.
            ours.discard(settled);
        }
    }

    /// The siblings.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.lines.values().flat_map(|line| &line.values)
    }

    /// Each sibling with the event that made it.
    pub fn dots(&self) -> impl Iterator<Item = (Actor, u64, &V)> {
        self.lines.iter().flat_map(|(&actor, line)| {
            let numbered = (line.settled() + 1..=line.count).rev().zip(&line.values);
            numbered.map(move |(number, value)| (actor, number, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: Actor = Actor(1);
    const B: Actor = Actor(2);

    fn joined(a: &Dotted<u32>, b: &Dotted<u32>) -> Dotted<u32> {
        let mut joined = a.clone();
        joined.merge(b);
        joined
    }

    /// The worked example of replication.md 2.10 (c).
    #[test]
    fn a_write_replaces_what_its_writer_saw_and_nothing_else() {
        let mut set = Dotted::default();
        set.put(&Vector::default(), A, 1);
        let seen = set.context();
        assert_eq!(seen, [(A, 1)].into_iter().collect());
        set.put(&Vector::default(), A, 2);
        set.put(&seen, A, 3);
        assert_eq!(set.dots().collect::<Vec<_>>(), [(A, 3, &3), (A, 2, &2)]);
    }

    #[test]
    fn alternating_writers_with_old_contexts_never_leave_more_than_two() {
        let mut set = Dotted::default();
        let mut contexts = [Vector::default(), Vector::default()];
        for write in 0..25 {
            let writer = write as usize % 2;
            set.put(&contexts[writer], A, write);
            contexts[writer] = set.context();
            assert!(set.values().count() <= 2, "{set:?}");
        }
    }

    #[test]
    fn what_one_side_replaced_does_not_come_back_from_the_other() {
        let mut old = Dotted::default();
        old.put(&Vector::default(), A, 1);
        let mut new = old.clone();
        new.put(&old.context(), B, 2);
        assert_eq!(joined(&old, &new).values().collect::<Vec<_>>(), [&2]);
        assert_eq!(joined(&new, &old).values().collect::<Vec<_>>(), [&2]);
    }

    /// What happens at one of three replicas.
    #[derive(Clone, Debug)]
    enum Deed {
        /// A client that read at `read` writes at `at`.
        Write { read: usize, at: usize },
        /// One replica hears of another.
        Merge { from: usize, to: usize },
    }

    fn deeds() -> impl Strategy<Value = Vec<Deed>> {
        let write = (0_usize..3, 0_usize..3).prop_map(|(read, at)| Deed::Write { read, at });
        let merge = (0_usize..3, 0_usize..3).prop_map(|(from, to)| Deed::Merge { from, to });
        prop::collection::vec(prop_oneof![write, merge], 0..40)
    }

    /// Lives through deeds; gives the replicas, and for each write the values its writer had seen.
    fn live(deeds: &[Deed]) -> (Vec<Dotted<u32>>, Vec<Vec<u32>>) {
        let mut replicas = vec![Dotted::default(); 3];
        let mut past: Vec<Vec<u32>> = Vec::new();
        for deed in deeds {
            match *deed {
                Deed::Write { read, at } => {
                    let context = replicas[read].context();
                    let seen: Vec<u32> = replicas[read].values().copied().collect();
                    replicas[at].put(&context, Actor(at as u64), past.len() as u32);
                    past.push(seen);
                }
                Deed::Merge { from, to } => {
                    let other = replicas[from].clone();
                    replicas[to].merge(&other);
                }
            }
        }
        (replicas, past)
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(deeds in deeds()) {
            let (replicas, _) = live(&deeds);
            let [a, b, c] = [&replicas[0], &replicas[1], &replicas[2]];
            prop_assert_eq!(joined(a, b), joined(b, a));
            prop_assert_eq!(joined(&joined(a, b), c), joined(a, &joined(b, c)));
            prop_assert_eq!(&joined(a, a), a);
        }

        #[test]
        fn once_all_have_heard_of_all_exactly_those_values_are_left_that_no_writer_had_seen(deeds in deeds()) {
            let (replicas, past) = live(&deeds);
            let whole = replicas.iter().fold(Dotted::default(), |whole, replica| joined(&whole, replica));
            let mut left: Vec<u32> = whole.values().copied().collect();
            left.sort_unstable();
            let replaced: Vec<u32> = past.iter().flatten().copied().collect();
            let unseen: Vec<u32> = (0..past.len() as u32).filter(|value| !replaced.contains(value)).collect();
            prop_assert_eq!(left, unseen);
        }
    }
}
