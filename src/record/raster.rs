//! Pictures as pixels: each cell's glyph in its colours, numbers of a palette that grows as colours come.

use super::ansi::{columns, symbol};
use super::colour::Palette;
use super::film::Refusal;
use super::font::Font;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Modifier;

/// Colours a picture may have: what GIF and indexed PNG can name, less one for "unchanged".
pub const COLOURS: usize = 255;
/// The largest picture, in pixels a side.
const SIDE_MAX: u32 = 16_000;

/// A picture in pixels.
pub struct Raster {
    font: Font,
    palette: Palette,
    /// Pixels across and down.
    pub size: (u32, u32),
    /// One number a pixel, row by row.
    pub pixels: Vec<u8>,
    /// The colours by number, `0xRRGGBB`, in the order in which they came.
    pub colours: Vec<u32>,
    shown: Option<Buffer>,
}

/// A rectangle of pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Its left edge.
    pub x: u32,
    /// Its upper edge.
    pub y: u32,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

impl Area {
    /// The smallest rectangle around both.
    pub fn joined(self, other: Area) -> Area {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let right = (self.x + self.width).max(other.x + other.width);
        let bottom = (self.y + self.height).max(other.y + other.height);
        Area { x, y, width: right - x, height: bottom - y }
    }
}

impl Raster {
    /// An empty picture of `columns` by `rows` cells.
    ///
    /// # Errors
    /// If it would be too large.
    pub fn new((columns, rows): (u16, u16), scale: u32, palette: Palette) -> Result<Self, Refusal> {
        let font = Font::new(scale);
        let (across, down) = font.cell();
        let size = (u32::from(columns) * across, u32::from(rows) * down);
        if size.0 > SIDE_MAX || size.1 > SIDE_MAX {
            return Err(format!(
                "a picture of {}x{} pixels is too large; {SIDE_MAX} a side at most: a smaller --size or --scale",
                size.0, size.1
            ));
        }
        let pixels = vec![0; (size.0 * size.1) as usize];
        Ok(Raster { font, palette, size, pixels, colours: vec![palette.ground], shown: None })
    }

    /// Draws a picture; gives what changed, `None` if nothing did. Cells beyond the raster are left out.
    pub fn draw(&mut self, picture: &Buffer) -> Option<Area> {
        let before = self.shown.take().filter(|before| before.area == picture.area);
        let mut dirty: Option<Area> = if before.is_none() { Some(self.clear()) } else { None };
        for y in 0..picture.area.height {
            let mut x = 0;
            while x < picture.area.width {
                let cell = &picture[(picture.area.x + x, picture.area.y + y)];
                let wide = columns(cell);
                let is_same = before.as_ref().is_some_and(|before| {
                    (x..(x + wide).min(picture.area.width)).all(|x| {
                        before[(x + before.area.x, y + before.area.y)]
                            == picture[(x + picture.area.x, y + picture.area.y)]
                    })
                });
                if !is_same && let Some(area) = self.cell(x, y, wide, cell) {
                    dirty = Some(dirty.map_or(area, |dirty| dirty.joined(area)));
                }
                x += wide;
            }
        }
        self.shown = Some(picture.clone());
        dirty
    }

    fn clear(&mut self) -> Area {
        self.pixels.fill(0);
        Area { x: 0, y: 0, width: self.size.0, height: self.size.1 }
    }

    fn cell(&mut self, x: u16, y: u16, wide: u16, cell: &Cell) -> Option<Area> {
        let (across, down) = self.font.cell();
        let area = Area {
            x: u32::from(x) * across,
            y: u32::from(y) * down,
            width: across * u32::from(wide),
            height: down,
        };
        if area.x + area.width > self.size.0 || area.y + area.height > self.size.1 {
            return None;
        }
        let (letters, ground) = self.palette.inks(cell);
        let (letters, ground) = (self.number(letters), self.number(ground));
        let is_bold = cell.modifier.contains(Modifier::BOLD);
        let glyph = self.font.glyph(symbol(cell).chars().next().unwrap_or(' '), is_bold);
        let line = (down / 16).max(1);
        let is_under = cell.modifier.contains(Modifier::UNDERLINED);
        let is_struck = cell.modifier.contains(Modifier::CROSSED_OUT);
        // A wide character has the picture of a narrow one, in the middle of its cells.
        let margin = (area.width - across) / 2;
        for dy in 0..down {
            let is_lined = (is_under && (down - 2 * line..down - line).contains(&dy))
                || (is_struck && (down / 2..down / 2 + line).contains(&dy));
            let start = ((area.y + dy) * self.size.0 + area.x) as usize;
            let row = &mut self.pixels[start..start + area.width as usize];
            for (dx, pixel) in (0..).zip(row) {
                let is_set = is_lined || (dx >= margin && glyph.has(dx - margin, dy));
                *pixel = if is_set { letters } else { ground };
            }
        }
        Some(area)
    }

    /// The number of a colour; of the nearest one once there are too many.
    fn number(&mut self, colour: u32) -> u8 {
        if let Some(number) = self.colours.iter().position(|known| *known == colour) {
            return number as u8;
        }
        if self.colours.len() < COLOURS {
            self.colours.push(colour);
            return (self.colours.len() - 1) as u8;
        }
        let channel = |colour: u32, shift: u32| (colour >> shift & 0xFF) as i32;
        let distance = |known: &u32| {
            [16, 8, 0]
                .iter()
                .map(|&shift| (channel(*known, shift) - channel(colour, shift)).pow(2))
                .sum::<i32>()
        };
        let nearest = self.colours.iter().enumerate().min_by_key(|(_, known)| distance(known));
        nearest.map_or(0, |(number, _)| number as u8)
    }

    /// The colours as red, green, blue bytes.
    pub fn colour_bytes(&self) -> Vec<u8> {
        self.colours.iter().flat_map(|c| [(c >> 16) as u8, (c >> 8) as u8, *c as u8]).collect()
    }
}
