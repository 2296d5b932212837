//! A scenario's runs over time: pace, pause, steps and jumps to and fro, other futures. Owns the simulation thread; everything else sees
//! read-only [`frame::Frame`]s and sends [`Request`]s.
//!
//! Start with [`player`] (runs and timeline, no real time), then [`story`] (past, undo, other futures), [`thread`]
//! (pace), [`script`] (whose time is whose: a recording's watcher, an audience) and [`verdict`] (a scenario played to
//! its end and judged). Must not know: terminals, drawing, files.

mod cue;
mod follow;
pub mod frame;
pub mod history;
pub mod lane;
pub mod player;
mod publish;
pub mod replay;
pub mod script;
mod serve;
pub mod shelf;
pub mod story;
mod tape;
pub mod thread;
pub mod trouble;
pub mod until;
pub mod verdict;
mod watcher;

pub use publish::{Freshness, Pace, Publisher, gist, publish_once};

use crate::base::ids::{NodeId, OpId};
use crate::base::time::VirtualTime;

/// Where to go in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seek {
    /// To this instant.
    To(VirtualTime),
    /// To after so many steps within an instant.
    Within(VirtualTime, u32),
    /// By so many microseconds.
    By(i64),
    /// To the beginning.
    Start,
    /// To the end of what has been lived through.
    Live,
    /// To just after the next marker of this kind.
    Next(Stop),
    /// To just after the one before.
    Previous(Stop),
}

/// Markers that one can go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Any.
    Marker,
    /// Faults alone.
    Fault,
}

use crate::base::why::About;

/// What the watcher asks of the driver. Commands change the world and are part of the timeline; the rest changes
/// only the watching.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Run if paused, pause if running.
    TogglePause,
    /// Run.
    Run,
    /// Pause.
    Pause,
    /// Take one event of every run's agenda (up to the earliest next event), then stay paused.
    StepEvent,
    /// Go back by one such step.
    StepBack,
    /// Go on until a message reaches the node in the run, or back to where the last one had; any node for `None`.
    StepMessage {
        /// The run, by its place in the frame.
        run: usize,
        /// The node.
        node: Option<NodeId>,
        /// Whether to go back.
        is_back: bool,
    },
    /// Go to another instant; ahead of what has been lived through, as fast as possible.
    Seek(Seek),
    /// Go on as fast as possible until a condition is met (`lost_acked > 0`); see [`until`].
    Until(String),
    /// Live through the same time without the last command.
    Undo,
    /// Take the last undone command back in.
    Redo,
    /// Begin another future here and keep the known one beside it.
    Branch,
    /// Act on the lane of this number, the present one beside it.
    Switch(u32),
    /// Show the present lane alone.
    Alone,
    /// Write what happens to a file, what has happened so far included.
    Record {
        /// The file.
        path: String,
        /// Whether a file that is there may be overwritten.
        force: bool,
    },
    /// End the recording.
    StopRecording,
    /// Write what has happened so far to a file.
    Save {
        /// The file.
        path: String,
        /// Whether a file that is there may be overwritten.
        force: bool,
    },
    /// Note in the recording what the watcher looks at, or a key: `view log`, `key c`.
    Cue(String),
    /// Play at this many thousandths of real time; [`frame::FULL_SPEED`] for as fast as possible.
    SetSpeed(u32),
    /// A command in the grammar's own words, e.g. `crash n1`; acts on every run unless scoped (`[strict] …`).
    Command(String),
    /// Several of them at one instant.
    Commands(Vec<String>),
    /// Tell the chain of causes of something in a run; the frames to come have it.
    Why {
        /// The run, by its place.
        run: usize,
        /// Of what.
        about: About,
    },
    /// Tell the story of a write of a run in the frames to come, or no more.
    Tell(Option<(usize, OpId)>),
    /// Stop at every narration until somebody goes on, or no longer.
    Present(bool),
    /// Go on to the next narration, or from the one that time waits at.
    NextBeat,
    /// Follow what a recording's watcher did from here on, or no longer.
    Follow(bool),
    /// Start the scenario again from its beginning, commands given by hand forgotten.
    Restart,
    /// End the simulation thread.
    Quit,
}
