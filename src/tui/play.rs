//! The loop: signals, keys, frames; one picture at most every 33 ms, none while nothing changes.

use super::guard::Guard;
use super::model::{Complete, Model};
use super::update::{self, Effect};
use crate::driver::Request;
use crate::driver::frame::Frame;
use crate::screen::draw;
use crate::screen::look::Look;
use crossterm::event::{Event, EventStream, KeyEventKind};
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use futures_util::StreamExt;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use std::io::{self, BufWriter, Stdout, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch;
use tokio::time::Instant;

/// How playing begins.
pub struct Options {
    /// The run shown first.
    pub run: usize,
    /// Colours and signs.
    pub look: Look,
    /// Finds completions for the palette.
    pub complete: Complete,
    /// Whether a newcomer's tour is offered.
    pub with_tour: bool,
}

/// How playing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The watcher left.
    Left,
    /// A signal came; its number.
    Signal(u8),
    /// The simulation ended by itself, which only a bug makes it do.
    SimulationGone,
}

/// Real time between two pictures.
const BETWEEN: Duration = Duration::from_millis(33);
/// Room for a whole picture, so that it leaves in one write.
const PICTURE_BYTES: usize = 1 << 18;

type Screen = Terminal<CrosstermBackend<BufWriter<Stdout>>>;

/// Plays until the watcher leaves.
///
/// # Errors
/// If the terminal cannot be taken, read or written.
pub fn play(
    frames: watch::Receiver<Arc<Frame>>,
    requests: &UnboundedSender<Request>,
    options: Options,
) -> io::Result<End> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let guard = Guard::take()?;
        let mut player = Player::new(frames, requests, options, guard)?;
        player.live().await
    })
}

/// Everything the loop owns.
struct Player<'a> {
    model: Model,
    frames: watch::Receiver<Arc<Frame>>,
    requests: &'a UnboundedSender<Request>,
    screen: Screen,
    guard: Option<Guard>,
    is_dirty: bool,
    drawn_at: Instant,
}

/// Why the loop woke.
enum Woken {
    Signal(u8),
    Input(Option<io::Result<Event>>),
    Frame(bool),
    TimeToDraw,
}

fn screen() -> io::Result<Screen> {
    Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(PICTURE_BYTES, io::stdout())))
}

impl<'a> Player<'a> {
    fn new(
        mut frames: watch::Receiver<Arc<Frame>>,
        requests: &'a UnboundedSender<Request>,
        options: Options,
        guard: Guard,
    ) -> io::Result<Self> {
        let first = Arc::clone(&frames.borrow_and_update());
        let model = Model::new(first, options.run, options.look, options.complete, options.with_tour);
        let drawn_at = Instant::now();
        Ok(Player {
            model,
            frames,
            requests,
            screen: screen()?,
            guard: Some(guard),
            is_dirty: true,
            drawn_at,
        })
    }

    async fn live(&mut self) -> io::Result<End> {
        let mut signals = Signals::new()?;
        let mut input = EventStream::new();
        self.draw()?;
        loop {
            let draw_at = self.drawn_at + BETWEEN;
            let woken = tokio::select! { biased;
                number = signals.next() => Woken::Signal(number),
                event = input.next() => Woken::Input(event),
                changed = self.frames.changed() => Woken::Frame(changed.is_ok()),
                () = tokio::time::sleep_until(draw_at), if self.is_dirty => Woken::TimeToDraw,
            };
            match woken {
                Woken::Signal(number) => return Ok(End::Signal(number)),
                Woken::Frame(false) => return Ok(End::SimulationGone),
                Woken::Frame(true) => {
                    let frame = Arc::clone(&self.frames.borrow_and_update());
                    self.is_dirty |= self.model.take_frame(frame);
                }
                Woken::TimeToDraw => self.draw()?,
                // The terminal is gone: nobody is left to play for.
                Woken::Input(None) => return Ok(End::Left),
                Woken::Input(Some(event)) => match self.take(event?) {
                    Flow::On => {}
                    Flow::Suspend => {
                        // The stream must not read while the shell has the terminal.
                        drop(input);
                        self.suspend()?;
                        input = EventStream::new();
                    }
                    Flow::End => return Ok(End::Left),
                },
            }
        }
    }

    fn take(&mut self, event: Event) -> Flow {
        let mut flow = Flow::On;
        match event {
            // Releases arrive on some terminals too.
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                for effect in update::press(&mut self.model, &key) {
                    match effect {
                        // A driver that is gone shows itself by its closed frames.
                        Effect::Ask(request) => drop(self.requests.send(request)),
                        Effect::Redraw => drop(self.screen.clear()),
                        Effect::Suspend => flow = Flow::Suspend,
                        Effect::Quit => return Flow::End,
                    }
                }
            }
            Event::Paste(text) => update::paste(&mut self.model, &text),
            Event::Resize(..) => {}
            _ => return Flow::On,
        }
        self.is_dirty = true;
        flow
    }

    fn draw(&mut self) -> io::Result<()> {
        let watch = self.model.watch();
        queue!(self.screen.backend_mut(), BeginSynchronizedUpdate)?;
        self.screen.draw(|target| draw(&watch, &self.model.frame, target.buffer_mut()))?;
        queue!(self.screen.backend_mut(), EndSynchronizedUpdate)?;
        Write::flush(self.screen.backend_mut())?;
        self.is_dirty = false;
        self.drawn_at = Instant::now();
        Ok(())
    }

    /// Gives the terminal to the shell and takes it again when the program is brought back.
    fn suspend(&mut self) -> io::Result<()> {
        self.guard = None;
        rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::TSTP)?;
        self.guard = Some(Guard::take()?);
        self.screen = screen()?;
        self.screen.clear()?;
        self.is_dirty = true;
        Ok(())
    }
}

/// How the loop goes on after an event.
enum Flow {
    On,
    Suspend,
    End,
}

/// The signals that end the program.
struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    quit: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
        })
    }

    async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.terminate.recv() => 15,
            _ = self.hang_up.recv() => 1,
            _ = self.interrupt.recv() => 2,
            _ = self.quit.recv() => 3,
        }
    }
}
