//! Who reaches whom, and who thinks what of whom: two matrices, rows look at columns. Where there are too many nodes for
//! that, two lists of those with whom something is wrong, the worst first.

use super::Watch;
use super::layout::columns;
use super::look::{Sign, Token};
use super::pen::Pen;
use crate::base::ids::NodeId;
use crate::cluster::view::{ClusterView, Health, NodeView};
use crate::driver::frame::Frame;
use crate::protocol::view::{PeerStatus, ReplicaDetail, Role};
use ratatui::layout::Rect;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Columns before the cells of a row.
const NAME: usize = 6;
/// The least columns of a cell.
const LEAST: usize = 2;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let view = &frame.runs[watch.run.min(frame.runs.len() - 1)].view;
    let halves = columns(area, 2);
    let nodes = view.nodes.len();
    if NAME + nodes * LEAST > usize::from(halves[0].width).saturating_sub(2)
        || nodes + 1 > usize::from(area.height).saturating_sub(2)
    {
        draw_list(pen, halves[0], ["cut off", "every node reaches every other"], view, &cut_off(view));
        return draw_list(
            pen,
            halves[1],
            ["opinions", "nobody thinks ill of anybody"],
            view,
            &ill_famed(view),
        );
    }
    draw_one(pen, halves[0], view, "reach: row sends to column", |from, to| {
        let is_cut =
            view.cuts.get(from.index()).and_then(|row| row.get(to.index())).copied().unwrap_or(false);
        if is_cut { ("cut", Sign::Crashed, Token::Bad) } else { ("ok", Sign::Healthy, Token::Good) }
    });
    draw_one(pen, halves[1], view, "opinion: row thinks of column", |from, to| opinion(view, from, to));
}

/// Nodes that are down, or that do not reach some of the others or are not reached by them.
fn cut_off(view: &ClusterView) -> Vec<(NodeId, String, Token)> {
    let others = view.nodes.len() - 1;
    let cuts = |of: &dyn Fn(usize) -> bool| (0..view.cuts.len()).filter(|&other| of(other)).count();
    let mut rows: Vec<(usize, NodeId, String, Token)> = Vec::new();
    for node in &view.nodes {
        let at = node.node.index();
        let (out, back) = (cuts(&|other| view.cuts[at][other]), cuts(&|other| view.cuts[other][at]));
        let (weight, text, token) = match node.health {
            Health::Down => (usize::MAX, "crashed".to_owned(), Token::Bad),
            Health::Paused => (usize::MAX - 1, "paused".to_owned(), Token::Paused),
            // Above 64 nodes links are not looked at one by one.
            Health::Up if node.is_isolated => (2 * others, "isolated".to_owned(), Token::Warn),
            Health::Up if out + back > 0 => {
                let text = format!("reaches {} and hears {} of {others}", others - out, others - back);
                (out + back, text, Token::Warn)
            }
            Health::Up => continue,
        };
        rows.push((weight, node.node, text, token));
    }
    rows.sort_by_key(|(weight, node, ..)| (Reverse(*weight), *node));
    rows.into_iter().map(|(_, node, text, token)| (node, text, token)).collect()
}

/// Nodes that others hold for down or suspect, or follow.
fn ill_famed(view: &ClusterView) -> Vec<(NodeId, String, Token)> {
    let mut counts: BTreeMap<NodeId, [usize; 3]> = BTreeMap::new();
    for replica in view.nodes.iter().filter_map(|node| node.replica.as_ref()) {
        match &replica.detail {
            ReplicaDetail::PeerToPeer(detail) => {
                for opinion in &detail.opinions {
                    let place = usize::from(opinion.status == PeerStatus::Suspect);
                    counts.entry(opinion.node).or_default()[place] += 1;
                }
            }
            ReplicaDetail::PrimaryReplica(detail) => {
                if let Some(primary) = detail.primary {
                    counts.entry(primary).or_default()[2] += 1;
                }
            }
        }
    }
    let others = view.nodes.len() - 1;
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|(node, counts)| (Reverse(*counts), *node));
    let row = |(node, [down, suspect, primary]): (NodeId, [usize; 3])| match (down, suspect) {
        (0, 0) => (node, format!("primary to {primary} of {others}"), Token::Primary),
        (0, _) => (node, format!("suspect to {suspect} of {others}"), Token::Warn),
        (_, 0) => (node, format!("down to {down} of {others}"), Token::Bad),
        _ => (node, format!("down to {down}, suspect to {suspect} of {others}"), Token::Bad),
    };
    rows.into_iter().map(row).collect()
}

fn draw_list(
    pen: &mut Pen<'_>,
    area: Rect,
    [title, well]: [&str; 2],
    view: &ClusterView,
    rows: &[(NodeId, String, Token)],
) {
    let inside = pen.boxed(area, &format!("{title}: {} nodes", rows.len()), Token::Border);
    if rows.is_empty() {
        pen.text(inside.x, inside.y, inside.width, well, Token::Dim);
    }
    for (y, (node, text, token)) in (inside.y..inside.bottom()).zip(rows) {
        let rest = rows.len() - usize::from(y - inside.y);
        if y + 1 == inside.bottom() && rest > 1 {
            pen.text(inside.x, y, inside.width, &format!("and {rest} more"), Token::Dim);
            return;
        }
        let name = format!("{:<6}", view.names.node(*node));
        let pieces = [(name.as_str(), Token::Title), (text.as_str(), *token)];
        pen.pieces(inside.x, y, inside.width, &pieces);
    }
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
            match follower.filter(|follower| follower.has_answered).map(|follower| follower.lag_entries) {
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
