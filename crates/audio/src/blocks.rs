//! Samples of a track, block after block.

use std::ops::Range;
use std::path::PathBuf;

use common::units::{format_secs, samples_to_secs};
use common::{Error, Result};

use super::decode::PacketDecoder;
use super::demux::{CodedPacket, Demuxer};
use super::extent::Extent;
use super::notes::Damage;
use super::stream::{self, Codec, Stream};

/// Most samples of each channel in a [`Block`].
pub const MAX_BLOCK_SAMPLES: usize = 8192;

/// Consecutive samples of a track.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// First sample, counted from the track's time zero.
    pub start_sample: u64,
    /// Number of channels.
    pub n_channels: usize,
    /// Samples `[sample][channel]`, interleaved; full scale is -1..=1, floating-point sources may exceed it. Always finite.
    pub samples: Vec<f32>,
}

impl Block {
    /// Number of samples of each channel, 1 to [`MAX_BLOCK_SAMPLES`].
    pub fn n_samples(&self) -> usize {
        self.samples.len() / self.n_channels.max(1)
    }

    /// The mean of all channels.
    #[must_use]
    pub fn to_mono(&self) -> Self {
        let gain = 1.0 / self.n_channels.max(1) as f32;
        let samples = self
            .samples
            .chunks_exact(self.n_channels.max(1))
            .map(|channels| channels.iter().sum::<f32>() * gain)
            .collect();
        Self {
            start_sample: self.start_sample,
            n_channels: 1,
            samples,
        }
    }
}

/// Iterator over the blocks of a range of samples. It ends after the range's last sample, or with the first error.
pub struct SampleBlocks {
    decoding: Decoding,
    /// Decoded samples that don't fit the current block.
    pending: Vec<f32>,
    /// How many of `pending` were given out.
    n_given: usize,
    next_sample: u64,
    has_failed: bool,
}

impl SampleBlocks {
    pub(super) fn new(decoding: Decoding) -> Self {
        Self {
            next_sample: decoding.range.start,
            decoding,
            pending: Vec::new(),
            n_given: 0,
            has_failed: false,
        }
    }

    /// The same blocks mixed down to one channel, the mean of all.
    pub fn mono(self) -> impl Iterator<Item = Result<Block>> {
        self.map(|block| block.map(|block| block.to_mono()))
    }

    fn next_block(&mut self) -> Result<Option<Block>> {
        let n_channels = self.decoding.n_channels;
        while self.n_given == self.pending.len() {
            let Some(fresh) = self.decoding.advance()? else {
                return Ok(None);
            };
            self.decoding.decoder.copy_f32(&mut self.pending);
            self.pending.truncate(fresh.end * n_channels);
            self.n_given = fresh.start * n_channels;
        }
        let rest = self.pending.get(self.n_given..).unwrap_or_default();
        let samples: Vec<f32> = rest
            .iter()
            .take(MAX_BLOCK_SAMPLES * n_channels)
            .copied()
            .collect();
        self.n_given += samples.len();
        let block = Block {
            start_sample: self.next_sample,
            n_channels,
            samples,
        };
        self.next_sample += block.n_samples() as u64;
        self.decoding
            .check_finite(block.start_sample, &block.samples)?;
        Ok(Some(block))
    }
}

impl Iterator for SampleBlocks {
    type Item = Result<Block>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.has_failed {
            return None;
        }
        let block = self.next_block().transpose();
        self.has_failed = matches!(block, Some(Err(_)));
        block
    }
}

/// Decodes the packets that hold a range of the track's samples.
pub(super) struct Decoding {
    path: PathBuf,
    demuxer: Demuxer,
    pub decoder: PacketDecoder,
    pub n_channels: usize,
    skip: u64,
    /// On the track's timeline.
    range: Range<u64>,
    /// First sample of the track that [`Self::advance`] decoded last.
    last_start: u64,
    part: usize,
    damage: Damage,
}

impl Decoding {
    /// Decoding of `range`, which must lie within the extent. What can't be decoded is added to `damage`.
    pub fn new(
        path: PathBuf,
        demuxer: Demuxer,
        extent: Extent,
        range: Range<u64>,
        damage: Damage,
    ) -> Result<Self> {
        Ok(Self {
            decoder: PacketDecoder::new(&path, demuxer.stream())?,
            n_channels: demuxer.stream().n_channels,
            path,
            demuxer,
            skip: extent.skip,
            last_start: range.start,
            range,
            part: 0,
            damage,
        })
    }

    pub fn stream(&self) -> &Stream {
        self.demuxer.stream()
    }

    /// Passes over what lies before a sample of the track.
    pub fn skip_to(&mut self, sample: u64) {
        self.range.start = self.range.start.max(sample);
    }

    /// Place in the track of the first sample that [`Self::advance`] named last.
    pub fn last_start(&self) -> u64 {
        self.last_start
    }

    /// Decodes the next packet that holds samples of the range, and says which of the packet's samples they are. The
    /// decoder keeps them. `None` after the last one.
    pub fn advance(&mut self) -> Result<Option<Range<usize>>> {
        let (start, end) = (self.skip + self.range.start, self.skip + self.range.end);
        let lead_in = lead_in_samples(self.demuxer.stream().codec);
        while self.demuxer.position() < end {
            let Some(packet) = self.demuxer.next_packet()? else {
                return Err(stream::changed(&self.path));
            };
            if packet.end() + lead_in <= start {
                continue;
            }
            if packet.part != self.part {
                self.decoder = PacketDecoder::new(&self.path, self.demuxer.stream())?;
                self.part = packet.part;
            }
            let is_decoded = self.decode(&packet);
            if packet.end() <= start || packet.n_samples == 0 {
                // Lead-in: what it lacks of the past, it can't decode.
                continue;
            }
            let first = start.saturating_sub(packet.start);
            let last = (end - packet.start).min(u64::from(packet.n_samples));
            self.last_start = packet.start + first - self.skip;
            if !is_decoded {
                self.damage
                    .add(self.last_start, packet.start + last - self.skip);
            }
            let n_dropped = packet.n_dropped as usize;
            return Ok(Some(n_dropped + first as usize..n_dropped + last as usize));
        }
        Ok(None)
    }

    /// Decodes a packet to the length that was counted; whether all of it is sound. A gap is silent, and known as one.
    fn decode(&mut self, packet: &CodedPacket) -> bool {
        if packet.is_gap() {
            self.decoder.silence(packet.n_samples as usize);
            return true;
        }
        let n_counted = packet.n_decoded as usize;
        match self.decoder.decode(&packet.packet) {
            Ok(n_samples) => {
                self.decoder.set_length(n_counted);
                n_samples == n_counted
            }
            Err(_) => {
                self.decoder.silence(n_counted);
                false
            }
        }
    }

    /// Refuses interleaved samples that are NaN or infinite; `start` is the first one's place in the track.
    pub fn check_finite(&self, start: u64, samples: &[f32]) -> Result<()> {
        // The largest exponent tells of all at once, which is many times faster than to stop at the first.
        let largest = samples
            .iter()
            .fold(0, |most, value| value.abs().to_bits().max(most));
        if largest < f32::INFINITY.to_bits() {
            return Ok(());
        }
        let mut values = samples.iter().enumerate();
        let Some((at, value)) = values.find(|(_, value)| !value.is_finite()) else {
            return Ok(());
        };
        let sample = start + (at / self.n_channels) as u64;
        let what = if value.is_nan() {
            "not a number (NaN)"
        } else {
            "infinite"
        };
        let time = format_secs(samples_to_secs(sample, self.stream().sample_rate_hz), 3);
        let channel = at % self.n_channels + 1;
        let reason = format!("sample {sample} at {time}, channel {channel}, is {what}");
        Err(Error::input(&self.path, reason).with_hint(
            "export the song again, best as 24-bit WAV or FLAC, which can't hold such values",
        ))
    }
}

/// Samples to decode ahead of a range, so that the decoder's state is what it would be after decoding from the start.
fn lead_in_samples(codec: Codec) -> u64 {
    match codec {
        Codec::Flac | Codec::Other => 0,
        // Overlap and filter bank reach back one frame; the bit reservoir of 511 bytes may span 30 of the smallest frames.
        Codec::Mp3 | Codec::MpegLayer12 => 32 * 1152,
        Codec::Aac => 2 * 1024,
        // Two of the longest blocks (Vorbis I, section 4.2.2).
        Codec::Vorbis => 2 * 8192,
        // RFC 7845, section 4.6, asks for 80 ms; a second makes the difference inaudible.
        Codec::Opus => 48_000,
    }
}
