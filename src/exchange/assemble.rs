//! From calls and ends, however they were spelled, to a history: pairs them by process, finds keys, tells what breaks
//! the rules.
//!
//! A history is keyed by `:key`, or by tuples `[key value]` as values, or not at all. Which of the two latter, the first
//! call shows: a read of `[k nil]`, a cas of `[k [a b]]` and a write of `[k v]` are keyed.

use super::Problem;
use super::form::{Form, shown};
use crate::check::history::{
    Builder, Call, Datum, History, KeyId, Kind, OperationId, Outcome, ProcessId, ValueId,
};
use std::collections::BTreeMap;

/// One line or map of a history.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its line.
    pub line: u64,
    /// Who: a number, or a name such as `:nemesis`.
    pub process: Form,
    /// `:invoke`, `:ok`, `:fail` or `:info`.
    pub kind: Form,
    /// What: `:read`, `:write`, ….
    pub function: Form,
    /// Of which key, if it says.
    pub key: Option<Form>,
    /// Its argument or result.
    pub value: Form,
    /// When.
    pub time_ns: Option<u64>,
    /// The node that answered.
    pub node: Option<String>,
    /// Its error.
    pub error: Option<String>,
}

/// What operations are called elsewhere, and what they are here. The last is a factor for numbers.
const FUNCTIONS: &[(&str, Kind, i64)] = &[
    ("read", Kind::Read, 1),
    ("get", Kind::Read, 1),
    ("write", Kind::Write, 1),
    ("put", Kind::Write, 1),
    ("cas", Kind::Cas, 1),
    ("add", Kind::Add, 1),
    ("increment", Kind::Add, 1),
    ("inc", Kind::Add, 1),
    ("decrement", Kind::Add, -1),
    ("dec", Kind::Add, -1),
    ("append", Kind::Append, 1),
    ("remove", Kind::Remove, 1),
];

/// The name of the key of a history that has no keys.
pub const ONLY_KEY: &str = "";

struct Open {
    id: OperationId,
    line: u64,
    kind: Kind,
    key: KeyId,
}

/// A history being put together.
pub struct Assembly {
    builder: Builder,
    /// Of each process, what it is waiting for.
    open: BTreeMap<ProcessId, Open>,
    has_tuples: Option<bool>,
    events: u64,
    last_ns: u64,
}

impl Assembly {
    /// Nothing yet; keys hold `initial` at the beginning.
    pub fn new(initial: Datum) -> Assembly {
        Assembly {
            builder: Builder::new(initial),
            open: BTreeMap::new(),
            has_tuples: None,
            events: 0,
            last_ns: 0,
        }
    }

    /// Takes the next call, end, or fault.
    ///
    /// # Errors
    /// If it breaks the rules of a history.
    pub fn take(&mut self, record: Record) -> Result<(), Problem> {
        self.events += 1;
        let at = record.time_ns.unwrap_or(self.last_ns);
        self.last_ns = at;
        let is_client = match &record.process {
            Form::Int(_) => true,
            Form::Text(name) => name != "nemesis",
            Form::Word(word) => !word.starts_with(':'),
            _ => false,
        };
        if !is_client {
            let bare = |form: &Form| form.bare().map_or_else(|| form.to_string(), str::to_owned);
            let value =
                if record.value == Form::Nil { String::new() } else { format!(" {}", bare(&record.value)) };
            self.builder.mark(at, format!("{}{value}", bare(&record.function)));
            return Ok(());
        }
        let name = record.process.bare().map_or_else(|| record.process.to_string(), str::to_owned);
        let process = self.builder.process(&name);
        match record.kind.bare() {
            Some("invoke") => self.call(at, process, &name, &record),
            Some("ok") => self.end(at, process, &name, &record, Outcome::Ok),
            Some("fail") => self.end(at, process, &name, &record, Outcome::Fail),
            Some("info") => self.end(at, process, &name, &record, Outcome::Info),
            _ => Err(Problem::new(
                record.line,
                format!("the type `{}`", shown(&record.kind)),
                "the types are :invoke, :ok, :fail and :info",
            )),
        }
    }

    fn call(&mut self, at: u64, process: ProcessId, name: &str, record: &Record) -> Result<(), Problem> {
        if let Some(open) = self.open.get(&process) {
            let found = format!(
                "process {name} calls `{}` while its {} of line {} is open",
                shown(&record.function),
                open.kind.word(),
                open.line
            );
            return Err(Problem::new(
                record.line,
                found,
                "a process does one thing at a time: it must end first",
            ));
        }
        let (kind, factor) = function(record)?;
        let (key, value) = self.keyed(kind, record)?;
        let call = match kind {
            Kind::Read => Call::read(key),
            Kind::Write => Call::write(key, value.value(key, &mut self.builder)),
            Kind::Append => Call::append(key, value.value(key, &mut self.builder)),
            Kind::Remove => Call { kind, ..Call::add(key, value.value(key, &mut self.builder)) },
            Kind::Add => Call::add(key, counted(&value, factor).value(key, &mut self.builder)),
            Kind::Cas => {
                let [expected, new] = self.pair(key, &value, record.line)?;
                Call::cas(key, expected, new)
            }
        };
        let id = self.builder.invoke(at, process, call);
        self.open.insert(process, Open { id, line: record.line, kind, key });
        Ok(())
    }

    fn end(
        &mut self,
        at: u64,
        process: ProcessId,
        name: &str,
        record: &Record,
        outcome: Outcome,
    ) -> Result<(), Problem> {
        let Some(open) = self.open.remove(&process) else {
            let found = format!("process {name} ends `{}`, but called nothing", shown(&record.function));
            return Err(Problem::new(record.line, found, "an :invoke of that process must stand before"));
        };
        let (kind, _) = function(record)?;
        if kind != open.kind {
            let found = format!(
                "process {name} ends `{}`, but called {} in line {}",
                shown(&record.function),
                open.kind.word(),
                open.line
            );
            return Err(Problem::new(record.line, found, "an end says what was called"));
        }
        let read =
            (kind == Kind::Read && outcome == Outcome::Ok).then(|| self.result(&open, record)).transpose()?;
        self.builder.end(at, open.id, outcome, read);
        let mut label = |text: &Option<String>| text.as_ref().map_or(0, |text| self.builder.text(text));
        let (node, error) = (label(&record.node), label(&record.error));
        self.builder.label(open.id, node, error);
        Ok(())
    }

    /// What an answered read returned.
    fn result(&mut self, open: &Open, record: &Record) -> Result<ValueId, Problem> {
        let value = match (&record.key, &record.value) {
            (None, Form::Many(parts)) if self.has_tuples == Some(true) => match &parts[..] {
                [key, value] if self.builder.key(&spelled(key)) == open.key => value,
                _ => {
                    let found =
                        format!("the answer `{}` to a read of line {}", shown(&record.value), open.line);
                    return Err(Problem::new(record.line, found, "[key value], with the key that was read"));
                }
            },
            (_, value) => value,
        };
        Ok(value.value(open.key, &mut self.builder))
    }

    /// The key of a call and its own value.
    fn keyed(&mut self, kind: Kind, record: &Record) -> Result<(KeyId, Form), Problem> {
        if let Some(key) = &record.key {
            return Ok((self.builder.key(&spelled(key)), record.value.clone()));
        }
        let has_tuples = *self.has_tuples.get_or_insert_with(|| is_tuple(kind, &record.value));
        match &record.value {
            Form::Many(parts) if has_tuples && parts.len() == 2 => {
                Ok((self.builder.key(&spelled(&parts[0])), parts[1].clone()))
            }
            value if has_tuples => {
                let found = format!("the value `{}` in a history keyed by tuples", shown(value));
                Err(Problem::new(record.line, found, "[key value]"))
            }
            value => Ok((self.builder.key(ONLY_KEY), value.clone())),
        }
    }

    fn pair(&mut self, key: KeyId, value: &Form, line: u64) -> Result<[ValueId; 2], Problem> {
        match value {
            Form::Many(parts) if parts.len() == 2 => {
                Ok([parts[0].value(key, &mut self.builder), parts[1].value(key, &mut self.builder)])
            }
            other => {
                let found = format!("a cas of `{}`", shown(other));
                Err(Problem::new(line, found, "a cas has [expected new]"))
            }
        }
    }

    /// The history.
    ///
    /// # Errors
    /// If there was not one operation.
    pub fn finish(self, line: u64) -> Result<History, Problem> {
        if self.builder.so_far().operations.is_empty() {
            let wanted =
                "EDN maps, a Jepsen text log or JSON lines hold some: {:process 0, :type :invoke, :f :read}";
            return Err(Problem::new(line, "the end, and not one operation before it", wanted));
        }
        Ok(self.builder.finish())
    }
}

fn function(record: &Record) -> Result<(Kind, i64), Problem> {
    let word = record.function.bare().unwrap_or_default();
    let known = FUNCTIONS.iter().find(|(name, _, _)| *name == word);
    known.map(|(_, kind, factor)| (*kind, *factor)).ok_or_else(|| {
        let words: Vec<&str> = FUNCTIONS.iter().map(|(name, _, _)| *name).collect();
        let wanted = match word {
            "txn" => "transactions are for Elle; here operations have one key each".to_owned(),
            _ => format!("the operations are {}", words.join(", ")),
        };
        Problem::new(record.line, format!("the operation `{}`", shown(&record.function)), wanted)
    })
}

/// Whether the value of the first call says that values are keyed.
fn is_tuple(kind: Kind, value: &Form) -> bool {
    match (kind, value) {
        (Kind::Cas, Form::Many(parts)) => parts.len() == 2 && !parts[0].is_many() && parts[1].is_many(),
        (_, Form::Many(parts)) => parts.len() == 2,
        _ => false,
    }
}

/// What an add counts by: a missing number is one.
fn counted(value: &Form, factor: i64) -> Form {
    match value {
        Form::Int(number) => Form::Int(number.saturating_mul(factor)),
        Form::Nil => Form::Int(factor),
        other => other.clone(),
    }
}

/// A key's name: texts without their quotes.
fn spelled(key: &Form) -> String {
    match key {
        Form::Text(text) => text.clone(),
        other => other.to_string(),
    }
}
