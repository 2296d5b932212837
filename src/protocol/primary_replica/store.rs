//! The replicated state of one node: its log, the key table that the log builds, the sessions that recognise a
//! request sent twice. Everything here can be taken back entry by entry, because a log may be cut.

use super::sessions::Sessions;
use super::site::Arrivals;
use crate::base::chunks::Chunks;
use crate::base::data::{Change, Data};
use crate::base::ids::{Key, OpId};
use crate::base::operation::Found;
use crate::protocol::kit::log::{Content, Entry, Log, Merged, Position, Write};
use crate::protocol::kit::sites::SiteState;
use crate::protocol::view::{KEYS_SHOWN, KeyRow};
use std::collections::BTreeMap;

/// How far back [`Store::newest_rows`] looks for keys to show; a key that changed longer ago is not shown.
const ROWS_SEARCHED: usize = 16 * KEYS_SHOWN;

/// Log, key table and sessions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    log: Log,
    /// For each key the index of its newest applied write; the entry there holds value and version.
    rows: BTreeMap<Key, u64>,
    /// For each applied entry the index of the write it replaced in `rows`, 0 if none.
    replaced: Chunks<u64>,
    /// What applied updates made of their keys, by index: a log says only what is added.
    made: BTreeMap<u64, Data>,
    /// The sum of the fingerprints of all rows: equal tables have equal digests.
    digest: u64,
    sessions: Sessions,
    /// Changes of membership in the log, with their indexes.
    changes: Vec<(u64, Content)>,
    /// Where the writes of each site are in the log, if this group is one of several.
    arrivals: Arrivals,
}

impl Store {
    /// The store that `log` builds, applied up to `upto`.
    pub(super) fn of(log: Log, upto: u64) -> Self {
        let (mut sessions, mut arrivals) = (Sessions::default(), Arrivals::default());
        for (index, entry) in log.iter_from(1) {
            sessions.remember(entry, index);
            arrivals.note(entry, index);
        }
        let changes = log.iter_from(1).filter(|(_, entry)| is_change(entry));
        let changes = changes.map(|(index, entry)| (index, entry.content.clone())).collect();
        let mut store = Store { log, sessions, changes, arrivals, ..Store::default() };
        store.apply(upto);
        store
    }

    /// The log.
    pub(super) fn log(&self) -> &Log {
        &self.log
    }

    /// Changes of membership in the log, oldest first, with their indexes.
    pub(super) fn changes(&self) -> &[(u64, Content)] {
        &self.changes
    }

    /// The sessions.
    pub(super) fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Where the writes of each site are.
    pub(super) fn arrivals(&self) -> &Arrivals {
        &self.arrivals
    }

    /// What several sites' writes have made of a key, applied or not.
    pub(super) fn newest_state(&self, key: Key) -> Option<&SiteState> {
        let newest = self.newest_write(key, self.log.last_index());
        Some(&self.log.get(newest)?.merged()?.state)
    }

    /// What each key holds with the past of every version, where several sites write; in the order of keys.
    pub(super) fn states(&self) -> impl Iterator<Item = (Key, &Merged)> + '_ {
        self.rows.iter().filter_map(|(&key, &index)| Some((key, &**self.log.get(index)?.merged()?)))
    }

    /// The last applied index.
    pub(super) fn applied(&self) -> u64 {
        self.replaced.len() as u64
    }

    /// Digest of the key table.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// How many keys were ever written, deleted ones included.
    pub(super) fn keys(&self) -> usize {
        self.rows.len()
    }

    /// Adds an entry to the log, keeping `backlog` entries shippable; gives its index.
    pub(super) fn push(&mut self, entry: Entry, backlog: u64) -> u64 {
        if is_change(&entry) {
            self.changes.push((self.log.last_index() + 1, entry.content.clone()));
        }
        self.sessions.remember(&entry, self.log.last_index() + 1);
        self.arrivals.note(&entry, self.log.last_index() + 1);
        let index = self.log.push(entry);
        self.log.trim(backlog, self.applied());
        index
    }

    /// Applies the log up to `upto`, or to its end if that comes first.
    pub(super) fn apply(&mut self, upto: u64) {
        for index in self.applied() + 1..=upto.min(self.log.last_index()) {
            self.apply_one(index);
        }
    }

    fn apply_one(&mut self, index: u64) {
        // What several sites have made of a key is in the log itself.
        if let Some(Content::Write(write)) = self.log.get(index).map(|entry| &entry.content)
            && let Change::Update(_) = write.change
            && let Some(data) = self.data_at(index, write)
        {
            self.made.insert(index, data);
        }
        let replaced = self.write_at(index).map_or(0, |(key, _)| self.rows.insert(key, index).unwrap_or(0));
        self.digest =
            self.digest.wrapping_add(self.fingerprint(index)).wrapping_sub(self.fingerprint(replaced));
        self.replaced.push(replaced);
    }

    fn take_back(&mut self, index: u64) {
        let replaced = self.replaced.last().copied().unwrap_or(0);
        if let Some((key, _)) = self.write_at(index) {
            match replaced {
                0 => drop(self.rows.remove(&key)),
                _ => drop(self.rows.insert(key, replaced)),
            }
        }
        self.digest =
            self.digest.wrapping_add(self.fingerprint(replaced)).wrapping_sub(self.fingerprint(index));
        self.replaced.truncate(index as usize - 1);
        self.made.remove(&index);
    }

    /// Cuts the log from `from` on and takes back what was applied of it; gives the entries cut.
    pub(super) fn cut(&mut self, from: u64) -> Vec<Entry> {
        for index in (from..=self.applied()).rev() {
            self.take_back(index);
        }
        self.sessions.forget(from);
        self.arrivals.forget(from);
        self.changes.retain(|(index, _)| *index < from);
        self.log.cut(from)
    }

    /// The state that the applied part of the log stands for, as a snapshot carries it.
    pub(super) fn image(&self) -> Self {
        let mut image = self.clone();
        image.cut(self.applied() + 1);
        image.log.seal();
        image
    }

    /// What each key holds, deleted ones left out.
    pub(super) fn values(&self) -> impl Iterator<Item = (Key, Data)> + '_ {
        self.rows.iter().filter_map(|(&key, &index)| Some((key, self.found(index)?.value?)))
    }

    /// What a read finds.
    pub(super) fn find(&self, key: Key) -> Option<Found> {
        self.found(*self.rows.get(&key)?)
    }

    /// The newest write of a key up to `upto`, applied or not; 0 if there is none.
    pub(super) fn newest_write(&self, key: Key, upto: u64) -> u64 {
        let waiting = self.log.iter_from(self.applied() + 1).take_while(|(index, _)| *index <= upto);
        let newest = waiting.filter(|(_, entry)| entry.write().is_some_and(|write| write.key == key)).last();
        newest.map_or_else(|| self.rows.get(&key).copied().unwrap_or(0), |(index, _)| index)
    }

    /// What the entry at `index` made of its key.
    pub(super) fn found(&self, index: u64) -> Option<Found> {
        let entry = self.log.get(index)?;
        if let Some(merged) = entry.merged() {
            return Some(merged.found());
        }
        let write = entry.write()?;
        let value = self.data_at(index, write);
        Some(Found { value, written_by: write.op, version: entry.version(index), past: None })
    }

    /// What a key holds after `write`, the entry at `index`, applied or not.
    fn data_at(&self, index: u64, write: &Write) -> Option<Data> {
        let Change::Update(update) = &write.change else { return write.change.of(None) };
        if let Some(made) = self.made.get(&index) {
            return Some(made.clone());
        }
        let before = self.found(self.newest_write(write.key, index - 1)).and_then(|found| found.value);
        update.of(before.as_ref()).or(before)
    }

    /// What a read finds that looks no further than `upto`.
    pub(super) fn find_at(&self, key: Key, upto: u64) -> Option<Found> {
        let mut index = *self.rows.get(&key)?;
        while index > upto {
            index = *self.replaced.get(index as usize - 1)?;
        }
        self.found(index)
    }

    /// Whether a key was changed by an applied entry from `index` on.
    pub(super) fn changed_since(&self, key: Key, index: u64) -> bool {
        self.rows.get(&key).is_some_and(|&newest| newest >= index)
    }

    /// The keys that changed last, newest first.
    pub(super) fn newest_rows(&self) -> Vec<KeyRow> {
        let applied = self.applied();
        let first = applied.saturating_sub(ROWS_SEARCHED as u64) + 1;
        let newest = |index: u64| {
            let (key, _) = self.write_at(index)?;
            let found = self.find(key).filter(|_| self.rows.get(&key) == Some(&index))?;
            let Found { value, written_by, version, past } = found;
            let siblings = past.map_or_else(Vec::new, |past| past.siblings.clone());
            Some(KeyRow { key, value, written_by, version, siblings })
        };
        (first..=applied).rev().filter_map(newest).take(KEYS_SHOWN).collect()
    }

    /// Keys whose newest write differs from the one in `other`, or that only one of the two knows.
    pub(super) fn differing<'a>(&'a self, other: &'a Store) -> impl Iterator<Item = Key> {
        let unknown = other.rows.keys().filter(|key| !self.rows.contains_key(key));
        let differs = |key: &&Key| self.row_position(**key) != other.row_position(**key);
        unknown.chain(self.rows.keys().filter(differs)).copied()
    }

    fn row_position(&self, key: Key) -> Option<Position> {
        self.log.position(*self.rows.get(&key)?)
    }

    fn write_at(&self, index: u64) -> Option<(Key, OpId)> {
        self.log.get(index)?.write().map(|write| (write.key, write.op))
    }

    /// A row's share of the digest: the output function of splitmix64 over place, key and operation.
    fn fingerprint(&self, index: u64) -> u64 {
        let Some((key, op)) = self.write_at(index) else { return 0 };
        let mut z = (u64::from(key.0) << 32 | u64::from(op.0)) ^ index.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}

fn is_change(entry: &Entry) -> bool {
    matches!(entry.content, Content::Join(_) | Content::Leave(_))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{entry, write_of};
    use super::*;
    use crate::base::ids::Value;
    use proptest::prelude::*;

    fn store(entries: &[Entry]) -> Store {
        let mut store = Store::default();
        for entry in entries {
            store.push(entry.clone(), 1_000);
        }
        store
    }

    #[test]
    fn a_read_finds_the_newest_applied_write_and_not_what_only_waits_in_the_log() {
        let mut store = store(&[entry(1, None), write_of(1, 10, 7), write_of(1, 11, 7)]);
        store.apply(2);
        let found = store.find(Key(7)).expect("one write is applied");
        assert_eq!((found.written_by, found.value), (OpId(10), Some(Value(10).into())));
        store.apply(9);
        assert_eq!(store.find(Key(7)).map(|found| found.written_by), Some(OpId(11)));
        assert_eq!((store.applied(), store.find(Key(8))), (3, None));
    }

    #[test]
    fn rows_are_shown_newest_first_and_once() {
        let mut store = store(&[write_of(1, 10, 1), write_of(1, 11, 2), write_of(1, 12, 1)]);
        store.apply(3);
        let shown: Vec<_> = store.newest_rows().iter().map(|row| (row.key, row.written_by)).collect();
        assert_eq!(shown, [(Key(1), OpId(12)), (Key(2), OpId(11))]);
    }

    #[test]
    fn an_image_is_the_applied_part_and_ships_nothing() {
        let mut store = store(&[write_of(1, 10, 1), write_of(1, 11, 2)]);
        store.apply(1);
        let image = store.image();
        assert_eq!(
            (image.log().last_index(), image.log().first_index(), image.digest()),
            (1, 2, store.digest())
        );
        assert_eq!(image.sessions().find(write_of(1, 11, 2).write().expect("a write").client, 11), None);
    }

    #[test]
    fn differing_counts_keys_that_only_one_side_has() {
        let (mut a, mut b) = (store(&[write_of(1, 1, 1), write_of(1, 2, 2)]), store(&[write_of(1, 1, 1)]));
        a.apply(2);
        b.apply(1);
        let count = |one: &Store, other: &Store| one.differing(other).count();
        assert_eq!((count(&a, &b), count(&b, &a), count(&a, &a.clone())), (1, 1, 0));
    }

    proptest! {
        #[test]
        fn taking_back_leads_to_the_state_that_was_never_left(
            keys in prop::collection::vec(0u32..6, 1..40),
            applied in 0u64..40,
            from in 2u64..40,
        ) {
            let entries: Vec<_> = (0..).zip(&keys).map(|(op, &key)| write_of(1, op, key)).collect();
            let mut cut = store(&entries);
            cut.apply(applied);
            let gone = cut.cut(from);
            let kept = entries.len().min(from as usize - 1);
            prop_assert_eq!(&gone[..], &entries[kept..]);
            let mut straight = store(&entries[..kept]);
            straight.apply(applied);
            prop_assert_eq!(&cut, &straight);
            prop_assert_eq!(cut, Store::of(straight.log().clone(), applied));
        }
    }
}
