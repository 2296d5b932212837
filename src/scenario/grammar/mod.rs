//! The one parser of the command grammar: for timelines, the palette, `--do`, keys and recordings.
//!
//! The words are the rows of [`VERBS`]; arguments are read in `arguments`. Errors carry the bytes they mean, so
//! that a file can put a caret under them.

mod arguments;
mod complete;

pub use complete::{Completion, complete};

use super::model::Scoped;
use crate::base::command::{
    Command, CrashKind, Healed, LATER_VERBS, TypedUpdate, VERBS, Verb, WorkloadChange, verb_row,
};
use crate::base::ids::NodeId;
use crate::base::knob::{Knobs, Profile, Topology, is_settable};
use crate::base::operation::{LEVELS, Level};
use crate::base::text::nearest;
use crate::cluster::spec::Site;
use arguments::{Arguments, links, node, node_list, quantity};
use std::ops::Range;

/// The names a command may use.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vocabulary {
    /// Node names, in order.
    pub nodes: Vec<String>,
    /// Machines that `add-node` can make nodes, in order.
    pub spares: Vec<String>,
    /// Sites.
    pub sites: Vec<Site>,
    /// Run ids, in order.
    pub runs: Vec<String>,
    /// The runs' topologies, in order.
    pub topologies: Vec<Topology>,
}

/// What is wrong with a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandError {
    /// Where, as bytes of the command.
    pub span: Range<usize>,
    /// What was found.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl std::fmt::Display for CommandError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)?;
        self.help.as_ref().map_or(Ok(()), |help| write!(f, "; {help}"))
    }
}

type Parsed<T> = Result<T, CommandError>;

/// Reads one command, with its optional scope: `[strict] crash n3`.
///
/// # Errors
/// Where, what was found, what would be right.
pub fn parse(text: &str, vocabulary: &Vocabulary) -> Parsed<Scoped> {
    let whole = Arguments::new(text, text, vocabulary);
    if let Some(at) = text.char_indices().find(|(_, c)| c.is_control()) {
        let message = format!("control character U+{:04X} in a command", at.1 as u32);
        return Err(CommandError { span: at.0..at.0 + at.1.len_utf8(), message, help: None });
    }
    let (scope, rest) = match text.trim_start().strip_prefix('[') {
        None => (Vec::new(), text),
        Some(scoped) => {
            let Some((inside, rest)) = scoped.split_once(']') else {
                return Err(whole.error(text.trim_start(), "a scope that is not closed", "`[run] command`"));
            };
            (runs(&whole, inside)?, rest)
        }
    };
    let rest = rest.trim();
    let word = rest.split_whitespace().next().unwrap_or_default();
    if word.is_empty() {
        return Err(whole.error(rest, "an empty command", "for instance `crash n1`"));
    }
    let Some(verb) = verb_row(word) else { return Err(unknown_verb(&whole, word)) };
    let arguments = Arguments::new(text, rest[word.len()..].trim(), vocabulary);
    let command = command(verb, &arguments)?;
    match &command {
        Command::Set { knob, value } => check_knob(&arguments, knob, value, &scope)?,
        Command::CancelWait { .. } | Command::Switchover { .. } => {
            let have_primaries = [Topology::PrimaryReplica, Topology::MultiLeader];
            check_topology(&arguments, verb, &scope, &have_primaries)?;
        }
        Command::Promote { .. } => check_topology(&arguments, verb, &scope, &[Topology::PrimaryReplica])?,
        Command::AddNode { .. } | Command::Decommission { .. } | Command::Replace { .. } => {
            let change_members = [Topology::PrimaryReplica, Topology::PeerToPeer];
            check_topology(&arguments, verb, &scope, &change_members)?;
        }
        Command::Repair => check_topology(&arguments, verb, &scope, &[Topology::PeerToPeer])?,
        _ => {}
    }
    Ok(Scoped { runs: scope, command })
}

fn runs(whole: &Arguments<'_>, inside: &str) -> Parsed<Vec<usize>> {
    let find = |name: &str| {
        let known = &whole.vocabulary.runs;
        known.iter().position(|run| run == name).ok_or_else(|| {
            whole.error(name, format!("unknown run `{name}`"), format!("the runs are {}", known.join(", ")))
        })
    };
    inside.split(',').map(str::trim).map(find).collect()
}

fn unknown_verb(whole: &Arguments<'_>, word: &str) -> CommandError {
    if LATER_VERBS.contains(&word) {
        return whole.error(word, format!("`{word}` is not in this version"), "`:help` lists what is");
    }
    let help = match nearest(word, VERBS.iter().map(|row| row.word)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("verbs are {}", VERBS.iter().map(|row| row.word).collect::<Vec<_>>().join(", ")),
    };
    whole.error(word, format!("unknown verb `{word}`"), help)
}

/// The topologies of the runs aimed at.
fn topologies(arguments: &Arguments<'_>, scope: &[usize]) -> Vec<Topology> {
    let all = arguments.vocabulary.topologies.iter().enumerate();
    let aimed = all.filter(|(run, _)| scope.is_empty() || scope.contains(run));
    aimed.map(|(_, &topology)| topology).collect()
}

/// A verb must mean something in at least one of the runs aimed at.
fn check_topology(
    arguments: &Arguments<'_>,
    verb: &Verb,
    scope: &[usize],
    wanted: &[Topology],
) -> Parsed<()> {
    let topologies = topologies(arguments, scope);
    if topologies.is_empty() || topologies.iter().any(|topology| wanted.contains(topology)) {
        return Ok(());
    }
    let wanted = wanted[0];
    let message = format!("`{}` means nothing here: no run it aims at is {wanted}", verb.word);
    let help = format!("aim it at a {wanted} run, like `[run] {}`", verb.example);
    Err(arguments.error(arguments.rest, message, help))
}

/// A knob must belong to at least one of the runs aimed at, and take the value there.
fn check_knob(arguments: &Arguments<'_>, knob: &str, value: &str, scope: &[usize]) -> Parsed<()> {
    let topologies = topologies(arguments, scope);
    let nodes = &arguments.vocabulary.nodes;
    let find = |name: &str| nodes.iter().position(|known| known == name).map(NodeId::at);
    let takes = |topology: Topology| Knobs::defaults(topology, Profile::Demo).set(knob, value, &find);
    let taken: Vec<_> = topologies
        .iter()
        .filter(|&&topology| is_settable(topology, knob))
        .map(|&topology| takes(topology))
        .collect();
    if topologies.is_empty() || taken.iter().any(Result::is_ok) {
        return Ok(());
    }
    if let Some(Err(why)) = taken.into_iter().next() {
        let text = arguments.rest.split_once('=').map_or(arguments.rest, |(_, text)| text.trim());
        return Err(arguments.error(text, why, "`splitbrain knobs TOPOLOGY` lists them"));
    }
    let known = crate::base::knob::unknown_knob(topologies[0], knob);
    Err(arguments.error(knob_text(arguments.rest), known, "`splitbrain knobs TOPOLOGY` lists them"))
}

fn knob_text(rest: &str) -> &str {
    rest.split('=').next().unwrap_or(rest).trim()
}

/// Reads the arguments of a verb.
fn command(verb: &'static Verb, arguments: &Arguments<'_>) -> Parsed<Command> {
    let one_node = || arguments.only(verb, |text| node(arguments, text));
    Ok(match verb.word {
        "crash" => crash(verb, arguments)?,
        "restart" => Command::Restart { node: one_node()? },
        "wipe" => Command::Wipe { node: one_node()? },
        "pause" => Command::Pause { node: one_node()? },
        "resume" => Command::Resume { node: one_node()? },
        "isolate" => Command::Isolate { node: one_node()? },
        "bridge" => Command::Bridge { node: one_node()? },
        "disk-full" => Command::DiskFull { node: one_node()? },
        "promote" => Command::Promote { node: one_node()? },
        "switchover" => Command::Switchover { node: one_node()? },
        "add-node" => match arguments.rest {
            "force" => Command::AddNode { is_forced: true },
            _ => {
                arguments.nothing()?;
                Command::AddNode { is_forced: false }
            }
        },
        "decommission" | "replace" => {
            let (target, is_forced) = match arguments.last_word(verb) {
                Ok((target, "force")) => (target, true),
                _ => (arguments.rest, false),
            };
            if target.is_empty() {
                return Err(arguments.missing(verb));
            }
            let node = node(arguments, target)?;
            match verb.word {
                "decommission" => Command::Decommission { node, is_forced },
                _ => Command::Replace { node, is_forced },
            }
        }
        "repair" => {
            arguments.nothing()?;
            Command::Repair
        }
        "backup" => {
            arguments.nothing()?;
            Command::Backup
        }
        "restore" => Command::Restore { node: one_node()? },
        "cancel-wait" => Command::CancelWait { node: one_node()? },
        "partition" => partition(verb, arguments)?,
        "ring-majorities" => {
            arguments.nothing()?;
            Command::RingMajorities
        }
        "cut" => Command::Cut { links: arguments.only(verb, |text| links(arguments, text))? },
        "hold" => Command::Hold { links: arguments.only(verb, |text| links(arguments, text))? },
        "release" => Command::Release { links: arguments.only(verb, |text| links(arguments, text))? },
        "loss" | "duplicate" | "reorder" => {
            let (target, amount) = arguments.last_word(verb)?;
            let (links, ppm) = (links(arguments, target)?, quantity::percent(arguments, amount)?);
            match verb.word {
                "loss" => Command::Loss { links, ppm },
                "duplicate" => Command::Duplicate { links, ppm },
                _ => Command::Reorder { links, ppm },
            }
        }
        "delay" => {
            let (target, amount) = arguments.last_word(verb)?;
            Command::Delay { links: links(arguments, target)?, extra: quantity::added(arguments, amount)? }
        }
        "clock" => {
            let (target, amount) = arguments.last_word(verb)?;
            Command::Clock { node: node(arguments, target)?, jump_us: quantity::signed(arguments, amount)? }
        }
        "drift" => {
            let (target, amount) = arguments.last_word(verb)?;
            Command::Drift { node: node(arguments, target)?, ppm: quantity::ppm(arguments, amount)? }
        }
        "clock-strobe" => strobe(verb, arguments)?,
        "slow-cpu" | "slow-disk" => {
            let (target, amount) = arguments.last_word(verb)?;
            let (node, factor) = (node(arguments, target)?, quantity::factor(arguments, amount)?);
            if verb.word == "slow-cpu" {
                Command::SlowCpu { node, factor }
            } else {
                Command::SlowDisk { node, factor }
            }
        }
        "heal" => Command::Heal { what: healed(arguments)? },
        "write" | "read" | "delete" | "add" | "remove" | "append" | "increment" | "resolve" => {
            operation(verb, arguments)?
        }
        "workload" => Command::Workload { change: workload(verb, arguments)? },
        "burst" => burst(verb, arguments)?,
        "set" => set(verb, arguments)?,
        "drop" => Command::Drop { message: arguments.only(verb, |text| quantity::message(arguments, text))? },
        "deliver" => {
            Command::Deliver { message: arguments.only(verb, |text| quantity::message(arguments, text))? }
        }
        "say" => Command::Say { text: arguments.only(verb, |text| Ok(text.to_owned()))? },
        "mark" => Command::Mark { label: arguments.only(verb, |text| Ok(text.to_owned()))? },
        other => unreachable!("`{other}` has a row in VERBS and a test that parses its example"),
    })
}

fn crash(verb: &Verb, arguments: &Arguments<'_>) -> Parsed<Command> {
    let (target, kind) = match arguments.rest.rsplit_once(char::is_whitespace) {
        Some((target, "power")) => (target.trim(), CrashKind::Power),
        Some((target, "disk-loss")) => (target.trim(), CrashKind::DiskLoss),
        _ => (arguments.rest, CrashKind::Process),
    };
    if target.is_empty() {
        return Err(arguments.missing(verb));
    }
    Ok(Command::Crash { node: node(arguments, target)?, kind })
}

fn partition(verb: &Verb, arguments: &Arguments<'_>) -> Parsed<Command> {
    let groups: Vec<_> = arguments
        .rest
        .split('|')
        .map(|group| node_list(arguments, group.trim()))
        .collect::<Result<_, _>>()?;
    if groups.len() < 2 {
        return Err(arguments.error(
            arguments.rest,
            "a partition has at least two groups",
            format!("`{}`", verb.syntax),
        ));
    }
    let all: Vec<_> = groups.iter().flatten().collect();
    for (place, node) in all.iter().enumerate() {
        if all[..place].contains(node) {
            let message = format!("{} stands in two groups", arguments.node_name(node));
            return Err(arguments.error(arguments.rest, message, "each node belongs to one group"));
        }
    }
    Ok(Command::Partition { groups })
}

fn strobe(verb: &Verb, arguments: &Arguments<'_>) -> Parsed<Command> {
    let words: Vec<&str> = arguments.rest.split_whitespace().collect();
    let [target @ .., swing, "every", period, "for", lasting] = words.as_slice() else {
        return Err(arguments.missing(verb));
    };
    let (Some(first), Some(last)) = (target.first(), target.last()) else {
        return Err(arguments.missing(verb));
    };
    let target = arguments.between(first, last);
    let swing_text = swing.strip_prefix("+-").or_else(|| swing.strip_prefix('±')).unwrap_or(swing);
    Ok(Command::ClockStrobe {
        node: node(arguments, target)?,
        swing_us: quantity::span(arguments, swing_text)?.0 as i64,
        period: quantity::span(arguments, period)?,
        lasting: quantity::span(arguments, lasting)?,
    })
}

fn healed(arguments: &Arguments<'_>) -> Parsed<Healed> {
    let text = arguments.rest;
    let number = text.strip_prefix('f').and_then(|digits| digits.parse().ok());
    if text.is_empty() || text == "all" {
        return Ok(Healed::Everything);
    }
    if let Ok(node) = node(arguments, text) {
        return Ok(Healed::Node(node));
    }
    match number {
        Some(number) => Ok(Healed::Fault(number)),
        None => links(arguments, text).map(Healed::Links),
    }
}

fn operation(verb: &Verb, arguments: &Arguments<'_>) -> Parsed<Command> {
    let (rest, level) = match arguments.rest.rsplit_once(" level ") {
        Some((rest, word)) => (rest.trim(), Some(level(verb, arguments, word.trim())?)),
        None => (arguments.rest, None),
    };
    let (what, at) = match rest.rsplit_once(" at ") {
        Some((what, target)) => (what.trim(), Some(node(arguments, target.trim())?)),
        None => (rest, None),
    };
    if what.is_empty() {
        return Err(arguments.missing(verb));
    }
    let key_alone = || arguments.word(what);
    Ok(match verb.word {
        "read" => Command::Read { key: key_alone()?, at, level },
        "delete" => Command::Delete { key: key_alone()?, at, level },
        "increment" => {
            let (key, amount) = arguments::split_assignment(what).unwrap_or((what, "1"));
            let Ok(by) = amount.trim().parse() else {
                let help = format!("a whole number, like `{}`", verb.example);
                return Err(arguments.error(amount, format!("`{amount}` is no amount to count"), help));
            };
            Command::Update { update: TypedUpdate::Increment(by), key: arguments.word(key)?, at, level }
        }
        word => {
            let Some((key, value)) = arguments::split_assignment(what) else {
                let message = format!("`{word}` needs a key and a value");
                return Err(arguments.error(what, message, format!("`{}`", verb.syntax)));
            };
            let (key, value) = (arguments.word(key)?, arguments.word(value)?);
            let update = match word {
                "write" => return Ok(Command::Write { key, value, at, level }),
                "add" => TypedUpdate::Add(value),
                "remove" => TypedUpdate::Remove(value),
                "append" => TypedUpdate::Append(value),
                _ if value.starts_with(['{', '[']) => {
                    let help = "to add to sets and to remove from them resolves them";
                    return Err(arguments.error(what, "siblings are resolved to one value", help));
                }
                _ => TypedUpdate::Resolve(value),
            };
            Command::Update { update, key, at, level }
        }
    })
}

fn level(verb: &Verb, arguments: &Arguments<'_>, word: &str) -> Parsed<Level> {
    let is_known = |(level, _): &&(Level, &str)| verb.word != "read" || *level != Level::Any;
    let mut known = LEVELS.iter().filter(is_known);
    if let Some((level, _)) = known.clone().find(|(_, known)| *known == word) {
        return Ok(*level);
    }
    let words: Vec<&str> = known.by_ref().map(|(_, word)| *word).collect();
    Err(arguments.error(word, format!("unknown level `{word}`"), format!("levels are {}", words.join(", "))))
}

fn workload(verb: &Verb, arguments: &Arguments<'_>) -> Parsed<WorkloadChange> {
    let mut change = WorkloadChange::default();
    for word in arguments.rest.split_whitespace() {
        let Some((key, value)) = word.split_once('=') else {
            return Err(arguments.error(
                word,
                "a setting of the load needs a value",
                "`workload rate=500 writes=0.2`",
            ));
        };
        match key {
            "rate" => change.rate = Some(quantity::rate(arguments, value)?),
            "writes" => change.writes_ppm = Some(quantity::share(arguments, value)?),
            "keys" => change.keys = Some(quantity::count(arguments, value, 1, 1_000_000)?),
            _ => {
                let message = format!("unknown setting of the load `{key}`");
                return Err(arguments.error(
                    key,
                    message,
                    "while it runs, rate, writes and keys can be changed",
                ));
            }
        }
    }
    if change == WorkloadChange::default() {
        return Err(arguments.missing(verb));
    }
    Ok(change)
}

fn burst(verb: &Verb, arguments: &Arguments<'_>) -> Parsed<Command> {
    let Some((rate, lasting)) = arguments.rest.split_once(" for ") else {
        return Err(arguments.missing(verb));
    };
    let Some(number) = rate.trim().strip_suffix("/s") else {
        return Err(arguments.error(
            rate,
            format!("`{}` is no rate", rate.trim()),
            "a rate looks like `2000/s`",
        ));
    };
    let (rate, lasting) = (quantity::rate(arguments, number)?, quantity::span(arguments, lasting.trim())?);
    Ok(Command::Burst { rate, lasting })
}

fn set(verb: &Verb, arguments: &Arguments<'_>) -> Parsed<Command> {
    match arguments.rest.split_once('=') {
        Some((knob, value)) if !knob.trim().is_empty() => {
            Ok(Command::Set { knob: knob.trim().to_owned(), value: value.trim().to_owned() })
        }
        _ => Err(arguments.missing(verb)),
    }
}

#[cfg(test)]
mod tests;
