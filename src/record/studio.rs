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
use crate::driver::player::Player;
use crate::driver::verdict::{Judgement, Met, judge};
use crate::driver::{Freshness, Pace, Publisher};
use crate::scenario::model::Scenario;
use crate::screen::look::Theme;
use crate::screen::{Watch, draw};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use serde_json::json;
use std::sync::Arc;

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

/// Films one scenario.
pub struct Studio {
    scenario: Arc<Scenario>,
    player: Player,
    publisher: Publisher,
    direction: Direction,
    titles: Titles,
    picture: Buffer,
    shown: Option<Buffer>,
    chapters: Vec<Chapter>,
    /// Everything before has been told in chapters.
    told: VirtualTime,
    /// Frame times passed.
    ticks: u64,
    /// The next happening of the timeline.
    due: Option<VirtualTime>,
    /// The newest command and when it came.
    toast: Option<(VirtualTime, String)>,
    is_over: bool,
}

impl Studio {
    /// Sets up the world at the film's beginning.
    ///
    /// # Errors
    /// If the film would end before it begins or after the scenario does, or the world cannot be made.
    pub fn new(scenario: Arc<Scenario>, direction: Direction) -> Result<Self, Refusal> {
        let end = VirtualTime(scenario.duration.0);
        if direction.to > end || direction.from > direction.to {
            let (from, to) = (Span(direction.from.0), Span(direction.to.0));
            return Err(format!(
                "from {from} to {to} is no part of this scenario, which plays {}",
                scenario.duration
            ));
        }
        let player =
            Player::new(Arc::clone(&scenario), HostKind::Inline).map_err(|error| error.to_string())?;
        let (columns, rows) = direction.size;
        let publisher = Publisher::new(&scenario);
        let titles = titles(&scenario, &direction);
        let picture = Buffer::empty(Rect::new(0, 0, columns, rows));
        let told = direction.from;
        Ok(Studio {
            scenario,
            player,
            publisher,
            direction,
            titles,
            picture,
            shown: None,
            chapters: Vec::new(),
            told,
            ticks: 0,
            due: None,
            toast: None,
            is_over: false,
        })
    }

    /// Presentation time of an instant.
    fn shown_at(&self, at: VirtualTime) -> Span {
        at.since(self.direction.from).scaled(1_000, u64::from(self.direction.speed_milli))
    }

    /// The instant of the frame time with this number.
    fn tick(&self, nth: u64) -> VirtualTime {
        let presented = Span(1_000_000).scaled(nth, u64::from(self.direction.fps.max(1)));
        self.direction.from + presented.scaled(u64::from(self.direction.speed_milli), 1_000)
    }

    /// The instant of the next picture.
    fn next_stop(&mut self) -> VirtualTime {
        if self.shown.is_none() {
            return self.direction.from;
        }
        let tick = self.tick(self.ticks + 1).min(self.direction.to);
        // A command's picture is taken the moment after it.
        match self.due.map(|due| due + Span(1)).filter(|due| *due < tick) {
            Some(due) => due,
            None => {
                self.ticks += 1;
                tick
            }
        }
    }

    /// Plays to `stop` and draws; gives whether the picture is worth showing.
    fn shoot(&mut self, stop: VirtualTime) -> bool {
        self.player.advance(stop);
        let is_last = stop >= self.direction.to;
        self.is_over = is_last;
        let is_end = stop.0 >= self.scenario.duration.0;
        let pace = Pace { is_running: !is_end, speed_milli: self.direction.speed_milli, is_over: is_end };
        let frame = self.publisher.alone(&mut self.player, pace, Freshness::Recent);
        self.due = frame.markers.iter().find(|marker| marker.is_future).map(|marker| marker.at);
        self.take_chapters(&frame, stop);
        self.direction.watch.toast = self.toast(stop);
        self.picture.reset();
        draw(&self.direction.watch, &frame, &mut self.picture);
        self.shown.as_ref() != Some(&self.picture) || !self.chapters.is_empty() || is_last
    }

    fn take_chapters(&mut self, frame: &Frame, now: VirtualTime) {
        let (told, run) = (self.told, self.direction.watch.run);
        let is_new = |marker: &&Marker| !marker.is_future && marker.at >= told && marker.at < now;
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
                self.toast = Some((marker.at, text.clone()));
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

    fn toast(&self, now: VirtualTime) -> Option<(String, bool)> {
        let (since, text) = self.toast.as_ref()?;
        let shown = now.since(*since).scaled(1_000, u64::from(self.direction.speed_milli));
        (shown < TOAST).then(|| (text.clone(), false))
    }

    fn checks(&self, judgement: &Judgement) -> Vec<Chapter> {
        let at = Some(self.player.now());
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
        while !self.is_over {
            let stop = self.next_stop();
            if self.shoot(stop) {
                match &mut self.shown {
                    Some(shown) => shown.clone_from(&self.picture),
                    None => self.shown = Some(self.picture.clone()),
                }
                let at = self.shown_at(stop);
                return Some(Shot { at, picture: &self.picture, chapters: &self.chapters });
            }
        }
        None
    }

    fn ending(&mut self) -> Ending {
        let length = self.shown_at(self.direction.to);
        let scenario = Arc::clone(&self.scenario);
        let ids = scenario.runs.iter().map(|run| run.id.clone());
        let digests = ids.zip(self.player.clusters().iter().map(|cluster| cluster.digest())).collect();
        if self.direction.to.0 < scenario.duration.0 {
            return Ending { length, digests, ..Ending::default() };
        }
        let judgement = judge(&scenario, &mut self.player);
        let exit = u8::from(!judgement.is_as_expected());
        Ending { length, checks: self.checks(&judgement), exit, digests, judgement: Some(judgement) }
    }
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

fn titles(scenario: &Arc<Scenario>, direction: &Direction) -> Titles {
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
        length: direction.to.since(direction.from).scaled(1_000, u64::from(direction.speed_milli)),
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
