//! What must be said under the table for honesty, with this comparison's own figures, and only where they make it true.

use super::Play;
use super::table::{figure, seconds, spread};
use crate::base::command::Command;
use crate::base::knob::{Knobs, Topology};
use crate::base::metric::Metric;
use crate::base::spread::Spread;
use crate::scenario::model::Scenario;

/// Strict quorums are no better than the majority protocol if they serve at most this many points more.
const NO_BETTER: f64 = 5.0;

/// The notes that are true of `plays`.
pub fn notes(plays: &[Play]) -> Vec<String> {
    let mut notes = Vec::new();
    notes.extend(no_free_availability(plays));
    notes.extend(no_single_point_of_failure(plays));
    notes
}

/// (1) Peer-to-peer is not "AP, hence available".
fn no_free_availability(plays: &[Play]) -> Option<String> {
    let scenario = &plays[0].scenario;
    let window = plays[0].judgement.trouble?;
    let served = |run: usize| spread(plays, run, Metric::AvailWritePct, Some(window));
    let pairs =
        runs(scenario, is_majority).flat_map(|one| runs(scenario, is_strict).map(move |peers| (one, peers)));
    for (one, peers) in pairs {
        let (Some(of_one), Some(of_peers)) = (served(one), served(peers)) else { continue };
        let both_suffer = of_one.mean < 99.0 && of_peers.mean < 99.0;
        if both_suffer && of_peers.mean <= of_one.mean + NO_BETTER {
            let percent = |spread: &Spread| format!("{} %", figure(spread, Metric::AvailWritePct));
            return Some(format!(
                "Peers are not available for nothing. While faults were active ({}), `{}` with its strict quorums \
                 served {} of the writes and `{}` with its majority {}: about as unavailable in total. Peers spread \
                 the pain over keys, one primary over sides.",
                seconds(window),
                scenario.runs[peers].id,
                percent(&of_peers),
                scenario.runs[one].id,
                percent(&of_one),
            ));
        }
    }
    None
}

/// (2) A primary that a majority acknowledges and elects is no single point of failure either.
fn no_single_point_of_failure(plays: &[Play]) -> Option<String> {
    let scenario = &plays[0].scenario;
    let of = |run: usize, metric: Metric| spread(plays, run, metric, None);
    let replaced = |run: &usize| {
        let failovers = of(*run, Metric::Failovers).is_some_and(|count| count.least >= 1.0);
        failovers && of(*run, Metric::LostAcked).is_some_and(|lost| lost.most == 0.0)
    };
    let run = runs(scenario, is_majority).find(replaced)?;
    let (count, took) = (of(run, Metric::Failovers)?, of(run, Metric::FailoverMs)?);
    let mut note = format!(
        "A primary that a majority acknowledges and elects is no single point of failure either: `{}` replaced it {} \
         time(s), wrote again within {} ms at worst, and lost no acknowledged write.",
        scenario.runs[run].id,
        figure(&count, Metric::Failovers),
        figure(&took, Metric::FailoverMs),
    );
    if is_cut(scenario) {
        let most = of(run, Metric::WritableNodesMax)?;
        note.push_str(&format!(
            " What it cannot do is write on both sides of a cut: at most {} node(s) acknowledged writes at once.",
            figure(&most, Metric::WritableNodesMax)
        ));
    }
    Some(note)
}

fn runs(scenario: &Scenario, is_such: impl Fn(&Knobs) -> bool) -> impl Iterator<Item = usize> {
    let such = move |(_, run): &(usize, &crate::scenario::model::Run)| is_such(&run.setup.knobs);
    scenario.runs.iter().enumerate().filter(such).map(|(place, _)| place)
}

fn is_majority(knobs: &Knobs) -> bool {
    knobs.topology() == Topology::PrimaryReplica
        && knobs.word("ack") == "majority"
        && knobs.word("promotion") == "auto-quorum"
}

fn is_strict(knobs: &Knobs) -> bool {
    knobs.topology() == Topology::PeerToPeer
        && knobs.word("quorum") == "strict"
        && knobs.count("r") + knobs.count("w") > knobs.count("n")
}

fn is_cut(scenario: &Scenario) -> bool {
    let mut commands = scenario.timeline.iter().flat_map(|entry| &entry.commands);
    commands.any(|scoped| {
        matches!(
            scoped.command,
            Command::Partition { .. }
                | Command::Isolate { .. }
                | Command::RingMajorities
                | Command::Bridge { .. }
                | Command::Cut { .. }
        )
    })
}
