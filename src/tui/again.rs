//! The command line that leads to this moment: the scenario and what was changed of it, every command by hand, the
//! instant. Whoever has it has the moment, on any machine.

use super::model::{Focus, Model};
use super::update::Effect;
use crate::base::text::{quoted, safe};
use crate::base::time::Span;
use crate::driver::frame::{Frame, LaneInfo};
use crate::screen::View;

/// Where a playground came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// The scenario as it was named; `None` for the built-in playground.
    pub scenario: Option<String>,
    /// What was changed of it, as words of a command line: `--seed`, `7`, `--set`, …
    pub changes: Vec<String>,
    /// How long it was to play, where that was changed.
    pub lasting: Option<String>,
    /// Whether it is a recording that came to its end: it plays no longer than that.
    pub is_finished: bool,
}

/// The command line, quoted for a shell.
///
/// # Errors
/// If no command line leads here: why not, and what does.
pub fn command_line(origin: &Origin, frame: &Frame, run: usize, view: View) -> Result<String, String> {
    let mut words = vec!["splitbrain".to_owned()];
    let mut steps = if run < frame.own_runs { frame.steps } else { 0 };
    let shown = &frame.runs[run.min(frame.runs.len() - 1)].id;
    let (id, lane) = shown.split_once('~').unwrap_or((shown, "1"));
    match &frame.recording {
        Some(file) if run < frame.own_runs => words.push(file.to_string()),
        _ => {
            let lane = frame.lanes.iter().find(|info| info.number.to_string() == lane);
            words.extend(origin.scenario.clone());
            words.extend(origin.changes.iter().cloned());
            steps += given(origin, frame, lane, &mut words)?;
        }
    }
    let is_beyond = Span(frame.at.0) > frame.head.duration;
    let lasting = match &frame.recording {
        _ if is_beyond => Some(Span::seconds(frame.at.0.div_ceil(1_000_000)).to_string()),
        Some(_) => None,
        None => origin.lasting.clone(),
    };
    if is_beyond && origin.is_finished && frame.recording.is_none() {
        return Err("a recording plays to its end alone; `save FILE` keeps what you did beyond it".to_owned());
    }
    words.extend(lasting.into_iter().flat_map(|span| ["--for".to_owned(), span]));
    if frame.own_runs > 1 {
        words.extend(["--run".to_owned(), id.to_owned()]);
    }
    if view != View::Cluster {
        words.extend(["--view".to_owned(), view.word().to_owned()]);
    }
    let within = if steps > 0 { format!("+{steps}") } else { String::new() };
    words.extend(["--seek".to_owned(), format!("{}{within}", Span(frame.at.0))]);
    Ok(safe(&words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")).into_owned())
}

/// Adds the commands that were given by hand on a lane. Gives how many steps more they take than when they were given:
/// several at one instant were one then.
fn given(
    origin: &Origin,
    frame: &Frame,
    lane: Option<&LaneInfo>,
    words: &mut Vec<String>,
) -> Result<u32, String> {
    if origin.scenario.as_deref() == Some("-") {
        return Err("the scenario came from standard input; `save FILE`, and FILE leads here".to_owned());
    }
    let Some(lane) = lane else { return Err("this future is no longer kept".to_owned()) };
    if lane.lacks_some {
        return Err("a command of the file was undone; `save FILE`, and FILE leads here".to_owned());
    }
    let mut more = 0;
    let mut before = None;
    for deed in lane.by_hand.iter().filter(|deed| !deed.is_brought) {
        words.extend(["--do".to_owned(), format!("{} {}", Span(deed.at.0), deed.words)]);
        more += u32::from(before == Some(deed.number) && deed.at == frame.at && frame.steps > 0);
        before = Some(deed.number);
    }
    Ok(more)
}

/// Copies it, and shows it in full to whoever copies by hand.
pub(super) fn copy(model: &mut Model) -> Vec<Effect> {
    match command_line(&model.origin, &model.frame, model.run, model.view) {
        Ok(line) => {
            model.focus = Focus::Slip(line.clone());
            vec![Effect::Copy(line)]
        }
        Err(problem) => {
            model.notice = Some(problem);
            Vec::new()
        }
    }
}
