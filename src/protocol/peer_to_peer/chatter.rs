//! Keeps a fault from filling the log: of many equal lines the first is said, then the second, fourth, eighth, …

use crate::base::time::{Span, VirtualTime};

/// What a line may be about too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Topic {
    UnavailableWrite,
    UnavailableRead,
    WriteTimeout,
    ReadTimeout,
    ReadRepair,
    LwwDrop,
    DiskFull,
    Siblings,
}

const TOPICS: usize = Topic::Siblings as usize + 1;

/// After this much silence a topic is news again.
const FORGOTTEN_AFTER: Span = Span::seconds(2);

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    count: u64,
    last: VirtualTime,
}

/// How often each topic came up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Chatter {
    tallies: [Tally; TOPICS],
}

impl Chatter {
    /// Whether a line about `topic` is worth saying now.
    pub(super) fn admits(&mut self, topic: Topic, now: VirtualTime) -> bool {
        let tally = &mut self.tallies[topic as usize];
        if now.since(tally.last) > FORGOTTEN_AFTER {
            tally.count = 0;
        }
        tally.count += 1;
        tally.last = now;
        tally.count.is_power_of_two()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_thinned_to_doublings_and_silence_makes_it_news_again() {
        let mut chatter = Chatter::default();
        let said = (0..100).filter(|&at| chatter.admits(Topic::ReadRepair, VirtualTime(at * 1_000)));
        assert_eq!(said.collect::<Vec<_>>(), [0, 1, 3, 7, 15, 31, 63]);
        assert!(chatter.admits(Topic::LwwDrop, VirtualTime(100_000)), "topics do not share a count");
        assert!(chatter.admits(Topic::ReadRepair, VirtualTime(5_000_000)));
    }
}
