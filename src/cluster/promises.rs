//! What sessions are promised, judged while a ledger grows or when it is done, by the same code: the guarantees of a
//! session's own past ([`super::sessions`]) and those of others' past ([`super::pasts`]).
//!
//! Operations are met in the order of their calls, each after everything that anybody had been told before it was
//! called. What was still open when it was met is judged at its end, by what its session knew at its call.

use super::ledger::{Ledger, OpRecord};
use super::measure::{WHOLE, Window};
use super::pasts::{Owed, Pasts};
use super::sessions::{Broken, Sessions, Telling, own_telling};
use crate::base::ids::OpId;
use crate::base::operation::Outcome;
use crate::base::time::VirtualTime;
use std::collections::{BTreeMap, BTreeSet};

/// How often the promises to sessions were broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Promises {
    /// Of what a session had written and read itself.
    pub own: Broken,
    /// Of what a writer had written before.
    pub writes: Owed,
    /// Of what a writer had read before.
    pub reads: Owed,
}

impl Promises {
    /// Judges every ok read of `window` against all that was told before it was asked.
    pub fn of(ledger: &Ledger, window: Window) -> Promises {
        let mut watch = PromiseWatch::default();
        watch.go(ledger, window);
        watch.promises()
    }
}

/// Judges a ledger that grows: every look costs what is new.
#[derive(Clone, Debug, Default)]
pub struct PromiseWatch {
    walk: Walk,
    sessions: Sessions,
    pasts: Pasts,
}

impl PromiseWatch {
    /// What is broken by now, given the ledger that was looked at before, which may have grown.
    pub fn look(&mut self, ledger: &Ledger) -> Promises {
        self.go(ledger, WHOLE);
        self.promises()
    }

    fn promises(&self) -> Promises {
        Promises { own: self.sessions.broken, writes: self.pasts.writes, reads: self.pasts.reads }
    }

    fn go(&mut self, ledger: &Ledger, window: Window) {
        let PromiseWatch { walk, sessions, pasts } = self;
        let is_inside = |record: &OpRecord| window.0 <= record.scheduled && record.scheduled < window.1;
        walk.go(ledger, &mut |met| match met {
            Met::Told(telling) => {
                sessions.learn(telling);
                pasts.learn(ledger, telling);
            }
            Met::Called(op, record) if is_inside(record) => {
                sessions.judge(op, record);
                pasts.judge(op, record);
            }
            Met::Ended(op, record) => {
                sessions.judge_late(op, record);
                pasts.judge_late(op, record);
            }
            Met::Called(..) => {}
        });
    }
}

/// Goes through a ledger as far as it reaches, and on from there when it has grown.
#[derive(Clone, Debug, Default)]
pub struct Walk {
    next: u32,
    /// What was told, but not before any operation that was met.
    told: BTreeMap<(VirtualTime, OpId), Telling>,
    /// What was open when it was met.
    open: BTreeSet<OpId>,
}

/// What a walk meets.
pub enum Met<'a> {
    /// Somebody was told something.
    Told(&'a Telling),
    /// An operation was called; it may be open still.
    Called(OpId, &'a OpRecord),
    /// An operation that was open when it was met has ended.
    Ended(OpId, &'a OpRecord),
}

impl Walk {
    /// Goes to the end of `ledger`.
    pub fn go(&mut self, ledger: &Ledger, meet: &mut dyn FnMut(Met<'_>)) {
        // Whoever was open ended after all that was met had been called: what it tells concerns later ones alone.
        let is_open = |op: &OpId| ledger.get(*op).is_none_or(|record| record.outcome == Outcome::Pending);
        let ended: Vec<OpId> = self.open.iter().copied().filter(|op| !is_open(op)).collect();
        for op in ended {
            self.open.remove(&op);
            if let Some(record) = ledger.get(op) {
                meet(Met::Ended(op, record));
                self.hear(op, record);
            }
        }
        let first = OpId(self.next);
        for (op, record) in (first.0..).map(OpId).zip(ledger.records_from(first)) {
            while let Some(earliest) = self.told.first_entry()
                && earliest.key().0 < record.scheduled
            {
                meet(Met::Told(&earliest.remove()));
            }
            meet(Met::Called(op, record));
            if record.outcome == Outcome::Pending {
                self.open.insert(op);
            }
            self.hear(op, record);
            self.next = op.0 + 1;
        }
    }

    fn hear(&mut self, op: OpId, record: &OpRecord) {
        if let Some(telling) = own_telling(op, record) {
            self.told.insert((telling.at, op), telling);
        }
    }
}
