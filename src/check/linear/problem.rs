//! One key's operations made ready for the search: effects on a state of 64 bits, in the order of their events.
//!
//! | model | state | effects |
//! |---|---|---|
//! | register, cas-register | a value's id; [`OTHER`] for any that nothing observes | equals, differs, become, swap |
//! | counter | the number | equals, become, count |
//! | set from which something is taken out | a bit an element, 63 at most; or one element of more | equals, become, put, take |
//! | append | a node in the tree of all contents that were read; [`OTHER`] for any that is not in it | equals, become, swap, extend |
//!
//! Three thoughts keep searches small, and all three are decided here once. What nothing observes is one state. An
//! operation that may never have happened and whose effect nothing observes is left out. A piece that was appended once
//! and stands in one place of what was read can only have been appended to what stands before it there: such an append
//! is a swap.

use super::Model;
use super::sets::collection;
use super::tree::Tree;
use crate::check::history::{Datum, History, Kind, NEVER, OperationId, Outcome, ValueId};
use std::collections::BTreeMap;

/// The state of every content that nothing observes.
pub(super) const OTHER: u64 = u64::MAX;

/// An operation as the search shall take it: perhaps with a wider interval than it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Treated {
    /// Which.
    pub id: OperationId,
    /// The place after which it may take effect.
    pub call: u32,
    /// The place before which it must have; [`NEVER`] if it need not.
    pub end: u32,
}

/// What an operation does to the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Effect {
    /// Legal in this state alone; changes nothing.
    Equals(u64),
    /// Legal in every other state; changes nothing.
    Differs(u64),
    /// Makes it this.
    Become(u64),
    /// Legal in the first, makes it the second.
    Swap(u64, u64),
    /// Adds.
    Count(i64),
    /// Goes along an edge of the tree.
    Extend(u32),
    /// Puts elements in.
    Put(u64),
    /// Takes elements out.
    Take(u64),
}

impl Effect {
    /// Whether it leaves the state as it is.
    pub(super) fn is_pure(self) -> bool {
        matches!(self, Effect::Equals(_) | Effect::Differs(_))
    }
}

/// An operation of the problem.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    /// What it does.
    pub effect: Effect,
    /// Whose it is.
    pub id: OperationId,
    pub call: u32,
    pub end: u32,
    /// Equal effects have equal classes, from 0.
    pub class: u32,
}

/// One key's operations, ready to be searched.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    /// In the order of calls.
    pub items: Vec<Item>,
    /// The state at the beginning.
    pub start: u64,
    /// How many classes there are.
    pub classes: u32,
    /// For [`Effect::Extend`].
    pub tree: Tree,
    /// What making it cost, in steps of the budget.
    pub cost: u64,
}

/// Why a key cannot be judged under a model.
pub(super) type Unfit = String;

impl Problem {
    /// The problem that `treated` are under `model`.
    ///
    /// # Errors
    /// If an operation or a value means nothing under that model.
    pub(super) fn new(
        history: &History,
        treated: &[Treated],
        model: Model,
        fails_answer: bool,
    ) -> Result<Problem, Unfit> {
        let mut treated: Vec<Treated> = treated.to_vec();
        treated.sort_unstable_by_key(|one| (one.call, one.id));
        let mut compiler = Compiler { history, treated: &treated, fails_answer, tree: Tree::default() };
        let (start, effects) = match model {
            Model::Register | Model::CasRegister => compiler.registers(),
            Model::Counter => compiler.counters()?,
            Model::Append => compiler.appends()?,
            Model::Set => compiler.sets(None)?,
        };
        Ok(Problem::made(compiler, model, start, effects))
    }

    /// The part of a set's problem that concerns one element.
    ///
    /// # Errors
    /// If an operation or a value means nothing to a set.
    pub(super) fn of_element(
        history: &History,
        treated: &[Treated],
        element: ValueId,
    ) -> Result<Problem, Unfit> {
        let mut treated: Vec<Treated> = treated.to_vec();
        treated.sort_unstable_by_key(|one| (one.call, one.id));
        let compiler = Compiler { history, treated: &treated, fails_answer: false, tree: Tree::default() };
        let (start, effects) = compiler.sets(Some(element))?;
        Ok(Problem::made(compiler, Model::Set, start, effects))
    }

    fn made(compiler: Compiler<'_>, model: Model, start: u64, effects: Vec<Option<Effect>>) -> Problem {
        let Compiler { treated, tree, .. } = compiler;
        let mut items: Vec<Item> = Vec::with_capacity(effects.len());
        for (one, effect) in treated.iter().zip(effects) {
            if let Some(effect) = effect {
                items.push(Item { effect, id: one.id, call: one.call, end: one.end, class: 0 });
            }
        }
        if model == Model::Set {
            drop_unseen(&mut items);
        }
        drop_unobserved(&mut items, !matches!(model, Model::Counter | Model::Set));
        let classes = classify(&mut items);
        let cost = (treated.len() + tree.walked()) as u64 / 8 + 1;
        Problem { items, start, classes, tree, cost }
    }

    /// The state after `effect` in `state`; `None` if it is not legal there.
    pub(super) fn step(&self, state: u64, effect: Effect) -> Option<u64> {
        match effect {
            Effect::Equals(wanted) => (state == wanted).then_some(state),
            Effect::Differs(unwanted) => (state != unwanted).then_some(state),
            Effect::Become(new) => Some(new),
            Effect::Swap(from, to) => (state == from).then_some(to),
            Effect::Count(by) => Some(state.wrapping_add(by.cast_unsigned())),
            Effect::Extend(piece) => Some(self.tree.extended(state, piece)),
            Effect::Put(elements) => Some(state | elements),
            Effect::Take(elements) => Some(state & !elements),
        }
    }
}

/// The most elements of a set that is searched as a whole.
const ELEMENTS: usize = 63;

/// Every element that operations of a set name, in the order of their ids.
///
/// # Errors
/// If something else than a collection was read or written.
pub(super) fn elements(history: &History, treated: &[Treated]) -> Result<Vec<ValueId>, Unfit> {
    let mut elements = Vec::new();
    for operation in treated.iter().map(|one| &history.operations[one.id.index()]) {
        match operation.kind {
            Kind::Add | Kind::Remove => elements.push(operation.value),
            Kind::Read if !operation.is_answered_read() => {}
            _ => elements.extend(collection(history, operation.value)?),
        }
    }
    elements.sort_unstable();
    elements.dedup();
    Ok(elements)
}

/// Operations that need not have happened, and after which nothing could tell, might as well be absent.
fn drop_unobserved(items: &mut Vec<Item>, has_other: bool) {
    let tells_others_apart = items.iter().any(|item| matches!(item.effect, Effect::Differs(_)));
    if has_other && !tells_others_apart {
        let is_idle = |item: &Item| {
            item.end == NEVER && matches!(item.effect, Effect::Become(OTHER) | Effect::Swap(_, OTHER))
        };
        items.retain(|item| !is_idle(item));
    }
    // Reads without an end were never answered.
    items.retain(|item| item.end != NEVER || !item.effect.is_pure());
}

/// Elements that need not have been put in, and that no read shows, might as well not have been.
fn drop_unseen(items: &mut Vec<Item>) {
    let shown = items.iter().map(|item| if let Effect::Equals(shown) = item.effect { shown } else { 0 });
    let shown = shown.fold(0, |all, shown| all | shown);
    let is_idle = |item: &Item| {
        item.end == NEVER && matches!(item.effect, Effect::Put(elements) if elements & shown == 0)
    };
    items.retain(|item| !is_idle(item));
}

fn classify(items: &mut [Item]) -> u32 {
    let mut classes: BTreeMap<Effect, u32> = BTreeMap::new();
    for item in items {
        let next = u32::try_from(classes.len()).unwrap_or(u32::MAX);
        item.class = *classes.entry(item.effect).or_insert(next);
    }
    u32::try_from(classes.len()).unwrap_or(u32::MAX)
}

struct Compiler<'a> {
    history: &'a History,
    treated: &'a [Treated],
    fails_answer: bool,
    tree: Tree,
}

impl Compiler<'_> {
    fn initial(&self) -> ValueId {
        let first = self.treated.first().map(|one| self.history.operations[one.id.index()].key);
        first.map_or(ValueId::NONE, |key| self.history.keys[key.index()].initial)
    }

    fn each<'b>(&'b self) -> impl Iterator<Item = &'b crate::check::history::Operation> + 'b {
        self.treated.iter().map(|one| &self.history.operations[one.id.index()])
    }

    /// The effect of each operation, given what it is if it happened; `None` for what says nothing.
    fn effects(
        &self,
        mut of: impl FnMut(&crate::check::history::Operation) -> Result<Effect, Unfit>,
    ) -> Result<Vec<Option<Effect>>, Unfit> {
        self.each()
            .map(|operation| match (operation.kind, operation.outcome) {
                (Kind::Read, Outcome::Ok) => of(operation).map(Some),
                (Kind::Read, _) => Ok(None),
                (Kind::Cas, Outcome::Fail) if self.fails_answer => {
                    Ok(Some(Effect::Differs(u64::from(operation.expected.0))))
                }
                (_, Outcome::Fail) => Ok(None),
                _ => of(operation).map(Some),
            })
            .collect()
    }

    fn registers(&self) -> (u64, Vec<Option<Effect>>) {
        let mut observed: Vec<ValueId> = Vec::new();
        for operation in self.each() {
            match (operation.kind, operation.outcome) {
                (Kind::Read, Outcome::Ok) => observed.push(operation.value),
                (Kind::Cas, Outcome::Fail) if !self.fails_answer => {}
                (Kind::Cas, _) => observed.push(operation.expected),
                _ => {}
            }
        }
        observed.sort_unstable();
        observed.dedup();
        let state = |value: ValueId| match observed.binary_search(&value) {
            Ok(_) => u64::from(value.0),
            Err(_) => OTHER,
        };
        let effects = self.effects(|operation| {
            Ok(match operation.kind {
                Kind::Read => Effect::Equals(state(operation.value)),
                Kind::Cas => Effect::Swap(state(operation.expected), state(operation.value)),
                _ => Effect::Become(state(operation.value)),
            })
        });
        (state(self.initial()), effects.unwrap_or_default())
    }

    fn number(&self, value: ValueId) -> Result<i64, Unfit> {
        match self.history.datum(value) {
            Datum::Nil => Ok(0),
            Datum::Int(number) => Ok(*number),
            _ => Err(format!("a counter holds whole numbers, not {}", self.history.words(value))),
        }
    }

    fn counters(&self) -> Result<(u64, Vec<Option<Effect>>), Unfit> {
        let state = |value| self.number(value).map(i64::cast_unsigned);
        let effects = self.effects(|operation| {
            Ok(match operation.kind {
                Kind::Read => Effect::Equals(state(operation.value)?),
                Kind::Write => Effect::Become(state(operation.value)?),
                Kind::Add => Effect::Count(self.number(operation.value)?),
                Kind::Cas | Kind::Append | Kind::Remove => {
                    return Err(format!("a counter knows no {}", operation.kind.word()));
                }
            })
        })?;
        Ok((state(self.initial())?, effects))
    }

    /// A bit for each element; with `only`, for that one alone.
    fn sets(&self, only: Option<ValueId>) -> Result<(u64, Vec<Option<Effect>>), Unfit> {
        let elements = match only {
            Some(element) => vec![element],
            None => elements(self.history, self.treated)?,
        };
        if elements.len() > ELEMENTS {
            let count = elements.len();
            return Err(format!(
                "{count} elements, and some are taken out: no more than {ELEMENTS} are searched"
            ));
        }
        let bit = |element: &ValueId| elements.binary_search(element).map_or(0, |place| 1_u64 << place);
        let bits = |value| -> Result<u64, Unfit> {
            Ok(collection(self.history, value)?.iter().map(bit).fold(0, |all, bit| all | bit))
        };
        let mut effects = self.effects(|operation| {
            Ok(match operation.kind {
                Kind::Read => Effect::Equals(bits(operation.value)?),
                Kind::Write => Effect::Become(bits(operation.value)?),
                Kind::Add => Effect::Put(bit(&operation.value)),
                Kind::Remove => Effect::Take(bit(&operation.value)),
                Kind::Cas | Kind::Append => return Err(format!("a set knows no {}", operation.kind.word())),
            })
        })?;
        // What concerns other elements says nothing of this one.
        for effect in &mut effects {
            *effect = effect.filter(|effect| !matches!(effect, Effect::Put(0) | Effect::Take(0)));
        }
        Ok((bits(self.initial())?, effects))
    }

    fn appends(&mut self) -> Result<(u64, Vec<Option<Effect>>), Unfit> {
        let reads = self.each().filter(|operation| operation.is_answered_read()).map(|read| read.value);
        let pieces = self
            .each()
            .filter(|operation| operation.may_have_effect())
            .map(|operation| (operation.value, operation.kind == Kind::Append));
        let (reads, pieces): (Vec<_>, Vec<_>) = (reads.collect(), pieces.collect());
        self.tree = Tree::new(self.history, self.initial(), &reads, &pieces);
        let tree = &self.tree;
        let effects = self.effects(|operation| {
            Ok(match operation.kind {
                Kind::Read => Effect::Equals(tree.node_of(self.history, operation.value)),
                Kind::Write => Effect::Become(tree.node_of(self.history, operation.value)),
                Kind::Append => match tree.only_place(operation.value) {
                    Some((from, to)) => Effect::Swap(from, to),
                    None if tree.has_piece(operation.value) => Effect::Extend(operation.value.0),
                    None => Effect::Become(OTHER),
                },
                Kind::Cas | Kind::Add | Kind::Remove => {
                    return Err(format!("a key that is appended to knows no {}", operation.kind.word()));
                }
            })
        })?;
        Ok((tree.node_of(self.history, self.initial()), effects))
    }
}
