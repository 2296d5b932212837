//! What everybody is owed of a writer's past: monotonic writes and writes-follow-reads (Terry et al. 1994). Whoever
//! saw a write of a client must from then on see, of every key, what that client had written, and what it had read,
//! before it made that write.
//!
//! ```text
//! c1   ├ write a=1 ┤  ├ write b=2 ┤
//! c2                     ├ read b -> 2 ┤  ├ read a -> nothing ┤    a=1 is owed
//! ```

use super::ledger::{Ledger, OpRecord};
use super::sessions::{Known, Telling};
use crate::base::ids::{ClientId, Key, OpId};
use crate::base::operation::{Action, Found, Outcome, Success};
use crate::base::time::VirtualTime;
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

/// How often others' past was missed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    /// Reads that were owed something of others' past.
    pub reads: u32,
    /// Of these, those that missed it.
    pub missed: u32,
    /// The first of them.
    pub first: Option<Missed>,
}

/// What a session knew of a key from an instant on.
type Steps = Vec<(VirtualTime, Known)>;
type Lives = BTreeMap<(ClientId, Key), Steps>;

/// Up to when a reader has seen the life of another session: the write it saw, and by which read.
#[derive(Clone, Copy, Debug)]
struct Seen {
    upto: VirtualTime,
    cause: OpId,
    through: OpId,
}

/// Up to when a reader has seen the lives of the others.
type Horizon = BTreeMap<ClientId, Seen>;

/// Everybody's past, as far as it was told.
#[derive(Clone, Debug, Default)]
pub struct Pasts {
    written: Lives,
    read: Lives,
    horizons: BTreeMap<ClientId, Horizon>,
    /// Reads that were open when they were met, with what they were owed then.
    open: BTreeMap<OpId, Horizon>,
    /// Of what a writer had written before.
    pub(super) writes: Owed,
    /// Of what a writer had read before.
    pub(super) reads: Owed,
}

impl Pasts {
    /// A session was told something.
    pub(super) fn learn(&mut self, ledger: &Ledger, telling: &Telling) {
        let lives = if telling.is_write { &mut self.written } else { &mut self.read };
        let steps = lives.entry(telling.session).or_default();
        let mut known = steps.last().map(|(_, known)| known.clone()).unwrap_or_default();
        known.learn(telling);
        steps.push((telling.at, known));
        widen(&mut self.horizons, ledger, telling);
    }

    /// An operation was called: it is judged now if it has ended.
    pub(super) fn judge(&mut self, op: OpId, record: &OpRecord) {
        if record.action != Action::Read {
            return;
        }
        let Some(horizon) = self.horizons.get(&record.client) else { return };
        if record.outcome == Outcome::Pending {
            self.open.insert(op, horizon.clone());
            return;
        }
        count(&mut self.writes, &self.written, horizon, op, record);
        count(&mut self.reads, &self.read, horizon, op, record);
    }

    /// An operation that was open has ended.
    pub(super) fn judge_late(&mut self, op: OpId, record: &OpRecord) {
        if let Some(horizon) = self.open.remove(&op) {
            count(&mut self.writes, &self.written, &horizon, op, record);
            count(&mut self.reads, &self.read, &horizon, op, record);
        }
    }
}

/// Counts a read, if it was owed anything, by the `horizon` at its call.
fn count(owed: &mut Owed, lives: &Lives, horizon: &Horizon, read: OpId, record: &OpRecord) {
    let Outcome::Ok(Success::Found(found)) = &record.outcome else { return };
    let mut is_owed = false;
    let mut missed = None;
    for (writer, seen) in horizon.iter().filter(|(writer, _)| **writer != record.client) {
        let Some(known) = known_at(lives, (*writer, record.key), seen.upto) else { continue };
        is_owed = true;
        if missed.is_none() && known.is_newer_than(found.as_ref()) {
            let Seen { cause, through, .. } = *seen;
            missed = known.told_by().map(|owed| Missed { owed, cause, through, read });
        }
    }
    owed.reads += u32::from(is_owed);
    owed.missed += u32::from(missed.is_some());
    let is_first = |missed: &Missed| owed.first.is_none_or(|first| missed.read < first.read);
    owed.first = missed.filter(is_first).or(owed.first);
}

fn known_at(lives: &Lives, session: (ClientId, Key), upto: VirtualTime) -> Option<&Known> {
    let steps = lives.get(&session)?;
    let before = steps.partition_point(|(at, _)| *at < upto);
    before.checked_sub(1).map(|last| &steps[last].1)
}

/// A read showed its session writes of others: their past up to the call of each is owed from now on.
fn widen(horizons: &mut BTreeMap<ClientId, Horizon>, ledger: &Ledger, telling: &Telling) {
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
