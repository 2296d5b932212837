//! Scenarios: one TOML format for presets, recordings and bug reports; the command grammar; the embedded presets.
//!
//! Start with [`model`] (what a scenario is), then [`mod@load`] (from a file to one, or to all that is wrong with
//! it), [`grammar`] (commands) and [`presets`].
//!
//! Must not know: how anything is played, drawn or measured.

pub mod grammar;
pub mod load;
pub mod model;
pub mod overrides;
pub mod presets;
pub mod problem;
mod recorded;
mod sections;
mod timeline;
mod tree;
pub mod write;

use crate::base::names::Names;
use model::{Scenario, Scoped};

/// The names that commands of `scenario` may use.
pub fn vocabulary(scenario: &Scenario) -> grammar::Vocabulary {
    let cluster = scenario.runs.first().map(|run| run.setup.cluster.clone()).unwrap_or_default();
    load::vocabulary(&cluster, &scenario.runs)
}

/// A command of `scenario` in the grammar's own words, its scope included: `[strict] crash n3`.
pub fn spell(scenario: &Scenario, scoped: &Scoped) -> String {
    let largest = scenario.runs.iter().map(|run| &run.setup.cluster).max_by_key(|cluster| cluster.nodes);
    let names = Names::new(largest.map_or_else(Vec::new, |cluster| cluster.names.clone()));
    let command = scoped.command.spell(&names);
    if scoped.runs.is_empty() {
        return command;
    }
    let runs: Vec<&str> = scoped.runs.iter().map(|&run| scenario.runs[run].id.as_str()).collect();
    format!("[{}] {command}", runs.join(","))
}

#[cfg(test)]
mod tests;
