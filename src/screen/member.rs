//! What a card says of a member of a primary-replica cluster: role and term, log, deadlines, who follows how far, and
//! what was cut off.

use super::cells;
use super::look::{Sign, Token};
use super::pen::Pen;
use super::replica::Pad;
use crate::base::knob::KnobValue;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::view::{ClusterView, Health, NodeView};
use crate::protocol::view::{
    BranchView, CellState, FollowerView, LogCell, MonitorView, PrimaryReplicaView, ReplicaDetail, Role,
    SiteLinkView, SiteView,
};

/// Signs of life that a replica may miss before it is taken for lost.
const MISSED: u64 = 10;
/// The most columns of a deadline's bar.
const BAR: u16 = 10;
/// Columns around a bar: its name, and the milliseconds that are left.
const AROUND_BAR: u16 = 15;
/// Columns of an archived entry.
const ENTRY: usize = 24;

pub(super) fn draw(
    pen: &mut Pen<'_>,
    pad: &mut Pad,
    view: &ClusterView,
    node: &NodeView,
    detail: &PrimaryReplicaView,
) {
    let term = format!(" term {}", detail.term);
    let countdown = countdown(view, node, detail);
    pad.row(
        pen,
        &[(detail.role.word(), badge(detail.role)), (&term, Token::Plain), (&countdown, Token::Warn)],
    );
    if detail.role == Role::LeaseStore {
        let (text, token) = standing(view, detail);
        return pad.row(pen, &[(&text, token)]);
    }
    if let Some(row) = pad.next() {
        cells::draw_strip(pen, row, view, node);
    }
    let ends = format!("log {} commit {}", detail.last_index, detail.commit_index);
    pad.row(pen, &[(&ends, Token::Plain)]);
    let safe = format!("disk {} table {}", detail.flushed_index, detail.applied_index);
    pad.row(pen, &[(&safe, Token::Dim)]);
    let (text, token) = standing(view, detail);
    pad.row(pen, &[(&text, token)]);
    draw_sites(pen, pad, view, detail);
    draw_deadlines(pen, pad, view, node, detail);
    if !detail.in_sync.is_empty() {
        let names: Vec<String> = detail.in_sync.iter().map(|member| view.names.node(*member)).collect();
        pad.row(pen, &[("in sync ", Token::Dim), (&names.join(" "), Token::Good)]);
    }
    if let Some(monitor) = &detail.monitor {
        let (text, token) = watching(view, monitor);
        pad.row(pen, &[(&text, token)]);
    }
    draw_partitions(pen, pad, detail);
    let from = detail.history.len().saturating_sub(3);
    let history: Vec<String> =
        detail.history[from..].iter().map(|reign| format!("t{}@{}", reign.term, reign.from)).collect();
    pad.row(pen, &[("history ", Token::Dim), (&history.join(" "), Token::Dim)]);
    if let Some(branch) = detail.archive.last() {
        let cut = format!("cut {} from {} ({} acked)", branch.entries, branch.from, branch.acked);
        pad.row(pen, &[(&cut, Token::Diverged)]);
    }
}

/// The badge of a role.
pub(super) fn badge(role: Role) -> Token {
    match role {
        Role::Primary => Token::Primary,
        Role::Replica | Role::LeaseStore => Token::Plain,
        Role::Removed => Token::Dim,
        _ => Token::Warn,
    }
}

/// A silence after which a replica is taken for lost.
fn lost_after(view: &ClusterView) -> Span {
    Span(view.knobs.span("heartbeat").0 * MISSED)
}

/// Patience that is worth showing: while the primary is heard as it should be, it never falls this low, for it is
/// renewed with every sign of life, and the way of that takes a fifth of the time between two of them at most.
fn alarming(view: &ClusterView) -> Span {
    let span = |key: &str| view.knobs.span(key).0;
    let (patience, renewed) = match view.knobs.get("promotion") {
        Some(KnobValue::Word("auto-lease")) => {
            (span("lease").saturating_sub(span("lease_margin")), span("loop_wait"))
        }
        Some(KnobValue::Word("auto-monitor")) => (span("down_after"), span("ping")),
        Some(KnobValue::Word("auto-unsafe")) => (span("down_after"), span("heartbeat")),
        _ => (span("election_timeout_min"), span("heartbeat")),
    };
    Span(patience.saturating_sub(renewed + renewed / 5))
}

/// How long a silent primary is still waited for; nothing while it is heard as it should be.
fn countdown(view: &ClusterView, node: &NodeView, detail: &PrimaryReplicaView) -> String {
    let acts = node.health == Health::Up && detail.role != Role::LeaseStore;
    let left = detail.election_at.filter(|_| acts).map(|at| at.since(view.at));
    left.filter(|left| *left > Span::ZERO && *left < alarming(view))
        .map_or_else(String::new, |left| format!(" {:.0} ms", left.as_millis()))
}

/// How a member stands: what the primary waits for, how far a replica lags, and when it was degraded.
fn standing(view: &ClusterView, detail: &PrimaryReplicaView) -> (String, Token) {
    match detail.role {
        Role::Primary => {
            // Who is not heard lags for ever, and of who never answered nothing is known; that says nothing about
            // the others.
            let lost = lost_after(view);
            let heard = detail
                .followers
                .iter()
                .filter(|follower| follower.has_answered && view.at.since(follower.heard_at) < lost);
            let slowest = heard.map(|follower| follower.lag_entries).max().unwrap_or(0);
            let degraded = if detail.is_degraded { " fallen back to async" } else { "" };
            let token = if detail.is_degraded || slowest > 50 { Token::Warn } else { Token::Dim };
            return (format!("waiting {} max lag {slowest}{degraded}", detail.waiting), token);
        }
        Role::LeaseStore => {
            let holder = detail.primary.map_or_else(|| "nobody".to_owned(), |node| view.names.node(node));
            let left = detail.election_at.map_or(Span::ZERO, |at| at.since(view.at));
            let token = if left == Span::ZERO { Token::Warn } else { Token::Dim };
            return (format!("{holder} has the lease, {:.1} s left", left.as_millis() / 1e3), token);
        }
        _ => {}
    }
    let Some(primary) = detail.primary else {
        let is_alone = !matches!(detail.role, Role::Removed);
        return ("no primary".to_owned(), if is_alone { Token::Warn } else { Token::Dim });
    };
    if detail.role == Role::Removed {
        return ("follows nobody".to_owned(), Token::Dim);
    }
    let behind = missing(view, detail);
    let lag = if behind > 0 { format!(", lag {behind}") } else { String::new() };
    let token = if behind > 20 { Token::Warn } else { Token::Dim };
    (format!("follows {}{lag}", view.names.node(primary)), token)
}

/// Entries between this replica's table and the log of the primary it follows, as one who sees both would say; what
/// the replica itself knows to be missing where that node is down or reigns no more.
fn missing(view: &ClusterView, detail: &PrimaryReplicaView) -> u64 {
    if matches!(detail.role, Role::LeaseStore | Role::Removed | Role::Primary) {
        return 0;
    }
    let followed = detail.primary.and_then(|primary| cells::detail(view.nodes.get(primary.index())?));
    let reigns = |followed: &&PrimaryReplicaView| {
        followed.role == Role::Primary
            && followed.partition == detail.partition
            && cells::share_a_log(followed, detail)
    };
    followed
        .filter(reigns)
        .map_or(detail.lag_entries, |primary| primary.last_index.saturating_sub(detail.applied_index))
}

/// When a primary stops by itself, and when the first of the others may take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Deadlines {
    stops: Option<VirtualTime>,
    others: Option<VirtualTime>,
}

impl Deadlines {
    /// The two deadlines that the primary `node` lives under; nothing where nobody takes over by himself.
    pub(super) fn of(view: &ClusterView, node: &NodeView, detail: &PrimaryReplicaView) -> Option<Self> {
        let acts_at = |other: &NodeView| match &other.replica.as_ref()?.detail {
            ReplicaDetail::PrimaryReplica(other) if cells::share_a_log(other, detail) => other.election_at,
            ReplicaDetail::PrimaryReplica(_) => None,
            ReplicaDetail::PeerToPeer(_) => None,
        };
        let lively = view.nodes.iter().filter(|other| other.node != node.node && other.health == Health::Up);
        let (stops, others) = (detail.stops_at, lively.filter_map(acts_at).min());
        let is_primary = matches!(detail.role, Role::Primary | Role::Fenced);
        (is_primary && (stops.is_some() || others.is_some())).then_some(Deadlines { stops, others })
    }

    fn is_alarming(self, view: &ClusterView) -> bool {
        let alarming = alarming(view);
        [self.stops, self.others].into_iter().flatten().any(|at| at.since(view.at) < alarming)
    }

    /// Whether the others may act while the old primary still believes in itself.
    fn overlap(self) -> bool {
        self.others.is_some_and(|others| self.stops.is_none_or(|stops| others < stops))
    }
}

/// The two deadlines as bars of one scale, below each other: which is the longer one decides between a pause and two
/// primaries.
fn draw_deadlines(
    pen: &mut Pen<'_>,
    pad: &mut Pad,
    view: &ClusterView,
    node: &NodeView,
    detail: &PrimaryReplicaView,
) {
    let Some(deadlines) = Deadlines::of(view, node, detail) else { return };
    let is_alarming = deadlines.is_alarming(view);
    let token = match (is_alarming, deadlines.overlap()) {
        (false, _) => Token::Dim,
        (true, true) => Token::Bad,
        (true, false) => Token::Warn,
    };
    let width = pad.width().saturating_sub(AROUND_BAR).min(BAR);
    for (name, at, none) in
        [("stops ", deadlines.stops, "not by itself"), ("others", deadlines.others, "stay")]
    {
        let text = match at {
            None => none.to_owned(),
            Some(at) => {
                let left = at.since(view.at);
                let filled = (left.0 * u64::from(width)).div_ceil(detail.horizon.0.max(1));
                let sign = |place| if u64::from(place) < filled { Sign::Committed } else { Sign::Middle };
                let bar: String = (0..width).map(|place| pen.sign(sign(place))).collect();
                format!("{bar} {:.0} ms", left.as_millis())
            }
        };
        pad.row(pen, &[(name, Token::Dim), (" ", Token::Dim), (&text, token)]);
    }
}

/// What the monitor beside a node thinks.
fn watching(view: &ClusterView, monitor: &MonitorView) -> (String, Token) {
    let primary = view.names.node(monitor.primary);
    let agree = if monitor.agree > 0 { format!(", {} agree", monitor.agree) } else { String::new() };
    match (monitor.is_leading, monitor.is_down) {
        (true, _) => (format!("monitor: fails over from {primary}"), Token::Bad),
        (false, true) => (format!("monitor: misses {primary}{agree}"), Token::Warn),
        (false, false) => (format!("monitor: hears {primary}"), Token::Dim),
    }
}

fn draw_partitions(pen: &mut Pen<'_>, pad: &mut Pad, detail: &PrimaryReplicaView) {
    for part in &detail.partitions {
        let name = format!("p{} ", part.partition);
        let rest = format!(" t{} log {} c {}", part.term, part.last_index, part.commit_index);
        pad.row(pen, &[(&name, Token::Title), (part.role.word(), badge(part.role)), (&rest, Token::Dim)]);
    }
}

/// How far its site is with the others: a leader's card says what the other has of its own writes and what came from
/// there, any other card only what came.
fn draw_sites(pen: &mut Pen<'_>, pad: &mut Pad, view: &ClusterView, detail: &PrimaryReplicaView) {
    let Some(site) = &detail.site else { return };
    for other in &site.others {
        let name = view.names.site(other.site);
        if detail.role == Role::Primary {
            let (text, token) = shipped(site, other);
            pad.row(pen, &[("to ", Token::Dim), (&name, Token::Title), (&text, token)]);
        }
        let text = format!(" {}", other.applied);
        pad.row(pen, &[("from ", Token::Dim), (&name, Token::Title), (&text, Token::Dim)]);
    }
    if site.clashes > 0 {
        let text = format!("conflicts met {}", site.clashes);
        pad.row(pen, &[(&text, Token::Warn)]);
    }
}

/// How many of the own writes another site has, of those that could be shipped.
fn shipped(site: &SiteView, other: &SiteLinkView) -> (String, Token) {
    let has = other.shipped.map_or("?".to_owned(), |shipped| shipped.to_string());
    match other.is_lost {
        true => (format!(" {has}/{} link lost", site.own), Token::Bad),
        false => (format!(" {has}/{}", site.own), Token::Plain),
    }
}

/// The facts at the end of a condensed row.
pub(super) fn facts(view: &ClusterView, node: &NodeView, detail: &PrimaryReplicaView) -> String {
    if detail.role == Role::LeaseStore {
        return standing(view, detail).0;
    }
    let site = detail.site.as_ref().map_or(String::new(), |site| format!("{} ", view.names.site(site.place)));
    let mut facts = format!("{site}log {} c {}", detail.last_index, detail.commit_index);
    let behind = missing(view, detail);
    if behind > 0 {
        facts.push_str(&format!(" lag {behind}"));
    }
    let cut: u64 = detail.archive.iter().map(|branch| branch.entries).sum();
    if cut > 0 {
        facts.push_str(&format!(" cut {cut}"));
    }
    let led = detail.partitions.iter().filter(|part| part.role == Role::Primary).count();
    if !detail.partitions.is_empty() {
        facts.push_str(&format!(" leads {led} of {}", detail.partitions.len()));
    }
    if let Some(site) = detail.site.as_ref().filter(|_| detail.role == Role::Primary) {
        for other in &site.others {
            facts.push_str(&format!(" {}{}", view.names.site(other.site), shipped(site, other).0));
        }
    }
    let deadlines = Deadlines::of(view, node, detail).filter(|deadlines| deadlines.is_alarming(view));
    if let Some(stops) = deadlines.and_then(|deadlines| deadlines.stops) {
        facts.push_str(&format!(" stops {:.0} ms", stops.since(view.at).as_millis()));
    }
    facts
}

/// Pieces of text that make a row.
pub(super) type Row = Vec<(String, Token)>;

/// What only a card that fills the screen has room for, in rows of `columns`: who follows how far, and what was cut
/// off, entry by entry, the last cut first.
pub(super) fn rows_at_large(
    pen: &Pen<'_>,
    columns: u16,
    view: &ClusterView,
    detail: &PrimaryReplicaView,
) -> Vec<Row> {
    let mut rows = Vec::new();
    if !detail.followers.is_empty() {
        let head = format!(
            "{:<6}{:>8}{:>8}{:>8}{:>6}{:>10}",
            "node", "written", "flushed", "applied", "lag", "heard"
        );
        rows.push(vec![(head, Token::Title)]);
        rows.extend(detail.followers.iter().map(|follower| vec![following(view, follower)]));
        rows.push(Vec::new());
    }
    for (number, branch) in detail.archive.iter().enumerate().rev() {
        branch_rows(pen, columns, view, number + 1, branch, &mut rows);
    }
    if detail.archive.is_empty() {
        rows.push(vec![("nothing was ever cut off its log".to_owned(), Token::Dim)]);
    }
    rows
}

fn following(view: &ClusterView, follower: &FollowerView) -> (String, Token) {
    let silent = view.at.since(follower.heard_at);
    let name = view.names.node(follower.node);
    let heard = format!("{:.0} ms", silent.as_millis());
    if !follower.has_answered {
        let text = format!("{name:<6}{:>8}{:>8}{:>8}{:>6}{:>10}", "?", "?", "?", "?", "not yet");
        return (text, if silent >= lost_after(view) { Token::Warn } else { Token::Dim });
    }
    let (written, flushed, applied, lag) =
        (follower.written, follower.flushed, follower.applied, follower.lag_entries);
    let snapshot = if follower.is_full_sync { " takes a snapshot" } else { "" };
    let text = format!("{name:<6}{written:>8}{flushed:>8}{applied:>8}{lag:>6}{heard:>10}{snapshot}");
    (text, if silent >= lost_after(view) || follower.is_full_sync { Token::Warn } else { Token::Plain })
}

/// A branch of the archive: when it was cut, and its entries, as many side by side as fit.
fn branch_rows(
    pen: &Pen<'_>,
    columns: u16,
    view: &ClusterView,
    number: usize,
    branch: &BranchView,
    rows: &mut Vec<Row>,
) {
    let title = format!(
        "#{number} cut at {}: {} of t{} from {}, {} acked",
        branch.at, branch.entries, branch.term, branch.from, branch.acked
    );
    rows.push(vec![(title, Token::Diverged)]);
    let entry = |cell: &LogCell| {
        let is_acked = cell.state == CellState::Acked;
        let sign = pen.sign(if is_acked { Sign::Acked } else { Sign::RolledBack });
        let token = if is_acked { Token::Bad } else { Token::Paused };
        (format!("{:<ENTRY$}", format!("{sign} {} {}", cell.index, cells::content(view, cell))), token)
    };
    let per_row = (usize::from(columns) / ENTRY).max(1);
    rows.extend(branch.cells.chunks(per_row).map(|chunk| chunk.iter().map(entry).collect()));
    let rest = branch.entries.saturating_sub(branch.cells.len() as u64);
    if rest > 0 {
        rows.push(vec![(format!("and {rest} more"), Token::Dim)]);
    }
}
