//! Where in a prompts file words stand.

use std::ops::Range;
use std::path::Path;

use common::text_file::Line;
use serde::{Deserialize, Serialize};

use super::super::directive::{Directive, directive};
use super::super::parser;
use super::super::text::clean;
use super::line::Parts;

/// A place of a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordPlace {
    /// Which of the words, from 0.
    pub word: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its first character on that line, from 1; invisible characters aren't counted.
    pub column: usize,
    /// Its length in characters.
    pub n_chars: usize,
}

/// Where words, in lower case, stand among those that a prompts file has drawn: in prompts and style, not in marks, settings and
/// negative prompts. For a text that can't be read, none.
pub fn places_of_words(path: &Path, text: &str, words: &[String]) -> Vec<WordPlace> {
    let Ok(script) = parser::parse_open(path, text.as_bytes()) else {
        return Vec::new();
    };
    let text = clean(text);
    let lines = text.split('\n').zip(1..);
    let mut places = Vec::new();
    for (text, number) in lines {
        let line = Line { path, number, text };
        let Some(span) = drawn(&line, script.foreign.is_some()) else {
            continue;
        };
        for at in words_of(text, span) {
            let found = text.get(at.clone()).unwrap_or_default().to_lowercase();
            if let Some(word) = words.iter().position(|word| *word == found) {
                let place = line.place(at);
                places.push(WordPlace {
                    word,
                    line: number,
                    column: place.column,
                    n_chars: place.n_chars,
                });
            }
        }
    }
    places
}

/// The part of a line that is drawn. Of other programs' lines, all of it.
fn drawn(line: &Line<'_>, is_foreign: bool) -> Option<Range<usize>> {
    let text = line.text.trim_start();
    let start = line.text.len() - text.len();
    if text.is_empty() || text.starts_with('#') {
        return None;
    }
    match directive(text) {
        Some((Directive::Style, length)) => {
            let rest = Line {
                text: text.get(length..)?,
                ..*line
            };
            let words = Parts::of_words(&rest).ok()?.words;
            Some(words.start + start + length..words.end + start + length)
        }
        Some(_) => None,
        None if is_foreign => Some(start..line.text.len()),
        None => Parts::of(line).ok().map(|parts| parts.words),
    }
}

/// Words in a range of bytes: letters, digits and apostrophes, as vocabularies count them.
fn words_of(text: &str, span: Range<usize>) -> Vec<Range<usize>> {
    let part = text.get(span.clone()).unwrap_or_default();
    let mut words = Vec::new();
    let mut at = span.start;
    for word in part.split_inclusive(|c: char| !c.is_alphanumeric() && c != '\'') {
        let body = word.trim_end_matches(|c: char| !c.is_alphanumeric());
        let head = body.len() - body.trim_start_matches('\'').len();
        if body.len() > head {
            words.push(at + head..at + body.len());
        }
        at += word.len();
    }
    words
}
