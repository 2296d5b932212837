//! How clients find the nodes they ask.

use crate::base::data::Update;
use crate::base::time::Span;

/// How clients find the node for an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Routing {
    /// Whom a client asks.
    pub to: Route,
    /// Silence after which a client looks elsewhere.
    pub discovery_refresh: Span,
    /// Groups that have a primary each, of keys (`partitioned`) or of nodes (`multi_leader`); 1 where there is one
    /// group, or no primary.
    pub partitions: u16,
    /// Whether clients stay in the site of the node they are attached to, and its group is theirs for all keys.
    pub is_by_site: bool,
    /// Of a client's operations, how many per cent it may send again when they stay silent; 100 for all.
    pub retry_budget: u32,
    /// Which updates the store applies. What it does not apply, a client reads, changes and writes back.
    pub updates: Updates,
}

/// Which updates a store applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Updates {
    /// All, and what a person decides between siblings.
    Resolving,
    /// All: it has an order in which to apply them.
    All,
    /// Those that have their effect in any order: counting, and adding to sets and removing from them.
    Merging,
    /// None: it keeps what it is given.
    None,
}

impl Updates {
    /// Whether `update` is among them.
    pub fn has(self, update: Update) -> bool {
        match (self, update) {
            (_, Update::Resolve(_)) => self == Updates::Resolving,
            (Updates::None, _) | (Updates::Merging, Update::Append(_) | Update::Insert(_)) => false,
            _ => true,
        }
    }
}

/// Whom a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The primary it knows for writes; reads as the policy says.
    Primary {
        /// Where reads go.
        reads: ReadRoute,
    },
    /// The node it is attached to; any other when that one is refused or silent.
    AnyNode,
}

/// Where reads go when there is a primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadRoute {
    /// To the primary.
    Primary,
    /// To the node the client is attached to.
    Nearest,
    /// To any node, drawn for each read.
    Random,
    /// To one replica, the last node of the cluster.
    Fixed,
}
