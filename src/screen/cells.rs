//! The end of a log in one row of cells, the same index in the same column on every copy, so that divergence is seen
//! as two signs in one column. Which indexes those are says the [`axis`](super::axis).

use super::axis::{Axis, Stretch};
use super::look::{Sign, Token};
use super::pen::Pen;
use crate::base::data::Change;
use crate::cluster::view::{ClusterView, LogMember, LogView, NodeView};
use crate::protocol::view::{CellContent, CellState, LogCell, PrimaryReplicaView, ReplicaDetail};
use ratatui::layout::Rect;
use std::ops::RangeInclusive;

pub(super) fn detail(node: &NodeView) -> Option<&PrimaryReplicaView> {
    match &node.replica.as_ref()?.detail {
        ReplicaDetail::PrimaryReplica(detail) => Some(detail),
        ReplicaDetail::PeerToPeer(_) => None,
    }
}

/// Whether two nodes have a part in one log: that of their site, where every site has one of its own.
pub(super) fn share_a_log(one: &PrimaryReplicaView, other: &PrimaryReplicaView) -> bool {
    let place = |detail: &PrimaryReplicaView| detail.site.as_ref().map(|site| site.place);
    place(one) == place(other)
}

/// A node's copy of a log beside the others.
pub(super) struct Copy<'a> {
    node: &'a NodeView,
    pub(super) detail: &'a PrimaryReplicaView,
    pub(super) log: &'a LogView,
    member: LogMember,
}

impl<'a> Copy<'a> {
    /// That of `node`; nothing where it has none, or is down.
    pub(super) fn of(view: &'a ClusterView, node: &'a NodeView) -> Option<Self> {
        let find = |log: &'a LogView| Some((log, *log.member(node.node)?));
        let (log, member) = view.logs.iter().find_map(find)?;
        Some(Copy { node, detail: detail(node)?, log, member })
    }

    /// How the entry at `index` looks. It has diverged if the log that counts has another there, or will have.
    pub(super) fn look(&self, index: u64) -> (Sign, Token) {
        match self.log.authority.is_some() && index > self.member.agrees_upto {
            true => state_look(CellState::Diverged),
            false => state_look(self.detail.state_at(self.node.node, index)),
        }
    }

    /// The last index that a cut took and nothing has filled again.
    pub(super) fn cut_upto(&self) -> u64 {
        self.detail.archive.last().map_or(0, |branch| branch.from + branch.entries - 1)
    }

    /// What stands for the indexes of a gap, in `columns`: how many it has, if any.
    pub(super) fn gap(
        &self,
        pen: &Pen<'_>,
        indexes: &RangeInclusive<u64>,
        columns: usize,
    ) -> (String, Token) {
        let (from, to) = (*indexes.start(), (*indexes.end()).min(self.member.last));
        let (count, token) = if from <= to {
            let is_off = self.log.authority.is_some() && to > self.member.agrees_upto;
            (to - from + 1, if is_off { Token::Diverged } else { Token::Dim })
        } else if from <= self.cut_upto() {
            ((*indexes.end()).min(self.cut_upto()) - from + 1, Token::Paused)
        } else {
            return (String::new(), Token::Dim);
        };
        let figure = count.to_string();
        let figure = if figure.len() + 2 <= columns { figure } else { String::new() };
        let (left, line) = ((columns - figure.len()) / 2, pen.sign(Sign::Skip).to_string());
        let right = columns - figure.len() - left;
        (format!("{}{figure}{}", line.repeat(left), line.repeat(right)), token)
    }
}

pub(super) fn state_look(state: CellState) -> (Sign, Token) {
    match state {
        CellState::Buffered => (Sign::Buffered, Token::Pending),
        CellState::Flushed => (Sign::Flushed, Token::Flushed),
        CellState::Acked => (Sign::Acked, Token::Acked),
        CellState::Committed => (Sign::Committed, Token::Good),
        CellState::Diverged => (Sign::Diverged, Token::Diverged),
        CellState::RolledBack => (Sign::RolledBack, Token::Paused),
    }
}

/// A node's log in one row, aligned with all copies of it.
pub(super) fn draw_strip(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, node: &NodeView) {
    let Some(copy) = Copy::of(view, node).filter(|_| area.width > 0) else { return };
    for stretch in Axis::across(&copy.log.landmarks(), area.width).stretches {
        match stretch {
            Stretch::Shown { at, indexes } => {
                let first = *indexes.start();
                let upto = copy.member.last.max(copy.cut_upto());
                for index in first..=(*indexes.end()).min(upto) {
                    let is_there = index <= copy.member.last;
                    let (sign, token) =
                        if is_there { copy.look(index) } else { state_look(CellState::RolledBack) };
                    pen.put(area.x + at + (index - first) as u16, area.y, pen.sign(sign), token);
                }
            }
            Stretch::Gap { at, places, indexes } => {
                let (text, token) = copy.gap(pen, &indexes, usize::from(places));
                pen.text(area.x + at, area.y, places, &text, token);
            }
        }
    }
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
