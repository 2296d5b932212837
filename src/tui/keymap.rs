//! The only table of keys. Help, footer and tests read it; nothing describes a key a second time.

use super::model::Model;
use crate::base::ids::NodeId;
use crate::cluster::view::{FaultView, Health, NodeView};
use crate::screen::View;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// Where a key has its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The screen itself.
    World,
    /// The same on stage: what has no meaning of its own there means what it does elsewhere.
    Stage,
    /// A line is being typed.
    Prompt,
    /// The help.
    Help,
    /// A menu.
    Menu,
    /// The partition editor.
    Partition,
}

/// What a key means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "documented by the rows of BINDINGS")]
pub enum Action {
    TogglePause,
    Step,
    StepBack,
    NextMessage,
    PreviousMessage,
    NextMarker,
    PreviousMarker,
    NextFault,
    PreviousFault,
    Forward,
    Backward,
    Beginning,
    Live,
    Undo,
    Redo,
    Branch,
    Lanes,
    Mouse,
    Record,
    Faster,
    Slower,
    RealSpeed,
    Target(u8),
    TargetAll,
    NextNode,
    PreviousNode,
    Expand,
    Crash,
    CrashPower,
    Isolate,
    PauseNode,
    Partition,
    Loss,
    Slow,
    Clock,
    Faults,
    HealAll,
    Write,
    Read,
    ToggleLoad,
    NextRun,
    SideBySide,
    Options,
    Views,
    Checks,
    Timeline,
    Mark,
    Filter,
    Help,
    Palette,
    Redraw,
    Restart,
    Suspend,
    QuitNow,
    Back,
    Leave,
    Enter,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Complete,
    Toggle,
    Why,
    Present,
    NextBeat,
    Copy,
}

/// A key as the table names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub code: KeyCode,
    /// Whether Ctrl is held.
    pub is_ctrl: bool,
    /// Whether Shift is held; a letter says so by itself.
    pub is_shift: bool,
}

/// One row: keys, what they mean where, and what is said of them.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// The keys as people write them, `/`-separated where several do the same.
    pub keys: &'static str,
    /// Where.
    pub mode: Mode,
    /// What they mean.
    pub action: Action,
    /// In the help.
    pub doc: &'static str,
    /// In the footer: the words, and how useful they are there (0: not shown).
    pub hint: (&'static str, u8),
}

const fn row(
    mode: Mode,
    keys: &'static str,
    action: Action,
    doc: &'static str,
    hint: (&'static str, u8),
) -> Binding {
    Binding { keys, mode, action, doc, hint }
}

use Mode::{Help as H, Menu as M, Partition as P, Prompt as I, Stage as S, World as W};

/// The keys.
pub const BINDINGS: &[Binding] = &[
    row(W, "space", Action::TogglePause, "run or pause", ("run/pause", 95)),
    row(W, ".", Action::Step, "take one event", ("step", 60)),
    row(W, ",", Action::StepBack, "go back by one event", ("step back", 58)),
    row(W, ">", Action::NextMessage, "on to the next message that reaches the target", ("", 0)),
    row(W, "<", Action::PreviousMessage, "back to the last message that reached it", ("", 0)),
    row(W, "]", Action::NextMarker, "on to the next marker of the timeline", ("", 0)),
    row(W, "[", Action::PreviousMarker, "back to the marker before", ("marker back", 57)),
    row(W, "}", Action::NextFault, "on to the next fault", ("", 0)),
    row(W, "{", Action::PreviousFault, "back to the fault before", ("", 0)),
    row(W, "shift-right", Action::Forward, "on by five seconds", ("", 0)),
    row(W, "shift-left", Action::Backward, "back by five seconds", ("", 0)),
    row(W, "home", Action::Beginning, "to the beginning of time", ("", 0)),
    row(W, "end", Action::Live, "to the end of what has been lived through", ("live", 96)),
    row(W, "u", Action::Undo, "undo the last command: the same time without it", ("undo", 62)),
    row(W, "U", Action::Redo, "take the undone command back in", ("", 0)),
    row(
        W,
        "b",
        Action::Branch,
        "another future from here; the known one stays beside it",
        ("branch here", 88),
    ),
    row(W, "B", Action::Lanes, "list the futures", ("futures", 54)),
    row(W, "+", Action::Faster, "faster", ("", 0)),
    row(W, "-", Action::Slower, "slower", ("", 0)),
    row(W, "=", Action::RealSpeed, "real speed", ("", 0)),
    row(W, "0", Action::TargetAll, "target all nodes", ("", 0)),
    row(W, "right/l", Action::NextNode, "target the next node", ("", 0)),
    row(W, "left/h", Action::PreviousNode, "target the previous node", ("", 0)),
    row(W, "e", Action::Expand, "the target's card fills the screen, and back", ("", 0)),
    row(W, "c", Action::Crash, "crash the target; if it is down: restart it", ("crash", 100)),
    row(W, "C", Action::CrashPower, "crash the target with loss of power: unflushed data is gone", ("", 0)),
    row(W, "i", Action::Isolate, "isolate the target; if it is: let it rejoin", ("isolate", 90)),
    row(W, "z", Action::PauseNode, "pause the target's process; if it is: resume it", ("pause it", 50)),
    row(W, "p", Action::Partition, "partition editor; if there is a partition: heal it", ("partition", 70)),
    row(W, "d", Action::Loss, "loss on the target's links: 0, 10, 50, 100 %", ("loss", 30)),
    row(W, "s", Action::Slow, "slow the target's processor: 1x, 20x, 100x", ("slow", 30)),
    row(W, "x", Action::Clock, "skew the target's clock: 0, -500 ms, +500 ms", ("clock", 25)),
    row(W, "f", Action::Faults, "all faults, with their words", ("faults", 55)),
    row(W, "H", Action::HealAll, "heal everything: restart, resume, reconnect", ("heal all", 92)),
    row(W, "w", Action::Write, "write a key at the target", ("write", 45)),
    row(W, "r", Action::Read, "read a key at the target", ("read", 44)),
    row(W, "W", Action::ToggleLoad, "stop the load, or let it go on", ("", 0)),
    row(W, "t", Action::NextRun, "show the next run: same seed, operations, faults", ("other topology", 98)),
    row(W, "T", Action::SideBySide, "two runs side by side, with their difference", ("side by side", 85)),
    row(
        W,
        "enter/Y",
        Action::Why,
        "why? the causes of an event, an operation, a loss, an election; in the ledger: the chosen write's story",
        ("why?", 58),
    ),
    row(W, "o", Action::Options, "the shown run's knobs", ("options", 35)),
    row(
        W,
        "v",
        Action::Views,
        "views: cluster, log, network, metrics, differences, ledger, checks, keys",
        ("views", 40),
    ),
    row(W, "V", Action::Checks, "which guarantees held so far, with the evidence; and back", ("", 0)),
    row(W, "J", Action::Timeline, "list the timeline's markers", ("", 0)),
    row(
        W,
        "up/k",
        Action::Up,
        "scroll back: the log, the figures, a story, a large card; choose in a list",
        ("", 0),
    ),
    row(W, "down/j", Action::Down, "scroll on", ("", 0)),
    row(W, "pageup", Action::PageUp, "ten rows back", ("", 0)),
    row(W, "pagedown", Action::PageDown, "ten rows on", ("", 0)),
    row(W, "g", Action::First, "to the top of a view", ("", 0)),
    row(W, "G", Action::Last, "to its end", ("", 0)),
    row(W, "R", Action::Record, "record to a file that plays it again; end the recording", ("record", 36)),
    row(
        W,
        "P",
        Action::Present,
        "present: narration large, keys shown, nothing else; it stops at each beat; and back",
        ("present", 33),
    ),
    row(S, "enter", Action::NextBeat, "on stage: on from a beat, or on to the next one", ("on", 90)),
    row(W, "y", Action::Copy, "copy the command line that leads to this moment", ("copy", 34)),
    row(W, "M", Action::Mouse, "mouse on or off: the timeline can be clicked", ("", 0)),
    row(W, "m", Action::Mark, "take a note: a marker on the timeline, in recordings and films", ("note", 32)),
    row(W, "/", Action::Filter, "show only events, or writes of the ledger, that contain a text", ("", 0)),
    row(W, "?", Action::Help, "this help", ("help", 97)),
    row(W, ":/ctrl-p", Action::Palette, "type a command", ("command", 65)),
    row(W, "ctrl-l", Action::Redraw, "draw the whole screen again", ("", 0)),
    row(W, "ctrl-r", Action::Restart, "start the scenario again, same seed", ("", 0)),
    row(W, "ctrl-z", Action::Suspend, "suspend to the shell", ("", 0)),
    row(W, "esc", Action::Leave, "back one level; skip the tour", ("", 0)),
    row(W, "q", Action::Back, "back; at the top: quit", ("quit", 20)),
    row(W, "ctrl-c", Action::QuitNow, "quit now", ("", 0)),
    row(I, "enter", Action::Enter, "do it", ("do it", 90)),
    row(I, "esc", Action::Leave, "leave it", ("leave", 80)),
    row(I, "tab", Action::Complete, "take the completion", ("complete", 70)),
    row(I, "up", Action::Up, "previous completion or past command", ("", 0)),
    row(I, "down", Action::Down, "next completion", ("", 0)),
    row(I, "ctrl-c", Action::QuitNow, "quit now", ("", 0)),
    row(H, "esc/?", Action::Leave, "close the help", ("close", 90)),
    row(H, "up", Action::Up, "scroll up", ("scroll", 50)),
    row(H, "down", Action::Down, "scroll down", ("", 0)),
    row(H, "pageup", Action::PageUp, "ten rows up", ("", 0)),
    row(H, "pagedown", Action::PageDown, "ten rows down", ("", 0)),
    row(H, "home", Action::First, "to the first row", ("", 0)),
    row(H, "end", Action::Last, "to the last row", ("", 0)),
    row(H, "enter", Action::Enter, "take a command to the command line", ("take it", 60)),
    row(H, "ctrl-c", Action::QuitNow, "quit now", ("", 0)),
    row(M, "enter", Action::Enter, "choose", ("choose", 90)),
    row(M, "up/k", Action::Up, "previous row", ("", 0)),
    row(M, "down/j", Action::Down, "next row", ("", 0)),
    row(M, "pageup", Action::PageUp, "ten rows up", ("", 0)),
    row(M, "pagedown", Action::PageDown, "ten rows down", ("", 0)),
    row(M, "home", Action::First, "to the first row", ("", 0)),
    row(M, "end", Action::Last, "to the last row", ("", 0)),
    row(M, "esc/q", Action::Leave, "close", ("close", 80)),
    row(M, "ctrl-c", Action::QuitNow, "quit now", ("", 0)),
    row(P, "space", Action::Toggle, "move the node to the other side", ("other side", 80)),
    row(P, "up/k", Action::Up, "previous node", ("", 0)),
    row(P, "down/j", Action::Down, "next node", ("", 0)),
    row(P, "enter", Action::Enter, "cut between the two sides", ("cut", 95)),
    row(P, "esc/p/q", Action::Leave, "leave it", ("leave", 70)),
    row(P, "ctrl-c", Action::QuitNow, "quit now", ("", 0)),
];

/// The single keys of a row; `/` alone is the slash itself.
pub fn keys_of(binding: &Binding) -> Vec<&'static str> {
    if binding.keys == "/" { vec!["/"] } else { binding.keys.split('/').collect() }
}

/// Reads a key as the table writes it.
pub fn parse_key(text: &str) -> Option<Key> {
    if let Some(letter) = text.strip_prefix("ctrl-") {
        let key = |c| Key { code: KeyCode::Char(c), is_ctrl: true, is_shift: false };
        return letter.chars().next().map(key);
    }
    let (text, is_shift) = text.strip_prefix("shift-").map_or((text, false), |text| (text, true));
    let code = match text {
        "space" => KeyCode::Char(' '),
        "enter" => KeyCode::Enter,
        "esc" => KeyCode::Esc,
        "tab" => KeyCode::Tab,
        "up" => KeyCode::Up,
        "down" => KeyCode::Down,
        "left" => KeyCode::Left,
        "right" => KeyCode::Right,
        "pageup" => KeyCode::PageUp,
        "pagedown" => KeyCode::PageDown,
        "home" => KeyCode::Home,
        "end" => KeyCode::End,
        _ => {
            let mut letters = text.chars();
            KeyCode::Char(letters.next().filter(|_| letters.next().is_none())?)
        }
    };
    Some(Key { code, is_ctrl: false, is_shift })
}

fn key(event: &KeyEvent) -> Key {
    Key {
        code: event.code,
        is_ctrl: event.modifiers.contains(KeyModifiers::CONTROL),
        is_shift: event.modifiers.contains(KeyModifiers::SHIFT) && !matches!(event.code, KeyCode::Char(_)),
    }
}

/// The name of a key as the table writes it.
pub fn name_of(event: &KeyEvent) -> Option<String> {
    let key = key(event);
    let known = BINDINGS.iter().flat_map(keys_of).find(|text| parse_key(text) == Some(key));
    match (known, key.code) {
        (Some(known), _) => Some(known.to_owned()),
        (None, KeyCode::Char(digit @ '1'..='9')) if !key.is_ctrl => Some(digit.to_string()),
        _ => None,
    }
}

/// What `event` means in `mode`.
pub fn resolve(mode: Mode, event: &KeyEvent) -> Option<Action> {
    let key = key(event);
    if let (Mode::World | Mode::Stage | Mode::Partition, KeyCode::Char(digit @ '1'..='9'), false) =
        (mode, key.code, key.is_ctrl)
    {
        return Some(Action::Target(digit as u8 - b'1'));
    }
    let of_mode = |mode: Mode| {
        let is_it = |binding: &&Binding| {
            binding.mode == mode && keys_of(binding).iter().any(|text| parse_key(text) == Some(key))
        };
        BINDINGS.iter().find(is_it).map(|binding| binding.action)
    };
    of_mode(mode).or_else(|| if mode == Mode::Stage { of_mode(Mode::World) } else { None })
}

/// The active fault of this verb on `node`, to be taken back.
pub fn fault_on<'a>(model: &'a Model, verb: &str, node: NodeId) -> Option<&'a FaultView> {
    model.cluster().faults.iter().find(|fault| fault.verb == verb && fault.nodes.contains(&node))
}

/// What keys do at this moment, most useful first: the words follow the target's state.
pub fn hints(model: &Model) -> Vec<(String, String)> {
    let mode = model.mode();
    let worth = |binding: &Binding| match in_view(model, binding.action) {
        Some((_, worth)) if mode == Mode::World => worth,
        _ => binding.hint.1,
    };
    let mut rows: Vec<&Binding> =
        BINDINGS.iter().filter(|binding| binding.mode == mode && worth(binding) > 0).collect();
    rows.sort_by_key(|binding| std::cmp::Reverse(worth(binding)));
    let is_useful = |binding: &&Binding| match binding.action {
        Action::NextRun | Action::SideBySide => model.frame.runs.len() > 1,
        Action::HealAll => !model.cluster().faults.is_empty(),
        Action::Step | Action::StepBack => !model.frame.is_running,
        Action::PreviousMarker => !model.frame.is_running && !model.frame.is_past(),
        Action::Live | Action::Branch => model.frame.is_past(),
        Action::Lanes => model.frame.lanes.len() > 1,
        Action::Undo => model.has_by_hand(),
        _ => true,
    };
    rows.into_iter()
        .filter(is_useful)
        .map(|binding| (keys_of(binding)[0].to_owned(), words(model, binding)))
        .collect()
}

/// What a key does in the view that is open, and how useful that is; nothing where it does what it always does.
fn in_view(model: &Model, action: Action) -> Option<(&'static str, u8)> {
    let is_list = matches!(model.view, View::Ledger | View::Checks | View::Metrics | View::Differences);
    match (model.view, action) {
        (View::Cluster, Action::Expand) if model.is_expanded => Some(("back", 99)),
        (View::Cluster, Action::Down) if model.is_expanded => Some(("scroll", 97)),
        (View::Cluster | View::SideBySide, _) => None,
        (_, Action::Leave) => Some(("back", 94)),
        (View::Ledger, Action::Why) if !model.shows_story => Some(("its story", 100)),
        (View::Ledger, Action::Down) if !model.shows_story => Some(("next write", 99)),
        (View::Ledger, Action::Filter) if !model.shows_story => Some(("filter", 93)),
        (View::Checks, Action::Down) => Some(("next guarantee", 99)),
        (View::Log, Action::Up) => Some(("scroll back", 93)),
        (_, Action::Down) if !matches!(model.view, View::Network | View::Log) => Some(("scroll", 93)),
        // What is done to a node is not seen there.
        (
            _,
            Action::Crash
            | Action::Isolate
            | Action::PauseNode
            | Action::Partition
            | Action::Loss
            | Action::Slow
            | Action::Clock
            | Action::Write
            | Action::Read,
        ) if is_list => Some(("", 0)),
        _ => None,
    }
}

fn words(model: &Model, binding: &Binding) -> String {
    if let Some((words, _)) = in_view(model, binding.action).filter(|_| binding.mode == Mode::World) {
        return words.to_owned();
    }
    let node = model.node();
    let name = node.map_or_else(|| "all".to_owned(), |node| model.name(node.node));
    let is = |health: Health| node.is_some_and(|node: &NodeView| node.health == health);
    match binding.action {
        Action::TogglePause if model.frame.is_running => "pause".to_owned(),
        Action::TogglePause => "run".to_owned(),
        Action::Record if model.frame.recording.is_some() => "end recording".to_owned(),
        Action::Crash if is(Health::Down) => format!("restart {name}"),
        Action::Crash => format!("crash {name}"),
        Action::Isolate if node.is_some_and(|node| fault_on(model, "isolate", node.node).is_some()) => {
            format!("rejoin {name}")
        }
        Action::Isolate => format!("isolate {name}"),
        Action::PauseNode if is(Health::Paused) => format!("resume {name}"),
        Action::Partition if model.cluster().faults.iter().any(|fault| fault.verb == "partition") => {
            "heal partition".to_owned()
        }
        Action::NextRun => {
            let next = (model.run + 1) % model.frame.runs.len();
            format!("show {}", model.frame.runs[next].id)
        }
        _ => binding.hint.0.to_owned(),
    }
}
