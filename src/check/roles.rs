//! Who leads: never two at once, and not another one every few seconds (replication.md 7.8).

use super::evidence::Evidence;
use super::{Findings, Ruling};
use crate::base::ids::{NodeId, OpId};
use crate::base::metric::Metric;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::tally::Stint;

/// Changes of primary within a minute that are still healthy (replication.md A17).
const HEALTHY: usize = 6;
const MINUTE: Span = Span::seconds(60);

pub(super) fn no_split_brain(findings: &Findings<'_>) -> Ruling {
    // A cluster without primaries has none to split.
    let split = findings.metrics.get(Metric::SplitBrainMs).unwrap_or(0.0);
    if split <= 0.0 {
        return Ruling::pass();
    }
    let Some((one, other)) = side_by_side(findings.stints) else {
        return Ruling::fail(Evidence::words(format!("two primaries acknowledged writes for {split} ms")));
    };
    let name = |stint: &Stint| format!("{} (term {})", findings.names.node(stint.node), stint.term);
    let words = format!("{} and {} both acknowledged writes, for {split} ms", name(one), name(other));
    let since = first_acked(one).max(first_acked(other));
    let acked = |node| acknowledged_by(findings, node, since);
    Ruling::fail(Evidence::of(words, acked(one.node).into_iter().chain(acked(other.node))))
}

fn first_acked(stint: &Stint) -> VirtualTime {
    stint.acked.map_or(VirtualTime::ZERO, |(first, _)| first)
}

/// The first two that stood between their first and last acknowledged write at the same time.
fn side_by_side(stints: &[Stint]) -> Option<(&Stint, &Stint)> {
    let overlap = |one: &Stint, other: &Stint| match (one.acked, other.acked) {
        (Some((begin, end)), Some((first, last))) => {
            one.partition == other.partition && begin.max(first) < end.min(last)
        }
        _ => false,
    };
    stints.iter().enumerate().find_map(|(place, other)| {
        stints[..place].iter().find(|one| overlap(one, other)).map(|one| (one, other))
    })
}

/// The first write that `node` acknowledged from `since` on.
fn acknowledged_by(findings: &Findings<'_>, node: NodeId, since: VirtualTime) -> Option<OpId> {
    let numbered = (0_u32..).map(OpId).zip(findings.ledger.records());
    let acked = numbered.filter(|(_, record)| record.is_acked_write() && record.node == Some(node));
    acked.filter(|(_, record)| record.ended >= since).map(|(op, _)| op).next()
}

pub(super) fn no_flapping(findings: &Findings<'_>) -> Ruling {
    let changes = findings.failovers;
    let within = |from: VirtualTime| changes.iter().filter(|&&at| from <= at && at < from + MINUTE).count();
    let worst = changes
        .iter()
        .map(|&from| (within(from), from))
        .max_by_key(|(count, from)| (*count, std::cmp::Reverse(*from)));
    let evidence = worst.filter(|(count, _)| *count > HEALTHY).map(|(count, from)| {
        Evidence::words(format!("{count} changes of primary within the minute from {from} on"))
    });
    Ruling::of(evidence)
}
