//! Reading the operations out of a Jepsen text log. A line of an operation ends in tab-separated fields,
//!
//! ```text
//! INFO  jepsen.util - 3   :invoke :cas    [1 4]
//! INFO  jepsen.util - 3   :info   :cas    :timed-out
//! ```
//!
//! whatever stands before them. Other lines are the log's own and are passed over.

use super::Problem;
use super::assemble::{Assembly, Record};
use super::edn;
use super::form::Form;
use super::source::Source;

/// Reads every operation of a log.
pub(super) fn read_all(source: &mut Source<'_>, assembly: &mut Assembly) -> Result<(), Problem> {
    let mut text = String::new();
    loop {
        let line = source.line();
        if !source.take_line(&mut text)? {
            return Ok(());
        }
        if let Some(record) = record(line, &text)? {
            assembly.take(record)?;
        }
    }
}

fn record(line: u64, text: &str) -> Result<Option<Record>, Problem> {
    let fields: Vec<&str> = text.split('\t').map(str::trim).collect();
    let is_type = |field: &&str| [":invoke", ":ok", ":fail", ":info"].contains(field);
    let Some(place) = fields.iter().position(is_type).filter(|place| *place > 0) else { return Ok(None) };
    let process = fields[place - 1].rsplit(char::is_whitespace).next().unwrap_or_default();
    let wanted = "an operation is process, type, function and value, with tabs between: 3 :invoke :cas [1 4]";
    let form = |field: &str| {
        edn::parse(field)
            .map_err(|problem| Problem::new(line, format!("{} in `{field}`", problem.found), wanted))
    };
    let Some(function) = fields.get(place + 1).filter(|field| !field.is_empty()) else {
        return Err(Problem::new(line, "an operation without a function", wanted));
    };
    let value = match fields.get(place + 2).copied().unwrap_or("nil") {
        "" => Form::Nil,
        field => form(field)?,
    };
    Ok(Some(Record {
        line,
        process: form(process)?,
        kind: Form::Word(fields[place].to_owned()),
        function: form(function)?,
        key: None,
        // The word stands where an answer would.
        error: (value == Form::Word(":timed-out".to_owned())).then(|| "timed-out".to_owned()),
        value,
        time_ns: None,
        node: None,
    }))
}
