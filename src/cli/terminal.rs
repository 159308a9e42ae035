//! What a person reads: lines on stderr.
//!
//! A terminal that is gone or a pipe that was closed ends no run, so failed writes are passed over here. Texts hold words of
//! others (file names, prompts, tags of films): characters that a terminal would obey are shown, never sent.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write as _};

/// Prints a text and a line break on stderr.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable(text));
}

/// Prints a question on stderr; the answer goes behind it.
pub fn ask(question: &str) {
    let mut out = std::io::stderr().lock();
    let _ = write!(out, "{} ", printable(question)).and_then(|()| out.flush());
}

/// The text with escapes such as `\x1b` for the characters that a terminal would obey: all control characters but line breaks
/// and tabs, and those that turn the direction of writing (Unicode Standard Annex 9, section 2).
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if !is_obeyed(c) {
            shown.push(c);
        } else if c.is_ascii() {
            let _ = write!(shown, "\\x{:02x}", u32::from(c)); // writing to a string can't fail
        } else {
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        }
    }
    Cow::Owned(shown)
}

fn is_obeyed(c: char) -> bool {
    let is_layout = matches!(c, '\n' | '\t');
    let turns_direction = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (c.is_control() && !is_layout) || turns_direction
}

/// Whether the standard output could not be written because nobody reads it any more: a pipe whose reader has ended, or a
/// terminal that was closed. Neither is a fault of the run.
pub fn has_no_reader(error: &io::Error) -> bool {
    is_gone(error, is_stdout_a_file())
}

fn is_gone(error: &io::Error, is_file: bool) -> bool {
    /// `EIO` of `errno.h`, which a closed terminal gives; so does a broken disk.
    const INPUT_OUTPUT: i32 = 5;
    let is_closed_terminal = cfg!(unix) && error.raw_os_error() == Some(INPUT_OUTPUT) && !is_file;
    error.kind() == io::ErrorKind::BrokenPipe || is_closed_terminal
}

#[cfg(unix)]
fn is_stdout_a_file() -> bool {
    use std::os::fd::AsFd;
    let stdout = io::stdout();
    let copy = stdout.as_fd().try_clone_to_owned();
    let metadata = copy.and_then(|copy| std::fs::File::from(copy).metadata());
    metadata.is_ok_and(|metadata| metadata.is_file())
}

#[cfg(not(unix))]
fn is_stdout_a_file() -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        for (text, shown) in [
            ("plain — ünïcode\n\tlines", "plain — ünïcode\n\tlines"),
            ("\u{1b}[31mred", "\\x1b[31mred"),
            ("a\rb\u{7}\u{8}\u{7f}", "a\\x0db\\x07\\x08\\x7f"),
            ("\u{9b}31m\u{202e}gpj.exe", "\\u{9b}31m\\u{202e}gpj.exe"),
        ] {
            assert_eq!(printable(text), shown);
        }
    }

    #[test]
    fn a_closed_terminal_is_no_fault_and_a_broken_disk_is() {
        let broken = io::Error::from_raw_os_error(5);
        assert_eq!(is_gone(&broken, false), cfg!(unix));
        assert!(!is_gone(&broken, true));
        assert!(is_gone(&io::ErrorKind::BrokenPipe.into(), false));
        assert!(!is_gone(&io::ErrorKind::StorageFull.into(), false));
    }
}
