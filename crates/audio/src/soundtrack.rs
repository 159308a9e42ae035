//! The film's sound: the song's own packets where MP4 can hold them, FLAC of its samples elsewhere.
//!
//! | song | soundtrack |
//! |---|---|
//! | FLAC, MP3, AAC, Opus | the packets, bit for bit |
//! | WAV, AIFF, ALAC | FLAC of the same samples; 32-bit and floating-point ones are rounded to 24 bits |
//! | Vorbis and other lossy codecs | decoded to 16-bit FLAC |
//!
//! A part of a song begins with a few packets that aren't heard, since a decoder needs them to put out the right samples;
//! [`Soundtrack::skip_samples`] says how many samples they are. The cut is exact to the sample either way.

use common::Result;

/// Codec of a soundtrack, with what the MP4 sample entry needs.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundtrackCodec {
    /// FLAC: the 34 bytes of STREAMINFO.
    Flac {
        /// Body of the STREAMINFO metadata block.
        stream_info: [u8; 34],
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
