use crate::Result;

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
        /// RFC 7845 section 5.1, from the version byte on (little-endian fields).
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
pub trait Soundtrack {
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
    /// The packets from the first one on; may be called again to start over.
    ///
    /// # Errors
    /// When the file can't be read any more.
    fn packets(&self) -> Result<Box<dyn Iterator<Item = Result<Packet>> + '_>>;
}
