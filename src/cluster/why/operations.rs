//! From an operation to what decided it.

use super::Telling;
use crate::base::command::Command;
use crate::base::fate::WriteFate;
use crate::base::ids::{NodeId, OpId};
use crate::base::line::Line;
use crate::base::operation::{Doubt, Outcome, Refusal, Success};
use crate::base::time::VirtualTime;
use crate::cluster::causes::{Told, Turned};
use crate::cluster::facts::What;
use crate::cluster::faults::{parts, stops};
use crate::cluster::ledger::OpRecord;
use crate::cluster::measure::WHOLE;
use crate::cluster::staleness::Staleness;
use crate::protocol::{Protocol, Truth};

impl<P: Protocol> Telling<'_, P> {
    /// `op`, and why it ended as it did, or what became of it afterwards.
    pub(super) fn operation(&mut self, op: OpId, record: &OpRecord, truth: &Truth) {
        let story = format!("{op} of {}: {}", record.client, self.world.story_of(op));
        let lost = self.world.lost_ops(truth);
        if let Some((_, fate)) = lost.iter().find(|(lost, _)| *lost == op) {
            let so_far = if self.world.faults.active().is_empty() { "" } else { ", as things stand" };
            self.push(record.ended, record.node, None, format!("{story}; and yet it is lost{so_far}"));
            return self.lost(op, record, *fate);
        }
        self.push(record.ended, record.node, Some("OP"), story);
        let stale = Staleness::of(&self.world.ledger, WHOLE);
        match stale.stale.iter().find(|stale| stale.op == op) {
            Some(stale) => {
                let text = format!(
                    "it missed {} acknowledged write(s), the first of them {:.1} ms old",
                    stale.missed,
                    stale.age.as_millis()
                );
                self.push(record.scheduled, record.node, None, text);
                self.stale(record);
            }
            None => self.decided(op, record),
        }
    }

    /// What decided how `op` ended.
    pub(super) fn decided(&mut self, op: OpId, record: &OpRecord) {
        let span = (record.scheduled, record.ended);
        self.push_turns(op);
        let node = record.node.unwrap_or(self.world.clients.home(record.client));
        match &record.outcome {
            Outcome::Pending => {}
            Outcome::Ok(_) => self.push(
                record.ended,
                record.node,
                None,
                format!("{} answered after {:.1} ms", self.name(node), record.latency().as_millis()),
            ),
            Outcome::Fail(Refusal::Unavailable) => self.who_is_down(node, record.ended),
            Outcome::Fail(Refusal::NobodyAccepted) => self.nobody(record),
            Outcome::Unknown(Doubt::ConnectionReset) => {
                let crashed =
                    self.told(record.ended, |who, line| who == node && matches!(line, Line::Crash { .. }));
                if let Some(told) = crashed {
                    self.line(told);
                }
            }
            Outcome::Fail(_) | Outcome::Unknown(_) => self.refused_by(node, span),
        }
    }

    /// Nodes that sent the client away.
    fn push_turns(&mut self, op: OpId) {
        let turns: Vec<_> = self.world.causes.turns_of(op).copied().collect();
        // The last ones tell what it was like in the end.
        for turn in turns.iter().skip(turns.len().saturating_sub(2)) {
            let name = self.name(turn.node);
            let text = match turn.what {
                Turned::Refused => format!("{name} refused the connection: it is down"),
                Turned::NotPrimary(None) => format!("{name} is not primary and knows none"),
                Turned::NotPrimary(Some(hint)) => {
                    format!("{name} is not primary and takes {} for it", self.name(hint))
                }
            };
            self.push(turn.at, Some(turn.node), None, text);
        }
    }

    /// No node in the client's reach accepted it.
    fn nobody(&mut self, record: &OpRecord) {
        let home = self.world.clients.home(record.client);
        let members = self.world.members();
        let others = || (0..members).map(NodeId::at);
        let span = (record.scheduled, record.ended);
        let is_parted = |command: &Command| others().any(|other| parts(command, members, home, other));
        if let Some(fault) = self.fault(span, is_parted) {
            let apart = others().filter(|&other| parts(&fault.command, members, home, other));
            let apart: Vec<String> = apart.map(|other| self.name(other)).collect();
            let text = format!(
                "{} lives beside {}, out of reach of {}",
                record.client,
                self.name(home),
                apart.join(", ")
            );
            self.push(record.scheduled, Some(home), None, text);
        }
        self.refused_by(home, span);
    }

    /// What `node` last said of its own state before it sent clients away.
    fn refused_by(&mut self, node: NodeId, span: (VirtualTime, VirtualTime)) {
        let speaks = |who: NodeId, line: &Line| {
            who == node
                && matches!(
                    line,
                    Line::StepDown { .. }
                        | Line::NoQuorum { .. }
                        | Line::PrimaryLost { .. }
                        | Line::LeaseLost { .. }
                        | Line::Fenced { .. }
                        | Line::TooFewReplicas { .. }
                        | Line::InSyncShrink { .. }
                        | Line::Unavailable { .. }
                        | Line::QuorumTimeout { .. }
                        | Line::SyncWait { .. }
                        | Line::LinkLost { .. }
                        | Line::RoleReplica { .. }
                        | Line::QuorumBack { .. }
                )
        };
        let bad = |line: &Line| !matches!(line, Line::RoleReplica { .. } | Line::QuorumBack { .. });
        let told = self.told(span.1, speaks);
        match told.filter(|told| bad(&told.line.line)) {
            Some(told) => self.line(told),
            None if self.push_trouble_of(node, span) => {}
            None => told.into_iter().for_each(|told| self.line(told)),
        }
    }

    /// Why the node that was read had not got what another had acknowledged.
    fn stale(&mut self, read: &OpRecord) {
        let newer = self.world.ledger.records().rev().find(|record| {
            record.key == read.key && record.is_acked_write() && record.ended <= read.scheduled
        });
        let (Some(newer), Some(node)) = (newer, read.node) else { return };
        let wrote = newer.node.unwrap_or(node);
        let text = format!("{} had acknowledged: {}", self.name(wrote), self.world.asked(newer));
        self.push(newer.ended, newer.node, None, text);
        if let Some(fault) = self.between(wrote, node, (newer.scheduled, read.ended)) {
            return self.push_fault(fault);
        }
        let (at, wanted) = (read.ended, newer.scheduled);
        let keeps_mail = |_: NodeId, line: &Line| matches!(line, Line::HintStore { .. });
        match self.told(at, keeps_mail).filter(|told| told.line.at >= wanted) {
            Some(told) => self.line(told),
            None => {
                let text = format!("nothing had brought it to {} yet", self.name(node));
                self.push(read.scheduled, Some(node), None, text);
                self.push_trouble_of(node, (newer.scheduled, read.ended));
            }
        }
    }

    /// The log that `node` writes counts no more: another primary has a later term.
    fn behind_another(&mut self, node: NodeId, record: &OpRecord) {
        let is_other = |who: NodeId, line: &Line| who != node && matches!(line, Line::RolePrimary { .. });
        let own =
            self.told(record.ended, |who, line| who == node && matches!(line, Line::RolePrimary { .. }));
        let since = own.map_or(VirtualTime::ZERO, |told| told.line.at);
        match self.told(self.world.now, is_other).filter(|told| told.line.at >= since) {
            Some(told) => {
                let text = format!(
                    "another primary's log counts by now, and what {} takes is not in it",
                    self.name(node)
                );
                self.push(record.ended, Some(node), None, text);
                self.line(told);
            }
            None => drop(self.push_trouble_of(node, (record.ended, self.world.now))),
        }
    }

    /// What became of a write that had been acknowledged.
    fn lost(&mut self, op: OpId, record: &OpRecord, fate: WriteFate) {
        if fate == WriteFate::EffectGone {
            return self.effect_gone(op, record);
        }
        if record.marks.is_cut
            && let Some(told) = self.cut(op, record)
        {
            return self.line(told);
        }
        if record.marks.is_inverted {
            let is_clock = |command: &Command| {
                matches!(command, Command::Clock { .. } | Command::Drift { .. } | Command::ClockStrobe { .. })
            };
            let text = format!("a write that had returned before {op} began has the later timestamp");
            self.push(record.scheduled, None, Some("LOST"), text);
            if let Some(fault) = self.fault((VirtualTime::ZERO, record.ended), is_clock) {
                self.push_fault(fault);
            }
            return;
        }
        let Some(node) = record.node else { return };
        let lost_memory = self.told_after(record.ended, |who, line| who == node && is_crash(line));
        let succeeded = || {
            self.told_after(record.ended, |_, line| matches!(line, Line::RolePrimary { .. })).filter(|told| {
                // Of its own group of keys, where there are several.
                match &told.line.line {
                    Line::InPartition { partition, .. } => {
                        self.world.clients.group(record.client, record.key) == usize::from(*partition)
                    }
                    _ => true,
                }
            })
        };
        match lost_memory.or_else(succeeded) {
            Some(told) => self.line(told),
            None => self.behind_another(node, record),
        }
        if let Some(fault) = self.fault((record.ended, self.world.now), |command| stops(command, node)) {
            self.push_fault(fault);
        }
        debug_assert!(matches!(record.outcome, Outcome::Ok(Success::Written(_))));
    }
}

impl<'a, P: Protocol> Telling<'a, P> {
    /// What the first node that cut `op` off its log said of it.
    fn cut(&self, op: OpId, record: &OpRecord) -> Option<&'a Told> {
        let mut facts = self.world.facts.of(op, record.scheduled);
        facts.find_map(|fact| {
            let What::Cut { node } = fact.what else { return None };
            let says = |who: NodeId, line: &Line| {
                let is_cut = matches!(
                    line,
                    Line::Truncate { .. }
                        | Line::Diverged { .. }
                        | Line::Rollback { .. }
                        | Line::Rewind { .. }
                );
                who == node && is_cut
            };
            let now = self.told_after(fact.at, says).filter(|told| told.line.at == fact.at);
            now.or_else(|| self.told(fact.at, says))
        })
    }

    /// Whose version stands where the effect of `op` is missing, and what kept the two apart.
    fn effect_gone(&mut self, op: OpId, record: &OpRecord) {
        let ledger = &self.world.ledger;
        let rivals = || {
            let numbered = (0_u32..).map(OpId).zip(ledger.records());
            numbered.filter(|(rival, other)| {
                *rival != op
                    && other.key == record.key
                    && other.is_acked_write()
                    && !ledger.had_seen(*rival, op)
            })
        };
        // The version that took its place; where none did on its own, the last that was made without having seen it.
        let beaten_by = record.marks.beaten_by.and_then(|winner| Some((winner, ledger.get(winner)?)));
        let Some((rival, other)) =
            beaten_by.or_else(|| rivals().filter(|(_, other)| other.ended > record.scheduled).last())
        else {
            return;
        };
        let text = format!(
            "{rival} ({}) was made without having seen {op}, and its version stayed",
            self.world.asked(other)
        );
        self.push(other.ended, other.node, Some("LOST"), text);
        let homes = [record, other].map(|record| self.world.clients.home(record.client));
        let members = self.world.members();
        let span = (record.scheduled.min(other.scheduled), other.ended.max(record.ended));
        if let Some(fault) = self.fault(span, |command| parts(command, members, homes[0], homes[1])) {
            self.push_fault(fault);
        }
    }
}

fn is_crash(line: &Line) -> bool {
    matches!(line, Line::Crash { .. })
}
