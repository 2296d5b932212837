//! Read-only pictures of one replica for panels and checkers. Plain data: no protocol type leaks through.

use crate::base::data::{Change, Data};
use crate::base::ids::{Key, NodeId, OpId, Version};
use crate::base::time::{Span, VirtualTime};

/// What a replica shows.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaView {
    /// The keys this node holds that changed last, newest first; at most [`KEYS_SHOWN`].
    pub keys: Vec<KeyRow>,
    /// How many keys it holds in all.
    pub keys_total: usize,
    /// A digest of its whole key table; equal states have equal digests.
    pub digest: u64,
    /// What only its topology has.
    pub detail: ReplicaDetail,
}

impl ReplicaView {
    /// A node that holds nothing.
    pub fn empty() -> Self {
        let detail = ReplicaDetail::PrimaryReplica(Box::default());
        ReplicaView { keys: Vec::new(), keys_total: 0, digest: 0, detail }
    }
}

/// The most rows a view gives of the key table.
pub const KEYS_SHOWN: usize = 40;
/// The most log cells a view gives, counted from the end.
pub const CELLS_SHOWN: usize = 120;

/// The most entries a view gives of a cut branch.
pub const CUT_SHOWN: usize = 40;

/// One key as one node holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// The key.
    pub key: Key,
    /// What it holds here; `None` for a tombstone.
    pub value: Option<Data>,
    /// The write that made it.
    pub written_by: OpId,
    /// Its place in the key's version order.
    pub version: Version,
    /// Versions kept side by side, with who wrote them; none where there is no conflict.
    pub siblings: Vec<(Option<Data>, OpId)>,
}

/// The part of a view that depends on the topology.
#[derive(Clone, Debug, PartialEq)]
pub enum ReplicaDetail {
    /// A member of a primary-replica cluster.
    PrimaryReplica(Box<PrimaryReplicaView>),
    /// A member of a peer-to-peer cluster.
    PeerToPeer(Box<PeerToPeerView>),
}

/// What a node is in a primary-replica cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Orders the writes.
    Primary,
    /// Follows a primary.
    #[default]
    Replica,
    /// Asks for votes.
    Candidate,
    /// Asks whether an election could be won.
    PreCandidate,
    /// Takes in a snapshot.
    FullSync,
    /// Was primary, refuses writes.
    Fenced,
    /// Is to be primary, and must do something first.
    TakingOver,
    /// Undoes entries that the primary does not have.
    RollingBack,
    /// Has entries that the primary does not have, and follows nobody.
    StandingOut,
    /// Keeps the lease, and no data.
    LeaseStore,
    /// Catches up before it becomes a member.
    Joining,
    /// Is a member no more.
    Removed,
}

impl Role {
    /// The word on the badge; the primary's is in capitals.
    pub fn word(self) -> &'static str {
        match self {
            Role::Primary => "PRIMARY",
            Role::Replica => "replica",
            Role::Candidate => "candidate",
            Role::PreCandidate => "pre-vote",
            Role::FullSync => "full sync",
            Role::Fenced => "fenced",
            Role::TakingOver => "taking over",
            Role::RollingBack => "rolling back",
            Role::StandingOut => "stays out",
            Role::LeaseStore => "lease store",
            Role::Joining => "joining",
            Role::Removed => "removed",
        }
    }
}

/// A member of a primary-replica cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PrimaryReplicaView {
    /// What it is.
    pub role: Role,
    /// Its term.
    pub term: u64,
    /// Whom it voted for in this term.
    pub voted_for: Option<NodeId>,
    /// Whom it believes to be primary.
    pub primary: Option<NodeId>,
    /// Its history: the reigns whose entries it has, oldest first.
    pub history: Vec<ReignView>,
    /// Last index in the log, in the process's memory.
    pub last_index: u64,
    /// Last index flushed.
    pub flushed_index: u64,
    /// Last index applied to the key table.
    pub applied_index: u64,
    /// Last index known committed.
    pub commit_index: u64,
    /// As primary: last index acknowledged to its client; of its own reigns that counts.
    pub acked_index: u64,
    /// First index it can still ship to others.
    pub first_index: u64,
    /// Its entries in the order of their indexes: the last [`CELLS_SHOWN`], and in a cluster's view those around the
    /// places where other nodes' logs end or leave the common history.
    pub cells: Vec<LogCell>,
    /// As primary: how far each replica is.
    pub followers: Vec<FollowerView>,
    /// As primary: writes waiting for their acknowledgement.
    pub waiting: usize,
    /// As primary with semi-sync: whether it has fallen back to async.
    pub is_degraded: bool,
    /// Entries this replica knows to be missing.
    pub lag_entries: u64,
    /// Age of the last applied entry while entries are missing, else zero.
    pub lag: Span,
    /// As primary: when it stops writing unless it is confirmed before.
    pub stops_at: Option<VirtualTime>,
    /// As anyone else: when it will do something about the primary unless that is heard before; as lease store: when
    /// the lease ends.
    pub election_at: Option<VirtualTime>,
    /// How far ahead the two deadlines lie at most: what a full bar means.
    pub horizon: Span,
    /// As primary with `ack = "isr"`: who is in sync.
    pub in_sync: Vec<NodeId>,
    /// The monitor beside it.
    pub monitor: Option<MonitorView>,
    /// What it is in each partition it has a part in, where there are several.
    pub partitions: Vec<PartitionView>,
    /// Which partition this view is of, where there are several.
    pub partition: Option<u16>,
    /// Where its group is one of several sites: how far it is with the others.
    pub site: Option<SiteView>,
    /// Branches that were cut off here and kept.
    pub archive: Vec<BranchView>,
}

/// A reign in the history of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReignView {
    /// A number that names it: where nobody votes, two reigns may share a term.
    pub epoch: u64,
    /// Its term.
    pub term: u64,
    /// Who reigned.
    pub primary: Option<NodeId>,
    /// Its first index.
    pub from: u64,
}

impl PrimaryReplicaView {
    /// The reign in which the entry at `index` was written.
    pub fn reign_at(&self, index: u64) -> Option<&ReignView> {
        self.history.iter().rev().find(|reign| reign.from <= index)
    }

    /// How safe the entry at `index` is, as the node `me` knows it whose view this is.
    pub fn state_at(&self, me: NodeId, index: u64) -> CellState {
        let is_own = self.reign_at(index).is_some_and(|reign| reign.primary == Some(me));
        CellState::of(index, is_own && index <= self.acked_index, self.flushed_index, self.commit_index)
    }
}

/// One site among several, as one of its nodes sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteView {
    /// Its place in the list of sites.
    pub place: u16,
    /// Writes that it ordered itself and has committed.
    pub own: u64,
    /// As leader: writes that met others which did not know of them, in this life.
    pub clashes: u64,
    /// The other sites in order.
    pub others: Vec<SiteLinkView>,
}

/// How far one site is with another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteLinkView {
    /// The other site.
    pub site: u16,
    /// As leader: how many of the own writes the other has committed, as far as it has said.
    pub shipped: Option<u64>,
    /// How many of its writes are in the log here.
    pub applied: u64,
    /// As leader: whether it has been silent for too long.
    pub is_lost: bool,
}

/// A node's part in one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartitionView {
    /// The partition, from 0.
    pub partition: u16,
    /// What the node is in it.
    pub role: Role,
    /// Its term there.
    pub term: u64,
    /// Last index in that log.
    pub last_index: u64,
    /// Last index known committed there.
    pub commit_index: u64,
}

/// What the monitor beside a node thinks (`promotion = "auto-monitor"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MonitorView {
    /// The primary it watches.
    pub primary: NodeId,
    /// Whether it misses it.
    pub is_down: bool,
    /// How many others said lately that they do.
    pub agree: usize,
    /// Whether it leads a failover now.
    pub is_leading: bool,
}

/// One log entry on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogCell {
    /// Its index.
    pub index: u64,
    /// The term it was written in.
    pub term: u64,
    /// What it says.
    pub content: CellContent,
    /// How safe it is, as this node knows it. Divergence is found by comparing nodes.
    pub state: CellState,
}

/// What a log entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CellContent {
    /// A reign begins.
    Opening,
    /// A key changes.
    Write {
        /// The operation that asked for it.
        op: OpId,
        /// The key.
        key: Key,
        /// What is done to it.
        change: Change,
    },
    /// A node becomes a member.
    Join(NodeId),
    /// A node is a member no more.
    Leave(NodeId),
}

/// How safe a log entry is, as far as its node knows. Later states include the earlier ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CellState {
    /// In memory only.
    Buffered,
    /// On this node's disk.
    Flushed,
    /// Acknowledged to its client (only the primary knows).
    Acked,
    /// Known to be committed.
    Committed,
    /// Differs from the same index of the authoritative log.
    Diverged,
    /// Cut off and kept in the archive.
    RolledBack,
}

impl CellState {
    /// The state at `index` where so much is flushed and committed. It includes the earlier ones, so what was
    /// acknowledged before it was flushed still shows as buffered.
    pub fn of(index: u64, is_acked: bool, flushed: u64, commit: u64) -> CellState {
        match index {
            _ if index <= commit => CellState::Committed,
            _ if index > flushed => CellState::Buffered,
            _ if is_acked => CellState::Acked,
            _ => CellState::Flushed,
        }
    }

    /// The word in legends.
    pub fn word(self) -> &'static str {
        match self {
            CellState::Buffered => "buffered",
            CellState::Flushed => "flushed",
            CellState::Acked => "acknowledged",
            CellState::Committed => "committed",
            CellState::Diverged => "diverged",
            CellState::RolledBack => "rolled back",
        }
    }
}

/// How far one replica is, as the primary knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FollowerView {
    /// The replica.
    pub node: NodeId,
    /// Last index it has in memory.
    pub written: u64,
    /// Last index it has flushed.
    pub flushed: u64,
    /// Last index it has applied.
    pub applied: u64,
    /// Entries it misses.
    pub lag_entries: u64,
    /// When it last answered; before it has, when the reign began.
    pub heard_at: VirtualTime,
    /// Whether it has answered in this reign: until then nothing is known of it.
    pub has_answered: bool,
    /// Whether a snapshot is on its way.
    pub is_full_sync: bool,
}

/// A branch of the log that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchView {
    /// The first index cut.
    pub from: u64,
    /// How many entries.
    pub entries: u64,
    /// How many of them this node had acknowledged to clients.
    pub acked: u64,
    /// The term of its last entry.
    pub term: u64,
    /// When it was cut.
    pub at: VirtualTime,
    /// Its first entries; at most [`CUT_SHOWN`]. What this node had acknowledged says so.
    pub cells: Vec<LogCell>,
}

/// A member of a peer-to-peer cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct PeerToPeerView {
    /// Its SWIM incarnation, raised to refute suspicion.
    pub incarnation: u32,
    /// Its share of the ring as primary owner, in thousandths.
    pub ring_permille: u32,
    /// Its share of all copies, in thousandths (N copies of the ring are 1000 times N / nodes on average).
    pub copies_permille: u32,
    /// Its tokens.
    pub tokens: usize,
    /// Where it is on the ring, and what moves.
    pub ring: RingView,
    /// The nodes of which it thinks anything but that they are alive, in order.
    pub opinions: Vec<Opinion>,
    /// Hints it keeps for others.
    pub hints: Vec<HintView>,
    /// Requests it coordinates now, oldest first; at most 8.
    pub pending: Vec<PendingView>,
    /// How many it coordinates in all.
    pub pending_total: usize,
    /// Tombstones among its keys.
    pub tombstones: usize,
    /// Its part in the gossip, where writes are passed on.
    pub gossip: Option<GossipView>,
}

/// A node's part in the gossip by which writes spread.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GossipView {
    /// Its neighbours on the overlay, in order; at most [`NEIGHBOURS_SHOWN`].
    pub neighbours: Vec<NodeId>,
    /// How many it has.
    pub neighbours_total: usize,
    /// Rumours that it still passes on.
    pub hot: usize,
}

/// The most neighbours a view gives.
pub const NEIGHBOURS_SHOWN: usize = 8;

impl PeerToPeerView {
    /// What it thinks of `node`.
    pub fn opinion(&self, node: NodeId) -> PeerStatus {
        let found = self.opinions.binary_search_by_key(&node, |opinion| opinion.node);
        found.map_or(PeerStatus::Alive, |at| self.opinions[at].status)
    }
}

/// A node on the ring, as it knows itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RingView {
    /// Whether it is on the ring, or on its way.
    pub standing: Standing,
    /// The steps of all nodes that it knows of: the ring's epoch.
    pub steps: u32,
    /// The share of all copies that it takes writes of and answers no reads of, in thousandths (N copies are 1000
    /// times N).
    pub pending_permille: u32,
    /// Keys that came by streams so far, and how many nodes have sent all they had.
    pub arrived: (u64, u32),
    /// What it streams to others.
    pub streams: Vec<StreamView>,
    /// The root of the Merkle tree of the keys that each set of owners has here; empty where there are too many keys.
    pub roots: Vec<RootView>,
}

/// Whether a node is on the ring.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It is.
    #[default]
    Member,
    /// It takes writes and fetches what was written before.
    Joining,
    /// It answers reads already; those before it still get the writes.
    TakingOver,
    /// It hands on what it has.
    Leaving,
    /// It was.
    Left,
    /// It never was.
    Outside,
}

/// A stream of copies to a node that takes over ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamView {
    /// To whom.
    pub to: NodeId,
    /// Batches that it has.
    pub sent: u32,
    /// Batches in all.
    pub of: u32,
}

/// The keys of those ranges that have the same owners.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootView {
    /// The owners, in order.
    pub owners: Vec<NodeId>,
    /// The root of their tree here.
    pub hash: u64,
}

/// What a node thinks of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// The other node.
    pub node: NodeId,
    /// What is thought of it.
    pub status: PeerStatus,
    /// Since when.
    pub since: VirtualTime,
}

/// What may be thought of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PeerStatus {
    /// Answers, or someone said so.
    Alive,
    /// Did not answer; may refute.
    Suspect,
    /// Suspicion ran out.
    Down,
}

impl PeerStatus {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            PeerStatus::Alive => "up",
            PeerStatus::Suspect => "suspect",
            PeerStatus::Down => "down",
        }
    }
}

/// Hints kept for one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HintView {
    /// For whom.
    pub target: NodeId,
    /// How many.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A request being coordinated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingView {
    /// The operation.
    pub op: OpId,
    /// Its key.
    pub key: Key,
    /// Whether it writes.
    pub is_write: bool,
    /// Answers counted so far.
    pub got: u32,
    /// Answers needed.
    pub need: u32,
    /// Answers possible.
    pub of: u32,
}
