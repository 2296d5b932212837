//! A node as a replica: it keeps what it is told and says what it knows.
//!
//! A write is visible to reads as soon as it arrives but acknowledged only when its record is flushed (Cassandra
//! `commitlog_sync: batch`; its default, `periodic`, acknowledges up to 10 s before). With a full disk a replica keeps
//! nothing and stays silent.

use super::chatter::Topic;
use super::config::Stamping;
use super::durable::Record;
use super::message::{Known, Message, Purpose, ReadMode, Write, WriteAck};
use super::object::Object;
use super::store::Merged;
use super::{Cx, PeerToPeer};
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::line::Line;
use crate::base::operation::Answer;
use crate::protocol::{DiskPosition, Ghost};
use std::collections::VecDeque;

/// Who waits for the disk.
#[derive(Clone, Debug, PartialEq)]
enum Debt {
    /// A node, for this.
    Ack(NodeId, Message),
    /// A client.
    Answer(OpId, Answer),
}

/// Acknowledgements that wait for the disk, in the order of its positions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Owed {
    queue: VecDeque<(DiskPosition, Debt)>,
    /// Up to where a flush was asked for.
    requested: DiskPosition,
    flushed: DiskPosition,
}

impl Owed {
    /// Notes that everything up to `upto` is safe.
    fn advance(&mut self, upto: DiskPosition) {
        self.flushed = self.flushed.max(upto);
    }

    /// The next acknowledgement that may be given now.
    fn due(&mut self) -> Option<Debt> {
        let (position, _) = self.queue.front()?;
        if *position > self.flushed {
            return None;
        }
        self.queue.pop_front().map(|(_, debt)| debt)
    }
}

impl PeerToPeer {
    /// Keeps what `from` says: in the table, or as a hint for the owner in whose place this node was asked.
    pub(super) fn take_write(&mut self, cx: &mut Cx<'_>, from: NodeId, write: Write) {
        let Write { request, key, object, hint_for, purpose, .. } = write;
        if cx.disk_full {
            return self.say(cx, Topic::DiskFull, Line::DiskFull);
        }
        match hint_for {
            Some(owner) => {
                self.store_hint(cx, owner, key, object);
                self.flush(cx);
            }
            None => self.keep(cx, from, key, &object, purpose),
        }
        self.owe(cx, from, Message::WriteAck(WriteAck { request, hint_for, purpose }));
    }

    /// Keeps `object` in the table. A client's write that is beaten at its own coordinator is worth a line: real
    /// systems drop it without a word.
    pub(super) fn keep(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        key: Key,
        object: &Object,
        purpose: Purpose,
    ) {
        let is_own = from == self.me && purpose == Purpose::Client;
        match (self.apply(cx, from, key, object), object) {
            (Merged::Stored { .. }, _) => self.flush(cx),
            (Merged::Discarded { by: Object::Latest(by) }, Object::Latest(cell)) if is_own => {
                let line = Line::LwwDrop { key, stored_is_newer_by: by.newer_by(cell) };
                self.say(cx, Topic::LwwDrop, line);
            }
            _ => {}
        }
    }

    /// Merges `object`, which `from` told, into the table and the disk. The caller asks for the flush.
    pub(super) fn apply(&mut self, cx: &mut Cx<'_>, from: NodeId, key: Key, object: &Object) -> Merged {
        if let (Stamping::Hybrid, Object::Latest(cell)) = (self.config.stamping, object) {
            self.clock.meet(cell);
        }
        let merged = self.store.merge(key, object);
        match &merged {
            Merged::Stored { before, after } => {
                cx.append(Record::Object { key, object: after.clone() });
                if after.is_tombstone() {
                    self.watch_tombstones(cx);
                } else if before.is_none() && after.age(cx.wall) > self.config.gc_grace {
                    // So old, and nothing is known of it here: it may have been deleted and forgotten.
                    let op = after.writers().last().copied().unwrap_or_default();
                    cx.ghost(Ghost::Returned { key, version: after.version(), op, from });
                }
                if let Some(before) = before {
                    note_discarded(cx, key, after, before);
                    self.note_siblings(cx, key, before, after);
                }
                self.kindle(cx, key, from, object, after);
            }
            Merged::Discarded { by } => note_discarded(cx, key, by, object),
            Merged::Known => self.note_told(key, from),
        }
        merged
    }

    /// More versions stand side by side than before.
    fn note_siblings(&mut self, cx: &mut Cx<'_>, key: Key, before: &Object, after: &Object) {
        let (had, count) = (before.sibling_count(), after.sibling_count());
        if count <= had {
            return;
        }
        cx.ghost(Ghost::Siblings(count as u32));
        let (old, new) = (before.writers(), after.writers());
        for (nth, &one) in new.iter().enumerate() {
            let is_pair = |other: &&OpId| **other != one && !(old.contains(&one) && old.contains(other));
            for &other in new[nth + 1..].iter().filter(is_pair) {
                let (winner, loser) = (one.max(other), one.min(other));
                cx.ghost(Ghost::Clash { key, winner, loser, is_kept: true });
            }
        }
        let warn = self.config.sibling_warn;
        if had < warn && count >= warn {
            cx.say(Line::SiblingsWarn { key, siblings: count as u64, limit: warn as u64 });
        } else if count.is_power_of_two() {
            self.say(cx, Topic::Siblings, Line::Siblings { key, siblings: count as u64 });
        }
    }

    /// Asks for a flush of everything appended so far.
    pub(super) fn flush(&mut self, cx: &mut Cx<'_>) {
        self.owed.requested = *cx.appended;
        cx.flush();
    }

    /// Gives `ack` to `to` once every flush asked for so far is done. A version that was beaten is thus acknowledged
    /// when the one that beat it is safe.
    pub(super) fn owe(&mut self, cx: &mut Cx<'_>, to: NodeId, ack: Message) {
        self.owed.queue.push_back((self.owed.requested, Debt::Ack(to, ack)));
        self.pay(cx);
    }

    /// The same for a client's answer.
    pub(super) fn owe_client(&mut self, cx: &mut Cx<'_>, op: OpId, answer: Answer) {
        self.owed.queue.push_back((self.owed.requested, Debt::Answer(op, answer)));
        self.pay(cx);
    }

    /// The disk has everything up to `upto`.
    pub(super) fn note_flushed(&mut self, cx: &mut Cx<'_>, upto: DiskPosition) {
        self.owed.advance(upto);
        self.pay(cx);
    }

    fn pay(&mut self, cx: &mut Cx<'_>) {
        while let Some(debt) = self.owed.due() {
            match debt {
                Debt::Ack(to, Message::WriteAck(ack)) if to == self.me => self.take_write_ack(cx, to, ack),
                Debt::Ack(to, ack) => cx.send(to, ack),
                Debt::Answer(op, answer) => cx.reply(op, answer),
            }
        }
    }

    /// What this node holds of `key`: in its table, or kept for an owner in whose place it was asked.
    pub(super) fn look_up(&self, key: Key) -> Option<Object> {
        // An owner answers from its table alone: what it keeps for another owner went through that table first. Who
        // has a copy and does not know itself for an owner is behind, or about to be one.
        let held = self.store.get(key).cloned();
        if self.ring.reads().is_owner(key, self.me) {
            return held;
        }
        match (held, self.hints.newest(key)) {
            (Some(held), Some(kept)) => Some(held.joined(&kept)),
            (held, kept) => held.or(kept),
        }
    }

    /// As much of that as `mode` asks for.
    pub(super) fn known(&self, key: Key, mode: ReadMode) -> Known {
        let object = self.look_up(key);
        match mode {
            ReadMode::Data => Known::Data(object),
            ReadMode::Digest => Known::Digest(digest(key, object.as_ref())),
        }
    }
}

/// Where versions are in a line, one of two writes is gone now.
fn note_discarded(cx: &mut Cx<'_>, key: Key, kept: &Object, gone: &Object) {
    if let (Object::Latest(kept), Object::Latest(gone)) = (kept, gone)
        && kept.written_by != gone.written_by
    {
        cx.ghost(Ghost::Discarded { key, winner: kept.written_by, loser: gone.written_by });
    }
}

/// The digest of what is known of `key`; 0 for nothing.
pub(super) fn digest(key: Key, object: Option<&Object>) -> u64 {
    object.map_or(0, |object| object.digest(key))
}
