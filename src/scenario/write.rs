//! From a scenario back to its file, so that what was done can be saved, edited and played again.
//! [`load`](super::load::load) reads what [`scenario`] writes to an equal scenario.
//!
//! A recording is written as it happens: [`recording`] first, then [`entry`] and [`cue`] one by one, [`ending`] last.

use super::model::{
    Bound, Entry, Expectation, Prediction, Recorded, RecordedEnd, Run, Scenario, Scoped, Subject,
};
use super::spell;
use crate::base::command::Command;
use crate::base::delay::DelayLaw;
use crate::base::footprint::Footprint;
use crate::base::knob::{Knob, KnobKind, KnobValue, Knobs, Profile, Topology};
use crate::base::time::{Span, VirtualTime};
use crate::cluster::spec::{Attach, ClusterSpec, Distribution, NetworkSpec, WorkloadKind, WorkloadSpec};
use std::fmt::{Display, Write};
use twox_hash::XxHash3_64;

/// Footprints in a line of a recording.
const FOOTPRINTS_A_LINE: usize = 1_000;

/// The whole file of a scenario.
pub fn scenario(scenario: &Scenario) -> String {
    let mut out = story(scenario);
    predictions(&mut out, scenario);
    for expectation in &scenario.expectations {
        expect(&mut out, scenario, expectation);
    }
    out
}

/// The beginning of a recording: the scenario as it is played, commands by hand so far included. What was expected of
/// the scenario is left out: it did not reckon with the hand.
pub fn recording(scenario: &Scenario, recorded: &Recorded) -> String {
    let without = Scenario { timeline: Vec::new(), ..scenario.clone() };
    let mut out = story(&without);
    out.push_str(
        "# A recording: what is below was written as it happened. `splitbrain FILE` plays it again,\n",
    );
    out.push_str("# `splitbrain run FILE` checks that it still comes out the same.\n[recorded]\n");
    line(&mut out, "program", quoted(&recorded.program));
    line(&mut out, "semantics", recorded.semantics);
    if let Some((columns, rows)) = recorded.size {
        line(&mut out, "size", quoted(&format!("{columns}x{rows}")));
    }
    out.push('\n');
    predictions(&mut out, scenario);
    scenario.timeline.iter().for_each(|one| out.push_str(&entry(scenario, one)));
    out
}

/// One entry of the timeline.
pub fn entry(scenario: &Scenario, entry: &Entry) -> String {
    let mut out = "[[timeline]]\n".to_owned();
    line(&mut out, "at", instant(entry.at));
    if let Some(number) = entry.by_hand {
        line(&mut out, "by_hand", number);
    }
    if let Some(until) = entry.until {
        line(&mut out, "until", instant(until));
    }
    if let Some(say) = &entry.say {
        line(&mut out, "say", quoted(say));
    }
    // A file that ends in the middle of an entry must not read as another one: the closing quote comes last.
    match entry.commands.as_slice() {
        [] => {}
        [one] => line(&mut out, "do", quoted(&spell(scenario, one))),
        many => line(&mut out, "do", list(many.iter().map(|one| spell(scenario, one)))),
    }
    out.push('\n');
    out
}

/// Something that the watcher did.
pub fn cue(at: VirtualTime, text: &str) -> String {
    format!("[[timeline]]\nat = {}\ncue = {}\n\n", instant(at), quoted(text))
}

/// The end of a recording.
pub fn ending(scenario: &Scenario, end: &RecordedEnd, measured: &[String]) -> String {
    let mut out = String::new();
    if !measured.is_empty() {
        out.push_str(
            "# What was measured up to the end. Without the # each is a check of `splitbrain run`.\n",
        );
        measured.iter().for_each(|one| out.push_str(one));
    }
    for (run, result) in scenario.runs.iter().zip(&end.runs) {
        out.push_str("[[recorded.run]]\n");
        line(&mut out, "id", quoted(&run.id));
        line(&mut out, "events", result.events);
        line(&mut out, "digest", quoted(&hex(result.digest)));
        line(&mut out, "milestones", list(result.milestones.iter().map(|&digest| hex(digest))));
        footprints(&mut out, &result.footprints);
        out.push('\n');
    }
    out.push_str("[recorded.end]\n");
    line(&mut out, "at", instant(end.at));
    line(&mut out, "world", quoted(&hex(end.world)));
    out
}

/// Two letters an event.
fn footprints(out: &mut String, all: &[Footprint]) {
    out.reserve(all.len() * 2 + all.len() / FOOTPRINTS_A_LINE * 4);
    out.push_str("footprints = [\n");
    for some in all.chunks(FOOTPRINTS_A_LINE) {
        out.push('"');
        out.extend(some.iter().flat_map(|footprint| footprint.letters()));
        out.push_str("\",\n");
    }
    out.push_str("]\n");
}

/// An expectation that comes out with what was measured, as comment.
pub fn suggested(run: &str, metric: &str, value: f64) -> String {
    format!("# [[expect]]\n# run = {}\n# metric = {}\n# equals = {value}\n\n", quoted(run), quoted(metric))
}

/// Hash of everything that decides what happens in a scenario: seed, clusters, networks, knobs, load, and the
/// timeline's commands with their instants. Words and cues do not count.
pub fn world_hash(scenario: &Scenario) -> u64 {
    let mut out = scenario.seed.to_string();
    runs(&mut out, scenario);
    workload(&mut out, scenario);
    for one in &scenario.timeline {
        let is_deed =
            |scoped: &&Scoped| !matches!(scoped.command, Command::Say { .. } | Command::Mark { .. });
        let commands: Vec<Scoped> = one.commands.iter().filter(is_deed).cloned().collect();
        if !commands.is_empty() {
            out.push_str(&entry(scenario, &Entry { commands, say: None, by_hand: None, ..one.clone() }));
        }
    }
    XxHash3_64::oneshot(out.as_bytes())
}

/// A hash or digest as files write it.
pub fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}

/// Everything but what is asked and expected.
fn story(scenario: &Scenario) -> String {
    let mut out = String::new();
    line(&mut out, "format", 1);
    line(&mut out, "id", quoted(&scenario.id));
    line(&mut out, "title", quoted(&scenario.title));
    if !scenario.summary.is_empty() {
        line(&mut out, "summary", quoted(&scenario.summary));
    }
    if !scenario.sources.is_empty() {
        line(&mut out, "sources", list(scenario.sources.iter()));
    }
    line(&mut out, "seed", scenario.seed);
    line(&mut out, "duration", span(scenario.duration));
    line(&mut out, "settle", span(scenario.settle));
    line(&mut out, "profile", quoted(if scenario.profile == Profile::Demo { "demo" } else { "real" }));
    out.push('\n');
    if let Some(shared) = shared_cluster(scenario) {
        out.push_str("[cluster]\n");
        cluster(&mut out, shared);
        out.push('\n');
    } else {
        // Names that the load uses are read here; each run has its own nodes below.
        let most = scenario.runs.iter().map(|run| run.setup.cluster.nodes).max().unwrap_or(1);
        let _ = writeln!(out, "[cluster]\nnodes = {most}\n");
    }
    workload(&mut out, scenario);
    runs(&mut out, scenario);
    scenario.timeline.iter().for_each(|one| out.push_str(&entry(scenario, one)));
    out
}

/// The cluster of all runs, if they have one and the same.
fn shared_cluster(scenario: &Scenario) -> Option<&ClusterSpec> {
    let first = &scenario.runs.first()?.setup.cluster;
    scenario.runs.iter().all(|run| run.setup.cluster == *first).then_some(first)
}

fn cluster(out: &mut String, cluster: &ClusterSpec) {
    match cluster.names.as_slice() {
        [] => line(out, "nodes", cluster.nodes),
        names => line(out, "names", list(names.iter())),
    }
    line(out, "service", span(cluster.service));
    line(out, "flush", delay(cluster.flush));
    let nodes =
        |nodes: &[crate::base::ids::NodeId]| list(nodes.iter().map(|node| cluster.name_of(node.index())));
    let sites: Vec<String> =
        cluster.sites.iter().map(|site| format!("{} = {}", quoted(&site.name), nodes(&site.nodes))).collect();
    line(out, "sites", format!("{{ {} }}", sites.join(", ")));
}

fn network(out: &mut String, network: &NetworkSpec) {
    line(out, "delay", delay(network.delay));
    line(out, "between_sites", span(network.between_sites));
    line(out, "client_delay", span(network.client_delay));
    for (key, ppm) in
        [("loss", network.loss_ppm), ("duplicate", network.duplicate_ppm), ("reorder", network.reorder_ppm)]
    {
        line(out, key, share(ppm));
    }
    line(out, "bandwidth", quoted(&format!("{}B/s", network.bandwidth)));
    let delays: Vec<String> =
        network.delays.iter().map(|(name, law)| format!("{name} = {}", delay(*law))).collect();
    line(out, "delays", format!("{{ {} }}", delays.join(", ")));
}

fn workload(out: &mut String, scenario: &Scenario) {
    let load: &WorkloadSpec = &scenario.workload;
    out.push_str("[workload]\n");
    line(out, "kind", quoted(kind(load.kind)));
    if let WorkloadKind::Probe { after } = load.kind {
        line(out, "probe_after", span(after));
    }
    line(out, "rate", load.rate);
    line(out, "writes", share(load.writes_ppm));
    line(out, "keys", load.keys);
    match load.distribution {
        Distribution::Uniform => line(out, "distribution", quoted("uniform")),
        Distribution::Zipf { exponent_milli } => {
            line(out, "distribution", format!("{{ zipf = {} }}", thousandths(exponent_milli)));
        }
    }
    line(out, "value_bytes", load.value_bytes);
    line(out, "clients", load.clients);
    if let Attach::Nodes(nodes) = &load.attach {
        let name = |node: usize| match shared_cluster(scenario) {
            Some(cluster) => cluster.name_of(node),
            None => ClusterSpec::default().name_of(node),
        };
        line(out, "attach", list(nodes.iter().map(|node| name(node.index()))));
    }
    line(out, "timeout", span(load.timeout));
    line(out, "retries", load.retries);
    out.push('\n');
}

fn kind(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Register => "register",
        WorkloadKind::SingleWriter => "single-writer",
        WorkloadKind::Set => "set",
        WorkloadKind::Cart => "cart",
        WorkloadKind::Counter => "counter",
        WorkloadKind::Append => "append",
        WorkloadKind::Insert => "insert",
        WorkloadKind::ReadModifyWrite => "read-modify-write",
        WorkloadKind::Probe { .. } => "probe",
        WorkloadKind::None => "none",
    }
}

fn runs(out: &mut String, scenario: &Scenario) {
    let is_shared = shared_cluster(scenario).is_some();
    for run in &scenario.runs {
        out.push_str("[[run]]\n");
        line(out, "id", quoted(&run.id));
        line(out, "title", quoted(&run.title));
        line(out, "topology", quoted(run.topology().word()));
        knobs(out, run, scenario.profile);
        if !is_shared {
            out.push_str("[run.cluster]\n");
            cluster(out, &run.setup.cluster);
        }
        out.push_str("[run.network]\n");
        network(out, &run.setup.network);
        out.push('\n');
    }
}

/// The knobs that are not at their defaults; copies and quorums always, since their defaults follow the cluster.
fn knobs(out: &mut String, run: &Run, profile: Profile) {
    let defaults = Knobs::defaults(run.topology(), profile);
    let follows = |row: &Knob| run.topology() == Topology::PeerToPeer && ["n", "r", "w"].contains(&row.key);
    for (row, value) in run.setup.knobs.rows() {
        if defaults.get(row.key) != Some(value) || follows(row) {
            line(out, row.key, quoted(&knob(row, value, &run.setup.cluster)));
        }
    }
}

fn knob(row: &Knob, value: &KnobValue, cluster: &ClusterSpec) -> String {
    match (value, row.kind) {
        (KnobValue::Count(count), KnobKind::RateOr(_)) => format!("{count}B/s"),
        (KnobValue::Count(count), KnobKind::BytesOr(_)) => format!("{count}B"),
        (KnobValue::Node(node), _) => cluster.name_of(node.index()),
        (KnobValue::Nodes(nodes), _) => {
            nodes.iter().map(|node| cluster.name_of(node.index())).collect::<Vec<_>>().join(",")
        }
        (value, _) => value.to_string(),
    }
}

fn predictions(out: &mut String, scenario: &Scenario) {
    for prediction in &scenario.predictions {
        predict(out, scenario, prediction);
    }
}

fn predict(out: &mut String, scenario: &Scenario, prediction: &Prediction) {
    out.push_str("[[predict]]\n");
    line(out, "at", instant(prediction.at));
    line(out, "ask", quoted(&prediction.ask));
    line(out, "options", list(prediction.options.iter()));
    let answer = &prediction.answer;
    let mut parts = vec![format!("metric = {}", quoted(answer.metric.row().name))];
    parts.extend(answer.during.map(|during| format!("during = {}", window(during))));
    parts.push(format!("highest = {}", list(answer.highest.iter().map(|&run| &scenario.runs[run].id))));
    parts.extend(answer.tie.map(|tie| format!("tie = {tie:?}")));
    line(out, "answer", format!("{{ {} }}", parts.join(", ")));
    line(out, "why", quoted(&prediction.why));
    out.push('\n');
}

fn expect(out: &mut String, scenario: &Scenario, expectation: &Expectation) {
    out.push_str("[[expect]]\n");
    if !expectation.runs.is_empty() {
        line(out, "run", list(expectation.runs.iter().map(|&run| &scenario.runs[run].id)));
    }
    match &expectation.subject {
        Subject::Metric { metric, wanted, percent_of, compared_to } => {
            line(out, "metric", quoted(metric.row().name));
            bound(out, *wanted);
            if let Some(base) = percent_of {
                line(out, "percent_of", quoted(base.row().name));
            }
            if let Some(other) = compared_to {
                line(out, "compared_to", quoted(&scenario.runs[*other].id));
            }
        }
        Subject::Lines { code, wanted } => {
            line(out, "lines", quoted(code));
            bound(out, *wanted);
        }
        Subject::Checker { checker, verdict } => {
            line(out, "checker", quoted(checker));
            line(out, "verdict", quoted(verdict.word()));
        }
        Subject::Holds { key, wanted } => {
            line(out, "key", quoted(key));
            line(out, "holds", list(wanted.iter()));
        }
    }
    if let Some(during) = expectation.during {
        line(out, "during", window(during));
    }
    line(out, "why", quoted(&expectation.why));
    out.push('\n');
}

fn bound(out: &mut String, bound: Bound) {
    match bound {
        Bound::Between(low, high) => line(out, "between", format!("[{low:?}, {high:?}]")),
        Bound::Equals(wanted) => line(out, "equals", format!("{wanted:?}")),
        Bound::AtLeast(low) => line(out, "at_least", format!("{low:?}")),
        Bound::AtMost(high) => line(out, "at_most", format!("{high:?}")),
    }
}

fn line(out: &mut String, key: &str, value: impl Display) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{key} = {value}");
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn list<T: AsRef<str>>(items: impl Iterator<Item = T>) -> String {
    let items: Vec<String> = items.map(|item| quoted(item.as_ref())).collect();
    format!("[{}]", items.join(", "))
}

fn span(span: Span) -> String {
    quoted(&span.to_string())
}

fn instant(at: VirtualTime) -> String {
    span(Span(at.0))
}

fn window((from, to): (VirtualTime, VirtualTime)) -> String {
    format!("[{}, {}]", instant(from), instant(to))
}

/// A share per million as a percentage, exactly.
fn share(ppm: u32) -> String {
    quoted(&format!("{}.{:04}%", ppm / 10_000, ppm % 10_000))
}

fn thousandths(milli: u32) -> String {
    format!("{}.{:03}", milli / 1_000, milli % 1_000)
}

fn delay(law: DelayLaw) -> String {
    match law {
        DelayLaw::Constant(length) => span(length),
        DelayLaw::Uniform { min, max } => format!("{{ min = {}, max = {} }}", span(min), span(max)),
        DelayLaw::Lognormal { median, sigma_milli } => {
            format!("{{ median = {}, sigma = {} }}", span(median), thousandths(sigma_milli))
        }
        DelayLaw::Exponential { mean } => format!("{{ exp = {} }}", span(mean)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::load;
    use crate::scenario::presets::PRESETS;

    fn loaded(name: &str, text: &str) -> Scenario {
        load(name, text, &[]).unwrap_or_else(|problems| panic!("{}\n{text}", problems.render(false)))
    }

    #[test]
    fn every_preset_reads_back_from_what_is_written() {
        for preset in PRESETS {
            let before = loaded(preset.name, preset.text);
            let text = scenario(&before);
            let after = loaded(preset.name, &text);
            assert_eq!(after, before, "{}", preset.name);
            assert_eq!(world_hash(&after), world_hash(&before));
        }
    }

    #[test]
    fn the_hash_of_a_world_hears_commands_and_no_words() {
        let base = loaded(
            "pair-kill-one",
            crate::scenario::presets::preset("pair-kill-one").expect("it is there").text,
        );
        let mut talkative = base.clone();
        talkative.timeline.iter_mut().for_each(|entry| entry.say = Some("something else".to_owned()));
        talkative.title = "another".to_owned();
        let note = Command::Mark { label: "a note".to_owned() };
        let commands = vec![Scoped { runs: Vec::new(), command: note }];
        talkative.timeline.push(Entry {
            at: VirtualTime(1),
            commands,
            until: None,
            say: None,
            by_hand: Some(1),
        });
        assert_eq!(world_hash(&talkative), world_hash(&base));
        let mut later = base.clone();
        let crash =
            later.timeline.iter_mut().find(|entry| !entry.commands.is_empty()).expect("it does something");
        crash.at.0 += 1;
        assert_ne!(world_hash(&later), world_hash(&base));
    }

    #[test]
    fn texts_are_quoted_so_that_nothing_in_them_ends_them() {
        assert_eq!(quoted("a \"b\"\\\n\u{7}"), r#""a \"b\"\\\n\u0007""#);
    }
}
