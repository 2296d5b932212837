//! A value with its place in the order of last-write-wins, and the clock that gives it that place.

use crate::base::data::Data;
use crate::base::ids::{Key, NodeId, OpId, Version};
use crate::base::time::{Span, WallTime};
use twox_hash::XxHash3_64;

/// What a wall clock shows when a timestamp is zero: clocks may be set back by 38 hours before the world begins.
const BEFORE_TIME: i64 = 1 << 37;
/// Bits of a version below its timestamp.
const TIE_BITS: u32 = 8;
/// The greatest timestamp that fits a version: 2 283 years of microseconds.
const LAST_STAMP: u64 = u64::MAX >> TIE_BITS;
/// Among writes of the same microsecond a delete wins (Cassandra `Cells.reconcile`).
const DELETE_BIT: u64 = 1 << 7;

/// A version of a key: a value, or a tombstone where it was deleted.
///
/// The order of cells is that of [`Version`]: greater timestamp, then delete over value, then the low seven bits of
/// the coordinator's number; should two coordinators share those, the larger value. It is total, so merging cells is
/// commutative, associative and idempotent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// `timestamp << 8 | is_delete << 7 | coordinator % 128`.
    pub version: Version,
    /// The value; `None` for a tombstone.
    pub value: Option<Data>,
    /// The write that made it. Invisible to clients and not on the wire: the judges follow writes by it.
    pub written_by: OpId,
}

impl Cell {
    /// What `written_by` makes of the key at `stamp`, coordinated by `node`.
    pub(super) fn new(stamp: u64, node: NodeId, value: Option<Data>, written_by: OpId) -> Cell {
        let delete = if value.is_none() { DELETE_BIT } else { 0 };
        let tie = delete + u64::from(node.0) % DELETE_BIT;
        Cell { version: Version((stamp.min(LAST_STAMP) << TIE_BITS) + tie), value, written_by }
    }

    /// Whether it is a delete.
    pub(super) fn is_tombstone(&self) -> bool {
        self.value.is_none()
    }

    /// The timestamp, in microseconds.
    pub(super) fn stamp(&self) -> u64 {
        self.version.0 >> TIE_BITS
    }

    /// How much newer its timestamp is.
    pub(super) fn newer_by(&self, other: &Cell) -> Span {
        Span(self.stamp().saturating_sub(other.stamp()))
    }

    /// A hash of key, version and value (XXH3): what a digest read answers.
    pub(super) fn digest(&self, key: Key) -> u64 {
        let hash = |value: u64| {
            XxHash3_64::oneshot(
                [u64::from(key.0), self.version.0, value].map(u64::to_le_bytes).as_flattened(),
            )
        };
        match &self.value {
            None => hash(u64::MAX),
            Some(Data::One(value)) => hash(u64::from(value.0)),
            Some(Data::Count(count)) => hash(count.cast_unsigned()),
            Some(data @ (Data::Set(_) | Data::List(_))) => {
                data.elements().iter().fold(hash(1 << 32), |sum, element| {
                    XxHash3_64::oneshot_with_seed(sum, &element.0.to_le_bytes())
                })
            }
            Some(Data::Rows(rows)) => rows.iter().fold(hash(1 << 33), |sum, (id, row)| {
                XxHash3_64::oneshot_with_seed(sum, [*id, row.0].map(u32::to_le_bytes).as_flattened())
            }),
        }
    }
}

/// A coordinator's source of timestamps: its wall clock, but never the same or an earlier one twice in a life
/// (Cassandra `ClientState.getTimestamp`). A clock set back therefore first stands still, then lags.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    last: u64,
}

impl Clock {
    /// The timestamp of a write that begins while the wall clock shows `wall`.
    pub(super) fn stamp(&mut self, wall: WallTime) -> u64 {
        self.last = stamp(wall).max(self.last + 1);
        self.last
    }

    /// A version was met: what this clock gives from now on is later (a hybrid logical clock).
    pub(super) fn meet(&mut self, cell: &Cell) {
        self.last = self.last.max(cell.stamp());
    }
}

/// The timestamp in a version, in words; a version that is no timestamp says how many events it counts.
pub(super) fn spell_version(version: Version) -> String {
    let micros = (version.0 >> TIE_BITS).cast_signed() - BEFORE_TIME;
    match version.0 >> TIE_BITS {
        0 => format!("{} events known", version.0),
        _ => format!("timestamp {}.{:06} s", micros.div_euclid(1_000_000), micros.rem_euclid(1_000_000)),
    }
}

/// The timestamp that a clock showing `wall` gives.
pub(super) fn stamp(wall: WallTime) -> u64 {
    u64::try_from(wall.0.saturating_add(BEFORE_TIME)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::Value;
    use proptest::prelude::*;

    fn one(value: u32) -> Data {
        Data::One(Value(value))
    }

    fn cells() -> impl Strategy<Value = Cell> {
        (0_u64..4, 0_u16..300, prop::option::of(0_u32..4), 0_u32..4)
            .prop_map(|(stamp, node, value, op)| Cell::new(stamp, NodeId(node), value.map(one), OpId(op)))
    }

    proptest! {
        #[test]
        fn merging_is_commutative_associative_and_idempotent(a in cells(), b in cells(), c in cells()) {
            prop_assert_eq!((&a).max(&b), (&b).max(&a));
            prop_assert_eq!((&a).max(&b).max(&c), (&a).max((&b).max(&c)));
            prop_assert_eq!((&a).max(&a), &a);
        }

        #[test]
        fn versions_and_cells_have_one_order(a in cells(), b in cells()) {
            if a.version != b.version {
                prop_assert_eq!(a.cmp(&b), a.version.cmp(&b.version));
            }
        }
    }

    #[test]
    fn a_delete_wins_the_tie_of_a_microsecond_and_loses_to_the_next() {
        let write = |stamp, node| Cell::new(stamp, NodeId(node), Some(one(9)), OpId(1));
        let delete = Cell::new(5, NodeId(0), None, OpId(2));
        assert!(delete > write(5, 4) && delete < write(6, 0));
        assert!(write(5, 4) > write(5, 3));
    }

    #[test]
    fn a_clock_set_back_stands_still_and_then_lags() {
        let mut clock = Clock::default();
        let stamps = [1_000, 1_000, 400, 999, 1_004].map(|wall| clock.stamp(WallTime(wall)));
        let zero = BEFORE_TIME as u64;
        assert_eq!(stamps, [1_000, 1_001, 1_002, 1_003, 1_004].map(|micros| zero + micros));
    }

    #[test]
    fn clocks_before_the_beginning_of_the_world_are_still_in_order() {
        let earlier = Clock::default().stamp(WallTime(-900_000));
        assert!(earlier < Clock::default().stamp(WallTime(-500_000)));
    }
}
