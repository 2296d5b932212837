//! Shared pure parts of the protocols: data structures and arithmetic that know no messages and no effects.

pub mod log;
pub mod quorum;
