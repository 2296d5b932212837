//! Multi-leader: every site is a primary-replica group of its own, with its own votes, term and log, and takes writes
//! from the clients beside it. The leaders ship what their groups have committed to each other, later (replication.md
//! 2.14). Who writes waits for his own site alone; the price is that two sites may write one key without knowing it.
//!
//! ```text
//!       site east                            site west
//!  client -> leader --- Ship(after, ...) -> leader -> its replicas
//!              |    <-- ShipAck(position) --   |         (elections, acks: a PrimaryReplica each)
//!           replicas                        replicas
//! ```
//!
//! Mirrors MySQL sources that replicate from each other, CouchDB, and Redis active-active. Every site ships its own
//! writes to every other one and nothing else, so an entry never comes back to its origin. What was shipped is in the
//! receiving group's log like any write there, with its site; positions are counted off that log, so that a new leader
//! on either side goes on where the group is (`primary_replica::site`).
//!
//! A write counts as shippable once a majority of its site has it on disk, whatever `ack` promised the client: what a
//! site may still take back must not be anywhere else.
//!
//! Positions are counts, and each is told with the write that stands there. A site that has lost the disks of a majority
//! of its nodes is told anew what the others wrote. Of its own writes the others know more than it does, and it would
//! count new ones under old numbers: it notices, says so, and ships nothing more, as a MySQL source that comes back
//! from an old backup under its old name should not.
//!
//! Must not know: how a group elects and replicates (`primary_replica`), how versions merge (`kit::sites`). Read
//! `config`, `message`, then [`MultiLeader`] here, then `ship`.

mod config;
mod message;
mod ship;
mod truth;

pub use config::Config;
pub use message::{Message, Ship};

use super::primary_replica::{self, PrimaryReplica};
use super::view::{LogCell, ReplicaDetail, ReplicaView, SiteLinkView, SiteView};
use super::{
    Context, Effect, Ghost, Holding, Input, Order, Protocol, Routing, Sought, Surroundings, Timer, Truth,
    Updates,
};
use crate::base::ids::{Key, NodeId, Version};
use crate::base::knob::Knobs;
use crate::base::line::Line;
use crate::base::time::VirtualTime;
use ship::Link;
use std::sync::Arc;

/// The tick of a leader that ships; the group's own timers lie below.
const SHIP: Timer = Timer(16);

/// One node: its share of its site's group, and what it ships as that group's leader.
#[derive(Clone, Debug, PartialEq)]
pub struct MultiLeader {
    config: Arc<Config>,
    /// The site it belongs to.
    site: u16,
    group: PrimaryReplica,
    /// As leader: how far each site is, its own included; empty at anyone else.
    links: Vec<Link>,
    /// As leader: writes that met others which did not know of them.
    clashes: u64,
    /// Room for the effects of one step.
    effects: Vec<Effect<PrimaryReplica>>,
}

/// Runs `step` with a context for the group, and carries its effects out.
fn within<R>(
    cx: &mut Context<'_, MultiLeader>,
    site: u16,
    effects: &mut Vec<Effect<PrimaryReplica>>,
    step: impl FnOnce(&mut Context<'_, PrimaryReplica>) -> R,
) -> R {
    let mut inner = Context {
        me: cx.me,
        members: cx.members,
        now: cx.now,
        wall: cx.wall,
        disk_full: cx.disk_full,
        incarnation: cx.incarnation,
        random: &mut *cx.random,
        appended: &mut *cx.appended,
        effects,
    };
    let result = step(&mut inner);
    cx.effects.extend(effects.drain(..).map(|effect| carried_out(site, effect)));
    result
}

fn carried_out(site: u16, effect: Effect<PrimaryReplica>) -> Effect<MultiLeader> {
    match effect {
        Effect::Send { to, message } => Effect::Send { to, message: Message::Inside(message) },
        Effect::Reply(reply) => Effect::Reply(reply),
        Effect::SetTimer { timer, after } => Effect::SetTimer { timer, after },
        Effect::CancelTimer(timer) => Effect::CancelTimer(timer),
        Effect::Append(record) => Effect::Append(record),
        Effect::Flush => Effect::Flush,
        Effect::Fence { target, success_ppm } => Effect::Fence { target, success_ppm },
        Effect::Burden(percent) => Effect::Burden(percent),
        Effect::Busy(span) => Effect::Busy(span),
        Effect::Say(line) => Effect::Say(line),
        // Every site has a log of its own.
        Effect::Ghost(Ghost::Log { progress, .. }) => Effect::Ghost(Ghost::Log { partition: site, progress }),
        Effect::Ghost(ghost) => Effect::Ghost(ghost),
    }
}

impl MultiLeader {
    /// Lets the group take an input, and looks at what has changed with it.
    fn pass(&mut self, cx: &mut Context<'_, Self>, input: Input<PrimaryReplica>) {
        let (site, group) = (self.site, &mut self.group);
        within(cx, site, &mut self.effects, |inner| group.step(inner, input));
        self.look_at_group(cx);
    }

    /// Begins to ship when this node has become its site's leader, and stops when it is no more.
    fn look_at_group(&mut self, cx: &mut Context<'_, Self>) {
        match (self.group.leads(), self.links.is_empty()) {
            (true, true) => self.begin_shipping(cx),
            (true, false) => self.tell_positions(cx),
            (false, false) => {
                self.links.clear();
                cx.cancel_timer(SHIP);
            }
            (false, true) => {}
        }
    }

    fn others(&self) -> impl Iterator<Item = u16> + use<> {
        let own = self.site;
        (0..self.config.sites()).filter(move |&site| site != own)
    }

    fn site_view(&self) -> SiteView {
        let other = |site: u16| {
            let link = self.links.get(usize::from(site));
            SiteLinkView {
                site,
                shipped: link.and_then(Link::acked),
                applied: self.group.site_positions(site).0,
                is_lost: link.is_some_and(|link| link.is_lost() || link.is_astray()),
            }
        };
        SiteView {
            place: self.site,
            own: self.group.site_positions(self.site).1,
            clashes: self.clashes,
            others: self.others().map(other).collect(),
        }
    }
}

impl Protocol for MultiLeader {
    type Message = Message;
    type Durable = primary_replica::Durable;
    type Config = Config;

    fn config(knobs: &Knobs, around: &Surroundings) -> Config {
        Config::new(knobs, around)
    }

    fn boot(cx: &mut Context<'_, Self>, config: Arc<Config>, durable: Self::Durable) -> Self {
        let site = config.site_of(cx.me);
        let mut effects = Vec::new();
        let of = Arc::clone(config.group(site));
        let group = within(cx, site, &mut effects, |inner| PrimaryReplica::boot(inner, of, durable));
        let mut node = MultiLeader { config, site, group, links: Vec::new(), clashes: 0, effects };
        node.look_at_group(cx);
        node
    }

    fn step(&mut self, cx: &mut Context<'_, Self>, input: Input<Self>) {
        match input {
            Input::Message { from, message: Message::Inside(message) } => {
                self.pass(cx, Input::Message { from, message });
            }
            Input::Message { from, message: Message::Ship(ship) } => self.take_ship(cx, from, &ship),
            Input::Message { from, message: Message::ShipAck { site, position, last } } => {
                self.take_position(cx, from, site, (position, last));
            }
            Input::Message { from, message: Message::Elsewhere { site, leader } } => {
                self.look_elsewhere(from, site, leader);
            }
            Input::Client(request) => self.pass(cx, Input::Client(request)),
            Input::Timer(SHIP) => self.ship_to_all(cx),
            Input::Timer(timer) => self.pass(cx, Input::Timer(timer)),
            Input::Flushed { upto } => self.pass(cx, Input::Flushed { upto }),
            Input::Fenced { target, is_done } => self.pass(cx, Input::Fenced { target, is_done }),
            Input::Operator(Order::Configure(config)) => {
                self.config = Arc::clone(&config);
                let group = Arc::clone(config.group(self.site));
                self.pass(cx, Input::Operator(Order::Configure(group)));
            }
            Input::Operator(Order::CancelWaits) => self.pass(cx, Input::Operator(Order::CancelWaits)),
            // The leader of that node's own site hands over; the others stay.
            Input::Operator(Order::HandOver { to }) if self.config.site_of(to) == self.site => {
                if self.group.leads() {
                    self.pass(cx, Input::Operator(Order::HandOver { to }));
                }
            }
            // Sites elect their leaders, and their nodes are settled when a cluster begins.
            Input::Operator(
                Order::HandOver { .. }
                | Order::Promote
                | Order::Repair
                | Order::Remove { .. }
                | Order::Move { .. }
                | Order::TakePlaceOf { .. },
            ) => {}
        }
    }

    fn view(&self, now: VirtualTime) -> ReplicaView {
        let mut view = self.group.view(now);
        if let ReplicaDetail::PrimaryReplica(detail) = &mut view.detail {
            detail.site = Some(self.site_view());
        }
        view
    }

    fn entries(&self, partition: Option<u16>, from: u64, to: u64) -> Vec<LogCell> {
        self.group.entries(partition, from, to)
    }

    fn routing(config: &Config) -> Routing {
        let group = config.group(0).routing();
        Routing { partitions: config.sites(), is_by_site: true, updates: Updates::Resolving, ..group }
    }

    fn owners(&self, key: Key) -> Vec<NodeId> {
        self.group.owners(key)
    }

    fn truth(nodes: &[Option<&Self>]) -> Truth {
        truth::truth(nodes)
    }

    /// In the log of its own site, wherever it came to stand there.
    fn holding(&self, sought: &Sought<'_>) -> Option<Holding> {
        self.group.holding(sought)
    }

    fn place_of(version: Version) -> String {
        format!("version {} of its key", version.0)
    }
}

/// A line about another site.
fn line_of(clash: &super::kit::sites::Clash, key: Key) -> Line {
    match clash.id {
        Some(id) => Line::SiteSameId { key, id, kept: clash.site },
        None => Line::SiteConflict { key, kept: clash.site },
    }
}
