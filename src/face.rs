//! From the command line to a face: finds scenarios, chooses colours, starts the simulation, plays or runs.

use crate::base::text::safe;
use crate::cli::{Changes, Cli, ColorWhen, Compare, Play, Run};
use crate::cluster::live::HostKind;
use crate::driver::frame::Frame;
use crate::driver::thread::{Edges, Parse, Start, start};
use crate::driver::{Request, Seek};
use crate::headless::compare::{self, Form};
use crate::headless::{self, Exit, complain};
use crate::record::edge::{Growing, begin};
use crate::scenario::grammar::{complete, parse};
use crate::scenario::load::{RECORDING_MAX, load};
use crate::scenario::model::{Recorded, Scenario};
use crate::scenario::overrides::Override;
use crate::scenario::presets::{PRESETS, preset};
use crate::scenario::vocabulary;
use crate::screen::View;
use crate::screen::look::{Depth, Look, THEMES, Theme};
pub use crate::tui::again::Origin;
use crate::tui::again::command_line;
use crate::tui::{self, End};
use clap::CommandFactory;
use std::io::{self, IsTerminal, Read, Write};
use std::sync::Arc;
use std::time::Duration;

mod film;
mod histories;
mod render;

pub use film::play_film;
pub use histories::{export, verify};
pub use render::render;

/// The longest scenario read from a file or a pipe; the loader's own limit is below it.
const READ_MAX: u64 = RECORDING_MAX as u64 + 1;

/// Opens the playground.
///
/// # Errors
/// If the terminal or the operating system refuses.
pub fn playground(play: &Play) -> io::Result<Exit> {
    let Some(scenario) = scenario(play) else { return Ok(Exit::BadInput) };
    let Some(run) = first_run(&scenario, play.run.as_deref()) else { return Ok(Exit::BadInput) };
    let name = play.scenario.as_deref().unwrap_or(PRESETS[0].name);
    let is_piped = name == "-";
    if !io::stdout().is_terminal() || (!io::stdin().is_terminal() && !is_piped) {
        let name = safe(name);
        complain(&format!("the playground needs a terminal; `splitbrain run {name}` works without one"));
        return Ok(Exit::BadInput);
    }
    let Some(look) = look(play) else { return Ok(Exit::BadInput) };
    let with_tour = play.scenario.is_none() && !play.no_tour;
    live(scenario, play, run, look, with_tour)
}

/// The scenario that a command line opens the playground with. What is wrong is printed.
pub fn scenario(play: &Play) -> Option<Scenario> {
    let mut changes = overrides(&play.changes);
    changes.extend(play.seed.map(|seed| Override::Set(format!("seed={seed}"))));
    find(play.scenario.as_deref().unwrap_or(PRESETS[0].name), &changes)
}

/// Where a playground came from, for the command line that leads back to a moment of it.
pub fn origin(play: &Play, scenario: &Scenario) -> Origin {
    let mut changes = Vec::new();
    changes.extend(play.seed.iter().flat_map(|seed| ["--seed".to_owned(), seed.to_string()]));
    changes.extend(play.changes.set.iter().flat_map(|set| ["--set".to_owned(), set.clone()]));
    changes.extend(play.changes.at.iter().flat_map(|at| ["--do".to_owned(), at.clone()]));
    let is_finished = scenario.recorded.as_ref().is_some_and(|recorded| recorded.end.is_some());
    Origin { scenario: play.scenario.clone(), changes, lasting: play.changes.lasting.clone(), is_finished }
}

fn first_run(scenario: &Scenario, wanted: Option<&str>) -> Option<usize> {
    let Some(wanted) = wanted else { return Some(0) };
    let found = scenario.runs.iter().position(|run| run.id == wanted);
    if found.is_none() {
        let ids: Vec<&str> = scenario.runs.iter().map(|run| run.id.as_str()).collect();
        complain(&format!("unknown run `{}`; the runs are {}", safe(wanted), ids.join(", ")));
    }
    found
}

fn live(scenario: Scenario, play: &Play, run: usize, look: Look, with_tour: bool) -> io::Result<Exit> {
    let words = vocabulary(&scenario);
    let grammar = words.clone();
    let parser: Parse = Box::new(move |text| parse(text, &grammar).map_err(|error| error.to_string()));
    let is_paused = play.paused || play.seek.is_some();
    let beginning = Start {
        speed_milli: play.speed,
        is_paused,
        is_presenting: play.present,
        follows: !play.no_cues && play.seek.is_none(),
        host: HostKind::Tasks,
    };
    let origin = origin(play, &scenario);
    let tape = match tape(play) {
        Ok(tape) => tape,
        Err(exit) => return Ok(exit),
    };
    let open = |path: &str, force| begin(path, force).map(boxed);
    let edges = Edges { parse: parser, open: Box::new(open), tape, size: crossterm::terminal::size().ok() };
    let simulation = start(Arc::new(scenario), beginning, edges)?;
    if let Some((at, steps)) = play.seek {
        let seek = if steps > 0 { Seek::Within(at, steps) } else { Seek::To(at) };
        // The first request finds room, and somebody who takes it.
        drop(simulation.requests.blocking_send(Request::Seek(seek)));
    }
    let completions = move |text: &str| {
        complete(text, &words).into_iter().map(|completion| (completion.text, completion.meaning)).collect()
    };
    // A folder cannot be overwritten, so nobody is asked about it.
    let exists = |path: &str| std::fs::metadata(path).is_ok_and(|there| !there.is_dir());
    let options = tui::Options {
        run,
        look,
        exists: Box::new(exists),
        complete: Box::new(completions),
        with_tour: with_tour && !play.present,
        view: play.view,
        looks_along: play.run.is_none() && play.view.is_none(),
        is_presenting: play.present,
        origin: origin.clone(),
    };
    let frames = simulation.frames.clone();
    let end = tui::play(frames, &simulation.requests, options);
    let last = Arc::clone(&simulation.frames.borrow());
    drop(simulation.requests);
    let is_sound = simulation.thread.join().is_ok();
    let exit = match end? {
        End::Left => Exit::AsExpected,
        End::Signal(number) => Exit::Signal(number),
        End::SimulationGone => Exit::Bug,
    };
    if !is_sound || exit == Exit::Bug {
        complain("the simulation stopped by itself; please report this with the seed and your keys");
        return Ok(Exit::Bug);
    }
    farewell(&origin, &last, run);
    Ok(exit)
}

/// What it was, and the command line that leads back to it.
fn farewell(origin: &Origin, frame: &Frame, run: usize) {
    let line = format!("{} · seed {} · {}", safe(&frame.head.id), frame.head.seed, frame.at);
    // A terminal that is gone needs no farewell.
    let _ = writeln!(io::stdout(), "{line}");
    if let Ok(again) = command_line(origin, frame, run, View::Cluster) {
        let _ = writeln!(io::stdout(), "{again}");
    }
}

/// Runs scenarios without a terminal.
///
/// # Errors
/// If the output cannot be written.
pub fn run(run: &Run) -> io::Result<Exit> {
    let changes = overrides(&run.changes);
    let mut scenarios = Vec::new();
    for name in &run.scenarios {
        match find(name, &changes) {
            Some(scenario) => scenarios.push(scenario),
            None => return Ok(Exit::BadInput),
        }
    }
    let order =
        headless::Order { scenarios, seeds: run.seed.clone(), as_json: run.json, why: run.why.clone() };
    headless::run(&order, &mut io::stdout().lock())
}

/// Puts the runs of a scenario side by side.
///
/// # Errors
/// If the output cannot be written.
pub fn compare(asked: &Compare) -> io::Result<Exit> {
    let Some(scenario) = find(&asked.scenario, &overrides(&asked.changes)) else {
        return Ok(Exit::BadInput);
    };
    let form = match (asked.json, asked.markdown) {
        (true, _) => Form::Json,
        (_, true) => Form::Markdown,
        _ => Form::Text,
    };
    let (with_capacity, with_twins) = (asked.capacity, asked.twins);
    let order = compare::Order { scenario, seeds: asked.seed.clone(), form, with_capacity, with_twins };
    compare::compare(&order, &mut io::stdout().lock())
}

fn overrides(changes: &Changes) -> Vec<Override> {
    let set = changes.set.iter().cloned().map(Override::Set);
    let at = changes.at.iter().cloned().map(Override::Do);
    set.chain(changes.lasting.iter().cloned().map(Override::For)).chain(at).collect()
}

/// The file of `--record`, opened; what is wrong with it is printed.
fn tape(play: &Play) -> Result<Option<Tape>, Exit> {
    let Some(path) = &play.record else { return Ok(None) };
    match begin(path, play.force) {
        Ok(out) => Ok(Some((path.clone(), boxed(out)))),
        Err(why) => {
            complain(&safe(&why));
            Err(Exit::BadInput)
        }
    }
}

fn boxed(file: Growing) -> Box<dyn Write + Send> {
    Box::new(file)
}

/// A file to record to, with its name.
type Tape = (String, Box<dyn Write + Send>);

/// Finds and loads a scenario: a preset's name, a file, `-`. What is wrong is printed.
fn find(name: &str, changes: &[Override]) -> Option<Scenario> {
    let (file, text) = match preset(name) {
        Some(preset) => (format!("{name}.toml"), preset.text.to_owned()),
        None => match read(name) {
            Ok(text) => (if name == "-" { "standard input".to_owned() } else { name.to_owned() }, text),
            Err(problem) => {
                complain(&problem);
                return None;
            }
        },
    };
    match load(&file, &text, changes) {
        Ok(scenario) => {
            if let Some(warning) = scenario.recorded.as_ref().and_then(Recorded::warning) {
                complain(&format!("{}: {warning}", safe(&file)));
            }
            Some(scenario)
        }
        Err(problems) => {
            let is_coloured = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            // A reader that has gone needs no explanation.
            let _ = write!(io::stderr(), "{}", problems.render(is_coloured));
            None
        }
    }
}

fn read(name: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let done = match name {
        "-" => io::stdin().take(READ_MAX).read_to_end(&mut bytes),
        path => std::fs::File::open(path).and_then(|file| file.take(READ_MAX).read_to_end(&mut bytes)),
    };
    let shown = safe(name);
    if let Err(error) = done {
        let names: Vec<&str> = PRESETS.iter().map(|preset| preset.name).collect();
        let near = crate::base::text::nearest(name, names.iter().copied());
        let help = near.map_or_else(
            || format!("the presets are {}", names.join(", ")),
            |near| format!("did you mean the preset `{near}`?"),
        );
        return Err(format!("no preset `{shown}`, and no file: {error}; {help}"));
    }
    String::from_utf8(bytes).map_err(|_| format!("`{shown}` is no text in UTF-8"))
}

/// Colours and signs: what the flags say, else what the environment says, else what the terminal answers.
fn look(play: &Play) -> Option<Look> {
    let theme = theme(&play.theme)?;
    let depth = depth(play.color);
    Some(Look {
        theme: theme.unwrap_or_else(|| guess_theme(depth)),
        depth,
        is_ascii: play.ascii || !speaks_unicode(),
        is_still: play.no_motion,
    })
}

/// The theme of a word; `Some(None)` for `auto`, nothing for a word nobody knows, which is said.
fn theme(word: &str) -> Option<Option<Theme>> {
    if word == "auto" {
        return Some(None);
    }
    let found = THEMES.iter().find(|(name, _)| *name == word).map(|(_, theme)| Some(*theme));
    if found.is_none() {
        let names: Vec<&str> = THEMES.iter().map(|(name, _)| *name).collect();
        complain(&format!("unknown theme `{}`; the themes are auto, {}", safe(word), names.join(", ")));
    }
    found
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_default()
}

fn depth(when: ColorWhen) -> Depth {
    let (term, color_term) = (variable("TERM"), variable("COLORTERM"));
    let of_terminal = match (color_term.as_str(), term.as_str()) {
        ("truecolor" | "24bit", _) => Depth::True,
        (_, "dumb" | "" | "vt100" | "vt102" | "vt220") => Depth::Mono,
        (_, term) if term.contains("256") || term.contains("kitty") || term.contains("alacritty") => {
            Depth::Indexed
        }
        _ => Depth::Sixteen,
    };
    let is_forced = !variable("CLICOLOR_FORCE").is_empty() || !variable("FORCE_COLOR").is_empty();
    match when {
        ColorWhen::Never => Depth::Mono,
        ColorWhen::Sixteen => Depth::Sixteen,
        ColorWhen::Indexed => Depth::Indexed,
        ColorWhen::True => Depth::True,
        ColorWhen::Always if of_terminal == Depth::Mono => Depth::Sixteen,
        ColorWhen::Always => of_terminal,
        ColorWhen::Auto if !variable("NO_COLOR").is_empty() => Depth::Mono,
        ColorWhen::Auto if is_forced && of_terminal == Depth::Mono => Depth::Sixteen,
        ColorWhen::Auto => of_terminal,
    }
}

/// Dark or light, as the terminal answers within a tenth of a second; its own colours if it does not.
fn guess_theme(depth: Depth) -> Theme {
    if matches!(depth, Depth::Mono | Depth::Sixteen) {
        return Theme::Ansi16;
    }
    let mut options = terminal_colorsaurus::QueryOptions::default();
    options.timeout = Duration::from_millis(100);
    match terminal_colorsaurus::theme_mode(options) {
        Ok(terminal_colorsaurus::ThemeMode::Dark) => Theme::OkabeDark,
        Ok(terminal_colorsaurus::ThemeMode::Light) => Theme::OkabeLight,
        Err(_) => Theme::Ansi16,
    }
}

/// Whether the locale and the terminal draw more than ASCII.
fn speaks_unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().map(variable).find(|value| !value.is_empty());
    let locale = locale.unwrap_or_default().to_lowercase();
    let is_plain = ["linux", "dumb"].contains(&variable("TERM").as_str());
    (locale.contains("utf-8") || locale.contains("utf8")) && !is_plain
}

/// Prints a completion script.
///
/// # Errors
/// Never; printing a script to a closed pipe ends quietly.
pub fn completions(shell: clap_complete::Shell) -> io::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "splitbrain", &mut script);
    headless::print(&script)
}

/// Prints the manual page.
///
/// # Errors
/// If the page cannot be made.
pub fn manual() -> io::Result<Exit> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    headless::print(&page)
}
