//! What a run's world is made of: cluster, network, workload. `scenario` fills these from a file.

use crate::base::delay::DelayLaw;
use crate::base::ids::NodeId;
use crate::base::knob::Knobs;
use crate::base::time::Span;

/// Everything one run needs to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct RunSetup {
    /// The scenario's seed, equal for all runs.
    pub seed: u64,
    /// The nodes.
    pub cluster: ClusterSpec,
    /// The links.
    pub network: NetworkSpec,
    /// The load, equal for all runs.
    pub workload: WorkloadSpec,
    /// The topology and its knobs.
    pub knobs: Knobs,
}

/// The nodes of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterSpec {
    /// How many.
    pub nodes: usize,
    /// Their names in order; empty for `n1`, `n2`, ….
    pub names: Vec<String>,
    /// Sites; a node belongs to at most one.
    pub sites: Vec<Site>,
    /// Processor time of one input.
    pub service: Span,
    /// How long a flush takes.
    pub flush: DelayLaw,
}

/// Machines beside a cluster's nodes that `add-node` can start.
pub const SPARES: usize = 3;

/// A site: a named group of nodes with short ways among them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// Its name.
    pub name: String,
    /// Its nodes.
    pub nodes: Vec<NodeId>,
}

impl Default for ClusterSpec {
    fn default() -> Self {
        ClusterSpec {
            nodes: 5,
            names: Vec::new(),
            sites: Vec::new(),
            service: Span(100),
            flush: DelayLaw::Lognormal { median: Span::millis(1), sigma_milli: 500 },
        }
    }
}

impl ClusterSpec {
    /// What node number `node`, counted from 0, is called.
    pub fn name_of(&self, node: usize) -> String {
        self.names.get(node).cloned().unwrap_or_else(|| NodeId::at(node).to_string())
    }

    /// The nodes and the machines that may become nodes.
    pub fn machines(&self) -> usize {
        self.nodes + SPARES
    }

    /// The site of `node`, by its place in `sites`.
    pub fn site_of(&self, node: NodeId) -> Option<usize> {
        self.sites.iter().position(|site| site.nodes.contains(&node))
    }
}

/// Messages that may have delays of their own, by the names under which they are shown.
pub const DELAYED: &[&str] = &[
    "Ack",
    "Append",
    "Data",
    "Digest",
    "Forward",
    "Forwarded",
    "Gossip",
    "Heartbeat",
    "Hints",
    "HintsAck",
    "Ping",
    "Read",
    "ReadDigest",
    "Repair",
    "RepairAck",
    "Ship",
    "ShipAck",
    "Stream",
    "Vote",
    "Write",
    "WriteAck",
];

/// The links of a cluster before any fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetworkSpec {
    /// One-way delay.
    pub delay: DelayLaw,
    /// The delay of some messages instead, by their names in [`DELAYED`].
    pub delays: Vec<(&'static str, DelayLaw)>,
    /// Added between nodes of different sites.
    pub between_sites: Span,
    /// Share of messages lost, per million.
    pub loss_ppm: u32,
    /// Share delivered twice, per million.
    pub duplicate_ppm: u32,
    /// Share that may overtake others, per million.
    pub reorder_ppm: u32,
    /// Bytes per second of each directed link.
    pub bandwidth: u64,
    /// One-way delay between a client and a node.
    pub client_delay: Span,
}

impl Default for NetworkSpec {
    fn default() -> Self {
        NetworkSpec {
            delay: DelayLaw::Lognormal { median: Span::millis(1), sigma_milli: 400 },
            delays: Vec::new(),
            between_sites: Span::millis(30),
            loss_ppm: 0,
            duplicate_ppm: 0,
            reorder_ppm: 0,
            bandwidth: 100_000_000,
            client_delay: Span::ZERO,
        }
    }
}

/// What clients do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkloadKind {
    /// Blind writes and reads of whole values.
    Register,
    /// The same, but each key is written by one client only: its versions are in the order of its session.
    SingleWriter,
    /// Elements, each of its own kind, are added to sets.
    Set,
    /// Items are added to carts and taken out again.
    Cart,
    /// Counters are counted up.
    Counter,
    /// Elements, each of its own kind, are appended to lists.
    Append,
    /// Rows are put into tables, each under the next id.
    Insert,
    /// Sets are read, and written back with one element more: by the client, whatever the store can do.
    ReadModifyWrite,
    /// Blind writes; each is read so long after it was acknowledged.
    Probe {
        /// How long after.
        after: Span,
    },
    /// Nothing but what the timeline and the user ask.
    None,
}

/// How keys are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Distribution {
    /// All alike.
    Uniform,
    /// The key of rank i with weight 1 / i^exponent; the exponent in thousandths.
    Zipf {
        /// Exponent times 1000.
        exponent_milli: u32,
    },
}

/// Where clients live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Attach {
    /// Client i beside node i modulo the number of nodes.
    RoundRobin,
    /// Round robin over these nodes.
    Nodes(Vec<NodeId>),
}

/// The load: an open loop, so that a slow cluster faces the same arrivals as a fast one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkloadSpec {
    /// What clients do.
    pub kind: WorkloadKind,
    /// Operations per second, Poisson.
    pub rate: u32,
    /// Share of writes, per million.
    pub writes_ppm: u32,
    /// Number of keys.
    pub keys: u32,
    /// How keys are chosen.
    pub distribution: Distribution,
    /// Length of a value.
    pub value_bytes: u64,
    /// Number of clients.
    pub clients: usize,
    /// Where they live.
    pub attach: Attach,
    /// An operation's deadline after its scheduled instant.
    pub timeout: Span,
    /// How often a silent operation is sent again.
    pub retries: u32,
}

impl Default for WorkloadSpec {
    fn default() -> Self {
        WorkloadSpec {
            kind: WorkloadKind::Register,
            rate: 200,
            writes_ppm: 500_000,
            keys: 100,
            distribution: Distribution::Uniform,
            value_bytes: 256,
            clients: 10,
            attach: Attach::RoundRobin,
            timeout: Span::seconds(1),
            retries: 0,
        }
    }
}
