//! The ledger: what became of each acknowledged write, worst first; and the story of one of them.

use super::Watch;
use super::layout::{split_left, split_top};
use super::look::{Sign, Token};
use super::pen::Pen;
use crate::base::fate::{FATES, WriteFate};
use crate::base::ids::OpId;
use crate::base::names::Names;
use crate::base::text::contains;
use crate::cluster::view::{HolderRow, LedgerView, StoryView, WriteRow};
use crate::driver::frame::Frame;
use ratatui::layout::Rect;

/// From this width on, the list and a story stand side by side.
const WIDE: u16 = 150;
/// The list's width then.
const LIST: u16 = 72;

/// The writes that contain `filter`, in the order of the list.
pub fn shown<'a>(ledger: &'a LedgerView, filter: &str, names: &Names) -> Vec<&'a WriteRow> {
    let is_wanted = |row: &&WriteRow| {
        let node = row.node.map_or(String::new(), |node| names.node(node));
        let text = format!("{} {} {} {node} {}", row.op, row.what, row.client, row.fate.word());
        filter.is_empty() || contains(&text, filter)
    };
    ledger.rows.iter().filter(is_wanted).collect()
}

/// The place of the chosen write among those shown; the first if it is not there.
pub fn place_of(rows: &[&WriteRow], chosen: Option<OpId>) -> usize {
    chosen.and_then(|op| rows.iter().position(|row| row.op == op)).unwrap_or(0)
}

fn token(fate: WriteFate) -> Token {
    match fate {
        WriteFate::Safe => Token::Good,
        WriteFate::AtRisk | WriteFate::BeatenByConcurrent => Token::Warn,
        WriteFate::Superseded => Token::Dim,
        _ => Token::Bad,
    }
}

fn sign(fate: WriteFate) -> Sign {
    match fate {
        WriteFate::Safe => Sign::Healthy,
        WriteFate::AtRisk => Sign::Isolated,
        WriteFate::Superseded => Sign::Middle,
        WriteFate::BeatenByConcurrent => Sign::RolledBack,
        _ => Sign::Lost,
    }
}

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let place = watch.run.min(frame.runs.len() - 1);
    let run = &frame.runs[place];
    let (list, told) = match (watch.shows_story, area.width >= WIDE) {
        (false, _) => (Some(area), None),
        (true, true) => {
            let (left, right) = split_left(area, LIST);
            (Some(left), Some(right))
        }
        (true, false) => (None, Some(area)),
    };
    if let Some(list) = list {
        draw_list(pen, list, watch, &run.ledger, &run.view.names);
    }
    let story =
        frame.story.as_ref().filter(|(of, story)| *of == place && Some(story.row.op) == watch.chosen_write);
    match (told, story) {
        (None, _) => {}
        (Some(area), Some((_, story))) => draw_story(pen, area, watch.scroll, story, &run.view.names),
        (Some(area), None) => {
            let op = watch.chosen_write.map_or(String::new(), |op| op.to_string());
            let inside = pen.boxed(area, &op, Token::Chosen);
            pen.text(inside.x, inside.y, inside.width, "not acknowledged in this run", Token::Dim);
        }
    }
}

fn draw_list(pen: &mut Pen<'_>, area: Rect, watch: &Watch, ledger: &LedgerView, names: &Names) {
    let shown = shown(ledger, &watch.filter, names);
    let only = match watch.filter.as_str() {
        "" => String::new(),
        filter => format!(" · {} of the {} listed contain `{filter}`", shown.len(), ledger.rows.len()),
    };
    let inside =
        pen.boxed(area, &format!("acknowledged writes: {}{only}", ledger.counts.total()), Token::Border);
    let (counts, rows) = split_top(inside, 2);
    draw_counts(pen, counts, ledger);
    if shown.is_empty() {
        let words = if ledger.rows.is_empty() { "no write was acknowledged yet" } else { "none of them" };
        pen.text(rows.x, rows.y, rows.width, words, Token::Dim);
        return;
    }
    let chosen = place_of(&shown, watch.chosen_write);
    let first = (chosen + 1).saturating_sub(usize::from(rows.height));
    for (y, (nth, row)) in (rows.y..rows.bottom()).zip(shown.iter().enumerate().skip(first)) {
        let line = Rect { y, height: 1, ..rows };
        draw_row(pen, line, row, nth == chosen, names);
    }
}

/// How many have which fate, worst first; as many as fit.
fn draw_counts(pen: &mut Pen<'_>, area: Rect, ledger: &LedgerView) {
    let (mut x, mut y) = (area.x, area.y);
    for row in FATES.iter().rev().filter(|row| ledger.counts.of(row.fate) > 0) {
        let text = format!("{} {} {}   ", pen.sign(sign(row.fate)), ledger.counts.of(row.fate), row.word);
        let wide = text.chars().count() as u16;
        if x + wide > area.right() + 3 {
            (x, y) = (area.x, y + 1);
        }
        if y >= area.bottom() {
            return;
        }
        x += pen.text(x, y, area.right().saturating_sub(x), &text, token(row.fate));
    }
}

fn draw_row(pen: &mut Pen<'_>, line: Rect, row: &WriteRow, is_chosen: bool, names: &Names) {
    let mark = if is_chosen { pen.sign(Sign::Chosen) } else { ' ' };
    let node = row.node.map_or(String::new(), |node| names.node(node));
    let fate = format!("{mark}{} {:<18} ", pen.sign(sign(row.fate)), row.fate.word());
    let copies = match row.fate {
        WriteFate::Safe | WriteFate::AtRisk | WriteFate::Stranded => {
            format!("{} disks, {} mem", row.flushed, row.memory)
        }
        _ => String::new(),
    };
    let pieces = [
        (fate.as_str(), token(row.fate)),
        (&format!("{:<9} ", row.acked_at.to_string()), Token::Dim),
        (&format!("{:<17} ", row.what), Token::Plain),
        (&format!("{:<4} at {node:<5} ", row.client.to_string()), Token::Dim),
        (&copies, Token::Dim),
    ];
    pen.pieces(line.x, line.y, line.width, &pieces);
    if is_chosen {
        pen.reverse(line);
    }
}

fn draw_story(pen: &mut Pen<'_>, area: Rect, scroll: usize, story: &StoryView, names: &Names) {
    let row = &story.row;
    let inside = pen.boxed(area, &format!("{} · {} of {}", row.op, row.what, row.client), Token::Chosen);
    let fate = format!("{} {}: {}", pen.sign(sign(row.fate)), row.fate.word(), row.fate.row().meaning);
    let (head, rest) = split_top(inside, 2);
    pen.paragraph(head, &fate, token(row.fate));
    let holders = story.holders.len() as u16 + 1;
    let below = holders.min(rest.height / 2);
    let (lines, held) = split_top(rest, rest.height - below);
    draw_lines(pen, lines, scroll, story, names);
    draw_holders(pen, held, &story.holders, names);
}

fn draw_lines(pen: &mut Pen<'_>, area: Rect, scroll: usize, story: &StoryView, names: &Names) {
    let rows = usize::from(area.height);
    let hidden = scroll.min(story.lines.len().saturating_sub(rows));
    if !story.is_whole && hidden == 0 && area.height > 0 {
        pen.right(area, "the oldest of it is forgotten", Token::Dim);
    }
    for (y, line) in (area.y..area.bottom()).zip(story.lines.iter().skip(hidden)) {
        let node = line.node.map_or(String::new(), |node| names.node(node));
        let tone = if line.is_bad { Token::Bad } else { Token::Plain };
        let mark = if line.is_bad { pen.sign(Sign::Lost) } else { ' ' };
        let pieces = [
            (&*format!("{} ", line.at), Token::Dim),
            (&format!("{node:<5}"), Token::Title),
            (&format!("{mark} "), tone),
            (&line.text, tone),
        ];
        pen.pieces(area.x, y, area.width, &pieces);
    }
}

fn draw_holders(pen: &mut Pen<'_>, area: Rect, holders: &[HolderRow], names: &Names) {
    if area.height == 0 {
        return;
    }
    pen.text(area.x, area.y, area.width, "who has it now", Token::Title);
    for (y, holder) in (area.y + 1..area.bottom()).zip(holders) {
        let place = |held: &Option<String>| held.clone().unwrap_or_else(|| "-".to_owned());
        let memory = if holder.is_up { place(&holder.memory) } else { "down".to_owned() };
        let has_any = holder.memory.is_some() || holder.disk.is_some();
        let text = format!("memory: {memory:<22} disk: {}", place(&holder.disk));
        let tone = if has_any { Token::Plain } else { Token::Dim };
        let pieces = [(&*format!("{:<5} ", names.node(holder.node)), Token::Title), (&text, tone)];
        pen.pieces(area.x, y, area.width, &pieces);
    }
}
