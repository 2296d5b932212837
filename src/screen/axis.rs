//! The axis along which logs are drawn: one place an index, the same for all copies of a log, and the stretches where
//! nothing tells them apart left out.
//!
//! ```text
//!  n1 ■■■■■■■■■…113…■■■■■▪▪▫·   the primary
//!  n2 ■■■■                      far behind: its end is on the axis all the same
//!  n3 ■■■■■■■◆◆…113…◆◆◆◆        left the common history after the seventh
//! ```
//!
//! Around every landmark (an end, a fork) as many indexes are shown as there is room for. Where all of that touches,
//! nothing is left out.

use crate::cluster::view::Landmark;
use std::ops::RangeInclusive;

/// Indexes at each landmark that are worth a figure in the gaps between them.
const ROOMY: u64 = 4;
/// Indexes at each landmark without which the less telling landmarks are given up.
const LEAST: u64 = 1;

/// One stretch of the axis, at a place counted from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stretch {
    /// Indexes, one place each.
    Shown { at: u16, indexes: RangeInclusive<u64> },
    /// Indexes that share so few places.
    Gap { at: u16, places: u16, indexes: RangeInclusive<u64> },
}

/// The stretches in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Axis {
    pub(super) stretches: Vec<Stretch>,
}

/// How many places a gap takes: those of a figure, or one.
#[derive(Clone, Copy)]
enum Gaps {
    Counted,
    Narrow,
}

impl Gaps {
    /// Places for a gap of so many indexes; it never takes more than the indexes would.
    fn places(self, missing: u64) -> u64 {
        match self {
            Gaps::Narrow => missing.min(1),
            Gaps::Counted => missing.min(u64::from(missing.max(1).ilog10()) + 3),
        }
    }
}

impl Axis {
    /// An axis of at most `room` places that runs along (a row for each copy).
    pub(super) fn across(landmarks: &[Landmark], room: u16) -> Axis {
        Axis::of(landmarks, u64::from(room), &[(Gaps::Counted, ROOMY), (Gaps::Narrow, LEAST)])
    }

    /// An axis of at most `room` places that runs down (a row for each index); a gap is one row.
    pub(super) fn down(landmarks: &[Landmark], room: u16) -> Axis {
        Axis::of(landmarks, u64::from(room), &[(Gaps::Narrow, LEAST)])
    }

    fn of(landmarks: &[Landmark], room: u64, ways: &[(Gaps, u64)]) -> Axis {
        for count in (1..=landmarks.len()).rev() {
            for (gaps, least) in ways {
                let plan = Plan { landmarks: &landmarks[..count], gaps: *gaps };
                let reach = plan.reach(room);
                if reach.is_some_and(|reach| reach >= *least) || count == 1 {
                    return plan.axis(reach.unwrap_or(0), room);
                }
            }
        }
        Axis::default()
    }
}

/// Landmarks that are all to be on the axis.
struct Plan<'a> {
    landmarks: &'a [Landmark],
    gaps: Gaps,
}

impl Plan<'_> {
    /// The stretches of indexes that are shown where each landmark has a reach, in order, none touching another.
    fn shown(&self, reach: u64) -> Vec<(u64, u64)> {
        let last = self.landmarks.iter().map(|place| place.index()).max().unwrap_or(0);
        let around = |place: &Landmark| match place {
            Landmark::End(end) => (end.saturating_sub(reach).max(1), *end),
            // What follows a fork tells more than what all have in common before it.
            Landmark::Fork(fork) => {
                (fork.saturating_sub(reach / 2).max(1), (fork + reach - reach / 3).min(last))
            }
        };
        let mut stretches: Vec<(u64, u64)> = self.landmarks.iter().map(around).collect();
        stretches.sort_unstable();
        let mut joined: Vec<(u64, u64)> = Vec::new();
        for (from, to) in stretches.into_iter().filter(|(from, to)| from <= to) {
            match joined.last_mut() {
                Some(before) if self.is_worthless(before.1, from) => before.1 = before.1.max(to),
                _ => joined.push((from, to)),
            }
        }
        joined
    }

    /// Whether leaving out what lies between would spare no place.
    fn is_worthless(&self, before: u64, from: u64) -> bool {
        let missing = from.saturating_sub(before + 1);
        self.gaps.places(missing) >= missing
    }

    fn cost(&self, shown: &[(u64, u64)]) -> u64 {
        let indexes: u64 = shown.iter().map(|(from, to)| to - from + 1).sum();
        let gaps: u64 = shown.windows(2).map(|pair| self.gaps.places(pair[1].0 - pair[0].1 - 1)).sum();
        indexes + gaps
    }

    /// The largest reach that fits into `room`; none where not even the landmarks themselves do.
    fn reach(&self, room: u64) -> Option<u64> {
        (0..=2 * room).rev().find(|reach| self.cost(&self.shown(*reach)) <= room)
    }

    fn axis(&self, reach: u64, room: u64) -> Axis {
        let mut shown = self.shown(reach);
        let spare = room.saturating_sub(self.cost(&shown));
        if let Some(first) = shown.first_mut() {
            first.0 = first.0.saturating_sub(spare).max(1);
        }
        let mut axis = Axis::default();
        let mut at = 0;
        let mut before: Option<u64> = None;
        for (from, to) in shown {
            if let Some(before) = before {
                let places = self.gaps.places(from - before - 1) as u16;
                axis.stretches.push(Stretch::Gap { at, places, indexes: before + 1..=from - 1 });
                at += places;
            }
            axis.stretches.push(Stretch::Shown { at, indexes: from..=to });
            at += (to - from + 1) as u16;
            before = Some(to);
        }
        axis
    }
}

#[cfg(test)]
mod tests {
    use super::Landmark::{End, Fork};
    use super::*;
    use proptest::prelude::*;

    fn shown(axis: &Axis) -> Vec<RangeInclusive<u64>> {
        let part = |stretch: &Stretch| match stretch {
            Stretch::Shown { indexes, .. } => Some(indexes.clone()),
            Stretch::Gap { .. } => None,
        };
        axis.stretches.iter().filter_map(part).collect()
    }

    #[test]
    fn copies_that_end_near_each_other_are_one_stretch_with_a_place_for_every_index() {
        assert_eq!(shown(&Axis::across(&[End(100), End(97)], 30)), [71..=100]);
        assert_eq!(shown(&Axis::across(&[End(7), End(3)], 30)), [1..=7]);
    }

    #[test]
    fn a_copy_far_behind_has_its_end_on_the_axis_and_the_gap_says_how_far_that_is() {
        let axis = Axis::across(&[End(916), End(401)], 30);
        assert_eq!(shown(&axis), [389..=401, 905..=916]);
        assert_eq!(axis.stretches[1], Stretch::Gap { at: 13, places: 5, indexes: 402..=904 });
    }

    #[test]
    fn a_fork_shows_both_sides_of_it() {
        let axis = Axis::across(&[End(700), End(300), Fork(200)], 30);
        let around = &shown(&axis)[0];
        assert!(around.contains(&200) && around.contains(&202), "{axis:?}");
    }

    #[test]
    fn where_not_all_landmarks_have_room_the_first_have() {
        let all: Vec<Landmark> = (1..=8).map(|nth| End(10_000 - nth * 1000)).collect();
        let axis = Axis::across(&all, 12);
        assert_eq!(shown(&axis), [5998..=6000, 6999..=7000, 7999..=8000, 8999..=9000], "{axis:?}");
    }

    proptest! {
        #[test]
        fn an_axis_fits_its_room_runs_on_and_shows_its_first_landmark(
            ends in prop::collection::vec((1u64..3000, any::<bool>()), 1..8),
            room in 4u16..200,
            is_down in any::<bool>(),
        ) {
            let last = ends.iter().map(|(end, _)| *end).max().unwrap_or(0);
            let mut all = vec![End(last)];
            all.extend(ends.into_iter().map(|(end, is_fork)| if is_fork { Fork(end) } else { End(end) }));
            let axis = if is_down { Axis::down(&all, room) } else { Axis::across(&all, room) };
            let mut next = (0, None);
            for stretch in &axis.stretches {
                let (at, places, indexes) = match stretch {
                    Stretch::Shown { at, indexes } => (*at, indexes.end() - indexes.start() + 1, indexes),
                    Stretch::Gap { at, places, indexes } => (*at, u64::from(*places), indexes),
                };
                prop_assert_eq!(u64::from(at), next.0);
                prop_assert!(next.1.is_none_or(|index| index == *indexes.start()));
                next = (u64::from(at) + places, Some(indexes.end() + 1));
            }
            prop_assert!(next.0 <= u64::from(room), "{:?}", axis);
            prop_assert_eq!(next.1, Some(last + 1));
        }
    }
}
