//! The trace: a running digest of everything that happened, and the log lines that were said.
//!
//! The digest is XXH3-64 chained over fixed-size records, one per event: (instant, kind and node, two details).
//! Two runs with equal digests took the same steps at the same instants.

use super::journal::{Happening, JournalEntry};
use super::view::{EVENTS_SHOWN, LINES_SHOWN};
use crate::base::chunks::Chunks;
use crate::base::ids::{MessageId, NodeId};
use crate::base::line::{Line, Stamped};
use crate::base::time::VirtualTime;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use twox_hash::XxHash3_64;

/// What a digest record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it; they only tell records apart")]
pub enum Mark {
    Boot = 1,
    Message,
    Client,
    Timer,
    Flushed,
    Operator,
    Sent,
    Replied,
    Said,
    Invoked,
    Ended,
    Command,
    Panic,
}

/// Digest and lines of one run.
#[derive(Clone, Debug)]
pub struct Trace {
    digest: u64,
    steps: u64,
    by_node: Vec<VecDeque<Stamped>>,
    recent: VecDeque<Arc<Stamped>>,
    lines: u64,
    /// Instants of every line by its code, for expectations that count lines.
    said: BTreeMap<&'static str, Chunks<VirtualTime>>,
    /// Every message and line, if somebody asked for it.
    journal: Option<Vec<JournalEntry>>,
}

impl Trace {
    /// An empty trace of a cluster of `members` nodes.
    pub fn new(members: usize) -> Self {
        Trace {
            digest: 0,
            steps: 0,
            by_node: vec![VecDeque::new(); members],
            recent: VecDeque::new(),
            lines: 0,
            journal: None,
            said: BTreeMap::new(),
        }
    }

    /// Takes one record into the digest.
    pub fn note(&mut self, at: VirtualTime, mark: Mark, node: Option<NodeId>, details: [u64; 2]) {
        let who = node.map_or(u64::from(u16::MAX), |node| u64::from(node.0));
        let mut record = [0_u8; 32];
        let words = [at.0, ((mark as u64) << 32) | who, details[0], details[1]];
        for (place, word) in record.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        self.digest = XxHash3_64::oneshot_with_seed(self.digest, &record);
    }

    /// A message leaves on the link (from, to); `what` is its id and its length in bytes.
    pub fn sent(
        &mut self,
        at: VirtualTime,
        link: (NodeId, NodeId),
        name: &'static str,
        what: (MessageId, u64),
    ) {
        self.note(at, Mark::Sent, Some(link.0), [u64::from(link.1.0), what.1]);
        self.enter(at, link.0, || Happening::Sent { name, to: link.1, id: what.0 });
    }

    /// A message, or a copy of one, has come over the link (from, to).
    pub fn received(&mut self, at: VirtualTime, link: (NodeId, NodeId), name: &'static str, id: MessageId) {
        self.enter(at, link.1, || Happening::Received { name, from: link.0, id });
    }

    /// Keeps a journal from now on.
    pub fn keep_journal(&mut self) {
        self.journal.get_or_insert_default();
    }

    /// The journal; empty if none is kept.
    pub fn journal(&self) -> &[JournalEntry] {
        self.journal.as_deref().unwrap_or_default()
    }

    fn enter(&mut self, at: VirtualTime, node: NodeId, what: impl FnOnce() -> Happening) {
        if let Some(journal) = &mut self.journal {
            journal.push(JournalEntry { at, node, what: what() });
        }
    }

    /// Counts a step of a node.
    pub fn count_step(&mut self) {
        self.steps += 1;
    }

    /// Steps that nodes have taken.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The digest so far.
    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Takes a line; gives it as it is kept.
    pub fn say(&mut self, at: VirtualTime, node: Option<NodeId>, line: Line) -> Arc<Stamped> {
        if let Some(node) = node {
            self.enter(at, node, || Happening::Said(line.clone()));
        }
        let code = line.code();
        let mut first = [0_u8; 8];
        first.iter_mut().zip(code.bytes()).for_each(|(place, byte)| *place = byte);
        self.note(at, Mark::Said, node, [u64::from_le_bytes(first), 0]);
        self.said.entry(code).or_default().push(at);
        self.lines += 1;
        let stamped = Stamped { number: self.lines, at, node, line };
        if let Some(lines) = node.and_then(|node| self.by_node.get_mut(node.index())) {
            if lines.len() == LINES_SHOWN {
                lines.pop_front();
            }
            lines.push_back(stamped.clone());
        }
        if self.recent.len() == EVENTS_SHOWN {
            self.recent.pop_front();
        }
        let stamped = Arc::new(stamped);
        self.recent.push_back(Arc::clone(&stamped));
        stamped
    }

    /// The newest lines of a node, oldest first.
    pub fn lines_of(&self, node: NodeId) -> Vec<Stamped> {
        self.by_node[node.index()].iter().cloned().collect()
    }

    /// The newest lines of all, oldest first.
    pub fn recent(&self) -> Vec<Stamped> {
        self.recent.iter().map(|stamped| Stamped::clone(stamped)).collect()
    }

    /// How many lines with `code` were said in `window`.
    pub fn count(&self, code: &str, window: (VirtualTime, VirtualTime)) -> usize {
        let instants = self.said.get(code).into_iter().flat_map(Chunks::iter);
        instants.filter(|&&at| window.0 <= at && at < window.1).count()
    }

    /// How many lines with `code` were said in all.
    pub fn total(&self, code: &str) -> usize {
        self.said.get(code).map_or(0, Chunks::len)
    }
}
