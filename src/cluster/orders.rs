//! Commands as they act on one run's world. A command that means nothing at the moment it fires is refused with a
//! reason; it never fails the world.

use super::causes::Cause;
use super::disk::Disk;
use super::faults::{ActiveFault, is_healed_by, is_neutral, replaces};
use super::machine::Work;
use super::resolve::{directed, named, resolve};
use super::spec::SPARES;
use super::trace::Mark;
use super::view::Health;
use super::world::surroundings;
use super::world::{Event, World};
use crate::base::command::{Command, CrashKind, Group, Healed, Links, NodeRef, TypedUpdate};
use crate::base::data::{Change, Update};
use crate::base::ids::{Key, NodeId};
use crate::base::knob::{Topology, knob_row};
use crate::base::line::Line;
use crate::base::movement::Move;
use crate::base::operation::Action;
use crate::protocol::{Durable, Input, Order, Protocol};
use std::sync::Arc;

/// What came of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Done. `text` is the command with its references resolved, `fault` the number of the fault it began.
    Done {
        /// The command as it was carried out, nodes by their names.
        text: Arc<str>,
        /// The fault that is active now because of it.
        fault: Option<u32>,
    },
    /// Means nothing now.
    Refused {
        /// The command.
        text: Arc<str>,
        /// Why not.
        why: Arc<str>,
    },
}

/// A backup.
#[derive(Clone, Debug)]
pub(super) struct Backup<D: Durable> {
    /// What was flushed on every disk.
    disks: Vec<Disk<D>>,
    /// The primary it was taken from, where there was one: any node is restored from that.
    primary: Option<NodeId>,
}

/// How a command's way to a host's nodes looks: who owns a key.
pub type Owners<'a> = &'a mut dyn FnMut(Key) -> Vec<NodeId>;

impl<P: Protocol> World<P> {
    /// Carries out `command` now, before any event of this instant that is still to come.
    pub fn apply(&mut self, command: &Command, owners: Owners<'_>) -> Applied {
        self.leave_footprint();
        let resolved = resolve(command, &mut |node| self.look_up(node, owners));
        let text: Arc<str> = resolved.as_ref().unwrap_or(command).spell(&self.names).into();
        self.trace.note(self.now, Mark::Command, None, [text.len() as u64, 0]);
        let result = resolved.and_then(|resolved| self.carry_out(&resolved, &text));
        match result {
            Ok(fault) => {
                if is_operators(command) {
                    self.by_operators.push(self.now);
                }
                Applied::Done { text, fault }
            }
            Err(why) => {
                let why: Arc<str> = why.into();
                self.say(None, Line::Refused { what: Arc::clone(&text), why: Arc::clone(&why) });
                Applied::Refused { text, why }
            }
        }
    }

    fn look_up(&mut self, node: &NodeRef, owners: Owners<'_>) -> Result<NodeId, String> {
        match node {
            NodeRef::Named(node) if node.index() < self.members() => Ok(*node),
            NodeRef::Named(node) => Err(format!("this cluster has no {node}")),
            NodeRef::Primary if self.knobs.topology() == Topology::PeerToPeer => {
                Err("a peer-to-peer cluster has no primary".to_owned())
            }
            NodeRef::Primary => self.tally.latest_primary().ok_or_else(|| "there is no primary".to_owned()),
            NodeRef::Owner { rank, key } => {
                let interned = Arc::make_mut(&mut self.names).intern_key(key);
                let all = owners(interned);
                let place = usize::from(rank.saturating_sub(1));
                all.get(place).copied().ok_or_else(|| format!("{key} has {} owner(s)", all.len()))
            }
        }
    }

    /// Does it. Gives the number of the fault that is active because of it.
    fn carry_out(&mut self, command: &Command, text: &Arc<str>) -> Result<Option<u32>, String> {
        match command {
            Command::Crash { node, kind } => self.user_crash(command, text, named(node), *kind),
            Command::Wipe { node } => self.user_crash(command, text, named(node), CrashKind::DiskLoss),
            Command::Restart { node } => self.end_on_node(named(node), Health::Down),
            Command::Resume { node } => self.end_on_node(named(node), Health::Paused),
            Command::Pause { node } => self.pause_command(command, text, named(node)),
            Command::Release { links } => self.release(links),
            Command::Heal { what } => self.heal(what),
            Command::Write { .. }
            | Command::Read { .. }
            | Command::Delete { .. }
            | Command::Update { .. } => self.operate(command),
            Command::Workload { .. } | Command::Burst { .. } if self.workload.is_none() => {
                Err("this scenario's load is `none`: there is nothing to change".to_owned())
            }
            Command::Workload { change } => {
                self.workload.change(*change);
                self.reschedule_arrival();
                self.done(text)
            }
            Command::Burst { rate, lasting } => {
                self.workload.burst(*rate, self.now + *lasting);
                self.reschedule_arrival();
                self.done(text)
            }
            Command::Promote { node } => self.order(named(node), Order::Promote, text),
            Command::Switchover { node } => self.switch_over(named(node), text),
            Command::Repair => self.repair(text),
            Command::AddNode { is_forced } => self.move_in(Move::Join, *is_forced, text),
            Command::Decommission { node, is_forced } => self.decommission(named(node), *is_forced, text),
            Command::Replace { node, is_forced } => {
                self.move_in(Move::Replace(named(node)), *is_forced, text)
            }
            Command::Backup => {
                let disks = self.machines.iter().map(|machine| machine.disk.backup()).collect();
                self.backup = Some(Backup { disks, primary: self.tally.latest_primary() });
                self.done(text)
            }
            Command::Restore { node } => self.restore(named(node)),
            Command::CancelWait { node } => self.order(named(node), Order::CancelWaits, text),
            Command::Set { knob, value } => self.set(knob, value, text),
            Command::Drop { message } => match self.network.drop_one(self.now, *message) {
                true => {
                    self.note_losses();
                    self.done(text)
                }
                false => Err(format!("{message} is not in flight")),
            },
            Command::Deliver { message } => match self.network.hurry(self.now, *message) {
                Some(flight) => {
                    self.agenda.push(self.now, Event::Arrive(flight));
                    self.done(text)
                }
                None => Err(format!("{message} is not in flight")),
            },
            Command::Say { .. } | Command::Mark { .. } => Ok(None),
            fault => self.impose(fault, text),
        }
    }

    fn done(&mut self, text: &Arc<str>) -> Result<Option<u32>, String> {
        self.say(None, Line::Applied { what: Arc::clone(text) });
        Ok(None)
    }

    /// A fault whose whole effect follows from the list of active faults.
    fn impose(&mut self, command: &Command, text: &Arc<str>) -> Result<Option<u32>, String> {
        let replaced = self.end_faults(|fault| replaces(command, &fault.command));
        let is_change = !is_neutral(command);
        if !is_change && replaced.is_empty() {
            return Err("there is no such fault to end".to_owned());
        }
        let number = is_change.then(|| self.begin_fault(command, text));
        if is_change {
            self.tally.fault(self.now);
        }
        match (command, number) {
            (Command::Clock { node, jump_us }, _) => {
                self.say(Some(named(node)), Line::Clock { jump_us: *jump_us });
            }
            (Command::ClockStrobe { lasting, .. }, Some(number)) => {
                self.agenda.push(self.now + *lasting, Event::FaultOver { number });
            }
            _ => {}
        }
        self.refresh();
        Ok(number)
    }

    /// A fault that was to last so long is over, if nobody has ended it before.
    pub(super) fn fault_over(&mut self, number: u32) {
        self.end_faults(|fault| fault.number == number);
        self.refresh();
    }

    /// Ends the faults for which `is_ended` holds, and says so.
    fn end_faults(&mut self, is_ended: impl FnMut(&ActiveFault) -> bool) -> Vec<ActiveFault> {
        let ended = self.faults.end(is_ended);
        for fault in &ended {
            self.say(None, Line::FaultOff { number: fault.number, what: Arc::clone(&fault.text) });
        }
        ended
    }

    fn begin_fault(&mut self, command: &Command, text: &Arc<str>) -> u32 {
        let number = self.faults.add(command.clone(), Arc::clone(text), self.now);
        self.say(None, Line::FaultOn { number, what: Arc::clone(text) });
        number
    }

    /// Links, disks and processors take what the active faults add up to now.
    fn refresh(&mut self) {
        let away = self.cut_off();
        let conditions = self.faults.conditions(self.members(), self.machines.len());
        for (at, flight) in self.network.impose(self.now, conditions) {
            self.agenda.push(at, Event::Arrive(flight));
        }
        self.note_losses();
        (0..self.members()).for_each(|node| self.begin_flush(NodeId::at(node)));
        let still = self.cut_off();
        away.iter()
            .filter(|node| !still.contains(node))
            .for_each(|&node| self.catch_ups.begin(self.now, node));
        still.iter().for_each(|&node| self.catch_ups.give_up(node));
    }

    /// Nodes that most others cannot talk with, one way or the other.
    fn cut_off(&self) -> Vec<NodeId> {
        let nodes = || (0..self.members()).map(NodeId::at);
        let is_apart =
            |a: NodeId, b: NodeId| a != b && (self.network.is_cut(a, b) || self.network.is_cut(b, a));
        let lost = |node: NodeId| nodes().filter(|&other| is_apart(node, other)).count();
        nodes().filter(|&node| 2 * lost(node) >= self.members()).collect()
    }

    /// A crash that is asked for, and so may be what a failover answers.
    fn user_crash(
        &mut self,
        command: &Command,
        text: &Arc<str>,
        node: NodeId,
        kind: CrashKind,
    ) -> Result<Option<u32>, String> {
        let number = self.crash_command(command, text, node, kind)?;
        self.tally.fault(self.now);
        Ok(number)
    }

    /// A crash, whether asked for or the doing of a fencer, which is no cause of a failover but a part of it.
    pub(super) fn crash_command(
        &mut self,
        command: &Command,
        text: &Arc<str>,
        node: NodeId,
        kind: CrashKind,
    ) -> Result<Option<u32>, String> {
        if self.machines[node.index()].health == Health::Down {
            let is_wipe = kind == CrashKind::DiskLoss;
            if is_wipe {
                self.machines[node.index()].disk.crash(kind);
                return self.done(text);
            }
            return Err(format!("{} is down already", self.names.node(node)));
        }
        self.end_faults(
            |fault| matches!(&fault.command, Command::Pause { node: paused } if named(paused) == node),
        );
        let number = self.begin_fault(command, text);
        self.crash(node, kind);
        Ok(Some(number))
    }

    fn pause_command(
        &mut self,
        command: &Command,
        text: &Arc<str>,
        node: NodeId,
    ) -> Result<Option<u32>, String> {
        if self.machines[node.index()].health != Health::Up {
            return Err(format!("{} is not running", self.names.node(node)));
        }
        let number = self.begin_fault(command, text);
        self.tally.fault(self.now);
        self.machines[node.index()].pause(self.now);
        self.say(Some(node), Line::Paused);
        Ok(Some(number))
    }

    /// `restart` and `resume`: ends the crash or pause that keeps `node` in `health`.
    fn end_on_node(&mut self, node: NodeId, health: Health) -> Result<Option<u32>, String> {
        if self.machines[node.index()].health != health {
            let state = if health == Health::Down { "down" } else { "paused" };
            return Err(format!("{} is not {state}", self.names.node(node)));
        }
        let is_its = |command: &Command| match command {
            Command::Crash { node: hit, .. } | Command::Wipe { node: hit } => {
                health == Health::Down && named(hit) == node
            }
            Command::Pause { node: hit } => health == Health::Paused && named(hit) == node,
            _ => false,
        };
        self.end_faults(|fault| is_its(&fault.command));
        self.revive(node);
        Ok(None)
    }

    /// A new node comes, perhaps in another's place.
    fn move_in(&mut self, how: Move, is_forced: bool, text: &Arc<str>) -> Result<Option<u32>, String> {
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

    fn decommission(
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

    /// Starts a node that is down from the last backup.
    fn restore(&mut self, node: NodeId) -> Result<Option<u32>, String> {
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

    /// Starts a crashed node, resumes a paused one.
    fn revive(&mut self, node: NodeId) {
        let machine = &mut self.machines[node.index()];
        match machine.health {
            Health::Up => return,
            Health::Down => {
                let kept_records = machine.disk.kept();
                machine.restart(self.now);
                self.live.insert(node.index());
                self.say(Some(node), Line::Restart { kept_records });
            }
            Health::Paused => {
                let (after, queued) = (self.now.since(machine.since), machine.queued());
                machine.resume(self.now);
                self.say(Some(node), Line::Resumed { after, queued });
            }
        }
        self.tally.last_heal = Some(self.now);
        self.catch_ups.begin(self.now, node);
        self.wake(node);
    }

    fn heal(&mut self, what: &Healed) -> Result<Option<u32>, String> {
        let members = self.members();
        let ended = self.end_faults(|fault| is_healed_by(fault, what, members));
        let revived: Vec<NodeId> = match what {
            Healed::Everything => (0..members).map(NodeId::at).collect(),
            Healed::Node(node) => vec![named(node)],
            _ => ended.iter().filter_map(|fault| stopped_node(&fault.command)).collect(),
        };
        let is_idle = |node: &NodeId| self.machines[node.index()].health == Health::Up;
        if ended.is_empty() && revived.iter().all(is_idle) {
            return match what {
                Healed::Everything => Ok(None),
                _ => Err("there is no such fault".to_owned()),
            };
        }
        self.tally.last_heal = Some(self.now);
        self.refresh();
        revived.into_iter().for_each(|node| self.revive(node));
        Ok(None)
    }

    fn release(&mut self, links: &Links) -> Result<Option<u32>, String> {
        let released = directed(links, self.members());
        let members = self.members();
        let is_released = |command: &Command| match command {
            Command::Hold { links } => directed(links, members).iter().any(|link| released.contains(link)),
            _ => false,
        };
        if self.end_faults(|fault| is_released(&fault.command)).is_empty() {
            return Err("nothing is held there".to_owned());
        }
        self.refresh();
        Ok(None)
    }

    fn operate(&mut self, command: &Command) -> Result<Option<u32>, String> {
        let names = Arc::make_mut(&mut self.names);
        let (key, action, at, level) = match command {
            Command::Write { key, value, at, level } => {
                (names.intern_key(key), Action::write(names.intern_data(value)), at, *level)
            }
            Command::Delete { key, at, level } => {
                (names.intern_key(key), Action::Change(Change::Delete), at, *level)
            }
            Command::Update { update, key, at, level } => {
                let update = match update {
                    TypedUpdate::Add(element) => Update::Add(names.intern_value(element)),
                    TypedUpdate::Remove(element) => Update::Remove(names.intern_value(element)),
                    TypedUpdate::Append(element) => Update::Append(names.intern_value(element)),
                    TypedUpdate::Increment(by) => Update::Increment(*by),
                    TypedUpdate::Resolve(value) => Update::Resolve(names.intern_value(value)),
                };
                (names.intern_key(key), Action::Change(Change::Update(update)), at, *level)
            }
            // Without a level it is a look at what that node has.
            Command::Read { key, at: at @ Some(_), level: None } => {
                (names.intern_key(key), Action::ReadHere, at, None)
            }
            Command::Read { key, at, level } => (names.intern_key(key), Action::Read, at, *level),
            _ => return Ok(None),
        };
        self.invoke_by_hand(key, action, at.as_ref().map(named), level);
        Ok(None)
    }

    /// Orders whoever is primary to hand over to `to`.
    fn switch_over(&mut self, to: NodeId, text: &Arc<str>) -> Result<Option<u32>, String> {
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
    fn repair(&mut self, text: &Arc<str>) -> Result<Option<u32>, String> {
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
    fn order(&mut self, node: NodeId, order: Order<P>, text: &Arc<str>) -> Result<Option<u32>, String> {
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

    fn set(&mut self, knob: &str, value: &str, text: &Arc<str>) -> Result<Option<u32>, String> {
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

    /// Whether the fault of this number is active.
    pub fn has_fault(&self, number: u32) -> bool {
        self.faults.active().iter().any(|fault| fault.number == number)
    }

    /// The end of the load, for the final judgement: no more arrivals, everything healed and restarted.
    pub fn settle(&mut self) {
        self.workload.stop();
        self.load_generation += 1;
        let healed = self.heal(&Healed::Everything);
        assert_eq!(healed, Ok(None), "healing everything is never refused");
    }
}

/// Whether a person who runs the cluster does this, to bring it back to health or to change it.
fn is_operators(command: &Command) -> bool {
    let resolves = matches!(command, Command::Update { update: TypedUpdate::Resolve(_), .. });
    resolves || (command.verb().group == Group::Operator && *command != Command::Backup)
}

/// The node that a fault keeps from running.
fn stopped_node(command: &Command) -> Option<NodeId> {
    match command {
        Command::Crash { node, .. } | Command::Wipe { node } | Command::Pause { node } => Some(named(node)),
        _ => None,
    }
}
