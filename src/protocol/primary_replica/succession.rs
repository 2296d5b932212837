//! What stands between being chosen and reigning: the old primary may have to be shot first, and what others have
//! beyond the own log may be fetched first. Every automatic promotion comes through here.
//!
//! ```text
//! chosen -> Fence (stonith) -> Compare, Pull (catch_up) -> begin_reign
//! ```

use super::message::{Message, Observed, PullRequest, Pulled};
use super::{Context, PrimaryReplica, Promotion, Role, TAKE_OVER};
use crate::base::ids::NodeId;
use crate::base::line::{Ineligible, Line};
use crate::protocol::kit::log::Position;
use std::sync::Arc;

/// What a node that is about to be primary waits for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Succession {
    /// The fencer must kill this node.
    Fence(NodeId),
    /// Whoever is in reach says how far it is; after that this node takes what it is after.
    Compare {
        /// Who has most beyond the own log.
        best: Option<(NodeId, Position)>,
        /// Whether it is the lease that this node is after, and not the entries of others.
        for_lease: bool,
    },
    /// The lease store decides.
    Lease,
    /// Entries come from this node.
    Pull(NodeId),
}

impl PrimaryReplica {
    /// This node is to be primary of its present term: the first step.
    pub(super) fn succeed(&mut self, cx: &mut Context<'_>) {
        let old = self.epoch.primary().filter(|&old| old != self.me);
        match (self.config.stonith, old) {
            (Some(fencer), Some(old)) => {
                self.role = Role::Succeeding(Succession::Fence(old));
                cx.set_timer(TAKE_OVER, fencer.delay);
            }
            _ => self.fetch_first(cx),
        }
    }

    /// The fencer is done.
    pub(super) fn take_fenced(&mut self, cx: &mut Context<'_>, target: NodeId, is_done: bool) {
        if self.role != Role::Succeeding(Succession::Fence(target)) {
            return;
        }
        let after = self.config.stonith.map_or_else(Default::default, |fencer| fencer.delay);
        if is_done {
            cx.say(Line::Stonith { target, after });
            return self.fetch_first(cx);
        }
        cx.say(Line::StonithFailed { target });
        self.role = Role::Replica;
        self.wait_patiently(cx);
    }

    /// An elected primary may look for entries that only a minority has.
    fn fetch_first(&mut self, cx: &mut Context<'_>) {
        match self.config.catch_up {
            Some(_) if self.config.promotion == Promotion::AutoQuorum => self.compare(cx, false),
            _ => self.begin_reign(cx),
        }
    }

    /// Asks everyone how far they are.
    pub(super) fn compare(&mut self, cx: &mut Context<'_>, for_lease: bool) {
        self.role = Role::Succeeding(Succession::Compare { best: None, for_lease });
        for peer in self.peers() {
            cx.send(peer, Message::Observe);
        }
        cx.set_timer(TAKE_OVER, self.config.heartbeat);
    }

    /// Someone says how far it is, while this node compares.
    pub(super) fn note_rival(&mut self, from: NodeId, observed: &Observed) {
        let mine = self.log().end();
        let Role::Succeeding(Succession::Compare { best, .. }) = &mut self.role else { return };
        let is_ahead = observed.end > best.map_or(mine, |(_, end)| end);
        if is_ahead {
            *best = Some((from, observed.end));
        }
    }

    /// The fencer's time, or the time to answer or to send entries, is over.
    pub(super) fn take_over_now(&mut self, cx: &mut Context<'_>) {
        let Role::Succeeding(stage) = &self.role else { return };
        match *stage {
            Succession::Compare { best: None, for_lease: true } => self.ask_for_lease(cx),
            Succession::Compare { best: Some((rival, _)), for_lease: true } => {
                cx.say(Line::NotEligible { why: Ineligible::Behind(rival) });
                self.role = Role::Replica;
            }
            Succession::Compare { best: Some((rival, end)), for_lease: false } => {
                let entries = end.index.saturating_sub(self.log().last_index());
                cx.say(Line::CatchingUp { from: rival, entries });
                self.role = Role::Succeeding(Succession::Pull(rival));
                cx.send(rival, Message::Pull(PullRequest { term: self.term, end: self.log().end() }));
                cx.set_timer(TAKE_OVER, self.config.catch_up.unwrap_or_default());
            }
            Succession::Compare { best: None, for_lease: false } | Succession::Pull(_) => {
                self.begin_reign(cx);
            }
            // Its preparations took so long; who was chosen instead meanwhile no longer shoots.
            Succession::Fence(old) => {
                let success_ppm = self.config.stonith.map_or(0, |fencer| fencer.success_ppm);
                cx.fence(old, success_ppm);
            }
            Succession::Lease => {}
        }
    }

    /// A newly elected primary wants what this node has beyond its log.
    pub(super) fn take_pull(&mut self, cx: &mut Context<'_>, from: NodeId, request: &PullRequest) {
        // It was elected, whether this node was asked or not.
        self.obey_term(cx, request.term);
        let (end, last) = (request.end, self.log().last_index());
        if request.term == self.term && self.log().holds(end) {
            let entries = self.log().slice(end.index + 1, last);
            cx.send(from, Message::Pulled(Pulled { prev: end, entries }));
        }
    }

    /// The entries; they keep the epochs in which they were written.
    pub(super) fn take_pulled(&mut self, cx: &mut Context<'_>, from: NodeId, pulled: &Pulled) {
        if self.role != Role::Succeeding(Succession::Pull(from)) || self.log().end() != pulled.prev {
            return;
        }
        for entry in Arc::clone(&pulled.entries).iter() {
            self.append(cx, entry.clone());
        }
        self.begin_reign(cx);
    }
}
