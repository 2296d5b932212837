//! The replicated log: entries by index from 1, and its history, which says where each epoch began.
//!
//! A [`Position`] (epoch, index) names one entry, and with it the whole prefix before it (log matching, Raft section
//! 5.3). That holds even where two nodes promote themselves in the same term, because an epoch names its primary
//! and that primary's life beside the term. The history has three names in the field: PostgreSQL's timeline
//! history, Kafka's leader-epoch cache, the two replication ids of Redis.

use super::sites::{Resolver, SiteState};
use crate::base::chunks::Chunks;
use crate::base::data::Change;
use crate::base::ids::{ClientId, Key, NodeId, OpId, Version};
use crate::base::operation::{Found, Written};
use crate::base::time::VirtualTime;
use std::fmt;
use std::sync::Arc;

/// One reign: a term, the primary that opened it, and which of its lives did.
///
/// Epochs are totally ordered, as the ballots of Paxos are: by term; within a term, which two primaries share only
/// where nobody votes, the lower node is ahead; a node that resumes its term after a restart is ahead of its earlier
/// life. 0 comes before every reign.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch(u64);

impl Epoch {
    /// The reign that `primary` opens for `term` in its `incarnation`-th life.
    ///
    /// # Panics
    /// If `term` exceeds 32 bits.
    pub fn new(term: u64, primary: NodeId, incarnation: u32) -> Self {
        assert!(term < 1 << 32, "terms are counted one by one and never reach 2^32");
        Epoch(term << 32 | u64::from(u16::MAX - primary.0) << 16 | u64::from(incarnation & 0xFFFF))
    }

    /// Its term.
    pub fn term(self) -> u64 {
        self.0 >> 32
    }

    /// A number that names it.
    pub fn number(self) -> u64 {
        self.0
    }

    /// Its primary; nobody before the first reign.
    pub fn primary(self) -> Option<NodeId> {
        (self.0 > 0).then(|| NodeId(u16::MAX - (self.0 >> 16) as u16))
    }
}

impl fmt::Debug for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.term())?;
        self.primary().map_or(Ok(()), |primary| write!(f, "@{primary}.{}", self.0 & 0xFFFF))
    }
}

/// A place in a log. The default is the place before the first entry, which all logs share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The epoch of the entry there.
    pub epoch: Epoch,
    /// Its index.
    pub index: u64,
}

/// One entry. Its index is its place in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The reign in which a primary ordered it.
    pub epoch: Epoch,
    /// When that primary did.
    pub written_at: VirtualTime,
    /// What it says.
    pub content: Content,
}

/// What an entry says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A reign begins.
    Opening,
    /// A key changes.
    Write(Write),
    /// A key changes where several sites write it: what it holds from then on.
    Merged(Arc<Merged>),
    /// A node is a member from this entry on (Ongaro's dissertation, section 4.1: one change at a time).
    Join(NodeId),
    /// A node is a member no more.
    Leave(NodeId),
}

/// What an entry changes, and on whose behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The operation that asked for it.
    pub op: OpId,
    /// The session.
    pub client: ClientId,
    /// The operation's number within its session.
    pub sequence: u32,
    /// The key.
    pub key: Key,
    /// What is done to it.
    pub change: Change,
}

/// A write of one of several sites, as another or the same has merged it with what its log held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Merged {
    /// The write.
    pub write: Write,
    /// The site that ordered it.
    pub site: u16,
    /// What the key holds now.
    pub state: SiteState,
    /// Which version of that is shown.
    pub resolver: Resolver,
}

impl Merged {
    /// What a read finds.
    pub fn found(&self) -> Found {
        self.state.found(self.write.op, self.resolver)
    }
}

impl Entry {
    /// What it changes, unless it is about the cluster itself.
    pub fn write(&self) -> Option<&Write> {
        match &self.content {
            Content::Write(write) => Some(write),
            Content::Merged(merged) => Some(&merged.write),
            Content::Opening | Content::Join(_) | Content::Leave(_) => None,
        }
    }

    /// The same with what several sites' writes have made of the key.
    pub fn merged(&self) -> Option<&Arc<Merged>> {
        if let Content::Merged(merged) = &self.content { Some(merged) } else { None }
    }

    /// What the acknowledgement of this write at `index` says.
    pub fn written(&self, index: u64) -> Written {
        self.merged().map_or_else(
            || self.version(index).into(),
            |merged| merged.state.written(merged.write.op, merged.site),
        )
    }

    /// The operation, unless the entry is about the cluster itself.
    pub fn operation(&self) -> Option<OpId> {
        self.write().map(|write| write.op)
    }

    /// The version of its key that the entry makes at `index`: 24 bits of term, 40 of index.
    pub fn version(&self, index: u64) -> Version {
        Version(self.epoch.term() << 40 | index)
    }

    /// The term and the index of the entry that made `version`.
    pub fn place_of(version: Version) -> (u64, u64) {
        (version.0 >> 40, version.0 & ((1 << 40) - 1))
    }
}

/// A log. Entries before `first` stay in memory for judges and screens but are never shipped.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Log {
    entries: Chunks<Entry>,
    /// The first position of every epoch, oldest first.
    history: Vec<Position>,
    first: u64,
}

impl Log {
    /// The last index; 0 if the log is empty.
    pub fn last_index(&self) -> u64 {
        self.entries.len() as u64
    }

    /// The position of the last entry: the measure by which votes compare logs.
    pub fn end(&self) -> Position {
        let epoch = self.history.last().map_or(Epoch::default(), |opening| opening.epoch);
        Position { epoch, index: self.last_index() }
    }

    /// The first index that can be shipped.
    pub fn first_index(&self) -> u64 {
        self.first.max(1)
    }

    /// The first position of every epoch, oldest first.
    pub fn history(&self) -> &[Position] {
        &self.history
    }

    /// The entry at `index`.
    pub fn get(&self, index: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(index.checked_sub(1)?).ok()?)
    }

    /// The position at `index`; `None` beyond the end.
    pub fn position(&self, index: u64) -> Option<Position> {
        match index {
            0 => Some(Position::default()),
            _ => self.get(index).map(|entry| Position { epoch: entry.epoch, index }),
        }
    }

    /// Whether this log has the entry that `position` names.
    pub fn holds(&self, position: Position) -> bool {
        self.position(position.index) == Some(position)
    }

    /// Adds an entry; gives its index.
    ///
    /// # Panics
    /// If the entry's epoch lies before the last one: histories only go forward.
    pub fn push(&mut self, entry: Entry) -> u64 {
        let (end, index) = (self.end(), self.last_index() + 1);
        assert!(entry.epoch >= end.epoch, "{:?} cannot follow {:?}", entry.epoch, end.epoch);
        if entry.epoch != end.epoch {
            self.history.push(Position { epoch: entry.epoch, index });
        }
        self.entries.push(entry);
        index
    }

    /// Cuts off everything from `from` on; gives what was cut.
    pub fn cut(&mut self, from: u64) -> Vec<Entry> {
        let keep = from.saturating_sub(1) as usize;
        let cut = self.entries.iter_from(keep).cloned().collect();
        self.entries.truncate(keep);
        self.history.retain(|opening| opening.index < from);
        self.first = self.first.min(from);
        cut
    }

    /// The entries `from..=to`, shared for shipping.
    pub fn slice(&self, from: u64, to: u64) -> Arc<[Entry]> {
        let count = (to + 1).saturating_sub(from) as usize;
        self.entries.iter_from(from.saturating_sub(1) as usize).take(count).cloned().collect()
    }

    /// The index of the entry of `op`. Operations stand nearly in the order of their numbers: the search begins where it
    /// would stand then, and goes outwards.
    pub fn find(&self, op: OpId) -> Option<u64> {
        let is_before =
            |index: u64| self.get(index).and_then(Entry::operation).is_none_or(|other| other < op);
        let (mut low, mut high) = (1, self.last_index() + 1);
        while low < high {
            let middle = low.midpoint(high);
            if is_before(middle) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let below = (1..low).rev().map(Some).chain(std::iter::repeat(None));
        let above = (low..=self.last_index()).map(Some).chain(std::iter::repeat(None));
        let outwards = below.zip(above).take_while(|pair| *pair != (None, None));
        let mut outwards = outwards.flat_map(|(below, above)| [above, below]).flatten();
        outwards.find(|&index| self.get(index).and_then(Entry::operation) == Some(op))
    }

    /// The entries from `from` on, with their indexes.
    pub fn iter_from(&self, from: u64) -> impl DoubleEndedIterator<Item = (u64, &Entry)> {
        let start = from.max(1);
        let rest = self.last_index().saturating_sub(start - 1) as usize;
        let entries = self.entries.iter_from(start as usize - 1);
        WithIndex { entries, front: start, back: start + rest as u64 }
    }

    /// Gives up all but the last `backlog` entries for shipping, but none beyond `applied`: what a snapshot could
    /// not carry yet must stay shippable.
    pub fn trim(&mut self, backlog: u64, applied: u64) {
        self.first = self.first.max((self.last_index() + 1).saturating_sub(backlog).min(applied + 1));
    }

    /// The log as a snapshot leaves it at its receiver: nothing in it can be shipped.
    pub fn seal(&mut self) {
        self.first = self.last_index() + 1;
    }

    /// The largest index at which this log and one with `history` that ends at `last` hold the same entry, found
    /// from the histories alone (replication.md 1.6; Redis PSYNC, Kafka OffsetsForLeaderEpoch).
    pub fn common_point(&self, history: &[Position], last: u64) -> u64 {
        common_point((&self.history[..], self.last_index()), (history, last), |opening| opening.index)
    }
}

/// The same of two histories with the ends of their logs; `start` says where a reign begins.
pub fn common_point<R: PartialEq>(ours: (&[R], u64), theirs: (&[R], u64), start: impl Fn(&R) -> u64) -> u64 {
    let shared = ours.0.iter().zip(theirs.0).take_while(|(ours, theirs)| ours == theirs).count();
    let end_of = |(history, last): (&[R], u64)| history.get(shared).map_or(last, |next| start(next) - 1);
    if shared == 0 { 0 } else { end_of(ours).min(end_of(theirs)) }
}

/// Entries with their indexes, from either end.
struct WithIndex<I> {
    entries: I,
    front: u64,
    back: u64,
}

impl<'a, I: Iterator<Item = &'a Entry>> Iterator for WithIndex<I> {
    type Item = (u64, &'a Entry);

    fn next(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next()?;
        self.front += 1;
        Some((self.front - 1, entry))
    }
}

impl<'a, I: DoubleEndedIterator<Item = &'a Entry>> DoubleEndedIterator for WithIndex<I> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let entry = self.entries.next_back()?;
        self.back -= 1;
        Some((self.back, entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn epoch(term: u64) -> Epoch {
        Epoch::new(term, NodeId(0), 1)
    }

    fn log(terms: &[u64]) -> Log {
        let mut log = Log::default();
        for &term in terms {
            log.push(Entry { epoch: epoch(term), written_at: VirtualTime::ZERO, content: Content::Opening });
        }
        log
    }

    #[test]
    fn an_operation_is_found_wherever_it_stands() {
        let mut log = log(&[1]);
        let order = [3, 1, 2, 9, 4, 6, 5, 8];
        for op in order {
            let write = Write {
                op: OpId(op),
                client: ClientId(0),
                sequence: op,
                key: Key(0),
                change: Change::Delete,
            };
            let content = Content::Write(write);
            log.push(Entry { epoch: epoch(1), written_at: VirtualTime::ZERO, content });
        }
        for (place, op) in (2..).zip(order) {
            assert_eq!(log.find(OpId(op)), Some(place), "{op}");
        }
        assert_eq!([0, 7, 10].map(|op| log.find(OpId(op))), [None; 3]);
        assert_eq!(Log::default().find(OpId(1)), None);
    }

    #[test]
    fn an_entry_is_small() {
        assert!(size_of::<Entry>() <= 48, "{} bytes", size_of::<Entry>());
    }

    #[test]
    fn epochs_are_ordered_by_term_then_lower_node_then_later_life() {
        let ascending = [
            Epoch::default(),
            Epoch::new(1, NodeId(4), 9),
            Epoch::new(1, NodeId(0), 1),
            Epoch::new(1, NodeId(0), 2),
            Epoch::new(2, NodeId(4), 1),
        ];
        assert!(ascending.is_sorted_by(|a, b| a < b));
        assert_eq!((ascending[4].term(), ascending[4].primary()), (2, Some(NodeId(4))));
        assert_eq!(format!("{:?} {:?}", ascending[4], ascending[0]), "t2@n5.1 t0");
    }

    #[test]
    fn the_same_term_of_two_primaries_is_two_histories() {
        let entry = |node| Entry {
            epoch: Epoch::new(2, NodeId(node), 1),
            written_at: VirtualTime::ZERO,
            content: Content::Opening,
        };
        let (mut ours, mut theirs) = (log(&[1, 1]), log(&[1, 1]));
        ours.push(entry(2));
        theirs.push(entry(4));
        assert_eq!(ours.common_point(theirs.history(), theirs.last_index()), 2);
        assert!(!ours.holds(theirs.end()));
    }

    #[test]
    fn cutting_takes_entries_and_history() {
        let mut log = log(&[1, 1, 2, 3]);
        assert_eq!(log.cut(3).len(), 2);
        assert_eq!(log.end(), Position { epoch: epoch(1), index: 2 });
        assert_eq!(log.history().len(), 1);
        assert_eq!(
            log.push(Entry { epoch: epoch(4), written_at: VirtualTime::ZERO, content: Content::Opening }),
            3
        );
        assert_eq!(log.position(3).map(|position| position.epoch.term()), Some(4));
    }

    #[test]
    #[should_panic(expected = "t1@n1.1 cannot follow t2@n1.1")]
    fn history_never_goes_back() {
        log(&[2, 1]);
    }

    #[test]
    fn a_trimmed_log_still_knows_its_past_but_does_not_ship_it() {
        let mut log = log(&[1; 10]);
        log.trim(4, 10);
        assert_eq!((log.first_index(), log.position(2).map(|p| p.index)), (7, Some(2)));
        assert_eq!(log.slice(8, 9).len(), 2);
        log.trim(1, 7);
        assert_eq!(log.first_index(), 8, "entries that no snapshot carries stay shippable");
        log.seal();
        assert_eq!(log.first_index(), 11);
        log.cut(5);
        assert_eq!(log.first_index(), 5);
    }

    #[test]
    fn entries_carry_their_indexes_from_both_ends() {
        let log = log(&[1; 5]);
        assert_eq!(log.iter_from(4).map(|(index, _)| index).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(log.iter_from(2).rev().map(|(index, _)| index).collect::<Vec<_>>(), [5, 4, 3, 2]);
        assert_eq!(log.iter_from(9).count(), 0);
    }

    proptest! {
        #[test]
        fn the_common_point_is_what_comparing_every_entry_finds(
            mut ours in prop::collection::vec(1u64..6, 0..12),
            mut theirs in prop::collection::vec(1u64..6, 0..12),
            shared in 0usize..12,
        ) {
            ours.sort_unstable();
            theirs.sort_unstable();
            // Logs of one cluster share a prefix and never hold one position twice with different pasts: what
            // differs after the prefix is given terms of its own.
            let prefix: Vec<u64> = ours.iter().copied().take(shared).collect();
            let ours: Vec<u64> = prefix.iter().copied().chain(ours.iter().skip(shared).map(|t| 2 * t + 10)).collect();
            let theirs: Vec<u64> = prefix.iter().copied().chain(theirs.iter().map(|t| 2 * t + 11)).collect();
            let (a, b) = (log(&ours), log(&theirs));
            let expected = ours.iter().zip(&theirs).take_while(|(x, y)| x == y).count() as u64;
            prop_assert_eq!(a.common_point(b.history(), b.last_index()), expected);
            prop_assert_eq!(b.common_point(a.history(), a.last_index()), expected);
        }
    }
}
