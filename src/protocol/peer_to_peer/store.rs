//! A node's own table of keys, merged by last-write-wins, with what its panel wants at hand: a digest, a count of
//! tombstones, the keys that changed last.

use super::cell::Cell;
use crate::base::ids::Key;
use crate::protocol::view::KEYS_SHOWN;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What became of a cell that was merged into the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Merged {
    /// The table has it now; what it replaced is gone.
    Stored {
        /// What it replaced.
        before: Option<Cell>,
    },
    /// The table had it already.
    Known,
    /// The table holds a newer one and the cell is gone.
    Discarded {
        /// The newer one.
        by: Cell,
    },
}

/// The table.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Store {
    cells: BTreeMap<Key, Cell>,
    /// The exclusive or of all cells' digests: independent of the order of changes.
    digest: u64,
    /// The keys whose cell is a tombstone.
    dead: BTreeSet<Key>,
    /// The keys that changed last, newest first.
    recent: VecDeque<Key>,
}

impl Store {
    /// The table that a disk holds.
    pub(super) fn new(cells: BTreeMap<Key, Cell>) -> Store {
        let mut store = Store::default();
        for (key, cell) in cells {
            store.merge(key, cell);
        }
        store
    }

    /// Keeps the newer of `cell` and what is there.
    pub(super) fn merge(&mut self, key: Key, cell: Cell) -> Merged {
        let before = self.cells.get(&key).copied();
        match before {
            Some(held) if held == cell => return Merged::Known,
            Some(held) if held > cell => return Merged::Discarded { by: held },
            _ => {}
        }
        self.cells.insert(key, cell);
        if let Some(held) = before {
            self.digest ^= held.digest(key);
        }
        self.digest ^= cell.digest(key);
        if cell.is_tombstone() {
            self.dead.insert(key);
        } else {
            self.dead.remove(&key);
        }
        self.note_change(key);
        Merged::Stored { before }
    }

    fn note_change(&mut self, key: Key) {
        match self.recent.iter().position(|&other| other == key) {
            Some(at) => drop(self.recent.remove(at)),
            None if self.recent.len() == KEYS_SHOWN => drop(self.recent.pop_back()),
            None => {}
        }
        self.recent.push_front(key);
    }

    /// The version of `key` held here.
    pub(super) fn get(&self, key: Key) -> Option<Cell> {
        self.cells.get(&key).copied()
    }

    /// How many keys there are, tombstones included.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }

    /// How many of them are tombstones.
    pub(super) fn tombstones(&self) -> usize {
        self.dead.len()
    }

    /// The tombstones.
    pub(super) fn dead(&self) -> impl Iterator<Item = (Key, Cell)> + '_ {
        self.dead.iter().filter_map(|&key| Some((key, self.get(key)?)))
    }

    /// Forgets a key altogether.
    pub(super) fn purge(&mut self, key: Key) {
        if let Some(held) = self.cells.remove(&key) {
            self.digest ^= held.digest(key);
            self.dead.remove(&key);
            self.recent.retain(|&other| other != key);
        }
    }

    /// Equal tables have equal digests.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// Every key with its version, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, Cell)> + '_ {
        self.cells.iter().map(|(&key, &cell)| (key, cell))
    }

    /// The keys that changed last, newest first, with their versions.
    pub(super) fn recent(&self) -> impl Iterator<Item = (Key, Cell)> + '_ {
        self.recent.iter().filter_map(|&key| Some((key, self.get(key)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{NodeId, OpId, Value};
    use proptest::prelude::*;

    fn cell(stamp: u64, value: Option<u32>) -> Cell {
        Cell::new(stamp, NodeId(0), value.map(Value), OpId(stamp as u32))
    }

    #[test]
    fn a_merge_says_what_it_replaced_or_what_beat_it() {
        let mut store = Store::default();
        let (old, new) = (cell(1, Some(1)), cell(2, None));
        assert_eq!(store.merge(Key(7), old), Merged::Stored { before: None });
        assert_eq!(store.merge(Key(7), new), Merged::Stored { before: Some(old) });
        assert_eq!(store.merge(Key(7), old), Merged::Discarded { by: new });
        assert_eq!(store.merge(Key(7), new), Merged::Known);
        assert_eq!((store.len(), store.tombstones()), (1, 1));
    }

    #[test]
    fn the_keys_that_changed_last_come_first_and_once() {
        let mut store = Store::default();
        for key in 0..50 {
            store.merge(Key(key), cell(1, Some(0)));
        }
        store.merge(Key(30), cell(2, Some(0)));
        let recent: Vec<u32> = store.recent().map(|(key, _)| key.0).collect();
        assert_eq!((recent.len(), &recent[..3]), (KEYS_SHOWN, &[30, 49, 48][..]));
    }

    proptest! {
        #[test]
        fn tables_that_took_the_same_cells_in_any_order_are_equal(
            writes in prop::collection::vec((0_u32..5, 0_u64..6, prop::option::of(0_u32..3)), 0..40), turn in 0_usize..40,
        ) {
            let fill = |order: &[(u32, u64, Option<u32>)]| {
                let mut store = Store::default();
                for &(key, stamp, value) in order {
                    store.merge(Key(key), cell(stamp, value));
                }
                store
            };
            let mut turned = writes.clone();
            turned.rotate_left(turn.min(writes.len()));
            turned.reverse();
            let (one, other) = (fill(&writes), fill(&turned));
            prop_assert_eq!(&one.cells, &other.cells);
            prop_assert_eq!((one.digest(), one.tombstones()), (other.digest(), other.tombstones()));
        }
    }
}
