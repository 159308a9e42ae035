//! Headers of WAV files and of their larger kin: RF64 and BW64 (EBU Tech 3306, ITU-R BS.2088), and Sony's Wave64.
//!
//! Outer sizes aren't trusted: the sound lies between the start of the `data` chunk and the end of the file, whatever the
//! header states.

use std::fs::File;
use std::io::Result;
use std::ops::Range;

use symphonia::core::codecs::audio::well_known as ids;

use super::pcm::{Numbers, Pcm, SampleKind, SoundChunk, data_range};
use super::source::bytes_at;

/// What a WAV file holds.
#[derive(Debug, PartialEq)]
pub(super) enum Wave {
    Pcm(Pcm),
    /// A coded stream: the `fmt ` chunk, and where the stream lies.
    Coded {
        format: Vec<u8>,
        data: Range<u64>,
        /// What a person should know of the file.
        notes: Vec<String>,
    },
}

/// Most chunks that are looked at in front of the sound.
const MAX_CHUNKS: usize = 10_000;
/// Longest `fmt ` chunk that is read.
const MAX_FORMAT_BYTES: u64 = 64 * 1024;
/// Where a chunk's size leads nowhere, the sound is looked for in so many bytes.
const SEARCH_BYTES: usize = 4 << 20;

/// Reads the header of the file whose RIFF chunk begins at `body.start`; `None` if it has no sound that this finds.
pub(super) fn read(file: &mut File, body: &Range<u64>) -> Result<Option<Wave>> {
    let head = bytes_at(file, body.start, 64)?;
    // Other kinds of RIFF, such as AVI, are not read here.
    let chunks = match (head.get(..6), head.get(8..12)) {
        (Some(b"riff\x2e\x91"), _) => wave64_chunks(file, body)?,
        (Some(_), Some(b"WAVE")) => riff_chunks(file, body)?,
        _ => return Ok(None),
    };
    Ok(chunks.wave())
}

/// The chunks that matter.
#[derive(Default)]
struct Chunks {
    format: Option<Vec<u8>>,
    sound: SoundChunk,
}

fn riff_chunks(file: &mut File, body: &Range<u64>) -> Result<Chunks> {
    let mut at = body.start + 12;
    let (mut chunks, mut long_data) = (Chunks::default(), None);
    for _ in 0..MAX_CHUNKS {
        let head = bytes_at(file, at, 8 + 28)?;
        let (Some(id), Some(size)) = (head.get(..4), u32_at(&head, 4)) else {
            break;
        };
        let start = at + 8;
        let mut next = start + u64::from(size);
        match id {
            b"fmt " => chunks.add_format(file, start, u64::from(size))?,
            // RF64's 64-bit sizes: of the whole, of the data, of the samples.
            b"ds64" => long_data = u64_at(&head, 8 + 8).filter(|&size| size > 0),
            b"data" if size > 0 || !is_chunk(&bytes_at(file, start, 8)?) => {
                let (data, stated_bytes) = match (size, long_data) {
                    (u32::MAX, Some(long)) => data_range(start, long, body.end, false),
                    _ => data_range(start, u64::from(size), body.end, true),
                };
                next = data.end;
                chunks.sound.add((data, stated_bytes));
            }
            _ => {}
        }
        at = match next_chunk(file, next, size, body.end)? {
            Some(next) => next,
            None if chunks.sound.range().is_some() => break,
            None => match search_data(file, start, body.end)? {
                Some(data) => data,
                None => break,
            },
        };
    }
    Ok(chunks)
}

/// Whether a chunk begins here that often stands behind the sound: then a length of 0 before it means that there is none, and
/// not that it is unknown.
fn is_chunk(bytes: &[u8]) -> bool {
    matches!(bytes.get(..4), Some(b"LIST" | b"id3 " | b"fact" | b"cue "))
}

/// Where the next chunk begins: chunks of odd sizes are followed by a byte that some programs leave out.
fn next_chunk(file: &mut File, next: u64, size: u32, end: u64) -> Result<Option<u64>> {
    let padded = next + u64::from(size % 2);
    if next + 8 > end {
        return Ok(None);
    }
    if padded != next
        && matches!(
            bytes_at(file, next, 4)?.as_slice(),
            b"data" | b"fmt " | b"LIST" | b"fact" | b"id3 " | b"bext"
        )
    {
        return Ok(Some(next));
    }
    let id = bytes_at(file, padded, 4)?;
    let is_name = id.iter().all(|byte| (0x20..0x7f).contains(byte));
    Ok(is_name.then_some(padded))
}

/// Looks for the `data` chunk behind one whose size is wrong.
fn search_data(file: &mut File, from: u64, end: u64) -> Result<Option<u64>> {
    let n_bytes =
        usize::try_from(end.saturating_sub(from)).map_or(SEARCH_BYTES, |n| n.min(SEARCH_BYTES));
    let bytes = bytes_at(file, from, n_bytes)?;
    let found = bytes.windows(4).position(|id| id == b"data");
    Ok(found.map(|at| from + at as u64))
}

/// Wave64 names its chunks with 16 bytes, whose first four are those of RIFF, and counts their 24-byte headers in.
fn wave64_chunks(file: &mut File, body: &Range<u64>) -> Result<Chunks> {
    const HEADER: u64 = 24;
    let mut at = body.start + 40;
    let mut chunks = Chunks::default();
    for _ in 0..MAX_CHUNKS {
        let head = bytes_at(file, at, HEADER as usize)?;
        let (Some(id), Some(size)) = (head.get(..4), u64_at(&head, 16)) else {
            break;
        };
        let start = at + HEADER;
        let n_bytes = size.saturating_sub(HEADER);
        match id {
            b"fmt " => chunks.add_format(file, start, n_bytes)?,
            b"data" => chunks
                .sound
                .add(data_range(start, n_bytes, body.end, false)),
            _ => {}
        }
        let padded = size.max(HEADER).checked_next_multiple_of(8);
        at = match padded.and_then(|size| at.checked_add(size)) {
            Some(next) if next < body.end => next,
            _ => break,
        };
    }
    Ok(chunks)
}

impl Chunks {
    /// Reads a `fmt ` chunk. The first one counts.
    fn add_format(&mut self, file: &mut File, start: u64, n_bytes: u64) -> Result<()> {
        if self.format.is_none() {
            let n_bytes = n_bytes.min(MAX_FORMAT_BYTES) as usize;
            self.format = Some(bytes_at(file, start, n_bytes)?);
        }
        Ok(())
    }

    fn wave(self) -> Option<Wave> {
        let format = self.format?;
        if let Some(pcm) = pcm(&format, &self.sound) {
            return Some(Wave::Pcm(pcm));
        }
        let (data, _) = self.sound.range()?;
        (u16_at(&format, 0)? != 0).then(|| Wave::Coded {
            format,
            data,
            notes: self.sound.notes(),
        })
    }
}

/// Reads a WAVEFORMATEX of any length (RFC 2361), or a WAVEFORMATEXTENSIBLE.
fn pcm(format: &[u8], sound: &SoundChunk) -> Option<Pcm> {
    const EXTENSIBLE: u16 = 0xfffe;
    let (data, stated_bytes) = sound.range()?;
    let mut tag = u16_at(format, 0)?;
    let n_channels = u16_at(format, 2).filter(|&n| n > 0)?;
    let sample_rate_hz = u32_at(format, 4)?;
    let block_bytes = u16_at(format, 12)?;
    let bits = u16_at(format, 14).unwrap_or(0);
    let mut valid_bits = bits;
    if tag == EXTENSIBLE {
        tag = u16_at(format, 24)?;
        valid_bits = u16_at(format, 18)
            .filter(|&valid| (1..=bits).contains(&valid))
            .unwrap_or(bits);
    }
    // A sample takes its share of the block: 24 bits may stand in 4 bytes, 12 in 2, the highest bit first.
    let bits_bytes = bits.div_ceil(8);
    let share = block_bytes / n_channels;
    let is_share = block_bytes % n_channels == 0 && share >= bits_bytes && share <= 8;
    let n_bytes = if is_share { share } else { bits_bytes };
    let kind = match tag {
        1 if n_bytes == 1 => SampleKind::of(Numbers::Unsigned, 1, false),
        1 => SampleKind::of(Numbers::Signed, n_bytes, false),
        3 => SampleKind::of(Numbers::Float, n_bytes, false),
        6 => Some(SampleKind::g711(ids::CODEC_ID_PCM_ALAW)),
        7 => Some(SampleKind::g711(ids::CODEC_ID_PCM_MULAW)),
        _ => None,
    }?;
    let valid_bits = match tag {
        1 if n_bytes == 4 && valid_bits > 0 => u32::from(valid_bits),
        _ => kind.valid_bits,
    };
    Some(Pcm {
        kind: SampleKind { valid_bits, ..kind },
        sample_rate_hz,
        n_channels,
        data,
        stated_bytes,
        notes: sound.notes(),
    })
}

/// A header for a coded stream that states the right sizes.
pub(super) fn coded_header(format: &[u8], data: &Range<u64>) -> Vec<u8> {
    let size = |n: u64| u32::try_from(n).unwrap_or(u32::MAX - 8).to_le_bytes();
    let n_bytes = data.end - data.start;
    let n_format = format.len() as u64 + format.len() as u64 % 2;
    let mut head = b"RIFF".to_vec();
    head.extend(size(4 + 8 + n_format + 8 + n_bytes));
    head.extend(b"WAVEfmt ");
    head.extend(size(format.len() as u64));
    head.extend(format);
    head.resize(20 + n_format as usize, 0);
    head.extend(b"data");
    head.extend(size(n_bytes));
    head
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
