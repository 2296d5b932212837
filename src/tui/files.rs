//! Files that the watcher wants written: one that is there already is overwritten only with leave.

use super::model::{Focus, Model, Prompt, PromptKind};
use super::update::{Effect, ask};
use crate::driver::Request;

/// Sends a request to write a file; asks for leave before one is overwritten.
pub(super) fn write_file(model: &mut Model, request: Request) -> Vec<Effect> {
    let is_there = match &request {
        Request::Record { path, .. } | Request::Save { path, .. } => (model.exists)(path),
        _ => false,
    };
    if !is_there {
        return ask(request);
    }
    model.waiting = Some(request);
    model.focus = Focus::Prompt(Prompt::new(PromptKind::Overwrite, String::new()));
    Vec::new()
}

/// The answer to that question.
pub(super) fn overwrite(model: &mut Model, answer: &str) -> Vec<Effect> {
    match (model.waiting.take(), answer) {
        (Some(Request::Record { path, .. }), "y" | "yes") => ask(Request::Record { path, force: true }),
        (Some(Request::Save { path, .. }), "y" | "yes") => ask(Request::Save { path, force: true }),
        _ => {
            model.notice = Some("nothing was written".to_owned());
            Vec::new()
        }
    }
}
