//! An append-mostly sequence whose clone is cheap: full chunks are shared, only what changes is copied.
//! Logs and histories live in it, so that a checkpoint of the world costs pointers, not entries.

use std::sync::Arc;

const CHUNK: usize = 256;

/// A vector of `Arc`-shared chunks. Cloning costs one pointer per 256 items; writing to a shared chunk copies
/// that chunk alone.
#[derive(Clone, Debug)]
pub struct Chunks<T> {
    chunks: Vec<Arc<Vec<T>>>,
    len: usize,
}

impl<T> Default for Chunks<T> {
    fn default() -> Self {
        Chunks { chunks: Vec::new(), len: 0 }
    }
}

impl<T: Clone> Chunks<T> {
    /// How many items there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no item.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The item at `index`.
    pub fn get(&self, index: usize) -> Option<&T> {
        self.chunks.get(index / CHUNK)?.get(index % CHUNK)
    }

    /// The item at `index`, to be changed; copies its chunk if a checkpoint shares it.
    pub fn get_mut(&mut self, index: usize) -> Option<&mut T> {
        Arc::make_mut(self.chunks.get_mut(index / CHUNK)?).get_mut(index % CHUNK)
    }

    /// The last item.
    pub fn last(&self) -> Option<&T> {
        self.get(self.len.checked_sub(1)?)
    }

    /// Adds `item` at the end.
    pub fn push(&mut self, item: T) {
        if self.len.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Vec::with_capacity(CHUNK)));
        }
        let last = self.chunks.last_mut().expect("a chunk was pushed when none had room");
        Arc::make_mut(last).push(item);
        self.len += 1;
    }

    /// Keeps the first `len` items.
    pub fn truncate(&mut self, len: usize) {
        if len >= self.len {
            return;
        }
        self.chunks.truncate(len.div_ceil(CHUNK));
        if !len.is_multiple_of(CHUNK)
            && let Some(last) = self.chunks.last_mut()
        {
            Arc::make_mut(last).truncate(len % CHUNK);
        }
        self.len = len;
    }

    /// The items from `start` on, in order.
    pub fn iter_from(&self, start: usize) -> impl DoubleEndedIterator<Item = &T> {
        let first = (start / CHUNK).min(self.chunks.len());
        let skip = start % CHUNK;
        self.chunks[first..].iter().enumerate().flat_map(move |(nth, chunk)| {
            let from = if nth == 0 { skip.min(chunk.len()) } else { 0 };
            chunk[from..].iter()
        })
    }

    /// All items in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.iter_from(0)
    }
}

impl<T: Clone + PartialEq> PartialEq for Chunks<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<T: Clone> FromIterator<T> for Chunks<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut chunks = Chunks::default();
        items.into_iter().for_each(|item| chunks.push(item));
        chunks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn behaves_like_a_vector(ops in prop::collection::vec((0u8..4, 0usize..900), 1..200)) {
            let (mut ours, mut model) = (Chunks::default(), Vec::new());
            let mut kept = None;
            for (op, n) in ops {
                match op {
                    0 | 1 => for i in 0..n { ours.push(i); model.push(i); },
                    2 => { ours.truncate(n); model.truncate(n); }
                    _ => {
                        kept = Some((ours.clone(), model.clone()));
                        if let Some(item) = ours.get_mut(n) { *item += 1; model[n] += 1; }
                    }
                }
            }
            prop_assert_eq!(ours.iter().copied().collect::<Vec<_>>(), model.clone());
            prop_assert_eq!(ours.iter_from(300).count(), model.len().saturating_sub(300));
            if let Some((chunks, vector)) = kept { prop_assert_eq!(chunks.iter().copied().collect::<Vec<_>>(), vector); }
        }
    }
}
