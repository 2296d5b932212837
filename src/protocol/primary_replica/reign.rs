//! The beginning and the end of a reign: how a node becomes primary, what only a primary has, and what makes it
//! stop.

use super::in_sync::InSync;
use super::lease::Tenancy;
use super::reads::Rounds;
use super::rejoin::Pending;
use super::relay::Way;
use super::ship::Follower;
use super::switchover::HandOver;
use super::{Context, ELECTION, HEARTBEAT, PrimaryReplica, Promotion, Record, Role};
use crate::base::ids::{NodeId, OpId};
use crate::base::line::{Line, StepDown};
use crate::base::operation::{Answer, Doubt, Refusal};
use crate::base::time::VirtualTime;
use crate::protocol::kit::log::{Content, Entry, Epoch};
use crate::protocol::kit::quorum::majority;
use crate::protocol::{Ghost, Progress};
use std::collections::VecDeque;
use std::sync::Arc;

/// What only a primary has.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reign {
    /// How far each node is, by its number; the primary's own place is unused.
    pub(super) followers: Vec<Follower>,
    /// The index of the entry that opened it.
    pub(super) opened_at: u64,
    /// The way that entries take from node to node, if they do.
    pub(super) way: Way,
    /// Who is shipped everything and counts for nothing: on the way in, or out.
    pub(super) learners: Vec<NodeId>,
    /// Who is in sync.
    pub(super) in_sync: InSync,
    /// A hand-over to another node that an operator asked for.
    pub(super) hand_over: Option<HandOver>,
    /// Confirmations that it still stands.
    pub(super) rounds: Rounds,
    /// Writes whose clients wait, in the order of their indexes.
    pub(super) waiters: VecDeque<Waiter>,
    /// Semi-sync has given up waiting.
    pub(super) is_degraded: bool,
    /// The end of the log at the last beat: replicas that have reached it have caught up.
    pub(super) last_at_beat: u64,
    /// The long wait has been said.
    pub(super) is_wait_said: bool,
    /// Why writes were refused last, and whether that has been said.
    pub(super) refusal_said: Option<Refusal>,
    /// Without votes there is nobody else to take over: the primary hears no majority and refuses writes until it
    /// does again (Redis `min-replicas-to-write`).
    pub(super) is_fenced: bool,
}

/// A client that waits for its write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiter {
    pub(super) index: u64,
    pub(super) op: OpId,
    pub(super) since: VirtualTime,
}

impl PrimaryReplica {
    /// What this node has as primary.
    pub(super) fn reign(&self) -> Option<&Reign> {
        match &self.role {
            Role::Primary(reign) => Some(reign),
            _ => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn reign_mut(&mut self) -> Option<&mut Reign> {
        match &mut self.role {
            Role::Primary(reign) => Some(reign),
            _ => None,
        }
    }

    /// Becomes primary without a vote: by an operator's order, or because nobody is heard.
    pub(super) fn promote(&mut self, cx: &mut Context<'_>, by_operator: bool) {
        if self.is_primary() || matches!(self.role, Role::LeaseStore(_)) {
            return;
        }
        self.set_term(cx, self.term + 1, Some(self.me));
        cx.say(Line::Promoted { by_operator, term: self.term });
        if by_operator { self.begin_reign(cx) } else { self.succeed(cx) }
    }

    /// Takes over in the present term: opens a reign in the log, and tells everyone by shipping that entry.
    pub(super) fn begin_reign(&mut self, cx: &mut Context<'_>) {
        let next = self.log().last_index() + 1;
        let nodes = self.members.last().map_or(0, |last| last.index() + 1).max(cx.members);
        let followers = (0..nodes).map(|_| Follower::new(next, cx.now)).collect();
        let in_sync = self.in_sync_at_start.take().filter(|members| members.contains(&self.me));
        let in_sync = InSync::of(in_sync.unwrap_or_else(|| Arc::clone(&self.members)));
        let reign = Reign { followers, opened_at: next, in_sync, ..Reign::default() };
        self.role = Role::Primary(Box::new(reign));
        self.epoch = Epoch::new(self.term, self.me, self.incarnation);
        (self.primary, self.incoming, self.is_invited) = (Some(self.me), None, false);
        self.pending = None;
        cx.append(Record::Reign { term: self.term });
        let history = self.log().history().to_vec();
        let progress = Progress::Opened { history, last: next - 1, epoch: self.epoch };
        cx.ghost(Ghost::Log { partition: 0, progress });
        let opening = Entry { epoch: self.epoch, written_at: cx.now, content: Content::Opening };
        let index = self.append(cx, opening);
        cx.flush();
        cx.say(Line::RolePrimary { term: self.term, index });
        self.ship(cx);
        cx.cancel_timer(ELECTION);
        cx.set_timer(HEARTBEAT, self.config.heartbeat);
        self.begin_tenancy(cx);
        self.acknowledge(cx);
    }

    /// Becomes a replica, of `primary` if it is known. A primary that steps down answers its waiters: nobody can
    /// say any more what becomes of their writes.
    pub(super) fn follow(&mut self, cx: &mut Context<'_>, primary: Option<NodeId>) {
        if self.is_primary() {
            self.abandon_waiters(cx);
            self.send_readers_on(cx);
            cx.cancel_timer(HEARTBEAT);
            cx.burden(100);
            cx.append(Record::Reign { term: 0 });
            cx.flush();
            // Those who only receive apply everything; what waited here for its condition is no exception.
            self.matched = self.log().last_index();
            self.apply_received(cx);
        }
        self.forget_freshness();
        self.is_invited = false;
        self.role = Role::Replica;
        self.tenancy = Tenancy::default();
        self.by_way = (0, 0);
        self.pending = self.pending.filter(|pending| *pending == Pending::Snapshot);
        (self.primary, self.matched, self.incoming, self.asked_at) = (primary, 0, None, None);
        self.primary_last = self.log().last_index();
        self.wait_patiently(cx);
    }

    fn abandon_waiters(&mut self, cx: &mut Context<'_>) {
        if let Some(reign) = self.reign_mut() {
            for waiter in std::mem::take(&mut reign.waiters) {
                cx.reply(waiter.op, Answer::Uncertain(Doubt::SteppedDown));
            }
        }
    }

    /// A higher term is heard of: this node enters it, following nobody yet. A primary does not if this cluster
    /// fences nothing (`fencing` without `epoch`).
    pub(super) fn obey_term(&mut self, cx: &mut Context<'_>, term: u64) {
        let is_deaf = self.is_primary() && !self.config.epoch;
        if term <= self.term || is_deaf {
            return;
        }
        if self.is_primary() {
            cx.say(Line::StepDown { why: StepDown::HigherTerm(term) });
        }
        self.set_term(cx, term, None);
        cx.flush();
        if self.primary.is_some() || !matches!(self.role, Role::Replica) {
            self.follow(cx, None);
        }
    }

    /// A node that was sent something replies that this node's term is over.
    pub(super) fn take_stale(&mut self, cx: &mut Context<'_>, term: u64) {
        if self.is_primary() && self.config.epoch && term > self.term {
            cx.say(Line::Fenced { mine: self.term, seen: term });
        }
        self.obey_term(cx, term);
    }

    /// A primary that hears no majority for an election timeout stops: check-quorum (etcd), self-demotion.
    pub(super) fn watch_quorum(&mut self, cx: &mut Context<'_>) {
        let Some(reign) = self.reign().filter(|_| self.config.demotes_itself()) else { return };
        let limit = self.config.election_timeout.1;
        let is_heard = |member: &&NodeId| {
            **member == self.me || cx.now.since(reign.followers[member.index()].heard) < limit
        };
        let (heard, of) = (self.members.iter().filter(is_heard).count(), self.members.len());
        match (reign.is_fenced, heard >= majority(of)) {
            (false, false) => {
                cx.say(Line::StepDown { why: StepDown::LostQuorum { heard, of } });
                self.stop_writing(cx);
            }
            (true, true) => {
                cx.say(Line::QuorumBack { heard, of });
                self.set_fenced(false);
            }
            _ => {}
        }
    }

    /// Where votes make a new primary this node is a replica from now on; elsewhere it keeps its term and waits.
    fn stop_writing(&mut self, cx: &mut Context<'_>) {
        if self.config.promotion == Promotion::AutoQuorum {
            return self.follow(cx, None);
        }
        self.abandon_waiters(cx);
        self.set_fenced(true);
    }

    fn set_fenced(&mut self, is_fenced: bool) {
        if let Some(reign) = self.reign_mut() {
            reign.is_fenced = is_fenced;
        }
    }
}
