//! Whether a run that goes on is linearizable so far: [`super::linearizable`] without beginning again and again.
//!
//! Keys whose values are written once each are swept event by event ([`super::linear::live`]). Keys that need a search
//! are searched when a quarter more has been asked of them than last time, or when somebody wants to know for certain;
//! what has no order stays so, whatever comes.

use super::Verdict;
use super::history::{KeyId, Kind, NEVER, Operation, Outcome as End, ProcessId, ValueId};
use super::linear::live::{Live, Standing};
use super::linearizable::{Client, Order, is_answered_read, is_operation, is_unfit};
use crate::base::data::{Change, Data, Update};
use crate::base::ids::{Key, OpId, Value};
use crate::base::names::Names;
use crate::base::operation::{Action, Found, Outcome, Success};
use crate::base::time::VirtualTime;
use crate::cluster::ledger::{Ledger, OpRecord};
use std::collections::{BTreeMap, BTreeSet};

/// Judges a ledger that grows.
#[derive(Clone, Debug, Default)]
pub struct OrderWatch {
    swept: Live,
    rows: BTreeMap<Key, Row>,
    values: BTreeMap<(Key, Value), ValueId>,
    values_known: u32,
    /// The first operation whose call has not been told.
    next: u32,
    /// What was called and has not ended.
    open: BTreeMap<OpId, Operation>,
    place: u32,
    has_reads: bool,
    /// Operations on keys that are searched, now and when they were searched last.
    asked: usize,
    searched_at: usize,
    why: Option<String>,
    /// A key without an order, with the reason and the operations that show it.
    shown: Option<(Key, (String, Vec<OpId>))>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    id: KeyId,
    initial: ValueId,
    asked: usize,
    way: Way,
}

/// How a key is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Swept,
    /// What came of the last search.
    Searched(Verdict),
    LeftOut,
}

impl OrderWatch {
    /// What can be said of everything before `now`, given the ledger that was looked at before, which may have grown.
    /// With `is_certain` no key that needs a search is judged by an older one.
    pub fn look(&mut self, ledger: &Ledger, names: &Names, now: VirtualTime, is_certain: bool) -> Order {
        for (at, is_end, op) in self.events(ledger, now) {
            let Some(record) = ledger.get(op) else { continue };
            self.place += 1;
            match is_end {
                false => self.call(op, record),
                true => self.end(op, record),
            }
            debug_assert!(at < now);
        }
        let is_due = self.asked * 4 > self.searched_at * 5 || (is_certain && self.asked > self.searched_at);
        if is_due {
            self.search(ledger, names);
        }
        self.order(ledger, names)
    }

    /// Calls and ends that have not been told, in order; of one instant calls come first.
    fn events(&mut self, ledger: &Ledger, now: VirtualTime) -> Vec<(VirtualTime, bool, OpId)> {
        let has_ended = |record: &OpRecord| record.outcome != Outcome::Pending && record.ended < now;
        let mut events: Vec<(VirtualTime, bool, OpId)> = Vec::new();
        for op in self.open.keys() {
            if let Some(record) = ledger.get(*op).filter(|record| has_ended(record)) {
                events.push((record.ended, true, *op));
            }
        }
        let first = self.next;
        for (op, record) in (first..).map(OpId).zip(ledger.records_from(OpId(first))) {
            if record.scheduled >= now {
                break;
            }
            self.next = op.0 + 1;
            if is_operation(record) {
                events.push((record.scheduled, false, op));
                if has_ended(record) {
                    events.push((record.ended, true, op));
                }
            }
        }
        events.sort_unstable();
        events
    }

    fn call(&mut self, op: OpId, record: &OpRecord) {
        let row = self.row(record.key);
        let (kind, value) = match &record.action {
            Action::Read | Action::ReadHere | Action::Locate => (Kind::Read, ValueId::NONE),
            Action::Change(Change::Write(Data::One(value)) | Change::Update(Update::Resolve(value))) => {
                (Kind::Write, self.value(record.key, *value))
            }
            Action::Change(Change::Delete) => (Kind::Write, row.initial),
            // Whatever it is, it is no write of one value.
            Action::Change(_) => (Kind::Add, ValueId::NONE),
        };
        let operation = Operation {
            process: ProcessId(0),
            key: row.id,
            call: self.place,
            end: NEVER,
            value,
            expected: ValueId::NONE,
            kind,
            outcome: End::Open,
        };
        self.swept.called(&operation);
        self.open.insert(op, operation);
        self.count(record);
    }

    fn end(&mut self, op: OpId, record: &OpRecord) {
        let Some(mut operation) = self.open.remove(&op) else { return };
        let row = self.row(record.key);
        self.has_reads |= is_answered_read(record);
        (operation.end, operation.outcome) = match record.outcome {
            Outcome::Ok(_) => (self.place, End::Ok),
            Outcome::Fail(_) => (self.place, End::Fail),
            Outcome::Unknown(_) | Outcome::Pending => (NEVER, End::Info),
        };
        if let Outcome::Ok(Success::Found(found)) = &record.outcome {
            match found.as_ref().map(|found: &Found| found.value.as_ref()) {
                None | Some(None) => operation.value = row.initial,
                Some(Some(Data::One(value))) => operation.value = self.value(record.key, *value),
                // No register shows such a thing.
                Some(Some(_)) => {
                    self.swept.give_up(row.id);
                    return self.settle(record);
                }
            }
        }
        self.swept.ended(&operation);
        self.settle(record);
    }

    /// Counts an operation that was called, and settles how its key is judged.
    fn count(&mut self, record: &OpRecord) {
        let row = self.rows.entry(record.key).and_modify(|row| row.asked += 1);
        if let std::collections::btree_map::Entry::Occupied(row) = row
            && matches!(row.get().way, Way::Searched(_))
        {
            self.asked += 1;
        }
        self.settle(record);
    }

    fn settle(&mut self, record: &OpRecord) {
        let Some(row) = self.rows.get_mut(&record.key) else { return };
        match row.way {
            Way::LeftOut => {}
            _ if is_unfit(record) => row.way = Way::LeftOut,
            Way::Swept if self.swept.standing(row.id) == Standing::Unfit => {
                row.way = Way::Searched(Verdict::Unknown);
                self.asked += row.asked;
            }
            Way::Swept | Way::Searched(_) => {}
        }
    }

    /// Searches the keys that need it, but those of which it is known that they have no order.
    fn search(&mut self, ledger: &Ledger, names: &Names) {
        let is_open = |row: &Row| matches!(row.way, Way::Searched(verdict) if verdict != Verdict::Fail);
        let keys: BTreeSet<Key> =
            self.rows.iter().filter(|(_, row)| is_open(row)).map(|(key, _)| *key).collect();
        let client = Client::of(ledger, names, &|key| keys.contains(&key));
        let judged = client.judged();
        for (key, verdict) in client.verdicts(&judged) {
            if let Some(row) = self.rows.get_mut(&key) {
                row.way = Way::Searched(verdict);
            }
        }
        self.searched_at = self.asked;
        self.why = judged.keys.iter().find_map(|row| row.why.clone());
    }

    fn order(&mut self, ledger: &Ledger, names: &Names) -> Order {
        let mut order = Order { has_reads: self.has_reads, why: self.why.clone(), ..Order::default() };
        let mut broken: Vec<Key> = Vec::new();
        for (key, row) in &self.rows {
            *match row.way {
                Way::LeftOut => &mut order.left_out,
                Way::Searched(Verdict::Fail) => {
                    broken.push(*key);
                    &mut order.broken
                }
                Way::Swept if self.swept.standing(row.id) == Standing::Broken => {
                    broken.push(*key);
                    &mut order.broken
                }
                Way::Swept | Way::Searched(Verdict::Pass) => &mut order.holding,
                Way::Searched(Verdict::Unknown) => &mut order.undecided,
            } += 1;
        }
        // What was shown may have been left out since.
        self.shown = self.shown.take().filter(|(key, _)| broken.binary_search(key).is_ok());
        if let (Some(&key), None) = (broken.first(), &self.shown) {
            let client = Client::of(ledger, names, &|other| other == key);
            self.shown = client.shown(&client.judged()).map(|shown| (key, shown));
        }
        order.shown = self.shown.as_ref().map(|(_, shown)| shown.clone());
        order
    }

    fn row(&mut self, key: Key) -> Row {
        if let Some(row) = self.rows.get(&key) {
            return *row;
        }
        let (id, initial) = (KeyId(self.rows.len() as u32), ValueId(self.values_known));
        self.values_known += 1;
        self.swept.key(id, initial);
        let row = Row { id, initial, asked: 0, way: Way::Swept };
        self.rows.insert(key, row);
        row
    }

    fn value(&mut self, key: Key, value: Value) -> ValueId {
        *self.values.entry((key, value)).or_insert_with(|| {
            self.values_known += 1;
            ValueId(self.values_known - 1)
        })
    }
}
