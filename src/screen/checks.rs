//! The guarantees: a strip of verdicts that is always there, and a view with the evidence of each, drawn as what
//! clients lived through.

use super::Watch;
use super::layout::split_top;
use super::look::{Sign, Token};
use super::pen::Pen;
use crate::base::names::Names;
use crate::base::text::width;
use crate::base::time::VirtualTime;
use crate::check::{Interval, Verdict};
use crate::driver::frame::{Frame, VerdictView};
use ratatui::layout::Rect;

/// Rows for the words of a piece of evidence.
const HEAD: u16 = 3;

fn look_of(verdict: Verdict) -> (Sign, Token) {
    match verdict {
        Verdict::Pass => (Sign::Healthy, Token::Good),
        Verdict::Fail => (Sign::Crashed, Token::Bad),
        Verdict::Unknown => (Sign::Suspect, Token::Dim),
    }
}

/// The verdicts of the shown run at the right of a row: what fails by name, as far as there is room, the rest in
/// numbers. Gives the columns used.
pub(super) fn draw_strip(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) -> u16 {
    let verdicts = &frame.runs[watch.run.min(frame.runs.len() - 1)].verdicts;
    if verdicts.is_empty() {
        return 0;
    }
    let count = |verdict| verdicts.iter().filter(|view| view.verdict == verdict).count();
    let (passed, failed) = (count(Verdict::Pass), count(Verdict::Fail));
    let rest = format!(
        " {}{passed} {}{} ",
        pen.sign(Sign::Healthy),
        pen.sign(Sign::Suspect),
        count(Verdict::Unknown)
    );
    let room = usize::from(area.width).saturating_sub(rest.chars().count() + 8);
    let mut names = String::new();
    let mut named = 0;
    for view in verdicts.iter().filter(|view| view.verdict == Verdict::Fail) {
        let next = format!("{}{} ", pen.sign(Sign::Crashed), view.checker);
        if width(&names) + width(&next) > room {
            break;
        }
        names.push_str(&next);
        named += 1;
    }
    let more = if failed > named {
        format!("{}+{} ", pen.sign(Sign::Crashed), failed - named)
    } else {
        String::new()
    };
    let pieces = [
        (names.as_str(), Token::Bad),
        (more.as_str(), Token::Bad),
        (rest.as_str(), Token::Dim),
        ("V ", Token::Key),
    ];
    let wide: usize = pieces.iter().map(|(text, _)| width(text)).sum();
    let wide = (wide as u16).min(area.width);
    pen.pieces(area.right() - wide, area.y, wide, &pieces)
}

/// The checks view: every guarantee watched live, and the evidence of the chosen one.
pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let run = &frame.runs[watch.run.min(frame.runs.len() - 1)];
    let verdicts = &run.verdicts;
    let chosen = watch.chosen_check.min(verdicts.len().saturating_sub(1));
    // The list gets what the evidence does not need, but never all.
    let evidence = verdicts.get(chosen).map_or(0, |view| HEAD + 2 + 2 * view.intervals.len() as u16);
    let wanted = verdicts.len() as u16 + 2;
    let (list, below) = split_top(area, wanted.min(area.height - evidence.min(area.height / 2)).max(4));
    let rows = usize::from(list.height.saturating_sub(2));
    let title = match verdicts.len() {
        all if all > rows => format!("guarantees of this run so far · {rows} of {all}"),
        _ => "guarantees of this run so far".to_owned(),
    };
    let inside = pen.boxed(list, &title, Token::Border);
    let first = (chosen + 1).saturating_sub(usize::from(inside.height));
    for (y, (nth, view)) in (inside.y..inside.bottom()).zip(verdicts.iter().enumerate().skip(first)) {
        let (sign, token) = look_of(view.verdict);
        let mark = if nth == chosen { pen.sign(Sign::Chosen) } else { ' ' };
        let verdict = format!("{mark}{} {:<8}", pen.sign(sign), view.verdict.word());
        let pieces = [
            (verdict.as_str(), token),
            (&format!("{:<24} ", view.checker), Token::Plain),
            (view.meaning, Token::Dim),
        ];
        let line = Rect { y, height: 1, ..inside };
        pen.pieces(line.x, line.y, line.width, &pieces);
        if nth == chosen {
            pen.reverse(line);
        }
    }
    if let Some(view) = verdicts.get(chosen) {
        draw_evidence(pen, below, view, &run.view.names);
    }
}

fn draw_evidence(pen: &mut Pen<'_>, area: Rect, view: &VerdictView, names: &Names) {
    if area.height < 3 {
        return;
    }
    let (_, token) = look_of(view.verdict);
    let inside = pen.boxed(area, &format!("{}: {}", view.checker, view.verdict.word()), token);
    let words = match (&view.words, view.verdict) {
        (Some(words), _) => words.as_str(),
        (None, Verdict::Pass) => "nothing speaks against it so far",
        (None, _) => "",
    };
    let (head, rest) = split_top(inside, HEAD);
    pen.paragraph(head, words, Token::Plain);
    draw_intervals(pen, rest, &view.intervals, names);
}

/// Operations as bars over time, two rows each: the bar, and below it what it was. The scale is the order of their
/// beginnings and ends, not the clock, so that what overlaps is seen to.
fn draw_intervals(pen: &mut Pen<'_>, area: Rect, intervals: &[Interval], names: &Names) {
    const NAMES: u16 = 6;
    if area.width < NAMES + 20 {
        return;
    }
    let mut instants: Vec<VirtualTime> =
        intervals.iter().flat_map(|one| [Some(one.from), one.to]).flatten().collect();
    instants.sort_unstable();
    instants.dedup();
    let track = Rect { x: area.x + NAMES, width: area.width - NAMES - 1, ..area };
    // What never ended runs out at the right.
    let last = instants.len().max(1) as u16;
    let column = |at: VirtualTime| {
        let rank = instants.binary_search(&at).unwrap_or(0) as u32;
        track.x + (rank * u32::from(track.width - 1) / u32::from(last)) as u16
    };
    for (nth, one) in intervals.iter().enumerate() {
        let y = area.y + 2 * nth as u16;
        if y + 1 >= area.bottom() {
            return;
        }
        pen.text(area.x, y, NAMES, &one.client.to_string(), Token::Title);
        let (from, to) = (column(one.from), one.to.map_or(track.right() - 1, column));
        pen.put(from, y, pen.sign(Sign::LeftEnd), Token::Acked);
        (from + 1..to).for_each(|x| pen.put(x, y, pen.sign(Sign::Line), Token::Acked));
        let end = if one.to.is_some() { Sign::RightEnd } else { Sign::Ahead };
        if to > from {
            pen.put(to, y, pen.sign(end), Token::Acked);
        }
        let node = one.node.map_or(String::new(), |node| format!(" at {}", names.node(node)));
        let ended = one.to.map_or(String::new(), |to| format!(" to {to}"));
        let what = format!("{} {}{node}, {}{ended}", one.op, one.what, one.from);
        let wide = width(&what) as u16;
        let x = from.min(track.right().saturating_sub(wide)).max(track.x);
        pen.text(x, y + 1, track.right().saturating_sub(x), &what, Token::Plain);
    }
}
