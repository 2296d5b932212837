//! The copies of a replicated log beside each other: whose log counts, how far each agrees with it, and the entries
//! around the places where copies end or fork. Only one who sees all nodes at once can say so.

use super::host::NodeCell;
use super::view::{Health, LogMember, LogView, NodeView};
use crate::protocol::Protocol;
use crate::protocol::kit::log::common_point;
use crate::protocol::view::{LogCell, PrimaryReplicaView, ReplicaDetail, Role};
use std::collections::BTreeMap;

/// Entries on either side of a landmark that a view gives.
const AROUND: u64 = 30;
/// The most copies of one log whose entries around landmarks are given.
const COPIES: usize = 16;

fn detail(node: &NodeView) -> Option<&PrimaryReplicaView> {
    match &node.replica.as_ref()?.detail {
        ReplicaDetail::PrimaryReplica(detail) => Some(detail),
        ReplicaDetail::PeerToPeer(_) => None,
    }
}

/// Every log of the cluster with its copies. A node's view shows one of its partitions; it is a copy of that one.
pub(super) fn compare(nodes: &[NodeView]) -> Vec<LogView> {
    let mut groups: BTreeMap<_, Vec<(&NodeView, &PrimaryReplicaView)>> = BTreeMap::new();
    let holds_data = |detail: &&PrimaryReplicaView| detail.role != Role::LeaseStore;
    for (node, detail) in nodes.iter().filter_map(|node| Some((node, detail(node).filter(holds_data)?))) {
        let site = detail.site.as_ref().map(|site| site.place);
        groups.entry((site, detail.partition)).or_default().push((node, detail));
    }
    groups.into_values().map(|copies| compare_copies(&copies)).collect()
}

fn compare_copies(copies: &[(&NodeView, &PrimaryReplicaView)]) -> LogView {
    let reigns = |(node, detail): &&(&NodeView, &PrimaryReplicaView)| {
        node.health != Health::Down && detail.role == Role::Primary
    };
    let authority = copies.iter().filter(reigns).max_by_key(|(_, detail)| detail.term);
    let position = |(_, detail): &&(&NodeView, &PrimaryReplicaView)| {
        (detail.history.last().map(|reign| reign.epoch), detail.last_index)
    };
    let Some((_, counts)) = authority.or_else(|| copies.iter().max_by_key(position)) else {
        return LogView::default();
    };
    let member = |(node, detail): &(&NodeView, &PrimaryReplicaView)| LogMember {
        node: node.node,
        last: detail.last_index,
        agrees_upto: common_point(
            (&detail.history[..], detail.last_index),
            (&counts.history[..], counts.last_index),
            |reign| reign.from,
        ),
    };
    LogView {
        authority: authority.map(|(node, _)| node.node),
        end: counts.last_index,
        members: copies.iter().map(member).collect(),
    }
}

/// Gives every copy the entries around the landmarks of its log that lie before its end.
pub(super) fn add_telling_entries<P: Protocol>(
    logs: &[LogView],
    nodes: &mut [NodeView],
    states: &[NodeCell<P>],
) {
    for log in logs.iter().filter(|log| log.members.len() <= COPIES) {
        let places: Vec<u64> = log.landmarks().iter().map(|place| place.index()).collect();
        for member in &log.members {
            let place = member.node.index();
            let Some(replica) = &mut nodes[place].replica else { continue };
            let ReplicaDetail::PrimaryReplica(detail) = &mut replica.detail else { continue };
            let Some(state) = states[place].state() else { continue };
            let tail = detail.cells.first().map_or(0, |cell| cell.index);
            let mut found: BTreeMap<u64, LogCell> = BTreeMap::new();
            for at in places.iter().filter(|at| **at < tail + AROUND) {
                let (from, to) =
                    (at.saturating_sub(AROUND).max(1), (at + AROUND).min(tail.saturating_sub(1)));
                let entries = state.entries(detail.partition, from, to);
                found.extend(entries.into_iter().map(|cell| (cell.index, cell)));
            }
            let mut cells: Vec<LogCell> = found.into_values().collect();
            cells.append(&mut detail.cells);
            detail.cells = cells;
        }
    }
}
