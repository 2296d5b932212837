//! What a node runs on: a process that can pause and crash, one processor with a queue, timers, a disk.

use super::disk::Disk;
use super::view::Health;
use crate::base::ids::NodeId;
use crate::base::time::VirtualTime;
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
    inbox: VecDeque<Work<P>>,
    /// Guards against the completion of work that a crash or pause interrupted.
    token: u64,
    is_busy: bool,
    timers: BTreeMap<Timer, u64>,
}

impl<P: Protocol> Machine<P> {
    /// A machine about to boot for the first time.
    pub fn new(node: NodeId) -> Self {
        Machine {
            node,
            health: Health::Up,
            since: VirtualTime::ZERO,
            incarnation: 1,
            disk: Disk::default(),
            inbox: VecDeque::from([Work::Boot(P::Durable::default())]),
            token: 0,
            is_busy: false,
            timers: BTreeMap::new(),
        }
    }

    /// Queues work. A process that is down takes none.
    pub fn queue(&mut self, work: Work<P>) {
        if self.health != Health::Down {
            self.inbox.push_back(work);
        }
    }

    /// If the processor is free and has work, it begins: gives the token of its completion.
    pub fn begin(&mut self) -> Option<u64> {
        if self.is_busy || self.health != Health::Up || self.inbox.is_empty() {
            return None;
        }
        self.is_busy = true;
        Some(self.token)
    }

    /// The processor is done with the front of the queue; `None` if it was interrupted since it began.
    pub fn complete(&mut self, token: u64) -> Option<Work<P>> {
        if token != self.token || !self.is_busy {
            return None;
        }
        self.is_busy = false;
        self.inbox.pop_front()
    }

    /// Inputs that wait.
    pub fn queued(&self) -> usize {
        self.inbox.len()
    }

    /// Sets a timer; a timer of the same name is forgotten. `token` must be new.
    pub fn set_timer(&mut self, timer: Timer, token: u64) {
        self.timers.insert(timer, token);
    }

    /// Forgets a timer.
    pub fn cancel_timer(&mut self, timer: Timer) {
        self.timers.remove(&timer);
    }

    /// Whether the timer that was set under `token` is still wanted; it is forgotten if so.
    pub fn take_timer(&mut self, timer: Timer, token: u64) -> bool {
        let is_wanted = self.timers.get(&timer) == Some(&token);
        if is_wanted {
            self.timers.remove(&timer);
        }
        is_wanted
    }

    fn interrupt(&mut self, health: Health, now: VirtualTime) {
        self.token += 1;
        self.is_busy = false;
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
        self.timers.clear();
    }

    /// A new life begins from the disk.
    pub fn restart(&mut self, now: VirtualTime) {
        self.incarnation += 1;
        (self.health, self.since) = (Health::Up, now);
        self.inbox.push_back(Work::Boot(self.disk.image()));
    }
}
