//! Broken promises to sessions (Terry et al. 1994, as replication.md 7.4 counts them): a client that does not see what
//! it wrote itself, or sees less than it has seen before. Versions of a key are in a line, in a log and under
//! last-write-wins alike; where a store knows of causes, they are where it puts them.

use super::ledger::{Ledger, OpRecord};
use super::measure::Window;
use crate::base::ids::{ClientId, Key, Version};
use crate::base::operation::{Action, Found, Outcome, Success};
use crate::base::time::VirtualTime;
use crate::base::vector::{Event, Vector};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How often sessions were let down in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Broken {
    /// Ok reads by sessions that knew a version of the key already.
    pub reads: u32,
    /// Of these, reads of something older than the session had written and been told so.
    pub own_writes: u32,
    /// Of these, reads of something older than the session had read.
    pub backwards: u32,
}

/// What a session knows of a key, of one kind.
#[derive(Clone, Debug, Default)]
struct Known {
    /// The newest version, where versions are in a line, and whether it is a delete.
    newest: Option<(Version, bool)>,
    /// The events, where the store knows of causes.
    past: Vector,
}

/// What a session knows of a key.
#[derive(Clone, Debug, Default)]
struct Memory {
    written: Known,
    read: Known,
}

/// What an operation told its session of a key.
enum Told {
    Version(Version, bool),
    Event(Event),
    Past(Arc<Vector>),
}

/// An operation that told its session something.
struct Telling {
    at: VirtualTime,
    session: (ClientId, Key),
    is_write: bool,
    told: Told,
}

impl Known {
    fn learn(&mut self, told: Told) {
        match told {
            Told::Version(version, is_delete) => self.newest = self.newest.max(Some((version, is_delete))),
            Told::Event(event) => self.past.raise(event.actor, event.number),
            Told::Past(seen) => self.past.merge(&seen),
        }
    }

    /// Whether what a read found is older. Nothing is as good as a delete.
    fn is_newer_than(&self, found: Option<&Found>) -> bool {
        match found.map(|found| (found, &found.past)) {
            Some((_, Some(past))) => !past.seen.covers(&self.past),
            Some((found, None)) => self.newest.is_some_and(|(newest, _)| found.version < newest),
            None => self.newest.is_some_and(|(_, is_delete)| !is_delete) || !self.past.is_empty(),
        }
    }
}

impl Broken {
    /// Judges every ok read of `window` against all that its session had been told before it asked.
    pub fn of(ledger: &Ledger, window: Window) -> Broken {
        let mut tellings: Vec<Telling> = ledger.records().filter_map(telling).collect();
        tellings.sort_by_key(|telling| telling.at);
        let mut tellings = tellings.into_iter().peekable();
        let mut memories: BTreeMap<(ClientId, Key), Memory> = BTreeMap::new();
        let mut broken = Broken::default();
        for record in ledger.records() {
            while let Some(telling) = tellings.next_if(|telling| telling.at < record.scheduled) {
                let memory = memories.entry(telling.session).or_default();
                let known = if telling.is_write { &mut memory.written } else { &mut memory.read };
                known.learn(telling.told);
            }
            let is_inside = window.0 <= record.scheduled && record.scheduled < window.1;
            let Some(memory) = memories.get(&(record.client, record.key)).filter(|_| is_inside) else {
                continue;
            };
            if let (Action::Read, Outcome::Ok(Success::Found(found))) = (&record.action, &record.outcome) {
                broken.reads += 1;
                broken.own_writes += u32::from(memory.written.is_newer_than(found.as_ref()));
                broken.backwards += u32::from(memory.read.is_newer_than(found.as_ref()));
            }
        }
        broken
    }
}

fn telling(record: &OpRecord) -> Option<Telling> {
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
    Some(Telling { at: record.ended, session: (record.client, record.key), is_write, told })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::data::{Change, Data};
    use crate::base::ids::{OpId, Value};
    use crate::cluster::ledger::WriteFate;

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
            fate: WriteFate::default(),
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
        let broken = Broken::of(&ledger, WHOLE);
        assert_eq!(broken, Broken { reads: 2, own_writes: 1, backwards: 1 });
        let late = Broken::of(&ledger, (VirtualTime(25), VirtualTime::MAX));
        assert_eq!(late, Broken { reads: 1, own_writes: 0, backwards: 1 });
    }

    #[test]
    fn nothing_is_what_a_session_expects_after_its_delete() {
        let mut ledger = Ledger::default();
        book(&mut ledger, 0, 0, 10, DELETE, 5);
        book(&mut ledger, 0, 20, 21, Action::Read, 0);
        assert_eq!(Broken::of(&ledger, WHOLE), Broken { reads: 1, own_writes: 0, backwards: 0 });
    }
}
