//! The knobs of a primary-replica cluster, made ready.

use super::site::SiteRules;
use crate::base::ids::NodeId;
use crate::base::knob::Knobs;
use crate::base::time::Span;
use crate::protocol::{ReadRoute, Route, Routing};
use std::sync::Arc;

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
    /// In the memory of every member that is in sync, while at least `min` are. Kafka `acks=all`.
    InSync {
        /// Members that must be in sync, the primary included.
        min: usize,
    },
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
    /// Monitors beside the nodes: a quorum detects, a majority authorises (Redis Sentinel).
    AutoMonitor,
    /// A lease in a store that one node keeps (Patroni with etcd, Kafka's controller).
    AutoLease,
    /// Any replica that misses the old one. Two-node heartbeat clusters without fencing.
    AutoUnsafe,
}

/// Who passes the log on to whom (`relay`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The primary to everyone.
    Star,
    /// Replicas in a tree of two.
    Cascade,
    /// Each to the next.
    Chain,
}

/// What a node does with entries of its own that its primary does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejoin {
    /// Cuts them off. Raft, Kafka.
    Truncate,
    /// Cuts them off and fetches the old state of the keys they changed. `pg_rewind`.
    Rewind,
    /// Cuts them off and files them. MongoDB's rollback files.
    RollbackFile,
    /// Throws everything away for a snapshot. Redis.
    Discard,
    /// Follows nobody until an operator acts. PostgreSQL alone.
    Refuse,
    /// Cuts them off and says what an operator has to merge. GitHub 2018.
    Merge,
}

/// The rules of `promotion = "auto-monitor"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Monitors {
    /// How many: one beside each of the first nodes.
    pub count: usize,
    /// How many must miss the primary.
    pub quorum: usize,
    /// Whether every replica in reach must have lost it too (orchestrator).
    pub is_holistic: bool,
    /// How often nodes are asked.
    pub ping: Span,
    /// How long one attempt may take.
    pub failover_timeout: Span,
    /// How long after a failover no other is tried.
    pub recovery_block: Option<Span>,
}

/// The rules of `promotion = "auto-lease"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaseRules {
    /// How long a lease lasts.
    pub lasting: Span,
    /// How often it is renewed or looked at.
    pub loop_wait: Span,
    /// Silence of the store after which it is asked again.
    pub retry: Span,
    /// Entries a replica may lack and still be promoted.
    pub max_lag: u64,
    /// Who keeps it; the last node if nobody is named.
    pub store: Option<NodeId>,
}

/// What catching up costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResyncRules {
    /// Whether the log is kept for every replica.
    pub slots: bool,
    /// Snapshots that may travel at once.
    pub parallel: usize,
    /// Entries kept for a replica while a snapshot travels to it.
    pub buffer: u64,
    /// What a step of the primary costs meanwhile, in per cent.
    pub burden: u32,
    /// Whether a replica answers reads while it has lost its primary or takes a snapshot in.
    pub serves_stale: bool,
}

/// The fencer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fencer {
    /// How long it takes.
    pub delay: Span,
    /// How often it works, per million.
    pub success_ppm: u32,
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
    /// How long entries wait before they are applied at replicas.
    pub apply_delay: Span,
    /// Whether no majority counts without the primary's own flush.
    pub needs_own_flush: bool,
    /// How long a replica may be behind and count as in sync.
    pub in_sync_lag: Span,
    /// Whether a replica that is not in sync may be elected.
    pub unclean: bool,
    /// Who makes a new primary.
    pub promotion: Promotion,
    /// The rules of monitors.
    pub monitors: Monitors,
    /// The rules of the lease.
    pub lease: LeaseRules,
    /// Replicas that no automatic promotion takes.
    pub never_promote: Vec<NodeId>,
    /// Replicas that monitors prefer, best first.
    pub promote_order: Vec<NodeId>,
    /// How long a newly elected primary may fetch what others have beyond its own log.
    pub catch_up: Option<Span>,
    /// Ask before raising the term.
    pub prevote: bool,
    /// A primary that hears no majority steps down, and fresh contact makes voters ignore candidates.
    pub check_quorum: bool,
    /// Higher terms are obeyed wherever they are seen.
    pub epoch: bool,
    /// Silence of the majority makes a primary stop, whatever the promotion.
    pub self_demote: bool,
    /// Clients bring the term they know, and a primary of an older one stops.
    pub token: bool,
    /// Who kills an old primary before a new one takes over.
    pub stonith: Option<Fencer>,
    /// What becomes of entries the primary does not have.
    pub rejoin: Rejoin,
    /// What catching up costs.
    pub resync: ResyncRules,
    /// Who passes the log on to whom.
    pub layout: Layout,
    /// Whether a restarted node finds its log.
    pub persists: bool,
    /// Where reads go.
    pub reads: ReadRoute,
    /// What they may show.
    pub read_rule: ReadRule,
    /// How long before its end a lease is given up.
    pub lease_margin: Span,
    /// Who keeps copies; everyone but the lease store if nobody is named.
    pub holders: Option<Arc<[NodeId]>>,
    /// Bytes of a row of a snapshot.
    pub row_bytes: u64,
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
    /// Per cent of its operations that a client may send again.
    pub retry_budget: u32,
    /// Whether a request that a client sends twice is done once.
    pub dedup: bool,
    /// The sites around this group, if it is one of several that write.
    pub site: Option<SiteRules>,
}

impl Config {
    /// Reads the knobs.
    pub fn new(knobs: &Knobs) -> Self {
        let low = knobs.span("election_timeout_min");
        let ack = ack(knobs);
        let layout = match knobs.word("layout") {
            "cascade" => Layout::Cascade,
            "chain" => Layout::Chain,
            _ => Layout::Star,
        };
        Config {
            shows_early: knobs.word("visibility") == "before-ack" || matches!(ack, Ack::Wait { .. }),
            applies_on_commit: match knobs.word("apply") {
                "on-receive" => false,
                "on-commit" => true,
                _ => matches!(ack, Ack::Majority | Ack::InSync { .. }) || layout == Layout::Chain,
            },
            ack,
            apply_delay: knobs.span("apply_delay"),
            needs_own_flush: knobs.flag("leader_flush_required"),
            in_sync_lag: knobs.span("isr_lag"),
            unclean: knobs.flag("unclean"),
            min_replicas: knobs.count("min_replicas") as usize,
            max_lag: knobs.span("max_lag"),
            promotion: match knobs.word("promotion") {
                "manual" => Promotion::Manual,
                "auto-unsafe" => Promotion::AutoUnsafe,
                "auto-monitor" => Promotion::AutoMonitor,
                "auto-lease" => Promotion::AutoLease,
                _ => Promotion::AutoQuorum,
            },
            monitors: Monitors {
                count: knobs.count("sentinels") as usize,
                quorum: knobs.count("sentinel_quorum") as usize,
                is_holistic: knobs.word("detection") == "holistic",
                ping: knobs.span("ping").max(Span::millis(1)),
                failover_timeout: knobs.span("failover_timeout"),
                recovery_block: knobs.maybe_span("recovery_block"),
            },
            lease: LeaseRules {
                lasting: knobs.span("lease"),
                loop_wait: knobs.span("loop_wait").max(Span::millis(1)),
                retry: knobs.span("retry_timeout"),
                max_lag: knobs.count("max_failover_lag"),
                store: knobs.node("lease_store"),
            },
            never_promote: knobs.nodes("never_promote").to_vec(),
            promote_order: knobs.nodes("promote_order").to_vec(),
            catch_up: knobs.maybe_span("catch_up"),
            prevote: knobs.flag("prevote"),
            check_quorum: knobs.flag("check_quorum"),
            epoch: knobs.has("fencing", "epoch"),
            self_demote: knobs.has("fencing", "self-demote"),
            token: knobs.has("fencing", "token"),
            stonith: knobs.has("fencing", "stonith").then(|| Fencer {
                delay: knobs.span("stonith_delay"),
                success_ppm: knobs.count("stonith_success") as u32 * 10_000,
            }),
            rejoin: match knobs.word("rejoin") {
                "rewind" => Rejoin::Rewind,
                "rollback-file" => Rejoin::RollbackFile,
                "discard-full-resync" => Rejoin::Discard,
                "refuse" => Rejoin::Refuse,
                "merge-manual" => Rejoin::Merge,
                _ => Rejoin::Truncate,
            },
            resync: ResyncRules {
                slots: knobs.flag("slots"),
                parallel: knobs.count("parallel_syncs") as usize,
                buffer: knobs.count("output_buffer"),
                burden: knobs.count("snapshot_cpu") as u32,
                serves_stale: knobs.flag("serve_stale"),
            },
            layout,
            persists: knobs.word("persistence") == "log",
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
            holders: None,
            row_bytes: 300,
            first_primary: knobs.node("primary").unwrap_or(NodeId(0)),
            backlog: knobs.count("backlog"),
            max_inflight: knobs.count("max_inflight"),
            heartbeat: knobs.span("heartbeat").max(Span::millis(1)),
            election_timeout: (low, knobs.span("election_timeout_max").max(low)),
            down_after: knobs.span("down_after"),
            link_timeout: knobs.span("link_timeout"),
            flush_interval: knobs.span("flush_interval").max(Span::millis(1)),
            discovery_refresh: knobs.span("discovery_refresh"),
            retry_budget: knobs.count("retry_budget") as u32,
            dedup: knobs.flag("dedup"),
            site: None,
        }
    }

    /// Who keeps copies and votes in a cluster of `nodes`, in order.
    pub fn members(&self, nodes: usize) -> Arc<[NodeId]> {
        let store = self.lease_store(nodes);
        match &self.holders {
            Some(holders) => Arc::clone(holders),
            None => (0..nodes).map(NodeId::at).filter(|&node| Some(node) != store).collect(),
        }
    }

    /// Whether `node` has anything to do with this group.
    pub fn has_part(&self, node: NodeId, nodes: usize) -> bool {
        self.lease_store(nodes) == Some(node) || self.members(nodes).contains(&node)
    }

    /// How clients find their way.
    pub fn routing(&self) -> Routing {
        Routing {
            to: Route::Primary { reads: self.reads },
            discovery_refresh: self.discovery_refresh,
            retry_budget: self.retry_budget,
            partitions: 1,
            is_by_site: false,
            updates: crate::protocol::Updates::All,
        }
    }

    /// Whether a primary that hears no majority must stop. Where it has a lease, the lease says when.
    pub fn demotes_itself(&self) -> bool {
        match self.promotion {
            Promotion::AutoLease => false,
            Promotion::AutoQuorum => self.self_demote || self.check_quorum,
            _ => self.self_demote,
        }
    }

    /// The node of a cluster of `nodes` that keeps the lease, and no data.
    pub fn lease_store(&self, nodes: usize) -> Option<NodeId> {
        let last = NodeId::at(nodes.saturating_sub(1));
        (self.promotion == Promotion::AutoLease).then(|| self.lease.store.unwrap_or(last))
    }

    /// Whether a replica says how far it is as soon as an entry is in its memory, before its flush.
    pub fn acks_when_written(&self) -> bool {
        use Ack::{Fire, InSync, SemiSync, Wait};
        let point = SyncPoint::Written;
        matches!(self.ack, Fire | Wait { .. } | InSync { .. })
            || matches!(self.ack, SemiSync { point: p, .. } if p == point)
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
        "isr" => Ack::InSync { min: knobs.count("min_isr") as usize },
        "all" => Ack::All,
        _ => Ack::Async,
    }
}
