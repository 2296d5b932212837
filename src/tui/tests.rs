//! Keys and what comes of them: (state, keys, what is asked of the driver).

use super::keymap::{Action, BINDINGS, Mode, hints, keys_of, parse_key, resolve};
use super::menus;
use super::model::{Focus, Menu, Model};
use super::update::{Effect, click as click_at, paste, press};
use crate::base::ids::NodeId;
use crate::base::time::VirtualTime;
use crate::base::why::{About, Kind, Reason};
use crate::driver::frame::{Explained, Followed, Gaze};
use crate::driver::{Request, Seek};
use crate::screen::View;
use crate::screen::look::Look;
use crate::screen::sample::frame;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use std::sync::Arc;

fn model(millis: u64, commands: &[&str]) -> Model {
    let complete = |text: &str| vec![(format!("{text}solate"), "isolate NODE".to_owned())];
    Model::new(
        Arc::new(frame("same-cut-four-answers", millis, commands)),
        0,
        Look::default(),
        Box::new(complete),
        true,
    )
}

fn event(key: &str) -> KeyEvent {
    let key = parse_key(key).unwrap_or_else(|| panic!("no key {key}"));
    let modifiers = match (key.is_ctrl, key.is_shift) {
        (true, _) => KeyModifiers::CONTROL,
        (_, true) => KeyModifiers::SHIFT,
        _ => KeyModifiers::NONE,
    };
    KeyEvent::new(key.code, modifiers)
}

/// Presses keys, blank-separated; gives the commands and requests that came of them.
fn press_all(model: &mut Model, keys: &str) -> Vec<String> {
    let mut asked = Vec::new();
    for key in keys.split(' ') {
        for effect in press(model, &event(key)) {
            match effect {
                Effect::Ask(Request::Command(text)) => asked.push(text),
                Effect::Ask(Request::Commands(texts)) => asked.extend(texts),
                other => asked.push(format!("{other:?}")),
            }
        }
    }
    asked
}

fn type_line(model: &mut Model, text: &str) {
    for c in text.chars() {
        press(model, &KeyEvent::new(KeyCode::Char(c), KeyModifiers::NONE));
    }
}

#[test]
fn every_key_of_the_table_is_a_key_and_means_one_thing_in_its_mode() {
    let mut seen = Vec::new();
    for binding in BINDINGS {
        assert!(!binding.doc.is_empty(), "{}", binding.keys);
        for key in keys_of(binding) {
            assert!(parse_key(key).is_some(), "{key}");
            assert!(!seen.contains(&(binding.mode, key)), "{key} twice in {:?}", binding.mode);
            seen.push((binding.mode, key));
            assert_eq!(resolve(binding.mode, &event(key)), Some(binding.action), "{key}");
        }
    }
}

#[test]
fn keys_are_commands_in_the_grammars_words() {
    let vocabulary =
        crate::scenario::vocabulary(&crate::scenario::presets::load("playground").expect("it loads"));
    for keys in ["c", "C", "i", "z", "d", "s", "x", "H", "2 c", "0 i", "W"] {
        for text in press_all(&mut model(1_000, &[]), keys) {
            assert!(crate::scenario::grammar::parse(&text, &vocabulary).is_ok(), "{keys}: {text}");
        }
    }
}

#[test]
fn faults_are_toggles() {
    assert_eq!(press_all(&mut model(1_000, &[]), "c"), ["crash n1"]);
    assert_eq!(press_all(&mut model(1_000, &["0.5s crash n1"]), "c"), ["restart n1"]);
    assert_eq!(press_all(&mut model(1_000, &["0.5s pause n2"]), "2 z"), ["resume n2"]);
    assert_eq!(press_all(&mut model(1_000, &["0.5s isolate n3"]), "3 i"), ["heal f1"]);
    assert_eq!(press_all(&mut model(1_000, &["0.5s partition n1 | n2,n3,n4,n5"]), "p"), ["heal f1"]);
    assert_eq!(press_all(&mut model(1_000, &[]), "0 i").len(), 5, "all nodes");
}

#[test]
fn amounts_go_round() {
    assert_eq!(press_all(&mut model(1_000, &[]), "d"), ["loss n1 10%"]);
    assert_eq!(press_all(&mut model(1_000, &["0.5s loss n1 10%"]), "d"), ["loss n1 50%"]);
    assert_eq!(press_all(&mut model(1_000, &["0.5s loss n1 100%"]), "d"), ["loss n1 0%"]);
    assert_eq!(press_all(&mut model(1_000, &["0.5s slow-cpu n1 20x"]), "s"), ["slow-cpu n1 100x"]);
    assert_eq!(press_all(&mut model(1_000, &[]), "x"), ["clock n1 -500ms"]);
}

#[test]
fn the_partition_editor_cuts_between_its_sides() {
    let mut model = model(1_000, &[]);
    assert_eq!(press_all(&mut model, "p 1 enter"), ["partition n2 | n1,n3,n4,n5"]);
    assert!(matches!(model.focus, Focus::World));
    assert_eq!(press_all(&mut model, "p 1 2 enter"), Vec::<String>::new(), "nobody on one side");
    assert!(model.watch().toast.is_some_and(|(text, _)| text.contains("each side")));
}

#[test]
fn the_palette_sends_what_was_typed_and_remembers_it() {
    let mut model = model(1_000, &[]);
    press_all(&mut model, ":");
    type_line(&mut model, "crash n4");
    assert_eq!(press_all(&mut model, "enter"), ["crash n4"]);
    press_all(&mut model, ": up");
    assert_eq!(press_all(&mut model, "enter"), ["crash n4"]);
    press_all(&mut model, ":");
    type_line(&mut model, "i");
    press_all(&mut model, "tab");
    assert_eq!(press_all(&mut model, "enter"), ["isolate"]);
}

#[test]
fn write_and_read_come_filled_in_and_keep_their_key() {
    let mut model = model(1_000, &[]);
    assert_eq!(press_all(&mut model, "3 w enter"), ["write x=5 at n3"]);
    press_all(&mut model, ":");
    type_line(&mut model, "write colour=red");
    press_all(&mut model, "enter");
    assert_eq!(press_all(&mut model, "r enter"), ["read colour at n3"]);
}

#[test]
fn what_is_pasted_goes_where_it_would_be_typed() {
    let mut model = model(1_000, &[]);
    press_all(&mut model, "2 w");
    paste(&mut model, "k7=pasted\n");
    assert_eq!(press_all(&mut model, "enter"), ["write k7=pasted at n2"]);
    press_all(&mut model, "?");
    paste(&mut model, "undo");
    assert!(matches!(&model.focus, Focus::Help { filter, .. } if filter == "undo"));
}

#[test]
fn what_is_only_offered_is_typed_over() {
    let mut model = model(1_000, &[]);
    press_all(&mut model, "2 w");
    type_line(&mut model, "k1=hello");
    assert_eq!(press_all(&mut model, "enter"), ["write k1=hello at n2"]);
    press_all(&mut model, "r left");
    type_line(&mut model, "0");
    assert_eq!(press_all(&mut model, "enter"), ["read k01 at n2"], "an arrow makes it text to edit");
}

#[test]
fn reading_the_help_does_nothing_to_the_world() {
    let mut model = model(1_000, &[]);
    press_all(&mut model, "?");
    type_line(&mut model, "crash the");
    assert!(press_all(&mut model, "down enter").is_empty());
    assert!(matches!(model.focus, Focus::World));
    press_all(&mut model, "? end");
    assert!(press_all(&mut model, "enter").is_empty());
    assert!(matches!(model.focus, Focus::Prompt(_)), "the last row is a command");
}

#[test]
fn long_views_scroll_and_begin_anew() {
    let mut model = model(1_000, &[]);
    press_all(&mut model, "v 4");
    press_all(&mut model, "down down pagedown up");
    assert_eq!(model.watch().scroll, 11);
    press_all(&mut model, "g");
    assert_eq!(model.watch().scroll, 0);
    press_all(&mut model, "G v 2");
    assert_eq!(model.watch().scroll, 0, "another view");
    press_all(&mut model, "up");
    assert_eq!(model.watch().scroll, 1, "the log is read from its end");
}

#[test]
fn pasted_text_is_plain() {
    let mut model = model(1_000, &[]);
    press_all(&mut model, ":");
    paste(&mut model, "crash\u{1b}[2J n1\n");
    assert_eq!(press_all(&mut model, "enter"), ["crash[2J n1"]);
}

#[test]
fn watching_keys_ask_nothing_of_the_world() {
    let mut model = model(1_000, &[]);
    assert!(press_all(&mut model, "t T v esc e J o esc ? esc 4 right left").is_empty());
    assert_eq!((model.run, model.target), (1, Some(NodeId(3))));
    assert_eq!(
        press_all(&mut model, "space . ="),
        ["Ask(TogglePause)", "Ask(StepEvent)", "Ask(SetSpeed(1000))",]
    );
}

#[test]
fn time_goes_where_its_keys_say() {
    let mut model = model(1_000, &[]);
    let asked = press_all(&mut model, ", > < ] { shift-left home end u b");
    assert_eq!(
        asked,
        [
            "Ask(StepBack)",
            "Ask(StepMessage { run: 0, node: Some(NodeId(0)), is_back: false })",
            "Ask(StepMessage { run: 0, node: Some(NodeId(0)), is_back: true })",
            "Ask(Seek(Next(Marker)))",
            "Ask(Seek(Previous(Fault)))",
            "Ask(Seek(By(-5000000)))",
            "Ask(Seek(Start))",
            "Ask(Seek(Live))",
            "Ask(Undo)",
            "Ask(Branch)",
        ]
    );
    press_all(&mut model, ":");
    type_line(&mut model, "until lost_acked > 0");
    assert_eq!(press_all(&mut model, "enter"), ["Ask(Until(\"lost_acked > 0\"))"]);
    press_all(&mut model, ":");
    type_line(&mut model, "seek soon");
    assert!(press_all(&mut model, "enter").is_empty());
    assert!(model.watch().toast.is_some_and(|(text, _)| text.contains("`soon` is no time")));
}

#[test]
fn a_click_on_the_timeline_goes_to_its_instant() {
    let mut model = model(1_000, &[]);
    let area = ratatui::layout::Rect::new(0, 0, 120, 40);
    let row = crate::screen::layout::Layout::of(area, &model.watch(), &model.frame).timeline.y;
    let click = |column, row| MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column,
        row,
        modifiers: KeyModifiers::NONE,
    };
    // The middle of the track of a scenario of 30 s.
    let Some(Request::Seek(Seek::To(at))) = click_at(&mut model, &click(60, row), area) else {
        panic!("the timeline can be clicked")
    };
    assert!((14_000_000..16_000_000).contains(&at.0), "{at}");
    assert_eq!(click_at(&mut model, &click(60, row - 3), area), None);
}

#[test]
fn escape_goes_back_and_never_quits_while_q_quits_at_the_top() {
    let mut model = model(1_000, &[]);
    press_all(&mut model, "T ? esc");
    assert_eq!(model.view, View::SideBySide);
    assert!(press_all(&mut model, "esc esc esc").is_empty());
    assert_eq!((model.view, model.tour), (View::Cluster, None));
    assert_eq!(press_all(&mut model, "q"), ["Ask(Quit)", "Quit"]);
    assert_eq!(press_all(&mut model, "ctrl-c"), ["Quit"]);
}

#[test]
fn hints_are_true_for_the_moment() {
    let words = |model: &Model| {
        hints(model).into_iter().map(|(key, does)| format!("{key} {does}")).collect::<Vec<_>>()
    };
    let calm = words(&model(1_000, &[]));
    assert!(calm.contains(&"c crash n1".to_owned()) && !calm.iter().any(|hint| hint.starts_with("H ")));
    let down = words(&model(1_000, &["0.5s crash n1"]));
    assert!(down.contains(&"c restart n1".to_owned()) && down.contains(&"H heal all".to_owned()));
    let mut ledger = model(1_000, &[]);
    ledger.view = View::Ledger;
    let ledger = words(&ledger);
    assert_eq!(ledger[..2], ["enter its story", "down next write"]);
    assert!(ledger.contains(&"esc back".to_owned()) && !ledger.iter().any(|hint| hint.starts_with("c ")));
    let known: Vec<&str> = BINDINGS.iter().flat_map(keys_of).collect();
    assert!(hints(&model(1_000, &[])).iter().all(|(key, _)| known.contains(&key.as_str())));
}

#[test]
fn the_help_lists_every_key_and_every_verb_and_narrows() {
    let rows = menus::help_rows("");
    for binding in BINDINGS.iter().filter(|binding| binding.mode == Mode::World) {
        assert!(rows.iter().any(|row| row.right == binding.doc), "{}", binding.doc);
    }
    for verb in crate::base::command::VERBS {
        assert!(rows.iter().any(|row| row.left == verb.syntax), "{}", verb.word);
    }
    assert!(menus::help_rows("isolate").len() < 6);
}

#[test]
fn the_tour_goes_on_when_its_key_is_pressed() {
    let mut model = model(1_000, &[]);
    assert!(model.watch().coach.is_some_and(|coach| coach.contains("space")));
    press_all(&mut model, "space");
    assert!(model.watch().coach.is_some_and(|coach| coach.contains("Press c")));
    press_all(&mut model, "t");
    let coach = model.watch().coach.unwrap_or_default();
    assert!(coach.contains("press T"), "whoever is ahead of it is not called back: {coach}");
    assert_eq!(resolve(Mode::World, &event("c")), Some(Action::Crash));
}

#[test]
fn one_may_ask_why_and_the_answer_comes_with_a_frame() {
    let mut model = model(9_000, &["7s crash n5"]);
    press_all(&mut model, "enter");
    let offered = model.watch().overlay.expect("a menu");
    assert_eq!(offered.rows[0].left, "last-election");
    assert!(offered.rows.iter().any(|row| row.left.contains("n5 CRASH")), "{:?}", offered.rows);
    let asked = press_all(&mut model, "enter");
    assert_eq!(asked, ["Ask(Why { run: 0, about: Newest(Election) })"]);
    assert!(matches!(model.focus, Focus::Chain(0)));
    let mut answered = (*model.frame).clone();
    let reason =
        |text: &str, code| Reason { at: VirtualTime(5_000_000), node: None, code, text: text.to_owned() };
    let chain = vec![reason("n3 became primary", None), reason("`crash n1` began (f1)", Some("FAULT"))];
    let about = About::Newest(Kind::Election);
    answered.why = Some(Arc::new(Explained { run: 0, about, chain }));
    model.take_frame(Arc::new(answered));
    let rows = model.watch().overlay.expect("a panel").rows;
    assert_eq!(
        (rows[0].right.as_str(), rows[1].right.as_str()),
        ("n3 became primary", "because: `crash n1` began (f1)")
    );
    press_all(&mut model, "down enter");
    assert!(matches!(model.focus, Focus::Menu(Menu::Why, 0)), "enter asks again");
    press_all(&mut model, "esc");
    assert!(matches!(model.focus, Focus::World));
}

#[test]
fn the_views_menu_leads_to_the_differences() {
    let mut model = model(9_000, &[]);
    press_all(&mut model, "v");
    type_line(&mut model, "6");
    assert_eq!(model.view, View::Differences);
}

/// A model that records, as after `R`.
fn recording(millis: u64) -> Model {
    let mut model = model(millis, &[]);
    let mut frame = (*model.frame).clone();
    frame.recording = Some("mine.toml".into());
    model.take_frame(Arc::new(frame));
    model
}

#[test]
fn a_recording_hears_what_is_looked_at_and_which_keys_were_pressed() {
    let mut model = recording(1_000);
    let look = "view cluster, run majority, target n1";
    assert_eq!(model.greeting(), Some(Request::Cue(look.to_owned())));
    assert_eq!(model.greeting(), None, "once");
    let asked = press_all(&mut model, "c t shift-left P");
    assert_eq!(
        asked,
        [
            "Ask(Cue(\"key c\"))",
            "crash n1",
            "Ask(Cue(\"key t\"))",
            "Ask(Cue(\"view cluster, run unsafe, target n1\"))",
            "Ask(Cue(\"key shift-left\"))",
            "Ask(Seek(By(-5000000)))",
            "Ask(Cue(\"key P\"))",
            "Ask(Present(true))",
            "Ask(Cue(\"view cluster, run unsafe, target n1, presenting\"))",
        ]
    );
}

#[test]
fn on_stage_the_last_keys_are_shown_and_enter_goes_on() {
    let mut model = model(1_000, &[]);
    assert_eq!(press_all(&mut model, "P"), ["Ask(Present(true))"]);
    assert_eq!(press_all(&mut model, "2 c enter space"), ["crash n2", "Ask(NextBeat)", "Ask(TogglePause)"]);
    let keys = |model: &Model| model.watch().stage.map(|stage| stage.keys);
    assert_eq!(keys(&model).expect("a stage"), ["2", "c", "enter", "space"]);
    let mut later = (*model.frame).clone();
    later.serial += 1_000;
    model.take_frame(Arc::new(later));
    assert_eq!(keys(&model).expect("a stage"), Vec::<String>::new(), "nobody looks at old keys");
    // What is opened on top is used as ever.
    press_all(&mut model, "v");
    type_line(&mut model, "2");
    assert_eq!(model.view, View::Log);
    assert_eq!(press_all(&mut model, "P"), ["Ask(Present(false))"]);
    assert_eq!(keys(&model), None);
}

#[test]
fn a_followed_watcher_is_looked_along_with_until_somebody_looks_elsewhere() {
    let mut model = model(1_000, &[]);
    let mut serial = 0;
    let mut look = |model: &mut Model, view: &str, run: usize| {
        serial += 1;
        let gaze = Gaze { view: Some(view.into()), run: Some(run), target: Some(None), ..Gaze::default() };
        let mut frame = (*model.frame).clone();
        frame.serial += 1;
        frame.followed = Some(Arc::new(Followed { serial, gaze, keys: vec!["v".into()] }));
        model.take_frame(Arc::new(frame));
    };
    look(&mut model, "log", 1);
    assert_eq!((model.view, model.run, model.target), (View::Log, 1, None));
    assert_eq!(model.keys.len(), 1);
    press_all(&mut model, "t");
    look(&mut model, "metrics", 0);
    assert_eq!((model.view, model.run), (View::Log, 2), "this watcher looks elsewhere now");
}

#[test]
fn the_command_line_that_leads_here_is_copied_and_shown_in_full() {
    let mut model = model(1_000, &[]);
    model.origin.scenario = Some("same-cut-four-answers".to_owned());
    model.origin.changes = ["--set", "workload.rate=50"].map(str::to_owned).to_vec();
    press_all(&mut model, "t");
    let line = "splitbrain same-cut-four-answers --set workload.rate=50 --run unsafe --seek 1s";
    assert_eq!(press_all(&mut model, "y"), [format!("Copy({line:?})")]);
    assert_eq!(model.watch().overlay.and_then(|overlay| overlay.slip).as_deref(), Some(line));
    press_all(&mut model, "esc");
    assert!(model.watch().overlay.is_none());
    let mut model = recording(1_000);
    press_all(&mut model, ":");
    type_line(&mut model, "copy");
    let line = "splitbrain mine.toml --run majority --seek 1s";
    assert!(press_all(&mut model, "enter").contains(&format!("Copy({line:?})")));
}

#[test]
fn what_no_command_line_leads_to_says_so() {
    let mut model = model(1_000, &[]);
    model.origin.scenario = Some("-".to_owned());
    assert!(press_all(&mut model, "y").is_empty());
    assert!(model.watch().toast.is_some_and(|(text, _)| text.contains("save FILE")));
}
