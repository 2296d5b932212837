//! What each mechanism of primary-replica replication does and what it costs, measured against the same run without
//! it, on the seeds 1 to 20.

use super::stage::{at, conditions, expect, holds, loaded, scenario};
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::verdict::play_out;
use splitbrain::headless::reseeded;
use std::sync::Arc;

fn runs<const N: usize>(
    nodes: u16,
    runs: [(&str, &str); N],
    timeline: &str,
    expectations: &[(&str, &str)],
) -> String {
    let expectations: String = expectations.iter().map(|(run, what)| expect(run, what)).collect();
    scenario(&conditions(nodes, ""), &runs, timeline, &expectations)
}

const SPLIT: &str = "ack = \"async\"\npromotion = \"auto-unsafe\"\nfencing = \"none\"\n";

/// Two primaries for ten seconds, then one network again: what each policy does with the branch that lost.
#[test]
fn each_way_to_rejoin_says_what_it_does_with_a_lost_branch() {
    let policies = ["truncate", "rewind", "rollback-file", "discard-full-resync", "refuse", "merge-manual"];
    let knobs = policies.map(|policy| (policy, format!("{SPLIT}rejoin = \"{policy}\"")));
    let runs: Vec<(&str, &str)> = knobs.iter().map(|(id, knobs)| (*id, knobs.as_str())).collect();
    let timeline = at("5s", "partition n1,n2 | n3,n4,n5") + &at("10s", "heal");
    let mut expectations = String::new();
    for (policy, line) in [
        ("rewind", "REWIND"),
        ("rollback-file", "ROLLBACK"),
        ("discard-full-resync", "FULL_DONE"),
        ("refuse", "STAYS_OUT"),
        ("merge-manual", "MERGE"),
    ] {
        for other in policies {
            let count = if other == policy { "at_least = 1" } else { "equals = 0" };
            expectations += &expect(other, &format!("lines = \"{line}\"\n{count}"));
        }
    }
    for policy in policies {
        let converged = u32::from(policy != "refuse");
        expectations += &expect(policy, &format!("metric = \"converged\"\nequals = {converged}"));
        expectations += &expect(policy, "lines = \"DIVERGED\"\nat_least = 1");
        // Whoever keeps them, they are on a disk somewhere.
        expectations += &expect(policy, "metric = \"lost_rolled_back\"\nat_least = 100");
        expectations += &expect(policy, "metric = \"lost_vanished\"\nequals = 0");
        let cut = if policy == "refuse" { "equals = 0" } else { "at_least = 100" };
        expectations += &expect(policy, &format!("metric = \"diverged_entries\"\n{cut}"));
    }
    holds(&scenario(&conditions(5, ""), &runs, &timeline, &expectations));
}

/// A primary that only paused comes back: unless it was shot, it still believes in itself.
#[test]
fn a_fencer_shoots_the_old_primary_before_another_begins() {
    let shot = "ack = \"async\"\npromotion = \"auto-unsafe\"\nfencing = [\"stonith\"]\n";
    let failing = format!("{shot}stonith_success = 0");
    let slow = format!("{shot}stonith_delay = \"2s\"");
    let timeline = at("5s", "pause n1") + &at("9s", "heal");
    holds(&runs(
        3,
        [("none", SPLIT), ("shot", shot), ("slow", &slow), ("failing", &failing)],
        &timeline,
        &[
            ("none", "metric = \"failovers\"\nat_least = 1"),
            ("shot", "lines = \"STONITH\"\nequals = 1"),
            ("shot", "lines = \"CRASH\"\nequals = 1"),
            ("shot", "metric = \"split_brain_ms\"\nequals = 0"),
            ("shot", "metric = \"writable_nodes_max\"\nequals = 1"),
            ("shot", "metric = \"failover_ms\"\nat_most = 2600"),
            ("slow", "metric = \"failover_ms\"\nat_least = 3500"),
            // Who cannot be shot is not replaced: nobody writes until it is back.
            ("failing", "lines = \"STONITH_FAIL\"\nat_least = 1"),
            ("failing", "lines = \"STONITH\"\nequals = 0"),
            ("failing", "metric = \"failovers\"\nequals = 0"),
            ("failing", "metric = \"avail_write_pct\"\nduring = [\"6s\", \"7.9s\"]\nequals = 0"),
            ("failing", "metric = \"lost_acked\"\nequals = 0"),
        ],
    ));
}

/// The same with a lease: whoever took it waits for a fencer that needs longer than the next look at the store.
#[test]
fn whoever_took_the_lease_waits_for_its_fencer() {
    let slow = "ack = \"async\"\npromotion = \"auto-lease\"\nfencing = [\"epoch\", \"stonith\"]\nstonith_delay = \"1500ms\"";
    holds(&runs(
        4,
        [("slow", slow)],
        &at("5s", "pause n1"),
        &[
            ("slow", "lines = \"STONITH\"\nequals = 1"),
            ("slow", "metric = \"failovers\"\nequals = 1"),
            ("slow", "metric = \"failover_ms\"\nbetween = [3500, 9000]"),
            ("slow", "metric = \"avail_write_pct\"\nduring = [\"15s\", \"20s\"]\nat_least = 65"),
        ],
    ));
}

/// n2 has what the others lack, and may not be elected; whoever is fetches from it first.
#[test]
fn an_elected_primary_fetches_what_only_a_minority_has() {
    let knobs = "ack = \"async\"\nnever_promote = [\"n2\"]\n";
    let fetching = format!("{knobs}catch_up = \"1s\"");
    let timeline = at("7.7s", "cut n1 - n3,n4,n5") + &at("8s", "crash n1");
    holds(&runs(
        5,
        [("off", knobs), ("fetching", &fetching)],
        &timeline,
        &[
            ("off", "metric = \"lost_acked\"\nat_least = 10"),
            ("off", "lines = \"CATCH_UP\"\nequals = 0"),
            ("fetching", "lines = \"CATCH_UP\"\nequals = 1"),
            ("fetching", "metric = \"lost_acked\"\nat_most = 3"),
        ],
    ));
}

#[test]
fn a_slot_keeps_the_log_for_a_replica_that_is_away() {
    let knobs = "ack = \"async\"\nbacklog = 100\n";
    let slots = format!("{knobs}slots = true");
    let timeline = at("5s", "crash n3") + &at("10s", "restart n3");
    holds(&runs(
        3,
        [("none", knobs), ("slots", &slots)],
        &timeline,
        &[
            ("none", "lines = \"FULL_START\"\nat_least = 1"),
            ("slots", "lines = \"FULL_START\"\nequals = 0"),
            ("slots", "lines = \"PSYNC_OK\"\nat_least = 1"),
            ("none", "metric = \"converged\"\nequals = 1"),
            ("slots", "metric = \"converged\"\nequals = 1"),
        ],
    ));
}

#[test]
fn a_delayed_replica_shows_the_past_and_only_that() {
    let knobs = "ack = \"async\"\nread = \"replica-random\"\n";
    let delayed = format!("{knobs}apply_delay = \"2s\"");
    holds(&runs(
        3,
        [("at-once", knobs), ("delayed", &delayed)],
        "",
        &[
            ("at-once", "metric = \"stale_read_pct\"\nat_most = 1"),
            ("delayed", "metric = \"stale_ms_p99\"\nbetween = [1500, 2100]"),
            ("delayed", "metric = \"avail_write_pct\"\nequals = 100"),
            ("delayed", "metric = \"lost_acked\"\nequals = 0"),
        ],
    ));
}

/// Two of three monitors miss the primary, and two replicas still hear it.
#[test]
fn a_holistic_detector_asks_the_replicas_too() {
    let knobs = "ack = \"async\"\npromotion = \"auto-monitor\"\n";
    let holistic = format!("{knobs}detection = \"holistic\"");
    let timeline = at("5s", "cut n1 - n2,n3") + &at("12s", "heal");
    holds(&runs(
        5,
        [("quorum", knobs), ("holistic", &holistic)],
        &timeline,
        &[
            ("quorum", "metric = \"failovers\"\nequals = 1"),
            ("holistic", "lines = \"SDOWN\"\nat_least = 2"),
            ("holistic", "metric = \"failovers\"\nequals = 0"),
            ("holistic", "metric = \"avail_write_pct\"\nequals = 100"),
        ],
    ));
}

/// Who becomes primary is told by where the next crash hurts.
#[test]
fn an_order_of_promotion_and_its_exceptions_are_kept() {
    let knobs = "ack = \"async\"\npromotion = \"auto-monitor\"\n";
    let second = format!("{knobs}promote_order = [\"n2\", \"n3\"]");
    let third = format!("{knobs}promote_order = [\"n3\", \"n2\"]");
    let never = format!("{knobs}promote_order = [\"n3\", \"n2\"]\nnever_promote = [\"n3\"]");
    let nobody = format!("{knobs}never_promote = [\"n2\", \"n3\"]");
    let timeline = at("3s", "crash n1") + &at("12s", "restart n1") + &at("15s", "crash n3");
    holds(&runs(
        3,
        [("second", &second), ("third", &third), ("never", &never), ("nobody", &nobody)],
        &timeline,
        &[
            ("second", "metric = \"failovers\"\nequals = 1"),
            ("third", "metric = \"failovers\"\nequals = 2"),
            ("never", "metric = \"failovers\"\nequals = 1"),
            ("nobody", "metric = \"failovers\"\nequals = 0"),
        ],
    ));
}

/// Everything leans on the store: where the primary loses it, it stops, though all replicas are in reach.
#[test]
fn a_lease_that_cannot_be_renewed_is_given_up() {
    let knobs = "ack = \"async\"\npromotion = \"auto-lease\"\n";
    let votes = "ack = \"async\"\npromotion = \"auto-quorum\"\n";
    let timeline = at("5s", "isolate n4") + &at("14s", "heal");
    holds(&runs(
        4,
        [("lease", knobs), ("votes", votes)],
        &timeline,
        &[
            ("lease", "lines = \"LEASE_LOST\"\nat_least = 1"),
            ("lease", "metric = \"avail_write_pct\"\nduring = [\"9s\", \"13s\"]\nequals = 0"),
            ("lease", "metric = \"avail_write_pct\"\nduring = [\"18s\", \"20s\"]\nequals = 100"),
            ("lease", "metric = \"lost_acked\"\nat_most = 1"),
            // One of four clients' nodes is cut off, and that is all.
            ("votes", "metric = \"avail_write_pct\"\nduring = [\"9s\", \"13s\"]\nat_least = 70"),
        ],
    ));
}

/// A replica that lacks too much is no candidate, even if nobody else is left.
#[test]
fn who_lags_too_far_takes_no_lease() {
    let knobs = "ack = \"async\"\npromotion = \"auto-lease\"\nmax_failover_lag = ";
    let (strict, lax) = (format!("{knobs}50"), format!("{knobs}10000"));
    let timeline = at("5s", "cut n1 - n2,n3") + &at("8s", "crash n1");
    holds(&runs(
        4,
        [("strict", &strict), ("lax", &lax)],
        &timeline,
        &[
            ("strict", "lines = \"NOT_ELIGIBLE\"\nat_least = 1"),
            ("strict", "metric = \"failovers\"\nequals = 0"),
            ("lax", "metric = \"failovers\"\nequals = 1"),
            ("lax", "metric = \"lost_acked\"\nat_least = 200"),
        ],
    ));
}

#[test]
fn a_slow_disk_at_the_primary_costs_nothing_where_its_own_flush_may_come_later() {
    let knobs = "ack = \"majority\"\n";
    let later = format!("{knobs}leader_flush_required = false");
    holds(&runs(
        3,
        [("first", knobs), ("later", &later)],
        &at("1s", "slow-disk n1 30x"),
        &[
            ("first", "metric = \"write_p50_ms\"\nat_least = 20"),
            ("later", "metric = \"write_p50_ms\"\nat_most = 8"),
            ("later", "metric = \"lost_acked\"\nequals = 0"),
        ],
    ));
}

#[test]
fn a_replica_that_lost_its_primary_may_refuse_reads() {
    let knobs = "ack = \"async\"\nread = \"replica-random\"\n";
    let honest = format!("{knobs}serve_stale = false");
    let timeline = at("5s", "cut n1 - n3") + &at("12s", "heal");
    let cut = "during = [\"8s\", \"11.9s\"]\n";
    holds(&runs(
        3,
        [("stale", knobs), ("honest", &honest)],
        &timeline,
        &[
            ("stale", &format!("metric = \"stale_reads\"\nat_least = 50\n{cut}")),
            ("stale", &format!("metric = \"avail_read_pct\"\nequals = 100\n{cut}")),
            // n2 answers instead; refused reads are answered by others within their second.
            ("honest", &format!("metric = \"stale_reads\"\nat_most = 3\n{cut}")),
            ("honest", "metric = \"avail_read_pct\"\nduring = [\"13s\", \"20s\"]\nequals = 100"),
        ],
    ));
}

/// Two primaries that never hear of each other, and clients that reach both: what they have read tells the old one.
#[test]
fn a_token_that_clients_bring_stops_an_old_primary() {
    let knobs = "ack = \"async\"\nprevote = false\ncheck_quorum = false\nread = \"replica-random\"\n";
    let none = format!("{knobs}fencing = \"none\"");
    let token = format!("{knobs}fencing = [\"token\"]");
    let timeline = at("5s", "partition n1 | n2,n3") + &at("8s", "cut n1 - n2,n3") + &at("8s", "heal f1");
    holds(&runs(
        3,
        [("none", &none), ("token", &token)],
        &timeline,
        &[
            ("none", "metric = \"split_brain_ms\"\nat_least = 13000"),
            ("none", "lines = \"FENCED\"\nequals = 0"),
            ("token", "lines = \"FENCED\"\nequals = 1"),
            ("token", "metric = \"split_brain_ms\"\nbetween = [1000, 4000]"),
        ],
    ));
}

/// The fencer's luck and its delay are events of the world: both hosts draw the same.
#[test]
fn a_fencer_is_the_same_on_both_hosts() {
    let knobs =
        "ack = \"async\"\npromotion = \"auto-unsafe\"\nfencing = [\"stonith\"]\nstonith_success = 50\n";
    let timeline = at("5s", "pause n1") + &at("9s", "resume n1") + &at("12s", "pause n2");
    let scenario = loaded(&runs(3, [("shot", knobs)], &timeline, &[]));
    for seed in 1..=10 {
        let digest = |host| {
            let judgement = play_out(&Arc::new(reseeded(&scenario, seed)), host).expect("a world");
            judgement.runs[0].digest
        };
        assert_eq!(digest(HostKind::Inline), digest(HostKind::Tasks), "seed {seed}");
    }
}
