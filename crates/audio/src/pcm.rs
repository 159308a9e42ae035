//! Plain samples in a file: where they lie, and how they are read in packets.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::ops::Range;

use symphonia::core::audio::Channels;
use symphonia::core::codecs::audio::{AudioCodecId, AudioCodecParameters, well_known as ids};
use symphonia::core::packet::Packet;
use symphonia::core::units::{Duration, Timestamp};

use super::container::{PacketResult, Packets};

/// Samples of each channel in a packet, but for the last one.
const PACKET_SAMPLES: u64 = 4096;

/// Where plain samples lie in a file, and what they are.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pcm {
    pub kind: SampleKind,
    pub sample_rate_hz: u32,
    pub n_channels: u16,
    /// Bytes of the file.
    pub data: Range<u64>,
    /// Bytes that the header states, where it states a number that can be meant.
    pub stated_bytes: Option<u64>,
    /// What a person should know of the file.
    pub notes: Vec<String>,
}

/// The coding of one sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct SampleKind {
    pub codec: AudioCodecId,
    pub n_bytes: u16,
    /// Bits that carry sound, the upper ones.
    pub valid_bits: u32,
}

/// How numbers are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Numbers {
    Signed,
    Unsigned,
    Float,
}

impl SampleKind {
    /// Numbers of `n_bytes`; `None` if they can't be decoded.
    pub fn of(numbers: Numbers, n_bytes: u16, is_big_endian: bool) -> Option<Self> {
        use Numbers::{Float, Signed, Unsigned};
        let codec = match (numbers, n_bytes, is_big_endian) {
            (Signed, 1, _) => ids::CODEC_ID_PCM_S8,
            (Signed, 2, false) => ids::CODEC_ID_PCM_S16LE,
            (Signed, 2, true) => ids::CODEC_ID_PCM_S16BE,
            (Signed, 3, false) => ids::CODEC_ID_PCM_S24LE,
            (Signed, 3, true) => ids::CODEC_ID_PCM_S24BE,
            (Signed, 4, false) => ids::CODEC_ID_PCM_S32LE,
            (Signed, 4, true) => ids::CODEC_ID_PCM_S32BE,
            (Unsigned, 1, _) => ids::CODEC_ID_PCM_U8,
            (Unsigned, 2, false) => ids::CODEC_ID_PCM_U16LE,
            (Unsigned, 2, true) => ids::CODEC_ID_PCM_U16BE,
            (Unsigned, 3, false) => ids::CODEC_ID_PCM_U24LE,
            (Unsigned, 3, true) => ids::CODEC_ID_PCM_U24BE,
            (Unsigned, 4, false) => ids::CODEC_ID_PCM_U32LE,
            (Unsigned, 4, true) => ids::CODEC_ID_PCM_U32BE,
            (Float, 4, false) => ids::CODEC_ID_PCM_F32LE,
            (Float, 4, true) => ids::CODEC_ID_PCM_F32BE,
            (Float, 8, false) => ids::CODEC_ID_PCM_F64LE,
            (Float, 8, true) => ids::CODEC_ID_PCM_F64BE,
            _ => return None,
        };
        Some(Self {
            codec,
            n_bytes,
            valid_bits: 8 * u32::from(n_bytes),
        })
    }

    /// The logarithmic codings of telephony (ITU-T G.711), which hold 16-bit numbers in a byte.
    pub fn g711(codec: AudioCodecId) -> Self {
        Self {
            codec,
            n_bytes: 1,
            valid_bits: 16,
        }
    }
}

impl Pcm {
    /// Bytes of one sample of all channels.
    pub fn frame_bytes(&self) -> u64 {
        u64::from(self.kind.n_bytes.max(1)) * u64::from(self.n_channels.max(1))
    }

    /// Whole samples that are there.
    pub fn n_samples(&self) -> u64 {
        self.data.end.saturating_sub(self.data.start) / self.frame_bytes()
    }

    /// Samples that the header states, if the file holds fewer.
    pub fn missing_of(&self) -> Option<u64> {
        let stated = self.stated_bytes? / self.frame_bytes();
        (stated > self.n_samples()).then_some(stated)
    }

    /// What a decoder needs to know.
    pub fn params(&self) -> AudioCodecParameters {
        let mut params = AudioCodecParameters::new();
        params
            .for_codec(self.kind.codec)
            .with_sample_rate(self.sample_rate_hz)
            .with_channels(Channels::Discrete(self.n_channels))
            .with_max_frames_per_packet(PACKET_SAMPLES);
        params
    }
}

/// Reads plain samples.
pub(super) struct PcmPackets<R> {
    reader: R,
    frame_bytes: u64,
    n_left: u64,
    position: u64,
}

impl PcmPackets<BufReader<File>> {
    pub fn new(mut file: File, pcm: &Pcm) -> std::io::Result<Self> {
        file.seek(SeekFrom::Start(pcm.data.start))?;
        Ok(Self::of_reader(
            BufReader::with_capacity(128 * 1024, file),
            pcm.frame_bytes(),
            pcm.n_samples(),
        ))
    }
}

impl<R: Read + Send> PcmPackets<R> {
    /// Reads `n_samples` at most from where the reader stands.
    pub fn of_reader(reader: R, frame_bytes: u64, n_samples: u64) -> Self {
        Self {
            reader,
            frame_bytes,
            n_left: n_samples,
            position: 0,
        }
    }
}

impl<R: Read + Send> Packets for PcmPackets<R> {
    fn next_packet(&mut self) -> PacketResult {
        let n_samples = self.n_left.min(PACKET_SAMPLES);
        let n_bytes = n_samples * self.frame_bytes;
        let mut data = Vec::with_capacity(n_bytes as usize);
        (&mut self.reader).take(n_bytes).read_to_end(&mut data)?;
        let n_read = data.len() as u64 / self.frame_bytes;
        if n_read == 0 {
            return Ok(None);
        }
        data.truncate((n_read * self.frame_bytes) as usize);
        let start = Timestamp::new(i64::try_from(self.position).unwrap_or(i64::MAX));
        self.position += n_read;
        self.n_left -= n_read;
        Ok(Some(Packet::new(0, start, Duration::new(n_read), data)))
    }
}

/// The chunk of sound among a file's chunks. One is allowed; of several, ffmpeg and libsndfile play the last one.
#[derive(Default)]
pub(super) struct SoundChunk {
    last: Option<(Range<u64>, Option<u64>)>,
    n_found: usize,
}

impl SoundChunk {
    /// Adds what [`data_range`] says of the next one. Empty ones don't count.
    pub fn add(&mut self, (data, stated_bytes): (Range<u64>, Option<u64>)) {
        if !data.is_empty() {
            self.last = Some((data, stated_bytes));
            self.n_found += 1;
        }
    }

    /// Where the sound lies, and the bytes that its chunk states.
    pub fn range(&self) -> Option<(Range<u64>, Option<u64>)> {
        self.last.clone()
    }

    /// What a person should know of sound that isn't played.
    pub fn notes(&self) -> Vec<String> {
        let n_found = self.n_found;
        let note = format!(
            "the file holds {n_found} pieces of sound, where one is allowed; the last one is used, as by ffmpeg"
        );
        if n_found > 1 { vec![note] } else { Vec::new() }
    }
}

/// Where the sound of a chunk ends. Headers state no length (0, or the highest number) where a file was written to a pipe,
/// lengths modulo 2³² for files over 4 GiB, and sometimes a few bytes too many.
pub(super) fn data_range(
    start: u64,
    stated: u64,
    end: u64,
    is_32_bit: bool,
) -> (Range<u64>, Option<u64>) {
    const WRAP: u64 = 1 << 32;
    let there = end.saturating_sub(start);
    let highest = if is_32_bit {
        u64::from(u32::MAX)
    } else {
        u64::MAX
    };
    // Some programs write 0x7FFFFFFF, or round either number down, where they don't know.
    let is_unknown = stated == 0
        || stated >= highest - 4096
        || (is_32_bit && (0x7fff_f000..=0x7fff_ffff).contains(&stated) && there < stated);
    if is_unknown {
        return (start..end, None);
    }
    if stated >= there {
        return (start..end, Some(stated));
    }
    if is_32_bit && there - stated >= WRAP {
        // All but some chunks behind the sound: the largest length that fits.
        let n_wraps = (there - stated) / WRAP;
        return (start..start + stated + n_wraps * WRAP, None);
    }
    (start..start + stated, Some(stated))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_that_cannot_be_meant_are_counted() {
        let range = |stated, end| data_range(44, stated, end, true);
        assert_eq!(range(1000, 1044), (44..1044, Some(1000)));
        assert_eq!(range(1000, 1100), (44..1044, Some(1000)));
        assert_eq!(range(1028, 1044), (44..1044, Some(1028)));
        for unknown in [0, 0xffff_ffff, 0xffff_f000, 0x7fff_ffff, 0x7fff_f000] {
            assert_eq!(range(unknown, 1044), (44..1044, None), "{unknown:#x}");
        }
        // Six hours of 24 bits: the length is stated modulo 2³², and chunks follow.
        let long = (1 << 32) + 1000;
        assert_eq!(range(1000, 44 + long + 50), (44..44 + long, None));
        // A true length of just under 2 GiB.
        let end = 44 + 0x7fff_ff00 + 100;
        assert_eq!(range(0x7fff_ff00, end).0, 44..44 + 0x7fff_ff00);
    }
}
