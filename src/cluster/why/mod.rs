//! Why? The chain of causes behind an operation's end, a loss, a change of role, a suspicion: from what is asked about to
//! the fault or the order that it began with. Told from what was recorded when it happened: the steps and their causes
//! ([`super::causes`]), the lines that were said, how quiet each link had become, the faults, the ledger.
//!
//! [`lines`] goes from a line to what it followed from, [`silence`] from a silence to who caused it, [`operations`]
//! from an operation to the line or fault that decided it.

mod lines;
mod operations;
mod silence;

use super::causes::Told;
use super::faults::ActiveFault;
use super::ledger::OpRecord;
use super::staleness::Staleness;
use super::world::World;
use crate::base::command::Command;
use crate::base::ids::{NodeId, OpId};
use crate::base::line::Line;
use crate::base::operation::Outcome;
use crate::base::time::VirtualTime;
use crate::base::why::{About, Chain, Kind, Reason};
use crate::cluster::measure::WHOLE;
use crate::protocol::{Protocol, Truth};

/// A chain ends after so many links, whatever is still to be told.
const LONGEST: usize = 14;

/// A chain in the making.
struct Telling<'a, P: Protocol> {
    world: &'a World<P>,
    chain: Chain,
}

impl<P: Protocol> World<P> {
    /// The chain of causes of what `about` names, given what has survived; `None` if there is no such thing, or it is
    /// no longer remembered.
    pub fn why(&self, about: About, truth: &Truth) -> Option<Chain> {
        let mut telling = Telling { world: self, chain: Vec::new() };
        match about {
            About::Line(number) => {
                let told = self.causes.told().rev().find(|told| told.line.number == number)?;
                telling.line(told);
            }
            About::Op(op) => telling.operation(op, self.ledger.get(op)?, truth),
            About::Newest(Kind::Election) => {
                let mut primaries = self.causes.told().rev().filter(|told| is_of_role(&told.line.line));
                telling.line(primaries.next()?);
            }
            About::Newest(kind) => {
                let op = self.newest(kind, truth)?;
                telling.operation(op, self.ledger.get(op)?, truth);
            }
        }
        telling.chain.truncate(LONGEST);
        Some(telling.chain)
    }

    fn newest(&self, kind: Kind, truth: &Truth) -> Option<OpId> {
        let newest = |is_such: &dyn Fn(&OpRecord) -> bool| {
            let mut all = (0..self.ledger.records_len()).rev().map(OpId);
            all.find(|&op| self.ledger.get(op).is_some_and(is_such))
        };
        match kind {
            Kind::Failed => {
                newest(&|record| matches!(record.outcome, Outcome::Fail(_) | Outcome::Unknown(_)))
            }
            Kind::Stale => Staleness::of(&self.ledger, WHOLE).stale.last().map(|stale| stale.op),
            Kind::Lost => self.lost_ops(truth).last().map(|(op, _)| *op),
            Kind::Election => None,
        }
    }
}

/// Whether a node said a line for which `is_such` holds, in whatever partition.
fn is_said(told: &Told, is_such: &impl Fn(NodeId, &Line) -> bool) -> bool {
    let line = match &told.line.line {
        Line::InPartition { line, .. } => line,
        line => line,
    };
    told.line.node.is_some_and(|node| is_such(node, line))
}

fn is_of_role(line: &Line) -> bool {
    match line {
        Line::InPartition { line, .. } => is_of_role(line),
        // The first primary was not elected.
        Line::RolePrimary { term, .. } => *term > 1,
        _ => false,
    }
}

impl<'a, P: Protocol> Telling<'a, P> {
    fn push(&mut self, at: VirtualTime, node: Option<NodeId>, code: Option<&'static str>, text: String) {
        let reason = Reason { at, node, code, text };
        if !self.chain.contains(&reason) {
            self.chain.push(reason);
        }
    }

    fn name(&self, node: NodeId) -> String {
        self.world.names.node(node)
    }

    /// The newest line said at or before `at` for which `is_such` holds.
    fn told(&self, at: VirtualTime, is_such: impl Fn(NodeId, &Line) -> bool) -> Option<&'a Told> {
        self.world.causes.told().rev().find(|told| told.line.at <= at && is_said(told, &is_such))
    }

    /// The first line said at or after `at` for which `is_such` holds.
    fn told_after(&self, at: VirtualTime, is_such: impl Fn(NodeId, &Line) -> bool) -> Option<&'a Told> {
        self.world.causes.told().find(|told| told.line.at >= at && is_said(told, &is_such))
    }

    /// The newest fault that was in force at some time from `from` to `to` and for which `is_such` holds.
    fn fault(
        &self,
        (from, to): (VirtualTime, VirtualTime),
        is_such: impl Fn(&Command) -> bool,
    ) -> Option<&'a ActiveFault> {
        let faults = &self.world.faults;
        let mut such = faults.history().iter().rev().filter(|fault| is_such(&fault.command));
        such.find(|fault| fault.since <= to && faults.ended(fault.number).is_none_or(|end| end >= from))
    }

    /// The end of a chain: a fault that someone asked for.
    fn push_fault(&mut self, fault: &ActiveFault) {
        self.push(fault.since, None, Some("FAULT"), format!("`{}` began (f{})", fault.text, fault.number));
    }
}
