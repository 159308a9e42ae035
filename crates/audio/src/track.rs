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
use super::layout::Layout;
use super::notes::Damage;
use super::soundtrack_size::SampleBytes;
use super::spool::{Spooled, is_stream, spool};

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
    /// Name of the codec: `flac`, `pcm_s16le`, `mp3`, `aac`, `alac`, `vorbis`, `opus`; `ffmpeg` where
    /// that decodes the file.
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
    /// What a person should know of the file: what is missing, which track was chosen, who decodes it. Not part of what the
    /// song is; for those found while decoding too, see [`Track::all_notes`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Whether the `ffmpeg` on the PATH decodes the file, since nothing else here can.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uses_ffmpeg: bool,
    /// Where the sound lies, where the packets alone don't tell.
    #[serde(default, skip_serializing_if = "Layout::is_plain")]
    pub layout: Layout,
    /// What couldn't be decoded so far. Empty in a track that was read from a file.
    #[serde(skip)]
    pub damage: Damage,
    /// The song's bytes, where it came through a pipe: `path` names the pipe then.
    #[serde(skip)]
    pub spooled: Option<Spooled>,
    /// How large the song is as a soundtrack, once that was asked for.
    #[serde(skip)]
    pub sample_bytes: SampleBytes,
}

/// Current [`Track::schema_version`].
pub const TRACK_SCHEMA_VERSION: u32 = 1;

/// Highest sample rate of what HE-AAC looks like, in Hz.
const MAX_HALF_RATE_HZ: u32 = 24_000;

impl Track {
    /// Opens a song, hashes it and counts its samples exactly. Reads the file twice from end to end, decodes nothing (save
    /// for FLAC and Vorbis in Matroska) and needs the same small memory for a song of any length.
    ///
    /// Faults that leave sound to be heard are [`Track::notes`]. A file that can't be decoded here is left to the `ffmpeg`
    /// on the PATH, if there is one.
    ///
    /// # Errors
    /// [`Error::Io`] if the file is missing or can't be read; [`Error::Input`] if it is empty, not audio, without samples,
    /// or of a kind that isn't supported.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        match Self::measured(path, false) {
            Ok((track, lacks_sound)) if lacks_sound || track.lacks_treble() => {
                Ok(Self::measured(path, true).map_or(track, |(better, _)| better))
            }
            Ok((track, _)) => Ok(track),
            Err(error @ Error::Input { .. }) if path.is_file() => Self::measured(path, true)
                .map(|(track, _)| track)
                .map_err(|_| error),
            Err(error) => Err(error),
        }
    }

    /// As [`Track::open`], also for a song that comes through a pipe, `-` being the standard input: it is read to its end
    /// first, into a temporary file that is gone with the track and its clones. `is_stopped` is asked meanwhile.
    ///
    /// # Errors
    /// As for [`Track::open`]; [`Error::Interrupted`] once `is_stopped` says so while the pipe is read.
    pub fn open_or_spool(path: impl AsRef<Path>, is_stopped: &dyn Fn() -> bool) -> Result<Self> {
        let path = path.as_ref();
        if !is_stream(path) {
            return Self::open(path);
        }
        let spooled = spool(path, &std::env::temp_dir(), is_stopped)?;
        let track = Self::open(spooled.path()).map_err(|error| renamed(error, &spooled, path))?;
        Ok(Self {
            path: path.to_owned(),
            spooled: Some(spooled),
            ..track
        })
    }

    /// As [`Track::open`], without any other program.
    ///
    /// # Errors
    /// As for [`Track::open`].
    pub fn open_without_ffmpeg(path: impl AsRef<Path>) -> Result<Self> {
        Self::measured(path.as_ref(), false).map(|(track, _)| track)
    }

    /// As [`Track::open_without_ffmpeg`], also of what can't be decoded here: for its packets.
    pub(super) fn open_coded(path: &Path) -> Result<Self> {
        let demuxer = Demuxer::open(path, &Layout::default())?;
        Self::counted(path, demuxer, false).map(|(track, _)| track)
    }

    /// Whether the upper half of the spectrum is coded in a way that the `ffmpeg` on the PATH alone can read: HE-AAC looks like AAC at
    /// half its rate.
    fn lacks_treble(&self) -> bool {
        self.codec == "aac"
            && self.sample_rate_hz <= MAX_HALF_RATE_HZ
            && Demuxer::open_with_ffmpeg(&self.path)
                .is_ok_and(|other| other.stream().sample_rate_hz > self.sample_rate_hz)
    }

    /// Counts the samples; with the track, whether sound was left out that another decoder may read.
    fn measured(path: &Path, uses_ffmpeg: bool) -> Result<(Self, bool)> {
        let demuxer = open_demuxer(path, uses_ffmpeg, &Layout::default())?;
        Self::counted(path, demuxer.decodable()?, uses_ffmpeg)
    }

    fn counted(path: &Path, mut demuxer: Demuxer, uses_ffmpeg: bool) -> Result<(Self, bool)> {
        let mut measured = extent::measure(path, &mut demuxer);
        let layout = Layout::find(path, &demuxer)?;
        if !layout.is_plain() {
            demuxer = open_demuxer(path, uses_ffmpeg, &layout)?;
            measured = extent::measure(path, &mut demuxer);
        }
        let (extent, notes) = measured?;
        let stream = demuxer.stream();
        let track = Self {
            schema_version: TRACK_SCHEMA_VERSION,
            path: path.to_owned(),
            source_sha256: sha256_hex(path)?,
            codec: if uses_ffmpeg {
                "ffmpeg"
            } else {
                stream.codec_name()
            }
            .to_owned(),
            sample_rate_hz: stream.sample_rate_hz,
            n_channels: stream.n_channels as u32,
            skip_samples: extent.skip,
            n_samples: extent.n_samples,
            duration_secs: samples_to_secs(extent.n_samples, stream.sample_rate_hz),
            notes,
            uses_ffmpeg,
            layout,
            damage: Damage::default(),
            spooled: None,
            sample_bytes: SampleBytes::default(),
        };
        Ok((track, demuxer.lacks_sound()))
    }

    /// [`Track::notes`], and the places that decoding has found damaged so far, in this track and its clones.
    pub fn all_notes(&self) -> Vec<String> {
        let damage = self.damage.texts(self.sample_rate_hz);
        self.notes.iter().cloned().chain(damage).collect()
    }

    /// The samples of `range`, half-open and clamped to the track, as blocks of a bounded size. The first block begins with
    /// the range's first sample exactly.
    ///
    /// # Errors
    /// As for [`Track::open`]. The blocks themselves fail with the time of the first sample that is NaN or infinite. Packets
    /// that can't be decoded are silent; [`Track::all_notes`] names them then.
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
        let damage = self.damage.clone();
        Decoding::new(self.path.clone(), self.demuxer()?, extent, range, damage)
    }

    pub(super) fn demuxer(&self) -> Result<Demuxer> {
        open_demuxer(self.file(), self.uses_ffmpeg, &self.layout)
    }

    /// Where the song's bytes lie.
    pub(super) fn file(&self) -> &Path {
        self.spooled.as_ref().map_or(&self.path, Spooled::path)
    }
}

/// The error, about the pipe and not about the temporary file.
fn renamed(mut error: Error, spooled: &Spooled, pipe: &Path) -> Error {
    if let Error::Input { path, .. } | Error::Io { path, .. } = &mut error
        && path == spooled.path()
    {
        *path = pipe.to_owned();
    }
    error
}

fn open_demuxer(path: &Path, uses_ffmpeg: bool, layout: &Layout) -> Result<Demuxer> {
    if uses_ffmpeg {
        Demuxer::open_with_ffmpeg(path)
    } else {
        Demuxer::open(path, layout)
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
