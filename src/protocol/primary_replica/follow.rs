//! The replica's side of replication: take what follows, cut what differs, say how far it is.

use super::message::{Ack, Append, Message, SyncRequest};
use super::table::{Sessions, Table};
use super::{AfterFlush, Branch, Context, ELECTION, PrimaryReplica, Record, Role};
use crate::base::ids::NodeId;
use crate::base::line::{Line, StepDown};
use crate::protocol::kit::log::Entry;
use crate::protocol::{DiskPosition, Ghost};

impl PrimaryReplica {
    /// A primary ships entries or shows that it lives.
    pub(super) fn take_append(&mut self, cx: &mut Context<'_>, from: NodeId, append: Append) {
        if !self.accepts_primary(cx, from, append.term) {
            return;
        }
        self.primary_last = self.primary_last.max(append.prev_index + append.entries.len() as u64);
        if self.log.term_at(append.prev_index) != Some(append.prev_term) {
            return self.ask_for_sync(cx, from);
        }
        let is_new = self.take_entries(cx, from, append.prev_index, &append.entries);
        let known = append.prev_index + append.entries.len() as u64;
        self.matched = self.matched.max(known);
        self.commit = self.commit.max(append.commit.min(self.matched));
        self.apply_received(append.sent_at);
        if is_new {
            cx.flush();
            if self.config.acks_when_written() {
                self.tell_position(cx, false);
            }
        } else {
            self.tell_position(cx, append.entries.is_empty());
        }
    }

    /// Whether `from` is the primary to follow; follows it if so, tells it of a higher term if not.
    pub(super) fn accepts_primary(&mut self, cx: &mut Context<'_>, from: NodeId, term: u64) -> bool {
        // Two primaries of one term exist only without votes; then the higher node goes on.
        let yields = term > self.term || (term == self.term && (!self.is_primary() || from > self.me));
        if !yields {
            cx.send(from, Message::Stale { term: self.term });
            return false;
        }
        // The same node in a new term is a new primary: what was known to match the old one means nothing.
        let is_news = term > self.term || self.primary != Some(from) || !matches!(self.role, Role::Replica);
        if term > self.term {
            self.set_term(cx, term, None);
        }
        if self.is_primary() {
            cx.say(Line::StepDown { why: StepDown::HigherTerm(term) });
        }
        if is_news {
            self.follow(cx, Some(from));
            cx.say(Line::RoleReplica { primary: from, term });
        }
        self.heard = cx.now;
        true
    }

    /// Becomes a replica, of `primary` if it is known.
    pub(super) fn follow(&mut self, cx: &mut Context<'_>, primary: Option<NodeId>) {
        self.abandon_waiters(cx);
        let was_primary = self.is_primary();
        self.role = Role::Replica;
        (self.primary, self.matched, self.incoming) = (primary, 0, None);
        self.primary_last = self.log.last_index();
        self.heard = cx.now;
        if was_primary {
            cx.cancel_timer(super::HEARTBEAT);
        }
        self.patience = self.draw_patience(cx);
        cx.set_timer(ELECTION, self.patience);
    }

    /// Takes entries that follow `prev`; skips what it has, cuts what differs. Gives whether anything was new.
    fn take_entries(&mut self, cx: &mut Context<'_>, primary: NodeId, prev: u64, entries: &[Entry]) -> bool {
        let mut is_new = false;
        for (index, entry) in (prev + 1..).zip(entries) {
            match self.log.term_at(index) {
                Some(term) if term == entry.term => continue,
                Some(_) => self.cut(cx, index, primary),
                None => {}
            }
            self.append(cx, *entry);
            is_new = true;
        }
        is_new
    }

    /// Cuts the log from `from` on: this branch is not the primary's. It is kept for operators.
    pub(super) fn cut(&mut self, cx: &mut Context<'_>, from: u64, primary: NodeId) {
        let to = self.log.last_index();
        let entries = self.log.cut(from);
        let acked = (self.acked + 1).saturating_sub(from).min(entries.len() as u64);
        let count = entries.len() as u64;
        self.cuts += 1;
        self.flushed = self.flushed.min(from - 1);
        self.acked = self.acked.min(from - 1);
        self.matched = self.matched.min(from - 1);
        self.commit = self.commit.min(from - 1);
        self.sessions.forget(from);
        if self.table.applied() >= from {
            self.table = Table::rebuilt(&self.log, from - 1);
        }
        cx.append(Record::Truncate { from });
        cx.ghost(Ghost::Cut {
            from,
            entries: count,
            ops: entries.iter().filter_map(Entry::operation).collect(),
        });
        self.archive.push(Branch { from, entries, acked, at: cx.now });
        cx.say(Line::Diverged { at: from, entries: count, acked, primary });
        cx.say(Line::Truncate { from, to, archive: self.archive.len() as u32 });
    }

    pub(super) fn apply_received(&mut self, sent_at: crate::base::time::VirtualTime) {
        let upto = if self.config.applies_on_commit() { self.commit } else { self.matched };
        if upto > self.table.applied() {
            self.table.apply(&self.log, upto);
            self.applied_sent_at = sent_at;
        }
    }

    /// Tells the primary how far this node is, as far as the two are known to agree.
    pub(super) fn tell_position(&mut self, cx: &mut Context<'_>, is_heartbeat: bool) {
        let Some(primary) = self.primary.filter(|_| matches!(self.role, Role::Replica)) else { return };
        let written = self.matched;
        let ack = Ack {
            term: self.term,
            written,
            flushed: self.flushed.min(written),
            applied: self.table.applied().min(written),
            is_heartbeat,
        };
        cx.send(primary, Message::Ack(ack));
    }

    /// What the primary sends does not follow what is here: say what is.
    fn ask_for_sync(&mut self, cx: &mut Context<'_>, primary: NodeId) {
        let request =
            SyncRequest { term: self.term, last: self.log.last_index(), history: self.log.history().into() };
        cx.send(primary, Message::Sync(request));
    }

    /// A snapshot replaces everything.
    pub(super) fn install(
        &mut self,
        cx: &mut Context<'_>,
        log: crate::protocol::kit::log::Log,
        primary: NodeId,
    ) {
        let index = log.last_index();
        let common = self.log.common_point(log.history(), index);
        if common < self.log.last_index() {
            self.cut(cx, common + 1, primary);
        }
        self.cuts += 1;
        self.log = log.sealed();
        self.table = Table::rebuilt(&self.log, index);
        self.sessions = Sessions::of(&self.log);
        self.matched = index;
        self.commit = self.commit.max(index);
        let position = cx.append(Record::Install(std::sync::Arc::new(self.log.clone())));
        self.expect_flush(position, AfterFlush::Log { index, cuts: self.cuts });
        cx.flush();
    }

    pub(super) fn expect_flush(&mut self, position: DiskPosition, then: AfterFlush) {
        self.flushing.push_back((position, then));
    }
}
