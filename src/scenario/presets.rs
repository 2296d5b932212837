//! The scenarios that come with the program: the files of `presets/`, embedded.

use super::load;
use super::model::Scenario;
use super::problem::Problems;

/// A scenario that comes with the program.
#[derive(Clone, Copy, Debug)]
pub struct Preset {
    /// Its name: the file's stem and the scenario's id.
    pub name: &'static str,
    /// The file.
    pub text: &'static str,
}

macro_rules! presets {
    ($($name:literal),* $(,)?) => {
        /// The presets, the default one first.
        pub const PRESETS: &[Preset] = &[$(Preset {
            name: $name,
            text: include_str!(concat!("../../presets/", $name, ".toml")),
        }),*];
    };
}

presets![
    "playground",
    "pair-kill-one",
    "same-cut-four-answers",
    "async-gap",
    "semi-sync-price",
    "semi-sync-fallback",
    "jepsen-redis-2013",
    "github-2018",
    "gitlab-2017",
    "mongo-rollback",
    "kafka-unclean",
    "deaf-node",
    "slow-leader",
    "flapping",
    "resync-stampede",
    "empty-master",
    "rolling-restart",
    "replica-loses-quorum-of-acks",
    "lease-and-clock",
    "clock-skew",
    "sloppy-stale",
    "zombie-delete",
    "retry-storm",
    "failed-write-returns",
    "cart",
    "pbs-dial",
    "sibling-explosion",
    "hint-storm",
    "three-at-once",
    "two-sites",
    "overlays",
    "gossip-thousand",
    "couchdb-conflicts",
];

/// The preset called `name`.
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// Loads a preset.
///
/// # Errors
/// If the file is wrong, which a test forbids; or an empty complaint if there is no such preset.
pub fn load(name: &str) -> Result<Scenario, Box<Problems>> {
    let text = preset(name).map_or("", |preset| preset.text);
    load::load(&format!("{name}.toml"), text, &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_loads_under_its_own_name() {
        for row in PRESETS {
            let scenario = load(row.name).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
            assert_eq!(scenario.id, row.name);
            assert!(!scenario.summary.is_empty() && !scenario.expectations.is_empty(), "{}", row.name);
        }
    }

    #[test]
    fn every_expectation_says_why_and_narration_fits_its_panel() {
        for row in PRESETS {
            let scenario = load(row.name).expect("presets load");
            assert!(
                scenario.expectations.iter().all(|expectation| !expectation.why.is_empty()),
                "{}",
                row.name
            );
            for say in scenario.timeline.iter().filter_map(|entry| entry.say.as_ref()) {
                assert!(
                    say.lines().count() <= 5 && say.lines().all(|line| line.chars().count() <= 76),
                    "{say}"
                );
            }
        }
    }

    #[test]
    fn every_file_of_the_folder_is_embedded() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/presets");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder is there")
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .map(|file| file.trim_end_matches(".toml").to_owned())
            .collect();
        files.sort();
        let mut names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        names.sort_unstable();
        assert_eq!(files, names);
    }
}
