//! What nodes say to each other.

use super::durable::Hint;
use super::movement::{Objection, Wish};
use super::object::Object;
use super::repair::SessionId;
use super::ring_map::{Epoch, RingMap};
use crate::base::data::Change;
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::operation::{Action, Answer, Request};
use crate::protocol::kit::{phi, swim};
use crate::protocol::{Detail, Label, Sizes, Traffic};
use std::sync::Arc;

/// A request that a coordinator has under way: the life of its process in the upper half, a count in the lower, so
/// that answers to a former life find nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// Why a node is told a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// A client writes it.
    Client,
    /// A read found the node stale.
    Repair,
}

/// A copy of a key, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The coordinator's request.
    pub request: RequestId,
    /// The key.
    pub key: Key,
    /// The copy.
    pub object: Object,
    /// The owner in whose place the receiver is asked: it keeps a hint.
    pub hint_for: Option<NodeId>,
    /// Why.
    pub purpose: Purpose,
    /// How much of the ring's history the coordinator knows.
    pub ring: Epoch,
}

/// The version is on this node's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WriteAck {
    /// The coordinator's request.
    pub request: RequestId,
    /// The owner for whom it was kept as a hint.
    pub hint_for: Option<NodeId>,
    /// Why it was told.
    pub purpose: Purpose,
}

/// How much of a version a read asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMode {
    /// All of it.
    Data,
    /// A hash of it.
    Digest,
}

/// What a node knows of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// Its copy there, if any.
    Data(Option<Object>),
    /// A hash of that copy, 0 if there is none.
    Digest(u64),
}

/// Between two nodes of a peer-to-peer cluster.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Keep this.
    Write(Write),
    /// Kept.
    WriteAck(WriteAck),
    /// Coordinate this client's write for me: you own the key, and I do not.
    Forward {
        /// The number of the request here.
        request: RequestId,
        /// What the client asks.
        asked: Box<Request>,
    },
    /// What a write that was forwarded came to.
    Forwarded {
        /// The number of the request there.
        request: RequestId,
        /// The answer for the client.
        answer: Box<Answer>,
    },
    /// What do you know of this key?
    Read {
        /// The coordinator's request.
        request: RequestId,
        /// The key.
        key: Key,
        /// How much is wanted.
        mode: ReadMode,
        /// How much of the ring's history the coordinator knows.
        ring: Epoch,
    },
    /// This.
    ReadReply {
        /// The coordinator's request.
        request: RequestId,
        /// What the node knows.
        known: Known,
    },
    /// Writes you missed.
    Hints {
        /// In the order in which they were kept.
        hints: Box<[Hint]>,
    },
    /// They are on this node's disk.
    HintsAck {
        /// The number of the last one.
        upto: u64,
    },
    /// Hashes of some nodes of the tree of keys that both own.
    Compare {
        /// The comparison.
        session: SessionId,
        /// The level of the tree, from the root at 0.
        level: u32,
        /// Nodes of that level with their hashes.
        nodes: Arc<[(u32, u64)]>,
    },
    /// These leaves differ, and no others.
    Differ {
        /// The comparison.
        session: SessionId,
        /// The leaves.
        leaves: Arc<[u32]>,
    },
    /// What lies in the leaves that differ.
    Stream {
        /// The comparison.
        session: SessionId,
        /// The number of this batch, from 0.
        place: u32,
        /// How many batches there are.
        of: u32,
        /// Keys with their copies.
        copies: Arc<[(Key, Object)]>,
    },
    /// All batches are on this node's disk.
    Streamed {
        /// The comparison.
        session: SessionId,
    },
    /// I know a newer ring, so your request was not done: begin it anew.
    Behind {
        /// The coordinator's request.
        request: RequestId,
        /// That ring.
        ring: Arc<RingMap>,
    },
    /// The ring I know is of this epoch.
    RingEpoch(Epoch),
    /// The ring I know.
    Ring {
        /// It.
        ring: Arc<RingMap>,
        /// Whether the receiver shall say what it knows then.
        is_question: bool,
    },
    /// May I move?
    AskToMove {
        /// How.
        wish: Wish,
        /// The ring I know.
        ring: Arc<RingMap>,
    },
    /// You may, or may not.
    MayMove {
        /// What is against it.
        objection: Option<Objection>,
        /// The ring I know.
        ring: Arc<RingMap>,
    },
    /// I do not move.
    StaysPut,
    /// Send me what you have of the ranges that I take over.
    Fetch {
        /// The ring I know, on which I am joining.
        ring: Arc<RingMap>,
        /// Nodes that lose ranges and cannot be asked.
        instead_of: Arc<[NodeId]>,
    },
    /// Some of it.
    Moved {
        /// The stream.
        stream: u32,
        /// The number of this batch, from 0.
        place: u32,
        /// How many batches there are.
        of: u32,
        /// For whom these are hints to be kept; none for copies of the receiver's own.
        hint_for: Option<NodeId>,
        /// Keys with their copies.
        copies: Arc<[(Key, Object)]>,
    },
    /// It is on this node's disk.
    MovedAck {
        /// The stream.
        stream: u32,
        /// The number of the batch.
        place: u32,
    },
    /// You have all that I had.
    MovedAll {
        /// Nodes in whose stead I sent, too.
        instead_of: Arc<[NodeId]>,
    },
    /// What is new here, and perhaps the question what is new there.
    Rumours {
        /// The sender's count of these.
        number: u64,
        /// Whether the receiver shall say what it has.
        asks: bool,
        /// Keys with their copies, at most 64.
        copies: Arc<[(Key, Object)]>,
    },
    /// They are on this node's disk.
    Heard {
        /// The sender's count.
        number: u64,
        /// Which of the copies said nothing new, a bit each.
        known: u64,
    },
    /// Membership by SWIM.
    Swim(swim::Message),
    /// Membership by gossiped heartbeats.
    Phi(phi::Message),
}

/// What every message costs on the wire, the epoch of its sender's ring included.
const HEADER: u64 = 40;
/// An integer field.
const FIELD: u64 = 8;
/// The number of a node of a tree.
const HALF: u64 = 4;
/// What an entry of a batch costs besides its key and value.
const ENTRY: u64 = 24;

/// The bytes of a hint, queued or on the wire.
pub(super) fn hint_bytes(object: &Object, sizes: Sizes) -> u64 {
    ENTRY + sizes.key + object.bytes(sizes)
}

fn request_bytes(request: &Request, sizes: Sizes) -> u64 {
    let value = match &request.action {
        Action::Change(Change::Write(data)) => data.bytes(sizes.value),
        Action::Change(Change::Update(_)) => FIELD,
        _ => 0,
    };
    let context = request.context.as_ref().map_or(0, |context| 2 * FIELD * context.len() as u64);
    sizes.key + value + context
}

/// A row of the ring: node, version, phase, whose place it takes.
fn ring_bytes(ring: &RingMap) -> u64 {
    4 * FIELD * ring.rows().len() as u64
}

fn copies_bytes(copies: &[(Key, Object)], sizes: Sizes) -> u64 {
    copies.iter().map(|(_, copy)| hint_bytes(copy, sizes)).sum()
}

fn news_bytes(news: &[swim::News]) -> u64 {
    3 * FIELD * news.len() as u64
}

impl crate::protocol::Message for Message {
    fn carries(&self, each: &mut dyn FnMut(OpId)) {
        match self {
            Message::Write(write) => write.object.each_writer(each),
            Message::Forward { asked, .. } => each(asked.op),
            Message::Hints { hints } => hints.iter().for_each(|hint| hint.object.each_writer(each)),
            Message::Stream { copies, .. }
            | Message::Moved { copies, .. }
            | Message::Rumours { copies, .. } => copies.iter().for_each(|(_, copy)| copy.each_writer(each)),
            _ => {}
        }
    }

    fn bytes(&self, sizes: Sizes) -> u64 {
        use swim::Message as Swim;
        HEADER
            + match self {
                Message::Write(write) => 3 * FIELD + sizes.key + write.object.bytes(sizes),
                Message::WriteAck(_) => 2 * FIELD,
                Message::Forward { asked, .. } => 3 * FIELD + request_bytes(asked, sizes),
                Message::Forwarded { .. } => 3 * FIELD,
                Message::Read { .. } => 2 * FIELD + sizes.key,
                Message::ReadReply { known: Known::Data(Some(object)), .. } => {
                    2 * FIELD + object.bytes(sizes)
                }
                Message::ReadReply { .. } => 2 * FIELD,
                Message::Hints { hints } => hints.iter().map(|hint| hint_bytes(&hint.object, sizes)).sum(),
                Message::HintsAck { .. } => FIELD,
                Message::Compare { nodes, .. } => 3 * FIELD + (HALF + FIELD) * nodes.len() as u64,
                Message::Differ { leaves, .. } => 2 * FIELD + HALF * leaves.len() as u64,
                Message::Stream { copies, .. } => 3 * FIELD + copies_bytes(copies, sizes),
                Message::Streamed { .. } => 2 * FIELD,
                Message::Behind { ring, .. } => FIELD + ring_bytes(ring),
                Message::RingEpoch(_) | Message::StaysPut => FIELD,
                Message::MovedAll { instead_of } => FIELD * (1 + instead_of.len() as u64),
                Message::Ring { ring, .. } => ring_bytes(ring),
                Message::AskToMove { ring, .. } | Message::MayMove { ring, .. } => {
                    2 * FIELD + ring_bytes(ring)
                }
                Message::Fetch { ring, instead_of } => ring_bytes(ring) + FIELD * instead_of.len() as u64,
                Message::Moved { copies, .. } => 4 * FIELD + copies_bytes(copies, sizes),
                Message::MovedAck { .. } => 2 * FIELD,
                Message::Rumours { copies, .. } => {
                    2 * FIELD + copies.iter().map(|(_, copy)| hint_bytes(copy, sizes)).sum::<u64>()
                }
                Message::Heard { .. } => 2 * FIELD,
                Message::Swim(Swim::Ping { news, .. } | Swim::Ack { news, .. }) => FIELD + news_bytes(news),
                Message::Swim(Swim::PingRequest { news, .. }) => 2 * FIELD + news_bytes(news),
                Message::Swim(Swim::Nack { .. }) => FIELD,
                Message::Swim(Swim::Gossip { news }) => news_bytes(news),
                Message::Swim(Swim::PushPull { table, .. }) => FIELD + 2 * FIELD * table.len() as u64,
                Message::Phi(phi::Message::Syn { beats }) => 2 * FIELD * beats.len() as u64,
                Message::Phi(phi::Message::Ack { newer, wanted }) => {
                    3 * FIELD * newer.len() as u64 + FIELD * wanted.len() as u64
                }
                Message::Phi(phi::Message::Ack2 { newer }) => 3 * FIELD * newer.len() as u64,
            }
    }

    fn traffic(&self) -> Traffic {
        match self {
            Message::Write(Write { purpose, .. }) | Message::WriteAck(WriteAck { purpose, .. }) => {
                match purpose {
                    Purpose::Client => Traffic::Write,
                    Purpose::Repair => Traffic::Repair,
                }
            }
            Message::Forward { .. } | Message::Forwarded { .. } => Traffic::Write,
            Message::Read { .. } | Message::ReadReply { .. } => Traffic::Read,
            Message::Hints { .. } | Message::HintsAck { .. } => Traffic::Repair,
            Message::Stream { .. } | Message::Streamed { .. } => Traffic::Repair,
            Message::Compare { .. } | Message::Differ { .. } => Traffic::Compare,
            // A question that carries nothing is asked by the clock, whatever is written.
            Message::Rumours { copies, .. } if copies.is_empty() => Traffic::Background,
            Message::Rumours { .. } | Message::Heard { .. } => Traffic::Write,
            Message::Swim(_) | Message::Phi(_) | Message::RingEpoch(_) | Message::Ring { .. } => {
                Traffic::Background
            }
            Message::Behind { .. } => Traffic::Write,
            Message::AskToMove { .. }
            | Message::MayMove { .. }
            | Message::StaysPut
            | Message::Fetch { .. }
            | Message::Moved { .. }
            | Message::MovedAck { .. }
            | Message::MovedAll { .. } => Traffic::Resync,
        }
    }

    fn label(&self) -> Label {
        let (name, detail) = match self {
            Message::Write(Write { purpose: Purpose::Repair, key, .. }) => ("Repair", Detail::Key(*key)),
            Message::Write(Write { hint_for: Some(owner), .. }) => ("WriteFor", Detail::Node(*owner)),
            Message::Write(Write { key, .. }) => ("Write", Detail::Key(*key)),
            Message::WriteAck(WriteAck { purpose: Purpose::Repair, .. }) => ("RepairAck", Detail::None),
            Message::WriteAck(WriteAck { hint_for: Some(owner), .. }) => {
                ("WriteAckFor", Detail::Node(*owner))
            }
            Message::WriteAck(_) => ("WriteAck", Detail::None),
            Message::Forward { asked, .. } => ("Forward", Detail::Key(asked.key)),
            Message::Forwarded { .. } => ("Forwarded", Detail::None),
            Message::Read { key, mode: ReadMode::Data, .. } => ("Read", Detail::Key(*key)),
            Message::Read { key, mode: ReadMode::Digest, .. } => ("ReadDigest", Detail::Key(*key)),
            Message::ReadReply { known: Known::Data(_), .. } => ("Data", Detail::None),
            Message::ReadReply { known: Known::Digest(_), .. } => ("Digest", Detail::None),
            Message::Hints { hints } => ("Hints", Detail::Count(hints.len() as u64)),
            Message::HintsAck { .. } => ("HintsAck", Detail::None),
            Message::Compare { level, .. } => ("Compare", Detail::Count(u64::from(*level))),
            Message::Differ { leaves, .. } => ("Differ", Detail::Count(leaves.len() as u64)),
            Message::Stream { copies, .. } => ("Stream", Detail::Count(copies.len() as u64)),
            Message::Streamed { .. } => ("Streamed", Detail::None),
            Message::Behind { ring, .. } => ("Behind", Detail::Count(u64::from(ring.epoch().steps()))),
            Message::RingEpoch(epoch) => ("RingEpoch", Detail::Count(u64::from(epoch.steps()))),
            Message::Ring { ring, .. } => ("Ring", Detail::Count(u64::from(ring.epoch().steps()))),
            Message::AskToMove { .. } => ("AskToMove", Detail::None),
            Message::MayMove { .. } => ("MayMove", Detail::None),
            Message::StaysPut => ("StaysPut", Detail::None),
            Message::Fetch { .. } => ("Fetch", Detail::None),
            Message::Moved { copies, .. } => ("Moved", Detail::Count(copies.len() as u64)),
            Message::MovedAck { .. } => ("MovedAck", Detail::None),
            Message::MovedAll { .. } => ("MovedAll", Detail::None),
            Message::Rumours { copies, .. } if copies.is_empty() => ("Ask", Detail::None),
            Message::Rumours { copies, .. } => ("Rumours", Detail::Count(copies.len() as u64)),
            Message::Heard { .. } => ("Heard", Detail::None),
            Message::Swim(message) => swim_label(message),
            Message::Phi(phi::Message::Syn { .. }) => ("Syn", Detail::None),
            Message::Phi(phi::Message::Ack { newer, .. }) => ("SynAck", Detail::Count(newer.len() as u64)),
            Message::Phi(phi::Message::Ack2 { newer }) => ("SynAck2", Detail::Count(newer.len() as u64)),
        };
        Label { name, detail }
    }
}

fn swim_label(message: &swim::Message) -> (&'static str, Detail) {
    match message {
        swim::Message::Ping { .. } => ("Ping", Detail::None),
        swim::Message::PingRequest { target, .. } => ("PingReq", Detail::Node(*target)),
        swim::Message::Ack { .. } => ("Ack", Detail::None),
        swim::Message::Nack { .. } => ("Nack", Detail::None),
        swim::Message::Gossip { news } => ("Gossip", Detail::Count(news.len() as u64)),
        swim::Message::PushPull { is_answer: false, .. } => ("Push", Detail::None),
        swim::Message::PushPull { is_answer: true, .. } => ("Pull", Detail::None),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::Cell;
    use super::*;
    use crate::base::data::Data;
    use crate::base::ids::{OpId, Value};
    use crate::protocol::Message as _;

    const SIZES: Sizes = Sizes { key: 10, value: 1_000 };

    #[test]
    fn bytes_follow_the_size_model() {
        let cell = Cell::new(1, NodeId(0), Some(Data::One(Value(1))), OpId(1));
        let object = Object::Latest(cell);
        let request = RequestId(1);
        let bytes = |message: Message| message.bytes(SIZES);
        let write = Write {
            request,
            key: Key(1),
            object: object.clone(),
            hint_for: None,
            purpose: Purpose::Client,
            ring: Epoch(0),
        };
        assert_eq!(bytes(Message::Write(write)), 40 + 24 + 10 + 1_000);
        assert_eq!(
            bytes(Message::ReadReply { request, known: Known::Data(Some(object.clone())) }),
            40 + 16 + 1_000
        );
        assert_eq!(bytes(Message::ReadReply { request, known: Known::Digest(7) }), 40 + 16);
        let hint = Hint { number: 1, key: Key(1), object };
        assert_eq!(bytes(Message::Hints { hints: [hint.clone(), hint].into() }), 40 + 2 * (24 + 10 + 1_000));
    }

    #[test]
    fn messages_on_the_hot_path_stay_small() {
        assert!(size_of::<Message>() <= 56, "{} bytes", size_of::<Message>());
    }
}
