//! Writes that are passed on (Demers et al. 1987): how long that takes and what it costs on each overlay, against the
//! closed forms, on several seeds.
//!
//! Rounds of 100 ms begin at the same instants everywhere, links take 1 ms, and one write is taken by `n1` just after a
//! round has begun. It is told first when the next round begins, a whole round later, so that after as many rounds
//! as the farthest node is edges away it is everywhere.

use super::stage::{at, expect, holds, loaded, scenario_of, told};
use splitbrain::base::metric::{Metric, MetricSet};
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::verdict::play_out;
use splitbrain::headless::reseeded;
use std::sync::Arc;

const ROUNDS: &str = "spread = \"gossip\"\nrounds = \"together\"\ndetector = \"none\"\n";

/// `nodes` nodes and one write.
fn one_write(nodes: usize, duration: &str, runs: &[(&str, &str)], expectations: &str) -> String {
    let conditions = format!(
        "settle = \"1ms\"\n[cluster]\nnodes = {nodes}\n[network]\ndelay = \"1ms\"\n[workload]\nkind = \"none\""
    );
    let runs: Vec<(&str, String)> =
        runs.iter().map(|(id, knobs)| (*id, format!("{ROUNDS}{knobs}"))).collect();
    let runs: Vec<(&str, &str)> = runs.iter().map(|(id, knobs)| (*id, knobs.as_str())).collect();
    let text = scenario_of("peer-to-peer", &conditions, &runs, &at("1s", "write k=v at n1"), expectations);
    text.replace("duration = \"20s\"", &format!("duration = \"{duration}\""))
}

/// What the first run of `text` came to on each of the seeds.
fn measured(text: &str, seeds: std::ops::RangeInclusive<u64>) -> Vec<MetricSet> {
    let scenario = loaded(text);
    let play = |seed| {
        let judgement = play_out(&Arc::new(reseeded(&scenario, seed)), HostKind::Inline).expect("a world");
        judgement.runs[0].metrics.clone()
    };
    seeds.map(play).collect()
}

/// Distances and edges are those of the graphs: all of them have two colours, so that no two nodes tell each other the
/// same thing in the same round, and every edge is crossed once. A rumour is answered, and the client's two are added.
#[test]
fn a_write_is_everywhere_after_as_many_rounds_as_the_farthest_node_is_away() {
    for (nodes, overlay, rounds, edges) in [
        (100, "ring", 50, 100),
        (400, "ring", 200, 400),
        (100, "line", 99, 99),
        (100, "grid", 18, 180),
        (400, "grid", 38, 760),
        (900, "grid", 58, 1_740),
        (63, "tree", 5, 62),
        (1_000, "tree", 9, 999),
    ] {
        let run = [(overlay, &*format!("overlay = \"{overlay}\"\nfanout = \"all\"\n"))];
        let expectations = [
            format!("metric = \"spread_ms_p50\"\nbetween = [{}, {}]", rounds * 100 - 5, rounds * 100 + 5),
            format!("metric = \"msgs_per_write\"\nequals = {}", 2 * edges + 2),
            "metric = \"residue_pct\"\nequals = 0".to_owned(),
        ];
        let expectations: String = expectations.iter().map(|what| expect(overlay, what)).collect();
        let scenario = loaded(&one_write(nodes, "22s", &run, &expectations));
        let judgement = play_out(&Arc::new(scenario), HostKind::Inline).expect("a world");
        for met in &judgement.expectations {
            assert!(met.is_met, "{nodes} nodes, {overlay}: {} wanted {}", met.came, met.wanted);
        }
    }
}

/// Four random neighbours: nodes at distance d are 4 x 3^(d - 1) at most, so a thousand need more than six rounds, and
/// the last few are found within three more. An edge is told from both ends at most.
#[test]
fn four_random_neighbours_reach_a_thousand_nodes_in_seven_to_nine_rounds() {
    let text = one_write(1_000, "4s", &[("random", "overlay = \"random\"\nneighbours = 4\n")], "");
    for figures in measured(&text, 1..=4) {
        let rounds = figures.get(Metric::SpreadMsP50).expect("everywhere") / 100.0;
        assert!((6.9..=9.1).contains(&rounds), "{rounds}");
        let messages = figures.get(Metric::MsgsPerWrite).expect("one write");
        assert!((2.0 * 1_990.0..2.0 * 3_100.0).contains(&messages), "{messages}");
    }
}

/// Each round everyone who knows tells one node at random: log2 n + ln n rounds and a few (Pittel 1987).
#[test]
fn telling_one_random_node_a_round_takes_log2_n_and_ln_n_rounds() {
    for (nodes, wanted) in [(64, 10.2), (256, 13.5), (512, 15.2)] {
        let knobs = "overlay = \"full\"\nfanout = 1\nlose_interest = \"never\"\n";
        let text = one_write(nodes, "3500ms", &[("full", knobs)], "");
        let rounds: Vec<f64> = measured(&text, 1..=6)
            .iter()
            .map(|figures| figures.get(Metric::SpreadMsP50).expect("everywhere") / 100.0)
            .collect();
        let mean = rounds.iter().sum::<f64>() / rounds.len() as f64;
        assert!((mean - wanted).abs() <= 2.0, "{nodes} nodes: {mean} rounds on average, {rounds:?}");
    }
}

/// Who has told k nodes in vain stops (Demers et al. 1987, rumor mongering by push, feedback and counter). The residue s
/// that hears nothing solves s = e^(-(k + 1)(1 - s)), and each node is told m times with s = e^(-m).
#[test]
fn a_rumour_that_loses_interest_leaves_the_residue_of_the_epidemic() {
    const NODES: usize = 400;
    for (k, residue, tolerance) in [(1, 20.3, 0.12), (2, 5.95, 0.2), (3, 1.98, 0.35)] {
        let knobs = format!("overlay = \"full\"\nfanout = 1\nlose_interest = {k}\n");
        let figures = measured(&one_write(NODES, "4s", &[("full", &knobs)], ""), 1..=8);
        let mean = |metric: Metric| {
            let values = figures.iter().map(|figures| figures.get(metric).expect("one write"));
            values.sum::<f64>() / figures.len() as f64
        };
        let (missed, told) =
            (mean(Metric::ResiduePct), (mean(Metric::MsgsPerWrite) - 2.0) / 2.0 / NODES as f64);
        assert!((missed / residue - 1.0).abs() <= tolerance, "k = {k}: {missed} %, not {residue} %");
        let expected = -(residue / 100.0_f64).ln();
        assert!((told / expected - 1.0).abs() <= 0.05, "k = {k}: told {told} times, not {expected}");
    }
}

/// Who asks hears late news sooner than who waits to be told: of those that lack it, a share s is left with s^2 after a
/// round, so both together need half the rounds of push alone.
#[test]
fn asking_and_telling_at_once_is_faster_than_telling() {
    let of = |exchange: &str| {
        let knobs = format!("overlay = \"full\"\nfanout = 1\nexchange = \"{exchange}\"\n");
        let text = one_write(300, "4s", &[("full", &knobs)], "");
        let times = measured(&text, 1..=5);
        times.iter().map(|figures| figures.get(Metric::SpreadMsP50).unwrap_or(4_000.0)).sum::<f64>() / 5.0
    };
    let (push, pull, both) = (of("push"), of("pull"), of("push-pull"));
    assert!(both < 0.75 * push && pull < push, "push {push} ms, pull {pull} ms, both {both} ms");
}

/// Nodes that were cut off, crashed, or told by links that lose a third of everything: nothing stays behind, though
/// every write was acknowledged by one node.
#[test]
fn what_is_told_in_vain_is_told_again() {
    let conditions = "[cluster]\nnodes = 12\n[workload]\nrate = 5\nwrites = 1.0\nkeys = 30\nclients = 12";
    let timeline = at("2s", "loss all 33%")
        + &at("4s", "partition n1,n2,n3 | n4,n5,n6,n7,n8,n9,n10,n11,n12")
        + &at("6s", "crash n9 power")
        + "[[timeline]]\nat = \"8s\"\ndo = \"crash n5\"\nuntil = \"12s\"\n";
    let knobs =
        |overlay: &str| format!("spread = \"gossip\"\ndetector = \"none\"\noverlay = \"{overlay}\"\n");
    let ring = knobs("ring");
    let dotted = knobs("random") + "conflict = \"dotted\"";
    let full = knobs("full") + "anti_entropy = \"1s\"\nexchange = \"push-pull\"";
    let runs = [("ring", &*ring), ("dotted", &*dotted), ("full", &*full)];
    let expectations: String = runs
        .iter()
        .flat_map(|(run, _)| {
            ["metric = \"converged\"\nequals = 1", "metric = \"lost_vanished\"\nequals = 0"]
                .map(|what| expect(run, what))
        })
        .collect();
    let text = scenario_of("peer-to-peer", conditions, &runs, &timeline, &expectations);
    holds(&text.replace("duration = \"20s\"", "duration = \"20s\"\nsettle = \"30s\""));
}

/// Every node counts for itself, and the sum is the same everywhere: nothing lost and nothing twice, through a cut.
#[test]
fn a_gossiped_counter_counts_everything_once() {
    let conditions = "[cluster]\nnodes = 9\n[workload]\nkind = \"counter\"\nrate = 20\nwrites = 0.9\nkeys = 3\n\
        clients = 9";
    let cut = "[[timeline]]\nat = \"4s\"\ndo = \"partition n1,n2,n3 | n4,n5,n6,n7,n8,n9\"\nuntil = \"9s\"\n";
    let run = "counter";
    let expectations: String = [
        "metric = \"avail_write_pct\"\nequals = 100",
        "metric = \"lost_acked\"\nequals = 0",
        "metric = \"counted_twice\"\nequals = 0",
        "metric = \"converged\"\nequals = 1",
    ]
    .iter()
    .map(|what| expect(run, what))
    .collect();
    let runs = [(run, "like = \"gossip-counter\"")];
    holds(&scenario_of("peer-to-peer", conditions, &runs, cut, &expectations));
}

/// CouchDB's rule: all databases pick the branch with the longest history, keep the other, and show it when the winner
/// is deleted. Who resolves ends the other branch as well.
#[test]
fn couchdb_shows_the_loser_when_the_winner_is_deleted() {
    let conditions = "[cluster]\nnodes = 4\n[workload]\nkind = \"none\"";
    let cut = "[[timeline]]\nat = \"2s\"\ndo = \"partition n1,n2 | n3,n4\"\nuntil = \"5s\"\n";
    let story = at("1s", "write doc=first at n1")
        + cut
        + &at("3s", "write doc=short at n1")
        + &at("3s", "write doc=long at n3")
        + &at("4s", "write doc=longer at n3")
        + &at("7s", "read doc at n1")
        + &at("7s", "read doc at n4");
    let deleted = story.clone() + &at("8s", "delete doc at n2") + &at("10s", "read doc at n4");
    let resolved = story
        + &at("8s", "resolve doc=merged at n2")
        + &at("10s", "read doc at n4")
        + &at("11s", "delete doc at n1")
        + &at("13s", "read doc at n3");
    let runs = [("couch", "like = \"couchdb-sync\"")];
    let ends = |answer: &String| answer.rsplit("-> ").next().unwrap_or_default().to_owned();
    for seed in 1..=5 {
        let after = |timeline: &str| -> Vec<String> {
            let text = scenario_of("peer-to-peer", conditions, &runs, timeline, "");
            told(&text, seed, "read doc").concat().iter().map(ends).collect()
        };
        let answers = after(&deleted);
        assert!(answers[0].contains("longer") && answers[0].contains("short"), "{answers:?}");
        assert_eq!(answers[0], answers[1], "the same on both sides");
        assert_eq!(answers[2], "short", "{answers:?}");
        let answers = after(&resolved);
        assert_eq!(answers[2], "merged", "{answers:?}");
        assert!(answers[3].ends_with("no value"), "{answers:?}");
    }
}

/// Who asks for more than one copy is coordinated as without gossip: it waits for a majority of all nodes, or for all of
/// them, and a majority that reads meets one that wrote at once, though a line of nodes would take seconds to tell.
/// One that is written alone is read stale meanwhile.
#[test]
fn an_operation_may_ask_for_more_copies_than_one_and_waits_for_them() {
    let conditions = "[cluster]\nnodes = 9\n[network]\ndelay = \"1ms\"\n[workload]\nkind = \"none\"";
    let timeline = at("1s", "write a=one at n1")
        + &at("1.1s", "read a at n9 level one")
        + &at("2s", "write b=quorum at n1 level quorum")
        + &at("2.1s", "read b at n9 level quorum")
        + &at("3s", "write c=all at n1 level all")
        + &at("3.1s", "read c at n9 level one")
        + "[[timeline]]\nat = \"4s\"\ndo = \"crash n9\"\nuntil = \"9s\"\n"
        + &at("5s", "write d=all at n1 level all")
        + &at("6s", "write d=most at n1 level quorum")
        + "[[timeline]]\nat = \"7s\"\ndo = \"partition n1,n2,n3 | n4,n5,n6,n7,n8\"\nuntil = \"8500ms\"\n"
        + &at("7.5s", "write e=few at n1 level quorum")
        + &at("8s", "write e=alone at n1");
    let knobs = "spread = \"gossip\"\noverlay = \"line\"\ndetector = \"none\"";
    let expectations = expect("line", "key = \"d\"\nholds = \"most\"")
        + &expect("line", "key = \"e\"\nholds = \"alone\"")
        + &expect("line", "metric = \"lost_acked\"\nequals = 0")
        + &expect("line", "metric = \"converged\"\nequals = 1");
    let text = scenario_of("peer-to-peer", conditions, &[("line", knobs)], &timeline, &expectations);
    holds(&text);
    for seed in 1..=20 {
        let reads = told(&text, seed, "read").concat();
        let wanted = ["read a at n9: no value", "read b at n9: -> quorum", "read c at n9: -> all"];
        assert_eq!(reads, wanted, "seed {seed}");
        let writes = told(&text, seed, "write").concat();
        let is_ok: Vec<bool> = writes.iter().map(|write| write.contains("ok in")).collect();
        assert_eq!(is_ok, [true, true, true, false, true, false, true], "seed {seed}: {writes:?}");
    }
}

/// An overlay has no place for nodes that come, and a ring of three copies none for a cluster that keeps all.
#[test]
fn nobody_joins_or_leaves_an_overlay() {
    let conditions = "[cluster]\nnodes = 5\n[workload]\nkind = \"none\"";
    let timeline = at("1s", "add-node") + &at("2s", "decommission n2") + &at("3s", "write k=v at n1");
    let expectations = expect("gossip", "metric = \"copies\"\nequals = 5")
        + &expect("gossip", "metric = \"converged\"\nequals = 1");
    let runs = [("gossip", "spread = \"gossip\"")];
    let scenario = loaded(&scenario_of("peer-to-peer", conditions, &runs, &timeline, &expectations));
    let judgement = play_out(&Arc::new(scenario), HostKind::Inline).expect("a world");
    assert_eq!(judgement.refused.len(), 2, "{:?}", judgement.refused);
    assert!(judgement.expectations.iter().all(|met| met.is_met), "{:?}", judgement.expectations);
}

/// Three hundred keys change all the time, a message takes 64 of them: what was written once is told in its turn.
#[test]
fn what_changes_all_the_time_does_not_silence_the_rest() {
    let text = scenario_of(
        "peer-to-peer",
        "[cluster]\nnodes = 5\n[workload]\nrate = 2000\nwrites = \"100%\"\nkeys = 300",
        &[("ring", "spread = \"gossip\"\noverlay = \"ring\"\nfanout = \"all\"\nanti_entropy = \"off\"")],
        &(at("2s", "write zzz=1 at n1") + &at("6s", "read zzz at n2")),
        "",
    )
    .replace("duration = \"20s\"", "duration = \"7s\"");
    let answers = told(&text, 7, "read zzz");
    assert!(answers[0][0].contains("-> 1"), "{answers:?}");
}
