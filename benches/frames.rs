//! What a frame costs: the whole screen, beside writing the same text raw, and the bytes that leave.

use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use splitbrain::base::time::VirtualTime;
use splitbrain::cluster::live::HostKind;
use splitbrain::driver::frame::Frame;
use splitbrain::driver::player::Player;
use splitbrain::driver::publish_once;
use splitbrain::screen::look::Look;
use splitbrain::screen::{Watch, draw};
use std::cell::Cell;
use std::hint::black_box;
use std::io::{BufWriter, Write};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// Frames drawn for each figure.
const FRAMES: usize = 120;

/// Counts the writes that a terminal would get.
struct Sink {
    writes: Rc<Cell<usize>>,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.writes.set(self.writes.get() + 1);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A second of the flagship's first run, thirty frames of it, over and over.
fn film() -> Vec<Frame> {
    let scenario = splitbrain::scenario::presets::load("same-cut-four-answers").expect("the preset loads");
    let mut player = Player::new(Arc::new(scenario), HostKind::Inline).expect("a world");
    let frame = |nth: u64| {
        player.advance(VirtualTime(6_000_000 + nth * 33_000));
        publish_once(&mut player)
    };
    (0..30).map(frame).collect()
}

#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn timed(mut work: impl FnMut(usize)) -> f64 {
    let mut each = Vec::with_capacity(FRAMES);
    for nth in 0..FRAMES {
        let began = Instant::now();
        work(nth);
        each.push(began.elapsed().as_secs_f64() * 1e6);
    }
    super::median(&each)
}

/// Prints microseconds per frame.
pub(crate) fn measure() {
    let film = film();
    let watch = Watch::plain(Look::default());
    println!("\nmicroseconds per frame (median of {FRAMES})");
    println!(
        "  {:<9} {:>10} {:>10} {:>7} {:>12} {:>7}",
        "size", "draw", "raw text", "ratio", "draw+encode", "writes"
    );
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let area = Rect::new(0, 0, width, height);
        let mut buffer = Buffer::empty(area);
        let whole = timed(|nth| {
            buffer.reset();
            draw(&watch, &film[nth % film.len()], &mut buffer);
            black_box(&buffer);
        });
        let rows: Vec<String> =
            (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect()).collect();
        let raw = timed(|_| {
            buffer.reset();
            for (y, row) in (0..height).zip(&rows) {
                buffer.set_stringn(0, y, row, usize::from(width), Style::new());
            }
            black_box(&buffer);
        });
        let (encoded, writes) = encode(&film, &watch, area);
        println!(
            "  {:<9} {whole:>10.0} {raw:>10.0} {:>7.2} {encoded:>12.0} {writes:>7.2}",
            format!("{width}x{height}"),
            whole / raw
        );
    }
}

/// Drawing, diffing and encoding into one buffered write, as the terminal gets it.
fn encode(film: &[Frame], watch: &Watch, area: Rect) -> (f64, f64) {
    let writes = Rc::new(Cell::new(0));
    let sink = BufWriter::with_capacity(1 << 18, Sink { writes: Rc::clone(&writes) });
    let options = ratatui::TerminalOptions { viewport: ratatui::Viewport::Fixed(area) };
    let mut terminal =
        Terminal::with_options(CrosstermBackend::new(sink), options).expect("a sink never fails");
    let cost = timed(|nth| {
        let frame = &film[nth % film.len()];
        terminal.draw(|target| draw(watch, frame, target.buffer_mut())).expect("a sink never fails");
        Write::flush(terminal.backend_mut()).expect("a sink never fails");
    });
    (cost, writes.get() as f64 / FRAMES as f64)
}
