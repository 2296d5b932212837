//! The topologies and their knobs: the only list of either. Scenario files, `--set`, `set KNOB=VALUE`, the options
//! panel and `splitbrain knobs` read these rows; protocols read the values through [`Knobs`].

use super::ids::NodeId;
use super::quantity::{parse_bytes, parse_long_span, parse_rate};
use super::text::nearest;
use super::time::Span;
use std::collections::BTreeMap;
use std::fmt;

mod fit;
mod like;
mod table;

pub use fit::Misfit;
pub use like::{LIKES, Likeness};
pub use table::KNOBS;

/// How a cluster replicates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topology {
    /// One primary orders all writes, replicas follow its log.
    PrimaryReplica,
    /// Any node coordinates; a ring places each key on N owners (the Dynamo family).
    PeerToPeer,
    /// Every site is a primary-replica group that takes writes; the sites ship their logs to each other.
    MultiLeader,
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
    TopologyRow {
        topology: Topology::MultiLeader,
        word: "multi-leader",
        meaning: "every site has a primary of its own that takes writes; sites exchange their logs later",
    },
];

impl Topology {
    /// The word in files and on screens.
    pub fn word(self) -> &'static str {
        match self {
            Topology::PrimaryReplica => "primary-replica",
            Topology::PeerToPeer => "peer-to-peer",
            Topology::MultiLeader => "multi-leader",
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
    /// A whole number from 1, or this word instead.
    CountOr(&'static str),
    /// A duration.
    Duration,
    /// A duration, or this word instead.
    DurationOr(&'static str),
    /// Bytes per second, or this word instead.
    RateOr(&'static str),
    /// Bytes, or this word instead.
    BytesOr(&'static str),
    /// `true` or `false`.
    Flag,
    /// The name of a node.
    Node,
    /// The name of a node, or this word instead.
    NodeOr(&'static str),
    /// Names of nodes, comma-separated.
    Nodes,
}

impl fmt::Display for KnobKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KnobKind::Word(words) => f.write_str(&words.join(" | ")),
            KnobKind::Words(words) => write!(f, "list of {}", words.join(", ")),
            KnobKind::Count(min, max) => write!(f, "{min} to {max}"),
            KnobKind::CountOr(word) => write!(f, "{word} | number"),
            KnobKind::Duration => f.write_str("duration"),
            KnobKind::DurationOr(word) => write!(f, "{word} | duration"),
            KnobKind::RateOr(word) => write!(f, "{word} | bytes per second"),
            KnobKind::BytesOr(word) => write!(f, "{word} | bytes"),
            KnobKind::Flag => f.write_str("true | false"),
            KnobKind::Node => f.write_str("node"),
            KnobKind::NodeOr(word) => write!(f, "{word} | node"),
            KnobKind::Nodes => f.write_str("list of nodes"),
        }
    }
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

/// The word that sets a group of knobs at once (see [`LIKES`]).
pub const LIKE: &str = "like";

/// Whether `key` can be set for `topology`: a knob, or the word for a group of them.
pub fn is_settable(topology: Topology, key: &str) -> bool {
    knob_row(topology, key).is_some() || (key == LIKE && LIKES.iter().any(|row| row.topology == topology))
}

/// The row of `key` for `topology`.
pub fn knob_row(topology: Topology, key: &str) -> Option<&'static Knob> {
    KNOBS.iter().find(|row| row.topology == topology && row.key == key)
}

/// The values of all knobs of one topology.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knobs {
    topology: Topology,
    profile: Profile,
    values: BTreeMap<&'static str, KnobValue>,
}

impl Knobs {
    /// Every knob of `topology` at its default.
    ///
    /// # Panics
    /// Never: a test parses every default.
    pub fn defaults(topology: Topology, profile: Profile) -> Self {
        let mut knobs = Knobs { topology, profile, values: BTreeMap::new() };
        let nobody_is_named = |_: &str| None;
        for row in KNOBS.iter().filter(|row| row.topology == topology) {
            let text = if profile == Profile::Demo { row.demo } else { row.real };
            let value = parse_value(row.kind, text, &nobody_is_named).expect("the defaults of KNOBS parse");
            knobs.values.insert(row.key, value);
        }
        knobs
    }

    /// The knobs of another topology that these lend what both have, the rest at its defaults: what a group of nodes
    /// inside a cluster of this topology is told.
    pub fn lent_to(&self, topology: Topology) -> Knobs {
        let mut lent = Knobs::defaults(topology, self.profile);
        for (key, value) in &mut lent.values {
            if let Some(own) = self.values.get(key) {
                value.clone_from(own);
            }
        }
        lent
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
        if key == LIKE && is_settable(self.topology, LIKE) {
            return self.set_like(text, find);
        }
        let Some(row) = knob_row(self.topology, key) else {
            return Err(unknown_knob(self.topology, key));
        };
        let value =
            parse_value(row.kind, text, find).map_err(|wanted| format!("`{key}` {wanted}, not `{text}`"))?;
        self.values.insert(row.key, value);
        Ok(())
    }

    /// Sets the group of knobs called `word`.
    fn set_like(&mut self, word: &str, find: &dyn Fn(&str) -> Option<NodeId>) -> Result<(), String> {
        let Some(row) = Likeness::find(self.topology, word) else {
            let words = LIKES.iter().filter(|row| row.topology == self.topology).map(|row| row.word);
            let words: Vec<&str> = words.collect();
            return Err(format!("`{LIKE}` is one of {}, not `{word}`", words.join(", ")));
        };
        row.values(self.profile).try_for_each(|(key, text)| self.set(key, text, find))
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

    /// A number knob, bytes, or bytes per second.
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

    /// A number knob, bytes, or bytes per second; `None` when the alternative word was chosen.
    pub fn maybe_count(&self, key: &str) -> Option<u64> {
        match self.get(key) {
            Some(KnobValue::Count(count)) => Some(*count),
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
    use KnobKind::*;
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
        CountOr(word) if text == word => Ok(KnobValue::Word(word)),
        CountOr(word) => match text.parse() {
            Ok(count) if count > 0 => Ok(KnobValue::Count(count)),
            _ => Err(format!("is `{word}` or a whole number from 1")),
        },
        Duration => parse_long_span(text)
            .map(KnobValue::Duration)
            .ok_or_else(|| "is a duration like `500ms` or `2s`".into()),
        DurationOr(word) if text == word => Ok(KnobValue::Word(word)),
        DurationOr(word) => parse_long_span(text)
            .map(KnobValue::Duration)
            .ok_or_else(|| format!("is `{word}` or a duration like `500ms`")),
        RateOr(word) if text == word => Ok(KnobValue::Word(word)),
        RateOr(word) => parse_rate(text)
            .map(KnobValue::Count)
            .ok_or_else(|| format!("is `{word}` or bytes per second like `50KiB/s`")),
        BytesOr(word) if text == word => Ok(KnobValue::Word(word)),
        BytesOr(word) => parse_bytes(text)
            .filter(|&bytes| bytes > 0)
            .map(KnobValue::Count)
            .ok_or_else(|| format!("is `{word}` or bytes like `10MiB`")),
        Flag => text.parse().map(KnobValue::Flag).map_err(|_| "is true or false".into()),
        Node => find_node(text, find).map(KnobValue::Node).ok_or_else(|| "is the name of a node".into()),
        NodeOr(word) if text == word => Ok(KnobValue::Word(word)),
        NodeOr(word) => find_node(text, find)
            .map(KnobValue::Node)
            .ok_or_else(|| format!("is `{word}` or the name of a node")),
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
            KnobValue::Nodes(nodes) if nodes.is_empty() => f.write_str("none named"),
            KnobValue::Nodes(nodes) => {
                f.write_str(&nodes.iter().map(NodeId::to_string).collect::<Vec<_>>().join(","))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Topology::{MultiLeader as ML, PeerToPeer as P2P, PrimaryReplica as PR};
    use super::*;

    #[test]
    fn every_default_parses_in_both_profiles() {
        for topology in [PR, P2P, ML] {
            for profile in [Profile::Demo, Profile::Real] {
                let knobs = Knobs::defaults(topology, profile);
                assert_eq!(knobs.rows().count(), KNOBS.iter().filter(|row| row.topology == topology).count());
            }
        }
    }

    #[test]
    fn every_named_configuration_sets_knobs_that_exist_and_fit() {
        for row in LIKES {
            for profile in [Profile::Demo, Profile::Real] {
                let mut knobs = Knobs::defaults(row.topology, profile);
                knobs.set(LIKE, row.word, &|_| None).expect(row.word);
                assert_eq!(knobs.misfits(3), [], "{}", row.word);
                let sets_more = knobs != Knobs::defaults(row.topology, profile);
                assert!(sets_more, "{} is more than the defaults", row.word);
            }
        }
        let mut knobs = Knobs::defaults(PR, Profile::Real);
        knobs.set(LIKE, "mysql-semi-sync", &|_| None).expect("it exists");
        assert_eq!(knobs.maybe_span("sync_timeout"), Some(Span::seconds(10)));
        assert!(
            knobs
                .set(LIKE, "oracle", &|_| None)
                .unwrap_err()
                .starts_with("`like` is one of postgresql-async,")
        );
        assert!(Knobs::defaults(P2P, Profile::Demo).set(LIKE, "raft", &|_| None).is_err());
    }

    #[test]
    fn a_group_inside_a_site_is_told_what_its_cluster_was() {
        let mut knobs = Knobs::defaults(ML, Profile::Demo);
        knobs.set("ack", "all", &|_| None).expect("a knob of both");
        let lent = knobs.lent_to(PR);
        assert_eq!((lent.topology(), lent.word("ack"), lent.word("layout")), (PR, "all", "star"));
    }

    #[test]
    fn a_wrong_value_says_what_would_be_right() {
        let mut knobs = Knobs::defaults(PR, Profile::Demo);
        let nobody = |_: &str| None;
        assert_eq!(
            knobs.set("ack", "sometimes", &nobody).unwrap_err(),
            "`ack` is one of fire, async, semi-sync, wait, majority, isr, all, not `sometimes`"
        );
        assert_eq!(knobs.set("akc", "all", &nobody).unwrap_err(), "unknown knob `akc`; did you mean `ack`?");
        assert!(knobs.set("vnodes", "8", &nobody).unwrap_err().contains("no knob of primary-replica"));
    }
}
