//! Coded packets of a song file, each with its place on the timeline of decoded samples.
//!
//! Two timelines are in use. On the *decoded* timeline, sample 0 is the first one that a decoder puts out, encoder delay
//! and all. On the *track's* timeline, sample 0 is the first one of the music; the two differ by
//! [`Extent::skip`](super::extent::Extent). Trimming is done here and never left to a decoder, so that the same numbers
//! serve decoding and the film's edit list.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use common::{Error, Result};
use symphonia::core::codecs::audio::well_known as codec_ids;
use symphonia::core::errors::Error as SymphoniaError;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::well_known as format_ids;
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::core::packet::Packet;

use super::decode::PacketDecoder;
use super::stream::{Codec, Container, Stream, damaged, truncated};
use super::{mpeg, opus};

/// Sample rates that are accepted, in Hz.
const SAMPLE_RATES_HZ: std::ops::RangeInclusive<u32> = 1_000..=768_000;
/// Most channels that are accepted.
const MAX_CHANNELS: usize = 8;

const CONVERT_HINT: &str = "convert it to FLAC or WAV first, for example: ffmpeg -i SONG song.flac";

/// A coded packet.
pub(super) struct CodedPacket {
    pub packet: Packet,
    /// First sample on the decoded timeline.
    pub start: u64,
    /// Decoded length in samples.
    pub n_samples: u32,
}

impl CodedPacket {
    pub fn end(&self) -> u64 {
        self.start + u64::from(self.n_samples)
    }
}

/// Reads the packets of a file's first audio track from the start.
pub(super) struct Demuxer {
    path: PathBuf,
    reader: Box<dyn FormatReader>,
    stream: Stream,
    /// Decodes to count, where neither packets nor timestamps tell their length in samples (FLAC or Vorbis in Matroska).
    counter: Option<PacketDecoder>,
    position: u64,
}

impl Demuxer {
    /// Opens the file and reads its headers.
    ///
    /// # Errors
    /// [`Error::Io`] if the file can't be read, [`Error::Input`] if it holds no sound that can be decoded.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io("read", path))?;
        let metadata = file.metadata().map_err(Error::io("read", path))?;
        if metadata.is_dir() {
            return Err(Error::input(path, "is a folder, not a song"));
        }
        if metadata.len() == 0 {
            return Err(Error::input(path, "is empty (0 bytes)")
                .with_hint("the download or copy may have failed; fetch the file again"));
        }
        let reader = reader_of(path, file)?;
        let stream = stream_of(path, reader.as_ref())?;
        let counter = if stream.length_of_packets_is_known() {
            None
        } else {
            Some(PacketDecoder::new(path, &stream)?)
        };
        Ok(Self {
            path: path.to_owned(),
            reader,
            stream,
            counter,
            position: 0,
        })
    }

    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// End of the last packet on the decoded timeline.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next packet; `None` at the end.
    ///
    /// # Errors
    /// [`Error::Input`] with the time at which the file breaks off or is damaged, [`Error::Io`] if it can't be read.
    pub fn next_packet(&mut self) -> Result<Option<CodedPacket>> {
        loop {
            let packet = match self.reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(None),
                Err(error) if self.may_end_here(&error) => return Ok(None),
                Err(error) => return Err(self.broken(&error)),
            };
            if packet.track_id != self.stream.track_id {
                continue;
            }
            let n_samples = self.decoded_length(&packet)?;
            let start = self.position;
            self.position += u64::from(n_samples);
            return Ok(Some(CodedPacket {
                packet,
                start,
                n_samples,
            }));
        }
    }

    /// An error about what stands at the current position.
    pub fn damaged(&self, why: &str) -> Error {
        damaged(&self.path, &self.stream, self.position, why)
    }

    /// An error about a file that ends too early.
    pub fn truncated(&self) -> Error {
        truncated(&self.path, &self.stream, self.position)
    }

    fn decoded_length(&mut self, packet: &Packet) -> Result<u32> {
        let stated = packet.dur.get() + packet.trim_start.get() + packet.trim_end.get();
        let length = match (self.stream.codec, &mut self.counter) {
            (Codec::MpegLayer12 | Codec::Mp3, _) => mpeg::frame_samples(&packet.data),
            (Codec::Aac, _) => Some(1024),
            (Codec::Opus, _) => opus::packet_samples(&packet.data),
            (_, Some(counter)) => counter
                .decode(packet)
                .ok()
                .and_then(|n_samples| u32::try_from(n_samples).ok()),
            _ => u32::try_from(stated).ok(),
        };
        length.ok_or_else(|| self.damaged("the packet is malformed"))
    }

    /// Whether the file's end is the end of the sound, since no length was stated.
    fn may_end_here(&self, error: &SymphoniaError) -> bool {
        let is_end = matches!(error, SymphoniaError::IoError(source) if source.kind() == ErrorKind::UnexpectedEof);
        is_end && self.stream.is_open_ended()
    }

    fn broken(&self, error: &SymphoniaError) -> Error {
        match error {
            SymphoniaError::IoError(source) if source.kind() == ErrorKind::UnexpectedEof => {
                self.truncated()
            }
            SymphoniaError::IoError(source) => Error::io("read", &self.path)(std::io::Error::new(
                source.kind(),
                source.to_string(),
            )),
            SymphoniaError::ResetRequired => self
                .damaged("another stream is chained on")
                .with_hint(CONVERT_HINT),
            other => self.damaged(&other.to_string()),
        }
    }
}

fn reader_of(path: &Path, file: File) -> Result<Box<dyn FormatReader>> {
    let mut hint = Hint::new();
    if let Some(extension) = path.extension().and_then(|text| text.to_str()) {
        hint.with_extension(extension);
    }
    let source = MediaSourceStream::new(Box::new(file), Default::default());
    symphonia::default::get_probe()
        .probe(&hint, source, Default::default(), Default::default())
        .map_err(|error| unreadable(path, &error))
}

/// A track's first packet, read apart from everything else.
fn first_packet(path: &Path, track_id: u32) -> Result<Option<Packet>> {
    let file = File::open(path).map_err(Error::io("read", path))?;
    let mut reader = reader_of(path, file)?;
    while let Ok(Some(packet)) = reader.next_packet() {
        if packet.track_id == track_id {
            return Ok(Some(packet));
        }
    }
    Ok(None)
}

/// What the headers say.
fn stream_of(path: &Path, reader: &dyn FormatReader) -> Result<Stream> {
    let Some(track) = reader
        .default_track(TrackType::Audio)
        .or_else(|| reader.first_track(TrackType::Audio))
    else {
        return Err(Error::input(path, "has no audio track").with_hint(CONVERT_HINT));
    };
    let mut params = track
        .codec_params
        .as_ref()
        .and_then(|params| params.audio())
        .cloned()
        .unwrap_or_default();
    let codec = match params.codec {
        codec_ids::CODEC_ID_FLAC => Codec::Flac,
        codec_ids::CODEC_ID_MP1 | codec_ids::CODEC_ID_MP2 => Codec::MpegLayer12,
        codec_ids::CODEC_ID_MP3 => Codec::Mp3,
        codec_ids::CODEC_ID_AAC => Codec::Aac,
        codec_ids::CODEC_ID_OPUS => Codec::Opus,
        codec_ids::CODEC_ID_VORBIS => Codec::Vorbis,
        _ => Codec::Other,
    };
    let container = match reader.format_info().format {
        format_ids::FORMAT_ID_ISOMP4 => Container::Mp4,
        format_ids::FORMAT_ID_OGG => Container::Ogg,
        format_ids::FORMAT_ID_CAF => Container::Caf,
        format_ids::FORMAT_ID_WAVE => Container::Wave,
        format_ids::FORMAT_ID_MKV => Container::Matroska,
        format_ids::FORMAT_ID_MP1 | format_ids::FORMAT_ID_MP2 | format_ids::FORMAT_ID_MP3 => {
            Container::Mpeg
        }
        format_ids::FORMAT_ID_ADTS => Container::Adts,
        _ => Container::Other,
    };
    if codec == Codec::Opus {
        params.with_sample_rate(opus::OPUS_RATE_HZ);
    }
    if (codec, container) == (Codec::Mp3, Container::Mp4)
        && let Some(packet) = first_packet(path, track.id)?
    {
        // A frame that tells nothing leaves the parameters incomplete, which is refused below.
        let _ = mpeg::describe(&mut params, &packet.data);
    }
    let known = PacketDecoder::describe(path, codec, &params)?;
    let sample_rate_hz = known.sample_rate_hz;
    if !SAMPLE_RATES_HZ.contains(&sample_rate_hz) {
        let (low, high) = (SAMPLE_RATES_HZ.start(), SAMPLE_RATES_HZ.end());
        let reason =
            format!("has a sample rate of {sample_rate_hz} Hz; {low} to {high} Hz are supported");
        return Err(Error::input(path, reason).with_hint(CONVERT_HINT));
    }
    if !(1..=MAX_CHANNELS).contains(&known.n_channels) {
        let reason = format!(
            "has {} channels; 1 to {MAX_CHANNELS} are supported",
            known.n_channels
        );
        return Err(Error::input(path, reason).with_hint(CONVERT_HINT));
    }
    if codec == Codec::Vorbis && known.n_channels > 2 {
        // symphonia 0.6.1 mixes the channels up, whatever their number.
        let reason = format!(
            "is Vorbis with {} channels; mono and stereo are supported",
            known.n_channels
        );
        return Err(Error::input(path, reason).with_hint(CONVERT_HINT));
    }
    let ticks_are_samples = track
        .time_base
        .is_some_and(|base| base.numer.get() == 1 && base.denom.get() == sample_rate_hz);
    Ok(Stream {
        codec,
        container,
        track_id: track.id,
        sample_rate_hz,
        n_channels: known.n_channels,
        stated_samples: track.num_frames,
        delay: track.delay,
        padding: track.padding,
        params,
        ticks_are_samples,
    })
}

fn unreadable(path: &Path, error: &SymphoniaError) -> Error {
    let formats = "WAV, AIFF, FLAC, MP3, AAC, ALAC, Ogg Vorbis and Opus can be read";
    match error {
        SymphoniaError::IoError(source) if source.kind() != ErrorKind::UnexpectedEof => {
            Error::io("read", path)(std::io::Error::new(source.kind(), source.to_string()))
        }
        SymphoniaError::IoError(_) => {
            Error::input(path, "is not audio, or it is truncated within its header")
                .with_hint(formats)
        }
        other => Error::input(path, format!("is not audio that can be read ({other})"))
            .with_hint(formats),
    }
}
