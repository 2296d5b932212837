//! Moments of one node (whole lists of effects), stories of a cluster, random schedules of faults.

mod elections;
mod network;
mod reads;
mod replicas;
mod schedules;
mod stories;
mod writes;

use super::{Config, Context, Durable, Message, PrimaryReplica, Record};
use crate::base::data::Change;
use crate::base::ids::{ClientId, Key, NodeId, OpId, Value};
use crate::base::knob::{Knobs, Profile, Topology};
use crate::base::operation::{Action, Request};
use crate::base::random::Stream;
use crate::base::time::{Span, VirtualTime, WallTime};
use crate::protocol::kit::log::{Content, Entry, Epoch, Position, Write};
use crate::protocol::{DiskPosition, Effect, Input, Protocol, Traffic};
use std::sync::Arc;

pub(super) type Effects = Vec<Effect<PrimaryReplica>>;

/// An entry of the `term` that n1 opened in its first life.
pub(super) fn entry(term: u64, write: Option<Write>) -> Entry {
    let content = write.map_or(Content::Opening, Content::Write);
    Entry { epoch: Epoch::new(term, NodeId(0), 1), written_at: VirtualTime::ZERO, content }
}

/// Such an entry, written by operation `op`, which is also its number in the session of c1 and its value.
pub(super) fn write_of(term: u64, op: u32, key: u32) -> Entry {
    let write = Write {
        op: OpId(op),
        client: ClientId(0),
        sequence: op,
        key: Key(key),
        change: Change::Write(Value(op).into()),
    };
    entry(term, Some(write))
}

/// The demo defaults with these knobs changed.
pub(super) fn config(changes: &[(&str, &str)]) -> Arc<Config> {
    let mut knobs = Knobs::defaults(Topology::PrimaryReplica, Profile::Demo);
    let find = |name: &str| name.strip_prefix('n')?.parse::<u16>().ok().map(|number| NodeId(number - 1));
    for (key, text) in changes {
        knobs.set(key, text, &find).expect("tests turn knobs that exist");
    }
    Arc::new(Config::new(&knobs))
}

/// The write of `op` by c1, whose number in the session it is, to the key of the same number.
pub(super) fn request(op: u32, action: Action) -> Request {
    Request {
        op: OpId(op),
        client: ClientId(0),
        sequence: op,
        key: Key(op),
        action,
        token: None,
        stamped: WallTime(0),
        level: None,
        context: None,
    }
}

/// The request that makes [`write_of`] with key and value like `op`.
pub(super) fn write(op: u32) -> Input<PrimaryReplica> {
    Input::Client(request(op, Action::write(Value(op))))
}

/// One node without a world: takes inputs, shows effects.
#[derive(Clone)]
pub(super) struct Bench {
    pub(super) node: PrimaryReplica,
    pub(super) now: VirtualTime,
    pub(super) wall: WallTime,
    pub(super) is_disk_full: bool,
    me: NodeId,
    members: usize,
    incarnation: u32,
    random: Stream,
    appended: DiskPosition,
}

impl Bench {
    /// Boots `me` of `members`; gives the effects of that as well.
    pub(super) fn boot(
        (me, members, incarnation): (u16, usize, u32),
        config: Arc<Config>,
        durable: Durable,
        now: VirtualTime,
    ) -> (Bench, Effects) {
        let mut random = Stream::new(u64::from(incarnation), &format!("timer:{me}"));
        let (mut appended, mut effects) = (DiskPosition(0), Vec::new());
        let mut cx = Context {
            me: NodeId(me),
            members,
            now,
            wall: WallTime(0),
            disk_full: false,
            incarnation,
            random: &mut random,
            appended: &mut appended,
            effects: &mut effects,
        };
        let node = PrimaryReplica::boot(&mut cx, config, durable);
        let me = NodeId(me);
        (
            Bench {
                node,
                now,
                wall: WallTime(0),
                is_disk_full: false,
                me,
                members,
                incarnation,
                random,
                appended,
            },
            effects,
        )
    }

    /// One of three nodes with these knobs in its first life, everything it appended flushed. n1 is primary.
    pub(super) fn of_three(me: u16, changes: &[(&str, &str)]) -> Bench {
        let (mut bench, _) = Bench::boot((me, 3, 1), config(changes), Durable::default(), VirtualTime::ZERO);
        bench.flush();
        bench
    }

    pub(super) fn step(&mut self, input: Input<PrimaryReplica>) -> Effects {
        let mut effects = Vec::new();
        let mut cx = Context {
            me: self.me,
            members: self.members,
            now: self.now,
            wall: self.wall,
            disk_full: self.is_disk_full,
            incarnation: self.incarnation,
            random: &mut self.random,
            appended: &mut self.appended,
            effects: &mut effects,
        };
        self.node.step(&mut cx, input);
        effects
    }

    /// Everything appended so far is flushed.
    pub(super) fn flush(&mut self) -> Effects {
        let upto = self.appended;
        self.step(Input::Flushed { upto })
    }

    pub(super) fn hear(&mut self, from: u16, message: Message) -> Effects {
        self.step(Input::Message { from: NodeId(from), message })
    }

    pub(super) fn wait(&mut self, span: Span) {
        self.now += span;
    }
}

/// The reign that n1 opened at the beginning.
pub(super) fn first_epoch() -> Epoch {
    Epoch::new(1, NodeId(0), 1)
}

/// A place in that reign.
pub(super) fn at(index: u64) -> Position {
    Position { epoch: if index == 0 { Epoch::default() } else { first_epoch() }, index }
}

/// What n1 ships in that reign.
pub(super) fn append(prev: u64, entries: &[Entry], commit: u64) -> Message {
    let traffic = if entries.is_empty() { Traffic::Background } else { Traffic::Write };
    let Message::Append(append) = append_of(first_epoch(), at(prev), entries) else {
        unreachable!("it makes nothing else")
    };
    Message::Append(super::message::Append { commit, traffic, ..append })
}

/// What the primary of any reign ships, its clock at zero and nothing left to ship.
pub(super) fn append_of(epoch: Epoch, prev: Position, entries: &[Entry]) -> Message {
    let (commit, round, complete_at) = (0, 0, Some(WallTime(0)));
    let traffic = Traffic::Background;
    Message::Append(super::message::Append {
        epoch,
        prev,
        entries: entries.into(),
        commit,
        round,
        complete_at,
        way: 0,
        relay: Arc::default(),
        traffic,
    })
}

/// What a replica in its first life answers: written, flushed, applied.
pub(super) fn ack(traffic: Traffic, [written, flushed, applied]: [u64; 3]) -> Message {
    let epoch = first_epoch();
    Message::Ack(super::message::Ack {
        epoch,
        life: 1,
        written,
        flushed,
        applied,
        round: 0,
        by_way: (0, 0),
        traffic,
    })
}

pub(super) fn send(to: u16, message: Message) -> Effect<PrimaryReplica> {
    Effect::Send { to: NodeId(to), message }
}

pub(super) fn record(entry: Entry) -> Effect<PrimaryReplica> {
    Effect::Append(Record::Append(entry))
}
