//! The metrics: the only list. Reports, expectations, screens and `splitbrain metrics` read these rows;
//! `cluster::measure` fills them.

use super::time::Span;
use std::collections::BTreeMap;

/// What is counted is counted in spans of this width; windows are made of whole ones.
pub const BUCKET: Span = Span::millis(100);

/// One row of the table of metrics.
#[derive(Clone, Copy, Debug)]
pub struct MetricRow {
    /// The metric.
    pub metric: Metric,
    /// Its name in files and JSON.
    pub name: &'static str,
    /// Its unit; empty for a plain count.
    pub unit: &'static str,
    /// Decimals kept in reports.
    pub decimals: u8,
    /// How it is measured.
    pub meaning: &'static str,
}

macro_rules! metrics {
    ($($name:ident $text:literal $unit:literal $decimals:literal $meaning:literal;)*) => {
        /// A measured quantity of a run; [`METRICS`] says what each is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "documented by its row of METRICS")]
        pub enum Metric { $($name),* }

        /// The metrics, in the order of reports.
        pub const METRICS: &[MetricRow] = &[$(MetricRow {
            metric: Metric::$name, name: $text, unit: $unit, decimals: $decimals, meaning: $meaning,
        }),*];
    };
}

metrics! {
    AvailWritePct "avail_write_pct" "%" 1 "writes answered ok within 1 s, of those scheduled";
    AvailReadPct "avail_read_pct" "%" 1 "reads answered ok within 1 s, of those scheduled";
    WriteP50Ms "write_p50_ms" "ms" 1 "median write latency, from the scheduled instant, ok writes only";
    WriteP99Ms "write_p99_ms" "ms" 1 "99th percentile of write latency";
    ReadP50Ms "read_p50_ms" "ms" 1 "median read latency";
    ReadP99Ms "read_p99_ms" "ms" 1 "99th percentile of read latency";
    LatePct "late_pct" "%" 1 "ok operations that took longer than 1 s, of the ok ones";
    Failovers "failovers" "" 0 "changes of primary";
    FailoverMs "failover_ms" "ms" 1 "worst failover: from the fault to the first ok write; peer-to-peer: longest wait of a key from a failed or late write to the next ok one";
    DetectMs "detect_ms" "ms" 1 "of that failover: fault to first suspicion; peer-to-peer: longest that a node had been gone when it was first suspected";
    ElectMs "elect_ms" "ms" 1 "of that failover: suspicion to new primary";
    DiscoverMs "discover_ms" "ms" 1 "of that failover: new primary to first ok client write";
    OutageMs "outage_ms" "ms" 0 "longest time in which, 100 ms after 100 ms, fewer than half of the operations scheduled were answered ok within 1 s; what is still open is not counted";
    Elections "elections" "" 0 "elections started";
    WritableNodes "writable_nodes" "" 2 "nodes that acknowledged a write within the last 500 ms, on average over time";
    WritableNodesMax "writable_nodes_max" "" 0 "most nodes acknowledging writes within the same 500 ms";
    SplitBrainMs "split_brain_ms" "ms" 0 "time in which two primaries acknowledged writes side by side";
    LostAcked "lost_acked" "ops" 0 "acknowledged writes that did not survive, sum of the classes";
    LostRolledBack "lost_rolled_back" "ops" 0 "acknowledged, then absent from the final log";
    LostConcurrent "lost_concurrent" "ops" 0 "effects that must survive any order, dropped by a concurrent write";
    LostInverted "lost_inverted" "ops" 0 "beaten by a write that had returned before this one began";
    LostVanished "lost_vanished" "ops" 0 "acknowledged, then on no replica";
    Conflicts "conflicts" "" 0 "pairs of writes of which neither had seen the other, met at a merge, whether one stayed or both";
    IdCollisions "id_collisions" "" 0 "multi-leader: rows that two sites inserted under one id: two acknowledged inserts, one row";
    SiblingsMax "siblings_max" "" 0 "largest number of versions kept side by side for one key";
    DivergedEntries "diverged_entries" "entries" 0 "log entries cut off when a node rejoined";
    FalseSiblings "false_siblings" "" 0 "versions at the end that stand beside one whose writer had seen them";
    CountedTwice "counted_twice" "" 0 "by how much counters and lists exceed everything that was asked of them";
    Resurrected "resurrected" "keys" 0 "deleted keys whose old value came back";
    StaleReads "stale_reads" "ops" 0 "reads that missed a write acknowledged before they began";
    StaleReadPct "stale_read_pct" "%" 2 "stale reads, of the ok reads";
    StaleMsP99 "stale_ms_p99" "ms" 1 "99th percentile of staleness: age since the first newer version was acknowledged";
    StaleVersionsMax "stale_versions_max" "" 0 "most acknowledged versions one read missed";
    RywViolations "ryw_violations" "/1000 reads" 1 "reads that missed a write which their own session had been told of, per 1000 reads of sessions that knew the key";
    MonoReadViolations "mono_read_violations" "/1000 reads" 1 "reads of something older than their session had read before, per 1000 such reads";
    MonoWriteViolations "mono_write_violations" "/1000 reads" 1 "reads that missed what a client had written before a write of it that their session had seen, per 1000 reads that were owed such a thing";
    WfrViolations "wfr_violations" "/1000 reads" 1 "writes-follow-reads: reads that missed what a client had read before a write of it that their session had seen, per 1000 reads that were owed such a thing";
    VisibleMsP50 "visible_ms_p50" "ms" 1 "sets and lists: median time from when an element was known (its add confirmed, or seen) until every later read showed it; 0 if they all did";
    VisibleMsP99 "visible_ms_p99" "ms" 1 "99th percentile of that time";
    NeverRead "never_read" "" 0 "sets and lists: elements of which no read called after they were known tells anything";
    LagEntriesMax "lag_entries_max" "entries" 0 "most entries that a replica in reach had not applied";
    LagMsMax "lag_ms_max" "ms" 1 "its replay lag: age of its last applied entry while it lacked any";
    LagMsNaiveMax "lag_ms_naive_max" "ms" 1 "the same whether it lacked any or not: grows on an idle primary";
    DirtyReads "dirty_reads" "ops" 0 "primary-replica: reads that returned a write which did not survive";
    Converged "converged" "" 0 "1 if all live owners of every key hold equal state at the end";
    ConvergeMs "converge_ms" "ms" 0 "from the last heal until all owners agreed";
    SpreadMsP50 "spread_ms_p50" "ms" 1 "gossip: median time from a node's taking a write until every live node holds it or what replaced it, of the writes that got so far";
    SpreadMsP99 "spread_ms_p99" "ms" 1 "99th percentile of that time";
    ResiduePct "residue_pct" "%" 3 "gossip: live nodes that a write has not reached by the end, mean over the writes";
    MsgsPerWrite "msgs_per_write" "" 2 "messages caused by writes, client messages included, per write that a node accepted";
    MsgsPerRead "msgs_per_read" "" 2 "the same for reads";
    BackgroundMsgsS "background_msgs_s" "/s" 1 "heartbeats, gossip and probes per second";
    BytesPerWrite "bytes_per_write" "B" 0 "bytes caused by writes, per write that a node accepted";
    BytesPerRead "bytes_per_read" "B" 0 "the same for reads";
    BackgroundBytesS "background_bytes_s" "B/s" 0 "bytes of heartbeats, gossip and probes per second";
    RepairBytes "repair_bytes" "B" 0 "bytes of hints, read repair and anti-entropy";
    MerkleBytes "merkle_bytes" "B" 0 "of these, the hashes by which anti-entropy finds out what differs";
    KeysCompared "keys_compared" "keys" 0 "keys hashed for anti-entropy, by either side";
    KeysStreamed "keys_streamed" "keys" 0 "keys received because the leaf they lie in differed";
    Overstream "overstream" "keys" 0 "of these, those that changed nothing";
    TombstonesPurged "tombstones_purged" "" 0 "tombstones that outlived their grace";
    CatchupMs "catchup_ms" "ms" 1 "longest way back: from a node's return (restart, resume, most links healed) until it lacks no more than is being written at that moment";
    CatchupBytes "catchup_bytes" "B" 0 "bytes of resync and repair sent to nodes on their way back";
    ResyncBytes "resync_bytes" "B" 0 "bytes of catch-up after a rejoin, or of streams to nodes that take over ranges of a ring";
    MovedKeysPct "moved_keys_pct" "%" 1 "peer-to-peer: copies that nodes which joined or left the ring moved, of all copies at the end; one join moves about 100 / (n + 1)";
    FullResyncs "full_resyncs" "" 0 "snapshots sent because the log no longer reached back";
    ResyncsAtOnce "resyncs_at_once" "" 0 "most replicas taking a snapshot in at the same time";
    HintsPeakBytes "hints_peak_bytes" "B" 0 "most bytes of hints kept at one time";
    LoadImbalance "load_imbalance" "" 2 "inputs processed by the busiest node, over the mean";
    LoadCv "load_cv" "" 2 "standard deviation of the inputs processed per node, over the mean";
    Copies "copies" "" 0 "copies of each key this cluster keeps";
    OverheadBytes "overhead_bytes" "B/B" 2 "bytes kept beside live keys and values (log, branches cut off, tombstones, hints, vectors), per byte of those";
    FalsePositives "false_positives" "" 0 "times a node was called down that ran and was in reach; once however many said so";
    DiffObsS "diff_obs_s" "s" 0 "seconds in which more than 5 % of the operations failed or took over 50 ms while no detector suspected anybody";
    ManualActions "manual_actions" "" 0 "operators' commands carried out: promote, switchover, repair, restore, set, resolve and the like; not backup";
    LinOk "lin_ok" "%" 1 "keys whose history is linearizable, of those that could be decided";
    TailAmplification "tail_amplification" "" 2 "99th percentile of write latency while faults were active, over that of a twin run without faults; needs --twins";
    ClockSensitivity "clock_sensitivity" "ops" 0 "lost_acked minus that of a twin run without clock faults; needs --twins";
    ReadCapacity "read_capacity" "/s" 0 "highest rate of reads alone at which 99 of 100 are answered within 50 ms; needs --capacity";
    WriteCapacity "write_capacity" "/s" 0 "the same for writes alone";
    ScheduledOps "scheduled_ops" "ops" 0 "operations scheduled";
    OkOps "ok_ops" "ops" 0 "operations that succeeded";
    FailedOps "failed_ops" "ops" 0 "operations that certainly did not happen";
    UnknownOps "unknown_ops" "ops" 0 "operations of which nobody can say";
    ScheduledWrites "scheduled_writes" "ops" 0 "writes scheduled";
    AckedWrites "acked_writes" "ops" 0 "writes acknowledged";
    FailedWrites "failed_writes" "ops" 0 "writes that failed or are unknown";
    OkReads "ok_reads" "ops" 0 "reads that succeeded";
}

impl Metric {
    /// The metric's row.
    pub fn row(self) -> &'static MetricRow {
        &METRICS[self as usize]
    }

    /// The metric called `name`.
    pub fn from_name(name: &str) -> Option<Metric> {
        METRICS.iter().find(|row| row.name == name).map(|row| row.metric)
    }
}

/// Measured values; a metric that has no meaning for the run is absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetricSet {
    values: BTreeMap<Metric, f64>,
}

impl MetricSet {
    /// Keeps `value` rounded to the metric's decimals.
    pub fn put(&mut self, metric: Metric, value: f64) {
        let scale = 10_f64.powi(i32::from(metric.row().decimals));
        self.values.insert(metric, (value * scale).round() / scale);
    }

    /// The measured value.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        self.values.get(&metric).copied()
    }

    /// The value as a report prints it: `57.1 %`, `0`, or `-` if it has no meaning here.
    pub fn text(&self, metric: Metric) -> String {
        let row = metric.row();
        match self.get(metric) {
            None => "-".to_owned(),
            Some(value) if row.unit.is_empty() => format!("{value:.*}", usize::from(row.decimals)),
            Some(value) => format!("{value:.*} {}", usize::from(row.decimals), row.unit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_their_metrics() {
        for row in METRICS {
            assert_eq!(row.metric.row().name, row.name);
            assert_eq!(Metric::from_name(row.name), Some(row.metric));
        }
    }

    #[test]
    fn values_are_rounded_to_what_reports_print() {
        let mut set = MetricSet::default();
        set.put(Metric::AvailWritePct, 57.149);
        assert_eq!(
            (set.get(Metric::AvailWritePct), set.text(Metric::AvailWritePct)),
            (Some(57.1), "57.1 %".into())
        );
        assert_eq!(set.text(Metric::FailoverMs), "-");
    }
}
