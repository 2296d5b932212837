//! Capacities: the highest rate of an open loop of reads alone, or writes alone, at which 99 of 100 are answered within
//! 50 ms, found by bisection. A healthy cluster, three seconds of load, the first of them not counted.

use crate::base::knob::{Knobs, Topology};
use crate::base::metric::Metric;
use crate::base::time::VirtualTime;
use crate::cluster::live::{HostKind, begin};
use crate::cluster::spec::{RunSetup, WorkloadKind};
use std::io;

/// What clients ask for meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Reads alone.
    Reads,
    /// Writes alone.
    Writes,
}

/// What a search has found.
#[derive(Clone, Debug, PartialEq)]
pub struct Capacity {
    /// The run, by its place.
    pub run: usize,
    /// Of what.
    pub load: Load,
    /// The highest rate that was kept up with, operations per second; `None` if not even the least.
    pub rate: Option<u32>,
    /// The rates tried, in the order in which they were.
    pub tried: Vec<u32>,
    /// What theory says, where it says something.
    pub theory: Option<Theory>,
}

/// A formula of replication.md section 6, rows 13 and 14, with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Theory {
    /// The formula; c is the number of inputs that a processor takes in a second.
    pub formula: &'static str,
    /// What it gives here, operations per second.
    pub rate: f64,
}

/// The first rate tried.
const FIRST: u32 = 250;
/// No rate beyond this is tried.
const LAST: u32 = 128_000;
/// The search ends when what was kept up with and what was not differ by less than this part.
const PRECISION: u32 = 50;
/// The longest that 99 of 100 operations may take.
const WITHIN_MS: f64 = 50.0;
/// When counting begins, and when it ends.
const COUNTED: (VirtualTime, VirtualTime) = (VirtualTime(1_000_000), VirtualTime(3_000_000));
/// Operations that were scheduled to the end may still be answered until then.
const END: VirtualTime = VirtualTime(3_100_000);

/// Looks for the capacity of the run of `setup`: doubles the rate until it is too much, then halves the gap.
///
/// # Errors
/// If the operating system gives no runtime for tasks.
pub fn search(setup: &RunSetup, run: usize, load: Load) -> io::Result<Capacity> {
    let mut tried = Vec::new();
    let mut keeps_up = |rate: u32| {
        tried.push(rate);
        keeps_up(setup, load, rate)
    };
    let (mut low, mut high) = (0, FIRST);
    while high <= LAST && keeps_up(high)? {
        (low, high) = (high, high * 2);
    }
    while low > 0 && high <= LAST && high - low > low / PRECISION {
        let rate = low.midpoint(high);
        *(if keeps_up(rate)? { &mut low } else { &mut high }) = rate;
    }
    Ok(Capacity { run, load, rate: (low > 0).then_some(low), tried, theory: theory(setup, load) })
}

fn keeps_up(setup: &RunSetup, load: Load, rate: u32) -> io::Result<bool> {
    let mut setup = setup.clone();
    setup.workload.kind = WorkloadKind::Register;
    setup.workload.rate = rate;
    setup.workload.writes_ppm = if load == Load::Writes { 1_000_000 } else { 0 };
    let mut cluster = begin(setup, HostKind::Inline)?;
    cluster.advance(END);
    let truth = cluster.truth();
    let measured = cluster.measure(&truth, COUNTED);
    let (served, tail) = match load {
        Load::Reads => (Metric::AvailReadPct, Metric::ReadP99Ms),
        Load::Writes => (Metric::AvailWritePct, Metric::WriteP99Ms),
    };
    let is_served = measured.get(served).is_some_and(|percent| percent >= 99.0);
    Ok(is_served && measured.get(tail).is_some_and(|tail| tail <= WITHIN_MS))
}

/// What inputs cost is all that the formulae know: one primary receives each write and an acknowledgement from every
/// replica; a coordinator receives the request, the owners that are not itself the message, it their answers.
fn theory(setup: &RunSetup, load: Load) -> Option<Theory> {
    let nodes = setup.cluster.nodes as f64;
    let c = 1e6 / setup.cluster.service.0 as f64;
    let knobs = &setup.knobs;
    let spread = |copies: f64| nodes * c / (1.0 + 2.0 * (copies - copies / nodes));
    let (formula, rate) = match (knobs.topology(), load) {
        (Topology::PrimaryReplica, _) if !is_plain(knobs) => return None,
        // Nobody coordinates: what a write costs depends on the overlay and on how much a rumour carries.
        (Topology::PeerToPeer, _) if knobs.word("spread") == "gossip" => return None,
        // What a site receives from the others depends on how many writes a shipment carries.
        (Topology::MultiLeader, _) => return None,
        (Topology::PrimaryReplica, Load::Writes) => ("c/n", c / nodes),
        (Topology::PrimaryReplica, Load::Reads) => match knobs.word("read") {
            "primary" => ("c", c),
            "replica-nearest" | "replica-random" => ("n c", nodes * c),
            _ => return None,
        },
        (Topology::PeerToPeer, Load::Writes) => ("n c/(1 + 2(N - N/n))", spread(knobs.count("n") as f64)),
        (Topology::PeerToPeer, Load::Reads) => ("n c/(1 + 2(R - R/n))", spread(knobs.count("r") as f64)),
    };
    Some(Theory { formula, rate })
}

/// One log whose replicas all follow the primary itself.
fn is_plain(knobs: &Knobs) -> bool {
    knobs.count("partitions") == 1 && knobs.word("layout") == "star"
}
