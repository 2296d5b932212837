//! Reading EDN, form by form, straight from a reader: the libraries for it want the whole text at once and know no
//! lines, and a history may be larger than memory would like.
//!
//! Covers what histories hold: nil, numbers, texts, keywords, symbols, characters, lists, vectors, maps, sets, comments,
//! discarded forms, and tags, whose form counts (`#jepsen.history.Op{…}`).

use super::Problem;
use super::assemble::{Assembly, Record};
use super::form::{DEPTH_MAX, Form, shown};
use super::source::{LONGEST, Source, too_long};

/// Reads operations: maps one after the other, or in one vector or list.
pub(super) fn read_all(source: &mut Source<'_>, assembly: &mut Assembly) -> Result<(), Problem> {
    let mut reader = Reader { source, left: LONGEST };
    let mut is_inside = false;
    loop {
        reader.left = LONGEST;
        reader.skip()?;
        let line = reader.source.line();
        match reader.source.peek()? {
            None if is_inside => return Err(broken_off(line, "the vector of operations has no end", "]")),
            None => return Ok(()),
            Some(b'[' | b'(') if !is_inside => {
                reader.source.take()?;
                is_inside = true;
            }
            Some(b']' | b')') if is_inside => {
                reader.source.take()?;
                is_inside = false;
            }
            Some(_) => {
                if let Some(form) = reader.form(0)? {
                    assembly.take(record(line, form)?)?;
                }
            }
        }
    }
}

/// The one form that `text` is.
///
/// # Errors
/// If it is none, or more than one.
pub fn parse(text: &str) -> Result<Form, Problem> {
    let mut bytes = text.as_bytes();
    let mut quiet = |_| {};
    let mut source = Source::new(&mut bytes, &mut quiet);
    let mut reader = Reader { source: &mut source, left: LONGEST };
    loop {
        reader.skip()?;
        if reader.source.peek()?.is_none() {
            return Err(Problem::new(1, "nothing", "one value was wanted"));
        }
        if let Some(form) = reader.form(0)? {
            reader.skip()?;
            let is_all = reader.source.peek()?.is_none();
            return if is_all { Ok(form) } else { Err(Problem::new(1, "several values", "one was wanted")) };
        }
    }
}

fn record(line: u64, form: Form) -> Result<Record, Problem> {
    let wanted = "an operation is a map: {:process 0, :type :invoke, :f :read, :value nil}";
    if !matches!(form, Form::Map(_)) {
        return Err(Problem::new(line, format!("`{}`", shown(&form)), wanted));
    }
    let need = |name: &str| {
        let missing =
            || Problem::new(line, format!("an operation without `:{name}`: `{}`", shown(&form)), wanted);
        form.get(name).cloned().ok_or_else(missing)
    };
    let number = |name: &str| match form.get(name) {
        Some(Form::Int(number)) => u64::try_from(*number).ok(),
        _ => None,
    };
    let word = |name: &str| match form.get(name) {
        None | Some(Form::Nil) => None,
        Some(Form::Text(text)) => Some(text.clone()),
        Some(other) => Some(other.to_string()),
    };
    Ok(Record {
        line,
        process: need("process")?,
        kind: need("type")?,
        function: need("f")?,
        key: form.get("key").cloned(),
        value: form.get("value").cloned().unwrap_or(Form::Nil),
        time_ns: number("time"),
        node: form.get("node").and_then(Form::bare).map(str::to_owned),
        error: word("error"),
    })
}

fn broken_off(line: u64, found: &str, closing: &str) -> Problem {
    Problem::new(line, format!("the input breaks off: {found}"), format!("`{closing}` was expected"))
}

struct Reader<'s, 'a> {
    source: &'s mut Source<'a>,
    /// Bytes that this form may still take.
    left: usize,
}

impl Reader<'_, '_> {
    fn take(&mut self) -> Result<Option<u8>, Problem> {
        self.left = self.left.checked_sub(1).ok_or_else(|| too_long(self.source.line()))?;
        self.source.take()
    }

    /// Passes over blanks, commas and comments.
    fn skip(&mut self) -> Result<(), Problem> {
        while let Some(byte) = self.source.peek()? {
            match byte {
                b',' => {
                    self.source.take()?;
                }
                b';' => while self.source.take()?.is_some_and(|byte| byte != b'\n') {},
                byte if byte.is_ascii_whitespace() => {
                    self.source.take()?;
                }
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// The next form; `None` if it is a discarded one. Something must be there.
    fn form(&mut self, depth: usize) -> Result<Option<Form>, Problem> {
        let line = self.source.line();
        if depth > DEPTH_MAX {
            let found = format!("forms within forms, more than {DEPTH_MAX} deep");
            return Err(Problem::new(line, found, "operations are flat"));
        }
        match self.source.peek()? {
            None => Err(broken_off(line, "a value is missing", "a value")),
            Some(b'(') => self.many(b')', depth).map(|parts| Some(Form::Many(parts))),
            Some(b'[') => self.many(b']', depth).map(|parts| Some(Form::Many(parts))),
            Some(b'{') => self.map(line, depth).map(Some),
            Some(b'"') => self.text(line).map(|text| Some(Form::Text(text))),
            Some(b'#') => self.tagged(line, depth),
            Some(b'\\') => self.character(line).map(Some),
            Some(closing @ (b')' | b']' | b'}')) => {
                let found = format!("a `{}` that closes nothing", char::from(closing));
                Err(Problem::new(line, found, "brackets come in pairs"))
            }
            Some(_) => self.atom(line).map(Some),
        }
    }

    fn many(&mut self, closing: u8, depth: usize) -> Result<Vec<Form>, Problem> {
        let line = self.source.line();
        self.take()?;
        let mut parts = Vec::new();
        loop {
            self.skip()?;
            match self.source.peek()? {
                None => {
                    let found = format!("what line {line} opens has no end");
                    let closing = char::from(closing).to_string();
                    return Err(broken_off(self.source.line(), &found, &closing));
                }
                Some(byte) if byte == closing => {
                    self.take()?;
                    return Ok(parts);
                }
                Some(_) => parts.extend(self.form(depth + 1)?),
            }
        }
    }

    fn map(&mut self, line: u64, depth: usize) -> Result<Form, Problem> {
        let parts = self.many(b'}', depth)?;
        if parts.len() % 2 == 1 {
            let found = format!("a map with a key but no value: `{}`", shown(&Form::Many(parts)));
            return Err(Problem::new(line, found, "maps hold pairs"));
        }
        let mut entries = Vec::with_capacity(parts.len() / 2);
        let mut parts = parts.into_iter();
        while let (Some(key), Some(value)) = (parts.next(), parts.next()) {
            entries.push((key, value));
        }
        Ok(Form::Map(entries))
    }

    fn text(&mut self, line: u64) -> Result<String, Problem> {
        self.take()?;
        let mut bytes = Vec::new();
        loop {
            match self.take()? {
                None => return Err(broken_off(line, "a text has no end", "\"")),
                Some(b'"') => break,
                Some(b'\\') => self.escape(line, &mut bytes)?,
                Some(byte) => bytes.push(byte),
            }
        }
        String::from_utf8(bytes)
            .map_err(|_| Problem::new(line, "bytes that are no text", "a history is text in UTF-8"))
    }

    fn escape(&mut self, line: u64, bytes: &mut Vec<u8>) -> Result<(), Problem> {
        let plain = match self.take()? {
            None => return Err(broken_off(line, "a text has no end", "\"")),
            Some(b'n') => b'\n',
            Some(b't') => b'\t',
            Some(b'r') => b'\r',
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(byte @ (b'"' | b'\\' | b'/')) => byte,
            Some(b'u') => {
                let mut code = 0;
                for _ in 0..4 {
                    let digit = self.take()?.and_then(|byte| char::from(byte).to_digit(16));
                    let wrong = || Problem::new(line, "`\\u` without four digits", "as in \\u00e9");
                    code = code * 16 + digit.ok_or_else(wrong)?;
                }
                // Halves of pairs stand for nothing by themselves.
                let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
                return Ok(());
            }
            Some(other) => {
                let found = format!("`\\{}` in a text", char::from(other).escape_default());
                return Err(Problem::new(line, found, "the escapes are \\n \\t \\r \\\" \\\\ \\u1234"));
            }
        };
        bytes.push(plain);
        Ok(())
    }

    /// `#{set}`, `#_ discarded`, `##NaN`, `#tag form`.
    fn tagged(&mut self, line: u64, depth: usize) -> Result<Option<Form>, Problem> {
        self.take()?;
        match self.source.peek()? {
            Some(b'{') => self.many(b'}', depth).map(|parts| Some(Form::Many(parts))),
            Some(b'_') => {
                self.take()?;
                // What is discarded may itself begin with discarded forms.
                loop {
                    self.skip()?;
                    if self.form(depth + 1)?.is_some() {
                        return Ok(None);
                    }
                }
            }
            Some(b'#') => {
                self.take()?;
                self.atom(line).map(Some)
            }
            _ => {
                self.atom(line)?;
                self.skip()?;
                self.form(depth + 1)
            }
        }
    }

    fn character(&mut self, line: u64) -> Result<Form, Problem> {
        self.take()?;
        let mut name = vec![b'\\'];
        if let Some(byte) = self.take()? {
            name.push(byte);
        }
        self.rest_of_atom(&mut name)?;
        word(line, name).map(Form::Word)
    }

    fn atom(&mut self, line: u64) -> Result<Form, Problem> {
        let mut bytes = Vec::new();
        self.rest_of_atom(&mut bytes)?;
        let word = word(line, bytes)?;
        if word == "nil" {
            return Ok(Form::Nil);
        }
        let digits = word.strip_suffix('N').unwrap_or(&word);
        Ok(digits.parse().map_or(Form::Word(word), Form::Int))
    }

    fn rest_of_atom(&mut self, bytes: &mut Vec<u8>) -> Result<(), Problem> {
        while let Some(byte) = self.source.peek()? {
            if byte.is_ascii_whitespace() || b",;\"()[]{}".contains(&byte) {
                break;
            }
            self.take()?;
            bytes.push(byte);
        }
        Ok(())
    }
}

fn word(line: u64, bytes: Vec<u8>) -> Result<String, Problem> {
    match String::from_utf8(bytes) {
        Ok(word) if !word.is_empty() => Ok(word),
        _ => Err(Problem::new(line, "bytes that are no EDN", "a history is text in UTF-8")),
    }
}
