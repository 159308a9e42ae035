//! What a person reads: lines on stderr.
//!
//! A terminal that is gone or a pipe that was closed ends no run, so failed writes are passed over here. Texts hold words of
//! others (file names, prompts, tags of films): characters that a terminal would obey are shown, never sent.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;

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
}
