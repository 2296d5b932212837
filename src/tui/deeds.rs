//! What fault keys do to the world: the target's state decides which command of the grammar a key stands for.

use super::keymap::fault_on;
use super::model::{Focus, Model};
use super::update::{Effect, command};
use crate::base::ids::NodeId;
use crate::cluster::view::{Health, NodeView};
use crate::driver::Request;

/// What `d`, `s` and `x` go through; the first takes the fault back.
pub(super) const LOSSES: [&str; 4] = ["0%", "10%", "50%", "100%"];
pub(super) const SLOWNESS: [&str; 3] = ["1x", "20x", "100x"];
const SKEWS: [&str; 3] = ["", "-500ms", "+500ms"];

/// The commands for the target, or for every node.
pub(super) fn each(model: &Model, of: impl Fn(&Model, &NodeView) -> Option<String>) -> Vec<Effect> {
    let nodes: Vec<&NodeView> = match model.node() {
        Some(node) => vec![node],
        None => model.cluster().nodes.iter().collect(),
    };
    let mut commands: Vec<String> = nodes.into_iter().filter_map(|node| of(model, node)).collect();
    match commands.len() {
        0 => Vec::new(),
        1 => command(commands.remove(0)),
        _ => vec![Effect::Ask(Request::Commands(commands))],
    }
}

pub(super) fn crash(model: &Model, node: &NodeView, kind: &str) -> String {
    let name = model.name(node.node);
    match node.health {
        Health::Down => format!("restart {name}"),
        _ => format!("crash {name}{kind}"),
    }
}

pub(super) fn isolate(model: &Model, node: &NodeView) -> Option<String> {
    Some(match fault_on(model, "isolate", node.node) {
        Some(fault) => format!("heal f{}", fault.number),
        None => format!("isolate {}", model.name(node.node)),
    })
}

pub(super) fn pause(model: &Model, node: &NodeView) -> Option<String> {
    let name = model.name(node.node);
    match node.health {
        Health::Paused => Some(format!("resume {name}")),
        Health::Up => Some(format!("pause {name}")),
        Health::Down => None,
    }
}

/// Goes through the amounts of a fault on the target; the same command replaces the amount before.
pub(super) fn cycle(model: &Model, verb: &str, amounts: &[&str]) -> Vec<Effect> {
    let now = |node: &NodeView| {
        let active = fault_on(model, verb, node.node).map(|fault| fault.what.to_string()).unwrap_or_default();
        amounts.iter().position(|amount| active.ends_with(&format!(" {amount}"))).unwrap_or(0)
    };
    let next = |node: &NodeView| amounts[(now(node) + 1) % amounts.len()];
    each(model, |model, node| Some(format!("{verb} {} {}", model.name(node.node), next(node))))
}

/// Clock jumps add up in the world, so the one before is taken back first.
pub(super) fn skew(model: &Model, node: &NodeView) -> Option<String> {
    let name = model.name(node.node);
    let active = fault_on(model, "clock", node.node);
    let now =
        active.and_then(|fault| SKEWS.iter().position(|skew| !skew.is_empty() && fault.what.ends_with(skew)));
    match (now, active) {
        (None, _) => Some(format!("clock {name} {}", SKEWS[1])),
        (Some(1), _) => Some(format!("clock {name} +1s")),
        (Some(_), Some(fault)) => Some(format!("heal f{}", fault.number)),
        (Some(_), None) => None,
    }
}

pub(super) fn toggle_load(model: &mut Model) -> Vec<Effect> {
    let demand = model.frame.runs[model.run].write_demand.iter().rev().take(2).sum::<u32>();
    match demand {
        0 => command("workload rate=30"),
        _ => command("workload rate=0"),
    }
}

pub(super) fn partition(model: &mut Model) -> Vec<Effect> {
    let active = model.cluster().faults.iter().find(|fault| fault.verb == "partition");
    if let Some(fault) = active {
        return command(format!("heal f{}", fault.number));
    }
    let count = model.cluster().nodes.len();
    // The first nodes against the rest, as a lesson would begin: the primary's side is the smaller one.
    let sides = (0..count).map(|node| node >= count / 2).collect();
    model.focus = Focus::Partition { sides, cursor: 0 };
    Vec::new()
}

pub(super) fn toggle_side(model: &mut Model, place: Option<usize>) {
    if let Focus::Partition { sides, cursor } = &mut model.focus {
        let place = place.unwrap_or(*cursor);
        if let Some(side) = sides.get_mut(place) {
            *side = !*side;
            *cursor = place;
        }
    }
}

pub(super) fn enter_partition(model: &mut Model, sides: &[bool]) -> Vec<Effect> {
    let names = |second: bool| {
        let side = sides.iter().enumerate().filter(|(_, side)| **side == second);
        side.map(|(node, _)| model.name(NodeId::at(node))).collect::<Vec<_>>().join(",")
    };
    let (left, right) = (names(false), names(true));
    if left.is_empty() || right.is_empty() {
        model.notice = Some("a partition needs a node on each side".to_owned());
        return Vec::new();
    }
    command(format!("partition {left} | {right}"))
}
