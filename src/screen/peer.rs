//! What a card says of a peer: its place on the ring, what it thinks of the others, hints from and for it, whether its
//! keys are those of the other owners.

use super::look::{Sign, Token};
use super::pen::Pen;
use super::replica::Pad;
use crate::base::ids::NodeId;
use crate::base::line::size;
use crate::base::text::{many, width};
use crate::cluster::view::{ClusterView, NodeView, SpreadView};
use crate::protocol::view::{GossipView, PeerStatus, PeerToPeerView, ReplicaDetail, RootView, Standing};
use ratatui::layout::Rect;
use std::collections::BTreeSet;

/// Marks of Merkle roots.
const MARKS: &[u8] = b"abcdefghijkmnpqrstuvwxyz23456789";

pub(super) fn draw(
    pen: &mut Pen<'_>,
    pad: &mut Pad,
    view: &ClusterView,
    me: NodeId,
    detail: &PeerToPeerView,
) {
    let owns = format!("owns {}% first, {}% in all", detail.ring_permille / 10, detail.copies_permille / 10);
    match (movement(view, detail), &detail.gossip) {
        (_, Some(gossip)) => draw_gossip(pen, pad, view, me, gossip),
        (Some(text), None) => pad.row(pen, &[(&text, Token::Warn)]),
        (None, None) => pad.row(pen, &[(&owns, Token::Plain)]),
    }
    if let Some(row) = pad.next() {
        draw_opinions(pen, row, view, me, detail);
    }
    draw_roots(pen, pad, view, me, detail);
    let busy = format!("coordinates {}", detail.pending_total);
    pad.row(pen, &[(&busy, Token::Dim)]);
    for hint in detail.hints.iter().take(3) {
        let text = format!(
            "{} for {}, {}",
            many(hint.count, "hint"),
            view.names.node(hint.target),
            size(hint.bytes)
        );
        pad.row(pen, &[(&text, Token::Warn)]);
    }
    if let Some(text) = kept_for(view, me) {
        pad.row(pen, &[(&text, Token::Warn)]);
    }
    let room = pad.left().saturating_sub(4).min(3);
    for pending in detail.pending.iter().take(room) {
        let sign = |nth: u32| if nth < pending.got { Sign::Dot } else { Sign::Hollow };
        let dots: String = (0..pending.of.min(9)).map(|nth| pen.sign(sign(nth))).collect();
        let verb = if pending.is_write { "PUT" } else { "GET" };
        let text = format!("{verb} {} {dots} needs {}", view.names.key(pending.key), pending.need);
        pad.row(pen, &[(&text, Token::Pending)]);
    }
    if detail.tombstones > 0 {
        let text = many(detail.tombstones, "tombstone");
        pad.row(pen, &[(&text, Token::Dim)]);
    }
}

/// Whom a node talks to, what it still passes on, and whether it has the write that is followed.
fn draw_gossip(pen: &mut Pen<'_>, pad: &mut Pad, view: &ClusterView, me: NodeId, gossip: &GossipView) {
    let names: Vec<String> = gossip.neighbours.iter().map(|&node| view.names.node(node)).collect();
    let more = gossip.neighbours_total - gossip.neighbours.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let near = format!("{}{more}", names.join(" "));
    pad.row(pen, &[("neighbours ", Token::Dim), (&near, Token::Plain)]);
    let hot = format!("passes on {}", gossip.hot);
    pad.row(pen, &[(&hot, if gossip.hot > 0 { Token::Pending } else { Token::Dim })]);
    if let Some(spread) = &view.spread {
        let (sign, word, token) = reach(spread, me);
        let text = format!("{} {} {word}", pen.sign(sign), view.names.key(spread.key));
        pad.row(pen, &[(&text, token)]);
    }
}

/// Whether the write that is followed has reached `node`.
pub(super) fn reach(spread: &SpreadView, node: NodeId) -> (Sign, &'static str, Token) {
    match spread.has.contains(node.index()) {
        true => (Sign::Committed, "is here", Token::Good),
        false => (Sign::Middle, "not yet", Token::Dim),
    }
}

/// Where a node is on its way on the ring, or what it sends to one that is; nothing for an ordinary member.
pub(super) fn movement(view: &ClusterView, detail: &PeerToPeerView) -> Option<String> {
    let ring = &detail.ring;
    let sent = |to: NodeId, sent: u32, of: u32| format!(" {} {sent}/{of}", view.names.node(to));
    let streams: String = ring.streams.iter().map(|stream| sent(stream.to, stream.sent, stream.of)).collect();
    let percent = |permille: u32| format!("{}%", permille / 10);
    match ring.standing {
        Standing::Joining => {
            let (keys, sources) = ring.arrived;
            let pending = percent(ring.pending_permille);
            Some(format!("joining +{pending}: {}, {sources} sent all", many(keys, "key")))
        }
        Standing::TakingOver => Some(format!("taking over {}", percent(detail.copies_permille))),
        Standing::Leaving => Some(format!("leaving{streams}")),
        Standing::Left => Some("left the ring".to_owned()),
        Standing::Outside => Some("not on the ring".to_owned()),
        Standing::Member if !ring.streams.is_empty() => Some(format!("streams to{streams}")),
        Standing::Member if ring.pending_permille > 0 => {
            let owns = percent(detail.copies_permille);
            Some(format!("owns {owns} in all, {} pending", percent(ring.pending_permille)))
        }
        Standing::Member => None,
    }
}

/// Hints that others keep for `me`.
fn kept_for(view: &ClusterView, me: NodeId) -> Option<String> {
    let mut count = 0;
    let mut keepers = Vec::new();
    for (keeper, detail) in view.nodes.iter().filter_map(|node| Some((node.node, peer(node)?))) {
        for hint in detail.hints.iter().filter(|hint| hint.target == me) {
            count += hint.count;
            keepers.push(view.names.node(keeper));
        }
    }
    (count > 0).then(|| format!("{} for it at {}", many(count, "hint"), keepers.join(" ")))
}

fn peer(node: &NodeView) -> Option<&PeerToPeerView> {
    match &node.replica.as_ref()?.detail {
        ReplicaDetail::PeerToPeer(detail) => Some(detail),
        ReplicaDetail::PrimaryReplica(_) => None,
    }
}

fn mark(hash: u64) -> char {
    char::from(MARKS[(hash % MARKS.len() as u64) as usize])
}

/// One column for each set of owners, the same column on all cards: a mark of the Merkle root of the keys that they
/// have in common, so that equal marks below each other are equal keys.
fn draw_roots(pen: &mut Pen<'_>, pad: &mut Pad, view: &ClusterView, me: NodeId, detail: &PeerToPeerView) {
    let all = || view.nodes.iter().filter_map(peer).flat_map(|other| &other.ring.roots);
    let sets: BTreeSet<&[NodeId]> = all().map(|root| root.owners.as_slice()).collect();
    let name = "roots ";
    let room = usize::from(pad.width()).saturating_sub(name.len() + 10);
    if detail.ring.roots.is_empty() || sets.is_empty() {
        return;
    }
    let is_off = |root: &RootView| all().any(|other| other.owners == root.owners && other.hash != root.hash);
    let off = detail.ring.roots.iter().filter(|root| is_off(root)).count();
    let mine = |set: &[NodeId]| detail.ring.roots.iter().find(|root| root.owners == set);
    // Where there are too many, those that concern this node.
    let shown: Vec<&[NodeId]> = if sets.len() <= room {
        sets.into_iter().collect()
    } else {
        sets.into_iter().filter(|set| set.contains(&me)).take(room).collect()
    };
    let mut pieces: Vec<(String, Token)> = vec![(name.to_owned(), Token::Dim)];
    for set in shown {
        pieces.push(match mine(set) {
            None => (pen.sign(Sign::Middle).to_string(), Token::Dim),
            Some(root) if is_off(root) => (mark(root.hash).to_string(), Token::Warn),
            Some(root) => (mark(root.hash).to_string(), Token::Good),
        });
    }
    let (verdict, token) =
        if off > 0 { (format!(" {off} differ"), Token::Warn) } else { (" in sync".to_owned(), Token::Dim) };
    pieces.push((verdict, token));
    let pieces: Vec<(&str, Token)> = pieces.iter().map(|(text, token)| (text.as_str(), *token)).collect();
    pad.row(pen, &pieces);
}

fn status_look(status: PeerStatus) -> (Sign, Token) {
    match status {
        PeerStatus::Alive => (Sign::Healthy, Token::Good),
        PeerStatus::Suspect => (Sign::Suspect, Token::Warn),
        PeerStatus::Down => (Sign::Crashed, Token::Bad),
    }
}

/// What the peer `me` thinks of the others: `sees n2+ n3x`; where names have no room, a sign each in the order of the
/// nodes.
pub(super) fn draw_opinions(
    pen: &mut Pen<'_>,
    area: Rect,
    view: &ClusterView,
    me: NodeId,
    detail: &PeerToPeerView,
) {
    let mut x = area.x + pen.text(area.x, area.y, area.width, "sees ", Token::Dim);
    let names: usize = view.nodes.iter().map(|other| width(&view.names.node(other.node)) + 2).sum();
    let room = usize::from(area.right().saturating_sub(x));
    if names > room && view.nodes.len() <= room {
        for (x, other) in (x..).zip(&view.nodes) {
            let is_me = other.node == me;
            let (sign, token) =
                if is_me { (Sign::Middle, Token::Dim) } else { status_look(detail.opinion(other.node)) };
            pen.put(x, area.y, pen.sign(sign), token);
        }
        return;
    }
    for other in view.nodes.iter().map(|other| other.node).filter(|&other| other != me) {
        let (sign, token) = status_look(detail.opinion(other));
        let text = format!("{}{} ", view.names.node(other), pen.sign(sign));
        x += pen.text(x, area.y, area.right().saturating_sub(x), &text, token);
        if x >= area.right() {
            return;
        }
    }
}
