//! Terminal films as asciicast files, version 3 or 2: one JSON object, then one array an event.
//!
//! Everything a reader from elsewhere needs stands where the format has a place for it; our own words stand in
//! the header's `splitbrain`, which such readers skip.

use super::ansi;
use super::colour::{Palette, hex};
use super::film::{Chapter, Encoder, Ending, Refusal, Shot, Titles, seconds};
use crate::base::time::Span;
use ratatui::buffer::Buffer;
use serde_json::{Map, Value, json};

/// Presentation time after which a whole picture is written again, so that any cut stands for itself.
const KEY_EVERY: Span = Span::seconds(10);

/// The versions of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Times since the beginning.
    Two,
    /// Times since the event before; tags, exit codes.
    Three,
}

/// Writes a cast.
pub struct Cast {
    version: Version,
    titles: Titles,
    events: String,
    /// Time of the event before.
    last: Span,
    /// The picture before, and when a whole one was written.
    before: Option<(Buffer, Span)>,
}

impl Cast {
    /// An empty cast.
    pub fn new(version: Version, titles: Titles) -> Self {
        Cast { version, titles, events: String::new(), last: Span::ZERO, before: None }
    }

    fn event(&mut self, at: Span, code: char, data: &str) {
        let time = match self.version {
            Version::Two => at,
            Version::Three => at - self.last,
        };
        self.last = at;
        self.events.push_str(&format!("[{},\"{code}\",{}]\n", seconds(time), Value::from(data)));
    }

    fn picture(&mut self, at: Span, picture: &Buffer) {
        let before = self.before.take();
        let (bytes, key_at) = match &before {
            None => (format!("\x1b[?25l{}", ansi::whole(picture)), at),
            Some((before, _)) if before.area != picture.area => {
                let size = format!("{}x{}", picture.area.width, picture.area.height);
                self.event(at, 'r', &size);
                (ansi::whole(picture), at)
            }
            Some((_, key_at)) if at - *key_at >= KEY_EVERY => (ansi::whole(picture), at),
            Some((before, key_at)) => (ansi::change(before, picture), *key_at),
        };
        self.event(at, 'o', &bytes);
        self.before = Some((picture.clone(), key_at));
    }

    fn marker(&mut self, at: Span, chapter: &Chapter) {
        self.event(at, 'm', &chapter.label());
    }

    fn header(&self, ending: &Ending) -> Value {
        let titles = &self.titles;
        let (columns, rows) = titles.size;
        let theme = theme(&titles.palette);
        let ours = ours(&titles.ours, ending);
        match self.version {
            Version::Three => json!({
                "version": 3,
                "term": {"cols": columns, "rows": rows, "type": "xterm-256color", "theme": theme},
                "title": titles.full(),
                "command": titles.command,
                "tags": titles.tags,
                "splitbrain": ours,
            }),
            Version::Two => json!({
                "version": 2,
                "width": columns,
                "height": rows,
                "duration": ending.length.0 as f64 / 1e6,
                "title": titles.full(),
                "command": titles.command,
                "env": {"TERM": "xterm-256color"},
                "theme": theme,
                "splitbrain": ours,
            }),
        }
    }
}

impl Encoder for Cast {
    fn take(&mut self, shot: &Shot<'_>) -> Result<(), Refusal> {
        // A key comes before what it does is seen.
        for key in shot.keys {
            self.event(shot.at, 'i', key);
        }
        self.picture(shot.at, shot.picture);
        for chapter in shot.chapters {
            self.marker(shot.at, chapter);
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, ending: &Ending) -> Result<Vec<u8>, Refusal> {
        let at = ending.length.max(self.last);
        for check in &ending.checks {
            self.marker(at, check);
        }
        self.event(at, 'o', "\x1b[0m\x1b[?25h");
        if self.version == Version::Three {
            self.event(at, 'x', &ending.exit.to_string());
        }
        Ok(format!("{}\n{}", self.header(ending), self.events).into_bytes())
    }
}

fn theme(palette: &Palette) -> Value {
    let names: Vec<String> = palette.sixteen.iter().map(|&pixel| hex(pixel)).collect();
    json!({"fg": hex(palette.text), "bg": hex(palette.ground), "palette": names.join(":")})
}

/// Our own object: what the titles say, and the digests of the runs where the film ends.
fn ours(said: &Value, ending: &Ending) -> Value {
    let mut object = said.as_object().cloned().unwrap_or_default();
    if !ending.digests.is_empty() {
        let digests: Map<String, Value> = ending
            .digests
            .iter()
            .map(|(run, digest)| (run.clone(), json!(format!("{digest:016x}"))))
            .collect();
        object.insert("trace_digests".to_owned(), Value::Object(digests));
    }
    Value::Object(object)
}
