//! Lines that are typed and lists that are chosen from: how they open, move and close, and what comes of them.

use super::again;
use super::controls::{self, CONTROLS};
use super::deeds;
use super::files::{overwrite, write_file};
use super::keymap::Action;
use super::ledger;
use super::menus;
use super::model::{Focus, Menu, Model, Prompt, PromptKind};
use super::palette;
use super::update::{Effect, ask, command, present};
use crate::base::command::VERBS;
use crate::base::metric::METRICS;
use crate::driver::Request;
use crate::protocol::view::CELLS_SHOWN;
use crate::screen::{VIEWS, View};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

/// Actions that open something to type into or choose from.
pub(super) fn open(model: &mut Model, action: Action) {
    let prompt = |kind, text: String| Focus::Prompt(Prompt::new(kind, text));
    let at = model.target.map_or(String::new(), |node| format!(" at {}", model.name(node)));
    model.focus = match action {
        Action::Faults => Focus::Menu(Menu::Faults, 0),
        Action::Views => Focus::Menu(Menu::Views, 0),
        Action::Options => Focus::Menu(Menu::Options, 0),
        Action::Lanes => Focus::Menu(Menu::Lanes, 0),
        Action::Why => Focus::Menu(Menu::Why, 0),
        Action::Help => Focus::Help { filter: String::new(), selected: 0 },
        Action::Palette => prompt(PromptKind::Command, String::new()),
        Action::Filter => prompt(PromptKind::Filter, model.filter.clone()),
        Action::Mark => prompt(PromptKind::Mark, String::new()),
        Action::Record => prompt(PromptKind::Record, format!("{}.rec.toml", model.frame.head.id)),
        Action::Write => Focus::Prompt(Prompt::offering("write ", &format!("{}=5", model.last_key), &at)),
        Action::Read => Focus::Prompt(Prompt::offering("read ", &model.last_key, &at)),
        Action::Timeline => {
            model.shows_markers = !model.shows_markers;
            return;
        }
        _ => return,
    };
}

pub(super) fn move_selection(model: &mut Model, by: isize) {
    let rows = match &model.focus {
        Focus::Help { filter, .. } => menus::help_rows(filter).len(),
        Focus::Menu(menu, selected) => menus::menu(model, *menu, *selected).rows.len(),
        Focus::Prompt(prompt) => palette::completions(model, prompt).len(),
        Focus::Partition { sides, .. } => sides.len(),
        Focus::Slip(_) => return,
        Focus::Chain(_) => model.frame.why.as_ref().map_or(0, |told| told.chain.len()),
        Focus::World if model.view == View::Ledger && !model.shows_story => {
            return ledger::choose(model, by);
        }
        Focus::World if model.view == View::Checks => {
            let last = model.frame.runs[model.run].verdicts.len().saturating_sub(1);
            model.chosen_check = model.chosen_check.min(last).saturating_add_signed(by).min(last);
            return;
        }
        Focus::World => {
            // The log is read from its end.
            let (by, most) = match model.view {
                View::Log => (by.saturating_neg(), CELLS_SHOWN),
                View::Cluster => (by, CELLS_SHOWN),
                View::Ledger => (by, ledger::story_rows(model)),
                _ => (by, METRICS.len()),
            };
            model.scroll = model.scroll.saturating_add_signed(by).min(most);
            return;
        }
    };
    let last = rows.saturating_sub(1);
    let history = model.history.clone();
    match &mut model.focus {
        Focus::Help { selected, .. }
        | Focus::Menu(_, selected)
        | Focus::Chain(selected)
        | Focus::Partition { cursor: selected, .. } => {
            *selected = selected.saturating_add_signed(by).min(last);
        }
        Focus::Prompt(prompt) if prompt.input.value().is_empty() && by < 0 => {
            if let Some(past) = history.last() {
                prompt.input = Input::new(past.clone());
            }
        }
        Focus::Prompt(prompt) => {
            prompt.selected = match prompt.selected {
                None if by < 0 => Some(last),
                None => Some(0),
                Some(now) => Some(now.saturating_add_signed(by).min(last)),
            };
        }
        Focus::World | Focus::Slip(_) => {}
    }
}

pub(super) fn complete(model: &mut Model) {
    let Focus::Prompt(prompt) = &model.focus else { return };
    let found = palette::completions(model, prompt);
    let Some((text, _)) = found.get(prompt.selected.unwrap_or(0)).cloned() else { return };
    if let Focus::Prompt(prompt) = &mut model.focus {
        prompt.input = Input::new(if text.contains(' ') { text } else { format!("{text} ") });
        prompt.selected = None;
    }
}

pub(super) fn enter(model: &mut Model) -> Vec<Effect> {
    match std::mem::replace(&mut model.focus, Focus::World) {
        Focus::World | Focus::Slip(_) => Vec::new(),
        Focus::Prompt(prompt) => enter_line(model, prompt),
        Focus::Help { filter, selected } => {
            enter_help(model, &filter, selected);
            Vec::new()
        }
        Focus::Menu(Menu::Why, selected) => ask_why(model, selected),
        Focus::Menu(menu, selected) => enter_menu(model, menu, selected),
        Focus::Chain(_) => {
            open(model, Action::Why);
            Vec::new()
        }
        Focus::Partition { sides, .. } => deeds::enter_partition(model, &sides),
    }
}

fn enter_line(model: &mut Model, prompt: Prompt) -> Vec<Effect> {
    let chosen = prompt.selected.and_then(|row| palette::completions(model, &prompt).into_iter().nth(row));
    let text = chosen.map_or_else(|| prompt.input.value().trim().to_owned(), |(text, _)| text);
    match prompt.kind {
        PromptKind::Filter => {
            model.filter = text;
            Vec::new()
        }
        _ if text.is_empty() => Vec::new(),
        PromptKind::Mark => command(format!("mark {text}")),
        PromptKind::Record => write_file(model, Request::Record { path: text, force: false }),
        PromptKind::Overwrite => overwrite(model, &text),
        PromptKind::Command => typed_command(model, text),
    }
}

fn typed_command(model: &mut Model, text: String) -> Vec<Effect> {
    if text == "help" {
        open(model, Action::Help);
        return Vec::new();
    }
    if text == "copy" {
        return again::copy(model);
    }
    if text == "present" {
        return present(model);
    }
    if let Some(asked) = controls::parse(&text) {
        model.history.retain(|past| *past != text);
        model.history.push(text);
        return match asked {
            Ok(mut effects) => match effects.pop() {
                Some(Effect::Ask(request)) => write_file(model, request),
                other => other.into_iter().collect(),
            },
            Err(problem) => {
                model.notice = Some(problem);
                Vec::new()
            }
        };
    }
    if ["q", "quit", "exit"].contains(&text.split(' ').next().unwrap_or_default()) {
        return vec![Effect::Ask(Request::Quit), Effect::Quit];
    }
    // What reads and writes a key offers it again next time.
    let key = text.split_once(' ').filter(|(verb, _)| ["write", "read", "delete"].contains(verb));
    if let Some(key) = key.and_then(|(_, rest)| rest.split(['=', ' ']).next()).filter(|key| !key.is_empty()) {
        model.last_key = key.to_owned();
    }
    model.history.retain(|past| *past != text);
    model.history.push(text.clone());
    command(text)
}

/// A command's row goes to the command line; a key's row only closes the help: reading does nothing to the world.
fn enter_help(model: &mut Model, filter: &str, selected: usize) {
    let rows = menus::help_rows(filter);
    let Some(row) = rows.get(selected) else { return };
    let is_control = CONTROLS.iter().any(|control| control.syntax == row.left);
    if is_control || VERBS.iter().any(|verb| verb.syntax == row.left) {
        take_to_prompt(model, &row.left);
    }
}

/// Puts the beginning of a command, up to its first argument, on the command line.
fn take_to_prompt(model: &mut Model, syntax: &str) {
    let verb = syntax.split(' ').next().unwrap_or_default();
    let target = model.target.map(|node| model.name(node));
    let text = match (syntax.contains("NODE") || syntax.contains("LINK"), target) {
        (true, Some(name)) => format!("{verb} {name} "),
        _ => format!("{verb} "),
    };
    model.focus = Focus::Prompt(Prompt::new(PromptKind::Command, text));
}

fn enter_menu(model: &mut Model, menu: Menu, selected: usize) -> Vec<Effect> {
    match menu {
        Menu::Lanes => {
            let lane = model.frame.lanes.get(selected);
            return lane.map_or_else(Vec::new, |lane| ask(Request::Switch(lane.number)));
        }
        Menu::Views => {
            if let Some((view, ..)) = VIEWS.get(selected) {
                if *view == View::SideBySide && model.view != View::SideBySide {
                    model.view_before = model.view;
                }
                model.view = *view;
            }
        }
        Menu::Faults => {
            if let Some(verb) = menus::fault_verbs().get(selected) {
                take_to_prompt(model, verb.syntax);
            }
        }
        Menu::Why => {}
        Menu::Options => {
            let row = menus::menu(model, menu, selected).rows.get(selected).map(|row| row.left.clone());
            if let Some(text) = row {
                model.focus = Focus::Prompt(Prompt::new(PromptKind::Command, format!("set {text}")));
            }
        }
    }
    Vec::new()
}

/// Asks the driver for the causes of the chosen row; its answer comes with a frame.
fn ask_why(model: &mut Model, selected: usize) -> Vec<Effect> {
    let Some((about, _)) = menus::questions(model).into_iter().nth(selected) else { return Vec::new() };
    model.focus = Focus::Chain(0);
    vec![Effect::Ask(Request::Why { run: model.run, about })]
}

pub(super) fn type_into(model: &mut Model, event: &KeyEvent) -> Vec<Effect> {
    let is_plain = !event.modifiers.contains(KeyModifiers::CONTROL);
    match &mut model.focus {
        Focus::Prompt(prompt) => {
            let fresh = prompt.fresh.take();
            if let Some(fresh) = fresh.filter(|_| is_plain && matches!(event.code, KeyCode::Char(_))) {
                let rest = prompt.input.value()[fresh.end..].to_owned();
                let before = prompt.input.value()[..fresh.start].to_owned();
                let cursor = before.chars().count();
                prompt.input = Input::new(before + &rest).with_cursor(cursor);
            }
            prompt.input.handle_event(&crossterm::event::Event::Key(*event));
            prompt.selected = None;
        }
        Focus::Help { filter, selected } => match event.code {
            KeyCode::Char(c) if is_plain => {
                filter.push(c);
                *selected = 0;
            }
            KeyCode::Backspace => drop(filter.pop()),
            _ => {}
        },
        Focus::Menu(Menu::Views, selected) => {
            if let KeyCode::Char(digit @ '1'..='9') = event.code
                && (digit as usize - '1' as usize) < VIEWS.len()
            {
                *selected = digit as usize - '1' as usize;
                return enter(model);
            }
        }
        _ => {}
    }
    Vec::new()
}
