//! Streams of copies: from a node that loses ranges to one that takes them over; of hints too, from one that leaves.
//!
//! ```text
//!  has copies            takes over
//!    | Moved 0 of 7 ------> |  flushed
//!    | <------ MovedAck 0   |          one batch in flight; sent again when it stays silent; throttled
//!    | Moved 1 of 7 ------> |
//!    |        ...           |
//!    | MovedAll ----------> |
//! ```

use super::durable::Record;
use super::message::{Message, hint_bytes};
use super::object::Object;
use super::ring_map::Phase;
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::ids::{Key, NodeId};
use crate::base::time::{Span, VirtualTime};
use crate::protocol::Ghost;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// The most copies in one message.
const BATCH: u64 = 32;
/// With a throttle, a batch is at most this part of what may be sent in a second.
const BATCHES_PER_SECOND: u64 = 20;

/// What one stream carries.
#[derive(Clone, Debug, PartialEq)]
struct Batch {
    hint_for: Option<NodeId>,
    /// Copies as they are when they go out; of hints as they were.
    keys: Vec<(Key, Option<Object>)>,
}

/// Hints for one node, up to one of them, as they are handed to another that keeps them from then on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct KeptHints {
    pub(super) target: NodeId,
    /// The number of the last one.
    pub(super) upto: u64,
    /// What they come to.
    pub(super) copies: Vec<(Key, Object)>,
}

/// A stream to one node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outgoing {
    number: u32,
    batches: VecDeque<Batch>,
    /// The place of the first of them, and how many there were.
    place: u32,
    pub(super) of: u32,
    /// When the throttle lets the next batch go.
    free_at: VirtualTime,
    is_in_flight: bool,
    /// Nodes in whose stead this one sends, too.
    instead_of: Arc<[NodeId]>,
    /// Hints that the receiver keeps from then on.
    handed_on: Vec<(NodeId, u64)>,
}

impl Outgoing {
    /// Batches that the receiver has.
    pub(super) fn sent(&self) -> u32 {
        self.place
    }
}

/// All streams of a node.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Streams {
    outgoing: BTreeMap<NodeId, Outgoing>,
    last_number: u32,
    /// Copies that others have since the node began to leave.
    pub(super) moved: u64,
}

impl Streams {
    /// None yet, in this life of the node: streams of different lives have different numbers.
    pub(super) fn new(incarnation: u32) -> Streams {
        Streams { last_number: incarnation << 16, ..Streams::default() }
    }

    /// Streams under way, by receiver.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &Outgoing)> {
        self.outgoing.iter().map(|(&to, outgoing)| (to, outgoing))
    }

    /// Whether nothing is under way.
    pub(super) fn is_idle(&self) -> bool {
        self.outgoing.is_empty()
    }
}

impl PeerToPeer {
    /// `from` takes over ranges and wants what is here of them.
    pub(super) fn take_fetch(&mut self, cx: &mut Cx<'_>, from: NodeId, instead_of: &Arc<[NodeId]>) {
        let is_under_way =
            self.streams.outgoing.get(&from).is_some_and(|outgoing| outgoing.instead_of == *instead_of);
        if !is_under_way && self.ring.phase(from).is_some_and(Phase::is_moving) {
            let keys = self.keys_that_move(from, from, instead_of);
            self.open_stream(cx, from, keys, (&[], Arc::clone(instead_of)));
        }
    }

    /// Keys of which `to` gets a copy by the movement of `mover` in place of this node or of those `instead_of`.
    pub(super) fn keys_that_move(&self, mover: NodeId, to: NodeId, instead_of: &[NodeId]) -> Vec<Key> {
        let (before, after) = self.ring.step_of(mover, &self.config.plan);
        let is_moving = |key: &Key| {
            let (old, new) = (before.owners(*key), after.owners(*key));
            let mut lost = old.iter().filter(|node| !new.contains(node)).peekable();
            let is_gained = new.contains(&to) && !old.contains(&to);
            is_gained
                && (lost.peek().is_none() || lost.any(|&node| node == self.me || instead_of.contains(&node)))
        };
        self.store.iter().map(|(key, _)| key).filter(is_moving).collect()
    }

    /// Begins to send these keys, and hints, to `to`; at once what is known to be flushed.
    pub(super) fn open_stream(
        &mut self,
        cx: &mut Cx<'_>,
        to: NodeId,
        keys: Vec<Key>,
        (hints, instead_of): (&[KeptHints], Arc<[NodeId]>),
    ) {
        let sizes = self.config.sizes;
        let part = self.config.stream_throttle.map_or(u64::MAX, |rate| rate / BATCHES_PER_SECOND);
        let batch = (part / (sizes.key + sizes.value).max(1)).clamp(1, BATCH) as usize;
        let own = keys
            .chunks(batch)
            .map(|keys| Batch { hint_for: None, keys: keys.iter().map(|&key| (key, None)).collect() });
        let kept = hints.iter().flat_map(|kept| {
            kept.copies.chunks(batch).map(|chunk| Batch {
                hint_for: Some(kept.target),
                keys: chunk.iter().map(|(key, object)| (*key, Some(object.clone()))).collect(),
            })
        });
        let batches: VecDeque<Batch> = own.chain(kept).collect();
        self.streams.last_number += 1;
        let (number, of) = (self.streams.last_number, batches.len() as u32);
        let (place, free_at, is_in_flight) = (0, cx.now, false);
        let handed_on = hints.iter().map(|kept| (kept.target, kept.upto)).collect();
        let outgoing = Outgoing { number, batches, place, of, free_at, is_in_flight, instead_of, handed_on };
        self.streams.outgoing.insert(to, outgoing);
        self.send_batch(cx, to);
    }

    /// The timer of a stream ran out: the batch in flight is lost, or the throttle lets go.
    pub(super) fn wake_stream(&mut self, cx: &mut Cx<'_>, to: NodeId) {
        let is_wanted = self.ring.phase(self.me) == Some(Phase::Leaving)
            || self.ring.phase(to).is_some_and(Phase::is_moving);
        if is_wanted {
            self.send_batch(cx, to);
        } else {
            self.streams.outgoing.remove(&to);
        }
    }

    fn send_batch(&mut self, cx: &mut Cx<'_>, to: NodeId) {
        let Some(outgoing) = self.streams.outgoing.get_mut(&to) else { return };
        let Some(batch) = outgoing.batches.front() else { return self.end_stream(cx, to) };
        let held_back = outgoing.free_at.since(cx.now);
        if held_back.0 > 0 && !outgoing.is_in_flight {
            return cx.set_timer(timer(Alarm::Stream(to)), held_back);
        }
        let copy = |(key, object): &(Key, Option<Object>)| {
            let object = object.clone().or_else(|| self.store.get(*key).cloned());
            object.map(|object| (*key, object))
        };
        let copies: Arc<[(Key, Object)]> = batch.keys.iter().filter_map(copy).collect();
        let bytes: u64 = copies.iter().map(|(_, copy)| hint_bytes(copy, self.config.sizes)).sum();
        if let Some(rate) = self.config.stream_throttle {
            outgoing.free_at = cx.now + Span::seconds(1).scaled(bytes, rate);
        }
        outgoing.is_in_flight = true;
        let (stream, place, of) = (outgoing.number, outgoing.place, outgoing.of);
        let hint_for = batch.hint_for;
        cx.set_timer(timer(Alarm::Stream(to)), self.config.write_timeout.max(outgoing.free_at.since(cx.now)));
        // Not before this node's knowledge of the movement is on its disk.
        self.owe(cx, to, Message::Moved { stream, place, of, hint_for, copies });
    }

    fn end_stream(&mut self, cx: &mut Cx<'_>, to: NodeId) {
        let Some(Outgoing { instead_of, handed_on, .. }) = self.streams.outgoing.remove(&to) else { return };
        cx.cancel_timer(timer(Alarm::Stream(to)));
        cx.send(to, Message::MovedAll { instead_of });
        for (target, upto) in handed_on {
            self.hints.drop_upto(target, upto);
            cx.append(Record::HandedOver { target, upto });
            cx.ghost(Ghost::HintBytes(self.hints.bytes()));
        }
        self.note_sent_all(cx);
    }

    /// A batch came: it is kept, and acknowledged when it is on the disk.
    pub(super) fn take_moved(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        (stream, place): (u32, u32),
        hint_for: Option<NodeId>,
        copies: &[(Key, Object)],
    ) {
        if cx.disk_full {
            return;
        }
        let before = *cx.appended;
        for (key, object) in copies {
            match hint_for.filter(|&target| target != self.me) {
                Some(target) => self.store_hint(cx, target, *key, object.clone()),
                // Whoever hands over knows that this node owns the key, or will.
                None => drop(self.apply(cx, from, *key, object)),
            }
        }
        if *cx.appended != before {
            self.flush(cx);
        }
        if hint_for.is_none() {
            self.note_moved_in(copies);
        }
        self.owe(cx, from, Message::MovedAck { stream, place });
    }

    /// The receiver has a batch on its disk.
    pub(super) fn take_moved_ack(&mut self, cx: &mut Cx<'_>, from: NodeId, stream: u32, place: u32) {
        let Some(outgoing) = self.streams.outgoing.get_mut(&from) else { return };
        if (outgoing.number, outgoing.place) != (stream, place) || !outgoing.is_in_flight {
            return;
        }
        if let Some(batch) = outgoing.batches.pop_front() {
            self.streams.moved += batch.keys.len() as u64;
        }
        outgoing.place += 1;
        outgoing.is_in_flight = false;
        self.send_batch(cx, from);
    }
}

/// What came in by a movement, each key once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Arrived {
    keys: BTreeSet<Key>,
}

impl Arrived {
    /// Notes that these came.
    pub(super) fn note(&mut self, copies: &[(Key, Object)]) {
        self.keys.extend(copies.iter().map(|(key, _)| *key));
    }

    /// Keys.
    pub(super) fn len(&self) -> u64 {
        self.keys.len() as u64
    }
}
