//! The rules of a log that are watched while a run goes on (replication.md 7.7). Safe settings keep them; what unsafe
//! settings break is reported under the rule's name.

/// A rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// No term has two primaries (Raft's election safety).
    OnePrimaryPerTerm,
    /// A new primary has every entry that was known to be committed (Raft's leader completeness).
    LeaderCompleteness,
    /// No node cuts off what it knew to be committed.
    CommittedEntryKept,
    /// No index has two committed entries (Raft's state machine safety).
    CommittedEntriesAgree,
}

impl Rule {
    /// Every rule.
    pub const ALL: [Rule; 4] = [
        Rule::OnePrimaryPerTerm,
        Rule::LeaderCompleteness,
        Rule::CommittedEntryKept,
        Rule::CommittedEntriesAgree,
    ];

    /// Its name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Rule::OnePrimaryPerTerm => "one-primary-per-term",
            Rule::LeaderCompleteness => "leader-completeness",
            Rule::CommittedEntryKept => "committed-entry-kept",
            Rule::CommittedEntriesAgree => "committed-entries-agree",
        }
    }

    /// What it asks, in one sentence.
    pub const fn meaning(self) -> &'static str {
        match self {
            Rule::OnePrimaryPerTerm => "no term had two primaries",
            Rule::LeaderCompleteness => "every new primary had all entries that were committed before",
            Rule::CommittedEntryKept => "no node cut off an entry it knew to be committed",
            Rule::CommittedEntriesAgree => "no index had two committed entries",
        }
    }

    /// What breaking it looks like, to follow a count.
    pub const fn breach(self) -> &'static str {
        match self {
            Rule::OnePrimaryPerTerm => "time(s) a term got a second primary",
            Rule::LeaderCompleteness => "time(s) a new primary lacked committed entries",
            Rule::CommittedEntryKept => "time(s) a node cut off entries it knew to be committed",
            Rule::CommittedEntriesAgree => "time(s) an index got a second committed entry",
        }
    }
}

/// How often each rule was broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaches([u32; Rule::ALL.len()]);

impl Breaches {
    /// How often `rule` was.
    pub fn of(&self, rule: Rule) -> u32 {
        self.0[rule as usize]
    }

    /// `rule` was broken once more.
    pub fn add(&mut self, rule: Rule) {
        self.0[rule as usize] += 1;
    }
}
