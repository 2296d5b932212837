//! The cluster view: nodes side by side, then messages, events and figures.

use super::layout::{columns, split_left, split_top};
use super::look::{Sign, Token};
use super::pen::Pen;
use super::{Watch, cells, crowd, member, metrics, network, replica};
use crate::base::line::{Level, Stamped};
use crate::base::names::Names;
use crate::base::text::width;
use crate::cluster::view::{ClusterView, FaultView, Health, NodeView};
use crate::driver::frame::Frame;
use crate::protocol::view::ReplicaDetail;
use ratatui::layout::Rect;

/// The least width of a node's card.
const CARD: u16 = 24;
/// The least height of the body in which cards are drawn instead of rows.
const CARDS_FROM: u16 = 22;
/// The least width of a body in which a large card has two halves.
const LARGE: u16 = 100;
/// Rows that the lower panels get where cards are drawn.
const LOWER: u16 = 12;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let view = &frame.runs[watch.run.min(frame.runs.len() - 1)].view;
    if watch.is_expanded
        && let Some(node) = watch.target.and_then(|target| view.nodes.get(target.index()))
    {
        return large_card(pen, area, view, node, watch);
    }
    let fits = view.nodes.len() * usize::from(CARD) <= usize::from(area.width);
    if fits && area.height >= CARDS_FROM {
        let (upper, lower) = split_top(area, area.height - LOWER.max(area.height / 3));
        for (place, node) in columns(upper, view.nodes.len()).into_iter().zip(&view.nodes) {
            card(pen, place, view, node, watch, lines_of(place));
        }
        draw_lower(pen, lower, watch, frame);
    } else {
        draw_rows(pen, area, watch, frame);
    }
}

/// One row a node, or one cell where they are too many; below them the chosen one's log lines and the figures.
fn draw_rows(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let view = &frame.runs[watch.run.min(frame.runs.len() - 1)].view;
    let room = area.height.saturating_sub(6).max(1);
    let is_crowd = view.nodes.len() > usize::from(room);
    let wanted = if is_crowd { crowd::height(view, area.width, room) } else { view.nodes.len() as u16 };
    let (upper, lower) = split_top(area, wanted.min(room));
    if is_crowd {
        crowd::draw(pen, upper, view, watch);
    } else {
        rows(pen, upper, view, watch);
    }
    let wide = lower.width >= 76;
    let (left, right) =
        if wide { split_left(lower, lower.width - 38) } else { (lower, Rect { width: 0, ..lower }) };
    let (messages, events) = split_top(left, if left.height >= 9 { left.height / 3 } else { 0 });
    network::draw(pen, messages, view);
    draw_events(pen, events, view, watch);
    if right.width > 0 {
        metrics::draw(pen, right, watch, frame);
    }
}

fn draw_lower(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let view = &frame.runs[watch.run.min(frame.runs.len() - 1)].view;
    let figures = if area.width >= 150 { 56 } else { 44 };
    let (rest, right) = split_left(area, area.width.saturating_sub(figures));
    let (left, middle) = split_left(rest, rest.width / 2);
    network::draw(pen, left, view);
    draw_events(pen, middle, view, watch);
    metrics::draw(pen, right, watch, frame);
}

/// What happened, newest at the bottom. With a target chosen by `e`, or a filter, only what fits it.
pub(super) fn draw_events(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, watch: &Watch) {
    let title = match watch.filter.as_str() {
        "" => "events".to_owned(),
        filter => format!("events /{filter}"),
    };
    let inside = pen.boxed(area, &title, Token::Border);
    let is_wanted = |stamped: &&Stamped| {
        watch.filter.is_empty() || line_words(stamped, &view.names).contains(&watch.filter)
    };
    let newest: Vec<&Stamped> =
        view.events.iter().rev().filter(is_wanted).take(usize::from(inside.height)).collect();
    for (y, stamped) in (inside.y..inside.bottom()).zip(newest.into_iter().rev()) {
        line(pen, Rect { y, height: 1, ..inside }, stamped, &view.names);
    }
}

fn line_words(stamped: &Stamped, names: &Names) -> String {
    let who = stamped.node.map_or_else(|| "world".to_owned(), |node| names.node(node));
    format!("{} {who} {} {}", stamped.at, stamped.line.code(), stamped.line.text(names))
}

fn level_token(level: Level) -> Token {
    match level {
        Level::Info => Token::Plain,
        Level::Warn => Token::Warn,
        Level::Error => Token::Bad,
        Level::Client => Token::Primary,
        Level::Fault => Token::Paused,
    }
}

/// One log line: instant, node, text.
fn line(pen: &mut Pen<'_>, area: Rect, stamped: &Stamped, names: &Names) {
    let at = seconds(stamped);
    let who = stamped.node.map_or_else(|| "world".to_owned(), |node| names.node(node));
    let who = format!(" {who:<5} ");
    let text = stamped.line.text(names);
    let token = level_token(stamped.line.level());
    pen.pieces(area.x, area.y, area.width, &[(&at, Token::Dim), (&who, Token::Title), (&text, token)]);
}

/// State in a word with its sign.
pub(super) fn state(node: &NodeView) -> (Sign, &'static str, Token) {
    match node.health {
        Health::Down => (Sign::Crashed, "crashed", Token::Bad),
        Health::Paused => (Sign::Paused, "paused", Token::Paused),
        Health::Up if node.is_isolated => (Sign::Isolated, "isolated", Token::Warn),
        Health::Up => (Sign::Healthy, "", Token::Good),
    }
}

/// What else is wrong with a node, in words.
pub(super) fn ailments(node: &NodeView) -> String {
    let mut words = Vec::new();
    if node.cpu_factor > 1 {
        words.push(format!("cpu {}x slower", node.cpu_factor));
    }
    if node.disk_factor > 1 {
        words.push(format!("disk {}x slower", node.disk_factor));
    }
    if node.is_disk_full {
        words.push("disk full".to_owned());
    }
    if node.clock_error_us != 0 {
        words.push(format!("clock {:+.0} ms", node.clock_error_us as f64 / 1e3));
    }
    if node.queued > 20 {
        words.push(format!("{} inputs queued", node.queued));
    }
    words.join(", ")
}

/// The chosen node's card over the whole body, with what only it has room for beside or below it.
fn large_card(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, node: &NodeView, watch: &Watch) {
    let detail = match node.replica.as_ref().map(|held| &held.detail) {
        Some(ReplicaDetail::PrimaryReplica(detail)) => detail,
        _ => return card(pen, area, view, node, watch, lines_of(area)),
    };
    let (first, second, lines) = if area.width >= LARGE {
        let (left, right) = split_left(area, area.width / 2);
        (left, right, lines_of(left))
    } else {
        let (upper, lower) = split_top(area, area.height * 3 / 5);
        (upper, lower, 0)
    };
    card(pen, first, view, node, watch, lines);
    let title =
        if detail.followers.is_empty() { "cut off its log" } else { "followers, and what was cut off" };
    let inside = pen.boxed(second, title, Token::Border);
    let rows = member::rows_at_large(pen, inside.width, view, detail);
    let hidden = watch.scroll.min(rows.len().saturating_sub(usize::from(inside.height)));
    for (y, row) in (inside.y..inside.bottom()).zip(&rows[hidden..]) {
        let pieces: Vec<(&str, Token)> = row.iter().map(|(text, token)| (text.as_str(), *token)).collect();
        pen.pieces(inside.x, y, inside.width, &pieces);
    }
}

/// Rows that a card as tall as `area` keeps for its node's log lines.
fn lines_of(area: Rect) -> u16 {
    (area.height.saturating_sub(2) * 2 / 5).max(2)
}

/// A node's card; its last `lines` rows are log lines.
fn card(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, node: &NodeView, watch: &Watch, lines: u16) {
    let is_chosen = watch.target == Some(node.node) || watch.target.is_none();
    let (sign, word, token) = state(node);
    let chosen = if is_chosen { pen.sign(Sign::Chosen) } else { ' ' };
    let site = node.site.as_ref().map_or(String::new(), |site| format!(" @{site}"));
    let title = format!("{chosen}{} {}{site} {word}", pen.sign(sign), view.names.node(node.node))
        .trim_end()
        .to_owned();
    let border = match (node.health, is_chosen) {
        (Health::Up, true) if !node.is_isolated => Token::Chosen,
        (Health::Up, false) if !node.is_isolated => Token::Border,
        _ => token,
    };
    let inside = pen.boxed(area, &title, border);
    if inside.height == 0 || inside.width < 4 {
        return;
    }
    let (upper, lower) = split_top(inside, inside.height.saturating_sub(lines));
    let mut pad = replica::Pad::new(upper);
    let ailing = ailments(node);
    if !ailing.is_empty() {
        pad.row(pen, &[(&ailing, Token::Warn)]);
    }
    match &node.replica {
        None => {
            let since = format!("down since {}", node.since);
            pad.row(pen, &[(&since, Token::Bad)]);
            pad.row(pen, &[(left_on_disk(view, node), Token::Dim)]);
        }
        Some(held) => replica::draw(pen, &mut pad, view, node, held),
    }
    draw_lines(pen, lower, node, &view.names);
}

/// What the crash of a node has left on its disk.
fn left_on_disk(view: &ClusterView, node: &NodeView) -> &'static str {
    let is_its =
        |fault: &&FaultView| fault.nodes.contains(&node.node) && ["crash", "wipe"].contains(&fault.verb);
    let crash = view.faults.iter().rfind(is_its);
    match crash.map(|fault| (fault.verb, fault.what.split_whitespace().nth(2))) {
        Some(("wipe", _) | (_, Some("disk-loss"))) => "its disk is lost",
        Some((_, Some("power"))) => "its disk keeps what was flushed",
        _ => "its disk keeps what was written",
    }
}

/// A node's newest log lines, the last one at the bottom; a narrow card breaks each into two rows.
fn draw_lines(pen: &mut Pen<'_>, area: Rect, node: &NodeView, names: &Names) {
    let is_narrow = area.width < 44;
    let mut rows: Vec<(String, Token)> = Vec::new();
    for stamped in node.lines.iter().rev() {
        let token = level_token(stamped.line.level());
        let text = format!("{} {}", seconds(stamped), stamped.line.text(names));
        let broken = if is_narrow { broken(&text, usize::from(area.width)) } else { vec![text] };
        if rows.len() + broken.len() > usize::from(area.height) {
            break;
        }
        rows.extend(broken.into_iter().rev().map(|row| (row, token)));
    }
    let top = area.bottom() - rows.len() as u16;
    for (y, (text, token)) in (top..area.bottom()).zip(rows.into_iter().rev()) {
        pen.text(area.x, y, area.width, &text, token);
    }
}

/// `text` in at most two rows of `columns`, broken at a blank.
fn broken(text: &str, columns: usize) -> Vec<String> {
    if width(text) <= columns {
        return vec![text.to_owned()];
    }
    let border = text
        .char_indices()
        .filter(|(at, c)| *c == ' ' && width(&text[..*at]) <= columns)
        .map(|(at, _)| at)
        .next_back();
    match border {
        Some(at) => vec![text[..at].to_owned(), format!(" {}", text[at..].trim_start())],
        None => vec![text.to_owned()],
    }
}

/// When a line was said; minutes only once there are any.
fn seconds(stamped: &Stamped) -> String {
    let at = stamped.at.to_string();
    at.strip_prefix("00:").map(str::to_owned).unwrap_or(at)
}

/// Nodes in a row each: sign, name, role, log, positions. The strips are equally long, so that an index stands in the
/// same column on every node. Where not all fit, the target is among those shown.
pub(super) fn rows(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, watch: &Watch) {
    let first =
        watch.target.map_or(0, |target| (target.index() + 1).saturating_sub(usize::from(area.height)));
    let shown: Vec<&NodeView> = view.nodes.iter().skip(first).take(usize::from(area.height)).collect();
    let widest = shown.iter().map(|node| width(&facts(view, node))).max().unwrap_or(0) as u16;
    for (y, node) in (area.y..area.bottom()).zip(shown) {
        row(pen, Rect { y, height: 1, ..area }, view, node, watch, widest);
    }
}

/// What stands at the right of a row.
fn facts(view: &ClusterView, node: &NodeView) -> String {
    let Some(held) = &node.replica else { return String::new() };
    let (_, word, _) = state(node);
    let mut facts = replica::facts(view, node, held);
    for extra in [word.to_owned(), ailments(node)] {
        if !extra.is_empty() {
            facts = format!("{extra}  {facts}");
        }
    }
    facts
}

fn row(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, node: &NodeView, watch: &Watch, facts_width: u16) {
    let is_chosen = watch.target == Some(node.node) || watch.target.is_none();
    let (sign, word, token) = state(node);
    let chosen = if is_chosen { pen.sign(Sign::Chosen) } else { ' ' };
    let head = format!("{chosen}{} {:<4} ", pen.sign(sign), view.names.node(node.node));
    let used = pen.text(area.x, area.y, area.width, &head, token);
    let rest = Rect { x: area.x + used, width: area.width.saturating_sub(used), ..area };
    let Some(held) = &node.replica else {
        let text = format!("{word} since {}", node.since);
        pen.text(rest.x, rest.y, rest.width, &text, token);
        return;
    };
    let role = match &held.detail {
        ReplicaDetail::PrimaryReplica(detail) => {
            (format!("{:<9} t{:<2} ", detail.role.word(), detail.term), member::badge(detail.role))
        }
        ReplicaDetail::PeerToPeer(detail) if detail.gossip.is_some() => {
            ("all keys ".to_owned(), Token::Plain)
        }
        ReplicaDetail::PeerToPeer(detail) => {
            (format!("{:>3}% of keys ", detail.ring_permille / 10), Token::Plain)
        }
    };
    let used = pen.text(rest.x, rest.y, rest.width, &role.0, role.1);
    let rest = Rect { x: rest.x + used, width: rest.width.saturating_sub(used), ..rest };
    let facts = facts(view, node);
    let facts_width = facts_width.min(rest.width.saturating_sub(12));
    let (bar, right) = split_left(rest, rest.width.saturating_sub(facts_width + 1));
    match &held.detail {
        ReplicaDetail::PrimaryReplica(_) => cells::draw_strip(pen, bar, view, node),
        ReplicaDetail::PeerToPeer(_) => replica::opinions_strip(pen, bar, view, node.node, held),
    }
    let tone = if word.is_empty() { Token::Dim } else { token };
    pen.text(right.x + 1, right.y, facts_width, &facts, tone);
}
