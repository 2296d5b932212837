//! Figures: the shown run beside another one, what was measured in all beside the last seconds.

use super::Watch;
use super::look::Token;
use super::pen::Pen;
use crate::base::metric::{METRICS, Metric};
use crate::base::text::{fit, width};
use crate::driver::frame::{Frame, RECENT, RunFrame};
use ratatui::layout::Rect;

/// The telling figures of the panel, most telling first.
const TELLING: &[(Metric, &str)] = &[
    (Metric::AvailWritePct, "writes ok"),
    (Metric::AvailReadPct, "reads ok"),
    (Metric::LostAcked, "lost writes"),
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
    let seconds = format!("last {} s", RECENT.0 / 1_000_000);
    let ids: Vec<&str> = shown
        .iter()
        .map(|(run, figures)| match figures {
            Figures::Recent => seconds.as_str(),
            Figures::Totals => &*run.id,
        })
        .collect();
    for (nth, head) in heads(&ids, column - 1).iter().enumerate() {
        pen.right(cell(nth, inside.y), head, Token::Dim);
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
            pen.right(cell(nth, y), &compact(run, *figures, *metric, column - 1), tone);
        }
    }
    if has_rate {
        draw_rate(pen, Rect { y: inside.bottom() - 1, height: 1, ..inside }, run);
    }
}

/// A figure in at most `columns`: units only where the number alone would mislead, and milliseconds as seconds
/// before any digit is cut off.
fn compact(run: &RunFrame, figures: Figures, metric: Metric, columns: u16) -> String {
    let set = match figures {
        Figures::Totals => &run.totals,
        Figures::Recent => &run.recent,
    };
    let row = metric.row();
    let Some(value) = set.get(metric) else { return "-".to_owned() };
    let unit = if ["%", "ms"].contains(&row.unit) { row.unit } else { "" };
    let fits = |text: &String| width(text) <= usize::from(columns);
    let fewer = (0..=usize::from(row.decimals)).rev().map(|digits| format!("{value:.digits$}{unit}"));
    let seconds = (row.unit == "ms").then(|| format!("{:.1}s", value / 1e3));
    let text = fewer.chain(seconds).find(fits).unwrap_or_else(|| format!("{value:.0}"));
    cut(&text, columns)
}

/// Which of a run's figures.
#[derive(Clone, Copy)]
enum Figures {
    Totals,
    Recent,
}

/// A figure with its unit if that fits, else without: it stands in the figure's name or explanation.
fn full(run: &RunFrame, metric: Metric, columns: u16) -> String {
    let text = run.totals.text(metric);
    if width(&text) <= usize::from(columns) { text } else { compact(run, Figures::Totals, metric, columns) }
}

fn cut(text: &str, columns: u16) -> String {
    fit(text, usize::from(columns)).into_owned()
}

/// The ids of runs in few columns each, no two alike: whole, or their first words, or their last ones, or cut off.
/// Which future a run belongs to is never cut off.
pub(super) fn heads(ids: &[&str], columns: u16) -> Vec<String> {
    let ways: [fn(&str, usize) -> String; 4] = [first_words, last_words, cut_end, cut_beginning];
    let in_way = |way: fn(&str, usize) -> String| -> Vec<String> {
        let head = |id: &&str| match id.rsplit_once('~') {
            Some((run, lane)) => {
                let room = usize::from(columns).saturating_sub(lane.len() + 1);
                format!("{}~{lane}", way(run, room))
            }
            None => way(id, usize::from(columns)),
        };
        ids.iter().map(head).collect()
    };
    let base = |id: &str| id.split('~').next().map_or(String::new(), str::to_owned);
    // Neither alike, nor one the beginning of the other's id, unless that is all the id there is.
    let is_clear = |heads: &[String], one: usize, other: usize| {
        let (mine, whole, theirs) = (base(&heads[one]), base(ids[one]), base(ids[other]));
        ids[one] == ids[other]
            || heads[one] != heads[other] && (whole == theirs || mine == whole || !theirs.starts_with(&mine))
    };
    let tells_apart = |heads: &Vec<String>| {
        let all = 0..ids.len();
        all.clone().all(|one| all.clone().all(|other| is_clear(heads, one, other)))
    };
    ways.into_iter().map(in_way).find(tells_apart).unwrap_or_else(|| in_way(cut_end))
}

fn first_words(id: &str, columns: usize) -> String {
    let words = std::iter::once(id).chain(id.rmatch_indices('-').map(|(at, _)| &id[..at]));
    longest_fitting(words, id, columns)
}

fn last_words(id: &str, columns: usize) -> String {
    let words = std::iter::once(id).chain(id.match_indices('-').map(|(at, _)| &id[at + 1..]));
    longest_fitting(words, id, columns)
}

fn longest_fitting<'a>(mut words: impl Iterator<Item = &'a str>, id: &str, columns: usize) -> String {
    words.find(|words| width(words) <= columns).map_or_else(|| cut_end(id, columns), str::to_owned)
}

fn cut_end(id: &str, columns: usize) -> String {
    fit(id, columns).into_owned()
}

fn cut_beginning(id: &str, columns: usize) -> String {
    if width(id) <= columns {
        return id.to_owned();
    }
    let skip = id.chars().count().saturating_sub(columns.saturating_sub(1));
    std::iter::once('…').chain(id.chars().skip(skip)).collect()
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
    let ids: Vec<&str> = runs.iter().map(|run| &*run.id).collect();
    for (nth, head) in heads(&ids, column - 1).iter().enumerate() {
        let cell = Rect { x: inside.x + 22 + nth as u16 * column, y: inside.y, width: column - 1, height: 1 };
        pen.right(cell, head, Token::Title);
    }
    let known = METRICS.iter().filter(|row| runs.iter().any(|run| is_known(run, row.metric)));
    let explained = inside.x + 22 + runs.len() as u16 * column + 1;
    let rows = usize::from(inside.height.saturating_sub(1));
    let hidden = watch.scroll.min(known.clone().count().saturating_sub(rows));
    for (y, row) in (inside.y + 1..inside.bottom()).zip(known.skip(hidden)) {
        pen.text(inside.x, y, 21, row.name, Token::Plain);
        for (nth, run) in runs.iter().enumerate() {
            let cell = Rect { x: inside.x + 22 + nth as u16 * column, y, width: column - 1, height: 1 };
            pen.right(cell, &full(run, row.metric, column - 1), token(run, row.metric));
        }
        let room = inside.right().saturating_sub(explained);
        if room > 20 {
            pen.text(explained, y, room, row.meaning, Token::Dim);
        }
    }
}

/// The telling figures of two runs with their difference, for the view side by side.
pub(super) fn draw_difference(pen: &mut Pen<'_>, area: Rect, a: &RunFrame, b: &RunFrame) {
    let inside = pen.boxed(area, "the difference, measured", Token::Border);
    // Two blocks where there is room for their figures, and the labels are whole in any case.
    let blocks = if inside.width >= 2 * (LABEL + 2 * FIGURE) { 2 } else { 1 };
    let wide = inside.width / blocks;
    let column = ((wide.saturating_sub(LABEL)) / 2).clamp(FIGURE, 16);
    let label = wide.saturating_sub(2 * column).min(26);
    let known = |metric: Metric| is_known(a, metric) || is_known(b, metric);
    let mut shown: Vec<&(Metric, &str)> = TELLING.iter().filter(|(metric, _)| known(*metric)).collect();
    let rows = inside.height.saturating_sub(1);
    if shown.len() > usize::from(blocks * rows) {
        // Where there is not room for all, what is the same in both is left out first.
        shown.sort_by_key(|(metric, _)| a.totals.get(*metric) == b.totals.get(*metric));
        shown.truncate(usize::from(blocks * rows));
    }
    let ids = heads(&[&a.id, &b.id], column - 1);
    for block in 0..blocks.min(shown.len() as u16) {
        for (nth, id) in (0..).zip(&ids) {
            let x = inside.x + block * wide + label + nth * column;
            pen.right(Rect { x, y: inside.y, width: column - 1, height: 1 }, id, Token::Title);
        }
    }
    for (nth, (metric, words)) in (0..).zip(shown) {
        let (x, y) = (inside.x + nth % blocks * wide, inside.y + 1 + nth / blocks);
        pen.text(x, y, label, words, Token::Plain);
        for (nth, run) in (0..).zip([a, b]) {
            let cell = Rect { x: x + label + nth * column, y, width: column - 1, height: 1 };
            pen.right(cell, &compact(run, Figures::Totals, *metric, column - 1), token(run, *metric));
        }
    }
}

/// Columns for a telling figure's label.
const LABEL: u16 = 16;
/// Columns for a figure, at least.
const FIGURE: u16 = 11;

#[cfg(test)]
mod tests {
    use super::heads;

    #[test]
    fn no_two_heads_of_different_runs_are_alike() {
        assert_eq!(
            heads(&["last 5 s", "primary-replica", "peer-to-peer"], 8),
            ["last 5 s", "primary", "peer-to"]
        );
        assert_eq!(heads(&["one-in-sync", "one-unclean"], 8), ["in-sync", "unclean"]);
        assert_eq!(heads(&["primary-replica", "primary-replica~2"], 9), ["primary", "primary~2"]);
        assert_eq!(heads(&["coordinator-clock", "coordinator-hlc"], 8), ["clock", "hlc"]);
        assert_eq!(heads(&["aaaaaaaaaa1", "aaaaaaaaaa2"], 5), ["…aaa1", "…aaa2"]);
        assert_eq!(heads(&["coordinator"], 8), ["coordin…"]);
    }
}
