//! Tests of the house as a whole: its layers, its presets on every host, the real binary in a pseudo-terminal.

mod anomalies;
mod compare;
mod files;
mod films;
mod gossip;
mod histories;
mod judges;
mod keys;
mod mechanisms;
mod metrics;
mod objects;
mod pages;
mod peers;
mod processes;
mod recordings;
mod ring;
mod scaling;
mod schedules;
mod sites;
mod stage;
mod terminal;
mod tidy;
mod time;
mod why;
mod worlds;
