//! The vocabulary every room speaks: names of things, time, chance, what keys hold, operations, commands and the tables
//! (verbs, knobs, metrics) that screens, files and the command line read.
//!
//! Must not know: any protocol, the cluster, files, terminals, the real clock.
//!
//! Start with [`ids`] and [`time`], then [`operation`] and [`command`].

pub mod bits;
pub mod chunks;
pub mod command;
pub mod data;
pub mod delay;
pub mod difference;
pub mod fate;
pub mod fixed;
pub mod footprint;
pub mod ids;
pub mod knob;
pub mod line;
pub mod metric;
pub mod movement;
pub mod names;
pub mod operation;
pub mod panic;
pub mod quantity;
pub mod random;
pub mod rule;
pub mod spell;
pub mod spread;
pub mod text;
pub mod time;
pub mod vector;
pub mod why;

pub use ids::{ClientId, Key, MessageId, NodeId, OpId, Value, Version};
pub use time::{Span, VirtualTime};
