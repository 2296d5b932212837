//! A scenario in play: its runs under one clock, its timeline carried out at its instants. No thread, no real time.
//!
//! Commands come before events of the same instant, in file order. `until` heals just what its entry began.

use super::frame::{Marker, MarkerKind, Narration};
use crate::base::command::{Command, Healed};
use crate::base::time::VirtualTime;
use crate::cluster::live::{Cluster, HostKind, begin};
use crate::cluster::orders::Applied;
use crate::scenario::model::{Entry, Scenario, Scoped};
use std::collections::VecDeque;
use std::sync::Arc;

/// All runs of a scenario at one instant.
pub struct Player {
    scenario: Arc<Scenario>,
    clusters: Vec<Box<dyn Cluster>>,
    now: VirtualTime,
    /// What is still to come, in the order in which it is done.
    due: VecDeque<Due>,
    done: Vec<Marker>,
    refused: Vec<Refused>,
    narration: Option<Narration>,
}

/// A command that meant nothing in a run when it fired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// When.
    pub at: VirtualTime,
    /// In which run, by its place.
    pub run: usize,
    /// The command.
    pub what: Arc<str>,
    /// Why not.
    pub why: Arc<str>,
}

/// Something the timeline asks for.
#[derive(Clone, Debug)]
struct Due {
    at: VirtualTime,
    what: Task,
}

#[derive(Clone, Debug)]
enum Task {
    /// Carry out the entry with this number.
    Begin(usize),
    /// Heal these faults: (run, number).
    End(Vec<(usize, u32)>),
}

/// What came of a command in the runs it aimed at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The command as the first run carried it out.
    pub done: Option<Arc<str>>,
    /// The runs that did.
    pub done_in: Vec<usize>,
    /// Why runs refused it: (run, reason).
    pub refused: Vec<(usize, Arc<str>)>,
    /// Faults begun: (run, number).
    faults: Vec<(usize, u32)>,
}

impl Player {
    /// The scenario at its beginning.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn new(scenario: Arc<Scenario>, host: HostKind) -> std::io::Result<Self> {
        let clusters =
            scenario.runs.iter().map(|run| begin(run.setup.clone(), host)).collect::<Result<_, _>>()?;
        let due = |(number, entry): (usize, &Entry)| Due { at: entry.at, what: Task::Begin(number) };
        let due = scenario.timeline.iter().enumerate().map(due).collect();
        let (done, refused) = (Vec::new(), Vec::new());
        Ok(Player { scenario, clusters, now: VirtualTime::ZERO, due, done, refused, narration: None })
    }

    /// The scenario.
    pub fn scenario(&self) -> &Arc<Scenario> {
        &self.scenario
    }

    /// The instant at which all runs stand.
    pub fn now(&self) -> VirtualTime {
        self.now
    }

    /// The runs, in the scenario's order.
    pub fn clusters(&mut self) -> &mut [Box<dyn Cluster>] {
        &mut self.clusters
    }

    /// Plays every run up to `limit`: the timeline's commands before it and all events before it.
    pub fn advance(&mut self, limit: VirtualTime) {
        while let Some(due) = self.take_due(|due| due.at < limit) {
            self.play_to(due.at);
            self.perform(due.what);
        }
        self.play_to(limit);
    }

    fn take_due(&mut self, is_due: impl Fn(&Due) -> bool) -> Option<Due> {
        if self.due.front().is_some_and(is_due) { self.due.pop_front() } else { None }
    }

    fn play_to(&mut self, limit: VirtualTime) {
        for cluster in &mut self.clusters {
            cluster.advance(limit);
        }
        self.now = self.now.max(limit);
    }

    /// Takes the earliest event of all runs, and every event of the same instant in the other runs; timeline
    /// commands that are due first count as one.
    pub fn step(&mut self) {
        let next = self.clusters.iter().filter_map(|cluster| cluster.next_at()).min();
        if let Some(due) = self.take_due(|due| next.is_none_or(|next| due.at <= next)) {
            self.play_to(due.at);
            return self.perform(due.what);
        }
        let Some(next) = next else { return };
        let just_after = VirtualTime(next.0 + 1);
        for cluster in self.clusters.iter_mut().filter(|cluster| cluster.next_at() == Some(next)) {
            cluster.turn(just_after);
        }
        self.now = self.now.max(next);
    }

    fn perform(&mut self, task: Task) {
        match task {
            Task::Begin(number) => self.begin(number),
            Task::End(faults) => {
                // A fault that was healed by hand meanwhile is simply gone.
                let still = faults.into_iter().filter(|&(run, number)| self.clusters[run].has_fault(number));
                let still: Vec<(usize, u32)> = still.collect();
                if !still.is_empty() {
                    self.mark(MarkerKind::Heal, "heal".into(), None);
                }
                for (run, number) in still {
                    let command = Command::Heal { what: Healed::Fault(number) };
                    self.carry_out(&Scoped { runs: vec![run], command });
                }
            }
        }
    }

    fn begin(&mut self, number: usize) {
        let scenario = Arc::clone(&self.scenario);
        let entry = &scenario.timeline[number];
        if let Some(text) = &entry.say {
            self.narrate(text);
        }
        let faults: Vec<(usize, u32)> =
            entry.commands.iter().flat_map(|scoped| self.command(scoped).faults).collect();
        if let Some(until) = entry.until.filter(|_| !faults.is_empty()) {
            let place = self.due.partition_point(|due| due.at <= until);
            self.due.insert(place, Due { at: until, what: Task::End(faults) });
        }
    }

    fn narrate(&mut self, text: &str) {
        let text: Arc<str> = text.into();
        self.narration = Some(Narration { at: self.now, text: Arc::clone(&text) });
        self.mark(MarkerKind::Say, text, None);
    }

    fn mark(&mut self, kind: MarkerKind, label: Arc<str>, run: Option<usize>) {
        self.done.push(Marker { at: self.now, kind, label, run, is_future: false });
    }

    /// Carries out a command now, in every run it aims at, and marks it on the timeline.
    pub fn command(&mut self, scoped: &Scoped) -> Outcome {
        // Stepping may have left some runs behind the clock; nothing is due in between.
        self.play_to(self.now);
        match &scoped.command {
            Command::Say { text } => {
                self.narrate(text);
                return Outcome { done: Some(scoped.command.to_string().into()), ..Outcome::default() };
            }
            Command::Mark { label } => {
                self.mark(MarkerKind::Mark, label.as_str().into(), None);
                return Outcome { done: Some(scoped.command.to_string().into()), ..Outcome::default() };
            }
            _ => {}
        }
        let outcome = self.carry_out(scoped);
        for (run, why) in &outcome.refused {
            let what: Arc<str> = scoped.command.to_string().into();
            self.refused.push(Refused { at: self.now, run: *run, what, why: Arc::clone(why) });
        }
        if let Some(text) = &outcome.done {
            let run = (scoped.runs.len() == 1).then(|| scoped.runs[0]);
            self.mark(kind_of(&scoped.command), Arc::clone(text), run);
        }
        outcome
    }

    fn carry_out(&mut self, scoped: &Scoped) -> Outcome {
        let mut outcome = Outcome::default();
        for (run, cluster) in self.clusters.iter_mut().enumerate().filter(|(run, _)| scoped.acts_on(*run)) {
            match cluster.apply(&scoped.command) {
                Applied::Done { text, fault } => {
                    outcome.done.get_or_insert(text);
                    outcome.done_in.push(run);
                    outcome.faults.extend(fault.map(|number| (run, number)));
                }
                Applied::Refused { why, .. } => outcome.refused.push((run, why)),
            }
        }
        outcome
    }

    /// Commands that meant nothing when they fired, oldest first.
    pub fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// What was said last.
    pub fn narration(&self) -> Option<&Narration> {
        self.narration.as_ref()
    }

    /// The timeline: what was done, failovers as they happened, and what is scripted still.
    pub fn markers(&mut self) -> Vec<Marker> {
        let mut markers = self.done.clone();
        for (run, cluster) in self.clusters.iter().enumerate() {
            // The first stint is how the run began.
            for stint in cluster.stints().iter().skip(1) {
                let label = format!("{} becomes primary, term {}", stint.node, stint.term).into();
                markers.push(Marker {
                    at: stint.since,
                    kind: MarkerKind::Failover,
                    label,
                    run: Some(run),
                    is_future: false,
                });
            }
        }
        markers.extend(self.due.iter().flat_map(|due| self.foretell(due)));
        markers.sort_by_key(|marker| marker.at);
        markers
    }

    fn foretell(&self, due: &Due) -> Vec<Marker> {
        let marker = |kind, label: Arc<str>| Marker { at: due.at, kind, label, run: None, is_future: true };
        match &due.what {
            Task::End(_) => vec![marker(MarkerKind::Heal, "heal".into())],
            Task::Begin(number) => {
                let entry = &self.scenario.timeline[*number];
                let say = entry.say.iter().map(|text| marker(MarkerKind::Say, text.as_str().into()));
                let commands = entry
                    .commands
                    .iter()
                    .map(|scoped| marker(kind_of(&scoped.command), scoped.command.to_string().into()));
                say.chain(commands).collect()
            }
        }
    }
}

fn kind_of(command: &Command) -> MarkerKind {
    match command {
        Command::Heal { .. } | Command::Restart { .. } | Command::Resume { .. } | Command::Release { .. } => {
            MarkerKind::Heal
        }
        Command::Mark { .. } => MarkerKind::Mark,
        Command::Say { .. } => MarkerKind::Say,
        command if command.verb().is_fault => MarkerKind::Fault,
        _ => MarkerKind::Command,
    }
}
