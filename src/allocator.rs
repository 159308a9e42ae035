//! The program's allocator.
#![expect(
    unsafe_code,
    reason = "options of mimalloc are set through its C interface"
)]

use libmimalloc_sys::{mi_option_set, mi_option_t};

/// Keeps big buffers, where glibc gives them back to the system after every layer.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay` of `mimalloc.h`, of versions 2 and 3.
const PURGE_DELAY: mi_option_t = 15;

/// Keeps freed memory for the next frame. Otherwise it goes back to the system after a second, to be cleared page by page
/// when a layer wants it again. For commands that draw; to be called before other threads begin.
pub fn keep_freed_memory() {
    // SAFETY: the function writes one word of the allocator's options; it is not thread safe, and this is the first thread.
    unsafe { mi_option_set(PURGE_DELAY, -1) }
}
