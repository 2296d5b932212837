//! Messages in flight: each a track whose head stands where virtual time has carried it, so that it freezes with
//! the world.

use super::look::{Sign, Token};
use super::pen::Pen;
use crate::base::names::Names;
use crate::base::text::width;
use crate::base::time::VirtualTime;
use crate::cluster::view::{ClusterView, DropReason, Fate, FlightView};
use crate::protocol::{Detail, Label, Traffic};
use ratatui::layout::Rect;
use std::collections::BTreeMap;

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, view: &ClusterView) {
    let counts = view.messages;
    let held = if counts.held > 0 { format!(" · {} held", counts.held) } else { String::new() };
    let (flying, dropped) = (counts.in_flight, counts.dropped);
    let titles = [
        format!("messages · {flying} in flight · {dropped} dropped{held}"),
        format!("{flying} in flight · {dropped} dropped{held}"),
        format!("{flying} flying {dropped} dropped"),
    ];
    let fits = |title: &&String| width(title) + 4 <= usize::from(area.width);
    let title = titles.iter().find(fits).unwrap_or(&titles[2]);
    let inside = pen.boxed(area, title, Token::Border);
    let rows = usize::from(inside.height);
    if view.flights.len() <= rows {
        for (y, flight) in (inside.y..inside.bottom()).zip(&view.flights) {
            track(pen, Rect { y, height: 1, ..inside }, view, flight);
        }
        return;
    }
    // More than fit: the telling ones first (writes, drops), the rest grouped by link.
    let mut telling: Vec<&FlightView> = view.flights.iter().filter(|flight| is_telling(flight)).collect();
    let surplus = telling.len().saturating_sub(rows.saturating_sub(2));
    telling.drain(..surplus);
    let mut rest = inside.y;
    for (y, flight) in (inside.y..inside.bottom()).zip(&telling) {
        track(pen, Rect { y, height: 1, ..inside }, view, flight);
        rest = y + 1;
    }
    let shown: Vec<_> = telling.iter().map(|flight| flight.id).collect();
    let is_other =
        |flight: &&FlightView| !shown.contains(&flight.id) && !matches!(flight.fate, Fate::Arrived(_));
    let others = view.flights.iter().filter(is_other);
    grouped(pen, Rect { y: rest, height: inside.bottom().saturating_sub(rest), ..inside }, view, others);
}

fn is_telling(flight: &FlightView) -> bool {
    flight.traffic != Traffic::Background || matches!(flight.fate, Fate::Held | Fate::Dropped { .. })
}

/// Links with the number of messages on each, side by side.
fn grouped<'a>(
    pen: &mut Pen<'_>,
    area: Rect,
    view: &ClusterView,
    flights: impl Iterator<Item = &'a FlightView>,
) {
    let mut links: BTreeMap<(u16, u16), u32> = BTreeMap::new();
    flights.for_each(|flight| *links.entry((flight.from.0, flight.to.0)).or_default() += 1);
    let arrow = pen.sign(Sign::Arrow);
    let (mut x, mut y) = (area.x, area.y);
    for ((from, to), count) in links {
        let name = |node: u16| view.names.node(crate::base::ids::NodeId(node));
        let text = format!("{}{arrow}{} {count}  ", name(from), name(to));
        let wide = width(&text) as u16;
        if x + wide > area.right() {
            (x, y) = (area.x, y + 1);
        }
        if y >= area.bottom() {
            return;
        }
        x += pen.text(x, y, wide, &text, Token::Dim);
    }
}

/// `Append(5..7)`.
pub(super) fn label_text(label: &Label, names: &Names) -> String {
    match label.detail {
        Detail::None => label.name.to_owned(),
        Detail::Index(index) => format!("{}({index})", label.name),
        Detail::Range(from, to) => format!("{}({from}..{to})", label.name),
        Detail::Term(term) => format!("{}(t{term})", label.name),
        Detail::Key(key) => format!("{}({})", label.name, names.key(key)),
        Detail::Node(node) => format!("{}({})", label.name, names.node(node)),
        Detail::Count(count) => format!("{}(#{count})", label.name),
    }
}

fn token(flight: &FlightView) -> Token {
    match (flight.fate, flight.traffic) {
        (Fate::Dropped { .. }, _) => Token::Bad,
        (Fate::Held, _) => Token::Paused,
        (Fate::Arrived(_), _) => Token::Dim,
        (_, Traffic::Write) => Token::Plain,
        (_, Traffic::Read) => Token::Pending,
        (_, Traffic::Background) => Token::Dim,
        (_, Traffic::Repair | Traffic::Compare | Traffic::Resync) => Token::Primary,
    }
}

/// One message: `n1 ──Append(7)──▶···· n2  1.2 ms`.
fn track(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, flight: &FlightView) {
    let token = token(flight);
    let (from, to) = (view.names.node(flight.from), view.names.node(flight.to));
    let label = label_text(&flight.label, &view.names);
    let ending = match flight.fate {
        Fate::Arrives(at) | Fate::Arrived(at) => format!("{:.1} ms", at.since(flight.sent_at).as_millis()),
        Fate::Held => "held".to_owned(),
        Fate::Dropped { why, .. } => why.word().to_owned(),
    };
    if pen.look().is_still || area.width < 44 {
        let text = format!("{from} {} {to} {label} {ending}", pen.sign(Sign::Arrow));
        pen.text(area.x, area.y, area.width, &text, token);
        return;
    }
    // Names on both sides, a blank, and the longest ending (`receiver down`).
    let room = area.width.saturating_sub(30).max(8);
    let room = room.min(area.width.saturating_sub(12 + width(&ending) as u16)).max(8);
    let x = area.x + pen.text(area.x, area.y, 6, &format!("{from:<5} "), Token::Plain);
    let head = (u32::from(room) * progress(flight, view.at) / 1000) as u16;
    for place in 0..room {
        let sign = if place < head { Sign::Track } else { Sign::Ahead };
        pen.put(x + place, area.y, pen.sign(sign), if place < head { token } else { Token::Dim });
    }
    let tip = if matches!(flight.fate, Fate::Dropped { .. }) { Sign::Lost } else { Sign::Head };
    let tip_at = head.min(room - 1);
    pen.put(x + tip_at, area.y, pen.sign(tip), token);
    // The label stands before the tip or behind it, wherever there is room for it.
    let wide = width(&label) as u16;
    let label_at = if tip_at >= wide + 3 { 2 } else { tip_at + 2 };
    pen.text(x + label_at, area.y, room.saturating_sub(label_at + 1), &label, token);
    let rest = area.right().saturating_sub(x + room + 1);
    pen.pieces(x + room + 1, area.y, rest, &[(&format!("{to:<5} "), Token::Plain), (&ending, Token::Dim)]);
}

/// How much of its way a message has gone, in thousandths.
fn progress(flight: &FlightView, now: VirtualTime) -> u32 {
    let gone = |whole: u64, part: u64| (part.min(whole) * 1000).checked_div(whole).unwrap_or(1000) as u32;
    match flight.fate {
        Fate::Arrives(at) => gone(at.since(flight.sent_at).0, now.since(flight.sent_at).0),
        Fate::Arrived(_) => 1000,
        Fate::Held => 900,
        Fate::Dropped { why: DropReason::Cut | DropReason::Unsent, .. } => 350,
        Fate::Dropped { .. } => 650,
    }
}
