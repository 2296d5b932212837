//! `splitbrain run --why`: chains of causes, after the report or in the object.

use crate::base::names::Names;
use crate::base::text::safe;
use crate::base::why::{About, Chain, KINDS};
use crate::cluster::live::Cluster;
use crate::scenario::model::Scenario;
use serde_json::{Value, json};
use std::io::{self, Write};
use std::sync::Arc;

/// An answer to one question about one run.
pub struct Answer {
    /// The run, by its place.
    pub run: usize,
    /// What was asked, as it was asked.
    pub word: String,
    /// The chain; `None` if there is no such thing in this run.
    pub chain: Option<Chain>,
    names: Arc<Names>,
}

/// What `word` asks about.
///
/// # Errors
/// A sentence that says what would be right.
pub fn parse(word: &str) -> Result<About, String> {
    let kinds = || KINDS.iter().map(|(_, word, _)| *word).collect::<Vec<_>>().join(", ");
    About::from_word(word).ok_or_else(|| format!("one can ask for {}, or an operation like op17", kinds()))
}

/// Asks every run about every word.
pub fn ask(clusters: &mut [Box<dyn Cluster>], words: &[String]) -> Vec<Answer> {
    let mut answers = Vec::new();
    for (word, about) in words.iter().filter_map(|word| Some((word, About::from_word(word)?))) {
        for (run, cluster) in clusters.iter_mut().enumerate() {
            let chain = cluster.why(about);
            answers.push(Answer { run, word: word.clone(), chain, names: cluster.names() });
        }
    }
    answers
}

/// Writes the chains, each link below what it is the cause of.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_text(scenario: &Scenario, answers: &[Answer], out: &mut dyn Write) -> io::Result<()> {
    for answer in answers {
        let run = safe(&scenario.runs[answer.run].id);
        let Some(chain) = &answer.chain else {
            writeln!(out, "\nwhy {} in {run}? There is none.", answer.word)?;
            continue;
        };
        writeln!(out, "\nwhy {} in {run}?", answer.word)?;
        for (nth, reason) in chain.iter().enumerate() {
            let because = if nth == 0 { "" } else { "because: " };
            let who = reason.node.map_or_else(|| "-".to_owned(), |node| answer.names.node(node));
            let code = reason.code.unwrap_or("");
            writeln!(out, "  {} {who:<6} {code:<17} {because}{}", reason.at, safe(&reason.text))?;
        }
    }
    Ok(())
}

/// The chains as JSON.
pub fn json(scenario: &Scenario, answers: &[Answer]) -> Value {
    let link = |answer: &Answer, reason: &crate::base::why::Reason| {
        let node = reason.node.map(|node| answer.names.node(node));
        json!({"at_us": reason.at.0, "node": node, "code": reason.code, "text": reason.text})
    };
    let answer = |answer: &Answer| {
        let chain = answer.chain.as_ref();
        let chain = chain.map(|chain| chain.iter().map(|reason| link(answer, reason)).collect::<Vec<_>>());
        json!({"run": scenario.runs[answer.run].id, "about": answer.word, "chain": chain})
    };
    answers.iter().map(answer).collect()
}
