//! The picture of one node for panels. It costs what is shown, not what there is.

use super::durable::Branch;
use super::reign::Reign;
use super::ship::Flow;
use super::{PrimaryReplica, Promotion, Role};
use crate::base::ids::NodeId;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::kit::log::{Content, Entry, Position, Write};
use crate::protocol::kit::quorum::{majority, reached_by};
use crate::protocol::view::{
    BranchView, CELLS_SHOWN, CUT_SHOWN, CellContent, CellState, FollowerView, LogCell, PrimaryReplicaView,
    ReignView, ReplicaDetail, ReplicaView, Role as Badge,
};

impl PrimaryReplica {
    pub(super) fn picture(&self, now: VirtualTime) -> ReplicaView {
        ReplicaView {
            keys: self.store.newest_rows(),
            keys_total: self.store.keys(),
            digest: self.store.digest(),
            detail: ReplicaDetail::PrimaryReplica(Box::new(self.detail(now))),
        }
    }

    fn detail(&self, now: VirtualTime) -> PrimaryReplicaView {
        let (log, reign) = (self.log(), self.reign());
        let lag_entries = self.lag_entries();
        PrimaryReplicaView {
            role: self.badge(),
            term: self.term,
            voted_for: self.voted_for,
            primary: self.primary,
            history: log.history().iter().map(reign_view).collect(),
            last_index: log.last_index(),
            flushed_index: self.flushed,
            applied_index: self.store.applied(),
            commit_index: self.commit,
            first_index: log.first_index(),
            acked_index: self.acked,
            cells: self.cells((log.last_index() + 1).saturating_sub(CELLS_SHOWN as u64), log.last_index()),
            followers: reign.map_or(Vec::new(), |reign| self.followers(reign)),
            waiting: reign.map_or(0, |reign| reign.waiters.len()),
            is_degraded: reign.is_some_and(|reign| reign.is_degraded),
            lag_entries,
            lag: if lag_entries > 0 { self.age_of_state(now) } else { Span::ZERO },
            stops_at: self.stops_at(),
            election_at: self.election_at(),
            horizon: self.horizon(),
            in_sync: reign
                .filter(|_| self.config.ack_in_sync().is_some())
                .map_or(Vec::new(), members_in_sync),
            monitor: self.watch().map(|(view, _)| view),
            partitions: Vec::new(),
            partition: None,
            site: None,
            archive: self.archive.iter().map(|branch| self.branch_view(branch)).collect(),
        }
    }

    fn badge(&self) -> Badge {
        match &self.role {
            Role::Primary(reign) if reign.is_fenced => Badge::Fenced,
            Role::Primary(_) => Badge::Primary,
            Role::Candidate(_) => Badge::Candidate,
            Role::PreCandidate(_) => Badge::PreCandidate,
            Role::Succeeding(_) => Badge::TakingOver,
            Role::StandingOut => Badge::StandingOut,
            Role::LeaseStore(_) => Badge::LeaseStore,
            Role::Replica if self.incoming.is_some() => Badge::FullSync,
            Role::Replica if self.has_left() => Badge::Removed,
            Role::Replica if !self.is_member() => Badge::Joining,
            Role::Replica if self.pending.is_some() => Badge::RollingBack,
            Role::Replica => Badge::Replica,
        }
    }

    fn lag_entries(&self) -> u64 {
        match self.role {
            Role::Primary(_) => 0,
            _ => self.primary_last.saturating_sub(self.store.applied()),
        }
    }

    /// How long ago the last applied entry was written: replay lag, as PostgreSQL calls it.
    fn age_of_state(&self, now: VirtualTime) -> Span {
        let applied = self.log().get(self.store.applied());
        applied.map_or(Span::ZERO, |entry| now.since(entry.written_at))
    }

    /// When this primary stops by itself: at the end of its lease by its own clock, or when it has not heard a
    /// majority for too long.
    fn stops_at(&self) -> Option<VirtualTime> {
        let reign = self.reign()?;
        if let Some(until) = self.tenancy.until.filter(|_| self.config.self_demote) {
            let at = until.0 - self.tenancy.clock_error_us;
            return Some(VirtualTime(u64::try_from(at).unwrap_or(0)));
        }
        let heard = self.per_member(reign, u64::MAX, |follower| follower.heard.0);
        let confirmed = VirtualTime(reached_by(majority(heard.len()), heard));
        let stops = self.config.demotes_itself() && self.members.len() > 1;
        stops.then(|| confirmed + self.config.election_timeout.1)
    }

    fn election_at(&self) -> Option<VirtualTime> {
        match (&self.role, self.config.promotion) {
            (Role::LeaseStore(book), _) => Some(book.ends),
            (Role::Primary(_), _) | (_, Promotion::Manual | Promotion::AutoLease) => None,
            (_, Promotion::AutoMonitor) => self.watch().map(|(_, missed_at)| missed_at),
            (_, Promotion::AutoQuorum | Promotion::AutoUnsafe) => Some(self.patient_until()),
        }
    }

    /// The longest that one of these deadlines may lie ahead.
    fn horizon(&self) -> Span {
        match self.config.promotion {
            Promotion::AutoLease => self.config.lease.lasting,
            Promotion::AutoMonitor => self.config.down_after,
            _ => self.config.election_timeout.1,
        }
    }

    pub(super) fn cells(&self, from: u64, to: u64) -> Vec<LogCell> {
        let entries = self.log().iter_from(from).take_while(|(index, _)| *index <= to);
        entries.map(|(index, entry)| self.cell(index, entry)).collect()
    }

    fn cell(&self, index: u64, entry: &Entry) -> LogCell {
        LogCell {
            index,
            term: entry.epoch.term(),
            content: match &entry.content {
                Content::Opening => CellContent::Opening,
                Content::Write(Write { op, key, change, .. }) => {
                    CellContent::Write { op: *op, key: *key, change: change.clone() }
                }
                Content::Merged(merged) => {
                    let Write { op, key, change, .. } = &merged.write;
                    CellContent::Write { op: *op, key: *key, change: change.clone() }
                }
                Content::Join(node) => CellContent::Join(*node),
                Content::Leave(node) => CellContent::Leave(*node),
            },
            state: self.cell_state(index, entry),
        }
    }

    fn branch_view(&self, branch: &Branch) -> BranchView {
        let mut acked = branch.acked;
        let cell = |(index, entry): (u64, &Entry)| {
            // Acknowledged are the first of its own writes.
            let is_own = entry.write().is_some() && entry.epoch.primary() == Some(self.me);
            let is_acked = is_own && acked > 0;
            acked -= u64::from(is_acked);
            let state = if is_acked { CellState::Acked } else { CellState::RolledBack };
            LogCell { state, ..self.cell(index, entry) }
        };
        BranchView {
            from: branch.from,
            entries: branch.entries.len() as u64,
            acked: branch.acked,
            term: branch.entries.last().map_or(0, |entry| entry.epoch.term()),
            at: branch.at,
            cells: (branch.from..).zip(&branch.entries).take(CUT_SHOWN).map(cell).collect(),
        }
    }

    fn cell_state(&self, index: u64, entry: &Entry) -> CellState {
        let is_acked = index <= self.acked && entry.epoch.primary() == Some(self.me);
        CellState::of(index, is_acked, self.flushed, self.commit)
    }

    fn followers(&self, reign: &Reign) -> Vec<FollowerView> {
        let last = self.log().last_index();
        let picture = |peer: NodeId| {
            let follower = &reign.followers[peer.index()];
            FollowerView {
                node: peer,
                written: follower.written,
                flushed: follower.flushed,
                applied: follower.applied,
                lag_entries: last.saturating_sub(follower.applied),
                heard_at: follower.heard,
                has_answered: follower.life > 0,
                is_full_sync: matches!(follower.flow, Flow::Snapshot(_)),
            }
        };
        self.peers().map(picture).collect()
    }
}

fn reign_view(opening: &Position) -> ReignView {
    let epoch = opening.epoch;
    ReignView { epoch: epoch.number(), term: epoch.term(), primary: epoch.primary(), from: opening.index }
}

fn members_in_sync(reign: &Reign) -> Vec<NodeId> {
    reign.in_sync.members.to_vec()
}
