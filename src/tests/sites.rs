//! Several sites that write (multi-leader): what they never wait for, and what that costs. A36 of replication.md
//! section 4 with its cure, and the promises of each site's own group, on the seeds 1 to 20.

use super::stage::{at, expect, holds, loaded, scenario_of, told};
use splitbrain::base::fate::WriteFate;
use splitbrain::base::time::VirtualTime;
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::frame::MarkerKind;
use splitbrain::driver::player::Player;
use splitbrain::driver::verdict::play_out;
use splitbrain::scenario::presets::load;
use std::sync::Arc;

/// Two sites of three nodes, 40 ms apart, under a load of one kind.
fn two_sites(workload: &str) -> String {
    format!(
        "[cluster]\nnodes = 6\nsites = {{ east = [\"n1\", \"n2\", \"n3\"], west = [\"n4\", \"n5\", \"n6\"] }}\n\
         [network]\nbetween_sites = \"40ms\"\n[workload]\nclients = 12\n{workload}\n"
    )
}

/// Multi-leader runs between two sites.
fn sites(workload: &str, runs: &[(&str, &str)], timeline: &str, expectations: &str) {
    holds(&scenario_of("multi-leader", &two_sites(workload), runs, timeline, expectations));
}

fn metric(run: &str, name: &str, wanted: &str) -> String {
    expect(run, &format!("metric = \"{name}\"\n{wanted}"))
}

fn converged(run: &str) -> String {
    expect(run, "checker = \"converged\"\nverdict = \"pass\"")
}

const REGISTERS: &str = "rate = 200\nwrites = 0.5\nkeys = 50";
const CUT: &str = "[[timeline]]\nat = \"5s\"\nuntil = \"12s\"\ndo = \"partition n1,n2,n3 | n4,n5,n6\"\n";

/// Both sites hand out the next id. Two clients are told that their rows are in; one row is. Ids that interleave need
/// no word between the sites.
#[test]
fn a36_two_sites_hand_out_one_id_and_one_of_two_acknowledged_rows_is_gone() {
    let runs = [("sick", "id_allocation = \"shared\""), ("cured", "id_allocation = \"offset\"")];
    let expectations = metric("sick", "id_collisions", "at_least = 20")
        + &metric("sick", "lost_concurrent", "at_least = 20")
        + &expect("sick", "lines = \"XSITE_ID\"\nat_least = 20")
        + &metric("cured", "id_collisions", "equals = 0")
        + &metric("cured", "lost_acked", "equals = 0")
        + &metric("cured", "acked_writes", "at_least = 500")
        + &converged("sick")
        + &converged("cured");
    sites("kind = \"insert\"\nrate = 50\nwrites = 0.8\nkeys = 10", &runs, "", &expectations);
}

/// The twin of A36: one primary hands out every id, wherever the client lives.
#[test]
fn a36_twin_one_primary_hands_out_every_id_once() {
    let load = two_sites("kind = \"insert\"\nrate = 50\nwrites = 0.8\nkeys = 10");
    let expectations =
        metric("one", "lost_acked", "equals = 0") + &metric("one", "acked_writes", "at_least = 500");
    holds(&scenario_of("primary-replica", &load, &[("one", "ack = \"majority\"")], "", &expectations));
}

#[test]
fn a_cut_between_sites_stops_nobody_and_both_agree_when_it_heals() {
    let cut = "during = [\"5s\", \"12s\"]\n";
    let expectations = metric("lww", "avail_write_pct", &format!("{cut}equals = 100"))
        + &metric("lww", "writable_nodes_max", &format!("{cut}equals = 2"))
        + &metric("lww", "split_brain_ms", "equals = 0")
        + &metric("lww", "conflicts", "at_least = 50")
        + &metric("lww", "lost_acked", "equals = 0")
        + &expect("lww", "lines = \"XSITE_LOST\"\nequals = 2")
        + &expect("lww", "lines = \"XSITE_OK\"\nequals = 2")
        + &converged("lww");
    sites(REGISTERS, &[("lww", "")], CUT, &expectations);
}

/// Every resolver brings the sites together, and each keeps its word about losers.
#[test]
fn whatever_the_resolver_the_sites_agree_in_the_end() {
    let runs = [
        ("priority", "conflict = \"site-priority\""),
        ("crdt", "conflict = \"crdt\""),
        ("history", "conflict = \"longest-history\""),
    ];
    let all: String =
        runs.iter().map(|(id, _)| converged(id) + &metric(id, "conflicts", "at_least = 20")).collect();
    let expectations = all
        + &metric("priority", "lost_inverted", "at_least = 1")
        + &metric("history", "lost_acked", "equals = 0");
    sites(REGISTERS, &runs, CUT, &expectations);
}

/// Writes wait for a majority of their own site; the same nodes as one group wait for one beyond the sea.
#[test]
fn the_distance_between_sites_is_in_no_write_latency() {
    sites(REGISTERS, &[("apart", "")], "", &metric("apart", "write_p99_ms", "at_most = 20"));
    let one = [("one", "ack = \"majority\"")];
    let far = metric("one", "write_p50_ms", "at_least = 80");
    holds(&scenario_of("primary-replica", &two_sites(REGISTERS), &one, "", &far));
}

#[test]
fn a_failover_inside_a_site_loses_nothing_a_majority_had_and_the_new_leader_ships_on() {
    let timeline = at("5s", "crash n1") + &at("9s", "restart n1") + &at("12s", "crash n5");
    let expectations = metric("majority", "lost_acked", "equals = 0")
        + &metric("majority", "failovers", "equals = 1")
        + &expect("majority", "lines = \"XSITE_RESUME\"\nat_least = 1")
        + &metric("majority", "avail_write_pct", "at_least = 85")
        + &converged("majority");
    sites(REGISTERS, &[("majority", "")], &timeline, &expectations);
}

/// What a leader acknowledged alone dies with it, inside the site; it was never shipped, so both sites agree.
#[test]
fn a_site_that_acknowledges_before_its_majority_may_lose_what_it_said() {
    let timeline = at("4500ms", "cut n1>n2,n3") + &at("5s", "crash n1") + &at("9s", "heal");
    let expectations = metric("async", "lost_rolled_back", "at_least = 5")
        + &metric("majority", "lost_acked", "equals = 0")
        + &converged("async");
    sites(REGISTERS, &[("async", "ack = \"async\""), ("majority", "")], &timeline, &expectations);
}

/// A leader whose clock is behind writes under the past: what its clients were told is beaten by what they may have
/// seen before.
#[test]
fn last_write_wins_by_the_clocks_of_leaders() {
    let timeline = at("2s", "clock n4 -500ms");
    let runs = [("lww", ""), ("history", "conflict = \"longest-history\"")];
    let expectations =
        metric("lww", "lost_inverted", "at_least = 20") + &metric("history", "lost_inverted", "equals = 0");
    sites(REGISTERS, &runs, &timeline, &expectations);
}

/// Counters and sets that merge keep what either site did; registers that hold a number keep one site's.
#[test]
fn effects_that_must_survive_any_order_need_types_that_merge() {
    for (kind, keys) in [("counter", 3), ("set", 10)] {
        let runs = [("lww", ""), ("crdt", "conflict = \"crdt\"")];
        let expectations = metric("lww", "lost_concurrent", "at_least = 20")
            + &metric("crdt", "lost_acked", "equals = 0")
            + &converged("crdt");
        let load = format!("kind = \"{kind}\"\nrate = 100\nwrites = 0.9\nkeys = {keys}");
        sites(&load, &runs, CUT, &expectations);
    }
}

/// CouchDB's way: both sites show the same version, the other stays readable beside it until someone decides.
#[test]
fn the_loser_of_a_conflict_stays_readable_until_someone_resolves_it() {
    let timeline = at("2s", "partition n1,n2,n3 | n4,n5,n6")
        + &at("3s", "write x=1 at n1")
        + &at("3s", "write x=2 at n4")
        + &at("5s", "heal")
        + &at("9s", "read x at n1")
        + &at("9s", "read x at n4")
        + &at("10s", "resolve x=3 at n4")
        + &at("14s", "read x at n1");
    let load = two_sites("kind = \"none\"");
    let runs = [("history", "conflict = \"longest-history\""), ("priority", "conflict = \"site-priority\"")];
    let answers = told(&scenario_of("multi-leader", &load, &runs, &timeline, ""), 1, "read x");
    let [both, one] = answers.as_slice() else { panic!("two runs: {answers:?}") };
    let shown = |answer: &str| answer.split_once("-> ").map(|(_, shown)| shown.to_owned());
    assert_eq!(shown(&both[0]), shown(&both[1]), "the same at both sites: {both:?}");
    assert!(["1 | 2", "2 | 1"].contains(&shown(&both[0]).as_deref().unwrap_or("")), "{both:?}");
    assert_eq!(shown(&both[2]).as_deref(), Some("3"), "{both:?}");
    let told: Vec<_> = one.iter().map(|answer| shown(answer)).collect();
    assert_eq!(told, [Some("1".into()), Some("1".into()), Some("3".into())], "the first site's: {one:?}");
}

/// All disks of a site are lost. What the other site wrote comes back from there; what it wrote itself is known over
/// there alone, and it would count new writes under old numbers: it says so and ships nothing more.
#[test]
fn a_site_that_lost_its_disks_gets_the_others_writes_back_and_owns_up_to_its_own() {
    let wiped = ["n1", "n2", "n3"].map(|node| at("6s", &format!("wipe {node}"))).concat();
    let restarted = ["n1", "n2", "n3"].map(|node| at("7s", &format!("restart {node}"))).concat();
    let timeline = at("2s", "write theirs=1 at n4")
        + &at("2s", "write ours=2 at n1")
        + &at("2s", "write more=2 at n1")
        + &wiped
        + &restarted
        + &at("14s", "read theirs at n1")
        + &at("14.2s", "read ours at n1")
        + &at("14.4s", "read ours at n4")
        + &at("15s", "write new=3 at n1")
        + &at("15s", "write west=4 at n4")
        + &at("18s", "read new at n4")
        + &at("18.2s", "read west at n1");
    let expectations = expect("sites", "lines = \"XSITE_FORGOT\"\nat_least = 1")
        + &expect("sites", "checker = \"converged\"\nverdict = \"fail\"");
    let text = scenario_of(
        "multi-leader",
        &two_sites("kind = \"none\""),
        &[("sites", "")],
        &timeline,
        &expectations,
    );
    holds(&text);
    for seed in 1..=20 {
        let answers = told(&text, seed, "read").concat();
        let wanted = [
            "read theirs at n1: -> 1",
            "read ours at n1: no value",
            "read ours at n4: -> 2",
            "read new at n4: no value",
            "read west at n1: -> 4",
        ];
        assert_eq!(answers, wanted, "seed {seed}");
    }
}

/// Two sites that write one key all the time leave a loser behind with every shipment. That is said, and counted once
/// for each branch; deciding ends it.
#[test]
fn losers_of_a_hot_key_pile_up_until_someone_decides() {
    let timeline = at("12s", "workload writes=0") + &at("14s", "resolve k0=peace at n1");
    let expectations = metric("history", "siblings_max", "between = [25, 90]")
        + &metric("history", "conflicts", "between = [25, 140]")
        + &expect("history", "lines = \"SIB_WARN\"\nbetween = [1, 4]")
        + &expect("history", "key = \"k0\"\nholds = \"peace\"")
        + &converged("history");
    let load = "rate = 100\nwrites = 0.9\nkeys = 1";
    sites(load, &[("history", "conflict = \"longest-history\"")], &timeline, &expectations);
}

#[test]
fn a_leader_hands_over_inside_its_site_and_nowhere_else() {
    let timeline = at("5s", "switchover n5");
    let expectations = expect("hand", "lines = \"SWITCH\"\nequals = 1")
        + &expect("hand", "lines = \"ROLE_PRIMARY\"\nequals = 3")
        + &metric("hand", "lost_acked", "equals = 0")
        + &converged("hand");
    sites(REGISTERS, &[("hand", "")], &timeline, &expectations);
}

#[test]
fn sites_are_the_same_world_twice_on_tasks_and_from_a_checkpoint() {
    let crash = CUT.to_owned() + &at("6s", "crash n1") + &at("14s", "restart n1");
    let runs = [("shared", ""), ("history", "conflict = \"longest-history\"\nack = \"async\"")];
    let text = scenario_of("multi-leader", &two_sites(REGISTERS), &runs, &crash, "");
    let scenario = Arc::new(loaded(&text));
    let digests = |host| {
        let mut player = Player::new(Arc::clone(&scenario), host).expect("a runtime");
        player.advance(VirtualTime(20_000_000));
        player.clusters().iter().map(|cluster| cluster.digest()).collect::<Vec<_>>()
    };
    let inline = digests(HostKind::Inline);
    assert_eq!(inline, digests(HostKind::Inline));
    assert_eq!(inline, digests(HostKind::Tasks));
    let mut player = Player::new(Arc::clone(&scenario), HostKind::Tasks).expect("a runtime");
    player.advance(VirtualTime(4_000_000));
    let mut copies: Vec<_> = player.clusters().iter_mut().map(|cluster| cluster.checkpoint()).collect();
    for (cluster, copy) in player.clusters().iter_mut().zip(&mut copies) {
        cluster.advance(VirtualTime(9_000_000));
        copy.advance(VirtualTime(9_000_000));
        assert_eq!(cluster.digest(), copy.digest());
    }
}

#[test]
fn a_file_without_sites_is_told_to_name_them() {
    let load = |cluster: &str| {
        let text = format!(
            "format = 1\nduration = \"5s\"\n[cluster]\n{cluster}\n[[run]]\ntopology = \"multi-leader\"\n"
        );
        let problems =
            splitbrain::scenario::load::load("x.toml", &text, &[]).expect_err("no sites, no leaders");
        problems.render(false)
    };
    let none = load("nodes = 3");
    assert!(none.contains("multi-leader, and 3 of 3 nodes have no site"), "{none}");
    assert!(none.contains("sites = { east = [\"n1\"], west = [\"n2\"] }"), "{none}");
    let one = load("nodes = 2\nsites = { east = [\"n1\", \"n2\"] }");
    assert!(one.contains("multi-leader with 1 site"), "{one}");
}

/// Once all is healed every write is on the disks of most members of its site, and the ledger finds it there.
#[test]
fn what_a_healed_site_keeps_is_safe() {
    let judgement =
        play_out(&Arc::new(load("two-sites").expect("a preset")), HostKind::Inline).expect("a world");
    for run in &judgement.runs {
        let (safe, at_risk) = (run.fates.of(WriteFate::Safe), run.fates.of(WriteFate::AtRisk));
        assert!(safe > 50 && at_risk == 0, "{safe} safe, {at_risk} at risk");
    }
}

/// Each site begins with a leader; that is no failover.
#[test]
fn first_leaders_are_no_failovers() {
    let mut player =
        Player::new(Arc::new(load("two-sites").expect("a preset")), HostKind::Inline).expect("a world");
    player.advance(VirtualTime(1_000_000));
    let failovers = player.markers().into_iter().filter(|marker| marker.kind == MarkerKind::Failover);
    assert_eq!(failovers.map(|marker| marker.label.to_string()).collect::<Vec<_>>(), [""; 0]);
}
