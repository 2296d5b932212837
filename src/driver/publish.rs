//! Makes frames: pictures of all runs, with the figures that are too dear to be measured for every one.

use super::frame::{Frame, Head, Marker, RECENT, RunFrame, Toast};
use super::player::Player;
use crate::base::knob::{Knobs, Profile, Topology};
use crate::base::metric::MetricSet;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::live::Cluster;
use crate::cluster::measure::WHOLE;
use crate::scenario::model::{Run, Scenario};
use std::sync::Arc;

/// Virtual time between two measurements while the world runs.
const MEASURE_EVERY: Span = Span::millis(200);
/// Toasts kept in a frame.
const TOASTS: usize = 5;
/// Seconds of write rates in a frame.
const RATES: u64 = 60;

/// One frame of a player that stands still: for pictures outside the playground.
pub fn publish_once(player: &mut Player) -> Frame {
    let scenario = Arc::clone(player.scenario());
    Publisher::new(&scenario).frame(player, false, 1_000, false)
}

/// What was measured of one run, and when.
#[derive(Clone)]
struct Figures {
    at: VirtualTime,
    totals: Arc<MetricSet>,
    recent: Arc<MetricSet>,
    write_rate: Arc<Vec<u32>>,
    write_demand: Arc<Vec<u32>>,
}

/// Makes frames of one scenario.
pub(super) struct Publisher {
    head: Arc<Head>,
    labels: Vec<(Arc<str>, Arc<str>)>,
    figures: Vec<Option<Figures>>,
    toasts: Vec<Toast>,
    toasts_said: u64,
    serial: u64,
}

impl Publisher {
    pub(super) fn new(scenario: &Scenario) -> Self {
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
            figures: vec![None; scenario.runs.len()],
            toasts: Vec::new(),
            toasts_said: 0,
            serial: 0,
        }
    }

    /// The scenario begins again: old figures mean nothing.
    pub(super) fn restart(&mut self) {
        self.figures.fill(None);
    }

    /// Answers a request in the frames to come.
    pub(super) fn toast(&mut self, text: String, is_error: bool) {
        self.toasts_said += 1;
        if self.toasts.len() == TOASTS {
            self.toasts.remove(0);
        }
        self.toasts.push(Toast { serial: self.toasts_said, text, is_error });
    }

    pub(super) fn frame(
        &mut self,
        player: &mut Player,
        is_running: bool,
        speed_milli: u32,
        is_over: bool,
    ) -> Frame {
        self.serial += 1;
        let runs = (0..self.labels.len()).map(|run| self.run_frame(player, run, is_running)).collect();
        let markers: Vec<Marker> = player.markers();
        Frame {
            serial: self.serial,
            at: player.now(),
            is_running,
            speed_milli,
            is_over,
            head: Arc::clone(&self.head),
            runs,
            markers: Arc::new(markers),
            narration: player.narration().cloned(),
            toasts: self.toasts.clone(),
        }
    }

    fn run_frame(&mut self, player: &mut Player, run: usize, is_running: bool) -> RunFrame {
        let cluster = player.clusters()[run].as_mut();
        let is_fresh = |figures: &Figures| is_running && cluster.now().since(figures.at) < MEASURE_EVERY;
        let figures = match self.figures[run].take().filter(is_fresh) {
            Some(figures) => figures,
            None => measure(cluster),
        };
        self.figures[run] = Some(figures.clone());
        let view = cluster.view();
        let (id, title) = self.labels[run].clone();
        RunFrame {
            id,
            title,
            topology: view.topology,
            gist: gist(&view.knobs).into(),
            view: Arc::new(view),
            totals: figures.totals,
            recent: figures.recent,
            write_rate: figures.write_rate,
            write_demand: figures.write_demand,
        }
    }
}

fn measure(cluster: &mut dyn Cluster) -> Figures {
    let (at, truth) = (cluster.now(), cluster.truth());
    let (write_rate, write_demand) = cluster.write_rates(RATES);
    Figures {
        at,
        totals: Arc::new(cluster.measure(&truth, WHOLE)),
        recent: Arc::new(cluster.measure(&truth, (at - RECENT, VirtualTime::MAX))),
        write_rate: Arc::new(write_rate),
        write_demand: Arc::new(write_demand),
    }
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
        Topology::PeerToPeer => {
            format!("n={} r={} w={} {}", text("n"), text("r"), text("w"), text("quorum"))
        }
    }
}
