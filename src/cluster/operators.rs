//! What operators order: members that come, go and take each other's place, backups, switchovers, repairs, knobs.

use super::causes::Cause;
use super::disk::Disk;
use super::machine::Work;
use super::spec::SPARES;
use super::view::Health;
use super::world::{World, surroundings};
use crate::base::command::{Command, Group, TypedUpdate};
use crate::base::ids::NodeId;
use crate::base::knob::{Topology, knob_row};
use crate::base::movement::Move;
use crate::protocol::{Durable, Input, Order, Protocol};
use std::sync::Arc;

/// A backup.
#[derive(Clone, Debug)]
pub(super) struct Backup<D: Durable> {
    /// What was flushed on every disk.
    disks: Vec<Disk<D>>,
    /// The primary it was taken from, where there was one: any node is restored from that.
    primary: Option<NodeId>,
}

impl<P: Protocol> World<P> {
    /// A new node comes, perhaps in another's place.
    pub(super) fn move_in(
        &mut self,
        how: Move,
        is_forced: bool,
        text: &Arc<str>,
    ) -> Result<Option<u32>, String> {
        self.may_change_members(is_forced)?;
        if self.knobs.topology() == Topology::PrimaryReplica {
            let new = self.add_node(text)?;
            if let Move::Replace(node) = how {
                self.queue(new, Input::Operator(Order::TakePlaceOf { node }));
            }
            return Ok(None);
        }
        if let Move::Replace(node) = how
            && self.machines[node.index()].health == Health::Up
        {
            let node = self.names.node(node);
            return Err(format!("{node} is running: `decommission {node}` lets it hand on what it has"));
        }
        // One that was turned away before waits beside the ring.
        let waiting =
            self.tally.turned_away().filter(|node| self.machines[node.index()].health == Health::Up);
        let new = match waiting {
            Some(node) => self.done(text).map(|_| node)?,
            None => self.add_node(text)?,
        };
        self.queue(new, Input::Operator(Order::Move { how, is_forced }));
        Ok(None)
    }

    /// Starts a spare machine. Gives its name.
    fn add_node(&mut self, text: &Arc<str>) -> Result<NodeId, String> {
        let node = NodeId::at(self.started);
        let Some(machine) = self.machines.get_mut(node.index()) else {
            return Err(format!("no spare machine is left: there were {SPARES}"));
        };
        machine.restart(self.now);
        self.live.insert(self.started);
        self.started += 1;
        self.clients.welcome();
        self.done(text)?;
        self.refresh();
        self.wake(node);
        Ok(node)
    }

    pub(super) fn decommission(
        &mut self,
        node: NodeId,
        is_forced: bool,
        text: &Arc<str>,
    ) -> Result<Option<u32>, String> {
        self.may_change_members(is_forced)?;
        if self.knobs.topology() == Topology::PrimaryReplica {
            let primary = self.tally.latest_primary().ok_or_else(|| "there is no primary".to_owned())?;
            return self.order(primary, Order::Remove { node }, text);
        }
        if self.machines[node.index()].health != Health::Down {
            self.done(text)?;
            self.queue(node, Input::Operator(Order::Move { how: Move::Leave, is_forced }));
            return Ok(None);
        }
        if node.index() < self.setup.cluster.nodes {
            let node = self.names.node(node);
            return Err(format!("{node} is down and can hand nothing on: `replace {node}`"));
        }
        // One that came later may have died before it had anything: the members know.
        self.done(text)?;
        for member in self.live.iter().map(NodeId::at).collect::<Vec<_>>() {
            self.queue(member, Input::Operator(Order::Move { how: Move::GiveUp(node), is_forced }));
        }
        Ok(None)
    }

    /// Members change where one primary orders that, or on a ring without sites or gossip.
    fn may_change_members(&self, is_forced: bool) -> Result<(), String> {
        match self.knobs.topology() {
            Topology::MultiLeader => Err("sites are settled when a cluster begins".to_owned()),
            Topology::PeerToPeer if self.knobs.word("strategy") == "per-site" => {
                Err("a spare machine belongs to no site: with `strategy = per-site` start with all the nodes you want, or take `strategy = simple`".to_owned())
            }
            Topology::PeerToPeer if self.knobs.word("spread") == "gossip" => {
                Err("who gossips with whom is settled when a cluster begins".to_owned())
            }
            Topology::PeerToPeer => Ok(()),
            _ if P::routing(&self.config).partitions > 1 => {
                Err("partitions are placed when a cluster begins".to_owned())
            }
            _ if is_forced => {
                Err("a primary changes one member at a time: there is nothing to force".to_owned())
            }
            Topology::PrimaryReplica => Ok(()),
        }
    }

    /// Copies what is flushed on every disk.
    pub(super) fn back_up(&mut self, text: &Arc<str>) -> Result<Option<u32>, String> {
        let disks = self.machines.iter().map(|machine| machine.disk.backup()).collect();
        self.backup = Some(Backup { disks, primary: self.tally.latest_primary() });
        self.done(text)
    }

    /// Starts a node that is down from the last backup.
    pub(super) fn restore(&mut self, node: NodeId) -> Result<Option<u32>, String> {
        if self.knobs.topology() == Topology::MultiLeader {
            return Err(
                "a site's log counts what it took from the others: a backup of another node would not"
                    .to_owned(),
            );
        }
        let Some(backup) = &self.backup else { return Err("there is no backup".to_owned()) };
        if self.machines[node.index()].health != Health::Down {
            return Err(format!("{} is running: crash or wipe it first", self.names.node(node)));
        }
        // Where each node holds groups of keys of its own, it gets back what it had itself.
        let has_groups = P::routing(&self.config).partitions > 1;
        let from = backup.primary.filter(|_| !has_groups).unwrap_or(node);
        self.machines[node.index()].disk = backup.disks[from.index()].clone();
        self.end_on_node(node, Health::Down)
    }

    /// Orders whoever is primary to hand over to `to`.
    pub(super) fn switch_over(&mut self, to: NodeId, text: &Arc<str>) -> Result<Option<u32>, String> {
        if self.machines[to.index()].health == Health::Down {
            return Err(format!("{} is down", self.names.node(to)));
        }
        if P::routing(&self.config).partitions > 1 {
            // Every primary hands over what the node has a copy of.
            for node in (0..self.members()).map(NodeId::at).filter(|&node| node != to) {
                self.queue(node, Input::Operator(Order::HandOver { to }));
            }
            return self.done(text);
        }
        match self.tally.latest_primary() {
            Some(primary) if primary == to => Err(format!("{} is primary already", self.names.node(to))),
            Some(primary) => self.order(primary, Order::HandOver { to }, text),
            None => Err("there is no primary".to_owned()),
        }
    }

    /// Every node that runs compares its keys with the others.
    pub(super) fn repair(&mut self, text: &Arc<str>) -> Result<Option<u32>, String> {
        if self.knobs.topology() != Topology::PeerToPeer {
            return Err("replicas follow a log; there is nothing to compare".to_owned());
        }
        self.done(text)?;
        for node in (0..self.members()).map(NodeId::at) {
            if self.machines[node.index()].health == Health::Up {
                self.queue(node, Input::Operator(Order::Repair));
            }
        }
        Ok(None)
    }

    /// Hands an order to a node of a primary-replica cluster.
    pub(super) fn order(
        &mut self,
        node: NodeId,
        order: Order<P>,
        text: &Arc<str>,
    ) -> Result<Option<u32>, String> {
        if self.knobs.topology() == Topology::PeerToPeer {
            return Err("a peer-to-peer cluster has no primary".to_owned());
        }
        if self.knobs.topology() == Topology::MultiLeader && order == Order::Promote {
            return Err("a site elects its leader by votes: hand over with `switchover` instead".to_owned());
        }
        if self.machines[node.index()].health == Health::Down {
            return Err(format!("{} is down", self.names.node(node)));
        }
        self.done(text)?;
        self.queue(node, Input::Operator(order));
        Ok(None)
    }

    pub(super) fn set(&mut self, knob: &str, value: &str, text: &Arc<str>) -> Result<Option<u32>, String> {
        let topology = self.knobs.topology();
        if knob_row(topology, knob).is_some_and(|row| !row.is_hot) {
            return Err(format!("`{knob}` is settled when a cluster begins"));
        }
        let mut knobs = (*self.knobs).clone();
        let names = Arc::clone(&self.names);
        let members = self.members();
        knobs
            .set(knob, value, &|name| (0..members).map(NodeId::at).find(|&node| names.node(node) == name))?;
        let sites = surroundings(&self.setup).sites;
        if let Some(misfit) = knobs.misfits(members).into_iter().chain(knobs.misfits_of_sites(&sites)).next()
        {
            return Err(format!("{}; {}", misfit.what, misfit.cure));
        }
        let config = Arc::new(P::config(&knobs, &surroundings(&self.setup)));
        self.clients.reroute(P::routing(&config));
        (self.knobs, self.config) = (Arc::new(knobs), Arc::clone(&config));
        for node in (0..members).map(NodeId::at) {
            self.machines[node.index()]
                .queue(Work::Step(Input::Operator(Order::Configure(Arc::clone(&config)))), Cause::Order);
            self.wake(node);
        }
        self.done(text)
    }
}

/// Whether a person who runs the cluster does this, to bring it back to health or to change it.
pub(super) fn is_operators(command: &Command) -> bool {
    let resolves = matches!(command, Command::Update { update: TypedUpdate::Resolve(_), .. });
    resolves || (command.verb().group == Group::Operator && *command != Command::Backup)
}
