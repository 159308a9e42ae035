//! The film's sound: the song's own packets where MP4 can hold them, FLAC of its samples elsewhere.
//!
//! | song | soundtrack |
//! |---|---|
//! | FLAC, MP3, AAC, Opus | the packets, bit for bit |
//! | WAV, AIFF, ALAC | FLAC of the same samples; 32-bit and floating-point ones are rounded to 24 bits |
//! | Vorbis and other lossy codecs | decoded to 16-bit FLAC |
//!
//! Not every player takes those in MP4, so a [`SoundtrackFormat`] can be asked for. Packets that have it already are copied.
//!
//! A part of a song begins with a few packets that aren't heard, since a decoder needs them to put out the right samples;
//! [`Soundtrack::skip_samples`] says how many samples they are. The cut is exact to the sample either way.

use std::fmt;
use std::str::FromStr;

use common::{Error, Result};
use serde::{Deserialize, Serialize};

/// What a film's sound is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SoundtrackFormat {
    /// The song's own packets, or FLAC where MP4 can't hold them.
    #[default]
    Copy,
    /// FLAC, without loss up to 24 bits.
    Flac,
    /// ALAC (Apple Lossless), without loss up to 32 bits.
    Alac,
    /// AAC-LC at 128 kbit/s for each channel, by the `ffmpeg` on the PATH.
    Aac,
    /// No sound.
    None,
}

impl SoundtrackFormat {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Copy, Self::Flac, Self::Alac, Self::Aac, Self::None];

    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Copy => "copy",
            Self::Flac => "flac",
            Self::Alac => "alac",
            Self::Aac => "aac",
            Self::None => "none",
        }
    }
}

impl fmt::Display for SoundtrackFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for SoundtrackFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let known = Self::ALL.into_iter();
        let mut fitting = known.filter(|format| text.eq_ignore_ascii_case(format.name()));
        fitting.next().ok_or_else(|| Error::Config {
            name: "audio",
            value: text.to_owned(),
            allowed: "give copy, flac, alac, aac or none; the song itself is given without a flag"
                .to_owned(),
        })
    }
}

/// Codec of a soundtrack, with what the MP4 sample entry needs.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundtrackCodec {
    /// FLAC: the 34 bytes of STREAMINFO.
    Flac {
        /// Body of the STREAMINFO metadata block.
        stream_info: [u8; 34],
    },
    /// ALAC: its configuration.
    Alac {
        /// `ALACSpecificConfig`.
        config: [u8; 24],
    },
    /// MPEG-1/2 layer III: object type 0x6B, no decoder-specific information.
    Mp3,
    /// AAC: the AudioSpecificConfig.
    Aac {
        /// ISO 14496-3 AudioSpecificConfig.
        audio_specific_config: Vec<u8>,
    },
    /// Opus: the body of the OpusHead packet, without the magic.
    Opus {
        /// RFC 7845 section 5.1, from the version byte on (little-endian fields). Its pre-skip equals
        /// [`Soundtrack::skip_samples`].
        opus_head: Vec<u8>,
    },
}

/// One packet of the soundtrack.
#[derive(Clone, Debug, PartialEq)]
pub struct Packet {
    /// The bytes, as they are stored in the MP4 sample.
    pub data: Vec<u8>,
    /// Length in samples at `Soundtrack::sample_rate_hz`.
    pub n_samples: u32,
}

/// The film's sound as packets ready for an MP4 track. They are streamed from a file, never all in memory.
pub trait Soundtrack: Send {
    /// Codec and its configuration.
    fn codec(&self) -> &SoundtrackCodec;
    /// Timescale of the track: samples per second.
    fn sample_rate_hz(&self) -> u32;
    /// Number of channels.
    fn n_channels(&self) -> u32;
    /// Decoded samples before the first one to be heard: `media_time` of the edit list.
    fn skip_samples(&self) -> u64;
    /// Samples to be heard: `segment_duration` of the edit list.
    fn n_samples(&self) -> u64;
    /// What was done to the sound, for the user, if it isn't the song's own packets.
    fn note(&self) -> Option<&str>;
    /// The packets from the first one on; may be called again to start over.
    ///
    /// # Errors
    /// When the file can't be read any more.
    fn packets(&self) -> Result<Box<dyn Iterator<Item = Result<Packet>> + '_>>;
}
