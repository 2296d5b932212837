//! Clusters that live through cuts, crashes and heals.

use super::network::Network;
use crate::base::ids::{NodeId, OpId};
use crate::base::line::Line;
use crate::base::operation::{Action, Answer, Refusal};
use crate::base::time::Span;
use crate::protocol::Survivors;
use crate::protocol::view::PeerStatus;
use proptest::prelude::*;

const TWO_AND_THREE: [u8; 5] = [0, 0, 1, 1, 1];
/// Long enough for both sides of a cut to give each other up.
const DETECTION: Span = Span::seconds(8);

/// Of a hundred keys, how many `node` can write.
fn writable(network: &mut Network, node: u16) -> usize {
    (0..100)
        .filter(|&key| {
            let value = crate::base::ids::Value(1_000 + key);
            match network.answer(node, key, Action::write(value)) {
                Answer::Written(_) => true,
                Answer::Refused(Refusal::Unavailable) => false,
                other => panic!("k{key}: {other:?}"),
            }
        })
        .count()
}

#[test]
fn a_cut_leaves_a_strict_quorum_two_fifths_of_the_keys_on_one_side_and_three_on_the_other() {
    let mut network = Network::new(5, &[], 1);
    network.partition(&TWO_AND_THREE);
    network.run_for(DETECTION);
    assert_eq!((writable(&mut network, 0), writable(&mut network, 4)), (40, 60));
}

#[test]
fn a_cut_leaves_a_sloppy_quorum_every_key_on_both_sides_and_healing_converges() {
    let mut network = Network::new(5, &[("quorum", "sloppy")], 1);
    network.partition(&TWO_AND_THREE);
    network.run_for(DETECTION);
    assert_eq!((writable(&mut network, 0), writable(&mut network, 4)), (100, 100));
    assert!(!network.truth().is_converged && network.hint_bytes() > 0);
    network.heal();
    network.run_until(Span::seconds(10), |network| network.hint_bytes() == 0).expect("hints drain");
    assert!(network.agree_all_are_up());
    let truth = network.truth();
    assert_eq!((truth.is_converged, truth.keys_diverged, truth.copies), (true, 0, 3));
    assert!(network.count_lines("HINT_REPLAY") > 0);
}

#[test]
fn a_healed_cut_is_noticed_by_everyone_within_four_seconds() {
    for seed in 1..=20 {
        let mut network = Network::new(5, &[], seed);
        network.run_for(Span::seconds(5));
        network.partition(&TWO_AND_THREE);
        network.run_for(Span::seconds(15));
        for node in 0..5 {
            assert!(!network.all_think(node, PeerStatus::Alive), "seed {seed}: the cut was noticed");
        }
        network.heal();
        let healed = network.run_until(Span::seconds(4), Network::agree_all_are_up);
        assert!(healed.is_some(), "seed {seed}: not agreed within 4 s");
        network.run_for(Span::seconds(10));
        assert!(network.agree_all_are_up(), "seed {seed}: opinions stay settled");
    }
}

#[test]
fn a_calm_cluster_suspects_nobody() {
    let mut network = Network::new(5, &[], 3);
    network.run_for(Span::seconds(60));
    assert!(network.agree_all_are_up());
    assert_eq!(network.lines, []);
}

#[test]
fn a_crashed_node_is_down_for_all_within_the_suspicion_bound_and_up_again_after_its_restart() {
    // At worst: probed at the end of the next round (8 intervals of 200 ms), one interval to suspect it, 2.4 s of
    // unconfirmed suspicion, one round of gossip.
    let bound = Span::millis(8 * 200 + 200 + 2_400 + 400);
    for seed in 1..=20 {
        let mut network = Network::new(5, &[], seed);
        network.run_for(Span::seconds(2));
        network.crash(2);
        let marked = network.run_until(bound, |network| network.all_think(2, PeerStatus::Down));
        assert!(marked.is_some_and(|span| span >= Span::millis(800)), "seed {seed}: {marked:?}");
        network.start(2);
        let back = network.run_until(Span::seconds(1), Network::agree_all_are_up);
        assert!(back.is_some(), "seed {seed}: still down after its restart");
    }
}

#[test]
fn acknowledged_writes_survive_a_power_failure_of_everyone() {
    let mut network = Network::new(5, &[], 1);
    let written: Vec<OpId> = (0..50).map(|key| network.write((key % 5) as u16, key)).collect();
    network.run_for(Span::millis(50));
    assert!(written.iter().all(|op| matches!(network.answers[op], Answer::Written(_))));
    (0..5).for_each(|node| network.crash(node));
    (0..5).for_each(|node| network.start(node));
    for (key, &op) in (0..50).zip(&written) {
        assert_eq!(network.read(4 - (key % 5) as u16, key), Some(op));
    }
}

#[test]
fn a_node_that_was_away_gets_what_it_missed_from_hints() {
    let mut network = Network::new(5, &[], 1);
    network.crash(2);
    network.run_for(Span::seconds(5));
    for key in 0..50 {
        assert!(matches!(
            network.answer(0, key, Action::write(crate::base::ids::Value(key))),
            Answer::Written(_)
        ));
    }
    // n3 owns the slots 0, 1 and 2: 30 of the 50 keys.
    assert_eq!(network.hint_bytes(), 30 * (24 + 8 + 256));
    network.start(2);
    network.run_for(Span::seconds(3));
    assert_eq!(network.hint_bytes(), 0);
    assert!(network.truth().is_converged);
    let replayed = network.lines.iter().find(|(_, _, line)| line.code() == "HINT_REPLAY");
    assert!(matches!(replayed, Some((_, NodeId(0), Line::HintReplay { target: NodeId(2), sent: 30 }))));
}

#[test]
fn hints_survive_the_restart_of_their_holder_but_not_the_loss_of_its_disk() {
    for (is_wiped, converges) in [(false, true), (true, false)] {
        let mut network = Network::new(5, &[], 1);
        network.crash(2);
        network.run_for(Span::seconds(5));
        network.answer(3, 1, Action::write(crate::base::ids::Value(7)));
        network.run_for(Span::millis(10));
        network.crash(3);
        if is_wiped {
            network.wipe(3);
        }
        network.start(2);
        network.run_for(Span::seconds(2));
        network.start(3);
        network.run_for(Span::seconds(10));
        assert!(network.agree_all_are_up());
        assert_eq!(network.truth().is_converged, converges, "wiped: {is_wiped}");
    }
}

#[test]
fn an_outage_beyond_the_hint_window_leaves_copies_apart_until_a_read_repairs_them() {
    let mut network = Network::new(3, &[("hint_window", "1s")], 1);
    network.crash(2);
    network.run_for(Span::seconds(8));
    let write = network.write(0, 1);
    network.run_for(Span::millis(10));
    assert_eq!((network.hint_bytes(), network.count_lines("HINT_DROP")), (0, 1));
    network.start(2);
    network.run_for(Span::seconds(10));
    assert_eq!(network.truth().keys_diverged, 1);
    assert_eq!(network.read(2, 1), Some(write));
    assert_eq!((network.count_lines("READ_REPAIR"), network.truth().keys_diverged), (1, 0));
}

#[test]
fn the_same_seed_lives_the_same_life() {
    let live = || {
        let mut network = Network::new(5, &[("quorum", "sloppy"), ("ring", "random")], 9);
        network.partition(&TWO_AND_THREE);
        for round in 0..200 {
            network.write((round % 5) as u16, round % 17);
            network.ask((round % 3) as u16, round % 13, Action::Read);
            network.run_for(Span::millis(40));
        }
        network.heal();
        network.run_for(Span::seconds(20));
        assert_eq!(network.pending(), 0, "every request ends");
        (network.lines, network.answers, network.ghosts)
    };
    let (lines, answers, ghosts) = live();
    assert_eq!((lines.len(), answers.len()), (live().0.len(), 400));
    assert_eq!((lines, answers, ghosts), live());
}

#[test]
fn survivors_are_the_newest_versions_and_a_delete_is_one_of_them() {
    let mut network = Network::new(5, &[], 1);
    network.write(0, 1);
    network.run_for(Span::millis(10));
    let delete = network.ask(4, 1, Action::Change(crate::base::data::Change::Delete));
    network.run_for(Span::millis(10));
    let Survivors::Merged(remains) = network.truth().survivors else { panic!("peer-to-peer has no log") };
    assert_eq!(remains.into_values().flat_map(|left| left.written_by).collect::<Vec<_>>(), [delete]);
    let Answer::Found(Some(found)) = network.answer(2, 1, Action::Read) else {
        panic!("a tombstone is found")
    };
    assert_eq!((found.value, found.written_by), (None, delete));
}

/// One thing that happens, and how long nothing else does after it.
#[derive(Clone, Debug)]
enum Happening {
    Cut(Vec<u8>),
    Heal,
    Write { node: u16, key: u32 },
    Read { node: u16, key: u32 },
}

fn happenings() -> impl Strategy<Value = Vec<(Happening, u64)>> {
    let happening = prop_oneof![
        1 => prop::collection::vec(0_u8..3, 5).prop_map(Happening::Cut),
        1 => Just(Happening::Heal),
        6 => (0_u16..5, 0_u32..8).prop_map(|(node, key)| Happening::Write { node, key }),
        2 => (0_u16..5, 0_u32..8).prop_map(|(node, key)| Happening::Read { node, key }),
    ];
    prop::collection::vec((happening, 0_u64..900), 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Nothing that only cuts links loses a write for an owner: whoever missed it has a hint somewhere.
    #[test]
    fn whatever_was_cut_a_healed_cluster_agrees_on_members_and_data(
        seed in any::<u64>(), quorum in prop::sample::select(vec!["strict", "sloppy"]), lived in happenings(),
    ) {
        let mut network = Network::new(5, &[("quorum", quorum), ("ring", "random"), ("hint_window", "1h")], seed);
        for (happening, pause) in lived {
            match happening {
                Happening::Cut(groups) => network.partition(&groups),
                Happening::Heal => network.heal(),
                Happening::Write { node, key } => drop(network.write(node, key)),
                Happening::Read { node, key } => drop(network.ask(node, key, Action::Read)),
            }
            network.run_for(Span::millis(pause));
        }
        network.heal();
        let is_settled = |network: &Network| {
            network.agree_all_are_up() && network.pending() == 0 && network.hint_bytes() == 0
        };
        prop_assert!(network.run_until(Span::seconds(12), is_settled).is_some(), "not settled");
        prop_assert_eq!(network.truth().keys_diverged, 0);
    }
}
