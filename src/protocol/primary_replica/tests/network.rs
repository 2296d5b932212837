//! A cluster in one value: a queue of messages, timers by virtual time, disks that flush after a fixed delay.

use super::super::{Durable, Message, PrimaryReplica, Record, Role};
use super::{Bench, Effects, config, request};
use crate::base::ids::{ClientId, NodeId, OpId, Value};
use crate::base::line::Line;
use crate::base::operation::{Action, Answer, Request};
use crate::base::random::Stream;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::view::{PrimaryReplicaView, ReplicaDetail};
use crate::protocol::{DiskPosition, Durable as _, Effect, Ghost, Input, Order, Protocol as _, Timer, Truth};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

const WAY: Span = Span::millis(1);
const FLUSH: Span = Span::millis(1);

enum Event {
    Deliver { from: u16, message: Message },
    Wake { timer: Timer, token: u64 },
    FlushDone { life: u32 },
    Shoot { target: u16 },
}

#[derive(Default)]
struct Host {
    bench: Option<Bench>,
    life: u32,
    disk: Durable,
    tail: VecDeque<Record>,
    flushed: DiskPosition,
    in_flight: Option<DiskPosition>,
    wants_flush: bool,
    timers: BTreeMap<Timer, u64>,
}

impl Host {
    fn absorb(&mut self, upto: DiskPosition) {
        while self.flushed < upto {
            let Some(record) = self.tail.pop_front() else { return };
            self.disk.persist(&record);
            self.flushed.0 += 1;
        }
    }
}

/// What links do to messages beside the cuts, per million.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather {
    pub(super) loss: u32,
    pub(super) duplicate: u32,
    /// Delays and flushes are drawn up to this much longer, so that messages overtake each other.
    pub(super) jitter: Span,
}

pub(super) struct Network {
    changes: Vec<(String, String)>,
    founders: usize,
    hosts: Vec<Host>,
    pub(super) now: VirtualTime,
    sequence: u64,
    agenda: BTreeMap<(VirtualTime, u64), (u16, Event)>,
    cuts: BTreeSet<(u16, u16)>,
    pub(super) weather: Weather,
    chance: Stream,
    ops: u32,
    /// For each operation every answer it was given, by whom.
    pub(super) answers: BTreeMap<OpId, Vec<(u16, Answer)>>,
    pub(super) lines: Vec<(VirtualTime, u16, Line)>,
    pub(super) ghosts: Vec<(u16, Ghost)>,
    pub(super) sent: Vec<Message>,
}

impl Network {
    pub(super) fn new(members: usize, changes: &[(&str, &str)], seed: u64) -> Network {
        let mut network = Network {
            changes: changes.iter().map(|(key, text)| (key.to_string(), text.to_string())).collect(),
            founders: members,
            hosts: (0..members).map(|_| Host::default()).collect(),
            now: VirtualTime::ZERO,
            sequence: 0,
            agenda: BTreeMap::new(),
            cuts: BTreeSet::new(),
            weather: Weather::default(),
            chance: Stream::new(seed, "test network"),
            ops: 0,
            answers: BTreeMap::new(),
            lines: Vec::new(),
            ghosts: Vec::new(),
            sent: Vec::new(),
        };
        (0..members as u16).for_each(|node| network.restart(node));
        network
    }

    fn config(&self) -> Arc<super::Config> {
        let changes: Vec<(&str, &str)> = self.changes.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        config(&changes)
    }

    pub(super) fn members(&self) -> u16 {
        self.hosts.len() as u16
    }

    // faults

    pub(super) fn is_up(&self, node: u16) -> bool {
        self.hosts[usize::from(node)].bench.is_some()
    }

    /// Starts `node` from its disk.
    pub(super) fn restart(&mut self, node: u16) {
        let (config, now, members) = (self.config(), self.now, self.founders);
        let host = &mut self.hosts[usize::from(node)];
        host.life += 1;
        let (bench, effects) = Bench::boot((node, members, host.life), config, host.disk.clone(), now);
        host.bench = Some(bench);
        self.perform(node, effects);
    }

    /// One more node starts, and asks to be let in.
    pub(super) fn add_node(&mut self) {
        self.hosts.push(Host::default());
        self.restart(self.members() - 1);
    }

    /// `primary` is told to take `node` out.
    pub(super) fn remove(&mut self, primary: u16, node: u16) {
        self.input(primary, Input::Operator(Order::Remove { node: NodeId(node) }));
    }

    /// The power fails: what was not flushed is gone.
    pub(super) fn power_off(&mut self, node: u16) {
        let host = &mut self.hosts[usize::from(node)];
        let (life, disk) = (host.life, std::mem::take(&mut host.disk));
        *host = Host { life, disk, ..Host::default() };
    }

    /// The process dies: a flush that had begun still ends.
    pub(super) fn kill_process(&mut self, node: u16) {
        let host = &mut self.hosts[usize::from(node)];
        if let Some(written) = host.in_flight {
            host.absorb(written);
        }
        self.power_off(node);
    }

    /// The disk is lost with everything on it.
    pub(super) fn wipe(&mut self, node: u16) {
        self.power_off(node);
        self.hosts[usize::from(node)].disk = Durable::default();
    }

    /// Cuts both directions between the groups; messages on the way there are lost.
    pub(super) fn partition(&mut self, groups: &[&[u16]]) {
        for (here, there) in groups.iter().flat_map(|a| groups.iter().map(move |b| (*a, *b))) {
            if here != there {
                here.iter().for_each(|&from| there.iter().for_each(|&to| self.cut(from, to)));
            }
        }
    }

    pub(super) fn cut(&mut self, from: u16, to: u16) {
        self.cuts.insert((from, to));
        self.agenda.retain(|_, (receiver, event)| {
            !matches!(event, Event::Deliver { from: sender, .. } if *sender == from && *receiver == to)
        });
    }

    pub(super) fn heal(&mut self) {
        self.cuts.clear();
    }

    // clients and operators

    /// A new write by `client`, asked of `node`.
    pub(super) fn write_by(&mut self, client: u16, node: u16, key: u32) -> OpId {
        self.ops += 1;
        let op = self.ops;
        let request = Request {
            client: ClientId(client),
            key: crate::base::Key(key),
            ..request(op, Action::write(Value(op)))
        };
        self.input(node, Input::Client(request));
        OpId(op)
    }

    pub(super) fn write(&mut self, node: u16, key: u32) -> OpId {
        self.write_by(0, node, key)
    }

    /// `op` again, asked of `node`.
    pub(super) fn resend(&mut self, op: OpId, client: u16, node: u16, key: u32) {
        let request = Request {
            client: ClientId(client),
            key: crate::base::Key(key),
            ..request(op.0, Action::write(Value(op.0)))
        };
        self.input(node, Input::Client(request));
    }

    pub(super) fn is_acked(&self, op: OpId) -> bool {
        let answers = self.answers.get(&op).into_iter().flatten();
        answers.into_iter().any(|(_, answer)| matches!(answer, Answer::Written(_)))
    }

    pub(super) fn acked(&self) -> BTreeSet<OpId> {
        self.answers.keys().copied().filter(|&op| self.is_acked(op)).collect()
    }

    /// Writes to `node` for a while, one each 10 ms.
    pub(super) fn load(&mut self, node: u16, span: Span) {
        let end = self.now + span;
        while self.now < end {
            let key = self.ops % 7;
            self.write(node, key);
            self.run_for(Span::millis(10));
        }
    }

    pub(super) fn promote(&mut self, node: u16) {
        self.input(node, Input::Operator(Order::Promote));
    }

    /// Asks `from` to hand over to `to`.
    pub(super) fn hand_over(&mut self, from: u16, to: u16) {
        self.input(from, Input::Operator(Order::HandOver { to: NodeId(to) }));
    }

    pub(super) fn set(&mut self, knob: &str, text: &str) {
        self.changes.push((knob.into(), text.into()));
        for node in 0..self.members() {
            let config = self.config();
            self.input(node, Input::Operator(Order::Configure(config)));
        }
    }

    // time

    pub(super) fn run_for(&mut self, span: Span) {
        let end = self.now + span;
        while self.agenda.first_key_value().is_some_and(|((at, _), _)| *at <= end) {
            self.advance();
        }
        self.now = end;
    }

    /// The next event happens; gives the node it happened to.
    pub(super) fn advance(&mut self) -> Option<u16> {
        let ((at, _), (node, event)) = self.agenda.pop_first()?;
        self.now = at;
        let host = &mut self.hosts[usize::from(node)];
        match event {
            Event::Deliver { from, message } => {
                self.input(node, Input::Message { from: NodeId(from), message });
            }
            Event::Wake { timer, token } if host.timers.get(&timer) == Some(&token) => {
                host.timers.remove(&timer);
                self.input(node, Input::Timer(timer));
            }
            Event::FlushDone { life } if life == host.life && host.bench.is_some() => {
                let upto = host.in_flight.take().expect("a flush that is done had begun");
                host.absorb(upto);
                self.input(node, Input::Flushed { upto });
                self.begin_flush(node);
            }
            Event::Shoot { target } => {
                let is_done = !self.cuts.contains(&(node, target));
                if is_done {
                    self.power_off(target);
                }
                self.input(node, Input::Fenced { target: NodeId(target), is_done });
            }
            _ => {}
        }
        Some(node)
    }

    fn input(&mut self, node: u16, input: Input<PrimaryReplica>) {
        let now = self.now;
        let Some(bench) = &mut self.hosts[usize::from(node)].bench else { return };
        bench.now = now;
        let effects = bench.step(input);
        self.perform(node, effects);
    }

    fn perform(&mut self, node: u16, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Send { to, message } => self.transmit(node, to.0, message),
                Effect::Reply(reply) => {
                    self.answers.entry(reply.op).or_default().push((node, reply.answer));
                }
                Effect::SetTimer { timer, after } => {
                    let token = self.schedule(node, after, |token| Event::Wake { timer, token });
                    self.hosts[usize::from(node)].timers.insert(timer, token);
                }
                Effect::CancelTimer(timer) => drop(self.hosts[usize::from(node)].timers.remove(&timer)),
                Effect::Append(record) => self.hosts[usize::from(node)].tail.push_back(record),
                Effect::Flush => {
                    let host = &mut self.hosts[usize::from(node)];
                    host.wants_flush |= !host.tail.is_empty();
                    self.begin_flush(node);
                }
                Effect::Fence { target, .. } => {
                    self.schedule(node, Span::ZERO, |_| Event::Shoot { target: target.0 });
                }
                // No processors here.
                Effect::Burden(_) | Effect::Busy(_) => {}
                Effect::Say(line) => self.lines.push((self.now, node, line)),
                Effect::Ghost(ghost) => self.ghosts.push((node, ghost)),
            }
        }
    }

    fn begin_flush(&mut self, node: u16) {
        let host = &mut self.hosts[usize::from(node)];
        if host.wants_flush && host.in_flight.is_none() && !host.tail.is_empty() {
            host.wants_flush = false;
            host.in_flight = Some(DiskPosition(host.flushed.0 + host.tail.len() as u64));
            let life = host.life;
            let delay = FLUSH + Span(self.chance.below(self.weather.jitter.0 + 1));
            self.schedule(node, delay, |_| Event::FlushDone { life });
        }
    }

    fn transmit(&mut self, from: u16, to: u16, message: Message) {
        self.sent.push(message.clone());
        if self.cuts.contains(&(from, to)) || self.chance.chance(self.weather.loss) {
            return;
        }
        let copies = 1 + u32::from(self.chance.chance(self.weather.duplicate));
        for _ in 0..copies {
            let delay = WAY + Span(self.chance.below(self.weather.jitter.0 + 1));
            let message = message.clone();
            self.schedule(to, delay, |_| Event::Deliver { from, message });
        }
    }

    fn schedule(&mut self, node: u16, after: Span, event: impl FnOnce(u64) -> Event) -> u64 {
        self.sequence += 1;
        self.agenda.insert((self.now + after, self.sequence), (node, event(self.sequence)));
        self.sequence
    }

    // judges

    pub(super) fn node(&self, node: u16) -> Option<&PrimaryReplica> {
        self.hosts.get(usize::from(node))?.bench.as_ref().map(|bench| &bench.node)
    }

    pub(super) fn living(&self) -> impl Iterator<Item = &PrimaryReplica> {
        (0..self.members()).filter_map(|node| self.node(node))
    }

    pub(super) fn primaries(&self) -> Vec<u16> {
        self.living().filter(|node| matches!(node.role, Role::Primary(_))).map(|node| node.me.0).collect()
    }

    pub(super) fn truth(&self) -> Truth {
        let nodes: Vec<_> = (0..self.members()).map(|node| self.node(node)).collect();
        PrimaryReplica::truth(&nodes)
    }

    pub(super) fn survivors(&self) -> BTreeSet<OpId> {
        match self.truth().survivors {
            crate::protocol::Survivors::Log(remains) => remains.ops,
            other => panic!("primary-replica has one log, not {other:?}"),
        }
    }

    pub(super) fn picture(&self, node: u16) -> PrimaryReplicaView {
        match self.node(node).expect("the node is up").view(self.now).detail {
            ReplicaDetail::PrimaryReplica(view) => *view,
            other => panic!("a primary-replica node shows {other:?}"),
        }
    }

    pub(super) fn count_lines(&self, code: &str) -> usize {
        self.lines.iter().filter(|(_, _, line)| line.code() == code).count()
    }
}
