//! `splitbrain play`: from a file to the cinema.

use super::{depth, speaks_unicode};
use crate::base::text::safe;
use crate::cli::ColorWhen;
use crate::driver::frame::FULL_SPEED;
use crate::headless::{Exit, complain};
use crate::record::film::Refusal;
use crate::record::reel::Reel;
use crate::screen::look::{Look, Theme};
use crate::tui::End;
use crate::tui::cinema::{self, Cinema};
use std::io::{self, IsTerminal, Read};
use std::path::Path;

/// The largest film read from a file.
const READ_MAX: u64 = 256 << 20;

/// Plays a film.
///
/// # Errors
/// If the terminal or the operating system refuses.
pub fn play_film(path: &Path, speed: u32, is_ascii: bool, color: ColorWhen) -> io::Result<Exit> {
    let refuse = |refusal: &str| {
        complain(refusal);
        Ok(Exit::BadInput)
    };
    let reel = match read_film(path) {
        Ok(reel) => reel,
        Err(refusal) => return refuse(&refusal),
    };
    if speed == FULL_SPEED {
        return refuse("a film has a speed that is a number: 0.5, 2");
    }
    let is_piped = path.as_os_str() == "-";
    if !io::stdout().is_terminal() || (!io::stdin().is_terminal() && !is_piped) {
        return refuse(
            "a film needs a terminal; `splitbrain render FILE.cast -o FILE.html` makes a page of it",
        );
    }
    // Text of our own is plain, whatever the terminal's ground; the film brings its colours.
    let is_ascii = is_ascii || !speaks_unicode();
    let look = Look { theme: Theme::Ansi16, depth: depth(color), is_ascii, is_still: false };
    match Cinema::new(&reel, speed, look) {
        Err(refusal) => refuse(&refusal),
        Ok(cinema) => Ok(match cinema::play(cinema)? {
            End::Signal(number) => Exit::Signal(number),
            End::Left | End::SimulationGone => Exit::AsExpected,
        }),
    }
}

/// Reads a film; what is wrong with it names the file.
pub(super) fn read_film(path: &Path) -> Result<Reel, Refusal> {
    let mut bytes = Vec::new();
    let done = if path.as_os_str() == "-" {
        io::stdin().take(READ_MAX + 1).read_to_end(&mut bytes)
    } else {
        std::fs::File::open(path).and_then(|file| file.take(READ_MAX + 1).read_to_end(&mut bytes))
    };
    let shown = path.display().to_string();
    let shown = safe(&shown);
    match done {
        Err(error) => Err(format!("cannot read `{shown}`: {error}")),
        Ok(_) if bytes.len() as u64 > READ_MAX => {
            Err(format!("`{shown}` is larger than {} MiB", READ_MAX >> 20))
        }
        Ok(_) => Reel::read(&bytes).map_err(|refusal| format!("{shown}: {refusal}")),
    }
}
