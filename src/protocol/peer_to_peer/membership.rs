//! Where the membership protocol meets the node: its outputs become effects, its opinions decide whom to ask.

use super::message::Message;
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::protocol::kit::swim::{self, Output, Swim, Turn, Wake};
use crate::protocol::view::PeerStatus;

impl PeerToPeer {
    /// Whether `node` may be asked: a suspect still is, as in Cassandra, where only conviction changes the routing.
    pub(super) fn believes_up(&self, node: NodeId) -> bool {
        node == self.me || self.swim.status(node) != PeerStatus::Down
    }

    /// A membership message came.
    pub(super) fn take_swim(&mut self, cx: &mut Cx<'_>, from: NodeId, message: &swim::Message) {
        self.with_swim(cx, |swim, turn| swim.receive(from, message, turn));
    }

    /// A membership timer ran out.
    pub(super) fn wake_swim(&mut self, cx: &mut Cx<'_>, wake: Wake) {
        self.with_swim(cx, |swim, turn| swim.wake(wake, turn));
    }

    /// Any message came from `peer`: one that was held for dead learns it, so that it can say otherwise.
    pub(super) fn note_sign_of_life(&mut self, cx: &mut Cx<'_>, peer: NodeId) {
        if !self.believes_up(peer) {
            self.with_swim(cx, |swim, turn| swim.hear_from(peer, turn));
        }
    }

    fn with_swim(&mut self, cx: &mut Cx<'_>, act: impl FnOnce(&mut Swim, &mut Turn<'_>)) {
        let mut out = Vec::new();
        let mut turn = Turn { now: cx.now, random: cx.random, settings: &self.config.swim, out: &mut out };
        act(&mut self.swim, &mut turn);
        self.carry_out(cx, out);
    }

    /// Turns what the membership protocol wants into effects.
    pub(super) fn carry_out(&mut self, cx: &mut Cx<'_>, out: Vec<Output>) {
        for output in out {
            match output {
                Output::Send { to, message } => cx.send(to, Message::Swim(message)),
                Output::SetTimer { wake, after } => cx.set_timer(timer(Alarm::Swim(wake)), after),
                Output::CancelTimer(wake) => cx.cancel_timer(timer(Alarm::Swim(wake))),
                Output::Refuted { by, from, to } => cx.say(Line::Refute { by, from, to }),
                Output::Changed { peer, status, confirmations } => {
                    cx.say(match status {
                        PeerStatus::Alive => Line::PeerUp { peer },
                        PeerStatus::Suspect => Line::PeerSuspect { peer },
                        PeerStatus::Down => Line::PeerDown { peer, confirmations },
                    });
                    if status == PeerStatus::Alive {
                        self.replay(cx, peer);
                    }
                }
            }
        }
    }
}
