//! Views of a world: what screens and reports may see of it, made on demand.

use super::host::NodeCell;
use super::logs;
use super::resolve::nodes_of;
use super::view::{ClusterView, FLIGHTS_SHOWN, FaultView, Health, NodeView, OperationView};
use super::world::World;
use crate::base::command::{Command, CrashKind};
use crate::base::ids::NodeId;
use crate::protocol::Protocol;
use std::sync::Arc;

impl<P: Protocol> World<P> {
    /// The picture of this world with the states of its nodes.
    pub fn picture(&self, cells: &[NodeCell<P>]) -> ClusterView {
        let mut nodes: Vec<NodeView> = cells
            .iter()
            .take(self.started)
            .enumerate()
            .map(|(node, cell)| self.node_picture(NodeId::at(node), cell))
            .collect();
        let logs = logs::compare(&nodes);
        logs::add_telling_entries(&logs, &mut nodes, cells);
        ClusterView {
            at: self.now,
            topology: self.knobs.topology(),
            knobs: Arc::clone(&self.knobs),
            names: Arc::clone(&self.names),
            nodes,
            logs,
            flights: self.network.pictures(self.now, FLIGHTS_SHOWN),
            messages: self.network.counts(),
            faults: self.fault_pictures(),
            cuts: self.network.cuts(),
            events: Arc::new(self.trace.recent()),
            operations: self.operation_pictures(),
            spread: self.spread.picture(&self.live),
            steps: self.trace.steps(),
            digest: self.trace.digest(),
        }
    }

    fn node_picture(&self, node: NodeId, cell: &NodeCell<P>) -> NodeView {
        let machine = &self.machines[node.index()];
        let is_up = machine.health != Health::Down;
        let site = self.setup.cluster.site_of(node).map(|site| self.setup.cluster.sites[site].name.clone());
        NodeView {
            node,
            site,
            health: machine.health,
            since: machine.since,
            is_isolated: self.network.is_isolated(node, self.started),
            replica: cell.state_in(machine.incarnation).filter(|_| is_up).map(|state| state.view(self.now)),
            queued: machine.queued(),
            cpu_factor: self.faults.cpu_factor(node),
            disk_factor: self.faults.disk_factor(node),
            is_disk_full: self.faults.is_disk_full(node),
            unflushed: machine.disk.unflushed(),
            clock_error_us: self.faults.clock_error_us(node, self.now),
            incarnation: machine.incarnation,
            clients: self.clients.beside(node),
            lines: self.trace.lines_of(node),
        }
    }

    fn fault_pictures(&self) -> Vec<FaultView> {
        let picture = |fault: &super::faults::ActiveFault| FaultView {
            number: fault.number,
            what: Arc::clone(&fault.text),
            since: fault.since,
            nodes: nodes_of(&fault.command),
            verb: fault.command.verb().word,
            crash: match &fault.command {
                Command::Crash { kind, .. } => Some(*kind),
                Command::Wipe { .. } => Some(CrashKind::DiskLoss),
                _ => None,
            },
        };
        self.faults.active().iter().map(picture).collect()
    }

    fn operation_pictures(&self) -> Vec<OperationView> {
        let picture = |op| {
            let record = self.ledger.get(op)?;
            Some(OperationView {
                op,
                client: record.client,
                action: record.action.clone(),
                key: record.key,
                node: record.node,
                at: record.ended,
                latency: record.latency(),
                outcome: record.outcome.clone(),
            })
        };
        self.ledger.last().filter_map(picture).collect()
    }

    /// The states of the nodes that run now, for [`Protocol::truth`].
    pub fn living<'a>(&self, cells: &'a [NodeCell<P>]) -> Vec<Option<&'a P>> {
        let live = |(node, cell): (usize, &'a NodeCell<P>)| {
            let machine = &self.machines[node];
            cell.state_in(machine.incarnation).filter(|_| machine.health != Health::Down)
        };
        cells.iter().take(self.started).enumerate().map(live).collect()
    }
}
