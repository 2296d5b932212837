//! What happened to each write on its way: which messages carried it, which nodes took it in, when it was on their
//! disks, what cut it off or was preferred to it. Kept for stories; no protocol and no figure reads it.
//!
//! Facts cost memory, so only the newest are kept: two generations of `GENERATION`, the older of which goes when the
//! younger is full. A fact costs a push into a vector.

use super::view::DropReason;
use crate::base::chunks::Chunks;
use crate::base::command::CrashKind;
use crate::base::ids::{MessageId, NodeId, OpId};
use crate::base::time::VirtualTime;
use crate::protocol::Message;

/// Facts in a generation: the ways of about ten thousand writes with three copies.
const GENERATION: usize = 200_000;

/// How much is noted for the judges while a run goes on. Everything, unless somebody measures what that costs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Noting {
    /// Neither facts nor what nodes tell of merges, cuts and lag: figures and verdicts that need it mean nothing.
    Nothing,
    /// No facts: no story can be told.
    NoStories,
    /// All.
    #[default]
    Everything,
}

/// Something that happened to a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// When.
    pub at: VirtualTime,
    /// The write; `None` where it befell a whole node.
    pub op: Option<OpId>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// A message that carries it was put on a link.
    Sent {
        /// The message.
        message: MessageId,
        /// Its sender.
        from: NodeId,
        /// Its receiver.
        to: NodeId,
        /// What it is called.
        name: &'static str,
    },
    /// That message reached its receiver.
    Arrived {
        /// The message.
        message: MessageId,
    },
    /// That message was lost.
    Lost {
        /// The message.
        message: MessageId,
        /// Why.
        why: DropReason,
    },
    /// A node took it into its memory, to be flushed.
    Appended {
        /// The node.
        node: NodeId,
    },
    /// It is on a node's disk.
    Flushed {
        /// The node.
        node: NodeId,
    },
    /// A node cut it off its log.
    Cut {
        /// The node.
        node: NodeId,
    },
    /// A merge at a node preferred another write.
    Beaten {
        /// The node.
        node: NodeId,
        /// The other write.
        by: OpId,
    },
    /// A node crashed.
    Crashed {
        /// The node.
        node: NodeId,
        /// What its disk kept.
        kind: CrashKind,
    },
}

/// The newest facts of a run, in order.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    older: Chunks<Fact>,
    newer: Chunks<Fact>,
    pub(super) noting: Noting,
    /// What happened before is not known here.
    since: VirtualTime,
}

impl Facts {
    /// Whether facts are kept.
    pub(super) fn are_kept(&self) -> bool {
        self.noting == Noting::Everything
    }

    /// Takes a fact.
    pub fn note(&mut self, at: VirtualTime, op: impl Into<Option<OpId>>, what: What) {
        if !self.are_kept() {
            return;
        }
        if self.newer.len() == GENERATION {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.push(Fact { at, op: op.into(), what });
    }

    /// Something happened to every write that `message` carries.
    pub(super) fn carried(&mut self, at: VirtualTime, message: &impl Message, what: What) {
        if self.are_kept() {
            message.carries(&mut |op| self.note(at, op, what));
        }
    }

    /// Forgets everything before `now`.
    pub fn forget(&mut self, now: VirtualTime) {
        *self = Facts { since: now, noting: self.noting, ..Facts::default() };
    }

    /// What happened to `op`, and to whole nodes since `since`, in order.
    pub fn of(&self, op: OpId, since: VirtualTime) -> impl Iterator<Item = &Fact> {
        let is_about = move |fact: &&Fact| match fact.op {
            Some(about) => about == op,
            None => fact.at >= since,
        };
        self.older.iter().chain(self.newer.iter()).filter(is_about)
    }

    /// Whether everything since `at` is still kept.
    pub fn reach_back_to(&self, at: VirtualTime) -> bool {
        let first = self.older.get(0).or_else(|| self.newer.get(0));
        self.since <= at && (self.older.is_empty() || first.is_some_and(|first| first.at <= at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fact_is_small() {
        assert!(size_of::<Fact>() <= 48, "{} bytes", size_of::<Fact>());
    }

    #[test]
    fn the_newest_generations_are_kept_and_say_how_far_they_reach() {
        let mut facts = Facts::default();
        let append = |facts: &mut Facts, n: u32| {
            facts.note(VirtualTime(n.into()), OpId(n), What::Appended { node: NodeId(0) });
        };
        (0..GENERATION as u32).for_each(|n| append(&mut facts, n));
        assert!(facts.reach_back_to(VirtualTime(0)));
        (0..GENERATION as u32 + 1).for_each(|n| append(&mut facts, GENERATION as u32 + n));
        assert!(!facts.reach_back_to(VirtualTime(5)));
        assert_eq!(facts.of(OpId(5), VirtualTime::ZERO).count(), 0);
        assert_eq!(facts.of(OpId(GENERATION as u32 + 5), VirtualTime::ZERO).count(), 1);
        facts.forget(VirtualTime(700_000));
        assert_eq!(facts.of(OpId(GENERATION as u32 + 5), VirtualTime::ZERO).count(), 0);
        assert!(!facts.reach_back_to(VirtualTime(699_999)) && facts.reach_back_to(VirtualTime(700_000)));
    }
}
