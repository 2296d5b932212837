//! Is a run linearizable, as its clients lived it? Builds the client history of the ledger and asks [`super::linear`].
//!
//! What has no single value cannot be put in order: keys of which a read gave several siblings are left out, and so are
//! tables of rows, for which there is no model. What is left can then fail but not pass. While a run goes on,
//! [`super::order_watch`] comes to the same without beginning again and again.

use super::evidence::Evidence;
use super::history::{Builder, Call, Datum, History, KeyId, Kind, OperationId, Outcome as End, ValueId};
use super::linear::{Budget, Judged, Options, judge as decide};
use super::{Findings, Ruling, Verdict};
use crate::base::data::{Change, Data, Update};
use crate::base::ids::{Key, OpId, Value};
use crate::base::names::Names;
use crate::base::operation::{Action, Found, Outcome, Success};
use crate::base::time::VirtualTime;
use crate::cluster::ledger::{Ledger, OpRecord};
use std::collections::{BTreeMap, BTreeSet};

/// Steps of a search: a fraction of a second. Keys whose values are written once each need none.
const BUDGET: Budget = Budget { steps: 1_000_000, bytes: 64 << 20 };

pub(super) fn judge(findings: &Findings<'_>) -> Ruling {
    findings.order.ruling()
}

/// Which keys of a run can be put in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// Keys that can.
    pub holding: usize,
    /// Keys that cannot.
    pub broken: usize,
    /// Keys that could not be decided.
    pub undecided: usize,
    /// Keys that have no single value at times.
    pub left_out: usize,
    /// Whether anything was read.
    pub has_reads: bool,
    /// Of a key that cannot: its name with the reason, and the operations that show it.
    pub shown: Option<(String, Vec<OpId>)>,
    /// Why a key could not be decided.
    pub why: Option<String>,
}

impl Order {
    /// Judges the operations of `ledger`.
    pub fn of(ledger: &Ledger, names: &Names) -> Order {
        let left_out = left_out(ledger);
        let client = Client::of(ledger, names, &|key| !left_out.contains(&key));
        let has_reads = ledger.records().any(is_answered_read);
        let mut order = Order { left_out: left_out.len(), has_reads, ..Order::default() };
        order.add(&client, &client.judged());
        order
    }

    /// Counts in what was judged of `client`.
    pub(super) fn add(&mut self, client: &Client, judged: &Judged) {
        for row in &judged.keys {
            *match row.verdict {
                Verdict::Pass => &mut self.holding,
                Verdict::Fail => &mut self.broken,
                Verdict::Unknown => &mut self.undecided,
            } += 1;
        }
        self.shown = self.shown.take().or_else(|| client.shown(judged));
        self.why = self.why.take().or_else(|| judged.keys.iter().find_map(|key| key.why.clone()));
    }

    /// Of a hundred keys that could be decided, how many can be put in order; nothing if none could.
    pub fn percent(&self) -> Option<f64> {
        let decided = self.holding + self.broken;
        (decided > 0).then(|| self.holding as f64 * 100.0 / decided as f64)
    }

    /// What the checker says.
    pub fn ruling(&self) -> Ruling {
        let all = self.holding + self.broken + self.undecided;
        if self.broken > 0 {
            let (words, operations) = self.shown.clone().unwrap_or_default();
            let words = format!("{} of {all} keys admit no order; {words}", self.broken);
            return Ruling::fail(Evidence::of(words, operations));
        }
        match (self.undecided, self.left_out) {
            _ if !self.has_reads => Ruling::unknown("nothing was read"),
            (0, 0) => Ruling::pass(),
            (0, left_out) => Ruling::unknown(format!(
                "{left_out} keys have no single value at times; the others admit an order"
            )),
            (undecided, _) => {
                let why = self.why.as_deref().unwrap_or("not decided");
                Ruling::unknown(format!("{undecided} keys are undecided: {why}"))
            }
        }
    }
}

pub(super) fn is_answered_read(record: &OpRecord) -> bool {
    record.action == Action::Read && record.is_ok()
}

/// A history with the way back to the ledger.
pub(super) struct Client {
    pub(super) history: History,
    /// The ledger's number of each operation of the history.
    pub(super) ops: Vec<OpId>,
    /// The ledger's keys.
    keys: Vec<Key>,
}

impl Client {
    /// The operations on such keys.
    pub(super) fn of(ledger: &Ledger, names: &Names, is_such: &dyn Fn(Key) -> bool) -> Client {
        let is_in = |record: &OpRecord| is_operation(record) && is_such(record.key);
        let numbered = (0_u32..).map(OpId).zip(ledger.records()).filter(|(_, record)| is_in(record));
        let operations: Vec<(OpId, &OpRecord)> = numbered.collect();
        let (mut ops, mut keys) = (Vec::with_capacity(operations.len()), Vec::new());
        let mut scribe = Scribe { builder: Builder::new(Datum::Nil), names };
        let mut begun: BTreeMap<OpId, OperationId> = BTreeMap::new();
        for (at, is_end, place) in events(&operations) {
            let (op, record) = operations[place];
            let key = scribe.builder.key(&names.key(record.key));
            if key.index() == keys.len() {
                keys.push(record.key);
            }
            if is_end {
                if let Some(&id) = begun.get(&op) {
                    let value = scribe.shown(key, record);
                    scribe.builder.end(at.0 * 1000, id, end(record), value);
                }
            } else {
                let process = scribe.builder.process(&record.client.to_string());
                let call = scribe.call(key, record);
                begun.insert(op, scribe.builder.invoke(at.0 * 1000, process, call));
                ops.push(op);
            }
        }
        Client { history: scribe.builder.finish(), ops, keys }
    }

    /// What its history came to.
    pub(super) fn judged(&self) -> Judged {
        decide(&self.history, Options { budget: BUDGET, ..Options::default() }, &mut |_| {})
    }

    /// The verdict over each of its keys.
    pub(super) fn verdicts<'a>(&'a self, judged: &'a Judged) -> impl Iterator<Item = (Key, Verdict)> {
        judged.keys.iter().map(|row| (self.keys[row.key.index()], row.verdict))
    }

    /// Why a key has no order, and the operations that show it.
    pub(super) fn shown(&self, judged: &Judged) -> Option<(String, Vec<OpId>)> {
        let witness = judged.witness.as_ref()?;
        let name = &self.history.keys[witness.key.index()].name;
        let operations = witness.operations.iter().map(|id| self.ops[id.index()]).collect();
        Some((format!("{name}: {}", witness.reason), operations))
    }
}

/// Whether clients asked it of the store as such.
pub(super) fn is_operation(record: &OpRecord) -> bool {
    !matches!(record.action, Action::ReadHere | Action::Locate)
}

/// Keys that have no single value at times.
fn left_out(ledger: &Ledger) -> BTreeSet<Key> {
    ledger.records().filter(|record| is_unfit(record)).map(|record| record.key).collect()
}

/// Whether its key has no single value then, or one for which there is no model.
pub(super) fn is_unfit(record: &OpRecord) -> bool {
    let is_row = matches!(record.action, Action::Change(Change::Update(Update::Insert(_))));
    let has_siblings = match &record.outcome {
        Outcome::Ok(Success::Found(Some(found))) => found.all().count() > 1,
        _ => false,
    };
    is_row || (has_siblings && is_operation(record))
}

/// Calls and ends in order; of one instant calls come first, since operations that touch are concurrent.
fn events(operations: &[(OpId, &OpRecord)]) -> Vec<(VirtualTime, bool, usize)> {
    let mut events = Vec::with_capacity(2 * operations.len());
    for (place, (_, record)) in operations.iter().enumerate() {
        events.push((record.scheduled, false, place));
        if record.outcome != Outcome::Pending {
            events.push((record.ended, true, place));
        }
    }
    events.sort_unstable();
    events
}

fn end(record: &OpRecord) -> End {
    match record.outcome {
        Outcome::Ok(_) => End::Ok,
        Outcome::Fail(_) => End::Fail,
        Outcome::Unknown(_) | Outcome::Pending => End::Info,
    }
}

struct Scribe<'a> {
    builder: Builder,
    names: &'a Names,
}

impl Scribe<'_> {
    fn call(&mut self, key: KeyId, record: &OpRecord) -> Call {
        match &record.action {
            Action::Change(Change::Write(data)) => Call::write(key, self.value(key, Some(data))),
            Action::Change(Change::Delete) => Call::write(key, self.builder.value(key, Datum::Nil)),
            Action::Change(Change::Update(update)) => self.update(key, *update),
            Action::Read | Action::ReadHere | Action::Locate => Call::read(key),
        }
    }

    fn update(&mut self, key: KeyId, update: Update) -> Call {
        match update {
            Update::Resolve(value) => Call::write(key, self.one(key, value)),
            Update::Increment(by) => Call::add(key, self.builder.value(key, Datum::Int(i64::from(by)))),
            Update::Append(element) | Update::Insert(element) => Call::append(key, self.one(key, element)),
            Update::Add(element) => Call::add(key, self.one(key, element)),
            Update::Remove(element) => Call { kind: Kind::Remove, ..Call::add(key, self.one(key, element)) },
        }
    }

    /// What a read that succeeded gave.
    fn shown(&mut self, key: KeyId, record: &OpRecord) -> Option<ValueId> {
        match &record.outcome {
            Outcome::Ok(Success::Found(found)) => {
                let data = found.as_ref().and_then(|found: &Found| found.value.as_ref());
                Some(self.value(key, data))
            }
            _ => None,
        }
    }

    fn value(&mut self, key: KeyId, data: Option<&Data>) -> ValueId {
        let datum = match data {
            None => return self.builder.initial(key),
            Some(Data::One(value)) => return self.one(key, *value),
            Some(Data::Count(count)) => Datum::Int(*count),
            Some(data @ (Data::Set(_) | Data::List(_) | Data::Rows(_))) => {
                Datum::List(data.elements().iter().map(|element| self.one(key, *element)).collect())
            }
        };
        self.builder.value(key, datum)
    }

    fn one(&mut self, key: KeyId, value: Value) -> ValueId {
        self.builder.value(key, Datum::Word(self.names.value(value).into()))
    }
}
