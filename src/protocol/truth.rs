//! What the judges see of nodes and disks: what has survived in all, and who holds one write.

use crate::base::data::Data;
use crate::base::ids::{Key, NodeId, OpId, Version};
use crate::base::operation::Written;
use crate::base::vector::Vector;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What has survived, seen from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Truth {
    /// The writes that survived.
    pub survivors: Survivors,
    /// Whether every live holder of every key has the same state.
    pub is_converged: bool,
    /// Keys whose live holders differ.
    pub keys_diverged: usize,
    /// What each key holds in the end; of siblings each one.
    pub values: BTreeMap<Key, Vec<Data>>,
    /// Copies of each key that the cluster keeps.
    pub copies: u32,
    /// What it takes to keep them.
    pub storage: Storage,
    /// What each node lacks of that: log entries, or keys it owns. `None` for who is away or keeps no copies.
    pub lacking: Vec<Option<u64>>,
}

/// Bytes kept by all nodes, by the size model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Storage {
    /// Keys and what they hold.
    pub live: u64,
    /// Everything else: logs, branches that were cut off, tombstones, hints, vectors.
    pub other: u64,
}

impl Storage {
    /// Both together.
    #[must_use]
    pub fn and(self, more: Storage) -> Storage {
        Storage { live: self.live + more.live, other: self.other + more.other }
    }
}

/// The writes that survived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Survivors {
    /// The authoritative log.
    Log(LogRemains),
    /// What is left of each key, merged over all nodes.
    Merged(BTreeMap<Key, Remains>),
}

/// What the authoritative log holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRemains {
    /// Every operation in it.
    pub ops: BTreeSet<OpId>,
    /// Of these, the ones in whose place a later entry put another value.
    pub replaced: BTreeSet<OpId>,
}

/// What is left of a key after everything was merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remains {
    /// The newest version, where versions are in a line.
    pub version: Version,
    /// All events that led here, where the store knows of causes.
    pub seen: Option<Arc<Vector>>,
    /// Who wrote what is there: the newest write, or each sibling.
    pub written_by: Vec<OpId>,
}

/// A write that a judge looks for on nodes and disks.
#[derive(Clone, Copy, Debug)]
pub struct Sought<'a> {
    /// The operation.
    pub op: OpId,
    /// Its key.
    pub key: Key,
    /// Where its acknowledgement placed it.
    pub written: &'a Written,
}

/// How a node holds a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holding {
    /// As an entry of its log.
    Log {
        /// The entry's index.
        index: u64,
    },
    /// In its table of keys.
    Table,
    /// As a hint for another node.
    Hint {
        /// For whom.
        target: NodeId,
    },
}
