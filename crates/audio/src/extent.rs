//! Which of the decoded samples are the music.
//!
//! Encoders put samples in front (delay) and behind (padding). Headers say how many; how long the sound really is, only
//! the packets tell. So a song's packets are counted once, without decoding, and that count decides; where the header states
//! more, a note says so before any work is done.

use std::fs::File;
use std::ops::Range;
use std::path::Path;

use common::{Error, Result};

use super::decode::opus_head;
use super::demux::Demuxer;
use super::mp4::Edit;
use super::mpeg;
use super::source::bytes_at;
use super::stream::{Codec, Container, Stream, breaks_off, place};

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

/// Reads the whole file's packets to find its extent, and what a person should know of them.
///
/// # Errors
/// [`Error::Input`] if the file is without samples; [`Error::Io`] if it can't be read.
pub(super) fn measure(path: &Path, demuxer: &mut Demuxer) -> Result<(Extent, Vec<String>)> {
    let counted = count(demuxer)?;
    let mut notes = demuxer.notes().to_vec();
    if counted.total == 0 {
        return Err(no_samples(path));
    }
    let stream = demuxer.stream();
    let stated = stream.stated_samples.filter(|&stated| stated > 0);
    let extent = match (stream.container, stream.codec) {
        (Container::Mp4, _) => mp4_extent(demuxer, counted.total),
        (Container::Matroska, codec) => {
            let padding =
                discard_padding_nanos(&bytes_after(path, &demuxer.body(), &counted.last_packet)?);
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
            // Without the mark of the end, the last page's position may be of any packet (RFC 7845, section 4.4).
            let is_whole =
                stream.container != Container::Ogg || ends_with_mark(path, &demuxer.body())?;
            let padding = if is_whole { counted.trimmed_at_end } else { 0 };
            if !is_whole {
                notes.push("the stream has no mark of its end; it may be cut off".to_owned());
            }
            without_ends(counted.total, skip, padding)
        }
        (Container::Mpeg | Container::Adts, _) => {
            if ends_within_a_frame(&bytes_after(path, &demuxer.body(), &counted.last_packet)?) {
                let at = place(stream, counted.total);
                notes.push(format!("the file ends within a frame, at {at}"));
            }
            match (stream.delay, stream.padding, stated) {
                (Some(delay), Some(padding), Some(stated)) => {
                    lame_extent(counted.total, delay, padding, stated)
                }
                _ => without_ends(counted.total, 0, 0),
            }
        }
        (Container::Caf | Container::Wave | Container::Plain | Container::Other, _) => {
            // Of an MP4 file that another decoder reads.
            let edit = demuxer.edit().unwrap_or_default();
            to_the_sample(&edit, stream, counted.total)
        }
    };
    if extent.n_samples == 0 {
        return Err(no_samples(path));
    }
    // A few samples that are only stated are no loss.
    let slack = u64::from(stream.sample_rate_hz / 1000);
    let is_counted = stream.container != Container::Caf && !stream.length_is_estimated();
    if is_counted
        && stream.ticks_are_samples
        && stated.is_some_and(|stated| extent.n_samples + extent.skip + slack < stated)
    {
        notes.push(breaks_off(stream, counted.total));
    }
    // What stands between FLAC's frames is neither metadata nor padding, but for some bytes at the end of some files.
    const STRAY_BYTES: u64 = 64 * 1024;
    let n_file = demuxer.body().end - demuxer.body().start;
    let n_stray = n_file.saturating_sub(demuxer.n_bytes());
    let is_flac = (stream.container, stream.codec) == (Container::Other, Codec::Flac);
    if is_flac
        && demuxer.n_parts() == 1
        && notes.is_empty()
        && n_stray > STRAY_BYTES.min(n_file / 8)
    {
        notes.push(format!(
            "{n_stray} bytes of the file are no frames of FLAC that can be read"
        ));
    }
    Ok((extent, notes))
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
        if coded.is_gap() {
            continue;
        }
        let (packet, n_decoded) = (coded.packet, coded.n_decoded);
        let pts = packet.pts.get();
        if is_first {
            counted.first_pts = pts;
            counted.first_samples = u64::from(n_decoded);
            is_first = false;
        }
        if coded.part == 0 {
            counted.trimmed_at_start += packet.trim_start.get();
        }
        // Only a run of trimmed packets at the very end is padding; within a song it is a page with a wrong position.
        counted.trimmed_at_end = match packet.trim_end.get() {
            0 => 0,
            trimmed => counted.trimmed_at_end + trimmed,
        };
        counted.last_packet = packet.data.into_vec();
    }
    counted.total = demuxer.position();
    Ok(counted)
}

/// The extent of an MPEG audio file with a LAME header. `stated` counts the samples between delay and padding. Some
/// encoders count the header's own frame too, so that one frame less is no sign of truncation.
fn lame_extent(total: u64, delay: u32, padding: u32, stated: u64) -> Extent {
    const FRAME: u64 = 1152;
    let (delay, padding) = (u64::from(delay), u64::from(padding));
    let stated_total = stated + delay + padding;
    let n_samples = if total + FRAME < stated_total {
        // The end is missing, and its padding with it.
        total.saturating_sub(delay)
    } else if total < stated_total {
        total.saturating_sub(delay + padding)
    } else if total <= stated_total + FRAME {
        stated
    } else {
        // Files joined end to end: the header speaks for the first one only.
        total - delay
    };
    Extent {
        skip: delay,
        n_samples,
    }
}

fn mp4_extent(demuxer: &Demuxer, total: u64) -> Extent {
    let stream = demuxer.stream();
    // The last packet's duration may leave its padding out.
    let media_samples = stream
        .stated_samples
        .filter(|&stated| stated > 0)
        .map_or(total, |stated| stated.min(total));
    let edit = demuxer.edit().unwrap_or_default();
    edited(&edit, stream, total, media_samples)
}

/// The part of `total` decoded samples that an edit list has heard, padding and all. Where the list counts in milliseconds and ends
/// where the media does, that tells the last sample.
fn to_the_sample(edit: &Edit, stream: &Stream, total: u64) -> Extent {
    let rate = u64::from(stream.sample_rate_hz);
    let media_samples = scale(edit.media_duration, rate, edit.media_timescale.into());
    let listed = edited(edit, stream, total, total);
    let counted = edited(edit, stream, total, media_samples.min(total));
    let tick = rate.div_ceil(u64::from(edit.movie_timescale.max(1)));
    let is_near = counted.n_samples.abs_diff(listed.n_samples) <= tick;
    match edit.media_duration > 0 && is_near {
        true => counted,
        false => listed,
    }
}

/// The part of `total` decoded samples that an edit list has heard; of those, `media_samples` are no padding.
fn edited(edit: &Edit, stream: &Stream, total: u64, media_samples: u64) -> Extent {
    let rate = u64::from(stream.sample_rate_hz);
    let Some(media_time) = edit.media_time else {
        let (skip, stated) = match (edit.itunes, stream.codec) {
            (Some((delay, length)), _) => (delay, length),
            (None, Codec::Opus) => (opus_pre_skip(stream), u64::MAX),
            (None, _) => (0, u64::MAX),
        };
        let skip = skip.min(total);
        return Extent {
            skip,
            n_samples: media_samples.saturating_sub(skip).min(stated),
        };
    };
    let skip = scale(media_time, rate, u64::from(edit.media_timescale)).min(total);
    let rest = media_samples.saturating_sub(skip);
    let n_samples = match edit.duration {
        None => rest,
        Some(duration) => {
            let timescale = u64::from(edit.movie_timescale.max(1));
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
    Extent { skip, n_samples }
}

/// `ticks * rate / timescale`, rounded to the nearest whole number.
pub(super) fn scale(ticks: u64, rate: u64, timescale: u64) -> u64 {
    let scaled = (u128::from(ticks) * u128::from(rate) + u128::from(timescale / 2))
        / u128::from(timescale.max(1));
    u64::try_from(scaled).unwrap_or(u64::MAX)
}

/// Whether the file goes on after its last whole frame with the beginning of another: the only sign that a stream of bare
/// frames was cut off.
fn ends_within_a_frame(after: &[u8]) -> bool {
    match after {
        // ADTS, with its layer of 0 (ISO 13818-7, section 6.2.1).
        [0xff, second, ..] if second & 0xf6 == 0xf0 => true,
        _ => mpeg::Frame::read(after).is_some(),
    }
}

/// Whether an Ogg file's last page is marked as one (RFC 3533, section 6).
fn ends_with_mark(path: &Path, body: &Range<u64>) -> Result<bool> {
    // The longest page has 65,307 bytes.
    let start = body.end.saturating_sub(68 * 1024).max(body.start);
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let tail =
        bytes_at(&mut file, start, (body.end - start) as usize).map_err(Error::io("read", path))?;
    let last = tail.windows(5).rposition(|bytes| bytes == b"OggS\0");
    let flags = last.and_then(|at| tail.get(at + 5));
    Ok(flags.is_some_and(|flags| flags & 4 != 0))
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
fn bytes_after(path: &Path, body: &Range<u64>, last_packet: &[u8]) -> Result<Vec<u8>> {
    // An ADTS frame has at most 8191 bytes, an MPEG audio frame fewer, an Opus packet of 8 channels about 10,000.
    const TAIL_BYTES: u64 = 64 * 1024;
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let start = body.end.saturating_sub(TAIL_BYTES).max(body.start);
    let mut tail =
        bytes_at(&mut file, start, (body.end - start) as usize).map_err(Error::io("read", path))?;
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
        assert_eq!(extent(100).n_samples, stated);
        assert_eq!(extent(100).skip, 1105);
        assert_eq!(extent(101).n_samples, stated);
        assert_eq!(extent(99).n_samples, stated - 1152);
        assert_eq!(extent(98).n_samples, 98 * 1152 - 1105);
        assert_eq!(extent(200).n_samples, 200 * 1152 - 1105);
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
