//! Who is primary: patience, pre-vote, vote, and the ways without a vote.
//!
//! `auto-quorum` is Raft's election (section 5.2, 5.4.1) with etcd's pre-vote and check-quorum: a vote is flushed
//! before it is told, logs are compared by (last term, last index), and a voter that hears a live primary ignores
//! candidates without looking at their term.

use super::message::{Message, VoteReply, VoteRequest};
use super::ship::Follower;
use super::{AfterFlush, Context, ELECTION, HEARTBEAT, PrimaryReplica, Promotion, Record, Reign, Role};
use crate::base::ids::NodeId;
use crate::base::line::{Denial, Line, StepDown};
use crate::base::time::Span;
use crate::protocol::kit::log::Entry;
use crate::protocol::kit::quorum::majority;

impl PrimaryReplica {
    /// How long a silence may last before this node does something about it.
    pub(super) fn draw_patience(&self, cx: &mut Context<'_>) -> Span {
        match self.config.promotion {
            Promotion::AutoQuorum | Promotion::Manual => {
                let (low, high) = self.config.election_timeout;
                Span(cx.random.between(low.0, high.0))
            }
            // The lowest node of a component acts first; the others hear it before their turn comes.
            Promotion::AutoUnsafe => {
                self.config.down_after + self.config.heartbeat * (2 * u64::from(self.me.0))
            }
        }
    }

    /// The election timer: has the primary really been silent for that long?
    pub(super) fn lose_patience(&mut self, cx: &mut Context<'_>) {
        if self.is_primary() {
            return;
        }
        let silent = cx.now.since(self.heard);
        let waited = cx.now.since(self.heard.max(self.retry_after));
        if waited < self.patience {
            return cx.set_timer(ELECTION, self.patience - waited);
        }
        match self.config.promotion {
            Promotion::Manual => {
                if let Some(primary) = self.primary.take() {
                    cx.say(Line::PrimaryLost { primary: Some(primary), silent });
                }
            }
            Promotion::AutoUnsafe => {
                cx.say(Line::PrimaryLost { primary: self.primary, silent });
                return self.promote(cx, false);
            }
            Promotion::AutoQuorum if self.config.prevote => self.ask_ahead(cx),
            Promotion::AutoQuorum => self.campaign(cx),
        }
        // The next attempt counts from now, whatever comes of this one.
        self.retry_after = cx.now;
        self.patience = self.draw_patience(cx);
        cx.set_timer(ELECTION, self.patience);
    }

    /// Asks whether an election could be won; changes no term.
    fn ask_ahead(&mut self, cx: &mut Context<'_>) {
        self.primary = None;
        self.role = Role::PreCandidate(vec![self.me]);
        cx.say(Line::PreVote { term: self.term + 1 });
        let request = VoteRequest { term: self.term + 1, end: self.log.end(), is_pre: true };
        for peer in cx.peers() {
            cx.send(peer, Message::Vote(request));
        }
        if majority(self.members) == 1 {
            self.campaign(cx);
        }
    }

    /// Raises the term and votes for itself; others are asked once that vote is safe.
    fn campaign(&mut self, cx: &mut Context<'_>) {
        self.primary = None;
        let position = self.set_term(cx, self.term + 1, Some(self.me));
        self.role = Role::Candidate(Vec::new());
        cx.say(Line::ElectStart { silent: cx.now.since(self.heard), term: self.term });
        self.expect_flush(position, AfterFlush::Campaign { term: self.term });
        cx.flush();
    }

    /// The own vote is flushed.
    pub(super) fn ask_for_votes(&mut self, cx: &mut Context<'_>, term: u64) {
        if term != self.term || !matches!(self.role, Role::Candidate(_)) {
            return;
        }
        let request = VoteRequest { term, end: self.log.end(), is_pre: false };
        for peer in cx.peers() {
            cx.send(peer, Message::Vote(request));
        }
        self.count_vote(cx, self.me);
    }

    /// A candidate asks.
    pub(super) fn take_vote_request(&mut self, cx: &mut Context<'_>, from: NodeId, request: &VoteRequest) {
        if request.term < self.term {
            self.deny(cx, from, request, Denial::OldTerm { term: self.term });
        } else if let Some(ago) = self.hears_primary(cx) {
            match request.is_pre {
                true => self.deny(cx, from, request, Denial::FreshPrimary { ago }),
                false => cx.say(Line::VoteIgnored { candidate: from, ago }),
            }
        } else if request.is_pre {
            match request.end >= self.log.end() && request.term > self.term {
                true => self.grant_ahead(cx, from, request),
                false => self.deny(cx, from, request, self.older_log(request)),
            }
        } else {
            self.consider(cx, from, request);
        }
    }

    /// A real vote, under no live primary.
    fn consider(&mut self, cx: &mut Context<'_>, from: NodeId, request: &VoteRequest) {
        self.obey_term(cx, request.term);
        if request.term != self.term {
            return self.deny(cx, from, request, Denial::OldTerm { term: self.term });
        }
        let whom = self.voted_for.or_else(|| self.is_primary().then_some(self.me));
        if let Some(whom) = whom.filter(|&whom| whom != from) {
            return self.deny(cx, from, request, Denial::Voted { whom });
        }
        if request.end < self.log.end() {
            return self.deny(cx, from, request, self.older_log(request));
        }
        let position = self.set_term(cx, self.term, Some(from));
        self.expect_flush(position, AfterFlush::Vote { to: from, term: self.term });
        self.heard = cx.now;
        cx.flush();
    }

    /// The vote is flushed and may be told.
    pub(super) fn tell_vote(&self, cx: &mut Context<'_>, to: NodeId, term: u64) {
        if term == self.term && self.voted_for == Some(to) {
            cx.say(Line::VoteGrant { candidate: to, term, is_pre: false });
            cx.send(to, Message::VoteReply(VoteReply { term, is_granted: true, is_pre: false }));
        }
    }

    fn grant_ahead(&self, cx: &mut Context<'_>, to: NodeId, request: &VoteRequest) {
        cx.say(Line::VoteGrant { candidate: to, term: request.term, is_pre: true });
        cx.send(to, Message::VoteReply(VoteReply { term: request.term, is_granted: true, is_pre: true }));
    }

    fn deny(&self, cx: &mut Context<'_>, to: NodeId, request: &VoteRequest, why: Denial) {
        cx.say(Line::VoteDeny { candidate: to, term: request.term, why });
        let reply = VoteReply { term: self.term, is_granted: false, is_pre: request.is_pre };
        cx.send(to, Message::VoteReply(reply));
    }

    fn older_log(&self, request: &VoteRequest) -> Denial {
        match request.end < self.log.end() {
            true => Denial::OldLog { mine: self.log.end(), theirs: request.end },
            false => Denial::OldTerm { term: self.term },
        }
    }

    /// How long ago a live primary was heard, while that makes candidates unwelcome. A primary hears itself.
    fn hears_primary(&self, cx: &Context<'_>) -> Option<Span> {
        if self.is_primary() {
            return self.config.check_quorum.then_some(Span::ZERO);
        }
        let ago = cx.now.since(self.heard);
        let guards = self.config.check_quorum || self.config.prevote;
        (guards && self.primary.is_some() && ago < self.config.election_timeout.0).then_some(ago)
    }

    /// A voter answers.
    pub(super) fn take_vote_reply(&mut self, cx: &mut Context<'_>, from: NodeId, reply: &VoteReply) {
        if !reply.is_granted {
            return self.obey_term(cx, reply.term);
        }
        match (&mut self.role, reply.is_pre) {
            (Role::PreCandidate(voters), true) if reply.term == self.term + 1 => {
                if !voters.contains(&from) {
                    voters.push(from);
                }
                if voters.len() >= majority(self.members) {
                    self.campaign(cx);
                }
            }
            (Role::Candidate(_), false) if reply.term == self.term => self.count_vote(cx, from),
            _ => {}
        }
    }

    fn count_vote(&mut self, cx: &mut Context<'_>, from: NodeId) {
        let Role::Candidate(voters) = &mut self.role else { return };
        if !voters.contains(&from) {
            voters.push(from);
        }
        if voters.len() >= majority(self.members) {
            self.reign(cx);
        }
    }

    /// Becomes primary without a vote: by an operator's order, or because nobody is heard.
    pub(super) fn promote(&mut self, cx: &mut Context<'_>, by_operator: bool) {
        if self.is_primary() {
            return;
        }
        self.set_term(cx, self.term + 1, Some(self.me));
        cx.say(Line::Promoted { by_operator, term: self.term });
        self.reign(cx);
    }

    /// Takes over in the present term: opens it in the log and tells everyone.
    pub(super) fn reign(&mut self, cx: &mut Context<'_>) {
        let next = self.log.last_index() + 1;
        let follower = |node| Follower::new(NodeId::at(node), next, cx.now);
        let followers = (0..self.members).map(follower).collect();
        self.role = Role::Primary(Reign { followers, ..Reign::default() });
        (self.primary, self.incoming) = (Some(self.me), None);
        cx.cancel_timer(ELECTION);
        cx.append(Record::Reign { term: self.term });
        let index = self.append(cx, Entry::opening(self.term));
        cx.flush();
        cx.say(Line::RolePrimary { term: self.term, index });
        self.ship(cx);
        cx.set_timer(HEARTBEAT, self.config.heartbeat);
        self.acknowledge(cx);
    }

    /// A higher term is heard of: follow it, unless this cluster fences nothing and this node is primary.
    pub(super) fn obey_term(&mut self, cx: &mut Context<'_>, term: u64) {
        let is_deaf = self.is_primary() && !self.config.epoch;
        if term <= self.term || is_deaf {
            return;
        }
        if self.is_primary() {
            cx.say(Line::StepDown { why: StepDown::HigherTerm(term) });
        }
        self.set_term(cx, term, None);
        if !matches!(self.role, Role::Replica) || self.primary.is_some() {
            let heard = self.heard;
            self.follow(cx, None);
            // Hearing of a term is not hearing a primary: the silence goes on.
            self.heard = heard;
        }
        cx.flush();
    }
}
