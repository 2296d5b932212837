//! Letters as bits: the Spleen bitmap fonts, 8x16 and 16x32, read from their PSF files, with what they lack drawn.
//!
//! Bits instead of curves: few colours, crisp text, and the same bytes on every machine.

use super::drawn;
use crate::screen::face::Face;
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
                .or_else(|| of_face(face, character).map(|glyph| glyph.enlarged(width / face.width)))
                .unwrap_or_else(|| drawn::unknown(width as i32, height as i32));
            // At the small size there is no pixel to spare between letters.
            if is_bold && width >= 16 && character.is_alphanumeric() { glyph.bold() } else { glyph }
        })
    }
}

fn of_face(face: &Face, character: char) -> Option<Glyph> {
    face.rows(character).map(|rows| Glyph { width: face.width, rows })
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
