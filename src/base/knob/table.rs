//! The table of knobs: the rows of both topologies as one.

mod peer_to_peer;
mod primary_replica;

use super::{Knob, KnobKind, Topology};
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

const ROWS: usize = PRIMARY_REPLICA.len() + PEER_TO_PEER.len();

const fn joined() -> [Knob; ROWS] {
    let mut all = [PRIMARY_REPLICA[0]; ROWS];
    let mut place = 0;
    while place < ROWS {
        all[place] = match place.checked_sub(PRIMARY_REPLICA.len()) {
            None => PRIMARY_REPLICA[place],
            Some(rest) => PEER_TO_PEER[rest],
        };
        place += 1;
    }
    all
}

/// The knobs, by topology in the order in which a reader wants them.
pub const KNOBS: &[Knob] = &joined();
