//! Running counts that cannot be read off the ledger: traffic, load per node, roles, failovers. Kept in buckets
//! ([`BUCKET`]), so that any window of whole ones can be asked for afterwards.

use crate::base::chunks::Chunks;
use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::base::metric::BUCKET;
use crate::base::movement::Move;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::{TRAFFIC_KINDS, Traffic};
use std::collections::BTreeSet;

/// Clusters up to this size keep the load of every node in every bucket.
const NODES_BUCKETED: usize = 64;

/// What happened within one bucket.
#[derive(Clone, Debug, Default)]
pub struct Bucket {
    /// Messages by [`Traffic`].
    pub messages: [u32; TRAFFIC_KINDS],
    /// Bytes by [`Traffic`].
    pub bytes: [u64; TRAFFIC_KINDS],
    /// Steps taken by each node; empty in clusters of more than 64 nodes.
    pub steps: Vec<u32>,
    /// Most bytes of hints kept at one time.
    pub hint_bytes: u64,
    /// Keys hashed for anti-entropy.
    pub compared: u64,
    /// Keys received by anti-entropy, and those that changed something.
    pub streamed: (u64, u64),
    /// Tombstones purged.
    pub purged: u64,
    /// Copies that have another keeper.
    pub moved: u64,
    /// Snapshots begun.
    pub full_resyncs: u32,
    /// Most snapshots on their way at one time.
    pub syncing: u32,
    /// Most entries that a replica in reach lacked.
    pub lag_entries: u64,
    /// The age of the oldest entry it lacked.
    pub lag: Span,
    /// The age of the last entry it had, lacking any or not.
    pub naive_lag: Span,
}

/// A time in which one node acknowledged writes as primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stint {
    /// The primary.
    pub node: NodeId,
    /// The group of keys it orders, or the site; 0 where there is one.
    pub partition: u16,
    /// Its term.
    pub term: u64,
    /// When it became primary.
    pub since: VirtualTime,
    /// Its first and last acknowledged write.
    pub acked: Option<(VirtualTime, VirtualTime)>,
}

/// A change of primary, in its parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failover {
    /// The group of keys whose primary it was.
    pub partition: u16,
    /// The fault that began it; the suspicion itself if there was none.
    pub fault_at: VirtualTime,
    /// When some node first missed the primary.
    pub suspected_at: VirtualTime,
    /// When the new primary took over.
    pub primary_at: VirtualTime,
    /// When it first acknowledged a client's write.
    pub served_at: Option<VirtualTime>,
}

/// The counts of one run.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    members: usize,
    buckets: Chunks<Bucket>,
    hints: Vec<u64>,
    /// The site of each node, where every site has a primary of its own; else empty.
    sites: Vec<u16>,
    /// Replicas that a snapshot is on its way to.
    syncing: BTreeSet<NodeId>,
    /// Most versions kept side by side for one key.
    pub siblings_max: u32,
    stints: Vec<Stint>,
    failovers: Vec<Failover>,
    last_fault: Option<VirtualTime>,
    suspected: Option<VirtualTime>,
    /// When the last fault ended.
    pub last_heal: Option<VirtualTime>,
    is_split_said: bool,
    /// Nodes that wanted to join a ring and were refused.
    turned_away: BTreeSet<NodeId>,
}

impl Tally {
    /// Counts for a cluster of `members` nodes.
    pub fn new(members: usize) -> Self {
        Tally { members, hints: vec![0; members], siblings_max: 1, ..Tally::default() }
    }

    /// Counts roles by the sites of nodes.
    pub fn in_sites(self, sites: Vec<u16>) -> Self {
        Tally { sites, ..self }
    }

    fn bucket(&mut self, at: VirtualTime) -> &mut Bucket {
        let index = (at.0 / BUCKET.0) as usize;
        if self.buckets.len() <= index {
            let hint_bytes = self.hints.iter().sum();
            let syncing = self.syncing.len() as u32;
            let steps = if self.members <= NODES_BUCKETED { vec![0; self.members] } else { Vec::new() };
            let empty = Bucket { hint_bytes, steps, syncing, ..Bucket::default() };
            (self.buckets.len()..=index).for_each(|_| self.buckets.push(empty.clone()));
        }
        self.buckets.get_mut(index).expect("buckets up to this one were added above")
    }

    /// The buckets that lie in `window`, and the one that time stands in if the window goes on.
    pub fn buckets_in(&self, window: (VirtualTime, VirtualTime)) -> Vec<&Bucket> {
        let last = self.buckets.len();
        let start = (window.0.0.div_ceil(BUCKET.0)) as usize;
        let end = ((window.1.0 / BUCKET.0) as usize).min(last);
        self.buckets.iter_from(start).take(end.saturating_sub(start)).collect()
    }

    /// A message was sent.
    pub fn message(&mut self, at: VirtualTime, traffic: Traffic, bytes: u64) {
        let bucket = self.bucket(at);
        bucket.messages[traffic as usize] += 1;
        bucket.bytes[traffic as usize] += bytes;
    }

    /// A node took a step.
    pub fn step(&mut self, at: VirtualTime, node: NodeId) {
        if let Some(steps) = self.bucket(at).steps.get_mut(node.index()) {
            *steps += 1;
        }
    }

    /// A node keeps `bytes` of hints now.
    pub fn hints(&mut self, at: VirtualTime, node: NodeId, bytes: u64) {
        self.hints[node.index()] = bytes;
        let total = self.hints.iter().sum();
        let bucket = self.bucket(at);
        bucket.hint_bytes = bucket.hint_bytes.max(total);
    }

    /// Anti-entropy hashed keys, and received some, of which some changed something.
    pub fn anti_entropy(&mut self, at: VirtualTime, compared: u64, (came, changed): (u64, u64)) {
        let bucket = self.bucket(at);
        bucket.compared += compared;
        bucket.streamed = (bucket.streamed.0 + came, bucket.streamed.1 + changed);
    }

    /// Copies have another keeper.
    pub fn moved(&mut self, at: VirtualTime, copies: u64) {
        self.bucket(at).moved += copies;
    }

    /// A node that wanted to join a ring and was refused; it is asked for once.
    pub fn turned_away(&mut self) -> Option<NodeId> {
        self.turned_away.pop_first()
    }

    /// A tombstone was purged.
    pub fn purged(&mut self, at: VirtualTime) {
        self.bucket(at).purged += 1;
    }

    /// How far the slowest replica in reach is behind its primary.
    pub fn lag(&mut self, at: VirtualTime, entries: u64, lag: Span, naive: Span) {
        let bucket = self.bucket(at);
        bucket.lag_entries = bucket.lag_entries.max(entries);
        (bucket.lag, bucket.naive_lag) = (bucket.lag.max(lag), bucket.naive_lag.max(naive));
    }

    /// A fault began.
    pub fn fault(&mut self, at: VirtualTime) {
        self.last_fault = Some(at);
    }

    /// When the last fault began.
    pub fn last_fault(&self) -> Option<VirtualTime> {
        self.last_fault
    }

    /// Takes what a node's log line tells about roles.
    pub fn hear(&mut self, at: VirtualTime, node: NodeId, line: &Line) {
        match line {
            Line::InPartition { partition, line } => self.hear_of(at, node, *partition, line),
            line => {
                let group = self.sites.get(node.index()).copied().unwrap_or(0);
                self.hear_of(at, node, group, line);
            }
        }
    }

    fn hear_of(&mut self, at: VirtualTime, node: NodeId, partition: u16, line: &Line) {
        match line {
            Line::PreVote { .. }
            | Line::ElectStart { .. }
            | Line::PrimaryLost { .. }
            | Line::Subjectively { .. } => {
                let is_old_news =
                    self.suspected.is_some_and(|since| self.last_fault.is_none_or(|fault| fault <= since));
                if !is_old_news {
                    self.suspected = Some(at);
                }
            }
            // What is planned has no fault behind it.
            Line::SwitchStart { .. } => (self.last_fault, self.suspected) = (None, Some(at)),
            Line::Promoted { .. } => self.suspected = self.suspected.or(Some(at)),
            Line::RolePrimary { term, .. } => self.crown(at, node, partition, *term),
            Line::FullStart { peer, .. } => {
                self.bucket(at).full_resyncs += 1;
                self.syncing.insert(*peer);
                let syncing = self.syncing.len() as u32;
                let bucket = self.bucket(at);
                bucket.syncing = bucket.syncing.max(syncing);
            }
            Line::MoveRefused { how: Move::Join | Move::Replace(_), .. } => {
                self.turned_away.insert(node);
            }
            Line::MoveStart { .. } => drop(self.turned_away.remove(&node)),
            Line::FullAbort { peer, .. } => drop(self.syncing.remove(peer)),
            Line::FullDone { .. } | Line::Crash { .. } => drop(self.syncing.remove(&node)),
            Line::StepDown { .. } => self.syncing.clear(),
            _ => {}
        }
    }

    fn crown(&mut self, at: VirtualTime, node: NodeId, partition: u16, term: u64) {
        let before = self.stints.iter().filter(|stint| stint.partition == partition);
        let is_first = before.clone().next().is_none();
        // A node that comes back in a term it had already is no new primary.
        let resumes = before.into_iter().any(|stint| (stint.node, stint.term) == (node, term));
        if !is_first && !resumes {
            let suspected_at = self.suspected.unwrap_or(at);
            // A fault that a failover has answered already is not what the next one begins with.
            let of_this = self.failovers.iter().filter(|failover| failover.partition == partition);
            let last = of_this.map(|failover| failover.primary_at).next_back().unwrap_or(VirtualTime::ZERO);
            let fault_at = self.last_fault.filter(|&fault| last <= fault && fault <= suspected_at);
            let fault_at = fault_at.unwrap_or(suspected_at);
            self.failovers.push(Failover {
                partition,
                fault_at,
                suspected_at,
                primary_at: at,
                served_at: None,
            });
        }
        self.suspected = None;
        self.stints.push(Stint { node, partition, term, since: at, acked: None });
    }

    /// A primary acknowledged a write. Gives the other node if this makes it a split brain for the first time.
    pub fn acked(&mut self, at: VirtualTime, node: NodeId, partition: u16) -> Option<NodeId> {
        let newest = self.stints.iter().rev().find(|stint| stint.partition == partition);
        if newest.is_some_and(|stint| stint.node == node) {
            // Those that were overtaken by another before they served end with it.
            let of_this = self.failovers.iter_mut().filter(|failover| failover.partition == partition);
            of_this
                .filter(|failover| failover.served_at.is_none())
                .for_each(|failover| failover.served_at = Some(at));
        }
        let of_this = |stint: &&mut Stint| stint.partition == partition && stint.node == node;
        let stint = self.stints.iter_mut().rev().find(of_this)?;
        let first = stint.acked.map_or(at, |(first, _)| first);
        stint.acked = Some((first, at));
        let other = self.stints.iter().find(|other| {
            other.node != node
                && other.partition == partition
                && other.acked.is_some_and(|(begun, last)| begun <= at && first < last)
        })?;
        (!std::mem::replace(&mut self.is_split_said, true)).then_some(other.node)
    }

    /// The primary with the highest term that ever was, if any.
    pub fn latest_primary(&self) -> Option<NodeId> {
        self.stints.iter().max_by_key(|stint| stint.term).map(|stint| stint.node)
    }

    /// Changes of primary whose new primary took over in `window`.
    pub fn failovers_in(&self, window: (VirtualTime, VirtualTime)) -> impl Iterator<Item = &Failover> {
        self.failovers
            .iter()
            .filter(move |failover| window.0 <= failover.primary_at && failover.primary_at < window.1)
    }

    /// Every change of role, for markers on the timeline.
    pub fn stints(&self) -> &[Stint] {
        &self.stints
    }

    /// Time within `window` in which at least two primaries stood between their first and last acknowledged write.
    pub fn split_brain(&self, window: (VirtualTime, VirtualTime)) -> Span {
        // Of each partition on its own: primaries of different ones do not contradict each other.
        let mut edges: Vec<(u16, VirtualTime, i32)> = Vec::new();
        for stint in &self.stints {
            let Some((first, last)) = stint.acked else { continue };
            let (first, last) = (first.max(window.0), last.min(window.1));
            if first < last {
                edges.extend([(stint.partition, first, 1), (stint.partition, last, -1)]);
            }
        }
        edges.sort_unstable();
        let (mut depth, mut total) = (0, Span::ZERO);
        for pair in edges.windows(2) {
            depth += pair[0].2;
            if depth >= 2 && pair[0].0 == pair[1].0 {
                total = total + pair[1].1.since(pair[0].1);
            }
        }
        total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: (VirtualTime, VirtualTime) = (VirtualTime::ZERO, VirtualTime::MAX);

    fn crowned(tally: &mut Tally, at: u64, node: u16, term: u64) {
        tally.hear(VirtualTime(at), NodeId(node), &Line::RolePrimary { term, index: 0 });
    }

    #[test]
    fn a_failover_is_measured_in_its_parts() {
        let mut tally = Tally::new(3);
        crowned(&mut tally, 0, 0, 1);
        tally.acked(VirtualTime(5), NodeId(0), 0);
        tally.fault(VirtualTime(10));
        tally.hear(VirtualTime(70), NodeId(1), &Line::PreVote { term: 2 });
        tally.hear(VirtualTime(75), NodeId(1), &Line::ElectStart { silent: Span(65), term: 2 });
        crowned(&mut tally, 90, 1, 2);
        assert_eq!(tally.acked(VirtualTime(100), NodeId(1), 0), None, "the old primary had stopped before");
        let failover = *tally.failovers_in(ALL).next().expect("one failover");
        let parts = [failover.fault_at, failover.suspected_at, failover.primary_at].map(|at| at.0);
        assert_eq!((parts, failover.served_at), ([10, 70, 90], Some(VirtualTime(100))));
    }

    #[test]
    fn split_brain_is_the_time_both_acknowledge() {
        let mut tally = Tally::new(5);
        crowned(&mut tally, 0, 0, 1);
        crowned(&mut tally, 50, 2, 2);
        let mut told = Vec::new();
        for at in (0..200).step_by(10) {
            told.extend(tally.acked(VirtualTime(at), NodeId(0), 0));
            if at >= 60 {
                told.extend(tally.acked(VirtualTime(at + 1), NodeId(2), 0));
            }
        }
        assert_eq!(told.len(), 1, "said once");
        assert_eq!(tally.split_brain(ALL), Span(190 - 61));
        assert_eq!(tally.split_brain((VirtualTime(100), VirtualTime(150))), Span(50));
    }
}
