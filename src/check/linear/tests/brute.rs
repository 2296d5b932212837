//! Every order, tried one after the other. Only for histories of a handful of operations.

use super::super::Model;
use crate::check::history::{Datum, History, Kind, NEVER, Operation, OperationId, Outcome, ValueId};

#[derive(Clone, PartialEq)]
enum State {
    One(ValueId),
    Number(i64),
    Many(Vec<ValueId>),
}

/// An operation with the interval in which it may take effect, and whether it must.
#[derive(Clone)]
struct Step {
    operation: Operation,
    call: u32,
    end: u32,
}

/// Whether the only key has an order.
pub(super) fn has_order(history: &History, model: Model) -> bool {
    order(history, model, &steps(history, |_| true), false)
}

pub(super) fn has_order_with_answers(history: &History) -> bool {
    order(history, Model::CasRegister, &steps(history, |_| true), true)
}

/// Whether it has one when only `kept` keep their times, other reads are left out, and other writes called by `place`
/// may happen at any time or never.
pub(super) fn has_order_freed(history: &History, model: Model, kept: &[OperationId], place: u32) -> bool {
    let mut steps = steps(history, |id| kept.contains(&id));
    steps.retain(|step| step.call != 0 || step.operation.call < place);
    order(history, model, &steps, false)
}

/// Whether fewer than `size` operations are enough to show that a register has no order.
pub(super) fn smallest_pure(history: &History, size: usize) -> bool {
    let ids: Vec<OperationId> = (0..history.operations.len() as u32).map(OperationId).collect();
    let subsets = 0..1_u32 << ids.len();
    subsets.filter(|subset| (subset.count_ones() as usize) < size).any(|subset| {
        let kept: Vec<OperationId> = ids.iter().copied().filter(|id| subset >> id.0 & 1 == 1).collect();
        !has_order_freed(history, Model::Register, &kept, NEVER)
    })
}

fn steps(history: &History, is_kept: impl Fn(OperationId) -> bool) -> Vec<Step> {
    let mut steps = Vec::new();
    for (id, operation) in (0..).map(OperationId).zip(&history.operations) {
        let (mut call, mut end) = (operation.call, operation.end);
        if !is_kept(id) {
            if operation.kind == Kind::Read {
                continue;
            }
            (call, end) = (0, NEVER);
        }
        steps.push(Step { operation: *operation, call, end });
    }
    steps
}

fn order(history: &History, model: Model, steps: &[Step], fails_answer: bool) -> bool {
    let says = |step: &&Step| match (step.operation.kind, step.operation.outcome) {
        (Kind::Cas, Outcome::Fail) => fails_answer,
        (_, Outcome::Fail) => false,
        (Kind::Read, outcome) => outcome == Outcome::Ok,
        _ => true,
    };
    let left: Vec<Step> = steps.iter().filter(says).cloned().collect();
    let initial = history.keys[0].initial;
    let start = match model {
        Model::Register | Model::CasRegister => State::One(initial),
        Model::Counter => State::Number(number(history, initial)),
        Model::Set | Model::Append => State::Many(many(history, initial)),
    };
    tries(history, &left, &start)
}

fn tries(history: &History, left: &[Step], state: &State) -> bool {
    if left.iter().all(|step| step.end == NEVER) {
        return true;
    }
    let first_end = left.iter().map(|step| step.end).min().unwrap_or(NEVER);
    (0..left.len()).filter(|place| left[*place].call < first_end).any(|place| {
        let Some(after) = applied(history, &left[place].operation, state) else { return false };
        let rest: Vec<Step> = left[..place].iter().chain(&left[place + 1..]).cloned().collect();
        tries(history, &rest, &after)
    })
}

fn applied(history: &History, operation: &Operation, state: &State) -> Option<State> {
    if operation.outcome == Outcome::Fail {
        return (*state != State::One(operation.expected)).then(|| state.clone());
    }
    Some(match (operation.kind, state) {
        (Kind::Read, State::One(held)) => (*held == operation.value).then(|| state.clone())?,
        (Kind::Read, State::Number(held)) => {
            (number(history, operation.value) == *held).then(|| state.clone())?
        }
        (Kind::Read, State::Many(held)) => {
            (many(history, operation.value) == *held).then(|| state.clone())?
        }
        (Kind::Write, State::One(_)) => State::One(operation.value),
        (Kind::Write, _) => State::Many(many(history, operation.value)),
        (Kind::Cas, held) => {
            (*held == State::One(operation.expected)).then_some(State::One(operation.value))?
        }
        (Kind::Add, State::Number(held)) => State::Number(held + number(history, operation.value)),
        (Kind::Add, State::Many(held)) => {
            let mut held = held.clone();
            held.push(operation.value);
            held.sort_unstable();
            held.dedup();
            State::Many(held)
        }
        (Kind::Remove, State::Many(held)) => {
            State::Many(held.iter().copied().filter(|element| *element != operation.value).collect())
        }
        (Kind::Append, State::Many(held)) => {
            let mut held = held.clone();
            held.push(operation.value);
            State::Many(held)
        }
        _ => return None,
    })
}

fn number(history: &History, value: ValueId) -> i64 {
    match history.datum(value) {
        Datum::Int(number) => *number,
        _ => 0,
    }
}

fn many(history: &History, value: ValueId) -> Vec<ValueId> {
    match history.datum(value) {
        Datum::Nil => Vec::new(),
        Datum::List(elements) => elements.to_vec(),
        _ => vec![value],
    }
}
