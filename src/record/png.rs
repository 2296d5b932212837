//! Still pictures: the last one shown, with its exact colours.

use super::film::{Encoder, Ending, Refusal, Shot, Titles};
use super::raster::Raster;
use super::text::notes;
use ::png::{BitDepth, ColorType, Compression, Filter};

/// Makes a PNG of the last picture.
pub struct Png {
    raster: Raster,
    title: String,
    command: String,
    notes: Vec<String>,
}

impl Png {
    /// No picture yet.
    ///
    /// # Errors
    /// If it would be too large.
    pub fn new(titles: &Titles, scale: u32) -> Result<Self, Refusal> {
        let raster = Raster::new(titles.size, scale, titles.palette)?;
        Ok(Png { raster, title: titles.full(), command: titles.command.clone(), notes: Vec::new() })
    }
}

impl Encoder for Png {
    fn take(&mut self, shot: &Shot<'_>) -> Result<(), Refusal> {
        self.raster.draw(shot.picture);
        self.notes.extend(notes(shot));
        Ok(())
    }

    fn finish(self: Box<Self>, _: &Ending) -> Result<Vec<u8>, Refusal> {
        let mut bytes = Vec::new();
        let wrong = |error: ::png::EncodingError| error.to_string();
        let mut encoder = ::png::Encoder::new(&mut bytes, self.raster.size.0, self.raster.size.1);
        encoder.set_color(ColorType::Indexed);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_palette(self.raster.colour_bytes());
        // Fixed, so that the bytes are the same as long as the library is.
        encoder.set_compression(Compression::High);
        encoder.set_filter(Filter::NoFilter);
        encoder.add_itxt_chunk("Title".to_owned(), self.title).map_err(wrong)?;
        encoder.add_itxt_chunk("Comment".to_owned(), self.command).map_err(wrong)?;
        if !self.notes.is_empty() {
            encoder.add_itxt_chunk("Notes".to_owned(), self.notes.join("\n")).map_err(wrong)?;
        }
        let mut writer = encoder.write_header().map_err(wrong)?;
        writer.write_image_data(&self.raster.pixels).map_err(wrong)?;
        writer.finish().map_err(wrong)?;
        Ok(bytes)
    }
}
