//! What becomes of a write that a client was told is done. One list; the judge decides in one place
//! (`cluster::fates`), reports and screens read the words here.

/// The fate of an acknowledged write, as it stands at an instant. Only the end of a run makes it final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WriteFate {
    /// In force, and on enough disks.
    Safe,
    /// In force, but one more failure may take it.
    AtRisk,
    /// A later write of its key took its place.
    Superseded,
    /// A merge preferred a write that was made at the same time.
    BeatenByConcurrent,
    /// A merge preferred a write that had returned before this one began.
    BeatenByEarlier,
    /// It is on a branch that the reigning primary does not have.
    Stranded,
    /// It was cut off with the end of a log.
    RolledBack,
    /// Its effect is missing though any order would have kept it.
    EffectGone,
    /// No node has it any more.
    Vanished,
}

/// One row of [`FATES`].
#[derive(Clone, Copy, Debug)]
pub struct FateRow {
    /// The fate.
    pub fate: WriteFate,
    /// Its name in JSON.
    pub name: &'static str,
    /// Its word on screens.
    pub word: &'static str,
    /// What it means, in one sentence.
    pub meaning: &'static str,
    /// Whether the write is lost by it.
    pub is_lost: bool,
}

const fn row(
    fate: WriteFate,
    name: &'static str,
    word: &'static str,
    is_lost: bool,
    meaning: &'static str,
) -> FateRow {
    FateRow { fate, name, word, meaning, is_lost }
}

/// Every fate, best first. The classes of loss are those of the metrics `lost_*`; their sources are Jepsen's analyses
/// of Redis and MongoDB (rolled back), Cassandra (beaten by an earlier write: the clock was wrong) and Riak (effects).
pub const FATES: &[FateRow] = &[
    row(
        WriteFate::Safe,
        "safe",
        "safe",
        false,
        "in force; promotion by votes: flushed on a majority of members; else: flushed on two nodes that are up",
    ),
    row(
        WriteFate::AtRisk,
        "at_risk",
        "at risk",
        false,
        "in force, but on fewer disks than that: one more failure may take it",
    ),
    row(
        WriteFate::Superseded,
        "superseded",
        "superseded",
        false,
        "a later write of its key took its place, in order",
    ),
    row(
        WriteFate::BeatenByConcurrent,
        "beaten_by_concurrent",
        "beaten, concurrent",
        false,
        "a merge kept a write made at the same time: either might have stayed, so it is no loss",
    ),
    row(
        WriteFate::BeatenByEarlier,
        "beaten_by_earlier",
        "beaten by earlier",
        true,
        "a merge kept a write that had returned before this one began: a clock was wrong (lost_inverted)",
    ),
    row(
        WriteFate::Stranded,
        "stranded",
        "stranded",
        true,
        "only on a branch that the reigning primary does not have (lost_vanished unless its node reigns again)",
    ),
    row(
        WriteFate::RolledBack,
        "rolled_back",
        "rolled back",
        true,
        "cut off with the end of a log (lost_rolled_back)",
    ),
    row(
        WriteFate::EffectGone,
        "effect_gone",
        "effect gone",
        true,
        "an addition, count or removal that any order would have kept is missing (lost_concurrent)",
    ),
    row(WriteFate::Vanished, "vanished", "vanished", true, "on no node any more (lost_vanished)"),
];

impl WriteFate {
    /// Its row.
    pub fn row(self) -> &'static FateRow {
        &FATES[self as usize]
    }

    /// Its word on screens.
    pub fn word(self) -> &'static str {
        self.row().word
    }

    /// Whether the write is lost by it.
    pub fn is_lost(self) -> bool {
        self.row().is_lost
    }
}

/// How many acknowledged writes have which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FateCounts([u32; FATES.len()]);

impl FateCounts {
    /// One more of `fate`.
    pub fn add(&mut self, fate: WriteFate) {
        self.0[fate as usize] += 1;
    }

    /// How many have `fate`.
    pub fn of(&self, fate: WriteFate) -> u32 {
        self.0[fate as usize]
    }

    /// How many there are in all.
    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    /// How many are lost.
    pub fn lost(&self) -> u32 {
        FATES.iter().filter(|row| row.is_lost).map(|row| self.of(row.fate)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_in_the_order_of_their_fates() {
        for (place, row) in FATES.iter().enumerate() {
            assert_eq!((row.fate as usize, row.fate.word()), (place, row.word));
        }
    }

    #[test]
    fn counts_know_what_is_lost() {
        let mut counts = FateCounts::default();
        [WriteFate::Safe, WriteFate::Vanished, WriteFate::RolledBack, WriteFate::Vanished]
            .into_iter()
            .for_each(|fate| counts.add(fate));
        assert_eq!((counts.total(), counts.lost(), counts.of(WriteFate::Vanished)), (4, 3, 2));
    }
}
