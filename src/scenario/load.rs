//! From a file to a [`Scenario`], or to all that is wrong with it.
//!
//! The file is parsed to a spanned tree, the command line's overrides are put into that tree, and one walk asks it
//! everything; so an override meets the same checks and the same messages as a line of the file.

use super::grammar::Vocabulary;
use super::model::{Run, Scenario};
use super::overrides::{self, Override};
use super::problem::{Problem, Problems};
use super::recorded;
use super::sections;
use super::timeline;
use super::tree::{Found, Section, Walk, range};
use crate::base::ids::NodeId;
use crate::base::knob::{Knobs, LIKE, Profile, TOPOLOGIES, Topology, is_settable};
use crate::base::time::Span;
use crate::cluster::spec::{Attach, ClusterSpec, NetworkSpec, RunSetup, WorkloadSpec};
use toml::Spanned;
use toml::de::DeTable;

/// The longest file, in bytes.
const FILE_MAX: usize = 1 << 20;
/// The longest recording, in bytes.
pub const RECORDING_MAX: usize = 64 << 20;
/// The most runs of one scenario.
const RUNS_MAX: usize = 64;
/// How long the world may settle unless a file says otherwise.
const SETTLE: Span = Span::seconds(10);

/// Loads `text`, the content of a file called `name`, with the command line's overrides. The last entry of a recording
/// that was torn, by a crash or a full disk, is left out.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(name: &str, text: &str, overrides: &[Override]) -> Result<Scenario, Box<Problems>> {
    let whole = load_whole(name, text, overrides);
    let last = text.rfind("\n[").filter(|_| whole.is_err() && recorded::is_recording(text));
    let Some(last) = last else { return whole };
    match load_whole(name, &text[..=last], overrides) {
        Ok(mut scenario) => {
            scenario.recorded.iter_mut().for_each(|recorded| recorded.is_torn = true);
            Ok(scenario)
        }
        Err(_) => whole,
    }
}

fn load_whole(name: &str, text: &str, overrides: &[Override]) -> Result<Scenario, Box<Problems>> {
    let most = if recorded::is_recording(text) { RECORDING_MAX } else { FILE_MAX };
    let too_long = text.len() > most;
    let kept = if too_long {
        text.lines().next().unwrap_or_default().chars().take(80).collect()
    } else {
        text.to_owned()
    };
    let (source, places) = overrides::append(name, kept, overrides);
    let fail = |list: Vec<Problem>| Box::new(Problems { source: source.clone(), list });
    if too_long {
        let message = format!("the file is {} bytes long", text.len());
        return Err(fail(vec![
            Problem::new(0..0, message).help(format!("a scenario has at most {most} bytes")),
        ]));
    }
    let (mut tree, errors) = DeTable::parse_recoverable(&source.text[..source.file_ends]);
    if !errors.is_empty() {
        let problem = |error: &toml::de::Error| {
            let span = error.span().unwrap_or(0..0);
            Problem::new(span, error.message().replace('\n', ", "))
        };
        return Err(fail(errors.iter().map(problem).collect()));
    }
    let mut walk = Walk::default();
    overrides::put(&mut tree, &source, &places, overrides, &mut walk);
    let is_told_how_long = overrides.iter().any(|change| matches!(change, Override::For(_)));
    let scenario = scenario(&mut walk, &tree, name, is_told_how_long);
    walk.problems.sort_by_key(|problem| problem.span.start);
    match scenario {
        Some(scenario) if walk.problems.is_empty() => Ok(scenario),
        _ => Err(fail(walk.problems)),
    }
}

const TOP: &[&str] = &[
    "format", "id", "title", "summary", "sources", "seed", "duration", "settle", "profile", "cluster",
    "network", "workload", "run", "timeline", "predict", "expect", "recorded",
];

fn scenario(
    walk: &mut Walk,
    tree: &Spanned<DeTable<'_>>,
    file: &str,
    is_told_how_long: bool,
) -> Option<Scenario> {
    let top = Section { table: tree.get_ref(), header: (0, 0), name: "a scenario" };
    walk.check_keys(top, TOP);
    if walk.value(top, "format").is_none() {
        walk.missing(top, "format", "1");
    }
    walk.integer(top, "format", 1, 1);
    let stem = file.rsplit('/').next().unwrap_or(file).trim_end_matches(".toml");
    let id = walk.text(top, "id").map_or_else(|| stem.to_owned(), |id| id.value);
    let title = walk.text(top, "title").map_or_else(|| id.clone(), |title| title.value);
    let summary = walk.text(top, "summary").map_or_else(String::new, |summary| summary.value);
    let sources = walk.texts(top, "sources").map_or_else(Vec::new, |list| texts(list.value));
    let seed = walk.integer(top, "seed", 0, i64::MAX).map_or(1, |seed| seed.value as u64);
    let duration = match walk.span(top, "duration") {
        Some(duration) if duration.value > Span::ZERO => duration.value,
        Some(duration) => {
            walk.problem(duration.span, "`duration` is zero", "a scenario plays for some time, like \"30s\"");
            Span::seconds(24 * 3600)
        }
        None => {
            if walk.value(top, "duration").is_none() {
                walk.missing(top, "duration", "\"30s\"");
            }
            Span::seconds(24 * 3600)
        }
    };
    let settle = walk.span(top, "settle").map_or(SETTLE, |settle| settle.value);
    let profile = profile(walk, top);
    let cluster = match walk.section(top, "cluster", "[cluster]") {
        Some(section) => sections::cluster(walk, section, &ClusterSpec::default()),
        None => ClusterSpec::default(),
    };
    let network = match walk.section(top, "network", "[network]") {
        Some(section) => sections::network(walk, section, &NetworkSpec::default()),
        None => NetworkSpec::default(),
    };
    let workload = match walk.section(top, "workload", "[workload]") {
        Some(section) => sections::workload(walk, section, &cluster),
        None => WorkloadSpec::default(),
    };
    let world = World { seed, profile, cluster, network, workload };
    let runs = runs(walk, top, &world)?;
    let mut vocabulary = vocabulary(&world.cluster, &runs);
    let recorded = recorded::recorded(walk, top, &runs);
    // A file may name the machines that it makes nodes, and no more; a hand may have tried any.
    if recorded.is_none() {
        vocabulary.spares.truncate(timeline::nodes_added(top));
    }
    let told = timeline::entries(walk, top, &vocabulary, duration, recorded.is_some());
    let timeline::Told { entries: timeline, cues } = told;
    let predictions = timeline::predictions(walk, top, &vocabulary, duration);
    let expectations = timeline::expectations(walk, top, &vocabulary, duration);
    let World { profile, workload, .. } = world;
    let duration = match is_told_how_long {
        true => duration,
        false => recorded::played(recorded.as_ref(), duration, &timeline),
    };
    Some(Scenario {
        id,
        title,
        summary,
        sources,
        seed,
        duration,
        settle,
        profile,
        workload,
        runs,
        timeline,
        predictions,
        expectations,
        cues,
        recorded,
    })
}

/// What the runs share.
struct World {
    seed: u64,
    profile: Profile,
    cluster: ClusterSpec,
    network: NetworkSpec,
    workload: WorkloadSpec,
}

fn texts(found: Vec<Found<String>>) -> Vec<String> {
    found.into_iter().map(|text| text.value).collect()
}

fn profile(walk: &mut Walk, top: Section<'_>) -> Profile {
    match walk.text(top, "profile") {
        None => Profile::Demo,
        Some(word) if word.value == "demo" => Profile::Demo,
        Some(word) if word.value == "real" => Profile::Real,
        Some(word) => {
            walk.problem(word.span, format!("unknown profile `{}`", word.value), "`demo` or `real`");
            Profile::Demo
        }
    }
}

/// The names that commands of a scenario with these runs may use.
pub(super) fn vocabulary(cluster: &ClusterSpec, runs: &[Run]) -> Vocabulary {
    // A run may have more nodes than the scenario's cluster; a command may name those of the largest.
    let largest =
        runs.iter().map(|run| &run.setup.cluster).max_by_key(|cluster| cluster.nodes).unwrap_or(cluster);
    Vocabulary {
        nodes: (0..largest.nodes).map(|node| largest.name_of(node)).collect(),
        spares: (largest.nodes..largest.machines()).map(|node| largest.name_of(node)).collect(),
        sites: largest.sites.clone(),
        runs: runs.iter().map(|run| run.id.clone()).collect(),
        topologies: runs.iter().map(Run::topology).collect(),
    }
}

fn runs(walk: &mut Walk, top: Section<'_>, world: &World) -> Option<Vec<Run>> {
    let sections = walk.sections(top, "run", "[[run]]");
    if sections.is_empty() {
        let help = "for instance `[[run]]`, and below it `topology = \"primary-replica\"`";
        walk.problem(super::tree::range(top.header), "a scenario needs at least one run", help);
        return None;
    }
    if sections.len() > RUNS_MAX {
        let span = sections[RUNS_MAX].header;
        walk.problem(span.0..span.1, format!("{} runs", sections.len()), format!("at most {RUNS_MAX}"));
        return None;
    }
    let mut runs: Vec<Run> = Vec::new();
    for section in sections {
        let Some(run) = run(walk, section, world) else { continue };
        if runs.iter().any(|other| other.id == run.id) {
            walk.problem(
                super::tree::range(section.header),
                format!("two runs are called `{}`", run.id),
                "ids are unique",
            );
        }
        runs.push(run);
    }
    (!runs.is_empty()).then_some(runs)
}

/// What a run takes beside knobs.
const RUN_KEYS: &[&str] = &["id", "title", "topology", "cluster", "network"];
/// What belongs to the world and never to one run: the runs would no longer live through the same thing.
const SHARED: &[&str] = &["seed", "workload", "timeline", "duration", "profile"];
/// Words that `--set` uses itself.
const RESERVED: &[&str] = &["workload", "network", "cluster", "seed", "duration"];

fn run(walk: &mut Walk, section: Section<'_>, world: &World) -> Option<Run> {
    let topology = topology(walk, section)?;
    let id = walk.text(section, "id").unwrap_or_else(|| Found {
        value: topology.word().to_owned(),
        span: super::tree::range(section.header),
    });
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.value.is_empty()
        || id.value.len() > 32
        || !id.value.chars().all(is_word)
        || RESERVED.contains(&id.value.as_str())
    {
        let help =
            "up to 32 letters, digits, - and _, and none of workload, network, cluster, seed, duration";
        walk.problem(id.span, format!("`{}` is no id for a run", id.value), help);
    }
    let title = walk.text(section, "title").map_or_else(|| id.value.clone(), |title| title.value);
    let cluster = match walk.section(section, "cluster", "[run.cluster]") {
        Some(own) => sections::cluster(walk, own, &world.cluster),
        None => world.cluster.clone(),
    };
    let network = match walk.section(section, "network", "[run.network]") {
        Some(own) => sections::network(walk, own, &world.network),
        None => world.network.clone(),
    };
    let knobs = knobs(walk, section, topology, world.profile, &cluster);
    let workload = world.workload.clone();
    if let Attach::Nodes(nodes) = &workload.attach
        && let Some(missing) = nodes.iter().find(|node| node.index() >= cluster.nodes)
    {
        let message = format!("clients are attached to {missing}, and this run has {} nodes", cluster.nodes);
        walk.problem(
            range(section.header),
            message,
            "give the run as many nodes, or attach clients elsewhere",
        );
    }
    Some(Run { id: id.value, title, setup: RunSetup { seed: world.seed, cluster, network, workload, knobs } })
}

fn topology(walk: &mut Walk, section: Section<'_>) -> Option<Topology> {
    let Some(word) = walk.text(section, "topology") else {
        if walk.value(section, "topology").is_none() {
            walk.missing(section, "topology", "\"primary-replica\"");
        }
        return None;
    };
    let topology = Topology::from_word(&word.value);
    if topology.is_none() {
        let message = format!("unknown topology `{}`", word.value);
        let words: Vec<String> = TOPOLOGIES.iter().map(|row| format!("`{}`", row.word)).collect();
        walk.problem(word.span, message, format!("one of {}", words.join(", ")));
    }
    topology
}

fn knobs(
    walk: &mut Walk,
    section: Section<'_>,
    topology: Topology,
    profile: Profile,
    cluster: &ClusterSpec,
) -> Knobs {
    let mut knobs = Knobs::defaults(topology, profile);
    let find =
        |wanted: &str| (0..cluster.nodes).find(|&node| cluster.name_of(node) == wanted).map(NodeId::at);
    // Copies and quorums follow a small cluster unless a file says otherwise.
    if topology == Topology::PeerToPeer && cluster.nodes < 3 {
        for key in ["n", "r", "w"] {
            let fitted = knobs.set(key, &cluster.nodes.to_string(), &find);
            assert_eq!(fitted, Ok(()), "a small number fits");
        }
    }
    // A named configuration comes first, wherever it stands: single knobs refine it.
    let (likes, single): (Vec<_>, Vec<_>) = section.table.iter().partition(|(key, _)| key.get_ref() == LIKE);
    for (key, value) in likes.into_iter().chain(single) {
        let key_text = key.get_ref().as_ref();
        if RUN_KEYS.contains(&key_text) {
            continue;
        }
        if SHARED.contains(&key_text) {
            let message = format!("`{key_text}` belongs to the scenario, not to a run");
            walk.problem(key.span(), message, "all runs live through the same seed, load and timeline");
            continue;
        }
        let Some(text) = super::tree::plain(value.get_ref()) else {
            walk.problem(value.span(), format!("`{key_text}` is no table"), "knobs are plain values");
            continue;
        };
        if let Err(message) = knobs.set(key_text, &text, &find) {
            let is_unknown = !is_settable(topology, key_text);
            let span = if is_unknown { key.span() } else { value.span() };
            walk.problem(span, message, format!("`splitbrain knobs {topology}` lists the knobs"));
        }
    }
    sections::check_knobs(walk, section, &knobs, cluster);
    knobs
}
