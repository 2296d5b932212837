//! `splitbrain export`: plays a scenario and hands its history, or its trace, to other tools.

use crate::base::names::Names;
use crate::base::time::VirtualTime;
use crate::cluster::journal::{Happening, JournalEntry};
use crate::cluster::live::{Cluster, HostKind};
use crate::driver::frame::MarkerKind;
use crate::driver::history::history;
use crate::driver::player::Player;
use crate::driver::verdict::judge;
use crate::exchange::{shiviz, write};
use crate::scenario::model::Scenario;
use std::io;
use std::sync::Arc;

/// What an export is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Jepsen and its checkers.
    Edn,
    /// Scripts.
    JsonLines,
    /// Go programs.
    Porcupine,
    /// Space-time diagrams.
    ShiViz,
}

/// A row of the table of targets.
#[derive(Clone, Copy, Debug)]
pub struct TargetRow {
    /// The target.
    pub target: Target,
    /// Its word.
    pub word: &'static str,
    /// The ending of its files.
    pub ending: &'static str,
    /// What comes out.
    pub meaning: &'static str,
}

const fn row(target: Target, word: &'static str, ending: &'static str, meaning: &'static str) -> TargetRow {
    TargetRow { target, word, ending, meaning }
}

/// What histories and traces can become.
pub const TARGETS: &[TargetRow] = &[
    row(Target::Edn, "edn", "edn", "the history as EDN maps, for Jepsen, knossos and `verify`"),
    row(Target::JsonLines, "jsonl", "jsonl", "the history as JSON objects, one a line"),
    row(Target::Porcupine, "porcupine", "porcupine", "the history as porcupine's events, one a line"),
    row(Target::ShiViz, "shiviz", "shiviz", "messages and log lines with vector clocks, for ShiViz"),
];

/// Plays `scenario` to its end, lets it settle as a judged run does, and gives what run number `run` exports.
///
/// # Errors
/// If the operating system gives no runtime; in practice never.
pub fn export(scenario: &Arc<Scenario>, run: usize, target: Target) -> io::Result<Vec<u8>> {
    let mut player = Player::new(Arc::clone(scenario), HostKind::Inline)?;
    if target == Target::ShiViz {
        player.clusters()[run].keep_journal();
    }
    player.advance(VirtualTime(scenario.duration.0));
    judge(scenario, &mut player);
    let marks: Vec<(VirtualTime, String)> = player
        .markers()
        .into_iter()
        .filter(|marker| !marker.is_future && marker.run.is_none_or(|of| of == run))
        .filter(|marker| !matches!(marker.kind, MarkerKind::Say | MarkerKind::Failover))
        .map(|marker| (marker.at, marker.label.to_string()))
        .collect();
    let cluster = &player.clusters()[run];
    let names = cluster.names();
    let mut bytes = Vec::new();
    match target {
        Target::ShiViz => {
            write_journal(cluster.as_ref(), scenario.runs[run].setup.cluster.machines(), &mut bytes)?
        }
        _ => {
            let history = history(cluster.ledger(), &names, &marks);
            match target {
                Target::JsonLines => write::json_lines(&history, &mut bytes)?,
                Target::Porcupine => write::porcupine(&history, &mut bytes)?,
                Target::Edn | Target::ShiViz => write::edn(&history, &mut bytes)?,
            }
        }
    }
    Ok(bytes)
}

fn write_journal(cluster: &dyn Cluster, machines: usize, out: &mut Vec<u8>) -> io::Result<()> {
    let names = cluster.names();
    let hosts: Vec<String> =
        (0..machines).map(|node| names.node(crate::base::ids::NodeId::at(node))).collect();
    let steps: Vec<shiviz::Step> = cluster.journal().iter().map(|entry| step(entry, &names)).collect();
    shiviz::write(&hosts, &steps, out)
}

fn step(entry: &JournalEntry, names: &Names) -> shiviz::Step {
    let (text, tie) = match &entry.what {
        Happening::Sent { name, to, id } => {
            (format!("sends {name} {id} to {}", names.node(*to)), shiviz::Tie::Sends(id.0))
        }
        Happening::Received { name, from, id } => {
            (format!("receives {name} {id} from {}", names.node(*from)), shiviz::Tie::Receives(id.0))
        }
        Happening::Said(line) => (line.text(names), shiviz::Tie::Alone),
    };
    shiviz::Step { host: entry.node.index(), time: entry.at.to_string(), text, tie }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Verdict;
    use crate::check::history::{Datum, History, Outcome};
    use crate::check::linear::{Budget, linearizable};
    use crate::scenario::load::load;

    const STORY: &str = r#"
        format = 1
        id = "story"
        title = "A cut, and a primary that answers from memory"
        summary = "Reads from any replica are stale; reads from a majority's primary are not."
        seed = 7
        duration = "6s"
        [cluster]
        nodes = 3
        [network]
        delay = "5ms"
        [workload]
        kind = "register"
        rate = 60
        writes = 0.5
        keys = 3
        clients = 4
        timeout = "500ms"
        [[run]]
        id = "strict"
        topology = "primary-replica"
        ack = "majority"
        promotion = "auto-quorum"
        read = "read-index"
        [[run]]
        id = "nearest"
        topology = "primary-replica"
        ack = "async"
        promotion = "auto-quorum"
        read = "replica-nearest"
        [[timeline]]
        at = "2s"
        do = "isolate n1"
        say = "The primary is cut off."
        until = "4s"
    "#;

    fn scenario() -> Arc<Scenario> {
        match load("story.toml", STORY, &[]) {
            Ok(scenario) => Arc::new(scenario),
            Err(problems) => panic!("{}", problems.render(false)),
        }
    }

    fn read_back(bytes: &[u8]) -> History {
        let mut bytes = bytes;
        match crate::exchange::read(&mut bytes, Datum::Nil, &mut |_| {}) {
            Ok((history, _)) => history,
            Err(problem) => panic!("{problem}"),
        }
    }

    #[test]
    fn an_export_read_back_has_the_verdict_of_the_run() {
        let scenario = scenario();
        let mut player = Player::new(Arc::clone(&scenario), HostKind::Inline).expect("a world");
        player.advance(VirtualTime(scenario.duration.0));
        judge(&scenario, &mut player);
        for (run, wanted) in [(0, Verdict::Pass), (1, Verdict::Fail)] {
            let cluster = &player.clusters()[run];
            let own = history(cluster.ledger(), &cluster.names(), &[]);
            assert_eq!(linearizable(&own, Budget::default()).0, wanted, "run {run}");
            for target in [Target::Edn, Target::JsonLines] {
                let back = read_back(&export(&scenario, run, target).expect("it plays"));
                let (verdict, witness) = linearizable(&back, Budget::default());
                assert_eq!((verdict, back.operations.len()), (wanted, own.operations.len()));
                assert_eq!(witness.is_some(), wanted == Verdict::Fail);
                let count = |history: &History, outcome| {
                    history.operations.iter().filter(|operation| operation.outcome == outcome).count()
                };
                for outcome in [Outcome::Ok, Outcome::Fail, Outcome::Info] {
                    assert_eq!(count(&back, outcome), count(&own, outcome));
                }
                let marks: Vec<&str> = back.marks.iter().map(|mark| mark.text.as_str()).collect();
                assert!(matches!(marks[..], ["isolate n1", _]), "narration is no fault: {marks:?}");
            }
        }
    }

    #[test]
    fn after_an_unknown_outcome_a_process_never_acts_again() {
        let history = read_back(&export(&scenario(), 0, Target::Edn).expect("it plays"));
        let mut gone = std::collections::BTreeSet::new();
        for event in history.in_order() {
            match event {
                crate::check::history::Event::Call(id) => {
                    assert!(!gone.contains(&history.operations[id.index()].process.0));
                }
                crate::check::history::Event::End(id) => {
                    let operation = &history.operations[id.index()];
                    if operation.outcome == Outcome::Info {
                        gone.insert(operation.process.0);
                    }
                }
                crate::check::history::Event::Mark(_) => {}
            }
        }
        assert!(!gone.is_empty(), "the cut leaves operations without an answer");
    }

    /// ShiViz's own rules: a host's entry begins at 1 and grows by 1, and what one knows was there before.
    #[test]
    fn vector_clocks_obey_the_rules_of_the_tool_that_reads_them() {
        let text =
            String::from_utf8(export(&scenario(), 0, Target::ShiViz).expect("it plays")).expect("text");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!((lines[0], lines[1]), (shiviz::REGULAR_EXPRESSION, ""));
        let mut seen: std::collections::BTreeMap<String, u64> = std::collections::BTreeMap::new();
        for pair in lines[2..].chunks(2) {
            let (host, clock) = pair[1].split_once(' ').expect("a host and its clock");
            let clock: serde_json::Value = serde_json::from_str(clock).expect("JSON");
            for (other, count) in clock.as_object().expect("an object") {
                let (count, known) =
                    (count.as_u64().expect("a number"), seen.get(other).copied().unwrap_or(0));
                let wanted = if other == host { known + 1 } else { known };
                assert!(count <= wanted && (other != host || count == wanted), "{pair:?}");
            }
            *seen.entry(host.to_owned()).or_default() += 1;
        }
        assert!(seen.len() == 3 && seen.values().all(|count| *count > 100), "{seen:?}");
    }
}
