//! Letters as bits: the Spleen bitmap fonts, 8x16 and 16x32, read from their PSF files, with what they lack drawn.
//!
//! Bits instead of curves: few colours, crisp text, and the same bytes on every machine.

use super::drawn;
use std::collections::BTreeMap;

/// The picture of one character in one cell: a row of bits each, the leftmost pixel the highest of `width` bits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glyph {
    /// Pixels in a row, at most 32.
    pub width: u32,
    /// The rows.
    pub rows: Vec<u32>,
}

impl Glyph {
    /// No pixel set.
    pub fn blank(width: u32, height: u32) -> Self {
        Glyph { width, rows: vec![0; height as usize] }
    }

    /// Sets the pixels of which `is_set(x, y)` says so.
    pub fn of(width: u32, height: u32, is_set: impl Fn(i32, i32) -> bool) -> Self {
        let row = |y: u32| {
            (0..width).filter(|&x| is_set(x as i32, y as i32)).fold(0, |row, x| row | 1 << (width - 1 - x))
        };
        Glyph { width, rows: (0..height).map(row).collect() }
    }

    /// Whether a pixel is set.
    pub fn has(&self, x: u32, y: u32) -> bool {
        self.rows.get(y as usize).is_some_and(|row| x < self.width && row >> (self.width - 1 - x) & 1 == 1)
    }

    /// Every pixel `times` as wide and high.
    fn enlarged(&self, times: u32) -> Glyph {
        Glyph::of(self.width * times, self.rows.len() as u32 * times, |x, y| {
            self.has(x as u32 / times, y as u32 / times)
        })
    }

    /// Strokes one pixel wider, within the cell.
    fn bold(&self) -> Glyph {
        Glyph { width: self.width, rows: self.rows.iter().map(|row| row | row >> 1).collect() }
    }
}

/// A font at one size, with the glyphs asked for so far.
pub struct Font {
    scale: u32,
    face: Face,
    known: BTreeMap<(char, bool), Glyph>,
}

/// The largest scale: 32 pixels a column.
pub const SCALE_MAX: u32 = 4;

impl Font {
    /// The font `scale` times 8x16, from 1 to [`SCALE_MAX`].
    pub fn new(scale: u32) -> Self {
        let scale = scale.clamp(1, SCALE_MAX);
        let file = if scale.is_multiple_of(2) { spleen_font::FONT_16X32 } else { spleen_font::FONT_8X16 };
        Font { scale, face: Face::read(file), known: BTreeMap::new() }
    }

    /// Pixels of one cell: (across, down).
    pub fn cell(&self) -> (u32, u32) {
        (8 * self.scale, 16 * self.scale)
    }

    /// The picture of a character.
    pub fn glyph(&mut self, character: char, is_bold: bool) -> &Glyph {
        let (face, (width, height)) = (&self.face, self.cell());
        self.known.entry((character, is_bold)).or_insert_with(|| {
            let glyph = drawn::glyph(character, width as i32, height as i32)
                .or_else(|| face.glyph(character).map(|glyph| glyph.enlarged(width / face.width)))
                .unwrap_or_else(|| drawn::unknown(width as i32, height as i32));
            // At the small size there is no pixel to spare between letters.
            if is_bold && width >= 16 && character.is_alphanumeric() { glyph.bold() } else { glyph }
        })
    }
}

/// The bitmaps of a PSF file and which character is which.
struct Face {
    width: u32,
    height: u32,
    bitmaps: &'static [u8],
    places: BTreeMap<char, usize>,
}

impl Face {
    /// Reads version 1 (8 pixels wide, a table in UCS-2) or 2 (any width, a table in UTF-8). A file of neither kind
    /// gives a face without characters.
    fn read(file: &'static [u8]) -> Face {
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

    fn glyph(&self, character: char) -> Option<Glyph> {
        let bytes = self.width.div_ceil(8) as usize;
        let first = self.places.get(&character)? * bytes * self.height as usize;
        let bitmap = self.bitmaps.get(first..first + bytes * self.height as usize)?;
        let row = |row: &[u8]| {
            row.iter().fold(0, |bits, byte| bits << 8 | u32::from(*byte)) >> (8 * bytes as u32 - self.width)
        };
        Some(Glyph { width: self.width, rows: bitmap.chunks_exact(bytes).map(row).collect() })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::look::SIGNS;

    fn art(glyph: &Glyph) -> String {
        let row =
            |y: u32| (0..glyph.width).map(|x| if glyph.has(x, y) { '#' } else { '.' }).collect::<String>();
        (0..glyph.rows.len() as u32).map(|y| row(y) + "\n").collect()
    }

    #[test]
    fn both_faces_know_letters_beyond_ascii_and_lines_that_join() {
        for scale in [1, 2] {
            let mut font = Font::new(scale);
            let (width, height) = font.cell();
            let unknown = drawn::unknown(width as i32, height as i32);
            for character in "aZ09é→│─┃…".chars() {
                assert_ne!(font.glyph(character, false), &unknown, "{character} at scale {scale}");
            }
            let line = font.glyph('│', false).clone();
            assert!(line.rows.iter().all(|row| *row != 0), "{}", art(&line));
            let line = font.glyph('─', false).clone();
            let full = u32::MAX >> (32 - width);
            assert!(line.rows.contains(&full), "{}", art(&line));
        }
    }

    #[test]
    fn every_sign_of_the_screen_has_a_picture_of_its_own() {
        for scale in [1, 2, 3, 4] {
            let mut font = Font::new(scale);
            let (width, height) = font.cell();
            let unknown = drawn::unknown(width as i32, height as i32);
            let mut seen: BTreeMap<Vec<u32>, char> = BTreeMap::new();
            for sign in SIGNS {
                let (character, _) = sign.forms();
                let glyph = font.glyph(character, false).clone();
                assert_ne!(glyph, unknown, "{character}");
                assert!(glyph.rows.iter().any(|row| *row != 0), "{character}");
                let other = seen.insert(glyph.rows.clone(), character);
                assert!(other.is_none_or(|other| other == character), "{character} looks like {other:?}");
            }
        }
    }

    #[test]
    fn what_no_table_has_is_a_box() {
        assert_eq!(Font::new(1).glyph('日', false), &drawn::unknown(8, 16));
    }
}
