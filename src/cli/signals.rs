//! Signals that end a run with its finished work kept, within a second.
#![cfg_attr(
    unix,
    expect(
        unsafe_code,
        reason = "a hang-up that `nohup` turned off is asked about and kept off through the C library"
    )
)]

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use visualize::partial_file::remove_unfinished;
use visualize::{Error, Result};

use super::terminal::say;

/// Time for the work at hand to end by itself. What it would keep is on disk already: chunks appear when they are finished.
const PATIENCE: Duration = Duration::from_millis(700);

/// What is said where the program has to be ended from outside of its work.
static LAST_WORDS: OnceLock<String> = OnceLock::new();

/// Sets what is said when the work at hand doesn't end by itself: what an interrupt says elsewhere.
pub fn set_last_words(text: String) {
    let _ = LAST_WORDS.set(text); // the first command is the only one
}

/// A flag that Ctrl-C, a termination request or a hang-up raises. Work that doesn't heed it soon, such as listening to a
/// song or drawing with a large model, is ended with the program. A hang-up that was
/// turned off before the program began, as by `nohup`, stays off: the film outlives its terminal.
pub fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let handler = move || {
        raised.store(true, Ordering::SeqCst);
        std::thread::sleep(PATIENCE);
        if let Some(text) = LAST_WORDS.get() {
            say(text);
        }
        remove_unfinished();
        std::process::exit(130);
    };
    let hang_up = HangUp::turned_off();
    ctrlc::set_handler(handler).map_err(|error| Error::Internal {
        reason: format!("can't listen for Ctrl-C: {error}"),
    })?;
    hang_up.restore();
    Ok(stop)
}

/// Whether hang-ups were ignored.
struct HangUp {
    was_ignored: bool,
}

#[cfg(unix)]
mod c {
    use std::ffi::c_int;

    /// `SIGHUP` of `signal.h`.
    pub const SIGHUP: c_int = 1;
    /// `SIG_IGN` of `signal.h`.
    pub const SIG_IGN: usize = 1;

    unsafe extern "C" {
        /// Sets what a signal does and returns what it did (POSIX.1-2017, `signal`).
        pub fn signal(signal: c_int, handler: usize) -> usize;
    }
}

#[cfg(unix)]
impl HangUp {
    /// Turns hang-ups off, and remembers whether they were so.
    fn turned_off() -> Self {
        // SAFETY: both are constants of the C library, and ignoring a signal runs no code.
        let before = unsafe { c::signal(c::SIGHUP, c::SIG_IGN) };
        Self {
            was_ignored: before == c::SIG_IGN,
        }
    }

    /// Turns them off again behind a handler that was set, where they were off.
    fn restore(&self) {
        if self.was_ignored {
            // SAFETY: as above.
            unsafe { c::signal(c::SIGHUP, c::SIG_IGN) };
        }
    }
}

#[cfg(not(unix))]
impl HangUp {
    fn turned_off() -> Self {
        Self { was_ignored: false }
    }

    fn restore(&self) {
        debug_assert!(!self.was_ignored, "other systems have no hang-ups");
    }
}
