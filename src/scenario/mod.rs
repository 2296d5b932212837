//! Scenarios: one TOML format for presets, recordings and bug reports; the command grammar; the embedded presets.
//!
//! Must not know: how anything is played, drawn or measured.

pub mod model;
