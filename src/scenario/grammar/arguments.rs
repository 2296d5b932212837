//! The arguments of commands: nodes, lists, links, quantities. Every piece is a slice of the command, so that an
//! error knows its bytes.

use super::{CommandError, Parsed, Vocabulary};
use crate::base::command::{Links, NodeRef, Verb};
use crate::base::ids::NodeId;
use crate::base::text::nearest;

/// What follows the verb, with the whole command for places and the names for meanings.
pub(super) struct Arguments<'a> {
    whole: &'a str,
    pub(super) rest: &'a str,
    pub(super) vocabulary: &'a Vocabulary,
}

impl<'a> Arguments<'a> {
    /// `rest` must be a slice of `whole`.
    pub(super) fn new(whole: &'a str, rest: &'a str, vocabulary: &'a Vocabulary) -> Self {
        Arguments { whole, rest, vocabulary }
    }

    /// The place of `part`, a slice of the command; the whole command for anything else.
    fn offset(&self, part: &str) -> usize {
        (part.as_ptr() as usize).wrapping_sub(self.whole.as_ptr() as usize).min(self.whole.len())
    }

    pub(super) fn error(
        &self,
        part: &str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> CommandError {
        let start = self.offset(part);
        let end = (start + part.len()).min(self.whole.len());
        CommandError { span: start..end, message: message.into(), help: Some(help.into()) }
    }

    /// The verb's arguments are missing or not of its form.
    pub(super) fn missing(&self, verb: &Verb) -> CommandError {
        let message = match self.rest.is_empty() {
            true => format!("`{}` needs more", verb.word),
            false => format!("`{}` does not fit `{}`", self.rest, verb.word),
        };
        let part = if self.rest.is_empty() { self.whole.trim() } else { self.rest };
        self.error(part, message, format!("`{}`, for instance `{}`", verb.syntax, verb.example))
    }

    /// Reads all that follows the verb as one thing.
    pub(super) fn only<T>(&self, verb: &Verb, read: impl FnOnce(&'a str) -> Parsed<T>) -> Parsed<T> {
        if self.rest.is_empty() { Err(self.missing(verb)) } else { read(self.rest) }
    }

    /// Checks that nothing follows the verb.
    pub(super) fn nothing(&self) -> Parsed<()> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(self.error(
                self.rest,
                format!("`{}` is too much here", self.rest),
                "nothing follows this verb",
            )),
        }
    }

    /// Splits off the last word.
    pub(super) fn last_word(&self, verb: &Verb) -> Parsed<(&'a str, &'a str)> {
        match self.rest.rsplit_once(char::is_whitespace) {
            Some((first, last)) if !first.trim().is_empty() => Ok((first.trim(), last)),
            _ => Err(self.missing(verb)),
        }
    }

    /// From the first byte of `first` to the last of `last`, both slices of the command.
    pub(super) fn between(&self, first: &str, last: &str) -> &'a str {
        &self.whole[self.offset(first)..self.offset(last) + last.len()]
    }

    /// A key, a value: a bare word, or anything in double quotes.
    pub(super) fn word(&self, text: &str) -> Parsed<String> {
        let text = text.trim();
        let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let is_bare = |c: char| !c.is_whitespace() && !"\"=|".contains(c);
        match quoted {
            Some(inside) if !inside.is_empty() && !inside.contains('"') => Ok(inside.to_owned()),
            None if !text.is_empty() && text.chars().all(is_bare) => Ok(text.to_owned()),
            _ => Err(self.error(text, format!("`{text}` is no word"), "put it in double quotes")),
        }
    }

    pub(super) fn node_name(&self, node: &NodeRef) -> String {
        match node {
            NodeRef::Named(node) => self.vocabulary.nodes.get(node.index()).cloned().unwrap_or_default(),
            role => role.to_string(),
        }
    }
}

/// Splits `key=value` at the first `=` outside double quotes.
pub(super) fn split_assignment(text: &str) -> Option<(&str, &str)> {
    let mut is_quoted = false;
    for (at, c) in text.char_indices() {
        match c {
            '"' => is_quoted = !is_quoted,
            '=' if !is_quoted => return Some((&text[..at], &text[at + 1..])),
            _ => {}
        }
    }
    None
}

/// A node: a name, `primary`, `coordinator-of KEY`, `owner-2-of KEY`.
pub(super) fn node(arguments: &Arguments<'_>, text: &str) -> Parsed<NodeRef> {
    let text = text.trim();
    if let Some(place) = arguments.vocabulary.nodes.iter().position(|name| name == text) {
        return Ok(NodeRef::Named(NodeId::at(place)));
    }
    if let Some(place) = arguments.vocabulary.spares.iter().position(|name| name == text) {
        return Ok(NodeRef::Named(NodeId::at(arguments.vocabulary.nodes.len() + place)));
    }
    if text == "primary" {
        return Ok(NodeRef::Primary);
    }
    if let Some((role, key)) = text.split_once(char::is_whitespace) {
        let rank = match role {
            "coordinator-of" => Some(1),
            _ => role
                .strip_prefix("owner-")
                .and_then(|role| role.strip_suffix("-of"))
                .and_then(|n| n.parse().ok()),
        };
        if let Some(rank @ 1..) = rank {
            return Ok(NodeRef::Owner { rank, key: arguments.word(key)? });
        }
    }
    Err(arguments.error(text, format!("unknown node `{text}`"), known_nodes(arguments.vocabulary, text)))
}

fn known_nodes(vocabulary: &Vocabulary, text: &str) -> String {
    let names = &vocabulary.nodes;
    let all = match (names.first(), names.last()) {
        (Some(first), Some(last)) if names.len() > 3 => format!("this cluster has {first}..{last}"),
        _ => format!("this cluster has {}", names.join(", ")),
    };
    let near = nearest(text, names.iter().map(String::as_str)).filter(|_| text.len() > 2);
    near.map_or(all.clone(), |near| format!("{all}; did you mean `{near}`?"))
}

/// A comma-separated list of nodes; a site stands for its nodes.
pub(super) fn node_list(arguments: &Arguments<'_>, text: &str) -> Parsed<Vec<NodeRef>> {
    let mut nodes = Vec::new();
    for part in text.split(',').map(str::trim) {
        match arguments.vocabulary.sites.iter().find(|site| site.name == part) {
            Some(site) => nodes.extend(site.nodes.iter().map(|&node| NodeRef::Named(node))),
            None => nodes.push(node(arguments, part)?),
        }
    }
    Ok(nodes)
}

/// Links: `all`, a node (all of its), `A > B` one way, `A - B` both; lists on both sides.
pub(super) fn links(arguments: &Arguments<'_>, text: &str) -> Parsed<Links> {
    let text = text.trim();
    if text == "all" {
        return Ok(Links::All);
    }
    if let Some((from, to)) = text.split_once('>') {
        let (from, to) = (node_list(arguments, from.trim())?, node_list(arguments, to.trim())?);
        return between(arguments, text, from, to, false);
    }
    if let Ok(node) = node(arguments, text) {
        return Ok(Links::Of(node));
    }
    // Names may contain a dash: try each as the one that parts the two sides.
    for (at, _) in text.match_indices('-') {
        let sides = (node_list(arguments, text[..at].trim()), node_list(arguments, text[at + 1..].trim()));
        if let (Ok(from), Ok(to)) = sides {
            return between(arguments, text, from, to, true);
        }
    }
    match text.split_once('-') {
        Some((from, to)) => {
            node_list(arguments, from.trim())?;
            node_list(arguments, to.trim())?;
            Err(arguments.error(
                text,
                format!("`{text}` is no link"),
                "`A>B` one way, `A-B` both, a node, or `all`",
            ))
        }
        None => Err(arguments.error(
            text,
            format!("unknown node `{text}`"),
            known_nodes(arguments.vocabulary, text),
        )),
    }
}

fn between(
    arguments: &Arguments<'_>,
    text: &str,
    from: Vec<NodeRef>,
    to: Vec<NodeRef>,
    both: bool,
) -> Parsed<Links> {
    if from.iter().all(|one| to.iter().all(|other| one == other)) {
        return Err(arguments.error(text, "a node has no link to itself", "`A>B` one way, `A-B` both"));
    }
    Ok(Links::Between { from, to, both })
}

/// Numbers with their units.
pub(super) mod quantity {
    use super::{Arguments, Parsed};
    use crate::base::ids::MessageId;
    use crate::base::quantity::{parse_decimal, parse_span};
    use crate::base::time::Span;

    fn wrong(arguments: &Arguments<'_>, text: &str, kind: &str, right: &str) -> super::CommandError {
        arguments.error(text, format!("`{text}` is no {kind}"), right)
    }

    /// `30%`, per million.
    pub(in super::super) fn percent(arguments: &Arguments<'_>, text: &str) -> Parsed<u32> {
        let ppm = text.strip_suffix('%').and_then(|number| parse_decimal(number, 10_000));
        ppm.filter(|&ppm| ppm <= 1_000_000).map(|ppm| ppm as u32).ok_or_else(|| {
            wrong(arguments, text, "percentage", "a percentage looks like `30%`, from 0% to 100%")
        })
    }

    /// `0.2` or `20%`, per million.
    pub(in super::super) fn share(arguments: &Arguments<'_>, text: &str) -> Parsed<u32> {
        if text.ends_with('%') {
            return percent(arguments, text);
        }
        let ppm = parse_decimal(text, 1_000_000).filter(|&ppm| ppm <= 1_000_000);
        ppm.map(|ppm| ppm as u32)
            .ok_or_else(|| wrong(arguments, text, "share", "a share is a number from 0 to 1"))
    }

    /// `250ms`.
    pub(in super::super) fn span(arguments: &Arguments<'_>, text: &str) -> Parsed<Span> {
        parse_span(text).ok_or_else(|| {
            wrong(arguments, text, "duration", "a duration looks like `250ms`, `5s` or `2m`, up to 24h")
        })
    }

    /// `+50ms`.
    pub(in super::super) fn added(arguments: &Arguments<'_>, text: &str) -> Parsed<Span> {
        span(arguments, text.strip_prefix('+').unwrap_or(text))
    }

    /// `+250ms` or `-500ms`, in microseconds.
    pub(in super::super) fn signed(arguments: &Arguments<'_>, text: &str) -> Parsed<i64> {
        let (sign, size) = match text.strip_prefix('-') {
            Some(size) => (-1, size),
            None => (1, text.strip_prefix('+').unwrap_or(text)),
        };
        Ok(sign * span(arguments, size)?.0 as i64)
    }

    /// `200ppm`.
    pub(in super::super) fn ppm(arguments: &Arguments<'_>, text: &str) -> Parsed<i32> {
        let number = text.strip_suffix("ppm").and_then(|number| number.parse().ok());
        number.filter(|ppm: &i32| ppm.unsigned_abs() <= 500_000).ok_or_else(|| {
            wrong(arguments, text, "drift", "a drift looks like `200ppm`, up to 500000ppm either way")
        })
    }

    /// `20x`.
    pub(in super::super) fn factor(arguments: &Arguments<'_>, text: &str) -> Parsed<u32> {
        let number = text.strip_suffix('x').and_then(|number| number.parse().ok());
        number
            .filter(|factor| (1..=1_000_000).contains(factor))
            .ok_or_else(|| wrong(arguments, text, "factor", "a factor looks like `20x`, from 1x to 1000000x"))
    }

    /// Operations per second.
    pub(in super::super) fn rate(arguments: &Arguments<'_>, text: &str) -> Parsed<u32> {
        count(arguments, text.trim(), 0, 1_000_000)
    }

    /// A whole number in a range.
    pub(in super::super) fn count(arguments: &Arguments<'_>, text: &str, min: u32, max: u32) -> Parsed<u32> {
        let number = text.parse().ok().filter(|number| (min..=max).contains(number));
        number.ok_or_else(|| {
            wrong(arguments, text, "number for this", &format!("a whole number from {min} to {max}"))
        })
    }

    /// `m123`.
    pub(in super::super) fn message(arguments: &Arguments<'_>, text: &str) -> Parsed<MessageId> {
        let number = text.strip_prefix('m').and_then(|digits| digits.parse().ok());
        number.map(MessageId).ok_or_else(|| wrong(arguments, text, "message", "a message looks like `m123`"))
    }
}
