//! Keys pressed at random: whatever hands do in any preset, what was recorded of it replays the same.

use crate::recordings::{Paper, replayed, wait};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use splitbrain::base::random::Keyed;
use splitbrain::base::time::VirtualTime;
use splitbrain::driver::replay::Replay;
use splitbrain::driver::thread::{Edges, Simulation, Start, start};
use splitbrain::driver::{Request, Seek};
use splitbrain::scenario::grammar::{complete, parse};
use splitbrain::scenario::presets::{PRESETS, load};
use splitbrain::scenario::vocabulary;
use splitbrain::screen::look::Look;
use splitbrain::tui::keymap::{Action, BINDINGS, keys_of, parse_key};
use splitbrain::tui::model::Model;
use splitbrain::tui::update::{Effect, press};
use std::sync::Arc;

/// Keys pressed in each preset.
const KEYS: u64 = 36;
/// Virtual time up to which a hand may play on: a thousand nodes cost more than five.
const FAR: VirtualTime = VirtualTime(1_500_000);
const FAR_OF_MANY: VirtualTime = VirtualTime(150_000);

/// What ends the playing or the recording, or belongs to the terminal.
const LEFT_OUT: [Action; 7] = [
    Action::Record,
    Action::Redraw,
    Action::Restart,
    Action::Suspend,
    Action::QuitNow,
    Action::Leave,
    Action::Mouse,
];

/// A hand at the keys of a simulation.
struct Hand {
    chance: Keyed,
    drawn: u64,
    far: VirtualTime,
    model: Model,
    simulation: Simulation,
}

impl Hand {
    fn below(&mut self, limit: u64) -> u64 {
        self.drawn += 1;
        self.chance.bits(self.drawn, 0) % limit
    }

    /// A key that means something where the keyboard is, now and then any letter.
    fn key(&mut self) -> KeyEvent {
        if self.below(12) == 0 {
            let letter = char::from(b'a' + self.below(26) as u8);
            return KeyEvent::new(KeyCode::Char(letter), KeyModifiers::NONE);
        }
        let mode = self.model.mode();
        let here = BINDINGS.iter().filter(|row| row.mode == mode && !LEFT_OUT.contains(&row.action));
        let keys: Vec<&str> = here.flat_map(keys_of).collect();
        let key = keys[self.below(keys.len() as u64) as usize];
        let key = parse_key(key).unwrap_or_else(|| panic!("no key {key}"));
        let modifiers = match (key.is_ctrl, key.is_shift) {
            (true, _) => KeyModifiers::CONTROL,
            (_, true) => KeyModifiers::SHIFT,
            _ => KeyModifiers::NONE,
        };
        KeyEvent::new(key.code, modifiers)
    }

    /// What is asked for in its place: nothing waits for the real clock, and nobody goes too far.
    fn tamed(&mut self, request: Request) -> Option<Request> {
        let now = self.model.frame.at;
        let on = |us: u64| Some(Request::Seek(Seek::To(VirtualTime(now.0 + us).min(self.far))));
        match request {
            Request::TogglePause | Request::Run => {
                let us = self.below(self.far.0 / 3);
                Some(Request::Seek(Seek::To(VirtualTime(now.0 + us).min(self.far))))
            }
            Request::Seek(Seek::By(us)) if us > 0 => on(us as u64),
            // Who hurries to the next words of a scenario that tells no more plays it to its end.
            Request::NextBeat | Request::Follow(true) => None,
            Request::Seek(Seek::Next(_)) | Request::Until(_) | Request::Quit | Request::Restart => None,
            Request::StepMessage { is_back: false, .. } if now >= self.far => None,
            request => Some(request),
        }
    }

    fn press(&mut self) {
        let key = self.key();
        for effect in press(&mut self.model, &key) {
            let Effect::Ask(request) = effect else { continue };
            let Some(request) = self.tamed(request) else { continue };
            let serial = self.simulation.frames.borrow().serial;
            self.simulation.requests.blocking_send(request).expect("it listens");
            let frame = wait(&mut self.simulation.frames, |frame| frame.serial > serial && !frame.is_running);
            self.model.take_frame(frame);
        }
    }
}

/// The recording of random keys in a preset.
fn recorded(preset: &str) -> String {
    let scenario = load(preset).expect("every preset loads");
    let is_large = scenario.runs.iter().any(|run| run.setup.cluster.nodes > 100);
    let (reader, words) = (vocabulary(&scenario), vocabulary(&scenario));
    let paper = Paper::with_room(usize::MAX);
    let mut edges =
        Edges::reading(Box::new(move |text| parse(text, &reader).map_err(|error| error.to_string())));
    edges.tape = Some(("paper".to_owned(), Box::new(paper.clone())));
    let begin = Start { is_paused: true, ..Start::default() };
    let simulation = start(Arc::new(scenario), begin, edges).expect("a thread");
    let first = Arc::clone(&simulation.frames.borrow());
    let complete = move |text: &str| {
        complete(text, &words).into_iter().map(|found| (found.text, found.meaning)).collect()
    };
    let model = Model::new(first, 0, Look::default(), Box::new(complete), false);
    let far = if is_large { FAR_OF_MANY } else { FAR };
    let mut hand = Hand { chance: Keyed::new(7, preset), drawn: 0, far, model, simulation };
    (0..KEYS).for_each(|_| hand.press());
    hand.simulation.requests.blocking_send(Request::Quit).expect("it listens");
    hand.simulation.thread.join().expect("it ends in peace");
    paper.text()
}

/// The file without what the watcher did; what was undone is the world's.
fn stripped(text: &str) -> String {
    let is_undoing =
        |block: &str| ["un", "re"].iter().any(|way| block.contains(&format!("cue = \"{way}do ")));
    let is_watching = |block: &&str| block.contains("\ncue = \"") && !is_undoing(block);
    text.split("\n\n").filter(|block| !is_watching(block)).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn random_keys_in_every_preset_are_recorded_and_replay_the_same_with_their_cues_and_without() {
    let (mut by_hand, mut undone, mut cues) = (0, 0, 0);
    for preset in PRESETS {
        let text = recorded(preset.name);
        let (scenario, replay) = replayed(&text, &[]);
        assert_eq!(replay, Replay::Same, "{}", preset.name);
        let bare = stripped(&text);
        let (without, replay) = replayed(&bare, &[]);
        assert_eq!(replay, Replay::Same, "{} without cues", preset.name);
        assert!(without.cues.iter().all(|cue| cue.text.contains("do ")), "{}", preset.name);
        by_hand += scenario.timeline.iter().filter(|entry| entry.by_hand.is_some()).count();
        undone += text.matches("cue = \"undo ").count();
        cues += scenario.cues.len() - without.cues.len();
    }
    assert!(by_hand > PRESETS.len() && undone > 5 && cues > PRESETS.len(), "{by_hand}, {undone}, {cues}");
}
