//! Who is a member, while the cluster runs: one node joins or leaves at a time, as an entry of the log that counts from
//! the moment it is there (Ongaro's dissertation, sections 4.1 and 4.2.1; etcd learners).
//!
//! ```text
//! new node --Join--> primary: ships it everything, counts it for nothing
//!                    it has caught up, no other change is open --> entry Join(node) --> it counts
//! ```
//!
//! One change at a time keeps any majority of the old members and any majority of the new ones from missing each other.

use super::message::Message;
use super::ship::Follower;
use super::write::refused;
use super::{Context, PrimaryReplica, Role};
use crate::base::ids::NodeId;
use crate::base::line::Line;
use crate::protocol::kit::log::{Content, Entry};
use std::sync::Arc;

impl PrimaryReplica {
    /// The members that the log names, starting from those the cluster was founded with.
    pub(super) fn count_members(&mut self) {
        let mut members: Vec<NodeId> = self.config.members(self.founders).to_vec();
        for (_, change) in self.store.changes() {
            match *change {
                Content::Join(node) if !members.contains(&node) => members.push(node),
                Content::Leave(node) => members.retain(|&member| member != node),
                _ => {}
            }
        }
        members.sort_unstable();
        if members[..] != self.members[..] {
            self.members = members.into();
        }
    }

    /// Whether this node was a member and is none any more.
    pub(super) fn has_left(&self) -> bool {
        let about_me =
            |change: &Content| matches!(change, Content::Join(n) | Content::Leave(n) if *n == self.me);
        let last =
            self.store.changes().iter().rev().map(|(_, change)| change).find(|change| about_me(change));
        matches!(last, Some(Content::Leave(_)))
    }

    /// Whether this node has a vote.
    pub(super) fn is_member(&self) -> bool {
        self.members.contains(&self.me)
    }

    /// A node that is no member yet, or takes another's place, asks to be let in, until it is.
    pub(super) fn ask_to_join(&mut self, cx: &mut Context<'_>) {
        let is_done = self.is_member() && self.instead_of.is_none_or(|old| !self.members.contains(&old));
        if is_done {
            self.instead_of = None;
        }
        if !is_done && !self.has_left() {
            for member in self.peers() {
                cx.send(member, Message::Join { instead_of: self.instead_of });
            }
        }
    }

    /// A node asks to be let in.
    pub(super) fn take_join(&mut self, cx: &mut Context<'_>, from: NodeId, instead_of: Option<NodeId>) {
        let (is_member, next) = (self.members.contains(&from), self.log().last_index() + 1);
        let Some(reign) = self.reign_mut() else { return };
        if is_member {
            let old = instead_of.filter(|old| *old != from && self.members.contains(old));
            if let Some(old) = old.filter(|_| self.is_settled()) {
                self.remove_member(cx, old);
            }
        } else if !reign.learners.contains(&from) {
            reign.learners.push(from);
            if reign.followers.len() <= from.index() {
                reign.followers.resize_with(from.index() + 1, || Follower::new(next, cx.now));
            }
            reign.followers[from.index()] = Follower::new(next, cx.now);
            cx.say(Line::Learner { node: from });
        }
    }

    /// The regular look at those who want to join, and at those who have left and know it.
    pub(super) fn watch_learners(&mut self, cx: &mut Context<'_>) {
        let (is_settled, commit) = (self.is_settled(), self.commit);
        let left = |node: NodeId| {
            self.store.changes().iter().rev().find(|(_, change)| *change == Content::Leave(node))
        };
        let Some(reign) = self.reign() else { return };
        let follower = |node: NodeId| &reign.followers[node.index()];
        let gone = reign.learners.iter().copied().find(|&node| {
            left(node).is_some_and(|(index, _)| *index <= commit && follower(node).written >= *index)
        });
        let last = self.log().last_index();
        let is_ready = |node: &NodeId| {
            left(*node).is_none() && follower(*node).written + self.config.max_inflight > last
        };
        let ready = reign.learners.iter().copied().find(is_ready).filter(|_| is_settled);
        if let (Some(gone), Some(reign)) = (gone, self.reign_mut()) {
            reign.learners.retain(|&node| node != gone);
        }
        if let Some(node) = ready {
            if let Some(reign) = self.reign_mut() {
                reign.learners.retain(|&learner| learner != node);
            }
            cx.say(Line::Joined { node });
            self.change_members(cx, Content::Join(node));
        }
    }

    /// An operator, or a node that takes its place, wants `node` out.
    pub(super) fn remove_member(&mut self, cx: &mut Context<'_>, node: NodeId) {
        if !self.members.contains(&node) || matches!(self.role, Role::LeaseStore(_)) {
            return cx.say(refused("decommission", "it is no member"));
        }
        if node == self.me {
            return cx.say(refused("decommission", "it is primary: hand over with `switchover` first"));
        }
        if !self.is_settled() {
            return cx.say(refused("decommission", "another change of members is under way"));
        }
        if let Some(reign) = self.reign_mut() {
            // It is shipped the entry that says so, and then nothing more.
            reign.learners.push(node);
            cx.say(Line::Left { node });
            self.change_members(cx, Content::Leave(node));
        }
    }

    /// Whether a new change of members may begin: the last one is committed, and so is the entry that opened this
    /// reign (the correction to single-server changes that Ongaro published in 2015).
    fn is_settled(&self) -> bool {
        let last_change = self.store.changes().last().map_or(0, |(index, _)| *index);
        self.reign().is_some_and(|reign| self.commit >= last_change.max(reign.opened_at))
    }

    fn change_members(&mut self, cx: &mut Context<'_>, content: Content) {
        self.append(cx, Entry { epoch: self.epoch, written_at: cx.now, content });
        self.ship(cx);
        cx.flush();
        self.acknowledge(cx);
    }

    /// Members and those on their way in or out, without this node.
    pub(super) fn peers(&self) -> impl Iterator<Item = NodeId> + use<> {
        let (me, members) = (self.me, Arc::clone(&self.members));
        let learners = self.reign().map_or_else(Vec::new, |reign| reign.learners.clone());
        let others = (0..members.len()).map(move |place| members[place]).filter(move |&member| member != me);
        others.chain(learners)
    }
}
