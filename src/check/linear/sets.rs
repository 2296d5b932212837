//! Sets that only grow: decided without a search.
//!
//! Adds change nothing that a read shows but their own element, so two greedy rules lose nothing: an open read takes
//! effect as soon as the set is what it showed, and an open add as soon as every read that has not yet taken effect
//! shows its element. Before that the add must not: it would spoil such a read. If an operation ends and neither rule
//! let it take effect, no order exists.

use super::problem::Treated;
use crate::check::history::{Datum, History, Kind, NEVER, OperationId, Outcome, ValueId};
use std::collections::BTreeMap;

/// What `treated` came to: the operation that could not take effect before its end, if there is one.
///
/// # Errors
/// If an operation is neither an add nor a read of a collection.
pub(super) fn stuck(history: &History, treated: &[Treated]) -> Result<Option<OperationId>, String> {
    let mut set = Set::gather(history, treated)?;
    let mut events: Vec<(u32, usize, bool)> = Vec::with_capacity(2 * set.parts.len());
    for (index, part) in set.parts.iter().enumerate() {
        events.push((part.call, index, false));
        if part.end != NEVER {
            events.push((part.end, index, true));
        }
    }
    events.sort_unstable();
    for (_, index, is_end) in events {
        if !is_end && !set.is_idle(index) {
            set.open.push(index);
        }
        if !is_end || !set.parts[index].is_done {
            set.settle();
        }
        if is_end && !set.parts[index].is_done {
            return Ok(Some(set.parts[index].id));
        }
    }
    Ok(None)
}

/// How many steps of the budget [`stuck`] takes.
pub(super) fn cost(history: &History, treated: &[Treated]) -> u64 {
    let elements = |one: &Treated| match history.datum(history.operations[one.id.index()].value) {
        Datum::List(elements) => elements.len(),
        _ => 1,
    };
    treated.iter().map(elements).sum::<usize>() as u64 / 8 + 1
}

struct Part {
    id: OperationId,
    call: u32,
    end: u32,
    /// The element of an add.
    element: Option<u32>,
    /// What a read showed, each element once.
    shown: Vec<u32>,
    is_done: bool,
}

struct Set {
    parts: Vec<Part>,
    /// Those called and not done.
    open: Vec<usize>,
    /// Of each element: whether it is in the set, and how many reads that are not done show it.
    is_in: Vec<bool>,
    wanted: Vec<usize>,
    size: usize,
    reads_left: usize,
}

impl Set {
    fn gather(history: &History, treated: &[Treated]) -> Result<Set, String> {
        let mut numbers: BTreeMap<ValueId, u32> = BTreeMap::new();
        let mut number = |value: ValueId| {
            let next = numbers.len() as u32;
            *numbers.entry(value).or_insert(next)
        };
        let mut parts = Vec::with_capacity(treated.len());
        for one in treated {
            let operation = &history.operations[one.id.index()];
            let mut part = Part {
                id: one.id,
                call: one.call,
                end: one.end,
                element: None,
                shown: Vec::new(),
                is_done: false,
            };
            match (operation.kind, operation.outcome) {
                (Kind::Read, Outcome::Ok) => {
                    part.shown = collection(history, operation.value)?.iter().map(|v| number(*v)).collect();
                    part.shown.sort_unstable();
                    part.shown.dedup();
                }
                (Kind::Add, Outcome::Ok | Outcome::Info | Outcome::Open) => {
                    part.element = Some(number(operation.value));
                }
                (Kind::Read | Kind::Add, _) => continue,
                (kind, _) => return Err(format!("a set knows no {}", kind.word())),
            }
            parts.push(part);
        }
        let initial = treated.first().map(|one| history.operations[one.id.index()].key);
        let initial = initial.map_or(ValueId::NONE, |key| history.keys[key.index()].initial);
        let initial: Vec<u32> = collection(history, initial)?.iter().map(|value| number(*value)).collect();
        let mut set = Set {
            open: Vec::new(),
            is_in: vec![false; numbers.len()],
            wanted: vec![0; numbers.len()],
            size: 0,
            reads_left: parts.iter().filter(|part| part.element.is_none()).count(),
            parts,
        };
        initial.into_iter().for_each(|element| set.put(element));
        for element in set.parts.iter().flat_map(|part| &part.shown) {
            set.wanted[*element as usize] += 1;
        }
        Ok(set)
    }

    /// Whether it need not have happened, and nothing shows that it did.
    fn is_idle(&self, index: usize) -> bool {
        let part = &self.parts[index];
        part.end == NEVER && part.element.is_none_or(|element| self.wanted[element as usize] == 0)
    }

    fn put(&mut self, element: u32) {
        let is_in = &mut self.is_in[element as usize];
        self.size += usize::from(!*is_in);
        *is_in = true;
    }

    /// Lets everything take effect that may.
    fn settle(&mut self) {
        loop {
            let before = self.open.len();
            let open = std::mem::take(&mut self.open);
            let left: Vec<usize> = open.into_iter().filter(|index| !self.try_one(*index)).collect();
            self.open = left;
            if self.open.len() == before {
                return;
            }
        }
    }

    fn try_one(&mut self, index: usize) -> bool {
        let part = &self.parts[index];
        if let Some(element) = part.element {
            let may = self.is_in[element as usize] || self.wanted[element as usize] == self.reads_left;
            if may {
                self.put(element);
            }
            self.parts[index].is_done = may;
            return may;
        }
        let is_it =
            part.shown.len() == self.size && part.shown.iter().all(|element| self.is_in[*element as usize]);
        if is_it {
            for element in &part.shown {
                self.wanted[*element as usize] -= 1;
            }
            self.reads_left -= 1;
            self.parts[index].is_done = true;
        }
        is_it
    }
}

/// The elements of a collection; nil is an empty one.
pub(super) fn collection(history: &History, value: ValueId) -> Result<&[ValueId], String> {
    match history.datum(value) {
        Datum::Nil => Ok(&[]),
        Datum::List(elements) => Ok(elements),
        _ => Err(format!("a set is read as a collection, not as {}", history.words(value))),
    }
}
