//! Nodes come to the ring of a peer-to-peer cluster, leave it and take each other's place while clients work.

use super::stage::{at, conditions, expect, holds, scenario_of};

fn peers(conditions: &str, runs: &[(&str, &str)], timeline: &str, expectations: &str) -> String {
    scenario_of("peer-to-peer", conditions, runs, timeline, expectations)
}

#[test]
fn nodes_come_go_and_are_replaced_and_nothing_is_lost() {
    let timeline = at("3s", "add-node")
        + &at("6s", "decommission n2")
        + &at("9s", "crash n3")
        + &at("14s", "replace n3");
    let expectations = expect("strict", "lines = \"MOVE_DONE\"\nequals = 3")
        + &expect("strict", "metric = \"lost_acked\"\nequals = 0")
        + &expect("strict", "metric = \"stale_reads\"\nequals = 0")
        + &expect("strict", "metric = \"avail_write_pct\"\nduring = [\"0s\", \"9s\"]\nat_least = 99")
        + &expect("strict", "metric = \"converged\"\nequals = 1");
    holds(&peers(&conditions(5, ""), &[("strict", "")], &timeline, &expectations));
}

/// The anomaly "forced second movement": n1, n2 and n3 own a key, and n3 missed writes of it. Each of two that join at
/// once takes n3 for the only one it removes, and fetches from n3; the removal of n2 is nobody's business. What n1 and n2
/// had acknowledged is then on n1 alone.
#[test]
fn a_forced_second_movement_reads_backwards_and_movements_one_by_one_do_not() {
    let knobs = "ring = \"even1\"\nhints = false\nread_repair = \"none\"";
    let load = "[cluster]\nnodes = 5\n[workload]\nrate = 200\nwrites = 0.5\nkeys = 300\nclients = 10\n";
    let all_at_once = "[forced] add-node force";
    let timeline = at("3s", "crash n3")
        + &at("7s", "restart n3")
        + &at("8s", "workload writes=0.02")
        + &at("9s", all_at_once)
        + &at("9s", all_at_once)
        + &at("9s", all_at_once)
        + &at("9s", "[patient] add-node")
        + &at("11s", "[patient] add-node")
        + &at("13s", "[patient] add-node")
        // One crash too many where two nodes lack what three should have.
        + &at("15s", "crash n1");
    let expectations = expect("forced", "metric = \"stale_reads\"\nat_least = 5")
        + &expect("forced", "lines = \"MOVE_DONE\"\nequals = 3")
        + &expect("patient", "lines = \"MOVE_DONE\"\nequals = 3")
        + &expect("patient", "metric = \"stale_reads\"\nequals = 0")
        + &expect("patient", "metric = \"mono_read_violations\"\nequals = 0");
    holds(&peers(load, &[("forced", knobs), ("patient", knobs)], &timeline, &expectations));
}

#[test]
fn who_wants_to_join_while_another_does_is_refused_and_may_come_later() {
    let timeline = at("3s", "add-node") + &at("3.1s", "add-node") + &at("8s", "add-node");
    let expectations = expect("strict", "lines = \"MOVE_REFUSED\"\nequals = 1")
        + &expect("strict", "lines = \"MOVE_DONE\"\nequals = 2")
        + &expect("strict", "metric = \"lost_acked\"\nequals = 0");
    holds(&peers(
        &conditions(5, ""),
        &[("strict", "stream_throttle = \"5KiB/s\"")],
        &timeline,
        &expectations,
    ));
}

/// A machine dies for good in the middle of its joining. Nobody else may move until it is given up, and then the next
/// one may come.
#[test]
fn a_node_that_died_while_it_joined_is_given_up_and_the_next_one_joins() {
    let timeline = at("3s", "add-node")
        + &at("3.5s", "crash n6 disk-loss")
        + &at("8s", "add-node")
        + &at("9s", "decommission n6")
        + &at("9.5s", "set stream_throttle=20KiB/s")
        + &at("10s", "add-node");
    let expectations = expect("strict", "lines = \"MOVE_REFUSED\"\nequals = 1")
        + &expect("strict", "lines = \"GIVEN_UP\"\nequals = 1")
        + &expect("strict", "lines = \"MOVE_DONE\"\nequals = 1")
        + &expect("strict", "metric = \"lost_acked\"\nequals = 0")
        + &expect("strict", "metric = \"stale_reads\"\nequals = 0")
        + &expect("strict", "metric = \"avail_write_pct\"\nduring = [\"10s\", \"20s\"]\nequals = 100")
        + &expect("strict", "metric = \"converged\"\nequals = 1");
    holds(&peers(
        &conditions(5, ""),
        &[("strict", "stream_throttle = \"1KiB/s\"")],
        &timeline,
        &expectations,
    ));
}
