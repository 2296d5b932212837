//! Moments of a replica that is shipped entries, cuts, and catches up.

use super::{Bench, ack, append, append_of, at, entry, first_epoch, request, send, write_of};
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::line::Line;
use crate::base::operation::Action;
use crate::base::time::Span;
use crate::protocol::kit::log::{Entry, Epoch};
use crate::protocol::primary_replica::message::{Append, Message, SyncRequest};
use crate::protocol::{Effect, Ghost, Input, Traffic};

fn opening() -> Entry {
    entry(1, None)
}

fn sync(last: u64) -> Message {
    let history = if last == 0 { vec![] } else { vec![at(1)] };
    Message::Sync(SyncRequest {
        epoch: first_epoch(),
        life: 1,
        last,
        history: history.into(),
        wants_snapshot: false,
    })
}

#[test]
fn a_replica_says_how_far_it_is_once_that_is_flushed() {
    let mut replica = Bench::of_three(1, &[("ack", "async")]);
    let effects = replica.hear(0, append(0, &[opening(), write_of(1, 5, 7)], 0));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Send { .. })), "{effects:?}");
    assert_eq!(replica.flush(), [send(0, ack(Traffic::Write, [2, 2, 2]))]);
}

#[test]
fn a_majority_makes_replicas_apply_what_is_committed_and_no_more() {
    let mut replica = Bench::of_three(1, &[("ack", "majority")]);
    replica.hear(0, append(0, &[opening(), write_of(1, 5, 7)], 1));
    assert_eq!((replica.node.store.applied(), replica.node.log().last_index()), (1, 2));
    replica.hear(0, append(2, &[], 2));
    assert_eq!(replica.node.store.find(Key(7)).map(|found| found.written_by), Some(OpId(5)));
}

#[test]
fn what_replicas_show_is_a_knob_of_its_own() {
    let applied = |ack: &str, apply: &str| {
        let mut replica = Bench::of_three(1, &[("ack", ack), ("apply", apply)]);
        replica.hear(0, append(0, &[opening(), write_of(1, 5, 7)], 1));
        replica.node.store.applied()
    };
    assert_eq!([applied("async", "by-ack"), applied("async", "on-commit")], [2, 1]);
    assert_eq!([applied("majority", "by-ack"), applied("majority", "on-receive")], [1, 2]);
}

#[test]
fn a_branch_that_history_passed_over_is_cut_kept_and_told() {
    let mut old = Bench::of_three(0, &[("ack", "async")]);
    old.step(Input::Client(request(5, Action::write(crate::base::ids::Value(5)))));
    old.flush();
    let epoch = Epoch::new(2, NodeId(2), 1);
    let opening = Entry { epoch, ..opening() };
    let effects = old.hear(2, append_of(epoch, at(1), &[opening]));
    assert!(effects.contains(&Effect::Ghost(Ghost::Cut { from: 2, entries: 1, ops: vec![OpId(5)] })));
    let said = Line::Diverged { at: 2, entries: 1, acked: 1, primary: NodeId(2) };
    assert!(effects.contains(&Effect::Say(said)), "{effects:?}");
    assert_eq!(old.node.archive[0].entries, [write_of(1, 5, 5)]);
    assert_eq!(old.node.store.find(Key(5)), None, "what it had applied is taken back");
    assert_eq!(old.node.log().end().epoch, epoch);
}

#[test]
fn a_message_that_came_late_cuts_nothing() {
    let mut replica = Bench::of_three(1, &[]);
    let all = [opening(), write_of(1, 5, 7), write_of(1, 6, 7)];
    replica.hear(0, append(0, &all, 0));
    replica.hear(0, append(0, &all[..1], 0));
    assert_eq!(replica.node.log().last_index(), 3);
}

#[test]
fn a_gap_is_answered_with_what_is_there_once_a_heartbeat() {
    let mut replica = Bench::of_three(1, &[]);
    assert!(replica.hear(0, append(4, &[write_of(1, 9, 7)], 0)).contains(&send(0, sync(0))));
    let again = append(5, &[write_of(1, 10, 7)], 0);
    assert_eq!(replica.hear(0, again.clone()), [], "one gap, one question");
    replica.wait(Span::seconds(1));
    assert!(replica.hear(0, again).contains(&send(0, sync(0))), "unless nothing came of it");
}

#[test]
fn a_replica_within_the_backlog_is_sent_what_it_lacks() {
    let mut primary = Bench::of_three(0, &[("ack", "async")]);
    primary.step(super::write(5));
    let missing = append(0, &[opening(), write_of(1, 5, 5)], 0);
    let Message::Append(missing) = missing else { unreachable!("it makes nothing else") };
    let missing = Append { traffic: Traffic::Resync, ..missing };
    let effects = primary.hear(1, sync(0));
    assert!(effects.contains(&send(1, Message::Append(missing))), "{effects:?}");
}

#[test]
fn a_replica_beyond_the_backlog_gets_a_snapshot() {
    let mut primary = Bench::of_three(0, &[("ack", "async"), ("backlog", "3")]);
    for op in 1..10 {
        primary.step(super::write(op));
        primary.flush();
    }
    let effects = primary.hear(1, sync(1));
    let said = Line::FullStart { peer: NodeId(1), index: 10, rows: 9 };
    assert!(effects.contains(&Effect::Say(said)), "{effects:?}");
    let is_chunk = |effect: &Effect<_>| matches!(effect, Effect::Send { message: Message::Chunk(_), .. });
    let chunk = effects.into_iter().find(is_chunk).expect("a snapshot of nine rows is one chunk");
    let Effect::Send { message, .. } = chunk else { unreachable!("only messages were looked for") };
    let mut replica = Bench::of_three(1, &[("ack", "async")]);
    replica.hear(0, message);
    assert_eq!(replica.node.log().last_index(), 10);
    assert_eq!(replica.node.store.digest(), primary.node.store.digest());
    assert_eq!(replica.node.log().first_index(), 11, "it cannot ship what it never received as a log");
}
