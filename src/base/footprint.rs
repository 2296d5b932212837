//! What a single event leaves of itself in a recording: twelve bits, two letters in a file.

use super::time::VirtualTime;

/// Bits of a footprint.
const BITS: u32 = 12;

/// A part of the digest as it stood after an event, and of the event's instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footprint(u16);

impl Footprint {
    /// Of an event at this instant that left this digest.
    pub fn of(at: VirtualTime, digest: u64) -> Self {
        // The golden ratio spreads instants over the high bits (Knuth, volume 3, section 6.4).
        let spread = at.0.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Footprint(((digest ^ spread) >> (u64::BITS - BITS)) as u16)
    }

    /// Its two letters in files.
    pub fn letters(self) -> [char; 2] {
        [self.0 >> 6, self.0 & 63].map(|sixth| char::from(LETTERS[usize::from(sixth)]))
    }

    /// What these two letters say, if they are such.
    pub fn from_letters(letters: [u8; 2]) -> Option<Self> {
        let [high, low] = letters.map(|letter| LETTERS.iter().position(|&known| known == letter));
        Some(Footprint(((high? << 6) | low?) as u16))
    }
}

/// The letters of base64 that files and addresses may hold.
const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_footprint_reads_back_from_its_letters() {
        for bits in 0..1 << BITS {
            let footprint = Footprint(bits);
            let letters = footprint.letters().map(|letter| letter as u8);
            assert_eq!(Footprint::from_letters(letters), Some(footprint));
        }
        assert_eq!(Footprint::from_letters(*b"a+"), None);
        assert_ne!(Footprint::of(VirtualTime(1_000), 0), Footprint::of(VirtualTime(1_001), 0));
    }
}
