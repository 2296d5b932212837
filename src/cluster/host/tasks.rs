//! The task host: every node is a tokio task that owns its state alone and is reached only through its inbox. The
//! kernel sends one message per step and absorbs the answers in the order of virtual time, so the scheduler has
//! nothing to choose that could be seen.
//!
//! Lookahead: when a step is due, the kernel also hands out the steps that other processors are already busy with
//! ([`World::foresee`]); they run while it waits, and their effects are absorbed when their instant comes. The same
//! draws, the same digest, fewer turns of the scheduler.
//!
//! The kernel is itself a spawned task: in the root of `block_on` every round trip would go through the park path.
//! Effects buffers travel with the messages and come back, so the steady state allocates nothing. Inboxes are
//! unbounded because each holds one message by construction.

use super::inline::Inline;
use super::{Host, NodeCell};
use crate::base::ids::NodeId;
use crate::base::time::VirtualTime;
use crate::cluster::spec::RunSetup;
use crate::cluster::world::{Job, Turn, World};
use crate::protocol::{Effect, Protocol};
use std::borrow::Cow;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a node's task is asked.
enum Call<P: Protocol> {
    /// Run this job into this buffer.
    Run(Job<P>, Vec<Effect<P>>),
    /// Show your state.
    Look,
}

/// What a node's task answers.
enum Answer<P: Protocol> {
    /// The job is done, and this came of it.
    Ran(NodeId, Ran<P>),
    /// The state.
    State(Box<NodeCell<P>>),
}

/// A step that has been run: what the node wants done, or the text of its panic.
struct Ran<P: Protocol> {
    /// The life that took the step.
    incarnation: u32,
    effects: Vec<Effect<P>>,
    result: Result<(), String>,
}

/// A world whose nodes are tasks.
pub struct Tasks<P: Protocol> {
    runtime: Runtime,
    kernel: Option<Kernel<P>>,
}

/// The part that runs inside the runtime.
struct Kernel<P: Protocol> {
    world: World<P>,
    inboxes: Vec<UnboundedSender<Call<P>>>,
    answers: UnboundedReceiver<Answer<P>>,
    /// Steps that have been run and wait for their instant, by node.
    ran: Vec<Option<Ran<P>>>,
    /// Empty effects buffers, to be used again.
    buffers: Vec<Vec<Effect<P>>>,
    /// Room for the jobs of one look ahead.
    foreseen: Vec<Job<P>>,
}

impl<P: Protocol> Tasks<P> {
    /// The cluster of `setup` at its beginning, each node spawned.
    ///
    /// # Errors
    /// If the operating system gives no runtime.
    pub fn new(setup: RunSetup) -> std::io::Result<Self> {
        Self::from_inline(Inline::new(setup))
    }

    /// Spawns the nodes of a checkpoint.
    ///
    /// # Errors
    /// If the operating system gives no runtime.
    pub fn from_inline(inline: Inline<P>) -> std::io::Result<Self> {
        // No I/O and no timer driver: nothing in the world waits for the real clock.
        let runtime = Builder::new_current_thread().build()?;
        let (answer, answers) = unbounded_channel();
        let spawn = |cell: &NodeCell<P>| {
            let (inbox, calls) = unbounded_channel();
            runtime.spawn(live(cell.clone(), calls, answer.clone()));
            inbox
        };
        let inboxes: Vec<_> = inline.nodes().iter().map(spawn).collect();
        let ran = inboxes.iter().map(|_| None).collect();
        let kernel =
            Kernel { world: inline.world, inboxes, answers, ran, buffers: Vec::new(), foreseen: Vec::new() };
        Ok(Tasks { runtime, kernel: Some(kernel) })
    }

    /// Runs `work` as a task and waits for the kernel to come back with its result.
    fn drive<R: Send + 'static, F>(&mut self, work: impl FnOnce(Kernel<P>) -> F) -> R
    where
        F: Future<Output = (Kernel<P>, R)> + Send + 'static,
    {
        let kernel = self.kernel.take().expect("the kernel is back between calls");
        let task = self.runtime.spawn(work(kernel));
        match self.runtime.block_on(task) {
            Ok((kernel, result)) => {
                self.kernel = Some(kernel);
                result
            }
            // A panic of the world itself is the program's: it goes on in the caller's thread.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Asks every node for its state over its inbox.
    fn look(&mut self) -> Vec<NodeCell<P>> {
        self.drive(|mut kernel| async move {
            let mut cells = Vec::with_capacity(kernel.inboxes.len());
            for node in 0..kernel.inboxes.len() {
                kernel.call(NodeId::at(node), Call::Look);
                loop {
                    match kernel.answers.recv().await {
                        Some(Answer::State(cell)) => break cells.push(*cell),
                        // A step that a node was handed ahead of a crash that another node brought upon it.
                        Some(Answer::Ran(by, ran)) => kernel.ran[by.index()] = Some(ran),
                        None => unreachable!("a node's task lives as long as its inbox"),
                    }
                }
            }
            (kernel, cells)
        })
    }

    /// The world with copies of its nodes, to go on inline.
    pub fn to_inline(&mut self) -> Inline<P> {
        let cells = self.look();
        Inline::from_parts(self.world().clone(), cells)
    }
}

impl<P: Protocol> Host<P> for Tasks<P> {
    fn world(&self) -> &World<P> {
        &self.kernel.as_ref().expect("the kernel is back between calls").world
    }

    fn world_mut(&mut self) -> &mut World<P> {
        &mut self.kernel.as_mut().expect("the kernel is back between calls").world
    }

    fn cells(&mut self) -> Cow<'_, [NodeCell<P>]> {
        Cow::Owned(self.look())
    }

    fn turn(&mut self, limit: VirtualTime) -> bool {
        self.drive(move |mut kernel| async move {
            let has_turned = kernel.turn(limit, false).await;
            (kernel, has_turned)
        })
    }

    fn advance(&mut self, limit: VirtualTime) {
        self.drive(move |kernel| kernel.advance(limit));
    }
}

impl<P: Protocol> Kernel<P> {
    async fn advance(mut self, limit: VirtualTime) -> (Self, ()) {
        while self.turn(limit, true).await {}
        (self, ())
    }

    async fn turn(&mut self, limit: VirtualTime, looks_ahead: bool) -> bool {
        let (node, incarnation) = match self.world.turn(limit) {
            Turn::Idle => return false,
            Turn::Handled => return true,
            Turn::Foreseen { node, incarnation } => (node, incarnation),
            Turn::Step(job) => {
                let (node, incarnation) = (job.node, job.incarnation);
                self.hand_out(job);
                if looks_ahead {
                    self.look_ahead(limit);
                }
                (node, incarnation)
            }
        };
        let Ran { mut effects, result, .. } = self.outcome(node, incarnation).await;
        match result {
            Ok(()) => self.world.absorb(node, &mut effects),
            Err(text) => self.world.absorb_panic(node, &text),
        }
        self.buffers.push(effects);
        true
    }

    fn look_ahead(&mut self, limit: VirtualTime) {
        let mut jobs = std::mem::take(&mut self.foreseen);
        self.world.foresee(limit, &mut jobs);
        jobs.drain(..).for_each(|job| self.hand_out(job));
        self.foreseen = jobs;
    }

    fn hand_out(&mut self, job: Job<P>) {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.call(job.node, Call::Run(job, buffer));
    }

    fn call(&mut self, node: NodeId, call: Call<P>) {
        let is_sent = self.inboxes[node.index()].send(call).is_ok();
        assert!(is_sent, "a node's task lives as long as its inbox");
    }

    /// The outcome of the step that `node` was handed in this life, waiting for it if need be. What an earlier life
    /// had been handed ahead of its crash never happened.
    async fn outcome(&mut self, node: NodeId, incarnation: u32) -> Ran<P> {
        loop {
            if let Some(ran) = self.ran[node.index()].take().filter(|ran| ran.incarnation == incarnation) {
                return ran;
            }
            match self.answers.recv().await {
                Some(Answer::Ran(by, ran)) => self.ran[by.index()] = Some(ran),
                _ => unreachable!("a node that is handed a job runs it"),
            }
        }
    }
}

/// A node's life: one call, one answer, until its inbox is dropped.
async fn live<P: Protocol>(
    mut cell: NodeCell<P>,
    mut calls: UnboundedReceiver<Call<P>>,
    answers: UnboundedSender<Answer<P>>,
) {
    while let Some(call) = calls.recv().await {
        let answer = match call {
            Call::Run(job, mut effects) => {
                let (node, incarnation) = (job.node, job.incarnation);
                let result = cell.run(job, &mut effects);
                Answer::Ran(node, Ran { incarnation, effects, result })
            }
            Call::Look => Answer::State(Box::new(cell.clone())),
        };
        if answers.send(answer).is_err() {
            return;
        }
    }
}
