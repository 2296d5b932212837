//! More nodes than there are rows: one cell each, in the order of their names, and what they make of the latest news.
//!
//! ```text
//!  n1    ·······■■··· ■■···✗·▫··   a cell is a node: whether it is up, and whether the news has reached it
//!  n101  ··■■········ ··········
//!  n500 crashed at 00:05.000: 612 of 999 know, 40 suspect it; first after 1.2 s, half after 2.0 s
//! ```
//!
//! Where even that is too many, a few share a cell: empty, less than half, half or more, all.
//!
//! The news is what nodes think of each other, or, where they pass writes on, a write: who has it. On a grid the rows
//! are the grid's, if they fit.

use super::look::{Sign, Token};
use super::pen::Pen;
use super::{Watch, member, nodes, peer};
use crate::base::ids::NodeId;
use crate::base::knob::KnobValue;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::view::{ClusterView, Health, NodeView, SpreadView};
use crate::protocol::view::{PeerStatus, PeerToPeerView, ReplicaDetail, Role};
use ratatui::layout::Rect;

/// Columns before the cells of a row: the name of its first node.
const NAME: u16 = 7;
/// Cells that stand together.
const GROUP: u16 = 10;
/// Rows that are no cells: the border, and what is said of the news.
const AROUND: u16 = 3;

/// Where the nodes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Plan {
    /// Cells in one row.
    across: usize,
    /// Nodes in one cell: one, or as few as must share it so that all are on the screen.
    per_cell: usize,
}

impl Plan {
    /// The plan for an area of so many columns and rows.
    fn of(view: &ClusterView, columns: u16, rows: u16) -> Plan {
        let groups = columns.saturating_sub(NAME + 2) / (GROUP + 1);
        let most = usize::from((groups * GROUP).max(1));
        let rows = usize::from(rows.saturating_sub(AROUND)).max(1);
        let nodes = view.nodes.len();
        let grid = nodes.isqrt() + usize::from(nodes.isqrt() * nodes.isqrt() < nodes);
        let is_grid = view.spread.is_some() && view.knobs.get("overlay") == Some(&KnobValue::Word("grid"));
        if is_grid && grid <= most && nodes.div_ceil(grid) <= rows {
            return Plan { across: grid, per_cell: 1 };
        }
        Plan { across: most, per_cell: nodes.div_ceil(most * rows).max(1) }
    }

    fn per_row(self) -> usize {
        self.across * self.per_cell
    }
}

/// Rows that all of the nodes take of an area, with the border.
pub(super) fn height(view: &ClusterView, columns: u16, rows: u16) -> u16 {
    view.nodes.len().div_ceil(Plan::of(view, columns, rows).per_row()) as u16 + AROUND
}

/// The crowd in a box.
pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, watch: &Watch) {
    let plan = Plan::of(view, area.width, area.height);
    let chosen = watch.target.and_then(|target| view.nodes.get(target.index())).map(|node| {
        let (_, word, _) = nodes::state(node);
        format!(" · {} {} {word}", pen.sign(Sign::Chosen), view.names.node(node.node)).trim_end().to_owned()
    });
    let title = census(view, plan) + &chosen.unwrap_or_default();
    let inside = pen.boxed(area, &title, Token::Border);
    fill(pen, inside, view, watch);
}

/// The crowd in what is inside of a box; the chosen node's cell has its colours turned around.
pub(super) fn fill(pen: &mut Pen<'_>, inside: Rect, view: &ClusterView, watch: &Watch) {
    let news = News::latest(view);
    let plan = Plan::of(view, inside.width + 2, inside.height + 2);
    for (y, nodes) in (inside.y..inside.bottom()).zip(view.nodes.chunks(plan.per_row())) {
        let Some(first) = nodes.first() else { return };
        pen.text(inside.x, y, NAME, &view.names.node(first.node), Token::Title);
        for (place, nodes) in (0..).zip(nodes.chunks(plan.per_cell)) {
            let (sign, token) = shared_cell(view, nodes, news.as_ref());
            let x = inside.x + NAME + place + place / GROUP;
            pen.put(x, y, pen.sign(sign), token);
            if nodes.iter().any(|node| watch.target == Some(node.node)) {
                pen.reverse(Rect { x, y, width: 1, height: 1 });
            }
        }
    }
    let (text, token) = match (&view.spread, &news) {
        (Some(spread), _) => (spread_text(view, spread), Token::Good),
        (None, Some(news)) => (news.text(view), Token::Warn),
        (None, None) => ("nobody thinks ill of anybody".to_owned(), Token::Dim),
    };
    if inside.height > 1 {
        pen.text(inside.x, inside.bottom() - 1, inside.width, &text, token);
    }
}

/// How many there are, by health.
fn census(view: &ClusterView, plan: Plan) -> String {
    let count = |health| view.nodes.iter().filter(|node| node.health == health).count();
    let mut text = format!("{} nodes: {} up", view.nodes.len(), count(Health::Up));
    for (health, word) in [(Health::Down, "crashed"), (Health::Paused, "paused")] {
        let number = count(health);
        if number > 0 {
            text.push_str(&format!(", {number} {word}"));
        }
    }
    if plan.per_cell > 1 {
        text.push_str(&format!(" · {} a cell", plan.per_cell));
    }
    text
}

fn peer_of(node: &NodeView) -> Option<&PeerToPeerView> {
    match &node.replica.as_ref()?.detail {
        ReplicaDetail::PeerToPeer(detail) => Some(detail),
        ReplicaDetail::PrimaryReplica(_) => None,
    }
}

/// How far the write that is followed has come.
fn spread_text(view: &ClusterView, spread: &SpreadView) -> String {
    let key = view.names.key(spread.key);
    let mut text = format!("{key} written at {}: {} of {} have it", spread.began, spread.reached, spread.of);
    for (after, word) in spread.after.iter().zip(["half", "99 %", "all"]) {
        if let Some(Span(us)) = after {
            text.push_str(&format!("; {word} after {:.2} s", *us as f64 / 1e6));
        }
    }
    text
}

/// Nodes that share a cell: what is wrong with one of them, else how many have the news, else the first that is no
/// plain replica.
fn shared_cell(view: &ClusterView, nodes: &[NodeView], news: Option<&News>) -> (Sign, Token) {
    let cells: Vec<(Sign, Token)> = nodes.iter().map(|node| cell(view, node, news)).collect();
    let is_well = |node: &NodeView| node.health == Health::Up && !node.is_isolated;
    if let Some(unwell) = nodes.iter().position(|node| !is_well(node)) {
        return cells[unwell];
    }
    let (quiet, telling): (Vec<_>, Vec<_>) = cells.iter().partition(|(sign, _)| *sign == Sign::Middle);
    match telling.first() {
        None => (Sign::Middle, Token::Dim),
        Some((_, token)) if view.spread.is_some() && quiet.len() > telling.len() => (Sign::Flushed, *token),
        Some((_, token)) if view.spread.is_some() && !quiet.is_empty() => (Sign::Acked, *token),
        Some(cell) => *cell,
    }
}

/// A node: what is wrong with it, else whether it has heard the news, else its role.
fn cell(view: &ClusterView, node: &NodeView, news: Option<&News>) -> (Sign, Token) {
    match node.health {
        Health::Down => return (Sign::Crashed, Token::Bad),
        Health::Paused => return (Sign::Paused, Token::Paused),
        Health::Up if node.is_isolated => return (Sign::Isolated, Token::Warn),
        Health::Up => {}
    }
    if let Some(spread) = &view.spread {
        let (sign, _, token) = peer::reach(spread, node.node);
        return (sign, token);
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
        let opinions = || view.nodes.iter().filter_map(peer_of).flat_map(|detail| &detail.opinions);
        let about = opinions().max_by_key(|opinion| (opinion.since, std::cmp::Reverse(opinion.node)))?.node;
        let of_it = || opinions().filter(|opinion| opinion.node == about);
        let is_down = |status| status == PeerStatus::Down;
        let mut learned: Vec<VirtualTime> =
            of_it().filter(|opinion| is_down(opinion.status)).map(|opinion| opinion.since).collect();
        learned.sort_unstable();
        let running = view.nodes.iter().filter(|node| node.node != about && peer_of(node).is_some());
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
