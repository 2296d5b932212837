//! The log in cells: one column an index, the same index in the same column on every node, so that divergence is
//! seen as two signs in one column.

use super::Watch;
use super::look::{Sign, Token};
use super::pen::Pen;
use crate::base::data::Change;
use crate::cluster::view::{ClusterView, Health, NodeView};
use crate::driver::frame::Frame;
use crate::protocol::view::{CellContent, CellState, LogCell, PrimaryReplicaView, ReplicaDetail, Role};
use ratatui::layout::Rect;

fn detail(node: &NodeView) -> Option<&PrimaryReplicaView> {
    match &node.replica.as_ref()?.detail {
        ReplicaDetail::PrimaryReplica(detail) => Some(detail),
        ReplicaDetail::PeerToPeer(_) => None,
    }
}

/// The site whose log a node has, where every site has one of its own.
fn place(detail: &PrimaryReplicaView) -> Option<u16> {
    detail.site.as_ref().map(|site| site.place)
}

/// Whether two nodes have a part in one log.
pub(super) fn share_a_log(one: &PrimaryReplicaView, other: &PrimaryReplicaView) -> bool {
    place(one) == place(other)
}

/// The live primary with the highest term, whose log counts; of the site of `member`.
pub(super) fn authority<'a>(
    view: &'a ClusterView,
    member: &PrimaryReplicaView,
) -> Option<&'a PrimaryReplicaView> {
    let live = view.nodes.iter().filter(|node| node.health != Health::Down).filter_map(detail);
    let reigning = live.filter(|other| other.role == Role::Primary && share_a_log(other, member));
    reigning.max_by_key(|detail| detail.term)
}

/// Columns that a log may reach beyond the authority's: enough to see that it does.
const BEYOND: u64 = 10;

/// Where the strip of `member` and of all who share its log ends: the authority's log is always in it.
fn strip_end(view: &ClusterView, member: &PrimaryReplicaView) -> u64 {
    let sharing = view.nodes.iter().filter_map(detail).filter(|other| share_a_log(other, member));
    let end = sharing.map(|detail| detail.last_index).max().unwrap_or(0);
    authority(view, member).map_or(end, |primary| end.min(primary.last_index + BEYOND))
}

/// The last index any node shows.
fn end(view: &ClusterView) -> u64 {
    view.nodes.iter().filter_map(detail).map(|detail| detail.last_index).max().unwrap_or(0)
}

/// How a cell looks. It has diverged if the authority's history has another term at its index, or will have.
fn look(cell: &LogCell, authority: Option<&PrimaryReplicaView>) -> (Sign, Token) {
    let is_diverged = authority.is_some_and(|primary| {
        let theirs = primary.history.iter().rev().find(|(_, start)| *start <= cell.index);
        theirs.is_some_and(|(term, _)| *term != cell.term)
    });
    state_look(if is_diverged { CellState::Diverged } else { cell.state })
}

fn state_look(state: CellState) -> (Sign, Token) {
    match state {
        CellState::Buffered => (Sign::Buffered, Token::Pending),
        CellState::Flushed => (Sign::Flushed, Token::Flushed),
        CellState::Acked => (Sign::Acked, Token::Acked),
        CellState::Committed => (Sign::Committed, Token::Good),
        CellState::Diverged => (Sign::Diverged, Token::Diverged),
        CellState::RolledBack => (Sign::RolledBack, Token::Paused),
    }
}

/// The end of a node's log in one row, aligned with all others.
pub(super) fn draw_strip(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, node: &NodeView) {
    let Some(detail) = detail(node) else { return };
    let end = strip_end(view, detail);
    let first = (end + 1).saturating_sub(u64::from(area.width)).max(1);
    let authority = authority(view, detail);
    for cell in detail.cells.iter().filter(|cell| (first..=end).contains(&cell.index)) {
        let (sign, token) = look(cell, authority);
        pen.put(area.x + (cell.index - first) as u16, area.y, pen.sign(sign), token);
    }
    for index in rolled_back(detail, first, end) {
        let (sign, token) = state_look(CellState::RolledBack);
        pen.put(area.x + (index - first) as u16, area.y, pen.sign(sign), token);
    }
}

/// Indexes that a cut took and nothing has filled again.
fn rolled_back(detail: &PrimaryReplicaView, first: u64, end: u64) -> impl Iterator<Item = u64> {
    let last = detail.last_index;
    let upto = detail.archive.last().map_or(0, |branch| branch.from + branch.entries - 1);
    (last + 1).max(first)..=upto.min(end)
}

/// The log view: a row a node with the entries' keys and values below each other.
pub(super) fn draw_table(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let view = &frame.runs[watch.run.min(frame.runs.len() - 1)].view;
    let inside = pen.boxed(area, "log: one row an index, one column a node", Token::Border);
    let members: Vec<&NodeView> = view.nodes.iter().filter(|node| detail(node).is_some()).collect();
    if members.is_empty() {
        let text = "a peer-to-peer cluster has no common log; v 1 shows its nodes, t the next run";
        pen.text(inside.x, inside.y, inside.width, text, Token::Dim);
        return;
    }
    let wide = (inside.width.saturating_sub(8) / members.len() as u16).max(6);
    for (nth, node) in members.iter().enumerate() {
        let name = view.names.node(node.node);
        pen.text(inside.x + 8 + nth as u16 * wide, inside.y, wide, &name, Token::Title);
    }
    let rows = u64::from(inside.height.saturating_sub(2));
    let last = end(view);
    let end = last.saturating_sub(watch.scroll as u64).max(rows.min(last));
    let first = (end + 1).saturating_sub(rows).max(1);
    for (y, index) in (inside.y + 1..inside.bottom() - 1).zip(first..=end) {
        pen.text(inside.x, y, 7, &format!("{index:>6}"), Token::Dim);
        for (nth, node) in members.iter().enumerate() {
            let x = inside.x + 8 + nth as u16 * wide;
            let Some(detail) = detail(node) else { continue };
            if let Some(cell) = detail.cells.iter().find(|cell| cell.index == index) {
                let authority = authority(view, detail);
                draw_entry(pen, Rect { x, y, width: wide - 1, height: 1 }, view, cell, authority);
            }
        }
    }
    draw_legend(pen, Rect { y: inside.bottom() - 1, height: 1, ..inside });
}

/// What an entry changes, in words.
pub(super) fn content(view: &ClusterView, cell: &LogCell) -> String {
    let names = &view.names;
    match &cell.content {
        CellContent::Opening => "opens".to_owned(),
        CellContent::Write { key, change, .. } => match change {
            Change::Write(data) => format!("{}={}", names.key(*key), names.data(data)),
            Change::Update(update) => format!("{} {}", names.key(*key), names.update(*update)),
            Change::Delete => format!("{} deleted", names.key(*key)),
        },
        CellContent::Join(node) => format!("{} joins", names.node(*node)),
        CellContent::Leave(node) => format!("{} leaves", names.node(*node)),
    }
}

fn draw_entry(
    pen: &mut Pen<'_>,
    area: Rect,
    view: &ClusterView,
    cell: &LogCell,
    authority: Option<&PrimaryReplicaView>,
) {
    let (sign, token) = look(cell, authority);
    let text = format!("{} {} t{}", pen.sign(sign), content(view, cell), cell.term);
    pen.text(area.x, area.y, area.width, &text, token);
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
        let (sign, token) = state_look(state);
        let text = format!("{} {}  ", pen.sign(sign), state.word());
        x += pen.text(x, area.y, area.right().saturating_sub(x), &text, token);
    }
}
