//! The loop: signals, keys, frames; one picture at most every 33 ms, none while nothing changes.

use super::again::Origin;
use super::guard::{self, Guard};
use super::model::{Complete, Exists, Model};
use super::signals::{self, Asked};
use super::update::{self, Effect};
use crate::driver::Request;
use crate::driver::frame::Frame;
use crate::screen::look::Look;
use crate::screen::{View, draw};
use crossterm::clipboard::CopyToClipboard;
use crossterm::event::{Event, EventStream, KeyEventKind};
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use crossterm::{execute, queue};
use futures_util::StreamExt;
use ratatui::Terminal;
use ratatui::backend::{Backend, ClearType, CrosstermBackend};
use ratatui::layout::Rect;
use std::cell::Cell;
use std::io::{self, BufWriter, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::Sender;
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
    /// Whether there is a file of this name.
    pub exists: Exists,
    /// Whether a newcomer's tour is offered.
    pub with_tour: bool,
    /// What fills the screen first, if anything else than the nodes was asked for.
    pub view: Option<View>,
    /// Whether to look where a recording's watcher looked.
    pub looks_along: bool,
    /// Whether an audience watches from the beginning.
    pub is_presenting: bool,
    /// Where the playground came from.
    pub origin: Origin,
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
pub(super) const BETWEEN: Duration = Duration::from_millis(33);
/// Room for a whole picture, so that it leaves in one write.
const PICTURE_BYTES: usize = 1 << 18;

pub(super) type Screen = Terminal<CrosstermBackend<BufWriter<Output>>>;

/// Standard output until it fails; from then on nothing. A terminal that is gone is learned from [`is_gone`], not from
/// errors: the terminal library reports those on standard error when it is dropped, and that is gone too.
///
/// [`is_gone`]: Output::is_gone
#[derive(Clone, Default)]
pub(super) struct Output {
    is_gone: Rc<Cell<bool>>,
}

impl Output {
    pub(super) fn is_gone(&self) -> bool {
        self.is_gone.get()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_gone() {
            return Ok(bytes.len());
        }
        match io::stdout().write(bytes) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                self.is_gone.set(true);
                Ok(bytes.len())
            }
            result => result,
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.is_gone.set(self.is_gone() || io::stdout().flush().is_err());
        Ok(())
    }
}

/// Plays until the watcher leaves.
///
/// # Errors
/// If the terminal cannot be taken, read or written.
pub fn play(
    frames: watch::Receiver<Arc<Frame>>,
    requests: &Sender<Request>,
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
    requests: &'a Sender<Request>,
    output: Output,
    screen: Screen,
    guard: Option<Guard>,
    is_dirty: bool,
    drawn_at: Instant,
}

/// Why the loop woke.
enum Woken {
    Signal(Option<Asked>),
    Input(Option<io::Result<Event>>),
    Frame(bool),
    TimeToDraw,
}

pub(super) fn screen(output: &Output) -> io::Result<Screen> {
    Terminal::new(CrosstermBackend::new(BufWriter::with_capacity(PICTURE_BYTES, output.clone())))
}

impl<'a> Player<'a> {
    fn new(
        mut frames: watch::Receiver<Arc<Frame>>,
        requests: &'a Sender<Request>,
        options: Options,
        guard: Guard,
    ) -> io::Result<Self> {
        let first = Arc::clone(&frames.borrow_and_update());
        let mut model = Model::new(first, options.run, options.look, options.complete, options.with_tour);
        (model.exists, model.origin, model.view) =
            (options.exists, options.origin, options.view.unwrap_or(View::Cluster));
        model.looks_along = options.looks_along;
        (model.is_presenting, model.is_presenter) = (options.is_presenting, options.is_presenting);
        let (drawn_at, output) = (Instant::now(), Output::default());
        Ok(Player {
            model,
            frames,
            requests,
            screen: screen(&output)?,
            output,
            guard: Some(guard),
            is_dirty: true,
            drawn_at,
        })
    }

    async fn live(&mut self) -> io::Result<End> {
        let mut signals = signals::listen()?;
        let mut input = EventStream::new();
        self.greet().await;
        self.draw()?;
        loop {
            let draw_at = self.drawn_at + BETWEEN;
            let woken = tokio::select! { biased;
                asked = signals.recv() => Woken::Signal(asked),
                event = input.next() => Woken::Input(event),
                changed = self.frames.changed() => Woken::Frame(changed.is_ok()),
                () = tokio::time::sleep_until(draw_at), if self.is_dirty => Woken::TimeToDraw,
            };
            match self.react(woken).await? {
                Flow::On => {}
                Flow::Suspend => {
                    // The stream must not read while the shell has the terminal.
                    drop(input);
                    self.suspend()?;
                    input = EventStream::new();
                }
                Flow::End(end) => return Ok(end),
            }
        }
    }

    async fn react(&mut self, woken: Woken) -> io::Result<Flow> {
        match woken {
            Woken::Signal(Some(Asked::End(number))) => return Ok(Flow::End(End::Signal(number))),
            Woken::Signal(Some(Asked::Suspend)) => return Ok(Flow::Suspend),
            Woken::Signal(None) => unreachable!("the thread of signals listens as long as this loop does"),
            Woken::Frame(false) => return Ok(Flow::End(End::SimulationGone)),
            Woken::Frame(true) => {
                let frame = Arc::clone(&self.frames.borrow_and_update());
                self.is_dirty |= self.model.take_frame(frame);
                self.greet().await;
            }
            Woken::TimeToDraw => self.draw()?,
            // The terminal is gone; SIGHUP says so too, a moment earlier or later.
            Woken::Input(None | Some(Err(_))) => return Ok(Flow::End(End::Signal(1))),
            Woken::Input(Some(Ok(event))) => return self.take(event).await,
        }
        Ok(if self.output.is_gone() { Flow::End(End::Signal(1)) } else { Flow::On })
    }

    /// Tells a recording that has just begun what is looked at.
    async fn greet(&mut self) {
        if let Some(request) = self.model.greeting() {
            drop(self.requests.send(request).await);
        }
    }

    async fn take(&mut self, event: Event) -> io::Result<Flow> {
        let mut flow = Flow::On;
        match event {
            // Releases arrive on some terminals too.
            Event::Key(key) if key.kind != KeyEventKind::Release => {
                for effect in update::press(&mut self.model, &key) {
                    match effect {
                        // A driver that is gone shows itself by its closed frames.
                        Effect::Ask(request) => drop(self.requests.send(request).await),
                        Effect::Redraw => self.redraw()?,
                        Effect::Suspend => flow = Flow::Suspend,
                        Effect::Mouse(wanted) => self.mouse(wanted)?,
                        // The terminal keeps it, if it has a clipboard to give.
                        Effect::Copy(text) => {
                            execute!(self.screen.backend_mut(), CopyToClipboard::to_clipboard_from(text))?;
                        }
                        Effect::Quit => return Ok(Flow::End(End::Left)),
                    }
                }
            }
            Event::Mouse(mouse) => {
                let size = self.screen.size()?;
                let area = Rect::new(0, 0, size.width, size.height);
                match update::click(&mut self.model, &mouse, area) {
                    Some(request) => drop(self.requests.send(request).await),
                    None => return Ok(Flow::On),
                }
            }
            Event::Paste(text) => update::paste(&mut self.model, &text),
            Event::Resize(..) => {}
            _ => return Ok(Flow::On),
        }
        self.is_dirty = true;
        Ok(flow)
    }

    fn draw(&mut self) -> io::Result<()> {
        if !guard::is_taken() {
            // A panic elsewhere has just given the terminal back; the end is near.
            self.is_dirty = false;
            return Ok(());
        }
        let watch = self.model.watch();
        queue!(self.screen.backend_mut(), BeginSynchronizedUpdate)?;
        self.screen.draw(|target| draw(&watch, &self.model.frame, target.buffer_mut()))?;
        queue!(self.screen.backend_mut(), EndSynchronizedUpdate)?;
        Write::flush(self.screen.backend_mut())?;
        self.is_dirty = false;
        self.drawn_at = Instant::now();
        Ok(())
    }

    /// Takes the mouse or gives it back to the terminal, which then selects text with it.
    fn mouse(&mut self, wanted: bool) -> io::Result<()> {
        guard::mouse(wanted)?;
        self.model.has_mouse = wanted;
        self.model.notice = Some(match wanted {
            true => "mouse on: click the timeline to go there; M gives it back".to_owned(),
            false => "mouse off: the terminal selects text with it".to_owned(),
        });
        Ok(())
    }

    /// Gives the terminal to the shell and takes it again when the program is brought back.
    fn suspend(&mut self) -> io::Result<()> {
        if !guard::suspend(&mut self.guard)? {
            self.model.notice = Some("no shell to go back to: this terminal runs nothing else".to_owned());
            self.is_dirty = true;
            return Ok(());
        }
        guard::mouse(self.model.has_mouse)?;
        self.redraw()
    }

    /// Forgets what the terminal is believed to show.
    fn redraw(&mut self) -> io::Result<()> {
        self.screen = screen(&self.output)?;
        self.screen.backend_mut().clear_region(ClearType::All)?;
        self.is_dirty = true;
        Ok(())
    }
}

/// How the loop goes on after an event.
enum Flow {
    On,
    Suspend,
    End(End),
}
