//! Direct convolution: the input is copied once into padded planes, which the inner loop reads at shifted offsets.
//!
//! A strip of rows of every channel is laid out with `pitch` values a row, so that one flat index runs over rows and
//! columns; the columns between the rows are computed too and dropped.
//!
//! | convolution | planes of a channel | pitch |
//! |---|---|---|
//! | 3×3 | the rows with one value of the border on each side | width + 2 |
//! | 3×3 of stride 2 | the same, split into even and odd rows and columns | output width + 1 |
//! | 3×3 of the doubled input | as 3×3, of the input as it is | width + 2 |
//!
//! A doubled input has equal neighbours, so each of the 4 phases of the output sees only 2×2 distinct values: the 9
//! weights are added up to 4 for each phase. That saves 5 of 9 products. Reflected, such a picture is its own row or column
//! repeated: the input's outermost values are then its border.

mod layout;

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::arena::with_scratch;
use crate::input::{Input, Shape};
use crate::microkernel::{COLUMNS, Product, ROWS, STEP, Shifted, Sums, Weights, tile_rows};
use crate::pieces::{Piece, Size, cut};
use crate::simd::{Isa, Kernel, Simd};
use layout::Layout;

use super::{Border, ChannelEpilogue, Conv2d, ConvShape, Epilogue, for_pieces};

/// Pieces to cut at least, where there is enough to cut.
const N_PIECES: usize = 16;

/// `[out_channels / ROWS][in_channels][9][ROWS]`
pub(super) fn pack(shape: &ConvShape, weight: &[f32]) -> Vec<f32> {
    let k = shape.in_channels * 9;
    let mut packed = vec![0.0; shape.out_channels.div_ceil(ROWS) * k * ROWS];
    for (out_channel, weight) in weight.chunks_exact(k).enumerate() {
        let block = &mut packed[out_channel / ROWS * k * ROWS..];
        let rows = block[out_channel % ROWS..].iter_mut().step_by(ROWS);
        for (to, weight) in rows.zip(weight) {
            *to = *weight;
        }
    }
    packed
}

/// Adds up the packed weights of a doubled input's equal neighbours: `[out_channels / ROWS][phases][in_channels][4][ROWS]`.
fn fold(shape: &ConvShape, plain: &[f32]) -> Vec<f32> {
    // Row of the input, from the phase's first, that the tap's row of the doubled input repeats.
    let fold = |phase: usize, tap: usize| (phase + tap).div_ceil(2) - phase;
    let n_channels = shape.in_channels;
    let mut folded = vec![0.0; plain.len() / 9 * 16];
    let (blocks, _) = plain.as_chunks::<ROWS>();
    for (index, weights) in blocks.iter().enumerate() {
        let (block, channel, tap) = (index / 9 / n_channels, index / 9 % n_channels, index % 9);
        for phase in 0..4 {
            let phase_tap = 2 * fold(phase / 2, tap / 3) + fold(phase % 2, tap % 3);
            let at = ((block * 4 + phase) * n_channels + channel) * 4 + phase_tap;
            for (to, weight) in folded[at * ROWS..].iter_mut().zip(weights) {
                *to += weight;
            }
        }
    }
    folded
}

/// Values after the last strip that its last block may read.
const OVERREAD: usize = 2 * COLUMNS;

/// Computes the convolution.
pub(super) fn forward(
    conv: &Conv2d,
    isa: Isa,
    input: &Input,
    epilogue: &Epilogue,
    out: &mut [MaybeUninit<f32>],
) {
    let shape = conv.shape.output(input.shape);
    let layout = Layout::new(conv.shape, input.shape);
    let weights = match conv.shape.upsample {
        true => conv.folded.get_or_init(|| fold(&conv.shape, &conv.plain)),
        false => &conv.plain,
    };
    let n_strips = shape.plane().div_ceil(layout.span());
    let n_blocks = conv.shape.out_channels.div_ceil(ROWS);
    let n_groups = N_PIECES.div_ceil(shape.batch * n_strips).min(n_blocks);
    let size = Size {
        images: 1,
        channels: n_blocks.div_ceil(n_groups) * ROWS,
        values: layout.span(),
    };
    let pieces = cut(out, (shape.channels, shape.plane()), size);
    let offsets = layout.offsets();
    let n_channels = conv.shape.in_channels;
    let len = layout.strip_len();
    // Fills one channel of the strip `strip` of all images.
    let fill = |strip: usize, channel: usize, padded: &mut [f32], to: &mut [f32]| {
        isa.run(Fill {
            layout,
            input,
            image: strip / n_strips,
            first_row: strip % n_strips * layout.n_rows,
            channel,
            padded,
            to,
        });
    };
    let compute = |strip: &[f32], piece: &mut Piece| {
        with_scratch([layout.sums_len(), 2 * layout.width], |[sums, row]| {
            isa.run(Compute {
                conv,
                weights,
                layout,
                offsets: &offsets,
                strip,
                sums,
                row,
                epilogue,
                piece,
            });
        });
    };
    let strip_of = |piece: &Piece| piece.image * n_strips + piece.start / layout.span();
    if n_groups == 1 {
        return for_pieces(pieces, |piece| {
            with_scratch([len + OVERREAD, 2 * layout.pitch], |[strip, padded]| {
                let planes = strip.chunks_exact_mut(layout.plane);
                for (channel, plane) in planes.take(n_channels).enumerate() {
                    fill(strip_of(piece), channel, padded, plane);
                }
                compute(strip, piece);
            });
        });
    }
    // Few pieces: strips are filled first, channels side by side, then shared by groups of output channels.
    let n_all = shape.batch * n_strips;
    with_scratch([n_all * len + OVERREAD], |[strips]| {
        strips[..n_all * len]
            .par_chunks_exact_mut(layout.plane)
            .with_min_len(8)
            .enumerate()
            .for_each(|(index, to)| {
                let (strip, channel) = (index / n_channels, index % n_channels);
                with_scratch([2 * layout.pitch], |[padded]| {
                    fill(strip, channel, padded, to);
                });
            });
        let strips = &*strips;
        for_pieces(pieces, |piece| {
            compute(&strips[strip_of(piece) * len..], piece);
        })
    })
}

/// Lays out one channel of a strip.
struct Fill<'a> {
    layout: Layout,
    input: &'a Input<'a>,
    image: usize,
    /// First row of the grid.
    first_row: usize,
    channel: usize,
    /// Room for two rows of padded input.
    padded: &'a mut [f32],
    to: &'a mut [f32],
}

impl Kernel for Fill<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Self {
            layout,
            input,
            image,
            first_row,
            channel,
            padded,
            to,
        } = self;
        let plane = input.plane(image, channel);
        let Shape { height, width, .. } = input.shape;
        let border = layout.shape.border;
        // Of the padded input.
        let row_of = |y: usize| {
            let y = match (layout.shape.upsample, border) {
                (true, Border::Reflect) => y.clamp(1, height) - 1,
                _ => border.row(y, height)?,
            };
            Some(&plane[y * width..][..width])
        };
        if layout.shape.stride == 1 {
            let rows = to.chunks_exact_mut(layout.pitch).take(layout.n_rows + 2);
            for (i, to) in rows.enumerate() {
                let Some(from) = row_of(first_row + i) else {
                    to.fill(0.0);
                    continue;
                };
                input.copy(s, (image, channel), from, &mut to[1..=width]);
                match (layout.shape.upsample, border) {
                    (true, Border::Reflect) => (to[0], to[width + 1]) = (to[1], to[width]),
                    _ => border.close(to, width),
                }
            }
            return;
        }
        // The padded row first, then its even and odd columns.
        let padded = &mut padded[..2 * layout.pitch];
        for i in 0..2 * (layout.n_rows + 1) {
            padded.fill(0.0);
            if let Some(from) = row_of(2 * first_row + i) {
                input.copy(s, (image, channel), from, &mut padded[1..=width]);
                border.close(padded, width);
            }
            for parity in 0..2 {
                let row = &mut to[layout.split_at(i, parity)..][..layout.pitch];
                for (to, from) in row.iter_mut().zip(padded[parity..].iter().step_by(2)) {
                    *to = *from;
                }
            }
        }
    }
}

/// Computes one piece of the output from its strip.
struct Compute<'a, 'b> {
    conv: &'a Conv2d,
    /// `[out_channels / ROWS][phases][k][ROWS]`; `k` runs over the input's channels, then the taps.
    weights: &'a [f32],
    layout: Layout,
    offsets: &'a [usize],
    strip: &'a [f32],
    sums: &'a mut [f32],
    /// Room for one row of a doubled image.
    row: &'a mut [f32],
    epilogue: &'a Epilogue<'a>,
    piece: &'a mut Piece<'b>,
}

impl Kernel for Compute<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let layout = self.layout;
        let n_phases = if layout.shape.upsample { 4 } else { 1 };
        let Some(span) = self.piece.rows.first().map(|row| row.len()) else {
            return;
        };
        let n_rows = span / n_phases / layout.width;
        let n_columns = (n_rows - 1) * layout.pitch + layout.width;
        let pitch = n_columns.next_multiple_of(STEP);
        let n_weights = self.offsets.len() * ROWS;
        let sums = self.sums;
        let n_channels = self.piece.n_channels;
        let mut begin = 0;
        while begin < n_channels {
            let end = n_channels.min(begin + tile_rows::<S>(n_channels - begin));
            let channels = self.piece.first_channel + begin..self.piece.first_channel + end;
            for phase in 0..n_phases {
                let at = phase / 2 * layout.pitch + phase % 2;
                let product = Product {
                    weights: Weights::<ROWS> {
                        values: &self.weights[phase * n_weights..],
                        pitch: n_phases * n_weights,
                    },
                    pixels: Shifted::new(&self.strip[at..], self.offsets),
                };
                let sums = &mut Sums::new(&mut sums[phase * ROWS * pitch..], pitch);
                product.compute(s, channels.clone(), n_columns, sums);
            }
            let rows = &mut self.piece.rows[begin..end];
            for ((row, to), channel) in rows.iter_mut().enumerate().zip(channels) {
                let image = self.piece.image;
                let epilogue = ChannelEpilogue::new(s, self.conv, self.epilogue, image, channel);
                let plane = layout.shape.output(layout.input).plane();
                let from = (image * layout.shape.out_channels + channel) * plane + self.piece.start;
                let residual = self.epilogue.residual.map(|all| &all[from..][..span]);
                let sums = |phase: usize| &sums[(phase * ROWS + row) * pitch..][..n_columns];
                if layout.shape.upsample {
                    let phases = std::array::from_fn(sums);
                    let place = (&mut *self.row, &mut **to);
                    store_phases(s, &layout, phases, epilogue, residual, place);
                } else {
                    store(s, &layout, sums(0), epilogue, residual, to);
                }
            }
            begin = end;
        }
    }
}

/// Stores a channel's rows without the columns between them.
#[inline(always)]
fn store<S: Simd>(
    s: S,
    layout: &Layout,
    sums: &[f32],
    epilogue: ChannelEpilogue<S>,
    residual: Option<&[f32]>,
    to: &mut [MaybeUninit<f32>],
) {
    let width = layout.width;
    for (i, to) in to.chunks_exact_mut(width).enumerate() {
        let residual = residual.map(|r| &r[i * width..][..width]);
        epilogue.store_row(s, &sums[i * layout.pitch..][..width], residual, to);
    }
}

/// Stores a channel's rows of a doubled image: phase `2 y + x` holds its rows `2 i + y`, columns `2 j + x`. Each row is put
/// together in `row` first.
#[inline(always)]
fn store_phases<S: Simd>(
    s: S,
    layout: &Layout,
    phases: [&[f32]; 4],
    epilogue: ChannelEpilogue<S>,
    residual: Option<&[f32]>,
    (row, to): (&mut [f32], &mut [MaybeUninit<f32>]),
) {
    let width = 2 * layout.width;
    for (i, to) in to.chunks_exact_mut(width).enumerate() {
        let phase = |x: usize| &phases[i % 2 * 2 + x][i / 2 * layout.pitch..][..layout.width];
        for ((pair, even), odd) in row.chunks_exact_mut(2).zip(phase(0)).zip(phase(1)) {
            pair[0] = *even;
            pair[1] = *odd;
        }
        let residual = residual.map(|residual| &residual[i * width..][..width]);
        epilogue.store_row(s, &row[..width], residual, to);
    }
}
