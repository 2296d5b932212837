//! What is wrong with a scenario, where, and what would be right; and how that is shown.

use crate::base::text::safe;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use std::ops::Range;

/// The most problems of one file that are printed.
const PRINTED: usize = 50;

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, as bytes of the source.
    pub span: Range<usize>,
    /// What was found.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at `span`.
    pub fn new(span: Range<usize>, message: impl Into<String>) -> Self {
        Problem { span, message: message.into(), help: None }
    }

    /// The same with what would be right.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// A text that problems point into: a file, and behind it what the command line said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What the file is called.
    pub name: String,
    /// The file, then one line for each override.
    pub text: String,
    /// Where the overrides begin.
    pub file_ends: usize,
}

/// All problems of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems {
    /// The source.
    pub source: Source,
    /// The problems, in the order of their places.
    pub list: Vec<Problem>,
}

impl Problems {
    /// Line and column of a problem, both from 1; lines of overrides count from the command line's first.
    pub fn place(&self, problem: &Problem) -> (usize, usize) {
        let start = problem.span.start.min(self.source.text.len());
        let begin = if start >= self.source.file_ends { self.source.file_ends } else { 0 };
        let before = &self.source.text.as_bytes()[begin..start];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let column = before.iter().rev().take_while(|&&byte| byte != b'\n').count() + 1;
        (line, column)
    }

    /// The problems as a compiler would show them. Nothing of the source reaches the terminal unmasked.
    pub fn render(&self, with_colour: bool) -> String {
        let renderer = if with_colour { Renderer::styled() } else { Renderer::plain() };
        let mut out = String::new();
        for problem in self.list.iter().take(PRINTED) {
            out.push_str(&self.render_one(&renderer, problem));
            out.push_str("\n\n");
        }
        if self.list.len() > PRINTED {
            out.push_str(&format!("and {} more\n", self.list.len() - PRINTED));
        }
        out
    }

    fn render_one(&self, renderer: &Renderer, problem: &Problem) -> String {
        let (line, _) = self.place(problem);
        let text = &self.source.text;
        let start = floor(text, problem.span.start.min(text.len()));
        let begin = text[..start].rfind('\n').map_or(0, |at| at + 1);
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
        let shown = masked(&text[begin..end.min(floor(text, begin + 400))]);
        let from = (start - begin).min(shown.len());
        let to = (floor(text, problem.span.end.clamp(start, end)) - begin).clamp(from, shown.len());
        let is_override = start >= self.source.file_ends;
        let name = if is_override { "command line".to_owned() } else { safe(&self.source.name).into_owned() };
        let message = safe(&problem.message).into_owned();
        let snippet = Snippet::source(shown.as_str())
            .path(name.as_str())
            .line_start(line)
            .annotation(AnnotationKind::Primary.span(from..to));
        let group = Level::ERROR.primary_title(message.as_str()).element(snippet);
        let help = problem.help.as_deref().map(|help| safe(help).into_owned());
        match &help {
            Some(help) => renderer.render(&[group.element(Level::HELP.message(help.as_str()))]),
            None => renderer.render(&[group]),
        }
    }
}

/// The nearest character border at or before `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// `text` with every character that could act on a terminal replaced by as many question marks as it has bytes, so
/// that carets stay under what they mean.
fn masked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let mut bytes = [0; 4];
        let whole = c.encode_utf8(&mut bytes);
        match safe(whole).as_ref() == whole {
            true => out.push(c),
            false if c == '\t' => out.push(' '),
            false => out.extend(std::iter::repeat_n('?', c.len_utf8())),
        }
    }
    out
}
