//! `splitbrain render`: from the options to a film, from the film to a file.

use super::film::read_film;
use super::{find, first_run, overrides, theme};
use crate::base::text::{quoted, safe};
use crate::base::time::{Span, VirtualTime};
use crate::cli::{Render, SIZE_MAX};
use crate::driver::frame::FULL_SPEED;
use crate::headless::{self, Exit, complain};
use crate::record::film::{Film, Refusal};
use crate::record::reel::Screening;
use crate::record::studio::{Direction, Following, Studio};
use crate::record::{FORMATS, Format, edge, make};
use crate::scenario::model::Scenario;
use crate::scenario::overrides::Override;
use crate::scenario::presets::preset;
use crate::screen::look::{Depth, Look, Theme};
use crate::screen::{LEAST, View, Watch};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;

/// Makes a film or a still.
///
/// # Errors
/// If standard output cannot be written.
pub fn render(order: &Render) -> io::Result<Exit> {
    if order.scenario.ends_with(".cast") {
        let developed = format(order).and_then(|format| {
            let mut film = screening(order, format)?;
            develop(order, format, &mut film)
        });
        return deliver(order, developed);
    }
    let mut changes = overrides(&order.changes);
    changes.extend(order.seed.map(|seed| Override::Set(format!("seed={seed}"))));
    let Some(scenario) = find(&order.scenario, &changes) else { return Ok(Exit::BadInput) };
    let Some(run) = first_run(&scenario, order.run.as_deref()) else { return Ok(Exit::BadInput) };
    let Some(theme) = theme(&order.theme) else { return Ok(Exit::BadInput) };
    let film = format(order).and_then(|format| {
        let studio = studio(order, scenario, run, theme, format)?;
        Ok((format, studio))
    });
    deliver(order, film.and_then(|(format, mut studio)| develop(order, format, &mut studio)))
}

/// Writes what came of it.
fn deliver(order: &Render, developed: Result<Vec<u8>, Refusal>) -> io::Result<Exit> {
    match developed {
        Err(refusal) => {
            complain(&refusal);
            Ok(Exit::BadInput)
        }
        Ok(bytes) if order.output.as_os_str() == "-" => headless::print(&bytes),
        Ok(bytes) => match edge::write(&order.output, &bytes, order.force) {
            Ok(()) => {
                let name = order.output.display().to_string();
                // Who has closed standard error does not want to know.
                let _ = writeln!(io::stderr(), "{}: {}", safe(&name), size(bytes.len()));
                Ok(Exit::AsExpected)
            }
            Err(refusal) => {
                complain(&refusal);
                Ok(Exit::BadInput)
            }
        },
    }
}

/// `478 KiB`.
fn size(bytes: usize) -> String {
    match bytes {
        0..1_024 => format!("{bytes} bytes"),
        1_024..1_048_576 => format!("{} KiB", bytes / 1_024),
        _ => format!("{}.{} MiB", bytes >> 20, ((bytes & 0xF_FFFF) * 10) >> 20),
    }
}

/// What the file becomes: as the option says, or as its name does.
fn format(order: &Render) -> Result<Format, Refusal> {
    let name = order.output.to_string_lossy();
    let wanted = match order.format.as_deref() {
        Some(word) => Format::of_word(word),
        None => Format::of_name(&name),
    };
    let extensions = || {
        let mut known: Vec<String> = FORMATS.iter().map(|row| format!(".{}", row.extension)).collect();
        known.dedup();
        known.join(", ")
    };
    let Some(format) = wanted else {
        return Err(format!(
            "`{}` does not say what it becomes; it may end in {}, or --format says it",
            safe(&name),
            extensions()
        ));
    };
    if !order.force && order.output.as_os_str() != "-" && order.output.symlink_metadata().is_ok() {
        return Err(format!("`{}` is there already; --force writes over it", safe(&name)));
    }
    if order.still.is_some() && !format.row().can_be_still() {
        return Err(format!(
            "--at makes a still, and {} is a film; --from and --to choose a part of it",
            format.row().word
        ));
    }
    Ok(format)
}

fn studio(
    order: &Render,
    scenario: Scenario,
    run: usize,
    theme: Option<Theme>,
    format: Format,
) -> Result<Studio, Refusal> {
    if order.speed == FULL_SPEED {
        return Err("a film has a speed that is a number: 0.5, 2".to_owned());
    }
    let end = VirtualTime(scenario.duration.0);
    let (from, to) = match order.still {
        // The moment after what happens in that instant.
        Some(at) if at.0 < end.0 => (VirtualTime(at.0 + 1), VirtualTime(at.0 + 1)),
        Some(at) => (VirtualTime(at.0), VirtualTime(at.0)),
        None => {
            let to = order.to.map_or(end, |to| VirtualTime(to.0));
            let from = order.from.map_or(VirtualTime::ZERO, |from| VirtualTime(from.0));
            (if format.row().is_still() { to } else { from }, to)
        }
    };
    let is_mono = theme == Some(Theme::Mono);
    let look = Look {
        theme: theme.unwrap_or(Theme::OkabeDark),
        depth: if is_mono { Depth::Mono } else { Depth::True },
        is_ascii: order.ascii,
        is_still: false,
    };
    let name = invitation(order, &scenario);
    let watch = Watch {
        view: order.view.unwrap_or(View::Cluster),
        run,
        hints: vec![(name, "plays this live".to_owned())],
        stage: order.present.then(Default::default),
        ..Watch::plain(look)
    };
    let direction = Direction {
        from,
        to,
        size: size_of(order, &scenario),
        speed_milli: order.speed,
        fps: order.fps.unwrap_or(format.row().fps),
        watch,
        has_light: theme.is_none(),
        command: command(order, &scenario, format),
    };
    // What is chosen here wins over what a recording's watcher chose.
    let following = Following {
        time: !order.no_cues,
        view: !order.no_cues && order.view.is_none(),
        run: !order.no_cues && order.run.is_none(),
    };
    Studio::following(Arc::new(scenario), direction, following)
}

/// Columns and rows: as asked for, as of a recording's screen, or the usual ones.
fn size_of(order: &Render, scenario: &Scenario) -> (u16, u16) {
    let recorded = scenario.recorded.as_ref().and_then(|recorded| recorded.size).filter(|_| !order.no_cues);
    let fitting =
        |(columns, rows): (u16, u16)| (columns.clamp(LEAST.0, SIZE_MAX.0), rows.clamp(LEAST.1, SIZE_MAX.1));
    order.size.or(recorded.map(fitting)).unwrap_or((120, 40))
}

/// A film from a file, to be shown again.
fn screening(order: &Render, format: Format) -> Result<Screening, Refusal> {
    let changes = &order.changes;
    let is_changed = order.seed.is_some() || !(changes.set.is_empty() && changes.at.is_empty());
    if is_changed || changes.lasting.is_some() || order.run.is_some() {
        return Err(
            "a film from a file stays as it is: --seed, --set, --do, --for and --run are for scenarios"
                .to_owned(),
        );
    }
    let reel = read_film(Path::new(&order.scenario))?;
    let end = reel.titles.length;
    let part = match order.still {
        Some(at) => (at, Some(at)),
        None if format.row().is_still() => (order.to.unwrap_or(end), Some(order.to.unwrap_or(end))),
        None => (order.from.unwrap_or_default(), order.to),
    };
    if order.speed == FULL_SPEED {
        return Err("a film has a speed that is a number: 0.5, 2".to_owned());
    }
    Screening::new(reel, part, order.speed, order.fps.unwrap_or(format.row().fps))
}

/// What a viewer types to play it.
fn invitation(order: &Render, scenario: &Scenario) -> String {
    let mut words = vec!["splitbrain".to_owned(), source(order, scenario)];
    words.extend(order.seed.map(|seed| format!("--seed {seed}")));
    words.join(" ")
}

/// The scenario as another machine would name it: a preset's name or a file's, never a path.
fn source(order: &Render, scenario: &Scenario) -> String {
    match preset(&order.scenario) {
        Some(preset) => preset.name.to_owned(),
        None if order.scenario == "-" => format!("{}.toml", scenario.id),
        None => {
            let name = Path::new(&order.scenario).file_name().unwrap_or_default();
            quoted(&safe(&name.to_string_lossy()))
        }
    }
}

/// The command line that makes the film again, wherever it is written to.
fn command(order: &Render, scenario: &Scenario, format: Format) -> String {
    let row = format.row();
    let mut words = vec!["splitbrain render".to_owned(), source(order, scenario)];
    words.push(format!("-o {}.{}", quoted(&safe(&scenario.id)), row.extension));
    if Format::of_name(&format!("x.{}", row.extension)) != Some(format) {
        words.push(format!("--format {}", row.word));
    }
    words.extend(order.seed.map(|seed| format!("--seed {seed}")));
    words.extend(order.changes.set.iter().map(|set| format!("--set {}", quoted(set))));
    words.extend(order.changes.at.iter().map(|at| format!("--do {}", quoted(at))));
    words.extend(order.changes.lasting.iter().map(|lasting| format!("--for {}", quoted(lasting))));
    for (flag, span) in [("from", order.from), ("to", order.to), ("at", order.still)] {
        words.extend(span.map(|span| format!("--{flag} {span}")));
    }
    if order.speed != 1_000 {
        words.push(format!("--speed {}", decimal(order.speed)));
    }
    words.extend(order.fps.map(|fps| format!("--fps {fps}")));
    words.extend(order.run.iter().map(|run| format!("--run {}", quoted(run))));
    words.extend(order.view.map(|view| format!("--view {}", view.word())));
    words.extend(order.size.map(|(columns, rows)| format!("--size {columns}x{rows}")));
    words.extend(order.present.then(|| "--present".to_owned()));
    words.extend(order.no_cues.then(|| "--no-cues".to_owned()));
    words.extend(order.scale.map(|scale| format!("--scale {scale}")));
    if order.theme != "auto" {
        words.push(format!("--theme {}", order.theme));
    }
    words.extend(order.ascii.then(|| "--ascii".to_owned()));
    safe(&words.join(" ")).into_owned()
}

/// Thousandths as people write them: 1500 is `1.5`.
fn decimal(milli: u32) -> String {
    let text = format!("{}.{:03}", milli / 1_000, milli % 1_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Runs the film through its encoder, with a bar on a terminal.
fn develop(order: &Render, format: Format, film: &mut dyn Film) -> Result<Vec<u8>, Refusal> {
    let scale = order.scale.unwrap_or(format.row().scale);
    let mut errors = io::stderr();
    let has_bar = errors.is_terminal();
    let mut shown = u64::MAX;
    let bytes = make(film, format, scale, &mut |done: Span, length: Span| {
        let percent = done.0.saturating_mul(100) / length.0.max(1);
        if has_bar && percent != shown {
            shown = percent;
            let full = (percent / 5) as usize;
            let _ = write!(
                errors,
                "\r[{}{}] {percent:>3} % ",
                "=".repeat(full),
                " ".repeat(20_usize.saturating_sub(full))
            );
        }
    });
    if has_bar {
        let _ = write!(errors, "\r\x1b[K");
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_and_sizes_are_written_short() {
        assert_eq!((decimal(1_500), decimal(2_000), decimal(250)), ("1.5".into(), "2".into(), "0.25".into()));
        assert_eq!(
            (size(999), size(489_472), size(1_572_864)),
            ("999 bytes".into(), "478 KiB".into(), "1.5 MiB".into())
        );
    }
}
