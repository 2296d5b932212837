//! Files that cannot be written, seen from the keys: it is said and stays on the screen, and the playground plays on.

use crate::terminal::{Terminal, folder};
use std::fs;

/// The playground goes on: time passes, and the key that leaves leaves.
fn plays_on_and_ends(mut terminal: Terminal) {
    terminal.press("2c");
    terminal.wait_for("crash n2");
    assert_eq!(terminal.leave(), 0);
    terminal.assert_restored();
}

fn refused(path: &str, with: &[&str], said: &str) {
    let arguments: Vec<&str> = ["--record", path].iter().chain(with).copied().collect();
    let mut terminal = Terminal::open(120, 30, &arguments);
    assert_eq!(terminal.end(), 2, "{path}");
    assert!(terminal.text().contains(said), "{path}: {}", terminal.text());
}

#[test]
fn a_place_that_takes_no_file_is_named_before_anything_begins() {
    let folder = folder("places");
    let place = folder.to_str().expect("text");
    refused(place, &["--force"], "is a folder; name a file in it");
    refused(&format!("{place}/none/a.toml"), &[], "there is no folder");
    // Nobody may make files there, whoever he is.
    #[cfg(target_os = "linux")]
    refused("/sys/splitbrain.toml", &[], "cannot write to /sys/splitbrain.toml");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_and_the_playground_plays_on() {
    let mut terminal = Terminal::open(120, 30, &["--record", "/dev/full", "--force"]);
    terminal.wait_for("cannot write to /dev/full: No space left on device");
    plays_on_and_ends(terminal);
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_that_takes_no_file_is_told_at_the_key_and_the_playground_plays_on() {
    let mut terminal = Terminal::open(120, 30, &[]);
    terminal.wait_for("PRIMARY");
    terminal.press(":record /sys/a.toml\r");
    terminal.wait_for("cannot write to /sys/a.toml");
    plays_on_and_ends(terminal);
}

#[cfg(unix)]
#[test]
fn a_recording_whose_file_vanishes_ends_and_the_playground_plays_on() {
    let file = folder("vanishes").join("mine.toml");
    let mut terminal = Terminal::open(120, 30, &["--record", file.to_str().expect("text")]);
    terminal.wait_for("REC");
    fs::remove_file(&file).expect("it is there");
    terminal.press("1c");
    terminal.wait_for("has ended: the file was deleted, moved or replaced");
    terminal.wait("the sign to go", |screen| !screen.contains("REC"));
    plays_on_and_ends(terminal);
    assert!(!file.exists(), "it stays deleted");
}

#[test]
fn a_torn_recording_of_another_semantics_says_so_where_it_stays() {
    let file = folder("torn").join("mine.toml");
    let head = "format = 1\nduration = \"5s\"\n[[run]]\ntopology = \"peer-to-peer\"\n";
    let recording = format!("{head}[recorded]\nprogram = \"0.0.1\"\nsemantics = 1\n[[timeline]]\nat = \"1s");
    fs::write(&file, recording).expect("a file");
    let mut terminal = Terminal::open(120, 30, &[file.to_str().expect("text"), "--speed", "max"]);
    terminal.wait_for("last entry is torn and left out · recorded under semantics 1");
    assert_eq!(terminal.leave(), 0);
}
