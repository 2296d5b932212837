//! What the driver publishes: one immutable picture of all runs at one instant of virtual time.

use crate::base::ids::NodeId;
use crate::base::knob::Topology;
use crate::base::metric::MetricSet;
use crate::base::time::{Span, VirtualTime};
use crate::base::why::{About, Chain};
use crate::check::{Interval, Verdict};
use crate::cluster::view::{ClusterView, LedgerView, StoryView};
use std::sync::Arc;

/// The speed that means "as fast as possible", in thousandths.
pub const FULL_SPEED: u32 = u32::MAX;

/// All runs at one instant.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Grows with every publication.
    pub serial: u64,
    /// The instant.
    pub at: VirtualTime,
    /// Steps of this instant that have been taken: 0 if nothing of it has happened.
    pub steps: u32,
    /// Whether time is running.
    pub is_running: bool,
    /// Virtual microseconds per 1000 real ones; [`FULL_SPEED`] for as fast as possible.
    pub speed_milli: u32,
    /// Whether the scenario's duration has passed.
    pub is_over: bool,
    /// The scenario's constant part.
    pub head: Arc<Head>,
    /// How far things have been lived through; later than `at` while time stands in the past.
    pub live: VirtualTime,
    /// The runs in the scenario's order; behind them, where two futures are shown, the same runs of the other one.
    pub runs: Vec<RunFrame>,
    /// How many of the runs, from the first, are those that commands act on.
    pub own_runs: usize,
    /// The number of the lane that commands act on: 1 unless something was done in the past.
    pub lane: u32,
    /// Every way that things went, in the order in which they began.
    pub lanes: Arc<Vec<LaneInfo>>,
    /// What time runs to as fast as possible.
    pub goal: Option<Arc<str>>,
    /// The file that what happens is written to.
    pub recording: Option<Arc<str>>,
    /// The shared timeline, in the order of time, what is still to come included.
    pub markers: Arc<Vec<Marker>>,
    /// The narration that was said last.
    pub narration: Option<Narration>,
    /// Which of the scenario's narrations that is, of how many; nothing if it was said by hand.
    pub beat: Option<(usize, usize)>,
    /// The note that was taken last.
    pub note: Option<Narration>,
    /// Whether time waits, after narration, for somebody to go on.
    pub waits: bool,
    /// Where a recording's watcher is followed: what he looks at.
    pub followed: Option<Arc<Followed>>,
    /// The chain of causes that was asked for last.
    pub why: Option<Arc<Explained>>,
    /// Answers to requests, oldest first; at most 5. A new one has a higher serial.
    pub toasts: Vec<Toast>,
    /// The story that was asked for, with the run it is of.
    pub story: Option<(usize, Arc<StoryView>)>,
}

impl Frame {
    /// Whether time stands in the past.
    pub fn is_past(&self) -> bool {
        self.at < self.live
    }
}

/// One way that things went, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneInfo {
    /// Its number, from 1.
    pub number: u32,
    /// How far it has been lived through.
    pub live: VirtualTime,
    /// Its commands by hand, in the order of time.
    pub by_hand: Vec<Deed>,
    /// Whether it lacks commands by hand that the scenario brought: they were undone.
    pub lacks_some: bool,
}

/// A command by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// When it was given.
    pub at: VirtualTime,
    /// What it is, in the grammar's words.
    pub words: String,
    /// The number of the keystroke; several commands may have come of one.
    pub number: u32,
    /// Whether the scenario, a recording, brought it.
    pub is_brought: bool,
}

/// What does not change while a scenario plays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it shows.
    pub summary: String,
    /// Its seed.
    pub seed: u64,
    /// How long it plays.
    pub duration: Span,
    /// `demo` or `real`.
    pub profile: &'static str,
}

/// One run at an instant.
#[derive(Clone, Debug)]
pub struct RunFrame {
    /// Its id.
    pub id: Arc<str>,
    /// Its title.
    pub title: Arc<str>,
    /// How it replicates.
    pub topology: Topology,
    /// Its most telling knobs in a few words: `ack=majority auto-quorum`.
    pub gist: Arc<str>,
    /// The cluster.
    pub view: Arc<ClusterView>,
    /// Everything measured since the beginning.
    pub totals: Arc<MetricSet>,
    /// The same over the last [`RECENT`].
    pub recent: Arc<MetricSet>,
    /// Ok writes per second for each of the last seconds, oldest first; at most 60.
    pub write_rate: Arc<Vec<u32>>,
    /// Scheduled writes per second for the same seconds.
    pub write_demand: Arc<Vec<u32>>,
    /// The digest of everything that has happened in it.
    pub digest: u64,
    /// What became of the acknowledged writes.
    pub ledger: Arc<LedgerView>,
    /// What the checkers say so far.
    pub verdicts: Arc<Vec<VerdictView>>,
}

/// What a checker says of a run as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerdictView {
    /// The checker.
    pub checker: &'static str,
    /// What it checks.
    pub meaning: &'static str,
    /// Its verdict.
    pub verdict: Verdict,
    /// Its evidence in words, or why nobody can know.
    pub words: Option<String>,
    /// The operations that show it, in the order of their calls.
    pub intervals: Vec<Interval>,
}

/// The window of [`RunFrame::recent`].
pub const RECENT: Span = Span::seconds(5);

/// Something on the timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// When.
    pub at: VirtualTime,
    /// What kind.
    pub kind: MarkerKind,
    /// Its text: a command, narration, or what happened.
    pub label: Arc<str>,
    /// The run it belongs to; `None` for all.
    pub run: Option<usize>,
    /// Whether it is scripted and still to come.
    pub is_future: bool,
}

/// Kinds of markers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkerKind {
    /// A fault begins.
    Fault,
    /// A fault ends.
    Heal,
    /// Another command.
    Command,
    /// Narration.
    Say,
    /// A label.
    Mark,
    /// A node became primary.
    Failover,
}

/// Narration as it was said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Narration {
    /// When.
    pub at: VirtualTime,
    /// The words.
    pub text: Arc<str>,
}

/// What a watcher looks at; `None` where nothing is said of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaze {
    /// The view, by its word.
    pub view: Option<Arc<str>>,
    /// The run, by its place.
    pub run: Option<usize>,
    /// The node that keys act on; inside, `None` for all.
    pub target: Option<Option<NodeId>>,
    /// Whether it is presented: no more on the screen than an audience needs.
    pub is_presenting: Option<bool>,
}

impl Gaze {
    /// Looks at what `other` says, and goes on looking at what it does not speak of.
    pub fn follow(&mut self, other: &Gaze) {
        self.view = other.view.clone().or_else(|| self.view.take());
        self.run = other.run.or(self.run);
        self.target = other.target.or(self.target);
        self.is_presenting = other.is_presenting.or(self.is_presenting);
    }
}

/// A recording's watcher, as he is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Followed {
    /// Grows whenever he does something.
    pub serial: u64,
    /// What he looks at.
    pub gaze: Gaze,
    /// The keys that he has just pressed.
    pub keys: Vec<Arc<str>>,
}

/// A chain of causes in one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The run, by its place.
    pub run: usize,
    /// Of what.
    pub about: About,
    /// The chain; empty if there is no such thing, or it is no longer remembered.
    pub chain: Chain,
}

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// Grows with every toast.
    pub serial: u64,
    /// The words, in the grammar where a command is named; none where what was said before is no answer any more.
    pub text: String,
    /// Whether something was refused.
    pub is_error: bool,
    /// Whether it stays until it is dismissed: nobody asked for it, and it must not be missed.
    pub stays: bool,
}
