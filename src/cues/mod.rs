//! Beats, bars and sections of a song as files that other programs read.
//!
//! | file | format | read by |
//! |---|---|---|
//! | `csv.rs` | a table | spreadsheets, scripts, programs for live pictures |
//! | `midi.rs` | tempo map and markers | audio workstations |
//! | `rekordbox.rs` | beat grid and cues | rekordbox and programs that import from it |
//! | `edl.rs` | CMX 3600 with markers | DaVinci Resolve |
//! | `fcpxml.rs` | markers on an empty timeline | Final Cut Pro |
//!
//! The label track of Audacity is [`analysis::labels`].

mod csv;
mod edl;
mod fcpxml;
mod midi;
mod rekordbox;
#[cfg(test)]
mod tests;
mod xml;

use std::path::Path;

use analysis::Analysis;
use common::units::FrameRate;
use common::{Error, Result};

/// A format of cues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CueFormat {
    /// A table: time, kind, bar, position in the bar, name.
    Csv,
    /// A label track of Audacity.
    Labels,
    /// A MIDI file with a tempo map, and markers at bars and sections.
    Midi,
    /// A collection of rekordbox with one track.
    Rekordbox,
    /// An edit decision list with markers at bars and sections.
    Edl,
    /// A timeline of Final Cut Pro with markers at bars and sections.
    Fcpxml,
}

impl CueFormat {
    /// The format that a file's ending stands for.
    ///
    /// # Errors
    /// [`Error::Input`] for an ending that stands for none.
    pub fn of(path: &Path) -> Result<Self> {
        let ending = path.extension().unwrap_or_default().to_string_lossy();
        match ending.to_ascii_lowercase().as_str() {
            "csv" => Ok(Self::Csv),
            "txt" => Ok(Self::Labels),
            "mid" | "midi" => Ok(Self::Midi),
            "xml" => Ok(Self::Rekordbox),
            "edl" => Ok(Self::Edl),
            "fcpxml" => Ok(Self::Fcpxml),
            _ => Err(Error::input(path, "has no ending that stands for a format of cues")
                .with_hint(
                    ".csv is a table, .txt a label track of Audacity, .mid MIDI, .xml rekordbox, .edl and .fcpxml are markers \
                     for editors",
                )),
        }
    }

    /// What a song holds, in this format. Formats of editors have their times on the grid of `frame_rate`.
    ///
    /// # Errors
    /// [`Error::Input`] where the format can't hold the song.
    pub fn bytes(self, analysis: &Analysis, frame_rate: FrameRate) -> Result<Vec<u8>> {
        let text = match self {
            Self::Csv => csv::text(analysis),
            Self::Labels => analysis::labels(analysis),
            Self::Midi => return midi::bytes(analysis),
            Self::Rekordbox => rekordbox::text(analysis),
            Self::Edl => edl::text(analysis, frame_rate),
            Self::Fcpxml => fcpxml::text(analysis, frame_rate),
        };
        Ok(text.into_bytes())
    }
}

/// A place to be marked on a timeline.
#[derive(Clone, Debug, PartialEq)]
struct Marker {
    time_secs: f64,
    name: String,
    /// Whether a section starts here.
    is_section: bool,
}

/// Number of the bar in which each beat lies; beats before the first downbeat belong to bar 0.
fn bars(analysis: &Analysis) -> Vec<u32> {
    let mut bar = 0;
    let numbered = analysis.beats.iter().map(|beat| {
        bar += u32::from(beat.position_in_bar == 1);
        bar
    });
    numbered.collect()
}

/// Sections and bars in order of time, sections first.
fn markers(analysis: &Analysis) -> Vec<Marker> {
    let sections = analysis.sections.iter().map(|section| Marker {
        time_secs: section.start_secs,
        name: one_line(&section.label),
        is_section: true,
    });
    let downbeats = analysis.beats.iter().zip(bars(analysis));
    let downbeats = downbeats.filter(|(beat, _)| beat.position_in_bar == 1);
    let bars = downbeats.map(|(beat, bar)| Marker {
        time_secs: beat.time_secs,
        name: format!("bar {bar}"),
        is_section: false,
    });
    let mut markers: Vec<Marker> = sections.chain(bars).collect();
    markers.sort_by(|a, b| a.time_secs.total_cmp(&b.time_secs));
    markers
}

/// A marker on the grid of a timeline's frames.
struct FrameMarker {
    frame: u64,
    name: String,
    is_section: bool,
}

/// Markers on the nearest frame within the song. Editors keep one marker a frame, so those of one frame are one:
/// `chorus (bar 17)`.
fn frame_markers(analysis: &Analysis, frame_rate: FrameRate) -> Vec<FrameMarker> {
    let last = n_frames(analysis, frame_rate) - 1;
    let mut on_frames: Vec<FrameMarker> = Vec::new();
    for marker in markers(analysis) {
        let frame = (marker.time_secs / frame_rate.frame_secs()).round() as u64;
        let frame = frame.min(last);
        match on_frames.last_mut() {
            Some(here) if here.frame == frame => {
                here.name = match marker.is_section && !here.is_section {
                    true => format!("{} ({})", marker.name, here.name),
                    false => format!("{} ({})", here.name, marker.name),
                };
                here.is_section |= marker.is_section;
            }
            _ => on_frames.push(FrameMarker {
                frame,
                name: marker.name,
                is_section: marker.is_section,
            }),
        }
    }
    on_frames
}

/// Frames of a timeline as long as the song; at least one.
fn n_frames(analysis: &Analysis, frame_rate: FrameRate) -> u64 {
    let n_frames = analysis.duration_secs / frame_rate.frame_secs();
    ((n_frames - 1e-6).ceil() as u64).max(1)
}

/// The song's name, without folder and ending.
fn title(analysis: &Analysis) -> String {
    let name = analysis.track.path.file_stem().unwrap_or_default();
    one_line(&name.to_string_lossy())
}

/// A text without line breaks and other control characters.
fn one_line(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    text.trim().to_owned()
}
