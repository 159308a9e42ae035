//! Hashes on the way.

use std::io::{Read, Write};

use sha2::{Digest, Sha256};

/// Hashes what is written to it.
pub(super) struct HashWriter(pub Sha256);

impl Write for HashWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Hashes what is read through it.
pub(super) struct HashReader<R> {
    pub inner: R,
    pub hasher: Sha256,
}

impl<R: Read> Read for HashReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let n_read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..n_read).unwrap_or_default());
        Ok(n_read)
    }
}
