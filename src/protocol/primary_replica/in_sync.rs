//! `ack = "isr"`: a write counts once every member of the in-sync set has it in memory, and the set follows who keeps
//! up (Kafka `acks=all`, `min.insync.replicas`, `replica.lag.time.max.ms`).
//!
//! With `promotion = "auto-lease"` the set lives in the lease store, and a change counts once the store has it: until
//! then a write needs the old set and the new one (Kafka's "maximal ISR", KIP-497). Without a store it is the
//! primary's own.

use super::message::Wish;
use super::reign::Reign;
use super::{Ack, Context, PrimaryReplica, Promotion};
use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::base::operation::{Answer, Doubt};
use std::sync::Arc;

/// Who is in sync, as the primary knows it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct InSync {
    /// The set, in order of nodes, the primary included.
    pub(super) members: Arc<[NodeId]>,
    /// A change that the store has not confirmed.
    proposed: Option<Arc<[NodeId]>>,
}

impl InSync {
    /// A set that nobody has changed yet.
    pub(super) fn of(members: Arc<[NodeId]>) -> Self {
        InSync { members, proposed: None }
    }

    /// Whether a write must wait for `node`.
    fn counts(&self, node: NodeId) -> bool {
        self.members.contains(&node)
            || self.proposed.as_ref().is_some_and(|proposed| proposed.contains(&node))
    }
}

impl PrimaryReplica {
    /// The last index that all who are in sync have: Kafka's high watermark. It stands still while too few are.
    pub(super) fn high_watermark(&self, reign: &Reign, min: usize) -> u64 {
        if reign.in_sync.members.len() < min {
            return self.commit;
        }
        let last = self.log().last_index();
        let of = |peer: NodeId| reign.followers[peer.index()].written;
        self.peers().filter(|&peer| reign.in_sync.counts(peer)).map(of).min().unwrap_or(last).min(last)
    }

    /// The regular look at who keeps up: out after `isr_lag` behind, in again once it has what counts.
    pub(super) fn watch_in_sync(&mut self, cx: &mut Context<'_>) {
        let (Some(_), lag, commit) = (self.config.ack_in_sync(), self.config.in_sync_lag, self.commit) else {
            return;
        };
        let has_store = self.config.promotion == Promotion::AutoLease;
        let (me, members, last) = (self.me, Arc::clone(&self.members), self.log().last_index());
        let Some(reign) = self.reign_mut() else { return };
        let beat = std::mem::replace(&mut reign.last_at_beat, last);
        let mut keeps_up = |node: NodeId| {
            let is_in = reign.in_sync.members.contains(&node);
            let follower = &mut reign.followers[node.index()];
            if follower.written >= beat {
                follower.level_at = cx.now;
            }
            let is_fresh = cx.now.since(follower.level_at) <= lag;
            node == me || (is_fresh && (is_in || (follower.written >= commit && follower.level_at == cx.now)))
        };
        let wanted: Arc<[NodeId]> = members.iter().copied().filter(|&node| keeps_up(node)).collect();
        if wanted == reign.in_sync.members {
            reign.in_sync.proposed = None;
        } else if has_store {
            reign.in_sync.proposed = Some(Arc::clone(&wanted));
            self.ask_store(cx, Wish::Settle(wanted), self.term);
        } else {
            self.settle_in_sync(cx, wanted);
        }
    }

    /// The set has changed. Who waits for a set that is too small now is told that nobody can say.
    pub(super) fn settle_in_sync(&mut self, cx: &mut Context<'_>, to: Arc<[NodeId]>) {
        let high = self.commit;
        let Some(min) = self.config.ack_in_sync() else { return };
        let Some(reign) = self.reign_mut() else { return };
        let from = std::mem::replace(&mut reign.in_sync, InSync::of(Arc::clone(&to))).members;
        if from != to {
            let sets = (from.to_vec(), to.to_vec());
            cx.say(match to.len() < from.len() {
                true => Line::InSyncShrink { from: sets.0, to: sets.1, high },
                false => Line::InSyncExpand { from: sets.0, to: sets.1, high },
            });
        }
        if to.len() < min {
            for waiter in std::mem::take(&mut reign.waiters) {
                cx.reply(waiter.op, Answer::Uncertain(Doubt::InSyncShrank));
            }
        }
        self.acknowledge(cx);
    }
}

impl super::Config {
    /// How many must be in sync, where that is what acknowledges.
    pub(super) fn ack_in_sync(&self) -> Option<usize> {
        if let Ack::InSync { min } = self.ack { Some(min) } else { None }
    }
}
