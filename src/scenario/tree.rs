//! A spanned TOML tree and the typed questions that are asked of it. Every wrong answer becomes a problem with its
//! place; asking goes on, so that all problems of a file are told at once.

use super::problem::Problem;
use crate::base::quantity::parse_span;
use crate::base::text::nearest;
use crate::base::time::Span;
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The longest text a file may hold in one place, in bytes.
const TEXT_MAX: usize = 4096;

/// Collects problems while a tree is walked.
#[derive(Debug, Default)]
pub(super) struct Walk {
    pub(super) problems: Vec<Problem>,
}

/// A table with its place and what it is called in messages.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    pub(super) table: &'a DeTable<'a>,
    /// The place of its header, for what is missing.
    pub(super) header: (usize, usize),
    pub(super) name: &'a str,
}

/// A value with its place.
#[derive(Clone)]
pub(super) struct Found<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

pub(super) fn range(span: (usize, usize)) -> Range<usize> {
    span.0..span.1
}

impl Walk {
    pub(super) fn problem(
        &mut self,
        span: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem::new(span, message).help(help));
    }

    /// Keys that nobody knows.
    pub(super) fn check_keys(&mut self, section: Section<'_>, known: &[&str]) {
        for key in section.table.keys() {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let help = match nearest(name, known.iter().copied()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("{} takes {}", section.name, known.join(", ")),
                };
                self.problem(key.span(), format!("unknown key `{name}` in {}", section.name), help);
            }
        }
    }

    pub(super) fn value<'a>(&self, section: Section<'a>, key: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        section.table.iter().find(|(known, _)| known.get_ref().as_ref() == key).map(|(_, value)| value)
    }

    fn wrong(&mut self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let kind = value.get_ref().type_str();
        self.problem(
            value.span(),
            format!("`{key}` is {wanted}, not this {kind}"),
            format!("write {wanted}"),
        );
    }

    pub(super) fn missing(&mut self, section: Section<'_>, key: &str, example: &str) {
        let message = format!("{} needs `{key}`", section.name);
        self.problem(range(section.header), message, format!("for instance `{key} = {example}`"));
    }

    /// A text without control characters.
    pub(super) fn text(&mut self, section: Section<'_>, key: &str) -> Option<Found<String>> {
        let value = self.value(section, key)?;
        let Some(text) = value.get_ref().as_str() else {
            self.wrong(key, value, "a text");
            return None;
        };
        self.check_text(key, text, value.span())?;
        Some(Found { value: text.to_owned(), span: value.span() })
    }

    pub(super) fn check_text(&mut self, key: &str, text: &str, span: Range<usize>) -> Option<()> {
        if let Some(c) = text.chars().find(|c| c.is_control() && *c != '\n') {
            let message = format!("control character U+{:04X} in `{key}`", c as u32);
            self.problem(span, message, "plain text only");
            return None;
        }
        if text.len() > TEXT_MAX {
            self.problem(
                span,
                format!("`{key}` is {} bytes long", text.len()),
                format!("at most {TEXT_MAX} bytes"),
            );
            return None;
        }
        Some(())
    }

    /// Texts: a list, or one alone.
    pub(super) fn texts(&mut self, section: Section<'_>, key: &str) -> Option<Found<Vec<Found<String>>>> {
        let value = self.value(section, key)?;
        let items: Vec<&Spanned<DeValue<'_>>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().collect(),
            _ => vec![value],
        };
        let mut texts = Vec::new();
        for item in items {
            match item.get_ref().as_str() {
                Some(text) if self.check_text(key, text, item.span()).is_some() => {
                    texts.push(Found { value: text.to_owned(), span: item.span() });
                }
                Some(_) => {}
                None => self.wrong(key, item, "a text or a list of texts"),
            }
        }
        Some(Found { value: texts, span: value.span() })
    }

    /// A whole number in a range.
    pub(super) fn integer(
        &mut self,
        section: Section<'_>,
        key: &str,
        min: i64,
        max: i64,
    ) -> Option<Found<i64>> {
        let value = self.value(section, key)?;
        let parsed =
            value.get_ref().as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
        match parsed.filter(|number| (min..=max).contains(number)) {
            Some(number) => Some(Found { value: number, span: value.span() }),
            None => {
                self.wrong(key, value, &format!("a whole number from {min} to {max}"));
                None
            }
        }
    }

    /// A number.
    pub(super) fn number(&mut self, section: Section<'_>, key: &str) -> Option<Found<f64>> {
        let value = self.value(section, key)?;
        let Some(number) = number(value.get_ref()) else {
            self.wrong(key, value, "a number");
            return None;
        };
        Some(Found { value: number, span: value.span() })
    }

    /// A share, as a number from 0 to 1 or a text like `"5%"`; per million.
    pub(super) fn share(&mut self, section: Section<'_>, key: &str) -> Option<u32> {
        let value = self.value(section, key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => {
                text.strip_suffix('%').and_then(|t| crate::base::quantity::parse_decimal(t, 10_000))
            }
            other => number(other).filter(|n| (0.0..=1.0).contains(n)).map(|n| (n * 1e6).round() as u64),
        };
        match text.filter(|&ppm| ppm <= 1_000_000) {
            Some(ppm) => Some(ppm as u32),
            None => {
                self.wrong(key, value, "a share from 0.0 to 1.0, or a percentage like \"5%\"");
                None
            }
        }
    }

    /// A duration.
    pub(super) fn span(&mut self, section: Section<'_>, key: &str) -> Option<Found<Span>> {
        let value = self.value(section, key)?;
        self.span_of(key, value).map(|span| Found { value: span, span: value.span() })
    }

    pub(super) fn span_of(&mut self, key: &str, value: &Spanned<DeValue<'_>>) -> Option<Span> {
        let parsed = value.get_ref().as_str().and_then(parse_span);
        if parsed.is_none() {
            let found = value
                .get_ref()
                .as_str()
                .map_or_else(|| value.get_ref().type_str().to_owned(), |t| format!("`{t}`"));
            let help = "a duration is a text like \"250ms\", \"5s\", \"2m\", at most 24h";
            self.problem(value.span(), format!("`{key}` is no duration: {found}"), help);
        }
        parsed
    }

    /// A table.
    pub(super) fn section<'a>(
        &mut self,
        parent: Section<'a>,
        key: &str,
        name: &'a str,
    ) -> Option<Section<'a>> {
        let value = self.value(parent, key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Section { table, header: place(value), name }),
            None => {
                self.wrong(key, value, &format!("a table `[{key}]`"));
                None
            }
        }
    }

    /// A list of tables.
    pub(super) fn sections<'a>(&mut self, parent: Section<'a>, key: &str, name: &'a str) -> Vec<Section<'a>> {
        let Some(value) = self.value(parent, key) else { return Vec::new() };
        let Some(items) = value.get_ref().as_array() else {
            self.wrong(key, value, &format!("a list of tables `[[{key}]]`"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section { table, header: place(item), name }),
                None => self.wrong(key, item, &format!("a table `[[{key}]]`")),
            }
        }
        sections
    }
}

fn place(value: &Spanned<DeValue<'_>>) -> (usize, usize) {
    (value.span().start, value.span().end)
}

/// A float or whole number as a float.
pub(super) fn number(value: &DeValue<'_>) -> Option<f64> {
    let number: f64 = match value {
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok()? as f64,
        DeValue::Float(number) => number.as_str().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// Any plain value as the text a knob reads: texts, numbers, yes and no, lists of them.
pub(super) fn plain(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).ok()?.to_string(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        DeValue::Array(items) => {
            items.iter().map(|item| plain(item.get_ref())).collect::<Option<Vec<_>>>()?.join(",")
        }
        DeValue::Datetime(_) | DeValue::Table(_) => return None,
    })
}
