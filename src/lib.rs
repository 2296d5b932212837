//! splitbrain: a terminal playground for replication. A whole replicated store lives inside one process: several
//! nodes on channels, one virtual clock, faults under your fingers, and three topologies, **primary-replica**,
//! **peer-to-peer** and **multi-leader** between sites, living through the same seed, operations and faults.
//!
//! # The map of the house
//!
//! Read the rooms in this order. Imports point from later rooms to earlier ones, never back; a test holds it.
//!
//! | room | what lives there |
//! |---|---|
//! | [`base`] | the vocabulary: ids, virtual time, chance, operations, commands, and the tables of verbs, knobs, metrics |
//! | [`protocol`] | pure replication logic: a node is a value that takes an input and gives effects |
//! | [`cluster`] | the world: agenda, links, machines, disks, clocks, faults, clients, the ledger; hosts for nodes |
//! | [`check`] | verdicts over what a run did; client histories from anywhere, and whether they are linearizable |
//! | [`exchange`] | histories and traces from and for other tools: EDN, Jepsen's logs, JSON lines, porcupine, ShiViz |
//! | [`scenario`] | the file format, read and written; the command grammar, the presets |
//! | [`driver`] | a scenario's runs over time: timeline, pace, past and other futures, recordings, judgement |
//! | [`screen`] | pure drawing: a frame and a model give a buffer |
//! | [`record`] | films and stills of scenarios, and films from elsewhere taken apart: bytes out, the same everywhere |
//! | [`headless`] | the face without a terminal: reports, the table of trade-offs, exit codes |
//! | [`tui`] | the living terminal: keys, update, the loop |
//! | [`cli`], [`face`] | the command line's types; from arguments to a face |
//!
//! # One write, from key to screen
//!
//! A key becomes a command in the grammar's words ([`tui`]), the driver parses it and hands it to every run it aims
//! at ([`driver::player`]), the world opens an operation and carries the request to a node
//! ([`cluster::world`]), the node's `step` gives effects ([`protocol`]), the world gives each message its fate and
//! each append its place on a disk, and the picture of all that is published as a frame ([`driver::frame`]) for
//! [`screen`] to draw.
//!
//! # Named invariants
//!
//! - **Same in, same out.** Equal scenario, seed and commands give an equal trace digest, on every host, in every
//!   place. Nothing below [`driver`] reads a clock, a file or a hash order.
//! - **Nothing is scripted.** Screens read views; views read protocol states. No panel invents a message.
//! - **Books balance.** Messages sent + duplicated = delivered + dropped + in flight, after every event.
//! - **Draws stay put.** Chance is split by purpose; one draw more for a link shifts no other draw.
//! - **A log keeps its rules.** One primary a term, nothing committed lost or changed: watched after every step
//!   ([`base::rule`]), never broken under safe knobs, named where unsafe ones break it.
//! - **Two judges agree.** What clients can tell to be lost or out of order, the white box finds too ([`check`]).
//! - **Watching changes nothing.** Pace, panels and pictures cannot reach the world.

pub mod base;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod driver;
pub mod exchange;
pub mod face;
pub mod headless;
pub mod protocol;
pub mod record;
pub mod scenario;
pub mod screen;
pub mod tui;
