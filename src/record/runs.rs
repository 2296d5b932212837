//! Rows of a picture as runs of equal style, for formats that write letters instead of pixels.

use super::ansi::{columns, modifiers, symbol};
use super::colour::{Palette, hex, lightened};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::Modifier;
use std::fmt::Write;

/// Neighbouring cells of one style.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its first column.
    pub x: u16,
    /// Columns it takes.
    pub columns: u16,
    /// Its letters.
    pub text: String,
    /// Its style, by number.
    pub style: usize,
}

/// How letters look: colours on a dark and on a light ground, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dress {
    letters: (u32, u32),
    ground: (u32, u32),
    modifier: Modifier,
}

/// The styles met so far.
pub struct Sheet {
    palette: Palette,
    light: Option<Palette>,
    dresses: Vec<Dress>,
}

impl Sheet {
    /// None met; `light` for those who prefer a light ground.
    pub fn new(palette: Palette, light: Option<Palette>) -> Self {
        Sheet { palette, light, dresses: Vec::new() }
    }

    fn dress(&self, cell: &Cell) -> Dress {
        let dark = self.palette.inks(cell);
        let light = self.light.map_or(dark, |light| light.inks(&lightened(cell)));
        // What the colours already say is left out.
        let modifier = modifiers(cell)
            & (Modifier::BOLD | Modifier::ITALIC | Modifier::UNDERLINED | Modifier::CROSSED_OUT);
        Dress { letters: (dark.0, light.0), ground: (dark.1, light.1), modifier }
    }

    fn number(&mut self, cell: &Cell) -> usize {
        let dress = self.dress(cell);
        match self.dresses.iter().position(|known| *known == dress) {
            Some(number) => number,
            None => {
                self.dresses.push(dress);
                self.dresses.len() - 1
            }
        }
    }

    /// Whether a style has a ground of its own.
    pub fn has_ground(&self, style: usize) -> bool {
        self.dresses[style].ground.0 != self.palette.ground
    }

    /// Whether blanks of a style show something.
    pub fn is_seen_on_blanks(&self, style: usize) -> bool {
        self.dresses[style].modifier.intersects(Modifier::UNDERLINED | Modifier::CROSSED_OUT)
    }

    /// The runs of a row. `is_apart` says which letters must begin a run and fill it with their like.
    pub fn runs(&mut self, picture: &Buffer, y: u16, is_apart: impl Fn(char) -> bool) -> Vec<Run> {
        let (mut runs, mut x): (Vec<Run>, u16) = (Vec::new(), picture.area.left());
        let first = |text: &str| text.chars().next().unwrap_or(' ');
        while x < picture.area.right() {
            let cell = &picture[(x, y)];
            let (style, wide, symbol) = (self.number(cell), columns(cell), symbol(cell));
            let (this, at) = (first(symbol), x - picture.area.left());
            let joins = |run: &&mut Run| {
                let last = first(&run.text);
                run.style == style && (last == this || (!is_apart(last) && !is_apart(this)))
            };
            match runs.last_mut().filter(joins) {
                Some(run) => {
                    run.text.push_str(symbol);
                    run.columns += wide;
                }
                None => runs.push(Run { x: at, columns: wide, text: symbol.to_owned(), style }),
            }
            x += wide;
        }
        runs
    }

    /// The rules of a style sheet: `letters` is the property for them, `.a0` their classes, `.b0` those of the grounds.
    pub fn css(&self, letters: &str, ground: &str) -> String {
        let mut css = String::new();
        // Formatting into a string cannot fail.
        let rules = |css: &mut String, nth: fn((u32, u32)) -> u32, with_marks: bool| {
            for (number, dress) in self.dresses.iter().enumerate() {
                let _ = write!(css, ".a{number}{{{letters}:{}", hex(nth(dress.letters)));
                if with_marks {
                    css.push_str(marks(dress.modifier));
                }
                css.push('}');
                if self.has_ground(number) {
                    let _ = write!(css, ".b{number}{{{ground}:{}}}", hex(nth(dress.ground)));
                }
            }
        };
        rules(&mut css, |(dark, _)| dark, true);
        if self.light.is_some() {
            css.push_str("\n@media(prefers-color-scheme:light){");
            rules(&mut css, |(_, light)| light, false);
            css.push('}');
        }
        css
    }
}

fn marks(modifier: Modifier) -> &'static str {
    match modifier {
        m if m.contains(Modifier::BOLD | Modifier::UNDERLINED) => {
            ";font-weight:700;text-decoration:underline"
        }
        m if m.contains(Modifier::BOLD) => ";font-weight:700",
        m if m.contains(Modifier::UNDERLINED) => ";text-decoration:underline",
        m if m.contains(Modifier::CROSSED_OUT) => ";text-decoration:line-through",
        m if m.contains(Modifier::ITALIC) => ";font-style:italic",
        _ => "",
    }
}

/// Letters that fonts draw in widths of their own: they get places of their own.
pub fn is_sign(letter: char) -> bool {
    !matches!(letter, '\u{0}'..='\u{24F}' | '\u{2500}'..='\u{257F}' | '…')
}

/// Text as XML and HTML take it.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(letter),
            letter if letter.is_control() || matches!(letter, '\u{FFFE}' | '\u{FFFF}') => {
                out.push('\u{FFFD}')
            }
            letter => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::colour::DARK;
    use ratatui::layout::Rect;
    use ratatui::style::{Color, Style};

    #[test]
    fn runs_end_where_the_style_or_the_width_of_letters_does() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 9, 1));
        buffer.set_string(0, 0, "ab", Style::new().fg(Color::Rgb(1, 2, 3)));
        buffer.set_string(2, 0, "cd■■▪", Style::new());
        let mut sheet = Sheet::new(DARK, None);
        let runs = sheet.runs(&buffer, 0, is_sign);
        let texts: Vec<(u16, &str)> = runs.iter().map(|run| (run.x, run.text.as_str())).collect();
        assert_eq!(texts, [(0, "ab"), (2, "cd"), (4, "■■"), (6, "▪"), (7, "  ")]);
        assert_eq!(sheet.css("fill", "fill"), ".a0{fill:#010203}.a1{fill:#d8d8d8}");
    }

    #[test]
    fn nothing_that_markup_would_obey_is_left() {
        assert_eq!(escaped("<script>\"&'\u{1b}"), "&lt;script&gt;&quot;&amp;&#39;\u{FFFD}");
    }
}
