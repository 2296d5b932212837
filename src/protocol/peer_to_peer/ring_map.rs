//! Who is where on the ring, as one node knows it: what differs from the founders, and the rings made of that.
//!
//! ```text
//!  a node joins   Joining ------------> TakingOver ---------> Member
//!  a node leaves             Leaving -------------------------> Left
//!     writes go   to the owners before and after              to the owners after
//!     reads go    to those before      to those after
//! ```
//!
//! Each row is written by its node alone and numbered by it, or, once and far ahead, by a member that gives the node up.
//! So two maps merge row by row, and whatever way the news
//! takes, everybody ends with the same map (the states of Cassandra's ring, in the steps that its 5.1 takes: start,
//! middle and finish of a movement). A map never changes; nodes that know the same share it.

use crate::base::ids::{Key, NodeId};
use crate::protocol::kit::ring::{Holders, Plan, Ring};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far a node has moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It takes writes and fetches what was written before; it answers no reads.
    Joining,
    /// It answers reads in place of those it takes over from; writes still go to them too.
    TakingOver,
    /// It is on the ring.
    Member,
    /// It hands over what it has; those who take over get all writes already.
    Leaving,
    /// It was on the ring and is no more.
    Left,
}

impl Phase {
    /// Whether a movement is under way.
    pub fn is_moving(self) -> bool {
        matches!(self, Phase::Joining | Phase::TakingOver | Phase::Leaving)
    }

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Phase::Joining => "joining",
            Phase::TakingOver => "taking over",
            Phase::Member => "member",
            Phase::Leaving => "leaving",
            Phase::Left => "left",
        }
    }
}

/// What a node says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Grows by one with each of its steps.
    pub version: u32,
    /// The step.
    pub phase: Phase,
    /// The dead node whose tokens it takes.
    pub replaces: Option<NodeId>,
}

/// How much of the ring's history is known: the count of all steps in the upper half, a mark of what they were in the
/// lower. It travels in the header of every request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Epoch(pub u32);

impl Epoch {
    fn of(rows: &BTreeMap<NodeId, Row>) -> Epoch {
        let steps: u32 = rows.values().map(|row| row.version).sum();
        let mark = rows.iter().fold(0_u32, |mark, (node, row)| {
            mark.wrapping_mul(31).wrapping_add(u32::from(node.0) << 8 | row.version)
        });
        Epoch(steps << 16 | mark & 0xFFFF)
    }

    /// Steps in all.
    pub fn steps(self) -> u32 {
        self.0 >> 16
    }

    /// Whether a step is missing here that `other` counts.
    pub fn is_behind(self, other: Epoch) -> bool {
        self.steps() < other.steps()
    }

    /// Whether whoever knows no more than this may serve by it where `other` is known: not if it misses a step, and not
    /// if each of the two knows one that the other does not.
    pub fn is_out_of_date(self, other: Epoch) -> bool {
        self.is_behind(other) || self.steps() == other.steps() && self != other
    }
}

/// The ring as one node knows it.
#[derive(Clone, Debug, PartialEq)]
pub struct RingMap {
    rows: BTreeMap<NodeId, Row>,
    epoch: Epoch,
    founders: usize,
    /// Reads go to its owners.
    reads: Arc<Ring>,
    /// Writes go to the owners of both of these.
    before: Arc<Ring>,
    after: Arc<Ring>,
}

impl RingMap {
    /// The map of a cluster of `founders` in which nobody has moved.
    pub fn founding(ring: &Arc<Ring>, founders: usize) -> RingMap {
        let (reads, before, after) = (Arc::clone(ring), Arc::clone(ring), Arc::clone(ring));
        RingMap { rows: BTreeMap::new(), epoch: Epoch::default(), founders, reads, before, after }
    }

    /// The map of these rows.
    pub fn new(rows: BTreeMap<NodeId, Row>, founding: &Arc<Ring>, founders: usize, plan: &Plan) -> RingMap {
        let mut map = RingMap::founding(founding, founders);
        if rows.is_empty() {
            return map;
        }
        (map.epoch, map.rows) = (Epoch::of(&rows), rows);
        let mut built: Vec<(Holders, Arc<Ring>)> = Vec::new();
        let mut ring = |holders: Holders| match built.iter().find(|(known, _)| *known == holders) {
            Some((_, ring)) => Arc::clone(ring),
            None => {
                let ring = Arc::new(plan.ring(&holders));
                built.push((holders, Arc::clone(&ring)));
                ring
            }
        };
        map.before = ring(map.holders(&[Phase::Member, Phase::Leaving]));
        map.reads = ring(map.holders(&[Phase::Member, Phase::Leaving, Phase::TakingOver]));
        map.after = ring(map.holders(&[Phase::Member, Phase::Joining, Phase::TakingOver]));
        map
    }

    /// Who holds whose tokens when the nodes in these phases are on the ring.
    fn holders(&self, on_ring: &[Phase]) -> Holders {
        let founders = (0..self.founders).map(NodeId::at).filter(|node| !self.rows.contains_key(node));
        let on_ring: Vec<NodeId> = founders
            .chain(self.rows.iter().filter(|(_, row)| on_ring.contains(&row.phase)).map(|(&node, _)| node))
            .collect();
        let is_replaced = |node: NodeId| {
            self.rows.iter().any(|(by, row)| {
                row.replaces == Some(node) && (row.phase == Phase::Left || on_ring.contains(by))
            })
        };
        let holders: Holders = on_ring
            .iter()
            .filter(|&&node| !is_replaced(node))
            .map(|&node| (self.first_holder(node), node))
            .collect();
        // Whatever is claimed of everybody: somebody answers.
        if holders.is_empty() {
            (0..self.founders).map(|at| (NodeId::at(at), NodeId::at(at))).collect()
        } else {
            holders
        }
    }

    /// Whose tokens `node` holds.
    fn first_holder(&self, node: NodeId) -> NodeId {
        let mut holder = node;
        for _ in 0..=self.rows.len() {
            match self.rows.get(&holder).and_then(|row| row.replaces) {
                Some(earlier) => holder = earlier,
                None => break,
            }
        }
        holder
    }

    /// How much of the ring's history it knows.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What nodes have said of themselves; founders that never moved have said nothing.
    pub fn rows(&self) -> &BTreeMap<NodeId, Row> {
        &self.rows
    }

    /// How far `node` has moved; `None` if it was never on the ring.
    pub fn phase(&self, node: NodeId) -> Option<Phase> {
        let is_replaced =
            self.rows.values().any(|row| row.replaces == Some(node) && row.phase != Phase::Joining);
        match self.rows.get(&node) {
            _ if is_replaced => Some(Phase::Left),
            Some(row) => Some(row.phase),
            None => (node.index() < self.founders).then_some(Phase::Member),
        }
    }

    /// The node in whose place `node` is there.
    pub fn replaced_by(&self, node: NodeId) -> Option<NodeId> {
        self.rows.get(&node).and_then(|row| row.replaces)
    }

    /// Nodes whose movement is under way.
    pub fn moving(&self) -> impl Iterator<Item = (NodeId, Phase)> + '_ {
        let phases = self.rows.keys().filter_map(|&node| Some((node, self.phase(node)?)));
        phases.filter(|(_, phase)| phase.is_moving())
    }

    /// Nodes that answer reads, in order.
    pub fn members(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.nodes().filter(|&node| {
            matches!(self.phase(node), Some(Phase::Member | Phase::Leaving | Phase::TakingOver))
        })
    }

    /// Nodes that are or were there, in order.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        let late = self.rows.keys().copied().filter(|node| node.index() >= self.founders);
        (0..self.founders).map(NodeId::at).chain(late)
    }

    /// One more than the greatest number of a node.
    pub fn places(&self) -> usize {
        self.nodes().last().map_or(0, |node| node.index() + 1)
    }

    /// The ring whose owners answer reads.
    pub fn reads(&self) -> &Ring {
        &self.reads
    }

    /// The owners of `key` that do not answer its reads and take its writes all the same.
    pub fn pending(&self, key: Key) -> Vec<NodeId> {
        if Arc::ptr_eq(&self.before, &self.after) {
            return Vec::new();
        }
        let owners = self.reads.owners(key);
        let mut pending: Vec<NodeId> = Vec::new();
        for &node in self.before.owners(key).iter().chain(self.after.owners(key)) {
            if !owners.contains(&node) && !pending.contains(&node) {
                pending.push(node);
            }
        }
        pending
    }

    /// The share of all copies that `node` takes writes of and answers no reads of, in thousandths of the ring.
    pub fn pending_permille(&self, node: NodeId) -> u32 {
        let share = |ring: &Ring| ring.share(node).copies_permille;
        share(&self.after).max(share(&self.before)).saturating_sub(share(&self.reads))
    }

    /// Whether writes of `key` go to `node`.
    pub fn takes(&self, key: Key, node: NodeId) -> bool {
        self.before.is_owner(key, node) || self.after.is_owner(key, node)
    }

    /// The rings before and after the movement of `node`, as if nobody else moved.
    pub fn step_of(&self, node: NodeId, plan: &Plan) -> (Arc<Ring>, Arc<Ring>) {
        if self.moving().count() == 1 {
            return (Arc::clone(&self.before), Arc::clone(&self.after));
        }
        let replaced = self.replaced_by(node);
        let settle = |(&other, row): (&NodeId, &Row)| match row.phase {
            // Some may count on it already.
            Phase::TakingOver if replaced == Some(other) => Some(Row { phase: Phase::Member, ..*row }),
            Phase::Joining | Phase::TakingOver => None,
            Phase::Leaving => Some(Row { phase: Phase::Member, ..*row }),
            Phase::Member | Phase::Left => Some(*row),
        };
        let others = self.rows.iter().filter(|(other, _)| **other != node);
        let mut rows: BTreeMap<NodeId, Row> =
            others.filter_map(|entry| Some((*entry.0, settle(entry)?))).collect();
        rows.extend(self.rows.get(&node).map(|row| (node, *row)));
        let alone = RingMap::new(rows, &self.reads, self.founders, plan);
        (alone.before, alone.after)
    }

    /// Whether it knows every step that `other` knows.
    pub fn includes(&self, other: &RingMap) -> bool {
        let knows = |(node, row): (&NodeId, &Row)| {
            self.rows.get(node).is_some_and(|mine| mine.version >= row.version)
        };
        other.rows.iter().all(knows)
    }

    /// The rows of both, the newer of each.
    pub fn merged(&self, other: &RingMap) -> BTreeMap<NodeId, Row> {
        let mut rows = self.rows.clone();
        for (&node, row) in &other.rows {
            let mine = rows.entry(node).or_insert(*row);
            if row.version > mine.version {
                *mine = *row;
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::kit::ring::{Copies, Placement};

    const N6: NodeId = NodeId(5);

    fn plan() -> Plan {
        Plan { placement: Placement::Even, copies: Copies::InAll { members: 5, copies: 3 }, seed: 1 }
    }

    fn map(rows: &[(u16, u32, Phase, Option<NodeId>)]) -> RingMap {
        let founding = Arc::new(plan().founding_ring());
        let row = |&(node, version, phase, replaces): &(u16, u32, Phase, Option<NodeId>)| {
            (NodeId(node), Row { version, phase, replaces })
        };
        RingMap::new(rows.iter().map(row).collect(), &founding, 5, &plan())
    }

    /// Keys 0, 5, 10, … lie in the range of n1, whose first half goes to n6.
    fn halves(map: &RingMap) -> (usize, usize) {
        let keys = || (0..1_000).map(|turn| Key(turn * 5));
        let reads = keys().filter(|&key| map.reads().owners(key)[0] == N6).count();
        (reads, keys().filter(|&key| map.pending(key) == [N6]).count())
    }

    #[test]
    fn a_node_that_joins_takes_writes_first_and_reads_later() {
        let joining = map(&[(5, 1, Phase::Joining, None)]);
        let (reads, pending) = halves(&joining);
        assert_eq!(reads, 0);
        assert!((450..550).contains(&pending), "half of the first range: {pending}");
        let taking_over = map(&[(5, 2, Phase::TakingOver, None)]);
        let (reads, pending) = halves(&taking_over);
        assert_eq!((reads, pending), (pending.max(reads), 0));
        // Those it takes over from still get the writes.
        let key = (0..1_000).map(|turn| Key(turn * 5)).find(|&key| taking_over.reads().owners(key)[0] == N6);
        assert_eq!(taking_over.pending(key.unwrap()), [NodeId(2)]);
        let joined = map(&[(5, 3, Phase::Member, None)]);
        assert!((0..1_000).all(|key| joined.pending(Key(key)).is_empty()));
        assert_eq!(joined.members().count(), 6);
    }

    #[test]
    fn who_takes_a_dead_nodes_place_takes_exactly_its_ranges() {
        let replaced = map(&[(5, 3, Phase::Member, Some(NodeId(2)))]);
        let founding = map(&[]);
        for key in (0..100).map(Key) {
            let expected: Vec<NodeId> = founding
                .reads()
                .owners(key)
                .iter()
                .map(|&node| if node == NodeId(2) { N6 } else { node })
                .collect();
            assert_eq!(replaced.reads().owners(key), expected);
        }
        assert_eq!(replaced.phase(NodeId(2)), Some(Phase::Left));
    }

    #[test]
    fn maps_that_know_the_same_steps_are_one_whatever_way_they_took() {
        let (one, other) = (map(&[(5, 2, Phase::TakingOver, None)]), map(&[(1, 1, Phase::Leaving, None)]));
        assert!(!one.includes(&other) && !other.includes(&one));
        assert_eq!(one.merged(&other), other.merged(&one));
        assert!(other.epoch().is_behind(one.epoch()), "one step, and two");
    }
}
