//! Names that are resolved when a command fires: `primary`, `coordinator-of k17`, `owner-2-of k17`.

use crate::base::command::{Command, Healed, Links, NodeRef};
use crate::base::ids::NodeId;

/// How a reference becomes a node, or why it cannot.
pub(super) type Lookup<'a> = &'a mut dyn FnMut(&NodeRef) -> Result<NodeId, String>;

/// `command` with every reference replaced by the node it means now.
///
/// # Errors
/// What `lookup` says of a reference that means nothing now.
pub(super) fn resolve(command: &Command, lookup: Lookup<'_>) -> Result<Command, String> {
    let mut resolved = command.clone();
    match &mut resolved {
        Command::Crash { node, .. }
        | Command::Restart { node }
        | Command::Wipe { node }
        | Command::Pause { node }
        | Command::Resume { node }
        | Command::Bridge { node }
        | Command::Isolate { node }
        | Command::Clock { node, .. }
        | Command::Drift { node, .. }
        | Command::ClockStrobe { node, .. }
        | Command::SlowCpu { node, .. }
        | Command::SlowDisk { node, .. }
        | Command::DiskFull { node }
        | Command::Promote { node }
        | Command::CancelWait { node }
        | Command::Switchover { node }
        | Command::Restore { node }
        | Command::Decommission { node, .. }
        | Command::Replace { node, .. }
        | Command::Heal { what: Healed::Node(node) } => fix(node, lookup)?,
        Command::Partition { groups } => {
            groups.iter_mut().flatten().try_for_each(|node| fix(node, lookup))?
        }
        Command::Cut { links }
        | Command::Loss { links, .. }
        | Command::Duplicate { links, .. }
        | Command::Reorder { links, .. }
        | Command::Delay { links, .. }
        | Command::Hold { links }
        | Command::Release { links }
        | Command::Heal { what: Healed::Links(links) } => fix_links(links, lookup)?,
        Command::Write { at, .. }
        | Command::Read { at, .. }
        | Command::Delete { at, .. }
        | Command::Update { at, .. } => {
            at.iter_mut().try_for_each(|node| fix(node, lookup))?;
        }
        Command::RingMajorities
        | Command::Heal { .. }
        | Command::Workload { .. }
        | Command::Burst { .. }
        | Command::Repair
        | Command::AddNode { .. }
        | Command::Backup
        | Command::Set { .. }
        | Command::Drop { .. }
        | Command::Deliver { .. }
        | Command::Say { .. }
        | Command::Mark { .. } => {}
    }
    Ok(resolved)
}

/// Whether a command names a node by the key it owns.
pub(super) fn asks_for_owners(command: &Command) -> bool {
    let mut asks = false;
    let looked = resolve(command, &mut |node| {
        asks |= matches!(node, NodeRef::Owner { .. });
        Ok(NodeId(0))
    });
    assert!(looked.is_ok(), "every reference was found");
    asks
}

fn fix(node: &mut NodeRef, lookup: Lookup<'_>) -> Result<(), String> {
    *node = NodeRef::Named(lookup(node)?);
    Ok(())
}

fn fix_links(links: &mut Links, lookup: Lookup<'_>) -> Result<(), String> {
    match links {
        Links::All => Ok(()),
        Links::Of(node) => fix(node, lookup),
        Links::Between { from, to, .. } => from.iter_mut().chain(to).try_for_each(|node| fix(node, lookup)),
    }
}

/// The node of a reference that [`resolve`] has been through.
///
/// # Panics
/// If the reference is still a role.
pub(super) fn named(node: &NodeRef) -> NodeId {
    match node {
        NodeRef::Named(node) => *node,
        other => unreachable!("`{other}` was resolved before it was used"),
    }
}

/// The directed links meant by a resolved reference, in a cluster of `members` nodes.
pub(super) fn directed(links: &Links, members: usize) -> Vec<(NodeId, NodeId)> {
    let everyone: Vec<NodeId> = (0..members).map(NodeId::at).collect();
    let mut pairs = Vec::new();
    let mut add = |from: NodeId, to: NodeId| {
        if from != to && !pairs.contains(&(from, to)) {
            pairs.push((from, to));
        }
    };
    match links {
        Links::All => {
            for &from in &everyone {
                everyone.iter().filter(|&&to| to != from).for_each(|&to| pairs.push((from, to)));
            }
        }
        Links::Of(node) => {
            for &other in &everyone {
                add(named(node), other);
                add(other, named(node));
            }
        }
        Links::Between { from, to, both } => {
            for from in from.iter().map(named) {
                for to in to.iter().map(named) {
                    add(from, to);
                    if *both {
                        add(to, from);
                    }
                }
            }
        }
    }
    pairs
}

/// The nodes a resolved command names, each once, in order.
pub(super) fn nodes_of(command: &Command) -> Vec<NodeId> {
    let mut nodes = Vec::new();
    let collected = resolve(command, &mut |node| {
        nodes.push(named(node));
        Ok(named(node))
    });
    assert!(collected.is_ok(), "a resolved command resolves again");
    nodes.sort_unstable();
    nodes.dedup();
    nodes
}
