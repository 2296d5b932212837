//! Siblings under one vector with a counter per replica, as Riak kept them before 2.0: the vector cannot tell which of
//! the siblings a writer had seen, so one who has not seen them all replaces none. Two clients that take turns with old
//! contexts leave one sibling more with every write: the sibling explosion.

use crate::base::vector::{Actor, Order, Vector};

/// Siblings and what is known of them as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lumped<V> {
    vector: Vector,
    /// In order, each once.
    values: Vec<V>,
}

impl<V> Default for Lumped<V> {
    fn default() -> Self {
        Lumped { vector: Vector::default(), values: Vec::new() }
    }
}

impl<V: Clone + Ord> Lumped<V> {
    /// What a reader gets with the values, and gives back with its write.
    pub fn context(&self) -> Vector {
        self.vector.clone()
    }

    /// `actor` writes `value` for a client that has seen `context`.
    pub fn put(&mut self, context: &Vector, actor: Actor, value: V) {
        if context.covers(&self.vector) {
            self.values.clear();
        }
        self.vector.merge(context);
        self.vector.count(actor);
        self.add(value);
    }

    /// Takes in what another replica knows.
    pub fn merge(&mut self, other: &Lumped<V>) {
        match self.vector.order(&other.vector) {
            Order::After => {}
            Order::Before => self.clone_from(other),
            Order::Equal | Order::Concurrent => {
                self.vector.merge(&other.vector);
                other.values.iter().for_each(|value| self.add(value.clone()));
            }
        }
    }

    fn add(&mut self, value: V) {
        if let Err(place) = self.values.binary_search(&value) {
            self.values.insert(place, value);
        }
    }

    /// The siblings.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.values.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternating_writers_with_old_contexts_leave_a_sibling_a_write() {
        let (replica, mut lump) = (Actor(1), Lumped::default());
        let mut contexts = [Vector::default(), Vector::default()];
        for write in 0..25 {
            let writer = write % 2;
            lump.put(&contexts[writer], replica, write);
            contexts[writer] = lump.context();
        }
        assert_eq!(lump.values().count(), 25);
    }

    #[test]
    fn who_has_seen_everything_replaces_everything() {
        let (replica, mut lump) = (Actor(1), Lumped::default());
        lump.put(&Vector::default(), replica, 1);
        lump.put(&Vector::default(), replica, 2);
        lump.put(&lump.context(), replica, 3);
        assert_eq!(lump.values().collect::<Vec<_>>(), [&3]);
    }

    #[test]
    fn a_later_lump_replaces_an_earlier_one_and_concurrent_ones_stay() {
        let mut old = Lumped::default();
        old.put(&Vector::default(), Actor(1), 1);
        let (mut left, mut right) = (old.clone(), old.clone());
        left.put(&old.context(), Actor(1), 2);
        right.put(&old.context(), Actor(2), 3);
        old.merge(&left);
        assert_eq!(old.values().collect::<Vec<_>>(), [&2]);
        old.merge(&right);
        assert_eq!(old.values().collect::<Vec<_>>(), [&2, &3]);
    }
}
