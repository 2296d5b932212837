//! The simulation thread: the only place where virtual time meets real time. It plays the scenario at the pace that
//! is asked for, carries out requests between two slices of virtual time, and publishes a frame when something
//! changed. While paused it sleeps until a request comes.

use super::Request;
use super::frame::{FULL_SPEED, Frame};
use super::player::Player;
use super::publish::Publisher;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::live::HostKind;
use crate::scenario::model::{Scenario, Scoped};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;

/// Reads a command in the grammar's words, or says what is wrong with it.
pub type Parse = Box<dyn Fn(&str) -> Result<Scoped, String> + Send>;

/// How playing begins.
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// Thousandths of real time; [`FULL_SPEED`] for as fast as possible.
    pub speed_milli: u32,
    /// Whether to stand still at first.
    pub is_paused: bool,
    /// Where nodes live.
    pub host: HostKind,
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
const SLICE: Span = Span::millis(10);
/// Requests that may wait: more than anyone types between two slices of work. Who asks for more waits with them.
const REQUESTS: usize = 256;
/// Real time spent on playing before requests are looked at again.
const PATIENCE: Duration = Duration::from_millis(25);

/// Starts playing `scenario` on a thread of its own.
///
/// # Errors
/// If the operating system gives no thread or no runtime.
pub fn start(scenario: Arc<Scenario>, start: Start, parse: Parse) -> std::io::Result<Simulation> {
    let clock = Builder::new_current_thread().enable_time().build()?;
    let player = Player::new(Arc::clone(&scenario), start.host)?;
    let mut pacer = Pacer {
        player,
        publisher: Publisher::new(&scenario),
        parse,
        host: start.host,
        speed_milli: start.speed_milli.max(1),
        is_running: !start.is_paused,
        is_over: false,
        owed: Span::ZERO,
    };
    // The nodes boot before the first picture is taken.
    pacer.player.advance(VirtualTime(1_000));
    let (frames_in, frames) = watch::channel(Arc::new(pacer.frame()));
    let (requests, inbox) = channel(REQUESTS);
    let thread = std::thread::Builder::new()
        .name("simulation".to_owned())
        .spawn(move || pacer.live(&clock, inbox, &frames_in))?;
    Ok(Simulation { frames, requests, thread })
}

/// Everything the thread owns.
struct Pacer {
    player: Player,
    publisher: Publisher,
    parse: Parse,
    host: HostKind,
    speed_milli: u32,
    is_running: bool,
    is_over: bool,
    /// Virtual time that real time has earned and that is not played yet.
    owed: Span,
}

impl Pacer {
    #[expect(clippy::disallowed_methods, reason = "pacing is what the real clock is for")]
    fn live(mut self, clock: &Runtime, mut inbox: Receiver<Request>, frames: &watch::Sender<Arc<Frame>>) {
        let mut last = Instant::now();
        loop {
            let mut woken = clock.block_on(next_request(&mut inbox, self.is_running));
            // Whatever else was asked meanwhile is served too, before any more time passes.
            loop {
                match woken {
                    Woken::Asked(Request::Quit) | Woken::Abandoned => return,
                    Woken::Asked(request) => self.serve(request),
                    Woken::Tick => break,
                }
                woken = match inbox.try_recv() {
                    Ok(request) => Woken::Asked(request),
                    Err(TryRecvError::Empty) => Woken::Tick,
                    Err(TryRecvError::Disconnected) => Woken::Abandoned,
                };
            }
            let now = Instant::now();
            if self.is_running {
                self.play(now.duration_since(last));
            }
            last = now;
            if frames.send(Arc::new(self.frame())).is_err() {
                return;
            }
        }
    }

    /// Plays what `elapsed` real time earns at the present speed. What cannot be played in time is forgiven: the
    /// world then runs slower than asked instead of ever further behind.
    #[expect(clippy::disallowed_methods, reason = "pacing is what the real clock is for")]
    fn play(&mut self, elapsed: Duration) {
        let began = Instant::now();
        let us = u64::try_from(elapsed.min(TICK * 2).as_micros()).unwrap_or(0);
        let earned = match self.speed_milli {
            FULL_SPEED => Span::seconds(3600),
            speed => Span(us).scaled(u64::from(speed), 1000),
        };
        self.owed = self.owed + earned;
        let end = VirtualTime(self.player.scenario().duration.0);
        while self.owed > Span::ZERO && began.elapsed() < PATIENCE {
            let slice = self.owed.min(SLICE);
            let target = self.player.now() + slice;
            let stops = !self.is_over && target >= end;
            self.player.advance(if stops { end } else { target });
            self.owed = self.owed - slice;
            if stops {
                (self.is_over, self.is_running) = (true, false);
                self.owed = Span::ZERO;
                self.publisher.toast("the scenario is over; space goes on beyond its end".to_owned(), false);
            }
        }
        if began.elapsed() >= PATIENCE {
            self.owed = Span::ZERO;
        }
    }

    fn serve(&mut self, request: Request) {
        match request {
            Request::TogglePause => self.is_running = !self.is_running,
            Request::Run => self.is_running = true,
            Request::Pause => self.is_running = false,
            Request::StepEvent => {
                self.is_running = false;
                self.player.step();
            }
            Request::SetSpeed(speed) => self.speed_milli = speed.max(1),
            Request::Command(text) => self.command(&text),
            Request::Commands(texts) => texts.iter().for_each(|text| self.command(text)),
            Request::Restart => self.restart(),
            Request::Quit => {}
        }
        self.owed = Span::ZERO;
    }

    fn command(&mut self, text: &str) {
        let scoped = match (self.parse)(text) {
            Ok(scoped) => scoped,
            Err(problem) => return self.publisher.toast(problem, true),
        };
        let outcome = self.player.command(&scoped);
        let scenario = Arc::clone(self.player.scenario());
        let mut said = outcome.done.map_or_else(|| text.to_owned(), |done| done.to_string());
        if !outcome.refused.is_empty() && !outcome.done_in.is_empty() {
            let done: Vec<&str> = outcome.done_in.iter().map(|run| scenario.runs[*run].id.as_str()).collect();
            said.push_str(&format!(" · {} did it", done.join(", ")));
        }
        for (run, why) in &outcome.refused {
            said.push_str(&format!(" · {} refused: {why}", scenario.runs[*run].id));
        }
        self.publisher.toast(said, !outcome.refused.is_empty());
    }

    fn restart(&mut self) {
        match Player::new(Arc::clone(self.player.scenario()), self.host) {
            Ok(player) => {
                (self.player, self.is_over, self.is_running) = (player, false, true);
                self.player.advance(VirtualTime(1_000));
                self.publisher.restart();
                self.publisher.toast("from the beginning, same seed".to_owned(), false);
            }
            Err(error) => self.publisher.toast(format!("cannot restart: {error}"), true),
        }
    }

    fn frame(&mut self) -> Frame {
        self.publisher.frame(&mut self.player, self.is_running, self.speed_milli, self.is_over)
    }
}

/// Why the thread woke.
enum Woken {
    Asked(Request),
    Tick,
    Abandoned,
}

/// Waits for a request; while running, no longer than a tick.
async fn next_request(inbox: &mut Receiver<Request>, is_running: bool) -> Woken {
    let asked = |request: Option<Request>| request.map_or(Woken::Abandoned, Woken::Asked);
    if !is_running {
        return asked(inbox.recv().await);
    }
    tokio::select! { biased;
        request = inbox.recv() => asked(request),
        () = tokio::time::sleep(TICK) => Woken::Tick,
    }
}
