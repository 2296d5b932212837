//! Checkpoints of one way that things went, spaced by what it costs to replay them.
//!
//! Going back is the nearest checkpoint and a replay; nothing is ever undone. A checkpoint shares its logs and
//! histories with the world it was taken from, so it costs the present state alone.

use super::player::{Checkpoint, Cursor};
use crate::base::time::VirtualTime;
use std::sync::{Arc, Mutex, PoisonError};

/// Events between two checkpoints: a replay of that many takes half a frame.
pub const SPACING: u64 = 1 << 15;
/// The most checkpoints of one shelf. With more, every second one of the older half goes: what lies longest ago is
/// then reached by a longer replay, and memory stays bounded.
pub const CHECKPOINTS_MAX: usize = 512;

/// A checkpoint that several shelves may hold.
#[derive(Clone)]
struct Kept {
    at: VirtualTime,
    events: u64,
    world: Arc<Mutex<Checkpoint>>,
}

/// Checkpoints in the order of time; the first is the beginning.
#[derive(Clone)]
pub struct Shelf {
    kept: Vec<Kept>,
}

impl Shelf {
    /// A shelf with the beginning on it.
    pub fn new(beginning: Checkpoint) -> Self {
        Shelf { kept: vec![kept(beginning)] }
    }

    /// The newest checkpoint that lies at or before `cursor`.
    pub fn nearest(&self, cursor: Cursor) -> Arc<Mutex<Checkpoint>> {
        let place = self.kept.partition_point(|kept| kept.at <= cursor.at);
        Arc::clone(&self.kept[place.saturating_sub(1)].world)
    }

    /// The newest checkpoint before which no more than `events` had been handled.
    pub fn after_events(&self, events: u64) -> Arc<Mutex<Checkpoint>> {
        let place = self.kept.partition_point(|kept| kept.events <= events);
        Arc::clone(&self.kept[place.saturating_sub(1)].world)
    }

    /// The newest checkpoint that lies before `cursor`, if any does.
    pub fn before(&self, cursor: Cursor) -> Option<(Cursor, Arc<Mutex<Checkpoint>>)> {
        let of = |kept: &Kept| Cursor { at: kept.at, steps: 0 };
        let place = self.kept.partition_point(|kept| of(kept) < cursor);
        let found = &self.kept[place.checked_sub(1)?];
        Some((of(found), Arc::clone(&found.world)))
    }

    /// Whether a checkpoint at `at`, after so many events, would shorten the replays that come after it.
    pub fn wants(&self, at: VirtualTime, events: u64) -> bool {
        let place = self.kept.partition_point(|kept| kept.at <= at);
        place.checked_sub(1).is_some_and(|before| events >= self.kept[before].events + SPACING)
    }

    /// Keeps a checkpoint.
    pub fn keep(&mut self, checkpoint: Checkpoint) {
        let place = self.kept.partition_point(|kept| kept.at <= checkpoint.at);
        self.kept.insert(place, kept(checkpoint));
        if self.kept.len() > CHECKPOINTS_MAX {
            let older = self.kept.len() / 2;
            let mut place = 0;
            self.kept.retain(|_| {
                place += 1;
                place > older || place % 2 == 1
            });
        }
    }

    /// The checkpoints that are true whatever is done from `at` on.
    #[must_use]
    pub fn up_to(&self, at: VirtualTime) -> Shelf {
        let place = self.kept.partition_point(|kept| kept.at <= at);
        Shelf { kept: self.kept[..place.max(1)].to_vec() }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Never: the beginning is always there.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }
}

fn kept(checkpoint: Checkpoint) -> Kept {
    Kept { at: checkpoint.at, events: checkpoint.events, world: Arc::new(Mutex::new(checkpoint)) }
}

/// Opens a checkpoint to copy from it. Nobody else does so at the same time, and a copy that failed has changed
/// nothing.
pub(super) fn with<T>(kept: &Mutex<Checkpoint>, copy: impl FnOnce(&mut Checkpoint) -> T) -> T {
    copy(&mut kept.lock().unwrap_or_else(PoisonError::into_inner))
}
