//! Version vectors (Parker et al. 1983): how many events of each actor are known.

use super::ids::{ClientId, NodeId};
use std::collections::BTreeMap;

/// Who makes events: a replica in one of its lives, or a client. Two lives of a replica are two actors, for a life
/// may not know what the one before it counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Actor(pub u64);

impl Actor {
    /// A node in its `incarnation`-th life, for keys that it met first after it had forgotten `forgotten` others: one
    /// that counts a forgotten key anew must not count under its old name (the actor epochs of Riak 2.1).
    pub fn node(node: NodeId, incarnation: u32, forgotten: u32) -> Actor {
        Actor(u64::from(node.0) << 48 | u64::from(incarnation & 0xFFFF) << 32 | u64::from(forgotten))
    }

    /// A client.
    pub fn client(client: ClientId) -> Actor {
        Actor(1 << 63 | u64::from(client.0))
    }

    /// Whether this is `node` in its `incarnation`-th life.
    pub fn is_node(self, node: NodeId, incarnation: u32) -> bool {
        self.0 >> 32 == Actor::node(node, incarnation, 0).0 >> 32
    }
}

/// One event: the `number`-th of its actor, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event {
    /// Who made it.
    pub actor: Actor,
    /// Which of its events.
    pub number: u64,
}

/// How two vectors stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The same events.
    Equal,
    /// The first knows less.
    Before,
    /// The first knows more.
    After,
    /// Each knows something that the other does not.
    Concurrent,
}

/// The vector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vector(BTreeMap<Actor, u64>);

impl Vector {
    /// How many events of `actor` are known.
    pub fn get(&self, actor: Actor) -> u64 {
        self.0.get(&actor).copied().unwrap_or(0)
    }

    /// At least `count` events of `actor` are known.
    pub fn raise(&mut self, actor: Actor, count: u64) {
        if count > self.get(actor) {
            self.0.insert(actor, count);
        }
    }

    /// One more event of `actor`; gives its number.
    pub fn count(&mut self, actor: Actor) -> u64 {
        let number = self.get(actor) + 1;
        self.0.insert(actor, number);
        number
    }

    /// Knows from now on what either knows.
    pub fn merge(&mut self, other: &Vector) {
        other.0.iter().for_each(|(&actor, &count)| self.raise(actor, count));
    }

    /// Whether all that `other` knows is known here.
    pub fn covers(&self, other: &Vector) -> bool {
        other.0.iter().all(|(&actor, &count)| self.get(actor) >= count)
    }

    /// Whether `event` is known.
    pub fn knows(&self, event: Event) -> bool {
        self.get(event.actor) >= event.number
    }

    /// How many events are known, of all actors together.
    pub fn total(&self) -> u64 {
        self.0.values().sum()
    }

    /// How this stands to `other`.
    pub fn order(&self, other: &Vector) -> Order {
        match (self.covers(other), other.covers(self)) {
            (true, true) => Order::Equal,
            (true, false) => Order::After,
            (false, true) => Order::Before,
            (false, false) => Order::Concurrent,
        }
    }

    /// Forgets an actor (pruning): from then on, what it did is unknown here.
    pub fn forget(&mut self, actor: Actor) {
        self.0.remove(&actor);
    }

    /// How many actors it names.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The actors with their counts, in order.
    pub fn iter(&self) -> impl Iterator<Item = (Actor, u64)> + '_ {
        self.0.iter().map(|(&actor, &count)| (actor, count))
    }
}

impl FromIterator<(Actor, u64)> for Vector {
    fn from_iter<I: IntoIterator<Item = (Actor, u64)>>(counts: I) -> Self {
        let mut vector = Vector::default();
        counts.into_iter().for_each(|(actor, count)| vector.raise(actor, count));
        vector
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vectors() -> impl Strategy<Value = Vector> {
        prop::collection::btree_map(0_u64..4, 1_u64..5, 0..4)
            .prop_map(|counts| counts.into_iter().map(|(actor, count)| (Actor(actor), count)).collect())
    }

    proptest! {
        #[test]
        fn merging_is_the_least_vector_that_covers_both(a in vectors(), b in vectors(), c in vectors()) {
            let join = |a: &Vector, b: &Vector| {
                let mut joined = a.clone();
                joined.merge(b);
                joined
            };
            let both = join(&a, &b);
            prop_assert!(both.covers(&a) && both.covers(&b));
            prop_assert_eq!(&both, &join(&b, &a));
            prop_assert_eq!(join(&both, &c), join(&a, &join(&b, &c)));
            prop_assert_eq!(&join(&a, &a), &a);
            if c.covers(&a) && c.covers(&b) {
                prop_assert!(c.covers(&both));
            }
        }

        #[test]
        fn one_more_event_is_after(a in vectors(), actor in 0_u64..4) {
            let mut later = a.clone();
            later.count(Actor(actor));
            prop_assert_eq!((later.order(&a), a.order(&later)), (Order::After, Order::Before));
        }
    }
}
