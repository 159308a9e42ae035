//! What symphonia needs help with in Matroska and WebM files (RFC 8794, RFC 9559).

use std::ops::Range;

/// A start that states no length of the segment, for a file that is shorter than its segment claims: symphonia 0.6.1
/// refuses those. What points beyond the end goes as well. `start` holds the file's first bytes, those of `body`. `None` if nothing is wrong.
pub(super) fn open_ended_head(start: &[u8], body: &Range<u64>) -> Option<(Vec<u8>, Range<u64>)> {
    const SEGMENT: &[u8] = &[0x18, 0x53, 0x80, 0x67];
    const UNKNOWN_LENGTH: &[u8] = &[0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    let (n_header, n_size) = number(start.get(4..)?)?;
    let segment = 4 + n_size + usize::try_from(n_header).ok()?;
    let size = start.get(segment..)?.strip_prefix(SEGMENT)?;
    let (n_bytes, n_size) = number(size)?;
    let payload = segment + 4 + n_size;
    let is_unknown = n_bytes == (1 << (7 * n_size)) - 1;
    let end = body.start.checked_add(payload as u64)?.checked_add(n_bytes);
    if is_unknown || end.is_some_and(|end| end <= body.end) {
        return None;
    }
    let head = [start.get(..segment)?, SEGMENT, UNKNOWN_LENGTH].concat();
    let index = start.get(payload..).map_or(0, seek_head_bytes);
    let rest = body
        .start
        .checked_add(payload as u64)?
        .checked_add(index)?
        .min(body.end);
    Some((head, rest..body.end))
}

/// Whether each audio track is a default one, in their order (RFC 9559, section 5.1.4.1.5): a track is, unless its flag says
/// no. symphonia 0.6.1 takes a track without the flag for one that isn't. Empty where the tracks don't lie within `start`.
pub(super) fn default_flags(start: &[u8]) -> Vec<bool> {
    const TRACKS: &[u8] = &[0x16, 0x54, 0xae, 0x6b];
    const AUDIO: u64 = 2;
    let unsigned = |bytes: &[u8]| {
        bytes
            .iter()
            .fold(0u64, |sum, &byte| sum << 8 | u64::from(byte))
    };
    let flags_at = |at: usize| -> Option<Vec<bool>> {
        let (_, tracks) = elements(start.get(at..)?).next()?;
        let entries = elements(tracks).filter(|(id, _)| *id == 0xae);
        let flags = entries.filter_map(|(_, entry)| {
            let value = |wanted| elements(entry).find(|(id, _)| *id == wanted);
            let number_of = |wanted| value(wanted).map(|(_, value)| unsigned(value));
            (number_of(0x83) == Some(AUDIO)).then(|| number_of(0x88) != Some(0))
        });
        Some(flags.collect())
    };
    // The index in front names the element too.
    let ids = start.windows(4).enumerate().filter(|(_, id)| *id == TRACKS);
    ids.filter_map(|(at, _)| flags_at(at))
        .find(|flags| !flags.is_empty())
        .unwrap_or_default()
}

/// The elements that lie one after another, as (ID, content); it ends with the first that is cut.
fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let n_id = bytes.first()?.leading_zeros() as usize + 1;
        let id = bytes
            .get(..n_id.min(4))?
            .iter()
            .fold(0u64, |id, &byte| id << 8 | u64::from(byte));
        let (n_bytes, n_size) = number(bytes.get(n_id..)?)?;
        let content = bytes.get(n_id + n_size..)?;
        let (content, rest) = content.split_at_checked(usize::try_from(n_bytes).ok()?)?;
        bytes = rest;
        Some((id, content))
    })
}

/// Bytes of the SeekHead that begins here, which points to what was cut off; 0 if there is none.
fn seek_head_bytes(bytes: &[u8]) -> u64 {
    let size = bytes
        .strip_prefix(&[0x11, 0x4d, 0x9b, 0x74])
        .and_then(number);
    size.map_or(0, |(n_bytes, n_size)| {
        n_bytes.saturating_add(4 + n_size as u64)
    })
}

/// A number of variable length and its bytes (RFC 8794, section 4).
fn number(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    let n_bytes = first.leading_zeros() as usize + 1; // 9 for a byte of zeros, which begins no number
    if n_bytes > 8 {
        return None;
    }
    let marked = u64::from(first) & ((0x80 >> (n_bytes - 1)) - 1);
    let rest = bytes.get(1..n_bytes)?;
    let value = rest
        .iter()
        .fold(marked, |sum, &byte| sum << 8 | u64::from(byte));
    Some((value, n_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_without_the_flag_is_a_default_one() {
        let entry = |fields: &[u8]| [&[0xae, 0x80 + fields.len() as u8], fields].concat();
        let entries = [
            entry(&[0x83, 0x81, 1]),
            entry(&[0x83, 0x81, 2, 0x88, 0x81, 0]),
            entry(&[0x83, 0x81, 2]),
            entry(&[0x88, 0x81, 1, 0x83, 0x81, 2]),
        ]
        .concat();
        let tracks = [
            &[7, 0x16, 0x54, 0xae, 0x6b, 0x80 + entries.len() as u8],
            &entries[..],
        ]
        .concat();
        assert_eq!(default_flags(&tracks), [false, true, true]);
        assert_eq!(default_flags(&tracks[..tracks.len() - 1]), [false; 0]);
        assert_eq!(default_flags(&[0; 9]), [false; 0]);
    }

    #[test]
    fn only_segments_that_claim_too_much_are_changed() {
        let file = |size: &[u8]| {
            [
                &[0x1a, 0x45, 0xdf, 0xa3, 0x82, 7, 7, 0x18, 0x53, 0x80, 0x67][..],
                size,
                &[9; 50],
            ]
            .concat()
        };
        let head = |size: &[u8]| open_ended_head(&file(size), &(0..(11 + size.len() + 50) as u64));
        assert_eq!(head(&[0x80 + 50]), None);
        assert_eq!(head(&[0x40, 50]), None);
        assert_eq!(head(&[0xff]), None);
        let (bytes, rest) = head(&[0x40, 51]).unwrap();
        assert_eq!(
            bytes[11..],
            [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]
        );
        assert_eq!(rest, 13..63);
        let mut indexed = file(&[0x40, 51]);
        indexed[13..19].copy_from_slice(&[0x11, 0x4d, 0x9b, 0x74, 0x83, 1]);
        assert_eq!(open_ended_head(&indexed, &(0..63)).unwrap().1, 21..63);
        for length in 0..13 {
            assert_eq!(
                open_ended_head(&file(&[0x40, 51])[..length], &(0..63)),
                None
            );
        }
    }
}
