//! Which of the decoded samples are the music.
//!
//! Encoders put samples in front (delay) and behind (padding). Headers say how many; how long the sound really is, only
//! the packets tell. So a song's packets are counted once, without decoding, and what the header states is held against
//! that count: a file that ends too early is found before any work is done on it.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use common::{Error, Result};

use super::decode::opus_head;
use super::demux::{CodedPacket, Demuxer};
use super::mp4;
use super::stream::{Codec, Container, Stream};

/// The music within the decoded samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Extent {
    /// Decoded samples in front of the music.
    pub skip: u64,
    /// Samples of music.
    pub n_samples: u64,
}

/// What the packets themselves tell.
#[derive(Default)]
struct Counted {
    /// Decoded samples.
    total: u64,
    /// Timestamp of the first packet, in samples.
    first_pts: i64,
    /// Decoded length of the first packet.
    first_samples: u64,
    /// Samples that packets say are to be left out.
    trimmed_at_start: u64,
    trimmed_at_end: u64,
    last_packet: Vec<u8>,
}

/// Reads the whole file's packets to find its extent.
///
/// # Errors
/// [`Error::Input`] if the file is truncated, damaged or without samples; [`Error::Io`] if it can't be read.
pub(super) fn measure(path: &Path, demuxer: &mut Demuxer) -> Result<Extent> {
    let counted = count(demuxer)?;
    if counted.total == 0 {
        return Err(no_samples(path));
    }
    let stream = demuxer.stream();
    let stated = stream.stated_samples.filter(|&stated| stated > 0);
    let extent = match (stream.container, stream.codec) {
        (Container::Mp4, _) => mp4_extent(path, demuxer, counted.total)?,
        (Container::Matroska, codec) => {
            let padding = discard_padding_nanos(&bytes_after(path, &counted.last_packet)?);
            let padding = scale(padding, u64::from(stream.sample_rate_hz), 1_000_000_000);
            let skip = match codec {
                Codec::Opus => opus_pre_skip(stream),
                // The first block only primes the overlap.
                Codec::Vorbis => counted.first_samples,
                _ => 0,
            };
            without_ends(counted.total, skip, padding)
        }
        (Container::Ogg, _) | (_, Codec::Opus) => {
            let skip = match stream.codec {
                Codec::Opus => opus_pre_skip(stream),
                // The first block only primes the overlap; an encoder may also start before 0 (Vorbis I, section A.2).
                _ => counted
                    .trimmed_at_start
                    .max(counted.first_pts.min(0).unsigned_abs()),
            };
            without_ends(counted.total, skip, counted.trimmed_at_end)
        }
        (Container::Mpeg | Container::Adts, _) => {
            if ends_within_a_frame(&bytes_after(path, &counted.last_packet)?) {
                return Err(demuxer.truncated());
            }
            match (stream.delay, stream.padding, stated) {
                (Some(delay), Some(padding), Some(stated)) => {
                    lame_extent(counted.total, delay, padding, stated)
                        .ok_or_else(|| demuxer.truncated())?
                }
                _ => without_ends(counted.total, 0, 0),
            }
        }
        (Container::Caf | Container::Wave | Container::Other, _) => {
            let is_counted = stream.container != Container::Caf && stream.ticks_are_samples;
            if is_counted && stated.is_some_and(|stated| counted.total < stated) {
                return Err(demuxer.truncated());
            }
            without_ends(counted.total, 0, 0)
        }
    };
    if extent.n_samples == 0 {
        return Err(no_samples(path));
    }
    Ok(extent)
}

fn opus_pre_skip(stream: &Stream) -> u64 {
    opus_head(&stream.params).map_or(0, |head| u64::from(head.pre_skip))
}

fn no_samples(path: &Path) -> Error {
    Error::input(path, "holds no samples (0 seconds of sound)")
        .with_hint("a song needs at least one sample; was the export or the download cut short?")
}

fn without_ends(total: u64, skip: u64, padding: u64) -> Extent {
    Extent {
        skip,
        n_samples: total.saturating_sub(skip).saturating_sub(padding),
    }
}

fn count(demuxer: &mut Demuxer) -> Result<Counted> {
    let mut counted = Counted::default();
    let mut is_first = true;
    while let Some(coded) = demuxer.next_packet()? {
        let CodedPacket {
            packet,
            start,
            n_samples,
        } = coded;
        let pts = packet.pts.get();
        if is_first {
            counted.first_pts = pts;
            counted.first_samples = u64::from(n_samples);
            is_first = false;
        }
        counted.trimmed_at_start += packet.trim_start.get();
        // Only a run of trimmed packets at the very end is padding; within a song it is a page with a wrong position.
        counted.trimmed_at_end = match packet.trim_end.get() {
            0 => 0,
            trimmed => counted.trimmed_at_end + trimmed,
        };
        if has_gap(demuxer, pts - counted.first_pts, start) {
            return Err(demuxer.damaged("part of the sound is missing before this point"));
        }
        counted.last_packet = packet.data.into_vec();
    }
    counted.total = demuxer.position();
    Ok(counted)
}

/// Whether a packet's timestamp says that packets before it were lost. symphonia passes over frames and pages whose check
/// sum is wrong. A hundredth of a second of slack is for Ogg files that were cut from others, with rounded positions.
fn has_gap(demuxer: &Demuxer, pts: i64, start: u64) -> bool {
    let stream = demuxer.stream();
    let slack = match (stream.container, stream.codec) {
        (Container::Ogg, _) => i64::from(stream.sample_rate_hz / 100),
        (Container::Other, Codec::Flac) => 0,
        _ => return false,
    };
    let start = i64::try_from(start).unwrap_or(i64::MAX);
    stream.ticks_are_samples && pts - start > slack
}

/// The extent of an MPEG audio file with a LAME header. `stated` counts the samples between delay and padding. Some
/// encoders count the header's own frame too, so that one frame less is no sign of truncation. `None` if more is missing.
fn lame_extent(total: u64, delay: u32, padding: u32, stated: u64) -> Option<Extent> {
    const FRAME: u64 = 1152;
    let (delay, padding) = (u64::from(delay), u64::from(padding));
    let stated_total = stated + delay + padding;
    if total + FRAME < stated_total {
        return None;
    }
    let n_samples = if total < stated_total {
        total.saturating_sub(delay + padding)
    } else if total <= stated_total + FRAME {
        stated
    } else {
        // Files joined end to end: the header speaks for the first one only.
        total - delay
    };
    Some(Extent {
        skip: delay,
        n_samples,
    })
}

fn mp4_extent(path: &Path, demuxer: &Demuxer, total: u64) -> Result<Extent> {
    let stream = demuxer.stream();
    let edit = mp4::read_edit(path, stream.track_id)?;
    let rate = u64::from(stream.sample_rate_hz);
    let skip = scale(edit.media_time, rate, u64::from(edit.media_timescale));
    // The last packet's duration may leave its padding out.
    let media_samples = stream
        .stated_samples
        .filter(|&stated| stated > 0)
        .map_or(total, |stated| stated.min(total));
    let rest = media_samples.saturating_sub(skip);
    let n_samples = match edit.duration {
        None => rest,
        Some(duration) => {
            let timescale = u64::from(edit.movie_timescale);
            let stated = scale(duration, rate, timescale);
            // A movie that counts in milliseconds can't tell the last sample: there the media's own count is the better one.
            let is_exact = timescale % rate == 0;
            let tick = if is_exact {
                0
            } else {
                rate.div_ceil(timescale)
            };
            if stated.abs_diff(rest) <= tick {
                rest
            } else {
                stated.min(rest)
            }
        }
    };
    Ok(Extent { skip, n_samples })
}

/// `ticks * rate / timescale`, rounded to the nearest whole number.
fn scale(ticks: u64, rate: u64, timescale: u64) -> u64 {
    let scaled = (u128::from(ticks) * u128::from(rate) + u128::from(timescale / 2))
        / u128::from(timescale.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// Whether the file goes on after its last whole frame with the beginning of another: the only sign that a stream of bare
/// frames was cut off.
fn ends_within_a_frame(after: &[u8]) -> bool {
    match after {
        [0xff] => true,
        [0xff, second, ..] => second & 0xe0 == 0xe0,
        _ => false,
    }
}

/// The padding that Matroska states behind the last block, in nanoseconds, as `DiscardPadding` (RFC 9559, section
/// 5.1.3.5.7). `after` is the rest of the block's group.
fn discard_padding_nanos(mut after: &[u8]) -> u64 {
    loop {
        let (is_padding, rest) = match after {
            [0x75, 0xa2, rest @ ..] => (true, rest),
            // BlockDuration and ReferenceBlock may come in between.
            [0x9b | 0xfb, rest @ ..] => (false, rest),
            _ => return 0,
        };
        let [size @ 0x81..=0x88, rest @ ..] = rest else {
            return 0;
        };
        let Some((value, rest)) = rest.split_at_checked(usize::from(size & 0x7f)) else {
            return 0;
        };
        if is_padding {
            return value
                .iter()
                .fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        }
        after = rest;
    }
}

/// What stands in the file behind the last packet; nothing if the packet lies far from the end.
fn bytes_after(path: &Path, last_packet: &[u8]) -> Result<Vec<u8>> {
    // An ADTS frame has at most 8191 bytes, an MPEG audio frame fewer, an Opus packet of 8 channels about 10,000.
    const TAIL_BYTES: u64 = 64 * 1024;
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let length = file.metadata().map_err(Error::io("read", path))?.len();
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))
        .and_then(|_| file.take(TAIL_BYTES).read_to_end(&mut tail))
        .map_err(Error::io("read", path))?;
    if last_packet.is_empty() || last_packet.len() > tail.len() {
        return Ok(Vec::new());
    }
    let last = tail
        .windows(last_packet.len())
        .rposition(|window| window == last_packet);
    Ok(last.map_or_else(Vec::new, |at| tail.split_off(at + last_packet.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lame_headers_are_held_against_the_count() {
        // 100 frames, delay 1105, padding 47.
        let stated = 100 * 1152 - 1105 - 47;
        let extent = |frames: u64| lame_extent(frames * 1152, 1105, 47, stated);
        assert_eq!(extent(100).unwrap().n_samples, stated);
        assert_eq!(extent(100).unwrap().skip, 1105);
        assert_eq!(extent(101).unwrap().n_samples, stated);
        assert_eq!(extent(99).unwrap().n_samples, stated - 1152);
        assert_eq!(extent(98), None);
        assert_eq!(extent(200).unwrap().n_samples, 200 * 1152 - 1105);
    }

    #[test]
    fn matroska_states_padding_behind_the_last_block() {
        let cues = [0x1c, 0x53, 0xbb, 0x6b];
        let padding = [0x75, 0xa2, 0x84, 0x00, 0xcb, 0xc4, 0xb7];
        let duration = [0x9b, 0x81, 20];
        assert_eq!(
            discard_padding_nanos(&[&padding[..], &cues].concat()),
            13_354_167
        );
        assert_eq!(
            discard_padding_nanos(&[&duration[..], &padding].concat()),
            13_354_167
        );
        assert_eq!(discard_padding_nanos(&cues), 0);
        for length in 0..padding.len() {
            assert_eq!(discard_padding_nanos(&padding[..length]), 0, "{length}");
        }
    }

    #[test]
    fn ticks_are_scaled_to_the_nearest_sample() {
        assert_eq!(scale(10_300, 44_100, 1000), 454_230);
        assert_eq!(scale(1, 44_100, 1000), 44);
        assert_eq!(scale(u64::MAX, 44_100, 1), u64::MAX);
    }
}
