//! The knobs of a peer-to-peer cluster, made ready once: words become types, the ring is built.

use crate::base::ids::NodeId;
use crate::base::knob::Knobs;
use crate::base::operation::{LEVELS, Level};
use crate::base::random::Stream;
use crate::base::time::Span;
use crate::protocol::kit::overlay::{Overlay, Shape};
use crate::protocol::kit::phi;
use crate::protocol::kit::quorum::majority;
use crate::protocol::kit::ring::{Copies, Placement, Plan, Ring};
use crate::protocol::kit::swim::Settings;
use crate::protocol::kit::versions::Pruning;
use crate::protocol::{Sizes, Surroundings};
use std::sync::Arc;

/// A round of gossip takes at least this.
const SHORTEST_ROUND: Span = Span::millis(1);

/// Who counts towards R and W.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quorum {
    /// The N owners only (Cassandra). R + W > N makes every read meet the last acknowledged write.
    Strict,
    /// The first N reachable nodes of the preference list (Dynamo, Riak). Always writable, no overlap promised.
    Sloppy {
        /// How long a node may be silent before the next one is asked in its place.
        fallback_after: Span,
        /// Owners that must be among the R answers (Riak `pr`).
        reads: usize,
        /// Owners that must be among the W acknowledgements (Riak `pw`).
        writes: usize,
    },
}

/// Whose clock gives a write its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stamping {
    /// The coordinator's wall clock (Cassandra, when the client gives no timestamp).
    Coordinator,
    /// The wall clock where the client lives (Cassandra drivers): a request sent twice keeps its place.
    Client,
    /// The coordinator's hybrid logical clock (Kulkarni et al. 2014): its wall clock, but later than every version
    /// it has met.
    Hybrid,
}

/// How two copies of a key become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// The last write wins (Cassandra).
    Lww,
    /// Siblings under one vector of nodes (Riak before 2.0).
    VectorsOfNodes,
    /// Siblings under vectors of clients, cut back by these rules (Dynamo; Riak before 1.0).
    VectorsOfClients(Option<Pruning>),
    /// Siblings with a dot each (Riak 2.0).
    Dotted {
        /// Whether the application that reads them makes one set of those that are sets (Dynamo's cart).
        unites: bool,
    },
    /// A tree of revisions with a winner that all nodes agree on (CouchDB).
    Revisions,
    /// Types that merge: counters, sets, multi-value registers (Shapiro et al. 2011; Riak data types).
    Crdt(CounterKind),
}

/// How counters travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterKind {
    /// As states of a PN-counter: one that comes twice changes nothing.
    State,
    /// As additions: one that comes twice counts twice.
    Operations,
}

/// How nodes find out who is up.
#[derive(Clone, Debug, PartialEq)]
pub enum Watching {
    /// Probes, suspicion and refutation, gossiped (memberlist).
    Swim(Settings),
    /// Gossiped heartbeats, and an opinion of one's own (Cassandra).
    Phi(phi::Settings),
    /// Not at all: everyone is taken to be up.
    Nobody,
}

/// How writes are passed on where no coordinator tells all owners.
#[derive(Clone, Debug, PartialEq)]
pub struct Gossip {
    /// Who talks to whom.
    pub overlay: Overlay,
    /// Whether nodes tell what is new.
    pub pushes: bool,
    /// Whether nodes ask for what is new.
    pub pulls: bool,
    /// Neighbours a node talks to in a round; `None` for all.
    pub fanout: Option<usize>,
    /// How long a round takes.
    pub interval: Span,
    /// Whether all nodes begin their rounds at the same instants.
    pub is_together: bool,
    /// A rumour that so many knew already is passed on no more; `None` for never.
    pub lose_interest: Option<u32>,
}

/// Who keeps a hint that counts for nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HintPlace {
    /// The coordinator (Cassandra).
    Coordinator,
    /// The next reachable node of the preference list (Dynamo, Riak).
    Fallback,
}

/// What a read does about stale owners it meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadRepair {
    /// Nothing (Cassandra `NONE`).
    None,
    /// Answers, then repairs (Dynamo, Riak).
    Async,
    /// Repairs until R owners are current, then answers (Cassandra `BLOCKING`): quorum reads are monotonic.
    Blocking,
}

/// The knobs of a cluster, with its ring.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// Which nodes kept a key when the cluster was founded.
    pub ring: Arc<Ring>,
    /// What later rings are made of.
    pub plan: Plan,
    /// Nodes that it was founded with.
    pub founders: usize,
    /// How writes are passed on; `None` where their coordinators tell all owners (direct mail).
    pub gossip: Option<Gossip>,
    /// The site of each node, if it has one.
    pub sites: Vec<Option<usize>>,
    /// What operations ask for that name no level themselves; `None` for the counts below.
    pub level: Option<Level>,
    /// Answers a read waits for.
    pub read_quorum: usize,
    /// Acknowledgements a write waits for.
    pub write_quorum: usize,
    /// Who counts towards both.
    pub quorum: Quorum,
    /// What reads do about stale owners.
    pub read_repair: ReadRepair,
    /// Whether "not found" is an answer like any other.
    pub counts_not_found: bool,
    /// Without that: whether a majority of "not found" settles it.
    pub basic_quorum: bool,
    /// Whether a read asks all owners at once, however few answers it needs.
    pub asks_all: bool,
    /// Whether all but one node are asked for a hash alone.
    pub digest_reads: bool,
    /// How long a strict read waits before it asks one more node; `None` for never.
    pub speculative: Option<Span>,
    /// How two copies of a key become one.
    pub conflict: Conflict,
    /// From how many siblings of a key on it is worth a warning.
    pub sibling_warn: usize,
    /// A write that would leave more is refused.
    pub sibling_max: usize,
    /// Whose clock gives a write its place.
    pub stamping: Stamping,
    /// Whether a coordinator keeps writes for owners that miss them. A sloppy fallback always does: it acknowledged.
    pub keeps_hints: bool,
    /// No new hints for a node that has been down longer.
    pub hint_window: Span,
    /// No new hints for a node for which this many bytes are kept.
    pub hint_limit: Option<u64>,
    /// Who keeps the hints of a strict quorum.
    pub hint_place: HintPlace,
    /// How often a node compares its keys with those of one other.
    pub anti_entropy: Option<Span>,
    /// Depth of the trees by which it compares.
    pub merkle_depth: u32,
    /// How long a tombstone is kept.
    pub gc_grace: Span,
    /// Whether it is kept until a repair with every other owner began after it.
    pub only_purge_repaired: bool,
    /// Bytes of hints a node replays per second; `None` for as fast as they are acknowledged.
    pub hint_throttle: Option<u64>,
    /// Bytes that a node streams per second to one that takes over ranges; `None` for as fast as they are kept.
    pub stream_throttle: Option<u64>,
    /// How long a coordinator waits for W.
    pub write_timeout: Span,
    /// How long a coordinator waits for R.
    pub read_timeout: Span,
    /// Silence after which a client tries another coordinator.
    pub discovery_refresh: Span,
    /// Per cent of its operations that a client may send again.
    pub retry_budget: u32,
    /// How nodes find out who is up.
    pub watching: Watching,
    /// Lengths of keys and values, for the bytes of hints.
    pub sizes: Sizes,
}

impl Config {
    /// Reads `knobs` for a cluster that lives `around` here; random tokens come from the `ring` stream of its seed.
    pub(super) fn new(knobs: &Knobs, around: &Surroundings) -> Config {
        let count = |key| knobs.count(key) as usize;
        let placement = match knobs.word("ring") {
            "even1" => Placement::Even,
            _ => Placement::Random { tokens_per_node: count("vnodes") },
        };
        let copies = match knobs.word("strategy") {
            "per-site" => Copies::PerSite { each: count("n"), sites: around.sites.clone() },
            _ => Copies::InAll { members: around.members, copies: count("n") },
        };
        let plan = Plan { placement, copies, seed: around.seed };
        let gossip = (knobs.word("spread") == "gossip").then(|| gossip(knobs, around));
        Config {
            ring: Arc::new(match gossip {
                Some(_) => Ring::of_all(around.members),
                None => plan.founding_ring(),
            }),
            plan,
            founders: around.members,
            gossip,
            sites: around.sites.clone(),
            level: LEVELS.iter().find(|(_, word)| *word == knobs.word("level")).map(|(level, _)| *level),
            read_quorum: count("r"),
            write_quorum: count("w"),
            quorum: match knobs.word("quorum") {
                "strict" => Quorum::Strict,
                word => {
                    let of_owners = |key| if word == "sloppy" { 0 } else { count(key) };
                    let fallback_after = knobs.span("fallback_after");
                    Quorum::Sloppy { fallback_after, reads: of_owners("pr"), writes: of_owners("pw") }
                }
            },
            read_repair: match knobs.word("read_repair") {
                "none" => ReadRepair::None,
                "async" => ReadRepair::Async,
                _ => ReadRepair::Blocking,
            },
            counts_not_found: knobs.flag("notfound_ok"),
            basic_quorum: knobs.flag("basic_quorum"),
            asks_all: knobs.word("asks") == "all",
            digest_reads: knobs.flag("digest_reads"),
            speculative: knobs.maybe_span("speculative"),
            conflict: conflict(knobs),
            sibling_warn: count("sibling_warn"),
            sibling_max: count("sibling_max"),
            stamping: match knobs.word("ts_source") {
                "client" => Stamping::Client,
                "hlc" => Stamping::Hybrid,
                _ => Stamping::Coordinator,
            },
            keeps_hints: knobs.flag("hints"),
            hint_limit: knobs.maybe_count("hint_limit"),
            hint_place: match knobs.word("hint_location") {
                "fallback" => HintPlace::Fallback,
                _ => HintPlace::Coordinator,
            },
            anti_entropy: knobs.maybe_span("anti_entropy"),
            merkle_depth: knobs.count("merkle_depth") as u32,
            gc_grace: knobs.span("gc_grace"),
            only_purge_repaired: knobs.flag("only_purge_repaired"),
            hint_window: knobs.span("hint_window"),
            hint_throttle: knobs.maybe_count("hint_throttle"),
            stream_throttle: knobs.maybe_count("stream_throttle"),
            write_timeout: knobs.span("write_timeout"),
            read_timeout: knobs.span("read_timeout"),
            discovery_refresh: knobs.span("discovery_refresh"),
            retry_budget: knobs.count("retry_budget") as u32,
            watching: match knobs.word("detector") {
                "phi" => Watching::Phi(phi::Settings {
                    round: knobs.span("gossip_round"),
                    threshold: knobs.count("phi_threshold"),
                }),
                "none" => Watching::Nobody,
                _ => Watching::Swim(swim_settings(knobs)),
            },
            sizes: around.sizes,
        }
    }

    /// Whether those who read make one set of siblings that are sets.
    pub(super) fn unites(&self) -> bool {
        self.conflict == Conflict::Dotted { unites: true }
    }

    /// The pause after which a read asks one more node; its whole time-out if it never does.
    pub(super) fn read_patience(&self) -> Span {
        match self.quorum {
            Quorum::Sloppy { fallback_after, .. } => fallback_after,
            Quorum::Strict => self.speculative.unwrap_or(self.read_timeout),
        }
    }

    /// The answers that an operation of this level waits for, coordinated by `me`, where these own the key.
    pub(super) fn copies_for(&self, level: Level, owners: &[NodeId], me: NodeId) -> usize {
        match level {
            Level::Any | Level::One => 1,
            Level::Quorum => majority(owners.len()),
            Level::LocalQuorum => majority(owners.iter().filter(|&&owner| self.are_near(me, owner)).count()),
            Level::All => owners.len(),
        }
    }

    /// Of `copies` nodes, how many share a node with every quorum for reads, and with every one for writes.
    pub(super) fn blocking_set(&self, copies: usize) -> usize {
        (copies + 1).saturating_sub(self.read_quorum.min(self.write_quorum)).max(1)
    }

    /// Whether an answer of `node` counts for an operation of this level, coordinated by `me`.
    pub(super) fn counts(&self, level: Option<Level>, me: NodeId, node: NodeId) -> bool {
        level != Some(Level::LocalQuorum) || self.are_near(me, node)
    }

    /// Whether two nodes are in one site; those without one are in one together.
    pub(super) fn are_near(&self, one: NodeId, other: NodeId) -> bool {
        self.sites.get(one.index()) == self.sites.get(other.index())
    }

    /// Owners that must be among the answers of a quorum, for reads and for writes.
    pub(super) fn owners_wanted(&self) -> (usize, usize) {
        match self.quorum {
            Quorum::Strict => (0, 0),
            Quorum::Sloppy { reads, writes, .. } => (reads, writes),
        }
    }

    /// The pause after which a write asks fallbacks in place of silent nodes; its whole time-out if it has none.
    pub(super) fn write_patience(&self) -> Span {
        match self.quorum {
            Quorum::Sloppy { fallback_after, .. } => fallback_after,
            Quorum::Strict => self.write_timeout,
        }
    }
}

fn gossip(knobs: &Knobs, around: &Surroundings) -> Gossip {
    let shape = match knobs.word("overlay") {
        "full" => Shape::Full,
        "ring" => Shape::Ring,
        "line" => Shape::Line,
        "grid" => Shape::Grid,
        "tree" => Shape::Tree,
        _ => Shape::Random { neighbours: knobs.count("neighbours") as usize },
    };
    let exchange = knobs.word("exchange");
    Gossip {
        overlay: Overlay::new(shape, around.members, &mut Stream::new(around.seed, "overlay")),
        pushes: exchange != "pull",
        pulls: exchange != "push",
        fanout: knobs.maybe_count("fanout").map(|count| count as usize),
        interval: knobs.span("spread_interval").max(SHORTEST_ROUND),
        is_together: knobs.word("rounds") == "together",
        lose_interest: knobs.maybe_count("lose_interest").map(|count| count as u32),
    }
}

fn conflict(knobs: &Knobs) -> Conflict {
    match (knobs.word("conflict"), knobs.word("actors")) {
        ("version-vector", "client") => {
            let count = |key| knobs.count(key) as usize;
            let pruning = Pruning {
                small: count("small_vclock"),
                big: count("big_vclock"),
                young: knobs.span("young_vclock"),
                old: knobs.span("old_vclock"),
            };
            Conflict::VectorsOfClients(knobs.flag("prune").then_some(pruning))
        }
        ("version-vector", _) => Conflict::VectorsOfNodes,
        ("dotted", _) => Conflict::Dotted { unites: false },
        ("union", _) => Conflict::Dotted { unites: true },
        ("revision-tree", _) => Conflict::Revisions,
        ("crdt", _) => Conflict::Crdt(match knobs.word("counters") {
            "operations" => CounterKind::Operations,
            _ => CounterKind::State,
        }),
        _ => Conflict::Lww,
    }
}

fn swim_settings(knobs: &Knobs) -> Settings {
    Settings {
        probe_interval: knobs.span("probe_interval"),
        probe_timeout: knobs.span("probe_timeout"),
        indirect_checks: knobs.count("indirect_checks") as usize,
        suspicion_mult: knobs.count("suspicion_mult"),
        suspicion_max_mult: knobs.count("suspicion_max_mult"),
        gossip_interval: knobs.span("gossip_interval"),
        gossip_nodes: knobs.count("gossip_nodes") as usize,
        push_pull: knobs.span("push_pull"),
        retransmit_mult: knobs.count("retransmit_mult"),
        awareness_max: knobs.count("awareness_max"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::knob::{Profile, Topology};

    const FIVE: Surroundings =
        Surroundings { members: 5, seed: 1, sizes: Sizes { key: 8, value: 256 }, sites: Vec::new() };

    #[test]
    fn the_real_profile_reads_as_the_documented_defaults() {
        let config = Config::new(&Knobs::defaults(Topology::PeerToPeer, Profile::Real), &FIVE);
        assert_eq!((config.ring.copies(), config.read_quorum, config.write_quorum), (3, 2, 2));
        assert_eq!((config.quorum, config.read_repair), (Quorum::Strict, ReadRepair::Blocking));
        assert_eq!(config.hint_throttle, Some(1024 * 1024));
        let Watching::Swim(swim) = config.watching else { panic!("SWIM is the default") };
        assert_eq!(swim.suspicion_max_mult, 6);
    }

    #[test]
    fn every_word_of_a_knob_means_something_of_its_own() {
        let mut knobs = Knobs::defaults(Topology::PeerToPeer, Profile::Demo);
        let nobody = |_: &str| None;
        for (key, word) in [
            ("quorum", "sloppy"),
            ("read_repair", "async"),
            ("ring", "even1"),
            ("conflict", "crdt"),
            ("spread", "gossip"),
            ("overlay", "ring"),
            ("rounds", "together"),
            ("lose_interest", "never"),
            ("detector", "none"),
        ] {
            let before = Config::new(&knobs, &FIVE);
            knobs.set(key, word, &nobody).unwrap();
            assert_ne!(Config::new(&knobs, &FIVE), before, "{key} = {word}");
        }
        knobs.set("hint_throttle", "off", &nobody).unwrap();
        assert_eq!(Config::new(&knobs, &FIVE).hint_throttle, None);
    }
}
