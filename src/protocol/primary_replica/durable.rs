//! What a node of a primary-replica cluster keeps on its disk.

use crate::base::ids::NodeId;
use crate::protocol::kit::log::{Entry, Log};
use std::sync::Arc;

/// The disk's content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durable {
    /// The current term.
    pub term: u64,
    /// Whom this node voted for in it.
    pub voted_for: Option<NodeId>,
    /// The last term in which it was primary.
    pub reigned_in: u64,
    /// The log.
    pub log: Log,
}

/// One change of it.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A new term, or a vote in it.
    Term {
        /// The term.
        term: u64,
        /// The vote.
        voted_for: Option<NodeId>,
    },
    /// Became primary of this term.
    Reign {
        /// The term.
        term: u64,
    },
    /// One more entry.
    Append(Entry),
    /// Everything from this index on is cut off.
    Truncate {
        /// The first index cut.
        from: u64,
    },
    /// A snapshot replaces the log.
    Install(Arc<Log>),
}

impl crate::protocol::Durable for Durable {
    type Record = Record;

    fn persist(&mut self, record: &Record) {
        match record {
            Record::Term { term, voted_for } => (self.term, self.voted_for) = (*term, *voted_for),
            Record::Reign { term } => self.reigned_in = *term,
            Record::Append(entry) => drop(self.log.push(*entry)),
            Record::Truncate { from } => drop(self.log.cut(*from)),
            Record::Install(log) => self.log = Log::clone(log),
        }
    }
}
