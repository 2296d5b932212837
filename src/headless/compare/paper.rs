//! The comparison on paper: columns of text, or Markdown.

use super::Play;
use super::capacity::{Capacity, Load};
use super::notes::notes;
use super::table::{Line, Row, Table};
use crate::base::text::{safe, width};
use crate::base::time::Span;
use crate::scenario::model::Scenario;
use std::io::{self, Write};

/// Writes columns of text.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_text(table: &Table, plays: &[Play], out: &mut dyn Write) -> io::Result<()> {
    let scenario = &plays[0].scenario;
    writeln!(out, "{}\n{}\n", heading(plays), safe(&scenario.summary))?;
    let columns = Columns::of(table);
    columns.write(out, "", &table.runs, "")?;
    for setting in &table.settings {
        columns.write(out, &setting.name, &setting.values, "")?;
    }
    for row in &table.rows {
        writeln!(out, "\n{:>2}  {}", row.difference.number, row.difference.sentence)?;
        for line in &row.lines {
            columns.write(out, &line.name(), &cells(line, table), &unit(line))?;
        }
    }
    writeln!(out)?;
    for paragraph in below(plays) {
        writeln!(out, "{}\n", wrapped(&paragraph, 110))?;
    }
    writeln!(out, "{}", outcome(plays))
}

/// Writes Markdown: a table of settings, the table of differences, the notes.
///
/// # Errors
/// If `out` cannot be written.
pub fn write_markdown(table: &Table, plays: &[Play], out: &mut dyn Write) -> io::Result<()> {
    let scenario = &plays[0].scenario;
    writeln!(out, "## {}\n\n{}\n", escaped(&heading(plays)), escaped(&scenario.summary))?;
    markdown_head(out, &["setting"], &table.runs, &[])?;
    for setting in &table.settings {
        markdown_row(out, std::iter::once(&setting.name).chain(&setting.values))?;
    }
    writeln!(out)?;
    markdown_head(out, &["#", "difference", "metric"], &table.runs, &["unit"])?;
    for row in &table.rows {
        for (nth, line) in row.lines.iter().enumerate() {
            let (number, sentence) = match nth {
                0 => (row.difference.number.to_string(), row.difference.sentence.to_owned()),
                _ => (String::new(), String::new()),
            };
            let before = [number, sentence, format!("`{}`", line.name())];
            let cells = cells(line, table).into_iter().map(|cell| match cell.strip_suffix(" *") {
                Some(best) => format!("**{best}**"),
                None => cell,
            });
            let all: Vec<String> = before.into_iter().chain(cells).chain([unit(line)]).collect();
            markdown_row(out, all.iter())?;
        }
    }
    writeln!(out)?;
    for paragraph in below(plays) {
        let bold = paragraph.replacen("* marks", "**Bold** marks", 1);
        writeln!(out, "{}\n", escaped(&bold).replace("\\*\\*", "**"))?;
    }
    writeln!(out, "{}", outcome(plays))
}

fn markdown_head(out: &mut dyn Write, before: &[&str], runs: &[String], after: &[&str]) -> io::Result<()> {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let all: Vec<String> =
        words(before).into_iter().chain(runs.iter().cloned()).chain(words(after)).collect();
    markdown_row(out, all.iter())?;
    let rules = all.iter().enumerate().map(|(nth, _)| {
        let is_figure = (before.len()..before.len() + runs.len()).contains(&nth);
        if is_figure { "---:" } else { "---" }
    });
    writeln!(out, "|{}|", rules.collect::<Vec<_>>().join("|"))
}

fn markdown_row<'a>(out: &mut dyn Write, cells: impl Iterator<Item = &'a String>) -> io::Result<()> {
    let cells: Vec<String> =
        cells.map(|cell| if cell.starts_with("**") { cell.clone() } else { escaped(cell) }).collect();
    writeln!(out, "| {} |", cells.join(" | "))
}

/// Text that means itself in a Markdown cell.
fn escaped(text: &str) -> String {
    safe(text)
        .chars()
        .flat_map(|c| if ['|', '*', '<'].contains(&c) { vec!['\\', c] } else { vec![c] })
        .collect()
}

fn heading(plays: &[Play]) -> String {
    let scenario = &plays[0].scenario;
    let seeds = match plays {
        [one] => format!("seed {}", one.scenario.seed),
        [first, .., last] => format!("seeds {} to {}", first.scenario.seed, last.scenario.seed),
        [] => String::new(),
    };
    format!("{} · {seeds} · {}", safe(&scenario.title), Span(scenario.duration.0))
}

fn cells(line: &Line, table: &Table) -> Vec<String> {
    (0..table.runs.len()).map(|run| line.cell(run)).collect()
}

fn unit(line: &Line) -> String {
    match line.metric.asked_by() {
        Some(flag) if line.runs.iter().all(Option::is_none) => format!("(with {flag})"),
        _ => line.metric.row().unit.to_owned(),
    }
}

/// Everything that is said under the table, paragraph by paragraph.
fn below(plays: &[Play]) -> Vec<String> {
    let mut below = vec![legend(plays.len())];
    below.extend(
        plays.iter().flat_map(|play| &play.capacities).map(|found| capacity(&plays[0].scenario, found)),
    );
    below.extend(notes(plays));
    below
}

fn legend(seeds: usize) -> String {
    match seeds {
        1 => "* marks the best run, and each that cannot be told from it, where another is worse. One seed shows no \
              noise, so that only what is exactly counted is compared; --seed 1..20 tells the rest apart."
            .to_owned(),
        _ => format!(
            "* marks the best run, and each that cannot be told from it, where another is worse by more than the \
             noise: the 95 % confidence intervals (mean ± margin over {seeds} seeds, Student's t) do not overlap."
        ),
    }
}

fn capacity(scenario: &Scenario, found: &Capacity) -> String {
    let what = match found.load {
        Load::Reads => "read_capacity",
        Load::Writes => "write_capacity",
    };
    let rates: Vec<String> = found.tried.iter().map(u32::to_string).collect();
    let rate = match found.rate {
        Some(rate) => format!("{rate}/s"),
        None => format!("less than {}/s", found.tried.first().copied().unwrap_or_default()),
    };
    let theory = match (&found.theory, found.rate) {
        (Some(theory), Some(rate)) => format!(
            "; {} gives {:.0}/s for messages alone, without flushes and timers: this is {:.2} of it{}",
            theory.formula,
            theory.rate,
            f64::from(rate) / theory.rate,
            // The formula takes a message for each write.
            if theory.rate < f64::from(rate) { ", as a message carries what has come meanwhile" } else { "" }
        ),
        _ => String::new(),
    };
    format!("{what} of {}: {rate} (tried {}){theory}.", scenario.runs[found.run].id, rates.join(", "))
}

fn outcome(plays: &[Play]) -> String {
    let all: usize = plays.iter().map(|play| play.judgement.expectations.len()).sum();
    let missed = plays.iter().flat_map(|play| &play.judgement.expectations).filter(|met| !met.is_met).count();
    match (all, missed) {
        (0, _) => "no expectations".to_owned(),
        (all, 0) => format!("all {all} expectations met"),
        (all, missed) => format!("{missed} of {all} expectations NOT met; `splitbrain run` says which"),
    }
}

/// `text` broken at blanks.
fn wrapped(text: &str, columns: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let last = lines.last().map_or(0, |line| width(line));
        if last > 0 && last + 1 + width(word) > columns {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The columns of all lines: names to the left, figures to the right, each as wide as it needs. Stars stand in a column
/// of their own, so that figures stay under each other.
struct Columns {
    name: usize,
    runs: Vec<usize>,
}

impl Columns {
    fn of(table: &Table) -> Columns {
        let lines: Vec<&Line> = table.rows.iter().flat_map(|row: &Row| &row.lines).collect();
        let names =
            lines.iter().map(|line| line.name()).chain(table.settings.iter().map(|set| set.name.clone()));
        let of_run = |run: usize| {
            let figures = lines.iter().map(|line| line.cell(run));
            let settings = table.settings.iter().map(|set| set.values[run].clone());
            let cells = figures.chain(settings).chain([table.runs[run].clone()]);
            cells.map(|cell| width(cell.trim_end_matches(" *"))).max().unwrap_or(0)
        };
        Columns {
            name: names.map(|name| width(&name)).max().unwrap_or(0),
            runs: (0..table.runs.len()).map(of_run).collect(),
        }
    }

    fn write(&self, out: &mut dyn Write, name: &str, cells: &[String], unit: &str) -> io::Result<()> {
        let mut line = format!("    {name}{}", " ".repeat(self.name - width(name)));
        for (cell, wide) in cells.iter().zip(&self.runs) {
            let cell = safe(cell);
            let (cell, star) = cell.strip_suffix(" *").map_or((&*cell, "  "), |cell| (cell, " *"));
            let pad = " ".repeat(wide.saturating_sub(width(cell)));
            line.push_str(&format!("  {pad}{cell}{star}"));
        }
        writeln!(out, "{}", format!("{line} {unit}").trim_end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_breaks_at_blanks() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree");
        assert_eq!(wrapped("extraordinary", 4), "extraordinary");
    }

    #[test]
    fn cells_of_markdown_mean_themselves() {
        assert_eq!(escaped("a|b *c*"), "a\\|b \\*c\\*");
    }
}
