//! The world of one run: everything but the nodes' own states. It hands a job to a host whenever a node must take
//! a step, and takes the effects back; between two jobs it does all that needs no node.
//!
//! ```text
//!      turn() -> Job { node, now, work } -> host runs the node -> absorb(effects)
//! ```
//!
//! What comes out depends only on the setup, the commands and the nodes' answers, never on which host ran them.

use super::agenda::Agenda;
use super::catch_up::CatchUps;
use super::causes::{Cause, Causes};
use super::clients::Clients;
use super::facts::{Facts, Noting, What};
use super::faults::Faults;
use super::footprints::Footprints;
use super::ledger::Ledger;
use super::machine::{Done, Machine, StepNote, Work};
use super::network::{FlightRef, Network};
use super::rules::RuleWatch;
use super::spec::{RunSetup, Site};
use super::spread::Spread;
use super::suspicions::Suspicions;
use super::tally::Tally;
use super::trace::{Mark, Trace};
use super::view::{DropReason, Health, MessageCounts};
use super::workload::Workload;
use crate::base::bits::Bits;
use crate::base::command::{Command, CrashKind, NodeRef};
use crate::base::delay::DelayTable;
use crate::base::ids::{NodeId, OpId};
use crate::base::knob::Knobs;
use crate::base::line::Line;
use crate::base::names::Names;
use crate::base::operation::Reply;
use crate::base::random::Keyed;
use crate::base::time::{VirtualTime, WallTime};
use crate::protocol::{Durable, Effect, Input, Message, Protocol, Sizes, Surroundings, Timer, Traffic};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The length of a key in the size model.
const KEY_BYTES: u64 = 8;

/// What is on the agenda.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A message reaches its receiver.
    Arrive(FlightRef),
    /// A processor is done with the front of its queue.
    Complete { node: NodeId, token: u64 },
    /// A timer runs out.
    Timer { node: NodeId, timer: Timer, token: u64 },
    /// A flush is done.
    Flushed { node: NodeId, incarnation: u32 },
    /// The load brings the next operation.
    Arrival { generation: u32 },
    /// A request reaches a node.
    Request { op: OpId, node: NodeId },
    /// A client asks the next node in turn.
    AskAgain { op: OpId },
    /// A client sends a silent operation again.
    Resend { op: OpId, left: u32 },
    /// An answer reaches its client.
    Answer { node: NodeId, number: u64 },
    /// A write was acknowledged a while ago.
    Probe { write: OpId },
    /// An operation's time is up.
    Deadline { op: OpId },
    /// A fault that was to last so long is over.
    FaultOver { number: u32 },
    /// The fencer acts.
    Fence { by: NodeId, target: NodeId, success_ppm: u32 },
}

/// A step that a node must take.
#[derive(Debug)]
pub struct Job<P: Protocol> {
    /// The node.
    pub node: NodeId,
    /// The instant.
    pub now: VirtualTime,
    /// What its wall clock shows.
    pub wall: WallTime,
    /// Whether its disk is full.
    pub disk_full: bool,
    /// Which life of the node this is.
    pub incarnation: u32,
    /// The knobs, for a node that boots: they may have been turned while it was down.
    pub config: Option<Arc<P::Config>>,
    /// Boot or step.
    pub work: Work<P>,
}

/// What the world did in one turn.
#[derive(Debug)]
pub enum Turn<P: Protocol> {
    /// A node must take a step before anything else happens.
    Step(Job<P>),
    /// A node's step is due that [`World::foresee`] has handed out already; its effects must be absorbed now.
    Foreseen {
        /// The node.
        node: NodeId,
        /// The life that took it.
        incarnation: u32,
    },
    /// One event was handled without any node.
    Handled,
    /// Nothing is due before the limit; the clock stands at the limit now.
    Idle,
}

/// The world of one run.
#[derive(Clone, Debug)]
pub struct World<P: Protocol> {
    pub(super) setup: Arc<RunSetup>,
    pub(super) knobs: Arc<Knobs>,
    pub(super) config: Arc<P::Config>,
    pub(super) now: VirtualTime,
    pub(super) agenda: Agenda<Event>,
    pub(super) machines: Vec<Machine<P>>,
    /// How many of them, from the first, are nodes of the cluster; the others are spare.
    pub(super) started: usize,
    /// Those that are not down.
    pub(super) live: Bits,
    pub(super) network: Network<P::Message>,
    pub(super) faults: Faults,
    pub(super) clients: Clients,
    pub(super) workload: Workload,
    pub(super) load_generation: u32,
    pub(super) ledger: Ledger,
    pub(super) facts: Facts,
    /// Answers on a slow way to their clients.
    pub(super) answers: BTreeMap<u64, Reply>,
    pub(super) tally: Tally,
    pub(super) suspicions: Suspicions,
    pub(super) catch_ups: CatchUps,
    /// When operators did something.
    pub(super) by_operators: Vec<VirtualTime>,
    pub(super) spread: Spread,
    pub(super) rules: RuleWatch,
    pub(super) trace: Trace,
    pub(super) causes: Causes,
    pub(super) names: Arc<Names>,
    flush: DelayTable,
    flushes: Vec<(Keyed, u64)>,
    /// Each node's fencer, with how often it has been used.
    fencers: Vec<(Keyed, u64)>,
    /// What was on the disks when an operator took a backup.
    pub(super) backup: Option<super::operators::Backup<P::Durable>>,
    token: u64,
    handled: u64,
    /// When the last event was handled.
    last_at: VirtualTime,
    /// Messages that have reached each machine.
    received: Vec<u64>,
    footprints: Footprints,
}

/// What the cluster of `setup` is told of its world.
pub(super) fn surroundings(setup: &RunSetup) -> Surroundings {
    let members = setup.cluster.nodes;
    let sites = match setup.cluster.sites.is_empty() {
        true => Vec::new(),
        false => (0..members).map(|node| setup.cluster.site_of(NodeId::at(node))).collect(),
    };
    let sizes = Sizes { key: KEY_BYTES, value: setup.workload.value_bytes };
    Surroundings { members, seed: setup.seed, sizes, sites }
}

/// What nodes and sites are called; sites in the order of [`Surroundings::places`].
fn names(setup: &RunSetup) -> Names {
    let is_used = |site: &&Site| !site.nodes.is_empty();
    let sites = setup.cluster.sites.iter().filter(is_used).map(|site| site.name.clone());
    Names::new(setup.cluster.names.clone()).with_sites(sites.collect())
}

impl<P: Protocol> World<P> {
    /// The world of `setup` at its beginning: every node is about to boot.
    pub fn new(setup: RunSetup) -> Self {
        let (members, machines) = (setup.cluster.nodes, setup.cluster.machines());
        let around = surroundings(&setup);
        let config = Arc::new(P::config(&setup.knobs, &around));
        let routing = P::routing(&config);
        let places = if routing.is_by_site { around.places() } else { Vec::new() };
        let disk = |node: usize| (Keyed::new(setup.seed, &format!("disk:{}", NodeId::at(node))), 0);
        let fencer = |node: usize| (Keyed::new(setup.seed, &format!("fencer:{}", NodeId::at(node))), 0);
        let mut world = World {
            knobs: Arc::new(setup.knobs.clone()),
            config,
            now: VirtualTime::ZERO,
            agenda: Agenda::default(),
            machines: (0..machines).map(|node| Machine::new(NodeId::at(node), node < members)).collect(),
            started: members,
            live: Bits::below(members),
            network: Network::new(setup.seed, &setup.cluster, &setup.network, around.sizes),
            faults: Faults::default(),
            clients: Clients::new(
                setup.seed,
                &setup.workload,
                (members, machines),
                routing,
                setup.knobs.node("primary"),
            )
            .in_sites(places.clone()),
            workload: Workload::new(setup.seed, &setup.workload),
            load_generation: 0,
            ledger: Ledger::default(),
            facts: Facts::default(),
            answers: BTreeMap::new(),
            tally: Tally::new(machines).in_sites(places),
            suspicions: Suspicions::default(),
            catch_ups: CatchUps::default(),
            by_operators: Vec::new(),
            spread: Spread::default(),
            rules: RuleWatch::default(),
            trace: Trace::new(machines),
            causes: Causes::default(),
            names: Arc::new(names(&setup)),
            flush: DelayTable::new(setup.cluster.flush),
            flushes: (0..machines).map(disk).collect(),
            fencers: (0..machines).map(fencer).collect(),
            backup: None,
            token: 0,
            handled: 0,
            last_at: VirtualTime::ZERO,
            received: vec![0; machines],
            footprints: Footprints::default(),
            setup: Arc::new(setup),
        };
        (0..members).for_each(|node| world.wake(NodeId::at(node)));
        world.schedule_arrival();
        world
    }

    /// The instant at which the world stands.
    pub fn now(&self) -> VirtualTime {
        self.now
    }

    /// When the next event is due.
    pub fn next_at(&self) -> Option<VirtualTime> {
        self.agenda.next_at()
    }

    /// Events handled since the beginning.
    pub fn handled(&self) -> u64 {
        self.handled
    }

    /// When the last event was handled; zero before the first.
    pub fn last_at(&self) -> VirtualTime {
        self.last_at
    }

    /// Messages that have reached `node` so far.
    pub fn received(&self, node: NodeId) -> u64 {
        self.received.get(node.index()).copied().unwrap_or(0)
    }

    /// What its events have left behind.
    pub fn footprints(&self) -> Footprints {
        let mut footprints = self.footprints.clone();
        footprints.take(self.handled, self.last_at, self.trace.digest());
        footprints
    }

    /// The last event is over: what comes now belongs to the next one.
    pub(super) fn leave_footprint(&mut self) {
        self.footprints.take(self.handled, self.last_at, self.trace.digest());
    }

    /// Its trace.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Its counts.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Its ledger of operations.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The books of its network.
    pub fn messages(&self) -> MessageCounts {
        self.network.counts()
    }

    /// Operations whose clients still wait.
    pub fn open_operations(&self) -> usize {
        self.clients.open_count()
    }

    /// What nodes, keys and values are called.
    pub fn names(&self) -> Arc<Names> {
        Arc::clone(&self.names)
    }

    /// Nodes there are or were, added ones included.
    pub(super) fn members(&self) -> usize {
        self.started
    }

    /// Handles the next event that is due before `limit`.
    pub fn turn(&mut self, limit: VirtualTime) -> Turn<P> {
        let Some((at, event)) = self.agenda.pop_before(limit) else {
            self.now = self.now.max(limit.min(VirtualTime(u64::MAX - 1)));
            return Turn::Idle;
        };
        self.leave_footprint();
        (self.now, self.last_at) = (at, at);
        self.handled += 1;
        match event {
            Event::Complete { node, token } => match self.machines[node.index()].complete(token) {
                Some(Done::Work(work, note)) => {
                    self.note_step(node, note);
                    return Turn::Step(self.job(node, self.now, work));
                }
                Some(Done::Foreseen(note)) => {
                    self.note_step(node, note);
                    return Turn::Foreseen { node, incarnation: self.machines[node.index()].incarnation };
                }
                None => return Turn::Handled,
            },
            Event::Arrive(flight) => self.arrive(flight),
            Event::Timer { node, timer, token } => {
                if let Some(set_in) = self.machines[node.index()].take_timer(timer, token) {
                    self.queue_because(node, Input::Timer(timer), Cause::Timer { set_in });
                }
            }
            Event::Flushed { node, incarnation } => self.flushed(node, incarnation),
            Event::Arrival { generation } => self.arrival(generation),
            Event::Request { op, node } => self.request_arrives(op, node),
            Event::AskAgain { op } => self.ask_next(op),
            Event::Resend { op, left } => self.resend(op, left),
            Event::Answer { node, number } => self.delayed_answer_arrives(node, number),
            Event::Probe { write } => self.probe(write),
            Event::Deadline { op } => self.deadline(op),
            Event::FaultOver { number } => self.fault_over(number),
            Event::Fence { by, target, success_ppm } => self.shoot(by, target, success_ppm),
        }
        Turn::Handled
    }

    /// Steps that are certain to be taken before `limit`, as long as no command comes in between: work that other
    /// processors are already busy with. A host may run them at once, because no node can reach another within the
    /// time its processor takes; their effects still wait for their turn (conservative lookahead).
    pub fn foresee(&mut self, limit: VirtualTime, jobs: &mut Vec<Job<P>>) {
        for node in (0..self.members()).map(NodeId::at) {
            if let Some((at, work)) = self.machines[node.index()].foresee(limit) {
                jobs.push(self.job(node, at, work));
            }
        }
    }

    /// Books a step that a node takes now.
    fn note_step(&mut self, node: NodeId, note: StepNote) {
        self.trace.note(self.now, note.mark, Some(node), [note.detail, 0]);
        self.trace.count_step();
        self.tally.step(self.now, node);
        self.causes.step(self.now, node, note.cause);
    }

    fn job(&self, node: NodeId, now: VirtualTime, work: Work<P>) -> Job<P> {
        Job {
            node,
            now,
            wall: WallTime(now.0 as i64 + self.faults.clock_error_us(node, now)),
            disk_full: self.faults.is_disk_full(node),
            incarnation: self.machines[node.index()].incarnation,
            config: matches!(work, Work::Boot(_)).then(|| Arc::clone(&self.config)),
            work,
        }
    }

    /// Puts the effects of a step on the agenda, in order, and lets the node's processor go on.
    pub fn absorb(&mut self, node: NodeId, effects: &mut Vec<Effect<P>>) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { to, message } => self.send(node, to, message),
                Effect::Reply(reply) => self.reply(node, reply),
                Effect::SetTimer { timer, after } => {
                    self.token += 1;
                    self.machines[node.index()].set_timer(timer, self.token, self.causes.now());
                    self.agenda.push(self.now + after, Event::Timer { node, timer, token: self.token });
                }
                Effect::CancelTimer(timer) => self.machines[node.index()].cancel_timer(timer),
                Effect::Append(record) => {
                    let (now, facts) = (self.now, &mut self.facts);
                    if facts.are_kept() {
                        P::Durable::keeps(&record, &mut |op| facts.note(now, op, What::Appended { node }));
                    }
                    self.machines[node.index()].disk.append(record);
                }
                Effect::Flush => {
                    let is_full = self.faults.is_disk_full(node);
                    self.machines[node.index()].flush_asked_in = self.causes.now();
                    if self.machines[node.index()].disk.request_flush(is_full) {
                        self.schedule_flush(node);
                    }
                }
                Effect::Fence { target, success_ppm } => {
                    self.agenda.push(self.now, Event::Fence { by: node, target, success_ppm });
                }
                Effect::Burden(percent) => self.machines[node.index()].burden_percent = percent,
                Effect::Busy(span) => self.machines[node.index()].add_work(span),
                Effect::Say(line) => self.say(Some(node), line),
                Effect::Ghost(_) if self.facts.noting == Noting::Nothing => {}
                Effect::Ghost(ghost) => self.learn(node, ghost),
            }
        }
        self.causes.end_step();
        self.wake(node);
    }

    /// A node's code panicked: it becomes that node's crash, with the text in its log.
    pub fn absorb_panic(&mut self, node: NodeId, text: &str) {
        self.trace.note(self.now, Mark::Panic, Some(node), [0, 0]);
        self.say(Some(node), Line::Panicked { text: text.into() });
        self.crash(node, CrashKind::Process);
        self.causes.end_step();
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: P::Message) {
        assert!(from != to, "a node sends no message to itself");
        let bytes = message.bytes(self.network.sizes());
        let traffic = message.traffic();
        self.tally.message(self.now, traffic, bytes);
        if let Traffic::Resync | Traffic::Repair | Traffic::Compare = traffic {
            self.catch_ups.send(to, bytes);
        }
        let id = self.network.next_id();
        let name = message.label().name;
        self.facts.carried(self.now, &message, What::Sent { message: id, from, to, name });
        self.trace.sent(self.now, (from, to), message.label().name, (self.network.next_id(), bytes));
        let scheduled = self.network.send(self.now, (from, to), (message, bytes), self.causes.now());
        for (at, flight) in scheduled.into_iter().flatten() {
            self.agenda.push(at, Event::Arrive(flight));
        }
        self.note_losses();
    }

    fn arrive(&mut self, flight: FlightRef) {
        let Some(landed) = self.network.land(flight) else { return };
        if self.machines[landed.to.index()].health == Health::Down {
            self.network.bounce(self.now, &landed, DropReason::Down);
            return self.note_losses();
        }
        self.received[landed.to.index()] += 1;
        self.facts.carried(self.now, &landed.message, What::Arrived { message: landed.id });
        let (name, from, sent_in) = (landed.message.label().name, landed.from, landed.sent_in);
        self.trace.received(self.now, (from, landed.to), name, landed.id);
        let input = Input::Message { from, message: landed.message };
        self.queue_because(landed.to, input, Cause::Message { name, from, sent_in });
    }

    /// Gives a node an input and its processor a push.
    pub(super) fn queue(&mut self, node: NodeId, input: Input<P>) {
        let cause =
            if let Input::Client(request) = &input { Cause::Client(request.op) } else { Cause::Order };
        self.queue_because(node, input, cause);
    }

    fn queue_because(&mut self, node: NodeId, input: Input<P>, cause: Cause) {
        self.machines[node.index()].queue(Work::Step(input), cause);
        self.wake(node);
    }

    pub(super) fn wake(&mut self, node: NodeId) {
        let usual = self.setup.cluster.service * u64::from(self.faults.cpu_factor(node));
        if let Some((token, done_at)) = self.machines[node.index()].begin(self.now, usual) {
            self.agenda.push(done_at, Event::Complete { node, token });
        }
    }

    /// The fencer cuts the power of `target`, if it can be reached from `by` and luck will have it. What it has shot
    /// stays down until it is healed, like any crash.
    fn shoot(&mut self, by: NodeId, target: NodeId, success_ppm: u32) {
        let (chance, shots) = &mut self.fencers[by.index()];
        *shots += 1;
        let is_done = chance.chance(*shots, 0, success_ppm) && !self.network.is_cut(by, target);
        if is_done && self.machines[target.index()].health != Health::Down {
            let command = Command::Crash { node: NodeRef::Named(target), kind: CrashKind::Power };
            let text = format!("{} (by the fencer of {})", command.spell(&self.names), self.names.node(by));
            let shot = self.crash_command(&command, &text.into(), target, CrashKind::Power);
            assert!(shot.is_ok(), "a node that runs can be crashed");
        }
        if self.machines[by.index()].health != Health::Down {
            self.queue(by, Input::Fenced { target, is_done });
        }
    }

    fn schedule_flush(&mut self, node: NodeId) {
        let (chance, number) = &mut self.flushes[node.index()];
        *number += 1;
        let takes = self.flush.sample(chance.bits(*number, 0)) * u64::from(self.faults.disk_factor(node));
        let incarnation = self.machines[node.index()].incarnation;
        self.agenda.push(self.now + takes, Event::Flushed { node, incarnation });
    }

    fn flushed(&mut self, node: NodeId, incarnation: u32) {
        let machine = &mut self.machines[node.index()];
        if machine.incarnation != incarnation || machine.health == Health::Down {
            return;
        }
        let (now, facts) = (self.now, &mut self.facts);
        for record in machine.disk.in_flight() {
            P::Durable::keeps(record, &mut |op| facts.note(now, op, What::Flushed { node }));
        }
        let Some(upto) = machine.disk.finish() else { return };
        let asked_in = machine.flush_asked_in;
        self.queue_because(node, Input::Flushed { upto }, Cause::Flushed { asked_in });
        self.begin_flush(node);
    }

    /// Begins the next flush if one is wanted.
    pub(super) fn begin_flush(&mut self, node: NodeId) {
        let is_full = self.faults.is_disk_full(node);
        if self.machines[node.index()].disk.begin(is_full) {
            self.schedule_flush(node);
        }
    }

    /// The process of `node` dies; its disk keeps what `kind` says. Clients see their connections reset.
    pub(super) fn crash(&mut self, node: NodeId, kind: CrashKind) {
        let machine = &mut self.machines[node.index()];
        machine.crash(self.now);
        if kind == CrashKind::Process {
            // What the operating system has is safe.
            let (now, facts) = (self.now, &mut self.facts);
            for record in machine.disk.in_flight() {
                P::Durable::keeps(record, &mut |op| facts.note(now, op, What::Flushed { node }));
            }
        }
        let lost_records = machine.disk.crash(kind);
        if kind != CrashKind::Process {
            self.network.lose_unsent(self.now, node);
            self.note_losses();
        }
        self.facts.note(self.now, None, What::Crashed { node, kind });
        self.tally.hints(self.now, node, 0);
        self.catch_ups.give_up(node);
        self.live.remove(node.index());
        self.spread.lose(self.now, &self.live);
        self.say(Some(node), Line::Crash { kind, lost_records });
        self.reset_connections(node);
    }

    pub(super) fn schedule_arrival(&mut self) {
        if let Some(at) = self.workload.next_after(self.now) {
            self.agenda.push(at, Event::Arrival { generation: self.load_generation });
        }
    }

    /// The load has changed: the arrival that was scheduled is void, the next one is drawn anew.
    pub(super) fn reschedule_arrival(&mut self) {
        self.load_generation += 1;
        self.schedule_arrival();
    }
}
