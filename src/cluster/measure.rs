//! Fills the table of metrics for a window of a run, from the ledger and the counts. Definitions: the rows of
//! `base::metric::METRICS`.

use super::effects::Effects;
use super::fates::ending;
use super::ledger::{Ledger, OpRecord};
use super::outages::{longest, outages};
use super::promises::Promises;
use super::staleness::Staleness;
use super::tally::{Bucket, Failover};
use super::world::World;
use super::writable;
use crate::base::fate::WriteFate;
use crate::base::ids::{Key, OpId};
use crate::base::knob::Topology;
use crate::base::metric::{Metric, MetricSet};
use crate::base::operation::{Outcome, Success};
use crate::base::time::{Span, VirtualTime};
use crate::protocol::{Protocol, Remains, Survivors, Traffic, Truth};
use std::collections::{BTreeMap, BTreeSet};

/// From the first instant to before the second.
pub type Window = (VirtualTime, VirtualTime);

/// The whole of a run.
pub const WHOLE: Window = (VirtualTime::ZERO, VirtualTime::MAX);

/// An operation is available if it succeeds within this.
const AVAILABLE_WITHIN: Span = Span::seconds(1);
/// Clients are content with a second in which all but 5 % of the operations succeeded within this.
const CONTENT_WITHIN: Span = Span::millis(50);
const SECOND: u64 = 1_000_000;

/// What became of the acknowledged writes of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Cut off with a log suffix.
    pub rolled_back: u32,
    /// Beaten by a write that had returned before.
    pub inverted: u32,
    /// On no replica any more.
    pub vanished: u32,
    /// Their effect is not there in the end though it must survive any order.
    pub concurrent: u32,
    /// What counters and lists have too much.
    pub counted_twice: u64,
}

impl<P: Protocol> World<P> {
    /// Everything measured in `window`, given what has survived.
    pub fn measure(&self, truth: &Truth, window: Window) -> MetricSet {
        self.measure_given(truth, window, &Promises::of(&self.ledger, window))
    }

    /// The same where the promises to sessions in `window` are judged already.
    pub fn measure_given(&self, truth: &Truth, window: Window, promises: &Promises) -> MetricSet {
        let mut set = MetricSet::default();
        let end = window.1.min(self.now);
        let is_inside = |record: &&OpRecord| window.0 <= record.scheduled && record.scheduled < window.1;
        let records: Vec<&OpRecord> = self.ledger.records().filter(is_inside).collect();
        self.put_outcomes(&mut set, &records);
        put_latencies(&mut set, &records);
        put_losses(&mut set, losses(&self.ledger, truth, window));
        if let Survivors::Log(remains) = &truth.survivors {
            let is_dirty = |record: &&&OpRecord| match &record.outcome {
                Outcome::Ok(Success::Found(Some(found))) => !remains.ops.contains(&found.written_by),
                _ => false,
            };
            set.put(Metric::DirtyReads, records.iter().filter(is_dirty).count() as f64);
        }
        if set.get(Metric::ScheduledOps).is_some_and(|asked| asked > 0.0) {
            set.put(Metric::OutageMs, longest(&outages(&self.ledger), window).as_millis());
        }
        put_staleness(&mut set, &Staleness::of(&self.ledger, window));
        put_promises(&mut set, promises);
        self.put_traffic(&mut set, window, end);
        self.put_roles(&mut set, truth, &records, window, end);
        set.put(Metric::Conflicts, self.ledger.conflicts_in(window) as f64);
        set.put(Metric::Copies, f64::from(truth.copies));
        self.put_upkeep(&mut set, truth, &records, window, end);
        set.put(Metric::Converged, f64::from(u8::from(truth.is_converged)));
        set
    }

    fn put_outcomes(&self, set: &mut MetricSet, records: &[&OpRecord]) {
        let count =
            |is_such: &dyn Fn(&OpRecord) -> bool| records.iter().filter(|record| is_such(record)).count();
        let is_write = |record: &OpRecord| record.action.is_write();
        set.put(Metric::ScheduledOps, records.len() as f64);
        set.put(Metric::OkOps, count(&OpRecord::is_ok) as f64);
        set.put(Metric::FailedOps, count(&|r| matches!(r.outcome, Outcome::Fail(_))) as f64);
        set.put(Metric::UnknownOps, count(&|r| matches!(r.outcome, Outcome::Unknown(_))) as f64);
        set.put(Metric::ScheduledWrites, count(&is_write) as f64);
        set.put(Metric::AckedWrites, count(&OpRecord::is_acked_write) as f64);
        set.put(Metric::OkReads, count(&|r| r.is_ok() && !is_write(r)) as f64);
        let is_closed = |record: &OpRecord| record.outcome != Outcome::Pending;
        let missed = count(&|r| is_write(r) && is_closed(r) && !r.is_ok());
        set.put(Metric::FailedWrites, missed as f64);
        for (metric, writes) in [(Metric::AvailWritePct, true), (Metric::AvailReadPct, false)] {
            let asked = count(&|r| is_write(r) == writes && is_closed(r));
            let served = count(&|r| is_write(r) == writes && r.is_ok() && r.latency() <= AVAILABLE_WITHIN);
            put_share(set, metric, served, asked);
        }
        let late = count(&|r| r.is_ok() && r.latency() > AVAILABLE_WITHIN);
        put_share(set, Metric::LatePct, late, count(&OpRecord::is_ok));
    }

    fn put_traffic(&self, set: &mut MetricSet, window: Window, end: VirtualTime) {
        let buckets = self.tally.buckets_in(window);
        let messages =
            |kind: Traffic| buckets.iter().map(|b| u64::from(b.messages[kind as usize])).sum::<u64>() as f64;
        let bytes = |kind: Traffic| buckets.iter().map(|b| b.bytes[kind as usize]).sum::<u64>() as f64;
        for (per_message, per_byte, kind, ops) in [
            (Metric::MsgsPerWrite, Metric::BytesPerWrite, Traffic::Write, Metric::AckedWrites),
            (Metric::MsgsPerRead, Metric::BytesPerRead, Traffic::Read, Metric::OkReads),
        ] {
            if let Some(ops) = set.get(ops).filter(|&ops| ops > 0.0) {
                set.put(per_message, messages(kind) / ops);
                set.put(per_byte, bytes(kind) / ops);
            }
        }
        let until = end.max(window.0);
        let seconds = until.since(window.0).0 as f64 / 1e6;
        if seconds > 0.0 {
            set.put(Metric::BackgroundMsgsS, messages(Traffic::Background) / seconds);
            set.put(Metric::BackgroundBytesS, bytes(Traffic::Background) / seconds);
        }
        set.put(Metric::RepairBytes, bytes(Traffic::Repair) + bytes(Traffic::Compare));
        set.put(Metric::ResyncBytes, bytes(Traffic::Resync));
        if let Some((imbalance, variation)) = imbalance(&buckets, self.members()) {
            set.put(Metric::LoadImbalance, imbalance);
            set.put(Metric::LoadCv, variation);
        }
    }

    fn put_roles(
        &self,
        set: &mut MetricSet,
        truth: &Truth,
        records: &[&OpRecord],
        window: Window,
        end: VirtualTime,
    ) {
        set.put(Metric::WritableNodesMax, writable::most_at_once(records) as f64);
        if let Some(mean) = writable::mean_at_once(records, window.0, end.max(window.0)) {
            set.put(Metric::WritableNodes, mean);
        }
        let buckets = self.tally.buckets_in(window);
        if self.knobs.topology() == Topology::MultiLeader {
            set.put(Metric::IdCollisions, self.ledger.collisions_in(window) as f64);
            set.put(Metric::SiblingsMax, f64::from(self.tally.siblings_max));
        }
        if self.knobs.topology() == Topology::PeerToPeer {
            set.put(Metric::FailoverMs, longest_wait(records, end).as_millis());
            if let Some(after) = self.suspicions.slowest_in(window) {
                set.put(Metric::DetectMs, after.as_millis());
            }
            set.put(Metric::HintsPeakBytes, buckets.iter().map(|b| b.hint_bytes).max().unwrap_or(0) as f64);
            self.spread.put(set, window, &self.live);
            set.put(Metric::SiblingsMax, f64::from(self.tally.siblings_max));
            set.put(Metric::FalseSiblings, false_siblings(&self.ledger, truth).len() as f64);
            set.put(Metric::Resurrected, self.ledger.resurrected_in(window) as f64);
            let sum =
                |of: &dyn Fn(&Bucket) -> u64| buckets.iter().map(|bucket| of(bucket)).sum::<u64>() as f64;
            set.put(Metric::MerkleBytes, sum(&|bucket| bucket.bytes[Traffic::Compare as usize]));
            set.put(Metric::KeysCompared, sum(&|bucket| bucket.compared));
            set.put(Metric::KeysStreamed, sum(&|bucket| bucket.streamed.0));
            set.put(Metric::Overstream, sum(&|bucket| bucket.streamed.0 - bucket.streamed.1));
            if let Survivors::Merged(remains) = &truth.survivors {
                let copies = remains.len() as u64 * u64::from(truth.copies);
                let moved = sum(&|bucket| bucket.moved);
                set.put(Metric::MovedKeysPct, if copies > 0 { moved * 100.0 / copies as f64 } else { 0.0 });
            }
            set.put(Metric::TombstonesPurged, sum(&|bucket| bucket.purged));
            return;
        }
        set.put(Metric::Elections, self.trace.count("ELECT_START", window) as f64);
        set.put(Metric::Failovers, self.tally.failovers_in(window).count() as f64);
        set.put(Metric::SplitBrainMs, self.tally.split_brain(window).as_millis());
        set.put(Metric::DivergedEntries, self.ledger.diverged_in(window) as f64);
        set.put(Metric::FullResyncs, buckets.iter().map(|b| u64::from(b.full_resyncs)).sum::<u64>() as f64);
        let lag = |of: &dyn Fn(&Bucket) -> u64| buckets.iter().map(|bucket| of(bucket)).max().unwrap_or(0);
        set.put(Metric::LagEntriesMax, lag(&|bucket| bucket.lag_entries) as f64);
        set.put(Metric::LagMsMax, Span(lag(&|bucket| bucket.lag.0)).as_millis());
        set.put(Metric::LagMsNaiveMax, Span(lag(&|bucket| bucket.naive_lag.0)).as_millis());
        let at_once = buckets.iter().map(|b| b.syncing).max().unwrap_or(0);
        set.put(Metric::ResyncsAtOnce, f64::from(at_once));
        let served = |failover: &Failover| failover.served_at.unwrap_or(end);
        let worst =
            self.tally.failovers_in(window).max_by_key(|failover| served(failover).since(failover.fault_at));
        if let Some(worst) = worst {
            set.put(Metric::FailoverMs, served(worst).since(worst.fault_at).as_millis());
            set.put(Metric::DetectMs, worst.suspected_at.since(worst.fault_at).as_millis());
            set.put(Metric::ElectMs, worst.primary_at.since(worst.suspected_at).as_millis());
            set.put(Metric::DiscoverMs, served(worst).since(worst.primary_at).as_millis());
        }
    }

    /// What it takes to keep the cluster going: detectors, ways back, room, hands.
    fn put_upkeep(
        &self,
        set: &mut MetricSet,
        truth: &Truth,
        records: &[&OpRecord],
        window: Window,
        end: VirtualTime,
    ) {
        set.put(Metric::FalsePositives, self.suspicions.mistakes_in(window) as f64);
        let unseen = discontent(records, end)
            .filter(|&second| {
                let (from, to) = (VirtualTime(second * SECOND), VirtualTime((second + 1) * SECOND));
                !self.suspicions.had_any(from, to)
            })
            .count();
        set.put(Metric::DiffObsS, unseen as f64);
        if let Some((longest, bytes)) = self.catch_ups.longest_in(window, end) {
            set.put(Metric::CatchupMs, longest.as_millis());
            set.put(Metric::CatchupBytes, bytes as f64);
        }
        if truth.storage.live > 0 {
            set.put(Metric::OverheadBytes, truth.storage.other as f64 / truth.storage.live as f64);
        }
        let by_hand = self.by_operators.iter().filter(|&&at| window.0 <= at && at < window.1).count();
        set.put(Metric::ManualActions, by_hand as f64);
    }

    /// Writes that were asked for just now and are not answered yet.
    pub(super) fn writes_under_way(&self) -> u64 {
        let just_now = self.ledger.records().rev();
        let just_now = just_now.take_while(|record| self.now.since(record.scheduled) <= CONTENT_WITHIN);
        let is_open = |record: &&OpRecord| record.action.is_write() && record.outcome == Outcome::Pending;
        just_now.filter(is_open).count() as u64
    }

    /// Ok and scheduled writes in each of the last `seconds` whole seconds before now, oldest first.
    pub fn write_rates(&self, seconds: u64) -> (Vec<u32>, Vec<u32>) {
        let now = self.now.0 / 1_000_000;
        let first = now.saturating_sub(seconds);
        let (mut ok, mut asked) = (vec![0; (now - first) as usize], vec![0; (now - first) as usize]);
        for record in
            self.ledger.records().rev().take_while(|record| record.scheduled.0 / 1_000_000 + 2 > first)
        {
            let second = record.scheduled.0 / 1_000_000;
            if record.action.is_write() && (first..now).contains(&second) {
                asked[(second - first) as usize] += 1;
                let is_served = record.is_acked_write() && record.latency() <= AVAILABLE_WITHIN;
                ok[(second - first) as usize] += u32::from(is_served);
            }
        }
        (ok, asked)
    }
}

fn put_share(set: &mut MetricSet, metric: Metric, part: usize, of: usize) {
    if of > 0 {
        set.put(metric, part as f64 * 100.0 / of as f64);
    }
}

fn put_latencies(set: &mut MetricSet, records: &[&OpRecord]) {
    for (half, tail, writes) in
        [(Metric::WriteP50Ms, Metric::WriteP99Ms, true), (Metric::ReadP50Ms, Metric::ReadP99Ms, false)]
    {
        let is_such = |record: &&&OpRecord| record.action.is_write() == writes && record.is_ok();
        let mut latencies: Vec<Span> =
            records.iter().filter(is_such).map(|record| record.latency()).collect();
        latencies.sort_unstable();
        if let (Some(p50), Some(p99)) = (percentile(&latencies, 50), percentile(&latencies, 99)) {
            set.put(half, p50.as_millis());
            set.put(tail, p99.as_millis());
        }
    }
}

/// The smallest value that at least `percent` of the sorted values do not exceed.
pub(super) fn percentile(sorted: &[Span], percent: usize) -> Option<Span> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

fn put_losses(set: &mut MetricSet, losses: Losses) {
    set.put(Metric::LostRolledBack, f64::from(losses.rolled_back));
    set.put(Metric::LostInverted, f64::from(losses.inverted));
    set.put(Metric::LostVanished, f64::from(losses.vanished));
    set.put(Metric::LostConcurrent, f64::from(losses.concurrent));
    let Losses { rolled_back, inverted, vanished, concurrent, counted_twice } = losses;
    set.put(Metric::LostAcked, f64::from(rolled_back + inverted + vanished + concurrent));
    set.put(Metric::CountedTwice, counted_twice as f64);
}

fn put_staleness(set: &mut MetricSet, staleness: &Staleness) {
    set.put(Metric::StaleReads, staleness.stale.len() as f64);
    put_share(set, Metric::StaleReadPct, staleness.stale.len(), staleness.reads);
    set.put(
        Metric::StaleVersionsMax,
        staleness.stale.iter().map(|stale| stale.missed).max().unwrap_or(0) as f64,
    );
    let mut ages: Vec<Span> = staleness.stale.iter().map(|stale| stale.age).collect();
    ages.sort_unstable();
    if let Some(age) = percentile(&ages, 99) {
        set.put(Metric::StaleMsP99, age.as_millis());
    }
}

/// Broken promises per 1000 of the reads that something was promised to.
fn put_promises(set: &mut MetricSet, promises: &Promises) {
    let Promises { own, writes, reads } = promises;
    for (metric, broken, of) in [
        (Metric::RywViolations, own.own_writes, own.reads),
        (Metric::MonoReadViolations, own.backwards, own.reads),
        (Metric::MonoWriteViolations, writes.missed, writes.reads),
        (Metric::WfrViolations, reads.missed, reads.reads),
    ] {
        if of > 0 {
            set.put(metric, f64::from(broken) * 1e3 / f64::from(of));
        }
    }
}

/// Which acknowledged writes of `window` did not survive, by class (replication.md 7.2).
pub fn losses(ledger: &Ledger, truth: &Truth, window: Window) -> Losses {
    let mut losses = Losses::default();
    let mut gone = BTreeSet::new();
    for (number, record) in ledger.records().enumerate() {
        let op = OpId(number as u32);
        let class = match ending(ledger, truth, op, record) {
            Some(WriteFate::RolledBack) => &mut losses.rolled_back,
            Some(WriteFate::BeatenByEarlier) => &mut losses.inverted,
            Some(WriteFate::Vanished) => &mut losses.vanished,
            _ => continue,
        };
        gone.insert(op);
        if window.0 <= record.scheduled && record.scheduled < window.1 {
            *class += 1;
        }
    }
    let effects = Effects::of(ledger, &truth.values, &gone, window);
    (losses.concurrent, losses.counted_twice) =
        (effects.lost.len() as u32, effects.overcounted + effects.repeated);
    losses
}

/// Versions that stand beside one whose writer had seen them, each with that one.
pub fn false_siblings(ledger: &Ledger, truth: &Truth) -> Vec<(OpId, OpId)> {
    let Survivors::Merged(remains) = &truth.survivors else { return Vec::new() };
    let of_key = |remains: &Remains| -> Vec<(OpId, OpId)> {
        let ops = &remains.written_by;
        let seen_by = |op: OpId| ops.iter().copied().find(|&later| later != op && ledger.had_seen(later, op));
        ops.iter().filter_map(|&op| Some((op, seen_by(op)?))).collect()
    };
    remains.values().flat_map(of_key).collect()
}

/// The busiest of `members` nodes over their mean, and the deviation from it; nothing where steps are not counted by
/// node.
fn imbalance(buckets: &[&Bucket], members: usize) -> Option<(f64, f64)> {
    if buckets.first()?.steps.is_empty() {
        return None;
    }
    let load = |node: usize| {
        buckets.iter().filter_map(|b| b.steps.get(node)).map(|&steps| u64::from(steps)).sum::<u64>()
    };
    let loads: Vec<u64> = (0..members).map(load).collect();
    let (most, total) = (*loads.iter().max()?, loads.iter().sum::<u64>());
    let mean = total as f64 / members as f64;
    let squares = loads.iter().map(|&load| (load as f64 - mean).powi(2)).sum::<f64>();
    (total > 0).then(|| (most as f64 / mean, (squares / members as f64).sqrt() / mean))
}

/// The seconds in which more than 5 % of the operations that were scheduled in them failed or took longer than clients
/// are content with; the one that is not over by `end` is not judged.
fn discontent(records: &[&OpRecord], end: VirtualTime) -> impl Iterator<Item = u64> {
    let mut seconds: BTreeMap<u64, (u32, u32)> = BTreeMap::new();
    for record in records.iter().filter(|record| record.scheduled.0 / SECOND < end.0 / SECOND) {
        let (all, bad) = seconds.entry(record.scheduled.0 / SECOND).or_default();
        let is_served = record.is_ok() && record.latency() <= CONTENT_WITHIN;
        let is_open = record.outcome == Outcome::Pending && end.since(record.scheduled) <= CONTENT_WITHIN;
        *all += 1;
        *bad += u32::from(!is_served && !is_open);
    }
    seconds.into_iter().filter(|(_, (all, bad))| bad * 20 > *all).map(|(second, _)| second)
}

/// The longest time a key waited from a first failed or late write to its next ok one.
fn longest_wait(records: &[&OpRecord], end: VirtualTime) -> Span {
    let mut waiting: BTreeMap<Key, VirtualTime> = BTreeMap::new();
    let mut longest = Span::ZERO;
    for record in
        records.iter().filter(|record| record.action.is_write() && record.outcome != Outcome::Pending)
    {
        let is_served = record.is_ok() && record.latency() <= AVAILABLE_WITHIN;
        if !is_served {
            waiting.entry(record.key).or_insert(record.scheduled);
        } else if let Some(since) = waiting.remove(&record.key) {
            longest = longest.max(record.ended.since(since));
        }
    }
    waiting.values().map(|&since| end.since(since)).fold(longest, Span::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads asked at these milliseconds that took so many, or failed.
    fn reads(asked: &[(u64, Option<u64>)]) -> Vec<OpRecord> {
        let mut ledger = Ledger::default();
        for &(at, took) in asked {
            let op = ledger.open(OpRecord {
                client: crate::base::ids::ClientId(0),
                sequence: 0,
                key: Key(1),
                action: crate::base::operation::Action::Read,
                scheduled: VirtualTime(at * 1_000),
                ended: VirtualTime::ZERO,
                outcome: Outcome::Pending,
                node: None,
                marks: Default::default(),
                is_by_hand: false,
            });
            let outcome = match took {
                Some(_) => Outcome::Ok(Success::Found(None)),
                None => Outcome::Fail(crate::base::operation::Refusal::NoQuorum),
            };
            ledger.close(op, VirtualTime((at + took.unwrap_or(1)) * 1_000), None, outcome);
        }
        ledger.records().cloned().collect()
    }

    #[test]
    fn clients_are_discontent_with_a_second_of_which_more_than_a_twentieth_is_slow_or_fails() {
        let of_second = |second: u64, slow: usize| {
            (0..20).map(move |nth| (second * 1_000 + nth, Some(if nth < slow as u64 { 51 } else { 50 })))
        };
        let mut asked: Vec<(u64, Option<u64>)> = of_second(0, 1).chain(of_second(1, 2)).collect();
        asked.push((2_500, None));
        asked.extend(of_second(3, 20));
        let records = reads(&asked);
        let records: Vec<&OpRecord> = records.iter().collect();
        let bad: Vec<u64> = discontent(&records, VirtualTime(3_900_000)).collect();
        assert_eq!(bad, [1, 2], "the fourth second is not over");
    }

    #[test]
    fn percentiles_are_of_the_sample() {
        let sorted: Vec<Span> = (1..=200).map(Span).collect();
        assert_eq!(percentile(&sorted, 50), Some(Span(100)));
        assert_eq!(percentile(&sorted, 99), Some(Span(198)));
        assert_eq!(percentile(&sorted[..1], 99), Some(Span(1)));
        assert_eq!(percentile(&[], 50), None);
    }
}
