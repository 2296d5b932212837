//! The names of a node's timers: a kind in the top byte, a request or node below.

use super::message::RequestId;
use crate::base::ids::NodeId;
use crate::protocol::Timer;
use crate::protocol::kit::swim::Wake;

/// What a timer was set for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alarm {
    /// The next thing a coordinated write waits for.
    Write(RequestId),
    /// The next thing a coordinated read waits for.
    Read(RequestId),
    /// The answer to a write that was forwarded.
    Forward(RequestId),
    /// The hints for this node.
    Replay(NodeId),
    /// The next comparison with another node.
    AntiEntropy,
    /// Comparisons that may stand still.
    Sessions,
    /// Tombstones.
    Compaction,
    /// Gossip of the ring.
    Ring,
    /// This node's movement.
    Movement,
    /// The next batch of the stream to this node.
    Stream(NodeId),
    /// Membership by SWIM.
    Swim(Wake),
    /// Membership by gossiped heartbeats.
    Phi,
    /// The next round of gossip.
    Gossip,
}

const KIND_SHIFT: u32 = 56;

/// The name of the timer for `alarm`.
pub(super) fn timer(alarm: Alarm) -> Timer {
    let (kind, about) = match alarm {
        Alarm::Write(request) => (1, request.0),
        Alarm::Read(request) => (2, request.0),
        Alarm::Replay(target) => (3, u64::from(target.0)),
        Alarm::Swim(Wake::Probe) => (4, 0),
        Alarm::Swim(Wake::ProbeTimeout) => (5, 0),
        Alarm::Swim(Wake::Gossip) => (6, 0),
        Alarm::Swim(Wake::PushPull) => (7, 0),
        Alarm::Swim(Wake::Suspicion(peer)) => (8, u64::from(peer.0)),
        Alarm::AntiEntropy => (9, 0),
        Alarm::Sessions => (10, 0),
        Alarm::Compaction => (11, 0),
        Alarm::Phi => (12, 0),
        Alarm::Swim(Wake::Relay) => (13, 0),
        Alarm::Forward(request) => (14, request.0),
        Alarm::Ring => (15, 0),
        Alarm::Movement => (16, 0),
        Alarm::Stream(to) => (17, u64::from(to.0)),
        Alarm::Gossip => (18, 0),
    };
    Timer(kind << KIND_SHIFT | about)
}

/// What `timer` was set for.
pub(super) fn alarm(timer: Timer) -> Option<Alarm> {
    let about = timer.0 & ((1 << KIND_SHIFT) - 1);
    let node = NodeId(about as u16);
    Some(match timer.0 >> KIND_SHIFT {
        1 => Alarm::Write(RequestId(about)),
        2 => Alarm::Read(RequestId(about)),
        3 => Alarm::Replay(node),
        4 => Alarm::Swim(Wake::Probe),
        5 => Alarm::Swim(Wake::ProbeTimeout),
        6 => Alarm::Swim(Wake::Gossip),
        7 => Alarm::Swim(Wake::PushPull),
        8 => Alarm::Swim(Wake::Suspicion(node)),
        9 => Alarm::AntiEntropy,
        10 => Alarm::Sessions,
        11 => Alarm::Compaction,
        12 => Alarm::Phi,
        13 => Alarm::Swim(Wake::Relay),
        14 => Alarm::Forward(RequestId(about)),
        15 => Alarm::Ring,
        16 => Alarm::Movement,
        17 => Alarm::Stream(node),
        18 => Alarm::Gossip,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        let request = RequestId(7 << 32 | 41);
        for wanted in [
            Alarm::Write(request),
            Alarm::Read(request),
            Alarm::Forward(request),
            Alarm::Replay(NodeId(999)),
            Alarm::AntiEntropy,
            Alarm::Sessions,
            Alarm::Compaction,
            Alarm::Ring,
            Alarm::Movement,
            Alarm::Stream(NodeId(7)),
            Alarm::Phi,
            Alarm::Gossip,
            Alarm::Swim(Wake::Probe),
            Alarm::Swim(Wake::Relay),
            Alarm::Swim(Wake::ProbeTimeout),
            Alarm::Swim(Wake::Gossip),
            Alarm::Swim(Wake::PushPull),
            Alarm::Swim(Wake::Suspicion(NodeId(3))),
        ] {
            assert_eq!(alarm(timer(wanted)), Some(wanted));
        }
        assert_eq!(alarm(Timer(0)), None);
    }
}
