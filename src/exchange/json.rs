//! Reading JSON lines: one object an operation's call or end,
//! `{"index":17,"time":1234567890,"process":3,"type":"ok","f":"write","key":"k7","value":"v1042"}`.
//! Further keys are left alone.

use super::Problem;
use super::assemble::{Assembly, Record};
use super::form::Form;
use super::source::Source;
use serde_json::Value;

/// Reads every line.
pub(super) fn read_all(source: &mut Source<'_>, assembly: &mut Assembly) -> Result<(), Problem> {
    let mut text = String::new();
    loop {
        let line = source.line();
        if !source.take_line(&mut text)? {
            return Ok(());
        }
        if !text.trim().is_empty() {
            assembly.take(record(line, &text)?)?;
        }
    }
}

fn record(line: u64, text: &str) -> Result<Record, Problem> {
    let wanted = "a line is an object: {\"process\":3,\"type\":\"invoke\",\"f\":\"read\",\"key\":\"x\",\"value\":null}";
    let parsed: Value = serde_json::from_str(text)
        .map_err(|error| Problem::new(line, format!("what is no JSON ({error})"), wanted))?;
    let Value::Object(mut fields) = parsed else { return Err(Problem::new(line, "no object", wanted)) };
    let mut need = |name: &str| {
        let missing = || Problem::new(line, format!("an operation without \"{name}\""), wanted);
        fields.remove(name).map(form).ok_or_else(missing)
    };
    let (process, kind, function) = (need("process")?, need("type")?, need("f")?);
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    Ok(Record {
        line,
        process,
        kind,
        function,
        node: text(fields.get("node")),
        error: text(fields.get("error")),
        time_ns: fields.get("time").and_then(Value::as_u64),
        key: fields.remove("key").filter(|key| !key.is_null()).map(form),
        value: fields.remove("value").map_or(Form::Nil, form),
    })
}

/// JSON as the data it stands for. Nesting is bounded by the parser.
fn form(value: Value) -> Form {
    match value {
        Value::Null => Form::Nil,
        Value::Bool(is_so) => Form::Word(is_so.to_string()),
        Value::Number(number) => number.as_i64().map_or_else(|| Form::Word(number.to_string()), Form::Int),
        Value::String(text) => Form::Text(text),
        Value::Array(parts) => Form::Many(parts.into_iter().map(form).collect()),
        Value::Object(entries) => {
            Form::Map(entries.into_iter().map(|(key, value)| (Form::Text(key), form(value))).collect())
        }
    }
}
