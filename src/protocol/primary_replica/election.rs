//! Who is primary: patience, pre-vote and vote.
//!
//! `auto-quorum` is Raft's election (sections 5.2, 5.4.1) with etcd's pre-vote and check-quorum: a vote is flushed
//! before it is told, logs are compared by (last term, last index), and a voter that hears a live primary ignores
//! candidates without looking at their term.

use super::message::{Message, VoteReply, VoteRequest};
use super::succession::Succession;
use super::{AfterFlush, Context, ELECTION, PrimaryReplica, Promotion, Role};
use crate::base::ids::NodeId;
use crate::base::line::{Denial, Line};
use crate::base::time::{Span, VirtualTime};
use crate::protocol::kit::log::Position;
use crate::protocol::kit::quorum::majority;

impl PrimaryReplica {
    /// A silence, or the attempt to end one, counts from now.
    pub(super) fn wait_patiently(&mut self, cx: &mut Context<'_>) {
        self.tried = cx.now;
        self.patience = self.draw_patience(cx);
        cx.set_timer(ELECTION, self.patience);
    }

    fn draw_patience(&self, cx: &mut Context<'_>) -> Span {
        match self.config.promotion {
            Promotion::AutoQuorum => {
                let (low, high) = self.config.election_timeout;
                Span(cx.random.between(low.0, high.0))
            }
            // The lowest node of a component acts first; the others hear it before their turn comes.
            Promotion::AutoUnsafe => {
                self.config.down_after + self.config.heartbeat.scaled(3, 2) * u64::from(self.me.0)
            }
            Promotion::AutoLease => self.lease_patience(cx),
            Promotion::Manual | Promotion::AutoMonitor => self.config.link_timeout,
        }
    }

    /// When this node will lose patience.
    pub(super) fn patient_until(&self) -> VirtualTime {
        self.heard.max(self.tried) + self.patience
    }

    /// The election timer. The primary need not move it with every message: what it was heard to say meanwhile
    /// shows here.
    pub(super) fn lose_patience(&mut self, cx: &mut Context<'_>) {
        if self.is_primary() {
            return;
        }
        if self.config.promotion == Promotion::AutoLease {
            return self.poll_lease(cx);
        }
        let until = self.patient_until();
        if cx.now < until {
            return cx.set_timer(ELECTION, until.since(cx.now));
        }
        let silent = cx.now.since(self.heard);
        if let Some(primary) = self.primary.take() {
            cx.say(Line::PrimaryLost { primary: Some(primary), silent });
        }
        (self.incoming, self.is_invited) = (None, false);
        match self.role {
            // The fencer answers; it may take longer than any patience.
            Role::Succeeding(Succession::Fence(_)) => return self.wait_patiently(cx),
            Role::Succeeding(_) => self.role = Role::Replica,
            _ => {}
        }
        self.wait_patiently(cx);
        self.ask_to_join(cx);
        match self.config.promotion {
            Promotion::Manual | Promotion::AutoMonitor | Promotion::AutoLease => {}
            _ if !self.is_member() => {}
            _ if self.config.never_promote.contains(&self.me) || self.role == Role::StandingOut => {}
            Promotion::AutoUnsafe => self.promote(cx, false),
            Promotion::AutoQuorum => {
                self.say_failed_attempt(cx);
                if self.config.prevote { self.ask_ahead(cx) } else { self.campaign(cx) }
            }
        }
    }

    /// An attempt has run out: if it was for lack of voters, say so once.
    fn say_failed_attempt(&mut self, cx: &mut Context<'_>) {
        if let Role::PreCandidate(voters) | Role::Candidate(voters) = &self.role {
            let (heard, of) = (voters.len(), self.members.len());
            if heard < majority(of) && !std::mem::replace(&mut self.is_no_quorum_said, true) {
                cx.say(Line::NoQuorum { heard, of });
            }
        }
    }

    /// Asks whether an election could be won; changes no term.
    fn ask_ahead(&mut self, cx: &mut Context<'_>) {
        self.role = Role::PreCandidate(Vec::new());
        let term = self.term + 1;
        cx.say(Line::PreVote { term });
        self.ask_everyone(cx, VoteRequest { term, end: self.log().end(), is_pre: true, is_invited: false });
        self.count_vote(cx, self.me);
    }

    /// Raises the term and votes for itself; others are asked once that vote is safe.
    pub(super) fn campaign(&mut self, cx: &mut Context<'_>) {
        let position = self.set_term(cx, self.term + 1, Some(self.me));
        self.role = Role::Candidate(Vec::new());
        cx.say(Line::ElectStart { silent: cx.now.since(self.heard), term: self.term });
        self.flushing.push_back((position, AfterFlush::Campaign { term: self.term }));
        cx.flush();
    }

    /// The own vote is flushed.
    pub(super) fn ask_for_votes(&mut self, cx: &mut Context<'_>, term: u64) {
        if term != self.term || !matches!(self.role, Role::Candidate(_)) {
            return;
        }
        let (end, is_invited) = (self.log().end(), self.is_invited);
        self.ask_everyone(cx, VoteRequest { term, end, is_pre: false, is_invited });
        self.count_vote(cx, self.me);
    }

    fn ask_everyone(&self, cx: &mut Context<'_>, request: VoteRequest) {
        for peer in self.peers() {
            cx.send(peer, Message::Vote(request));
        }
    }

    /// A candidate asks.
    pub(super) fn take_vote_request(&mut self, cx: &mut Context<'_>, from: NodeId, request: &VoteRequest) {
        if let Some(ago) = self.hears_primary(cx).filter(|_| !request.is_invited) {
            // A pre-vote is answered, so that a candidate behind the times learns its term; a vote is not.
            match request.is_pre {
                true => return self.deny(cx, from, request, Denial::FreshPrimary { ago }),
                false if self.config.check_quorum => {
                    return cx.say(Line::VoteIgnored { candidate: from, ago });
                }
                false => {}
            }
        }
        if request.is_pre {
            return match self.objection(request) {
                Some(why) => self.deny(cx, from, request, why),
                None => self.grant_ahead(cx, from, request),
            };
        }
        self.obey_term(cx, request.term);
        match self.objection(request).or_else(|| self.other_vote(from)) {
            Some(why) => self.deny(cx, from, request, why),
            None => self.grant(cx, from),
        }
    }

    /// What speaks against a candidate, whoever it is. A pre-vote must name a term that is still to come.
    fn objection(&self, request: &VoteRequest) -> Option<Denial> {
        let least = self.term + u64::from(request.is_pre);
        let by_term = |end: Position| (end.epoch.term(), end.index);
        let (mine, theirs) = (by_term(self.log().end()), by_term(request.end));
        if request.term < least {
            Some(Denial::OldTerm { term: self.term })
        } else if theirs < mine {
            Some(Denial::OldLog { mine, theirs })
        } else {
            None
        }
    }

    fn other_vote(&self, candidate: NodeId) -> Option<Denial> {
        let whom = if self.is_primary() { Some(self.me) } else { self.voted_for };
        whom.filter(|&whom| whom != candidate).map(|whom| Denial::Voted { whom })
    }

    /// Votes; the vote is told once it is flushed.
    fn grant(&mut self, cx: &mut Context<'_>, to: NodeId) {
        let position = self.set_term(cx, self.term, Some(to));
        self.flushing.push_back((position, AfterFlush::Vote { to, term: self.term }));
        self.tried = cx.now;
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
        let term = request.term;
        cx.say(Line::VoteGrant { candidate: to, term, is_pre: true });
        cx.send(to, Message::VoteReply(VoteReply { term, is_granted: true, is_pre: true }));
    }

    fn deny(&self, cx: &mut Context<'_>, to: NodeId, request: &VoteRequest, why: Denial) {
        cx.say(Line::VoteDeny { candidate: to, term: request.term, why });
        let reply = VoteReply { term: self.term, is_granted: false, is_pre: request.is_pre };
        cx.send(to, Message::VoteReply(reply));
    }

    /// How long ago a live primary was heard, while that is recent. A primary hears itself.
    fn hears_primary(&self, cx: &Context<'_>) -> Option<Span> {
        if self.is_primary() {
            return Some(Span::ZERO);
        }
        // Who has just started may have heard one, and confirmed it, in the life before.
        let may_have_heard = self.primary.is_some() || self.incarnation > 1;
        let ago = cx.now.since(self.heard);
        (may_have_heard && ago < self.config.election_timeout.0).then_some(ago)
    }

    /// A voter answers. A granted pre-vote names a term that nobody is in yet, so it raises none.
    pub(super) fn take_vote_reply(&mut self, cx: &mut Context<'_>, from: NodeId, reply: &VoteReply) {
        if !reply.is_granted {
            return self.obey_term(cx, reply.term);
        }
        let wanted = match self.role {
            Role::PreCandidate(_) if reply.is_pre => self.term + 1,
            Role::Candidate(_) if !reply.is_pre => self.term,
            _ => return,
        };
        if reply.term == wanted {
            self.count_vote(cx, from);
        }
    }

    fn count_vote(&mut self, cx: &mut Context<'_>, from: NodeId) {
        let (Role::PreCandidate(voters) | Role::Candidate(voters)) = &mut self.role else { return };
        if !voters.contains(&from) {
            voters.push(from);
        }
        if voters.len() < majority(self.members.len()) {
            return;
        }
        match self.role {
            Role::PreCandidate(_) => self.campaign(cx),
            _ => self.succeed(cx),
        }
    }
}
