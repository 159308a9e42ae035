use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use common::partial_file::{PartialFile, write_error};
use common::{Error, Result};
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, Serializer};

use super::Timeline;

impl Timeline {
    /// Writes the timeline as JSON, one frame a line. The file appears under its name only when it is whole.
    ///
    /// # Errors
    /// [`Error::Io`] if the folder can't be written to.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let partial = PartialFile::create(path)?;
        self.write_json(BufWriter::new(partial.file()))
            .map_err(write_error(path, None))?;
        partial.commit()
    }

    /// Reads a timeline, perhaps edited by hand, and checks it.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read; [`Error::Input`] with line and column where it isn't a timeline's JSON, or
    /// with frame and field where its values contradict each other.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let file = File::open(path).map_err(Error::io("read", path))?;
        let mut reader = BufReader::new(file);
        skip_byte_order_mark(&mut reader).map_err(Error::io("read", path))?;
        let timeline: Self = serde_json::from_reader(reader).map_err(|error| {
            if error.is_io() {
                Error::io("read", path)(error.into())
            } else {
                Error::input(path, format!("not a timeline: {error}"))
                    .with_hint("`visualize plan` makes timelines; its JSON may be edited by hand")
            }
        })?;
        timeline
            .validate()
            .map_err(|fault| Error::input(path, fault))?;
        Ok(timeline)
    }

    /// Writes the JSON that [`save`](Self::save) puts into a file.
    ///
    /// # Errors
    /// Those of `writer`.
    pub fn write_json(&self, mut writer: impl Write) -> io::Result<()> {
        let mut serializer = Serializer::with_formatter(&mut writer, LineFormatter::default());
        self.serialize(&mut serializer)?;
        writer.write_all(b"\n")?;
        writer.flush()
    }
}

/// Passes over the mark that some editors of text put in front.
fn skip_byte_order_mark(reader: &mut impl BufRead) -> io::Result<()> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if reader.fill_buf()?.starts_with(MARK) {
        reader.consume(MARK.len());
    }
    Ok(())
}

/// JSON with a line for each key of the outermost object and for each element of the lists in it: small files that
/// people can still read, compare and edit.
#[derive(Default)]
struct LineFormatter {
    depth: usize,
}

impl LineFormatter {
    const MAX_DEPTH: usize = 2;

    fn open<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth += 1;
        writer.write_all(bracket)
    }

    fn close<W: ?Sized + Write>(&mut self, writer: &mut W, bracket: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if self.depth < Self::MAX_DEPTH {
            self.new_line(writer)?;
        }
        writer.write_all(bracket)
    }

    fn next<W: ?Sized + Write>(&mut self, writer: &mut W, is_first: bool) -> io::Result<()> {
        if !is_first {
            writer.write_all(b",")?;
        }
        if self.depth <= Self::MAX_DEPTH {
            self.new_line(writer)
        } else if is_first {
            Ok(())
        } else {
            writer.write_all(b" ")
        }
    }

    fn new_line<W: ?Sized + Write>(&self, writer: &mut W) -> io::Result<()> {
        writer.write_all(b"\n")?;
        (0..self.depth).try_for_each(|_| writer.write_all(b"  "))
    }
}

impl Formatter for LineFormatter {
    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"[")
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"]")
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(writer, first)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.open(writer, b"{")
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.close(writer, b"}")
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.next(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        CompactFormatter.begin_object_value(writer)?;
        writer.write_all(b" ")
    }
}
