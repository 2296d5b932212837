//! Spreading what is known: gossip of news, exchange of whole tables.

use super::{Message, News, Row, Swim, Turn, Wake};
use crate::base::ids::NodeId;
use crate::base::time::Span;
use crate::protocol::view::PeerStatus;

impl Swim {
    /// Starts the three cycles, each at a random point of its first interval.
    pub(super) fn arm_cycles(&self, turn: &mut Turn<'_>) {
        let settings = turn.settings;
        for (wake, interval) in [
            (Wake::Probe, settings.probe_interval),
            (Wake::Gossip, settings.gossip_interval),
            (Wake::PushPull, settings.push_pull),
        ] {
            let after = Span(turn.random.below(interval.0));
            turn.set_timer(wake, after);
        }
    }

    /// Tells some members the news. The dead are told too for one push-pull interval after their death (memberlist
    /// `GossipToTheDeadTime`, by default as long as its push-pull interval): some of them are only cut off.
    pub(super) fn gossip(&mut self, turn: &mut Turn<'_>) {
        turn.set_timer(Wake::Gossip, turn.settings.gossip_interval);
        if self.rumours.is_empty() {
            return;
        }
        let (now, mourning) = (turn.now, turn.settings.push_pull);
        let deaths: Vec<Span> = self.members.iter().map(|member| now.since(member.since)).collect();
        let is_told = |node: NodeId, status| status != PeerStatus::Down || deaths[node.index()] < mourning;
        for to in self.sample(turn.settings.gossip_nodes, turn, is_told) {
            let news = self.rumours.take(self.retransmissions(turn.settings));
            if !news.is_empty() {
                turn.send(to, Message::Gossip { news });
            }
        }
    }

    /// Exchanges tables with one live member, and tries one that is not: whoever was cut off is found again within
    /// an interval of the heal.
    pub(super) fn push_pull(&self, turn: &mut Turn<'_>) {
        turn.set_timer(Wake::PushPull, turn.settings.push_pull);
        let alive = self.sample(1, turn, |_, status| status == PeerStatus::Alive);
        let missing = self.sample(1, turn, |_, status| status != PeerStatus::Alive);
        for to in alive.into_iter().chain(missing) {
            turn.send(to, Message::PushPull { table: self.table(), is_answer: false });
        }
    }

    /// Exchanges tables with a few members at once.
    pub(super) fn join(&self, turn: &mut Turn<'_>) {
        for to in self.sample(turn.settings.gossip_nodes, turn, |_, _| true) {
            turn.send(to, Message::PushPull { table: self.table(), is_answer: false });
        }
    }

    /// Merges the table of `from` and answers with ours if it has not seen it.
    pub(super) fn exchange_with(
        &mut self,
        from: NodeId,
        table: &[Row],
        is_answer: bool,
        turn: &mut Turn<'_>,
    ) {
        // Before the merge, so that the sender hears itself called dead while we still think so.
        let ours = (!is_answer).then(|| self.table());
        for (at, row) in table.iter().enumerate() {
            // Another's verdict "dead" is only a suspicion here: the member gets its chance to refute.
            let status = if row.status == PeerStatus::Down { PeerStatus::Suspect } else { row.status };
            self.hear(News { about: NodeId::at(at), status, incarnation: row.incarnation, from }, turn);
        }
        if let Some(mut table) = ours {
            table[self.me.index()].incarnation = self.incarnation;
            turn.send(from, Message::PushPull { table, is_answer: true });
        }
    }

    fn table(&self) -> Box<[Row]> {
        (0..self.members.len())
            .map(|at| self.claim(NodeId::at(at)))
            .map(|claim| Row { status: claim.status, incarnation: claim.incarnation })
            .collect()
    }

    /// Up to `count` different peers that `is_wanted`, drawn at random.
    pub(super) fn sample(
        &self,
        count: usize,
        turn: &mut Turn<'_>,
        is_wanted: impl Fn(NodeId, PeerStatus) -> bool,
    ) -> Vec<NodeId> {
        let mut wanted: Vec<NodeId> = (0..self.members.len())
            .map(NodeId::at)
            .filter(|&node| node != self.me && is_wanted(node, self.members[node.index()].status))
            .collect();
        let chosen = count.min(wanted.len());
        for at in 0..chosen {
            let other = turn.random.between(at as u64, wanted.len() as u64 - 1) as usize;
            wanted.swap(at, other);
        }
        wanted.truncate(chosen);
        wanted
    }
}
