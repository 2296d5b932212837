//! Probing: one member after another in shuffled rounds, first directly, then through others.

use super::{Message, News, Swim, Turn, Wake};
use crate::base::ids::NodeId;
use crate::base::time::{Span, VirtualTime};
use crate::protocol::view::PeerStatus;

/// The probe under way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Probe {
    sequence: u32,
    target: NodeId,
    /// Helpers asked that have not said yet that they failed too.
    helpers: u64,
    /// Whether helpers were asked.
    is_indirect: bool,
}

/// A probe made for another member.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Relay {
    /// The sequence of our own Ping.
    sequence: u32,
    origin: NodeId,
    /// The sequence of its PingRequest.
    origin_sequence: u32,
    began: VirtualTime,
    /// Whether the origin was told that the target is silent.
    is_admitted: bool,
}

impl Swim {
    /// Ends the probe before, in suspicion if it was not answered, and begins the next.
    pub(super) fn probe_next(&mut self, turn: &mut Turn<'_>) {
        if let Some(unanswered) = self.probe.take() {
            // Helpers that are silent too speak against this node's own ears.
            let doubts = if unanswered.is_indirect && turn.settings.indirect_checks > 0 {
                unanswered.helpers
            } else {
                1
            };
            self.ail(doubts, turn.settings);
            let mut doubt = self.claim(unanswered.target);
            if doubt.status != PeerStatus::Down {
                doubt.status = PeerStatus::Suspect;
                self.hear(doubt, turn);
            }
        }
        let expiry = turn.settings.probe_interval * turn.settings.awareness_max;
        self.relays.retain(|relay| turn.now.since(relay.began) < expiry);
        if let Some(target) = self.next_target(turn) {
            let sequence = self.ping(target, turn);
            self.probe = Some(Probe { sequence, target, helpers: 0, is_indirect: false });
            turn.set_timer(Wake::ProbeTimeout, turn.settings.probe_timeout);
        }
        turn.set_timer(Wake::Probe, turn.settings.probe_interval * (self.ailing + 1));
    }

    /// The target is silent: others may have a way to it.
    pub(super) fn probe_indirectly(&mut self, turn: &mut Turn<'_>) {
        let Some(Probe { sequence, target, .. }) = self.probe else { return };
        let checks = turn.settings.indirect_checks;
        let helpers = self.sample(checks, turn, |node, status| status == PeerStatus::Alive && node != target);
        if let Some(probe) = &mut self.probe {
            (probe.helpers, probe.is_indirect) = (helpers.len() as u64, !helpers.is_empty());
        }
        for relay in helpers {
            let news = self.rumours.take(self.retransmissions(turn.settings));
            turn.send(relay, Message::PingRequest { sequence, target, news });
        }
    }

    /// Probes `target` for `origin`.
    pub(super) fn relay(
        &mut self,
        origin: NodeId,
        origin_sequence: u32,
        target: NodeId,
        turn: &mut Turn<'_>,
    ) {
        let sequence = self.ping(target, turn);
        self.relays.push(Relay { sequence, origin, origin_sequence, began: turn.now, is_admitted: false });
        turn.set_timer(Wake::Relay, turn.settings.probe_timeout);
    }

    /// Tells those who asked that the target did not answer here either.
    pub(super) fn admit_failed_relays(&mut self, turn: &mut Turn<'_>) {
        let patience = turn.settings.probe_timeout;
        for relay in self.relays.iter_mut().filter(|relay| !relay.is_admitted) {
            let left = patience.0.saturating_sub(turn.now.since(relay.began).0);
            if left > 0 {
                turn.set_timer(Wake::Relay, Span(left));
            } else {
                relay.is_admitted = true;
                turn.send(relay.origin, Message::Nack { sequence: relay.origin_sequence });
            }
        }
    }

    /// A helper failed as well: it at least is heard.
    pub(super) fn take_nack(&mut self, sequence: u32) {
        if let Some(probe) = self.probe.as_mut().filter(|probe| probe.sequence == sequence) {
            probe.helpers = probe.helpers.saturating_sub(1);
        }
    }

    pub(super) fn take_ack(&mut self, sequence: u32, turn: &mut Turn<'_>) {
        if self.probe.is_some_and(|probe| probe.sequence == sequence) {
            self.probe = None;
            self.ailing = self.ailing.saturating_sub(1);
            turn.out.push(super::Output::CancelTimer(Wake::ProbeTimeout));
        } else if let Some(at) = self.relays.iter().position(|relay| relay.sequence == sequence) {
            let relay = self.relays.swap_remove(at);
            let news = self.rumours.take(self.retransmissions(turn.settings));
            turn.send(relay.origin, Message::Ack { sequence: relay.origin_sequence, news });
        }
    }

    /// Sends a Ping with news; a doubted target is told of the doubt first, so that it can refute it at once
    /// (Lifeguard's buddy system).
    fn ping(&mut self, target: NodeId, turn: &mut Turn<'_>) -> u32 {
        self.sequence += 1;
        let mut news = self.rumours.take(self.retransmissions(turn.settings));
        let claim = self.members.get(target.index()).map(|_| self.claim(target));
        if let Some(doubt) = claim.filter(|claim| claim.status != PeerStatus::Alive) {
            let others = news.iter().copied().filter(|news| news.about != target);
            news = std::iter::once(doubt).chain(others).collect::<Vec<News>>().into_boxed_slice();
        }
        turn.send(target, Message::Ping { sequence: self.sequence, news });
        self.sequence
    }

    /// The next member of the round that does not count as dead; a new round is shuffled when one ends.
    fn next_target(&mut self, turn: &mut Turn<'_>) -> Option<NodeId> {
        for _ in 0..=self.round.len() {
            if self.next >= self.round.len() {
                turn.random.shuffle(&mut self.round);
                self.next = 0;
            }
            let &target = self.round.get(self.next)?;
            self.next += 1;
            if self.status(target) != PeerStatus::Down {
                return Some(target);
            }
        }
        None
    }
}
