//! Which part of the screen gets which space: by width and height, most important first.

use super::{View, Watch};
use crate::driver::frame::Frame;
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
    /// The timeline.
    pub timeline: Rect,
    /// Toast and keys.
    pub footer: Rect,
}

impl Layout {
    /// Divides `area`.
    pub fn of(area: Rect, watch: &Watch, frame: &Frame) -> Self {
        let row = |y: u16, height: u16| Rect { x: area.x, y, width: area.width, height };
        let lines =
            frame.narration.as_ref().map_or(0, |narration| narration.text.trim().lines().count() as u16);
        let is_told =
            lines > 0 && matches!(watch.view, View::Cluster | View::SideBySide) && !watch.is_expanded;
        let narration_height = match area.height {
            _ if !is_told => 0,
            ..22 => 1,
            22..30 => lines.min(2),
            _ => lines.min(5),
        };
        let footer_height = if area.height >= 20 { 2 } else { 1 };
        let below = narration_height + 1 + footer_height;
        let body_height = area.height.saturating_sub(2 + below);
        let body = row(area.y + 2, body_height);
        let narration = row(body.bottom(), narration_height);
        let timeline = row(narration.bottom(), 1);
        Layout {
            header: row(area.y, 1),
            faults: row(area.y + 1, 1),
            body,
            narration,
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
