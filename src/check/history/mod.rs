//! A client history: what clients asked and what they were told, in one total order. All that a black-box judge may
//! know; no node, no log, no message.
//!
//! # What an outcome says
//!
//! | outcome | a write, cas, add or append | a read |
//! |---|---|---|
//! | [`Outcome::Ok`] | took effect once, at an instant between its call and its end | saw this, at such an instant |
//! | [`Outcome::Fail`] | did not happen, nor ever will | says nothing |
//! | [`Outcome::Info`] | may take effect once, at any instant after its call, however late, or never | says nothing |
//! | [`Outcome::Open`] | the history ends before it does: as `Info` | says nothing |
//!
//! Nothing else is concluded from a failure, with one exception that the caller may choose: a failed compare-and-set
//! can be an *answer*, "the value then differed from the expected one" (see [`super::linear::Options::failed_cas`]).
//!
//! # Shape
//!
//! Keys, processes and values are interned to dense ids while the history is built, so that judges work on arrays. A
//! [`ValueId`] belongs to one key: equal data under two keys have two ids. Events are numbered from 1; no two share a
//! number. Whoever builds a history decides ties: of events at one instant, calls come before ends, since two
//! operations that touch are concurrent.
//!
//! ```
//! use splitbrain::check::history::{Builder, Call, Datum, Outcome};
//! use splitbrain::check::linear::{Budget, linearizable};
//!
//! let mut builder = Builder::new(Datum::Nil);
//! let (x, process) = (builder.key("x"), builder.process("0"));
//! let one = builder.value(x, Datum::Int(1));
//! let write = builder.invoke(10, process, Call::write(x, one));
//! builder.end(20, write, Outcome::Ok, None);
//! let read = builder.invoke(30, process, Call::read(x));
//! let nothing = builder.initial(x);
//! builder.end(40, read, Outcome::Ok, Some(nothing));
//! let (verdict, witness) = linearizable(&builder.finish(), Budget::default());
//! assert_eq!(verdict.word(), "fail");
//! assert_eq!(witness.map(|witness| witness.operations.len()), Some(2), "the write, and the read that missed it");
//! ```

mod build;
mod datum;

pub use build::{Builder, Call};
pub use datum::Datum;

/// The place of an end that never came.
pub const NEVER: u32 = u32::MAX;

/// A key, by its place among the keys of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub u32);

/// A value of one key, by its place among the values of a history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub u32);

/// A process: does one thing at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProcessId(pub u32);

/// An operation, by its place in the order of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct OperationId(pub u32);

impl KeyId {
    /// Its place in dense tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl ValueId {
    /// No value.
    pub const NONE: ValueId = ValueId(u32::MAX);

    /// Its place in dense tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl OperationId {
    /// Its place in dense tables.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Tells what the key holds.
    Read,
    /// Replaces what the key holds.
    Write,
    /// Replaces it if it is the expected value.
    Cas,
    /// Puts an element into a set, or counts by a number.
    Add,
    /// Puts something at the end of a list or a text.
    Append,
    /// Takes an element out of a set.
    Remove,
}

impl Kind {
    /// The word in files and pictures.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Read => "read",
            Kind::Write => "write",
            Kind::Cas => "cas",
            Kind::Add => "add",
            Kind::Append => "append",
            Kind::Remove => "remove",
        }
    }
}

/// How an operation ended; what each says stands in the table of this module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// It happened.
    Ok,
    /// It did not happen.
    Fail,
    /// Nobody knows.
    Info,
    /// It had not ended when the history did.
    Open,
}

impl Outcome {
    /// The word in files.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Ok => "ok",
            Outcome::Fail => "fail",
            Outcome::Info | Outcome::Open => "info",
        }
    }
}

/// One operation. Small on purpose: judging a million of them is one pass over this array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who asked.
    pub process: ProcessId,
    /// Of which key.
    pub key: KeyId,
    /// The place of its call among all events, from 1.
    pub call: u32,
    /// The place of its end; [`NEVER`] if it has none, or an end that says nothing of when it took effect (`Info`).
    pub end: u32,
    /// What was written, swapped in, added or appended; what a read returned; else [`ValueId::NONE`].
    pub value: ValueId,
    /// What a cas expected; else [`ValueId::NONE`].
    pub expected: ValueId,
    /// What it does.
    pub kind: Kind,
    /// How it ended.
    pub outcome: Outcome,
}

impl Operation {
    /// A read that was answered.
    pub fn is_answered_read(&self) -> bool {
        self.kind == Kind::Read && self.outcome == Outcome::Ok
    }

    /// Something that may have changed the key.
    pub fn may_have_effect(&self) -> bool {
        self.kind != Kind::Read && self.outcome != Outcome::Fail
    }
}

/// What no judge needs of an operation, but people and other tools do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Note {
    /// The instant of its call, in nanoseconds.
    pub called_ns: u64,
    /// The instant of its end; equal to the call's where there is none.
    pub ended_ns: u64,
    /// Its node and its error, as places among [`History::labels`], from 1; 0 for none.
    pub node: u32,
    /// See `node`.
    pub error: u32,
    /// The place of an end whatever it says; 0 if it never ended.
    pub end: u32,
}

/// Something that is no operation, a fault for instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Its place among all events.
    pub place: u32,
    /// When, in nanoseconds.
    pub at_ns: u64,
    /// What.
    pub text: String,
}

/// A key of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Its name.
    pub name: String,
    /// What it holds at the beginning.
    pub initial: ValueId,
}

/// A value of a history.
#[derive(Clone, Debug, PartialEq)]
pub struct ValueRow {
    /// Whose value it is.
    pub key: KeyId,
    /// What it is.
    pub datum: Datum,
}

/// What clients asked and were told. See the module for what its parts mean.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// The operations in the order of their calls.
    pub operations: Vec<Operation>,
    /// One per operation.
    pub notes: Vec<Note>,
    /// The keys.
    pub keys: Vec<KeyRow>,
    /// The values of all keys.
    pub values: Vec<ValueRow>,
    /// The names of the processes.
    pub processes: Vec<String>,
    /// What is no operation, in order.
    pub marks: Vec<Mark>,
    /// Names of nodes and words for errors.
    pub labels: Vec<String>,
    /// How many events there are; the greatest place.
    pub events: u32,
}

/// One event of a history, for those who walk it in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// An operation was called.
    Call(OperationId),
    /// It ended.
    End(OperationId),
    /// Something that is no operation.
    Mark(&'a Mark),
}

impl History {
    /// Every event in order.
    pub fn in_order(&self) -> Vec<Event<'_>> {
        let mut events: Vec<Option<Event<'_>>> = vec![None; self.events as usize + 1];
        for (id, (operation, note)) in (0..).map(OperationId).zip(self.operations.iter().zip(&self.notes)) {
            events[operation.call as usize] = Some(Event::Call(id));
            if note.end != 0 {
                events[note.end as usize] = Some(Event::End(id));
            }
        }
        for mark in &self.marks {
            events[mark.place as usize] = Some(Event::Mark(mark));
        }
        events.into_iter().flatten().collect()
    }

    /// The data called `value`; nil for [`ValueId::NONE`].
    pub fn datum(&self, value: ValueId) -> &Datum {
        self.values.get(value.index()).map_or(&Datum::Nil, |row| &row.datum)
    }

    /// A value in words, lists element by element.
    pub fn words(&self, value: ValueId) -> String {
        match self.datum(value) {
            Datum::List(elements) => {
                let elements: Vec<String> = elements.iter().map(|&element| self.words(element)).collect();
                format!("[{}]", elements.join(" "))
            }
            other => other.to_string(),
        }
    }

    /// The label at a place that a [`Note`] gives.
    pub fn label(&self, place: u32) -> Option<&str> {
        self.labels.get((place as usize).checked_sub(1)?).map(String::as_str)
    }

    /// The operations of each key, in the order of their calls.
    pub fn by_key(&self) -> Vec<Vec<OperationId>> {
        let mut split = vec![Vec::new(); self.keys.len()];
        for (id, operation) in (0..).map(OperationId).zip(&self.operations) {
            split[operation.key.index()].push(id);
        }
        split
    }
}
