//! The table of knobs: the rows of all topologies as one.

mod multi_leader;
mod peer_to_peer;
mod primary_replica;

use super::{Knob, KnobKind, Topology};
use multi_leader::MULTI_LEADER;
use peer_to_peer::PEER_TO_PEER;
use primary_replica::PRIMARY_REPLICA;

const fn knob(
    topology: Topology,
    key: &'static str,
    kind: KnobKind,
    defaults: [&'static str; 2],
    meaning: &'static str,
    mirrors: &'static str,
    is_hot: bool,
) -> Knob {
    Knob { key, topology, kind, demo: defaults[0], real: defaults[1], meaning, mirrors, is_hot }
}

const ROWS: usize = PRIMARY_REPLICA.len() + PEER_TO_PEER.len() + MULTI_LEADER.len();

const fn joined() -> [Knob; ROWS] {
    let mut all = [PRIMARY_REPLICA[0]; ROWS];
    let tables = [PRIMARY_REPLICA, PEER_TO_PEER, MULTI_LEADER];
    let (mut place, mut table) = (0, 0);
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            all[place] = tables[table][row];
            (place, row) = (place + 1, row + 1);
        }
        table += 1;
    }
    all
}

/// The knobs, by topology in the order in which a reader wants them.
pub const KNOBS: &[Knob] = &joined();
