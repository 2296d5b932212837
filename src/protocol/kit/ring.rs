//! Consistent hashing: which nodes keep a key. Tokens cut the circle of 64-bit numbers into slots; a key belongs to
//! the first token at or after its own, and to the next distinct nodes clockwise (Dynamo 4.2 and 4.3; Cassandra's
//! `SimpleStrategy` walk).
//!
//! ```text
//!            token of key
//!                 |        preference list of the slot, N = 3
//!  --n4----n2-----x---n1-n1---n3----n2----n5--      n1 n3 n2 | n5 n4
//!                      ^   (second token of n1 skipped)        owners   fallbacks
//! ```
//!
//! Lists are made once, so a look-up is a binary search. The ring never changes by itself: a crash is no change. Who
//! joins takes tokens of its own ([`Plan::ring`]), and nobody else's move: of all copies, about one in as many as there
//! are nodes then.

use crate::base::ids::{Key, NodeId};
use crate::base::random::Stream;
use std::collections::BTreeMap;

/// The most nodes a preference list names, unless there are more copies. A quorum that finds too few reachable nodes
/// among so many is as good as unavailable, and a thousand nodes times a thousand tokens stay affordable.
const LISTED: usize = 64;

/// Where tokens lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// `tokens_per_node` random tokens for each node (Cassandra `num_tokens`).
    Random {
        /// Virtual nodes of each node.
        tokens_per_node: usize,
    },
    /// One token per node at equal distances; slot `i` is owned by nodes `i, i+1, …`, and the workload's keys take
    /// the slots in turn, so that shares are exact fractions.
    Even,
}

/// How many copies of each key there are, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Copies {
    /// On the first distinct nodes clockwise (Cassandra `SimpleStrategy`).
    InAll {
        /// Nodes.
        members: usize,
        /// Copies.
        copies: usize,
    },
    /// On the first distinct nodes clockwise of every site (Cassandra `NetworkTopologyStrategy`).
    PerSite {
        /// Copies in each site; all of its nodes, if it has fewer.
        each: usize,
        /// The site of each node. Those without one are a site together.
        sites: Vec<Option<usize>>,
    },
}

impl Copies {
    fn members(&self) -> usize {
        match self {
            Copies::InAll { members, .. } => *members,
            Copies::PerSite { sites, .. } => sites.len(),
        }
    }

    /// Copies of each key in all.
    fn total(&self) -> usize {
        match self {
            Copies::InAll { members, copies } => *copies.min(members),
            Copies::PerSite { each, sites } => {
                let mut sizes: BTreeMap<Option<usize>, usize> = BTreeMap::new();
                sites.iter().for_each(|site| *sizes.entry(*site).or_default() += 1);
                sizes.values().map(|size| size.min(each)).sum()
            }
        }
    }

    /// Puts the owners first; `walk` names every node once, clockwise from the key.
    fn arrange(&self, walk: &mut [NodeId]) {
        if let Copies::PerSite { each, sites } = self {
            let mut taken: BTreeMap<Option<usize>, usize> = BTreeMap::new();
            let mut is_owner = |node: &NodeId| {
                let taken = taken.entry(sites[node.index()]).or_default();
                *taken += 1;
                *taken <= *each
            };
            let (mut owners, others): (Vec<NodeId>, Vec<NodeId>) =
                walk.iter().copied().partition(|node| is_owner(node));
            owners.extend(others);
            walk.copy_from_slice(&owners);
        }
    }
}

/// How much of the ring is one node's, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    /// Of the ring, as first owner.
    pub first_permille: u32,
    /// Of the ring, as any of its owners; the sum over all nodes is 1000 times the number of copies.
    pub copies_permille: u32,
    /// Tokens.
    pub tokens: usize,
}

/// What a cluster's rings are made of, whoever is on them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Where tokens lie.
    pub placement: Placement,
    /// How many copies there are, and where.
    pub copies: Copies,
    /// Random tokens are drawn from the `ring` stream of this seed.
    pub seed: u64,
}

/// Who holds the tokens of whom: a node that takes another's place takes its tokens.
pub type Holders = BTreeMap<NodeId, NodeId>;

impl Plan {
    /// The ring of the nodes that the cluster was founded with.
    pub fn founding_ring(&self) -> Ring {
        Ring::new(self.placement, &self.copies, &mut Stream::new(self.seed, "ring"))
    }

    /// The ring on which the tokens of each first node are held by the second.
    ///
    /// # Panics
    /// If nobody holds a token, or copies are counted by site: those are placed when a cluster begins.
    pub fn ring(&self, holders: &Holders) -> Ring {
        let Copies::InAll { members: founders, copies } = self.copies else {
            panic!("sites keep the nodes that they were founded with")
        };
        let last = holders.keys().next_back().expect("a ring needs a node").index();
        let tokens = match self.placement {
            Placement::Random { tokens_per_node } => {
                let mut random = Stream::new(self.seed, "ring");
                random_tokens(founders.max(last + 1), tokens_per_node, &mut random)
            }
            Placement::Even => (0..=last).map(|at| (even_token(at, founders), NodeId::at(at))).collect(),
        };
        let held = |(token, first): (u64, NodeId)| Some((token, *holders.get(&first)?));
        let tokens: BTreeMap<u64, NodeId> = tokens.into_iter().filter_map(held).collect();
        let members = holders.values().collect::<std::collections::BTreeSet<_>>().len();
        Ring::with_tokens(self.placement, founders, tokens, &Copies::InAll { members, copies })
    }
}

/// A ring of tokens with the preference list of every slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    placement: Placement,
    /// Nodes that the cluster was founded with: an even ring has as many slots for keys.
    founders: usize,
    /// Ascending; slot `i` ends at `tokens[i]`.
    tokens: Vec<u64>,
    /// The preference lists, `listed` nodes for each slot.
    lists: Vec<NodeId>,
    listed: usize,
    copies: usize,
    shares: Vec<Share>,
}

impl Ring {
    /// The ring on which these copies are placed. Random tokens are drawn node by node, so that one more node leaves
    /// the others where they are.
    ///
    /// # Panics
    /// If there is no member, no copy or no token.
    pub fn new(placement: Placement, copies: &Copies, random: &mut Stream) -> Ring {
        let members = copies.members();
        let tokens = match placement {
            Placement::Random { tokens_per_node } => random_tokens(members, tokens_per_node, random),
            Placement::Even => {
                (0..members).map(|at| (even_token(at, members), NodeId::at(at))).collect::<BTreeMap<_, _>>()
            }
        };
        Ring::with_tokens(placement, members, tokens, copies)
    }

    fn with_tokens(
        placement: Placement,
        founders: usize,
        tokens: BTreeMap<u64, NodeId>,
        copies: &Copies,
    ) -> Ring {
        let (members, total) = (copies.members(), copies.total());
        assert!(members > 0 && total > 0 && !tokens.is_empty(), "a ring needs a node and a copy");
        let (tokens, holders): (Vec<u64>, Vec<NodeId>) = tokens.into_iter().unzip();
        // A site's owners may lie anywhere on the walk.
        let listed =
            if matches!(copies, Copies::PerSite { .. }) { members } else { members.min(LISTED.max(total)) };
        let places = holders.iter().map(|node| node.index() + 1).max().unwrap_or(0);
        let mut lists = preference_lists(&holders, places, listed);
        lists.chunks_mut(listed).for_each(|walk| copies.arrange(walk));
        let shares = shares(&tokens, &lists, listed, total, places);
        Ring { placement, founders, tokens, lists, listed, copies: total, shares }
    }

    /// A ring of one slot, on which every one of `members` nodes keeps every key.
    pub fn of_all(members: usize) -> Ring {
        let nodes = || (0..members).map(NodeId::at);
        let share =
            Share { first_permille: 1_000 / members.max(1) as u32, copies_permille: 1_000, tokens: 0 };
        Ring {
            placement: Placement::Random { tokens_per_node: 1 },
            tokens: vec![u64::MAX],
            lists: nodes().collect(),
            listed: members,
            copies: members,
            founders: members,
            shares: nodes().map(|_| share).collect(),
        }
    }

    /// How many copies of each key there are.
    pub fn copies(&self) -> usize {
        self.copies
    }

    /// The key's place on the ring: its [`hash`] (Cassandra's partitioner is Murmur3). On an even ring the workload's
    /// keys take the founders' slots in turn, and lie anywhere in them.
    pub fn token(&self, key: Key) -> u64 {
        match self.placement {
            Placement::Even if key.typed_index().is_none() => {
                let (turn, slot) = (key.0 as usize / self.founders, key.0 as usize % self.founders);
                let before = finalize(turn as u64 + 1) % even_arc(self.founders);
                even_token(slot, self.founders).wrapping_sub(before)
            }
            _ => hash(key),
        }
    }

    /// Every node that may be asked for `key`, nearest first: its owners, then the fallbacks. Distinct.
    pub fn preference(&self, key: Key) -> &[NodeId] {
        self.list(self.token(key))
    }

    fn list(&self, token: u64) -> &[NodeId] {
        let range = self.range_of(token);
        &self.lists[range * self.listed..(range + 1) * self.listed]
    }

    /// The owners here and on `next` of every range in which they may differ.
    pub fn changes_to<'a>(
        &'a self,
        next: &'a Ring,
    ) -> impl Iterator<Item = (&'a [NodeId], &'a [NodeId])> + 'a {
        let ends = self.tokens.iter().chain(&next.tokens);
        let owners = |token| (&self.list(token)[..self.copies], &next.list(token)[..next.copies]);
        ends.map(move |&token| owners(token)).filter(|(before, after)| before != after)
    }

    /// The number of the range that `token` lies in.
    pub fn range_of(&self, token: u64) -> usize {
        let after = self.tokens.partition_point(|&other| other < token);
        if after == self.tokens.len() { 0 } else { after }
    }

    /// How many ranges there are.
    pub fn ranges(&self) -> usize {
        self.tokens.len()
    }

    /// The nodes that keep `key`.
    pub fn owners(&self, key: Key) -> &[NodeId] {
        &self.preference(key)[..self.copies]
    }

    /// Whether `node` keeps `key`.
    pub fn is_owner(&self, key: Key, node: NodeId) -> bool {
        match self.copies == self.shares.len() {
            // Everyone on the ring keeps every key.
            true => node.index() < self.shares.len(),
            false => self.owners(key).contains(&node),
        }
    }

    /// How much of the ring is `node`'s.
    pub fn share(&self, node: NodeId) -> Share {
        self.shares.get(node.index()).copied().unwrap_or_default()
    }
}

/// The key's place in the circle of all hashes: MurmurHash3's 64-bit finalizer over its number.
pub fn hash(key: Key) -> u64 {
    finalize(u64::from(key.0))
}

fn random_tokens(members: usize, per_node: usize, random: &mut Stream) -> BTreeMap<u64, NodeId> {
    assert!(per_node > 0, "a node needs a token");
    let mut holders = BTreeMap::new();
    for node in (0..members).map(NodeId::at) {
        let wanted = holders.len() + per_node;
        while holders.len() < wanted {
            holders.entry(random.next_u64()).or_insert(node);
        }
    }
    holders
}

/// The founders' tokens lie at equal distances; who comes later halves the range of one founder after the other.
fn even_token(at: usize, founders: usize) -> u64 {
    let (turn, slot) = (at / founders, at % founders);
    let token = ((slot as u128) << 64).div_euclid(founders as u128) as u64;
    if turn == 0 { token } else { token.wrapping_sub(even_arc(founders) >> turn) }
}

fn even_arc(founders: usize) -> u64 {
    u64::try_from((1_u128 << 64) / founders as u128).unwrap_or(u64::MAX)
}

/// For each slot the first `listed` distinct nodes clockwise, flattened.
fn preference_lists(holders: &[NodeId], members: usize, listed: usize) -> Vec<NodeId> {
    let mut lists = Vec::with_capacity(holders.len() * listed);
    let mut taken_by = vec![usize::MAX; members];
    for slot in 0..holders.len() {
        let full = lists.len() + listed;
        for &node in holders[slot..].iter().chain(&holders[..slot]) {
            if lists.len() == full {
                break;
            }
            if taken_by[node.index()] != slot {
                taken_by[node.index()] = slot;
                lists.push(node);
            }
        }
    }
    lists
}

fn shares(tokens: &[u64], lists: &[NodeId], listed: usize, copies: usize, members: usize) -> Vec<Share> {
    const CIRCLE: u128 = 1 << 64;
    let mut arcs = vec![(0_u128, 0_u128, 0_usize); members];
    for (slot, list) in lists.chunks_exact(listed).enumerate() {
        let before = if slot == 0 { tokens.len() - 1 } else { slot - 1 };
        let arc = match tokens[slot].wrapping_sub(tokens[before]) {
            0 => CIRCLE,
            part => u128::from(part),
        };
        arcs[list[0].index()].0 += arc;
        arcs[list[0].index()].2 += 1;
        list[..copies].iter().for_each(|node| arcs[node.index()].1 += arc);
    }
    let permille = |arc: u128| ((arc * 1_000 + CIRCLE / 2) >> 64) as u32;
    arcs.into_iter()
        .map(|(first, all, tokens)| Share {
            first_permille: permille(first),
            copies_permille: permille(all),
            tokens,
        })
        .collect()
}

/// MurmurHash3's 64-bit finalizer (`fmix64`, Appleby 2011): a bijection.
fn finalize(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xFF51_AFD7_ED55_8CCD);
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xC4CE_B9FE_1A85_EC53);
    bits ^ (bits >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn random_ring(seed: u64, members: usize, tokens_per_node: usize, copies: usize) -> Ring {
        let copies = Copies::InAll { members, copies };
        Ring::new(Placement::Random { tokens_per_node }, &copies, &mut Stream::new(seed, "ring"))
    }

    fn even_ring(members: usize, copies: usize) -> Ring {
        Ring::new(Placement::Even, &Copies::InAll { members, copies }, &mut Stream::new(1, "ring"))
    }

    /// Largest share of copies over the average one, in hundredths; the median over many rings.
    fn median_imbalance(members: usize, tokens_per_node: usize, copies: usize) -> u32 {
        let mut worst: Vec<u32> = (0..301)
            .map(|seed| {
                let ring = random_ring(seed, members, tokens_per_node, copies);
                let largest = (0..members).map(|at| ring.share(NodeId::at(at)).copies_permille).max();
                largest.expect("a ring has members") * members as u32 / (10 * copies as u32)
            })
            .collect();
        worst.sort_unstable();
        worst[150]
    }

    #[test]
    fn more_tokens_per_node_even_out_the_shares_as_published() {
        // Measured imbalance of random tokens on 5 nodes: max / mean of ownership.
        for (tokens_per_node, copies, published) in
            [(1, 3, 139), (8, 3, 123), (16, 3, 116), (64, 3, 108), (8, 1, 141), (64, 1, 114)]
        {
            let measured = median_imbalance(5, tokens_per_node, copies);
            assert!(measured.abs_diff(published) <= 4, "V={tokens_per_node} N={copies}: {measured} %");
        }
    }

    #[test]
    fn an_even_ring_deals_the_workloads_keys_out_in_turn() {
        let ring = even_ring(5, 3);
        assert_eq!(ring.preference(Key(3)), [3, 4, 0, 1, 2].map(NodeId));
        assert_eq!(ring.owners(Key(8)), [3, 4, 0].map(NodeId));
        assert_eq!(ring.share(NodeId(2)), Share { first_permille: 200, copies_permille: 600, tokens: 1 });
    }

    #[test]
    fn every_site_has_its_copies() {
        let sites: Vec<Option<usize>> = (0..9).map(|node| Some(node % 3 / 2)).collect();
        let copies = Copies::PerSite { each: 2, sites: sites.clone() };
        let ring = Ring::new(Placement::Random { tokens_per_node: 8 }, &copies, &mut Stream::new(7, "ring"));
        assert_eq!(ring.copies(), 4);
        for key in (0..500).map(Key) {
            let of = |site| ring.owners(key).iter().filter(|node| sites[node.index()] == Some(site)).count();
            assert_eq!((of(0), of(1)), (2, 2));
            let mut list = ring.preference(key).to_vec();
            list.sort_unstable();
            assert_eq!(list, (0..9).map(NodeId::at).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_new_node_takes_its_part_and_moves_nothing_else() {
        let (before, after) = (random_ring(5, 9, 64, 1), random_ring(5, 10, 64, 1));
        let moved: Vec<Key> =
            (0..20_000).map(Key).filter(|&key| before.owners(key) != after.owners(key)).collect();
        assert!(moved.iter().all(|&key| after.owners(key) == [NodeId(9)]));
        assert!((1_700..2_300).contains(&moved.len()), "{} of 20000 moved, ideal 2000", moved.len());
    }

    #[test]
    fn the_finalizer_gives_its_reference_values() {
        assert_eq!(finalize(0), 0);
        assert_eq!(finalize(1), 0xB456_BCFC_34C2_CB2C);
        assert_eq!(finalize(2), 0x3ABF_2A20_6506_83E7);
    }

    proptest! {
        #[test]
        fn every_token_has_one_holder_and_every_list_names_each_node_once(
            seed in any::<u64>(), members in 1_usize..40, tokens_per_node in 1_usize..20, copies in 1_usize..6,
            keys in prop::collection::vec(any::<u32>(), 1..50),
        ) {
            let ring = random_ring(seed, members, tokens_per_node, copies);
            prop_assert!(ring.tokens.is_sorted_by(|a, b| a < b));
            let counted: usize = (0..members).map(|at| ring.share(NodeId::at(at)).tokens).sum();
            prop_assert_eq!(counted, members * tokens_per_node);
            for key in keys.into_iter().map(Key) {
                let mut list = ring.preference(key).to_vec();
                list.sort_unstable();
                prop_assert_eq!(list, (0..members).map(NodeId::at).collect::<Vec<_>>());
                prop_assert_eq!(ring.owners(key).len(), copies.min(members));
            }
        }
    }
}
