//! The tables `[cluster]`, `[network]` and `[workload]`, and what only several knobs together can get wrong.

use super::tree::{Found, Section, Walk, number, range};
use crate::base::delay::DelayLaw;
use crate::base::ids::NodeId;
use crate::base::knob::Knobs;
use crate::base::quantity::{parse_bytes, parse_rate, parse_span};
use crate::base::text::nearest;
use crate::base::time::Span;
use crate::cluster::spec::{
    Attach, ClusterSpec, DELAYED, Distribution, NetworkSpec, Site, WorkloadKind, WorkloadSpec,
};
use toml::Spanned;
use toml::de::DeValue;

/// The most nodes of a cluster.
const NODES_MAX: i64 = 1000;

/// Reads `[cluster]` over what `base` says.
pub(super) fn cluster(walk: &mut Walk, section: Section<'_>, base: &ClusterSpec) -> ClusterSpec {
    walk.check_keys(section, &["nodes", "names", "sites", "service", "flush"]);
    let mut cluster = base.clone();
    if let Some(nodes) = walk.integer(section, "nodes", 1, NODES_MAX) {
        cluster.nodes = nodes.value as usize;
        cluster.names.truncate(cluster.nodes);
    }
    if let Some(names) = walk.texts(section, "names") {
        cluster.names = node_names(walk, &names);
        let contradicts = walk.value(section, "nodes").is_some() && cluster.nodes != cluster.names.len();
        if contradicts {
            let message = format!("{} names for {} nodes", cluster.names.len(), cluster.nodes);
            walk.problem(names.span, message, "give `nodes` or `names`, or as many names as nodes");
        }
        cluster.nodes = cluster.names.len().max(1);
    }
    if let Some(service) = walk.span(section, "service") {
        if service.value == Span::ZERO {
            walk.problem(
                service.span,
                "`service` is zero",
                "an input takes a processor some time, like \"100us\"",
            );
        } else {
            cluster.service = service.value;
        }
    }
    if let Some(law) = delay(walk, section, "flush") {
        cluster.flush = law;
    }
    cluster.sites.retain(|site| site.nodes.iter().all(|node| node.index() < cluster.nodes));
    if let Some(sites) = walk.section(section, "sites", "sites") {
        cluster.sites = sites_of(walk, sites, &cluster);
    }
    cluster
}

fn node_names(walk: &mut Walk, names: &Found<Vec<Found<String>>>) -> Vec<String> {
    if names.value.is_empty() || names.value.len() > NODES_MAX as usize {
        walk.problem(
            names.span.clone(),
            format!("{} nodes", names.value.len()),
            format!("from 1 to {NODES_MAX}"),
        );
    }
    for (place, name) in names.value.iter().enumerate() {
        let is_word = name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
        let is_fault =
            name.value.strip_prefix(['f', 'm']).is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()));
        if name.value.is_empty()
            || name.value.len() > 32
            || !is_word
            || is_fault
            || ["all", "primary"].contains(&name.value.as_str())
        {
            let help = "up to 32 letters, digits, - and _; not `all`, `primary`, and not like `f1` or `m1`";
            walk.problem(name.span.clone(), format!("`{}` is no name for a node", name.value), help);
        }
        if names.value[..place].iter().any(|other| other.value == name.value) {
            walk.problem(
                name.span.clone(),
                format!("two nodes are called `{}`", name.value),
                "names are unique",
            );
        }
    }
    names.value.iter().map(|name| name.value.clone()).collect()
}

fn sites_of(walk: &mut Walk, section: Section<'_>, cluster: &ClusterSpec) -> Vec<Site> {
    let mut sites: Vec<Site> = Vec::new();
    for key in section.table.keys() {
        let name = key.get_ref().to_string();
        let Some(listed) = walk.texts(section, &name) else { continue };
        let mut nodes = Vec::new();
        for wanted in listed.value {
            let Some(node) = find_node(cluster, &wanted.value) else {
                walk.problem(wanted.span, format!("unknown node `{}`", wanted.value), known(cluster));
                continue;
            };
            if sites.iter().any(|site| site.nodes.contains(&node)) || nodes.contains(&node) {
                walk.problem(
                    wanted.span,
                    format!("`{}` stands in two sites", wanted.value),
                    "each node has one site",
                );
            }
            nodes.push(node);
        }
        if find_node(cluster, &name).is_some() {
            walk.problem(
                key.span(),
                format!("`{name}` is a node already"),
                "sites and nodes have different names",
            );
        }
        sites.push(Site { name, nodes });
    }
    sites
}

fn find_node(cluster: &ClusterSpec, wanted: &str) -> Option<NodeId> {
    (0..cluster.nodes).find(|&node| cluster.name_of(node) == wanted).map(NodeId::at)
}

fn known(cluster: &ClusterSpec) -> String {
    match cluster.nodes {
        0 | 1 => "this cluster has one node".to_owned(),
        nodes => format!("this cluster has {}..{}", cluster.name_of(0), cluster.name_of(nodes - 1)),
    }
}

/// Reads `[network]` over what `base` says.
pub(super) fn network(walk: &mut Walk, section: Section<'_>, base: &NetworkSpec) -> NetworkSpec {
    walk.check_keys(
        section,
        &["delay", "delays", "between_sites", "loss", "duplicate", "reorder", "bandwidth", "client_delay"],
    );
    let mut network = base.clone();
    if let Some(law) = delay(walk, section, "delay") {
        network.delay = law;
    }
    if let Some(table) = walk.section(section, "delays", "[network.delays]") {
        network.delays = delays(walk, table);
    }
    network.between_sites =
        walk.span(section, "between_sites").map_or(network.between_sites, |span| span.value);
    network.client_delay = walk.span(section, "client_delay").map_or(network.client_delay, |span| span.value);
    network.loss_ppm = walk.share(section, "loss").unwrap_or(network.loss_ppm);
    network.duplicate_ppm = walk.share(section, "duplicate").unwrap_or(network.duplicate_ppm);
    network.reorder_ppm = walk.share(section, "reorder").unwrap_or(network.reorder_ppm);
    if let Some(text) = walk.text(section, "bandwidth") {
        match parse_rate(&text.value) {
            Some(rate) => network.bandwidth = rate,
            None => {
                let message = format!("`bandwidth` is no rate: `{}`", text.value);
                walk.problem(text.span, message, "a rate is a text like \"100MB/s\"");
            }
        }
    }
    network
}

/// Delays of single kinds of messages.
fn delays(walk: &mut Walk, section: Section<'_>) -> Vec<(&'static str, DelayLaw)> {
    walk.check_keys(section, DELAYED);
    let known = DELAYED.iter().filter_map(|name| Some((*name, delay(walk, section, name)?)));
    known.collect()
}

/// A delay: a text for a constant, or a table that names its law.
fn delay(walk: &mut Walk, section: Section<'_>, key: &str) -> Option<DelayLaw> {
    let value = walk.value(section, key)?;
    let law = match value.get_ref() {
        DeValue::String(text) => parse_span(text).map(DelayLaw::Constant),
        DeValue::Table(table) => delay_table(
            walk,
            Section { table, header: (value.span().start, value.span().end), name: "a delay" },
        ),
        _ => None,
    };
    if law.is_none() {
        let help = "\"1ms\", { median = \"1ms\", sigma = 0.4 }, { min = \"1ms\", max = \"9ms\" } or { exp = \"20ms\" }";
        walk.problem(value.span(), format!("`{key}` is no delay"), help);
    }
    law
}

fn delay_table(walk: &mut Walk, table: Section<'_>) -> Option<DelayLaw> {
    let mut keys: Vec<&str> = table.table.keys().map(|key| key.get_ref().as_ref()).collect();
    keys.sort_unstable();
    match keys.as_slice() {
        ["median"] | ["median", "sigma"] => {
            let median = walk.span(table, "median")?.value;
            let sigma = match walk.value(table, "sigma") {
                Some(_) => walk.number(table, "sigma")?.value,
                None => 0.4,
            };
            let fits = (0.0..=3.0).contains(&sigma);
            fits.then_some(DelayLaw::Lognormal { median, sigma_milli: (sigma * 1000.0).round() as u32 })
        }
        ["max", "min"] => {
            let (min, max) = (walk.span(table, "min")?.value, walk.span(table, "max")?.value);
            (min <= max).then_some(DelayLaw::Uniform { min, max })
        }
        ["exp"] => Some(DelayLaw::Exponential { mean: walk.span(table, "exp")?.value }),
        _ => None,
    }
}

const WORKLOAD: &[&str] = &[
    "kind",
    "rate",
    "writes",
    "keys",
    "distribution",
    "value_bytes",
    "clients",
    "attach",
    "timeout",
    "retries",
    "probe_after",
];
/// Kinds of load.
const KINDS: &[&str] = &[
    "register",
    "single-writer",
    "set",
    "cart",
    "counter",
    "append",
    "insert",
    "read-modify-write",
    "probe",
    "script",
    "none",
];

/// Reads `[workload]`.
pub(super) fn workload(walk: &mut Walk, section: Section<'_>, cluster: &ClusterSpec) -> WorkloadSpec {
    walk.check_keys(section, WORKLOAD);
    let mut load = WorkloadSpec::default();
    let after = walk.span(section, "probe_after");
    if let Some(kind) = walk.text(section, "kind") {
        load.kind = workload_kind(walk, &kind, after.as_ref().map_or(Span::ZERO, |after| after.value));
    }
    if let Some(after) = after.filter(|_| !matches!(load.kind, WorkloadKind::Probe { .. })) {
        walk.problem(after.span, "`probe_after` belongs to a load of kind `probe`", "`kind = \"probe\"`");
    }
    let mut count = |key, min, max, place: &mut u32| {
        if let Some(number) = walk.integer(section, key, min, max) {
            *place = number.value as u32;
        }
    };
    count("rate", 0, 1_000_000, &mut load.rate);
    count("keys", 1, 1_000_000, &mut load.keys);
    count("retries", 0, 100, &mut load.retries);
    load.clients =
        walk.integer(section, "clients", 0, 10_000).map_or(load.clients, |clients| clients.value as usize);
    load.writes_ppm = walk.share(section, "writes").unwrap_or(load.writes_ppm);
    if let Some(timeout) = walk.span(section, "timeout") {
        if timeout.value == Span::ZERO {
            walk.problem(timeout.span, "`timeout` is zero", "clients wait for some time, like \"1s\"");
        } else {
            load.timeout = timeout.value;
        }
    }
    if let Some(value) = walk.value(section, "value_bytes") {
        load.value_bytes = value_bytes(walk, value).unwrap_or(load.value_bytes);
    }
    if let Some(value) = walk.value(section, "distribution") {
        load.distribution = distribution(walk, value).unwrap_or(load.distribution);
    }
    if let Some(value) = walk.value(section, "attach")
        && value.get_ref().as_str() != Some("round-robin")
    {
        load.attach = attach(walk, section, cluster);
    }
    load
}

fn workload_kind(walk: &mut Walk, kind: &Found<String>, after: Span) -> WorkloadKind {
    match kind.value.as_str() {
        "register" => WorkloadKind::Register,
        "single-writer" => WorkloadKind::SingleWriter,
        "set" => WorkloadKind::Set,
        "cart" => WorkloadKind::Cart,
        "counter" => WorkloadKind::Counter,
        "append" => WorkloadKind::Append,
        "insert" => WorkloadKind::Insert,
        "read-modify-write" => WorkloadKind::ReadModifyWrite,
        "probe" => WorkloadKind::Probe { after },
        // What the timeline asks is all there is in both.
        "script" | "none" => WorkloadKind::None,
        word => {
            let help = match nearest(word, KINDS.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of {}", KINDS.join(", ")),
            };
            walk.problem(kind.span.clone(), format!("unknown kind of load `{word}`"), help);
            WorkloadKind::None
        }
    }
}

fn value_bytes(walk: &mut Walk, value: &Spanned<DeValue<'_>>) -> Option<u64> {
    let bytes = match value.get_ref() {
        DeValue::String(text) => parse_bytes(text),
        other => number(other).filter(|n| *n >= 0.0 && n.fract() == 0.0).map(|n| n as u64),
    };
    let fits = bytes.filter(|&bytes| bytes <= 64 << 20);
    if fits.is_none() {
        walk.problem(
            value.span(),
            "`value_bytes` is no size",
            "a number of bytes or a text like \"1KiB\", at most 64MiB",
        );
    }
    fits
}

fn distribution(walk: &mut Walk, value: &Spanned<DeValue<'_>>) -> Option<Distribution> {
    let zipf = value.get_ref().as_table().and_then(|table| {
        let (key, exponent) = table.iter().next().filter(|_| table.len() == 1)?;
        (key.get_ref() == "zipf").then(|| number(exponent.get_ref())).flatten()
    });
    match (value.get_ref().as_str(), zipf) {
        (Some("uniform"), _) => Some(Distribution::Uniform),
        (_, Some(exponent)) if (0.0..=10.0).contains(&exponent) => {
            Some(Distribution::Zipf { exponent_milli: (exponent * 1000.0).round() as u32 })
        }
        _ => {
            walk.problem(
                value.span(),
                "`distribution` is none that is known",
                "\"uniform\" or { zipf = 1.2 }",
            );
            None
        }
    }
}

fn attach(walk: &mut Walk, section: Section<'_>, cluster: &ClusterSpec) -> Attach {
    let mut nodes = Vec::new();
    for wanted in walk.texts(section, "attach").map_or_else(Vec::new, |list| list.value) {
        if let Some(node) = find_node(cluster, &wanted.value) {
            nodes.push(node);
        } else if let Some(site) = cluster.sites.iter().find(|site| site.name == wanted.value) {
            nodes.extend(&site.nodes);
        } else {
            let message = format!("unknown node or site `{}`", wanted.value);
            walk.problem(wanted.span, message, format!("`round-robin`, or nodes: {}", known(cluster)));
        }
    }
    Attach::Nodes(nodes)
}

/// Combinations of knobs that cannot work, with the cure.
pub(super) fn check_knobs(walk: &mut Walk, section: Section<'_>, knobs: &Knobs, cluster: &ClusterSpec) {
    let sites: Vec<Option<usize>> =
        (0..cluster.nodes).map(|node| cluster.site_of(NodeId::at(node))).collect();
    for misfit in knobs.misfits(cluster.nodes).into_iter().chain(knobs.misfits_of_sites(&sites)) {
        let span = walk.value(section, misfit.key).map_or(range(section.header), Spanned::span);
        walk.problem(span, misfit.what, misfit.cure);
    }
}
