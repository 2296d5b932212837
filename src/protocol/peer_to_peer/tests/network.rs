//! A cluster in one value: messages take a millisecond, flushes another, faults are cuts and crashes.

use super::super::{Config, Durable, Message, Move, PeerToPeer, Phase, Record};
use super::{config, request};
use crate::base::ids::{Key, NodeId, OpId, Value};
use crate::base::line::Line;
use crate::base::operation::{Action, Answer};
use crate::base::random::Stream;
use crate::base::time::{Span, VirtualTime, WallTime};
use crate::protocol::view::{PeerStatus, ReplicaDetail};
use crate::protocol::{
    Context, DiskPosition, Durable as _, Effect, Ghost, Input, Order, Protocol as _, Timer, Truth,
};
use std::collections::BTreeMap;
use std::sync::Arc;

const WAY: Span = Span::millis(1);
const FLUSH: Span = Span::millis(1);

enum Event {
    Deliver { from: NodeId, message: Message },
    Wake { timer: Timer, token: u64 },
    Flushed { life: u32, upto: DiskPosition },
}

struct Host {
    node: Option<PeerToPeer>,
    random: Stream,
    life: u32,
    clock_error_us: i64,
    disk: Durable,
    /// Appended and not flushed, with positions.
    tail: Vec<(DiskPosition, Record)>,
    appended: DiskPosition,
    timers: BTreeMap<Timer, u64>,
}

pub(super) struct Network {
    config: Arc<Config>,
    hosts: Vec<Host>,
    founders: usize,
    now: VirtualTime,
    sequence: u64,
    agenda: BTreeMap<(VirtualTime, u64), (NodeId, Event)>,
    groups: Vec<u8>,
    ops: u32,
    pub(super) answers: BTreeMap<OpId, Answer>,
    pub(super) lines: Vec<(VirtualTime, NodeId, Line)>,
    pub(super) ghosts: Vec<Ghost>,
}

impl Network {
    pub(super) fn new(members: usize, changes: &[(&str, &str)], seed: u64) -> Network {
        Network::with_spares(members, 0, changes, seed)
    }

    /// A cluster of `members` and machines that may join it later.
    pub(super) fn with_spares(members: usize, spares: usize, changes: &[(&str, &str)], seed: u64) -> Network {
        let host = |at: usize| Host {
            node: None,
            random: Stream::new(seed, &format!("timer:{at}")),
            life: 0,
            clock_error_us: 0,
            disk: Durable::default(),
            tail: Vec::new(),
            appended: DiskPosition(0),
            timers: BTreeMap::new(),
        };
        let mut network = Network {
            config: Arc::new(config(members, changes, seed)),
            hosts: (0..members + spares).map(host).collect(),
            founders: members,
            now: VirtualTime::ZERO,
            sequence: 0,
            agenda: BTreeMap::new(),
            groups: vec![0; members + spares],
            ops: 0,
            answers: BTreeMap::new(),
            lines: Vec::new(),
            ghosts: Vec::new(),
        };
        (0..members as u16).for_each(|node| network.start(node));
        network
    }

    /// Starts `node` from its disk.
    pub(super) fn start(&mut self, node: u16) {
        let host = &mut self.hosts[usize::from(node)];
        host.life += 1;
        host.appended = DiskPosition(0);
        let (disk, config) = (host.disk.clone(), Arc::clone(&self.config));
        self.act(NodeId(node), |slot, cx| *slot = Some(PeerToPeer::boot(cx, config, disk)));
    }

    /// Power failure: what was not flushed is gone.
    pub(super) fn crash(&mut self, node: u16) {
        let host = &mut self.hosts[usize::from(node)];
        host.node = None;
        host.tail.clear();
        host.timers.clear();
    }

    pub(super) fn is_running(&self, node: u16) -> bool {
        self.hosts[usize::from(node)].node.is_some()
    }

    /// Orders `node` to move.
    pub(super) fn order(&mut self, node: u16, how: Move, is_forced: bool) {
        self.step(NodeId(node), Input::Operator(Order::Move { how, is_forced }));
    }

    /// How far `node` is, as it knows itself.
    pub(super) fn phase(&self, node: u16) -> Option<Phase> {
        self.hosts[usize::from(node)].node.as_ref().and_then(|it| it.ring.phase(NodeId(node)))
    }

    /// Whether every living node that is or was on the ring knows the same ring, on which nobody moves.
    pub(super) fn agree_on_the_ring(&self) -> bool {
        let nodes = self.hosts.iter().filter_map(|host| host.node.as_ref());
        let mut rings = nodes.filter(|it| it.ring.phase(it.me).is_some()).map(|it| &it.ring);
        let Some(first) = rings.next() else { return true };
        first.moving().next().is_none() && rings.all(|ring| ring.rows() == first.rows())
    }

    /// Keys that `node` holds and does not own.
    pub(super) fn foreign_keys(&self, node: u16) -> usize {
        let Some(it) = &self.hosts[usize::from(node)].node else { return 0 };
        it.store.iter().filter(|(key, _)| !it.ring.takes(*key, it.me)).count()
    }

    /// Empties the disk of a crashed node.
    pub(super) fn wipe(&mut self, node: u16) {
        self.hosts[usize::from(node)].disk = Durable::default();
    }

    pub(super) fn set_clock(&mut self, node: u16, error_us: i64) {
        self.hosts[usize::from(node)].clock_error_us = error_us;
    }

    /// Nodes of different groups hear nothing of each other; messages on the way are lost.
    pub(super) fn partition(&mut self, groups: &[u8]) {
        self.groups = groups.to_vec();
    }

    pub(super) fn heal(&mut self) {
        self.groups.fill(0);
    }

    /// A client asks `node`; the operation's number finds the answer.
    pub(super) fn ask(&mut self, node: u16, key: u32, action: Action) -> OpId {
        self.ops += 1;
        let input = Input::Client(request(self.ops, Key(key), action));
        self.step(NodeId(node), input);
        OpId(self.ops)
    }

    /// A write of a value of its own.
    pub(super) fn write(&mut self, node: u16, key: u32) -> OpId {
        self.ask(node, key, Action::write(Value(self.ops + 1)))
    }

    /// Asks and lets the world go on until the answer is there.
    pub(super) fn answer(&mut self, node: u16, key: u32, action: Action) -> Answer {
        let op = self.ask(node, key, action);
        while !self.answers.contains_key(&op) {
            assert!(self.advance(), "{op} is never answered");
        }
        self.answers[&op].clone()
    }

    /// The write that a read at `node` finds.
    pub(super) fn read(&mut self, node: u16, key: u32) -> Option<OpId> {
        match self.answer(node, key, Action::Read) {
            Answer::Found(found) => found.map(|found| found.written_by),
            other => panic!("the read of k{key} failed: {other:?}"),
        }
    }

    pub(super) fn run_for(&mut self, span: Span) {
        let end = self.now + span;
        while self.agenda.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            self.advance();
        }
        self.now = end;
    }

    /// Runs until `is_so`, at most `limit`; how long it took.
    pub(super) fn run_until(&mut self, limit: Span, is_so: impl Fn(&Network) -> bool) -> Option<Span> {
        let began = self.now;
        while !is_so(self) {
            if self.now.since(began) > limit {
                return None;
            }
            self.run_for(Span::millis(10));
        }
        Some(self.now.since(began))
    }

    pub(super) fn truth(&self) -> Truth {
        let nodes: Vec<Option<&PeerToPeer>> = self.hosts.iter().map(|host| host.node.as_ref()).collect();
        PeerToPeer::truth(&nodes)
    }

    /// Whether every living node thinks so of `node`.
    pub(super) fn all_think(&self, node: u16, status: PeerStatus) -> bool {
        let living = self.hosts.iter().filter_map(|host| host.node.as_ref());
        living
            .filter(|other| other.me != NodeId(node))
            .all(|other| other.detector.status(NodeId(node)) == status)
    }

    pub(super) fn agree_all_are_up(&self) -> bool {
        (0..self.hosts.len() as u16).all(|node| self.all_think(node, PeerStatus::Alive))
    }

    pub(super) fn hint_bytes(&self) -> u64 {
        let views = self.hosts.iter().filter_map(|host| Some(host.node.as_ref()?.view(self.now).detail));
        views
            .map(|detail| match detail {
                ReplicaDetail::PeerToPeer(view) => view.hints.iter().map(|hint| hint.bytes).sum::<u64>(),
                ReplicaDetail::PrimaryReplica(_) => panic!("a peer-to-peer node shows a peer-to-peer view"),
            })
            .sum()
    }

    /// Requests that some node still coordinates.
    pub(super) fn pending(&self) -> usize {
        let nodes = self.hosts.iter().filter_map(|host| host.node.as_ref());
        nodes.map(|node| node.writes.len() + node.reads.len()).sum()
    }

    pub(super) fn count_lines(&self, code: &str) -> usize {
        self.lines.iter().filter(|(_, _, line)| line.code() == code).count()
    }

    fn advance(&mut self) -> bool {
        let Some(((at, _), (to, event))) = self.agenda.pop_first() else { return false };
        self.now = at;
        let host = &mut self.hosts[to.index()];
        let input = match event {
            Event::Deliver { from, .. } if self.groups[from.index()] != self.groups[to.index()] => {
                return true;
            }
            Event::Deliver { from, message } => Input::Message { from, message },
            Event::Wake { timer, token } if host.timers.get(&timer) == Some(&token) => {
                host.timers.remove(&timer);
                Input::Timer(timer)
            }
            Event::Flushed { life, upto } if life == host.life && host.node.is_some() => {
                for (_, record) in host.tail.extract_if(.., |(position, _)| *position <= upto) {
                    host.disk.persist(&record);
                }
                Input::Flushed { upto }
            }
            Event::Wake { .. } | Event::Flushed { .. } => return true,
        };
        self.step(to, input);
        true
    }

    fn step(&mut self, to: NodeId, input: Input<PeerToPeer>) {
        self.act(to, |slot, cx| {
            if let Some(node) = slot {
                node.step(cx, input);
            }
        });
    }

    fn act(&mut self, at: NodeId, act: impl FnOnce(&mut Option<PeerToPeer>, &mut Context<'_, PeerToPeer>)) {
        let (members, now) = (self.founders, self.now);
        let host = &mut self.hosts[at.index()];
        let mut effects = Vec::new();
        let mut cx = Context {
            me: at,
            members,
            now,
            wall: WallTime(now.0 as i64 + host.clock_error_us),
            disk_full: false,
            incarnation: host.life,
            random: &mut host.random,
            appended: &mut host.appended,
            effects: &mut effects,
        };
        act(&mut host.node, &mut cx);
        let mut appended =
            host.appended.0 - effects.iter().filter(|e| matches!(e, Effect::Append(_))).count() as u64;
        for effect in effects {
            if let Effect::Append(record) = &effect {
                appended += 1;
                self.hosts[at.index()].tail.push((DiskPosition(appended), record.clone()));
            }
            self.carry_out(at, effect);
        }
    }

    fn carry_out(&mut self, at: NodeId, effect: Effect<PeerToPeer>) {
        let host = &mut self.hosts[at.index()];
        match effect {
            Effect::Send { to, message } => self.schedule(WAY, to, Event::Deliver { from: at, message }),
            Effect::Reply(reply) => {
                assert_eq!(self.answers.insert(reply.op, reply.answer), None, "answered twice")
            }
            Effect::SetTimer { timer, after } => {
                host.timers.insert(timer, self.sequence);
                self.schedule(after, at, Event::Wake { timer, token: self.sequence });
            }
            Effect::CancelTimer(timer) => drop(host.timers.remove(&timer)),
            Effect::Flush => {
                let (life, upto) = (host.life, host.appended);
                self.schedule(FLUSH, at, Event::Flushed { life, upto });
            }
            Effect::Say(line) => self.lines.push((self.now, at, line)),
            Effect::Fence { .. } | Effect::Burden(_) | Effect::Busy(_) => {}
            Effect::Ghost(ghost) => self.ghosts.push(ghost),
            Effect::Append(_) => {}
        }
    }

    fn schedule(&mut self, after: Span, to: NodeId, event: Event) {
        self.agenda.insert((self.now + after, self.sequence), (to, event));
        self.sequence += 1;
    }
}
