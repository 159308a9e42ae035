//! Winograd's convolution where weights are many and tiles few, as in the inner levels of large networks.
//!
//! Transformed weights are four times as many as plain ones, and would have to be read from memory for few tiles. So
//! the plain ones are read, and transformed in portions that fit a cache: [`CHUNK`] input channels of [`GROUP`] output channels.
//! All inputs are transformed beforehand, side by side.
//!
//! Where an image has no more than [`FEW`] tiles, they would fill one vector at most: tiles then take the part of the inner
//! loop's rows, and output channels that of its columns.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{Layout, Multiply, PATCH, PLACES, Pad, TILE, TransformInput, n_tiles};
use crate::arena::with_scratch;
use crate::conv::{Border, Conv2d, ConvShape, Epilogue, for_pieces};
use crate::input::{Input, Shape};
use crate::microkernel::{COLUMNS, Product, ROWS, STEP, Sums, Weights};
use crate::pieces::{Piece, Size, cut};
use crate::simd::{Isa, Kernel, Simd};

/// Input channels whose weights are transformed at a time.
const CHUNK: usize = 32;
/// Output channels of a piece; where tiles are few, [`COLUMNS`].
const GROUP: usize = 4 * ROWS;
/// Tiles that are rows, where there are no more.
const FEW: usize = 2 * ROWS;
/// Tiles whose inputs are transformed at a time, about: from several images if they are small.
const MAX_TILES: usize = 2 * COLUMNS;
/// Input channels to prefetch ahead of the one whose weights are transformed.
const AHEAD: usize = 12;
/// Output channels whose weights are transformed together: two blocks fill the widest vector.
const PAIR: usize = 2 * ROWS;
/// Pairs of an input and an output channel above which this is the faster way, where tiles fill vectors.
pub(super) const MIN_WEIGHTS: usize = 1 << 18;
/// The same where one vector holds all tiles.
const MIN_WEIGHTS_OF_FEW: usize = 16_000;
/// The same where the tiles don't fill a vector, and the direct convolution wastes little.
const MIN_WEIGHTS_OF_FEWEST: usize = 30_000;
/// Values between two places of transformed weights: one cache line more than there are, so that the places don't map to
/// the same cache sets.
const PLACE_WEIGHTS: usize = CHUNK * ROWS + STEP;
/// The same where tiles are few.
const WIDE_PLACE_WEIGHTS: usize = CHUNK * COLUMNS + STEP;

/// Whether it is faster than the direct convolution.
pub(in super::super) fn is_faster(shape: &ConvShape, input: Shape) -> bool {
    // Of one image: a frame must not change with the number of its neighbours in the batch.
    let n_tiles = n_tiles(shape.output(input));
    let least = if n_tiles <= ROWS {
        MIN_WEIGHTS_OF_FEWEST
    } else if n_tiles <= FEW {
        MIN_WEIGHTS_OF_FEW
    } else {
        MIN_WEIGHTS
    };
    (shape.kernel, shape.stride) == (3, 1)
        && (TILE..=MAX_TILES).contains(&n_tiles)
        && shape.in_channels >= ROWS
        && shape.in_channels * shape.out_channels > least
}

/// Computes the convolution.
pub(in super::super) fn forward(
    conv: &Conv2d,
    isa: Isa,
    input: &Input,
    epilogue: &Epilogue,
    out: &mut [MaybeUninit<f32>],
) {
    let shape = conv.shape.output(input.shape);
    let layout = layout(shape);
    let size = Size {
        images: layout.n_images,
        channels: layout.n_channels,
        values: shape.plane(),
    };
    let mut pieces = cut(out, (shape.channels, shape.plane()), size);
    let n_groups = shape.channels.div_ceil(layout.n_channels);
    let n_chunks = conv.shape.in_channels.div_ceil(CHUNK);
    let chunk_len = PLACES * layout.place_pitch(CHUNK);
    let is_wide = layout.n_channels == COLUMNS;
    let (n_weights, n_sums) = match is_wide {
        true => (WIDE_PLACE_WEIGHTS, PLACES * layout.n_chunk * COLUMNS),
        false => (GROUP / ROWS * PLACE_WEIGHTS, 0),
    };
    let lens = [
        PLACES * n_weights,
        n_sums,
        PLACES * layout.place_pitch(layout.n_channels),
        TILE * TILE * (layout.n_chunk + STEP),
    ];
    let source = (input, conv.shape.border);
    while !pieces.is_empty() {
        let later = pieces.split_off(n_groups.min(pieces.len()));
        let now = std::mem::replace(&mut pieces, later);
        let first_image = now.first().map_or(0, |piece| piece.image);
        with_scratch([n_chunks * chunk_len], |[transformed]| {
            transformed
                .par_chunks_exact_mut(chunk_len)
                .take(n_chunks)
                .enumerate()
                .for_each(|(chunk, to)| {
                    transform_chunk(isa, layout, source, first_image, chunk, to)
                });
            let transformed = &*transformed;
            for_pieces(now, |piece| {
                with_scratch(lens, |[weights, sums, products, tiles]| {
                    isa.run(Group {
                        conv,
                        layout,
                        chunk_len,
                        transformed,
                        weights,
                        sums,
                        products,
                        tiles,
                        epilogue,
                        piece,
                    });
                });
            });
        });
    }
}

/// Whole images, as many as [`MAX_TILES`] allow, in one chunk of tiles.
fn layout(output: Shape) -> Layout {
    let (n_rows, width) = (output.height.div_ceil(TILE), output.width.div_ceil(TILE));
    let n_tiles = n_rows * width;
    let (most, n_channels, step) = if n_tiles <= ROWS {
        (ROWS, COLUMNS, ROWS)
    } else if n_tiles <= FEW {
        (FEW, COLUMNS, FEW)
    } else {
        (MAX_TILES, GROUP, STEP)
    };
    let n_images = (most / n_tiles).clamp(1, output.batch);
    Layout {
        output,
        n_images,
        n_rows,
        width,
        n_channels,
        n_chunk: (n_images * n_tiles).next_multiple_of(step),
        pitch: width * TILE + 2,
    }
}

/// Transforms the inputs of one chunk of channels.
fn transform_chunk(
    isa: Isa,
    layout: Layout,
    (input, border): (&Input, Border),
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
                border,
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
    /// Values of a chunk of `transformed`.
    chunk_len: usize,
    /// `[in_channels / CHUNK][PLACES][CHUNK][n_chunk]`, see [`Layout::place_pitch`]
    transformed: &'a [f32],
    /// `[GROUP / ROWS][PLACES][CHUNK][ROWS]`, places [`PLACE_WEIGHTS`] apart; where tiles are few,
    /// `[PLACES][CHUNK][COLUMNS]`, places [`WIDE_PLACE_WEIGHTS`] apart.
    weights: &'a mut [f32],
    /// `[PLACES][n_chunk][COLUMNS]`, where tiles are few.
    sums: &'a mut [f32],
    /// `[PLACES][n_channels][n_chunk]`, see [`Layout::place_pitch`]
    products: &'a mut [f32],
    /// See [`Multiply`].
    tiles: &'a mut [f32],
    epilogue: &'a Epilogue<'a>,
    piece: &'a mut Piece<'b>,
}

impl Kernel for Group<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let in_channels = self.conv.shape.in_channels;
        let n_rows = self.piece.n_channels;
        let is_wide = self.layout.n_channels == COLUMNS;
        let (n_chunk, pitch) = (
            self.layout.n_chunk,
            self.layout.place_pitch(self.layout.n_channels),
        );
        for (chunk, transformed) in self.transformed.chunks_exact(self.chunk_len).enumerate() {
            let first = chunk * CHUNK;
            if first >= in_channels {
                break; // scratch may be longer than asked for
            }
            let n_channels = CHUNK.min(in_channels - first);
            for row in (0..n_rows).step_by(PAIR) {
                let block = (self.piece.first_channel + row) / ROWS;
                let begin = (block * in_channels + first) * 9 * ROWS;
                let is_pair = row + ROWS < n_rows; // or the last block is alone
                let n_block = if is_pair { in_channels } else { n_channels };
                let pair = self.conv.plain[begin..].split_at(n_block * 9 * ROWS);
                for channel in 0..n_channels {
                    for block in [pair.0, pair.1] {
                        // They come from memory, in runs too short for the processor to see what comes next.
                        let ahead = block
                            .get((channel + AHEAD) * 9 * ROWS..)
                            .unwrap_or_default();
                        for value in ahead.iter().take(9 * ROWS).step_by(STEP) {
                            s.prefetch(value);
                        }
                    }
                    let plain = plain_pair(pair, channel, is_pair);
                    if is_wide {
                        let to = &mut self.weights[row + channel * COLUMNS..];
                        transform_weights(&plain, |place, weights| {
                            to[place * WIDE_PLACE_WEIGHTS..][..PAIR].copy_from_slice(weights);
                        });
                    } else {
                        let at = row / ROWS * PLACES * PLACE_WEIGHTS + channel * ROWS;
                        let (to, next) = self.weights[at..].split_at_mut(PLACES * PLACE_WEIGHTS);
                        transform_weights(&plain, |place, weights| {
                            let (weights, more) = weights.split_at(ROWS);
                            to[place * PLACE_WEIGHTS..][..ROWS].copy_from_slice(weights);
                            next[place * PLACE_WEIGHTS..][..ROWS].copy_from_slice(more);
                        });
                    }
                }
            }
            for place in 0..PLACES {
                let input = &transformed[place * self.layout.place_pitch(CHUNK)..];
                let input = &input[..n_channels * n_chunk];
                if is_wide {
                    match n_chunk {
                        ROWS => self.multiply_few::<S, ROWS>(s, place, input, chunk > 0),
                        _ => self.multiply_few::<S, FEW>(s, place, input, chunk > 0),
                    }
                    continue;
                }
                let product = Product {
                    weights: Weights::<ROWS> {
                        values: &self.weights[place * PLACE_WEIGHTS..],
                        pitch: PLACES * PLACE_WEIGHTS,
                    },
                    pixels: input.chunks_exact(n_chunk),
                };
                let products = &mut Sums {
                    to: &mut self.products[place * pitch..],
                    pitch: n_chunk,
                    add: chunk > 0,
                };
                product.compute(s, 0..n_rows, n_chunk, products);
            }
        }
        if is_wide {
            self.transpose_sums(pitch);
        }
        let mut multiply = Multiply {
            conv: self.conv,
            layout: self.layout,
            first: 0,
            weights: &[],
            transformed: &[],
            products: self.products,
            tiles: self.tiles,
            epilogue: self.epilogue,
            piece: self.piece,
        };
        for row in 0..n_rows {
            multiply.transform_channel(s, row, row * n_chunk, pitch);
        }
    }
}

impl Group<'_, '_> {
    /// Writes or adds a chunk's products of few tiles in one place to `sums`.
    #[inline(always)]
    fn multiply_few<S: Simd, const N_ROWS: usize>(
        &mut self,
        s: S,
        place: usize,
        input: &[f32],
        add: bool,
    ) {
        let weights = &self.weights[place * WIDE_PLACE_WEIGHTS..];
        let product = Product {
            weights: Weights::<N_ROWS> {
                values: input,
                pitch: 0, // there is one block
            },
            pixels: weights[..input.len() / N_ROWS * COLUMNS].chunks_exact(COLUMNS),
        };
        let sums = &mut Sums {
            to: &mut self.sums[place * N_ROWS * COLUMNS..],
            pitch: COLUMNS,
            add,
        };
        let n_tiles = self.layout.n_tiles();
        product.compute(s, 0..n_tiles, self.piece.n_channels, sums);
    }

    /// Writes the sums of every tile to `products`.
    #[inline(always)]
    fn transpose_sums(&mut self, pitch: usize) {
        let (n_tiles, n_chunk) = (self.layout.n_tiles(), self.layout.n_chunk);
        for place in 0..PLACES {
            let products = &mut self.products[place * pitch..];
            for tile in 0..n_tiles {
                let sums =
                    &self.sums[(place * n_chunk + tile) * COLUMNS..][..self.piece.n_channels];
                for (to, sum) in products[tile..].iter_mut().step_by(n_chunk).zip(sums) {
                    *to = *sum;
                }
            }
        }
    }
}

/// The weights of one input channel and of the output channels of two blocks; of one twice where the second isn't there.
#[inline(always)]
fn plain_pair(pair: (&[f32], &[f32]), channel: usize, is_pair: bool) -> [[f32; PAIR]; 9] {
    let taps = channel * 9 * ROWS..(channel + 1) * 9 * ROWS;
    let first = pair.0[taps.clone()].as_chunks::<ROWS>().0;
    let second = match is_pair {
        true => pair.1[taps].as_chunks::<ROWS>().0,
        false => first,
    };
    std::array::from_fn(|tap| {
        let (first, second) = (&first[tap], &second[tap]);
        std::array::from_fn(|i| match i < ROWS {
            true => first[i],
            false => second[i - ROWS],
        })
    })
}

/// `G g Gᵀ`, place by place.
#[inline(always)]
fn transform_weights(plain: &[[f32; PAIR]; 9], mut store: impl FnMut(usize, &[f32; PAIR])) {
    // Not one array: clearing it took a tenth of the time.
    let left = times_g([&plain[0], &plain[3], &plain[6]]);
    let middle = times_g([&plain[1], &plain[4], &plain[7]]);
    let right = times_g([&plain[2], &plain[5], &plain[8]]);
    for y in 0..PATCH {
        let row = times_g([&left[y], &middle[y], &right[y]]);
        for (x, weights) in row.iter().enumerate() {
            store(y * PATCH + x, weights);
        }
    }
}

/// `G g`
#[inline(always)]
fn times_g(g: [&[f32; PAIR]; 3]) -> [[f32; PAIR]; PATCH] {
    let mut product = [[0.0; PAIR]; PATCH];
    for r in 0..PAIR {
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
