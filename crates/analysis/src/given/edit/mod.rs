//! Edits of the file of corrections: a text becomes another, which keeps its comments, its order and every line that the edit
//! isn't about.
//!
//! | file | task |
//! |---|---|
//! | `sheet.rs` | the text as lines and parts |
//! | `editor.rs` | an edit on that text |
//! | `grid.rs` | beats, and what is done to a single one |
//! | `tempo.rs` | twice and half the tempo, half a beat later, an even tempo |
//! | `bars.rs` | downbeats and meters |
//! | `borders.rs` | sections |
//! | `locks.rs` | locked parts |

mod bars;
mod borders;
mod editor;
mod grid;
mod locks;
mod sheet;
mod tempo;

use std::path::Path;

use common::{Error, Result};
use serde::{Deserialize, Serialize};

use super::super::Analysis;
use super::fix::{self, fix_path};
use editor::Editor;

/// A change of a song's file of corrections. Beats and sections are counted from 0, in the [`Analysis`] that goes by the file; times
/// are seconds of the song.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "edit", rename_all = "snake_case", deny_unknown_fields)]
pub enum BeatsEdit {
    /// Puts a beat at another time, between its neighbours.
    MoveBeat {
        /// The beat.
        index: usize,
        /// Where it belongs.
        secs: f64,
    },
    /// Moves a beat and all behind it, up to the next locked part. What leaves the song is left out.
    MoveFrom {
        /// The first beat that moves.
        index: usize,
        /// By how much; earlier where below 0.
        by_secs: f64,
    },
    /// Twice the tempo: a beat between every two. Bars keep their number of beats, so that there are twice as many.
    Double,
    /// Half the tempo: every other beat. Bars keep their number of beats.
    Halve,
    /// Moves all beats later by half a beat.
    ShiftHalf,
    /// Even beats, as they were tapped. The bars keep their downbeat at the beat nearest to the anchor.
    SetTempo {
        /// Beats per minute, 20 to 400.
        bpm: f64,
        /// Where the even beats begin; at the song's start if absent.
        #[serde(default)]
        from_secs: Option<f64>,
        /// A time at which there is a beat.
        anchor_secs: f64,
    },
    /// Has the beats found anew near a tempo, or in a meter, as the flags `tempo` and `meter` do. Locked parts stay.
    HearAnew {
        /// Beats per minute, 20 to 400; free if absent.
        #[serde(default)]
        bpm: Option<f64>,
        /// A time signature such as `3/4`; free if absent.
        #[serde(default)]
        meter: Option<String>,
    },
    /// Makes a beat a downbeat. Bars are counted on from there, to the next locked part or the next downbeat that breaks the count.
    SetDownbeat {
        /// The beat.
        index: usize,
    },
    /// Bars of so many beats, from the bar that holds a beat to the next locked part.
    SetMeter {
        /// Beats in a bar, 1 to 32.
        beats_per_bar: u32,
        /// A beat in the first of these bars; the whole song if absent.
        #[serde(default)]
        from_index: Option<usize>,
    },
    /// Takes a beat out of its bar.
    DeleteBeat {
        /// The beat.
        index: usize,
    },
    /// Adds a beat to a bar.
    AddBeat {
        /// Where.
        secs: f64,
    },
    /// Keeps the beats of a part from other edits, and from being found anew; or frees them.
    Lock {
        /// Start of the part in seconds.
        start: f64,
        /// Its end in seconds, not included.
        end: f64,
        /// Whether it is locked from now on.
        is_locked: bool,
    },
    /// Moves the start of a section, and with it the end of the one before.
    MoveBorder {
        /// The section that starts there; not the first one.
        index: usize,
        /// Where it starts.
        secs: f64,
    },
    /// Gives a section another name.
    RenameSection {
        /// The section.
        index: usize,
        /// Its name.
        label: String,
    },
    /// Cuts a section in two of its name.
    SplitSection {
        /// Where.
        secs: f64,
    },
    /// Joins a section to the one before, whose name stays.
    JoinSection {
        /// The section; not the first one.
        index: usize,
    },
    /// Takes a part out of the file, so that it is heard anew.
    Forget {
        /// `beats` (with tempo, meter and locked parts) or `sections`.
        part: Part,
    },
    /// The whole text.
    Text {
        /// What stands in the file from now on.
        text: String,
    },
}

/// A part of a file of corrections that can be heard anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Beats, with tempo, meter and locked parts.
    Beats,
    /// Sections.
    Sections,
}

/// Applies an edit to the text of a song's file of corrections; an empty text is a file that isn't there yet. `heard` is the song's
/// analysis by this text. Comments stay, and so does every line that the edit isn't about. The new text can be read as
/// [`analyze`](crate::analyze) reads it.
///
/// # Errors
/// [`Error::Text`] for a text that can't be read, with the place. [`Error::Input`] for an edit that can't be made: beats and sections
/// that don't exist, times outside of the song or beyond a neighbour, locked beats, names that the file can't hold.
pub fn edit_fix(text: &str, heard: &Analysis, edit: &BeatsEdit) -> Result<String> {
    let path = fix_path(&heard.track.path);
    if let BeatsEdit::Text { text } = edit {
        read(&path, text, heard)?;
        return Ok(text.clone());
    }
    let fix = read(&path, text, heard)?;
    let mut editor = Editor::new(text, heard, fix);
    editor.apply(edit).map_err(|refusal| {
        let error = Error::input(&path, refusal.reason);
        match refusal.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    })?;
    let edited = editor.text();
    read(&path, &edited, heard)?;
    Ok(edited)
}

/// Checks the text of a file of corrections at `path`, for a song of `duration_secs`.
///
/// # Errors
/// [`Error::Text`] with the place of what can't be understood.
pub fn check_fix(path: &Path, text: &str, duration_secs: f64) -> Result<()> {
    let parsed = fix::parse(path, text.as_bytes(), duration_secs);
    parsed
        .map(drop)
        .map_err(|error| Error::Text(Box::new(error)))
}

fn read(path: &Path, text: &str, heard: &Analysis) -> Result<fix::Fix> {
    fix::parse(path, text.as_bytes(), heard.duration_secs)
        .map_err(|error| Error::Text(Box::new(error)))
}

/// Why an edit can't be made, and what can be done instead.
#[derive(Debug)]
struct Refusal {
    reason: String,
    hint: Option<&'static str>,
}

fn refuse<T>(reason: impl Into<String>, hint: &'static str) -> Result<T, Refusal> {
    Err(Refusal {
        reason: reason.into(),
        hint: Some(hint),
    })
}

#[cfg(test)]
mod part_tests;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
mod tempo_tests;
#[cfg(test)]
mod tests;
