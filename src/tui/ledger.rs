//! The ledger under the keys: choosing a write, opening and closing its story.

use super::model::Model;
use super::update::Effect;
use crate::driver::Request;
use crate::screen::View;
use crate::screen::ledger::{place_of, shown};

/// The story of the chosen write; only the ledger has one.
pub(super) fn open_story(model: &mut Model) -> Vec<Effect> {
    if model.view != View::Ledger {
        return Vec::new();
    }
    let run = &model.frame.runs[model.run];
    let rows = shown(&run.ledger, &model.filter, &run.view.names);
    let Some(op) = rows.get(place_of(&rows, model.chosen_write)).map(|row| row.op) else {
        return Vec::new();
    };
    (model.chosen_write, model.shows_story, model.scroll) = (Some(op), true, 0);
    tell_here(model)
}

/// The open story, as the shown run lived it: an operation has the same number in every run.
pub(super) fn tell_here(model: &Model) -> Vec<Effect> {
    let told = model.chosen_write.filter(|_| model.shows_story);
    told.map(|op| Effect::Ask(Request::Tell(Some((model.run, op))))).into_iter().collect()
}

/// Back to the list.
pub(super) fn close_story(model: &mut Model) -> Vec<Effect> {
    (model.shows_story, model.scroll) = (false, 0);
    vec![Effect::Ask(Request::Tell(None))]
}

/// Chooses another write.
pub(super) fn choose(model: &mut Model, by: isize) {
    let run = &model.frame.runs[model.run];
    let rows = shown(&run.ledger, &model.filter, &run.view.names);
    let next = place_of(&rows, model.chosen_write).saturating_add_signed(by);
    model.chosen_write = rows.get(next.min(rows.len().saturating_sub(1))).map(|row| row.op);
}

/// How far the open story can be scrolled.
pub(super) fn story_rows(model: &Model) -> usize {
    model.frame.story.as_ref().map_or(0, |(_, story)| story.lines.len())
}
