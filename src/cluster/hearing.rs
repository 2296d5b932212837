//! A line is said: it stands in the trace, and the counts, the suspicions and the causes hear of it.

use super::causes::{Quiet, is_telling};
use super::suspicions::{Opinion, Standing, opinion};
use super::view::Health;
use super::world::World;
use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::protocol::Protocol;

impl<P: Protocol> World<P> {
    /// Puts a line into the trace and lets the counts hear it.
    pub(super) fn say(&mut self, node: Option<NodeId>, line: Line) {
        if let Some(node) = node {
            self.tally.hear(self.now, node, &line);
            if let Some(opinion) = opinion(node, &line) {
                let standing = self.standing(node, opinion);
                self.suspicions.hear(self.now, node, opinion, standing);
            }
        }
        if let Line::FaultOff { number, .. } = &line {
            self.faults.note_end(*number, self.now);
        }
        let silence = node.filter(|_| is_telling(&line)).and_then(|node| self.silence(node, &line));
        let stamped = self.trace.say(self.now, node, line);
        self.causes.say(&stamped, silence);
    }

    /// Of whose silence `line` speaks, and how quiet the way from there to `node` is.
    fn silence(&self, node: NodeId, line: &Line) -> Option<(NodeId, Quiet)> {
        let whom = match opinion(node, line) {
            Some(Opinion::Doubt(whom) | Opinion::Down(whom)) => whom,
            _ if matches!(line, Line::ElectStart { .. }) => self.tally.latest_primary()?,
            _ => return None,
        };
        (whom != node).then(|| (whom, self.network.quiet(whom, node)))
    }

    /// Where the node that `observer` speaks of really stands.
    fn standing(&self, observer: NodeId, opinion: Opinion) -> Standing {
        let (Opinion::Doubt(subject) | Opinion::Down(subject)) = opinion else { return Standing::InReach };
        let Some(machine) = self.machines.get(subject.index()) else { return Standing::InReach };
        let is_cut = self.network.is_cut(observer, subject) || self.network.is_cut(subject, observer);
        match machine.health {
            Health::Up if is_cut => Standing::Gone(self.tally.last_fault().unwrap_or(self.now)),
            Health::Up => Standing::InReach,
            Health::Paused | Health::Down => Standing::Gone(machine.since),
        }
    }
}
