//! A scenario in memory: what the loader makes of a file, and what every player plays.

use crate::base::command::Command;
use crate::base::footprint::Footprint;
use crate::base::knob::{Profile, Topology};
use crate::base::metric::Metric;
use crate::base::time::{Span, VirtualTime};
use crate::check::Verdict;
use crate::cluster::spec::{RunSetup, WorkloadSpec};

/// A world's weather and the runs that live through it.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// The file's stem.
    pub id: String,
    /// Its title.
    pub title: String,
    /// What it shows, in a sentence.
    pub summary: String,
    /// Where its facts come from.
    pub sources: Vec<String>,
    /// The seed.
    pub seed: u64,
    /// How long it plays; the playground pauses there.
    pub duration: Span,
    /// How long the world may take to settle before the final state is judged.
    pub settle: Span,
    /// Which defaults its knobs have.
    pub profile: Profile,
    /// The load all runs share.
    pub workload: WorkloadSpec,
    /// The runs, at least one.
    pub runs: Vec<Run>,
    /// What happens when, in the order of time (stable for equal instants).
    pub timeline: Vec<Entry>,
    /// Questions asked before the run answers them.
    pub predictions: Vec<Prediction>,
    /// What must come out.
    pub expectations: Vec<Expectation>,
    /// What the watcher of a recording did, in the order of the file; checks ignore it.
    pub cues: Vec<Cue>,
    /// What a recording says of itself.
    pub recorded: Option<Recorded>,
}

/// Something that a watcher did and that changed nothing in the world: `view log`, `speed 2x`, `pause`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cue {
    /// When.
    pub at: VirtualTime,
    /// The words.
    pub text: String,
}

/// The version of what a scenario means: it grows whenever the order of events, a draw of chance or the behaviour of
/// a protocol changes, so that the same scenario gives another trace.
pub const SEMANTICS: u32 = 2;

/// What a recording says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The version of the program that made it.
    pub program: String,
    /// The [`SEMANTICS`] of that program.
    pub semantics: u32,
    /// The size of its screen, in columns and rows.
    pub size: Option<(u16, u16)>,
    /// How it ended; nothing if the program did not live to say it.
    pub end: Option<RecordedEnd>,
    /// Whether its last entry was torn and is left out.
    pub is_torn: bool,
}

impl Recorded {
    /// What whoever plays it should know first.
    pub fn warning(&self) -> Option<String> {
        let torn = self.is_torn.then(|| "the recording's last entry is torn and left out".to_owned());
        let other = (self.semantics != SEMANTICS).then(|| {
            let theirs = self.semantics;
            format!("recorded under semantics {theirs}; under {SEMANTICS}, this program's, it may come out otherwise")
        });
        let all: Vec<String> = torn.into_iter().chain(other).collect();
        (!all.is_empty()).then(|| all.join(" · "))
    }
}

/// How a recording ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedEnd {
    /// The instant before which everything in it happened.
    pub at: VirtualTime,
    /// Hash of everything that decides what happens: see [`world_hash`](super::write::world_hash).
    pub world: u64,
    /// What became of each run, in order.
    pub runs: Vec<RecordedRun>,
}

/// What became of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedRun {
    /// Events handled.
    pub events: u64,
    /// The digest of its trace.
    pub digest: u64,
    /// The digests after every 10 000 events.
    pub milestones: Vec<u64>,
    /// Of every event; empty in recordings that have none.
    pub footprints: Vec<Footprint>,
}

/// One cluster living through the scenario.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    /// Its word in files.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Everything it needs to begin. `setup.workload` equals the scenario's.
    pub setup: RunSetup,
}

impl Run {
    /// How it replicates.
    pub fn topology(&self) -> Topology {
        self.setup.knobs.topology()
    }
}

/// One entry of the timeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// When.
    pub at: VirtualTime,
    /// What is done, in order.
    pub commands: Vec<Scoped>,
    /// When just this is healed again.
    pub until: Option<VirtualTime>,
    /// Narration.
    pub say: Option<String>,
    /// The number of a command given by hand; `None` for what a scenario brought.
    pub by_hand: Option<u32>,
}

/// A command and the runs it acts on.
#[derive(Clone, Debug, PartialEq)]
pub struct Scoped {
    /// Indexes of runs; empty for all.
    pub runs: Vec<usize>,
    /// The command.
    pub command: Command,
}

impl Scoped {
    /// Whether it acts on the run at `index`.
    pub fn acts_on(&self, index: usize) -> bool {
        self.runs.is_empty() || self.runs.contains(&index)
    }
}

/// A question asked before the clock passes `at`.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// When it is asked.
    pub at: VirtualTime,
    /// The question.
    pub ask: String,
    /// The answers to choose from.
    pub options: Vec<String>,
    /// How the run itself answers.
    pub answer: AnswerRule,
    /// Why.
    pub why: String,
}

/// How a run answers a prediction: the run with the highest value of a metric, or a tie.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerRule {
    /// The metric compared.
    pub metric: Metric,
    /// The window, default the whole run.
    pub during: Option<(VirtualTime, VirtualTime)>,
    /// The runs compared, by index; the answer is the option with the same place.
    pub highest: Vec<usize>,
    /// Values closer than this are a tie, answered by the last option.
    pub tie: Option<f64>,
}

/// Something that must come out of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// The runs it speaks of, by index; empty for all.
    pub runs: Vec<usize>,
    /// What is looked at.
    pub subject: Subject,
    /// The window, default the whole run.
    pub during: Option<(VirtualTime, VirtualTime)>,
    /// Why it must be so.
    pub why: String,
}

/// What an expectation looks at, with what it wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Subject {
    /// A metric within bounds.
    Metric {
        /// The metric.
        metric: Metric,
        /// What is wanted of it.
        wanted: Bound,
        /// Take it as a percentage of another metric.
        percent_of: Option<Metric>,
        /// Take its ratio to another run's value, by index.
        compared_to: Option<usize>,
    },
    /// The number of log lines with a code, within bounds.
    Lines {
        /// The code, e.g. `ROLE_PRIMARY`.
        code: String,
        /// What is wanted of the count.
        wanted: Bound,
    },
    /// A checker's verdict.
    Checker {
        /// The checker's name.
        checker: String,
        /// The verdict wanted.
        verdict: Verdict,
    },
    /// What a key holds in the end.
    Holds {
        /// The key.
        key: String,
        /// What is wanted, as [`canonical`] puts it and in order; of siblings each one, for nothing none.
        wanted: Vec<String>,
    },
}

/// One way to write what a key holds: the elements of a set in the order of their names.
pub fn canonical(text: &str) -> String {
    let Some(inside) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return text.to_owned();
    };
    let mut elements: Vec<&str> = inside.split(',').map(str::trim).filter(|word| !word.is_empty()).collect();
    elements.sort_unstable();
    elements.dedup();
    format!("{{{}}}", elements.join(","))
}

/// What is wanted of a number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// From the first to the second, both included.
    Between(f64, f64),
    /// Exactly.
    Equals(f64),
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Bound {
    /// Whether `value` satisfies it.
    pub fn admits(self, value: f64) -> bool {
        match self {
            Bound::Between(low, high) => (low..=high).contains(&value),
            Bound::Equals(wanted) => (value - wanted).abs() < 1e-9,
            Bound::AtLeast(low) => value >= low,
            Bound::AtMost(high) => value <= high,
        }
    }

    /// The words of a report: `between 52 and 60`.
    pub fn words(self) -> String {
        match self {
            Bound::Between(low, high) => format!("between {low} and {high}"),
            Bound::Equals(wanted) => format!("equal to {wanted}"),
            Bound::AtLeast(low) => format!("at least {low}"),
            Bound::AtMost(high) => format!("at most {high}"),
        }
    }
}
