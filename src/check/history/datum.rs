//! What keys hold, as histories spell it.

use super::ValueId;
use std::fmt;

/// A piece of data. A text and a number that look alike are different data.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Datum {
    /// Nothing.
    #[default]
    Nil,
    /// A whole number.
    Int(i64),
    /// A text.
    Text(Box<str>),
    /// Anything else that is one thing: a keyword, a symbol, a fraction, a truth value, by its spelling.
    Word(Box<str>),
    /// Several things, as the values of the same key.
    List(Box<[ValueId]>),
}

impl Datum {
    /// A text.
    pub fn text(text: &str) -> Datum {
        Datum::Text(text.into())
    }
}

/// One thing as EDN spells it; lists show their ids only, see [`super::History::words`].
impl fmt::Display for Datum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Datum::Nil => f.write_str("nil"),
            Datum::Int(number) => write!(f, "{number}"),
            Datum::Word(word) => f.write_str(word),
            Datum::Text(text) => write_text(f, text),
            Datum::List(elements) => write!(f, "[{} elements]", elements.len()),
        }
    }
}

/// A text in quotes, with the escapes that EDN and JSON share.
pub(crate) fn write_text(out: &mut impl fmt::Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' | '\\' => write!(out, "\\{c}")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            c if c.is_control() => write!(out, "\\u{:04x}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char('"')
}
