//! Faults that are active now, and what they add up to. One list; everything a fault does to links, processors,
//! disks and clocks is derived from it, so ending a fault is removing its row.

use super::resolve::{directed, named, nodes_of};
use crate::base::command::{Command, Healed};
use crate::base::ids::NodeId;
use crate::base::time::{Span, VirtualTime};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A fault in force.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveFault {
    /// Its number: `f3`.
    pub number: u32,
    /// The command, references resolved.
    pub command: Command,
    /// The command as text, nodes by their names.
    pub text: Arc<str>,
    /// Since when.
    pub since: VirtualTime,
}

/// What a directed link suffers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Messages on it are lost.
    pub is_cut: bool,
    /// ... because its ends stand on two sides of a partition; clients are cut too.
    pub is_parted: bool,
    /// Messages on it wait.
    pub is_held: bool,
    /// Share lost, per million.
    pub loss_ppm: u32,
    /// Share delivered twice, per million.
    pub duplicate_ppm: u32,
    /// Share that overtakes, per million.
    pub reorder_ppm: u32,
    /// Added delay.
    pub extra: Span,
}

/// The active faults of one run.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    active: Vec<ActiveFault>,
    /// Every fault there ever was, in the order in which they began, with when it ended.
    history: Vec<ActiveFault>,
    ends: BTreeMap<u32, VirtualTime>,
    issued: u32,
}

impl Faults {
    /// The active faults, oldest first.
    pub fn active(&self) -> &[ActiveFault] {
        &self.active
    }

    /// Adds a fault; gives its number.
    pub fn add(&mut self, command: Command, text: Arc<str>, since: VirtualTime) -> u32 {
        self.issued += 1;
        let fault = ActiveFault { number: self.issued, command, text, since };
        self.history.push(fault.clone());
        self.active.push(fault);
        self.issued
    }

    /// Every fault there ever was, oldest first.
    pub fn history(&self) -> &[ActiveFault] {
        &self.history
    }

    /// The fault of this number is over.
    pub fn note_end(&mut self, number: u32, at: VirtualTime) {
        self.ends.insert(number, at);
    }

    /// When the fault of this number ended, if it has.
    pub fn ended(&self, number: u32) -> Option<VirtualTime> {
        self.ends.get(&number).copied()
    }

    /// Removes and gives the faults for which `is_ended` holds.
    pub fn end(&mut self, mut is_ended: impl FnMut(&ActiveFault) -> bool) -> Vec<ActiveFault> {
        let (ended, active) = std::mem::take(&mut self.active).into_iter().partition(|fault| is_ended(fault));
        self.active = active;
        ended
    }

    /// The active fault of this kind on `node`.
    pub fn on_node(&self, node: NodeId, is_kind: impl Fn(&Command) -> bool) -> Option<&ActiveFault> {
        self.active.iter().find(|fault| is_kind(&fault.command) && nodes_of(&fault.command).contains(&node))
    }

    /// How many times slower than normal `node`'s processor is.
    pub fn cpu_factor(&self, node: NodeId) -> u32 {
        self.product(|command| match command {
            Command::SlowCpu { node: slow, factor } if named(slow) == node => *factor,
            _ => 1,
        })
    }

    /// How many times slower than normal `node`'s disk is.
    pub fn disk_factor(&self, node: NodeId) -> u32 {
        self.product(|command| match command {
            Command::SlowDisk { node: slow, factor } if named(slow) == node => *factor,
            _ => 1,
        })
    }

    fn product(&self, factor: impl Fn(&Command) -> u32) -> u32 {
        self.active.iter().fold(1, |product: u32, fault| product.saturating_mul(factor(&fault.command)))
    }

    /// Whether `node`'s disk takes nothing more.
    pub fn is_disk_full(&self, node: NodeId) -> bool {
        self.on_node(node, |command| matches!(command, Command::DiskFull { .. })).is_some()
    }

    /// How far `node`'s wall clock is from virtual time at `now`, in microseconds.
    pub fn clock_error_us(&self, node: NodeId, now: VirtualTime) -> i64 {
        let error = |fault: &ActiveFault| match &fault.command {
            Command::Clock { node: wrong, jump_us } if named(wrong) == node => *jump_us,
            Command::Drift { node: wrong, ppm } if named(wrong) == node => {
                (i128::from(now.since(fault.since).0) * i128::from(*ppm) / 1_000_000) as i64
            }
            Command::ClockStrobe { node: wrong, swing_us, period, lasting } if named(wrong) == node => {
                let into = now.since(fault.since);
                let is_high = (into.0 / period.0.max(1)).is_multiple_of(2);
                match into < *lasting {
                    true if is_high => *swing_us,
                    true => -*swing_us,
                    false => 0,
                }
            }
            _ => 0,
        };
        self.active.iter().map(error).fold(0, i64::saturating_add)
    }

    /// What every directed link between `machines` suffers, of which `members` are nodes: `[from * machines + to]`.
    pub fn conditions(&self, members: usize, machines: usize) -> Vec<Condition> {
        let mut conditions = vec![Condition::default(); machines * machines];
        for fault in &self.active {
            for (from, to) in links_of(&fault.command, members) {
                worsen(&mut conditions[from.index() * machines + to.index()], &fault.command);
            }
        }
        conditions
    }
}

/// Whether two commands say the same of the same things, so that the later one replaces the earlier.
pub fn replaces(later: &Command, earlier: &Command) -> bool {
    use Command::*;
    match (later, earlier) {
        (Loss { links: a, .. }, Loss { links: b, .. })
        | (Duplicate { links: a, .. }, Duplicate { links: b, .. })
        | (Reorder { links: a, .. }, Reorder { links: b, .. })
        | (Delay { links: a, .. }, Delay { links: b, .. })
        | (Hold { links: a }, Hold { links: b })
        | (Cut { links: a }, Cut { links: b }) => a == b,
        (SlowCpu { node: a, .. }, SlowCpu { node: b, .. })
        | (SlowDisk { node: a, .. }, SlowDisk { node: b, .. })
        | (DiskFull { node: a }, DiskFull { node: b })
        | (Drift { node: a, .. }, Drift { node: b, .. })
        | (Isolate { node: a }, Isolate { node: b }) => a == b,
        _ => false,
    }
}

/// Whether a fault command asks for nothing: 0 %, 1x, no delay.
pub fn is_neutral(command: &Command) -> bool {
    match command {
        Command::Loss { ppm, .. } | Command::Duplicate { ppm, .. } | Command::Reorder { ppm, .. } => {
            *ppm == 0
        }
        Command::Delay { extra, .. } => *extra == Span::ZERO,
        Command::SlowCpu { factor, .. } | Command::SlowDisk { factor, .. } => *factor == 1,
        Command::Clock { jump_us, .. } => *jump_us == 0,
        Command::Drift { ppm, .. } => *ppm == 0,
        _ => false,
    }
}

/// Whether `fault` is among what a heal ends.
pub fn is_healed_by(fault: &ActiveFault, what: &Healed, members: usize) -> bool {
    match what {
        Healed::Everything => true,
        Healed::Fault(number) => fault.number == *number,
        Healed::Node(node) => nodes_of(&fault.command).contains(&named(node)),
        Healed::Links(links) => {
            let healed = directed(links, members);
            let on_links = matches!(
                fault.command,
                Command::Cut { .. }
                    | Command::Loss { .. }
                    | Command::Duplicate { .. }
                    | Command::Reorder { .. }
                    | Command::Delay { .. }
                    | Command::Hold { .. }
            );
            on_links && links_of(&fault.command, members).iter().any(|link| healed.contains(link))
        }
    }
}

/// Whether a fault keeps messages from `from` to `to`, or makes them late.
pub fn is_between(command: &Command, members: usize, from: NodeId, to: NodeId) -> bool {
    links_of(command, members).contains(&(from, to))
}

/// Whether a fault puts `a` and `b` on two sides, clients included.
pub fn parts(command: &Command, members: usize, a: NodeId, b: NodeId) -> bool {
    parted(command, members).contains(&(a, b))
}

/// Whether a fault keeps `node` from running.
pub fn stops(command: &Command, node: NodeId) -> bool {
    match command {
        Command::Crash { node: hit, .. } | Command::Wipe { node: hit } | Command::Pause { node: hit } => {
            named(hit) == node
        }
        _ => false,
    }
}

/// The directed links a fault acts on.
fn links_of(command: &Command, members: usize) -> Vec<(NodeId, NodeId)> {
    match command {
        Command::Cut { links }
        | Command::Loss { links, .. }
        | Command::Duplicate { links, .. }
        | Command::Reorder { links, .. }
        | Command::Delay { links, .. }
        | Command::Hold { links } => directed(links, members),
        _ => parted(command, members),
    }
}

/// The links between nodes that a partition of any shape keeps apart. The shapes are those of Jepsen's nemesis.
fn parted(command: &Command, members: usize) -> Vec<(NodeId, NodeId)> {
    let is_apart: Box<dyn Fn(usize, usize) -> bool> = match command {
        Command::Partition { groups } => {
            let group_of: Vec<Option<usize>> = (0..members)
                .map(|node| {
                    groups.iter().position(|group| group.iter().any(|member| named(member).index() == node))
                })
                .collect();
            // A node in no group stands alone.
            Box::new(move |a, b| group_of[a] != group_of[b] || group_of[a].is_none())
        }
        Command::Isolate { node } => {
            let alone = named(node).index();
            Box::new(move |a, b| a == alone || b == alone)
        }
        Command::Bridge { node } => {
            let bridge = named(node).index();
            let half = move |other: usize| (other + members - bridge) % members <= members / 2;
            Box::new(move |a, b| a != bridge && b != bridge && half(a) != half(b))
        }
        Command::RingMajorities => {
            // Each node sees the neighbours at most `reach` away on a ring: a majority, different for each node.
            let reach = members / 2 / 2 + (members / 2) % 2;
            let distance = move |a: usize, b: usize| a.abs_diff(b).min(members - a.abs_diff(b));
            Box::new(move |a, b| distance(a, b) > reach)
        }
        _ => return Vec::new(),
    };
    let mut pairs = Vec::new();
    for a in 0..members {
        for b in (0..members).filter(|&b| a != b && is_apart(a, b)) {
            pairs.push((NodeId::at(a), NodeId::at(b)));
        }
    }
    pairs
}

fn worsen(condition: &mut Condition, command: &Command) {
    match command {
        Command::Cut { .. } => condition.is_cut = true,
        Command::Loss { ppm, .. } => condition.loss_ppm = either(condition.loss_ppm, *ppm),
        Command::Duplicate { ppm, .. } => condition.duplicate_ppm = either(condition.duplicate_ppm, *ppm),
        Command::Reorder { ppm, .. } => condition.reorder_ppm = either(condition.reorder_ppm, *ppm),
        Command::Delay { extra, .. } => condition.extra = condition.extra + *extra,
        Command::Hold { .. } => condition.is_held = true,
        _ => (condition.is_cut, condition.is_parted) = (true, true),
    }
}

/// The chance that at least one of two independent things happens, per million.
pub fn either(a: u32, b: u32) -> u32 {
    let both = u64::from(a) * u64::from(b) / 1_000_000;
    (u64::from(a) + u64::from(b) - both) as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::command::{Links, NodeRef};

    fn n(number: u16) -> NodeRef {
        NodeRef::Named(NodeId(number - 1))
    }

    fn reach(command: Command, members: usize) -> Vec<Vec<usize>> {
        let mut faults = Faults::default();
        faults.add(command, "test".into(), VirtualTime::ZERO);
        let conditions = faults.conditions(members, members);
        (0..members)
            .map(|a| {
                (0..members)
                    .filter(|&b| a == b || !conditions[a * members + b].is_parted)
                    .map(|b| b + 1)
                    .collect()
            })
            .collect()
    }

    #[test]
    fn in_a_ring_of_majorities_all_see_one_and_no_two_the_same() {
        for members in [3, 5, 7, 9] {
            let seen = reach(Command::RingMajorities, members);
            assert!(seen.iter().all(|nodes| nodes.len() > members / 2), "{members}: {seen:?}");
            if members > 3 {
                let mut distinct = seen.clone();
                distinct.sort();
                distinct.dedup();
                assert_eq!(distinct.len(), members);
            }
        }
    }

    #[test]
    fn a_bridge_reaches_both_halves_which_do_not_reach_each_other() {
        let seen = reach(Command::Bridge { node: n(3) }, 5);
        assert_eq!(seen[2], [1, 2, 3, 4, 5]);
        assert_eq!((seen[3].clone(), seen[0].clone()), (vec![3, 4, 5], vec![1, 2, 3]));
    }

    #[test]
    fn a_one_way_cut_leaves_the_way_back_and_the_clients() {
        let mut faults = Faults::default();
        let links = Links::Between { from: vec![n(1)], to: vec![n(2)], both: false };
        faults.add(Command::Cut { links }, "cut n1>n2".into(), VirtualTime::ZERO);
        let conditions = faults.conditions(2, 2);
        assert_eq!(
            (conditions[1].is_cut, conditions[1].is_parted, conditions[2].is_cut),
            (true, false, false)
        );
    }

    #[test]
    fn faults_on_the_same_link_add_up() {
        let mut faults = Faults::default();
        for links in [Links::All, Links::Of(n(1))] {
            faults.add(Command::Loss { links: links.clone(), ppm: 500_000 }, "".into(), VirtualTime::ZERO);
            faults.add(Command::Delay { links, extra: Span::millis(10) }, "".into(), VirtualTime::ZERO);
        }
        let condition = faults.conditions(2, 2)[1];
        assert_eq!((condition.loss_ppm, condition.extra), (750_000, Span::millis(20)));
    }

    #[test]
    fn clocks_jump_drift_and_swing() {
        let mut faults = Faults::default();
        faults.add(Command::Clock { node: n(2), jump_us: -500_000 }, "".into(), VirtualTime::ZERO);
        faults.add(Command::Drift { node: n(2), ppm: 200 }, "".into(), VirtualTime::ZERO);
        let strobe = Command::ClockStrobe {
            node: n(1),
            swing_us: 200,
            period: Span::millis(10),
            lasting: Span::millis(100),
        };
        faults.add(strobe, "".into(), VirtualTime::ZERO);
        assert_eq!(faults.clock_error_us(NodeId(1), VirtualTime(10_000_000)), -498_000);
        let swings: Vec<i64> = [5_000, 15_000, 25_000, 105_000]
            .map(|at| faults.clock_error_us(NodeId(0), VirtualTime(at)))
            .to_vec();
        assert_eq!(swings, [200, -200, 200, 0]);
    }
}
