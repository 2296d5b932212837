//! The knobs of multi-leader: how sites exchange their logs, and those of the group inside each site.

use super::primary_replica::PRIMARY_REPLICA;
use super::{Knob, knob};
use crate::base::knob::KnobKind::*;
use crate::base::knob::Topology::MultiLeader as ML;

pub(super) const MULTI_LEADER: &[Knob] = &[
    knob(
        ML,
        "conflict",
        Word(&["lww", "site-priority", "crdt", "longest-history"]),
        ["lww", "lww"],
        "which of two writes that did not know of each other is shown: the later clock's, the first site's, the effects of both (counters and sets), or the one with more revisions, the other staying readable",
        "the latest timestamp or the trusted site of active-active products; Redis active-active; CouchDB",
        false,
    ),
    knob(
        ML,
        "id_allocation",
        Word(&["shared", "offset"]),
        ["shared", "shared"],
        "which ids a site gives to rows it inserts: the next one, or only every n-th of n sites",
        "MySQL auto_increment_increment and auto_increment_offset",
        false,
    ),
    knob(
        ML,
        "ship_interval",
        Duration,
        ["200ms", "10ms"],
        "time between two shipments of a site's log to another site",
        "the pace of replication between sites; MySQL sends its binlog at once",
        true,
    ),
    knob(
        ML,
        "ship_timeout",
        Duration,
        ["1s", "60s"],
        "silence after which another site counts as lost; what it has not acknowledged for as long is shipped again",
        "MySQL replica_net_timeout",
        true,
    ),
    knob(
        ML,
        "ship_batch",
        Count(1, 1_000_000),
        ["500", "500"],
        "most writes in one shipment",
        "CouchDB worker_batch_size",
        true,
    ),
    knob(
        ML,
        "ack",
        Word(&["async", "semi-sync", "majority", "all"]),
        ["majority", "async"],
        "when a write is acknowledged, inside its own site: flushed at the leader, on k replicas, on a majority, on all; never waits for another site",
        "the ack of primary-replica",
        true,
    ),
    knob(
        ML,
        "read",
        Word(&["primary", "read-index", "replica-nearest"]),
        ["primary", "primary"],
        "who answers a read, inside the client's own site",
        "the read of primary-replica",
        true,
    ),
    of_the_group("sync_count"),
    of_the_group("sync_timeout"),
    of_the_group("visibility"),
    of_the_group("apply"),
    of_the_group("prevote"),
    of_the_group("check_quorum"),
    of_the_group("backlog"),
    of_the_group("max_inflight"),
    of_the_group("heartbeat"),
    of_the_group("election_timeout_min"),
    of_the_group("election_timeout_max"),
    of_the_group("link_timeout"),
    of_the_group("dedup"),
    of_the_group("retry_budget"),
    of_the_group("discovery_refresh"),
];

/// A knob that the group inside a site has as a cluster of its own would.
const fn of_the_group(key: &str) -> Knob {
    let mut row = 0;
    while !is_same(PRIMARY_REPLICA[row].key, key) {
        row += 1;
    }
    Knob { topology: ML, ..PRIMARY_REPLICA[row] }
}

const fn is_same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    let mut place = 0;
    while place < one.len() && place < other.len() && one[place] == other[place] {
        place += 1;
    }
    place == one.len() && place == other.len()
}
