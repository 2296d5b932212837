//! Moments of reads under each rule.

use super::super::message::{Ack, Append, Message};
use super::super::{HEARTBEAT, READS};
use super::{Bench, ack, append, append_of, at, entry, request, write, write_of};
use crate::base::ids::{NodeId, OpId, Version};
use crate::base::operation::{Action, Answer, Refusal, Request};
use crate::base::time::{Span, WallTime};
use crate::protocol::kit::log::{Content, Epoch, Write};
use crate::protocol::{Effect, Input, Traffic};

/// What is answered to a read of the key that `write(op)` writes; `None` if nothing yet.
fn read(bench: &mut Bench, op: u32) -> Option<Answer> {
    answer(&bench.step(Input::Client(Request { op: OpId(90), ..request(op, Action::Read) })))
}

fn answer(effects: &super::Effects) -> Option<Answer> {
    let is_read = |effect: &Effect<_>| match effect {
        Effect::Reply(reply) if reply.op == OpId(90) => Some(reply.answer.clone()),
        _ => None,
    };
    effects.iter().find_map(is_read)
}

fn found(answer: Option<Answer>) -> Option<OpId> {
    match answer {
        Some(Answer::Found(found)) => found.map(|found| found.written_by),
        other => panic!("something was to be found, not {other:?}"),
    }
}

/// A replica's acknowledgement that returns `round`.
fn confirm(positions: [u64; 3], round: u64) -> Message {
    let Message::Ack(ack) = ack(Traffic::Read, positions) else { unreachable!("it makes nothing else") };
    Message::Ack(Ack { round, ..ack })
}

fn primary(changes: &[(&str, &str)]) -> Bench {
    let mut primary = Bench::of_three(0, &[changes, &[("ack", "majority")]].concat());
    primary.hear(1, ack(Traffic::Background, [1, 1, 1]));
    primary
}

#[test]
fn a_lease_holds_by_the_primarys_own_clock_and_ends_before_anyone_else_can_be_elected() {
    let mut primary = primary(&[("read", "primary-lease")]);
    let refused = Some(Answer::Refused(Refusal::NoQuorum));
    assert_eq!(read(&mut primary, 5), refused, "nobody has confirmed anything yet");
    primary.step(Input::Timer(HEARTBEAT));
    primary.hear(2, confirm([1, 1, 1], 1));
    assert_eq!(read(&mut primary, 5), Some(Answer::Found(None)));
    primary.wall = WallTime(449_999);
    assert_eq!(read(&mut primary, 5), Some(Answer::Found(None)), "500 ms less the margin of 50 ms");
    primary.wall = WallTime(450_000);
    assert_eq!(read(&mut primary, 5), refused);
    primary.wall = WallTime(-2_000_000);
    assert_eq!(
        read(&mut primary, 5),
        Some(Answer::Found(None)),
        "a clock set back makes it believe for longer"
    );
}

#[test]
fn a_new_primary_shows_nothing_until_its_own_entry_is_committed() {
    let mut primary = Bench::of_three(0, &[("ack", "majority")]);
    assert_eq!(read(&mut primary, 5), None, "what its predecessor acknowledged may not be applied here yet");
    assert_eq!(answer(&primary.hear(1, confirm([1, 1, 1], 0))), Some(Answer::Found(None)));
    let mut shipping = Bench::of_three(0, &[("ack", "async")]);
    assert_eq!(read(&mut shipping, 5), Some(Answer::Found(None)), "who applies what it receives has it all");
}

#[test]
fn an_indexed_read_waits_for_a_round_that_began_after_it() {
    let mut primary = primary(&[("read", "read-index")]);
    primary.step(Input::Timer(HEARTBEAT));
    let effects = primary.step(Input::Client(Request { op: OpId(90), ..request(5, Action::Read) }));
    let asks = |to: u16| {
        let is_round_2 = |effect: &&Effect<_>| matches!(effect, Effect::Send { to: NodeId(there), message: Message::Append(Append { round: 2, .. }) } if *there == to);
        effects.iter().find(is_round_2).is_some()
    };
    assert!(asks(1) && asks(2), "{effects:?}");
    assert_eq!(answer(&primary.hear(1, confirm([1, 1, 1], 1))), None, "round 1 began before the read");
    assert_eq!(answer(&primary.hear(1, confirm([1, 1, 1], 2))), Some(Answer::Found(None)));
}

#[test]
fn indexed_reads_that_come_during_a_round_share_the_next() {
    let mut primary = primary(&[("read", "read-index")]);
    let ask = |op| Input::Client(Request { op: OpId(op), ..request(5, Action::Read) });
    primary.step(ask(80));
    assert_eq!(primary.step(ask(90)), [], "one round is on its way");
    let effects = primary.hear(2, confirm([1, 1, 1], 1));
    assert_eq!(answer(&effects), None);
    assert!(effects.iter().any(|effect| matches!(
        effect,
        Effect::Send { message: Message::Append(Append { round: 2, .. }), .. }
    )));
    assert_eq!(answer(&primary.hear(2, confirm([1, 1, 1], 2))), Some(Answer::Found(None)));
}

#[test]
fn an_indexed_read_shows_whatever_was_acknowledged_before_it() {
    let mut primary = Bench::of_three(0, &[("ack", "async"), ("read", "read-index")]);
    primary.hear(1, ack(Traffic::Background, [1, 1, 1]));
    primary.step(write(5));
    primary.flush();
    assert_eq!(read(&mut primary, 5), None);
    assert_eq!(found(answer(&primary.hear(2, confirm([1, 1, 1], 1)))), Some(OpId(5)));
}

#[test]
fn a_primary_that_steps_down_sends_its_readers_on() {
    let mut primary = primary(&[("read", "read-index")]);
    read(&mut primary, 5);
    let effects = primary.hear(2, append_of(Epoch::new(2, NodeId(2), 1), at(1), &[]));
    assert_eq!(answer(&effects), Some(Answer::NotPrimary { hint: None }));
}

#[test]
fn a_committed_read_shows_what_a_majority_has_and_no_more() {
    let mut replica = Bench::of_three(1, &[("ack", "async"), ("read", "majority-committed")]);
    let mut newer = write_of(1, 6, 5);
    newer.content = Content::Write(Write {
        change: crate::base::data::Change::Delete,
        ..newer.write().expect("a write").clone()
    });
    replica.hear(0, append(0, &[entry(1, None), write_of(1, 5, 5), newer], 2));
    assert_eq!(replica.node.store.applied(), 3, "the delete is applied");
    assert_eq!(found(read(&mut replica, 5)), Some(OpId(5)), "and not shown");
    replica.hear(0, append(3, &[], 3));
    assert_eq!(found(read(&mut replica, 5)), Some(OpId(6)));
}

#[test]
fn a_bounded_read_is_served_by_who_is_fresh_enough() {
    let mut replica = Bench::of_three(1, &[("ack", "async"), ("read", "bounded"), ("read_bound", "500ms")]);
    let away = Some(Answer::NotPrimary { hint: Some(NodeId(0)) });
    assert_eq!(read(&mut replica, 5), away, "it knows nothing of its own age");
    replica.hear(0, append(0, &[entry(1, None), write_of(1, 5, 5)], 0));
    replica.wall = WallTime(500_000);
    assert_eq!(found(read(&mut replica, 5)), Some(OpId(5)));
    replica.wall = WallTime(500_001);
    assert_eq!(read(&mut replica, 5), away);
    let Message::Append(part) = append(2, &[write_of(1, 6, 6)], 0) else {
        unreachable!("it makes nothing else")
    };
    replica.hear(0, Message::Append(Append { complete_at: None, ..part }));
    assert_eq!(read(&mut replica, 5), away, "a part of what the primary has makes nobody fresh");
}

#[test]
fn a_session_waits_for_its_place_in_the_log_and_then_looks_for_the_primary() {
    let mut replica = Bench::of_three(1, &[("ack", "async"), ("read", "token")]);
    replica.hear(0, append(0, &[entry(1, None)], 0));
    let ask = |term: u64, index: u64| {
        let token = Some(Version(term << 40 | index));
        Input::Client(Request { op: OpId(90), token, ..request(5, Action::Read) })
    };
    assert_eq!(answer(&replica.step(ask(1, 2))), None);
    assert_eq!(found(answer(&replica.hear(0, append(1, &[write_of(1, 5, 5)], 0)))), Some(OpId(5)));
    assert_eq!(answer(&replica.step(ask(1, 3))), None);
    replica.wait(Span::millis(200));
    let away = Some(Answer::NotPrimary { hint: Some(NodeId(0)) });
    assert_eq!(answer(&replica.step(Input::Timer(READS))), away);
}

#[test]
fn a_session_whose_place_is_not_in_the_history_is_told() {
    let mut primary = Bench::of_three(0, &[("ack", "async"), ("read", "token")]);
    let lost = Some(Answer::Refused(Refusal::SessionLost));
    let ask = |term: u64, index: u64| {
        let token = Some(Version(term << 40 | index));
        Input::Client(Request { op: OpId(90), token, ..request(5, Action::Read) })
    };
    assert_eq!(answer(&primary.step(ask(1, 9))), lost, "the primary's log is the history");
    let mut replica = Bench::of_three(1, &[("ack", "async"), ("read", "token")]);
    let opening = crate::protocol::kit::log::Entry { epoch: Epoch::new(3, NodeId(2), 1), ..entry(3, None) };
    replica.hear(2, append_of(Epoch::new(3, NodeId(2), 1), at(0), &[opening]));
    assert_eq!(answer(&replica.step(ask(2, 1))), lost, "term 3 stands where term 2 was");
    assert_eq!(answer(&replica.step(ask(4, 1))), None, "a later term may still come");
}
