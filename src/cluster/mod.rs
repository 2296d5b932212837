//! The world a run lives in: agenda, network, machines, disks, clocks, faults, clients, and the judges' ledger.
//!
//! Start with [`live`] (the face of a cluster), [`world`] (the loop of turns), then [`host`] (where nodes live), then [`orders`]
//! (what commands do; `operators` has those about members, disks and knobs).
//! [`view`] is all that screens may see of it; `why` tells what caused what, from [`causes`].
//!
//! Must not know: files, terminals, the real clock, what any protocol means by its messages.
//!
//! Named invariants:
//! - *Books balance*: sent + duplicated = delivered + dropped + in flight, at every instant.
//! - *Hosts agree*: the same setup and commands give the same digest on every host.
//! - *Draws stay put*: a draw for one purpose never shifts the draws for another.

pub mod agenda;
pub mod catch_up;
pub mod causes;
pub mod clients;
pub mod disk;
pub mod effects;
pub mod facts;
pub mod fates;
pub mod faults;
pub mod footprints;
mod foretell;
mod ghosts;
mod hearing;
pub mod host;
pub mod journal;
pub mod ledger;
pub mod live;
mod logs;
pub mod machine;
pub mod measure;
pub mod network;
mod operators;
pub mod orders;
pub mod outages;
pub mod pasts;
mod pictures;
pub mod promises;
mod requests;
mod resolve;
pub mod rules;
pub mod sessions;
pub mod spec;
mod spread;
pub mod staleness;
mod story;
pub mod suspicions;
pub mod tally;
pub mod trace;
pub mod view;
mod why;
pub mod workload;
pub mod world;
pub mod writable;

#[cfg(test)]
mod tests;
