//! What a node of a primary-replica cluster keeps on its disk.

use super::store::Store;
use crate::base::ids::{NodeId, OpId};
use crate::base::time::VirtualTime;
use crate::protocol::kit::log::{Entry, Log};
use crate::protocol::{Holding, Sought};
use std::sync::Arc;

/// The disk's content.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Durable {
    /// The current term.
    pub term: u64,
    /// Whom this node voted for in it.
    pub voted_for: Option<NodeId>,
    /// The term in which it is primary; 0 if it is not, or is no more.
    pub reigned_in: u64,
    /// What the monitor beside this node voted for last: the attempt's number, and for whom.
    pub monitor_vote: (u64, Option<NodeId>),
    /// As lease store: whose the lease is.
    pub lease: Option<Tenure>,
    /// The log.
    pub log: Log,
    /// Branches that were cut off and kept, as MongoDB keeps rollback files.
    pub archive: Vec<Arc<Branch>>,
}

/// What a lease store knows of the lease. When it ends is told by the store's clock, not by its disk.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tenure {
    /// The holder's term.
    pub term: u64,
    /// Who holds it, or held it last.
    pub holder: Option<NodeId>,
    /// The members that are in sync.
    pub in_sync: Arc<[NodeId]>,
    /// Members that left it when too few remained for anything more to count: they have all that counts (Kafka's
    /// eligible leader replicas, KIP-966).
    pub eligible: Arc<[NodeId]>,
    /// How far the holder said it was.
    pub high: u64,
}

/// A branch of the log that was cut off and kept for an operator to look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// The first index cut.
    pub from: u64,
    /// What was cut.
    pub entries: Vec<Entry>,
    /// How many of these writes this node itself had acknowledged to clients.
    pub acked: u64,
    /// When it was cut.
    pub at: VirtualTime,
}

/// One change of the disk's content.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// A new term, or a vote in it.
    Term {
        /// The term.
        term: u64,
        /// The vote.
        voted_for: Option<NodeId>,
    },
    /// Became primary of this term; 0: is primary no more.
    Reign {
        /// The term.
        term: u64,
    },
    /// One more entry.
    Append(Entry),
    /// The end of the log is cut off and kept aside.
    Cut(Arc<Branch>),
    /// The monitor beside this node voted.
    MonitorVote {
        /// The attempt.
        epoch: u64,
        /// For whom.
        whom: NodeId,
    },
    /// The lease has changed hands, or the in-sync set.
    Lease(Tenure),
    /// A snapshot replaces the log.
    Install(Arc<Store>),
}

impl crate::protocol::Durable for Durable {
    type Record = Record;

    fn persist(&mut self, record: &Record) {
        match record {
            Record::Term { term, voted_for } => (self.term, self.voted_for) = (*term, *voted_for),
            Record::Reign { term } => (self.reigned_in, self.term) = (*term, self.term.max(*term)),
            Record::Append(entry) => drop(self.log.push(entry.clone())),
            Record::Cut(branch) => {
                self.log.cut(branch.from);
                self.archive.push(Arc::clone(branch));
            }
            Record::MonitorVote { epoch, whom } => self.monitor_vote = (*epoch, Some(*whom)),
            Record::Lease(tenure) => self.lease = Some(tenure.clone()),
            Record::Install(store) => self.log = store.log().clone(),
        }
    }

    fn keeps(record: &Record, each: &mut dyn FnMut(OpId)) {
        if let Record::Append(entry) = record
            && let Some(op) = entry.operation()
        {
            each(op);
        }
    }

    fn holding(&self, sought: &Sought<'_>) -> Option<Holding> {
        place_in(&self.log, sought)
    }
}

/// The entry of a write, if the log holds it: where its acknowledgement placed it, or, where several sites write and have
/// a log each, wherever it came to stand in this one.
pub(super) fn place_in(log: &Log, sought: &Sought<'_>) -> Option<Holding> {
    if sought.written.event.is_some() {
        return log.find(sought.op).map(|index| Holding::Log { index });
    }
    let (_, index) = Entry::place_of(sought.written.version);
    let is_there = log.get(index).and_then(Entry::operation) == Some(sought.op);
    is_there.then_some(Holding::Log { index })
}
