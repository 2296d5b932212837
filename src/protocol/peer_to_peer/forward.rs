//! Where a write has to know what it changes, only an owner can coordinate it (Riak puts; Dynamo's preference list):
//! any other node forwards it to one.
//!
//! ```text
//!  client     any node              an owner
//!    | PUT       | Forward ----------> |  coordinates
//!    | <- ok --- | <-------- Forwarded |
//! ```
//!
//! Strict quorums forward once: nobody knows whether an owner that stays silent has done it. Sloppy ones go on to the
//! next node (Riak `retry_put_coordinator_failure`), and what is done twice is then there twice: as a sibling more,
//! or as one count too many.

use super::config::{Conflict, Quorum};
use super::coordinate_write::Asker;
use super::message::{Message, RequestId};
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::ids::{Key, NodeId};
use crate::base::operation::{Action, Answer, Doubt, Request};
use crate::base::time::{Span, VirtualTime};
use std::sync::Arc;

/// A write that another node coordinates in this one's place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Forwarded {
    request: Request,
    began: VirtualTime,
    /// Whom it was forwarded to, one after the other.
    tried: Vec<NodeId>,
}

impl PeerToPeer {
    /// The node that has to coordinate a write of `key` in this one's place, if there is one beside those `tried`.
    pub(super) fn owner_to_ask(&self, key: Key, tried: &[NodeId]) -> Option<NodeId> {
        let ring = self.ring.reads();
        if self.config.conflict == Conflict::Lww || ring.is_owner(key, self.me) {
            return None;
        }
        let nodes = match self.config.quorum {
            Quorum::Strict => ring.owners(key),
            Quorum::Sloppy { .. } => ring.preference(key),
        };
        let mut usable =
            nodes.iter().copied().filter(|&node| self.believes_up(node) && !tried.contains(&node));
        usable.next().filter(|&node| node != self.me)
    }

    /// Has `owner` coordinate the write.
    pub(super) fn forward(&mut self, cx: &mut Cx<'_>, owner: NodeId, request: &Request) {
        let id = self.next_request();
        let forwarded = Forwarded { request: request.clone(), began: cx.now, tried: vec![owner] };
        self.forwarded.insert(id, forwarded);
        cx.set_timer(timer(Alarm::Forward(id)), self.forward_patience());
        cx.send(owner, Message::Forward { request: id, asked: Box::new(request.clone()) });
    }

    /// How long an owner may take: its own time-out and the way there and back; where there are others, as long as it
    /// needs itself to find a fallback, and the way.
    fn forward_patience(&self) -> Span {
        match self.config.quorum {
            Quorum::Strict => self.config.write_timeout * 2,
            Quorum::Sloppy { fallback_after, .. } => fallback_after * 2,
        }
    }

    /// `from` owns no copy and has this node coordinate a write.
    pub(super) fn take_forward(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        request: RequestId,
        asked: &Request,
    ) {
        let Action::Change(change) = &asked.action else { return };
        if self.config.conflict != Conflict::Lww
            && !self.ring.reads().is_owner(asked.key, self.me)
            && self.config.quorum == Quorum::Strict
        {
            // It owned the key on an older ring.
            return cx.send(from, Message::Behind { request, ring: Arc::clone(&self.ring) });
        }
        self.begin_write(cx, asked, change, Asker::Node { node: from, request });
    }

    /// The node that was asked owns the key no more: the write is forwarded to one that does.
    pub(super) fn forward_anew(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        if let Some(forwarded) = self.forwarded.remove(&id) {
            cx.cancel_timer(timer(Alarm::Forward(id)));
            self.serve(cx, &forwarded.request);
        }
    }

    /// What a forwarded write came to.
    pub(super) fn take_forwarded(&mut self, cx: &mut Cx<'_>, id: RequestId, answer: Answer) {
        if let Some(forwarded) = self.forwarded.remove(&id) {
            cx.cancel_timer(timer(Alarm::Forward(id)));
            cx.reply(forwarded.request.op, answer);
        }
    }

    /// The owner stays silent: the next node is asked, if there may be one and there is time.
    pub(super) fn wake_forwarded(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        let Some(mut forwarded) = self.forwarded.remove(&id) else { return };
        let is_sloppy = self.config.quorum != Quorum::Strict;
        if !is_sloppy || cx.now.since(forwarded.began) >= self.config.write_timeout {
            return cx.reply(forwarded.request.op, Answer::Uncertain(Doubt::QuorumTimeout));
        }
        match self.owner_to_ask(forwarded.request.key, &forwarded.tried) {
            Some(next) => {
                forwarded.tried.push(next);
                let asked = Box::new(forwarded.request.clone());
                self.forwarded.insert(id, forwarded);
                cx.set_timer(timer(Alarm::Forward(id)), self.forward_patience());
                cx.send(next, Message::Forward { request: id, asked });
            }
            None => {
                if let Action::Change(change) = &forwarded.request.action {
                    self.begin_write(cx, &forwarded.request, change, Asker::Client);
                }
            }
        }
    }
}
