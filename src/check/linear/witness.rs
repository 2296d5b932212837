//! Evidence: a few operations that cannot have happened in any order, and why, in words and as a picture.

use crate::base::text::{fit, safe, width};
use crate::check::history::{History, KeyId, Kind, Operation, OperationId, Outcome};

/// Operations of one key that admit no order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// Of which key.
    pub key: KeyId,
    /// The operations, in the order of their calls. These alone cannot be put in order, even if every other write
    /// that had begun by then were free to take effect at any time or never.
    pub operations: Vec<OperationId>,
    /// Why not.
    pub reason: String,
}

/// The widest picture in which every bar carries its words; in wider ones they stand before the bars.
const WIDEST: usize = 100;
/// The most operations drawn.
const DRAWN: usize = 24;
/// The longest words of one operation.
const LABEL: usize = 28;

impl Witness {
    /// A witness from operations in any order.
    pub fn new(history: &History, mut operations: Vec<OperationId>, reason: String) -> Witness {
        operations.sort_unstable();
        operations.dedup();
        let key = operations.first().map_or(KeyId(0), |id| history.operations[id.index()].key);
        Witness { key, operations, reason }
    }

    /// The operations as intervals over time, a line each, with the reason above:
    ///
    /// ```text
    /// x: 1 was there before 2 and again after it, though it was written only once
    ///   process 0  ├ write 1 ┤
    ///   process 1             ├ write 2 ┤
    ///   process 0                        ├ read 1 ┤
    /// ```
    ///
    /// What is left of something happened before it; the scale is the order of events, not the clock. An operation
    /// whose end nobody saw runs out to the right.
    pub fn draw(&self, history: &History) -> String {
        let name = history.keys.get(self.key.index()).map_or("", |row| row.name.as_str());
        let of_key = if name.is_empty() { String::new() } else { format!("{}: ", safe(name)) };
        let mut out = format!("{of_key}{}\n", safe(&self.reason));
        let hidden = self.operations.len().saturating_sub(DRAWN);
        if hidden > 0 {
            out.push_str(&format!("  ({hidden} operations before these)\n"));
        }
        let mut bars: Vec<Bar> = self.operations[hidden..].iter().map(|id| Bar::new(history, *id)).collect();
        let mut columns = columns(&bars);
        if columns.last().is_some_and(|(_, column)| *column > WIDEST) {
            bars.iter_mut().for_each(Bar::move_words);
            columns = self::columns(&bars);
        }
        let names = bars.iter().map(|bar| width(&bar.who)).max().unwrap_or(0);
        for bar in &bars {
            let pad = " ".repeat(names - width(&bar.who));
            out.push_str(&format!("  {}{pad}  {}\n", bar.who, bar.draw(&columns)));
        }
        out
    }
}

/// An operation in words: `write 3`, `cas 1 2`, `read 3`.
pub fn words(history: &History, operation: &Operation) -> String {
    let value = || history.words(operation.value);
    match operation.kind {
        Kind::Read if operation.outcome != Outcome::Ok => "read".to_owned(),
        Kind::Cas => format!("cas {} {}", history.words(operation.expected), value()),
        kind => format!("{} {}", kind.word(), value()),
    }
}

struct Bar {
    who: String,
    label: String,
    call: u32,
    /// `None` if nobody saw it.
    end: Option<u32>,
}

impl Bar {
    fn new(history: &History, id: OperationId) -> Bar {
        let operation = &history.operations[id.index()];
        let process = history.processes.get(operation.process.0 as usize).map_or("?", String::as_str);
        let label = words(history, operation);
        let label = if operation.outcome == Outcome::Fail { format!("{label} failed") } else { label };
        let is_seen = operation.end != crate::check::history::NEVER;
        Bar {
            who: fit(&safe(&format!("process {process}")), 20).into_owned(),
            label: fit(&safe(&label), LABEL).into_owned(),
            call: operation.call,
            end: is_seen.then_some(operation.end),
        }
    }

    /// Columns from its left edge to its right edge.
    fn needs(&self) -> usize {
        if self.label.is_empty() { 1 } else { width(&self.label) + 3 }
    }

    /// Puts its words beside its process.
    fn move_words(&mut self) {
        self.who = format!("{}  {}", self.who, std::mem::take(&mut self.label));
    }

    fn draw(&self, columns: &[(u32, usize)]) -> String {
        let at =
            |place: u32| columns.iter().find(|(known, _)| *known == place).map_or(0, |(_, column)| *column);
        let left = at(self.call);
        let right = self.end.map_or(columns.last().map_or(left, |(_, column)| column + 2), at);
        let room = (right.saturating_sub(left)).max(self.needs());
        let edge = if self.end.is_some() { "┤" } else { "╌ ?" };
        let inside = match self.label.as_str() {
            "" => "─".repeat(room - 1),
            label => {
                let free = room - self.needs();
                format!("{} {label} {}", "─".repeat(free / 2), "─".repeat(free - free / 2))
            }
        };
        format!("{}├{inside}{edge}", " ".repeat(left))
    }
}

/// A column for each place at which an operation begins or ends, such that every label finds room.
fn columns(bars: &[Bar]) -> Vec<(u32, usize)> {
    let mut places: Vec<u32> = bars.iter().flat_map(|bar| [Some(bar.call), bar.end]).flatten().collect();
    places.sort_unstable();
    let mut columns: Vec<(u32, usize)> = Vec::with_capacity(places.len());
    for place in places {
        let next = columns.last().map_or(0, |(_, column)| column + 2);
        let ending = bars.iter().find(|bar| bar.end == Some(place));
        let left = ending.and_then(|bar| columns.iter().find(|(known, _)| *known == bar.call));
        let column = match (ending, left) {
            (Some(bar), Some((_, left))) => next.max(left + bar.needs()),
            _ => next,
        };
        columns.push((place, column));
    }
    columns
}
