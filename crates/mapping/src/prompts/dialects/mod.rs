//! Files of other programs: subtitles, lyrics, A1111's text, Deforum's prompts, tables. Each file here reads one kind.
//!
//! A kind is recognised by its content; only where that isn't clear does the file's ending decide. No file that is written in
//! our own grammar is taken for another's: what a dialect is recognised by is an error there, or nothing that a prompt begins
//! with. Lines of ours that hold for the whole film (`style:`, `map:`, `--neg`) may stand in each of them.

mod a1111;
mod csv;
mod deforum;
mod json;
mod lrc;
mod srt;
mod timed_lines;

use std::ops::Range;
use std::path::Path;

use common::text_file::{Line, Place, TextError};

use super::MAX_PROMPTS;
use super::directive::{Directive, directive};
use super::lexer::neg_len;

/// A file, before it is known what it is.
pub(super) struct Source<'a> {
    pub path: &'a Path,
    /// All lines but ours, comments included.
    pub lines: Vec<Line<'a>>,
    /// Lines in our grammar that hold for the whole film.
    pub ours: Vec<Line<'a>>,
    /// The whole text, with blanks in the place of lines of ours and of comments.
    pub text: String,
    all: &'a [Line<'a>],
    /// Where each line begins, in bytes.
    starts: Vec<usize>,
}

/// What another program's file says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Reading {
    /// What the file was taken for.
    pub kind: &'static str,
    /// Its prompts, in the order in which they are shown.
    pub entries: Vec<Entry>,
    /// Words for all prompts.
    pub style: String,
    /// What no picture should show.
    pub negative: String,
    /// What a person should know of how it was read.
    pub notes: Vec<String>,
}

/// A prompt of another program's file.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Entry {
    /// Where it stands.
    pub place: Place,
    /// When it arrives, in seconds of the song; `None` = anywhere.
    pub secs: Option<f64>,
    /// Its words, in which `--neg` and settings in braces have the meaning that they have with us.
    pub text: String,
    /// What it should not show.
    pub negative: String,
    pub seed: Option<u64>,
    pub guidance_scale: Option<f64>,
}

type Read = fn(&Source<'_>) -> Option<Result<Reading, TextError>>;

/// Reads a file of another program; `None` for one in our own grammar.
pub(super) fn read(source: &Source<'_>) -> Option<Result<Reading, TextError>> {
    let dialects: [Read; 6] = [
        srt::read,
        deforum::read,
        lrc::read,
        a1111::read,
        csv::read,
        timed_lines::read,
    ];
    dialects.iter().find_map(|read| read(source))
}

impl<'a> Source<'a> {
    /// `text` is what `lines` was made of.
    pub fn new(path: &'a Path, text: &str, lines: &'a [Line<'a>]) -> Self {
        let mut source = Self {
            path,
            lines: Vec::new(),
            ours: Vec::new(),
            text: String::with_capacity(text.len()),
            all: lines,
            starts: Vec::with_capacity(lines.len()),
        };
        for line in lines {
            if line.number > 1 {
                source.text.push('\n');
            }
            source.starts.push(source.text.len());
            let is_ours = is_ours(line.text.trim());
            if is_ours {
                source.ours.push(*line);
            } else {
                source.lines.push(*line);
            }
            if is_ours || is_comment(line) {
                source.text.push_str(&" ".repeat(line.text.len()));
            } else {
                source.text.push_str(line.text);
            }
        }
        source
    }

    /// The lines that are neither blank nor a comment.
    pub fn rows(&self) -> impl Iterator<Item = &Line<'a>> {
        let lines = self.lines.iter();
        lines.filter(|line| !line.text.trim().is_empty() && !is_comment(line))
    }

    /// Refuses more entries than a file may have, before they take much memory.
    pub fn check_count(&self, entries: &[Entry]) -> Result<(), TextError> {
        match entries.get(MAX_PROMPTS) {
            None => Ok(()),
            Some(entry) => Err(TextError {
                path: self.path.to_owned(),
                place: Some(entry.place.clone()),
                reason: format!("there are more than {MAX_PROMPTS} prompts"),
                hint: Some("leave out some".to_owned()),
            }),
        }
    }

    /// Whether the file's name ends so.
    pub fn ends_in(&self, endings: &[&str]) -> bool {
        let ending = self.path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| {
            endings
                .iter()
                .any(|known| ending.eq_ignore_ascii_case(known))
        })
    }

    /// A range of bytes of the text as a place; what lies on further lines is left out.
    pub fn place(&self, span: Range<usize>) -> Place {
        let idx = self.starts.partition_point(|start| *start <= span.start);
        let idx = idx.saturating_sub(1);
        match (self.all.get(idx), self.starts.get(idx)) {
            (Some(line), Some(start)) => {
                let end = |at: usize| at.saturating_sub(*start).min(line.text.len());
                line.place(end(span.start)..end(span.end))
            }
            _ => Place::default(),
        }
    }

    /// An error at a range of bytes of the text.
    pub fn error(&self, span: Range<usize>, reason: impl Into<String>, hint: &str) -> TextError {
        TextError {
            path: self.path.to_owned(),
            place: Some(self.place(span)),
            reason: reason.into(),
            hint: Some(hint.to_owned()),
        }
    }
}

fn is_ours(text: &str) -> bool {
    let is_for_all = matches!(
        directive(text),
        Some((Directive::Style | Directive::Map, _))
    );
    is_for_all || neg_len(text).is_some()
}

fn is_comment(line: &Line<'_>) -> bool {
    line.text.trim_start().starts_with('#')
}

/// The place of a whole line, blanks at its ends left out.
fn whole(line: &Line<'_>) -> Place {
    let text = line.text;
    let start = text.len() - text.trim_start().len();
    line.place(start..start + text.trim().len())
}

/// Entries in the order of their times, those at one time as one, with the number of entries that were joined to others.
fn in_order(mut entries: Vec<Entry>) -> (Vec<Entry>, usize) {
    let secs = |entry: &Entry| entry.secs.unwrap_or_default();
    entries.sort_by(|a, b| secs(a).total_cmp(&secs(b)));
    let n = entries.len();
    let mut ordered: Vec<Entry> = Vec::with_capacity(n);
    for entry in entries {
        match ordered.last_mut() {
            Some(last) if secs(last) == secs(&entry) => {
                last.text += ", ";
                last.text += &entry.text;
            }
            _ => ordered.push(entry),
        }
    }
    let n_joined = n - ordered.len();
    (ordered, n_joined)
}

/// What a person should know of entries that didn't become prompts of their own.
fn notes_on_entries(n_joined: usize, n_empty: usize) -> Vec<String> {
    let mut notes = Vec::new();
    if n_joined > 0 {
        notes.push("lines at one time are one prompt".to_owned());
    }
    if n_empty > 0 {
        notes.push("times without words are left out: the prompt before stays".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests;
