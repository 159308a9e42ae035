//! Memory for a kernel's output: allocated without being cleared, and never read before it is written.
//!
//! A kernel writes to [`MaybeUninit`] values, so that the compiler refuses to read what isn't there yet. What it can't check
//! is that every value is written: each call of [`write_all`] says why that is so.
#![expect(
    unsafe_code,
    reason = "clearing memory that is about to be overwritten costs a tenth of a small network's time"
)]

use std::mem::MaybeUninit;

/// Where an f32 can be stored: an f32, or memory that holds none yet.
///
/// # Safety
/// The type has the size and alignment of f32, and any f32 may be stored in it.
pub(super) unsafe trait Slot: Copy + Send {
    /// A slot that holds `value`.
    fn new(value: f32) -> Self;
}

// SAFETY: it is an f32.
unsafe impl Slot for f32 {
    #[inline(always)]
    fn new(value: f32) -> Self {
        value
    }
}

// SAFETY: it has the layout of f32, and may hold anything.
unsafe impl Slot for MaybeUninit<f32> {
    #[inline(always)]
    fn new(value: f32) -> Self {
        Self::new(value)
    }
}

/// A vector of the `len` values that `write` stores.
///
/// # Safety
/// `write` stores every value of the slice that it is given, unless it panics.
pub(super) unsafe fn write_all(
    len: usize,
    write: impl FnOnce(&mut [MaybeUninit<f32>]),
) -> Vec<f32> {
    let mut values = Vec::with_capacity(len);
    let slots = &mut values.spare_capacity_mut()[..len];
    if cfg!(debug_assertions) {
        slots.fill(MaybeUninit::new(f32::NAN)); // a value that a kernel forgot shows in tests
    }
    write(slots);
    // SAFETY: the capacity is at least `len`, and the caller promises that the values are written.
    unsafe {
        values.set_len(len);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_returned() {
        for len in [0, 1, 1000] {
            // SAFETY: `fill` stores every value.
            let values = unsafe { write_all(len, |slots| slots.fill(MaybeUninit::new(1.5))) };
            assert_eq!(values, vec![1.5; len]);
        }
    }
}
