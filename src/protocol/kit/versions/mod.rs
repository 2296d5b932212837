//! What happened before what, without clocks: version vectors and what is built of them. A value here knows which
//! others its writer had seen, so that concurrent writes are told from later ones.
//!
//! | file | story |
//! |---|---|
//! | `dotted` | siblings that each know their own event (dotted version vector sets) |
//! | `lumped` | siblings under one common vector: the sibling explosion |
//! | `tagged` | siblings with a vector each, by client, and the pruning of those |
//! | `revisions` | trees of revisions with a winner that everyone picks alike |
//! | `counter`, `set` | state-based CRDTs |
//!
//! Every merge here is commutative, associative and idempotent; property tests hold it. Two are not associative, as
//! they are not in the systems that had them: lumps, and vectors that are pruned.

mod counter;
mod dotted;
mod lumped;
mod revisions;
mod set;
mod tagged;

pub use counter::Counter;
pub use dotted::Dotted;
pub use lumped::Lumped;
pub use revisions::{Revision, Revisions};
pub use set::ObservedSet;
pub use tagged::{Pruning, Tagged};
