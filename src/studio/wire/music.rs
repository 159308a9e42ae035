//! What is heard, and the film on paper.

use mapping::prompts::MarkKind;
use serde::Serialize;

#[cfg(test)]
use super::edits;

/// What is heard in a song.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Analysis {
    /// Counts up with each change.
    pub revision: u64,
    /// Median tempo in beats per minute; absent where no beat was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tempo_bpm: Option<f64>,
    /// Probability that the tempo is right, 0..=1.
    pub tempo_confidence: f64,
    /// Probability that the beats are right, 0..=1.
    pub beat_confidence: f64,
    /// Beats in a bar.
    pub meter: u32,
    /// Number of the first whole bar; the one before it may be cut.
    pub first_bar: u32,
    /// Of each beat its time and its position in the bar, from 1.
    pub beats: Vec<(f64, u32)>,
    /// Sections without gaps.
    pub sections: Vec<Section>,
    /// The key, such as `A minor`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Integrated loudness in LUFS; absent in silence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness_lufs: Option<f64>,
    /// What was taken from files, and whether it fits what is heard.
    pub notes: Vec<String>,
}

/// A part of the song, end not included.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Section {
    /// Start.
    pub start: f64,
    /// End.
    pub end: f64,
    /// Name; repeated sections share it.
    pub label: String,
    /// Mean loudness, 0..=1 over the song.
    pub energy: f64,
}

/// The film on paper, as a page shows it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Plan {
    /// Counts up with each change.
    pub revision: u64,
    /// Whether pictures were measured for it, so that its pictures are the film's.
    pub is_calibrated: bool,
    /// Frames per second.
    pub frame_rate: f64,
    /// Where in the song the film starts.
    pub start_secs: f64,
    /// Length of the film.
    pub duration_secs: f64,
    /// Number of frames.
    pub n_frames: u64,
    /// Width and height of the film in pixels.
    pub size: [u32; 2],
    /// Hash of the prompts' text that the plan is of, in which its prompts have their lines.
    pub prompts_hash: String,
    /// The prompts in the order of their arrival.
    pub prompts: Vec<PlannedPrompt>,
    /// Seconds between two values of the curves, the first of which is at `start_secs`.
    pub curve_step_secs: f64,
    /// How fast the picture shall change; a perceptual distance per second in a calibrated plan.
    pub speed: Vec<f32>,
    /// Position on the noise path, in seeds.
    pub position: Vec<f32>,
    /// How far hits turn the noise, in radians: the most within each step.
    pub hits: Vec<f32>,
    /// How much closer the camera is; 0 = as drawn, 0.1 = a tenth closer.
    pub zoom: Vec<f32>,
    /// How far the camera is turned, in degrees.
    pub rotate: Vec<f32>,
    /// How far the camera is moved sideways, as a share of the width.
    pub pan: Vec<f32>,
    /// What a person should know before rendering.
    pub notes: Vec<String>,
}

/// A prompt and when it has fully arrived.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct PlannedPrompt {
    /// Its line in the prompts file, from 1; absent where the file is of another program, or where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Its words, without the style.
    pub text: String,
    /// When it is shown alone.
    pub arrival_secs: f64,
    /// What stands in front of it.
    #[cfg_attr(test, ts(as = "edits::Mark"))]
    pub mark: MarkKind,
    /// Its seed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// What it should not show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negative: Option<String>,
    /// Its guidance scale.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guidance: Option<f64>,
}
