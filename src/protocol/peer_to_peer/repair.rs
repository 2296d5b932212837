//! Anti-entropy: two nodes compare the keys that both own by their Merkle trees and send each other what lies in the
//! leaves that differ (Dynamo 4.7; Cassandra `nodetool repair`; Riak active anti-entropy).
//!
//! ```text
//!  one that begins                     its peer
//!    | Compare root ---------------------> |  trees are built when a session begins, over the keys both own
//!    | <--------------- Compare children   |  of what differs; in turn down to the leaves
//!    |            ...                      |
//!    | Differ leaves --------------------> |  whoever sees that leaves differ says which
//!    | Stream --->            <--- Stream  |  both send all they have there: one changed key drags its leaf along
//!    | <-- Streamed            Streamed -> |  all is on the other's disk: that half is done
//! ```
//!
//! Best effort: a session in which something is lost is given up after a while, and the next one begins anew.

use super::cell;
use super::message::Message;
use super::object::Object;
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::ids::{Key, NodeId};
use crate::base::line::Line;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::Ghost;
use crate::protocol::kit::merkle::Tree;
use crate::protocol::kit::ring;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// What hashing one key costs the processor: a read of the row and a hash.
const HASH_A_KEY: Span = Span(5);
/// The most keys in one message.
const BATCH: usize = 64;
/// A session that has not moved for this many time-outs of a write is given up.
const PATIENCE: u64 = 10;

/// A comparison of two nodes: who began it, and that node's count of them over all its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionId {
    /// Who began.
    pub by: NodeId,
    /// Its life in the upper half, a count in the lower.
    pub number: u64,
}

/// One node's part in a comparison.
#[derive(Clone, Debug, PartialEq)]
struct Session {
    peer: NodeId,
    tree: Tree,
    /// The timestamp at which this node built its tree: what is older has been compared.
    began: u64,
    moved: VirtualTime,
    /// Keys compared.
    keys: u64,
    leaves: u64,
    /// Keys that came, and those among them that changed something.
    came: u64,
    changed: u64,
    /// Batches that have come, and how many there are.
    batches: (BTreeSet<u32>, Option<u32>),
    /// Whether the peer has all that this node sent it.
    is_sent: bool,
    /// Whether an operator waits for it.
    is_by_hand: bool,
}

/// All comparisons of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Repairs {
    sessions: BTreeMap<SessionId, Session>,
    last_number: u64,
    /// Peers that an operator wants compared, one after the other.
    wanted: VecDeque<NodeId>,
    /// Whether those with whom it fails are wanted again: this node was away.
    is_patient: bool,
    /// The peer that was last compared with by the clock.
    turn: usize,
    /// The timestamp at which the last complete comparison with each peer began.
    repaired: BTreeMap<NodeId, u64>,
}

impl Repairs {
    pub(super) fn new(incarnation: u32) -> Repairs {
        Repairs { last_number: u64::from(incarnation) << 32, ..Repairs::default() }
    }

    /// The timestamp at which the last complete comparison with `peer` began.
    pub(super) fn repaired(&self, peer: NodeId) -> Option<u64> {
        self.repaired.get(&peer).copied()
    }
}

impl PeerToPeer {
    /// After a start: compares by the clock, at once if this node was away.
    pub(super) fn begin_anti_entropy(&mut self, cx: &mut Cx<'_>) {
        let Some(period) = self.config.anti_entropy else { return };
        // Not all at the same moment.
        let first =
            if cx.incarnation > 1 { self.config.write_timeout } else { Span(cx.random.between(0, period.0)) };
        cx.set_timer(timer(Alarm::AntiEntropy), first);
    }

    /// The clock wants a comparison with the next peer; sessions that stand still are given up.
    pub(super) fn wake_anti_entropy(&mut self, cx: &mut Cx<'_>) {
        if let Some(period) = self.config.anti_entropy {
            cx.set_timer(timer(Alarm::AntiEntropy), period);
            if let Some(peer) = self.next_in_turn() {
                self.begin_session(cx, peer, false);
            }
        }
        self.give_up_idle(cx);
    }

    fn next_in_turn(&mut self) -> Option<NodeId> {
        // Where nodes gossip, with neighbours alone.
        let overlay = self.config.gossip.as_ref().map(|gossip| &gossip.overlay);
        let peers = overlay.map_or(self.ring.places(), |overlay| overlay.degree(self.me));
        for _ in 0..peers {
            self.repairs.turn = (self.repairs.turn + 1) % peers;
            let turn = self.repairs.turn;
            let peer = overlay.map_or(NodeId::at(turn), |overlay| overlay.neighbour(self.me, turn));
            let is_busy =
                self.repairs.sessions.iter().any(|(id, session)| id.by == self.me && session.peer == peer);
            if peer != self.me && self.is_on_ring(peer) && self.believes_up(peer) && !is_busy {
                return Some(peer);
            }
        }
        None
    }

    /// An operator wants everything compared: this node begins with those after it, so that each pair meets once.
    pub(super) fn repair_by_hand(&mut self, cx: &mut Cx<'_>) {
        let later = (self.me.index() + 1..self.ring.places()).map(NodeId::at);
        let is_near = |node: &NodeId| {
            self.config.gossip.as_ref().is_none_or(|g| g.overlay.place(self.me, *node).is_some())
        };
        self.repairs.wanted = later.filter(is_near).collect();
        self.repairs.is_patient = false;
        self.begin_next_wanted(cx);
    }

    /// Compares with the first `most` of `nodes`, one after the other, until it has succeeded with each.
    pub(super) fn compare_with_some(
        &mut self,
        cx: &mut Cx<'_>,
        nodes: impl Iterator<Item = NodeId>,
        most: usize,
    ) {
        self.repairs.wanted = nodes.filter(|&node| self.believes_up(node)).take(most).collect();
        self.repairs.is_patient = true;
        self.begin_next_wanted(cx);
    }

    fn begin_next_wanted(&mut self, cx: &mut Cx<'_>) {
        if let Some(peer) = self.repairs.wanted.pop_front() {
            self.begin_session(cx, peer, true);
        }
    }

    fn begin_session(&mut self, cx: &mut Cx<'_>, peer: NodeId, is_by_hand: bool) {
        self.repairs.last_number += 1;
        let id = SessionId { by: self.me, number: self.repairs.last_number };
        let session = self.open_session(cx, peer, is_by_hand);
        if is_by_hand {
            cx.say(Line::RepairStart { peer, keys: session.keys });
        }
        let nodes = session.tree.root().into();
        self.repairs.sessions.insert(id, session);
        cx.send(peer, Message::Compare { session: id, level: 0, nodes });
        self.watch_sessions(cx);
    }

    /// Builds the tree of the keys that this node and `peer` both own.
    fn open_session(&mut self, cx: &mut Cx<'_>, peer: NodeId, is_by_hand: bool) -> Session {
        let mut tree = Tree::new(self.config.merkle_depth);
        let mut keys = 0;
        for (key, object) in self.shared_with(peer) {
            tree.toggle(ring::hash(key), object.digest(key));
            keys += 1;
        }
        cx.busy(HASH_A_KEY * keys);
        cx.ghost(Ghost::Compared { keys });
        Session {
            peer,
            tree,
            began: cell::stamp(cx.wall),
            moved: cx.now,
            keys,
            leaves: 0,
            came: 0,
            changed: 0,
            batches: (BTreeSet::new(), None),
            is_sent: false,
            is_by_hand,
        }
    }

    fn shared_with(&self, peer: NodeId) -> impl Iterator<Item = (Key, &Object)> + '_ {
        let is_shared = move |key: &Key| {
            let owners = self.ring.reads().owners(*key);
            owners.contains(&self.me) && owners.contains(&peer)
        };
        self.store.iter().filter(move |(key, _)| is_shared(key))
    }

    /// Sessions that stand still must not stay for ever.
    fn watch_sessions(&mut self, cx: &mut Cx<'_>) {
        cx.set_timer(timer(Alarm::Sessions), self.config.write_timeout * PATIENCE);
    }

    pub(super) fn give_up_idle(&mut self, cx: &mut Cx<'_>) {
        let patience = self.config.write_timeout * PATIENCE;
        let is_idle = |session: &Session| cx.now.since(session.moved) >= patience;
        let idle: Vec<SessionId> =
            self.repairs.sessions.iter().filter(|(_, session)| is_idle(session)).map(|(&id, _)| id).collect();
        for id in idle {
            let Some(session) = self.repairs.sessions.remove(&id) else { continue };
            if id.by == self.me {
                cx.say(Line::RepairFailed { peer: session.peer });
            }
            if session.is_by_hand {
                self.repairs.wanted.extend(self.repairs.is_patient.then_some(session.peer));
                self.begin_next_wanted(cx);
            }
        }
        if !self.repairs.sessions.is_empty() {
            self.watch_sessions(cx);
        }
    }

    /// The peer's hashes of some nodes of the tree. What differs is looked at one level down, or said to differ.
    pub(super) fn take_compare(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        id: SessionId,
        level: u32,
        nodes: &[(u32, u64)],
    ) {
        if level == 0 && id.by == from && !self.repairs.sessions.contains_key(&id) {
            let session = self.open_session(cx, from, false);
            self.repairs.sessions.insert(id, session);
            self.watch_sessions(cx);
        }
        let Some(session) = self.repairs.sessions.get_mut(&id) else { return };
        session.moved = cx.now;
        let differing = session.tree.differing(level, nodes);
        if !differing.is_empty() && level < session.tree.depth() {
            let nodes = session.tree.children(level, &differing).into();
            return cx.send(from, Message::Compare { session: id, level: level + 1, nodes });
        }
        cx.send(from, Message::Differ { session: id, leaves: differing.clone().into() });
        self.settle_leaves(cx, id, &differing);
    }

    /// The peer has found which leaves differ.
    pub(super) fn take_differ(&mut self, cx: &mut Cx<'_>, id: SessionId, leaves: &[u32]) {
        self.settle_leaves(cx, id, leaves);
    }

    /// It is known which leaves differ: all that lies in them goes out, or the session is over.
    fn settle_leaves(&mut self, cx: &mut Cx<'_>, id: SessionId, leaves: &[u32]) {
        let Some(session) = self.repairs.sessions.get_mut(&id) else { return };
        (session.leaves, session.moved) = (leaves.len() as u64, cx.now);
        if leaves.is_empty() {
            (session.is_sent, session.batches.1) = (true, Some(0));
            return self.finish_session(cx, id);
        }
        let Some(session) = self.repairs.sessions.get(&id) else { return };
        let (peer, wanted) = (session.peer, leaves.iter().copied().collect::<BTreeSet<u32>>());
        let lies_there = |key: &Key| wanted.contains(&session.tree.leaf(ring::hash(*key)));
        let there = self.shared_with(peer).filter(|(key, _)| lies_there(key));
        let copies: Vec<(Key, Object)> = there.map(|(key, object)| (key, object.clone())).collect();
        // Who has nothing there says so, in a batch of nothing.
        let of = copies.len().div_ceil(BATCH).max(1);
        for place in 0..of {
            let copies = copies.chunks(BATCH).nth(place).map_or_else(Arc::default, Arc::from);
            cx.send(peer, Message::Stream { session: id, place: place as u32, of: of as u32, copies });
        }
    }

    /// A batch of what the peer has in the leaves that differ.
    pub(super) fn take_stream(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        id: SessionId,
        (place, of): (u32, u32),
        copies: &[(Key, Object)],
    ) {
        if cx.disk_full || !self.repairs.sessions.contains_key(&id) {
            return;
        }
        let before = *cx.appended;
        let mut changed = 0;
        let (ring, me) = (Arc::clone(&self.ring), self.me);
        for (key, object) in copies.iter().filter(|(key, _)| ring.takes(*key, me)) {
            let records = *cx.appended;
            self.apply(cx, from, *key, object);
            changed += u64::from(*cx.appended != records);
        }
        if *cx.appended != before {
            self.flush(cx);
        }
        cx.ghost(Ghost::Streamed { keys: copies.len() as u64, different: changed });
        let Some(session) = self.repairs.sessions.get_mut(&id) else { return };
        session.moved = cx.now;
        session.came += copies.len() as u64;
        session.changed += changed;
        session.batches.0.insert(place);
        session.batches.1 = Some(of);
        if session.batches.0.len() == of as usize {
            self.owe(cx, from, Message::Streamed { session: id });
        }
        self.finish_session(cx, id);
    }

    /// The peer has all that this node sent on its disk.
    pub(super) fn take_streamed(&mut self, cx: &mut Cx<'_>, id: SessionId) {
        if let Some(session) = self.repairs.sessions.get_mut(&id) {
            session.is_sent = true;
            self.finish_session(cx, id);
        }
    }

    /// Ends a session of which both halves are done.
    fn finish_session(&mut self, cx: &mut Cx<'_>, id: SessionId) {
        let has_all = |(come, of): &(BTreeSet<u32>, Option<u32>)| Some(come.len() as u32) == *of;
        let is_over = |session: &Session| session.is_sent && has_all(&session.batches);
        if !self.repairs.sessions.get(&id).is_some_and(is_over) {
            return;
        }
        let Some(session) = self.repairs.sessions.remove(&id) else { return };
        let Session { peer, began, keys, leaves, came, changed, is_by_hand, .. } = session;
        self.repairs.repaired.insert(peer, began);
        if changed > 0 {
            cx.say(Line::RepairDiff { peer, leaves, came, changed });
        } else if is_by_hand {
            cx.say(Line::RepairDone { peer, keys });
        }
        if is_by_hand {
            self.begin_next_wanted(cx);
        }
    }
}
