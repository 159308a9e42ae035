//! Panics in the readers and decoders of others are faults of the file that they read.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use symphonia::core::errors::{Error, Result};

thread_local! {
    static IS_GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// What `work` gives, or an error if it panics, of which nothing is printed. What it worked with must not be used again.
///
/// # Errors
/// Those of `work`; [`Error::DecodeError`] where it panicked.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    static QUIET: Once = Once::new();
    QUIET.call_once(|| {
        let usual = take_hook();
        set_hook(Box::new(move |panic| {
            if !IS_GUARDED.get() {
                usual(panic);
            }
        }));
    });
    let before = IS_GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    IS_GUARDED.set(before);
    result.unwrap_or(Err(Error::DecodeError("its reader gave up")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error() {
        assert_eq!(caught(|| Ok(7)).unwrap(), 7);
        let found: Result<()> = caught(|| panic!("a broken codebook"));
        let text = found.unwrap_err().to_string();
        assert!(text.contains("gave up"), "{text}");
        assert!(!IS_GUARDED.get());
    }
}
