//! Building a history, event by event, in order.

use super::datum::Datum;
use super::{
    History, KeyId, KeyRow, Kind, Mark, NEVER, Note, Operation, OperationId, Outcome, ProcessId, ValueId,
    ValueRow,
};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

/// What a process asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Of which key.
    pub key: KeyId,
    /// What to do.
    pub kind: Kind,
    /// What to write, swap in, add or append; [`ValueId::NONE`] for a read.
    pub value: ValueId,
    /// What a cas expects.
    pub expected: ValueId,
}

impl Call {
    /// A read.
    pub fn read(key: KeyId) -> Call {
        Call { key, kind: Kind::Read, value: ValueId::NONE, expected: ValueId::NONE }
    }

    /// A write.
    pub fn write(key: KeyId, value: ValueId) -> Call {
        Call { key, kind: Kind::Write, value, expected: ValueId::NONE }
    }

    /// A compare-and-set.
    pub fn cas(key: KeyId, expected: ValueId, value: ValueId) -> Call {
        Call { key, kind: Kind::Cas, value, expected }
    }

    /// An element put into a set, or a number counted by.
    pub fn add(key: KeyId, value: ValueId) -> Call {
        Call { key, kind: Kind::Add, value, expected: ValueId::NONE }
    }

    /// Something put at the end.
    pub fn append(key: KeyId, value: ValueId) -> Call {
        Call { key, kind: Kind::Append, value, expected: ValueId::NONE }
    }
}

/// Builds a [`History`]. Events must be told in their order.
pub struct Builder {
    history: History,
    initial: Datum,
    /// Of data by key, of names; looked up, never walked, so that no hash order can show.
    values: HashTable<ValueId>,
    keys: HashTable<KeyId>,
    processes: HashTable<ProcessId>,
    hasher: DefaultHashBuilder,
}

impl Builder {
    /// A history whose keys hold `initial` at the beginning.
    pub fn new(initial: Datum) -> Builder {
        Builder {
            history: History::default(),
            initial,
            values: HashTable::new(),
            keys: HashTable::new(),
            processes: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// The key called `name`.
    pub fn key(&mut self, name: &str) -> KeyId {
        let hash = self.hasher.hash_one(name);
        if let Some(known) = self.keys.find(hash, |key| self.history.keys[key.index()].name == name) {
            return *known;
        }
        let key = KeyId(dense(self.history.keys.len()));
        self.history.keys.push(KeyRow { name: name.to_owned(), initial: ValueId::NONE });
        let (rows, hasher) = (&self.history.keys, &self.hasher);
        self.keys.insert_unique(hash, key, |key| hasher.hash_one(rows[key.index()].name.as_str()));
        let initial = self.value(key, self.initial.clone());
        self.history.keys[key.index()].initial = initial;
        key
    }

    /// What `key` holds at the beginning.
    pub fn initial(&self, key: KeyId) -> ValueId {
        self.history.keys[key.index()].initial
    }

    /// The process called `name`.
    pub fn process(&mut self, name: &str) -> ProcessId {
        let hash = self.hasher.hash_one(name);
        let names = &self.history.processes;
        if let Some(known) = self.processes.find(hash, |process| names[process.0 as usize] == name) {
            return *known;
        }
        let process = ProcessId(dense(names.len()));
        self.history.processes.push(name.to_owned());
        let (rows, hasher) = (&self.history.processes, &self.hasher);
        self.processes
            .insert_unique(hash, process, |process| hasher.hash_one(rows[process.0 as usize].as_str()));
        process
    }

    /// The value of `key` that is `datum`.
    pub fn value(&mut self, key: KeyId, datum: Datum) -> ValueId {
        let hash = self.hasher.hash_one((key.0, &datum));
        let rows = &self.history.values;
        let is_it = |value: &ValueId| {
            let row = &rows[value.index()];
            row.key == key && row.datum == datum
        };
        if let Some(known) = self.values.find(hash, is_it) {
            return *known;
        }
        let value = ValueId(dense(rows.len()));
        self.history.values.push(ValueRow { key, datum });
        let (rows, hasher) = (&self.history.values, &self.hasher);
        self.values.insert_unique(hash, value, |value| {
            let row = &rows[value.index()];
            hasher.hash_one((row.key.0, &row.datum))
        });
        value
    }

    /// The label `text`, for [`Builder::label`]; there are few.
    pub fn text(&mut self, text: &str) -> u32 {
        let labels = &mut self.history.labels;
        let known = labels.iter().position(|label| label == text);
        let place = known.unwrap_or_else(|| {
            labels.push(text.to_owned());
            labels.len() - 1
        });
        dense(place) + 1
    }

    /// An operation is called at `at_ns`.
    pub fn invoke(&mut self, at_ns: u64, process: ProcessId, call: Call) -> OperationId {
        let id = OperationId(dense(self.history.operations.len()));
        let place = self.next();
        self.history.operations.push(Operation {
            process,
            key: call.key,
            call: place,
            end: NEVER,
            value: call.value,
            expected: call.expected,
            kind: call.kind,
            outcome: Outcome::Open,
        });
        self.history.notes.push(Note { called_ns: at_ns, ended_ns: at_ns, ..Note::default() });
        id
    }

    /// An operation ends at `at_ns`; `read` is what an answered read returned. A second end changes nothing.
    pub fn end(&mut self, at_ns: u64, id: OperationId, outcome: Outcome, read: Option<ValueId>) {
        if self.history.operations[id.index()].outcome != Outcome::Open || outcome == Outcome::Open {
            return;
        }
        let place = self.next();
        let (operation, note) =
            (&mut self.history.operations[id.index()], &mut self.history.notes[id.index()]);
        operation.outcome = outcome;
        if matches!(outcome, Outcome::Ok | Outcome::Fail) {
            operation.end = place;
        }
        if operation.is_answered_read() {
            operation.value = read.unwrap_or(self.history.keys[operation.key.index()].initial);
        }
        (note.ended_ns, note.end) = (at_ns, place);
    }

    /// Says which node answered an operation and what its error was, by labels; 0 for none.
    pub fn label(&mut self, id: OperationId, node: u32, error: u32) {
        let note = &mut self.history.notes[id.index()];
        (note.node, note.error) = (node, error);
    }

    /// Something that is no operation happened.
    pub fn mark(&mut self, at_ns: u64, text: String) {
        let place = self.next();
        self.history.marks.push(Mark { place, at_ns, text });
    }

    /// What was built so far.
    pub fn so_far(&self) -> &History {
        &self.history
    }

    /// The history.
    pub fn finish(self) -> History {
        self.history
    }

    fn next(&mut self) -> u32 {
        assert!(self.history.events < NEVER - 2, "a history holds fewer than 2^32 events");
        self.history.events += 1;
        self.history.events
    }
}

/// `index` as the number of a dense id.
fn dense(index: usize) -> u32 {
    u32::try_from(index).expect("a history holds fewer than 2^32 of anything")
}
