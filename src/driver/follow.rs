//! A recording's watcher followed while it plays again, and a presenter's stops. Both only steer the pace: the world
//! hears nothing of them.

use super::Request;
use super::frame::{FULL_SPEED, Followed};
use super::player::Cursor;
use super::script::{Leg, Script, Style};
use super::thread::{Goal, PATIENCE, Pacer, SLICE};
use crate::base::time::{Span, VirtualTime};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Up to here the nodes boot before anybody looks: to begin at it is no jump.
const BOOTED: VirtualTime = VirtualTime(1_000);

/// A script and where in it time stands.
pub(super) struct Following {
    script: Script,
    leg: usize,
    /// Presentation time passed.
    at: Span,
    /// Whether the present leg has begun.
    has_begun: bool,
    /// Whether its watcher was waited for himself.
    has_waits: bool,
}

impl Following {
    fn leg(&self) -> Option<&Leg> {
        self.script.legs.get(self.leg)
    }

    fn next(&mut self) {
        (self.leg, self.has_begun) = (self.leg + 1, false);
    }
}

impl Pacer {
    /// Follows what the scenario's watcher did from here on, if it is a recording.
    pub(super) fn begin_to_follow(&mut self, speed_milli: u32) {
        let scenario = Arc::clone(self.story.player().scenario());
        if scenario.cues.is_empty() || speed_milli == FULL_SPEED {
            return;
        }
        let part = (VirtualTime::ZERO, VirtualTime(scenario.duration.0));
        let style = Style { part, speed_milli, follows: true, is_presenting: false };
        let script = Script::of(&scenario, style);
        let now = self.story.cursor().at;
        let leg = if now <= BOOTED { 0 } else { script.place_of(now) };
        let at = script.legs.get(leg).map_or(Span::ZERO, |leg| leg.shown_at(now));
        let has_waits = script.legs.iter().any(|leg| leg.waits);
        self.following = Some(Following { script, leg, at, has_begun: false, has_waits });
    }

    /// Goes no longer by what the watcher did.
    pub(super) fn take_over(&mut self) {
        if self.following.take().is_some() {
            (self.followed, self.is_holding) = (None, false);
            let text = "you steer now; `follow` goes on as it was recorded".to_owned();
            self.publisher.toast(text, false);
        }
    }

    /// Whether a request takes time out of the hands of the watcher who is followed.
    pub(super) fn takes_over(request: &Request) -> bool {
        !matches!(
            request,
            Request::TogglePause
                | Request::Run
                | Request::Pause
                | Request::NextBeat
                | Request::Present(_)
                | Request::Follow(_)
                | Request::Record { .. }
                | Request::StopRecording
                | Request::Save { .. }
                | Request::Cue(_)
                | Request::Why { .. }
                | Request::Tell(_)
                | Request::Quit
        )
    }

    /// Plays what `elapsed` earns of the script.
    pub(super) fn follow(&mut self, elapsed: Duration, began: Instant) -> io::Result<()> {
        let Some(mut following) = self.following.take() else { return Ok(()) };
        following.at = following.at + Span(u64::try_from(elapsed.as_micros()).unwrap_or(0));
        while let Some(leg) = following.leg().cloned() {
            if !following.has_begun {
                following.has_begun = true;
                if self.enter(&leg)? {
                    // Somebody is waited for; the rest of this leg is his answer.
                    following.at = leg.end();
                    self.following = Some(following);
                    return Ok(());
                }
            }
            let target = if following.at >= leg.end() { leg.to } else { leg.instant(following.at) };
            // An audience that the watcher did not have is waited for all the same.
            if !following.has_waits
                && let Some(beat) = self.beat_before(target)
            {
                self.story.advance(beat);
                following.at = leg.shown_at(beat);
                self.following = Some(following);
                self.wait();
                return Ok(());
            }
            while self.story.cursor().at < target && began.elapsed() < PATIENCE {
                let next = target.min(self.story.cursor().at + SLICE);
                self.story.advance(next);
            }
            if self.story.cursor().at < target {
                // What cannot be played in time is forgiven.
                following.at = leg.shown_at(self.story.cursor().at);
                break;
            }
            if following.at < leg.end() {
                break;
            }
            following.next();
        }
        if following.leg().is_some() {
            self.following = Some(following);
        } else {
            self.stop_following();
        }
        Ok(())
    }

    /// Begins a leg: jumps if it lies elsewhere, tells what is looked at. Gives whether somebody is waited for.
    fn enter(&mut self, leg: &Leg) -> io::Result<bool> {
        for cue in &leg.cues {
            self.cue(cue);
        }
        let here = self.story.cursor().at;
        let has_booted = leg.from == VirtualTime::ZERO && here <= BOOTED;
        // Whoever begins to follow in the middle of a leg goes on from there.
        if !(leg.from..=leg.to).contains(&here) && !has_booted {
            self.story.seek(Cursor { at: leg.from, steps: 0 })?;
        }
        self.following_since += 1;
        self.speed_milli = leg.speed_milli;
        self.is_holding = leg.is_paused;
        let serial = self.following_since;
        self.followed = Some(Arc::new(Followed { serial, gaze: leg.gaze.clone(), keys: leg.keys.clone() }));
        let waits = leg.waits && self.is_presenting;
        if waits {
            self.wait();
        }
        Ok(waits)
    }

    /// The recording's watcher left here.
    fn stop_following(&mut self) {
        (self.followed, self.is_holding, self.speed_milli) = (None, false, 1_000);
        self.is_over = self.story.cursor().at >= self.end();
        self.stop();
        match self.is_over {
            true => self.say_over(),
            false => {
                let text = "here the recording's watcher stopped; space goes on".to_owned();
                self.publisher.toast(text, false);
            }
        }
    }

    /// Time stands until somebody goes on.
    pub(super) fn wait(&mut self) {
        self.stop();
        self.waits = Some(self.story.cursor());
    }

    /// Whether somebody is waited for.
    pub(super) fn is_waiting(&self) -> bool {
        !self.is_running && self.waits == Some(self.story.cursor())
    }

    /// Stops at every narration from now on, or no longer.
    pub(super) fn present(&mut self, is_presenting: bool) {
        self.is_presenting = is_presenting;
        if !is_presenting {
            self.waits = None;
        }
    }

    /// On to the next narration: from the one that is waited at as time goes, from elsewhere as fast as possible.
    pub(super) fn next_beat(&mut self) {
        if !self.is_running {
            self.is_running = true;
            self.cue("run");
        } else if self.following.is_none() && self.beat_before(VirtualTime::MAX).is_some() {
            self.goal = Some(Goal::Beat);
        } else {
            self.publisher.toast("nothing more is told".to_owned(), true);
        }
    }

    /// The moment after the next narration, if a presenter stops there and it lies no later than `limit`.
    pub(super) fn beat_before(&mut self, limit: VirtualTime) -> Option<VirtualTime> {
        let here = self.story.cursor();
        let timeline = Arc::clone(self.story.lane().timeline());
        let told = timeline.iter().filter(|entry| entry.say.is_some());
        let next = told.map(|entry| entry.at).find(|&at| Cursor { at, steps: 0 } >= here)?;
        Some(next + Span(1)).filter(|at| self.is_presenting && *at <= limit)
    }
}
