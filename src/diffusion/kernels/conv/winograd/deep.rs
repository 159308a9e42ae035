//! The same where weights are many and tiles few, as in the inner levels of large networks.
//!
//! Transformed weights are four times as many as plain ones, and would come from memory for a handful of tiles. So the
//! plain ones are read, and transformed a cache's worth at a time: [`CHUNK`] input channels of [`GROUP`] output channels.
//! All inputs are transformed beforehand, side by side.

use rayon::prelude::*;

use super::{Layout, Multiply, PATCH, PLACES, Pad, TILE, TransformInput};
use crate::diffusion::kernels::arena::with_scratch;
use crate::diffusion::kernels::conv::{Conv2d, ConvShape, Extras, for_pieces};
use crate::diffusion::kernels::input::{Input, Shape};
use crate::diffusion::kernels::norm::ChannelSums;
use crate::diffusion::kernels::pieces::{Piece, Size, cut};
use crate::diffusion::kernels::simd::{Isa, Kernel, Simd};
use crate::diffusion::kernels::tile::{Block, COLUMNS, ROWS, STEP};

/// Input channels whose weights are transformed at a time.
const CHUNK: usize = 64;
/// Output channels of a piece.
const GROUP: usize = 4 * ROWS;
/// Tiles whose inputs are transformed at a time, about: from several images if they are small.
const MAX_TILES: usize = 2 * COLUMNS;
/// Weights from which on this pays.
const MIN_WEIGHTS: usize = 1 << 20;
/// Values between two places of transformed weights: one line more than there are, so that the places don't compete for
/// the same lines.
const PLACE_WEIGHTS: usize = CHUNK * ROWS + STEP;

/// Whether it is faster than the direct convolution.
pub(in super::super) fn pays(shape: &ConvShape, input: Shape) -> bool {
    // Of one image: a frame must not change with the number of its neighbours in the batch.
    let n_tiles = input.height.div_ceil(TILE) * input.width.div_ceil(TILE);
    (shape.kernel, shape.stride, shape.upsample) == (3, 1, false)
        && shape.in_channels * shape.out_channels > MIN_WEIGHTS
        && (TILE..COLUMNS).contains(&n_tiles)
}

/// Computes the convolution.
pub(in super::super) fn forward(
    conv: &Conv2d,
    isa: Isa,
    input: &Input,
    extras: &Extras,
    out: &mut [f32],
) -> ChannelSums {
    let shape = conv.shape.output(input.shape);
    let layout = layout(input.shape);
    let size = Size {
        images: layout.n_images,
        channels: GROUP,
        values: shape.plane(),
    };
    let mut pieces = cut(out, (shape.channels, shape.plane()), size);
    let n_groups = shape.channels.div_ceil(GROUP);
    let n_chunks = conv.shape.in_channels.div_ceil(CHUNK);
    let chunk_len = PLACES * layout.place_pitch(CHUNK);
    let offsets: Vec<usize> = (0..CHUNK).map(|channel| channel * layout.n_chunk).collect();
    let lens = [
        GROUP / ROWS * PLACES * PLACE_WEIGHTS,
        PLACES * layout.place_pitch(GROUP),
        TILE * TILE * (layout.n_chunk + STEP),
    ];
    let mut total: ChannelSums = Vec::new();
    while !pieces.is_empty() {
        let later = pieces.split_off(n_groups.min(pieces.len()));
        let now = std::mem::replace(&mut pieces, later);
        let first_image = now.first().map_or(0, |piece| piece.image);
        let sums = with_scratch([n_chunks * chunk_len], |[transformed]| {
            transformed
                .par_chunks_exact_mut(chunk_len)
                .take(n_chunks)
                .enumerate()
                .for_each(|(chunk, to)| {
                    transform_chunk(isa, layout, input, first_image, chunk, to)
                });
            let transformed = &*transformed;
            for_pieces(isa, now, (shape, extras.sums), |piece| {
                with_scratch(lens, |[weights, products, tiles]| {
                    isa.run(Group {
                        conv,
                        layout,
                        offsets: &offsets,
                        chunk_len,
                        transformed,
                        weights,
                        products,
                        tiles,
                        extras,
                        piece,
                    });
                });
            })
        });
        total.resize(sums.len(), [0.0; 2]);
        for (total, sum) in total.iter_mut().zip(sums) {
            *total = [total[0] + sum[0], total[1] + sum[1]];
        }
    }
    total
}

/// Whole images, as many as [`MAX_TILES`] allow, in one chunk of tiles.
fn layout(input: Shape) -> Layout {
    let (n_rows, width) = (input.height.div_ceil(TILE), input.width.div_ceil(TILE));
    let n_images = (MAX_TILES / (n_rows * width)).clamp(1, input.batch);
    Layout {
        input,
        n_images,
        n_rows,
        width,
        n_channels: GROUP,
        n_chunk: (n_images * n_rows * width).next_multiple_of(STEP),
        pitch: width * TILE + 2,
    }
}

/// Transforms the inputs of one chunk of channels.
fn transform_chunk(
    isa: Isa,
    layout: Layout,
    input: &Input,
    first_image: usize,
    chunk: usize,
    transformed: &mut [f32],
) {
    let channels = chunk * CHUNK..input.shape.channels.min((chunk + 1) * CHUNK);
    let lens = [layout.padded_len() + 8 * STEP, PLACES * 2 * STEP];
    with_scratch(lens, |[padded, patches]| {
        for (i, channel) in channels.enumerate() {
            isa.run(Pad {
                layout,
                input,
                channel,
                first: (first_image, 0),
                padded,
            });
            isa.run(TransformInput {
                layout,
                first: 0,
                padded,
                patches,
                place_pitch: layout.place_pitch(CHUNK),
                transformed: &mut transformed[i * layout.n_chunk..],
            });
        }
    });
}

/// Computes a group of output channels.
struct Group<'a, 'b> {
    conv: &'a Conv2d,
    layout: Layout,
    /// Of each channel in one place of a chunk of `transformed`.
    offsets: &'a [usize],
    /// Values of a chunk of `transformed`.
    chunk_len: usize,
    /// `[in_channels / CHUNK][PLACES][CHUNK][n_chunk]`, see [`Layout::place_pitch`]
    transformed: &'a [f32],
    /// `[GROUP / ROWS][PLACES][CHUNK][ROWS]`, places [`PLACE_WEIGHTS`] apart
    weights: &'a mut [f32],
    /// `[PLACES][GROUP][n_chunk]`, see [`Layout::place_pitch`]
    products: &'a mut [f32],
    /// See [`Multiply`].
    tiles: &'a mut [f32],
    extras: &'a Extras<'a>,
    piece: &'a mut Piece<'b>,
}

impl Kernel for Group<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let in_channels = self.conv.shape.in_channels;
        let n_rows = self.piece.n_channels;
        let (n_chunk, pitch) = (self.layout.n_chunk, self.layout.place_pitch(GROUP));
        for (chunk, transformed) in self.transformed.chunks_exact(self.chunk_len).enumerate() {
            let first = chunk * CHUNK;
            if first >= in_channels {
                break; // scratch may be longer than asked for
            }
            let n_channels = CHUNK.min(in_channels - first);
            for row in (0..n_rows).step_by(ROWS) {
                let block = (self.piece.first_channel + row) / ROWS;
                let plain = &self.conv.direct[(block * in_channels + first) * 9 * ROWS..];
                let to = &mut self.weights[row / ROWS * PLACES * PLACE_WEIGHTS..];
                for channel in 0..n_channels {
                    let (plain, _) = plain[channel * 9 * ROWS..].as_chunks::<ROWS>();
                    transform_weights(plain, &mut to[channel * ROWS..]);
                }
            }
            for place in 0..PLACES {
                let input = &transformed[place * self.layout.place_pitch(CHUNK)..];
                for row in (0..n_rows).step_by(ROWS) {
                    let panel = row / ROWS * PLACES + place;
                    Block {
                        weights: &self.weights[panel * PLACE_WEIGHTS..][..n_channels * ROWS],
                        offsets: self.offsets,
                        input,
                    }
                    .compute(
                        s,
                        (0, n_chunk),
                        (
                            &mut self.products[place * pitch + row * n_chunk..],
                            n_chunk,
                            ROWS,
                        ),
                        chunk > 0,
                    );
                }
            }
        }
        let mut multiply = Multiply {
            conv: self.conv,
            layout: self.layout,
            first: 0,
            weights: &[],
            offsets: self.offsets,
            transformed: &[],
            products: self.products,
            tiles: self.tiles,
            extras: self.extras,
            piece: self.piece,
        };
        for row in 0..n_rows {
            multiply.finish(s, row, row * n_chunk, pitch);
        }
    }
}

/// `G g Gᵀ` of one input channel and [`ROWS`] output channels: `plain` is `[9][ROWS]`, places in `to` are
/// [`PLACE_WEIGHTS`] apart.
#[inline(always)]
fn transform_weights(plain: &[[f32; ROWS]], to: &mut [f32]) {
    let mut half = [[[0.0; ROWS]; 3]; PATCH];
    for x in 0..3 {
        let column = times_g([&plain[x], &plain[3 + x], &plain[6 + x]]);
        for y in 0..PATCH {
            half[y][x] = column[y];
        }
    }
    for y in 0..PATCH {
        let row = times_g([&half[y][0], &half[y][1], &half[y][2]]);
        for x in 0..PATCH {
            to[(y * PATCH + x) * PLACE_WEIGHTS..][..ROWS].copy_from_slice(&row[x]);
        }
    }
}

/// `G g`
#[inline(always)]
fn times_g(g: [&[f32; ROWS]; 3]) -> [[f32; ROWS]; PATCH] {
    let mut product = [[0.0; ROWS]; PATCH];
    for r in 0..ROWS {
        let (a, b, c) = (g[0][r], g[1][r], g[2][r]);
        let outer = a + c;
        let (even, odd) = (a * (1.0 / 24.0) + c * (1.0 / 6.0), b * (1.0 / 12.0));
        product[0][r] = a * 0.25;
        product[1][r] = (outer + b) * (-1.0 / 6.0);
        product[2][r] = (outer - b) * (-1.0 / 6.0);
        product[3][r] = even + odd;
        product[4][r] = even - odd;
        product[5][r] = c;
    }
    product
}
