//! From a log line to what it followed from.

use super::{LONGEST, Telling};
use crate::base::ids::NodeId;
use crate::base::line::{Line, StepDown};
use crate::base::time::{Span, VirtualTime};
use crate::cluster::causes::{Cause, StepId, Told};
use crate::cluster::faults::stops;
use crate::protocol::Protocol;

/// Steps that are followed back from a line about which nothing better is known.
const HOPS: usize = 6;
/// Who was invited to be primary asks for votes within this.
const JUST_NOW: Span = Span::millis(500);

impl<'a, P: Protocol> Telling<'a, P> {
    /// `told`, and what it followed from.
    pub(super) fn line(&mut self, told: &Told) {
        if self.chain.len() >= LONGEST {
            return;
        }
        let (stamped, at) = (&told.line, told.line.at);
        let before = self.chain.len();
        self.push(at, stamped.node, Some(stamped.line.code()), stamped.line.text(&self.world.names));
        if self.chain.len() == before {
            // It stands in the chain already: nothing new follows from it.
            return;
        }
        let line = match &stamped.line {
            Line::InPartition { line, .. } => line,
            line => line,
        };
        let Some(me) = stamped.node else { return self.line_of_the_world(line, at) };
        if let (Line::ElectStart { .. }, Some(invited)) = (line, self.invitation(me, at)) {
            return self.line(invited);
        }
        if let Some((whom, quiet)) = told.silence {
            return self.silence(whom, me, quiet, at);
        }
        match line {
            Line::RolePrimary { term, .. } => self.primary(told, me, *term),
            Line::Promoted { by_operator: true, .. } | Line::SwitchStart { .. } => self.order(at, me),
            Line::Invited { by } => {
                let by = *by;
                self.follow(at, |node, line| node == by && matches!(line, Line::SwitchStart { .. }));
            }
            Line::LeaseTaken { .. } => self.lease(me, at),
            Line::Promoted { by_operator: false, .. } => {
                self.follow(at, |node, line| node == me && matches!(line, Line::PrimaryLost { .. }));
            }
            Line::FailoverSelected { .. } | Line::FailoverTry { .. } => {
                self.follow(at, |_, line| matches!(line, Line::Objectively { .. }))
            }
            Line::StepDown { why: StepDown::HigherTerm(term) } => {
                let term = *term;
                self.follow(at, |node, line| {
                    node != me && matches!(line, Line::ElectStart { term: begun, .. } if *begun == term)
                });
            }
            Line::StepDown { .. } | Line::NoQuorum { .. } | Line::QuorumTimeout { .. } => {
                self.push_trouble_of(me, (at, at));
            }
            Line::Unavailable { .. } => self.who_is_down(me, at),
            Line::HintStore { target, .. } => {
                let target = *target;
                let about = |line: &Line| match line {
                    Line::PeerDown { peer, .. } | Line::PeerConvicted { peer, .. } => *peer == target,
                    Line::PeerSuspect { peer } => *peer == target,
                    _ => false,
                };
                self.follow_or_trouble(me, at, |node, line| node == me && about(line));
            }
            Line::SyncFallback { .. }
            | Line::SyncWait { .. }
            | Line::TooFewReplicas { .. }
            | Line::WaitShort { .. }
            | Line::InSyncShrink { .. } => {
                self.follow_or_trouble(me, at, |node, line| {
                    node == me && matches!(line, Line::LinkLost { .. })
                });
            }
            Line::Diverged { .. }
            | Line::Truncate { .. }
            | Line::Rewind { .. }
            | Line::Rollback { .. }
            | Line::MergeList { .. }
            | Line::StaysOut
            | Line::Fenced { .. }
            | Line::FullStart { .. } => {
                self.follow(at, |node, line| node != me && matches!(line, Line::RolePrimary { .. }));
            }
            Line::Crash { .. } | Line::Paused => {
                if let Some(fault) = self.fault((at, at), |command| stops(command, me)) {
                    self.push_fault(fault);
                }
            }
            _ => self.walk(told.step),
        }
    }

    fn line_of_the_world(&mut self, line: &Line, at: VirtualTime) {
        match line {
            Line::SplitBrain { .. } => self.follow(at, |_, line| matches!(line, Line::RolePrimary { .. })),
            Line::ClientOutcome { op, .. } | Line::OpLost { op, .. } | Line::OpInverted { op, .. } => {
                if let Some(record) = self.world.ledger.get(*op) {
                    self.decided(*op, record);
                }
            }
            _ => {}
        }
    }

    /// Goes on with the newest line before `at` for which `is_such` holds.
    fn follow(&mut self, at: VirtualTime, is_such: impl Fn(NodeId, &Line) -> bool) {
        if let Some(told) = self.told(at, is_such) {
            self.line(told);
        }
    }

    fn follow_or_trouble(&mut self, me: NodeId, at: VirtualTime, is_such: impl Fn(NodeId, &Line) -> bool) {
        match self.told(at, is_such) {
            Some(told) => self.line(told),
            None => drop(self.push_trouble_of(me, (at, at))),
        }
    }

    /// Who became primary had votes, an appointment, a lease or an order.
    fn primary(&mut self, told: &Told, me: NodeId, term: u64) {
        let at = told.line.at;
        let voters = self.voters(me, term);
        if let (Some((last, _)), false) = (voters.last().copied(), voters.is_empty()) {
            let names: Vec<String> = voters.iter().map(|(_, voter)| self.name(*voter)).collect();
            self.push(last, Some(me), Some("VOTE_GRANT"), format!("voted for by {}", names.join(", ")));
        }
        let begins = |node: NodeId, line: &Line| match line {
            Line::ElectStart { term: begun, .. } | Line::Promoted { term: begun, .. } => {
                node == me && *begun == term
            }
            Line::FailoverSelected { node, .. } => *node == me,
            Line::LeaseTaken { term: taken } => node == me && *taken == term,
            _ => false,
        };
        match self.told(at, begins) {
            Some(begun) => self.line(begun),
            None => self.walk(told.step),
        }
    }

    /// The primary's invitation to take its place that `me` had just got at `at`.
    fn invitation(&self, me: NodeId, at: VirtualTime) -> Option<&'a Told> {
        let invited = self.told(at, |node, line| node == me && matches!(line, Line::Invited { .. }))?;
        (at.since(invited.line.at) <= JUST_NOW).then_some(invited)
    }

    /// Whoever takes a lease has found that its holder let it go.
    fn lease(&mut self, me: NodeId, at: VirtualTime) {
        let mut before = self.world.tally.stints().iter().rev();
        let before = before.find(|stint| stint.since < at && stint.node != me);
        let Some(holder) = before.map(|stint| stint.node) else { return };
        let ended = |node: NodeId, line: &Line| {
            node == holder && matches!(line, Line::LeaseLost { .. } | Line::Crash { .. } | Line::Paused)
        };
        match self.told(at, ended) {
            Some(told) => self.line(told),
            None => self.follow_or_trouble(holder, at, |node, line| {
                node == me && matches!(line, Line::PrimaryLost { .. })
            }),
        }
    }

    /// What an operator ordered, or the timeline in its place.
    fn order(&mut self, at: VirtualTime, me: NodeId) {
        let is_order = |told: &&Told| told.line.at <= at && matches!(told.line.line, Line::Applied { .. });
        match self.world.causes.told().rev().find(is_order) {
            Some(told) => {
                let text = format!("`{}` was ordered", told.line.line.text(&self.world.names));
                self.push(told.line.at, None, Some(told.line.line.code()), text);
            }
            None => self.push(at, Some(me), None, "an order arrived".to_owned()),
        }
    }

    /// Who voted for `candidate` in `term`, in order.
    fn voters(&self, candidate: NodeId, term: u64) -> Vec<(VirtualTime, NodeId)> {
        let vote = |told: &Told| match &told.line.line {
            Line::VoteGrant { candidate: whom, term: of, is_pre: false }
                if (*whom, *of) == (candidate, term) =>
            {
                told.line.node.map(|voter| (told.line.at, voter))
            }
            _ => None,
        };
        self.world.causes.told().filter_map(vote).collect()
    }

    /// Whom `me` believed down at `at`, each with the line in which it said so.
    pub(super) fn who_is_down(&mut self, me: NodeId, at: VirtualTime) {
        let mut seen: Vec<NodeId> = Vec::new();
        let mut down: Vec<Told> = Vec::new();
        for told in
            self.world.causes.told().rev().filter(|told| told.line.at <= at && told.line.node == Some(me))
        {
            let (peer, is_down) = match &told.line.line {
                Line::PeerDown { peer, .. }
                | Line::PeerConvicted { peer, .. }
                | Line::PeerSuspect { peer } => (*peer, true),
                Line::PeerUp { peer } => (*peer, false),
                _ => continue,
            };
            if !seen.contains(&peer) {
                seen.push(peer);
                down.extend(is_down.then(|| told.clone()));
            }
        }
        if down.is_empty() {
            self.push_trouble_of(me, (at, at));
        }
        for told in down.iter().rev().take(2) {
            self.line(told);
        }
    }

    /// Follows the causes of a step back, message by message.
    pub(super) fn walk(&mut self, mut step: StepId) {
        for _ in 0..HOPS {
            let Some(taken) = self.world.causes.get(step).copied() else { return };
            let (at, me) = (taken.at, taken.node);
            step = match taken.cause {
                Cause::Message { name, from, sent_in } => {
                    self.push(at, Some(me), None, format!("{name} from {} arrived", self.name(from)));
                    let said = self.world.causes.told().rev().find(|told| told.step == sent_in);
                    if let Some(told) = said.filter(|_| sent_in != StepId::default()) {
                        return self.line(told);
                    }
                    sent_in
                }
                Cause::Flushed { asked_in } => asked_in,
                Cause::Timer { set_in } => {
                    let set_at = self.world.causes.get(set_in).map_or(VirtualTime::ZERO, |set| set.at);
                    return self.push(
                        at,
                        Some(me),
                        None,
                        format!("a timer ran out that it had set at {set_at}"),
                    );
                }
                Cause::Client(op) => {
                    let asked = self.world.ledger.get(op).map(|record| self.world.asked(record));
                    let text = format!("a client had asked: {}", asked.unwrap_or_default());
                    return self.push(at, Some(me), None, text);
                }
                Cause::Order => return self.order(at, me),
                Cause::Boot => return self.push(at, Some(me), None, "it had just started".to_owned()),
            };
        }
    }
}
