//! A set to which replicas add and from which they remove at once: the observed-remove set without tombstones
//! (Bieniusa et al. 2012). A remove takes away the additions it has seen; one it has not seen stays.

use crate::base::vector::{Actor, Vector};
use std::collections::{BTreeMap, BTreeSet};

/// The set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedSet<E> {
    /// The additions of each element that nobody has removed.
    dots: BTreeMap<E, BTreeSet<(Actor, u64)>>,
    /// All additions and removals that are known; an addition may be removed by now.
    seen: Vector,
}

impl<E> Default for ObservedSet<E> {
    fn default() -> Self {
        ObservedSet { dots: BTreeMap::new(), seen: Vector::default() }
    }
}

impl<E: Clone + Ord> ObservedSet<E> {
    /// `actor` adds `element`; what it had seen of earlier additions is one with this one.
    pub fn add(&mut self, actor: Actor, element: E) {
        let dot = (actor, self.seen.count(actor));
        self.dots.insert(element, BTreeSet::from([dot]));
    }

    /// `actor` removes the additions of `element` that are known here.
    pub fn remove(&mut self, actor: Actor, element: &E) {
        self.seen.count(actor);
        self.dots.remove(element);
    }

    /// The additions and removals that are in the set.
    pub fn seen(&self) -> &Vector {
        &self.seen
    }

    /// Takes in what another replica knows.
    pub fn merge(&mut self, other: &ObservedSet<E>) {
        let knows = |vector: &Vector, (actor, number): &(Actor, u64)| vector.get(*actor) >= *number;
        let elements: BTreeSet<E> = self.dots.keys().chain(other.dots.keys()).cloned().collect();
        let nothing = BTreeSet::new();
        for element in elements {
            let ours = self.dots.get(&element).unwrap_or(&nothing);
            let theirs = other.dots.get(&element).unwrap_or(&nothing);
            // An addition stays if both have it, or if the one who lacks it has never seen it.
            let left = ours.iter().filter(|dot| theirs.contains(dot) || !knows(&other.seen, dot));
            let right = theirs.iter().filter(|dot| ours.contains(dot) || !knows(&self.seen, dot));
            let dots: BTreeSet<(Actor, u64)> = left.chain(right).copied().collect();
            if dots.is_empty() {
                self.dots.remove(&element);
            } else {
                self.dots.insert(element, dots);
            }
        }
        self.seen.merge(&other.seen);
    }

    /// The elements, in order.
    pub fn elements(&self) -> impl Iterator<Item = &E> {
        self.dots.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(a: &ObservedSet<u8>, b: &ObservedSet<u8>) -> ObservedSet<u8> {
        let mut joined = a.clone();
        joined.merge(b);
        joined
    }

    #[test]
    fn an_addition_that_a_remove_has_not_seen_stays() {
        let mut left = ObservedSet::default();
        left.add(Actor(1), 7);
        let mut right = left.clone();
        left.remove(Actor(1), &7);
        right.add(Actor(2), 7);
        assert_eq!(joined(&left, &right).elements().collect::<Vec<_>>(), [&7]);
        let mut after = joined(&left, &right);
        after.remove(Actor(1), &7);
        assert_eq!(joined(&after, &right).elements().count(), 0, "a remove that has seen it is for good");
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent_and_states_only_grow(
            deeds in prop::collection::vec((0_usize..3, 0_usize..3, 0_u8..4, 0_u8..3), 0..40),
        ) {
            let mut replicas = vec![ObservedSet::default(); 3];
            for &(from, at, element, deed) in &deeds {
                let before = replicas[at].clone();
                match deed {
                    0 => replicas[at].add(Actor(at as u64), element),
                    1 => replicas[at].remove(Actor(at as u64), &element),
                    _ => {
                        let other = replicas[from].clone();
                        replicas[at].merge(&other);
                    }
                }
                prop_assert_eq!(&joined(&before, &replicas[at]), &replicas[at], "an operation never goes back");
            }
            let [a, b, c] = [&replicas[0], &replicas[1], &replicas[2]];
            prop_assert_eq!(joined(a, b), joined(b, a));
            prop_assert_eq!(joined(&joined(a, b), c), joined(a, &joined(b, c)));
            prop_assert_eq!(&joined(a, a), a);
        }
    }
}
