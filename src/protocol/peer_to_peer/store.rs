//! A node's own table of keys, with what its panel wants at hand: a digest, a count of tombstones, the keys that
//! changed last.

use super::object::Object;
use crate::base::ids::Key;
use crate::protocol::view::KEYS_SHOWN;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What became of a copy that was merged into the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    /// It has changed the table.
    Stored {
        /// What was there.
        before: Option<Object>,
        /// What is there now.
        after: Object,
    },
    /// The table had it already.
    Known,
    /// The table holds a newer one and the copy is gone.
    Discarded {
        /// The newer one.
        by: Object,
    },
}

/// The table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Store {
    objects: BTreeMap<Key, Object>,
    /// The exclusive or of all copies' digests: independent of the order of changes.
    digest: u64,
    /// The keys of which only a tombstone is left.
    dead: BTreeSet<Key>,
    /// The keys that changed last, newest first.
    recent: VecDeque<Key>,
}

impl Store {
    /// The table that a disk holds.
    pub(super) fn new(objects: BTreeMap<Key, Object>) -> Store {
        let mut store = Store::default();
        for (key, object) in objects {
            store.merge(key, &object);
        }
        store
    }

    /// Merges `object` with what is there.
    pub(super) fn merge(&mut self, key: Key, object: &Object) -> Merged {
        let before = self.objects.get(&key);
        let after = match before {
            Some(held) if held == object => return Merged::Known,
            Some(held) => held.clone().joined(object),
            None => object.clone().settled(),
        };
        if let Some(held) = before {
            if *held == after {
                return Merged::Discarded { by: after };
            }
            self.digest ^= held.digest(key);
        }
        self.digest ^= after.digest(key);
        if after.is_tombstone() {
            self.dead.insert(key);
        } else {
            self.dead.remove(&key);
        }
        self.note_change(key);
        let before = self.objects.insert(key, after.clone());
        Merged::Stored { before, after }
    }

    fn note_change(&mut self, key: Key) {
        match self.recent.iter().position(|&other| other == key) {
            Some(at) => drop(self.recent.remove(at)),
            None if self.recent.len() == KEYS_SHOWN => drop(self.recent.pop_back()),
            None => {}
        }
        self.recent.push_front(key);
    }

    /// The copy of `key` held here.
    pub(super) fn get(&self, key: Key) -> Option<&Object> {
        self.objects.get(&key)
    }

    /// How many keys there are, tombstones included.
    pub(super) fn len(&self) -> usize {
        self.objects.len()
    }

    /// How many of them are tombstones.
    pub(super) fn tombstones(&self) -> usize {
        self.dead.len()
    }

    /// The tombstones.
    pub(super) fn dead(&self) -> impl Iterator<Item = (Key, &Object)> + '_ {
        self.dead.iter().filter_map(|&key| Some((key, self.get(key)?)))
    }

    /// Forgets a key altogether.
    pub(super) fn purge(&mut self, key: Key) {
        if let Some(held) = self.objects.remove(&key) {
            self.digest ^= held.digest(key);
            self.dead.remove(&key);
            self.recent.retain(|&other| other != key);
        }
    }

    /// Equal tables have equal digests.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// Every key with its copy, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &Object)> + '_ {
        self.objects.iter().map(|(&key, object)| (key, object))
    }

    /// The keys that changed last, newest first, with their copies.
    pub(super) fn recent(&self) -> impl Iterator<Item = (Key, &Object)> + '_ {
        self.recent.iter().filter_map(|&key| Some((key, self.get(key)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::*;
    use crate::base::data::Data;
    use crate::base::ids::{NodeId, OpId, Value};
    use proptest::prelude::*;

    fn cell(stamp: u64, value: Option<u32>) -> Object {
        let value = value.map(|value| Data::One(Value(value)));
        Object::Latest(Cell::new(stamp, NodeId(0), value, OpId(stamp as u32)))
    }

    #[test]
    fn a_merge_says_what_it_replaced_or_what_beat_it() {
        let mut store = Store::default();
        let (old, new) = (cell(1, Some(1)), cell(2, None));
        assert_eq!(store.merge(Key(7), &old), Merged::Stored { before: None, after: old.clone() });
        assert_eq!(
            store.merge(Key(7), &new),
            Merged::Stored { before: Some(old.clone()), after: new.clone() }
        );
        assert_eq!(store.merge(Key(7), &old), Merged::Discarded { by: new.clone() });
        assert_eq!(store.merge(Key(7), &new), Merged::Known);
        assert_eq!((store.len(), store.tombstones()), (1, 1));
    }

    #[test]
    fn the_keys_that_changed_last_come_first_and_once() {
        let mut store = Store::default();
        for key in 0..50 {
            store.merge(Key(key), &cell(1, Some(0)));
        }
        store.merge(Key(30), &cell(2, Some(0)));
        let recent: Vec<u32> = store.recent().map(|(key, _)| key.0).collect();
        assert_eq!((recent.len(), &recent[..3]), (KEYS_SHOWN, &[30, 49, 48][..]));
    }

    proptest! {
        #[test]
        fn tables_that_took_the_same_copies_in_any_order_are_equal(
            writes in prop::collection::vec((0_u32..5, 0_u64..6, prop::option::of(0_u32..3)), 0..40), turn in 0_usize..40,
        ) {
            let fill = |order: &[(u32, u64, Option<u32>)]| {
                let mut store = Store::default();
                for &(key, stamp, value) in order {
                    store.merge(Key(key), &cell(stamp, value));
                }
                store
            };
            let mut turned = writes.clone();
            turned.rotate_left(turn.min(writes.len()));
            turned.reverse();
            let (one, other) = (fill(&writes), fill(&turned));
            prop_assert_eq!(&one.objects, &other.objects);
            prop_assert_eq!((one.digest(), one.tombstones()), (other.digest(), other.tombstones()));
        }
    }
}
