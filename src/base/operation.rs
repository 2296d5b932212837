//! Client operations and their outcomes, as all topologies see them.

use super::data::{Change, Data};
use super::ids::{ClientId, Key, NodeId, OpId, Version};
use super::time::WallTime;
use super::vector::{Event, Vector};
use std::sync::Arc;

/// What a client asks of the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// The current value of the key.
    Read,
    /// What this very node holds, primary or not, quorum or not: a look at one replica by hand.
    ReadHere,
    /// Change the key.
    Change(Change),
    /// Not an operation of the history: "who is primary?", asked while a client rediscovers it.
    Locate,
}

impl Action {
    /// Whether the action changes the store.
    pub fn is_write(&self) -> bool {
        matches!(self, Action::Change(_))
    }

    /// Whether it removes the key.
    pub fn is_delete(&self) -> bool {
        matches!(self, Action::Change(Change::Delete))
    }

    /// A blind write of `data`.
    pub fn write(data: impl Into<Data>) -> Action {
        Action::Change(Change::Write(data.into()))
    }
}

/// How many copies one operation asks for, where it does not leave that to the cluster's knobs (Cassandra's
/// consistency levels).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Of a write: one copy, be it a hint.
    Any,
    /// One owner.
    One,
    /// A majority of the owners.
    Quorum,
    /// A majority of the owners in the coordinator's own site.
    LocalQuorum,
    /// Every owner.
    All,
}

/// The levels with their words.
pub const LEVELS: &[(Level, &str)] = &[
    (Level::Any, "any"),
    (Level::One, "one"),
    (Level::Quorum, "quorum"),
    (Level::LocalQuorum, "local-quorum"),
    (Level::All, "all"),
];

impl Level {
    /// Its word.
    pub fn word(self) -> &'static str {
        LEVELS[self as usize].1
    }
}

/// One client request as a node receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The operation; a resent request carries the same one.
    pub op: OpId,
    /// The asking client, which is also the session.
    pub client: ClientId,
    /// The operation's number within its session; with `client` it identifies duplicates.
    pub sequence: u32,
    /// The key.
    pub key: Key,
    /// What to do with it.
    pub action: Action,
    /// The newest version its session has written or read; sent where reads wait for it (`read = "token"`).
    pub token: Option<Version>,
    /// The wall clock where the client lives, when it asked first.
    pub stamped: WallTime,
    /// How many copies it asks for; `None` for what the knobs say.
    pub level: Option<Level>,
    /// What its session was last told of the key's past, where the store keeps siblings.
    pub context: Option<Arc<Vector>>,
}

/// A node's answer to a [`Request`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The operation answered.
    pub op: OpId,
    /// The answer.
    pub answer: Answer,
}

/// What a node may answer. The split between [`Answer::Refused`] (certainly did not happen and never will) and
/// [`Answer::Uncertain`] is what checkers depend on; Maelstrom's error codes draw the same line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A read's result: value and the write it came from, `None` if the key has no value.
    Found(Option<Found>),
    /// The write is acknowledged.
    Written(Written),
    /// Definitely not done.
    Refused(Refusal),
    /// Not done here; perhaps at the node hinted at.
    NotPrimary {
        /// Who this node believes to be primary.
        hint: Option<NodeId>,
    },
    /// May or may not have happened, may still happen.
    Uncertain(Doubt),
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// What the key holds; `None` when the newest version is a delete. Of siblings the first, or what the application
    /// makes of them.
    pub value: Option<Data>,
    /// The write (or delete) that produced it.
    pub written_by: OpId,
    /// That write's place in the key's version order.
    pub version: Version,
    /// What the store knows of causes, where it does.
    pub past: Option<Arc<Past>>,
}

/// An acknowledged write's place among the others of its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its place in the key's version order.
    pub version: Version,
    /// The event that it is, where the store knows of causes; with what its client has seen by now.
    pub event: Option<(Event, Arc<Vector>)>,
}

impl From<Version> for Written {
    fn from(version: Version) -> Self {
        Written { version, event: None }
    }
}

/// What a store that knows of causes says with what it found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Past {
    /// Opaque to the client, who gives it back with its next write of the key.
    pub context: Arc<Vector>,
    /// All events that led to what was found. Invisible to clients: it differs from the context where that is pruned,
    /// and the judges follow causes by it.
    pub seen: Arc<Vector>,
    /// The versions that stand side by side, if there are several: what each holds and who wrote it.
    pub siblings: Vec<(Option<Data>, OpId)>,
}

impl Found {
    /// Everything that was found, siblings one by one.
    pub fn all(&self) -> impl Iterator<Item = (Option<&Data>, OpId)> {
        let siblings = self.past.iter().flat_map(|past| &past.siblings);
        let is_alone = self.past.as_ref().is_none_or(|past| past.siblings.is_empty());
        let alone = is_alone.then_some((self.value.as_ref(), self.written_by));
        alone.into_iter().chain(siblings.map(|(data, op)| (data.as_ref(), *op)))
    }
}

/// Why an operation certainly did not happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Fewer owners of the key are believed alive than the quorum needs; nothing was sent.
    Unavailable,
    /// The node knows that it has no quorum behind it.
    NoQuorum,
    /// Fenced: a higher term exists.
    Fenced,
    /// The disk is full.
    DiskFull,
    /// Fewer replicas were heard lately than the admission guard asks for; nothing was appended.
    TooFewReplicas,
    /// Fewer members are in sync than `min_isr` asks for; nothing was appended.
    TooFewInSync,
    /// The node takes a snapshot in and answers nothing meanwhile.
    Loading,
    /// No node accepted the operation before its deadline.
    NobodyAccepted,
    /// What this session has seen or written is no longer part of the history.
    SessionLost,
    /// What the key holds is of another kind than the update.
    WrongKind,
    /// The node holds nothing to delete, and its kind is not known (Riak's data types: `not_present`).
    NothingThere,
    /// There would be more siblings than the store takes.
    TooManySiblings,
    /// The client was to change what it reads, and could not read it.
    NotRead,
}

impl Refusal {
    /// The word shown to users.
    pub fn word(self) -> &'static str {
        match self {
            Refusal::Unavailable => "unavailable",
            Refusal::NoQuorum => "no quorum",
            Refusal::Fenced => "fenced",
            Refusal::DiskFull => "disk full",
            Refusal::TooFewReplicas => "too few replicas",
            Refusal::TooFewInSync => "too few in sync",
            Refusal::Loading => "loading",
            Refusal::NobodyAccepted => "no node accepted it",
            Refusal::SessionLost => "session lost",
            Refusal::WrongKind => "not of that kind",
            Refusal::NothingThere => "nothing there to delete",
            Refusal::TooManySiblings => "too many siblings",
            Refusal::NotRead => "it could not be read first",
        }
    }
}

/// Why nobody can say whether an operation happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Doubt {
    /// No answer before the client's deadline.
    Silence,
    /// The connection to the node broke while the operation was pending.
    ConnectionReset,
    /// The primary stepped down while the operation was pending.
    SteppedDown,
    /// The coordinator sent it out, but too few owners answered in time.
    QuorumTimeout,
    /// The in-sync set shrank below `min_isr` after the write was appended.
    InSyncShrank,
    /// An operator cancelled the wait for replicas: it is done here, perhaps nowhere else.
    WaitCancelled,
}

impl Doubt {
    /// The words shown to users.
    pub fn word(self) -> &'static str {
        match self {
            Doubt::Silence => "no answer",
            Doubt::ConnectionReset => "connection reset",
            Doubt::SteppedDown => "primary stepped down",
            Doubt::QuorumTimeout => "too few answers",
            Doubt::InSyncShrank => "in-sync set shrank",
            Doubt::WaitCancelled => "wait cancelled",
        }
    }
}

/// How an operation ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Still open.
    Pending,
    /// Done: a write with its version, a read with what it found.
    Ok(Success),
    /// Certainly not done.
    Fail(Refusal),
    /// Unknown.
    Unknown(Doubt),
}

/// The result of an operation that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Success {
    /// An acknowledged write.
    Written(Written),
    /// An answered read.
    Found(Option<Found>),
}
