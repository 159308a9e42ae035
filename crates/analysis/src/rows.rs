//! Rows of numbers, of which those of a long song lie in a temporary file: memory doesn't grow with them.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use common::{Error, Result};

/// Songs up to this many seconds stay in memory.
const KEPT_SECS: usize = 300;
/// Bytes that are written at once, about, where a song is longer.
const BLOCK_BYTES: usize = 1 << 17;
/// Rows that are read at once, where they are read in their order.
pub(super) const N_AHEAD: usize = 2000;

/// Rows of bytes, each as long as the others.
#[derive(Default)]
pub(super) struct Rows {
    /// Bytes of a row.
    width: usize,
    rows_per_sec: usize,
    /// The first rows of a long song: a file without a name, which is gone with this value.
    file: Mutex<Option<File>>,
    n_filed: usize,
    /// All other rows.
    rest: Vec<u8>,
    /// Whether there is no room in a file. All later rows stay in memory, then.
    is_refused: bool,
}

impl Rows {
    /// Without rows. `width` is the number of bytes in each.
    pub fn new(width: usize, rows_per_sec: usize) -> Self {
        Self {
            width,
            rows_per_sec,
            ..Self::default()
        }
    }

    /// How many rows a second of the song has.
    pub fn rows_per_sec(&self) -> usize {
        self.rows_per_sec
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.n_filed + self.rest.len() / self.width.max(1)
    }

    /// Adds a row, or several.
    pub fn push(&mut self, row: &[u8]) {
        debug_assert!(row.len().is_multiple_of(self.width));
        self.rest.extend_from_slice(row);
        let kept_bytes = match self.n_filed {
            0 => KEPT_SECS * self.rows_per_sec * self.width,
            _ => BLOCK_BYTES,
        };
        if self.rest.len() > kept_bytes && !self.is_refused {
            self.file_away();
        }
    }

    /// Moves all rows to the file. What it can't take stays in memory.
    fn file_away(&mut self) {
        let file = self.file.get_mut().unwrap_or_else(PoisonError::into_inner);
        let start = self.n_filed as u64 * self.width as u64;
        let mut write = || -> std::io::Result<()> {
            if file.is_none() {
                *file = Some(tempfile::tempfile()?);
            }
            let Some(file) = file else { return Ok(()) };
            file.seek(SeekFrom::Start(start))?;
            file.write_all(&self.rest)
        };
        self.is_refused = write().is_err();
        if !self.is_refused {
            self.n_filed += self.rest.len() / self.width.max(1);
            self.rest = Vec::with_capacity(BLOCK_BYTES + self.width);
        }
    }

    /// Puts rows into the file as those of a long song are.
    #[cfg(test)]
    pub fn file_now(&mut self) {
        self.file_away();
        assert!(!self.is_refused && self.rest.is_empty());
    }

    /// The bytes of some rows, as far as there are any.
    ///
    /// # Errors
    /// [`Error::Io`] where the temporary file can't be read.
    pub fn read(&self, rows: Range<usize>) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.read_into(rows, &mut bytes)?;
        Ok(bytes)
    }

    fn read_into(&self, rows: Range<usize>, bytes: &mut Vec<u8>) -> Result<()> {
        let end = rows.end.min(self.len());
        let start = rows.start.min(end);
        let n_filed = self.n_filed.clamp(start, end);
        bytes.clear();
        bytes.resize((n_filed - start) * self.width, 0);
        if start < n_filed {
            let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
            let mut read = || -> std::io::Result<()> {
                let file = file.as_mut().ok_or(std::io::ErrorKind::NotFound)?;
                file.seek(SeekFrom::Start(start as u64 * self.width as u64))?;
                file.read_exact(bytes)
            };
            read().map_err(Error::io("read", std::env::temp_dir()))?;
        }
        let rest = n_filed.saturating_sub(self.n_filed) * self.width
            ..end.saturating_sub(self.n_filed) * self.width;
        bytes.extend_from_slice(self.rest.get(rest).unwrap_or_default());
        Ok(())
    }

    /// Reads rows in about the order in which they lie.
    pub fn reader(&self) -> Reader<'_> {
        Reader {
            rows: self,
            held: 0..0,
            bytes: Vec::new(),
        }
    }
}

/// Holds the rows around the last one that was asked for.
pub(super) struct Reader<'a> {
    rows: &'a Rows,
    held: Range<usize>,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    /// The bytes of some rows, as far as there are any.
    ///
    /// # Errors
    /// As [`Rows::read`].
    pub fn read(&mut self, rows: Range<usize>) -> Result<&[u8]> {
        let end = rows.end.min(self.rows.len());
        let start = rows.start.min(end);
        if start < self.held.start || end > self.held.end {
            let held = start..(end + N_AHEAD).min(self.rows.len());
            self.rows.read_into(held.clone(), &mut self.bytes)?;
            self.held = held;
        }
        let place = (start - self.held.start) * self.rows.width;
        let place = place..place + (end - start) * self.rows.width;
        Ok(self.bytes.get(place).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten times as many rows as stay in memory, two bytes each.
    fn long(rows: &mut Rows) -> Vec<u8> {
        let bytes: Vec<u8> = (0..10 * KEPT_SECS * 100)
            .flat_map(|i: usize| (i as u16).to_le_bytes())
            .collect();
        bytes.chunks(2).for_each(|row| rows.push(row));
        bytes
    }

    #[test]
    fn rows_are_read_wherever_they_lie() {
        let mut rows = Rows::new(2, 100);
        let bytes = long(&mut rows);
        assert!(rows.n_filed > 0 && rows.n_filed < rows.len());
        assert!(rows.rest.len() <= BLOCK_BYTES + 2);
        assert_eq!(rows.len(), bytes.len() / 2);
        let border = rows.n_filed;
        let mut reader = rows.reader();
        for range in [
            0..0,
            0..10,
            5..3000,
            border - 4..border,
            border - 3..border + 3,
            border..border + 1,
            rows.len() - 2..rows.len() + 5,
            rows.len() + 1..rows.len() + 9,
            17..18,
        ] {
            let there = |at: usize| 2 * at.min(rows.len());
            let expected = &bytes[there(range.start)..there(range.end)];
            assert_eq!(rows.read(range.clone()).unwrap(), expected, "{range:?}");
            assert_eq!(reader.read(range.clone()).unwrap(), expected, "{range:?}");
        }
    }

    #[test]
    fn what_no_file_takes_stays_in_memory() {
        let mut rows = Rows::new(2, 100);
        rows.is_refused = true;
        let bytes = long(&mut rows);
        assert_eq!(rows.n_filed, 0);
        assert_eq!(rows.read(0..rows.len()).unwrap(), bytes);
    }
}
