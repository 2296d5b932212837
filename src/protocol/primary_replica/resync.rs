//! Catch-up of a replica whose log does not follow: from the log if it reaches back (partial), from a snapshot if
//! it does not (full). The decision is that of Redis PSYNC and of Raft's InstallSnapshot (replication.md 1.6).

use super::message::{Chunk, Message, SyncRequest};
use super::{Context, PrimaryReplica, Role};
use crate::base::ids::NodeId;
use crate::base::line::{Line, PartialRefusal};
use crate::protocol::kit::log::Log;
use std::sync::Arc;

/// Rows of the key table in one chunk.
const CHUNK_ROWS: u32 = 200;
/// Chunks sent ahead of their acknowledgement.
const WINDOW: u32 = 4;
/// A resync that is at most this far behind is ordinary repair of a lost message and not worth a line.
const WORTH_SAYING: u64 = 8;

/// A snapshot on its way to a replica.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outgoing {
    image: Arc<Log>,
    rows: u32,
    sent: u32,
    received: u32,
    /// Whether anything was acknowledged since the last tick.
    is_moving: bool,
}

impl Outgoing {
    fn chunks(&self) -> u32 {
        self.rows.div_ceil(CHUNK_ROWS).max(1)
    }
}

/// A snapshot being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Incoming {
    pub(super) snapshot: u64,
    pub(super) received: u32,
    pub(super) rows: u64,
}

impl PrimaryReplica {
    /// A replica says what it has.
    pub(super) fn take_sync_request(&mut self, cx: &mut Context<'_>, from: NodeId, request: &SyncRequest) {
        if request.term > self.term {
            return self.obey_term(cx, request.term);
        }
        let common = self.log.common_point(&request.history, request.last);
        let (first, last, term) = (self.log.first_index(), self.log.last_index(), self.term);
        let Role::Primary(reign) = &mut self.role else { return };
        let follower = &mut reign.followers[from.index()];
        follower.heard = cx.now;
        follower.is_connected = true;
        if request.term < term || follower.snapshot.is_some() {
            return;
        }
        if common + 1 >= first {
            (follower.next, follower.base) = (common + 1, common);
            if last - common >= WORTH_SAYING {
                cx.say(Line::PartialOk { peer: from, from: common + 1, entries: last - common });
            }
            return self.ship_to(cx, from.index());
        }
        let why = match common {
            0 if request.last > 0 => PartialRefusal::UnknownHistory,
            _ => PartialRefusal::BacklogStartsAt(first),
        };
        if self.can_snapshot() {
            cx.say(Line::PartialNo { peer: from, why });
            self.start_snapshot(cx, from);
        }
    }

    /// A snapshot helps only if the log can go on from it. A primary that has just restarted does not know yet how
    /// much is committed; the replica's next answer finds it wiser.
    fn can_snapshot(&self) -> bool {
        self.table.applied() + 1 >= self.log.first_index()
    }

    /// Begins to send `to` the state up to what is applied.
    pub(super) fn start_snapshot(&mut self, cx: &mut Context<'_>, to: NodeId) {
        if !self.can_snapshot() {
            return;
        }
        let image = Arc::new(self.snapshot_image());
        let (index, rows) = (image.last_index(), u32::try_from(self.table.len()).unwrap_or(u32::MAX));
        let Role::Primary(reign) = &mut self.role else { return };
        reign.followers[to.index()].snapshot =
            Some(Outgoing { image, rows, sent: 0, received: 0, is_moving: true });
        cx.say(Line::FullStart { peer: to, index, rows: u64::from(rows) });
        self.send_chunks(cx, to);
    }

    /// The log up to what is applied: what the key table stands for.
    fn snapshot_image(&self) -> Log {
        let mut image = self.log.clone();
        image.cut(self.table.applied() + 1);
        image
    }

    fn send_chunks(&mut self, cx: &mut Context<'_>, to: NodeId) {
        let term = self.term;
        let Role::Primary(reign) = &mut self.role else { return };
        let Some(outgoing) = &mut reign.followers[to.index()].snapshot else { return };
        let chunks = outgoing.chunks();
        while outgoing.sent < chunks && outgoing.sent < outgoing.received + WINDOW {
            let place = outgoing.sent;
            let is_last = place + 1 == chunks;
            let chunk = Chunk {
                term,
                snapshot: outgoing.image.last_index(),
                place,
                rows: (outgoing.rows - place * CHUNK_ROWS).min(CHUNK_ROWS),
                image: is_last.then(|| Arc::clone(&outgoing.image)),
            };
            outgoing.sent += 1;
            cx.send(to, Message::Chunk(chunk));
        }
    }

    /// A snapshot that has not moved for a tick is sent again from what has arrived.
    pub(super) fn nudge_snapshots(&mut self, cx: &mut Context<'_>) {
        let Role::Primary(reign) = &mut self.role else { return };
        let mut stuck = Vec::new();
        for follower in reign.followers.iter_mut() {
            if let Some(outgoing) = &mut follower.snapshot {
                if !std::mem::take(&mut outgoing.is_moving) {
                    outgoing.sent = outgoing.received;
                    stuck.push(follower.node);
                }
            }
        }
        stuck.into_iter().for_each(|node| self.send_chunks(cx, node));
    }

    /// A part of a snapshot arrives. Parts are taken in order; others are asked for again by the acknowledgement.
    pub(super) fn take_chunk(&mut self, cx: &mut Context<'_>, from: NodeId, chunk: Chunk) {
        if !self.accepts_primary(cx, from, chunk.term) {
            return;
        }
        let fresh = Incoming { snapshot: chunk.snapshot, received: 0, rows: 0 };
        let mut incoming = self.incoming.filter(|known| known.snapshot == chunk.snapshot).unwrap_or(fresh);
        if chunk.place == incoming.received {
            incoming.received += 1;
            incoming.rows += u64::from(chunk.rows);
            // A snapshot that came late or twice must not take back what has followed it (Raft section 7).
            let has_it = |image: &Log| self.log.term_at(image.last_index()) == Some(image.last_term());
            if let Some(image) = chunk.image.filter(|image| !has_it(image)) {
                cx.say(Line::FullDone { index: chunk.snapshot, rows: incoming.rows });
                self.install(cx, Log::clone(&image), from);
            }
        }
        self.incoming = Some(incoming);
        cx.send(from, Message::ChunkAck { snapshot: chunk.snapshot, received: incoming.received });
    }

    /// A replica says how much of a snapshot it has.
    pub(super) fn take_chunk_ack(
        &mut self,
        cx: &mut Context<'_>,
        from: NodeId,
        snapshot: u64,
        received: u32,
    ) {
        let Role::Primary(reign) = &mut self.role else { return };
        let follower = &mut reign.followers[from.index()];
        follower.heard = cx.now;
        let Some(outgoing) = follower.snapshot.as_mut().filter(|out| out.image.last_index() == snapshot)
        else {
            return;
        };
        outgoing.is_moving |= received > outgoing.received;
        outgoing.received = outgoing.received.max(received);
        if outgoing.received == outgoing.chunks() {
            follower.snapshot = None;
            (follower.next, follower.base) = (snapshot + 1, snapshot);
            return self.ship_to(cx, from.index());
        }
        self.send_chunks(cx, from);
    }
}
