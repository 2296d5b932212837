//! Correct histories, from a single copy whose clients see it late; and ways to spoil them.

use super::super::Model;
use crate::check::history::{Builder, Call, Datum, History, KeyId, Kind, OperationId, Outcome, ValueId};

/// A small generator: splitmix64.
pub(super) struct Chance(pub u64);

impl Chance {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// What to simulate.
#[derive(Clone, Copy)]
pub(super) struct Plan {
    pub model: Model,
    pub keys: u64,
    pub processes: usize,
    pub operations: usize,
    /// How many different values there are, unless every write has its own.
    pub values: u64,
    pub is_unique: bool,
    /// How many of a hundred operations end without an answer; as many fail.
    pub infos: u64,
    /// How many of a hundred changes of a set take something out.
    pub removals: u64,
}

impl Plan {
    pub(super) fn small(model: Model) -> Plan {
        let is_unique = matches!(model, Model::Append);
        Plan { model, keys: 1, processes: 3, operations: 7, values: 3, is_unique, infos: 15, removals: 0 }
    }
}

/// A process between its call and its end.
struct Busy {
    id: OperationId,
    call: Call,
    has_effect: bool,
    outcome: Outcome,
    saw: Option<ValueId>,
}

/// What a key holds, as its elements; a register holds one, a counter none but the number.
#[derive(Clone, Default)]
struct Held {
    many: Vec<ValueId>,
    number: i64,
}

/// A history that has an order by construction.
pub(super) fn simulate(plan: Plan, chance: &mut Chance) -> History {
    let mut builder = Builder::new(Datum::Nil);
    let keys: Vec<KeyId> = (0..plan.keys).map(|key| builder.key(&format!("k{key}"))).collect();
    let mut held: Vec<Held> = keys
        .iter()
        .map(|key| Held { many: initially(plan.model, builder.initial(*key)), number: 0 })
        .collect();
    let mut busy: Vec<Option<Busy>> = (0..plan.processes).map(|_| None).collect();
    let (mut begun, mut at) = (0, 0);
    while begun < plan.operations || busy.iter().any(Option::is_some) {
        at += 1_000;
        let process = chance.below(plan.processes as u64) as usize;
        match busy[process].take() {
            None if begun < plan.operations => {
                let key = keys[chance.below(plan.keys) as usize];
                let call = draw_call(plan, key, begun, &mut builder, chance);
                let name = builder.process(&process.to_string());
                let id = builder.invoke(at, name, call);
                let outcome = match chance.below(100) {
                    n if n < plan.infos => Outcome::Info,
                    n if n < 2 * plan.infos && call.kind != Kind::Read => Outcome::Fail,
                    _ => Outcome::Ok,
                };
                busy[process] = Some(Busy { id, call, has_effect: false, outcome, saw: None });
                begun += 1;
            }
            None => {}
            Some(mut one) if !one.has_effect => {
                let held = &mut held[one.call.key.index()];
                take_effect(plan, &mut one, held, &mut builder, chance);
                busy[process] = Some(one);
            }
            Some(one) => builder.end(at, one.id, one.outcome, one.saw),
        }
    }
    builder.finish()
}

fn initially(model: Model, initial: ValueId) -> Vec<ValueId> {
    match model {
        Model::Register | Model::CasRegister => vec![initial],
        _ => Vec::new(),
    }
}

fn draw_call(plan: Plan, key: KeyId, nth: usize, builder: &mut Builder, chance: &mut Chance) -> Call {
    let draw = |builder: &mut Builder, chance: &mut Chance| {
        let number = if plan.is_unique { nth as u64 + 1 } else { 1 + chance.below(plan.values) };
        builder.value(key, Datum::Int(number.cast_signed()))
    };
    let is_read = chance.below(2) == 0;
    let value = draw(builder, chance);
    match plan.model {
        _ if is_read => Call::read(key),
        Model::Register => Call::write(key, value),
        Model::CasRegister if chance.below(2) == 0 => Call::write(key, value),
        Model::CasRegister => Call::cas(key, draw(builder, chance), value),
        Model::Set if chance.below(100) < plan.removals => {
            Call { kind: Kind::Remove, ..Call::add(key, value) }
        }
        Model::Set | Model::Counter => Call::add(key, value),
        Model::Append => Call::append(key, value),
    }
}

fn take_effect(plan: Plan, one: &mut Busy, held: &mut Held, builder: &mut Builder, chance: &mut Chance) {
    one.has_effect = true;
    if one.call.kind == Kind::Read {
        one.saw = Some(match plan.model {
            Model::Register | Model::CasRegister => held.many[0],
            Model::Counter => builder.value(one.call.key, Datum::Int(held.number)),
            Model::Set | Model::Append => builder.value(one.call.key, Datum::List(held.many.clone().into())),
        });
        return;
    }
    if one.outcome == Outcome::Fail || (one.outcome == Outcome::Info && chance.below(2) == 0) {
        return;
    }
    match one.call.kind {
        Kind::Cas if held.many[0] != one.call.expected => one.outcome = Outcome::Fail,
        Kind::Write | Kind::Cas => held.many = vec![one.call.value],
        Kind::Add if plan.model == Model::Counter => {
            let Datum::Int(by) = builder.so_far().datum(one.call.value) else { return };
            held.number += by;
        }
        Kind::Add => {
            held.many.push(one.call.value);
            held.many.sort_unstable();
            held.many.dedup();
        }
        Kind::Remove => held.many.retain(|element| *element != one.call.value),
        _ => held.many.push(one.call.value),
    }
}

fn answered(history: &History) -> Vec<usize> {
    (0..history.operations.len()).filter(|index| history.operations[*index].is_answered_read()).collect()
}

/// Spoils a history in one of three ways: two reads change their answers, a read gets the answer of an earlier one, a
/// write is said to have failed. It may still have an order afterwards.
pub(super) fn spoil(history: &mut History, chance: &mut Chance) {
    let reads = answered(history);
    let pick = |chance: &mut Chance| reads[chance.below(reads.len() as u64) as usize];
    match chance.below(3) {
        0 if !reads.is_empty() => {
            let (one, other) = (pick(chance), pick(chance));
            let (here, there) = (history.operations[one].value, history.operations[other].value);
            (history.operations[one].value, history.operations[other].value) = (there, here);
        }
        1 if !reads.is_empty() => {
            let (one, other) = (pick(chance), pick(chance));
            history.operations[one.max(other)].value = history.operations[one.min(other)].value;
        }
        _ => {
            let place = chance.below(history.operations.len() as u64) as usize;
            let operation = &mut history.operations[place];
            if operation.kind != Kind::Read && operation.outcome == Outcome::Ok {
                operation.outcome = Outcome::Fail;
            }
        }
    }
}

/// The last answered read gets an answer that nobody can have caused.
pub(super) fn invent(history: &mut History) {
    let Some(&last) = answered(history).last() else { return };
    let read = history.operations[last];
    let initial = history.keys[read.key.index()].initial;
    let key = read.key;
    let mut add = |datum| {
        history.values.push(crate::check::history::ValueRow { key, datum });
        ValueId(history.values.len() as u32 - 1)
    };
    let strange = add(Datum::Int(-77));
    let is_many = matches!(history.values[read.value.index()].datum, Datum::List(_)) && read.value != initial;
    history.operations[last].value = if is_many {
        history.values.push(crate::check::history::ValueRow { key, datum: Datum::List([strange].into()) });
        ValueId(history.values.len() as u32 - 1)
    } else {
        strange
    };
}
