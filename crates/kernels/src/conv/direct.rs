//! Direct convolution: the input is copied once into padded planes, which the inner loop reads at shifted offsets.
//!
//! A strip of rows of every channel is laid out with `pitch` values a row, so that one flat index runs over rows and
//! columns; the columns between the rows are computed too and dropped.
//!
//! | convolution | planes of a channel | pitch |
//! |---|---|---|
//! | 3×3 | the rows with one zero on each side | width + 2 |
//! | 3×3 of stride 2 | the same, split into even and odd rows and columns | output width + 1 |
//! | 3×3 of the doubled input | as 3×3, of the input as it is | width + 2 |
//! | 1×1 | panels of [`COLUMNS`] values, each a strip, for the processor to fetch ahead | 1 row |
//!
//! A doubled input has equal neighbours, so each of the 4 phases of the output sees only 2×2 distinct values: the 9
//! weights are added up to 4 for each phase. That saves 5 of 9 products.

use rayon::prelude::*;

use super::super::arena::with_scratch;
use super::super::input::{Input, Shape};
use super::super::norm::ChannelSums;
use super::super::pieces::{Piece, Size, cut};
use super::super::simd::{Isa, Kernel, Simd};
use super::super::tile::{Block, COLUMNS, ROWS, STEP};
use super::{Conv2d, ConvShape, Extras, Finish, for_pieces};

/// Values that a strip's planes may take, over all channels: half of a common second-level cache.
const STRIP_VALUES: usize = 1 << 17;
/// Pieces to cut at least, where there is enough to cut.
const N_PIECES: usize = 16;

/// `[out_channels / ROWS][in_channels][taps][ROWS]`
pub(super) fn pack(shape: &ConvShape, weight: &[f32]) -> Vec<f32> {
    let n_taps = shape.kernel * shape.kernel;
    let k = shape.in_channels * n_taps;
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

/// How a convolution's input is laid out in strips.
#[derive(Clone, Copy)]
struct Layout {
    shape: ConvShape,
    input: Shape,
    /// Rows of the grid in a strip; the grid is the output's, or the input's where that is doubled. For 1×1: values.
    n_rows: usize,
    /// Columns of the grid. For 1×1: 1.
    width: usize,
    /// Values from one row to the next.
    pitch: usize,
    /// Values from one channel to the next.
    plane: usize,
    /// Strips of a piece: 1, but for 1×1.
    n_strips: usize,
}

impl Layout {
    fn new(shape: ConvShape, input: Shape) -> Self {
        let output = shape.output(input);
        let (height, width, border) = match (shape.kernel, shape.stride) {
            (1, _) => (input.plane(), 1, 0),
            (_, 1) => (input.height, input.width, 2),
            _ => (output.height, output.width, 1),
        };
        let pitch = width + border;
        let n_planes = shape.stride * shape.stride;
        let fitting = STRIP_VALUES / (shape.in_channels * pitch * n_planes);
        let (n_rows, n_strips) = if shape.kernel == 1 {
            let n_panels = height.div_ceil(COLUMNS);
            (COLUMNS, n_panels.min((fitting / COLUMNS).clamp(1, 8)))
        } else {
            // Even strips of at least 4 rows.
            let fitting = fitting.saturating_sub(border).max(4);
            (height.div_ceil(height.div_ceil(fitting)), 1)
        };
        // An odd number of cache lines: rows of several channels then don't compete for the same places.
        let n_values = n_planes * (n_rows + border) * pitch;
        let plane = if shape.kernel == 1 {
            COLUMNS
        } else {
            (n_values.div_ceil(STEP) | 1) * STEP
        };
        Self {
            shape,
            input,
            n_rows,
            width,
            pitch,
            plane,
            n_strips,
        }
    }

    /// Where `k` begins in a strip.
    fn offsets(&self) -> Vec<usize> {
        let taps: Vec<usize> = match (self.shape.kernel, self.shape.stride, self.shape.upsample) {
            (1, ..) => vec![0],
            (_, 1, false) => (0..9).map(|tap| tap / 3 * self.pitch + tap % 3).collect(),
            (_, 1, true) => (0..4).map(|tap| tap / 2 * self.pitch + tap % 2).collect(),
            _ => (0..9).map(|tap| self.split_at(tap / 3, tap % 3)).collect(),
        };
        let channels = (0..self.shape.in_channels).map(|channel| channel * self.plane);
        channels
            .flat_map(|at| taps.iter().map(move |tap| at + tap))
            .collect()
    }

    /// Place of a padded row and column among planes that are split by parity.
    fn split_at(&self, row: usize, column: usize) -> usize {
        let plane = (row % 2 * 2 + column % 2) * (self.n_rows + 1) * self.pitch;
        plane + row / 2 * self.pitch + column / 2
    }

    /// Values of the output's plane in one piece.
    fn stretch(&self) -> usize {
        let n_values = self.n_strips * self.n_rows * self.width;
        if self.shape.upsample {
            4 * n_values
        } else {
            n_values
        }
    }

    /// Room for the sums of one block of output channels.
    fn sums_len(&self) -> usize {
        let n_phases = if self.shape.upsample { 4 } else { 1 };
        n_phases * ROWS * (self.n_strips * self.n_rows * self.pitch).next_multiple_of(STEP)
    }

    /// Values of a strip.
    fn strip_len(&self) -> usize {
        self.shape.in_channels * self.plane
    }
}

/// Channels to fetch ahead of the one that is copied.
const AHEAD: usize = 4;
/// Room behind the last strip, where its last block reads on.
const BEHIND: usize = 2 * COLUMNS;

/// Computes the convolution.
pub(super) fn forward(
    conv: &Conv2d,
    isa: Isa,
    input: &Input,
    extras: &Extras,
    out: &mut [f32],
) -> ChannelSums {
    let shape = conv.shape.output(input.shape);
    let layout = Layout::new(conv.shape, input.shape);
    let weights = match conv.shape.upsample {
        true => conv.folded.get_or_init(|| fold(&conv.shape, &conv.plain)),
        false => &conv.plain,
    };
    let n_stretches = shape.plane().div_ceil(layout.stretch());
    let n_blocks = conv.shape.out_channels.div_ceil(ROWS);
    let n_groups = N_PIECES.div_ceil(shape.batch * n_stretches).min(n_blocks);
    let size = Size {
        images: 1,
        channels: n_blocks.div_ceil(n_groups) * ROWS,
        values: layout.stretch(),
    };
    let pieces = cut(out, (shape.channels, shape.plane()), size);
    let offsets = layout.offsets();
    let n_channels = conv.shape.in_channels;
    let (n_strips, len) = (layout.n_strips, layout.strip_len());
    // Fills one channel of a strip of the stretch `stretch` of all images.
    let fill =
        |stretch: usize, strip: usize, channel: usize, padded: &mut [f32], to: &mut [f32]| {
            isa.run(Fill {
                layout,
                input,
                image: stretch / n_stretches,
                first_row: (stretch % n_stretches * n_strips + strip) * layout.n_rows,
                channel,
                padded,
                to,
            });
        };
    let compute = |strips: &[f32], piece: &mut Piece| {
        with_scratch([layout.sums_len()], |[sums]| {
            isa.run(Compute {
                conv,
                weights,
                layout,
                offsets: &offsets,
                strips,
                sums,
                extras,
                piece,
            });
        });
    };
    let stretch_of = |piece: &Piece| piece.image * n_stretches + piece.start / layout.stretch();
    if n_groups == 1 {
        return for_pieces(isa, pieces, (shape, extras.sums), |piece| {
            with_scratch(
                [n_strips * len + BEHIND, 2 * layout.pitch],
                |[strips, padded]| {
                    let stretch = stretch_of(piece);
                    // Strip by strip within a channel: the input is read in long runs.
                    for channel in 0..n_channels {
                        for strip in 0..n_strips {
                            let at = strip * len + channel * layout.plane;
                            fill(
                                stretch,
                                strip,
                                channel,
                                padded,
                                &mut strips[at..][..layout.plane],
                            );
                        }
                    }
                    compute(strips, piece);
                },
            );
        });
    }
    // Few pieces: strips are filled first, channels side by side, then shared by groups of output channels.
    let n_all = shape.batch * n_stretches * n_strips;
    with_scratch([n_all * len + BEHIND], |[strips]| {
        strips[..n_all * len]
            .par_chunks_exact_mut(layout.plane)
            .with_min_len(8)
            .enumerate()
            .for_each(|(index, to)| {
                let (strip, channel) = (index / n_channels, index % n_channels);
                with_scratch([2 * layout.pitch], |[padded]| {
                    fill(strip / n_strips, strip % n_strips, channel, padded, to);
                });
            });
        let strips = &*strips;
        for_pieces(isa, pieces, (shape, extras.sums), |piece| {
            compute(&strips[stretch_of(piece) * n_strips * len..], piece);
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
        if layout.shape.kernel == 1 {
            // Runs are too short for the processor to see what comes next.
            if channel + AHEAD < input.shape.channels {
                let next = input.plane(image, channel + AHEAD);
                for value in next.iter().skip(first_row).take(COLUMNS).step_by(STEP) {
                    s.prefetch(value);
                }
            }
            let end = plane.len().min(first_row + layout.n_rows);
            let from = &plane[first_row.min(end)..end];
            return input.copy(s, (image, channel), from, &mut to[..from.len()]);
        }
        let Shape { height, width, .. } = input.shape;
        let row_of = |y: isize| {
            let y = usize::try_from(y).ok().filter(|&y| y < height)?;
            Some(&plane[y * width..][..width])
        };
        if layout.shape.stride == 1 {
            let rows = to.chunks_exact_mut(layout.pitch).take(layout.n_rows + 2);
            for (i, to) in rows.enumerate() {
                let Some(from) = row_of((first_row + i) as isize - 1) else {
                    to.fill(0.0);
                    continue;
                };
                to[0] = 0.0;
                to[width + 1] = 0.0;
                input.copy(s, (image, channel), from, &mut to[1..=width]);
            }
            return;
        }
        // The padded row first, then its even and odd columns.
        let padded = &mut padded[..2 * layout.pitch];
        for i in 0..2 * (layout.n_rows + 1) {
            padded.fill(0.0);
            if let Some(from) = row_of((2 * first_row + i) as isize - 1) {
                input.copy(s, (image, channel), from, &mut padded[1..=width]);
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

/// Computes one piece of the output from its strips.
struct Compute<'a, 'b> {
    conv: &'a Conv2d,
    /// `[out_channels / ROWS][phases][k][ROWS]`; `k` runs over the input's channels, then the taps.
    weights: &'a [f32],
    layout: Layout,
    offsets: &'a [usize],
    strips: &'a [f32],
    sums: &'a mut [f32],
    extras: &'a Extras<'a>,
    piece: &'a mut Piece<'b>,
}

impl Kernel for Compute<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let layout = self.layout;
        let n_phases = if layout.shape.upsample { 4 } else { 1 };
        let Some(stretch) = self.piece.rows.first().map(|row| row.len()) else {
            return;
        };
        let n_rows = stretch / n_phases / layout.width;
        let n_columns = (n_rows - 1) * layout.pitch + layout.width;
        let pitch = n_columns.next_multiple_of(STEP);
        // 1×1: a strip is a panel; else there is one.
        let n_strip = if layout.shape.kernel == 1 {
            COLUMNS
        } else {
            n_columns
        };
        let n_weights = self.offsets.len() * ROWS;
        let first_channel = self.piece.first_channel;
        let sums = self.sums;
        for (block, rows) in self.piece.rows.chunks_mut(ROWS).enumerate() {
            let first_channel = first_channel + block * ROWS;
            let weights = &self.weights[first_channel / ROWS * n_phases * n_weights..];
            for phase in 0..n_phases {
                for (strip, first) in (0..n_columns).step_by(n_strip).enumerate() {
                    let at = strip * layout.strip_len() + phase / 2 * layout.pitch + phase % 2;
                    Block {
                        weights: &weights[phase * n_weights..][..n_weights],
                        offsets: self.offsets,
                        input: &self.strips[at..],
                    }
                    .compute(
                        s,
                        (0, n_strip.min(n_columns - first)),
                        (&mut sums[phase * ROWS * pitch + first..], pitch, rows.len()),
                        false,
                    );
                }
            }
            for (row, to) in rows.iter_mut().enumerate() {
                let channel = first_channel + row;
                let image = self.piece.image;
                let finish = Finish::new(s, self.conv, self.extras, image, channel);
                let plane = layout.shape.output(layout.input).plane();
                let from = (image * layout.shape.out_channels + channel) * plane + self.piece.start;
                let residual = self.extras.residual.map(|all| &all[from..][..stretch]);
                let sums = |phase: usize| &sums[(phase * ROWS + row) * pitch..][..n_columns];
                if layout.shape.upsample {
                    let phases = std::array::from_fn(sums);
                    store_phases(s, &layout, phases, finish, residual, to);
                } else {
                    store(s, &layout, sums(0), finish, residual, to);
                }
            }
        }
    }
}

/// Stores a channel's rows without the columns between them.
#[inline(always)]
fn store<S: Simd>(
    s: S,
    layout: &Layout,
    sums: &[f32],
    finish: Finish<S>,
    residual: Option<&[f32]>,
    to: &mut [f32],
) {
    if layout.pitch == layout.width {
        return finish.store_row(s, sums, residual, to);
    }
    let width = layout.width;
    for (i, to) in to.chunks_exact_mut(width).enumerate() {
        let residual = residual.map(|r| &r[i * width..][..width]);
        finish.store_row(s, &sums[i * layout.pitch..][..width], residual, to);
    }
}

/// Stores a channel's rows of a doubled image: phase `2 y + x` holds its rows `2 i + y`, columns `2 j + x`.
#[inline(always)]
fn store_phases<S: Simd>(
    s: S,
    layout: &Layout,
    phases: [&[f32]; 4],
    finish: Finish<S>,
    residual: Option<&[f32]>,
    to: &mut [f32],
) {
    let width = 2 * layout.width;
    for (i, to) in to.chunks_exact_mut(width).enumerate() {
        let row = |x: usize| &phases[i % 2 * 2 + x][i / 2 * layout.pitch..][..layout.width];
        for ((to, even), odd) in to.chunks_exact_mut(2).zip(row(0)).zip(row(1)) {
            to[0] = *even;
            to[1] = *odd;
        }
        let residual = residual.map(|residual| &residual[i * width..][..width]);
        for (idx, to) in to.chunks_mut(S::LANES).enumerate() {
            let residual = residual.map(|residual| &residual[idx * S::LANES..]);
            finish.store(s, s.load_partial(to), residual, to);
        }
    }
}
