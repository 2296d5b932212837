//! Watches the rules of replication.md 7.7 over the logs of one run, from what nodes tell the judges alone. Safe
//! settings never break one; what unsafe settings break is said, and counted under the rule's name.

use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::base::rule::{Breaches, Rule};
use crate::protocol::Progress;
use crate::protocol::kit::log::{Epoch, Position};
use std::collections::BTreeMap;

/// Committed entries of one reign.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    epoch: Epoch,
    /// The first and the last index reported committed.
    first: u64,
    last: u64,
    /// A later primary lacked the end of it, which has been said.
    is_lost: bool,
    /// Another reign's entries were committed at the same indexes, which has been said.
    is_contradicted: bool,
}

/// What is known of the logs of one group of nodes.
#[derive(Clone, Debug, Default)]
struct Group {
    /// What is known committed, oldest reign first.
    committed: Vec<Stretch>,
    /// Who opened each term first.
    primaries: BTreeMap<u64, Option<NodeId>>,
}

/// The watch over all logs of a run.
#[derive(Clone, Debug, Default)]
pub struct RuleWatch {
    /// One of each group of keys.
    groups: BTreeMap<u16, Group>,
    breaches: Breaches,
}

impl RuleWatch {
    /// How often each rule was broken.
    pub fn breaches(&self) -> Breaches {
        self.breaches
    }

    /// Takes what a node tells of its log; gives the lines to be said if it breaks rules.
    pub fn hear(&mut self, partition: u16, progress: &Progress) -> Vec<Line> {
        let group = self.groups.entry(partition).or_default();
        let mut broken = Vec::new();
        match progress {
            Progress::Committed(position) => {
                let twice = commit(&mut group.committed, *position);
                broken.extend(twice.map(|at| (Rule::CommittedEntriesAgree, at)));
            }
            Progress::Opened { history, last, epoch } => {
                let owner = *group.primaries.entry(epoch.term()).or_insert(epoch.primary());
                if owner != epoch.primary() {
                    let at = Position { epoch: *epoch, index: last + 1 };
                    broken.push((Rule::OnePrimaryPerTerm, at));
                }
                let lacks = lacking(&mut group.committed, history, *last, *epoch);
                broken.extend(lacks.map(|at| (Rule::LeaderCompleteness, at)));
            }
            Progress::Cut { from, known } if known.index >= *from => {
                broken.push((Rule::CommittedEntryKept, *known));
            }
            Progress::Cut { .. } => {}
        }
        let said = |(rule, at): (Rule, Position)| {
            self.breaches.add(rule);
            Line::RuleBroken { rule, term: at.epoch.term(), index: at.index }
        };
        broken.into_iter().map(said).collect()
    }
}

/// Notes that `position` is committed; gives it back if another reign has committed that index too.
fn commit(stretches: &mut Vec<Stretch>, position: Position) -> Option<Position> {
    let Position { epoch, index } = position;
    let place = stretches.partition_point(|stretch| stretch.epoch < epoch);
    match stretches.get_mut(place) {
        Some(stretch) if stretch.epoch == epoch => {
            (stretch.first, stretch.last) = (stretch.first.min(index), stretch.last.max(index));
        }
        _ => {
            let new = Stretch { epoch, first: index, last: index, is_lost: false, is_contradicted: false };
            stretches.insert(place, new);
        }
    }
    // Histories go forward: what an earlier reign committed lies before what a later one did.
    let last_before = stretches[..place].iter().map(|before| before.last).max().unwrap_or(0);
    let first_after = stretches[place + 1..].iter().map(|after| after.first).min().unwrap_or(u64::MAX);
    let own = &mut stretches[place];
    let is_double = own.first <= last_before || own.last >= first_after;
    (is_double && !std::mem::replace(&mut own.is_contradicted, true)).then_some(position)
}

/// The end of a committed stretch that a log of this history lacks, when `epoch` begins on it.
fn lacking(stretches: &mut [Stretch], history: &[Position], last: u64, epoch: Epoch) -> Option<Position> {
    let holds = |stretch: &Stretch| {
        let opening = history.iter().rev().find(|opening| opening.index <= stretch.last);
        stretch.last <= last && opening.is_some_and(|opening| opening.epoch == stretch.epoch)
    };
    let mut first = None;
    // A primary of an old term that has not heard of the new one yet is allowed to lack what came after it.
    for stretch in stretches.iter_mut().filter(|stretch| stretch.epoch < epoch && !stretch.is_lost) {
        if !holds(stretch) {
            stretch.is_lost = true;
            first = first.or(Some(Position { epoch: stretch.epoch, index: stretch.last }));
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epoch(term: u64) -> Epoch {
        Epoch::new(term, NodeId(0), 1)
    }

    fn at(term: u64, index: u64) -> Position {
        Position { epoch: epoch(term), index }
    }

    fn opened(history: &[(u64, u64)], last: u64, term: u64) -> Progress {
        let history = history.iter().map(|&(term, index)| at(term, index)).collect();
        Progress::Opened { history, last, epoch: epoch(term) }
    }

    fn broken(rule: Rule, term: u64, index: u64) -> Vec<Line> {
        vec![Line::RuleBroken { rule, term, index }]
    }

    #[test]
    fn a_primary_that_lacks_a_committed_entry_is_told_once() {
        let mut watch = RuleWatch::default();
        assert_eq!(watch.hear(0, &opened(&[], 0, 1)), []);
        assert_eq!(watch.hear(0, &Progress::Committed(at(1, 5))), []);
        assert_eq!(watch.hear(0, &opened(&[(1, 1)], 5, 2)), [], "it has all five");
        let lacks = broken(Rule::LeaderCompleteness, 1, 5);
        assert_eq!(watch.hear(0, &opened(&[(1, 1)], 4, 3)), lacks);
        assert_eq!(watch.hear(0, &opened(&[(1, 1)], 4, 4)), [], "said before");
        assert_eq!(watch.hear(1, &opened(&[], 0, 2)), [], "another group's log is another log");
        assert_eq!(watch.breaches().of(Rule::LeaderCompleteness), 1);
    }

    #[test]
    fn an_old_primary_may_lack_what_came_after_it() {
        let mut watch = RuleWatch::default();
        watch.hear(0, &Progress::Committed(at(3, 7)));
        assert_eq!(watch.hear(0, &opened(&[(1, 1)], 4, 2)), []);
    }

    #[test]
    fn one_index_committed_in_two_reigns_is_a_breach() {
        let mut watch = RuleWatch::default();
        for index in 1..=6 {
            assert_eq!(watch.hear(0, &Progress::Committed(at(1, index))), []);
        }
        assert_eq!(watch.hear(0, &Progress::Committed(at(2, 7))), []);
        assert_eq!(watch.hear(0, &Progress::Committed(at(1, 3))), [], "a replica says so later");
        let twice = broken(Rule::CommittedEntriesAgree, 3, 6);
        assert_eq!(watch.hear(0, &Progress::Committed(at(3, 6))), twice);
        assert_eq!(watch.hear(0, &Progress::Committed(at(3, 8))), [], "said before");
    }

    #[test]
    fn cutting_what_is_known_committed_is_a_breach() {
        let mut watch = RuleWatch::default();
        assert_eq!(watch.hear(0, &Progress::Cut { from: 6, known: at(1, 5) }), []);
        let cut = broken(Rule::CommittedEntryKept, 1, 5);
        assert_eq!(watch.hear(0, &Progress::Cut { from: 5, known: at(1, 5) }), cut);
    }

    #[test]
    fn two_primaries_in_one_term_are_told() {
        let mut watch = RuleWatch::default();
        assert_eq!(watch.hear(0, &opened(&[], 0, 1)), []);
        assert_eq!(watch.hear(0, &opened(&[], 0, 1)), [], "the same node comes back");
        let other = Progress::Opened { history: Vec::new(), last: 4, epoch: Epoch::new(1, NodeId(2), 1) };
        assert_eq!(watch.hear(0, &other), broken(Rule::OnePrimaryPerTerm, 1, 5));
    }
}
