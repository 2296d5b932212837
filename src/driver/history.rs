//! What clients asked and were told in a run, as a history that a black-box judge takes: no node's word for anything.
//!
//! A client of the load may have several operations under way; a process of a history does one thing at a time, and
//! never acts again after an operation whose outcome is unknown. So client 3 of 10 acts as process 3, and where that is
//! busy or gone as 13, 23, …, as Jepsen numbers them. A look at one replica (`read … here`) is no operation of the
//! store, and left out. Of events at one instant marks come first, then calls, then ends: operations that touch are
//! concurrent.

use crate::base::data::{Change, Data, Update};
use crate::base::ids::Value;
use crate::base::names::Names;
use crate::base::operation::{Action, Outcome, Success};
use crate::base::time::VirtualTime;
use crate::check::history::{
    self, Builder, Call, Datum, History, KeyId, Kind, OperationId, ProcessId, ValueId,
};
use crate::cluster::ledger::{Ledger, OpRecord};
use std::collections::{BTreeMap, BTreeSet};

/// The history of what `ledger` holds; `marks` are faults and the like, in order.
pub fn history(ledger: &Ledger, names: &Names, marks: &[(VirtualTime, String)]) -> History {
    let records: Vec<&OpRecord> =
        ledger.records().filter(|record| record.action != Action::ReadHere).collect();
    let clients = 1 + ledger.records().map(|record| u32::from(record.client.0)).max().unwrap_or(0);
    let mut scribe = Scribe { builder: Builder::new(Datum::Nil), names, processes: Processes::new(clients) };
    let mut events: Vec<(VirtualTime, Turn, usize)> = Vec::with_capacity(2 * records.len() + marks.len());
    events.extend(marks.iter().enumerate().map(|(place, (at, _))| (*at, Turn::Mark, place)));
    for (place, record) in records.iter().enumerate() {
        events.push((record.scheduled, Turn::Call, place));
        if record.outcome != Outcome::Pending {
            events.push((record.ended, Turn::End, place));
        }
    }
    events.sort_unstable();
    let mut open: Vec<Option<(OperationId, u32)>> = vec![None; records.len()];
    for (at, turn, place) in events {
        let at_ns = at.0.saturating_mul(1_000);
        match turn {
            Turn::Mark => scribe.builder.mark(at_ns, marks[place].1.clone()),
            Turn::Call => open[place] = Some(scribe.call(at_ns, records[place])),
            Turn::End => {
                if let Some((id, process)) = open[place].take() {
                    scribe.end(at_ns, records[place], id, process);
                }
            }
        }
    }
    scribe.builder.finish()
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    Mark,
    Call,
    End,
}

/// Gives clients the processes they act as.
struct Processes {
    clients: u32,
    /// Of each client, the numbers that are free again, and the next one never used.
    free: BTreeMap<u32, (BTreeSet<u32>, u32)>,
}

impl Processes {
    fn new(clients: u32) -> Processes {
        Processes { clients, free: BTreeMap::new() }
    }

    fn take(&mut self, client: u32) -> u32 {
        let (free, next) = self.free.entry(client).or_insert_with(|| (BTreeSet::new(), client));
        free.pop_first().unwrap_or_else(|| {
            let number = *next;
            *next += self.clients;
            number
        })
    }

    fn give_back(&mut self, process: u32) {
        if let Some((free, _)) = self.free.get_mut(&(process % self.clients)) {
            free.insert(process);
        }
    }
}

struct Scribe<'a> {
    builder: Builder,
    names: &'a Names,
    processes: Processes,
}

impl Scribe<'_> {
    fn call(&mut self, at_ns: u64, record: &OpRecord) -> (OperationId, u32) {
        let key = self.builder.key(&self.names.key(record.key));
        let call = match &record.action {
            Action::Change(Change::Write(data)) => Call::write(key, self.data(key, data)),
            Action::Change(Change::Delete) => Call::write(key, self.builder.value(key, Datum::Nil)),
            Action::Change(Change::Update(update)) => self.update(key, *update),
            Action::Read | Action::ReadHere | Action::Locate => Call::read(key),
        };
        let number = self.processes.take(u32::from(record.client.0));
        let process: ProcessId = self.builder.process(&number.to_string());
        (self.builder.invoke(at_ns, process, call), number)
    }

    fn update(&mut self, key: KeyId, update: Update) -> Call {
        match update {
            Update::Add(element) => Call::add(key, self.one(key, element)),
            Update::Remove(element) => Call { kind: Kind::Remove, ..Call::add(key, self.one(key, element)) },
            // Rows get their ids in the order of their insertion.
            Update::Append(element) | Update::Insert(element) => Call::append(key, self.one(key, element)),
            Update::Resolve(value) => Call::write(key, self.one(key, value)),
            Update::Increment(by) => Call::add(key, self.builder.value(key, Datum::Int(i64::from(by)))),
        }
    }

    fn end(&mut self, at_ns: u64, record: &OpRecord, id: OperationId, process: u32) {
        let key = self.builder.key(&self.names.key(record.key));
        let (outcome, read, error) = match &record.outcome {
            Outcome::Pending => return,
            Outcome::Ok(Success::Written(_)) => (history::Outcome::Ok, None, None),
            Outcome::Ok(Success::Found(found)) => {
                let all: Vec<Option<&Data>> =
                    found.iter().flat_map(|found| found.all().map(|(data, _)| data)).collect();
                let merged = found.as_ref().and_then(|found| found.value.as_ref());
                (history::Outcome::Ok, Some(self.shown(key, &all, merged)), None)
            }
            Outcome::Fail(why) => (history::Outcome::Fail, None, Some(why.word())),
            Outcome::Unknown(why) => (history::Outcome::Info, None, Some(why.word())),
        };
        if outcome != history::Outcome::Info {
            self.processes.give_back(process);
        }
        self.builder.end(at_ns, id, outcome, read);
        let node = record.node.map_or(0, |node| self.builder.text(&self.names.node(node)));
        let error = error.map_or(0, |error| self.builder.text(error));
        self.builder.label(id, node, error);
    }

    /// What a read showed: nothing, one thing, or siblings, which are a list unless they merge.
    fn shown(&mut self, key: KeyId, all: &[Option<&Data>], merged: Option<&Data>) -> ValueId {
        let values: Vec<&Data> = all.iter().copied().flatten().collect();
        match values[..] {
            [] => self.builder.value(key, Datum::Nil),
            [data] => self.data(key, data),
            [Data::One(_), ..] => {
                let parts: Vec<ValueId> = values.iter().map(|data| self.data(key, data)).collect();
                self.builder.value(key, Datum::List(parts.into()))
            }
            [first, ..] => self.data(key, merged.unwrap_or(first)),
        }
    }

    fn data(&mut self, key: KeyId, data: &Data) -> ValueId {
        match data {
            Data::One(value) => self.one(key, *value),
            Data::Count(count) => self.builder.value(key, Datum::Int(*count)),
            Data::Set(_) | Data::List(_) | Data::Rows(_) => {
                let elements = data.elements();
                let parts: Vec<ValueId> = elements.iter().map(|element| self.one(key, *element)).collect();
                self.builder.value(key, Datum::List(parts.into()))
            }
        }
    }

    fn one(&mut self, key: KeyId, value: Value) -> ValueId {
        self.builder.value(key, Datum::text(&self.names.value(value)))
    }
}
