//! A document as CouchDB keeps it: a tree of revisions in which every node picks the same winner. Clients edit what
//! they are shown, deletes are edits, and a conflict stays until somebody ends the branches that lost.
//!
//! A client of CouchDB names the revision that it edits and is refused if that is no leaf any more; it reads and tries
//! again. Here it reads just before it writes, at the same node, so that it is never refused.

use super::object::Sibling;
use crate::base::data::Data;
use crate::base::vector::{Actor, Vector};
use crate::protocol::kit::versions::{Revision, Revisions};
use twox_hash::XxHash3_64;

/// A tree of revisions, with what the judges know of its past: clients are told nothing of it, they edit what they
/// are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ByRevision {
    tree: Revisions<Sibling>,
    seen: Vector,
}

impl ByRevision {
    /// A client edits what it is shown; one that has seen all there is resolves the conflict: the winner is edited,
    /// the other branches end in deletes (CouchDB's advice).
    pub(super) fn edit(&mut self, context: &Vector, actor: Actor, sibling: &Sibling) {
        let leaves = self.live();
        let is_resolving = leaves.len() > 1 && context.covers(&self.seen);
        self.seen.count(actor);
        let winner =
            leaves.first().copied().or_else(|| self.tree.leaves().next().map(|(revision, _)| revision));
        self.tree.edit(winner, revision_id(winner, sibling), sibling.clone());
        if is_resolving {
            let end = Sibling { value: None, ..sibling.clone() };
            for &loser in &leaves[1..] {
                self.tree.edit(Some(loser), revision_id(Some(loser), &end), end.clone());
            }
        }
    }

    /// The leaves that are no deletes, the winner first.
    fn live(&self) -> Vec<Revision> {
        let live = self.tree.leaves().filter(|(_, sibling)| sibling.value.is_some());
        live.map(|(revision, _)| revision).collect()
    }

    /// How many revisions are known.
    pub(super) fn revisions(&self) -> u64 {
        self.tree.len() as u64
    }

    /// The events that led here.
    pub(super) fn seen(&self) -> &Vector {
        &self.seen
    }

    /// What a reader finds: the winner and the conflicts; the delete that won where nothing else is left.
    pub(super) fn shown(&self) -> impl Iterator<Item = &Sibling> {
        let all = || self.tree.leaves().map(|(_, sibling)| sibling);
        let is_deleted = all().all(|sibling| sibling.value.is_none());
        let most = if is_deleted { 1 } else { usize::MAX };
        all().filter(move |sibling| is_deleted || sibling.value.is_some()).take(most)
    }

    /// Takes in what another copy knows.
    pub(super) fn merge(&mut self, other: &ByRevision) {
        self.tree.merge(&other.tree);
        self.seen.merge(&other.seen);
    }
}

/// A hash of what is written and what it is made from (XXH3; CouchDB takes MD5 of the like).
fn revision_id(parent: Option<Revision>, sibling: &Sibling) -> u64 {
    let mut words = vec![parent.map_or(0, |parent| parent.id)];
    if let Some(value) = &sibling.value {
        words.push(u64::MAX);
        words.extend(value.elements().iter().map(|element| u64::from(element.0)));
        if let Data::Count(count) = value {
            words.push(count.cast_unsigned());
        }
    }
    let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
    XxHash3_64::oneshot(&bytes)
}
