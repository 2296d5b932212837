//! Nodes that come back: how long until they have what the others have, and what that costs. A node comes back when it
//! restarts, resumes, or hears a majority of the others again. It has caught up when it lacks no more than is being written
//! at that moment, at one of the looks that are taken: ever more seldom, to within 2 % of the time it takes.

use crate::base::ids::NodeId;
use crate::base::time::{Span, VirtualTime};
use std::collections::BTreeMap;

/// The least time between two looks.
const LOOK_EVERY: Span = Span::millis(5);
/// A node that is looked at after `t` is looked at again after `t + t / 50`.
const PATIENCE: u64 = 50;

/// A way back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUp {
    /// Who came back.
    pub node: NodeId,
    /// When.
    pub since: VirtualTime,
    /// When it had caught up; `None` if it went away before.
    pub done_at: Option<VirtualTime>,
    /// Bytes of resync and repair sent to it meanwhile.
    pub bytes: u64,
}

/// All of them in one run.
#[derive(Clone, Debug, Default)]
pub struct CatchUps {
    open: BTreeMap<NodeId, CatchUp>,
    closed: Vec<CatchUp>,
    look_at: VirtualTime,
}

impl CatchUps {
    /// `node` comes back.
    pub fn begin(&mut self, now: VirtualTime, node: NodeId) {
        if self.open.is_empty() {
            self.look_at = now + LOOK_EVERY;
        }
        self.open.entry(node).or_insert(CatchUp { node, since: now, done_at: None, bytes: 0 });
    }

    /// `node` goes away again.
    pub fn give_up(&mut self, node: NodeId) {
        self.closed.extend(self.open.remove(&node));
    }

    /// Bytes of resync or repair are sent to `node`.
    pub fn send(&mut self, node: NodeId, bytes: u64) {
        if let Some(open) = self.open.get_mut(&node) {
            open.bytes += bytes;
        }
    }

    /// When the next look is due, if any node is on its way back.
    pub fn look_at(&self) -> Option<VirtualTime> {
        (!self.open.is_empty()).then_some(self.look_at)
    }

    /// A look: how much each node lacks, nothing of those that are away; and how many writes are under way.
    pub fn look(&mut self, now: VirtualTime, lacking: &[Option<u64>], under_way: u64) {
        let of = |node: NodeId| lacking.get(node.index()).copied().flatten();
        let done: Vec<NodeId> = self
            .open
            .keys()
            .copied()
            .filter(|&node| of(node).is_some_and(|lacks| lacks <= under_way))
            .collect();
        for mut catch_up in done.into_iter().filter_map(|node| self.open.remove(&node)) {
            catch_up.done_at = Some(now);
            self.closed.push(catch_up);
        }
        let longest = self.open.values().map(|open| now.since(open.since)).max().unwrap_or(Span::ZERO);
        self.look_at = now + LOOK_EVERY.max(longest.scaled(1, PATIENCE));
    }

    /// The longest of those that began in `window`, and the bytes of all of them; what is not done lasts until `end`.
    pub fn longest_in(&self, window: (VirtualTime, VirtualTime), end: VirtualTime) -> Option<(Span, u64)> {
        let all = self.closed.iter().chain(self.open.values());
        let inside: Vec<&CatchUp> = all.filter(|one| window.0 <= one.since && one.since < window.1).collect();
        let took = |one: &&CatchUp| one.done_at.unwrap_or(end).since(one.since);
        let longest = inside.iter().map(took).max()?;
        Some((longest, inside.iter().map(|one| one.bytes).sum()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (VirtualTime, VirtualTime) = (VirtualTime::ZERO, VirtualTime::MAX);
    const END: VirtualTime = VirtualTime(90_000_000);

    #[test]
    fn a_node_has_caught_up_when_it_lacks_no_more_than_is_being_written() {
        let mut all = CatchUps::default();
        all.begin(VirtualTime(1_000_000), NodeId(2));
        all.send(NodeId(2), 700);
        all.send(NodeId(1), 900);
        for (at, lacks) in [(1_005_000, 40), (1_010_000, 4), (1_015_000, 3)] {
            assert_eq!(all.look_at(), Some(VirtualTime(at)));
            all.look(VirtualTime(at), &[Some(0), Some(90), Some(lacks)], 3);
        }
        assert_eq!((all.look_at(), all.longest_in(ALL, END)), (None, Some((Span(15_000), 700))));
    }

    #[test]
    fn looks_become_rare_and_who_never_catches_up_lasts_to_the_end() {
        let mut all = CatchUps::default();
        all.begin(VirtualTime::ZERO, NodeId(0));
        let mut looks = 0;
        while let Some(at) = all.look_at().filter(|&at| at < END) {
            all.look(at, &[Some(1), Some(0)], 0);
            looks += 1;
        }
        assert!((150..400).contains(&looks), "{looks} looks");
        assert_eq!(all.longest_in(ALL, END), Some((Span(END.0), 0)));
        assert_eq!(all.longest_in((VirtualTime(1), VirtualTime::MAX), END), None, "it began before");
    }
}
