//! What becomes of changes that must not be lost and must not be done twice: A29 to A31 of replication.md section 4
//! with their cures, on the seeds 1 to 20. (A29 at its full length is the preset `sibling-explosion`.)

use super::stage::{at, expect, holds, scenario_of, told};

const PRIMARY: &str = "primary-replica";
const PEERS: &str = "peer-to-peer";

/// Three nodes under a load of one kind.
fn load(kind: &str, rest: &str) -> String {
    format!("[cluster]\nnodes = 3\n[workload]\nkind = \"{kind}\"\nwrites = 0.9\nclients = 6\n{rest}\n")
}

/// Runs of one topology, each with its knobs and what is wanted of a metric.
fn judged(topology: &str, load: &str, timeline: &str, metric: &str, runs: &[(&str, &str, &str)]) {
    let expectations: String =
        runs.iter().map(|(id, _, wanted)| expect(id, &format!("metric = \"{metric}\"\n{wanted}"))).collect();
    let runs: Vec<(&str, &str)> = runs.iter().map(|&(id, knobs, _)| (id, knobs)).collect();
    holds(&scenario_of(topology, load, &runs, timeline, &expectations));
}

/// Clients read a set, add to it and write it back. Of two that do so at once the last write wins and the other's
/// element is gone; siblings that the application unites keep both.
#[test]
fn a30_reading_and_writing_back_loses_updates_without_a_fault() {
    let load = load("read-modify-write", "rate = 200\nkeys = 3");
    let runs = [
        ("lww", "conflict = \"lww\"", "at_least = 50"),
        ("ignored", "conflict = \"dotted\"\nsibling_max = 1000", "at_least = 50"),
        ("union", "conflict = \"union\"\nsibling_max = 1000", "equals = 0"),
    ];
    judged(PEERS, &load, "", "lost_concurrent", &runs);
}

/// A log does not help clients who read and write back: the primary orders what they write, not what they mean.
#[test]
fn a30_twin_a_primary_keeps_what_it_adds_itself() {
    let by_client = load("read-modify-write", "rate = 200\nkeys = 3");
    judged(PRIMARY, &by_client, "", "lost_concurrent", &[("log", "", "at_least = 50")]);
    for kind in ["set", "append", "counter"] {
        let load = load(kind, "rate = 200\nkeys = 3");
        judged(PRIMARY, &load, "", "lost_acked", &[("log", "", "equals = 0")]);
    }
    let load = load("set", "rate = 200\nkeys = 3");
    judged(PEERS, &load, "", "lost_acked", &[("merging", "conflict = \"crdt\"", "equals = 0")]);
}

/// A request that is sent again because its answer was late is counted again, unless its session is recognised.
#[test]
fn a31_a_request_sent_again_counts_twice_without_sessions() {
    let load = load("counter", "rate = 100\nkeys = 10\nretries = 3");
    let late = at("5s", "delay n1>n2,n3 +350ms");
    let late = late.replace("do =", "until = \"10s\"\ndo =");
    let knobs = "ack = \"majority\"\n";
    let (with, without) = (format!("{knobs}dedup = true"), format!("{knobs}dedup = false"));
    let runs = [("with", with.as_str(), "equals = 0"), ("without", without.as_str(), "at_least = 50")];
    judged(PRIMARY, &load, &late, "counted_twice", &runs);
}

/// A message that comes twice: an addition counts twice, a state of a counter does not.
#[test]
fn a31_twin_an_addition_that_comes_twice_counts_twice_and_a_state_does_not() {
    let load = load("counter", "rate = 100\nkeys = 10");
    let twice = at("5s", "duplicate all 20%").replace("do =", "until = \"15s\"\ndo =");
    let knobs = "conflict = \"crdt\"\n";
    let (states, additions) =
        (format!("{knobs}counters = \"state\""), format!("{knobs}counters = \"operations\""));
    let runs =
        [("states", states.as_str(), "equals = 0"), ("additions", additions.as_str(), "at_least = 20")];
    judged(PEERS, &load, &twice, "counted_twice", &runs);
    judged(PEERS, &load, &twice, "lost_acked", &[("states", &states, "equals = 0")]);
}

/// Whoever has seen all siblings puts one version in their place, and it spreads to every owner.
#[test]
fn siblings_are_resolved_and_the_resolution_spreads() {
    let quiet = "[cluster]\nnodes = 5\n[workload]\nkind = \"none\"\n";
    let cut = at("1s", "partition n1,n2 | n3,n4,n5").replace("do =", "until = \"8s\"\ndo =");
    let timeline = cut
        + &at("4s", "write k0=left at n1")
        + &at("4s", "write k0=right at n4")
        + &at("12s", "resolve k0=both at n5");
    let knobs = "ring = \"even1\"\nconflict = \"dotted\"\nquorum = \"sloppy\"";
    let wanted = expect("dotted", "metric = \"siblings_max\"\nequals = 2")
        + &expect("dotted", "key = \"k0\"\nholds = \"both\"")
        + &expect("dotted", "checker = \"converged\"\nverdict = \"pass\"");
    holds(&scenario_of(PEERS, quiet, &[("dotted", knobs)], &timeline, &wanted));
    let unresolved = timeline.replace("resolve k0=both", "write other=1");
    let siblings = expect("dotted", "key = \"k0\"\nholds = [\"left\", \"right\"]");
    holds(&scenario_of(PEERS, quiet, &[("dotted", knobs)], &unresolved, &siblings));
}

/// Vectors of clients are exact as long as nobody cuts them: cut back, they take what they had seen for concurrent.
#[test]
fn pruned_vectors_make_false_siblings() {
    let load = load("register", "rate = 20\nkeys = 1").replace("clients = 6", "clients = 20");
    let knobs = "conflict = \"version-vector\"\nactors = \"client\"\nsibling_max = 100\n";
    let cut = format!("{knobs}small_vclock = 2\nbig_vclock = 2\nyoung_vclock = \"10ms\"");
    let whole = format!("{knobs}prune = false");
    judged(
        PEERS,
        &load,
        "",
        "false_siblings",
        &[("cut", &cut, "at_least = 1"), ("whole", &whole, "equals = 0")],
    );
}

/// Reads by someone else, right after the acknowledgement and 50 ms later: the table of P20 in replication.md, from the
/// paper's model (the preset `pbs-dial` holds the column of 10 ms).
#[test]
fn stale_reads_by_r_and_w_are_those_of_the_model() {
    let dial = include_str!("../../presets/pbs-dial.toml");
    let world = dial.split("[[timeline]]").next().expect("the part before the timeline");
    for (after, rate, duration, table) in
        [("0ms", 4, "1260s", [58.0, 29.0, 24.0, 0.0]), ("50ms", 1, "5040s", [4.9, 2.3, 0.2, 0.0])]
    {
        let world = world
            .replace("probe_after = \"10ms\"", &format!("probe_after = \"{after}\""))
            .replace("rate = 4", &format!("rate = {rate}"))
            .replace("\"1260s\"", &format!("\"{duration}\""));
        let wanted = |(run, share): (&&str, f64)| {
            expect(run, &format!("metric = \"stale_read_pct\"\nbetween = [{}, {}]", share - 3.0, share + 3.0))
        };
        let runs = ["r1w1", "r1w2", "r2w1", "r2w2"];
        holds(&(world + &runs.iter().zip(table).map(wanted).collect::<String>()));
    }
}

/// A tombstone would make a register of a key that may hold a counter or a set.
#[test]
fn what_is_not_there_is_not_deleted_from_a_store_of_data_types() {
    let text = scenario_of(
        "peer-to-peer",
        "[cluster]\nnodes = 3\n[workload]\nkind = \"none\"",
        &[("crdt", "conflict = \"crdt\"")],
        &(at("1s", "delete c at n1") + &at("2s", "increment c at n1") + &at("3s", "delete c at n2")),
        "",
    );
    let deletes = &told(&text, 1, "delete")[0];
    assert_eq!(deletes[0], "delete c at n1: failed: nothing there to delete");
    assert!(deletes[1].starts_with("delete c at n2: ok"), "{deletes:?}");
    assert!(told(&text, 1, "c ")[0][0].contains("ok"), "{:?}", told(&text, 1, "c "));
}
