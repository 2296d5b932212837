//! Shared pure parts of the protocols.

pub mod ring;
pub mod swim;
