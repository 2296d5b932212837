//! Signals, heard on a thread of their own: they end or suspend the program even while its loop is stuck. The
//! terminal library's reader, for one, never returns from a terminal that was closed under it.

use super::guard;
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To end; the signal's number.
    End(u8),
    /// To stop until the shell lets the program go on.
    Suspend,
}

/// Signals that may wait to be heard.
const SIGNALS: usize = 16;
/// How long the loop has to end by itself.
const GRACE: Duration = Duration::from_secs(1);

/// Begins to listen. The first signal that asks for the end is followed by it within a second, loop or no loop.
///
/// # Errors
/// If the operating system gives no thread, or lets nobody listen.
pub fn listen() -> io::Result<Receiver<Asked>> {
    let (sender, asked) = channel(SIGNALS);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || runtime.block_on(signals.tell(&sender)))?;
    Ok(asked)
}

struct Signals {
    terminate: Signal,
    hang_up: Signal,
    interrupt: Signal,
    quit: Signal,
    stop: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            hang_up: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            stop: signal(SignalKind::from_raw(rustix::process::Signal::TSTP.as_raw()))?,
        })
    }

    async fn tell(mut self, sender: &Sender<Asked>) {
        loop {
            let asked = tokio::select! {
                _ = self.terminate.recv() => Asked::End(15),
                _ = self.hang_up.recv() => Asked::End(1),
                _ = self.interrupt.recv() => Asked::End(2),
                _ = self.quit.recv() => Asked::End(3),
                _ = self.stop.recv() => Asked::Suspend,
            };
            // Who does not listen any more is ending, and who has so many unheard hears no more of the same.
            let is_heard = !matches!(sender.try_send(asked), Err(TrySendError::Closed(_)));
            if let Asked::End(number) = asked {
                tokio::time::sleep(GRACE).await;
                guard::restore();
                std::process::exit(128 + i32::from(number));
            }
            if !is_heard {
                return;
            }
        }
    }
}
