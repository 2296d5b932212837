//! Single inputs, whole lists of effects.

use super::super::timers::{Alarm, timer};
use super::super::*;
use super::{config, request};
use crate::base::data::Data;
use crate::base::ids::{OpId, Value, Version};
use crate::base::operation::{Doubt, Refusal};
use crate::base::random::Stream;
use crate::base::time::{Span, WallTime};
use crate::protocol::kit::swim::{self, News};
use crate::protocol::view::{PeerStatus, ReplicaDetail};
use crate::protocol::{DiskPosition, Effect, Ghost, Timer};

const N1: NodeId = NodeId(0);
const N2: NodeId = NodeId(1);
const N3: NodeId = NodeId(2);
const N4: NodeId = NodeId(3);
const N5: NodeId = NodeId(4);
/// Owned by n1, n2, n3.
const KEY: Key = Key(0);

/// One node of five, an instant at a time.
struct Bench {
    node: PeerToPeer,
    me: NodeId,
    now: VirtualTime,
    random: Stream,
    appended: DiskPosition,
    is_disk_full: bool,
}

impl Bench {
    fn new(me: NodeId, changes: &[(&str, &str)]) -> Bench {
        let mut random = Stream::new(1, "test");
        let mut appended = DiskPosition(0);
        let mut effects = Vec::new();
        let mut cx = context(me, VirtualTime::ZERO, false, &mut random, &mut appended, &mut effects);
        let node = PeerToPeer::boot(&mut cx, Arc::new(config(5, changes, 1)), Durable::default());
        Bench { node, me, now: VirtualTime::ZERO, random, appended, is_disk_full: false }
    }

    fn step(&mut self, input: Input<PeerToPeer>) -> Vec<Effect<PeerToPeer>> {
        let mut effects = Vec::new();
        let (now, is_full) = (self.now, self.is_disk_full);
        let mut cx = context(self.me, now, is_full, &mut self.random, &mut self.appended, &mut effects);
        self.node.step(&mut cx, input);
        effects
    }

    fn ask(&mut self, op: u32, action: Action) -> Vec<Effect<PeerToPeer>> {
        self.step(Input::Client(request(op, KEY, action)))
    }

    fn hear(&mut self, from: NodeId, message: Message) -> Vec<Effect<PeerToPeer>> {
        self.step(Input::Message { from, message })
    }

    /// Lets `span` pass and the timer of the first request run out.
    fn wake(&mut self, alarm: Alarm, span: Span) -> Vec<Effect<PeerToPeer>> {
        self.now += span;
        self.step(Input::Timer(timer(alarm)))
    }

    fn flushed(&mut self) -> Vec<Effect<PeerToPeer>> {
        self.step(Input::Flushed { upto: self.appended })
    }

    /// Makes the node believe `peers` down.
    fn lose(&mut self, peers: &[NodeId]) {
        let news = |&about| News { about, status: PeerStatus::Down, incarnation: 0, from: N4 };
        let news = peers.iter().map(news).collect();
        self.hear(N4, Message::Swim(swim::Message::Gossip { news }));
    }

    /// Makes the node hold what `op` wrote at `stamp`.
    fn hold(&mut self, cell: Object) {
        self.hear(N5, Message::Write(Write { request: RequestId(1), ..write_of(&cell) }));
        self.flushed();
    }
}

fn context<'a>(
    me: NodeId,
    now: VirtualTime,
    disk_full: bool,
    random: &'a mut Stream,
    appended: &'a mut DiskPosition,
    effects: &'a mut Vec<Effect<PeerToPeer>>,
) -> Cx<'a> {
    let wall = WallTime(now.0 as i64);
    Context { me, members: 5, now, wall, disk_full, incarnation: 1, random, appended, effects }
}

/// The first request of a node's first life.
const FIRST: RequestId = RequestId((1 << 32) + 1);
/// The timestamp of a write at the beginning of the world.
const ZERO: u64 = 1 << 37;

fn cell(stamp: u64, node: NodeId, op: u32) -> Object {
    Object::Latest(Cell::new(stamp, node, Some(Data::One(Value(op))), OpId(op)))
}

fn write_of(object: &Object) -> Write {
    let object = object.clone();
    Write {
        request: FIRST,
        key: KEY,
        object,
        hint_for: None,
        purpose: Purpose::Client,
        ring: Epoch::default(),
    }
}

fn send(to: NodeId, message: Message) -> Effect<PeerToPeer> {
    Effect::Send { to, message }
}

fn reply(op: u32, answer: Answer) -> Effect<PeerToPeer> {
    Effect::Reply(crate::base::operation::Reply { op: OpId(op), answer })
}

fn set(alarm: Alarm, millis: u64) -> Effect<PeerToPeer> {
    Effect::SetTimer { timer: timer(alarm), after: Span::millis(millis) }
}

fn cancel(alarm: Alarm) -> Effect<PeerToPeer> {
    Effect::CancelTimer(timer(alarm))
}

fn ack(purpose: Purpose, hint_for: Option<NodeId>) -> Message {
    Message::WriteAck(WriteAck { request: FIRST, hint_for, purpose })
}

fn ask_for(mode: ReadMode) -> Message {
    Message::Read { request: FIRST, key: KEY, mode, ring: Epoch::default() }
}

fn told(known: Known) -> Message {
    Message::ReadReply { request: FIRST, known }
}

fn found(object: &Object) -> Answer {
    Answer::Found(Some(object.found(false)))
}

#[test]
fn a_strict_write_goes_to_all_owners_and_is_acknowledged_by_the_second_flush() {
    let mut bench = Bench::new(N1, &[]);
    let cell = cell(ZERO, N1, 7);
    let begun = bench.ask(7, Action::write(Value(7)));
    assert_eq!(
        begun,
        [
            set(Alarm::Write(FIRST), 300),
            Effect::Append(Record::Object { key: KEY, object: cell.clone() }),
            Effect::Flush,
            send(N2, Message::Write(write_of(&cell))),
            send(N3, Message::Write(write_of(&cell))),
        ]
    );
    assert_eq!(bench.hear(N2, ack(Purpose::Client, None)), []);
    assert_eq!(bench.flushed(), [reply(7, Answer::Written(Version(ZERO << 8).into()))]);
    assert_eq!(bench.hear(N3, ack(Purpose::Client, None)), [cancel(Alarm::Write(FIRST))]);
}

#[test]
fn a_replica_acknowledges_only_after_its_flush() {
    let mut bench = Bench::new(N2, &[]);
    let cell = cell(ZERO, N1, 7);
    let taken = bench.hear(N1, Message::Write(write_of(&cell)));
    assert_eq!(taken, [Effect::Append(Record::Object { key: KEY, object: cell.clone() }), Effect::Flush]);
    assert_eq!(bench.hear(N3, ask_for(ReadMode::Data)), [send(N3, told(Known::Data(Some(cell.clone()))))]);
    assert_eq!(bench.flushed(), [send(N1, ack(Purpose::Client, None))]);
}

#[test]
fn too_few_owners_believed_up_refuse_both_and_send_nothing() {
    let mut bench = Bench::new(N4, &[]);
    bench.lose(&[N1, N2]);
    for (op, action, is_write) in [(1, Action::write(Value(1)), true), (2, Action::Read, false)] {
        let line = Line::Unavailable { key: KEY, is_write, need: 2, alive: 1 };
        let refused = reply(op, Answer::Refused(Refusal::Unavailable));
        assert_eq!(bench.ask(op, action), [Effect::Say(line), refused]);
    }
}

#[test]
fn a_write_without_its_quorum_is_uncertain_and_leaves_hints_for_the_missing() {
    let mut bench = Bench::new(N4, &[]);
    bench.ask(7, Action::write(Value(7)));
    bench.hear(N1, ack(Purpose::Client, None));
    let expired = bench.wake(Alarm::Write(FIRST), Span::millis(300));
    let hint = |number: u64, target| {
        let hint = Hint { number: (1 << 32) + number, key: KEY, object: cell(ZERO, N4, 7) };
        Effect::Append(Record::Hint { target, hint })
    };
    let stored = |target| Effect::Say(Line::HintStore { target, queued: 1, bytes: 288 });
    let line = Line::QuorumTimeout { key: KEY, is_write: true, got: 1, need: 2 };
    assert_eq!(
        expired,
        [
            hint(1, N2),
            Effect::Ghost(Ghost::HintBytes(288)),
            stored(N2),
            set(Alarm::Replay(N2), 300),
            Effect::Flush,
            hint(2, N3),
            Effect::Ghost(Ghost::HintBytes(576)),
            stored(N3),
            set(Alarm::Replay(N3), 300),
            Effect::Flush,
            Effect::Say(line),
            reply(7, Answer::Uncertain(Doubt::QuorumTimeout)),
        ]
    );
    assert_eq!(bench.hear(N2, ack(Purpose::Client, None)), [], "too late");
}

#[test]
fn a_strict_coordinator_keeps_a_hint_for_an_owner_believed_down_and_does_not_count_it() {
    let mut bench = Bench::new(N4, &[]);
    bench.lose(&[N3]);
    let cell = cell(ZERO, N4, 7);
    let hint = Hint { number: (1 << 32) + 1, key: KEY, object: cell.clone() };
    assert_eq!(
        bench.ask(7, Action::write(Value(7))),
        [
            set(Alarm::Write(FIRST), 300),
            send(N1, Message::Write(write_of(&cell))),
            send(N2, Message::Write(write_of(&cell))),
            Effect::Append(Record::Hint { target: N3, hint }),
            Effect::Ghost(Ghost::HintBytes(288)),
            Effect::Say(Line::HintStore { target: N3, queued: 1, bytes: 288 }),
            Effect::Flush,
        ]
    );
    assert_eq!(bench.flushed(), []);
    assert_eq!(bench.hear(N1, ack(Purpose::Client, None)), []);
    let last = bench.hear(N2, ack(Purpose::Client, None));
    assert_eq!(last, [reply(7, Answer::Written(cell.version().into())), cancel(Alarm::Write(FIRST))]);
}

#[test]
fn a_sloppy_write_asks_fallbacks_for_the_dead_at_once_and_for_the_silent_after_a_while() {
    let mut bench = Bench::new(N1, &[("quorum", "sloppy"), ("w", "3")]);
    bench.lose(&[N2]);
    let cell = cell(ZERO, N1, 7);
    let for_owner = |owner| Message::Write(Write { hint_for: Some(owner), ..write_of(&cell) });
    assert_eq!(
        bench.ask(7, Action::write(Value(7))),
        [
            set(Alarm::Write(FIRST), 50),
            Effect::Append(Record::Object { key: KEY, object: cell.clone() }),
            Effect::Flush,
            send(N4, for_owner(N2)),
            send(N3, Message::Write(write_of(&cell))),
        ]
    );
    assert_eq!(bench.flushed(), []);
    assert_eq!(bench.hear(N4, ack(Purpose::Client, Some(N2))), []);
    let later = bench.wake(Alarm::Write(FIRST), Span::millis(50));
    assert_eq!(later, [set(Alarm::Write(FIRST), 50), send(N5, for_owner(N3))]);
    assert_eq!(
        bench.hear(N5, ack(Purpose::Client, Some(N3))),
        [reply(7, Answer::Written(cell.version().into())), cancel(Alarm::Write(FIRST))]
    );
}

#[test]
fn a_fallback_keeps_a_hint_instead_of_a_copy_and_serves_it() {
    let mut bench = Bench::new(N4, &[("quorum", "sloppy")]);
    bench.lose(&[N2]);
    let cell = cell(ZERO, N1, 7);
    let hint = Hint { number: (1 << 32) + 1, key: KEY, object: cell.clone() };
    let taken = bench.hear(N1, Message::Write(Write { hint_for: Some(N2), ..write_of(&cell) }));
    assert_eq!(
        taken,
        [
            Effect::Append(Record::Hint { target: N2, hint }),
            Effect::Ghost(Ghost::HintBytes(288)),
            Effect::Say(Line::HintStore { target: N2, queued: 1, bytes: 288 }),
            Effect::Flush,
        ]
    );
    assert_eq!(bench.flushed(), [send(N1, ack(Purpose::Client, Some(N2)))]);
    assert_eq!(bench.node.store.len(), 0);
    assert_eq!(bench.hear(N1, ask_for(ReadMode::Data)), [send(N1, told(Known::Data(Some(cell.clone()))))]);
}

#[test]
fn equal_digests_answer_a_read() {
    let mut bench = Bench::new(N4, &[]);
    let asked = bench.ask(7, Action::Read);
    let (data, hash) = (ask_for(ReadMode::Data), ask_for(ReadMode::Digest));
    assert_eq!(asked, [send(N1, data), send(N2, hash), set(Alarm::Read(FIRST), 75)]);
    let cell = cell(ZERO, N1, 3);
    assert_eq!(bench.hear(N2, told(Known::Digest(cell.digest(KEY)))), []);
    let last = bench.hear(N1, told(Known::Data(Some(cell.clone()))));
    assert_eq!(last, [reply(7, found(&cell)), cancel(Alarm::Read(FIRST))]);
}

#[test]
fn a_digest_that_differs_is_resolved_and_the_answer_waits_for_the_repair() {
    let mut bench = Bench::new(N4, &[]);
    bench.ask(7, Action::Read);
    let (old, new) = (cell(ZERO, N1, 3), cell(ZERO + 9, N2, 4));
    bench.hear(N1, told(Known::Data(Some(old.clone()))));
    let differs = bench.hear(N2, told(Known::Digest(new.digest(KEY))));
    assert_eq!(differs, [send(N2, ask_for(ReadMode::Data))]);
    let merged = bench.hear(N2, told(Known::Data(Some(new.clone()))));
    let line = Line::ReadRepair { key: KEY, stale: N1, is_blocking: true };
    let repair = Write { purpose: Purpose::Repair, ..write_of(&new) };
    assert_eq!(merged, [Effect::Say(line), send(N1, Message::Write(repair))]);
    let repaired = bench.hear(N1, ack(Purpose::Repair, None));
    assert_eq!(repaired, [reply(7, found(&new)), cancel(Alarm::Read(FIRST))]);
}

#[test]
fn without_repair_a_read_answers_the_newest_and_tells_nobody() {
    let mut bench = Bench::new(N4, &[("read_repair", "none")]);
    bench.ask(7, Action::Read);
    let new = cell(ZERO + 9, N2, 4);
    bench.hear(N1, told(Known::Data(None)));
    bench.hear(N2, told(Known::Digest(new.digest(KEY))));
    let answered = bench.hear(N2, told(Known::Data(Some(new.clone()))));
    assert_eq!(answered, [reply(7, found(&new)), cancel(Alarm::Read(FIRST))]);
}

#[test]
fn a_read_asks_one_more_owner_when_patience_runs_out_and_gives_up_at_the_end() {
    let mut bench = Bench::new(N1, &[]);
    assert_eq!(
        bench.ask(7, Action::Read),
        [send(N2, ask_for(ReadMode::Digest)), set(Alarm::Read(FIRST), 75)],
        "its own copy is at hand"
    );
    let wake = |bench: &mut Bench| bench.wake(Alarm::Read(FIRST), Span::millis(75));
    assert_eq!(wake(&mut bench), [set(Alarm::Read(FIRST), 75), send(N3, ask_for(ReadMode::Data))]);
    assert_eq!(wake(&mut bench), [set(Alarm::Read(FIRST), 75)]);
    assert_eq!(wake(&mut bench), [set(Alarm::Read(FIRST), 75)]);
    let line = Line::QuorumTimeout { key: KEY, is_write: false, got: 1, need: 2 };
    let uncertain = reply(7, Answer::Uncertain(Doubt::QuorumTimeout));
    assert_eq!(wake(&mut bench), [Effect::Say(line), uncertain]);
}

#[test]
fn a_write_that_is_older_than_what_its_coordinator_holds_is_dropped_with_a_line() {
    let mut bench = Bench::new(N1, &[("w", "1")]);
    bench.hold(cell(ZERO + 500_000, N2, 3));
    let begun = bench.ask(7, Action::write(Value(7)));
    let line = Line::LwwDrop { key: KEY, stored_is_newer_by: Span::millis(500) };
    let ghost = Ghost::Discarded { key: KEY, winner: OpId(3), loser: OpId(7) };
    assert_eq!(begun[1..3], [Effect::Ghost(ghost), Effect::Say(line)]);
    assert_eq!(
        begun[3],
        reply(7, Answer::Written(Version(ZERO << 8).into())),
        "nothing to flush: acknowledged at once"
    );
}

#[test]
fn a_full_disk_refuses_where_the_coordinator_owns_the_key_and_silences_its_replica() {
    let mut bench = Bench::new(N1, &[]);
    bench.is_disk_full = true;
    let refused = reply(7, Answer::Refused(Refusal::DiskFull));
    assert_eq!(bench.ask(7, Action::write(Value(7))), [Effect::Say(Line::DiskFull), refused]);
    let taken = bench.hear(N2, Message::Write(write_of(&cell(ZERO, N2, 8))));
    assert_eq!(taken, [Effect::Say(Line::DiskFull)]);
    assert_eq!(bench.flushed(), []);
    let mut elsewhere = Bench::new(N4, &[]);
    elsewhere.is_disk_full = true;
    assert_eq!(elsewhere.ask(7, Action::write(Value(7))).len(), 4, "a timer and three owners to tell");
}

#[test]
fn a_delete_is_a_write_of_a_tombstone() {
    let mut bench = Bench::new(N4, &[]);
    let begun = bench.ask(7, Action::Change(crate::base::data::Change::Delete));
    let tombstone = Object::Latest(Cell::new(ZERO, N4, None, OpId(7)));
    assert_eq!(begun[0], Effect::Say(Line::Tombstone { key: KEY }));
    assert_eq!(begun[2], send(N1, Message::Write(write_of(&tombstone))));
}

#[test]
fn a_node_hears_a_suspicion_of_itself_and_refutes_it() {
    let mut bench = Bench::new(N1, &[]);
    let doubt = News { about: N1, status: PeerStatus::Suspect, incarnation: 0, from: N3 };
    let ping = swim::Message::Ping { sequence: 5, news: [doubt].into() };
    let alive = News { about: N1, status: PeerStatus::Alive, incarnation: 1, from: N1 };
    let answer = swim::Message::Ack { sequence: 5, news: [alive].into() };
    assert_eq!(
        bench.hear(N3, Message::Swim(ping)),
        [Effect::Say(Line::Refute { by: N3, from: 0, to: 1 }), send(N3, Message::Swim(answer))]
    );
}

#[test]
fn anyone_asked_for_the_primary_names_itself() {
    let mut bench = Bench::new(N4, &[]);
    let hint = Some(N4);
    assert_eq!(bench.ask(7, Action::Locate), [reply(7, Answer::NotPrimary { hint })]);
    assert_eq!(bench.step(Input::Timer(Timer(0))), [], "a timer of no kind");
}

#[test]
fn a_view_shows_the_oldest_requests_the_newest_keys_and_the_opinions() {
    let mut bench = Bench::new(N4, &[]);
    bench.lose(&[N3]);
    bench.hold(cell(ZERO, N5, 50));
    (1..=6).for_each(|op| drop(bench.ask(op, Action::write(Value(op)))));
    (7..=12).for_each(|op| drop(bench.ask(op, Action::Read)));
    let view = bench.node.view(bench.now);
    assert_eq!((view.keys_total, view.keys[0].written_by), (1, OpId(50)));
    let ReplicaDetail::PeerToPeer(detail) = view.detail else { panic!("a peer-to-peer view") };
    assert_eq!(
        detail.pending.iter().map(|pending| pending.op.0).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6, 7, 8]
    );
    assert_eq!((detail.pending_total, detail.ring_permille, detail.tokens), (12, 200, 1));
    assert_eq!((detail.hints[0].target, detail.hints[0].count), (N3, 6));
    let opinions: Vec<_> = detail.opinions.iter().map(|opinion| (opinion.node, opinion.status)).collect();
    assert_eq!(opinions, [(N3, PeerStatus::Down)], "of the others it thinks nothing but good");
}
