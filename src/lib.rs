//! splitbrain: a terminal playground for replication.

pub mod base;
pub mod check;
pub mod cluster;
pub mod driver;
pub mod protocol;
pub mod scenario;
