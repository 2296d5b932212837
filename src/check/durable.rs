//! No acknowledged write is lost (replication.md 7.2; what counts as lost: decisions.md). The white box decides by the
//! fate of each write; beside it stands what clients themselves could tell ([`super::clients`]).

use super::clients;
use super::evidence::{Evidence, told};
use super::{Findings, Ruling};
use crate::base::ids::OpId;

pub(super) fn judge(findings: &Findings<'_>) -> Ruling {
    let acked = findings.fates.counts.total();
    if acked == 0 {
        return Ruling::unknown("no write was acknowledged");
    }
    let lost: Vec<OpId> = findings
        .fates
        .decided
        .iter()
        .filter(|decided| decided.fate.is_lost())
        .map(|decided| decided.op)
        .collect();
    let Some(&first) = lost.first() else { return Ruling::pass() };
    let seen = clients::lost(findings.ledger, findings.values);
    let fate = findings.fates.of(first).map_or("lost", |decided| decided.fate.word());
    let seen = match seen.len() {
        0 => "no last read could tell".to_owned(),
        count => format!("last reads tell of {count}"),
    };
    let first_told = told(first, findings.ledger, findings.names);
    let words = format!(
        "{} of {acked} acknowledged writes are gone ({seen}); the first: {first_told}, {fate}",
        lost.len()
    );
    let beaten_by = findings.ledger.get(first).and_then(|record| record.marks.beaten_by);
    Ruling::fail(Evidence::of(words, std::iter::once(first).chain(beaten_by)))
}
