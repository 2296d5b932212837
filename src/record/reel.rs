//! Terminal films from anywhere: asciicast 2 and 3 read line by line, their bytes drawn by a terminal in memory. Nothing of
//! them ever reaches a real terminal: pictures are cells that we draw ourselves.

use super::colour::{DARK, Palette};
use super::film::{Chapter, ChapterKind, Ending, Film, Refusal, Shot, Titles};
use crate::base::text::safe;
use crate::base::time::Span;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use serde_json::{Value, json};
use std::sync::Arc;

/// The largest terminal a film may ask for.
const SIZE_MAX: u64 = 1_000;
/// The longest film, in seconds.
const LONGEST: u64 = 24 * 3_600;

/// What happens at an instant of a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Bytes for the terminal.
    Output(String),
    /// A marker with its label.
    Marker(String),
    /// A key by its name.
    Input(String),
    /// The terminal has another size.
    Resize(u16, u16),
    /// The recorded program ended.
    Exit(String),
}

/// An event of a film.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Since the beginning.
    pub at: Span,
    /// What happens.
    pub what: What,
}

/// A film from a file.
#[derive(Clone, Debug)]
pub struct Reel {
    /// What its header says.
    pub titles: Titles,
    /// Its events in the order of time.
    pub events: Vec<Event>,
    /// What was wrong with its end, if it was cut off there.
    pub torn: Option<String>,
}

impl Reel {
    /// Reads a cast. A last line that is not whole is left out and remembered in [`Reel::torn`].
    ///
    /// # Errors
    /// If anything else is wrong: the line's number, what was found, what would be right.
    pub fn read(bytes: &[u8]) -> Result<Reel, Refusal> {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines().enumerate().peekable();
        let (_, first) =
            lines.next().ok_or("line 1: the file is empty; a cast begins with a header in JSON")?;
        let header: Value = serde_json::from_str(first).map_err(|error| {
            format!("line 1: {error}; a cast begins with a header in JSON, like {{\"version\": 3, ...}}")
        })?;
        let (version, titles) = header_of(&header)?;
        let mut reel = Reel { titles, events: Vec::new(), torn: None };
        let mut at = Span::ZERO;
        while let Some((number, line)) = lines.next() {
            // Comments and blank lines are part of the format.
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            match event(line) {
                Ok((time, what)) => {
                    at = if version == 2 { time.max(at) } else { at + time };
                    if at > Span::seconds(LONGEST) {
                        return Err(format!("line {}: the film lasts longer than {LONGEST} s", number + 1));
                    }
                    reel.events.extend(what.map(|what| Event { at, what }));
                }
                Err(problem) if lines.peek().is_none() && !text.ends_with('\n') => {
                    reel.torn =
                        Some(format!("line {}: the file ends in the middle of it ({problem})", number + 1));
                }
                Err(problem) => return Err(format!("line {}: {problem}", number + 1)),
            }
        }
        reel.titles.length = reel.events.last().map_or(Span::ZERO, |event| event.at);
        Ok(reel)
    }

    /// Its markers: when, and what they say.
    pub fn markers(&self) -> Vec<(Span, &str)> {
        self.events
            .iter()
            .filter_map(|event| match &event.what {
                What::Marker(label) => Some((event.at, label.as_str())),
                _ => None,
            })
            .collect()
    }
}

/// The version and what is said before the first picture.
fn header_of(header: &Value) -> Result<(u64, Titles), Refusal> {
    let version = header["version"].as_u64().unwrap_or(0);
    let (columns, rows, theme) = match version {
        2 => (&header["width"], &header["height"], &header["theme"]),
        3 => (&header["term"]["cols"], &header["term"]["rows"], &header["term"]["theme"]),
        1 => return Err("line 1: this is an asciicast of version 1; versions 2 and 3 are read".to_owned()),
        _ => {
            return Err(format!(
                "line 1: version is {}; asciicast versions 2 and 3 are read",
                header["version"]
            ));
        }
    };
    let side =
        |value: &Value| value.as_u64().filter(|side| (1..=SIZE_MAX).contains(side)).map(|side| side as u16);
    let size = side(columns).zip(side(rows)).ok_or_else(|| {
        format!("line 1: the terminal has {columns} columns and {rows} rows; both are numbers from 1 to {SIZE_MAX}")
    })?;
    let text = |key: &str| header[key].as_str().map(|text| safe(text).into_owned());
    let titles = Titles {
        title: text("title").unwrap_or_else(|| "A terminal film".to_owned()),
        subtitle: String::new(),
        summary: String::new(),
        command: text("command").unwrap_or_default(),
        tags: header["tags"].as_array().map_or(Vec::new(), |tags| {
            tags.iter().filter_map(|tag| tag.as_str().map(str::to_owned)).collect()
        }),
        size,
        palette: palette(theme),
        light: None,
        length: Span::ZERO,
        ours: match &header["splitbrain"] {
            Value::Object(ours) => Value::Object(ours.clone()),
            _ => json!({}),
        },
        scenario: None,
    };
    Ok((version, titles))
}

/// The theme of a header; ours where it has none.
fn palette(theme: &Value) -> Palette {
    let colour =
        |text: &str| u32::from_str_radix(text.strip_prefix('#')?, 16).ok().filter(|_| text.len() == 7);
    let of = |key: &str, default: u32| theme[key].as_str().and_then(colour).unwrap_or(default);
    let mut palette = Palette { text: of("fg", DARK.text), ground: of("bg", DARK.ground), ..DARK };
    let given: Vec<u32> =
        theme["palette"].as_str().map_or(Vec::new(), |text| text.split(':').filter_map(colour).collect());
    if given.len() == 8 || given.len() == 16 {
        for (place, slot) in palette.sixteen.iter_mut().enumerate() {
            *slot = given[place % given.len()];
        }
    }
    palette
}

/// One line: its time, and what happens if that is known to us.
fn event(line: &str) -> Result<(Span, Option<What>), String> {
    let value: Value =
        serde_json::from_str(line).map_err(|error| format!("{error}; an event is [time, code, data]"))?;
    let (Some(time), Some(code), Some(data)) = (value[0].as_f64(), value[1].as_str(), value[2].as_str())
    else {
        return Err("an event is [time, code, data]: a number and two strings".to_owned());
    };
    if !(0.0..=1e9).contains(&time) {
        return Err(format!("{time} is no time"));
    }
    let at = Span((time * 1e6).round() as u64);
    let what = match code {
        "o" => What::Output(data.to_owned()),
        "m" => What::Marker(safe(data).into_owned()),
        "i" => What::Input(safe(data).into_owned()),
        "x" => What::Exit(safe(data).into_owned()),
        "r" => {
            let side =
                |text: &str| text.parse::<u16>().ok().filter(|side| (1..=SIZE_MAX as u16).contains(side));
            let size = data.split_once('x').and_then(|(columns, rows)| side(columns).zip(side(rows)));
            let (columns, rows) =
                size.ok_or_else(|| format!("`{}` is no size; it is like 120x40", safe(data)))?;
            What::Resize(columns, rows)
        }
        // What we do not know is passed over, as the format asks.
        _ => return Ok((at, None)),
    };
    Ok((at, Some(what)))
}

/// A terminal in memory and where in the film it stands.
pub struct Projector {
    terminal: avt::Terminal,
    /// Events it has seen.
    pub seen: usize,
    /// Where it can begin again: (events seen, everything that makes the terminal, its size).
    marks: Vec<(usize, String, (usize, usize))>,
}

/// Events between two places to begin again at.
const MARK_EVERY: usize = 500;

impl Projector {
    /// At the beginning of a film.
    ///
    /// # Errors
    /// Never for a film that was read.
    pub fn new(reel: &Reel) -> Result<Self, Refusal> {
        let (columns, rows) = reel.titles.size;
        let terminal =
            avt::Terminal::new(usize::from(columns), usize::from(rows)).map_err(|error| error.to_string())?;
        Ok(Projector { terminal, seen: 0, marks: Vec::new() })
    }

    /// Shows the next event.
    pub fn show(&mut self, event: &Event) {
        if self.seen.is_multiple_of(MARK_EVERY) && self.marks.last().is_none_or(|mark| mark.0 < self.seen) {
            self.marks.push((self.seen, self.terminal.dump(), self.terminal.size()));
        }
        match &event.what {
            What::Output(bytes) => self.terminal.feed(bytes.as_str()),
            What::Resize(columns, rows) => self.terminal.resize(usize::from(*columns), usize::from(*rows)),
            _ => {}
        }
        self.seen += 1;
    }

    /// Goes to where all events up to `at` have been seen, back or ahead.
    pub fn seek(&mut self, reel: &Reel, at: Span) {
        let wanted = reel.events.partition_point(|event| event.at <= at);
        if wanted < self.seen {
            let place = self.marks.partition_point(|mark| mark.0 <= wanted);
            if let Some((seen, dump, (columns, rows))) = place.checked_sub(1).map(|place| &self.marks[place])
                && let Ok(mut terminal) = avt::Terminal::new(*columns, *rows)
            {
                terminal.feed(dump.as_str());
                (self.terminal, self.seen) = (terminal, *seen);
            }
        }
        while self.seen < wanted {
            self.show(&reel.events[self.seen]);
        }
    }

    /// What the terminal shows, as cells of ours.
    pub fn picture(&self) -> Buffer {
        let (columns, rows) = self.terminal.size();
        let mut buffer = Buffer::empty(Rect::new(0, 0, columns as u16, rows as u16));
        let screen = self.terminal.screen();
        for y in 0..rows {
            let Some(line) = screen.line(y) else { continue };
            for (x, cell) in line.cells().iter().enumerate().take(columns) {
                let ours = &mut buffer[(x as u16, y as u16)];
                // The second half of a wide letter stays blank.
                if cell.width() > 0 && !cell.char().is_control() {
                    ours.set_symbol(&safe(cell.char().encode_utf8(&mut [0; 4])));
                }
                let pen = cell.pen();
                (ours.fg, ours.bg) = (colour(pen.foreground()), colour(pen.background()));
                ours.modifier = modifiers(pen);
            }
        }
        buffer
    }
}

fn colour(colour: Option<avt::Color>) -> Color {
    match colour {
        None => Color::Reset,
        Some(avt::Color::Indexed(index)) => Color::Indexed(index),
        Some(avt::Color::RGB(rgb)) => Color::Rgb(rgb.r, rgb.g, rgb.b),
    }
}

fn modifiers(pen: &avt::Pen) -> Modifier {
    let known = [
        (pen.is_bold(), Modifier::BOLD),
        (pen.is_faint(), Modifier::DIM),
        (pen.is_italic(), Modifier::ITALIC),
        (pen.is_underline(), Modifier::UNDERLINED),
        (pen.is_inverse(), Modifier::REVERSED),
        (pen.is_strikethrough(), Modifier::CROSSED_OUT),
    ];
    known.iter().filter(|(is_on, _)| *is_on).fold(Modifier::empty(), |all, (_, modifier)| all | *modifier)
}

/// A film from a file, shown to an encoder.
pub struct Screening {
    reel: Reel,
    projector: Projector,
    picture: Buffer,
    chapters: Vec<Chapter>,
    keys: Vec<Arc<str>>,
    /// From and to.
    part: (Span, Span),
    /// The least presentation time between two pictures.
    between: Span,
    speed_milli: u32,
    shown_at: Option<Span>,
    is_over: bool,
}

impl Screening {
    /// A part of a film, at a speed and with at most so many pictures a second.
    ///
    /// # Errors
    /// If the part lies beyond its end.
    pub fn new(reel: Reel, part: (Span, Option<Span>), speed_milli: u32, fps: u32) -> Result<Self, Refusal> {
        let end = reel.titles.length;
        let part = (part.0, part.1.unwrap_or(end));
        if part.0 > part.1 || part.1 > end {
            return Err(format!("from {} to {} is no part of this film, which lasts {end}", part.0, part.1));
        }
        let projector = Projector::new(&reel)?;
        let picture = projector.picture();
        let between = Span(1_000_000).scaled(1, u64::from(fps.max(1)));
        let mut screening = Screening {
            reel,
            projector,
            picture,
            chapters: Vec::new(),
            keys: Vec::new(),
            part,
            between,
            speed_milli,
            shown_at: None,
            is_over: false,
        };
        screening.reel.titles.length = screening.presented(part.1);
        Ok(screening)
    }

    fn presented(&self, at: Span) -> Span {
        Span(at.0.saturating_sub(self.part.0.0)).scaled(1_000, u64::from(self.speed_milli.max(1)))
    }

    /// The instant of the next picture: a frame time later, the next marker, or the end, whatever comes first.
    fn next_stop(&self) -> Span {
        let Some(last) = self.shown_at else { return self.part.0 };
        let tick = last + self.between.scaled(u64::from(self.speed_milli), 1_000);
        // Nothing changes before the next event: there is no picture to take until then.
        let next = self.reel.events.get(self.projector.seen).map_or(self.part.1, |event| event.at);
        let marker = self.reel.events[self.projector.seen.min(self.reel.events.len())..]
            .iter()
            .take_while(|event| event.at <= tick)
            .find(|event| matches!(event.what, What::Marker(_)))
            .map(|event| event.at);
        marker.unwrap_or(tick.max(next)).min(self.part.1)
    }
}

impl Film for Screening {
    fn titles(&self) -> &Titles {
        &self.reel.titles
    }

    fn next(&mut self) -> Option<Shot<'_>> {
        if self.is_over {
            return None;
        }
        let (stop, before) = (self.next_stop(), self.projector.seen);
        self.projector.seek(&self.reel, stop);
        self.picture = self.projector.picture();
        let events = &self.reel.events[before.min(self.projector.seen)..self.projector.seen];
        let marker = |event: &Event| match &event.what {
            What::Marker(label) if event.at >= self.part.0 => {
                Some(Chapter { kind: kind(label), text: bare(label), place: None, at: None })
            }
            _ => None,
        };
        let key = |event: &Event| match &event.what {
            What::Input(key) if event.at >= self.part.0 => Some(key.as_str().into()),
            _ => None,
        };
        self.chapters = events.iter().filter_map(marker).collect();
        self.keys = events.iter().filter_map(key).collect();
        self.shown_at = Some(stop);
        self.is_over = stop >= self.part.1;
        let (at, chapters) = (self.presented(stop), &self.chapters);
        Some(Shot { at, picture: &self.picture, chapters, keys: &self.keys })
    }

    fn ending(&mut self) -> Ending {
        let exit = self.reel.events.iter().rev().find_map(|event| match &event.what {
            What::Exit(status) => status.parse().ok(),
            _ => None,
        });
        Ending { length: self.presented(self.part.1), exit: exit.unwrap_or(0), ..Ending::default() }
    }
}

const KINDS: [ChapterKind; 7] = [
    ChapterKind::Beat,
    ChapterKind::Fault,
    ChapterKind::Heal,
    ChapterKind::Command,
    ChapterKind::Failover,
    ChapterKind::Note,
    ChapterKind::Check,
];

/// The kind a label speaks of, if it is one of ours.
fn kind(label: &str) -> ChapterKind {
    KINDS.into_iter().find(|kind| label.starts_with(kind.prefix())).unwrap_or(ChapterKind::Other)
}

/// The label without the prefix of its kind.
fn bare(label: &str) -> String {
    let kind = kind(label);
    match kind {
        ChapterKind::Heal => label.strip_prefix("heal: ").unwrap_or(label).to_owned(),
        kind => label.strip_prefix(kind.prefix()).unwrap_or(label).trim_start().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "{\"version\":3,\"term\":{\"cols\":20,\"rows\":2}}\n";

    fn read(events: &str) -> Result<Reel, Refusal> {
        Reel::read(format!("{HEAD}{events}").as_bytes())
    }

    #[test]
    fn version_3_counts_from_the_event_before_and_version_2_from_the_beginning() {
        let times = |reel: Reel| reel.events.iter().map(|event| event.at.0).collect::<Vec<_>>();
        let lines = "[0.5,\"o\",\"a\"]\n# a comment\n\n[1.0,\"m\",\"here\"]\n[1.0,\"q\",\"unknown\"]\n[1.5,\"x\",\"0\"]\n";
        assert_eq!(times(read(lines).unwrap()), [500_000, 1_500_000, 4_000_000]);
        let older = format!("{{\"version\":2,\"width\":20,\"height\":2}}\n{lines}");
        assert_eq!(times(Reel::read(older.as_bytes()).unwrap()), [500_000, 1_000_000, 1_500_000]);
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_any_other_is_an_error_with_its_number() {
        let torn = read("[0.5,\"o\",\"a\"]\n[0.5,\"o\",\"b").unwrap();
        assert_eq!(torn.events.len(), 1);
        assert!(torn.torn.is_some_and(|why| why.starts_with("line 3")));
        for (events, wanted) in [
            ("[0.5,\"o\"]\n", "line 2: an event is [time, code, data]"),
            ("[0.5,\"o\",\"a\"]\n[-1,\"o\",\"a\"]\n", "line 3: -1 is no time"),
            ("[0,\"r\",\"axb\"]\n", "line 2: `axb` is no size"),
            ("nonsense\n", "line 2:"),
        ] {
            let refusal = read(events).unwrap_err();
            assert!(refusal.starts_with(wanted), "{refusal}");
        }
        for (file, wanted) in [
            ("", "line 1: the file is empty"),
            ("hello", "line 1:"),
            ("{\"version\":1}", "line 1: this is an asciicast of version 1"),
            ("{\"version\":2,\"width\":0,\"height\":5}", "line 1: the terminal has 0 columns"),
            (
                "{\"version\":3,\"term\":{\"cols\":99999,\"rows\":5}}",
                "line 1: the terminal has 99999 columns",
            ),
        ] {
            let refusal = Reel::read(file.as_bytes()).unwrap_err();
            assert!(refusal.starts_with(wanted), "{refusal}");
        }
    }

    #[test]
    fn what_a_film_would_have_a_terminal_do_stays_in_memory() {
        let reel =
            read("[0,\"o\",\"\\u001b]52;c;eA==\\u0007\\u001b]0;title\\u0007a\\u202eb\\u001b[31mc\"]\n")
                .unwrap();
        let mut projector = Projector::new(&reel).unwrap();
        projector.seek(&reel, Span::ZERO);
        let picture = projector.picture();
        let text: String = (0..20).map(|x| picture[(x, 0)].symbol().to_owned()).collect();
        assert!(
            !text.chars().any(|c| c.is_control() || c == '\u{202e}') && !text.contains("52;c"),
            "{text:?}"
        );
    }

    #[test]
    fn going_back_shows_what_was_there() {
        let events: String = (0..1_200).map(|n| format!("[0.01,\"o\",\"\\r{n}\"]\n")).collect();
        let reel = read(&events).unwrap();
        let mut projector = Projector::new(&reel).unwrap();
        let mut at = |seconds: u64| {
            projector.seek(&reel, Span::seconds(seconds));
            (0..5)
                .map(|x| projector.picture()[(x, 0)].symbol().to_owned())
                .collect::<String>()
                .trim()
                .to_owned()
        };
        assert_eq!([at(3), at(12), at(7), at(1), at(11)], ["299", "1199", "699", "99", "1099"]);
    }

    #[test]
    fn every_marker_has_a_picture() {
        let reel =
            read("[0,\"o\",\"a\"]\n[0.01,\"m\",\"beat: one\"]\n[0.01,\"m\",\"mine\"]\n[1,\"o\",\"b\"]\n")
                .unwrap();
        let mut film = Screening::new(reel, (Span::ZERO, None), 1_000, 10).unwrap();
        let mut seen = Vec::new();
        while let Some(shot) = film.next() {
            seen.push((shot.at.0, shot.chapters.iter().map(Chapter::label).collect::<Vec<_>>()));
        }
        let labels = |text: &str| vec![text.to_owned()];
        assert_eq!(
            seen,
            [(0, vec![]), (10_000, labels("beat: one")), (20_000, labels("mine")), (1_020_000, vec![])]
        );
    }
}
