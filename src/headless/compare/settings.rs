//! The settings in which runs differ: a row a knob, a cell a run.

use crate::base::knob::{KNOBS, Topology};
use crate::scenario::model::{Run, Scenario};

/// A knob and its value in each run; `-` where a topology has no such knob.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The knob, or another part of the world.
    pub name: String,
    /// Its values, run by run.
    pub values: Vec<String>,
}

/// The most telling knobs of each topology, shown beside those of the others even if all its runs agree.
const TELLING: &[(Topology, &[&str])] = &[
    (Topology::PrimaryReplica, &["ack", "promotion", "read"]),
    (Topology::PeerToPeer, &["n", "r", "w", "quorum", "conflict"]),
    (Topology::MultiLeader, &["ack", "conflict", "id_allocation"]),
];

/// Everything in which the runs of `scenario` differ.
pub fn differing(scenario: &Scenario) -> Vec<Setting> {
    let of_all = |name: &str, value: &dyn Fn(&Run) -> String| Setting {
        name: name.to_owned(),
        values: scenario.runs.iter().map(value).collect(),
    };
    let mut settings = vec![of_all("topology", &|run| run.topology().word().to_owned())];
    settings.push(of_all("nodes", &|run| run.setup.cluster.nodes.to_string()));
    settings.push(of_all("service", &|run| run.setup.cluster.service.to_string()));
    settings.push(of_all("between_sites", &|run| run.setup.network.between_sites.to_string()));
    settings.retain(|setting| setting.values.iter().any(|value| *value != setting.values[0]));
    for (topology, telling) in TELLING {
        let has_others = scenario.runs.iter().any(|run| run.topology() != *topology);
        for knob in KNOBS.iter().filter(|knob| knob.topology == *topology) {
            let value = |run: &Run| {
                let is_its = run.topology() == *topology;
                run.setup.knobs.get(knob.key).filter(|_| is_its).map(ToString::to_string)
            };
            let values: Vec<Option<String>> = scenario.runs.iter().map(value).collect();
            let mut known = values.iter().flatten();
            let first = known.next();
            let is_telling = has_others && first.is_some() && telling.contains(&knob.key);
            if is_telling || known.any(|other| Some(other) != first) {
                let cell = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
                let values = values
                    .into_iter()
                    .map(cell)
                    .map(|text| if text.is_empty() { "none".to_owned() } else { text });
                settings.push(Setting { name: knob.key.to_owned(), values: values.collect() });
            }
        }
    }
    settings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::presets::load;

    fn rows(preset: &str) -> Vec<(String, String)> {
        let settings = differing(&load(preset).expect("every preset loads"));
        settings.into_iter().map(|setting| (setting.name, setting.values.join(" | "))).collect()
    }

    #[test]
    fn runs_of_one_topology_show_what_differs_and_nothing_else() {
        let rows = rows("jepsen-redis-2013");
        assert_eq!(rows, [("min_replicas".to_owned(), "0 | 1 | 2".to_owned())]);
    }

    #[test]
    fn runs_of_two_show_what_each_is() {
        let rows = rows("same-cut-four-answers");
        let value = |name: &str| rows.iter().find(|(key, _)| key == name).map(|(_, values)| values.as_str());
        assert_eq!(value("ack"), Some("majority | async | - | -"));
        assert_eq!(value("n"), Some("- | - | 3 | 3"));
        assert_eq!(value("quorum"), Some("- | - | strict | sloppy"));
        assert_eq!(value("nodes"), None);
    }
}
