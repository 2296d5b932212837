//! This node's own movement on the ring: it joins, takes a dead node's place, or leaves.
//!
//! ```text
//!  who joins        a majority      those who lose ranges                 everybody
//!    | AskToMove -----> |              |                                     |
//!    | <------ MayMove  |  nobody else moves                                 |
//!    | Joining -------------------------------------------- gossip --------> | writes go here too: W + 1 of N + 1
//!    | Fetch ------------------------> | knows it by now, so it takes no write by the old ring
//!    | <-- Moved, Moved, … MovedAll    |                                     |
//!    | TakingOver -------------------> | knows it: answers no more reads     |
//!    | <----------------------- Ring   |                                     |
//!    | Member -------------------------------------------- gossip ---------> | writes and reads go by the new ring
//! ```
//!
//! Who loses a range streams it, so whatever W owners had, W owners have (Cassandra's consistent range movement). If it
//! is dead, so many of the other owners stream theirs that no quorum misses all of them. Who leaves streams by itself to
//! those who take over, hands its hints to another node (Cassandra's `decommission` does both), and is gone.
//!
//! Two movements at once break the first sentence: each counts on an owner that the other one removes. Therefore a
//! majority has to agree to each, and agrees to one at a time, unless it is forced. A node that crashes goes on where
//! it was. One that died for good stands in the way of all others, and of writes, which wait for it too: while it is
//! Joining, and a majority holds it for dead, a member takes its step back for it (Cassandra 5.1's `abortbootstrap`);
//! later another takes its place. Whoever has agreed to the first consents to no step of the dead node any more, so that
//! it finds no majority for the last one should it come back. Only acknowledged writes are promised: what was read of a write that failed may be unread after a movement.

use super::durable::Record;
use super::message::Message;
use super::object::Object;
use super::ring_map::{Phase, RingMap};
use super::streams::{Arrived, KeptHints};
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::ids::{Key, NodeId};
use crate::base::line::Line;
pub use crate::base::movement::{Move, Objection};
use crate::base::time::VirtualTime;
use crate::protocol::Ghost;
use crate::protocol::kit::quorum::majority;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A node that hears from no majority for so many time-outs of a write gives up.
const TRIES: u32 = 10;
/// So far ahead is the number of a step that is taken back for a dead node, so that no step of its own, which it may
/// have on its disk and told nobody, is newer.
const AHEAD: u32 = 10;

/// A movement that an operator has ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Which.
    pub how: Move,
    /// Whether it begins whatever others do.
    pub is_forced: bool,
}

/// What a member has agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The node that may move, or give another up.
    pub node: NodeId,
    /// The node that is given up.
    pub gives_up: Option<NodeId>,
}

/// What a node was told when it asked whether it may move.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Votes {
    agreed: BTreeSet<NodeId>,
    objected: BTreeMap<NodeId, Objection>,
    tries: u32,
}

/// How far this node's movement is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Movement {
    /// There is none.
    None,
    /// Asks whether it may.
    Asking { wish: Wish, votes: Votes },
    /// Fetches what was written before it came.
    Fetching {
        /// Who has sent all it had, and in whose stead too.
        done: BTreeMap<NodeId, BTreeSet<NodeId>>,
        arrived: Arrived,
        began: VirtualTime,
    },
    /// Waits until those it takes over from know.
    Fencing { knowing: BTreeSet<NodeId>, arrived: Arrived, began: VirtualTime },
    /// Leaves: streams are under way.
    HandingOn { began: VirtualTime },
}

impl PeerToPeer {
    /// An operator orders a movement.
    pub(super) fn order_move(&mut self, cx: &mut Cx<'_>, wish: Wish) {
        // Everybody is told to give a node up, and one does it.
        if matches!(wish.how, Move::GiveUp(_))
            && self.ring.members().find(|&node| self.believes_up(node)) != Some(self.me)
        {
            return;
        }
        let objection = match self.movement {
            Movement::None => self.own_objection(wish.how),
            _ => Some(Objection::Moves(self.me)),
        };
        if let Some(why) = objection {
            return cx.say(Line::MoveRefused { how: wish.how, why });
        }
        cx.append(Record::Wish(Some(wish)));
        self.flush(cx);
        self.begin_asking(cx, wish);
    }

    /// What is against it whatever the others say. Who has left does not come back: its place may be another's.
    fn own_objection(&self, how: Move) -> Option<Objection> {
        let (nodes, copies) = (self.ring.members().count(), self.ring.reads().copies());
        match how {
            Move::Leave if !self.is_on_ring(self.me) => Some(Objection::WrongPlace),
            Move::Leave if nodes <= copies => {
                Some(Objection::TooFewNodes { nodes: nodes as u64, copies: copies as u64 })
            }
            Move::Join | Move::Replace(_) if self.ring.phase(self.me).is_some() => {
                Some(Objection::WrongPlace)
            }
            Move::GiveUp(_) if !self.is_on_ring(self.me) => Some(Objection::WrongPlace),
            Move::GiveUp(node) => self.objection_to_giving_up(node),
            _ => None,
        }
    }

    fn objection_to_giving_up(&self, node: NodeId) -> Option<Objection> {
        match self.ring.phase(node) {
            // Its first step may be on its own disk alone.
            Some(Phase::Joining) | None => self.believes_up(node).then_some(Objection::IsAlive(node)),
            _ => Some(Objection::WrongPlace),
        }
    }

    fn begin_asking(&mut self, cx: &mut Cx<'_>, wish: Wish) {
        self.movement = Movement::Asking { wish, votes: Votes::default() };
        if self.is_on_ring(self.me) && self.objection_to(self.me, wish).is_none() {
            self.grant(cx, self.me, wish);
        }
        self.ask_to_move(cx);
    }

    /// Goes on with a movement after a start, or after others have told how far it was.
    pub(super) fn resume_movement(&mut self, cx: &mut Cx<'_>) {
        match (self.ring.phase(self.me), self.wish) {
            (Some(Phase::Joining), _) => self.begin_fetching(cx),
            (Some(Phase::TakingOver), _) => self.begin_fencing(cx, Arrived::default(), cx.now),
            (Some(Phase::Leaving), _) => self.begin_handing_on(cx),
            (_, Some(wish)) => self.begin_asking(cx, wish),
            _ => {}
        }
    }

    fn ask_to_move(&mut self, cx: &mut Cx<'_>) {
        let Movement::Asking { wish, votes } = &mut self.movement else { return };
        votes.tries += 1;
        let (wish, agreed) = (*wish, votes.agreed.clone());
        let ring = Arc::clone(&self.ring);
        for node in ring.members().filter(|node| *node != self.me && !agreed.contains(node)) {
            cx.send(node, Message::AskToMove { wish, ring: Arc::clone(&ring) });
        }
        cx.set_timer(timer(Alarm::Movement), self.config.write_timeout);
    }

    /// `from` wants to move: one at a time may.
    pub(super) fn take_ask_to_move(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        wish: Wish,
        ring: &Arc<RingMap>,
    ) {
        self.learn_ring(cx, ring);
        let objection = self.objection_to(from, wish);
        if let Some(Objection::MayMove(other)) = objection {
            // Whether it still wants to: if not, it says so.
            self.answer_ask(cx, other, None);
        }
        if objection.is_none() {
            self.grant(cx, from, wish);
        }
        self.answer_ask(cx, from, objection);
    }

    fn grant(&mut self, cx: &mut Cx<'_>, node: NodeId, wish: Wish) {
        let gives_up = if let Move::GiveUp(dead) = wish.how { Some(dead) } else { None };
        let grant = Some(Grant { node, gives_up });
        if self.granted != grant {
            self.granted = grant;
            cx.append(Record::Granted(grant));
            self.flush(cx);
        }
    }

    fn answer_ask(&mut self, cx: &mut Cx<'_>, to: NodeId, objection: Option<Objection>) {
        if to != self.me {
            self.owe(cx, to, Message::MayMove { objection, ring: Arc::clone(&self.ring) });
        }
    }

    fn objection_to(&self, from: NodeId, wish: Wish) -> Option<Objection> {
        let wants_to_move = matches!(self.movement, Movement::Asking { .. }).then_some(self.me);
        // Whose own movement this one ends.
        let mut dead = None;
        match wish.how {
            Move::GiveUp(node) => match self.objection_to_giving_up(node) {
                None => dead = Some(node),
                objection => return objection,
            },
            Move::Replace(node) => match self.is_on_ring(node) {
                true if self.believes_up(node) => return Some(Objection::IsAlive(node)),
                true => dead = Some(node),
                false => return Some(self.objection_to_mover(node).unwrap_or(Objection::WrongPlace)),
            },
            Move::Join | Move::Leave => {}
        }
        let is_in_the_way = |node: &NodeId| *node != from && Some(*node) != dead;
        let other = self.ring.moving().map(|(node, _)| node).find(is_in_the_way);
        let granted = self.granted.map(|grant| grant.node).or(wants_to_move).filter(is_in_the_way);
        other.and_then(|node| self.objection_to_mover(node)).or(granted.map(|node| {
            let is_joining = !self.is_on_ring(node);
            match self.believes_up(node) {
                true => Objection::MayMove(node),
                false => Objection::DiedMoving { node, is_joining },
            }
        }))
    }

    /// What there is to say of the movement of `node`, if there is one.
    fn objection_to_mover(&self, node: NodeId) -> Option<Objection> {
        let phase = self.ring.phase(node).filter(|phase| phase.is_moving())?;
        Some(match self.believes_up(node) {
            true => Objection::Moves(node),
            false => Objection::DiedMoving { node, is_joining: phase == Phase::Joining },
        })
    }

    /// `from` agrees to this node's movement, or objects.
    pub(super) fn take_may_move(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        objection: Option<Objection>,
        ring: &Arc<RingMap>,
    ) {
        self.learn_ring(cx, ring);
        let is_moving = self.ring.phase(self.me).is_some_and(Phase::is_moving);
        match &mut self.movement {
            Movement::None if !is_moving => cx.send(from, Message::StaysPut),
            Movement::Asking { votes, .. } => {
                match objection {
                    None => drop(votes.agreed.insert(from)),
                    Some(objection) => drop(votes.objected.insert(from, objection)),
                }
                self.count_votes(cx);
            }
            _ => {}
        }
    }

    fn count_votes(&mut self, cx: &mut Cx<'_>) {
        let Movement::Asking { wish, votes } = &self.movement else { return };
        let members = self.ring.members().count();
        let need = majority(members);
        let is_member = self.is_on_ring(self.me) && self.granted.is_none_or(|grant| grant.node == self.me);
        let agreed =
            votes.agreed.iter().filter(|&&node| self.is_on_ring(node)).count() + usize::from(is_member);
        let objects =
            |(node, _): &(&NodeId, &Objection)| !votes.agreed.contains(node) && self.is_on_ring(**node);
        let objected = votes.objected.iter().filter(objects);
        let heard = agreed + objected.clone().count();
        let why = objected.clone().map(|(_, why)| *why).next();
        // Where two ask at once, the first in the order of nodes insists.
        let insists = objected.clone().all(|(_, why)| matches!(why, Objection::MayMove(by) if *by > self.me));
        let wish = *wish;
        if agreed >= need || wish.is_forced && heard >= need {
            // Much may have happened since it was ordered.
            match self.own_objection(wish.how) {
                None => self.begin_move(cx, wish),
                Some(why) => self.give_up_moving(cx, wish, why),
            }
        } else if agreed + (members - heard.min(members)) < need && !insists {
            self.give_up_moving(cx, wish, why.unwrap_or(Objection::WrongPlace));
        } else if votes.tries > TRIES {
            let (heard, need) = (heard as u64, need as u64);
            self.give_up_moving(cx, wish, why.unwrap_or(Objection::NoMajority { heard, need }));
        }
    }

    fn give_up_moving(&mut self, cx: &mut Cx<'_>, wish: Wish, why: Objection) {
        self.movement = Movement::None;
        self.wish = None;
        cx.append(Record::Wish(None));
        self.flush(cx);
        cx.cancel_timer(timer(Alarm::Movement));
        cx.say(Line::MoveRefused { how: wish.how, why });
        self.take_stays_put(cx, self.me);
        let ring = Arc::clone(&self.ring);
        for node in ring.members().filter(|&node| node != self.me) {
            cx.send(node, Message::StaysPut);
        }
    }

    /// `from` does not move (any more): others may.
    pub(super) fn take_stays_put(&mut self, cx: &mut Cx<'_>, from: NodeId) {
        if self.granted.is_some_and(|grant| grant.node == from) {
            self.granted = None;
            cx.append(Record::Granted(None));
        }
    }

    fn begin_move(&mut self, cx: &mut Cx<'_>, wish: Wish) {
        self.wish = None;
        cx.append(Record::Wish(None));
        self.movement = Movement::HandingOn { began: cx.now };
        match wish.how {
            Move::Leave => {
                self.step_on_ring(cx, Phase::Leaving, self.ring.replaced_by(self.me));
                let (before, _) = self.my_step();
                let permille = before.share(self.me).copies_permille / before.copies() as u32;
                cx.say(Line::MoveStart { how: wish.how, permille, nodes: self.gainers() });
                self.begin_handing_on(cx);
            }
            Move::Join | Move::Replace(_) => {
                let replaces = if let Move::Replace(dead) = wish.how { Some(dead) } else { None };
                self.step_on_ring(cx, Phase::Joining, replaces);
                let (_, after) = self.my_step();
                let permille = after.share(self.me).copies_permille / after.copies() as u32;
                let nodes = self.sources(&BTreeMap::new()).into_keys().collect();
                cx.say(Line::MoveStart { how: wish.how, permille, nodes });
                self.begin_fetching(cx);
            }
            Move::GiveUp(dead) => {
                self.movement = Movement::None;
                cx.cancel_timer(timer(Alarm::Movement));
                // Whoever agreed may agree to others when it has heard of this.
                self.take_step_back(cx, dead, AHEAD);
                cx.say(Line::GivenUp { node: dead });
            }
        }
    }

    fn my_step(&self) -> (Arc<crate::protocol::kit::ring::Ring>, Arc<crate::protocol::kit::ring::Ring>) {
        self.ring.step_of(self.me, &self.config.plan)
    }

    /// Ranges that this node takes over: their owners before, and those among them that lose the range.
    fn taken_ranges(&self) -> BTreeSet<(Vec<NodeId>, Vec<NodeId>)> {
        let (before, after) = self.my_step();
        let changes = before.changes_to(&after);
        let mine = changes.filter(|(old, new)| new.contains(&self.me) && !old.contains(&self.me));
        mine.map(|(old, new)| {
            let lost = old.iter().copied().filter(|node| !new.contains(node)).collect();
            (old.to_vec(), lost)
        })
        .collect()
    }

    /// Whether `has(node, lost)` of enough owners of each range to be taken over: of the one that loses it, or of so
    /// many others in its stead that every quorum has one of them.
    fn is_covered(&self, has: impl Fn(NodeId, NodeId) -> bool) -> bool {
        self.taken_ranges().iter().all(|(old, lost)| {
            let enough = self.config.blocking_set(old.len()).min(old.len() - 1);
            let by_others =
                |gone: NodeId| old.iter().filter(|&&node| node != gone && has(node, gone)).count();
            lost.iter().all(|&gone| has(gone, gone) || by_others(gone) >= enough)
                && (!lost.is_empty() || by_others(self.me) >= enough)
        })
    }

    /// Whom to ask for what, beside those that have sent all: those that lose ranges; if one is down, the others.
    fn sources(&self, done: &BTreeMap<NodeId, BTreeSet<NodeId>>) -> BTreeMap<NodeId, BTreeSet<NodeId>> {
        let mut sources: BTreeMap<NodeId, BTreeSet<NodeId>> = BTreeMap::new();
        for (old, lost) in self.taken_ranges() {
            let dead = self.ring.replaced_by(self.me);
            for &gone in lost.iter().chain(lost.is_empty().then_some(&self.me)) {
                if gone != self.me && self.believes_up(gone) && Some(gone) != dead {
                    sources.entry(gone).or_default();
                    continue;
                }
                for &node in old.iter().filter(|&&node| node != gone && self.believes_up(node)) {
                    sources.entry(node).or_default().insert(gone);
                }
            }
        }
        sources.retain(|node, gone| !done.get(node).is_some_and(|sent| gone.is_subset(sent)));
        sources
    }

    fn begin_fetching(&mut self, cx: &mut Cx<'_>) {
        let (done, arrived, began) = (BTreeMap::new(), Arrived::default(), cx.now);
        self.movement = Movement::Fetching { done, arrived, began };
        self.fetch(cx);
        self.count_fetched(cx);
    }

    fn fetch(&mut self, cx: &mut Cx<'_>) {
        let Movement::Fetching { done, .. } = &self.movement else { return };
        for (node, gone) in self.sources(done) {
            let (ring, instead_of) = (Arc::clone(&self.ring), gone.into_iter().collect());
            // When its own step is flushed.
            self.owe(cx, node, Message::Fetch { ring, instead_of });
        }
        cx.set_timer(timer(Alarm::Movement), self.config.write_timeout);
    }

    /// Notes what came of a stream.
    pub(super) fn note_moved_in(&mut self, copies: &[(Key, Object)]) {
        if let Movement::Fetching { arrived, .. } = &mut self.movement {
            arrived.note(copies);
        }
    }

    /// `from` has sent all it had.
    pub(super) fn take_moved_all(&mut self, cx: &mut Cx<'_>, from: NodeId, instead_of: &[NodeId]) {
        if let Movement::Fetching { done, .. } = &mut self.movement {
            done.entry(from).or_default().extend(instead_of);
            self.count_fetched(cx);
        }
    }

    /// Keys that came so far, and how many nodes have sent all they had.
    pub(super) fn arrived(&self) -> (u64, u32) {
        match &self.movement {
            Movement::Fetching { done, arrived, .. } => (arrived.len(), done.len() as u32),
            Movement::Fencing { arrived, .. } => (arrived.len(), 0),
            _ => (0, 0),
        }
    }

    fn count_fetched(&mut self, cx: &mut Cx<'_>) {
        let Movement::Fetching { done, arrived, began } = &self.movement else { return };
        let has = |node: NodeId, gone: NodeId| {
            done.get(&node).is_some_and(|sent| node == gone || sent.contains(&gone))
        };
        if self.is_covered(has) {
            let (arrived, began) = (arrived.clone(), *began);
            cx.say(Line::MoveFetched { keys: arrived.len(), took: cx.now.since(began) });
            self.movement = Movement::HandingOn { began };
            self.step_on_ring(cx, Phase::TakingOver, self.ring.replaced_by(self.me));
            self.begin_fencing(cx, arrived, began);
        }
    }

    fn begin_fencing(&mut self, cx: &mut Cx<'_>, arrived: Arrived, began: VirtualTime) {
        self.movement = Movement::Fencing { knowing: BTreeSet::new(), arrived, began };
        cx.set_timer(timer(Alarm::Movement), self.config.write_timeout);
        self.count_fenced(cx);
    }

    /// `from` knows this ring.
    pub(super) fn note_who_knows(&mut self, cx: &mut Cx<'_>, from: NodeId, ring: &RingMap) {
        let mine = self.ring.rows().get(&self.me).map(|row| row.version);
        if let Movement::Fencing { knowing, .. } = &mut self.movement
            && ring.rows().get(&self.me).map(|row| row.version) >= mine
        {
            knowing.insert(from);
            self.count_fenced(cx);
        }
    }

    fn count_fenced(&mut self, cx: &mut Cx<'_>) {
        let Movement::Fencing { knowing, arrived, began } = &self.movement else { return };
        // Of a majority too, so that no majority gives this node up meanwhile.
        let members = self.ring.members().count();
        let consent = knowing.iter().filter(|&&node| self.is_on_ring(node)).count() + 1;
        if consent < majority(members) || !self.is_covered(|node, _| knowing.contains(&node)) {
            return;
        }
        let (copies, took) = (arrived.len(), cx.now.since(*began));
        let how = self.ring.replaced_by(self.me).map_or(Move::Join, Move::Replace);
        self.movement = Movement::None;
        cx.cancel_timer(timer(Alarm::Movement));
        self.step_on_ring(cx, Phase::Member, self.ring.replaced_by(self.me));
        cx.ghost(Ghost::Moved { copies });
        cx.say(Line::MoveDone { how, copies, took });
    }

    /// Nodes that take over what this one leaves.
    fn gainers(&self) -> Vec<NodeId> {
        let (before, after) = self.my_step();
        let gained = before
            .changes_to(&after)
            .flat_map(|(old, new)| new.iter().copied().filter(|node| !old.contains(node)));
        gained.collect::<BTreeSet<NodeId>>().into_iter().collect()
    }

    fn begin_handing_on(&mut self, cx: &mut Cx<'_>) {
        self.movement = Movement::HandingOn { began: cx.now };
        let hints = self.hints_to_hand_on();
        self.streams.moved = 0;
        let keeper = self.somebody();
        let mut receivers: BTreeSet<NodeId> = self.gainers().into_iter().collect();
        receivers.extend(keeper.filter(|_| !hints.is_empty()));
        for to in receivers {
            let keys = self.keys_that_move(self.me, to, &[]);
            let hints = if Some(to) == keeper { hints.as_slice() } else { &[] };
            self.open_stream(cx, to, keys, (hints, Arc::default()));
        }
        self.note_sent_all(cx);
    }

    fn hints_to_hand_on(&self) -> Vec<KeptHints> {
        self.hints.targets().filter_map(|(target, _)| self.hints.kept_for(target)).collect()
    }

    /// A stream has ended: a node that leaves is gone when none is left.
    pub(super) fn note_sent_all(&mut self, cx: &mut Cx<'_>) {
        let Movement::HandingOn { began } = self.movement else { return };
        if !self.streams.is_idle() || self.ring.phase(self.me) != Some(Phase::Leaving) {
            return;
        }
        let (copies, took) = (self.streams.moved, cx.now.since(began));
        self.movement = Movement::None;
        self.step_on_ring(cx, Phase::Left, self.ring.replaced_by(self.me));
        cx.ghost(Ghost::Moved { copies });
        cx.say(Line::MoveDone { how: Move::Leave, copies, took });
    }

    /// The timer of the movement: whoever is silent is asked again.
    pub(super) fn wake_movement(&mut self, cx: &mut Cx<'_>) {
        match &self.movement {
            Movement::Asking { .. } => {
                self.ask_to_move(cx);
                self.count_votes(cx);
            }
            Movement::Fetching { .. } => {
                self.fetch(cx);
                self.count_fetched(cx);
            }
            Movement::Fencing { knowing, .. } => {
                let ring = Arc::clone(&self.ring);
                let ignorant: Vec<NodeId> =
                    ring.nodes().filter(|node| *node != self.me && !knowing.contains(node)).collect();
                for node in ignorant {
                    self.tell_ring(cx, node, true);
                }
                cx.set_timer(timer(Alarm::Movement), self.config.write_timeout);
            }
            Movement::None | Movement::HandingOn { .. } => {}
        }
    }

    /// The grant given to a node is over when it has arrived, or is gone.
    pub(super) fn release_grant(&mut self, cx: &mut Cx<'_>, before: &RingMap) {
        let Some(Grant { node, gives_up }) = self.granted else { return };
        if let Some(dead) = gives_up {
            if matches!(self.ring.phase(dead), Some(Phase::Left | Phase::Member)) {
                self.take_stays_put(cx, node);
            }
            return;
        }
        let row = self.ring.rows().get(&node);
        if row.is_some_and(|row| !row.phase.is_moving()) && before.rows().get(&node) != row {
            self.granted = None;
            cx.append(Record::Granted(None));
        }
    }
}
