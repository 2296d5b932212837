//! Scenarios that are put together from knobs, commands and expectations, and held on the seeds 1 to 20.

use splitbrain::base::time::VirtualTime;
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::player::Player;
use splitbrain::driver::verdict::play_out;
use splitbrain::driver::{self, publish_once};
use splitbrain::headless::reseeded;
use splitbrain::scenario::load::load;
use splitbrain::scenario::model::Scenario;
use std::sync::Arc;

/// The base workload: every phenomenon of the catalogue is looked for under it unless it names another.
const LOAD: &str = "rate = 200\nwrites = 0.5\nkeys = 100\nclients = 10";

/// `nodes` nodes under the base workload, with some keys of the workload changed or added.
pub(crate) fn conditions(nodes: u16, extra: &str) -> String {
    format!("[cluster]\nnodes = {nodes}\n[workload]\n{LOAD}\n{extra}")
}

/// Twenty seconds of primary-replica runs, each with an id and its knobs.
pub(crate) fn scenario(
    conditions: &str,
    runs: &[(&str, &str)],
    timeline: &str,
    expectations: &str,
) -> String {
    scenario_of("primary-replica", conditions, runs, timeline, expectations)
}

/// The same for another topology.
pub(crate) fn scenario_of(
    topology: &str,
    conditions: &str,
    runs: &[(&str, &str)],
    timeline: &str,
    expectations: &str,
) -> String {
    let run =
        |(id, knobs): &(&str, &str)| format!("[[run]]\nid = \"{id}\"\ntopology = \"{topology}\"\n{knobs}\n");
    let runs: String = runs.iter().map(run).collect();
    format!("format = 1\nduration = \"20s\"\n{conditions}\n{runs}{timeline}{expectations}")
}

/// A command at a time.
pub(crate) fn at(time: &str, command: &str) -> String {
    format!("[[timeline]]\nat = \"{time}\"\ndo = \"{command}\"\n")
}

/// What a run must show.
pub(crate) fn expect(run: &str, what: &str) -> String {
    format!("[[expect]]\nrun = \"{run}\"\n{what}\nwhy = \"the claim under test\"\n")
}

/// The scenario of a text that must be without fault.
pub(crate) fn loaded(text: &str) -> Scenario {
    load("stage.toml", text, &[]).unwrap_or_else(|problems| panic!("{text}\n{}", problems.render(false)))
}

/// Every expectation is met on every seed, and no command was refused.
pub(crate) fn holds(text: &str) {
    let scenario = loaded(text);
    let mut missed = Vec::new();
    for seed in 1..=20 {
        let judgement = play_out(&Arc::new(reseeded(&scenario, seed)), HostKind::Inline).expect("a world");
        assert_eq!(judgement.refused, [], "seed {seed}");
        for met in judgement.expectations.iter().filter(|met| !met.is_met) {
            let run = &scenario.runs[met.run].id;
            missed.push(format!("seed {seed} {run}: {} wanted {}", met.came, met.wanted));
        }
    }
    assert!(missed.is_empty(), "{text}\n{}", missed.join("\n"));
}

/// What clients by hand were told, run by run: the lines that begin with `words`.
pub(crate) fn told(text: &str, seed: u64, words: &str) -> Vec<Vec<String>> {
    let scenario = Arc::new(reseeded(&loaded(text), seed));
    let mut player = Player::new(Arc::clone(&scenario), HostKind::Inline).expect("a world");
    player.advance(VirtualTime(scenario.duration.0));
    let publish = publish_once(&mut player);
    let answers = |run: &driver::frame::RunFrame| {
        let names = &run.view.names;
        let lines = run.view.events.iter().filter(|stamped| stamped.line.code() == "OP");
        let texts = lines.map(|stamped| stamped.line.text(names));
        texts.filter(|text| text.starts_with(words)).collect()
    };
    publish.runs.iter().map(answers).collect()
}
