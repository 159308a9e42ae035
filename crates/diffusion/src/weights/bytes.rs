use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use common::{Error, Result};

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
        // SAFETY: the map is read-only. Another process that shortened the file meanwhile
        // could end this one with a bus error; model files aren't edited in place, and every loader that maps them has
        // the same bound.
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(Error::io("read", path))?;
        Ok(Self::Mapped(Arc::new(map)))
    }

    /// Gives the memory of a part that has been read back to the system, which reads the file again where it is wanted after all.
    /// A model then isn't in memory twice: once as it is in the file, once as it is computed with.
    pub fn release(&self, part: Range<usize>) {
        #[cfg(unix)]
        if let Self::Mapped(map) = self
            && map.get(part.clone()).is_some()
        {
            #[expect(
                unsafe_code,
                reason = "advice that may change what is in memory is unsafe by its nature"
            )]
            // SAFETY: the part lies in the map, as was checked. Of a read-only map of a file nothing is lost: the pages' bytes come
            // from the file again, under the bound of `map`.
            let advised = unsafe {
                map.unchecked_advise_range(
                    memmap2::UncheckedAdvice::DontNeed,
                    part.start,
                    part.len(),
                )
            };
            drop(advised); // advice that isn't taken costs memory, nothing else
        }
        #[cfg(not(unix))]
        drop(part);
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
