//! `promotion = "auto-lease"`: one node keeps a lease and no data; whoever holds it is primary, and renews it in
//! time or stops (Patroni with etcd; the controller that Kafka's brokers report to, which keeps the in-sync set too).
//!
//! ```text
//! primary --Renew every loop_wait--> store          replica --Look--> store: free
//!   until = own clock at asking + lease - margin      compare with everyone in reach
//!   past it: demotes itself (fencing self-demote)     --Take(term + 1)--> store: yours
//! ```
//!
//! The two deadlines are told by different clocks: the holder's wall clock here, the store's there. That is what the
//! margin is for, and what a jumping clock breaks.

use super::durable::Tenure;
use super::message::{LeaseAsk, LeaseSays, Message, Wish};
use super::succession::Succession;
use super::{Ack, AfterFlush, Context, PrimaryReplica, Promotion, Record, Role};
use crate::base::ids::NodeId;
use crate::base::line::{Ineligible, Line};
use crate::base::time::{Span, VirtualTime, WallTime};
use std::sync::Arc;

/// The lease as its store keeps it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Book {
    pub(super) tenure: Tenure,
    /// When it ends, by the store's own count of time.
    pub(super) ends: VirtualTime,
}

/// The lease as its holder knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tenancy {
    /// When this node must stop, by its wall clock.
    pub(super) until: Option<WallTime>,
    /// How far the wall clock was ahead of virtual time when it was looked at last, in microseconds.
    pub(super) clock_error_us: i64,
    /// When it was granted last.
    renewed: VirtualTime,
    /// When it was asked for last.
    asked: VirtualTime,
}

impl Tenure {
    /// Takes a new in-sync set. While it is smaller than `min` nothing more counts, so who leaves it now stays
    /// eligible.
    fn settle(&mut self, members: Arc<[NodeId]>, min: usize) {
        let before = std::mem::replace(&mut self.in_sync, members);
        let left = before.iter().chain(self.eligible.iter()).filter(|node| !self.in_sync.contains(node));
        let mut eligible: Vec<NodeId> =
            if self.in_sync.len() < min { left.copied().collect() } else { Vec::new() };
        eligible.sort_unstable();
        eligible.dedup();
        self.eligible = eligible.into();
    }
}

impl PrimaryReplica {
    // the store

    /// This node keeps the lease: from what its disk says, or from the founding of the cluster. After a restart
    /// whoever held it gets a whole lease, because nobody can say how much was left.
    pub(super) fn keep_lease(&mut self, cx: &Context<'_>, kept: Option<Tenure>) {
        let founding = || Tenure {
            term: 1,
            holder: Some(self.config.first_primary),
            in_sync: Arc::clone(&self.members),
            eligible: [].into(),
            high: 0,
        };
        let unknown = || Tenure { in_sync: Arc::clone(&self.members), ..Tenure::default() };
        let tenure = kept.unwrap_or_else(|| if cx.incarnation == 1 { founding() } else { unknown() });
        self.primary = tenure.holder;
        self.role = Role::LeaseStore(Book { tenure, ends: cx.now + self.config.lease.lasting });
    }

    /// A node wants something of the lease.
    pub(super) fn take_lease_ask(&mut self, cx: &mut Context<'_>, from: NodeId, ask: &LeaseAsk) {
        let lasting = self.config.lease.lasting;
        let may_take = self.may_take(cx.now, from, ask);
        let (min, is_clean) = (self.config.ack_in_sync(), self.is_clean(from, ask));
        let Role::LeaseStore(book) = &mut self.role else { return };
        let is_holder = book.tenure.holder == Some(from) && book.tenure.term == ask.term;
        // A later term than the store ever gave away is an operator's doing, or the store has forgotten.
        let is_later = ask.term > book.tenure.term;
        let is_granted = match &ask.wish {
            Wish::Look => true,
            Wish::Renew => is_holder || is_later,
            Wish::Settle(_) => is_holder,
            Wish::Take => may_take,
        };
        if is_granted && ask.wish != Wish::Look {
            let has_changed = !is_holder || matches!(ask.wish, Wish::Settle(_));
            book.ends = cx.now + lasting;
            book.tenure.high = book.tenure.high.max(ask.high);
            if !is_holder {
                let tenure = &mut book.tenure;
                if min.is_some() && !is_clean {
                    cx.say(Line::Unclean { node: from, end: ask.high, high: tenure.high });
                    tenure.high = ask.high;
                }
                if min.is_some() && !(is_clean && tenure.in_sync.contains(&from)) {
                    tenure.in_sync = [from].into();
                }
                (tenure.term, tenure.holder) = (ask.term, Some(from));
                self.primary = Some(from);
            }
            if let Wish::Settle(members) = &ask.wish {
                book.tenure.settle(Arc::clone(members), min.unwrap_or(0));
            }
            if has_changed {
                let position = cx.append(Record::Lease(book.tenure.clone()));
                let (wish, asked_at) = (ask.wish.clone(), ask.asked_at);
                self.flushing.push_back((position, AfterFlush::Lease { to: from, wish, asked_at }));
                return cx.flush();
            }
        }
        self.answer_lease(cx, from, ask.wish.clone(), is_granted, ask.asked_at);
    }

    /// Tells `to` whose the lease is.
    pub(super) fn answer_lease(
        &self,
        cx: &mut Context<'_>,
        to: NodeId,
        wish: Wish,
        is_granted: bool,
        asked_at: WallTime,
    ) {
        let Role::LeaseStore(book) = &self.role else { return };
        let mut tenure = book.tenure.clone();
        tenure.holder = tenure.holder.filter(|_| cx.now < book.ends);
        cx.send(to, Message::LeaseSays(LeaseSays { wish, is_granted, tenure, asked_at }));
    }

    /// Whether `from` may take the lease. Where an in-sync set decides, those outside it may only if that is allowed
    /// and nobody inside has come for the length of a lease.
    fn may_take(&self, now: VirtualTime, from: NodeId, ask: &LeaseAsk) -> bool {
        let Role::LeaseStore(book) = &self.role else { return false };
        let is_free = now >= book.ends || book.tenure.holder.is_none_or(|holder| holder == from);
        let is_desperate = self.config.unclean && now.since(book.ends) >= self.config.lease.lasting;
        is_free && ask.term > book.tenure.term && (self.is_clean(from, ask) || is_desperate)
    }

    /// Whether `from` has all that counts, as far as the store can know: it is in sync or eligible, and its log has
    /// not become shorter since.
    fn is_clean(&self, from: NodeId, ask: &LeaseAsk) -> bool {
        let (Role::LeaseStore(book), Some(_)) = (&self.role, self.config.ack_in_sync()) else { return true };
        let Tenure { in_sync, eligible, high, .. } = &book.tenure;
        (in_sync.contains(&from) || eligible.contains(&from)) && ask.high >= *high
    }

    // the holder

    /// A new primary holds the lease from the moment it asked for it, or, made by an operator, from now.
    pub(super) fn begin_tenancy(&mut self, cx: &mut Context<'_>) {
        if self.config.promotion != Promotion::AutoLease {
            return;
        }
        if self.tenancy.until.is_none() {
            self.tenancy.until = Some(self.lease_end(cx.wall));
        }
        if self.term > 1 || self.incarnation > 1 {
            self.renew(cx);
        } else {
            self.tenancy.renewed = cx.now;
        }
    }

    fn lease_end(&self, asked_at: WallTime) -> WallTime {
        let rules = self.config.lease;
        WallTime(asked_at.0 + rules.lasting.0 as i64 - self.config.lease_margin.0 as i64)
    }

    fn renew(&mut self, cx: &mut Context<'_>) {
        self.tenancy.asked = cx.now;
        self.ask_store(cx, Wish::Renew, self.term);
    }

    pub(super) fn ask_store(&self, cx: &mut Context<'_>, wish: Wish, term: u64) {
        let Some(store) = self.config.lease_store(cx.members) else { return };
        let high = if self.is_primary() { self.acked.max(self.commit) } else { self.log().last_index() };
        cx.send(store, Message::LeaseAsk(LeaseAsk { wish, term, high, asked_at: cx.wall }));
    }

    /// The primary's regular look at its lease.
    pub(super) fn watch_lease(&mut self, cx: &mut Context<'_>) {
        if self.config.promotion != Promotion::AutoLease || !self.is_primary() {
            return;
        }
        self.tenancy.clock_error_us = cx.wall.0 - cx.now.0 as i64;
        let (rules, tenancy) = (self.config.lease, self.tenancy);
        if self.config.self_demote && tenancy.until.is_some_and(|until| cx.wall >= until) {
            cx.say(Line::LeaseLost { holder: None });
            return self.follow(cx, None);
        }
        let is_answered = tenancy.asked <= tenancy.renewed;
        let is_due = cx.now.since(tenancy.renewed) >= rules.loop_wait;
        if is_due && (is_answered || cx.now.since(tenancy.asked) >= rules.retry) {
            self.renew(cx);
        }
    }

    /// The store answers.
    pub(super) fn take_lease_says(&mut self, cx: &mut Context<'_>, says: &LeaseSays) {
        match &says.wish {
            Wish::Look => self.look_at_lease(cx, &says.tenure),
            Wish::Take => self.take_lease(cx, says),
            Wish::Renew if !self.is_primary() || says.tenure.term < self.term => {}
            Wish::Renew if says.is_granted => {
                self.tenancy.renewed = cx.now;
                self.tenancy.until = Some(self.lease_end(says.asked_at));
            }
            Wish::Renew if self.config.self_demote => {
                cx.say(Line::LeaseLost { holder: says.tenure.holder });
                self.follow(cx, says.tenure.holder.filter(|&holder| holder != self.me));
            }
            Wish::Renew => {}
            Wish::Settle(members) => {
                if says.is_granted && says.tenure.term == self.term {
                    self.settle_in_sync(cx, Arc::clone(members));
                }
            }
        }
    }

    // those who would like to hold it

    /// A replica's regular look at the store, whether it hears a primary or not.
    pub(super) fn poll_lease(&mut self, cx: &mut Context<'_>) {
        match self.role {
            // The fencer answers; it may take longer than any look.
            Role::Succeeding(Succession::Fence(_)) => return self.wait_patiently(cx),
            Role::Succeeding(_) => self.role = Role::Replica,
            _ => {}
        }
        self.wait_patiently(cx);
        self.ask_store(cx, Wish::Look, self.term);
    }

    fn look_at_lease(&mut self, cx: &mut Context<'_>, tenure: &Tenure) {
        if self.role != Role::Replica {
            return;
        }
        if let Some(holder) = tenure.holder.filter(|&holder| holder != self.me) {
            self.primary.get_or_insert(holder);
            return;
        }
        if let Some(primary) = self.primary.take() {
            let silent = cx.now.since(self.heard);
            cx.say(Line::PrimaryLost { primary: Some(primary), silent });
        }
        let (behind, most) = (tenure.high.saturating_sub(self.log().last_index()), self.config.lease.max_lag);
        let is_in_sync = tenure.in_sync.contains(&self.me) || tenure.eligible.contains(&self.me);
        match self.config.ack {
            _ if self.config.never_promote.contains(&self.me) || !self.is_member() => self.ask_to_join(cx),
            Ack::InSync { .. } if is_in_sync || self.config.unclean => self.ask_for_lease(cx),
            Ack::InSync { .. } => cx.say(Line::NotEligible { why: Ineligible::OutOfSync }),
            _ if behind > most => cx.say(Line::NotEligible { why: Ineligible::Lag { behind, most } }),
            _ => self.compare(cx, true),
        }
    }

    pub(super) fn ask_for_lease(&mut self, cx: &mut Context<'_>) {
        self.role = Role::Succeeding(Succession::Lease);
        self.ask_store(cx, Wish::Take, self.term + 1);
    }

    fn take_lease(&mut self, cx: &mut Context<'_>, says: &LeaseSays) {
        if self.role != Role::Succeeding(Succession::Lease) {
            return;
        }
        let term = says.tenure.term;
        if !says.is_granted || says.tenure.holder != Some(self.me) || term <= self.term {
            self.role = Role::Replica;
            // The store may be terms ahead: the next attempt names a later one.
            return self.obey_term(cx, term);
        }
        self.tenancy.until = Some(self.lease_end(says.asked_at));
        self.set_term(cx, term, Some(self.me));
        cx.say(Line::LeaseTaken { term });
        self.in_sync_at_start = Some(Arc::clone(&says.tenure.in_sync));
        self.succeed(cx);
    }

    /// How long a replica waits before it looks at the store again.
    pub(super) fn lease_patience(&self, cx: &mut Context<'_>) -> Span {
        let wait = self.config.lease.loop_wait.0;
        Span(cx.random.between(wait / 2, wait))
    }
}
