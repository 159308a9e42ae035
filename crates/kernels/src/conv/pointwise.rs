//! 1×1 convolution: pixels are copied once into panels of [`COLUMNS`] columns, which the inner loop reads in a row; weights stay
//! as they are.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::arena::with_scratch;
use crate::input::Input;
use crate::microkernel::{COLUMNS, GROUP, Product, ROWS, STEP, Weights, tile_columns, tile_rows};
use crate::pieces::{Piece, Size, cut};
use crate::simd::{Isa, Kernel, Simd};

use super::{ChannelEpilogue, Conv2d, Epilogue, for_pieces};

/// Pieces to cut at least, where there is enough to cut.
const N_PIECES: usize = 16;
/// Values that a piece's panels may take, over all channels: half of a common second-level cache.
const PIECE_VALUES: usize = 1 << 17;
/// Most panels of a piece.
const N_PANELS: usize = 8;
/// Channels to prefetch ahead of the one that is copied.
const AHEAD: usize = 4;

/// Computes the convolution.
pub(super) fn forward(
    conv: &Conv2d,
    isa: Isa,
    input: &Input,
    epilogue: &Epilogue,
    out: &mut [MaybeUninit<f32>],
) {
    let shape = conv.shape.output(input.shape);
    let n_channels = conv.shape.in_channels;
    let panel_len = n_channels * COLUMNS;
    let n_panels = shape.plane().div_ceil(COLUMNS);
    let n_panels = n_panels.min((PIECE_VALUES / panel_len).clamp(1, N_PANELS));
    let span = n_panels * COLUMNS;
    let n_spans = shape.plane().div_ceil(span);
    let n_groups = N_PIECES.div_ceil(shape.batch * n_spans);
    let n_groups = n_groups.min(shape.channels.div_ceil(GROUP));
    let size = Size {
        images: 1,
        channels: shape.channels.div_ceil(n_groups).next_multiple_of(GROUP),
        values: span,
    };
    let pieces = cut(out, (shape.channels, shape.plane()), size);
    // Packs some panels of the span `span` of all images, from its panel `panel` on.
    let pack = |span: usize, panel: usize, to: &mut [f32]| {
        isa.run(Pack {
            input,
            image: span / n_spans,
            first: (span % n_spans * n_panels + panel) * COLUMNS,
            to,
        });
    };
    let compute = |panels: &[f32], piece: &mut Piece| {
        with_scratch([ROWS * COLUMNS], |[sums]| {
            isa.run(Compute {
                conv,
                panels,
                sums,
                plane: shape.plane(),
                epilogue,
                piece,
            });
        });
    };
    let span_of = |piece: &Piece| piece.image * n_spans + piece.start / span;
    if n_groups == 1 {
        return for_pieces(pieces, |piece| {
            with_scratch([n_panels * panel_len], |[panels]| {
                pack(span_of(piece), 0, &mut panels[..n_panels * panel_len]);
                compute(panels, piece);
            });
        });
    }
    // Few pieces: panels are packed first, side by side, then shared by groups of output channels.
    let n_all = shape.batch * n_spans * n_panels;
    with_scratch([n_all * panel_len], |[panels]| {
        panels[..n_all * panel_len]
            .par_chunks_exact_mut(panel_len)
            .enumerate()
            .for_each(|(index, to)| pack(index / n_panels, index % n_panels, to));
        let panels = &*panels;
        for_pieces(pieces, |piece| {
            compute(&panels[span_of(piece) * n_panels * panel_len..], piece);
        })
    })
}

/// Packs panels that follow one another in an image.
struct Pack<'a> {
    input: &'a Input<'a>,
    image: usize,
    /// First pixel; may lie behind the last one.
    first: usize,
    /// `[panels][in_channels][COLUMNS]`
    to: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (input, image) = (self.input, self.image);
        let n_channels = input.shape.channels;
        let n_panels = self.to.len() / (n_channels * COLUMNS);
        let n_pixels = input.shape.plane();
        let first = self.first.min(n_pixels);
        let end = n_pixels.min(first + n_panels * COLUMNS);
        // Panel by panel within a channel: the input is read in long runs.
        for channel in 0..n_channels {
            // They are too short for the processor to see what comes next.
            if channel + AHEAD < n_channels {
                let next = &input.plane(image, channel + AHEAD)[first..end];
                for value in next.iter().step_by(STEP) {
                    s.prefetch(value);
                }
            }
            let pixels = &input.plane(image, channel)[first..end];
            for (panel, from) in pixels.chunks(COLUMNS).enumerate() {
                let to = &mut self.to[(panel * n_channels + channel) * COLUMNS..];
                input.copy(s, (image, channel), from, &mut to[..from.len()]);
            }
        }
    }
}

/// Computes one piece of the output from its panels.
struct Compute<'a, 'b> {
    conv: &'a Conv2d,
    /// `[panels][in_channels][COLUMNS]`
    panels: &'a [f32],
    /// `[ROWS][COLUMNS]`
    sums: &'a mut [f32],
    /// Values of a channel of the output.
    plane: usize,
    epilogue: &'a Epilogue<'a>,
    piece: &'a mut Piece<'b>,
}

impl Kernel for Compute<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (conv, piece) = (self.conv, self.piece);
        let Some(span) = piece.rows.first().map(|row| row.len()) else {
            return;
        };
        let n_channels = conv.shape.in_channels;
        let image = piece.image;
        for first in (0..span).step_by(tile_columns::<S>()) {
            let panel = &self.panels[first / COLUMNS * n_channels * COLUMNS..];
            let product = Product {
                weights: Weights::<1> {
                    values: &conv.plain,
                    pitch: n_channels,
                },
                pixels: panel[..n_channels * COLUMNS].chunks_exact(COLUMNS),
            };
            let n_columns = tile_columns::<S>().min(span - first);
            let columns = (first % COLUMNS, n_columns);
            let mut begin = 0;
            while begin < piece.n_channels {
                let end = begin + tile_rows::<S>(piece.n_channels - begin);
                let end = end.min(piece.n_channels);
                let channels = piece.first_channel + begin..piece.first_channel + end;
                let sums = (&mut *self.sums, COLUMNS);
                product.compute(s, channels.clone(), columns, sums, false);
                let rows = piece.rows[begin..end].iter_mut();
                for ((row, to), channel) in rows.enumerate().zip(channels) {
                    let epilogue = ChannelEpilogue::new(s, conv, self.epilogue, image, channel);
                    let plane = (image * conv.shape.out_channels + channel) * self.plane;
                    let from = plane + piece.start + first;
                    let residual = self.epilogue.residual.map(|all| &all[from..][..n_columns]);
                    let sums = &self.sums[row * COLUMNS + columns.0..];
                    epilogue.store_row(s, sums, residual, &mut to[first..][..n_columns]);
                }
                begin = end;
            }
        }
    }
}
