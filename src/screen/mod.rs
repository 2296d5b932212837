//! Pure drawing: a frame of the driver and what the watcher has chosen give a buffer. The same inputs give the same
//! cells, on a terminal, in a test, in an export.
//!
//! Must not know: the cluster and protocols (their views apart), the driver (its frames apart), terminals, clocks.
//!
//! Start with [`draw`], then [`layout`] (which panel gets which space) and [`look`] (what means what).

mod axis;
mod big;
mod cells;
mod checks;
mod compare;
mod crowd;
mod differences;
pub mod face;
mod header;
mod keys;
pub mod layout;
pub mod ledger;
mod log;
pub mod look;
mod matrix;
mod member;
mod metrics;
mod network;
mod nodes;
mod overlay;
mod peer;
mod pen;
mod replica;
mod stage;
mod timeline;

pub use overlay::{Overlay, Row};
pub use timeline::instant_at;

use crate::base::ids::{NodeId, OpId};
use crate::driver::frame::Frame;
use layout::Layout;
use look::{Look, Token};
use pen::Pen;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// The least size that is drawn.
pub const LEAST: (u16, u16) = (60, 16);

/// What fills the body of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Nodes side by side, messages, events, figures.
    Cluster,
    /// The logs, one column an index, one row a node.
    Log,
    /// Who reaches whom, and who thinks what of whom.
    Network,
    /// Every figure, run by run.
    Metrics,
    /// Two runs under one clock.
    SideBySide,
    /// The key differences, measured, run by run.
    Differences,
    /// What became of each acknowledged write.
    Ledger,
    /// The guarantees and their evidence.
    Checks,
    /// Which node holds which versions of a key.
    Keys,
}

/// The views in the order of their digits: each with its word and what it shows.
pub const VIEWS: &[(View, &str, &str)] = &[
    (View::Cluster, "cluster", "nodes, messages, events, figures"),
    (View::Log, "log", "the logs, one row an index, one column a node"),
    (View::Network, "network", "who reaches whom, who thinks what of whom"),
    (View::Metrics, "metrics", "everything measured, run by run"),
    (View::SideBySide, "side-by-side", "two runs under one clock"),
    (View::Differences, "differences", "the trade-offs, measured, run by run; who is better"),
    (View::Ledger, "ledger", "what became of each acknowledged write, and the story of each"),
    (View::Checks, "checks", "which guarantees held so far, with the evidence"),
    (View::Keys, "keys", "siblings and versions side by side: which node holds which"),
];

impl View {
    /// Its word on the command line and in recordings.
    pub fn word(self) -> &'static str {
        VIEWS.iter().find(|(view, ..)| *view == self).map_or("", |(_, word, _)| *word)
    }

    /// The view of a word.
    pub fn of_word(word: &str) -> Option<View> {
        VIEWS.iter().find(|(_, known, _)| *known == word).map(|(view, ..)| *view)
    }
}

/// Everything the watcher has chosen; the frame is everything else.
#[derive(Clone, Debug)]
pub struct Watch {
    /// What fills the body.
    pub view: View,
    /// The run shown.
    pub run: usize,
    /// The node that keys act on; `None` for all.
    pub target: Option<NodeId>,
    /// Whether the target's card fills the body.
    pub is_expanded: bool,
    /// Only events that contain this text are shown.
    pub filter: String,
    /// Whether the timeline's list of markers is open.
    pub shows_markers: bool,
    /// Rows scrolled away in views that are longer than the screen.
    pub scroll: usize,
    /// The chosen write of the ledger.
    pub chosen_write: Option<OpId>,
    /// Whether its story is open.
    pub shows_story: bool,
    /// The chosen guarantee, by its place.
    pub chosen_check: usize,
    /// What lies on top.
    pub overlay: Option<Overlay>,
    /// Keys that are useful now, most useful first: (key, what it does).
    pub hints: Vec<(String, String)>,
    /// What was done last, and whether it was refused.
    pub toast: Option<(String, bool)>,
    /// What a newcomer may try next.
    pub coach: Option<String>,
    /// Where it is presented, what an audience sees beside the world.
    pub stage: Option<Stage>,
    /// Colours and signs.
    pub look: Look,
}

/// What an audience sees beside the world and its narration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stage {
    /// The keys just pressed, oldest first.
    pub keys: Vec<String>,
}

impl Watch {
    /// The run other than the shown one that is compared with it.
    pub fn other_run(&self, frame: &Frame) -> Option<usize> {
        let count = frame.runs.len();
        // Where two futures are shown, the other run is the same one of the other future.
        let step = if frame.own_runs < count { frame.own_runs } else { 1 };
        (count > 1).then(|| (self.run + step) % count)
    }
}

impl Watch {
    /// The plain cluster view of the first run, as it is when nothing has been chosen yet.
    pub fn plain(look: Look) -> Self {
        Watch {
            view: View::Cluster,
            run: 0,
            target: Some(NodeId(0)),
            is_expanded: false,
            filter: String::new(),
            shows_markers: false,
            scroll: 0,
            chosen_write: None,
            shows_story: false,
            chosen_check: 0,
            overlay: None,
            hints: Vec::new(),
            toast: None,
            coach: None,
            stage: None,
            look,
        }
    }
}

/// Draws one picture into `buffer`.
pub fn draw(watch: &Watch, frame: &Frame, buffer: &mut Buffer) {
    let area = buffer.area;
    let mut pen = Pen::new(buffer, &watch.look);
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return too_small(&mut pen, area);
    }
    if let Some(stage) = &watch.stage {
        return stage::draw(&mut pen, area, watch, frame, stage);
    }
    let layout = Layout::of(area, watch, frame);
    header::draw(&mut pen, layout.header, watch, frame);
    header::draw_faults(&mut pen, layout.faults, watch, frame);
    body(&mut pen, layout.body, watch, frame);
    header::draw_narration(&mut pen, layout.narration, frame);
    header::draw_note(&mut pen, layout.note, frame);
    timeline::draw(&mut pen, layout.timeline, watch, frame);
    header::draw_footer(&mut pen, layout.footer, watch);
    if let Some(overlay) = &watch.overlay {
        overlay::draw(&mut pen, layout.above_footer(), overlay);
    }
}

fn body(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    match watch.view {
        View::Cluster => nodes::draw(pen, area, watch, frame),
        View::Log => log::draw(pen, area, watch, frame),
        View::Network => matrix::draw(pen, area, watch, frame),
        View::Metrics => metrics::draw_all(pen, area, watch, frame),
        View::SideBySide => compare::draw(pen, area, watch, frame),
        View::Differences => differences::draw(pen, area, watch, frame),
        View::Ledger => ledger::draw(pen, area, watch, frame),
        View::Checks => checks::draw(pen, area, watch, frame),
        View::Keys => keys::draw(pen, area, watch, frame),
    }
}

/// What a window below the least size shows: how large it is and how large it should be.
fn too_small(pen: &mut Pen<'_>, area: Rect) {
    let lines = [
        "too small".to_owned(),
        format!("{}x{}, needs {}x{}", area.width, area.height, LEAST.0, LEAST.1),
        "q quits".to_owned(),
    ];
    for (row, line) in (area.y..area.bottom()).zip(&lines) {
        pen.text(area.x, row, area.width, line, Token::Plain);
    }
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
