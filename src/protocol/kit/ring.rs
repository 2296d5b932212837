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
//! Lists are made once, so a look-up is a binary search. The ring never changes by itself: a crash is no change.

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

/// A ring of tokens with the preference list of every slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    placement: Placement,
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
        let (members, total) = (copies.members(), copies.total());
        assert!(members > 0 && total > 0, "a ring needs a node and a copy");
        let holders = match placement {
            Placement::Random { tokens_per_node } => random_tokens(members, tokens_per_node, random),
            Placement::Even => {
                (0..members).map(|at| (even_token(at, members), NodeId::at(at))).collect::<BTreeMap<_, _>>()
            }
        };
        let (tokens, holders): (Vec<u64>, Vec<NodeId>) = holders.into_iter().unzip();
        // A site's owners may lie anywhere on the walk.
        let listed =
            if matches!(copies, Copies::PerSite { .. }) { members } else { members.min(LISTED.max(total)) };
        let mut lists = preference_lists(&holders, members, listed);
        lists.chunks_mut(listed).for_each(|walk| copies.arrange(walk));
        let shares = shares(&tokens, &lists, listed, total, members);
        Ring { placement, tokens, lists, listed, copies: total, shares }
    }

    /// How many copies of each key there are.
    pub fn copies(&self) -> usize {
        self.copies
    }

    /// The key's place on the ring: its [`hash`] (Cassandra's partitioner is Murmur3). On an even ring the workload's keys lie on the tokens themselves, in turn.
    pub fn token(&self, key: Key) -> u64 {
        match self.placement {
            Placement::Even if key.typed_index().is_none() => self.tokens[key.0 as usize % self.tokens.len()],
            _ => hash(key),
        }
    }

    /// Every node that may be asked for `key`, nearest first: its owners, then the fallbacks. Distinct.
    pub fn preference(&self, key: Key) -> &[NodeId] {
        let token = self.token(key);
        let after = self.tokens.partition_point(|&other| other < token);
        let slot = if after == self.tokens.len() { 0 } else { after };
        &self.lists[slot * self.listed..(slot + 1) * self.listed]
    }

    /// The nodes that keep `key`.
    pub fn owners(&self, key: Key) -> &[NodeId] {
        &self.preference(key)[..self.copies]
    }

    /// Whether `node` keeps `key`.
    pub fn is_owner(&self, key: Key, node: NodeId) -> bool {
        self.owners(key).contains(&node)
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

fn even_token(at: usize, members: usize) -> u64 {
    ((at as u128) << 64).div_euclid(members as u128) as u64
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
