//! Writing histories, each as the tool it is for reads them.
//!
//! | format | one line is | for |
//! |---|---|---|
//! | [`edn`] | a map, `{:index 17, :time ns, :type :ok, :process 3, :f :read, :value ["k7" "v1"]}` | Jepsen, knossos, Elle's readers |
//! | [`json_lines`] | an object with the same fields, the key apart, the node and the latency | scripts |
//! | [`porcupine`] | a `porcupine.Event{ClientId, Kind, Value, Id}` | Go programs: `json.Unmarshal` each line |
//!
//! A process that got no answer never acts again: histories give its client's later operations to another process, as
//! Jepsen does, so nothing is renumbered here.

use super::assemble::ONLY_KEY;
use crate::check::history::{Datum, Event, History, Kind, Mark, OperationId, Outcome, ValueId};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Writes EDN maps, one a line; values are `[key value]` tuples unless there is one key without a name.
///
/// # Errors
/// If `out` cannot be written.
pub fn edn(history: &History, out: &mut dyn Write) -> io::Result<()> {
    for (index, event) in history.in_order().into_iter().enumerate() {
        match event {
            Event::Mark(mark) => {
                let (what, how) = parted(mark);
                let value = if how.is_empty() { "nil".to_owned() } else { Datum::text(how).to_string() };
                writeln!(
                    out,
                    "{{:index {index}, :time {}, :type :info, :process :nemesis, :f :{what}, :value {value}}}",
                    mark.at_ns
                )?;
            }
            Event::Call(id) => edn_line(history, index, id, None, out)?,
            Event::End(id) => {
                edn_line(history, index, id, Some(history.operations[id.index()].outcome), out)?
            }
        }
    }
    Ok(())
}

fn edn_line(
    history: &History,
    index: usize,
    id: OperationId,
    end: Option<Outcome>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (operation, note) = (&history.operations[id.index()], &history.notes[id.index()]);
    let (word, time) = end.map_or(("invoke", note.called_ns), |end| (end.word(), note.ended_ns));
    let is_unread = operation.kind == Kind::Read && end != Some(Outcome::Ok);
    let value = match operation.kind {
        _ if is_unread => "nil".to_owned(),
        Kind::Cas => format!("[{} {}]", history.words(operation.expected), history.words(operation.value)),
        _ => history.words(operation.value),
    };
    let key = &history.keys[operation.key.index()].name;
    let value = if key == ONLY_KEY { value } else { format!("[{} {value}]", edn_key(key)) };
    let (process, kind) = (&history.processes[operation.process.0 as usize], operation.kind.word());
    write!(
        out,
        "{{:index {index}, :time {time}, :type :{word}, :process {process}, :f :{kind}, :value {value}"
    )?;
    if end.is_some() {
        for (name, label) in [("node", note.node), ("error", note.error)] {
            if let Some(text) = history.label(label) {
                write!(out, ", :{name} {}", Datum::text(text))?;
            }
        }
    }
    writeln!(out, "}}")
}

/// A key that is a number is written as one.
fn edn_key(key: &str) -> String {
    match key.parse::<i64>() {
        Ok(number) if number.to_string() == key => key.to_owned(),
        _ => Datum::text(key).to_string(),
    }
}

/// What a mark is about: its first word, and the rest.
fn parted(mark: &Mark) -> (String, &str) {
    let (what, how) = mark.text.split_once(' ').unwrap_or((&mark.text, ""));
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let what: String = what.chars().map(|c| if is_plain(c) { c } else { '-' }).collect();
    (what, how.trim())
}

/// Writes JSON objects, one a line.
///
/// # Errors
/// If `out` cannot be written.
pub fn json_lines(history: &History, out: &mut dyn Write) -> io::Result<()> {
    for (index, event) in history.in_order().into_iter().enumerate() {
        let line = match event {
            Event::Mark(mark) => {
                let (what, how) = parted(mark);
                json!({"index": index, "time": mark.at_ns, "process": "nemesis", "type": "info", "f": what, "value": how})
            }
            Event::Call(id) => json_line(history, index, id, None),
            Event::End(id) => json_line(history, index, id, Some(history.operations[id.index()].outcome)),
        };
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn json_line(history: &History, index: usize, id: OperationId, end: Option<Outcome>) -> Value {
    let (operation, note) = (&history.operations[id.index()], &history.notes[id.index()]);
    let name = &history.processes[operation.process.0 as usize];
    let process = name.parse::<u64>().map_or_else(|_| json!(name), |number| json!(number));
    let (word, time) = end.map_or(("invoke", note.called_ns), |end| (end.word(), note.ended_ns));
    let key = &history.keys[operation.key.index()].name;
    let mut line =
        json!({"index": index, "time": time, "process": process, "type": word, "f": operation.kind.word()});
    if key != ONLY_KEY {
        line["key"] = json!(key);
    }
    let is_unread = operation.kind == Kind::Read && end != Some(Outcome::Ok);
    line["value"] = match operation.kind {
        _ if is_unread => Value::Null,
        Kind::Cas => json!([json_value(history, operation.expected), json_value(history, operation.value)]),
        _ => json_value(history, operation.value),
    };
    if end.is_some() {
        line["node"] = json!(history.label(note.node));
        line["latency_ns"] = json!(note.ended_ns.saturating_sub(note.called_ns));
        line["error"] = json!(history.label(note.error));
    }
    line
}

fn json_value(history: &History, value: ValueId) -> Value {
    match history.datum(value) {
        Datum::Nil => Value::Null,
        Datum::Int(number) => json!(number),
        Datum::Text(text) | Datum::Word(text) => json!(text),
        Datum::List(elements) => elements.iter().map(|element| json_value(history, *element)).collect(),
    }
}

/// Writes events as porcupine's `Event{ClientId, Kind, Value, Id}`; `Kind` is 0 for a call, 1 for a return. What failed
/// is left out. What was never answered returns after everything else with `"unknown": true`: a model's step must
/// accept any output then, and the operation as if it had not happened too.
///
/// # Errors
/// If `out` cannot be written.
pub fn porcupine(history: &History, out: &mut dyn Write) -> io::Result<()> {
    let mut unanswered = Vec::new();
    for event in history.in_order() {
        let (Event::Call(id) | Event::End(id)) = event else { continue };
        let operation = &history.operations[id.index()];
        match (operation.outcome, event) {
            (Outcome::Fail, _) | (Outcome::Info, Event::End(_)) => {}
            (Outcome::Info | Outcome::Open, Event::Call(_)) => {
                porcupine_line(history, id, 0, out)?;
                unanswered.push(id);
            }
            (_, Event::Call(_)) => porcupine_line(history, id, 0, out)?,
            _ => porcupine_line(history, id, 1, out)?,
        }
    }
    unanswered.into_iter().try_for_each(|id| porcupine_line(history, id, 1, out))
}

fn porcupine_line(history: &History, id: OperationId, kind: u8, out: &mut dyn Write) -> io::Result<()> {
    let operation = &history.operations[id.index()];
    let key = &history.keys[operation.key.index()].name;
    let value = match (kind, operation.kind, operation.outcome) {
        (0, Kind::Read, _) => json!({"f": "read", "key": key}),
        (0, Kind::Cas, _) => json!({
            "f": "cas", "key": key,
            "expected": json_value(history, operation.expected), "value": json_value(history, operation.value)
        }),
        (0, other, _) => {
            json!({"f": other.word(), "key": key, "value": json_value(history, operation.value)})
        }
        (_, Kind::Read, Outcome::Ok) => {
            json!({"value": json_value(history, operation.value), "unknown": false})
        }
        (_, _, outcome) => json!({"unknown": outcome != Outcome::Ok}),
    };
    let process = operation.process.0;
    writeln!(out, "{}", json!({"ClientId": process, "Kind": kind, "Value": value, "Id": id.0}))
}
