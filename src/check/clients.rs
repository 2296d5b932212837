//! What clients alone can tell: the black-box judge of losses and sessions. It knows the operations, their times and
//! values, and what a last read of every key gives once the world has settled; no version, no node, no merge.
//!
//! The analysis of elements follows Jepsen's `set-full`, with its two asymmetries: an add that was not confirmed may be
//! absent without fault, and nothing is concluded from a read that ran beside the add. For registers, a write is lost
//! if everything that a last read gives had returned before the write began.

use crate::base::data::{Change, Data, Update};
use crate::base::ids::{ClientId, Key, OpId, Value};
use crate::base::operation::{Action, Found, Outcome, Success};
use crate::base::time::VirtualTime;
use crate::cluster::ledger::{Ledger, OpRecord};
use std::collections::{BTreeMap, BTreeSet};

/// A read that showed its session too little, as clients can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backwards {
    /// The write whose value was known to the session.
    pub known: OpId,
    /// The operation from which the session knew it: the write itself, or a read.
    pub told_by: OpId,
    /// The write whose value the read gave; `None` if it gave nothing.
    pub shown: Option<OpId>,
    /// The read.
    pub read: OpId,
}

/// Acknowledged writes that a last read of every key shows to be lost.
pub fn lost(ledger: &Ledger, values: &BTreeMap<Key, Vec<Data>>) -> Vec<OpId> {
    let keys = by_key(ledger);
    let mut lost = Vec::new();
    for (key, records) in &keys {
        let held = values.get(key).map(Vec::as_slice).unwrap_or_default();
        let is_updated = records.iter().any(|(_, record)| update(record).is_some());
        if is_updated {
            lost.extend(lost_elements(records, held));
        } else {
            lost.extend(lost_registers(records, held));
        }
    }
    lost.sort_unstable();
    lost
}

type Records<'a> = Vec<(OpId, &'a OpRecord)>;

fn by_key(ledger: &Ledger) -> BTreeMap<Key, Records<'_>> {
    let mut keys: BTreeMap<Key, Records<'_>> = BTreeMap::new();
    for (op, record) in (0_u32..).map(OpId).zip(ledger.records()) {
        keys.entry(record.key).or_default().push((op, record));
    }
    keys
}

fn update(record: &OpRecord) -> Option<Update> {
    match &record.action {
        Action::Change(Change::Update(update)) if !matches!(update, Update::Resolve(_)) => Some(*update),
        _ => None,
    }
}

/// Whether an operation may have changed its key.
fn may_have_effect(record: &OpRecord) -> bool {
    record.action.is_write() && !matches!(record.outcome, Outcome::Fail(_))
}

fn lost_registers(records: &Records<'_>, held: &[Data]) -> Vec<OpId> {
    let writes = || records.iter().filter(|(_, record)| may_have_effect(record));
    let wrote = |record: &OpRecord, data: &Data| match &record.action {
        Action::Change(Change::Write(written)) => written == data,
        Action::Change(Change::Update(Update::Resolve(value))) => *data == Data::One(*value),
        _ => false,
    };
    // Who may have left what is there. Nothing is there since the beginning, or since a delete.
    let mut since: Vec<VirtualTime> = Vec::new();
    for data in held {
        match writes().filter(|(_, record)| wrote(record, data)).map(|(_, record)| record.returned()).max() {
            Some(at) => since.push(at),
            // Nobody known wrote it: nothing can be concluded.
            None => return Vec::new(),
        }
    }
    if held.is_empty() {
        let deletes = writes().filter(|(_, record)| record.action.is_delete());
        since.push(deletes.map(|(_, record)| record.returned()).max().unwrap_or(VirtualTime::ZERO));
    }
    let newest = since.into_iter().max().unwrap_or(VirtualTime::ZERO);
    let is_lost = |(_, record): &&(OpId, &OpRecord)| record.is_acked_write() && newest <= record.scheduled;
    let is_kept = |record: &OpRecord| {
        held.iter().any(|data| wrote(record, data)) || (held.is_empty() && record.action.is_delete())
    };
    records.iter().filter(is_lost).filter(|(_, record)| !is_kept(record)).map(|(op, _)| *op).collect()
}

fn lost_elements(records: &Records<'_>, held: &[Data]) -> Vec<OpId> {
    let there: BTreeSet<Value> = held.iter().flat_map(Data::elements).collect();
    let overwrites = |record: &OpRecord| may_have_effect(record) && update(record).is_none();
    let overwritten =
        records.iter().filter(|(_, record)| overwrites(record)).map(|(_, record)| record.closed());
    let overwritten = overwritten.max();
    // When each element was last put in or taken out, as far as anybody knows.
    let mut touched: BTreeMap<(bool, Value), VirtualTime> = BTreeMap::new();
    for (_, record) in records.iter().filter(|(_, record)| may_have_effect(record)) {
        if let Some(change @ (Update::Add(element) | Update::Remove(element))) = update(record) {
            let last = touched.entry((change == Update::Add(element), element)).or_default();
            *last = (*last).max(record.closed());
        }
    }
    let is_touched = |is_add: bool, element: Value, since: VirtualTime| {
        touched.get(&(is_add, element)).is_some_and(|last| *last > since)
    };
    let is_lost = |(_, record): &&(OpId, &OpRecord)| {
        let since = record.scheduled;
        if !record.is_acked_write() || overwritten.is_some_and(|at| at > since) {
            return false;
        }
        match update(record) {
            Some(Update::Add(element)) => !there.contains(&element) && !is_touched(false, element, since),
            Some(Update::Remove(element)) => there.contains(&element) && !is_touched(true, element, since),
            Some(Update::Append(element)) => !there.contains(&element),
            _ => false,
        }
    };
    records.iter().filter(is_lost).map(|(op, _)| *op).collect()
}

/// Reads that showed their session something older than it knew, where the order is beyond doubt: the write that the
/// read showed had returned before the known one began. Registers whose values are written once each, and only keys
/// that one client writes: elsewhere real time is not the order in which a store must put things.
pub fn backwards(ledger: &Ledger) -> Vec<Backwards> {
    by_key(ledger).values().filter_map(|records| Some((single_writer(records)?, records))).fold(
        Vec::new(),
        |mut all, (writes, records)| {
            all.extend(backwards_in(&writes, records));
            all
        },
    )
}

/// The writes by their values, if one client alone writes the key, each value once, and nothing else.
fn single_writer<'a>(records: &Records<'a>) -> Option<BTreeMap<Value, (OpId, &'a OpRecord)>> {
    let mut writer: Option<ClientId> = None;
    let mut writes = BTreeMap::new();
    for (op, record) in records.iter().filter(|(_, record)| record.action.is_write()) {
        let Action::Change(Change::Write(Data::One(value))) = &record.action else { return None };
        let is_alone = *writer.get_or_insert(record.client) == record.client;
        if !is_alone || writes.insert(*value, (*op, *record)).is_some() {
            return None;
        }
    }
    Some(writes)
}

/// From when on a session knows a write, and from what.
struct Told<'a> {
    since: VirtualTime,
    write: (OpId, &'a OpRecord),
    told_by: OpId,
}

fn backwards_in(writes: &BTreeMap<Value, (OpId, &OpRecord)>, records: &Records<'_>) -> Vec<Backwards> {
    let write_of = |found: &Found| match (&found.value, found.past.as_ref().map(|past| past.siblings.len())) {
        (Some(Data::One(value)), None | Some(0)) => writes.get(value).copied(),
        _ => None,
    };
    let mut known: BTreeMap<ClientId, Vec<Told<'_>>> = BTreeMap::new();
    for (op, record) in records {
        let told = match &record.outcome {
            Outcome::Ok(Success::Written(_)) => Some((*op, *record)),
            Outcome::Ok(Success::Found(Some(found))) if record.action == Action::Read => write_of(found),
            _ => None,
        };
        if let Some(write) = told {
            let told = Told { since: record.ended, write, told_by: *op };
            known.entry(record.client).or_default().push(told);
        }
    }
    let mut backwards = Vec::new();
    for (read, record) in records {
        let Outcome::Ok(Success::Found(found)) = &record.outcome else { continue };
        let shown = match found {
            _ if record.action != Action::Read => continue,
            None => None,
            Some(found) => match write_of(found) {
                Some(write) => Some(write),
                None => continue,
            },
        };
        let is_older = |told: &&Told<'_>| {
            told.since < record.scheduled
                && shown.is_none_or(|(_, shown)| shown.returned() <= told.write.1.scheduled)
                && shown.map(|(op, _)| op) != Some(told.write.0)
        };
        let owed = known.get(&record.client).and_then(|known| known.iter().find(is_older));
        backwards.extend(owed.map(|told| Backwards {
            known: told.write.0,
            told_by: told.told_by,
            shown: shown.map(|(op, _)| op),
            read: *read,
        }));
    }
    backwards
}
