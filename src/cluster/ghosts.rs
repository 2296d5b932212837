//! What the judges learn while a run goes on: the ghosts that nodes tell, and what was lost with writes in it.

use super::facts::What;
use super::world::World;
use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::protocol::{Ghost, Protocol};

impl<P: Protocol> World<P> {
    /// Takes what only the judges need to know.
    pub(super) fn learn(&mut self, node: NodeId, ghost: Ghost) {
        match ghost {
            Ghost::Discarded { key, winner, loser } => {
                self.facts.note(self.now, loser, What::Beaten { node, by: winner });
                if self.ledger.discard(self.now, winner, loser) {
                    self.say(None, Line::OpInverted { op: loser, key });
                }
            }
            Ghost::Cut { entries, ops, .. } => {
                ops.iter().for_each(|&op| self.facts.note(self.now, op, What::Cut { node }));
                self.ledger.cut(self.now, entries, &ops);
            }
            Ghost::Log { partition, progress } => {
                for line in self.rules.hear(partition, &progress) {
                    self.say(Some(node), line);
                }
            }
            Ghost::Compared { keys } => self.tally.anti_entropy(self.now, keys, (0, 0)),
            Ghost::Streamed { keys, different } => {
                self.tally.anti_entropy(self.now, 0, (keys, different));
            }
            Ghost::Purged { key, version, op } => {
                self.tally.purged(self.now);
                self.ledger.purge(key, version, op);
            }
            Ghost::Returned { key, version, op, from } => {
                if self.ledger.meet(self.now, key, version, op) {
                    self.say(Some(node), Line::Resurrected { key, by: Some(from) });
                }
            }
            Ghost::Moved { copies } => self.tally.moved(self.now, copies),
            Ghost::HintBytes(bytes) => self.tally.hints(self.now, node, bytes),
            Ghost::Lag { entries, replay, naive } => self.tally.lag(self.now, entries, replay, naive),
            Ghost::Clash { key, winner, loser, is_kept } => {
                self.facts.note(self.now, loser, What::Beaten { node, by: winner });
                if self.ledger.clash(self.now, winner, loser, is_kept) {
                    self.say(None, Line::OpInverted { op: loser, key });
                }
            }
            Ghost::SameId { winner, loser } => self.ledger.collide(self.now, winner, loser),
            Ghost::Accepted { op, key, version, event } => {
                let is_by_hand = self.ledger.get(op).is_some_and(|record| record.is_by_hand);
                self.spread.begin(self.now, (op, key), (version, event), &self.live, is_by_hand);
            }
            Ghost::Holds(stored) => self.spread.hold(self.now, node, &stored, &self.live),
            Ghost::Siblings(count) => self.tally.siblings_max = self.tally.siblings_max.max(count),
        }
    }

    /// Takes note of messages that were lost with writes in them.
    pub(super) fn note_losses(&mut self) {
        for fact in self.network.losses().drain(..) {
            self.facts.note(fact.at, fact.op, fact.what);
        }
    }
}
