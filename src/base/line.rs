//! Log lines: what nodes, the world and the judges say. Each line is typed; its code is stable (tests and lessons
//! refer to it), its text uses an operator's words and is made only when the line becomes visible.

mod movement;
mod text;

use super::command::CrashKind;
use super::ids::{Key, NodeId, OpId};
use super::movement::{Move, Objection};
use super::rule::Rule;
use super::time::{Span, VirtualTime};
use std::sync::Arc;

/// How loud a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Ordinary.
    Info,
    /// Worth a look.
    Warn,
    /// Something is lost or refused.
    Error,
    /// A client's outcome.
    Client,
    /// A fault was injected or healed.
    Fault,
}

impl Level {
    /// The word in the line.
    pub fn word(self) -> &'static str {
        match self {
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error => "ERR",
            Level::Client => "CLIENT",
            Level::Fault => "FAULT",
        }
    }
}

/// Why a vote was denied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// The voter's term is higher.
    OldTerm {
        /// The voter's term.
        term: u64,
    },
    /// The voter already voted for another in this term.
    Voted {
        /// For whom.
        whom: NodeId,
    },
    /// The voter's log is newer.
    OldLog {
        /// The voter's last term and index.
        mine: (u64, u64),
        /// The candidate's.
        theirs: (u64, u64),
    },
    /// The voter hears a live primary.
    FreshPrimary {
        /// How long ago it heard it.
        ago: Span,
    },
}

/// Why a primary steps down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepDown {
    /// A message carried a higher term.
    HigherTerm(u64),
    /// No majority was heard for an election timeout.
    LostQuorum {
        /// Nodes heard, itself included.
        heard: usize,
        /// Nodes of the cluster.
        of: usize,
    },
}

/// Why a failover is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abort {
    /// No replica may be promoted.
    NoGoodReplica,
    /// Too few monitors voted for it in time.
    NotAuthorised {
        /// Votes.
        got: usize,
        /// Needed.
        need: usize,
    },
    /// The chosen replica did not take over in time.
    TimedOut,
}

/// Why a node does not ask to become primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ineligible {
    /// It lacks too much.
    Lag {
        /// Entries it lacks.
        behind: u64,
        /// Entries it may lack.
        most: u64,
    },
    /// Another has more.
    Behind(NodeId),
    /// It is not in the in-sync set.
    OutOfSync,
}

/// Why a partial resync is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartialRefusal {
    /// The log no longer reaches back.
    BacklogStartsAt(u64),
    /// The replica's history shares nothing with the primary's.
    UnknownHistory,
}

/// One line, without its instant and node (see [`Stamped`]).
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the text of each line names its fields")]
pub enum Line {
    // roles and elections
    RolePrimary { term: u64, index: u64 },
    RoleReplica { primary: NodeId, term: u64 },
    ElectStart { silent: Span, term: u64 },
    PreVote { term: u64 },
    VoteGrant { candidate: NodeId, term: u64, is_pre: bool },
    VoteDeny { candidate: NodeId, term: u64, why: Denial },
    VoteIgnored { candidate: NodeId, ago: Span },
    StepDown { why: StepDown },
    PrimaryLost { primary: Option<NodeId>, silent: Span },
    Promoted { by_operator: bool, term: u64 },
    Fenced { mine: u64, seen: u64 },
    SwitchStart { to: NodeId },
    SwitchAbort { to: NodeId, after: Span },
    Invited { by: NodeId },
    // monitors, leases, fencers
    Subjectively { node: NodeId, silent: Span },
    Objectively { node: NodeId, votes: usize, quorum: u64 },
    FailoverTry { epoch: u64 },
    FailoverSelected { node: NodeId, index: u64, epoch: u64 },
    FailoverEnd { node: NodeId, epoch: u64 },
    FailoverAbort { why: Abort, epoch: u64 },
    NotEligible { why: Ineligible },
    LeaseTaken { term: u64 },
    LeaseLost { holder: Option<NodeId> },
    Stonith { target: NodeId, after: Span },
    StonithFailed { target: NodeId },
    CatchingUp { from: NodeId, entries: u64 },
    // members
    Learner { node: NodeId },
    Joined { node: NodeId },
    Left { node: NodeId },
    // in-sync set
    InSyncShrink { from: Vec<NodeId>, to: Vec<NodeId>, high: u64 },
    InSyncExpand { from: Vec<NodeId>, to: Vec<NodeId>, high: u64 },
    Unclean { node: NodeId, end: u64, high: u64 },
    NoQuorum { heard: usize, of: usize },
    QuorumBack { heard: usize, of: usize },
    // replication
    LinkLost { peer: NodeId, silent: Span },
    LinkOk { peer: NodeId },
    PartialOk { peer: NodeId, from: u64, entries: u64 },
    PartialNo { peer: NodeId, why: PartialRefusal },
    FullStart { peer: NodeId, index: u64, rows: u64 },
    FullDone { index: u64, rows: u64 },
    Diverged { at: u64, entries: u64, acked: u64, primary: NodeId },
    Rewind { from: u64, keys: u64 },
    Rollback { entries: u64, archive: u32 },
    MergeList { archive: u32, both: u64, only_here: u64 },
    StaysOut,
    FullAbort { peer: NodeId, behind: u64 },
    Truncate { from: u64, to: u64, archive: u32 },
    SyncWait { index: u64, need: u64 },
    SyncFallback { after: Span },
    SyncBack,
    SyncCancel { waiting: u64 },
    WaitShort { index: u64, got: u64, need: u64, after: Span },
    TooFewReplicas { good: usize, need: usize },
    SessionLost { term: u64, index: u64 },
    // membership and quorums
    PeerSuspect { peer: NodeId },
    PeerDown { peer: NodeId, confirmations: u32 },
    PeerConvicted { peer: NodeId, phi_tenths: u64 },
    PeerUp { peer: NodeId },
    Refute { by: NodeId, from: u32, to: u32 },
    Unavailable { key: Key, is_write: bool, need: u32, alive: u32 },
    QuorumTimeout { key: Key, is_write: bool, got: u32, need: u32 },
    HintStore { target: NodeId, queued: u64, bytes: u64 },
    HintReplay { target: NodeId, sent: u64 },
    HintDrop { target: NodeId, down_for: Span },
    ReadRepair { key: Key, stale: NodeId, is_blocking: bool },
    LwwDrop { key: Key, stored_is_newer_by: Span },
    Siblings { key: Key, siblings: u64 },
    SiblingsWarn { key: Key, siblings: u64, limit: u64 },
    Tombstone { key: Key },
    Purged { tombstones: u64, grace: Span },
    Resurrected { key: Key, by: Option<NodeId> },
    HintFull { target: NodeId, bytes: u64 },
    RepairStart { peer: NodeId, keys: u64 },
    RepairDiff { peer: NodeId, leaves: u64, came: u64, changed: u64 },
    RepairDone { peer: NodeId, keys: u64 },
    RepairFailed { peer: NodeId },
    // sites
    SiteLost { site: u16, silent: Span },
    SiteBack { site: u16, missing: u64 },
    SiteResume { site: u16, from: u64 },
    SiteForgot { site: u16, theirs: u64, own: u64 },
    SiteConflict { key: Key, kept: u16 },
    SiteSameId { key: Key, id: u32, kept: u16 },
    // a node that moves on the ring
    MoveStart { how: Move, permille: u32, nodes: Vec<NodeId> },
    MoveRefused { how: Move, why: Objection },
    MoveFetched { keys: u64, took: Span },
    MoveDone { how: Move, copies: u64, took: Span },
    GivenUp { node: NodeId },
    RangesDropped { keys: u64 },
    // any of the above, in a cluster of several groups
    InPartition { partition: u16, line: Arc<Line> },
    // the world
    Started { incarnation: u32 },
    Crash { kind: CrashKind, lost_records: u64 },
    Restart { kept_records: u64 },
    Panicked { text: Arc<str> },
    Paused,
    Resumed { after: Span, queued: usize },
    FaultOn { number: u32, what: Arc<str> },
    FaultOff { number: u32, what: Arc<str> },
    Refused { what: Arc<str>, why: Arc<str> },
    Applied { what: Arc<str> },
    Clock { jump_us: i64 },
    DiskFull,
    // judges
    OpLost { op: OpId, key: Key },
    OpInverted { op: OpId, key: Key },
    SplitBrain { nodes: (NodeId, NodeId) },
    RuleBroken { rule: Rule, term: u64, index: u64 },
    ClientOutcome { op: OpId, text: Arc<str> },
}

/// The codes of all lines. A test reads them off `Line::parts`.
pub const CODES: &[&str] = &[
    "LEARNER",
    "JOIN",
    "LEAVE",
    "ROLE_PRIMARY",
    "ROLE_REPLICA",
    "ELECT_START",
    "PREVOTE",
    "VOTE_GRANT",
    "VOTE_DENY",
    "VOTE_IGNORED",
    "STEP_DOWN",
    "SDOWN",
    "FAILOVER_SELECTED",
    "FENCED",
    "SWITCH",
    "FAILOVER_TRY",
    "FAILOVER_ABORT",
    "ODOWN",
    "FAILOVER_END",
    "NOT_ELIGIBLE",
    "LEASE_TAKEN",
    "LEASE_LOST",
    "STONITH",
    "STONITH_FAIL",
    "CATCH_UP",
    "ISR_SHRINK",
    "ISR_EXPAND",
    "UNCLEAN",
    "NO_QUORUM",
    "QUORUM_BACK",
    "LINK_LOST",
    "LINK_OK",
    "PSYNC_OK",
    "PSYNC_NO",
    "FULL_START",
    "FULL_DONE",
    "DIVERGED",
    "REWIND",
    "ROLLBACK",
    "MERGE",
    "STAYS_OUT",
    "FULL_ABORT",
    "TRUNCATE",
    "SYNC_WAIT",
    "SYNC_FALLBACK",
    "SYNC_BACK",
    "SYNC_CANCEL",
    "WAIT_SHORT",
    "NOREPL",
    "SESSION_LOST",
    "PEER_SUSPECT",
    "PEER_DOWN",
    "PEER_UP",
    "REFUTE",
    "UNAVAILABLE",
    "W_TIMEOUT",
    "R_TIMEOUT",
    "HINT_STORE",
    "HINT_REPLAY",
    "HINT_DROP",
    "READ_REPAIR",
    "LWW_DROP",
    "SIBLINGS",
    "SIB_WARN",
    "TOMB",
    "TOMB_PURGE",
    "ZOMBIE",
    "HINT_FULL",
    "AE_START",
    "AE_DIFF",
    "AE_DONE",
    "AE_FAIL",
    "XSITE_LOST",
    "XSITE_OK",
    "XSITE_RESUME",
    "XSITE_FORGOT",
    "XSITE_CONFLICT",
    "XSITE_ID",
    "MOVE_START",
    "MOVE_REFUSED",
    "MOVE_FLIP",
    "MOVE_DONE",
    "GIVEN_UP",
    "RANGES_DROPPED",
    "START",
    "CRASH",
    "RESTART",
    "PANIC",
    "PAUSE",
    "RESUME",
    "FAULT",
    "HEAL",
    "REFUSED",
    "DONE",
    "CLOCK",
    "DISK_FULL",
    "LOST",
    "SPLIT",
    "RULE",
    "OP",
];

/// A line with its instant and the node that says it (`None`: the world).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
    /// Its number among all lines of its run, from 1.
    pub number: u64,
    /// When.
    pub at: VirtualTime,
    /// Who.
    pub node: Option<NodeId>,
    /// What.
    pub line: Line,
}

impl Line {
    /// The stable code of the event dictionary.
    pub fn code(&self) -> &'static str {
        self.parts().1
    }

    /// How loud the line is.
    pub fn level(&self) -> Level {
        self.parts().0
    }

    /// Level and code: the event dictionary.
    fn parts(&self) -> (Level, &'static str) {
        use Level::*;
        match self {
            Line::RolePrimary { .. } => (Info, "ROLE_PRIMARY"),
            Line::RoleReplica { .. } => (Info, "ROLE_REPLICA"),
            Line::ElectStart { .. } => (Warn, "ELECT_START"),
            Line::PreVote { .. } => (Info, "PREVOTE"),
            Line::VoteGrant { .. } => (Info, "VOTE_GRANT"),
            Line::VoteDeny { .. } => (Info, "VOTE_DENY"),
            Line::VoteIgnored { .. } => (Info, "VOTE_IGNORED"),
            Line::StepDown { .. } => (Warn, "STEP_DOWN"),
            Line::PrimaryLost { .. } => (Warn, "SDOWN"),
            Line::Promoted { .. } => (Warn, "FAILOVER_SELECTED"),
            Line::Fenced { .. } => (Error, "FENCED"),
            Line::SwitchStart { .. } => (Info, "SWITCH"),
            Line::Invited { .. } => (Info, "FAILOVER_TRY"),
            Line::SwitchAbort { .. } => (Warn, "FAILOVER_ABORT"),
            Line::Subjectively { .. } => (Warn, "SDOWN"),
            Line::Objectively { .. } => (Warn, "ODOWN"),
            Line::FailoverTry { .. } => (Warn, "FAILOVER_TRY"),
            Line::FailoverSelected { .. } => (Warn, "FAILOVER_SELECTED"),
            Line::FailoverEnd { .. } => (Info, "FAILOVER_END"),
            Line::FailoverAbort { .. } => (Error, "FAILOVER_ABORT"),
            Line::NotEligible { .. } => (Warn, "NOT_ELIGIBLE"),
            Line::LeaseTaken { .. } => (Info, "LEASE_TAKEN"),
            Line::LeaseLost { .. } => (Warn, "LEASE_LOST"),
            Line::Stonith { .. } => (Warn, "STONITH"),
            Line::StonithFailed { .. } => (Error, "STONITH_FAIL"),
            Line::CatchingUp { .. } => (Info, "CATCH_UP"),
            Line::Learner { .. } => (Info, "LEARNER"),
            Line::Joined { .. } => (Info, "JOIN"),
            Line::Left { .. } => (Info, "LEAVE"),
            Line::InSyncShrink { .. } => (Warn, "ISR_SHRINK"),
            Line::InSyncExpand { .. } => (Info, "ISR_EXPAND"),
            Line::Unclean { .. } => (Error, "UNCLEAN"),
            Line::NoQuorum { .. } => (Error, "NO_QUORUM"),
            Line::QuorumBack { .. } => (Info, "QUORUM_BACK"),
            Line::LinkLost { .. } => (Warn, "LINK_LOST"),
            Line::LinkOk { .. } => (Info, "LINK_OK"),
            Line::PartialOk { .. } => (Info, "PSYNC_OK"),
            Line::PartialNo { .. } => (Warn, "PSYNC_NO"),
            Line::FullStart { .. } => (Warn, "FULL_START"),
            Line::FullDone { .. } => (Info, "FULL_DONE"),
            Line::Diverged { .. } => (Error, "DIVERGED"),
            Line::Rewind { .. } => (Warn, "REWIND"),
            Line::Rollback { .. } => (Warn, "ROLLBACK"),
            Line::MergeList { .. } => (Warn, "MERGE"),
            Line::StaysOut => (Error, "STAYS_OUT"),
            Line::FullAbort { .. } => (Warn, "FULL_ABORT"),
            Line::Truncate { .. } => (Warn, "TRUNCATE"),
            Line::SyncWait { .. } => (Warn, "SYNC_WAIT"),
            Line::SyncFallback { .. } => (Warn, "SYNC_FALLBACK"),
            Line::SyncBack => (Info, "SYNC_BACK"),
            Line::SyncCancel { .. } => (Warn, "SYNC_CANCEL"),
            Line::WaitShort { .. } => (Warn, "WAIT_SHORT"),
            Line::TooFewReplicas { .. } => (Error, "NOREPL"),
            Line::SessionLost { .. } => (Error, "SESSION_LOST"),
            Line::PeerSuspect { .. } => (Warn, "PEER_SUSPECT"),
            Line::PeerDown { .. } => (Warn, "PEER_DOWN"),
            Line::PeerConvicted { .. } => (Warn, "PEER_DOWN"),
            Line::PeerUp { .. } => (Info, "PEER_UP"),
            Line::Refute { .. } => (Info, "REFUTE"),
            Line::Unavailable { .. } => (Error, "UNAVAILABLE"),
            Line::QuorumTimeout { is_write: true, .. } => (Error, "W_TIMEOUT"),
            Line::QuorumTimeout { is_write: false, .. } => (Error, "R_TIMEOUT"),
            Line::HintStore { .. } => (Info, "HINT_STORE"),
            Line::HintReplay { .. } => (Info, "HINT_REPLAY"),
            Line::HintDrop { .. } => (Warn, "HINT_DROP"),
            Line::ReadRepair { .. } => (Info, "READ_REPAIR"),
            Line::LwwDrop { .. } => (Warn, "LWW_DROP"),
            Line::Siblings { .. } => (Info, "SIBLINGS"),
            Line::SiblingsWarn { .. } => (Warn, "SIB_WARN"),
            Line::Tombstone { .. } => (Info, "TOMB"),
            Line::Purged { .. } => (Info, "TOMB_PURGE"),
            Line::Resurrected { .. } => (Error, "ZOMBIE"),
            Line::HintFull { .. } => (Warn, "HINT_FULL"),
            Line::RepairStart { .. } => (Info, "AE_START"),
            Line::RepairDiff { .. } => (Info, "AE_DIFF"),
            Line::RepairDone { .. } => (Info, "AE_DONE"),
            Line::RepairFailed { .. } => (Warn, "AE_FAIL"),
            Line::SiteLost { .. } => (Warn, "XSITE_LOST"),
            Line::SiteBack { .. } => (Info, "XSITE_OK"),
            Line::SiteResume { .. } => (Info, "XSITE_RESUME"),
            Line::SiteForgot { .. } => (Error, "XSITE_FORGOT"),
            Line::SiteConflict { .. } => (Warn, "XSITE_CONFLICT"),
            Line::SiteSameId { .. } => (Error, "XSITE_ID"),
            Line::MoveStart { .. } => (Info, "MOVE_START"),
            Line::MoveRefused { .. } => (Error, "MOVE_REFUSED"),
            Line::MoveFetched { .. } => (Info, "MOVE_FLIP"),
            Line::MoveDone { .. } => (Info, "MOVE_DONE"),
            Line::GivenUp { .. } => (Warn, "GIVEN_UP"),
            Line::RangesDropped { .. } => (Info, "RANGES_DROPPED"),
            Line::InPartition { line, .. } => line.parts(),
            Line::Started { .. } => (Info, "START"),
            Line::Crash { .. } => (Fault, "CRASH"),
            Line::Restart { .. } => (Fault, "RESTART"),
            Line::Panicked { .. } => (Error, "PANIC"),
            Line::Paused => (Fault, "PAUSE"),
            Line::Resumed { .. } => (Fault, "RESUME"),
            Line::FaultOn { .. } => (Fault, "FAULT"),
            Line::FaultOff { .. } => (Fault, "HEAL"),
            Line::Refused { .. } => (Warn, "REFUSED"),
            Line::Applied { .. } => (Fault, "DONE"),
            Line::Clock { .. } => (Fault, "CLOCK"),
            Line::DiskFull => (Error, "DISK_FULL"),
            Line::OpLost { .. } | Line::OpInverted { .. } => (Error, "LOST"),
            Line::SplitBrain { .. } => (Error, "SPLIT"),
            Line::RuleBroken { .. } => (Error, "RULE"),
            Line::ClientOutcome { .. } => (Client, "OP"),
        }
    }
}

/// Bytes in a reader's unit.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{:.1} KB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::CODES;

    #[test]
    fn codes_are_those_of_the_event_dictionary() {
        let source = include_str!("line.rs");
        let parts = source.split("fn parts(").nth(1).and_then(|rest| rest.split("\n}").next());
        let quoted = parts.expect("the dictionary").split('"').skip(1).step_by(2);
        let mut said: Vec<&str> = quoted.collect();
        said.sort_unstable();
        said.dedup();
        let mut known = CODES.to_vec();
        known.sort_unstable();
        assert_eq!(said, known);
    }
}
