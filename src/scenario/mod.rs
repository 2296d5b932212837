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
mod sections;
mod timeline;
mod tree;

use model::Scenario;

/// The names that commands of `scenario` may use.
pub fn vocabulary(scenario: &Scenario) -> grammar::Vocabulary {
    let cluster = scenario.runs.first().map(|run| run.setup.cluster.clone()).unwrap_or_default();
    load::vocabulary(&cluster, &scenario.runs)
}

#[cfg(test)]
mod tests;
