//! Winograd's F(4×4, 3×3): 36 products for 16 outputs instead of 144 (Lavin and Gray, 2016, arXiv 1509.09308).
//!
//! The image is cut into tiles of 4×4 outputs; each needs 6×6 inputs `d`. With the matrices of the paper,
//! `out = Aᵀ [ Σ_channels (G g Gᵀ) ∘ (Bᵀ d B) ] A`: the sum over channels is one matrix product for each of the 36
//! places, `[out_channels, in_channels] [in_channels, tiles]`. Vectors run over tiles.
//!
//! Tiles are numbered along the rows of tiles, then from one image of the piece to the next. A piece holds whole rows of
//! tiles, or several whole images where those are small.

#![expect(
    clippy::needless_range_loop,
    reason = "adapters over arrays of vectors aren't always inlined, and then not compiled for the instruction set"
)]

pub(super) mod deep;

use rayon::prelude::*;

use super::{Conv2d, ConvShape, Extras, Finish, for_pieces};
use crate::diffusion::kernels::arena::with_scratch;
use crate::diffusion::kernels::input::{Input, Shape};
use crate::diffusion::kernels::norm::ChannelSums;
use crate::diffusion::kernels::pieces::{Piece, Size, cut};
use crate::diffusion::kernels::simd::{Isa, Kernel, Simd};
use crate::diffusion::kernels::tile::{Block, COLUMNS, ROWS, STEP};

/// Rows and columns of a tile's output.
const TILE: usize = 4;
/// Rows and columns of a tile's input.
const PATCH: usize = 6;
/// Products for one tile and pair of channels.
const PLACES: usize = PATCH * PATCH;
/// Pieces to cut at least, where there is enough to cut.
const N_PIECES: usize = 4;
/// Tiles of a piece with few channels.
const MAX_TILES: usize = 256;
/// Channels of the input from which on a piece is one chunk.
const MANY_CHANNELS: usize = 64;
/// Output channels whose products are held at once.
const GROUP: usize = 8 * ROWS;

/// The array of an expression in an index below [`PATCH`]. A closure might not be inlined, and then it isn't compiled
/// for the instruction set; an array that is filled in later is cleared first.
macro_rules! six {
    ($i:ident => $value:expr) => {
        [
            {
                let $i = 0;
                $value
            },
            {
                let $i = 1;
                $value
            },
            {
                let $i = 2;
                $value
            },
            {
                let $i = 3;
                $value
            },
            {
                let $i = 4;
                $value
            },
            {
                let $i = 5;
                $value
            },
        ]
    };
}

/// Whether the weights are few enough to be read often.
pub(super) fn is_light(in_channels: usize, out_channels: usize) -> bool {
    in_channels.saturating_mul(out_channels) <= deep::MIN_WEIGHTS
}

/// Tiles of one image.
fn n_tiles(output: Shape) -> usize {
    output.height.div_ceil(TILE) * output.width.div_ceil(TILE)
}

/// Whether it is faster than the direct convolution.
pub(super) fn pays(shape: &ConvShape, input: Shape) -> bool {
    // Of one image: a frame must not change with the number of its neighbours in the batch.
    // Doubled rows are written value by value: too slow for few channels.
    let least = if shape.upsample { 4 * ROWS } else { ROWS };
    (shape.kernel, shape.stride) == (3, 1)
        && shape.in_channels >= least
        && n_tiles(shape.output(input)) >= STEP
        && !deep::pays(shape, input)
}

/// `[out_channels / ROWS][PLACES][in_channels][ROWS]` of `G g Gᵀ`.
fn transform_weights(conv: &Conv2d) -> Vec<f32> {
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

/// How the work is cut.
#[derive(Clone, Copy)]
struct Layout {
    output: Shape,
    /// Images of a piece.
    n_images: usize,
    /// Rows of tiles of a piece in each image.
    n_rows: usize,
    /// Tiles in a row.
    width: usize,
    /// Output channels of a piece.
    n_channels: usize,
    /// Tiles that are transformed and multiplied at a time; a multiple of [`STEP`].
    n_chunk: usize,
    /// Values from one row of padded input to the next.
    pitch: usize,
}

impl Layout {
    fn new(output: Shape, in_channels: usize) -> Self {
        let (height, width) = (output.height.div_ceil(TILE), output.width.div_ceil(TILE));
        let n_tiles = output.batch * height * width;
        let most = if in_channels < MANY_CHANNELS {
            MAX_TILES
        } else {
            COLUMNS
        };
        // Few tiles and many weights: pieces are groups of output channels, and each computes all transforms.
        let is_grouped = n_tiles <= 2 * COLUMNS && output.channels >= 2 * GROUP;
        let wanted = if is_grouped {
            n_tiles.next_multiple_of(STEP)
        } else {
            most.min(n_tiles.div_ceil(N_PIECES).next_multiple_of(STEP))
        };
        let n_images = (wanted / (height * width)).clamp(1, output.batch);
        let n_rows = height.div_ceil(height.div_ceil((wanted / width).max(1)));
        // Few channels: what one chunk's transforms write and read stays in the first-level cache.
        let n_chunk = if in_channels < 2 * ROWS {
            2 * STEP
        } else {
            if is_grouped { wanted } else { COLUMNS }
        };
        Self {
            output,
            n_images,
            n_rows,
            width,
            n_channels: if is_grouped {
                output.channels.div_ceil(N_PIECES).next_multiple_of(ROWS)
            } else {
                output.channels
            },
            n_chunk: n_chunk.min((n_images * n_rows * width).next_multiple_of(STEP)),
            pitch: width * TILE + 2,
        }
    }

    /// Tiles of a piece.
    fn n_tiles(&self) -> usize {
        self.n_images * self.n_rows * self.width
    }

    /// Values of one place, for `n_channels`: an odd number of cache lines, so that the places don't compete for the
    /// same lines.
    fn place_pitch(&self, n_channels: usize) -> usize {
        ((n_channels * self.n_chunk / STEP) | 1) * STEP
    }

    /// Padded rows of each image in a piece.
    fn n_padded(&self) -> usize {
        self.n_rows * TILE + 2
    }

    /// Padded values of one channel in a piece.
    fn padded_len(&self) -> usize {
        self.n_images * self.n_padded() * self.pitch
    }

    /// Whether every vector of tiles lies in one row.
    fn is_whole(&self, lanes: usize) -> bool {
        self.width.is_multiple_of(lanes)
    }
}

/// Computes the convolution.
pub(super) fn forward(
    conv: &Conv2d,
    isa: Isa,
    input: &Input,
    extras: &Extras,
    out: &mut [f32],
) -> ChannelSums {
    let shape = conv.shape.output(input.shape);
    let layout = Layout::new(shape, input.shape.channels);
    let size = Size {
        images: layout.n_images,
        channels: layout.n_channels,
        values: layout.n_rows * TILE * shape.width,
    };
    let pieces = cut(out, (shape.channels, shape.plane()), size);
    let weights = conv.winograd.get_or_init(|| transform_weights(conv));
    let n_channels = conv.shape.in_channels;
    let offsets: Vec<usize> = (0..n_channels)
        .map(|channel| channel * layout.n_chunk)
        .collect();
    let is_one_chunk = layout.n_chunk >= layout.n_tiles();
    let lens = [
        // The transforms read up to 2 vectors of each phase behind the last row.
        layout.padded_len() * if is_one_chunk { 1 } else { n_channels } + 8 * STEP,
        PLACES * 2 * STEP,
        PLACES * layout.place_pitch(n_channels),
        PLACES * layout.place_pitch(GROUP.min(shape.channels.next_multiple_of(ROWS))),
        TILE * TILE * (layout.n_chunk + STEP),
    ];
    for_pieces(isa, pieces, (shape, extras.sums), |piece| {
        with_scratch(lens, |[padded, patches, transformed, products, tiles]| {
            for first in (0..layout.n_tiles()).step_by(layout.n_chunk) {
                for channel in 0..n_channels {
                    let slot = if is_one_chunk { 0 } else { channel };
                    let padded = &mut padded[slot * layout.padded_len()..];
                    if first == 0 {
                        isa.run(Pad {
                            layout,
                            input,
                            channel,
                            first: (piece.image, piece.start / shape.width),
                            padded,
                        });
                    }
                    isa.run(TransformInput {
                        layout,
                        first,
                        padded,
                        patches,
                        place_pitch: layout.place_pitch(n_channels),
                        transformed: &mut transformed[channel * layout.n_chunk..],
                    });
                }
                isa.run(Multiply {
                    conv,
                    layout,
                    first,
                    weights,
                    offsets: &offsets,
                    transformed,
                    products,
                    tiles,
                    extras,
                    piece,
                });
            }
        });
    })
}

/// Copies one channel's rows of a piece, activated, between zeros.
struct Pad<'a> {
    layout: Layout,
    input: &'a Input<'a>,
    channel: usize,
    /// First image and row of the piece.
    first: (usize, usize),
    /// `[n_images][n_padded][pitch]`
    padded: &'a mut [f32],
}

impl Kernel for Pad<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let layout = self.layout;
        let Shape {
            batch,
            height,
            width,
            ..
        } = layout.output;
        // 2 where the input is doubled.
        let scale = width / self.input.shape.width;
        let n_from = self.input.shape.width;
        let n_padded = layout.n_padded();
        for i in 0..layout.n_images * n_padded {
            let image = self.first.0 + i / n_padded;
            let y = self.first.1 + i % n_padded;
            let (before, to) = self.padded.split_at_mut(i * layout.pitch);
            let to = &mut to[..layout.pitch];
            if image >= batch || y == 0 || y > height {
                to.fill(0.0);
                continue;
            }
            if scale == 2 && y.is_multiple_of(2) && i % n_padded > 0 {
                to.copy_from_slice(&before[(i - 1) * layout.pitch..]);
                continue;
            }
            let plane = self.input.plane(image, self.channel);
            let from = &plane[(y - 1) / scale * n_from..][..n_from];
            to[0] = 0.0;
            for border in &mut to[width + 1..] {
                *border = 0.0;
            }
            self.input
                .copy(s, (image, self.channel), from, &mut to[1..=n_from]);
            if scale == 2 {
                // From the end, so that nothing is overwritten before it is read.
                for x in (0..n_from).rev() {
                    let value = to[1 + x];
                    to[1 + 2 * x] = value;
                    to[2 + 2 * x] = value;
                }
            }
        }
    }
}

/// Computes `Bᵀ d B` of one channel for a chunk of tiles.
struct TransformInput<'a> {
    layout: Layout,
    /// First tile of the chunk.
    first: usize,
    /// `[n_images][n_padded][pitch]`
    padded: &'a [f32],
    /// `[PLACES][2 STEP]`: the inputs of a vector of tiles, where they come from several rows of tiles.
    patches: &'a mut [f32],
    place_pitch: usize,
    /// `[PLACES][..]`, a place's values `place_pitch` apart
    transformed: &'a mut [f32],
}

impl Kernel for TransformInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let end = self.layout.n_tiles().min(self.first + self.layout.n_chunk);
        let is_whole = self.layout.is_whole(S::LANES);
        for first in (self.first..end).step_by(S::LANES) {
            let mut tile = first;
            while !is_whole && tile < end.min(first + S::LANES) {
                tile += self.gather(s, tile, tile - first);
            }
            let rows = six!(y => {
                let d = if is_whole {
                    self.row(s, first, y)
                } else {
                    let patches = &self.patches[y * PATCH * 2 * STEP..];
                    six!(x => s.load(&patches[x * 2 * STEP..]))
                };
                transform_input(s, d)
            });
            for x in 0..PATCH {
                let column = transform_input(s, six!(y => rows[y][x]));
                for y in 0..PATCH {
                    let at = (y * PATCH + x) * self.place_pitch + first - self.first;
                    s.store(column[y], &mut self.transformed[at..]);
                }
            }
        }
    }
}

impl TransformInput<'_> {
    /// Row `y` of the inputs of a vector of tiles from `tile` on, all in one row of tiles.
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, tile: usize, y: usize) -> [S::V; PATCH] {
        let layout = &self.layout;
        let (row, column) = (tile / layout.width, tile % layout.width);
        let top = row / layout.n_rows * layout.n_padded() + row % layout.n_rows * TILE;
        let from = &self.padded[(top + y) * layout.pitch + column * TILE..];
        let [a, b, c, d] = s.deinterleave4(load4(s, from));
        // Columns 4 and 5 are the next tile's 0 and 1.
        let [e, f, ..] = s.deinterleave4(load4(s, &from[TILE..]));
        [a, b, c, d, e, f]
    }

    /// Sorts the inputs of tiles from `tile` to the end of its row, at most a vector, by their place; `lane` is the
    /// first to write. Returns the number of tiles.
    #[inline(always)]
    fn gather<S: Simd>(&mut self, s: S, tile: usize, lane: usize) -> usize {
        for y in 0..PATCH {
            let row = self.row(s, tile, y);
            let to = &mut self.patches[y * PATCH * 2 * STEP + lane..];
            for x in 0..PATCH {
                s.store(row[x], &mut to[x * 2 * STEP..]);
            }
        }
        (self.layout.width - tile % self.layout.width).min(S::LANES - lane)
    }
}

#[inline(always)]
fn load4<S: Simd>(s: S, from: &[f32]) -> [S::V; 4] {
    let from = &from[..4 * S::LANES];
    let mut vectors = [s.splat(0.0); 4];
    for i in 0..4 {
        vectors[i] = s.load(&from[i * S::LANES..]);
    }
    vectors
}

/// `Bᵀ d`
#[inline(always)]
fn transform_input<S: Simd>(s: S, d: [S::V; PATCH]) -> [S::V; PATCH] {
    let times = |k: f32, a: S::V, b: S::V| s.mul_add(s.splat(k), a, b);
    let even = times(-4.0, d[2], d[4]);
    let odd = times(-4.0, d[1], d[3]);
    let even2 = s.sub(d[4], d[2]);
    let odd2 = s.sub(d[3], d[1]);
    [
        times(4.0, d[0], times(-5.0, d[2], d[4])),
        s.add(even, odd),
        s.sub(even, odd),
        times(2.0, odd2, even2),
        times(-2.0, odd2, even2),
        times(4.0, d[1], times(-5.0, d[3], d[5])),
    ]
}

/// `Aᵀ m`
#[inline(always)]
fn transform_output<S: Simd>(s: S, m: [S::V; PATCH]) -> [S::V; TILE] {
    let (sum1, difference1) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
    let (sum2, difference2) = (s.add(m[3], m[4]), s.sub(m[3], m[4]));
    [
        s.add(m[0], s.add(sum1, sum2)),
        s.mul_add(s.splat(2.0), difference2, difference1),
        s.mul_add(s.splat(4.0), sum2, sum1),
        s.add(s.mul_add(s.splat(8.0), difference2, difference1), m[5]),
    ]
}

/// Sums over channels and turns them into the output's rows, for a chunk of tiles.
struct Multiply<'a, 'b> {
    conv: &'a Conv2d,
    layout: Layout,
    /// First tile of the chunk.
    first: usize,
    weights: &'a [f32],
    /// Of each channel in one place of `transformed`.
    offsets: &'a [usize],
    /// `[PLACES][in_channels][n_chunk]`, see [`Layout::place_pitch`]
    transformed: &'a [f32],
    /// `[PLACES][GROUP][n_chunk]`, likewise
    products: &'a mut [f32],
    /// `[TILE][TILE][n_chunk + STEP]`: the outputs of one channel, sorted by their place in the tile.
    tiles: &'a mut [f32],
    extras: &'a Extras<'a>,
    piece: &'a mut Piece<'b>,
}

impl Kernel for Multiply<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let n_channels = self.piece.n_channels;
        let n_weights = self.offsets.len() * ROWS;
        let n_tiles = self.layout.n_chunk.min(self.layout.n_tiles() - self.first);
        let in_pitch = self.layout.place_pitch(self.offsets.len());
        for first in (0..n_channels).step_by(GROUP) {
            let n_rows = GROUP.min(n_channels - first);
            let place_pitch = self.layout.place_pitch(n_rows.next_multiple_of(ROWS));
            for place in 0..PLACES {
                for row in (0..n_rows).step_by(ROWS) {
                    let block = (self.piece.first_channel + first + row) / ROWS;
                    let panel = block * PLACES + place;
                    let at = place * place_pitch + row * self.layout.n_chunk;
                    let products = &mut self.products[at..];
                    Block {
                        weights: &self.weights[panel * n_weights..][..n_weights],
                        offsets: self.offsets,
                        input: &self.transformed[place * in_pitch..],
                    }
                    .compute(
                        s,
                        (0, n_tiles),
                        (products, self.layout.n_chunk, n_rows - row),
                        false,
                    );
                }
            }
            for row in 0..n_rows {
                self.finish(s, first + row, row * self.layout.n_chunk, place_pitch);
            }
        }
    }
}

impl Multiply<'_, '_> {
    /// `Aᵀ m A` of one channel's tiles, then their rows with bias and residual.
    #[inline(always)]
    fn finish<S: Simd>(&mut self, s: S, channel: usize, from: usize, place_pitch: usize) {
        let layout = self.layout;
        let n_tiles = layout.n_chunk.min(layout.n_tiles() - self.first);
        let pitch = layout.n_chunk + STEP;
        for first in (0..n_tiles).step_by(S::LANES) {
            let products = &self.products[from + first..];
            let columns = six!(x => {
                let m = six!(y => s.load(&products[(y * PATCH + x) * place_pitch..]));
                transform_output(s, m)
            });
            for y in 0..TILE {
                let phases = transform_output(s, six!(x => columns[x][y]));
                if layout.is_whole(S::LANES) {
                    self.store(s, channel, self.first + first, y, phases);
                } else {
                    for x in 0..TILE {
                        s.store(phases[x], &mut self.tiles[(y * TILE + x) * pitch + first..]);
                    }
                }
            }
        }
        // Vectors over several rows of tiles: row by row.
        let mut tile = 0;
        while !layout.is_whole(S::LANES) && tile < n_tiles {
            for y in 0..TILE {
                let mut phases = [s.splat(0.0); TILE];
                for x in 0..TILE {
                    phases[x] = s.load(&self.tiles[(y * TILE + x) * pitch + tile..]);
                }
                self.store(s, channel, self.first + tile, y, phases);
            }
            let column = (self.first + tile) % layout.width;
            tile += S::LANES.min(layout.width - column).min(n_tiles - tile);
        }
    }

    /// Stores row `y` of the tiles from `tile` to the end of their row, at most a vector, given by their columns.
    #[inline(always)]
    fn store<S: Simd>(
        &mut self,
        s: S,
        channel: usize,
        tile: usize,
        y: usize,
        columns: [S::V; TILE],
    ) {
        let layout = self.layout;
        let width = layout.output.width;
        let (row, column) = (tile / layout.width, tile % layout.width);
        let image = row / layout.n_rows;
        let start = (row % layout.n_rows * TILE + y) * width;
        let Some(to) = self
            .piece
            .rows
            .get_mut(image * self.piece.n_channels + channel)
        else {
            return; // behind the last image
        };
        let Some(to) = to.get_mut(start..start + width) else {
            return; // behind the last row
        };
        let (image, channel) = (self.piece.image + image, self.piece.first_channel + channel);
        let finish = Finish::new(s, self.conv, self.extras, image, channel);
        let n_channels = self.conv.shape.out_channels;
        let plane = (image * n_channels + channel) * layout.output.plane() + self.piece.start;
        let residual = self
            .extras
            .residual
            .map(|all| &all[plane + start..][..width]);
        let values = s.interleave4(columns);
        for part in 0..TILE {
            let x = column * TILE + part * S::LANES;
            if x >= width {
                break;
            }
            let residual = residual.map(|residual| &residual[x..]);
            finish.store(s, values[part], residual, &mut to[x..]);
        }
    }
}
