//! A hash tree over a set of keyed things: two nodes find out where their sets differ by comparing hashes from the
//! root down (Merkle 1987; Dynamo 4.7; Cassandra's repair; Riak's active anti-entropy).
//!
//! ```text
//!  level 0               root                       a hash is the exclusive or of the digests below it,
//!  level 1        0               1                 so the order in which things came does not matter;
//!  level 2    00     01       10     11             nothing hashes to 0
//!  ...        the leaves: all things whose token begins with these bits
//! ```

use std::collections::BTreeMap;

/// The deepest tree: a million leaves.
pub const DEEPEST: u32 = 20;

/// The tree. Empty leaves take no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    depth: u32,
    leaves: BTreeMap<u32, u64>,
}

impl Tree {
    /// An empty tree with two to the power of `depth` leaves; the depth is from 1 to [`DEEPEST`].
    pub fn new(depth: u32) -> Tree {
        Tree { depth: depth.clamp(1, DEEPEST), leaves: BTreeMap::new() }
    }

    /// The level of the leaves.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// The leaf of a thing with this token.
    pub fn leaf(&self, token: u64) -> u32 {
        (token >> (u64::BITS - self.depth)) as u32
    }

    /// Puts a thing in, or takes it out again.
    pub fn toggle(&mut self, token: u64, digest: u64) {
        let leaf = self.leaf(token);
        let hash = self.leaves.entry(leaf).or_default();
        *hash ^= digest;
        if *hash == 0 {
            self.leaves.remove(&leaf);
        }
    }

    /// The hash of the node at `index` of `level`; 0 if nothing is below it.
    pub fn hash(&self, level: u32, index: u32) -> u64 {
        let below = self.depth.saturating_sub(level);
        let (first, end) = (u64::from(index) << below, (u64::from(index) + 1) << below);
        let leaves = self.leaves.range(first as u32..).take_while(|(leaf, _)| u64::from(**leaf) < end);
        leaves.fold(0, |hash, (_, leaf)| hash ^ leaf)
    }

    /// The root, to begin a comparison with.
    pub fn root(&self) -> Vec<(u32, u64)> {
        vec![(0, self.hash(0, 0))]
    }

    /// The nodes of `level` whose hash is not the one given for them.
    pub fn differing(&self, level: u32, nodes: &[(u32, u64)]) -> Vec<u32> {
        nodes
            .iter()
            .filter(|(index, hash)| self.hash(level, *index) != *hash)
            .map(|(index, _)| *index)
            .collect()
    }

    /// The hashes of both children of each of these nodes of a level.
    pub fn children(&self, level: u32, indexes: &[u32]) -> Vec<(u32, u64)> {
        let children = indexes.iter().flat_map(|index| [index * 2, index * 2 + 1]);
        children.map(|child| (child, self.hash(level + 1, child))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn tree(depth: u32, things: &BTreeSet<(u64, u64)>) -> Tree {
        let mut tree = Tree::new(depth);
        things.iter().for_each(|&(token, digest)| tree.toggle(token, digest));
        tree
    }

    /// Descends from the root as two nodes do; gives the differing leaves.
    fn compare(one: &Tree, other: &Tree) -> Vec<u32> {
        let mut found = other.differing(0, &one.root());
        for level in 0..one.depth() {
            found = other.differing(level + 1, &one.children(level, &found));
        }
        found
    }

    fn things() -> impl Strategy<Value = BTreeSet<(u64, u64)>> {
        prop::collection::btree_set((any::<u64>(), 1_u64..u64::MAX), 0..60)
    }

    proptest! {
        #[test]
        fn the_descent_finds_exactly_the_leaves_in_which_something_differs(
            common in things(), mine in things(), theirs in things(), depth in 1_u32..12,
        ) {
            let mine: BTreeSet<_> = common.union(&mine).copied().collect();
            let theirs: BTreeSet<_> = common.union(&theirs).copied().collect();
            let (one, other) = (tree(depth, &mine), tree(depth, &theirs));
            let differing: BTreeSet<u32> =
                mine.symmetric_difference(&theirs).map(|&(token, _)| one.leaf(token)).collect();
            prop_assert_eq!(compare(&one, &other), differing.into_iter().collect::<Vec<_>>());
        }
    }

    #[test]
    fn what_was_put_in_and_taken_out_leaves_nothing() {
        let mut tree = Tree::new(6);
        tree.toggle(77, 5);
        tree.toggle(77, 5);
        assert_eq!((&tree, tree.hash(0, 0)), (&Tree::new(6), 0));
    }

    #[test]
    fn the_deepest_leaves_are_told_apart() {
        let mut tree = Tree::new(DEEPEST);
        tree.toggle(u64::MAX, 9);
        assert_eq!(tree.leaf(u64::MAX), (1 << DEEPEST) - 1);
        assert_eq!((tree.hash(DEEPEST, (1 << DEEPEST) - 1), tree.hash(0, 0), tree.hash(1, 0)), (9, 9, 0));
    }
}
