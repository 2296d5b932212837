//! Every preset on every host: the same digests, the expectations on many seeds, the books always balanced.

use splitbrain::base::time::VirtualTime;
use splitbrain::cluster::live::{Cluster, HostKind};
use splitbrain::driver::player::Player;
use splitbrain::driver::verdict::play_out;
use splitbrain::headless::reseeded;
use splitbrain::scenario::model::Scenario;
use splitbrain::scenario::presets::{PRESETS, load};
use std::sync::Arc;

fn preset(name: &str, seed: u64) -> Arc<Scenario> {
    Arc::new(reseeded(&load(name).expect("every preset loads"), seed))
}

fn short(mut scenario: Scenario) -> Arc<Scenario> {
    // Presets that play for minutes show nothing new to a host after half a minute.
    scenario.duration.0 = scenario.duration.0.min(30_000_000);
    Arc::new(scenario)
}

fn digests(scenario: &Arc<Scenario>, host: HostKind) -> Vec<u64> {
    let mut player = Player::new(Arc::clone(scenario), host).expect("a runtime");
    player.advance(VirtualTime(scenario.duration.0));
    player.clusters().iter().map(|cluster| cluster.digest()).collect()
}

#[test]
fn every_preset_gives_the_same_digests_on_tasks_and_inline() {
    for preset in PRESETS {
        for seed in [1, 2, 3] {
            let scenario = short(reseeded(&load(preset.name).expect("every preset loads"), seed));
            let inline = digests(&scenario, HostKind::Inline);
            assert_eq!(inline, digests(&scenario, HostKind::Inline), "{} twice, seed {seed}", preset.name);
            assert_eq!(inline, digests(&scenario, HostKind::Tasks), "{} on tasks, seed {seed}", preset.name);
        }
    }
}

#[test]
fn a_checkpoint_of_every_preset_goes_on_to_the_same_digest() {
    for preset in PRESETS {
        let scenario = short(load(preset.name).expect("every preset loads"));
        for run in &scenario.runs {
            let mut straight =
                splitbrain::cluster::live::begin(run.setup.clone(), HostKind::Tasks).expect("a runtime");
            straight.advance(VirtualTime(4_000_000));
            let mut copy: Box<dyn Cluster> = straight.checkpoint();
            straight.advance(VirtualTime(9_000_000));
            copy.advance(VirtualTime(9_000_000));
            assert_eq!(straight.digest(), copy.digest(), "{} {}", preset.name, run.id);
        }
    }
}

#[test]
fn every_preset_meets_its_expectations() {
    let mut missed = Vec::new();
    for row in PRESETS {
        // All of 1 to 20 take minutes without optimisation: `splitbrain run PRESET --seed 1..20` plays them in seconds.
        for seed in 1..=2 {
            let scenario = preset(row.name, seed);
            let judgement = play_out(&scenario, HostKind::Inline).expect("a world");
            for met in judgement.expectations.iter().filter(|met| !met.is_met) {
                let run = &scenario.runs[met.run].id;
                let why = &scenario.expectations[met.expectation].why;
                missed.push(format!(
                    "{} seed {seed} {run}: {} wanted {} ({why})",
                    row.name, met.came, met.wanted
                ));
            }
            if !judgement.is_as_expected() && judgement.expectations.iter().all(|met| met.is_met) {
                missed.push(format!("{} seed {seed}: a check that no run may ever fail", row.name));
            }
        }
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn another_seed_is_another_trace() {
    let [first, second] = [1, 2].map(|seed| digests(&preset("pair-kill-one", seed), HostKind::Inline));
    assert!(first.iter().zip(&second).all(|(a, b)| a != b));
}

#[test]
fn pausing_and_stepping_change_nothing() {
    let scenario = preset("pair-kill-one", 1);
    let mut straight = Player::new(Arc::clone(&scenario), HostKind::Inline).expect("a world");
    let mut stepped = Player::new(Arc::clone(&scenario), HostKind::Inline).expect("a world");
    for millis in [1, 7, 350, 9_999, 10_001] {
        stepped.advance(VirtualTime(millis * 1_000));
        (0..50).for_each(|_| stepped.step());
        stepped.clusters().iter_mut().for_each(|cluster| drop(cluster.view()));
    }
    let end = VirtualTime(12_000_000);
    straight.advance(end);
    stepped.advance(end);
    let digests = |player: &mut Player| player.clusters().iter().map(|c| c.digest()).collect::<Vec<_>>();
    assert_eq!(digests(&mut straight), digests(&mut stepped));
}
