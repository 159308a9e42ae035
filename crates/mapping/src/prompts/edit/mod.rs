//! Edits of a prompts file: a text becomes another, which keeps its comments, its order and every line that the edit isn't about.
//!
//! | file | task |
//! |---|---|
//! | `lines.rs` | the text as lines |
//! | `line.rs` | the line of a prompt in its parts |
//! | `escape.rs` | words as they have to be written |
//! | `editor.rs` | what is done to single prompts |
//! | `film.rs` | lines for the whole film |
//! | `convert.rs` | files of other programs as lines of ours |
//! | `places.rs` | marks, and where in the file a prompt belongs |
//! | `pins.rs` | marks that keep their section |
//! | `words.rs` | where in the file words stand |

mod convert;
mod editor;
mod escape;
mod film;
mod line;
mod lines;
mod pins;
mod places;
mod words;

use std::ops::Range;
use std::path::Path;

use analysis::Analysis;
use common::text_file::TextError;
use common::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize};

use super::{Arrive, MarkKind, parser};
use editor::Editor;
pub use film::{FilmLine, FilmLineKind, film_lines};
pub use words::{WordPlace, places_of_words};

/// What decides when prompts arrive.
#[derive(Clone, Debug)]
pub struct Placing<'a> {
    /// The song.
    pub analysis: &'a Analysis,
    /// Where prompts without a mark arrive.
    pub arrive: Arrive,
    /// The part of the song that the prompts are about, in seconds; as for [`Script::arrivals`](super::Script::arrivals).
    pub span: Range<f64>,
}

impl<'a> Placing<'a> {
    /// Prompts for the whole song.
    pub fn whole(analysis: &'a Analysis, arrive: Arrive) -> Self {
        Self {
            analysis,
            arrive,
            span: 0.0..analysis.duration_secs,
        }
    }
}

/// A change of a prompts file. A prompt is named by its line, counted from 1 ([`ScriptPrompt::line`](super::ScriptPrompt::line)); times
/// are seconds of the song.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case", deny_unknown_fields)]
pub enum PromptsEdit {
    /// Adds a prompt where it arrives.
    Add {
        /// When it arrives; behind all others, without a mark, if absent.
        #[serde(default)]
        secs: Option<f64>,
        /// The mark that it gets.
        mark: MarkKind,
        /// Its words.
        text: String,
    },
    /// Gives a prompt other words.
    SetText {
        /// The prompt.
        line: usize,
        /// Its words.
        text: String,
    },
    /// Has a prompt arrive at another time.
    Move {
        /// The prompt.
        line: usize,
        /// When it arrives: exactly with a mark of time, else at the nearest bar or section.
        secs: f64,
        /// The mark that it gets.
        mark: MarkKind,
    },
    /// Adds the same prompt once more.
    Duplicate {
        /// The prompt.
        line: usize,
        /// When the new one arrives.
        secs: f64,
        /// The mark that the new one gets; a time if absent.
        #[serde(default)]
        mark: Option<MarkKind>,
    },
    /// Takes a prompt out; not the last one that is left. Its comments stay.
    Remove {
        /// The prompt.
        line: usize,
    },
    /// Changes what is for a prompt alone. What is absent stays; `null` takes it out.
    Set {
        /// The prompt.
        line: usize,
        /// Seed.
        #[serde(
            default,
            deserialize_with = "given",
            skip_serializing_if = "Option::is_none"
        )]
        seed: Option<Option<u64>>,
        /// What it should not show.
        #[serde(
            default,
            deserialize_with = "given",
            skip_serializing_if = "Option::is_none"
        )]
        negative: Option<Option<String>>,
        /// Guidance scale, 0 to 100.
        #[serde(
            default,
            deserialize_with = "given",
            skip_serializing_if = "Option::is_none"
        )]
        guidance: Option<Option<f64>>,
    },
    /// Sets the words for every prompt.
    Style {
        /// The words; empty = none.
        text: String,
    },
    /// Sets what no picture should show.
    Negative {
        /// The words; empty = none.
        text: String,
    },
    /// Adds a route from sound to picture, changes one, or takes it out.
    Map {
        /// The route's line; a new one if absent.
        #[serde(default)]
        line: Option<usize>,
        /// What stands behind `map:`, such as `zoom = downbeats {gain=2}`; empty takes the line out.
        text: String,
    },
    /// Turns another program's file into lines of ours, with the former text below them as comments.
    Convert,
    /// The whole text.
    Text {
        /// What stands in the file from now on.
        text: String,
    },
}

/// A field that is there, `null` or not.
fn given<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// Applies an edit to the text of the prompts file at `path`, which serves in messages and where its ending tells what it is. An empty
/// text is a file that isn't there yet. Comments stay; those directly above a prompt go with it. Prompts stand in the order in which
/// they arrive. The new text can be read as [`Script::parse`](super::Script::parse) reads it.
///
/// # Errors
/// [`Error::Text`] for a text that can't be read, with the place. [`Error::Input`] for an edit that can't be made: lines without a
/// prompt, times outside of the song or at which another prompt arrives, bars and sections that the song lacks, files of other
/// programs.
pub fn edit_prompts(
    path: &Path,
    text: &str,
    placing: &Placing<'_>,
    edit: &PromptsEdit,
) -> Result<String> {
    let read = |text: &str| {
        let script = parser::parse_open(path, text.as_bytes());
        script.map_err(|error| Error::Text(Box::new(error)))
    };
    if let PromptsEdit::Text { text } = edit {
        parser::parse(path, text.as_bytes()).map_err(|error| Error::Text(Box::new(error)))?;
        return Ok(text.clone());
    }
    let script = read(text)?;
    let refuse = |refusal: Refusal| {
        let error = Error::input(path, refusal.reason);
        match refusal.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    };
    if let PromptsEdit::Convert = edit {
        return convert::converted(path, text, &script).map_err(refuse);
    }
    if let Some(kind) = script.foreign {
        return Err(refuse(Refusal::new(
            format!("this file is read as {kind}, whose prompts can't be edited one by one"),
            "turn it into lines of our own first; the former text stays below them as comments",
        )));
    }
    let mut editor = Editor::new(path, text, script, placing);
    editor.apply(edit).map_err(refuse)?;
    editor.finish().map_err(refuse)
}

/// Why an edit can't be made, and what can be done instead.
#[derive(Debug)]
struct Refusal {
    reason: String,
    hint: Option<String>,
}

impl Refusal {
    fn new(reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            hint: Some(hint.into()),
        }
    }
}

impl From<TextError> for Refusal {
    fn from(error: TextError) -> Self {
        Self {
            reason: error.reason,
            hint: error.hint,
        }
    }
}

#[cfg(test)]
mod film_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tests;
