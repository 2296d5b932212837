//! Nodes that join, leave and take each other's place while clients write and faults happen.

use super::super::{Move, Phase};
use super::network::Network;
use crate::base::ids::{NodeId, OpId, Value};
use crate::base::operation::{Action, Answer};
use crate::base::random::Stream;
use crate::base::time::Span;
use crate::protocol::view::PeerStatus;
use proptest::prelude::*;
use std::collections::BTreeMap;

const MOVED: Span = Span::seconds(20);

fn write_all(network: &mut Network, keys: u32) -> BTreeMap<u32, OpId> {
    let ops: BTreeMap<u32, OpId> = (0..keys).map(|key| (key, network.write((key % 5) as u16, key))).collect();
    network.run_for(Span::millis(100));
    assert!(ops.values().all(|op| matches!(network.answers[op], Answer::Written(_))));
    ops
}

#[test]
fn a_node_that_joins_takes_its_share_and_nothing_is_lost() {
    let mut network = Network::with_spares(5, 1, &[], 1);
    let ops = write_all(&mut network, 400);
    network.start(5);
    network.order(5, Move::Join, false);
    network.run_until(MOVED, |network| network.phase(5) == Some(Phase::Member)).expect("it joins");
    network.run_until(MOVED, Network::agree_on_the_ring).expect("everybody learns it");
    for (key, op) in ops {
        assert_eq!(network.read((key % 6) as u16, key), Some(op), "k{key}");
    }
    assert_eq!((0..6).map(|node| network.foreign_keys(node)).sum::<usize>(), 0, "what moved was dropped");
    let done =
        network.lines.iter().filter(|(_, node, line)| (*node, line.code()) == (NodeId(5), "MOVE_DONE"));
    assert_eq!(done.count(), 1);
    assert!(network.truth().is_converged);
}

#[test]
fn a_node_that_leaves_hands_on_its_ranges_and_its_hints() {
    let mut network = Network::new(5, &[], 1);
    let ops = write_all(&mut network, 200);
    network.crash(4);
    network.run_until(MOVED, |network| network.all_think(4, PeerStatus::Down)).expect("it is missed");
    // Owned by n5, which is down: n1 keeps a hint for it, and leaves. None of its ranges go to n5.
    let hinted = network.write(0, 4);
    network.run_for(Span::millis(400));
    assert!(network.hint_bytes() > 0);
    network.order(0, Move::Leave, false);
    network.run_until(MOVED, |network| network.phase(0) == Some(Phase::Left)).expect("it leaves");
    network.crash(0);
    assert!(network.hint_bytes() > 0, "another keeps the hint now");
    network.start(4);
    network.run_until(MOVED, |network| network.hint_bytes() == 0).expect("it is handed over");
    for (key, op) in ops.into_iter().filter(|(key, _)| *key != 4) {
        assert_eq!(network.read(1, key), Some(op), "k{key}");
    }
    assert_eq!(network.read(4, 4), Some(hinted));
    network.start(0);
    assert_eq!(network.answer(0, 0, Action::Read), Answer::NotPrimary { hint: Some(NodeId(1)) });
}

#[test]
fn a_node_takes_the_place_of_a_dead_one_once_a_majority_holds_that_for_dead() {
    let mut network = Network::with_spares(5, 1, &[], 1);
    let ops = write_all(&mut network, 200);
    network.start(5);
    network.order(5, Move::Replace(NodeId(2)), false);
    network.run_for(Span::seconds(1));
    assert_eq!(network.count_lines("MOVE_REFUSED"), 1, "n3 is alive");
    network.crash(2);
    network.run_until(MOVED, |network| network.all_think(2, PeerStatus::Down)).expect("it is missed");
    network.order(5, Move::Replace(NodeId(2)), false);
    network.run_until(MOVED, |network| network.phase(5) == Some(Phase::Member)).expect("it takes over");
    for (key, op) in ops {
        assert_eq!(network.read(0, key), Some(op), "k{key}");
    }
    // The one that was replaced comes back, learns it, and keeps nothing.
    network.start(2);
    network.run_until(MOVED, Network::agree_on_the_ring).expect("it learns that it was replaced");
    assert_eq!((network.phase(2), network.foreign_keys(2)), (Some(Phase::Left), 0));
    assert!(network.truth().is_converged);
}

#[test]
fn of_two_that_want_to_move_at_once_one_does_and_the_other_is_refused() {
    for seed in 1..=20 {
        let mut network = Network::with_spares(5, 2, &[], seed);
        write_all(&mut network, 50);
        (5..7).for_each(|node| network.start(node));
        (5..7).for_each(|node| network.order(node, Move::Join, false));
        network.run_for(Span::seconds(10));
        assert_eq!(network.count_lines("MOVE_DONE"), 1, "seed {seed}");
        assert_eq!(network.count_lines("MOVE_REFUSED"), 1, "seed {seed}");
        // The other one may come later.
        let refused = if network.phase(5).is_none() { 5 } else { 6 };
        network.order(refused, Move::Join, false);
        network.run_until(MOVED, |network| network.phase(refused) == Some(Phase::Member)).expect("it joins");
    }
}

#[test]
fn too_few_nodes_for_the_copies_cannot_lose_one() {
    let mut network = Network::new(3, &[], 1);
    network.order(0, Move::Leave, false);
    network.run_for(Span::seconds(1));
    assert_eq!((network.count_lines("MOVE_REFUSED"), network.phase(0)), (1, Some(Phase::Member)));
}

#[test]
fn a_crash_on_the_way_is_no_end() {
    for pause in [1, 3, 5, 8, 12, 20, 40] {
        let mut network = Network::with_spares(5, 1, &[], 1);
        let ops = write_all(&mut network, 200);
        network.start(5);
        network.order(5, Move::Join, false);
        network.run_for(Span::millis(pause));
        network.crash(5);
        network.run_for(Span::millis(300));
        network.start(5);
        let is_member = |network: &Network| network.phase(5) == Some(Phase::Member);
        let came = network.run_until(Span::seconds(5), is_member);
        if came.is_none() {
            // It died before its wish was on the disk.
            network.order(5, Move::Join, false);
            network.run_until(MOVED, is_member).expect("it joins");
        }
        for (key, op) in ops {
            assert_eq!(network.read(0, key), Some(op), "crashed after {pause} ms: k{key}");
        }
    }
}

fn give_up(network: &mut Network, dead: u16) {
    for node in (0..8).filter(|&node| network.is_running(node)).collect::<Vec<u16>>() {
        network.order(node, Move::GiveUp(NodeId(dead)), false);
    }
}

/// Others are told why they may not move, and what ends that; once the dead node is given up they may. One that comes
/// back after all learns it and keeps nothing.
#[test]
fn a_node_that_died_while_it_joined_is_given_up() {
    let mut network = Network::with_spares(5, 3, &[("stream_throttle", "2KiB/s")], 1);
    let ops = write_all(&mut network, 100);
    network.start(5);
    network.order(5, Move::Join, false);
    network.run_until(MOVED, |network| network.phase(5) == Some(Phase::Joining)).expect("it begins");
    network.run_for(Span::millis(200));
    network.crash(5);
    give_up(&mut network, 5);
    network.run_for(Span::millis(100));
    assert_eq!(network.count_lines("MOVE_REFUSED"), 1, "it may only be slow");
    network.run_until(MOVED, |network| network.all_think(5, PeerStatus::Down)).expect("it is missed");
    network.start(6);
    network.order(6, Move::Join, false);
    network.run_for(Span::seconds(5));
    assert_eq!((network.count_lines("MOVE_REFUSED"), network.phase(6)), (2, None), "it stands in the way");
    give_up(&mut network, 5);
    let is_given_up = |network: &Network| network.count_lines("GIVEN_UP") == 1;
    network.run_until(MOVED, is_given_up).expect("a majority holds it for dead");
    network.order(6, Move::Join, false);
    let is_in = |network: &Network| network.phase(6) == Some(Phase::Member);
    network.run_until(Span::seconds(60), is_in).expect("the way is free");
    network.start(5);
    network.run_until(MOVED, Network::agree_on_the_ring).expect("it learns what became of it");
    assert_eq!((network.phase(5), network.foreign_keys(5)), (Some(Phase::Left), 0));
    for (key, op) in ops {
        assert_eq!(network.read((key % 5) as u16, key), Some(op), "k{key}");
    }
}

/// What happens between two rounds of writes.
#[derive(Clone, Copy, Debug)]
enum Event {
    Join(u16),
    Leave(u16),
    Replace(u16, u16),
    GiveUp(u16),
    Crash(u16),
    Start(u16),
    Cut(u16),
    Heal,
}

fn events() -> impl Strategy<Value = Event> {
    let (any, spare) = (0_u16..8, 5_u16..8);
    prop_oneof![
        2 => spare.clone().prop_map(Event::Join),
        1 => any.clone().prop_map(Event::Leave),
        1 => (spare.clone(), any.clone()).prop_map(|(new, old)| Event::Replace(new, old)),
        1 => spare.prop_map(Event::GiveUp),
        2 => any.clone().prop_map(Event::Crash),
        2 => any.clone().prop_map(Event::Start),
        1 => any.prop_map(Event::Cut),
        1 => Just(Event::Heal),
    ]
}

fn happen(network: &mut Network, event: Event) {
    match event {
        Event::Join(node) | Event::Replace(node, _) if !network.is_running(node) => network.start(node),
        Event::Join(node) => network.order(node, Move::Join, false),
        Event::Replace(node, old) => network.order(node, Move::Replace(NodeId(old)), false),
        Event::GiveUp(node) if !network.is_running(node) => give_up(network, node),
        Event::Leave(node) if network.is_running(node) => network.order(node, Move::Leave, false),
        Event::Crash(node) => network.crash(node),
        Event::Start(node) if !network.is_running(node) => network.start(node),
        Event::Cut(node) => {
            let mut groups = [0; 8];
            groups[usize::from(node)] = 1;
            network.partition(&groups);
        }
        Event::Heal => network.heal(),
        Event::GiveUp(_) | Event::Leave(_) | Event::Start(_) => {}
    }
}

/// The newest acknowledged write of each key is what a read finds in the end, or one that is newer.
fn survive(seed: u64, schedule: &[(Event, u64)], ring: &str) {
    let mut network = Network::with_spares(5, 3, &[("ring", ring), ("vnodes", "4")], seed);
    let mut chance = Stream::new(seed, "test");
    let mut writes: BTreeMap<u32, Vec<OpId>> = BTreeMap::new();
    for &(event, pause) in schedule {
        happen(&mut network, event);
        for _ in 0..12 {
            let (node, key) = (chance.between(0, 7) as u16, chance.between(0, 19) as u32);
            if network.is_running(node) {
                writes.entry(key).or_default().push(network.write(node, key));
            }
            network.run_for(Span::millis(chance.between(1, pause)));
        }
    }
    network.heal();
    (0..8)
        .filter(|&node| !network.is_running(node))
        .collect::<Vec<u16>>()
        .into_iter()
        .for_each(|node| network.start(node));
    network.run_until(Span::seconds(60), Network::agree_on_the_ring).expect("movements end, and all know it");
    // Until everybody is held for up again.
    network.run_for(Span::seconds(8));
    for (key, ops) in writes {
        let acked = ops.iter().rev().find(|op| matches!(network.answers.get(op), Some(Answer::Written(_))));
        let found = (0..8).find_map(|node| match network.answer(node, key, Action::Read) {
            Answer::NotPrimary { .. } => None,
            Answer::Found(found) => Some(found.map(|found| found.written_by)),
            other => panic!("k{key} cannot be read: {other:?}"),
        });
        assert!(found.flatten() >= acked.copied(), "k{key}: {acked:?} was acknowledged, found {found:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]
    #[test]
    fn no_acknowledged_write_is_lost_whoever_comes_goes_and_crashes(
        seed in any::<u64>(), schedule in prop::collection::vec((events(), 1_u64..120), 4..14), is_even in any::<bool>(),
    ) {
        survive(seed, &schedule, if is_even { "even1" } else { "random" });
    }
}

#[test]
fn a_value_can_be_written_while_a_node_joins_and_read_by_the_new_ring() {
    let mut network = Network::with_spares(5, 1, &[("stream_throttle", "2KiB/s")], 1);
    write_all(&mut network, 100);
    network.start(5);
    network.order(5, Move::Join, false);
    network.run_until(MOVED, |network| network.phase(5) == Some(Phase::Joining)).expect("it begins");
    network.run_for(Span::millis(100));
    let answer = network.answer(3, 5, Action::write(Value(77)));
    assert!(matches!(answer, Answer::Written(_)), "{answer:?}");
    assert_eq!(network.phase(5), Some(Phase::Joining), "streams are slow");
    network
        .run_until(Span::seconds(60), |network| network.phase(5) == Some(Phase::Member))
        .expect("it joins");
    assert!(network.read(5, 5) > Some(OpId(100)));
}
