//! Colours as pixels: what stands behind the names of colours, and what a cell's style comes to.

use super::ansi::modifiers;
use crate::screen::look::{Theme, on_light};
use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier};

/// The colours of a terminal: text, ground, and the sixteen names. Each `0xRRGGBB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Palette {
    /// Text without a colour of its own.
    pub text: u32,
    /// The ground behind it.
    pub ground: u32,
    /// Black, red, green, yellow, blue, magenta, cyan, white, and the same bright.
    pub sixteen: [u32; 16],
}

/// For dark themes: hues of Okabe and Ito.
pub const DARK: Palette = Palette {
    text: 0xD8D8D8,
    ground: 0x16191F,
    sixteen: [
        0x2A2F38, 0xFF7A33, 0x2BC49A, 0xE69F00, 0x56B4E9, 0xE09CC0, 0x56B4E9, 0xD8D8D8, 0x808080, 0xFF9A66,
        0x5FE0BC, 0xF0E442, 0x8CCBF0, 0xF0BCD6, 0x8CCBF0, 0xFFFFFF,
    ],
};

/// For light themes.
pub const LIGHT: Palette = Palette {
    text: 0x202020,
    ground: 0xFCFBF8,
    sixteen: [
        0x202020, 0xA83200, 0x00664B, 0x8A4B00, 0x0A5A8C, 0x8A2E63, 0x0A5A8C, 0x6A6A6A, 0x5A5A5A, 0xA83200,
        0x00664B, 0x6B5E00, 0x0A5A8C, 0x8A2E63, 0x0A5A8C, 0x000000,
    ],
};

/// For high contrast.
pub const CONTRAST: Palette = Palette { text: 0xFFFFFF, ground: 0x000000, ..DARK };

/// The palette a theme is drawn with.
pub fn palette(theme: Theme) -> Palette {
    match theme {
        Theme::OkabeDark | Theme::Ansi16 | Theme::Mono => DARK,
        Theme::OkabeLight => LIGHT,
        Theme::HighContrast => CONTRAST,
    }
}

impl Palette {
    /// The pixels of a colour; `default` for the terminal's own.
    pub fn pixel(&self, colour: Color, default: u32) -> u32 {
        let named = |index: usize| self.sixteen[index];
        match colour {
            Color::Reset => default,
            Color::Rgb(r, g, b) => u32::from(r) << 16 | u32::from(g) << 8 | u32::from(b),
            Color::Indexed(index @ 0..16) => named(usize::from(index)),
            Color::Indexed(index) => cube(index),
            named_colour => named(usize::from(number(named_colour).unwrap_or(7))),
        }
    }

    /// What a cell's letters and ground come to, reversal and dimming included.
    pub fn inks(&self, cell: &Cell) -> (u32, u32) {
        let (mut letters, mut ground) = (self.pixel(cell.fg, self.text), self.pixel(cell.bg, self.ground));
        let modifiers = modifiers(cell);
        if modifiers.contains(Modifier::DIM) {
            letters = mix(letters, ground);
        }
        if modifiers.contains(Modifier::REVERSED) {
            (letters, ground) = (ground, letters);
        }
        if modifiers.contains(Modifier::HIDDEN) {
            letters = ground;
        }
        (letters, ground)
    }
}

/// Five parts of `a`, one of `b`: dimmed text must still be read.
fn mix(a: u32, b: u32) -> u32 {
    let part = |shift: u32| ((5 * (a >> shift & 0xFF) + (b >> shift & 0xFF)) / 6) << shift;
    part(16) | part(8) | part(0)
}

/// The number of a named colour among the sixteen.
pub fn number(colour: Color) -> Option<u8> {
    Some(match colour {
        Color::Black => 0,
        Color::Red => 1,
        Color::Green => 2,
        Color::Yellow => 3,
        Color::Blue => 4,
        Color::Magenta => 5,
        Color::Cyan => 6,
        Color::Gray => 7,
        Color::DarkGray => 8,
        Color::LightRed => 9,
        Color::LightGreen => 10,
        Color::LightYellow => 11,
        Color::LightBlue => 12,
        Color::LightMagenta => 13,
        Color::LightCyan => 14,
        Color::White => 15,
        _ => return None,
    })
}

/// The 6x6x6 cube and the greys of the 256 colours, as xterm draws them.
fn cube(index: u8) -> u32 {
    if index >= 232 {
        return 0x01_01_01 * (8 + 10 * u32::from(index - 232));
    }
    let index = u32::from(index - 16);
    let level = |step: u32| if step == 0 { 0 } else { 55 + 40 * step };
    level(index / 36) << 16 | level(index / 6 % 6) << 8 | level(index % 6)
}

/// The cell as the light theme would have drawn it.
pub fn lightened(cell: &Cell) -> Cell {
    let lighten = |colour: Color| match colour {
        Color::Rgb(r, g, b) => {
            let light = on_light(u32::from(r) << 16 | u32::from(g) << 8 | u32::from(b));
            Color::Rgb((light >> 16) as u8, (light >> 8) as u8, light as u8)
        }
        other => other,
    };
    let mut cell = cell.clone();
    (cell.fg, cell.bg) = (lighten(cell.fg), lighten(cell.bg));
    cell
}

/// `#rrggbb`.
pub fn hex(pixel: u32) -> String {
    format!("#{pixel:06x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_256_colours_are_those_of_xterm() {
        let pixel = |index| DARK.pixel(Color::Indexed(index), 0);
        assert_eq!((pixel(16), pixel(231), pixel(196)), (0x000000, 0xFFFFFF, 0xFF0000));
        assert_eq!((pixel(67), pixel(232), pixel(255)), (0x5F87AF, 0x080808, 0xEEEEEE));
    }

    #[test]
    fn reversal_swaps_and_dimming_moves_towards_the_ground() {
        let mut cell = Cell::default();
        cell.modifier = Modifier::REVERSED;
        assert_eq!(DARK.inks(&cell), (DARK.ground, DARK.text));
        cell.modifier = Modifier::DIM;
        assert_eq!(CONTRAST.inks(&cell), (0xD4D4D4, 0x000000));
    }
}
