//! The task host: every node is a tokio task that owns its state alone and is reached only through its inbox. The
//! kernel sends one message per event and awaits the answer before it goes on, so at most one node is ever
//! runnable and the scheduler has nothing to choose.
//!
//! The kernel is itself a spawned task: in the root of `block_on` every round trip would go through the park path.
//! The effects buffer travels with the message and comes back, so the steady state allocates nothing. Inboxes are
//! unbounded because lock-step bounds them: an inbox holds one message.

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
    /// The job is done.
    Ran(Vec<Effect<P>>, Result<(), String>),
    /// The state.
    State(Box<NodeCell<P>>),
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
    effects: Vec<Effect<P>>,
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
        let inboxes = inline.nodes().iter().map(spawn).collect();
        let kernel = Kernel { world: inline.world, inboxes, answers, effects: Vec::new() };
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
                match kernel.ask(NodeId::at(node), Call::Look).await {
                    Answer::State(cell) => cells.push(*cell),
                    Answer::Ran(..) => unreachable!("a node that is asked for its state shows it"),
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
            let has_turned = kernel.turn(limit).await;
            (kernel, has_turned)
        })
    }

    fn advance(&mut self, limit: VirtualTime) {
        self.drive(move |kernel| kernel.advance(limit));
    }
}

impl<P: Protocol> Kernel<P> {
    async fn advance(mut self, limit: VirtualTime) -> (Self, ()) {
        while self.turn(limit).await {}
        (self, ())
    }

    async fn turn(&mut self, limit: VirtualTime) -> bool {
        match self.world.turn(limit) {
            Turn::Idle => false,
            Turn::Handled => true,
            Turn::Step(job) => {
                let node = job.node;
                let buffer = std::mem::take(&mut self.effects);
                let Answer::Ran(effects, result) = self.ask(node, Call::Run(job, buffer)).await else {
                    unreachable!("a node that is given a job runs it")
                };
                self.effects = effects;
                match result {
                    Ok(()) => self.world.absorb(node, &mut self.effects),
                    Err(text) => self.world.absorb_panic(node, &text),
                }
                true
            }
        }
    }

    async fn ask(&mut self, node: NodeId, call: Call<P>) -> Answer<P> {
        let is_sent = self.inboxes[node.index()].send(call).is_ok();
        assert!(is_sent, "a node's task lives as long as its inbox");
        self.answers.recv().await.expect("every call is answered")
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
                let result = cell.run(job, &mut effects);
                Answer::Ran(effects, result)
            }
            Call::Look => Answer::State(Box::new(cell.clone())),
        };
        if answers.send(answer).is_err() {
            return;
        }
    }
}
