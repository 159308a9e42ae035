//! Decoding of single packets, by symphonia or, for Opus, by ropus.

use std::path::Path;

use common::{Error, Result};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::Packet;

use super::opus::{OPUS_RATE_HZ, OpusHead, OpusPackets};
use super::stream::{Codec, Stream, codec_name};

/// Decodes packets one after another.
pub(super) struct PacketDecoder(Inner);

enum Inner {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(Box<OpusPackets>),
}

/// What only a decoder's set-up tells for some codecs.
pub(super) struct Described {
    pub sample_rate_hz: u32,
    pub n_channels: usize,
}

impl PacketDecoder {
    /// A decoder for the stream.
    ///
    /// # Errors
    /// [`Error::Input`] for a codec, or a profile of one, that can't be decoded.
    pub fn new(path: &Path, stream: &Stream) -> Result<Self> {
        Self::of_codec(path, stream.codec, &stream.params)
    }

    fn of_codec(path: &Path, codec: Codec, params: &AudioCodecParameters) -> Result<Self> {
        let refused = |why: String| {
            let reason = format!("can't be decoded: {} ({why})", codec_name(params.codec));
            Error::input(path, reason)
                .with_hint("convert it first, for example: ffmpeg -i SONG song.flac")
        };
        if codec == Codec::Opus {
            let head = opus_head(params).ok_or_else(|| refused("malformed header".into()))?;
            let decoder = OpusPackets::new(&head).map_err(refused)?;
            return Ok(Self(Inner::Opus(Box::new(decoder))));
        }
        // Trimming is ours, see `demux`.
        let options = AudioDecoderOptions::default().gapless(false);
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(params, &options)
            .map_err(|error| refused(error.to_string()))?;
        Ok(Self(Inner::Symphonia(decoder)))
    }

    /// Sample rate and channels of a codec's output.
    ///
    /// # Errors
    /// As for [`Self::new`], and when neither the header nor the codec tells them.
    pub fn describe(path: &Path, codec: Codec, params: &AudioCodecParameters) -> Result<Described> {
        let known = match Self::of_codec(path, codec, params)?.0 {
            Inner::Opus(_) => {
                opus_head(params).map(|head| (OPUS_RATE_HZ, usize::from(head.n_channels)))
            }
            Inner::Symphonia(decoder) => {
                let params = decoder.codec_params();
                params
                    .sample_rate
                    .zip(params.channels.as_ref().map(|channels| channels.count()))
            }
        };
        let (sample_rate_hz, n_channels) = known.ok_or_else(|| {
            Error::input(path, "doesn't state its sample rate and number of channels")
                .with_hint("convert it first, for example: ffmpeg -i SONG song.flac")
        })?;
        Ok(Described {
            sample_rate_hz,
            n_channels,
        })
    }

    /// Decodes a packet and returns its length in samples.
    ///
    /// # Errors
    /// What is wrong with the packet, in words.
    pub fn decode(&mut self, packet: &Packet) -> Result<usize, String> {
        match &mut self.0 {
            Inner::Symphonia(decoder) => decoder
                .decode(packet)
                .map(|buffer| buffer.frames())
                .map_err(|error| error.to_string()),
            Inner::Opus(decoder) => decoder.decode(&packet.data),
        }
    }

    /// The last packet's samples, interleaved, full scale at -1..=1.
    pub fn copy_f32(&self, samples: &mut Vec<f32>) {
        match &self.0 {
            Inner::Symphonia(decoder) => decoder.last_decoded().copy_to_vec_interleaved(samples),
            Inner::Opus(decoder) => {
                samples.clear();
                samples.extend(decoder.samples());
            }
        }
    }

    /// The last packet's samples, interleaved, full scale at the range of i32. Exact for codecs of whole numbers.
    pub fn copy_i32(&self, samples: &mut Vec<i32>) {
        match &self.0 {
            Inner::Symphonia(decoder) => decoder.last_decoded().copy_to_vec_interleaved(samples),
            Inner::Opus(decoder) => {
                samples.clear();
                samples.extend(
                    decoder
                        .samples()
                        .map(|sample| (sample * 2f32.powi(31)) as i32),
                );
            }
        }
    }

    /// Number of channels of the last packet.
    pub fn last_n_channels(&self) -> Option<usize> {
        match &self.0 {
            Inner::Symphonia(decoder) => Some(decoder.last_decoded().num_planes()),
            Inner::Opus(_) => None,
        }
    }
}

pub(super) fn opus_head(params: &AudioCodecParameters) -> Option<OpusHead> {
    OpusHead::parse(params.extra_data.as_deref()?)
}
