//! Memory of the GPU, kept for reuse: asking the driver for it, and having it cleared, takes longer than many operations.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::{Bytes, Error, Result};

/// Buffers that aren't used at the moment, by their size.
#[derive(Debug)]
pub(crate) struct Pool {
    free: Mutex<BTreeMap<u64, Vec<wgpu::Buffer>>>,
    max_bytes: u64,
    /// How often the driver will have no memory left, in tests: those in software have as much as the computer.
    #[cfg(test)]
    pub(super) n_refusals: std::sync::atomic::AtomicU32,
}

impl Pool {
    /// None yet; `max_bytes` is the size of the largest buffer.
    pub(crate) fn new(max_bytes: u64) -> Self {
        Self {
            free: Mutex::default(),
            max_bytes,
            #[cfg(test)]
            n_refusals: Default::default(),
        }
    }

    pub(crate) fn max_bytes(&self) -> u64 {
        self.max_bytes
    }

    /// The size of the buffer that is taken for `len` bytes: an eighth more at most, so that sizes repeat.
    pub(crate) fn size_of(&self, len: u64) -> Result<u64> {
        if len > self.max_bytes {
            return Err(Error::TooLarge {
                wanted: Bytes(len),
                limit: Bytes(self.max_bytes),
            });
        }
        let step = (len.next_power_of_two() / 16).max(256);
        Ok(len.max(1).next_multiple_of(step).min(self.max_bytes))
    }

    /// A buffer of exactly `size` bytes, if one is free.
    pub(crate) fn take(self: &Arc<Self>, size: u64) -> Option<Buffer> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let handle = free.get_mut(&size)?.pop()?;
        Some(Buffer::new(handle, self))
    }

    /// Gives all free buffers back to the driver.
    pub(crate) fn clear(&self) {
        self.free
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    fn put(&self, handle: wgpu::Buffer) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.entry(handle.size()).or_default().push(handle);
    }
}

/// Memory of the GPU. Operations run in the order in which they were noted down: what is given back may be taken again at
/// once, even though operations that read it still wait.
#[derive(Debug)]
pub(crate) struct Buffer {
    handle: wgpu::Buffer,
    pool: Arc<Pool>,
}

impl Buffer {
    pub(crate) fn new(handle: wgpu::Buffer, pool: &Arc<Pool>) -> Self {
        Self {
            handle,
            pool: Arc::clone(pool),
        }
    }

    pub(crate) fn handle(&self) -> &wgpu::Buffer {
        &self.handle
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.pool.put(self.handle.clone());
    }
}
