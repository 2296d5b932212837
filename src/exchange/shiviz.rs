//! Writing a trace for ShiViz, which draws space-time diagrams: two lines an event, the text and `host {"a":1,…}` with
//! a vector clock. The first line of the file is the regular expression that ShiViz asks for, the second, empty, says
//! that there is one execution.
//!
//! The clocks are made here, from the messages: a host's own entry begins at 1 and grows by 1 with each of its events,
//! and a receipt takes in all that its sender knew when it sent.

use serde_json::Map;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// How ShiViz finds the parts of an event.
pub const REGULAR_EXPRESSION: &str = r"(?<time>\S*) (?<event>.*)\n(?<host>\S*) (?<clock>{.*})";

/// One event at one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The host, by its place.
    pub host: usize,
    /// When, without blanks.
    pub time: String,
    /// What; ends of lines are taken out.
    pub text: String,
    /// What ties it to others.
    pub tie: Tie,
}

/// What ties an event to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tie {
    /// Nothing.
    Alone,
    /// It sends a message of this id; if there is a second copy, it has the next id, which no other message has then.
    Sends(u64),
    /// It receives a message.
    Receives(u64),
}

type Clock = BTreeMap<usize, u64>;

/// Writes `steps`, which stand in an order in which nothing is received before it is sent.
///
/// # Errors
/// If `out` cannot be written.
pub fn write(hosts: &[String], steps: &[Step], out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{REGULAR_EXPRESSION}\n")?;
    let mut clocks: Vec<Clock> = vec![Clock::new(); hosts.len()];
    let mut on_their_way: BTreeMap<u64, Clock> = BTreeMap::new();
    for step in steps {
        if let Tie::Receives(id) = step.tie {
            for (host, count) in on_their_way.remove(&id).unwrap_or_default() {
                let known = clocks[step.host].entry(host).or_default();
                *known = (*known).max(count);
            }
        }
        *clocks[step.host].entry(step.host).or_default() += 1;
        if let Tie::Sends(id) = step.tie {
            on_their_way.insert(id, clocks[step.host].clone());
            on_their_way.insert(id + 1, clocks[step.host].clone());
        }
        let name = |host: &usize| plain(&hosts[*host]);
        let clock: Map<String, serde_json::Value> =
            clocks[step.host].iter().map(|(host, count)| (name(host), (*count).into())).collect();
        writeln!(out, "{} {}", step.time, step.text.replace(['\n', '\r'], " "))?;
        writeln!(out, "{} {}", name(&step.host), serde_json::Value::Object(clock))?;
    }
    Ok(())
}

/// A host's name without blanks.
fn plain(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_begin_at_one_and_take_in_what_the_sender_knew() {
        let step = |host, text: &str, tie| Step { host, time: "1s".to_owned(), text: text.to_owned(), tie };
        let steps = [
            step(0, "wakes", Tie::Alone),
            step(0, "sends twice", Tie::Sends(7)),
            step(1, "receives\nit", Tie::Receives(7)),
            step(1, "receives it again", Tie::Receives(8)),
            step(1, "receives what nobody sent", Tie::Receives(99)),
        ];
        let mut out = Vec::new();
        write(&["n1".to_owned(), "the other".to_owned()], &steps, &mut out)
            .expect("a vector takes everything");
        let text = String::from_utf8(out).expect("it is text");
        let expected = [
            REGULAR_EXPRESSION,
            "",
            "1s wakes",
            r#"n1 {"n1":1}"#,
            "1s sends twice",
            r#"n1 {"n1":2}"#,
            "1s receives it",
            r#"the-other {"n1":2,"the-other":1}"#,
            "1s receives it again",
            r#"the-other {"n1":2,"the-other":2}"#,
            "1s receives what nobody sent",
            r#"the-other {"n1":2,"the-other":3}"#,
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
    }
}
