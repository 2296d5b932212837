//! What the white box says where the black box finds no order: operations that stand, in the order of the store's own
//! versions, before something that somebody had been told before they began. Linearizability forbids it.

use crate::base::ids::Key;
use crate::cluster::ledger::Ledger;
use crate::cluster::promises::{Met, Walk};
use crate::cluster::sessions::{Breach, Known, own_telling};
use std::collections::BTreeMap;

/// Every read or acknowledged write that came too late in real time for its place in the order of versions, with what
/// had been told before.
pub fn out_of_order(ledger: &Ledger) -> Vec<Breach> {
    let mut known: BTreeMap<Key, Known> = BTreeMap::new();
    let mut late = Vec::new();
    Walk::default().go(ledger, &mut |met| match met {
        Met::Told(telling) => known.entry(telling.session.1).or_default().learn(telling),
        Met::Called(op, record) => {
            let Some(known) = known.get(&record.key) else { return };
            let is_late = match own_telling(op, record) {
                Some(own) => known.is_newer_than_told(&own),
                None => record.shows_nothing() && known.is_newer_than(None),
            };
            if let Some(owed) = known.told_by().filter(|_| is_late) {
                late.push(Breach { owed, read: op });
            }
        }
        Met::Ended(..) => {}
    });
    late
}
