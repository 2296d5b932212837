//! What everybody is owed of a writer's past: monotonic writes and writes-follow-reads (`cluster::pasts`).

use super::evidence::{Evidence, told};
use super::{Findings, Ruling};
use crate::cluster::pasts::Owed;

pub(super) fn monotonic_writes(findings: &Findings<'_>) -> Ruling {
    ruling(findings, findings.promises.writes, "which the same client had written before")
}

pub(super) fn writes_follow_reads(findings: &Findings<'_>) -> Ruling {
    ruling(findings, findings.promises.reads, "which that client had read before")
}

fn ruling(findings: &Findings<'_>, owed: Owed, which: &str) -> Ruling {
    if owed.reads == 0 {
        return Ruling::unknown("nobody who saw a client's write then read what that client knew");
    }
    let evidence = owed.first.map(|first| {
        let told = |op| told(op, findings.ledger, findings.names);
        let words = format!(
            "{} of {} reads missed it; the first: {}, whose session had seen {} and so was owed {}, {which}",
            owed.missed,
            owed.reads,
            told(first.read),
            told(first.cause),
            told(first.owed)
        );
        Evidence::of(words, [first.owed, first.cause, first.through, first.read])
    });
    Ruling::of(evidence)
}
