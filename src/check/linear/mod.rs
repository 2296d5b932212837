//! Is a client history linearizable: could every operation have taken effect at one instant between its call and its
//! end, in one order, as if there were a single copy? Three-valued, with evidence.
//!
//! Linearizability is local (Herlihy and Wing, 1990): each key is judged alone, all keys must hold.
//!
//! | keys | judged by | cost |
//! |---|---|---|
//! | registers whose values are written once each | [`zones`] | one pass, linear; [`live`] says it event by event |
//! | sets that only grow | `sets`: two greedy rules | linear in what was read |
//! | everything else: cas, repeated values, counters, appends, sets of up to 63 elements that shrink too | `search` | exponential at worst, so it has a budget |
//! | larger sets that shrink too | `search`, each element by itself | the same; it can find a violation, and else knows nothing |
//!
//! Start with [`linearizable`] or, for more than a verdict, [`judge`].
//!
//! Must not know: where a history came from.

mod frontier;
pub mod live;
mod problem;
mod search;
mod sets;
mod shrink;
mod tree;
pub mod witness;
pub mod zones;

#[cfg(test)]
mod tests;

use super::Verdict;
use super::history::{Datum, History, KeyId, Kind, NEVER, Operation, OperationId, Outcome, ValueId};
use problem::{Problem, Treated};
use search::{Found, Search};
pub use witness::Witness;

/// What a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Read and written as a whole.
    Register,
    /// And compared and set.
    CasRegister,
    /// Elements are added; reads show all of them.
    Set,
    /// Things are put, and appended to what is there; reads show all of it.
    Append,
    /// Counted by numbers; reads show the sum.
    Counter,
}

/// The models with their words.
pub const MODELS: &[(Model, &str)] = &[
    (Model::Register, "register"),
    (Model::CasRegister, "cas-register"),
    (Model::Set, "set"),
    (Model::Append, "append"),
    (Model::Counter, "counter"),
];

impl Model {
    /// Its word.
    pub fn word(self) -> &'static str {
        MODELS[self as usize].1
    }

    /// The model that fits these operations of one key: by what they do, and adds by what reads show.
    pub fn of<'a>(history: &History, operations: impl Iterator<Item = &'a Operation>) -> Model {
        let (mut has_cas, mut adds, mut numbers) = (false, false, 0);
        for operation in operations {
            match operation.kind {
                Kind::Append => return Model::Append,
                Kind::Cas => has_cas = true,
                Kind::Add | Kind::Remove => adds = true,
                Kind::Read if operation.outcome == Outcome::Ok => match history.datum(operation.value) {
                    Datum::Int(_) => numbers += 1,
                    Datum::List(_) => numbers -= 1,
                    _ => {}
                },
                Kind::Read | Kind::Write => {}
            }
        }
        match (has_cas, adds) {
            (true, false) => Model::CasRegister,
            (_, true) if numbers > 0 => Model::Counter,
            (_, true) => Model::Set,
            _ => Model::Register,
        }
    }
}

/// How much may be spent. Steps, not seconds: the same history gets the same verdict on every machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Attempts to let an operation take effect, over all keys; a second is 5 to 20 million of them.
    pub steps: u64,
    /// Bytes held by searches.
    pub bytes: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { steps: 50_000_000, bytes: 1 << 30 }
    }
}

/// What a failed compare-and-set says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FailedCas {
    /// That it did not happen, as every failure.
    #[default]
    Absent,
    /// That the value was another than the expected one, at some instant between call and end.
    Answer,
}

/// How to judge.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What all keys are; each key what its operations say if `None`.
    pub model: Option<Model>,
    /// What a failed compare-and-set says.
    pub failed_cas: FailedCas,
    /// How much may be spent.
    pub budget: Budget,
}

/// How a key was judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// One sweep over unique values.
    Zones,
    /// Greedy, a growing set.
    Greedy,
    /// The general search.
    Search,
}

/// What one key came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyVerdict {
    /// The key.
    pub key: KeyId,
    /// What it was taken for.
    pub model: Model,
    /// How it was judged.
    pub method: Method,
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is unknown.
    pub why: Option<String>,
}

/// What a history came to.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Fail if any key fails, else unknown if any key is unknown, else pass.
    pub verdict: Verdict,
    /// Every key.
    pub keys: Vec<KeyVerdict>,
    /// Evidence of the first key that fails.
    pub witness: Option<Witness>,
    /// Steps spent by searches.
    pub steps: u64,
}

/// Whether `history` is linearizable, each key under the model that its operations suggest; with evidence if not.
///
/// The way in for a checker of runs: build a history ([`super::history::Builder`]), call this, show
/// [`Witness::reason`] or [`Witness::draw`].
pub fn linearizable(history: &History, budget: Budget) -> (Verdict, Option<Witness>) {
    let judged = judge(history, Options { budget, ..Options::default() }, &mut |_| {});
    (judged.verdict, judged.witness)
}

/// Judges every key of `history`. `progress` is told the share of the budget spent so far, in thousandths.
pub fn judge(history: &History, options: Options, progress: &mut dyn FnMut(u64)) -> Judged {
    let mut court = Court::new(history, options);
    court.sweep();
    court.try_sets();
    court.search(progress);
    court.conclude()
}

/// The longest time slice of a search in its first round, in steps; it doubles each round.
const SLICE: u64 = 4_000;

struct Court<'a> {
    history: &'a History,
    options: Options,
    /// The operations of each key.
    by_key: Vec<Vec<OperationId>>,
    keys: Vec<KeyVerdict>,
    /// The keys that are still to be judged, by place among `keys`.
    open: Vec<usize>,
    steps: u64,
    /// The first key found to fail, with the operation at whose end that was seen.
    failed: Option<(usize, OperationId)>,
    /// The element of that key, a set, that was judged by itself.
    element: Option<ValueId>,
}

impl<'a> Court<'a> {
    fn new(history: &'a History, options: Options) -> Self {
        let keys = history.keys.len();
        Court {
            history,
            options,
            by_key: Vec::new(),
            keys: Vec::with_capacity(keys),
            open: Vec::new(),
            steps: 0,
            failed: None,
            element: None,
        }
    }

    /// Judges the keys that the sweep can judge, all in one go, and finds the model of the others.
    fn sweep(&mut self) {
        let swept = match self.options.model {
            None | Some(Model::Register | Model::CasRegister) => zones::sweep(self.history),
            Some(_) => zones::Swept {
                unfit: (0..).map(KeyId).take(self.history.keys.len()).collect(),
                ..zones::Swept::default()
            },
        };
        if !swept.unfit.is_empty() || !swept.broken.is_empty() {
            self.by_key = self.history.by_key();
        }
        let (mut unfit, mut broken) =
            (swept.unfit.into_iter().peekable(), swept.broken.into_iter().peekable());
        for key in (0..).map(KeyId).take(self.history.keys.len()) {
            let mut row = KeyVerdict {
                key,
                model: self.options.model.unwrap_or(Model::Register),
                method: Method::Zones,
                verdict: Verdict::Pass,
                why: None,
            };
            if unfit.next_if_eq(&key).is_some() {
                let operations = self.by_key[key.index()].iter();
                let operations = operations.map(|id| &self.history.operations[id.index()]);
                row.model = self.options.model.unwrap_or_else(|| Model::of(self.history, operations));
                (row.method, row.verdict) = (Method::Search, Verdict::Unknown);
                self.open.push(self.keys.len());
            } else if broken.next_if_eq(&key).is_some() {
                row.verdict = Verdict::Fail;
                if self.failed.is_none() {
                    self.failed = Some((self.keys.len(), OperationId(0)));
                }
            }
            self.keys.push(row);
        }
    }

    fn treated(&self, place: usize) -> Vec<Treated> {
        treated(self.history, &self.by_key[self.keys[place].key.index()])
    }

    fn try_sets(&mut self) {
        let open = std::mem::take(&mut self.open);
        for place in open {
            if self.keys[place].model != Model::Set {
                self.open.push(place);
                continue;
            }
            let treated = self.treated(place);
            self.steps += sets::cost(self.history, &treated);
            self.keys[place].method = Method::Greedy;
            match sets::stuck(self.history, &treated) {
                Ok(None) => self.keys[place].verdict = Verdict::Pass,
                Ok(Some(stuck)) => self.fail(place, stuck),
                // It does not only grow.
                Err(_) => {
                    self.keys[place].method = Method::Search;
                    self.open.push(place);
                }
            }
        }
    }

    /// Judges a set too large to be searched: if one of its elements has no order, the set has none.
    fn try_elements(&mut self, place: usize, treated: &[Treated], why: String) {
        let Ok(elements) = problem::elements(self.history, treated) else {
            self.keys[place].why = Some(why);
            return;
        };
        for element in elements {
            let Ok(problem) = Problem::of_element(self.history, treated, element) else { break };
            let mut search = Search::new(problem);
            let left = self.options.budget.steps.saturating_sub(self.steps);
            let found = search.run(left, self.options.budget.bytes);
            self.steps += search.steps();
            match found {
                Some(Found::NoOrder(last)) => {
                    let was = self.failed;
                    self.fail(place, last);
                    if self.failed != was {
                        self.element = Some(element);
                    }
                    return;
                }
                Some(Found::Order) => {}
                Some(Found::TooLarge) | None => break,
            }
        }
        self.keys[place].why = Some(format!("{why}; nothing was wrong with single ones"));
    }

    fn fail(&mut self, place: usize, last: OperationId) {
        self.keys[place].verdict = Verdict::Fail;
        if self.failed.is_none_or(|(known, _)| place < known) {
            (self.failed, self.element) = (Some((place, last)), None);
        }
    }

    /// Searches the keys that are left in turns, each turn twice as long, so that none can hide another's violation.
    fn search(&mut self, progress: &mut dyn FnMut(u64)) {
        let mut searches: Vec<(usize, Search)> = Vec::new();
        for place in std::mem::take(&mut self.open) {
            let treated = self.treated(place);
            let (model, fails_answer) = (self.keys[place].model, self.fails_answer());
            match Problem::new(self.history, &treated, model, fails_answer) {
                Ok(problem) => searches.push((place, Search::new(problem))),
                Err(why) if model == Model::Set => self.try_elements(place, &treated, why),
                Err(why) => self.keys[place].why = Some(why),
            }
        }
        let (mut slice, mut limit) = (SLICE, self.options.budget.steps);
        while !searches.is_empty() {
            let had_failed = self.failed.is_some();
            self.round(&mut searches, slice, limit);
            if self.failed.is_some() && !had_failed {
                // A violation is found: the others get as much again as was spent, no more.
                limit = limit.min(self.steps.saturating_mul(2).max(1_000_000));
            }
            progress(self.steps.saturating_mul(1000) / limit.max(1));
            if self.steps >= limit {
                break;
            }
            slice = slice.saturating_mul(2);
        }
        for (place, _) in searches {
            self.keys[place].why = Some(format!("not decided within {limit} steps"));
        }
    }

    /// One turn for each search; those that are done leave.
    fn round(&mut self, searches: &mut Vec<(usize, Search)>, slice: u64, limit: u64) {
        let bytes = self.options.budget.bytes;
        searches.retain_mut(|(place, search)| {
            let (place, before) = (*place, search.steps());
            let left = limit.saturating_sub(self.steps);
            let found = search.run(before.saturating_add(slice.min(left)), bytes);
            self.steps += search.steps() - before;
            match found {
                None => return true,
                Some(Found::Order) => self.keys[place].verdict = Verdict::Pass,
                Some(Found::NoOrder(last)) => self.fail(place, last),
                Some(Found::TooLarge) => {
                    self.keys[place].why = Some(format!("the search would hold more than {bytes} bytes"));
                }
            }
            false
        });
    }

    fn fails_answer(&self) -> bool {
        self.options.failed_cas == FailedCas::Answer
    }

    fn conclude(mut self) -> Judged {
        let has = |verdict| self.keys.iter().any(|row| row.verdict == verdict);
        let verdict = match (has(Verdict::Fail), has(Verdict::Unknown)) {
            (true, _) => Verdict::Fail,
            (false, true) => Verdict::Unknown,
            (false, false) => Verdict::Pass,
        };
        let witness = self.failed.and_then(|(place, last)| self.witness(place, last));
        Judged { verdict, keys: self.keys, witness, steps: self.steps }
    }

    fn witness(&mut self, place: usize, last: OperationId) -> Option<Witness> {
        let row = &self.keys[place];
        let operations = &self.by_key[row.key.index()];
        if row.method == Method::Zones {
            return zones::witness(self.history, operations);
        }
        let treated = treated(self.history, operations);
        let prefix = match row.model {
            // What is stuck there may be so for the sake of a later read.
            Model::Set | Model::Counter | Model::Append => treated,
            Model::Register | Model::CasRegister => {
                until(&treated, self.history.operations[last.index()].end)
            }
        };
        let case = shrink::Case {
            history: self.history,
            model: row.model,
            fails_answer: self.fails_answer(),
            element: self.element,
        };
        Some(case.witness(&prefix, &mut self.steps))
    }
}

/// Operations with their own intervals.
fn treated(history: &History, operations: &[OperationId]) -> Vec<Treated> {
    let own = |id: &OperationId| {
        let operation = &history.operations[id.index()];
        let end =
            if matches!(operation.outcome, Outcome::Ok | Outcome::Fail) { operation.end } else { NEVER };
        Treated { id: *id, call: operation.call, end }
    };
    operations.iter().map(own).collect()
}

/// What was called by `place`, as far as it was known then.
fn until(treated: &[Treated], place: u32) -> Vec<Treated> {
    let cut = |one: &Treated| Treated { end: if one.end > place { NEVER } else { one.end }, ..*one };
    treated.iter().filter(|one| one.call < place).map(cut).collect()
}
