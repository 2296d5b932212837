//! Time is the watcher's: wherever it is sent, the world that stands there is the one that stood there before; what
//! is done in the past leaves the old future as it was.

use proptest::prelude::*;
use proptest::test_runner::Config;
use splitbrain::base::ids::{NodeId, OpId};
use splitbrain::base::random::Keyed;
use splitbrain::base::time::{Span, VirtualTime};
use splitbrain::base::why::{About, Kind};
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::lane::Lane;
use splitbrain::driver::player::{Cursor, Player};
use splitbrain::driver::story::Story;
use splitbrain::scenario::grammar::parse;
use splitbrain::scenario::model::{Scenario, Scoped};
use splitbrain::scenario::presets::{PRESETS, load};
use splitbrain::scenario::vocabulary;
use std::sync::Arc;

const SECOND: u64 = 1_000_000;

/// A preset that plays for three seconds; what its timeline does later is done in the third.
fn short(name: &str) -> Arc<Scenario> {
    let mut scenario = load(name).expect("every preset loads");
    let (end, whole) = (3 * SECOND, scenario.duration.0);
    let squeezed =
        |at: VirtualTime| VirtualTime((u128::from(at.0) * u128::from(end) / u128::from(whole)) as u64);
    for entry in &mut scenario.timeline {
        entry.at = squeezed(entry.at);
        entry.until = entry.until.map(squeezed).filter(|until| *until > entry.at);
    }
    scenario.duration = Span(end);
    Arc::new(scenario)
}

fn command(scenario: &Scenario, text: &str) -> Scoped {
    parse(text, &vocabulary(scenario)).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Everything that can be seen of the runs, in short.
fn picture(player: &mut Player) -> String {
    let digests = player.digests();
    let views: Vec<String> = player.clusters().iter_mut().map(|run| format!("{:?}", run.view())).collect();
    let views: Vec<u64> = views.iter().map(|view| twox_hash::XxHash3_64::oneshot(view.as_bytes())).collect();
    format!("{digests:x?} {:?} {views:x?}", player.cursor())
}

fn act(story: &mut Story, text: &str) {
    let scoped = command(&Arc::clone(story.player().scenario()), text);
    story.make_ready().expect("a runtime");
    story.act(vec![scoped]);
}

#[test]
fn every_place_of_every_preset_is_the_same_when_time_comes_back_to_it() {
    for preset in PRESETS {
        let scenario = short(preset.name);
        let mut lane = Lane::new(Arc::clone(&scenario), HostKind::Tasks).expect("a runtime");
        let chance = Keyed::new(1, preset.name);
        let places = [1, 2, 3, 4].map(|nth| VirtualTime(chance.bits(nth, 0) % (3 * SECOND)));
        let mut sorted = places;
        sorted.sort();
        let mut seen = Vec::new();
        for at in sorted {
            lane.advance(at);
            lane.step();
            seen.push((lane.cursor(), picture(lane.player())));
        }
        for at in places {
            let (cursor, before) = seen.iter().find(|(cursor, _)| cursor.at >= at).expect("it was seen");
            lane.seek(*cursor).expect("a runtime");
            assert_eq!(*before, picture(lane.player()), "{} at {at}", preset.name);
        }
    }
}

/// A checkpoint has forgotten how things came about; whoever asks is told all the same.
#[test]
fn stories_and_causes_reach_back_from_wherever_time_was_sent() {
    let scenario = load("jepsen-redis-2013").expect("it loads");
    let mut lane = Lane::new(Arc::new(scenario), HostKind::Tasks).expect("a runtime");
    let told = |lane: &mut Lane| {
        let run = &mut lane.player().clusters()[0];
        let truth = run.truth();
        let fates = run.fates(&truth);
        let first = run.ledger().records().position(|record| record.is_acked_write());
        let first = OpId(first.expect("a write was acknowledged") as u32);
        let kinds = [Kind::Election, Kind::Failed, Kind::Stale].map(About::Newest);
        (run.story(&fates, first), kinds.map(|about| run.why(about)))
    };
    lane.advance(VirtualTime(12 * SECOND));
    let before = told(&mut lane);
    lane.advance(VirtualTime(14 * SECOND));
    assert!(lane.checkpoints() > 1);
    lane.seek(Cursor { at: VirtualTime(12 * SECOND), steps: 0 }).expect("a runtime");
    assert_ne!(told(&mut lane), before, "the checkpoint near it knows less");
    lane.remember().expect("a runtime");
    assert_eq!(told(&mut lane), before);
}

#[test]
fn steps_back_and_forth_meet_the_same_places() {
    let mut lane = Lane::new(short("pair-kill-one"), HostKind::Inline).expect("a world");
    lane.advance(VirtualTime(SECOND));
    let mut seen = Vec::new();
    for _ in 0..60 {
        lane.step();
        seen.push(picture(lane.player()));
    }
    while let Some(there) = seen.pop() {
        assert_eq!(there, picture(lane.player()));
        assert!(lane.step_back().expect("a world"));
    }
    assert!(lane.is_past());
    lane.seek(lane.live()).expect("a world");
    assert!(!lane.is_past());
}

#[test]
fn before_the_first_event_there_is_nothing_to_go_back_to() {
    let mut lane = Lane::new(short("playground"), HostKind::Inline).expect("a world");
    lane.step();
    lane.step();
    assert!(lane.step_back().expect("a world"));
    assert_eq!(lane.cursor().steps, 1);
    assert!(lane.step_back().expect("a world"), "{:?}", lane.cursor());
    assert!(!lane.step_back().expect("a world"));
    assert_eq!(lane.cursor(), Cursor::default());
}

#[test]
fn messages_to_a_node_are_stops_in_both_directions() {
    let mut lane = Lane::new(short("playground"), HostKind::Inline).expect("a world");
    lane.advance(VirtualTime(SECOND));
    let node = Some(NodeId(2));
    let mut stops = Vec::new();
    for _ in 0..20 {
        assert!(lane.step_message(0, node));
        stops.push(lane.cursor());
    }
    stops.pop();
    while let Some(stop) = stops.pop() {
        assert!(lane.step_message_back(0, node).expect("a world"));
        assert_eq!(lane.cursor(), stop);
    }
}

#[test]
fn what_is_done_in_the_past_branches_and_leaves_the_old_future_alone() {
    let scenario = short("playground");
    let mut story = Story::new(Arc::clone(&scenario), HostKind::Tasks).expect("a runtime");
    story.advance(VirtualTime(SECOND));
    act(&mut story, "crash n1");
    story.advance(VirtualTime(2 * SECOND));
    let old = picture(story.player());
    story.seek(Cursor { at: VirtualTime(500_000), steps: 0 }).expect("a runtime");
    act(&mut story, "isolate n3");
    story.advance(VirtualTime(2 * SECOND));
    assert_eq!(story.numbers(), (2, Some(1)));
    let lanes = story.lanes();
    let deeds = |lane: usize| -> Vec<(VirtualTime, &str)> {
        lanes[lane].by_hand.iter().map(|deed| (deed.at, deed.words.as_str())).collect()
    };
    assert_eq!(deeds(0), [(VirtualTime(SECOND), "crash n1")]);
    assert_eq!(deeds(1), [(VirtualTime(500_000), "isolate n3")]);
    assert_eq!(picture(story.beside().expect("the old future").player()), old);
    assert_ne!(picture(story.player()), old);
    assert!(story.switch(1).expect("a runtime"));
    assert_eq!(picture(story.player()), old);
}

#[test]
fn undo_is_the_same_time_without_the_command_and_redo_with_it() {
    let scenario = short("playground");
    let mut untouched = Story::new(Arc::clone(&scenario), HostKind::Inline).expect("a world");
    untouched.advance(VirtualTime(2 * SECOND));
    let mut story = Story::new(scenario, HostKind::Inline).expect("a world");
    story.advance(VirtualTime(SECOND));
    act(&mut story, "crash n1");
    story.advance(VirtualTime(1_500_000));
    act(&mut story, "crash n2");
    story.advance(VirtualTime(2 * SECOND));
    let both = picture(story.player());
    assert_eq!(story.undo().expect("a world"), Some((2, "crash n2".to_owned())));
    assert_eq!(story.undo().expect("a world"), Some((1, "crash n1".to_owned())));
    assert_eq!(story.undo().expect("a world"), None);
    assert_eq!(picture(story.player()), picture(untouched.player()));
    assert_eq!(story.redo().expect("a world"), Some((1, "crash n1".to_owned())));
    assert_eq!(story.redo().expect("a world"), Some((2, "crash n2".to_owned())));
    assert_eq!(story.redo().expect("a world"), None);
    assert_eq!(picture(story.player()), both);
}

/// What a restless watcher does.
#[derive(Clone, Debug)]
enum Whim {
    Advance(u64),
    Step,
    StepBack,
    Seek(u64),
    Act(usize),
    Undo,
}

fn whims() -> impl Strategy<Value = Vec<Whim>> {
    let whim = prop_oneof![
        4 => (1..400_000_u64).prop_map(Whim::Advance),
        2 => Just(Whim::Step),
        2 => Just(Whim::StepBack),
        2 => (0..1000_u64).prop_map(Whim::Seek),
        3 => (0..8_usize).prop_map(Whim::Act),
        1 => Just(Whim::Undo),
    ];
    prop::collection::vec(whim, 1..14)
}

const DEEDS: [&str; 8] = [
    "crash n1",
    "restart n1",
    "isolate n2",
    "heal",
    "pause n3",
    "resume n3",
    "write x=5 at n2",
    "loss all 20%",
];

proptest! {
    #![proptest_config(Config { cases: 24, ..Config::default() })]

    /// However a place was reached, a player that goes there straight, commands on its timeline, stands in the same
    /// world.
    #[test]
    fn a_restless_watcher_sees_what_a_patient_one_sees(whims in whims(), preset in 0..PRESETS.len()) {
        let scenario = short(PRESETS[preset].name);
        let mut story = Story::new(Arc::clone(&scenario), HostKind::Inline).expect("a world");
        for whim in whims {
            match whim {
                Whim::Advance(by) => story.advance(story.cursor().at + Span(by)),
                Whim::Step => story.step().expect("a world"),
                Whim::StepBack => drop(story.step_back().expect("a world")),
                Whim::Seek(part) => {
                    let at = VirtualTime(story.live().at.0 * part / 1000);
                    story.seek(Cursor { at, steps: 0 }).expect("a world");
                }
                Whim::Act(deed) if parse(DEEDS[deed], &vocabulary(&scenario)).is_ok() => act(&mut story, DEEDS[deed]),
                Whim::Act(_) => {}
                Whim::Undo => drop(story.undo().expect("a world")),
            }
        }
        let timeline = story.lane().timeline().iter().map(|entry| (**entry).clone()).collect();
        let straight = Arc::new(Scenario { timeline, ..(*scenario).clone() });
        let mut patient = Player::new(straight, HostKind::Inline).expect("a world");
        let here = story.cursor();
        patient.advance(here.at);
        while patient.cursor() < here {
            patient.step();
        }
        prop_assert_eq!(picture(&mut patient), picture(story.player()));
    }
}

/// A recording's end is measured, a condition is run to: both look ahead, and give the time back.
#[test]
fn what_was_only_looked_at_has_not_been_lived_through() {
    let digests = [false, true].map(|looks| {
        let mut story = Story::new(short("pair-kill-one"), HostKind::Inline).expect("a world");
        story.advance(VirtualTime(SECOND));
        act(&mut story, "pause n3");
        let (here, live) = (story.cursor(), story.live());
        if looks {
            story.advance(VirtualTime(2 * SECOND));
            story.seek(here).expect("a runtime");
            assert!(story.is_past());
            story.lived_to(live);
        }
        assert!(!story.is_past());
        act(&mut story, "crash n2");
        story.advance(VirtualTime(3 * SECOND));
        assert_eq!(story.lanes().len(), 1, "no other future has begun");
        story.player().digests()
    });
    assert_eq!(digests[0], digests[1]);
}
