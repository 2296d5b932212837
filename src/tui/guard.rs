//! The terminal, taken and given back. Whatever was switched on is switched off again, once, in reverse order: on
//! quit, on errors, on a panic in any thread, on signals, before suspending.

use crate::base::panic;
use crossterm::cursor::{Hide, Show};
use crossterm::event::{
    DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture,
};
use crossterm::execute;
use crossterm::terminal::{
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use rustix::process;
use std::io::{self, stdout};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the terminal is ours now.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether the mouse is ours now.
static HAS_MOUSE: AtomicBool = AtomicBool::new(false);
static HOOK: Once = Once::new();

/// Holds the terminal; gives it back when dropped.
#[derive(Debug)]
pub struct Guard(());

impl Guard {
    /// Takes the terminal: raw mode, alternate screen, bracketed paste, no cursor.
    ///
    /// # Errors
    /// If the terminal refuses; whatever was switched on is switched off again.
    pub fn take() -> io::Result<Self> {
        HOOK.call_once(restore_on_panic);
        IS_TAKEN.store(true, Ordering::SeqCst);
        let guard = Guard(());
        enable_raw_mode()?;
        execute!(stdout(), EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        restore();
    }
}

/// Gives the terminal to the shell until the program is brought back; false if there is no shell to go back to. The
/// whole process group stops, as it does when a terminal that is not raw sees Ctrl-Z: the shell may be waiting for a
/// parent of ours.
///
/// # Errors
/// If the system refuses, or the terminal cannot be taken again.
pub fn suspend(guard: &mut Option<Guard>) -> io::Result<bool> {
    if process::getsid(None)? == process::getpid() {
        return Ok(false);
    }
    *guard = None;
    process::kill_current_process_group(process::Signal::STOP)?;
    *guard = Some(Guard::take()?);
    Ok(true)
}

/// Whether the terminal is ours now. It is not once a panic in another thread has given it back.
pub fn is_taken() -> bool {
    IS_TAKEN.load(Ordering::SeqCst)
}

/// Takes the mouse, or gives it back.
///
/// # Errors
/// If the terminal refuses.
pub fn mouse(wanted: bool) -> io::Result<()> {
    match (wanted, HAS_MOUSE.swap(wanted, Ordering::SeqCst)) {
        (true, false) => execute!(stdout(), EnableMouseCapture),
        (false, true) => execute!(stdout(), DisableMouseCapture),
        _ => Ok(()),
    }
}

/// Gives the terminal back, if it is taken; a second call does nothing.
pub fn restore() {
    if !IS_TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let _ = mouse(false);
    // Nothing can be done about a terminal that is gone; the rest is tried all the same.
    let _ = execute!(stdout(), EndSynchronizedUpdate, DisableBracketedPaste, Show, LeaveAlternateScreen);
    let _ = disable_raw_mode();
}

/// A panic in any thread restores the terminal before it is reported. A panic inside a node's code is caught where
/// it happens and stays that node's crash.
fn restore_on_panic() {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if panic::is_contained() {
            return;
        }
        restore();
        report(info);
    }));
}
