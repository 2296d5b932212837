//! `moments` compares the whole list of effects of single inputs; `stories` and `failures` let clusters live through
//! faults on the small deterministic `network`.

mod failures;
mod moments;
mod movements;
mod network;
mod stories;

use super::Config;
use crate::base::ids::{ClientId, Key, OpId};
use crate::base::knob::{Knobs, Profile, Topology};
use crate::base::operation::{Action, Request};
use crate::base::time::WallTime;
use crate::protocol::{Sizes, Surroundings};

/// The demo knobs on an even ring of five, changed as told.
fn config(members: usize, changes: &[(&str, &str)], seed: u64) -> Config {
    let mut knobs = Knobs::defaults(Topology::PeerToPeer, Profile::Demo);
    for (key, value) in [("ring", "even1")].iter().chain(changes) {
        knobs.set(key, value, &|_| None).unwrap();
    }
    let sizes = Sizes { key: 8, value: 256 };
    Config::new(&knobs, &Surroundings { members, seed, sizes, sites: Vec::new() })
}

fn request(op: u32, key: Key, action: Action) -> Request {
    Request {
        op: OpId(op),
        client: ClientId(0),
        sequence: op,
        key,
        action,
        token: None,
        stamped: WallTime(0),
        level: None,
        context: None,
    }
}
