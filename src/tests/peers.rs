//! The anomalies of peer-to-peer clusters (replication.md section 4) with their cures, and the numbers that follow
//! from arithmetic alone, on the seeds 1 to 20.

use super::stage::{at, conditions, expect, holds, loaded, scenario_of, told};
use splitbrain::base::time::VirtualTime;
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::player::Player;
use splitbrain::driver::publish_once;
use splitbrain::headless::reseeded;
use splitbrain::scenario::model::Scenario;
use std::sync::Arc;

fn peers(conditions: &str, runs: &[(&str, &str)], timeline: &str, expectations: &[(&str, &str)]) -> String {
    let expectations: String = expectations.iter().map(|(run, what)| expect(run, what)).collect();
    scenario_of("peer-to-peer", conditions, runs, timeline, &expectations)
}

/// Three of five nodes are gone. Of the ten sets of three owners in a row, a quorum lives where two of them do.
#[test]
fn a12_twin_some_keys_keep_their_quorum_and_a_sloppy_one_always_finds_nodes() {
    let knobs = "ring = \"even1\"\n";
    let sloppy = format!("{knobs}quorum = \"sloppy\"");
    let timeline = at("5s", "crash n3") + &at("5s", "crash n4") + &at("5s", "crash n5");
    let late = "during = [\"9s\", \"20s\"]\n";
    holds(&peers(
        &conditions(5, ""),
        &[("strict", knobs), ("sloppy", &sloppy)],
        &timeline,
        &[
            // Owned by n5 n1 n2 and n1 n2 n3: two slots of five.
            ("strict", &format!("metric = \"avail_write_pct\"\n{late}between = [33, 47]")),
            ("sloppy", &format!("metric = \"avail_write_pct\"\n{late}equals = 100")),
        ],
    ));
}

#[test]
fn a21_a_slow_disk_is_outvoted() {
    let knobs = "ring = \"even1\"\n";
    holds(&peers(
        &conditions(3, "attach = [\"n2\", \"n3\"]"),
        &[("two", knobs), ("all", "ring = \"even1\"\nw = 3")],
        &at("5s", "slow-disk n1 30x"),
        &[
            ("two", "metric = \"write_p99_ms\"\nduring = [\"6s\", \"20s\"]\nat_most = 15"),
            ("all", "metric = \"write_p50_ms\"\nduring = [\"6s\", \"20s\"]\nat_least = 30"),
        ],
    ));
}

/// n2's clock is half a second behind. The formula of 2.10: a third of (1 - e^(-2/3 x rate x skew)) of the writes.
#[test]
fn a22_a_clock_that_lags_loses_what_it_stamps() {
    let load = "rate = 400\nwrites = 0.5\nkeys = 200\nclients = 9";
    let hybrid = "ts_source = \"hlc\"";
    let ahead = "rate = 400\nwrites = 0.5\nkeys = 200\nclients = 9";
    let inverted = "metric = \"lost_inverted\"\npercent_of = \"acked_writes\"\n";
    let world = |load: &str| format!("[cluster]\nnodes = 3\n[workload]\n{load}");
    holds(&peers(
        &world(load),
        &[("behind", ""), ("hybrid", hybrid)],
        &at("0s", "clock n2 -500ms"),
        // Rate 1/s per key, 0.5 s: 9.4 %; four standard deviations of some 2 000 acknowledged writes.
        &[
            ("behind", &format!("{inverted}between = [6.8, 12.0]")),
            ("hybrid", &format!("{inverted}at_most = 1.5")),
        ],
    ));
    holds(&peers(
        &world(ahead),
        &[("ahead", ""), ("hybrid", hybrid)],
        &at("0s", "clock n2 +500ms"),
        // Two thirds of (1 - e^(-1/3 x 0.5)): 10.2 %.
        &[
            ("ahead", &format!("{inverted}between = [7.4, 13.0]")),
            ("hybrid", &format!("{inverted}at_most = 1.5")),
        ],
    ));
}

#[test]
fn a23_a_deleted_key_comes_back() {
    let knobs = "gc_grace = \"3s\"\nhint_window = \"500ms\"\n";
    let patient = "gc_grace = \"60s\"\nhint_window = \"500ms\"\n";
    let repaired = format!("{knobs}only_purge_repaired = true");
    let timeline = at("1s", "write pet=dog")
        + "[[timeline]]\nat = \"2s\"\ndo = \"isolate n3\"\nuntil = \"13s\"\n"
        + &at("6s", "delete pet at n1")
        + &at("15s", "read pet at n3 level one");
    let zombies = "lines = \"ZOMBIE\"\n";
    holds(&peers(
        &conditions(3, ""),
        &[("hasty", knobs), ("patient", patient), ("repaired", &repaired)],
        &timeline,
        &[
            ("hasty", "metric = \"resurrected\"\nequals = 1"),
            ("hasty", &format!("{zombies}equals = 1")),
            ("hasty", "lines = \"TOMB_PURGE\"\nat_least = 1"),
            ("patient", "metric = \"resurrected\"\nequals = 0"),
            ("repaired", "metric = \"resurrected\"\nequals = 0"),
            ("repaired", "lines = \"TOMB_PURGE\"\nequals = 0"),
        ],
    ));
}

/// n1, n2 and n3 own the key. The write goes through n4, which reaches n1 and a stand-in; the read meets n2 and n3.
#[test]
fn a24_a_sloppy_quorum_does_not_overlap() {
    let knobs = "ring = \"even1\"\n";
    let sloppy = format!("{knobs}quorum = \"sloppy\"");
    let owners = format!("{knobs}quorum = \"sloppy-primary\"\npw = 2");
    let timeline = at("1s", "write k0=old at n4")
        + &at("3s", "partition n1,n4,n5 | n2,n3")
        + &at("7s", "write k0=new at n4")
        + &at("8s", "read k0 at n2 level quorum");
    let quiet = "[cluster]\nnodes = 5\n[workload]\nkind = \"none\"";
    holds(&peers(
        quiet,
        &[("strict", knobs), ("sloppy", &sloppy), ("owners", &owners)],
        &timeline,
        &[
            ("strict", "metric = \"stale_reads\"\nequals = 0"),
            ("strict", "metric = \"acked_writes\"\nequals = 1"),
            ("sloppy", "metric = \"stale_reads\"\nequals = 1"),
            ("sloppy", "metric = \"acked_writes\"\nequals = 2"),
            ("owners", "metric = \"stale_reads\"\nequals = 0"),
            ("owners", "metric = \"acked_writes\"\nequals = 1"),
        ],
    ));
}

/// Owners of k1 are n2, n3 and n4. The write is on n4 alone when a reader meets it there, and the next one, who asks
/// n3 and n2, does not: reads go back in time though R + W > N.
#[test]
fn a25_a_strict_quorum_goes_back_in_time_without_read_repair() {
    let knobs = "ring = \"even1\"\nspeculative = \"off\"\nwrite_timeout = \"2s\"\nread_timeout = \"2s\"\n";
    let none = format!("{knobs}read_repair = \"none\"");
    let timeline = at("1s", "write k1=old at n1")
        + &at("5s", "delay n1>n2,n3 +900ms")
        + &at("6s", "write k1=new at n1")
        + &at("6.1s", "read k1 at n4 level quorum")
        + &at("6.2s", "read k1 at n3 level quorum");
    let quiet = "[cluster]\nnodes = 4\n[workload]\nkind = \"none\"";
    let text = peers(quiet, &[("none", &none), ("blocking", knobs)], &timeline, &[]);
    for seed in 1..=20 {
        let answers = told(&text, seed, "read k1");
        assert!(answers[0][0].ends_with("new") && answers[0][1].ends_with("old"), "seed {seed}: {answers:?}");
        assert!(answers[1].iter().all(|answer| answer.ends_with("new")), "seed {seed}: {answers:?}");
    }
}

/// A write that timed out was not undone: its value is read later.
#[test]
fn a26_a_failed_write_comes_back() {
    let timeline = at("1s", "write k=old")
        + &at("3s", "pause n3")
        + &at("3.05s", "write k=new at n1")
        + &at("5s", "read k at n2 level quorum");
    let quiet = "[cluster]\nnodes = 3\n[workload]\nkind = \"none\"";
    let runs = [("all", "w = 3\nhints = false"), ("two", "w = 2\nhints = false")];
    let expectations = [
        ("all", "lines = \"W_TIMEOUT\"\nequals = 1"),
        ("all", "metric = \"unknown_ops\"\nequals = 1"),
        ("two", "metric = \"unknown_ops\"\nequals = 0"),
    ];
    let text = peers(quiet, &runs, &timeline, &expectations);
    holds(&text);
    for seed in 1..=20 {
        for answers in told(&text, seed, "read k ") {
            assert!(answers[0].ends_with("new"), "seed {seed}: {answers:?}");
        }
    }
}

/// Hints for a node that was away: what was kept is what was written for it, and it comes at the throttle's pace.
#[test]
fn a27_hints_are_as_many_as_the_writes_that_were_missed() {
    let knobs = "ring = \"even1\"\nhint_window = \"30s\"\nhint_throttle = ";
    let (open, throttled) = (format!("{knobs}\"off\""), format!("{knobs}\"20KiB/s\""));
    let load = "rate = 400\nwrites = 0.5\nkeys = 100\nclients = 8\nvalue_bytes = 1024\n\
        attach = [\"n1\", \"n2\", \"n4\", \"n5\"]";
    let timeline = "[[timeline]]\nat = \"2s\"\ndo = \"isolate n3\"\nuntil = \"12s\"\n";
    let peak = "metric = \"hints_peak_bytes\"\n";
    holds(&peers(
        &format!("[cluster]\nnodes = 5\n[workload]\n{load}"),
        &[("open", &open), ("throttled", &throttled)],
        timeline,
        &[
            // 200 writes/s, three of five of them for n3, and 1 056 B each, for 10 s and until it is known to
            // be back: 1.27 MB and a little.
            ("open", &format!("{peak}between = [1100000, 1600000]")),
            ("throttled", &format!("{peak}at_least = 1070000")),
            ("open", "metric = \"converged\"\nequals = 1"),
            ("open", &format!("{peak}during = [\"14s\", \"15s\"]\nat_most = 1000")),
            ("throttled", &format!("{peak}during = [\"14s\", \"15s\"]\nat_least = 700000")),
        ],
    ));
}

/// The outage outlasts the window. Nobody has kept what was missed; only a comparison finds it.
#[test]
fn a28_what_no_hint_holds_only_repair_brings_back() {
    let knobs = "ring = \"even1\"\nhint_window = \"500ms\"\nread_repair = \"none\"\nr = 1\n";
    let by_clock = format!("{knobs}anti_entropy = \"1s\"");
    let timeline = "[[timeline]]\nat = \"3s\"\ndo = \"isolate n3\"\nuntil = \"9s\"\n".to_owned()
        + &at("8.5s", "workload writes=0")
        + &at("15s", "[by-hand] repair");
    let after = "metric = \"stale_reads\"\nduring = [\"17s\", \"20s\"]\n";
    holds(&peers(
        &conditions(5, ""),
        &[("none", knobs), ("by-hand", knobs), ("by-clock", &by_clock)],
        &timeline,
        &[
            ("none", "lines = \"HINT_DROP\"\nat_least = 1"),
            ("none", "metric = \"converged\"\nequals = 0"),
            ("none", &format!("{after}at_least = 10")),
            ("by-hand", "metric = \"converged\"\nequals = 1"),
            ("by-hand", &format!("{after}equals = 0")),
            ("by-hand", "lines = \"AE_DIFF\"\nat_least = 1"),
            ("by-hand", "metric = \"overstream\"\nat_least = 1"),
            ("by-clock", "metric = \"converged\"\nequals = 1"),
            ("by-clock", &format!("{after}equals = 0")),
        ],
    ));
}

/// The deeper the tree, the less is streamed for nothing, and the more hashes are sent.
#[test]
fn a_deeper_tree_streams_less_for_nothing() {
    let knobs = "ring = \"even1\"\nhint_window = \"100ms\"\nread_repair = \"none\"\nmerkle_depth = ";
    let (flat, deep) = (format!("{knobs}2"), format!("{knobs}12"));
    let load = "rate = 100\nwrites = 0.5\nkeys = 2000\nclients = 10";
    let timeline = "[[timeline]]\nat = \"5s\"\ndo = \"isolate n3\"\nuntil = \"9s\"\n".to_owned()
        + &at("12s", "workload writes=0")
        + &at("15s", "repair");
    holds(&peers(
        &format!("[cluster]\nnodes = 3\n[workload]\n{load}"),
        &[("flat", &flat), ("deep", &deep)],
        &timeline,
        &[
            ("flat", "metric = \"overstream\"\nat_least = 500"),
            ("deep", "metric = \"overstream\"\ncompared_to = \"flat\"\nat_most = 0.4"),
            ("deep", "metric = \"merkle_bytes\"\ncompared_to = \"flat\"\nat_least = 5"),
            ("flat", "metric = \"converged\"\nequals = 1"),
            ("deep", "metric = \"converged\"\nequals = 1"),
        ],
    ));
}

/// One key in a hundred has most of the load; its owners carry it.
#[test]
fn a35_a_hot_key_loads_its_owners() {
    let knobs = "ring = \"even1\"\nr = 1\nw = 1\n";
    let load = |distribution: &str| {
        let load = "rate = 1000\nwrites = 0.5\nkeys = 99\nclients = 9";
        format!("[cluster]\nnodes = 9\n[workload]\n{load}\n{distribution}")
    };
    let imbalance = "metric = \"load_imbalance\"\n";
    let zipf = load("distribution = { zipf = 1.2 }");
    holds(&peers(&zipf, &[("hot", knobs)], "", &[("hot", &format!("{imbalance}at_least = 1.2"))]));
    holds(&peers(&load(""), &[("even", knobs)], "", &[("even", &format!("{imbalance}at_most = 1.1"))]));
}

/// The twin: a primary has the load of all keys, whichever is hot.
#[test]
fn a35_twin_a_primary_is_as_hot_as_all_keys_together() {
    for distribution in ["distribution = { zipf = 1.2 }", ""] {
        let load =
            format!("[cluster]\nnodes = 9\n[workload]\nrate = 300\nwrites = 0.5\nkeys = 99\n{distribution}");
        let hot = expect("one", "metric = \"load_imbalance\"\nat_least = 2.5");
        holds(&scenario_of("primary-replica", &load, &[("one", "ack = \"majority\"")], "", &hot));
    }
}

/// Phi 8 is 18.4 mean intervals of silence: with a round of 200 ms the mean is a little more than that.
#[test]
fn heartbeats_convict_late_and_each_node_for_itself() {
    let phi = "detector = \"phi\"";
    let timeline = at("8s", "crash n5") + "[[timeline]]\nat = \"14s\"\ndo = \"restart n5\"\n";
    let down = |from: u32, to: u32| format!("lines = \"PEER_DOWN\"\nduring = [\"{from}s\", \"{to}s\"]\n");
    holds(&peers(
        &conditions(5, ""),
        &[("swim", ""), ("phi", phi)],
        &timeline,
        &[
            ("swim", &format!("{}equals = 4", down(8, 11))),
            ("phi", &format!("{}equals = 0", down(0, 11))),
            ("phi", &format!("{}equals = 4", down(11, 14))),
            ("phi", "lines = \"PEER_SUSPECT\"\nequals = 0"),
            ("phi", "lines = \"PEER_UP\"\nequals = 4"),
            ("phi", "metric = \"converged\"\nequals = 1"),
        ],
    ));
}

/// A word that is passed on by each who hears it to three others has gone round after some log(n) rounds.
#[test]
fn the_news_of_a_crash_goes_round_in_a_few_rounds() {
    let quiet = |nodes: u32| format!("[cluster]\nnodes = {nodes}\n[workload]\nkind = \"none\"");
    let timeline = at("2s", "crash n7");
    let suspects = |to: &str| format!("lines = \"PEER_SUSPECT\"\nduring = [\"2s\", \"{to}\"]\n");
    for nodes in [50_u32, 200] {
        // Someone probes n7 every fifth of a second, and finds out two probe intervals later at the latest; then
        // it is 100 ms a round, each who knows telling three.
        let all = nodes - 1;
        let text = peers(
            &quiet(nodes),
            &[("swim", "")],
            &timeline,
            &[("swim", &format!("{}between = [{}, {}]", suspects("4.4s"), all * 99 / 100, all * 11 / 10))],
        );
        holds(&text);
    }
}

/// In rounds of 100 ms, from the first who suspects a crashed node to 99 of 100. Everybody has a beat of his own and tells
/// three others a round, and up to as many again with probes, their answers, and what he finds out himself. Told at a
/// rate of r a round, those who know grow as e^(r t), and those who do not shrink as e^(-r t): ln n / r rounds until
/// half of them know, and ln 100 / r more, or ln n / r where there are fewer.
#[test]
fn a_suspicion_takes_the_rounds_of_the_epidemic() {
    for nodes in [50_usize, 200] {
        let text = peers(
            &format!("[cluster]\nnodes = {nodes}\n[workload]\nkind = \"none\""),
            &[("swim", "")],
            &at("2s", "crash n7"),
            &[],
        );
        let scenario = loaded(&text);
        let rounds: Vec<f64> = (1..=10).map(|seed| rounds_of_suspicion(&reseeded(&scenario, seed))).collect();
        let mean = rounds.iter().sum::<f64>() / rounds.len() as f64;
        let size = nodes as f64;
        let rounds_at = |rate: f64| (size.ln() + size.min(100.0).ln()) / rate;
        let (least, most) = (rounds_at(6.0), rounds_at(3.0));
        assert!((least..=most).contains(&mean), "{nodes} nodes: {least} to {most}, came {mean}, {rounds:?}");
    }
}

fn rounds_of_suspicion(scenario: &Scenario) -> f64 {
    let mut player = Player::new(Arc::new(scenario.clone()), HostKind::Inline).expect("a world");
    player.advance(VirtualTime(6_000_000));
    let publish = publish_once(&mut player);
    let nodes = &publish.runs[0].view.nodes;
    let suspected = nodes.iter().filter_map(|node| {
        let mut lines = node.lines.iter();
        lines.find(|stamped| stamped.line.code() == "PEER_SUSPECT").map(|stamped| stamped.at)
    });
    let mut at: Vec<VirtualTime> = suspected.collect();
    at.sort_unstable();
    let most = at[(nodes.len() - 1) * 99 / 100 - 1];
    most.since(at[0]).0 as f64 / 100_000.0
}

/// Three copies in each of two sites 30 ms apart: who asks its own site alone pays no way, goes on through a cut
/// between the sites, and reads there what the other side has not sent yet.
#[test]
fn a_local_quorum_stays_in_its_site() {
    let sites = "[cluster]\nnodes = 6\nsites = { east = [\"n1\", \"n2\", \"n3\"], west = [\"n4\", \"n5\", \"n6\"] }\n\
        [network]\nbetween_sites = \"30ms\"\n[workload]\nrate = 200\nwrites = 0.5\nkeys = 100\nclients = 12";
    let knobs = "strategy = \"per-site\"\nn = 3\nlevel = ";
    let (local, whole) = (format!("{knobs}\"local-quorum\""), format!("{knobs}\"quorum\""));
    let timeline = at("8s", "partition n1,n2,n3 | n4,n5,n6") + &at("14s", "heal");
    let (calm, cut) = ("during = [\"1s\", \"8s\"]\n", "during = [\"11s\", \"14s\"]\n");
    holds(&peers(
        sites,
        &[("local", &local), ("whole", &whole)],
        &timeline,
        &[
            ("local", "metric = \"copies\"\nequals = 6"),
            ("local", &format!("metric = \"write_p99_ms\"\n{calm}at_most = 20")),
            ("whole", &format!("metric = \"write_p50_ms\"\n{calm}at_least = 60")),
            ("local", &format!("metric = \"avail_write_pct\"\n{cut}equals = 100")),
            ("whole", &format!("metric = \"avail_write_pct\"\n{cut}equals = 0")),
            ("local", &format!("metric = \"stale_reads\"\n{cut}at_least = 20")),
            ("whole", "metric = \"stale_reads\"\nequals = 0"),
            ("local", "metric = \"converged\"\nequals = 1"),
        ],
    ));
}

/// All owners of k0 are gone. Only a level that takes a hint for a copy accepts the write, and nobody can read it
/// until one of them is back.
#[test]
fn any_takes_a_hint_for_a_copy() {
    let quiet = "[cluster]\nnodes = 5\n[workload]\nkind = \"none\"";
    let timeline = at("1s", "crash n1")
        + &at("1s", "crash n2")
        + &at("1s", "crash n3")
        + &at("6s", "write k0=a at n4 level one")
        + &at("7s", "write k0=b at n4 level any")
        + &at("8s", "read k0 at n4 level one")
        + &at("10s", "heal")
        + &at("14s", "read k0 at n4 level all");
    let text = peers(quiet, &[("any", "ring = \"even1\"")], &timeline, &[]);
    for seed in 1..=20 {
        let writes = told(&text, seed, "write k0").concat();
        assert!(
            writes[0].contains("fewer owners") || writes[0].contains("unavailable"),
            "seed {seed}: {writes:?}"
        );
        assert!(writes[1].contains("ok in"), "seed {seed}: {writes:?}");
        let reads = told(&text, seed, "read k0").concat();
        assert!(!reads[0].ends_with("-> b") && reads[1].ends_with("-> b"), "seed {seed}: {reads:?}");
    }
}

/// `like` sets what it says, in both profiles.
#[test]
fn a_cassandra_cluster_is_a_word() {
    let timeline = at("5s", "crash n3") + &at("12s", "restart n3");
    holds(&peers(
        &conditions(5, ""),
        &[("quorum", "like = \"cassandra-quorum\""), ("one", "like = \"cassandra-one\"")],
        &timeline,
        &[
            ("quorum", "metric = \"stale_reads\"\nequals = 0"),
            ("one", "metric = \"stale_reads\"\nat_least = 1"),
            ("quorum", "metric = \"lost_acked\"\nequals = 0"),
            ("one", "metric = \"converged\"\nequals = 1"),
        ],
    ));
}

/// With three nodes left for three copies, everyone keeps every key; the one that left keeps none.
#[test]
fn a_node_that_has_left_owes_no_copy() {
    holds(&peers(
        &conditions(4, ""),
        &[("four", "")],
        &at("5s", "decommission n4"),
        &[("four", "checker = \"converged\"\nverdict = \"pass\"")],
    ));
}

/// Four nodes a site, three of the near ones down: no local quorum, whoever keeps mail for the owners elsewhere.
#[test]
fn far_stand_ins_are_no_local_quorum() {
    let world = "[cluster]\nnodes = 8\nsites = { east = [\"n1\",\"n2\",\"n3\",\"n4\"], west = [\"n5\",\"n6\",\"n7\",\"n8\"] }\n\
                 [network]\nbetween_sites = \"20ms\"\n[workload]\nrate = 100\nwrites = \"100%\"\nkeys = 40\nattach = [\"n1\"]";
    let knobs = "strategy = \"per-site\"\nn = 3\nlevel = \"local-quorum\"\n";
    let (strict, sloppy) = (format!("{knobs}quorum = \"strict\""), format!("{knobs}quorum = \"sloppy\""));
    let timeline: String = ["n2", "n3", "n4"].map(|node| at("5s", &format!("crash {node}"))).concat();
    let late = "metric = \"avail_write_pct\"\nduring = [\"9s\", \"20s\"]\nequals = 0";
    holds(&peers(
        world,
        &[("strict", &strict), ("sloppy", &sloppy)],
        &timeline,
        &[("strict", late), ("sloppy", late)],
    ));
}

/// A client that was told which node to ask waits for that one, however often it asks again.
#[test]
fn an_operation_for_one_node_is_answered_by_no_other() {
    let world = "[cluster]\nnodes = 3\n[workload]\nkind = \"none\"\ntimeout = \"1s\"\nretries = 4";
    let timeline = at("1s", "pause n1") + &at("2s", "write x=5 at n1");
    let answers = told(&peers(world, &[("peers", "")], &timeline, &[]), 1, "write x=5 at n1");
    assert_eq!(answers[0], ["write x=5 at n1: unknown: no answer"]);
}
