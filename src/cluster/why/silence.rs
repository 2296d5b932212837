//! From a silence to what caused it: who does not hear whom, since when, and which fault stands between them.

use super::Telling;
use crate::base::command::Command;
use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::base::time::VirtualTime;
use crate::cluster::causes::Quiet;
use crate::cluster::faults::{ActiveFault, is_between, stops};
use crate::protocol::Protocol;

impl<'a, P: Protocol> Telling<'a, P> {
    /// Why `me` had heard nothing from `whom` at `at`, the way from there being so quiet.
    pub(super) fn silence(&mut self, whom: NodeId, me: NodeId, quiet: Quiet, at: VirtualTime) {
        let (name, mine) = (self.name(whom), self.name(me));
        let text = match quiet.heard {
            VirtualTime::ZERO => format!("nothing had ever come from {name}"),
            heard => format!("the last message from {name} came at {heard}"),
        };
        self.push(quiet.heard, Some(me), None, text);
        let span = (quiet.heard, at);
        let stopped = self.fault(span, |command| stops(command, whom));
        let between = self.between(whom, me, span);
        // Of a cut and a crash, what came first is what silenced it.
        let first = [stopped, between].into_iter().flatten().min_by_key(|fault| fault.since);
        if let Some((lost_at, why)) = quiet.lost.filter(|_| stopped.is_none()) {
            let text = format!("what {name} has sent to {mine} since is lost: {}", why.word());
            self.push(lost_at, Some(whom), None, text);
        }
        if let Some(fault) = first {
            return self.push_fault(fault);
        }
        if let Some(fault) = self.fault(span, |command| slows(command, whom)) {
            return self.push_fault(fault);
        }
        let gives_up = |node: NodeId, line: &Line| {
            node == whom
                && matches!(line, Line::StepDown { .. } | Line::LeaseLost { .. } | Line::Fenced { .. })
        };
        if let Some(told) = self.told(at, gives_up).filter(|told| told.line.at >= quiet.heard) {
            self.line(told);
        }
    }

    /// The fault that keeps messages from `from` to `to`, or the other way, from arriving in time.
    pub(super) fn between(
        &self,
        from: NodeId,
        to: NodeId,
        span: (VirtualTime, VirtualTime),
    ) -> Option<&'a ActiveFault> {
        let members = self.world.members();
        self.fault(span, |command| is_between(command, members, from, to))
            .or_else(|| self.fault(span, |command| is_between(command, members, to, from)))
    }

    /// Which fault keeps `node` from most others, or stops it.
    pub(super) fn push_trouble_of(&mut self, node: NodeId, span: (VirtualTime, VirtualTime)) -> bool {
        let members = self.world.members();
        let others = || (0..members).map(NodeId::at).filter(move |&other| other != node);
        let is_its = |command: &Command| {
            let apart = |other: NodeId| {
                is_between(command, members, other, node) || is_between(command, members, node, other)
            };
            stops(command, node) || slows(command, node) || others().any(apart)
        };
        let found = self.fault(span, is_its).or_else(|| {
            // Not itself: those it needs.
            self.fault(span, |command| others().any(|other| stops(command, other)))
        });
        if let Some(fault) = found {
            self.push_fault(fault);
        }
        found.is_some()
    }
}

fn slows(command: &Command, node: NodeId) -> bool {
    use crate::base::command::NodeRef;
    match command {
        Command::SlowCpu { node: NodeRef::Named(slow), .. }
        | Command::SlowDisk { node: NodeRef::Named(slow), .. } => *slow == node,
        _ => false,
    }
}
