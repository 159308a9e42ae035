//! Words as they have to be written so that they are read as words.

use std::path::Path;

use common::text_file::Line;

use super::super::directive;
use super::super::lexer::{neg_len, switch};

/// Writes words so that they are read as they are, as a prompt (`is_start`) or behind `--neg`. A few texts can't be written; whoever
/// needs to know reads the line back.
pub(super) fn escaped(words: &str, is_start: bool) -> String {
    let mut written = String::with_capacity(words.len() + 8);
    let mut is_word_start = true;
    let mut rest = words;
    while let Some(c) = rest.chars().next() {
        let is_first = is_start && rest.len() == words.len();
        let is_switch = is_word_start && (neg_len(rest).is_some() || switch(rest).is_some());
        if matches!(c, '{' | '}') || is_switch || (is_first && begins_as_something_else(rest)) {
            written.push('\\');
        }
        written.push(c);
        is_word_start = c.is_whitespace();
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    written
}

/// Whether a prompt would be taken for a mark, a comment, a line for the whole film, or the start of an escape.
fn begins_as_something_else(words: &str) -> bool {
    let line = Line {
        path: Path::new(""),
        number: 1,
        text: words,
    };
    let is_escape = words.strip_prefix('\\').is_some_and(|rest| {
        let is_special = rest.starts_with(['[', '@', '#', '\\', '/', '{', '}']);
        is_special
            || neg_len(rest).is_some()
            || switch(rest).is_some()
            || directive::list_mark(rest).is_some()
            || rest.contains([':', '=', '\u{FF1A}'])
    });
    is_escape
        || words.starts_with(['[', '@', '#'])
        || directive::directive(words).is_some()
        || directive::label(words).is_some()
        || directive::check_near(&line, &(0..words.len())).is_err()
}
