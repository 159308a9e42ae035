//! What the user gives instead of what is heard: beats from a file, tempo, meter, and the corrections beside the song.
//!
//! | file | task |
//! |---|---|
//! | `signature.rs` | [`TimeSignature`] |
//! | `beats_file.rs`, `midi.rs` | beats from label tracks, tables, MIDI |
//! | `dj` | beats and cues from collections of DJ programs |
//! | `offset.rs` | how far given beats lie beside what is heard |
//! | `fix` | the file of corrections |
//! | `edit` | edits of that file |
//! | `rhythm.rs` | given beats to a rhythm |

mod beats_file;
mod dj;
mod edit;
mod fix;
mod midi;
mod offset;
mod rhythm;
mod signature;

pub use dj::{CollectionTrack, collection_tracks};
pub use edit::{BeatsEdit, Part, check_fix, edit_fix};
pub use fix::{fix_path, fix_text};
pub(super) use offset::offset_secs;
pub(super) use rhythm::{rhythm, with_locked};
pub use signature::TimeSignature;

use std::ops::Range;
use std::path::Path;

use common::{Error, Result};

use super::{AnalysisConfig, Corrections};

/// Slowest and fastest tempo that a person can give, in beats per minute.
pub(super) const TEMPO_RANGE_BPM: (f64, f64) = (20.0, 400.0);

/// Furthest that given beats can be moved, in seconds.
const MAX_OFFSET_SECS: f64 = 1.0;

/// A beat from a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct GivenBeat {
    pub time_secs: f64,
    /// From 1; worked out where it isn't given.
    pub position_in_bar: Option<u32>,
}

/// A section from a file; it ends where the next one starts.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct GivenSection {
    pub start_secs: f64,
    pub label: String,
}

/// Listed beats, of which those in locked parts stay.
#[derive(Debug)]
pub(super) struct LockedBeats {
    pub beats: Vec<GivenBeat>,
    /// In seconds, half-open, in order.
    pub parts: Vec<Range<f64>>,
}

/// Reads the files of corrections for a song of `duration_secs` without hearing it, as [`analyze`](crate::analyze) does first:
/// for programs that only check them. In the collections of DJ programs the song is sought as `song.wav`.
///
/// # Errors
/// Those of the files, and of `config` where it contradicts itself.
#[doc(hidden)]
pub fn corrections(config: &AnalysisConfig, duration_secs: f64) -> Result<Corrections> {
    Ok(Given::read(config, Path::new("song.wav"), duration_secs)?.corrections)
}

/// All that was given, flags before files.
#[derive(Debug, Default)]
pub(super) struct Given {
    pub beats: Option<Vec<GivenBeat>>,
    pub sections: Option<Vec<GivenSection>>,
    pub tempo_bpm: Option<f64>,
    pub meter: Option<u32>,
    /// Beats that stay where others are found anew.
    pub locked: Option<LockedBeats>,
    /// Where beats and sections come from.
    pub corrections: Corrections,
}

impl Given {
    /// Reads the files that `config` names, for the song at `song` of `duration_secs`.
    ///
    /// Beats of `beats_path` go before those of the corrections. A tempo or a meter, as a setting or in the corrections, has
    /// the beats found anew.
    ///
    /// # Errors
    /// Those of the files; [`Error::Config`] where beats are given twice over, or for a tempo out of range.
    pub fn read(config: &AnalysisConfig, song: &Path, duration_secs: f64) -> Result<Self> {
        let (least, most) = TEMPO_RANGE_BPM;
        if let Some(bpm) = config.tempo_bpm.filter(|bpm| !(least..=most).contains(bpm)) {
            return Err(Error::Config {
                name: "tempo",
                value: bpm.to_string(),
                allowed: format!("give beats per minute from {least} to {most}"),
            });
        }
        let offset_secs = checked_offset(config)?;
        let mut given = Self {
            tempo_bpm: config.tempo_bpm,
            meter: config.meter,
            ..Self::default()
        };
        let is_set = config.tempo_bpm.is_some() || config.meter.is_some();
        if let Some(path) = &config.beats_path {
            if config.tempo_bpm.is_some() {
                return Err(Error::Config {
                    name: "tempo",
                    value: "used with `beats`".to_owned(),
                    allowed: "the beats have a tempo of their own; leave out one of them"
                        .to_owned(),
                });
            }
            let mut file = beats_file::read(path, song, duration_secs)?;
            file.shift(path, offset_secs, duration_secs)?;
            given.corrections.grid_offset_secs = config.grid_offset_secs;
            given.set_beats(file.beats, path);
            if !file.sections.is_empty() {
                given.set_sections(file.sections, path);
            }
        }
        if let Some(path) = &config.fix_path {
            let fix = fix::read(path, duration_secs)?;
            if config.beats_path.is_none() {
                let is_heard_anew = is_set || fix.is_heard_anew();
                if !is_set && is_heard_anew {
                    given.tempo_bpm = fix.tempo_bpm;
                    given.meter = fix.signature.map(TimeSignature::beats_per_bar);
                    given.corrections.tempo = Some(path.to_owned());
                }
                match fix.beats {
                    Some(beats) if !is_heard_anew => given.set_beats(beats, path),
                    Some(beats) if !fix.locked.is_empty() => {
                        given.corrections.beats = Some(path.to_owned());
                        let parts = fix.locked;
                        given.locked = Some(LockedBeats { beats, parts });
                    }
                    _ => {}
                }
            }
            if let (Some(sections), None) = (fix.sections, &given.sections) {
                given.set_sections(sections, path);
            }
        }
        Ok(given)
    }

    fn set_beats(&mut self, beats: Vec<GivenBeat>, path: &Path) {
        self.beats = Some(beats);
        self.corrections.beats = Some(path.to_owned());
    }

    fn set_sections(&mut self, sections: Vec<GivenSection>, path: &Path) {
        if !sections.is_empty() {
            self.sections = Some(sections);
            self.corrections.sections = Some(path.to_owned());
        }
    }
}

/// By how much given beats are moved.
fn checked_offset(config: &AnalysisConfig) -> Result<f64> {
    let Some(offset_secs) = config.grid_offset_secs else {
        return Ok(0.0);
    };
    let refuse = |value: String, allowed: String| {
        Err(Error::Config {
            name: "grid_offset",
            value,
            allowed,
        })
    };
    if config.beats_path.is_none() {
        return refuse(
            "used alone".to_owned(),
            "it moves the beats of a file; give that with `beats FILE`".to_owned(),
        );
    }
    if offset_secs.abs() <= MAX_OFFSET_SECS {
        return Ok(offset_secs);
    }
    refuse(
        format!("{} ms", offset_secs * 1000.0),
        format!(
            "give up to {} ms, later or, with a minus, earlier",
            MAX_OFFSET_SECS * 1000.0
        ),
    )
}
