//! What was recorded plays again: the same digests from the file alone, whatever the watcher did, and a playable file
//! however the program ended.

use splitbrain::base::time::VirtualTime;
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::frame::Frame;
use splitbrain::driver::player::Player;
use splitbrain::driver::replay::{Replay, compare};
use splitbrain::driver::thread::{Edges, Simulation, Start, start};
use splitbrain::driver::{Request, Seek};
use splitbrain::scenario::grammar::parse;
use splitbrain::scenario::load::load;
use splitbrain::scenario::model::Scenario;
use splitbrain::scenario::overrides::Override;
use splitbrain::scenario::presets::preset;
use splitbrain::scenario::{vocabulary, write};
use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// A file in memory; full after so many bytes.
#[derive(Clone)]
pub(crate) struct Paper {
    written: Arc<Mutex<Vec<u8>>>,
    room: usize,
}

impl Paper {
    pub(crate) fn with_room(room: usize) -> Self {
        Paper { written: Arc::default(), room }
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.written.lock().expect("nobody panics").clone()).expect("recordings are text")
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut written = self.written.lock().expect("nobody panics");
        if written.len() + bytes.len() > self.room {
            return Err(io::Error::new(io::ErrorKind::StorageFull, "no space left on device"));
        }
        written.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Waits for a frame that satisfies `is_it`.
pub(crate) fn wait(
    frames: &mut watch::Receiver<Arc<Frame>>,
    is_it: impl FnMut(&Arc<Frame>) -> bool,
) -> Arc<Frame> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    Arc::clone(&runtime.block_on(frames.wait_for(is_it)).expect("the simulation lives"))
}

pub(crate) fn scenario(name: &str) -> Scenario {
    let text = preset(name).expect("the preset exists").text;
    load(name, text, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

/// Plays a scenario with these requests and records it. A seek into the future is waited for.
fn recorded(scenario: &Scenario, paper: &Paper, requests: &[Request]) -> Arc<Frame> {
    recorded_under(scenario, Some(("paper", paper)), requests)
}

/// A simulation of a scenario, recorded under a name if one is given.
pub(crate) fn simulation(scenario: &Scenario, tape: Option<(&str, &Paper)>, begin: Start) -> Simulation {
    let words = vocabulary(scenario);
    let reader = move |text: &str| parse(text, &words).map_err(|error| error.to_string());
    let mut edges = Edges::reading(Box::new(reader));
    edges.tape =
        tape.map(|(name, paper)| (name.to_owned(), Box::new(paper.clone()) as Box<dyn Write + Send>));
    start(Arc::new(scenario.clone()), begin, edges).expect("a thread")
}

/// Plays a scenario with these requests; gives the last frame before it ends.
pub(crate) fn recorded_under(
    scenario: &Scenario,
    tape: Option<(&str, &Paper)>,
    requests: &[Request],
) -> Arc<Frame> {
    let mut simulation = simulation(scenario, tape, Start { is_paused: true, ..Start::default() });
    for request in requests {
        let serial = simulation.frames.borrow().serial;
        let runs = *request == Request::Run;
        simulation.requests.blocking_send(request.clone()).expect("it listens");
        wait(&mut simulation.frames, |frame| frame.serial > serial && (runs || !frame.is_running));
    }
    let last = Arc::clone(&simulation.frames.borrow());
    simulation.requests.blocking_send(Request::Quit).expect("it listens");
    simulation.thread.join().expect("it ends in peace");
    last
}

pub(crate) fn to(millis: u64) -> Request {
    Request::Seek(Seek::To(VirtualTime(millis * 1_000)))
}

pub(crate) fn command(text: &str) -> Request {
    Request::Command(text.to_owned())
}

/// A restless watcher: commands, steps, undo, a branch from the past.
fn restless() -> Vec<Request> {
    vec![
        to(400),
        command("crash n1"),
        Request::StepEvent,
        Request::StepEvent,
        command("write x=5 at n2"),
        to(900),
        Request::Commands(vec!["isolate n2".to_owned(), "loss all 10%".to_owned()]),
        to(1_300),
        Request::Undo,
        Request::SetSpeed(2_000),
        to(1_500),
        command("heal"),
        to(700),
        Request::StepBack,
        command("pause n3"),
        Request::Cue("view log".to_owned()),
        to(1_700),
        Request::Undo,
        Request::Redo,
        Request::StepEvent,
    ]
}

pub(super) fn replayed(text: &str, changes: &[Override]) -> (Scenario, Replay) {
    let scenario =
        load("paper.toml", text, changes).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let mut player = Player::new(Arc::new(scenario.clone()), HostKind::Inline).expect("a world");
    player.advance(VirtualTime(scenario.duration.0));
    let replay = compare(&scenario, &mut player);
    (scenario, replay)
}

#[test]
fn cues_change_nothing_and_the_undone_is_not_done() {
    let paper = Paper::with_room(usize::MAX);
    recorded(&scenario("playground"), &paper, &restless());
    let (scenario, _) = replayed(&paper.text(), &[]);
    let by_hand: Vec<u32> = scenario.timeline.iter().filter_map(|entry| entry.by_hand).collect();
    // 3 was undone; 4 stayed on the other future; 5 was undone and done again.
    assert_eq!(by_hand, [1, 2, 5]);
    assert!(scenario.cues.iter().any(|cue| cue.text == "view log"));
    let text = paper.text();
    let blocks =
        text.split("\n\n").filter(|block| !block.contains("cue = \"view") && !block.contains("cue = \"s"));
    let stripped = blocks.collect::<Vec<_>>().join("\n\n");
    assert!(stripped.len() < text.len());
    assert_eq!(replayed(&stripped, &[]).1, Replay::Same);
}

#[test]
fn an_edited_recording_is_a_scenario_of_its_own() {
    let paper = Paper::with_room(usize::MAX);
    recorded(&scenario("playground"), &paper, &[to(300), command("crash n1"), to(900)]);
    let text = paper.text();
    assert_eq!(replayed(&text, &[]).1, Replay::Same);
    assert_eq!(replayed(&text.replace("crash n1", "crash n2"), &[]).1, Replay::Edited);
    assert_eq!(replayed(&text, &[Override::Set("seed=8".to_owned())]).1, Replay::Edited);
    let renamed = text.replace("title = \"", "title = \"My own ");
    assert_ne!(replayed(&renamed, &[]).1, Replay::NoRecording);
}

#[test]
fn where_a_replay_parts_from_its_recording_is_named() {
    let mut busy = scenario("playground");
    busy.workload.rate = 3_000;
    busy.runs.iter_mut().for_each(|run| run.setup.workload.rate = 3_000);
    let paper = Paper::with_room(usize::MAX);
    recorded(&busy, &paper, &[to(1_000)]);
    let text = paper.text();
    let (scenario, replay) = replayed(&text, &[]);
    assert_eq!(replay, Replay::Same);
    let end = scenario.recorded.and_then(|recorded| recorded.end).expect("it came to its end");
    let run = &end.runs[0];
    assert!(run.milestones.len() > 2, "{} events", run.events);
    assert_eq!(run.footprints.len() as u64, run.events);
    // A program that behaved otherwise from some event after the 20 000th on would have left other digests.
    let mut other = text.clone();
    for digest in run.milestones.iter().skip(2).chain([&run.digest]) {
        other = other.replace(&format!("{digest:016x}"), "0123456789abcdef");
    }
    // Without footprints, as recordings once were, nobody knows more than that.
    let (before, rest) = other.split_once("footprints = [").expect("the first run has some");
    let (_, after) = rest.split_once("]\n").expect("they end");
    let Replay::Differs(partings) = replayed(&format!("{before}{after}"), &[]).1 else {
        panic!("it differs")
    };
    assert_eq!((partings.len(), partings[0].run), (1, 0));
    assert_eq!((partings[0].first, partings[0].last), (20_001, 30_000));
    assert!(partings[0].from < partings[0].to);
}

#[test]
fn a_full_disk_ends_the_recording_and_not_the_play() {
    let whole = Paper::with_room(usize::MAX);
    recorded(&scenario("playground"), &whole, &[]);
    // There is room for the beginning and not much more.
    let head = whole.text().find("# What was measured").expect("the end is there");
    let paper = Paper::with_room(head + 150);
    let requests = [to(300), command("crash n1"), command("restart n1"), command("crash n2"), to(900)];
    let frame = recorded(&scenario("playground"), &paper, &requests);
    assert_eq!(frame.at, VirtualTime(900_000), "the play went on");
    assert_eq!(frame.recording, None);
    assert!(frame.toasts.iter().any(|toast| toast.is_error && toast.text.contains("no space left")));
    let (scenario, replay) = replayed(&paper.text(), &[Override::For("1s".to_owned())]);
    assert_eq!(replay, Replay::Unfinished);
    assert_eq!(scenario.timeline.iter().filter(|entry| entry.by_hand.is_some()).count(), 1);
}

#[test]
fn a_recording_torn_anywhere_loads_without_its_last_entry() {
    let paper = Paper::with_room(usize::MAX);
    recorded(
        &scenario("playground"),
        &paper,
        &[to(300), command("crash n1"), to(600), command("write x=\"a b\" at n2")],
    );
    let text = paper.text();
    let by_hand = text.find("by_hand = 1").expect("the first command is there");
    let second = text.find("by_hand = 2").expect("the second command is there");
    let end = text.find("# What was measured").expect("the end is there");
    for cut in by_hand + 30..text.len() {
        let torn = load("torn.toml", &text[..cut], &[]);
        let torn = torn.unwrap_or_else(|problems| panic!("{cut}: {}", problems.render(false)));
        let known = torn.timeline.iter().filter_map(|entry| entry.by_hand).max();
        let wanted = if cut < second {
            [Some(1); 2]
        } else if cut < end - 2 {
            [Some(1), Some(2)]
        } else {
            [Some(2); 2]
        };
        assert!(wanted.contains(&known), "{cut}: {known:?}");
    }
}

/// Hand-written files keep their narrow rules.
#[test]
fn only_recordings_may_go_back_in_time() {
    let head = "format = 1\nduration = \"5s\"\n[[run]]\ntopology = \"peer-to-peer\"\n";
    let entries = "[[timeline]]\nat = \"9s\"\nsay = \"a\"\n[[timeline]]\nat = \"2s\"\ncue = \"pause\"\n";
    assert!(load("a.toml", &format!("{head}{entries}"), &[]).is_err());
    let recording = format!("{head}[recorded]\nprogram = \"0.1.0\"\nsemantics = 1\n{entries}");
    let scenario =
        load("a.toml", &recording, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    assert_eq!(scenario.duration.0, 9_000_001, "it lasts as long as what is in it");
}

/// A recording of other commands than its file says stands for one of a program that behaved otherwise: from some event
/// on, everything is different.
#[test]
fn the_very_event_is_named_at_which_a_replay_parts() {
    let scenario = scenario("playground");
    let cases = [
        (311, "loss all 30%", "loss all 31%", None),
        (500, "loss all 2%", "loss all 8%", None),
        (733, "crash n2", "crash n3", Some("`crash n3` and then ")),
        (1_200, "write x=5 at n2", "write x=5 at n4", Some("`write x=5 at n4` and then ")),
    ];
    for (at, was, is, begins) in cases {
        let paper = Paper::with_room(usize::MAX);
        recorded(&scenario, &paper, &[to(at), command(was), to(3_500)]);
        let (theirs, _) = replayed(&paper.text(), &[]);
        let (mut ours, _) = replayed(&paper.text().replace(was, is), &[]);
        let first = first_differences(&theirs, &ours);
        let world = write::world_hash(&ours);
        let end = ours.recorded.as_mut().and_then(|recorded| recorded.end.as_mut());
        end.expect("it came to its end").world = world;
        let mut player = Player::new(Arc::new(ours.clone()), HostKind::Inline).expect("a world");
        player.advance(VirtualTime(ours.duration.0));
        let Replay::Differs(partings) = compare(&ours, &mut player) else { panic!("{is}: it differs") };
        assert_eq!(partings.len(), 2);
        for parting in partings {
            let named = (parting.first, parting.last);
            assert_eq!(named, (first[parting.run], first[parting.run]), "{is}: {parting}");
            let what = parting.what.as_ref().expect("something happens");
            assert!(begins.is_none_or(|begins| what.starts_with(begins)), "{is}: {parting}");
            assert!(parting.from <= parting.to && parting.to.0 >= at * 1_000, "{is}: {parting}");
        }
    }
}

/// The first event of each run that differs in two plays: in its instant, or in the digest that it leaves.
fn first_differences(one: &Scenario, other: &Scenario) -> Vec<u64> {
    let pairs = digests(one).into_iter().zip(digests(other));
    pairs
        .map(|(one, other)| one.iter().zip(&other).take_while(|(one, other)| one == other).count() as u64 + 1)
        .collect()
}

/// Of each run, the instant of each event and the digest as it leaves it.
fn digests(scenario: &Scenario) -> Vec<Vec<(VirtualTime, u64)>> {
    let mut player = Player::new(Arc::new(scenario.clone()), HostKind::Inline).expect("a world");
    let mut all = vec![Vec::new(); scenario.runs.len()];
    while player.next_at().is_some_and(|next| next.0 < scenario.duration.0) {
        player.step();
        for (run, digests) in player.clusters().iter().zip(&mut all) {
            if run.events() > digests.len() as u64 {
                digests.push((run.last_at(), run.digest()));
            }
        }
    }
    all
}
