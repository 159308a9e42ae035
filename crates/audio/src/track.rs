use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::{Path, PathBuf};

use common::hex::hex;
use common::units::samples_to_secs;
use common::{Error, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::blocks::{Decoding, SampleBlocks};
use super::demux::Demuxer;
use super::extent::{self, Extent};

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
    /// Decoded samples of each channel in front of time zero: the encoder delay.
    pub skip_samples: u64,
    /// Number of samples of each channel, gapless-trimmed.
    pub n_samples: u64,
    /// `n_samples / sample_rate_hz`, in seconds.
    pub duration_secs: f64,
}

/// Current [`Track::schema_version`].
pub const TRACK_SCHEMA_VERSION: u32 = 1;

impl Track {
    /// Opens a song, hashes it and counts its samples exactly. Reads the file twice from end to end, decodes nothing (save
    /// for FLAC and Vorbis in Matroska) and needs the same small memory for a song of any length.
    ///
    /// # Errors
    /// [`Error::Io`] if the file is missing or can't be read; [`Error::Input`] if it is empty, not audio, truncated (with
    /// the time where it breaks off), without samples, or of a kind that isn't supported.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut demuxer = Demuxer::open(path)?;
        let extent = extent::measure(path, &mut demuxer)?;
        let stream = demuxer.stream();
        Ok(Self {
            schema_version: TRACK_SCHEMA_VERSION,
            path: path.to_owned(),
            source_sha256: sha256_hex(path)?,
            codec: stream.codec_name().to_owned(),
            sample_rate_hz: stream.sample_rate_hz,
            n_channels: stream.n_channels as u32,
            skip_samples: extent.skip,
            n_samples: extent.n_samples,
            duration_secs: samples_to_secs(extent.n_samples, stream.sample_rate_hz),
        })
    }

    /// The samples of `range`, half-open and clamped to the track, as blocks of a bounded size. The first block begins with
    /// the range's first sample exactly.
    ///
    /// # Errors
    /// As for [`Track::open`]. The blocks themselves fail with the time of the first damaged packet or the first sample
    /// that is NaN or infinite.
    pub fn blocks(&self, range: Range<u64>) -> Result<SampleBlocks> {
        Ok(SampleBlocks::new(self.decoding(range)?))
    }

    pub(super) fn decoding(&self, range: Range<u64>) -> Result<Decoding> {
        let end = range.end.min(self.n_samples);
        let range = range.start.min(end)..end;
        let extent = Extent {
            skip: self.skip_samples,
            n_samples: self.n_samples,
        };
        Decoding::new(self.path.clone(), Demuxer::open(&self.path)?, extent, range)
    }
}

fn sha256_hex(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let n_read = file.read(&mut buffer).map_err(Error::io("read", path))?;
        let Some(bytes) = buffer.get(..n_read).filter(|bytes| !bytes.is_empty()) else {
            break;
        };
        hasher.update(bytes);
    }
    Ok(hex(&hasher.finalize()))
}
