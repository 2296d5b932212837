//! What happened before what, without clocks: version vectors and what is built of them. A value here knows which
//! others its writer had seen, so that concurrent writes are told from later ones.
//!
//! | file | story |
//! |---|---|
//! | `vector` | counters per actor, and their order |
//! | `dotted` | siblings that each know their own event (dotted version vector sets) |
//! | `lumped` | siblings under one common vector: the sibling explosion |
//! | `tagged` | siblings with a vector each, by client, and the pruning of those |
//! | `counter`, `set` | state-based CRDTs |
//!
//! Every merge here is commutative, associative and idempotent; property tests hold it, but for pruned vectors, which
//! are what they are.

mod counter;
mod dotted;
mod lumped;
mod set;
mod tagged;
mod vector;

pub use counter::Counter;
pub use dotted::Dotted;
pub use lumped::Lumped;
pub use set::ObservedSet;
pub use tagged::{Pruning, Tagged};
pub use vector::{Actor, Order, Vector};
