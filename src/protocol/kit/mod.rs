//! Shared pure parts of the protocols: data structures and arithmetic that know neither the protocols nor their
//! messages.

pub mod log;
pub mod merkle;
pub mod overlay;
pub mod phi;
pub mod quorum;
pub mod ring;
pub mod sites;
pub mod swim;
pub mod versions;
