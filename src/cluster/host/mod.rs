//! Hosts: where nodes live and take their steps. Two of them run the same world to the same digest.
//!
//! [`inline`] calls a node's `step` directly: for headless runs, seeking, thousands of schedules. [`tasks`] keeps
//! every node as a tokio task with an inbox of its own, driven in lock-step. A host knows nothing of networks or
//! disks; it runs one job and gives back the effects.

pub mod inline;
pub mod tasks;

use super::machine::Work;
use super::world::{Job, World};
use crate::base::ids::NodeId;
use crate::base::panic;
use crate::base::random::Stream;
use crate::base::time::VirtualTime;
use crate::protocol::{Context, DiskPosition, Effect, Input, Order, Protocol};
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

/// Where the nodes of one world live.
pub trait Host<P: Protocol>: Send {
    /// The world.
    fn world(&self) -> &World<P>;
    /// The world, to be commanded.
    fn world_mut(&mut self) -> &mut World<P>;
    /// The nodes' cells, in order: borrowed where they are at hand, asked for where they are not.
    fn cells(&mut self) -> Cow<'_, [NodeCell<P>]>;
    /// Handles the next event due before `limit`; false if there was none.
    fn turn(&mut self, limit: VirtualTime) -> bool;
    /// Handles every event due before `limit`.
    fn advance(&mut self, limit: VirtualTime);
}

/// One node as a host keeps it: its state, its own stream of chance, its place in the disk's records.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeCell<P: Protocol> {
    me: NodeId,
    members: usize,
    seed: u64,
    config: Arc<P::Config>,
    random: Stream,
    appended: DiskPosition,
    /// The life that `state` belongs to; 0 before the first boot.
    incarnation: u32,
    state: Option<P>,
}

impl<P: Protocol> NodeCell<P> {
    /// A node that has not booted yet.
    pub fn new(me: NodeId, members: usize, seed: u64, config: Arc<P::Config>) -> Self {
        let random = Stream::new(seed, "unused before boot");
        NodeCell { me, members, seed, config, random, appended: DiskPosition(0), incarnation: 0, state: None }
    }

    /// The node's state, once it has booted.
    pub fn state(&self) -> Option<&P> {
        self.state.as_ref()
    }

    /// The node's state in this life; `None` until it has booted in it.
    pub fn state_in(&self, incarnation: u32) -> Option<&P> {
        self.state.as_ref().filter(|_| self.incarnation == incarnation)
    }

    /// Runs one job; the effects are appended to `effects` in the order in which the node wants them.
    ///
    /// # Errors
    /// The text of the panic if the node's code panicked; its state is gone then.
    pub fn run(&mut self, job: Job<P>, effects: &mut Vec<Effect<P>>) -> Result<(), String> {
        let result = panic::contain(AssertUnwindSafe(|| self.step(job, effects)));
        if result.is_err() {
            effects.clear();
            self.state = None;
        }
        result
    }

    fn step(&mut self, job: Job<P>, effects: &mut Vec<Effect<P>>) {
        if let Some(config) = job.config {
            self.config = config;
        }
        if matches!(job.work, Work::Boot(_)) {
            let label = format!("timer:{}:{}", self.me, job.incarnation);
            self.random = Stream::new(self.seed, &label);
            (self.appended, self.incarnation) = (DiskPosition(0), job.incarnation);
        }
        let mut context = Context {
            me: self.me,
            members: self.members,
            now: job.now,
            wall: job.wall,
            disk_full: job.disk_full,
            incarnation: job.incarnation,
            random: &mut self.random,
            appended: &mut self.appended,
            effects,
        };
        match job.work {
            Work::Boot(durable) => {
                self.state = Some(P::boot(&mut context, Arc::clone(&self.config), durable))
            }
            Work::Step(input) => {
                if let Input::Operator(Order::Configure(config)) = &input {
                    self.config = Arc::clone(config);
                }
                if let Some(state) = &mut self.state {
                    state.step(&mut context, input);
                }
            }
        }
    }
}
