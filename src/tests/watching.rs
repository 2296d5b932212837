//! Watching: an audience that is waited for, a recording's watcher who is followed live and in films, notes that are
//! in every kind of file. The world hears nothing of any of it.

use super::films::pictures;
use super::recordings::{Paper, command, recorded_under, simulation, to, wait};
use ratatui::buffer::Buffer;
use serde_json::Value;
use splitbrain::base::time::{Span, VirtualTime};
use splitbrain::driver::Request;
use splitbrain::driver::frame::FULL_SPEED;
use splitbrain::driver::thread::Start;
use splitbrain::record::film::Film;
use splitbrain::record::studio::{Direction, Following, Studio};
use splitbrain::record::{FORMATS, Format, make};
use splitbrain::scenario::load::load;
use splitbrain::scenario::model::Scenario;
use splitbrain::scenario::overrides::Override;
use splitbrain::scenario::presets::preset;
use splitbrain::screen::look::Look;
use splitbrain::screen::{Stage, Watch};
use std::sync::Arc;

fn changed(name: &str, changes: &[Override]) -> Scenario {
    let text = preset(name).expect("the preset exists").text;
    load(name, text, changes).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

fn read(text: &str) -> Scenario {
    load("paper.toml", text, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

const ALL: Following = Following { time: true, view: true, run: true };

fn studio(scenario: &Scenario, (from, to): (u64, u64), following: Following, stage: Option<Stage>) -> Studio {
    let direction = Direction {
        from: VirtualTime(from),
        to: VirtualTime(to),
        size: (100, 30),
        speed_milli: 1_000,
        fps: 5,
        watch: Watch { stage, ..Watch::plain(Look::default()) },
        has_light: false,
        command: "splitbrain render".to_owned(),
    };
    Studio::following(Arc::new(scenario.clone()), direction, following).expect("a studio")
}

fn whole(scenario: &Scenario, following: Following, stage: Option<Stage>) -> Studio {
    studio(scenario, (0, scenario.duration.0), following, stage)
}

fn text(picture: &Buffer) -> String {
    let row = |y| (0..picture.area.width).map(|x| picture[(x, y)].symbol()).collect::<String>();
    (0..picture.area.height).map(|y| row(y) + "\n").collect()
}

fn file(mut film: Studio, format: Format) -> Vec<u8> {
    make(&mut film, format, 1, &mut |_, _| {}).expect("the format holds it")
}

fn digests(mut film: Studio) -> Vec<(String, u64)> {
    while film.next().is_some() {}
    film.ending().digests
}

#[test]
fn an_audience_is_waited_for_at_every_beat_and_the_recording_remembers() {
    let scenario = changed("pair-kill-one", &[]);
    let paper = Paper::with_room(usize::MAX);
    let begin = Start { is_presenting: true, speed_milli: FULL_SPEED, ..Start::default() };
    let mut live = simulation(&scenario, Some(("paper", &paper)), begin);
    let beats: Vec<u64> =
        scenario.timeline.iter().filter(|entry| entry.say.is_some()).map(|entry| entry.at.0).collect();
    for (nth, at) in beats.iter().enumerate() {
        let wanted = Some((nth + 1, beats.len()));
        let frame = wait(&mut live.frames, |frame| frame.waits && frame.beat == wanted);
        assert_eq!(frame.at, VirtualTime(at + 1), "the moment after it was said");
        assert!(!frame.is_running);
        live.requests.blocking_send(Request::NextBeat).expect("it listens");
    }
    let last = wait(&mut live.frames, |frame| frame.is_over && !frame.is_running);
    let of_runs: Vec<u64> = last.runs.iter().map(|run| run.digest).collect();
    live.requests.blocking_send(Request::Quit).expect("it listens");
    live.thread.join().expect("it ends in peace");
    let recording = read(&paper.text());
    let count = |word: &str| recording.cues.iter().filter(|cue| cue.text == word).count();
    assert_eq!((count("wait"), count("run")), (beats.len(), beats.len()));
    // Followed, each beat is held as long as it takes to read; nothing of that reaches the world.
    let mut film = whole(&recording, ALL, None);
    let held = film.titles().length;
    let played = Span(recording.duration.0).scaled(1, 10);
    assert!(
        held > played + Span::seconds(2 * beats.len() as u64),
        "{held}: at ten times real speed, and the beats"
    );
    while film.next().is_some() {}
    let filmed: Vec<u64> = film.ending().digests.into_iter().map(|(_, digest)| digest).collect();
    assert_eq!(filmed, of_runs);
}

#[test]
fn going_on_before_the_beat_is_reached_hurries_to_it() {
    let begin = Start { is_presenting: true, ..Start::default() };
    let mut live = simulation(&changed("pair-kill-one", &[]), None, begin);
    live.requests.blocking_send(Request::NextBeat).expect("it listens");
    let frame = wait(&mut live.frames, |frame| frame.waits);
    assert_eq!((frame.at, frame.beat.map(|beat| beat.0)), (VirtualTime(2_000_001), Some(1)));
    // Who no longer presents is not waited for.
    live.requests.blocking_send(Request::Present(false)).expect("it listens");
    live.requests.blocking_send(Request::SetSpeed(FULL_SPEED)).expect("it listens");
    live.requests.blocking_send(Request::Run).expect("it listens");
    let frame = wait(&mut live.frames, |frame| frame.is_over);
    assert!(!frame.waits && frame.at == VirtualTime(30_000_000));
}

/// What somebody did in a second of the playground: stood still, pressed keys, looked elsewhere, went back, took notes.
fn watched(paper: &Paper) -> Vec<u64> {
    let cue = |text: &str| Request::Cue(text.to_owned());
    let requests = [
        cue("view cluster, run primary-replica, target n1"),
        to(400),
        cue("key c"),
        command("crash n1"),
        cue("view log, run peer-to-peer, target n2"),
        to(900),
        command("mark half a second without n1"),
        to(600),
        cue("key T"),
        cue("view side-by-side, run peer-to-peer, target all, presenting"),
        to(950),
    ];
    let last = recorded_under(&changed("playground", &[]), Some(("paper", paper)), &requests);
    last.runs.iter().map(|run| run.digest).collect()
}

#[test]
fn a_film_follows_the_recordings_watcher_and_stripping_him_changes_no_digest() {
    let paper = Paper::with_room(usize::MAX);
    watched(&paper);
    let recording = read(&paper.text());
    let (_, shots) = pictures(whole(&recording, ALL, None));
    let shown: Vec<String> = shots.iter().map(|(_, picture, _)| text(picture)).collect();
    let first = |is_it: &dyn Fn(&str) -> bool| shown.iter().position(|picture| is_it(picture));
    let order = [
        first(&|picture| picture.contains("1/2 primary-replica")),
        first(&|picture| picture.contains("has no common log")),
        first(&|picture| !picture.contains("seed ") && picture.contains("primary-replica ack=")),
    ];
    assert!(order.iter().all(Option::is_some) && order.is_sorted(), "{order:?}\n{}", shown.join("\n"));
    let staged = &shown[order[2].expect("a stage")..];
    assert!(staged[0].contains(" T "), "the key is shown\n{}", staged[0]);
    let times: Vec<Span> = shots.iter().map(|(at, ..)| *at).collect();
    assert!(times.is_sorted(), "presentation time goes on even where the world goes back");
    // The keys are in the cast, each before what it did is seen.
    let cast = String::from_utf8(file(whole(&recording, ALL, None), Format::Cast)).expect("UTF-8");
    let events: Vec<Value> =
        cast.lines().skip(1).map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let keys: Vec<&Value> = events.iter().filter(|event| event[1] == "i").map(|event| &event[2]).collect();
    assert_eq!(keys, [&Value::from("c"), &Value::from("T")]);
    let place = |code: &str, data: &str| events.iter().position(|event| event[1] == code && event[2] == data);
    assert!(place("i", "c") < place("m", "fault: crash n1"), "{cast}");
    // What is chosen by hand wins, and without cues the world is filmed alone.
    let alone = whole(&recording, Following::default(), None);
    assert_eq!(alone.titles().length, recording.duration);
    let bare = Scenario { cues: Vec::new(), ..recording.clone() };
    assert_eq!(digests(whole(&recording, ALL, None)), digests(whole(&bare, ALL, None)));
    let (_, of_run) = pictures(whole(&recording, Following { run: false, ..ALL }, None));
    assert!(of_run.iter().all(|(_, picture, _)| !text(picture).contains("2/2 peer-to-peer")));
}

#[test]
fn a_still_shows_what_was_looked_at_when_its_instant_came() {
    let paper = Paper::with_room(usize::MAX);
    watched(&paper);
    let recording = read(&paper.text());
    let still = |at: u64| {
        let (_, shots) = pictures(studio(&recording, (at, at), ALL, None));
        assert_eq!(shots.len(), 1);
        text(&shots[0].1)
    };
    assert!(still(200_000).contains("1/2 primary-replica"));
    assert!(!still(940_000).contains("seed "), "it was presented");
}

#[test]
fn the_playground_follows_too_until_somebody_steers() {
    let paper = Paper::with_room(usize::MAX);
    let recorded = watched(&paper);
    let recording = read(&paper.text());
    let begin = Start { follows: true, ..Start::default() };
    let mut live = simulation(&recording, None, begin);
    let view = |frame: &splitbrain::driver::frame::Frame| {
        frame.followed.as_ref().and_then(|followed| followed.gaze.view.clone()).unwrap_or_default()
    };
    let log = wait(&mut live.frames, |frame| &*view(frame) == "log");
    assert_eq!(log.followed.as_ref().and_then(|followed| followed.gaze.run), Some(1));
    let back = wait(&mut live.frames, |frame| frame.is_past());
    assert!(!back.is_running, "his time stood still here");
    let last = wait(&mut live.frames, |frame| frame.followed.is_none());
    assert!(last.toasts.iter().any(|toast| toast.text.contains("it came out the same")));
    // The world is the one that was recorded.
    live.requests.blocking_send(Request::Seek(splitbrain::driver::Seek::Live)).expect("it listens");
    let last = wait(&mut live.frames, |frame| !frame.is_past());
    let now: Vec<u64> = last.runs.iter().map(|run| run.digest).collect();
    let mut plain = simulation(&recording, None, Start { is_paused: true, ..Start::default() });
    plain
        .requests
        .blocking_send(Request::Seek(splitbrain::driver::Seek::Within(last.at, last.steps)))
        .expect("it listens");
    let there = wait(&mut plain.frames, |frame| (frame.at, frame.steps) == (last.at, last.steps));
    assert_eq!(there.runs.iter().map(|run| run.digest).collect::<Vec<_>>(), now);
    assert_eq!(now.len(), recorded.len());
    let mut steered = simulation(&recording, None, begin);
    wait(&mut steered.frames, |frame| frame.followed.is_some());
    steered.requests.blocking_send(Request::SetSpeed(500)).expect("it listens");
    let frame = wait(&mut steered.frames, |frame| frame.speed_milli == 500);
    assert!(
        frame.followed.is_none() && frame.toasts.iter().any(|toast| toast.text.contains("you steer now"))
    );
}

#[test]
fn a_presented_film_lets_every_beat_be_read() {
    let scenario = changed("pair-kill-one", &[]);
    let film = |following, stage| studio(&scenario, (0, 12_000_000), following, stage);
    let (plain, staged) =
        (film(Following::default(), None), film(Following::default(), Some(Stage::default())));
    let longer = staged.titles().length - plain.titles().length;
    assert!(longer >= Span::seconds(4), "two beats: {longer}");
    let (_, shots) = pictures(staged);
    let at =
        shots.iter().position(|(_, picture, _)| text(picture).contains(" enter")).expect("a beat that waits");
    assert!(shots[at].2 || shots[at - 1].2, "it is a chapter of the film");
    assert!(text(&shots[at].1).contains('█') && !text(&shots[at].1).contains("seed "));
    assert_eq!(digests(plain), digests(film(ALL, Some(Stage::default()))));
}

#[test]
fn notes_are_in_every_format() {
    let scenario = changed("playground", &[Override::Do("800ms mark look at n3".to_owned())]);
    for row in FORMATS {
        let part = if row.is_still() { (1_400_000, 1_400_000) } else { (500_000, 1_400_000) };
        let film = || studio(&scenario, part, Following::default(), None);
        let (_, shots) = pictures(film());
        let seen = text(&shots.last().expect("pictures").1);
        assert!(seen.contains(" m 00:00.800 look at n3"), "in the picture of {}:\n{seen}", row.word);
        // Pictures in pixels are held to their cells elsewhere; what is beside them is text.
        if row.format != Format::Gif {
            let bytes = String::from_utf8_lossy(&file(film(), row.format)).into_owned();
            let wanted = match row.format {
                Format::Cast | Format::CastTwo => "\"m\",\"note: look at n3\"",
                Format::Png | Format::Text | Format::Ansi => "note: 00:00.800 look at n3",
                Format::Svg | Format::Report => "note: look at n3",
                _ => "look at n3",
            };
            assert!(bytes.contains(wanted), "{}", row.word);
        }
    }
}

#[test]
fn a_note_in_the_past_begins_no_other_future_and_is_kept() {
    let paper = Paper::with_room(usize::MAX);
    let requests = [to(900), command("crash n2"), to(1_200), to(400), command("mark look here"), to(1_100)];
    let scenario = changed("playground", &[]);
    let last = recorded_under(&scenario, Some(("paper", &paper)), &requests);
    assert_eq!((last.lane, last.lanes.len()), (1, 1));
    let note =
        |label: &str| last.markers.iter().find(|marker| &*marker.label == label).map(|marker| marker.at);
    assert_eq!(note("look here"), Some(VirtualTime(400_000)));
    assert!(last.note.is_some() && last.lanes[0].by_hand.len() == 2);
    let without = recorded_under(&scenario, None, &[to(900), command("crash n2"), to(1_100)]);
    let of = |frame: &splitbrain::driver::frame::Frame| -> Vec<u64> {
        frame.runs.iter().map(|run| run.digest).collect()
    };
    assert_eq!(of(&last), of(&without), "words change nothing");
    let recording = read(&paper.text());
    assert!(
        recording.timeline.iter().any(|entry| entry.at == VirtualTime(400_000) && entry.by_hand == Some(2))
    );
}

#[test]
fn an_audience_is_waited_for_from_the_first_word_and_where_the_recordings_watcher_had_none() {
    let paper = Paper::with_room(usize::MAX);
    let begin = Start { is_presenting: true, ..Start::default() };
    let mut live = simulation(&changed("playground", &[]), Some(("paper", &paper)), begin);
    assert!(wait(&mut live.frames, |_| true).waits, "something is said at once");
    live.requests.blocking_send(Request::Quit).expect("it listens");
    live.thread.join().expect("it ends in peace");
    assert!(read(&paper.text()).cues.iter().any(|cue| cue.text == "wait"));
    // Recorded without an audience, shown to one.
    let alone = Paper::with_room(usize::MAX);
    let requests = [Request::SetSpeed(10_000), to(1_000), Request::Run, Request::TogglePause, to(3_000)];
    recorded_under(&changed("pair-kill-one", &[]), Some(("paper", &alone)), &requests);
    let text =
        alone.text().replace("cue = \"seek", "cue = \"sought").replace("cue = \"pause", "cue = \"paused");
    let mut shown = simulation(&read(&text), None, Start { follows: true, ..begin });
    let frame = wait(&mut shown.frames, |frame| frame.waits && frame.at > VirtualTime(1_000));
    assert_eq!((frame.at, frame.beat.map(|beat| beat.0)), (VirtualTime(2_000_001), Some(1)));
    shown.requests.blocking_send(Request::NextBeat).expect("it listens");
    wait(&mut shown.frames, |frame| frame.at > VirtualTime(2_100_000));
}
