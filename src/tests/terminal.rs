//! The real binary in a pseudo-terminal: what a person sees, presses and gets back.
//!
//! Nothing here sleeps: each wait ends when the screen shows what is waited for, or fails with the screen after a
//! generous limit.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use splitbrain::driver::thread::{Edges, Parse, Start, start};
use splitbrain::screen::look::Look;
use splitbrain::tui;
use splitbrain::tui::again::Origin;
use std::io::{Read, Write};
use std::num::NonZero;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Far beyond what anything takes, on any machine.
const LIMIT: Duration = Duration::from_secs(60);

/// A terminal with the playground in it.
pub(super) struct Terminal {
    child: Leash,
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
    /// Opens the playground.
    pub(super) fn open(columns: u16, rows: u16, arguments: &[&str]) -> Self {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_splitbrain"));
        command.args(arguments);
        Self::run(columns, rows, command)
    }

    fn run(columns: u16, rows: u16, mut command: CommandBuilder) -> Self {
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal");
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
        Terminal { child: Leash(child), master: pair.master, keys, output, screen, raw: Vec::new() }
    }

    pub(super) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("keys are taken");
        self.keys.flush().expect("keys are taken");
    }

    pub(super) fn text(&self) -> String {
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

    /// Waits until the text on the screen satisfies `is_there`.
    pub(super) fn wait(&mut self, what: &str, is_there: impl Fn(&str) -> bool) {
        self.wait_until(what, |screen| is_there(&screen.contents()));
    }

    /// The same for modes and whatever else a terminal knows.
    fn wait_until(&mut self, what: &str, is_there: impl Fn(&vt100::Screen) -> bool) {
        let deadline = Deadline::new();
        while !is_there(self.screen.screen()) {
            deadline.check(what, self);
            self.take(Duration::from_millis(200));
        }
    }

    pub(super) fn wait_for(&mut self, text: &str) {
        self.wait(text, |screen| screen.contains(text));
    }

    /// Waits for the end; gives the exit code.
    pub(super) fn end(&mut self) -> u32 {
        let deadline = Deadline::new();
        loop {
            if let Some(code) = self.ended() {
                return code;
            }
            deadline.check("the end", self);
        }
    }

    /// The exit code, once all is said and the child has ended.
    fn ended(&mut self) -> Option<u32> {
        while self.take(Duration::from_millis(200)) {}
        let status = self.child.0.try_wait().expect("the child can be waited for");
        status.map(|status| status.exit_code())
    }

    /// Presses `q` until the program has left, which does not hear who is quicker than its first picture. Gives the exit
    /// code.
    pub(super) fn leave(&mut self) -> u32 {
        let deadline = Deadline::new();
        loop {
            self.press("q");
            if let Some(code) = self.ended() {
                return code;
            }
            deadline.check("the end", self);
        }
    }

    /// Sends a signal to the child and everything in its process group.
    fn signal(&self, name: &str) {
        let group = format!("-{}", self.child.0.process_id().expect("it runs"));
        let sent = std::process::Command::new("kill").args(["-s", name, "--", &group]).status();
        assert!(sent.expect("kill runs").success(), "SIG{name} is sent");
    }

    /// Checks that everything the program switched on is switched off again.
    pub(super) fn assert_restored(&self) {
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

/// The limit of a wait; asserted nowhere but in vain.
struct Deadline(Instant);

impl Deadline {
    #[expect(clippy::disallowed_methods, reason = "the limit of a wait is real time")]
    fn new() -> Self {
        Deadline(Instant::now() + LIMIT)
    }

    #[expect(clippy::disallowed_methods, reason = "the limit of a wait is real time")]
    fn check(&self, what: &str, terminal: &Terminal) {
        assert!(Instant::now() < self.0, "waited in vain for {what}; the screen:\n{}", terminal.text());
    }
}

/// A child that is killed at the end: a test that failed must not leave the playground running.
struct Leash(Box<dyn Child + Send + Sync>);

impl Drop for Leash {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
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
    terminal.wait("the help", |screen| {
        screen.contains("isolate the target") && screen.contains("type to narrow")
    });
    // Escape and a key at once would be that key with Alt.
    terminal.press("\x1b");
    terminal.wait("the help to go", |screen| !screen.contains("type to narrow"));
    assert_eq!(terminal.leave(), 0);
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
    assert_eq!(terminal.leave(), 0);
    terminal.assert_restored();
}

#[cfg(unix)]
#[test]
fn signals_restore_the_terminal() {
    for (name, number) in [("TERM", 15), ("HUP", 1), ("INT", 2), ("QUIT", 3)] {
        let mut terminal = Terminal::open(80, 24, &[]);
        terminal.wait_for("PRIMARY");
        terminal.signal(name);
        assert_eq!(terminal.end(), 128 + number, "SIG{name}");
        terminal.assert_restored();
    }
}

/// Ctrl-Z gives the terminal to the shell that started the playground; coming back draws everything anew.
#[cfg(unix)]
#[test]
fn suspending_gives_the_terminal_back_and_coming_back_takes_it_again() {
    let mut command = CommandBuilder::new("sh");
    // The shell waits for its child, as it would at a prompt, and is its session's leader.
    command.args(["-c", "\"$0\"; exit $?", env!("CARGO_BIN_EXE_splitbrain")]);
    let mut terminal = Terminal::run(80, 24, command);
    terminal.wait_for("PRIMARY");
    terminal.press("\x1a");
    terminal.wait_until("the shell's screen", |screen| !screen.alternate_screen());
    terminal.assert_restored();
    // The screen is left a moment before the process stops: a signal to go on may come too early.
    let deadline = Deadline::new();
    while !terminal.screen.screen().alternate_screen() {
        deadline.check("the playground's screen", &terminal);
        terminal.signal("CONT");
        terminal.take(Duration::from_millis(200));
    }
    terminal.wait_for("PRIMARY");
    assert_eq!(terminal.leave(), 0);
    terminal.assert_restored();
}

#[cfg(unix)]
#[test]
fn without_a_shell_to_go_back_to_nothing_is_suspended() {
    let mut terminal = Terminal::open(80, 24, &[]);
    terminal.wait_for("PRIMARY");
    terminal.press("\x1a");
    terminal.wait_for("no shell");
    assert_eq!(terminal.leave(), 0);
}

#[cfg(unix)]
#[test]
fn a_closed_window_ends_the_playground() {
    let mut terminal = Terminal::open(80, 24, &[]);
    terminal.wait_for("PRIMARY");
    let Terminal { mut child, master, keys, output, .. } = terminal;
    // The reader's thread lets go of the terminal with the next frame.
    drop((master, keys, output));
    let (sender, ended) = channel();
    #[expect(
        clippy::disallowed_methods,
        reason = "the wait for a child's end can only be limited from outside"
    )]
    std::thread::spawn(move || sender.send(child.0.wait().map(|status| status.exit_code())));
    let code = ended.recv_timeout(LIMIT).expect("it ends").expect("the child can be waited for");
    assert_eq!(code, 129, "as after SIGHUP");
}

/// The playground with two faults of its own: a command that makes the simulation panic and a completion that makes
/// the screen panic. Only the tests below start it, in a terminal.
#[test]
#[ignore = "the child of the tests of panics"]
fn a_playground_that_panics_when_told() {
    let scenario = splitbrain::scenario::presets::load("playground").expect("the preset loads");
    let parser: Parse = Box::new(|text| panic!("the simulation was told to: {text}"));
    let complete = |text: &str| if text == "boom" { panic!("the screen was told to") } else { Vec::new() };
    let simulation = start(Arc::new(scenario), Start::default(), Edges::reading(parser)).expect("a thread");
    let options = tui::Options {
        run: 0,
        look: Look::default(),
        complete: Box::new(complete),
        exists: Box::new(|_| false),
        with_tour: false,
        view: None,
        looks_along: true,
        is_presenting: false,
        origin: Origin::default(),
    };
    let end = tui::play(simulation.frames.clone(), &simulation.requests, options);
    assert!(simulation.thread.join().is_ok(), "the simulation ended with {end:?}");
}

fn panics(keys: &str, last_words: &str) {
    let mut command = CommandBuilder::new(std::env::current_exe().expect("the tests are a program"));
    command.args(["--exact", "terminal::a_playground_that_panics_when_told", "--ignored", "--nocapture"]);
    let mut terminal = Terminal::run(80, 24, command);
    terminal.wait_for("PRIMARY");
    terminal.press(keys);
    assert_eq!(terminal.end(), 101, "a failed test program");
    terminal.assert_restored();
    let said = String::from_utf8_lossy(&terminal.raw).into_owned();
    let (words, left) = (said.find(last_words), said.rfind("\x1b[?1049l"));
    assert!(words.is_some() && words > left, "the report comes after the screen is left: {words:?} {left:?}");
}

#[test]
fn a_panic_in_the_screen_restores_the_terminal_before_it_is_reported() {
    panics(":boom", "the screen was told to");
}

#[test]
fn a_panic_in_the_simulation_restores_the_terminal_before_it_is_reported() {
    panics(":heal\r", "the simulation was told to");
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

#[test]
fn a_film_plays_pauses_goes_from_marker_to_marker_and_gives_the_terminal_back() {
    let film = std::env::temp_dir().join(format!("splitbrain-play-{}.cast", std::process::id()));
    let part = ["--from", "4s", "--to", "6s", "--fps", "5", "--size", "80x24", "--force", "-o"];
    let made = std::process::Command::new(env!("CARGO_BIN_EXE_splitbrain"))
        .args(["render", "same-cut-four-answers"])
        .args(part)
        .arg(&film)
        .output()
        .expect("the binary runs");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    // A film is cut off at any byte when the disk is full.
    let bytes = std::fs::read(&film).expect("the film is there");
    std::fs::write(&film, &bytes[..bytes.len() - 3]).expect("the film is there");
    let path = film.to_str().expect("a plain path").to_owned();
    let mut terminal = Terminal::open(80, 26, &["play", &path]);
    terminal.wait_for("majority");
    terminal.press("]");
    terminal.wait_for("fault: partition n1,n2 | n3,n4,n5");
    terminal.press("G");
    terminal.wait_for("the end");
    terminal.wait_for("the file ends in the middle");
    terminal.press("?");
    terminal.wait_for("next marker");
    assert_eq!(terminal.leave(), 0);
    terminal.assert_restored();
    std::fs::remove_file(&film).expect("the film is there");
}

/// A folder of its own under the build's, empty.
pub(super) fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // It may be there from the last time, or not.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    folder
}

fn run(file: &std::path::Path) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_splitbrain"));
    let output = command.arg("run").arg(file).output().expect("it starts");
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn what_was_recorded_at_the_keys_replays_the_same_and_is_not_overwritten() {
    let file = folder("recorded").join("mine.toml");
    let path = file.to_str().expect("text").to_owned();
    let mut terminal = Terminal::open(120, 40, &["--record", &path]);
    terminal.wait_for("REC");
    terminal.press("c");
    terminal.wait_for("crash n1");
    terminal.press("3i");
    terminal.wait_for("isolate n3");
    terminal.press(" ,,,");
    terminal.wait_for("past");
    assert_eq!(terminal.leave(), 0);
    let (code, said) = run(&file);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("replayed the same"), "{said}");
    let mut again = Terminal::open(80, 24, &["--record", &path]);
    assert_eq!(again.end(), 2);
    assert!(again.text().contains("--force overwrites it"), "{}", again.text());
    let mut played = Terminal::open(120, 40, &[&path]);
    played.wait_for("crash n1");
    assert_eq!(played.leave(), 0);
}

#[cfg(unix)]
#[test]
fn a_recording_that_was_killed_plays() {
    let file = folder("killed").join("mine.toml");
    let path = file.to_str().expect("text").to_owned();
    let mut terminal = Terminal::open(120, 40, &["--record", &path, "--for", "5s"]);
    terminal.wait_for("REC");
    terminal.press("c");
    // The footer has the words of the key before it is pressed.
    terminal.wait_for("n1 crashed");
    terminal.signal("KILL");
    terminal.end();
    let (code, said) = run(&file);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("broke off"), "{said}");
    assert!(std::fs::read_to_string(&file).expect("it is there").contains("do = \"crash n1\""));
}

#[test]
fn an_audience_is_presented_to_and_enter_goes_on() {
    let mut terminal = Terminal::open(80, 24, &["pair-kill-one", "--present", "--speed", "max"]);
    terminal.wait("the first beat", |screen| screen.contains("1/4") && screen.contains("enter"));
    assert!(terminal.text().contains('█') && !terminal.text().contains("splitbrain"), "{}", terminal.text());
    terminal.press("\r");
    terminal.wait("the second beat", |screen| screen.contains("2/4"));
    terminal.press("3");
    terminal.wait("the key", |screen| screen.lines().last().is_some_and(|line| line.contains(" 3 ")));
    terminal.press("P");
    terminal.wait_for("splitbrain");
    terminal.press("P");
    terminal.wait("the stage again", |screen| !screen.contains("splitbrain"));
    assert_eq!(terminal.leave(), 0);
    terminal.assert_restored();
}

/// What base64 says, as the clipboard gets it.
fn from_base64(text: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut bytes) = (0_u32, 0, Vec::new());
    for letter in text.iter().take_while(|letter| **letter != b'=') {
        let place = LETTERS.iter().position(|known| known == letter).expect("base64");
        (bits, held) = (bits << 6 | place as u32, held + 6);
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    String::from_utf8(bytes).expect("text")
}

#[test]
fn the_command_line_of_the_moment_goes_to_the_clipboard_and_stands_on_the_screen() {
    let mut terminal = Terminal::open(80, 24, &["async-gap", "--seed", "3", "--paused"]);
    terminal.wait_for("paused");
    terminal.press("2c");
    terminal.wait_for("crash n2");
    terminal.press("y");
    terminal.wait_for("leads to this moment");
    let raw = terminal.raw.clone();
    let start =
        raw.windows(7).rposition(|window| window == b"\x1b]52;c;").expect("the clipboard is asked") + 7;
    let end = raw[start..].iter().position(|byte| [0x07, 0x1b].contains(byte)).expect("its end");
    let line = from_base64(&raw[start..start + end]);
    assert!(line.starts_with("splitbrain async-gap --seed 3 --do ") && line.contains("crash n2'"), "{line}");
    let shown = terminal.text();
    let whole = |text: &str| text.replace("\\\n", "").replace(['\n', ' ', '\\'], "");
    assert!(whole(&shown).contains(&whole(&line)), "{line}\n{shown}");
    terminal.press("\x1b");
    terminal.wait("the line to go", |screen| !screen.contains("leads to this moment"));
    assert_eq!(terminal.leave(), 0);
    terminal.assert_restored();
    assert!(terminal.text().contains(" --seek "), "it is said again at the end: {}", terminal.text());
}
