//! Bitmap fonts as PSF files hold them: which character has which dots. For large letters here, and for pictures in
//! pixels elsewhere.

use std::collections::BTreeMap;

/// The bitmaps of a font and which character is which.
pub struct Face {
    /// Dots in a row of a character, at most 32.
    pub width: u32,
    /// Rows of a character.
    pub height: u32,
    bitmaps: &'static [u8],
    places: BTreeMap<char, usize>,
}

impl Face {
    /// Reads version 1 (8 dots wide, a table in UCS-2) or 2 (any width, a table in UTF-8). A file of neither kind
    /// gives a face without characters.
    pub fn read(file: &'static [u8]) -> Face {
        match file {
            [0x36, 0x04, mode, height, rest @ ..] => {
                let count = if mode & 1 == 1 { 512 } else { 256 };
                let (bitmaps, table) = rest.split_at((count * usize::from(*height)).min(rest.len()));
                let units: Vec<u16> =
                    table.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
                let entries = units.split(|&unit| unit == 0xFFFF).take(count);
                let singles = entries.map(|entry| {
                    let single = entry.split(|&unit| unit == 0xFFFE).next().unwrap_or(&[]);
                    char::decode_utf16(single.iter().copied()).filter_map(Result::ok).collect()
                });
                Face { width: 8, height: u32::from(*height), bitmaps, places: places(singles) }
            }
            [0x72, 0xB5, 0x4A, 0x86, ..] => Face::read_second(file),
            _ => Face { width: 8, height: 16, bitmaps: &[], places: BTreeMap::new() },
        }
    }

    fn read_second(file: &'static [u8]) -> Face {
        let field = |nth: usize| {
            file.get(4 * nth..4 * nth + 4).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        };
        let (start, count, bytes) = (field(2) as usize, field(4) as usize, field(5) as usize);
        let rest = &file[start.min(file.len())..];
        let (bitmaps, table) = rest.split_at((count * bytes).min(rest.len()));
        let singles = table.split(|&byte| byte == 0xFF).take(count).map(|entry| {
            let single = entry.split(|&byte| byte == 0xFE).next().unwrap_or(&[]);
            String::from_utf8_lossy(single).into_owned()
        });
        Face { width: field(7), height: field(6), bitmaps, places: places(singles) }
    }

    /// The rows of a character, the leftmost dot the highest of `width` bits; nothing if it is not in the font.
    pub fn rows(&self, character: char) -> Option<Vec<u32>> {
        let bytes = self.width.div_ceil(8) as usize;
        let first = self.places.get(&character)? * bytes * self.height as usize;
        let bitmap = self.bitmaps.get(first..first + bytes * self.height as usize)?;
        let row = |row: &[u8]| {
            row.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) >> (8 * bytes as u32 - self.width)
        };
        Some(bitmap.chunks_exact(bytes).map(row).collect())
    }
}

/// Which character has which place; the first place wins.
fn places(entries: impl Iterator<Item = String>) -> BTreeMap<char, usize> {
    let mut places = BTreeMap::new();
    for (place, characters) in entries.enumerate() {
        for character in characters.chars() {
            places.entry(character).or_insert(place);
        }
    }
    places
}
