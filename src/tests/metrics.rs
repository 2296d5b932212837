//! Metrics that are made of what the world knows: small worlds in which they can be worked out by hand.

use super::stage::{at, expect, holds, scenario, scenario_of};

/// Nobody asks for anything but the timeline.
const QUIET: &str = "[cluster]\nnodes = 3\n[workload]\nkind = \"none\"\n";
/// A light load on three nodes.
const LIGHT: &str = "[cluster]\nnodes = 3\n[workload]\nrate = 50\nwrites = 0.5\nkeys = 20\nclients = 6\n";

fn is(run: &str, metric: &str, wanted: &str) -> String {
    expect(run, &format!("metric = \"{metric}\"\n{wanted}"))
}

#[test]
fn what_is_kept_beside_live_data_is_counted_by_the_size_model() {
    // Two rows live of four entries: the opening, two writes of x, one of y. A tombstone's 8 bytes beside one row of
    // 8 + 256 make 0.03.
    let writes = at("1s", "write x=1") + &at("2s", "write x=2") + &at("3s", "write y=1");
    let kept = is("log", "overhead_bytes", "equals = 2");
    holds(&scenario(QUIET, &[("log", "ack = \"majority\"")], &writes, &kept));
    let writes = writes + &at("4s", "delete y");
    let kept = is("peers", "overhead_bytes", "equals = 0.03");
    holds(&scenario_of(
        "peer-to-peer",
        QUIET,
        &[("peers", "n = 3\nr = 2\nw = 2\ngc_grace = \"10m\"")],
        &writes,
        &kept,
    ));
}

#[test]
fn only_what_operators_do_is_a_manual_action() {
    let story = at("1s", "write x=1")
        + &at("2s", "crash n3")
        + &at("3s", "restart n3")
        + &at("4s", "backup")
        + &at("5s", "switchover n2")
        + &at("8s", "set ack=async");
    let counted = is("log", "manual_actions", "equals = 2")
        + &is("log", "manual_actions", "during = [\"0s\", \"6s\"]\nequals = 1");
    holds(&scenario(QUIET, &[("log", "ack = \"majority\"")], &story, &counted));
}

#[test]
fn a_restarted_replica_has_caught_up_once_the_tail_of_the_log_is_there() {
    let story = at("2s", "crash n3") + &at("6s", "restart n3");
    // 4 s of 25 writes make 100 entries of 24 + 8 + 256 bytes; two ways and a flush take some milliseconds.
    let caught_up = is("log", "catchup_bytes", "between = [17000, 45000]")
        + &is("log", "catchup_ms", "between = [1, 250]")
        + &is("log", "full_resyncs", "equals = 0");
    holds(&scenario(LIGHT, &[("log", "ack = \"majority\"")], &story, &caught_up));
}

#[test]
fn a_peer_that_was_away_has_caught_up_when_its_hints_are_delivered() {
    let story = at("2s", "crash n3") + &at("6s", "restart n3");
    let with_hints =
        is("mail", "catchup_ms", "between = [1, 3000]") + &is("none", "catchup_ms", "at_least = 5000");
    let knobs = "n = 3\nr = 2\nw = 2\nread_repair = \"none\"\nanti_entropy = \"off\"\n";
    let (mail, none) = (knobs.to_owned(), format!("{knobs}hints = false"));
    let load = LIGHT.replace("keys = 20", "keys = 2000");
    holds(&scenario_of("peer-to-peer", &load, &[("mail", &mail), ("none", &none)], &story, &with_hints));
}

#[test]
fn a_slow_primary_is_called_down_though_it_is_there_and_a_crashed_one_is_gone() {
    let monitors = "ack = \"async\"\npromotion = \"auto-monitor\"\nping = \"50ms\"\ndown_after = \"200ms\"";
    let slow = at("4s", "slow-cpu n1 300x");
    holds(&scenario(LIGHT, &[("log", monitors)], &slow, &is("log", "false_positives", "at_least = 1")));
    let dead = at("4s", "crash n1");
    let counted =
        is("log", "false_positives", "equals = 0") + &is("log", "detect_ms", "between = [150, 400]");
    holds(&scenario(LIGHT, &[("log", monitors)], &dead, &counted));
}

#[test]
fn a_slow_disk_is_seen_by_clients_alone() {
    let slow = at("5s", "slow-disk n1 100x");
    let runs = [("log", "ack = \"majority\"\nleader_flush_required = true")];
    let seen = is("log", "diff_obs_s", "between = [12, 15]")
        + &is("log", "diff_obs_s", "during = [\"0s\", \"4.9s\"]\nequals = 0");
    holds(&scenario(LIGHT, &runs, &slow, &seen));
}

#[test]
fn one_primary_is_one_writable_node_and_every_peer_is() {
    let one =
        is("log", "writable_nodes_max", "equals = 1") + &is("log", "writable_nodes", "between = [0.95, 1]");
    holds(&scenario(LIGHT, &[("log", "ack = \"majority\"")], "", &one));
    let all = is("peers", "writable_nodes_max", "equals = 3")
        + &is("peers", "writable_nodes", "between = [2.5, 3]");
    holds(&scenario_of("peer-to-peer", LIGHT, &[("peers", "n = 3\nr = 2\nw = 2")], "", &all));
}
