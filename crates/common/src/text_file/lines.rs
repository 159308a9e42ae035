use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;

use super::TextError;
use crate::Error;

/// Longest accepted line, in bytes.
pub const MAX_LINE_BYTES: usize = 16 * 1024;

/// Largest accepted file, in bytes.
pub const MAX_FILE_BYTES: usize = 4 * 1024 * 1024;

/// Reads a file, at most a byte more than [`MAX_FILE_BYTES`] of it, so that [`lines`] can refuse what is too long.
///
/// # Errors
/// [`Error::Io`] for a file that can't be read.
pub fn read(path: &Path) -> crate::Result<Vec<u8>> {
    read_up_to(path, MAX_FILE_BYTES)
}

/// As [`read`], for files of up to `max_bytes`.
///
/// # Errors
/// As for [`read`].
pub fn read_up_to(path: &Path, max_bytes: usize) -> crate::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(max_bytes as u64 + 1).read_to_end(&mut bytes))
        .map_err(Error::io("read", path))?;
    Ok(bytes)
}

/// A span of characters within a line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Place {
    /// Line number, from 1.
    pub line: usize,
    /// First character of the span, from 1; counted in characters, not bytes.
    pub column: usize,
    /// Length of the span in characters.
    pub n_chars: usize,
    /// The whole line.
    pub text: String,
}

/// A line of the file, without its line break.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// The file.
    pub path: &'a Path,
    /// From 1.
    pub number: usize,
    /// What stands on it.
    pub text: &'a str,
}

impl Line<'_> {
    /// An error at a range of bytes of this line.
    pub fn error(&self, span: Range<usize>, reason: impl Into<String>) -> TextError {
        TextError {
            path: self.path.to_owned(),
            place: Some(self.place(span)),
            reason: reason.into(),
            hint: None,
        }
    }

    /// A range of bytes as columns. Ranges lie on character boundaries.
    pub fn place(&self, span: Range<usize>) -> Place {
        let n_chars = |range: Range<usize>| self.text.get(range).map_or(0, |t| t.chars().count());
        Place {
            line: self.number,
            column: n_chars(0..span.start) + 1,
            n_chars: n_chars(span),
            text: self.text.to_owned(),
        }
    }
}

/// Splits a file into lines. A byte order mark, CRLF and tabs are fine.
///
/// # Errors
/// For bytes that aren't UTF-8 text, and for a file or a line that is too long.
pub fn lines<'a>(path: &'a Path, bytes: &'a [u8]) -> Result<Vec<Line<'a>>, TextError> {
    let whole_file = |reason: String| TextError {
        path: path.to_owned(),
        place: None,
        reason,
        hint: None,
    };
    if bytes.len() > MAX_FILE_BYTES {
        let reason = format!("the file is larger than {} MiB", MAX_FILE_BYTES >> 20);
        return Err(whole_file(reason).with_hint("is it the right file?"));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        let reason = "the file is UTF-16 text, and it has to be UTF-8".to_owned();
        return Err(whole_file(reason).with_hint("save it as UTF-8 in the editor"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| not_utf8(path, bytes, error))?;
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let lines = text.split('\n').zip(1..).map(|(text, number)| Line {
        path,
        number,
        text: text.strip_suffix('\r').unwrap_or(text),
    });
    lines.map(checked).collect()
}

fn checked(line: Line<'_>) -> Result<Line<'_>, TextError> {
    if line.text.len() > MAX_LINE_BYTES {
        let reason = format!(
            "this line has {} bytes, and {MAX_LINE_BYTES} is the limit",
            line.text.len()
        );
        return Err(line.error(0..0, reason).with_hint("is it the right file?"));
    }
    let control = line
        .text
        .char_indices()
        .find(|(_, c)| c.is_control() && *c != '\t');
    match control {
        None => Ok(line),
        Some((at, c)) => Err(line
            .error(
                at..at + c.len_utf8(),
                format!("there is a control character (U+{:04X}) here", u32::from(c)),
            )
            .with_hint("is it a text file?")),
    }
}

fn not_utf8(path: &Path, bytes: &[u8], error: std::str::Utf8Error) -> TextError {
    let offset = error.valid_up_to();
    let (before, after) = bytes.split_at(offset);
    let line_start = before
        .iter()
        .rposition(|b| *b == b'\n')
        .map_or(0, |at| at + 1);
    let n_kept = after
        .iter()
        .take(200)
        .position(|b| *b == b'\n')
        .unwrap_or(after.len().min(200));
    let prefix = String::from_utf8_lossy(&before[line_start..]);
    let prefix = prefix.strip_prefix('\u{FEFF}').unwrap_or(&prefix);
    let byte = after.first().copied().unwrap_or_default();
    TextError {
        path: path.to_owned(),
        place: Some(Place {
            line: before.iter().filter(|b| **b == b'\n').count() + 1,
            column: prefix.chars().count() + 1,
            n_chars: 1,
            text: format!("{prefix}{}", String::from_utf8_lossy(&after[..n_kept])),
        }),
        reason: format!("byte {offset} of the file (0x{byte:02X}) isn't UTF-8 text"),
        hint: Some("save the file as UTF-8 in the editor".to_owned()),
    }
}

/// A range of bytes without the blanks at both ends.
pub fn trimmed(line: &Line<'_>, span: Range<usize>) -> Range<usize> {
    let text = line.text.get(span.clone()).unwrap_or_default();
    let start = span.start + text.len() - text.trim_start().len();
    start..start + text.trim().len()
}

/// The bytes from `span.start` to the next blank.
pub fn word(line: &Line<'_>, span: Range<usize>) -> Range<usize> {
    let text = line.text.get(span.clone()).unwrap_or_default();
    span.start..span.start + text.find(char::is_whitespace).unwrap_or(text.len())
}
