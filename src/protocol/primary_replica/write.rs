//! The primary's side of client requests: check, recognise, append, ship, wait, apply, reply.

use super::config::{Ack, SyncPoint};
use super::table::version;
use super::{Context, PrimaryReplica, Role, Waiter};
use crate::base::line::Line;
use crate::base::operation::{Action, Answer, Doubt, Refusal, Request};
use crate::protocol::ReadRoute;
use crate::protocol::kit::log::{Change, Entry};
use crate::protocol::kit::quorum::{majority, reached_by};

impl PrimaryReplica {
    /// A client asks.
    pub(super) fn serve(&mut self, cx: &mut Context<'_>, request: &Request) {
        match request.action {
            Action::Locate => self.refuse_as_not_primary(cx, request.op),
            Action::ReadHere => cx.reply(request.op, Answer::Found(self.table.find(request.key))),
            Action::Read if self.is_primary() || self.config.reads != ReadRoute::Primary => {
                cx.reply(request.op, Answer::Found(self.table.find(request.key)));
            }
            Action::Read => self.refuse_as_not_primary(cx, request.op),
            Action::Write(value) => self.write(cx, request, Change::Put(value)),
            Action::Delete => self.write(cx, request, Change::Delete),
        }
    }

    fn write(&mut self, cx: &mut Context<'_>, request: &Request, change: Change) {
        let Role::Primary(reign) = &self.role else {
            return self.refuse_as_not_primary(cx, request.op);
        };
        if reign.is_fenced {
            return cx.reply(request.op, Answer::Refused(Refusal::NoQuorum));
        }
        if let Some(index) = self.sessions.find(request.client, request.sequence) {
            return self.answer_duplicate(cx, request, index);
        }
        if cx.disk_full {
            cx.say(Line::DiskFull);
            return cx.reply(request.op, Answer::Refused(Refusal::DiskFull));
        }
        let Request { op, client, sequence, key, .. } = *request;
        let index = self.append(cx, Entry { term: self.term, op, client, sequence, key, change });
        self.wait(cx, index, request);
        if self.config.ack != Ack::Fire {
            cx.flush();
        }
        self.ship(cx);
        self.acknowledge(cx);
    }

    /// A request that is in the log already is answered from there, never appended again.
    fn answer_duplicate(&mut self, cx: &mut Context<'_>, request: &Request, index: u64) {
        if index <= self.acked {
            let term = self.log.term_at(index).unwrap_or(self.term);
            return cx.reply(request.op, Answer::Written(version(term, index)));
        }
        self.wait(cx, index, request);
    }

    fn wait(&mut self, cx: &Context<'_>, index: u64, request: &Request) {
        let waiter = Waiter { index, op: request.op, since: cx.now };
        if let Some(reign) = self.reign_mut() {
            let place = reign.waiters.partition_point(|other| other.index <= index);
            reign.waiters.insert(place, waiter);
        }
    }

    /// Acknowledges, applies and commits everything whose condition holds now.
    pub(super) fn acknowledge(&mut self, cx: &mut Context<'_>) {
        let Role::Primary(_) = self.role else { return };
        let reached = self.acknowledgeable().min(self.log.last_index());
        if reached <= self.commit {
            return;
        }
        self.commit = reached;
        self.table.apply(&self.log, reached);
        self.applied_sent_at = cx.now;
        self.acked = self.acked.max(reached);
        let Role::Primary(reign) = &mut self.role else { return };
        while let Some(waiter) = reign.waiters.front().copied() {
            if waiter.index > reached {
                break;
            }
            reign.waiters.pop_front();
            let term = self.log.term_at(waiter.index).unwrap_or(self.term);
            cx.reply(waiter.op, Answer::Written(version(term, waiter.index)));
        }
        reign.is_wait_said &= !reign.waiters.is_empty();
    }

    /// The highest index whose write may be acknowledged.
    fn acknowledgeable(&self) -> u64 {
        let Role::Primary(reign) = &self.role else { return 0 };
        let peers = || reign.followers.iter().filter(|follower| follower.node != self.me);
        match &self.config.ack {
            Ack::Fire => self.log.last_index(),
            Ack::Async => self.flushed,
            Ack::SemiSync { .. } if reign.is_degraded => self.flushed,
            Ack::SemiSync { .. } => self.flushed.min(self.synced()),
            Ack::Majority => {
                let mut positions: Vec<u64> = peers().map(|follower| follower.flushed).collect();
                positions.push(self.flushed);
                let reached = reached_by(majority(self.members), &mut positions);
                // Only entries of the own term are committed by counting (Raft section 5.4.2).
                if self.log.term_at(reached) == Some(self.term) { reached } else { self.commit }
            }
            Ack::All => peers().map(|follower| follower.flushed).fold(self.flushed, u64::min),
        }
    }

    /// Semi-sync: the highest index that enough of the counted replicas have.
    pub(super) fn synced(&self) -> u64 {
        let (Role::Primary(reign), Ack::SemiSync { count, set, point, .. }) = (&self.role, &self.config.ack)
        else {
            return 0;
        };
        let counts = |follower: &&super::Follower| {
            follower.node != self.me && (set.is_empty() || set.contains(&follower.node))
        };
        let position = |follower: &super::Follower| match point {
            SyncPoint::Written => follower.written,
            SyncPoint::Flushed => follower.flushed,
            SyncPoint::Applied => follower.applied,
        };
        let mut positions: Vec<u64> = reign.followers.iter().filter(counts).map(position).collect();
        reached_by(*count, &mut positions)
    }

    /// The regular look at writes that wait too long, and at replicas that have caught up again.
    pub(super) fn watch_semi_sync(&mut self, cx: &mut Context<'_>) {
        let Ack::SemiSync { count, patience, .. } = self.config.ack else { return };
        let (synced, last, heartbeat) = (self.synced(), self.log.last_index(), self.config.heartbeat);
        let Role::Primary(reign) = &mut self.role else { return };
        if reign.is_degraded && synced >= last {
            reign.is_degraded = false;
            cx.say(Line::SyncBack);
        }
        let Some(oldest) = reign.waiters.front().copied() else { return };
        let waited = cx.now.since(oldest.since);
        if waited >= heartbeat * 2 && !reign.is_wait_said && !reign.is_degraded {
            reign.is_wait_said = true;
            cx.say(Line::SyncWait { index: oldest.index, need: count as u64 });
        }
        if let Some(after) = patience.filter(|&after| waited >= after && !reign.is_degraded) {
            reign.is_degraded = true;
            cx.say(Line::SyncFallback { after });
            self.acknowledge(cx);
        }
    }

    /// Nobody can say any more what becomes of the writes that wait here.
    pub(super) fn abandon_waiters(&mut self, cx: &mut Context<'_>) {
        if let Some(reign) = self.reign_mut() {
            for waiter in std::mem::take(&mut reign.waiters) {
                cx.reply(waiter.op, Answer::Uncertain(Doubt::SteppedDown));
            }
        }
    }
}
