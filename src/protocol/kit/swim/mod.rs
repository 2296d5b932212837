//! Who is up? Membership by gossip, without a centre: SWIM (Das, Gupta, Motivala 2002) with the suspicion and the
//! buddy system of Lifeguard (Dadgar, Phillips, Currey 2018), in the form of HashiCorp memberlist.
//!
//! ```text
//!  probe: Ping ------------------> target        every probe_interval the next of a shuffled round
//!         no Ack in probe_timeout
//!         PingRequest -> k others -> Ping -> target -> Ack -> Ack
//!         no Ack by the next probe: Suspect, told to everyone; suspicion runs out: Down
//!  news:  rides on Ping, PingRequest and Ack, and goes to gossip_nodes members every gossip_interval
//!  table: pushed to one member and pulled from it every push_pull
//! ```
//!
//! A member that hears itself suspected raises its *incarnation* and says Alive, which beats everything older. "Down"
//! is each node's own opinion; a cut makes two halves that hold each other for dead. So that a healed cut is noticed,
//! news still goes to the dead for a while and every push-pull also tries one member that is not Alive.
//!
//! What lives here: a value that takes messages and wake-ups and gives [`Output`]s. It knows no store and no key.
//! A node that finds itself slow (its probes fail, the helpers it asked do not even say that they failed, others suspect
//! it) probes more slowly, up to `awareness_max` times: Lifeguard's local health.
//!
//! Start with [`Swim::receive`] and [`Swim::wake`]; the rules of precedence are in `opinion`.

mod exchange;
mod opinion;
mod probe;
mod rumours;
mod suspicion;
#[cfg(test)]
mod tests;

use crate::base::ids::NodeId;
use crate::base::random::Stream;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::view::PeerStatus;
use probe::{Probe, Relay};
use rumours::Rumours;
use suspicion::Suspicion;

/// The timers and counts of memberlist's configuration, under its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// One member is probed this often.
    pub probe_interval: Span,
    /// Silence before others are asked to probe.
    pub probe_timeout: Span,
    /// How many others are asked.
    pub indirect_checks: usize,
    /// Shortest suspicion, in probe intervals times log10 of the size.
    pub suspicion_mult: u64,
    /// Longest suspicion, in shortest ones.
    pub suspicion_max_mult: u64,
    /// How often news is spread.
    pub gossip_interval: Span,
    /// How many members are told each time.
    pub gossip_nodes: usize,
    /// How often whole tables are exchanged.
    pub push_pull: Span,
    /// How often each piece of news is passed on, times log10 of the size.
    pub retransmit_mult: u64,
    /// How many times more slowly an unhealthy node probes at most; 1 for never.
    pub awareness_max: u64,
}

/// A claim about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// The member it is about.
    pub about: NodeId,
    /// What is claimed.
    pub status: PeerStatus,
    /// The incarnation of the member that it is claimed of.
    pub incarnation: u32,
    /// Who claims it.
    pub from: NodeId,
}

/// One row of a membership table; the row's place is the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// What the sender thinks of the member.
    pub status: PeerStatus,
    /// The member's incarnation as the sender knows it.
    pub incarnation: u32,
}

/// What members say to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Are you there?
    Ping {
        /// Comes back in the Ack.
        sequence: u32,
        /// News on the way.
        news: Box<[News]>,
    },
    /// Is `target` there? Ask it for me.
    PingRequest {
        /// Comes back in the Ack.
        sequence: u32,
        /// Whom to ask.
        target: NodeId,
        /// News on the way.
        news: Box<[News]>,
    },
    /// I am (or the target you asked about is) there.
    Ack {
        /// Of the Ping or PingRequest.
        sequence: u32,
        /// News on the way.
        news: Box<[News]>,
    },
    /// The target you asked about did not answer me either.
    Nack {
        /// Of the PingRequest.
        sequence: u32,
    },
    /// News.
    Gossip {
        /// The news.
        news: Box<[News]>,
    },
    /// All I know.
    PushPull {
        /// One row for each member, in order.
        table: Box<[Row]>,
        /// Whether it answers another; then no answer is wanted.
        is_answer: bool,
    },
}

/// What wakes a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Time to probe the next member.
    Probe,
    /// The probed member has been silent for the probe timeout.
    ProbeTimeout,
    /// A probe made for another may have failed.
    Relay,
    /// Time to spread news.
    Gossip,
    /// Time to exchange tables.
    PushPull,
    /// The suspicion of this member has run out.
    Suspicion(NodeId),
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
    /// Wake me for this after so long; replaces the earlier one for the same reason.
    SetTimer {
        /// The reason.
        wake: Wake,
        /// From now.
        after: Span,
    },
    /// Do not wake me for this.
    CancelTimer(Wake),
    /// The opinion of `peer` changed.
    Changed {
        /// The member.
        peer: NodeId,
        /// What is thought of it now.
        status: PeerStatus,
        /// Members that confirmed the suspicion, if it was one.
        confirmations: u32,
    },
    /// A suspicion of this node itself was refuted.
    Refuted {
        /// Who claimed it.
        by: NodeId,
        /// The incarnation suspected.
        from: u32,
        /// The incarnation now.
        to: u32,
    },
}

/// What a member may use while it acts.
pub struct Turn<'a> {
    /// The instant.
    pub now: VirtualTime,
    /// Its stream of chance.
    pub random: &'a mut Stream,
    /// The timers and counts.
    pub settings: &'a Settings,
    /// What it wants done.
    pub out: &'a mut Vec<Output>,
}

impl Turn<'_> {
    fn send(&mut self, to: NodeId, message: Message) {
        self.out.push(Output::Send { to, message });
    }

    fn set_timer(&mut self, wake: Wake, after: Span) {
        self.out.push(Output::SetTimer { wake, after });
    }
}

/// What is thought of one member.
#[derive(Clone, Debug, PartialEq)]
struct Member {
    status: PeerStatus,
    incarnation: u32,
    since: VirtualTime,
    suspicion: Option<Suspicion>,
    /// When it was last told directly that it counts as dead.
    nudged_at: Option<VirtualTime>,
}

/// One node's membership: its opinion of every other, and the news it still has to pass on.
#[derive(Clone, Debug, PartialEq)]
pub struct Swim {
    me: NodeId,
    incarnation: u32,
    members: Vec<Member>,
    rumours: Rumours,
    /// The peers in the order of this round of probes.
    round: Vec<NodeId>,
    /// The place in `round` of the next one.
    next: usize,
    probe: Option<Probe>,
    relays: Vec<Relay>,
    sequence: u32,
    /// How unhealthy this node finds itself: from 0 to one less than `awareness_max`.
    ailing: u64,
}

impl Swim {
    /// A member that believes all `members` alive. Its timers start at random points of their intervals, so that the
    /// cluster does not act in step. A node that comes back (`is_rejoining`) first exchanges tables with a few others,
    /// as memberlist's `Join` does, and so learns which incarnation it has to beat.
    pub fn start(me: NodeId, members: usize, is_rejoining: bool, turn: &mut Turn<'_>) -> Swim {
        let member = Member {
            status: PeerStatus::Alive,
            incarnation: 0,
            since: turn.now,
            suspicion: None,
            nudged_at: None,
        };
        let round: Vec<NodeId> = (0..members).map(NodeId::at).filter(|&node| node != me).collect();
        let swim = Swim {
            me,
            incarnation: 0,
            members: vec![member; members],
            rumours: Rumours::default(),
            next: round.len(),
            round,
            probe: None,
            relays: Vec::new(),
            sequence: 0,
            ailing: 0,
        };
        if members > 1 {
            swim.arm_cycles(turn);
        }
        if is_rejoining {
            swim.join(turn);
        }
        swim
    }

    /// One more member, believed alive: those before it are members too by now.
    pub fn admit(&mut self, node: NodeId, now: VirtualTime) {
        while self.members.len() <= node.index() {
            let peer = NodeId::at(self.members.len());
            let (status, incarnation) = (PeerStatus::Alive, 0);
            self.members.push(Member { status, incarnation, since: now, suspicion: None, nudged_at: None });
            if peer != self.me {
                self.round.push(peer);
            }
        }
    }

    /// Takes in what `from` said.
    pub fn receive(&mut self, from: NodeId, message: &Message, turn: &mut Turn<'_>) {
        match message {
            Message::Ping { sequence, news } => {
                self.hear_all(news, turn);
                let news = self.rumours.take(self.retransmissions(turn.settings));
                turn.send(from, Message::Ack { sequence: *sequence, news });
            }
            Message::PingRequest { sequence, target, news } => {
                self.hear_all(news, turn);
                self.relay(from, *sequence, *target, turn);
            }
            Message::Ack { sequence, news } => {
                self.hear_all(news, turn);
                self.take_ack(*sequence, turn);
            }
            Message::Nack { sequence } => self.take_nack(*sequence),
            Message::Gossip { news } => self.hear_all(news, turn),
            Message::PushPull { table, is_answer } => self.exchange_with(from, table, *is_answer, turn),
        }
    }

    /// Does what it was woken for.
    pub fn wake(&mut self, wake: Wake, turn: &mut Turn<'_>) {
        match wake {
            Wake::Probe => self.probe_next(turn),
            Wake::ProbeTimeout => self.probe_indirectly(turn),
            Wake::Relay => self.admit_failed_relays(turn),
            Wake::Gossip => self.gossip(turn),
            Wake::PushPull => self.push_pull(turn),
            Wake::Suspicion(peer) => self.give_up_on(peer, turn),
        }
    }

    /// A message of any kind came from `peer`: if it counts as dead, it is told so at once and can refute. Nothing is
    /// believed without its word, because Dead beats Alive of the same incarnation everywhere else.
    pub fn hear_from(&mut self, peer: NodeId, turn: &mut Turn<'_>) {
        let interval = turn.settings.probe_interval;
        let Some(member) = self.members.get_mut(peer.index()) else { return };
        let is_fresh = member.nudged_at.is_some_and(|at| turn.now.since(at) < interval);
        if member.status != PeerStatus::Down || is_fresh {
            return;
        }
        member.nudged_at = Some(turn.now);
        let verdict = self.claim(peer);
        self.sequence += 1;
        turn.send(peer, Message::Ping { sequence: self.sequence, news: Box::new([verdict]) });
    }

    /// What this node thinks of `peer`.
    pub fn status(&self, peer: NodeId) -> PeerStatus {
        self.members.get(peer.index()).map_or(PeerStatus::Down, |member| member.status)
    }

    /// Since when it thinks so.
    pub fn since(&self, peer: NodeId) -> VirtualTime {
        self.members.get(peer.index()).map_or(VirtualTime::ZERO, |member| member.since)
    }

    /// This node's incarnation.
    pub fn incarnation(&self) -> u32 {
        self.incarnation
    }

    /// Something speaks against this node's own health.
    fn ail(&mut self, by: u64, settings: &Settings) {
        self.ailing = (self.ailing + by).min(settings.awareness_max.saturating_sub(1));
    }

    /// What this node claims about `about` now.
    fn claim(&self, about: NodeId) -> News {
        if about == self.me {
            return News { about, status: PeerStatus::Alive, incarnation: self.incarnation, from: self.me };
        }
        let Member { status, incarnation, .. } = self.members[about.index()];
        News { about, status, incarnation, from: self.me }
    }

    fn retransmissions(&self, settings: &Settings) -> u64 {
        rumours::retransmissions(settings.retransmit_mult, self.members.len())
    }
}
