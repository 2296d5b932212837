//! Commands as they act on one run's world. A command that means nothing at the moment it fires is refused with a
//! reason; it never fails the world.

use super::faults::{ActiveFault, is_healed_by, is_neutral, replaces};
use super::operators::is_operators;
use super::resolve::{directed, named, resolve};
use super::trace::Mark;
use super::view::Health;
use super::world::{Event, World};
use crate::base::command::{Command, CrashKind, Healed, Links, NodeRef, TypedUpdate};
use crate::base::data::{Change, Update};
use crate::base::ids::{Key, NodeId};
use crate::base::knob::Topology;
use crate::base::line::Line;
use crate::base::movement::Move;
use crate::base::operation::Action;
use crate::protocol::{Order, Protocol};
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
            Command::Backup => self.back_up(text),
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

    pub(super) fn done(&mut self, text: &Arc<str>) -> Result<Option<u32>, String> {
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
    pub(super) fn refresh(&mut self) {
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
    pub(super) fn end_on_node(&mut self, node: NodeId, health: Health) -> Result<Option<u32>, String> {
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

/// The node that a fault keeps from running.
fn stopped_node(command: &Command) -> Option<NodeId> {
    match command {
        Command::Crash { node, .. } | Command::Wipe { node } | Command::Pause { node } => Some(named(node)),
        _ => None,
    }
}
