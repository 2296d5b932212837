//! How fast the world turns and the screen draws, beside what the machine could do at best, measured in one run.
//!
//! `cargo bench` prints medians and ratios. Absolute figures drift with the machine; the ratios are what counts.

#![allow(clippy::print_stdout, reason = "a benchmark prints what it measured")]

use splitbrain::base::delay::{DelayLaw, DelayTable};
use splitbrain::base::random::Keyed;
use splitbrain::base::time::{Span, VirtualTime};
use splitbrain::cluster::facts::Noting;
use splitbrain::cluster::live::{HostKind, begin};
use splitbrain::cluster::spec::RunSetup;
use splitbrain::scenario::model::Scenario;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::hint::black_box;
use std::time::Instant;

/// Interleaved rounds; the median of each figure is printed.
const ROUNDS: usize = 7;

fn main() {
    // `cargo bench -- judging` measures the judges alone, and so on.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [recordings::WEIGHING, what] => return recordings::weigh(what),
        ["films"] => return films::measure(),
        ["recordings"] => return recordings::measure(),
        _ => {}
    }
    let loaded = scenario();
    let setups: Vec<(String, RunSetup)> =
        loaded.runs.iter().map(|run| (run.id.clone(), busy(run.setup.clone()))).collect();
    if std::env::args().any(|argument| argument == "judging") {
        judging::measure();
        judging::watching(&setups);
        return noting(&setups);
    }
    let mut columns: Vec<Vec<f64>> = vec![Vec::new(); 1 + 2 * setups.len()];
    for _ in 0..ROUNDS {
        columns[0].push(bare_loop());
        for (place, (_, setup)) in setups.iter().enumerate() {
            columns[1 + 2 * place].push(hosted(setup, HostKind::Inline));
            columns[2 + 2 * place].push(hosted(setup, HostKind::Tasks));
        }
    }
    let bare = median(&columns[0]);
    println!("events per second (median of {ROUNDS} interleaved rounds)");
    println!("  {:<40} {:>8.2} M   1.00", "bare loop: heap, one delay drawn an event", bare / 1e6);
    for (place, (id, _)) in setups.iter().enumerate() {
        let (inline, tasks) = (median(&columns[1 + 2 * place]), median(&columns[2 + 2 * place]));
        println!("  {:<40} {:>8.2} M   {:.2} of bare", format!("{id}, inline"), inline / 1e6, inline / bare);
        println!("  {:<40} {:>8.2} M   {:.2} of inline", format!("{id}, tasks"), tasks / 1e6, tasks / inline);
    }
    noting(&setups);
    flagship(&loaded);
    judging::measure();
    judging::watching(&setups);
    frames::measure();
    recordings::measure();
    films::measure();
    start::measure();
}

mod films;
mod frames;
mod judging;
mod recordings;
mod start;

fn scenario() -> Scenario {
    splitbrain::scenario::presets::load("same-cut-four-answers").expect("the preset loads")
}

/// The run under ten times its load, so that protocols and not heartbeats are measured.
fn busy(mut setup: RunSetup) -> RunSetup {
    setup.workload.rate = 2_000;
    setup
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// The physical limit: take the earliest of 100 pending events, draw one delay, push its successor.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn bare_loop() -> f64 {
    const EVENTS: u64 = 3_000_000;
    let (chance, delay) = (
        Keyed::new(1, "bench"),
        DelayTable::new(DelayLaw::Lognormal { median: Span::millis(1), sigma_milli: 400 }),
    );
    let mut heap: BinaryHeap<Reverse<(VirtualTime, u64)>> =
        (0..100).map(|n| Reverse((VirtualTime(n), n))).collect();
    let began = Instant::now();
    for n in 0..EVENTS {
        let Reverse((at, _)) = heap.pop().expect("100 are always pending");
        heap.push(Reverse((at + delay.sample(chance.bits(n, 0)), 100 + n)));
    }
    black_box(&heap);
    EVENTS as f64 / began.elapsed().as_secs_f64()
}

/// What it costs that facts are kept for stories, and that nodes tell the judges of merges, cuts and lag.
fn noting(setups: &[(String, RunSetup)]) {
    println!(
        "\nevents per second, inline, with less noted for the judges (median of {ROUNDS} interleaved rounds)"
    );
    for (id, setup) in setups {
        let mut columns = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            for (column, noting) in
                columns.iter_mut().zip([Noting::Everything, Noting::NoStories, Noting::Nothing])
            {
                column.push(turned(setup, HostKind::Inline, noting));
            }
        }
        let [all, no_stories, nothing] = columns.map(|column| median(&column));
        println!(
            "  {id:<20} everything {:>6.2} M, no stories {:.2} times as many, nothing {:.2}",
            all / 1e6,
            no_stories / all,
            nothing / all
        );
    }
}

fn hosted(setup: &RunSetup, host: HostKind) -> f64 {
    turned(setup, host, Noting::Everything)
}

/// Ten virtual seconds of a run on a host: events handled per real second.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn turned(setup: &RunSetup, host: HostKind, noting: Noting) -> f64 {
    let mut cluster = begin(setup.clone(), host).expect("a runtime");
    cluster.note(noting);
    cluster.advance(VirtualTime(1_000_000));
    let (before, began) = (cluster.events(), Instant::now());
    cluster.advance(VirtualTime(6_000_000));
    (cluster.events() - before) as f64 / began.elapsed().as_secs_f64()
}

/// The whole flagship, four runs of 30 s, played, settled and judged.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn flagship(scenario: &Scenario) {
    let scenario = std::sync::Arc::new(scenario.clone());
    let mut seconds = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        black_box(splitbrain::driver::verdict::play_out(&scenario, HostKind::Inline).expect("a world"));
        seconds.push(began.elapsed().as_secs_f64());
    }
    println!("\nthe four-run flagship, headless: {:.2} s", median(&seconds));
}
