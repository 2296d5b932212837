//! The differences view: the same rows as `splitbrain compare`, live. As many runs as fit; of two their difference too.

use super::look::Token;
use super::metrics::token;
use super::pen::Pen;
use super::{Watch, metrics};
use crate::base::difference::DIFFERENCES;
use crate::base::metric::Metric;
use crate::base::spread::{Spread, best};
use crate::driver::frame::{Frame, RunFrame};
use ratatui::layout::Rect;

/// Columns of a metric's name.
const NAME: u16 = 22;
/// Columns of a figure with its star.
const FIGURE: u16 = 14;
/// Columns of a unit.
const UNIT: u16 = 12;

/// One row of the view.
enum Row {
    /// What differs.
    Sentence(u8, &'static str),
    /// What shows it.
    Figures(Metric),
}

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let title = "key differences so far · * better by exact count · margins: compare --seed";
    let inside = pen.boxed(area, title, Token::Border);
    let runs = shown(inside.width, watch, frame);
    let with_difference = runs.len() == 2 && inside.width >= NAME + 3 * FIGURE;
    let cell =
        |nth: usize, y: u16| Rect { x: inside.x + NAME + nth as u16 * FIGURE, y, width: FIGURE, height: 1 };
    let heads = runs.iter().map(|run| &*run.id).chain(with_difference.then_some("difference"));
    let heads: Vec<&str> = heads.collect();
    for (nth, head) in metrics::heads(&heads, FIGURE - 3).iter().enumerate() {
        let place = Rect { width: FIGURE - 2, ..cell(nth, inside.y) };
        pen.right(place, head, Token::Title);
    }
    let rows = rows(&runs);
    let height = usize::from(inside.height.saturating_sub(1));
    let hidden = watch.scroll.min(rows.len().saturating_sub(height));
    for (y, row) in (inside.y + 1..inside.bottom()).zip(rows.iter().skip(hidden)) {
        match row {
            Row::Sentence(number, text) => {
                pen.text(inside.x, y, inside.width, &format!("{number:>2} {text}"), Token::Dim);
            }
            Row::Figures(metric) => {
                pen.text(inside.x + 1, y, NAME - 1, metric.row().name, Token::Plain);
                let values: Vec<Option<f64>> = runs.iter().map(|run| run.totals.get(*metric)).collect();
                let spreads: Vec<Option<Spread>> =
                    values.iter().map(|value| value.and_then(|value| Spread::of(&[value]))).collect();
                let best = best(&spreads, metric.better(), metric.is_counted());
                for (nth, run) in runs.iter().enumerate() {
                    let place = cell(nth, y);
                    pen.right(
                        Rect { width: FIGURE - 2, ..place },
                        &number(values[nth], *metric),
                        token(run, *metric),
                    );
                    if best[nth] {
                        pen.text(place.right() - 2, y, 2, " *", Token::Good);
                    }
                }
                let mut after = runs.len();
                if with_difference {
                    let difference = values[0].zip(values[1]).map(|(left, right)| right - left);
                    let text = difference.map_or_else(|| "-".to_owned(), |value| signed(value, *metric));
                    pen.right(Rect { width: FIGURE - 2, ..cell(after, y) }, &text, Token::Plain);
                    after += 1;
                }
                let x = inside.x + NAME + after as u16 * FIGURE + 1;
                let unit = match metric.asked_by() {
                    Some(flag) => format!("compare {flag}"),
                    None => metric.row().unit.to_owned(),
                };
                pen.text(x, y, inside.right().saturating_sub(x), &unit, Token::Dim);
            }
        }
    }
}

/// All runs if they fit beside each other, else the shown one and the one it is compared with, else that alone.
fn shown<'a>(width: u16, watch: &Watch, frame: &'a Frame) -> Vec<&'a RunFrame> {
    let all = frame.runs.len() as u16;
    if NAME + all * FIGURE + UNIT <= width {
        return frame.runs.iter().collect();
    }
    let run = watch.run.min(frame.runs.len() - 1);
    let other = watch.other_run(frame).filter(|_| NAME + 2 * FIGURE <= width);
    std::iter::once(run).chain(other).map(|run| &frame.runs[run]).collect()
}

/// The first metric of a difference is always there, the others where some run has something to show.
fn rows(runs: &[&RunFrame]) -> Vec<Row> {
    let mut rows = Vec::new();
    for difference in DIFFERENCES {
        rows.push(Row::Sentence(difference.number, difference.sentence));
        let is_telling =
            |metric: Metric| runs.iter().any(|run| run.totals.get(metric).is_some_and(|value| value != 0.0));
        let shown =
            difference.metrics.iter().enumerate().filter(|(nth, metric)| *nth == 0 || is_telling(**metric));
        rows.extend(shown.map(|(_, metric)| Row::Figures(*metric)));
    }
    rows
}

fn number(value: Option<f64>, metric: Metric) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.*}", usize::from(metric.row().decimals)))
}

fn signed(value: f64, metric: Metric) -> String {
    format!("{value:+.*}", usize::from(metric.row().decimals))
}
