//! The anomaly catalogue (replication.md section 4) as far as the models reach: each phenomenon appears with the
//! knobs named there, in the run `sick`, and is gone with its cure, in the run `cured`, on the seeds 1 to 20.

use super::stage::{at, conditions, expect, holds, scenario};

/// Three or five nodes under the base workload; `runs` are the knobs of the sick and of the cured run.
fn catalogue(nodes: u16, runs: [&str; 2], timeline: &str, expectations: &str) -> String {
    under(&conditions(nodes, ""), runs, timeline, expectations)
}

/// The same under conditions of its own.
fn under(conditions: &str, runs: [&str; 2], timeline: &str, expectations: &str) -> String {
    scenario(conditions, &[("sick", runs[0]), ("cured", runs[1])], timeline, expectations)
}

#[test]
fn a02_a18_split_brain_and_its_rollback() {
    let runs = [
        "ack = \"async\"\npromotion = \"auto-unsafe\"\nfencing = \"none\"",
        "ack = \"majority\"\npromotion = \"auto-quorum\"",
    ];
    let timeline = at("5s", "partition n1,n2 | n3,n4,n5") + &at("15s", "heal");
    let expectations = expect("sick", "metric = \"split_brain_ms\"\nat_least = 5000")
        + &expect("sick", "lines = \"DIVERGED\"\nat_least = 1")
        + &expect("sick", "metric = \"lost_rolled_back\"\nat_least = 100")
        + &expect("cured", "metric = \"split_brain_ms\"\nequals = 0")
        + &expect("cured", "metric = \"lost_acked\"\nequals = 0");
    holds(&catalogue(5, runs, &timeline, &expectations));
}

#[test]
fn a04_a_lease_read_trusts_a_clock() {
    let knobs = "ack = \"majority\"\ncheck_quorum = false\nfencing = \"epoch\"\n";
    let runs = [format!("{knobs}read = \"primary-lease\""), format!("{knobs}read = \"read-index\"")];
    let timeline = at("5s", "clock n1 -2s") + &at("5s", "isolate n1") + &at("9s", "heal");
    let expectations = expect("sick", "metric = \"stale_reads\"\nat_least = 1")
        + &expect("sick", "metric = \"lost_acked\"\nequals = 0")
        + &expect("cured", "metric = \"stale_reads\"\nequals = 0");
    holds(&catalogue(3, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a05_a_replica_far_away_answers_with_the_past() {
    let runs = ["ack = \"async\"\nread = \"replica-random\"", "ack = \"async\"\nread = \"primary\""];
    let timeline = at("2s", "delay n1>n3 +300ms");
    let expectations = expect("sick", "metric = \"stale_read_pct\"\nat_least = 2")
        + &expect("cured", "metric = \"stale_reads\"\nequals = 0");
    holds(&catalogue(3, runs, &timeline, &expectations));
}

/// A replica a third of a second away: who asks it after another one goes back in time, and misses its own writes. A
/// session that says what it has seen is never answered with less.
#[test]
fn a06_a07_a_session_goes_back_in_time_until_it_brings_a_token() {
    let runs = ["ack = \"async\"\nread = \"replica-random\"", "ack = \"async\"\nread = \"token\""];
    let timeline = at("2s", "delay n1>n3 +300ms");
    let expectations = expect("sick", "metric = \"mono_read_violations\"\nat_least = 20")
        + &expect("sick", "metric = \"ryw_violations\"\nat_least = 20")
        + &expect("cured", "metric = \"mono_read_violations\"\nequals = 0")
        + &expect("cured", "metric = \"ryw_violations\"\nequals = 0")
        + &expect("cured", "metric = \"avail_read_pct\"\nequals = 100");
    let few = "[cluster]\nnodes = 3\n[workload]\nrate = 200\nwrites = 0.5\nkeys = 5\nclients = 9";
    holds(&under(few, runs, &timeline, &expectations));
}

#[test]
fn a05_a_bound_keeps_answers_young() {
    let runs = [
        "ack = \"async\"\nread = \"replica-fixed\"",
        "ack = \"async\"\nread = \"bounded\"\nread_bound = \"200ms\"",
    ];
    let timeline = at("2s", "delay n1>n3 +1s");
    let expectations = expect("sick", "metric = \"stale_read_pct\"\nat_least = 20")
        + &expect("cured", "metric = \"stale_read_pct\"\nat_most = 1")
        + &expect("cured", "metric = \"avail_read_pct\"\nequals = 100");
    holds(&catalogue(3, runs, &timeline, &expectations));
}

#[test]
fn a09_semi_sync_stalls_when_its_only_replica_dies() {
    let knobs = "ack = \"semi-sync\"\nsync_count = 1\n";
    let runs = [format!("{knobs}sync_set = [\"n2\"]"), format!("{knobs}sync_set = [\"n2\", \"n3\"]")];
    let timeline = at("5s", "crash n2") + &at("15s", "heal");
    let during = "during = [\"6s\", \"14s\"]";
    let expectations = expect("sick", &format!("metric = \"avail_write_pct\"\nequals = 0\n{during}"))
        + &expect("sick", &format!("metric = \"avail_read_pct\"\nequals = 100\n{during}"))
        + &expect("cured", &format!("metric = \"avail_write_pct\"\nequals = 100\n{during}"));
    holds(&catalogue(3, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a10_a_fallback_is_a_silent_downgrade() {
    let knobs = "ack = \"semi-sync\"\nsync_count = 1\npromotion = \"manual\"\nfencing = \"none\"\n";
    let runs = [format!("{knobs}sync_timeout = \"1s\""), format!("{knobs}sync_timeout = \"block\"")];
    let timeline =
        at("5s", "cut n1 - n2,n3") + &at("12s", "crash n1") + &at("12.5s", "promote n2") + &at("16s", "heal");
    let expectations = expect("sick", "lines = \"SYNC_FALLBACK\"\nat_least = 1")
        + &expect("sick", "metric = \"lost_acked\"\nat_least = 300")
        + &expect("cured", "metric = \"lost_acked\"\nequals = 0");
    holds(&catalogue(3, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a11_the_wrong_survivor_is_promoted() {
    let knobs = "ack = \"semi-sync\"\npromotion = \"manual\"\nfencing = \"none\"\n";
    let runs = [format!("{knobs}sync_count = 1"), format!("{knobs}sync_count = 2")];
    let timeline = at("5s", "partition n1,n2 | n3") + &at("8s", "promote n3") + &at("12s", "heal");
    let expectations = expect("sick", "metric = \"lost_acked\"\nat_least = 100")
        + &expect("cured", "metric = \"lost_acked\"\nequals = 0");
    holds(&catalogue(3, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a12_without_a_majority_writes_stop_and_committed_reads_go_on() {
    let knobs = "ack = \"majority\"\n";
    let runs = [format!("{knobs}read = \"primary\""), format!("{knobs}read = \"majority-committed\"")];
    let timeline = at("5s", "crash n3") + &at("5s", "crash n4") + &at("5s", "crash n5");
    let during = "during = [\"8s\", \"18s\"]";
    let expectations = expect("sick", &format!("metric = \"avail_write_pct\"\nequals = 0\n{during}"))
        + &expect("sick", &format!("metric = \"avail_read_pct\"\nequals = 0\n{during}"))
        + &expect("cured", &format!("metric = \"avail_write_pct\"\nequals = 0\n{during}"))
        + &expect("cured", &format!("metric = \"avail_read_pct\"\nequals = 100\n{during}"));
    holds(&catalogue(5, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a14_a_replica_falls_off_a_short_log() {
    let runs = ["ack = \"async\"\nbacklog = 200", "ack = \"async\"\nbacklog = 2000"];
    let timeline = at("5s", "isolate n3") + &at("10s", "heal");
    let expectations = expect("sick", "lines = \"FULL_START\"\nat_least = 1")
        + &expect("cured", "lines = \"FULL_START\"\nequals = 0")
        + &expect("cured", "lines = \"PSYNC_OK\"\nat_least = 1");
    holds(&catalogue(3, runs, &timeline, &expectations));
}

#[test]
fn a20_a_deaf_node_unseats_one_primary_after_the_other() {
    let knobs = "ack = \"majority\"\nfencing = \"epoch\"\n";
    let runs = [
        format!("{knobs}prevote = false\ncheck_quorum = false"),
        format!("{knobs}prevote = true\ncheck_quorum = true"),
    ];
    let timeline = at("5s", "cut n1,n2,n4,n5 > n3");
    let expectations = expect("sick", "metric = \"elections\"\nat_least = 5")
        + &expect("cured", "metric = \"failovers\"\nequals = 0");
    holds(&catalogue(5, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a34_a_session_is_told_that_its_write_is_gone() {
    let runs = ["ack = \"async\"\nread = \"token\"", "ack = \"majority\"\nread = \"token\""];
    let timeline = at("4.8s", "cut n1 > n2,n3") + &at("5s", "crash n1") + &at("12s", "heal");
    let expectations = expect("sick", "lines = \"SESSION_LOST\"\nat_least = 1")
        + &expect("cured", "lines = \"SESSION_LOST\"\nequals = 0");
    holds(&catalogue(3, runs, &timeline, &expectations));
}

#[test]
fn a_switchover_is_the_cure_of_a_planned_crash() {
    let knobs = "ack = \"async\"\n";
    let crash = at("5s", "[sick] crash n1");
    let planned = at("4.5s", "[cured] switchover n2") + &at("5s", "[cured] crash n1");
    let expectations = expect("sick", "metric = \"failover_ms\"\nat_least = 300")
        + &expect("cured", "metric = \"failover_ms\"\nat_most = 150")
        + &expect("cured", "metric = \"lost_acked\"\nequals = 0")
        + &expect("cured", "metric = \"avail_write_pct\"\nequals = 100");
    holds(&catalogue(3, [knobs, knobs], &(planned + &crash), &expectations));
}

#[test]
fn an_admission_guard_bounds_what_can_be_lost() {
    let knobs = "ack = \"async\"\npromotion = \"manual\"\nfencing = \"none\"\n";
    let runs = [knobs.to_owned(), format!("{knobs}min_replicas = 1\nmax_lag = \"500ms\"")];
    let timeline =
        at("5s", "cut n1 - n2,n3") + &at("12s", "crash n1") + &at("12.5s", "promote n2") + &at("16s", "heal");
    let expectations = expect("sick", "metric = \"lost_acked\"\nat_least = 300")
        + &expect("cured", "metric = \"lost_acked\"\nbetween = [1, 110]")
        + &expect("cured", "lines = \"NOREPL\"\nat_least = 1");
    holds(&catalogue(3, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a03_a_primary_that_was_paused_still_believes_in_itself() {
    // Its way back is slow, so that it hears of its successor later than its clients ask.
    let knobs = "ack = \"fire\"\nprevote = false\ncheck_quorum = false\ndiscovery_refresh = \"5s\"\n";
    let runs =
        [format!("{knobs}fencing = [\"epoch\"]"), format!("{knobs}fencing = [\"epoch\", \"stonith\"]")];
    let timeline = "[[timeline]]\nat = \"5s\"\ndo = \"pause n1\"\nuntil = \"8s\"\n".to_owned()
        + &at("5s", "delay n2,n3>n1 +300ms")
        + &at("16s", "heal");
    let conditions = "[cluster]\nnodes = 3\n[workload]\nrate = 200\nwrites = 0.5\nkeys = 100\nclients = 10\ntimeout = \"5s\"";
    let expectations = expect("sick", "metric = \"lost_acked\"\nat_least = 1")
        + &expect("sick", "metric = \"stale_reads\"\nat_least = 1")
        + &expect("cured", "lines = \"STONITH\"\nequals = 1")
        + &expect("cured", "metric = \"lost_acked\"\nequals = 0")
        + &expect("cured", "metric = \"stale_reads\"\nequals = 0");
    holds(&under(conditions, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a08_a_read_shows_what_is_rolled_back_later() {
    let knobs = "ack = \"majority\"\nread = \"replica-nearest\"\n";
    let runs = [format!("{knobs}apply = \"on-receive\""), format!("{knobs}apply = \"on-commit\"")];
    let timeline = at("5s", "partition n1,n2 | n3,n4,n5") + &at("15s", "heal");
    let expectations = expect("sick", "metric = \"dirty_reads\"\nat_least = 1")
        + &expect("sick", "metric = \"lost_acked\"\nequals = 0")
        + &expect("cured", "metric = \"dirty_reads\"\nequals = 0");
    holds(&catalogue(5, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a13_a_slow_replica_falls_behind_under_a_burst_and_catches_up_after_it() {
    let timeline = at("4s", "[sick] slow-cpu n3 16x") + &at("5s", "burst 2000/s for 5s");
    // Entry by entry: with a window the primary would send them in batches, and each message costs the same.
    let knobs = "ack = \"async\"\nmax_inflight = 100000";
    let lag = "metric = \"lag_entries_max\"\nduring = ";
    let expectations = expect("sick", &format!("{lag}[\"5.5s\", \"6s\"]\nbetween = [100, 700]"))
        + &expect("sick", &format!("{lag}[\"9.5s\", \"10s\"]\nat_least = 1500"))
        + &expect("sick", &format!("{lag}[\"19s\", \"20s\"]\nat_most = 900"))
        + &expect("sick", "metric = \"lag_ms_max\"\nduring = [\"9.5s\", \"10s\"]\nat_least = 300")
        + &expect("cured", &format!("{lag}[\"5s\", \"20s\"]\nat_most = 60"));
    holds(&catalogue(3, [knobs, knobs], &timeline, &expectations));
}

#[test]
fn a14_a_snapshot_that_is_overtaken_begins_again_without_end() {
    let knobs = "ack = \"async\"\nbacklog = 200\n";
    let runs = [format!("{knobs}output_buffer = 100"), format!("{knobs}output_buffer = 5000")];
    let conditions = "[cluster]\nnodes = 3\n[network]\nbandwidth = \"2MB/s\"\n\
        [workload]\nrate = 200\nwrites = 0.5\nkeys = 5000\nclients = 10\nvalue_bytes = 10000";
    let timeline = at("5s", "isolate n3") + &at("10s", "heal");
    let expectations = expect("sick", "lines = \"FULL_START\"\nat_least = 3")
        + &expect("sick", "lines = \"FULL_DONE\"\nduring = [\"0s\", \"20s\"]\nequals = 0")
        + &expect("cured", "lines = \"FULL_START\"\nequals = 1")
        + &expect("cured", "lines = \"FULL_DONE\"\nduring = [\"0s\", \"20s\"]\nequals = 1");
    holds(&under(conditions, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a15_everyone_takes_a_snapshot_in_at_once() {
    let knobs = "ack = \"async\"\npromotion = \"manual\"\nfencing = \"none\"\nbacklog = 50\noutput_buffer = 5000\n\
        serve_stale = false\nread = \"replica-random\"\n";
    let runs = [format!("{knobs}parallel_syncs = 4"), format!("{knobs}parallel_syncs = 1")];
    let conditions = "[cluster]\nnodes = 5\n[network]\nbandwidth = \"4MB/s\"\n\
        [workload]\nrate = 200\nwrites = 0.5\nkeys = 5000\nclients = 10\nvalue_bytes = 10000\n";
    let timeline = at("5s", "cut n1 > n2,n3,n4,n5") + &at("8s", "heal");
    let during = "during = [\"8.5s\", \"9.5s\"]";
    let expectations = expect("sick", "metric = \"resyncs_at_once\"\nequals = 4")
        + &expect("sick", &format!("metric = \"avail_read_pct\"\nat_most = 45\n{during}"))
        + &expect("cured", "metric = \"resyncs_at_once\"\nequals = 1")
        + &expect("cured", &format!("metric = \"avail_read_pct\"\nat_least = 60\n{during}"));
    holds(&under(conditions, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a16_one_crash_overloads_the_next_node() {
    let knobs = "ack = \"async\"\nread = \"replica-nearest\"\ncheck_quorum = true\n";
    let runs = [format!("{knobs}cluster.service = \"5ms\""), format!("{knobs}cluster.service = \"2ms\"")];
    let conditions = "[cluster]\nnodes = 4\n\
        [workload]\nrate = 720\nwrites = 0.0\nkeys = 100\nclients = 40";
    let timeline = at("5s", "crash n2");
    let during = "during = [\"5.5s\", \"20s\"]";
    let expectations = expect("sick", &format!("metric = \"avail_read_pct\"\nat_most = 90\n{during}"))
        + &expect("sick", &format!("lines = \"SDOWN\"\nat_least = 1\n{during}"))
        + &expect("cured", &format!("metric = \"avail_read_pct\"\nequals = 100\n{during}"))
        + &expect("cured", &format!("lines = \"SDOWN\"\nequals = 0\n{during}"));
    holds(&under(conditions, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a17_a_nervous_detector_flaps_and_a_block_calms_it() {
    let knobs = "ack = \"async\"\npromotion = \"auto-monitor\"\ndown_after = \"200ms\"\nfailover_timeout = \"500ms\"\n\
        ping = \"50ms\"\n";
    let runs = [knobs.to_owned(), format!("{knobs}recovery_block = \"10s\"")];
    let slow = |second: u32| {
        let (from, to) = (f64::from(second), f64::from(second) + 1.0);
        format!("[[timeline]]\nat = \"{from}s\"\ndo = \"slow-cpu primary 300x\"\nuntil = \"{to}s\"\n")
    };
    let timeline: String = (2..20).step_by(2).map(slow).collect();
    let expectations = expect("sick", "metric = \"failovers\"\nat_least = 4")
        + &expect("cured", "metric = \"failovers\"\nbetween = [1, 2]");
    holds(&catalogue(3, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn a19_an_empty_primary_wipes_its_replicas() {
    let knobs = "ack = \"async\"\npromotion = \"auto-monitor\"\npersistence = \"none\"\n";
    let timeline = at("10s", "crash n1 disk-loss")
        + &at("10.3s", "[sick] restart n1")
        + &at("16s", "[cured] restart n1");
    let expectations = expect("sick", "metric = \"failovers\"\nequals = 0")
        + &expect("sick", "metric = \"lost_acked\"\nat_least = 700")
        + &expect("cured", "metric = \"failovers\"\nequals = 1")
        + &expect("cured", "metric = \"lost_acked\"\nat_most = 5");
    holds(&catalogue(3, [knobs, knobs], &timeline, &expectations));
}

#[test]
fn a33_an_unclean_election_forgets_what_only_the_last_one_had() {
    let knobs = "ack = \"isr\"\npromotion = \"auto-lease\"\n";
    let runs =
        [format!("{knobs}min_isr = 1\nunclean = true"), format!("{knobs}min_isr = 2\nunclean = false")];
    let timeline = at("5s", "isolate n2")
        + &at("5s", "isolate n3")
        + &at("11s", "crash n1 disk-loss")
        + &at("12s", "heal n2")
        + &at("12s", "heal n3");
    let expectations = expect("sick", "lines = \"UNCLEAN\"\nequals = 1")
        + &expect("sick", "lines = \"ISR_SHRINK\"\nat_least = 1")
        + &expect("sick", "metric = \"lost_acked\"\nat_least = 50")
        + &expect("cured", "lines = \"NOREPL\"\nat_least = 1")
        + &expect("cured", "lines = \"UNCLEAN\"\nequals = 0")
        + &expect("cured", "metric = \"lost_acked\"\nequals = 0")
        + &expect("cured", "metric = \"avail_write_pct\"\nduring = [\"18s\", \"20s\"]\nat_least = 90");
    holds(&catalogue(4, [&runs[0], &runs[1]], &timeline, &expectations));
}

#[test]
fn members_come_and_go_while_the_cluster_works() {
    let knobs = "ack = \"majority\"\n";
    let timeline = at("3s", "add-node")
        + &at("5s", "add-node")
        + &at("7s", "decommission n2")
        + &at("8s", "crash n2")
        + &at("9s", "replace n3")
        + &at("12s", "crash n3")
        + &at("14s", "crash n1");
    let expectations = expect("sick", "lines = \"JOIN\"\nequals = 3")
        + &expect("sick", "lines = \"LEAVE\"\nequals = 2")
        + &expect("sick", "metric = \"lost_acked\"\nequals = 0")
        // Of the founders only n1 was a member when it died, so the three that came later elect one of themselves.
        + &expect("sick", "metric = \"avail_write_pct\"\nduring = [\"17s\", \"20s\"]\nequals = 100")
        + &expect("sick", "metric = \"failovers\"\nequals = 1");
    holds(&catalogue(3, [knobs, knobs], &timeline, &expectations));
}

#[test]
fn a_backup_is_what_is_left_when_every_disk_is_lost() {
    let knobs = "ack = \"async\"\npromotion = \"manual\"\nfencing = \"none\"\n";
    let timeline = at("5s", "backup")
        + &at("8s", "wipe n2")
        + &at("8s", "wipe n3")
        + &at("8s", "[sick] wipe n1")
        + &at("10s", "[sick] restore n1");
    let lost = "metric = \"lost_acked\"\npercent_of = \"acked_writes\"\nduring = ";
    let expectations = expect("sick", &format!("{lost}[\"5.1s\", \"7.9s\"]\nequals = 100"))
        + &expect("sick", &format!("{lost}[\"0s\", \"4.9s\"]\nequals = 0"))
        + &expect("sick", &format!("{lost}[\"10.5s\", \"20s\"]\nequals = 0"))
        + &expect("cured", "metric = \"lost_acked\"\nequals = 0");
    holds(&catalogue(3, [knobs, knobs], &timeline, &expectations));
}

/// One run passes the log on in a tree, the other in a chain; a node in the middle of both dies and comes back.
#[test]
fn replicas_pass_the_log_on() {
    let runs = [
        "ack = \"majority\"\nlayout = \"cascade\"",
        "ack = \"all\"\nlayout = \"chain\"\nread = \"replica-nearest\"",
    ];
    let timeline = at("6s", "crash n2") + &at("10s", "restart n2") + &at("14s", "cut n3 - n4,n5");
    let both = |what: &str| expect("sick", what) + &expect("cured", what);
    let during = |from: u32, to: u32| format!("during = [\"{from}s\", \"{to}s\"]");
    let quiet = during(1, 5);
    let expectations = both("metric = \"lost_acked\"\nequals = 0")
        + &both("metric = \"converged\"\nequals = 1")
        + &both(&format!("metric = \"avail_write_pct\"\nequals = 100\n{quiet}"))
        + &both(&format!("metric = \"avail_write_pct\"\nat_least = 99\n{}", during(16, 19)))
        // Shipped and answered: 4 and 4 in the tree, 4 and 1 in the chain, and the client's two.
        + &expect("sick", &format!("metric = \"msgs_per_write\"\nbetween = [9.0, 10.2]\n{quiet}"))
        + &expect("cured", &format!("metric = \"msgs_per_write\"\nbetween = [6.0, 7.5]\n{quiet}"))
        // One flush after the other.
        + &expect("cured", &format!("metric = \"write_p50_ms\"\nat_least = 8\n{quiet}"))
        + &expect("cured", &format!("metric = \"stale_reads\"\nequals = 0\n{quiet}"));
    holds(&catalogue(5, runs, &timeline, &expectations));
}
