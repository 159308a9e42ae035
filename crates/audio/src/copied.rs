//! The song's own packets as a soundtrack.

use std::collections::VecDeque;
use std::ops::Range;
use std::path::Path;

use common::Result;
use symphonia::core::codecs::audio::well_known as codec_ids;

use super::choose::is_of;
use super::decode::opus_head;
use super::demux::{CodedPacket, Demuxer};
use super::soundtrack::{Packet, Soundtrack, SoundtrackCodec, SoundtrackFormat};
use super::stream::{Codec, Stream, changed};
use super::track::Track;

/// Packets of the file, unchanged.
pub(super) struct CopiedPackets {
    track: Track,
    codec: SoundtrackCodec,
    skip_samples: u64,
    n_samples: u64,
    /// The packets' samples on the decoded timeline.
    decoded: Range<u64>,
}

impl CopiedPackets {
    /// The packets that hold `range` of the track, with those that a decoder needs before. `None` for codecs that MP4 can't
    /// hold, or that aren't of the format.
    pub fn open(
        track: &Track,
        range: Range<u64>,
        format: SoundtrackFormat,
    ) -> Result<Option<Self>> {
        let mut demuxer = track.demuxer()?;
        let codec = codec_of(demuxer.stream()).filter(|codec| is_of(codec, format));
        let Some(codec) = codec else {
            return Ok(None);
        };
        let is_whole = range == (0..track.n_samples);
        if matches!(codec, SoundtrackCodec::Flac { .. }) && !is_whole {
            return Ok(None); // encoded again, without loss, so that it ends at the very sample in every player
        }
        let heard = track.skip_samples + range.start..track.skip_samples + range.end;
        let Some(decoded) = covering_packets(&mut demuxer, &heard, &track.path)? else {
            return Ok(None);
        };
        let skip_samples = heard.start - decoded.start;
        let codec = match codec {
            SoundtrackCodec::Opus { opus_head } => SoundtrackCodec::Opus {
                opus_head: with_pre_skip(opus_head, skip_samples),
            },
            other => other,
        };
        Ok(Some(Self {
            track: track.clone(),
            codec,
            skip_samples,
            n_samples: range.end - range.start,
            decoded,
        }))
    }
}

impl Soundtrack for CopiedPackets {
    fn codec(&self) -> &SoundtrackCodec {
        &self.codec
    }

    fn sample_rate_hz(&self) -> u32 {
        self.track.sample_rate_hz
    }

    fn n_channels(&self) -> u32 {
        self.track.n_channels
    }

    fn skip_samples(&self) -> u64 {
        self.skip_samples
    }

    fn n_samples(&self) -> u64 {
        self.n_samples
    }

    fn note(&self) -> Option<&str> {
        None
    }

    fn packets(&self) -> Result<Box<dyn Iterator<Item = Result<Packet>> + '_>> {
        let mut demuxer = self.track.demuxer()?;
        let all = std::iter::from_fn(move || demuxer.next_packet().transpose());
        let wanted = all
            .skip_while(|packet| matches!(packet, Ok(packet) if packet.start < self.decoded.start))
            .take_while(|packet| !matches!(packet, Ok(packet) if packet.start >= self.decoded.end))
            .map(|packet| {
                packet.map(|packet| Packet {
                    n_samples: packet.n_samples,
                    data: packet.packet.data.into_vec(),
                })
            });
        Ok(Box::new(wanted))
    }
}

/// What MP4 needs to know of the codec; `None` if it can't hold it.
pub(super) fn codec_of(stream: &Stream) -> Option<SoundtrackCodec> {
    let extra_data = stream.params.extra_data.as_deref();
    match stream.codec {
        // Common players don't decode more than 24 bits.
        Codec::Flac if stream.params.bits_per_sample.is_some_and(|bits| bits > 24) => None,
        Codec::Flac => Some(SoundtrackCodec::Flac {
            stream_info: extra_data?.try_into().ok()?,
        }),
        Codec::Mp3 => Some(SoundtrackCodec::Mp3),
        Codec::Aac => Some(SoundtrackCodec::Aac {
            audio_specific_config: match extra_data {
                Some(config) => config.to_vec(),
                None => low_complexity_config(stream.sample_rate_hz, stream.n_channels)?,
            },
        }),
        Codec::Opus => Some(SoundtrackCodec::Opus {
            opus_head: opus_head(&stream.params)?.to_body(),
        }),
        Codec::Other if stream.params.codec == codec_ids::CODEC_ID_ALAC => {
            // Some files have the layout of their channels behind it.
            let config = extra_data?.get(..24)?;
            Some(SoundtrackCodec::Alac {
                config: config.try_into().ok()?,
            })
        }
        Codec::MpegLayer12 | Codec::Vorbis | Codec::Other => None,
    }
}

/// ISO 14496-3, section 1.5.1.1.
const LOW_COMPLEXITY: u16 = 2;
/// ISO 14496-3, table 1.18.
const AAC_RATES_HZ: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000,
    7_350,
];

/// AudioSpecificConfig of AAC-LC (ISO 14496-3, section 1.6.2.1), for ADTS streams, which bring none along.
fn low_complexity_config(sample_rate_hz: u32, n_channels: usize) -> Option<Vec<u8>> {
    let rate_idx = AAC_RATES_HZ
        .iter()
        .position(|&rate| rate == sample_rate_hz)? as u16;
    let channels = u16::try_from(n_channels)
        .ok()
        .filter(|n| (1..=6).contains(n))?;
    let bits = LOW_COMPLEXITY << 11 | rate_idx << 7 | channels << 3;
    Some(bits.to_be_bytes().to_vec())
}

/// Sample rate and number of channels of AAC-LC, as its AudioSpecificConfig states them.
pub(super) fn of_low_complexity_config(config: &[u8]) -> Option<(u32, usize)> {
    let bits = u16::from_be_bytes(config.get(..2)?.try_into().ok()?);
    let rate = AAC_RATES_HZ.get(usize::from(bits >> 7 & 15));
    // ISO 14496-3, table 1.19: eight channels are number 7.
    let n_channels = match usize::from(bits >> 3 & 15) {
        n @ 1..=6 => n,
        7 => 8,
        _ => return None,
    };
    rate.filter(|_| bits >> 11 == LOW_COMPLEXITY)
        .map(|rate| (*rate, n_channels))
}

/// The header's body with another pre-skip. A film's edit list says the same; some players heed one, some the other.
fn with_pre_skip(mut body: Vec<u8>, skip_samples: u64) -> Vec<u8> {
    let pre_skip = u16::try_from(skip_samples).unwrap_or(u16::MAX);
    if let Some(field) = body.get_mut(2..4) {
        field.copy_from_slice(&pre_skip.to_le_bytes());
    }
    body
}

/// The samples of the packets that hold `heard` and the lead-in to it; both on the decoded timeline. `None` where packets
/// are missing, or where several streams are joined: a film would play those out of time.
fn covering_packets(
    demuxer: &mut Demuxer,
    heard: &Range<u64>,
    path: &Path,
) -> Result<Option<Range<u64>>> {
    let codec = demuxer.stream().codec;
    let mut before = VecDeque::new();
    let mut start = None;
    while demuxer.position() < heard.end {
        let Some(packet) = demuxer.next_packet()? else {
            return Err(changed(path));
        };
        if !packet.is_plain() {
            return Ok(None);
        }
        if start.is_none() && packet.end() > heard.start {
            start = Some(lead_in_start(codec, &before, &packet));
        }
        if start.is_none() {
            before.push_front((packet.start, packet.packet.data.len()));
            before.truncate(MAX_LEAD_IN_PACKETS);
        }
    }
    let start = start.unwrap_or(heard.start);
    Ok(Some(start..demuxer.position().max(start)))
}

const MAX_LEAD_IN_PACKETS: usize = 64;

/// Where to begin so that a decoder puts out `packet` as it would after all that comes before. `before` holds the packets
/// in front of it, the nearest first, as (start, bytes).
fn lead_in_start(codec: Codec, before: &VecDeque<(u64, usize)>, packet: &CodedPacket) -> u64 {
    let n_packets = match codec {
        // Overlapping windows: one frame; two for the spectral band replication that some streams carry.
        Codec::Aac => 2,
        // Convergence takes 80 ms (RFC 7845, section 4.6).
        Codec::Opus => {
            before
                .iter()
                .take_while(|(start, _)| start + 80 * 48 > packet.start)
                .count()
                + 1
        }
        // One frame for the overlap, and for that frame's bit reservoir of up to 511 bytes those before it. Header and side
        // information take 38 bytes of a frame at most (ISO 11172-3, section 2.4.1).
        Codec::Mp3 => {
            let mut reservoir = 0;
            let n_filling = before
                .iter()
                .skip(1)
                .take_while(|(_, n_bytes)| {
                    let is_needed = reservoir < 511;
                    reservoir += n_bytes.saturating_sub(38);
                    is_needed
                })
                .count();
            1 + n_filling
        }
        _ => 0,
    };
    let first = before.iter().take(n_packets).next_back();
    first.map_or(packet.start, |&(start, _)| start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adts_streams_get_a_config() {
        // 44.1 kHz stereo, as every MP4 file of that kind has it.
        assert_eq!(low_complexity_config(44_100, 2), Some(vec![0x12, 0x10]));
        assert_eq!(low_complexity_config(44_101, 2), None);
    }
}
