//! What a run leaves behind so that another play of it can be compared: the digest of its trace after every 10 000
//! events, and twelve bits of the digest and the instant of each single one. The instant tells apart what the trace
//! says nothing of, like a message that arrives and waits. From the first event that differs on every footprint
//! differs, but for one in 4 096 by chance: the first that does names the event.

use crate::base::chunks::Chunks;
use crate::base::footprint::Footprint;
use crate::base::time::VirtualTime;
use std::sync::Arc;

/// Events between two milestones.
pub const MILESTONE_EVENTS: u64 = 10_000;

/// A trace after a round number of events.
#[derive(Clone, Debug)]
pub struct Milestone {
    /// When the last of these events was handled.
    pub at: VirtualTime,
    /// The digest.
    pub digest: u64,
    /// Of each of the [`MILESTONE_EVENTS`] before it.
    pub footprints: Arc<[Footprint]>,
}

/// The footprints of a run. A checkpoint shares those before the last milestone.
#[derive(Clone, Debug, Default)]
pub struct Footprints {
    milestones: Chunks<Milestone>,
    /// Those since then.
    since: Vec<Footprint>,
}

impl Footprints {
    /// `events` have been handled, the last of them at `at`, and this is the digest. What is known already is not
    /// taken again: a command that comes between two events belongs to the second.
    pub fn take(&mut self, events: u64, at: VirtualTime, digest: u64) {
        if self.len() >= events {
            return;
        }
        self.since.push(Footprint::of(at, digest));
        if self.since.len() as u64 == MILESTONE_EVENTS {
            let footprints = self.since.as_slice().into();
            self.since.clear();
            self.milestones.push(Milestone { at, digest, footprints });
        }
    }

    /// Events whose footprints were taken.
    pub fn len(&self) -> u64 {
        self.milestones.len() as u64 * MILESTONE_EVENTS + self.since.len() as u64
    }

    /// Whether nothing has happened yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The milestones, in order.
    pub fn milestones(&self) -> impl Iterator<Item = &Milestone> {
        self.milestones.iter()
    }

    /// The footprint of every event, in order.
    pub fn iter(&self) -> impl Iterator<Item = Footprint> + '_ {
        self.milestones().flat_map(|milestone| milestone.footprints.iter()).chain(&self.since).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_leaves_one_footprint_however_often_it_is_asked_for() {
        let mut footprints = Footprints::default();
        for event in 1..=MILESTONE_EVENTS + 2 {
            footprints.take(event, VirtualTime(event), event << 52);
            footprints.take(event, VirtualTime(event), 0);
        }
        assert_eq!(footprints.len(), MILESTONE_EVENTS + 2);
        let milestones: Vec<_> = footprints.milestones().map(|one| (one.at.0, one.digest >> 52)).collect();
        assert_eq!(milestones, [(MILESTONE_EVENTS, MILESTONE_EVENTS & 0xfff)]);
        let of = |event: u64| Footprint::of(VirtualTime(event), event << 52);
        assert!(footprints.iter().zip(1..).all(|(footprint, event)| footprint == of(event)));
    }
}
