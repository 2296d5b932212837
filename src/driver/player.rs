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
    /// Steps taken within the present instant; 0 if nothing of it has happened yet.
    steps: u32,
    /// Every entry of the timeline in the order of time, commands by hand among them.
    timeline: Arc<Vec<Arc<Entry>>>,
    /// The first entry that is still to come.
    next: usize,
    /// Faults that end by themselves, in the order of time.
    ends: VecDeque<End>,
    /// When the timeline last did something.
    performed_at: Option<VirtualTime>,
    done: Vec<Marker>,
    refused: Vec<Refused>,
    narration: Option<Narration>,
    note: Option<Narration>,
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

/// Faults that end at an instant: (run, number).
#[derive(Clone, Debug)]
struct End {
    at: VirtualTime,
    faults: Vec<(usize, u32)>,
}

/// Something the timeline asks for.
enum Task {
    /// Carry out an entry.
    Begin(Arc<Entry>),
    /// Heal these faults: (run, number).
    End(Vec<(usize, u32)>),
}

/// A place in a run of events: an instant, and how many steps have been taken within it. No steps is the place
/// before everything that happens at the instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The instant.
    pub at: VirtualTime,
    /// Steps taken within it.
    pub steps: u32,
}

/// All runs at the beginning of an instant, to go on from as often as one likes. It has forgotten the ways of writes
/// and the causes of steps, which are most of what a world holds.
pub struct Checkpoint {
    /// The instant; nothing of it has happened yet.
    pub at: VirtualTime,
    /// Events handled by all runs together.
    pub events: u64,
    clusters: Vec<Box<dyn Cluster>>,
    ends: VecDeque<End>,
    performed_at: Option<VirtualTime>,
    done: Vec<Marker>,
    refused: Vec<Refused>,
    narration: Option<Narration>,
    note: Option<Narration>,
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
        let timeline = scenario.timeline.iter().cloned().map(Arc::new).collect();
        Ok(Player {
            scenario,
            clusters,
            now: VirtualTime::ZERO,
            steps: 0,
            timeline: Arc::new(timeline),
            next: 0,
            ends: VecDeque::new(),
            performed_at: None,
            done: Vec::new(),
            refused: Vec::new(),
            narration: None,
            note: None,
        })
    }

    /// What a checkpoint kept, going on with `timeline`, whose entries before the checkpoint's instant must be those
    /// that it has seen.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn resume(
        scenario: Arc<Scenario>,
        timeline: Arc<Vec<Arc<Entry>>>,
        from: &mut Checkpoint,
        host: HostKind,
    ) -> std::io::Result<Self> {
        let clusters = from.clusters.iter_mut().map(|run| run.copy_on(host)).collect::<Result<_, _>>()?;
        Ok(Player {
            scenario,
            clusters,
            now: from.at,
            steps: 0,
            next: timeline.partition_point(|entry| entry.at < from.at),
            timeline,
            ends: from.ends.clone(),
            performed_at: from.performed_at,
            done: from.done.clone(),
            refused: from.refused.clone(),
            narration: from.narration.clone(),
            note: from.note.clone(),
        })
    }

    /// A checkpoint of this place; `None` in the middle of an instant.
    pub fn checkpoint(&mut self) -> Option<Checkpoint> {
        let light = |run: &mut Box<dyn Cluster>| {
            let mut copy = run.checkpoint();
            copy.forget_stories();
            copy
        };
        (self.steps == 0).then(|| Checkpoint {
            at: self.now,
            events: self.events(),
            clusters: self.clusters.iter_mut().map(light).collect(),
            ends: self.ends.clone(),
            performed_at: self.performed_at,
            done: self.done.clone(),
            refused: self.refused.clone(),
            narration: self.narration.clone(),
            note: self.note.clone(),
        })
    }

    /// Moves the nodes of every run to another host.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks; the runs stay where they were.
    pub fn rehost(&mut self, host: HostKind) -> std::io::Result<()> {
        self.clusters = self.clusters.iter_mut().map(|run| run.copy_on(host)).collect::<Result<_, _>>()?;
        Ok(())
    }

    /// Events handled by all runs together.
    pub fn events(&self) -> u64 {
        self.clusters.iter().map(|run| run.events()).sum()
    }

    /// The digests of all runs, in order.
    pub fn digests(&self) -> Vec<u64> {
        self.clusters.iter().map(|run| run.digest()).collect()
    }

    /// The place at which all runs stand.
    pub fn cursor(&self) -> Cursor {
        Cursor { at: self.now, steps: self.steps }
    }

    /// Every entry of the timeline in the order of time, commands by hand among them.
    pub fn timeline(&self) -> &Arc<Vec<Arc<Entry>>> {
        &self.timeline
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
        while let Some((at, task)) = self.take_due(|at| at < limit) {
            self.play_to(at);
            self.perform(at, task);
        }
        self.play_to(limit);
    }

    /// When the timeline does something next.
    fn due_at(&self) -> Option<VirtualTime> {
        let entry = self.timeline.get(self.next).map(|entry| entry.at);
        let end = self.ends.front().map(|end| end.at);
        entry.into_iter().chain(end).min()
    }

    /// Takes what the timeline does next; of one instant entries before ends.
    fn take_due(&mut self, is_due: impl Fn(VirtualTime) -> bool) -> Option<(VirtualTime, Task)> {
        let at = self.due_at().filter(|&at| is_due(at))?;
        match self.timeline.get(self.next).filter(|entry| entry.at == at) {
            Some(entry) => {
                self.next += 1;
                Some((at, Task::Begin(Arc::clone(entry))))
            }
            None => self.ends.pop_front().map(|end| (at, Task::End(end.faults))),
        }
    }

    fn play_to(&mut self, limit: VirtualTime) {
        for cluster in &mut self.clusters {
            cluster.advance(limit);
        }
        self.stand_at(limit);
    }

    /// Time goes on to `at`; nothing of a new instant has happened yet.
    fn stand_at(&mut self, at: VirtualTime) {
        if at > self.now {
            (self.now, self.steps) = (at, 0);
        }
    }

    /// When anything happens next: an event of some run, or the timeline.
    pub fn next_at(&self) -> Option<VirtualTime> {
        let event = self.clusters.iter().filter_map(|cluster| cluster.next_at()).min();
        event.into_iter().chain(self.due_at()).min()
    }

    /// When anything happened last; nothing if nothing has.
    pub fn last_at(&self) -> Option<VirtualTime> {
        let event = self.clusters.iter().filter(|run| run.events() > 0).map(|run| run.last_at()).max();
        event.max(self.performed_at)
    }

    /// Takes the earliest event of all runs, and every event of the same instant in the other runs; timeline
    /// commands that are due first count as one.
    pub fn step(&mut self) {
        let next = self.clusters.iter().filter_map(|cluster| cluster.next_at()).min();
        if let Some((at, task)) = self.take_due(|at| next.is_none_or(|next| at <= next)) {
            self.play_to(at);
            self.perform(at, task);
            self.steps += 1;
            return;
        }
        let Some(next) = next else { return };
        self.play_to(next);
        let just_after = VirtualTime(next.0 + 1);
        for cluster in self.clusters.iter_mut().filter(|cluster| cluster.next_at() == Some(next)) {
            cluster.turn(just_after);
        }
        self.steps += 1;
    }

    /// Goes on to the next instant that a command by hand can have for its own: nothing of it has happened and
    /// nothing of the timeline is due at it. So a command's instant alone says when it is carried out, and a replay
    /// that begins each instant with its commands does the same.
    pub fn clear_instant(&mut self) -> VirtualTime {
        while self.steps > 0 || self.due_at().is_some_and(|due| due <= self.now) {
            self.advance(VirtualTime(self.now.0 + 1));
        }
        self.now
    }

    /// Puts an entry on the timeline at the present instant, which [`Player::clear_instant`] has cleared, and carries
    /// it out as a step of its own.
    pub fn act(&mut self, entry: Arc<Entry>) -> Vec<Outcome> {
        Arc::make_mut(&mut self.timeline).insert(self.next, Arc::clone(&entry));
        self.next += 1;
        self.performed_at = Some(self.now);
        self.steps += 1;
        entry.commands.iter().map(|scoped| self.command(scoped)).collect()
    }

    fn perform(&mut self, at: VirtualTime, task: Task) {
        self.performed_at = Some(at);
        match task {
            Task::Begin(entry) => self.begin(&entry),
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

    fn begin(&mut self, entry: &Entry) {
        if let Some(text) = &entry.say {
            self.narrate(text);
        }
        let faults: Vec<(usize, u32)> =
            entry.commands.iter().flat_map(|scoped| self.command(scoped).faults).collect();
        if let Some(until) = entry.until.filter(|_| !faults.is_empty()) {
            let place = self.ends.partition_point(|end| end.at <= until);
            self.ends.insert(place, End { at: until, faults });
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
                let text: Arc<str> = label.as_str().into();
                self.note = Some(Narration { at: self.now, text: Arc::clone(&text) });
                self.mark(MarkerKind::Mark, text, None);
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

    /// The markers of what was done so far, in the order in which it was done.
    pub fn marks(&self) -> &[Marker] {
        &self.done
    }

    /// What was said last.
    pub fn narration(&self) -> Option<&Narration> {
        self.narration.as_ref()
    }

    /// The note that was taken last.
    pub fn note(&self) -> Option<&Narration> {
        self.note.as_ref()
    }

    /// The timeline: what was done, failovers as they happened, and what is scripted still.
    pub fn markers(&mut self) -> Vec<Marker> {
        let mut markers = self.done.clone();
        for (run, cluster) in self.clusters.iter().enumerate() {
            let (stints, names) = (cluster.stints(), cluster.names());
            for (place, stint) in stints.iter().enumerate() {
                // The first of a group of keys or a site is how the run began.
                if stints[..place].iter().all(|before| before.partition != stint.partition) {
                    continue;
                }
                let label = format!("{} becomes primary, term {}", names.node(stint.node), stint.term).into();
                markers.push(Marker {
                    at: stint.since,
                    kind: MarkerKind::Failover,
                    label,
                    run: Some(run),
                    is_future: false,
                });
            }
        }
        markers.extend(self.timeline[self.next..].iter().flat_map(|entry| foretell(entry)));
        let heal = |end: &End| marker_to_come(end.at, MarkerKind::Heal, "heal".into());
        markers.extend(self.ends.iter().map(heal));
        markers.sort_by_key(|marker| marker.at);
        markers
    }
}

fn marker_to_come(at: VirtualTime, kind: MarkerKind, label: Arc<str>) -> Marker {
    Marker { at, kind, label, run: None, is_future: true }
}

/// What an entry will put on the timeline.
fn foretell(entry: &Entry) -> Vec<Marker> {
    let say = entry.say.iter().map(|text| marker_to_come(entry.at, MarkerKind::Say, text.as_str().into()));
    let command = |scoped: &Scoped| {
        marker_to_come(entry.at, kind_of(&scoped.command), scoped.command.to_string().into())
    };
    say.chain(entry.commands.iter().map(command)).collect()
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
