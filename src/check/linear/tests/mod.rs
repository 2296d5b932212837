//! Judges against each other and against brute force; correct histories pass, spoiled ones fail.

mod brute;
mod simulate;
mod stories;

use super::live::{Live, Standing};
use super::*;
use crate::check::history::{Builder, Call, Event, History};
use brute::has_order;
use simulate::{Chance, Plan, simulate, spoil};

/// Small histories, most of them spoiled.
fn small(model: Model, seed: u64) -> History {
    let mut chance = Chance(seed);
    let plan =
        Plan { values: 2 + chance.below(3), operations: 4 + chance.below(5) as usize, ..Plan::small(model) };
    let mut history = simulate(plan, &mut chance);
    for _ in 0..chance.below(4) {
        spoil(&mut history, &mut chance);
    }
    history
}

fn verdict(history: &History) -> Verdict {
    linearizable(history, Budget::default()).0
}

/// The general search alone, whatever else could judge the history.
fn searched(history: &History, model: Model) -> bool {
    let treated = treated(history, &history.by_key()[0]);
    let problem = Problem::new(history, &treated, model, false).expect("the model fits");
    match Search::new(problem).run(u64::MAX, u64::MAX) {
        Some(Found::Order) => true,
        Some(Found::NoOrder(_)) => false,
        other => panic!("a search without limits ended with {other:?}"),
    }
}

fn lived(history: &History) -> Standing {
    let mut live = Live::new();
    for (key, row) in (0..).map(KeyId).zip(&history.keys) {
        live.key(key, row.initial);
    }
    for event in history.in_order() {
        match event {
            Event::Call(id) => {
                let operation = &history.operations[id.index()];
                // What a read will return is not known yet.
                live.called(operation);
            }
            Event::End(id) => {
                live.ended(&history.operations[id.index()]);
            }
            Event::Mark(_) => {}
        }
    }
    live.standing(KeyId(0))
}

#[test]
fn every_model_agrees_with_brute_force() {
    for &(model, word) in MODELS {
        let mut fails = 0;
        for seed in 0..1_200 {
            let history = small(model, seed);
            let truth = has_order(&history, model);
            let judged = judge(&history, Options { model: Some(model), ..Options::default() }, &mut |_| {});
            let came = judged.verdict == Verdict::Pass;
            assert_eq!(came, truth, "{word}, seed {seed}: {history:#?}");
            assert_eq!(judged.witness.is_some(), !truth);
            fails += u32::from(!truth);
        }
        assert!((80..1_120).contains(&fails), "{word}: {fails} of 1200 have no order, which tests little");
    }
}

#[test]
fn failed_cas_as_answers_agree_with_brute_force() {
    for seed in 0..2_000 {
        let mut chance = Chance(seed);
        let mut history = simulate(Plan::small(Model::CasRegister), &mut chance);
        spoil(&mut history, &mut chance);
        let options = Options { failed_cas: FailedCas::Answer, ..Options::default() };
        let judged = judge(&history, options, &mut |_| {});
        assert_eq!(judged.verdict == Verdict::Pass, brute::has_order_with_answers(&history), "seed {seed}");
    }
}

#[test]
fn sets_that_shrink_agree_with_brute_force_as_a_whole_and_one_element_proves_a_violation() {
    let (mut fails, mut by_element) = (0, 0);
    for seed in 0..2_000 {
        let mut chance = Chance(seed);
        let plan = Plan { removals: 40, operations: 8, ..Plan::small(Model::Set) };
        let mut history = simulate(plan, &mut chance);
        for _ in 0..chance.below(3) {
            spoil(&mut history, &mut chance);
        }
        let truth = has_order(&history, Model::Set);
        let options = Options { model: Some(Model::Set), ..Options::default() };
        let judged = judge(&history, options, &mut |_| {});
        assert_eq!(judged.verdict == Verdict::Pass, truth, "seed {seed}: {history:#?}");
        assert_eq!(judged.witness.is_some(), !truth);
        fails += u32::from(!truth);
        let treated = treated(&history, &history.by_key()[0]);
        let is_out_of_order = |element: &ValueId| {
            let problem = Problem::of_element(&history, &treated, *element).expect("it is a set");
            matches!(Search::new(problem).run(u64::MAX, u64::MAX), Some(Found::NoOrder(_)))
        };
        if problem::elements(&history, &treated).expect("it is a set").iter().any(is_out_of_order) {
            assert!(!truth, "seed {seed}: one element has no order, the set has");
            by_element += 1;
        }
    }
    assert!((200..1_800).contains(&fails) && by_element > fails / 2, "{fails} fail, {by_element} by element");
}

/// More elements than a search takes: one of them comes back after it was taken out.
#[test]
fn a_large_set_is_judged_element_by_element() {
    let told = |comes_back: bool| {
        let mut builder = Builder::new(Datum::Nil);
        let (key, process) = (builder.key("s"), builder.process("0"));
        let all: Vec<ValueId> = (0..100).map(|n| builder.value(key, Datum::Int(n))).collect();
        let mut at = 0;
        let mut act = |builder: &mut Builder, call, saw| {
            at += 10;
            let id = builder.invoke(at, process, call);
            builder.end(at + 5, id, Outcome::Ok, saw);
        };
        for element in &all {
            act(&mut builder, Call::add(key, *element), None);
        }
        let out = Call { kind: Kind::Remove, ..Call::add(key, all[7]) };
        act(&mut builder, out, None);
        let left = all.iter().copied().filter(|element| comes_back || *element != all[7]);
        let left = builder.value(key, Datum::List(left.collect()));
        act(&mut builder, Call::read(key), Some(left));
        let history = builder.finish();
        let judged = judge(&history, Options::default(), &mut |_| {});
        (judged.verdict, judged.witness.map(|witness| witness.operations.len()), judged.keys[0].why.clone())
    };
    assert_eq!(told(true), (Verdict::Fail, Some(3), None), "put in, taken out, and read all the same");
    let (verdict, _, why) = told(false);
    assert_eq!(verdict, Verdict::Unknown);
    assert!(
        why.is_some_and(|why| why.starts_with("100 elements") && why.ends_with("wrong with single ones"))
    );
}

#[test]
fn sweep_search_and_live_sweep_agree_where_values_are_unique() {
    let mut fails = 0;
    for seed in 0..2_000 {
        let mut chance = Chance(seed);
        let plan = Plan { is_unique: true, operations: 24, processes: 4, ..Plan::small(Model::Register) };
        let mut history = simulate(plan, &mut chance);
        if chance.below(2) == 0 {
            spoil(&mut history, &mut chance);
        }
        let swept = zones::sweep(&history);
        assert!(swept.unfit.is_empty());
        let holds = swept.broken.is_empty();
        assert_eq!(searched(&history, Model::Register), holds, "seed {seed}: {history:#?}");
        assert_eq!(lived(&history) == Standing::Holds, holds, "seed {seed}, live");
        fails += u32::from(!holds);
    }
    assert!((200..1_800).contains(&fails), "{fails} of 2000 have no order, which tests little");
}

/// A witness says what it claims: its operations have no order though everything else may happen at any time or never.
#[test]
fn witnesses_stand_by_themselves_and_miss_nothing_they_name() {
    for &(model, word) in MODELS {
        for seed in 0..250 {
            let history = small(model, seed);
            let judged = judge(&history, Options { model: Some(model), ..Options::default() }, &mut |_| {});
            let Some(witness) = judged.witness else { continue };
            let ends = witness.operations.iter().map(|id| history.operations[id.index()].end);
            let last = ends.max().unwrap_or(NEVER);
            let stands = !brute::has_order_freed(&history, model, &witness.operations, last);
            assert!(stands, "{word}, seed {seed}: {witness:?} of {history:#?}");
            assert!(judged.verdict == Verdict::Fail && !witness.reason.is_empty());
        }
    }
}

#[test]
fn the_witness_of_unique_values_is_as_small_as_can_be() {
    let mut sizes = [0; 5];
    for seed in 0..500 {
        let mut chance = Chance(seed);
        let plan = Plan { is_unique: true, ..Plan::small(Model::Register) };
        let mut history = simulate(plan, &mut chance);
        spoil(&mut history, &mut chance);
        let Some(witness) = linearizable(&history, Budget::default()).1 else { continue };
        sizes[witness.operations.len()] += 1;
        let smaller = brute::smallest_pure(&history, witness.operations.len());
        assert!(
            !smaller,
            "seed {seed}: {} operations are not the fewest: {history:#?}",
            witness.operations.len()
        );
    }
    assert!(sizes[1] > 0 && sizes[2] > 0 && sizes[3] > 0, "sizes met: {sizes:?}");
}

#[test]
fn large_correct_histories_pass_and_spoiled_ones_fail() {
    for &(model, word) in MODELS {
        for seed in 0..4 {
            let mut chance = Chance(900 + seed);
            let plan = Plan { operations: 400, keys: 3, processes: 5, values: 4, ..Plan::small(model) };
            let plan = Plan { infos: 4, ..plan };
            let mut history = simulate(plan, &mut chance);
            assert_eq!(verdict(&history), Verdict::Pass, "{word}, seed {seed}");
            simulate::invent(&mut history);
            let (verdict, witness) = linearizable(&history, Budget::default());
            assert_eq!(verdict, Verdict::Fail, "{word}, seed {seed}");
            let operations = witness.expect("a failure has a witness").operations;
            assert!(operations.len() <= 3, "{word}, seed {seed}: {operations:?}");
        }
    }
}

#[test]
fn spent_budgets_end_in_unknown_and_the_same_steps_always() {
    let mut chance = Chance(3);
    let plan = Plan { operations: 120, processes: 12, values: 3, ..Plan::small(Model::CasRegister) };
    let history = simulate(plan, &mut chance);
    let with = |steps| {
        let budget = Budget { steps, ..Budget::default() };
        judge(&history, Options { budget, ..Options::default() }, &mut |_| {})
    };
    let (short, again) = (with(50), with(50));
    assert_eq!((short.verdict, short.steps), (Verdict::Unknown, again.steps));
    assert!(short.keys[0].why.as_deref().is_some_and(|why| why.contains("50 steps")));
    let tight = Budget { bytes: 1, ..Budget::default() };
    assert_eq!(linearizable(&history, tight).0, Verdict::Unknown);
}
