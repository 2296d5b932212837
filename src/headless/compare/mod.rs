//! `splitbrain compare`: a scenario's runs side by side, played on one or several seeds, and what tells them apart.
//!
//! | file | story |
//! |---|---|
//! | [`table`] | the differences as rows: figures, their spread, who is better |
//! | [`settings`] | the knobs in which the runs differ |
//! | [`capacity`] | the highest rates that the runs keep up with |
//! | [`twins`] | the same seconds without the faults |
//! | [`notes`] | what must be said for honesty, where it is true |
//! | [`paper`] | text and Markdown |

pub mod capacity;
pub mod notes;
pub mod paper;
pub mod settings;
pub mod table;
pub mod twins;

use super::plays::play_each;
use super::{Exit, report, reseeded};
use crate::base::metric::Metric;
use crate::cluster::live::HostKind;
use crate::driver::verdict::{Judgement, play_out};
use crate::scenario::model::Scenario;
use capacity::{Capacity, Load};
use std::io::{self, Write};
use std::ops::RangeInclusive;
use std::sync::Arc;
use table::Table;

/// In what form a comparison is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// Columns of text.
    #[default]
    Text,
    /// A Markdown table.
    Markdown,
    /// The objects of `run --json`, one a line.
    Json,
}

/// What to compare and how to print it.
#[derive(Clone, Debug)]
pub struct Order {
    /// The scenario.
    pub scenario: Scenario,
    /// The seeds it is played with; its own if `None`.
    pub seeds: Option<RangeInclusive<u64>>,
    /// How to print it.
    pub form: Form,
    /// Whether to look for the highest rates that the runs keep up with.
    pub with_capacity: bool,
    /// Whether to play everything again without its faults.
    pub with_twins: bool,
}

/// The scenario played with one seed.
#[derive(Clone, Debug)]
pub struct Play {
    /// The scenario with that seed.
    pub scenario: Arc<Scenario>,
    /// What it came to.
    pub judgement: Judgement,
    /// What was found by bisection, run by run; empty if nobody asked.
    pub capacities: Vec<Capacity>,
}

/// Plays everything that `order` asks for and prints the comparison to `out`.
///
/// # Errors
/// If `out` cannot be written; a pipe whose reader has gone is no error.
pub fn compare(order: &Order, out: &mut dyn Write) -> io::Result<Exit> {
    let plays = play(order)?;
    let exit = plays.iter().map(|play| Exit::of(&play.judgement)).fold(Exit::AsExpected, Exit::graver);
    let printed = match order.form {
        Form::Json => {
            plays.iter().try_for_each(|play| report::write_json(&play.scenario, &play.judgement, out))
        }
        Form::Text => paper::write_text(&Table::of(&plays), &plays, out),
        Form::Markdown => paper::write_markdown(&Table::of(&plays), &plays, out),
    };
    match printed {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(error),
        _ => Ok(exit),
    }
}

/// Plays every seed.
///
/// # Errors
/// If the operating system gives no runtime for tasks.
pub fn play(order: &Order) -> io::Result<Vec<Play>> {
    let own = order.scenario.seed..=order.scenario.seed;
    let seeds: Vec<u64> = order.seeds.clone().unwrap_or(own).collect();
    let mut plays = play_each(seeds.len(), "seeds", |place| {
        let scenario = Arc::new(reseeded(&order.scenario, seeds[place]));
        let mut judgement = play_out(&scenario, HostKind::Inline)?;
        if order.with_twins {
            twins::measure(&scenario, &mut judgement)?;
        }
        Ok(Play { scenario, judgement, capacities: Vec::new() })
    })?;
    if order.with_capacity {
        add_capacities(&mut plays)?;
    }
    Ok(plays)
}

fn add_capacities(plays: &mut [Play]) -> io::Result<()> {
    let runs = plays.first().map_or(0, |play| play.scenario.runs.len());
    let searches: Vec<(usize, usize, Load)> = (0..plays.len())
        .flat_map(|play| (0..runs).map(move |run| (play, run)))
        .flat_map(|(play, run)| [Load::Reads, Load::Writes].map(|load| (play, run, load)))
        .collect();
    let found = play_each(searches.len(), "capacities", |place| {
        let (play, run, load) = searches[place];
        capacity::search(&plays[play].scenario.runs[run].setup, run, load)
    })?;
    for ((play, run, load), capacity) in searches.into_iter().zip(found) {
        let metric = match load {
            Load::Reads => Metric::ReadCapacity,
            Load::Writes => Metric::WriteCapacity,
        };
        if let Some(rate) = capacity.rate {
            plays[play].judgement.runs[run].metrics.put(metric, f64::from(rate));
        }
        plays[play].capacities.push(capacity);
    }
    Ok(())
}
