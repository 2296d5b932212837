//! Primary-replica: one primary orders all writes in a log, replicas follow it by position.
//!
//! Mirrors what Raft, PostgreSQL streaming replication, MySQL semi-sync and MongoDB replica sets share; the knobs
//! choose among them (`config`). Must not know: the world, clients' patience, what a screen shows. Read `write` (the
//! primary's side of a write), `ship`, `relay` and `follow` (the ways of replication), then
//! `reads`, `reign`, `resync`, `rejoin`, `membership`. Who is primary: `election` (votes), `monitor` (Sentinel), `lease` (a store),
//! `switchover` (an operator), and `succession`, which all of them go through. `site` is for a group that is one of several.
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
mod in_sync;
mod lease;
mod membership;
mod message;
mod monitor;
mod reads;
mod reign;
mod rejoin;
mod relay;
mod resync;
mod sessions;
mod ship;
mod site;
mod store;
mod succession;
mod switchover;
mod truth;
mod view;
mod write;

pub use config::{
    Ack, Config, Fencer, Layout, LeaseRules, Monitors, Promotion, ReadRule, Rejoin, ResyncRules, SyncPoint,
};
pub use durable::{Branch, Durable, Record, Tenure};
pub use message::Message;
pub use site::{Shipped, SiteRules};
pub use store::Store;

use crate::base::ids::{Key, NodeId, Version};
use crate::base::knob::Knobs;
use crate::base::line::Line;
use crate::base::time::{Span, VirtualTime, WallTime};
use crate::protocol::kit::log::{Content, Entry, Epoch, Log};
use crate::protocol::view::{LogCell, ReplicaView};
use crate::protocol::{
    self, DiskPosition, Holding, Input, Order, Protocol, Routing, Sought, Surroundings, Timer, Traffic, Truth,
};
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
/// The next step of a node that is about to be primary.
const TAKE_OVER: Timer = Timer(5);
/// The tick of the monitor beside the node.
const MONITOR: Timer = Timer(6);
/// Entries that have waited for `apply_delay`.
const APPLY: Timer = Timer(7);

/// What a node is.
#[derive(Clone, Debug, PartialEq)]
enum Role {
    /// Follows, or waits for someone to follow.
    Replica,
    /// Asks whether an election could be won; these would vote for it.
    PreCandidate(Vec<NodeId>),
    /// Asks for votes; these voted for it.
    Candidate(Vec<NodeId>),
    /// Is to be primary, and must do something first.
    Succeeding(succession::Succession),
    /// Has entries that the primary does not have, and follows nobody (`rejoin = "refuse"`).
    StandingOut,
    /// Keeps the lease of `promotion = "auto-lease"`, and no data.
    LeaseStore(lease::Book),
    /// Orders the writes.
    Primary(Box<Reign>),
}

/// What becomes possible when a record is flushed.
#[derive(Clone, Debug, PartialEq)]
enum AfterFlush {
    /// The log is safe up to this index.
    Log(u64),
    /// The primary may be told how far this replica is.
    Ack(Traffic),
    /// The vote may be told.
    Vote { to: NodeId, term: u64 },
    /// The candidate's own vote counts, and others may be asked.
    Campaign { term: u64 },
    /// The monitor's vote may be told.
    MonitorVote { epoch: u64, whom: NodeId },
    /// The next node of the chain may have this.
    Relay(Box<message::Append>),
    /// The lease store may say what it has written down.
    Lease { to: NodeId, wish: message::Wish, asked_at: WallTime },
}

/// One node of a primary-replica cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct PrimaryReplica {
    config: Arc<Config>,
    me: NodeId,
    /// Who keeps a copy and votes, this node included, in order.
    members: Arc<[NodeId]>,
    /// How many nodes the cluster was founded with.
    founders: usize,
    /// Whose place this node was told to take.
    instead_of: Option<NodeId>,
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
    /// The newest way by which entries came, and the last of them.
    by_way: (u64, u64),
    /// In a chain: the last node, unless this is it.
    tail: Option<NodeId>,
    /// What a cut has left to do.
    pending: Option<rejoin::Pending>,
    monitor: Option<Box<monitor::Monitor>>,
    tenancy: lease::Tenancy,
    /// The in-sync set that the lease store handed over with the lease.
    in_sync_at_start: Option<Arc<[NodeId]>>,
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
    /// Whether this life knows what is committed: from a primary, by being one, or because nothing came before it.
    knows_commit: bool,
}

impl Protocol for PrimaryReplica {
    type Message = Message;
    type Durable = Durable;
    type Config = Config;

    fn config(knobs: &Knobs, around: &Surroundings) -> Config {
        Config { row_bytes: message::row_bytes(around.sizes), ..Config::new(knobs) }
    }

    fn boot(cx: &mut Context<'_>, config: Arc<Config>, durable: Durable) -> Self {
        let is_first_life = cx.incarnation == 1;
        let first_primary = config.first_primary;
        // Nobody demotes a primary that only restarts: PostgreSQL and Redis come back as what their files say. Redis
        // says so even of a node that has nothing left.
        let was_primary = match durable.term {
            0 => !config.persists && first_primary == cx.me,
            // Where nobody votes another may have opened a later reign of the same term.
            term => {
                let own = Epoch::new(term, cx.me, cx.incarnation);
                durable.reigned_in == term && durable.log.end().epoch <= own
            }
        };
        let resumes = matches!(config.promotion, Promotion::Manual | Promotion::AutoMonitor) && was_primary;
        let (lease, vote) = (durable.lease.clone(), durable.monitor_vote);
        let mut node = Self::from_disk(cx, config, durable);
        node.count_members();
        cx.say(Line::Started { incarnation: cx.incarnation });
        if node.config.lease_store(cx.members) == Some(cx.me) {
            node.keep_lease(cx, lease);
            return node;
        }
        if is_first_life {
            node.epoch = Epoch::new(node.term, first_primary, 1);
            node.primary = Some(first_primary);
        }
        if resumes || (is_first_life && first_primary == cx.me) {
            node.begin_reign(cx);
        } else {
            node.wait_patiently(cx);
            node.ask_to_join(cx);
        }
        node.hire_monitor(cx, vote);
        node
    }

    fn step(&mut self, cx: &mut Context<'_>, input: Input<Self>) {
        match input {
            Input::Message { from, message } => self.receive(cx, from, message),
            Input::Client(request) => self.serve(cx, &request),
            Input::Timer(HEARTBEAT) => self.beat(cx),
            Input::Timer(ELECTION) => self.lose_patience(cx),
            Input::Timer(READS) => self.unpark(cx),
            Input::Timer(TAKE_OVER) => self.take_over_now(cx),
            Input::Timer(MONITOR) => self.monitor(cx),
            Input::Timer(APPLY) => self.apply_received(cx),
            Input::Timer(_) => {
                self.is_flush_due = false;
                cx.flush();
            }
            Input::Flushed { upto } => self.flushed(cx, upto),
            Input::Fenced { target, is_done } => self.take_fenced(cx, target, is_done),
            Input::Operator(Order::Configure(config)) => self.configure(cx, config),
            Input::Operator(Order::Promote) if self.is_primary() => {
                cx.say(write::refused("promote", "it is primary already"));
            }
            Input::Operator(Order::Promote) => self.promote(cx, true),
            Input::Operator(Order::CancelWaits) => self.cancel_waits(cx),
            // Replicas follow a log: there is nothing to compare, and no ring to move on.
            Input::Operator(Order::Repair | Order::Move { .. }) => {}
            Input::Operator(Order::HandOver { to }) => self.hand_over(cx, to),
            Input::Operator(Order::Remove { node }) if !self.is_primary() => {
                cx.say(write::refused("decommission", "this node is primary no more"));
                let _ = node;
            }
            Input::Operator(Order::Remove { node }) => self.remove_member(cx, node),
            Input::Operator(Order::TakePlaceOf { node }) => {
                self.instead_of = Some(node);
                self.ask_to_join(cx);
            }
        }
    }

    fn view(&self, now: VirtualTime) -> ReplicaView {
        self.picture(now)
    }

    fn entries(&self, _partition: Option<u16>, from: u64, to: u64) -> Vec<LogCell> {
        self.cells(from, to)
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

    fn holding(&self, sought: &Sought<'_>) -> Option<Holding> {
        durable::place_in(self.log(), sought)
    }

    fn place_of(version: Version) -> String {
        let (term, index) = Entry::place_of(version);
        format!("term {term}, index {index}")
    }
}

impl PrimaryReplica {
    fn from_disk(cx: &mut Context<'_>, config: Arc<Config>, durable: Durable) -> Self {
        let Durable { term, voted_for, mut log, archive, .. } = durable;
        if !config.persists && log.last_index() > 0 {
            log = Log::default();
            cx.append(Record::Install(Arc::default()));
            cx.flush();
        }
        // The cluster was founded with the first primary of term 1, as if everyone had voted for it: an empty disk
        // knows that much, so that nobody can ever campaign for term 1 again.
        let (term, voted_for) = if term == 0 { (1, Some(config.first_primary)) } else { (term, voted_for) };
        let last = log.last_index();
        let store = Store::of(log, if config.applies_on_commit { 0 } else { last });
        PrimaryReplica {
            me: cx.me,
            members: config.members(cx.members),
            founders: cx.members,
            instead_of: None,
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
            by_way: (0, 0),
            tail: None,
            pending: None,
            monitor: None,
            tenancy: lease::Tenancy::default(),
            in_sync_at_start: None,
            reads: reads::Reads::default(),
            heard: cx.now,
            tried: cx.now,
            patience: Span::ZERO,
            is_no_quorum_said: false,
            is_invited: false,
            knows_commit: cx.incarnation == 1,
            store,
            config,
        }
    }

    fn receive(&mut self, cx: &mut Context<'_>, from: NodeId, message: Message) {
        let is_store = matches!(self.role, Role::LeaseStore(_));
        match message {
            Message::LeaseAsk(ask) => self.take_lease_ask(cx, from, &ask),
            // The lease store has nothing to do with anything else.
            _ if is_store => {}
            Message::LeaseSays(says) => self.take_lease_says(cx, &says),
            Message::Observe => cx.send(from, Message::Observed(self.how_i_am(cx.now))),
            Message::Observed(observed) => {
                self.note_rival(from, &observed);
                self.note_observed(cx.now, from, &observed);
                self.watch_another(cx, from, &observed);
            }
            Message::MonitorAsk(ask) => self.take_monitor_ask(cx, from, &ask),
            Message::MonitorSays(says) => self.take_monitor_says(cx, from, &says),
            Message::HowFar { op, key } => self.take_how_far(cx, from, op, key),
            Message::ThisFar { op, key, upto } => self.find_upto(cx, op, key, upto),
            Message::Join { instead_of } => self.take_join(cx, from, instead_of),
            Message::Appoint { term } => self.take_appointment(cx, term),
            Message::Pull(request) => self.take_pull(cx, from, &request),
            Message::Pulled(pulled) => self.take_pulled(cx, from, &pulled),
            Message::FetchRows { epoch, rows } => self.take_fetch_rows(cx, from, epoch, rows),
            Message::Rows { epoch, .. } => self.take_rows(cx, from, epoch),
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
        let index = self.store.push(entry.clone(), self.config.backlog);
        if !matches!(entry.content, Content::Write(_) | Content::Merged(_) | Content::Opening) {
            self.count_members();
        }
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

    fn next_flushed(&mut self, upto: DiskPosition) -> Option<AfterFlush> {
        let (position, _) = self.flushing.front()?;
        if *position > upto {
            return None;
        }
        self.flushing.pop_front().map(|(_, then)| then)
    }

    /// The disk has everything up to `upto`. However many replies to the primary waited for it, one says it all.
    fn flushed(&mut self, cx: &mut Context<'_>, upto: DiskPosition) {
        let mut answer: Option<Traffic> = None;
        while let Some(then) = self.next_flushed(upto) {
            match then {
                AfterFlush::Log(index) => self.flushed = self.flushed.max(index),
                AfterFlush::Ack(traffic) => answer = Some(answer.map_or(traffic, |first| first.min(traffic))),
                AfterFlush::Vote { to, term } => self.tell_vote(cx, to, term),
                AfterFlush::Campaign { term } => self.ask_for_votes(cx, term),
                AfterFlush::Relay(append) => self.pass_on(cx, &append),
                AfterFlush::MonitorVote { epoch, whom } => self.tell_monitor_vote(cx, epoch, whom),
                AfterFlush::Lease { to, wish, asked_at } => self.answer_lease(cx, to, wish, true, asked_at),
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
        self.count_members();
        if self.config.flushes_at_once() {
            cx.flush();
        }
        let is_store = self.config.lease_store(cx.members) == Some(self.me);
        let vote = self.monitor.as_ref().map_or((self.term, None), |monitor| monitor.last_vote());
        self.hire_monitor(cx, vote);
        match &mut self.role {
            Role::LeaseStore(_) if is_store => {}
            Role::Primary(_) if is_store => {
                self.follow(cx, None);
                self.keep_lease(cx, None);
            }
            _ if is_store => self.keep_lease(cx, None),
            Role::Primary(reign) => {
                reign.is_degraded &= matches!(self.config.ack, Ack::SemiSync { .. });
                reign.is_fenced &= self.config.demotes_itself();
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
