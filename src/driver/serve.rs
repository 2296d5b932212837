//! What requests do. Each is answered by a toast that says what was done, or why not.

use super::frame::{Explained, MarkerKind};
use super::player::{Cursor, Outcome};
use super::story::Story;
use super::thread::{Goal, Pacer};
use super::until::Until;
use super::{Request, Seek, Stop};
use crate::base::command::Command;
use crate::base::time::{Span, VirtualTime};
use crate::base::why::About;
use crate::scenario::model::Scoped;
use crate::scenario::spell;
use std::io;
use std::sync::Arc;

impl Pacer {
    /// Tells the causes of something in a run of the lane that is acted on.
    fn explain(&mut self, run: usize, about: About) -> io::Result<bool> {
        self.story.remember()?;
        let Some(cluster) = self.story.player().clusters().get_mut(run) else {
            self.publisher.toast("ask on the other future: it is not acted on now".to_owned(), true);
            return Ok(false);
        };
        let chain = cluster.why(about).unwrap_or_default();
        self.publisher.explain(Explained { run, about, chain });
        Ok(false)
    }

    /// Serves a request. Gives whether time has jumped.
    pub(super) fn serve(&mut self, request: Request) -> bool {
        self.owed = Span::ZERO;
        if Pacer::takes_over(&request) {
            self.take_over();
        }
        // What the screen asks on its own account answers nobody.
        let is_asked_for = !matches!(request, Request::Cue(_) | Request::Tell(_) | Request::Why { .. });
        self.publisher.begin_answer();
        let result = match request {
            Request::TogglePause if self.is_running => {
                self.stop();
                self.cue("pause");
                Ok(false)
            }
            Request::TogglePause | Request::Run => {
                self.is_running = true;
                self.cue("run");
                Ok(false)
            }
            Request::Pause => {
                self.stop();
                Ok(false)
            }
            Request::SetSpeed(speed) => {
                self.speed_milli = speed.max(1);
                self.cue(&format!("speed {}", self.speed_milli));
                Ok(false)
            }
            Request::StepEvent => {
                self.stop();
                self.story.step().map(|()| self.has_jumped())
            }
            Request::StepBack => self.step_back(),
            Request::StepMessage { run, node, is_back } => {
                self.stop();
                self.story.step_message(run, node, is_back).map(|has_moved| {
                    if !has_moved {
                        let which = if is_back { "no earlier message" } else { "no message comes" };
                        self.publisher.toast(format!("{which} here"), true);
                    }
                    self.has_jumped()
                })
            }
            Request::Present(is_presenting) => {
                self.present(is_presenting);
                Ok(false)
            }
            Request::NextBeat => {
                self.next_beat();
                Ok(false)
            }
            Request::Follow(follows) => {
                self.follow_or_not(follows);
                Ok(false)
            }
            Request::Seek(seek) => self.seek(seek),
            Request::Until(text) => {
                self.until(&text);
                Ok(false)
            }
            Request::Undo => self.undo(),
            Request::Redo => self.redo(),
            Request::Branch => self.branch(),
            Request::Switch(number) => self.switch(number),
            Request::Alone => {
                self.story.alone();
                self.publisher.forget_figures();
                Ok(true)
            }
            Request::Command(text) => self.commands(&[text]),
            Request::Commands(texts) => self.commands(&texts),
            Request::Why { run, about } => self.explain(run, about),
            Request::Tell(what) => {
                self.publisher.tell(what);
                Ok(false)
            }
            Request::Restart => self.restart(),
            Request::Record { path, force } => {
                self.record(&path, force);
                Ok(false)
            }
            Request::StopRecording => {
                self.end_tape();
                Ok(false)
            }
            Request::Save { path, force } => {
                self.save(&path, force);
                Ok(false)
            }
            Request::Cue(text) => {
                self.cue(&text);
                Ok(false)
            }
            Request::Quit => Ok(false),
        };
        self.is_over = self.is_over && self.story.cursor().at >= self.end();
        self.sync_tape();
        let has_jumped = result.unwrap_or_else(|error| {
            self.publisher.toast(format!("the operating system refuses: {error}"), true);
            false
        });
        if is_asked_for {
            self.publisher.end_answer();
        }
        has_jumped
    }

    fn step_back(&mut self) -> io::Result<bool> {
        self.stop();
        if !self.story.step_back()? {
            self.publisher.toast("this is the beginning".to_owned(), true);
        }
        Ok(self.has_jumped())
    }

    /// Time was made to stand where it stands now: recordings note it.
    fn has_jumped(&mut self) -> bool {
        let Cursor { at, steps } = self.story.cursor();
        self.cue(&format!("seek {}", Span(at.0 + u64::from(steps > 0))));
        true
    }

    fn follow_or_not(&mut self, follows: bool) {
        if !follows {
            return self.take_over();
        }
        self.begin_to_follow(1_000);
        let text = match &self.following {
            Some(_) => "following what was recorded; any step of yours ends it",
            None => "nobody is to be followed: this is no recording, or nothing was done with its time",
        };
        self.publisher.toast(text.to_owned(), self.following.is_none());
        self.is_running |= self.following.is_some();
    }

    fn seek(&mut self, seek: Seek) -> io::Result<bool> {
        let now = self.story.cursor().at;
        let to = match seek {
            Seek::To(at) => Some(at),
            Seek::Within(at, _) => Some(at),
            Seek::By(us) => Some(VirtualTime(now.0.saturating_add_signed(us))),
            Seek::Start => Some(VirtualTime::ZERO),
            Seek::Live => {
                self.story.seek(self.story.live())?;
                self.has_jumped();
                if self.is_running {
                    self.cue("run");
                }
                return Ok(true);
            }
            Seek::Next(stop) => self.stops(stop).into_iter().find(|&at| at > now),
            Seek::Previous(stop) => self.stops(stop).into_iter().rev().find(|&at| at < now),
        };
        let Some(to) = to else {
            let side = if matches!(seek, Seek::Next(_)) { "later" } else { "earlier" };
            let what = match seek {
                Seek::Next(Stop::Fault) | Seek::Previous(Stop::Fault) => "fault",
                _ => "marker",
            };
            self.publisher.toast(format!("no {side} {what}"), true);
            return Ok(false);
        };
        let steps = if let Seek::Within(_, steps) = seek { steps } else { 0 };
        self.cue(&format!("seek {}", Span(to.0 + u64::from(steps > 0))));
        if to > self.story.live().at {
            self.story.seek(self.story.live())?;
            (self.goal, self.is_running) = (Some(Goal::At(Cursor { at: to, steps })), true);
            return Ok(true);
        }
        self.stop();
        self.story.seek(Cursor { at: to, steps })?;
        Ok(true)
    }

    /// The instants just after the markers of a kind, in order.
    fn stops(&mut self, stop: Stop) -> Vec<VirtualTime> {
        let is_one = |kind: MarkerKind| stop == Stop::Marker || kind == MarkerKind::Fault;
        let markers = self.story.markers();
        let mut stops: Vec<VirtualTime> = markers
            .into_iter()
            .filter(|marker| is_one(marker.kind))
            .map(|marker| VirtualTime(marker.at.0 + 1))
            .collect();
        stops.dedup();
        stops
    }

    fn until(&mut self, text: &str) {
        let (scenario, live) = (Arc::clone(self.story.player().scenario()), self.story.live());
        match Until::parse(text, &scenario) {
            Err(problem) => self.publisher.toast(problem, true),
            Ok(mut until) => match until.begin(self.story.player(), live) {
                Some(already) => self.publisher.toast(format!("it is so already: {already}"), false),
                None => (self.goal, self.is_running) = (Some(Goal::Until(Box::new(until))), true),
            },
        }
    }

    /// What time ran to has come within the last slice: goes back to where it just had.
    pub(super) fn arrive(&mut self, until: Until) -> io::Result<()> {
        let (from, to) = (until.looked_at(), self.story.cursor());
        self.story.seek(from)?;
        if until.is_exact() {
            while until.look(self.story.player()).is_none() && self.story.cursor() < to {
                self.story.step()?;
            }
        } else {
            // The first instant at which it is so, to a millisecond.
            let (mut before, mut after) = (from.at, to.at);
            while after.since(before) > Span::millis(1) {
                let middle = before + after.since(before).scaled(1, 2);
                self.story.seek(Cursor { at: middle, steps: 0 })?;
                match until.look(self.story.player()) {
                    Some(_) => after = middle,
                    None => before = middle,
                }
            }
            self.story.seek(Cursor { at: after, steps: 0 })?;
        }
        // What came after it within the slice was not watched.
        self.story.lived_to(until.lived());
        let (at, what) = (self.story.cursor().at, until.look(self.story.player()));
        self.stop();
        self.has_jumped();
        self.publisher.toast(format!("{at}: {}", what.unwrap_or_else(|| until.words().to_owned())), false);
        Ok(())
    }

    fn undo(&mut self) -> io::Result<bool> {
        match self.story.undo()? {
            Some((_, words)) => {
                self.publisher.toast(format!("undone: {words} · U takes it back in"), false);
                self.publisher.forget_figures();
            }
            None => self.publisher.toast("nothing to undo: no command by hand before now".to_owned(), true),
        }
        Ok(true)
    }

    fn redo(&mut self) -> io::Result<bool> {
        match self.story.redo()? {
            Some((_, words)) => {
                self.publisher.toast(format!("done again: {words}"), false);
                self.publisher.forget_figures();
            }
            None => self.publisher.toast("nothing was undone since the last command".to_owned(), true),
        }
        Ok(true)
    }

    fn branch(&mut self) -> io::Result<bool> {
        self.stop();
        self.cue("pause");
        self.story.branch()?;
        self.said_branch();
        Ok(true)
    }

    fn said_branch(&mut self) {
        let ((number, beside), at) = (self.story.numbers(), self.story.cursor().at);
        let old = beside.unwrap_or(1);
        let text = format!("a new future ~{number} from {at} · T shows ~{old} beside it · B lists them");
        self.publisher.forget_figures();
        self.publisher.toast(text, false);
    }

    fn switch(&mut self, number: u32) -> io::Result<bool> {
        self.stop();
        if self.story.switch(number)? {
            self.publisher.forget_figures();
            self.publisher.toast(format!("acting on ~{number}; T shows the other beside it"), false);
        } else if self.story.numbers().0 == number {
            self.publisher.toast(format!("~{number} is the one that you act on"), false);
        } else {
            let known: Vec<String> =
                self.story.lanes().iter().map(|lane| format!("~{}", lane.number)).collect();
            self.publisher
                .toast(format!("there is no future {number}; there are {}", known.join(", ")), true);
        }
        Ok(true)
    }

    /// Carries out commands at one instant; one that cannot be read keeps all from being done.
    fn commands(&mut self, texts: &[String]) -> io::Result<bool> {
        let parsed: Result<Vec<Scoped>, String> = texts.iter().map(|text| (self.edges.parse)(text)).collect();
        let commands = match parsed {
            Ok(commands) => commands,
            Err(problem) => {
                self.publisher.toast(problem, true);
                return Ok(false);
            }
        };
        let is_word = |scoped: &Scoped| matches!(scoped.command, Command::Say { .. } | Command::Mark { .. });
        let only_words = self.story.is_past() && commands.iter().all(is_word);
        let (at, has_branched) = match only_words {
            true => (self.story.cursor().at, false),
            false => self.story.make_ready()?,
        };
        self.sync_tape();
        self.tape_commands(at, &commands);
        if has_branched {
            self.publisher.forget_figures();
        }
        let lane = has_branched.then(|| self.story.numbers().0);
        let scenario = Arc::clone(self.story.player().scenario());
        let words: Vec<String> = commands.iter().map(|scoped| spell(&scenario, scoped)).collect();
        let outcomes = match only_words {
            true => self.story.annotate(commands),
            false => self.story.act(commands),
        };
        for (outcome, words) in outcomes.into_iter().zip(words) {
            self.tell(outcome, words, lane);
        }
        Ok(has_branched)
    }

    /// Says what came of a command, and the number of the lane that began with it.
    fn tell(&mut self, outcome: Outcome, words: String, lane: Option<u32>) {
        let scenario = Arc::clone(self.story.player().scenario());
        let mut said = outcome.done.map_or(words, |done| done.to_string());
        if !outcome.refused.is_empty() && !outcome.done_in.is_empty() {
            let done: Vec<&str> = outcome.done_in.iter().map(|run| scenario.runs[*run].id.as_str()).collect();
            said.push_str(&format!(" · {} did it", done.join(", ")));
        }
        for (run, why) in &outcome.refused {
            said.push_str(&format!(" · {} refused: {why}", scenario.runs[*run].id));
        }
        match lane {
            Some(lane) => said.push_str(&format!(" · a new future, ~{lane}; T shows the old one beside it")),
            None if outcome.refused.is_empty() => said.push_str(" · u undoes"),
            None => {}
        }
        self.publisher.toast(said, !outcome.refused.is_empty());
    }

    fn restart(&mut self) -> io::Result<bool> {
        // What was recorded is over; the beginning belongs to another file.
        self.end_tape();
        self.story = Story::new(Arc::clone(self.story.player().scenario()), self.host)?;
        (self.is_over, self.is_running, self.goal, self.following_since) = (false, true, None, 0);
        self.story.advance(VirtualTime(1_000));
        self.publisher.forget_figures();
        self.publisher.toast("from the beginning, same seed".to_owned(), false);
        Ok(false)
    }
}
