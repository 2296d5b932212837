//! What keys do: an action changes the model, or becomes a request to the driver. Everything done to the world is a
//! command in the grammar's own words.

use super::again;
use super::choices::{complete, enter, move_selection, open, type_into};
use super::deeds::{self, LOSSES, SLOWNESS, each};
use super::keymap::{Action, name_of, resolve};
use super::ledger;
use super::menus::TOUR;
use super::model::{Focus, Model};
use crate::base::ids::NodeId;
use crate::driver::frame::FULL_SPEED;
use crate::driver::{Request, Seek, Stop};
use crate::screen::{View, instant_at};
use crossterm::event::{KeyCode, KeyEvent, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Rect;

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
    /// Put this on the clipboard.
    Copy(String),
    /// Quit.
    Quit,
}

/// Rows that a page key moves.
const PAGE: isize = 10;
/// What a scrub goes by.
const SCRUB_US: i64 = 5_000_000;
/// The speeds, in thousandths.
const SPEEDS: [u32; 8] = [100, 250, 500, 1_000, 2_000, 5_000, 10_000, FULL_SPEED];

/// A key was pressed.
pub fn press(model: &mut Model, event: &KeyEvent) -> Vec<Effect> {
    let (view, before) = (model.view, model.watched());
    let mut effects = Vec::new();
    match resolve(model.mode(), event) {
        Some(action) => {
            effects.extend(show_key(model, event));
            effects.extend(act(model, action));
            advance_tour(model, action);
        }
        None => effects.extend(type_into(model, event)),
    }
    if model.view != view {
        model.scroll = 0;
    }
    let now = model.watched();
    if now != before {
        // Whoever looks elsewhere is left to it.
        model.follows = false;
        if model.frame.recording.is_some() {
            effects.push(Effect::Ask(Request::Cue(now)));
        }
    }
    effects
}

/// Shows a key that means something to an audience, and notes it in a recording.
fn show_key(model: &mut Model, event: &KeyEvent) -> Option<Effect> {
    let name = name_of(event)?;
    model.note_key(name.clone());
    model.frame.recording.is_some().then(|| Effect::Ask(Request::Cue(format!("key {name}"))))
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
    if matches!(model.focus, Focus::Prompt(_) | Focus::Help { .. }) {
        for letter in text.chars().filter(|c| !c.is_control()).take(1_000) {
            type_into(model, &KeyEvent::from(KeyCode::Char(letter)));
        }
    }
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

pub(super) fn command(text: impl Into<String>) -> Vec<Effect> {
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
        Action::Crash => return each(model, |model, node| Some(deeds::crash(model, node, ""))),
        Action::CrashPower => return each(model, |model, node| Some(deeds::crash(model, node, " power"))),
        Action::Isolate => return each(model, deeds::isolate),
        Action::PauseNode => return each(model, deeds::pause),
        Action::Loss => return deeds::cycle(model, "loss", &LOSSES),
        Action::Slow => return deeds::cycle(model, "slow-cpu", &SLOWNESS),
        Action::Clock => return each(model, deeds::skew),
        Action::HealAll => return command("heal"),
        Action::ToggleLoad => return deeds::toggle_load(model),
        Action::NextRun => return next_run(model),
        Action::SideBySide => side_by_side(model),
        Action::Checks => {
            model.view = if model.view == View::Checks { View::Cluster } else { View::Checks };
        }
        Action::Present => return present(model),
        Action::NextBeat => return ask(Request::NextBeat),
        Action::Copy => return again::copy(model),
        Action::Restart => return vec![Effect::Ask(Request::Restart)],
        Action::Redraw => return vec![Effect::Redraw],
        Action::Suspend => return vec![Effect::Suspend],
        Action::QuitNow => return vec![Effect::Quit],
        Action::Back => return back(model, true),
        Action::Leave => return back(model, false),
        Action::Enter => return enter(model),
        Action::Why if model.view == View::Ledger && !model.shows_story => return ledger::open_story(model),
        Action::Partition => return deeds::partition(model),
        Action::Up => move_selection(model, -1),
        Action::Down => move_selection(model, 1),
        Action::PageUp => move_selection(model, -PAGE),
        Action::PageDown => move_selection(model, PAGE),
        Action::First => move_selection(model, isize::MIN),
        Action::Last => move_selection(model, isize::MAX),
        Action::Complete => complete(model),
        Action::Toggle => deeds::toggle_side(model, None),
        opening => open(model, opening),
    }
    Vec::new()
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
        return deeds::toggle_side(model, Some(place));
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

/// For an audience, or no longer.
pub(super) fn present(model: &mut Model) -> Vec<Effect> {
    model.is_presenting = !model.is_presenting;
    model.is_presenter = model.is_presenting;
    ask(Request::Present(model.is_presenting))
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
