//! Named configurations: a group of knobs at once, as a user of a known system would ask for them.

use super::{Profile, Topology};

/// One row of the table of named configurations.
#[derive(Clone, Copy, Debug)]
pub struct Likeness {
    /// Its word, for `like = "…"`.
    pub word: &'static str,
    /// The topology it belongs to.
    pub topology: Topology,
    /// What it stands for.
    pub meaning: &'static str,
    /// The knobs it sets: key, value with `profile = "demo"`, value with `profile = "real"`.
    pub knobs: &'static [(&'static str, [&'static str; 2])],
}

const fn both(value: &'static str) -> [&'static str; 2] {
    [value, value]
}

const fn peers(
    word: &'static str,
    meaning: &'static str,
    knobs: &'static [(&'static str, [&'static str; 2])],
) -> Likeness {
    Likeness { word, topology: Topology::PeerToPeer, meaning, knobs }
}

const fn leaders(
    word: &'static str,
    meaning: &'static str,
    knobs: &'static [(&'static str, [&'static str; 2])],
) -> Likeness {
    Likeness { word, topology: Topology::MultiLeader, meaning, knobs }
}

const fn like(
    word: &'static str,
    meaning: &'static str,
    knobs: &'static [(&'static str, [&'static str; 2])],
) -> Likeness {
    Likeness { word, topology: Topology::PrimaryReplica, meaning, knobs }
}

/// The named configurations.
pub const LIKES: &[Likeness] = &[
    like(
        "postgresql-async",
        "streaming replication with synchronous_standby_names empty; an operator promotes, nothing fences",
        &[
            ("ack", both("async")),
            ("apply", both("on-receive")),
            ("promotion", both("manual")),
            ("fencing", both("none")),
            ("rejoin", both("refuse")),
        ],
    ),
    like(
        "postgresql-sync-any-1",
        "synchronous_standby_names = 'ANY 1 (*)', synchronous_commit = on; an operator promotes",
        &[
            ("ack", both("semi-sync")),
            ("sync_count", both("1")),
            ("sync_point", both("flushed")),
            ("sync_timeout", both("block")),
            ("apply", both("on-receive")),
            ("promotion", both("manual")),
            ("fencing", both("none")),
            ("rejoin", both("refuse")),
        ],
    ),
    like(
        "mysql-semi-sync",
        "rpl_semi_sync_source_enabled, AFTER_SYNC, one replica, back to async after the timeout; an operator promotes",
        &[
            ("ack", both("semi-sync")),
            ("sync_count", both("1")),
            ("sync_point", both("flushed")),
            ("sync_timeout", ["1s", "10s"]),
            ("visibility", both("after-ack")),
            ("apply", both("on-receive")),
            ("promotion", both("manual")),
            ("fencing", both("none")),
        ],
    ),
    like(
        "redis-sentinel",
        "asynchronous replication, appendfsync everysec, three Sentinels with a quorum of two; an old master discards its data",
        &[
            ("ack", both("fire")),
            ("flush_interval", ["200ms", "1s"]),
            ("apply", both("on-receive")),
            ("promotion", both("auto-monitor")),
            ("sentinels", both("3")),
            ("sentinel_quorum", both("2")),
            ("fencing", both("none")),
            ("rejoin", both("discard-full-resync")),
            ("parallel_syncs", both("1")),
        ],
    ),
    like(
        "mongodb-w1",
        "a replica set with w:1, j:true and readConcern local: elections by majority, writes at the primary alone",
        &[
            ("ack", both("async")),
            ("apply", both("on-receive")),
            ("read", both("primary")),
            ("promotion", both("auto-quorum")),
            ("catch_up", ["2s", "24h"]),
            ("rejoin", both("rollback-file")),
        ],
    ),
    like(
        "mongodb-majority",
        "a replica set with w:majority, readConcern majority and readPreference nearest",
        &[
            ("ack", both("majority")),
            ("apply", both("on-receive")),
            ("read", both("majority-committed")),
            ("promotion", both("auto-quorum")),
            ("catch_up", ["2s", "24h"]),
            ("rejoin", both("rollback-file")),
        ],
    ),
    like(
        "kafka-acks-all",
        "acks=all with min.insync.replicas=2; a controller in the lease store elects from the in-sync set alone",
        &[
            ("ack", both("isr")),
            ("min_isr", both("2")),
            ("unclean", both("false")),
            ("apply", both("on-commit")),
            ("read", both("primary")),
            ("promotion", both("auto-lease")),
            ("fencing", both("epoch,self-demote")),
            ("rejoin", both("truncate")),
        ],
    ),
    like(
        "raft",
        "a consensus store: majority writes, reads by read index, pre-vote and check-quorum",
        &[
            ("ack", both("majority")),
            ("apply", both("on-commit")),
            ("read", both("read-index")),
            ("promotion", both("auto-quorum")),
            ("prevote", both("true")),
            ("check_quorum", both("true")),
            ("fencing", both("epoch,self-demote")),
        ],
    ),
    peers(
        "cassandra-quorum",
        "replication factor 3, QUORUM for reads and writes: hints at the coordinator, blocking read repair, phi",
        &[
            ("n", both("3")),
            ("level", both("quorum")),
            ("quorum", both("strict")),
            ("read_repair", both("blocking")),
            ("digest_reads", both("true")),
            ("hints", both("true")),
            ("hint_location", both("coordinator")),
            ("ts_source", both("coordinator")),
            ("detector", both("phi")),
        ],
    ),
    peers(
        "cassandra-one",
        "the same with ONE for reads and writes",
        &[
            ("n", both("3")),
            ("level", both("one")),
            ("quorum", both("strict")),
            ("read_repair", both("blocking")),
            ("digest_reads", both("true")),
            ("hints", both("true")),
            ("hint_location", both("coordinator")),
            ("ts_source", both("coordinator")),
            ("detector", both("phi")),
        ],
    ),
    peers(
        "riak-default",
        "n_val 3 with quorums of 2, sloppy; siblings with dots, read repair behind the answer, active anti-entropy",
        &[
            ("n", both("3")),
            ("r", both("2")),
            ("w", both("2")),
            ("quorum", both("sloppy")),
            ("asks", both("all")),
            ("notfound_ok", both("true")),
            ("basic_quorum", both("false")),
            ("digest_reads", both("false")),
            ("read_repair", both("async")),
            ("hints", both("true")),
            ("hint_location", both("fallback")),
            ("conflict", both("dotted")),
            ("anti_entropy", ["5s", "15s"]),
            ("vnodes", ["8", "64"]),
            ("gc_grace", ["3s", "3s"]),
            ("detector", both("phi")),
        ],
    ),
    peers(
        "dynamo-3-2-2",
        "the paper's common setting: N 3, R 2, W 2, sloppy, hints at fallbacks; carts that the application unites",
        &[
            ("n", both("3")),
            ("r", both("2")),
            ("w", both("2")),
            ("quorum", both("sloppy")),
            ("asks", both("all")),
            ("digest_reads", both("false")),
            ("read_repair", both("async")),
            ("hints", both("true")),
            ("hint_location", both("fallback")),
            ("conflict", both("union")),
            ("anti_entropy", ["5s", "60s"]),
        ],
    ),
    leaders(
        "mysql-circular",
        "sources that replicate from each other, no wait for any replica, an offset for auto-increment ids; MySQL itself resolves nothing, here the later clock does",
        &[("ack", both("async")), ("id_allocation", both("offset"))],
    ),
    leaders(
        "couchdb",
        "replication both ways: the longest history wins everywhere, and conflicts stay readable",
        &[("conflict", both("longest-history")), ("ship_batch", both("500"))],
    ),
    leaders(
        "redis-active-active",
        "conflict-free types: counters and sets keep every site's effects, strings the last write",
        &[("conflict", both("crdt"))],
    ),
    peers(
        "couchdb-sync",
        "databases that replicate with their neighbours without end: every node has all documents and takes edits \
         alone; the same revision wins everywhere, the others stay as conflicts; deletes are kept",
        &[
            ("spread", both("gossip")),
            ("overlay", both("ring")),
            ("exchange", both("push")),
            ("fanout", both("all")),
            ("spread_interval", ["100ms", "1s"]),
            ("lose_interest", both("never")),
            ("conflict", both("revision-tree")),
            ("detector", both("none")),
            ("gc_grace", both("240h")),
        ],
    ),
    peers(
        "gossip-counter",
        "counters and sets that merge, on every node: an update is written to and read from one node alone and \
         gossiped, both ways at once, with a random node (Akka Distributed Data, WriteLocal and ReadLocal)",
        &[
            ("spread", both("gossip")),
            ("overlay", both("full")),
            ("exchange", both("push-pull")),
            ("fanout", both("1")),
            ("spread_interval", ["200ms", "2s"]),
            ("lose_interest", both("4")),
            ("anti_entropy", ["2s", "10s"]),
            ("conflict", both("crdt")),
            ("counters", both("state")),
            ("detector", both("phi")),
        ],
    ),
];

impl Likeness {
    /// The row of `word` for `topology`.
    pub fn find(topology: Topology, word: &str) -> Option<&'static Likeness> {
        LIKES.iter().find(|row| row.topology == topology && row.word == word)
    }

    /// Its knobs under `profile`.
    pub fn values(&self, profile: Profile) -> impl Iterator<Item = (&'static str, &'static str)> {
        let column = usize::from(profile == Profile::Real);
        self.knobs.iter().map(move |(key, values)| (*key, values[column]))
    }
}
