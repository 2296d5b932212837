//! `promotion = "auto-monitor"`: a monitor beside each of the first nodes, as Redis Sentinel works.
//!
//! ```text
//! silent for down_after        quorum of monitors          majority of all monitors
//! --> subjectively down   -->  objectively down      -->   authorised: Promote the best replica
//! ```
//!
//! The quorum only detects; a failover needs the votes of a majority. Among the replicas that answer, the order is:
//! `promote_order`, then how far they are, then their number (sentinel.c). Nothing makes the best one have every
//! acknowledged write. With `detection = "holistic"` the replicas in reach must have lost the primary too
//! (orchestrator), so that a cut around the monitors alone does nothing.
//!
//! A monitor lives in its node's process here: it crashes, pauses and slows down with it.

use super::message::{Message, MonitorAsk, MonitorSays, Observed};
use super::{AfterFlush, Context, MONITOR, PrimaryReplica, Promotion, Record, Role};
use crate::base::ids::NodeId;
use crate::base::line::{Abort, Line};
use crate::base::time::{Span, VirtualTime};
use crate::protocol::kit::log::Position;
use crate::protocol::kit::quorum::majority;
use crate::protocol::view::MonitorView;
use std::cmp::Reverse;

/// Pings that an opinion, or a replica's last answer, stays good for.
const PINGS_FRESH: u64 = 5;

/// Pings over which the first attempts of several monitors are spread.
const PINGS_APART: u64 = 3;
/// Pings that voting may take: 10 s with the real ping of 1 s (sentinel.c SENTINEL_ELECTION_TIMEOUT).
const PINGS_TO_VOTE: u64 = 10;

/// What a monitor knows of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Seen {
    heard: VirtualTime,
    end: Position,
    silent: Span,
    has_answered: bool,
}

/// A failover that this monitor leads.
#[derive(Clone, Debug, PartialEq)]
struct Attempt {
    epoch: u64,
    since: VirtualTime,
    votes: Vec<NodeId>,
    /// The replica that was told to take over.
    chosen: Option<NodeId>,
}

/// The monitor beside a node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Monitor {
    /// The primary it watches, and of which term.
    primary: NodeId,
    term: u64,
    seen: Vec<Seen>,
    down_since: Option<VirtualTime>,
    is_objective: bool,
    /// When each other monitor last said that it misses the primary too.
    agree: Vec<Option<VirtualTime>>,
    /// The highest attempt heard of, and its vote.
    epoch: u64,
    vote: (u64, Option<NodeId>),
    attempt: Option<Attempt>,
    /// No attempt before this.
    not_before: VirtualTime,
}

impl Monitor {
    /// The last attempt it voted in, and for whom.
    pub(super) fn last_vote(&self) -> (u64, Option<NodeId>) {
        self.vote
    }
}

impl PrimaryReplica {
    /// Puts a monitor beside this node if it is to have one.
    pub(super) fn hire_monitor(&mut self, cx: &mut Context<'_>, vote: (u64, Option<NodeId>)) {
        let is_wanted =
            self.config.promotion == Promotion::AutoMonitor && self.me.index() < self.config.monitors.count;
        if !is_wanted {
            self.monitor = None;
            return cx.cancel_timer(MONITOR);
        }
        if self.monitor.is_some() {
            return;
        }
        let seen = Seen { heard: cx.now, ..Seen::default() };
        self.monitor = Some(Box::new(Monitor {
            primary: self.primary.unwrap_or(self.config.first_primary),
            term: self.term,
            seen: vec![seen; cx.members],
            down_since: None,
            is_objective: false,
            agree: vec![None; cx.members],
            epoch: vote.0,
            vote,
            attempt: None,
            not_before: cx.now,
        }));
        // Monitors that tick together would ask for votes together.
        let desync = Span(cx.random.between(0, self.config.monitors.ping.0));
        cx.set_timer(MONITOR, desync);
    }

    fn monitors(&self) -> impl Iterator<Item = NodeId> + use<> {
        let (me, count) = (self.me, self.config.monitors.count.min(self.members.len()));
        (0..count).map(NodeId::at).filter(move |&other| other != me)
    }

    /// The monitor's tick.
    pub(super) fn monitor(&mut self, cx: &mut Context<'_>) {
        let (rules, last) = (self.config.monitors, self.members.last().copied());
        let Some(monitor) = &mut self.monitor else { return };
        // A node may have joined since.
        let nodes = last.map_or(0, |last| last.index() + 1).max(monitor.seen.len());
        monitor.seen.resize(nodes, Seen { heard: cx.now, ..Seen::default() });
        for peer in self.peers() {
            cx.send(peer, Message::Observe);
        }
        self.look_at_own_node(cx.now);
        self.judge_primary(cx);
        self.lead(cx);
        cx.set_timer(MONITOR, rules.ping);
    }

    /// The node beside the monitor needs no message.
    fn look_at_own_node(&mut self, now: VirtualTime) {
        let (me, observed) = (self.me, self.how_i_am(now));
        self.note_observed(now, me, &observed);
    }

    /// A node has answered.
    pub(super) fn note_observed(&mut self, now: VirtualTime, from: NodeId, observed: &Observed) {
        let Some(monitor) = &mut self.monitor else { return };
        let Some(seen) = monitor.seen.get_mut(from.index()) else { return };
        (seen.end, seen.silent, seen.has_answered) = (observed.end, observed.silent, true);
        // A primary that calls itself a replica is no better than a silent one.
        let is_as_expected = from != monitor.primary || observed.is_primary || observed.term < monitor.term;
        if is_as_expected {
            seen.heard = now;
        }
    }

    /// A primary of a later term is the one to watch from now on.
    pub(super) fn watch_another(&mut self, cx: &mut Context<'_>, from: NodeId, observed: &Observed) {
        let block = self.config.monitors.recovery_block;
        let Some(monitor) = &mut self.monitor else { return };
        let is_later = (observed.term, Reverse(from)) > (monitor.term, Reverse(monitor.primary));
        if !observed.is_primary || !is_later || from.index() >= monitor.seen.len() {
            return;
        }
        if let Some(attempt) = monitor.attempt.take_if(|attempt| attempt.chosen == Some(from)) {
            cx.say(Line::FailoverEnd { node: from, epoch: attempt.epoch });
        }
        (monitor.primary, monitor.term) = (from, observed.term);
        (monitor.down_since, monitor.is_objective, monitor.attempt) = (None, false, None);
        monitor.agree.fill(None);
        monitor.epoch = monitor.epoch.max(observed.term);
        if let Some(seen) = monitor.seen.get_mut(from.index()) {
            seen.heard = cx.now;
        }
        if let Some(block) = block {
            monitor.not_before = monitor.not_before.max(cx.now + block);
        }
    }

    fn judge_primary(&mut self, cx: &mut Context<'_>) {
        let (down_after, rules) = (self.config.down_after, self.config.monitors);
        let monitors = self.monitors();
        let has_lost_it = self.have_replicas_lost_it(cx.now);
        let Some(monitor) = &mut self.monitor else { return };
        let primary = monitor.primary;
        let silent = cx.now.since(monitor.seen[primary.index()].heard);
        if silent < down_after {
            (monitor.down_since, monitor.is_objective) = (None, false);
            return;
        }
        if monitor.down_since.is_none() {
            monitor.down_since = Some(cx.now);
            cx.say(Line::Subjectively { node: primary, silent });
        }
        for other in monitors {
            cx.send(other, Message::MonitorAsk(MonitorAsk { primary, vote_for: None }));
        }
        let fresh = rules.ping * PINGS_FRESH;
        let agree = |said: &&Option<VirtualTime>| said.is_some_and(|at| cx.now.since(at) <= fresh);
        let votes = 1 + monitor.agree.iter().filter(agree).count();
        let is_objective = votes >= rules.quorum && (!rules.is_holistic || has_lost_it);
        let was_objective = std::mem::replace(&mut monitor.is_objective, is_objective);
        if is_objective && !was_objective {
            cx.say(Line::Objectively { node: primary, votes, quorum: rules.quorum as u64 });
            // Those who see it at the same time would split the votes (sentinel.c SENTINEL_MAX_DESYNC).
            let desync = Span(cx.random.between(0, (rules.ping * PINGS_APART).0));
            monitor.not_before = monitor.not_before.max(cx.now + desync);
        }
    }

    /// Whether every replica in reach says that it has lost the primary, and there is one.
    fn have_replicas_lost_it(&self, now: VirtualTime) -> bool {
        let Some(monitor) = &self.monitor else { return false };
        let (fresh, lost) = (self.config.monitors.ping * PINGS_FRESH, self.config.down_after);
        let in_reach = |node: &&NodeId| {
            let seen = monitor.seen[node.index()];
            **node != monitor.primary && seen.has_answered && now.since(seen.heard) <= fresh
        };
        let mut replicas = self.members.iter().filter(in_reach).peekable();
        replicas.peek().is_some() && replicas.all(|node| monitor.seen[node.index()].silent >= lost)
    }

    /// Begins an attempt, or sees to the one that is under way.
    fn lead(&mut self, cx: &mut Context<'_>) {
        let rules = self.config.monitors;
        let Some(monitor) = &mut self.monitor else { return };
        if let Some(attempt) = &monitor.attempt {
            let patience = match attempt.chosen {
                None => rules.failover_timeout.min(rules.ping * PINGS_TO_VOTE),
                Some(_) => rules.failover_timeout,
            };
            if cx.now.since(attempt.since) < patience {
                return;
            }
            let why = match attempt.chosen {
                Some(_) => Abort::TimedOut,
                None => Abort::NotAuthorised { got: attempt.votes.len(), need: needed(rules) },
            };
            cx.say(Line::FailoverAbort { why, epoch: attempt.epoch });
            let desync = Span(cx.random.between(0, (rules.ping * PINGS_APART).0));
            (monitor.attempt, monitor.not_before) = (None, cx.now + rules.failover_timeout + desync);
        }
        if !monitor.is_objective || cx.now < monitor.not_before {
            return;
        }
        let epoch = monitor.epoch.max(monitor.term).max(self.term) + 1;
        monitor.attempt = Some(Attempt { epoch, since: cx.now, votes: Vec::new(), chosen: None });
        cx.say(Line::FailoverTry { epoch });
        let me = self.me;
        self.vote(cx, epoch, me);
    }

    /// Votes once in each attempt; the vote is told once it is flushed.
    fn vote(&mut self, cx: &mut Context<'_>, epoch: u64, whom: NodeId) -> bool {
        let pause = self.config.monitors.failover_timeout;
        let Some(monitor) = &mut self.monitor else { return false };
        if epoch <= monitor.vote.0 {
            return monitor.vote == (epoch, Some(whom));
        }
        (monitor.vote, monitor.epoch) = ((epoch, Some(whom)), monitor.epoch.max(epoch));
        if whom != self.me {
            // Someone else leads: this one keeps quiet for a while.
            monitor.not_before = monitor.not_before.max(cx.now + pause);
        }
        let position = cx.append(Record::MonitorVote { epoch, whom });
        self.flushing.push_back((position, AfterFlush::MonitorVote { epoch, whom }));
        cx.flush();
        true
    }

    /// The vote is flushed.
    pub(super) fn tell_monitor_vote(&mut self, cx: &mut Context<'_>, epoch: u64, whom: NodeId) {
        let me = self.me;
        let Some(primary) = self.monitor.as_ref().map(|monitor| monitor.primary) else { return };
        if whom != me {
            let says = MonitorSays { primary, is_down: true, vote: Some(epoch) };
            return cx.send(whom, Message::MonitorSays(says));
        }
        for other in self.monitors() {
            cx.send(other, Message::MonitorAsk(MonitorAsk { primary, vote_for: Some(epoch) }));
        }
        self.count_monitor_vote(cx, me, epoch);
    }

    /// Another monitor asks.
    pub(super) fn take_monitor_ask(&mut self, cx: &mut Context<'_>, from: NodeId, ask: &MonitorAsk) {
        let Some(monitor) = &self.monitor else { return };
        let is_down = monitor.primary == ask.primary && monitor.down_since.is_some();
        match ask.vote_for {
            // A vote that is new is told when it is flushed.
            Some(epoch) if epoch > monitor.vote.0 => drop(self.vote(cx, epoch, from)),
            Some(epoch) => {
                let vote = (monitor.vote == (epoch, Some(from))).then_some(epoch);
                cx.send(from, Message::MonitorSays(MonitorSays { primary: ask.primary, is_down, vote }));
            }
            None => {
                let says = MonitorSays { primary: ask.primary, is_down, vote: None };
                cx.send(from, Message::MonitorSays(says));
            }
        }
    }

    /// Another monitor answers.
    pub(super) fn take_monitor_says(&mut self, cx: &mut Context<'_>, from: NodeId, says: &MonitorSays) {
        let Some(monitor) = self.monitor.as_mut().filter(|monitor| monitor.primary == says.primary) else {
            return;
        };
        monitor.agree[from.index()] = says.is_down.then_some(cx.now);
        if let Some(epoch) = says.vote {
            self.count_monitor_vote(cx, from, epoch);
        }
    }

    fn count_monitor_vote(&mut self, cx: &mut Context<'_>, from: NodeId, epoch: u64) {
        let need = needed(self.config.monitors);
        let Some(monitor) = &mut self.monitor else { return };
        let Some(attempt) = monitor.attempt.as_mut().filter(|attempt| attempt.epoch == epoch) else { return };
        if !attempt.votes.contains(&from) {
            attempt.votes.push(from);
        }
        if attempt.votes.len() >= need && attempt.chosen.is_none() {
            self.choose(cx, epoch);
        }
    }

    /// Picks the replica to promote, and tells it.
    fn choose(&mut self, cx: &mut Context<'_>, epoch: u64) {
        let (rules, down_after) = (self.config.monitors, self.config.down_after);
        let order = |node: NodeId| {
            let listed = self.config.promote_order.iter().position(|&listed| listed == node);
            listed.unwrap_or(usize::MAX)
        };
        let Some(monitor) = &self.monitor else { return };
        let down_for = monitor.down_since.map_or(Span::ZERO, |since| cx.now.since(since));
        let is_good = |node: &&NodeId| {
            let seen = monitor.seen[node.index()];
            **node != monitor.primary
                && !self.config.never_promote.contains(node)
                && seen.has_answered
                && cx.now.since(seen.heard) <= rules.ping * PINGS_FRESH
                && seen.silent <= down_after * 10 + down_for
        };
        let rank = |node: &&NodeId| (order(**node), Reverse(monitor.seen[node.index()].end), **node);
        let best = self.members.iter().filter(is_good).min_by_key(rank).copied();
        let Some(node) = best else {
            cx.say(Line::FailoverAbort { why: Abort::NoGoodReplica, epoch });
            return self.give_up(cx.now);
        };
        cx.say(Line::FailoverSelected { node, index: monitor.seen[node.index()].end.index, epoch });
        if let Some(attempt) = self.monitor.as_mut().and_then(|monitor| monitor.attempt.as_mut()) {
            attempt.chosen = Some(node);
        }
        match node == self.me {
            true => self.take_appointment(cx, epoch),
            false => cx.send(node, Message::Appoint { term: epoch }),
        }
    }

    fn give_up(&mut self, now: VirtualTime) {
        let pause = self.config.monitors.failover_timeout;
        if let Some(monitor) = &mut self.monitor {
            (monitor.attempt, monitor.not_before) = (None, now + pause);
        }
    }

    /// The monitors make this node primary.
    pub(super) fn take_appointment(&mut self, cx: &mut Context<'_>, term: u64) {
        if self.is_primary() || term <= self.term || matches!(self.role, Role::LeaseStore(_)) {
            return;
        }
        self.set_term(cx, term, Some(self.me));
        self.succeed(cx);
    }

    /// What the monitor beside this node thinks, and when it will miss the primary.
    pub(super) fn watch(&self) -> Option<(MonitorView, VirtualTime)> {
        let monitor = self.monitor.as_ref()?;
        let view = MonitorView {
            primary: monitor.primary,
            is_down: monitor.down_since.is_some(),
            agree: monitor.agree.iter().flatten().count(),
            is_leading: monitor.attempt.is_some(),
        };
        Some((view, monitor.seen[monitor.primary.index()].heard + self.config.down_after))
    }

    // answers

    /// How this node is.
    pub(super) fn how_i_am(&self, now: VirtualTime) -> Observed {
        let is_primary = self.is_primary();
        let silent = if is_primary { Span::ZERO } else { now.since(self.heard) };
        Observed { term: self.term, end: self.log().end(), is_primary, silent }
    }
}

/// Votes that authorise: a majority of all monitors, and no fewer than the quorum.
fn needed(rules: super::config::Monitors) -> usize {
    majority(rules.count).max(rules.quorum)
}
