//! The command line's helpers: completions, and which commands the keys stand for.

use super::controls;
use super::model::{Model, Prompt};

/// The most completions shown.
const SHOWN: usize = 8;

/// Ways to go on from what is typed.
pub fn completions(model: &Model, prompt: &Prompt) -> Vec<(String, String)> {
    let mut found = (model.complete)(prompt.input.value());
    found.splice(0..0, controls::complete(prompt.input.value()));
    found.truncate(SHOWN);
    found
}
