//! A set to which replicas add and from which they remove at once: the observed-remove set without tombstones
//! (Bieniusa et al. 2012). A remove takes away the additions it has seen; one it has not seen stays.

use crate::base::vector::{Actor, Event, Vector};

/// The set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObservedSet<E> {
    /// The additions that nobody has removed, in order; an element that was added side by side has several.
    dots: Vec<(E, Event)>,
    /// All additions and removals that are known; an addition may be removed by now.
    seen: Vector,
}

impl<E> Default for ObservedSet<E> {
    fn default() -> Self {
        ObservedSet { dots: Vec::new(), seen: Vector::default() }
    }
}

impl<E: Copy + Ord> ObservedSet<E> {
    /// `actor` adds `element`; what it had seen of earlier additions is one with this one.
    pub fn add(&mut self, actor: Actor, element: E) {
        let event = Event { actor, number: self.seen.count(actor) };
        self.forget(element);
        let place = self.dots.partition_point(|(other, _)| *other < element);
        self.dots.insert(place, (element, event));
    }

    /// `actor` removes the additions of `element` that are known here.
    pub fn remove(&mut self, actor: Actor, element: E) {
        self.seen.count(actor);
        self.forget(element);
    }

    fn forget(&mut self, element: E) {
        let first = self.dots.partition_point(|(other, _)| *other < element);
        let beyond = self.dots.partition_point(|(other, _)| *other <= element);
        self.dots.drain(first..beyond);
    }

    /// The additions and removals that are in the set.
    pub fn seen(&self) -> &Vector {
        &self.seen
    }

    /// Takes in what another replica knows. An addition stays if both have it, or if the one who lacks it has never
    /// seen it.
    pub fn merge(&mut self, other: &ObservedSet<E>) {
        let mut dots = Vec::with_capacity(self.dots.len().max(other.dots.len()));
        let (mut ours, mut theirs) = (self.dots.iter().peekable(), other.dots.iter().peekable());
        loop {
            match (ours.peek(), theirs.peek()) {
                (Some(&&dot), Some(&&same)) if dot == same => {
                    dots.push(dot);
                    ours.next();
                    theirs.next();
                }
                (Some(&&dot), next) if next.is_none_or(|&&next| dot < next) => {
                    dots.extend((!other.seen.knows(dot.1)).then_some(dot));
                    ours.next();
                }
                (_, Some(&&dot)) => {
                    dots.extend((!self.seen.knows(dot.1)).then_some(dot));
                    theirs.next();
                }
                (_, None) => break,
            }
        }
        self.dots = dots;
        self.seen.merge(&other.seen);
    }

    /// The elements, in order, each once.
    pub fn elements(&self) -> impl Iterator<Item = &E> {
        let is_first = |place: usize| place == 0 || self.dots[place - 1].0 != self.dots[place].0;
        (0..self.dots.len()).filter(move |&place| is_first(place)).map(|place| &self.dots[place].0)
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
        left.remove(Actor(1), 7);
        right.add(Actor(2), 7);
        assert_eq!(joined(&left, &right).elements().collect::<Vec<_>>(), [&7]);
        let mut after = joined(&left, &right);
        after.remove(Actor(1), 7);
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
                    1 => replicas[at].remove(Actor(at as u64), element),
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
