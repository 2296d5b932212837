//! One operation's way through the world: invoked, carried to a node, answered, or given up at its deadline.

use super::causes::{Turn, Turned};
use super::clients::{ASK_EVERY, Next};
use super::ledger::{Marks, OpRecord};
use super::spec::WorkloadKind;
use super::trace::Mark;
use super::view::Health;
use super::workload::Arrival;
use super::world::{Event, World};
use crate::base::data::{Change, Update};
use crate::base::ids::{ClientId, Key, NodeId, OpId};
use crate::base::line::Line;
use crate::base::operation::{
    Action, Answer, Doubt, Found, Level, Outcome, Refusal, Reply, Request, Success,
};
use crate::base::random::Keyed;
use crate::base::time::{Span, VirtualTime, WallTime};
use crate::protocol::{Input, Protocol, Traffic};
use std::sync::Arc;

impl<P: Protocol> World<P> {
    /// The load brings an operation.
    pub(super) fn arrival(&mut self, generation: u32) {
        if generation != self.load_generation {
            return;
        }
        let Arrival { client, key, action } = self.workload.draw(OpId(self.ledger.records_len()));
        self.invoke(client, (key, action, None), None, false);
        self.schedule_arrival();
    }

    /// A write was acknowledged a while ago: someone looks at what it wrote.
    pub(super) fn probe(&mut self, write: OpId) {
        let Some(key) = self.ledger.get(write).map(|record| record.key) else { return };
        // Someone else, so that no answer is late or early for having shared a link with the write.
        let writer = self.ledger.get(write).map(|record| self.clients.home(record.client));
        let everyone = (0..self.setup.workload.clients).map(|client| ClientId(client as u16));
        let elsewhere: Vec<ClientId> =
            everyone.clone().filter(|&client| Some(self.clients.home(client)) != writer).collect();
        let readers = if elsewhere.is_empty() { everyone.collect() } else { elsewhere };
        let reader = Keyed::new(self.setup.seed, "probe").below(u64::from(write.0), 0, readers.len() as u64);
        self.invoke(readers[reader as usize], (key, Action::Read, None), None, false);
    }

    /// Someone asks by hand, beside `at` or beside the first node.
    pub(super) fn invoke_by_hand(
        &mut self,
        key: Key,
        action: Action,
        at: Option<NodeId>,
        level: Option<Level>,
    ) -> OpId {
        let client = self.clients.by_hand(at.unwrap_or(NodeId(0)));
        self.invoke(client, (key, action, level), at, true)
    }

    /// Opens an operation and lets its client ask.
    fn invoke(
        &mut self,
        client: ClientId,
        (key, action, level): (Key, Action, Option<Level>),
        pinned: Option<NodeId>,
        is_by_hand: bool,
    ) -> OpId {
        let sequence = self.clients.next_sequence(client);
        let op = self.ledger.open(OpRecord {
            client,
            sequence,
            key,
            action: action.clone(),
            scheduled: self.now,
            ended: VirtualTime::ZERO,
            outcome: Outcome::Pending,
            node: None,
            marks: Marks::default(),
            is_by_hand,
        });
        self.trace.note(self.now, Mark::Invoked, None, [u64::from(op.0), u64::from(key.0)]);
        // What the store does not do, its client does: it reads, and writes back what it makes of that.
        let is_by_client = !is_by_hand && self.setup.workload.kind == WorkloadKind::ReadModifyWrite;
        let then = match &action {
            Action::Change(Change::Update(update))
                if is_by_client || !self.clients.updates().has(*update) =>
            {
                Some(*update)
            }
            _ => None,
        };
        let action = if then.is_some() { Action::Read } else { action };
        let context = self.clients.context(client, key).filter(|_| action.is_write());
        if let Some(context) = &context {
            self.ledger.note_context(op, Arc::clone(context));
        }
        let token = self.clients.token(client, key);
        let home = self.clients.home(client);
        let stamped = WallTime(self.now.0 as i64 + self.faults.clock_error_us(home, self.now));
        let request = Request { op, client, sequence, key, action, token, stamped, level, context };
        self.clients.open(request, pinned, then);
        let (timeout, retries) = (self.setup.workload.timeout, self.setup.workload.retries);
        self.agenda.push(self.now + timeout, Event::Deadline { op });
        if retries > 0 {
            let pause = timeout.scaled(1, u64::from(retries) + 1);
            self.agenda.push(self.now + pause, Event::Resend { op, left: retries });
        }
        let next = self.with_reach(|clients, now, can_reach| clients.first(op, now, can_reach));
        self.follow(op, next);
        op
    }

    /// Asks the clients with what they can reach: not through a partition, a node of their own side.
    fn with_reach<R>(
        &mut self,
        ask: impl FnOnce(&mut super::clients::Clients, VirtualTime, &dyn Fn(NodeId, NodeId) -> bool) -> R,
    ) -> R {
        let network = &self.network;
        ask(&mut self.clients, self.now, &|home, node| !network.is_parted(home, node))
    }

    /// Does what the client decided. A refused connection is known at once, so several nodes may be asked here.
    fn follow(&mut self, op: OpId, mut next: Next) {
        loop {
            match next {
                Next::Ask(node) => match self.ask(op, node) {
                    Some(then) => next = then,
                    None => return,
                },
                Next::Wait => return self.agenda.push(self.now + ASK_EVERY, Event::AskAgain { op }),
                Next::GiveUp => return self.give_up_if_refused(op),
            }
        }
    }

    /// A client's request leaves for `node`. Gives what the client does next if the connection is refused.
    fn ask(&mut self, op: OpId, node: NodeId) -> Option<Next> {
        let open = self.clients.get(op)?.clone();
        let home = self.clients.home(open.request.client);
        if self.machines[node.index()].health == Health::Down && !self.network.is_parted(home, node) {
            self.note_turn(op, node, Turned::Refused);
            return Some(
                self.with_reach(|clients, now, can_reach| clients.refused(op, node, now, can_reach)),
            );
        }
        self.clients.asked(op, node, self.now);
        self.count_client_message(&open.request, true);
        match self.setup.network.client_delay {
            Span::ZERO => self.request_arrives(op, node),
            delay => self.agenda.push(self.now + delay, Event::Request { op, node }),
        }
        None
    }

    fn note_turn(&mut self, op: OpId, node: NodeId, what: Turned) {
        self.causes.turn(Turn { at: self.now, op, node, what });
    }

    /// A pinned operation whose node refused it has nobody else to ask.
    fn give_up_if_refused(&mut self, op: OpId) {
        if self.clients.get(op).is_some_and(|open| open.unsettled == 0) {
            self.finish(op, None, Outcome::Fail(Refusal::NobodyAccepted));
        }
    }

    fn count_client_message(&mut self, request: &Request, carries_value: bool) {
        let traffic = if request.action.is_write() { Traffic::Write } else { Traffic::Read };
        let value = if carries_value == request.action.is_write() { self.network.sizes().value } else { 0 };
        self.tally.message(self.now, traffic, 40 + 16 + self.network.sizes().key + value);
    }

    pub(super) fn request_arrives(&mut self, op: OpId, node: NodeId) {
        let Some(open) = self.clients.get(op).cloned() else { return };
        if self.network.is_parted(self.clients.home(open.request.client), node) {
            return;
        }
        if self.machines[node.index()].health == Health::Down {
            self.note_turn(op, node, Turned::Refused);
            let next = self.with_reach(|clients, now, can_reach| clients.refused(op, node, now, can_reach));
            return self.follow(op, next);
        }
        self.queue(node, Input::Client(open.request));
    }

    /// A node answers.
    pub(super) fn reply(&mut self, node: NodeId, reply: Reply) {
        let Some(open) = self.clients.get(reply.op).cloned() else { return };
        self.trace.note(self.now, Mark::Replied, Some(node), [u64::from(reply.op.0), 0]);
        self.count_client_message(&open.request, false);
        if self.network.is_parted(self.clients.home(open.request.client), node) {
            return;
        }
        match self.setup.network.client_delay {
            Span::ZERO => self.answer_arrives(node, reply),
            delay => {
                let number = self.answers.last_key_value().map_or(0, |(last, _)| last + 1);
                self.answers.insert(number, reply);
                self.agenda.push(self.now + delay, Event::Answer { node, number });
            }
        }
    }

    pub(super) fn delayed_answer_arrives(&mut self, node: NodeId, number: u64) {
        if let Some(reply) = self.answers.remove(&number) {
            self.answer_arrives(node, reply);
        }
    }

    fn answer_arrives(&mut self, node: NodeId, reply: Reply) {
        let op = reply.op;
        // The client has given up, or its way to the node is cut by now.
        let Some(open) = self.clients.get(op) else { return };
        if self.network.is_parted(self.clients.home(open.request.client), node) {
            return;
        }
        let reads_first = self.clients.get(op).and_then(|open| open.then);
        let outcome = match (reply.answer, reads_first) {
            (Answer::NotPrimary { hint }, _) => {
                self.note_turn(op, node, Turned::NotPrimary(hint));
                let next = self.clients.redirected(op, node, hint);
                return self.follow(op, next);
            }
            (Answer::Found(found), Some(update)) => {
                return self.write_back(op, node, update, found.as_ref());
            }
            // A second answer to what the client has read by now.
            (Answer::Found(_), None)
                if self.clients.get(op).is_some_and(|open| open.request.action.is_write()) =>
            {
                return;
            }
            (Answer::Found(found), None) => Outcome::Ok(Success::Found(found)),
            (Answer::Written(written), _) => Outcome::Ok(Success::Written(written)),
            // Another node that was asked before may have done it: only its answer, or the deadline, can tell.
            (Answer::Refused(_), _) if !self.clients.settled(op) => return,
            (Answer::Refused(refusal), _) => Outcome::Fail(refusal),
            (Answer::Uncertain(_), Some(_)) => Outcome::Fail(Refusal::NotRead),
            (Answer::Uncertain(doubt), None) => Outcome::Unknown(doubt),
        };
        self.clients.answered(op, node, matches!(outcome, Outcome::Ok(_)));
        self.clients.learn(op, &outcome);
        if matches!(outcome, Outcome::Ok(Success::Written(_)))
            && let Some(other) = self.tally.acked(self.now, node, self.clients.partition(op))
        {
            self.say(None, Line::SplitBrain { nodes: (other.min(node), other.max(node)) });
        }
        self.finish(op, Some(node), outcome);
    }

    /// The client has read what it wants to change: it writes back what it makes of that.
    fn write_back(&mut self, op: OpId, node: NodeId, update: Update, found: Option<&Found>) {
        self.clients.answered(op, node, true);
        if self.clients.write_back(op, update, found).is_none() {
            return self.finish(op, Some(node), Outcome::Fail(Refusal::WrongKind));
        }
        if let Some(context) = self.clients.get(op).and_then(|open| open.request.context.clone()) {
            self.ledger.note_context(op, context);
        }
        let next = self.with_reach(|clients, now, can_reach| clients.first(op, now, can_reach));
        self.follow(op, next);
    }

    /// Ends an operation for its client, once.
    fn finish(&mut self, op: OpId, node: Option<NodeId>, outcome: Outcome) {
        self.clients.close(op);
        if !self.ledger.close(op, self.now, node, outcome.clone()) {
            return;
        }
        let kind = match &outcome {
            Outcome::Pending => 0,
            Outcome::Ok(_) => 1,
            Outcome::Fail(_) => 2,
            Outcome::Unknown(_) => 3,
        };
        self.trace.note(self.now, Mark::Ended, node, [u64::from(op.0), kind]);
        self.look_for_the_dead(op, node, &outcome);
        if let (WorkloadKind::Probe { after }, Outcome::Ok(Success::Written(_))) =
            (self.setup.workload.kind, &outcome)
        {
            self.agenda.push(self.now + after, Event::Probe { write: op });
        }
        if self.ledger.get(op).is_some_and(|record| record.is_by_hand) {
            let text = self.story_of(op).into();
            self.say(None, Line::ClientOutcome { op, text });
        }
    }

    /// A read may show what was deleted and forgotten.
    fn look_for_the_dead(&mut self, op: OpId, node: Option<NodeId>, outcome: &Outcome) {
        let Outcome::Ok(Success::Found(Some(found))) = outcome else { return };
        let Some(key) = self.ledger.get(op).map(|record| record.key).filter(|_| found.value.is_some()) else {
            return;
        };
        if self.ledger.meet(self.now, key, found.version, found.written_by) {
            self.say(node, Line::Resurrected { key, by: None });
        }
    }

    /// An operation in words: `write x=5 at n2: ok in 4.8 ms`.
    pub(super) fn story_of(&self, op: OpId) -> String {
        let Some(record) = self.ledger.get(op) else { return String::new() };
        let asked = self.asked(record);
        let at = record.node.map_or(String::new(), |node| format!(" at {}", self.names.node(node)));
        let ended = match &record.outcome {
            Outcome::Pending => "open".to_owned(),
            Outcome::Ok(Success::Written(_)) => format!("ok in {:.1} ms", record.latency().as_millis()),
            Outcome::Ok(Success::Found(found)) => {
                let all = found.iter().flat_map(Found::all).map(|(data, _)| data);
                let all: Vec<String> = all
                    .map(|data| data.map_or("no value".to_owned(), |data| self.names.data(data)))
                    .collect();
                match all.as_slice() {
                    [] => "no value".to_owned(),
                    [one] if one == "no value" => one.clone(),
                    several => format!("-> {}", several.join(" | ")),
                }
            }
            Outcome::Fail(refusal) => format!("failed: {}", refusal.word()),
            Outcome::Unknown(doubt) => format!("unknown: {}", doubt.word()),
        };
        format!("{asked}{at}: {ended}")
    }

    /// What a client asked, in words: `write x=5`.
    pub(super) fn asked(&self, record: &OpRecord) -> String {
        let key = self.names.key(record.key);
        match &record.action {
            Action::Change(Change::Write(data)) => format!("write {key}={}", self.names.data(data)),
            Action::Change(Change::Delete) => format!("delete {key}"),
            Action::Change(Change::Update(update)) => format!("{key} {}", self.names.update(*update)),
            Action::Read | Action::ReadHere | Action::Locate => format!("read {key}"),
        }
    }

    pub(super) fn ask_next(&mut self, op: OpId) {
        let next = self.with_reach(|clients, now, can_reach| clients.in_turn(op, now, can_reach));
        self.follow(op, next);
    }

    pub(super) fn resend(&mut self, op: OpId, left: u32) {
        let Some(open) = self.clients.get(op).cloned() else { return };
        let pause = self.setup.workload.timeout.scaled(1, u64::from(self.setup.workload.retries) + 1);
        if left > 1 {
            self.agenda.push(self.now + pause, Event::Resend { op, left: left - 1 });
        }
        if open.at.is_some() && self.clients.may_retry(op) {
            self.ask_next(op);
        }
    }

    /// An operation's time is up: sent and not answered is unknown, never accepted by any node is failed.
    pub(super) fn deadline(&mut self, op: OpId) {
        let Some(open) = self.clients.get(op) else { return };
        let outcome = match open.unsettled > 0 {
            true if open.then.is_some() => Outcome::Fail(Refusal::NotRead),
            true => Outcome::Unknown(Doubt::Silence),
            false => Outcome::Fail(Refusal::NobodyAccepted),
        };
        self.finish(op, open.at, outcome);
    }

    /// `node` has crashed: whoever waits for it and can be told is told.
    pub(super) fn reset_connections(&mut self, node: NodeId) {
        for op in self.clients.at(node) {
            let Some(open) = self.clients.get(op) else { continue };
            let outcome = match open.then {
                Some(_) => Outcome::Fail(Refusal::NotRead),
                None => Outcome::Unknown(Doubt::ConnectionReset),
            };
            if !self.network.is_parted(self.clients.home(open.request.client), node) {
                self.finish(op, Some(node), outcome);
            }
        }
    }
}
