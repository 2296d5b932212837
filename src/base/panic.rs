//! Containment of panics.
use std::cell::Cell;
use std::panic::{UnwindSafe, catch_unwind};
thread_local! { static CONTAINED: Cell<bool> = const { Cell::new(false) }; }
/// x
pub fn is_contained() -> bool {
    CONTAINED.with(Cell::get)
}
/// x
pub fn contain<R>(f: impl FnOnce() -> R + UnwindSafe) -> Result<R, String> {
    let before = CONTAINED.with(|flag| flag.replace(true));
    let result = catch_unwind(f);
    CONTAINED.with(|flag| flag.set(before));
    result.map_err(|p| {
        p.downcast_ref::<&str>()
            .map(|s| s.to_string())
            .or_else(|| p.downcast_ref::<String>().cloned())
            .unwrap_or_default()
    })
}
