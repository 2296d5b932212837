//! Primary-replica: one primary orders all writes in a log, replicas follow it by position.
//!
//! Mirrors what Raft, PostgreSQL streaming replication, MySQL semi-sync and MongoDB replica sets share; the knobs
//! choose among them (`config`). Read `write` (the primary's side of a write), `ship` and `follow` (both ends of
//! replication), then `election`, `resync`.
//!
//! ```text
//! client     primary                      replica
//!   | write -> append, ship ------------> append
//!   |          flush                      flush
//!   |          ... predicate of `ack` <-- acknowledge (written, flushed, applied)
//!   | <- reply   holds: apply
//! ```

mod config;
mod durable;
mod election;
mod follow;
mod message;
mod resync;
mod ship;
mod table;
mod truth;
mod view;
mod write;

pub use config::{Ack, Config, Promotion, SyncPoint};
pub use durable::{Durable, Record};
pub use message::Message;

use crate::base::ids::{Key, NodeId, OpId};
use crate::base::knob::Knobs;
use crate::base::operation::Answer;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::kit::log::{Entry, Log};
use crate::protocol::view::ReplicaView;
use crate::protocol::{self, DiskPosition, Input, Order, Protocol, Routing, Timer, Truth};
use ship::Follower;
use std::collections::VecDeque;
use std::sync::Arc;
use table::{Sessions, Table};

type Context<'a> = protocol::Context<'a, PrimaryReplica>;

/// The primary's tick: heartbeats, and everything it checks regularly.
const HEARTBEAT: Timer = Timer(1);
/// A replica's patience with a silent primary.
const ELECTION: Timer = Timer(2);
/// The regular flush of `ack = "fire"`.
const FLUSH: Timer = Timer(3);

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
enum Role {
    /// Follows, or waits for someone to follow.
    Replica,
    /// Asks whether an election could be won; these would vote for it.
    PreCandidate(Vec<NodeId>),
    /// Asks for votes; these voted for it.
    Candidate(Vec<NodeId>),
    /// Orders the writes.
    Primary(Reign),
}

/// What only a primary has.
#[derive(Clone, Debug, Default, PartialEq)]
struct Reign {
    followers: Vec<Follower>,
    /// Writes whose clients wait, in the order of their indexes.
    waiters: VecDeque<Waiter>,
    /// Semi-sync has given up waiting.
    is_degraded: bool,
    /// The long wait has been said.
    is_wait_said: bool,
    /// Manual promotion only: it hears no majority and refuses writes until it does again.
    is_fenced: bool,
}

/// A client that waits for its write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiter {
    index: u64,
    op: OpId,
    since: VirtualTime,
}

/// What becomes possible when a record is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterFlush {
    /// The log is safe up to this index, if no truncation has taken it back meanwhile.
    Log { index: u64, cuts: u32 },
    /// The vote may be told.
    Vote { to: NodeId, term: u64 },
    /// The candidate's own vote counts, and others may be asked.
    Campaign { term: u64 },
}

/// A branch of the log that was cut off and kept.
#[derive(Clone, Debug, PartialEq)]
struct Branch {
    from: u64,
    entries: Vec<Entry>,
    acked: u64,
    at: VirtualTime,
}

/// One node of a primary-replica cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct PrimaryReplica {
    config: Arc<Config>,
    me: NodeId,
    members: usize,
    // persistent
    term: u64,
    voted_for: Option<NodeId>,
    log: Log,
    // volatile
    role: Role,
    primary: Option<NodeId>,
    table: Table,
    sessions: Sessions,
    flushed: u64,
    commit: u64,
    /// Highest index this node acknowledged to a client as primary.
    acked: u64,
    flushing: VecDeque<(DiskPosition, AfterFlush)>,
    /// How often the log was truncated: guards against flushes of entries that are gone.
    cuts: u32,
    /// Last index of the log that the present primary is known to share.
    matched: u64,
    /// Last index the present primary is known to have.
    primary_last: u64,
    /// When the last applied entry was sent.
    applied_sent_at: VirtualTime,
    /// When the primary was heard last.
    heard: VirtualTime,
    /// When this node last tried to do something about a silence.
    retry_after: VirtualTime,
    /// How long the present silence may last.
    patience: Span,
    archive: Vec<Branch>,
    incoming: Option<resync::Incoming>,
}

impl Protocol for PrimaryReplica {
    type Message = Message;
    type Durable = Durable;
    type Config = Config;

    fn config(knobs: &Knobs, _: usize, _: u64) -> Config {
        Config::new(knobs)
    }

    fn boot(cx: &mut Context<'_>, config: Arc<Config>, durable: Durable) -> Self {
        let is_first_life = cx.incarnation == 1;
        let reigns =
            config.promotion == Promotion::Manual && durable.reigned_in == durable.term && durable.term > 0;
        let first_primary = config.first_primary;
        let mut node = Self::from_disk(cx, config, durable);
        cx.say(crate::base::line::Line::Started { incarnation: cx.incarnation });
        cx.set_timer(FLUSH, node.config.flush_interval);
        if is_first_life {
            node.primary = Some(first_primary);
            node.set_term(cx, 1, None);
        }
        node.patience = node.draw_patience(cx);
        if reigns || (is_first_life && first_primary == cx.me) {
            node.reign(cx);
        } else {
            cx.set_timer(ELECTION, node.patience);
        }
        node
    }

    fn step(&mut self, cx: &mut Context<'_>, input: Input<Self>) {
        match input {
            Input::Message { from, message } => self.receive(cx, from, message),
            Input::Client(request) => self.serve(cx, &request),
            Input::Timer(HEARTBEAT) => self.beat(cx),
            Input::Timer(ELECTION) => self.lose_patience(cx),
            Input::Timer(_) => {
                cx.flush();
                cx.set_timer(FLUSH, self.config.flush_interval);
            }
            Input::Flushed { upto } => self.flushed(cx, upto),
            Input::Operator(Order::Configure(config)) => {
                self.config = config;
                self.acknowledge(cx);
            }
            Input::Operator(Order::Promote) => self.promote(cx, true),
        }
    }

    fn view(&self, now: VirtualTime) -> ReplicaView {
        self.picture(now)
    }

    fn routing(config: &Config) -> Routing {
        config.routing()
    }

    fn owners(&self, _: Key) -> Vec<NodeId> {
        self.primary.into_iter().collect()
    }

    fn truth(nodes: &[Option<&Self>]) -> Truth {
        truth::truth(nodes)
    }
}

impl PrimaryReplica {
    fn from_disk(cx: &Context<'_>, config: Arc<Config>, durable: Durable) -> Self {
        let Durable { term, voted_for, log, .. } = durable;
        let last = log.last_index();
        // What a snapshot brought was committed; of the rest a restarted node cannot know yet.
        let applied = if config.applies_on_commit() { log.first_index() - 1 } else { last };
        PrimaryReplica {
            me: cx.me,
            members: cx.members,
            term,
            voted_for,
            role: Role::Replica,
            primary: None,
            table: Table::rebuilt(&log, applied),
            sessions: Sessions::of(&log),
            flushed: last,
            commit: applied,
            acked: 0,
            flushing: VecDeque::new(),
            cuts: 0,
            matched: 0,
            primary_last: last,
            applied_sent_at: cx.now,
            heard: cx.now,
            retry_after: cx.now,
            patience: Span::ZERO,
            archive: Vec::new(),
            incoming: None,
            config,
            log,
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>, from: NodeId, message: Message) {
        match message {
            Message::Append(append) => self.take_append(cx, from, append),
            Message::Ack(ack) => self.take_ack(cx, from, &ack),
            Message::Sync(request) => self.take_sync_request(cx, from, &request),
            Message::Stale { term } => self.obey_term(cx, term),
            Message::Vote(request) => self.take_vote_request(cx, from, &request),
            Message::VoteReply(reply) => self.take_vote_reply(cx, from, &reply),
            Message::Chunk(chunk) => self.take_chunk(cx, from, chunk),
            Message::ChunkAck { snapshot, received } => self.take_chunk_ack(cx, from, snapshot, received),
        }
    }

    fn is_primary(&self) -> bool {
        matches!(self.role, Role::Primary(_))
    }

    fn reign_mut(&mut self) -> Option<&mut Reign> {
        match &mut self.role {
            Role::Primary(reign) => Some(reign),
            _ => None,
        }
    }

    /// Appends an entry to log, sessions and disk; it is flushed when someone asks for it.
    fn append(&mut self, cx: &mut Context<'_>, entry: Entry) -> u64 {
        let index = self.log.push(entry);
        self.log.trim(self.config.backlog, self.table.applied());
        self.sessions.remember(&entry, index);
        let position = cx.append(Record::Append(entry));
        self.flushing.push_back((position, AfterFlush::Log { index, cuts: self.cuts }));
        index
    }

    /// Enters `term` with this vote; the record is appended, not yet flushed.
    fn set_term(&mut self, cx: &mut Context<'_>, term: u64, voted_for: Option<NodeId>) -> DiskPosition {
        (self.term, self.voted_for) = (term, voted_for);
        cx.append(Record::Term { term, voted_for })
    }

    fn flushed(&mut self, cx: &mut Context<'_>, upto: DiskPosition) {
        let before = self.flushed;
        while let Some(&(position, then)) = self.flushing.front() {
            if position > upto {
                break;
            }
            self.flushing.pop_front();
            match then {
                AfterFlush::Log { index, cuts } if cuts == self.cuts => {
                    self.flushed = self.flushed.max(index)
                }
                AfterFlush::Log { .. } => {}
                AfterFlush::Vote { to, term } => self.tell_vote(cx, to, term),
                AfterFlush::Campaign { term } => self.ask_for_votes(cx, term),
            }
        }
        if self.flushed == before {
            return;
        }
        match self.role {
            Role::Primary(_) => self.acknowledge(cx),
            _ => self.tell_position(cx, false),
        }
    }

    fn refuse_as_not_primary(&self, cx: &mut Context<'_>, op: OpId) {
        let hint =
            if self.is_primary() { Some(self.me) } else { self.primary.filter(|&node| node != self.me) };
        cx.reply(op, Answer::NotPrimary { hint });
    }
}

#[cfg(test)]
mod tests;
