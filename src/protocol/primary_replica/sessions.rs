//! Which requests of each session are in the log, and where: a request sent twice is recognised, by the primary
//! that took it and by every later one that has its entry.

use crate::base::ids::ClientId;
use crate::protocol::kit::log::Entry;
use std::collections::VecDeque;

/// Requests remembered per session. A client may have many operations open at once, so this is a window of recent
/// numbers, not the last one alone; a request resent after this many newer ones is taken for a new one.
const WINDOW: usize = 256;

/// The sessions of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Sessions {
    by_client: Vec<Session>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Session {
    /// (number within the session, index), by rising index.
    requests: VecDeque<(u32, u64)>,
    /// No request in the window has a higher number: what is new is known to be new without a search.
    highest: u32,
}

impl Sessions {
    /// Takes a new entry into account.
    pub(super) fn remember(&mut self, entry: &Entry, index: u64) {
        let Some(write) = entry.write() else { return };
        let place = write.client.index();
        if self.by_client.len() <= place {
            self.by_client.resize(place + 1, Session::default());
        }
        let session = &mut self.by_client[place];
        if session.requests.len() == WINDOW {
            session.requests.pop_front();
        }
        session.requests.push_back((write.sequence, index));
        session.highest = session.highest.max(write.sequence);
    }

    /// Entries from `from` on are gone.
    pub(super) fn forget(&mut self, from: u64) {
        for session in &mut self.by_client {
            while session.requests.back().is_some_and(|&(_, index)| index >= from) {
                session.requests.pop_back();
            }
            session.highest = session.requests.iter().map(|&(known, _)| known).max().unwrap_or(0);
        }
    }

    /// Where this request is in the log, if it is.
    pub(super) fn find(&self, client: ClientId, sequence: u32) -> Option<u64> {
        let session = self.by_client.get(client.index()).filter(|session| sequence <= session.highest)?;
        session.requests.iter().rev().find(|(known, _)| *known == sequence).map(|&(_, index)| index)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::write_of;
    use super::*;

    fn client_of(entry: &Entry) -> ClientId {
        entry.write().expect("a write").client
    }

    #[test]
    fn a_window_of_requests_is_recognised_and_older_ones_are_not() {
        let mut sessions = Sessions::default();
        (1..=WINDOW as u32 + 1).for_each(|n| sessions.remember(&write_of(1, n, 0), u64::from(n)));
        let client = client_of(&write_of(1, 1, 0));
        assert_eq!(sessions.find(client, 1), None);
        assert_eq!(sessions.find(client, 2), Some(2));
        assert_eq!(sessions.find(ClientId(9), 2), None);
    }

    #[test]
    fn requests_may_arrive_out_of_order() {
        let mut sessions = Sessions::default();
        sessions.remember(&write_of(1, 5, 0), 1);
        sessions.remember(&write_of(1, 3, 0), 2);
        let client = client_of(&write_of(1, 5, 0));
        assert_eq!([3, 4, 5].map(|n| sessions.find(client, n)), [Some(2), None, Some(1)]);
    }

    #[test]
    fn what_was_cut_is_not_a_duplicate() {
        let mut sessions = Sessions::default();
        (1..=5).for_each(|n| sessions.remember(&write_of(1, n, 0), u64::from(n)));
        sessions.forget(4);
        let client = client_of(&write_of(1, 1, 0));
        assert_eq!((sessions.find(client, 3), sessions.find(client, 4)), (Some(3), None));
    }
}
