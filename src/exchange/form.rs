//! Data as EDN, JSON and logs all have it.

use crate::check::history::{Builder, Datum, KeyId, ValueId};
use std::fmt;

/// How deep forms may nest.
pub const DEPTH_MAX: usize = 100;

/// A piece of data from outside.
#[derive(Clone, Debug, PartialEq)]
pub enum Form {
    /// Nothing.
    Nil,
    /// A whole number.
    Int(i64),
    /// Anything else without quotes, by its spelling: `:read`, `true`, `1.5`, `x`.
    Word(String),
    /// A text.
    Text(String),
    /// A list, a vector, a set.
    Many(Vec<Form>),
    /// A map, in the order of its keys.
    Map(Vec<(Form, Form)>),
}

impl Form {
    /// What a map holds under the keyword, or the text, `name`.
    pub fn get(&self, name: &str) -> Option<&Form> {
        let Form::Map(entries) = self else { return None };
        let is_it = |key: &Form| match key {
            Form::Word(word) => word.strip_prefix(':') == Some(name),
            Form::Text(text) => text == name,
            _ => false,
        };
        entries.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
    }

    /// A word or a text without its colon.
    pub fn bare(&self) -> Option<&str> {
        match self {
            Form::Word(word) => Some(word.strip_prefix(':').unwrap_or(word)),
            Form::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is of several parts.
    pub fn is_many(&self) -> bool {
        matches!(self, Form::Many(_))
    }

    /// As a value of `key`.
    pub fn value(&self, key: KeyId, builder: &mut Builder) -> ValueId {
        let datum = match self {
            Form::Nil => Datum::Nil,
            Form::Int(number) => Datum::Int(*number),
            Form::Word(word) => Datum::Word(word.as_str().into()),
            Form::Text(text) => Datum::text(text),
            Form::Many(parts) => {
                let parts: Vec<ValueId> = parts.iter().map(|part| part.value(key, builder)).collect();
                Datum::List(parts.into())
            }
            Form::Map(_) => Datum::Word(self.to_string().into()),
        };
        builder.value(key, datum)
    }
}

/// As EDN.
impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, parts: &[Form]| {
            for (place, part) in parts.iter().enumerate() {
                let gap = if place == 0 { "" } else { " " };
                write!(f, "{gap}{part}")?;
            }
            Ok(())
        };
        match self {
            Form::Nil => f.write_str("nil"),
            Form::Int(number) => write!(f, "{number}"),
            Form::Word(word) => f.write_str(word),
            Form::Text(text) => write!(f, "{}", Datum::text(text)),
            Form::Many(parts) => {
                f.write_str("[")?;
                list(f, parts)?;
                f.write_str("]")
            }
            Form::Map(entries) => {
                f.write_str("{")?;
                for (place, (key, value)) in entries.iter().enumerate() {
                    let gap = if place == 0 { "" } else { ", " };
                    write!(f, "{gap}{key} {value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

/// `form` in at most 60 characters.
pub(super) fn shown(form: &Form) -> String {
    let text = crate::base::text::safe(&form.to_string()).into_owned();
    crate::base::text::fit(&text, 60).into_owned()
}
