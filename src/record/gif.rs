//! Moving pictures: each carries the rectangle that changed, and in it only the pixels that did.

use super::film::{Encoder, Ending, Refusal, Shot, Titles};
use super::raster::{Area, Raster};
use crate::base::time::Span;
use ::gif::{DisposalMethod, Frame, Repeat};
use std::borrow::Cow;

/// The shortest a picture is shown, in hundredths of a second: players draw shorter ones slowly.
const SHORTEST: u64 = 4;
/// How long the last picture stays before the film begins again.
const REST: Span = Span::seconds(3);
/// "As it was before": the number after the last colour.
const UNCHANGED: u8 = 255;

/// Makes a GIF.
pub struct Gif {
    raster: Raster,
    /// Pixels as the frames so far leave them.
    shown: Vec<u8>,
    frames: Vec<Frame<'static>>,
    /// What changed since the newest frame, and the hundredth of a second in which it is shown.
    pending: Option<(Area, u64)>,
}

impl Gif {
    /// An empty film.
    ///
    /// # Errors
    /// If its pictures would be too large.
    pub fn new(titles: &Titles, scale: u32) -> Result<Self, Refusal> {
        let raster = Raster::new(titles.size, scale, titles.palette)?;
        Ok(Gif { shown: Vec::new(), raster, frames: Vec::new(), pending: None })
    }

    /// Writes what is pending, to be shown until `until`.
    fn flush(&mut self, until: u64) {
        let Some((area, since)) = self.pending.take() else { return };
        let pixels = self.changed(area);
        let delay = u16::try_from(until - since).unwrap_or(u16::MAX);
        let mut frame = Frame {
            delay,
            dispose: DisposalMethod::Keep,
            transparent: Some(UNCHANGED),
            left: area.x as u16,
            top: area.y as u16,
            width: area.width as u16,
            height: area.height as u16,
            buffer: Cow::Owned(pixels),
            ..Frame::default()
        };
        frame.make_lzw_pre_encoded();
        self.frames.push(frame);
        self.shown.clone_from(&self.raster.pixels);
    }

    /// The pixels of `area`, those that are as before left open.
    fn changed(&self, area: Area) -> Vec<u8> {
        let mut pixels = Vec::with_capacity((area.width * area.height) as usize);
        for y in area.y..area.y + area.height {
            let start = (y * self.raster.size.0 + area.x) as usize;
            let row = start..start + area.width as usize;
            let now = &self.raster.pixels[row.clone()];
            match self.shown.get(row) {
                Some(before) => {
                    let open = |(now, before): (&u8, &u8)| if now == before { UNCHANGED } else { *now };
                    pixels.extend(now.iter().zip(before).map(open));
                }
                None => pixels.extend_from_slice(now),
            }
        }
        pixels
    }
}

/// Hundredths of a second, the nearest.
fn hundredths(at: Span) -> u64 {
    (at.0 + 5_000) / 10_000
}

impl Encoder for Gif {
    fn take(&mut self, shot: &Shot<'_>) -> Result<(), Refusal> {
        let at = hundredths(shot.at);
        // A picture that would be shown too briefly becomes part of the next one.
        if self.pending.is_some_and(|(_, since)| at - since >= SHORTEST) {
            self.flush(at);
        }
        if let Some(area) = self.raster.draw(shot.picture) {
            self.pending = Some(match self.pending {
                Some((before, since)) => (before.joined(area), since),
                None => (area, at),
            });
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, ending: &Ending) -> Result<Vec<u8>, Refusal> {
        self.flush(hundredths(ending.length + REST));
        let mut bytes = Vec::new();
        let (width, height) = (self.raster.size.0 as u16, self.raster.size.1 as u16);
        // All 256 numbers are in the table, "unchanged" the last.
        let mut colours = self.raster.colour_bytes();
        colours.resize(3 * 256, 0);
        let wrong = |error: ::gif::EncodingError| error.to_string();
        let mut encoder = ::gif::Encoder::new(&mut bytes, width, height, &colours).map_err(wrong)?;
        encoder.set_repeat(Repeat::Infinite).map_err(wrong)?;
        for frame in &self.frames {
            encoder.write_lzw_pre_encoded_frame(frame).map_err(wrong)?;
        }
        drop(encoder);
        Ok(bytes)
    }
}
