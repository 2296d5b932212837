//! What `run` prints: one JSON object a line, or a report for people.

use super::staleness;
use super::why::{self, Answer};
use crate::base::fate::FATES;
use crate::base::metric::{METRICS, Metric, MetricSet};
use crate::base::rule::Rule;
use crate::base::text::{safe, width};
use crate::base::time::Span;
use crate::check::{CHECKERS, Interval, Verdict};
use crate::driver::player::Refused;
use crate::driver::replay::Replay;
use crate::driver::verdict::{Came, Check, Judgement, Met, RunResult};
use crate::scenario::model::{Scenario, Subject};
use serde_json::{Map, Value, json};
use std::io::{self, Write};

/// Writes the object of scenario.md section 4.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_json(scenario: &Scenario, judgement: &Judgement, out: &mut dyn Write) -> io::Result<()> {
    write_json_with(scenario, judgement, &[], out)
}

/// The same with chains of causes under `why`, if any were asked for.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_json_with(
    scenario: &Scenario,
    judgement: &Judgement,
    answers: &[Answer],
    out: &mut dyn Write,
) -> io::Result<()> {
    let runs: Vec<Value> = scenario
        .runs
        .iter()
        .zip(&judgement.runs)
        .enumerate()
        .map(|(place, (run, result))| {
            let refused = judgement.refused.iter().filter(|refused| refused.run == place);
            run_json(&run.id, run.topology().word(), result, refused)
        })
        .collect();
    let expectations: Vec<Value> = judgement.expectations.iter().map(|met| met_json(scenario, met)).collect();
    let mut object = json!({
        "scenario": scenario.id,
        "seed": scenario.seed,
        "duration_us": scenario.duration.0,
        "as_expected": judgement.is_as_expected(),
        "runs": runs,
        "expectations": expectations,
    });
    if !answers.is_empty() {
        object["why"] = why::json(scenario, answers);
    }
    if let (Value::Object(object), Some(replay)) = (&mut object, replay_json(scenario, &judgement.replay)) {
        object.insert("replay".to_owned(), replay);
    }
    writeln!(out, "{object}")
}

/// Whether a recording came out as it did: a word, or where its runs part.
fn replay_json(scenario: &Scenario, replay: &Replay) -> Option<Value> {
    Some(match replay {
        Replay::NoRecording => return None,
        Replay::Unfinished => json!("unfinished"),
        Replay::Edited => json!("edited"),
        Replay::Same => json!("same"),
        Replay::Differs(partings) => partings
            .iter()
            .map(|parting| {
                json!({
                    "run": scenario.runs[parting.run].id,
                    "first_event": parting.first,
                    "last_event": parting.last,
                    "from_us": parting.from.0,
                    "to_us": parting.to.0,
                    "what": parting.what,
                })
            })
            .collect(),
    })
}

fn write_replay(scenario: &Scenario, judgement: &Judgement, out: &mut dyn Write) -> io::Result<()> {
    let events: u64 = judgement.runs.iter().map(|run| run.events).sum();
    match &judgement.replay {
        Replay::NoRecording => Ok(()),
        Replay::Unfinished => writeln!(out, "the recording broke off: nothing to compare the replay with"),
        Replay::Edited => writeln!(out, "edited since it was recorded: a scenario of its own, not compared"),
        Replay::Same => writeln!(out, "replayed the same: {events} events"),
        Replay::Differs(partings) => partings.iter().try_for_each(|parting| {
            writeln!(out, "NO LONGER THE SAME: in {} {parting}", safe(&scenario.runs[parting.run].id))
        }),
    }
}

fn run_json<'a>(
    id: &str,
    topology: &str,
    result: &RunResult,
    refused: impl Iterator<Item = &'a Refused>,
) -> Value {
    let refused = refused
        .map(|refused| json!({"at_us": refused.at.0, "command": &*refused.what, "why": &*refused.why}))
        .collect::<Vec<_>>();
    let checks: Vec<Value> = result.checks.iter().map(check_json).collect();
    let fates: Map<String, Value> =
        FATES.iter().map(|row| (row.name.to_owned(), json!(result.fates.of(row.fate)))).collect();
    json!({
        "id": id,
        "topology": topology,
        "trace_digest": format!("{:016x}", result.digest),
        "events": result.events,
        "metrics": metrics_json(&result.metrics),
        "fates": fates,
        "staleness": staleness::json(&result.staleness),
        "checks": checks,
        "refused": refused,
    })
}

/// A verdict with its evidence: in words, and the operations that show it as clients lived them.
fn check_json(check: &Check) -> Value {
    let operation = |one: &Interval| {
        json!({
            "op": one.op.0,
            "client": one.client.to_string(),
            "node": one.node.map(|node| node.to_string()),
            "what": one.what,
            "from_us": one.from.0,
            "to_us": one.to.map(|at| at.0),
        })
    };
    let operations: Vec<Value> = check.operations.iter().map(operation).collect();
    json!({
        "checker": check.checker,
        "verdict": check.verdict.word(),
        "witness": check.witness,
        "operations": operations,
    })
}

/// Every metric under its name; `null` where it has no meaning.
fn metrics_json(metrics: &MetricSet) -> Value {
    let value = |metric: Metric| match metrics.get(metric) {
        None => Value::Null,
        Some(value) if metric.row().decimals == 0 => json!(value as i64),
        Some(value) => json!(value),
    };
    let all: Map<String, Value> =
        METRICS.iter().map(|row| (row.name.to_owned(), value(row.metric))).collect();
    Value::Object(all)
}

fn met_json(scenario: &Scenario, met: &Met) -> Value {
    let expectation = &scenario.expectations[met.expectation];
    let mut object = Map::new();
    object.insert("run".into(), json!(scenario.runs[met.run].id));
    match &expectation.subject {
        Subject::Metric { metric, .. } => object.insert("metric".into(), json!(metric.row().name)),
        Subject::Lines { code, .. } => object.insert("lines".into(), json!(code)),
        Subject::Checker { checker, .. } => object.insert("checker".into(), json!(checker)),
        Subject::Holds { key, .. } => object.insert("key".into(), json!(key)),
    };
    let during = expectation.during.map(|(from, to)| [from.0, to.0]);
    object.insert("during_us".into(), json!(during));
    let value = match &met.came {
        Came::Nothing => Value::Null,
        Came::Number(number) => json!(number),
        Came::Verdict(verdict) => json!(verdict.word()),
        Came::Held(held) => json!(held),
    };
    object.insert("value".into(), value);
    object.insert("wanted".into(), json!(met.wanted));
    object.insert("met".into(), json!(met.is_met));
    Value::Object(object)
}

/// Writes a report for people: the runs side by side, then every expectation with its reason.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_text(scenario: &Scenario, judgement: &Judgement, out: &mut dyn Write) -> io::Result<()> {
    let heading =
        format!("{} · seed {} · {}", safe(&scenario.title), scenario.seed, Span(scenario.duration.0));
    writeln!(out, "{heading}\n{}", safe(&scenario.summary))?;
    writeln!(out)?;
    write_table(scenario, judgement, out)?;
    writeln!(out)?;
    for met in &judgement.expectations {
        write_met(scenario, met, out)?;
    }
    for Refused { at, run, what, why } in &judgement.refused {
        let (run, what, why) = (safe(&scenario.runs[*run].id), safe(what), safe(why));
        writeln!(out, "refused at {at} in {run}: {what}: {why}")?;
    }
    write_findings(scenario, judgement, out)?;
    write_replay(scenario, judgement, out)?;
    let missed = judgement.expectations.iter().filter(|met| !met.is_met).count();
    match (judgement.expectations.len(), missed) {
        (0, _) => writeln!(out, "no expectations"),
        (all, 0) => writeln!(out, "all {all} expectations met"),
        (all, missed) => writeln!(out, "{missed} of {all} expectations NOT met"),
    }
}

/// The evidence of what failed, if an expectation speaks of it or it is a rule that no run should break. Of the others
/// the table tells, and `--json` in full.
fn write_findings(scenario: &Scenario, judgement: &Judgement, out: &mut dyn Write) -> io::Result<()> {
    let is_expected = |name: &str| {
        scenario
            .expectations
            .iter()
            .any(|wanted| matches!(&wanted.subject, Subject::Checker { checker, .. } if checker == name))
    };
    let is_rule =
        |name: &str| name == "messages-conserved" || Rule::ALL.iter().any(|rule| rule.name() == name);
    for (run, result) in scenario.runs.iter().zip(&judgement.runs) {
        let failed = result.checks.iter().filter(|check| check.verdict == Verdict::Fail);
        for check in failed.filter(|check| is_expected(check.checker) || is_rule(check.checker)) {
            let witness = check.witness.as_deref().unwrap_or("");
            writeln!(out, "  found   {}: {} fails: {}", run.id, check.checker, safe(witness))?;
        }
    }
    Ok(())
}

fn write_table(scenario: &Scenario, judgement: &Judgement, out: &mut dyn Write) -> io::Result<()> {
    let mut rows: Vec<Vec<String>> = vec![header(scenario, |run| run.id.clone())];
    rows.push(header(scenario, |run| run.topology().word().to_owned()));
    for row in METRICS {
        if judgement.runs.iter().any(|run| run.metrics.get(row.metric).is_some_and(|value| value != 0.0)) {
            let cells = judgement.runs.iter().map(|run| run.metrics.text(row.metric));
            rows.push(std::iter::once(row.name.to_owned()).chain(cells).collect());
        }
    }
    rows.extend(staleness::rows(&judgement.runs));
    for row in FATES {
        if judgement.runs.iter().any(|run| run.fates.of(row.fate) > 0) {
            let cells = judgement.runs.iter().map(|run| run.fates.of(row.fate).to_string());
            rows.push(std::iter::once(format!("acked: {}", row.word)).chain(cells).collect());
        }
    }
    for row in CHECKERS {
        let of =
            |run: &RunResult| run.checks.iter().find(|check| check.checker == row.name).map(|c| c.verdict);
        if judgement.runs.iter().any(|run| of(run) == Some(Verdict::Fail)) {
            let cells = judgement.runs.iter().map(|run| of(run).map_or("", Verdict::word).to_owned());
            rows.push(std::iter::once(format!("check: {}", row.name)).chain(cells).collect());
        }
    }
    let digests = judgement.runs.iter().map(|run| format!("{:016x}", run.digest));
    rows.push(std::iter::once("trace_digest".to_owned()).chain(digests).collect());
    write_columns(&rows, out)
}

fn header(scenario: &Scenario, cell: impl Fn(&crate::scenario::model::Run) -> String) -> Vec<String> {
    std::iter::once(String::new()).chain(scenario.runs.iter().map(cell)).collect()
}

/// Writes rows with their first column to the left and the others to the right, each as wide as it needs.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_columns(rows: &[Vec<String>], out: &mut dyn Write) -> io::Result<()> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widest = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max();
    let widths: Vec<usize> = (0..columns).map(|column| widest(column).unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[column] - width(cell));
            match column {
                0 => line.push_str(&format!("  {cell}{pad}")),
                _ => line.push_str(&format!("  {pad}{cell}")),
            }
        }
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_met(scenario: &Scenario, met: &Met, out: &mut dyn Write) -> io::Result<()> {
    let expectation = &scenario.expectations[met.expectation];
    let mark = if met.is_met { "met   " } else { "MISSED" };
    let run = &scenario.runs[met.run].id;
    let came = met.came.to_string();
    let came = safe(&came);
    let subject = match &expectation.subject {
        Subject::Metric { metric, .. } => metric.row().name.to_owned(),
        Subject::Lines { code, .. } => format!("lines {code}"),
        Subject::Checker { checker, .. } => checker.clone(),
        Subject::Holds { key, .. } => safe(key).into_owned(),
    };
    let window = expectation
        .during
        .map_or(String::new(), |(from, to)| format!(" from {} to {}", Span(from.0), Span(to.0)));
    writeln!(out, "  {mark}  {run}: {subject}{window} is {came}, wanted {}", safe(&met.wanted))?;
    if !expectation.why.is_empty() {
        writeln!(out, "          {}", safe(&expectation.why))?;
    }
    Ok(())
}
