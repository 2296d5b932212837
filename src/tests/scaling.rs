//! What more nodes buy (replication.md P24), measured: the highest rate of writes at which 99 of 100 are answered within
//! 50 ms, found by bisection. Every input costs a node the same time, and nothing else does.
//!
//! One primary receives each write and an acknowledgement from every replica: c/n. Owners of keys spread over a ring
//! receive 1 + 2(3 - 3/n) messages a write between them: nc/(1 + 2(3 - 3/n)). Partitions with a primary each, on three
//! nodes each, receive 5: nc/5. From three nodes to nine that makes 0.33, 2.37 and 3.

use splitbrain::cluster::live::HostKind;
use splitbrain::driver::verdict::play_out;
use splitbrain::scenario::load::load;
use std::sync::Arc;

/// Whether `nodes` with these knobs keep up with `rate` writes a second.
fn keeps_up(nodes: u16, knobs: &str, rate: u32) -> bool {
    let text = format!(
        "format = 1\nduration = \"3s\"\nsettle = \"1ms\"\n[cluster]\nnodes = {nodes}\nservice = \"200us\"\n\
         [workload]\nrate = {rate}\nwrites = 1.0\nkeys = 900\nclients = 90\n\
         [[run]]\nid = \"run\"\n{knobs}\n\
         [[expect]]\nrun = \"run\"\nmetric = \"write_p99_ms\"\nduring = [\"1s\", \"2.9s\"]\nat_most = 50\nwhy = \"\"\n\
         [[expect]]\nrun = \"run\"\nmetric = \"avail_write_pct\"\nduring = [\"1s\", \"1.9s\"]\nat_least = 99.9\nwhy = \"\"\n"
    );
    let scenario =
        load("scaling.toml", &text, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let judgement = play_out(&Arc::new(scenario), HostKind::Inline).expect("a world");
    judgement.expectations.iter().all(|met| met.is_met)
}

/// The highest rate of writes that is kept up with, to within 2 %.
fn capacity(nodes: u16, knobs: &str) -> f64 {
    let (mut low, mut high) = (100, 20_000);
    assert!(keeps_up(nodes, knobs, low) && !keeps_up(nodes, knobs, high));
    while high - low > low / 50 {
        let rate = (low + high) / 2;
        *(if keeps_up(nodes, knobs, rate) { &mut low } else { &mut high }) = rate;
    }
    f64::from(low)
}

fn assert_ratio(name: &str, of_three: &str, of_nine: &str, wanted: f64) {
    let (three, nine) = (capacity(3, of_three), capacity(9, of_nine));
    let ratio = nine / three;
    assert!(
        (ratio / wanted - 1.0).abs() <= 0.1,
        "{name}: {three} writes/s with 3 nodes, {nine} with 9: {ratio:.2}, not {wanted:.2}"
    );
}

// Replicas answer as soon as they have a write in memory, so that flushes cost nothing here.
const PRIMARY: &str =
    "topology = \"primary-replica\"\nack = \"fire\"\npromotion = \"manual\"\nlink_timeout = \"60s\"\n";

#[test]
fn one_primary_does_not_scale_writes() {
    assert_ratio("one primary", PRIMARY, PRIMARY, 1.0 / 3.0);
}

#[test]
fn a_ring_of_owners_scales_writes() {
    let knobs = "topology = \"peer-to-peer\"\nn = 3\nr = 2\nw = 2\nring = \"even1\"\n";
    assert_ratio("a ring", knobs, knobs, 9.0 / (1.0 + 2.0 * (3.0 - 3.0 / 9.0)) / (3.0 / 5.0));
}

#[test]
fn partitions_scale_writes_better() {
    let of = |nodes: u16| format!("{PRIMARY}partitions = {nodes}\ncopies = 3\n");
    assert_ratio("partitions", &of(3), &of(9), 3.0);
}
