//! Chance, split by purpose: every stream is derived from the scenario's seed and a label, so that one more draw
//! in one place never shifts the draws in another.
//!
//! Two forms. A [`Stream`] is a sequence (xoshiro256**, Blackman & Vigna 2018, seeded by splitmix64 as its authors
//! advise). A [`Keyed`] source is stateless: the draw for message 17 of a link is a hash of (seed, label, 17), so
//! removing message 16 leaves it as it was. All sampling is integer arithmetic.

/// One step of splitmix64 (Steele, Lea & Flood 2014): advances `state`, returns the mixed output.
fn splitmix64(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    mix(*state)
}

/// The output function of splitmix64: a bijection that spreads every input bit.
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A seed for one purpose: FNV-1a over the label, mixed with the scenario's seed.
fn derive(seed: u64, label: &str) -> u64 {
    let mut hash = 0xCBF2_9CE4_8422_2325_u64;
    for byte in label.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
    mix(seed ^ mix(hash))
}

/// A uniform draw below `bound` from 64 random bits by multiply-high (bias below 2^-32 for bounds below 2^32).
fn below(bits: u64, bound: u64) -> u64 {
    ((u128::from(bits) * u128::from(bound)) >> 64) as u64
}

/// A sequence of draws for one purpose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    state: [u64; 4],
}

impl Stream {
    /// The stream of `seed` for the purpose `label`, e.g. `timer:n3:2`.
    pub fn new(seed: u64, label: &str) -> Self {
        Self::from_seed(derive(seed, label))
    }

    /// The xoshiro256** generator with its state filled by splitmix64 from `seed`.
    pub fn from_seed(seed: u64) -> Self {
        let mut state = seed;
        Stream { state: std::array::from_fn(|_| splitmix64(&mut state)) }
    }

    /// The next 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        let s = &mut self.state;
        let result = s[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let t = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = s[3].rotate_left(45);
        result
    }

    /// A uniform draw in `0..bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        below(self.next_u64(), bound)
    }

    /// A uniform draw in `low..=high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low).saturating_add(1))
    }

    /// True `per_million` times in a million.
    pub fn chance(&mut self, per_million: u32) -> bool {
        self.below(1_000_000) < u64::from(per_million)
    }

    /// Puts `items` in a random order (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last as u64 + 1) as usize);
        }
    }
}

/// Draws addressed by number instead of by order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keyed {
    key: u64,
}

impl Keyed {
    /// The source of `seed` for the purpose `label`, e.g. `net:n1->n2`.
    pub fn new(seed: u64, label: &str) -> Self {
        Keyed { key: derive(seed, label) }
    }

    /// 64 random bits for draw `number`; `lane` tells apart several questions about the same thing
    /// (is it lost? how long does it take?).
    pub fn bits(self, number: u64, lane: u64) -> u64 {
        mix(mix(self.key ^ lane.wrapping_mul(0xD6E8_FEB8_6659_FD93))
            .wrapping_add(number.wrapping_mul(0x9E37_79B9_7F4A_7C15)))
    }

    /// True `per_million` times in a million.
    pub fn chance(self, number: u64, lane: u64, per_million: u32) -> bool {
        per_million > 0 && below(self.bits(number, lane), 1_000_000) < u64::from(per_million)
    }

    /// A uniform draw in `0..bound`.
    pub fn below(self, number: u64, lane: u64, bound: u64) -> u64 {
        below(self.bits(number, lane), bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_core::{Rng, SeedableRng};

    #[test]
    fn splitmix64_gives_its_published_sequence() {
        let mut state = 1_234_567;
        let first: Vec<u64> = (0..3).map(|_| splitmix64(&mut state)).collect();
        assert_eq!(first, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn streams_equal_an_independent_xoshiro256starstar() {
        for seed in [0, 1, 42, u64::MAX] {
            let mut ours = Stream::from_seed(seed);
            let mut oracle = rand_xoshiro::Xoshiro256StarStar::seed_from_u64(seed);
            for _ in 0..1_000 {
                assert_eq!(ours.next_u64(), oracle.next_u64());
            }
        }
    }

    #[test]
    fn labels_part_the_streams() {
        assert_ne!(Stream::new(7, "net:n1->n2").next_u64(), Stream::new(7, "net:n2->n1").next_u64());
        assert_ne!(Stream::new(7, "workload").next_u64(), Stream::new(8, "workload").next_u64());
    }

    #[test]
    fn keyed_draws_do_not_depend_on_their_neighbours() {
        let link = Keyed::new(7, "net:n1->n2");
        assert_eq!(link.bits(17, 0), Keyed::new(7, "net:n1->n2").bits(17, 0));
        assert_ne!(link.bits(17, 0), link.bits(17, 1));
        assert_ne!(link.bits(17, 0), link.bits(18, 0));
    }

    #[test]
    fn keyed_chance_holds_its_rate() {
        let link = Keyed::new(3, "loss");
        let hits = (0..100_000).filter(|&n| link.chance(n, 1, 300_000)).count();
        assert!((29_400..30_600).contains(&hits), "{hits} of 100000 at 30 %");
    }
}
