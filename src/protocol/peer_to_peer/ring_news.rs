//! How news of the ring spreads, and what a node does about it.
//!
//! ```text
//!  gossip      RingEpoch to one member at random; if it differs, both say what they know   (once somebody has moved)
//!  requests    carry the coordinator's epoch: a replica that knows more does not do them, and answers Behind with the
//!              newer ring; one that knows less does them, and asks for the ring
//! ```
//!
//! So nobody writes or reads by a ring that those it asks know to be over. What is learned is flushed before anybody
//! counts on it: a node that forgot it in a crash would again serve ranges that it gave away.

use super::config::Watching;
use super::durable::Record;
use super::message::{Message, RequestId};
use super::movement::Movement;
use super::object::Object;
use super::ring_map::{Epoch, Phase, RingMap, Row};
use super::timers::{Alarm, timer};
use super::{Config, Cx, PeerToPeer};
use crate::base::ids::{Key, NodeId};
use crate::base::line::Line;
use crate::base::time::Span;
use std::collections::BTreeMap;
use std::sync::Arc;

impl PeerToPeer {
    /// Whether `node` answers reads on the ring known here.
    pub(super) fn is_on_ring(&self, node: NodeId) -> bool {
        matches!(self.ring.phase(node), Some(Phase::Member | Phase::Leaving | Phase::TakingOver))
    }

    /// A node that is on the ring and believed up, to send clients to.
    pub(super) fn somebody(&self) -> Option<NodeId> {
        self.ring.members().find(|&node| node != self.me && self.believes_up(node))
    }

    /// `from` asks by a ring of this epoch. If that is older than the one known here, the request is not done and the
    /// answer is the newer ring.
    pub(super) fn is_behind(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        request: RequestId,
        theirs: Epoch,
    ) -> bool {
        let mine = self.ring.epoch();
        if theirs.is_out_of_date(mine) {
            cx.send(from, Message::Behind { request, ring: Arc::clone(&self.ring) });
            return true;
        }
        if theirs != mine && self.asked_for != theirs {
            self.asked_for = theirs;
            self.tell_ring(cx, from, true);
        }
        false
    }

    /// A replica knows a newer ring than the one a request was sent by.
    pub(super) fn take_behind(&mut self, cx: &mut Cx<'_>, from: NodeId, id: RequestId, ring: &Arc<RingMap>) {
        self.learn_ring(cx, ring);
        if !ring.includes(&self.ring) {
            self.tell_ring(cx, from, false);
        }
        self.rewrite(cx, id, from);
        self.reread(cx, id);
        self.forward_anew(cx, id);
    }

    /// Says to `to` what is known here, and perhaps asks what is known there.
    /// It is on the disk first: whoever hears it may count on it. Nothing is said to a node that others may be giving
    /// up: it must not take this for consent to its next step.
    pub(super) fn tell_ring(&mut self, cx: &mut Cx<'_>, to: NodeId, is_question: bool) {
        if self.granted.is_some_and(|grant| grant.gives_up == Some(to)) {
            return;
        }
        self.owe(cx, to, Message::Ring { ring: Arc::clone(&self.ring), is_question });
    }

    /// `from` says what it knows.
    pub(super) fn take_ring(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        ring: &Arc<RingMap>,
        is_question: bool,
    ) {
        self.learn_ring(cx, ring);
        if is_question || !ring.includes(&self.ring) {
            self.tell_ring(cx, from, false);
        }
        self.note_who_knows(cx, from, ring);
    }

    /// `from` says of what epoch its ring is.
    pub(super) fn take_ring_epoch(&mut self, cx: &mut Cx<'_>, from: NodeId, theirs: Epoch) {
        if theirs != self.ring.epoch() {
            self.tell_ring(cx, from, !theirs.is_behind(self.ring.epoch()));
        }
    }

    /// Gossip: one member hears of what epoch the ring is here.
    pub(super) fn gossip_ring(&mut self, cx: &mut Cx<'_>) {
        let others: Vec<NodeId> = self.ring.nodes().filter(|&node| node != self.me).collect();
        if let Some(last) = others.len().checked_sub(1) {
            let to = others[cx.random.between(0, last as u64) as usize];
            cx.send(to, Message::RingEpoch(self.ring.epoch()));
        }
        self.arm_ring_gossip(cx);
    }

    /// Begins to gossip about the ring once there is something to say.
    pub(super) fn arm_ring_gossip(&mut self, cx: &mut Cx<'_>) {
        if self.ring.epoch() != Epoch::default() {
            cx.set_timer(timer(Alarm::Ring), gossip_interval(&self.config));
        }
    }

    /// Takes in what another map knows.
    pub(super) fn learn_ring(&mut self, cx: &mut Cx<'_>, ring: &Arc<RingMap>) {
        if self.ring.includes(ring) {
            return;
        }
        let next = if ring.includes(&self.ring) {
            Arc::clone(ring)
        } else {
            Arc::new(self.map_of(self.ring.merged(ring)))
        };
        self.adopt_ring(cx, next);
    }

    /// This node takes a step of its own.
    pub(super) fn step_on_ring(&mut self, cx: &mut Cx<'_>, phase: Phase, replaces: Option<NodeId>) {
        let mut rows = self.ring.rows().clone();
        let version = rows.get(&self.me).map_or(1, |row| row.version + 1);
        rows.insert(self.me, Row { version, phase, replaces });
        let next = Arc::new(self.map_of(rows));
        self.adopt_ring(cx, next);
        self.spread_ring(cx);
    }

    /// This node writes that `dead` has left the ring, numbered `ahead` of any step that it may have taken unheard.
    pub(super) fn take_step_back(&mut self, cx: &mut Cx<'_>, dead: NodeId, ahead: u32) {
        let mut rows = self.ring.rows().clone();
        let version = rows.get(&dead).map_or(0, |row| row.version) + ahead;
        rows.insert(dead, Row { version, phase: Phase::Left, replaces: None });
        let next = Arc::new(self.map_of(rows));
        self.adopt_ring(cx, next);
        self.spread_ring(cx);
    }

    /// Tells everybody, when it is flushed.
    pub(super) fn spread_ring(&mut self, cx: &mut Cx<'_>) {
        let others: Vec<NodeId> = self.ring.nodes().filter(|&node| node != self.me).collect();
        for node in others {
            self.tell_ring(cx, node, true);
        }
    }

    fn map_of(&self, rows: BTreeMap<NodeId, Row>) -> RingMap {
        RingMap::new(rows, &self.config.ring, self.config.founders, &self.config.plan)
    }

    fn adopt_ring(&mut self, cx: &mut Cx<'_>, next: Arc<RingMap>) {
        let is_first = self.ring.epoch() == Epoch::default();
        for (&node, &row) in next.rows() {
            if self.ring.rows().get(&node) != Some(&row) {
                cx.append(Record::Ring { node, row });
            }
        }
        let mine = self.ring.rows().get(&self.me).copied();
        let before = std::mem::replace(&mut self.ring, next);
        self.admit_nodes(cx);
        self.release_grant(cx, &before);
        self.drop_foreign_keys(cx);
        self.redirect_hints(cx);
        self.flush(cx);
        if is_first {
            self.arm_ring_gossip(cx);
        }
        let is_off = self.ring.phase(self.me) == Some(Phase::Left);
        if is_off && !matches!(self.movement, Movement::None | Movement::Asking { .. }) {
            // Another has taken its place, or it was given up.
            self.movement = Movement::None;
            cx.cancel_timer(timer(Alarm::Movement));
        }
        // A node whose disk was lost hears from others how far it was.
        if self.ring.rows().get(&self.me).copied() != mine && self.movement == Movement::None {
            self.resume_movement(cx);
        }
    }

    /// Nodes that were not known before are watched.
    pub(super) fn admit_nodes(&mut self, cx: &mut Cx<'_>) {
        let places = self.ring.places().max(self.me.index() + 1);
        self.detector.admit(NodeId::at(places - 1), &self.config, cx.now);
    }

    /// Forgets what others keep from now on: a movement is over, and they have it (Cassandra wants `nodetool cleanup`
    /// for that).
    fn drop_foreign_keys(&mut self, cx: &mut Cx<'_>) {
        let is_foreign = |key: &Key| !self.ring.takes(*key, self.me);
        let foreign: Vec<Key> = self.store.iter().map(|(key, _)| key).filter(is_foreign).collect();
        for &key in &foreign {
            self.store.purge(key);
            self.forgotten = self.forgotten.saturating_add(1);
            cx.append(Record::Purged { key });
        }
        if !foreign.is_empty() {
            cx.say(Line::RangesDropped { keys: foreign.len() as u64 });
        }
    }

    /// Hints for a node that is off the ring are for those that own their keys now.
    fn redirect_hints(&mut self, cx: &mut Cx<'_>) {
        let gone: Vec<NodeId> =
            self.ring.nodes().filter(|&node| self.ring.phase(node) == Some(Phase::Left)).collect();
        for target in gone {
            let Some((upto, kept)) = self.hints.give_up(target) else { continue };
            for (key, object) in kept {
                self.pass_on(cx, key, &object);
            }
            cx.append(Record::HandedOver { target, upto });
        }
    }

    /// Keeps what `from` told of `key`, or passes it on if the key is not this node's any more.
    pub(super) fn take_in(&mut self, cx: &mut Cx<'_>, from: NodeId, key: Key, object: &Object) {
        if self.ring.takes(key, self.me) {
            self.apply(cx, from, key, object);
        } else {
            self.pass_on(cx, key, object);
        }
    }

    /// Keeps `object` for every owner of `key`, this node included if it is one.
    fn pass_on(&mut self, cx: &mut Cx<'_>, key: Key, object: &Object) {
        let ring = Arc::clone(&self.ring);
        for &owner in ring.reads().owners(key) {
            if owner == self.me {
                self.apply(cx, self.me, key, object);
            } else {
                self.store_hint(cx, owner, key, object.clone());
            }
        }
    }
}

fn gossip_interval(config: &Config) -> Span {
    match &config.watching {
        Watching::Swim(settings) => settings.gossip_interval,
        Watching::Phi(settings) => settings.round,
        Watching::Nobody => Span::seconds(1),
    }
}
