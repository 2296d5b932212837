//! Who reaches whom, and who thinks what of whom: two matrices, rows look at columns.

use super::Watch;
use super::layout::columns;
use super::look::{Sign, Token};
use super::pen::Pen;
use crate::base::ids::NodeId;
use crate::cluster::view::{ClusterView, Health, NodeView};
use crate::driver::frame::Frame;
use crate::protocol::view::{PeerStatus, ReplicaDetail, Role};
use ratatui::layout::Rect;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let view = &frame.runs[watch.run.min(frame.runs.len() - 1)].view;
    let halves = columns(area, 2);
    draw_one(pen, halves[0], view, "reach: row sends to column", |from, to| {
        let is_cut =
            view.cuts.get(from.index()).and_then(|row| row.get(to.index())).copied().unwrap_or(false);
        if is_cut { ("cut", Sign::Crashed, Token::Bad) } else { ("ok", Sign::Healthy, Token::Good) }
    });
    draw_one(pen, halves[1], view, "opinion: row thinks of column", |from, to| opinion(view, from, to));
}

/// What one node thinks of another: SWIM's status, or who is primary.
fn opinion(view: &ClusterView, from: NodeId, to: NodeId) -> (&'static str, Sign, Token) {
    let Some(replica) = view.nodes[from.index()].replica.as_ref() else {
        return ("-", Sign::Middle, Token::Dim);
    };
    match &replica.detail {
        ReplicaDetail::PeerToPeer(detail) => match detail.opinion(to) {
            PeerStatus::Alive => ("up", Sign::Healthy, Token::Good),
            PeerStatus::Suspect => ("suspect", Sign::Suspect, Token::Warn),
            PeerStatus::Down => ("down", Sign::Crashed, Token::Bad),
        },
        ReplicaDetail::PrimaryReplica(detail) if detail.role == Role::Primary => {
            let follower = detail.followers.iter().find(|follower| follower.node == to);
            match follower.map(|follower| follower.lag_entries) {
                Some(0..=20) => ("in step", Sign::Healthy, Token::Good),
                Some(_) => ("behind", Sign::Isolated, Token::Warn),
                None => ("-", Sign::Middle, Token::Dim),
            }
        }
        ReplicaDetail::PrimaryReplica(detail) if detail.primary == Some(to) => {
            ("primary", Sign::Dot, Token::Primary)
        }
        ReplicaDetail::PrimaryReplica(_) => ("", Sign::Middle, Token::Dim),
    }
}

fn draw_one(
    pen: &mut Pen<'_>,
    area: Rect,
    view: &ClusterView,
    title: &str,
    cell: impl Fn(NodeId, NodeId) -> (&'static str, Sign, Token),
) {
    let inside = pen.boxed(area, title, Token::Border);
    let wide = (inside.width.saturating_sub(6) / view.nodes.len().max(1) as u16).clamp(2, 10);
    let fitting = (inside.width.saturating_sub(6) / wide) as usize;
    for (nth, node) in view.nodes.iter().take(fitting).enumerate() {
        pen.text(
            inside.x + 6 + nth as u16 * wide,
            inside.y,
            wide - 1,
            &view.names.node(node.node),
            Token::Title,
        );
    }
    for (y, from) in (inside.y + 1..inside.bottom()).zip(&view.nodes) {
        pen.text(inside.x, y, 5, &view.names.node(from.node), name_token(from));
        for (nth, to) in view.nodes.iter().take(fitting).enumerate() {
            let x = inside.x + 6 + nth as u16 * wide;
            if from.node == to.node {
                pen.put(x, y, pen.sign(Sign::Middle), Token::Dim);
                continue;
            }
            let (word, sign, token) = cell(from.node, to.node);
            let text = format!("{}{}", pen.sign(sign), if wide >= 7 { word } else { "" });
            pen.text(x, y, wide - 1, &text, token);
        }
    }
}

fn name_token(node: &NodeView) -> Token {
    match node.health {
        Health::Up => Token::Plain,
        Health::Paused => Token::Paused,
        Health::Down => Token::Bad,
    }
}
