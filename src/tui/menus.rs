//! What overlays show: help, palette, menus, the partition editor, the tour. Made from the tables, never by hand.

use super::controls::CONTROLS;
use super::keymap::{BINDINGS, Mode, keys_of};
use super::model::{Menu, Model, Prompt, PromptKind};
use super::palette;
use crate::base::command::{Group, VERBS, Verb};
use crate::base::ids::NodeId;
use crate::base::line::{Level, Stamped};
use crate::base::operation::Outcome;
use crate::base::time::VirtualTime;
use crate::base::why::{About, KINDS, Kind, Reason};
use crate::cluster::view::OperationView;
use crate::driver::frame::LaneInfo;
use crate::screen::{Overlay, Row, VIEWS, View};

/// What the tour asks for, step by step, and the action that fulfils it.
pub const TOUR: &[(&str, super::keymap::Action)] = &[
    (
        "Tour (esc skips) · the world runs. Press space to stop it, and again to go on.",
        super::keymap::Action::TogglePause,
    ),
    (
        "Tour · the primary orders all writes. Press c to crash the marked node, and watch the others.",
        super::keymap::Action::Crash,
    ),
    (
        "Tour · press t: the same seconds, lived through by the other topology.",
        super::keymap::Action::NextRun,
    ),
    (
        "Tour · press T for both side by side, in numbers; T again comes back.",
        super::keymap::Action::SideBySide,
    ),
    ("Tour · press H to heal everything.", super::keymap::Action::HealAll),
    (
        "Tour · press ? for every key, : for every command. That is all there is to know.",
        super::keymap::Action::Help,
    ),
];

/// The words of a step of the tour.
pub fn tour_line(step: usize) -> Option<&'static str> {
    TOUR.get(step).map(|(words, _)| *words)
}

/// The faults of the menu.
pub fn fault_verbs() -> Vec<&'static Verb> {
    VERBS.iter().filter(|row| row.is_fault).collect()
}

/// The rows of the help that contain `filter`: keys here, then the grammar.
pub fn help_rows(filter: &str) -> Vec<Row> {
    let mut rows = vec![Row::heading("Keys")];
    rows.push(Row::new("1-9", "target a node by its number"));
    let of_world = BINDINGS.iter().filter(|binding| matches!(binding.mode, Mode::World | Mode::Stage));
    rows.extend(of_world.map(|binding| Row::new(keys_of(binding).join(" or "), binding.doc)));
    for (group, title) in [
        (Group::Process, "Commands: processes"),
        (Group::Network, "Commands: network"),
        (Group::Clock, "Commands: clocks"),
        (Group::Machine, "Commands: machines"),
        (Group::Client, "Commands: clients and load"),
        (Group::Operator, "Commands: operators"),
        (Group::Message, "Commands: messages in flight"),
        (Group::Words, "Commands: words"),
    ] {
        rows.push(Row::heading(title));
        rows.extend(
            VERBS.iter().filter(|row| row.group == group).map(|row| Row::new(row.syntax, row.meaning)),
        );
    }
    rows.push(Row::heading("Commands: time"));
    rows.extend(CONTROLS.iter().map(|control| Row::new(control.syntax, control.meaning)));
    let wanted = filter.to_lowercase();
    rows.retain(|row| {
        filter.is_empty()
            || (!row.is_heading && format!("{} {}", row.left, row.right).to_lowercase().contains(&wanted))
    });
    rows
}

pub(super) fn help(_: &Model, filter: &str, selected: usize) -> Overlay {
    let rows = help_rows(filter);
    let typed = (!filter.is_empty()).then(|| ("only ".to_owned(), filter.to_owned(), filter.chars().count()));
    Overlay {
        title: "help".to_owned(),
        selected: (!rows.is_empty()).then(|| selected.min(rows.len() - 1)),
        input: typed,
        rows,
        hint: "type to narrow, up and down to scroll, esc closes".to_owned(),
        slip: None,
    }
}

pub(super) fn menu(model: &Model, menu: Menu, selected: usize) -> Overlay {
    let (title, hint, rows) = match menu {
        Menu::Faults => (
            "faults",
            "enter takes the row to the command line",
            fault_verbs().into_iter().map(fault_row).collect(),
        ),
        Menu::Views => ("views", "a digit or enter", view_rows()),
        Menu::Why => {
            ("why?", "enter tells the causes", questions(model).into_iter().map(|(_, row)| row).collect())
        }
        Menu::Options => ("options of this run", "enter takes a knob to the command line", knob_rows(model)),
        Menu::Lanes => ("futures", "enter acts on it, with the present one beside", lane_rows(model)),
    };
    let (title, hint) = (title.to_owned(), hint.to_owned());
    Overlay { title, rows, selected: Some(selected), hint, ..Overlay::default() }
}

/// The views with their digits.
fn view_rows() -> Vec<Row> {
    let row = |(digit, (_, word, what)): (usize, &(View, &str, &str))| {
        Row::new(format!("{} {}", digit + 1, word.replace('-', " ")), *what)
    };
    VIEWS.iter().enumerate().map(row).collect()
}

/// The ways that things went: each with what was done by hand on it.
fn lane_rows(model: &Model) -> Vec<Row> {
    let row = |lane: &LaneInfo| {
        let here = if lane.number == model.frame.lane { ", acted on now" } else { "" };
        let deeds: Vec<String> =
            lane.by_hand.iter().map(|deed| format!("{} {}", deed.at, deed.words)).collect();
        let deeds = if deeds.is_empty() { "nothing by hand".to_owned() } else { deeds.join(" · ") };
        Row::new(format!("~{} up to {}{here}", lane.number, lane.live), deeds)
    };
    model.frame.lanes.iter().map(row).collect()
}

/// The most events and operations one is offered to ask about.
const QUESTIONS: usize = 60;

/// What one can ask the causes of in the shown run: the newest of each kind, then bad news and operations that ended
/// badly, newest first.
pub fn questions(model: &Model) -> Vec<(About, Row)> {
    let view = model.cluster();
    let kind = |&(kind, word, what): &(Kind, &str, &str)| (About::Newest(kind), Row::new(word, what));
    let is_worth_it = |stamped: &&Stamped| {
        let code = stamped.line.code();
        let is_news = stamped.line.level() != Level::Info || code == "ROLE_PRIMARY";
        is_news && !["LWW_DROP", "VOTE_DENY", "HEAL", "RESUME", "RESTART", "DONE"].contains(&code)
    };
    let of_line = |stamped: &Stamped| {
        let who = stamped.node.map_or_else(|| "world".to_owned(), |node| model.name(node));
        let text = stamped.line.text(&view.names);
        let row = Row::new(format!("{} {who} {}", stamped.at, stamped.line.code()), &text).with_more(text);
        (stamped.at, About::Line(stamped.number), row)
    };
    let of_operation = |ended: &OperationView| {
        let end = match &ended.outcome {
            Outcome::Fail(refusal) => format!("failed: {}", refusal.word()),
            Outcome::Unknown(doubt) => format!("unknown: {}", doubt.word()),
            Outcome::Ok(_) | Outcome::Pending => return None,
        };
        let verb = if ended.action.is_write() { "write" } else { "read" };
        let text = format!("{verb} {} by {}: {end}", view.names.key(ended.key), ended.client);
        Some((ended.at, About::Op(ended.op), Row::new(format!("{} {}", ended.at, ended.op), text)))
    };
    let lines = view.events.iter().filter(is_worth_it).map(of_line);
    let mut recent: Vec<(VirtualTime, About, Row)> =
        lines.chain(view.operations.iter().filter_map(of_operation)).collect();
    recent.sort_by_key(|(at, ..)| std::cmp::Reverse(*at));
    let recent = recent.into_iter().take(QUESTIONS).map(|(_, about, row)| (about, row));
    KINDS.iter().map(kind).chain(recent).collect()
}

/// The chain of causes that was asked for last.
pub(super) fn chain(model: &Model, selected: usize) -> Overlay {
    let told = model.frame.why.as_ref();
    let links = told.map_or(&[][..], |told| told.chain.as_slice());
    let row = |(nth, reason): (usize, &Reason)| {
        let who = reason.node.map_or_else(|| "-".to_owned(), |node| model.name(node));
        let because = if nth == 0 { "" } else { "because: " };
        let text = format!("{because}{}", reason.text);
        Row::new(format!("{} {who} {}", reason.at, reason.code.unwrap_or("")), &text).with_more(text)
    };
    let mut rows: Vec<Row> = links.iter().enumerate().map(row).collect();
    if rows.is_empty() {
        rows.push(Row::new("", "there is none in this run, or it is no longer remembered"));
    }
    let run = told.and_then(|told| model.frame.runs.get(told.run)).map_or("", |run| &*run.id);
    Overlay {
        title: format!("why, in {run}"),
        input: None,
        slip: None,
        selected: Some(selected.min(rows.len() - 1)),
        rows,
        hint: "up and down, enter asks again, esc closes".to_owned(),
    }
}

fn fault_row(row: &Verb) -> Row {
    Row::new(row.syntax, row.meaning).with_more(format!("{}. For instance: {}", row.meaning, row.example))
}

fn knob_rows(model: &Model) -> Vec<Row> {
    let knobs = &model.cluster().knobs;
    let row = |(row, value): (&crate::base::knob::Knob, &crate::base::knob::KnobValue)| {
        let settled = if row.is_hot { "" } else { " (settled at the beginning)" };
        let like = if row.mirrors.is_empty() { String::new() } else { format!(" Like {}.", row.mirrors) };
        Row::new(format!("{}={value}", row.key), format!("{}{settled}", row.meaning))
            .with_more(format!("{}{settled}. {}.{like}", row.meaning, row.kind))
    };
    knobs.rows().map(row).collect()
}

pub(super) fn prompt(model: &Model, prompt: &Prompt) -> Overlay {
    let (title, label) = match prompt.kind {
        PromptKind::Command => ("command", ": "),
        PromptKind::Filter => ("show only events that contain", "/ "),
        PromptKind::Mark => ("label of the mark", "m "),
        PromptKind::Record => ("record to this file; everything since the beginning will be in it", "file "),
        PromptKind::Overwrite => ("the file is there already: overwrite it?", "y or n "),
    };
    let rows: Vec<Row> = match prompt.kind {
        PromptKind::Command => palette::completions(model, prompt)
            .into_iter()
            .map(|(text, meaning)| Row::new(text, meaning))
            .collect(),
        PromptKind::Filter | PromptKind::Mark | PromptKind::Record | PromptKind::Overwrite => Vec::new(),
    };
    Overlay {
        title: title.to_owned(),
        input: Some((label.to_owned(), prompt.input.value().to_owned(), prompt.input.cursor())),
        rows,
        selected: prompt.selected,
        hint: "enter does it, esc leaves".to_owned(),
        slip: None,
    }
}

/// What was copied, for the hand to select.
pub(super) fn slip(text: &str) -> Overlay {
    Overlay {
        title: "copied: this command line leads to this moment".to_owned(),
        hint: "esc closes".to_owned(),
        slip: Some(text.to_owned()),
        ..Overlay::default()
    }
}

pub(super) fn partition(model: &Model, sides: &[bool], cursor: usize) -> Overlay {
    let row = |(node, is_second): (usize, &bool)| {
        let name = model.name(NodeId::at(node));
        let side = if *is_second { "          | right" } else { "left      |" };
        Row::new(name, side)
    };
    Overlay {
        title: "partition".to_owned(),
        input: None,
        slip: None,
        rows: sides.iter().enumerate().map(row).collect(),
        selected: Some(cursor),
        hint: "digits or space move a node to the other side, enter cuts".to_owned(),
    }
}
