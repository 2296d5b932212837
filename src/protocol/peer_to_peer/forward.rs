//! Where a write has to know what it changes, only an owner can coordinate it (Riak puts; Dynamo's preference list):
//! any other node forwards it to one.
//!
//! ```text
//!  client     any node              an owner
//!    | PUT       | Forward ----------> |  coordinates
//!    | <- ok --- | <-------- Forwarded |
//! ```
//!
//! It is forwarded once. Nobody knows whether an owner that stays silent has done it, and doing it again would make it
//! a second write.

use super::config::{Conflict, Quorum};
use super::coordinate_write::Asker;
use super::message::{Message, RequestId};
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::ids::{Key, NodeId};
use crate::base::operation::{Action, Answer, Doubt, Request};

impl PeerToPeer {
    /// The node that has to coordinate a write of `key` in this one's place, if there is one.
    pub(super) fn owner_to_ask(&self, key: Key) -> Option<NodeId> {
        let ring = &self.config.ring;
        if self.config.conflict == Conflict::Lww || ring.is_owner(key, self.me) {
            return None;
        }
        let nodes = match self.config.quorum {
            Quorum::Strict => ring.owners(key),
            Quorum::Sloppy { .. } => ring.preference(key),
        };
        nodes.iter().copied().find(|&node| self.believes_up(node)).filter(|&node| node != self.me)
    }

    /// Has `owner` coordinate the write.
    pub(super) fn forward(&mut self, cx: &mut Cx<'_>, owner: NodeId, request: &Request) {
        let id = self.next_request();
        self.forwarded.insert(id, request.op);
        cx.set_timer(timer(Alarm::Forward(id)), self.config.write_timeout * 2);
        cx.send(owner, Message::Forward { request: id, asked: Box::new(request.clone()) });
    }

    /// `from` owns no copy and has this node coordinate a write.
    pub(super) fn take_forward(
        &mut self,
        cx: &mut Cx<'_>,
        from: NodeId,
        request: RequestId,
        asked: &Request,
    ) {
        if let Action::Change(change) = &asked.action {
            self.begin_write(cx, asked, change, Asker::Node { node: from, request });
        }
    }

    /// What a forwarded write came to.
    pub(super) fn take_forwarded(&mut self, cx: &mut Cx<'_>, id: RequestId, answer: Answer) {
        if let Some(op) = self.forwarded.remove(&id) {
            cx.cancel_timer(timer(Alarm::Forward(id)));
            cx.reply(op, answer);
        }
    }

    /// The owner stays silent.
    pub(super) fn give_up_forwarded(&mut self, cx: &mut Cx<'_>, id: RequestId) {
        if let Some(op) = self.forwarded.remove(&id) {
            cx.reply(op, Answer::Uncertain(Doubt::QuorumTimeout));
        }
    }
}
