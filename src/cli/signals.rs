//! Signals that end a run with its finished work kept.
#![cfg_attr(
    unix,
    expect(
        unsafe_code,
        reason = "a hang-up that `nohup` turned off is asked about and kept off through the C library"
    )
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use visualize::{Error, Result};

use super::terminal::say;

/// A flag that Ctrl-C, a termination request or a hang-up raises; a second one ends the program at once. A hang-up that was
/// turned off before the program began, as by `nohup`, stays off: the film outlives its terminal.
pub fn stop_on_signal() -> Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&stop);
    let handler = move || {
        if raised.swap(true, Ordering::SeqCst) {
            std::process::exit(130);
        }
        say("\nstopping after the frames in flight; press Ctrl-C again to stop at once");
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
