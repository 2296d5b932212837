//! Identities. Each is a newtype, so that a node can never be taken for a client.

use std::fmt;

/// A node of the cluster, counted from 0; shown as `n1`, `n2`, … unless the scenario names its nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u16);

impl NodeId {
    /// The node's place in dense per-node tables.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// The node at `index` of a dense per-node table.
    ///
    /// # Panics
    /// If `index` exceeds the largest node number; clusters hold at most 1 000 nodes.
    pub fn at(index: usize) -> Self {
        NodeId(u16::try_from(index).expect("a cluster holds at most 1 000 nodes"))
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", u32::from(self.0) + 1)
    }
}

/// A client of the workload, counted from 0; shown as `c1`, `c2`, …. A client is also a session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u16);

impl ClientId {
    /// The client's place in dense per-client tables.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{}", u32::from(self.0) + 1)
    }
}

/// One client operation, numbered in the order of invocation from 0. Equal across the runs of a scenario.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId(pub u32);

impl OpId {
    /// The operation's place in the ledger.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for OpId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "op{}", self.0)
    }
}

/// One message on a link, numbered in the order of sending from 1; shown as `m123`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageId(pub u64);

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{}", self.0)
    }
}

/// Set in a [`Key`] or [`Value`] that a person typed; the rest is its place among the interned texts.
const TYPED: u32 = 1 << 31;

macro_rules! interned {
    ($(#[$doc:meta])* $name:ident, $letter:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub u32);

        impl $name {
            /// What a person typed, as the `index`-th interned text.
            pub fn typed(index: u32) -> Self {
                $name(index | TYPED)
            }

            /// The place among the interned texts, if a person typed it.
            pub fn typed_index(self) -> Option<usize> {
                (self.0 & TYPED != 0).then_some((self.0 & !TYPED) as usize)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self.typed_index() {
                    Some(index) => write!(f, concat!($letter, "#{}"), index),
                    None => write!(f, concat!($letter, "{}"), self.0),
                }
            }
        }
    };
}

interned! {
    /// A key of the store: `k17` of the workload, or one a person typed (see [`super::names::Names`]).
    Key, "k"
}
interned! {
    /// A value of the store. Workload values are unique: `v1042` was written by operation 1042.
    Value, "v"
}

/// A version's place in its key's version order. Primary-replica: term and log index; last-write-wins: the
/// timestamp with its tie-break. Compare only within one key and one run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);
