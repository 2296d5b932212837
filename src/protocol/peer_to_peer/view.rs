//! What panels see of a node, and what has survived of a cluster.

use super::PeerToPeer;
use super::hints::Queue;
use super::membership::Detector;
use super::object::Object;
use super::ring_map::Phase;
use super::streams::Outgoing;
use crate::base::ids::{Key, NodeId, OpId};
use crate::base::operation::Found;
use crate::protocol::view::{
    GossipView, HintView, KeyRow, NEIGHBOURS_SHOWN, Opinion, PeerStatus, PeerToPeerView, PendingView,
    ReplicaDetail, ReplicaView, RingView, RootView, Standing, StreamView,
};
use crate::protocol::{Remains, Storage, Survivors, Truth};
use std::collections::BTreeMap;

/// The most requests a view gives.
const PENDING_SHOWN: usize = 8;
/// The most keys that are hashed for a picture.
const KEYS_HASHED: usize = 20_000;

impl PeerToPeer {
    pub(super) fn replica_view(&self) -> ReplicaView {
        let row = |(key, object): (Key, &Object)| {
            let Found { value, written_by, version, past } = object.found(self.config.unites());
            let siblings = past.map_or_else(Vec::new, |past| past.siblings.clone());
            KeyRow { key, value, written_by, version, siblings }
        };
        ReplicaView {
            keys: self.store.recent().map(row).collect(),
            keys_total: self.store.len(),
            digest: self.store.digest(),
            detail: ReplicaDetail::PeerToPeer(Box::new(self.detail())),
        }
    }

    fn detail(&self) -> PeerToPeerView {
        let share = self.ring.reads().share(self.me);
        let hint =
            |(target, queue): (NodeId, &Queue)| HintView { target, count: queue.len(), bytes: queue.bytes() };
        PeerToPeerView {
            incarnation: self.detector.incarnation(),
            ring_permille: share.first_permille,
            copies_permille: share.copies_permille,
            tokens: share.tokens,
            ring: self.ring_view(),
            opinions: self.opinions(),
            hints: self.hints.targets().map(hint).collect(),
            pending: self.pending(),
            pending_total: self.writes.len() + self.reads.len(),
            tombstones: self.store.tombstones(),
            gossip: self.gossip_view(),
        }
    }

    fn gossip_view(&self) -> Option<GossipView> {
        let overlay = &self.config.gossip.as_ref()?.overlay;
        Some(GossipView {
            neighbours: overlay.neighbours(self.me).take(NEIGHBOURS_SHOWN).collect(),
            neighbours_total: overlay.degree(self.me),
            hot: self.gossip.hot(),
        })
    }

    fn ring_view(&self) -> RingView {
        let stream =
            |(to, stream): (NodeId, &Outgoing)| StreamView { to, sent: stream.sent(), of: stream.of };
        RingView {
            standing: match self.ring.phase(self.me) {
                None => Standing::Outside,
                Some(Phase::Joining) => Standing::Joining,
                Some(Phase::TakingOver) => Standing::TakingOver,
                Some(Phase::Member) => Standing::Member,
                Some(Phase::Leaving) => Standing::Leaving,
                Some(Phase::Left) => Standing::Left,
            },
            steps: self.ring.epoch().steps(),
            pending_permille: self.ring.pending_permille(self.me),
            arrived: self.arrived(),
            streams: self.streams.iter().map(stream).collect(),
            roots: self.roots(),
        }
    }

    /// The root of a tree is the exclusive or of everything below it, so no tree is built for a picture.
    fn roots(&self) -> Vec<RootView> {
        if self.store.len() > KEYS_HASHED || self.config.gossip.is_some() {
            return Vec::new();
        }
        let mut roots: BTreeMap<Vec<NodeId>, u64> = BTreeMap::new();
        let ring = self.ring.reads();
        for (key, object) in self.store.iter().filter(|(_, object)| !object.is_tombstone()) {
            let mut owners = ring.owners(key).to_vec();
            if owners.contains(&self.me) {
                owners.sort_unstable();
                *roots.entry(owners).or_default() ^= object.digest(key);
            }
        }
        roots.into_iter().map(|(owners, hash)| RootView { owners, hash }).collect()
    }

    fn opinions(&self) -> Vec<Opinion> {
        if matches!(self.detector, Detector::Nobody) {
            return Vec::new();
        }
        let others = self.ring.nodes().filter(|&node| node != self.me);
        let opinion =
            |node| Opinion { node, status: self.detector.status(node), since: self.detector.since(node) };
        others.map(opinion).filter(|opinion| opinion.status != PeerStatus::Alive).collect()
    }

    /// The oldest requests: ids grow, so the oldest are the first of both tables.
    fn pending(&self) -> Vec<PendingView> {
        let writes = self.writes.iter().take(PENDING_SHOWN).map(|(&id, write)| {
            let (got, need, of) = (write.acks(), write.need, write.of());
            (id, pending_view(write.op, write.key, true, [got, need, of]))
        });
        let reads = self.reads.iter().take(PENDING_SHOWN).map(|(&id, read)| {
            let (got, need, of) = (read.answers(), read.need, read.of());
            (id, pending_view(read.op, read.key, false, [got, need, of]))
        });
        let oldest: BTreeMap<_, _> = writes.chain(reads).collect();
        oldest.into_values().take(PENDING_SHOWN).collect()
    }
}

fn pending_view(op: OpId, key: Key, is_write: bool, counts: [usize; 3]) -> PendingView {
    let [got, need, of] = counts.map(|count| count as u32);
    PendingView { op, key, is_write, got, need, of }
}

/// What is left of each key over all living nodes, hints included: a write that exists only as a hint still exists.
/// Converged are the nodes when every living owner of every key holds all of that itself.
pub(super) fn truth(nodes: &[Option<&PeerToPeer>]) -> Truth {
    let living = || nodes.iter().copied().flatten();
    let mut whole: BTreeMap<Key, Object> = BTreeMap::new();
    for (key, object) in living().flat_map(|node| node.store.iter().chain(node.hints.iter_newest())) {
        whole.entry(key).and_modify(|held| held.merge(object)).or_insert_with(|| object.clone());
    }
    // A tombstone that one owner has purged and another has not is the same nothing.
    fn shown(object: Option<&Object>) -> Option<&Object> {
        object.filter(|object| !object.is_tombstone())
    }
    let lacks = |node: &PeerToPeer, key: Key, object: &Object| {
        node.ring.reads().is_owner(key, node.me) && shown(node.store.get(key)) != shown(Some(object))
    };
    let is_diverged = |&(&key, object): &(&Key, &Object)| living().any(|node| lacks(node, key, object));
    let keys_diverged = whole.iter().filter(is_diverged).count();
    let lacking = |node: &Option<&PeerToPeer>| {
        node.map(|node| whole.iter().filter(|(key, object)| lacks(node, **key, object)).count() as u64)
    };
    let lacking = nodes.iter().map(lacking).collect();
    let storage = living().map(storage).fold(Storage::default(), Storage::and);
    let copies = living().next().map_or(0, |node| node.ring.reads().copies() as u32);
    let left = whole.iter().filter(|(_, object)| !object.is_tombstone());
    // Where the application unites siblings, what counts is what it reads.
    let unites = living().any(|node| node.config.unites());
    let values_of = |object: &Object| match object.found(unites).value {
        Some(united) if unites => vec![united],
        _ => object.values(),
    };
    let values = left.map(|(&key, object)| (key, values_of(object))).collect();
    let remains = |object: Object| Remains {
        version: object.version(),
        seen: object.seen(),
        written_by: object.writers(),
    };
    let survivors =
        Survivors::Merged(whole.into_iter().map(|(key, object)| (key, remains(object))).collect());
    Truth { survivors, is_converged: keys_diverged == 0, keys_diverged, values, copies, storage, lacking }
}

/// Live are keys and values; tombstones, vectors and hints are not.
fn storage(node: &PeerToPeer) -> Storage {
    let sizes = node.config.sizes;
    let of_object = |(_, object): (Key, &Object)| {
        let values: u64 = object.values().iter().map(|value| value.bytes(sizes.value)).sum();
        let whole = sizes.key + object.bytes(sizes);
        let live = if object.is_tombstone() { 0 } else { sizes.key + values };
        Storage { live, other: whole - live }
    };
    let hints = Storage { live: 0, other: node.hints.bytes() };
    node.store.iter().map(of_object).fold(hints, Storage::and)
}
