//! The transform of the weights, once for each convolution.

use rayon::prelude::*;

use super::{PATCH, PLACES};
use crate::conv::{Conv2d, ConvShape};
use crate::microkernel::ROWS;

/// `[out_channels / ROWS][PLACES][in_channels][ROWS]` of `G g Gᵀ`.
pub(super) fn transform_weights(conv: &Conv2d) -> Vec<f32> {
    const G: [[f64; 3]; PATCH] = [
        [1.0 / 4.0, 0.0, 0.0],
        [-1.0 / 6.0, -1.0 / 6.0, -1.0 / 6.0],
        [-1.0 / 6.0, 1.0 / 6.0, -1.0 / 6.0],
        [1.0 / 24.0, 1.0 / 12.0, 1.0 / 6.0],
        [1.0 / 24.0, -1.0 / 12.0, 1.0 / 6.0],
        [0.0, 0.0, 1.0],
    ];
    let ConvShape {
        in_channels,
        out_channels,
        ..
    } = conv.shape;
    let n_block = PLACES * in_channels * ROWS;
    let mut transformed = vec![0.0; out_channels.div_ceil(ROWS) * n_block];
    let blocks = transformed.par_chunks_exact_mut(n_block).enumerate();
    blocks.for_each(|(block, transformed)| {
        for row in 0..ROWS.min(out_channels - block * ROWS) {
            for in_channel in 0..in_channels {
                let g: [f64; 9] = std::array::from_fn(|tap| {
                    f64::from(conv.weight(block * ROWS + row, in_channel, tap))
                });
                // G g, then (G g) Gᵀ.
                let half: [[f64; 3]; PATCH] = std::array::from_fn(|y| {
                    std::array::from_fn(|x| (0..3).map(|i| G[y][i] * g[3 * i + x]).sum())
                });
                for place in 0..PLACES {
                    let (y, x) = (place / PATCH, place % PATCH);
                    let value: f64 = half[y].iter().zip(&G[x]).map(|(a, b)| a * b).sum();
                    transformed[(place * in_channels + in_channel) * ROWS + row] = value as f32;
                }
            }
        }
    });
    transformed
}
