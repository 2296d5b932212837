//! What is left at the end: equal copies, deletes that stayed deletes, siblings that are truly concurrent
//! (replication.md 7.6).

use super::evidence::{Evidence, told};
use super::{Findings, Ruling};
use crate::base::ids::OpId;
use crate::base::text::many;
use crate::cluster::ledger::OpRecord;

pub(super) fn converged(findings: &Findings<'_>) -> Ruling {
    use crate::base::metric::Metric;
    match findings.metrics.get(Metric::Converged) {
        Some(1.0) => Ruling::pass(),
        Some(_) => Ruling::fail(Evidence::words(match findings.keys_diverged {
            0 => "live replicas differ after the settle phase".to_owned(),
            keys => format!("live replicas differ in {} after the settle phase", many(keys, "key")),
        })),
        None => Ruling::unknown("it was not measured"),
    }
}

pub(super) fn no_resurrection(findings: &Findings<'_>) -> Ruling {
    let mut back = findings.ledger.resurrected();
    let Some((key, at)) = back.next() else {
        let is_delete = |record: &OpRecord| record.action.is_delete() && record.is_acked_write();
        return match findings.ledger.records().any(is_delete) {
            true => Ruling::pass(),
            false => Ruling::unknown("no delete was acknowledged"),
        };
    };
    let delete = findings.ledger.purged_delete(key);
    let keys = 1 + back.count();
    let by =
        delete.map_or(String::new(), |op| format!(" after {}", told(op, findings.ledger, findings.names)));
    let words = format!("{keys} deleted keys came back; the first: {} at {at}{by}", findings.names.key(key));
    let sighting = |(op, record): (OpId, &OpRecord)| {
        let is_it = record.key == key && record.ended >= at && !record.action.is_write() && record.is_ok();
        is_it.then_some(op)
    };
    let read = (0_u32..).map(OpId).zip(findings.ledger.records()).find_map(sighting);
    Ruling::fail(Evidence::of(words, delete.into_iter().chain(read)))
}

pub(super) fn no_false_siblings(findings: &Findings<'_>) -> Ruling {
    let evidence = findings.false_siblings.first().map(|&(op, later)| {
        let told = |op| told(op, findings.ledger, findings.names);
        let count = findings.false_siblings.len();
        let words = format!("{count} false siblings; the first: {} beside {}", told(op), told(later));
        Evidence::of(words, [op, later])
    });
    Ruling::of(evidence)
}
