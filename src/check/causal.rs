//! What everybody is owed of a writer's past: monotonic writes and writes-follow-reads (Terry et al. 1994). Whoever
//! saw a write of a client must from then on see, of every key, what that client had written, and what it had read,
//! before it made that write.
//!
//! ```text
//! c1   ├ write a=1 ┤  ├ write b=2 ┤
//! c2                     ├ read b -> 2 ┤  ├ read a -> nothing ┤    a=1 is owed
//! ```

use super::evidence::{Evidence, told};
use super::{Findings, Ruling};
use crate::base::ids::{ClientId, Key, OpId};
use crate::base::operation::{Action, Found, Outcome, Success};
use crate::base::time::VirtualTime;
use crate::cluster::ledger::Ledger;
use crate::cluster::sessions::{Known, Telling, tellings};
use std::collections::BTreeMap;

/// A read that missed something of the past of a write which its reader had seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed {
    /// What it should have shown: the write, or the read that had shown it.
    pub owed: OpId,
    /// The write whose past that is.
    pub cause: OpId,
    /// The read by which the reader had seen it.
    pub through: OpId,
    /// The read that missed it.
    pub read: OpId,
}

/// Which part of a writer's past is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Past {
    /// What it had written.
    Writes,
    /// What it had read.
    Reads,
}

/// What came of looking.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    /// Reads that were owed something of others' past.
    pub reads: u32,
    /// Of these, those that missed it.
    pub missed: u32,
    /// The first of them.
    pub first: Option<Missed>,
}

pub(super) fn monotonic_writes(findings: &Findings<'_>) -> Ruling {
    ruling(findings, Past::Writes, "which the same client had written before")
}

pub(super) fn writes_follow_reads(findings: &Findings<'_>) -> Ruling {
    ruling(findings, Past::Reads, "which that client had read before")
}

fn ruling(findings: &Findings<'_>, past: Past, which: &str) -> Ruling {
    let owed = owed(findings.ledger, past);
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

/// What a session knew of a key from an instant on.
type Steps = Vec<(VirtualTime, Known)>;

/// Up to when a reader has seen the life of another session: the write it saw, and by which read.
#[derive(Clone, Copy)]
struct Seen {
    upto: VirtualTime,
    cause: OpId,
    through: OpId,
}

/// Judges every ok read against the past of what its session had seen before.
pub fn owed(ledger: &Ledger, past: Past) -> Owed {
    let tellings = tellings(ledger);
    let lives = lives(&tellings, past);
    let mut tellings = tellings.iter().peekable();
    let mut horizons: BTreeMap<ClientId, BTreeMap<ClientId, Seen>> = BTreeMap::new();
    let mut owed = Owed::default();
    for (read, record) in (0_u32..).map(OpId).zip(ledger.records()) {
        while let Some(telling) = tellings.next_if(|telling| telling.at < record.scheduled) {
            widen(&mut horizons, ledger, telling);
        }
        let (Action::Read, Outcome::Ok(Success::Found(found))) = (&record.action, &record.outcome) else {
            continue;
        };
        let Some(horizon) = horizons.get(&record.client) else { continue };
        let mut is_owed = false;
        let mut missed = None;
        for (writer, seen) in horizon.iter().filter(|(writer, _)| **writer != record.client) {
            let Some(known) = known_at(&lives, (*writer, record.key), seen.upto) else { continue };
            is_owed = true;
            if missed.is_none() && known.is_newer_than(found.as_ref()) {
                let Seen { cause, through, .. } = *seen;
                missed = known.told_by().map(|owed| Missed { owed, cause, through, read });
            }
        }
        owed.reads += u32::from(is_owed);
        owed.missed += u32::from(missed.is_some());
        owed.first = owed.first.or(missed);
    }
    owed
}

fn lives(tellings: &[Telling], past: Past) -> BTreeMap<(ClientId, Key), Steps> {
    let mut lives: BTreeMap<(ClientId, Key), Steps> = BTreeMap::new();
    for telling in tellings.iter().filter(|telling| telling.is_write == (past == Past::Writes)) {
        let steps = lives.entry(telling.session).or_default();
        let mut known = steps.last().map(|(_, known)| known.clone()).unwrap_or_default();
        known.learn(telling);
        steps.push((telling.at, known));
    }
    lives
}

fn known_at(
    lives: &BTreeMap<(ClientId, Key), Steps>,
    session: (ClientId, Key),
    upto: VirtualTime,
) -> Option<&Known> {
    let steps = lives.get(&session)?;
    let before = steps.partition_point(|(at, _)| *at < upto);
    before.checked_sub(1).map(|last| &steps[last].1)
}

/// A read showed its session writes of others: their past up to the call of each is owed from now on.
fn widen(horizons: &mut BTreeMap<ClientId, BTreeMap<ClientId, Seen>>, ledger: &Ledger, telling: &Telling) {
    let Some(Outcome::Ok(Success::Found(Some(found)))) = ledger.get(telling.op).map(|record| &record.outcome)
    else {
        return;
    };
    let horizon = horizons.entry(telling.session.0).or_default();
    for (_, cause) in Found::all(found) {
        let Some(write) = ledger.get(cause).filter(|record| record.action.is_write()) else { continue };
        let seen = Seen { upto: write.scheduled, cause, through: telling.op };
        let known = horizon.entry(write.client).or_insert(seen);
        if known.upto < seen.upto {
            *known = seen;
        }
    }
}
