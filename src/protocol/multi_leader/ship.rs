//! Shipping between sites. A leader sends each other site what it has not sent yet, every `ship_interval`, without
//! waiting for the answer to the last shipment; the other side takes only what joins its log without a gap. What is
//! not acknowledged within `ship_timeout` is sent again, to another node of that site if nobody answers at all.
//!
//! ```text
//! east leader                          west leader
//!   | Ship(after 40: 41..43) ----------> append, replicate in west
//!   | Ship(after 43: 44)     ----------> append, ...
//!   | <---------------- ShipAck(43)      41..43 are on a majority of west
//! ```

use super::message::{Message, Ship};
use super::{Context, MultiLeader, SHIP, line_of, within};
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::line::Line;
use crate::base::time::VirtualTime;
use crate::protocol::Ghost;
use std::sync::Arc;

/// Versions of a key side by side that are worth a warning (Riak's 25).
const SIBLING_WARN: usize = 25;

/// How far a leader is with another site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Link {
    /// The node of that site that is taken for its leader.
    to: NodeId,
    /// How many of the own writes it has committed; unknown until it has said so to this leader.
    acked: Option<u64>,
    /// How many were sent.
    sent: u64,
    /// When it last acknowledged more, or everything was sent anew.
    moved: VirtualTime,
    /// When it was last heard.
    heard: VirtualTime,
    is_lost: bool,
    /// Whether it has other writes of this site than the log here.
    is_astray: bool,
    /// Who ships that site's writes to here, and what it was last told of them.
    from: Option<NodeId>,
    told: u64,
}

impl Link {
    pub(super) fn acked(&self) -> Option<u64> {
        self.acked
    }

    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    pub(super) fn is_astray(&self) -> bool {
        self.is_astray
    }
}

impl MultiLeader {
    fn link(&mut self, site: u16) -> Option<&mut Link> {
        self.links.get_mut(usize::from(site)).filter(|_| site != self.site)
    }

    /// This node has become leader: it knows of no other site how far that is, and asks.
    pub(super) fn begin_shipping(&mut self, cx: &mut Context<'_, Self>) {
        let link = |site: u16| Link {
            to: self.config.nodes(site).first().copied().unwrap_or_default(),
            acked: None,
            sent: 0,
            moved: cx.now,
            heard: cx.now,
            is_lost: false,
            is_astray: false,
            from: None,
            told: 0,
        };
        self.links = (0..self.config.sites()).map(link).collect();
        self.ship_to_all(cx);
    }

    /// The regular shipment.
    pub(super) fn ship_to_all(&mut self, cx: &mut Context<'_, Self>) {
        if self.links.is_empty() {
            return;
        }
        for site in self.others() {
            self.watch(cx, site);
            self.ship_to(cx, site);
            self.try_another(site);
        }
        cx.set_timer(SHIP, self.config.ship_interval);
    }

    /// Looks after a site that has been silent, or has not acknowledged anything, for too long.
    fn watch(&mut self, cx: &mut Context<'_, Self>, site: u16) {
        let config = Arc::clone(&self.config);
        let limit = config.ship_timeout;
        let Some(link) = self.link(site) else { return };
        let acked = link.acked.unwrap_or(0);
        if link.sent > acked && cx.now.since(link.moved) >= limit {
            (link.sent, link.moved) = (acked, cx.now);
        }
        let silent = cx.now.since(link.heard);
        if silent >= limit && !std::mem::replace(&mut link.is_lost, true) {
            cx.say(Line::SiteLost { site, silent });
        }
    }

    /// A lost site may have another leader by now: unless the node asked last names one, the next is asked.
    fn try_another(&mut self, site: u16) {
        let config = Arc::clone(&self.config);
        if let Some(link) = self.link(site).filter(|link| link.is_lost) {
            link.to = next_of(config.nodes(site), link.to);
        }
    }

    fn ship_to(&mut self, cx: &mut Context<'_, Self>, site: u16) {
        let (own, batch) = (self.site, self.config.ship_batch);
        let Some(link) = self.links.get(usize::from(site)).copied() else { return };
        let is_known = link.acked.is_some() && !link.is_lost;
        let entries = self.group.shippable(own, link.sent, if is_known { batch } else { 0 });
        let count = entries.len() as u64;
        let ship = Ship { origin: own, after: link.sent, entries };
        cx.send(link.to, Message::Ship(Box::new(ship)));
        if let Some(link) = self.link(site) {
            if link.sent == link.acked.unwrap_or(0) && count > 0 {
                link.moved = cx.now;
            }
            link.sent += count;
        }
    }

    /// Another site ships.
    pub(super) fn take_ship(&mut self, cx: &mut Context<'_, Self>, from: NodeId, ship: &Ship) {
        let site = ship.origin;
        if site == self.site || self.links.is_empty() {
            let leader = self.group.leader().filter(|&leader| leader != cx.me);
            return cx.send(from, Message::Elsewhere { site: self.site, leader });
        }
        let rules = self.config.group(self.site).site;
        let is_kept = rules.is_some_and(|rules| rules.resolver.keeps_losers());
        let (own, group) = (self.site, &mut self.group);
        let Ship { after, entries, .. } = ship;
        let clashes =
            within(cx, own, &mut self.effects, |inner| group.take_shipped(inner, site, *after, entries));
        for (write, clash) in clashes.into_iter().flatten() {
            self.clashes += 1;
            cx.say(line_of(&clash, write.key));
            let (winner, loser) = (clash.winner, clash.loser);
            cx.ghost(match clash.id {
                Some(_) => Ghost::SameId { winner, loser },
                None => Ghost::Clash { key: write.key, winner, loser, is_kept },
            });
            if is_kept {
                self.note_siblings(cx, write.key);
            }
        }
        if let Some(link) = self.link(site) {
            link.from = Some(from);
        }
        self.look_at_group(cx);
        // Without anything to wait for it is told at once.
        if entries.is_empty() && !self.links.is_empty() {
            self.tell_position(cx, site);
        }
    }

    /// Losers stay until someone resolves them, and on a key that both sites write all the time they pile up.
    fn note_siblings(&self, cx: &mut Context<'_, Self>, key: Key) {
        let count = self.group.siblings_of(key);
        cx.ghost(Ghost::Siblings(count as u32));
        if count == SIBLING_WARN {
            cx.say(Line::SiblingsWarn { key, siblings: count as u64, limit: SIBLING_WARN as u64 });
        }
    }

    /// Tells every site how many of its writes are safe here, where that is news.
    pub(super) fn tell_positions(&mut self, cx: &mut Context<'_, Self>) {
        for site in self.others() {
            let (_, safe) = self.group.site_positions(site);
            if self.links.get(usize::from(site)).is_some_and(|link| link.from.is_some() && safe > link.told) {
                self.tell_position(cx, site);
            }
        }
    }

    fn tell_position(&mut self, cx: &mut Context<'_, Self>, site: u16) {
        let ((_, position), own) = (self.group.site_positions(site), self.site);
        let last = self.group.write_of(site, position);
        if let Some(link) = self.link(site)
            && let Some(from) = link.from
        {
            link.told = position;
            cx.send(from, Message::ShipAck { site: own, position, last });
        }
    }

    /// Another site says how many of the own writes are safe there.
    pub(super) fn take_position(
        &mut self,
        cx: &mut Context<'_, Self>,
        from: NodeId,
        site: u16,
        (position, last): (u64, Option<OpId>),
    ) {
        let (own, limit) = (self.site, self.config.ship_timeout);
        let (known, committed) = self.group.site_positions(own);
        let is_astray = self.group.write_of(own, position) != last;
        let Some(link) = self.link(site) else { return };
        (link.to, link.heard) = (from, cx.now);
        if std::mem::replace(&mut link.is_lost, false) {
            // Whatever was sent into the silence is sent again.
            link.sent = link.acked.unwrap_or(0);
            cx.say(Line::SiteBack { site, missing: committed.saturating_sub(position) });
        }
        if is_astray {
            link.acked = None;
            if !std::mem::replace(&mut link.is_astray, true) {
                cx.say(Line::SiteForgot { site, theirs: position, own: known });
            }
            return;
        }
        link.is_astray = false;
        match link.acked {
            None => {
                link.sent = position;
                if position > 0 {
                    cx.say(Line::SiteResume { site, from: position });
                }
            }
            // It has lost what it had. Before long it could be an old answer that comes late.
            Some(acked) if position < acked && cx.now.since(link.moved) >= limit => link.sent = position,
            Some(acked) if position <= acked => return,
            Some(_) => link.sent = link.sent.max(position),
        }
        (link.acked, link.moved) = (Some(position), cx.now);
    }

    /// A node of another site does not lead it.
    pub(super) fn look_elsewhere(&mut self, from: NodeId, site: u16, leader: Option<NodeId>) {
        let config = Arc::clone(&self.config);
        let Some(link) = self.link(site) else { return };
        match leader {
            Some(leader) => link.to = leader,
            None if link.to == from => link.to = next_of(config.nodes(site), from),
            None => return,
        }
        link.sent = link.acked.unwrap_or(0);
    }
}

/// The node after `node` in a site, around.
fn next_of(nodes: &[NodeId], node: NodeId) -> NodeId {
    let place = nodes.iter().position(|&other| other == node).unwrap_or(0);
    nodes[(place + 1) % nodes.len()]
}
