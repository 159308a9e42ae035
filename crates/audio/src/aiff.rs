//! Headers of AIFF and AIFF-C, of Apple's Core Audio Format, and of Sun's AU: plain samples with their highest byte first.

use std::fs::File;
use std::io::Result;
use std::ops::Range;

use symphonia::core::codecs::audio::well_known as ids;

use super::pcm::{Numbers, Pcm, SampleKind, SoundChunk, data_range};
use super::source::bytes_at;

const MAX_CHUNKS: usize = 10_000;

/// Reads the header at `body.start`; `None` if the file holds no plain samples.
pub(super) fn read(file: &mut File, body: &Range<u64>) -> Result<Option<Pcm>> {
    let head = bytes_at(file, body.start, 24)?;
    match head.get(..4) {
        Some(b"FORM") => read_aiff(file, body),
        Some(b"caff") => read_caf(file, body),
        Some(b".snd") => Ok(read_au(&head, body)),
        _ => Ok(None),
    }
}

fn read_aiff(file: &mut File, body: &Range<u64>) -> Result<Option<Pcm>> {
    let mut at = body.start + 12;
    let mut common = None;
    let mut sound = SoundChunk::default();
    for _ in 0..MAX_CHUNKS {
        let head = bytes_at(file, at, 8 + 26)?;
        let (Some(id), Some(size)) = (head.get(..4), u32_at(&head, 4)) else {
            break;
        };
        let chunk = head.get(8..).unwrap_or_default();
        match id {
            b"COMM" => {
                common = Some(
                    chunk
                        .iter()
                        .take(size as usize)
                        .copied()
                        .collect::<Vec<u8>>(),
                )
            }
            b"SSND" => {
                let offset = u64::from(u32_at(chunk, 0).unwrap_or(0));
                let stated = u64::from(size).saturating_sub(8 + offset);
                let start = (at + 16 + offset).min(body.end);
                sound.add(data_range(start, stated, body.end, true));
            }
            _ => {}
        }
        at += 8 + u64::from(size) + u64::from(size % 2);
    }
    Ok(common.and_then(|common| aiff_pcm(&common, &sound)))
}

/// Reads a COMM chunk (AIFF 1.3, Apple 1989; AIFF-C adds the kind of compression).
fn aiff_pcm(common: &[u8], sound: &SoundChunk) -> Option<Pcm> {
    let (data, stated_bytes) = sound.range()?;
    let n_channels = u16_at(common, 0).filter(|&n| n > 0)?;
    let n_bytes = u16_at(common, 6)?.div_ceil(8);
    let signed = |is_big_endian| SampleKind::of(Numbers::Signed, n_bytes, is_big_endian);
    let kind = match common.get(18..22) {
        None | Some(b"NONE" | b"twos" | b"in24" | b"in32") => signed(true),
        Some(b"sowt" | b"42ni" | b"23ni") => signed(false),
        Some(b"raw ") => SampleKind::of(Numbers::Unsigned, n_bytes, true),
        Some(b"fl32" | b"FL32") => SampleKind::of(Numbers::Float, 4, true),
        Some(b"fl64" | b"FL64") => SampleKind::of(Numbers::Float, 8, true),
        Some(b"alaw" | b"ALAW") => Some(SampleKind::g711(ids::CODEC_ID_PCM_ALAW)),
        Some(b"ulaw" | b"ULAW") => Some(SampleKind::g711(ids::CODEC_ID_PCM_MULAW)),
        Some(_) => None,
    }?;
    Some(Pcm {
        kind,
        sample_rate_hz: extended_at(common, 8)?,
        n_channels,
        data,
        stated_bytes,
        notes: sound.notes(),
    })
}

/// An 80-bit number of IEEE 754 as a sample rate.
fn extended_at(bytes: &[u8], at: usize) -> Option<u32> {
    let exponent = u16_at(bytes, at)? & 0x7fff;
    let mantissa = u64_at(bytes, at + 2)?;
    let rate = mantissa as f64 * 2f64.powi(i32::from(exponent) - 16_383 - 63);
    (rate.round() <= f64::from(u32::MAX)).then_some(rate.round() as u32)
}

/// Reads `desc` and `data` (Apple Core Audio Format Specification 1.0). A length of -1 stands for "to the end".
fn read_caf(file: &mut File, body: &Range<u64>) -> Result<Option<Pcm>> {
    let mut at = body.start + 8;
    let mut description = None;
    let mut sound = SoundChunk::default();
    for _ in 0..MAX_CHUNKS {
        let head = bytes_at(file, at, 12 + 32)?;
        let (Some(id), Some(size)) = (head.get(..4), u64_at(&head, 4)) else {
            break;
        };
        let chunk = head.get(12..).unwrap_or_default();
        match id {
            b"desc" => description = Some(chunk.to_vec()),
            b"data" => {
                // Four bytes count the edits of the file.
                let stated = if size == u64::MAX {
                    size
                } else {
                    size.saturating_sub(4)
                };
                let start = (at + 16).min(body.end);
                sound.add(data_range(start, stated, body.end, false));
            }
            _ => {}
        }
        at = match at.checked_add(12).and_then(|at| at.checked_add(size)) {
            Some(next) if next < body.end => next,
            _ => break,
        };
    }
    Ok(description.and_then(|description| caf_pcm(&description, &sound)))
}

fn caf_pcm(description: &[u8], sound: &SoundChunk) -> Option<Pcm> {
    const IS_FLOAT: u32 = 1;
    const IS_LITTLE_ENDIAN: u32 = 2;
    let rate = f64::from_bits(u64_at(description, 0)?);
    let flags = u32_at(description, 12)?;
    let n_channels = u16::try_from(u32_at(description, 24)?)
        .ok()
        .filter(|&n| n > 0)?;
    let bytes_per_packet = u16::try_from(u32_at(description, 16)?).ok()?;
    let bits = u16::try_from(u32_at(description, 28)?).ok()?;
    let share = bytes_per_packet / n_channels;
    let n_bytes = if share * 8 >= bits {
        share
    } else {
        bits.div_ceil(8)
    };
    let numbers = if flags & IS_FLOAT == 0 {
        Numbers::Signed
    } else {
        Numbers::Float
    };
    let kind = match description.get(8..12)? {
        b"lpcm" => SampleKind::of(numbers, n_bytes, flags & IS_LITTLE_ENDIAN == 0),
        b"alaw" => Some(SampleKind::g711(ids::CODEC_ID_PCM_ALAW)),
        b"ulaw" => Some(SampleKind::g711(ids::CODEC_ID_PCM_MULAW)),
        _ => None,
    }?;
    let is_rate = (1.0..=f64::from(u32::MAX)).contains(&rate);
    let (data, stated_bytes) = sound.range()?;
    is_rate.then_some(Pcm {
        kind,
        sample_rate_hz: rate.round() as u32,
        n_channels,
        data,
        stated_bytes,
        notes: sound.notes(),
    })
}

/// Sun's AU: six numbers, then the samples. A length of 0xFFFFFFFF stands for "to the end".
fn read_au(head: &[u8], body: &Range<u64>) -> Option<Pcm> {
    let offset = u64::from(u32_at(head, 4)?);
    let start = (body.start + offset.max(24)).min(body.end);
    let (data, stated_bytes) = data_range(start, u64::from(u32_at(head, 8)?), body.end, true);
    let signed = |n_bytes| SampleKind::of(Numbers::Signed, n_bytes, true);
    let kind = match u32_at(head, 12)? {
        1 => Some(SampleKind::g711(ids::CODEC_ID_PCM_MULAW)),
        27 => Some(SampleKind::g711(ids::CODEC_ID_PCM_ALAW)),
        2 => signed(1),
        3 => signed(2),
        4 => signed(3),
        5 => signed(4),
        6 => SampleKind::of(Numbers::Float, 4, true),
        7 => SampleKind::of(Numbers::Float, 8, true),
        _ => None,
    }?;
    Some(Pcm {
        kind,
        sample_rate_hz: u32_at(head, 16)?,
        n_channels: u16::try_from(u32_at(head, 20)?).ok().filter(|&n| n > 0)?,
        data,
        stated_bytes,
        notes: Vec::new(),
    })
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
