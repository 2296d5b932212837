//! What the detectors of a cluster say, beside what is really the case: who suspects whom, how soon after a fault, how
//! often wrongly, and in which seconds nobody suspected anything (the "differential observability" of Huang et al.,
//! "Gray Failure", HotOS 2017).

use crate::base::ids::NodeId;
use crate::base::line::{Line, StepDown};
use crate::base::time::{Span, VirtualTime};
use std::collections::{BTreeMap, BTreeSet};

/// Where a suspected node really stands, as seen from who suspects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its process runs and no link between the two is cut.
    InReach,
    /// It is down or paused, or a link is cut, since then.
    Gone(VirtualTime),
}

/// What a log line says of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opinion {
    /// It may be down.
    Doubt(NodeId),
    /// It is down, and something is done about it.
    Down(NodeId),
    /// It is well.
    Well(NodeId),
    /// Whatever was thought before is over.
    Anew,
}

/// What `line`, said by `me`, says of somebody, if it does.
pub fn opinion(me: NodeId, line: &Line) -> Option<Opinion> {
    Some(match line {
        Line::PeerSuspect { peer } | Line::LinkLost { peer, .. } | Line::Subjectively { node: peer, .. } => {
            Opinion::Doubt(*peer)
        }
        Line::PeerDown { peer, .. }
        | Line::PeerConvicted { peer, .. }
        | Line::Objectively { node: peer, .. } => Opinion::Down(*peer),
        Line::PrimaryLost { primary: Some(primary), .. } => Opinion::Down(*primary),
        Line::PeerUp { peer } | Line::LinkOk { peer } => Opinion::Well(*peer),
        // Who hears no majority suspects that the fault is its own.
        Line::NoQuorum { .. } | Line::StepDown { why: StepDown::LostQuorum { .. } } => Opinion::Doubt(me),
        Line::QuorumBack { .. } => Opinion::Well(me),
        Line::RoleReplica { .. } | Line::RolePrimary { .. } | Line::Crash { .. } => Opinion::Anew,
        Line::InPartition { line, .. } => return opinion(me, line),
        _ => return None,
    })
}

/// Every suspicion of one run.
#[derive(Clone, Debug, Default)]
pub struct Suspicions {
    /// Who suspects whom now: (subject, observer).
    held: BTreeSet<(NodeId, NodeId)>,
    /// Times in which somebody was suspected, the last one perhaps still going on.
    times: Vec<(VirtualTime, VirtualTime)>,
    /// Nodes that are called down now although they are in reach, and by whom.
    wronged: BTreeMap<NodeId, BTreeSet<NodeId>>,
    /// When a node was called down wrongly.
    mistakes: Vec<VirtualTime>,
    /// When a node that was gone was first suspected, and how long it had been gone.
    found: Vec<(VirtualTime, Span)>,
}

impl Suspicions {
    /// `observer` says something of somebody whose real `standing` is this.
    pub fn hear(&mut self, at: VirtualTime, observer: NodeId, opinion: Opinion, standing: Standing) {
        let had_any = !self.held.is_empty();
        match opinion {
            Opinion::Doubt(subject) => self.doubt(at, observer, subject, standing),
            Opinion::Down(subject) => {
                self.doubt(at, observer, subject, standing);
                // Who has stepped down for want of a majority says so itself.
                if standing == Standing::InReach && !self.held.contains(&(subject, subject)) {
                    let by = self.wronged.entry(subject).or_default();
                    if by.is_empty() {
                        self.mistakes.push(at);
                    }
                    by.insert(observer);
                }
            }
            Opinion::Well(subject) => {
                self.held.remove(&(subject, observer));
                self.wronged.entry(subject).or_default().remove(&observer);
            }
            Opinion::Anew => {
                self.held.retain(|(_, by)| *by != observer);
                self.wronged.values_mut().for_each(|by| {
                    by.remove(&observer);
                });
            }
        }
        match (had_any, self.held.is_empty()) {
            (false, false) => self.times.push((at, VirtualTime::MAX)),
            (true, true) => {
                if let Some((_, until)) = self.times.last_mut() {
                    *until = at;
                }
            }
            _ => {}
        }
    }

    fn doubt(&mut self, at: VirtualTime, observer: NodeId, subject: NodeId, standing: Standing) {
        let is_first = !self.held.iter().any(|(of, _)| *of == subject);
        self.held.insert((subject, observer));
        if let (true, Standing::Gone(since)) = (is_first, standing) {
            self.found.push((at, at.since(since)));
        }
    }

    /// How often in `window` a node was called down that was up and in reach; once however many said so.
    pub fn mistakes_in(&self, window: (VirtualTime, VirtualTime)) -> usize {
        self.mistakes.iter().filter(|&&at| window.0 <= at && at < window.1).count()
    }

    /// The longest that a node had been gone when it was first suspected, of those found out in `window`.
    pub fn slowest_in(&self, window: (VirtualTime, VirtualTime)) -> Option<Span> {
        let inside = self.found.iter().filter(|(at, _)| window.0 <= *at && *at < window.1);
        inside.map(|(_, after)| *after).max()
    }

    /// Whether anybody was suspected at any time from `from` to before `to`.
    pub fn had_any(&self, from: VirtualTime, to: VirtualTime) -> bool {
        let first = self.times.partition_point(|(_, until)| *until <= from);
        self.times.get(first).is_some_and(|(since, _)| *since < to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const N1: NodeId = NodeId(0);
    const N2: NodeId = NodeId(1);
    const N3: NodeId = NodeId(2);
    const ALL: (VirtualTime, VirtualTime) = (VirtualTime::ZERO, VirtualTime::MAX);

    #[test]
    fn a_node_that_is_gone_is_found_out_once() {
        let mut said = Suspicions::default();
        let gone = Standing::Gone(VirtualTime(100));
        said.hear(VirtualTime(150), N2, Opinion::Doubt(N1), gone);
        said.hear(VirtualTime(170), N3, Opinion::Down(N1), gone);
        assert_eq!((said.slowest_in(ALL), said.mistakes_in(ALL)), (Some(Span(50)), 0));
    }

    #[test]
    fn a_wrong_word_counts_once_however_many_repeat_it() {
        let mut said = Suspicions::default();
        for (at, by) in [(10, N2), (12, N3)] {
            said.hear(VirtualTime(at), by, Opinion::Down(N1), Standing::InReach);
        }
        for (at, by) in [(20, N2), (22, N3)] {
            said.hear(VirtualTime(at), by, Opinion::Well(N1), Standing::InReach);
        }
        said.hear(VirtualTime(30), N2, Opinion::Down(N1), Standing::InReach);
        assert_eq!((said.mistakes_in(ALL), said.slowest_in(ALL)), (2, None));
    }

    #[test]
    fn a_second_is_free_of_suspicion_if_nobody_held_any_in_it() {
        let mut said = Suspicions::default();
        said.hear(VirtualTime(10), N2, Opinion::Doubt(N1), Standing::InReach);
        said.hear(VirtualTime(15), N3, Opinion::Doubt(N1), Standing::InReach);
        said.hear(VirtualTime(20), N2, Opinion::Anew, Standing::InReach);
        said.hear(VirtualTime(30), N3, Opinion::Well(N1), Standing::InReach);
        let had = |from, to| said.had_any(VirtualTime(from), VirtualTime(to));
        assert_eq!([had(0, 10), had(0, 11), had(25, 40), had(30, 40)], [false, true, true, false]);
    }

    #[test]
    fn lines_that_speak_of_nobody_are_no_opinion() {
        assert_eq!(opinion(N1, &Line::QuorumBack { heard: 3, of: 5 }), Some(Opinion::Well(N1)));
        assert_eq!(opinion(N1, &Line::PreVote { term: 2 }), None);
    }
}
