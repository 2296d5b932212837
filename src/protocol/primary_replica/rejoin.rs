//! A node whose log has entries that its primary does not have: what becomes of them (replication.md 1.10). Whatever
//! the policy, they are counted, and kept in the archive of cut branches.

use super::config::Rejoin;
use super::durable::Branch;
use super::message::Message;
use super::{AfterFlush, Context, PrimaryReplica, Record, Role};
use crate::base::ids::{Key, NodeId};
use crate::base::line::Line;
use crate::base::time::VirtualTime;
use crate::protocol::kit::log::{Entry, Epoch};
use crate::protocol::{Ghost, Progress};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What still has to be done after entries were cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pending {
    /// Old rows are on their way (rewind).
    Rows {
        /// How many.
        rows: u32,
        /// When they were asked for.
        asked_at: VirtualTime,
    },
    /// Only a snapshot will do (discard).
    Snapshot,
    /// What to merge is said once the primary's log has arrived as far as it was known to reach.
    List,
}

impl PrimaryReplica {
    /// The log differs from `primary`'s from `from` on. Gives whether this node goes on following.
    pub(super) fn diverge(&mut self, cx: &mut Context<'_>, from: u64, primary: NodeId) -> bool {
        let rewound = || from >= self.log().first_index();
        match self.config.rejoin {
            Rejoin::Refuse => {
                let branch = self.branch(from, cx.now);
                // It keeps them, but no history that counts has them.
                let ops = branch.entries.iter().filter_map(Entry::operation).collect();
                cx.ghost(Ghost::Cut { from, entries: 0, ops });
                self.say_diverged(cx, &branch, primary);
                cx.say(Line::StaysOut);
                self.role = Role::StandingOut;
                return false;
            }
            Rejoin::Truncate => drop(self.cut(cx, from, primary)),
            Rejoin::RollbackFile => {
                let entries = self.cut(cx, from, primary).entries.len() as u64;
                cx.say(Line::Rollback { entries, archive: self.archive.len() as u32 });
            }
            Rejoin::Merge => {
                self.cut(cx, from, primary);
                self.pending = Some(Pending::List);
            }
            Rejoin::Rewind if rewound() => {
                let branch = self.cut(cx, from, primary);
                let keys: BTreeSet<Key> = keys_of(&branch).collect();
                cx.say(Line::Rewind { from, keys: keys.len() as u64 });
                self.pending = Some(Pending::Rows { rows: keys.len() as u32, asked_at: cx.now });
                self.fetch_rows(cx, primary, keys.len() as u32);
                return false;
            }
            Rejoin::Discard | Rejoin::Rewind => {
                self.cut(cx, from, primary);
                self.pending = Some(Pending::Snapshot);
                self.asked_at = None;
                self.ask_for_sync(cx, primary);
                return false;
            }
        }
        true
    }

    /// Whether entries may be taken now; asks again for what they wait for.
    pub(super) fn is_ready(&mut self, cx: &mut Context<'_>, primary: NodeId) -> bool {
        if self.role == Role::StandingOut {
            return false;
        }
        match self.pending {
            Some(Pending::Rows { rows, asked_at }) => {
                if cx.now.since(asked_at) >= self.config.link_timeout {
                    self.pending = Some(Pending::Rows { rows, asked_at: cx.now });
                    self.fetch_rows(cx, primary, rows);
                }
                false
            }
            Some(Pending::Snapshot) => {
                self.ask_for_sync(cx, primary);
                false
            }
            Some(Pending::List) | None => true,
        }
    }

    fn fetch_rows(&self, cx: &mut Context<'_>, primary: NodeId, rows: u32) {
        cx.send(primary, Message::FetchRows { epoch: self.epoch, rows });
    }

    /// A rewinding node wants old rows.
    pub(super) fn take_fetch_rows(&self, cx: &mut Context<'_>, from: NodeId, epoch: Epoch, rows: u32) {
        if self.is_primary() && epoch == self.epoch {
            cx.send(from, Message::Rows { epoch, rows });
        }
    }

    /// The rows are here: the node follows again.
    pub(super) fn take_rows(&mut self, cx: &mut Context<'_>, from: NodeId, epoch: Epoch) {
        if epoch == self.epoch && matches!(self.pending, Some(Pending::Rows { .. })) {
            self.pending = None;
            self.asked_at = None;
            self.ask_for_sync(cx, from);
        }
    }

    /// Says what an operator has to merge, once all the primary had is here.
    pub(super) fn list_merge(&mut self, cx: &mut Context<'_>) {
        if self.pending != Some(Pending::List) || self.store.applied() < self.primary_last {
            return;
        }
        self.pending = None;
        let Some(branch) = self.archive.last() else { return };
        let keys: BTreeSet<Key> = keys_of(branch).collect();
        let both = keys.iter().filter(|&&key| self.store.changed_since(key, branch.from)).count() as u64;
        let only_here = keys.len() as u64 - both;
        cx.say(Line::MergeList { archive: self.archive.len() as u32, both, only_here });
    }

    fn branch(&self, from: u64, at: VirtualTime) -> Branch {
        let is_acked = |index: u64, entry: &Entry| {
            index <= self.acked && entry.write().is_some() && entry.epoch.primary() == Some(self.me)
        };
        let entries: Vec<Entry> = self.log().iter_from(from).map(|(_, entry)| entry.clone()).collect();
        let acked = (from..).zip(&entries).filter(|(index, entry)| is_acked(*index, entry)).count() as u64;
        Branch { from, entries, acked, at }
    }

    fn say_diverged(&self, cx: &mut Context<'_>, branch: &Branch, primary: NodeId) {
        let (at, entries, acked) = (branch.from, branch.entries.len() as u64, branch.acked);
        cx.say(Line::Diverged { at, entries, acked, primary });
    }

    /// Cuts the log from `from` on: this branch is not the primary's. It is kept for operators.
    pub(super) fn cut(&mut self, cx: &mut Context<'_>, from: u64, primary: NodeId) -> Arc<Branch> {
        let to = self.log().last_index();
        let branch = Arc::new(self.branch(from, cx.now));
        let known = self.log().position(self.commit).unwrap_or_default();
        self.store.cut(from);
        self.count_members();
        let ops = branch.entries.iter().filter_map(Entry::operation).collect();
        for position in [&mut self.flushed, &mut self.commit, &mut self.acked, &mut self.matched] {
            *position = (*position).min(from - 1);
        }
        for (_, then) in &mut self.flushing {
            if let AfterFlush::Log(index) = then {
                *index = (*index).min(from - 1);
            }
        }
        self.archive.push(Arc::clone(&branch));
        cx.append(Record::Cut(Arc::clone(&branch)));
        cx.ghost(Ghost::Cut { from, entries: branch.entries.len() as u64, ops });
        cx.ghost(Ghost::Log { partition: 0, progress: Progress::Cut { from, known } });
        self.say_diverged(cx, &branch, primary);
        cx.say(Line::Truncate { from, to, archive: self.archive.len() as u32 });
        branch
    }
}

fn keys_of(branch: &Branch) -> impl Iterator<Item = Key> {
    branch.entries.iter().filter_map(|entry| entry.write()).map(|write| write.key)
}
