//! The real binary in a pseudo-terminal: what a person sees, presses and gets back.
//!
//! Nothing here sleeps: each wait ends when the screen shows what is waited for, or fails with the screen after a
//! generous limit.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Far beyond what anything takes, on any machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A terminal with the playground in it.
struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    master: Box<dyn MasterPty + Send>,
    keys: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    screen: vt100::Parser,
    raw: Vec<u8>,
}

fn nonzero(size: u16) -> NonZero<u16> {
    NonZero::new(size).expect("a terminal has rows and columns")
}

impl Terminal {
    fn open(columns: u16, rows: u16, arguments: &[&str]) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_splitbrain"));
        command.args(arguments);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        command.env_remove("NO_COLOR");
        command.env_remove("TMUX");
        command.cwd(env!("CARGO_MANIFEST_DIR"));
        let child = pair.slave.spawn_command(command).expect("the binary starts");
        let mut reader = pair.master.try_clone_reader().expect("a reader");
        let keys = pair.master.take_writer().expect("a writer");
        let (sender, output) = channel();
        #[expect(clippy::disallowed_methods, reason = "a pseudo-terminal can only be read by blocking")]
        std::thread::spawn(move || {
            let mut buffer = [0; 65_536];
            while let Ok(count @ 1..) = reader.read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        let screen = vt100::Parser::new(nonzero(rows), nonzero(columns), 0);
        Terminal { child, master: pair.master, keys, output, screen, raw: Vec::new() }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys are taken");
        self.keys.flush().expect("keys are taken");
    }

    fn text(&self) -> String {
        self.screen.screen().contents()
    }

    /// Takes one piece of output; false when the other side is closed or stays silent for `patience`.
    fn take(&mut self, patience: Duration) -> bool {
        match self.output.recv_timeout(patience) {
            Ok(bytes) => {
                self.answer_questions(&bytes);
                self.screen.process(&bytes);
                self.raw.extend(bytes);
                true
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => false,
        }
    }

    /// Answers what terminals are asked at start: background colour and device attributes.
    fn answer_questions(&mut self, bytes: &[u8]) {
        let asks = |what: &[u8]| bytes.windows(what.len()).any(|window| window == what);
        if asks(b"\x1b]11;?") {
            self.press("\x1b]11;rgb:0000/0000/0000\x1b\\");
        }
        if asks(b"\x1b[c") {
            self.press("\x1b[?62;c");
        }
    }

    /// Waits until the screen satisfies `is_there`.
    #[expect(clippy::disallowed_methods, reason = "the limit of a wait, asserted nowhere")]
    fn wait(&mut self, what: &str, is_there: impl Fn(&str) -> bool) {
        let began = Instant::now();
        while !is_there(&self.text()) {
            assert!(began.elapsed() < LIMIT, "waited in vain for {what}; the screen:\n{}", self.text());
            self.take(Duration::from_millis(200));
        }
    }

    fn wait_for(&mut self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Waits for the end; gives the exit code.
    #[expect(clippy::disallowed_methods, reason = "the limit of a wait, asserted nowhere")]
    fn end(&mut self) -> u32 {
        let began = Instant::now();
        while self.take(LIMIT) {
            assert!(began.elapsed() < LIMIT, "waited in vain for the end; the screen:\n{}", self.text());
        }
        self.child.wait().expect("the child can be waited for").exit_code()
    }

    /// Checks that everything the program switched on is switched off again.
    fn assert_restored(&self) {
        let count = |sequence: &str| {
            self.raw.windows(sequence.len()).filter(|window| *window == sequence.as_bytes()).count()
        };
        assert!(count("\x1b[?1049h") > 0, "the alternate screen was entered");
        assert!(!self.screen.screen().alternate_screen(), "and left");
        assert!(!self.screen.screen().hide_cursor(), "the cursor is visible");
        assert!(!self.screen.screen().bracketed_paste(), "paste is plain again");
        assert_eq!(self.screen.screen().mouse_protocol_mode(), vt100::MouseProtocolMode::None);
        let (begun, ended) = (count("\x1b[?2026h"), count("\x1b[?2026l"));
        assert!(begun <= ended, "every synchronized update is ended: {begun} begun, {ended} ended");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A test that failed must not leave the playground running.
        let _ = self.child.kill();
    }
}

#[test]
fn a_newcomer_crashes_the_primary_and_sees_how_the_peers_lived_on() {
    let mut terminal = Terminal::open(120, 40, &[]);
    terminal.wait_for("PRIMARY");
    terminal.press("1c");
    terminal.wait("n1 down and another primary", |screen| {
        screen.contains("crashed") && screen.lines().any(|line| line.contains("PRIMARY"))
    });
    terminal.press("t");
    terminal.wait_for("peer-to-peer");
    terminal.wait("no primary among peers", |screen| !screen.contains("PRIMARY"));
    terminal.press("T");
    terminal.wait("both runs at once", |screen| screen.contains("PRIMARY") && screen.contains("w=2"));
    terminal.press("T");
    terminal.press("?");
    terminal.wait("the help", |screen| screen.contains("isolate the target") && screen.contains("this help"));
    // Escape and a key at once would be that key with Alt.
    terminal.press("\x1b");
    terminal.wait("the help to go", |screen| !screen.contains("this help"));
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    terminal.assert_restored();
}

#[test]
fn nothing_is_written_while_paused() {
    let mut terminal = Terminal::open(80, 24, &["--paused"]);
    terminal.wait_for("paused");
    while terminal.take(Duration::from_millis(700)) {}
    let silent = !terminal.take(Duration::from_secs(2));
    assert!(silent, "a paused playground writes nothing");
    terminal.press(" ");
    terminal.wait("time to run", |screen| !screen.contains("paused"));
    terminal.press("\x03");
    terminal.end();
    terminal.assert_restored();
}

#[test]
fn a_small_window_says_so_and_a_large_one_is_used() {
    let mut terminal = Terminal::open(40, 10, &[]);
    terminal.wait_for("60x16");
    let size = PtySize { rows: 50, cols: 200, pixel_width: 0, pixel_height: 0 };
    terminal.master.resize(size).expect("the window grows");
    terminal.screen.screen_mut().set_size(nonzero(50), nonzero(200));
    terminal.wait_for("PRIMARY");
    terminal.press("q");
    assert_eq!(terminal.end(), 0);
    terminal.assert_restored();
}

#[cfg(unix)]
#[test]
fn signals_restore_the_terminal() {
    for (name, number) in [("TERM", 15), ("HUP", 1), ("INT", 2)] {
        let mut terminal = Terminal::open(80, 24, &[]);
        terminal.wait_for("PRIMARY");
        let id = terminal.child.process_id().expect("it runs").to_string();
        let sent = std::process::Command::new("kill").args(["-s", name, &id]).status().expect("kill runs");
        assert!(sent.success());
        assert_eq!(terminal.end(), 128 + number, "SIG{name}");
        terminal.assert_restored();
    }
}

#[test]
fn without_a_terminal_one_line_points_to_run() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_splitbrain")).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).expect("text");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.contains("splitbrain run"), "{said}");
}
