//! Everything that reads of one key showed, as a tree: a node is a content, an edge the symbol that follows.
//!
//! A symbol is an element of a list. A text is cut into symbols where its pieces can be told apart, which is when one
//! character begins every piece, or ends every piece, and stands nowhere else in any (`x 0 17 y`); else its symbols
//! are its bytes. Contents that no read showed are not in the tree: nothing could tell them apart.

use super::problem::OTHER;
use crate::check::history::{Datum, History, ValueId};
use hashbrown::{DefaultHashBuilder, HashTable};
use std::collections::BTreeMap;
use std::hash::BuildHasher;

/// The tree of what was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Tree {
    nodes: Vec<Node>,
    edges: HashTable<u32>,
    hasher: DefaultHashBuilder,
    contents: BTreeMap<ValueId, u64>,
    pieces: BTreeMap<ValueId, Vec<u32>>,
    /// By symbol: how many pieces it stands in, and its node if there is one alone.
    uses: BTreeMap<u32, Use>,
    cut: Cut,
    walked: usize,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    parent: u32,
    symbol: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Use {
    pieces: u32,
    nodes: u32,
    node: u32,
}

/// How a content becomes symbols.
#[derive(Clone, Debug, Default)]
enum Cut {
    /// A list, by its elements.
    #[default]
    Elements,
    /// A text, at this byte: before it, or behind it. Symbols are places among the tokens.
    Tokens { byte: u8, is_first: bool, tokens: BTreeMap<Vec<u8>, u32> },
    /// A text, by its bytes.
    Bytes,
}

impl Tree {
    /// The tree of `reads`, where `pieces` were put (false) or appended (true).
    pub(super) fn new(
        history: &History,
        initial: ValueId,
        reads: &[ValueId],
        pieces: &[(ValueId, bool)],
    ) -> Tree {
        let mut tree = Tree { nodes: vec![Node { parent: 0, symbol: 0 }], ..Tree::default() };
        tree.cut = choose_cut(history, initial, reads, pieces);
        for (piece, _) in pieces {
            let symbols = tree.symbols(history, *piece);
            for &symbol in &symbols {
                tree.uses.entry(symbol).or_default().pieces += 1;
            }
            tree.pieces.insert(*piece, symbols);
        }
        for symbol in tree.symbols(history, initial) {
            tree.uses.entry(symbol).or_default().pieces += 1;
        }
        for &read in reads {
            if !tree.contents.contains_key(&read) {
                let symbols = tree.symbols(history, read);
                tree.walked += symbols.len();
                let node = symbols.into_iter().fold(0, |node, symbol| tree.grown(node, symbol));
                tree.contents.insert(read, u64::from(node));
            }
        }
        tree
    }

    /// Symbols walked to make it.
    pub(super) fn walked(&self) -> usize {
        self.walked
    }

    /// The node of a content; [`OTHER`] if no read showed it.
    pub(super) fn node_of(&self, history: &History, content: ValueId) -> u64 {
        if let Some(known) = self.contents.get(&content) {
            return *known;
        }
        let known = self.pieces.get(&content).cloned();
        let symbols = known.unwrap_or_else(|| self.symbols_known(history, content));
        self.along(0, &symbols)
    }

    /// The node behind `state` along `piece`.
    pub(super) fn extended(&self, state: u64, piece: u32) -> u64 {
        self.pieces.get(&ValueId(piece)).map_or(OTHER, |symbols| self.along(state, symbols))
    }

    /// Whether any read may have shown the piece.
    pub(super) fn has_piece(&self, piece: ValueId) -> bool {
        let symbols = self.pieces.get(&piece).map_or(&[][..], Vec::as_slice);
        symbols.iter().all(|symbol| self.uses.get(symbol).is_some_and(|used| used.nodes > 0))
    }

    /// Where a piece of one symbol must have been appended: (from, to), if it was so once and is seen in one place.
    pub(super) fn only_place(&self, piece: ValueId) -> Option<(u64, u64)> {
        let [symbol] = self.pieces.get(&piece)?[..] else { return None };
        let used = self.uses.get(&symbol)?;
        let is_plain = !matches!(self.cut, Cut::Bytes) && used.pieces == 1 && used.nodes == 1;
        is_plain.then(|| (u64::from(self.nodes[used.node as usize].parent), u64::from(used.node)))
    }

    fn along(&self, state: u64, symbols: &[u32]) -> u64 {
        let mut node = state;
        for &symbol in symbols {
            let Ok(from) = u32::try_from(node) else { return OTHER };
            node = self.child(from, symbol).map_or(OTHER, u64::from);
        }
        node
    }

    fn child(&self, node: u32, symbol: u32) -> Option<u32> {
        let is_it = |child: &u32| {
            let known = &self.nodes[*child as usize];
            known.parent == node && known.symbol == symbol
        };
        self.edges.find(self.hasher.hash_one((node, symbol)), is_it).copied()
    }

    fn grown(&mut self, node: u32, symbol: u32) -> u32 {
        if let Some(child) = self.child(node, symbol) {
            return child;
        }
        let child = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX - 1);
        self.nodes.push(Node { parent: node, symbol });
        let (nodes, hasher) = (&self.nodes, &self.hasher);
        self.edges.insert_unique(hasher.hash_one((node, symbol)), child, |child| {
            let node = &nodes[*child as usize];
            hasher.hash_one((node.parent, node.symbol))
        });
        let used = self.uses.entry(symbol).or_default();
        used.nodes += 1;
        used.node = child;
        child
    }

    /// The symbols of a content; tokens met for the first time get numbers.
    fn symbols(&mut self, history: &History, content: ValueId) -> Vec<u32> {
        if let Cut::Tokens { byte, is_first, tokens } = &mut self.cut {
            let text = spelled(history.datum(content));
            return cut_at(text.as_bytes(), *byte, *is_first)
                .map(|token| {
                    if let Some(known) = tokens.get(token) {
                        return *known;
                    }
                    let next = u32::try_from(tokens.len()).unwrap_or(u32::MAX);
                    tokens.insert(token.to_vec(), next);
                    next
                })
                .collect();
        }
        self.symbols_known(history, content)
    }

    /// The symbols of a content; tokens never met before are one that no edge has.
    fn symbols_known(&self, history: &History, content: ValueId) -> Vec<u32> {
        let datum = history.datum(content);
        match &self.cut {
            Cut::Elements => match datum {
                Datum::Nil => Vec::new(),
                Datum::List(elements) => elements.iter().map(|element| element.0).collect(),
                _ => vec![content.0],
            },
            Cut::Bytes => spelled(datum).bytes().map(u32::from).collect(),
            Cut::Tokens { byte, is_first, tokens } => {
                let text = spelled(datum);
                let known = |token: &[u8]| tokens.get(token).copied().unwrap_or(u32::MAX);
                cut_at(text.as_bytes(), *byte, *is_first).map(known).collect()
            }
        }
    }
}

/// One thing as part of a text.
fn spelled(datum: &Datum) -> std::borrow::Cow<'_, str> {
    match datum {
        Datum::Nil => "".into(),
        Datum::Text(text) | Datum::Word(text) => (&**text).into(),
        other => other.to_string().into(),
    }
}

fn choose_cut(history: &History, initial: ValueId, reads: &[ValueId], pieces: &[(ValueId, bool)]) -> Cut {
    let is_list = |value: &ValueId| matches!(history.datum(*value), Datum::List(_));
    if reads.iter().any(is_list) || pieces.iter().any(|(piece, _)| is_list(piece)) {
        return Cut::Elements;
    }
    let texts = pieces.iter().map(|(piece, _)| *piece).chain([initial]);
    let texts: Vec<_> = texts.map(|value| spelled(history.datum(value))).filter(|t| !t.is_empty()).collect();
    let once = |byte: u8, is_first: bool| {
        texts.iter().all(|text| {
            let bytes = text.as_bytes();
            let edge = if is_first { bytes.first() } else { bytes.last() };
            edge == Some(&byte) && bytes.iter().filter(|other| **other == byte).count() == 1
        })
    };
    let edges = texts.first().map(|text| text.as_bytes()).and_then(|bytes| bytes.first().zip(bytes.last()));
    match edges {
        Some((&byte, _)) if once(byte, true) => Cut::Tokens { byte, is_first: true, tokens: BTreeMap::new() },
        Some((_, &byte)) if once(byte, false) => {
            Cut::Tokens { byte, is_first: false, tokens: BTreeMap::new() }
        }
        _ => Cut::Bytes,
    }
}

/// `text` in tokens that begin (or end) at every `byte`.
fn cut_at(text: &[u8], byte: u8, is_first: bool) -> impl Iterator<Item = &[u8]> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let found = rest.iter().skip(usize::from(is_first)).position(|other| *other == byte);
        let length = found.map_or(rest.len(), |place| place + 1);
        let (token, left) = rest.split_at(length);
        rest = left;
        Some(token)
    })
}
