//! Controls that are typed: what changes only the watching. They stand beside the grammar's commands on the command
//! line; files hold none of them.

use super::update::Effect;
use crate::base::metric::METRICS;
use crate::base::quantity::{parse_decimal, parse_span};
use crate::base::time::VirtualTime;
use crate::driver::frame::FULL_SPEED;
use crate::driver::{Request, Seek};

/// One row of the controls.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    /// The word it begins with.
    pub word: &'static str,
    /// The whole of it.
    pub syntax: &'static str,
    /// An example.
    pub example: &'static str,
    /// What it does.
    pub meaning: &'static str,
}

const fn control(
    word: &'static str,
    syntax: &'static str,
    example: &'static str,
    meaning: &'static str,
) -> Control {
    Control { word, syntax, example, meaning }
}

/// The controls.
pub const CONTROLS: &[Control] = &[
    control("seek", "seek TIME|+TIME|-TIME|start|live", "seek 12.5s", "go to an instant, back or ahead"),
    control(
        "until",
        "until METRIC > NUMBER | primary changes | mark [TEXT] | line CODE",
        "until lost_acked > 0",
        "run as fast as possible until it is so; [RUN] before it asks one run",
    ),
    control("speed", "speed NUMBER|max", "speed 2", "how fast time goes, times real time"),
    control("undo", "undo", "undo", "live through the same time without the last command"),
    control("redo", "redo", "redo", "take the undone command back in"),
    control("branch", "branch", "branch", "another future from here; the known one stays beside it"),
    control("future", "future NUMBER", "future 1", "act on another future, the present one beside it"),
    control(
        "record",
        "record FILE|stop",
        "record mine.toml",
        "write what happens to a file that plays it again",
    ),
    control("save", "save FILE", "save mine.toml", "write what has happened so far to a file"),
    control(
        "follow",
        "follow on|off",
        "follow on",
        "go on as a recording's watcher did: his pauses, pace, views; or no longer",
    ),
    control("alone", "alone", "alone", "show the present future alone"),
];

/// Reads a control; nothing if the first word is none of theirs.
pub fn parse(text: &str) -> Option<Result<Vec<Effect>, String>> {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    let row = CONTROLS.iter().find(|control| control.word == word)?;
    let request = request(row, rest.trim());
    Some(request.map(|request| vec![Effect::Ask(request)]))
}

fn request(row: &Control, rest: &str) -> Result<Request, String> {
    let usage = || format!("`{}`, for instance `{}`", row.syntax, row.example);
    let nothing = |request| match rest {
        "" => Ok(request),
        more => Err(format!("`{more}` is too much here; {}", usage())),
    };
    match row.word {
        "seek" => seek(rest).map(Request::Seek).ok_or_else(|| format!("`{rest}` is no time; {}", usage())),
        "until" if rest.is_empty() => Err(usage()),
        "until" => Ok(Request::Until(rest.to_owned())),
        "speed" => {
            let speed = speed(rest).ok_or_else(|| format!("`{rest}` is no speed; {}", usage()))?;
            Ok(Request::SetSpeed(speed))
        }
        "record" | "save" if rest.is_empty() => Err(usage()),
        "record" if rest == "stop" => Ok(Request::StopRecording),
        "record" => Ok(Request::Record { path: rest.to_owned(), force: false }),
        "save" => Ok(Request::Save { path: rest.to_owned(), force: false }),
        "follow" => match rest {
            "" | "on" => Ok(Request::Follow(true)),
            "off" => Ok(Request::Follow(false)),
            other => Err(format!("`{other}` is neither on nor off; {}", usage())),
        },
        "undo" => nothing(Request::Undo),
        "redo" => nothing(Request::Redo),
        "branch" => nothing(Request::Branch),
        "alone" => nothing(Request::Alone),
        _ => {
            let number = rest.trim_start_matches('~').parse();
            number.map(Request::Switch).map_err(|_| format!("`{rest}` is no future; {}", usage()))
        }
    }
}

fn seek(text: &str) -> Option<Seek> {
    let by = |text: &str| parse_span(text).and_then(|span| i64::try_from(span.0).ok());
    match (text, text.strip_prefix('+'), text.strip_prefix('-')) {
        ("start" | "home", ..) => Some(Seek::Start),
        ("live" | "end", ..) => Some(Seek::Live),
        (_, Some(ahead), _) => by(ahead).map(Seek::By),
        (_, _, Some(back)) => by(back).map(|us| Seek::By(-us)),
        _ => instant(text).map(Seek::To),
    }
}

/// An instant: `12.5s`, or as the clock shows it, `01:12.5`.
fn instant(text: &str) -> Option<VirtualTime> {
    let Some((minutes, seconds)) = text.split_once(':') else {
        return parse_span(text).map(|span| VirtualTime(span.0));
    };
    let (minutes, seconds) = (minutes.parse::<u64>().ok()?, parse_decimal(seconds, 1_000_000)?);
    (minutes <= 24 * 60 && seconds < 60_000_000).then(|| VirtualTime(minutes * 60_000_000 + seconds))
}

fn speed(text: &str) -> Option<u32> {
    if text == "max" {
        return Some(FULL_SPEED);
    }
    let milli = parse_decimal(text.trim_end_matches('x'), 1_000)?;
    u32::try_from(milli).ok().filter(|milli| (1..=1_000_000).contains(milli))
}

/// Ways to go on from what is typed.
pub(super) fn complete(typed: &str) -> Vec<(String, String)> {
    let Some(condition) = typed.strip_prefix("until ") else {
        let begins = |control: &&Control| !typed.is_empty() && control.word.starts_with(typed);
        let row =
            |control: &Control| (control.word.to_owned(), format!("{}: {}", control.syntax, control.meaning));
        return CONTROLS.iter().filter(begins).map(row).collect();
    };
    let word = condition.rsplit(' ').next().unwrap_or_default();
    let before = &typed[..typed.len() - word.len()];
    let metrics = METRICS.iter().map(|row| (row.name, row.meaning));
    let others =
        [("primary changes", "a node becomes primary"), ("mark", "the next marker"), ("line", "a log line")];
    let all = others.into_iter().chain(metrics);
    all.filter(|(name, _)| name.starts_with(word) && *name != word)
        .map(|(name, meaning)| (format!("{before}{name}"), meaning.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Option<Result<Request, String>> {
        parse(text).map(|asked| {
            asked.map(|effects| match effects.into_iter().next() {
                Some(Effect::Ask(request)) => request,
                other => panic!("{other:?}"),
            })
        })
    }

    #[test]
    fn every_control_reads_its_example() {
        for row in CONTROLS {
            assert!(matches!(asked(row.example), Some(Ok(_))), "{}", row.example);
        }
    }

    #[test]
    fn instants_are_spans_or_what_the_clock_shows() {
        assert_eq!(asked("seek 01:12.5"), Some(Ok(Request::Seek(Seek::To(VirtualTime(72_500_000))))));
        assert_eq!(asked("seek 12.5s"), Some(Ok(Request::Seek(Seek::To(VirtualTime(12_500_000))))));
        assert_eq!(asked("seek -5s"), Some(Ok(Request::Seek(Seek::By(-5_000_000)))));
        for wrong in ["seek", "seek soon", "seek 1:75", "seek 5", "speed fast", "future x", "undo twice"] {
            assert!(matches!(asked(wrong), Some(Err(_))), "{wrong}");
        }
    }

    #[test]
    fn commands_are_no_controls() {
        assert_eq!(asked("crash n1"), None);
    }
}
