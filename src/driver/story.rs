//! The scenario's runs with their whole past and their other futures. One cursor; what is done in the past branches:
//! the old future stays, and is shown beside the new one.
//!
//! ```text
//!   lane 1   ──c──────p────┃            c, p: commands by hand
//!   lane 2         └──i────────┃        branched between them; shares the past and its checkpoints
//! ```
//!
//! A lane is a timeline. To undo a command is to live through the same time on a timeline without it.

use super::frame::{Deed, LaneInfo, Marker};
use super::lane::Lane;
use super::player::{Cursor, Outcome, Player};
use crate::base::ids::NodeId;
use crate::base::time::VirtualTime;
use crate::cluster::live::HostKind;
use crate::scenario::model::{Entry, Scenario, Scoped};
use crate::scenario::spell;
use std::io;
use std::sync::Arc;

/// The most lanes beside each other; the oldest one that is not shown goes first.
const LANES_MAX: usize = 16;
/// The most undone lanes that can be had back.
const UNDONE_MAX: usize = 32;

/// Every way that things went.
pub struct Story {
    lanes: Vec<Lane>,
    /// The lane that commands act on.
    active: usize,
    /// The lane shown beside it.
    beside: Option<usize>,
    /// Lanes that an undone command was taken out of, with the numbers of those that took their place.
    undone: Vec<Lane>,
    /// Commands given by hand so far.
    given: u32,
    /// Lanes begun so far.
    begun: u32,
}

impl Story {
    /// The scenario at its beginning.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn new(scenario: Arc<Scenario>, host: HostKind) -> io::Result<Self> {
        let given = scenario.timeline.iter().filter_map(|entry| entry.by_hand).max().unwrap_or(0);
        let lanes = vec![Lane::new(scenario, host)?];
        Ok(Story { lanes, active: 0, beside: None, undone: Vec::new(), given, begun: 1 })
    }

    /// The lane that commands act on.
    pub fn lane(&mut self) -> &mut Lane {
        &mut self.lanes[self.active]
    }

    /// The runs that commands act on.
    pub fn player(&mut self) -> &mut Player {
        self.lanes[self.active].player()
    }

    /// The lane shown beside the active one.
    pub fn beside(&mut self) -> Option<&mut Lane> {
        self.beside.map(|beside| &mut self.lanes[beside])
    }

    /// The number of the active lane, and of the one beside it.
    pub fn numbers(&self) -> (u32, Option<u32>) {
        (self.lanes[self.active].number, self.beside.map(|beside| self.lanes[beside].number))
    }

    /// Where time stands.
    pub fn cursor(&self) -> Cursor {
        self.lanes[self.active].cursor()
    }

    /// How far the active lane has been lived through.
    pub fn live(&self) -> Cursor {
        self.lanes[self.active].live()
    }

    /// Whether time stands in the past.
    pub fn is_past(&self) -> bool {
        self.lanes[self.active].is_past()
    }

    /// Plays on up to `limit`.
    pub fn advance(&mut self, limit: VirtualTime) {
        self.shown().for_each(|lane| lane.advance(limit));
    }

    fn shown(&mut self) -> impl Iterator<Item = &mut Lane> {
        let (active, beside) = (self.active, self.beside);
        let is_shown = move |place: usize| place == active || Some(place) == beside;
        self.lanes.iter_mut().enumerate().filter(move |(place, _)| is_shown(*place)).map(|(_, lane)| lane)
    }

    /// What is shown can tell its stories as far back as they go.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn remember(&mut self) -> io::Result<()> {
        self.shown().try_for_each(Lane::remember)
    }

    /// Takes one step; a lane beside goes along.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn step(&mut self) -> io::Result<()> {
        self.lane().step();
        self.follow()
    }

    /// Goes back by one step; false at the beginning.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn step_back(&mut self) -> io::Result<bool> {
        let has_moved = self.lane().step_back()?;
        self.follow()?;
        Ok(has_moved)
    }

    /// Steps on until a message reaches `node` in a run, or back to where the last one had; false if there is none.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn step_message(&mut self, run: usize, node: Option<NodeId>, is_back: bool) -> io::Result<bool> {
        // The runs of a lane beside stand behind its own.
        let run = run % self.player().scenario().runs.len();
        let has_moved = match is_back {
            true => self.lane().step_message_back(run, node)?,
            false => self.lane().step_message(run, node),
        };
        self.follow()?;
        Ok(has_moved)
    }

    /// Goes to the beginning of an instant, or, where that is known already, to the very end.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks; everything stays where it was.
    pub fn seek(&mut self, to: Cursor) -> io::Result<()> {
        self.lane().seek(to)?;
        self.follow()
    }

    /// The lane beside stands at the same instant.
    fn follow(&mut self) -> io::Result<()> {
        let at = self.cursor().at;
        self.beside().map_or(Ok(()), |lane| lane.seek(Cursor { at, steps: 0 }))
    }

    /// Makes ready for a command by hand: an instant of its own on a lane that goes no further than it. Gives the
    /// instant, and whether a new lane was begun for it.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn make_ready(&mut self) -> io::Result<(VirtualTime, bool)> {
        self.undone.clear();
        let branches = self.is_past();
        if branches {
            self.branch()?;
        }
        let at = self.lane().clear_instant();
        self.follow()?;
        Ok((at, branches))
    }

    /// The number that the next command by hand will have.
    pub fn next_number(&self) -> u32 {
        self.given + 1
    }

    /// Carries out commands at the instant that [`Story::make_ready`] gave.
    pub fn act(&mut self, commands: Vec<Scoped>) -> Vec<Outcome> {
        self.given += 1;
        let (at, by_hand) = (self.cursor().at, Some(self.given));
        let entry = Entry { at, commands, until: None, say: None, by_hand };
        self.lane().act(Arc::new(entry))
    }

    /// What lies beyond `live` on the active lane was only looked at, and has not been lived through.
    pub fn lived_to(&mut self, live: Cursor) {
        self.lane().lived_to(live);
    }

    /// Says or notes something at the present instant, in the past too: words begin no other future.
    pub fn annotate(&mut self, words: Vec<Scoped>) -> Vec<Outcome> {
        self.undone.clear();
        self.given += 1;
        let (at, by_hand) = (self.cursor().at, Some(self.given));
        self.lane().annotate(Arc::new(Entry { at, commands: words, until: None, say: None, by_hand }))
    }

    /// Begins a new lane here: the past is shared, the scenario's own timeline goes on, later commands by hand stay
    /// behind on the old lane, which is shown beside the new one.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn branch(&mut self) -> io::Result<()> {
        let here = self.cursor();
        let old = &self.lanes[self.active];
        let stays = |entry: &&Arc<Entry>| entry.by_hand.is_none() || is_done(entry, here);
        let timeline: Vec<Arc<Entry>> = old.timeline().iter().filter(stays).cloned().collect();
        let lane = old.fork(self.begun + 1, Arc::new(timeline), here.at, here)?;
        self.begun += 1;
        self.lanes.push(lane);
        (self.beside, self.active) = (Some(self.active), self.lanes.len() - 1);
        self.forget_oldest();
        Ok(())
    }

    fn forget_oldest(&mut self) {
        if self.lanes.len() <= LANES_MAX {
            return;
        }
        let is_hidden = |place: &usize| *place != self.active && Some(*place) != self.beside;
        if let Some(oldest) = (1..self.lanes.len()).find(is_hidden) {
            self.lanes.remove(oldest);
            let shifted = |place: usize| if place > oldest { place - 1 } else { place };
            (self.active, self.beside) = (shifted(self.active), self.beside.map(shifted));
        }
    }

    /// Lives through the same time without the last command given by hand before now. Gives its words, or nothing if
    /// there is none.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn undo(&mut self) -> io::Result<Option<(u32, String)>> {
        let here = self.cursor();
        let lane = &self.lanes[self.active];
        let last = lane.timeline().iter().rev().find(|entry| entry.by_hand.is_some() && is_done(entry, here));
        let Some(last) = last.cloned() else { return Ok(None) };
        let others = lane.timeline().iter().filter(|entry| !Arc::ptr_eq(entry, &last)).cloned();
        let to = Cursor { at: here.at, steps: 0 };
        let new = lane.fork(lane.number, Arc::new(others.collect()), last.at, to)?;
        let old = std::mem::replace(&mut self.lanes[self.active], new);
        if self.undone.len() == UNDONE_MAX {
            self.undone.remove(0);
        }
        self.undone.push(old);
        self.follow()?;
        let scenario = Arc::clone(self.player().scenario());
        Ok(Some((last.by_hand.unwrap_or(0), words(&scenario, &last))))
    }

    /// Takes the last undone command back in; nothing if none was undone since the last command. Gives its number and
    /// words.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn redo(&mut self) -> io::Result<Option<(u32, String)>> {
        let at = self.cursor().at;
        let number = self.lanes[self.active].number;
        let Some(mut lane) = self.undone.pop_if(|lane| lane.number == number) else { return Ok(None) };
        lane.seek(lane.live().max(Cursor { at, steps: 0 }))?;
        let has =
            |entry: &Arc<Entry>| self.lanes[self.active].timeline().iter().any(|e| Arc::ptr_eq(e, entry));
        let back = lane.timeline().iter().find(|entry| !has(entry)).cloned();
        self.lanes[self.active] = lane;
        self.follow()?;
        let scenario = Arc::clone(self.player().scenario());
        Ok(back.map(|entry| (entry.by_hand.unwrap_or(0), words(&scenario, &entry))))
    }

    /// Makes the lane of this number the active one, at the same instant, with the one before beside it.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn switch(&mut self, number: u32) -> io::Result<bool> {
        let Some(place) = self.lanes.iter().position(|lane| lane.number == number) else { return Ok(false) };
        if place == self.active {
            return Ok(false);
        }
        let at = self.cursor().at;
        self.undone.clear();
        self.lanes[place].seek(Cursor { at, steps: 0 })?;
        (self.beside, self.active) = (Some(self.active), place);
        Ok(true)
    }

    /// Shows the active lane alone.
    pub fn alone(&mut self) {
        self.beside = None;
    }

    /// All lanes, in the order in which they began.
    pub fn lanes(&mut self) -> Vec<LaneInfo> {
        self.lanes.iter_mut().map(info).collect()
    }

    /// The active lane's commands by hand: their numbers.
    pub fn numbers_by_hand(&self) -> Vec<u32> {
        self.lanes[self.active].timeline().iter().filter_map(|entry| entry.by_hand).collect()
    }

    /// The timeline's markers, as far as the active lane is known.
    pub fn markers(&mut self) -> Vec<Marker> {
        self.lane().markers()
    }
}

fn info(lane: &mut Lane) -> LaneInfo {
    let scenario = Arc::clone(lane.player().scenario());
    let brought =
        |entry: &Entry| scenario.timeline.iter().filter(|one| one.by_hand.is_some()).any(|one| one == entry);
    let by_hand = lane.timeline().iter().filter(|entry| entry.by_hand.is_some());
    let deeds: Vec<Deed> = by_hand
        .flat_map(|entry| {
            let (is_brought, number) = (brought(entry), entry.by_hand.unwrap_or(0));
            let deed = |scoped| Deed { at: entry.at, words: spell(&scenario, scoped), number, is_brought };
            entry.commands.iter().map(deed).collect::<Vec<_>>()
        })
        .collect();
    let all =
        scenario.timeline.iter().filter(|entry| entry.by_hand.is_some()).map(|entry| entry.commands.len());
    let lacks_some = deeds.iter().filter(|deed| deed.is_brought).count() < all.sum();
    LaneInfo { number: lane.number, live: lane.live().at, by_hand: deeds, lacks_some }
}

/// Whether an entry has been carried out where time stands.
fn is_done(entry: &Entry, here: Cursor) -> bool {
    Cursor { at: entry.at, steps: 0 } < here
}

/// What an entry does, in words.
fn words(scenario: &Scenario, entry: &Entry) -> String {
    entry.commands.iter().map(|scoped| spell(scenario, scoped)).collect::<Vec<_>>().join(", ")
}
