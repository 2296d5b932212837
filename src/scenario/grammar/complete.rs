//! What could come next, for the palette.

use super::Vocabulary;
use crate::base::command::VERBS;
use crate::base::knob::{KNOBS, KnobKind};

/// One way to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The whole command as it would stand.
    pub text: String,
    /// What it means.
    pub meaning: String,
}

/// Ways to go on from `partial`: verbs while the first word is being typed, then arguments.
pub fn complete(partial: &str, vocabulary: &Vocabulary) -> Vec<Completion> {
    let partial = partial.trim_start();
    let Some((word, rest)) = partial.split_once(char::is_whitespace) else {
        return verbs(partial);
    };
    let Some(verb) = VERBS.iter().find(|row| row.word == word) else { return Vec::new() };
    let typed = rest.rsplit(|c: char| c.is_whitespace() || ",|>".contains(c)).next().unwrap_or_default();
    let before = &partial[..partial.len() - typed.len()];
    let force = ("force".to_owned(), "whatever other nodes do".to_owned());
    let candidates = match word {
        "set" => knobs(typed, vocabulary),
        "add-node" => vec![force],
        // A node is named already.
        "decommission" | "replace" if before.trim_end().contains(' ') => vec![force],
        _ if verb.syntax.contains("NODE") || verb.syntax.contains('A') || verb.syntax.contains("LINK") => {
            names(verb.syntax, vocabulary)
        }
        _ => Vec::new(),
    };
    let fitting = candidates.into_iter().filter(|(text, _)| text.starts_with(typed) && text != typed);
    let mut completions: Vec<Completion> =
        fitting.map(|(text, meaning)| Completion { text: format!("{before}{text}"), meaning }).collect();
    completions.push(Completion { text: partial.to_owned(), meaning: verb.syntax.to_owned() });
    completions
}

/// Verbs that contain the letters in order; those that begin with them first.
fn verbs(typed: &str) -> Vec<Completion> {
    let is_subsequence = |word: &str| {
        let mut letters = word.chars();
        typed.chars().all(|wanted| letters.any(|letter| letter == wanted))
    };
    let mut fitting: Vec<_> = VERBS.iter().filter(|row| is_subsequence(row.word)).collect();
    fitting.sort_by_key(|row| !row.word.starts_with(typed));
    let completion = |row: &&crate::base::command::Verb| Completion {
        text: row.word.to_owned(),
        meaning: format!("{}: {}", row.syntax, row.meaning),
    };
    fitting.iter().map(completion).collect()
}

fn names(syntax: &str, vocabulary: &Vocabulary) -> Vec<(String, String)> {
    let nodes = vocabulary.nodes.iter().map(|name| (name.clone(), "node".to_owned()));
    let sites = vocabulary.sites.iter().map(|site| (site.name.clone(), "site".to_owned()));
    let roles = [("primary", "whoever is primary then"), ("all", "every link")];
    let roles = roles.into_iter().filter(|(word, _)| *word != "all" || syntax.contains("all"));
    nodes.chain(sites).chain(roles.map(|(word, meaning)| (word.to_owned(), meaning.to_owned()))).collect()
}

fn knobs(typed: &str, vocabulary: &Vocabulary) -> Vec<(String, String)> {
    let of_these = KNOBS.iter().filter(|row| row.is_hot && vocabulary.topologies.contains(&row.topology));
    let mut all = Vec::new();
    for row in of_these {
        match row.kind {
            KnobKind::Word(words) if typed.starts_with(row.key) => {
                all.extend(words.iter().map(|word| (format!("{}={word}", row.key), row.meaning.to_owned())));
            }
            _ => all.push((format!("{}=", row.key), row.meaning.to_owned())),
        }
    }
    all.dedup();
    all
}
