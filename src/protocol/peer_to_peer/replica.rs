//! A node as a replica: it keeps what it is told and says what it knows.
//!
//! A write is visible to reads as soon as it arrives but acknowledged only when its record is flushed (Cassandra
//! `commitlog_sync: batch`; its default, `periodic`, acknowledges up to 10 s before). With a full disk a replica keeps
//! nothing and stays silent.

use super::cell::Cell;
use super::chatter::Topic;
use super::config::Stamping;
use super::durable::Record;
use super::message::{Known, Message, Purpose, ReadMode, Write, WriteAck};
use super::store::Merged;
use super::{Cx, PeerToPeer};
use crate::base::ids::{Key, NodeId};
use crate::base::line::Line;
use crate::protocol::{DiskPosition, Ghost};
use std::collections::VecDeque;

/// Acknowledgements that wait for the disk, in the order of its positions.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Owed {
    queue: VecDeque<(DiskPosition, NodeId, Message)>,
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
    fn due(&mut self) -> Option<(NodeId, Message)> {
        let (position, ..) = self.queue.front()?;
        if *position > self.flushed {
            return None;
        }
        self.queue.pop_front().map(|(_, to, ack)| (to, ack))
    }
}

impl PeerToPeer {
    /// Keeps what `from` says: in the table, or as a hint for the owner in whose place this node was asked.
    pub(super) fn take_write(&mut self, cx: &mut Cx<'_>, from: NodeId, write: Write) {
        let Write { request, key, cell, hint_for, purpose } = write;
        if cx.disk_full {
            return self.say(cx, Topic::DiskFull, Line::DiskFull);
        }
        match hint_for {
            Some(owner) => {
                self.store_hint(cx, owner, key, cell);
                self.flush(cx);
            }
            None => self.keep(cx, from, key, cell, purpose),
        }
        self.owe(cx, from, Message::WriteAck(WriteAck { request, hint_for, purpose }));
    }

    /// Keeps `cell` in the table. A client's write that is beaten at its own coordinator is worth a line: real systems
    /// drop it without a word.
    fn keep(&mut self, cx: &mut Cx<'_>, from: NodeId, key: Key, cell: Cell, purpose: Purpose) {
        let is_own = from == self.me && purpose == Purpose::Client;
        match self.apply(cx, from, key, cell) {
            Merged::Stored { .. } => self.flush(cx),
            Merged::Discarded { by } if is_own => {
                let line = Line::LwwDrop { key, stored_is_newer_by: by.newer_by(&cell) };
                self.say(cx, Topic::LwwDrop, line);
            }
            _ => {}
        }
    }

    /// Merges `cell`, which `from` told, into the table and the disk. The caller asks for the flush.
    pub(super) fn apply(&mut self, cx: &mut Cx<'_>, from: NodeId, key: Key, cell: Cell) -> Merged {
        if self.config.stamping == Stamping::Hybrid {
            self.clock.meet(&cell);
        }
        let merged = self.store.merge(key, cell);
        let beaten = match merged {
            Merged::Stored { before } => {
                cx.append(Record::Cell { key, cell });
                if cell.is_tombstone() {
                    self.watch_tombstones(cx);
                } else if before.is_none() && cell.age(cx.wall) > self.config.gc_grace {
                    // So old, and nothing is known of it here: it may have been deleted and forgotten.
                    cx.ghost(Ghost::Returned { key, version: cell.version, from });
                }
                before.map(|before| (cell, before))
            }
            Merged::Discarded { by } => Some((by, cell)),
            Merged::Known => None,
        };
        if let Some((winner, loser)) = beaten.filter(|(winner, loser)| winner.written_by != loser.written_by)
        {
            cx.ghost(Ghost::Discarded { key, winner: winner.written_by, loser: loser.written_by });
        }
        merged
    }

    /// Asks for a flush of everything appended so far.
    pub(super) fn flush(&mut self, cx: &mut Cx<'_>) {
        self.owed.requested = *cx.appended;
        cx.flush();
    }

    /// Gives `ack` to `to` once every flush asked for so far is done. A version that was beaten is thus acknowledged
    /// when the one that beat it is safe.
    pub(super) fn owe(&mut self, cx: &mut Cx<'_>, to: NodeId, ack: Message) {
        self.owed.queue.push_back((self.owed.requested, to, ack));
        self.pay(cx);
    }

    /// The disk has everything up to `upto`.
    pub(super) fn note_flushed(&mut self, cx: &mut Cx<'_>, upto: DiskPosition) {
        self.owed.advance(upto);
        self.pay(cx);
    }

    fn pay(&mut self, cx: &mut Cx<'_>) {
        while let Some((to, ack)) = self.owed.due() {
            match ack {
                Message::WriteAck(ack) if to == self.me => self.take_write_ack(cx, to, ack),
                ack => cx.send(to, ack),
            }
        }
    }

    /// The newest version of `key` this node holds: in its table, or kept for an owner in whose place it was asked.
    pub(super) fn look_up(&self, key: Key) -> Option<Cell> {
        // An owner answers from its table alone: what it keeps for another owner went through that table first.
        if self.config.ring.is_owner(key, self.me) { self.store.get(key) } else { self.hints.newest(key) }
    }

    /// As much of that as `mode` asks for.
    pub(super) fn known(&self, key: Key, mode: ReadMode) -> Known {
        let cell = self.look_up(key);
        match mode {
            ReadMode::Data => Known::Data(cell),
            ReadMode::Digest => Known::Digest(digest(key, cell)),
        }
    }
}

/// The digest of what is known of `key`; 0 for nothing.
pub(super) fn digest(key: Key, cell: Option<Cell>) -> u64 {
    cell.map_or(0, |cell| cell.digest(key))
}
