//! Deletes: a delete is a tombstone, kept for its grace and then purged. A node that missed the delete and comes back
//! after the purge spreads the old value again (Cassandra's zombies).

use super::object::Object;
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer, Record};
use crate::base::ids::Key;
use crate::base::line::Line;
use crate::base::time::{Span, WallTime};
use crate::protocol::Ghost;

/// The shortest pause between two looks at the tombstones (compactions).
const SHORTEST: Span = Span::millis(500);
/// A tombstone is looked at this many times in its grace.
const LOOKS: u64 = 10;

impl PeerToPeer {
    /// There may be tombstones to look after.
    pub(super) fn watch_tombstones(&mut self, cx: &mut Cx<'_>) {
        if self.store.tombstones() > 0 && !self.is_compacting {
            self.is_compacting = true;
            let pause = Span(self.config.gc_grace.0 / LOOKS).max(SHORTEST);
            cx.set_timer(timer(Alarm::Compaction), pause);
        }
    }

    /// Purges what has outlived its grace.
    pub(super) fn compact(&mut self, cx: &mut Cx<'_>) {
        self.is_compacting = false;
        let old = self.store.dead().filter(|(key, object)| self.may_purge(cx.wall, *key, object));
        let old: Vec<(Key, Object)> = old.map(|(key, object)| (key, object.clone())).collect();
        let purged = old.len() as u64;
        for (key, object) in old {
            self.store.purge(key);
            self.gossip.forget(key);
            self.forgotten = self.forgotten.saturating_add(1);
            cx.append(Record::Purged { key });
            let op = object.writers().last().copied().unwrap_or_default();
            cx.ghost(Ghost::Purged { key, version: object.version(), op });
        }
        if purged > 0 {
            self.flush(cx);
            cx.say(Line::Purged { tombstones: purged, grace: self.config.gc_grace });
        }
        self.watch_tombstones(cx);
    }

    fn may_purge(&self, wall: WallTime, key: Key, tombstone: &Object) -> bool {
        let others = || self.ring.reads().owners(key).iter().filter(|&&owner| owner != self.me);
        let is_repaired = || others().all(|&owner| self.repairs.repaired(owner) > Some(tombstone.stamp()));
        tombstone.age(wall) > self.config.gc_grace && (!self.config.only_purge_repaired || is_repaired())
    }
}
