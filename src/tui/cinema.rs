//! `splitbrain play`: a terminal film from a file. Its bytes were drawn by a terminal in memory; what reaches the real
//! one are cells of ours.
//!
//! Start with [`KEYS`], then [`Cinema`] (where the film stands; pure) and [`play`] (the loop).

use super::guard::{self, Guard};
use super::play::{BETWEEN, End, Output, Screen, screen};
use super::signals::{self, Asked};
use crate::base::text::{fit, width};
use crate::base::time::{Span, VirtualTime};
use crate::record::reel::{Projector, Reel};
use crate::screen::look::{Look, Sign, Token};
use crossterm::event::{Event, EventStream, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::queue;
use crossterm::terminal::{BeginSynchronizedUpdate, EndSynchronizedUpdate};
use futures_util::StreamExt;
use ratatui::backend::{Backend, ClearType};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Color;
use std::io::{self, Write};
use std::time::Duration;
use tokio::time::Instant;

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Play or pause; at the end from the beginning.
    Toggle,
    /// By so many microseconds.
    By(i64),
    /// To the marker before or after.
    Marker(bool),
    /// To the picture before or after.
    Picture(bool),
    /// Faster, slower, as it was.
    Speed(i8),
    /// To the beginning or the end.
    Edge(bool),
    /// Show or hide the keys.
    Help,
    /// Paint everything again.
    Redraw,
    /// Give the terminal back to the shell for a while.
    Suspend,
    /// Leave.
    Quit,
}

/// One row: the key as people write it, the keys, what it does, and what is said of it (nothing for a second key).
type KeyRow = (&'static str, &'static [KeyCode], Act, &'static str);

/// The keys; the only list of them.
pub const KEYS: &[KeyRow] = &[
    ("space", &[KeyCode::Char(' '), KeyCode::Char('k')], Act::Toggle, "play or pause"),
    ("→", &[KeyCode::Right, KeyCode::Char('l')], Act::By(5_000_000), "5 s ahead"),
    ("←", &[KeyCode::Left, KeyCode::Char('h')], Act::By(-5_000_000), "5 s back"),
    ("]", &[KeyCode::Char(']')], Act::Marker(true), "next marker"),
    ("[", &[KeyCode::Char('[')], Act::Marker(false), "marker before"),
    ("+", &[KeyCode::Char('+'), KeyCode::Char('>')], Act::Speed(1), "faster"),
    ("-", &[KeyCode::Char('-'), KeyCode::Char('<')], Act::Speed(-1), "slower"),
    ("=", &[KeyCode::Char('=')], Act::Speed(0), "as it was filmed"),
    (".", &[KeyCode::Char('.')], Act::Picture(true), "next picture"),
    (",", &[KeyCode::Char(',')], Act::Picture(false), "picture before"),
    ("home", &[KeyCode::Home, KeyCode::Char('0')], Act::Edge(false), "to the beginning"),
    ("end", &[KeyCode::End, KeyCode::Char('G')], Act::Edge(true), "to the end"),
    ("?", &[KeyCode::Char('?')], Act::Help, "these keys"),
    ("q", &[KeyCode::Char('q'), KeyCode::Esc], Act::Quit, "leave"),
];

/// What a key means here.
fn resolve(key: &KeyEvent) -> Option<Act> {
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Act::Quit),
            KeyCode::Char('z') => Some(Act::Suspend),
            KeyCode::Char('l') => Some(Act::Redraw),
            _ => None,
        };
    }
    KEYS.iter().find(|(_, codes, ..)| codes.contains(&key.code)).map(|(_, _, act, _)| *act)
}

/// Speeds in thousandths.
const SPEEDS: [u32; 9] = [100, 250, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000];
/// How far back `[` looks past the marker it stands on.
const STICKY: Span = Span::millis(600);

/// Where a film stands.
pub struct Cinema<'a> {
    reel: &'a Reel,
    projector: Projector,
    markers: Vec<(Span, &'a str)>,
    /// The instant shown.
    pub at: Span,
    /// Whether it goes on by itself.
    pub is_playing: bool,
    speed_milli: u32,
    shows_keys: bool,
    look: Look,
}

impl<'a> Cinema<'a> {
    /// At the beginning, playing.
    ///
    /// # Errors
    /// Never for a film that was read.
    pub fn new(reel: &'a Reel, speed_milli: u32, look: Look) -> Result<Self, String> {
        let mut projector = Projector::new(reel)?;
        projector.seek(reel, Span::ZERO);
        let markers = reel.markers();
        Ok(Cinema {
            reel,
            projector,
            markers,
            at: Span::ZERO,
            is_playing: true,
            speed_milli,
            shows_keys: false,
            look,
        })
    }

    /// Lets `real` time pass.
    pub fn pass(&mut self, real: Duration) {
        if self.is_playing {
            let real = Span(u64::try_from(real.as_micros()).unwrap_or(u64::MAX));
            self.go(self.at + real.scaled(u64::from(self.speed_milli), 1_000));
            self.is_playing = self.at < self.reel.titles.length;
        }
    }

    fn go(&mut self, at: Span) {
        self.at = at.min(self.reel.titles.length);
        self.projector.seek(self.reel, self.at);
    }

    /// Does what a key asks for, as far as it concerns the film.
    pub fn act(&mut self, act: Act) {
        match act {
            Act::Toggle if self.at >= self.reel.titles.length => {
                self.go(Span::ZERO);
                self.is_playing = true;
            }
            Act::Toggle => self.is_playing = !self.is_playing,
            Act::By(by) => self.go(Span(self.at.0.saturating_add_signed(by))),
            Act::Marker(true) => {
                let next = self.markers.iter().find(|(at, _)| *at > self.at).map(|(at, _)| *at);
                self.go(next.unwrap_or(self.reel.titles.length));
            }
            Act::Marker(false) => {
                let limit = Span(self.at.0.saturating_sub(STICKY.0));
                let before = self.markers.iter().rev().find(|(at, _)| *at < limit.max(Span(1)));
                self.go(before.map_or(Span::ZERO, |(at, _)| *at));
            }
            Act::Picture(is_ahead) => self.picture(is_ahead),
            Act::Speed(0) => self.speed_milli = 1_000,
            Act::Speed(by) => {
                let place = SPEEDS.partition_point(|speed| *speed < self.speed_milli);
                let place = place.saturating_add_signed(isize::from(by)).min(SPEEDS.len() - 1);
                self.speed_milli = SPEEDS[place];
            }
            Act::Edge(is_end) => self.go(if is_end { self.reel.titles.length } else { Span::ZERO }),
            Act::Help => self.shows_keys = !self.shows_keys,
            Act::Redraw | Act::Suspend | Act::Quit => {}
        }
    }

    fn picture(&mut self, is_ahead: bool) {
        self.is_playing = false;
        let mut times = self.reel.events.iter().map(|event| event.at);
        let found = match is_ahead {
            true => times.find(|at| *at > self.at),
            false => times.rfind(|at| *at < self.at),
        };
        self.go(found.unwrap_or(self.at));
    }

    /// Draws the film above two rows of its own.
    pub fn draw(&self, buffer: &mut Buffer) {
        let area = buffer.area;
        let stage = Rect { height: area.height.saturating_sub(2), ..area };
        let picture = self.projector.picture();
        self.draw_picture(buffer, stage, &picture);
        if self.shows_keys {
            self.draw_keys(buffer, stage);
        }
        if area.height > 2 {
            self.draw_track(buffer, Rect { y: stage.bottom(), height: 1, ..area });
            self.draw_words(buffer, Rect { y: stage.bottom() + 1, height: 1, ..area }, &picture);
        }
    }

    /// In the middle if there is room, else from the upper left.
    fn draw_picture(&self, buffer: &mut Buffer, stage: Rect, picture: &Buffer) {
        let margin = |room: u16, needed: u16| room.saturating_sub(needed) / 2;
        let (left, top) =
            (margin(stage.width, picture.area.width), margin(stage.height, picture.area.height));
        for y in 0..picture.area.height.min(stage.height) {
            for x in 0..picture.area.width.min(stage.width) {
                let cell = &mut buffer[(stage.x + left + x, stage.y + top + y)];
                cell.clone_from(&picture[(x, y)]);
                let (fg, bg) = (self.look.fitting(cell.fg), self.look.fitting(cell.bg));
                // Two colours that are one here would hide what is written.
                cell.fg = if fg == bg && cell.fg != cell.bg { Color::Reset } else { fg };
                cell.bg = bg;
            }
        }
    }

    fn draw_keys(&self, buffer: &mut Buffer, stage: Rect) {
        let (wide, high) = (34.min(stage.width), (KEYS.len() as u16 + 2).min(stage.height));
        let place = Rect {
            x: stage.x + (stage.width - wide) / 2,
            y: stage.y + (stage.height - high) / 2,
            width: wide,
            height: high,
        };
        for y in place.top()..place.bottom() {
            for x in place.left()..place.right() {
                buffer[(x, y)].reset();
                buffer[(x, y)].set_style(
                    self.look.style(Token::Plain).add_modifier(ratatui::style::Modifier::REVERSED),
                );
            }
        }
        let rows = (place.top() + 1..place.bottom()).zip(KEYS);
        for (y, (name, _, _, doc)) in rows {
            let name = if self.look.is_ascii {
                name.replace('→', "right").replace('←', "left")
            } else {
                (*name).to_owned()
            };
            let text = format!(" {name:<7} {doc}");
            let text = fit(&text, usize::from(wide));
            let text = if self.look.is_ascii { text.replace('…', "~") } else { text.into_owned() };
            buffer.set_stringn(place.x, y, text, usize::from(wide), ratatui::style::Style::new());
        }
    }

    fn draw_track(&self, buffer: &mut Buffer, row: Rect) {
        let length = self.reel.titles.length;
        let state = match (self.is_playing, self.at >= length) {
            (true, _) => format!("{} {}x", self.look.sign(Sign::Run), decimal(self.speed_milli)),
            (false, true) => "the end".to_owned(),
            (false, false) => "paused".to_owned(),
        };
        let (left, right) = (format!(" {state:<7} {} ", clock(self.at)), format!(" {} ", clock(length)));
        let style = |token| self.look.style(token);
        let token = if self.is_playing { Token::Good } else { Token::Paused };
        let (start, end) = (width(&left) as u16, width(&right) as u16);
        buffer.set_stringn(row.x, row.y, &left, usize::from(row.width), style(token));
        let Some(inner) = row.width.checked_sub(start + end).filter(|inner| *inner > 4) else { return };
        let track = row.x + start;
        let place = |at: Span| track + at.scaled(u64::from(inner - 1), length.0.max(1)).0 as u16;
        for x in track..track + inner {
            let (sign, token) =
                if x < place(self.at) { (Sign::Line, Token::Plain) } else { (Sign::Ahead, Token::Dim) };
            buffer[(x, row.y)].set_char(self.look.sign(sign)).set_style(style(token));
        }
        for (at, label) in &self.markers {
            let token = match label {
                label if label.starts_with("fault:") => Token::Bad,
                label if label.starts_with("heal") => Token::Good,
                _ => Token::Title,
            };
            buffer[(place(*at), row.y)].set_char(self.look.sign(Sign::Acked)).set_style(style(token));
        }
        buffer[(place(self.at), row.y)].set_char(self.look.sign(Sign::Cursor)).set_style(style(Token::Title));
        buffer.set_stringn(track + inner, row.y, &right, usize::from(end), style(Token::Dim));
    }

    /// What happened last, and the keys; or what is wrong with the window or the file.
    fn draw_words(&self, buffer: &mut Buffer, row: Rect, picture: &Buffer) {
        let keys = " space [ ] ← → ? q ";
        let keys = if self.look.is_ascii { " space [ ] ? q " } else { keys };
        let (needed, is_end) = (picture.area, self.at >= self.reel.titles.length);
        let words = if needed.width > row.width || needed.height + 2 > buffer.area.height {
            format!(" the film has {}x{}, of which this window shows a part", needed.width, needed.height)
        } else if let Some(torn) = self.reel.torn.as_ref().filter(|_| is_end) {
            format!(" {torn}")
        } else {
            let now = self.markers.iter().rev().find(|(at, _)| *at <= self.at);
            now.map_or(format!(" {}", self.reel.titles.title), |(_, label)| format!(" {label}"))
        };
        let room = usize::from(row.width).saturating_sub(width(keys));
        let words = fit(&words, room);
        let words =
            if self.look.is_ascii { words.replace(|c: char| !c.is_ascii(), "?") } else { words.into_owned() };
        buffer.set_stringn(row.x, row.y, words, room, self.look.style(Token::Plain));
        if width(keys) <= usize::from(row.width) {
            let x = row.right() - width(keys) as u16;
            buffer.set_stringn(x, row.y, keys, width(keys), self.look.style(Token::Dim));
        }
    }
}

/// `MM:SS.t`.
fn clock(at: Span) -> String {
    let text = VirtualTime(at.0).to_string();
    text[..text.len() - 2].to_owned()
}

/// Thousandths as people write them.
fn decimal(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / 1_000, milli % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Plays a film until the watcher leaves.
///
/// # Errors
/// If the terminal cannot be taken, read or written.
pub fn play(cinema: Cinema<'_>) -> io::Result<End> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let guard = Guard::take()?;
        let output = Output::default();
        let mut hall =
            Hall { cinema, screen: screen(&output)?, output, guard: Some(guard), passed: Instant::now() };
        hall.live().await
    })
}

/// Everything the loop owns.
struct Hall<'a> {
    cinema: Cinema<'a>,
    output: Output,
    screen: Screen,
    guard: Option<Guard>,
    /// When the film was last moved on.
    passed: Instant,
}

impl Hall<'_> {
    async fn live(&mut self) -> io::Result<End> {
        let mut signals = signals::listen()?;
        let mut input = EventStream::new();
        self.draw()?;
        loop {
            let act = tokio::select! { biased;
                asked = signals.recv() => match asked {
                    Some(Asked::End(number)) => return Ok(End::Signal(number)),
                    Some(Asked::Suspend) => Some(Act::Suspend),
                    None => Some(Act::Quit),
                },
                event = input.next() => match event {
                    Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => resolve(&key),
                    Some(Ok(_)) => None,
                    // The terminal is gone.
                    None | Some(Err(_)) => return Ok(End::Signal(1)),
                },
                () = tokio::time::sleep_until(self.passed + BETWEEN), if self.cinema.is_playing => None,
            };
            self.pass();
            match act {
                Some(Act::Quit) => return Ok(End::Left),
                Some(Act::Suspend) => {
                    // The stream must not read while the shell has the terminal.
                    drop(input);
                    if guard::suspend(&mut self.guard)? {
                        self.redraw()?;
                    }
                    input = EventStream::new();
                    self.passed = Instant::now();
                }
                Some(Act::Redraw) => self.redraw()?,
                Some(act) => self.cinema.act(act),
                None => {}
            }
            self.draw()?;
            if self.output.is_gone() {
                return Ok(End::Signal(1));
            }
        }
    }

    fn pass(&mut self) {
        let now = Instant::now();
        self.cinema.pass(now - self.passed);
        self.passed = now;
    }

    fn draw(&mut self) -> io::Result<()> {
        queue!(self.screen.backend_mut(), BeginSynchronizedUpdate)?;
        self.screen.draw(|target| self.cinema.draw(target.buffer_mut()))?;
        queue!(self.screen.backend_mut(), EndSynchronizedUpdate)?;
        Write::flush(self.screen.backend_mut())
    }

    fn redraw(&mut self) -> io::Result<()> {
        self.screen = screen(&self.output)?;
        self.screen.backend_mut().clear_region(ClearType::All)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILM: &str = "{\"version\":3,\"term\":{\"cols\":20,\"rows\":3},\"title\":\"Three\"}\n\
        [0,\"o\",\"one\"]\n[2,\"m\",\"fault: crash n1\"]\n[0,\"o\",\"\\r\\u001b[31mtwo\"]\n[4,\"m\",\"heal\"]\n\
        [0,\"o\",\"\\rend\"]\n[4,\"x\",\"0\"]\n";

    fn shown(cinema: &Cinema<'_>, columns: u16, rows: u16) -> String {
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns, rows));
        cinema.draw(&mut buffer);
        let row = |y| (0..columns).map(|x| buffer[(x, y)].symbol()).collect::<String>() + "\n";
        (0..rows).map(row).collect()
    }

    #[test]
    fn keys_move_the_film() {
        let reel = Reel::read(FILM.as_bytes()).unwrap();
        let mut cinema = Cinema::new(&reel, 1_000, Look::default()).unwrap();
        assert!(shown(&cinema, 60, 5).contains("one"));
        cinema.act(Act::Marker(true));
        assert!(shown(&cinema, 60, 5).contains("two") && shown(&cinema, 60, 5).contains("fault: crash n1"));
        cinema.act(Act::By(-5_000_000));
        assert_eq!(cinema.at, Span::ZERO);
        cinema.act(Act::Speed(1));
        cinema.pass(Duration::from_secs(3));
        assert!(shown(&cinema, 60, 5).contains("end") && cinema.at == Span::seconds(6) && cinema.is_playing);
        cinema.act(Act::Marker(false));
        assert_eq!(cinema.at, Span::seconds(2), "one that was just passed is not stuck to");
        cinema.act(Act::Picture(true));
        assert_eq!((cinema.at, cinema.is_playing), (Span::seconds(6), false));
        cinema.act(Act::Edge(true));
        assert!(shown(&cinema, 60, 5).contains("the end"));
        cinema.act(Act::Toggle);
        assert_eq!((cinema.at, cinema.is_playing), (Span::ZERO, true));
    }

    #[test]
    fn any_window_shows_what_it_can() {
        let reel = Reel::read(FILM.as_bytes()).unwrap();
        let mut cinema = Cinema::new(&reel, 1_000, Look { is_ascii: true, ..Look::default() }).unwrap();
        cinema.act(Act::Help);
        for (columns, rows) in [(1, 1), (3, 3), (19, 4), (20, 5), (80, 24), (300, 100)] {
            assert!(shown(&cinema, columns, rows).is_ascii(), "{columns}x{rows}");
        }
        assert!(shown(&cinema, 80, 24).contains("next marker"));
        assert!(shown(&cinema, 75, 4).contains("the film has 20x3"));
    }

    #[test]
    fn no_key_stands_twice_and_each_says_what_it_does() {
        let mut all: Vec<String> =
            KEYS.iter().flat_map(|(_, codes, ..)| codes.iter().map(|c| format!("{c:?}"))).collect();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
        assert!(KEYS.iter().all(|(name, _, _, doc)| !name.is_empty() && !doc.is_empty()));
    }
}
