//! Large letters: a bitmap font drawn in half cells, or in quarters where halves do not fit. Letters stand as close as
//! their dots allow. Half cells have an ASCII form; quarters have none.

use super::face::Face;
use std::sync::LazyLock;

/// Dots between two letters, and in a blank.
const BETWEEN: u32 = 1;
const BLANK: u32 = 2;
/// The most lines.
const LINES: usize = 3;

/// What one cell holds of the dots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grain {
    /// One dot across, two down: bold strokes.
    Half,
    /// Two across, two down: thin ones.
    Quarter,
}

impl Grain {
    fn across(self) -> u32 {
        if self == Grain::Half { 1 } else { 2 }
    }

    /// The letter of a cell with these dots: upper left, upper right, lower left, lower right, from the lowest bit.
    fn letter(self, dots: usize, is_ascii: bool) -> char {
        const QUARTERS: [char; 16] =
            [' ', '▘', '▝', '▀', '▖', '▌', '▞', '▛', '▗', '▚', '▐', '▜', '▄', '▙', '▟', '█'];
        const HALVES: [(char, char); 4] = [(' ', ' '), ('▀', '"'), ('▄', '_'), ('█', '#')];
        match self {
            Grain::Quarter => QUARTERS[dots & 15],
            Grain::Half => {
                let (unicode, ascii) = HALVES[dots & 1 | (dots >> 1) & 2];
                if is_ascii { ascii } else { unicode }
            }
        }
    }
}

/// The fonts, read when large letters are first wanted.
static FACES: LazyLock<[Face; 3]> =
    LazyLock::new(|| [spleen_font::FONT_8X16, spleen_font::FONT_6X12, spleen_font::FONT_5X8].map(Face::read));

/// The sizes, largest first: the font by its place, and how it is drawn.
const SIZES: [(usize, Grain); 5] =
    [(0, Grain::Half), (1, Grain::Half), (2, Grain::Half), (1, Grain::Quarter), (2, Grain::Quarter)];

/// `text` as rows of cells, as large as `columns` and `rows` allow; nothing if it does not fit at all or has letters
/// that the fonts lack. `is_bold` leaves the thin sizes out.
pub(super) fn set(
    text: &str,
    (columns, rows): (u16, u16),
    is_ascii: bool,
    is_bold: bool,
) -> Option<Vec<String>> {
    let allowed = SIZES.iter().filter(|(_, grain)| *grain == Grain::Half || !(is_ascii || is_bold));
    allowed.into_iter().find_map(|(place, grain)| {
        let face = &FACES[*place];
        let lines = wrapped(face, text, u32::from(columns) * grain.across())?;
        let high = lines.len() as u32 * face.height.div_ceil(2);
        (high <= u32::from(rows) && lines.len() <= LINES)
            .then(|| lines.iter().flat_map(|line| drawn(face, line, *grain, is_ascii)).collect())
    })
}

/// The dots of a letter without blank columns at its sides: (rows, width).
fn letter(face: &Face, character: char) -> Option<(Vec<u32>, u32)> {
    if character == ' ' {
        return Some((vec![0; face.height as usize], BLANK));
    }
    let rows = face.rows(character)?;
    let all = rows.iter().fold(0, |all, row| all | row);
    let right = all.trailing_zeros().min(face.width - 1);
    let left = 32 - all.leading_zeros();
    Some((rows.iter().map(|row| row >> right).collect(), left.saturating_sub(right).max(1)))
}

fn width(face: &Face, text: &str) -> Option<u32> {
    let mut all = 0;
    for character in text.chars() {
        all += letter(face, character)?.1 + BETWEEN;
    }
    Some(all.saturating_sub(BETWEEN))
}

/// The lines of `text` at most so many dots wide, about equally long; nothing if a word is wider.
fn wrapped(face: &Face, text: &str, dots: u32) -> Option<Vec<String>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let widths: Vec<u32> = words.iter().map(|word| width(face, word)).collect::<Option<_>>()?;
    let ends = broken(&widths, dots)?;
    // As narrow as so many lines allow: no word is left alone in the last one.
    let narrow =
        (1..dots).rev().map_while(|dots| broken(&widths, dots).filter(|narrow| narrow.len() == ends.len()));
    let ends = narrow.last().unwrap_or(ends);
    let starts = [0].into_iter().chain(ends.iter().copied());
    Some(starts.zip(&ends).map(|(start, &end)| words[start..end].join(" ")).collect())
}

/// After which words lines of at most so many dots end.
fn broken(widths: &[u32], dots: u32) -> Option<Vec<usize>> {
    let (mut ends, mut used) = (Vec::new(), 0);
    for (place, &wide) in widths.iter().enumerate() {
        let longer = used + BETWEEN + BLANK + BETWEEN + wide;
        used = match place {
            _ if wide > dots => return None,
            0 => wide,
            _ if longer <= dots => longer,
            place => {
                ends.push(place);
                wide
            }
        };
    }
    ends.push(widths.len());
    Some(ends)
}

/// One line of text as rows of cells.
fn drawn(face: &Face, line: &str, grain: Grain, is_ascii: bool) -> Vec<String> {
    let mut dots: Vec<Vec<bool>> = vec![Vec::new(); face.height.div_ceil(2) as usize * 2];
    for (rows, wide) in line.chars().filter_map(|character| letter(face, character)) {
        for (y, row) in dots.iter_mut().enumerate() {
            let bits = rows.get(y).copied().unwrap_or(0);
            row.extend((0..wide).rev().map(|x| bits >> x & 1 == 1));
            row.extend((0..BETWEEN).map(|_| false));
        }
    }
    let step = grain.across() as usize;
    let cell = |pair: &[Vec<bool>], x: usize| {
        let dot = |y: usize, x: usize| usize::from(pair[y].get(x).copied().unwrap_or(false));
        let right = |y: usize| if step == 2 { dot(y, x + 1) } else { 0 };
        grain.letter(dot(0, x) | right(0) << 1 | dot(1, x) << 2 | right(1) << 3, is_ascii)
    };
    let row = |pair: &[Vec<bool>]| {
        let text: String = (0..pair[0].len()).step_by(step).map(|x| cell(pair, x)).collect();
        text.trim_end().to_owned()
    };
    dots.chunks_exact(2).map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_drawn_in_half_cells_and_in_ascii() {
        let set = |is_ascii| set("n1!", (80, 4), is_ascii, true).expect("it fits").join("\n");
        assert_eq!(set(false), "      ▄  █\n█▀▀▄ ▀█  █\n█  █  █  ▀\n▀  ▀ ▀▀▀ ▀");
        assert!(set(true).is_ascii() && set(true).contains('#'), "{}", set(true));
    }

    #[test]
    fn the_largest_size_that_fits_is_taken_and_what_fits_nowhere_is_left() {
        let rows = |text: &str, area| set(text, area, false, false).map(|rows| rows.len());
        assert_eq!(rows("n1 dies.", (200, 16)), Some(8));
        assert_eq!(rows("n1 dies.", (80, 7)), Some(6));
        assert_eq!(rows("The same cut, four answers", (80, 9)), Some(8), "two lines of four rows");
        assert_eq!(rows(&"word ".repeat(40), (80, 9)), None);
        assert_eq!(rows("日本", (80, 9)), None, "the fonts lack these letters");
        for (columns, text) in [(80, "Two nodes here, three there."), (60, "A cart with milk in it")] {
            let set = set(text, (columns, 12), false, false).expect("it fits");
            assert!(set.iter().all(|row| row.chars().count() <= usize::from(columns)), "{set:?}");
        }
    }
}
