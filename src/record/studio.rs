//! A scenario filmed: its world played in virtual time, a picture at every frame time and at everything that happens.
//!
//! ```text
//! frame times   |     |     |     |     |     |     one every 1/fps of presentation time
//! happenings             F           H              and one more the moment after a command of the timeline
//! ```
//!
//! A picture equal to the one before is left out unless something happens in it.

use super::colour::palette;
use super::film::{Chapter, ChapterKind, Ending, Film, Refusal, Shot, Titles, one_line};
use super::report::verdict;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::live::HostKind;
use crate::driver::frame::{Frame, Marker, MarkerKind};
use crate::driver::lane::Lane;
use crate::driver::player::Cursor;
use crate::driver::script::{Script, Style};
use crate::driver::verdict::{Judgement, Met, judge};
use crate::driver::{Freshness, Pace, Publisher};
use crate::scenario::model::Scenario;
use crate::screen::look::Theme;
use crate::screen::{View, Watch, draw};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::json;
use std::collections::VecDeque;
use std::sync::Arc;

/// The instant of the first picture, as in the playground: before it no node has started.
const FIRST: VirtualTime = VirtualTime(1_000);

/// What is filmed, and how.
#[derive(Clone, Debug)]
pub struct Direction {
    /// The first instant.
    pub from: VirtualTime,
    /// The last one; equal to `from` for a still.
    pub to: VirtualTime,
    /// Columns and rows.
    pub size: (u16, u16),
    /// Thousandths of a virtual second in a second of the film.
    pub speed_milli: u32,
    /// Pictures a second.
    pub fps: u32,
    /// What is looked at.
    pub watch: Watch,
    /// Whether formats that can follow a reader's preference for light or dark do so.
    pub has_light: bool,
    /// The command line that makes the film again.
    pub command: String,
}

/// How long a command is named below the picture.
const TOAST: Span = Span::millis(3_500);
/// How long a key is shown on stage.
const KEY: Span = Span::millis(1_500);
/// The most keys shown.
const KEYS: usize = 4;

/// What of a recording's watcher is followed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Following {
    /// His pauses, pace, jumps and keys.
    pub time: bool,
    /// The views he chose.
    pub view: bool,
    /// The runs he chose.
    pub run: bool,
}

/// Films one scenario.
pub struct Studio {
    scenario: Arc<Scenario>,
    world: Lane,
    publisher: Publisher,
    direction: Direction,
    following: Following,
    /// Whether it is presented from the first picture to the last.
    is_staged: bool,
    script: Script,
    /// The present leg of the script, and whether it has begun.
    leg: (usize, bool),
    titles: Titles,
    picture: Buffer,
    shown: Option<Buffer>,
    chapters: Vec<Chapter>,
    /// Keys pressed for the next picture.
    pressed: Vec<Arc<str>>,
    /// Keys pressed lately, with their presentation time.
    keys: VecDeque<(Span, Arc<str>)>,
    /// Everything before has been told in chapters.
    told: VirtualTime,
    /// Frame times passed.
    ticks: u64,
    /// The next happening of the timeline.
    due: Option<VirtualTime>,
    /// The newest command and the presentation time at which it came.
    toast: Option<(Span, String)>,
    is_over: bool,
}

impl Studio {
    /// Sets up the world at the film's beginning. Nothing of what a recording's watcher did is followed.
    ///
    /// # Errors
    /// If the film would end before it begins or after the scenario does, or the world cannot be made.
    pub fn new(scenario: Arc<Scenario>, direction: Direction) -> Result<Self, Refusal> {
        Studio::following(scenario, direction, Following::default())
    }

    /// The same, following a recording's watcher.
    ///
    /// # Errors
    /// As [`Studio::new`].
    pub fn following(
        scenario: Arc<Scenario>,
        direction: Direction,
        following: Following,
    ) -> Result<Self, Refusal> {
        let end = VirtualTime(scenario.duration.0);
        if direction.to > end || direction.from > direction.to {
            let (from, to) = (Span(direction.from.0), Span(direction.to.0));
            return Err(format!(
                "from {from} to {to} is no part of this scenario, which plays {}",
                scenario.duration
            ));
        }
        let world = Lane::new(Arc::clone(&scenario), HostKind::Inline).map_err(|error| error.to_string())?;
        let script = script(&scenario, &direction, following);
        let (columns, rows) = direction.size;
        let publisher = Publisher::new(&scenario);
        let titles = titles(&scenario, &direction, script.length());
        let picture = Buffer::empty(Rect::new(0, 0, columns, rows));
        let told = direction.from;
        Ok(Studio {
            scenario,
            world,
            publisher,
            is_staged: direction.watch.stage.is_some(),
            direction,
            following,
            script,
            leg: (0, false),
            titles,
            picture,
            shown: None,
            chapters: Vec::new(),
            pressed: Vec::new(),
            keys: VecDeque::new(),
            told,
            ticks: 0,
            due: None,
            toast: None,
            is_over: false,
        })
    }

    /// Presentation time of the frame time with this number.
    fn tick(&self, nth: u64) -> Span {
        Span(1_000_000).scaled(nth, u64::from(self.direction.fps.max(1)))
    }

    /// The next picture: its instant, and when it is shown.
    fn next_stop(&mut self) -> (VirtualTime, Span) {
        let last = self.script.legs.len() - 1;
        loop {
            let leg = &self.script.legs[self.leg.0];
            if !std::mem::replace(&mut self.leg.1, true) {
                let (from, at) = (leg.from, leg.at);
                self.is_over = self.leg.0 == last && leg.lasts == Span::ZERO;
                self.look(at);
                return (from, at);
            }
            let tick = self.tick(self.ticks + 1).min(leg.end());
            // A command's picture is taken the moment after it.
            let stop = leg.instant(tick);
            if let Some(due) = self.due.map(|due| due + Span(1)).filter(|due| *due < stop) {
                return (due, leg.shown_at(due));
            }
            self.ticks += u64::from(self.tick(self.ticks + 1) <= leg.end());
            if tick < leg.end() {
                return (stop, tick);
            }
            let (to, end) = (leg.to, leg.end());
            self.is_over = self.leg.0 == last;
            if self.is_over {
                return (to, end);
            }
            self.leg = (self.leg.0 + 1, false);
        }
    }

    /// Looks at what the watcher of a recording looks at from `at` on.
    fn look(&mut self, at: Span) {
        let leg = &self.script.legs[self.leg.0];
        let watch = &mut self.direction.watch;
        if let Some(view) = leg.gaze.view.as_deref().and_then(View::of_word).filter(|_| self.following.view) {
            watch.view = view;
        }
        if let Some(run) = leg.gaze.run.filter(|_| self.following.run) {
            watch.run = run;
        }
        if self.following.time {
            watch.target = leg.gaze.target.unwrap_or(watch.target);
            if leg.gaze.is_presenting == Some(true) {
                watch.stage.get_or_insert_default();
            } else if !self.is_staged {
                watch.stage = None;
            }
        }
        self.pressed.extend(leg.keys.iter().cloned());
        self.keys.extend(leg.keys.iter().map(|key| (at, Arc::clone(key))));
        while self.keys.len() > KEYS {
            self.keys.pop_front();
        }
    }

    /// Plays to `stop` and draws; gives whether the picture is worth showing.
    fn shoot(&mut self, stop: VirtualTime, at: Span) -> bool {
        self.go(stop);
        let leg = &self.script.legs[self.leg.0];
        let is_end = stop.0 >= self.scenario.duration.0;
        let pace = Pace {
            is_running: !is_end && !leg.is_paused,
            speed_milli: leg.speed_milli,
            is_over: is_end,
            waits: leg.waits,
        };
        let frame = self.publisher.alone(self.world.player(), pace, Freshness::Recent);
        self.due = frame.markers.iter().find(|marker| marker.is_future).map(|marker| marker.at);
        self.take_chapters(&frame, stop, at);
        self.direction.watch.toast = self.toast(at);
        if let Some(stage) = &mut self.direction.watch.stage {
            let fresh = self.keys.iter().filter(|(since, _)| at - *since < KEY);
            stage.keys = fresh.map(|(_, key)| key.to_string()).collect();
        }
        self.picture.reset();
        draw(&self.direction.watch, &frame, &mut self.picture);
        self.shown.as_ref() != Some(&self.picture)
            || !self.chapters.is_empty()
            || !self.pressed.is_empty()
            || self.is_over
    }

    /// Goes to an instant; only a film that jumps needs to remember its past.
    fn go(&mut self, stop: VirtualTime) {
        let stop = stop.max(FIRST);
        let is_back = stop < self.world.cursor().at;
        if is_back && self.world.seek(Cursor { at: stop, steps: 0 }).is_err() {
            unreachable!("nodes that are called inline need no runtime");
        }
        match self.script.goes_back() {
            true => self.world.advance(stop),
            false => self.world.player().advance(stop),
        }
    }

    fn take_chapters(&mut self, frame: &Frame, now: VirtualTime, at: Span) {
        let (told, run) = (self.told, self.direction.watch.run);
        let is_still = self.direction.from == self.direction.to;
        let is_new = |marker: &&Marker| {
            // A still tells the notes that were taken before it.
            let since = if is_still && marker.kind == MarkerKind::Mark { VirtualTime::ZERO } else { told };
            !marker.is_future && marker.at >= since && marker.at < now
        };
        let (beats, several) = (self.beats(), self.scenario.runs.len() > 1);
        self.chapters.clear();
        for marker in frame.markers.iter().filter(is_new) {
            // Who became primary is told of the run in the picture alone; there are many elsewhere.
            if marker.kind == MarkerKind::Failover && marker.run != Some(run) {
                continue;
            }
            let scope = marker.run.filter(|_| several && marker.kind != MarkerKind::Failover);
            let scope = scope.map_or(String::new(), |run| format!("[{}] ", self.scenario.runs[run].id));
            let text = format!("{scope}{}", marker.label.trim());
            let kind = kind(marker.kind);
            if matches!(kind, ChapterKind::Fault | ChapterKind::Heal | ChapterKind::Command) {
                self.toast = Some((at, text.clone()));
            }
            let place = beats.iter().position(|said| *said == marker.at && kind == ChapterKind::Beat);
            let place = place.map(|place| (place + 1, beats.len()));
            self.chapters.push(Chapter { kind, text, place, at: Some(marker.at) });
        }
        self.told = self.told.max(now);
    }

    /// When the timeline speaks.
    fn beats(&self) -> Vec<VirtualTime> {
        self.scenario.timeline.iter().filter(|entry| entry.say.is_some()).map(|entry| entry.at).collect()
    }

    fn toast(&self, now: Span) -> Option<(String, bool)> {
        let (since, text) = self.toast.as_ref()?;
        (now - *since < TOAST).then(|| (text.clone(), false))
    }

    fn checks(&self, judgement: &Judgement) -> Vec<Chapter> {
        let at = Some(VirtualTime(self.scenario.duration.0));
        let check = |met: &Met| {
            let sign = if met.is_met { '✓' } else { '✗' };
            let text = format!("{sign} {}", verdict(&self.scenario, met));
            Chapter { kind: ChapterKind::Check, text, place: None, at }
        };
        judgement.expectations.iter().map(check).collect()
    }
}

impl Film for Studio {
    fn titles(&self) -> &Titles {
        &self.titles
    }

    fn next(&mut self) -> Option<Shot<'_>> {
        self.pressed.clear();
        while !self.is_over {
            let (stop, at) = self.next_stop();
            if self.shoot(stop, at) {
                match &mut self.shown {
                    Some(shown) => shown.clone_from(&self.picture),
                    None => self.shown = Some(self.picture.clone()),
                }
                return Some(Shot {
                    at,
                    picture: &self.picture,
                    chapters: &self.chapters,
                    keys: &self.pressed,
                });
            }
        }
        None
    }

    fn ending(&mut self) -> Ending {
        let length = self.script.length();
        // Whatever its watcher looked at last, a film ends as its part of the world does.
        self.go(self.direction.to);
        let scenario = Arc::clone(&self.scenario);
        let ids = scenario.runs.iter().map(|run| run.id.clone());
        let digests = ids.zip(self.world.player().digests()).collect();
        if self.direction.to.0 < scenario.duration.0 {
            return Ending { length, digests, ..Ending::default() };
        }
        let judgement = judge(&scenario, self.world.player());
        let exit = u8::from(!judgement.is_as_expected());
        Ending { length, checks: self.checks(&judgement), exit, digests, judgement: Some(judgement) }
    }
}

/// How the world's time becomes the film's.
fn script(scenario: &Scenario, direction: &Direction, following: Following) -> Script {
    let style = Style {
        part: (direction.from, direction.to),
        speed_milli: direction.speed_milli,
        follows: following.time,
        is_presenting: direction.watch.stage.is_some(),
    };
    Script::of(scenario, style)
}

fn kind(kind: MarkerKind) -> ChapterKind {
    match kind {
        MarkerKind::Fault => ChapterKind::Fault,
        MarkerKind::Heal => ChapterKind::Heal,
        MarkerKind::Command => ChapterKind::Command,
        MarkerKind::Say => ChapterKind::Beat,
        MarkerKind::Mark => ChapterKind::Note,
        MarkerKind::Failover => ChapterKind::Failover,
    }
}

fn titles(scenario: &Arc<Scenario>, direction: &Direction, length: Span) -> Titles {
    let run = &scenario.runs[direction.watch.run.min(scenario.runs.len() - 1)];
    let topology = run.topology().word();
    let look = direction.watch.look;
    Titles {
        title: one_line(&scenario.title),
        subtitle: format!("{topology} · seed {}", scenario.seed),
        summary: one_line(&scenario.summary),
        command: direction.command.clone(),
        tags: vec!["splitbrain".to_owned(), topology.to_owned(), scenario.id.clone()],
        size: direction.size,
        palette: palette(look.theme),
        light: direction.has_light.then(|| palette(Theme::OkabeLight)),
        length,
        ours: json!({
            "program": env!("CARGO_PKG_VERSION"),
            "scenario": scenario.id,
            "seed": scenario.seed,
            "run": run.id,
            "from_us": direction.from.0,
            "to_us": direction.to.0,
        }),
        scenario: Some(Arc::clone(scenario)),
    }
}
