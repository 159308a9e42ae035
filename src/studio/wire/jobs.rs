//! Films in the making.

use serde::{Deserialize, Serialize};

use super::Fault;

/// What a job makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum JobKind {
    /// The film.
    Film,
    /// A small film for a first look.
    Preview,
    /// The measures of a finished film.
    Verify,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum JobPhase {
    /// It waits for others.
    Queued,
    /// Song, prompts and model are opened.
    Preparing,
    /// Probe pictures are drawn.
    Calibrating,
    /// Frames are drawn.
    Drawing,
    /// The film is joined with its sound.
    Muxing,
    /// The film is measured.
    Measuring,
    /// It waits for somebody to go on; finished frames are kept.
    Paused,
    /// The result is there.
    Done,
    /// It ended with an error; finished frames are kept.
    Failed,
    /// Somebody ended it; finished frames are kept.
    Cancelled,
}

/// Something that is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Job {
    /// Its number, unique in the folder.
    pub id: u64,
    /// The song's file name.
    pub song: String,
    /// What it makes.
    pub kind: JobKind,
    /// How far it is.
    pub phase: JobPhase,
    /// Frames in all (probe pictures while it calibrates); 0 until it is known.
    pub n_frames: u64,
    /// Frames that are finished or in flight.
    pub n_done: u64,
    /// Speed of drawing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frames_per_second: Option<f64>,
    /// Seconds of work left, of drawing alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secs_left: Option<f64>,
    /// The result's file name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Why it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Fault>,
    /// Time of the newest frame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest_secs: Option<f64>,
    /// What a person should know.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// What a film costs now.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Work {
    /// Revision of the plan that this is about.
    pub plan_revision: u64,
    /// Whether the plan is calibrated; otherwise finished chunks can't be told yet.
    pub is_calibrated: bool,
    /// Chunks of the film.
    pub n_chunks: u64,
    /// Chunks that aren't finished.
    pub n_chunks_to_draw: u64,
    /// Frames of the film.
    pub n_frames: u64,
    /// Frames that aren't finished.
    pub n_frames_to_draw: u64,
    /// Seconds that drawing them takes; absent before the first picture was drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secs: Option<f64>,
    /// Bytes that the disk must hold, about.
    pub bytes: u64,
}
