//! 1×1 convolutions on split values: output channels are the rows of a product, pixels its columns.

use rayon::prelude::*;

use super::super::amx::{Amx, Columns, DEPTH, SIDE, STEP_WORDS, Steps, TILE, pack_row};
use super::super::arena::with_scratch;
use super::super::input::Input;
use super::super::norm::ChannelSums;
use super::super::pieces::{Piece, Size, cut};
use super::super::simd::{Isa, Kernel, Simd};
use super::{Conv2d, ConvShape, Extras, Finish, for_pieces};

/// Words of pixels that are worked off together: half of a common second-level cache.
const STRETCH_WORDS: usize = 1 << 18;
/// Most pixels of them.
const STRETCH: usize = 1024;
/// Pieces to cut at least, where there is enough to cut.
const N_PIECES: usize = 16;

/// Whether it is faster than the direct convolution.
pub(super) fn pays(shape: &ConvShape) -> bool {
    shape.kernel == 1 && shape.in_channels >= DEPTH / 2
}

/// `[out_channels / SIDE][steps][part][row][TILE]` words, see [`amx`](super::super::amx).
pub(super) fn pack(shape: &ConvShape, weight: &[f32]) -> Vec<f32> {
    let n_block = shape.in_channels.div_ceil(DEPTH) * STEP_WORDS;
    let mut packed = vec![0.0; shape.out_channels.div_ceil(SIDE) * n_block];
    for (channel, weight) in weight.chunks_exact(shape.in_channels).enumerate() {
        let block = &mut packed[channel / SIDE * n_block..];
        pack_row(weight, channel % SIDE, block);
    }
    packed
}

/// Computes the convolution.
pub(super) fn forward(
    conv: &Conv2d,
    (isa, amx): (Isa, Amx),
    input: &Input,
    extras: &Extras,
    out: &mut [f32],
) -> ChannelSums {
    let shape = conv.shape.output(input.shape);
    let n_steps = conv.shape.in_channels.div_ceil(DEPTH);
    // An odd number of blocks: rows of several channels then don't compete for the same places in a cache.
    let fitting = (STRETCH_WORDS / (n_steps * DEPTH)).clamp(SIDE, STRETCH) / SIDE;
    let stretch = ((fitting.min(shape.plane().div_ceil(SIDE)) - 1) | 1) * SIDE;
    let layout = Layout { stretch, n_steps };
    let n_stretches = shape.plane().div_ceil(stretch);
    let n_blocks = shape.channels.div_ceil(SIDE);
    let n_groups = N_PIECES.div_ceil(shape.batch * n_stretches).min(n_blocks);
    let size = Size {
        images: 1,
        channels: n_blocks.div_ceil(n_groups) * SIDE,
        values: stretch,
    };
    let pieces = cut(out, (shape.channels, shape.plane()), size);
    let starts = (0..n_steps).map(|step| step * layout.step_len());
    let steps = Steps::new(starts.collect());
    let fill = |stretch: usize, step: usize, to: &mut [f32]| {
        with_scratch([layout.stretch, layout.stretch], |pair| {
            isa.run(Fill {
                input,
                image: stretch / n_stretches,
                first: stretch % n_stretches * layout.stretch,
                first_channel: step * DEPTH,
                pair,
                to,
            });
        });
    };
    let compute = |packed: &[f32], piece: &mut Piece| {
        with_scratch([SIDE * layout.stretch], |[sums]| {
            isa.run(Compute {
                conv,
                amx,
                layout,
                plane: shape.plane(),
                steps: &steps,
                packed,
                sums,
                extras,
                piece,
            });
        });
    };
    let stretch_of = |piece: &Piece| piece.image * n_stretches + piece.start / layout.stretch;
    let len = n_steps * layout.step_len();
    if n_groups == 1 {
        return for_pieces(isa, pieces, (shape, extras.sums), |piece| {
            with_scratch([len], |[packed]| {
                let all = packed.chunks_exact_mut(layout.step_len()).enumerate();
                all.for_each(|(step, to)| fill(stretch_of(piece), step, to));
                compute(packed, piece);
            });
        });
    }
    // Few pieces: pixels are packed first, channels side by side, then shared by groups of output channels.
    let n_all = shape.batch * n_stretches;
    with_scratch([n_all * len], |[packed]| {
        packed
            .par_chunks_exact_mut(layout.step_len())
            .take(n_all * n_steps)
            .enumerate()
            .for_each(|(index, to)| fill(index / n_steps, index % n_steps, to));
        let packed = &*packed;
        for_pieces(isa, pieces, (shape, extras.sums), |piece| {
            compute(&packed[stretch_of(piece) * len..][..len], piece);
        })
    })
}

/// How a stretch of pixels is laid out: `[steps][part][pair of channels][stretch]` words.
#[derive(Clone, Copy)]
struct Layout {
    stretch: usize,
    n_steps: usize,
}

impl Layout {
    fn step_len(&self) -> usize {
        DEPTH * self.stretch
    }
}

/// Splits a stretch of one step's channels; zeros behind the last channel.
struct Fill<'a, 'b> {
    input: &'a Input<'a>,
    image: usize,
    /// First of the pixels.
    first: usize,
    first_channel: usize,
    /// Room for a stretch of two channels.
    pair: [&'b mut [f32]; 2],
    /// `[part][pair][stretch]`
    to: &'b mut [f32],
}

impl Kernel for Fill<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { input, to, .. } = self;
        let stretch = to.len() / DEPTH;
        let n_pixels = stretch.min(input.shape.plane() - self.first);
        let (high, low) = to.split_at_mut(TILE * stretch);
        let [lower, upper] = self.pair;
        for pair in 0..TILE {
            for (half, row) in [&mut *lower, &mut *upper].into_iter().enumerate() {
                let channel = self.first_channel + pair + TILE * half;
                row.fill(0.0);
                if channel < input.shape.channels {
                    let from = &input.plane(self.image, channel)[self.first..][..n_pixels];
                    input.copy(s, (self.image, channel), from, &mut row[..n_pixels]);
                }
            }
            for at in (0..stretch).step_by(S::LANES) {
                let [high_words, low_words] = s.words(s.load(&lower[at..]), s.load(&upper[at..]));
                s.store(high_words, &mut high[pair * stretch + at..]);
                s.store(low_words, &mut low[pair * stretch + at..]);
            }
        }
    }
}

/// Computes one piece of the output.
struct Compute<'a, 'b> {
    conv: &'a Conv2d,
    amx: Amx,
    layout: Layout,
    /// Pixels of the image.
    plane: usize,
    steps: &'a Steps,
    /// See [`Layout`].
    packed: &'a [f32],
    /// `[SIDE][stretch]`
    sums: &'a mut [f32],
    extras: &'a Extras<'a>,
    piece: &'a mut Piece<'b>,
}

impl Kernel for Compute<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let tiles = self.amx.tiles();
        let Layout { stretch, n_steps } = self.layout;
        let Some(n_pixels) = self.piece.rows.first().map(|row| row.len()) else {
            return;
        };
        for (block, rows) in self.piece.rows.chunks_mut(SIDE).enumerate() {
            let first_channel = self.piece.first_channel + block * SIDE;
            let weights = &self.conv.plain[first_channel / SIDE * n_steps * STEP_WORDS..];
            for at in (0..n_pixels).step_by(SIDE) {
                let columns = Columns::in_rows(&self.packed[at..], stretch);
                let sums = (&mut self.sums[at..], stretch);
                tiles.multiply(weights, columns, self.steps, false, sums);
            }
            for (row, to) in rows.iter_mut().enumerate() {
                let channel = first_channel + row;
                let image = self.piece.image;
                let finish = Finish::new(s, self.conv, self.extras, image, channel);
                let residual = self.extras.residual.map(|all| {
                    let at = image * self.conv.shape.out_channels + channel;
                    &all[at * self.plane + self.piece.start..][..n_pixels]
                });
                finish.store_row(s, &self.sums[row * stretch..][..n_pixels], residual, to);
            }
        }
    }
}
