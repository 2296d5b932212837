//! Commands: what changes the world. One type for timelines, the palette, `--do`, keys and recordings.
//! The words are in [`VERBS`]; [`super::spell`] writes them, `scenario::grammar` parses them.

use super::ids::{MessageId, NodeId};
use super::operation::Level;
use super::time::Span;

/// A node as a command names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeRef {
    /// A fixed node.
    Named(NodeId),
    /// Whoever is primary when the command fires.
    Primary,
    /// The `rank`-th owner (from 1) of a key when the command fires; 1 is its coordinator in the preference list.
    Owner {
        /// The place in the key's preference list, counted from 1.
        rank: u16,
        /// The key's text.
        key: String,
    },
}

/// The links a network fault acts on. All are node-to-node and directed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Links {
    /// Every link of the cluster.
    All,
    /// From each of the first to each of the second; in both directions if `both`.
    Between {
        /// Senders.
        from: Vec<NodeRef>,
        /// Receivers.
        to: Vec<NodeRef>,
        /// Whether the opposite direction is meant too (`A-B`).
        both: bool,
    },
    /// Every link from or to a node.
    Of(NodeRef),
}

/// What a crash leaves on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CrashKind {
    /// The process dies: what it wrote to the operating system survives.
    Process,
    /// The power fails: only what was flushed survives.
    Power,
    /// The disk is lost: nothing survives.
    DiskLoss,
}

impl CrashKind {
    /// What the disk keeps, in words.
    pub fn keeps(self) -> &'static str {
        match self {
            CrashKind::Process => "written data is kept",
            CrashKind::Power => "only flushed data is kept",
            CrashKind::DiskLoss => "its disk is lost",
        }
    }
}

/// What a `heal` ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Healed {
    /// Every active fault; crashed nodes restart, paused ones resume.
    Everything,
    /// Every fault that names this node.
    Node(NodeRef),
    /// Every fault on these links.
    Links(Links),
    /// The fault with this number (`f3` on the screen).
    Fault(u32),
}

/// A change of the workload. Absent fields stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WorkloadChange {
    /// Operations per second.
    pub rate: Option<u32>,
    /// Share of writes, per million.
    pub writes_ppm: Option<u32>,
    /// Number of keys.
    pub keys: Option<u32>,
}

/// An update as it was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypedUpdate {
    /// An element for a set.
    Add(String),
    /// An element to take out of a set.
    Remove(String),
    /// An element for the end of a list.
    Append(String),
    /// How far to count.
    Increment(i32),
    /// The value that takes the place of siblings.
    Resolve(String),
}

/// Everything that can be done to the world. A command that means nothing at the moment it fires becomes a refused
/// event with a reason; it never fails the world.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "each variant is documented by its row of VERBS, its fields by the syntax there"
)]
pub enum Command {
    Crash { node: NodeRef, kind: CrashKind },
    Restart { node: NodeRef },
    Wipe { node: NodeRef },
    Pause { node: NodeRef },
    Resume { node: NodeRef },
    Partition { groups: Vec<Vec<NodeRef>> },
    RingMajorities,
    Bridge { node: NodeRef },
    Isolate { node: NodeRef },
    Cut { links: Links },
    Loss { links: Links, ppm: u32 },
    Duplicate { links: Links, ppm: u32 },
    Reorder { links: Links, ppm: u32 },
    Delay { links: Links, extra: Span },
    Hold { links: Links },
    Release { links: Links },
    Clock { node: NodeRef, jump_us: i64 },
    Drift { node: NodeRef, ppm: i32 },
    ClockStrobe { node: NodeRef, swing_us: i64, period: Span, lasting: Span },
    SlowCpu { node: NodeRef, factor: u32 },
    SlowDisk { node: NodeRef, factor: u32 },
    DiskFull { node: NodeRef },
    Heal { what: Healed },
    Write { key: String, value: String, at: Option<NodeRef>, level: Option<Level> },
    Read { key: String, at: Option<NodeRef>, level: Option<Level> },
    Delete { key: String, at: Option<NodeRef>, level: Option<Level> },
    Update { update: TypedUpdate, key: String, at: Option<NodeRef>, level: Option<Level> },
    Workload { change: WorkloadChange },
    Burst { rate: u32, lasting: Span },
    Promote { node: NodeRef },
    CancelWait { node: NodeRef },
    Switchover { node: NodeRef },
    Repair,
    AddNode { is_forced: bool },
    Decommission { node: NodeRef, is_forced: bool },
    Replace { node: NodeRef, is_forced: bool },
    Backup,
    Restore { node: NodeRef },
    Set { knob: String, value: String },
    Drop { message: MessageId },
    Deliver { message: MessageId },
    Say { text: String },
    Mark { label: String },
}

/// What a verb is about; groups the help and the fault menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Processes.
    Process,
    /// Links.
    Network,
    /// Wall clocks.
    Clock,
    /// Disks and processors.
    Machine,
    /// Operations and load.
    Client,
    /// What an operator does.
    Operator,
    /// One message in flight.
    Message,
    /// Words for the watcher.
    Words,
}

/// One row of the grammar.
#[derive(Clone, Copy, Debug)]
pub struct Verb {
    /// The word a command begins with.
    pub word: &'static str,
    /// The whole command, arguments in capitals, options in brackets.
    pub syntax: &'static str,
    /// An example that parses.
    pub example: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
    /// Its group.
    pub group: Group,
    /// Whether it leaves an active fault behind that can be healed.
    pub is_fault: bool,
}

const fn verb(
    word: &'static str,
    syntax: &'static str,
    example: &'static str,
    meaning: &'static str,
    group: Group,
    is_fault: bool,
) -> Verb {
    Verb { word, syntax, example, meaning, group, is_fault }
}

/// The grammar: the only list of verbs. Parser, help, palette and fault menu read it.
pub const VERBS: &[Verb] = &[
    verb(
        "crash",
        "crash NODE [power|disk-loss]",
        "crash n1",
        "the process dies; power keeps flushed data only, disk-loss nothing",
        Group::Process,
        true,
    ),
    verb(
        "restart",
        "restart NODE",
        "restart n1",
        "start a crashed node again from what its disk kept",
        Group::Process,
        false,
    ),
    verb("wipe", "wipe NODE", "wipe n3", "crash a node and empty its disk", Group::Process, true),
    verb(
        "pause",
        "pause NODE",
        "pause n1",
        "freeze the process (a long garbage collection); its inbox grows",
        Group::Process,
        true,
    ),
    verb("resume", "resume NODE", "resume n1", "let a paused process go on", Group::Process, false),
    verb(
        "partition",
        "partition A,B | C,D,E",
        "partition n1,n2 | n3,n4,n5",
        "cut every link between the groups; clients stay on their node's side",
        Group::Network,
        true,
    ),
    verb(
        "ring-majorities",
        "ring-majorities",
        "ring-majorities",
        "every node sees a majority, no two see the same one",
        Group::Network,
        true,
    ),
    verb(
        "bridge",
        "bridge NODE",
        "bridge n3",
        "two halves that only NODE can reach both of",
        Group::Network,
        true,
    ),
    verb(
        "isolate",
        "isolate NODE",
        "isolate n3",
        "cut a node and its clients from everyone else",
        Group::Network,
        true,
    ),
    verb(
        "cut",
        "cut A > B | cut A - B",
        "cut n1 > n2,n3",
        "messages on these links are lost, one way (>) or both (-)",
        Group::Network,
        true,
    ),
    verb("loss", "loss LINK|all 30%", "loss all 10%", "lose this share of messages", Group::Network, true),
    verb(
        "duplicate",
        "duplicate LINK|all 5%",
        "duplicate n1>n2 20%",
        "deliver this share of messages twice",
        Group::Network,
        true,
    ),
    verb(
        "reorder",
        "reorder LINK|all 5%",
        "reorder all 5%",
        "let this share of messages overtake others",
        Group::Network,
        true,
    ),
    verb(
        "delay",
        "delay LINK|all +50ms",
        "delay n1-n3 +300ms",
        "add to the one-way delay",
        Group::Network,
        true,
    ),
    verb("hold", "hold LINK", "hold n1>n2", "keep messages on the link until released", Group::Network, true),
    verb("release", "release LINK", "release n1>n2", "let held messages go on", Group::Network, false),
    verb("clock", "clock NODE +250ms", "clock n2 -500ms", "make a wall clock jump", Group::Clock, true),
    verb(
        "drift",
        "drift NODE 200ppm",
        "drift n2 200ppm",
        "make a wall clock run fast or slow",
        Group::Clock,
        true,
    ),
    verb(
        "clock-strobe",
        "clock-strobe NODE +-200ms every 10ms for 5s",
        "clock-strobe n2 +-200ms every 10ms for 5s",
        "swing a wall clock to and fro",
        Group::Clock,
        true,
    ),
    verb(
        "slow-cpu",
        "slow-cpu NODE 20x",
        "slow-cpu n1 20x",
        "every step of the node takes this many times as long",
        Group::Machine,
        true,
    ),
    verb(
        "slow-disk",
        "slow-disk NODE 30x",
        "slow-disk n3 30x",
        "every flush takes this many times as long",
        Group::Machine,
        true,
    ),
    verb(
        "disk-full",
        "disk-full NODE",
        "disk-full n1",
        "nothing more can be written on this node",
        Group::Machine,
        true,
    ),
    verb(
        "heal",
        "heal [NODE|LINK|FAULT]",
        "heal",
        "end all faults, or those of a node, a link, or one by its number",
        Group::Network,
        false,
    ),
    verb(
        "write",
        "write KEY=VALUE [at NODE] [level any|one|quorum|local-quorum|all]",
        "write x=5 at n2",
        "one write by a client, of its own or attached to NODE",
        Group::Client,
        false,
    ),
    verb(
        "add",
        "add KEY=ELEMENT [at NODE] [level LEVEL]",
        "add cart=milk at n1",
        "put an element into a set; a store that cannot does it by reading and writing back",
        Group::Client,
        false,
    ),
    verb(
        "remove",
        "remove KEY=ELEMENT [at NODE] [level LEVEL]",
        "remove cart=milk",
        "take an element out of a set",
        Group::Client,
        false,
    ),
    verb(
        "append",
        "append KEY=ELEMENT [at NODE] [level LEVEL]",
        "append notes=first",
        "put an element at the end of a list",
        Group::Client,
        false,
    ),
    verb(
        "increment",
        "increment KEY[=AMOUNT] [at NODE] [level LEVEL]",
        "increment hits=5",
        "count up by 1 or by AMOUNT, which may be negative",
        Group::Client,
        false,
    ),
    verb(
        "resolve",
        "resolve KEY=VALUE [at NODE] [level LEVEL]",
        "resolve x=5 at n1",
        "read all siblings of a key and put one value in their place",
        Group::Client,
        false,
    ),
    verb(
        "read",
        "read KEY [at NODE] [level one|quorum|local-quorum|all]",
        "read x at n3",
        "one read by a client, of its own or attached to NODE",
        Group::Client,
        false,
    ),
    verb("delete", "delete KEY [at NODE]", "delete x", "one delete by a client", Group::Client, false),
    verb(
        "workload",
        "workload KEY=VALUE ...",
        "workload rate=500 writes=0.2",
        "change rate, writes or keys of the load",
        Group::Client,
        false,
    ),
    verb(
        "burst",
        "burst 2000/s for 5s",
        "burst 2000/s for 5s",
        "raise the load for a while",
        Group::Client,
        false,
    ),
    verb(
        "promote",
        "promote NODE",
        "promote n2",
        "make a replica primary, whatever the others think",
        Group::Operator,
        false,
    ),
    verb(
        "switchover",
        "switchover NODE",
        "switchover n2",
        "the primary hands its place over to NODE, losing nothing",
        Group::Operator,
        false,
    ),
    verb(
        "cancel-wait",
        "cancel-wait NODE",
        "cancel-wait primary",
        "tell the clients that wait at NODE for replicas: done here, perhaps nowhere else",
        Group::Operator,
        false,
    ),
    verb(
        "repair",
        "repair",
        "repair",
        "peer-to-peer: every pair of nodes compares the keys both own and sends each other what differs",
        Group::Operator,
        false,
    ),
    verb(
        "add-node",
        "add-node [force]",
        "add-node",
        "start a spare machine; it takes in its share and becomes a member. One moves at a time, unless forced (peer-to-peer)",
        Group::Operator,
        false,
    ),
    verb(
        "decommission",
        "decommission NODE [force]",
        "decommission n3",
        "take a node out of the cluster for good; peer-to-peer: it hands on what it has first, or is given up if it died joining",
        Group::Operator,
        false,
    ),
    verb(
        "replace",
        "replace NODE [force]",
        "replace n3",
        "add a node and, once it is a member, take NODE out; peer-to-peer: NODE is dead, its tokens go to the new one",
        Group::Operator,
        false,
    ),
    verb(
        "backup",
        "backup",
        "backup",
        "keep a copy of what is on the disks now: the primary's, or every node's",
        Group::Operator,
        false,
    ),
    verb(
        "restore",
        "restore NODE",
        "restore n1",
        "start a crashed or wiped node from the last backup",
        Group::Operator,
        false,
    ),
    verb(
        "set",
        "set KNOB=VALUE",
        "set ack=async",
        "turn a knob of the running cluster",
        Group::Operator,
        false,
    ),
    verb("drop", "drop MESSAGE", "drop m123", "lose one message in flight", Group::Message, false),
    verb(
        "deliver",
        "deliver MESSAGE",
        "deliver m123",
        "deliver one message in flight now",
        Group::Message,
        false,
    ),
    verb("say", "say TEXT", "say Two nodes here, three there.", "narration", Group::Words, false),
    verb("mark", "mark LABEL", "mark the moment", "put a marker on the timeline", Group::Words, false),
];

/// Verbs of the grammar that this version does not perform yet; the parser says so instead of guessing.
pub const LATER_VERBS: &[&str] = &["hand-over"];

/// The row of `word`.
pub fn verb_row(word: &str) -> Option<&'static Verb> {
    VERBS.iter().find(|row| row.word == word)
}

impl Command {
    /// The command's row in [`VERBS`].
    ///
    /// # Panics
    /// Never: a test checks that every variant has its row.
    pub fn verb(&self) -> &'static Verb {
        let text = self.to_string();
        let word = text.split(' ').next().unwrap_or_default();
        verb_row(word).expect("every command has its row in VERBS")
    }
}
