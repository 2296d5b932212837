//! Siblings with a version vector each, counted by client (Dynamo 4.4; Riak with client ids): correct, but the vectors
//! grow with the clients. So they are pruned, and a pruned vector takes what came after it for concurrent.

use crate::base::time::Span;
use crate::base::vector::{Actor, Vector};
use std::collections::BTreeMap;
use std::sync::Arc;

/// When a vector is cut back (Riak `small_vclock`, `big_vclock`, `young_vclock`, `old_vclock`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pruning {
    /// A vector of no more actors is left alone.
    pub small: usize,
    /// One of more is cut back to this many, if its oldest actor is not young.
    pub big: usize,
    /// An actor that wrote more recently is left alone.
    pub young: Span,
    /// One that last wrote longer ago is cut in any vector that is not small.
    pub old: Span,
}

/// One sibling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Sibling<V> {
    value: V,
    /// Who wrote it.
    by: Actor,
    /// Counts with the time of each actor's last event, as pruning needs it.
    past: Arc<BTreeMap<Actor, (u64, u64)>>,
}

impl<V> Sibling<V> {
    fn vector(&self) -> Vector {
        self.past.iter().map(|(&actor, &(count, _))| (actor, count)).collect()
    }

    /// Whether all events that led here are among those of which `known` gives the counts. Its own is looked at first:
    /// mostly that is the one that is missing.
    fn is_seen(&self, known: impl Fn(Actor) -> u64) -> bool {
        let is_known = |(&actor, &(count, _)): (&Actor, &(u64, u64))| known(actor) >= count;
        self.past.get_key_value(&self.by).is_none_or(is_known) && self.past.iter().all(is_known)
    }

    fn is_seen_by<W>(&self, other: &Sibling<W>) -> bool {
        self.is_seen(|actor| other.past.get(&actor).map_or(0, |&(count, _)| count))
    }
}

/// Siblings, none of which had seen another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tagged<V> {
    siblings: Vec<Sibling<V>>,
}

impl<V> Default for Tagged<V> {
    fn default() -> Self {
        Tagged { siblings: Vec::new() }
    }
}

impl<V: Clone + Ord> Tagged<V> {
    /// What a reader gets with the values, and gives back with its write.
    pub fn context(&self) -> Vector {
        let mut all = Vector::default();
        for sibling in &self.siblings {
            sibling.past.iter().for_each(|(&actor, &(count, _))| all.raise(actor, count));
        }
        all
    }

    /// `client` writes `value` at `now` (microseconds), having seen `context`.
    pub fn put(&mut self, context: &Vector, client: Actor, value: V, now: u64, pruning: Option<Pruning>) {
        // Only pruning wants to know.
        let written_at = |actor: Actor| {
            let of_all = self.siblings.iter().filter(|_| pruning.is_some());
            of_all.filter_map(|sibling| sibling.past.get(&actor)).map(|&(_, at)| at).max().unwrap_or(now)
        };
        let mut past: BTreeMap<Actor, (u64, u64)> =
            context.iter().map(|(actor, count)| (actor, (count, written_at(actor)))).collect();
        // A client that lost its memory must not count an event twice.
        let known =
            self.siblings.iter().filter_map(|sibling| sibling.past.get(&client)).map(|&(count, _)| count);
        let number = known.chain([context.get(client)]).max().unwrap_or(0) + 1;
        past.insert(client, (number, now));
        if let Some(pruning) = pruning {
            prune(&mut past, pruning, now);
        }
        self.siblings.retain(|sibling| !sibling.is_seen(|actor| context.get(actor)));
        self.add(Sibling { value, by: client, past: Arc::new(past) });
    }

    /// Takes in what another replica knows.
    pub fn merge(&mut self, other: &Tagged<V>) {
        other.siblings.iter().for_each(|sibling| self.add(sibling.clone()));
    }

    /// The past of a sibling that is there: its own event, and all that its writer had seen.
    pub fn vector_of(&self, value: &V) -> Option<Vector> {
        self.siblings.iter().find(|sibling| sibling.value == *value).map(Sibling::vector)
    }

    /// The siblings of this kind alone.
    pub fn only(&self, is_such: impl Fn(&V) -> bool) -> Self {
        let such = self.siblings.iter().filter(|sibling| is_such(&sibling.value));
        Tagged { siblings: such.cloned().collect() }
    }

    /// Adds a sibling unless one that is there had seen it; those it had seen go.
    fn add(&mut self, new: Sibling<V>) {
        if self.siblings.iter().any(|held| new.is_seen_by(held) && !held.is_seen_by(&new)) {
            return;
        }
        self.siblings.retain(|held| !held.is_seen_by(&new) || new.is_seen_by(held));
        if let Err(place) = self.siblings.binary_search(&new) {
            self.siblings.insert(place, new);
        }
    }

    /// The siblings.
    pub fn values(&self) -> impl Iterator<Item = &V> {
        self.siblings.iter().map(|sibling| &sibling.value)
    }

    /// Actors in all vectors together.
    pub fn actors_total(&self) -> usize {
        self.siblings.iter().map(|sibling| sibling.past.len()).sum()
    }
}

/// Cuts the actors that wrote longest ago.
fn prune(past: &mut BTreeMap<Actor, (u64, u64)>, pruning: Pruning, now: u64) {
    while past.len() > pruning.small {
        let Some((&oldest, &(_, at))) = past.iter().min_by_key(|(actor, (_, at))| (*at, **actor)) else {
            return;
        };
        let age = now.saturating_sub(at);
        let is_due = age > pruning.old.0 || (past.len() > pruning.big && age > pruning.young.0);
        if !is_due {
            return;
        }
        past.remove(&oldest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn joined(a: &Tagged<u32>, b: &Tagged<u32>) -> Tagged<u32> {
        let mut joined = a.clone();
        joined.merge(b);
        joined
    }

    fn values(set: &Tagged<u32>) -> Vec<u32> {
        set.values().copied().collect()
    }

    #[test]
    fn a_write_replaces_what_its_writer_saw_and_nothing_else() {
        let mut set = Tagged::default();
        set.put(&Vector::default(), Actor(1), 1, 0, None);
        let seen = set.context();
        set.put(&Vector::default(), Actor(2), 2, 0, None);
        set.put(&seen, Actor(1), 3, 0, None);
        assert_eq!(values(&set), [2, 3]);
    }

    #[test]
    fn a_pruned_vector_takes_what_it_had_seen_for_concurrent() {
        let pruning = Pruning { small: 2, big: 2, young: Span(5), old: Span(1_000) };
        let mut set = Tagged::default();
        let mut replica = set.clone();
        for client in 0..6 {
            replica.clone_from(&set);
            set.put(&set.context(), Actor(client), client as u32, client * 10, Some(pruning));
        }
        assert_eq!((values(&set), set.actors_total()), (vec![5], 2));
        // The replica that missed the last write has a vector that the pruned one no longer covers.
        assert_eq!(values(&joined(&set, &replica)), [4, 5]);
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(
            deeds in prop::collection::vec((0_usize..3, 0_usize..3, 0_u64..4, any::<bool>()), 0..30),
        ) {
            let mut replicas = vec![Tagged::default(); 3];
            let mut counts = [Vector::default(), Vector::default(), Vector::default(), Vector::default()];
            for (write, &(read, at, client, is_write)) in deeds.iter().enumerate() {
                if is_write {
                    // A client remembers its own writes.
                    let mut context = replicas[read].context();
                    context.merge(&counts[client as usize]);
                    replicas[at].put(&context, Actor(client), write as u32, 0, None);
                    let own = replicas[at].context().get(Actor(client));
                    counts[client as usize].raise(Actor(client), own);
                } else {
                    let other = replicas[read].clone();
                    replicas[at].merge(&other);
                }
            }
            let [a, b, c] = [&replicas[0], &replicas[1], &replicas[2]];
            prop_assert_eq!(joined(a, b), joined(b, a));
            prop_assert_eq!(joined(&joined(a, b), c), joined(a, &joined(b, c)));
            prop_assert_eq!(&joined(a, a), a);
        }
    }
}
