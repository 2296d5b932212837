//! Registers whose every value is written once: decided in one sweep over arrays, for all keys together.
//!
//! Take all operations of one value, its write and its reads, as a *cluster*. In any linearization they stand side by
//! side, for no read can follow another value's write. Two clusters a and b must therefore come one wholly before the
//! other, and if some operation of a ended before some operation of b was called, a must be the first. So:
//!
//! > The key is linearizable iff no read returned before its value's write was called, and no two clusters must each
//! > come before the other.
//!
//! With f the earliest end and s the latest call in a cluster, the latter is `f(a) < s(b)` and `f(b) < s(a)`. These are
//! the overlapping forward zones, and the backward zone inside a forward zone, of Gibbons and Korach (*Testing Shared
//! Memories*, SIAM J. Comput. 26, 1997). Walking clusters by f, the one before with the greatest s is the only one
//! that can clash first.
//!
//! What keys hold at the beginning is a write that ended before all events (f = 0). An operation that never ended has
//! its end at infinity, so a write that nobody read constrains nothing. What was read although nobody wrote it, or its
//! write failed, has its call at infinity.

use super::witness::Witness;
use crate::check::history::{History, KeyId, Kind, NEVER, Operation, OperationId, Outcome};

/// The operations of one value.
#[derive(Clone, Copy)]
struct Cluster {
    /// Earliest end.
    first: u32,
    /// Latest call.
    last: u32,
    /// Call of its write; [`NEVER`] if there was none.
    written: u32,
    key: KeyId,
}

/// What a sweep came to. Keys in neither list are linearizable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Keys that are not linearizable.
    pub broken: Vec<KeyId>,
    /// Keys that this algorithm cannot judge: a value is written twice, or there are operations beyond read and write.
    pub unfit: Vec<KeyId>,
}

/// Judges every key of `history`. Time and memory are linear in its operations.
pub fn sweep(history: &History) -> Swept {
    let mut unfit = vec![false; history.keys.len()];
    let clusters = gather(history, &mut unfit);
    let mut broken = vec![false; history.keys.len()];
    // The cluster seen so far that reaches furthest, one a key, as (first, last).
    let mut reach: Vec<(u32, u32)> =
        history.keys.iter().map(|row| (0, clusters[row.initial.index()].last)).collect();
    for cluster in by_first_end(&clusters, history.events) {
        let cluster = &clusters[cluster as usize];
        let reach = &mut reach[cluster.key.index()];
        let clashes = (cluster.first < reach.1) & (reach.0 < cluster.last);
        if clashes | (cluster.first < cluster.written) {
            broken[cluster.key.index()] = true;
        }
        if cluster.last > reach.1 {
            *reach = (cluster.first, cluster.last);
        }
    }
    let chosen = |keys: &[bool], without: &[bool]| {
        let keys = (0..).map(KeyId).zip(keys.iter().zip(without));
        keys.filter(|(_, (is_in, is_out))| **is_in && !**is_out).map(|(key, _)| key).collect()
    };
    let none = vec![false; unfit.len()];
    Swept { broken: chosen(&broken, &unfit), unfit: chosen(&unfit, &none) }
}

/// One pass over the operations, which stand in the order of their calls.
fn gather(history: &History, unfit: &mut [bool]) -> Vec<Cluster> {
    let empty = Cluster { first: NEVER, last: 0, written: NEVER, key: KeyId(0) };
    let mut clusters = vec![empty; history.values.len()];
    for (key, row) in (0..).map(KeyId).zip(&history.keys) {
        clusters[row.initial.index()] = Cluster { first: 0, last: 0, written: 0, key };
    }
    for operation in &history.operations {
        if says_nothing(operation) {
            continue;
        }
        let is_write = operation.kind == Kind::Write;
        let cluster = &mut clusters[operation.value.index()];
        // Which of a read and a write comes is a coin toss; nothing here branches on it.
        let is_again = is_write & (cluster.written != NEVER);
        if is_again | (operation.kind > Kind::Write) {
            unfit[operation.key.index()] = true;
        }
        cluster.written = if is_write { operation.call } else { cluster.written };
        cluster.key = operation.key;
        cluster.last = operation.call;
        cluster.first = cluster.first.min(operation.end);
    }
    clusters
}

/// Whether an operation constrains nothing: it failed, or is a read without an answer.
fn says_nothing(operation: &Operation) -> bool {
    match operation.outcome {
        Outcome::Ok => false,
        Outcome::Fail => operation.kind <= Kind::Write,
        Outcome::Info | Outcome::Open => operation.kind == Kind::Read,
    }
}

/// The clusters that have an end, by their first; those of initial values, which begin before everything, left out.
fn by_first_end(clusters: &[Cluster], events: u32) -> Vec<u32> {
    let mut at = vec![0_u32; events as usize + 1];
    for (number, cluster) in (1..).zip(clusters) {
        if cluster.first != NEVER && cluster.first != 0 {
            at[cluster.first as usize] = number;
        }
    }
    // Keeping what is there, without a branch: most places hold nothing, at random.
    let mut kept = 0;
    for place in 0..at.len() {
        let number = at[place];
        at[kept] = number.wrapping_sub(1);
        kept += usize::from(number != 0);
    }
    at.truncate(kept);
    at
}

/// The smallest witness of a broken key, given its operations in the order of calls: one operation if something was
/// read that nobody wrote, two if it was read too early or the initial value too late, three if another value stood
/// wholly within, else four. `None` if the key is not broken.
pub fn witness(history: &History, operations: &[OperationId]) -> Option<Witness> {
    let heard: Vec<OperationId> =
        operations.iter().copied().filter(|id| !says_nothing(&history.operations[id.index()])).collect();
    let scene = Scene { history, operations: &heard };
    scene
        .never_written()
        .or_else(|| scene.read_too_early())
        .or_else(|| scene.one_within())
        .or_else(|| scene.two_crossed())
}

/// The operations of one key that say something.
struct Scene<'a> {
    history: &'a History,
    operations: &'a [OperationId],
}

impl Scene<'_> {
    fn at(&self, id: OperationId) -> &Operation {
        &self.history.operations[id.index()]
    }

    fn key(&self) -> KeyId {
        self.operations.first().map_or(KeyId(0), |id| self.at(*id).key)
    }

    fn is_initial(&self, id: OperationId) -> bool {
        self.at(id).value == self.history.keys[self.key().index()].initial
    }

    fn say(&self, operations: Vec<OperationId>, reason: String) -> Option<Witness> {
        Some(Witness::new(self.history, operations, reason))
    }

    fn words(&self, id: OperationId) -> String {
        self.history.words(self.at(id).value)
    }

    /// Writes by value.
    fn writes(&self) -> Vec<(crate::check::history::ValueId, OperationId)> {
        let writes = self.operations.iter().filter(|id| self.at(**id).kind == Kind::Write);
        let mut writes: Vec<_> = writes.map(|&id| (self.at(id).value, id)).collect();
        writes.sort_unstable();
        writes
    }

    fn reads_by_end(&self) -> Vec<OperationId> {
        let mut reads: Vec<OperationId> =
            self.operations.iter().copied().filter(|id| self.at(*id).is_answered_read()).collect();
        reads.sort_unstable_by_key(|id| self.at(*id).end);
        reads
    }

    fn never_written(&self) -> Option<Witness> {
        let writes = self.writes();
        let is_written = |id: OperationId| {
            self.is_initial(id) || writes.binary_search_by_key(&self.at(id).value, |(v, _)| *v).is_ok()
        };
        let read = self.reads_by_end().into_iter().find(|read| !is_written(*read))?;
        let value = self.words(read);
        let is_failed = |operation: &&Operation| {
            operation.kind == Kind::Write
                && operation.outcome == Outcome::Fail
                && operation.value == self.at(read).value
        };
        let reason = if self.history.operations.iter().any(|operation| is_failed(&operation)) {
            format!("{value} was read, but its write had failed: it never happened")
        } else {
            format!("{value} was read, but nobody ever wrote it")
        };
        self.say(vec![read], reason)
    }

    fn read_too_early(&self) -> Option<Witness> {
        let writes = self.writes();
        for read in self.reads_by_end() {
            let Ok(place) = writes.binary_search_by_key(&self.at(read).value, |(value, _)| *value) else {
                continue;
            };
            let write = writes[place].1;
            if self.at(read).end < self.at(write).call {
                let value = self.words(read);
                let reason =
                    format!("{value} was read, and that read had ended before the write of {value} began");
                return self.say(vec![read, write], reason);
            }
        }
        None
    }

    /// (first end, latest call) of each value's cluster, by its first end.
    fn zones(&self) -> Vec<Zone> {
        let mut by_value: Vec<(u32, OperationId)> =
            self.operations.iter().map(|&id| (self.at(id).value.0, id)).collect();
        by_value.sort_unstable();
        let mut zones: Vec<Zone> = by_value
            .chunk_by(|a, b| a.0 == b.0)
            .map(|cluster| {
                let ids = || cluster.iter().map(|(_, id)| *id);
                let first = if self.is_initial(cluster[0].1) {
                    0
                } else {
                    ids().map(|id| self.at(id).end).min().unwrap_or(NEVER)
                };
                let last = ids().map(|id| self.at(id).call).max().unwrap_or(0);
                Zone { value: cluster[0].0, first, last }
            })
            .collect();
        zones.sort_unstable_by_key(|zone| zone.first);
        zones
    }

    /// An operation of one value between two of another.
    fn one_within(&self) -> Option<Witness> {
        let zones = self.zones();
        let mut by_call: Vec<OperationId> =
            self.operations.iter().copied().filter(|id| self.at(*id).end != NEVER).collect();
        by_call.sort_unstable_by_key(|id| self.at(*id).call);
        let (mut next, mut reach) = (0, [Zone::NONE; 2]);
        let mut found: Option<(OperationId, Zone)> = None;
        for inner in by_call {
            while next < zones.len() && zones[next].first < self.at(inner).call {
                reach = furthest(reach, zones[next]);
                next += 1;
            }
            let (value, end) = (self.at(inner).value.0, self.at(inner).end);
            let around = reach.into_iter().find(|zone| zone.value != value && zone.last > end);
            // Around the initial value two operations are enough.
            let is_better = |zone: &Zone| match found {
                None => true,
                Some((_, known)) => zone.first == 0 && known.first != 0,
            };
            if let Some(zone) = around.filter(is_better) {
                found = Some((inner, zone));
            }
        }
        let (inner, zone) = found?;
        let (inner_value, outer_value) = (self.words(inner), self.words(self.latest_call(zone.value)?));
        let after = self.earliest_after(zone.value, self.at(inner).end)?;
        if zone.first == 0 {
            let reason = format!(
                "{outer_value} was read, though {inner_value} had taken the initial value's place before"
            );
            return self.say(vec![inner, after], reason);
        }
        let before = self.best_before(zone.value, self.at(inner).call)?;
        let reason = format!(
            "{outer_value} was there before {inner_value} and again after it, though it was written only once"
        );
        self.say(vec![before, inner, after], reason)
    }

    /// Two values, each of which would have to come before the other.
    fn two_crossed(&self) -> Option<Witness> {
        let mut reach = Zone::NONE;
        for zone in self.zones() {
            if zone.first < reach.last && reach.first < zone.last {
                let (a, b) = (reach, zone);
                let ends = |zone: Zone| self.of(zone.value).min_by_key(|id| self.at(*id).end);
                let chosen = [ends(a)?, self.latest_call(b.value)?, ends(b)?, self.latest_call(a.value)?];
                let [one, other] = [self.words(chosen[0]), self.words(chosen[1])];
                let reason = format!(
                    "{one} was there before {other}, and {other} before {one}, though each was written only once"
                );
                return self.say(chosen.to_vec(), reason);
            }
            if zone.last > reach.last {
                reach = zone;
            }
        }
        None
    }

    fn of(&self, value: u32) -> impl Iterator<Item = OperationId> + '_ {
        self.operations.iter().copied().filter(move |id| self.at(*id).value.0 == value)
    }

    fn latest_call(&self, value: u32) -> Option<OperationId> {
        self.of(value).max_by_key(|id| self.at(*id).call)
    }

    fn earliest_after(&self, value: u32, place: u32) -> Option<OperationId> {
        self.of(value).filter(|id| self.at(*id).call > place).min_by_key(|id| self.at(*id).end)
    }

    /// The write if it ended before `place`, else the last operation that did.
    fn best_before(&self, value: u32, place: u32) -> Option<OperationId> {
        let before = self.of(value).filter(|id| self.at(*id).end < place);
        before.max_by_key(|id| (self.at(*id).kind == Kind::Write, self.at(*id).end))
    }
}

#[derive(Clone, Copy)]
struct Zone {
    value: u32,
    first: u32,
    last: u32,
}

impl Zone {
    const NONE: Zone = Zone { value: u32::MAX, first: 0, last: 0 };
}

/// The two zones, of three, with the latest calls.
fn furthest([first, second]: [Zone; 2], new: Zone) -> [Zone; 2] {
    if new.last > first.last {
        [new, first]
    } else if new.last > second.last {
        [first, new]
    } else {
        [first, second]
    }
}
