//! What a node keeps of a key, and how two copies of it become one. The store, hints, read repair and anti-entropy
//! know nothing else of conflicts.
//!
//! | `conflict` | copies | two that differ |
//! |---|---|---|
//! | `lww` | a [`Cell`] | the later timestamp stays, the other goes without a word |
//! | `version-vector` | siblings under vectors of nodes or clients | what one has seen goes, the rest stays side by side |
//! | `dotted`, `union` | siblings with a dot each | the same, exactly |
//! | `revision-tree` | a tree of revisions | laid over each other; everyone picks the same winner, the losers stay |
//! | `crdt` | a counter, a set, or dotted siblings | both have their effect |

use super::cell::Cell;
use super::config::{Conflict, CounterKind};
use super::revision::ByRevision;
use crate::base::data::{Change, Data, Update};
use crate::base::ids::{Key, OpId, Value, Version};
use crate::base::operation::{Found, Past, Refusal, Written};
use crate::base::time::{Span, WallTime};
use crate::base::vector::{Actor, Event, Vector};
use crate::protocol::kit::versions::{Counter, Dotted, Lumped, ObservedSet, Tagged};
use crate::protocol::{Sizes, Sought};
use std::sync::Arc;
use twox_hash::XxHash3_64;

/// One of the versions that stand side by side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sibling {
    /// What it holds; `None` for a tombstone.
    pub value: Option<Data>,
    /// The write that made it.
    pub written_by: OpId,
    /// The wall clock where that was coordinated, in microseconds: the age of a tombstone counts from it.
    pub stamp: u64,
}

/// Siblings under a vector each, with what the judges know of their past: pruning takes it from the vectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByClient {
    tagged: Tagged<Sibling>,
    seen: Vector,
}

/// A number that is sent as additions. It has no merge: copies that met different additions never become one again.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sum {
    /// Additions done here.
    additions: u64,
    total: i64,
    last: OpId,
}

/// A copy of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Object {
    /// The last write.
    Latest(Cell),
    /// Siblings with a dot each.
    Dotted(Arc<Dotted<Sibling>>),
    /// Siblings under one vector of nodes.
    Lumped(Arc<Lumped<Sibling>>),
    /// Siblings under vectors of clients.
    ByClient(Arc<ByClient>),
    /// A tree of revisions.
    Revisions(Arc<ByRevision>),
    /// A PN-counter.
    Counter(Arc<Counter>),
    /// An observed-remove set.
    Set(Arc<ObservedSet<Value>>),
    /// A number that grew by additions.
    Sum(Arc<Sum>),
    /// An addition on its way to such a number: what is merged twice counts twice.
    Addition(i32, OpId),
}

/// Who writes, and with what in mind.
pub(super) struct Author<'a> {
    /// The write.
    pub op: OpId,
    /// Who counts it.
    pub actor: Actor,
    /// What the client has seen.
    pub context: &'a Vector,
    /// The coordinator's clock, in microseconds.
    pub stamp: u64,
}

impl Object {
    /// What `change` makes of `held`, with the event that it is and what is to be sent to the other owners. `None` if
    /// the change is not for a key of this kind.
    pub(super) fn put(
        held: Option<&Object>,
        change: &Change,
        author: &Author<'_>,
        conflict: Conflict,
    ) -> Result<Object, Refusal> {
        let &Author { op, actor, context, stamp } = author;
        if let (Conflict::Crdt(kind), Change::Update(update)) = (conflict, change) {
            return Object::update(held, *update, (actor, op), kind).ok_or(Refusal::WrongKind);
        }
        match (held, change) {
            (Some(held @ (Object::Counter(_) | Object::Set(_) | Object::Sum(_))), Change::Delete) => {
                return Object::empty(held, (actor, op)).ok_or(Refusal::WrongKind);
            }
            // A tombstone would make a register of it, for good.
            (None, Change::Delete) if matches!(conflict, Conflict::Crdt(_)) => {
                return Err(Refusal::NothingThere);
            }
            _ => {}
        }
        let sibling = Sibling { value: change.of(None), written_by: op, stamp };
        Ok(match (conflict, held) {
            (Conflict::VectorsOfNodes, None | Some(Object::Lumped(_))) => {
                let mut lumped = match held {
                    Some(Object::Lumped(lumped)) => Lumped::clone(lumped),
                    _ => Lumped::default(),
                };
                lumped.put(context, actor, sibling);
                Object::Lumped(Arc::new(lumped))
            }
            (Conflict::VectorsOfClients(pruning), None | Some(Object::ByClient(_))) => {
                let mut copy = match held {
                    Some(Object::ByClient(copy)) => ByClient::clone(copy),
                    _ => ByClient::default(),
                };
                copy.seen.merge(context);
                copy.tagged.put(context, actor, sibling, stamp, pruning);
                copy.seen.raise(actor, copy.tagged.context().get(actor));
                Object::ByClient(Arc::new(copy))
            }
            (Conflict::Revisions, None | Some(Object::Revisions(_))) => {
                let mut copy = match held {
                    Some(Object::Revisions(copy)) => ByRevision::clone(copy),
                    _ => ByRevision::default(),
                };
                copy.edit(context, actor, &sibling);
                Object::Revisions(Arc::new(copy))
            }
            (_, None | Some(Object::Dotted(_))) => {
                let mut dotted = match held {
                    Some(Object::Dotted(dotted)) => Dotted::clone(dotted),
                    _ => Dotted::default(),
                };
                dotted.put(context, actor, sibling);
                Object::Dotted(Arc::new(dotted))
            }
            _ => return Err(Refusal::WrongKind),
        })
    }

    fn update(
        held: Option<&Object>,
        update: Update,
        (actor, op): (Actor, OpId),
        kind: CounterKind,
    ) -> Option<Object> {
        match (update, held) {
            (Update::Increment(by), None | Some(Object::Sum(_))) if kind == CounterKind::Operations => {
                Some(Object::Addition(by, op))
            }
            (Update::Increment(by), None | Some(Object::Counter(_))) => {
                let mut counter = match held {
                    Some(Object::Counter(counter)) => Counter::clone(counter),
                    _ => Counter::default(),
                };
                counter.add(actor, i64::from(by));
                Some(Object::Counter(Arc::new(counter)))
            }
            (Update::Add(element) | Update::Remove(element), None | Some(Object::Set(_))) => {
                let mut set = match held {
                    Some(Object::Set(set)) => ObservedSet::clone(set),
                    _ => ObservedSet::default(),
                };
                match update {
                    Update::Add(_) => set.add(actor, element),
                    _ => set.remove(actor, element),
                }
                Some(Object::Set(Arc::new(set)))
            }
            _ => None,
        }
    }

    /// A counter or a set is never deleted: it is counted back to nothing, or emptied of what is known here.
    fn empty(held: &Object, (actor, op): (Actor, OpId)) -> Option<Object> {
        match held {
            Object::Counter(counter) => {
                let mut counter = Counter::clone(counter);
                counter.add(actor, counter.value().saturating_neg());
                Some(Object::Counter(Arc::new(counter)))
            }
            Object::Set(set) => {
                let mut emptied = ObservedSet::clone(set);
                set.elements().for_each(|&element| emptied.remove(actor, element));
                Some(Object::Set(Arc::new(emptied)))
            }
            Object::Sum(sum) => Some(Object::Addition(i32::try_from(-sum.total).ok()?, op)),
            _ => None,
        }
    }

    /// Takes in another copy. Kinds never mix in one cluster but where people use a key in two ways; then the later in
    /// the list of kinds stays, everywhere.
    pub(super) fn merge(&mut self, other: &Object) {
        match (&mut *self, other) {
            (Object::Latest(held), Object::Latest(cell)) if *cell > *held => held.clone_from(cell),
            (Object::Dotted(held), Object::Dotted(copy)) => join(held, copy, Dotted::merge),
            (Object::Lumped(held), Object::Lumped(copy)) => join(held, copy, Lumped::merge),
            (Object::ByClient(held), Object::ByClient(copy)) => join(held, copy, ByClient::merge),
            (Object::Revisions(held), Object::Revisions(copy)) => join(held, copy, ByRevision::merge),
            (Object::Counter(held), Object::Counter(copy)) => join(held, copy, Counter::merge),
            (Object::Set(held), Object::Set(copy)) => join(held, copy, ObservedSet::merge),
            // Nothing says which additions both have had. Who has done more of them is taken to be ahead.
            (Object::Sum(held), Object::Sum(sum)) if *sum > *held => held.clone_from(sum),
            (Object::Sum(held), Object::Addition(by, op)) => Arc::make_mut(held).add(*by, *op),
            (Object::Addition(by, op), Object::Sum(sum)) => {
                let mut sum = Sum::clone(sum);
                sum.add(*by, *op);
                *self = Object::Sum(Arc::new(sum));
            }
            (Object::Addition(by, op), Object::Addition(more, next)) => {
                let mut sum = Sum::default();
                sum.add(*by, *op);
                sum.add(*more, *next);
                *self = Object::Sum(Arc::new(sum));
            }
            (held, other) if other.rank() > held.rank() => held.clone_from(other),
            _ => {}
        }
    }

    /// Both in one.
    pub(super) fn joined(mut self, other: &Object) -> Object {
        self.merge(other);
        self
    }

    /// As a table holds it: an addition becomes a number.
    pub(super) fn settled(self) -> Object {
        match self {
            Object::Addition(by, op) => {
                let mut sum = Sum::default();
                sum.add(by, op);
                Object::Sum(Arc::new(sum))
            }
            other => other,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Object::Latest(_) => 0,
            Object::Dotted(_) => 1,
            Object::Lumped(_) => 2,
            Object::ByClient(_) => 3,
            Object::Addition(..) => 4,
            Object::Sum(_) => 5,
            Object::Counter(_) => 6,
            Object::Set(_) => 7,
            Object::Revisions(_) => 8,
        }
    }

    /// The versions that stand side by side: one or more, or none of a counter or a set.
    fn siblings(&self) -> Vec<Sibling> {
        match self {
            Object::Latest(Cell { value, written_by, .. }) => {
                vec![Sibling { value: value.clone(), written_by: *written_by, stamp: self.stamp() }]
            }
            Object::Dotted(copy) => copy.values().cloned().collect(),
            Object::Lumped(copy) => copy.values().cloned().collect(),
            Object::ByClient(copy) => copy.tagged.values().cloned().collect(),
            Object::Revisions(copy) => copy.shown().cloned().collect(),
            Object::Counter(_) | Object::Set(_) | Object::Sum(_) | Object::Addition(..) => Vec::new(),
        }
    }

    /// How many of them there are.
    pub(super) fn sibling_count(&self) -> usize {
        match self {
            Object::Dotted(copy) => copy.values().count(),
            Object::Lumped(copy) => copy.values().count(),
            Object::ByClient(copy) => copy.tagged.values().count(),
            Object::Revisions(copy) => copy.shown().count(),
            _ => 1,
        }
    }

    /// What was done for a key that no sibling tells of: the value of a counter or a set.
    fn merged_value(&self) -> Option<Data> {
        match self {
            Object::Counter(counter) => Some(Data::Count(counter.value())),
            Object::Set(set) => Some(Data::set(set.elements().copied())),
            Object::Sum(sum) => Some(Data::Count(sum.total)),
            Object::Addition(by, _) => Some(Data::Count(i64::from(*by))),
            _ => None,
        }
    }

    /// Every value that is there: the value, or each sibling that is no tombstone.
    pub(super) fn values(&self) -> Vec<Data> {
        let alone = self.merged_value();
        self.siblings().into_iter().filter_map(|sibling| sibling.value).chain(alone).collect()
    }

    /// Who wrote what is there; nobody in particular wrote a counter or a set.
    pub(super) fn writers(&self) -> Vec<OpId> {
        match self {
            Object::Sum(sum) => vec![sum.last],
            Object::Addition(_, op) => vec![*op],
            _ => self.siblings().into_iter().map(|sibling| sibling.written_by).collect(),
        }
    }

    /// The same one by one, without a list of them.
    pub(super) fn each_writer(&self, each: &mut dyn FnMut(OpId)) {
        match self {
            Object::Latest(cell) => each(cell.written_by),
            Object::Counter(_) | Object::Set(_) => {}
            _ => self.writers().into_iter().for_each(each),
        }
    }

    /// Whether a write is there: as the value or one of the siblings, or in what was counted or collected. Of a number
    /// that is sent as additions nobody can say which are in it.
    pub(super) fn holds(&self, sought: &Sought<'_>) -> bool {
        let event = sought.written.event.as_ref().map(|(event, _)| *event);
        match self {
            Object::Latest(cell) => cell.written_by == sought.op,
            Object::Counter(counter) => event.is_some_and(|event| counter.seen().knows(event)),
            Object::Set(set) => event.is_some_and(|event| set.seen().knows(event)),
            Object::Sum(_) => true,
            _ => self.writers().contains(&sought.op),
        }
    }

    /// Everything that is known of its past; `None` where nothing is.
    pub(super) fn seen(&self) -> Option<Arc<Vector>> {
        match self {
            Object::Latest(_) | Object::Sum(_) | Object::Addition(..) => None,
            Object::ByClient(copy) => Some(Arc::new(copy.seen.clone())),
            _ => self.events(),
        }
    }

    /// What a client is given, to give it back.
    fn context(&self) -> Option<Arc<Vector>> {
        Some(Arc::new(match self {
            Object::Latest(_) | Object::Sum(_) | Object::Addition(..) => return None,
            Object::Dotted(copy) => copy.context(),
            Object::Lumped(copy) => copy.context(),
            Object::ByClient(copy) => copy.tagged.context(),
            Object::Revisions(_) => Vector::default(),
            Object::Counter(counter) => counter.seen(),
            Object::Set(set) => set.seen().clone(),
        }))
    }

    /// The events it counts.
    fn events(&self) -> Option<Arc<Vector>> {
        match self {
            Object::Revisions(copy) => Some(Arc::new(copy.seen().clone())),
            _ => self.context(),
        }
    }

    /// The actor of this life of a node that has counted last here.
    pub(super) fn latest_actor(&self, is_own: impl Fn(Actor) -> bool) -> Option<Actor> {
        self.events()?.iter().map(|(actor, _)| actor).filter(|&actor| is_own(actor)).max()
    }

    /// Its place in a line of versions, where there is one; else how many events it knows, for the eye.
    pub(super) fn version(&self) -> Version {
        match self {
            Object::Latest(cell) => cell.version,
            Object::Sum(sum) => Version(sum.additions),
            // It has no place before it has arrived.
            Object::Addition(..) => Version(0),
            _ => Version(self.events().map_or(0, |events| events.total())),
        }
    }

    /// What a read tells its client. With `unites`, the application merges sets that stand side by side.
    pub(super) fn found(&self, unites: bool) -> Found {
        if let Object::Latest(Cell { version, value, written_by }) = self {
            return Found { value: value.clone(), written_by: *written_by, version: *version, past: None };
        }
        let siblings: Vec<(Option<Data>, OpId)> =
            self.siblings().into_iter().map(|sibling| (sibling.value, sibling.written_by)).collect();
        let (written_by, first) = match siblings.first() {
            Some((value, op)) => (*op, value.clone()),
            None => (self.writers().first().copied().unwrap_or_default(), self.merged_value()),
        };
        let all = siblings.iter().filter_map(|(value, _)| value.as_ref());
        let united = all.fold(None, |union: Option<Data>, value| {
            Some(union.map_or_else(|| value.clone(), |union| union.union(value)))
        });
        let past = self.context().map(|context| {
            let is_hidden = matches!(self, Object::ByClient(_) | Object::Revisions(_));
            let seen = if is_hidden { self.seen() } else { None };
            let siblings = if siblings.len() > 1 { siblings } else { Vec::new() };
            Arc::new(Past { seen: seen.unwrap_or_else(|| Arc::clone(&context)), context, siblings })
        });
        Found { value: if unites { united } else { first }, written_by, version: self.version(), past }
    }

    /// What the acknowledgement of a write that made this object says: its event is the last of `actor`.
    pub(super) fn written(&self, actor: Actor) -> Written {
        let number = self.events().map_or(0, |events| events.get(actor));
        let event = self.context().map(|context| (Event { actor, number }, context));
        Written { version: self.version(), event }
    }

    /// Whether nothing is left but the memory of a delete.
    pub(super) fn is_tombstone(&self) -> bool {
        match self {
            Object::Latest(cell) => cell.is_tombstone(),
            Object::Dotted(copy) => copy.values().all(|sibling| sibling.value.is_none()),
            Object::Lumped(copy) => copy.values().all(|sibling| sibling.value.is_none()),
            Object::ByClient(copy) => copy.tagged.values().all(|sibling| sibling.value.is_none()),
            Object::Revisions(copy) => copy.shown().all(|sibling| sibling.value.is_none()),
            Object::Counter(_) | Object::Set(_) | Object::Sum(_) | Object::Addition(..) => false,
        }
    }

    /// When it was last written by the coordinators' clocks, in microseconds; 0 where nobody noted it.
    pub(super) fn stamp(&self) -> u64 {
        match self {
            Object::Latest(cell) => cell.stamp(),
            Object::Dotted(copy) => copy.values().map(|sibling| sibling.stamp).max().unwrap_or(0),
            Object::Lumped(copy) => copy.values().map(|sibling| sibling.stamp).max().unwrap_or(0),
            Object::ByClient(copy) => copy.tagged.values().map(|sibling| sibling.stamp).max().unwrap_or(0),
            Object::Revisions(copy) => copy.shown().map(|sibling| sibling.stamp).max().unwrap_or(0),
            Object::Counter(_) | Object::Set(_) | Object::Sum(_) | Object::Addition(..) => u64::MAX,
        }
    }

    /// How old it is where the wall clock shows `wall`.
    pub(super) fn age(&self, wall: WallTime) -> Span {
        Span(super::cell::stamp(wall).saturating_sub(self.stamp()))
    }

    /// A hash of key, values and versions (XXH3): what a digest read answers. Equal copies have equal ones.
    pub(super) fn digest(&self, key: Key) -> u64 {
        if let Object::Latest(cell) = self {
            return cell.digest(key);
        }
        let mut words = vec![u64::from(key.0), u64::from(self.rank())];
        let events = self.events();
        words.extend(events.iter().flat_map(|events| events.iter()).flat_map(|(actor, n)| [actor.0, n]));
        words.extend(self.writers().iter().map(|op| u64::from(op.0)));
        for value in self.values() {
            words.push(u64::MAX);
            words.extend(value.elements().iter().map(|element| u64::from(element.0)));
            if let Data::Count(count) = value {
                words.push(count.cast_unsigned());
            }
        }
        let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
        XxHash3_64::oneshot(&bytes)
    }

    /// Bytes on the wire beside the key: what it holds, and 16 for each actor of its vectors, or each revision.
    pub(super) fn bytes(&self, sizes: Sizes) -> u64 {
        const ACTOR: u64 = 16;
        if let Object::Latest(cell) = self {
            return cell.value.as_ref().map_or(0, |value| value.bytes(sizes.value));
        }
        let values = self.values();
        let actors = match self {
            Object::ByClient(copy) => copy.tagged.actors_total() as u64,
            // Names of revisions (CouchDB `_revisions`).
            Object::Revisions(copy) => copy.revisions(),
            _ => self.context().map_or(0, |context| context.len() as u64),
        };
        values.iter().map(|value| value.bytes(sizes.value)).sum::<u64>() + ACTOR * actors
    }
}

fn join<T: Clone + PartialEq>(held: &mut Arc<T>, copy: &Arc<T>, merge: fn(&mut T, &T)) {
    if !Arc::ptr_eq(held, copy) && held != copy {
        merge(Arc::make_mut(held), copy);
    }
}

impl ByClient {
    fn merge(&mut self, other: &ByClient) {
        self.tagged.merge(&other.tagged);
        self.seen.merge(&other.seen);
    }
}

impl Sum {
    fn add(&mut self, by: i32, op: OpId) {
        self.additions += 1;
        self.total = self.total.saturating_add(i64::from(by));
        self.last = op;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ALL: [Conflict; 5] = [
        Conflict::Revisions,
        Conflict::VectorsOfNodes,
        Conflict::VectorsOfClients(None),
        Conflict::Dotted { unites: false },
        Conflict::Crdt(CounterKind::State),
    ];

    fn change(kind: u8, value: u32) -> Change {
        match kind {
            0 => Change::Delete,
            _ => Change::Write(Data::One(Value(value))),
        }
    }

    /// Three copies of a key after some writes, each by a client that had read at some copy, and some merges.
    fn live(deeds: &[(usize, usize, u8, bool)], conflict: Conflict) -> [Option<Object>; 3] {
        let mut copies = [None, None, None];
        for (number, &(read, at, kind, is_write)) in deeds.iter().enumerate() {
            let seen: Option<Object> = copies[read].clone();
            copies[at] = if is_write {
                let context = seen.and_then(|seen| seen.context()).unwrap_or_default();
                let (op, actor) = (OpId(number as u32), Actor(at as u64));
                let author = Author { op, actor, context: &context, stamp: number as u64 };
                Object::put(copies[at].as_ref(), &change(kind, number as u32), &author, conflict).ok()
            } else {
                joined(&copies[at], &seen)
            };
        }
        copies
    }

    fn joined(one: &Option<Object>, other: &Option<Object>) -> Option<Object> {
        match (one, other) {
            (Some(one), Some(other)) => Some(one.clone().joined(other)),
            (one, other) => one.clone().or_else(|| other.clone()),
        }
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(
            deeds in prop::collection::vec((0_usize..3, 0_usize..3, 0_u8..4, any::<bool>()), 0..30),
            conflict in prop::sample::select(ALL.to_vec()),
        ) {
            let [a, b, c] = live(&deeds, conflict);
            prop_assert_eq!(joined(&a, &b), joined(&b, &a));
            // One vector for all siblings cannot say which of them a writer had seen: who is merged first matters.
            if conflict != Conflict::VectorsOfNodes {
                prop_assert_eq!(joined(&joined(&a, &b), &c), joined(&a, &joined(&b, &c)));
            }
            prop_assert_eq!(&joined(&a, &a), &a);
            let digest = |copy: &Option<Object>| copy.as_ref().map(|copy| copy.digest(Key(1)));
            prop_assert_eq!(digest(&a) == digest(&b), a == b, "equal digests, equal copies");
        }
    }

    #[test]
    fn an_object_is_as_small_as_a_cell() {
        assert_eq!((size_of::<Object>(), size_of::<Option<Object>>()), (32, 32));
    }

    #[test]
    fn additions_that_come_twice_count_twice_and_states_do_not() {
        let count = |kind: CounterKind| {
            let author = Author { op: OpId(1), actor: Actor(1), context: &Vector::default(), stamp: 0 };
            let change = Change::Update(Update::Increment(1));
            let sent = Object::put(None, &change, &author, Conflict::Crdt(kind)).expect("a counter");
            let twice = sent.clone().settled().joined(&sent);
            twice.values()
        };
        assert_eq!(count(CounterKind::State), [Data::Count(1)]);
        assert_eq!(count(CounterKind::Operations), [Data::Count(2)]);
    }

    #[test]
    fn a_union_keeps_what_either_side_added_and_brings_back_what_one_removed() {
        let [milk, eggs, bread] = [1, 2, 3].map(Value);
        let conflict = Conflict::Dotted { unites: true };
        let put = |held: Option<&Object>, seen: Option<&Object>, set: &[Value], op: u32, at: u64| {
            let context = seen.and_then(Object::context).unwrap_or_default();
            let author = Author { op: OpId(op), actor: Actor(at), context: &context, stamp: 0 };
            let change = Change::Write(Data::set(set.iter().copied()));
            Object::put(held, &change, &author, conflict).expect("a set is a register here")
        };
        let first = put(None, None, &[milk], 1, 1);
        let left = put(Some(&first), Some(&first), &[milk, eggs], 2, 1);
        let right = put(Some(&first), Some(&first), &[bread], 3, 2);
        let found = left.joined(&right).found(true);
        assert_eq!(found.value, Some(Data::set([milk, eggs, bread])));
        assert_eq!(found.all().count(), 2);
    }
}
