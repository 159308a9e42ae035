//! 1×1 convolutions on AMX, each f32 as two bfloat16: output channels are the rows of a product, pixels its columns.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::super::amx::{Amx, Columns, DEPTH, SIDE, STEP_WORDS, Steps, TILE, pack_row};
use super::super::arena::with_scratch;
use super::super::input::Input;
use super::super::pieces::{Piece, Size, cut};
use super::super::simd::{Isa, Kernel, Simd};
use super::{ChannelEpilogue, Conv2d, ConvShape, Epilogue, for_pieces};

/// Words of pixels that are worked off together: half of a common second-level cache.
const SPAN_WORDS: usize = 1 << 18;
/// Most pixels of them.
const SPAN: usize = 1024;
/// Pieces to cut at least, where there is enough to cut.
const N_PIECES: usize = 16;

/// Whether it is faster than the direct convolution.
pub(super) fn is_faster(shape: &ConvShape) -> bool {
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
    epilogue: &Epilogue,
    out: &mut [MaybeUninit<f32>],
) {
    let shape = conv.shape.output(input.shape);
    let n_steps = conv.shape.in_channels.div_ceil(DEPTH);
    // An odd number of blocks: rows of several channels then don't map to the same cache sets.
    let fitting = (SPAN_WORDS / (n_steps * DEPTH)).clamp(SIDE, SPAN) / SIDE;
    let span = ((fitting.min(shape.plane().div_ceil(SIDE)) - 1) | 1) * SIDE;
    let layout = Layout { span, n_steps };
    let n_spans = shape.plane().div_ceil(span);
    let n_blocks = shape.channels.div_ceil(SIDE);
    let n_groups = N_PIECES.div_ceil(shape.batch * n_spans).min(n_blocks);
    let size = Size {
        images: 1,
        channels: n_blocks.div_ceil(n_groups) * SIDE,
        values: span,
    };
    let pieces = cut(out, (shape.channels, shape.plane()), size);
    let starts = (0..n_steps).map(|step| step * layout.step_len());
    let steps = Steps::new(starts.collect());
    let fill = |span: usize, step: usize, to: &mut [f32]| {
        with_scratch([layout.span, layout.span], |pair| {
            isa.run(Fill {
                input,
                image: span / n_spans,
                first: span % n_spans * layout.span,
                first_channel: step * DEPTH,
                pair,
                to,
            });
        });
    };
    let compute = |packed: &[f32], piece: &mut Piece| {
        with_scratch([SIDE * layout.span], |[sums]| {
            isa.run(Compute {
                conv,
                amx,
                layout,
                plane: shape.plane(),
                steps: &steps,
                packed,
                sums,
                epilogue,
                piece,
            });
        });
    };
    let span_of = |piece: &Piece| piece.image * n_spans + piece.start / layout.span;
    let len = n_steps * layout.step_len();
    if n_groups == 1 {
        return for_pieces(pieces, |piece| {
            with_scratch([len], |[packed]| {
                let all = packed.chunks_exact_mut(layout.step_len()).enumerate();
                all.for_each(|(step, to)| fill(span_of(piece), step, to));
                compute(packed, piece);
            });
        });
    }
    // Few pieces: pixels are packed first, channels side by side, then shared by groups of output channels.
    let n_all = shape.batch * n_spans;
    with_scratch([n_all * len], |[packed]| {
        packed
            .par_chunks_exact_mut(layout.step_len())
            .take(n_all * n_steps)
            .enumerate()
            .for_each(|(index, to)| fill(index / n_steps, index % n_steps, to));
        let packed = &*packed;
        for_pieces(pieces, |piece| {
            compute(&packed[span_of(piece) * len..][..len], piece);
        })
    })
}

/// How a span of pixels is laid out: `[steps][part][pair of channels][span]` words.
#[derive(Clone, Copy)]
struct Layout {
    span: usize,
    n_steps: usize,
}

impl Layout {
    fn step_len(&self) -> usize {
        DEPTH * self.span
    }
}

/// Splits a span of one step's channels; zeros after the last channel.
struct Fill<'a, 'b> {
    input: &'a Input<'a>,
    image: usize,
    /// First of the pixels.
    first: usize,
    first_channel: usize,
    /// Room for a span of two channels.
    pair: [&'b mut [f32]; 2],
    /// `[part][pair][span]`
    to: &'b mut [f32],
}

impl Kernel for Fill<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self { input, to, .. } = self;
        let span = to.len() / DEPTH;
        let n_pixels = span.min(input.shape.plane() - self.first);
        let (high, low) = to.split_at_mut(TILE * span);
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
            for at in (0..span).step_by(S::LANES) {
                let [high_words, low_words] = s.words(s.load(&lower[at..]), s.load(&upper[at..]));
                s.store(high_words, &mut high[pair * span + at..]);
                s.store(low_words, &mut low[pair * span + at..]);
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
    /// `[SIDE][span]`
    sums: &'a mut [f32],
    epilogue: &'a Epilogue<'a>,
    piece: &'a mut Piece<'b>,
}

impl Kernel for Compute<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let tiles = self.amx.tiles();
        let Layout { span, n_steps } = self.layout;
        let Some(n_pixels) = self.piece.rows.first().map(|row| row.len()) else {
            return;
        };
        for (block, rows) in self.piece.rows.chunks_mut(SIDE).enumerate() {
            let first_channel = self.piece.first_channel + block * SIDE;
            let weights = &self.conv.plain[first_channel / SIDE * n_steps * STEP_WORDS..];
            for at in (0..n_pixels).step_by(SIDE) {
                let columns = Columns::in_rows(&self.packed[at..], span);
                let sums = (&mut self.sums[at..], span);
                tiles.multiply(weights, columns, self.steps, false, sums);
            }
            for (row, to) in rows.iter_mut().enumerate() {
                let channel = first_channel + row;
                let image = self.piece.image;
                let epilogue = ChannelEpilogue::new(s, self.conv, self.epilogue, image, channel);
                let residual = self.epilogue.residual.map(|all| {
                    let at = image * self.conv.shape.out_channels + channel;
                    &all[at * self.plane + self.piece.start..][..n_pixels]
                });
                epilogue.store_row(s, &self.sums[row * span..][..n_pixels], residual, to);
            }
        }
    }
}
