//! Broken promises to sessions (Terry et al. 1994, as replication.md 7.4 counts them): a client that does not see what
//! it wrote itself, or sees less than it has seen before. Versions of a key are in a line, in a log and under
//! last-write-wins alike; where a store knows of causes, they are where it puts them.

use super::ledger::OpRecord;
use crate::base::ids::{ClientId, Key, OpId, Version};
use crate::base::operation::{Action, Found, Outcome, Success};
use crate::base::time::VirtualTime;
use crate::base::vector::{Event, Vector};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A read that showed its session too little.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breach {
    /// The operation that told the session more.
    pub owed: OpId,
    /// The read.
    pub read: OpId,
}

/// How often sessions were let down in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// Ok reads by sessions that knew a version of the key already.
    pub reads: u32,
    /// Of these, reads of something older than the session had written and been told so.
    pub own_writes: u32,
    /// Of these, reads of something older than the session had read.
    pub backwards: u32,
    /// The first of `own_writes`.
    pub first_own_write: Option<Breach>,
    /// The first of `backwards`.
    pub first_backwards: Option<Breach>,
}

/// What a session knows of a key, of one kind.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// The newest version, where versions are in a line, whether it is a delete, and who told.
    newest: Option<(Version, bool, OpId)>,
    /// The events, where the store knows of causes, and who told last.
    past: Vector,
    last: Option<OpId>,
}

/// What a session knows of a key.
#[derive(Clone, Debug, Default)]
struct Memory {
    written: Known,
    read: Known,
}

/// What an operation told its session of a key.
#[derive(Clone, Debug)]
enum Told {
    Version(Version, bool),
    Event(Event),
    Past(Arc<Vector>),
}

/// An operation that told its session something.
#[derive(Clone, Debug)]
pub struct Telling {
    /// The operation.
    pub op: OpId,
    /// When.
    pub at: VirtualTime,
    /// Whom, of which key.
    pub session: (ClientId, Key),
    /// Whether it was a write.
    pub is_write: bool,
    told: Told,
}

impl Known {
    /// Knows from now on what `telling` said.
    pub fn learn(&mut self, telling: &Telling) {
        match &telling.told {
            Told::Version(version, is_delete) => {
                let new = (*version, *is_delete, telling.op);
                if self.newest.is_none_or(|(newest, ..)| newest < *version) {
                    self.newest = Some(new);
                }
                return;
            }
            Told::Event(event) => self.past.raise(event.actor, event.number),
            Told::Past(seen) => self.past.merge(seen),
        }
        self.last = Some(telling.op);
    }

    /// Whether what a read found is older. Nothing is as good as a delete.
    pub fn is_newer_than(&self, found: Option<&Found>) -> bool {
        match found.map(|found| (found, &found.past)) {
            Some((_, Some(past))) => !past.seen.covers(&self.past),
            Some((found, None)) => self.newest.is_some_and(|(newest, ..)| found.version < newest),
            None => self.newest.is_some_and(|(_, is_delete, _)| !is_delete) || !self.past.is_empty(),
        }
    }

    /// Whether what another operation was told is older. Of a write under causes alone nothing can be said: it may have
    /// been made beside all that is known.
    pub fn is_newer_than_told(&self, other: &Telling) -> bool {
        match &other.told {
            Told::Version(version, _) => self.newest.is_some_and(|(newest, ..)| *version < newest),
            Told::Past(seen) => !seen.covers(&self.past),
            Told::Event(_) => false,
        }
    }

    /// The operation that told the newest of it.
    pub fn told_by(&self) -> Option<OpId> {
        self.newest.map(|(.., op)| op).or(self.last)
    }

    /// The breach if the read `read` found less.
    fn breach(&self, read: OpId, found: Option<&Found>) -> Option<Breach> {
        let owed = self.told_by().filter(|_| self.is_newer_than(found))?;
        Some(Breach { owed, read })
    }
}

/// What every session knows of every key, as far as it was told.
#[derive(Clone, Debug, Default)]
pub struct Sessions {
    memories: BTreeMap<(ClientId, Key), Memory>,
    /// Reads that were open when they were met, with what their session knew then.
    open: BTreeMap<OpId, Memory>,
    pub(super) broken: Broken,
}

impl Sessions {
    /// A session was told something.
    pub(super) fn learn(&mut self, telling: &Telling) {
        let memory = self.memories.entry(telling.session).or_default();
        let known = if telling.is_write { &mut memory.written } else { &mut memory.read };
        known.learn(telling);
    }

    /// An operation was called: it is judged now if it has ended.
    pub(super) fn judge(&mut self, op: OpId, record: &OpRecord) {
        if record.action != Action::Read {
            return;
        }
        let Some(memory) = self.memories.get(&(record.client, record.key)) else { return };
        if record.outcome == Outcome::Pending {
            self.open.insert(op, memory.clone());
        } else {
            self.broken.count(memory, op, record);
        }
    }

    /// An operation that was open has ended.
    pub(super) fn judge_late(&mut self, op: OpId, record: &OpRecord) {
        if let Some(memory) = self.open.remove(&op) {
            self.broken.count(&memory, op, record);
        }
    }
}

impl Broken {
    /// Counts a read, given what its session knew at its call.
    fn count(&mut self, memory: &Memory, read: OpId, record: &OpRecord) {
        let Outcome::Ok(Success::Found(found)) = &record.outcome else { return };
        self.reads += 1;
        let own_write = memory.written.breach(read, found.as_ref());
        let backwards = memory.read.breach(read, found.as_ref());
        self.own_writes += u32::from(own_write.is_some());
        self.backwards += u32::from(backwards.is_some());
        self.first_own_write = earlier(self.first_own_write, own_write);
        self.first_backwards = earlier(self.first_backwards, backwards);
    }
}

/// The breach whose read was called first.
fn earlier(one: Option<Breach>, other: Option<Breach>) -> Option<Breach> {
    [one, other].into_iter().flatten().min_by_key(|breach| breach.read)
}

/// What one operation told its session, if it succeeded and found something.
pub fn own_telling(op: OpId, record: &OpRecord) -> Option<Telling> {
    let Outcome::Ok(success) = &record.outcome else { return None };
    let (is_write, told) = match success {
        Success::Written(written) => (
            true,
            match &written.event {
                Some((event, _)) => Told::Event(*event),
                None => Told::Version(written.version, record.action.is_delete()),
            },
        ),
        Success::Found(found) => {
            let found = found.as_ref().filter(|_| record.action == Action::Read)?;
            let told = match &found.past {
                Some(past) => Told::Past(Arc::clone(&past.seen)),
                None => Told::Version(found.version, found.value.is_none()),
            };
            (false, told)
        }
    };
    Some(Telling { op, at: record.ended, session: (record.client, record.key), is_write, told })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::data::{Change, Data};
    use crate::base::ids::Value;
    use crate::cluster::ledger::{Ledger, Marks};
    use crate::cluster::measure::Window;
    use crate::cluster::promises::Promises;

    fn book(ledger: &mut Ledger, client: u16, asked: u64, told: u64, action: Action, version: u64) {
        let op = ledger.open(OpRecord {
            client: ClientId(client),
            sequence: 0,
            key: Key(1),
            action: action.clone(),
            scheduled: VirtualTime(asked),
            ended: VirtualTime::ZERO,
            outcome: Outcome::Pending,
            node: None,
            marks: Marks::default(),
            is_by_hand: false,
        });
        let version = Version(version);
        let found = Found { value: Some(Data::One(Value(1))), written_by: OpId(0), version, past: None };
        let success = match &action {
            Action::Read => Success::Found((version.0 > 0).then_some(found)),
            _ => Success::Written(version.into()),
        };
        ledger.close(op, VirtualTime(told), None, Outcome::Ok(success));
    }

    const WRITE: Action = Action::Change(Change::Write(Data::One(Value(1))));
    const DELETE: Action = Action::Change(Change::Delete);
    const WHOLE: Window = (VirtualTime::ZERO, VirtualTime::MAX);

    #[test]
    fn a_session_is_owed_what_it_was_told_before_it_asked() {
        let mut ledger = Ledger::default();
        book(&mut ledger, 0, 0, 10, WRITE, 5);
        book(&mut ledger, 0, 5, 8, Action::Read, 0);
        book(&mut ledger, 0, 20, 21, Action::Read, 4);
        book(&mut ledger, 1, 22, 23, Action::Read, 4);
        book(&mut ledger, 1, 30, 31, Action::Read, 3);
        let broken = Promises::of(&ledger, WHOLE).own;
        assert_eq!((broken.reads, broken.own_writes, broken.backwards), (2, 1, 1));
        assert_eq!(broken.first_own_write, Some(Breach { owed: OpId(0), read: OpId(2) }));
        assert_eq!(broken.first_backwards, Some(Breach { owed: OpId(3), read: OpId(4) }));
        let late = Promises::of(&ledger, (VirtualTime(25), VirtualTime::MAX)).own;
        assert_eq!((late.reads, late.own_writes, late.backwards), (1, 0, 1));
    }

    #[test]
    fn nothing_is_what_a_session_expects_after_its_delete() {
        let mut ledger = Ledger::default();
        book(&mut ledger, 0, 0, 10, DELETE, 5);
        book(&mut ledger, 0, 20, 21, Action::Read, 0);
        assert_eq!(Promises::of(&ledger, WHOLE).own, Broken { reads: 1, ..Broken::default() });
    }
}
