//! Directed links between nodes and the messages on them. Each message gets its fate when it is sent: it arrives
//! at an instant, is held, or is lost with a reason; a later cut can still take it.

use super::causes::{Quiet, StepId};
use super::facts::{Fact, What};
use super::faults::{Condition, either};
use super::spec::{ClusterSpec, NetworkSpec};
use super::view::{DropReason, Fate, FlightView, MessageCounts};
use crate::base::delay::DelayTable;
use crate::base::ids::{MessageId, NodeId};
use crate::base::random::Keyed;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::{Message, Sizes};
use std::collections::VecDeque;

/// A message in flight: its slot, and the id that guards against a slot used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlightRef {
    slot: u32,
    /// The message.
    pub id: MessageId,
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Flight<M> {
    /// Its id.
    pub id: MessageId,
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// When the sender gave it to its link.
    pub sent_at: VirtualTime,
    /// When its first byte leaves: later than `sent_at` while earlier messages fill the link.
    departs_at: VirtualTime,
    arrives_at: VirtualTime,
    is_held: bool,
    /// The step that sent it.
    pub sent_in: StepId,
    /// What it says.
    pub message: M,
}

/// The questions that are asked of chance about one message, each with its own draw.
#[derive(Clone, Copy)]
enum Lane {
    Delay,
    Loss,
    Duplicate,
    Reorder,
    SecondDelay,
    OvertakenBy,
    Release,
}

#[derive(Clone, Debug)]
struct Link {
    chance: Keyed,
    sent: u64,
    /// Messages let go after they had been held.
    released: u64,
    free_at: VirtualTime,
    last_arrival: VirtualTime,
    quiet: Quiet,
}

/// The delay of a message's class: its own, or that of all.
fn delay_of<'a, M: Message>(
    message: &M,
    own: &'a [(&'static str, DelayTable)],
    all: &'a DelayTable,
) -> &'a DelayTable {
    own.iter().find(|(name, _)| message.label().name == *name).map_or(all, |(_, delay)| delay)
}

/// How long a message stays visible after it arrived or was lost.
const SHOWN_FOR: Span = Span::millis(400);
/// How many of either stay visible at most.
const SHOWN: usize = 40;

/// The links of one cluster.
#[derive(Clone, Debug)]
pub struct Network<M> {
    members: usize,
    spec: NetworkSpec,
    delay: DelayTable,
    /// The delays of messages that have their own.
    delays: Vec<(&'static str, DelayTable)>,
    /// Added to each directed link by the sites of its ends.
    site_delay: Vec<Span>,
    links: Vec<Link>,
    conditions: Vec<Condition>,
    flights: Vec<Option<Flight<M>>>,
    free: Vec<u32>,
    /// Messages that arrived or were lost just now, by what became of them.
    arrived: VecDeque<FlightView>,
    drops: VecDeque<FlightView>,
    /// Losses of what carried writes, until someone takes note.
    losses: Vec<Fact>,
    counts: MessageCounts,
    sizes: Sizes,
}

/// What became of a message that was sent: when each copy arrives.
pub type Scheduled = [Option<(VirtualTime, FlightRef)>; 2];

impl<M: Message> Network<M> {
    /// Links between all nodes of `cluster`.
    pub fn new(seed: u64, cluster: &ClusterSpec, spec: &NetworkSpec, sizes: Sizes) -> Self {
        let members = cluster.machines();
        let pairs =
            (0..members).flat_map(|from| (0..members).map(move |to| (NodeId::at(from), NodeId::at(to))));
        let link = |(from, to): (NodeId, NodeId)| Link {
            chance: Keyed::new(seed, &format!("net:{from}->{to}")),
            sent: 0,
            released: 0,
            free_at: VirtualTime::ZERO,
            last_arrival: VirtualTime::ZERO,
            quiet: Quiet::default(),
        };
        let sites: Vec<Option<usize>> = (0..members).map(|node| cluster.site_of(NodeId::at(node))).collect();
        let apart = |(from, to): (NodeId, NodeId)| match sites[from.index()] == sites[to.index()] {
            true => Span::ZERO,
            false => spec.between_sites,
        };
        Network {
            members,
            spec: spec.clone(),
            delay: DelayTable::new(spec.delay),
            delays: spec.delays.iter().map(|(name, law)| (*name, DelayTable::new(*law))).collect(),
            site_delay: pairs.clone().map(apart).collect(),
            links: pairs.map(link).collect(),
            conditions: vec![Condition::default(); members * members],
            flights: Vec::new(),
            free: Vec::new(),
            arrived: VecDeque::new(),
            drops: VecDeque::new(),
            losses: Vec::new(),
            counts: MessageCounts::default(),
            sizes,
        }
    }

    /// Key and value lengths of the size model.
    pub fn sizes(&self) -> Sizes {
        self.sizes
    }

    /// The books.
    pub fn counts(&self) -> MessageCounts {
        self.counts
    }

    /// The id of the next message; a second copy of it has the one after.
    pub fn next_id(&self) -> MessageId {
        MessageId(self.counts.sent + self.counts.duplicated + 1)
    }

    /// Losses of what carried writes that nobody has taken note of yet.
    pub fn losses(&mut self) -> &mut Vec<Fact> {
        &mut self.losses
    }

    fn condition(&self, from: NodeId, to: NodeId) -> &Condition {
        &self.conditions[from.index() * self.members + to.index()]
    }

    /// Whether messages from `from` to `to` are lost now.
    pub fn is_cut(&self, from: NodeId, to: NodeId) -> bool {
        self.condition(from, to).is_cut
    }

    /// Whether a partition stands between a client beside `home` and `node`, in either direction.
    pub fn is_parted(&self, home: NodeId, node: NodeId) -> bool {
        home != node && (self.condition(home, node).is_parted || self.condition(node, home).is_parted)
    }

    /// Whether every link from and to `node` is cut, among the first `members` machines.
    pub fn is_isolated(&self, node: NodeId, members: usize) -> bool {
        let mut others = (0..members).map(NodeId::at).filter(|&other| other != node).peekable();
        others.peek().is_some() && others.all(|other| self.is_cut(node, other) && self.is_cut(other, node))
    }

    /// How quiet the way from `from` to `to` has become.
    pub fn quiet(&self, from: NodeId, to: NodeId) -> Quiet {
        self.links[from.index() * self.members + to.index()].quiet
    }

    /// Puts `message`, `bytes` long, on the link; gives when which copy arrives.
    pub fn send(
        &mut self,
        now: VirtualTime,
        (from, to): (NodeId, NodeId),
        (message, bytes): (M, u64),
        sent_in: StepId,
    ) -> Scheduled {
        let at = from.index() * self.members + to.index();
        let condition = self.conditions[at];
        self.counts.sent += 1;
        let link = &mut self.links[at];
        link.sent += 1;
        let (number, chance) = (link.sent, link.chance);
        let departs_at = now.max(link.free_at);
        let transmit = Span(bytes * 1_000_000 / self.spec.bandwidth.max(1));
        link.free_at = departs_at + transmit;
        let id = MessageId(self.counts.sent + self.counts.duplicated);
        let flight = Flight {
            id,
            from,
            to,
            sent_at: now,
            departs_at,
            arrives_at: now,
            is_held: condition.is_held,
            sent_in,
            message,
        };
        if condition.is_cut {
            self.record_drop(now, &flight, DropReason::Cut);
            return [None, None];
        }
        if chance.chance(number, Lane::Loss as u64, either(self.spec.loss_ppm, condition.loss_ppm)) {
            self.record_drop(now, &flight, DropReason::Loss);
            return [None, None];
        }
        let twice = either(self.spec.duplicate_ppm, condition.duplicate_ppm);
        let is_double = chance.chance(number, Lane::Duplicate as u64, twice);
        let copy = is_double.then(|| {
            self.counts.duplicated += 1;
            Flight { id: MessageId(id.0 + 1), ..flight.clone() }
        });
        let first = self.launch(flight, departs_at + transmit, number, Lane::Delay);
        let second =
            copy.and_then(|copy| self.launch(copy, departs_at + transmit, number, Lane::SecondDelay));
        [first, second]
    }

    /// Puts a flight into the air: draws its delay, keeps the link in order unless this message may overtake.
    fn launch(
        &mut self,
        mut flight: Flight<M>,
        leaves_at: VirtualTime,
        number: u64,
        lane: Lane,
    ) -> Option<(VirtualTime, FlightRef)> {
        let at = flight.from.index() * self.members + flight.to.index();
        let condition = self.conditions[at];
        let delay = delay_of(&flight.message, &self.delays, &self.delay);
        let link = &mut self.links[at];
        let mut arrival = leaves_at
            + delay.sample(link.chance.bits(number, lane as u64))
            + condition.extra
            + self.site_delay[at];
        let strays = either(self.spec.reorder_ppm, condition.reorder_ppm);
        if link.chance.chance(number, Lane::Reorder as u64, strays) {
            arrival += delay.sample(link.chance.bits(number, Lane::OvertakenBy as u64)) * 3;
        } else {
            arrival = arrival.max(link.last_arrival);
            link.last_arrival = arrival;
        }
        flight.arrives_at = arrival;
        let (id, is_held) = (flight.id, flight.is_held);
        self.counts.in_flight += 1;
        self.counts.held += u64::from(is_held);
        let slot = match self.free.pop() {
            Some(slot) => {
                self.flights[slot as usize] = Some(flight);
                slot
            }
            None => {
                self.flights.push(Some(flight));
                (self.flights.len() - 1) as u32
            }
        };
        (!is_held).then_some((arrival, FlightRef { slot, id }))
    }

    /// A message that will arrive; `None` if it was lost or held meanwhile.
    pub fn peek(&self, flight: FlightRef) -> Option<&Flight<M>> {
        let there = self.flights.get(flight.slot as usize)?.as_ref();
        there.filter(|there| there.id == flight.id && !there.is_held)
    }

    /// Takes a message off its link on arrival; `None` if it was lost or held meanwhile.
    pub fn land(&mut self, flight: FlightRef) -> Option<Flight<M>> {
        let place = self.flights.get_mut(flight.slot as usize)?;
        if place.as_ref().is_none_or(|there| there.id != flight.id || there.is_held) {
            return None;
        }
        let landed = place.take()?;
        self.free.push(flight.slot);
        self.counts.in_flight -= 1;
        self.counts.delivered += 1;
        let at = landed.from.index() * self.members + landed.to.index();
        self.links[at].quiet = Quiet { heard: landed.arrives_at, lost: None };
        keep(&mut self.arrived, picture(&landed, Fate::Arrived(landed.arrives_at)));
        Some(landed)
    }

    /// Books a landed message as lost after all: its receiver was down.
    pub fn bounce(&mut self, now: VirtualTime, flight: &Flight<M>, why: DropReason) {
        self.counts.delivered -= 1;
        self.arrived.pop_back();
        self.record_drop(now, flight, why);
    }

    /// Takes new conditions. Messages on links that are cut now are lost; gives when each message that is no
    /// longer held arrives.
    pub fn impose(&mut self, now: VirtualTime, conditions: Vec<Condition>) -> Vec<(VirtualTime, FlightRef)> {
        let members = self.members;
        self.lose(now, DropReason::Cut, |flight| {
            conditions[flight.from.index() * members + flight.to.index()].is_cut
        });
        self.conditions = conditions;
        self.release_where(now, |condition, _| !condition.is_held)
    }

    fn release_where(
        &mut self,
        now: VirtualTime,
        is_free: impl Fn(&Condition, &Flight<M>) -> bool,
    ) -> Vec<(VirtualTime, FlightRef)> {
        let mut freed = Vec::new();
        for (slot, place) in self.flights.iter_mut().enumerate() {
            let Some(flight) = place.as_mut().filter(|flight| flight.is_held) else { continue };
            let at = flight.from.index() * self.members + flight.to.index();
            if !is_free(&self.conditions[at], flight) {
                continue;
            }
            let delay = delay_of(&flight.message, &self.delays, &self.delay);
            let link = &mut self.links[at];
            link.released += 1;
            let delay = delay.sample(link.chance.bits(link.released, Lane::Release as u64));
            let way = delay + self.conditions[at].extra + self.site_delay[at];
            flight.is_held = false;
            flight.arrives_at = flight.arrives_at.max(now + way).max(link.last_arrival);
            link.last_arrival = flight.arrives_at;
            freed.push((flight.arrives_at, flight.id, slot as u32));
        }
        // Slots are used again in any order; ids tell the order of sending.
        freed.sort_unstable();
        self.counts.held -= freed.len() as u64;
        freed.into_iter().map(|(at, id, slot)| (at, FlightRef { slot, id })).collect()
    }

    /// The power of `node` fails: what it had not put on the wire yet is gone.
    pub fn lose_unsent(&mut self, now: VirtualTime, node: NodeId) {
        self.lose(now, DropReason::Unsent, |flight| flight.from == node && flight.departs_at > now);
    }

    /// Loses one message by hand. Returns whether it was in flight.
    pub fn drop_one(&mut self, now: VirtualTime, id: MessageId) -> bool {
        let before = self.counts.dropped;
        self.lose(now, DropReason::ByHand, |flight| flight.id == id);
        self.counts.dropped > before
    }

    /// Lets one message arrive now; `None` if it is not in flight.
    pub fn hurry(&mut self, now: VirtualTime, id: MessageId) -> Option<FlightRef> {
        let slot =
            self.flights.iter().position(|place| place.as_ref().is_some_and(|flight| flight.id == id))?;
        let flight = self.flights[slot].as_mut()?;
        self.counts.held -= u64::from(flight.is_held);
        (flight.is_held, flight.arrives_at) = (false, now);
        Some(FlightRef { slot: slot as u32, id })
    }

    fn lose(&mut self, now: VirtualTime, why: DropReason, is_lost: impl Fn(&Flight<M>) -> bool) {
        for slot in 0..self.flights.len() {
            let Some(flight) = self.flights[slot].take_if(|flight| is_lost(flight)) else { continue };
            self.free.push(slot as u32);
            self.counts.in_flight -= 1;
            self.counts.held -= u64::from(flight.is_held);
            self.record_drop(now, &flight, why);
        }
    }

    fn record_drop(&mut self, now: VirtualTime, flight: &Flight<M>, why: DropReason) {
        self.counts.dropped += 1;
        let at = flight.from.index() * self.members + flight.to.index();
        self.links[at].quiet.lost.get_or_insert((now, why));
        let lost = What::Lost { message: flight.id, why };
        flight.message.carries(&mut |op| self.losses.push(Fact { at: now, op: Some(op), what: lost }));
        keep(&mut self.drops, picture(flight, Fate::Dropped { at: now, why }));
    }

    /// Which directed links are cut, for clusters small enough to draw.
    pub fn cuts(&self) -> Vec<Vec<bool>> {
        if self.members > 64 {
            return Vec::new();
        }
        self.conditions
            .chunks(self.members)
            .map(|row| row.iter().map(|condition| condition.is_cut).collect())
            .collect()
    }

    /// The messages on their way and those lost just now, oldest first.
    pub fn pictures(&self, now: VirtualTime, most: usize) -> Vec<FlightView> {
        let fate = |flight: &Flight<M>| match flight.is_held {
            true => Fate::Held,
            false => Fate::Arrives(flight.arrives_at),
        };
        let recent = |past: &&FlightView| match past.fate {
            Fate::Dropped { at, .. } | Fate::Arrived(at) => now.since(at) <= SHOWN_FOR,
            _ => false,
        };
        let flying = self.flights.iter().flatten().map(|flight| picture(flight, fate(flight)));
        let mut pictures: Vec<FlightView> =
            flying.chain(self.drops.iter().chain(&self.arrived).filter(recent).cloned()).collect();
        pictures.sort_by_key(|picture| picture.id);
        let surplus = pictures.len().saturating_sub(most);
        pictures.drain(..surplus);
        pictures
    }
}

fn keep(past: &mut VecDeque<FlightView>, picture: FlightView) {
    if past.len() == SHOWN {
        past.pop_front();
    }
    past.push_back(picture);
}

fn picture<M: Message>(flight: &Flight<M>, fate: Fate) -> FlightView {
    FlightView {
        id: flight.id,
        from: flight.from,
        to: flight.to,
        label: flight.message.label(),
        traffic: flight.message.traffic(),
        sent_at: flight.sent_at,
        fate,
    }
}

#[cfg(test)]
mod tests;
