//! Where the membership protocol meets the node: its outputs become effects, its opinions decide whom to ask. Without
//! one, everyone is taken to be up and silence is met by asking again.

use super::config::{Config, Watching};
use super::message::Message;
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::base::time::VirtualTime;
use crate::protocol::kit::phi::{self, Phi};
use crate::protocol::kit::swim::{self, Swim, Wake};
use crate::protocol::view::PeerStatus;

/// How a node finds out who is up.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Detector {
    /// Probes, suspicion and refutation, gossiped.
    Swim(Swim),
    /// Gossiped heartbeats, and an opinion of one's own.
    Phi(Phi),
    /// Everyone is taken to be up.
    Nobody,
}

/// What a detector wants done.
#[derive(Debug)]
pub(super) enum Wish {
    Swim(swim::Output),
    Phi(phi::Output),
}

impl Detector {
    /// Watches `node` too, and those before it.
    pub(super) fn admit(&mut self, node: NodeId, config: &Config, now: VirtualTime) {
        match (self, &config.watching) {
            (Detector::Swim(swim), _) => swim.admit(node, now),
            (Detector::Phi(phi), Watching::Phi(settings)) => phi.admit(node, settings, now),
            (Detector::Phi(_), Watching::Swim(_)) => {}
            (Detector::Nobody, _) | (_, Watching::Nobody) => {}
        }
    }

    /// A detector that believes everyone up, as `config` wants it.
    pub(super) fn start(cx: &mut Cx<'_>, config: &Config) -> (Detector, Vec<Wish>) {
        // One that comes later knows the founders and itself.
        let (members, is_late) = (cx.members.max(cx.me.index() + 1), cx.me.index() >= cx.members);
        match &config.watching {
            Watching::Swim(settings) => {
                let mut out = Vec::new();
                let mut turn = swim::Turn { now: cx.now, random: cx.random, settings, out: &mut out };
                let swim = Swim::start(cx.me, members, cx.incarnation > 1 || is_late, &mut turn);
                (Detector::Swim(swim), out.into_iter().map(Wish::Swim).collect())
            }
            Watching::Phi(settings) => {
                let mut out = Vec::new();
                let mut turn = phi::Turn { now: cx.now, random: cx.random, settings, out: &mut out };
                let phi = Phi::start(cx.me, members, cx.incarnation, &mut turn);
                (Detector::Phi(phi), out.into_iter().map(Wish::Phi).collect())
            }
            Watching::Nobody => (Detector::Nobody, Vec::new()),
        }
    }

    /// What this node thinks of `peer`.
    pub(super) fn status(&self, peer: NodeId) -> PeerStatus {
        match self {
            Detector::Swim(swim) => swim.status(peer),
            Detector::Phi(phi) => phi.status(peer),
            Detector::Nobody => PeerStatus::Alive,
        }
    }

    /// Since when it thinks so.
    pub(super) fn since(&self, peer: NodeId) -> VirtualTime {
        match self {
            Detector::Swim(swim) => swim.since(peer),
            Detector::Phi(phi) => phi.since(peer),
            Detector::Nobody => VirtualTime::ZERO,
        }
    }

    /// SWIM's incarnation, or the generation of a gossiped heartbeat.
    pub(super) fn incarnation(&self) -> u32 {
        match self {
            Detector::Swim(swim) => swim.incarnation(),
            Detector::Phi(phi) => phi.generation(),
            Detector::Nobody => 0,
        }
    }
}

impl PeerToPeer {
    /// Whether `node` may be asked: a suspect still is, as in Cassandra, where only conviction changes the routing.
    pub(super) fn believes_up(&self, node: NodeId) -> bool {
        node == self.me || self.detector.status(node) != PeerStatus::Down
    }

    /// A message of SWIM's came.
    pub(super) fn take_swim(&mut self, cx: &mut Cx<'_>, from: NodeId, message: &swim::Message) {
        self.with_swim(cx, |swim, turn| swim.receive(from, message, turn));
    }

    /// A timer of SWIM's ran out.
    pub(super) fn wake_swim(&mut self, cx: &mut Cx<'_>, wake: Wake) {
        self.with_swim(cx, |swim, turn| swim.wake(wake, turn));
    }

    /// A message of the heartbeats' gossip came.
    pub(super) fn take_phi(&mut self, cx: &mut Cx<'_>, from: NodeId, message: &phi::Message) {
        self.with_phi(cx, |phi, turn| phi.receive(from, message, turn));
    }

    /// A round of that gossip begins.
    pub(super) fn wake_phi(&mut self, cx: &mut Cx<'_>) {
        self.with_phi(cx, Phi::wake);
    }

    /// Any message came from `peer`: one that SWIM held for dead learns it, so that it can say otherwise.
    pub(super) fn note_sign_of_life(&mut self, cx: &mut Cx<'_>, peer: NodeId) {
        if !self.believes_up(peer) {
            self.with_swim(cx, |swim, turn| swim.hear_from(peer, turn));
        }
    }

    fn with_swim(&mut self, cx: &mut Cx<'_>, act: impl FnOnce(&mut Swim, &mut swim::Turn<'_>)) {
        let (Detector::Swim(swim), Watching::Swim(settings)) = (&mut self.detector, &self.config.watching)
        else {
            return;
        };
        let mut out = Vec::new();
        act(swim, &mut swim::Turn { now: cx.now, random: cx.random, settings, out: &mut out });
        self.carry_out(cx, out.into_iter().map(Wish::Swim));
    }

    fn with_phi(&mut self, cx: &mut Cx<'_>, act: impl FnOnce(&mut Phi, &mut phi::Turn<'_>)) {
        let (Detector::Phi(phi), Watching::Phi(settings)) = (&mut self.detector, &self.config.watching)
        else {
            return;
        };
        let mut out = Vec::new();
        act(phi, &mut phi::Turn { now: cx.now, random: cx.random, settings, out: &mut out });
        self.carry_out(cx, out.into_iter().map(Wish::Phi));
    }

    /// Turns what a detector wants into effects.
    pub(super) fn carry_out(&mut self, cx: &mut Cx<'_>, wishes: impl IntoIterator<Item = Wish>) {
        for wish in wishes {
            match wish {
                Wish::Swim(output) => self.carry_out_swim(cx, output),
                Wish::Phi(output) => self.carry_out_phi(cx, output),
            }
        }
    }

    fn carry_out_swim(&mut self, cx: &mut Cx<'_>, output: swim::Output) {
        use swim::Output;
        match output {
            Output::Send { to, message } => cx.send(to, Message::Swim(message)),
            Output::SetTimer { wake, after } => cx.set_timer(timer(Alarm::Swim(wake)), after),
            Output::CancelTimer(wake) => cx.cancel_timer(timer(Alarm::Swim(wake))),
            Output::Refuted { by, from, to } => cx.say(Line::Refute { by, from, to }),
            Output::Changed { peer, status: PeerStatus::Alive, .. } => self.welcome_back(cx, peer),
            Output::Changed { peer, status: PeerStatus::Suspect, .. } => cx.say(Line::PeerSuspect { peer }),
            Output::Changed { peer, status: PeerStatus::Down, confirmations } => {
                cx.say(Line::PeerDown { peer, confirmations });
            }
        }
    }

    fn carry_out_phi(&mut self, cx: &mut Cx<'_>, output: phi::Output) {
        use phi::Output;
        match output {
            Output::Send { to, message } => cx.send(to, Message::Phi(message)),
            Output::Sleep(after) => cx.set_timer(timer(Alarm::Phi), after),
            Output::Convicted { peer, phi_tenths } => cx.say(Line::PeerConvicted { peer, phi_tenths }),
            Output::Revived(peer) => self.welcome_back(cx, peer),
        }
    }

    fn welcome_back(&mut self, cx: &mut Cx<'_>, peer: NodeId) {
        cx.say(Line::PeerUp { peer });
        self.replay(cx, peer);
    }
}
