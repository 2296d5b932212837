//! Verdicts over what a run did. Three-valued: a checker that cannot know says so.

/// What a checker found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Holds.
    Pass,
    /// Violated.
    Fail,
    /// Cannot be decided from this run.
    Unknown,
}

impl Verdict {
    /// The word in files and reports.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail => "fail",
            Verdict::Unknown => "unknown",
        }
    }

    /// The verdict called `word`.
    pub fn from_word(word: &str) -> Option<Verdict> {
        [Verdict::Pass, Verdict::Fail, Verdict::Unknown].into_iter().find(|verdict| verdict.word() == word)
    }
}

/// One row of the table of checkers.
#[derive(Clone, Copy, Debug)]
pub struct CheckerRow {
    /// Its name in files.
    pub name: &'static str,
    /// What it checks.
    pub meaning: &'static str,
}

/// The checkers of this version.
pub const CHECKERS: &[CheckerRow] = &[
    CheckerRow { name: "durable", meaning: "every acknowledged write survived" },
    CheckerRow { name: "converged", meaning: "all live owners of every key hold equal state at the end" },
    CheckerRow { name: "no-split-brain", meaning: "no two primaries acknowledged writes side by side" },
    CheckerRow { name: "one-primary-per-term", meaning: "no term had two primaries" },
    CheckerRow { name: "messages-conserved", meaning: "sent = delivered + dropped + in flight" },
];
