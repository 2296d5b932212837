//! The primary's side of replication: how far each replica is, what it is sent next, and the regular beat.
//!
//! ```text
//!            silent for 4 beats              backlog does not reach back
//!   Probe <---------------------- Stream -------------------------------> Snapshot
//!     |  any answer in this epoch  ^ ^                                       |
//!     +----------------------------+ +---------------------------------------+
//!                                             last chunk acknowledged
//! ```
//!
//! A stream sends ahead of its acknowledgements, so whatever a link loses shows as a gap at the replica, which then
//! says what it has (`follow`); the heartbeat names the last index sent, so even a lost last entry shows.

use super::config::Layout;
use super::message::{Ack, Append, Message};
use super::resync::Outgoing;
use super::{Context, HEARTBEAT, PrimaryReplica};
use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::kit::log::Entry;
use crate::protocol::{Ghost, Traffic};
use std::sync::Arc;

/// Entries in one message at most, when a replica has to catch up.
const BATCH: u64 = 64;
/// Beats without an answer after which nothing more than heartbeats is sent.
const BEATS_UNHEARD: u64 = 4;

/// How entries flow to one replica.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Flow {
    /// Nothing but heartbeats until it answers.
    Probe,
    /// Entries as they come, ahead of their acknowledgement.
    Stream,
    /// A snapshot first.
    Snapshot(Outgoing),
}

/// How far one replica is, as the primary knows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Follower {
    pub(super) flow: Flow,
    /// Which of its lives was heard.
    pub(super) life: u32,
    /// The next index to send.
    pub(super) next: u64,
    /// Where sending began: the window counts from here until the replica has acknowledged more.
    pub(super) base: u64,
    pub(super) written: u64,
    pub(super) flushed: u64,
    pub(super) applied: u64,
    /// Its `written` at the last beat.
    pub(super) written_at_beat: u64,
    /// When it had everything there was a beat earlier.
    pub(super) level_at: VirtualTime,
    /// The first index that is kept for it beyond the backlog: by its slot, or while a snapshot travels to it.
    pub(super) kept_from: u64,
    /// The newest round it has confirmed.
    pub(super) round: u64,
    pub(super) heard: VirtualTime,
    /// When it was sent anything last.
    pub(super) sent: VirtualTime,
    /// What is sent up to here is catch-up.
    pub(super) resync_upto: u64,
    /// It was away, so what it misses is worth a line.
    pub(super) is_returning: bool,
    pub(super) is_loss_said: bool,
}

impl Follower {
    /// A replica of which a new primary, about to write at `next`, knows nothing yet.
    pub(super) fn new(next: u64, now: VirtualTime) -> Self {
        Follower {
            flow: Flow::Stream,
            life: 0,
            next,
            base: next - 1,
            written: 0,
            flushed: 0,
            applied: 0,
            written_at_beat: 0,
            level_at: now,
            kept_from: u64::MAX,
            round: 0,
            heard: now,
            sent: now,
            resync_upto: 0,
            is_returning: true,
            is_loss_said: false,
        }
    }

    /// Sends from `from` on again, the log ending at `last`.
    pub(super) fn stream_from(&mut self, from: u64, last: u64) {
        self.flow = Flow::Stream;
        (self.next, self.base, self.resync_upto) = (from, from - 1, last);
    }

    /// Notes that `life` of this replica was heard. A new life may have lost what the old one had in memory, or
    /// its whole disk: nothing that was known of it counts any more. Gives false for the echo of an old life.
    pub(super) fn hear(&mut self, life: u32, now: VirtualTime) -> bool {
        if life < self.life {
            return false;
        }
        if life > self.life && self.life > 0 {
            (self.written, self.flushed, self.applied) = (0, 0, 0);
            (self.is_returning, self.flow) = (true, Flow::Probe);
        }
        (self.life, self.heard) = (life, now);
        true
    }

    /// Says that a link is up again, if it was said to be lost.
    pub(super) fn greet(&mut self, cx: &mut Context<'_>, peer: NodeId) {
        if std::mem::take(&mut self.is_loss_said) {
            cx.say(Line::LinkOk { peer });
        }
    }

    fn traffic_of(&self, from: u64, entries: &[Entry]) -> Traffic {
        match entries.iter().any(|entry| entry.write().is_some()) {
            _ if from <= self.resync_upto => Traffic::Resync,
            true => Traffic::Write,
            false => Traffic::Background,
        }
    }
}

/// The slice shipped last: replicas that are equally far share one.
#[derive(Default)]
struct Shared {
    range: (u64, u64),
    entries: Arc<[Entry]>,
}

impl PrimaryReplica {
    /// Sends every replica what it has not been sent, as far as its window allows.
    pub(super) fn ship(&mut self, cx: &mut Context<'_>) {
        self.ship_along(cx);
        let mut shared = Shared::default();
        for peer in self.peers() {
            self.ship_sharing(cx, peer, &mut shared);
        }
    }

    /// The same for one replica.
    pub(super) fn ship_to(&mut self, cx: &mut Context<'_>, to: NodeId) {
        self.ship_sharing(cx, to, &mut Shared::default());
    }

    fn ship_sharing(&mut self, cx: &mut Context<'_>, to: NodeId, shared: &mut Shared) {
        if self.is_in_step(to) {
            return;
        }
        let (last, window) = (self.log().last_index(), self.config.max_inflight);
        loop {
            let Some(follower) = self.reign().map(|reign| &reign.followers[to.index()]) else { return };
            let from = follower.next;
            let limit = last.min(follower.written.max(follower.base) + window);
            if follower.flow != Flow::Stream || from > limit {
                return;
            }
            if from < self.first_kept(follower) {
                // The window held it back until the backlog had moved past it.
                return self.catch_up(cx, to, from - 1, from - 1);
            }
            let upto = limit.min(from + BATCH - 1);
            if shared.range != (from, upto) {
                *shared = Shared { range: (from, upto), entries: self.log().slice(from, upto) };
            }
            let traffic = follower.traffic_of(from, &shared.entries);
            self.send_append(cx, to, from - 1, Arc::clone(&shared.entries), (0, Arc::default()), traffic);
            if let Some(reign) = self.reign_mut() {
                reign.followers[to.index()].next = upto + 1;
            }
        }
    }

    pub(super) fn send_append(
        &mut self,
        cx: &mut Context<'_>,
        to: NodeId,
        prev: u64,
        entries: Arc<[Entry]>,
        (way, relay): (u64, Arc<[NodeId]>),
        traffic: Traffic,
    ) {
        let prev = self.log().position(prev).unwrap_or_else(|| self.log().end());
        let (epoch, commit, last) = (self.epoch, self.commit, self.log().last_index());
        let Some(reign) = self.reign_mut() else { return };
        let complete_at = (prev.index + entries.len() as u64 == last).then_some(cx.wall);
        let round = reign.rounds.last();
        reign.followers[to.index()].sent = cx.now;
        cx.send(
            to,
            Message::Append(Append { epoch, prev, entries, commit, round, complete_at, way, relay, traffic }),
        );
    }

    /// The primary's tick.
    pub(super) fn beat(&mut self, cx: &mut Context<'_>) {
        if !self.is_primary() {
            return;
        }
        self.watch_links(cx);
        self.nudge_snapshots(cx);
        self.mend_way();
        self.tell_lag(cx);
        self.watch_lease(cx);
        self.watch_in_sync(cx);
        self.watch_learners(cx);
        let wall = cx.wall;
        if let Some(reign) = self.reign_mut() {
            reign.rounds.begin(wall);
        }
        for peer in self.peers() {
            self.beat_to(cx, peer);
        }
        if self.members.len() == 1 {
            // Nobody else could confirm.
            self.count_round(cx);
        }
        self.watch_waiters(cx);
        self.watch_hand_over(cx);
        cx.set_timer(HEARTBEAT, self.config.heartbeat);
        self.watch_quorum(cx);
    }

    /// A sign of life to one replica that was sent nothing else since the last beat: where its log should end by
    /// now, nothing to take.
    fn beat_to(&mut self, cx: &mut Context<'_>, to: NodeId) {
        let heartbeat = self.config.heartbeat;
        let Some(follower) = self.reign().map(|reign| &reign.followers[to.index()]) else { return };
        let is_fresh = cx.now.since(follower.sent) < heartbeat && self.config.layout == Layout::Star;
        let prev = match follower.flow {
            Flow::Stream if is_fresh => return,
            // What others pass on may still be on its way.
            Flow::Stream if self.config.layout != Layout::Star => follower.written.min(follower.next - 1),
            Flow::Stream | Flow::Probe => follower.next - 1,
            // Whatever it has, it has the beginning in common.
            Flow::Snapshot(_) => 0,
        };
        self.send_append(cx, to, prev, Arc::default(), (0, Arc::default()), Traffic::Background);
    }

    /// A sign of life to everyone, however fresh the last one is.
    pub(super) fn beat_now(&mut self, cx: &mut Context<'_>) {
        for peer in self.peers() {
            let Some(follower) = self.reign().map(|reign| &reign.followers[peer.index()]) else { return };
            let prev = match follower.flow {
                Flow::Snapshot(_) => 0,
                Flow::Stream if self.config.layout != Layout::Star => follower.written.min(follower.next - 1),
                _ => follower.next - 1,
            };
            self.send_append(cx, peer, prev, Arc::default(), (0, Arc::default()), Traffic::Read);
        }
    }

    /// The first index that can still be sent to a replica.
    pub(super) fn first_kept(&self, follower: &Follower) -> u64 {
        self.log().first_index().min(follower.kept_from)
    }

    /// Tells the judges how far the slowest replica in reach is behind.
    fn tell_lag(&self, cx: &mut Context<'_>) {
        let Some(reign) = self.reign() else { return };
        let in_reach = |peer: &NodeId| !reign.followers[peer.index()].is_loss_said;
        let applied = |peer: NodeId| reign.followers[peer.index()].applied;
        let Some(slowest) = self.peers().filter(in_reach).map(applied).min() else { return };
        let entries = self.log().last_index().saturating_sub(slowest);
        let naive = self.log().get(slowest).map_or(Span::ZERO, |entry| cx.now.since(entry.written_at));
        let replay = if entries > 0 { naive } else { Span::ZERO };
        cx.ghost(Ghost::Lag { entries, replay, naive });
    }

    /// Notices who has fallen silent.
    fn watch_links(&mut self, cx: &mut Context<'_>) {
        let (peers, timeout) = (self.peers(), self.config.link_timeout);
        let unheard = self.config.heartbeat * BEATS_UNHEARD;
        let Some(reign) = self.reign_mut() else { return };
        for peer in peers {
            let follower = &mut reign.followers[peer.index()];
            let silent = cx.now.since(follower.heard);
            if silent >= unheard && follower.flow == Flow::Stream {
                follower.flow = Flow::Probe;
            }
            if silent >= timeout && !follower.is_loss_said {
                (follower.is_loss_said, follower.is_returning) = (true, true);
                follower.flow = Flow::Probe;
                cx.say(Line::LinkLost { peer, silent });
            }
        }
    }

    /// A replica says how far it is.
    pub(super) fn take_ack(&mut self, cx: &mut Context<'_>, from: NodeId, ack: &Ack) {
        let (epoch, slots) = (self.epoch, self.config.resync.slots);
        let Some(reign) = self.reign_mut().filter(|_| ack.epoch == epoch) else { return };
        let Some(follower) = reign.followers.get_mut(from.index()) else { return };
        let is_new_life = ack.life > follower.life && follower.life > 0;
        if !follower.hear(ack.life, cx.now) {
            return;
        }
        if is_new_life {
            Self::break_way(reign, from);
        }
        let Some(follower) = reign.followers.get_mut(from.index()) else { return };
        follower.written = follower.written.max(ack.written);
        follower.flushed = follower.flushed.max(ack.flushed);
        follower.applied = follower.applied.max(ack.applied);
        let is_new_round = ack.round > follower.round;
        follower.round = follower.round.max(ack.round);
        follower.next = follower.next.max(follower.written + 1);
        if follower.flow == Flow::Stream {
            let is_in_step = follower.written >= follower.resync_upto;
            follower.kept_from = match (slots, is_in_step) {
                (true, _) => follower.written + 1,
                (false, true) => u64::MAX,
                (false, false) => follower.kept_from,
            };
        }
        follower.greet(cx, from);
        let common = follower.written;
        match follower.flow {
            Flow::Probe => self.catch_up(cx, from, common, common),
            _ => follower.is_returning &= common < follower.base,
        }
        let layout = self.config.layout;
        if let Some(reign) = self.reign_mut() {
            Self::credit_chain(reign, layout, from, ack);
        }
        self.acknowledge(cx);
        if is_new_round {
            self.count_round(cx);
        }
        self.ship_along(cx);
        self.ship_to(cx, from);
    }
}
