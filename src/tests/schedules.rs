//! Random fault schedules: whatever is cut, crashed, paused, slowed, lost, duplicated or reordered, the safe settings
//! keep their promises. Coverage counters make sure that the schedules are not vacuous.

use splitbrain::base::command::{Command, CrashKind, Healed, Links, NodeRef};
use splitbrain::base::ids::NodeId;
use splitbrain::base::knob::{Knobs, Profile, Topology};
use splitbrain::base::metric::Metric;
use splitbrain::base::random::Stream;
use splitbrain::base::rule::Breaches;
use splitbrain::base::time::{Span, VirtualTime};
use splitbrain::cluster::live::{Cluster, HostKind, begin};
use splitbrain::cluster::measure::WHOLE;
use splitbrain::cluster::orders::Applied;
use splitbrain::cluster::spec::{ClusterSpec, NetworkSpec, RunSetup, Site, WorkloadSpec};
use splitbrain::protocol::view::{ReplicaDetail, Role};
use std::collections::BTreeMap;

/// How long each schedule plays, and how long the healed cluster may take to agree.
const PLAYS: u64 = 12_000;
const SETTLES: u64 = 20_000;

pub(crate) fn setup(topology: Topology, seed: u64, knobs: &[(&str, &str)]) -> RunSetup {
    let mut set = Knobs::defaults(topology, Profile::Demo);
    for (key, value) in knobs {
        set.set(key, value, &|_| None).expect("the knob is right");
    }
    RunSetup {
        seed,
        cluster: ClusterSpec { nodes: 5, ..ClusterSpec::default() },
        network: NetworkSpec::default(),
        workload: WorkloadSpec { rate: 60, keys: 12, ..WorkloadSpec::default() },
        knobs: set,
    }
}

fn node(chance: &mut Stream) -> NodeRef {
    NodeRef::Named(NodeId(chance.below(5) as u16))
}

fn links(chance: &mut Stream) -> Links {
    let (from, to) = (node(chance), node(chance));
    match chance.below(3) {
        0 => Links::All,
        1 => Links::Of(from),
        _ => Links::Between { from: vec![from], to: vec![to], both: chance.chance(500_000) },
    }
}

fn halves(chance: &mut Stream) -> Command {
    let mut nodes: Vec<NodeRef> = (0..5).map(|n| NodeRef::Named(NodeId(n))).collect();
    chance.shuffle(&mut nodes);
    let rest = nodes.split_off(1 + chance.below(3) as usize);
    Command::Partition { groups: vec![nodes, rest] }
}

/// Anything that a network, a process, a disk or a processor may do, short of losing a disk.
pub(crate) fn fault(chance: &mut Stream) -> Command {
    let kind = if chance.chance(500_000) { CrashKind::Power } else { CrashKind::Process };
    match chance.below(14) {
        0 | 1 => Command::Crash { node: node(chance), kind },
        2 => Command::Pause { node: node(chance) },
        3 => halves(chance),
        4 => Command::Isolate { node: node(chance) },
        5 => Command::Cut { links: links(chance) },
        6 => Command::Loss { links: links(chance), ppm: chance.between(50_000, 400_000) as u32 },
        7 => Command::Duplicate { links: links(chance), ppm: 300_000 },
        8 => Command::Reorder { links: links(chance), ppm: 300_000 },
        9 => Command::Delay { links: links(chance), extra: Span::millis(chance.between(5, 400)) },
        10 => Command::SlowCpu { node: node(chance), factor: chance.between(2, 60) as u32 },
        11 => Command::SlowDisk { node: node(chance), factor: chance.between(2, 200) as u32 },
        12 => Command::RingMajorities,
        _ => Command::Heal { what: Healed::Everything },
    }
}

/// What schedules have met, so that none of it is vacuous.
#[derive(Default)]
struct Coverage {
    elections: usize,
    failovers: f64,
    cut_entries: f64,
    refused_or_unknown: f64,
    restarts: usize,
    faults: usize,
    converged: usize,
}

/// What must hold of a primary-replica cluster at every look: commit never goes back within a life, and nodes that
/// both know an index committed hold the same term there.
#[derive(Default)]
struct Watcher {
    committed: BTreeMap<(usize, u32), u64>,
    terms: BTreeMap<u64, u64>,
    primaries: BTreeMap<u64, usize>,
}

impl Watcher {
    fn look(&mut self, cluster: &mut dyn Cluster, story: &str) {
        for (place, node) in cluster.view().nodes.iter().enumerate() {
            let Some(replica) = &node.replica else { continue };
            let ReplicaDetail::PrimaryReplica(detail) = &replica.detail else { continue };
            let seen = self.committed.entry((place, node.incarnation)).or_default();
            assert!(detail.commit_index >= *seen, "commit went back: {story}");
            *seen = detail.commit_index;
            for cell in detail.cells.iter().filter(|cell| cell.index <= detail.commit_index) {
                let term = *self.terms.entry(cell.index).or_insert(cell.term);
                assert_eq!(term, cell.term, "index {} committed in two terms: {story}", cell.index);
            }
            if detail.role == Role::Primary {
                let first = *self.primaries.entry(detail.term).or_insert(place);
                assert_eq!(first, place, "two primaries of term {}: {story}", detail.term);
            }
        }
    }
}

fn live_through(setup: RunSetup, story: &str, watches: bool, coverage: &mut Coverage) {
    let (mut chance, topology) = (Stream::new(setup.seed, "schedule"), setup.knobs.topology());
    let mut cluster = begin(setup, HostKind::Inline).expect("a world");
    let mut watcher = Watcher::default();
    let mut at = 500;
    while at < PLAYS {
        cluster.advance(VirtualTime(at * 1_000));
        if let Applied::Done { fault: Some(_), .. } = cluster.apply(&fault(&mut chance)) {
            coverage.faults += 1;
        }
        if watches {
            watcher.look(cluster.as_mut(), story);
        }
        at += chance.between(100, 1_200);
    }
    cluster.advance(VirtualTime(PLAYS * 1_000));
    cluster.settle();
    for look in 1..=SETTLES / 500 {
        cluster.advance(VirtualTime((PLAYS + look * 500) * 1_000));
        if watches {
            watcher.look(cluster.as_mut(), story);
        }
        if look > 8 && cluster.truth().is_converged {
            break;
        }
    }
    let truth = cluster.truth();
    let measured = cluster.measure(&truth, WHOLE);
    let value = |metric| measured.get(metric).unwrap_or(0.0);
    assert!(cluster.messages().balances(), "{story}");
    // Hints are best effort: one that dies unflushed with its keeper leaves a difference that only a repair mends.
    assert!(truth.is_converged || !watches, "{story}: {} keys differ", truth.keys_diverged);
    coverage.converged += usize::from(truth.is_converged);
    // A resolver that does not go by clocks may show what had been acknowledged before the other began.
    let lost = value(Metric::LostAcked) - value(Metric::LostInverted);
    assert_eq!(lost, 0.0, "acknowledged and gone: {story}");
    if topology != Topology::MultiLeader {
        assert_eq!(value(Metric::LostInverted), 0.0, "acknowledged and beaten by an older one: {story}");
    }
    assert_eq!(cluster.breaches(), Breaches::default(), "{story}");
    if topology != Topology::PeerToPeer {
        assert_eq!(measured.get(Metric::SplitBrainMs), Some(0.0), "{story}");
    }
    coverage.elections += cluster.lines("ELECT_START", WHOLE);
    coverage.restarts += cluster.lines("RESTART", WHOLE);
    coverage.failovers += value(Metric::Failovers);
    coverage.cut_entries += value(Metric::DivergedEntries);
    coverage.refused_or_unknown += value(Metric::FailedOps) + value(Metric::UnknownOps);
}

#[test]
fn a_majority_loses_nothing_it_acknowledged_under_any_schedule() {
    let mut coverage = Coverage::default();
    for seed in 1..=250 {
        let knobs = [("ack", "majority"), ("backlog", if seed % 3 == 0 { "40" } else { "2000" })];
        let story = format!("primary-replica majority, seed {seed}");
        live_through(setup(Topology::PrimaryReplica, seed, &knobs), &story, true, &mut coverage);
    }
    let Coverage { elections, failovers, cut_entries, refused_or_unknown, restarts, faults, .. } = coverage;
    assert!(elections > 250 && failovers > 200.0, "{elections} elections, {failovers} failovers");
    assert!(cut_entries > 50.0 && refused_or_unknown > 1_000.0, "{cut_entries} entries cut");
    assert!(restarts > 200 && faults > 2_000, "{restarts} restarts, {faults} faults");
}

#[test]
fn strict_quorums_lose_nothing_they_acknowledged_under_any_schedule() {
    let mut coverage = Coverage::default();
    for seed in 1..=150 {
        let story = format!("peer-to-peer strict, seed {seed}");
        let repair = if seed % 2 == 0 { "blocking" } else { "async" };
        let knobs = [("read_repair", repair), ("hint_throttle", "off"), ("hint_window", "1h")];
        live_through(setup(Topology::PeerToPeer, seed, &knobs), &story, false, &mut coverage);
    }
    assert!(coverage.faults > 1_200 && coverage.restarts > 120, "{} faults", coverage.faults);
    assert!(coverage.refused_or_unknown > 500.0);
    assert!(coverage.converged >= 135, "{} of 150 agree without a repair", coverage.converged);
}

/// Two sites, of three nodes and of two, each with a majority of its own: what either acknowledged is in its log for
/// good, the other takes it in once and completely, and a resolver has the last word at both alike.
#[test]
fn sites_lose_nothing_and_agree_under_any_schedule() {
    let mut coverage = Coverage::default();
    let resolvers = ["lww", "site-priority", "crdt", "longest-history"];
    for seed in 1..=80 {
        let story = format!("multi-leader, seed {seed}");
        let conflict = resolvers[seed as usize % 4];
        let knobs = [("conflict", conflict), ("backlog", if seed % 3 == 0 { "40" } else { "2000" })];
        let mut setup = setup(Topology::MultiLeader, seed, &knobs);
        let site = |name: &str, nodes: std::ops::Range<u16>| Site {
            name: name.into(),
            nodes: nodes.map(NodeId).collect(),
        };
        setup.cluster.sites = vec![site("east", 0..3), site("west", 3..5)];
        live_through(setup, &story, false, &mut coverage);
    }
    assert_eq!(coverage.converged, 80, "all sites agree after every schedule");
    assert!(coverage.faults > 600 && coverage.restarts > 60, "{} faults", coverage.faults);
    assert!(coverage.failovers > 60.0 && coverage.cut_entries > 5.0, "{} failovers", coverage.failovers);
}
