//! Stories of a small cluster: failover, a split brain and its end, a disk that came back empty.

use super::network::Network;
use crate::base::time::Span;

const MAJORITY: &[(&str, &str)] = &[("ack", "majority"), ("promotion", "auto-quorum")];
const UNSAFE: &[(&str, &str)] = &[("ack", "async"), ("promotion", "auto-unsafe"), ("fencing", "none")];

#[test]
fn a_crashed_primary_is_replaced_and_comes_back_as_a_replica() {
    let mut network = Network::new(3, MAJORITY, 1);
    network.load(0, Span::millis(500));
    network.power_off(0);
    network.run_for(Span::seconds(4));
    let [next] = network.primaries()[..] else { panic!("one of the two takes over") };
    let op = network.write(next, 1);
    network.restart(0);
    network.run_for(Span::seconds(2));
    assert!(network.is_acked(op));
    assert_eq!(network.primaries(), [next]);
    assert!(network.truth().is_converged);
}

#[test]
fn without_a_majority_nobody_writes() {
    let mut network = Network::new(3, MAJORITY, 1);
    network.run_for(Span::millis(100));
    network.partition(&[&[0], &[1], &[2]]);
    let op = network.write(0, 1);
    network.run_for(Span::seconds(5));
    assert!(!network.is_acked(op));
    assert_eq!(network.primaries(), [] as [u16; 0]);
}

#[test]
fn two_primaries_acknowledge_and_healing_takes_one_side_back() {
    let mut network = Network::new(5, UNSAFE, 1);
    network.load(0, Span::millis(500));
    network.partition(&[&[0, 1], &[2, 3, 4]]);
    network.run_for(Span::seconds(4));
    assert_eq!(network.primaries(), [0, 2], "each side has its own");
    let (here, there) = (network.write(0, 1), network.write(2, 1));
    network.run_for(Span::millis(200));
    assert!(network.is_acked(here) && network.is_acked(there));
    network.heal();
    network.run_for(Span::seconds(4));
    assert_eq!(network.primaries().len(), 1);
    let survivors = network.survivors();
    assert!(!survivors.contains(&here) && survivors.contains(&there), "the later reign prevails");
    assert!(network.truth().is_converged);
    assert!(network.count_lines("DIVERGED") >= 1);
}

#[test]
fn a_replica_with_a_new_disk_gets_everything_again() {
    let mut network = Network::new(3, &[MAJORITY, &[("backlog", "3")]].concat(), 1);
    network.load(0, Span::seconds(1));
    network.wipe(2);
    network.restart(2);
    network.run_for(Span::seconds(3));
    assert!(network.truth().is_converged);
    assert!(network.count_lines("FULL_DONE") >= 1);
}

#[test]
fn a_request_resent_to_the_next_primary_happens_once() {
    let mut network = Network::new(3, MAJORITY, 1);
    network.run_for(Span::millis(100));
    let op = network.write(0, 1);
    network.run_for(Span::millis(20));
    network.power_off(0);
    network.run_for(Span::seconds(4));
    let [next] = network.primaries()[..] else { panic!("one of the two takes over") };
    network.resend(op, 0, next, 1);
    network.run_for(Span::millis(100));
    let log = network.node(next).expect("it is up").log();
    let times = log.iter_from(1).filter(|(_, entry)| entry.operation() == Some(op)).count();
    assert_eq!(times, 1);
}

#[test]
fn an_operator_promotes_by_hand_and_a_turned_knob_counts_at_once() {
    let mut network = Network::new(3, &[("promotion", "manual"), ("ack", "async")], 1);
    network.load(0, Span::millis(100));
    network.power_off(0);
    network.run_for(Span::seconds(10));
    assert_eq!(network.primaries(), [] as [u16; 0]);
    network.promote(1);
    network.set("ack", "all");
    let op = network.write(1, 1);
    network.run_for(Span::seconds(1));
    assert!(!network.is_acked(op), "the crashed member is missing");
    assert_eq!(network.picture(1).term, 2);
    network.restart(0);
    network.run_for(Span::seconds(3));
    assert!(network.is_acked(op));
}

#[test]
fn a_planned_change_of_primary_takes_a_moment_and_loses_nothing() {
    for promotion in ["auto-quorum", "manual", "auto-unsafe"] {
        let mut network = Network::new(3, &[("ack", "async"), ("promotion", promotion)], 1);
        network.load(0, Span::millis(300));
        let last = network.write(0, 1);
        network.hand_over(0, 2);
        network.run_for(Span::millis(50));
        assert_eq!(network.primaries(), [2], "{promotion}: nobody waited for a silence");
        network.run_for(Span::seconds(2));
        assert!(network.is_acked(last) && network.survivors().is_superset(&network.acked()));
        assert!(network.truth().is_converged);
    }
}

#[test]
fn a_switchover_to_a_node_that_cannot_follow_is_given_up() {
    let mut network = Network::new(3, MAJORITY, 1);
    network.run_for(Span::millis(300));
    network.partition(&[&[0, 1], &[2]]);
    let before = network.write(0, 1);
    network.hand_over(0, 2);
    network.run_for(Span::millis(100));
    assert!(network.is_acked(before), "what was under way goes on");
    let refused = network.write(0, 1);
    network.run_for(Span::seconds(2));
    assert!(!network.is_acked(refused));
    assert_eq!(network.count_lines("FAILOVER_ABORT"), 1);
    let after = network.write(0, 1);
    network.run_for(Span::millis(100));
    assert!(network.is_acked(after));
    assert_eq!(network.primaries(), [0]);
}
