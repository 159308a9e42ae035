use std::ops::Range;
use std::path::Path;

use super::{MAX_FILE_BYTES, MAX_LINE_BYTES, PromptsError};

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
pub(super) struct Line<'a> {
    pub path: &'a Path,
    /// From 1.
    pub number: usize,
    pub text: &'a str,
}

impl Line<'_> {
    /// An error at a range of bytes of this line.
    pub fn error(&self, span: Range<usize>, reason: impl Into<String>) -> PromptsError {
        PromptsError {
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
pub(super) fn lines<'a>(path: &'a Path, bytes: &'a [u8]) -> Result<Vec<Line<'a>>, PromptsError> {
    let whole_file = |reason: String| PromptsError {
        path: path.to_owned(),
        place: None,
        reason,
        hint: None,
    };
    if bytes.len() > MAX_FILE_BYTES {
        let reason = format!(
            "the prompts file is larger than {} MiB",
            MAX_FILE_BYTES >> 20
        );
        return Err(whole_file(reason).with_hint("is it the right file?"));
    }
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        let reason = "the prompts file is UTF-16 text, and it has to be UTF-8".to_owned();
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

fn checked(line: Line<'_>) -> Result<Line<'_>, PromptsError> {
    if line.text.len() > MAX_LINE_BYTES {
        let reason = format!(
            "this line has {} bytes, and {MAX_LINE_BYTES} is the limit",
            line.text.len()
        );
        return Err(line
            .error(0..0, reason)
            .with_hint("a model reads some 75 words of a prompt; shorten it"));
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

fn not_utf8(path: &Path, bytes: &[u8], error: std::str::Utf8Error) -> PromptsError {
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
    PromptsError {
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

/// A part of a line behind its mark.
pub(super) enum Token {
    /// Words, with escapes resolved and blanks at both ends left out.
    Words(String, Range<usize>),
    /// `--neg`.
    Neg(Range<usize>),
    /// The bytes between `{` and `}`.
    Braces(Range<usize>),
}

/// The switch in front of a negative prompt.
pub(super) const NEG: &str = "--neg";

/// Splits a range of bytes of a line into tokens.
pub(super) fn tokens(line: &Line<'_>, span: Range<usize>) -> Result<Vec<Token>, PromptsError> {
    let brace_hint =
        "settings stand in braces: {seed=42}; a brace in a prompt needs a backslash: \\{ \\}";
    let mut tokens = Vec::new();
    let mut words = String::new();
    let mut words_start = span.start;
    let mut is_word_start = true;
    let mut at = span.start;
    let mut rest = line.text.get(span.clone()).unwrap_or_default();
    while let Some(c) = rest.chars().next() {
        let token = if is_word_start && after_neg(rest).is_some() {
            Some(Token::Neg(at..at + NEG.len()))
        } else if c == '{' {
            let length = rest
                .find('}')
                .ok_or_else(|| line.error(at..at + 1, "} is missing").with_hint(brace_hint))?;
            Some(Token::Braces(at + 1..at + length))
        } else if c == '}' {
            return Err(line
                .error(at..at + 1, "{ is missing in front of this")
                .with_hint(brace_hint));
        } else {
            None
        };
        let n_bytes = match &token {
            Some(Token::Neg(neg)) => neg.len(),
            Some(Token::Braces(inner)) => inner.len() + 2,
            _ => match escaped(rest, is_word_start, at == span.start) {
                Some(literal) => {
                    words.push_str(literal);
                    is_word_start = false;
                    1 + literal.len()
                }
                None => {
                    words.push(c);
                    is_word_start = c.is_whitespace();
                    c.len_utf8()
                }
            },
        };
        if let Some(token) = token {
            push_words(&mut tokens, &mut words, words_start..at);
            tokens.push(token);
            words_start = at + n_bytes;
            is_word_start = true;
        }
        at += n_bytes;
        rest = rest.get(n_bytes..).unwrap_or_default();
    }
    push_words(&mut tokens, &mut words, words_start..at);
    Ok(tokens)
}

fn push_words(tokens: &mut Vec<Token>, words: &mut String, span: Range<usize>) {
    let trimmed = words.trim();
    if !trimmed.is_empty() {
        tokens.push(Token::Words(trimmed.to_owned(), span));
    }
    words.clear();
}

/// What a backslash at the start of `rest` makes literal.
fn escaped(rest: &str, is_word_start: bool, is_prompt_start: bool) -> Option<&str> {
    let rest = rest.strip_prefix('\\')?;
    let is_escapable = |length: &usize| match rest.get(..*length) {
        Some("{" | "}") => true,
        Some(NEG) => is_word_start,
        Some("[" | "@" | "#" | "\\" | "style:") => is_prompt_start,
        _ => false,
    };
    let length = [1, NEG.len(), "style:".len()]
        .into_iter()
        .find(is_escapable)?;
    rest.get(..length)
}

/// What stands behind `--neg` if the text begins with it as a word.
pub(super) fn after_neg(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(NEG)?;
    rest.chars()
        .next()
        .is_none_or(char::is_whitespace)
        .then_some(rest)
}

/// A range of bytes without the blanks at both ends.
pub(super) fn trimmed(line: &Line<'_>, span: Range<usize>) -> Range<usize> {
    let text = line.text.get(span.clone()).unwrap_or_default();
    let start = span.start + text.len() - text.trim_start().len();
    start..start + text.trim().len()
}

/// The bytes from `span.start` to the next blank.
pub(super) fn word(line: &Line<'_>, span: Range<usize>) -> Range<usize> {
    let text = line.text.get(span.clone()).unwrap_or_default();
    span.start..span.start + text.find(char::is_whitespace).unwrap_or(text.len())
}
