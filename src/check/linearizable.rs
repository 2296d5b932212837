//! Is a run linearizable, as its clients lived it? Builds the client history of the ledger and asks [`super::linear`].
//!
//! What has no single value cannot be put in order: keys of which a read gave several siblings are left out. So are
//! sets from which something was taken out, and tables of rows, for which there is no model. What is left can then
//! fail but not pass.

use super::evidence::Evidence;
use super::history::{Builder, Call, Datum, History, KeyId, OperationId, Outcome as End, ValueId};
use super::linear::{Budget, Options, judge as decide};
use super::{Findings, Ruling, Verdict};
use crate::base::data::{Change, Data, Update};
use crate::base::ids::{Key, OpId};
use crate::base::operation::{Action, Found, Outcome, Success};
use crate::base::time::VirtualTime;
use crate::cluster::ledger::{Ledger, OpRecord};
use std::collections::{BTreeMap, BTreeSet};

/// Steps of a search: a fraction of a second. Keys whose values are written once each need none.
const STEPS: u64 = 1_000_000;

pub(super) fn judge(findings: &Findings<'_>) -> Ruling {
    let (verdict, evidence) = of(findings.ledger);
    Ruling { verdict, evidence }
}

/// The verdict over a ledger, with evidence, or why nobody can know.
pub fn of(ledger: &Ledger) -> (Verdict, Option<Evidence>) {
    let client = Client::of(ledger);
    if !client.has_reads {
        return (Verdict::Unknown, Some(Evidence::words("nothing was read")));
    }
    let budget = Budget { steps: STEPS, ..Budget::default() };
    let judged = decide(&client.history, Options { budget, ..Options::default() }, &mut |_| {});
    let count = |verdict| judged.keys.iter().filter(|key| key.verdict == verdict).count();
    match (judged.verdict, &judged.witness) {
        (Verdict::Fail, Some(witness)) => {
            let name = &client.history.keys[witness.key.index()].name;
            let (broken, all) = (count(Verdict::Fail), judged.keys.len());
            let words = format!("{broken} of {all} keys admit no order; {name}: {}", witness.reason);
            let operations = witness.operations.iter().map(|id| client.ops[id.index()]);
            (Verdict::Fail, Some(Evidence::of(words, operations)))
        }
        (Verdict::Fail, None) => (Verdict::Fail, None),
        (Verdict::Unknown, _) => {
            let why = judged.keys.iter().find_map(|key| key.why.clone()).unwrap_or_default();
            let words = format!("{} keys are undecided: {why}", count(Verdict::Unknown));
            (Verdict::Unknown, Some(Evidence::words(words)))
        }
        (Verdict::Pass, _) if client.left_out > 0 => {
            let words =
                format!("{} keys have no single value at times; the others admit an order", client.left_out);
            (Verdict::Unknown, Some(Evidence::words(words)))
        }
        (Verdict::Pass, _) => (Verdict::Pass, None),
    }
}

/// A history with the way back to the ledger.
struct Client {
    history: History,
    /// The ledger's number of each operation of the history.
    ops: Vec<OpId>,
    left_out: usize,
    has_reads: bool,
}

impl Client {
    fn of(ledger: &Ledger) -> Client {
        let left_out = left_out(ledger);
        let is_in = |record: &OpRecord| {
            !matches!(record.action, Action::ReadHere | Action::Locate) && !left_out.contains(&record.key)
        };
        let numbered = (0_u32..).map(OpId).zip(ledger.records()).filter(|(_, record)| is_in(record));
        let operations: Vec<(OpId, &OpRecord)> = numbered.collect();
        let mut client = Client {
            history: History::default(),
            ops: Vec::with_capacity(operations.len()),
            left_out: left_out.len(),
            has_reads: operations.iter().any(|(_, record)| record.action == Action::Read && record.is_ok()),
        };
        let mut builder = Builder::new(Datum::Nil);
        let mut begun: BTreeMap<OpId, OperationId> = BTreeMap::new();
        for (at, is_end, place) in events(&operations) {
            let (op, record) = operations[place];
            let key = builder.key(&record.key.to_string());
            if is_end {
                if let Some(&id) = begun.get(&op) {
                    let value = shown(&mut builder, key, record);
                    builder.end(at.0 * 1000, id, end(record), value);
                }
            } else {
                let process = builder.process(&record.client.to_string());
                let call = call(&mut builder, key, record);
                begun.insert(op, builder.invoke(at.0 * 1000, process, call));
                client.ops.push(op);
            }
        }
        client.history = builder.finish();
        client
    }
}

/// Keys that have no single value at times.
fn left_out(ledger: &Ledger) -> BTreeSet<Key> {
    let is_unfit = |record: &&OpRecord| {
        let is_taken_out =
            matches!(record.action, Action::Change(Change::Update(Update::Remove(_) | Update::Insert(_))));
        let has_siblings = match &record.outcome {
            Outcome::Ok(Success::Found(Some(found))) => found.all().count() > 1,
            _ => false,
        };
        is_taken_out || has_siblings
    };
    ledger.records().filter(is_unfit).map(|record| record.key).collect()
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

fn call(builder: &mut Builder, key: KeyId, record: &OpRecord) -> Call {
    let number = |number: u32| Datum::Int(i64::from(number));
    match &record.action {
        Action::Change(Change::Write(data)) => {
            let value = value(builder, key, Some(data));
            Call::write(key, value)
        }
        Action::Change(Change::Delete) => Call::write(key, builder.value(key, Datum::Nil)),
        Action::Change(Change::Update(update)) => match *update {
            Update::Resolve(value) => Call::write(key, builder.value(key, number(value.0))),
            Update::Increment(by) => Call::add(key, builder.value(key, Datum::Int(i64::from(by)))),
            Update::Append(element) => {
                let element = builder.value(key, number(element.0));
                Call::append(key, element)
            }
            Update::Add(element) | Update::Remove(element) | Update::Insert(element) => {
                Call::add(key, builder.value(key, number(element.0)))
            }
        },
        Action::Read | Action::ReadHere | Action::Locate => Call::read(key),
    }
}

/// What a read that succeeded gave.
fn shown(builder: &mut Builder, key: KeyId, record: &OpRecord) -> Option<ValueId> {
    match &record.outcome {
        Outcome::Ok(Success::Found(found)) => {
            let data = found.as_ref().and_then(|found: &Found| found.value.as_ref());
            Some(value(builder, key, data))
        }
        _ => None,
    }
}

fn value(builder: &mut Builder, key: KeyId, data: Option<&Data>) -> ValueId {
    let datum = match data {
        None => return builder.initial(key),
        Some(Data::One(value)) => Datum::Int(i64::from(value.0)),
        Some(Data::Count(count)) => Datum::Int(*count),
        Some(data @ (Data::Set(_) | Data::List(_) | Data::Rows(_))) => {
            let elements = data.elements();
            let elements =
                elements.iter().map(|element| builder.value(key, Datum::Int(i64::from(element.0))));
            Datum::List(elements.collect())
        }
    };
    builder.value(key, datum)
}
