//! Stage 5: pictures are encoded in chunks, and the chunks are muxed with the untouched soundtrack.

mod attachment;
mod chunk;
mod codec;
mod colour;
mod config;
mod cover;
mod decode;
mod film;
mod h264;
mod hap;
mod latest;
mod mismatch;
mod moov;
mod mux;
mod probe;
mod sample_decoder;
mod sample_table;
mod sound_entry;
mod spool;
mod tags;
#[cfg(test)]
mod testing;
mod y4m;

pub use attachment::attachment;
pub use chunk::{ChunkInfo, ChunkReader, ChunkWriter, Origin, SampleInfo, chunk_id};
pub use codec::CodecHeader;
pub use colour::Yuv420;
pub use config::{EncodeConfig, MAX_QP, MAX_SIDES, MIN_QP, MIN_SIDE};
pub use cover::{Coverage, Found, claim, cover, find, grid_pieces, is_there};
pub use decode::{DecodedFrame, FilmReader};
pub use latest::latest_origin;
pub use mux::{FilmFile, mux};
pub use probe::{AudioStream, Probe, VideoStream, probe};
pub use tags::Tags;
pub use y4m::Y4mWriter;

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
    /// Codec of the sound; absent in a film without sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_codec: Option<String>,
}
