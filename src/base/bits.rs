//! A set of small whole numbers: which of the nodes, which of the neighbours.

/// The set; it grows as needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bits(Vec<u64>);

const WORD: usize = u64::BITS as usize;

impl Bits {
    /// Every number below `end`.
    pub fn below(end: usize) -> Bits {
        let mut words = vec![u64::MAX; end / WORD];
        if !end.is_multiple_of(WORD) {
            words.push((1 << (end % WORD)) - 1);
        }
        Bits(words)
    }

    /// Puts `number` in. Returns whether that is news.
    pub fn insert(&mut self, number: usize) -> bool {
        let word = number / WORD;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        let before = self.0[word];
        self.0[word] |= 1 << (number % WORD);
        self.0[word] != before
    }

    /// Takes `number` out.
    pub fn remove(&mut self, number: usize) {
        if let Some(word) = self.0.get_mut(number / WORD) {
            *word &= !(1 << (number % WORD));
        }
    }

    /// Whether `number` is in it.
    pub fn contains(&self, number: usize) -> bool {
        self.0.get(number / WORD).is_some_and(|word| word >> (number % WORD) & 1 == 1)
    }

    /// Keeps what `other` has too.
    pub fn intersect(&mut self, other: &Bits) {
        for (at, word) in self.0.iter_mut().enumerate() {
            *word &= other.0.get(at).copied().unwrap_or(0);
        }
    }

    /// Takes out what `other` has.
    pub fn subtract(&mut self, other: &Bits) {
        for (word, theirs) in self.0.iter_mut().zip(&other.0) {
            *word &= !theirs;
        }
    }

    /// How many numbers there are.
    pub fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        let of_word = |(at, &word): (usize, &u64)| {
            let mut left = word;
            std::iter::from_fn(move || {
                let lowest = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                Some(at * WORD + lowest)
            })
        };
        self.0.iter().enumerate().flat_map(of_word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_set(one in prop::collection::btree_set(0_usize..200, 0..50), end in 0_usize..200) {
            let mut bits = Bits::default();
            for &number in &one {
                prop_assert!(bits.insert(number) && !bits.insert(number));
            }
            prop_assert_eq!(bits.iter().collect::<BTreeSet<_>>(), one.clone());
            prop_assert_eq!(bits.count(), one.len());
            let mut rest = Bits::below(end);
            prop_assert_eq!(rest.count(), end);
            rest.subtract(&bits);
            prop_assert!(rest.iter().eq((0..end).filter(|number| !one.contains(number))));
            bits.intersect(&Bits::below(end));
            prop_assert!(bits.iter().eq(one.iter().copied().filter(|&number| number < end)));
            one.iter().for_each(|&number| bits.remove(number));
            prop_assert_eq!(bits.count(), 0);
        }
    }
}
