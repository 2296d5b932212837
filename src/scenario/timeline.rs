//! What happens when, what is asked, what is expected: `[[timeline]]`, `[[predict]]`, `[[expect]]`.

use super::grammar::{Vocabulary, parse};
use super::model::{AnswerRule, Bound, Cue, Entry, Expectation, Prediction, Scoped, Subject, canonical};
use super::tree::{Found, Section, Walk, number, range};
use crate::base::line::CODES;
use crate::base::metric::{BUCKET, METRICS, Metric};
use crate::base::text::nearest;
use crate::base::time::{Span, VirtualTime};
use crate::check::{CHECKERS, Verdict, checker};
use std::collections::BTreeSet;
use std::ops::Range;
use toml::de::DeValue;

/// The most entries of a timeline.
const ENTRIES_MAX: usize = 10_000;
/// The most entries of a recording.
const RECORDED_MAX: usize = 1_000_000;
/// The longest that anything plays.
const LONGEST: Span = Span::seconds(24 * 3600);

/// What a timeline tells: what happens, and what a watcher did.
pub(super) struct Told {
    pub(super) entries: Vec<Entry>,
    pub(super) cues: Vec<Cue>,
}

/// Reads the timeline. Times of a hand-written file must not go backwards; `--do` may say any time, and so may what was
/// recorded: its watcher went back and forth. Its cues `undo N` and `redo N` take the command by hand of that number
/// out and in again.
pub(super) fn entries(
    walk: &mut Walk,
    top: Section<'_>,
    vocabulary: &Vocabulary,
    duration: Span,
    is_recording: bool,
) -> Told {
    let sections = walk.sections(top, "timeline", "[[timeline]]");
    let most = if is_recording { RECORDED_MAX } else { ENTRIES_MAX };
    if let Some(surplus) = sections.get(most) {
        let message = format!("{} entries", sections.len());
        walk.problem(range(surplus.header), message, format!("a timeline has at most {most}"));
        return Told { entries: Vec::new(), cues: Vec::new() };
    }
    let (mut cues, mut undone) = (Vec::new(), BTreeSet::new());
    let mut entries: Vec<Entry> = Vec::new();
    let mut latest = VirtualTime::ZERO;
    for section in sections {
        let is_override = is_recording || walk.value(section, super::overrides::BY_HAND).is_some();
        let longest = if is_recording { LONGEST } else { duration };
        let Some((entry, at)) = entry(walk, section, vocabulary, longest) else { continue };
        if let Some(cue) = walk.text(section, "cue") {
            note_undone(&cue.value, &mut undone);
            cues.push(Cue { at: entry.at, text: cue.value });
        }
        if entry.commands.is_empty() && entry.say.is_none() {
            continue;
        }
        if entry.at < latest && !is_override {
            let message = format!("time goes backwards: {} after {}", Span(entry.at.0), Span(latest.0));
            walk.problem(at, message, "entries stand in the order of time");
        }
        if !is_override {
            latest = latest.max(entry.at);
        }
        entries.push(entry);
    }
    entries.retain(|entry| entry.by_hand.is_none_or(|number| !undone.contains(&number)));
    entries.sort_by_key(|entry| entry.at);
    Told { entries, cues }
}

/// What a cue says of commands by hand: `undo 3,4`, `redo 4`.
fn note_undone(cue: &str, undone: &mut BTreeSet<u32>) {
    let Some((word @ ("undo" | "redo"), numbers)) = cue.split_once(' ') else { return };
    for number in numbers.split(',').filter_map(|number| number.trim().parse().ok()) {
        match word {
            "undo" => undone.insert(number),
            _ => undone.remove(&number),
        };
    }
}

/// How many machines the timeline makes nodes of the cluster.
pub(super) fn nodes_added(top: Section<'_>) -> usize {
    let texts = |value: &DeValue<'_>| match value {
        DeValue::Array(many) => {
            many.iter().filter_map(|one| one.get_ref().as_str().map(str::to_owned)).collect()
        }
        one => one.as_str().map(str::to_owned).into_iter().collect::<Vec<_>>(),
    };
    let entries = top.table.get("timeline").and_then(|value| value.get_ref().as_array());
    let tables = entries.into_iter().flatten().filter_map(|entry| entry.get_ref().as_table());
    let commands = tables.filter_map(|table| table.get("do")).flat_map(|value| texts(value.get_ref()));
    let word = |command: &String| {
        let unscoped = command.rsplit(']').next().unwrap_or_default().trim();
        unscoped.split_whitespace().next().map(str::to_owned)
    };
    commands
        .filter_map(|command| word(&command))
        .filter(|word| ["add-node", "replace"].contains(&word.as_str()))
        .count()
}

fn entry(
    walk: &mut Walk,
    section: Section<'_>,
    vocabulary: &Vocabulary,
    duration: Span,
) -> Option<(Entry, Range<usize>)> {
    walk.check_keys(
        section,
        &["at", "do", "until", "run", "say", "cue", "by_hand", super::overrides::BY_HAND],
    );
    let Some(at) = walk.span(section, "at") else {
        if walk.value(section, "at").is_none() {
            walk.missing(section, "at", "\"5s\"");
        }
        return None;
    };
    if at.value > duration {
        let message = format!("{} is after the scenario's end at {duration}", at.value);
        walk.problem(at.span.clone(), message, "raise `duration` or take an earlier time");
    }
    let scope = runs_of(walk, section, vocabulary);
    let commands = commands(walk, section, vocabulary, &scope);
    let say = walk.text(section, "say").map(|text| text.value);
    let by_hand = walk.integer(section, "by_hand", 1, i64::from(u32::MAX)).map(|number| number.value as u32);
    let until = until(walk, section, at.value, &commands);
    let says_nothing = ["do", "say", "cue"].iter().all(|key| walk.value(section, key).is_none());
    if says_nothing {
        walk.problem(range(section.header), "an entry that does and says nothing", "give it `do` or `say`");
    }
    Some((Entry { at: VirtualTime(at.value.0), commands, until, say, by_hand }, at.span))
}

fn runs_of(walk: &mut Walk, section: Section<'_>, vocabulary: &Vocabulary) -> Vec<usize> {
    let mut runs = Vec::new();
    for wanted in walk.texts(section, "run").map_or_else(Vec::new, |list| list.value) {
        runs.extend(run_called(walk, &wanted, vocabulary));
    }
    runs
}

fn run_called(walk: &mut Walk, wanted: &Found<String>, vocabulary: &Vocabulary) -> Option<usize> {
    let run = vocabulary.runs.iter().position(|run| *run == wanted.value);
    if run.is_none() {
        let message = format!("unknown run `{}`", wanted.value);
        walk.problem(wanted.span.clone(), message, format!("the runs are {}", vocabulary.runs.join(", ")));
    }
    run
}

fn commands(walk: &mut Walk, section: Section<'_>, vocabulary: &Vocabulary, scope: &[usize]) -> Vec<Scoped> {
    let mut commands = Vec::new();
    for text in walk.texts(section, "do").map_or_else(Vec::new, |list| list.value) {
        match parse(&text.value, vocabulary) {
            Ok(mut scoped) => {
                if scoped.runs.is_empty() {
                    scoped.runs = scope.to_vec();
                }
                commands.push(scoped);
            }
            Err(error) => {
                // The text begins after its quote; escapes in it would shift the place, never leave the text.
                let start = (text.span.start + 1 + error.span.start).min(text.span.end);
                let end = (text.span.start + 1 + error.span.end).clamp(start, text.span.end);
                walk.problem(start..end, error.message, error.help.unwrap_or_default());
            }
        }
    }
    commands
}

fn until(walk: &mut Walk, section: Section<'_>, at: Span, commands: &[Scoped]) -> Option<VirtualTime> {
    let until = walk.span(section, "until")?;
    if until.value <= at {
        walk.problem(until.span, format!("`until` {} is not after {at}", until.value), "a later time");
        return None;
    }
    if !commands.is_empty() && !commands.iter().any(|scoped| scoped.command.verb().is_fault) {
        walk.problem(until.span, "`until` heals, and there is no fault here", "only faults can be healed");
        return None;
    }
    Some(VirtualTime(until.value.0))
}

fn window(walk: &mut Walk, section: Section<'_>, duration: Span) -> Option<(VirtualTime, VirtualTime)> {
    let found = walk.texts(section, "during")?;
    let mut ends = Vec::new();
    for text in &found.value {
        match crate::base::quantity::parse_span(&text.value) {
            Some(span) => ends.push(span),
            None => {
                walk.problem(text.span.clone(), format!("`{}` is no duration", text.value), "like \"5s\"")
            }
        }
    }
    match ends.as_slice() {
        [from, to] if [from, to].into_iter().any(|end| end.0 % BUCKET.0 != 0) => {
            let help = "what is counted in a window is counted in tenths of a second";
            walk.problem(found.span, "`during` ends between two tenths of a second", help);
            None
        }
        [from, to] if from < to && *to <= duration => Some((VirtualTime(from.0), VirtualTime(to.0))),
        _ => {
            let help =
                format!("two times of the scenario in order, like [\"5s\", \"20s\"], at most {duration}");
            walk.problem(found.span, "`during` is no window", help);
            None
        }
    }
}

fn metric(walk: &mut Walk, found: &Found<String>) -> Option<Metric> {
    let metric = Metric::from_name(&found.value);
    if metric.is_none() {
        let help = match nearest(&found.value, METRICS.iter().map(|row| row.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`splitbrain metrics` lists them".to_owned(),
        };
        walk.problem(found.span.clone(), format!("unknown metric `{}`", found.value), help);
    }
    metric
}

/// Reads the predictions.
pub(super) fn predictions(
    walk: &mut Walk,
    top: Section<'_>,
    vocabulary: &Vocabulary,
    duration: Span,
) -> Vec<Prediction> {
    let sections = walk.sections(top, "predict", "[[predict]]");
    sections.into_iter().filter_map(|section| prediction(walk, section, vocabulary, duration)).collect()
}

fn prediction(
    walk: &mut Walk,
    section: Section<'_>,
    vocabulary: &Vocabulary,
    duration: Span,
) -> Option<Prediction> {
    walk.check_keys(section, &["at", "ask", "options", "answer", "why"]);
    for (key, example) in [("at", "\"4s\""), ("ask", "\"…?\""), ("options", "[\"…\"]"), ("answer", "{ … }")]
    {
        if walk.value(section, key).is_none() {
            walk.missing(section, key, example);
        }
    }
    let at = walk.span(section, "at")?;
    let ask = walk.text(section, "ask")?.value;
    let options =
        walk.texts(section, "options")?.value.into_iter().map(|option| option.value).collect::<Vec<_>>();
    let why = walk.text(section, "why").map_or_else(String::new, |why| why.value);
    let answer = walk.section(section, "answer", "answer")?;
    walk.check_keys(answer, &["metric", "during", "highest", "tie"]);
    let name = walk.text(answer, "metric")?;
    let metric = metric(walk, &name)?;
    let during = window(walk, answer, duration);
    let highest_texts = walk.texts(answer, "highest")?;
    let highest: Vec<usize> =
        highest_texts.value.iter().filter_map(|wanted| run_called(walk, wanted, vocabulary)).collect();
    let tie = walk.number(answer, "tie").map(|tie| tie.value);
    let wanted = highest.len() + usize::from(tie.is_some());
    if options.len() != wanted {
        let message = format!("{} options for {wanted} possible answers", options.len());
        walk.problem(
            highest_texts.span,
            message,
            "one option for each run of `highest`, and a last one for a tie",
        );
    }
    Some(Prediction {
        at: VirtualTime(at.value.0),
        ask,
        options,
        answer: AnswerRule { metric, during, highest, tie },
        why,
    })
}

const EXPECT: &[&str] = &[
    "run",
    "metric",
    "checker",
    "verdict",
    "lines",
    "key",
    "holds",
    "during",
    "between",
    "equals",
    "at_least",
    "at_most",
    "percent_of",
    "compared_to",
    "why",
];

/// Reads the expectations.
pub(super) fn expectations(
    walk: &mut Walk,
    top: Section<'_>,
    vocabulary: &Vocabulary,
    duration: Span,
) -> Vec<Expectation> {
    let sections = walk.sections(top, "expect", "[[expect]]");
    sections.into_iter().filter_map(|section| expectation(walk, section, vocabulary, duration)).collect()
}

fn expectation(
    walk: &mut Walk,
    section: Section<'_>,
    vocabulary: &Vocabulary,
    duration: Span,
) -> Option<Expectation> {
    walk.check_keys(section, EXPECT);
    let runs = runs_of(walk, section, vocabulary);
    let during = window(walk, section, duration);
    let why = walk.text(section, "why").map_or_else(String::new, |why| why.value);
    let subject = subject(walk, section, vocabulary)?;
    Some(Expectation { runs, subject, during, why })
}

fn subject(walk: &mut Walk, section: Section<'_>, vocabulary: &Vocabulary) -> Option<Subject> {
    let given: Vec<&str> = ["metric", "checker", "lines", "key"]
        .into_iter()
        .filter(|key| walk.value(section, key).is_some())
        .collect();
    match given.as_slice() {
        ["metric"] => metric_subject(walk, section, vocabulary),
        ["lines"] => {
            let code = walk.text(section, "lines")?;
            if !CODES.contains(&code.value.as_str()) {
                let help = match nearest(&code.value, CODES.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("codes are {}", CODES.join(", ")),
                };
                walk.problem(code.span, format!("no line has the code `{}`", code.value), help);
            }
            Some(Subject::Lines { code: code.value, wanted: bound(walk, section)? })
        }
        ["checker"] => checker_subject(walk, section),
        ["key"] => {
            let key = walk.text(section, "key")?.value;
            let Some(value) = walk.value(section, "holds") else {
                walk.missing(section, "holds", "\"{milk,eggs}\"");
                return None;
            };
            let mut wanted = match value.get_ref().as_str() {
                Some(text) => vec![canonical(text)],
                None => {
                    walk.texts(section, "holds")?.value.iter().map(|text| canonical(&text.value)).collect()
                }
            };
            wanted.sort();
            Some(Subject::Holds { key, wanted })
        }
        _ => {
            let help = "exactly one of `metric`, `checker`, `lines`, `key`";
            walk.problem(range(section.header), "an expectation speaks of one thing", help);
            None
        }
    }
}

fn metric_subject(walk: &mut Walk, section: Section<'_>, vocabulary: &Vocabulary) -> Option<Subject> {
    let name = walk.text(section, "metric")?;
    let subject = metric(walk, &name);
    let wanted = bound(walk, section);
    let percent_of = match walk.text(section, "percent_of") {
        Some(name) => Some(metric(walk, &name)?),
        None => None,
    };
    let compared_to = match walk.text(section, "compared_to") {
        Some(wanted) => Some(run_called(walk, &wanted, vocabulary)?),
        None => None,
    };
    Some(Subject::Metric { metric: subject?, wanted: wanted?, percent_of, compared_to })
}

fn checker_subject(walk: &mut Walk, section: Section<'_>) -> Option<Subject> {
    let name = walk.text(section, "checker")?;
    if checker(&name.value).is_none() {
        let help = match nearest(&name.value, CHECKERS.iter().map(|row| row.name)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`splitbrain metrics` lists the checkers".to_owned(),
        };
        walk.problem(name.span, format!("unknown checker `{}`", name.value), help);
        return None;
    }
    let Some(word) = walk.text(section, "verdict") else {
        walk.missing(section, "verdict", "\"pass\"");
        return None;
    };
    let verdict = Verdict::from_word(&word.value);
    if verdict.is_none() {
        walk.problem(word.span, format!("unknown verdict `{}`", word.value), "`pass`, `fail` or `unknown`");
    }
    Some(Subject::Checker { checker: name.value, verdict: verdict? })
}

fn bound(walk: &mut Walk, section: Section<'_>) -> Option<Bound> {
    let kinds = ["between", "equals", "at_least", "at_most"];
    let given: Vec<&str> = kinds.into_iter().filter(|key| walk.value(section, key).is_some()).collect();
    match given.as_slice() {
        ["between"] => between(walk, section),
        ["equals"] => walk.number(section, "equals").map(|number| Bound::Equals(number.value)),
        ["at_least"] => walk.number(section, "at_least").map(|number| Bound::AtLeast(number.value)),
        ["at_most"] => walk.number(section, "at_most").map(|number| Bound::AtMost(number.value)),
        _ => {
            let help = "exactly one of `between = [low, high]`, `equals`, `at_least`, `at_most`";
            walk.problem(range(section.header), "an expectation wants one thing of a number", help);
            None
        }
    }
}

fn between(walk: &mut Walk, section: Section<'_>) -> Option<Bound> {
    let value = walk.value(section, "between")?;
    let numbers: Option<Vec<f64>> = match value.get_ref() {
        DeValue::Array(items) => items.iter().map(|item| number(item.get_ref())).collect(),
        _ => None,
    };
    match numbers.as_deref() {
        Some([low, high]) if low <= high => Some(Bound::Between(*low, *high)),
        _ => {
            walk.problem(value.span(), "`between` is no range", "two numbers in order, like [48, 56]");
            None
        }
    }
}
