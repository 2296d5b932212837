//! Writes into a buffer: fitted text, boxes. Everything from outside passes through `safe` on its way.

use super::look::{Look, Sign, Token};
use crate::base::text::{fit, safe, width};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::widgets::{Paragraph, Widget, Wrap};

/// A buffer and a look.
pub(super) struct Pen<'a> {
    buffer: &'a mut Buffer,
    look: &'a Look,
}

impl<'a> Pen<'a> {
    pub(super) fn new(buffer: &'a mut Buffer, look: &'a Look) -> Self {
        Pen { buffer, look }
    }

    pub(super) fn look(&self) -> &Look {
        self.look
    }

    pub(super) fn sign(&self, sign: Sign) -> char {
        self.look.sign(sign)
    }

    /// Writes `text` at most `columns` wide, ending in `…` if it does not fit; gives the columns used.
    pub(super) fn text(&mut self, x: u16, y: u16, columns: u16, text: &str, token: Token) -> u16 {
        let style = self.look.style(token);
        self.styled(x, y, columns, text, style)
    }

    pub(super) fn styled(&mut self, x: u16, y: u16, columns: u16, text: &str, style: Style) -> u16 {
        if y >= self.buffer.area.bottom() || x >= self.buffer.area.right() {
            return 0;
        }
        let columns = columns.min(self.buffer.area.right() - x);
        let shown = safe(text);
        let shown = if self.look.is_ascii { ascii(&shown) } else { shown.into_owned() };
        let fitted = fit(&shown, usize::from(columns));
        let fitted = if self.look.is_ascii { fitted.replace('…', "~") } else { fitted.into_owned() };
        self.buffer.set_stringn(x, y, &fitted, usize::from(columns), style);
        width(&fitted) as u16
    }

    /// Writes `text` broken at blanks, as far as `area` reaches.
    pub(super) fn paragraph(&mut self, area: Rect, text: &str, token: Token) {
        let shown = safe(text);
        let shown = if self.look.is_ascii { ascii(&shown) } else { shown.into_owned() };
        let text = Paragraph::new(shown).wrap(Wrap { trim: true }).style(self.look.style(token));
        text.render(area.intersection(self.buffer.area), self.buffer);
    }

    /// Writes pieces one after the other; gives the columns used.
    pub(super) fn pieces(&mut self, x: u16, y: u16, columns: u16, pieces: &[(&str, Token)]) -> u16 {
        let mut used = 0;
        for (text, token) in pieces {
            if used >= columns {
                break;
            }
            used += self.text(x + used, y, columns - used, text, *token);
        }
        used
    }

    /// Writes `text` so that it ends at the right edge of `area`'s first row.
    pub(super) fn right(&mut self, area: Rect, text: &str, token: Token) -> u16 {
        let wide = (width(text) as u16).min(area.width);
        self.text(area.right() - wide, area.y, wide, text, token)
    }

    /// One cell.
    pub(super) fn put(&mut self, x: u16, y: u16, sign: char, token: Token) {
        let style = self.look.style(token);
        if let Some(cell) = self.buffer.cell_mut((x, y)) {
            cell.set_char(sign).set_style(style);
        }
    }

    /// Draws a border with a title; gives the inside.
    pub(super) fn boxed(&mut self, area: Rect, title: &str, token: Token) -> Rect {
        if area.width < 2 || area.height < 2 {
            return Rect { width: 0, height: 0, ..area };
        }
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        let (horizontal, vertical) = (self.sign(Sign::Horizontal), self.sign(Sign::Vertical));
        for x in area.x..=right {
            self.put(x, area.y, horizontal, token);
            self.put(x, bottom, horizontal, token);
        }
        for y in area.y..=bottom {
            self.put(area.x, y, vertical, token);
            self.put(right, y, vertical, token);
        }
        for (x, y, sign) in [
            (area.x, area.y, Sign::TopLeft),
            (right, area.y, Sign::TopRight),
            (area.x, bottom, Sign::BottomLeft),
            (right, bottom, Sign::BottomRight),
        ] {
            self.put(x, y, self.sign(sign), token);
        }
        if !title.is_empty() && area.width > 4 {
            let style = self.look.style(token).add_modifier(Modifier::BOLD);
            self.styled(area.x + 1, area.y, area.width - 2, &format!(" {title} "), style);
        }
        Rect { x: area.x + 1, y: area.y + 1, width: area.width - 2, height: area.height - 2 }
    }

    /// Empties an area, for what lies on top.
    pub(super) fn clear(&mut self, area: Rect) {
        let area = area.intersection(self.buffer.area);
        for y in area.y..area.bottom() {
            for x in area.x..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                }
            }
        }
    }

    /// Turns a row's colours around: the selection.
    pub(super) fn reverse(&mut self, area: Rect) {
        self.buffer.set_style(area, Style::new().add_modifier(Modifier::REVERSED));
    }
}

/// Text in ASCII: known signs by their ASCII form, anything else as a question mark.
fn ascii(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_ascii() => c,
            '→' => '>',
            '·' => '-',
            '…' => '~',
            '↑' => '^',
            '↓' => 'v',
            '±' => '+',
            c => super::look::SIGNS
                .iter()
                .map(|sign| sign.forms())
                .find(|(u, _)| *u == c)
                .map_or('?', |(_, a)| a),
        })
        .collect()
}
