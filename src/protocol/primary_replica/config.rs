//! The knobs of a primary-replica cluster, made ready.

use crate::base::ids::NodeId;
use crate::base::knob::Knobs;
use crate::base::time::Span;
use crate::protocol::{ReadRoute, Route, Routing};

/// When a write is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ack {
    /// In the primary's memory. PostgreSQL `synchronous_commit = off`.
    Fire,
    /// Flushed at the primary. PostgreSQL `local`, MongoDB `w:1, j:true`.
    Async,
    /// Also at `count` of `set`. PostgreSQL `ANY k (...)`, MySQL semi-sync.
    SemiSync {
        /// How many replicas.
        count: usize,
        /// Which ones count; empty for all.
        set: Vec<NodeId>,
        /// How far they must have got.
        point: SyncPoint,
        /// How long to wait before falling back to async; for ever if `None`.
        patience: Option<Span>,
    },
    /// Done as with `Async`; the answer then waits until `count` replicas have it in memory, or `patience` is over,
    /// and says how many have. Nothing is ever undone. Redis `WAIT`.
    Wait {
        /// How many replicas.
        count: usize,
        /// How long to wait; for ever if `None`.
        patience: Option<Span>,
    },
    /// Flushed on a majority. Raft, MongoDB `w:majority`.
    Majority,
    /// Flushed on every member.
    All,
}

/// How far a replica has got with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncPoint {
    /// In its memory. PostgreSQL `remote_write`.
    Written,
    /// On its disk. PostgreSQL `on`.
    Flushed,
    /// In its key table. PostgreSQL `remote_apply`.
    Applied,
}

/// What a read may show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadRule {
    /// What the primary shows, or believes that it may.
    Primary,
    /// What the primary shows while its lease holds by its own clock.
    Lease,
    /// What the primary shows once a majority has confirmed that it is one.
    Index,
    /// What a majority has, at any node.
    Committed,
    /// What any node shows whose state is at most this old.
    Bounded(Span),
    /// What any node shows that has what the session has seen.
    Token,
    /// What the node shows that is asked.
    Local,
}

/// Who makes a new primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promotion {
    /// An operator.
    Manual,
    /// A majority vote (Raft section 5.2).
    AutoQuorum,
    /// Any replica that misses the old one. Two-node heartbeat clusters without fencing.
    AutoUnsafe,
}

/// Everything a node of this topology is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// When a write is acknowledged.
    pub ack: Ack,
    /// Others see a write as soon as it is flushed here (MySQL `AFTER_COMMIT`), and not only once it is acknowledged.
    pub shows_early: bool,
    /// Replicas apply what is committed, and not whatever they receive.
    pub applies_on_commit: bool,
    /// Replicas that must have been heard within `max_lag` for a write to be taken.
    pub min_replicas: usize,
    /// Silence after which a replica does not count for `min_replicas`.
    pub max_lag: Span,
    /// Who makes a new primary.
    pub promotion: Promotion,
    /// Ask before raising the term.
    pub prevote: bool,
    /// A primary that hears no majority steps down, and fresh contact makes voters ignore candidates.
    pub check_quorum: bool,
    /// Higher terms are obeyed wherever they are seen.
    pub epoch: bool,
    /// Silence of the majority makes a primary stop, whatever the promotion.
    pub self_demote: bool,
    /// Where reads go.
    pub reads: ReadRoute,
    /// What they may show.
    pub read_rule: ReadRule,
    /// How long before its end a lease is given up.
    pub lease_margin: Span,
    /// Who starts as primary.
    pub first_primary: NodeId,
    /// Entries kept ready for shipping.
    pub backlog: u64,
    /// Entries sent ahead of an acknowledgement.
    pub max_inflight: u64,
    /// Time between two signs of life of the primary.
    pub heartbeat: Span,
    /// Shortest and longest silence before an election.
    pub election_timeout: (Span, Span),
    /// Silence before an unsafe promotion.
    pub down_after: Span,
    /// Silence after which a replication link counts as lost.
    pub link_timeout: Span,
    /// Time between two flushes when nobody waits for them.
    pub flush_interval: Span,
    /// Silence after which a client looks for the primary again.
    pub discovery_refresh: Span,
}

impl Config {
    /// Reads the knobs.
    pub fn new(knobs: &Knobs) -> Self {
        let low = knobs.span("election_timeout_min");
        let ack = ack(knobs);
        Config {
            shows_early: knobs.word("visibility") == "before-ack" || matches!(ack, Ack::Wait { .. }),
            applies_on_commit: match knobs.word("apply") {
                "on-receive" => false,
                "on-commit" => true,
                _ => ack == Ack::Majority,
            },
            ack,
            min_replicas: knobs.count("min_replicas") as usize,
            max_lag: knobs.span("max_lag"),
            promotion: match knobs.word("promotion") {
                "manual" => Promotion::Manual,
                "auto-unsafe" => Promotion::AutoUnsafe,
                _ => Promotion::AutoQuorum,
            },
            prevote: knobs.flag("prevote"),
            check_quorum: knobs.flag("check_quorum"),
            epoch: knobs.has("fencing", "epoch"),
            self_demote: knobs.has("fencing", "self-demote"),
            reads: match knobs.word("read") {
                "replica-nearest" | "majority-committed" | "bounded" | "token" => ReadRoute::Nearest,
                "replica-random" => ReadRoute::Random,
                "replica-fixed" => ReadRoute::Fixed,
                _ => ReadRoute::Primary,
            },
            read_rule: match knobs.word("read") {
                "primary" => ReadRule::Primary,
                "primary-lease" => ReadRule::Lease,
                "read-index" => ReadRule::Index,
                "majority-committed" => ReadRule::Committed,
                "bounded" => ReadRule::Bounded(knobs.span("read_bound")),
                "token" => ReadRule::Token,
                _ => ReadRule::Local,
            },
            lease_margin: knobs.span("lease_margin"),
            first_primary: knobs.node("primary").unwrap_or(NodeId(0)),
            backlog: knobs.count("backlog"),
            max_inflight: knobs.count("max_inflight"),
            heartbeat: knobs.span("heartbeat").max(Span::millis(1)),
            election_timeout: (low, knobs.span("election_timeout_max").max(low)),
            down_after: knobs.span("down_after"),
            link_timeout: knobs.span("link_timeout"),
            flush_interval: knobs.span("flush_interval").max(Span::millis(1)),
            discovery_refresh: knobs.span("discovery_refresh"),
        }
    }

    /// How clients find their way.
    pub fn routing(&self) -> Routing {
        Routing { to: Route::Primary { reads: self.reads }, discovery_refresh: self.discovery_refresh }
    }

    /// Whether a primary that hears no majority must stop.
    pub fn demotes_itself(&self) -> bool {
        self.self_demote || (self.promotion == Promotion::AutoQuorum && self.check_quorum)
    }

    /// Whether a replica says how far it is as soon as an entry is in its memory, before its flush.
    pub fn acks_when_written(&self) -> bool {
        matches!(self.ack, Ack::Fire | Ack::Wait { .. } | Ack::SemiSync { point: SyncPoint::Written, .. })
    }

    /// Whether whatever is on a primary's disk has been acknowledged: a restarted node knows no more about that.
    pub fn ack_means_flushed(&self) -> bool {
        matches!(self.ack, Ack::Fire | Ack::Async)
    }

    /// Whether entries are flushed as they come, and not by the clock.
    pub fn flushes_at_once(&self) -> bool {
        self.ack != Ack::Fire
    }
}

fn ack(knobs: &Knobs) -> Ack {
    match knobs.word("ack") {
        "fire" => Ack::Fire,
        "semi-sync" => Ack::SemiSync {
            count: knobs.count("sync_count") as usize,
            set: knobs.nodes("sync_set").to_vec(),
            point: match knobs.word("sync_point") {
                "written" => SyncPoint::Written,
                "applied" => SyncPoint::Applied,
                _ => SyncPoint::Flushed,
            },
            patience: knobs.maybe_span("sync_timeout"),
        },
        "wait" => Ack::Wait {
            count: knobs.count("sync_count") as usize,
            patience: knobs.maybe_span("sync_timeout"),
        },
        "majority" => Ack::Majority,
        "all" => Ack::All,
        _ => Ack::Async,
    }
}
