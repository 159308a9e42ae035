//! The boxes of MP4 and MOV files that say what a track is and which part of it is to be heard (ISO 14496-12; QuickTime
//! File Format).
//!
//! An edit list says which part of the decoded sound is to be heard (section 8.6.6): `media_time` skips the encoder delay,
//! `segment_duration` leaves the padding out.

use super::aiff::{u16_at, u32_at, u64_at};

/// The part of a track that is to be heard.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Edit {
    /// First moment to be heard, in ticks of the media; `None` where nothing says it.
    pub media_time: Option<u64>,
    /// Ticks per second of the media.
    pub media_timescale: u32,
    /// The media's own length, in its ticks; 0 where nothing says it.
    pub media_duration: u64,
    /// Length, in ticks of the movie; `None` means all that is left.
    pub duration: Option<u64>,
    /// Ticks per second of the movie.
    pub movie_timescale: u32,
    /// Whether the list has parts that don't join.
    pub is_scattered: bool,
    /// Delay and length in samples, as iTunes notes them where there is no edit list.
    pub itunes: Option<(u64, u64)>,
}

impl Edit {
    /// Whether one part of the sound is to be heard, and something says which.
    pub fn is_plain(&self) -> bool {
        !self.is_scattered && (self.media_time.is_some() || self.itunes.is_some())
    }
}

/// A box's kind and body.
pub(super) type Child<'a> = ([u8; 4], &'a [u8]);

/// The boxes that lie one after another in `bytes`. One that claims more than there is, is cut.
pub(super) fn children(mut bytes: &[u8]) -> impl Iterator<Item = Child<'_>> {
    std::iter::from_fn(move || {
        let (kind, n_header, size) = header(bytes)?;
        let n_bytes = size.map_or(bytes.len(), |size| {
            usize::try_from(size).unwrap_or(usize::MAX)
        });
        let (whole, rest) = bytes.split_at(n_bytes.min(bytes.len()));
        bytes = rest;
        Some((kind, whole.get(n_header..).unwrap_or_default()))
    })
}

/// The header of the box that begins here: its kind, the header's length, and the whole box's; `None` stands for "to the
/// end".
pub(super) fn header(bytes: &[u8]) -> Option<([u8; 4], usize, Option<u64>)> {
    let kind: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
    match u32_at(bytes, 0)? {
        0 => Some((kind, 8, None)),
        1 => Some((kind, 16, Some(u64_at(bytes, 8)?.max(16)))),
        size => Some((kind, 8, Some(u64::from(size).max(8)))),
    }
}

/// The body of the first box of a kind.
pub(super) fn child<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    children(bytes)
        .find(|(found, _)| found == kind)
        .map(|(_, body)| body)
}

/// The body of the box that a path of kinds leads to.
pub(super) fn descendant<'a>(bytes: &'a [u8], path: &[&[u8; 4]]) -> Option<&'a [u8]> {
    path.iter()
        .try_fold(bytes, |bytes, kind| child(bytes, kind))
}

/// Ticks that a media header states as its media's length, if it states any.
fn length(header: &[u8]) -> Option<u64> {
    match header.first() {
        Some(1) => u64_at(header, 24).filter(|&length| length != u64::MAX),
        _ => u32_at(header, 16)
            .filter(|&length| length != u32::MAX)
            .map(u64::from),
    }
}

/// Ticks per second of a movie or media header, whose two versions differ in the size of their times.
pub(super) fn timescale(header: &[u8]) -> Option<u32> {
    let at = if header.first() == Some(&1) { 20 } else { 12 };
    u32_at(header, at).filter(|&scale| scale > 0)
}

/// Number of a track and whether it is enabled (section 8.3.2).
pub(super) fn track_id(tkhd: &[u8]) -> Option<(u32, bool)> {
    let at = if tkhd.first() == Some(&1) { 20 } else { 12 };
    Some((u32_at(tkhd, at)?, tkhd.get(3)? & 1 != 0))
}

/// What a track's edit list says. Its parts are joined where one goes on from the other.
pub(super) fn edit(moov: &[u8], trak: &[u8], media_timescale: u32) -> Edit {
    let movie_timescale = child(moov, b"mvhd")
        .and_then(timescale)
        .unwrap_or(media_timescale);
    let header = descendant(trak, &[b"mdia", b"mdhd"]).unwrap_or_default();
    let mut edit = Edit {
        media_timescale,
        media_duration: length(header).unwrap_or(0),
        movie_timescale,
        ..Edit::default()
    };
    let list = descendant(trak, &[b"edts", b"elst"]).unwrap_or_default();
    let mut parts = edit_parts(list);
    let Some((media_time, duration)) = parts.next() else {
        edit.itunes = itunes_gapless(moov);
        return edit;
    };
    let mut length = duration;
    for (next_time, next_duration) in parts {
        let media_ticks =
            u128::from(length) * u128::from(media_timescale) / u128::from(movie_timescale.max(1));
        let end = u128::from(media_time) + media_ticks;
        let tick = u128::from(media_timescale / movie_timescale.max(1) + 1);
        if length == 0 || u128::from(next_time).abs_diff(end) > tick {
            edit.is_scattered = true;
            length = 0;
            break;
        }
        length = if next_duration == 0 {
            0
        } else {
            length.saturating_add(next_duration)
        };
    }
    edit.media_time = Some(media_time);
    edit.duration = (length > 0).then_some(length);
    edit
}

/// The parts of an edit list that are heard, as (media time, duration). Empty edits (a time of -1) shift the track against
/// the film's start; alone, a song begins with its first sample.
fn edit_parts(list: &[u8]) -> impl Iterator<Item = (u64, u64)> + '_ {
    let is_long = list.first() == Some(&1);
    let n_parts = u32_at(list, 4).unwrap_or(0);
    let entries = list
        .get(8..)
        .unwrap_or_default()
        .chunks_exact(if is_long { 20 } else { 12 });
    entries.take(n_parts as usize).filter_map(move |entry| {
        let (duration, time) = if is_long {
            (u64_at(entry, 0)?, u64_at(entry, 8)? as i64)
        } else {
            (
                u64::from(u32_at(entry, 0)?),
                i64::from(u32_at(entry, 4)? as i32),
            )
        };
        Some((u64::try_from(time).ok()?, duration))
    })
}

/// Delay and length that iTunes notes in a comment named `iTunSMPB`: hexadecimal numbers, of which the second is the delay,
/// the third the padding and the fourth the length.
fn itunes_gapless(moov: &[u8]) -> Option<(u64, u64)> {
    let list = [descendant(moov, &[b"udta", b"meta"]), child(moov, b"meta")];
    // `meta` is a box with four bytes of version in front of its children; in QuickTime files without them.
    let items = list
        .into_iter()
        .flatten()
        .find_map(|meta| child(meta.get(4..)?, b"ilst").or_else(|| child(meta, b"ilst")))?;
    let value = children(items).find_map(|(kind, item)| {
        let name = child(item, b"name")?.get(4..)?;
        let value = child(item, b"data")?.get(8..)?;
        (&kind == b"----" && name == b"iTunSMPB").then_some(value)
    })?;
    let text = std::str::from_utf8(value).ok()?;
    let mut numbers = text
        .split_ascii_whitespace()
        .map(|word| u64::from_str_radix(word, 16));
    let delay = numbers.nth(1)?.ok()?;
    let length = numbers.nth(1)?.ok()?;
    (length > 0 && delay < 1 << 20).then_some((delay, length))
}

/// Channels and sample rate of an audio sample entry, and where its boxes begin (QuickTime's versions 0 to 2).
pub(super) struct SampleEntry<'a> {
    pub kind: [u8; 4],
    pub n_channels: u16,
    pub sample_bits: u32,
    pub sample_rate_hz: u32,
    /// Flags of version 2: 1 floating point, 2 highest byte first, 4 signed.
    pub lpcm_flags: Option<u32>,
    /// Bytes of one sample of one channel, of version 1.
    pub sample_bytes: Option<u32>,
    pub boxes: &'a [u8],
}

/// Reads the first sample entry of an `stsd` box.
pub(super) fn sample_entry(stsd: &[u8]) -> Option<SampleEntry<'_>> {
    let (kind, entry) = children(stsd.get(8..)?).next()?;
    let version = u16_at(entry, 8)?;
    let mut read = SampleEntry {
        kind,
        n_channels: u16_at(entry, 16)?,
        sample_bits: u32::from(u16_at(entry, 18)?),
        sample_rate_hz: u32::from(u16_at(entry, 24)?),
        lpcm_flags: None,
        sample_bytes: None,
        boxes: entry.get(28..).unwrap_or_default(),
    };
    match version {
        1 => {
            read.sample_bytes = u32_at(entry, 32);
            // ISO files may say version 1 without the four fields of QuickTime.
            let is_quicktime = children(entry.get(28..)?)
                .next()
                .is_none_or(|(kind, _)| !kind.iter().all(u8::is_ascii_alphanumeric));
            if is_quicktime {
                read.boxes = entry.get(44..).unwrap_or_default();
            }
        }
        2 => {
            read.sample_rate_hz = f64::from_bits(u64_at(entry, 32)?).round() as u32;
            read.n_channels = u16::try_from(u32_at(entry, 40)?).ok()?;
            read.sample_bits = u32_at(entry, 48)?;
            read.lpcm_flags = u32_at(entry, 52);
            read.boxes = entry.get(64..).unwrap_or_default();
        }
        _ => {}
    }
    Some(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        [&(body.len() as u32 + 8).to_be_bytes()[..], kind, body].concat()
    }

    fn edit_of(parts: &[(u32, i32)]) -> Edit {
        let mut list = vec![0, 0, 0, 0];
        list.extend((parts.len() as u32).to_be_bytes());
        for &(duration, time) in parts {
            list.extend(duration.to_be_bytes());
            list.extend(time.to_be_bytes());
            list.extend([0, 1, 0, 0]);
        }
        let trak = boxed(b"edts", &boxed(b"elst", &list));
        let mvhd = [&[0; 12][..], &1000u32.to_be_bytes(), &[0; 20]].concat();
        edit(&boxed(b"mvhd", &mvhd), &trak, 44_100)
    }

    #[test]
    fn edit_lists_are_joined_where_they_go_on() {
        let one = edit_of(&[(2000, 1024)]);
        assert_eq!((one.media_time, one.duration), (Some(1024), Some(2000)));
        assert_eq!((one.media_timescale, one.movie_timescale), (44_100, 1000));
        let empty_first = edit_of(&[(500, -1), (2000, 1024)]);
        assert_eq!(empty_first, one);
        let two = edit_of(&[(1000, 1024), (1000, 1024 + 44_100)]);
        assert_eq!(two, one);
        let apart = edit_of(&[(1000, 1024), (1000, 1024 + 88_200)]);
        assert!(apart.is_scattered);
        assert_eq!((apart.media_time, apart.duration), (Some(1024), None));
        assert_eq!(edit_of(&[]).media_time, None);
    }

    #[test]
    fn boxes_that_claim_too_much_are_cut() {
        let bytes = [
            boxed(b"free", b"ab"),
            vec![0, 0, 1, 0, b'm', b'o', b'o', b'v', 7],
        ]
        .concat();
        let found: Vec<_> = children(&bytes).collect();
        assert_eq!(found, [(*b"free", &b"ab"[..]), (*b"moov", &[7][..])]);
        assert_eq!(children(&[0; 7]).count(), 0);
        assert_eq!(children(&[0, 0, 0, 1, 1, 1, 1, 1]).count(), 0);
    }
}
