//! The story of one write, told from recorded facts: who asked, which messages carried it, where it came into memory
//! and onto disks, what ended it, who holds it now. And the list of acknowledged writes that such stories are chosen
//! from.

use super::facts::{Fact, What};
use super::fates::{Decided, Fates, acknowledged};
use super::host::NodeCell;
use super::ledger::{OpRecord, RealTime};
use super::view::{Health, HolderRow, LEDGER_SHOWN, LedgerView, StoryLine, StoryView, WriteRow};
use super::world::World;
use crate::base::data::{Change, Update};
use crate::base::ids::{MessageId, NodeId, OpId};
use crate::base::operation::Action;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::{Durable, Holding, Protocol, Sought};
use std::collections::{BTreeMap, BTreeSet};

/// The most lines of a story.
const LINES: usize = 200;

impl<P: Protocol> World<P> {
    /// The acknowledged writes, worst fate first and of each fate the newest first.
    pub fn ledger_view(&self, fates: &Fates) -> LedgerView {
        let mut worst: Vec<&Decided> = fates.decided.iter().collect();
        worst.sort_by_key(|decided| std::cmp::Reverse((rank(decided), decided.op)));
        let rows = worst.into_iter().take(LEDGER_SHOWN).filter_map(|decided| self.write_row(decided));
        LedgerView { counts: fates.counts, rows: rows.collect() }
    }

    fn write_row(&self, decided: &Decided) -> Option<WriteRow> {
        let record = self.ledger.get(decided.op)?;
        Some(WriteRow {
            op: decided.op,
            client: record.client,
            what: self.asked(record),
            node: record.node,
            asked_at: record.scheduled,
            acked_at: record.ended,
            fate: decided.fate,
            memory: decided.copies.memory,
            flushed: decided.copies.flushed,
        })
    }

    /// The story of `op`, if it is an acknowledged write.
    pub fn story(&self, cells: &[NodeCell<P>], fates: &Fates, op: OpId) -> Option<StoryView> {
        let row = self.write_row(fates.of(op)?)?;
        let record = self.ledger.get(op)?;
        let mut lines = vec![StoryLine {
            at: record.scheduled,
            node: None,
            text: format!("{} asks: {}", record.client, row.what),
            is_bad: false,
        }];
        lines.extend(self.told_by_facts(op, record));
        if is_part_of_a_whole(record) && lines.len() == 1 {
            let text =
                "messages and disks hold the key as a whole, and tell no single change of it".to_owned();
            lines.push(StoryLine { at: record.scheduled, node: None, text, is_bad: false });
        }
        lines.push(self.acknowledgement(record));
        lines.sort_by_key(|line| line.at);
        lines.truncate(LINES);
        Some(StoryView {
            is_whole: self.facts.reach_back_to(record.scheduled),
            holders: self.holders(cells, op, record),
            lines,
            row,
        })
    }

    fn acknowledgement(&self, record: &OpRecord) -> StoryLine {
        let place = acknowledged(record).map_or(String::new(), |written| P::place_of(written.version));
        let after = record.latency().as_millis();
        let text = format!("acknowledged to {} after {after:.1} ms: {place}", record.client);
        StoryLine { at: record.ended, node: record.node, text, is_bad: false }
    }

    fn told_by_facts(&self, op: OpId, record: &OpRecord) -> Vec<StoryLine> {
        let facts: Vec<Fact> = self.facts.of(op, record.scheduled).copied().collect();
        let ends = ends_of_messages(&facts);
        let mut met: BTreeSet<NodeId> = record.node.into_iter().collect();
        let mut lines = Vec::new();
        for Fact { at, what, .. } in facts {
            let (node, text, is_bad) = match what {
                What::Sent { message, from, to, name } => {
                    met.insert(from);
                    let (end, is_bad) = end_of(ends.get(&message), at);
                    (Some(from), format!("{message} {name} to {}: {end}", self.names.node(to)), is_bad)
                }
                What::Arrived { .. } | What::Lost { .. } => continue,
                What::Appended { node } => {
                    met.insert(node);
                    (Some(node), "in memory".to_owned(), false)
                }
                What::Flushed { node } => (Some(node), "on disk".to_owned(), false),
                What::Cut { node } => (Some(node), "cut off its log".to_owned(), true),
                What::Beaten { node, by } => {
                    let (text, is_bad) = self.beaten(record, by);
                    (Some(node), text, is_bad)
                }
                What::Crashed { node, .. } if !met.contains(&node) => continue,
                What::Crashed { node, kind } => (Some(node), format!("crashes: {}", kind.keeps()), true),
            };
            lines.push(StoryLine { at, node, text, is_bad });
        }
        lines
    }

    fn beaten(&self, record: &OpRecord, by: OpId) -> (String, bool) {
        let Some(winner) = self.ledger.get(by) else { return ("a merge prefers another".to_owned(), true) };
        let (when, is_bad) = match winner.stands_to(record) {
            RealTime::Before => ("had returned before this one began", true),
            RealTime::After => ("came later", false),
            RealTime::Concurrent => ("was made at the same time", true),
        };
        let place = acknowledged(winner).map(|written| format!(" ({})", P::place_of(written.version)));
        let asked = self.asked(winner);
        let place = place.unwrap_or_default();
        (format!("a merge prefers `{asked}` of {}{place}, which {when}", winner.client), is_bad)
    }

    fn holders(&self, cells: &[NodeCell<P>], op: OpId, record: &OpRecord) -> Vec<HolderRow> {
        let Some(written) = acknowledged(record) else { return Vec::new() };
        let sought = Sought { op, key: record.key, written };
        let nodes = self.machines.iter().zip(cells).take(self.started);
        let row = |(machine, cell): (&super::machine::Machine<P>, &NodeCell<P>)| {
            let is_up = machine.health != Health::Down;
            let state = cell.state_in(machine.incarnation).filter(|_| is_up);
            let memory = state.and_then(|state| state.holding(&sought));
            let disk = machine.disk.flushed().holding(&sought);
            HolderRow {
                node: machine.node,
                is_up,
                memory: memory.map(|holding| self.spell_holding(holding)),
                disk: disk.map(|holding| self.spell_holding(holding)),
            }
        };
        nodes.map(row).collect()
    }

    fn spell_holding(&self, holding: Holding) -> String {
        match holding {
            Holding::Log { index } => format!("entry {index} of its log"),
            Holding::Table => "in its table".to_owned(),
            Holding::Hint { target } => format!("a hint for {}", self.names.node(target)),
        }
    }
}

/// Whether the store knows it by an event in what the key holds, as it does with counters and sets that merge.
fn is_part_of_a_whole(record: &OpRecord) -> bool {
    let is_change = |update| matches!(update, Update::Increment(_) | Update::Add(_) | Update::Remove(_));
    let has_event = acknowledged(record).is_some_and(|written| written.event.is_some());
    has_event && matches!(record.action, Action::Change(Change::Update(update)) if is_change(update))
}

/// The worst first: what is lost, then what is at risk, then the rest alike.
fn rank(decided: &Decided) -> u8 {
    use crate::base::fate::WriteFate;
    match decided.fate {
        fate if fate.is_lost() => 3,
        WriteFate::AtRisk => 2,
        WriteFate::BeatenByConcurrent => 1,
        _ => 0,
    }
}

/// When each message ended, and how if it was lost.
fn ends_of_messages(facts: &[Fact]) -> BTreeMap<MessageId, (VirtualTime, Option<&'static str>)> {
    let end = |fact: &Fact| match fact.what {
        What::Arrived { message } => Some((message, (fact.at, None))),
        What::Lost { message, why } => Some((message, (fact.at, Some(why.word())))),
        _ => None,
    };
    facts.iter().filter_map(end).collect()
}

fn end_of(end: Option<&(VirtualTime, Option<&'static str>)>, sent_at: VirtualTime) -> (String, bool) {
    let after = |at: VirtualTime| -> Span { at.since(sent_at) };
    match end {
        None => ("on its way".to_owned(), false),
        Some((at, None)) => (format!("arrives after {:.1} ms", after(*at).as_millis()), false),
        Some((_, Some(why))) => (format!("lost, {why}"), true),
    }
}
