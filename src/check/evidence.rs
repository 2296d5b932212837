//! Evidence: why a checker says what it says, in words, with the few operations that show it.

use crate::base::data::Change;
use crate::base::ids::{ClientId, NodeId, OpId};
use crate::base::names::Names;
use crate::base::operation::{Action, Found, Outcome, Success};
use crate::base::time::VirtualTime;
use crate::cluster::ledger::{Ledger, OpRecord};

/// Why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// In words.
    pub words: String,
    /// The operations that show it, in the order of their calls; as few as will do.
    pub operations: Vec<OpId>,
}

/// One operation of a piece of evidence, as a client lived it: what a screen draws as a bar over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    /// The operation.
    pub op: OpId,
    /// Who asked.
    pub client: ClientId,
    /// What, and what came of it: `read x -> 5`.
    pub what: String,
    /// The node that answered.
    pub node: Option<NodeId>,
    /// When it was asked.
    pub from: VirtualTime,
    /// When it ended for its client; `None` if it never did, or nobody can say when it took effect.
    pub to: Option<VirtualTime>,
}

impl Evidence {
    /// Words alone.
    pub fn words(words: impl Into<String>) -> Evidence {
        Evidence { words: words.into(), operations: Vec::new() }
    }

    /// Words, and the operations that show it in any order.
    pub fn of(words: impl Into<String>, operations: impl IntoIterator<Item = OpId>) -> Evidence {
        let mut operations: Vec<OpId> = operations.into_iter().collect();
        operations.sort_unstable();
        operations.dedup();
        Evidence { words: words.into(), operations }
    }

    /// The operations as intervals.
    pub fn intervals(&self, ledger: &Ledger, names: &Names) -> Vec<Interval> {
        let interval = |&op: &OpId| {
            let record = ledger.get(op)?;
            Some(Interval {
                op,
                client: record.client,
                what: what(record, names),
                node: record.node,
                from: record.scheduled,
                to: record.is_ok().then_some(record.ended),
            })
        };
        self.operations.iter().filter_map(interval).collect()
    }
}

/// An operation and its outcome in few words: `write x=5`, `read x -> 5`, `write x=5 unknown`.
pub(super) fn what(record: &OpRecord, names: &Names) -> String {
    let key = names.key(record.key);
    let asked = match &record.action {
        Action::Change(Change::Write(data)) => format!("write {key}={}", names.data(data)),
        Action::Change(Change::Delete) => format!("delete {key}"),
        Action::Change(Change::Update(update)) => format!("{key} {}", names.update(*update)),
        Action::Read | Action::ReadHere | Action::Locate => format!("read {key}"),
    };
    match &record.outcome {
        Outcome::Ok(Success::Found(found)) => {
            let all = found.iter().flat_map(Found::all).filter_map(|(data, _)| data);
            let values: Vec<String> = all.map(|data| names.data(data)).collect();
            let values = if values.is_empty() { "nothing".to_owned() } else { values.join(" | ") };
            format!("{asked} -> {values}")
        }
        Outcome::Ok(Success::Written(_)) => asked,
        Outcome::Pending => format!("{asked} open"),
        Outcome::Fail(_) => format!("{asked} failed"),
        Outcome::Unknown(_) => format!("{asked} unknown"),
    }
}

/// An operation in a sentence: `write x=5 of c3 at 5.103 s`.
pub(super) fn told(op: OpId, ledger: &Ledger, names: &Names) -> String {
    ledger.get(op).map_or_else(
        || op.to_string(),
        |record| format!("{} of {} at {}", what(record, names), record.client, record.scheduled),
    )
}
