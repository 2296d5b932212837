//! Chains of causes: what is asked about, and what is answered. Plain data between the world, reports and screens.

use super::ids::{NodeId, OpId};
use super::time::VirtualTime;

/// Whose causes are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The log line of this number.
    Line(u64),
    /// A client operation.
    Op(OpId),
    /// The newest of a kind.
    Newest(Kind),
}

/// What one may ask for the newest of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An acknowledged write that is lost.
    Lost,
    /// An operation that failed, or of which nobody can say.
    Failed,
    /// A read that missed an acknowledged write.
    Stale,
    /// A change of primary.
    Election,
}

/// The kinds with their words and what each is, for command lines and menus.
pub const KINDS: &[(Kind, &str, &str)] = &[
    (Kind::Election, "last-election", "the last change of primary"),
    (Kind::Failed, "failed", "the last operation that failed, or of which nobody can say"),
    (Kind::Lost, "lost", "the last acknowledged write that is lost"),
    (Kind::Stale, "stale", "the last read that missed an acknowledged write"),
];

impl About {
    /// What `word` asks about: a kind, or an operation as it is shown (`op17`).
    pub fn from_word(word: &str) -> Option<About> {
        let kind = KINDS.iter().find(|(_, known, _)| *known == word).map(|(kind, ..)| About::Newest(*kind));
        let number = || word.strip_prefix("op").and_then(|number| number.parse().ok());
        kind.or_else(|| number().map(|number| About::Op(OpId(number))))
    }
}

/// One link of a chain; each is the cause of the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// When.
    pub at: VirtualTime,
    /// Where; `None` for clients and the world.
    pub node: Option<NodeId>,
    /// The code of the log line that tells it, if one does.
    pub code: Option<&'static str>,
    /// What, in words.
    pub text: String,
}

/// A chain, from what is asked about to its first cause.
pub type Chain = Vec<Reason>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_ask_about_kinds_and_operations() {
        assert_eq!(About::from_word("lost"), Some(About::Newest(Kind::Lost)));
        assert_eq!(About::from_word("op17"), Some(About::Op(OpId(17))));
        assert_eq!(About::from_word("op"), None);
    }
}
