//! Who is up? Gossiped heartbeats and a level of suspicion that rises with silence: the phi accrual detector (Hayashibara,
//! Défago, Yared, Katayama 2004), in the form of Cassandra's gossiper.
//!
//! ```text
//!  every round: my version + 1; Syn (versions I know of all) to one live member, perhaps one unreachable, perhaps a seed
//!               Syn ---> Ack (what I know newer, whom I want) ---> Ack2 (what you wanted)
//!  phi = log10(e) * (now - last heartbeat) / mean interval of heartbeats
//!  phi above the threshold: down, in this node's opinion alone; a newer heartbeat: up again
//! ```
//!
//! An opinion is never gossiped, and nobody is removed: only an operator changes the ring. Start with [`Phi::wake`].

use crate::base::ids::NodeId;
use crate::base::random::Stream;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::view::PeerStatus;

/// Heartbeats that count towards the mean interval (Cassandra `SAMPLE_SIZE`); of more, the mean decays.
const WINDOW: u64 = 1_000;
/// An interval counts as this many rounds before any was measured, and longer ones are not counted: a silence says
/// nothing about the usual pace (Cassandra `INITIAL_VALUE`, `fd_max_interval_ms`).
const ROUNDS_AT_MOST: u64 = 2;
/// The first members are the seeds.
const SEEDS: usize = 3;
/// log10(e), in thousandths.
const LOG10_E: u128 = 434;

/// The knobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// How often a node gossips.
    pub round: Span,
    /// Phi above which a member counts as down.
    pub threshold: u64,
}

/// A member's heartbeat: its life, and the rounds it has lived in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Beat {
    /// The life.
    pub generation: u32,
    /// Rounds.
    pub version: u32,
}

/// What members say to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// The newest heartbeats I know, one for each member in order.
    Syn {
        /// Them.
        beats: Box<[Beat]>,
    },
    /// What you do not know yet, and whom I want.
    Ack {
        /// Heartbeats that are newer here.
        newer: Box<[(NodeId, Beat)]>,
        /// Members whose heartbeat is older here.
        wanted: Box<[NodeId]>,
    },
    /// What you wanted.
    Ack2 {
        /// Heartbeats.
        newer: Box<[(NodeId, Beat)]>,
    },
}

/// What a member wants done, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Send a message.
    Send {
        /// To whom.
        to: NodeId,
        /// What.
        message: Message,
    },
    /// Wake me after so long.
    Sleep(Span),
    /// `peer` counts as down now.
    Convicted {
        /// The member.
        peer: NodeId,
        /// Phi, in tenths.
        phi_tenths: u64,
    },
    /// `peer` counts as up again.
    Revived(NodeId),
}

/// What a member may use while it acts.
pub struct Turn<'a> {
    /// The instant.
    pub now: VirtualTime,
    /// Its stream of chance.
    pub random: &'a mut Stream,
    /// The knobs.
    pub settings: &'a Settings,
    /// What it wants done.
    pub out: &'a mut Vec<Output>,
}

/// What is known of one member.
#[derive(Clone, Debug, PartialEq)]
struct Member {
    beat: Beat,
    last: VirtualTime,
    /// The mean interval is `sum` over `count`.
    sum: u64,
    count: u64,
    status: PeerStatus,
    since: VirtualTime,
}

impl Member {
    /// A newer heartbeat came.
    fn arrive(&mut self, beat: Beat, now: VirtualTime, settings: &Settings) {
        let interval = now.since(self.last);
        if interval <= settings.round * ROUNDS_AT_MOST {
            if self.count == WINDOW {
                self.sum -= self.sum / WINDOW;
                self.count -= 1;
            }
            (self.sum, self.count) = (self.sum + interval.0, self.count + 1);
        }
        (self.beat, self.last) = (beat, now);
    }

    /// Phi in tenths.
    fn phi_tenths(&self, now: VirtualTime) -> u64 {
        let (silence, mean) =
            (u128::from(now.since(self.last).0), u128::from((self.sum / self.count).max(1)));
        u64::try_from(silence * LOG10_E / mean / 100).unwrap_or(u64::MAX)
    }
}

/// One node's membership: what it has heard of every other, and what it makes of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Phi {
    me: NodeId,
    members: Vec<Member>,
}

impl Phi {
    /// A member in its life number `generation` that believes all `members` up. Its first round comes at a random
    /// point of its interval; at once if it was away.
    pub fn start(me: NodeId, members: usize, generation: u32, turn: &mut Turn<'_>) -> Phi {
        let first = (turn.settings.round * ROUNDS_AT_MOST).0;
        let member = Member {
            beat: Beat::default(),
            last: turn.now,
            sum: first,
            count: 1,
            status: PeerStatus::Alive,
            since: turn.now,
        };
        let mut phi = Phi { me, members: vec![member; members] };
        phi.members[me.index()].beat = Beat { generation, version: 0 };
        if members > 1 {
            let pause = if generation > 1 { 0 } else { turn.random.between(0, turn.settings.round.0) };
            turn.out.push(Output::Sleep(Span(pause)));
        }
        phi
    }

    /// One more member, believed up: those before it are members too by now.
    pub fn admit(&mut self, node: NodeId, settings: &Settings, now: VirtualTime) {
        let (beat, sum) = (Beat::default(), (settings.round * ROUNDS_AT_MOST).0);
        let (count, status) = (1, PeerStatus::Alive);
        while self.members.len() <= node.index() {
            self.members.push(Member { beat, last: now, sum, count, status, since: now });
        }
    }

    /// A round: one heartbeat more, told to a few; and a look at who has been silent.
    pub fn wake(&mut self, turn: &mut Turn<'_>) {
        self.members[self.me.index()].beat.version += 1;
        for to in self.partners(turn.random) {
            let beats = self.members.iter().map(|member| member.beat).collect();
            turn.out.push(Output::Send { to, message: Message::Syn { beats } });
        }
        self.convict(turn);
        turn.out.push(Output::Sleep(turn.settings.round));
    }

    /// One live member; perhaps one that is down, the likelier the more are; perhaps a seed, if none was met.
    fn partners(&self, random: &mut Stream) -> Vec<NodeId> {
        let others = || (0..self.members.len()).map(NodeId::at).filter(|&node| node != self.me);
        let of =
            |status| others().filter(|node| self.members[node.index()].status == status).collect::<Vec<_>>();
        let (live, down) = (of(PeerStatus::Alive), of(PeerStatus::Down));
        let is_seed = |node: &NodeId| node.index() < SEEDS;
        let seeds: Vec<NodeId> = others().filter(is_seed).collect();
        let mut partners = Vec::new();
        partners.extend(one_of(&live, random));
        if is_likely(down.len(), live.len() + 1, random) {
            partners.extend(one_of(&down, random));
        }
        if !partners.iter().any(is_seed) && is_likely(seeds.len(), live.len() + down.len(), random) {
            partners.extend(one_of(&seeds, random));
        }
        partners
    }

    fn convict(&mut self, turn: &mut Turn<'_>) {
        let limit = turn.settings.threshold.saturating_mul(10);
        for (place, member) in self.members.iter_mut().enumerate() {
            let peer = NodeId::at(place);
            let phi_tenths = member.phi_tenths(turn.now);
            if peer != self.me && member.status == PeerStatus::Alive && phi_tenths > limit {
                (member.status, member.since) = (PeerStatus::Down, turn.now);
                turn.out.push(Output::Convicted { peer, phi_tenths });
            }
        }
    }

    /// Takes in what `from` said.
    pub fn receive(&mut self, from: NodeId, message: &Message, turn: &mut Turn<'_>) {
        match message {
            Message::Syn { beats } => {
                let theirs = |node: usize| beats.get(node).copied().unwrap_or_default();
                let known =
                    self.members.iter().enumerate().map(|(node, member)| (NodeId::at(node), member.beat));
                let newer = known.clone().filter(|(node, beat)| *beat > theirs(node.index())).collect();
                let wanted = known.filter(|(node, beat)| *beat < theirs(node.index())).map(|(node, _)| node);
                let wanted = wanted.filter(|&node| node != self.me).collect();
                turn.out.push(Output::Send { to: from, message: Message::Ack { newer, wanted } });
            }
            Message::Ack { newer, wanted } => {
                self.learn(newer, turn);
                let beat = |&node: &NodeId| Some((node, self.members.get(node.index())?.beat));
                let newer: Box<[(NodeId, Beat)]> = wanted.iter().filter_map(beat).collect();
                if !newer.is_empty() {
                    turn.out.push(Output::Send { to: from, message: Message::Ack2 { newer } });
                }
            }
            Message::Ack2 { newer } => self.learn(newer, turn),
        }
    }

    fn learn(&mut self, newer: &[(NodeId, Beat)], turn: &mut Turn<'_>) {
        for &(peer, beat) in newer {
            let Some(member) = self.members.get_mut(peer.index()).filter(|_| peer != self.me) else {
                continue;
            };
            if beat <= member.beat {
                continue;
            }
            member.arrive(beat, turn.now, turn.settings);
            if member.status == PeerStatus::Down {
                (member.status, member.since) = (PeerStatus::Alive, turn.now);
                turn.out.push(Output::Revived(peer));
            }
        }
    }

    /// What this node thinks of `peer`.
    pub fn status(&self, peer: NodeId) -> PeerStatus {
        self.members.get(peer.index()).map_or(PeerStatus::Down, |member| member.status)
    }

    /// Since when it thinks so.
    pub fn since(&self, peer: NodeId) -> VirtualTime {
        self.members.get(peer.index()).map_or(VirtualTime::ZERO, |member| member.since)
    }

    /// This node's life.
    pub fn generation(&self) -> u32 {
        self.members[self.me.index()].beat.generation
    }
}

/// One of these, any as likely as the others.
fn one_of(nodes: &[NodeId], random: &mut Stream) -> Option<NodeId> {
    let last = nodes.len().checked_sub(1)?;
    Some(nodes[random.between(0, last as u64) as usize])
}

/// True in `part` of `of` cases.
fn is_likely(part: usize, of: usize, random: &mut Stream) -> bool {
    part > 0 && random.between(0, of.max(1) as u64 - 1) < part as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND: Settings = Settings { round: Span::seconds(1), threshold: 8 };
    const N2: NodeId = NodeId(1);

    struct Bench {
        phi: Phi,
        now: VirtualTime,
        random: Stream,
        out: Vec<Output>,
    }

    impl Bench {
        fn new(members: usize) -> Bench {
            let (mut random, mut out) = (Stream::new(1, "test"), Vec::new());
            let mut turn =
                Turn { now: VirtualTime::ZERO, random: &mut random, settings: &ROUND, out: &mut out };
            let phi = Phi::start(NodeId(0), members, 1, &mut turn);
            Bench { phi, now: VirtualTime::ZERO, random, out: Vec::new() }
        }

        fn act(&mut self, act: impl FnOnce(&mut Phi, &mut Turn<'_>)) -> Vec<Output> {
            let mut turn =
                Turn { now: self.now, random: &mut self.random, settings: &ROUND, out: &mut self.out };
            act(&mut self.phi, &mut turn);
            std::mem::take(&mut self.out)
        }

        fn hear(&mut self, version: u32) -> Vec<Output> {
            let newer = [(N2, Beat { generation: 1, version })].into();
            self.act(|phi, turn| phi.receive(N2, &Message::Ack2 { newer }, turn))
        }
    }

    /// replication.md 2.9: phi 8 is 18.4 mean intervals of silence.
    #[test]
    fn a_member_is_convicted_after_18_intervals_of_silence_and_revived_by_a_heartbeat() {
        let mut bench = Bench::new(2);
        for second in 1..=200 {
            bench.now = VirtualTime(second * 1_000_000);
            bench.hear(second as u32);
        }
        let mut convicted_after = None;
        for second in 1..60 {
            bench.now = VirtualTime((200 + second) * 1_000_000);
            let out = bench.act(Phi::wake);
            if out.iter().any(|output| matches!(output, Output::Convicted { peer: N2, .. })) {
                convicted_after = convicted_after.or(Some(second));
            }
        }
        assert_eq!(convicted_after, Some(19), "the first round after 18.4 s");
        assert_eq!(bench.phi.status(N2), PeerStatus::Down);
        assert_eq!(bench.hear(201), [Output::Revived(N2)]);
        assert_eq!(bench.hear(150), [], "an old heartbeat says nothing");
    }

    #[test]
    fn an_exchange_brings_both_up_to_date() {
        let mut bench = Bench::new(3);
        bench.now = VirtualTime(1_000_000);
        bench.hear(5);
        let beat = |generation, version| Beat { generation, version };
        let beats = [beat(1, 0), beat(1, 3), beat(2, 9)].into();
        let out = bench.act(|phi, turn| phi.receive(N2, &Message::Syn { beats }, turn));
        let newer = [(N2, beat(1, 5))].into();
        let ack = Message::Ack { newer, wanted: [NodeId(2)].into() };
        assert_eq!(out, [Output::Send { to: N2, message: ack }]);
    }

    #[test]
    fn a_node_that_is_alone_gossips_with_nobody() {
        let mut bench = Bench::new(1);
        let out = bench.act(Phi::wake);
        assert_eq!(out, [Output::Sleep(ROUND.round)]);
    }
}
