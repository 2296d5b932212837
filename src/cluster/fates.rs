//! The one place that decides what became of each acknowledged write (replication.md 7.2, decisions.md "What counts as
//! lost"). Figures, reports, checkers and the screen all ask here.
//!
//! ```text
//! acknowledged ─┬─ ended?  superseded, beaten, rolled back, effect gone, vanished     (ending)
//!               └─ in force: on how many disks?  safe, at risk                        (copies)
//! ```

use super::effects::Effects;
use super::host::NodeCell;
use super::ledger::{Ledger, OpRecord, RealTime};
use super::measure::WHOLE;
use super::view::Health;
use super::world::World;
use crate::base::fate::{FateCounts, WriteFate};
use crate::base::ids::{NodeId, OpId};
use crate::base::knob::Topology;
use crate::base::operation::{Outcome, Success, Written};
use crate::protocol::{Protocol, Remains, Sought, Survivors, Truth};
use std::collections::BTreeSet;

/// How many nodes hold a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// Nodes that are up and have it in memory.
    pub memory: u16,
    /// Nodes that have it on their disk, up or not.
    pub flushed: u16,
    /// Of these, nodes that are up.
    pub flushed_up: u16,
    /// Whether it is on the disks of most members of a site, where there are sites.
    pub is_on_most_of_a_site: bool,
}

/// One acknowledged write and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The write.
    pub op: OpId,
    /// Its fate.
    pub fate: WriteFate,
    /// Who holds it, if that decided.
    pub copies: Copies,
}

/// The fates of all acknowledged writes of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// One per acknowledged write, in the order of invocation.
    pub decided: Vec<Decided>,
    /// How many have which.
    pub counts: FateCounts,
}

impl Fates {
    /// What became of `op`, if it was acknowledged.
    pub fn of(&self, op: OpId) -> Option<&Decided> {
        self.decided.binary_search_by_key(&op, |decided| decided.op).ok().map(|at| &self.decided[at])
    }
}

/// What the acknowledgement of a write said; `None` for what is no acknowledged write.
pub fn acknowledged(record: &OpRecord) -> Option<&Written> {
    match &record.outcome {
        Outcome::Ok(Success::Written(written)) => Some(written),
        _ => None,
    }
}

/// What has put an end to an acknowledged write; `None` while it is in force. Of effects it does not know.
pub fn ending(ledger: &Ledger, truth: &Truth, op: OpId, record: &OpRecord) -> Option<WriteFate> {
    let written = acknowledged(record)?;
    match &truth.survivors {
        // Several sites have a log each, and a resolver may discard what is in one.
        Survivors::Log(remains) if remains.ops.contains(&op) && record.marks.is_inverted => {
            Some(WriteFate::BeatenByEarlier)
        }
        Survivors::Log(remains) if remains.replaced.contains(&op) => Some(WriteFate::Superseded),
        Survivors::Log(remains) if remains.ops.contains(&op) => record.marks.beaten_by.map(|winner| {
            match ledger.get(winner).map(|winner| winner.stands_to(record)) {
                Some(RealTime::Concurrent) => WriteFate::BeatenByConcurrent,
                Some(RealTime::Before) => WriteFate::BeatenByEarlier,
                Some(RealTime::After) | None => WriteFate::Superseded,
            }
        }),
        Survivors::Log(_) if record.marks.is_cut => Some(WriteFate::RolledBack),
        Survivors::Log(_) => Some(WriteFate::Vanished),
        Survivors::Merged(_) if record.marks.is_inverted => Some(WriteFate::BeatenByEarlier),
        Survivors::Merged(keys) => match keys.get(&record.key) {
            Some(remains) => ending_in_merge(ledger, remains, op, record),
            // Deleted, and the tombstone has outlived its grace.
            None if ledger.is_purged(record.key, written.version) => Some(WriteFate::Superseded),
            None => Some(WriteFate::Vanished),
        },
    }
}

fn ending_in_merge(ledger: &Ledger, remains: &Remains, op: OpId, record: &OpRecord) -> Option<WriteFate> {
    let written = acknowledged(record)?;
    let is_there = remains.written_by.contains(&op);
    if let Some((event, _)) = &written.event {
        // Nobody in particular wrote a counter or a set: what it knows is in it.
        let is_known = remains.seen.as_ref().is_some_and(|seen| seen.knows(*event));
        return match (is_known, is_there || remains.written_by.is_empty()) {
            (false, _) => Some(WriteFate::Vanished),
            (true, true) => None,
            (true, false) => Some(WriteFate::Superseded),
        };
    }
    // An addition to a number has no version of its own, and nobody can take it out again.
    if is_there || written.version.0 == 0 {
        return None;
    }
    if remains.version < written.version {
        return Some(WriteFate::Vanished);
    }
    let is_beaten_by = |winner: OpId| ledger.get(winner).map(|winner| winner.stands_to(record));
    let last = remains.written_by.iter().find_map(|&winner| is_beaten_by(winner));
    let first = record.marks.beaten_by.and_then(is_beaten_by);
    Some(match (last, first.or(last)) {
        (Some(RealTime::Before), _) | (_, Some(RealTime::Before)) => WriteFate::BeatenByEarlier,
        (_, Some(RealTime::Concurrent)) => WriteFate::BeatenByConcurrent,
        (_, Some(RealTime::After) | None) => WriteFate::Superseded,
    })
}

/// How many disks a write must be on to be safe.
#[derive(Clone, Copy, Debug)]
enum Enough {
    /// So many, up or not: whoever wins a vote has it.
    Voters(u16),
    /// A majority of the members of one site: whoever wins a vote there has it.
    VotersOfASite,
    /// So many that are up: one may fail.
    Up(u16),
    /// Disks keep nothing.
    Never,
}

impl Enough {
    fn is_met(self, copies: Copies) -> bool {
        match self {
            Enough::Voters(count) => copies.flushed >= count,
            Enough::VotersOfASite => copies.is_on_most_of_a_site,
            Enough::Up(count) => copies.flushed_up >= count,
            Enough::Never => false,
        }
    }
}

impl<P: Protocol> World<P> {
    /// The acknowledged writes, in the order of invocation, with what has put an end to each, effects included.
    fn endings(&self, truth: &Truth) -> Vec<(OpId, &OpRecord, Option<WriteFate>)> {
        let numbered = (0_u32..).map(OpId).zip(self.ledger.records());
        let acked = numbered.filter(|(_, record)| record.is_acked_write());
        let mut endings: Vec<(OpId, &OpRecord, Option<WriteFate>)> =
            acked.map(|(op, record)| (op, record, ending(&self.ledger, truth, op, record))).collect();
        let gone: BTreeSet<OpId> = endings
            .iter()
            .filter(|(.., ending)| ending.is_some_and(WriteFate::is_lost))
            .map(|(op, ..)| *op)
            .collect();
        let effects = Effects::of(&self.ledger, &truth.values, &gone, WHOLE);
        let without: BTreeSet<OpId> = effects.lost.into_iter().collect();
        for (.., ending) in endings.iter_mut().filter(|(op, ..)| without.contains(op)) {
            *ending = Some(WriteFate::EffectGone);
        }
        endings
    }

    /// The acknowledged writes that did not survive as a whole, with what became of them, in the order of invocation.
    pub fn lost_ops(&self, truth: &Truth) -> Vec<(OpId, WriteFate)> {
        let ended = self.endings(truth).into_iter().filter_map(|(op, _, ending)| Some((op, ending?)));
        ended.filter(|(_, fate)| fate.is_lost()).collect()
    }

    /// What became of every acknowledged write, given what has survived.
    pub fn fates(&self, cells: &[NodeCell<P>], truth: &Truth) -> Fates {
        let endings = self.endings(truth);
        let enough = self.enough(truth);
        let mut fates = Fates::default();
        for (op, record, ending) in endings {
            let decided = self.decide(cells, op, record, (ending, enough));
            fates.counts.add(decided.fate);
            fates.decided.push(decided);
        }
        fates
    }

    fn decide(
        &self,
        cells: &[NodeCell<P>],
        op: OpId,
        record: &OpRecord,
        (ending, enough): (Option<WriteFate>, Enough),
    ) -> Decided {
        let copies = || self.copies(cells, op, record);
        match ending {
            None => {
                let copies = copies();
                let fate = if enough.is_met(copies) { WriteFate::Safe } else { WriteFate::AtRisk };
                Decided { op, fate, copies }
            }
            Some(WriteFate::Vanished) => {
                let copies = copies();
                let is_somewhere = copies.memory > 0 || copies.flushed > 0;
                let fate = if is_somewhere { WriteFate::Stranded } else { WriteFate::Vanished };
                Decided { op, fate, copies }
            }
            Some(fate) => Decided { op, fate, copies: Copies::default() },
        }
    }

    /// Who holds a write now.
    fn copies(&self, cells: &[NodeCell<P>], op: OpId, record: &OpRecord) -> Copies {
        let mut copies = Copies::default();
        let Some(written) = acknowledged(record) else { return copies };
        let sought = Sought { op, key: record.key, written };
        let sites = &self.setup.cluster.sites;
        let mut flushed_in = vec![0; sites.len()];
        for (node, (machine, cell)) in
            (0..).map(NodeId).zip(self.machines.iter().zip(cells)).take(self.started)
        {
            let is_up = machine.health != Health::Down;
            let state = cell.state_in(machine.incarnation).filter(|_| is_up);
            let is_flushed = crate::protocol::Durable::holding(machine.disk.flushed(), &sought).is_some();
            copies.memory += u16::from(state.is_some_and(|state| state.holding(&sought).is_some()));
            copies.flushed += u16::from(is_flushed);
            copies.flushed_up += u16::from(is_flushed && is_up);
            if let Some(site) = self.setup.cluster.site_of(node).filter(|_| is_flushed) {
                flushed_in[site] += 1;
            }
        }
        copies.is_on_most_of_a_site =
            sites.iter().zip(flushed_in).any(|(site, flushed)| flushed > site.nodes.len() / 2);
        copies
    }

    /// The rule in force: with promotion by votes a write survives whoever is elected once it is on a majority of the
    /// members' disks, of one site where each has votes of its own; anyone else promotes who is left, so that it must be
    /// on two disks that are up. Where nodes keep nothing over a restart, it is never safe.
    fn enough(&self, truth: &Truth) -> Enough {
        let word = |key: &str| self.knobs.get(key).map(ToString::to_string);
        match (word("promotion").as_deref(), word("persistence").as_deref()) {
            (_, Some("none")) => Enough::Never,
            _ if self.knobs.topology() == Topology::MultiLeader => Enough::VotersOfASite,
            (Some("auto-quorum"), _) => Enough::Voters((truth.copies / 2 + 1) as u16),
            _ => Enough::Up(2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::{ClientId, Key, Value, Version};
    use crate::base::operation::Action;
    use crate::base::time::VirtualTime;
    use crate::cluster::ledger::Marks;
    use crate::protocol::{LogRemains, Storage};
    use std::collections::BTreeMap;

    /// Acknowledged writes of one key: when each was asked, when it returned, its version.
    fn ledger(writes: &[(u64, u64, u64)]) -> Ledger {
        let mut ledger = Ledger::default();
        for &(scheduled, ended, version) in writes {
            let op = ledger.open(OpRecord {
                client: ClientId(0),
                sequence: 0,
                key: Key(1),
                action: Action::write(Value(version as u32)),
                scheduled: VirtualTime(scheduled),
                ended: VirtualTime::ZERO,
                outcome: Outcome::Pending,
                node: None,
                marks: Marks::default(),
                is_by_hand: false,
            });
            let written = Outcome::Ok(Success::Written(Version(version).into()));
            ledger.close(op, VirtualTime(ended), None, written);
        }
        ledger
    }

    fn truth(survivors: Survivors) -> Truth {
        let values = BTreeMap::new();
        let (storage, lacking) = (Storage::default(), Vec::new());
        Truth { survivors, is_converged: true, keys_diverged: 0, values, copies: 3, storage, lacking }
    }

    fn endings(ledger: &Ledger, truth: &Truth) -> Vec<Option<WriteFate>> {
        (0_u32..)
            .map(OpId)
            .zip(ledger.records())
            .map(|(op, record)| ending(ledger, truth, op, record))
            .collect()
    }

    #[test]
    fn in_a_log_what_is_absent_was_cut_or_has_vanished() {
        let mut ledger = ledger(&[(0, 1, 1), (2, 3, 2), (4, 5, 3), (6, 7, 4)]);
        ledger.cut(VirtualTime(9), 1, &[OpId(2)]);
        let remains = LogRemains { ops: [OpId(0), OpId(1)].into(), replaced: [OpId(0)].into() };
        let came = endings(&ledger, &truth(Survivors::Log(remains)));
        let wanted =
            [Some(WriteFate::Superseded), None, Some(WriteFate::RolledBack), Some(WriteFate::Vanished)];
        assert_eq!(came, wanted);
    }

    #[test]
    fn a_merge_ends_a_write_by_who_stayed_in_its_place() {
        // The third has the highest version. It began before the second had returned and after the first had; the
        // fourth began when it was long done.
        let ledger = ledger(&[(0, 10, 1), (15, 30, 2), (20, 40, 9), (50, 60, 3)]);
        let remains = Remains { version: Version(9), seen: None, written_by: vec![OpId(2)] };
        let came = endings(&ledger, &truth(Survivors::Merged([(Key(1), remains)].into())));
        let wanted = [
            Some(WriteFate::Superseded),
            Some(WriteFate::BeatenByConcurrent),
            None,
            Some(WriteFate::BeatenByEarlier),
        ];
        assert_eq!(came, wanted);
    }

    #[test]
    fn what_was_once_beaten_by_an_earlier_write_stays_so_whoever_beat_it_before_or_after() {
        // The second was beaten by one beside it, then by the first, which had returned before it began; the last came
        // long after.
        let mut ledger = ledger(&[(0, 10, 5), (20, 30, 2), (25, 40, 3), (50, 60, 9)]);
        ledger.discard(VirtualTime(41), OpId(2), OpId(1));
        ledger.discard(VirtualTime(42), OpId(0), OpId(1));
        let remains = Remains { version: Version(9), seen: None, written_by: vec![OpId(3)] };
        let came = endings(&ledger, &truth(Survivors::Merged([(Key(1), remains)].into())));
        assert_eq!(came[1], Some(WriteFate::BeatenByEarlier));
    }

    #[test]
    fn what_is_newer_than_all_that_is_left_has_vanished() {
        let ledger = ledger(&[(0, 10, 5), (20, 30, 7)]);
        let remains = Remains { version: Version(5), seen: None, written_by: vec![OpId(0)] };
        let came = endings(&ledger, &truth(Survivors::Merged([(Key(1), remains)].into())));
        assert_eq!(came, [None, Some(WriteFate::Vanished)]);
        assert_eq!(
            endings(&ledger, &truth(Survivors::Merged(BTreeMap::new()))),
            [Some(WriteFate::Vanished); 2]
        );
    }
}
