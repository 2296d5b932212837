//! A group that is one of several sites: its log holds what its own clients write and what the other sites have
//! shipped, each entry with all that its key holds from then on. Which writes of which site are in is read off the log
//! alone, so that whoever takes over goes on where the log ends and applies nothing twice.
//!
//! Must not know: how sites reach each other (`protocol::multi_leader`).

use super::{Context, PrimaryReplica, Role};
use crate::base::chunks::Chunks;
use crate::protocol::kit::log::{Content, Entry, Merged, Write};
use crate::protocol::kit::sites::{Allocation, Author, Clash, Resolver, SiteState};
use std::sync::Arc;

/// What a group is told of the sites around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SiteRules {
    /// Its place in the list of sites.
    pub place: u16,
    /// Which of concurrent versions is shown.
    pub resolver: Resolver,
    /// Which ids it hands out.
    pub ids: Allocation,
}

/// A write on its way to another site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shipped {
    /// The write.
    pub write: Write,
    /// What its key held after it, as far as another site needs to know.
    pub state: SiteState,
}

/// The indexes of the writes of each site, in their order; they are dense, for a site takes the writes of another
/// without a gap.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Arrivals {
    by_site: Vec<Chunks<u64>>,
}

impl Arrivals {
    /// Takes a new entry into account.
    pub(super) fn note(&mut self, entry: &Entry, index: u64) {
        let Some(merged) = entry.merged() else { return };
        let place = usize::from(merged.site);
        if self.by_site.len() <= place {
            self.by_site.resize(place + 1, Chunks::default());
        }
        self.by_site[place].push(index);
    }

    /// Entries from `from` on are gone.
    pub(super) fn forget(&mut self, from: u64) {
        for indexes in &mut self.by_site {
            indexes.truncate(before(indexes, from));
        }
    }

    /// How many writes of `site` there are up to `index`.
    fn upto(&self, site: u16, index: u64) -> u64 {
        self.by_site.get(usize::from(site)).map_or(0, |indexes| before(indexes, index + 1) as u64)
    }

    /// The indexes of the writes of `site` after the first `after`, at most `count`.
    fn some(&self, site: u16, after: u64, count: u64) -> impl Iterator<Item = u64> {
        let indexes = self.by_site.get(usize::from(site)).into_iter();
        indexes.flat_map(move |indexes| indexes.iter_from(after as usize)).copied().take(count as usize)
    }
}

/// How many of the rising `indexes` lie before `limit`.
fn before(indexes: &Chunks<u64>, limit: u64) -> usize {
    let (mut low, mut high) = (0, indexes.len());
    while low < high {
        let middle = low.midpoint(high);
        match indexes.get(middle) {
            Some(&index) if index < limit => low = middle + 1,
            _ => high = middle,
        }
    }
    low
}

impl PrimaryReplica {
    /// Whether this node orders writes now, with nobody about to take its place.
    pub fn leads(&self) -> bool {
        matches!(&self.role, Role::Primary(reign) if !reign.is_fenced && reign.hand_over.is_none())
    }

    /// Whom this node believes to be primary.
    pub fn leader(&self) -> Option<crate::base::ids::NodeId> {
        self.primary
    }

    /// How many writes of `site` are in this log, and how many of them a majority of the group is known to have.
    pub fn site_positions(&self, site: u16) -> (u64, u64) {
        let arrivals = self.store.arrivals();
        (arrivals.upto(site, u64::MAX - 1), arrivals.upto(site, self.commit))
    }

    /// The write of `site` that is the `number`-th in this log, from 1.
    pub fn write_of(&self, site: u16, number: u64) -> Option<crate::base::ids::OpId> {
        let index = self.store.arrivals().some(site, number.checked_sub(1)?, 1).next()?;
        self.log().get(index)?.operation()
    }

    /// The committed writes of `site` after the first `after`, at most `count`, as another site needs them.
    pub fn shippable(&self, site: u16, after: u64, count: u64) -> Arc<[Shipped]> {
        let (_, committed) = self.site_positions(site);
        let count = committed.saturating_sub(after).min(count);
        let indexes = self.store.arrivals().some(site, after, count);
        let merged = indexes.filter_map(|index| self.log().get(index)?.merged());
        let shipped = |merged: &Arc<Merged>| Shipped {
            write: merged.write.clone(),
            state: merged.state.shipped(merged.write.op),
        };
        merged.map(shipped).collect()
    }

    /// What each key holds here with the past of every version, in the order of keys.
    pub fn site_states(&self) -> impl Iterator<Item = (crate::base::ids::Key, &Merged)> + '_ {
        self.store.states()
    }

    /// How many versions of `key` stand side by side in this log.
    pub fn siblings_of(&self, key: crate::base::ids::Key) -> usize {
        self.store.newest_state(key).map_or(0, SiteState::versions)
    }

    /// The node of these whose log counts.
    pub fn authority<'a>(nodes: &[Option<&'a PrimaryReplica>]) -> Option<&'a PrimaryReplica> {
        super::truth::authority(nodes)
    }

    /// The entry of a client's write: it has seen all that is in this log, committed or not.
    pub(super) fn merged(&self, cx: &Context<'_>, rules: &SiteRules, write: Write) -> Option<Content> {
        let stamp = u64::try_from(cx.wall.0).unwrap_or(0);
        let author = Author { op: write.op, site: rules.place, stamp, ids: rules.ids };
        let held = self.store.newest_state(write.key);
        let state = SiteState::put(held, &write.change, &author, rules.resolver)?;
        let merged = Merged { write, site: rules.place, state, resolver: rules.resolver };
        Some(Content::Merged(Arc::new(merged)))
    }

    /// Takes writes of another site, those after the first `after`, into the log, and leaves out what it has. Gives
    /// where they met writes that did not know of them, with the keys; `None` if some before them are missing here, or
    /// this node takes no writes now.
    pub fn take_shipped(
        &mut self,
        cx: &mut Context<'_>,
        site: u16,
        after: u64,
        shipped: &[Shipped],
    ) -> Option<Vec<(Write, Clash)>> {
        let (have, _) = self.site_positions(site);
        let rules = self.config.site.filter(|_| self.leads() && !cx.disk_full && after <= have)?;
        let mut clashes = Vec::new();
        let new = shipped.iter().skip((have - after) as usize);
        for Shipped { write, state } in new {
            let merged = match self.store.newest_state(write.key) {
                None => state.clone(),
                Some(held) => {
                    let mut merged = held.clone();
                    clashes.extend(
                        held.collisions(state, rules.resolver).into_iter().map(|c| (write.clone(), c)),
                    );
                    merged.merge(state, rules.resolver);
                    let met = merged.clashes(held, write.op, rules.resolver);
                    clashes.extend(met.into_iter().map(|clash| (write.clone(), clash)));
                    merged
                }
            };
            let merged = Merged { write: write.clone(), site, state: merged, resolver: rules.resolver };
            let content = Content::Merged(Arc::new(merged));
            self.append(cx, Entry { epoch: self.epoch, written_at: cx.now, content });
        }
        self.ship(cx);
        self.flush_entries(cx);
        self.acknowledge(cx);
        Some(clashes)
    }
}
