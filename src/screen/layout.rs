//! Which part of the screen gets which space: by width and height, most important first.

use super::{View, Watch, header};
use crate::driver::frame::{Frame, Narration};
use ratatui::layout::Rect;

/// The parts of the screen, from top to bottom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// What is playing, and when.
    pub header: Rect,
    /// The active faults.
    pub faults: Rect,
    /// The view.
    pub body: Rect,
    /// What was said last; may be empty.
    pub narration: Rect,
    /// The note that was taken since; may be empty.
    pub note: Rect,
    /// The timeline.
    pub timeline: Rect,
    /// Toast and keys.
    pub footer: Rect,
}

impl Layout {
    /// Divides `area`.
    pub fn of(area: Rect, watch: &Watch, frame: &Frame) -> Self {
        let row = |y: u16, height: u16| Rect { x: area.x, y, width: area.width, height };
        let lines = header::narration(frame, area.width).len() as u16;
        let is_told =
            lines > 0 && matches!(watch.view, View::Cluster | View::SideBySide) && !watch.is_expanded;
        let narration_height = match area.height {
            _ if !is_told => 0,
            ..22 => lines.min(2),
            22..30 => lines.min(4),
            _ => lines.min(6),
        };
        let footer_height = if area.height >= 20 { 2 } else { 1 };
        let note_height = u16::from(standing_note(frame).is_some() && area.height >= 20);
        let below = narration_height + note_height + 1 + footer_height;
        let body_height = area.height.saturating_sub(2 + below);
        let body = row(area.y + 2, body_height);
        let narration = row(body.bottom(), narration_height);
        let note = row(narration.bottom(), note_height);
        let timeline = row(note.bottom(), 1);
        Layout {
            header: row(area.y, 1),
            faults: row(area.y + 1, 1),
            body,
            narration,
            note,
            timeline,
            footer: row(timeline.bottom(), footer_height),
        }
    }

    /// Everything but the footer, for what lies on top.
    pub fn above_footer(&self) -> Rect {
        let height = self.footer.y - self.header.y;
        Rect { x: self.header.x, y: self.header.y, width: self.header.width, height }
    }
}

/// The note that was taken since something was said last: it stands until more is said.
pub(super) fn standing_note(frame: &Frame) -> Option<&Narration> {
    let said = frame.narration.as_ref().map(|said| said.at);
    frame.note.as_ref().filter(|note| said.is_none_or(|said| said <= note.at))
}

/// Splits `area` into a left part of `width` columns and the rest.
pub fn split_left(area: Rect, width: u16) -> (Rect, Rect) {
    let width = width.min(area.width);
    (Rect { width, ..area }, Rect { x: area.x + width, width: area.width - width, ..area })
}

/// Splits `area` into an upper part of `height` rows and the rest.
pub fn split_top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
}

/// Cuts `area` into `count` columns that differ by at most one in width.
pub fn columns(area: Rect, count: usize) -> Vec<Rect> {
    let count = count.max(1) as u16;
    let edge = |nth: u16| area.x + (u32::from(area.width) * u32::from(nth) / u32::from(count)) as u16;
    (0..count).map(|nth| Rect { x: edge(nth), width: edge(nth + 1) - edge(nth), ..area }).collect()
}
