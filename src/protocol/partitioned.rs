//! Many primaries instead of one: the keys are spread over partitions, and each partition is a primary-replica group
//! of its own, with its own log, terms and primary, on `copies` of the nodes (Kafka partitions, MongoDB shards, multi-raft
//! stores). It shows that *partitioning* is what scales writes, whoever replicates.
//!
//! ```text
//! node ─┬─ partition 0: a PrimaryReplica
//!       ├─ partition 2: a PrimaryReplica      one disk, one processor, one inbox for all of them
//!       └─ partition 4: a PrimaryReplica
//! ```
//!
//! Must not know: what its members do. It carries inputs in and effects out, with the partition's number on them.

use super::primary_replica::{self, PrimaryReplica};
use super::view::{LogCell, PartitionView, PrimaryReplicaView, ReplicaDetail, ReplicaView, Role};
use super::{
    Context, Effect, Ghost, Holding, Input, Label, LogRemains, Order, Protocol, Routing, Sizes, Sought,
    Storage, Surroundings, Survivors, Timer, Traffic, Truth,
};
use crate::base::ids::{Key, NodeId, OpId, Version};
use crate::base::knob::Knobs;
use crate::base::line::Line;
use crate::base::operation::{Answer, Reply};
use crate::base::time::VirtualTime;
use std::sync::Arc;

/// Room for the timers of one partition among those of its node.
const TIMERS: u64 = 16;

/// The partition of `key` among `partitions`.
pub fn partition_of(key: Key, partitions: u16) -> u16 {
    (key.0 % u32::from(partitions.max(1))) as u16
}

/// Whether these knobs ask for more than one group, or for one that leaves nodes out.
pub fn is_partitioned(knobs: &Knobs, nodes: usize) -> bool {
    knobs.count("partitions") > 1 || knobs.maybe_count("copies").is_some_and(|copies| copies < nodes as u64)
}

/// A message between two members of one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The partition.
    partition: u16,
    /// What is said in it.
    inner: primary_replica::Message,
}

/// The number of the partition, on the wire.
const PARTITION_BYTES: u64 = 8;

impl super::Message for Message {
    fn bytes(&self, sizes: Sizes) -> u64 {
        PARTITION_BYTES + self.inner.bytes(sizes)
    }

    fn traffic(&self) -> Traffic {
        self.inner.traffic()
    }

    fn label(&self) -> Label {
        self.inner.label()
    }

    fn carries(&self, each: &mut dyn FnMut(OpId)) {
        self.inner.carries(each);
    }
}

/// The disks of all partitions of a node, as one.
#[derive(Clone, Debug, Default)]
pub struct Durable {
    partitions: Vec<primary_replica::Durable>,
}

/// A change of one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    partition: u16,
    inner: primary_replica::Record,
}

impl super::Durable for Durable {
    type Record = Record;

    fn persist(&mut self, record: &Record) {
        let place = usize::from(record.partition);
        if self.partitions.len() <= place {
            self.partitions.resize_with(place + 1, Default::default);
        }
        self.partitions[place].persist(&record.inner);
    }

    fn keeps(record: &Record, each: &mut dyn FnMut(OpId)) {
        primary_replica::Durable::keeps(&record.inner, each);
    }

    fn holding(&self, sought: &Sought<'_>) -> Option<Holding> {
        // A write stands in one log alone, that of its key's partition.
        self.partitions.iter().find_map(|partition| partition.holding(sought))
    }
}

/// The knobs of every partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    partitions: Vec<Arc<primary_replica::Config>>,
}

impl Config {
    fn of(&self, partition: u16) -> &Arc<primary_replica::Config> {
        &self.partitions[usize::from(partition)]
    }

    fn numbered(&self) -> impl Iterator<Item = (u16, &Arc<primary_replica::Config>)> {
        (0..).zip(&self.partitions)
    }
}

/// One node with its share of the partitions.
#[derive(Clone, Debug, PartialEq)]
pub struct Partitioned {
    config: Arc<Config>,
    /// What this node holds of each partition; `None` where it holds nothing.
    groups: Vec<Option<PrimaryReplica>>,
    /// Room for the effects of one step.
    effects: Vec<Effect<PrimaryReplica>>,
}

/// Runs `step` with a context for one partition, and carries its effects out.
fn within<R>(
    cx: &mut Context<'_, Partitioned>,
    partition: u16,
    effects: &mut Vec<Effect<PrimaryReplica>>,
    step: impl FnOnce(&mut Context<'_, PrimaryReplica>) -> R,
) -> R {
    let mut inner = Context {
        me: cx.me,
        members: cx.members,
        now: cx.now,
        wall: cx.wall,
        disk_full: cx.disk_full,
        incarnation: cx.incarnation,
        random: &mut *cx.random,
        appended: &mut *cx.appended,
        effects,
    };
    let result = step(&mut inner);
    cx.effects.extend(effects.drain(..).map(|effect| carried_out(partition, effect)));
    result
}

fn carried_out(partition: u16, effect: Effect<PrimaryReplica>) -> Effect<Partitioned> {
    let timer_of = |timer: Timer| Timer(u64::from(partition) * TIMERS + timer.0);
    match effect {
        Effect::Send { to, message } => Effect::Send { to, message: Message { partition, inner: message } },
        Effect::Reply(reply) => Effect::Reply(reply),
        Effect::SetTimer { timer, after } => Effect::SetTimer { timer: timer_of(timer), after },
        Effect::CancelTimer(timer) => Effect::CancelTimer(timer_of(timer)),
        Effect::Append(inner) => Effect::Append(Record { partition, inner }),
        Effect::Flush => Effect::Flush,
        Effect::Fence { target, success_ppm } => Effect::Fence { target, success_ppm },
        Effect::Burden(percent) => Effect::Burden(percent),
        Effect::Busy(span) => Effect::Busy(span),
        // A node starts once, however many partitions it has a part in.
        Effect::Say(line @ Line::Started { .. }) => Effect::Say(line),
        Effect::Say(line) => Effect::Say(Line::InPartition { partition, line: Arc::new(line) }),
        Effect::Ghost(Ghost::Log { progress, .. }) => Effect::Ghost(Ghost::Log { partition, progress }),
        Effect::Ghost(ghost) => Effect::Ghost(ghost),
    }
}

impl Partitioned {
    /// Lets one partition take an input; nothing happens where this node holds nothing of it.
    fn pass(&mut self, cx: &mut Context<'_, Self>, partition: u16, input: Input<PrimaryReplica>) {
        let effects = &mut self.effects;
        if let Some(Some(group)) = self.groups.get_mut(usize::from(partition)) {
            within(cx, partition, effects, |inner| group.step(inner, input));
        }
    }

    fn pass_to_all(&mut self, cx: &mut Context<'_, Self>, input: impl Fn(u16) -> Input<PrimaryReplica>) {
        for partition in 0..self.groups.len() as u16 {
            self.pass(cx, partition, input(partition));
        }
    }

    fn partitions(&self) -> u16 {
        self.groups.len() as u16
    }

    /// The partition whose story is told first: one that this node leads, else the first it has.
    fn foremost(details: &[(u16, PrimaryReplicaView)]) -> Option<&(u16, PrimaryReplicaView)> {
        let leads = |(_, detail): &&(u16, PrimaryReplicaView)| detail.role == Role::Primary;
        details.iter().find(leads).or_else(|| details.first())
    }
}

impl Protocol for Partitioned {
    type Message = Message;
    type Durable = Durable;
    type Config = Config;

    fn config(knobs: &Knobs, around: &Surroundings) -> Config {
        let members = around.members;
        let whole = PrimaryReplica::config(knobs, around);
        let store = whole.lease_store(members);
        let nodes: Vec<NodeId> = (0..members).map(NodeId::at).filter(|&node| Some(node) != store).collect();
        let copies =
            knobs.maybe_count("copies").map_or(nodes.len(), |copies| nodes.len().min(copies as usize));
        let first = nodes.iter().position(|&node| node == whole.first_primary).unwrap_or(0);
        let group = |partition: usize| {
            let holder = |nth: usize| nodes[(first + partition + nth) % nodes.len()];
            let mut holders: Vec<NodeId> = (0..copies).map(holder).collect();
            holders.sort_unstable();
            let holders = Some(holders.into());
            Arc::new(primary_replica::Config { first_primary: holder(0), holders, ..whole.clone() })
        };
        Config { partitions: (0..knobs.count("partitions") as usize).map(group).collect() }
    }

    fn boot(cx: &mut Context<'_, Self>, config: Arc<Config>, mut durable: Durable) -> Self {
        durable.partitions.resize_with(config.partitions.len(), Default::default);
        let mut effects = Vec::new();
        let mut groups = Vec::new();
        let mut is_started_said = false;
        for ((partition, of), durable) in config.numbered().zip(durable.partitions) {
            let group = of.has_part(cx.me, cx.members).then(|| {
                within(cx, partition, &mut effects, |inner| {
                    PrimaryReplica::boot(inner, Arc::clone(of), durable)
                })
            });
            groups.push(group);
        }
        cx.effects.retain(|effect| {
            let is_start = matches!(effect, Effect::Say(Line::Started { .. }));
            !is_start || !std::mem::replace(&mut is_started_said, true)
        });
        Partitioned { config, groups, effects }
    }

    fn step(&mut self, cx: &mut Context<'_, Self>, input: Input<Self>) {
        match input {
            Input::Message { from, message } => {
                self.pass(cx, message.partition, Input::Message { from, message: message.inner });
            }
            Input::Client(request) => {
                let partition = partition_of(request.key, self.partitions());
                if self.groups[usize::from(partition)].is_some() {
                    return self.pass(cx, partition, Input::Client(request));
                }
                let hint = Some(self.config.of(partition).first_primary);
                cx.effects.push(Effect::Reply(Reply { op: request.op, answer: Answer::NotPrimary { hint } }));
            }
            Input::Timer(Timer(number)) => {
                self.pass(cx, (number / TIMERS) as u16, Input::Timer(Timer(number % TIMERS)));
            }
            Input::Flushed { upto } => self.pass_to_all(cx, |_| Input::Flushed { upto }),
            Input::Fenced { target, is_done } => self.pass_to_all(cx, |_| Input::Fenced { target, is_done }),
            Input::Operator(Order::Configure(config)) => {
                self.config = Arc::clone(&config);
                self.pass_to_all(cx, |partition| {
                    Input::Operator(Order::Configure(Arc::clone(config.of(partition))))
                });
            }
            Input::Operator(Order::Promote) => self.pass_to_all(cx, |_| Input::Operator(Order::Promote)),
            Input::Operator(Order::Repair) => {}
            Input::Operator(Order::CancelWaits) => {
                self.pass_to_all(cx, |_| Input::Operator(Order::CancelWaits));
            }
            // Partitions are placed when a cluster begins.
            Input::Operator(Order::Remove { .. } | Order::TakePlaceOf { .. } | Order::Move { .. }) => {}
            Input::Operator(Order::HandOver { to }) => {
                for (partition, of) in Arc::clone(&self.config).numbered() {
                    if of.has_part(to, cx.members) {
                        self.pass(cx, partition, Input::Operator(Order::HandOver { to }));
                    }
                }
            }
        }
    }

    fn view(&self, now: VirtualTime) -> ReplicaView {
        let mut whole = ReplicaView::empty();
        let mut details = Vec::new();
        for (partition, group) in (0..).zip(&self.groups) {
            let Some(group) = group else { continue };
            let part = group.view(now);
            whole.keys.extend(part.keys);
            whole.keys_total += part.keys_total;
            whole.digest = whole.digest.wrapping_add(part.digest);
            if let ReplicaDetail::PrimaryReplica(detail) = part.detail {
                details.push((partition, *detail));
            }
        }
        whole.keys.sort_by_key(|row| std::cmp::Reverse(row.written_by));
        whole.keys.truncate(super::view::KEYS_SHOWN);
        let row = |(partition, detail): &(u16, PrimaryReplicaView)| PartitionView {
            partition: *partition,
            role: detail.role,
            term: detail.term,
            last_index: detail.last_index,
            commit_index: detail.commit_index,
        };
        let partitions = details.iter().map(row).collect();
        if let Some((partition, detail)) = Self::foremost(&details) {
            let detail = PrimaryReplicaView { partitions, partition: Some(*partition), ..detail.clone() };
            whole.detail = ReplicaDetail::PrimaryReplica(Box::new(detail));
        }
        whole
    }

    fn entries(&self, partition: Option<u16>, from: u64, to: u64) -> Vec<LogCell> {
        let group = partition.and_then(|partition| self.groups.get(usize::from(partition))?.as_ref());
        group.map_or(Vec::new(), |group| group.entries(None, from, to))
    }

    fn routing(config: &Config) -> Routing {
        let partitions = config.partitions.len() as u16;
        Routing { partitions, ..config.of(0).routing() }
    }

    fn owners(&self, key: Key) -> Vec<NodeId> {
        let partition = partition_of(key, self.partitions());
        match &self.groups[usize::from(partition)] {
            Some(group) => group.owners(key),
            None => vec![self.config.of(partition).first_primary],
        }
    }

    fn truth(nodes: &[Option<&Self>]) -> Truth {
        let partitions = nodes.iter().flatten().map(|node| node.groups.len()).max().unwrap_or(0);
        let group = |partition: usize| -> Vec<Option<&PrimaryReplica>> {
            nodes.iter().map(|node| node.and_then(|node| node.groups[partition].as_ref())).collect()
        };
        let truths: Vec<Truth> =
            (0..partitions).map(|partition| PrimaryReplica::truth(&group(partition))).collect();
        let survivors = truths.iter().filter_map(|truth| match &truth.survivors {
            Survivors::Log(remains) => Some(remains),
            Survivors::Merged(_) => None,
        });
        let mut whole = LogRemains::default();
        for remains in survivors {
            whole.ops.extend(&remains.ops);
            whole.replaced.extend(&remains.replaced);
        }
        let values = truths.iter().flat_map(|truth| truth.values.clone()).collect();
        Truth {
            values,
            survivors: Survivors::Log(whole),
            is_converged: truths.iter().all(|truth| truth.is_converged),
            keys_diverged: truths.iter().map(|truth| truth.keys_diverged).sum(),
            copies: truths.iter().map(|truth| truth.copies).max().unwrap_or(0),
            storage: truths.iter().map(|truth| truth.storage).fold(Storage::default(), Storage::and),
            lacking: (0..nodes.len())
                .map(|node| truths.iter().filter_map(|truth| truth.lacking[node]).reduce(|a, b| a + b))
                .collect(),
        }
    }

    fn holding(&self, sought: &Sought<'_>) -> Option<Holding> {
        let partition = partition_of(sought.key, self.partitions());
        self.groups[usize::from(partition)].as_ref()?.holding(sought)
    }

    fn place_of(version: Version) -> String {
        PrimaryReplica::place_of(version)
    }
}
