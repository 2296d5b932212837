//! What the nodes of a primary-replica cluster say to each other.

use super::durable::Tenure;
use super::store::Store;
use crate::base::data::Change;
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::time::{Span, WallTime};
use crate::protocol::kit::log::{Entry, Epoch, Position};
use crate::protocol::{Detail, Label, Sizes, Traffic};
use std::sync::Arc;

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// The primary ships entries, or shows that it lives (Raft AppendEntries).
    Append(Append),
    /// A replica says how far it is.
    Ack(Ack),
    /// A replica cannot take what it was sent and says what it has (Redis PSYNC).
    Sync(SyncRequest),
    /// A primary of an older term is told that a newer one exists.
    Stale {
        /// The sender's term.
        term: u64,
    },
    /// The primary invites a replica that has all it has to take its place (Raft TimeoutNow).
    TakeOver {
        /// The primary's reign.
        epoch: Epoch,
    },
    /// How are you? Asked by monitors, and by whoever compares logs before it takes over (Redis PING and INFO,
    /// Patroni's REST API).
    Observe,
    /// The answer.
    Observed(Observed),
    /// A monitor asks another whether it misses the primary too, and perhaps for its vote (Redis
    /// `SENTINEL is-master-down-by-addr`).
    MonitorAsk(MonitorAsk),
    /// The answer.
    MonitorSays(MonitorSays),
    /// The monitor that was authorised makes a replica primary.
    Appoint {
        /// Of this term.
        term: u64,
    },
    /// A node wants something of the lease store.
    LeaseAsk(LeaseAsk),
    /// The answer.
    LeaseSays(LeaseSays),
    /// A node of a chain asks the last one how far it is, for a read of a key that something newer is on the way of.
    HowFar {
        /// The read.
        op: OpId,
        /// Its key.
        key: Key,
    },
    /// The answer.
    ThisFar {
        /// The read.
        op: OpId,
        /// Its key.
        key: Key,
        /// Everything up to here is on every node.
        upto: u64,
    },
    /// A new node asks to be let in.
    Join {
        /// In the place of this member.
        instead_of: Option<NodeId>,
    },
    /// A newly elected primary wants what another has beyond its own log (MongoDB's catch-up).
    Pull(PullRequest),
    /// The answer.
    Pulled(Pulled),
    /// A rewinding node wants the old rows of keys back.
    FetchRows {
        /// The reign it follows.
        epoch: Epoch,
        /// How many.
        rows: u32,
    },
    /// The rows.
    Rows {
        /// The primary's reign.
        epoch: Epoch,
        /// How many.
        rows: u32,
    },
    /// A candidate asks for a vote, or whether it would get one.
    Vote(VoteRequest),
    /// The answer.
    VoteReply(VoteReply),
    /// A part of a snapshot (Raft InstallSnapshot).
    Chunk(Chunk),
    /// How many chunks of a snapshot have arrived.
    ChunkAck(ChunkAck),
}

/// Entries from the primary of `epoch`, following the one at `prev`.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// The primary's reign.
    pub epoch: Epoch,
    /// The place before the first entry.
    pub prev: Position,
    /// The entries; none in a heartbeat.
    pub entries: Arc<[Entry]>,
    /// The primary's commit index.
    pub commit: u64,
    /// The primary's newest round (`reads`).
    pub round: u64,
    /// The primary's clock, if nothing was left to ship after this.
    pub complete_at: Option<WallTime>,
    /// The number of the way it takes; 0 if it comes directly.
    pub way: u64,
    /// Whom the receiver is to pass it on to.
    pub relay: Arc<[NodeId]>,
    /// What it is sent for; the acknowledgement counts as the same.
    pub traffic: Traffic,
}

/// How far a replica is, as far as it is known to agree with its primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The reign it follows.
    pub epoch: Epoch,
    /// Which of the replica's lives speaks: a later one may have less in memory than an earlier one said.
    pub life: u32,
    /// Last index in memory.
    pub written: u64,
    /// Last index flushed.
    pub flushed: u64,
    /// Last index applied.
    pub applied: u64,
    /// The primary's newest round that has arrived.
    pub round: u64,
    /// The newest way by which entries came, and the last of them.
    pub by_way: (u64, u64),
    /// What the message it answers was sent for.
    pub traffic: Traffic,
}

/// What a replica has.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncRequest {
    /// The reign it follows.
    pub epoch: Epoch,
    /// Which of its lives speaks.
    pub life: u32,
    /// Its last index.
    pub last: u64,
    /// Its history.
    pub history: Arc<[Position]>,
    /// Whether it has thrown everything away and wants a snapshot, whatever it says it has.
    pub wants_snapshot: bool,
}

/// How a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Its term.
    pub term: u64,
    /// The end of its log.
    pub end: Position,
    /// Whether it is primary.
    pub is_primary: bool,
    /// How long ago it heard a primary.
    pub silent: Span,
}

/// A monitor's question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorAsk {
    /// The primary it is about.
    pub primary: NodeId,
    /// The attempt for which it wants a vote, if it does.
    pub vote_for: Option<u64>,
}

/// A monitor's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorSays {
    /// The primary it is about.
    pub primary: NodeId,
    /// Whether this monitor misses it.
    pub is_down: bool,
    /// The attempt for which the asker has its vote.
    pub vote: Option<u64>,
}

/// What is wanted of the lease store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// To know whose it is.
    Look,
    /// To have it.
    Take,
    /// To keep it.
    Renew,
    /// To change the in-sync set.
    Settle(Arc<[NodeId]>),
}

/// A question to the lease store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseAsk {
    /// What.
    pub wish: Wish,
    /// The term in which the sender reigns, or wants to.
    pub term: u64,
    /// How far it is.
    pub high: u64,
    /// Its clock.
    pub asked_at: WallTime,
}

/// The lease store's answer.
#[derive(Clone, Debug, PartialEq)]
pub struct LeaseSays {
    /// What was wanted.
    pub wish: Wish,
    /// Whether it is granted.
    pub is_granted: bool,
    /// Whose the lease is now; the holder only while the lease lasts.
    pub tenure: Tenure,
    /// The asker's clock when it asked.
    pub asked_at: WallTime,
}

impl Wish {
    fn word(&self) -> &'static str {
        match self {
            Wish::Look => "LeaseLook",
            Wish::Take => "LeaseTake",
            Wish::Renew => "LeaseRenew",
            Wish::Settle(_) => "InSyncSet",
        }
    }

    fn members(&self) -> u64 {
        if let Wish::Settle(members) = self { members.len() as u64 } else { 0 }
    }
}

/// What a newly elected primary has.
#[derive(Clone, Debug, PartialEq)]
pub struct PullRequest {
    /// Its term.
    pub term: u64,
    /// The end of its log.
    pub end: Position,
}

/// What another has beyond it.
#[derive(Clone, Debug, PartialEq)]
pub struct Pulled {
    /// The place before the first entry.
    pub prev: Position,
    /// The entries.
    pub entries: Arc<[Entry]>,
}

/// A request for a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoteRequest {
    /// The term the candidate wants to lead.
    pub term: u64,
    /// The end of its log.
    pub end: Position,
    /// Whether it only asks what would be.
    pub is_pre: bool,
    /// Whether the primary itself wants this election: nobody waits for its silence then.
    pub is_invited: bool,
}

/// An answer to a request for a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoteReply {
    /// The term asked for if granted, else the voter's own.
    pub term: u64,
    /// The answer.
    pub is_granted: bool,
    /// Whether it answers a pre-vote.
    pub is_pre: bool,
}

/// A part of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The primary's reign.
    pub epoch: Epoch,
    /// Where the snapshot stands.
    pub end: Position,
    /// This chunk's place, from 0.
    pub place: u32,
    /// How many chunks there are.
    pub of: u32,
    /// Rows of the key table in it.
    pub rows: u32,
    /// With the last chunk: the state. The log in it is what the rows stand for, kept for judges and screens; on
    /// the wire there are only rows.
    pub image: Option<Arc<Store>>,
}

/// How much of a snapshot has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkAck {
    /// The reign the replica follows.
    pub epoch: Epoch,
    /// Which of its lives speaks.
    pub life: u32,
    /// Where the snapshot stands.
    pub end: Position,
    /// Chunks received in order.
    pub received: u32,
}

/// Bytes of a message header.
const HEADER: u64 = 40;
/// Bytes of an integer field.
const FIELD: u64 = 8;
/// Bytes of a log entry, or of a row of a snapshot, beside key and value.
const ENTRY_HEADER: u64 = 24;

/// Bytes of a row of a snapshot.
pub(super) fn row_bytes(sizes: Sizes) -> u64 {
    ENTRY_HEADER + sizes.key + sizes.value
}

fn entry_bytes(entry: &Entry, sizes: Sizes) -> u64 {
    let bytes = |change: &Change| match change {
        Change::Write(data) => data.bytes(sizes.value),
        Change::Update(_) => FIELD,
        Change::Delete => 0,
    };
    if let Some(merged) = entry.merged() {
        return ENTRY_HEADER + sizes.key + merged.state.shipped(merged.write.op).bytes(sizes);
    }
    ENTRY_HEADER + entry.write().map_or(0, |write| sizes.key + bytes(&write.change))
}

impl crate::protocol::Message for Message {
    fn carries(&self, each: &mut dyn FnMut(OpId)) {
        let entries = match self {
            Message::Append(append) => &append.entries,
            Message::Pulled(pulled) => &pulled.entries,
            _ => return,
        };
        entries.iter().filter_map(Entry::operation).for_each(each);
    }

    fn bytes(&self, sizes: Sizes) -> u64 {
        let (fields, content) = match self {
            Message::Append(append) => {
                // The number of the way is there where there is one.
                let fields = 6 + u64::from(append.way > 0) + append.relay.len() as u64;
                (fields, append.entries.iter().map(|entry| entry_bytes(entry, sizes)).sum())
            }
            Message::Ack(ack) => (6 + 2 * u64::from(ack.by_way.0 > 0), 0),
            Message::Sync(request) => (3 + 2 * request.history.len() as u64, 0),
            Message::HowFar { .. } => (1, sizes.key),
            Message::ThisFar { .. } => (2, sizes.key),
            Message::Observe => (0, 0),
            Message::Observed(_) => (5, 0),
            Message::MonitorAsk(_) => (2, 0),
            Message::MonitorSays(_) => (3, 0),
            Message::LeaseAsk(ask) => (4 + ask.wish.members(), 0),
            Message::LeaseSays(says) => (5 + says.tenure.in_sync.len() as u64, 0),
            Message::Pull(_) => (3, 0),
            Message::Pulled(pulled) => {
                (2, pulled.entries.iter().map(|entry| entry_bytes(entry, sizes)).sum())
            }
            Message::FetchRows { .. } => (2, 0),
            Message::Rows { rows, .. } => (2, u64::from(*rows) * row_bytes(sizes)),
            Message::Stale { .. }
            | Message::TakeOver { .. }
            | Message::Appoint { .. }
            | Message::Join { .. } => (1, 0),
            Message::Vote(_) => (4, 0),
            Message::VoteReply(_) => (2, 0),
            Message::Chunk(chunk) => (6, u64::from(chunk.rows) * row_bytes(sizes)),
            Message::ChunkAck(_) => (5, 0),
        };
        HEADER + fields * FIELD + content
    }

    fn traffic(&self) -> Traffic {
        match self {
            Message::Append(append) => append.traffic,
            Message::Ack(ack) => ack.traffic,
            Message::HowFar { .. } | Message::ThisFar { .. } => Traffic::Read,
            Message::Sync(_)
            | Message::Chunk(_)
            | Message::ChunkAck(_)
            | Message::Pull(_)
            | Message::Pulled(_)
            | Message::FetchRows { .. }
            | Message::Rows { .. } => Traffic::Resync,
            _ => Traffic::Background,
        }
    }

    fn label(&self) -> Label {
        let label = |name, detail| Label { name, detail };
        match self {
            Message::Append(append) => append_label(append),
            Message::Ack(ack) => label("Ack", Detail::Index(ack.flushed)),
            Message::Sync(request) => label("SyncRequest", Detail::Index(request.last)),
            Message::Stale { term } => label("Stale", Detail::Term(*term)),
            Message::Observe => label("Observe", Detail::None),
            Message::Observed(observed) => label("Observed", Detail::Index(observed.end.index)),
            Message::MonitorAsk(ask) => match ask.vote_for {
                Some(epoch) => label("MonitorVote?", Detail::Term(epoch)),
                None => label("IsDown?", Detail::Node(ask.primary)),
            },
            Message::MonitorSays(says) => match (says.vote, says.is_down) {
                (Some(epoch), _) => label("MonitorVote", Detail::Term(epoch)),
                (None, true) => label("Down", Detail::Node(says.primary)),
                (None, false) => label("NotDown", Detail::Node(says.primary)),
            },
            Message::HowFar { key, .. } => label("HowFar", Detail::Key(*key)),
            Message::ThisFar { upto, .. } => label("ThisFar", Detail::Index(*upto)),
            Message::Join { .. } => label("Join", Detail::None),
            Message::Appoint { term } => label("Promote", Detail::Term(*term)),
            Message::LeaseAsk(ask) => label(ask.wish.word(), Detail::Term(ask.term)),
            Message::LeaseSays(says) => {
                let name = if says.is_granted { "LeaseYes" } else { "LeaseNo" };
                label(name, Detail::Term(says.tenure.term))
            }
            Message::Pull(request) => label("Pull", Detail::Index(request.end.index)),
            Message::Pulled(pulled) => label("Pulled", Detail::Count(pulled.entries.len() as u64)),
            Message::FetchRows { rows, .. } => label("FetchRows", Detail::Count(u64::from(*rows))),
            Message::Rows { rows, .. } => label("Rows", Detail::Count(u64::from(*rows))),
            Message::TakeOver { epoch } => label("TakeOver", Detail::Term(epoch.term())),
            Message::Vote(request) if request.is_pre => label("PreVote", Detail::Term(request.term)),
            Message::Vote(request) => label("Vote", Detail::Term(request.term)),
            Message::VoteReply(reply) => {
                const NAMES: [[&str; 2]; 2] = [["VoteNo", "VoteYes"], ["PreVoteNo", "PreVoteYes"]];
                let name = NAMES[usize::from(reply.is_pre)][usize::from(reply.is_granted)];
                label(name, Detail::Term(reply.term))
            }
            Message::Chunk(chunk) => label("Snapshot", Detail::Count(u64::from(chunk.place) + 1)),
            Message::ChunkAck(ack) => label("SnapshotAck", Detail::Count(u64::from(ack.received))),
        }
    }
}

fn append_label(append: &Append) -> Label {
    let prev = append.prev.index;
    match append.entries.len() as u64 {
        0 => Label { name: "Heartbeat", detail: Detail::Index(prev) },
        1 => Label { name: "Append", detail: Detail::Index(prev + 1) },
        count => Label { name: "Append", detail: Detail::Range(prev + 1, prev + count) },
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{entry, write_of};
    use super::*;
    use crate::protocol::Message as _;
    use crate::protocol::kit::log::{Content, Write};

    #[test]
    fn sizes_follow_the_model() {
        let sizes = Sizes { key: 10, value: 256 };
        let append = |entries: &[Entry]| {
            Message::Append(Append {
                epoch: Epoch::default(),
                prev: Position::default(),
                entries: entries.into(),
                commit: 0,
                round: 0,
                complete_at: None,
                way: 0,
                relay: Arc::default(),
                traffic: Traffic::Write,
            })
        };
        let mut delete = write_of(1, 1, 1);
        delete.content =
            Content::Write(Write { change: Change::Delete, ..delete.write().expect("a write").clone() });
        assert_eq!(append(&[]).bytes(sizes), 40 + 6 * 8);
        assert_eq!(append(&[entry(1, None)]).bytes(sizes), 88 + 24);
        assert_eq!(append(&[write_of(1, 1, 1), delete]).bytes(sizes), 88 + 24 + 10 + 256 + 24 + 10);
    }
}
