use std::path::PathBuf;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::lines::Place;

/// A place in a text file that can't be understood. Its `Display` shows file, line, column, the line and a caret
/// below it; the hint is left to [`Error::hint`](crate::Error::hint).
#[derive(Clone, Debug, PartialEq)]
pub struct TextError {
    /// The file.
    pub path: PathBuf,
    /// Where in the file; `None` where the file as a whole is at fault.
    pub place: Option<Place>,
    /// What is wrong.
    pub reason: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl TextError {
    /// The same error with what to do next.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl std::error::Error for TextError {}

impl std::fmt::Display for TextError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let path = self.path.display();
        let Some(place) = &self.place else {
            return write!(f, "{path}: {}", self.reason);
        };
        let (line, column) = (place.line, place.column);
        let excerpt = Excerpt::of(place);
        let margin = " ".repeat(line.to_string().len());
        writeln!(f, "{path}:{line}:{column}: {}", self.reason)?;
        writeln!(f, " {line} | {}", excerpt.text)?;
        let indent = " ".repeat(excerpt.caret_column);
        let carets = "^".repeat(excerpt.caret_width);
        write!(f, " {margin} | {indent}{carets}")
    }
}

/// The part of a line around the caret that fits a terminal. Columns are cells of a terminal, in which many East Asian
/// letters and emoji take two.
struct Excerpt {
    text: String,
    caret_column: usize,
    caret_width: usize,
}

impl Excerpt {
    const MAX_BEFORE: usize = 50;
    const MAX_AFTER: usize = 40;

    fn of(place: &Place) -> Self {
        let chars: Vec<char> = place.text.chars().map(printable).collect();
        let start = (place.column - 1).min(chars.len());
        let end = (start + place.n_chars).min(chars.len());
        let (before, rest) = chars.split_at(start);
        let (span, after) = rest.split_at(end - start);
        let (before, cut_before) = fit(before.iter().rev(), Self::MAX_BEFORE);
        let before: String = before.chars().rev().collect();
        let (span, cut_span) = fit(span.iter(), Self::MAX_AFTER);
        let room = Self::MAX_AFTER - span.width().min(Self::MAX_AFTER);
        let (after, cut_after) = if cut_span {
            (String::new(), true)
        } else {
            fit(after.iter(), room)
        };
        let head = if cut_before { "…" } else { "" };
        let tail = if cut_after { "…" } else { "" };
        Self {
            caret_column: head.width() + before.width(),
            caret_width: span.width().max(1),
            text: format!("{head}{before}{span}{after}{tail}"),
        }
    }
}

/// Control characters would move the caret's line away from the text's.
fn printable(c: char) -> char {
    if c == '\t' {
        ' '
    } else if c.is_control() {
        char::REPLACEMENT_CHARACTER
    } else {
        c
    }
}

/// The first characters that fit into `max_cells`, and whether any were left out.
fn fit<'a>(chars: impl Iterator<Item = &'a char>, max_cells: usize) -> (String, bool) {
    let mut text = String::new();
    let mut n_cells = 0;
    for &c in chars {
        n_cells += c.width().unwrap_or(0);
        if n_cells > max_cells {
            return (text, true);
        }
        text.push(c);
    }
    (text, false)
}

/// "did you mean" with the known name that is nearest to `word`, or else all of them.
pub fn suggest(word: &str, known: &[&str]) -> String {
    let word = word.to_lowercase();
    let nearest = known
        .iter()
        .map(|name| {
            (
                strsim::damerau_levenshtein(&word, &name.to_lowercase()),
                name,
            )
        })
        .min_by_key(|(distance, _)| *distance);
    match nearest {
        Some((distance, name)) if distance <= name.chars().count().max(3) / 3 + 1 => {
            format!("did you mean {name}?")
        }
        _ => format!("known: {}", known.join(", ")),
    }
}
