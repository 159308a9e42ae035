//! Stage 5: pictures are encoded in chunks, and the chunks are muxed with the untouched soundtrack.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A finished film.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Video {
    /// Version of this type's serialised form.
    pub schema_version: u32,
    /// The file.
    pub path: PathBuf,
    /// Number of frames.
    pub n_frames: u64,
    /// Length in seconds.
    pub duration_secs: f64,
    /// Codec of the picture.
    pub video_codec: String,
    /// Codec of the sound.
    pub audio_codec: String,
}
