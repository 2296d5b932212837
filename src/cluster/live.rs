//! A cluster as its players see it: one face for every topology and host.

use super::facts::Noting;
use super::fates::Fates;
use super::faults::Faults;
use super::footprints::Footprints;
use super::host::inline::Inline;
use super::host::tasks::Tasks;
use super::host::{Host, NodeCell};
use super::journal::JournalEntry;
use super::ledger::Ledger;
use super::measure::{WHOLE, Window};
use super::orders::Applied;
use super::promises::Promises;
use super::resolve::asks_for_owners;
use super::spec::RunSetup;
use super::tally::Stint;
use super::view::{ClusterView, LedgerView, MessageCounts, StoryView};
use crate::base::command::Command;
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::knob::Topology;
use crate::base::metric::MetricSet;
use crate::base::names::Names;
use crate::base::rule::Breaches;
use crate::base::time::VirtualTime;
use crate::base::why::{About, Chain};
use crate::protocol::multi_leader::MultiLeader;
use crate::protocol::partitioned::{Partitioned, is_partitioned};
use crate::protocol::peer_to_peer::PeerToPeer;
use crate::protocol::primary_replica::PrimaryReplica;
use crate::protocol::{Protocol, Truth};
use std::marker::PhantomData;
use std::sync::Arc;

/// A live cluster.
pub trait Cluster: Send {
    /// The instant at which it stands.
    fn now(&self) -> VirtualTime;
    /// When its next event is due.
    fn next_at(&self) -> Option<VirtualTime>;
    /// Handles every event due before `limit`, then stands at `limit`.
    fn advance(&mut self, limit: VirtualTime);
    /// Handles one event due before `limit`; false if there was none.
    fn turn(&mut self, limit: VirtualTime) -> bool;
    /// Carries out a command now.
    fn apply(&mut self, command: &Command) -> Applied;
    /// Whether the fault of this number is active.
    fn has_fault(&self, number: u32) -> bool;
    /// Ends the load and every fault, for the final judgement.
    fn settle(&mut self);
    /// Its picture.
    fn view(&mut self) -> ClusterView;
    /// What has survived so far.
    fn truth(&mut self) -> Truth;
    /// What became of every acknowledged write, given what has survived.
    fn fates(&mut self, truth: &Truth) -> Fates;
    /// The acknowledged writes for a screen.
    fn ledger_view(&self, fates: &Fates) -> LedgerView;
    /// The story of `op`, if it is an acknowledged write.
    fn story(&mut self, fates: &Fates, op: OpId) -> Option<StoryView>;
    /// What was measured in `window`, given what has survived.
    fn measure(&self, truth: &Truth, window: Window) -> MetricSet;
    /// The same where the promises to sessions in `window` are judged already.
    fn measure_given(&self, truth: &Truth, window: Window, promises: &Promises) -> MetricSet;
    /// Ok and scheduled writes in each of the last `seconds` whole seconds.
    fn write_rates(&self, seconds: u64) -> (Vec<u32>, Vec<u32>);
    /// Digest of its trace.
    fn digest(&self) -> u64;
    /// Events handled since the beginning.
    fn events(&self) -> u64;
    /// The books of its network.
    fn messages(&self) -> MessageCounts;
    /// How many log lines with `code` were said in `window`.
    fn lines(&self, code: &str, window: Window) -> usize;
    /// Who was primary when.
    fn stints(&self) -> Vec<Stint>;
    /// When another node became primary.
    fn failovers(&self) -> Vec<VirtualTime>;
    /// Every fault there ever was, and which are active.
    fn faults(&self) -> &Faults;
    /// How often each rule of its logs was broken.
    fn breaches(&self) -> Breaches;
    /// Operations whose clients still wait.
    fn open_operations(&self) -> usize;
    /// What nodes, keys and values are called.
    fn names(&self) -> Arc<Names>;
    /// The chain of causes of what `about` names, if there is such a thing and it is still remembered.
    fn why(&mut self, about: About) -> Option<Chain>;
    /// Every operation, with what only the judges know of it.
    fn ledger(&self) -> &Ledger;
    /// From now on no more than this is noted for the judges; for measuring what noting costs.
    fn note(&mut self, noting: Noting);
    /// Keeps a journal from now on.
    fn keep_journal(&mut self);
    /// The journal; empty if none is kept.
    fn journal(&self) -> &[JournalEntry];
    /// A copy that goes on by itself, on the inline host.
    fn checkpoint(&mut self) -> Box<dyn Cluster>;
    /// The same on a host of this kind.
    ///
    /// # Errors
    /// If the operating system gives no runtime for tasks.
    fn copy_on(&mut self, host: HostKind) -> std::io::Result<Box<dyn Cluster>>;
    /// Forgets the ways of writes and the causes of steps before now: figures, fates and verdicts do without.
    fn forget_stories(&mut self);
    /// When its last event was handled; zero before the first.
    fn last_at(&self) -> VirtualTime;
    /// Messages that have reached `node` so far.
    fn received(&self, node: NodeId) -> u64;
    /// What its events have left behind, for another play of it to be compared with.
    fn footprints(&self) -> Footprints;
    /// What its next event is, in words.
    fn foretell(&self) -> Option<String>;
}

/// Where the nodes of a cluster shall live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// Called directly.
    Inline,
    /// As tasks on channels.
    Tasks,
}

/// Begins the cluster of `setup`.
///
/// # Errors
/// If the operating system gives no runtime for tasks.
pub fn begin(setup: RunSetup, host: HostKind) -> std::io::Result<Box<dyn Cluster>> {
    let nodes = setup.cluster.nodes;
    let is_split = setup.knobs.topology() == Topology::PrimaryReplica && is_partitioned(&setup.knobs, nodes);
    Ok(match (setup.knobs.topology(), host) {
        (Topology::PrimaryReplica, HostKind::Inline) if is_split => hosted(Inline::<Partitioned>::new(setup)),
        (Topology::PrimaryReplica, HostKind::Tasks) if is_split => hosted(Tasks::<Partitioned>::new(setup)?),
        (Topology::PrimaryReplica, HostKind::Inline) => hosted(Inline::<PrimaryReplica>::new(setup)),
        (Topology::PeerToPeer, HostKind::Inline) => hosted(Inline::<PeerToPeer>::new(setup)),
        (Topology::PrimaryReplica, HostKind::Tasks) => hosted(Tasks::<PrimaryReplica>::new(setup)?),
        (Topology::PeerToPeer, HostKind::Tasks) => hosted(Tasks::<PeerToPeer>::new(setup)?),
        (Topology::MultiLeader, HostKind::Inline) => hosted(Inline::<MultiLeader>::new(setup)),
        (Topology::MultiLeader, HostKind::Tasks) => hosted(Tasks::<MultiLeader>::new(setup)?),
    })
}

fn hosted<P: Protocol, H: Host<P> + 'static>(host: H) -> Box<dyn Cluster> {
    Box::new(Hosted { host, protocol: PhantomData })
}

/// A host behind the common face.
struct Hosted<P, H> {
    host: H,
    protocol: PhantomData<fn() -> P>,
}

impl<P: Protocol, H: Host<P>> Hosted<P, H> {
    /// Looks how far the nodes are that are on their way back. The world does not notice.
    fn look(&mut self) {
        let cells = self.host.cells().into_owned();
        let world = self.host.world_mut();
        let lacking = P::truth(&world.living(&cells)).lacking;
        let under_way = world.writes_under_way();
        world.catch_ups.look(world.now, &lacking, under_way);
    }
}

impl<P: Protocol, H: Host<P>> Cluster for Hosted<P, H> {
    fn now(&self) -> VirtualTime {
        self.host.world().now()
    }

    fn next_at(&self) -> Option<VirtualTime> {
        self.host.world().next_at()
    }

    fn advance(&mut self, limit: VirtualTime) {
        while let Some(at) = self.host.world().catch_ups.look_at().filter(|&at| at <= limit) {
            self.host.advance(at);
            self.look();
        }
        self.host.advance(limit);
    }

    fn turn(&mut self, limit: VirtualTime) -> bool {
        let is_done = self.host.turn(limit);
        let now = self.host.world().now();
        if self.host.world().catch_ups.look_at().is_some_and(|at| at <= now) {
            self.look();
        }
        is_done
    }

    fn apply(&mut self, command: &Command) -> Applied {
        // Only a command that asks for a key's owners needs the nodes.
        let cells: Vec<NodeCell<P>> = match asks_for_owners(command) {
            true => self.host.cells().into_owned(),
            false => Vec::new(),
        };
        let owners = |key: Key| -> Vec<NodeId> {
            cells.iter().find_map(NodeCell::state).map_or(Vec::new(), |state| state.owners(key))
        };
        self.host.world_mut().apply(command, &mut { owners })
    }

    fn has_fault(&self, number: u32) -> bool {
        self.host.world().has_fault(number)
    }

    fn settle(&mut self) {
        self.host.world_mut().settle();
    }

    fn view(&mut self) -> ClusterView {
        let cells = self.host.cells().into_owned();
        self.host.world().picture(&cells)
    }

    fn truth(&mut self) -> Truth {
        let cells = self.host.cells().into_owned();
        P::truth(&self.host.world().living(&cells))
    }

    fn fates(&mut self, truth: &Truth) -> Fates {
        let cells = self.host.cells().into_owned();
        self.host.world().fates(&cells, truth)
    }

    fn ledger_view(&self, fates: &Fates) -> LedgerView {
        self.host.world().ledger_view(fates)
    }

    fn story(&mut self, fates: &Fates, op: OpId) -> Option<StoryView> {
        let cells = self.host.cells().into_owned();
        self.host.world().story(&cells, fates, op)
    }

    fn ledger(&self) -> &Ledger {
        self.host.world().ledger()
    }

    fn measure(&self, truth: &Truth, window: Window) -> MetricSet {
        self.host.world().measure(truth, window)
    }

    fn measure_given(&self, truth: &Truth, window: Window, promises: &Promises) -> MetricSet {
        self.host.world().measure_given(truth, window, promises)
    }

    fn write_rates(&self, seconds: u64) -> (Vec<u32>, Vec<u32>) {
        self.host.world().write_rates(seconds)
    }

    fn digest(&self) -> u64 {
        self.host.world().trace().digest()
    }

    fn events(&self) -> u64 {
        self.host.world().handled()
    }

    fn messages(&self) -> MessageCounts {
        self.host.world().messages()
    }

    fn lines(&self, code: &str, window: Window) -> usize {
        self.host.world().trace().count(code, window)
    }

    fn stints(&self) -> Vec<Stint> {
        self.host.world().tally().stints().to_vec()
    }

    fn failovers(&self) -> Vec<VirtualTime> {
        self.host.world().tally().failovers_in(WHOLE).map(|failover| failover.primary_at).collect()
    }

    fn faults(&self) -> &Faults {
        &self.host.world().faults
    }

    fn breaches(&self) -> Breaches {
        self.host.world().rules.breaches()
    }

    fn open_operations(&self) -> usize {
        self.host.world().open_operations()
    }

    fn names(&self) -> Arc<Names> {
        self.host.world().names()
    }

    fn why(&mut self, about: About) -> Option<Chain> {
        let truth = self.truth();
        self.host.world().why(about, &truth)
    }

    fn note(&mut self, noting: Noting) {
        self.host.world_mut().facts.noting = noting;
    }

    fn keep_journal(&mut self) {
        self.host.world_mut().trace.keep_journal();
    }

    fn journal(&self) -> &[JournalEntry] {
        self.host.world().trace().journal()
    }

    fn checkpoint(&mut self) -> Box<dyn Cluster> {
        let cells = self.host.cells().into_owned();
        hosted(Inline::from_parts(self.host.world().clone(), cells))
    }

    fn forget_stories(&mut self) {
        let world = self.host.world_mut();
        world.facts.forget(world.now);
        world.causes.forget_steps();
    }

    fn copy_on(&mut self, host: HostKind) -> std::io::Result<Box<dyn Cluster>> {
        if host == HostKind::Inline {
            return Ok(self.checkpoint());
        }
        let cells = self.host.cells().into_owned();
        Ok(hosted(Tasks::from_inline(Inline::from_parts(self.host.world().clone(), cells))?))
    }

    fn last_at(&self) -> VirtualTime {
        self.host.world().last_at()
    }

    fn received(&self, node: NodeId) -> u64 {
        self.host.world().received(node)
    }

    fn footprints(&self) -> Footprints {
        self.host.world().footprints()
    }

    fn foretell(&self) -> Option<String> {
        self.host.world().foretell()
    }
}
