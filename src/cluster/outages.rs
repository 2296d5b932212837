//! Outages as clients live them (replication.md 7.8): stretches of 100 ms in which fewer than half of the operations
//! scheduled succeeded within a second. Of a stretch without operations nothing is concluded.

use super::ledger::Ledger;
use super::measure::Window;
use crate::base::ids::OpId;
use crate::base::operation::Outcome;
use crate::base::time::{Span, VirtualTime};

/// The length of a stretch.
const BUCKET: Span = Span::millis(100);
/// An operation is served if it succeeds within this.
const SERVED_WITHIN: Span = Span::seconds(1);

/// Buckets in a row that were out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The beginning of the first.
    pub from: VirtualTime,
    /// The end of the last.
    pub to: VirtualTime,
    /// An operation of it that was not served.
    pub first: OpId,
}

#[derive(Clone, Copy, Default)]
struct Bucket {
    scheduled: u32,
    served: u32,
    missed: Option<OpId>,
}

/// The outages of a run, in order. Operations still open are not judged.
pub fn outages(ledger: &Ledger) -> Vec<Outage> {
    let mut buckets: Vec<Bucket> = Vec::new();
    for (op, record) in (0_u32..).map(OpId).zip(ledger.records()) {
        if record.outcome == Outcome::Pending {
            continue;
        }
        let place = (record.scheduled.0 / BUCKET.0) as usize;
        if buckets.len() <= place {
            buckets.resize(place + 1, Bucket::default());
        }
        let bucket = &mut buckets[place];
        let is_served = record.is_ok() && record.latency() <= SERVED_WITHIN;
        bucket.scheduled += 1;
        bucket.served += u32::from(is_served);
        if !is_served {
            bucket.missed.get_or_insert(op);
        }
    }
    let mut outages: Vec<Outage> = Vec::new();
    let mut is_out = false;
    for (place, bucket) in (0_u64..).zip(&buckets).filter(|(_, bucket)| bucket.scheduled > 0) {
        let (from, to) = (VirtualTime(place * BUCKET.0), VirtualTime((place + 1) * BUCKET.0));
        let was_out = std::mem::replace(&mut is_out, bucket.served * 2 < bucket.scheduled);
        match (was_out, is_out, bucket.missed, outages.last_mut()) {
            (true, true, _, Some(outage)) => outage.to = to,
            (false, true, Some(first), _) => outages.push(Outage { from, to, first }),
            _ => {}
        }
    }
    outages
}

/// The longest of them within `window`; nothing if nothing was asked in it that is over.
pub fn longest(outages: &[Outage], window: Window) -> Span {
    let inside = |outage: &Outage| outage.to.min(window.1).since(outage.from.max(window.0));
    outages.iter().map(inside).max().unwrap_or(Span::ZERO)
}
