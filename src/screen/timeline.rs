//! The timeline: the whole scenario in one row, past solid, future dotted, a sign for each marker; and its list.

use super::Watch;
use super::layout::Layout;
use super::look::{Sign, Token};
use super::pen::Pen;
use crate::base::text::width;
use crate::base::time::VirtualTime;
use crate::driver::frame::{Frame, Marker, MarkerKind};
use ratatui::layout::Rect;

/// The letter of a marker and its colour.
fn sign(kind: MarkerKind) -> (char, Token) {
    match kind {
        MarkerKind::Fault => ('F', Token::Bad),
        MarkerKind::Heal => ('H', Token::Good),
        MarkerKind::Command => ('c', Token::Plain),
        MarkerKind::Say => ('i', Token::Dim),
        MarkerKind::Mark => ('m', Token::Title),
        MarkerKind::Failover => ('P', Token::Primary),
    }
}

fn is_of_run(marker: &Marker, watch: &Watch, frame: &Frame) -> bool {
    marker.run.is_none_or(|run| run == watch.run % frame.own_runs.max(1))
}

/// The track between the two times, and the last instant on it.
fn track(area: Rect, frame: &Frame) -> (Rect, VirtualTime) {
    let end = VirtualTime(frame.head.duration.0.max(frame.live.0).max(frame.at.0).max(1));
    let (left, right) = (width(BEGINNING) as u16, width(&ending(end)) as u16);
    let columns = area.width.saturating_sub(left + right);
    (Rect { x: area.x + left, width: columns, ..area }, end)
}

const BEGINNING: &str = " 00:00 ";

fn ending(end: VirtualTime) -> String {
    format!(" {} ", short(end))
}

/// The instant that a place on the screen stands for, if it lies on the timeline.
pub fn instant_at(
    watch: &Watch,
    frame: &Frame,
    area: Rect,
    (column, row): (u16, u16),
) -> Option<VirtualTime> {
    let (track, end) = track(Layout::of(area, watch, frame).timeline, frame);
    let is_on_it = watch.stage.is_none()
        && track.height > 0
        && track.width >= 4
        && row == track.y
        && (track.x..track.right()).contains(&column);
    let place = u64::from(column.saturating_sub(track.x + 1).min(track.width.saturating_sub(3)));
    let inner = u128::from(track.width.saturating_sub(3).max(1));
    is_on_it.then(|| VirtualTime((u128::from(end.0) * u128::from(place) / inner) as u64))
}

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    if area.height == 0 {
        return;
    }
    let (track, end) = track(area, frame);
    pen.text(area.x, area.y, 8, BEGINNING, Token::Dim);
    pen.right(area, &ending(end), Token::Dim);
    if track.width < 4 {
        return;
    }
    let place = |at: VirtualTime| {
        let inner = u128::from(track.width - 3);
        track.x + 1 + (u128::from(at.0.min(end.0)) * inner / u128::from(end.0)) as u16
    };
    let (now, live) = (place(frame.at), place(frame.live.max(frame.at)));
    pen.put(track.x, track.y, pen.sign(Sign::LeftEnd), Token::Dim);
    for x in track.x + 1..track.right() - 1 {
        let (sign, token) = match x {
            x if x < now => (Sign::Line, Token::Plain),
            x if x < live => (Sign::Line, Token::Dim),
            _ => (Sign::Ahead, Token::Dim),
        };
        pen.put(x, track.y, pen.sign(sign), token);
    }
    pen.put(track.right() - 1, track.y, pen.sign(Sign::RightEnd), Token::Dim);
    // The least telling kinds first, so that the others stand on top of them.
    let mut markers: Vec<&Marker> =
        frame.markers.iter().filter(|marker| is_of_run(marker, watch, frame)).collect();
    markers.sort_by_key(|marker| std::cmp::Reverse(marker.kind));
    markers.sort_by_key(|marker| marker.kind != MarkerKind::Say);
    for marker in markers {
        let (letter, token) = sign(marker.kind);
        pen.put(place(marker.at), track.y, letter, if marker.is_future { Token::Dim } else { token });
    }
    if live > now {
        pen.put(live, track.y, pen.sign(Sign::Run), Token::Good);
    }
    pen.put(now, track.y, pen.sign(Sign::Cursor), Token::Title);
    if watch.shows_markers {
        draw_list(pen, area, watch, frame);
    }
}

fn short(at: VirtualTime) -> String {
    let text = at.to_string();
    text.split_once('.').map_or(text.clone(), |(whole, _)| whole.to_owned())
}

/// The markers around now, above the track.
fn draw_list(pen: &mut Pen<'_>, track: Rect, watch: &Watch, frame: &Frame) {
    let markers: Vec<&Marker> =
        frame.markers.iter().filter(|marker| is_of_run(marker, watch, frame)).collect();
    let height = (markers.len() as u16 + 2).min(12).min(track.y.saturating_sub(2)).max(3);
    let area = Rect { x: track.x, y: track.y.saturating_sub(height), width: track.width, height };
    pen.clear(area);
    let inside = pen.boxed(area, "timeline", Token::Chosen);
    let past = markers.iter().filter(|marker| !marker.is_future).count();
    let first = past.saturating_sub(usize::from(inside.height) / 2 + 1);
    for (y, marker) in (inside.y..inside.bottom()).zip(markers.into_iter().skip(first)) {
        let (letter, token) = sign(marker.kind);
        let token = if marker.is_future { Token::Dim } else { token };
        let label = marker.label.replace('\n', " ");
        let at = format!("{} {letter} ", marker.at);
        pen.pieces(inside.x, y, inside.width, &[(&at, Token::Dim), (&label, token)]);
    }
}
