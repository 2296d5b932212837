//! The faces that deal in client histories: `verify` reads and judges one, `export` makes one.

use super::{find, first_run, overrides};
use crate::base::text::safe;
use crate::check::history::Datum;
use crate::check::linear::{Budget, FailedCas, MODELS};
use crate::cli::{Export, FailedCasWord, Verify};
use crate::exchange::{edn, form::Form};
use crate::headless::export::{TARGETS, Target};
use crate::headless::verify::{Inquiry, Stage};
use crate::headless::{self, Exit, complain};
use crate::record::edge;
use crate::scenario::overrides::Override;
use std::io::{self, Read, Write};
use std::sync::Arc;

/// Plays a scenario and writes its history or its trace.
///
/// # Errors
/// If standard output cannot be written.
pub fn export(order: &Export) -> io::Result<Exit> {
    let Some(target) = target(order) else { return Ok(Exit::BadInput) };
    let mut changes = overrides(&order.changes);
    changes.extend(order.seed.map(|seed| Override::Set(format!("seed={seed}"))));
    let Some(scenario) = find(&order.scenario, &changes) else { return Ok(Exit::BadInput) };
    let Some(run) = first_run(&scenario, order.run.as_deref()) else { return Ok(Exit::BadInput) };
    let scenario = Arc::new(scenario);
    let bytes = headless::export::export(&scenario, run, target)?;
    if order.output.as_os_str() == "-" {
        return headless::print(&bytes);
    }
    if let Err(refusal) = edge::write(&order.output, &bytes, order.force) {
        complain(&refusal);
        return Ok(Exit::BadInput);
    }
    let (name, id, lines) = (
        order.output.display().to_string(),
        &scenario.runs[run].id,
        bytes.split(|b| *b == b'\n').count() - 1,
    );
    // Who has closed standard error does not want to know.
    let _ = writeln!(io::stderr(), "{}: {lines} lines, run {id}", safe(&name));
    Ok(Exit::AsExpected)
}

/// What the options say, else what the file's ending says, else EDN on standard output.
fn target(order: &Export) -> Option<Target> {
    let ending = order.output.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    let found = match &order.format {
        Some(word) => TARGETS.iter().find(|row| row.word == word),
        None if order.output.as_os_str() == "-" => TARGETS.first(),
        None => TARGETS.iter().find(|row| row.ending == ending),
    };
    if found.is_none() {
        let endings: Vec<String> = TARGETS.iter().map(|row| format!(".{}", row.ending)).collect();
        let name = order.output.display().to_string();
        complain(&format!("{}: the endings are {}; or say --format", safe(&name), endings.join(", ")));
    }
    found.map(|row| row.target)
}

/// Judges a client history.
///
/// # Errors
/// If the output cannot be written.
pub fn verify(order: &Verify) -> io::Result<Exit> {
    let initial = match initial_value(&order.initial) {
        Ok(initial) => initial,
        Err(problem) => {
            complain(&format!("--initial {}: {problem}", safe(&order.initial)));
            return Ok(Exit::BadInput);
        }
    };
    let inquiry = Inquiry {
        name: if order.history == "-" { "standard input".to_owned() } else { order.history.clone() },
        model: order
            .model
            .as_deref()
            .and_then(|word| MODELS.iter().find(|(_, known)| *known == word))
            .map(|row| row.0),
        initial,
        budget: Budget { steps: order.budget, bytes: order.memory << 20 },
        failed_cas: order.failed_cas.map(|word| match word {
            FailedCasWord::Answer => FailedCas::Answer,
            FailedCasWord::Absent => FailedCas::Absent,
        }),
        as_json: order.json,
    };
    let (mut stdin, mut file);
    let mut bytes = None;
    let input: &mut dyn Read = if order.history == "-" {
        stdin = io::stdin().lock();
        &mut stdin
    } else {
        match std::fs::File::open(&order.history) {
            Ok(opened) => {
                bytes = opened.metadata().ok().filter(std::fs::Metadata::is_file).map(|known| known.len());
                file = opened;
                &mut file
            }
            Err(error) => {
                complain(&format!("{}: {error}", safe(&order.history)));
                return Ok(Exit::BadInput);
            }
        }
    };
    let mut bar = Bar::new(bytes);
    let mut out = io::stdout().lock();
    let judged =
        headless::verify::verify(&inquiry, input, &mut out, &mut |stage| bar.show(stage), &mut complain);
    match judged {
        // A reader that has gone needs no verdict.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::AsExpected),
        other => other,
    }
}

fn initial_value(text: &str) -> Result<Datum, String> {
    match edn::parse(text) {
        Ok(Form::Nil) => Ok(Datum::Nil),
        Ok(Form::Int(number)) => Ok(Datum::Int(number)),
        Ok(Form::Text(text)) => Ok(Datum::text(&text)),
        Ok(Form::Word(word)) => Ok(Datum::Word(word.into())),
        Ok(_) => Err("keys begin with one value: nil, 5, \"x\"".to_owned()),
        Err(problem) => Err(problem.found),
    }
}

/// How far a long judgement is, on standard error if that is a terminal; short ones show nothing.
struct Bar {
    bar: indicatif::ProgressBar,
    is_shown: bool,
    /// How long the input is, if anybody knows.
    bytes: Option<u64>,
}

impl Bar {
    fn new(bytes: Option<u64>) -> Bar {
        Bar { bar: indicatif::ProgressBar::hidden(), is_shown: false, bytes }
    }

    fn show(&mut self, stage: Stage) {
        let (done, of, message) = match stage {
            Stage::Reading(bytes) if bytes > READ_QUIETLY => {
                (bytes, self.bytes, format!("read {} MiB", bytes >> 20))
            }
            Stage::Judging(share) if share > 50 => {
                (share, Some(1_000), format!("searched {} % of the budget", share / 10))
            }
            Stage::Reading(_) | Stage::Judging(_) => return,
            Stage::Done => return self.bar.finish_and_clear(),
        };
        if !self.is_shown {
            self.bar.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            self.is_shown = true;
        }
        if let Some(of) = of {
            self.bar.set_length(of);
        }
        let form = if of.is_some() { "{bar:40} {msg}" } else { "{spinner} {msg}" };
        if let Ok(style) = indicatif::ProgressStyle::with_template(form) {
            self.bar.set_style(style);
        }
        self.bar.set_position(done);
        self.bar.set_message(message);
        self.bar.tick();
    }
}

/// Bytes read without a word.
const READ_QUIETLY: u64 = 16 << 20;
