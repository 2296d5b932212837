//! Coordinating a write. Any node can; it asks all owners and answers when W have it on disk.
//!
//! ```text
//!  client     coordinator          owners                           believed down   silent
//!    | PUT       |  Write (all N) ---> flush ---> WriteAck            hint            strict: hint at the time-out
//!    | <- ok --- |  W acks                                           or fallback     sloppy: fallback at fallback_after
//!    | <- unknown|  time-out, fewer than W                           (sloppy)
//! ```
//!
//! While a node moves on the ring, those that will own the key get it too, and as many acknowledgements more are waited
//! for (Cassandra `blockFor` with pending endpoints): any W + 1 of N + 1 nodes are W of the N before and of the N after.
//!
//! Too few owners believed up: refused, nothing was sent. A time-out rolls nothing back: the write may be somewhere
//! and may surface later, so its outcome is unknown (Cassandra `WriteTimeoutException`).

use super::cell::{self, Cell};
use super::chatter::Topic;
use super::config::{Conflict, HintPlace, Quorum, Stamping};
use super::message::{Message, Purpose, RequestId, Write, WriteAck};
use super::object::{Author, Object};
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::data::Change;
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::line::Line;
use crate::base::operation::{Answer, Doubt, Level, Refusal, Request, Written};
use crate::base::time::{Span, VirtualTime};
use crate::base::vector::Actor;
use std::sync::Arc;

/// How far one owner's copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Copy {
    /// Someone was asked and has not answered.
    Asked,
    /// It is on this node's disk, a fallback that counts for the owner.
    StoodIn(NodeId),
    /// It is on the owner's disk.
    Acked,
    /// It was left as a hint that does not count.
    Missed,
}

/// Who waits for a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asker {
    /// The client.
    Client,
    /// A node that owns no copy and forwarded it.
    Node {
        /// That node.
        node: NodeId,
        /// The number it gave the request.
        request: RequestId,
    },
}

/// A write under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PendingWrite {
    pub(super) op: OpId,
    pub(super) key: Key,
    object: Object,
    /// What its client is told in the end.
    written: Written,
    asker: Asker,
    began: VirtualTime,
    /// What its level or the knobs want.
    quorum: (usize, usize),
    /// The same, and one more for each node that only takes writes: a node moves.
    pub(super) need: usize,
    /// Of these, how many must be owners.
    need_owners: usize,
    /// What the client asked for, if it did.
    level: Option<Level>,
    is_answered: bool,
    /// One for each owner, in the order of the preference list; then those that only take writes.
    copies: Vec<(NodeId, Copy)>,
    /// The place in the preference list of the next fallback.
    next_fallback: usize,
}

impl PendingWrite {
    pub(super) fn acks(&self) -> usize {
        self.copies.iter().filter(|(_, copy)| matches!(copy, Copy::Acked | Copy::StoodIn(_))).count()
    }

    /// Whether a hint is as good as a copy.
    fn counts_hints(&self) -> bool {
        self.level == Some(Level::Any)
    }

    fn acks_of_owners(&self) -> usize {
        self.copies.iter().filter(|(_, copy)| *copy == Copy::Acked).count()
    }

    pub(super) fn of(&self) -> usize {
        self.copies.len()
    }

    fn is_over(&self) -> bool {
        self.copies.iter().all(|(_, copy)| *copy != Copy::Asked)
    }
}

impl PeerToPeer {
    /// Begins a write on behalf of `asker`.
    pub(super) fn begin_write(&mut self, cx: &mut Cx<'_>, request: &Request, change: &Change, asker: Asker) {
        let Request { op, key, .. } = *request;
        let level = request.level.or(self.config.level);
        let (need, of_owners) = match level {
            None => (self.config.write_quorum, self.config.owners_wanted().1),
            Some(level) => (self.config.copies_for(level, self.ring.reads().owners(key), self.me), 0),
        };
        if level != Some(Level::Any)
            && let Some(answer) = self.unavailable(cx, request, level, (need, of_owners))
        {
            return self.answer(cx, asker, op, answer);
        }
        if cx.disk_full && self.ring.takes(key, self.me) {
            self.say(cx, Topic::DiskFull, Line::DiskFull);
            return self.answer(cx, asker, op, Answer::Refused(Refusal::DiskFull));
        }
        let (object, written) = match self.make(cx, request, change) {
            Ok(made) => made,
            Err(refusal) => return self.answer(cx, asker, op, Answer::Refused(refusal)),
        };
        if *change == Change::Delete {
            cx.say(Line::Tombstone { key });
        }
        let pending = PendingWrite {
            op,
            key,
            object,
            written,
            asker,
            began: cx.now,
            quorum: (need, of_owners),
            need,
            need_owners: of_owners,
            level,
            is_answered: false,
            copies: Vec::new(),
            next_fallback: 0,
        };
        self.send_out(cx, pending);
    }

    /// What the write makes of the key, and what its client is told in the end.
    pub(super) fn make(
        &mut self,
        cx: &Cx<'_>,
        request: &Request,
        change: &Change,
    ) -> Result<(Object, Written), Refusal> {
        if self.config.conflict == Conflict::Lww {
            if let Change::Update(_) = change {
                return Err(Refusal::WrongKind);
            }
            let stamp = match self.config.stamping {
                Stamping::Client => cell::stamp(request.stamped),
                Stamping::Coordinator | Stamping::Hybrid => self.clock.stamp(cx.wall),
            };
            let cell = Cell::new(stamp, self.me, change.of(None), request.op);
            let version = cell.version;
            return Ok((Object::Latest(cell), version.into()));
        }
        let held = self.look_up(request.key);
        let is_own = |actor: Actor| actor.is_node(self.me, cx.incarnation);
        let actor = match self.config.conflict {
            Conflict::VectorsOfClients(_) => Actor::client(request.client),
            _ => held
                .as_ref()
                .and_then(|held| held.latest_actor(is_own))
                .unwrap_or_else(|| Actor::node(self.me, cx.incarnation, self.forgotten)),
        };
        let nothing = Arc::default();
        let context = request.context.as_ref().unwrap_or(&nothing);
        let author = Author { op: request.op, actor, context, stamp: cell::stamp(cx.wall) };
        let object = Object::put(held.as_ref(), change, &author, self.config.conflict)?;
        let is_more = object.sibling_count() > held.as_ref().map_or(0, Object::sibling_count);
        if is_more && object.sibling_count() > self.config.sibling_max {
            return Err(Refusal::TooManySiblings);
        }
        let written = object.written(actor);
        Ok((object, written))
    }

    /// Tells whoever asked.
    pub(super) fn answer(&mut self, cx: &mut Cx<'_>, asker: Asker, op: OpId, answer: Answer) {
        match asker {
            Asker::Client => cx.reply(op, answer),
            Asker::Node { node, request } => {
                cx.send(node, Message::Forwarded { request, answer: Box::new(answer) });
            }
        }
    }

    /// Tells every owner, or whoever stands in for it.
    fn send_out(&mut self, cx: &mut Cx<'_>, mut pending: PendingWrite) {
        self.place(&mut pending);
        let id = self.next_request();
        let places = pending.copies.len();
        self.writes.insert(id, pending);
        let patience = self.config.write_patience().min(self.config.write_timeout);
        cx.set_timer(timer(Alarm::Write(id)), patience);
        for place in 0..places {
            self.send_copy(cx, id, place);
        }
        self.settle_write(cx, id);
    }

    /// Gives each node that takes the key its place, as the ring is known now. What is acknowledged stays so.
    fn place(&self, pending: &mut PendingWrite) {
        let owners = self.ring.reads().owners(pending.key);
        let late = self.ring.pending(pending.key);
        let counting = late.iter().filter(|&&node| self.config.counts(pending.level, self.me, node)).count();
        let (need, need_owners) = pending.quorum;
        pending.need = need + counting;
        pending.need_owners = if need_owners > 0 { need_owners + counting } else { 0 };
        let before = std::mem::take(&mut pending.copies);
        let copy = |node: NodeId| before.iter().find(|(other, _)| *other == node).map(|(_, copy)| *copy);
        let places = owners.iter().copied().chain(late);
        pending.copies = places.map(|node| (node, copy(node).unwrap_or(Copy::Asked))).collect();
        pending.next_fallback = pending.next_fallback.max(owners.len());
    }

    /// Tells the node at `place`, or whoever stands in for it.
    fn send_copy(&mut self, cx: &mut Cx<'_>, id: RequestId, place: usize) {
        let Some(pending) = self.writes.get(&id) else { return };
        let (node, key, object) = (pending.copies[place].0, pending.key, pending.object.clone());
        if self.believes_up(node) {
            self.tell(cx, node, self.write(id, key, object, None));
        } else {
            self.replace(cx, id, place);
        }
    }

    fn write(&self, request: RequestId, key: Key, object: Object, hint_for: Option<NodeId>) -> Write {
        Write { request, key, object, hint_for, purpose: Purpose::Client, ring: self.ring.epoch() }
    }

    /// `from` did not take the write, because it knows a newer ring than this node did: whoever owns the key on that
    /// ring and was not asked yet is asked now, and `from` again.
    pub(super) fn rewrite(&mut self, cx: &mut Cx<'_>, id: RequestId, from: NodeId) {
        let Some(mut pending) = self.writes.remove(&id) else { return };
        let before: Vec<NodeId> = pending.copies.iter().map(|(node, _)| *node).collect();
        self.place(&mut pending);
        let is_due = |node: NodeId| node == from || !before.contains(&node);
        let places: Vec<usize> =
            (0..pending.copies.len()).filter(|&place| is_due(pending.copies[place].0)).collect();
        self.writes.insert(id, pending);
        for place in places {
            self.send_copy(cx, id, place);
        }
        self.settle_write(cx, id);
    }

    /// The refusal of `request` if fewer nodes than it needs, or fewer owners, are believed up; nothing is sent then.
    pub(super) fn unavailable(
        &mut self,
        cx: &mut Cx<'_>,
        request: &Request,
        level: Option<Level>,
        (need, of_owners): (usize, usize),
    ) -> Option<Answer> {
        let (key, is_write) = (request.key, request.action.is_write());
        let owners = self.ring.reads().owners(key).iter().filter(|&&node| self.believes_up(node)).count();
        let late = if is_write { self.ring.pending(key) } else { Vec::new() };
        let counts = |node: &&NodeId| self.config.counts(level, self.me, **node);
        let need = need + late.iter().filter(counts).count();
        let late_up = late.iter().filter(counts).filter(|&&node| self.believes_up(node)).count();
        let (reachable, need) = match self.count_reachable(key, level) + late_up {
            enough if enough >= need && owners >= of_owners => return None,
            enough if enough >= need => (owners, of_owners),
            too_few => (too_few, need),
        };
        let topic = if is_write { Topic::UnavailableWrite } else { Topic::UnavailableRead };
        let line = Line::Unavailable { key, is_write, need: need as u32, alive: reachable as u32 };
        self.say(cx, topic, line);
        Some(Answer::Refused(Refusal::Unavailable))
    }

    /// How many nodes a quorum for `key` could count now.
    fn count_reachable(&self, key: Key, level: Option<Level>) -> usize {
        let ring = self.ring.reads();
        let nodes = match self.config.quorum {
            Quorum::Strict => ring.owners(key),
            Quorum::Sloppy { .. } => ring.preference(key),
        };
        let counts = |node: &&NodeId| self.believes_up(**node) && self.config.counts(level, self.me, **node);
        nodes.iter().filter(counts).take(ring.copies()).count()
    }

    /// Tells `to` a version; this node itself without a message.
    pub(super) fn tell(&mut self, cx: &mut Cx<'_>, to: NodeId, write: Write) {
        if to == self.me {
            self.take_write(cx, to, write);
        } else {
            cx.send(to, Message::Write(write));
        }
    }

    /// The owner at `place` cannot be counted on: the next fallback is asked in its stead, or a hint is left here.
    fn replace(&mut self, cx: &mut Cx<'_>, id: RequestId, place: usize) {
        let ring = Arc::clone(&self.ring);
        let Some(pending) = self.writes.get(&id) else { return };
        let (key, object) = (pending.key, pending.object.clone());
        let list = ring.reads().preference(key);
        let (owner, fallback) = (pending.copies[place].0, self.next_fallback(pending, list, cx.disk_full));
        let is_sloppy = self.config.quorum != Quorum::Strict;
        let is_missed = !self.believes_up(owner) && (fallback.is_none() || !is_sloppy);
        let Some(pending) = self.writes.get_mut(&id) else { return };
        if is_missed {
            pending.copies[place].1 = Copy::Missed;
        }
        let is_hint_enough = pending.counts_hints();
        match fallback {
            Some(at) if is_sloppy => {
                pending.next_fallback = at + 1;
                self.tell(cx, list[at], self.write(id, key, object, Some(owner)));
            }
            _ if is_missed && is_hint_enough && self.takes_hints_for(cx, owner) => {
                self.take_write(cx, self.me, self.write(id, key, object, Some(owner)));
            }
            _ if is_missed => self.leave_hint(cx, id, owner, key, object),
            _ => {}
        }
    }

    /// Leaves a hint for `owner` that counts for nothing: here, or at the next node of the preference list.
    fn leave_hint(&mut self, cx: &mut Cx<'_>, id: RequestId, owner: NodeId, key: Key, object: Object) {
        let ring = Arc::clone(&self.ring);
        let list = ring.reads().preference(key);
        let others = list.get(ring.reads().copies()..).unwrap_or_default();
        let keeper = others.iter().copied().find(|&node| node != owner && self.believes_up(node));
        match keeper.filter(|_| self.config.hint_place == HintPlace::Fallback) {
            Some(keeper) if keeper != self.me => {
                if self.takes_hints_for(cx, owner) {
                    cx.send(keeper, Message::Write(self.write(id, key, object, Some(owner))));
                }
            }
            _ => self.keep_hint(cx, owner, key, object),
        }
    }

    /// The place in the preference `list` of the next node that can stand in for an owner, if the quorum is sloppy.
    fn next_fallback(&self, pending: &PendingWrite, list: &[NodeId], is_disk_full: bool) -> Option<usize> {
        let has_a_place = |node: NodeId| pending.copies.iter().any(|(other, _)| *other == node);
        let can_keep =
            |node: NodeId| self.believes_up(node) && !has_a_place(node) && !(is_disk_full && node == self.me);
        match self.config.quorum {
            Quorum::Strict => None,
            Quorum::Sloppy { .. } => (pending.next_fallback..list.len()).find(|&at| can_keep(list[at])),
        }
    }

    /// A copy is on a disk.
    pub(super) fn count_write(&mut self, cx: &mut Cx<'_>, from: NodeId, ack: WriteAck) {
        let owner = ack.hint_for.unwrap_or(from);
        let Some(pending) = self.writes.get_mut(&ack.request) else { return };
        let place = pending.copies.iter().position(|(node, _)| *node == owner);
        let copy = match (ack.hint_for, self.config.quorum) {
            (None, _) => Copy::Acked,
            (Some(_), Quorum::Sloppy { .. }) => Copy::StoodIn(from),
            // What others keep for an owner counts for nothing.
            (Some(_), Quorum::Strict) if !pending.counts_hints() => return,
            (Some(_), Quorum::Strict) => Copy::StoodIn(from),
        };
        if let Some(place) = place.filter(|&place| pending.copies[place].1 != Copy::Acked) {
            pending.copies[place].1 = copy;
        }
        self.settle_write(cx, ack.request);
    }

    /// Answers the client when W copies are safe; forgets the write when no more can come.
    fn settle_write(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let Some(pending) = self.writes.get_mut(&id) else { return };
        let counts = |node: NodeId| self.config.counts(pending.level, self.me, node);
        let is_counted = |(owner, copy): &&(NodeId, Copy)| match copy {
            Copy::Acked => counts(*owner),
            Copy::StoodIn(keeper) => counts(*keeper),
            Copy::Asked | Copy::Missed => false,
        };
        let counted = pending.copies.iter().filter(is_counted).count();
        let is_enough = counted >= pending.need && pending.acks_of_owners() >= pending.need_owners;
        if !pending.is_answered && is_enough {
            pending.is_answered = true;
            let (asker, op, written) = (pending.asker, pending.op, pending.written.clone());
            self.answer(cx, asker, op, Answer::Written(written));
        }
        let Some(pending) = self.writes.get(&id) else { return };
        if pending.is_answered && pending.is_over() {
            self.writes.remove(&id);
            cx.cancel_timer(timer(Alarm::Write(id)));
        }
    }

    /// A pause of a write is over: fallbacks for the silent, or the end.
    pub(super) fn wake_write(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let Some(pending) = self.writes.get(&id) else { return };
        let left = self.config.write_timeout.0.saturating_sub(cx.now.since(pending.began).0);
        if left == 0 {
            return self.expire_write(cx, id);
        }
        let silent: Vec<usize> =
            (0..pending.copies.len()).filter(|&place| pending.copies[place].1 == Copy::Asked).collect();
        let patience = self.config.write_patience();
        cx.set_timer(timer(Alarm::Write(id)), patience.min(Span(left)));
        for place in silent {
            self.replace(cx, id, place);
        }
    }

    /// Time is up: hints for whoever is missing, and the truth for the client.
    fn expire_write(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let Some(pending) = self.writes.remove(&id) else { return };
        let PendingWrite { op, key, need, asker, .. } = pending;
        for &(owner, copy) in &pending.copies {
            if copy == Copy::Asked {
                self.leave_hint(cx, id, owner, key, pending.object.clone());
            }
        }
        if !pending.is_answered {
            let got = pending.acks() as u32;
            let line = Line::QuorumTimeout { key, is_write: true, got, need: need as u32 };
            self.say(cx, Topic::WriteTimeout, line);
            self.answer(cx, asker, op, Answer::Uncertain(Doubt::QuorumTimeout));
        }
    }
}
