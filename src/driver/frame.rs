//! What the driver publishes: one immutable picture of all runs at one instant of virtual time.

use crate::base::knob::Topology;
use crate::base::metric::MetricSet;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::view::ClusterView;
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
    /// Whether time is running.
    pub is_running: bool,
    /// Virtual microseconds per 1000 real ones; [`FULL_SPEED`] for as fast as possible.
    pub speed_milli: u32,
    /// Whether the scenario's duration has passed.
    pub is_over: bool,
    /// The scenario's constant part.
    pub head: Arc<Head>,
    /// The runs in the scenario's order.
    pub runs: Vec<RunFrame>,
    /// The shared timeline, in the order of time, what is still to come included.
    pub markers: Arc<Vec<Marker>>,
    /// The narration that was said last.
    pub narration: Option<Narration>,
    /// Answers to requests, oldest first; at most 5. A new one has a higher serial.
    pub toasts: Vec<Toast>,
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

/// An answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toast {
    /// Grows with every toast.
    pub serial: u64,
    /// The words, in the grammar where a command is named.
    pub text: String,
    /// Whether something was refused.
    pub is_error: bool,
}
