//! What caused what: for every step of a node the message, timer, request or flush behind it, and which step sent that
//! message or set that timer. For every telling log line the step in which it was said. Nothing but explanations reads
//! it; the digest does not know of it.
//!
//! Bounded: two generations of each, the older of which goes when the younger is full. A step costs one push.

use crate::base::chunks::Chunks;
use crate::base::ids::{NodeId, OpId};
use crate::base::line::{Level, Line, Stamped};
use crate::base::time::VirtualTime;
use crate::cluster::view::DropReason;
use std::sync::Arc;

/// Steps in a generation: some ten seconds of a busy cluster.
const STEPS: usize = 16_384;
/// Telling lines in a generation.
const LINES: usize = 4_096;
/// Turns of operations in a generation.
const TURNS: usize = 8_192;

/// A step of a node, by its number; 0 for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct StepId(pub u64);

/// What made a node take a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It started.
    Boot,
    /// A message came.
    Message {
        /// What it is called.
        name: &'static str,
        /// Its sender.
        from: NodeId,
        /// The step that sent it.
        sent_in: StepId,
    },
    /// A client asked.
    Client(OpId),
    /// A timer ran out.
    Timer {
        /// The step that set it.
        set_in: StepId,
    },
    /// A flush was done.
    Flushed {
        /// The step that asked for it, or the one that asked before it.
        asked_in: StepId,
    },
    /// An operator or a fencer.
    Order,
}

/// A step that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: VirtualTime,
    /// By whom.
    pub node: NodeId,
    /// Why.
    pub cause: Cause,
}

/// How quiet a directed link had become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quiet {
    /// When a message was last delivered over it; the beginning if never.
    pub heard: VirtualTime,
    /// When the first of the messages since then was lost, and how.
    pub lost: Option<(VirtualTime, DropReason)>,
}

/// A line that was said, with what was known at that moment.
#[derive(Clone, Debug)]
pub struct Told {
    /// The line.
    pub line: Arc<Stamped>,
    /// The step in which it was said.
    pub step: StepId,
    /// If it speaks of somebody's silence: of whose, and how quiet the way from there was.
    pub silence: Option<(NodeId, Quiet)>,
}

/// What happened to an operation before it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// When.
    pub at: VirtualTime,
    /// Which.
    pub op: OpId,
    /// Which node was asked.
    pub node: NodeId,
    /// What came of that.
    pub what: Turned,
}

/// What came of asking a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// It is down: the connection was refused.
    Refused,
    /// It is not primary; whom it named instead.
    NotPrimary(Option<NodeId>),
}

/// The newest of a growing sequence: two generations, each item with its number from 1.
#[derive(Clone, Debug)]
struct Newest<T> {
    older: Chunks<T>,
    newer: Chunks<T>,
    /// The number of the first item of `older`.
    first: u64,
}

impl<T> Default for Newest<T> {
    fn default() -> Self {
        Newest { older: Chunks::default(), newer: Chunks::default(), first: 1 }
    }
}

impl<T: Clone> Newest<T> {
    fn push(&mut self, item: T, generation: usize) -> u64 {
        if self.newer.len() == generation {
            self.first += self.older.len() as u64;
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.push(item);
        self.first + (self.older.len() + self.newer.len()) as u64 - 1
    }

    /// Forgets all items; the numbers go on.
    fn forget(&mut self) {
        self.first += (self.older.len() + self.newer.len()) as u64;
        (self.older, self.newer) = Default::default();
    }

    fn get(&self, number: u64) -> Option<&T> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        match place.checked_sub(self.older.len()) {
            None => self.older.get(place),
            Some(place) => self.newer.get(place),
        }
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.older.iter().chain(self.newer.iter())
    }
}

/// All of it, of one run.
#[derive(Clone, Debug, Default)]
pub struct Causes {
    steps: Newest<Step>,
    told: Newest<Told>,
    turns: Newest<Turn>,
    /// The step whose effects are carried out now; none between steps.
    now: StepId,
}

impl Causes {
    /// A node takes a step; what is done until the next one is its doing.
    pub fn step(&mut self, at: VirtualTime, node: NodeId, cause: Cause) {
        self.now = StepId(self.steps.push(Step { at, node, cause }, STEPS));
    }

    /// What is done from here on is nobody's doing.
    pub fn end_step(&mut self) {
        self.now = StepId::default();
    }

    /// The step whose doing everything is at this moment.
    pub fn now(&self) -> StepId {
        self.now
    }

    /// Keeps a line that is worth an explanation, or is part of one.
    pub fn say(&mut self, line: &Arc<Stamped>, silence: Option<(NodeId, Quiet)>) {
        if is_telling(&line.line) {
            self.told.push(Told { line: Arc::clone(line), step: self.now, silence }, LINES);
        }
    }

    /// Keeps what came of asking a node.
    pub fn turn(&mut self, turn: Turn) {
        self.turns.push(turn, TURNS);
    }

    /// Forgets the steps taken so far; the lines stay.
    pub fn forget_steps(&mut self) {
        self.steps.forget();
    }

    /// A step, while it is remembered.
    pub fn get(&self, step: StepId) -> Option<&Step> {
        self.steps.get(step.0)
    }

    /// The telling lines that are remembered, oldest first.
    pub fn told(&self) -> impl DoubleEndedIterator<Item = &Told> {
        self.told.iter()
    }

    /// The turns of `op` that are remembered, oldest first.
    pub fn turns_of(&self, op: OpId) -> impl Iterator<Item = &Turn> {
        self.turns.iter().filter(move |turn| turn.op == op)
    }
}

/// Whether a line is worth an explanation or part of one: everything that is a fault, bad news, a change of role, or
/// mail kept for others. What is said of every other write is not.
pub fn is_telling(line: &Line) -> bool {
    match line {
        Line::InPartition { line, .. } => is_telling(line),
        Line::RolePrimary { .. }
        | Line::RoleReplica { .. }
        | Line::PreVote { .. }
        | Line::VoteGrant { .. }
        | Line::HintStore { .. }
        | Line::PeerUp { .. }
        | Line::LinkOk { .. }
        | Line::QuorumBack { .. }
        | Line::LeaseTaken { .. }
        | Line::SwitchStart { .. }
        | Line::Invited { .. } => true,
        Line::LwwDrop { .. } | Line::VoteDeny { .. } => false,
        line => line.level() != Level::Info,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_old_is_forgotten_and_the_rest_keeps_its_number() {
        let mut newest = Newest::default();
        let numbers: Vec<u64> = (0..25).map(|item| newest.push(item, 10)).collect();
        assert_eq!(numbers, (1..=25).collect::<Vec<u64>>());
        assert_eq!((newest.get(10), newest.get(11), newest.get(25)), (None, Some(&10), Some(&24)));
        assert_eq!((newest.get(0), newest.get(26)), (None, None));
        assert_eq!(newest.iter().count(), 15);
        newest.forget();
        assert_eq!((newest.push(26, 10), newest.get(25), newest.get(26)), (26, None, Some(&26)));
    }

    #[test]
    fn a_step_knows_the_one_before() {
        let mut causes = Causes::default();
        causes.step(VirtualTime(10), NodeId(0), Cause::Boot);
        let sent_in = causes.now();
        causes.end_step();
        causes.step(VirtualTime(20), NodeId(1), Cause::Message { name: "Append", from: NodeId(0), sent_in });
        let step = causes.get(causes.now()).expect("it was just taken");
        assert_eq!(step.cause, Cause::Message { name: "Append", from: NodeId(0), sent_in: StepId(1) });
    }
}
