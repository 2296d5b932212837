//! Log lines: what nodes, the world and the judges say. Each line is typed; its code is stable (tests and lessons
//! refer to it), its text uses an operator's words and is made only when the line becomes visible.

use super::command::CrashKind;
use super::ids::{Key, NodeId, OpId};
use super::names::Names;
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
    PeerUp { peer: NodeId },
    Refute { by: NodeId, from: u32, to: u32 },
    Unavailable { key: Key, is_write: bool, need: u32, alive: u32 },
    QuorumTimeout { key: Key, is_write: bool, got: u32, need: u32 },
    HintStore { target: NodeId, queued: u64, bytes: u64 },
    HintReplay { target: NodeId, sent: u64 },
    HintDrop { target: NodeId, down_for: Span },
    ReadRepair { key: Key, stale: NodeId, is_blocking: bool },
    LwwDrop { key: Key, stored_is_newer_by: Span },
    Tombstone { key: Key },
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
    ClientOutcome { op: OpId, text: Arc<str> },
}

/// A line with its instant and the node that says it (`None`: the world).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamped {
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
            Line::Tombstone { .. } => (Info, "TOMB"),
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
            Line::ClientOutcome { .. } => (Client, "OP"),
        }
    }

    /// The line in an operator's words.
    pub fn text(&self, names: &Names) -> String {
        let n = |node: &NodeId| names.node(*node);
        let k = |key: &Key| names.key(*key);
        let verb = |is_write: &bool| if *is_write { "PUT" } else { "GET" };
        match self {
            Line::RolePrimary { term, index } => format!("became primary term={term} at index={index}"),
            Line::RoleReplica { primary, term } => format!("following {} term={term}", n(primary)),
            Line::ElectStart { silent, term } => {
                format!("no primary for {:.0} ms, starting election term={term}", silent.as_millis())
            }
            Line::PreVote { term } => format!("asking whether an election of term={term} could be won"),
            Line::VoteGrant { candidate, term, is_pre } => {
                let kind = if *is_pre { "pre-vote" } else { "vote" };
                format!("{kind} {} term={term} granted", n(candidate))
            }
            Line::VoteDeny { candidate, term, why } => {
                format!("vote {} term={term} denied: {}", n(candidate), denial(why, names))
            }
            Line::VoteIgnored { candidate, ago } => {
                format!("ignored vote from {}: primary contact {:.0} ms ago", n(candidate), ago.as_millis())
            }
            Line::StepDown { why: StepDown::HigherTerm(term) } => format!("stepping down: saw term {term}"),
            Line::StepDown { why: StepDown::LostQuorum { heard, of } } => {
                format!("stepping down: lost majority contact, hear {heard} of {of}")
            }
            Line::PrimaryLost { primary, silent } => {
                let who = primary
                    .as_ref()
                    .map_or("no primary".to_owned(), |node| format!("primary {} down", n(node)));
                format!("{who}: silent for {:.0} ms", silent.as_millis())
            }
            Line::Promoted { by_operator: true, term } => format!("promoted by the operator, term={term}"),
            Line::Promoted { by_operator: false, term } => {
                format!("promoting myself without a vote, term={term}")
            }
            Line::SwitchStart { to } => format!("switchover to {}: taking no new writes", n(to)),
            Line::Invited { by } => format!("{} invites me to take its place", n(by)),
            Line::SwitchAbort { to, after } => {
                format!("switchover to {} given up: not ready within {after}", n(to))
            }
            Line::Fenced { mine, seen } => format!("writes refused: epoch {mine} < {seen}"),
            Line::Subjectively { node, silent } => {
                format!("{} subjectively down: silent for {:.0} ms", n(node), silent.as_millis())
            }
            Line::Objectively { node, votes, quorum } => {
                format!("{} objectively down: {votes} monitors, quorum {quorum}", n(node))
            }
            Line::FailoverTry { epoch } => format!("failover epoch={epoch}: asking the other monitors"),
            Line::FailoverSelected { node, index, epoch } => {
                format!("failover epoch={epoch}: selected {} at index {index}", n(node))
            }
            Line::FailoverEnd { node, epoch } => {
                format!("failover epoch={epoch}: {} is primary", n(node))
            }
            Line::FailoverAbort { why, epoch } => match why {
                Abort::NoGoodReplica => format!("failover epoch={epoch} given up: no good replica"),
                Abort::NotAuthorised { got, need } => {
                    format!("failover epoch={epoch} given up: {got} of {need} votes")
                }
                Abort::TimedOut => format!("failover epoch={epoch} given up: the replica did not take over"),
            },
            Line::NotEligible { why } => match why {
                Ineligible::Lag { behind, most } => format!("not promoted: lag {behind} > {most}"),
                Ineligible::Behind(other) => format!("not promoted: {} has more", n(other)),
                Ineligible::OutOfSync => "not promoted: not in the in-sync set".to_owned(),
            },
            Line::LeaseTaken { term } => format!("got the lease, term={term}"),
            Line::LeaseLost { holder: None } => "lease expired, demoting self".to_owned(),
            Line::LeaseLost { holder: Some(holder) } => {
                format!("the lease is {}'s, demoting self", n(holder))
            }
            Line::Stonith { target, after } => format!("{} killed by the fencer after {after}", n(target)),
            Line::StonithFailed { target } => {
                format!("the fencer did not reach {}: not taking over", n(target))
            }
            Line::CatchingUp { from, entries } => {
                format!("fetching {entries} newer entries from {} before taking over", n(from))
            }
            Line::InSyncShrink { from, to, high } | Line::InSyncExpand { from, to, high } => {
                format!("in-sync set {} -> {} (high watermark {high})", names.nodes(from), names.nodes(to))
            }
            Line::Unclean { node, end, high } => {
                format!("unclean election: {} ends at {end}, high watermark was {high}", n(node))
            }
            Line::NoQuorum { heard, of } => format!("no quorum: see {heard} of {of}"),
            Line::QuorumBack { heard, of } => {
                format!("quorum is back: hear {heard} of {of}, taking writes again")
            }
            Line::LinkLost { peer, silent } => {
                format!("replication link to {} lost (silent {:.0} ms)", n(peer), silent.as_millis())
            }
            Line::LinkOk { peer } => format!("replication link to {} is up", n(peer)),
            Line::PartialOk { peer, from, entries } => {
                format!("partial resync of {} from index {from}, {entries} entries", n(peer))
            }
            Line::PartialNo { peer, why: PartialRefusal::BacklogStartsAt(first) } => {
                format!("partial resync of {} refused: backlog starts at {first}", n(peer))
            }
            Line::PartialNo { peer, why: PartialRefusal::UnknownHistory } => {
                format!("partial resync of {} refused: unknown history", n(peer))
            }
            Line::FullStart { peer, index, rows } => {
                format!("full resync of {}: snapshot {index}, {rows} keys", n(peer))
            }
            Line::FullDone { index, rows } => format!("full resync done: snapshot {index}, {rows} keys"),
            Line::Diverged { at, entries, acked, primary } => {
                format!(
                    "history forks at {at}: {entries} local entries not in {} ({acked} acked)",
                    n(primary)
                )
            }
            Line::Rewind { from, keys } => format!("rewinding to {from}: fetching {keys} old keys"),
            Line::Rollback { entries, archive } => {
                format!("rolled back {entries} entries to archive #{archive}")
            }
            Line::MergeList { archive, both, only_here } => {
                format!("archive #{archive} to merge: {both} keys changed on both sides, {only_here} only here")
            }
            Line::StaysOut => "not following: rejoin=refuse, an operator must act".to_owned(),
            Line::FullAbort { peer, behind } => {
                format!("full resync of {} begins again: {behind} entries overflow its buffer", n(peer))
            }
            Line::Truncate { from, to, archive } => {
                format!("truncated {from}..{to}, kept as archive #{archive}")
            }
            Line::SyncWait { index, need } => format!("commit {index} waiting for {need} more replica(s)"),
            Line::SyncFallback { after } => {
                format!("no replica confirmed within {after}, switching to async")
            }
            Line::SyncBack => "replicas caught up, synchronous again".to_owned(),
            Line::SyncCancel { waiting } => {
                format!("{waiting} wait(s) cancelled: committed locally, maybe not replicated")
            }
            Line::WaitShort { index, got, need, after } => {
                format!("wait for {index} answered with {got} of {need} replicas after {after}")
            }
            Line::TooFewReplicas { good, need } => {
                format!("write refused: {good} good replicas, need {need}")
            }
            Line::SessionLost { term, index } => {
                format!("session lost: index {index} of term {term} is not in this history")
            }
            Line::PeerSuspect { peer } => format!("suspect {}: no ack, direct or indirect", n(peer)),
            Line::PeerDown { peer, confirmations } => {
                format!("marking {} down ({confirmations} confirmations)", n(peer))
            }
            Line::PeerUp { peer } => format!("{} is up", n(peer)),
            Line::Refute { by, from, to } => {
                format!("refuting suspicion by {}, incarnation {from} -> {to}", n(by))
            }
            Line::Unavailable { key, is_write, need, alive } => {
                format!("{} {} needs {need} owners, {alive} alive", verb(is_write), k(key))
            }
            Line::QuorumTimeout { key, is_write, got, need } => {
                format!("{} {}: {got} of {need} answers before deadline", verb(is_write), k(key))
            }
            Line::HintStore { target, queued, bytes } => {
                format!("hint for {} ({queued} queued, {})", n(target), size(*bytes))
            }
            Line::HintReplay { target, sent } => format!("replayed {sent} hints to {}", n(target)),
            Line::HintDrop { target, down_for } => {
                format!(
                    "{} down for {:.0} s: hint window exceeded, not hinted",
                    n(target),
                    down_for.as_millis() / 1e3
                )
            }
            Line::ReadRepair { key, stale, is_blocking } => {
                let kind = if *is_blocking { "blocking" } else { "async" };
                format!("{}: {} stale, repaired ({kind})", k(key), n(stale))
            }
            Line::LwwDrop { key, stored_is_newer_by } => {
                format!("{} write discarded, stored timestamp is {stored_is_newer_by} newer", k(key))
            }
            Line::Tombstone { key } => format!("tombstone for {}", k(key)),
            Line::InPartition { partition, line } => format!("p{partition}: {}", line.text(names)),
            Line::Started { incarnation } => format!("started, incarnation {incarnation}"),
            Line::Crash { kind, lost_records } => match kind {
                CrashKind::Process => "process crashed; written data kept".to_owned(),
                CrashKind::Power => format!("power lost; {lost_records} unflushed records gone"),
                CrashKind::DiskLoss => "crashed and lost its disk".to_owned(),
            },
            Line::Restart { kept_records } => format!("restarting from disk, {kept_records} records"),
            Line::Panicked { text } => format!("the node's code panicked: {text}"),
            Line::Paused => "process paused".to_owned(),
            Line::Resumed { after, queued } => {
                format!("process resumes after {after}, {queued} inputs queued")
            }
            Line::FaultOn { number, what } => format!("f{number} {what}"),
            Line::FaultOff { number, what } => format!("f{number} healed: {what}"),
            Line::Refused { what, why } => format!("refused `{what}`: {why}"),
            Line::Applied { what } => what.to_string(),
            Line::Clock { jump_us } => format!("wall clock jumped {:+.1} ms", *jump_us as f64 / 1e3),
            Line::DiskFull => "disk full: write refused".to_owned(),
            Line::OpLost { op, key } => format!("acknowledged write {op} of {} is gone", k(key)),
            Line::OpInverted { op, key } => {
                format!("write {op} of {} beaten by one that had returned before it began", k(key))
            }
            Line::SplitBrain { nodes } => {
                format!("two primaries acknowledge writes: {} and {}", n(&nodes.0), n(&nodes.1))
            }
            Line::ClientOutcome { text, .. } => text.to_string(),
        }
    }
}

fn denial(why: &Denial, names: &Names) -> String {
    match why {
        Denial::OldTerm { term } => format!("my term is {term}"),
        Denial::Voted { whom } => format!("already voted for {}", names.node(*whom)),
        Denial::OldLog { mine, theirs } => {
            format!("my log is newer ({},{})>({},{})", mine.0, mine.1, theirs.0, theirs.1)
        }
        Denial::FreshPrimary { ago } => format!("primary contact {:.0} ms ago", ago.as_millis()),
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
