//! The topologies and their knobs: the only list of either. Scenario files, `--set`, `set KNOB=VALUE`, the options
//! panel and `splitbrain knobs` read these rows; protocols read the values through [`Knobs`].

use super::ids::NodeId;
use super::text::nearest;
use super::time::Span;
use std::collections::BTreeMap;
use std::fmt;

/// How a cluster replicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topology {
    /// One primary orders all writes, replicas follow its log.
    PrimaryReplica,
    /// Any node coordinates; a ring places each key on N owners (the Dynamo family).
    PeerToPeer,
}

/// One row of the table of topologies.
#[derive(Clone, Copy, Debug)]
pub struct TopologyRow {
    /// The topology.
    pub topology: Topology,
    /// Its word in files and on screens.
    pub word: &'static str,
    /// What it is, in one line.
    pub meaning: &'static str,
}

/// The topologies.
pub const TOPOLOGIES: &[TopologyRow] = &[
    TopologyRow {
        topology: Topology::PrimaryReplica,
        word: "primary-replica",
        meaning: "one primary orders all writes in a log, replicas follow it",
    },
    TopologyRow {
        topology: Topology::PeerToPeer,
        word: "peer-to-peer",
        meaning: "any node coordinates, each key lives on N owners of a ring, quorums answer",
    },
];

impl Topology {
    /// The word in files and on screens.
    pub fn word(self) -> &'static str {
        match self {
            Topology::PrimaryReplica => "primary-replica",
            Topology::PeerToPeer => "peer-to-peer",
        }
    }

    /// The topology called `word`.
    pub fn from_word(word: &str) -> Option<Topology> {
        TOPOLOGIES.iter().find(|row| row.word == word).map(|row| row.topology)
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Which column of defaults a scenario uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Profile {
    /// Timers that fit a screen; they keep the ratios that produce the behaviour.
    #[default]
    Demo,
    /// The real systems' defaults.
    Real,
}

/// What a knob may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KnobKind {
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any of these words, comma-separated; empty or `none` for none.
    Words(&'static [&'static str]),
    /// A whole number in this range.
    Count(u64, u64),
    /// A duration.
    Duration,
    /// A duration, or this word instead.
    DurationOr(&'static str),
    /// Bytes per second, or this word instead.
    RateOr(&'static str),
    /// `true` or `false`.
    Flag,
    /// The name of a node.
    Node,
    /// Names of nodes, comma-separated; empty for all replicas.
    Nodes,
}

/// One row of the table of knobs.
#[derive(Clone, Copy, Debug)]
pub struct Knob {
    /// Its name in files.
    pub key: &'static str,
    /// The topology it belongs to.
    pub topology: Topology,
    /// What it may hold.
    pub kind: KnobKind,
    /// Its default with `profile = "demo"`.
    pub demo: &'static str,
    /// Its default with `profile = "real"`.
    pub real: &'static str,
    /// What it does.
    pub meaning: &'static str,
    /// The real setting it mirrors.
    pub mirrors: &'static str,
    /// Whether `set` may turn it while the cluster runs.
    pub is_hot: bool,
}

/// What a knob holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnobValue {
    /// A word.
    Word(&'static str),
    /// Several words.
    Words(Vec<&'static str>),
    /// A number.
    Count(u64),
    /// A duration.
    Duration(Span),
    /// Yes or no.
    Flag(bool),
    /// One node.
    Node(NodeId),
    /// Several nodes.
    Nodes(Vec<NodeId>),
}

use KnobKind::*;
use Topology::{PeerToPeer as P2P, PrimaryReplica as PR};

const fn knob(
    topology: Topology,
    key: &'static str,
    kind: KnobKind,
    defaults: [&'static str; 2],
    meaning: &'static str,
    mirrors: &'static str,
    is_hot: bool,
) -> Knob {
    Knob { key, topology, kind, demo: defaults[0], real: defaults[1], meaning, mirrors, is_hot }
}

/// The knobs, by topology in the order in which a reader wants them.
pub const KNOBS: &[Knob] = &[
    knob(
        PR,
        "ack",
        Word(&["fire", "async", "semi-sync", "majority", "all"]),
        ["async", "async"],
        "when a write is acknowledged: buffered, flushed here, on k replicas, on a majority, on all",
        "PostgreSQL synchronous_commit; MySQL semi-sync; MongoDB w; Raft",
        true,
    ),
    knob(
        PR,
        "sync_count",
        Count(1, 999),
        ["1", "1"],
        "semi-sync: how many replicas must have the write",
        "PostgreSQL ANY k (...); MySQL rpl_semi_sync_source_wait_for_replica_count",
        true,
    ),
    knob(
        PR,
        "sync_set",
        Nodes,
        ["", ""],
        "semi-sync: the replicas that count; empty for all",
        "PostgreSQL synchronous_standby_names",
        true,
    ),
    knob(
        PR,
        "sync_point",
        Word(&["written", "flushed", "applied"]),
        ["flushed", "flushed"],
        "semi-sync: how far a replica must have got",
        "PostgreSQL remote_write, on, remote_apply",
        true,
    ),
    knob(
        PR,
        "sync_timeout",
        DurationOr("block"),
        ["block", "block"],
        "semi-sync: wait for ever, or fall back to async after this long",
        "MySQL rpl_semi_sync_source_timeout; PostgreSQL blocks",
        true,
    ),
    knob(
        PR,
        "promotion",
        Word(&["manual", "auto-quorum", "auto-unsafe"]),
        ["auto-quorum", "manual"],
        "who makes a new primary: an operator, a majority vote, or any replica that misses the old one",
        "PostgreSQL alone; Raft, MongoDB; two-node heartbeat clusters",
        true,
    ),
    knob(
        PR,
        "prevote",
        Flag,
        ["true", "true"],
        "auto-quorum: ask before raising the term",
        "etcd raft PreVote",
        true,
    ),
    knob(
        PR,
        "check_quorum",
        Flag,
        ["true", "true"],
        "auto-quorum: a primary that hears no majority steps down",
        "etcd raft CheckQuorum",
        true,
    ),
    knob(
        PR,
        "fencing",
        Words(&["epoch", "self-demote"]),
        ["epoch,self-demote", "epoch,self-demote"],
        "what stops an old primary: higher terms are obeyed; silence makes it step down",
        "Raft terms; Redis min-replicas-to-write",
        true,
    ),
    knob(
        PR,
        "read",
        Word(&["primary", "replica-nearest", "replica-random", "replica-fixed"]),
        ["primary", "primary"],
        "where reads go",
        "MongoDB readPreference",
        true,
    ),
    knob(PR, "primary", Node, ["n1", "n1"], "who starts as primary", "", false),
    knob(
        PR,
        "backlog",
        Count(1, 10_000_000),
        ["2000", "1000000"],
        "log entries kept for replicas that fall behind; older ones need a full resync",
        "Redis repl-backlog-size; PostgreSQL wal_keep_size",
        true,
    ),
    knob(
        PR,
        "max_inflight",
        Count(1, 100_000),
        ["256", "256"],
        "entries sent to a replica ahead of its acknowledgement",
        "etcd raft MaxInflightMsgs",
        true,
    ),
    knob(
        PR,
        "heartbeat",
        Duration,
        ["100ms", "1s"],
        "empty append from the primary when there is nothing to ship",
        "etcd raft: a tenth of the election timeout",
        true,
    ),
    knob(
        PR,
        "election_timeout_min",
        Duration,
        ["500ms", "10s"],
        "auto-quorum: shortest silence before an election",
        "MongoDB electionTimeoutMillis 10 s",
        true,
    ),
    knob(
        PR,
        "election_timeout_max",
        Duration,
        ["1s", "20s"],
        "auto-quorum: longest silence before an election",
        "Raft: randomised to twice the minimum",
        true,
    ),
    knob(
        PR,
        "down_after",
        Duration,
        ["1500ms", "30s"],
        "auto-unsafe: silence after which a replica promotes itself",
        "Redis Sentinel down-after-milliseconds",
        true,
    ),
    knob(
        PR,
        "link_timeout",
        Duration,
        ["2s", "60s"],
        "silence after which a replication link counts as lost",
        "PostgreSQL wal_sender_timeout; Redis repl-timeout",
        true,
    ),
    knob(
        PR,
        "flush_interval",
        Duration,
        ["200ms", "200ms"],
        "ack=fire: how often the log is flushed",
        "PostgreSQL wal_writer_delay",
        true,
    ),
    knob(
        PR,
        "discovery_refresh",
        Duration,
        ["1s", "5s"],
        "silence after which a client looks for the primary again",
        "client drivers",
        true,
    ),
    knob(
        P2P,
        "n",
        Count(1, 999),
        ["3", "3"],
        "copies of each key",
        "Cassandra replication factor; Riak n_val",
        false,
    ),
    knob(P2P, "r", Count(1, 999), ["2", "2"], "answers a read waits for", "Cassandra QUORUM; Riak r", true),
    knob(
        P2P,
        "w",
        Count(1, 999),
        ["2", "2"],
        "acknowledgements a write waits for",
        "Cassandra QUORUM; Riak w",
        true,
    ),
    knob(
        P2P,
        "quorum",
        Word(&["strict", "sloppy"]),
        ["strict", "strict"],
        "who counts: the owners only, or the first reachable nodes of the preference list",
        "Cassandra; Dynamo, Riak",
        true,
    ),
    knob(
        P2P,
        "fallback_after",
        Duration,
        ["50ms", "500ms"],
        "sloppy: how long an owner may be silent before the next node is asked in its place",
        "Dynamo",
        true,
    ),
    knob(
        P2P,
        "ring",
        Word(&["random", "even1"]),
        ["random", "random"],
        "random tokens, or one evenly spaced token per node for exact arithmetic",
        "Cassandra tokens",
        false,
    ),
    knob(
        P2P,
        "vnodes",
        Count(1, 1024),
        ["8", "16"],
        "tokens per node of a random ring",
        "Cassandra num_tokens 16",
        false,
    ),
    knob(
        P2P,
        "read_repair",
        Word(&["none", "async", "blocking"]),
        ["blocking", "blocking"],
        "what a read does about stale owners it meets",
        "Cassandra 4 read_repair",
        true,
    ),
    knob(
        P2P,
        "hints",
        Flag,
        ["true", "true"],
        "keep writes for owners that are down and hand them over later",
        "Cassandra hinted_handoff_enabled",
        true,
    ),
    knob(
        P2P,
        "hint_window",
        Duration,
        ["20s", "3h"],
        "no new hints for a node that has been down longer",
        "Cassandra max_hint_window 3 h",
        true,
    ),
    knob(
        P2P,
        "hint_throttle",
        RateOr("off"),
        ["50KiB/s", "1024KiB/s"],
        "bytes per second a coordinator replays",
        "Cassandra hinted_handoff_throttle 1024 KiB/s",
        true,
    ),
    knob(
        P2P,
        "write_timeout",
        Duration,
        ["300ms", "2s"],
        "how long a coordinator waits for W",
        "Cassandra write_request_timeout 2 s",
        true,
    ),
    knob(
        P2P,
        "read_timeout",
        Duration,
        ["300ms", "5s"],
        "how long a coordinator waits for R",
        "Cassandra read_request_timeout",
        true,
    ),
    knob(
        P2P,
        "probe_interval",
        Duration,
        ["200ms", "1s"],
        "SWIM: one member is probed this often",
        "memberlist ProbeInterval 1 s",
        true,
    ),
    knob(
        P2P,
        "probe_timeout",
        Duration,
        ["60ms", "500ms"],
        "SWIM: silence before indirect probes",
        "memberlist ProbeTimeout 500 ms",
        true,
    ),
    knob(
        P2P,
        "indirect_checks",
        Count(0, 100),
        ["3", "3"],
        "SWIM: members asked to probe in our place",
        "memberlist IndirectChecks 3",
        true,
    ),
    knob(
        P2P,
        "suspicion_mult",
        Count(1, 100),
        ["4", "4"],
        "SWIM: shortest suspicion, in probe intervals times log10 of the size",
        "memberlist SuspicionMult 4",
        true,
    ),
    knob(
        P2P,
        "suspicion_max_mult",
        Count(1, 100),
        ["3", "6"],
        "SWIM: longest suspicion, in shortest ones",
        "memberlist SuspicionMaxTimeoutMult 6",
        true,
    ),
    knob(
        P2P,
        "gossip_interval",
        Duration,
        ["100ms", "200ms"],
        "SWIM: how often news is spread",
        "memberlist GossipInterval 200 ms",
        true,
    ),
    knob(
        P2P,
        "gossip_nodes",
        Count(1, 100),
        ["3", "3"],
        "SWIM: members told each time",
        "memberlist GossipNodes 3",
        true,
    ),
    knob(
        P2P,
        "push_pull",
        Duration,
        ["3s", "30s"],
        "SWIM: full exchange with one member",
        "memberlist PushPullInterval 30 s",
        true,
    ),
    knob(
        P2P,
        "retransmit_mult",
        Count(1, 100),
        ["4", "4"],
        "SWIM: times each piece of news is passed on, times log10 of the size",
        "memberlist RetransmitMult 4",
        true,
    ),
    knob(
        P2P,
        "discovery_refresh",
        Duration,
        ["1s", "5s"],
        "silence after which a client tries another coordinator",
        "client drivers",
        true,
    ),
];

/// The row of `key` for `topology`.
pub fn knob_row(topology: Topology, key: &str) -> Option<&'static Knob> {
    KNOBS.iter().find(|row| row.topology == topology && row.key == key)
}

/// The values of all knobs of one topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knobs {
    topology: Topology,
    values: BTreeMap<&'static str, KnobValue>,
}

impl Knobs {
    /// Every knob of `topology` at its default.
    ///
    /// # Panics
    /// Never: a test parses every default.
    pub fn defaults(topology: Topology, profile: Profile) -> Self {
        let mut knobs = Knobs { topology, values: BTreeMap::new() };
        let nobody_is_named = |_: &str| None;
        for row in KNOBS.iter().filter(|row| row.topology == topology) {
            let text = if profile == Profile::Demo { row.demo } else { row.real };
            let value = parse_value(row.kind, text, &nobody_is_named).expect("the defaults of KNOBS parse");
            knobs.values.insert(row.key, value);
        }
        knobs
    }

    /// Whose knobs these are.
    pub fn topology(&self) -> Topology {
        self.topology
    }

    /// Sets `key` from its text. `find` turns a node's name into its id.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what would be right.
    pub fn set(
        &mut self,
        key: &str,
        text: &str,
        find: &dyn Fn(&str) -> Option<NodeId>,
    ) -> Result<(), String> {
        let Some(row) = knob_row(self.topology, key) else {
            return Err(unknown_knob(self.topology, key));
        };
        let value =
            parse_value(row.kind, text, find).map_err(|wanted| format!("`{key}` {wanted}, not `{text}`"))?;
        self.values.insert(row.key, value);
        Ok(())
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&KnobValue> {
        self.values.get(key)
    }

    /// Every knob with its value, in the order of the table.
    pub fn rows(&self) -> impl Iterator<Item = (&'static Knob, &KnobValue)> {
        KNOBS
            .iter()
            .filter(|row| row.topology == self.topology)
            .filter_map(|row| Some((row, self.get(row.key)?)))
    }

    /// A word knob. Asking for a knob that the table lists under another kind is a programming error.
    ///
    /// # Panics
    /// If the table has no such word knob.
    pub fn word(&self, key: &str) -> &'static str {
        match self.get(key) {
            Some(KnobValue::Word(word)) => word,
            other => panic!("`{key}` is no word knob of {}: {other:?}", self.topology),
        }
    }

    /// Whether a list knob holds `word`.
    pub fn has(&self, key: &str, word: &str) -> bool {
        matches!(self.get(key), Some(KnobValue::Words(words)) if words.contains(&word))
    }

    /// A number knob, or a rate in bytes per second.
    ///
    /// # Panics
    /// If the table has no such number knob.
    pub fn count(&self, key: &str) -> u64 {
        match self.get(key) {
            Some(KnobValue::Count(count)) => *count,
            other => panic!("`{key}` is no number knob of {}: {other:?}", self.topology),
        }
    }

    /// A duration knob; `None` when the alternative word was chosen.
    pub fn maybe_span(&self, key: &str) -> Option<Span> {
        match self.get(key) {
            Some(KnobValue::Duration(span)) => Some(*span),
            _ => None,
        }
    }

    /// A duration knob.
    ///
    /// # Panics
    /// If the table has no such duration knob.
    pub fn span(&self, key: &str) -> Span {
        self.maybe_span(key).unwrap_or_else(|| panic!("`{key}` is no duration knob of {}", self.topology))
    }

    /// A rate knob in bytes per second; `None` when the alternative word was chosen.
    pub fn maybe_rate(&self, key: &str) -> Option<u64> {
        match self.get(key) {
            Some(KnobValue::Count(rate)) => Some(*rate),
            _ => None,
        }
    }

    /// A yes-or-no knob.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.get(key), Some(KnobValue::Flag(true)))
    }

    /// A node knob.
    pub fn node(&self, key: &str) -> Option<NodeId> {
        match self.get(key) {
            Some(KnobValue::Node(node)) => Some(*node),
            _ => None,
        }
    }

    /// A list-of-nodes knob.
    pub fn nodes(&self, key: &str) -> &[NodeId] {
        match self.get(key) {
            Some(KnobValue::Nodes(nodes)) => nodes,
            _ => &[],
        }
    }
}

/// "unknown knob", with the nearest known one.
pub fn unknown_knob(topology: Topology, key: &str) -> String {
    let known = || KNOBS.iter().filter(|row| row.topology == topology).map(|row| row.key);
    let other = KNOBS.iter().any(|row| row.key == key);
    match nearest(key, known()) {
        _ if other => format!("`{key}` is no knob of {topology}; `splitbrain knobs {topology}` lists them"),
        Some(near) => format!("unknown knob `{key}`; did you mean `{near}`?"),
        None => format!("unknown knob `{key}`; `splitbrain knobs {topology}` lists them"),
    }
}

fn parse_value(
    kind: KnobKind,
    text: &str,
    find: &dyn Fn(&str) -> Option<NodeId>,
) -> Result<KnobValue, String> {
    let one_word = |words: &[&'static str], word: &str| words.iter().copied().find(|known| *known == word);
    match kind {
        Word(words) => one_word(words, text)
            .map(KnobValue::Word)
            .ok_or_else(|| format!("is one of {}", words.join(", "))),
        Words(words) => list(text)
            .map(|word| one_word(words, word).ok_or_else(|| format!("is a list of {}", words.join(", "))))
            .collect::<Result<_, _>>()
            .map(KnobValue::Words),
        Count(min, max) => match text.parse() {
            Ok(count) if (min..=max).contains(&count) => Ok(KnobValue::Count(count)),
            _ => Err(format!("is a whole number from {min} to {max}")),
        },
        Duration => parse_span(text)
            .map(KnobValue::Duration)
            .ok_or_else(|| "is a duration like `500ms` or `2s`".into()),
        DurationOr(word) if text == word => Ok(KnobValue::Word(word)),
        DurationOr(word) => parse_span(text)
            .map(KnobValue::Duration)
            .ok_or_else(|| format!("is `{word}` or a duration like `500ms`")),
        RateOr(word) if text == word => Ok(KnobValue::Word(word)),
        RateOr(word) => parse_rate(text)
            .map(KnobValue::Count)
            .ok_or_else(|| format!("is `{word}` or bytes per second like `50KiB/s`")),
        Flag => text.parse().map(KnobValue::Flag).map_err(|_| "is true or false".into()),
        Node => find_node(text, find).map(KnobValue::Node).ok_or_else(|| "is the name of a node".into()),
        Nodes => list(text)
            .map(|name| find_node(name, find).ok_or_else(|| "is a list of nodes of this cluster".to_owned()))
            .collect::<Result<_, _>>()
            .map(KnobValue::Nodes),
    }
}

fn find_node(name: &str, find: &dyn Fn(&str) -> Option<NodeId>) -> Option<NodeId> {
    // The table's own default names the first node, whatever the cluster calls it.
    find(name).or_else(|| (name == "n1").then_some(NodeId(0)))
}

fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty() && *word != "none")
}

/// Reads a duration: a decimal number and `us`, `ms`, `s`, `m` or `h`. At most 24 h.
pub fn parse_span(text: &str) -> Option<Span> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let unit: u64 = match &text[split..] {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        _ => return None,
    };
    let us = parse_decimal(&text[..split], unit)?;
    (us <= 24 * 3_600_000_000).then_some(Span(us))
}

/// Reads a size: a decimal number and `B`, `KB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB`.
pub fn parse_bytes(text: &str) -> Option<u64> {
    let split = text.find(|c: char| c.is_ascii_alphabetic())?;
    let unit: u64 = match &text[split..] {
        "B" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    parse_decimal(&text[..split], unit)
}

/// Reads a rate: a size followed by `/s`.
pub fn parse_rate(text: &str) -> Option<u64> {
    parse_bytes(text.strip_suffix("/s")?).filter(|&rate| rate > 0)
}

/// A plain decimal number times `unit`, rounded down; `None` for signs, exponents, overflow.
pub fn parse_decimal(text: &str, unit: u64) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || fraction.len() > 9 || text.ends_with('.') {
        return None;
    }
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let mantissa: u128 = format!("{whole}{fraction}").parse().ok()?;
    u64::try_from(mantissa.checked_mul(u128::from(unit))? / scale).ok()
}

impl fmt::Display for KnobValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KnobValue::Word(word) => f.write_str(word),
            KnobValue::Words(words) if words.is_empty() => f.write_str("none"),
            KnobValue::Words(words) => f.write_str(&words.join(",")),
            KnobValue::Count(count) => write!(f, "{count}"),
            KnobValue::Duration(span) => write!(f, "{span}"),
            KnobValue::Flag(flag) => write!(f, "{flag}"),
            KnobValue::Node(node) => write!(f, "{node}"),
            KnobValue::Nodes(nodes) if nodes.is_empty() => f.write_str("all"),
            KnobValue::Nodes(nodes) => {
                f.write_str(&nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_default_parses_in_both_profiles() {
        for topology in [PR, P2P] {
            for profile in [Profile::Demo, Profile::Real] {
                let knobs = Knobs::defaults(topology, profile);
                assert_eq!(knobs.rows().count(), KNOBS.iter().filter(|row| row.topology == topology).count());
            }
        }
    }

    #[test]
    fn durations_sizes_and_rates_read_back() {
        assert_eq!(parse_span("1.5ms"), Some(Span(1_500)));
        assert_eq!(parse_span("30s"), Some(Span::seconds(30)));
        assert_eq!(parse_span("0s"), Some(Span::ZERO));
        for bad in ["", "5", "ms", "-5s", "1e3s", "5 s", "25h", "1.s", ".5s", "5S"] {
            assert_eq!(parse_span(bad), None, "{bad}");
        }
        assert_eq!(parse_rate("50KiB/s"), Some(51_200));
        assert_eq!(parse_rate("100MB/s"), Some(100_000_000));
    }

    #[test]
    fn a_wrong_value_says_what_would_be_right() {
        let mut knobs = Knobs::defaults(PR, Profile::Demo);
        let nobody = |_: &str| None;
        assert_eq!(
            knobs.set("ack", "sometimes", &nobody).unwrap_err(),
            "`ack` is one of fire, async, semi-sync, majority, all, not `sometimes`"
        );
        assert_eq!(knobs.set("akc", "all", &nobody).unwrap_err(), "unknown knob `akc`; did you mean `ack`?");
        assert!(knobs.set("vnodes", "8", &nobody).unwrap_err().contains("no knob of primary-replica"));
    }
}
