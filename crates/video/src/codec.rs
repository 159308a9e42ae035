//! Codecs of the picture: one enum through encoder, chunk, film and probe.

use common::Result;
use image::RgbImage;
use serde::{Deserialize, Serialize};
use timeline::VideoCodec;

use super::config::EncodeConfig;
use super::{h264, hap, moov};

/// An encoded frame as the film stores it: a sample of ISO/IEC 14496-12.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) data: Vec<u8>,
    pub(super) is_keyframe: bool,
}

/// What a decoder must know besides the frames; the same for all chunks of a film.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CodecHeader {
    /// Sequence and picture parameter set (ITU-T H.264, 7.3.2), without start codes.
    H264 {
        /// Sequence parameter set.
        sps: Vec<u8>,
        /// Picture parameter set.
        pps: Vec<u8>,
    },
    /// Frames of Hap say all that a decoder needs.
    Hap {
        /// Which of them.
        codec: VideoCodec,
    },
}

impl CodecHeader {
    /// The codec.
    pub fn codec(&self) -> VideoCodec {
        match self {
            Self::H264 { .. } => VideoCodec::H264,
            Self::Hap { codec } => *codec,
        }
    }

    /// The film's description of the samples (`stsd`, ISO/IEC 14496-12, 8.5.2).
    pub(super) fn sample_entry(
        &self,
        config: &EncodeConfig,
    ) -> Result<mp4_atom::Codec, mp4_atom::Error> {
        match self {
            Self::H264 { sps, pps } => moov::avc1(config, sps, pps),
            Self::Hap { codec } => hap::sample_entry(*codec, config.size).ok_or(
                mp4_atom::Error::Unsupported("a header of Hap for another codec"),
            ),
        }
    }
}

/// Encodes the pictures of one chunk.
pub(super) enum Encoder {
    H264(Box<h264::Encoder>),
    Hap(hap::Encoder),
}

impl Encoder {
    /// An encoder whose next picture is frame `first_frame` of the film and a keyframe.
    ///
    /// # Errors
    /// [`Error::Config`](common::Error::Config) for a configuration that the codec can't hold.
    pub(super) fn new(config: &EncodeConfig, first_frame: u64) -> Result<Self> {
        Ok(match hap::texture_of(config.codec) {
            Some(texture) => Self::Hap(hap::Encoder::new(config, texture)?),
            None => Self::H264(Box::new(h264::Encoder::new(config, first_frame)?)),
        })
    }

    /// Encodes the next picture.
    ///
    /// # Errors
    /// [`Error::Video`](common::Error::Video) for a picture of another size, or when the encoder fails.
    pub(super) fn encode(&mut self, picture: &RgbImage) -> Result<Sample> {
        match self {
            Self::H264(encoder) => encoder.encode(picture),
            Self::Hap(encoder) => encoder.encode(picture),
        }
    }

    /// Known once a picture has been encoded.
    pub(super) fn header(&self) -> Option<CodecHeader> {
        match self {
            Self::H264(encoder) => encoder.header(),
            Self::Hap(encoder) => Some(encoder.header()),
        }
    }
}

/// Names a codec's encoder and its fixed settings; part of every chunk's id.
pub(super) fn encoder_name(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => h264::ENCODER,
        VideoCodec::Hap | VideoCodec::HapAlpha | VideoCodec::HapQ => hap::ENCODER,
    }
}
