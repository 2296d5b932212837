//! Whether a recording still comes out as it did. Digests after every 10 000 events narrow down where it parts.

use super::player::Player;
use crate::base::time::VirtualTime;
use crate::cluster::live::Cluster;
use crate::cluster::world::MILESTONE_EVENTS;
use crate::scenario::model::{RecordedEnd, RecordedRun, SEMANTICS, Scenario};
use crate::scenario::write::world_hash;

/// What came of playing a recording again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The scenario is no recording.
    NoRecording,
    /// The recording did not come to its end; there is nothing to compare with.
    Unfinished,
    /// Settings or commands were changed since; it is a scenario of its own.
    Edited,
    /// Every run came out the same.
    Same,
    /// Runs came out otherwise.
    Differs(Vec<Parting>),
}

/// Where a run parts from what was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parting {
    /// The run, by its place.
    pub run: usize,
    /// The first event that differs is this one or a later one, counted from 1.
    pub first: u64,
    /// It is this one at the latest.
    pub last: u64,
    /// When the event before `first` happened in the replay.
    pub from: VirtualTime,
    /// When `last` happened in the replay, or where the replay stands.
    pub to: VirtualTime,
    /// The semantics of the program that recorded it, if they are others.
    pub semantics: Option<u32>,
}

impl std::fmt::Display for Parting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Parting { first, last, from, to, .. } = self;
        write!(f, "the first event that differs is among {first} to {last}, between {from} and {to}")?;
        match self.semantics {
            Some(theirs) => {
                write!(f, "; it was recorded under semantics {theirs}, this program has {SEMANTICS}")
            }
            None => Ok(()),
        }
    }
}

/// Compares runs that stand at the end of a recording with what it says of them.
pub fn compare(scenario: &Scenario, player: &mut Player) -> Replay {
    let Some(recorded) = &scenario.recorded else { return Replay::NoRecording };
    let Some(end) = &recorded.end else { return Replay::Unfinished };
    if !is_the_world_of(scenario, end, player.now()) {
        return Replay::Edited;
    }
    let semantics = (recorded.semantics != SEMANTICS).then_some(recorded.semantics);
    let partings: Vec<Parting> = player
        .clusters()
        .iter()
        .zip(&end.runs)
        .enumerate()
        .filter_map(|(run, (cluster, wanted))| parting(run, cluster.as_ref(), wanted, semantics))
        .collect();
    if partings.is_empty() { Replay::Same } else { Replay::Differs(partings) }
}

fn is_the_world_of(scenario: &Scenario, end: &RecordedEnd, now: VirtualTime) -> bool {
    world_hash(scenario) == end.world && now == end.at
}

fn parting(
    run: usize,
    cluster: &dyn Cluster,
    wanted: &RecordedRun,
    semantics: Option<u32>,
) -> Option<Parting> {
    if (cluster.digest(), cluster.events()) == (wanted.digest, wanted.events) {
        return None;
    }
    let ours = cluster.milestones();
    let same =
        ours.iter().zip(&wanted.milestones).take_while(|(ours, theirs)| ours.digest == **theirs).count();
    let last = (same as u64 + 1) * MILESTONE_EVENTS;
    Some(Parting {
        run,
        first: same as u64 * MILESTONE_EVENTS + 1,
        last: last.min(wanted.events.max(cluster.events())),
        from: same.checked_sub(1).map_or(VirtualTime::ZERO, |place| ours[place].at),
        to: ours.get(same).map_or(cluster.now(), |milestone| milestone.at),
        semantics,
    })
}

/// What a recording that ends where its runs stand says of them.
pub fn ending(scenario: &Scenario, player: &mut Player) -> RecordedEnd {
    let (at, world) = (player.now(), world_hash(scenario));
    let runs = player.clusters().iter().map(|cluster| result(cluster.as_ref())).collect();
    RecordedEnd { at, world, runs }
}

fn result(cluster: &dyn Cluster) -> RecordedRun {
    RecordedRun {
        events: cluster.events(),
        digest: cluster.digest(),
        milestones: cluster.milestones().iter().map(|milestone| milestone.digest).collect(),
    }
}
