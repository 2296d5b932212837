//! The living terminal: keys become actions, actions change the model or become requests to the driver, frames are
//! drawn when something visible changed. The watching lives here; the world does not.
//!
//! Start with [`keymap`] (the only table of keys), then [`update`] (what they do), [`again`] (the command line of a moment), [`mod@play`] (the loop),
//! [`signals`] (what ends it from outside), [`cinema`] (films from files) and [`guard`] (the terminal, and how it comes back). Must not know: clusters, protocols, hosts.

pub mod again;
mod choices;
pub mod cinema;
pub mod controls;
mod deeds;
mod files;
pub mod guard;
pub mod keymap;
mod ledger;
pub mod menus;
pub mod model;
pub mod palette;
pub mod play;
pub mod signals;
pub mod update;

pub use play::{End, Options, play};

#[cfg(test)]
mod tests;
