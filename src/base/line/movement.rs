//! What lines about movements on a ring say.

use super::Line;
use crate::base::movement::{Move, Objection};
use crate::base::names::Names;
use crate::base::text::many;

/// The text of a line about a movement; empty for any other.
pub(super) fn text(line: &Line, names: &Names) -> String {
    match line {
        Line::MoveStart { how: how @ (Move::Join | Move::Replace(_)), permille, nodes } => {
            let share = share(*permille);
            format!("{}: takes over {share} of all copies, from {}", doing(*how, names), names.nodes(nodes))
        }
        Line::MoveStart { how: Move::Leave, permille, nodes } => {
            format!(
                "leaving the ring: hands on {} of all copies, to {}",
                share(*permille),
                names.nodes(nodes)
            )
        }
        Line::MoveRefused { how, why } => {
            format!("not {}: {}", doing(*how, names), objection(*why, *how, names))
        }
        Line::MoveFetched { keys, took } => {
            format!("{} came in {took}: reads go here now, writes to old and new owners", many(keys, "key"))
        }
        Line::MoveDone { how: how @ (Move::Join | Move::Replace(_)), copies, took } => {
            format!("done {} after {took}: {} moved here", doing(*how, names), many(copies, "copy"))
        }
        Line::MoveDone { how: Move::Leave, copies, took } => {
            format!("left the ring after {took}: {} moved to others", many(copies, "copy"))
        }
        Line::GivenUp { node } => {
            format!("{} is given up: the ring is as it was before it came", names.node(*node))
        }
        Line::RangesDropped { keys } => format!("{} dropped: others own them now", many(keys, "key")),
        _ => String::new(),
    }
}

fn doing(how: Move, names: &Names) -> String {
    match how {
        Move::Join => "joining the ring".to_owned(),
        Move::Replace(dead) => format!("taking the place of {}", names.node(dead)),
        Move::Leave => "leaving the ring".to_owned(),
        Move::GiveUp(dead) => format!("giving up {}", names.node(dead)),
    }
}

fn share(permille: u32) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

fn objection(why: Objection, how: Move, names: &Names) -> String {
    let verb = match how {
        Move::Join => "add-node",
        Move::Replace(_) => "replace",
        Move::Leave | Move::GiveUp(_) => "decommission",
    };
    match why {
        Objection::Moves(node) | Objection::MayMove(node) => format!(
            "{} is moving, and two at once can lose data; wait and `{verb}` again, or `force` it",
            names.node(node)
        ),
        Objection::DiedMoving { node, is_joining } => {
            let node = names.node(node);
            match is_joining {
                true => format!(
                    "{node} died while it was joining; `restart {node}`, or `decommission {node}` gives it up"
                ),
                false => format!("{node} died on its way; `restart {node}`, or `replace {node}`"),
            }
        }
        Objection::IsAlive(node) if matches!(how, Move::GiveUp(_)) => {
            format!("{} is alive to the others; wait until it is not", names.node(node))
        }
        Objection::IsAlive(node) => {
            let node = names.node(node);
            format!("{node} is alive to the others; wait until it is not, or `decommission {node}`")
        }
        Objection::TooFewNodes { nodes, copies } => {
            format!("{nodes} nodes keep {copies} copies of each key; `add-node` first")
        }
        Objection::WrongPlace => match how {
            Move::Leave => "it is not on the ring".to_owned(),
            Move::Join => "only a node that never was on the ring can join it".to_owned(),
            Move::Replace(dead) => format!("{} is not on the ring", names.node(dead)),
            Move::GiveUp(dead) => format!("others count on it already; `replace {}`", names.node(dead)),
        },
        Objection::NoMajority { heard, need } => {
            format!("{heard} nodes answer, {need} have to agree; heal and `{verb}` again")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::NodeId;

    #[test]
    fn a_refusal_names_the_reason_and_the_cure() {
        let line = Line::MoveRefused { how: Move::Join, why: Objection::Moves(NodeId(5)) };
        assert_eq!(
            text(&line, &Names::default()),
            "not joining the ring: n6 is moving, and two at once can lose data; wait and `add-node` again, or `force` it"
        );
        let why = Objection::DiedMoving { node: NodeId(5), is_joining: true };
        assert_eq!(
            text(&Line::MoveRefused { how: Move::Leave, why }, &Names::default()),
            "not leaving the ring: n6 died while it was joining; `restart n6`, or `decommission n6` gives it up"
        );
    }
}
