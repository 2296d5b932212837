//! Moments of a primary that is asked to write: what it wants done, in the order in which it says so.

use super::super::{HEARTBEAT, Record};
use super::{Bench, Effects, ack, append, append_of, at, entry, record, request, send, write, write_of};
use crate::base::ids::{NodeId, OpId, Version};
use crate::base::line::Line;
use crate::base::operation::{Action, Answer, Doubt, Refusal, Reply};
use crate::base::time::Span;
use crate::protocol::kit::log::Epoch;
use crate::protocol::{Effect, Ghost, Input, Order, Progress, Traffic};

/// A primary whose opening entry both replicas have: entry 2 is the first write.
fn primary(changes: &[(&str, &str)]) -> Bench {
    let mut primary = Bench::of_three(0, changes);
    for replica in [1, 2] {
        primary.hear(replica, ack(Traffic::Background, [1, 1, 1]));
    }
    primary
}

fn has_flushed(primary: &mut Bench, replica: u16, index: u64) -> Effects {
    primary.hear(replica, ack(Traffic::Write, [index; 3]))
}

fn reply(op: u32, answer: Answer) -> Effect<super::PrimaryReplica> {
    Effect::Reply(Reply { op: OpId(op), answer })
}

fn written(op: u32, index: u64) -> Effect<super::PrimaryReplica> {
    reply(op, Answer::Written(Version(1 << 40 | index).into()))
}

fn committed(index: u64) -> Effect<super::PrimaryReplica> {
    Effect::Ghost(Ghost::Log { partition: 0, progress: Progress::Committed(at(index)) })
}

fn replies(effects: &Effects) -> Vec<&Effect<super::PrimaryReplica>> {
    effects.iter().filter(|effect| matches!(effect, Effect::Reply(_))).collect()
}

#[test]
fn a_write_is_appended_shipped_and_flushed_at_once_and_acknowledged_by_a_majority() {
    let mut primary = primary(&[("ack", "majority")]);
    let wanted = write_of(1, 5, 5);
    let expected = [
        record(wanted.clone()),
        send(1, append(1, std::slice::from_ref(&wanted), 1)),
        send(2, append(1, &[wanted], 1)),
        Effect::Flush,
    ];
    assert_eq!(primary.step(write(5)), expected);
    assert_eq!(primary.flush(), [], "its own flush is no majority");
    assert_eq!(has_flushed(&mut primary, 2, 2), [committed(2), written(5, 2)]);
    assert_eq!(has_flushed(&mut primary, 1, 2), [], "acknowledged once");
}

#[test]
fn each_mode_acknowledges_when_its_condition_holds() {
    let acknowledged_after = |changes: &[(&str, &str)]| {
        let mut primary = primary(changes);
        if !replies(&primary.step(write(5))).is_empty() {
            return "appended";
        }
        if !replies(&primary.flush()).is_empty() {
            return "flushed";
        }
        if !replies(&has_flushed(&mut primary, 1, 2)).is_empty() {
            return "one replica";
        }
        if !replies(&has_flushed(&mut primary, 2, 2)).is_empty() { "all replicas" } else { "never" }
    };
    assert_eq!(acknowledged_after(&[("ack", "fire")]), "appended");
    assert_eq!(acknowledged_after(&[("ack", "async")]), "flushed");
    assert_eq!(acknowledged_after(&[("ack", "semi-sync")]), "one replica");
    assert_eq!(acknowledged_after(&[("ack", "semi-sync"), ("sync_count", "2")]), "all replicas");
    assert_eq!(acknowledged_after(&[("ack", "majority")]), "one replica");
    assert_eq!(acknowledged_after(&[("ack", "all")]), "all replicas");
}

#[test]
fn each_point_of_semi_sync_waits_for_its_own_position() {
    let acknowledged_at = |point: &str| {
        let mut primary = primary(&[("ack", "semi-sync"), ("sync_point", point)]);
        primary.step(write(5));
        primary.flush();
        let steps = [("written", [2, 1, 1]), ("flushed", [2, 2, 1]), ("applied", [2, 2, 2])];
        let mut said = steps
            .map(|(step, positions)| (step, replies(&primary.hear(1, ack(Traffic::Write, positions))).len()));
        said.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        said[0].0
    };
    for point in ["written", "flushed", "applied"] {
        assert_eq!(acknowledged_at(point), point);
    }
}

#[test]
fn only_members_of_the_sync_set_count() {
    let mut primary = primary(&[("ack", "semi-sync"), ("sync_set", "n3")]);
    primary.step(write(5));
    primary.flush();
    assert_eq!(replies(&has_flushed(&mut primary, 1, 2)).len(), 0, "n2 does not count");
    assert_eq!(has_flushed(&mut primary, 2, 2), [written(5, 2)]);
}

#[test]
fn semi_sync_falls_back_after_its_patience_and_comes_back() {
    let knobs =
        [("ack", "semi-sync"), ("sync_timeout", "1s"), ("check_quorum", "false"), ("fencing", "epoch")];
    let mut primary = primary(&knobs);
    primary.step(write(5));
    primary.flush();
    primary.wait(Span::seconds(1));
    let effects = primary.step(Input::Timer(HEARTBEAT));
    assert!(effects.contains(&Effect::Say(Line::SyncFallback { after: Span::seconds(1) })));
    assert_eq!(replies(&effects), [&written(5, 2)]);
    has_flushed(&mut primary, 1, 2);
    assert!(primary.step(Input::Timer(HEARTBEAT)).contains(&Effect::Say(Line::SyncBack)));
    primary.step(write(6));
    assert_eq!(replies(&primary.flush()).len(), 0, "it waits again");
}

#[test]
fn a_wait_answers_with_the_count_it_has_and_undoes_nothing() {
    let changes = [
        ("ack", "wait"),
        ("sync_count", "2"),
        ("sync_timeout", "1s"),
        ("check_quorum", "false"),
        ("fencing", "epoch"),
    ];
    let mut primary = primary(&changes);
    primary.step(write(5));
    assert_eq!(replies(&primary.flush()).len(), 0, "it waits for two replicas");
    let shown = primary.step(Input::Client(request(5, Action::ReadHere)));
    assert!(
        matches!(shown[..], [Effect::Reply(Reply { answer: Answer::Found(Some(_)), .. })]),
        "and shows it"
    );
    primary.hear(1, ack(Traffic::Write, [2, 1, 1]));
    primary.wait(Span::seconds(1));
    let effects = primary.step(Input::Timer(HEARTBEAT));
    let short = Line::WaitShort { index: 2, got: 1, need: 2, after: Span::seconds(1) };
    assert!(effects.contains(&Effect::Say(short)), "{effects:?}");
    assert_eq!(replies(&effects), [&written(5, 2)]);
    primary.step(write(6));
    primary.flush();
    primary.hear(1, ack(Traffic::Write, [3, 2, 2]));
    assert_eq!(
        replies(&primary.hear(2, ack(Traffic::Write, [3, 1, 1]))),
        [&written(6, 3)],
        "memory is enough for a count"
    );
}

#[test]
fn what_shows_before_its_acknowledgement_can_be_read_and_lost() {
    let shows = |visibility: &str| {
        let mut primary = primary(&[("ack", "semi-sync"), ("visibility", visibility)]);
        primary.step(write(5));
        assert_eq!(replies(&primary.flush()).len(), 0);
        primary.node.store.find(crate::base::ids::Key(5)).is_some()
    };
    assert_eq!((shows("before-ack"), shows("after-ack")), (true, false));
}

#[test]
fn a_cancelled_wait_is_doubt_and_shows() {
    let mut primary = primary(&[("ack", "semi-sync")]);
    primary.step(write(5));
    primary.flush();
    primary.step(write(6));
    let cancelled = reply(5, Answer::Uncertain(Doubt::WaitCancelled));
    let said = Effect::Say(Line::SyncCancel { waiting: 1 });
    assert_eq!(
        primary.step(Input::Operator(Order::CancelWaits)),
        [said, cancelled],
        "op 6 is not flushed yet"
    );
    assert!(primary.node.store.find(crate::base::ids::Key(5)).is_some());
    primary.flush();
    assert_eq!(has_flushed(&mut primary, 1, 3), [committed(3), written(6, 3)]);
}

#[test]
fn too_few_replicas_refuse_a_write_before_it_is_appended() {
    let changes = [("ack", "async"), ("min_replicas", "1"), ("check_quorum", "false"), ("fencing", "epoch")];
    let mut primary = primary(&changes);
    primary.wait(Span::millis(1_001));
    let refused = reply(5, Answer::Refused(Refusal::TooFewReplicas));
    let said = Effect::Say(Line::TooFewReplicas { good: 0, need: 1 });
    assert_eq!(primary.step(write(5)), [said.clone(), refused]);
    assert_eq!(primary.node.log().last_index(), 1);
    primary.hear(2, ack(Traffic::Background, [1, 1, 1]));
    primary.step(write(5));
    assert_eq!(primary.node.log().last_index(), 2);
    primary.wait(Span::millis(1_001));
    assert!(primary.step(write(6)).contains(&said), "said again once it had been good in between");
}

#[test]
fn a_request_sent_twice_is_appended_once() {
    let mut primary = primary(&[("ack", "async")]);
    primary.step(write(5));
    primary.flush();
    assert_eq!(primary.step(write(5)), [written(5, 2)]);
    assert_eq!(primary.node.log().last_index(), 2);
}

#[test]
fn a_request_sent_again_while_it_waits_is_answered_once() {
    let mut primary = primary(&[("ack", "majority")]);
    primary.step(write(5));
    assert_eq!(primary.step(write(5)), []);
    primary.flush();
    assert_eq!(has_flushed(&mut primary, 1, 2), [committed(2), written(5, 2)]);
}

#[test]
fn who_is_not_primary_says_who_is_and_a_full_disk_refuses_definitely() {
    let mut replica = Bench::of_three(1, &[]);
    assert_eq!(replica.step(write(5)), [reply(5, Answer::NotPrimary { hint: Some(NodeId(0)) })]);
    let mut primary = primary(&[]);
    primary.is_disk_full = true;
    let refused = reply(5, Answer::Refused(Refusal::DiskFull));
    assert_eq!(primary.step(write(5)), [Effect::Say(Line::DiskFull), refused.clone()]);
    assert_eq!(primary.step(write(5)), [refused], "said once");
}

#[test]
fn reads_are_served_where_the_knob_says() {
    let here = |reads: &str, node: u16| {
        let mut bench = Bench::of_three(node, &[("read", reads)]);
        let effects = bench.step(Input::Client(request(5, Action::Read)));
        effects == [reply(5, Answer::Found(None))]
    };
    assert_eq!((here("primary", 0), here("primary", 1)), (true, false));
    assert_eq!((here("replica-nearest", 0), here("replica-nearest", 1)), (true, true));
}

#[test]
fn a_majority_shows_a_write_only_once_it_is_committed() {
    let mut primary = primary(&[("ack", "majority")]);
    primary.step(write(5));
    primary.flush();
    assert_eq!(
        primary.step(Input::Client(request(5, Action::ReadHere))),
        [reply(5, Answer::Found(None))],
        "no reader sees what a failover may still take back"
    );
}

#[test]
fn stepping_down_answers_whoever_waits_with_doubt() {
    let mut primary = primary(&[("ack", "majority")]);
    primary.step(write(5));
    let epoch = Epoch::new(3, NodeId(2), 1);
    let effects = primary.hear(2, append_of(epoch, at(1), &[]));
    assert_eq!(replies(&effects), [&reply(5, Answer::Uncertain(Doubt::SteppedDown))]);
    assert_eq!((primary.node.term, primary.node.primary), (3, Some(NodeId(2))));
}

#[test]
fn fire_flushes_by_the_clock() {
    let mut primary = primary(&[("ack", "fire"), ("flush_interval", "50ms")]);
    let effects = primary.step(write(5));
    assert!(!effects.contains(&Effect::Flush), "{effects:?}");
    let after = Span::millis(50);
    assert!(effects.contains(&Effect::SetTimer { timer: super::super::FLUSH, after }));
    assert!(!primary.step(write(6)).iter().any(|effect| matches!(effect, Effect::SetTimer { .. })));
    assert_eq!(primary.step(Input::Timer(super::super::FLUSH)), [Effect::Flush]);
}

#[test]
fn the_opening_entry_is_the_first_of_every_log() {
    let (_, effects) = Bench::boot((0, 3, 1), super::config(&[]), Default::default(), Default::default());
    assert!(effects.contains(&Effect::Append(Record::Append(entry(1, None)))));
}
