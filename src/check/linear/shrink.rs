//! From a failing prefix to a small witness. A read may be left out: an order of all is an order of the rest. Any other
//! operation may not, for a read may need it; but it may be *set free*, to take effect at any time or never. If there
//! is no order even so, its times are no part of the evidence. What is left is what matters.

use super::problem::{Problem, Treated};
use super::search::{Found, Search};
use super::witness::{Witness, words};
use super::{Model, sets};
use crate::check::history::{History, Kind, NEVER, OperationId, Outcome, ValueId};

/// Steps that one attempt may take, and all of them.
const ATTEMPT: u64 = 200_000;
const ALL: u64 = 5_000_000;
/// Bytes that one attempt may hold.
const BYTES: u64 = 1 << 28;

/// A key that has no order.
pub(super) struct Case<'a> {
    pub history: &'a History,
    pub model: Model,
    pub fails_answer: bool,
    /// Of a set: the element that has no order, where the whole set was not searched.
    pub element: Option<ValueId>,
}

impl Case<'_> {
    /// A small witness within `prefix`, which has no order. Adds to `steps` what it took.
    pub(super) fn witness(&self, prefix: &[Treated], steps: &mut u64) -> Witness {
        // The newest to end first; those that never end are the first to be set free.
        let mut order: Vec<&Treated> = prefix.iter().filter(|one| self.says_something(one.id)).collect();
        order.sort_unstable_by_key(|one| (one.end == NEVER, std::cmp::Reverse((one.end, one.call))));
        let order: Vec<OperationId> = order.into_iter().map(|one| one.id).collect();
        let mut attempts = Attempts { case: self, prefix, left: ALL };
        let mut kept = attempts.newest(&order);
        attempts.thin(&mut kept);
        *steps += ALL - attempts.left;
        let reason = self.reason(&kept);
        Witness::new(self.history, kept, reason)
    }

    fn reason(&self, kept: &[OperationId]) -> String {
        let at = |id: &OperationId| &self.history.operations[id.index()];
        let Some(last) = kept.iter().map(at).max_by_key(|operation| (operation.end != NEVER, operation.end))
        else {
            return "these operations have no order".to_owned();
        };
        let what = words(self.history, last);
        match (last.kind, kept.len()) {
            (Kind::Read, 1) => format!("whatever else happened and when, nothing explains `{what}`"),
            (Kind::Read, _) => format!("in no order of these operations could the last one be `{what}`"),
            (_, 1) => format!("whatever else happened and when, `{what}` could not succeed"),
            _ => format!("in no order of these operations could `{what}` have its place"),
        }
    }

    /// Whether `treated` certainly has no order; with the steps it took to say.
    fn fails(&self, treated: &[Treated], steps: u64) -> (bool, u64) {
        if let (Model::Set, Ok(stuck)) = (self.model, sets::stuck(self.history, treated)) {
            return (stuck.is_some(), sets::cost(self.history, treated));
        }
        let problem = match self.element {
            Some(element) => Problem::of_element(self.history, treated, element),
            None => Problem::new(self.history, treated, self.model, self.fails_answer),
        };
        let Ok(problem) = problem else { return (false, 1) };
        let mut search = Search::new(problem);
        let found = search.run(steps, BYTES);
        (matches!(found, Some(Found::NoOrder(_))), search.steps())
    }

    fn says_something(&self, id: OperationId) -> bool {
        let operation = &self.history.operations[id.index()];
        if let (Some(element), Kind::Add | Kind::Remove) = (self.element, operation.kind)
            && operation.value != element
        {
            return false;
        }
        match (operation.kind, operation.outcome) {
            (Kind::Cas, Outcome::Fail) => self.fails_answer,
            (_, Outcome::Fail) => false,
            (kind, outcome) => kind != Kind::Read || outcome == Outcome::Ok,
        }
    }

    fn is_pure(&self, id: OperationId) -> bool {
        let operation = &self.history.operations[id.index()];
        operation.kind == Kind::Read || operation.outcome == Outcome::Fail
    }
}

struct Attempts<'a> {
    case: &'a Case<'a>,
    prefix: &'a [Treated],
    left: u64,
}

impl Attempts<'_> {
    /// Whether the operations in `kept`, sorted, have no order though all others are set free.
    fn is_enough(&mut self, kept: &[OperationId]) -> bool {
        let mut treated = Vec::with_capacity(self.prefix.len());
        for one in self.prefix {
            if kept.binary_search(&one.id).is_ok() {
                treated.push(*one);
            } else if !self.case.is_pure(one.id) {
                treated.push(Treated { id: one.id, call: 0, end: NEVER });
            }
        }
        let (fails, steps) = self.case.fails(&treated, ATTEMPT.min(self.left));
        self.left = self.left.saturating_sub(steps.max(1));
        fails
    }

    /// The newest few that are enough; all if none are.
    fn newest(&mut self, order: &[OperationId]) -> Vec<OperationId> {
        let mut count = 1;
        while count < order.len() && self.left > 0 {
            let mut kept = order[..count].to_vec();
            kept.sort_unstable();
            if self.is_enough(&kept) {
                return kept;
            }
            count *= 2;
        }
        let mut all = order.to_vec();
        all.sort_unstable();
        all
    }

    /// Takes out what can be, in ever smaller parts, until nothing can.
    fn thin(&mut self, kept: &mut Vec<OperationId>) {
        let mut size = kept.len().div_ceil(2).max(1);
        loop {
            let before = kept.len();
            let mut at = 0;
            while at < kept.len() && self.left > 0 {
                let mut fewer = kept.clone();
                fewer.drain(at..(at + size).min(kept.len()));
                if !fewer.is_empty() && self.is_enough(&fewer) {
                    *kept = fewer;
                } else {
                    at += size;
                }
            }
            if self.left == 0 || (size == 1 && kept.len() == before) {
                return;
            }
            size = (size / 2).max(1);
        }
    }
}
