//! Leaderless replication as Dynamo has it (DeCandia et al. 2007), in the form of Cassandra and Riak: a ring places
//! each key on N owners, any node coordinates, W acknowledgements make a write and R answers a read.
//!
//! ```text
//!  client -> coordinator (any node) -> owners of the key: first N distinct nodes of the ring
//!            |        |        |
//!            |        |        hints for owners that missed it, handed over when they are back
//!            |        opinions about who is up: SWIM or heartbeats, each node its own
//!            conflicts: the last write wins, or siblings, or types that merge
//! ```
//!
//! | file | story |
//! |---|---|
//! | `coordinate_write`, `coordinate_read` | a request, from the client to the quorum and back |
//! | `forward` | a write that only an owner can coordinate |
//! | `gossip` | no coordinator: every node keeps every key and passes on what is new |
//! | `replica` | keeping what is told, saying what is known, acknowledging after the flush |
//! | `hints`, `handoff` | writes kept for others |
//! | `repair` | comparing keys with another owner by Merkle trees |
//! | `purge` | deletes: tombstones and their end |
//! | `membership` | who is up, by SWIM or by gossiped heartbeats |
//! | `ring_map`, `ring_news` | who is on the ring, and how everybody learns it |
//! | `movement`, `streams` | joining, leaving, taking a dead node's place; the data that moves |
//! | `object`, `cell`, `revision` | a copy of a key, and how two become one |
//! | `store`, `durable` | the table, the disk |
//! | `view` | what panels see; what has survived |
//!
//! Must not know: the network, clients' deadlines, who is really up. Start with [`PeerToPeer`] and its `step`, then
//! read `coordinate_write`.

mod cell;
mod chatter;
mod config;
mod coordinate_read;
mod coordinate_write;
mod durable;
mod forward;
mod gossip;
mod handoff;
mod hints;
mod membership;
mod message;
mod movement;
mod object;
mod purge;
mod repair;
mod replica;
mod revision;
mod ring_map;
mod ring_news;
mod store;
mod streams;
#[cfg(test)]
mod tests;
mod timers;
mod view;

pub use cell::Cell;
pub use config::{Config, Quorum, ReadRepair};
pub use durable::{Durable, Hint, Record};
pub use movement::{Grant, Move, Objection, Wish};
pub use object::{Object, Sibling};
pub use repair::SessionId;
pub use ring_map::{Epoch, Phase, RingMap, Row};

pub use message::{Known, Message, Purpose, ReadMode, RequestId, Write, WriteAck};

use super::view::ReplicaView;
use super::{Context, Holding, Input, Order, Protocol, Route, Routing, Sought, Surroundings, Truth, Updates};
use crate::base::ids::{Key, NodeId, Version};
use crate::base::knob::Knobs;
use crate::base::line::Line;
use crate::base::operation::{Action, Answer, Request};
use crate::base::time::VirtualTime;
use cell::Clock;
use chatter::{Chatter, Topic};
use config::Conflict;
use coordinate_read::PendingRead;
use coordinate_write::{Asker, PendingWrite};
use forward::Forwarded;
use gossip::Gossip;
use hints::Hints;
use membership::Detector;
use movement::Movement;
use repair::Repairs;
use replica::Owed;
use std::collections::BTreeMap;
use std::sync::Arc;
use store::Store;
use streams::Streams;
use timers::Alarm;

type Cx<'a> = Context<'a, PeerToPeer>;

/// One node of a peer-to-peer cluster: coordinator, replica and member at once.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerToPeer {
    me: NodeId,
    config: Arc<Config>,
    // as a member
    detector: Detector,
    /// The ring as it is known here.
    ring: Arc<RingMap>,
    /// The last unknown epoch that was asked about.
    asked_for: Epoch,
    /// The node that was told that it may move.
    granted: Option<Grant>,
    /// The movement that this node asks for.
    wish: Option<Wish>,
    movement: Movement,
    streams: Streams,
    // as a replica
    store: Store,
    hints: Hints,
    owed: Owed,
    repairs: Repairs,
    gossip: Gossip,
    /// Whether a timer will look after the tombstones.
    is_compacting: bool,
    /// Keys purged in this life: whoever begins to count one of them anew does so under another name.
    forgotten: u32,
    // as a coordinator
    clock: Clock,
    last_request: RequestId,
    writes: BTreeMap<RequestId, PendingWrite>,
    reads: BTreeMap<RequestId, PendingRead>,
    /// Writes that an owner coordinates in this node's place.
    forwarded: BTreeMap<RequestId, Forwarded>,
    chatter: Chatter,
}

impl Protocol for PeerToPeer {
    type Message = Message;
    type Durable = Durable;
    type Config = Config;

    fn config(knobs: &Knobs, around: &Surroundings) -> Config {
        Config::new(knobs, around)
    }

    /// A node that starts believes everyone up until it learns better; one that comes back asks around at once.
    fn boot(cx: &mut Cx<'_>, config: Arc<Config>, durable: Durable) -> Self {
        let (detector, wishes) = Detector::start(cx, &config);
        let ring = RingMap::new(durable.rows, &config.ring, config.founders, &config.plan);
        let mut node = PeerToPeer {
            me: cx.me,
            detector,
            ring: Arc::new(ring),
            asked_for: Epoch::default(),
            granted: durable.granted,
            wish: durable.wish,
            movement: Movement::None,
            streams: Streams::new(cx.incarnation),
            store: Store::new(durable.objects),
            hints: Hints::new(cx.me, cx.incarnation, config.sizes, durable.hints),
            owed: Owed::default(),
            repairs: Repairs::new(cx.incarnation),
            gossip: Gossip::default(),
            is_compacting: false,
            forgotten: 0,
            clock: Clock::default(),
            last_request: RequestId(u64::from(cx.incarnation) << 32),
            writes: BTreeMap::new(),
            reads: BTreeMap::new(),
            forwarded: BTreeMap::new(),
            chatter: Chatter::default(),
            config,
        };
        node.admit_nodes(cx);
        node.carry_out(cx, wishes);
        node.arm_ring_gossip(cx);
        node.resume_movement(cx);
        node.resume_handoff(cx);
        node.watch_tombstones(cx);
        node.begin_anti_entropy(cx);
        node.begin_gossip(cx);
        node
    }

    fn step(&mut self, cx: &mut Cx<'_>, input: Input<Self>) {
        match input {
            Input::Message { from, message } => {
                self.take_message(cx, from, message);
                self.note_sign_of_life(cx, from);
            }
            Input::Client(request) => self.serve(cx, &request),
            Input::Timer(timer) => match timers::alarm(timer) {
                Some(Alarm::Write(id)) => self.wake_write(cx, id),
                Some(Alarm::Read(id)) => self.wake_read(cx, id),
                Some(Alarm::Forward(id)) => self.wake_forwarded(cx, id),
                Some(Alarm::Replay(target)) => self.retry_replay(cx, target),
                Some(Alarm::AntiEntropy) => self.wake_anti_entropy(cx),
                Some(Alarm::Sessions) => self.give_up_idle(cx),
                Some(Alarm::Compaction) => self.compact(cx),
                Some(Alarm::Ring) => self.gossip_ring(cx),
                Some(Alarm::Movement) => self.wake_movement(cx),
                Some(Alarm::Stream(to)) => self.wake_stream(cx, to),
                Some(Alarm::Swim(wake)) => self.wake_swim(cx, wake),
                Some(Alarm::Phi) => self.wake_phi(cx),
                Some(Alarm::Gossip) => self.wake_gossip(cx),
                None => {}
            },
            Input::Flushed { upto } => self.note_flushed(cx, upto),
            Input::Operator(Order::Configure(config)) => {
                let was_off = self.config.anti_entropy.is_none();
                self.config = config;
                if was_off {
                    self.begin_anti_entropy(cx);
                }
                self.keep_ticking(cx);
            }
            Input::Operator(Order::Repair) => self.repair_by_hand(cx),
            Input::Operator(Order::Move { how, is_forced }) => {
                self.order_move(cx, Wish { how, is_forced });
            }
            // Nobody can be promoted where everyone is equal.
            Input::Fenced { .. } => {}
            Input::Operator(
                Order::Promote
                | Order::CancelWaits
                | Order::HandOver { .. }
                | Order::Remove { .. }
                | Order::TakePlaceOf { .. },
            ) => {}
        }
    }

    fn view(&self, _now: VirtualTime) -> ReplicaView {
        self.replica_view()
    }

    fn routing(config: &Config) -> Routing {
        Routing {
            to: Route::AnyNode,
            discovery_refresh: config.discovery_refresh,
            retry_budget: config.retry_budget,
            partitions: 1,
            is_by_site: false,
            updates: if let Conflict::Crdt(_) = config.conflict { Updates::Merging } else { Updates::None },
        }
    }

    fn owners(&self, key: Key) -> Vec<NodeId> {
        self.ring.reads().owners(key).to_vec()
    }

    fn truth(nodes: &[Option<&Self>]) -> Truth {
        view::truth(nodes)
    }

    fn holding(&self, sought: &Sought<'_>) -> Option<Holding> {
        let in_table = self.store.get(sought.key).filter(|object| object.holds(sought));
        in_table.map(|_| Holding::Table).or_else(|| self.hints.holding(sought))
    }

    fn place_of(version: Version) -> String {
        cell::spell_version(version)
    }
}

impl PeerToPeer {
    fn take_message(&mut self, cx: &mut Cx<'_>, from: NodeId, message: Message) {
        match message {
            Message::Write(write) => {
                if !self.is_behind(cx, from, write.request, write.ring) {
                    self.take_write(cx, from, write);
                }
            }
            Message::WriteAck(ack) => self.take_write_ack(cx, from, ack),
            Message::Forward { request, asked } => self.take_forward(cx, from, request, &asked),
            Message::Forwarded { request, answer } => self.take_forwarded(cx, request, *answer),
            Message::Read { request, key, mode, ring } => {
                if !self.is_behind(cx, from, request, ring) {
                    let known = self.known(key, mode);
                    cx.send(from, Message::ReadReply { request, known });
                }
            }
            Message::ReadReply { request, known } => self.take_read_reply(cx, from, request, known),
            Message::Hints { hints } => self.take_hints(cx, from, &hints),
            Message::HintsAck { upto } => self.take_hints_ack(cx, from, upto),
            Message::Compare { session, level, nodes } => {
                self.take_compare(cx, from, session, level, &nodes);
            }
            Message::Differ { session, leaves } => self.take_differ(cx, session, &leaves),
            Message::Stream { session, place, of, copies } => {
                self.take_stream(cx, from, session, (place, of), &copies);
            }
            Message::Streamed { session } => self.take_streamed(cx, session),
            Message::Behind { request, ring } => self.take_behind(cx, from, request, &ring),
            Message::RingEpoch(epoch) => self.take_ring_epoch(cx, from, epoch),
            Message::Ring { ring, is_question } => self.take_ring(cx, from, &ring, is_question),
            Message::AskToMove { wish, ring } => self.take_ask_to_move(cx, from, wish, &ring),
            Message::MayMove { objection, ring } => self.take_may_move(cx, from, objection, &ring),
            Message::StaysPut => self.take_stays_put(cx, from),
            Message::Fetch { ring, instead_of } => {
                self.learn_ring(cx, &ring);
                self.take_fetch(cx, from, &instead_of);
            }
            Message::Moved { stream, place, hint_for, copies, .. } => {
                self.take_moved(cx, from, (stream, place), hint_for, &copies);
            }
            Message::MovedAck { stream, place } => self.take_moved_ack(cx, from, stream, place),
            Message::MovedAll { instead_of } => self.take_moved_all(cx, from, &instead_of),
            Message::Rumours { number, asks, copies } => {
                self.take_rumours(cx, from, (number, asks), &copies);
            }
            Message::Heard { number, known } => self.take_heard(cx, from, number, known),
            Message::Swim(message) => self.take_swim(cx, from, &message),
            Message::Phi(message) => self.take_phi(cx, from, &message),
        }
    }

    fn take_write_ack(&mut self, cx: &mut Cx<'_>, from: NodeId, ack: WriteAck) {
        match ack.purpose {
            Purpose::Client => self.count_write(cx, from, ack),
            Purpose::Repair => self.count_repair(cx, from, ack),
        }
    }

    fn serve(&mut self, cx: &mut Cx<'_>, request: &Request) {
        // Who is not on the ring serves nobody, and knows somebody who does.
        if !self.is_on_ring(self.me) && request.action != Action::ReadHere {
            return cx.reply(request.op, Answer::NotPrimary { hint: self.somebody() });
        }
        match &request.action {
            Action::Change(change) if self.takes_alone(request) => self.accept(cx, request, change),
            Action::Read if self.takes_alone(request) => self.read_here(cx, request),
            Action::Change(change) => match self.owner_to_ask(request.key, &[]) {
                Some(owner) => self.forward(cx, owner, request),
                None => self.begin_write(cx, request, change, Asker::Client),
            },
            Action::Read => self.begin_read(cx, request),
            Action::ReadHere => self.read_here(cx, request),
            // Every node is as good as any other.
            Action::Locate => cx.reply(request.op, Answer::NotPrimary { hint: Some(self.me) }),
        }
    }

    fn read_here(&self, cx: &mut Cx<'_>, request: &Request) {
        let found = coordinate_read::found(self.look_up(request.key).as_ref(), self.config.unites());
        cx.reply(request.op, found);
    }

    fn next_request(&mut self) -> RequestId {
        self.last_request.0 += 1;
        self.last_request
    }

    /// Says `line` unless the like was said too often lately.
    fn say(&mut self, cx: &mut Cx<'_>, topic: Topic, line: Line) {
        if self.chatter.admits(topic, cx.now) {
            cx.say(line);
        }
    }
}
