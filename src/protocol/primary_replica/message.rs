//! What the nodes of a primary-replica cluster say to each other.

use crate::base::time::VirtualTime;
use crate::protocol::kit::log::{Change, Entry, Log};
use crate::protocol::{Detail, Label, Sizes, Traffic};
use std::sync::Arc;

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// The primary ships entries, or shows that it lives (Raft AppendEntries).
    Append(Append),
    /// A replica says how far it is.
    Ack(Ack),
    /// A replica cannot take what it was sent and says what it has (Redis PSYNC, MongoDB's sync source search).
    Sync(SyncRequest),
    /// A higher term exists than the one just heard.
    Stale {
        /// That term.
        term: u64,
    },
    /// A candidate asks for a vote, or whether it would get one.
    Vote(VoteRequest),
    /// The answer.
    VoteReply(VoteReply),
    /// A part of a snapshot.
    Chunk(Chunk),
    /// How many chunks of a snapshot have arrived.
    ChunkAck {
        /// The snapshot's last index.
        snapshot: u64,
        /// Chunks received in order.
        received: u32,
    },
}

/// Entries from the primary of `term`, following the entry at `prev_index`.
#[derive(Clone, Debug, PartialEq)]
pub struct Append {
    /// The primary's term.
    pub term: u64,
    /// The index before the first entry.
    pub prev_index: u64,
    /// The term at that index.
    pub prev_term: u64,
    /// The entries; none in a heartbeat.
    pub entries: Arc<[Entry]>,
    /// The primary's commit index.
    pub commit: u64,
    /// When it was sent, by the primary; for lag.
    pub sent_at: VirtualTime,
}

/// How far a replica is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ack {
    /// The replica's term.
    pub term: u64,
    /// Last index in memory that is known to match the primary.
    pub written: u64,
    /// Last index flushed.
    pub flushed: u64,
    /// Last index applied.
    pub applied: u64,
    /// Whether it answers a heartbeat.
    pub is_heartbeat: bool,
}

/// What a replica has.
#[derive(Clone, Debug, PartialEq)]
pub struct SyncRequest {
    /// Its term.
    pub term: u64,
    /// Its last index.
    pub last: u64,
    /// Its history.
    pub history: Arc<[(u64, u64)]>,
}

/// A request for a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VoteRequest {
    /// The term the candidate wants to lead.
    pub term: u64,
    /// (term, index) of the end of its log.
    pub end: (u64, u64),
    /// Whether it only asks what would be.
    pub is_pre: bool,
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

/// A part of a snapshot of the state at `snapshot`.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// The primary's term.
    pub term: u64,
    /// The snapshot's last index.
    pub snapshot: u64,
    /// This chunk's place, from 0.
    pub place: u32,
    /// Rows of the key table in it.
    pub rows: u32,
    /// With the last chunk: the log the snapshot stands for, kept for judges and screens. Its size is the rows'.
    pub image: Option<Arc<Log>>,
}

/// Bytes of a message header.
const HEADER: u64 = 40;
/// Bytes of an integer field.
const FIELD: u64 = 8;
/// Bytes of a log entry beside its key and value.
const ENTRY_HEADER: u64 = 24;

fn entry_bytes(entry: &Entry, sizes: Sizes) -> u64 {
    ENTRY_HEADER
        + match entry.change {
            Change::Open => 0,
            Change::Put(_) => sizes.key + sizes.value,
            Change::Delete => sizes.key,
        }
}

impl crate::protocol::Message for Message {
    fn bytes(&self, sizes: Sizes) -> u64 {
        HEADER
            + match self {
                Message::Append(append) => {
                    6 * FIELD + append.entries.iter().map(|entry| entry_bytes(entry, sizes)).sum::<u64>()
                }
                Message::Ack(_) => 4 * FIELD,
                Message::Sync(request) => (2 + 2 * request.history.len() as u64) * FIELD,
                Message::Stale { .. } => FIELD,
                Message::Vote(_) => 3 * FIELD,
                Message::VoteReply(_) => 2 * FIELD,
                Message::Chunk(chunk) => {
                    4 * FIELD + u64::from(chunk.rows) * (sizes.key + sizes.value + ENTRY_HEADER)
                }
                Message::ChunkAck { .. } => 2 * FIELD,
            }
    }

    fn traffic(&self) -> Traffic {
        match self {
            Message::Append(append) if !append.entries.is_empty() => Traffic::Write,
            Message::Ack(ack) if !ack.is_heartbeat => Traffic::Write,
            Message::Sync(_) | Message::Chunk(_) | Message::ChunkAck { .. } => Traffic::Resync,
            _ => Traffic::Background,
        }
    }

    fn label(&self) -> Label {
        let label = |name, detail| Label { name, detail };
        match self {
            Message::Append(append) => match append.entries.len() as u64 {
                0 => label("Heartbeat", Detail::Index(append.prev_index)),
                1 => label("Append", Detail::Index(append.prev_index + 1)),
                count => label("Append", Detail::Range(append.prev_index + 1, append.prev_index + count)),
            },
            Message::Ack(ack) => label("Ack", Detail::Index(ack.flushed)),
            Message::Sync(request) => label("SyncRequest", Detail::Index(request.last)),
            Message::Stale { term } => label("Stale", Detail::Term(*term)),
            Message::Vote(request) => {
                label(if request.is_pre { "PreVote" } else { "Vote" }, Detail::Term(request.term))
            }
            Message::VoteReply(reply) => {
                let name = match (reply.is_pre, reply.is_granted) {
                    (true, true) => "PreVoteYes",
                    (true, false) => "PreVoteNo",
                    (false, true) => "VoteYes",
                    (false, false) => "VoteNo",
                };
                label(name, Detail::Term(reply.term))
            }
            Message::Chunk(chunk) => label("Snapshot", Detail::Count(u64::from(chunk.place) + 1)),
            Message::ChunkAck { received, .. } => label("SnapshotAck", Detail::Count(u64::from(*received))),
        }
    }
}
