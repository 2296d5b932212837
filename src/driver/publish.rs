//! Makes frames: pictures of all runs, with the figures that are too dear to be measured for every one.

use super::frame::{Explained, Frame, Head, LaneInfo, Marker, RECENT, RunFrame, Toast, VerdictView};
use super::player::Player;
use super::story::Story;
use super::verdict::{Known, check};
use super::watcher::Watcher;
use crate::base::ids::OpId;
use crate::base::knob::{Knobs, Profile, Topology};
use crate::base::metric::{Metric, MetricSet};
use crate::base::time::{Span, VirtualTime};
use crate::check::{CHECKERS, SetFull};
use crate::cluster::fates::Fates;
use crate::cluster::live::Cluster;
use crate::cluster::measure::WHOLE;
use crate::cluster::view::{LedgerView, StoryView};
use crate::scenario::model::{Run, Scenario};
use std::sync::Arc;

/// Virtual time between two measurements while the world runs.
const MEASURE_EVERY: Span = Span::millis(200);
/// Virtual time between two judgements while the world runs.
const JUDGE_EVERY: Span = Span::seconds(1);
/// Toasts kept in a frame.
const TOASTS: usize = 5;
/// Seconds of write rates in a frame.
const RATES: u64 = 60;

/// One frame of a player that stands still: for pictures outside the playground.
pub fn publish_once(player: &mut Player) -> Frame {
    let scenario = Arc::clone(player.scenario());
    Publisher::new(&scenario).alone(player, Pace::default(), Freshness::Measured)
}

/// What was measured of one run, and when.
#[derive(Clone)]
struct Figures {
    at: VirtualTime,
    /// The digest of what was measured.
    digest: u64,
    /// Whether everything was looked at anew.
    is_whole: bool,
    totals: Arc<MetricSet>,
    recent: Arc<MetricSet>,
    write_rate: Arc<Vec<u32>>,
    write_demand: Arc<Vec<u32>>,
    fates: Arc<Fates>,
    ledger: Arc<LedgerView>,
    judged_at: VirtualTime,
    verdicts: Arc<Vec<VerdictView>>,
}

/// Makes frames of one scenario.
pub struct Publisher {
    head: Arc<Head>,
    labels: Vec<(Arc<str>, Arc<str>)>,
    figures: Vec<Option<Figures>>,
    /// The judges of each run, in the order of `figures`.
    watchers: Vec<Watcher>,
    toasts: Vec<Toast>,
    toasts_said: u64,
    /// Whether something was said since [`Publisher::begin_answer`].
    has_answered: bool,
    why: Option<Arc<Explained>>,
    serial: u64,
    /// How often a run was measured.
    measured: u64,
    /// The write whose story is told, with the place of its run in a frame.
    told: Option<(usize, OpId)>,
}

impl Publisher {
    /// Before the first frame.
    pub fn new(scenario: &Scenario) -> Self {
        let profile = if scenario.profile == Profile::Demo { "demo" } else { "real" };
        let head = Head {
            id: scenario.id.clone(),
            title: scenario.title.clone(),
            summary: scenario.summary.clone(),
            seed: scenario.seed,
            duration: scenario.duration,
            profile,
        };
        let label = |run: &Run| (run.id.as_str().into(), run.title.as_str().into());
        Publisher {
            head: Arc::new(head),
            labels: scenario.runs.iter().map(label).collect(),
            figures: Vec::new(),
            watchers: Vec::new(),
            toasts: Vec::new(),
            toasts_said: 0,
            has_answered: false,
            why: None,
            serial: 0,
            measured: 0,
            told: None,
        }
    }

    /// The runs are others than before: old figures mean nothing.
    pub(super) fn forget_figures(&mut self) {
        self.figures.clear();
        self.watchers.clear();
        self.why = None;
    }

    /// Gives a chain of causes with the frames to come.
    pub(super) fn explain(&mut self, explained: Explained) {
        self.why = Some(Arc::new(explained));
    }

    /// How often a run was measured so far.
    pub(super) fn measured(&self) -> u64 {
        self.measured
    }

    /// Whether a story is told.
    pub(super) fn is_telling(&self) -> bool {
        self.told.is_some()
    }

    /// The story of this write is told from now on.
    pub(super) fn tell(&mut self, what: Option<(usize, OpId)>) {
        self.told = what;
    }

    fn told(&self, story: &mut Story) -> Option<(usize, Arc<StoryView>)> {
        let (run, op) = self.told?;
        let fates = Arc::clone(&self.figures.get(run)?.as_ref()?.fates);
        let player = match run.checked_sub(self.labels.len()) {
            None => story.player(),
            Some(_) => story.beside()?.player(),
        };
        let told = player.clusters()[run % self.labels.len()].story(&fates, op)?;
        Some((run, Arc::new(told)))
    }

    /// A request is about to be served.
    pub(super) fn begin_answer(&mut self) {
        self.has_answered = false;
    }

    /// It was, and if nothing was said of it, what went wrong before is no answer to it.
    pub(super) fn end_answer(&mut self) {
        if !self.has_answered && self.toasts.last().is_some_and(|toast| toast.is_error && !toast.stays) {
            self.toast(String::new(), false);
        }
    }

    /// Answers a request in the frames to come.
    pub(super) fn toast(&mut self, text: String, is_error: bool) {
        self.has_answered = true;
        self.say(text, is_error, false);
    }

    /// Says what nobody has asked for and must not be missed.
    pub(super) fn warn(&mut self, text: String) {
        self.say(text, true, true);
    }

    fn say(&mut self, text: String, is_error: bool, stays: bool) {
        self.toasts_said += 1;
        if self.toasts.len() == TOASTS {
            // What stays makes way last.
            self.toasts.remove(self.toasts.iter().position(|toast| !toast.stays).unwrap_or(0));
        }
        self.toasts.push(Toast { serial: self.toasts_said, text, is_error, stays });
    }

    /// The picture of where a story stands.
    pub(super) fn frame(
        &mut self,
        story: &mut Story,
        pace: Pace,
        freshness: Freshness,
        goal: Option<Arc<str>>,
        recording: Option<Arc<str>>,
    ) -> Frame {
        let (lane, beside) = story.numbers();
        let live = story.live().at;
        let own_runs = self.labels.len();
        let all_runs = own_runs * (1 + usize::from(beside.is_some()));
        self.figures.resize(all_runs, None);
        self.watchers.resize(all_runs, Watcher::default());
        let mut runs = self.run_frames(story.player(), lane, freshness);
        if let (Some(number), Some(other)) = (beside, story.beside()) {
            // Figures of the lane beside stand behind the others.
            self.figures.rotate_left(own_runs);
            self.watchers.rotate_left(own_runs);
            runs.extend(self.run_frames(other.player(), number, freshness));
            self.figures.rotate_right(own_runs);
            self.watchers.rotate_right(own_runs);
        }
        let markers = story.markers();
        let lanes = Arc::new(story.lanes());
        let said = Said { live, lane, lanes, goal, recording };
        let told = self.told(story);
        Frame { story: told, ..self.frame_of(story.player(), runs, own_runs, markers, said, pace) }
    }

    /// The picture of a player that has no story: nothing was done by hand, and nobody steers.
    pub fn alone(&mut self, player: &mut Player, pace: Pace, freshness: Freshness) -> Frame {
        let (live, own_runs) = (player.now(), self.labels.len());
        let runs = self.run_frames(player, 1, freshness);
        let markers = player.markers();
        let lanes = Arc::new(vec![LaneInfo { number: 1, live, by_hand: Vec::new(), lacks_some: false }]);
        let said = Said { live, lane: 1, lanes, goal: None, recording: None };
        self.frame_of(player, runs, own_runs, markers, said, pace)
    }

    fn frame_of(
        &mut self,
        player: &mut Player,
        runs: Vec<RunFrame>,
        own_runs: usize,
        markers: Vec<Marker>,
        said: Said,
        pace: Pace,
    ) -> Frame {
        self.serial += 1;
        Frame {
            serial: self.serial,
            at: player.now(),
            steps: player.cursor().steps,
            is_running: pace.is_running,
            speed_milli: pace.speed_milli,
            is_over: pace.is_over,
            live: said.live,
            head: Arc::clone(&self.head),
            runs,
            own_runs,
            lane: said.lane,
            lanes: said.lanes,
            goal: said.goal,
            recording: said.recording,
            markers: Arc::new(markers),
            narration: player.narration().cloned(),
            beat: beat(player),
            note: player.note().cloned(),
            waits: pace.waits,
            followed: None,
            why: self.why.clone(),
            toasts: self.toasts.clone(),
            story: None,
        }
    }

    /// The runs of a lane; the names of any but the first lane say which one it is: `majority~2`.
    fn run_frames(&mut self, player: &mut Player, lane: u32, freshness: Freshness) -> Vec<RunFrame> {
        let count = self.labels.len();
        self.figures.resize(self.figures.len().max(count), None);
        self.watchers.resize(self.figures.len(), Watcher::default());
        (0..count).map(|run| self.run_frame(player, run, lane, freshness)).collect()
    }

    fn run_frame(&mut self, player: &mut Player, run: usize, lane: u32, freshness: Freshness) -> RunFrame {
        let cluster = player.clusters()[run].as_mut();
        let now = cluster.now();
        // Nothing is measured twice of a world in which nothing has happened since.
        let is_fresh = |figures: &Figures| match freshness {
            Freshness::Measured => figures.is_whole && figures.digest == cluster.digest(),
            Freshness::Recent => figures.at <= now && now.since(figures.at) < MEASURE_EVERY,
            Freshness::Any => true,
        };
        let before = self.figures[run].take();
        let figures = match before {
            Some(figures) if is_fresh(&figures) => figures,
            before => {
                self.measured += 1;
                let before = before.filter(|_| freshness != Freshness::Measured);
                measure(cluster, &mut self.watchers[run], before)
            }
        };
        self.figures[run] = Some(figures.clone());
        let view = cluster.view();
        let (id, title) = self.labels[run].clone();
        let id = if lane == 1 { id } else { format!("{id}~{lane}").into() };
        RunFrame {
            id,
            title,
            topology: view.topology,
            digest: cluster.digest(),
            gist: gist(&view.knobs).into(),
            view: Arc::new(view),
            totals: figures.totals,
            recent: figures.recent,
            write_rate: figures.write_rate,
            write_demand: figures.write_demand,
            ledger: figures.ledger,
            verdicts: figures.verdicts,
        }
    }
}

/// How time goes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Whether it goes on by itself.
    pub is_running: bool,
    /// Virtual microseconds per 1000 real ones.
    pub speed_milli: u32,
    /// Whether the scenario's duration has passed.
    pub is_over: bool,
    /// Whether it waits after narration.
    pub waits: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Pace { is_running: false, speed_milli: 1_000, is_over: false, waits: false }
    }
}

/// How old the figures of a frame may be. Measuring reads the whole history of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Measured for this frame.
    Measured,
    /// Measured a moment ago, in virtual time.
    Recent,
    /// Whatever was measured last: the watcher is on his way to somewhere else.
    Any,
}

/// Which of the scenario's narrations stands, of how many.
fn beat(player: &Player) -> Option<(usize, usize)> {
    let said = player.narration()?;
    let beats = || player.scenario().timeline.iter().filter(|entry| entry.say.is_some());
    let place = beats().position(|entry| entry.at == said.at && entry.say.as_deref() == Some(&*said.text))?;
    Some((place + 1, beats().count()))
}

/// What a frame says beside its runs.
struct Said {
    live: VirtualTime,
    lane: u32,
    lanes: Arc<Vec<LaneInfo>>,
    goal: Option<Arc<str>>,
    recording: Option<Arc<str>>,
}

/// Measures a run; verdicts that are fresh enough are taken from `before`.
fn measure(cluster: &mut dyn Cluster, watcher: &mut Watcher, before: Option<Figures>) -> Figures {
    let (at, truth) = (cluster.now(), cluster.truth());
    let (write_rate, write_demand) = cluster.write_rates(RATES);
    let fates = cluster.fates(&truth);
    let (promises, order) = watcher.look(cluster, before.is_none());
    let mut totals = cluster.measure_given(&truth, WHOLE, &promises);
    if let Some(percent) = order.percent() {
        totals.put(Metric::LinOk, percent);
    }
    let is_whole = before.is_none();
    let (judged_at, verdicts) = match before {
        Some(before) if before.judged_at <= at && at.since(before.judged_at) < JUDGE_EVERY => {
            (before.judged_at, before.verdicts)
        }
        _ => {
            let known = Known {
                truth: &truth,
                fates: &fates,
                metrics: &totals,
                promises: &promises,
                order: &order,
                // Only who judges at the end asks.
                elements: &SetFull::default(),
            };
            (at, Arc::new(judge(cluster, known)))
        }
    };
    Figures {
        at,
        digest: cluster.digest(),
        is_whole,
        totals: Arc::new(totals),
        recent: Arc::new(cluster.measure(&truth, (at - RECENT, VirtualTime::MAX))),
        write_rate: Arc::new(write_rate),
        write_demand: Arc::new(write_demand),
        ledger: Arc::new(cluster.ledger_view(&fates)),
        fates: Arc::new(fates),
        judged_at,
        verdicts,
    }
}

/// What the checkers that are worth watching say so far.
fn judge(cluster: &dyn Cluster, known: Known<'_>) -> Vec<VerdictView> {
    let rows = || CHECKERS.iter().filter(|row| row.is_live);
    let checks = check(cluster, known, rows());
    let view = |(check, row): (super::verdict::Check, &crate::check::CheckerRow)| VerdictView {
        checker: check.checker,
        meaning: row.meaning,
        verdict: check.verdict,
        words: check.witness,
        intervals: check.operations,
    };
    checks.into_iter().zip(rows()).map(view).collect()
}

/// The most telling knobs in a few words.
pub fn gist(knobs: &Knobs) -> String {
    let text = |key: &str| knobs.get(key).map_or(String::new(), ToString::to_string);
    match knobs.topology() {
        Topology::PrimaryReplica => {
            let ack = match text("ack").as_str() {
                "semi-sync" => format!("semi-sync {}", text("sync_count")),
                ack => ack.to_owned(),
            };
            format!("ack={ack} {}", text("promotion"))
        }
        Topology::PeerToPeer if text("spread") == "gossip" => {
            format!("gossip {} {}", text("overlay"), text("exchange"))
        }
        Topology::PeerToPeer => {
            format!("n={} r={} w={} {}", text("n"), text("r"), text("w"), text("quorum"))
        }
        Topology::MultiLeader => {
            let ids = if text("id_allocation") == "offset" { " ids by offset" } else { "" };
            format!("ack={} {}{ids}", text("ack"), text("conflict"))
        }
    }
}
