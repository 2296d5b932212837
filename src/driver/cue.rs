//! What the watcher of a recording did, read from its cues. Checks ignore all of it; replays and films may follow it.
//!
//! ```text
//! pause | run | wait            time stood still, went on, waited for a key after narration
//! speed 2000                    thousandths of real time
//! seek 12.5s                    time was made to stand at another instant
//! view log, run strict, target n3, presenting      what was looked at
//! key c                         a key was pressed
//! ```

use super::frame::{FULL_SPEED, Gaze};
use crate::base::ids::NodeId;
use crate::base::quantity::parse_span;
use crate::base::time::VirtualTime;
use crate::scenario::model::Scenario;
use std::sync::Arc;

/// The most nodes whose names are looked through.
const NODES: usize = 1_000;

/// What a cue says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Act {
    /// Time stands still.
    Pause,
    /// Time waits after narration.
    Wait,
    /// Time goes on.
    Run,
    /// It goes at so many thousandths of real time.
    Speed(u32),
    /// It stands at this instant.
    Seek(VirtualTime),
    /// Something else is looked at; what is not told stays.
    Look(Gaze),
    /// A key is pressed.
    Key(Arc<str>),
    /// Something that the loader has seen to, or that a later program knows.
    Other,
}

/// Reads a cue.
pub(super) fn read(text: &str, scenario: &Scenario) -> Act {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match (word, rest) {
        ("pause", "") => Act::Pause,
        ("wait", "") => Act::Wait,
        ("run", "") => Act::Run,
        ("speed", number) => number.parse().map_or(Act::Other, |milli: u32| Act::Speed(milli.max(1))),
        ("seek", at) => parse_span(at).map_or(Act::Other, |at| Act::Seek(VirtualTime(at.0))),
        ("key", key) if !key.is_empty() => Act::Key(key.into()),
        ("view", _) => Act::Look(gaze(text, scenario)),
        _ => Act::Other,
    }
}

fn gaze(text: &str, scenario: &Scenario) -> Gaze {
    let mut gaze = Gaze { is_presenting: Some(false), ..Gaze::default() };
    for part in text.split(", ") {
        match part.split_once(' ').unwrap_or((part, "")) {
            ("view", word) => gaze.view = Some(word.replace(' ', "-").into()),
            ("run", id) => {
                // Of several futures a replay knows the one that stands.
                let id = id.split('~').next().unwrap_or(id);
                gaze.run = scenario.runs.iter().position(|run| run.id == id);
            }
            ("target", "all") => gaze.target = Some(None),
            ("target", name) => gaze.target = node(name, scenario).map(Some),
            ("presenting", _) => gaze.is_presenting = Some(true),
            _ => {}
        }
    }
    gaze
}

fn node(name: &str, scenario: &Scenario) -> Option<NodeId> {
    let clusters = scenario.runs.iter().map(|run| &run.setup.cluster);
    let largest = clusters.max_by_key(|cluster| cluster.nodes)?;
    (0..NODES).find(|&place| largest.name_of(place) == name).map(NodeId::at)
}

/// A speed for eyes: as fast as possible is as fast as one can follow.
pub(super) fn seen(speed_milli: u32) -> u32 {
    if speed_milli == FULL_SPEED { 10_000 } else { speed_milli }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::presets::load;

    #[test]
    fn cues_are_read_as_they_are_written() {
        let scenario = load("same-cut-four-answers").expect("it loads");
        let read = |text| read(text, &scenario);
        assert_eq!([read("pause"), read("wait"), read("run")], [Act::Pause, Act::Wait, Act::Run]);
        assert_eq!(read("speed 2000"), Act::Speed(2_000));
        assert_eq!(read("seek 12.5s"), Act::Seek(VirtualTime(12_500_000)));
        assert_eq!(read("key shift-left"), Act::Key("shift-left".into()));
        let gaze = Gaze {
            view: Some("side-by-side".into()),
            run: Some(2),
            target: Some(Some(NodeId(2))),
            is_presenting: Some(true),
        };
        assert_eq!(read("view side-by-side, run strict~2, target n3, presenting"), Act::Look(gaze));
        let part = Gaze { view: Some("log".into()), is_presenting: Some(false), ..Gaze::default() };
        assert_eq!(read("view log"), Act::Look(part));
        for later in ["undo 3,4", "redo 4", "dance", "speed fast", "seek soon", "key"] {
            assert_eq!(read(later), Act::Other, "{later}");
        }
    }
}
