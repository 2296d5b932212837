//! The views of the judges.

use super::{dump, picture, troubled};
use crate::screen::sample::told;
use crate::screen::{View, Watch};

/// The views of the judges, on the run that lost writes.
#[test]
fn what_the_judges_say_at_any_size() {
    let (watch, mut frame) = troubled(1);
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        for (name, view) in
            [("ledger", View::Ledger), ("checks", View::Checks), ("differences", View::Differences)]
        {
            let watch = Watch { view, ..watch.clone() };
            let name = format!("{name}_{width}x{height}");
            insta::assert_snapshot!(name, dump(&picture(&watch, &frame, width, height)));
        }
    }
    let (op, story) = told("same-cut-four-answers", 9_000, 1);
    frame.story = Some((1, story.into()));
    for (width, height) in [(80, 24), (120, 40), (200, 50)] {
        let watch = Watch { view: View::Ledger, shows_story: true, chosen_write: Some(op), ..watch.clone() };
        insta::assert_snapshot!(
            format!("story_{width}x{height}"),
            dump(&picture(&watch, &frame, width, height))
        );
    }
}
