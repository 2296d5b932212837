//! Arguments, one face, an exit code. Nothing else.

use clap::Parser;
use splitbrain::cli::{Cli, Command};
use splitbrain::headless::Exit;
use splitbrain::{face, headless};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.command {
        None => face::playground(&cli.play),
        Some(Command::Run(run)) => face::run(run),
        Some(Command::Compare(compare)) => face::compare(compare),
        Some(Command::Verify(order)) => face::verify(order),
        Some(Command::Export(order)) => face::export(order),
        Some(Command::Presets { name, names }) => headless::tables::presets(name.as_deref(), *names),
        Some(Command::Render(render)) => face::render(render),
        Some(Command::Play { film, speed, ascii, color }) => face::play_film(film, *speed, *ascii, *color),
        Some(Command::Knobs { topology }) => headless::tables::knobs((*topology).into()),
        Some(Command::Metrics) => headless::tables::metrics(),
        Some(Command::Completions { shell }) => face::completions(*shell),
        Some(Command::Man) => face::manual(),
    };
    let exit = result.unwrap_or_else(|error| {
        // The world outside refused, a full disk for instance: nothing that a report would mend.
        headless::complain(&error.to_string());
        Exit::BadInput
    });
    ExitCode::from(exit.code())
}
