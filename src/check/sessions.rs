//! What a session is owed of its own past: read-your-writes and monotonic reads (Terry et al. 1994), over the order
//! that the store itself gives to versions.

use super::evidence::{Evidence, told};
use super::{Findings, Ruling};
use crate::cluster::sessions::Breach;

pub(super) fn read_your_writes(findings: &Findings<'_>) -> Ruling {
    let broken = findings.promises.own;
    let (count, first) = (broken.own_writes, broken.first_own_write);
    ruling(findings, broken.reads, count, first, "missed what their own session had written")
}

pub(super) fn monotonic_reads(findings: &Findings<'_>) -> Ruling {
    let broken = findings.promises.own;
    let (count, first) = (broken.backwards, broken.first_backwards);
    ruling(findings, broken.reads, count, first, "showed less than their session had seen before")
}

fn ruling(findings: &Findings<'_>, reads: u32, count: u32, first: Option<Breach>, what: &str) -> Ruling {
    if reads == 0 {
        return Ruling::unknown("no session read a key that it knew");
    }
    let evidence = first.map(|Breach { owed, read }| {
        let told = |op| told(op, findings.ledger, findings.names);
        let words = format!(
            "{count} of {reads} reads {what}; the first: {}, although its session knew {}",
            told(read),
            told(owed)
        );
        Evidence::of(words, [owed, read])
    });
    Ruling::of(evidence)
}
