//! The news a member still has to pass on: fewest-told first, the newest of equals first, each a limited number of
//! times (memberlist's `TransmitLimitedQueue`).

use super::News;

/// The most news one message carries; memberlist fills a 1 400-byte packet.
const MOST_PER_MESSAGE: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq)]
struct Rumour {
    news: News,
    told: u64,
}

/// News by how often it was passed on. At most one piece about each member: the latest.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Rumours {
    queue: Vec<Rumour>,
}

impl Rumours {
    /// Spreads `news` from now on, in place of what was said about the same member before.
    pub(super) fn spread(&mut self, news: News) {
        self.queue.retain(|rumour| rumour.news.about != news.about);
        self.queue.insert(0, Rumour { news, told: 0 });
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// The news for one more message; what was told `limit` times is forgotten.
    pub(super) fn take(&mut self, limit: u64) -> Box<[News]> {
        if self.queue.is_empty() {
            return Box::default();
        }
        self.queue.sort_by_key(|rumour| rumour.told);
        let chosen = self.queue.iter_mut().take(MOST_PER_MESSAGE);
        let news = chosen
            .map(|rumour| {
                rumour.told += 1;
                rumour.news
            })
            .collect();
        self.queue.retain(|rumour| rumour.told < limit);
        news
    }
}

/// How often a piece of news is passed on in a cluster of `members`: `mult * ceil(log10(members + 1))`.
pub(super) fn retransmissions(mult: u64, members: usize) -> u64 {
    let magnitude = (0_u32..).find(|&digits| 10_usize.pow(digits) > members);
    mult * u64::from(magnitude.expect("some power of ten exceeds any cluster"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::ids::NodeId;
    use crate::protocol::view::PeerStatus;

    fn suspect(about: u16, from: u16) -> News {
        News { about: NodeId(about), status: PeerStatus::Suspect, incarnation: 0, from: NodeId(from) }
    }

    #[test]
    fn the_least_told_goes_first_and_everything_ends() {
        let mut rumours = Rumours::default();
        rumours.spread(suspect(1, 0));
        assert_eq!(*rumours.take(2), [suspect(1, 0)]);
        rumours.spread(suspect(2, 0));
        assert_eq!(*rumours.take(2), [suspect(2, 0), suspect(1, 0)]);
        assert_eq!(*rumours.take(2), [suspect(2, 0)]);
        assert!(rumours.is_empty());
    }

    #[test]
    fn later_news_of_a_member_replaces_the_earlier() {
        let mut rumours = Rumours::default();
        rumours.spread(suspect(1, 0));
        rumours.spread(suspect(1, 3));
        assert_eq!(*rumours.take(4), [suspect(1, 3)]);
    }

    #[test]
    fn the_number_of_retransmissions_grows_with_the_logarithm() {
        let counts = [1, 5, 9, 10, 99, 100].map(|members| retransmissions(4, members));
        assert_eq!(counts, [4, 4, 4, 8, 8, 12]);
    }
}
