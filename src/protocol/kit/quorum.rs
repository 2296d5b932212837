//! Quorum arithmetic.

/// The smallest number of `members` that is more than half of them.
pub fn majority(members: usize) -> usize {
    members / 2 + 1
}

/// The highest position that at least `count` of `positions` have reached; 0 if there are fewer than `count`.
pub fn reached_by(count: usize, positions: &mut [u64]) -> u64 {
    positions.sort_unstable_by(|a, b| b.cmp(a));
    match count {
        0 => u64::MAX,
        _ => positions.get(count - 1).copied().unwrap_or(0),
    }
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

    proptest! {
        #[test]
        fn the_position_is_reached_by_that_many_and_the_next_is_not(mut positions in prop::collection::vec(0u64..50, 1..9), count in 1usize..9) {
            let reached = reached_by(count, &mut positions);
            if count <= positions.len() {
                prop_assert!(positions.iter().filter(|&&p| p >= reached).count() >= count);
                prop_assert!(positions.iter().filter(|&&p| p > reached).count() < count);
            } else {
                prop_assert_eq!(reached, 0);
            }
        }
    }
}
