//! What has survived, judged from outside over all nodes.

use super::{PrimaryReplica, Role};
use crate::base::data::{Change, Data, Update};
use crate::base::ids::Key;
use crate::protocol::kit::log::Log;
use crate::protocol::{LogRemains, Storage, Survivors, Truth};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

fn has_data(node: &&PrimaryReplica) -> bool {
    !matches!(node.role, Role::LeaseStore(_))
}

/// Whose log counts.
pub(super) fn authority<'a>(nodes: &[Option<&'a PrimaryReplica>]) -> Option<&'a PrimaryReplica> {
    let live = || nodes.iter().copied().flatten().filter(has_data);
    let reigning = live().filter(|node| node.is_primary()).max_by_key(|node| node.epoch);
    reigning.or_else(|| live().max_by_key(|node| (node.log().end(), Reverse(node.me))))
}

/// The authoritative log is that of the live primary of the latest reign; without one, the most up-to-date log. An
/// acknowledged write is lost if it is not in it.
pub(super) fn truth(nodes: &[Option<&PrimaryReplica>]) -> Truth {
    let live = || nodes.iter().copied().flatten().filter(has_data);
    let authority = authority(nodes);
    // Who has left, or is not in yet, holds no copy that anyone counts on.
    let holders = || live().filter(|node| authority.is_some_and(|first| first.members.contains(&node.me)));
    let survivors = Survivors::Log(authority.map_or_else(LogRemains::default, |node| remains(node.log())));
    let pairs = authority.into_iter().flat_map(|first| holders().map(move |node| (first, node)));
    let unequal = pairs.filter(|(first, node)| first.store.digest() != node.store.digest());
    let differing: BTreeSet<Key> =
        unequal.flat_map(|(first, node)| first.store.differing(&node.store)).collect();
    let keys_diverged = differing.len();
    // Equal positions mean equal logs (kit::log).
    let ends_alike =
        |node: &PrimaryReplica| authority.is_some_and(|first| first.log().end() == node.log().end());
    let is_converged = authority.is_some() && keys_diverged == 0 && holders().all(ends_alike);
    Truth {
        survivors,
        is_converged,
        keys_diverged,
        values: authority.map_or_else(BTreeMap::new, values),
        copies: authority.map_or(nodes.len(), |first| first.members.len()) as u32,
        storage: live().map(storage).fold(Storage::default(), Storage::and),
        lacking: nodes.iter().map(|node| lacking(authority, node.filter(has_data))).collect(),
    }
}

/// What the keys hold once the whole log is applied: what is not committed yet stands in it too.
fn values(node: &PrimaryReplica) -> BTreeMap<Key, Vec<Data>> {
    let mut values: BTreeMap<Key, Data> = node.store.values().collect();
    for (_, entry) in node.log().iter_from(node.store.applied() + 1) {
        let Some(write) = entry.write() else { continue };
        match write.change.of(values.get(&write.key)) {
            Some(data) => drop(values.insert(write.key, data)),
            None if write.change == Change::Delete => drop(values.remove(&write.key)),
            None => {}
        }
    }
    values.into_iter().map(|(key, data)| (key, vec![data])).collect()
}

/// A log entry and a row of the table take equally much.
fn storage(node: &PrimaryReplica) -> Storage {
    let row = node.config.row_bytes;
    let log = node.log().last_index() + 1 - node.log().first_index();
    let archived: usize = node.archive.iter().map(|branch| branch.entries.len()).sum();
    Storage { live: node.store.keys() as u64 * row, other: (log + archived as u64) * row }
}

/// The entries that `node` has not applied; all of them if its log is another one.
fn lacking(authority: Option<&PrimaryReplica>, node: Option<&PrimaryReplica>) -> Option<u64> {
    let (first, node) = (authority?, node?);
    let last = first.log().last_index();
    let is_prefix = node.log().last_index() == 0 || first.log().holds(node.log().end());
    Some(if is_prefix { last.saturating_sub(node.store.applied()) } else { last })
}

/// What a log holds, and which of it is no longer in force: a write or delete puts an end to all that its key held.
fn remains(log: &Log) -> LogRemains {
    let mut remains = LogRemains::default();
    let mut replaced: BTreeSet<Key> = BTreeSet::new();
    for (_, entry) in log.iter_from(1).rev() {
        let Some(write) = entry.write() else { continue };
        remains.ops.insert(write.op);
        if replaced.contains(&write.key) {
            remains.replaced.insert(write.op);
        }
        let is_whole =
            !matches!(write.change, Change::Update(update) if !matches!(update, Update::Resolve(_)));
        if is_whole {
            replaced.insert(write.key);
        }
    }
    remains
}
