//! Figures: the shown run beside another one, what was measured in all beside the last seconds.

use super::Watch;
use super::look::Token;
use super::pen::Pen;
use crate::base::metric::{METRICS, Metric};
use crate::driver::frame::{Frame, RunFrame};
use ratatui::layout::Rect;

/// The telling figures of the panel, most telling first.
const TELLING: &[(Metric, &str)] = &[
    (Metric::AvailWritePct, "writes ok"),
    (Metric::AvailReadPct, "reads ok"),
    (Metric::LostAcked, "lost or at risk"),
    (Metric::WriteP50Ms, "write p50"),
    (Metric::WriteP99Ms, "write p99"),
    (Metric::StaleReadPct, "stale reads"),
    (Metric::OutageMs, "longest outage"),
    (Metric::WritableNodesMax, "most acking"),
    (Metric::Conflicts, "conflicts"),
    (Metric::SplitBrainMs, "split brain"),
    (Metric::SpreadMsP50, "everywhere, p50"),
    (Metric::SpreadMsP99, "everywhere, p99"),
    (Metric::ResiduePct, "not reached"),
    (Metric::MsgsPerWrite, "messages/write"),
    (Metric::Copies, "copies of a key"),
    (Metric::ReadP99Ms, "read p99"),
    (Metric::Elections, "elections"),
    (Metric::DivergedEntries, "entries cut"),
    (Metric::HintsPeakBytes, "hints, peak"),
    (Metric::BytesPerWrite, "bytes/write"),
    (Metric::BackgroundMsgsS, "background/s"),
    (Metric::LoadImbalance, "load, max/mean"),
];

/// The panel: label, last seconds and all of the shown run, all of the other run.
pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let run = &frame.runs[watch.run.min(frame.runs.len() - 1)];
    let other = watch.other_run(frame).map(|other| &frame.runs[other]);
    let inside = pen.boxed(area, "measured", Token::Border);
    if inside.height < 2 {
        return;
    }
    // Where space is short, the last seconds give way to the labels.
    let mut shown: Vec<(&RunFrame, Figures)> = Vec::new();
    if inside.width >= 42 || other.is_none() {
        shown.push((run, Figures::Recent));
    }
    shown.push((run, Figures::Totals));
    shown.extend(other.map(|other| (other, Figures::Totals)));
    let column = 9;
    let label = inside.width.saturating_sub(column * shown.len() as u16);
    let cell = |nth: usize, y: u16| Rect {
        x: inside.x + label + nth as u16 * column + 1,
        y,
        width: column - 1,
        height: 1,
    };
    for (nth, (run, figures)) in shown.iter().enumerate() {
        let head = match figures {
            Figures::Recent => "last 5 s",
            Figures::Totals => &run.id,
        };
        pen.right(cell(nth, inside.y), head_of(head, column - 1), Token::Dim);
    }
    let has_rate = inside.height > 9;
    let rows = inside.height - 1 - u16::from(has_rate);
    let telling = TELLING.iter().filter(|(metric, _)| shown.iter().any(|(run, _)| is_known(run, *metric)));
    for (y, (metric, words)) in (inside.y + 1..inside.y + 1 + rows).zip(telling) {
        pen.text(inside.x, y, label, words, Token::Plain);
        for (nth, (run, figures)) in shown.iter().enumerate() {
            let tone = match figures {
                Figures::Recent => Token::Dim,
                Figures::Totals => token(run, *metric),
            };
            pen.right(cell(nth, y), &cut(&compact(run, *figures, *metric), column - 1), tone);
        }
    }
    if has_rate {
        draw_rate(pen, Rect { y: inside.bottom() - 1, height: 1, ..inside }, run);
    }
}

/// A figure in few columns: units only where the number alone would mislead.
fn compact(run: &RunFrame, figures: Figures, metric: Metric) -> String {
    let set = match figures {
        Figures::Totals => &run.totals,
        Figures::Recent => &run.recent,
    };
    let row = metric.row();
    match set.get(metric) {
        None => "-".to_owned(),
        Some(value) => {
            let unit = if ["%", "ms"].contains(&row.unit) { row.unit } else { "" };
            format!("{value:.*}{unit}", usize::from(row.decimals))
        }
    }
}

/// Which of a run's figures.
#[derive(Clone, Copy)]
enum Figures {
    Totals,
    Recent,
}

fn cut(text: &str, columns: u16) -> String {
    crate::base::text::fit(text, usize::from(columns)).into_owned()
}

/// As many of the hyphenated words of `id` as fit; a piece of the first if none does.
pub(super) fn head_of(id: &str, columns: u16) -> &str {
    let fits = |text: &&str| text.chars().count() <= usize::from(columns);
    let prefixes = std::iter::once(id).chain(id.rmatch_indices('-').map(|(at, _)| &id[..at]));
    prefixes.into_iter().find(fits).unwrap_or_else(|| {
        let end = id.char_indices().nth(usize::from(columns)).map_or(id.len(), |(at, _)| at);
        &id[..end]
    })
}

fn is_known(run: &RunFrame, metric: Metric) -> bool {
    run.totals.get(metric).is_some()
}

/// Figures that are bad news when they are not zero, or not whole, say so.
pub(super) fn token(run: &RunFrame, metric: Metric) -> Token {
    let value = run.totals.get(metric);
    let is_alarm = match metric {
        Metric::LostAcked | Metric::SplitBrainMs => value.is_some_and(|value| value > 0.0),
        _ => false,
    };
    let is_warning = match metric {
        Metric::AvailWritePct | Metric::AvailReadPct => value.is_some_and(|value| value < 99.0),
        Metric::StaleReadPct | Metric::Conflicts | Metric::DivergedEntries => {
            value.is_some_and(|value| value > 0.0)
        }
        _ => false,
    };
    match (is_alarm, is_warning) {
        (true, _) => Token::Bad,
        (_, true) => Token::Warn,
        _ => Token::Plain,
    }
}

/// Ok writes of each second against what was asked: one column a second, the newest at the right.
pub(super) fn draw_rate(pen: &mut Pen<'_>, area: Rect, run: &RunFrame) {
    const STEPS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    const ASCII: [char; 9] = ['_', '.', '.', ':', ':', '-', '=', '+', '#'];
    let title = "writes/s ";
    let used = pen.text(area.x, area.y, area.width, title, Token::Dim);
    let room = usize::from(area.width.saturating_sub(used));
    let skip = run.write_rate.len().saturating_sub(room);
    let most = run.write_demand.iter().copied().max().unwrap_or(1).max(1);
    let steps = if pen.look().is_ascii { ASCII } else { STEPS };
    for (nth, (&ok, &asked)) in run.write_rate.iter().zip(run.write_demand.iter()).skip(skip).enumerate() {
        let height = (ok * 8).div_ceil(most).min(8) as usize;
        let (sign, token) = match (ok, asked) {
            (0, 1..) => (pen.sign(super::look::Sign::Lost), Token::Bad),
            (ok, asked) if ok * 10 < asked * 9 => (steps[height], Token::Warn),
            _ => (steps[height], Token::Good),
        };
        pen.put(area.x + used + nth as u16, area.y, sign, token);
    }
}

/// The metrics view: every figure of every run.
pub(super) fn draw_all(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let inside = pen.boxed(area, "everything measured since the beginning", Token::Border);
    let all = frame.runs.len() as u16;
    let column = (inside.width.saturating_sub(23) / all).clamp(9, 14);
    let fitting = (inside.width.saturating_sub(23) / column).max(1);
    let first = watch.run.saturating_sub(usize::from(fitting) - 1);
    let runs: Vec<&RunFrame> = frame.runs.iter().skip(first).take(usize::from(fitting)).collect();
    for (nth, run) in runs.iter().enumerate() {
        let cell = Rect { x: inside.x + 22 + nth as u16 * column, y: inside.y, width: column - 1, height: 1 };
        pen.right(cell, &cut(&run.id, column - 1), Token::Title);
    }
    let known = METRICS.iter().filter(|row| runs.iter().any(|run| is_known(run, row.metric)));
    let explained = inside.x + 22 + runs.len() as u16 * column + 1;
    let rows = usize::from(inside.height.saturating_sub(1));
    let hidden = watch.scroll.min(known.clone().count().saturating_sub(rows));
    for (y, row) in (inside.y + 1..inside.bottom()).zip(known.skip(hidden)) {
        pen.text(inside.x, y, 21, row.name, Token::Plain);
        for (nth, run) in runs.iter().enumerate() {
            let cell = Rect { x: inside.x + 22 + nth as u16 * column, y, width: column - 1, height: 1 };
            pen.right(cell, &cut(&run.totals.text(row.metric), column - 1), token(run, row.metric));
        }
        let room = inside.right().saturating_sub(explained);
        if room > 20 {
            pen.text(explained, y, room, row.meaning, Token::Dim);
        }
    }
}

/// A run's id in few columns; which future it belongs to is never cut off.
fn short_id(id: &str, columns: u16) -> String {
    match id.rsplit_once('~') {
        Some((run, lane)) => format!("{}~{lane}", cut(run, columns.saturating_sub(lane.len() as u16 + 1))),
        None => cut(id, columns),
    }
}

/// The telling figures of two runs with their difference, for the view side by side.
pub(super) fn draw_difference(pen: &mut Pen<'_>, area: Rect, a: &RunFrame, b: &RunFrame) {
    let inside = pen.boxed(area, "the difference, measured", Token::Border);
    let column = 16;
    let label = 26.min(inside.width.saturating_sub(2 * column));
    let shown = TELLING.iter().filter(|(metric, _)| is_known(a, *metric) || is_known(b, *metric));
    let per_row = if inside.width >= 2 * (label + 2 * column + 4) { 2 } else { 1 };
    let wide = inside.width / per_row;
    for (nth, (metric, words)) in shown.enumerate() {
        let (place, side) = (nth as u16 / per_row, nth as u16 % per_row);
        let y = inside.y + 1 + place;
        if y >= inside.bottom() {
            return;
        }
        let x = inside.x + side * wide;
        if place == 0 {
            let head =
                |nth: u16| Rect { x: x + label + nth * column, y: inside.y, width: column - 1, height: 1 };
            pen.right(head(0), &short_id(&a.id, column - 1), Token::Title);
            pen.right(head(1), &short_id(&b.id, column - 1), Token::Title);
        }
        pen.text(x, y, label, words, Token::Plain);
        let cell = |nth: u16| Rect { x: x + label + nth * column, y, width: column - 1, height: 1 };
        pen.right(cell(0), &cut(&compact(a, Figures::Totals, *metric), column - 1), token(a, *metric));
        pen.right(cell(1), &cut(&compact(b, Figures::Totals, *metric), column - 1), token(b, *metric));
    }
}
