//! The primary's side of replication: how far each replica is, what it is sent next, and the regular beat.

use super::message::{Ack, Append, Message};
use super::resync::Outgoing;
use super::{Context, HEARTBEAT, PrimaryReplica, Promotion, Role};
use crate::base::ids::NodeId;
use crate::base::line::{Line, StepDown};
use crate::base::time::VirtualTime;
use crate::protocol::kit::quorum::majority;
use std::sync::Arc;

/// Entries in one message at most, when a replica has to catch up.
const BATCH: u64 = 64;

/// How far one replica is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Follower {
    pub(super) node: NodeId,
    /// The next index to send.
    pub(super) next: u64,
    /// Where sending began: the window counts from here until the replica has answered.
    pub(super) base: u64,
    pub(super) written: u64,
    pub(super) flushed: u64,
    pub(super) applied: u64,
    pub(super) heard: VirtualTime,
    pub(super) is_connected: bool,
    /// A snapshot under way.
    pub(super) snapshot: Option<Outgoing>,
}

impl Follower {
    /// A replica of which a new primary knows nothing yet.
    pub(super) fn new(node: NodeId, next: u64, now: VirtualTime) -> Self {
        Follower {
            node,
            next,
            base: next - 1,
            written: 0,
            flushed: 0,
            applied: 0,
            heard: now,
            is_connected: true,
            snapshot: None,
        }
    }
}

impl PrimaryReplica {
    /// Sends every connected replica what it has not been sent, as far as its window allows.
    pub(super) fn ship(&mut self, cx: &mut Context<'_>) {
        for place in 0..self.members {
            self.ship_to(cx, place);
        }
    }

    pub(super) fn ship_to(&mut self, cx: &mut Context<'_>, place: usize) {
        let (last, window) = (self.log.last_index(), self.config.max_inflight);
        let Role::Primary(reign) = &self.role else { return };
        let follower = &reign.followers[place];
        if follower.node == self.me || !follower.is_connected || follower.snapshot.is_some() {
            return;
        }
        if follower.next < self.log.first_index() {
            // The backlog has moved past it.
            return self.start_snapshot(cx, follower.node);
        }
        let Role::Primary(reign) = &mut self.role else { return };
        let follower = &mut reign.followers[place];
        let limit = last.min(follower.written.max(follower.base) + window);
        while follower.next <= limit {
            let from = follower.next;
            let upto = limit.min(from + BATCH - 1);
            follower.next = upto + 1;
            let append = Append {
                term: self.term,
                prev_index: from - 1,
                prev_term: self.log.term_at(from - 1).unwrap_or(0),
                entries: self.log.slice(from, upto),
                commit: self.commit,
                sent_at: cx.now,
            };
            cx.send(follower.node, Message::Append(append));
        }
    }

    /// A sign of life to one replica: where its log should end by now, nothing to take.
    fn beat_to(&self, cx: &mut Context<'_>, follower: &Follower) {
        let prev_index = (follower.next - 1).min(self.log.last_index());
        let append = Append {
            term: self.term,
            prev_index,
            prev_term: self.log.term_at(prev_index).unwrap_or(0),
            entries: Arc::from([]),
            commit: self.commit,
            sent_at: cx.now,
        };
        cx.send(follower.node, Message::Append(append));
    }

    /// The primary's tick.
    pub(super) fn beat(&mut self, cx: &mut Context<'_>) {
        let Role::Primary(reign) = &self.role else { return };
        for follower in reign.followers.iter().filter(|follower| follower.node != self.me) {
            self.beat_to(cx, follower);
        }
        self.nudge_snapshots(cx);
        self.watch_links(cx);
        self.watch_semi_sync(cx);
        cx.set_timer(HEARTBEAT, self.config.heartbeat);
        self.watch_quorum(cx);
    }

    fn watch_links(&mut self, cx: &mut Context<'_>) {
        let (me, timeout) = (self.me, self.config.link_timeout);
        let Role::Primary(reign) = &mut self.role else { return };
        for follower in reign.followers.iter_mut().filter(|follower| follower.node != me) {
            let silent = cx.now.since(follower.heard);
            if follower.is_connected && silent >= timeout {
                follower.is_connected = false;
                follower.snapshot = None;
                cx.say(Line::LinkLost { peer: follower.node, silent });
            }
        }
    }

    /// A primary that hears no majority for an election timeout stops (check-quorum, self-demotion).
    fn watch_quorum(&mut self, cx: &mut Context<'_>) {
        if !self.config.demotes_itself() {
            return;
        }
        let limit = self.config.election_timeout.1;
        let (me, of) = (self.me, self.members);
        let Role::Primary(reign) = &mut self.role else { return };
        let is_heard = |follower: &&Follower| follower.node == me || cx.now.since(follower.heard) < limit;
        let heard = reign.followers.iter().filter(is_heard).count();
        let has_majority = heard >= majority(of);
        if self.config.promotion == Promotion::Manual {
            if reign.is_fenced == has_majority {
                reign.is_fenced = !has_majority;
                let line = if has_majority {
                    Line::RolePrimary { term: self.term, index: self.log.last_index() }
                } else {
                    Line::NoQuorum { heard, of }
                };
                cx.say(line);
            }
        } else if !has_majority {
            cx.say(Line::StepDown { why: StepDown::LostQuorum { heard, of } });
            self.follow(cx, None);
        }
    }

    /// A replica says how far it is.
    pub(super) fn take_ack(&mut self, cx: &mut Context<'_>, from: NodeId, ack: &Ack) {
        if ack.term > self.term {
            return self.obey_term(cx, ack.term);
        }
        let Role::Primary(reign) = &mut self.role else { return };
        if ack.term < self.term {
            return;
        }
        let follower = &mut reign.followers[from.index()];
        follower.heard = cx.now;
        if !follower.is_connected {
            follower.is_connected = true;
            follower.next = follower.written.max(follower.base) + 1;
            cx.say(Line::LinkOk { peer: from });
        }
        follower.written = follower.written.max(ack.written);
        follower.flushed = follower.flushed.max(ack.flushed.min(ack.written));
        follower.applied = follower.applied.max(ack.applied);
        follower.next = follower.next.max(follower.written + 1);
        self.acknowledge(cx);
        self.ship_to(cx, from.index());
    }
}
