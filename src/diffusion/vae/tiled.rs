//! Decoding in overlapping tiles, so that memory doesn't grow with the picture.

use candle_core::{Result, Tensor};

/// Pictures of at most this many pixels are decoded in one piece: 1024x1024.
const MAX_PIXELS: usize = 1024 * 1024;
/// Side of a tile in pixels.
const TILE_PIXELS: usize = 768;
/// Width of the band in which neighbouring tiles are cross-faded, in pixels.
const OVERLAP_PIXELS: usize = 256;

/// Decodes `latents` `[b, c, h, w]` with `decode`, which enlarges by `scale`.
pub fn decode(
    latents: &Tensor,
    scale: usize,
    decode: impl Fn(&Tensor) -> Result<Tensor>,
) -> Result<Tensor> {
    let (_, _, height, width) = latents.dims4()?;
    if height * width * scale * scale <= MAX_PIXELS {
        return decode(latents);
    }
    let rows = spans(height, TILE_PIXELS / scale, OVERLAP_PIXELS / scale);
    let columns = spans(width, TILE_PIXELS / scale, OVERLAP_PIXELS / scale);
    let mut bands = Vec::with_capacity(rows.len());
    for &(top, tile_height) in &rows {
        let mut tiles = Vec::with_capacity(columns.len());
        for &(left, tile_width) in &columns {
            let tile = latents
                .narrow(2, top, tile_height)?
                .narrow(3, left, tile_width)?
                .contiguous()?;
            tiles.push((left * scale, decode(&tile)?));
        }
        bands.push((top * scale, join(tiles, 3)?));
    }
    join(bands, 2)
}

/// Equal spans `(begin, length)` that cover `0..len` and overlap by at least `overlap`.
fn spans(len: usize, tile: usize, overlap: usize) -> Vec<(usize, usize)> {
    let tile = tile.clamp(1, len.max(1));
    let step = tile.saturating_sub(overlap).max(1);
    let n_spans = (len - tile).div_ceil(step) + 1;
    let begin = |idx: usize| match n_spans {
        1 => 0,
        _ => idx * (len - tile) / (n_spans - 1),
    };
    (0..n_spans).map(|idx| (begin(idx), tile)).collect()
}

/// Joins tiles along an axis; where two overlap, the first fades into the second.
fn join(tiles: Vec<(usize, Tensor)>, axis: usize) -> Result<Tensor> {
    let mut joined: Option<Tensor> = None;
    for (begin, tile) in tiles {
        joined = Some(match joined {
            None => tile,
            Some(done) => {
                let overlap = done.dim(axis)? - begin;
                let kept = done.narrow(axis, 0, begin)?;
                let fading_out = done.narrow(axis, begin, overlap)?;
                let fading_in = tile.narrow(axis, 0, overlap)?;
                let rest = tile.narrow(axis, overlap, tile.dim(axis)? - overlap)?;
                let ramp: Vec<f32> = (0..overlap)
                    .map(|i| (i as f32 + 0.5) / overlap as f32)
                    .collect();
                let mut shape = [1; 4];
                if let Some(side) = shape.get_mut(axis) {
                    *side = overlap;
                }
                let ramp = Tensor::from_vec(ramp, &shape, tile.device())?.to_dtype(tile.dtype())?;
                let faded = (&fading_out + (fading_in - &fading_out)?.broadcast_mul(&ramp)?)?;
                Tensor::cat(&[kept, faded, rest], axis)?
            }
        });
    }
    joined.ok_or_else(|| candle_core::Error::msg("there are no tiles to join"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spans_cover_everything(len in 1usize..500, tile in 1usize..128, overlap in 0usize..64) {
            let spans = spans(len, tile, overlap);
            prop_assert_eq!(spans[0].0, 0);
            let (begin, length) = *spans.last().unwrap();
            prop_assert_eq!(begin + length, len);
            for pair in spans.windows(2) {
                let shared = (pair[0].0 + pair[0].1) as i64 - pair[1].0 as i64;
                prop_assert!(shared >= overlap.min(tile.min(len) - 1) as i64);
            }
        }
    }

    #[test]
    fn a_pointwise_decoder_has_no_seams() {
        let device = Device::Cpu;
        let latents = Tensor::rand(-1f32, 1.0, (1, 4, 200, 170), &device).unwrap();
        let pointwise = |x: &Tensor| {
            x.narrow(1, 0, 3)?
                .upsample_nearest2d(x.dim(2)? * 8, x.dim(3)? * 8)
        };
        let whole = pointwise(&latents).unwrap();
        let tiled = decode(&latents, 8, pointwise).unwrap();
        assert_eq!(whole.dims(), tiled.dims());
        let difference = (whole - tiled).unwrap().abs().unwrap().max_all().unwrap();
        assert!(difference.to_scalar::<f32>().unwrap() < 1e-6);
    }
}
