//! The part of a file that a container's reader gets to see, with bytes of ours in front of it.
//!
//! Tags before and behind the sound, broken metadata and wrong outer sizes are kept from readers that stumble over them.

use std::fs::File;
use std::io::{Read, Result, Seek, SeekFrom};
use std::ops::Range;

use symphonia::core::io::MediaSource;

/// Some bytes of ours, then a range of a file.
pub(super) struct Source {
    head: Vec<u8>,
    file: File,
    /// Bytes of the file.
    range: Range<u64>,
    /// Counted from the first byte of `head`.
    position: u64,
    /// Where the file itself stands, so that reading on needs no seek.
    file_position: Option<u64>,
}

impl Source {
    pub fn new(head: Vec<u8>, file: File, range: Range<u64>) -> Self {
        Self {
            head,
            file,
            range,
            position: 0,
            file_position: None,
        }
    }

    fn len(&self) -> u64 {
        self.head.len() as u64 + self.range.end.saturating_sub(self.range.start)
    }
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let n_head = self.head.len() as u64;
        let n_left = self.len().saturating_sub(self.position);
        let n_wanted = usize::try_from(n_left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let Some(buffer) = buffer.get_mut(..n_wanted).filter(|bytes| !bytes.is_empty()) else {
            return Ok(0);
        };
        let n_read = if self.position < n_head {
            let mut rest = self.head.get(self.position as usize..).unwrap_or_default();
            rest.read(buffer)?
        } else {
            let at = self.range.start + (self.position - n_head);
            if self.file_position != Some(at) {
                self.file.seek(SeekFrom::Start(at))?;
            }
            let n_read = self.file.read(buffer)?;
            self.file_position = Some(at + n_read as u64);
            n_read
        };
        self.position += n_read as u64;
        Ok(n_read)
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        let position = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(offset) => self.len().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(std::io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl MediaSource for Source {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.len())
    }
}

/// The bytes at `at`; fewer than `n_bytes` where the file ends.
pub(super) fn bytes_at(file: &mut File, at: u64, n_bytes: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(n_bytes as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn head_and_range_read_as_one() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        let mut source = Source::new(b"ab".to_vec(), file, 3..7);
        let mut text = String::new();
        source.read_to_string(&mut text).unwrap();
        assert_eq!(text, "ab3456");
        assert_eq!(source.seek(SeekFrom::End(-3)).unwrap(), 3);
        text.clear();
        source.read_to_string(&mut text).unwrap();
        assert_eq!(text, "456");
        source.seek(SeekFrom::Start(1)).unwrap();
        let mut two = [0; 2];
        source.read_exact(&mut two).unwrap();
        assert_eq!(&two, b"b3");
        assert!(source.seek(SeekFrom::Current(-9)).is_err());
    }
}
