//! Coordinating a read: R nodes are asked, one for the data and the others for a digest of it (Cassandra).
//!
//! ```text
//!  client   coordinator        first   second
//!    | GET      | Read Data -----> |
//!    |          | Read Digest -----|----> |       equal: answer
//!    |          | <-- data, digest |      |       differ: ask for the data behind the digests, merge,
//!    | <- ok -- |                                 tell the stale owners (read repair), answer
//! ```
//!
//! Exactly R nodes are asked; whenever patience runs out, one more. Or all N at once, and the first R answers count
//! (Dynamo, Riak). With blocking repair the answer waits until R of
//! the nodes asked are known to be current: a later quorum read never goes back behind it.

use super::chatter::Topic;
use super::config::{Quorum, ReadRepair};
use super::message::{Known, Message, Purpose, ReadMode, RequestId, Write, WriteAck};
use super::object::Object;
use super::replica::digest;
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::line::Line;
use crate::base::operation::{Answer, Doubt, Level, Request};
use crate::base::time::{Span, VirtualTime};
use crate::protocol::kit::quorum::majority;
use std::sync::Arc;

/// A node that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Contact {
    node: NodeId,
    /// What it said last; `None` while it owes an answer.
    known: Option<Known>,
    /// Whether a repair was sent to it.
    is_repaired: bool,
}

/// How far a read is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Phase {
    /// Waits for R answers.
    Asking,
    /// Knows what the answers come to and waits until R nodes have it.
    Repairing(Object),
    /// Has answered; late answers may still show a stale owner.
    Answered(Option<Object>),
}

/// A read under way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PendingRead {
    pub(super) op: OpId,
    pub(super) key: Key,
    began: VirtualTime,
    pub(super) need: usize,
    /// Of these, how many must be owners.
    need_owners: usize,
    /// What the client asked for, if it did.
    level: Option<Level>,
    contacts: Vec<Contact>,
    phase: Phase,
}

impl PendingRead {
    pub(super) fn answers(&self) -> usize {
        self.contacts.iter().filter(|contact| contact.known.is_some()).count()
    }

    pub(super) fn of(&self) -> usize {
        self.contacts.len()
    }

    /// Those that say there is nothing.
    fn not_found(&self) -> usize {
        let is_nothing =
            |contact: &&Contact| matches!(contact.known, Some(Known::Data(None) | Known::Digest(0)));
        self.contacts.iter().filter(is_nothing).count()
    }

    fn contact_mut(&mut self, node: NodeId) -> Option<&mut Contact> {
        self.contacts.iter_mut().find(|contact| contact.node == node)
    }

    /// The first data that came.
    fn data(&self) -> Option<Option<Object>> {
        self.contacts.iter().find_map(|contact| match &contact.known {
            Some(Known::Data(object)) => Some(object.clone()),
            _ => None,
        })
    }

    /// Digests equal to that of `object` are as good as the data. Gives the nodes whose digest differs; they owe an
    /// answer again.
    fn compare_digests(&mut self, object: Option<&Object>) -> Vec<NodeId> {
        let is_waiting = |contact: &Contact| matches!(contact.known, Some(Known::Digest(_)));
        if !self.contacts.iter().any(is_waiting) {
            return Vec::new();
        }
        let expected = digest(self.key, object);
        let mut differing = Vec::new();
        for contact in &mut self.contacts {
            match contact.known {
                Some(Known::Digest(digest)) if digest == expected => {
                    contact.known = Some(Known::Data(object.cloned()));
                }
                Some(Known::Digest(_)) => {
                    contact.known = None;
                    differing.push(contact.node);
                }
                _ => {}
            }
        }
        differing
    }

    /// What the answers come to.
    fn merged(&self) -> Option<Object> {
        let copies = self.contacts.iter().filter_map(|contact| match &contact.known {
            Some(Known::Data(object)) => object.as_ref(),
            _ => None,
        });
        copies.fold(None, |all: Option<Object>, copy| {
            Some(all.map_or_else(|| copy.clone(), |all| all.joined(copy)))
        })
    }
}

impl PeerToPeer {
    /// Begins a client's read.
    pub(super) fn begin_read(&mut self, cx: &mut Cx<'_>, request: &Request) {
        let Request { op, key, .. } = *request;
        let level = request.level.or(self.config.level);
        let (need, need_owners) = match level {
            None => (self.config.read_quorum, self.config.owners_wanted().0),
            Some(level) => (self.config.copies_for(level, self.ring.reads().owners(key), self.me), 0),
        };
        if let Some(answer) = self.unavailable(cx, request, level, (need, need_owners)) {
            return cx.reply(op, answer);
        }
        let (began, phase, contacts) = (cx.now, Phase::Asking, Vec::with_capacity(need));
        self.ask_all(cx, PendingRead { op, key, began, need, need_owners, level, contacts, phase });
    }

    /// Asks as many nodes as the read needs, or all owners.
    fn ask_all(&mut self, cx: &mut Cx<'_>, pending: PendingRead) {
        let id = self.next_request();
        let (need, began) = (pending.need, pending.began);
        self.reads.insert(id, pending);
        let asked = if self.config.asks_all { self.ring.reads().copies().max(need) } else { need };
        for place in 0..asked {
            let is_data = place == 0 || !self.config.digest_reads;
            let mode = if is_data { ReadMode::Data } else { ReadMode::Digest };
            self.ask_one_more(cx, id, mode);
        }
        let left = Span(self.config.read_timeout.0.saturating_sub(cx.now.since(began).0));
        cx.set_timer(timer(Alarm::Read(id)), self.config.read_patience().min(left));
        self.settle_read(cx, id);
    }

    /// Someone did not answer, because it knows a newer ring than this node did: the read begins anew on that.
    pub(super) fn reread(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let Some(mut pending) = self.reads.remove(&id) else { return };
        cx.cancel_timer(timer(Alarm::Read(id)));
        if !matches!(pending.phase, Phase::Answered(_)) {
            (pending.phase, pending.contacts) = (Phase::Asking, Vec::new());
            self.ask_all(cx, pending);
        }
    }

    /// Asks the best node that was not asked yet, if there is one: this one, then those of its site, then the others, in
    /// the order of the preference list.
    fn ask_one_more(&mut self, cx: &mut Cx<'_>, id: RequestId, mode: ReadMode) {
        let Some(pending) = self.reads.get(&id) else { return };
        let key = pending.key;
        let Some(node) = self.next_contact(pending) else { return };
        // A look into the own table costs nothing, so it is data at once.
        let known = (node == self.me).then(|| self.known(key, ReadMode::Data));
        if known.is_none() {
            cx.send(node, Message::Read { request: id, key, mode, ring: self.ring.epoch() });
        }
        if let Some(pending) = self.reads.get_mut(&id) {
            pending.contacts.push(Contact { node, known, is_repaired: false });
        }
    }

    fn next_contact(&self, pending: &PendingRead) -> Option<NodeId> {
        let ring = self.ring.reads();
        let nodes = match self.config.quorum {
            Quorum::Strict => ring.owners(pending.key),
            Quorum::Sloppy { .. } => ring.preference(pending.key),
        };
        let is_free = |node: &NodeId| {
            self.believes_up(*node)
                && self.config.counts(pending.level, self.me, *node)
                && pending.contacts.iter().all(|contact| contact.node != *node)
        };
        let is_near = |node: &NodeId| self.config.are_near(self.me, *node);
        let mut first_reachable =
            nodes.iter().copied().filter(|&node| self.believes_up(node)).take(ring.copies());
        first_reachable
            .find(|&node| node == self.me && is_free(&node))
            .or_else(|| nodes.iter().copied().find(|node| is_near(node) && is_free(node)))
            .or_else(|| nodes.iter().copied().find(is_free))
    }

    /// A node said what it knows.
    pub(super) fn take_read_reply(&mut self, cx: &mut Cx<'_>, from: NodeId, id: RequestId, known: Known) {
        let Some(contact) = self.reads.get_mut(&id).and_then(|pending| pending.contact_mut(from)) else {
            return;
        };
        // A digest that comes twice must not hide the data that came in between.
        if contact.known.is_none() {
            let is_nothing = matches!(known, Known::Data(None) | Known::Digest(0));
            contact.known = Some(known);
            if is_nothing && !self.config.counts_not_found {
                self.ask_one_more(cx, id, ReadMode::Data);
            }
            self.settle_read(cx, id);
        }
    }

    /// Whether the answers are as many, and of as many owners, as the read needs.
    fn has_enough(&self, pending: &PendingRead) -> bool {
        let answered = |contact: &&Contact| contact.known.is_some();
        let is_owner = |contact: &&Contact| self.ring.reads().is_owner(pending.key, contact.node);
        let of_owners = || pending.contacts.iter().filter(answered).filter(is_owner).count();
        if pending.need_owners > 0 && of_owners() < pending.need_owners {
            return false;
        }
        if self.config.counts_not_found {
            return pending.answers() >= pending.need;
        }
        let not_found = pending.not_found();
        let is_settled = self.config.basic_quorum && not_found >= majority(self.ring.reads().copies());
        let has_all = pending.answers() == pending.of() && self.next_contact(pending).is_none();
        pending.answers() - not_found >= pending.need || is_settled || has_all
    }

    /// Takes a read as far as its answers allow.
    fn settle_read(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let Some(pending) = self.reads.get(&id) else { return };
        if pending.phase == Phase::Asking && !self.has_enough(pending) {
            return;
        }
        let Some(pending) = self.reads.get_mut(&id) else { return };
        let Some(data) = pending.data() else { return };
        let (key, differing) = (pending.key, pending.compare_digests(data.as_ref()));
        for node in differing {
            let (mode, ring) = (ReadMode::Data, self.ring.epoch());
            cx.send(node, Message::Read { request: id, key, mode, ring });
        }
        let Some(pending) = self.reads.get(&id) else { return };
        if pending.phase == Phase::Asking && self.has_enough(pending) {
            self.conclude(cx, id);
        }
        self.repair_read(cx, id);
        self.finish_read(cx, id);
    }

    /// R full answers are there: what they come to is the answer, now or after the repair.
    fn conclude(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let policy = self.config.read_repair;
        let Some(pending) = self.reads.get_mut(&id) else { return };
        let unites = self.config.unites();
        match (policy, pending.merged()) {
            (ReadRepair::Blocking, Some(merged)) => pending.phase = Phase::Repairing(merged),
            (_, merged) => {
                cx.reply(pending.op, found(merged.as_ref(), unites));
                pending.phase = Phase::Answered(merged);
            }
        }
    }

    /// Tells what the answers come to to every owner among the contacts that showed less, once.
    fn repair_read(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let policy = self.config.read_repair;
        let ring = Arc::clone(&self.ring);
        let Some(pending) = self.reads.get_mut(&id) else { return };
        // Late answers may know more than the client was told.
        let merged = match &pending.phase {
            Phase::Repairing(merged) => Some(merged.clone()),
            Phase::Answered(Some(_)) => pending.merged(),
            Phase::Answered(None) | Phase::Asking => None,
        };
        let Some(merged) = merged.filter(|_| policy != ReadRepair::None) else { return };
        let key = pending.key;
        let mut stale = Vec::new();
        for contact in &mut pending.contacts {
            let is_behind =
                matches!(&contact.known, Some(Known::Data(held)) if held.as_ref() != Some(&merged));
            if is_behind && !contact.is_repaired && ring.reads().is_owner(key, contact.node) {
                contact.is_repaired = true;
                stale.push(contact.node);
            }
        }
        for node in stale {
            let is_blocking = policy == ReadRepair::Blocking;
            self.say(cx, Topic::ReadRepair, Line::ReadRepair { key, stale: node, is_blocking });
            let object = merged.clone();
            let (purpose, ring) = (Purpose::Repair, ring.epoch());
            let write = Write { request: id, key, object, hint_for: None, purpose, ring };
            self.tell(cx, node, write);
        }
    }

    /// Answers once enough nodes are current; forgets the read when nothing more is wanted of it.
    fn finish_read(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let watches_late_answers = self.config.read_repair == ReadRepair::Async;
        let Some(pending) = self.reads.get_mut(&id) else { return };
        if let Phase::Repairing(merged) = &pending.phase {
            let has_it = |known: &Known| matches!(known, Known::Data(Some(held)) if held == merged);
            let awaits_repair =
                |contact: &&Contact| contact.is_repaired && !contact.known.as_ref().is_some_and(has_it);
            let missing = pending.contacts.iter().filter(awaits_repair).count();
            // Fewer than R may have been enough to answer, where all that could be asked were.
            if pending.answers() - missing >= pending.need.min(pending.answers()) {
                cx.reply(pending.op, found(Some(merged), self.config.unites()));
                pending.phase = Phase::Answered(Some(merged.clone()));
            }
        }
        let is_watched = watches_late_answers && pending.answers() < pending.of();
        if matches!(pending.phase, Phase::Answered(_)) && !is_watched {
            self.reads.remove(&id);
            cx.cancel_timer(timer(Alarm::Read(id)));
        }
    }

    /// A stale node has the newest version on its disk.
    pub(super) fn count_repair(&mut self, cx: &mut Cx<'_>, from: NodeId, ack: WriteAck) {
        let Some(pending) = self.reads.get_mut(&ack.request) else { return };
        let (Phase::Repairing(merged) | Phase::Answered(Some(merged))) = pending.phase.clone() else {
            return;
        };
        if let Some(contact) = pending.contact_mut(from) {
            contact.known = Some(Known::Data(Some(merged)));
        }
        self.finish_read(cx, ack.request);
    }

    /// Patience is over: one more node is asked, or the read ends.
    pub(super) fn wake_read(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let Some(pending) = self.reads.get(&id) else { return };
        let left = self.config.read_timeout.0.saturating_sub(cx.now.since(pending.began).0);
        if left == 0 {
            return self.expire_read(cx, id);
        }
        let is_asking = pending.phase == Phase::Asking;
        cx.set_timer(timer(Alarm::Read(id)), self.config.read_patience().min(Span(left)));
        if is_asking {
            self.ask_one_more(cx, id, ReadMode::Data);
            self.settle_read(cx, id);
        }
    }

    fn expire_read(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let Some(pending) = self.reads.remove(&id) else { return };
        if matches!(pending.phase, Phase::Answered(_)) {
            return;
        }
        let (got, need) = (pending.answers() as u32, pending.need as u32);
        let line = Line::QuorumTimeout { key: pending.key, is_write: false, got, need };
        self.say(cx, Topic::ReadTimeout, line);
        cx.reply(pending.op, Answer::Uncertain(Doubt::QuorumTimeout));
    }
}

/// What a client is told about `object`.
pub(super) fn found(object: Option<&Object>, unites: bool) -> Answer {
    Answer::Found(object.map(|object| object.found(unites)))
}
