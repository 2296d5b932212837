//! What to believe. A member's word about itself comes in incarnations; for claims about others:
//!
//! ```text
//!  Alive(i)   beats  anything with incarnation < i
//!  Suspect(i) beats  Alive(j) if i >= j,  Suspect(j) if i > j     (i = j: a confirmation)
//!  Down(i)    beats  Alive(j) and Suspect(j) if i >= j
//! ```
//!
//! Whatever changes an opinion is passed on (memberlist `aliveNode`, `suspectNode`, `deadNode`).

use super::suspicion::Suspicion;
use super::{News, Output, Swim, Turn, Wake};
use crate::base::ids::NodeId;
use crate::protocol::view::PeerStatus;

impl Swim {
    pub(super) fn hear_all(&mut self, news: &[News], turn: &mut Turn<'_>) {
        news.iter().for_each(|&news| self.hear(news, turn));
    }

    pub(super) fn hear(&mut self, news: News, turn: &mut Turn<'_>) {
        if news.about == self.me {
            return self.hear_about_me(news, turn);
        }
        let Some(member) = self.members.get(news.about.index()) else { return };
        let (mine, is_newer) = (member.status, news.incarnation > member.incarnation);
        let is_current = news.incarnation >= member.incarnation;
        match (news.status, mine) {
            (PeerStatus::Alive, _) if is_newer => self.believe(news, turn),
            (PeerStatus::Suspect, PeerStatus::Alive) if is_current => self.believe(news, turn),
            (PeerStatus::Suspect, PeerStatus::Suspect) if is_newer => self.believe(news, turn),
            (PeerStatus::Suspect, PeerStatus::Suspect) if is_current => self.confirm(news, turn),
            (PeerStatus::Down, PeerStatus::Alive | PeerStatus::Suspect) if is_current => {
                self.believe(news, turn);
            }
            _ => {}
        }
    }

    /// The suspicion of `peer` was not refuted in time.
    pub(super) fn give_up_on(&mut self, peer: NodeId, turn: &mut Turn<'_>) {
        let mut verdict = self.claim(peer);
        if verdict.status == PeerStatus::Suspect {
            verdict.status = PeerStatus::Down;
            self.hear(verdict, turn);
        }
    }

    fn believe(&mut self, news: News, turn: &mut Turn<'_>) {
        let size = self.members.len();
        let member = &mut self.members[news.about.index()];
        let ended = member.suspicion.take();
        if ended.is_some() && news.status != PeerStatus::Suspect {
            turn.out.push(Output::CancelTimer(Wake::Suspicion(news.about)));
        }
        if news.status == PeerStatus::Suspect {
            let suspicion = Suspicion::new(turn.now, news.from);
            let after = suspicion.remaining(turn.now, turn.settings, size);
            member.suspicion = Some(suspicion);
            turn.set_timer(Wake::Suspicion(news.about), after);
        }
        member.incarnation = news.incarnation;
        if member.status != news.status {
            member.status = news.status;
            member.since = turn.now;
            let confirmations = ended.map_or(0, |suspicion| suspicion.confirmations() as u32);
            turn.out.push(Output::Changed { peer: news.about, status: news.status, confirmations });
        }
        self.rumours.spread(news);
    }

    /// Another member suspects too: the suspicion ends sooner.
    fn confirm(&mut self, news: News, turn: &mut Turn<'_>) {
        let size = self.members.len();
        let Some(suspicion) = &mut self.members[news.about.index()].suspicion else { return };
        if suspicion.confirm(news.from, turn.settings, size) {
            let after = suspicion.remaining(turn.now, turn.settings, size);
            turn.set_timer(Wake::Suspicion(news.about), after);
            self.rumours.spread(news);
        }
    }

    /// Someone doubts this node, or remembers a life of it that this one does not: the next incarnation beats it. A
    /// doubt of an earlier incarnation shows that its teller missed the refutation, which is therefore told again.
    fn hear_about_me(&mut self, news: News, turn: &mut Turn<'_>) {
        let is_doubted = news.status != PeerStatus::Alive;
        let is_beaten =
            news.incarnation < self.incarnation || (news.incarnation == self.incarnation && !is_doubted);
        if !is_beaten {
            self.incarnation = news.incarnation + 1;
            if is_doubted {
                let (by, from, to) = (news.from, news.incarnation, self.incarnation);
                turn.out.push(Output::Refuted { by, from, to });
                self.ail(1, turn.settings);
            }
        }
        if is_doubted || !is_beaten {
            self.rumours.spread(self.claim(self.me));
        }
    }
}
