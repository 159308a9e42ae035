//! Bytes to text: the encodings that editors write, without the characters that nobody sees.

use std::path::Path;

use common::text_file::{self, MAX_FILE_BYTES, TextError};

/// What to do about a file that isn't text as it should be.
const SAVE_AS_UTF8: &str = "save the file as plain text in UTF-8";

/// How files of other programs begin that hold text, but aren't text files.
const DOCUMENTS: [(&[u8], &str); 12] = [
    (b"{\\rtf", "an RTF document"),
    (b"PK\x03\x04", "a document or an archive (zip)"),
    (b"%PDF-", "a PDF document"),
    (b"\x1F\x8B", "a compressed file (gzip)"),
    (b"<?xml", "an XML document"),
    (b"\xEF\xBB\xBF<?xml", "an XML document"),
    (b"<tt ", "subtitles in TTML"),
    (b"<!DOCTYPE", "an HTML document"),
    (b"<!doctype", "an HTML document"),
    (b"<html", "an HTML document"),
    (b"\xFF\xFE\0\0", "UTF-32 text"),
    (b"\0\0\xFE\xFF", "UTF-32 text"),
];

/// The text of a file in UTF-8, or in UTF-16 with a byte order mark, as [`clean`] leaves it.
///
/// # Errors
/// For a file that is too long, of another kind or in another encoding.
pub(super) fn decode(path: &Path, bytes: &[u8]) -> Result<String, TextError> {
    let refuse = |reason: String| TextError {
        path: path.to_owned(),
        place: None,
        reason,
        hint: Some(SAVE_AS_UTF8.to_owned()),
    };
    if bytes.len() > MAX_FILE_BYTES {
        text_file::lines(path, bytes)?;
    }
    let document = DOCUMENTS.iter().find(|(head, _)| bytes.starts_with(head));
    if let Some((_, name)) = document {
        return Err(refuse(format!("the file is {name}, not plain text")));
    }
    let utf16 = match bytes {
        [0xFF, 0xFE, rest @ ..] => Some(from_utf16(rest, u16::from_le_bytes)),
        [0xFE, 0xFF, rest @ ..] => Some(from_utf16(rest, u16::from_be_bytes)),
        _ => None,
    };
    if let Some(text) = utf16 {
        let text = text.ok_or_else(|| refuse("the file is broken UTF-16 text".to_owned()))?;
        return Ok(clean(&text));
    }
    if is_utf16_without_mark(bytes) {
        let reason = "the file looks like UTF-16 text without a byte order mark";
        return Err(refuse(reason.to_owned()));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(clean(text)),
        Err(error) => {
            let guess = likely_encoding(bytes, error.valid_up_to());
            let hint = format!("{SAVE_AS_UTF8}; it may be in {guess}");
            // The bytes aren't UTF-8, so this is the error that shows their place.
            match text_file::lines(path, bytes) {
                Err(error) => Err(error.with_hint(hint)),
                Ok(_) => Err(refuse("the file isn't UTF-8 text".to_owned())),
            }
        }
    }
}

fn from_utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<String> {
    let pairs = bytes.chunks_exact(2);
    if !pairs.remainder().is_empty() {
        return None;
    }
    let units: Vec<u16> = pairs.map(|pair| unit([pair[0], pair[1]])).collect();
    String::from_utf16(&units).ok()
}

/// Whether every other byte is zero, as in UTF-16 text of Latin letters.
fn is_utf16_without_mark(bytes: &[u8]) -> bool {
    let head = bytes.get(..bytes.len().min(200)).unwrap_or_default();
    let n_zeros = |parity: usize| {
        let half = head.iter().skip(parity).step_by(2);
        half.filter(|byte| **byte == 0).count()
    };
    head.len() >= 4 && n_zeros(0).max(n_zeros(1)) * 5 >= head.len() * 2
}

/// The encodings in which a text may be whose bytes from `at` on aren't UTF-8: letters of Western languages take one byte above
/// 0x7F, East Asian ones two or more in a row.
fn likely_encoding(bytes: &[u8], at: usize) -> &'static str {
    let is_high = |idx: usize| bytes.get(idx).is_some_and(|byte| *byte > 0x7F);
    if is_high(at + 1) {
        "GBK, Shift-JIS or another code page"
    } else {
        "Windows-1252 or another code page"
    }
}

/// The text without invisible characters, with plain blanks and line breaks in the place of all others.
pub(super) fn clean(text: &str) -> String {
    let mut cleaned = String::with_capacity(text.len());
    let mut is_behind_return = false;
    for c in text.chars() {
        match c {
            '\n' if is_behind_return => {}
            '\n' | '\r' | '\u{2028}' | '\u{2029}' => cleaned.push('\n'),
            _ if is_invisible(c) => {}
            _ if c.is_whitespace() && !c.is_control() => cleaned.push(' '),
            _ => cleaned.push(c),
        }
        is_behind_return = c == '\r';
    }
    cleaned
}

/// Whether a character leaves no trace: the `Default_Ignorable_Code_Point`s of Unicode 16 (DerivedCoreProperties.txt). Among them
/// are byte order marks, soft hyphens, zero-width blanks and joiners, marks of direction, variation selectors and tags.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180B}'..='\u{180F}'
        | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}'
        | '\u{FE00}'..='\u{FE0F}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFF8}' | '\u{1BCA0}'..='\u{1BCA3}'
        | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

/// A text from inside a string or a field, where line breaks and other control characters have no meaning.
pub(super) fn clean_field(text: &str) -> String {
    let cleaned = clean(text);
    let words = cleaned.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// What stands between the bracket that a text begins with and `end`, and what stands behind, if `end` is near: tags are short.
pub(super) fn enclosed(text: &str, end: char) -> Option<(&str, &str)> {
    const MAX_LETTERS: usize = 80;
    let mut letters = text.char_indices().take(MAX_LETTERS);
    let (at, _) = letters.find(|(_, c)| *c == end)?;
    let start = text.chars().next()?.len_utf8();
    Some((text.get(start..at)?, text.get(at + end.len_utf8()..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> TextError {
        decode(Path::new("p.txt"), bytes).unwrap_err()
    }

    #[test]
    fn invisible_characters_leave_no_trace() {
        for (text, cleaned) in [
            ("\u{FEFF}a\u{FEFF}b", "ab"),
            ("\u{200E}[0:04] green\u{200F}", "[0:04] green"),
            ("st\u{200B}yle\u{200D}:\u{2060}", "style:"),
            ("soft\u{AD}ly", "softly"),
            ("red\u{A0}sky\u{3000}blue\u{2009}sea", "red sky blue sea"),
            ("\u{202E}turned\u{2066}", "turned"),
            ("\u{2764}\u{FE0F}", "\u{2764}"),
            ("a\r\nb\rc\u{2028}d\n\ne\ttab", "a\nb\nc\nd\n\ne\ttab"),
            ("e\u{301} 海 \u{1F30A}", "e\u{301} 海 \u{1F30A}"),
        ] {
            assert_eq!(clean(text), cleaned, "{text:?}");
        }
    }

    #[test]
    fn fields_have_no_control_characters() {
        assert_eq!(
            clean_field(" a\u{1b}[2J\nb\u{200b}\t c\u{9b} "),
            "a [2J b c"
        );
    }

    #[test]
    fn utf16_with_a_mark_is_read() {
        let text = "[0:10] 海 \u{1F30A}\r\nb";
        let units = || "\u{FEFF}".encode_utf16().chain(text.encode_utf16());
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        for bytes in [little, big] {
            let read = decode(Path::new("p"), &bytes).unwrap();
            assert_eq!(read, "[0:10] 海 \u{1F30A}\nb");
        }
    }

    #[test]
    fn other_encodings_and_documents_are_named() {
        for (bytes, word) in [
            (&b"\xFF\xFEa"[..], "broken UTF-16"),
            (b"\xFF\xFE\x00\xD8a\0", "broken UTF-16"),
            (b"\xFF\xFE\0\0a\0\0\0", "UTF-32"),
            (b"a\0 \0c\0a\0t\0", "UTF-16 text without"),
            (b"\0a\0 \0c\0a\0t", "UTF-16 text without"),
            (b"{\\rtf1\\ansi a red sunset}", "RTF"),
            (b"PK\x03\x04word/document.xml", "zip"),
            (b"%PDF-1.7", "PDF"),
            (b"\x1F\x8B\x08\0", "gzip"),
            (b"\xEF\xBB\xBF<?xml version=\"1.0\"?><p/>", "XML"),
            (b"<!DOCTYPE html><p>a", "HTML"),
        ] {
            let error = refusal(bytes);
            assert!(error.reason.contains(word), "{word}: {error}");
            assert!(error.hint.unwrap().contains("UTF-8"), "{word}");
        }
        let latin = refusal(b"un caf\xE9 noir");
        assert!(latin.hint.unwrap().contains("Windows-1252"));
        let chinese = refusal(b"\xBA\xA3\xC0\xCB");
        assert!(chinese.hint.unwrap().contains("GBK"));
        assert_eq!(chinese.place.unwrap().column, 1);
    }

    #[test]
    fn a_file_that_is_too_long_is_refused_in_any_encoding() {
        let mut bytes = vec![0xFF, 0xFE];
        bytes.resize(MAX_FILE_BYTES + 2, b' ');
        assert!(refusal(&bytes).reason.contains("MiB"));
    }
}
