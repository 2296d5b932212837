//! The picture of one node for panels.

use super::{Branch, Config, PrimaryReplica, Promotion, Role};
use crate::base::time::{Span, VirtualTime};
use crate::protocol::kit::log::{Change, Entry};
use crate::protocol::view::{
    BranchView, CELLS_SHOWN, CellState, FollowerView, LogCell, PrimaryReplicaView, ReplicaDetail,
    ReplicaView, Role as Badge,
};

impl PrimaryReplica {
    pub(super) fn picture(&self, now: VirtualTime) -> ReplicaView {
        ReplicaView {
            keys: self.table.newest(),
            keys_total: self.table.len(),
            digest: self.table.digest(),
            detail: ReplicaDetail::PrimaryReplica(Box::new(self.detail(now))),
        }
    }

    fn detail(&self, now: VirtualTime) -> PrimaryReplicaView {
        let last = self.log.last_index();
        let lag_entries = self.primary_last.max(last).saturating_sub(self.table.applied());
        let is_behind = lag_entries > 0 && !self.is_primary();
        PrimaryReplicaView {
            role: self.badge(),
            term: self.term,
            voted_for: self.voted_for,
            primary: self.primary,
            history: self.log.history().to_vec(),
            last_index: last,
            flushed_index: self.flushed,
            applied_index: self.table.applied(),
            commit_index: self.commit,
            first_index: self.log.first_index(),
            cells: self.cells(),
            followers: self.followers(),
            waiting: self.as_primary().map_or(0, |reign| reign.waiters.len()),
            is_degraded: self.as_primary().is_some_and(|reign| reign.is_degraded),
            lag_entries: if is_behind { lag_entries } else { 0 },
            lag: if is_behind { now.since(self.applied_sent_at) } else { Span::ZERO },
            election_at: self.election_at(),
            archive: self.archive.iter().map(branch).collect(),
        }
    }

    fn as_primary(&self) -> Option<&super::Reign> {
        match &self.role {
            Role::Primary(reign) => Some(reign),
            _ => None,
        }
    }

    fn badge(&self) -> Badge {
        match &self.role {
            Role::Primary(reign) if reign.is_fenced => Badge::Fenced,
            Role::Primary(_) => Badge::Primary,
            Role::Candidate(_) => Badge::Candidate,
            Role::PreCandidate(_) => Badge::PreCandidate,
            Role::Replica
                if self.incoming.is_some_and(|incoming| self.log.last_index() < incoming.snapshot) =>
            {
                Badge::FullSync
            }
            Role::Replica => Badge::Replica,
        }
    }

    fn election_at(&self) -> Option<VirtualTime> {
        let is_waiting = !self.is_primary() && self.config.promotion != Promotion::Manual;
        is_waiting.then(|| self.heard.max(self.retry_after) + self.patience)
    }

    fn cells(&self) -> Vec<LogCell> {
        let first = (self.log.last_index() + 1).saturating_sub(CELLS_SHOWN as u64).max(1);
        self.log.iter_from(first).map(|(index, entry)| self.cell(index, entry)).collect()
    }

    fn cell(&self, index: u64, entry: &Entry) -> LogCell {
        let is_committed_word = |config: &Config| config.applies_on_commit();
        let state = match index {
            _ if index <= self.commit && is_committed_word(&self.config) => CellState::Committed,
            _ if index <= self.commit => CellState::Acked,
            _ if index <= self.flushed => CellState::Flushed,
            _ => CellState::Buffered,
        };
        let is_write = entry.change != Change::Open;
        let value = match entry.change {
            Change::Put(value) => Some(value),
            Change::Open | Change::Delete => None,
        };
        LogCell {
            index,
            term: entry.term,
            key: is_write.then_some(entry.key),
            value,
            op: entry.operation(),
            state,
        }
    }

    fn followers(&self) -> Vec<FollowerView> {
        let last = self.log.last_index();
        let others = self.as_primary().into_iter().flat_map(|reign| &reign.followers);
        others
            .filter(|follower| follower.node != self.me)
            .map(|follower| FollowerView {
                node: follower.node,
                written: follower.written,
                flushed: follower.flushed,
                applied: follower.applied,
                lag_entries: last.saturating_sub(follower.written),
                heard_at: follower.heard,
                is_full_sync: follower.snapshot.is_some(),
            })
            .collect()
    }
}

fn branch(branch: &Branch) -> BranchView {
    BranchView {
        from: branch.from,
        entries: branch.entries.len() as u64,
        acked: branch.acked,
        term: branch.entries.last().map_or(0, |entry| entry.term),
        at: branch.at,
    }
}
