//! What keys do: an action changes the model, or becomes a request to the driver. Everything done to the world is a
//! command in the grammar's own words.

use super::controls::{self, CONTROLS};
use super::files::{overwrite, write_file};
use super::keymap::{Action, fault_on, resolve};
use super::ledger;
use super::menus::{self, TOUR, VIEWS};
use super::model::{Focus, Menu, Model, Prompt, PromptKind};
use super::palette;
use crate::base::command::VERBS;
use crate::base::ids::NodeId;
use crate::base::metric::METRICS;
use crate::cluster::view::{Health, NodeView};
use crate::driver::frame::FULL_SPEED;
use crate::driver::{Request, Seek, Stop};
use crate::protocol::view::CELLS_SHOWN;
use crate::screen::{View, instant_at};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;
use tui_input::Input;
use tui_input::backend::crossterm::EventHandler;

/// What the loop must do after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Send this to the driver.
    Ask(Request),
    /// Draw everything anew.
    Redraw,
    /// Suspend to the shell.
    Suspend,
    /// Take the mouse, or give it back.
    Mouse(bool),
    /// Quit.
    Quit,
}

/// Rows that a page key moves.
const PAGE: isize = 10;
/// What a scrub goes by.
const SCRUB_US: i64 = 5_000_000;
/// The speeds, in thousandths.
const SPEEDS: [u32; 8] = [100, 250, 500, 1_000, 2_000, 5_000, 10_000, FULL_SPEED];
/// What `d`, `s` and `x` go through; the first takes the fault back.
const LOSSES: [&str; 4] = ["0%", "10%", "50%", "100%"];
const SLOWNESS: [&str; 3] = ["1x", "20x", "100x"];
const SKEWS: [&str; 3] = ["", "-500ms", "+500ms"];

/// A key was pressed.
pub fn press(model: &mut Model, event: &KeyEvent) -> Vec<Effect> {
    let (view, before) = (model.view, watched(model));
    let mut effects = match resolve(model.mode(), event) {
        Some(action) => {
            let effects = act(model, action);
            advance_tour(model, action);
            effects
        }
        None => type_into(model, event),
    };
    if model.view != view {
        model.scroll = 0;
    }
    let now = watched(model);
    if now != before && model.frame.recording.is_some() {
        effects.push(Effect::Ask(Request::Cue(now)));
    }
    effects
}

/// What is looked at, as recordings note it.
fn watched(model: &Model) -> String {
    let view = VIEWS.iter().find(|(view, ..)| *view == model.view).map_or("", |(_, name, _)| &name[2..]);
    let target = model.target.map_or_else(|| "all".to_owned(), |node| model.name(node));
    format!("view {view}, run {}, target {target}", model.frame.runs[model.run].id)
}

/// The mouse was used: a press on the timeline goes to its instant.
pub fn click(model: &mut Model, event: &MouseEvent, area: Rect) -> Option<Request> {
    if !matches!(
        event.kind,
        MouseEventKind::Down(MouseButton::Left) | MouseEventKind::Drag(MouseButton::Left)
    ) {
        return None;
    }
    instant_at(&model.watch(), &model.frame, area, (event.column, event.row))
        .map(|at| Request::Seek(Seek::To(at)))
}

/// Text was pasted: it lands in the line being typed, without control characters.
pub fn paste(model: &mut Model, text: &str) {
    if let Focus::Prompt(prompt) = &mut model.focus {
        let plain: String = text.chars().filter(|c| !c.is_control()).take(1_000).collect();
        let value = format!("{}{plain}", prompt.input.value());
        prompt.input = Input::new(value);
    }
}

fn type_into(model: &mut Model, event: &KeyEvent) -> Vec<Effect> {
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

fn advance_tour(model: &mut Model, action: Action) {
    // Whoever is ahead of the tour is not called back.
    let Some(step) = model.tour else { return };
    let done = TOUR.iter().skip(step).position(|(_, wanted)| *wanted == action);
    if let Some(done) = done {
        let next = step + done + 1;
        model.tour = (next < TOUR.len()).then_some(next);
    }
}

pub(super) fn ask(request: Request) -> Vec<Effect> {
    vec![Effect::Ask(request)]
}

fn step_message(model: &Model, is_back: bool) -> Vec<Effect> {
    ask(Request::StepMessage { run: model.run, node: model.target, is_back })
}

fn command(text: impl Into<String>) -> Vec<Effect> {
    vec![Effect::Ask(Request::Command(text.into()))]
}

fn act(model: &mut Model, action: Action) -> Vec<Effect> {
    model.notice = None;
    match action {
        Action::TogglePause => return vec![Effect::Ask(Request::TogglePause)],
        Action::Step => return ask(Request::StepEvent),
        Action::StepBack => return ask(Request::StepBack),
        Action::NextMessage => return step_message(model, false),
        Action::PreviousMessage => return step_message(model, true),
        Action::NextMarker => return ask(Request::Seek(Seek::Next(Stop::Marker))),
        Action::PreviousMarker => return ask(Request::Seek(Seek::Previous(Stop::Marker))),
        Action::NextFault => return ask(Request::Seek(Seek::Next(Stop::Fault))),
        Action::PreviousFault => return ask(Request::Seek(Seek::Previous(Stop::Fault))),
        Action::Forward => return ask(Request::Seek(Seek::By(SCRUB_US))),
        Action::Backward => return ask(Request::Seek(Seek::By(-SCRUB_US))),
        Action::Beginning => return ask(Request::Seek(Seek::Start)),
        Action::Live => return ask(Request::Seek(Seek::Live)),
        Action::Undo => return ask(Request::Undo),
        Action::Redo => return ask(Request::Redo),
        Action::Branch => return ask(Request::Branch),
        Action::Record if model.frame.recording.is_some() => return ask(Request::StopRecording),
        Action::Mouse => return vec![Effect::Mouse(!model.has_mouse)],
        Action::Faster => return speed(model, 1),
        Action::Slower => return speed(model, -1),
        Action::RealSpeed => return vec![Effect::Ask(Request::SetSpeed(1_000))],
        Action::Target(place) => target(model, usize::from(place)),
        Action::TargetAll => model.target = None,
        Action::NextNode => turn_target(model, 1),
        Action::PreviousNode => turn_target(model, -1),
        Action::Expand => expand(model),
        Action::Crash => return each(model, |model, node| Some(crash(model, node, ""))),
        Action::CrashPower => return each(model, |model, node| Some(crash(model, node, " power"))),
        Action::Isolate => return each(model, isolate),
        Action::PauseNode => return each(model, pause),
        Action::Loss => return cycle(model, "loss", &LOSSES),
        Action::Slow => return cycle(model, "slow-cpu", &SLOWNESS),
        Action::Clock => return each(model, skew),
        Action::HealAll => return command("heal"),
        Action::ToggleLoad => return toggle_load(model),
        Action::NextRun => return next_run(model),
        Action::SideBySide => side_by_side(model),
        Action::Checks => {
            model.view = if model.view == View::Checks { View::Cluster } else { View::Checks };
        }
        Action::Restart => return vec![Effect::Ask(Request::Restart)],
        Action::Redraw => return vec![Effect::Redraw],
        Action::Suspend => return vec![Effect::Suspend],
        Action::QuitNow => return vec![Effect::Quit],
        Action::Back => return back(model, true),
        Action::Leave => return back(model, false),
        Action::Enter => return enter(model),
        Action::Why if model.view == View::Ledger && !model.shows_story => return ledger::open_story(model),
        Action::Partition => return partition(model),
        Action::Up => move_selection(model, -1),
        Action::Down => move_selection(model, 1),
        Action::PageUp => move_selection(model, -PAGE),
        Action::PageDown => move_selection(model, PAGE),
        Action::First => move_selection(model, isize::MIN),
        Action::Last => move_selection(model, isize::MAX),
        Action::Complete => complete(model),
        Action::Toggle => toggle_side(model, None),
        opening => open(model, opening),
    }
    Vec::new()
}

/// Actions that open something to type into or choose from.
fn open(model: &mut Model, action: Action) {
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

/// The target's card belongs to the cluster view.
fn expand(model: &mut Model) {
    model.scroll = 0;
    let was_elsewhere = std::mem::replace(&mut model.view, View::Cluster) != View::Cluster;
    model.is_expanded = (was_elsewhere || !model.is_expanded) && model.target.is_some();
    if model.target.is_none() {
        model.notice = Some("target one node first: its number, left or right".to_owned());
    }
}

fn speed(model: &Model, by: isize) -> Vec<Effect> {
    let now = SPEEDS.iter().position(|&speed| speed >= model.frame.speed_milli).unwrap_or(3);
    let next = now.saturating_add_signed(by).min(SPEEDS.len() - 1);
    vec![Effect::Ask(Request::SetSpeed(SPEEDS[next]))]
}

fn target(model: &mut Model, place: usize) {
    if let Focus::Partition { .. } = model.focus {
        return toggle_side(model, Some(place));
    }
    if place < model.cluster().nodes.len() {
        model.target = Some(NodeId::at(place));
    }
}

fn turn_target(model: &mut Model, by: isize) {
    let count = model.cluster().nodes.len();
    let now = model.target.map_or(0, NodeId::index);
    model.target = Some(NodeId::at((now + count).saturating_add_signed(by) % count));
}

/// The commands for the target, or for every node.
fn each(model: &Model, of: impl Fn(&Model, &NodeView) -> Option<String>) -> Vec<Effect> {
    let nodes: Vec<&NodeView> = match model.node() {
        Some(node) => vec![node],
        None => model.cluster().nodes.iter().collect(),
    };
    let mut commands: Vec<String> = nodes.into_iter().filter_map(|node| of(model, node)).collect();
    match commands.len() {
        0 => Vec::new(),
        1 => command(commands.remove(0)),
        _ => vec![Effect::Ask(Request::Commands(commands))],
    }
}

fn crash(model: &Model, node: &NodeView, kind: &str) -> String {
    let name = model.name(node.node);
    match node.health {
        Health::Down => format!("restart {name}"),
        _ => format!("crash {name}{kind}"),
    }
}

fn isolate(model: &Model, node: &NodeView) -> Option<String> {
    Some(match fault_on(model, "isolate", node.node) {
        Some(fault) => format!("heal f{}", fault.number),
        None => format!("isolate {}", model.name(node.node)),
    })
}

fn pause(model: &Model, node: &NodeView) -> Option<String> {
    let name = model.name(node.node);
    match node.health {
        Health::Paused => Some(format!("resume {name}")),
        Health::Up => Some(format!("pause {name}")),
        Health::Down => None,
    }
}

/// Goes through the amounts of a fault on the target; the same command replaces the amount before.
fn cycle(model: &Model, verb: &str, amounts: &[&str]) -> Vec<Effect> {
    let now = |node: &NodeView| {
        let active = fault_on(model, verb, node.node).map(|fault| fault.what.to_string()).unwrap_or_default();
        amounts.iter().position(|amount| active.ends_with(&format!(" {amount}"))).unwrap_or(0)
    };
    let next = |node: &NodeView| amounts[(now(node) + 1) % amounts.len()];
    each(model, |model, node| Some(format!("{verb} {} {}", model.name(node.node), next(node))))
}

/// Clock jumps add up in the world, so the one before is taken back first.
fn skew(model: &Model, node: &NodeView) -> Option<String> {
    let name = model.name(node.node);
    let active = fault_on(model, "clock", node.node);
    let now =
        active.and_then(|fault| SKEWS.iter().position(|skew| !skew.is_empty() && fault.what.ends_with(skew)));
    match (now, active) {
        (None, _) => Some(format!("clock {name} {}", SKEWS[1])),
        (Some(1), _) => Some(format!("clock {name} +1s")),
        (Some(_), Some(fault)) => Some(format!("heal f{}", fault.number)),
        (Some(_), None) => None,
    }
}

fn toggle_load(model: &mut Model) -> Vec<Effect> {
    let demand = model.frame.runs[model.run].write_demand.iter().rev().take(2).sum::<u32>();
    match demand {
        0 => command("workload rate=30"),
        _ => command("workload rate=0"),
    }
}

fn next_run(model: &mut Model) -> Vec<Effect> {
    let count = model.frame.runs.len();
    if count < 2 {
        model.notice = Some("this scenario has one run".to_owned());
        return Vec::new();
    }
    model.run = (model.run + 1) % count;
    if model.target.is_some_and(|target| target.index() >= model.cluster().nodes.len()) {
        model.target = Some(NodeId(0));
    }
    ledger::tell_here(model)
}

fn side_by_side(model: &mut Model) {
    if model.view == View::SideBySide {
        model.view = model.view_before;
    } else {
        model.view_before = model.view;
        model.view = View::SideBySide;
    }
}

/// One level back; `quits` at the top.
fn back(model: &mut Model, quits: bool) -> Vec<Effect> {
    if !matches!(model.focus, Focus::World) {
        model.focus = Focus::World;
    } else if model.is_expanded {
        model.is_expanded = false;
    } else if model.shows_markers {
        model.shows_markers = false;
    } else if model.shows_story && model.view == View::Ledger {
        return ledger::close_story(model);
    } else if model.view != View::Cluster {
        model.view = View::Cluster;
    } else if !model.filter.is_empty() {
        model.filter.clear();
    } else if quits {
        return vec![Effect::Ask(Request::Quit), Effect::Quit];
    } else {
        model.tour = None;
        model.toast_seen = model.frame.toasts.last().map_or(0, |toast| toast.serial);
    }
    Vec::new()
}

fn partition(model: &mut Model) -> Vec<Effect> {
    let active = model.cluster().faults.iter().find(|fault| fault.verb == "partition");
    if let Some(fault) = active {
        return command(format!("heal f{}", fault.number));
    }
    let count = model.cluster().nodes.len();
    // The first nodes against the rest, as a lesson would begin: the primary's side is the smaller one.
    let sides = (0..count).map(|node| node >= count / 2).collect();
    model.focus = Focus::Partition { sides, cursor: 0 };
    Vec::new()
}

fn toggle_side(model: &mut Model, place: Option<usize>) {
    if let Focus::Partition { sides, cursor } = &mut model.focus {
        let place = place.unwrap_or(*cursor);
        if let Some(side) = sides.get_mut(place) {
            *side = !*side;
            *cursor = place;
        }
    }
}

fn move_selection(model: &mut Model, by: isize) {
    let rows = match &model.focus {
        Focus::Help { filter, .. } => menus::help_rows(filter).len(),
        Focus::Menu(menu, selected) => menus::menu(model, *menu, *selected).rows.len(),
        Focus::Prompt(prompt) => palette::completions(model, prompt).len(),
        Focus::Partition { sides, .. } => sides.len(),
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
        Focus::World => {}
    }
}

fn complete(model: &mut Model) {
    let Focus::Prompt(prompt) = &model.focus else { return };
    let found = palette::completions(model, prompt);
    let Some((text, _)) = found.get(prompt.selected.unwrap_or(0)).cloned() else { return };
    if let Focus::Prompt(prompt) = &mut model.focus {
        prompt.input = Input::new(if text.contains(' ') { text } else { format!("{text} ") });
        prompt.selected = None;
    }
}

fn enter(model: &mut Model) -> Vec<Effect> {
    match std::mem::replace(&mut model.focus, Focus::World) {
        Focus::World => Vec::new(),
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
        Focus::Partition { sides, .. } => enter_partition(model, &sides),
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

fn enter_partition(model: &mut Model, sides: &[bool]) -> Vec<Effect> {
    let names = |second: bool| {
        let side = sides.iter().enumerate().filter(|(_, side)| **side == second);
        side.map(|(node, _)| model.name(NodeId::at(node))).collect::<Vec<_>>().join(",")
    };
    let (left, right) = (names(false), names(true));
    if left.is_empty() || right.is_empty() {
        model.notice = Some("a partition needs a node on each side".to_owned());
        return Vec::new();
    }
    command(format!("partition {left} | {right}"))
}
