//! What a node runs on: a process that can pause and crash, one processor with a queue, timers, a disk.

use super::causes::{Cause, StepId};
use super::disk::Disk;
use super::trace::Mark;
use super::view::Health;
use crate::base::ids::NodeId;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::{Input, Protocol, Timer};
use std::collections::{BTreeMap, VecDeque};

/// What waits for a node's processor.
#[derive(Clone, Debug)]
pub enum Work<P: Protocol> {
    /// Start from this disk image.
    Boot(P::Durable),
    /// Take this input.
    Step(Input<P>),
}

/// One machine.
#[derive(Clone, Debug)]
pub struct Machine<P: Protocol> {
    /// The node it hosts.
    pub node: NodeId,
    /// Whether its process lives.
    pub health: Health,
    /// Since when.
    pub since: VirtualTime,
    /// Which life of the process this is, from 1.
    pub incarnation: u32,
    /// Its disk.
    pub disk: Disk<P::Durable>,
    inbox: VecDeque<(Work<P>, Cause)>,
    /// Guards against the completion of work that a crash or pause interrupted.
    token: u64,
    /// When the work in progress will be done.
    busy_until: Option<VirtualTime>,
    /// What the trace will say of that work, if it has been handed out ahead of time.
    foreseen: Option<StepNote>,
    /// Each with its token and the step that set it.
    timers: BTreeMap<Timer, (u64, StepId)>,
    /// The step that asked for the last flush.
    pub flush_asked_in: StepId,
    /// What a step costs, in per cent of the usual.
    pub burden_percent: u32,
    /// What the next step takes longer because of other work.
    extra_work: Span,
}

/// The front of the queue, done.
#[derive(Debug)]
pub enum Done<P: Protocol> {
    /// To be run now.
    Work(Work<P>, StepNote),
    /// It was handed out ahead of time by [`Machine::foresee`]; its effects are due now.
    Foreseen(StepNote),
}

/// What the trace says of a step: its kind, and one telling number.
#[derive(Clone, Copy, Debug)]
pub struct StepNote {
    /// The kind.
    pub mark: Mark,
    /// The sender, operation, timer or position.
    pub detail: u64,
    /// What caused it.
    pub cause: Cause,
}

impl<P: Protocol> Work<P> {
    /// What the trace will say of it.
    fn note(&self, cause: Cause) -> StepNote {
        let (mark, detail) = match self {
            Work::Boot(_) => (Mark::Boot, 0),
            Work::Step(Input::Message { from, .. }) => (Mark::Message, u64::from(from.0)),
            Work::Step(Input::Client(request)) => (Mark::Client, u64::from(request.op.0)),
            Work::Step(Input::Timer(timer)) => (Mark::Timer, timer.0),
            Work::Step(Input::Flushed { upto }) => (Mark::Flushed, upto.0),
            Work::Step(Input::Fenced { target, .. }) => (Mark::Operator, u64::from(target.0) + 1),
            Work::Step(Input::Operator(_)) => (Mark::Operator, 0),
        };
        StepNote { mark, detail, cause }
    }
}

impl<P: Protocol> Machine<P> {
    /// A machine about to boot for the first time; a spare one waits to be started.
    pub fn new(node: NodeId, is_wanted: bool) -> Self {
        let boot = is_wanted.then(|| Work::Boot(P::Durable::default()));
        Machine {
            node,
            health: if is_wanted { Health::Up } else { Health::Down },
            since: VirtualTime::ZERO,
            incarnation: u32::from(is_wanted),
            disk: Disk::default(),
            inbox: boot.into_iter().map(|boot| (boot, Cause::Boot)).collect(),
            token: 0,
            busy_until: None,
            foreseen: None,
            timers: BTreeMap::new(),
            flush_asked_in: StepId::default(),
            burden_percent: 100,
            extra_work: Span::ZERO,
        }
    }

    /// Queues work, with what caused it. A process that is down takes none.
    pub fn queue(&mut self, work: Work<P>, cause: Cause) {
        if self.health != Health::Down {
            self.inbox.push_back((work, cause));
        }
    }

    /// Makes the next step take longer.
    pub fn add_work(&mut self, span: Span) {
        self.extra_work = self.extra_work + span;
    }

    /// If the processor is free and has work, it begins: gives the token of its completion and when that is. A step
    /// takes `usual`, more under a burden.
    pub fn begin(&mut self, now: VirtualTime, usual: Span) -> Option<(u64, VirtualTime)> {
        if self.busy_until.is_some() || self.health != Health::Up || self.inbox.is_empty() {
            return None;
        }
        let extra = std::mem::replace(&mut self.extra_work, Span::ZERO);
        let done_at = now + usual.scaled(u64::from(self.burden_percent), 100) + extra;
        self.busy_until = Some(done_at);
        Some((self.token, done_at))
    }

    /// What it will have done when the work of this token is complete, as far as it still holds it.
    pub fn about_to_do(&self, token: u64) -> Option<&Work<P>> {
        let is_on_it = token == self.token && self.busy_until.is_some() && self.foreseen.is_none();
        self.inbox.front().filter(|_| is_on_it).map(|(work, _)| work)
    }

    /// The processor is done with the front of the queue; `None` if it was interrupted since it began.
    pub fn complete(&mut self, token: u64) -> Option<Done<P>> {
        if token != self.token || self.busy_until.take().is_none() {
            return None;
        }
        match self.foreseen.take() {
            Some(note) => Some(Done::Foreseen(note)),
            None => self.inbox.pop_front().map(|(work, cause)| {
                let note = work.note(cause);
                Done::Work(work, note)
            }),
        }
    }

    /// Work in progress that is certain to be done before `limit`, once: only a command, the fencer or the node itself
    /// could stop it. Gives when it is done.
    pub fn foresee(&mut self, limit: VirtualTime) -> Option<(VirtualTime, Work<P>)> {
        let done_at = self.busy_until.filter(|&done_at| done_at < limit && self.foreseen.is_none())?;
        let (work, cause) = self.inbox.pop_front()?;
        self.foreseen = Some(work.note(cause));
        Some((done_at, work))
    }

    /// Inputs that wait.
    pub fn queued(&self) -> usize {
        self.inbox.len()
    }

    /// Sets a timer in a step; a timer of the same name is forgotten. `token` must be new.
    pub fn set_timer(&mut self, timer: Timer, token: u64, set_in: StepId) {
        self.timers.insert(timer, (token, set_in));
    }

    /// Forgets a timer.
    pub fn cancel_timer(&mut self, timer: Timer) {
        self.timers.remove(&timer);
    }

    /// The step that set the timer under `token`, if it is still wanted; it is forgotten then.
    pub fn take_timer(&mut self, timer: Timer, token: u64) -> Option<StepId> {
        let (_, set_in) = self.timers.get(&timer).copied().filter(|(wanted, _)| *wanted == token)?;
        self.timers.remove(&timer);
        Some(set_in)
    }

    fn interrupt(&mut self, health: Health, now: VirtualTime) {
        self.token += 1;
        self.busy_until = None;
        (self.health, self.since) = (health, now);
    }

    /// The process freezes; its queue goes on growing.
    pub fn pause(&mut self, now: VirtualTime) {
        self.interrupt(Health::Paused, now);
    }

    /// The process goes on with what has queued up.
    pub fn resume(&mut self, now: VirtualTime) {
        (self.health, self.since) = (Health::Up, now);
    }

    /// The process dies with its queue and its timers. The disk is crashed by the caller, who knows the kind.
    pub fn crash(&mut self, now: VirtualTime) {
        self.interrupt(Health::Down, now);
        self.inbox.clear();
        // What was handed out ahead of time belongs to a life that is over.
        self.foreseen = None;
        self.timers.clear();
        (self.burden_percent, self.extra_work) = (100, Span::ZERO);
    }

    /// A new life begins from the disk.
    pub fn restart(&mut self, now: VirtualTime) {
        self.incarnation += 1;
        (self.health, self.since) = (Health::Up, now);
        self.inbox.push_back((Work::Boot(self.disk.image()), Cause::Boot));
    }
}
