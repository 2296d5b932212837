//! The journal: every message sent and received and every line said, node by node. Kept only on request, since it grows
//! with every event; tools outside draw space-time diagrams from it.

use crate::base::ids::{MessageId, NodeId};
use crate::base::line::Line;
use crate::base::time::VirtualTime;

/// Something that happened at a node.
#[derive(Clone, Debug, PartialEq)]
pub struct JournalEntry {
    /// When.
    pub at: VirtualTime,
    /// Where.
    pub node: NodeId,
    /// What.
    pub what: Happening,
}

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Happening {
    /// A message left. A second copy, where the network makes one, has the next id.
    Sent {
        /// What it is called.
        name: &'static str,
        /// For whom.
        to: NodeId,
        /// Its id.
        id: MessageId,
    },
    /// A copy of a message arrived.
    Received {
        /// What it is called.
        name: &'static str,
        /// From whom.
        from: NodeId,
        /// Its id.
        id: MessageId,
    },
    /// A line of the node's log.
    Said(Line),
}
