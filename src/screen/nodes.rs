//! The cluster view: nodes side by side, then messages, events and figures.

use super::layout::{columns, split_left, split_top};
use super::look::{Sign, Token};
use super::pen::Pen;
use super::{Watch, cells, crowd, member, metrics, network, replica};
use crate::base::command::CrashKind;
use crate::base::line::{Level, Stamped};
use crate::base::names::Names;
use crate::base::text::{contains, many, width, wrapped};
use crate::cluster::view::{ClusterView, Health, NodeView};
use crate::driver::frame::Frame;
use crate::protocol::view::{ReplicaDetail, ReplicaView};
use ratatui::layout::Rect;

/// The least width of a node's card.
const CARD: u16 = 24;
/// The least height of the body in which cards are drawn instead of rows.
const CARDS_FROM: u16 = 22;
/// The least width of a body in which a large card has two halves.
const LARGE: u16 = 100;
/// The least width of a strip in a row.
const STRIP: u16 = 17;
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

/// One row a node, or one cell where they are too many; below them messages, events and figures.
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

/// What happened, newest at the bottom; with a filter, only what contains it.
pub(super) fn draw_events(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, watch: &Watch) {
    let title = match watch.filter.as_str() {
        "" => "events".to_owned(),
        filter => format!("events /{filter}"),
    };
    let inside = pen.boxed(area, &title, Token::Border);
    let is_wanted = |stamped: &&Stamped| {
        watch.filter.is_empty() || contains(&line_words(stamped, &view.names), &watch.filter)
    };
    // A line ends with its reason: where it does not fit, it goes on in the next row.
    let mut rows: Vec<(&Stamped, usize, String)> = Vec::new();
    for stamped in view.events.iter().rev().filter(is_wanted) {
        let lead = width(&event_lead(stamped, &view.names).join("")) as u16;
        let text = broken(&stamped.line.text(&view.names), usize::from(inside.width.saturating_sub(lead)));
        let is_full = rows.len() + text.len() > usize::from(inside.height);
        if is_full && (!rows.is_empty() || inside.height == 0) {
            break;
        }
        rows.extend(text.into_iter().enumerate().rev().map(|(nth, text)| (stamped, nth, text)));
    }
    let top = inside.bottom().saturating_sub(rows.len() as u16).max(inside.y);
    for (y, (stamped, nth, text)) in (top..inside.bottom()).zip(rows.iter().rev()) {
        line(pen, Rect { y, height: 1, ..inside }, stamped, *nth == 0, text, &view.names);
    }
}

/// What stands before the text of an event: when it was, and where.
fn event_lead(stamped: &Stamped, names: &Names) -> [String; 2] {
    let who = stamped.node.map_or_else(|| "world".to_owned(), |node| names.node(node));
    [seconds(stamped), format!(" {who:<5} ")]
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

/// A row of a log line: instant and node in the first, then its text.
fn line(pen: &mut Pen<'_>, area: Rect, stamped: &Stamped, is_first: bool, text: &str, names: &Names) {
    let token = level_token(stamped.line.level());
    let [at, who] = event_lead(stamped, names);
    let lead = width(&at) as u16 + width(&who) as u16;
    if is_first {
        pen.pieces(area.x, area.y, area.width, &[(&at, Token::Dim), (&who, Token::Title)]);
    }
    pen.text(area.x + lead, area.y, area.width.saturating_sub(lead), text, token);
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
        words.push(format!("{} queued", many(node.queued, "input")));
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
    let crashes = view.faults.iter().filter(|fault| fault.nodes.contains(&node.node));
    match crashes.filter_map(|fault| fault.crash).next_back() {
        Some(CrashKind::DiskLoss) => "its disk is lost",
        Some(CrashKind::Power) => "its disk keeps what was flushed",
        Some(CrashKind::Process) | None => "its disk keeps what was written",
    }
}

/// A node's newest log lines, the last one at the bottom; a narrow card breaks what does not fit.
fn draw_lines(pen: &mut Pen<'_>, area: Rect, node: &NodeView, names: &Names) {
    let is_narrow = area.width < 44;
    let mut rows: Vec<(String, Token)> = Vec::new();
    for stamped in node.lines.iter().rev() {
        let token = level_token(stamped.line.level());
        let text = format!("{} {}", seconds(stamped), stamped.line.text(names));
        let broken = if is_narrow { broken(&text, usize::from(area.width)) } else { vec![text] };
        if rows.len() + broken.len() > usize::from(area.height) && !rows.is_empty() {
            break;
        }
        rows.extend(broken.into_iter().rev().map(|row| (row, token)));
    }
    let surplus = rows.len().saturating_sub(usize::from(area.height));
    rows.drain(..surplus);
    let top = area.bottom() - rows.len() as u16;
    for (y, (text, token)) in (top..area.bottom()).zip(rows.into_iter().rev()) {
        pen.text(area.x, y, area.width, &text, token);
    }
}

/// `text` in rows of `columns`, those after the first set in by a blank.
fn broken(text: &str, columns: usize) -> Vec<String> {
    if width(text) <= columns {
        return vec![text.to_owned()];
    }
    let mut rows = wrapped(text, columns.saturating_sub(1));
    rows.iter_mut().skip(1).for_each(|row| row.insert(0, ' '));
    rows
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
    let widest = |text: &dyn Fn(&NodeView) -> String| {
        shown.iter().map(|node| width(&text(node)) as u16).max().unwrap_or(0)
    };
    let columns = Columns {
        name: widest(&|node| view.names.node(node.node)).max(4),
        role: widest(&|node| node.replica.as_ref().map_or(String::new(), |held| role(held).0)),
        facts: widest(&|node| facts(view, node)),
    };
    let width = area.width.saturating_sub(1);
    for (y, node) in (area.y..area.bottom()).zip(shown) {
        row(pen, Rect { y, height: 1, width, ..area }, view, node, watch, columns);
    }
}

/// Widths that all rows have in common, so that their strips stand below each other.
#[derive(Clone, Copy)]
struct Columns {
    name: u16,
    role: u16,
    facts: u16,
}

/// What a node is, in a row.
fn role(held: &ReplicaView) -> (String, Token) {
    match &held.detail {
        ReplicaDetail::PrimaryReplica(detail) => {
            (format!("{:<7} t{:<2} ", detail.role.word(), detail.term), member::badge(detail.role))
        }
        ReplicaDetail::PeerToPeer(detail) if detail.gossip.is_some() => {
            ("all keys ".to_owned(), Token::Plain)
        }
        ReplicaDetail::PeerToPeer(detail) => {
            (format!("{:>3}% of keys ", detail.ring_permille / 10), Token::Plain)
        }
    }
}

/// What stands at the right of a row.
fn facts(view: &ClusterView, node: &NodeView) -> String {
    let Some(held) = &node.replica else { return String::new() };
    let (_, word, _) = state(node);
    let facts = [word.to_owned(), replica::facts(view, node, held), ailments(node)];
    facts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("  ")
}

fn row(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, node: &NodeView, watch: &Watch, columns: Columns) {
    let is_chosen = watch.target == Some(node.node) || watch.target.is_none();
    let (sign, word, token) = state(node);
    let chosen = if is_chosen { pen.sign(Sign::Chosen) } else { ' ' };
    let name = usize::from(columns.name);
    let head = format!("{chosen}{} {:<name$} ", pen.sign(sign), view.names.node(node.node));
    let used = pen.text(area.x, area.y, area.width, &head, token);
    let rest = Rect { x: area.x + used, width: area.width.saturating_sub(used), ..area };
    let Some(held) = &node.replica else {
        let text = format!("{word} since {}", node.since);
        pen.text(rest.x, rest.y, rest.width, &text, token);
        return;
    };
    let (text, token_of_role) = role(held);
    let (text_at, rest) = split_left(rest, columns.role);
    pen.text(text_at.x, text_at.y, text_at.width, &text, token_of_role);
    let facts = facts(view, node);
    // The strip has a few columns at least, or half of them where there are few.
    let facts_width = columns.facts.min((rest.width / 2).max(rest.width.saturating_sub(STRIP)));
    let (bar, right) = split_left(rest, rest.width.saturating_sub(facts_width + 1));
    match &held.detail {
        ReplicaDetail::PrimaryReplica(_) => cells::draw_strip(pen, bar, view, node),
        ReplicaDetail::PeerToPeer(_) => replica::opinions_strip(pen, bar, view, node.node, held),
    }
    let tone = if word.is_empty() { Token::Dim } else { token };
    pen.text(right.x + 1, right.y, facts_width, &facts, tone);
}
