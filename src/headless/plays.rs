//! Many plays at once. Plays are independent of each other, so they share the processors; what comes of them is handed
//! over in their order, whichever is done first.

use std::io::{self, IsTerminal, Write};
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::sync_channel;
use std::thread;

/// Does `play` for 0 to before `count`, as many at a time as there are processors. Gives the results in order.
///
/// # Errors
/// The first error of a play; the others are not begun any more.
pub fn play_each<T: Send>(
    count: usize,
    what: &str,
    play: impl Fn(usize) -> io::Result<T> + Sync,
) -> io::Result<Vec<T>> {
    let progress = Progress::new(count, what);
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(count);
    let next = AtomicUsize::new(0);
    let mut results: Vec<Option<T>> = (0..count).map(|_| None).collect();
    // A worker that is done waits here until its result is taken, which is at once.
    let (done, taken) = sync_channel(workers.max(1));
    thread::scope(|scope| {
        for _ in 0..workers {
            let (done, next, play) = (done.clone(), &next, &play);
            scope.spawn(move || {
                loop {
                    let place = next.fetch_add(1, Ordering::Relaxed);
                    if place >= count || done.send((place, play(place))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(done);
        for (nth, (place, result)) in taken.into_iter().enumerate() {
            results[place] = Some(result?);
            progress.show(nth + 1);
        }
        Ok::<(), io::Error>(())
    })?;
    Ok(results.into_iter().flatten().collect())
}

/// Columns of the bar.
const BAR: usize = 24;

/// How far the plays are, on standard error where that is a terminal.
struct Progress<'a> {
    count: usize,
    what: &'a str,
    is_shown: bool,
}

impl<'a> Progress<'a> {
    fn new(count: usize, what: &'a str) -> Self {
        let progress = Progress { count, what, is_shown: count > 1 && io::stderr().is_terminal() };
        progress.show(0);
        progress
    }

    fn show(&self, done: usize) {
        if self.is_shown {
            let full = BAR * done / self.count;
            let (full, empty) = ("#".repeat(full), ".".repeat(BAR - full));
            // Progress that nobody can see is no error.
            let _ = write!(io::stderr(), "\r{} [{full}{empty}] {done}/{}", self.what, self.count);
        }
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if self.is_shown {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_plays() {
        let squares = play_each(50, "squares", |place| Ok(place * place)).expect("no error");
        assert_eq!(squares, (0..50).map(|place| place * place).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_ends_it() {
        let played = play_each(1_000, "plays", |place| match place {
            3 => Err(io::Error::other("the third")),
            _ => Ok(()),
        });
        assert_eq!(played.expect_err("an error").to_string(), "the third");
        assert_eq!(play_each(0, "nothing", |_| Ok(())).expect("no error"), []);
    }
}
