//! The log view: a row an index, a column a node, with the entries' keys and values below each other. Where copies end
//! far from each other or fork, the rows between are left out, so that no column is empty whose node has a log.

use super::Watch;
use super::axis::{Axis, Stretch};
use super::cells::{self, Copy};
use super::look::{Sign, Token};
use super::nodes;
use super::pen::Pen;
use crate::base::knob::Topology;
use crate::base::text::width;
use crate::cluster::view::{ClusterView, Landmark, NodeView};
use crate::driver::frame::Frame;
use crate::protocol::view::CellState;
use ratatui::layout::Rect;
use std::ops::Range;

/// Columns before the first node's: the index.
const INDEX: u16 = 9;
/// The most columns of a gap's figure.
const GAP: u16 = 7;
/// The least width of a node's column.
const COLUMN: u16 = 10;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let view = &frame.runs[watch.run.min(frame.runs.len() - 1)].view;
    if view.topology == Topology::PeerToPeer {
        let inside = pen.boxed(area, "log", Token::Border);
        let text = "a peer-to-peer cluster has no common log";
        pen.text(inside.x, inside.y, inside.width, text, Token::Dim);
        return;
    }
    let count = view.nodes.len();
    let fitting = usize::from(area.width.saturating_sub(INDEX + 2) / COLUMN).clamp(1, count);
    let window = around_target(watch, count, fitting);
    let title = match fitting == count {
        true => "log: one row an index, one column a node".to_owned(),
        false => format!("log: one row an index, nodes {} to {} of {count}", window.start + 1, window.end),
    };
    let inside = pen.boxed(area, &title, Token::Border);
    let wide = inside.width.saturating_sub(INDEX) / fitting as u16;
    let nodes = &view.nodes[window];
    let column = |nth: usize, y: u16| Rect {
        x: inside.x + INDEX + nth as u16 * wide,
        y,
        width: wide.saturating_sub(1),
        height: 1,
    };
    for (nth, node) in nodes.iter().enumerate() {
        draw_head(pen, column(nth, inside.y), view, node, watch);
    }
    let copies: Vec<Option<Copy<'_>>> = nodes.iter().map(|node| Copy::of(view, node)).collect();
    let places = landmarks(view);
    let rows = inside.height.saturating_sub(2);
    let axis = Axis::down(&places, rows.saturating_add(watch.scroll.min(usize::from(u16::MAX)) as u16));
    for row in rows_of(&axis).take(usize::from(rows)) {
        let y = inside.y + 1 + row.at;
        draw_index(pen, Rect { y, width: INDEX - 1, height: 1, ..inside }, &row, &places);
        for (nth, copy) in copies.iter().enumerate() {
            if let Some(copy) = copy {
                draw_cell(pen, column(nth, y), view, copy, &row);
            }
        }
    }
    draw_legend(pen, Rect { y: inside.bottom().saturating_sub(1), height: 1, ..inside });
}

/// The nodes shown where not all fit: the target is among them.
fn around_target(watch: &Watch, count: usize, fitting: usize) -> Range<usize> {
    let target = watch.target.map_or(0, |target| target.index());
    let first = (target + 1).saturating_sub(fitting).min(count.saturating_sub(fitting));
    first..(first + fitting).min(count)
}

/// Landmarks of all logs; those of the first come first.
fn landmarks(view: &ClusterView) -> Vec<Landmark> {
    let mut places = Vec::new();
    for place in view.logs.iter().flat_map(|log| log.landmarks()) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places
}

fn draw_head(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, node: &NodeView, watch: &Watch) {
    let (sign, word, token) = nodes::state(node);
    let is_target = watch.target == Some(node.node) || watch.target.is_none();
    let chosen = if is_target { pen.sign(Sign::Chosen) } else { ' ' };
    let mark = if word.is_empty() { String::new() } else { pen.sign(sign).to_string() };
    let name = format!("{chosen}{mark}{} ", view.names.node(node.node));
    let role = match cells::detail(node) {
        Some(detail) if word.is_empty() => (detail.role.word(), super::member::badge(detail.role)),
        _ => (word, token),
    };
    pen.pieces(area.x, area.y, area.width, &[(&name, Token::Title), role]);
}

/// A row: an index, or the indexes that are left out.
struct Row {
    at: u16,
    from: u64,
    to: u64,
    is_gap: bool,
}

fn rows_of(axis: &Axis) -> impl Iterator<Item = Row> {
    axis.stretches.iter().flat_map(|stretch| {
        let rows: Vec<Row> = match stretch {
            Stretch::Shown { at, indexes } => (*at..)
                .zip(indexes.clone())
                .map(|(at, index)| Row { at, from: index, to: index, is_gap: false })
                .collect(),
            Stretch::Gap { at, indexes, .. } => {
                vec![Row { at: *at, from: *indexes.start(), to: *indexes.end(), is_gap: true }]
            }
        };
        rows
    })
}

/// The index, marked where a copy leaves the common history.
fn draw_index(pen: &mut Pen<'_>, area: Rect, row: &Row, places: &[Landmark]) {
    if row.is_gap {
        pen.put(area.x + 5, area.y, pen.sign(Sign::Skip), Token::Dim);
        return;
    }
    let is_fork = places.contains(&Landmark::Fork(row.from - 1));
    let mark = if is_fork { pen.sign(Sign::Diverged) } else { ' ' };
    let index = format!("{:>6}", row.from);
    let token = if is_fork { Token::Warn } else { Token::Dim };
    pen.pieces(area.x, area.y, area.width, &[(&index, token), (&mark.to_string(), Token::Paused)]);
}

fn draw_cell(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, copy: &Copy<'_>, row: &Row) {
    if row.is_gap {
        let (text, token) = copy.gap(pen, &(row.from..=row.to), usize::from(area.width.min(GAP)));
        pen.text(area.x, area.y, area.width, &text, token);
        return;
    }
    let index = row.from;
    if index <= copy.detail.last_index {
        let (sign, token) = copy.look(index);
        let term = copy.detail.reign_at(index).map_or(0, |reign| reign.term);
        let cell = copy.detail.cells.binary_search_by_key(&index, |cell| cell.index).ok();
        let words = cell.map_or(String::new(), |at| cells::content(view, &copy.detail.cells[at]));
        let (short, whole) =
            (format!("{} {words}", pen.sign(sign)), format!("{} {words} t{term}", pen.sign(sign)));
        // Where there is not room for both, what was written tells more than the term.
        let fits = words.is_empty() || width(&whole) <= usize::from(area.width);
        pen.text(area.x, area.y, area.width, if fits { &whole } else { &short }, token);
    } else if index <= copy.cut_upto() {
        let (sign, token) = cells::state_look(CellState::RolledBack);
        let branch = copy.detail.archive.last();
        let cell = branch.and_then(|branch| branch.cells.iter().find(|cell| cell.index == index));
        let words = cell.map_or(String::new(), |cell| cells::content(view, cell));
        pen.text(area.x, area.y, area.width, &format!("{} {words}", pen.sign(sign)), token);
    }
}

/// What the signs of the cells mean.
fn draw_legend(pen: &mut Pen<'_>, area: Rect) {
    let mut x = area.x;
    for state in [
        CellState::Buffered,
        CellState::Flushed,
        CellState::Acked,
        CellState::Committed,
        CellState::Diverged,
        CellState::RolledBack,
    ] {
        let (sign, token) = cells::state_look(state);
        let text = format!("{} {} ", pen.sign(sign), state.word());
        x += 1 + pen.text(x, area.y, area.right().saturating_sub(x), &text, token);
    }
    let text = format!("{} left out", pen.sign(Sign::Skip));
    if usize::from(area.right().saturating_sub(x)) >= width(&text) {
        pen.text(x, area.y, area.right() - x, &text, Token::Dim);
    }
}
