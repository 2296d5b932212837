//! A scenario's runs over time: pace, pause, step, restart. Owns the simulation thread; everything else sees
//! read-only [`frame::Frame`]s and sends [`Request`]s.
//!
//! Start with [`player`] (runs and timeline, no real time), then [`thread`] (pace) and [`verdict`] (a scenario
//! played to its end and judged). Must not know: terminals, drawing, files.

pub mod frame;
pub mod player;
mod publish;
pub mod thread;
pub mod trouble;
pub mod verdict;

pub use publish::{gist, publish_once};

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
    /// Play at this many thousandths of real time; [`frame::FULL_SPEED`] for as fast as possible.
    SetSpeed(u32),
    /// A command in the grammar's own words, e.g. `crash n1`; acts on every run unless scoped (`[strict] …`).
    Command(String),
    /// Several of them at one instant.
    Commands(Vec<String>),
    /// Start the scenario again from its beginning, commands given by hand forgotten.
    Restart,
    /// End the simulation thread.
    Quit,
}
