//! The replicated log: entries by index from 1, and its history, which says where each term began.
//!
//! A pair (term, index) names one entry, and with it the whole prefix before it (log matching, Raft section 5.3).
//! The history has three names in the field: PostgreSQL's timeline history, Kafka's leader-epoch cache, the two
//! replication ids of Redis.

use crate::base::chunks::Chunks;
use crate::base::ids::{ClientId, Key, OpId, Value};
use std::sync::Arc;

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Opens a term; changes nothing.
    Open,
    /// Sets the key.
    Put(Value),
    /// Removes the key.
    Delete,
}

/// One entry. Its index is its place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The term in which a primary ordered it.
    pub term: u64,
    /// The operation that asked for it (meaningless for [`Change::Open`]).
    pub op: OpId,
    /// The session.
    pub client: ClientId,
    /// The operation's number within its session.
    pub sequence: u32,
    /// The key.
    pub key: Key,
    /// What it does.
    pub change: Change,
}

impl Entry {
    /// The entry that opens `term`.
    pub fn opening(term: u64) -> Self {
        Entry { term, op: OpId(0), client: ClientId(0), sequence: 0, key: Key(0), change: Change::Open }
    }

    /// The operation, unless the entry only opens a term.
    pub fn operation(&self) -> Option<OpId> {
        (self.change != Change::Open).then_some(self.op)
    }
}

/// Where terms began: (term, first index), oldest first.
pub type History = Vec<(u64, u64)>;

/// A log. Entries before `first` stay in memory for judges and screens but can no longer be shipped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    entries: Chunks<Entry>,
    history: History,
    first: u64,
}

impl Log {
    /// The last index; 0 if the log is empty.
    pub fn last_index(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The term of the last entry; 0 if the log is empty.
    pub fn last_term(&self) -> u64 {
        self.history.last().map_or(0, |&(term, _)| term)
    }

    /// (term, index) of the last entry, the measure by which votes compare logs.
    pub fn end(&self) -> (u64, u64) {
        (self.last_term(), self.last_index())
    }

    /// The first index that can be shipped.
    pub fn first_index(&self) -> u64 {
        self.first.max(1)
    }

    /// The history.
    pub fn history(&self) -> &[(u64, u64)] {
        &self.history
    }

    /// The entry at `index`.
    pub fn get(&self, index: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(index.checked_sub(1)?).ok()?)
    }

    /// The term at `index`; 0 before the first entry, `None` beyond the last.
    pub fn term_at(&self, index: u64) -> Option<u64> {
        if index == 0 { Some(0) } else { self.get(index).map(|entry| entry.term) }
    }

    /// Adds an entry; gives its index.
    pub fn push(&mut self, entry: Entry) -> u64 {
        let index = self.last_index() + 1;
        if self.last_term() != entry.term {
            self.history.push((entry.term, index));
        }
        self.entries.push(entry);
        index
    }

    /// Cuts off everything from `from` on; gives what was cut.
    pub fn cut(&mut self, from: u64) -> Vec<Entry> {
        let keep = from.saturating_sub(1) as usize;
        let cut = self.entries.iter_from(keep).copied().collect();
        self.entries.truncate(keep);
        self.history.retain(|&(_, start)| start < from);
        self.first = self.first.min(from);
        cut
    }

    /// The entries `from..=to`, shared for shipping.
    pub fn slice(&self, from: u64, to: u64) -> Arc<[Entry]> {
        let count = (to + 1).saturating_sub(from) as usize;
        self.entries.iter_from(from.saturating_sub(1) as usize).take(count).copied().collect()
    }

    /// All entries with their indexes, from `from` on.
    pub fn iter_from(&self, from: u64) -> impl Iterator<Item = (u64, &Entry)> {
        let start = from.max(1);
        (start..).zip(self.entries.iter_from(start as usize - 1))
    }

    /// Keeps the last `backlog` entries ready for shipping, and in any case all after `applied`: a snapshot can
    /// stand for no others.
    pub fn trim(&mut self, backlog: u64, applied: u64) {
        self.first = self.first.max((self.last_index() + 1).saturating_sub(backlog).min(applied + 1));
    }

    /// The log as a snapshot leaves it at its receiver: nothing in it can be shipped.
    pub fn sealed(mut self) -> Self {
        self.first = self.last_index() + 1;
        self
    }

    /// The largest index at which this log and one with `history` and `last` hold the same entry, by their
    /// histories alone (replication.md 1.6).
    pub fn common_point(&self, history: &[(u64, u64)], last: u64) -> u64 {
        let end_of = |history: &[(u64, u64)], place: usize, last: u64| {
            history.get(place + 1).map_or(last, |&(_, next_start)| next_start - 1)
        };
        let mut common = 0;
        for (place, (mine, theirs)) in self.history.iter().zip(history).enumerate() {
            if mine != theirs {
                break;
            }
            common = end_of(&self.history, place, self.last_index()).min(end_of(history, place, last));
        }
        common
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        for &term in terms {
            log.push(Entry::opening(term));
        }
        log
    }

    fn common(a: &[u64], b: &[u64]) -> u64 {
        let (a, b) = (log(a), log(b));
        let forth = a.common_point(b.history(), b.last_index());
        assert_eq!(forth, b.common_point(a.history(), a.last_index()), "both sides find the same");
        forth
    }

    #[test]
    fn the_common_point_is_where_histories_part() {
        assert_eq!(common(&[1, 1, 1], &[1, 1, 1, 1]), 3);
        assert_eq!(common(&[1, 1, 2, 2], &[1, 1, 1, 3]), 2);
        assert_eq!(common(&[1, 2], &[3, 3]), 0);
        assert_eq!(common(&[], &[1]), 0);
        assert_eq!(common(&[1, 1, 2, 4], &[1, 1, 2, 2, 5]), 3);
    }

    #[test]
    fn cutting_takes_entries_and_history() {
        let mut log = log(&[1, 1, 2, 3]);
        assert_eq!(log.cut(3).len(), 2);
        assert_eq!((log.end(), log.history().to_vec()), ((1, 2), vec![(1, 1)]));
        assert_eq!(log.push(Entry::opening(4)), 3);
        assert_eq!(log.term_at(3), Some(4));
    }

    #[test]
    fn a_trimmed_log_still_knows_its_past_but_does_not_ship_it() {
        let mut log = log(&[1; 10]);
        log.trim(4, 10);
        assert_eq!((log.first_index(), log.term_at(2)), (7, Some(1)));
        assert_eq!(log.slice(8, 9).len(), 2);
        assert_eq!(log.iter_from(9).map(|(index, _)| index).collect::<Vec<_>>(), [9, 10]);
        assert_eq!(log.clone().sealed().first_index(), 11);
    }
}
