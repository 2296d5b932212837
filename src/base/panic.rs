//! Containment of panics: a panic inside a node's code is that node's crash, not the program's.
//!
//! The panic hook of the terminal asks [`is_contained`] before it restores anything.

use std::any::Any;
use std::cell::Cell;
use std::panic::{UnwindSafe, catch_unwind};

thread_local! {
    static CONTAINED: Cell<bool> = const { Cell::new(false) };
}

/// Whether the code that runs on this thread now is contained.
pub fn is_contained() -> bool {
    CONTAINED.with(Cell::get)
}

/// Runs `work`; a panic in it comes back as its text.
///
/// # Errors
/// The text of the panic.
pub fn contain<R>(work: impl FnOnce() -> R + UnwindSafe) -> Result<R, String> {
    let before = CONTAINED.with(|flag| flag.replace(true));
    let result = catch_unwind(work);
    CONTAINED.with(|flag| flag.set(before));
    result.map_err(|payload| text_of(payload.as_ref()))
}

fn text_of(payload: &(dyn Any + Send)) -> String {
    let literal = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    literal
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_as_its_text_and_the_flag_goes_down_again() {
        assert_eq!(contain(is_contained), Ok(true));
        assert_eq!(contain(|| panic!("{} of {}", 2, 3)), Err::<(), _>("2 of 3".to_owned()));
        assert!(!is_contained());
    }
}
