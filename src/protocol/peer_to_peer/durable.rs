//! What a node's disk holds: its table and the hints it keeps for others.

use super::cell::Cell;
use crate::base::ids::{Key, NodeId};
use std::collections::BTreeMap;

/// A write kept for another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Its place in the holder's order; grows over all lives of the holder.
    pub number: u64,
    /// The key.
    pub key: Key,
    /// The version, with its original timestamp: handing it over twice changes nothing.
    pub cell: Cell,
}

/// One change on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// The newest version of a key (Cassandra's commit log).
    Cell {
        /// The key.
        key: Key,
        /// Its version.
        cell: Cell,
    },
    /// A tombstone has outlived its grace.
    Purged {
        /// The key, of which nothing is left.
        key: Key,
    },
    /// A hint was kept.
    Hint {
        /// For whom.
        target: NodeId,
        /// What.
        hint: Hint,
    },
    /// Hints were handed over.
    HandedOver {
        /// To whom.
        target: NodeId,
        /// The number of the last one.
        upto: u64,
    },
}

/// The disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    /// The newest version of each key.
    pub cells: BTreeMap<Key, Cell>,
    /// The hints for each target, by number.
    pub hints: BTreeMap<NodeId, BTreeMap<u64, Hint>>,
}

impl crate::protocol::Durable for Durable {
    type Record = Record;

    fn persist(&mut self, record: &Record) {
        match *record {
            Record::Cell { key, cell } => {
                self.cells.insert(key, cell);
            }
            Record::Purged { key } => {
                self.cells.remove(&key);
            }
            Record::Hint { target, hint } => {
                self.hints.entry(target).or_default().insert(hint.number, hint);
            }
            Record::HandedOver { target, upto } => {
                if let Some(hints) = self.hints.get_mut(&target) {
                    *hints = hints.split_off(&(upto + 1));
                }
            }
        }
    }
}
