use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A song: what is known of the file. Its samples stay on disk and are streamed.
///
/// Time zero is the first sample of the music: encoder delay and padding are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// Version of this type's serialised form.
    pub schema_version: u32,
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the whole file, in lowercase hex.
    pub source_sha256: String,
    /// Name of the codec: `flac`, `pcm_s16le`, `mp3`, `aac`, `alac`, `vorbis`, `opus`.
    pub codec: String,
    /// Samples per second of each channel.
    pub sample_rate_hz: u32,
    /// Number of channels, 1 to 8.
    pub n_channels: u32,
    /// Number of samples of each channel, gapless-trimmed.
    pub n_samples: u64,
    /// `n_samples / sample_rate_hz`, in seconds.
    pub duration_secs: f64,
}
