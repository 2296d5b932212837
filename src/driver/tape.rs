//! Recording: what happens is written to a file entry by entry, each flushed before it is carried out, so that
//! whatever ends the program leaves a file that plays. A file that cannot be written ends the recording, not the play.

use super::player::Cursor;
use super::replay::{self, Replay};
use super::thread::Pacer;
use crate::base::metric::Metric;
use crate::base::time::VirtualTime;
use crate::cluster::measure::WHOLE;
use crate::scenario::model::{Entry, Recorded, SEMANTICS, Scenario, Scoped};
use crate::scenario::write;
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::sync::Arc;

/// What the comments at the end of a recording suggest to check.
const SUGGESTED: [Metric; 4] =
    [Metric::LostAcked, Metric::AvailWritePct, Metric::Failovers, Metric::StaleReads];

/// A file that is being written.
pub(super) struct Tape {
    name: Arc<str>,
    out: Box<dyn Write + Send>,
    /// The commands by hand that the file knows and has not undone.
    standing: BTreeSet<u32>,
    /// Those that it has undone.
    undone: BTreeSet<u32>,
}

impl Tape {
    /// The name of the file.
    pub(super) fn name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// Says which commands by hand stand, where others did before.
    fn sync(&mut self, at: VirtualTime, numbers: &BTreeSet<u32>) -> io::Result<()> {
        let gone: BTreeSet<u32> = self.standing.difference(numbers).copied().collect();
        let back: BTreeSet<u32> = self.undone.intersection(numbers).copied().collect();
        for (word, changed) in [("undo", &gone), ("redo", &back)] {
            if !changed.is_empty() {
                let numbers: Vec<String> = changed.iter().map(u32::to_string).collect();
                self.write(&write::cue(at, &format!("{word} {}", numbers.join(","))))?;
            }
        }
        self.standing.retain(|number| !gone.contains(number));
        self.undone.retain(|number| !back.contains(number));
        self.undone.extend(&gone);
        self.standing.extend(&back);
        Ok(())
    }
}

impl Pacer {
    /// Begins to record, if the file can be opened.
    pub(super) fn record(&mut self, path: &str, force: bool) {
        match (self.edges.open)(path, force) {
            Err(why) => self.publisher.toast(why, true),
            Ok(out) => {
                self.end_tape();
                self.begin_tape(path, out);
            }
        }
    }

    /// Begins to write to `out`; everything done so far goes first.
    pub(super) fn begin_tape(&mut self, name: &str, out: Box<dyn Write + Send>) {
        let standing: BTreeSet<u32> = self.story.numbers_by_hand().into_iter().collect();
        let mut tape = Tape { name: name.into(), out, standing, undone: BTreeSet::new() };
        let head = self.recorded_so_far();
        match tape.write(&head) {
            Ok(()) => {
                self.tape = Some(tape);
                if self.speed_milli != 1_000 {
                    self.cue(&format!("speed {}", self.speed_milli));
                }
                if !self.is_running {
                    self.cue("pause");
                }
                self.publisher.toast(format!("recording to {name}; R ends it"), false);
            }
            Err(error) => {
                self.publisher.warn(format!("cannot write to {name}: {error}; nothing is recorded"))
            }
        }
    }

    /// The scenario with the active lane's timeline.
    fn as_played(&mut self) -> Scenario {
        let timeline = self.story.lane().timeline().iter().map(|entry| Entry::clone(entry)).collect();
        Scenario {
            timeline,
            recorded: None,
            cues: Vec::new(),
            ..Scenario::clone(self.story.player().scenario())
        }
    }

    fn recorded_so_far(&mut self) -> String {
        let program = env!("CARGO_PKG_VERSION").to_owned();
        let size = self.edges.size;
        let recorded = Recorded { program, semantics: SEMANTICS, size, end: None, is_torn: false };
        write::recording(&self.as_played(), &recorded)
    }

    /// Writes with `text`; a file that cannot be written ends the recording.
    fn on_tape(&mut self, write: impl FnOnce(&mut Tape) -> io::Result<()>) {
        let Some(tape) = &mut self.tape else { return };
        if let Err(error) = write(tape) {
            let name = Arc::clone(&tape.name);
            self.tape = None;
            let text =
                format!("recording to {name} has ended: {error}; what was written stays, the play goes on");
            self.publisher.warn(text);
        }
    }

    /// Says that the scenario is over; of a recording, whether it came out as it did.
    pub(super) fn say_over(&mut self) {
        let recorded = self.story.player().scenario().recorded.clone();
        let played = Scenario { recorded, ..self.as_played() };
        match replay::compare(&played, self.story.player()) {
            Replay::Same => {
                let text = "the recording is over: it came out the same; space goes on beyond its end";
                self.publisher.toast(text.to_owned(), false);
            }
            Replay::Differs(partings) => {
                let told =
                    partings.iter().map(|parting| format!("in {} {parting}", played.runs[parting.run].id));
                let told = told.collect::<Vec<_>>().join(" · ");
                self.publisher.warn(format!("no longer the same: {told}"));
            }
            // Nothing to compare with, or a hand has changed what happened.
            Replay::NoRecording | Replay::Unfinished | Replay::Edited => {
                self.publisher.toast("the scenario is over; space goes on beyond its end".to_owned(), false);
            }
        }
    }

    /// Writes commands that are about to be carried out at `at`.
    pub(super) fn tape_commands(&mut self, at: VirtualTime, commands: &[Scoped]) {
        let number = self.story.next_number();
        let entry = Entry { at, commands: commands.to_vec(), until: None, say: None, by_hand: Some(number) };
        let text = write::entry(self.story.player().scenario(), &entry);
        self.on_tape(|tape| {
            tape.write(&text)?;
            tape.standing.insert(number);
            Ok(())
        });
    }

    /// Writes what the watcher does.
    pub(super) fn cue(&mut self, text: &str) {
        // A moment after what has been done in this instant: who follows sees it done.
        let Cursor { at, steps } = self.story.cursor();
        let cue = write::cue(VirtualTime(at.0 + u64::from(steps > 0)), text);
        self.on_tape(|tape| tape.write(&cue));
    }

    /// Writes which commands stand now, if others do than before.
    pub(super) fn sync_tape(&mut self) {
        if self.tape.is_some() {
            let numbers = self.story.numbers_by_hand().into_iter().collect();
            let at = self.story.cursor().at;
            self.on_tape(|tape| tape.sync(at, &numbers));
        }
    }

    /// Ends the recording, if there is one, with all that a replay is compared with.
    pub(super) fn end_tape(&mut self) {
        if self.tape.is_none() {
            return;
        }
        match self.ending() {
            Err(error) => self.publisher.toast(format!("the operating system refuses: {error}"), true),
            Ok(end) => self.on_tape(|tape| tape.write(&end)),
        }
        if let Some(tape) = self.tape.take() {
            self.publisher.toast(format!("recorded to {}", tape.name), false);
        }
    }

    /// What stands at the end of a recording that ends where the active lane does.
    fn ending(&mut self) -> io::Result<String> {
        let (here, live) = (self.story.cursor(), self.story.live());
        self.story.seek(live)?;
        // A recording ends before an instant, never in the middle of one.
        if self.story.cursor().steps > 0 {
            let after = VirtualTime(self.story.cursor().at.0 + 1);
            self.story.advance(after);
        }
        let scenario = self.as_played();
        let end = replay::ending(&scenario, self.story.player());
        let measured = self.measured();
        self.story.seek(here)?;
        self.story.lived_to(live);
        Ok(write::ending(&scenario, &end, &measured))
    }

    /// Telling figures of each run, as expectations.
    fn measured(&mut self) -> Vec<String> {
        let scenario = Arc::clone(self.story.player().scenario());
        let mut all = Vec::new();
        for (run, cluster) in scenario.runs.iter().zip(self.story.player().clusters()) {
            let truth = cluster.truth();
            let figures = cluster.measure(&truth, WHOLE);
            let known = |metric: &Metric| Some((metric.row().name, figures.get(*metric)?));
            all.extend(
                SUGGESTED
                    .iter()
                    .filter_map(known)
                    .map(|(name, value)| write::suggested(&run.id, name, value)),
            );
        }
        all
    }

    /// Writes what has happened so far to a file of its own.
    pub(super) fn save(&mut self, path: &str, force: bool) {
        let mut out = match (self.edges.open)(path, force) {
            Ok(out) => out,
            Err(why) => return self.publisher.toast(why, true),
        };
        let whole = self.ending().map(|end| self.recorded_so_far() + &end);
        match whole.and_then(|text| out.write_all(text.as_bytes()).and_then(|()| out.flush())) {
            Ok(()) => {
                self.publisher.toast(format!("saved to {path}; `splitbrain {path}` plays it again"), false)
            }
            Err(error) => self.publisher.toast(format!("cannot write to {path}: {error}"), true),
        }
    }
}
