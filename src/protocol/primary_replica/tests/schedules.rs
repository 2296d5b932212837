//! Random schedules of crashes, cuts, losses, duplicates and overtaking, under which the safe mode keeps its
//! invariants (replication.md 7.7), checked after every event.

use super::super::Role;
use super::network::{Network, Weather};
use crate::base::ids::OpId;
use crate::base::operation::Answer;
use crate::base::random::Stream;
use crate::base::time::Span;
use crate::protocol::Ghost;
use crate::protocol::kit::log::{Log, Position};
use std::collections::{BTreeMap, BTreeSet};

const SAFE: &[(&str, &str)] = &[("ack", "majority"), ("promotion", "auto-quorum"), ("max_inflight", "8")];

/// What has been seen of a cluster so far, and must never be contradicted.
#[derive(Default)]
struct Witness {
    primary_of: BTreeMap<u64, u16>,
    /// Position of every committed index, from 1.
    committed: Vec<Position>,
    ghosts_seen: usize,
}

impl Witness {
    /// Checks `node`, to which something has just happened.
    fn look(&mut self, network: &Network, node: u16) {
        for (cutter, ghost) in &network.ghosts[self.ghosts_seen..] {
            let Ghost::Cut { from, .. } = ghost else { continue };
            let branch = network.node(*cutter).and_then(|node| node.archive.last()).expect("a cut is kept");
            for (index, entry) in (*from..).zip(&branch.entries) {
                let cut = Position { epoch: entry.epoch, index };
                assert!(!self.committed.contains(&cut), "n{} cut the committed {cut:?}", cutter + 1);
            }
        }
        self.ghosts_seen = network.ghosts.len();
        let Some(state) = network.node(node) else { return };
        if let Role::Primary(_) = state.role {
            let owner = *self.primary_of.entry(state.term).or_insert(node);
            assert_eq!(owner, node, "one primary in term {}", state.term);
            let last = self.committed.last().copied().unwrap_or_default();
            // A primary of an old term that has not heard yet is allowed to lack what came after it.
            let is_newest = self.primary_of.keys().next_back() == Some(&state.term);
            assert!(!is_newest || state.log().holds(last), "the newest primary has every committed entry");
        }
        if let Some(reign) = state.reign() {
            for (peer, follower) in (0..).zip(&reign.followers) {
                let other = network.node(peer).filter(|other| other.epoch == state.epoch);
                let Some(other) = other.filter(|other| other.incarnation == follower.life) else { continue };
                let (thought, has) = (follower.written, other.log().last_index());
                assert!(thought <= has, "n{} thinks n{} has {thought}, not {has}", node + 1, peer + 1);
            }
        }
        self.note_committed(state.log(), state.commit);
        let applied = state.log().position(state.store.applied());
        let known = match state.store.applied() {
            0 => Some(Position::default()),
            index => self.committed.get(index as usize - 1).copied(),
        };
        assert_eq!(applied, known, "n{} applied only what is committed", node + 1);
    }

    fn note_committed(&mut self, log: &Log, upto: u64) {
        if let Some(index) = upto.checked_sub(1)
            && let Some(known) = self.committed.get(index as usize)
        {
            assert_eq!(log.position(upto), Some(*known), "one entry is committed at {upto}");
        }
        while (self.committed.len() as u64) < upto {
            let next = self.committed.len() as u64 + 1;
            self.committed.push(log.position(next).expect("a log reaches its commit index"));
        }
    }
}

/// Equal positions mean equal prefixes, for every pair of live nodes.
fn assert_log_matching(network: &Network) {
    let logs: Vec<&Log> = network.living().map(|node| node.log()).collect();
    for (place, a) in logs.iter().enumerate() {
        for b in &logs[place + 1..] {
            let equal = a.iter_from(1).zip(b.iter_from(1)).take_while(|(x, y)| x == y).count() as u64;
            assert_eq!(a.common_point(b.history(), b.last_index()), equal);
            let later = |index: u64| a.position(index).is_some() && a.position(index) == b.position(index);
            assert!((equal + 1..=a.last_index()).all(|index| !later(index)), "no agreement after a fork");
        }
    }
}

/// One schedule of faults under load.
struct Schedule {
    network: Network,
    chance: Stream,
    witness: Witness,
    asked: BTreeMap<OpId, (u16, u32, usize)>,
}

impl Schedule {
    fn new(seed: u64, members: usize, changes: &[(&str, &str)]) -> Self {
        let mut network = Network::new(members, changes, seed);
        network.weather = Weather { loss: 30_000, duplicate: 50_000, jitter: Span::millis(8) };
        Schedule {
            network,
            chance: Stream::new(seed, "test schedule"),
            witness: Witness::default(),
            asked: BTreeMap::new(),
        }
    }

    fn node(&mut self) -> u16 {
        let members = u64::from(self.network.members());
        self.chance.below(members) as u16
    }

    fn run_for(&mut self, span: Span) {
        let end = self.network.now + span;
        while self.network.now < end {
            let Some(node) = self.network.advance() else { return };
            self.witness.look(&self.network, node);
        }
    }

    /// A client asks whom it takes for the primary, sometimes anyone, sometimes for the second time.
    fn ask(&mut self) {
        let anyone = self.node();
        let primaries = self.network.primaries();
        let node =
            if self.chance.chance(150_000) { anyone } else { primaries.last().copied().unwrap_or(anyone) };
        let old = self.asked.keys().next_back().copied().filter(|_| self.chance.chance(150_000));
        match old {
            Some(op) => {
                let (client, key, times) = self.asked[&op];
                self.asked.insert(op, (client, key, times + usize::from(self.network.is_up(node))));
                self.network.resend(op, client, node, key);
            }
            None => {
                let (client, key) = (self.chance.below(3) as u16, self.chance.below(5) as u32);
                let times = usize::from(self.network.is_up(node));
                let op = self.network.write_by(client, node, key);
                self.asked.insert(op, (client, key, times));
            }
        }
        self.witness.look(&self.network, node);
    }

    /// A primary, if there is one and chance wants it, else anyone.
    fn victim(&mut self) -> u16 {
        let anyone = self.node();
        let primary = self.network.primaries().first().copied();
        primary.filter(|_| self.chance.chance(500_000)).unwrap_or(anyone)
    }

    fn hurt(&mut self) {
        let (node, other) = (self.victim(), self.node());
        match self.chance.below(13) {
            0 | 1 => self.network.power_off(node),
            2 => self.network.kill_process(node),
            3 => (0..self.network.members()).for_each(|node| self.network.power_off(node)),
            4 | 5 => self.network.cut(node, other),
            6 => {
                let (mut nodes, split): (Vec<u16>, _) = ((0..self.network.members()).collect(), node + 1);
                self.chance.shuffle(&mut nodes);
                let (here, there) = nodes.split_at(usize::from(split));
                self.network.partition(&[here, there]);
            }
            7 | 8 => self.network.heal(),
            9 if node != other => self.network.hand_over(node, other),
            _ => {
                let down: Vec<u16> =
                    (0..self.network.members()).filter(|&node| !self.network.is_up(node)).collect();
                down.into_iter().for_each(|node| self.network.restart(node));
            }
        }
        self.witness.look(&self.network, node);
    }

    /// Nodes come and go, in the middle of it all.
    fn change_members(&mut self) {
        let (node, primary) = (self.node(), self.network.primaries().last().copied());
        let members =
            primary.and_then(|primary| self.network.node(primary)).map_or(0, |node| node.members.len());
        match (self.chance.below(2), primary) {
            (0, _) if self.network.members() < 8 => self.network.add_node(),
            (_, Some(primary)) if members > 2 => self.network.remove(primary, node),
            _ => {}
        }
        self.witness.look(&self.network, node);
    }

    fn play(&mut self, rounds: u64) {
        for _ in 0..rounds {
            match self.chance.below(20) {
                0 | 1 => self.hurt(),
                _ => self.ask(),
            }
            // Mostly a rush of requests, now and then time enough for an election.
            let longest = if self.chance.chance(50_000) { 1_500_000 } else { 10_000 };
            let pause = Span(self.chance.below(longest));
            self.run_for(pause);
        }
    }

    /// Everything is healed and the cluster comes to rest.
    fn settle(&mut self) {
        self.network.heal();
        self.network.weather = Weather::default();
        for node in 0..self.network.members() {
            if !self.network.is_up(node) {
                self.network.restart(node);
            }
        }
        self.run_for(Span::seconds(8));
    }

    fn judge(&self) {
        assert_log_matching(&self.network);
        let truth = self.network.truth();
        assert!(truth.is_converged && truth.keys_diverged == 0, "a healed cluster converges");
        let survivors = self.network.survivors();
        let lost: Vec<_> = self.network.acked().difference(&survivors).copied().collect();
        assert_eq!(lost, [], "acknowledged and gone");
        for (op, (_, _, times)) in &self.asked {
            let answers = self.network.answers.get(op).map_or(&[][..], Vec::as_slice);
            let is_definite =
                |answer: &Answer| matches!(answer, Answer::Refused(_) | Answer::NotPrimary { .. });
            if answers.len() == *times && answers.iter().all(|(_, answer)| is_definite(answer)) {
                assert!(!survivors.contains(op), "{op} was refused and still happened");
            }
        }
        let log = self.network.living().next().expect("everyone is up").log();
        let mut seen = BTreeSet::new();
        let repeated =
            log.iter_from(1).filter_map(|(_, entry)| entry.operation()).find(|op| !seen.insert(*op));
        assert_eq!(repeated, None, "a request sent twice happens once");
    }
}

fn live_through(seeds: std::ops::Range<u64>, members: usize, changes: &[(&str, &str)]) -> usize {
    let mut acked = 0;
    for seed in seeds {
        let mut schedule = Schedule::new(seed, members, changes);
        schedule.play(150);
        schedule.settle();
        schedule.judge();
        acked += schedule.network.acked().len();
    }
    acked
}

#[test]
fn three_nodes_keep_every_invariant_under_random_faults() {
    assert!(live_through(0..400, 3, SAFE) > 10_000, "the schedules leave room for work");
}

#[test]
fn five_nodes_keep_every_invariant_under_random_faults() {
    assert!(live_through(1_000..1_300, 5, SAFE) > 7_500);
}

#[test]
fn a_short_backlog_brings_snapshots_and_changes_no_invariant() {
    let changes = [SAFE, &[("backlog", "3")]].concat();
    assert!(live_through(2_000..2_300, 3, &changes) > 6_000);
}

#[test]
fn elections_without_pre_vote_and_check_quorum_are_as_safe() {
    let changes = [SAFE, &[("prevote", "false"), ("check_quorum", "false"), ("fencing", "epoch")]].concat();
    assert!(live_through(3_000..3_200, 5, &changes) > 3_500);
}

#[test]
fn whoever_passes_the_log_on_no_invariant_changes() {
    let cascade = [SAFE, &[("layout", "cascade")]].concat();
    assert!(live_through(6_000..6_200, 5, &cascade) > 4_000);
    let chain = [SAFE, &[("layout", "chain"), ("ack", "all")]].concat();
    assert!(live_through(7_000..7_200, 5, &chain) > 500, "all must answer, so faults stop everything");
}

#[test]
fn members_that_come_and_go_change_no_invariant() {
    let (mut acked, mut changes) = (0, 0);
    for seed in 4_000..4_250 {
        let mut schedule = Schedule::new(seed, 3, SAFE);
        for _ in 0..8 {
            schedule.play(18);
            schedule.change_members();
        }
        schedule.settle();
        schedule.judge();
        acked += schedule.network.acked().len();
        changes += schedule.network.count_lines("JOIN") + schedule.network.count_lines("LEAVE");
    }
    assert!(acked > 5_000 && changes > 500, "{acked} writes acknowledged, {changes} changes of members");
}

/// With a lease in a store and an in-sync set what counts is in the memory of at least two: cuts of every shape lose
/// none of it, and there is one primary a term. (Two that lose their power at once do: Kafka's bargain.)
#[test]
fn leases_and_in_sync_sets_keep_every_invariant_under_cuts() {
    let changes = [
        ("ack", "isr"),
        ("min_isr", "2"),
        ("promotion", "auto-lease"),
        ("isr_lag", "500ms"),
        ("lease", "900ms"),
        ("loop_wait", "300ms"),
        ("retry_timeout", "300ms"),
        ("max_inflight", "8"),
    ];
    let (mut acked, mut taken) = (0, 0);
    for seed in 5_000..5_150 {
        let mut schedule = Schedule::new(seed, 5, &changes);
        for _ in 0..120 {
            let (node, other) = (schedule.victim(), schedule.node());
            match schedule.chance.below(20) {
                0 => schedule.network.cut(node, other),
                1 => {
                    let others: Vec<u16> = (0..5).filter(|&other| other != node).collect();
                    schedule.network.partition(&[&[node], &others]);
                }
                2 | 3 => schedule.network.heal(),
                _ => schedule.ask(),
            }
            let longest = if schedule.chance.chance(80_000) { 2_000_000 } else { 15_000 };
            let pause = Span(schedule.chance.below(longest));
            schedule.run_for(pause);
        }
        schedule.settle();
        schedule.judge();
        acked += schedule.network.acked().len();
        taken += schedule.network.count_lines("LEASE_TAKEN");
    }
    assert!(acked > 4_000 && taken > 100, "{acked} writes acknowledged, {taken} leases taken");
}

/// Without votes acknowledged writes are lost, but histories stay told apart and everyone agrees in the end.
#[test]
fn without_votes_logs_still_match_and_a_healed_cluster_still_converges() {
    for (fencing, seeds) in [("none", 0..60), ("epoch", 60..120)] {
        for seed in seeds {
            let changes =
                [("promotion", "auto-unsafe"), ("ack", "async"), ("fencing", fencing), ("backlog", "40")];
            let mut schedule = Schedule::new(seed, 5, &changes);
            let mut network = schedule.network;
            for _ in 0..200 {
                let node = schedule.chance.below(5) as u16;
                match schedule.chance.below(30) {
                    0 => network.power_off(node),
                    1 => network.partition(&[&[node], &[(node + 1) % 5, (node + 2) % 5]]),
                    2 => network.heal(),
                    3 if !network.is_up(node) => network.restart(node),
                    _ => drop(network.write(node, u32::from(node))),
                }
                network.run_for(Span(schedule.chance.below(100_000)));
                assert_log_matching(&network);
            }
            schedule.network = network;
            schedule.network.heal();
            schedule.network.weather = Weather::default();
            for node in 0..5 {
                if !schedule.network.is_up(node) {
                    schedule.network.restart(node);
                }
            }
            schedule.network.run_for(Span::seconds(12));
            assert!(schedule.network.truth().is_converged, "{fencing}, seed {seed}");
            assert_eq!(schedule.network.primaries().len(), 1);
        }
    }
}
