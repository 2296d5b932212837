//! Two judges look at every run. The white box follows each write by its number; the black box knows only what clients
//! asked and were told, and a last read of every key. Where both can speak they must agree:
//!
//! - what clients can tell to be lost, the white box calls lost;
//! - where no order of the operations explains a history, the white box finds an operation that came too late in the
//!   order of versions, or a lost one;
//! - a session that clients can tell was let down was let down in the order of versions too, or knew a lost write.

use crate::schedules::{fault, setup};
use splitbrain::base::command::{Command, NodeRef};
use splitbrain::base::data::Data;
use splitbrain::base::ids::{Key, NodeId, OpId};
use splitbrain::base::knob::{Knobs, Topology};
use splitbrain::base::operation::{Outcome, Success};
use splitbrain::base::random::Stream;
use splitbrain::base::time::{Span, VirtualTime};
use splitbrain::check::order::{out_of_order, parted};
use splitbrain::check::order_watch::OrderWatch;
use splitbrain::check::{Order, Ruling, Verdict, clients};
use splitbrain::cluster::fates::Fates;
use splitbrain::cluster::ledger::Ledger;
use splitbrain::cluster::live::{Cluster, HostKind, begin};
use splitbrain::cluster::measure::WHOLE;
use splitbrain::cluster::promises::{PromiseWatch, Promises};
use splitbrain::cluster::spec::{RunSetup, Site, WorkloadKind};
use splitbrain::driver::player::Player;
use splitbrain::driver::verdict::settle;
use splitbrain::headless::reseeded;
use splitbrain::scenario::presets::{PRESETS, load};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often the black box found something, so that no agreement is vacuous.
#[derive(Debug, Default)]
struct Found {
    runs: usize,
    lost: usize,
    unordered: usize,
    backwards: usize,
}

/// What is still to be agreed upon once the world has settled: problems, in words.
fn disagreements(cluster: &mut dyn Cluster, patience: Span, found: &mut Found) -> Vec<String> {
    let (truth, _) = settle(cluster, patience);
    let fates = cluster.fates(&truth);
    let ledger = cluster.ledger();
    let mut problems = losses(ledger, &fates, &truth.values, found);
    problems.extend(orders(ledger, &Order::of(ledger, &cluster.names()), &fates, found));
    problems.extend(sessions(ledger, &fates, found));
    found.runs += 1;
    problems
}

fn is_lost(fates: &Fates, op: OpId) -> bool {
    fates.of(op).is_some_and(|decided| decided.fate.is_lost())
}

fn losses(
    ledger: &Ledger,
    fates: &Fates,
    values: &BTreeMap<Key, Vec<Data>>,
    found: &mut Found,
) -> Vec<String> {
    let lost = clients::lost(ledger, values);
    found.lost += usize::from(!lost.is_empty());
    let kept = lost.into_iter().filter(|&op| !is_lost(fates, op));
    kept.map(|op| format!("clients can tell that {op} is lost; its fate is {:?}", fates.of(op))).collect()
}

fn orders(ledger: &Ledger, order: &Order, fates: &Fates, found: &mut Found) -> Vec<String> {
    let Ruling { verdict, evidence } = order.ruling();
    if verdict != Verdict::Fail {
        return Vec::new();
    }
    found.unordered += 1;
    let knows_why = fates.counts.lost() > 0 || !out_of_order(ledger).is_empty() || !parted(ledger).is_empty();
    if knows_why { Vec::new() } else { vec![format!("no order explains {evidence:?}, and all is in order")] }
}

fn sessions(ledger: &Ledger, fates: &Fates, found: &mut Found) -> Vec<String> {
    let backwards = clients::backwards(ledger);
    found.backwards += usize::from(!backwards.is_empty());
    let version = |op: OpId| match ledger.get(op).map(|record| &record.outcome) {
        Some(Outcome::Ok(Success::Written(written))) => Some(written.version),
        Some(Outcome::Ok(Success::Found(found))) => found.as_ref().map(|found| found.version),
        _ => None,
    };
    let is_seen =
        |case: &clients::Backwards| version(case.read) < version(case.told_by) || is_lost(fates, case.known);
    backwards
        .iter()
        .filter(|case| !is_seen(case))
        .map(|case| format!("{case:?} is forwards by version"))
        .collect()
}

/// Whether a write replaces one branch of a key's history and no other (CouchDB): what an older write left may then
/// stand at the end by right, so that clients who take a key for a register cannot judge it.
fn forks(knobs: &Knobs) -> bool {
    knobs.topology() == Topology::PeerToPeer && knobs.word("conflict") == "revision-tree"
}

fn judge_presets(seeds: std::ops::RangeInclusive<u64>, found: &mut Found) {
    let mut problems = Vec::new();
    for row in PRESETS {
        for seed in seeds.clone() {
            let scenario = Arc::new(reseeded(&load(row.name).expect("every preset loads"), seed));
            let mut player = Player::new(Arc::clone(&scenario), HostKind::Inline).expect("a world");
            player.advance(VirtualTime(scenario.duration.0));
            for (run, cluster) in scenario.runs.iter().zip(player.clusters()) {
                if forks(&run.setup.knobs) {
                    continue;
                }
                for problem in disagreements(cluster.as_mut(), scenario.settle, found) {
                    problems.push(format!("{} {} seed {seed}: {problem}", row.name, run.id));
                }
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn both_judges_agree_on_every_preset() {
    let mut found = Found::default();
    judge_presets(1..=2, &mut found);
    assert!(found.lost > 8 && found.unordered > 8, "{found:?}");
}

/// `cargo test --release --test all judges -- --ignored`
#[test]
#[ignore = "takes a minute"]
fn both_judges_agree_on_every_preset_on_the_seeds_1_to_20() {
    judge_presets(1..=20, &mut Found::default());
}

const PRIMARY: &[&[(&str, &str)]] = &[
    &[("ack", "async")],
    &[("ack", "fire"), ("promotion", "auto-unsafe")],
    &[("ack", "semi-sync"), ("read", "replica-random")],
    &[("ack", "majority"), ("read", "read-index")],
    &[("ack", "majority"), ("read", "replica-nearest"), ("apply", "on-receive")],
    &[("ack", "async"), ("promotion", "auto-monitor"), ("read", "replica-fixed")],
];

const PEERS: &[&[(&str, &str)]] = &[
    &[],
    &[("r", "1"), ("w", "1"), ("read_repair", "none")],
    &[("quorum", "sloppy"), ("ts_source", "client")],
    &[("read_repair", "blocking"), ("ts_source", "hlc")],
    &[("conflict", "dotted")],
    &[("conflict", "crdt")],
];

/// Two sites, of three nodes and of two.
const SITES: &[&[(&str, &str)]] = &[
    &[("conflict", "lww")],
    &[("conflict", "site-priority"), ("ack", "async")],
    &[("conflict", "crdt")],
    &[("conflict", "longest-history"), ("ack", "majority")],
    &[("conflict", "lww"), ("ack", "semi-sync"), ("read", "read-index")],
    &[("conflict", "crdt"), ("ack", "async"), ("read", "replica-nearest")],
];

const LOADS: [WorkloadKind; 6] = [
    WorkloadKind::Register,
    WorkloadKind::SingleWriter,
    WorkloadKind::Set,
    WorkloadKind::Counter,
    WorkloadKind::Append,
    WorkloadKind::Cart,
];

/// What a schedule of this seed plays under.
fn schedule(topology: Topology, seed: u64) -> (&'static [(&'static str, &'static str)], u64, RunSetup) {
    let sets = match topology {
        Topology::PrimaryReplica => PRIMARY,
        Topology::PeerToPeer => PEERS,
        Topology::MultiLeader => SITES,
    };
    let knobs = sets[(seed % sets.len() as u64) as usize];
    let mut setup = setup(topology, seed, knobs);
    if topology == Topology::MultiLeader {
        let site = |name: &str, nodes: std::ops::Range<u16>| Site {
            name: name.into(),
            nodes: nodes.map(NodeId).collect(),
        };
        setup.cluster.sites = vec![site("east", 0..3), site("west", 3..5)];
    }
    // Registers, where both judges have most to say, in every other schedule.
    let load = if seed.is_multiple_of(2) { seed / 2 % 2 } else { seed / 2 % LOADS.len() as u64 };
    (setup.workload.kind, setup.workload.keys) = (LOADS[load as usize], 4);
    (knobs, load, setup)
}

/// Two seconds under faults, clocks that jump among them. Whoever watches looks before each of them.
fn live_through(
    topology: Topology,
    seed: u64,
    found: &mut Found,
    watch: &mut dyn FnMut(&dyn Cluster),
) -> Vec<String> {
    let (knobs, load, setup) = schedule(topology, seed);
    let mut chance = Stream::new(seed, "judges");
    let mut cluster = begin(setup, HostKind::Inline).expect("a world");
    let mut at = 200;
    while at < 2_000 {
        cluster.advance(VirtualTime(at * 1_000));
        watch(cluster.as_ref());
        let node = NodeRef::Named(NodeId(chance.below(5) as u16));
        let command = match chance.below(6) {
            0 => Command::Clock { node, jump_us: -400_000 },
            _ => fault(&mut chance),
        };
        cluster.apply(&command);
        at += chance.between(100, 500);
    }
    cluster.advance(VirtualTime(2_000_000));
    let problems = disagreements(cluster.as_mut(), Span::seconds(5), found);
    problems
        .into_iter()
        .map(|problem| format!("{topology:?} {knobs:?} {load} seed {seed}: {problem}"))
        .collect()
}

const TOPOLOGIES: [Topology; 3] = [Topology::PrimaryReplica, Topology::PeerToPeer, Topology::MultiLeader];

fn judge_schedules(seeds: std::ops::RangeInclusive<u64>) -> Found {
    let (mut found, mut problems) = (Found::default(), Vec::new());
    for seed in seeds {
        for topology in TOPOLOGIES {
            problems.extend(live_through(topology, seed, &mut found, &mut |_| {}));
        }
    }
    assert!(
        problems.is_empty(),
        "{} problems\n{}",
        problems.len(),
        problems[..problems.len().min(20)].join("\n")
    );
    found
}

#[test]
fn both_judges_agree_on_random_schedules_in_every_topology() {
    let found = judge_schedules(1..=150);
    assert!(found.lost > 10 && found.unordered > 30 && found.backwards > 3, "{found:?}");
}

/// `cargo test --release --test all judges -- --ignored`
#[test]
#[ignore = "takes a minute"]
fn both_judges_agree_on_a_thousand_random_schedules_in_every_topology() {
    let found = judge_schedules(1..=1_000);
    assert!(found.lost > 100 && found.unordered > 200 && found.backwards > 20, "{found:?}");
}

/// Looking again and again comes to what looking back once comes to, at every look.
#[test]
fn judges_that_watch_say_what_those_say_that_look_back() {
    let (mut looks, mut broken) = (0, 0);
    for seed in 1..=24 {
        for topology in TOPOLOGIES {
            let (mut promises, mut order) = (PromiseWatch::default(), OrderWatch::default());
            live_through(topology, seed, &mut Found::default(), &mut |cluster| {
                let (ledger, names) = (cluster.ledger(), cluster.names());
                let story = format!("{topology:?} seed {seed} at {}", cluster.now());
                assert_eq!(promises.look(ledger), Promises::of(ledger, WHOLE), "{story}");
                let watched = order.look(ledger, &names, cluster.now(), true);
                let judged = Order::of(ledger, &names);
                agree(&watched, &judged, &story);
                assert_eq!(watched.shown.is_some(), watched.broken > 0, "{story}");
                looks += 1;
                broken += usize::from(watched.broken > 0);
            });
        }
    }
    assert!(looks > 300 && broken > 50, "{looks} looks, {broken} at what is broken");
}

/// The budget of searches is shared: who need not search again what is known to be broken may find more.
fn agree(watched: &Order, judged: &Order, story: &str) {
    assert_eq!((watched.left_out, watched.has_reads), (judged.left_out, judged.has_reads), "{story}");
    let all = |order: &Order| order.holding + order.broken + order.undecided;
    assert_eq!(all(watched), all(judged), "{story}");
    assert!(watched.broken >= judged.broken, "{story}: {watched:?} {judged:?}");
    if judged.undecided == 0 {
        assert_eq!(
            (watched.holding, watched.broken),
            (judged.holding, judged.broken),
            "{story}: {watched:?} {judged:?}"
        );
    }
}
