//! Who acknowledges writes, and how many do so side by side.

use super::ledger::OpRecord;
use crate::base::time::{Span, VirtualTime};
use std::collections::BTreeMap;

/// Acknowledgements closer than this count as "at once".
pub const AT_ONCE: Span = Span::millis(500);

/// When which node acknowledged a write, in order.
fn acks(records: &[&OpRecord]) -> Vec<(VirtualTime, usize)> {
    let acked = records.iter().filter(|record| record.is_acked_write());
    let mut acks: Vec<(VirtualTime, usize)> =
        acked.filter_map(|record| Some((record.ended, record.node?.index()))).collect();
    acks.sort_unstable();
    acks
}

/// The most nodes that acknowledged writes within the same half second.
pub fn most_at_once(records: &[&OpRecord]) -> usize {
    let acks = acks(records);
    let mut within: BTreeMap<usize, usize> = BTreeMap::new();
    let (mut oldest, mut most) = (0, 0);
    for &(at, node) in &acks {
        *within.entry(node).or_default() += 1;
        while at.since(acks[oldest].0) >= AT_ONCE {
            let leaving = acks[oldest].1;
            if let Some(count) = within.get_mut(&leaving) {
                *count -= 1;
                if *count == 0 {
                    within.remove(&leaving);
                }
            }
            oldest += 1;
        }
        most = most.max(within.len());
    }
    most
}

/// How many nodes had acknowledged a write within the last half second, on average from `from` to `to`.
pub fn mean_at_once(records: &[&OpRecord], from: VirtualTime, to: VirtualTime) -> Option<f64> {
    let (acks, length) = (acks(records), to.since(from).0);
    if acks.is_empty() || length == 0 {
        return None;
    }
    let mut covered_until: BTreeMap<usize, VirtualTime> = BTreeMap::new();
    let mut total = 0;
    for (at, node) in acks {
        let until = covered_until.entry(node).or_insert(from);
        let (begin, end) = (at.max(*until).max(from), (at + AT_ONCE).min(to));
        total += end.since(begin).0;
        *until = end.max(*until);
    }
    Some(total as f64 / length as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{ClientId, Key, NodeId, Value, Version};
    use crate::base::operation::{Action, Outcome, Success};
    use crate::cluster::ledger::Marks;

    fn ack(millis: u64, node: u16) -> OpRecord {
        OpRecord {
            client: ClientId(0),
            sequence: 0,
            key: Key(1),
            action: Action::write(Value(0)),
            scheduled: VirtualTime(millis * 1_000),
            ended: VirtualTime(millis * 1_000),
            outcome: Outcome::Ok(Success::Written(Version(0).into())),
            node: Some(NodeId(node)),
            marks: Marks::default(),
            is_by_hand: false,
        }
    }

    fn both(acks: &[(u64, u16)]) -> (usize, Option<f64>) {
        let records: Vec<OpRecord> = acks.iter().map(|&(millis, node)| ack(millis, node)).collect();
        let records: Vec<&OpRecord> = records.iter().collect();
        (most_at_once(&records), mean_at_once(&records, VirtualTime::ZERO, VirtualTime(2_000_000)))
    }

    #[test]
    fn each_acknowledgement_counts_its_node_for_half_a_second() {
        assert_eq!(both(&[(0, 0), (100, 0), (1_000, 0)]), (1, Some((600.0 + 500.0) / 2_000.0)));
        assert_eq!(both(&[(0, 0), (400, 1), (1_800, 1)]), (2, Some((500.0 + 500.0 + 200.0) / 2_000.0)));
        assert_eq!(both(&[(0, 0), (500, 1)]).0, 1, "half a second apart is not at once");
        assert_eq!(both(&[]), (0, None));
    }
}
