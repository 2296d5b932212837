//! The replica's side of replication: take what follows, cut what differs, say how far it is.

use super::message::{Ack, Append, Message, SyncRequest};
use super::rejoin::Pending;
use super::{APPLY, AfterFlush, Context, PrimaryReplica, Role};
use crate::base::ids::NodeId;
use crate::base::line::{Line, StepDown};
use crate::base::time::Span;
use crate::protocol::Traffic;
use crate::protocol::kit::log::{Entry, Epoch};

impl PrimaryReplica {
    /// A primary ships entries or shows that it lives.
    pub(super) fn take_append(&mut self, cx: &mut Context<'_>, from: NodeId, append: &Append) {
        // Another may have passed it on.
        let from = append.epoch.primary().unwrap_or(from);
        if !self.accepts_primary(cx, from, append.epoch) {
            return;
        }
        let upto = append.prev.index + append.entries.len() as u64;
        self.primary_last = self.primary_last.max(upto);
        if !self.is_ready(cx, from) {
            return;
        }
        if !self.log().holds(append.prev) {
            return self.ask_for_sync(cx, from);
        }
        self.asked_at = None;
        let Some(is_new) = self.take_entries(cx, from, append.prev.index, &append.entries) else { return };
        self.matched = self.matched.max(upto);
        self.note_way(append);
        if !append.entries.is_empty() {
            self.tail = append.relay.last().copied();
        }
        let answers = !self.is_inner_link(append);
        self.commit_upto(cx, append.commit.min(self.matched));
        self.knows_commit |= self.matched >= append.commit;
        self.note_freshness(append);
        self.apply_received(cx);
        if is_new && answers && self.config.flushes_at_once() {
            self.flushing.push_back((*cx.appended, AfterFlush::Ack(append.traffic)));
        }
        self.relay(cx, append);
        if answers && (!is_new || self.config.acks_when_written()) {
            self.tell_position(cx, append.traffic);
        }
        if is_new && self.instead_of.is_some() {
            self.ask_to_join(cx);
        }
        if is_new {
            self.flush_entries(cx);
        }
    }

    /// Whether the primary of `epoch` is the one to follow; follows it if so. Any later reign than the one served
    /// last is; a primary of an older term is told.
    pub(super) fn accepts_primary(&mut self, cx: &mut Context<'_>, from: NodeId, epoch: Epoch) -> bool {
        if epoch.term() < self.term || epoch < self.epoch {
            if self.config.epoch && epoch.term() < self.term {
                cx.send(from, Message::Stale { term: self.term });
            }
            return false;
        }
        if self.is_primary() && epoch != self.epoch {
            cx.say(Line::StepDown { why: StepDown::HigherTerm(epoch.term()) });
        }
        if epoch.term() > self.term {
            self.set_term(cx, epoch.term(), None);
            cx.flush();
        }
        let stands_out = self.role == Role::StandingOut && epoch == self.epoch;
        if !stands_out && (epoch != self.epoch || self.primary != Some(from) || self.role != Role::Replica) {
            self.epoch = epoch;
            self.follow(cx, Some(from));
            cx.say(Line::RoleReplica { primary: from, term: epoch.term() });
        }
        self.heard = cx.now;
        self.is_no_quorum_said = false;
        true
    }

    /// Takes entries that follow `prev`: skips what is here, cuts what differs. Gives whether anything was new; `None`
    /// if what differs keeps this node from following. An old message cannot harm: what it repeats is here already,
    /// position by position.
    fn take_entries(
        &mut self,
        cx: &mut Context<'_>,
        primary: NodeId,
        prev: u64,
        entries: &[Entry],
    ) -> Option<bool> {
        let mut is_new = false;
        for (index, entry) in (prev + 1..).zip(entries) {
            match self.log().position(index) {
                Some(known) if known.epoch == entry.epoch => continue,
                Some(_) if !self.diverge(cx, index, primary) => return None,
                _ => {}
            }
            self.append(cx, entry.clone());
            is_new = true;
        }
        Some(is_new)
    }

    /// Applies what may be applied: what is committed if writes wait for a majority, else whatever is known to be
    /// the primary's.
    pub(super) fn apply_received(&mut self, cx: &mut Context<'_>) {
        let upto = if self.config.applies_on_commit { self.commit } else { self.matched };
        let upto = self.old_enough(cx, upto);
        self.store.apply(upto);
        self.applied_more(cx);
        self.list_merge(cx);
    }

    /// How far the log may be applied by now if entries must be `apply_delay` old (PostgreSQL
    /// `recovery_min_apply_delay`); comes back when the next one is.
    fn old_enough(&self, cx: &mut Context<'_>, upto: u64) -> u64 {
        let delay = self.config.apply_delay;
        if delay == Span::ZERO || self.is_primary() {
            return upto;
        }
        let is_young = |entry: &Entry| cx.now.since(entry.written_at) < delay;
        let waiting = self.log().iter_from(self.store.applied() + 1).take_while(|(index, _)| *index <= upto);
        match waiting.into_iter().find(|(_, entry)| is_young(entry)) {
            Some((index, entry)) => {
                cx.set_timer(APPLY, (entry.written_at + delay).since(cx.now));
                index - 1
            }
            None => upto,
        }
    }

    /// Tells the primary how far this node is, as far as the two are known to agree.
    pub(super) fn tell_position(&self, cx: &mut Context<'_>, traffic: Traffic) {
        let Some(primary) = self.primary.filter(|_| self.role == Role::Replica) else { return };
        let written = self.matched;
        let ack = Ack {
            epoch: self.epoch,
            life: self.incarnation,
            written,
            flushed: self.flushed.min(written),
            applied: self.store.applied().min(written),
            round: self.round_seen(),
            by_way: self.by_way,
            traffic,
        };
        cx.send(primary, Message::Ack(ack));
    }

    /// What the primary sends does not follow what is here: say what is. One gap makes many messages that do not
    /// fit, so this is said once, and again only if nothing has come of it for a heartbeat.
    pub(super) fn ask_for_sync(&mut self, cx: &mut Context<'_>, primary: NodeId) {
        if self.asked_at.is_some_and(|at| cx.now.since(at) < self.config.heartbeat) {
            return;
        }
        self.asked_at = Some(cx.now);
        let request = SyncRequest {
            epoch: self.epoch,
            life: self.incarnation,
            last: self.log().last_index(),
            history: self.log().history().into(),
            wants_snapshot: self.pending == Some(Pending::Snapshot),
        };
        cx.send(primary, Message::Sync(request));
    }
}
