//! A texture as a frame of the film: sections with a length and a kind (HapVideoDRAFT, "Frame Layout"). The texture is packed in
//! parts, so that several cores can unpack it.

use timeline::Size;

use super::texture::Texture;

/// Kinds of sections.
const DECODE_INSTRUCTIONS: u8 = 0x01;
const COMPRESSORS: u8 = 0x02;
const SIZES: u8 = 0x03;
const OFFSETS: u8 = 0x04;

/// How a part is packed; in the upper half of a frame's kind, all of it.
const PLAIN: u8 = 0x0A;
const SNAPPY: u8 = 0x0B;
const IN_PARTS: u8 = 0x0C;

/// Longest section whose length fits in three bytes.
const MAX_SHORT: usize = 0x00ff_ffff;

/// Most parts that a frame of others may have.
const MAX_PARTS: usize = 4096;

/// A part of the texture, packed.
pub(super) struct Part {
    compressor: u8,
    data: Vec<u8>,
}

impl Part {
    /// Packs a part; leaves it as it is where that is shorter.
    pub(super) fn packed(blocks: Vec<u8>) -> Self {
        let packed = snap::raw::Encoder::new().compress_vec(&blocks);
        match packed {
            Ok(data) if data.len() < blocks.len() => Self {
                compressor: SNAPPY,
                data,
            },
            _ => Self {
                compressor: PLAIN,
                data: blocks,
            },
        }
    }
}

/// The low half of a frame's kind.
fn texture_kind(texture: Texture) -> u8 {
    match texture {
        Texture::Rgb => 0x0B,
        Texture::Rgba => 0x0E,
        Texture::ScaledYcocg => 0x0F,
    }
}

/// A frame of parts in their order.
pub(super) fn encode(texture: Texture, parts: &[Part]) -> Vec<u8> {
    let compressors: Vec<u8> = parts.iter().map(|part| part.compressor).collect();
    let sizes = parts.iter().map(|part| part.data.len() as u32);
    let sizes: Vec<u8> = sizes.flat_map(u32::to_le_bytes).collect();
    let tables = [section(COMPRESSORS, &compressors), section(SIZES, &sizes)].concat();
    let mut body = section(DECODE_INSTRUCTIONS, &tables);
    parts.iter().for_each(|part| body.extend(&part.data));
    section(IN_PARTS << 4 | texture_kind(texture), &body)
}

fn section(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut section = Vec::with_capacity(body.len() + 8);
    let [low, mid, high, _] = (body.len() as u32).to_le_bytes();
    if (1..=MAX_SHORT).contains(&body.len()) {
        section.extend([low, mid, high, kind]);
    } else {
        section.extend([0, 0, 0, kind]);
        section.extend((body.len() as u32).to_le_bytes());
    }
    section.extend(body);
    section
}

/// The first section: its kind, its body, and what follows it.
fn split(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let [low, mid, high, kind] = *head;
    let (n_bytes, rest) = match u32::from_le_bytes([low, mid, high, 0]) {
        0 => {
            let (n_bytes, rest) = rest.split_first_chunk::<4>()?;
            (u32::from_le_bytes(*n_bytes), rest)
        }
        n_bytes => (n_bytes, rest),
    };
    let (body, after) = rest.split_at_checked(n_bytes as usize)?;
    Some((kind, body, after))
}

/// The texture of a frame of `size`, and its blocks.
///
/// # Errors
/// Says what is wrong with the frame.
pub(super) fn decode(sample: &[u8], size: Size) -> Result<(Texture, Vec<u8>), String> {
    let (kind, body, _) = split(sample).ok_or("it was cut short")?;
    let texture = match kind & 0x0f {
        0x0B => Texture::Rgb,
        0x0E => Texture::Rgba,
        0x0F => Texture::ScaledYcocg,
        other => {
            return Err(format!(
                "its texture is of kind {other:#x}, which can't be read"
            ));
        }
    };
    let wanted = texture.n_bytes(size.width as usize * size.height as usize);
    let blocks = match kind >> 4 {
        IN_PARTS => unpack_parts(body, wanted)?,
        compressor => unpack(compressor, body, wanted)?,
    };
    match blocks.len() == wanted {
        true => Ok((texture, blocks)),
        false => Err(format!(
            "its texture has {} bytes instead of {wanted}",
            blocks.len()
        )),
    }
}

fn unpack_parts(body: &[u8], wanted: usize) -> Result<Vec<u8>, String> {
    let broken = || "its table of parts is damaged".to_owned();
    let (kind, mut tables, data) = split(body).ok_or_else(broken)?;
    if kind != DECODE_INSTRUCTIONS {
        return Err(broken());
    }
    let (mut compressors, mut sizes, mut offsets) = (&[][..], Vec::new(), Vec::new());
    let numbers = |table: &[u8]| -> Vec<usize> {
        let (numbers, _) = table.as_chunks::<4>();
        numbers
            .iter()
            .map(|n| u32::from_le_bytes(*n) as usize)
            .collect()
    };
    while let Some((kind, table, rest)) = split(tables) {
        match kind {
            COMPRESSORS => compressors = table,
            SIZES => sizes = numbers(table),
            OFFSETS => offsets = numbers(table),
            _ => {}
        }
        tables = rest;
    }
    if compressors.len() != sizes.len() || sizes.len() > MAX_PARTS {
        return Err(broken());
    }
    let mut blocks = Vec::new();
    let mut next = 0;
    for (idx, (compressor, n_bytes)) in compressors.iter().zip(sizes).enumerate() {
        let start = offsets.get(idx).copied().unwrap_or(next);
        next = start + n_bytes;
        let part = data.get(start..next).ok_or("it was cut short")?;
        blocks.extend(unpack(*compressor, part, wanted - blocks.len())?);
    }
    Ok(blocks)
}

/// One part of at most `room` bytes.
fn unpack(compressor: u8, data: &[u8], room: usize) -> Result<Vec<u8>, String> {
    let too_long = || "its texture is longer than the picture".to_owned();
    match compressor {
        PLAIN if data.len() <= room => Ok(data.to_vec()),
        PLAIN => Err(too_long()),
        SNAPPY => {
            if snap::raw::decompress_len(data).map_err(|e| e.to_string())? > room {
                return Err(too_long());
            }
            let mut decoder = snap::raw::Decoder::new();
            decoder.decompress_vec(data).map_err(|e| e.to_string())
        }
        other => Err(format!(
            "a part is packed in way {other:#x}, which isn't known"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: Size = Size {
        width: 16,
        height: 8,
    };

    fn part(compressor: u8, data: &[u8]) -> Part {
        Part {
            compressor,
            data: data.to_vec(),
        }
    }

    #[test]
    fn layouts_of_other_encoders_are_read() {
        let blocks: Vec<u8> = (0..64).collect();
        // The whole texture in one piece, plain and packed.
        let plain = section(PLAIN << 4 | 0x0B, &blocks);
        let packed = snap::raw::Encoder::new().compress_vec(&blocks).unwrap();
        let whole = section(SNAPPY << 4 | 0x0B, &packed);
        for frame in [plain, whole] {
            assert_eq!(decode(&frame, SIZE), Ok((Texture::Rgb, blocks.clone())));
        }
        // Parts that lie in another order than they are shown in.
        let tables = [
            section(COMPRESSORS, &[PLAIN, PLAIN]),
            section(SIZES, &[32, 0, 0, 0, 32, 0, 0, 0]),
            section(OFFSETS, &[32, 0, 0, 0, 0, 0, 0, 0]),
        ];
        let instructions = section(DECODE_INSTRUCTIONS, &tables.concat());
        let body = [&instructions, &blocks[32..], &blocks[..32]].concat();
        let frame = section(IN_PARTS << 4 | 0x0B, &body);
        assert_eq!(decode(&frame, SIZE), Ok((Texture::Rgb, blocks)));
    }

    #[test]
    fn long_and_empty_sections_have_long_heads() {
        assert_eq!(section(3, &[]), [0, 0, 0, 3, 0, 0, 0, 0]);
        let long = vec![7; MAX_SHORT + 1];
        let bytes = section(3, &long);
        assert_eq!(bytes[..8], [0, 0, 0, 3, 0, 0, 0, 1]);
        assert_eq!(split(&bytes), Some((3, &long[..], &[][..])));
    }

    #[test]
    fn textures_of_the_wrong_length_are_refused() {
        let long = encode(Texture::Rgb, &[part(PLAIN, &[0; 65])]);
        let short = encode(Texture::Rgb, &[part(PLAIN, &[0; 63])]);
        let bomb = snap::raw::Encoder::new()
            .compress_vec(&vec![0; 1 << 20])
            .unwrap();
        let bomb = encode(Texture::Rgb, &[part(SNAPPY, &bomb)]);
        for frame in [long, short, bomb] {
            assert!(decode(&frame, SIZE).is_err());
        }
    }
}
