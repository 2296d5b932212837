//! The direction of imports, the banned calls and the shape of files, read off the sources themselves.

use std::fs;
use std::path::{Path, PathBuf};

/// What each room may import of the others; a name with `::` allows that part alone.
const ROOMS: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("protocol", &["base"]),
    ("cluster", &["base", "protocol"]),
    (
        "check",
        &[
            "base",
            "cluster::view",
            "cluster::ledger",
            "cluster::fates",
            "cluster::effects",
            "cluster::outages",
            "cluster::sessions",
            "cluster::pasts",
            "cluster::promises",
            "cluster::tally",
            "cluster::measure::WHOLE",
        ],
    ),
    ("exchange", &["base", "check"]),
    ("scenario", &["base", "check", "cluster::spec"]),
    ("driver", &["base", "protocol", "cluster", "check", "scenario"]),
    (
        "screen",
        &[
            "base",
            "cluster::view",
            "protocol::view",
            "protocol::Label",
            "protocol::Detail",
            "protocol::Traffic",
            "protocol::{Detail",
            "protocol::{Label",
            "driver::frame",
            "check::{Interval",
        ],
    ),
    ("record", &["base", "cluster::live", "driver", "scenario", "screen"]),
    ("headless", &["base", "cluster", "check", "exchange", "scenario", "driver"]),
    (
        "tui",
        &[
            "base",
            "cluster::view",
            "protocol::view",
            "driver::frame",
            "driver::Request",
            "driver::{Request",
            "record",
            "screen",
        ],
    ),
];

/// Words that must not appear in a room: real clocks, files and runtimes in the deterministic ones.
const BANNED: &[(&str, &[&str])] = &[
    ("base", &["std::fs", "std::time", "tokio", "thread_rng", "std::env", "HashMap", "HashSet"]),
    (
        "protocol",
        &["std::fs", "std::time", "tokio", "thread_rng", "std::env", "HashMap", "HashSet", "f64", "f32"],
    ),
    ("cluster", &["std::fs", "std::time", "thread_rng", "std::env", "HashMap", "HashSet"]),
    ("check", &["std::fs", "std::time", "tokio", "std::env", "HashMap", "HashSet"]),
    ("exchange", &["std::fs", "std::time", "tokio", "std::env", "HashMap", "HashSet"]),
    ("scenario", &["HashMap", "HashSet"]),
    ("driver", &["HashMap", "HashSet"]),
    ("record", &["HashMap", "HashSet", "std::time", "tokio", "std::env", "crossterm", "thread_rng"]),
    ("screen", &["HashMap", "HashSet", "std::fs", "std::time::Instant", "tokio", "std::env", "crossterm"]),
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("the source folder is readable") {
        let path = entry.expect("its entries are").path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn room_sources(room: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room);
    sources(&folder)
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(path).expect("sources are text")))
        .collect()
}

/// The code of a file without its unit tests, which may reach anywhere.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn is_test_file(path: &Path) -> bool {
    path.iter().any(|part| part == "tests" || part == "tests.rs" || part == "sample.rs")
}

fn complaints(
    is_wrong: impl Fn(&str, &str) -> Option<String>,
    rooms: impl Iterator<Item = &'static str>,
) -> Vec<String> {
    let mut all = Vec::new();
    for room in rooms {
        for (path, text) in room_sources(room).iter().filter(|(path, _)| !is_test_file(path)) {
            for (number, line) in without_tests(text).lines().enumerate() {
                if let Some(problem) = is_wrong(room, line) {
                    all.push(format!("{}:{}: {problem}", path.display(), number + 1));
                }
            }
        }
    }
    all
}

fn import_problem(room: &str, line: &str) -> Option<String> {
    let allowed = ROOMS.iter().find(|(name, _)| *name == room)?.1;
    let path = line.split("crate::").nth(1).filter(|_| !line.trim_start().starts_with("//"))?;
    let is_own = path.starts_with(room);
    let is_allowed = allowed.iter().any(|part| path.starts_with(part));
    (!is_own && !is_allowed)
        .then(|| format!("`{room}` must not know `{}`", path.trim_end_matches([';', ',', ' '])))
}

fn ban_problem(room: &str, line: &str) -> Option<String> {
    let banned = BANNED.iter().find(|(name, _)| *name == room)?.1;
    let code = line.split("//").next().unwrap_or_default();
    banned.iter().find(|word| code.contains(**word)).map(|word| format!("`{word}` is banned in `{room}`"))
}

/// Where tokio is at home although its room is deterministic: in the task host alone.
fn is_excused(complaint: &str) -> bool {
    complaint.contains("cluster/host/tasks.rs") && complaint.contains("tokio")
}

#[test]
fn imports_point_one_way() {
    let wrong = complaints(import_problem, ROOMS.iter().map(|(room, _)| *room));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn deterministic_rooms_touch_no_clock_file_or_hash_order() {
    let mut wrong = complaints(ban_problem, BANNED.iter().map(|(room, _)| *room));
    wrong.retain(|complaint| !is_excused(complaint));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_detectors_detect() {
    assert!(import_problem("protocol", "use crate::cluster::world::World;").is_some());
    assert!(import_problem("screen", "use crate::cluster::world::World;").is_some());
    assert!(import_problem("screen", "use crate::cluster::view::ClusterView;").is_none());
    assert!(ban_problem("cluster", "    let now = std::time::Instant::now();").is_some());
    assert!(ban_problem("cluster", "// std::time is banned here").is_none());
}

#[test]
fn files_fit_in_a_head_and_rooms_open_with_their_story() {
    let mut wrong = Vec::new();
    for (room, _) in ROOMS {
        for (path, text) in room_sources(room) {
            let lines = text.lines().count();
            if lines > 620 {
                wrong.push(format!("{}: {lines} lines", path.display()));
            }
            if !text.starts_with("//!") {
                wrong.push(format!("{}: does not open with what it is about", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
