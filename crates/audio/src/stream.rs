//! A song's audio stream, as its headers describe it.

use std::path::Path;

use common::Error;
use common::units::{format_secs, samples_to_secs};
use symphonia::core::codecs::audio::well_known as codec_ids;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters};

/// Codecs that this crate treats in a way of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Codec {
    Flac,
    /// MPEG-1/2 layers I and II.
    MpegLayer12,
    Mp3,
    Aac,
    Opus,
    Vorbis,
    /// Everything that symphonia decodes besides: PCM, ALAC, ADPCM.
    Other,
}

/// Containers that this crate treats in a way of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Container {
    /// MP4, M4A, MOV: has edit lists.
    Mp4,
    /// Ends with a marked page, whose granule position says where the sound ends.
    Ogg,
    /// Matroska and WebM.
    Matroska,
    /// States the length of its last packet wrongly.
    Caf,
    /// May have been written to a pipe, without its length.
    Wave,
    /// MPEG audio frames, maybe after a Xing or LAME header.
    Mpeg,
    /// AAC frames without any count.
    Adts,
    /// Plain samples behind a header that this crate reads itself.
    Plain,
    Other,
}

/// What a file's headers say about its first audio track.
pub(super) struct Stream {
    pub codec: Codec,
    pub container: Container,
    pub params: AudioCodecParameters,
    pub track_id: u32,
    pub sample_rate_hz: u32,
    pub n_channels: usize,
    /// Sample count as the header states it. Exact in WAV, AIFF and FLAC; elsewhere see [`super::extent`].
    pub stated_samples: Option<u64>,
    /// Encoder delay and padding as the header states them, in samples.
    pub delay: Option<u32>,
    pub padding: Option<u32>,
    /// Whether timestamps count samples.
    pub ticks_are_samples: bool,
    /// Decoded samples in front of the music, as far as headers tell, for the times that people read.
    pub heard_from: u64,
    /// Length of a tick in seconds, as a fraction.
    pub tick_secs: (u32, u32),
    /// Bits of plain samples that carry sound, the upper ones.
    pub valid_bits: Option<u32>,
    /// Why the packets can't be decoded here, though they can be counted and copied.
    pub undecodable: Option<Error>,
}

impl Stream {
    /// The codec's name, such as `pcm_s16le`.
    pub fn codec_name(&self) -> &'static str {
        codec_name(self.params.codec)
    }

    /// Whether packets or their timestamps tell their length in samples.
    pub fn length_of_packets_is_known(&self) -> bool {
        match self.codec {
            Codec::MpegLayer12 | Codec::Mp3 | Codec::Aac | Codec::Opus => true,
            Codec::Flac | Codec::Vorbis | Codec::Other => {
                let is_stated = self.container != Container::Caf && !self.is_open_ended();
                is_stated && self.ticks_are_samples
            }
        }
    }

    /// A timestamp in samples.
    pub fn samples_of_ticks(&self, ticks: i64) -> i64 {
        let (numer, denom) = self.tick_secs;
        let scaled = i128::from(ticks) * i128::from(numer) * i128::from(self.sample_rate_hz);
        i64::try_from(scaled / i128::from(denom.max(1))).unwrap_or(i64::MAX)
    }

    /// symphonia estimates what bare frames leave open.
    pub fn length_is_estimated(&self) -> bool {
        match self.container {
            Container::Adts => true,
            Container::Mpeg => self.delay.is_none(),
            _ => false,
        }
    }

    pub fn is_open_ended(&self) -> bool {
        self.container == Container::Wave && self.stated_samples.is_none()
    }
}

/// The codec's name, such as `pcm_s16le`.
pub(super) fn codec_name(id: AudioCodecId) -> &'static str {
    if id == codec_ids::CODEC_ID_OPUS {
        return "opus";
    }
    symphonia::default::get_codecs()
        .get_audio_decoder(id)
        .map_or("unknown", |decoder| decoder.codec.info.short_name)
}

/// A place on the decoded timeline, as a person reads it.
pub(super) fn place(stream: &Stream, position: u64) -> String {
    let heard = position.saturating_sub(stream.heard_from);
    format_secs(samples_to_secs(heard, stream.sample_rate_hz), 3)
}

/// What is said of a file that ends before what its header states.
pub(super) fn breaks_off(stream: &Stream, position: u64) -> String {
    match stream.stated_samples {
        Some(stated) if stated > 0 && !stream.length_is_estimated() => format!(
            "the sound breaks off at {} of {}",
            place(stream, position),
            format_secs(samples_to_secs(stated, stream.sample_rate_hz), 3)
        ),
        _ => format!("the sound breaks off at {}", place(stream, position)),
    }
}

/// An error about a file that doesn't hold what was counted before.
pub(super) fn changed(path: &Path) -> Error {
    Error::input(path, "ends before the samples that were counted in it")
        .with_hint("the file was changed while it was read; run the command again")
}
