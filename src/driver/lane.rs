//! One way that things went: a timeline with its commands by hand, how far it has been lived through, and the
//! checkpoints from which any place of it is reached again.

use super::frame::Marker;
use super::player::{Checkpoint, Cursor, Outcome, Player};
use super::shelf::{self, Shelf};
use crate::base::ids::NodeId;
use crate::base::time::{Span, VirtualTime};
use crate::cluster::live::HostKind;
use crate::scenario::model::{Entry, Scenario};
use std::io;
use std::sync::{Arc, Mutex};

/// Virtual time played between two looks whether a checkpoint is due.
const SLICE: Span = Span::millis(10);
/// Events that stories and causes reach back at least; a replay of that many takes a tenth of a second.
const REMEMBERED: u64 = 400_000;
/// Steps after which a search for a message that does not come is given up.
const STEPS_MAX: u32 = 300_000;

/// A way that things went.
pub struct Lane {
    /// 1 for the first, then counted up: `majority` of the third lane is called `majority~3`.
    pub number: u32,
    scenario: Arc<Scenario>,
    host: HostKind,
    player: Player,
    shelf: Shelf,
    live: Cursor,
    /// The markers as they were when the lane was last seen at its end.
    known: Vec<Marker>,
    /// Events before which stories and causes are forgotten: those of the checkpoint that its runs went on from.
    knows_since: u64,
    /// Whether its runs stand inline where they were sent, and move to their host when time goes on.
    is_away: bool,
}

impl Lane {
    /// The scenario at its beginning.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn new(scenario: Arc<Scenario>, host: HostKind) -> io::Result<Self> {
        let mut player = Player::new(Arc::clone(&scenario), host)?;
        let beginning = player.checkpoint().unwrap_or_else(|| unreachable!("nothing has happened yet"));
        Ok(Lane {
            number: 1,
            scenario,
            host,
            player,
            shelf: Shelf::new(beginning),
            live: Cursor::default(),
            known: Vec::new(),
            knows_since: 0,
            is_away: false,
        })
    }

    /// Another lane that shares this one's past up to `at` and goes on with `timeline` from there. It stands at `to`.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn fork(
        &self,
        number: u32,
        timeline: Arc<Vec<Arc<Entry>>>,
        at: VirtualTime,
        to: Cursor,
    ) -> io::Result<Self> {
        let shelf = self.shelf.up_to(at);
        let from = shelf.nearest(Cursor { at, steps: 0 });
        let (player, knows_since) = self.resumed(&timeline, &from)?;
        let mut lane = Lane {
            number,
            scenario: Arc::clone(&self.scenario),
            host: self.host,
            player,
            shelf,
            live: Cursor::default(),
            known: Vec::new(),
            knows_since,
            is_away: self.host != HostKind::Inline,
        };
        lane.play_to(to);
        lane.live = lane.player.cursor();
        Ok(lane)
    }

    /// A checkpoint's runs on the inline host, and after how many events.
    fn resumed(
        &self,
        timeline: &Arc<Vec<Arc<Entry>>>,
        from: &Mutex<Checkpoint>,
    ) -> io::Result<(Player, u64)> {
        let (scenario, timeline) = (Arc::clone(&self.scenario), Arc::clone(timeline));
        shelf::with(from, |from| {
            let player = Player::resume(scenario, timeline, from, HostKind::Inline)?;
            Ok((player, from.events))
        })
    }

    /// Goes on from a checkpoint instead. The runs stay inline: who jumps about would pay for every move.
    fn go_on_from(&mut self, from: &Mutex<Checkpoint>) -> io::Result<()> {
        (self.player, self.knows_since) = self.resumed(self.player.timeline(), from)?;
        self.is_away = self.host != HostKind::Inline;
        Ok(())
    }

    /// Time goes on from where the runs were sent: they move to their host. All hosts give the same, so a system that
    /// refuses one leaves them where they are.
    fn come_home(&mut self) {
        if self.is_away {
            self.is_away = self.player.rehost(self.host).is_err();
        }
    }

    /// Lives through so much of the past again that stories and causes reach back as far as they would have, had the
    /// runs never been sent anywhere.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks; the lane stays as it was.
    pub fn remember(&mut self) -> io::Result<()> {
        let (here, wanted) = (self.cursor(), self.player.events().saturating_sub(REMEMBERED));
        if self.knows_since > wanted {
            self.go_on_from(&self.shelf.after_events(wanted))?;
            self.play_to(here);
        }
        Ok(())
    }

    /// Its runs where they stand.
    pub fn player(&mut self) -> &mut Player {
        &mut self.player
    }

    /// Where its runs stand.
    pub fn cursor(&self) -> Cursor {
        self.player.cursor()
    }

    /// How far it has been lived through.
    pub fn live(&self) -> Cursor {
        self.live
    }

    /// What lies beyond `live` was only looked at, and has not been lived through.
    pub fn lived_to(&mut self, live: Cursor) {
        self.live = live.max(self.player.cursor());
        self.shelf = self.shelf.up_to(self.live.at);
    }

    /// Whether its runs stand in its past.
    pub fn is_past(&self) -> bool {
        self.cursor() < self.live
    }

    /// Its timeline, commands by hand among it.
    pub fn timeline(&self) -> &Arc<Vec<Arc<Entry>>> {
        self.player.timeline()
    }

    /// How many checkpoints it has.
    pub fn checkpoints(&self) -> usize {
        self.shelf.len()
    }

    /// Plays on up to `limit`.
    pub fn advance(&mut self, limit: VirtualTime) {
        self.come_home();
        self.run_to(limit);
    }

    fn run_to(&mut self, limit: VirtualTime) {
        while self.player.now() < limit {
            self.player.advance(limit.min(self.player.now() + SLICE));
            self.keep();
        }
        self.live = self.live.max(self.player.cursor());
    }

    /// Takes a checkpoint if one is due.
    fn keep(&mut self) {
        if self.shelf.wants(self.player.now(), self.player.events())
            && let Some(checkpoint) = self.player.checkpoint()
        {
            self.shelf.keep(checkpoint);
        }
    }

    /// Takes one step.
    pub fn step(&mut self) {
        self.player.step();
        self.live = self.live.max(self.player.cursor());
    }

    /// Goes to a place, which may lie behind or ahead.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks; the lane stays where it was.
    pub fn seek(&mut self, to: Cursor) -> io::Result<()> {
        let from = self.shelf.nearest(to);
        let is_shorter = shelf::with(&from, |from| from.at > self.player.now());
        if to < self.cursor() || is_shorter {
            self.go_on_from(&from)?;
        }
        self.play_to(to);
        Ok(())
    }

    /// Plays on to a place that lies ahead.
    fn play_to(&mut self, to: Cursor) {
        self.run_to(to.at);
        while self.player.cursor() < to && self.player.next_at() == Some(to.at) {
            self.step();
        }
    }

    /// Goes back by one step, to the place where it was about to be taken; false at the beginning.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn step_back(&mut self) -> io::Result<bool> {
        let Cursor { at, steps } = self.cursor();
        if steps > 1 {
            self.seek(Cursor { at, steps: steps - 1 })?;
            return Ok(true);
        }
        if steps == 1 {
            self.seek(Cursor { at, steps: 0 })?;
            self.rest_after_last()?;
            return Ok(true);
        }
        let Some(at) = self.player.last_at() else { return Ok(false) };
        self.seek(Cursor { at, steps: 0 })?;
        let mut ahead = self.inline_copy()?;
        while ahead.next_at() == Some(at) {
            ahead.step();
        }
        match ahead.cursor().steps {
            0 | 1 => self.rest_after_last()?,
            steps => self.play_to(Cursor { at, steps: steps - 1 }),
        }
        Ok(true)
    }

    /// Nothing of this instant has happened: stands where the last thing before it had just happened.
    fn rest_after_last(&mut self) -> io::Result<()> {
        let Some(at) = self.player.last_at() else { return self.seek(Cursor::default()) };
        self.seek(Cursor { at, steps: 0 })?;
        while self.player.next_at() == Some(at) {
            self.step();
        }
        Ok(())
    }

    fn inline_copy(&mut self) -> io::Result<Player> {
        let mut here =
            self.player.checkpoint().unwrap_or_else(|| unreachable!("an instant's beginning was sought"));
        let (scenario, timeline) = (Arc::clone(&self.scenario), Arc::clone(self.player.timeline()));
        Player::resume(scenario, timeline, &mut here, HostKind::Inline)
    }

    /// Steps on until the next message reaches `node` in a run, any node for `None`; false if none comes.
    pub fn step_message(&mut self, run: usize, node: Option<NodeId>) -> bool {
        let before = received(&mut self.player, run, node);
        for _ in 0..STEPS_MAX {
            if self.player.next_at().is_none() {
                return false;
            }
            self.step();
            if received(&mut self.player, run, node) != before {
                return true;
            }
        }
        false
    }

    /// Goes back to where the last message before this place had just reached `node`; false if there was none.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    pub fn step_message_back(&mut self, run: usize, node: Option<NodeId>) -> io::Result<bool> {
        let mut upper = self.cursor();
        while let Some((from, checkpoint)) = self.shelf.before(upper) {
            let (mut player, _) = self.resumed(self.player.timeline(), &checkpoint)?;
            // News of the last slice may be no earlier than this place; those of the one before are.
            for slice in slices_with_news(&mut player, upper, run, node) {
                let (mut player, _) = self.resumed(self.player.timeline(), &checkpoint)?;
                player.advance(slice);
                if let Some(found) = last_news(&mut player, upper, run, node) {
                    self.seek(found)?;
                    return Ok(true);
                }
            }
            upper = from;
        }
        Ok(false)
    }

    /// Goes on to an instant that a command by hand can have for its own.
    pub fn clear_instant(&mut self) -> VirtualTime {
        self.come_home();
        let at = self.player.clear_instant();
        self.live = self.live.max(self.player.cursor());
        at
    }

    /// Carries out an entry at the present instant, which must be clear.
    pub fn act(&mut self, entry: Arc<Entry>) -> Vec<Outcome> {
        let outcomes = self.player.act(entry);
        self.live = self.live.max(self.player.cursor());
        outcomes
    }

    /// Adds words to the present instant, wherever in the lane's life it lies: they change nothing of what comes after.
    pub fn annotate(&mut self, entry: Arc<Entry>) -> Vec<Outcome> {
        let at = entry.at;
        let outcomes = self.player.act(entry);
        // Checkpoints after it have not heard them.
        self.shelf = self.shelf.up_to(at);
        self.live = self.live.max(self.player.cursor());
        let said = self.player.marks().iter().rev().take_while(|marker| marker.at == at).take(outcomes.len());
        let place = self.known.partition_point(|marker| marker.at <= at);
        self.known.splice(place..place, said.cloned().collect::<Vec<_>>().into_iter().rev());
        outcomes
    }

    /// The timeline's markers, as far as the lane is known: what lies ahead of its runs is yet to come.
    pub fn markers(&mut self) -> Vec<Marker> {
        if !self.is_past() || self.known.is_empty() {
            self.known = self.player.markers();
            return self.known.clone();
        }
        let now = self.player.now();
        let seen = |marker: &Marker| Marker { is_future: marker.at >= now, ..marker.clone() };
        self.known.iter().map(seen).collect()
    }
}

fn received(player: &mut Player, run: usize, node: Option<NodeId>) -> u64 {
    let Some(cluster) = player.clusters().get(run) else { return 0 };
    node.map_or_else(|| cluster.messages().delivered, |node| cluster.received(node))
}

/// The beginnings of the last two slices before `upper` in which messages arrived, the last one first.
fn slices_with_news(
    player: &mut Player,
    upper: Cursor,
    run: usize,
    node: Option<NodeId>,
) -> impl Iterator<Item = VirtualTime> {
    let (mut found, mut before) = ([None; 2], received(player, run, node));
    // The instant of `upper` itself belongs to the last slice.
    let end = VirtualTime(upper.at.0 + u64::from(upper.steps > 0));
    while player.now() < end {
        let start = player.now();
        player.advance(end.min(start + SLICE));
        let now = received(player, run, node);
        if now != before {
            (found, before) = ([Some(start), found[0]], now);
        }
    }
    found.into_iter().flatten()
}

/// The place before `upper` at which the last message had just arrived.
fn last_news(player: &mut Player, upper: Cursor, run: usize, node: Option<NodeId>) -> Option<Cursor> {
    let (mut found, mut before) = (None, received(player, run, node));
    while player.next_at().is_some_and(|next| next <= upper.at) {
        player.step();
        if player.cursor() >= upper {
            break;
        }
        let now = received(player, run, node);
        if now != before {
            (found, before) = (Some(player.cursor()), now);
        }
    }
    found
}
