//! Shared pure parts of the protocols: data structures and arithmetic that know neither the protocols nor their
//! messages.

pub mod ring;
pub mod swim;
