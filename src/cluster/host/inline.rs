//! The inline host: calls `step` directly. The fastest way to run a world, and the only one that can be cloned.

use super::{Host, NodeCell};
use crate::base::ids::NodeId;
use crate::base::time::VirtualTime;
use crate::cluster::spec::RunSetup;
use crate::cluster::world::{Turn, World};
use crate::protocol::{Effect, Protocol};
use std::borrow::Cow;
use std::sync::Arc;

/// A world and its nodes in one value; its clone is a checkpoint.
#[derive(Clone, Debug)]
pub struct Inline<P: Protocol> {
    /// The world.
    pub world: World<P>,
    cells: Vec<NodeCell<P>>,
    effects: Vec<Effect<P>>,
}

impl<P: Protocol> Inline<P> {
    /// The cluster of `setup` at its beginning.
    pub fn new(setup: RunSetup) -> Self {
        let (members, machines, seed) = (setup.cluster.nodes, setup.cluster.machines(), setup.seed);
        let world = World::new(setup);
        let cell = |node| NodeCell::new(NodeId::at(node), members, seed, Arc::clone(&world.config));
        Inline { cells: (0..machines).map(cell).collect(), effects: Vec::new(), world }
    }

    /// The nodes, in order.
    pub fn nodes(&self) -> &[NodeCell<P>] {
        &self.cells
    }

    /// A world with these nodes: what a checkpoint of another host is put together from.
    pub fn from_parts(world: World<P>, cells: Vec<NodeCell<P>>) -> Self {
        Inline { world, cells, effects: Vec::new() }
    }
}

impl<P: Protocol> Host<P> for Inline<P> {
    fn world(&self) -> &World<P> {
        &self.world
    }

    fn world_mut(&mut self) -> &mut World<P> {
        &mut self.world
    }

    fn cells(&mut self) -> Cow<'_, [NodeCell<P>]> {
        Cow::Borrowed(&self.cells)
    }

    fn turn(&mut self, limit: VirtualTime) -> bool {
        match self.world.turn(limit) {
            Turn::Idle => false,
            Turn::Handled => true,
            Turn::Foreseen { node, .. } => {
                unreachable!("the inline host looks at nothing ahead, not even at {node}")
            }
            Turn::Step(job) => {
                let node = job.node;
                match self.cells[node.index()].run(job, &mut self.effects) {
                    Ok(()) => self.world.absorb(node, &mut self.effects),
                    Err(text) => self.world.absorb_panic(node, &text),
                }
                true
            }
        }
    }

    fn advance(&mut self, limit: VirtualTime) {
        while self.turn(limit) {}
    }
}
