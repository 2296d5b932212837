//! Sets of configurations, each row a state, the open operations that have taken effect, and how many of each class of
//! never-ending ones have. Of two rows that differ in the last alone, the one that used no more of any class can do all
//! that the other can: only such minimal rows are kept.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// No row.
const NO_ROW: u32 = u32::MAX;

/// Configurations as rows of equal length in one array.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontier {
    cells: Vec<u32>,
    /// Per row, the next one with the same head.
    next: Vec<u32>,
    is_dead: Vec<bool>,
    heads: HashTable<u32>,
    hasher: DefaultHashBuilder,
    stride: usize,
    head: usize,
}

impl Frontier {
    /// An empty set of rows of `head` cells that must be equal and `counts` that are compared.
    pub(super) fn new(head: usize, counts: usize) -> Frontier {
        Frontier { stride: head + counts, head, ..Frontier::default() }
    }

    /// How many rows there are, dead ones included.
    pub(super) fn len(&self) -> usize {
        self.next.len()
    }

    /// The row in place `index`; `None` if a better one has come.
    pub(super) fn row(&self, index: usize) -> Option<&[u32]> {
        (!self.is_dead[index]).then(|| &self.cells[index * self.stride..(index + 1) * self.stride])
    }

    /// The rows that live.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len()).filter_map(|index| self.row(index))
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> u64 {
        (self.cells.capacity() * 4 + self.next.capacity() * 5 + self.heads.capacity() * 5) as u64
    }

    /// Removes all rows.
    pub(super) fn clear(&mut self) {
        self.cells.clear();
        self.next.clear();
        self.is_dead.clear();
        self.heads.clear();
    }

    /// Takes a row in, unless one is there that is as good.
    pub(super) fn insert(&mut self, row: &[u32]) {
        let hash = self.hasher.hash_one(&row[..self.head]);
        let (cells, stride, head) = (&self.cells, self.stride, self.head);
        let of = |index: u32| &cells[index as usize * stride..][..stride];
        let found = self.heads.find_mut(hash, |first| of(*first)[..head] == row[..head]);
        let new = u32::try_from(self.next.len()).unwrap_or(NO_ROW - 1);
        let mut behind = NO_ROW;
        if let Some(first) = found {
            let mut at = *first;
            while at != NO_ROW {
                if !self.is_dead[at as usize] {
                    let (known, fresh) = (&of(at)[head..], &row[head..]);
                    if is_within(known, fresh) {
                        return;
                    }
                    if is_within(fresh, known) {
                        self.is_dead[at as usize] = true;
                    }
                }
                at = self.next[at as usize];
            }
            behind = *first;
            *first = new;
        } else {
            let hasher = &self.hasher;
            self.heads.insert_unique(hash, new, |index| hasher.hash_one(&of(*index)[..head]));
        }
        self.cells.extend_from_slice(row);
        self.next.push(behind);
        self.is_dead.push(false);
    }
}

/// Whether no count of `one` is above that of `other`.
fn is_within(one: &[u32], other: &[u32]) -> bool {
    one.iter().zip(other).all(|(one, other)| one <= other)
}
