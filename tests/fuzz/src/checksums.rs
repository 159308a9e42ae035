//! Checksums of a changed file made right again, so that changes reach what lies behind the check.

/// Ogg pages and the only frame of a short FLAC file; `None` for other files.
pub fn with_checksums(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut fixed = bytes.to_vec();
    match bytes.first_chunk::<4>()? {
        b"OggS" => fix_ogg(&mut fixed),
        b"fLaC" => fix_flac(&mut fixed)?,
        _ => return None,
    }
    Some(fixed)
}

/// RFC 3533, section 6.
fn fix_ogg(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(page) = bytes.get_mut(at..).filter(|page| page.starts_with(b"OggS")) {
        let Some(&n_segments) = page.get(26) else {
            return;
        };
        let Some(segments) = page.get(27..27 + usize::from(n_segments)) else {
            return;
        };
        let n_bytes = 27 + segments.len() + segments.iter().map(|n| usize::from(*n)).sum::<usize>();
        let Some(page) = page.get_mut(..n_bytes) else {
            return;
        };
        page[22..26].fill(0);
        let sum = crc(page, 32, 0x04C1_1DB7);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        at += n_bytes;
    }
}

/// RFC 9639, section 9: a sum over the frame's head, and one over the frame.
fn fix_flac(bytes: &mut [u8]) -> Option<()> {
    let mut at = 4;
    loop {
        let head = u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?);
        at += 4 + (head & 0xFF_FFFF) as usize;
        if head >> 31 == 1 {
            break;
        }
    }
    let frame = bytes.get_mut(at..)?;
    let sizes = *frame.get(2)?;
    let n_number = match frame.get(4)?.leading_ones() {
        0 => 1,
        n => n as usize,
    };
    let n_block_size = match sizes >> 4 {
        6 => 1,
        7 => 2,
        _ => 0,
    };
    let n_rate = match sizes & 15 {
        12 => 1,
        13 | 14 => 2,
        _ => 0,
    };
    let n_head = 4 + n_number + n_block_size + n_rate;
    let sum = crc(frame.get(..n_head)?, 8, 0x07);
    *frame.get_mut(n_head)? = sum as u8;
    let n_body = frame.len().checked_sub(2).filter(|n| *n > n_head)?;
    let sum = crc(&frame[..n_body], 16, 0x8005) as u16;
    frame[n_body..].copy_from_slice(&sum.to_be_bytes());
    Some(())
}

/// A cyclic redundancy check of up to 32 bits, highest bit first, from 0.
fn crc(bytes: &[u8], n_bits: u32, polynomial: u32) -> u32 {
    let shift = 32 - n_bits;
    let sum = bytes.iter().fold(0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| match sum >> 31 {
            0 => sum << 1,
            _ => sum << 1 ^ polynomial << shift,
        })
    });
    sum >> shift
}
