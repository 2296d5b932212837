//! What a node's card says of its replica, row by row, most telling first.

use super::look::Token;
use super::pen::Pen;
use super::{keys, member, peer};
use crate::base::data::Data;
use crate::base::ids::NodeId;
use crate::base::knob::Topology;
use crate::base::text::width;
use crate::cluster::view::{ClusterView, NodeView};
use crate::protocol::view::{KeyRow, ReplicaDetail, ReplicaView};
use ratatui::layout::Rect;

/// Rows to be filled from the top.
pub(super) struct Pad {
    area: Rect,
    y: u16,
}

impl Pad {
    pub(super) fn new(area: Rect) -> Self {
        Pad { area, y: area.y }
    }

    /// The next free row, if there is one.
    pub(super) fn next(&mut self) -> Option<Rect> {
        if self.y >= self.area.bottom() {
            return None;
        }
        self.y += 1;
        Some(Rect { y: self.y - 1, height: 1, ..self.area })
    }

    pub(super) fn width(&self) -> u16 {
        self.area.width
    }

    pub(super) fn left(&self) -> usize {
        usize::from(self.area.bottom().saturating_sub(self.y))
    }

    pub(super) fn row(&mut self, pen: &mut Pen<'_>, pieces: &[(&str, Token)]) {
        if let Some(row) = self.next() {
            pen.pieces(row.x, row.y, row.width, pieces);
        }
    }
}

pub(super) fn draw(
    pen: &mut Pen<'_>,
    pad: &mut Pad,
    view: &ClusterView,
    node: &NodeView,
    held: &ReplicaView,
) {
    match &held.detail {
        ReplicaDetail::PrimaryReplica(detail) => member::draw(pen, pad, view, node, detail),
        ReplicaDetail::PeerToPeer(detail) => peer::draw(pen, pad, view, node.node, detail),
    }
    let title = format!("keys {}", held.keys_total);
    pad.row(pen, &[(&title, Token::Dim)]);
    draw_keys(pen, pad, view, &held.keys);
}

/// The same for a row of the condensed view.
pub(super) fn opinions_strip(
    pen: &mut Pen<'_>,
    area: Rect,
    view: &ClusterView,
    me: NodeId,
    held: &ReplicaView,
) {
    if let ReplicaDetail::PeerToPeer(detail) = &held.detail {
        peer::draw_opinions(pen, area, view, me, detail);
    }
}

/// The key table: the keys that changed last, in as many columns as fit, marked where other nodes know better. Keys
/// with siblings, and those that hold several elements, have rows of their own.
fn draw_keys(pen: &mut Pen<'_>, pad: &mut Pad, view: &ClusterView, keys: &[KeyRow]) {
    let per_row = usize::from(pad.area.width / 18).max(1);
    let is_wide = |key: &KeyRow| {
        !key.siblings.is_empty() || matches!(key.value, Some(Data::Set(_) | Data::List(_) | Data::Rows(_)))
    };
    let (wide, narrow): (Vec<&KeyRow>, Vec<&KeyRow>) = keys.iter().partition(|key| is_wide(key));
    for key in wide {
        draw_wide(pen, pad, view, key);
    }
    for chunk in narrow.chunks(per_row) {
        let Some(row) = pad.next() else { return };
        for (nth, key) in chunk.iter().enumerate() {
            let width = if per_row == 1 { row.width } else { 17 };
            draw_key(pen, Rect { x: row.x + nth as u16 * 18, width, ..row }, view, key);
        }
    }
}

/// A key with a row of its own; siblings that do not fit into it stand below each other where there is room.
fn draw_wide(pen: &mut Pen<'_>, pad: &mut Pad, view: &ClusterView, key: &KeyRow) {
    let text = key_text(view, key);
    let is_broken = width(&text) > usize::from(pad.width()) && key.siblings.len() < pad.left();
    let Some(row) = pad.next() else { return };
    if key.siblings.is_empty() || !is_broken {
        return draw_key(pen, row, view, key);
    }
    let mark = if is_stale(view, key) { " stale" } else { "" };
    let head = format!("{} {} siblings:{mark}", view.names.key(key.key), key.siblings.len());
    pen.text(row.x, row.y, row.width, &head, Token::Warn);
    for (data, _) in &key.siblings {
        let text = format!("| {}", shown(view, data.as_ref()));
        pad.row(pen, &[(&text, Token::Warn)]);
    }
}

fn shown(view: &ClusterView, data: Option<&Data>) -> String {
    data.map_or("deleted".to_owned(), |data| view.names.data(data))
}

/// One key: `x=5`, or its siblings side by side: `x 2 siblings: 5 | 7`.
fn draw_key(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, key: &KeyRow) {
    let is_warned = is_stale(view, key) || !key.siblings.is_empty();
    let token = if is_warned { Token::Warn } else { Token::Plain };
    pen.text(area.x, area.y, area.width, &key_text(view, key), token);
}

fn key_text(view: &ClusterView, key: &KeyRow) -> String {
    let name = view.names.key(key.key);
    let mark = if is_stale(view, key) { " stale" } else { "" };
    if key.siblings.is_empty() {
        return format!("{name}={}{mark}", shown(view, key.value.as_ref()));
    }
    let siblings: Vec<String> = key.siblings.iter().map(|(data, _)| shown(view, data.as_ref())).collect();
    format!("{name} {} siblings: {}{mark}", siblings.len(), siblings.join(" | "))
}

/// Whether another live node shows a newer version of this key. Where versions are no line, but may be side by side,
/// a larger number says nothing.
fn is_stale(view: &ClusterView, key: &KeyRow) -> bool {
    let is_line = match view.topology {
        Topology::PrimaryReplica => true,
        Topology::PeerToPeer => view.knobs.word("conflict") == "lww",
        Topology::MultiLeader => false,
    };
    if !is_line {
        return false;
    }
    let shown = view.nodes.iter().filter_map(|node| node.replica.as_ref()).flat_map(|replica| &replica.keys);
    shown.filter(|other| other.key == key.key).any(|other| other.version > key.version)
}

/// The facts at the end of a condensed row.
pub(super) fn facts(view: &ClusterView, node: &NodeView, held: &ReplicaView) -> String {
    match &held.detail {
        ReplicaDetail::PrimaryReplica(detail) => member::facts(view, node, detail),
        ReplicaDetail::PeerToPeer(detail) => {
            let hints: u64 = detail.hints.iter().map(|hint| hint.count).sum();
            let hints = if hints > 0 { format!("  hints {hints}") } else { String::new() };
            let movement = peer::movement(view, detail).map_or_else(String::new, |text| format!("  {text}"));
            let siblings = match keys::with_siblings(&held.keys) {
                0 => String::new(),
                count => format!(", {count} with siblings"),
            };
            let Some(gossip) = &detail.gossip else {
                return format!("keys {}{siblings}{hints}{movement}", held.keys_total);
            };
            let newest = view.spread.as_ref().map(|spread| peer::reach(spread, node.node).1);
            let newest = newest.map_or_else(String::new, |word| format!("  newest {word}"));
            format!("keys {}{siblings}  passes on {}{newest}", held.keys_total, gossip.hot)
        }
    }
}
