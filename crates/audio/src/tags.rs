//! Tags in front of and behind the sound of a file. They aren't read; a file's sound lies between them.

use std::fs::File;
use std::io::Result;
use std::ops::Range;

use super::source::bytes_at;

/// Most tags on either side. Real files have up to three.
const MAX_TAGS: usize = 16;

/// The bytes of a file of `length` bytes without ID3v2 and APE tags in front.
pub(super) fn without_front(file: &mut File, length: u64) -> Result<Range<u64>> {
    let mut start = 0;
    for _ in 0..MAX_TAGS {
        let tag = front_tag_bytes(&bytes_at(file, start, 32)?);
        if tag == 0 || start + tag >= length {
            break;
        }
        start += tag;
    }
    Ok(start..length)
}

/// The range without ID3v1, ID3v2, APE and Lyrics3 tags behind. Of a tag that doesn't begin where it says, its end alone is left out.
pub(super) fn without_behind(file: &mut File, range: Range<u64>) -> Result<Range<u64>> {
    const LONGEST_END: u64 = 128;
    let mut end = range.end;
    for _ in 0..MAX_TAGS {
        let from = end.saturating_sub(LONGEST_END).max(range.start);
        let tail = bytes_at(file, from, (end - from) as usize)?;
        let Some(tag) = tag_behind(&tail) else {
            break;
        };
        let start = end.checked_sub(tag.n_bytes);
        let is_whole = match start.filter(|start| *start > range.start) {
            Some(start) => bytes_at(file, start, tag.head.len())? == tag.head,
            None => false,
        };
        end -= if is_whole { tag.n_bytes } else { tag.n_end };
        if end <= range.start {
            return Ok(range);
        }
    }
    Ok(range.start..end)
}

/// Bytes of the tag that these bytes begin; 0 if they begin none.
fn front_tag_bytes(bytes: &[u8]) -> u64 {
    match bytes {
        // ID3v2.4, section 3.1. The flag of 0x10 stands for a footer.
        [b'I', b'D', b'3', major, _, flags, size @ ..] if *major < 0xff => {
            let footer = if flags & 0x10 == 0 { 0 } else { 10 };
            syncsafe(size).map_or(0, |size| 10 + size + footer)
        }
        // APEv2's header states the bytes behind it.
        [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', rest @ ..] => {
            little_endian(rest.get(4..8)).map_or(0, |size| 32 + size)
        }
        _ => 0,
    }
}

/// A tag behind the sound.
struct TagBehind {
    /// Bytes of all of it, as it says.
    n_bytes: u64,
    /// Bytes of its end, which says so.
    n_end: u64,
    /// What it begins with.
    head: &'static [u8],
}

/// The tag that these bytes end.
fn tag_behind(tail: &[u8]) -> Option<TagBehind> {
    let from_end = |n: usize| tail.len().checked_sub(n).and_then(|at| tail.get(at..));
    let tag = |n_bytes, n_end, head| {
        Some(TagBehind {
            n_bytes,
            n_end,
            head,
        })
    };
    if from_end(128).is_some_and(|tag| tag.starts_with(b"TAG")) {
        return tag(128, 128, b"TAG");
    }
    if let Some(footer) = from_end(32).filter(|tag| tag.starts_with(b"APETAGEX")) {
        let size = little_endian(footer.get(12..16)).unwrap_or(0).max(32);
        let has_header = footer.get(23).is_some_and(|flags| flags & 0x80 != 0);
        return match has_header {
            true => tag(size + 32, 32, b"APETAGEX"),
            false => tag(size, 32, b""),
        };
    }
    if let Some(footer) = from_end(10).filter(|tag| tag.starts_with(b"3DI")) {
        let size = footer.get(6..).and_then(syncsafe).unwrap_or(0);
        return tag(size + 20, 10, b"ID3");
    }
    // Lyrics3v2: six digits state the bytes in front of them.
    let end = from_end(15).filter(|tag| tag.ends_with(b"LYRICS200"))?;
    let digits = end
        .get(..6)
        .and_then(|digits| std::str::from_utf8(digits).ok());
    let size = digits.and_then(|digits| digits.parse::<u64>().ok());
    tag(size.unwrap_or(0) + 15, 15, b"LYRICSBEGIN")
}

/// Four bytes of seven bits each.
fn syncsafe(bytes: &[u8]) -> Option<u64> {
    let bytes = bytes.get(..4)?;
    let is_valid = bytes.iter().all(|byte| byte & 0x80 == 0);
    let sum = bytes
        .iter()
        .fold(0, |sum, &byte| sum << 7 | u64::from(byte));
    is_valid.then_some(sum)
}

fn little_endian(bytes: Option<&[u8]>) -> Option<u64> {
    let bytes: [u8; 4] = bytes?.try_into().ok()?;
    Some(u64::from(u32::from_le_bytes(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn sound_of(front: &[u8], behind: &[u8]) -> Range<u64> {
        let mut file = tempfile::tempfile().unwrap();
        let bytes = [front, &[7; 1000], behind].concat();
        file.write_all(&bytes).unwrap();
        let range = without_front(&mut file, bytes.len() as u64).unwrap();
        without_behind(&mut file, range).unwrap()
    }

    #[test]
    fn tags_of_every_kind_are_left_out() {
        let id3v2 = [&b"ID3\x03\0\0\0\0\x01\x02"[..], &[0; 130]].concat();
        let with_footer = [&b"ID3\x04\0\x10\0\0\0\x05"[..], &[0; 15]].concat();
        let id3v1 = [&b"TAG"[..], &[0; 125]].concat();
        let ape_end = |has_header: u8| {
            let mut footer = b"APETAGEX\xd0\x07\0\0\x28\0\0\0\x01\0\0\0\0\0\0".to_vec();
            footer.extend([has_header, 0, 0, 0, 0, 0, 0, 0, 0]);
            [vec![1; 8], footer].concat()
        };
        let lyrics = b"LYRICSBEGINxxxx000015LYRICS200".to_vec();
        for (front, behind) in [
            (vec![], vec![]),
            (id3v2.clone(), vec![]),
            ([id3v2.clone(), with_footer].concat(), id3v1.clone()),
            (vec![], ape_end(0)),
            (vec![], [ape_end(0), id3v1.clone()].concat()),
            (
                vec![],
                [&b"APETAGEX"[..], &[2; 24], &ape_end(0x80)].concat(),
            ),
            (vec![], [lyrics, id3v1.clone()].concat()),
        ] {
            let start = front.len() as u64;
            assert_eq!(sound_of(&front, &behind), start..start + 1000);
        }
        // Of a tag that claims what isn't there, its end alone is no sound.
        let lying = [&ape_end(0x80)[8..], &id3v1].concat();
        assert_eq!(sound_of(&[], &lying), 0..1000);
        assert_eq!(sound_of(&[], b"000900LYRICS200"), 0..1000);
        assert_eq!(sound_of(&[], b"3DI\x04\0\0\0\0\x02\0"), 0..1000);
        // A tag that claims more than the file has is left to the reader.
        assert_eq!(sound_of(b"ID3\x03\0\0\x7f\x7f\x7f\x7f", b"").start, 0);
    }
}
