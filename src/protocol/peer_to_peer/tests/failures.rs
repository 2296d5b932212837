//! What this family of stores is known to get wrong, shown on purpose, and what its settings do about it.

use super::network::Network;
use crate::base::ids::{OpId, Value};
use crate::base::operation::{Action, Answer, Doubt};
use crate::base::time::Span;
use crate::protocol::Ghost;

const TWO_APART: Span = Span::seconds(8);

#[test]
fn a_slow_clock_loses_a_write_that_began_after_its_rival_had_returned() {
    let mut network = Network::new(3, &[], 1);
    network.run_for(Span::seconds(1));
    network.set_clock(1, -500_000);
    let first = network.write(0, 4);
    network.run_for(Span::millis(100));
    let second = network.write(1, 4);
    network.run_for(Span::millis(100));
    assert!(matches!(network.answers[&second], Answer::Written(_)), "acknowledged all the same");
    assert_eq!(network.read(2, 4), Some(first));
    assert_eq!(network.count_lines("LWW_DROP"), 1);
    let discards = |ghost: &&Ghost| matches!(ghost, Ghost::Discarded { winner, loser, .. } if (*winner, *loser) == (first, second));
    assert_eq!(network.ghosts.iter().filter(discards).count(), 3, "once at each replica");
}

#[test]
fn a_write_that_timed_out_is_not_undone_and_surfaces_later() {
    let mut network = Network::new(3, &[("w", "3")], 1);
    network.partition(&[0, 0, 1]);
    let answer = network.answer(0, 4, Action::write(Value(9)));
    assert_eq!(answer, Answer::Uncertain(Doubt::QuorumTimeout));
    assert_eq!(network.read(1, 4), Some(OpId(1)));
}

/// Owners n1, n2, n3 of a key; n2 and n3 are cut off while n4 writes it; then n2 reads it.
fn write_and_read_across_a_cut(quorum: &str) -> (Answer, Answer) {
    let mut network = Network::new(5, &[("quorum", quorum), ("read_repair", "none")], 1);
    network.write(0, 0);
    network.run_for(Span::millis(50));
    network.partition(&[0, 1, 1, 0, 0]);
    network.run_for(TWO_APART);
    let written = network.answer(3, 0, Action::write(Value(9)));
    (written, network.answer(1, 0, Action::Read))
}

#[test]
fn a_sloppy_quorum_reads_stale_although_r_and_w_overlap() {
    let (written, read) = write_and_read_across_a_cut("sloppy");
    assert!(matches!(written, Answer::Written(_)));
    assert!(matches!(read, Answer::Found(Some(ref found)) if found.written_by == OpId(1)), "{read:?}");
}

#[test]
fn a_strict_quorum_refuses_the_write_that_would_make_reads_stale() {
    let (written, read) = write_and_read_across_a_cut("strict");
    assert!(matches!(written, Answer::Refused(_)));
    assert!(matches!(read, Answer::Found(Some(ref found)) if found.written_by == OpId(1)), "{read:?}");
}

#[test]
fn fallbacks_serve_what_they_keep_for_absent_owners() {
    let mut network = Network::new(5, &[("quorum", "sloppy")], 1);
    network.partition(&[1, 1, 1, 0, 0]);
    network.run_for(TWO_APART);
    // All three owners of k0 are on the other side: n4 and n5 hold it for them.
    let write = network.write(3, 0);
    network.run_for(Span::millis(50));
    assert_eq!(network.read(4, 0), Some(write));
}

#[test]
fn a_silent_owner_does_not_fail_a_read() {
    let mut network = Network::new(5, &[], 1);
    let write = network.write(0, 0);
    network.run_for(Span::millis(50));
    network.crash(0); // nobody knows yet
    assert_eq!(network.read(4, 0), Some(write));
}

#[test]
fn blocking_repair_makes_quorum_reads_monotonic() {
    // A write that reached one owner only: whoever reads it first decides whether later readers see it.
    for (policy, later) in [("blocking", Some(OpId(2))), ("none", Some(OpId(1)))] {
        let mut network = Network::new(3, &[("read_repair", policy), ("hints", "false")], 1);
        network.write(0, 0);
        network.run_for(Span::millis(50));
        network.partition(&[0, 1, 1]);
        network.write(0, 0);
        network.run_for(Span::millis(400));
        network.heal();
        assert_eq!(network.read(0, 0), Some(OpId(2)), "{policy}: read by n1 and n2");
        network.crash(0); // of the nodes left, n3 never saw it
        assert_eq!(network.read(2, 0), later, "{policy}: read by n2 and n3");
    }
}

#[test]
fn asynchronous_repair_answers_first_and_repairs_all_the_same() {
    let mut network = Network::new(5, &[("read_repair", "async"), ("hints", "false")], 1);
    network.partition(&[1, 0, 0, 0, 0]);
    let write = network.write(3, 0);
    network.run_for(Span::millis(400));
    network.heal();
    assert_eq!(network.read(4, 0), Some(write), "n5 asks n1, which missed it, and n2");
    assert_eq!(network.truth().keys_diverged, 1, "not yet repaired when it answers");
    network.run_for(Span::millis(50));
    assert_eq!(network.truth().keys_diverged, 0);
}
