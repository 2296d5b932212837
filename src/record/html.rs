//! A film as one page that needs nothing else: pictures as differences of rows, a small player, the story beside it.
//! Without scripts it still shows the first picture and tells the whole story.

use super::film::{Chapter, ChapterKind, Encoder, Ending, Refusal, Shot, Titles};
use super::runs::{Run, Sheet, escaped, is_sign};
use ratatui::buffer::Buffer;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

const PAGE: &str = include_str!("page/page.html");
const STYLE: &str = include_str!("page/page.css");
const SCRIPT: &str = include_str!("page/page.js");

/// Makes a page.
pub struct Html {
    titles: Titles,
    sheet: Sheet,
    /// Every different row there was.
    rows: Vec<Vec<Run>>,
    known: BTreeMap<String, usize>,
    /// What each row shows now.
    shown: Vec<usize>,
    /// `[milliseconds, row, state, row, state, ...]`, only what changed.
    shots: Vec<Vec<u64>>,
    chapters: Vec<(u64, Chapter)>,
}

impl Html {
    /// An empty page.
    pub fn new(titles: &Titles) -> Self {
        // The stage is dark on every page; what surrounds it follows its reader.
        let sheet = Sheet::new(titles.palette, None);
        Html {
            titles: titles.clone(),
            sheet,
            rows: Vec::new(),
            known: BTreeMap::new(),
            shown: vec![usize::MAX; usize::from(titles.size.1)],
            shots: Vec::new(),
            chapters: Vec::new(),
        }
    }

    fn row(&mut self, picture: &Buffer, y: u16) -> usize {
        let runs = self.sheet.runs(picture, y, |_| false);
        let name: String = runs.iter().map(|run| format!("{}\u{0}{}\u{0}", run.style, run.text)).collect();
        *self.known.entry(name).or_insert_with(|| {
            self.rows.push(runs);
            self.rows.len() - 1
        })
    }

    /// The first picture, for readers without scripts and for the moment before they run.
    fn stage(&self) -> String {
        let mut out = String::new();
        let first = self.shots.first().map_or(&[][..], |shot| shot.get(1..).unwrap_or_default());
        for change in first.chunks_exact(2) {
            out.push_str("<div class=\"row\">");
            for run in &self.rows[change[1] as usize] {
                // Formatting into a string cannot fail.
                _ = write!(out, "<span class=\"a{0} b{0}\">", run.style);
                for letter in run.text.chars() {
                    match is_sign(letter) {
                        true => _ = write!(out, "<i>{}</i>", escaped(letter.encode_utf8(&mut [0; 4]))),
                        false => out.push_str(&escaped(letter.encode_utf8(&mut [0; 4]))),
                    }
                }
                out.push_str("</span>");
            }
            out.push_str("</div>");
        }
        out
    }

    fn story(&self) -> String {
        let item = |(ms, chapter): &(u64, Chapter)| {
            let time =
                chapter.at.map_or_else(|| format!("{}.{} s", ms / 1_000, ms / 100 % 10), |at| at.to_string());
            let text = escaped(chapter.text.trim()).replace('\n', " ");
            format!(
                "<li><button type=\"button\" class=\"{}\"><small>{time}</small>{text}</button></li>",
                class(chapter)
            )
        };
        self.chapters.iter().map(item).collect()
    }

    fn film(&self, ending: &Ending) -> String {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|runs| runs.iter().flat_map(|run| [json!(run.style), json!(run.text)]).collect())
            .collect();
        let chapters: Vec<Value> = self
            .chapters
            .iter()
            .map(|(ms, chapter)| json!([ms, class(chapter), chapter.text.trim()]))
            .collect();
        let film = json!({
            "length": ending.length.0 / 1_000,
            "rows": rows,
            "shots": self.shots,
            "chapters": chapters,
        });
        // Nothing in a string may end the element it stands in.
        film.to_string().replace('<', "\\u003c")
    }

    fn chips(&self) -> String {
        let ours = &self.titles.ours;
        let text =
            |key: &str| ours.get(key).map(|value| value.as_str().map_or(value.to_string(), str::to_owned));
        let topology =
            self.titles.subtitle.split(" · ").next().filter(|word| !word.is_empty()).map(str::to_owned);
        let known = [("scenario", ""), ("run", "run "), ("seed", "seed ")];
        let chips = known.iter().filter_map(|(key, word)| Some(format!("{word}{}", text(key)?)));
        chips.chain(topology).map(|chip| format!("<li>{}</li>", escaped(&chip))).collect()
    }

    fn play(&self) -> String {
        // `splitbrain render NAME -o …` made it, `splitbrain NAME` plays it.
        let mut words = self.titles.command.split(" -o ");
        words.next().unwrap_or_default().replace(" render ", " ")
    }
}

impl Encoder for Html {
    fn take(&mut self, shot: &Shot<'_>) -> Result<(), Refusal> {
        if (shot.picture.area.width, shot.picture.area.height) != self.titles.size {
            return Err("a film that changes its size cannot become a page; a GIF or a cast can".to_owned());
        }
        let ms = shot.at.0 / 1_000;
        let mut changes = vec![ms];
        for y in 0..shot.picture.area.height {
            let state = self.row(shot.picture, y);
            if self.shown[usize::from(y)] != state {
                self.shown[usize::from(y)] = state;
                changes.extend([u64::from(y), state as u64]);
            }
        }
        self.shots.push(changes);
        self.chapters.extend(shot.chapters.iter().map(|chapter| (ms, chapter.clone())));
        Ok(())
    }

    fn finish(self: Box<Self>, ending: &Ending) -> Result<Vec<u8>, Refusal> {
        let ours = &self.titles.ours;
        let mut colophon = match ours.get("program").and_then(Value::as_str) {
            Some(program) => format!(
                "Made by splitbrain {}. What the screen shows, a real protocol did.",
                escaped(program)
            ),
            None => "Made by splitbrain.".to_owned(),
        };
        for (run, digest) in &ending.digests {
            _ = write!(colophon, " Trace of {}: {digest:016x}.", escaped(run));
        }
        let values = [
            ("title", escaped(&self.titles.title)),
            ("summary", escaped(&self.titles.summary)),
            ("css", STYLE.to_owned()),
            ("styles", self.sheet.css("color", "background")),
            ("chips", self.chips()),
            ("columns", self.titles.size.0.to_string()),
            ("stage", self.stage()),
            ("story", self.story()),
            ("checks", checks(&ending.checks)),
            ("play", escaped(&self.play())),
            ("command", escaped(&self.titles.command)),
            ("colophon", colophon),
            ("film", self.film(ending)),
            ("script", SCRIPT.to_owned()),
        ];
        Ok(filled(PAGE, &values).into_bytes())
    }
}

/// The page with its blanks filled in, in one pass: what is filled in is not looked at again.
fn filled(page: &str, values: &[(&str, String)]) -> String {
    let mut pieces = page.split("{{");
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (name, rest) = piece.split_once("}}").unwrap_or((piece, ""));
        out.push_str(values.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value));
        out.push_str(rest);
    }
    out
}

fn class(chapter: &Chapter) -> &'static str {
    match chapter.kind {
        ChapterKind::Beat => "beat",
        ChapterKind::Fault => "fault",
        ChapterKind::Heal => "heal",
        ChapterKind::Command => "command",
        ChapterKind::Failover => "failover",
        ChapterKind::Note => "note",
        ChapterKind::Check => "check",
        ChapterKind::Other => "other",
    }
}

fn checks(checks: &[Chapter]) -> String {
    if checks.is_empty() {
        return String::new();
    }
    let item = |check: &Chapter| {
        let (sign, text) = check.text.split_once(' ').unwrap_or(("", &check.text));
        let class = if sign == "✓" { "good" } else { "bad" };
        format!("<li><b class=\"{class}\">{sign}</b>{}</li>", escaped(text))
    };
    let items: String = checks.iter().map(item).collect();
    let met = checks.iter().filter(|check| check.text.starts_with('✓')).count();
    format!(
        "<section><h2>Measured and checked: {met} of {} as expected</h2><ul class=\"checks\">{items}</ul></section>",
        checks.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_filled_once() {
        let values = [("a", "{{b}}".to_owned()), ("b", "2".to_owned())];
        assert_eq!(filled("x{{a}}y{{b}}z{{none}}", &values), "x{{b}}y2z");
    }
}
