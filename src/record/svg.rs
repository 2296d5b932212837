//! Pictures of letters: SVG, still or moving. Letters stay letters, to be searched and read aloud; `textLength` keeps
//! them on the grid whatever font there is.
//!
//! A moving one is a strip of states for every row, moved by CSS in steps: a row that rarely changes costs little.
//!
//! ```text
//! row 7   | state 0 |  <- window, one row high        @keyframes r7 { 0% { 0 } 12.5% { -17px } ... }
//!         | state 1 |
//!         | state 2 |
//! ```

use super::film::{Encoder, Ending, Refusal, Shot, Titles};
use super::runs::{Run, Sheet, escaped, is_sign};
use crate::base::time::Span;
use ratatui::buffer::Buffer;
use std::collections::BTreeMap;
use std::fmt::Write;

/// A cell's size and the line letters stand on, in units of the drawing.
const CELL: (u16, u16) = (9, 17);
const BASELINE: u16 = 13;
const FONT: &str =
    "15px ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono','Liberation Mono',monospace";
/// Room around the picture.
const MARGIN: u16 = 12;
/// The longest film: pages show it again and again, and browsers keep all of it.
pub const LONGEST: Span = Span::seconds(20);
/// The largest file.
pub const LARGEST: usize = 2_000_000;
/// Blanks that end a run of text.
const GAP: &str = "    ";
/// How long the last picture stays before the film begins again.
const REST: Span = Span::seconds(2);

/// What one row shows over time.
#[derive(Default)]
struct Strip {
    /// Its states, in the order in which they first came.
    states: Vec<Vec<Run>>,
    known: BTreeMap<String, usize>,
    /// When it shows which.
    changes: Vec<(Span, usize)>,
}

/// Makes an SVG.
pub struct Svg {
    titles: Titles,
    sheet: Sheet,
    strips: Vec<Strip>,
    said: Vec<String>,
}

impl Svg {
    /// An empty drawing.
    ///
    /// # Errors
    /// If the film is too long.
    pub fn new(titles: &Titles) -> Result<Self, Refusal> {
        if titles.length > LONGEST {
            // Rounded up to a tenth, so that what is proposed fits.
            let tenths = titles.length.0.div_ceil(LONGEST.0 / 10);
            return Err(format!(
                "a moving SVG holds {LONGEST}, and this film lasts {}: --from and --to choose a part, --speed {}.{} \
                 would fit, --at makes a still",
                titles.length,
                tenths / 10,
                tenths % 10
            ));
        }
        let sheet = Sheet::new(titles.palette, titles.light);
        let strips = (0..titles.size.1).map(|_| Strip::default()).collect();
        Ok(Svg { titles: titles.clone(), sheet, strips, said: Vec::new() })
    }

    fn take_row(&mut self, picture: &Buffer, y: u16, at: Span) {
        let runs = self.sheet.runs(picture, y, is_sign);
        let name: String = runs.iter().map(|run| format!("{}\u{0}{}\u{0}", run.style, run.text)).collect();
        let strip = &mut self.strips[usize::from(y)];
        let state = *strip.known.entry(name).or_insert_with(|| {
            strip.states.push(runs);
            strip.states.len() - 1
        });
        if strip.changes.last().is_none_or(|(_, last)| *last != state) {
            strip.changes.push((at, state));
        }
    }

    /// One state of a row, `down` units from the top.
    fn draw_row(&self, out: &mut String, runs: &[Run], down: u16) {
        for run in runs {
            let (x, wide) = (run.x * CELL.0, run.columns * CELL.0);
            // Formatting into a string cannot fail.
            if self.sheet.has_ground(run.style) {
                let (style, high) = (run.style, CELL.1);
                _ = write!(
                    out,
                    r#"<rect class="b{style}" x="{x}" y="{down}" width="{wide}" height="{high}"/>"#
                );
            }
            if let Some(eighths) = bar(&run.text) {
                self.draw_bars(out, run, down, &eighths);
                continue;
            }
            if let Some(quarters) = blocks(&run.text) {
                self.draw_blocks(out, run, down, &quarters);
                continue;
            }
            let keeps_blanks = self.sheet.is_seen_on_blanks(run.style);
            for (offset, text) in pieces(&run.text, keeps_blanks) {
                let letters = text.chars().count() as u16;
                let (x, wide) = (x + offset * CELL.0, if letters > 1 { letters * CELL.0 } else { 0 });
                _ = write!(out, r#"<text class="a{}" x="{x}" y="{}""#, run.style, down + BASELINE);
                if wide > 0 {
                    _ = write!(out, r#" textLength="{wide}""#);
                }
                _ = write!(out, ">{}</text>", escaped(&text));
            }
        }
        out.push('\n');
    }

    /// Bars from the bottom: fonts draw them in heights of their own.
    fn draw_bars(&self, out: &mut String, run: &Run, down: u16, eighths: &[u16]) {
        for (nth, eighths) in (0..).zip(eighths) {
            let high = (CELL.1 * eighths).div_ceil(8);
            let (style, wide, x, y) = (run.style, CELL.0, (run.x + nth) * CELL.0, down + CELL.1 - high);
            _ = write!(out, r#"<rect class="a{style}" x="{x}" y="{y}" width="{wide}" height="{high}"/>"#);
        }
    }

    /// Large letters: fonts leave gaps between halves and quarters of cells.
    fn draw_blocks(&self, out: &mut String, run: &Run, down: u16, quarters: &[u16]) {
        let (half, style) = (CELL.1 / 2, run.style);
        let mut rect = |x: u16, y: u16, wide: u16, high: u16| {
            _ = write!(out, r#"<rect class="a{style}" x="{x}" y="{y}" width="{wide}" height="{high}"/>"#);
        };
        for (row, (y, high)) in [(down, half), (down + half, CELL.1 - half)].into_iter().enumerate() {
            let bits = |nth: usize| quarters[nth] >> (2 * row) & 3;
            let (mut nth, all) = (0, quarters.len());
            while nth < all {
                let (x, shape) = ((run.x + nth as u16) * CELL.0, bits(nth));
                // Neighbours with the same shape are one.
                let same = if shape == 3 { (nth..all).take_while(|&nth| bits(nth) == 3).count() } else { 1 };
                let left = CELL.0 / 2;
                match shape {
                    1 => rect(x, y, left, high),
                    2 => rect(x + left, y, CELL.0 - left, high),
                    3 => rect(x, y, same as u16 * CELL.0, high),
                    _ => {}
                }
                nth += same;
            }
        }
    }

    fn draw_strip(&self, body: &mut String, css: &mut String, nth: usize, strip: &Strip, total: Span) {
        let top = nth as u16 * CELL.1;
        let is_still = strip.states.len() == 1;
        if is_still {
            return self.draw_row(body, &strip.states[0], top);
        }
        let (width, high) = (self.titles.size.0 * CELL.0, CELL.1);
        _ = write!(body, r#"<svg y="{top}" width="{width}" height="{high}"><g class="r r{nth}">"#);
        for (state, runs) in strip.states.iter().enumerate() {
            self.draw_row(body, runs, state as u16 * CELL.1);
        }
        body.push_str("</g></svg>\n");
        _ = write!(css, "@keyframes r{nth}{{");
        for (at, state) in &strip.changes {
            let share = at.scaled(100_000, total.0.max(1)).0;
            _ = write!(
                css,
                "{}.{:03}%{{transform:translateY(-{}px)}}",
                share / 1_000,
                share % 1_000,
                state * usize::from(CELL.1)
            );
        }
        _ = writeln!(css, "}}.r{nth}{{animation-name:r{nth}}}");
    }
}

/// The heights of a run of bars, in eighths; nothing if it is something else.
fn bar(text: &str) -> Option<Vec<u16>> {
    text.chars().map(|c| ('▁'..='█').contains(&c).then(|| c as u16 - '▁' as u16 + 1)).collect()
}

/// The quarters of a run of blocks, from the lowest bit: upper left, upper right, lower left, lower right; nothing if
/// it is something else.
fn blocks(text: &str) -> Option<Vec<u16>> {
    const SHAPES: &str = "▘▝▀▖▌▞▛▗▚▐▜▄▙▟█";
    text.chars().map(|c| SHAPES.chars().position(|shape| shape == c).map(|place| place as u16 + 1)).collect()
}

/// The parts of a run between long gaps: (column, text).
fn pieces(text: &str, keeps_blanks: bool) -> Vec<(u16, String)> {
    if keeps_blanks {
        return vec![(0, text.to_owned())];
    }
    let (mut parts, mut column) = (Vec::new(), 0);
    for part in text.split(GAP) {
        let bare = part.trim_start();
        let before = (part.chars().count() - bare.chars().count()) as u16;
        if !bare.trim_end().is_empty() {
            parts.push((column + before, bare.trim_end().to_owned()));
        }
        column += (part.chars().count() + GAP.len()) as u16;
    }
    parts
}

impl Encoder for Svg {
    fn take(&mut self, shot: &Shot<'_>) -> Result<(), Refusal> {
        if (shot.picture.area.width, shot.picture.area.height) != self.titles.size {
            return Err("a film that changes its size cannot become SVG; a still of it can: --at".to_owned());
        }
        for y in 0..shot.picture.area.height {
            self.take_row(shot.picture, y, shot.at);
        }
        self.said.extend(shot.chapters.iter().map(super::film::Chapter::label));
        Ok(())
    }

    fn finish(self: Box<Self>, ending: &Ending) -> Result<Vec<u8>, Refusal> {
        let total = ending.length + REST;
        let (mut body, mut moves) = (String::new(), String::new());
        for (nth, strip) in self.strips.iter().enumerate().filter(|(_, strip)| !strip.states.is_empty()) {
            self.draw_strip(&mut body, &mut moves, nth, strip, total);
        }
        let (columns, rows) = self.titles.size;
        let (width, height) = (columns * CELL.0 + 2 * MARGIN, rows * CELL.1 + 2 * MARGIN);
        let ground = |palette: super::colour::Palette| super::colour::hex(palette.ground);
        let mut css =
            format!("text{{font:{FONT};white-space:pre}}.g{{fill:{}}}\n", ground(self.titles.palette));
        css.push_str(&self.sheet.css("fill", "fill"));
        if let Some(light) = self.titles.light {
            _ = write!(css, "\n@media(prefers-color-scheme:light){{.g{{fill:{}}}}}", ground(light));
        }
        if !moves.is_empty() {
            _ = write!(
                css,
                "\n.r{{animation:r {}.{:03}s step-end infinite}}\n{moves}\
                 @media(prefers-reduced-motion:reduce){{.r{{animation-play-state:paused}}}}",
                total.0 / 1_000_000,
                total.0 / 1_000 % 1_000
            );
        }
        let said = if self.said.is_empty() { String::new() } else { format!("\n{}", self.said.join("\n")) };
        let description = escaped(&format!("{}{said}\n{}", self.titles.summary, self.titles.command));
        let file = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" \
             height=\"{height}\" role=\"img\" aria-labelledby=\"t d\" xml:space=\"preserve\">\n\
             <title id=\"t\">{}</title>\n<desc id=\"d\">{description}</desc>\n<style>{css}</style>\n\
             <rect class=\"g\" width=\"{width}\" height=\"{height}\" rx=\"8\"/>\n\
             <svg x=\"{MARGIN}\" y=\"{MARGIN}\">\n{body}</svg>\n</svg>\n",
            escaped(&self.titles.full())
        );
        fits(file, ending.length)
    }
}

fn fits(file: String, length: Span) -> Result<Vec<u8>, Refusal> {
    if file.len() <= LARGEST {
        return Ok(file.into_bytes());
    }
    let part = length.scaled(LARGEST as u64, file.len() as u64);
    Err(format!(
        "this would be an SVG of {} KB, and {} KB are the most: about {}.{} s of it would fit (--from, --to), or fewer \
         pictures a second (--fps), or a still (--at)",
        file.len() / 1_000,
        LARGEST / 1_000,
        part.0 / 1_000_000,
        part.0 / 100_000 % 10
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_lie_between_long_gaps() {
        assert_eq!(pieces("  ab c      d  ", false), [(2, "ab c".to_owned()), (12, "d".to_owned())]);
        assert_eq!(pieces("     ", false), []);
        assert_eq!(pieces(" _ ", true), [(0, " _ ".to_owned())]);
    }

    #[test]
    fn blocks_are_known_by_their_quarters() {
        assert_eq!(blocks("▀▄█▗"), Some(vec![0b0011, 0b1100, 0b1111, 0b1000]));
        assert_eq!(blocks("▀a"), None);
    }

    #[test]
    fn what_is_too_large_says_what_would_fit() {
        let refusal = fits("x".repeat(4_000_000), Span::seconds(10)).unwrap_err();
        assert!(refusal.contains("4000 KB") && refusal.contains("about 5.0 s"), "{refusal}");
    }
}
