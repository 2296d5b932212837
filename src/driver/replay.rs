//! Whether a recording still comes out as it did. Digests say whether it does; the footprint that every event left
//! names the first one that does not.

use super::player::Player;
use crate::base::footprint::Footprint;
use crate::base::time::VirtualTime;
use crate::cluster::footprints::MILESTONE_EVENTS;
use crate::cluster::live::{Cluster, HostKind};
use crate::scenario::model::{RecordedEnd, RecordedRun, SEMANTICS, Scenario};
use crate::scenario::spell;
use crate::scenario::write::world_hash;
use std::sync::Arc;

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
    /// The first event that differs, counted from 1; it or a later one where the recording has no footprints.
    pub first: u64,
    /// It is this one at the latest.
    pub last: u64,
    /// When the event before `first` happened in the replay.
    pub from: VirtualTime,
    /// When `last` happens in the replay, or where the replay stands.
    pub to: VirtualTime,
    /// What the first event that differs is in the replay.
    pub what: Option<String>,
    /// The semantics of the program that recorded it, if they are others.
    pub semantics: Option<u32>,
}

impl std::fmt::Display for Parting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Parting { first, last, from, to, .. } = self;
        match (&self.what, first == last) {
            (Some(what), _) => write!(f, "event {first} at {to} is the first that differs; here {what}")?,
            (None, true) => write!(f, "event {first} is the first that differs, after {from}")?,
            (None, false) => {
                write!(
                    f,
                    "the first event that differs is among {first} to {last}, between {from} and {to}"
                )?;
            }
        }
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
        .filter_map(|(run, (cluster, wanted))| parting(run, cluster.as_ref(), wanted))
        .map(|parting| Parting { semantics, ..told(scenario, parting) })
        .collect();
    if partings.is_empty() { Replay::Same } else { Replay::Differs(partings) }
}

fn is_the_world_of(scenario: &Scenario, end: &RecordedEnd, now: VirtualTime) -> bool {
    world_hash(scenario) == end.world && now == end.at
}

fn parting(run: usize, cluster: &dyn Cluster, wanted: &RecordedRun) -> Option<Parting> {
    if (cluster.digest(), cluster.events()) == (wanted.digest, wanted.events) {
        return None;
    }
    let ours = cluster.footprints();
    let same = ours.milestones().zip(&wanted.milestones).take_while(|(ours, theirs)| ours.digest == **theirs);
    let (count, from) = same.fold((0, VirtualTime::ZERO), |(count, _), (ours, _)| (count + 1, ours.at));
    let first = count * MILESTONE_EVENTS + 1;
    let last = (first - 1 + MILESTONE_EVENTS).min(wanted.events.max(cluster.events()));
    let to = ours.milestones().nth(count as usize).map_or(cluster.now(), |milestone| milestone.at);
    let mut parting = Parting { run, first, last, from, to, what: None, semantics: None };
    if wanted.footprints.len() as u64 == wanted.events {
        parting.first = first_that_differs(ours.iter(), wanted, first);
        parting.last = parting.first;
    }
    Some(parting)
}

/// The first event from `first` on whose footprints differ; the one after the last if all are the same, which leaves
/// a command at the very end.
fn first_that_differs(ours: impl Iterator<Item = Footprint>, wanted: &RecordedRun, first: u64) -> u64 {
    let known = first as usize - 1;
    let theirs = wanted.footprints.iter().copied().skip(known);
    first + ours.skip(known).zip(theirs).take_while(|(ours, theirs)| ours == theirs).count() as u64
}

/// The same with what the event is in the replay, which is played once more up to there.
fn told(scenario: &Scenario, parting: Parting) -> Parting {
    if parting.first != parting.last {
        return parting;
    }
    // The comparison stands without words; only a host on tasks can fail to begin.
    let Ok(mut player) = Player::new(Arc::new(scenario.clone()), HostKind::Inline) else { return parting };
    player.advance(parting.from);
    while player.clusters()[parting.run].events() + 1 < parting.first && player.next_at().is_some() {
        player.step();
    }
    let cluster = &player.clusters()[parting.run];
    let (from, next) = (cluster.last_at(), cluster.next_at().unwrap_or(VirtualTime::MAX));
    let Some(event) = cluster.foretell() else { return Parting { from, ..parting } };
    let begun = |at: VirtualTime| from < at && at <= next;
    let commands = scenario.timeline.iter().filter(|entry| begun(entry.at)).flat_map(|entry| &entry.commands);
    let mut words: Vec<String> = commands
        .filter(|scoped| scoped.acts_on(parting.run))
        .map(|scoped| format!("`{}`", spell(scenario, scoped)))
        .collect();
    words.push(event);
    Parting { from, to: next, what: Some(words.join(" and then ")), ..parting }
}

/// What a recording that ends where its runs stand says of them.
pub fn ending(scenario: &Scenario, player: &mut Player) -> RecordedEnd {
    let (at, world) = (player.now(), world_hash(scenario));
    let runs = player.clusters().iter().map(|cluster| result(cluster.as_ref())).collect();
    RecordedEnd { at, world, runs }
}

fn result(cluster: &dyn Cluster) -> RecordedRun {
    let footprints = cluster.footprints();
    RecordedRun {
        events: cluster.events(),
        digest: cluster.digest(),
        milestones: footprints.milestones().map(|milestone| milestone.digest).collect(),
        footprints: footprints.iter().collect(),
    }
}
