//! What a node's disk holds: its table, the hints it keeps for others, and what it knows of the ring.

use super::movement::{Grant, Wish};
use super::object::Object;
use super::ring_map::Row;
use crate::base::ids::{Key, NodeId, OpId};
use crate::protocol::{Holding, Sought};
use std::collections::BTreeMap;

/// A write kept for another node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// Its place in the holder's order; grows over all lives of the holder.
    pub number: u64,
    /// The key.
    pub key: Key,
    /// What it missed, as it was: handing it over twice changes nothing, unless it is an addition.
    pub object: Object,
}

/// One change on the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// What is kept of a key from now on (Cassandra's commit log).
    Object {
        /// The key.
        key: Key,
        /// The copy.
        object: Object,
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
    /// A step of a node on the ring was learned.
    Ring {
        /// The node.
        node: NodeId,
        /// The step.
        row: Row,
    },
    /// This node wants to move, or no longer.
    Wish(Option<Wish>),
    /// Another was told that it may move, or has done so.
    Granted(Option<Grant>),
}

/// The disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Durable {
    /// What is kept of each key.
    pub objects: BTreeMap<Key, Object>,
    /// The hints for each target, by number.
    pub hints: BTreeMap<NodeId, BTreeMap<u64, Hint>>,
    /// What nodes have said of their places on the ring.
    pub rows: BTreeMap<NodeId, Row>,
    /// The movement that this node wants to make.
    pub wish: Option<Wish>,
    /// The node that was told that it may move.
    pub granted: Option<Grant>,
}

impl crate::protocol::Durable for Durable {
    type Record = Record;

    fn persist(&mut self, record: &Record) {
        match record {
            Record::Object { key, object } => {
                self.objects.insert(*key, object.clone());
            }
            Record::Purged { key } => {
                self.objects.remove(key);
            }
            Record::Hint { target, hint } => {
                self.hints.entry(*target).or_default().insert(hint.number, hint.clone());
            }
            Record::HandedOver { target, upto } => {
                if let Some(hints) = self.hints.get_mut(target) {
                    *hints = hints.split_off(&(upto + 1));
                }
            }
            Record::Ring { node, row } => drop(self.rows.insert(*node, *row)),
            Record::Wish(wish) => self.wish = *wish,
            Record::Granted(grant) => self.granted = *grant,
        }
    }

    fn keeps(record: &Record, each: &mut dyn FnMut(OpId)) {
        match record {
            Record::Object { object, .. } => object.each_writer(each),
            Record::Hint { hint, .. } => hint.object.each_writer(each),
            _ => {}
        }
    }

    fn holding(&self, sought: &Sought<'_>) -> Option<Holding> {
        if self.objects.get(&sought.key).is_some_and(|object| object.holds(sought)) {
            return Some(Holding::Table);
        }
        let keeps = |hints: &BTreeMap<u64, Hint>| {
            hints.values().any(|hint| hint.key == sought.key && hint.object.holds(sought))
        };
        self.hints.iter().find(|(_, hints)| keeps(hints)).map(|(&target, _)| Holding::Hint { target })
    }
}
