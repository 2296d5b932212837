//! Quorum arithmetic.

/// Positions counted without touching the heap; larger clusters spill.
const ON_STACK: usize = 16;

/// The smallest number of `members` that is more than half of them.
pub fn majority(members: usize) -> usize {
    members / 2 + 1
}

/// The highest position that at least `count` of `positions` have reached; 0 if there are fewer than `count`, no
/// limit if `count` is 0.
pub fn reached_by(count: usize, positions: impl ExactSizeIterator<Item = u64>) -> u64 {
    let members = positions.len();
    if count == 0 {
        return u64::MAX;
    }
    if count > members {
        return 0;
    }
    let mut stack = [0; ON_STACK];
    let mut heap = Vec::new();
    let sorted = if members <= ON_STACK {
        &mut stack[..members]
    } else {
        heap.resize(members, 0);
        heap.as_mut_slice()
    };
    sorted.iter_mut().zip(positions).for_each(|(slot, position)| *slot = position);
    *sorted.select_nth_unstable(members - count).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_majorities_always_share_a_member() {
        for members in 1..50 {
            assert!(2 * majority(members) > members);
            assert!(2 * (majority(members) - 1) <= members, "and none smaller does");
        }
    }

    #[test]
    fn too_few_positions_reach_nothing_and_asking_nobody_is_no_limit() {
        assert_eq!(reached_by(3, [7, 9].into_iter()), 0);
        assert_eq!(reached_by(0, [7, 9].into_iter()), u64::MAX);
    }

    proptest! {
        #[test]
        fn the_position_is_reached_by_that_many_and_the_next_is_not(
            positions in prop::collection::vec(0u64..50, 1..40),
            share in 0.0..1.0,
        ) {
            let count = 1 + (share * (positions.len() - 1) as f64) as usize;
            let reached = reached_by(count, positions.iter().copied());
            prop_assert!(positions.iter().filter(|&&p| p >= reached).count() >= count);
            prop_assert!(positions.iter().filter(|&&p| p > reached).count() < count);
        }
    }
}
