//! Pages of Ogg files (RFC 3533, section 6): where some are missing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Result;

use super::source::bytes_at;

/// Bytes of the longest page.
const MAX_PAGE_BYTES: usize = 27 + 255 + 255 * 255;
const MARK: &[u8; 4] = b"OggS";

/// Positions behind which pages of the first stream are missing or damaged, in ticks: each is that of the last whole page
/// before a loss.
///
/// # Errors
/// Those of reading the file.
pub(super) fn losses(file: &mut File, length: u64) -> Result<Vec<i64>> {
    let mut losses = Vec::new();
    let mut last: BTreeMap<u32, (u32, i64)> = BTreeMap::new();
    let mut first_stream = None;
    let mut at = 0;
    while at < length {
        let bytes = bytes_at(file, at, MAX_PAGE_BYTES)?;
        let Some(page) = Page::read(&bytes) else {
            let rest = bytes.get(1..).unwrap_or_default();
            let next = rest.windows(4).position(|window| window == MARK);
            // A mark may lie across the end of what was read.
            at += next.map_or(bytes.len().saturating_sub(3).max(1), |next| next + 1) as u64;
            continue;
        };
        at += page.n_bytes as u64;
        let stream = *first_stream.get_or_insert(page.stream);
        let (number, position) = last.get(&page.stream).copied().unwrap_or((page.number, 0));
        let follows = page.number == number || page.number == number.wrapping_add(1);
        if !follows && page.stream == stream {
            losses.push(position);
        }
        // A page on which no packet ends has no position.
        let position = if page.position < 0 {
            position
        } else {
            page.position
        };
        last.insert(page.stream, (page.number, position));
    }
    Ok(losses)
}

/// What the header of a whole page says.
struct Page {
    n_bytes: usize,
    stream: u32,
    number: u32,
    position: i64,
}

impl Page {
    /// The page that begins here, if its check sum is right.
    fn read(bytes: &[u8]) -> Option<Self> {
        let word = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let n_segments = usize::from(*bytes.get(26).filter(|_| bytes.starts_with(MARK))?);
        let lacing = bytes.get(27..27 + n_segments)?;
        let n_body: usize = lacing.iter().map(|&n| usize::from(n)).sum();
        let n_bytes = 27 + n_segments + n_body;
        let page = bytes.get(..n_bytes)?;
        let sum = page.iter().enumerate().fold(0, |sum, (at, &byte)| {
            let byte = if (22..26).contains(&at) { 0 } else { byte };
            add(sum, byte)
        });
        let position = i64::from_le_bytes(bytes.get(6..14)?.try_into().ok()?);
        (sum == word(22)?).then_some(Self {
            n_bytes,
            stream: word(14)?,
            number: word(18)?,
            position,
        })
    }
}

/// A check sum with one more byte: the polynomial 0x04c11db7, highest bit first.
fn add(sum: u32, byte: u8) -> u32 {
    let entry = TABLE.get((sum >> 24) as usize ^ usize::from(byte));
    sum << 8 ^ entry.copied().unwrap_or(0)
}

static TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum >> 31 == 1 {
                sum << 1 ^ 0x04c1_1db7
            } else {
                sum << 1
            };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};
