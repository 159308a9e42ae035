use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use crate::{Error, Result};

/// The contents of a file: mapped, or part of the binary.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// Bytes compiled into the binary.
    Static(&'static [u8]),
    /// A mapped file, which the system reads page by page when it is needed.
    Mapped(Arc<memmap2::Mmap>),
    /// Bytes in memory.
    Owned(Arc<[u8]>),
}

impl Bytes {
    /// Maps a file.
    ///
    /// # Errors
    /// [`Error::Io`] if it can't be opened or mapped.
    pub fn map(path: &Path) -> Result<Self> {
        let file = std::fs::File::open(path).map_err(Error::io("read", path))?;
        let len = file.metadata().map_err(Error::io("read", path))?.len();
        if len == 0 {
            return Ok(Self::Static(&[])); // an empty file can't be mapped
        }
        #[expect(unsafe_code, reason = "memory-mapping a file is unsafe by its nature")]
        // SAFETY: the map is read-only and private to this process. Another process that shortened the file meanwhile
        // could end this one with a bus error; model files aren't edited in place, and every loader that maps them has
        // the same bound.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(Error::io("read", path))?;
        Ok(Self::Mapped(Arc::new(map)))
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Mapped(map) => map,
            Self::Owned(bytes) => bytes,
        }
    }
}
