//! Pure replication logic: a node is a value that takes an input and gives effects. No clock, no socket, no
//! generator of its own, no other room than `base`.
//!
//! ```text
//!            Input                          Effect
//!   message, client request,   +------+   send, reply, set timer, append,
//!   timer, flush done,      -> | step | -> flush, say a log line,
//!   operator order             +------+   tell the judges (ghost)
//! ```
//!
//! Append and flush are effects, so that a crash has a meaning: what was flushed survives, the rest does not.
//! Start with [`Protocol`], then read `primary_replica` (`partitioned` puts many of them on each node, `multi_leader`
//! one into each site) or `peer_to_peer`.

pub mod kit;
pub mod multi_leader;
pub mod partitioned;
pub mod peer_to_peer;
pub mod primary_replica;
pub mod routing;
pub mod truth;
pub mod view;

pub use routing::{ReadRoute, Route, Routing, Updates};
pub use truth::{Holding, LogRemains, Remains, Sought, Storage, Survivors, Truth};

use crate::base::ids::{Key, NodeId, OpId, Version};
use crate::base::knob::Knobs;
use crate::base::line::Line;
use crate::base::movement::Move;
use crate::base::operation::{Answer, Reply, Request};
use crate::base::random::Stream;
use crate::base::time::{Span, VirtualTime, WallTime};
use crate::base::vector::{Event, Vector};
use kit::log::{Epoch, Position};
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

/// A replication protocol as one node runs it.
pub trait Protocol: Clone + Debug + PartialEq + Send + 'static {
    /// What nodes say to each other.
    type Message: Message;
    /// What survives a crash, if it was flushed.
    type Durable: Durable;
    /// The knobs, made ready; shared by all nodes.
    type Config: Clone + Debug + PartialEq + Send + Sync + 'static;

    /// Makes the knobs of a cluster ready.
    fn config(knobs: &Knobs, around: &Surroundings) -> Self::Config;

    /// A node starts from what its disk holds. `durable` is `Default` on the first start and after a wipe.
    fn boot(cx: &mut Context<'_, Self>, config: Arc<Self::Config>, durable: Self::Durable) -> Self;

    /// Takes one input. All it wants done is put into `cx`.
    fn step(&mut self, cx: &mut Context<'_, Self>, input: Input<Self>);

    /// What panels and checkers may see at `now`.
    fn view(&self, now: VirtualTime) -> view::ReplicaView;

    /// The entries `from..=to` of its log (where it has several, of that of `partition`), as far as it has them; where
    /// there is no log, none.
    fn entries(&self, _partition: Option<u16>, _from: u64, _to: u64) -> Vec<view::LogCell> {
        Vec::new()
    }

    /// How clients find their way.
    fn routing(config: &Self::Config) -> Routing;

    /// The nodes that own `key`, coordinator first; for primary-replica the primary this node believes in.
    fn owners(&self, key: Key) -> Vec<NodeId>;

    /// What has survived, judged from outside over all nodes (`None`: down). Reads states, repairs nothing.
    fn truth(nodes: &[Option<&Self>]) -> Truth;

    /// How this node holds a write in memory, if it does.
    fn holding(&self, _sought: &Sought<'_>) -> Option<Holding> {
        None
    }

    /// Where a write stands in the order of its key, in words: `term 3, index 17`.
    fn place_of(_version: Version) -> String {
        String::new()
    }
}

/// A message between nodes, as the network and the screens see it.
pub trait Message: Clone + Debug + PartialEq + Send + 'static {
    /// Its size on the wire by the model of replication.md 0.6: 40 header + 8 per integer field + keys and values
    /// + 24 per log entry header.
    fn bytes(&self, sizes: Sizes) -> u64;
    /// What it is sent for.
    fn traffic(&self) -> Traffic;
    /// What it is called on the screen.
    fn label(&self) -> Label;
    /// The writes it carries, for the judges.
    fn carries(&self, _each: &mut dyn FnMut(OpId)) {}
}

/// Key and value lengths of the workload, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Length of a key.
    pub key: u64,
    /// Length of a value.
    pub value: u64,
}

/// What a cluster is told of the world that it lives in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surroundings {
    /// Nodes it is founded with.
    pub members: usize,
    /// The scenario's seed; placement draws from it.
    pub seed: u64,
    /// Lengths of keys and values.
    pub sizes: Sizes,
    /// The site of each node, if it has one; empty where there are none.
    pub sites: Vec<Option<usize>>,
}

impl Surroundings {
    /// The site of each node as a number from 0 without gaps, in the order of the list of sites. A node without a site
    /// is one by itself, after them.
    pub fn places(&self) -> Vec<u16> {
        let named: BTreeSet<usize> = self.sites.iter().flatten().copied().collect();
        let mut next = named.len();
        let mut place = |node: usize| match self.sites.get(node).copied().flatten() {
            Some(site) => named.range(..site).count(),
            None => {
                next += 1;
                next - 1
            }
        };
        (0..self.members).map(|node| place(node) as u16).collect()
    }
}

/// What a message is sent for; bytes and counts are kept apart by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Traffic {
    /// Caused by a client's write.
    Write,
    /// Caused by a client's read.
    Read,
    /// Heartbeats, gossip, probes, votes.
    Background,
    /// Hints, read repair, and what anti-entropy streams.
    Repair,
    /// Hashes by which anti-entropy finds out what differs.
    Compare,
    /// Catch-up after a rejoin.
    Resync,
}

/// The number of kinds of [`Traffic`].
pub const TRAFFIC_KINDS: usize = 6;

/// A message's name with its telling detail: `Append(5..7)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label {
    /// The message type.
    pub name: &'static str,
    /// What it is about.
    pub detail: Detail,
}

/// The detail of a [`Label`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing more to say.
    None,
    /// A log index.
    Index(u64),
    /// A range of log indexes, both included.
    Range(u64, u64),
    /// A term.
    Term(u64),
    /// A key.
    Key(Key),
    /// A node.
    Node(NodeId),
    /// A count.
    Count(u64),
}

/// State on a disk. The world keeps two of them per node: what was flushed, and what was written on top.
pub trait Durable: Clone + Debug + Default + Send + 'static {
    /// One change, as it is appended.
    type Record: Clone + Debug + PartialEq + Send + 'static;
    /// Makes the change.
    fn persist(&mut self, record: &Self::Record);
    /// The writes that a record keeps, for the judges.
    fn keeps(_record: &Self::Record, _each: &mut dyn FnMut(OpId)) {}
    /// How this disk holds a write, if it does.
    fn holding(&self, _sought: &Sought<'_>) -> Option<Holding> {
        None
    }
}

/// A position in a node's stream of appended records, counted from 1 in each incarnation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DiskPosition(pub u64);

/// A timer's name, chosen by the protocol; setting it again moves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timer(pub u64);

/// What a node learns.
#[derive(Clone, Debug, PartialEq)]
pub enum Input<P: Protocol> {
    /// A message from a peer.
    Message {
        /// The sender.
        from: NodeId,
        /// What it says.
        message: P::Message,
    },
    /// A client's request.
    Client(Request),
    /// A timer it had set has run out.
    Timer(Timer),
    /// Everything appended up to here is flushed.
    Flushed {
        /// The last flushed position.
        upto: DiskPosition,
    },
    /// The fencer has tried to kill a node ([`Effect::Fence`]).
    Fenced {
        /// The node.
        target: NodeId,
        /// Whether it is off now.
        is_done: bool,
    },
    /// An operator's order.
    Operator(Order<P>),
}

/// What an operator can tell a node.
#[derive(Clone, Debug, PartialEq)]
pub enum Order<P: Protocol> {
    /// A knob was turned.
    Configure(Arc<P::Config>),
    /// Become primary now, whatever the others think.
    Promote,
    /// Compare your keys with those of every other owner.
    Repair,
    /// Stop waiting for replicas on behalf of the clients that wait now.
    CancelWaits,
    /// Hand the primary's place over to this node, losing nothing.
    HandOver {
        /// The next primary.
        to: NodeId,
    },
    /// As primary: this node is to be a member no more.
    Remove {
        /// The node.
        node: NodeId,
    },
    /// Move on the ring, where there is one.
    Move {
        /// How.
        how: Move,
        /// Whether to do so whatever other nodes do.
        is_forced: bool,
    },
    /// As a node that is new: take the place of this member.
    TakePlaceOf {
        /// The member.
        node: NodeId,
    },
}

/// What a node wants done, in the order in which it says so.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect<P: Protocol> {
    /// Put a message on the link to a peer.
    Send {
        /// The receiver.
        to: NodeId,
        /// What to say.
        message: P::Message,
    },
    /// Answer a client.
    Reply(Reply),
    /// Wake me after this long; replaces the timer of the same name.
    SetTimer {
        /// Its name.
        timer: Timer,
        /// From now.
        after: Span,
    },
    /// Forget this timer.
    CancelTimer(Timer),
    /// Keep a record; it sits in the process's memory until a flush begins.
    Append(<P::Durable as Durable>::Record),
    /// Write and flush everything appended so far. One flush is in flight at a time, the next takes all that
    /// waits (group commit); it is answered by [`Input::Flushed`].
    Flush,
    /// Have the fencer cut the power of a node, which takes a way from here to there. It is answered by
    /// [`Input::Fenced`] (STONITH: "shoot the other node in the head", Pacemaker).
    Fence {
        /// The node.
        target: NodeId,
        /// How often it works, per million.
        success_ppm: u32,
    },
    /// From now on each step of this node takes this many per cent of its usual time, until said otherwise.
    Burden(u32),
    /// The processor is busy for this long, beside its usual work.
    Busy(Span),
    /// A log line.
    Say(Line),
    /// Knowledge for the judges; protocols never read it back.
    Ghost(Ghost),
}

/// What only the judges need to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ghost {
    /// A merge kept `winner` and discarded `loser`, two writes of `key`.
    Discarded {
        /// The key.
        key: Key,
        /// The write whose version stays.
        winner: OpId,
        /// The write whose version goes.
        loser: OpId,
    },
    /// Log entries were cut off; the operations they carried.
    Cut {
        /// The first index cut.
        from: u64,
        /// How many entries, operations or not.
        entries: u64,
        /// The operations among them.
        ops: Vec<OpId>,
    },
    /// A log has got on, or lost something.
    Log {
        /// The group of keys it is of; 0 where there is one.
        partition: u16,
        /// What happened to it.
        progress: Progress,
    },
    /// A node has moved on the ring; the copies that have another keeper now.
    Moved {
        /// How many.
        copies: u64,
    },
    /// Bytes of hints this node keeps now.
    HintBytes(u64),
    /// Keys were hashed to be compared with another node's.
    Compared {
        /// How many.
        keys: u64,
    },
    /// Keys came in because the leaves they lie in differed.
    Streamed {
        /// How many.
        keys: u64,
        /// How many of them changed something.
        different: u64,
    },
    /// A tombstone has outlived its grace and is forgotten here.
    Purged {
        /// The key.
        key: Key,
        /// The tombstone's version.
        version: Version,
        /// The delete.
        op: OpId,
    },
    /// A value older than any tombstone would be was stored where nothing was known of its key.
    Returned {
        /// The key.
        key: Key,
        /// Its version.
        version: Version,
        /// The write that made it.
        op: OpId,
        /// Who told it.
        from: NodeId,
    },
    /// Two writes met of which, by the store's own knowledge of causes, neither had seen the other.
    Clash {
        /// The key.
        key: Key,
        /// The write that is shown.
        winner: OpId,
        /// The other.
        loser: OpId,
        /// Whether the other stays readable.
        is_kept: bool,
    },
    /// Two rows were inserted under one id; one of them is gone.
    SameId {
        /// The insert whose row stays.
        winner: OpId,
        /// The other.
        loser: OpId,
    },
    /// A client's write was taken by one node, which is to pass it on.
    Accepted {
        /// The write.
        op: OpId,
        /// The key.
        key: Key,
        /// Its place in the key's version order.
        version: Version,
        /// The event that it is, where the store knows of causes.
        event: Option<Event>,
    },
    /// What this node holds of a key from now on, where writes are passed on.
    Holds(Box<Stored>),
    /// Versions kept side by side for one key.
    Siblings(u32),
    /// How far the slowest replica that this primary hears is behind (replication.md 1.11).
    Lag {
        /// Entries it has not applied.
        entries: u64,
        /// The age of the last entry it has applied, if it lacks any; else zero.
        replay: Span,
        /// The age of the last entry it has applied, lacking any or not: the operator's classic trap.
        naive: Span,
    },
}

/// What a node holds of a key, as far as the judges need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The key.
    pub key: Key,
    /// Its newest version there, where versions are in a line.
    pub version: Version,
    /// All events that led there, where the store knows of causes.
    pub seen: Option<Arc<Vector>>,
}

impl Stored {
    /// Whether a write of this version, or this event, is there or has been replaced there.
    pub fn covers(&self, version: Version, event: Option<Event>) -> bool {
        match (&self.seen, event) {
            (Some(seen), Some(event)) => seen.knows(event),
            _ => self.version >= version,
        }
    }
}

/// What happens to a log, as the rules of replication.md 7.7 see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A reign begins on it.
    Opened {
        /// The first position of every epoch it has.
        history: Vec<Position>,
        /// Its last index before the reign's own entries.
        last: u64,
        /// The new reign.
        epoch: Epoch,
    },
    /// Everything up to here is known to be committed.
    Committed(Position),
    /// Its end is cut off.
    Cut {
        /// The first index cut.
        from: u64,
        /// The last position that this node knew to be committed.
        known: Position,
    },
}

/// What a node may use while it takes a step: its name, the instant, its clock, chance, and the list of effects.
pub struct Context<'a, P: Protocol> {
    /// This node.
    pub me: NodeId,
    /// How many nodes the cluster was founded with.
    pub members: usize,
    /// Virtual time; use it for timers and durations only.
    pub now: VirtualTime,
    /// What this node's wall clock shows; use it for timestamps and leases.
    pub wall: WallTime,
    /// Whether the disk takes nothing more; refuse client writes definitely while it is.
    pub disk_full: bool,
    /// Which life of the node this is, counted from 1.
    pub incarnation: u32,
    /// The node's own stream of chance.
    pub random: &'a mut Stream,
    /// How many records this incarnation has appended.
    pub appended: &'a mut DiskPosition,
    /// What the node wants done.
    pub effects: &'a mut Vec<Effect<P>>,
}

impl<P: Protocol> Context<'_, P> {
    /// Sends `message` to `to`.
    pub fn send(&mut self, to: NodeId, message: P::Message) {
        self.effects.push(Effect::Send { to, message });
    }

    /// Answers the client that asked `op`.
    pub fn reply(&mut self, op: OpId, answer: Answer) {
        self.effects.push(Effect::Reply(Reply { op, answer }));
    }

    /// Wakes this node after `after`; replaces the timer of the same name.
    pub fn set_timer(&mut self, timer: Timer, after: Span) {
        self.effects.push(Effect::SetTimer { timer, after });
    }

    /// Forgets `timer`.
    pub fn cancel_timer(&mut self, timer: Timer) {
        self.effects.push(Effect::CancelTimer(timer));
    }

    /// Appends `record`; the position will be named by an [`Input::Flushed`] once it is safe.
    pub fn append(&mut self, record: <P::Durable as Durable>::Record) -> DiskPosition {
        self.appended.0 += 1;
        self.effects.push(Effect::Append(record));
        *self.appended
    }

    /// Writes and flushes everything appended so far.
    pub fn flush(&mut self) {
        self.effects.push(Effect::Flush);
    }

    /// Has the fencer cut the power of `target`.
    pub fn fence(&mut self, target: NodeId, success_ppm: u32) {
        self.effects.push(Effect::Fence { target, success_ppm });
    }

    /// Each step takes `percent` of its usual time from now on.
    pub fn burden(&mut self, percent: u32) {
        self.effects.push(Effect::Burden(percent));
    }

    /// Keeps the processor busy for `span` more.
    pub fn busy(&mut self, span: Span) {
        self.effects.push(Effect::Busy(span));
    }

    /// Says a log line.
    pub fn say(&mut self, line: Line) {
        self.effects.push(Effect::Say(line));
    }

    /// Tells the judges.
    pub fn ghost(&mut self, ghost: Ghost) {
        self.effects.push(Effect::Ghost(ghost));
    }

    /// The other members, in order.
    pub fn peers(&self) -> impl Iterator<Item = NodeId> + use<P> {
        let me = self.me;
        (0..self.members).map(NodeId::at).filter(move |&node| node != me)
    }
}
