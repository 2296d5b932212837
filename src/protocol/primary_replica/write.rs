//! The primary's side of client requests: check, recognise, append, ship, wait, apply, reply.

use super::config::{Ack, SyncPoint};
use super::reign::{Reign, Waiter};
use super::ship::Follower;
use super::{Context, PrimaryReplica, Role};
use crate::base::data::Change;
use crate::base::ids::{NodeId, OpId};
use crate::base::line::Line;
use crate::base::operation::{Action, Answer, Doubt, Refusal, Request};
use crate::base::time::Span;
use crate::protocol::kit::log::{Content, Entry, Write};
use crate::protocol::kit::quorum::{majority, reached_by};
use crate::protocol::{Ghost, Progress};
use std::sync::Arc;

/// Beats after which a write that waits for its replicas is worth a line.
const BEATS_WORTH_SAYING: u64 = 2;

impl PrimaryReplica {
    /// A client asks.
    pub(super) fn serve(&mut self, cx: &mut Context<'_>, request: &Request) {
        let seen = request.token.map_or(0, |token| Entry::place_of(token).0);
        if self.config.token && self.is_primary() && seen > self.term {
            cx.say(Line::Fenced { mine: self.term, seen });
            self.follow(cx, None);
        }
        match &request.action {
            _ if matches!(self.role, Role::LeaseStore(_)) && request.action != Action::ReadHere => {
                self.name_primary(cx, request.op);
            }
            Action::Locate => self.name_primary(cx, request.op),
            Action::ReadHere => self.find_here(cx, request.op, request.key),
            Action::Read => self.read(cx, request),
            Action::Change(change) => self.write(cx, request, change.clone()),
        }
    }

    /// Not here; there, as far as this node knows.
    pub(super) fn name_primary(&self, cx: &mut Context<'_>, op: OpId) {
        cx.reply(op, Answer::NotPrimary { hint: self.primary });
    }

    fn write(&mut self, cx: &mut Context<'_>, request: &Request, change: Change) {
        let Some(reign) = self.reign() else {
            return self.name_primary(cx, request.op);
        };
        let (objection, hand_over) = (self.objection_to_writes(cx, reign), reign.hand_over);
        let known = self.store.sessions().find(request.client, request.sequence);
        if let Some(index) = known.filter(|_| self.config.dedup) {
            return self.answer_duplicate(cx, request.op, index);
        }
        if let Some(hand_over) = hand_over {
            return cx.reply(request.op, Answer::NotPrimary { hint: Some(hand_over.to) });
        }
        if self.refuses(cx, request.op, objection) {
            return;
        }
        let &Request { op, client, sequence, key, .. } = request;
        let Some(content) = self.content_of(cx, Write { op, client, sequence, key, change }) else {
            return cx.reply(op, Answer::Refused(Refusal::WrongKind));
        };
        let index = self.append(cx, Entry { epoch: self.epoch, written_at: cx.now, content });
        self.wait(cx, index, op);
        self.ship(cx);
        self.flush_entries(cx);
        self.acknowledge(cx);
    }

    /// What the log says of a write; `None` if it is an update, and the key is of another kind.
    fn content_of(&self, cx: &Context<'_>, write: Write) -> Option<Content> {
        if let Some(rules) = &self.config.site {
            return self.merged(cx, rules, write);
        }
        let is_other_kind = match write.change {
            Change::Update(update) => {
                let held = self.store.find(write.key).and_then(|found| found.value);
                held.is_some_and(|held| update.of(Some(&held)).is_none())
            }
            _ => false,
        };
        (!is_other_kind).then_some(Content::Write(write))
    }

    /// Why this primary takes no write now, with the line that says so; a fenced one has said it already.
    fn objection_to_writes(&self, cx: &Context<'_>, reign: &Reign) -> Option<(Refusal, Option<Line>)> {
        if reign.is_fenced {
            return Some((Refusal::NoQuorum, None));
        }
        if cx.disk_full {
            return Some((Refusal::DiskFull, Some(Line::DiskFull)));
        }
        let in_sync = reign.in_sync.members.len();
        if let Some(need) = self.config.ack_in_sync().filter(|&need| in_sync < need) {
            return Some((Refusal::TooFewInSync, Some(Line::TooFewReplicas { good: in_sync, need })));
        }
        let (need, lag) = (self.config.min_replicas, self.config.max_lag);
        let is_good = |peer: &NodeId| cx.now.since(reign.followers[peer.index()].heard) <= lag;
        let good = if need == 0 { 0 } else { self.peers().filter(is_good).count() };
        (good < need).then_some((Refusal::TooFewReplicas, Some(Line::TooFewReplicas { good, need })))
    }

    /// Refuses the write if there is an objection; says an objection of a new kind once.
    fn refuses(
        &mut self,
        cx: &mut Context<'_>,
        op: OpId,
        objection: Option<(Refusal, Option<Line>)>,
    ) -> bool {
        let why = objection.as_ref().map(|(why, _)| *why);
        let Some(reign) = self.reign_mut() else { return false };
        let said = std::mem::replace(&mut reign.refusal_said, why);
        let Some((why, line)) = objection else { return false };
        if let Some(line) = line.filter(|_| said != Some(why)) {
            cx.say(line);
        }
        cx.reply(op, Answer::Refused(why));
        true
    }

    /// A request that is in the log already is answered from there, never appended again.
    fn answer_duplicate(&mut self, cx: &mut Context<'_>, op: OpId, index: u64) {
        let is_fenced = self.reign().is_some_and(|reign| reign.is_fenced);
        match self.log().get(index) {
            Some(entry) if index <= self.acked => cx.reply(op, Answer::Written(entry.written(index))),
            _ if is_fenced => cx.reply(op, Answer::Uncertain(Doubt::SteppedDown)),
            _ => self.wait(cx, index, op),
        }
    }

    fn wait(&mut self, cx: &Context<'_>, index: u64, op: OpId) {
        let Some(reign) = self.reign_mut() else { return };
        let place = reign.waiters.partition_point(|waiter| waiter.index < index);
        if reign.waiters.get(place).is_none_or(|waiter| waiter.op != op) {
            reign.waiters.insert(place, Waiter { index, op, since: cx.now });
        }
    }

    /// Commits, applies and acknowledges everything whose condition holds now.
    pub(super) fn acknowledge(&mut self, cx: &mut Context<'_>) {
        let Some(committed) = self.reign().map(|reign| self.committable(reign)) else { return };
        self.commit_upto(cx, committed);
        self.knows_commit |= committed > 0;
        let reached = self.reign().map_or(0, |reign| self.acknowledgeable(reign));
        self.store.apply(if self.config.shows_early { reached.max(self.flushed) } else { reached });
        if reached > self.acked {
            self.acked = reached;
            self.answer_waiters(cx, reached);
        }
        self.answer_confirmed(cx);
        self.applied_more(cx);
        self.watch_hand_over(cx);
    }

    fn answer_waiters(&mut self, cx: &mut Context<'_>, upto: u64) {
        while let Some(reign) = self.reign_mut()
            && let Some(waiter) = reign.waiters.front().copied().filter(|waiter| waiter.index <= upto)
        {
            reign.waiters.pop_front();
            reign.is_wait_said &= !reign.waiters.is_empty();
            if let Some(entry) = self.log().get(waiter.index) {
                cx.reply(waiter.op, Answer::Written(entry.written(waiter.index)));
            }
        }
    }

    /// Everything up to `index` is committed, if it was not before.
    pub(super) fn commit_upto(&mut self, cx: &mut Context<'_>, index: u64) {
        if index > self.commit {
            self.commit = index;
            let position = self.log().position(index).unwrap_or_default();
            cx.ghost(Ghost::Log { partition: 0, progress: Progress::Committed(position) });
        }
    }

    /// The highest index that a majority, this node included, has flushed in this reign. Entries of earlier reigns
    /// are committed only by one of the own (Raft section 5.4.2).
    fn committable(&self, reign: &Reign) -> u64 {
        if let Some(min) = self.config.ack_in_sync() {
            return self.high_watermark(reign, min);
        }
        let positions = self.positions(reign, |follower| follower.flushed);
        let own = if self.config.needs_own_flush { self.flushed } else { self.log().last_index() };
        let reached = reached_by(majority(positions.len()), positions).min(own);
        let is_own = self.log().position(reached).is_some_and(|position| position.epoch == self.epoch);
        if is_own { reached } else { 0 }
    }

    /// One position for each member; the own is what is flushed here.
    fn positions(&self, reign: &Reign, of: impl Fn(&Follower) -> u64) -> impl ExactSizeIterator<Item = u64> {
        self.per_member(reign, self.flushed, of)
    }

    /// One number for each member, the own first given.
    pub(super) fn per_member(
        &self,
        reign: &Reign,
        own: u64,
        of: impl Fn(&Follower) -> u64,
    ) -> impl ExactSizeIterator<Item = u64> {
        let number = move |member: &NodeId| match *member == self.me {
            true => own,
            false => of(&reign.followers[member.index()]),
        };
        self.members.iter().map(number)
    }

    /// The highest index whose write may be acknowledged.
    fn acknowledgeable(&self, reign: &Reign) -> u64 {
        match &self.config.ack {
            Ack::Fire => self.log().last_index(),
            Ack::Async => self.flushed,
            Ack::SemiSync { .. } if reign.is_degraded => self.flushed,
            Ack::SemiSync { count, set, point, .. } => {
                self.flushed.min(reached_by(*count, self.counted(reign, set, *point)))
            }
            Ack::Wait { count, .. } => {
                self.flushed.min(reached_by(*count, self.counted(reign, &[], SyncPoint::Written)))
            }
            Ack::Majority | Ack::InSync { .. } => self.commit,
            Ack::All => {
                self.positions(reign, |follower| follower.flushed).min().unwrap_or(0).min(self.commit)
            }
        }
    }

    /// Semi-sync and wait: how far each node has got towards `point`; 0 for nodes that do not count. Each point includes the
    /// earlier ones.
    fn counted(&self, reign: &Reign, set: &[NodeId], point: SyncPoint) -> impl ExactSizeIterator<Item = u64> {
        let position = move |member: &NodeId| {
            let follower = &reign.followers[member.index()];
            match point {
                _ if *member == self.me => 0,
                _ if !set.is_empty() && !set.contains(member) => 0,
                SyncPoint::Written => follower.written,
                SyncPoint::Flushed => follower.flushed,
                SyncPoint::Applied => follower.applied.min(follower.flushed),
            }
        };
        self.members.iter().map(position)
    }

    /// An operator cancels: whoever waits for replicas is told that it is done here and perhaps nowhere else. It shows
    /// from now on, replicated or not (PostgreSQL's cancelled wait for synchronous replication).
    pub(super) fn cancel_waits(&mut self, cx: &mut Context<'_>) {
        let flushed = self.flushed;
        let Some(reign) = self.reign_mut() else {
            return cx.say(refused("cancel-wait", "it is not primary"));
        };
        let count = reign.waiters.partition_point(|waiter| waiter.index <= flushed);
        let cancelled: Vec<Waiter> = reign.waiters.drain(..count).collect();
        cx.say(Line::SyncCancel { waiting: count as u64 });
        for waiter in cancelled {
            if self.config.ack != Ack::Majority {
                self.store.apply(waiter.index);
            }
            cx.reply(waiter.op, Answer::Uncertain(Doubt::WaitCancelled));
        }
    }

    /// The regular look at writes that wait too long.
    pub(super) fn watch_waiters(&mut self, cx: &mut Context<'_>) {
        match self.config.ack {
            Ack::SemiSync { .. } => self.watch_semi_sync(cx),
            Ack::Wait { count, patience: Some(patience) } => self.watch_waits(cx, count, patience),
            _ => {}
        }
    }

    /// A wait that is over answers with the count it has.
    fn watch_waits(&mut self, cx: &mut Context<'_>, need: usize, patience: Span) {
        let flushed = self.flushed;
        while let Some(reign) = self.reign()
            && let Some(oldest) = reign.waiters.front().copied()
            && oldest.index <= flushed
            && cx.now.since(oldest.since) >= patience
        {
            let reached = self.counted(reign, &[], SyncPoint::Written);
            let got = reached.filter(|&position| position >= oldest.index).count() as u64;
            cx.say(Line::WaitShort { index: oldest.index, got, need: need as u64, after: patience });
            self.acked = self.acked.max(oldest.index);
            self.answer_waiters(cx, oldest.index);
        }
    }

    /// The regular look at writes that wait too long, and at replicas that have caught up again: with where the log
    /// ended a beat ago, since under load nobody is ever level with its end.
    fn watch_semi_sync(&mut self, cx: &mut Context<'_>) {
        let config = Arc::clone(&self.config);
        let Ack::SemiSync { count, set, point, patience } = &config.ack else { return };
        let (last, long) = (self.log().last_index(), config.heartbeat * BEATS_WORTH_SAYING);
        let Some(reign) = self.reign() else { return };
        let oldest = reign.waiters.front().copied();
        let synced = reached_by(*count, self.counted(reign, set, *point));
        let have = |index| self.counted(reign, set, *point).filter(|&position| position >= index).count();
        let need = oldest.map_or(0, |oldest| count.saturating_sub(have(oldest.index)) as u64);
        let Some(reign) = self.reign_mut() else { return };
        let caught_up = synced >= std::mem::replace(&mut reign.last_at_beat, last);
        if reign.is_degraded && caught_up {
            reign.is_degraded = false;
            cx.say(Line::SyncBack);
        }
        let Some(oldest) = oldest.filter(|_| !reign.is_degraded) else { return };
        let waited = cx.now.since(oldest.since);
        if waited >= long && !std::mem::replace(&mut reign.is_wait_said, true) {
            cx.say(Line::SyncWait { index: oldest.index, need });
        }
        if let Some(after) = patience.filter(|&after| waited >= after) {
            reign.is_degraded = true;
            cx.say(Line::SyncFallback { after });
            self.acknowledge(cx);
        }
    }
}

/// An order that means nothing to this node now.
pub(super) fn refused(what: &str, why: &str) -> Line {
    Line::Refused { what: what.into(), why: why.into() }
}
