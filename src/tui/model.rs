//! What the watcher has chosen and is doing. Plain state; [`super::update`] changes it, [`Model::watch`] turns it
//! into what the screen needs.

use super::again::Origin;
use super::keymap::{self, Mode};
use super::menus;
use crate::base::ids::{NodeId, OpId};
use crate::base::line::Line;
use crate::base::time::VirtualTime;
use crate::cluster::view::{ClusterView, NodeView};
use crate::driver::Request;
use crate::driver::frame::{Followed, Frame, Toast};
use crate::screen::look::Look;
use crate::screen::{Overlay, Stage, View, Watch};
use std::ops::Range;
use std::sync::Arc;
use tui_input::Input;

/// Frames for which a toast stays while the world runs: about five seconds.
const TOAST_FRAMES: u64 = 150;

/// Frames for which a key is shown to an audience: about a second and a half.
const KEY_FRAMES: u64 = 45;
/// The most keys shown to it.
const KEYS: usize = 4;

/// What has the keyboard.
#[derive(Clone, Debug)]
pub enum Focus {
    /// The screen itself.
    World,
    /// A line is being typed.
    Prompt(Prompt),
    /// The help is open, with what was typed to narrow it and how far it is scrolled.
    Help {
        /// Only rows that contain this.
        filter: String,
        /// The first row shown.
        selected: usize,
    },
    /// A menu: the chosen row.
    Menu(Menu, usize),
    /// A chain of causes: the chosen link.
    Chain(usize),
    /// A text in full, to be copied by hand.
    Slip(String),
    /// The partition editor: which nodes stand on the second side, and the one the cursor is on.
    Partition {
        /// By node.
        sides: Vec<bool>,
        /// The chosen node.
        cursor: usize,
    },
}

/// A line being typed.
#[derive(Clone, Debug)]
pub struct Prompt {
    /// What it is for.
    pub kind: PromptKind,
    /// The text and the cursor.
    pub input: Input,
    /// The chosen completion, if one was chosen.
    pub selected: Option<usize>,
    /// What is only offered: the first letter typed replaces these bytes.
    pub fresh: Option<Range<usize>>,
}

impl Prompt {
    /// A line with `text` in it and the cursor at its end.
    pub fn new(kind: PromptKind, text: impl Into<String>) -> Self {
        Prompt { kind, input: Input::new(text.into()), selected: None, fresh: None }
    }

    /// A command line with the cursor behind what is `offered` between two fixed parts.
    pub fn offering(before: &str, offered: &str, after: &str) -> Self {
        let fresh = before.len()..before.len() + offered.len();
        let cursor = before.chars().count() + offered.chars().count();
        let input = Input::new(format!("{before}{offered}{after}")).with_cursor(cursor);
        Prompt { kind: PromptKind::Command, input, selected: None, fresh: Some(fresh) }
    }
}

/// What a line is typed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PromptKind {
    /// A command of the grammar.
    Command,
    /// What events must contain.
    Filter,
    /// The label of a mark.
    Mark,
    /// The file to record to.
    Record,
    /// Whether the file of the last `record` or `save` may be overwritten.
    Overwrite,
}

/// The menus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Menu {
    /// Every fault of the grammar.
    Faults,
    /// The views.
    Views,
    /// The shown run's knobs.
    Options,
    /// The ways that things went.
    Lanes,
    /// What one can ask the causes of.
    Why,
}

/// What the first-minute tour waits for next; `None` when it is over.
pub type Tour = Option<usize>;

/// Finds completions for a partial command: (command, meaning).
pub type Complete = Box<dyn Fn(&str) -> Vec<(String, String)>>;

/// Whether there is a file of this name.
pub type Exists = Box<dyn Fn(&str) -> bool>;

/// The whole of the watching.
pub struct Model {
    /// The newest frame.
    pub frame: Arc<Frame>,
    /// What has the keyboard.
    pub focus: Focus,
    /// What fills the body.
    pub view: View,
    /// The view to come back to from side by side.
    pub view_before: View,
    /// The run shown.
    pub run: usize,
    /// The node keys act on; `None` for all.
    pub target: Option<NodeId>,
    /// Whether the target's card fills the body.
    pub is_expanded: bool,
    /// What events must contain.
    pub filter: String,
    /// What waits for leave to overwrite a file.
    pub waiting: Option<Request>,
    /// Whether the list of markers is open.
    pub shows_markers: bool,
    /// Whether the mouse is ours.
    pub has_mouse: bool,
    /// Rows scrolled away in views that are longer than the screen.
    pub scroll: usize,
    /// The chosen write of the ledger.
    pub chosen_write: Option<OpId>,
    /// Whether its story is open.
    pub shows_story: bool,
    /// The chosen guarantee, by its place.
    pub chosen_check: usize,
    /// The toast of this side, e.g. a filter that was set.
    pub notice: Option<String>,
    /// The newest toast of the driver that was dismissed.
    pub toast_seen: u64,
    /// The frame in which the present toast came.
    pub toast_since: u64,
    /// Where the tour stands.
    pub tour: Tour,
    /// The last typed operation on a key, for the prompt's next use.
    pub last_key: String,
    /// Colours and signs.
    pub look: Look,
    /// Finds completions.
    pub complete: Complete,
    /// Whether there is a file of this name.
    pub exists: Exists,
    /// Past commands, oldest first.
    pub history: Vec<String>,
    /// Where the playground came from.
    pub origin: Origin,
    /// Whether an audience watches.
    pub is_presenting: bool,
    /// Whether that was chosen here, and is not what a recording's watcher did.
    pub is_presenter: bool,
    /// The keys pressed last, with the frames they were pressed in.
    pub keys: Vec<(u64, String)>,
    /// Whether to look where a recording's watcher looked.
    pub follows: bool,
    /// Whether that is wanted at all: who names a run or a view means it.
    pub looks_along: bool,
    /// The recording that knows what is looked at.
    pub cued: Option<Arc<str>>,
}

impl Model {
    /// The watching at its beginning.
    pub fn new(frame: Arc<Frame>, run: usize, look: Look, complete: Complete, with_tour: bool) -> Self {
        Model {
            run: run.min(frame.runs.len() - 1),
            frame,
            focus: Focus::World,
            view: View::Cluster,
            view_before: View::Cluster,
            target: Some(NodeId(0)),
            is_expanded: false,
            filter: String::new(),
            waiting: None,
            shows_markers: false,
            has_mouse: false,
            scroll: 0,
            chosen_write: None,
            shows_story: false,
            chosen_check: 0,
            notice: None,
            toast_seen: 0,
            toast_since: 0,
            tour: with_tour.then_some(0),
            last_key: "x".to_owned(),
            look,
            complete,
            exists: Box::new(|_| false),
            history: Vec::new(),
            origin: Origin::default(),
            is_presenting: false,
            is_presenter: false,
            keys: Vec::new(),
            follows: false,
            looks_along: true,
            cued: None,
        }
    }

    /// Whether any command was given by hand on the lane that commands act on.
    pub fn has_by_hand(&self) -> bool {
        let lane = self.frame.lanes.iter().find(|lane| lane.number == self.frame.lane);
        lane.is_some_and(|lane| lane.by_hand.iter().any(|deed| deed.at <= self.frame.at))
    }

    /// The picture of the shown run.
    pub fn cluster(&self) -> &ClusterView {
        &self.frame.runs[self.run].view
    }

    /// The chosen node, if one is.
    pub fn node(&self) -> Option<&NodeView> {
        self.target.and_then(|target| self.cluster().nodes.get(target.index()))
    }

    /// What a node is called.
    pub fn name(&self, node: NodeId) -> String {
        self.cluster().names.node(node)
    }

    /// The mode keys are looked up in.
    pub fn mode(&self) -> Mode {
        match &self.focus {
            Focus::World if self.is_presenting => Mode::Stage,
            Focus::World => Mode::World,
            Focus::Prompt(_) => Mode::Prompt,
            Focus::Help { .. } => Mode::Help,
            Focus::Menu(..) | Focus::Chain(_) | Focus::Slip(_) => Mode::Menu,
            Focus::Partition { .. } => Mode::Partition,
        }
    }

    /// Takes a new frame. Gives whether anything visible may have changed.
    pub fn take_frame(&mut self, frame: Arc<Frame>) -> bool {
        let is_new = frame.serial != self.frame.serial;
        if frame.toasts.last().map(|toast| toast.serial) != self.frame.toasts.last().map(|toast| toast.serial)
        {
            self.notice = None;
            self.toast_since = frame.serial;
        }
        let before = self.newest_outcome().map(|(at, _)| at);
        let old = std::mem::replace(&mut self.frame, frame);
        self.follow(old.followed.as_deref());
        self.run = self.run.min(self.frame.runs.len() - 1);
        match self.newest_outcome() {
            Some((at, text)) if Some(at) > before => self.notice = Some(text),
            _ => {}
        }
        is_new
    }

    /// Looks where a recording's watcher looks, until somebody here looks elsewhere.
    fn follow(&mut self, before: Option<&Followed>) {
        let Some(now) = self.frame.followed.clone() else { return };
        self.follows |= before.is_none() && self.looks_along;
        if before.is_some_and(|before| before.serial == now.serial) {
            return;
        }
        for key in &now.keys {
            self.note_key(key.to_string());
        }
        if !self.follows {
            return;
        }
        self.view = now.gaze.view.as_deref().and_then(View::of_word).unwrap_or(self.view);
        self.run = now.gaze.run.unwrap_or(self.run);
        self.target = now.gaze.target.unwrap_or(self.target);
        if !self.is_presenter {
            self.is_presenting = now.gaze.is_presenting.unwrap_or(self.is_presenting);
        }
    }

    /// Remembers a key for the audience.
    pub fn note_key(&mut self, key: String) {
        if self.keys.len() == KEYS {
            self.keys.remove(0);
        }
        self.keys.push((self.frame.serial, key));
    }

    /// What is looked at, as recordings note it.
    pub fn watched(&self) -> String {
        let target = self.target.map_or_else(|| "all".to_owned(), |node| self.name(node));
        let presenting = if self.is_presenting { ", presenting" } else { "" };
        let (view, run) = (self.view.word(), &self.frame.runs[self.run].id);
        format!("view {view}, run {run}, target {target}{presenting}")
    }

    /// What a recording that has just begun must be told.
    pub fn greeting(&mut self) -> Option<Request> {
        let is_new = self.frame.recording.is_some() && self.cued != self.frame.recording;
        self.cued = self.frame.recording.clone();
        is_new.then(|| Request::Cue(self.watched()))
    }

    /// What became of the newest operation by hand, in the shown run.
    fn newest_outcome(&self) -> Option<(VirtualTime, String)> {
        self.cluster().events.iter().rev().find_map(|stamped| match &stamped.line {
            Line::ClientOutcome { text, .. } => Some((stamped.at, text.to_string())),
            _ => None,
        })
    }

    /// What is said below: the driver's newest unseen answer, or this side's own notice.
    fn toast(&self) -> Option<(String, bool)> {
        let is_fresh = self.frame.serial.saturating_sub(self.toast_since) < TOAST_FRAMES;
        let is_unseen = |toast: &&Toast| toast.serial > self.toast_seen;
        if let Some(warning) = self.frame.toasts.iter().rev().filter(is_unseen).find(|toast| toast.stays) {
            return Some((format!("{} · esc", warning.text), warning.is_error));
        }
        if let Some(notice) = &self.notice {
            return Some((notice.clone(), false));
        }
        let newest = self.frame.toasts.last().filter(is_unseen).filter(|_| is_fresh)?;
        (!newest.text.is_empty()).then(|| (newest.text.clone(), newest.is_error))
    }

    /// Everything the screen needs to draw.
    pub fn watch(&self) -> Watch {
        Watch {
            view: self.view,
            run: self.run,
            target: self.target,
            is_expanded: self.is_expanded,
            filter: self.filter.clone(),
            shows_markers: self.shows_markers,
            scroll: self.scroll,
            chosen_write: self.chosen_write,
            shows_story: self.shows_story,
            chosen_check: self.chosen_check,
            overlay: self.overlay(),
            hints: keymap::hints(self),
            toast: self.toast(),
            coach: self.tour.and_then(menus::tour_line).map(str::to_owned),
            stage: self.is_presenting.then(|| self.stage()),
            look: self.look,
        }
    }

    fn stage(&self) -> Stage {
        let is_fresh = |since: u64| self.frame.serial.saturating_sub(since) < KEY_FRAMES;
        let keys = self.keys.iter().filter(|(since, _)| is_fresh(*since));
        Stage { keys: keys.map(|(_, key)| key.clone()).collect() }
    }

    fn overlay(&self) -> Option<Overlay> {
        match &self.focus {
            Focus::World => None,
            Focus::Prompt(prompt) => Some(menus::prompt(self, prompt)),
            Focus::Help { filter, selected } => Some(menus::help(self, filter, *selected)),
            Focus::Menu(menu, selected) => Some(menus::menu(self, *menu, *selected)),
            Focus::Chain(selected) => Some(menus::chain(self, *selected)),
            Focus::Slip(text) => Some(menus::slip(text)),
            Focus::Partition { sides, cursor } => Some(menus::partition(self, sides, *cursor)),
        }
    }
}
