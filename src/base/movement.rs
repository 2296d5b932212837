//! Movements on a ring of nodes, as operators order them and nodes speak of them.

use super::ids::NodeId;

/// How a node moves on the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// It comes, with tokens of its own.
    Join,
    /// It comes, with the tokens of a dead node.
    Replace(NodeId),
    /// It goes.
    Leave,
    /// A member has it that a node which died while it was joining is off the ring.
    GiveUp(NodeId),
}

/// What is against a movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objection {
    /// Another node moves.
    Moves(NodeId),
    /// Another node moves, and is held for dead.
    DiedMoving {
        /// Which.
        node: NodeId,
        /// Whether it has only begun to join: nobody counts on it yet.
        is_joining: bool,
    },
    /// Another node was told that it may move.
    MayMove(NodeId),
    /// The node to be replaced or given up is not dead.
    IsAlive(NodeId),
    /// Fewer nodes than copies would be left.
    TooFewNodes {
        /// Nodes on the ring.
        nodes: u64,
        /// Copies of each key.
        copies: u64,
    },
    /// A node that is to leave is not on the ring, or one that is to join is.
    WrongPlace,
    /// Too few nodes answer.
    NoMajority {
        /// Nodes that answered.
        heard: u64,
        /// Nodes that have to agree.
        need: u64,
    },
}
