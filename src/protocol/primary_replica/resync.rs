//! Catch-up of a replica whose log does not follow: from the log if it reaches back (partial), from a snapshot if
//! it does not (full). The decision is that of Redis PSYNC and of Raft's InstallSnapshot (replication.md 1.6).
//!
//! A snapshot travels in chunks of rows, a few ahead of their acknowledgement; the state itself is handed over with
//! the last one. Until then the replica serves what it had (Redis `replica-serve-stale-data`).

use super::message::{Chunk, ChunkAck, Message, SyncRequest};
use super::ship::Flow;
use super::store::Store;
use super::{AfterFlush, Context, PrimaryReplica, Record};
use crate::base::ids::NodeId;
use crate::base::line::{Line, PartialRefusal};
use crate::base::time::Span;
use crate::protocol::Traffic;
use crate::protocol::kit::log::Position;
use std::sync::Arc;

/// Bytes of one chunk, about. A chunk fills its link, and heartbeats stand behind it.
const CHUNK_BYTES: u64 = 64 << 10;
/// Processor time of a row that is taken in.
const LOAD_A_ROW: Span = Span(10);
/// Chunks sent ahead of their acknowledgement: enough to fill a link of 100 MB/s over a round trip of 2 ms.
const WINDOW: u32 = 4;

/// A snapshot on its way to a replica.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Outgoing {
    image: Arc<Store>,
    rows: u32,
    rows_in_chunk: u32,
    sent: u32,
    received: u32,
    /// Whether anything was acknowledged since the last tick.
    is_moving: bool,
}

impl Outgoing {
    /// `row` is the size of a row in bytes.
    fn new(image: Store, row: u64) -> Self {
        let rows = u32::try_from(image.keys()).unwrap_or(u32::MAX);
        let rows_in_chunk = (CHUNK_BYTES / row.max(1)).max(1) as u32;
        Outgoing { image: Arc::new(image), rows, rows_in_chunk, sent: 0, received: 0, is_moving: true }
    }

    fn end(&self) -> Position {
        self.image.log().end()
    }

    fn chunks(&self) -> u32 {
        self.rows.div_ceil(self.rows_in_chunk).max(1)
    }
}

/// A snapshot being received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Incoming {
    end: Position,
    received: u32,
    rows: u64,
}

impl PrimaryReplica {
    /// A replica that could not take what it was sent says what it has.
    pub(super) fn take_sync_request(&mut self, cx: &mut Context<'_>, from: NodeId, request: &SyncRequest) {
        let epoch = self.epoch;
        let common = self.log().common_point(&request.history, request.last);
        let Some(reign) = self.reign_mut().filter(|_| request.epoch == epoch) else { return };
        let Some(follower) = reign.followers.get_mut(from.index()) else { return };
        // Within one life a replica never loses what it has acknowledged: such a request was overtaken.
        if !follower.hear(request.life, cx.now) || request.last < follower.written {
            return;
        }
        follower.greet(cx, from);
        if matches!(follower.flow, Flow::Snapshot(_)) {
            return;
        }
        if request.wants_snapshot {
            return self.start_snapshot(cx, from);
        }
        self.catch_up(cx, from, common, request.last);
        self.ship_to(cx, from);
    }

    /// Decides how a replica catches up that shares the log up to `common` and whose own ends at `its_last`.
    pub(super) fn catch_up(&mut self, cx: &mut Context<'_>, peer: NodeId, common: u64, its_last: u64) {
        let last = self.log().last_index();
        let Some(first) = self.reign().map(|reign| self.first_kept(&reign.followers[peer.index()])) else {
            return;
        };
        if common + 1 < first {
            let why = match common {
                0 if its_last > 0 => PartialRefusal::UnknownHistory,
                _ => PartialRefusal::BacklogStartsAt(first),
            };
            if self.snapshots() < self.config.resync.parallel {
                cx.say(Line::PartialNo { peer, why });
            }
            return self.start_snapshot(cx, peer);
        }
        let Some(reign) = self.reign_mut() else { return };
        let follower = &mut reign.followers[peer.index()];
        follower.stream_from(common + 1, last);
        let is_worth_saying = std::mem::take(&mut follower.is_returning) && common < last;
        Self::break_way(reign, peer);
        if is_worth_saying {
            cx.say(Line::PartialOk { peer, from: common + 1, entries: last - common });
        }
    }

    /// How many snapshots are on their way.
    pub(super) fn snapshots(&self) -> usize {
        let followers = self.reign().map_or(&[][..], |reign| &reign.followers);
        followers.iter().filter(|follower| matches!(follower.flow, Flow::Snapshot(_))).count()
    }

    /// Begins a snapshot for `peer`. If as many as may are on their way already it waits for its turn: what it
    /// answers to heartbeats asks again.
    fn start_snapshot(&mut self, cx: &mut Context<'_>, peer: NodeId) {
        if self.snapshots() >= self.config.resync.parallel {
            if let Some(reign) = self.reign_mut() {
                reign.followers[peer.index()].flow = Flow::Probe;
            }
            return;
        }
        cx.burden(self.config.resync.burden);
        let outgoing = Outgoing::new(self.store.image(), self.config.row_bytes);
        let (index, rows) = (outgoing.end().index, u64::from(outgoing.rows));
        cx.say(Line::FullStart { peer, index, rows });
        if let Some(reign) = self.reign_mut() {
            let follower = &mut reign.followers[peer.index()];
            (follower.flow, follower.kept_from) = (Flow::Snapshot(outgoing), index + 1);
            Self::break_way(reign, peer);
        }
        self.send_chunks(cx, peer);
    }

    fn send_chunks(&mut self, cx: &mut Context<'_>, to: NodeId) {
        let epoch = self.epoch;
        let Some(reign) = self.reign_mut() else { return };
        let Flow::Snapshot(outgoing) = &mut reign.followers[to.index()].flow else { return };
        let (of, end) = (outgoing.chunks(), outgoing.end());
        while outgoing.sent < of.min(outgoing.received + WINDOW) {
            let place = outgoing.sent;
            let rows = (outgoing.rows - place * outgoing.rows_in_chunk).min(outgoing.rows_in_chunk);
            let image = (place + 1 == of).then(|| Arc::clone(&outgoing.image));
            outgoing.sent += 1;
            cx.send(to, Message::Chunk(Chunk { epoch, end, place, of, rows, image }));
        }
    }

    /// A snapshot that has not moved for a tick is sent again from what has arrived. One that more has been written
    /// behind than is kept for its receiver is given up: the receiver's next answer begins another.
    pub(super) fn nudge_snapshots(&mut self, cx: &mut Context<'_>) {
        let (last, buffer) = (self.log().last_index(), self.config.resync.buffer);
        for peer in self.peers() {
            let Some(reign) = self.reign_mut() else { return };
            let follower = &mut reign.followers[peer.index()];
            let Flow::Snapshot(outgoing) = &mut follower.flow else { continue };
            let behind = last - outgoing.end().index;
            if behind > buffer {
                (follower.flow, follower.kept_from) = (Flow::Probe, u64::MAX);
                cx.say(Line::FullAbort { peer, behind });
                self.lift_burden(cx);
            } else if !std::mem::take(&mut outgoing.is_moving) {
                outgoing.sent = outgoing.received;
                self.send_chunks(cx, peer);
            }
        }
    }

    /// The last snapshot has left.
    fn lift_burden(&self, cx: &mut Context<'_>) {
        if self.snapshots() == 0 {
            cx.burden(100);
        }
    }

    /// A part of a snapshot arrives. Parts are taken in order; the acknowledgement asks for the others again.
    pub(super) fn take_chunk(&mut self, cx: &mut Context<'_>, from: NodeId, chunk: &Chunk) {
        if !self.accepts_primary(cx, from, chunk.epoch) {
            return;
        }
        let received = match self.incoming {
            // It was taken in already, or came late.
            _ if self.log().holds(chunk.end) => chunk.of,
            Some(incoming) if incoming.end == chunk.end => self.take_part(cx, from, incoming, chunk),
            _ => self.take_part(cx, from, Incoming { end: chunk.end, received: 0, rows: 0 }, chunk),
        };
        let (epoch, life, end) = (self.epoch, self.incarnation, chunk.end);
        cx.send(from, Message::ChunkAck(ChunkAck { epoch, life, end, received }));
    }

    fn take_part(
        &mut self,
        cx: &mut Context<'_>,
        from: NodeId,
        mut incoming: Incoming,
        chunk: &Chunk,
    ) -> u32 {
        if chunk.place == incoming.received {
            incoming.received += 1;
            incoming.rows += u64::from(chunk.rows);
        }
        self.incoming = Some(incoming);
        if let Some(image) = chunk.image.as_ref().filter(|_| incoming.received == chunk.of) {
            cx.say(Line::FullDone { index: chunk.end.index, rows: incoming.rows });
            cx.busy(LOAD_A_ROW * incoming.rows);
            self.install(cx, image, from);
        }
        incoming.received
    }

    /// A snapshot replaces everything. What it does not contain is cut off first, and kept.
    fn install(&mut self, cx: &mut Context<'_>, image: &Arc<Store>, primary: NodeId) {
        let end = image.log().end();
        let common = self.log().common_point(image.log().history(), end.index);
        if common < self.log().last_index() {
            self.cut(cx, common + 1, primary);
        }
        self.store = Store::clone(image);
        self.count_members();
        (self.matched, self.incoming, self.pending) = (end.index, None, None);
        self.primary_last = self.primary_last.max(end.index);
        let position = cx.append(Record::Install(Arc::clone(image)));
        self.flushing.push_back((position, AfterFlush::Log(end.index)));
        self.flushing.push_back((position, AfterFlush::Ack(Traffic::Resync)));
        cx.flush();
    }

    /// A replica says how much of a snapshot it has.
    pub(super) fn take_chunk_ack(&mut self, cx: &mut Context<'_>, from: NodeId, ack: &ChunkAck) {
        let (epoch, last) = (self.epoch, self.log().last_index());
        let Some(reign) = self.reign_mut().filter(|_| ack.epoch == epoch) else { return };
        let Some(follower) = reign.followers.get_mut(from.index()) else { return };
        if !follower.hear(ack.life, cx.now) {
            return;
        }
        let Flow::Snapshot(outgoing) = &mut follower.flow else { return };
        if outgoing.end() != ack.end {
            return;
        }
        outgoing.is_moving |= ack.received > outgoing.received;
        outgoing.received = outgoing.received.max(ack.received);
        outgoing.sent = outgoing.sent.max(outgoing.received);
        if outgoing.received < outgoing.chunks() {
            return self.send_chunks(cx, from);
        }
        follower.stream_from(ack.end.index + 1, last);
        self.lift_burden(cx);
        self.ship_to(cx, from);
    }
}
