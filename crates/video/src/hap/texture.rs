//! Pictures as textures: blocks of 4x4 pixels from the top left, row by row.

use block_compression::CompressionVariant;
use block_compression::decode::decompress_blocks_as_rgba8;
use block_compression::encode::compress_rgba8;

use super::refine::refine;

const SIDE: usize = super::BLOCK_SIDE as usize;

/// How a block is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum Texture {
    /// BC1 (DXT1): 8 bytes.
    Rgb,
    /// BC3 (DXT5): 16 bytes. Alpha is the picture's luma: black is transparent.
    Rgba,
    /// BC3 (DXT5): 16 bytes. Luma takes the place of alpha, where a block has most precision; the colours are Co, Cg and a
    /// scale (van Waveren and Castaño 2007, "Real-Time YCoCg-DXT Compression", section 3).
    ScaledYcocg,
}

impl Texture {
    fn variant(self) -> CompressionVariant {
        match self {
            Self::Rgb => CompressionVariant::BC1,
            Self::Rgba | Self::ScaledYcocg => CompressionVariant::BC3,
        }
    }

    /// Bytes of a picture of `n_pixels`.
    pub(super) fn n_bytes(self, n_pixels: usize) -> usize {
        let block = match self {
            Self::Rgb => 8,
            Self::Rgba | Self::ScaledYcocg => 16,
        };
        n_pixels / (SIDE * SIDE) * block
    }

    /// The blocks of some rows of a picture, `[row][pixel][red, green, blue]`; their number is a multiple of 4.
    pub(super) fn blocks_of(self, rows: &[u8], width: u32) -> Vec<u8> {
        let (pixels, _) = rows.as_chunks::<3>();
        let mut rgba: Vec<[u8; 4]> = match self {
            Self::Rgb => pixels.iter().map(|[r, g, b]| [*r, *g, *b, 255]).collect(),
            Self::Rgba | Self::ScaledYcocg => pixels
                .iter()
                .map(|p| [p[0], p[1], p[2], luma(*p)])
                .collect(),
        };
        if self == Self::ScaledYcocg {
            for_each_block(&mut rgba, width as usize, to_ycocg);
        }
        let height = (pixels.len() / width.max(1) as usize) as u32;
        let mut blocks = vec![0; self.n_bytes(pixels.len())];
        let bytes = rgba.as_flattened();
        compress_rgba8(self.variant(), bytes, &mut blocks, width, height, 4 * width);
        match self {
            Self::Rgb => refine_all(blocks.as_chunks_mut::<8>().0.iter_mut(), pixels, width),
            Self::Rgba => {
                let blocks = blocks.as_chunks_mut::<16>().0.iter_mut();
                let colours = blocks.filter_map(|block| block.last_chunk_mut::<8>());
                refine_all(colours, pixels, width);
            }
            Self::ScaledYcocg => {}
        }
        blocks
    }

    /// The pixels of all blocks of a picture, `[row][pixel][red, green, blue]`.
    pub(super) fn pixels_of(self, blocks: &[u8], width: u32) -> Vec<u8> {
        let n_pixels = blocks.len() / self.n_bytes(SIDE * SIDE) * SIDE * SIDE;
        let height = (n_pixels / width.max(1) as usize) as u32;
        let mut rgba = vec![[0u8; 4]; n_pixels];
        let bytes = rgba.as_flattened_mut();
        decompress_blocks_as_rgba8(self.variant(), width, height, blocks, bytes);
        let pixel = |p: &[u8; 4]| match self {
            Self::Rgb | Self::Rgba => [p[0], p[1], p[2]],
            Self::ScaledYcocg => from_ycocg(*p),
        };
        rgba.iter().flat_map(pixel).collect()
    }
}

/// Refines the colours of all blocks of some rows.
fn refine_all<'a>(blocks: impl Iterator<Item = &'a mut [u8; 8]>, pixels: &[[u8; 3]], width: u32) {
    let width = width as usize;
    let corners = (0..pixels.len() / width.max(1))
        .step_by(SIDE)
        .flat_map(|row| (0..width).step_by(SIDE).map(move |left| row * width + left));
    for (block, corner) in blocks.zip(corners) {
        let pixel = |i: usize| pixels[corner + i / SIDE * width + i % SIDE];
        refine(
            block,
            &std::array::from_fn(|k| std::array::from_fn(|i| f32::from(pixel(i)[k]))),
        );
    }
}

/// The Y of YCoCg.
fn luma([r, g, b]: [u8; 3]) -> u8 {
    ((u16::from(r) + 2 * u16::from(g) + u16::from(b) + 2) / 4) as u8
}

/// Calls a function with the pixels of each block, in place.
fn for_each_block(
    pixels: &mut [[u8; 4]],
    width: usize,
    change: impl Fn(&mut [[u8; 4]; SIDE * SIDE]),
) {
    for strip in pixels.chunks_exact_mut(SIDE * width) {
        for left in (0..width).step_by(SIDE) {
            let place = |i: usize| i / SIDE * width + left + i % SIDE;
            let mut block = std::array::from_fn(|i| strip[place(i)]);
            change(&mut block);
            for (i, pixel) in block.into_iter().enumerate() {
                strip[place(i)] = pixel;
            }
        }
    }
}

/// Red, green, blue and luma become Co, Cg, the scale and luma. Colours that are close to grey are scaled up by 2 or 4, as far as
/// all of the block allows.
fn to_ycocg(block: &mut [[u8; 4]; SIDE * SIDE]) {
    let chroma = |[r, g, b, _]: [u8; 4]| {
        let [r, g, b] = [r, g, b].map(i32::from);
        [halved(r - b), halved(halved(2 * g - r - b))]
    };
    let most = block
        .iter()
        .flat_map(|pixel| chroma(*pixel).map(i32::abs))
        .max()
        .unwrap_or_default();
    let scale = match most {
        0..=31 => 4,
        32..=63 => 2,
        _ => 1,
    };
    for pixel in block {
        let [co, cg] = chroma(*pixel).map(|c| (c * scale + 128).clamp(0, 255) as u8);
        *pixel = [co, cg, ((scale - 1) * 8) as u8, pixel[3]];
    }
}

/// Half, rounded away from 0.
fn halved(value: i32) -> i32 {
    (value + value.signum()) / 2
}

/// As a graphics card computes it.
fn from_ycocg([co, cg, scale, y]: [u8; 4]) -> [u8; 3] {
    let scale = f32::from(scale) / 8.0 + 1.0;
    let chroma = |c: u8| (f32::from(c) - 128.0) / scale;
    let (y, co, cg) = (f32::from(y), chroma(co), chroma(cg));
    [y + co - cg, y + cg, y - co - cg].map(|value| value.round().clamp(0.0, 255.0) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Before blocks are packed, a colour that fits its scale comes back to within a step.
        #[test]
        fn colours_come_back_from_ycocg(rgb in prop::array::uniform3(0u8..)) {
            let mut block = [[rgb[0], rgb[1], rgb[2], luma(rgb)]; 16];
            to_ycocg(&mut block);
            for (found, wanted) in from_ycocg(block[0]).into_iter().zip(rgb) {
                prop_assert!(found.abs_diff(wanted) <= 2, "{found} instead of {wanted}");
            }
        }
    }
}
