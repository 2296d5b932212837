//! More nodes than there are rows: one cell each, in the order of their names, and what they make of the latest news.
//!
//! ```text
//!  n1    ·······■■··· ■■···✗·▫··   a cell is a node: whether it is up, and whether the news has reached it
//!  n101  ··■■········ ··········
//!  n500 crashed at 00:05.000: 612 of 999 know, 40 suspect it; first after 1.2 s, half after 2.0 s
//! ```

use super::look::{Sign, Token};
use super::pen::Pen;
use super::{Watch, member};
use crate::base::ids::NodeId;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::view::{ClusterView, Health, NodeView};
use crate::protocol::view::{PeerStatus, PeerToPeerView, ReplicaDetail, Role};
use ratatui::layout::Rect;

/// Columns before the cells of a row: the name of its first node.
const NAME: u16 = 7;
/// Cells that stand together.
const GROUP: u16 = 10;
/// Rows that are no cells: the border and what is said of the news.
const AROUND: u16 = 3;

/// Nodes in one row of `columns`.
fn per_row(columns: u16) -> u16 {
    let groups = columns.saturating_sub(NAME + 2) / (GROUP + 1);
    (groups * GROUP).max(1)
}

/// Rows that all of the nodes take, with the border.
pub(super) fn height(view: &ClusterView, columns: u16) -> u16 {
    (view.nodes.len() as u16).div_ceil(per_row(columns)) + AROUND
}

/// The crowd. Where not all rows fit, the target's is among those shown.
pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, watch: &Watch) {
    let news = News::latest(view);
    let inside = pen.boxed(area, &census(view), Token::Border);
    let across = usize::from(per_row(area.width));
    let rows = usize::from(inside.height.saturating_sub(1)).max(1);
    let target = watch.target.map_or(0, NodeId::index);
    let hidden = (target / across + 1).saturating_sub(rows);
    let shown = view.nodes.chunks(across).skip(hidden).take(rows);
    for (y, nodes) in (inside.y..inside.bottom()).zip(shown) {
        let Some(first) = nodes.first() else { return };
        pen.text(inside.x, y, NAME, &view.names.node(first.node), Token::Title);
        for (place, node) in (0..).zip(nodes) {
            let (sign, token) = cell(node, news.as_ref());
            let x = inside.x + NAME + place + place / GROUP;
            let is_chosen = watch.target == Some(node.node);
            pen.put(x, y, pen.sign(if is_chosen { Sign::Chosen } else { sign }), token);
        }
    }
    let (text, token) = match &news {
        Some(news) => (news.text(view), Token::Warn),
        None => ("nobody thinks ill of anybody".to_owned(), Token::Dim),
    };
    if inside.height > 1 {
        pen.text(inside.x, inside.bottom() - 1, inside.width, &text, token);
    }
}

/// How many there are, by health.
fn census(view: &ClusterView) -> String {
    let count = |health| view.nodes.iter().filter(|node| node.health == health).count();
    let mut text = format!("{} nodes: {} up", view.nodes.len(), count(Health::Up));
    for (health, word) in [(Health::Down, "crashed"), (Health::Paused, "paused")] {
        let number = count(health);
        if number > 0 {
            text.push_str(&format!(", {number} {word}"));
        }
    }
    text
}

fn peer(node: &NodeView) -> Option<&PeerToPeerView> {
    match &node.replica.as_ref()?.detail {
        ReplicaDetail::PeerToPeer(detail) => Some(detail),
        ReplicaDetail::PrimaryReplica(_) => None,
    }
}

/// A node: what is wrong with it, else whether it has heard the news, else its role.
fn cell(node: &NodeView, news: Option<&News>) -> (Sign, Token) {
    match node.health {
        Health::Down => return (Sign::Crashed, Token::Bad),
        Health::Paused => return (Sign::Paused, Token::Paused),
        Health::Up if node.is_isolated => return (Sign::Isolated, Token::Warn),
        Health::Up => {}
    }
    match &node.replica.as_ref().map(|held| &held.detail) {
        Some(ReplicaDetail::PeerToPeer(detail)) => {
            match news.map_or(PeerStatus::Alive, |news| detail.opinion(news.about)) {
                PeerStatus::Alive => (Sign::Middle, Token::Dim),
                PeerStatus::Suspect => (Sign::Flushed, Token::Warn),
                PeerStatus::Down => (Sign::Committed, Token::Primary),
            }
        }
        Some(ReplicaDetail::PrimaryReplica(detail)) if detail.role == Role::Replica => {
            (Sign::Middle, Token::Dim)
        }
        Some(ReplicaDetail::PrimaryReplica(detail)) => (Sign::Committed, member::badge(detail.role)),
        None => (Sign::Middle, Token::Dim),
    }
}

/// The node of which something was thought last, and how far the word has spread.
#[derive(Debug)]
struct News {
    about: NodeId,
    /// How many of the others that run think it down, and how many suspect it.
    down: usize,
    suspect: usize,
    others: usize,
    /// When each of those that think it down began to, in order.
    learned: Vec<VirtualTime>,
}

impl News {
    /// The news that someone began to believe last; of equals that of the first node.
    fn latest(view: &ClusterView) -> Option<News> {
        let opinions = || view.nodes.iter().filter_map(peer).flat_map(|detail| &detail.opinions);
        let about = opinions().max_by_key(|opinion| (opinion.since, std::cmp::Reverse(opinion.node)))?.node;
        let of_it = || opinions().filter(|opinion| opinion.node == about);
        let is_down = |status| status == PeerStatus::Down;
        let mut learned: Vec<VirtualTime> =
            of_it().filter(|opinion| is_down(opinion.status)).map(|opinion| opinion.since).collect();
        learned.sort_unstable();
        let running = view.nodes.iter().filter(|node| node.node != about && peer(node).is_some());
        Some(News {
            about,
            down: learned.len(),
            suspect: of_it().filter(|opinion| !is_down(opinion.status)).count(),
            others: running.count(),
            learned,
        })
    }

    fn text(&self, view: &ClusterView) -> String {
        let node = view.nodes.get(self.about.index());
        let fault = node.filter(|node| node.health != Health::Up).map(|node| node.since);
        let name = view.names.node(self.about);
        let mut text = format!("{name} down: {} of {} think so", self.down, self.others);
        if self.suspect > 0 {
            text.push_str(&format!(", {} suspect it", self.suspect));
        }
        let after = |share: usize| {
            let needed = (self.others * share).div_ceil(100).max(1);
            Some(self.learned.get(needed - 1)?.since(fault?))
        };
        for (share, word) in [(0, "first"), (50, "half"), (99, "99 %"), (100, "all")] {
            if let Some(Span(us)) = after(share) {
                text.push_str(&format!("; {word} after {:.1} s", us as f64 / 1e6));
            }
        }
        text
    }
}
