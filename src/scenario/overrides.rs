//! What the command line changes: `--set`, `--do`, `--for`, `--seed`. Each becomes a line behind the file and a
//! value in its tree, so that it is checked, and complained about, like any other.

use super::problem::{Problem, Source};
use super::tree::Walk;
use std::borrow::Cow;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

/// Marks timeline entries that the command line added; they may stand at any time.
pub(super) const BY_HAND: &str = "by-hand";

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Override {
    /// `--set run.knob=value`, `workload.rate=500`, `seed=7`.
    Set(String),
    /// `--do "5s crash n1"`.
    Do(String),
    /// `--for 60s`.
    For(String),
}

impl Override {
    fn text(&self) -> &str {
        match self {
            Override::Set(text) | Override::Do(text) | Override::For(text) => text,
        }
    }
}

/// The source with the overrides behind the file, and the place of each.
pub(super) fn append(name: &str, text: String, overrides: &[Override]) -> (Source, Vec<usize>) {
    let mut text = text;
    text.push('\n');
    let file_ends = text.len();
    let mut places = Vec::new();
    for change in overrides {
        places.push(text.len());
        // One line each, whatever it holds.
        text.push_str(&change.text().replace('\n', " "));
        text.push('\n');
    }
    (Source { name: name.to_owned(), text, file_ends }, places)
}

/// Puts the overrides into the tree of the file.
pub(super) fn put<'a>(
    tree: &mut Spanned<DeTable<'a>>,
    source: &'a Source,
    places: &[usize],
    overrides: &[Override],
    walk: &mut Walk,
) {
    for (change, &place) in overrides.iter().zip(places) {
        let text = &source.text[place..place + change.text().len()];
        let result = match change {
            Override::Set(_) => set(tree.get_mut(), text, place),
            Override::For(_) => {
                insert(tree.get_mut(), "duration", quoted(text, place));
                Ok(())
            }
            Override::Do(_) => add_entry(tree.get_mut(), text, place),
        };
        if let Err(problem) = result {
            walk.problems.push(problem);
        }
    }
}

fn quoted(text: &str, place: usize) -> Spanned<DeValue<'_>> {
    Spanned::new(place..place + text.len(), DeValue::String(Cow::Borrowed(text)))
}

/// Sets `key` of `table`, keeping the place of a key that is there already.
fn insert<'a>(table: &mut DeTable<'a>, key: &'a str, value: Spanned<DeValue<'a>>) {
    let span = value.span();
    insert_at(table, key, span, value);
}

/// The same; a new key stands at `place`.
fn insert_at<'a>(table: &mut DeTable<'a>, key: &'a str, place: Range<usize>, value: Spanned<DeValue<'a>>) {
    let known = table.keys().find(|known| known.get_ref() == key).cloned();
    let key = known.unwrap_or_else(|| Spanned::new(place, Cow::Borrowed(key)));
    table.insert(key, value);
}

/// A value as TOML would read it; a bare word is a text.
fn value(text: &str, place: usize) -> Spanned<DeValue<'_>> {
    let span = place..place + text.len();
    let is_plain = |value: &DeValue<'_>| !matches!(value, DeValue::Datetime(_));
    match DeValue::parse(text) {
        Ok(parsed) if is_plain(parsed.get_ref()) => Spanned::new(span, parsed.into_inner()),
        _ => Spanned::new(span, DeValue::String(Cow::Borrowed(text))),
    }
}

fn set<'a>(tree: &mut DeTable<'a>, text: &'a str, place: usize) -> Result<(), Problem> {
    let whole = place..place + text.len();
    let help = "`run.knob=value`, `workload.rate=500`, `network.loss=0.1`, `cluster.nodes=7`, `seed=7`, `duration=60s`";
    let Some((path, given)) = text.split_once('=') else {
        return Err(Problem::new(whole, format!("`{text}` sets nothing")).help(help));
    };
    let new = value(given, place + path.len() + 1);
    match path.split_once('.') {
        None if path == "seed" || path == "duration" => {
            insert(tree, path, new);
            Ok(())
        }
        None => Err(Problem::new(whole, format!("`{path}` is nothing that can be set alone")).help(help)),
        Some((table @ ("workload" | "network" | "cluster"), key)) => {
            let header = Spanned::new(whole, DeValue::Table(DeTable::new()));
            if !tree.keys().any(|known| known.get_ref() == table) {
                insert(tree, table, header);
            }
            let found = tree.iter_mut().find(|(known, _)| known.get_ref() == table).map(|(_, value)| value);
            if let Some(DeValue::Table(section)) = found.map(Spanned::get_mut) {
                let at = place + table.len() + 1;
                insert_at(section, key, at..at + key.len(), new);
            }
            Ok(())
        }
        Some((run, key)) => set_in_run(tree, run, key, new, place..place + path.len()),
    }
}

fn set_in_run<'a>(
    tree: &mut DeTable<'a>,
    run: &str,
    key: &'a str,
    new: Spanned<DeValue<'a>>,
    path: Range<usize>,
) -> Result<(), Problem> {
    let runs = tree.iter_mut().find(|(known, _)| known.get_ref() == "run").map(|(_, value)| value.get_mut());
    let Some(DeValue::Array(runs)) = runs else { return Ok(()) };
    let mut ids = Vec::new();
    for section in runs.iter_mut() {
        let DeValue::Table(section) = section.get_mut() else { continue };
        let own = |wanted: &str| {
            section
                .iter()
                .find(|(key, _)| key.get_ref() == wanted)
                .and_then(|(_, value)| value.get_ref().as_str())
        };
        let id = own("id").or_else(|| own("topology")).unwrap_or_default().to_owned();
        if id == run {
            insert_at(section, key, path.end - key.len()..path.end, new);
            return Ok(());
        }
        ids.push(id);
    }
    let help = format!("the runs are {}; also workload, network, cluster", ids.join(", "));
    Err(Problem::new(path, format!("unknown run `{run}`")).help(help))
}

fn add_entry<'a>(tree: &mut DeTable<'a>, text: &'a str, place: usize) -> Result<(), Problem> {
    let whole = place..place + text.len();
    let Some((at, command)) = text.trim_start().split_once(char::is_whitespace) else {
        let problem = Problem::new(whole, format!("`{text}` is no timed command"));
        return Err(problem.help("a time and a command, like `5s crash n1`"));
    };
    let offset = |part: &str| place + (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
    let command = command.trim_start();
    let mut entry = DeTable::new();
    insert(&mut entry, "at", quoted(at, offset(at)));
    // A text of a file begins after its quote; this one has none.
    let start = offset(command).saturating_sub(1);
    let command = Spanned::new(start..start + command.len() + 2, DeValue::String(Cow::Borrowed(command)));
    insert(&mut entry, "do", command);
    insert(&mut entry, BY_HAND, Spanned::new(whole.clone(), DeValue::Boolean(true)));
    let known =
        tree.iter_mut().find(|(key, _)| key.get_ref() == "timeline").map(|(_, value)| value.get_mut());
    let entry = Spanned::new(whole.clone(), DeValue::Table(entry));
    match known {
        Some(DeValue::Array(entries)) => entries.push(entry),
        _ => {
            let mut entries = DeArray::new();
            entries.push(entry);
            insert(tree, "timeline", Spanned::new(whole, DeValue::Array(entries)));
        }
    }
    Ok(())
}
