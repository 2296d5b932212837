//! Primary-replica: one primary orders all writes in a log, replicas follow it by position.
//!
//! Mirrors what Raft, PostgreSQL streaming replication, MySQL semi-sync and MongoDB replica sets share; the knobs
//! choose among them (`config`). Must not know: the world, clients' patience, what a screen shows. Read `write` (the
//! primary's side of a write), `ship` and `follow` (both ends of replication), then
//! `reads`, `reign`, `election`, `switchover`, `resync`.
//!
//! ```text
//! client     primary                      replica
//!   | write -> append, ship ------------> append
//!   |          flush                      flush
//!   |          ... predicate of `ack` <-- acknowledge (written, flushed, applied)
//!   | <- reply   holds: apply
//! ```
//!
//! What holds with `ack = "majority"`, `promotion = "auto-quorum"` and `fencing = ["epoch"]`, and is tested under
//! random faults (`tests::schedules`): one primary per term, equal positions mean equal prefixes, a new primary has
//! every committed entry, no committed entry is cut, applied prefixes are equal. Without votes the second alone
//! remains: see [`Epoch`].

mod config;
mod durable;
mod election;
mod follow;
mod message;
mod reads;
mod reign;
mod resync;
mod sessions;
mod ship;
mod store;
mod switchover;
mod truth;
mod view;
mod write;

pub use config::{Ack, Config, Promotion, ReadRule, SyncPoint};
pub use durable::{Branch, Durable, Record};
pub use message::Message;
pub use store::Store;

use crate::base::ids::{Key, NodeId};
use crate::base::knob::Knobs;
use crate::base::line::Line;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::kit::log::{Entry, Epoch, Log};
use crate::protocol::view::ReplicaView;
use crate::protocol::{self, DiskPosition, Input, Order, Protocol, Routing, Timer, Traffic, Truth};
use reign::Reign;
use std::collections::VecDeque;
use std::sync::Arc;

type Context<'a> = protocol::Context<'a, PrimaryReplica>;

/// The primary's tick: heartbeats, and everything it checks regularly.
const HEARTBEAT: Timer = Timer(1);
/// A replica's patience with a silent primary.
const ELECTION: Timer = Timer(2);
/// The late flush of `ack = "fire"`.
const FLUSH: Timer = Timer(3);
/// Reads that have waited long enough.
const READS: Timer = Timer(4);

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

/// What becomes possible when a record is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AfterFlush {
    /// The log is safe up to this index.
    Log(u64),
    /// The primary may be told how far this replica is.
    Ack(Traffic),
    /// The vote may be told.
    Vote { to: NodeId, term: u64 },
    /// The candidate's own vote counts, and others may be asked.
    Campaign { term: u64 },
}

/// One node of a primary-replica cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct PrimaryReplica {
    config: Arc<Config>,
    me: NodeId,
    members: usize,
    incarnation: u32,
    // persistent
    term: u64,
    voted_for: Option<NodeId>,
    store: Store,
    archive: Vec<Arc<Branch>>,
    // volatile
    role: Role,
    /// The newest reign this node has served in, as primary or replica; older ones are not obeyed.
    epoch: Epoch,
    /// Whom this node believes to be primary.
    primary: Option<NodeId>,
    /// Last index known to be flushed here.
    flushed: u64,
    /// Last index known to be flushed on a majority, whatever `ack` waits for (MongoDB's majority commit point).
    commit: u64,
    /// Last index whose condition was met while this node was primary.
    acked: u64,
    flushing: VecDeque<(DiskPosition, AfterFlush)>,
    /// Whether the late flush is due.
    is_flush_due: bool,
    /// As replica: last index that this log is known to share with the primary of `epoch`.
    matched: u64,
    /// As replica: last index that primary is known to have sent.
    primary_last: u64,
    /// As replica: when it last said what it has, unless something could be taken since.
    asked_at: Option<VirtualTime>,
    incoming: Option<resync::Incoming>,
    reads: reads::Reads,
    /// When the primary, or a candidate worth a vote, was heard last.
    heard: VirtualTime,
    /// When the next attempt to do something about a silence began.
    tried: VirtualTime,
    /// How long a silence or an attempt may last.
    patience: Span,
    /// Whether it has been said that no election can be won.
    is_no_quorum_said: bool,
    /// Whether the primary itself asked this node to campaign.
    is_invited: bool,
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
        let first_primary = config.first_primary;
        // Nobody demotes a primary that only restarts: PostgreSQL comes back as what it was.
        let resumes =
            config.promotion == Promotion::Manual && durable.reigned_in == durable.term && durable.term > 0;
        let mut node = Self::from_disk(cx, config, durable);
        cx.say(Line::Started { incarnation: cx.incarnation });
        if is_first_life {
            node.epoch = Epoch::new(node.term, first_primary, 1);
            node.primary = Some(first_primary);
        }
        if resumes || (is_first_life && first_primary == cx.me) {
            node.begin_reign(cx);
        } else {
            node.wait_patiently(cx);
        }
        node
    }

    fn step(&mut self, cx: &mut Context<'_>, input: Input<Self>) {
        match input {
            Input::Message { from, message } => self.receive(cx, from, message),
            Input::Client(request) => self.serve(cx, &request),
            Input::Timer(HEARTBEAT) => self.beat(cx),
            Input::Timer(ELECTION) => self.lose_patience(cx),
            Input::Timer(READS) => self.unpark(cx),
            Input::Timer(_) => {
                self.is_flush_due = false;
                cx.flush();
            }
            Input::Flushed { upto } => self.flushed(cx, upto),
            Input::Operator(Order::Configure(config)) => self.configure(cx, config),
            Input::Operator(Order::Promote) => self.promote(cx, true),
            Input::Operator(Order::CancelWaits) => self.cancel_waits(cx),
            Input::Operator(Order::HandOver { to }) => self.hand_over(cx, to),
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
        let Durable { term, voted_for, log, archive, .. } = durable;
        // The cluster was founded with the first primary of term 1, as if everyone had voted for it: an empty disk
        // knows that much, so that nobody can ever campaign for term 1 again.
        let (term, voted_for) = if term == 0 { (1, Some(config.first_primary)) } else { (term, voted_for) };
        let last = log.last_index();
        let store = Store::of(log, if config.applies_on_commit { 0 } else { last });
        PrimaryReplica {
            me: cx.me,
            members: cx.members,
            incarnation: cx.incarnation,
            term,
            voted_for,
            archive,
            role: Role::Replica,
            epoch: store.log().end().epoch,
            primary: None,
            flushed: last,
            commit: 0,
            acked: if config.ack_means_flushed() { last } else { 0 },
            flushing: VecDeque::new(),
            is_flush_due: false,
            matched: 0,
            primary_last: last,
            asked_at: None,
            incoming: None,
            reads: reads::Reads::default(),
            heard: cx.now,
            tried: cx.now,
            patience: Span::ZERO,
            is_no_quorum_said: false,
            is_invited: false,
            store,
            config,
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>, from: NodeId, message: Message) {
        match message {
            Message::Append(append) => self.take_append(cx, from, &append),
            Message::Ack(ack) => self.take_ack(cx, from, &ack),
            Message::Sync(request) => self.take_sync_request(cx, from, &request),
            Message::Stale { term } => self.take_stale(cx, term),
            Message::TakeOver { epoch } if epoch == self.epoch => self.take_over(cx, from),
            // An invitation by a primary of the past.
            Message::TakeOver { .. } => {}
            Message::Vote(request) => self.take_vote_request(cx, from, &request),
            Message::VoteReply(reply) => self.take_vote_reply(cx, from, &reply),
            Message::Chunk(chunk) => self.take_chunk(cx, from, &chunk),
            Message::ChunkAck(ack) => self.take_chunk_ack(cx, from, &ack),
        }
    }

    fn is_primary(&self) -> bool {
        matches!(self.role, Role::Primary(_))
    }

    fn log(&self) -> &Log {
        self.store.log()
    }

    /// Appends an entry to log, sessions and disk; it is flushed when someone asks for it.
    fn append(&mut self, cx: &mut Context<'_>, entry: Entry) -> u64 {
        let index = self.store.push(entry, self.config.backlog);
        let position = cx.append(Record::Append(entry));
        self.flushing.push_back((position, AfterFlush::Log(index)));
        index
    }

    /// Flushes what was appended: now, or with `ack = "fire"` within the flush interval.
    fn flush_entries(&mut self, cx: &mut Context<'_>) {
        if self.config.flushes_at_once() {
            cx.flush();
        } else if !self.is_flush_due {
            self.is_flush_due = true;
            cx.set_timer(FLUSH, self.config.flush_interval);
        }
    }

    /// Enters `term` with this vote; the record is appended, not yet flushed.
    fn set_term(&mut self, cx: &mut Context<'_>, term: u64, voted_for: Option<NodeId>) -> DiskPosition {
        (self.term, self.voted_for) = (term, voted_for);
        cx.append(Record::Term { term, voted_for })
    }

    /// The disk has everything up to `upto`. However many replies to the primary waited for it, one says it all.
    fn flushed(&mut self, cx: &mut Context<'_>, upto: DiskPosition) {
        let mut answer: Option<Traffic> = None;
        while let Some(&(_, then)) = self.flushing.front().filter(|(position, _)| *position <= upto) {
            self.flushing.pop_front();
            match then {
                AfterFlush::Log(index) => self.flushed = self.flushed.max(index),
                AfterFlush::Ack(traffic) => answer = Some(answer.map_or(traffic, |first| first.min(traffic))),
                AfterFlush::Vote { to, term } => self.tell_vote(cx, to, term),
                AfterFlush::Campaign { term } => self.ask_for_votes(cx, term),
            }
        }
        if let Some(traffic) = answer {
            self.tell_position(cx, traffic);
        }
        self.acknowledge(cx);
    }

    /// An operator turned a knob.
    fn configure(&mut self, cx: &mut Context<'_>, config: Arc<Config>) {
        self.config = config;
        if self.config.flushes_at_once() {
            cx.flush();
        }
        match &mut self.role {
            Role::Primary(reign) => {
                reign.is_degraded &= matches!(self.config.ack, Ack::SemiSync { .. });
                cx.set_timer(HEARTBEAT, self.config.heartbeat);
                self.acknowledge(cx);
            }
            _ => {
                self.role = Role::Replica;
                self.apply_received(cx);
                self.wait_patiently(cx);
            }
        }
    }
}

#[cfg(test)]
mod tests;
