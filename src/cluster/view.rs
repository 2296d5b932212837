//! Read-only pictures of a whole cluster, for screens and reports. Plain data, cheap to publish.

use crate::base::Key;
use crate::base::bits::Bits;
use crate::base::command::CrashKind;
use crate::base::fate::{FateCounts, WriteFate};
use crate::base::ids::{ClientId, MessageId, NodeId, OpId};
use crate::base::knob::{Knobs, Topology};
use crate::base::line::Stamped;
use crate::base::names::Names;
use crate::base::operation::{Action, Outcome};
use crate::base::time::{Span, VirtualTime};
use crate::protocol::view::ReplicaView;
use crate::protocol::{Label, Traffic};
use std::sync::Arc;

/// The most log lines a view gives per node.
pub const LINES_SHOWN: usize = 30;
/// The most lines a view gives of the world's own record.
pub const EVENTS_SHOWN: usize = 200;
/// The most messages in flight a view gives.
pub const FLIGHTS_SHOWN: usize = 200;

/// A cluster at an instant.
#[derive(Clone, Debug)]
pub struct ClusterView {
    /// The instant.
    pub at: VirtualTime,
    /// The topology.
    pub topology: Topology,
    /// Its knobs now.
    pub knobs: Arc<Knobs>,
    /// The texts behind ids.
    pub names: Arc<Names>,
    /// The nodes in order.
    pub nodes: Vec<NodeView>,
    /// The replicated logs: of each site or partition that is shown one, else one; none for peers.
    pub logs: Vec<LogView>,
    /// Messages in flight, oldest first; at most [`FLIGHTS_SHOWN`].
    pub flights: Vec<FlightView>,
    /// Counts of messages between nodes since the beginning.
    pub messages: MessageCounts,
    /// The active faults in the order they began.
    pub faults: Vec<FaultView>,
    /// Which directed links are cut: `cuts[from][to]`. Empty above 64 nodes.
    pub cuts: Vec<Vec<bool>>,
    /// The newest lines of all nodes and the world, oldest first; at most [`EVENTS_SHOWN`].
    pub events: Arc<Vec<Stamped>>,
    /// The last finished client operations, oldest first; at most 20.
    pub operations: Vec<OperationView>,
    /// How far a write has spread, where nodes pass writes on.
    pub spread: Option<SpreadView>,
    /// Steps that nodes took since the beginning.
    pub steps: u64,
    /// Digest of the trace so far.
    pub digest: u64,
}

/// Is the process alive?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// Runs.
    Up,
    /// Frozen: keeps its memory, takes no steps.
    Paused,
    /// Crashed.
    Down,
}

/// A node at an instant.
#[derive(Clone, Debug)]
pub struct NodeView {
    /// The node.
    pub node: NodeId,
    /// Its site's name.
    pub site: Option<String>,
    /// Is it alive?
    pub health: Health,
    /// Since when.
    pub since: VirtualTime,
    /// Whether every link to and from it is cut.
    pub is_isolated: bool,
    /// Its replica; `None` while it is down.
    pub replica: Option<ReplicaView>,
    /// Inputs that wait for its processor.
    pub queued: usize,
    /// How many times slower than normal its processor is.
    pub cpu_factor: u32,
    /// How many times slower than normal its disk is.
    pub disk_factor: u32,
    /// Whether its disk is full.
    pub is_disk_full: bool,
    /// Records appended but not flushed.
    pub unflushed: usize,
    /// Error of its wall clock in microseconds.
    pub clock_error_us: i64,
    /// Which life this is, from 1.
    pub incarnation: u32,
    /// The clients beside it.
    pub clients: Vec<ClientId>,
    /// Its newest log lines, oldest first; at most [`LINES_SHOWN`].
    pub lines: Vec<Stamped>,
}

/// The copies of one log, compared as one who sees all compares them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogView {
    /// The live primary with the highest term: its log counts.
    pub authority: Option<NodeId>,
    /// Its last index; while nobody reigns, that of the log which would win an election.
    pub end: u64,
    /// The nodes that have a copy, in order.
    pub members: Vec<LogMember>,
}

/// One copy of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogMember {
    /// Whose it is.
    pub node: NodeId,
    /// Its last index.
    pub last: u64,
    /// Up to here it has the entries of the log that counts; what lies beyond has left the common history.
    pub agrees_upto: u64,
}

impl LogView {
    /// The copy that `node` has.
    pub fn member(&self, node: NodeId) -> Option<&LogMember> {
        self.members.binary_search_by_key(&node, |member| member.node).ok().map(|at| &self.members[at])
    }

    /// Where copies end or leave the common history, most telling first: the end of the log that counts, the end of
    /// the copy that is farthest behind, the forks, the other ends; each place once.
    pub fn landmarks(&self) -> Vec<Landmark> {
        let ends = || self.members.iter().map(|member| member.last).filter(|last| *last > 0);
        let forks = self.members.iter().filter(|member| member.last > member.agrees_upto);
        let mut places: Vec<Landmark> = Vec::new();
        let first = [Some(self.end).filter(|end| *end > 0), ends().min()];
        let all = first.into_iter().flatten().map(Landmark::End);
        let all = all.chain(forks.map(|member| Landmark::Fork(member.agrees_upto)));
        let mut others: Vec<u64> = ends().collect();
        others.sort_unstable_by_key(|last| std::cmp::Reverse(*last));
        for place in all.chain(others.into_iter().map(Landmark::End)) {
            if places.len() < LANDMARKS_SHOWN && !places.contains(&place) {
                places.push(place);
            }
        }
        places
    }
}

/// The most landmarks of one log.
pub const LANDMARKS_SHOWN: usize = 8;

/// A place in a log that is worth being seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Landmark {
    /// The last index of a copy.
    End(u64),
    /// The last index before a copy leaves the common history.
    Fork(u64),
}

impl Landmark {
    /// Its index.
    pub fn index(self) -> u64 {
        match self {
            Landmark::End(index) | Landmark::Fork(index) => index,
        }
    }
}

/// A write on its way through the cluster: a person's newest, or one of the load that is followed to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpreadView {
    /// The write.
    pub op: OpId,
    /// Its key.
    pub key: Key,
    /// When a node took it.
    pub began: VirtualTime,
    /// Live nodes that hold it or what replaced it.
    pub reached: usize,
    /// Live nodes.
    pub of: usize,
    /// The nodes that hold it or what replaced it, live or not.
    pub has: Bits,
    /// How long until half, 99 of 100 and all of the live nodes had it.
    pub after: [Option<Span>; 3],
}

/// A message on its way.
#[derive(Clone, Debug)]
pub struct FlightView {
    /// Its id (`m123`).
    pub id: MessageId,
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// What it is called.
    pub label: Label,
    /// What it is sent for.
    pub traffic: Traffic,
    /// When it was sent.
    pub sent_at: VirtualTime,
    /// What becomes of it.
    pub fate: Fate,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Arrives then.
    Arrives(VirtualTime),
    /// Arrived then; shown for a moment.
    Arrived(VirtualTime),
    /// Held on its link until released.
    Held,
    /// Was lost at that instant; shown for a moment.
    Dropped {
        /// When.
        at: VirtualTime,
        /// Why.
        why: DropReason,
    },
}

/// Why a message was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DropReason {
    /// Its link is cut.
    Cut,
    /// Bad luck on a lossy link.
    Loss,
    /// The receiver is down.
    Down,
    /// The sender's unsent buffer died with it.
    Unsent,
    /// The user dropped it.
    ByHand,
}

impl DropReason {
    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            DropReason::Cut => "link cut",
            DropReason::Loss => "lost",
            DropReason::Down => "receiver down",
            DropReason::Unsent => "sender's buffer lost",
            DropReason::ByHand => "dropped by hand",
        }
    }
}

/// The accounting of messages between nodes: sent + duplicated = delivered + dropped + in flight, always.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// Put on links by nodes.
    pub sent: u64,
    /// Extra copies made by links.
    pub duplicated: u64,
    /// Handed to receivers.
    pub delivered: u64,
    /// Lost.
    pub dropped: u64,
    /// On their way, held ones included.
    pub in_flight: u64,
    /// Of those, held.
    pub held: u64,
}

impl MessageCounts {
    /// Whether the books balance.
    pub fn balances(&self) -> bool {
        self.sent + self.duplicated == self.delivered + self.dropped + self.in_flight
    }
}

/// An active fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultView {
    /// Its number (`f3`).
    pub number: u32,
    /// The command, with roles resolved and nodes by name.
    pub what: Arc<str>,
    /// Since when.
    pub since: VirtualTime,
    /// The nodes it names.
    pub nodes: Vec<NodeId>,
    /// The verb's word.
    pub verb: &'static str,
    /// What it takes from the nodes, if it crashed them.
    pub crash: Option<CrashKind>,
}

/// A finished client operation.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationView {
    /// The operation.
    pub op: OpId,
    /// Who asked.
    pub client: ClientId,
    /// What.
    pub action: Action,
    /// Of which key.
    pub key: Key,
    /// The node that answered.
    pub node: Option<NodeId>,
    /// When it ended.
    pub at: VirtualTime,
    /// How long it took.
    pub latency: Span,
    /// How it ended.
    pub outcome: Outcome,
}

/// The most writes a view of the ledger gives.
pub const LEDGER_SHOWN: usize = 400;

/// What became of the acknowledged writes of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LedgerView {
    /// How many have which fate.
    pub counts: FateCounts,
    /// The writes, worst fate first and of each fate the newest first; at most [`LEDGER_SHOWN`].
    pub rows: Vec<WriteRow>,
}

/// One acknowledged write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WriteRow {
    /// The operation.
    pub op: OpId,
    /// Who asked.
    pub client: ClientId,
    /// What, in words.
    pub what: String,
    /// The node that acknowledged it.
    pub node: Option<NodeId>,
    /// When it was asked.
    pub asked_at: VirtualTime,
    /// When it was acknowledged.
    pub acked_at: VirtualTime,
    /// What became of it.
    pub fate: WriteFate,
    /// Nodes that have it in memory, where that counts.
    pub memory: u16,
    /// Nodes that have it on disk, where that counts.
    pub flushed: u16,
}

/// The story of one write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryView {
    /// The write.
    pub row: WriteRow,
    /// What happened to it, in order.
    pub lines: Vec<StoryLine>,
    /// Who holds it now, node by node.
    pub holders: Vec<HolderRow>,
    /// Whether nothing of it has been forgotten.
    pub is_whole: bool,
}

/// One thing that happened to a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoryLine {
    /// When.
    pub at: VirtualTime,
    /// Where.
    pub node: Option<NodeId>,
    /// What.
    pub text: String,
    /// Whether it did the write harm.
    pub is_bad: bool,
}

/// How one node holds a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HolderRow {
    /// The node.
    pub node: NodeId,
    /// Whether it runs.
    pub is_up: bool,
    /// How it has it in memory, if it has.
    pub memory: Option<String>,
    /// How it has it on disk, if it has.
    pub disk: Option<String>,
}
