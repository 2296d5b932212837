//! The key table that the log builds, and the sessions that recognise a request sent twice.

use crate::base::ids::{ClientId, Key, OpId, Value, Version};
use crate::base::operation::Found;
use crate::protocol::kit::log::{Change, Entry, Log};
use crate::protocol::view::{KEYS_SHOWN, KeyRow};
use std::collections::{BTreeMap, VecDeque};

/// Requests remembered per session. A client may have many operations open at once, so this is a window of recent
/// numbers, not the last one alone; a request resent after this many newer ones is taken for a new one.
const SESSION_WINDOW: usize = 256;

/// The place of the entry at `index` of `term` in its key's version order.
pub(super) fn version(term: u64, index: u64) -> Version {
    Version((term << 40) | index)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Row {
    value: Option<Value>,
    written_by: OpId,
    version: Version,
}

/// Applied state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table {
    rows: BTreeMap<Key, Row>,
    applied: u64,
    /// Order-independent digest of all rows.
    digest: u64,
    /// Keys in the order of their last change; a key may stand in it more than once.
    recent: VecDeque<Key>,
}

impl Table {
    /// The last applied index.
    pub(super) fn applied(&self) -> u64 {
        self.applied
    }

    /// Digest of the rows.
    pub(super) fn digest(&self) -> u64 {
        self.digest
    }

    /// Applies the log up to `upto`.
    pub(super) fn apply(&mut self, log: &Log, upto: u64) {
        while self.applied < upto {
            let Some(entry) = log.get(self.applied + 1) else { return };
            self.applied += 1;
            self.apply_one(entry);
        }
    }

    fn apply_one(&mut self, entry: &Entry) {
        let value = match entry.change {
            Change::Open => return,
            Change::Put(value) => Some(value),
            Change::Delete => None,
        };
        let row = Row { value, written_by: entry.op, version: version(entry.term, self.applied) };
        if let Some(old) = self.rows.insert(entry.key, row) {
            self.digest ^= fingerprint(entry.key, &old);
        }
        self.digest ^= fingerprint(entry.key, &row);
        if self.recent.len() == 2 * KEYS_SHOWN {
            self.recent.pop_front();
        }
        self.recent.push_back(entry.key);
    }

    /// The table of `log` up to `upto`, built anew: after a truncation below what was applied, or a snapshot.
    pub(super) fn rebuilt(log: &Log, upto: u64) -> Self {
        let mut table = Table::default();
        table.apply(log, upto);
        table
    }

    /// What a read finds.
    pub(super) fn find(&self, key: Key) -> Option<Found> {
        let row = self.rows.get(&key)?;
        Some(Found { value: row.value, written_by: row.written_by, version: row.version })
    }

    /// How many keys have a value.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The keys that changed last, newest first.
    pub(super) fn newest(&self) -> Vec<KeyRow> {
        let mut keys: Vec<Key> = Vec::new();
        for &key in self.recent.iter().rev() {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        let row = |key: Key| {
            let row = self.rows.get(&key)?;
            Some(KeyRow {
                key,
                value: row.value,
                written_by: row.written_by,
                version: row.version,
                siblings: 1,
            })
        };
        keys.into_iter().filter_map(row).take(KEYS_SHOWN).collect()
    }

    /// Keys whose newest version differs from the one in `other`, or is missing in one of the two.
    pub(super) fn differing(&self, other: &Table) -> usize {
        let missing = other.rows.keys().filter(|key| !self.rows.contains_key(key)).count();
        missing + self.rows.iter().filter(|(key, row)| other.rows.get(key) != Some(row)).count()
    }
}

/// splitmix64's output function over key and version.
fn fingerprint(key: Key, row: &Row) -> u64 {
    let mut z = row.version.0 ^ (u64::from(key.0) << 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Which requests of each session are in the log, and where.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sessions {
    by_client: Vec<VecDeque<(u32, u64)>>,
}

impl Sessions {
    /// The sessions of `log`.
    pub(super) fn of(log: &Log) -> Self {
        let mut sessions = Sessions::default();
        log.iter_from(1).for_each(|(index, entry)| sessions.remember(entry, index));
        sessions
    }

    /// Takes a new entry into account.
    pub(super) fn remember(&mut self, entry: &Entry, index: u64) {
        if entry.change == Change::Open {
            return;
        }
        let place = entry.client.index();
        if self.by_client.len() <= place {
            self.by_client.resize(place + 1, VecDeque::new());
        }
        let session = &mut self.by_client[place];
        if session.len() == SESSION_WINDOW {
            session.pop_front();
        }
        session.push_back((entry.sequence, index));
    }

    /// Entries from `from` on are gone.
    pub(super) fn forget(&mut self, from: u64) {
        self.by_client.iter_mut().for_each(|session| session.retain(|&(_, index)| index < from));
    }

    /// Where this request is in the log, if it is.
    pub(super) fn find(&self, client: ClientId, sequence: u32) -> Option<u64> {
        let session = self.by_client.get(client.index())?;
        if session.back().is_some_and(|&(newest, _)| newest < sequence) {
            return None;
        }
        session.iter().rev().find(|(known, _)| *known == sequence).map(|&(_, index)| index)
    }
}
