//! What the white box says where the black box finds no order. Either operations stand, in the order of the store's own
//! versions, before something that somebody had been told before they began; or, where the store knows of causes, reads
//! showed two branches of a key. Linearizability forbids both.

use crate::base::ids::{Key, OpId};
use crate::base::operation::{Action, Outcome, Success};
use crate::base::vector::Vector;
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

/// Pairs of reads of a key of which neither showed all that the other showed, as the store's own vectors tell: one pair
/// of each key that has any.
pub fn parted(ledger: &Ledger) -> Vec<(OpId, OpId)> {
    let mut shown: BTreeMap<Key, Vec<(OpId, &Vector)>> = BTreeMap::new();
    for (op, record) in (0_u32..).map(OpId).zip(ledger.records()) {
        if let (Action::Read, Outcome::Ok(Success::Found(Some(found)))) = (&record.action, &record.outcome)
            && let Some(past) = &found.past
        {
            let seen: &Vector = &past.seen;
            shown.entry(record.key).or_default().push((op, seen));
        }
    }
    let pair = |reads: &mut Vec<(OpId, &Vector)>| {
        // In a line, each covers all that are smaller.
        reads.sort_by_key(|(_, seen)| seen.total());
        let parts = |two: &&[(OpId, &Vector)]| !two[1].1.covers(two[0].1);
        reads.windows(2).find(parts).map(|two| (two[0].0, two[1].0))
    };
    shown.values_mut().filter_map(pair).collect()
}
