//! Histories from and for other tools: EDN as Jepsen and its checkers write it, Jepsen's text logs, JSON lines,
//! porcupine's events; and traces as ShiViz reads them.
//!
//! Reading is one pass over the input, with one form or line in memory at a time besides the history itself. Every
//! error says which line, what was found there and what would be right. Nothing that a file holds can crash the
//! program: forms nest [`form::DEPTH_MAX`] deep at most, lines and forms are at most [`source::LONGEST`] bytes.
//!
//! Start with [`read()`]. Must not know: runs, the world, files (it reads from readers and writes to writers).

pub mod assemble;
pub mod edn;
pub mod form;
pub mod json;
pub mod shiviz;
pub mod source;
pub mod text_log;
pub mod write;

use crate::check::history::{Datum, History};
use assemble::Assembly;
use source::Source;
use std::fmt;
use std::io::Read;

/// How a history is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spelling {
    /// EDN maps, one a line or in one vector.
    Edn,
    /// A text log of Jepsen.
    TextLog,
    /// JSON objects, one a line.
    JsonLines,
}

impl Spelling {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Spelling::Edn => "EDN maps",
            Spelling::TextLog => "a Jepsen text log",
            Spelling::JsonLines => "JSON lines",
        }
    }
}

/// What is wrong with an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: u64,
    /// What was found there.
    pub found: String,
    /// What would be right.
    pub wanted: String,
}

impl Problem {
    /// A problem at `line`.
    pub fn new(line: u64, found: impl Into<String>, wanted: impl Into<String>) -> Problem {
        Problem { line, found: found.into(), wanted: wanted.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}; {}", self.line, self.found, self.wanted)
    }
}

/// Reads a history, however it is spelled. `progress` is told the bytes read so far, now and then.
///
/// # Errors
/// If the input is not a history, breaks off, or cannot be read.
pub fn read(
    input: &mut dyn Read,
    initial: Datum,
    progress: &mut dyn FnMut(u64),
) -> Result<(History, Spelling), Problem> {
    let mut source = Source::new(input, progress);
    let spelling = guess(&mut source)?;
    let mut assembly = Assembly::new(initial);
    match spelling {
        Spelling::Edn => edn::read_all(&mut source, &mut assembly)?,
        Spelling::TextLog => text_log::read_all(&mut source, &mut assembly)?,
        Spelling::JsonLines => json::read_all(&mut source, &mut assembly)?,
    }
    Ok((assembly.finish(source.line())?, spelling))
}

/// By how it begins: `{"` is JSON, any other bracket is EDN, a word is a log.
fn guess(source: &mut Source<'_>) -> Result<Spelling, Problem> {
    source.skip_blanks()?;
    let [first, second] = source.peek_two()?;
    Ok(match (first, second) {
        (Some(b'{'), Some(b'"')) => Spelling::JsonLines,
        (Some(b'{' | b'[' | b'(' | b'#' | b';'), _) => Spelling::Edn,
        _ => Spelling::TextLog,
    })
}

#[cfg(test)]
mod tests;
