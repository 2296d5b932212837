//! Keys side by side: which node holds which versions of a key. Siblings stand below each other, and a version that
//! takes their place, or a newer one, is seen to spread from node to node.
//!
//! ```text
//!  cart  3 siblings            n1  n2  n3  n4  n5
//!    milk+eggs                  ■   ■   ·
//!    milk+wine                  ·   ■   ■         ■ holds it   · holds the key without it
//! ```

use super::Watch;
use super::layout::split_top;
use super::look::{Sign, Token};
use super::pen::Pen;
use crate::base::data::Data;
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::text::width;
use crate::cluster::view::{ClusterView, Health, NodeView};
use crate::driver::frame::Frame;
use crate::protocol::view::KeyRow;
use ratatui::layout::Rect;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// Columns of one node.
const NODE: u16 = 4;
/// The least columns for a version; beside fewer, nodes are counted instead.
const VERSION: u16 = 28;

/// A version of a key, and who holds it.
#[derive(Debug)]
struct Version {
    text: String,
    holders: BTreeSet<NodeId>,
}

/// A key with its versions over all nodes.
#[derive(Debug)]
struct Entry {
    key: Key,
    /// In the order in which they were written.
    versions: BTreeMap<OpId, Version>,
    /// Nodes that have the key among those that changed last.
    knowing: BTreeSet<NodeId>,
    /// The most versions that one node keeps side by side; one where there is no conflict.
    siblings: usize,
}

impl Entry {
    fn new(key: Key) -> Self {
        Entry { key, versions: BTreeMap::new(), knowing: BTreeSet::new(), siblings: 1 }
    }

    fn note(&mut self, view: &ClusterView, node: NodeId, row: &KeyRow) {
        self.knowing.insert(node);
        self.siblings = self.siblings.max(row.siblings.len());
        let single = [(row.value.clone(), row.written_by)];
        let held = if row.siblings.is_empty() { &single[..] } else { &row.siblings[..] };
        for (data, op) in held {
            let text = || data.as_ref().map_or("deleted".to_owned(), |data: &Data| view.names.data(data));
            let version = self
                .versions
                .entry(*op)
                .or_insert_with(|| Version { text: text(), holders: BTreeSet::new() });
            version.holders.insert(node);
        }
    }

    /// Whether some node that knows the key lacks a version of it.
    fn differs(&self) -> bool {
        self.versions.values().any(|version| version.holders.len() < self.knowing.len())
    }

    /// What is to be seen first: siblings, then what is not the same everywhere, then what was written last.
    fn place(&self) -> impl Ord + use<> {
        (Reverse(self.siblings), Reverse(self.differs()), Reverse(self.versions.keys().next_back().copied()))
    }
}

fn entries(view: &ClusterView) -> Vec<Entry> {
    let mut entries: BTreeMap<Key, Entry> = BTreeMap::new();
    for node in &view.nodes {
        for row in node.replica.iter().flat_map(|replica| &replica.keys) {
            let entry = entries.entry(row.key).or_insert_with(|| Entry::new(row.key));
            entry.note(view, node.node, row);
        }
    }
    let mut entries: Vec<Entry> = entries.into_values().collect();
    entries.sort_by_key(Entry::place);
    entries
}

/// How many keys have siblings at `node`, of those that changed last.
pub(super) fn with_siblings(rows: &[KeyRow]) -> usize {
    rows.iter().filter(|row| !row.siblings.is_empty()).count()
}

/// One row of the table.
struct Row<'a> {
    name: String,
    token: Token,
    /// Who holds what the row is about, and who lacks it.
    marks: Option<(&'a BTreeSet<NodeId>, &'a BTreeSet<NodeId>)>,
}

fn rows<'a>(view: &ClusterView, entries: &'a [Entry]) -> Vec<Row<'a>> {
    let mut rows = Vec::new();
    for entry in entries {
        let name = view.names.key(entry.key);
        if let (1, Some(version)) = (entry.versions.len(), entry.versions.values().next()) {
            let name = format!("{name}={}", version.text);
            rows.push(Row { name, token: Token::Plain, marks: Some((&version.holders, &entry.knowing)) });
            continue;
        }
        let what = match entry.siblings {
            1 => format!("{} versions, one a node", entry.versions.len()),
            siblings => format!("{siblings} siblings"),
        };
        rows.push(Row { name: format!("{name}  {what}"), token: Token::Warn, marks: None });
        rows.extend(entry.versions.values().map(|version| Row {
            name: format!("  {}", version.text),
            token: Token::Plain,
            marks: Some((&version.holders, &entry.knowing)),
        }));
    }
    rows
}

pub(super) fn draw(pen: &mut Pen<'_>, area: Rect, watch: &Watch, frame: &Frame) {
    let view = &frame.runs[watch.run.min(frame.runs.len() - 1)].view;
    let entries = entries(view);
    let conflicts = entries.iter().filter(|entry| entry.siblings > 1).count();
    let title = match conflicts {
        0 => "keys that changed last".to_owned(),
        1 => "keys that changed last · 1 with siblings".to_owned(),
        many => format!("keys that changed last · {many} with siblings"),
    };
    let inside = pen.boxed(area, &title, Token::Border);
    let (table, foot) = split_top(inside, inside.height.saturating_sub(1));
    if entries.is_empty() {
        pen.text(table.x, table.y, table.width, "nothing was written yet", Token::Dim);
        return;
    }
    let nodes = (view.nodes.len() as u16).saturating_mul(NODE);
    let has_columns = nodes + VERSION <= table.width;
    let marks_at =
        if has_columns { table.right() - nodes } else { table.right() - VERSION.min(table.width / 2) };
    let (head, body) = split_top(table, 1);
    if has_columns {
        for (x, node) in (marks_at..).step_by(usize::from(NODE)).zip(&view.nodes) {
            pen.text(x, head.y, NODE - 1, &view.names.node(node.node), name_token(node));
        }
    } else {
        pen.text(marks_at, head.y, table.right() - marks_at, "held by", Token::Title);
    }
    let rows = rows(view, &entries);
    let hidden = watch.scroll.min(rows.len().saturating_sub(usize::from(body.height)));
    for (y, row) in (body.y..body.bottom()).zip(&rows[hidden..]) {
        pen.text(body.x, y, (marks_at - body.x).saturating_sub(1), &row.name, row.token);
        let Some((holders, knowing)) = row.marks else { continue };
        let is_everywhere = holders.len() == knowing.len();
        let token = if is_everywhere { Token::Good } else { Token::Warn };
        if has_columns {
            for (x, node) in (marks_at..).step_by(usize::from(NODE)).zip(&view.nodes) {
                match (holders.contains(&node.node), knowing.contains(&node.node)) {
                    (true, _) => pen.put(x + 1, y, pen.sign(Sign::Committed), token),
                    (false, true) => pen.put(x + 1, y, pen.sign(Sign::Middle), Token::Dim),
                    (false, false) => {}
                }
            }
        } else {
            let text = held_by(view, holders, usize::from(table.right() - marks_at));
            pen.text(marks_at, y, table.right() - marks_at, &text, token);
        }
    }
    draw_foot(pen, foot, view, &entries, has_columns);
}

/// What can be done about siblings, or what the marks mean.
fn draw_foot(pen: &mut Pen<'_>, area: Rect, view: &ClusterView, entries: &[Entry], has_columns: bool) {
    let text = match entries.first().filter(|entry| entry.siblings > 1) {
        Some(entry) => {
            format!(":resolve {}=VALUE puts one version in their place", view.names.key(entry.key))
        }
        None if !has_columns => "of the nodes that have it among their newest keys".to_owned(),
        None => {
            let (holds, lacks) = (pen.sign(Sign::Committed), pen.sign(Sign::Middle));
            format!("{holds} holds it  {lacks} holds another version  blank: not among its newest keys")
        }
    };
    pen.text(area.x, area.y, area.width, &text, Token::Dim);
}

/// The names of the holders, or how many they are where those do not fit.
fn held_by(view: &ClusterView, holders: &BTreeSet<NodeId>, columns: usize) -> String {
    let names: Vec<String> = holders.iter().take(columns).map(|&node| view.names.node(node)).collect();
    let names = names.join(" ");
    if width(&names) <= columns { names } else { format!("{} nodes", holders.len()) }
}

fn name_token(node: &NodeView) -> Token {
    match node.health {
        Health::Up if node.is_isolated => Token::Warn,
        Health::Up => Token::Title,
        Health::Paused => Token::Paused,
        Health::Down => Token::Bad,
    }
}
