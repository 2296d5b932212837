//! The face without a terminal: play scenarios to their end, print what came out, answer with an exit code.
//!
//! Start with [`run`] and [`compare::compare`]; [`report`] gives the shapes. Must not know: screens, keys, how anything is simulated.

pub mod compare;
pub mod export;
pub mod plays;
pub mod report;
mod staleness;
pub mod tables;
pub mod verify;
pub mod why;

use crate::base::time::VirtualTime;
use crate::cluster::live::HostKind;
use crate::driver::player::Player;
use crate::driver::replay::Replay;
use crate::driver::verdict::{Judgement, judge};
use crate::scenario::model::Scenario;
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// How a program ends (scenario.md section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// All as expected.
    AsExpected,
    /// An expectation failed or a violation was found.
    Violated,
    /// Wrong use or a bad file.
    BadInput,
    /// No verdict within the budget.
    Undecided,
    /// A recording no longer replays the same.
    Diverged,
    /// Our own bug.
    Bug,
    /// A signal, after cleaning up.
    Signal(u8),
}

impl Exit {
    /// The number given to the shell.
    pub fn code(self) -> u8 {
        match self {
            Exit::AsExpected => 0,
            Exit::Violated => 1,
            Exit::BadInput => 2,
            Exit::Undecided => 3,
            Exit::Diverged => 4,
            Exit::Bug => 101,
            Exit::Signal(number) => 128_u8.saturating_add(number),
        }
    }

    /// How a run ends that came to this.
    pub fn of(judgement: &Judgement) -> Exit {
        match (&judgement.replay, judgement.is_as_expected()) {
            (Replay::Differs(_), _) => Exit::Diverged,
            (_, true) => Exit::AsExpected,
            (_, false) => Exit::Violated,
        }
    }

    /// The graver of two ends: 2 over 4 over 1 over 3 over 0.
    pub fn graver(self, other: Exit) -> Exit {
        let weight = |exit: Exit| match exit {
            Exit::AsExpected => 0,
            Exit::Undecided => 1,
            Exit::Violated => 2,
            Exit::Diverged => 3,
            Exit::BadInput => 4,
            Exit::Bug => 5,
            Exit::Signal(_) => 6,
        };
        if weight(other) > weight(self) { other } else { self }
    }
}

/// What to run and how to print it.
#[derive(Clone, Debug)]
pub struct Order {
    /// The scenarios, in order.
    pub scenarios: Vec<Scenario>,
    /// The seeds each is played with; each scenario's own if `None`.
    pub seeds: Option<RangeInclusive<u64>>,
    /// One JSON object a line instead of a report.
    pub as_json: bool,
    /// What chains of causes to tell of each run, by the words of [`crate::base::why`].
    pub why: Vec<String>,
}

/// Plays every scenario with every seed; prints to `out`, one object or report after the other.
///
/// # Errors
/// If `out` cannot be written; a pipe whose reader has gone is no error.
pub fn run(order: &Order, out: &mut dyn Write) -> io::Result<Exit> {
    let mut exit = Exit::AsExpected;
    for scenario in &order.scenarios {
        let own = scenario.seed..=scenario.seed;
        for seed in order.seeds.clone().unwrap_or(own) {
            let scenario = Arc::new(reseeded(scenario, seed));
            let mut player = Player::new(Arc::clone(&scenario), HostKind::Inline)?;
            player.advance(VirtualTime(scenario.duration.0));
            let judgement = judge(&scenario, &mut player);
            let answers = why::ask(player.clusters(), &order.why);
            exit = exit.graver(Exit::of(&judgement));
            let printed = match order.as_json {
                true => report::write_json_with(&scenario, &judgement, &answers, out),
                false => report::write_text(&scenario, &judgement, out)
                    .and_then(|()| why::write_text(&scenario, &answers, out)),
            };
            match printed {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(exit),
                other => other?,
            }
        }
    }
    Ok(exit)
}

/// Prints `bytes`; a reader that has gone is no error.
///
/// # Errors
/// If standard output cannot be written for another reason.
pub fn print(bytes: &[u8]) -> io::Result<Exit> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(Exit::AsExpected),
    }
}

/// Says what is wrong, in one line on standard error. If that is closed, nobody is there to be told.
pub fn complain(what: &str) {
    let _ = writeln!(io::stderr(), "splitbrain: {what}");
}

/// The scenario under another seed.
pub fn reseeded(scenario: &Scenario, seed: u64) -> Scenario {
    let mut scenario = scenario.clone();
    scenario.seed = seed;
    scenario.runs.iter_mut().for_each(|run| run.setup.seed = seed);
    scenario
}
