//! The metadata blocks of a FLAC file (RFC 9639, section 8), of which only STREAMINFO matters to decoding.

use std::fs::File;
use std::io::Result;
use std::ops::Range;

use super::source::bytes_at;

const MAX_BLOCKS: usize = 10_000;
/// Where the blocks' lengths lead nowhere, the first frame is looked for in so many bytes.
const SEARCH_BYTES: u64 = 32 << 20;

/// A header with nothing but STREAMINFO, and where the frames lie. `None` if there is no STREAMINFO.
pub(super) fn read(file: &mut File, body: &Range<u64>) -> Result<Option<(Vec<u8>, Range<u64>)>> {
    let mut at = body.start + 4;
    let mut stream_info = None;
    for _ in 0..MAX_BLOCKS {
        let block = bytes_at(file, at, 4 + 34)?;
        let &[kind, a, b, c, ..] = block.as_slice() else {
            break;
        };
        let n_bytes = u64::from(u32::from_be_bytes([0, a, b, c]));
        if kind & 0x7f == 0 && n_bytes >= 34 && stream_info.is_none() {
            stream_info = block.get(4..38).map(<[u8]>::to_vec);
        }
        // Type 127 is what a frame's sync code reads as.
        if kind & 0x7f == 127 {
            break;
        }
        at += 4 + n_bytes;
        if kind & 0x80 != 0 {
            break;
        }
    }
    let Some(stream_info) = stream_info else {
        return Ok(None);
    };
    let start = if is_frame(&bytes_at(file, at, 4)?) {
        Some(at)
    } else {
        first_frame(file, body)?
    };
    let head = [b"fLaC\x80\x00\x00\x22", &repaired(stream_info)[..]].concat();
    Ok(start.map(|start| (head, start..body.end)))
}

/// Whether a frame begins here: its sync code, and none of the values that section 9.1 forbids.
pub(super) fn is_frame(bytes: &[u8]) -> bool {
    matches!(bytes, [0xff, 0xf8 | 0xf9, sizes, channels, ..]
        if sizes >> 4 != 0 && sizes & 15 != 15 && channels >> 4 < 11 && channels & 1 == 0)
}

fn first_frame(file: &mut File, body: &Range<u64>) -> Result<Option<u64>> {
    // fLaC, a block's header, STREAMINFO
    let from = body.start + 42;
    let n_bytes = body.end.saturating_sub(from).min(SEARCH_BYTES);
    let bytes = bytes_at(file, from, n_bytes as usize)?;
    let found = bytes.windows(4).position(is_frame);
    Ok(found.map(|at| from + at as u64))
}

/// Some encoders leave the smallest block at 0, where 16 is the least (section 8.2).
fn repaired(mut stream_info: Vec<u8>) -> Vec<u8> {
    if let [min_high, min_low, max_high, max_low, ..] = stream_info.as_mut_slice()
        && u16::from_be_bytes([*min_high, *min_low]) < 16
    {
        if u16::from_be_bytes([*max_high, *max_low]) < 16 {
            (*max_high, *max_low) = (0xff, 0xff);
        }
        (*min_high, *min_low) = (*max_high, *max_low);
    }
    stream_info
}
