//! What happened, as a document: settings, the story with a picture at each beat, what was measured and how it was
//! judged, and how to see it again.

use super::film::{Chapter, ChapterKind, Encoder, Ending, Refusal, Shot, Titles, one_line};
use super::text::plain;
use crate::base::knob::{Knobs, Profile};
use crate::base::metric::METRICS;
use crate::driver::verdict::{Judgement, Met};
use crate::scenario::model::{Run, Scenario, Subject};
use ratatui::buffer::Buffer;
use std::fmt::Write;

/// Makes a report in Markdown.
pub struct Report {
    titles: Titles,
    story: String,
    last: Option<Buffer>,
}

impl Report {
    /// An empty report.
    pub fn new(titles: Titles) -> Self {
        Report { titles, story: String::new(), last: None }
    }

    fn head(&self) -> String {
        let mut out = format!("# {}\n", prose(&self.titles.title));
        if !self.titles.summary.is_empty() {
            // Formatting into a string cannot fail.
            _ = write!(out, "\n{}\n", prose(&self.titles.summary));
        }
        if !self.titles.subtitle.is_empty() {
            _ = write!(out, "\nThe pictures show: {}.\n", prose(&self.titles.subtitle));
        }
        out
    }
}

impl Encoder for Report {
    fn take(&mut self, shot: &Shot<'_>) -> Result<(), Refusal> {
        for chapter in shot.chapters {
            tell(&mut self.story, chapter);
        }
        if shot.chapters.iter().any(|chapter| chapter.kind == ChapterKind::Beat) {
            self.story.push_str(&fenced(&plain(shot.picture)));
        }
        self.last = Some(shot.picture.clone());
        Ok(())
    }

    fn finish(self: Box<Self>, ending: &Ending) -> Result<Vec<u8>, Refusal> {
        let mut out = self.head();
        let scenario = self.titles.scenario.as_deref();
        if let Some(scenario) = scenario {
            out.push_str(&settings(scenario));
        }
        _ = write!(out, "\n## What happened\n\n{}", self.story);
        if let Some(last) = &self.last {
            _ = write!(out, "In the end:\n\n{}", fenced(&plain(last)));
        }
        if let (Some(scenario), Some(judgement)) = (scenario, &ending.judgement) {
            out.push_str(&measured(scenario, judgement));
            out.push_str(&expected(scenario, judgement));
        }
        if let Some(scenario) = scenario.filter(|scenario| !scenario.sources.is_empty()) {
            out.push_str("\n## Sources\n\n");
            scenario.sources.iter().for_each(|source| _ = writeln!(out, "- {}", prose(source)));
        }
        _ = write!(out, "\n## Again\n\n{}", fenced(&format!("{}\n", self.titles.command)));
        for (run, digest) in &ending.digests {
            _ = writeln!(out, "- trace of `{run}`: `{digest:016x}`");
        }
        Ok(out.into_bytes())
    }
}

fn tell(story: &mut String, chapter: &Chapter) {
    let time = chapter.at.map_or(String::new(), |at| format!("**{at}** "));
    let text = prose(&chapter.text);
    let code = one_line(&chapter.text).replace('`', "'");
    let words = match chapter.kind {
        ChapterKind::Fault => format!("fault: `{code}`"),
        ChapterKind::Command | ChapterKind::Heal => format!("`{code}`"),
        ChapterKind::Note => format!("note: {text}"),
        ChapterKind::Beat | ChapterKind::Failover | ChapterKind::Check | ChapterKind::Other => text,
    };
    _ = write!(story, "{time}{words}\n\n");
}

/// The runs, and which of their knobs are not at their defaults.
fn settings(scenario: &Scenario) -> String {
    let profile = if scenario.profile == Profile::Demo { "demo" } else { "real" };
    let mut out = format!(
        "\n## Settings\n\nSeed {}, {} of virtual time, {profile} timers, {} operations/s.\n\n",
        scenario.seed, scenario.duration, scenario.workload.rate
    );
    out.push_str("| run | replication | set |\n|---|---|---|\n");
    for run in &scenario.runs {
        _ = writeln!(
            out,
            "| {} | {} | {} |",
            prose(&run.id),
            run.topology(),
            prose(&knobs(run, scenario.profile))
        );
    }
    out
}

fn knobs(run: &Run, profile: Profile) -> String {
    let defaults = Knobs::defaults(run.topology(), profile);
    let set = run.setup.knobs.rows().filter(|(row, value)| defaults.get(row.key) != Some(*value));
    set.map(|(row, value)| format!("{}={value}", row.key)).collect::<Vec<_>>().join(" ")
}

fn measured(scenario: &Scenario, judgement: &Judgement) -> String {
    let ids: Vec<String> = scenario.runs.iter().map(|run| prose(&run.id)).collect();
    let mut out = format!("\n## Measured\n\n| | {} |\n|---|{}\n", ids.join(" | "), "--:|".repeat(ids.len()));
    for row in METRICS {
        if judgement.runs.iter().any(|run| run.metrics.get(row.metric).is_some_and(|value| value != 0.0)) {
            let cells: Vec<String> = judgement.runs.iter().map(|run| run.metrics.text(row.metric)).collect();
            _ = writeln!(out, "| {} | {} |", row.name, cells.join(" | "));
        }
    }
    out
}

fn expected(scenario: &Scenario, judgement: &Judgement) -> String {
    let met = judgement.expectations.iter().filter(|met| met.is_met).count();
    let mut out = format!("\n## Expected: {met} of {} came true\n\n", judgement.expectations.len());
    for found in &judgement.expectations {
        let expectation = &scenario.expectations[found.expectation];
        let sign = if found.is_met { '✓' } else { '✗' };
        _ = writeln!(out, "- {sign} {}", prose(&verdict(scenario, found)));
        if !expectation.why.is_empty() {
            _ = writeln!(out, "  {}", prose(&expectation.why));
        }
    }
    out
}

/// What came of an expectation, in words.
pub(super) fn verdict(scenario: &Scenario, met: &Met) -> String {
    let expectation = &scenario.expectations[met.expectation];
    let (run, came, wanted) = (&scenario.runs[met.run].id, met.came.to_string(), &met.wanted);
    match &expectation.subject {
        Subject::Metric { metric, .. } => format!("{run} {} {came}, wanted {wanted}", metric.row().name),
        Subject::Lines { code, .. } => format!("{run} {came} lines {code}, wanted {wanted}"),
        // "wanted" names the checker again.
        Subject::Checker { checker, .. } if met.is_met => format!("{run} {checker}: {came}"),
        Subject::Checker { checker, .. } => format!("{run} {checker}: {came}, wanted {wanted}"),
        Subject::Holds { key, .. } => format!("{run} {key} holds {came}, wanted {wanted}"),
    }
}

/// Text as Markdown takes it, without meaning anything.
fn prose(text: &str) -> String {
    let mut out = String::new();
    for letter in one_line(text).chars() {
        if "\\`*_<>[]|#~&".contains(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

/// A block that nothing in `text` can end.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{text}{fence}\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_means_anything() {
        assert_eq!(prose("a|b *c* <d>\ne"), r"a\|b \*c\* \<d\> e");
        assert_eq!(fenced("x ```` y\n"), "`````text\nx ```` y\n`````\n\n");
    }
}
