//! A planned change of primary: the old one takes no new writes, waits until nobody waits and the chosen replica has
//! all it has, and invites it to take over at once (Raft section 3.10 of Ongaro's dissertation, etcd `MoveLeader`,
//! `patronictl switchover`). If that takes too long it goes on as if nothing had been asked.

use super::message::Message;
use super::write::refused;
use super::{Context, PrimaryReplica, Promotion, Role};
use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::base::time::VirtualTime;

/// A hand-over in progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HandOver {
    pub(super) to: NodeId,
    since: VirtualTime,
    /// When it was invited last.
    pub(super) invited_at: Option<VirtualTime>,
}

impl PrimaryReplica {
    /// An operator wants `to` to be primary, and loses nothing for it.
    pub(super) fn hand_over(&mut self, cx: &mut Context<'_>, to: NodeId) {
        let is_member = self.members.contains(&to);
        let Some(reign) = self.reign_mut() else {
            return cx.say(refused("switchover", "this node is primary no more"));
        };
        if !is_member {
            return cx.say(refused("switchover", "that node is no member"));
        }
        reign.hand_over = Some(HandOver { to, since: cx.now, invited_at: None });
        cx.say(Line::SwitchStart { to });
        self.watch_hand_over(cx);
    }

    /// Whether the chosen replica is ready by now; whether it has had long enough.
    pub(super) fn watch_hand_over(&mut self, cx: &mut Context<'_>) {
        let (last, patience, epoch) = (self.log().last_index(), self.config.election_timeout.1, self.epoch);
        let (heartbeat, has_votes) = (self.config.heartbeat, self.config.promotion == Promotion::AutoQuorum);
        let Some(reign) = self.reign_mut() else { return };
        let Some(HandOver { to, since, invited_at }) = reign.hand_over else { return };
        // Where nobody votes, one who was invited may take over at any time: there is no way back.
        let may_abort = has_votes || invited_at.is_none();
        if may_abort && cx.now.since(since) >= patience {
            reign.hand_over = None;
            return cx.say(Line::SwitchAbort { to, after: patience });
        }
        let is_ready = reign.waiters.is_empty() && reign.followers[to.index()].flushed >= last;
        if is_ready && invited_at.is_none_or(|at| cx.now.since(at) >= heartbeat) {
            reign.hand_over = Some(HandOver { to, since, invited_at: Some(cx.now) });
            cx.send(to, Message::TakeOver { epoch });
        }
    }

    /// The primary invites this node to take its place.
    pub(super) fn take_over(&mut self, cx: &mut Context<'_>, from: NodeId) {
        if self.role != Role::Replica || self.primary != Some(from) {
            return;
        }
        self.is_invited = true;
        cx.say(Line::Invited { by: from });
        match self.config.promotion {
            Promotion::AutoQuorum => self.campaign(cx),
            _ => self.promote(cx, true),
        }
    }
}
