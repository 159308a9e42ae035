//! Decoding of single packets, by symphonia or, for Opus, by ropus; Microsoft's ADPCM is decoded here.

use std::path::Path;

use common::{Error, Result};
use symphonia::core::codecs::audio::{AudioCodecParameters, AudioDecoder, AudioDecoderOptions};
use symphonia::core::packet::Packet;

use super::container::undecodable;
use super::guard;
use super::ms_adpcm::MsAdpcm;
use super::opus::{OPUS_RATE_HZ, OpusHead, OpusPackets};
use super::stream::{Codec, Stream};

/// Decodes packets one after another.
pub(super) struct PacketDecoder {
    inner: Inner,
    /// Channels that are handed on, whatever a packet has.
    n_channels: usize,
    /// Samples of each channel that are handed on, whatever the last packet had; the rest is silent.
    n_samples: usize,
    is_silent: bool,
}

enum Inner {
    Symphonia(Box<dyn AudioDecoder>),
    Opus(Box<OpusPackets>),
    MsAdpcm(MsAdpcm),
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
        Ok(Self {
            inner: Inner::new(path, stream.codec, &stream.params)?,
            n_channels: stream.n_channels,
            n_samples: 0,
            is_silent: true,
        })
    }

    /// Sample rate and channels of a codec's output.
    ///
    /// # Errors
    /// As for [`Self::new`], and when neither the header nor the codec tells them.
    pub fn describe(path: &Path, codec: Codec, params: &AudioCodecParameters) -> Result<Described> {
        let known = match Inner::new(path, codec, params)? {
            Inner::Opus(_) => {
                opus_head(params).map(|head| (OPUS_RATE_HZ, usize::from(head.n_channels)))
            }
            Inner::MsAdpcm(decoder) => params
                .sample_rate
                .map(|rate_hz| (rate_hz, decoder.n_channels())),
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
        let decoded = match &mut self.inner {
            Inner::Symphonia(decoder) => {
                let decode = || decoder.decode(packet).map(|buffer| buffer.frames());
                guard::caught(decode).map_err(|error| error.to_string())
            }
            Inner::Opus(decoder) => decoder.decode(&packet.data),
            Inner::MsAdpcm(decoder) => decoder.decode(&packet.data),
        };
        self.is_silent = decoded.is_err();
        self.n_samples = *decoded.as_ref().unwrap_or(&0);
        decoded
    }

    /// Makes the last packet so many samples long: what it lacks is silent.
    pub fn set_length(&mut self, n_samples: usize) {
        self.n_samples = n_samples;
    }

    /// Puts silence in place of a packet.
    pub fn silence(&mut self, n_samples: usize) {
        self.is_silent = true;
        self.n_samples = n_samples;
    }

    /// The last packet's samples, interleaved, full scale at -1..=1.
    pub fn copy_f32(&self, samples: &mut Vec<f32>) {
        samples.clear();
        if !self.is_silent {
            match &self.inner {
                Inner::Symphonia(decoder) => {
                    let decoded = decoder.last_decoded();
                    decoded.copy_to_vec_interleaved(samples);
                    remix(samples, decoded.num_planes(), self.n_channels, |a, b| {
                        (a + b) / 2.0
                    });
                }
                Inner::Opus(decoder) => {
                    samples.extend(decoder.samples());
                    remix(samples, decoder.n_channels(), self.n_channels, |a, b| {
                        (a + b) / 2.0
                    });
                }
                Inner::MsAdpcm(decoder) => {
                    let decoded = decoder.samples().iter();
                    samples.extend(decoded.map(|sample| f32::from(*sample) / 32_768.0));
                    remix(samples, decoder.n_channels(), self.n_channels, |a, b| {
                        (a + b) / 2.0
                    });
                }
            }
        }
        samples.resize(self.n_samples * self.n_channels, 0.0);
    }

    /// The last packet's samples, interleaved, full scale at the range of i32. Exact for codecs of whole numbers.
    pub fn copy_i32(&self, samples: &mut Vec<i32>) {
        samples.clear();
        if !self.is_silent {
            let mean = |a: i32, b: i32| ((i64::from(a) + i64::from(b)) / 2) as i32;
            match &self.inner {
                Inner::Symphonia(decoder) => {
                    let decoded = decoder.last_decoded();
                    decoded.copy_to_vec_interleaved(samples);
                    remix(samples, decoded.num_planes(), self.n_channels, mean);
                }
                Inner::Opus(decoder) => {
                    let whole = decoder
                        .samples()
                        .map(|sample| (sample * 2f32.powi(31)) as i32);
                    samples.extend(whole);
                    remix(samples, decoder.n_channels(), self.n_channels, mean);
                }
                Inner::MsAdpcm(decoder) => {
                    let decoded = decoder.samples().iter();
                    samples.extend(decoded.map(|sample| i32::from(*sample) << 16));
                    remix(samples, decoder.n_channels(), self.n_channels, mean);
                }
            }
        }
        samples.resize(self.n_samples * self.n_channels, 0);
    }
}

impl Inner {
    fn new(path: &Path, codec: Codec, params: &AudioCodecParameters) -> Result<Self> {
        let refused = |why: String| undecodable(path, params.codec, &why);
        if codec == Codec::Opus {
            let head = opus_head(params).ok_or_else(|| refused("malformed header".into()))?;
            let decoder = OpusPackets::new(&head).map_err(refused)?;
            return Ok(Self::Opus(Box::new(decoder)));
        }
        if let Some(decoder) = MsAdpcm::new(params) {
            return Ok(Self::MsAdpcm(decoder));
        }
        // Trimming is ours, see `demux`.
        let options = AudioDecoderOptions::default().gapless(false);
        let make = || symphonia::default::get_codecs().make_audio_decoder(params, &options);
        let decoder = guard::caught(make).map_err(|error| refused(error.to_string()))?;
        Ok(Self::Symphonia(decoder))
    }
}

/// Brings interleaved samples from one number of channels to another: one goes to all, two become their mean, and of more
/// the first ones are kept.
fn remix<T: Copy + Default>(
    samples: &mut Vec<T>,
    from: usize,
    to: usize,
    mean: impl Fn(T, T) -> T,
) {
    if from == to || from == 0 || to == 0 {
        return;
    }
    let remixed = samples
        .chunks_exact(from)
        .flat_map(|channels| {
            let mono = match channels {
                [one] => Some(*one),
                [left, right] if to == 1 => Some(mean(*left, *right)),
                _ => None,
            };
            (0..to).map(move |channel| mono.or(channels.get(channel).copied()).unwrap_or_default())
        })
        .collect();
    *samples = remixed;
}

pub(super) fn opus_head(params: &AudioCodecParameters) -> Option<OpusHead> {
    OpusHead::parse(params.extra_data.as_deref()?)
}
