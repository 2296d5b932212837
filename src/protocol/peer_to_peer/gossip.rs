//! Rumour mongering (Demers et al. 1987): every node keeps every key and takes writes alone; what is new is a hot
//! rumour that it passes on to its neighbours on the overlay, round by round, as they will do in turn.
//!
//! ```text
//!  client     node            neighbour       its neighbours
//!    | PUT      |                 |                 |
//!    | <- ok -- |  flushed        |                 |
//!    |          |  Rumours -----> |  flushed        |       next round of the node
//!    |          | <------ Heard   |  Rumours -----> |       next round of its neighbour
//! ```
//!
//! - **Push** tells; **pull** asks neighbours what they have (`Rumours` without copies); push-pull does both at once.
//! - A node remembers of each hot rumour which neighbours have it: who was told and has said so, and who told. Nobody
//!   is told twice, and nothing is lost: what is not answered within a time-out of a write is told again.
//! - A rumour grows cold when every neighbour has it, or when as many as `lose_interest` were told and knew it
//!   already (feedback and counter). What a cold rumour has not reached is left to anti-entropy, which compares with
//!   neighbours alone here.
//! - Rumours are about keys: what is sent is what the key holds then. Memory is bounded by the number of keys, a
//!   message by [`BATCH`].
//!
//! Heat is not on the disk. A node that comes back compares its keys with some neighbours' once, which finds what it
//! has missed and what it had not passed on.

use super::chatter::Topic;
use super::config;
use super::message::{Message, Purpose};
use super::object::Object;
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::bits::Bits;
use crate::base::data::Change;
use crate::base::ids::{Key, NodeId};
use crate::base::line::Line;
use crate::base::operation::{Answer, Level, Refusal, Request};
use crate::base::time::{Span, VirtualTime};
use crate::protocol::{Ghost, Stored};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The most rumours in one message: as many as an answer has bits.
pub(super) const BATCH: usize = u64::BITS as usize;
/// Neighbours that a node compares its keys with when it comes back.
const ASKED_ON_RETURN: usize = 4;

/// What is told of a key until it is cold.
#[derive(Clone, Debug, PartialEq)]
struct Rumour {
    /// The neighbours that have it, by place.
    knows: Bits,
    /// How many were told and knew it already.
    futile: u32,
    /// The change that made it hot, counted over all keys.
    change: u64,
}

/// Rumours that a neighbour was told and has not answered.
#[derive(Clone, Debug, PartialEq)]
struct Flight {
    number: u64,
    sent: VirtualTime,
    /// The keys with the changes that were told.
    told: Vec<(Key, u64)>,
}

/// A node's part in the gossip.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Gossip {
    hot: BTreeMap<Key, Rumour>,
    /// By the neighbour's place; one at a time each.
    flights: BTreeMap<usize, Flight>,
    last_number: u64,
    last_change: u64,
    /// When this node's rounds begin, after each whole interval.
    phase: Span,
    is_ticking: bool,
}

impl Gossip {
    /// The rumours that are still passed on.
    pub(super) fn hot(&self) -> usize {
        self.hot.len()
    }

    /// Nothing is to be told of `key` any more.
    pub(super) fn forget(&mut self, key: Key) {
        self.hot.remove(&key);
    }

    /// The neighbour at `place` has what is told of `key`; `told` to it in vain if `is_futile`.
    fn note_known(&mut self, key: Key, place: usize, is_futile: bool, degree: usize, patience: Option<u32>) {
        let Some(rumour) = self.hot.get_mut(&key) else { return };
        rumour.knows.insert(place);
        rumour.futile += u32::from(is_futile);
        if rumour.knows.count() >= degree || patience.is_some_and(|patience| rumour.futile >= patience) {
            self.hot.remove(&key);
        }
    }

    /// The neighbours that some hot rumour has not reached and that owe no answer.
    fn needy(&self, degree: usize) -> Bits {
        let mut rumours = self.hot.values();
        let Some(first) = rumours.next() else { return Bits::default() };
        let mut know_all = first.knows.clone();
        rumours.for_each(|rumour| know_all.intersect(&rumour.knows));
        let mut needy = Bits::below(degree);
        needy.subtract(&know_all);
        self.flights.keys().for_each(|&place| needy.remove(place));
        needy
    }
}

impl PeerToPeer {
    /// A node starts: it finds the beat of its rounds, and asks around if it was away.
    pub(super) fn begin_gossip(&mut self, cx: &mut Cx<'_>) {
        let config = Arc::clone(&self.config);
        let Some(settings) = &config.gossip else { return };
        if !settings.is_together {
            self.gossip.phase = Span(cx.random.below(settings.interval.0));
        }
        // Answers to a former life find nothing.
        self.gossip.last_number = u64::from(cx.incarnation) << 32;
        self.keep_ticking(cx);
        if cx.incarnation > 1 {
            self.compare_with_some(cx, settings.overlay.neighbours(self.me), ASKED_ON_RETURN);
        }
    }

    /// Sets the timer of the next round if there is anything to be done in it.
    pub(super) fn keep_ticking(&mut self, cx: &mut Cx<'_>) {
        let Some(settings) = &self.config.gossip else { return };
        if self.gossip.is_ticking || (self.gossip.hot.is_empty() && !settings.pulls) {
            return;
        }
        self.gossip.is_ticking = true;
        let interval = settings.interval.0;
        let since = (cx.now.0 + interval - self.gossip.phase.0 % interval) % interval;
        cx.set_timer(timer(Alarm::Gossip), Span(interval - since));
    }

    /// Whether a write of this level is taken here alone and passed on; any other is coordinated as without gossip.
    pub(super) fn takes_alone(&self, request: &Request) -> bool {
        let level = request.level.or(self.config.level);
        self.config.gossip.is_some() && matches!(level, None | Some(Level::One | Level::Any))
    }

    /// A client's write: kept here, and answered when it is on the disk.
    pub(super) fn accept(&mut self, cx: &mut Cx<'_>, request: &Request, change: &Change) {
        let (op, key) = (request.op, request.key);
        if cx.disk_full {
            self.say(cx, Topic::DiskFull, Line::DiskFull);
            return cx.reply(op, Answer::Refused(Refusal::DiskFull));
        }
        let (object, written) = match self.make(cx, request, change) {
            Ok(made) => made,
            Err(refusal) => return cx.reply(op, Answer::Refused(refusal)),
        };
        if *change == Change::Delete {
            cx.say(Line::Tombstone { key });
        }
        let event = written.event.as_ref().map(|(event, _)| *event);
        cx.ghost(Ghost::Accepted { op, key, version: written.version, event });
        self.keep(cx, self.me, key, &object, Purpose::Client);
        self.owe_client(cx, op, Answer::Written(written));
    }

    /// The table has taken in what `from` told of `key`: it is news for all neighbours but that one, if what it told
    /// is all there is.
    pub(super) fn kindle(&mut self, cx: &mut Cx<'_>, key: Key, from: NodeId, told: &Object, after: &Object) {
        let Some(settings) = &self.config.gossip else { return };
        let stored = Stored { key, version: after.version(), seen: after.seen() };
        cx.ghost(Ghost::Holds(Box::new(stored)));
        let mut knows = Bits::default();
        if let Some(place) = settings.overlay.place(self.me, from).filter(|_| told == after) {
            knows.insert(place);
        }
        if knows.count() >= settings.overlay.degree(self.me) {
            return self.gossip.forget(key);
        }
        self.gossip.last_change += 1;
        self.gossip.hot.insert(key, Rumour { knows, futile: 0, change: self.gossip.last_change });
        self.keep_ticking(cx);
    }

    /// A round begins.
    pub(super) fn wake_gossip(&mut self, cx: &mut Cx<'_>) {
        let config = Arc::clone(&self.config);
        let Some(settings) = &config.gossip else { return };
        self.gossip.is_ticking = false;
        self.gossip.flights.retain(|_, flight| cx.now.since(flight.sent) < config.write_timeout);
        let degree = settings.overlay.degree(self.me);
        let candidates = if settings.pulls { Bits::below(degree) } else { self.gossip.needy(degree) };
        let mut candidates: Vec<usize> = candidates.iter().collect();
        candidates.retain(|&place| self.believes_up(settings.overlay.neighbour(self.me, place)));
        let chosen = settings.fanout.map_or(candidates.len(), |fanout| fanout.min(candidates.len()));
        for nth in 0..chosen {
            if chosen < candidates.len() {
                let other = cx.random.between(nth as u64, candidates.len() as u64 - 1) as usize;
                candidates.swap(nth, other);
            }
            self.talk_to(cx, candidates[nth], settings.pushes, settings.pulls);
        }
        self.keep_ticking(cx);
    }

    /// Tells the neighbour at `place` what it may not have, if it owes no answer, and asks it for the same.
    fn talk_to(&mut self, cx: &mut Cx<'_>, place: usize, tells: bool, asks: bool) {
        let Some(settings) = &self.config.gossip else { return };
        let tells = tells && !self.gossip.flights.contains_key(&place);
        let news = self.gossip.hot.iter().filter(|(_, rumour)| tells && !rumour.knows.contains(place));
        let mut told: Vec<(Key, u64)> = news.map(|(&key, rumour)| (key, rumour.change)).collect();
        if told.len() > BATCH {
            // The oldest first: what changes again and again must not keep the rest from being told.
            told.sort_unstable_by_key(|&(_, change)| change);
            told.truncate(BATCH);
        }
        if told.is_empty() && !asks {
            return;
        }
        let copies: Arc<[(Key, Object)]> =
            told.iter().filter_map(|&(key, _)| Some((key, self.store.get(key)?.clone()))).collect();
        assert!(copies.len() == told.len(), "what is purged is told no more");
        self.gossip.last_number += 1;
        let number = self.gossip.last_number;
        if !told.is_empty() {
            self.gossip.flights.insert(place, Flight { number, sent: cx.now, told });
        }
        let to = settings.overlay.neighbour(self.me, place);
        cx.send(to, Message::Rumours { number, asks, copies });
    }

    /// What `from` has that may be new, and perhaps its question.
    pub(super) fn take_rumours(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        (number, asks): (u64, bool),
        copies: &[(Key, Object)],
    ) {
        if cx.disk_full {
            return;
        }
        let before = *cx.appended;
        let mut known = 0;
        for (nth, (key, object)) in copies.iter().enumerate() {
            let records = *cx.appended;
            self.apply(cx, from, *key, object);
            known |= u64::from(*cx.appended == records) << nth;
        }
        if *cx.appended != before {
            self.flush(cx);
        }
        if !copies.is_empty() {
            self.owe(cx, from, Message::Heard { number, known });
        }
        if let Some(place) = self.place_of(from).filter(|_| asks) {
            self.talk_to(cx, place, true, false);
        }
    }

    /// `from` has what it was told.
    pub(super) fn take_heard(&mut self, cx: &mut Cx<'_>, from: NodeId, number: u64, known: u64) {
        let Some(place) = self.place_of(from) else { return };
        let Some(flight) = self.gossip.flights.get(&place).filter(|flight| flight.number == number) else {
            return;
        };
        for (nth, (key, change)) in flight.told.clone().into_iter().enumerate() {
            // What has changed since it was told is another rumour.
            if self.gossip.hot.get(&key).is_some_and(|rumour| rumour.change == change) {
                self.note_knows(key, place, known >> nth & 1 == 1);
            }
        }
        self.gossip.flights.remove(&place);
        self.keep_ticking(cx);
    }

    /// `from` has told of `key` what is held here.
    pub(super) fn note_told(&mut self, key: Key, from: NodeId) {
        if let Some(place) = self.place_of(from) {
            self.note_knows(key, place, false);
        }
    }

    fn note_knows(&mut self, key: Key, place: usize, is_futile: bool) {
        if let Some(config::Gossip { overlay, lose_interest, .. }) = &self.config.gossip {
            self.gossip.note_known(key, place, is_futile, overlay.degree(self.me), *lose_interest);
        }
    }

    fn place_of(&self, node: NodeId) -> Option<usize> {
        self.config.gossip.as_ref().and_then(|settings| settings.overlay.place(self.me, node))
    }
}
