//! How long a watcher waits: from the start of the program to the first full picture in a pseudo-terminal, beside
//! the same program only printing its version.

use portable_pty::{CommandBuilder, PtySize, native_pty_system};
use std::io::Read;
use std::time::Instant;

const STARTS: usize = 15;

/// Prints milliseconds.
pub(crate) fn measure() {
    let median = |arguments: &[&str], until: &[u8]| {
        super::median(&(0..STARTS).map(|_| start(arguments, until)).collect::<Vec<_>>())
    };
    let version = median(&["--version"], b"splitbrain 0");
    // The theme is given: asking the terminal takes as long as the terminal does.
    let picture = median(&["--theme", "okabe-dark"], b"\x1b[?2026l");
    println!("\nmilliseconds from start (median of {STARTS})");
    println!("  the version is printed      {version:>7.1}");
    println!("  the first picture is drawn  {picture:>7.1}");
}

/// Starts the program in a terminal of 120x40; milliseconds until `until` has come out.
#[expect(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
fn start(arguments: &[&str], until: &[u8]) -> f64 {
    let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
    let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
    let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_splitbrain"));
    command.args(arguments);
    let mut reader = pair.master.try_clone_reader().expect("a reader");
    let (mut seen, mut buffer) = (Vec::<u8>::new(), [0; 65_536]);
    let began = Instant::now();
    let mut child = pair.slave.spawn_command(command).expect("the binary starts");
    while !seen.windows(until.len()).any(|window| window == until) {
        let count = reader.read(&mut buffer).expect("the binary prints");
        seen.extend(&buffer[..count]);
    }
    let took = began.elapsed().as_secs_f64() * 1e3;
    // The version may have ended by itself.
    let _ = child.kill();
    child.wait().expect("the child can be waited for");
    took
}
