//! No outage as clients live them (replication.md 7.8).

use super::evidence::Evidence;
use super::{Findings, Ruling};
use crate::base::time::Span;
use crate::cluster::outages::outages;

pub(super) fn judge(findings: &Findings<'_>) -> Ruling {
    let outages = outages(findings.ledger);
    let (Some(first), count) = (outages.first(), outages.len() as u64) else {
        return match findings.ledger.records_len() {
            0 => Ruling::unknown("nothing was asked"),
            _ => Ruling::pass(),
        };
    };
    let total: u64 = outages.iter().map(|outage| outage.to.since(outage.from).0).sum();
    let longest = outages.iter().map(|outage| outage.to.since(outage.from)).max().unwrap_or(Span::ZERO);
    let words = format!(
        "{count} outage{}, {:.0} ms to recover on average, {:.0} ms the longest; the first from {} to {}",
        if count == 1 { "" } else { "s" },
        Span(total / count).as_millis(),
        longest.as_millis(),
        first.from,
        first.to
    );
    Ruling::fail(Evidence::of(words, [first.first]))
}
