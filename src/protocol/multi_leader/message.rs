//! What nodes of a multi-leader cluster say to each other: inside a site what a primary-replica group says, and three
//! messages between sites.

use crate::base::ids::{NodeId, OpId};
use crate::protocol::primary_replica::{self, Shipped};
use crate::protocol::{Detail, Label, Sizes, Traffic};
use std::sync::Arc;

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Between two nodes of one site.
    Inside(primary_replica::Message),
    /// A site's leader ships what its group has committed; empty to show that it lives and to ask for the position.
    Ship(Box<Ship>),
    /// A site's leader says how many of the receiver's writes a majority of its own group has.
    ShipAck {
        /// Who says so.
        site: u16,
        /// How many.
        position: u64,
        /// The last of them: the receiver's own log has it at the same place, or they no longer speak of one history.
        last: Option<OpId>,
    },
    /// A shipment came to a node that does not lead its site.
    Elsewhere {
        /// The site.
        site: u16,
        /// Who leads it, as far as this node knows.
        leader: Option<NodeId>,
    },
}

/// A shipment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ship {
    /// The site that ordered these writes.
    pub origin: u16,
    /// How many of its writes came before them.
    pub after: u64,
    /// The writes, in their order.
    pub entries: Arc<[Shipped]>,
}

/// Bytes of a message header.
const HEADER: u64 = 40;
/// Bytes of an integer field.
const FIELD: u64 = 8;
/// Bytes of a shipped write beside key and state.
const ENTRY_HEADER: u64 = 24;

impl crate::protocol::Message for Message {
    fn bytes(&self, sizes: Sizes) -> u64 {
        match self {
            Message::Inside(message) => message.bytes(sizes),
            Message::Ship(ship) => {
                let entry = |shipped: &Shipped| ENTRY_HEADER + sizes.key + shipped.state.bytes(sizes);
                HEADER + 3 * FIELD + ship.entries.iter().map(entry).sum::<u64>()
            }
            Message::ShipAck { .. } => HEADER + 3 * FIELD,
            Message::Elsewhere { .. } => HEADER + 2 * FIELD,
        }
    }

    fn traffic(&self) -> Traffic {
        match self {
            Message::Inside(message) => message.traffic(),
            Message::Ship(ship) if !ship.entries.is_empty() => Traffic::Write,
            Message::Ship(_) | Message::ShipAck { .. } | Message::Elsewhere { .. } => Traffic::Background,
        }
    }

    fn carries(&self, each: &mut dyn FnMut(OpId)) {
        match self {
            Message::Inside(message) => message.carries(each),
            Message::Ship(ship) => ship.entries.iter().for_each(|shipped| each(shipped.write.op)),
            Message::ShipAck { .. } | Message::Elsewhere { .. } => {}
        }
    }

    fn label(&self) -> Label {
        match self {
            Message::Inside(message) => message.label(),
            Message::Ship(ship) => {
                let count = ship.entries.len() as u64;
                let range = Detail::Range(ship.after + 1, ship.after + count);
                Label { name: "Ship", detail: if count > 0 { range } else { Detail::None } }
            }
            Message::ShipAck { position, .. } => Label { name: "ShipAck", detail: Detail::Index(*position) },
            Message::Elsewhere { leader, .. } => {
                Label { name: "Elsewhere", detail: leader.map_or(Detail::None, Detail::Node) }
            }
        }
    }
}
