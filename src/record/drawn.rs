//! Signs drawn by arithmetic: what the font lacks, and families that must look alike. Integers only, so that every
//! machine sets the same pixels.

use super::font::Glyph;

/// The picture of `character` in a cell of `w` by `h` pixels, if it is one that is drawn.
pub(super) fn glyph(character: char, w: i32, h: i32) -> Option<Glyph> {
    let of = |is_set: &dyn Fn(i32, i32) -> bool| Some(Glyph::of(w as u32, h as u32, is_set));
    let size = Size { w, h };
    match character {
        ' ' => of(&|_, _| false),
        '▁'..='█' => {
            let eighths = character as i32 - '▁' as i32 + 1;
            of(&|_, y| y >= h - h * eighths / 8)
        }
        '▉'..='▏' => {
            let eighths = 7 - (character as i32 - '▉' as i32);
            of(&|x, _| x < (w * eighths / 8).max(1))
        }
        '▀' => of(&|_, y| y < h / 2),
        '▐' => of(&|x, _| x >= w / 2),
        '▔' => of(&|_, y| y < h / 8),
        '▕' => of(&|x, _| x >= w - (w / 8).max(1)),
        '▖'..='▟' => {
            let quarters = QUADRANTS[character as usize - '▖' as usize];
            of(&|x, y| quarters >> (2 * i32::from(y >= h / 2) + i32::from(x >= w / 2)) & 1 == 1)
        }
        '\u{2800}'..='\u{28FF}' => {
            let dots = character as u32 - 0x2800;
            of(&|x, y| size.braille(dots, x, y))
        }
        // The font has its light lines as thick as these.
        '━' => of(&|_, y| (h / 2 - w / 4..h / 2 + w / 4).contains(&y)),
        '┃' => of(&|x, _| (w / 4..w - w / 4).contains(&x)),
        '■' => of(&|x, y| size.square(x, y, 6)),
        '□' => of(&|x, y| size.square(x, y, 6) && !size.square(x, y, 4)),
        '▪' => of(&|x, y| size.square(x, y, 4)),
        '▫' => of(&|x, y| size.square(x, y, 4) && !size.square(x, y, 2)),
        '●' => of(&|x, y| size.disc(x, y, 6)),
        '○' => of(&|x, y| size.disc(x, y, 6) && !size.disc(x, y, 4)),
        '◌' => {
            of(&|x, y| size.disc(x, y, 6) && !size.disc(x, y, 4) && (x / (w / 8) + y / (w / 8)) % 2 == 0)
        }
        '◆' => of(&|x, y| size.diamond(x, y, 8)),
        '◇' => of(&|x, y| size.diamond(x, y, 8) && !size.diamond(x, y, 5)),
        '▶' => of(&|x, y| size.triangle(x, y, 8)),
        '▸' => of(&|x, y| size.triangle(x, y, 5)),
        '◀' => of(&|x, y| size.triangle(w - 1 - x, y, 8)),
        '◂' => of(&|x, y| size.triangle(w - 1 - x, y, 5)),
        '✓' | '✔' => {
            of(&|x, y| size.stroke(x, y, (1, 16), (6, 22)) || size.stroke(x, y, (6, 22), (14, 9)))
        }
        '✗' | '✘' => {
            of(&|x, y| size.stroke(x, y, (2, 10), (13, 22)) || size.stroke(x, y, (13, 10), (2, 22)))
        }
        _ => None,
    }
}

/// What stands for a character nobody has: an empty box.
pub(super) fn unknown(w: i32, h: i32) -> Glyph {
    let line = (w / 8).max(1);
    Glyph::of(w as u32, h as u32, |x, y| {
        let is_inside =
            |by: i32| (w / 8 + by..w - w / 8 - by).contains(&x) && (h / 8 + by..h - h / 8 - by).contains(&y);
        is_inside(0) && !is_inside(line)
    })
}

/// The quarters of `▖` to `▟`: bits for upper left, upper right, lower left, lower right.
const QUADRANTS: [u8; 10] = [0b0100, 0b1000, 0b0001, 0b1101, 0b1001, 0b0111, 0b1011, 0b0010, 0b0110, 0b1110];

/// A cell's size. The shapes below are centred where the middle of lower-case letters is, and measured in eighths of
/// its width.
#[derive(Clone, Copy)]
struct Size {
    w: i32,
    h: i32,
}

impl Size {
    /// Twice the distance from the middle of the cell to the middle of a pixel.
    fn off_middle(self, x: i32, y: i32) -> (i32, i32) {
        (2 * x + 1 - self.w, 2 * y + 1 - self.h)
    }

    fn square(self, x: i32, y: i32, eighths: i32) -> bool {
        let (dx, dy) = self.off_middle(x, y);
        let half = self.w * eighths / 8;
        dx.abs() < half && dy.abs() < half
    }

    fn disc(self, x: i32, y: i32, eighths: i32) -> bool {
        let (dx, dy) = self.off_middle(x, y);
        let radius = self.w * eighths / 8;
        dx * dx + dy * dy <= radius * radius
    }

    fn diamond(self, x: i32, y: i32, eighths: i32) -> bool {
        let (dx, dy) = self.off_middle(x, y);
        dx.abs() + dy.abs() < self.w * eighths / 8
    }

    /// A triangle that points right.
    fn triangle(self, x: i32, y: i32, eighths: i32) -> bool {
        let (dx, dy) = self.off_middle(x, y);
        let half = self.w * eighths / 8;
        dx.abs() < half && 2 * dy.abs() < half - dx + self.w / 8
    }

    /// Whether a pixel lies on the stroke between two points, given in sixteenths of the cell's width and thirty-seconds
    /// of its height.
    fn stroke(self, x: i32, y: i32, from: (i32, i32), to: (i32, i32)) -> bool {
        // In units of a thirty-second of the cell's height, that is a sixteenth of its width: cells are 1 by 2.
        let place = |n: i32, of: i32, units: i32| (2 * n + 1) * units / (2 * of);
        let (px, py) = (place(x, self.w, 160), place(y, self.h, 320));
        let (ax, ay, bx, by) = (from.0 * 10, from.1 * 10, to.0 * 10, to.1 * 10);
        let (dx, dy) = (bx - ax, by - ay);
        let length = dx * dx + dy * dy;
        let along = ((px - ax) * dx + (py - ay) * dy).clamp(0, length);
        let (qx, qy) = (ax + along * dx / length, ay + along * dy / length);
        let (ex, ey) = (px - qx, py - qy);
        // Two sixteenths of the width thick, a little more where a pixel is that large.
        ex * ex + ey * ey <= 13 * 13
    }

    /// Braille: two by four dots, numbered as Unicode does.
    fn braille(self, dots: u32, x: i32, y: i32) -> bool {
        let (column, row) = (2 * x / self.w, 4 * y / self.h);
        let number = if row == 3 { 6 + column } else { 3 * column + row };
        let (dx, dy) = (2 * x + 1 - self.w * (2 * column + 1) / 2, 2 * y + 1 - self.h * (2 * row + 1) / 4);
        let radius = self.w / 4;
        dots >> number & 1 == 1 && dx * dx + dy * dy <= radius * radius
    }
}
