//! A counter that goes up and down at every replica at once: the PN-counter (Shapiro, Preguiça, Baquero, Zawirski
//! 2011). Every replica counts for itself; the value is the sum.

use crate::base::vector::{Actor, Vector};
use std::collections::BTreeMap;

/// The counter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// What each actor has added and taken away, and how often.
    counts: BTreeMap<Actor, Count>,
}

/// What one actor has counted. All three only grow, so the greater of each is the later.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    up: u64,
    down: u64,
    events: u64,
}

impl Counter {
    /// `actor` adds `amount`.
    pub fn add(&mut self, actor: Actor, amount: i64) {
        let count = self.counts.entry(actor).or_default();
        let side = if amount >= 0 { &mut count.up } else { &mut count.down };
        *side = side.saturating_add(amount.unsigned_abs());
        count.events += 1;
    }

    /// The additions that are in the sum.
    pub fn seen(&self) -> Vector {
        self.counts.iter().map(|(&actor, count)| (actor, count.events)).collect()
    }

    /// Takes in what another replica knows.
    pub fn merge(&mut self, other: &Counter) {
        for (&actor, theirs) in &other.counts {
            let own = self.counts.entry(actor).or_default();
            own.up = own.up.max(theirs.up);
            own.down = own.down.max(theirs.down);
            own.events = own.events.max(theirs.events);
        }
    }

    /// The sum.
    pub fn value(&self) -> i64 {
        let sum = |side: fn(&Count) -> u64| self.counts.values().map(side).map(i128::from).sum::<i128>();
        let value = sum(|count| count.up) - sum(|count| count.down);
        value.clamp(i64::MIN.into(), i64::MAX.into()) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(a: &Counter, b: &Counter) -> Counter {
        let mut joined = a.clone();
        joined.merge(b);
        joined
    }

    proptest! {
        #[test]
        fn whatever_is_merged_when_the_sum_is_of_all_that_was_added(
            deeds in prop::collection::vec((0_usize..3, 0_usize..3, -9_i64..10, any::<bool>()), 0..40),
        ) {
            let mut replicas = vec![Counter::default(); 3];
            let mut sum = 0;
            for &(from, at, amount, is_addition) in &deeds {
                let before = replicas[at].clone();
                if is_addition {
                    replicas[at].add(Actor(at as u64), amount);
                    sum += amount;
                } else {
                    let other = replicas[from].clone();
                    replicas[at].merge(&other);
                }
                prop_assert_eq!(&joined(&before, &replicas[at]), &replicas[at], "states only grow");
            }
            let [a, b, c] = [&replicas[0], &replicas[1], &replicas[2]];
            prop_assert_eq!(joined(a, b), joined(b, a));
            prop_assert_eq!(joined(&joined(a, b), c), joined(a, &joined(b, c)));
            prop_assert_eq!(&joined(a, a), a);
            prop_assert_eq!(joined(&joined(a, b), c).value(), sum);
        }
    }

    #[test]
    fn an_actor_that_counts_anew_loses_what_it_had_counted() {
        let mut whole = Counter::default();
        whole.add(Actor(1), 5);
        let mut restored = Counter::default();
        restored.add(Actor(1), 3);
        assert_eq!(
            joined(&whole, &restored).value(),
            5,
            "the three are lost: actors must be unique to a life"
        );
    }
}
