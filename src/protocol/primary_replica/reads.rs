//! Reads: what each read rule promises, and what it has to wait for (replication.md 1.5).
//!
//! | rule | served by | waits for |
//! |---|---|---|
//! | local | whoever is asked | nothing |
//! | lease | the primary | nothing, while a majority heard it recently by its own clock (Raft section 6.4, etcd `ReadOnlyLeaseBased`) |
//! | index | the primary | a majority that confirms it, in a round begun after the read arrived (etcd `ReadOnlySafe`) |
//! | committed | anyone | nothing; shows what a majority has (MongoDB `readConcern: majority`) |
//! | bounded | anyone fresh enough | nothing; who is not sends on to the primary (MongoDB `maxStalenessSeconds`) |
//! | token | anyone | the place in the log that the session has seen (PostgreSQL wait for LSN, MongoDB causal sessions) |
//!
//! Confirmations go by rounds: the primary numbers its beats, everything it ships carries the newest number, and an
//! acknowledgement returns the newest number seen.

use super::config::{Layout, ReadRule};
use super::message::Append;
use super::reign::Reign;
use super::{Context, PrimaryReplica, READS};
use crate::base::ids::{Key, OpId};
use crate::base::line::Line;
use crate::base::operation::{Answer, Refusal, Request};
use crate::base::time::{Span, VirtualTime, WallTime};
use crate::protocol::kit::log::Entry;
use crate::protocol::kit::quorum::{majority, reached_by};
use std::cmp::Ordering;
use std::collections::VecDeque;

/// How long a replica waits for a session's place in the log before it sends the client on to the primary.
const TOKEN_PATIENCE: Span = Span::millis(200);

/// A read that waits for a session's place in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Parked {
    op: OpId,
    key: Key,
    place: (u64, u64),
    since: VirtualTime,
}

/// What a node keeps for reads, as primary or replica.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Reads {
    parked: Vec<Parked>,
    /// As replica: the newest round of the primary it follows.
    round_seen: u64,
    /// As replica: (index, clock of the primary when that was all it had), not yet applied.
    stamps: VecDeque<(u64, WallTime)>,
    /// As replica: what is applied was all there was at this time by the primary's clock.
    fresh_as_of: Option<WallTime>,
}

/// What a primary keeps for reads.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rounds {
    last: u64,
    /// (number, own clock at its beginning), oldest first, from the newest confirmed on.
    begun: VecDeque<(u64, WallTime)>,
    confirmed: u64,
    /// (operation, key, the round that must be confirmed, the index that must be applied).
    waiting: VecDeque<(OpId, Key, u64, u64)>,
}

impl Rounds {
    /// The number that everything shipped carries.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// A new round begins.
    pub(super) fn begin(&mut self, wall: WallTime) {
        self.last += 1;
        self.begun.push_back((self.last, wall));
    }

    fn confirm(&mut self, round: u64) {
        self.confirmed = self.confirmed.max(round);
        while self.begun.get(1).is_some_and(|(next, _)| *next <= self.confirmed) {
            self.begun.pop_front();
        }
    }

    /// When the newest confirmed round began, by this node's clock.
    fn confirmed_at(&self) -> Option<WallTime> {
        self.begun.front().filter(|(round, _)| *round <= self.confirmed).map(|(_, wall)| *wall)
    }
}

impl PrimaryReplica {
    /// A client reads under the rule of this cluster.
    pub(super) fn read(&mut self, cx: &mut Context<'_>, request: &Request) {
        let is_fenced = self.reign().is_some_and(|reign| reign.is_fenced);
        let lost_link = || self.reign().is_none() && cx.now.since(self.heard) >= self.config.link_timeout;
        if !self.config.resync.serves_stale && (self.incoming.is_some() || lost_link()) {
            return cx.reply(request.op, Answer::Refused(Refusal::Loading));
        }
        match self.config.read_rule {
            ReadRule::Primary | ReadRule::Lease | ReadRule::Index if self.reign().is_none() => {
                self.name_primary(cx, request.op);
            }
            ReadRule::Primary if is_fenced => cx.reply(request.op, Answer::Refused(Refusal::NoQuorum)),
            ReadRule::Primary | ReadRule::Lease if self.is_settling_in() => self.settle_first(request),
            // A restarted replica does not know yet how much of its log is committed.
            ReadRule::Local if self.config.applies_on_commit && !self.knows_commit && !self.is_primary() => {
                self.name_primary(cx, request.op);
            }
            ReadRule::Committed if !self.knows_commit => self.name_primary(cx, request.op),
            ReadRule::Local if self.config.layout == Layout::Chain && !self.is_primary() => {
                self.read_apportioned(cx, request);
            }
            ReadRule::Primary | ReadRule::Local => self.find_here(cx, request.op, request.key),
            ReadRule::Lease if self.holds_lease(cx) => self.find_here(cx, request.op, request.key),
            ReadRule::Lease => cx.reply(request.op, Answer::Refused(Refusal::NoQuorum)),
            ReadRule::Index => self.confirm_first(cx, request),
            ReadRule::Committed => {
                cx.reply(request.op, Answer::Found(self.store.find_at(request.key, self.commit)));
            }
            ReadRule::Bounded(bound) if self.is_fresh(cx, bound) => {
                self.find_here(cx, request.op, request.key);
            }
            ReadRule::Bounded(_) => self.name_primary(cx, request.op),
            ReadRule::Token => self.read_own_session(cx, request),
        }
    }

    /// A new primary that applies what is committed does not know yet how much of what it has was: until the entry
    /// that opens its reign is committed it would show less than its predecessor did (Raft section 8).
    fn is_settling_in(&self) -> bool {
        let opened_at = self.reign().map_or(0, |reign| reign.opened_at);
        self.config.applies_on_commit && self.store.applied() < opened_at
    }

    fn settle_first(&mut self, request: &Request) {
        if let Some(reign) = self.reign_mut() {
            // Round 0 needs no confirmation.
            reign.rounds.waiting.push_back((request.op, request.key, 0, reign.opened_at));
        }
    }

    /// Whatever this node shows.
    pub(super) fn find_here(&self, cx: &mut Context<'_>, op: OpId, key: Key) {
        cx.reply(op, Answer::Found(self.store.find(key)));
    }

    // lease

    /// Whether a majority has confirmed this primary so recently, by its own clock, that nobody else can have been
    /// elected since. It is wrong if the clock is: voters measure their patience with other clocks.
    fn holds_lease(&self, cx: &Context<'_>) -> bool {
        let (length, margin) = (self.config.election_timeout.0, self.config.lease_margin);
        let end = |since: WallTime| since.0 + length.0 as i64 - margin.0 as i64;
        // Whoever is invited to take over is elected without anyone's patience running out.
        let stays = |reign: &&Reign| reign.hand_over.is_none_or(|hand_over| hand_over.invited_at.is_none());
        let confirmed = self.reign().filter(stays).and_then(|reign| reign.rounds.confirmed_at());
        confirmed.is_some_and(|since| cx.wall.0 < end(since))
    }

    // index

    /// Notes what must be shown, and asks everyone whether this node is still primary. Reads that arrive while a
    /// round is on its way share the next one.
    fn confirm_first(&mut self, cx: &mut Context<'_>, request: &Request) {
        let index = self.commit.max(self.acked);
        let Some(reign) = self.reign_mut() else { return };
        let index = index.max(reign.opened_at);
        let is_idle = reign.rounds.waiting.is_empty();
        reign.rounds.waiting.push_back((request.op, request.key, reign.rounds.last + 1, index));
        if is_idle {
            self.begin_round(cx);
        }
    }

    fn begin_round(&mut self, cx: &mut Context<'_>) {
        let wall = cx.wall;
        if let Some(reign) = self.reign_mut() {
            reign.rounds.begin(wall);
        }
        self.beat_now(cx);
        self.count_round(cx);
    }

    /// A replica has returned a round's number.
    pub(super) fn count_round(&mut self, cx: &mut Context<'_>) {
        let Some(reign) = self.reign() else { return };
        let seen = self.per_member(reign, reign.rounds.last, |follower| follower.round);
        let confirmed = reached_by(majority(seen.len()), seen);
        let Some(reign) = self.reign_mut() else { return };
        reign.rounds.confirm(confirmed);
        self.answer_confirmed(cx);
    }

    /// Answers the reads whose round is confirmed and whose index is applied; begins the round of those that came
    /// while it was on its way.
    pub(super) fn answer_confirmed(&mut self, cx: &mut Context<'_>) {
        let applied = self.store.applied();
        let Some(reign) = self.reign_mut() else { return };
        let mut ready = Vec::new();
        while let Some(&(op, key, round, index)) = reign.rounds.waiting.front()
            && round <= reign.rounds.confirmed
            && index <= applied
        {
            reign.rounds.waiting.pop_front();
            ready.push((op, key));
        }
        let wants_round =
            reign.rounds.waiting.back().is_some_and(|(_, _, round, _)| *round > reign.rounds.last)
                && reign.rounds.confirmed == reign.rounds.last;
        for (op, key) in ready {
            self.find_here(cx, op, key);
        }
        if wants_round {
            self.begin_round(cx);
        }
    }

    /// Nobody is primary here any more: reads that waited for a confirmation look elsewhere.
    pub(super) fn send_readers_on(&mut self, cx: &mut Context<'_>) {
        let waiting = self.reign_mut().map(|reign| std::mem::take(&mut reign.rounds.waiting));
        for (op, ..) in waiting.into_iter().flatten() {
            cx.reply(op, Answer::NotPrimary { hint: None });
        }
    }

    // bounded

    /// A replica notes what the primary's message says of its freshness and its round.
    pub(super) fn note_freshness(&mut self, append: &Append) {
        self.reads.round_seen = self.reads.round_seen.max(append.round);
        if let Some(wall) = append.complete_at {
            self.reads.stamps.push_back((append.prev.index + append.entries.len() as u64, wall));
        }
    }

    /// What has been applied decides how fresh this replica is, and whose session can be served.
    pub(super) fn applied_more(&mut self, cx: &mut Context<'_>) {
        let applied = self.store.applied();
        while let Some(&(_, wall)) = self.reads.stamps.front().filter(|(index, _)| *index <= applied) {
            self.reads.stamps.pop_front();
            self.reads.fresh_as_of = Some(wall);
        }
        self.serve_parked(cx);
    }

    /// Forgets what was known of another primary.
    pub(super) fn forget_freshness(&mut self) {
        (self.reads.round_seen, self.reads.fresh_as_of) = (0, None);
        self.reads.stamps.clear();
    }

    /// The newest round of the primary this replica follows.
    pub(super) fn round_seen(&self) -> u64 {
        self.reads.round_seen
    }

    fn is_fresh(&self, cx: &Context<'_>, bound: Span) -> bool {
        match self.reign() {
            Some(reign) => !reign.is_fenced,
            None => self.reads.fresh_as_of.is_some_and(|then| cx.wall.0 - then.0 <= bound.0 as i64),
        }
    }

    // token

    fn read_own_session(&mut self, cx: &mut Context<'_>, request: &Request) {
        let place = request.token.map_or((0, 0), Entry::place_of);
        let parked = Parked { op: request.op, key: request.key, place, since: cx.now };
        if !self.serve_session(cx, parked) {
            self.reads.parked.push(parked);
            cx.set_timer(READS, TOKEN_PATIENCE);
        }
    }

    /// Serves a session if this node's history has reached its place, or can never have it. Gives whether the read
    /// is answered.
    fn serve_session(&self, cx: &mut Context<'_>, parked: Parked) -> bool {
        let (term, index) = parked.place;
        let here = self.log().position(index).map(|position| position.epoch.term());
        // A history that has gone past that term without the entry never had it, or has cut it.
        let is_lost = match here.map(|here| here.cmp(&term)) {
            Some(Ordering::Greater) => true,
            Some(_) => false,
            None => self.log().end().epoch.term() > term || self.is_primary(),
        };
        if is_lost {
            cx.say(Line::SessionLost { term, index });
            cx.reply(parked.op, Answer::Refused(Refusal::SessionLost));
        } else if here == Some(term) && self.store.applied() >= index {
            self.find_here(cx, parked.op, parked.key);
        } else {
            return false;
        }
        true
    }

    fn serve_parked(&mut self, cx: &mut Context<'_>) {
        if !self.reads.parked.is_empty() {
            let parked = std::mem::take(&mut self.reads.parked);
            self.reads.parked = parked.into_iter().filter(|&read| !self.serve_session(cx, read)).collect();
        }
    }

    /// Reads that have waited long enough look for the primary.
    pub(super) fn unpark(&mut self, cx: &mut Context<'_>) {
        self.serve_parked(cx);
        let is_over = |read: &Parked| cx.now.since(read.since) >= TOKEN_PATIENCE;
        let (over, waiting) = std::mem::take(&mut self.reads.parked).into_iter().partition(is_over);
        self.reads.parked = waiting;
        let over: Vec<Parked> = over;
        for read in over {
            self.name_primary(cx, read.op);
        }
        if !self.reads.parked.is_empty() {
            cx.set_timer(READS, TOKEN_PATIENCE);
        }
    }
}
