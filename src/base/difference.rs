//! The key differences between one primary and peers, each with the metrics that show it: the only list. The table of
//! `splitbrain compare` and the playground's view read these rows.

use super::metric::Metric;

/// One row: what differs, and what shows it.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// Its number, from 1.
    pub number: u8,
    /// What differs, in one sentence.
    pub sentence: &'static str,
    /// What shows it, most telling first.
    pub metrics: &'static [Metric],
}

/// What is better of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// More of it.
    Higher,
    /// Less of it.
    Lower,
    /// Neither: it is a difference, not a merit.
    Neither,
}

const fn row(number: u8, sentence: &'static str, metrics: &'static [Metric]) -> Difference {
    Difference { number, sentence, metrics }
}

use Metric::*;

/// The differences, in the order of the table.
pub const DIFFERENCES: &[Difference] = &[
    row(
        1,
        "Who may accept a write: one node, or any coordinator.",
        &[WritableNodes, WritableNodesMax, SplitBrainMs],
    ),
    row(
        2,
        "Availability under faults: one side of a cut after a pause, or some keys everywhere, or all of them.",
        &[AvailWritePct, AvailReadPct],
    ),
    row(
        3,
        "Time to recover: detection, election and discovery, or another way at once.",
        &[FailoverMs, DetectMs, ElectMs, DiscoverMs],
    ),
    row(
        4,
        "Latency: a write waits for the copies it is told to wait for.",
        &[WriteP50Ms, WriteP99Ms, ReadP50Ms, ReadP99Ms, LatePct],
    ),
    row(
        5,
        "One sick node: all feel it if it is the primary, or one of those that are waited for.",
        &[TailAmplification],
    ),
    row(
        6,
        "Acknowledged writes that are lost: with a log that nobody else has, or to another clock.",
        &[LostAcked, LostRolledBack, LostConcurrent, LostInverted, LostVanished],
    ),
    row(
        7,
        "Conflicts: branches of a log between two terms, or versions that meet at a merge.",
        &[Conflicts, SiblingsMax, DivergedEntries],
    ),
    row(
        8,
        "Staleness: none at the primary and lag at replicas, or a chance that R and W set.",
        &[StaleReadPct, StaleMsP99, StaleVersionsMax, VisibleMsP50, VisibleMsP99],
    ),
    row(
        9,
        "What sessions are promised: broken by reading at replicas, or by hopping between coordinators.",
        &[RywViolations, MonoReadViolations, MonoWriteViolations, WfrViolations],
    ),
    row(10, "Order: one for all writes, or one for each key with gaps in it.", &[LinOk]),
    row(
        11,
        "Messages: through the primary and back, or between a coordinator and the owners.",
        &[MsgsPerWrite, MsgsPerRead, BackgroundMsgsS],
    ),
    row(
        12,
        "Bytes: the entry to every replica, or the object to every owner.",
        &[BytesPerWrite, BytesPerRead, RepairBytes, ResyncBytes],
    ),
    row(13, "Reads scale with replicas that may be stale, or with R of N.", &[ReadCapacity]),
    row(
        14,
        "Writes do not scale with replicas of one log; with owners, or with partitions, they do.",
        &[WriteCapacity],
    ),
    row(15, "Load: the primary is hot, or ring and keys decide.", &[LoadImbalance, LoadCv]),
    row(
        16,
        "The way back after an outage: the log's tail or a snapshot, or hints, read repair and trees.",
        &[CatchupMs, CatchupBytes, FullResyncs],
    ),
    row(
        17,
        "What is kept beside the data: log and branches, or tombstones, hints and vectors.",
        &[OverheadBytes],
    ),
    row(18, "Agreement: by following one log, or earned afterwards.", &[Converged, ConvergeMs]),
    row(19, "Clocks: nothing but leases depends on them, or who wins a key does.", &[ClockSensitivity]),
    row(20, "Detectors' mistakes: each costs a failover, or hints and detours.", &[FalsePositives, DiffObsS]),
    row(
        21,
        "Operators' work: promote, fence, rewind, or schedule repairs and resolve siblings.",
        &[ManualActions],
    ),
];

impl Metric {
    /// What is better of it.
    pub fn better(self) -> Better {
        match self {
            AvailWritePct | AvailReadPct | Converged | LinOk | ReadCapacity | WriteCapacity => Better::Higher,
            WritableNodes | WritableNodesMax => Better::Neither,
            _ => Better::Lower,
        }
    }

    /// Whether it is a plain count: exact for the seed that was played, however few those are.
    pub fn is_counted(self) -> bool {
        let row = self.row();
        row.decimals == 0 && ["", "ops", "keys", "entries"].contains(&row.unit)
    }

    /// What a run must be asked for, to have it.
    pub fn asked_by(self) -> Option<&'static str> {
        match self {
            TailAmplification | ClockSensitivity => Some("--twins"),
            ReadCapacity | WriteCapacity => Some("--capacity"),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_twenty_one_and_each_metric_shows_one_thing() {
        let numbers: Vec<u8> = DIFFERENCES.iter().map(|row| row.number).collect();
        assert_eq!(numbers, (1..=21).collect::<Vec<u8>>());
        let mut all: Vec<Metric> = DIFFERENCES.iter().flat_map(|row| row.metrics).copied().collect();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }

    #[test]
    fn counts_are_exact_and_shares_and_spans_are_not() {
        assert!(LostAcked.is_counted() && Conflicts.is_counted() && Converged.is_counted());
        assert!(!AvailWritePct.is_counted() && !WriteP50Ms.is_counted() && !WritableNodes.is_counted());
    }
}
