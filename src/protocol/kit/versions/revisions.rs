//! Revision trees (CouchDB, "Replication and conflict model"): each edit is a revision that names the one it was made
//! from. Edits of the same revision on two nodes are two branches; trees are merged by laying them over each other, and
//! every node picks the same leaf as the winner without asking anybody. The others stay, as conflicts.
//!
//! ```text
//!         ,--> 2-b          winner: a leaf that is no delete before one that is,
//!   1-a --|                 then the one with the longest history,
//!         '--> 2-c -> 3-d   then the one with the highest id: here 3-d; 2-b is kept and can be read
//! ```

use std::collections::{BTreeMap, BTreeSet};

/// The longest history that is kept of a leaf (CouchDB `_revs_limit` 1000): what is older is forgotten.
const HISTORY: usize = 1_000;

/// The name of a revision. Names are ordered by length of history, then by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision {
    /// How many edits led here, this one included.
    pub generation: u64,
    /// A hash of the content and of the revision it was made from: the same edit has the same name everywhere.
    pub id: u64,
}

/// The tree, with what its leaves hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revisions<V> {
    /// Every revision that is known, with the one it was made from.
    parents: BTreeMap<Revision, Option<Revision>>,
    leaves: BTreeMap<Revision, V>,
}

impl<V> Default for Revisions<V> {
    fn default() -> Self {
        Revisions { parents: BTreeMap::new(), leaves: BTreeMap::new() }
    }
}

impl<V: Clone + Ord> Revisions<V> {
    /// Edits the leaf `parent`, or begins a history. `id` makes the name; what the leaf held is gone.
    pub fn edit(&mut self, parent: Option<Revision>, id: u64, value: V) {
        let generation = parent.map_or(0, |parent| parent.generation) + 1;
        let revision = Revision { generation, id };
        if let Some(parent) = parent {
            self.leaves.remove(&parent);
        }
        self.parents.insert(revision, parent);
        self.leaves.insert(revision, value);
        self.stem();
    }

    /// Takes in what another replica knows. A leaf that was edited there is a leaf no more.
    pub fn merge(&mut self, other: &Revisions<V>) {
        self.parents.extend(&other.parents);
        for (&revision, value) in &other.leaves {
            let held = self.leaves.entry(revision).or_insert_with(|| value.clone());
            // The same edit made twice is one revision; whoever asks who made it gets one answer.
            if value > held {
                held.clone_from(value);
            }
        }
        let edited: BTreeSet<Revision> = self.parents.values().copied().flatten().collect();
        self.leaves.retain(|revision, _| !edited.contains(revision));
        self.stem();
    }

    /// The leaves, the one with the longest history first; of equals the one with the highest id.
    pub fn leaves(&self) -> impl Iterator<Item = (Revision, &V)> {
        self.leaves.iter().rev().map(|(&revision, value)| (revision, value))
    }

    /// How many revisions are known.
    pub fn len(&self) -> usize {
        self.parents.len()
    }

    /// Whether nothing was ever written.
    pub fn is_empty(&self) -> bool {
        self.parents.is_empty()
    }

    /// Forgets what lies too far back.
    fn stem(&mut self) {
        if self.parents.len() <= HISTORY {
            return;
        }
        let mut kept = BTreeSet::new();
        for &leaf in self.leaves.keys() {
            let path =
                std::iter::successors(Some(leaf), |revision| self.parents.get(revision).copied().flatten());
            kept.extend(path.take(HISTORY));
        }
        self.parents.retain(|revision, _| kept.contains(revision));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rev(generation: u64, id: u64) -> Revision {
        Revision { generation, id }
    }

    fn joined(one: &Revisions<u32>, other: &Revisions<u32>) -> Revisions<u32> {
        let mut joined = one.clone();
        joined.merge(other);
        joined
    }

    /// The tree of the picture, grown on two nodes.
    #[test]
    fn the_longest_history_wins_and_the_loser_stays() {
        let mut left = Revisions::default();
        left.edit(None, 10, 1);
        let mut right = left.clone();
        left.edit(Some(rev(1, 10)), 99, 2);
        right.edit(Some(rev(1, 10)), 20, 3);
        right.edit(Some(rev(2, 20)), 30, 4);
        let tree = joined(&left, &right);
        assert_eq!(tree, joined(&right, &left));
        let leaves: Vec<(Revision, u32)> =
            tree.leaves().map(|(revision, value)| (revision, *value)).collect();
        assert_eq!(leaves, [(rev(3, 30), 4), (rev(2, 99), 2)]);
    }

    #[test]
    fn of_equal_histories_the_highest_id_wins() {
        let (mut left, mut right) = (Revisions::default(), Revisions::default());
        left.edit(None, 7, 1);
        right.edit(None, 8, 2);
        assert_eq!(joined(&left, &right).leaves().next(), Some((rev(1, 8), &2)));
    }

    #[test]
    fn an_edit_that_arrives_after_its_own_edit_is_no_leaf() {
        let mut first = Revisions::default();
        first.edit(None, 1, 1);
        let mut second = first.clone();
        second.edit(Some(rev(1, 1)), 2, 2);
        let late = joined(&second, &first);
        assert_eq!(late.leaves().count(), 1);
        assert_eq!(late, second);
    }

    #[test]
    fn the_same_edit_on_two_nodes_is_one_revision() {
        let mut left = Revisions::default();
        left.edit(None, 1, 1);
        let mut right = left.clone();
        left.edit(Some(rev(1, 1)), 5, 8);
        right.edit(Some(rev(1, 1)), 5, 9);
        assert_eq!(joined(&left, &right).leaves().count(), 1);
        assert_eq!(joined(&left, &right), joined(&right, &left));
    }

    #[test]
    fn a_history_is_cut_back_at_its_limit() {
        let mut tree = Revisions::default();
        let mut at = None;
        for edit in 1..=2_500 {
            tree.edit(at, edit, 0);
            at = tree.leaves().next().map(|(revision, _)| revision);
        }
        assert_eq!((tree.len(), at), (HISTORY, Some(rev(2_500, 2_500))));
    }
}
