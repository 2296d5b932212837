//! What judging a history costs, beside one linear pass over the same history.

use splitbrain::base::random::Keyed;
use splitbrain::base::time::VirtualTime;
use splitbrain::check::history::{Builder, Call, Datum, History, KeyId, Kind, OperationId, Outcome, ValueId};
use splitbrain::check::linear::{Budget, FailedCas, Options, judge, linearizable, zones};
use splitbrain::check::order_watch::OrderWatch;
use splitbrain::check::{Order, Verdict};
use splitbrain::cluster::live::{HostKind, begin};
use splitbrain::cluster::measure::WHOLE;
use splitbrain::cluster::promises::{PromiseWatch, Promises};
use splitbrain::cluster::spec::RunSetup;
use std::hint::black_box;
use std::time::Instant;

/// What to simulate: a single copy whose clients see it late.
#[derive(Clone, Copy)]
struct Load {
    operations: usize,
    clients: u64,
    keys: u64,
    /// How many values there are; each write has its own if 0.
    values: u64,
    has_cas: bool,
    /// Of a hundred writes, how many are never answered.
    unanswered: u64,
}

struct Busy {
    id: OperationId,
    call: Call,
    has_effect: bool,
    outcome: Outcome,
    saw: Option<ValueId>,
}

fn simulate(load: Load, seed: u64) -> History {
    let (chance, mut draws) = (Keyed::new(seed, "judging"), 0);
    let mut below = |limit: u64| {
        draws += 1;
        chance.bits(draws, 0) % limit
    };
    let mut builder = Builder::new(Datum::Nil);
    let keys: Vec<KeyId> = (0..load.keys).map(|key| builder.key(&key.to_string())).collect();
    let mut held: Vec<ValueId> = keys.iter().map(|key| builder.initial(*key)).collect();
    let mut busy: Vec<Option<Busy>> = (0..load.clients).map(|_| None).collect();
    let mut names: Vec<u64> = (0..load.clients).collect();
    let (mut begun, mut at) = (0, 0);
    while begun < load.operations || busy.iter().any(Option::is_some) {
        at += 1_000;
        let client = below(load.clients) as usize;
        match busy[client].take() {
            None if begun < load.operations => {
                begun += 1;
                let key = keys[below(load.keys) as usize];
                let number = if load.values == 0 { begun as u64 } else { below(load.values) };
                let value = builder.value(key, Datum::Int(number as i64));
                let call = match below(4) {
                    0 | 1 => Call::read(key),
                    2 if load.has_cas => {
                        let expected = builder.value(key, Datum::Int(below(load.values) as i64));
                        Call::cas(key, expected, value)
                    }
                    _ => Call::write(key, value),
                };
                let is_lost = call.kind != Kind::Read && below(100) < load.unanswered;
                let process = builder.process(&names[client].to_string());
                let id = builder.invoke(at, process, call);
                let outcome = if is_lost { Outcome::Info } else { Outcome::Ok };
                busy[client] = Some(Busy { id, call, has_effect: false, outcome, saw: None });
            }
            None => {}
            Some(mut one) if !one.has_effect => {
                one.has_effect = true;
                let there = &mut held[one.call.key.index()];
                match one.call.kind {
                    Kind::Read => one.saw = Some(*there),
                    Kind::Cas if *there != one.call.expected && one.outcome == Outcome::Ok => {
                        one.outcome = Outcome::Fail;
                    }
                    Kind::Cas if *there != one.call.expected => {}
                    _ => *there = one.call.value,
                }
                busy[client] = Some(one);
            }
            Some(one) => {
                if one.outcome == Outcome::Info {
                    names[client] += load.clients;
                }
                builder.end(at, one.id, one.outcome, one.saw);
            }
        }
    }
    builder.finish()
}

/// The limit: every operation read once, its places and its value used.
fn pass(history: &History) -> u64 {
    let folded = history.operations.iter().map(|operation| {
        u64::from(operation.call ^ operation.end) + u64::from(operation.value.0) + operation.kind as u64
    });
    folded.sum()
}

/// Nanoseconds of `work`, the median of several rounds of `times`.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timed(times: usize, mut work: impl FnMut()) -> f64 {
    let mut rounds = Vec::new();
    for _ in 0..super::ROUNDS {
        let began = Instant::now();
        (0..times).for_each(|_| work());
        rounds.push(began.elapsed().as_secs_f64() * 1e9 / times as f64);
    }
    super::median(&rounds)
}

fn row(name: &str, history: &History, times: usize) {
    assert_eq!(linearizable(history, Budget::default()).0, Verdict::Pass, "{name}");
    let operations = history.operations.len() as f64;
    let limit = timed(times, || {
        black_box(pass(black_box(history)));
    });
    let sweep = timed(times, || {
        black_box(zones::sweep(black_box(history)));
    });
    let whole = timed(times, || {
        black_box(linearizable(black_box(history), Budget::default()));
    });
    println!(
        "  {name:<44} {:>6.2} {:>8.2} {:>8.2} {:>7.1} {:>10.1}",
        limit / operations,
        sweep / operations,
        whole / operations,
        whole / limit,
        whole / 1e3
    );
}

/// Prints nanoseconds per operation and the ratio to one pass.
pub(crate) fn measure() {
    let unique = Load { operations: 10_000, clients: 5, keys: 1, values: 0, has_cas: false, unanswered: 0 };
    println!("\njudging histories, ns per operation (median of {} rounds)", super::ROUNDS);
    println!(
        "  {:<44} {:>6} {:>8} {:>8} {:>7} {:>10}",
        "unique values", "pass", "sweep", "verdict", "ratio", "whole, us"
    );
    row("10 000 operations, 5 clients, 1 key", &simulate(unique, 1), 50);
    row("10 000 operations, 20 clients, 1 key", &simulate(Load { clients: 20, ..unique }, 1), 50);
    row("10 000 operations, 10 clients, 16 keys", &simulate(Load { clients: 10, keys: 16, ..unique }, 1), 50);
    let million = Load { operations: 1_000_000, clients: 10, keys: 16, ..unique };
    row("1 000 000 operations, 10 clients, 16 keys", &simulate(million, 1), 1);
    logs();
}

/// A run of sixty seconds at 2 000 operations a second, judged once a second by judges that go on from where they
/// were, and by such that begin again.
pub(crate) fn watching(setups: &[(String, RunSetup)]) {
    println!("\njudging a run once a second for 60 s, in all: promises to sessions and order of keys");
    for (id, setup) in setups {
        let mut cluster = begin(setup.clone(), HostKind::Inline).expect("a runtime");
        let (mut promises, mut order) = (PromiseWatch::default(), OrderWatch::default());
        let (mut watched, mut again) = (0.0, 0.0);
        for second in 1..=60 {
            cluster.advance(VirtualTime(second * 1_000_000));
            let (ledger, names) = (cluster.ledger(), cluster.names());
            watched += once(|| {
                black_box(promises.look(ledger));
                black_box(order.look(ledger, &names, cluster.now(), false));
            });
            again += once(|| {
                black_box(Promises::of(ledger, WHOLE));
                black_box(Order::of(ledger, &names));
            });
        }
        let operations = f64::from(cluster.ledger().records_len());
        println!(
            "  {id:<20} {operations:>7} operations: going on {:>6.0} ns each, beginning again {:>7.0} ns each",
            watched / operations,
            again / operations
        );
    }
}

/// Nanoseconds of `work`, done once.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn once(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1e9
}

/// Contended cas registers of few values and many operations that never end.
fn logs() {
    let load = Load { operations: 80, clients: 5, keys: 1, values: 5, has_cas: true, unanswered: 25 };
    let histories: Vec<History> = (0..100).map(|seed| simulate(load, seed)).collect();
    let options = Options { failed_cas: FailedCas::Answer, ..Options::default() };
    let mut each: Vec<f64> = Vec::new();
    for history in &histories {
        let judged = judge(history, options, &mut |_| {});
        assert_eq!(judged.verdict, Verdict::Pass);
        each.push(timed(20, || {
            black_box(judge(black_box(history), options, &mut |_| {}));
        }));
    }
    let limit = timed(20, || {
        histories.iter().for_each(|history| {
            black_box(pass(black_box(history)));
        })
    });
    let sum: f64 = each.iter().sum();
    let worst = each.iter().copied().fold(0.0, f64::max);
    println!("  100 cas logs of 80 operations, a quarter of the writes never answered:");
    println!(
        "    median {:.1} us, worst {:.1} us, all {:.2} ms, {:.0} times one pass",
        super::median(&each) / 1e3,
        worst / 1e3,
        sum / 1e6,
        sum / limit
    );
}
