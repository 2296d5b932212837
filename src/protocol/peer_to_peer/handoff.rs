//! Hinted handoff: keeping hints while a node is away, handing them over when it is back.
//!
//! ```text
//!  write misses an owner --> hint on disk --> owner is up again --> Hints --> HintsAck --> next batch
//!                            (window, disk)   (own opinion)         (throttled)
//! ```
//!
//! Best effort, no substitute for repair: outside the window nothing is kept, and hints die with their holder's disk.

use super::chatter::Topic;
use super::durable::{Hint, Record};
use super::hints::BatchEnd;
use super::message::Message;
use super::object::Object;
use super::timers::{Alarm, timer};
use super::{Cx, PeerToPeer};
use crate::base::ids::{Key, NodeId};
use crate::base::line::Line;
use crate::base::time::Span;
use crate::protocol::Ghost;
use crate::protocol::view::PeerStatus;

impl PeerToPeer {
    /// Keeps `object` for an owner that missed it, as far as the policy allows.
    pub(super) fn keep_hint(&mut self, cx: &mut Cx<'_>, target: NodeId, key: Key, object: Object) {
        if target == self.me || !self.takes_hints_for(cx, target) {
            return;
        }
        if cx.disk_full {
            self.say(cx, Topic::DiskFull, Line::DiskFull);
        } else if self.has_room_for_hints(cx, target) {
            self.store_hint(cx, target, key, object);
            self.flush(cx);
        }
    }

    /// Whether the policy keeps hints for `target` now.
    pub(super) fn takes_hints_for(&mut self, cx: &mut Cx<'_>, target: NodeId) -> bool {
        self.config.keeps_hints && self.is_within_hint_window(cx, target)
    }

    fn has_room_for_hints(&mut self, cx: &mut Cx<'_>, target: NodeId) -> bool {
        let bytes = self.hints.queue(target).bytes();
        let is_full = self.config.hint_limit.is_some_and(|limit| bytes >= limit);
        if is_full && self.hints.queue_mut(target).refuse(self.detector.since(target)) {
            cx.say(Line::HintFull { target, bytes });
        }
        !is_full
    }

    fn is_within_hint_window(&mut self, cx: &mut Cx<'_>, target: NodeId) -> bool {
        let since = self.detector.since(target);
        let down_for = cx.now.since(since);
        let is_over = self.detector.status(target) == PeerStatus::Down && down_for > self.config.hint_window;
        if is_over && self.hints.queue_mut(target).refuse(since) {
            cx.say(Line::HintDrop { target, down_for });
        }
        !is_over
    }

    /// Keeps `object` for `target`. The caller asks for the flush.
    pub(super) fn store_hint(&mut self, cx: &mut Cx<'_>, target: NodeId, key: Key, object: Object) {
        let hint = self.hints.keep(target, key, object);
        cx.append(Record::Hint { target, hint });
        cx.ghost(Ghost::HintBytes(self.hints.bytes()));
        let queue = self.hints.queue(target);
        let (queued, bytes) = (queue.len(), queue.bytes());
        if queued.is_power_of_two() {
            cx.say(Line::HintStore { target, queued, bytes });
        }
        if self.believes_up(target) && !queue.is_armed {
            // It was only slow: give it a moment before handing over.
            let pause = self.config.write_timeout;
            self.arm_replay(cx, target, pause);
        }
    }

    fn arm_replay(&mut self, cx: &mut Cx<'_>, target: NodeId, after: Span) {
        self.hints.queue_mut(target).is_armed = true;
        cx.set_timer(timer(Alarm::Replay(target)), after);
    }

    /// After a start: looks for hints that a former life kept.
    pub(super) fn resume_handoff(&mut self, cx: &mut Cx<'_>) {
        let targets: Vec<NodeId> = self.hints.targets().map(|(target, _)| target).collect();
        if !targets.is_empty() {
            cx.ghost(Ghost::HintBytes(self.hints.bytes()));
        }
        for target in targets {
            let pause = self.config.write_timeout;
            self.arm_replay(cx, target, pause);
        }
    }

    /// The timer of a queue ran out: whatever was under way is lost, try again.
    pub(super) fn retry_replay(&mut self, cx: &mut Cx<'_>, target: NodeId) {
        let queue = self.hints.queue_mut(target);
        queue.is_armed = false;
        queue.forget_batch();
        self.replay(cx, target);
    }

    /// Hands over the next batch if the target is believed up and nothing is under way.
    pub(super) fn replay(&mut self, cx: &mut Cx<'_>, target: NodeId) {
        let queue = self.hints.queue(target);
        if queue.len() == 0 || queue.is_waiting() || !self.believes_up(target) {
            return;
        }
        let held_back = self.hints.held_back(cx.now);
        if held_back.0 > 0 {
            return self.arm_replay(cx, target, held_back);
        }
        let hints = self.hints.begin_batch(target, self.config.hint_throttle, cx.now);
        cx.send(target, Message::Hints { hints });
        let patience = self.config.write_timeout;
        self.arm_replay(cx, target, patience);
    }

    /// Takes in the hints that `from` kept for this node.
    pub(super) fn take_hints(&mut self, cx: &mut Cx<'_>, from: NodeId, hints: &[Hint]) {
        let Some(last) = hints.last().filter(|_| !cx.disk_full) else { return };
        let before = *cx.appended;
        for hint in hints {
            self.take_in(cx, from, hint.key, &hint.object);
        }
        if *cx.appended != before {
            self.flush(cx);
        }
        self.owe(cx, from, Message::HintsAck { upto: last.number });
    }

    /// `from` has a batch on its disk.
    pub(super) fn take_hints_ack(&mut self, cx: &mut Cx<'_>, from: NodeId, upto: u64) {
        let end = self.hints.end_batch(from, upto);
        if end == BatchEnd::Stale {
            return;
        }
        // Not flushed: a crash before the next flush only makes the same hints go out twice.
        cx.append(Record::HandedOver { target: from, upto });
        cx.ghost(Ghost::HintBytes(self.hints.bytes()));
        self.hints.queue_mut(from).is_armed = false;
        cx.cancel_timer(timer(Alarm::Replay(from)));
        match end {
            BatchEnd::Drained { sent } => cx.say(Line::HintReplay { target: from, sent }),
            BatchEnd::More | BatchEnd::Stale => self.replay(cx, from),
        }
    }
}
