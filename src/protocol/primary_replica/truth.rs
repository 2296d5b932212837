//! What has survived, judged from outside over all nodes.

use super::{PrimaryReplica, Role};
use crate::protocol::{Survivors, Truth};
use std::collections::BTreeSet;

/// The authoritative log is that of the live primary with the highest term; without one, the most up-to-date log.
/// An acknowledged write is lost if it is not in it.
pub(super) fn truth(nodes: &[Option<&PrimaryReplica>]) -> Truth {
    let live = || nodes.iter().copied().flatten();
    let reigning = live().filter(|node| matches!(node.role, Role::Primary(_))).max_by_key(|node| node.term);
    let authority =
        reigning.or_else(|| live().max_by_key(|node| (node.log.end(), std::cmp::Reverse(node.me))));
    let ops: BTreeSet<_> = authority
        .iter()
        .flat_map(|node| node.log.iter_from(1))
        .filter_map(|(_, entry)| entry.operation())
        .collect();
    let keys_diverged = authority.map_or(0, |first| {
        live()
            .filter(|node| node.table.digest() != first.table.digest())
            .map(|node| first.table.differing(&node.table))
            .max()
            .unwrap_or(0)
    });
    let is_same = |node: &PrimaryReplica| authority.is_some_and(|first| has_same_log(first, node));
    let is_converged = authority.is_some() && keys_diverged == 0 && live().all(is_same);
    Truth { survivors: Survivors::Log(ops), is_converged, keys_diverged, copies: nodes.len() as u32 }
}

fn has_same_log(a: &PrimaryReplica, b: &PrimaryReplica) -> bool {
    a.log.end() == b.log.end()
        && a.log.history() == b.log.history()
        && a.log.iter_from(1).zip(b.log.iter_from(1)).all(|(ours, theirs)| ours == theirs)
}
