//! `layout`: who passes the log on to whom. In a star the primary ships to everyone. In a cascade replicas pass it on in
//! a tree of two (PostgreSQL cascading replication, MongoDB chaining), and each says itself how far it is. In a chain
//! each passes it on to the next once it is on its disk, and the last one's answer speaks for all (van Renesse and
//! Schneider, Chain Replication, 2004).
//!
//! ```text
//! chain    n1 -> n2 -> n3 -> n4 -> n5       cascade   n1 -> n2 -> n4
//!           ^------- Ack ----------+                     -> n3 -> n5
//! ```
//!
//! The primary writes the way on what it ships, so a layout is nobody's memory: who is silent is left out of the next
//! way, and who stopped getting anything is shipped to directly until it is in step again.
//!
//! Reads in a chain are apportioned (Terrace and Freedman, CRAQ, 2009): any node answers if nothing newer is on its
//! way through it, else it asks the tail how far the chain has got.

use super::config::Layout;
use super::message::{Ack, Append, Message};
use super::reign::Reign;
use super::ship::{Flow, Follower};
use super::{AfterFlush, Context, PrimaryReplica};
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::operation::{Answer, Request};
use crate::protocol::Traffic;
use std::sync::Arc;

/// Entries in one relayed message at most.
const BATCH: u64 = 64;

/// The way that entries take now.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Way {
    /// Everyone on it, in order.
    nodes: Vec<NodeId>,
    /// Its number within the reign: what took an earlier way says nothing about those on this one.
    number: u64,
}

impl Layout {
    /// Splits the nodes to be served into the first ones and who each of them serves.
    fn branches(self, nodes: &[NodeId]) -> impl Iterator<Item = (NodeId, Arc<[NodeId]>)> {
        let arity = if self == Layout::Chain { 1 } else { 2 };
        (0..arity.min(nodes.len())).map(move |branch| {
            (nodes[branch], nodes[branch..].iter().skip(arity).step_by(arity).copied().collect())
        })
    }
}

impl PrimaryReplica {
    // the primary

    /// Ships what is new to everyone in step, along the layout.
    pub(super) fn ship_along(&mut self, cx: &mut Context<'_>) {
        if self.config.layout == Layout::Star {
            return;
        }
        while let Some((nodes, from, upto)) = self.next_leg() {
            let entries = self.log().slice(from, upto);
            let is_write = entries.iter().any(|entry| entry.write().is_some());
            let traffic = if is_write { Traffic::Write } else { Traffic::Background };
            if let Some(reign) = self.reign_mut() {
                if reign.way.nodes != nodes {
                    reign.way = Way { nodes: nodes.clone(), number: reign.way.number + 1 };
                }
                nodes.iter().for_each(|node| reign.followers[node.index()].next = upto + 1);
            }
            let way = self.reign().map_or(0, |reign| reign.way.number);
            for (first, relay) in self.config.layout.branches(&nodes) {
                self.send_append(cx, first, from - 1, Arc::clone(&entries), (way, relay), traffic);
            }
        }
    }

    /// Who is in step, and what comes next for them.
    fn next_leg(&self) -> Option<(Vec<NodeId>, u64, u64)> {
        let reign = self.reign()?;
        let streams = |node: &NodeId| reign.followers[node.index()].flow == Flow::Stream;
        // The way begins behind the primary and goes round.
        let place = self.members.iter().position(|&member| member == self.me)?;
        let round = self.members[place + 1..].iter().chain(&self.members[..place]).copied();
        let streaming: Vec<NodeId> = round.filter(streams).collect();
        let next = |node: &NodeId| reign.followers[node.index()].next;
        let from = streaming.iter().map(next).max()?;
        let nodes: Vec<NodeId> = streaming.into_iter().filter(|node| next(node) == from).collect();
        let reach = |node: &NodeId| {
            let follower = &reign.followers[node.index()];
            follower.written.max(follower.base) + self.config.max_inflight
        };
        let upto = self.log().last_index().min(nodes.iter().map(reach).min()?).min(from + BATCH - 1);
        (from <= upto).then_some((nodes, from, upto))
    }

    /// Whether a replica is served along the layout, and not by itself.
    pub(super) fn is_in_step(&self, node: NodeId) -> bool {
        let Some(reign) = self.reign().filter(|_| self.config.layout != Layout::Star) else { return false };
        let streams = |follower: &&Follower| follower.flow == Flow::Stream;
        let next = reign.followers.iter().filter(streams).map(|follower| follower.next).max();
        let follower = &reign.followers[node.index()];
        self.members.contains(&node) && streams(&follower) && Some(follower.next) == next
    }

    /// Who was sent something by others and has got nothing of it for a whole beat is shipped to directly.
    pub(super) fn mend_way(&mut self) {
        if self.config.layout == Layout::Star {
            return;
        }
        let last = self.log().last_index();
        for peer in self.peers() {
            let Some(reign) = self.reign_mut() else { return };
            let follower = &mut reign.followers[peer.index()];
            let before = std::mem::replace(&mut follower.written_at_beat, follower.written);
            let is_stuck = follower.flow == Flow::Stream && follower.written + 1 < follower.next;
            if is_stuck && before == follower.written {
                follower.stream_from(follower.written + 1, last);
                Self::break_way(reign, peer);
            }
        }
    }

    /// In a chain the last one's answer speaks for all before it: they passed on what was on their disks.
    pub(super) fn credit_chain(reign: &mut Reign, layout: Layout, from: NodeId, ack: &Ack) {
        let (way, upto) = ack.by_way;
        let is_tail = reign.way.nodes.last() == Some(&from) && reign.way.number == way;
        if layout != Layout::Chain || !is_tail {
            return;
        }
        let (passed, applied) = (ack.flushed.min(upto), ack.applied.min(upto));
        for node in &reign.way.nodes[..reign.way.nodes.len() - 1] {
            let follower = &mut reign.followers[node.index()];
            follower.written = follower.written.max(passed);
            follower.flushed = follower.flushed.max(passed);
            follower.applied = follower.applied.max(applied);
        }
    }

    /// A node on the way has begun a new life, or is shipped to directly: what the last one has need not have come
    /// through it any more. The way begins anew.
    pub(super) fn break_way(reign: &mut Reign, node: NodeId) {
        if reign.way.nodes.contains(&node) {
            reign.way.nodes.clear();
        }
    }

    // those on the way

    /// Notes what has come along a way.
    pub(super) fn note_way(&mut self, append: &Append) {
        let upto = append.prev.index + append.entries.len() as u64;
        if append.way > self.by_way.0 {
            self.by_way = (append.way, upto);
        } else if append.way == self.by_way.0 && append.way > 0 {
            self.by_way.1 = self.by_way.1.max(upto);
        }
    }

    /// Passes a message on: in a cascade at once, in a chain when its entries are flushed.
    pub(super) fn relay(&mut self, cx: &mut Context<'_>, append: &Append) {
        if append.relay.is_empty() {
            return;
        }
        let upto = append.prev.index + append.entries.len() as u64;
        if self.config.layout == Layout::Chain && self.flushed < upto {
            let position = *cx.appended;
            self.flushing.push_back((position, AfterFlush::Relay(Box::new(append.clone()))));
            cx.flush();
        } else {
            self.pass_on(cx, append);
        }
    }

    /// Sends it to the next ones.
    pub(super) fn pass_on(&self, cx: &mut Context<'_>, append: &Append) {
        for (next, relay) in self.config.layout.branches(&append.relay) {
            cx.send(next, Message::Append(Append { relay, ..append.clone() }));
        }
    }

    /// Whether this node leaves the answer to those behind it.
    pub(super) fn is_inner_link(&self, append: &Append) -> bool {
        self.config.layout == Layout::Chain && !append.relay.is_empty()
    }

    // reads

    /// A read at any node of a chain.
    pub(super) fn read_apportioned(&mut self, cx: &mut Context<'_>, request: &Request) {
        let is_in_reach = cx.now.since(self.heard) < self.config.election_timeout.0;
        let newest = self.store.newest_write(request.key, self.log().last_index());
        match self.tail {
            _ if !is_in_reach => self.name_primary(cx, request.op),
            _ if newest <= self.store.applied() => self.find_here(cx, request.op, request.key),
            Some(tail) => cx.send(tail, Message::HowFar { op: request.op, key: request.key }),
            None => self.find_upto(cx, request.op, request.key, self.flushed),
        }
    }

    /// A node asks the tail how far the chain has got.
    pub(super) fn take_how_far(&self, cx: &mut Context<'_>, from: NodeId, op: OpId, key: Key) {
        if !self.is_primary() {
            cx.send(from, Message::ThisFar { op, key, upto: self.flushed });
        }
    }

    /// The tail has answered: everything up to there is on every node.
    pub(super) fn find_upto(&self, cx: &mut Context<'_>, op: OpId, key: Key, upto: u64) {
        let index = self.store.newest_write(key, upto.max(self.store.applied()));
        cx.reply(op, Answer::Found(self.store.found(index)));
    }
}
