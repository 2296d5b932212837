//! The command line that a watcher copies leads back to the moment in which he copied it: the same digests, run by
//! run, whatever he did before.

use super::recordings::{Paper, command, recorded_under, to};
use clap::Parser;
use splitbrain::cli::Cli;
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::Request;
use splitbrain::driver::frame::Frame;
use splitbrain::driver::lane::Lane;
use splitbrain::driver::player::Cursor;
use splitbrain::face;
use splitbrain::screen::View;
use splitbrain::tui::again::command_line;
use std::sync::Arc;

/// Opens the playground with these words and does what is asked; gives the last frame and the command line to it.
fn lived(words: &[&str], requests: &[Request]) -> (Arc<Frame>, Result<String, String>) {
    let cli = Cli::try_parse_from([&["splitbrain"], words].concat()).expect("a command line");
    let scenario = face::scenario(&cli.play).expect("it loads");
    let origin = face::origin(&cli.play, &scenario);
    let last = recorded_under(&scenario, None, requests);
    let line = command_line(&origin, &last, 0, View::Cluster);
    (last, line)
}

/// Where the command line leads: the digest of every run.
fn digests(line: &str) -> Vec<u64> {
    let words = shell_words::split(line).expect("quoted for a shell");
    let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{line}\n{error}"));
    let scenario = Arc::new(face::scenario(&cli.play).unwrap_or_else(|| panic!("it loads: {line}")));
    let (at, steps) = cli.play.seek.expect("an instant");
    assert!(at.0 <= scenario.duration.0, "the playground would stop before {line}");
    let mut lane = Lane::new(scenario, HostKind::Inline).expect("a world");
    lane.seek(Cursor { at, steps }).expect("inline nodes need no runtime");
    lane.player().digests()
}

fn of(frame: &Frame) -> Vec<u64> {
    frame.runs[..frame.own_runs].iter().map(|run| run.digest).collect()
}

#[test]
fn the_line_leads_to_the_digests_of_the_moment_after_anything_that_was_done() {
    let several = Request::Commands(vec!["isolate n2".to_owned(), "loss all 10%".to_owned()]);
    let deeds: [&[Request]; 6] = [
        &[to(700)],
        // Within an instant: after a command, after several, after events.
        &[to(700), command("crash n1")],
        &[to(700), several.clone()],
        &[
            to(700),
            command("write x=\"it's\" at n2"),
            Request::StepEvent,
            Request::StepEvent,
            Request::StepEvent,
        ],
        // Undone, and done in the past: the future that is acted on alone counts.
        &[
            to(400),
            command("crash n2"),
            to(900),
            several,
            Request::Undo,
            to(1_300),
            command("pause n3"),
            to(1_500),
        ],
        &[
            to(900),
            command("crash n1"),
            to(1_500),
            to(500),
            command("crash n3"),
            to(1_100),
            Request::StepBack,
        ],
    ];
    let openings: [&[&str]; 2] = [
        &[],
        &["same-cut-four-answers", "--seed", "9", "--set", "majority.ack=async", "--do", "600ms crash n5"],
    ];
    for words in openings {
        for requests in deeds {
            let (last, line) = lived(words, requests);
            let line = line.expect("a command line");
            assert_eq!(digests(&line), of(&last), "{line}");
            assert!(words.iter().all(|word| line.contains(word)), "{line}");
        }
    }
    let (_, line) = lived(&[], &[to(700), command("[peer-to-peer] crash n1"), to(900)]);
    let wanted = "splitbrain --do '700ms [peer-to-peer] crash n1' --run primary-replica --seek 900ms";
    assert_eq!(line.as_deref(), Ok(wanted));
}

#[test]
fn beyond_the_scenarios_end_it_plays_longer() {
    let beyond = [to(1_000), Request::Run, to(2_500), command("crash n1"), to(2_700)];
    let (last, line) = lived(&["playground", "--for", "1s"], &beyond);
    let line = line.expect("a command line");
    assert!(last.at.0 == 2_700_000 && line.contains("--for 3s"), "{line}");
    assert_eq!(digests(&line), of(&last), "{line}");
}

#[test]
fn while_a_recording_is_written_its_file_leads_here() {
    let paper = Paper::with_room(usize::MAX);
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("moments");
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("mine.toml");
    let name = file.to_str().expect("a plain path").to_owned();
    let scenario = splitbrain::scenario::presets::load("playground").expect("it loads");
    let requests = [to(400), command("crash n1"), to(900), command("mark look"), to(1_100), command("heal")];
    let last = recorded_under(&scenario, Some((&name, &paper)), &requests);
    let line = command_line(&face::Origin::default(), &last, 1, View::Log).expect("a command line");
    assert!(line.ends_with("--run peer-to-peer --view log --seek 1.1s+1"), "{line}");
    // The recording as it was at that moment: without its end.
    let text = paper.text();
    let so_far = text.split("# What was measured").next().expect("text");
    std::fs::write(&file, so_far).expect("written");
    assert_eq!(digests(&line), of(&last), "{line}");
    // Played again, what it brought is not given twice, and what is undone of it cannot be said in a line.
    std::fs::write(&file, &text).expect("written");
    let (again, line) = lived(&[&name], &[to(1_000)]);
    assert_eq!(line, Ok(format!("splitbrain {name} --run primary-replica --seek 1s")));
    assert_eq!(digests(&line.expect("a line")), of(&again));
    let (_, line) = lived(&[&name], &[to(1_000), Request::Undo]);
    assert!(line.is_err_and(|why| why.contains("save FILE")));
}
