//! Bytes of an input with the number of their line, read in blocks.

use super::Problem;
use std::io::Read;

/// The longest line or form, in bytes.
pub const LONGEST: usize = 64 << 20;
/// Bytes read at once; progress is told as often.
const BLOCK: usize = 1 << 16;

/// An input being read.
pub struct Source<'a> {
    input: &'a mut dyn Read,
    progress: &'a mut dyn FnMut(u64),
    block: Vec<u8>,
    at: usize,
    is_done: bool,
    line: u64,
    read: u64,
}

impl<'a> Source<'a> {
    /// An input from its beginning.
    pub fn new(input: &'a mut dyn Read, progress: &'a mut dyn FnMut(u64)) -> Source<'a> {
        Source { input, progress, block: Vec::new(), at: 0, is_done: false, line: 1, read: 0 }
    }

    /// The line of the next byte, from 1.
    pub fn line(&self) -> u64 {
        self.line
    }

    /// The next byte, left where it is.
    ///
    /// # Errors
    /// If the input cannot be read.
    pub fn peek(&mut self) -> Result<Option<u8>, Problem> {
        if self.at == self.block.len() {
            self.fill()?;
        }
        Ok(self.block.get(self.at).copied())
    }

    /// The next two bytes, left where they are.
    ///
    /// # Errors
    /// If the input cannot be read.
    pub fn peek_two(&mut self) -> Result<[Option<u8>; 2], Problem> {
        while self.block.len() - self.at < 2 && !self.is_done {
            self.fill()?;
        }
        Ok([self.block.get(self.at).copied(), self.block.get(self.at + 1).copied()])
    }

    /// Takes the next byte.
    ///
    /// # Errors
    /// If the input cannot be read.
    pub fn take(&mut self) -> Result<Option<u8>, Problem> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            self.at += 1;
            self.line += u64::from(byte == b'\n');
        }
        Ok(byte)
    }

    /// Passes over spaces, tabs and ends of lines.
    ///
    /// # Errors
    /// If the input cannot be read.
    pub fn skip_blanks(&mut self) -> Result<(), Problem> {
        while self.peek()?.is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.take()?;
        }
        Ok(())
    }

    /// Takes the rest of the line into `line`, without its end. False at the end of the input.
    ///
    /// # Errors
    /// If the line is too long or no UTF-8, or the input cannot be read.
    pub fn take_line(&mut self, line: &mut String) -> Result<bool, Problem> {
        line.clear();
        let (mut bytes, number) = (std::mem::take(line).into_bytes(), self.line);
        let mut is_any = false;
        while let Some(byte) = self.take()? {
            is_any = true;
            if byte == b'\n' {
                break;
            }
            if bytes.len() == LONGEST {
                return Err(too_long(number));
            }
            bytes.push(byte);
        }
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
        *line = String::from_utf8(bytes)
            .map_err(|_| Problem::new(number, "bytes that are no text", "a history is text in UTF-8"))?;
        Ok(is_any)
    }

    fn fill(&mut self) -> Result<(), Problem> {
        if self.is_done {
            return Ok(());
        }
        self.block.drain(..self.at);
        self.at = 0;
        let kept = self.block.len();
        self.block.resize(kept + BLOCK, 0);
        let count = loop {
            match self.input.read(&mut self.block[kept..]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let count = count.map_err(|error| {
            Problem::new(self.line, format!("the input cannot be read: {error}"), "try again")
        })?;
        self.block.truncate(kept + count);
        self.is_done = count == 0;
        self.read += count as u64;
        (self.progress)(self.read);
        Ok(())
    }
}

/// A line or form that is too long.
pub(super) fn too_long(line: u64) -> Problem {
    let wanted = format!("one operation takes at most {} MiB", LONGEST >> 20);
    Problem::new(line, "a line or form without end", wanted)
}
