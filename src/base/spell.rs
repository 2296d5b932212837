//! Commands written in the grammar's own words, so that what a screen shows can be typed back.

use super::command::{Command, CrashKind, Healed, Links, NodeRef, TypedUpdate, WorkloadChange};
use super::names::Names;
use super::operation::Level;
use super::time::Span;
use std::fmt;

impl Command {
    /// The command with nodes called as in `names`. `scenario::grammar::parse` reads it back to the same command in
    /// a cluster with those names.
    pub fn spell(&self, names: &Names) -> String {
        use Command::*;
        let n = |node: &NodeRef| spell_node(node, names);
        let l = |links: &Links| spell_links(links, names);
        match self {
            Crash { node, kind: CrashKind::Process } => format!("crash {}", n(node)),
            Crash { node, kind: CrashKind::Power } => format!("crash {} power", n(node)),
            Crash { node, kind: CrashKind::DiskLoss } => format!("crash {} disk-loss", n(node)),
            Restart { node } => format!("restart {}", n(node)),
            Wipe { node } => format!("wipe {}", n(node)),
            Pause { node } => format!("pause {}", n(node)),
            Resume { node } => format!("resume {}", n(node)),
            Partition { groups } => {
                let groups: Vec<String> = groups.iter().map(|group| spell_list(group, names)).collect();
                format!("partition {}", groups.join(" | "))
            }
            RingMajorities => "ring-majorities".to_owned(),
            Bridge { node } => format!("bridge {}", n(node)),
            Isolate { node } => format!("isolate {}", n(node)),
            Cut { links } => format!("cut {}", l(links)),
            Loss { links, ppm } => format!("loss {} {}", l(links), Percent(*ppm)),
            Duplicate { links, ppm } => format!("duplicate {} {}", l(links), Percent(*ppm)),
            Reorder { links, ppm } => format!("reorder {} {}", l(links), Percent(*ppm)),
            Delay { links, extra } => format!("delay {} +{extra}", l(links)),
            Hold { links } => format!("hold {}", l(links)),
            Release { links } => format!("release {}", l(links)),
            Clock { node, jump_us } => format!("clock {} {}", n(node), Signed(*jump_us)),
            Drift { node, ppm } => format!("drift {} {ppm}ppm", n(node)),
            ClockStrobe { node, swing_us, period, lasting } => {
                let swing = Span(swing_us.unsigned_abs());
                format!("clock-strobe {} +-{swing} every {period} for {lasting}", n(node))
            }
            SlowCpu { node, factor } => format!("slow-cpu {} {factor}x", n(node)),
            SlowDisk { node, factor } => format!("slow-disk {} {factor}x", n(node)),
            DiskFull { node } => format!("disk-full {}", n(node)),
            Heal { what: Healed::Everything } => "heal".to_owned(),
            Heal { what: Healed::Node(node) } => format!("heal {}", n(node)),
            Heal { what: Healed::Links(links) } => format!("heal {}", l(links)),
            Heal { what: Healed::Fault(number) } => format!("heal f{number}"),
            Write { key, value, at, level } => {
                format!("write {}={}{}", quoted(key), quoted(value), spell_at(at, *level, names))
            }
            Read { key, at, level } => format!("read {}{}", quoted(key), spell_at(at, *level, names)),
            Delete { key, at, level } => format!("delete {}{}", quoted(key), spell_at(at, *level, names)),
            Update { update, key, at, level } => {
                let (word, amount) = match update {
                    TypedUpdate::Add(element) => ("add", quoted(element)),
                    TypedUpdate::Remove(element) => ("remove", quoted(element)),
                    TypedUpdate::Append(element) => ("append", quoted(element)),
                    TypedUpdate::Increment(by) => ("increment", by.to_string()),
                    TypedUpdate::Resolve(value) => ("resolve", quoted(value)),
                };
                format!("{word} {}={amount}{}", quoted(key), spell_at(at, *level, names))
            }
            Workload { change } => format!("workload{}", spell_change(change)),
            Burst { rate, lasting } => format!("burst {rate}/s for {lasting}"),
            Promote { node } => format!("promote {}", n(node)),
            AddNode { is_forced } => format!("add-node{}", force(*is_forced)),
            Decommission { node, is_forced } => format!("decommission {}{}", n(node), force(*is_forced)),
            Replace { node, is_forced } => format!("replace {}{}", n(node), force(*is_forced)),
            Repair => "repair".to_owned(),
            Backup => "backup".to_owned(),
            Restore { node } => format!("restore {}", n(node)),
            Switchover { node } => format!("switchover {}", n(node)),
            CancelWait { node } => format!("cancel-wait {}", n(node)),
            Set { knob, value } => format!("set {knob}={value}"),
            Drop { message } => format!("drop {message}"),
            Deliver { message } => format!("deliver {message}"),
            Say { text } => format!("say {text}"),
            Mark { label } => format!("mark {label}"),
        }
    }
}

fn force(is_forced: bool) -> &'static str {
    if is_forced { " force" } else { "" }
}

/// The spelling with nodes by their default names.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spell(&Names::default()))
    }
}

impl fmt::Display for NodeRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spell_node(self, &Names::default()))
    }
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&spell_links(self, &Names::default()))
    }
}

fn spell_node(node: &NodeRef, names: &Names) -> String {
    match node {
        NodeRef::Named(node) => names.node(*node),
        NodeRef::Primary => "primary".to_owned(),
        NodeRef::Owner { rank: 1, key } => format!("coordinator-of {}", quoted(key)),
        NodeRef::Owner { rank, key } => format!("owner-{rank}-of {}", quoted(key)),
    }
}

fn spell_list(nodes: &[NodeRef], names: &Names) -> String {
    nodes.iter().map(|node| spell_node(node, names)).collect::<Vec<_>>().join(",")
}

fn spell_at(at: &Option<NodeRef>, level: Option<Level>, names: &Names) -> String {
    let at = at.as_ref().map_or(String::new(), |node| format!(" at {}", spell_node(node, names)));
    let level = level.map_or(String::new(), |level| format!(" level {}", level.word()));
    at + &level
}

fn spell_links(links: &Links, names: &Names) -> String {
    match links {
        Links::All => "all".to_owned(),
        Links::Of(node) => spell_node(node, names),
        Links::Between { from, to, both } => {
            let (from, to) = (spell_list(from, names), spell_list(to, names));
            // A dash may belong to a name or a key, so the separator needs its own space beside one.
            match both {
                true if from.contains('-') || to.contains('-') => format!("{from} - {to}"),
                true => format!("{from}-{to}"),
                false => format!("{from}>{to}"),
            }
        }
    }
}

/// A key or value as the grammar reads it back: bare if it is one plain word, else in double quotes.
pub fn quoted(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_bare) {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whether `c` may stand in a key or value without quotes.
pub fn is_bare(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !matches!(c, '"' | '\\' | ',' | '>' | '|' | '=')
}

fn spell_change(change: &WorkloadChange) -> String {
    let mut words = String::new();
    if let Some(rate) = change.rate {
        words.push_str(&format!(" rate={rate}"));
    }
    if let Some(ppm) = change.writes_ppm {
        let share = format!("{}.{:06}", ppm / 1_000_000, ppm % 1_000_000);
        words.push_str(&format!(" writes={}", share.trim_end_matches('0').trim_end_matches('.')));
    }
    if let Some(keys) = change.keys {
        words.push_str(&format!(" keys={keys}"));
    }
    words
}

/// A share in per million as a percentage without trailing zeros.
struct Percent(u32);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:04}", self.0 / 10_000, self.0 % 10_000);
        write!(f, "{}%", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

struct Signed(i64);

impl fmt::Display for Signed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{}", Span(self.0.unsigned_abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::NodeId;

    #[test]
    fn nodes_are_called_as_their_cluster_calls_them() {
        let names = Names::new(vec!["east-1".into(), "west-1".into()]);
        let ends = [0, 1].map(|n| vec![NodeRef::Named(NodeId(n))]);
        let [from, to] = ends;
        let both = Command::Cut { links: Links::Between { from, to, both: true } };
        assert_eq!(both.spell(&names), "cut east-1 - west-1");
        assert_eq!(both.to_string(), "cut n1-n2");
    }

    #[test]
    fn keys_and_values_are_quoted_only_when_they_must_be() {
        assert_eq!(quoted("user-1"), "user-1");
        assert_eq!(quoted("a key"), "\"a key\"");
        assert_eq!(quoted("say \"hi\""), r#""say \"hi\"""#);
        assert_eq!(quoted(""), "\"\"");
    }
}
