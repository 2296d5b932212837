//! Side by side: two runs under one clock, their nodes in condensed rows, the difference in figures.

use super::layout::{columns, split_top};
use super::look::Token;
use super::pen::Pen;
use super::{Watch, crowd, metrics, nodes};
use crate::base::text::many;
use crate::driver::frame::Frame;
use ratatui::layout::Rect;

/// Rows for the telling figures, with their head and box.
const FIGURES: u16 = 10;
/// Rows for a few events, with their box.
const EVENTS: u16 = 4;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let left = watch.run.min(frame.runs.len() - 1);
    let Some(right) = watch.other_run(frame) else {
        pen.text(
            area.x + 1,
            area.y,
            area.width - 2,
            "this scenario has one run; there is nothing to compare",
            Token::Warn,
        );
        return;
    };
    let members = [left, right].iter().map(|&run| frame.runs[run].view.nodes.len()).max().unwrap_or(0) as u16;
    // Where they are too many for a row each, they are a crowd in half of the height.
    let is_crowd = members + 4 > area.height / 2 && members > 9;
    let wanted = if is_crowd { area.height / 2 } else { members + 4 };
    let upper_height = wanted.min(area.height.saturating_sub(6)).max(4);
    let (upper, lower) = split_top(area, upper_height);
    for (place, run) in columns(upper, 2).into_iter().zip([left, right]) {
        draw_run(pen, place, watch, frame, run);
    }
    // Where there is no room for events beside all the figures, the figures have it.
    let figures =
        if lower.height < FIGURES + EVENTS { lower.height } else { (lower.height * 3 / 5).max(FIGURES) };
    let (upper, events) = split_top(lower, figures);
    metrics::draw_difference(pen, upper, &frame.runs[left], &frame.runs[right]);
    if events.height >= EVENTS {
        for (place, run) in columns(events, 2).into_iter().zip([left, right]) {
            nodes::draw_events(pen, place, &frame.runs[run].view, watch);
        }
    }
}

fn draw_run(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame, run: usize) {
    let shown = &frame.runs[run];
    let title = if shown.id.split('~').next() == Some(shown.topology.word()) {
        format!("{} {}", shown.id, shown.gist)
    } else {
        format!("{} {} {}", shown.id, shown.topology, shown.gist)
    };
    let border = if run == watch.run { Token::Chosen } else { Token::Border };
    let inside = pen.boxed(area, &title, border);
    let rows = inside.height.saturating_sub(2);
    let above = Rect { height: rows, ..inside };
    if shown.view.nodes.len() > usize::from(rows) {
        crowd::fill(pen, above, &shown.view, watch);
    } else {
        nodes::rows(pen, above, &shown.view, watch);
    }
    if inside.height >= 2 {
        let faults = shown.view.faults.len();
        let text = format!(
            "{}, {} dropped, {}",
            many(shown.view.messages.sent, "message"),
            shown.view.messages.dropped,
            many(faults, "fault")
        );
        pen.text(inside.x, inside.bottom() - 2, inside.width, &text, Token::Dim);
        metrics::draw_rate(pen, Rect { y: inside.bottom() - 1, height: 1, ..inside }, shown);
    }
}
