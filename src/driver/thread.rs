//! The simulation thread: the only place where virtual time meets real time. It plays the scenario at the pace that
//! is asked for, carries out requests between two slices of virtual time, and publishes a frame when something
//! changed. While paused it sleeps until a request comes.

use super::Request;
use super::follow::Following;
use super::frame::{FULL_SPEED, Followed, Frame};
use super::player::Cursor;
use super::publish::{Freshness, Pace, Publisher};
use super::story::Story;
use super::tape::Tape;
use super::until::Until;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::live::HostKind;
use crate::scenario::model::{Recorded, Scenario, Scoped};
use std::io::Write;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;

/// Reads a command in the grammar's words, or says what is wrong with it.
pub type Parse = Box<dyn Fn(&str) -> Result<Scoped, String> + Send>;

/// Opens a file to be written, its own unless it may overwrite; or says why not.
pub type Open = Box<dyn Fn(&str, bool) -> Result<Box<dyn Write + Send>, String> + Send>;

/// What the simulation needs of the world outside.
pub struct Edges {
    /// Reads commands.
    pub parse: Parse,
    /// Opens files.
    pub open: Open,
    /// The file that is recorded to from the beginning, with its name.
    pub tape: Option<(String, Box<dyn Write + Send>)>,
    /// The size of the screen, for recordings.
    pub size: Option<(u16, u16)>,
}

impl Edges {
    /// Commands alone: nothing is written anywhere.
    pub fn reading(parse: Parse) -> Self {
        let open: Open = Box::new(|path, _| Err(format!("nothing can be written to {path} here")));
        Edges { parse, open, tape: None, size: None }
    }
}

/// How playing begins.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Thousandths of real time; [`FULL_SPEED`] for as fast as possible.
    pub speed_milli: u32,
    /// Whether to stand still at first.
    pub is_paused: bool,
    /// Whether to stop at every narration until somebody goes on.
    pub is_presenting: bool,
    /// Whether to follow what a recording's watcher did.
    pub follows: bool,
    /// Where nodes live.
    pub host: HostKind,
}

impl Default for Start {
    /// At real speed, running, nodes as tasks.
    fn default() -> Self {
        let host = HostKind::Tasks;
        Start { speed_milli: 1_000, is_paused: false, is_presenting: false, follows: false, host }
    }
}

/// The ends of a running simulation thread.
pub struct Simulation {
    /// The newest frame; the first one is there at once.
    pub frames: watch::Receiver<Arc<Frame>>,
    /// Requests; they are taken between two slices of work.
    pub requests: Sender<Request>,
    /// The thread; it ends after [`Request::Quit`] or when both ends above are dropped.
    pub thread: JoinHandle<()>,
}

/// Real time between two frames.
const TICK: Duration = Duration::from_millis(33);
/// Virtual time played between two looks at the clock.
pub(super) const SLICE: Span = Span::millis(10);
/// Requests that may wait: more than anyone types between two slices of work. Who asks for more waits with them.
const REQUESTS: usize = 256;
/// Of the real time while the world runs, measuring takes at most one part in so many: it reads whole histories.
const MEASURING: u32 = 10;
/// Real time spent on playing before requests are looked at again.
pub(super) const PATIENCE: Duration = Duration::from_millis(25);

/// Real time after a jump in which no other must come for the figures to be measured.
const REST: Duration = Duration::from_millis(120);

/// Starts playing `scenario` on a thread of its own.
///
/// # Errors
/// If the operating system gives no thread or no runtime.
pub fn start(scenario: Arc<Scenario>, start: Start, edges: Edges) -> std::io::Result<Simulation> {
    let clock = Builder::new_current_thread().enable_time().build()?;
    let story = Story::new(Arc::clone(&scenario), start.host)?;
    let mut pacer = Pacer {
        story,
        publisher: Publisher::new(&scenario),
        edges,
        tape: None,
        host: start.host,
        speed_milli: start.speed_milli.max(1),
        is_running: !start.is_paused,
        is_over: false,
        owed: Span::ZERO,
        goal: None,
        owes_figures: false,
        figures_due: now(),
        measuring: Duration::ZERO,
        is_presenting: start.is_presenting,
        waits: None,
        following: None,
        followed: None,
        following_since: 0,
        is_holding: false,
    };
    if let Some((name, out)) = pacer.edges.tape.take() {
        pacer.begin_tape(&name, out);
    }
    if let Some(warning) = scenario.recorded.as_ref().and_then(Recorded::warning) {
        pacer.publisher.warn(warning);
    }
    // The nodes boot before the first picture is taken.
    pacer.story.advance(VirtualTime(1_000));
    if start.follows {
        pacer.begin_to_follow(pacer.speed_milli);
    }
    if pacer.is_presenting && pacer.is_running && pacer.story.player().narration().is_some() {
        pacer.cue("wait");
        pacer.wait();
    }
    let (frames_in, frames) = watch::channel(Arc::new(pacer.frame(false)));
    let (requests, inbox) = channel(REQUESTS);
    let thread = std::thread::Builder::new()
        .name("simulation".to_owned())
        .spawn(move || pacer.live(&clock, inbox, &frames_in))?;
    Ok(Simulation { frames, requests, thread })
}

/// Everything the thread owns.
pub(super) struct Pacer {
    pub(super) story: Story,
    pub(super) publisher: Publisher,
    pub(super) edges: Edges,
    pub(super) tape: Option<Tape>,
    pub(super) host: HostKind,
    pub(super) speed_milli: u32,
    pub(super) is_running: bool,
    pub(super) is_over: bool,
    /// Virtual time that real time has earned and that is not played yet.
    pub(super) owed: Span,
    /// What time runs to as fast as possible, to stop there.
    pub(super) goal: Option<Goal>,
    /// Whether the last frame went out with old figures.
    owes_figures: bool,
    /// When figures may be measured again while the world runs.
    figures_due: Instant,
    /// How long the last frame took whose figures were measured.
    measuring: Duration,
    /// Whether time stops at every narration.
    pub(super) is_presenting: bool,
    /// Where it waits for somebody to go on.
    pub(super) waits: Option<Cursor>,
    /// A recording's watcher who is followed.
    pub(super) following: Option<Following>,
    /// What he looks at.
    pub(super) followed: Option<Arc<Followed>>,
    /// How often he has done something.
    pub(super) following_since: u64,
    /// Whether time stands because it stood for him.
    pub(super) is_holding: bool,
}

/// What time runs to.
pub(super) enum Goal {
    /// A place in time.
    At(Cursor),
    /// What shall have come.
    Until(Box<Until>),
    /// The next narration.
    Beat,
}

#[expect(clippy::disallowed_methods, reason = "pacing is what the real clock is for")]
fn now() -> Instant {
    Instant::now()
}

impl Pacer {
    fn live(mut self, clock: &Runtime, mut inbox: Receiver<Request>, frames: &watch::Sender<Arc<Frame>>) {
        let mut last = now();
        loop {
            let mut woken = match (self.is_running, self.owes_figures) {
                (true, _) if self.rushes() => next_in(&mut inbox),
                (true, _) => clock.block_on(next_request(&mut inbox, Some(TICK))),
                (false, true) => {
                    // Who jumps on within this shall not wait for figures.
                    let rest = REST.max(self.measuring * 2);
                    clock.block_on(next_request(&mut inbox, Some(rest)))
                }
                (false, false) => clock.block_on(next_request(&mut inbox, None)),
            };
            let mut has_jumped = false;
            // Whatever else was asked meanwhile is served too, before any more time passes.
            loop {
                match woken {
                    Woken::Asked(Request::Quit) | Woken::Abandoned => return self.end_tape(),
                    Woken::Asked(request) => has_jumped |= self.serve(request),
                    Woken::Tick => break,
                }
                woken = next_in(&mut inbox);
            }
            let present = now();
            if self.is_running {
                self.play(present.duration_since(last));
            }
            last = present;
            if frames.send(Arc::new(self.frame(has_jumped))).is_err() {
                return self.end_tape();
            }
        }
    }

    /// Plays what `elapsed` real time earns at the present speed. What cannot be played in time is forgiven: the
    /// world then runs slower than asked instead of ever further behind.
    fn play(&mut self, elapsed: Duration) {
        let began = now();
        if self.following.is_some() {
            if let Err(error) = self.follow(elapsed.min(TICK * 2), began) {
                self.publisher.toast(format!("the operating system refuses: {error}"), true);
            }
            return;
        }
        let us = u64::try_from(elapsed.min(TICK * 2).as_micros()).unwrap_or(0);
        let earned = match self.rushes() {
            true => Span::seconds(3600),
            false => Span(us).scaled(u64::from(self.speed_milli), 1000),
        };
        self.owed = self.owed + earned;
        while self.is_running && self.owed > Span::ZERO && began.elapsed() < PATIENCE {
            let slice = self.owed.min(SLICE);
            self.owed = self.owed - slice;
            let target = self.story.cursor().at + slice;
            self.play_slice(target);
        }
        if began.elapsed() >= PATIENCE {
            self.owed = Span::ZERO;
        }
    }

    /// Plays on to `target`, or to where time shall stop before it.
    fn play_slice(&mut self, target: VirtualTime) {
        let end = self.end();
        let stops_at_end = !self.is_over && target >= end;
        let target = if stops_at_end { end } else { target };
        if matches!(self.goal, None | Some(Goal::Beat))
            && let Some(beat) = self.beat_before(target)
        {
            self.story.advance(beat);
            self.cue("wait");
            return self.wait();
        }
        match self.goal.take() {
            Some(Goal::At(goal)) if goal.at <= target => {
                self.story.advance(goal.at);
                if let Err(error) = self.story.seek(goal) {
                    self.publisher.toast(format!("the operating system refuses: {error}"), true);
                }
                self.stop();
                self.is_over = goal.at >= end;
                return;
            }
            Some(Goal::Until(mut until)) => {
                self.story.advance(target);
                let is_time = stops_at_end || until.is_due(self.story.cursor());
                if is_time && until.look(self.story.player()).is_some() {
                    if let Err(error) = self.arrive(*until) {
                        self.publisher.toast(format!("the operating system refuses: {error}"), true);
                    }
                    return;
                }
                until.note(self.story.cursor());
                if stops_at_end {
                    self.publisher.toast(format!("`{}` has not come by the end", until.words()), true);
                    self.is_over = true;
                    return self.stop();
                }
                if self.is_over && until.is_in_vain(self.story.cursor(), Span(end.0)) {
                    let text = format!("`{}` has not come, and the scenario ended long ago", until.words());
                    self.publisher.toast(text, true);
                    return self.stop();
                }
                self.goal = Some(Goal::Until(until));
            }
            goal => {
                self.story.advance(target);
                self.goal = goal;
            }
        }
        if stops_at_end {
            self.is_over = true;
            self.stop();
            self.say_over();
        }
    }

    /// When the scenario is over.
    pub(super) fn end(&mut self) -> VirtualTime {
        VirtualTime(self.story.player().scenario().duration.0)
    }

    /// Time stands still.
    pub(super) fn stop(&mut self) {
        (self.is_running, self.goal, self.owed) = (false, None, Span::ZERO);
    }

    /// Whether time goes as fast as it can.
    fn rushes(&self) -> bool {
        self.speed_milli == FULL_SPEED || self.goal.is_some()
    }

    fn frame(&mut self, has_jumped: bool) -> Frame {
        let began = now();
        let pace = Pace {
            is_running: self.is_running && !self.is_holding,
            waits: self.is_waiting(),
            speed_milli: if self.goal.is_some() { FULL_SPEED } else { self.speed_milli },
            is_over: self.is_over,
        };
        let freshness = match (self.is_running, has_jumped) {
            (true, _) if began < self.figures_due => Freshness::Any,
            (true, _) => Freshness::Recent,
            // Who jumps about wants the next picture at once; the figures follow when he rests.
            (false, true) => Freshness::Any,
            (false, false) => Freshness::Measured,
        };
        self.owes_figures = freshness == Freshness::Any;
        if freshness == Freshness::Measured
            && self.publisher.is_telling()
            && let Err(error) = self.story.remember()
        {
            self.publisher.toast(format!("the operating system refuses: {error}"), true);
        }
        let goal = match &self.goal {
            Some(Goal::At(goal)) => Some(format!("to {}", goal.at).into()),
            Some(Goal::Until(until)) => Some(format!("until {}", until.words()).into()),
            Some(Goal::Beat) => Some("to the next narration".into()),
            None => None,
        };
        let recording = self.tape.as_ref().map(Tape::name);
        let measured = self.publisher.measured();
        let frame = self.publisher.frame(&mut self.story, pace, freshness, goal, recording);
        if self.publisher.measured() > measured {
            let present = now();
            self.measuring = present.duration_since(began);
            self.figures_due = present + self.measuring * MEASURING;
        }
        Frame { followed: self.followed.clone(), ..frame }
    }
}

/// Why the thread woke.
enum Woken {
    Asked(Request),
    Tick,
    Abandoned,
}

/// A request that waits already.
fn next_in(inbox: &mut Receiver<Request>) -> Woken {
    match inbox.try_recv() {
        Ok(request) => Woken::Asked(request),
        Err(TryRecvError::Empty) => Woken::Tick,
        Err(TryRecvError::Disconnected) => Woken::Abandoned,
    }
}

/// Waits for a request, no longer than `wait` if that is given.
async fn next_request(inbox: &mut Receiver<Request>, wait: Option<Duration>) -> Woken {
    let asked = |request: Option<Request>| request.map_or(Woken::Abandoned, Woken::Asked);
    let Some(wait) = wait else { return asked(inbox.recv().await) };
    tokio::select! { biased;
        request = inbox.recv() => asked(request),
        () = tokio::time::sleep(wait) => Woken::Tick,
    }
}
