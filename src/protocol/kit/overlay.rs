//! Overlays: who gossips with whom. A graph over all nodes that never changes while the cluster runs; a crash is no
//! change.
//!
//! ```text
//!  ring              line          grid            tree             random, 4 neighbours
//!   n1 - n2           n1 - n2       n1 - n2 - n3      n1             two closed walks through
//!   |     |                \        |    |    |      /  \            all nodes, each in an
//!   n4 - n3           n4 - n3       n4 - n5 - n6    n2    n3         order of its own
//! ```
//!
//! | shape | neighbours | farthest two nodes |
//! |---|---|---|
//! | full | all others | 1 |
//! | ring | 2 | n / 2, rounded down |
//! | line | 1 or 2 | n - 1 |
//! | grid | 2 to 4, in rows of the square root of n | 2 (sqrt n - 1) |
//! | tree | 1 to 3, each with two children | 2 log2 n |
//! | random | k | about log n / log (k - 1) |
//!
//! A random overlay is made of k / 2 closed walks through all nodes, each in a random order (Law & Siu 2003,
//! "Distributed construction of random expander networks"); an odd k adds a random pairing. It is connected by
//! construction. Where two walks go the same way, a node has a neighbour less.

use crate::base::ids::NodeId;
use crate::base::random::Stream;
use std::collections::BTreeSet;

/// The shape of an overlay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Everyone with everyone.
    Full,
    /// A circle in the order of names.
    Ring,
    /// A circle that is open between the last node and the first.
    Line,
    /// Rows as long as the square root of the number of nodes, rounded up; the last may be shorter.
    Grid,
    /// A binary tree, filled level by level; the first node is its root.
    Tree,
    /// This many neighbours each, drawn from the seed.
    Random {
        /// At least two.
        neighbours: usize,
    },
}

/// The graph. A node's neighbours have places, from 0, in the order of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlay {
    members: usize,
    /// The neighbours of each node; empty where they are all others.
    lists: Vec<Vec<NodeId>>,
}

impl Overlay {
    /// The overlay of this shape over `members` nodes.
    pub fn new(shape: Shape, members: usize, random: &mut Stream) -> Overlay {
        if shape == Shape::Full {
            return Overlay { members, lists: Vec::new() };
        }
        let mut lists = vec![BTreeSet::new(); members];
        for (one, other) in edges(shape, members, random) {
            if one != other && one < members && other < members {
                lists[one].insert(NodeId::at(other));
                lists[other].insert(NodeId::at(one));
            }
        }
        Overlay { members, lists: lists.into_iter().map(|list| list.into_iter().collect()).collect() }
    }

    /// How many neighbours `node` has.
    pub fn degree(&self, node: NodeId) -> usize {
        match self.lists.get(node.index()) {
            Some(list) => list.len(),
            None => self.members.saturating_sub(1),
        }
    }

    /// The neighbour of `node` at `place`.
    pub fn neighbour(&self, node: NodeId, place: usize) -> NodeId {
        match self.lists.get(node.index()) {
            Some(list) => list[place],
            None => NodeId::at(if place < node.index() { place } else { place + 1 }),
        }
    }

    /// The neighbours of `node`, in order.
    pub fn neighbours(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        (0..self.degree(node)).map(move |place| self.neighbour(node, place))
    }

    /// The place of `other` among the neighbours of `node`, if it is one.
    pub fn place(&self, node: NodeId, other: NodeId) -> Option<usize> {
        match self.lists.get(node.index()) {
            Some(list) => list.binary_search(&other).ok(),
            None if other == node || other.index() >= self.members => None,
            None => Some(if other < node { other.index() } else { other.index() - 1 }),
        }
    }
}

/// Nodes in a row of a grid of `members`.
pub fn columns(members: usize) -> usize {
    let root = members.isqrt();
    if root * root == members { root } else { root + 1 }
}

/// The edges of a shape, some of them perhaps twice or out of range.
fn edges(shape: Shape, members: usize, random: &mut Stream) -> Vec<(usize, usize)> {
    let chain = |nodes: &[usize]| nodes.windows(2).map(|pair| (pair[0], pair[1])).collect::<Vec<_>>();
    let mut order: Vec<usize> = (0..members).collect();
    match shape {
        Shape::Full => Vec::new(),
        Shape::Line => chain(&order),
        Shape::Ring => closed(&order),
        Shape::Grid => {
            let columns = columns(members);
            let right = |&node: &usize| !(node + 1).is_multiple_of(columns);
            let across = order.iter().copied().filter(right).map(|node| (node, node + 1));
            across.chain(order.iter().map(|&node| (node, node + columns))).collect()
        }
        Shape::Tree => (1..members).map(|node| (node, (node - 1) / 2)).collect(),
        Shape::Random { neighbours } => {
            let mut edges = Vec::new();
            for _ in 0..neighbours / 2 {
                random.shuffle(&mut order);
                edges.extend(closed(&order));
            }
            if !neighbours.is_multiple_of(2) {
                random.shuffle(&mut order);
                edges.extend(order.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            edges
        }
    }
}

/// A walk through `nodes` and back to the first.
fn closed(nodes: &[usize]) -> Vec<(usize, usize)> {
    nodes.iter().copied().zip(nodes.iter().copied().cycle().skip(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    fn overlay(shape: Shape, members: usize) -> Overlay {
        Overlay::new(shape, members, &mut Stream::new(7, "overlay"))
    }

    /// Edges from `from` to each node, by breadth-first search.
    fn distances(overlay: &Overlay, from: usize) -> Vec<Option<usize>> {
        let mut distances = vec![None; overlay.members];
        distances[from] = Some(0);
        let mut queue = VecDeque::from([from]);
        while let Some(node) = queue.pop_front() {
            for next in overlay.neighbours(NodeId::at(node)).map(NodeId::index) {
                if distances[next].is_none() {
                    distances[next] = distances[node].map(|steps| steps + 1);
                    queue.push_back(next);
                }
            }
        }
        distances
    }

    /// The farthest two nodes of all.
    fn diameter(overlay: &Overlay) -> usize {
        let farthest =
            |from| distances(overlay, from).into_iter().map(|steps| steps.expect("connected")).max();
        (0..overlay.members).filter_map(farthest).max().expect("a node")
    }

    #[test]
    fn the_farthest_nodes_are_as_far_as_the_shape_says() {
        for (shape, farthest) in [
            (Shape::Full, 1),
            (Shape::Ring, 50),
            (Shape::Line, 99),
            (Shape::Grid, 18),
            // 100 nodes have levels 0 to 6; two leaves of the last are farthest if they part at the root.
            (Shape::Tree, 12),
        ] {
            assert_eq!(diameter(&overlay(shape, 100)), farthest, "{shape:?}");
        }
    }

    #[test]
    fn neighbours_are_the_ones_of_the_picture() {
        let names = |shape, members, node: usize| -> Vec<usize> {
            overlay(shape, members).neighbours(NodeId::at(node)).map(|other| other.index() + 1).collect()
        };
        assert_eq!(names(Shape::Ring, 4, 0), [2, 4]);
        assert_eq!(names(Shape::Line, 4, 0), [2]);
        assert_eq!(names(Shape::Grid, 6, 1), [1, 3, 5]);
        assert_eq!(names(Shape::Grid, 7, 6), [4], "a last row of one");
        assert_eq!(names(Shape::Tree, 7, 1), [1, 4, 5]);
        assert_eq!(names(Shape::Full, 4, 1), [1, 3, 4]);
    }

    proptest! {
        #[test]
        fn every_overlay_is_connected_and_mutual(
            members in 1_usize..60, neighbours in 2_usize..7, seed in any::<u64>(), which in 0_usize..6,
        ) {
            let shape = [
                Shape::Full, Shape::Ring, Shape::Line, Shape::Grid, Shape::Tree, Shape::Random { neighbours },
            ][which];
            let overlay = Overlay::new(shape, members, &mut Stream::new(seed, "overlay"));
            prop_assert!(distances(&overlay, 0).iter().all(Option::is_some));
            for node in (0..members).map(NodeId::at) {
                for (place, other) in overlay.neighbours(node).enumerate() {
                    prop_assert_eq!(overlay.place(node, other), Some(place));
                    prop_assert!(overlay.place(other, node).is_some());
                }
                prop_assert_eq!(overlay.place(node, node), None);
                if let Shape::Random { neighbours } = shape {
                    prop_assert!(overlay.degree(node) <= neighbours);
                }
            }
        }
    }

    #[test]
    fn a_thousand_nodes_with_four_random_neighbours_are_few_steps_apart() {
        let overlay = overlay(Shape::Random { neighbours: 4 }, 1_000);
        // Each step reaches three times as many: 4 + 12 + ... passes 1000 after six steps, and the last are found late.
        let farthest = distances(&overlay, 0).into_iter().flatten().max();
        assert!((6..=9).contains(&farthest.expect("a node")), "{farthest:?}");
    }
}
