//! What has survived, judged from outside over all sites.

use super::MultiLeader;
use crate::base::data::Data;
use crate::base::ids::{Key, OpId};
use crate::protocol::kit::log::Merged;
use crate::protocol::kit::sites::{Resolver, SiteState};
use crate::protocol::primary_replica::PrimaryReplica;
use crate::protocol::{LogRemains, Protocol, Storage, Survivors, Truth};
use std::collections::{BTreeMap, BTreeSet};

/// A write survived if it is in the log of some site; what a resolver made of it is another question. All have
/// converged if the nodes of every site agree, every site has taken in every other's writes, and all hold the same.
pub(super) fn truth(nodes: &[Option<&MultiLeader>]) -> Truth {
    let sites = nodes.iter().flatten().map(|node| node.config.sites()).max().unwrap_or(0);
    let groups: Vec<_> = (0..sites).map(|site| group(nodes, site)).collect();
    let truths: Vec<Truth> = groups.iter().map(|group| PrimaryReplica::truth(group)).collect();
    let heads: Vec<Option<&PrimaryReplica>> =
        groups.iter().map(|group| PrimaryReplica::authority(group)).collect();
    let logs = truths.iter().filter_map(|truth| match &truth.survivors {
        Survivors::Log(remains) => Some(remains),
        Survivors::Merged(_) => None,
    });
    let survivors = Survivors::Log(remains(logs));
    let positions =
        |head: &PrimaryReplica| -> Vec<u64> { (0..sites).map(|site| head.site_positions(site).0).collect() };
    let have_all = heads.iter().flatten().map(|head| positions(head)).collect::<BTreeSet<_>>().len() <= 1;
    let (differing, values) = compare(&heads);
    let keys_diverged = truths.iter().map(|truth| truth.keys_diverged).sum::<usize>() + differing;
    let agree = heads.iter().all(Option::is_some) && truths.iter().all(|truth| truth.is_converged);
    Truth {
        survivors,
        is_converged: agree && have_all && differing == 0,
        keys_diverged,
        values,
        copies: truths.iter().map(|truth| truth.copies).sum(),
        storage: truths.iter().map(|truth| truth.storage).fold(Storage::default(), Storage::and),
        lacking: (0..nodes.len())
            .map(|node| truths.iter().filter_map(|truth| truth.lacking[node]).reduce(|a, b| a + b))
            .collect(),
    }
}

/// What the logs of all sites hold. A write is replaced if it is in every log that has it: of two that did not know of
/// each other, each stands last in one of them, and the resolver has the word.
fn remains<'a>(logs: impl Iterator<Item = &'a LogRemains>) -> LogRemains {
    let mut all = LogRemains::default();
    let mut last: BTreeSet<OpId> = BTreeSet::new();
    for log in logs {
        all.ops.extend(&log.ops);
        last.extend(log.ops.difference(&log.replaced));
    }
    all.replaced = all.ops.difference(&last).copied().collect();
    all
}

/// The nodes as the group of `site` sees them.
fn group<'a>(nodes: &[Option<&'a MultiLeader>], site: u16) -> Vec<Option<&'a PrimaryReplica>> {
    nodes.iter().map(|node| node.filter(|node| node.site == site).map(|node| &node.group)).collect()
}

/// Keys whose states differ between sites, and what each key holds once all states of it are merged.
fn compare(heads: &[Option<&PrimaryReplica>]) -> (usize, BTreeMap<Key, Vec<Data>>) {
    let mut merged: BTreeMap<Key, (SiteState, Resolver, usize)> = BTreeMap::new();
    let mut differing: BTreeSet<Key> = BTreeSet::new();
    for (key, Merged { state, resolver, .. }) in heads.iter().flatten().flat_map(|head| head.site_states()) {
        match merged.get_mut(&key) {
            None => drop(merged.insert(key, (state.clone(), *resolver, 1))),
            Some((held, _, holders)) => {
                *holders += 1;
                if held != state {
                    differing.insert(key);
                    held.merge(state, *resolver);
                }
            }
        }
    }
    let living = heads.iter().flatten().count();
    let lacking = merged.iter().filter(|(_, (.., holders))| *holders < living).map(|(key, _)| *key);
    differing.extend(lacking.collect::<Vec<_>>());
    let shown = |(key, (state, resolver, _)): (Key, (SiteState, Resolver, usize))| {
        let siblings = if resolver.keeps_losers() { state.siblings(resolver) } else { Vec::new() };
        let all: Vec<_> = match siblings.is_empty() {
            true => state.value(resolver).into_iter().collect(),
            false => siblings.into_iter().filter_map(|(value, _)| value).collect(),
        };
        (!all.is_empty()).then_some((key, all))
    };
    let values = merged.into_iter().filter_map(shown).collect();
    (differing.len(), values)
}
