//! Shared pure parts of the protocols.
