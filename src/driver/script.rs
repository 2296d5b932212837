//! What maps the time of a world to the time of those who watch it: where a recording's watcher let it run, how fast,
//! where he stood still, and what he looked at meanwhile. Made of words alone, before any world plays.
//!
//! ```text
//! world          0s ────────── 5s            5s ─── 7s        2s ────────
//! presentation   0s ────────── 5s ── hold ── 6s ─── 8s  jump  8s ──────── leg by leg
//! ```
//!
//! No wall time is in a recording, so a pause lasts as long here as it takes to see that it is one, or to read what
//! was just said.

use super::cue::{self, Act};
use super::frame::Gaze;
use crate::base::time::{Span, VirtualTime};
use crate::scenario::model::Scenario;
use std::sync::Arc;

/// How long time is seen to stand still after a pause, a jump, another view, a key.
const PAUSED: Span = Span::millis(1_000);
const JUMPED: Span = Span::millis(700);
const LOOKED: Span = Span::millis(900);
const PRESSED: Span = Span::millis(400);
/// What reading takes: a word, and the least and the most that is waited for it.
const WORD: Span = Span::millis(270);
const READ_LEAST: Span = Span::millis(2_000);
const READ_MOST: Span = Span::millis(12_000);

/// A stretch in which time goes evenly, or stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leg {
    /// Presentation time at which it begins.
    pub at: Span,
    /// Presentation time that it lasts.
    pub lasts: Span,
    /// The world's instant at its beginning.
    pub from: VirtualTime,
    /// And at its end; the same if time stands.
    pub to: VirtualTime,
    /// Thousandths of a virtual second in a second of presentation.
    pub speed_milli: u32,
    /// Whether time was made to stand.
    pub is_paused: bool,
    /// Whether it stands after narration, for somebody to go on.
    pub waits: bool,
    /// What is looked at.
    pub gaze: Gaze,
    /// Keys pressed at its beginning.
    pub keys: Vec<Arc<str>>,
    /// The cues that made it, in their own words.
    pub cues: Vec<Arc<str>>,
}

impl Leg {
    /// When it ends.
    pub fn end(&self) -> Span {
        self.at + self.lasts
    }

    /// The world's instant at a presentation time within it.
    pub fn instant(&self, at: Span) -> VirtualTime {
        let passed = (at - self.at).scaled(u64::from(self.speed_milli), 1_000);
        if self.is_still() { self.from } else { (self.from + passed).min(self.to) }
    }

    /// The presentation time of an instant within it.
    pub fn shown_at(&self, at: VirtualTime) -> Span {
        self.at + at.since(self.from).scaled(1_000, u64::from(self.speed_milli.max(1))).min(self.lasts)
    }

    /// Whether time stands in it.
    pub fn is_still(&self) -> bool {
        self.from == self.to
    }
}

/// The legs of a presentation, one after the other; never none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// In the order in which they are shown.
    pub legs: Vec<Leg>,
}

/// How a script is written.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// The part of the world's time that is shown.
    pub part: (VirtualTime, VirtualTime),
    /// Thousandths of real time, on top of what cues say.
    pub speed_milli: u32,
    /// Whether cues are followed.
    pub follows: bool,
    /// Whether time stops to let every narration be read.
    pub is_presenting: bool,
}

impl Script {
    /// What `scenario` asks for.
    pub fn of(scenario: &Scenario, style: Style) -> Script {
        let cues = if style.follows { scenario.cues.as_slice() } else { &[] };
        let acts: Vec<Act> = cues.iter().map(|cue| cue::read(&cue.text, scenario)).collect();
        // Where a presenter was waited for already, nobody waits twice.
        let has_waits = acts.contains(&Act::Wait);
        let mut writer = Writer::new(scenario, style, has_waits);
        for (cue, act) in cues.iter().zip(acts) {
            writer.take(cue.at, act, &cue.text);
        }
        writer.finish()
    }

    /// How long it lasts.
    pub fn length(&self) -> Span {
        self.legs.last().map_or(Span::ZERO, Leg::end)
    }

    /// Whether time ever goes back in it.
    pub fn goes_back(&self) -> bool {
        self.legs.windows(2).any(|pair| pair[1].from < pair[0].to)
    }

    /// Where it is told from an instant on: the first leg that plays it.
    pub fn place_of(&self, at: VirtualTime) -> usize {
        self.legs.iter().position(|leg| leg.from <= at && at < leg.to).unwrap_or(self.legs.len())
    }
}

struct Writer<'a> {
    scenario: &'a Scenario,
    style: Style,
    has_waits: bool,
    legs: Vec<Leg>,
    now: VirtualTime,
    speed_milli: u32,
    is_paused: bool,
    gaze: Gaze,
    keys: Vec<Arc<str>>,
    cues: Vec<Arc<str>>,
}

impl<'a> Writer<'a> {
    fn new(scenario: &'a Scenario, style: Style, has_waits: bool) -> Self {
        Writer {
            scenario,
            style,
            has_waits,
            legs: Vec::new(),
            now: VirtualTime::ZERO,
            speed_milli: 1_000,
            is_paused: false,
            gaze: Gaze::default(),
            keys: Vec::new(),
            cues: Vec::new(),
        }
    }

    fn take(&mut self, at: VirtualTime, act: Act, text: &str) {
        // While time stood, only steps have moved it.
        if at > self.now && !self.is_paused {
            self.play(at);
        }
        self.jump(at);
        if act != Act::Other {
            self.cues.push(text.into());
        }
        match act {
            Act::Pause => {
                self.is_paused = true;
                self.hold(PAUSED, false);
            }
            Act::Wait => {
                self.is_paused = true;
                self.hold(self.reading(self.now), true);
            }
            Act::Run => self.is_paused = false,
            Act::Speed(speed_milli) => self.speed_milli = cue::seen(speed_milli),
            Act::Seek(at) => {
                self.jump(at);
                self.is_paused = true;
                self.hold(JUMPED, false);
            }
            Act::Look(gaze) => {
                self.gaze.follow(&gaze);
                self.hold_if_paused(LOOKED);
            }
            Act::Key(key) => {
                self.keys.push(key);
                self.hold_if_paused(PRESSED);
            }
            Act::Other => {}
        }
    }

    /// Time is made to stand at `to`. A still of what is passed over shows what was looked at then.
    fn jump(&mut self, to: VirtualTime) {
        let (from, until) = self.style.part;
        if from == until && (self.now..to).contains(&from) {
            self.push(self.style.part, Span::ZERO, false, false);
        }
        self.now = to;
    }

    fn hold_if_paused(&mut self, lasts: Span) {
        if self.is_paused {
            self.hold(lasts, false);
        }
    }

    fn hold(&mut self, lasts: Span, waits: bool) {
        let (from, to) = self.style.part;
        if (from..=to).contains(&self.now) {
            let lasts = lasts.scaled(1_000, u64::from(self.style.speed_milli.max(1)));
            self.push((self.now, self.now), lasts, true, waits);
        }
    }

    /// Plays on to `to`, with a stop at every beat where a presenter would make one.
    fn play(&mut self, to: VirtualTime) {
        let presents =
            self.gaze.is_presenting.unwrap_or(self.style.is_presenting) || self.style.is_presenting;
        if presents && !self.has_waits {
            let beats = self.scenario.timeline.iter().filter(|entry| entry.say.is_some());
            let stops = beats.map(|entry| entry.at + Span(1));
            for stop in stops.filter(|stop| (self.now..to).contains(stop)).collect::<Vec<_>>() {
                self.play_evenly(stop);
                self.hold(self.reading(stop), true);
            }
        }
        self.play_evenly(to);
    }

    fn play_evenly(&mut self, to: VirtualTime) {
        let part = self.style.part;
        let (from, until) = (self.now.max(part.0), to.min(part.1));
        let is_still = part.0 == part.1 && (self.now..to).contains(&part.0);
        if from < until || is_still {
            let lasts = until.since(from).scaled(1_000, u64::from(self.pace()));
            self.push((from, until), lasts, false, false);
        }
        self.now = to;
    }

    fn pace(&self) -> u32 {
        let pace = Span(u64::from(self.speed_milli)).scaled(u64::from(self.style.speed_milli), 1_000);
        u32::try_from(pace.0).unwrap_or(u32::MAX).max(1)
    }

    fn push(&mut self, (from, to): (VirtualTime, VirtualTime), lasts: Span, is_paused: bool, waits: bool) {
        let at = self.legs.last().map_or(Span::ZERO, Leg::end);
        self.legs.push(Leg {
            at,
            lasts,
            from,
            to,
            speed_milli: self.pace(),
            is_paused,
            waits,
            gaze: self.gaze.clone(),
            keys: std::mem::take(&mut self.keys),
            cues: std::mem::take(&mut self.cues),
        });
    }

    /// How long what was said last takes to read.
    fn reading(&self, now: VirtualTime) -> Span {
        let said = self.scenario.timeline.iter().filter(|entry| entry.at <= now);
        let words = said
            .filter_map(|entry| entry.say.as_deref())
            .next_back()
            .map_or(0, |text| text.split_whitespace().count() as u64);
        (WORD * words).clamp(READ_LEAST, READ_MOST)
    }

    /// Whoever was watching when time last stood saw nothing after it; else the rest is played.
    fn finish(mut self) -> Script {
        let (from, to) = self.style.part;
        if !self.is_paused {
            self.play(to);
        }
        if self.legs.is_empty() {
            self.push((from, to), Span::ZERO, false, false);
        }
        if from == to {
            // A still shows what was looked at when its instant first came.
            self.legs.truncate(1);
            self.legs[0].lasts = Span::ZERO;
        }
        Script { legs: self.legs }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::load::load;

    const HEAD: &str = "format = 1\nduration = \"10s\"\n[[run]]\nid = \"a\"\ntopology = \"peer-to-peer\"\n\
        [[run]]\nid = \"b\"\ntopology = \"primary-replica\"\n[recorded]\nprogram = \"0.1.0\"\nsemantics = 1\n";

    fn scenario(entries: &[(&str, &str)]) -> Scenario {
        let entry = |(at, what): &(&str, &str)| format!("[[timeline]]\nat = \"{at}\"\n{what}\n");
        let text = format!("{HEAD}{}", entries.iter().map(entry).collect::<String>());
        load("paper.toml", &text, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
    }

    fn style(follows: bool, is_presenting: bool) -> Style {
        let part = (VirtualTime::ZERO, VirtualTime(10_000_000));
        Style { part, speed_milli: 1_000, follows, is_presenting }
    }

    /// Presentation and world in milliseconds: (at, lasts, from, to).
    fn legs(script: &Script) -> Vec<(u64, u64, u64, u64)> {
        let of = |leg: &Leg| [leg.at.0, leg.lasts.0, leg.from.0, leg.to.0].map(|us| us / 1_000).into();
        script.legs.iter().map(of).collect()
    }

    #[test]
    fn without_cues_time_goes_evenly_and_words_are_waited_for_only_on_stage() {
        let plain = scenario(&[("2s", "say = \"one two three four five six seven eight nine ten\"")]);
        assert_eq!(legs(&Script::of(&plain, style(true, false))), [(0, 10_000, 0, 10_000)]);
        let stage = Script::of(&plain, style(true, true));
        assert_eq!(
            legs(&stage),
            [(0, 2_000, 0, 2_000), (2_000, 2_700, 2_000, 2_000), (4_700, 7_999, 2_000, 10_000)]
        );
        assert!(stage.legs[1].waits && !stage.goes_back());
    }

    #[test]
    fn pauses_pace_jumps_and_looks_are_followed_in_the_order_of_the_file() {
        let watched = scenario(&[
            ("1s", "cue = \"speed 2000\""),
            ("3s", "cue = \"pause\""),
            ("3s", "cue = \"key v\""),
            ("3s", "cue = \"view log, run b, target all\""),
            ("3s", "cue = \"seek 1.5s\""),
            ("1.5s", "cue = \"run\""),
            ("2.5s", "cue = \"key t\""),
        ]);
        let script = Script::of(&watched, style(true, false));
        assert_eq!(
            legs(&script),
            [
                (0, 1_000, 0, 1_000),
                (1_000, 1_000, 1_000, 3_000),
                (2_000, 1_000, 3_000, 3_000),
                (3_000, 400, 3_000, 3_000),
                (3_400, 900, 3_000, 3_000),
                (4_300, 700, 1_500, 1_500),
                (5_000, 500, 1_500, 2_500),
                (5_500, 3_750, 2_500, 10_000),
            ]
        );
        assert!(script.goes_back());
        assert_eq!(script.legs[3].keys, ["v".into()]);
        let gaze = &script.legs[4].gaze;
        assert_eq!((gaze.view.as_deref(), gaze.run, gaze.target), (Some("log"), Some(1), Some(None)));
        assert_eq!(script.legs[7].keys, ["t".into()]);
        assert_eq!(legs(&Script::of(&watched, style(false, false))), [(0, 10_000, 0, 10_000)]);
    }

    #[test]
    fn who_stood_still_at_last_sees_nothing_after_it_and_steps_move_time_that_stands() {
        let watched = scenario(&[("2s", "cue = \"pause\""), ("2.1s", "cue = \"key .\"")]);
        let script = Script::of(&watched, style(true, false));
        assert_eq!(
            legs(&script),
            [(0, 2_000, 0, 2_000), (2_000, 1_000, 2_000, 2_000), (3_000, 400, 2_100, 2_100)]
        );
    }

    #[test]
    fn a_part_keeps_what_lies_in_it_and_a_leg_maps_both_ways() {
        let watched =
            scenario(&[("1s", "cue = \"pause\""), ("1s", "cue = \"run\""), ("4s", "cue = \"pause\"")]);
        let part = (VirtualTime(3_000_000), VirtualTime(5_000_000));
        let script =
            Script::of(&watched, Style { part, speed_milli: 500, follows: true, is_presenting: false });
        assert_eq!(legs(&script), [(0, 2_000, 3_000, 4_000), (2_000, 2_000, 4_000, 4_000)]);
        let leg = &script.legs[0];
        assert_eq!(leg.instant(Span::millis(1_000)), VirtualTime(3_500_000));
        assert_eq!(leg.shown_at(VirtualTime(3_500_000)), Span::millis(1_000));
        assert_eq!((script.place_of(VirtualTime(3_500_000)), script.length()), (0, Span::millis(4_000)));
    }

    #[test]
    fn a_recorded_presenter_is_waited_for_once() {
        let entries = [
            ("2s", "say = \"Look.\""),
            ("0s", "cue = \"view cluster, run a, target n1, presenting\""),
            ("2.000001s", "cue = \"wait\""),
            ("2.000001s", "cue = \"run\""),
        ];
        let script = Script::of(&scenario(&entries), style(true, true));
        assert_eq!(
            legs(&script),
            [(0, 2_000, 0, 2_000), (2_000, 2_000, 2_000, 2_000), (4_000, 7_999, 2_000, 10_000)]
        );
        assert_eq!(script.legs.iter().filter(|leg| leg.waits).count(), 1);
    }
}
