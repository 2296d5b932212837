//! The lines above and below the body: what is playing, active faults, narration, toast and keys.

use super::layout::{split_left, standing_note};
use super::look::{Sign, Token};
use super::pen::Pen;
use super::{Watch, checks};
use crate::base::text::{width, wrapped};
use crate::driver::frame::{FULL_SPEED, Frame};
use ratatui::layout::Rect;

/// `1x`, `0.25x`, `max`.
pub(super) fn speed(speed_milli: u32) -> String {
    match speed_milli {
        FULL_SPEED => "max".to_owned(),
        whole if whole % 1000 == 0 => format!("{}x", whole / 1000),
        part => format!("{}x", f64::from(part) / 1000.0),
    }
}

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let run = &frame.runs[watch.run.min(frame.runs.len() - 1)];
    let used = draw_clock(pen, area, frame);
    let place = format!("{}/{} ", watch.run + 1, frame.runs.len());
    let seed = format!("  seed {}", frame.head.seed);
    let lane = run.id.rsplit_once('~').map_or(String::new(), |(_, number)| format!(" ~{number}"));
    let profile = if frame.head.profile == "real" { "  real timers" } else { "" };
    let left = area.width.saturating_sub(used + 1);
    let pieces = [
        (" splitbrain ", Token::Title),
        (frame.head.id.as_str(), Token::Dim),
        ("  ", Token::Plain),
        (place.as_str(), Token::Dim),
        (run.topology.word(), Token::Title),
        (lane.as_str(), Token::Warn),
        (" ", Token::Plain),
        (&run.gist, Token::Plain),
        (seed.as_str(), Token::Dim),
        (profile, Token::Dim),
    ];
    pen.pieces(area.x, area.y, left, &pieces);
}

/// How time goes and where it stands, at the right end. Gives the columns used.
fn draw_clock(pen: &mut Pen<'_>, area: Rect, frame: &Frame) -> u16 {
    let sign = if frame.is_past() { Sign::Back } else { Sign::Run };
    let pace = match &frame.goal {
        Some(goal) => format!("{} {goal}", pen.sign(Sign::Run)),
        None => format!("{} {}", pen.sign(sign), speed(frame.speed_milli)),
    };
    let state = match (frame.is_running, frame.is_past(), frame.is_over) {
        (true, ..) => pace,
        (false, true, _) => format!("{} past", pen.sign(Sign::Back)),
        (false, false, true) => "paused: the end".to_owned(),
        (false, false, false) => "paused".to_owned(),
    };
    let live = if frame.is_past() { format!("(live {}) ", frame.live) } else { String::new() };
    let recording = match (&frame.recording, &frame.followed) {
        (Some(_), _) => format!("{} REC  ", pen.sign(Sign::Dot)),
        (None, Some(_)) => "as recorded  ".to_owned(),
        (None, None) => String::new(),
    };
    let clock = format!("{state}  {} {live}", frame.at);
    let token = match (frame.is_running, frame.is_past()) {
        (_, true) => Token::Warn,
        (true, false) => Token::Good,
        (false, false) => Token::Paused,
    };
    let used = pen.right(area, &clock, token);
    let token = if frame.recording.is_some() { Token::Bad } else { Token::Dim };
    used + pen.right(Rect { width: area.width.saturating_sub(used), ..area }, &recording, token)
}

/// The active faults of the shown run, always visible, and at the right what the checkers say.
pub(super) fn draw_faults(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    // Faults come first: the strip has half of the row at most.
    let (_, half) = split_left(area, area.width / 2);
    let used = checks::draw_strip(pen, half, watch, frame);
    let area = Rect { width: area.width.saturating_sub(used + u16::from(used > 0)), ..area };
    let view = &frame.runs[watch.run.min(frame.runs.len() - 1)].view;
    if view.faults.is_empty() {
        pen.text(area.x, area.y, area.width, " no faults", Token::Dim);
        return;
    }
    let mut x = area.x + pen.text(area.x, area.y, area.width, " faults ", Token::Bad) + 1;
    for (place, fault) in view.faults.iter().enumerate() {
        let text = format!("f{} {}   ", fault.number, fault.what);
        let left = area.right().saturating_sub(x);
        let others = view.faults.len() - place;
        let more = if left > 8 { format!("+{others} more") } else { format!("+{others}") };
        if width(&text) as u16 > left && place > 0 {
            pen.text(x, area.y, left, &more, Token::Warn);
            return;
        }
        x += pen.text(x, area.y, left, &text, Token::Warn);
    }
}

pub(super) fn draw_narration(pen: &mut Pen<'_>, area: Rect, frame: &Frame) {
    let mark = format!(" {} ", pen.sign(Sign::Chosen));
    let lines = narration(frame, area.width);
    let left_out = lines.len().saturating_sub(usize::from(area.height));
    for (nth, (y, line)) in (area.y..area.bottom()).zip(&lines).enumerate() {
        let lead = if nth == 0 { mark.as_str() } else { "   " };
        let is_cut = left_out > 0 && y + 1 == area.bottom();
        let ending = if is_cut { " …" } else { "" };
        let room = area.width.saturating_sub(2);
        let used = pen.pieces(area.x, y, room, &[(lead, Token::Title), (line, Token::Plain)]);
        pen.text(area.x + used, y, area.width - used, ending, Token::Dim);
    }
}

/// The standing note, with the letter it has on the timeline.
pub(super) fn draw_note(pen: &mut Pen<'_>, area: Rect, frame: &Frame) {
    let Some(note) = standing_note(frame).filter(|_| area.height > 0) else { return };
    let at = format!(" m {} ", note.at);
    pen.pieces(area.x, area.y, area.width, &[(&at, Token::Title), (&note.text, Token::Plain)]);
}

/// What was said last, in rows for a screen of so many columns.
pub(super) fn narration(frame: &Frame, columns: u16) -> Vec<String> {
    let text = frame.narration.as_ref().map_or("", |narration| &*narration.text);
    wrapped(text, usize::from(columns.saturating_sub(5)))
}

/// The most rows of a toast.
const TOAST: usize = 4;

/// Toast (or coach) above, keys below. A toast that is longer than a row lies over what is above it: a refusal ends
/// with its cure.
pub(super) fn draw_footer(pen: &mut Pen<'_>, area: Rect, watch: &Watch) {
    let keys = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
    draw_hints(pen, keys, &watch.hints);
    let line = match (&watch.toast, &watch.coach) {
        (Some((text, true)), _) => Some((text.clone(), Token::Bad)),
        (Some((text, false)), _) => Some((text.clone(), Token::Good)),
        (None, Some(coach)) => Some((coach.clone(), Token::Primary)),
        (None, None) => None,
    };
    let Some((text, token)) = line.filter(|_| area.height > 1 || watch.toast.is_some()) else { return };
    let mut rows = wrapped(&text, usize::from(area.width.saturating_sub(2)));
    let most = if watch.toast.is_some() { TOAST } else { 1 };
    if rows.len() > most {
        rows.truncate(most);
        rows[most - 1].push('…');
    }
    let top = keys.y.saturating_sub(rows.len() as u16);
    for (y, row) in (top..keys.y).zip(&rows) {
        pen.clear(Rect { y, height: 1, ..area });
        pen.text(area.x + 1, y, area.width - 1, row, token);
    }
}

/// Keys and what they do now, as many as fit; the least useful are dropped first.
fn draw_hints(pen: &mut Pen<'_>, area: Rect, hints: &[(String, String)]) {
    let mut x = area.x + 1;
    for (key, does) in hints {
        let wide = (width(key) + width(does) + 3) as u16;
        if x + wide > area.right() {
            return;
        }
        x += pen.pieces(x, area.y, wide, &[(key, Token::Key), (" ", Token::Plain), (does, Token::Dim)]) + 2;
    }
}
