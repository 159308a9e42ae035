//! 1×1 convolution: pixels are copied once into panels of [`COLUMNS`] columns, which the inner loop reads in a row; weights stay
//! as they are.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use crate::arena::with_scratch;
use crate::input::Input;
use crate::microkernel::{
    COLUMNS, GROUP, Product, STEP, Sink, Weights, prefetch, tile_columns, tile_rows,
};
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
        isa.run(Compute {
            conv,
            panels,
            plane: shape.plane(),
            epilogue,
            piece,
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
    /// `[panels][in_channels][columns]`, see [`tile_columns`]
    to: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (input, image) = (self.input, self.image);
        let n_channels = input.shape.channels;
        let columns = tile_columns::<S>();
        let n_pixels = input.shape.plane();
        let first = self.first.min(n_pixels);
        let end = n_pixels.min(first + self.to.len() / n_channels);
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
            for (panel, from) in pixels.chunks(columns).enumerate() {
                let to = &mut self.to[(panel * n_channels + channel) * columns..];
                input.copy(s, (image, channel), from, &mut to[..from.len()]);
            }
        }
    }
}

/// Computes one piece of the output from its panels.
struct Compute<'a, 'b> {
    conv: &'a Conv2d,
    /// `[panels][in_channels][columns]`, see [`tile_columns`]
    panels: &'a [f32],
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
        let columns = tile_columns::<S>();
        for first in (0..span).step_by(columns) {
            let panel = &self.panels[first * n_channels..];
            let product = Product {
                weights: Weights::<1> {
                    values: &conv.plain,
                    pitch: n_channels,
                },
                pixels: panel[..n_channels * columns].chunks_exact(columns),
            };
            let n_columns = columns.min(span - first);
            let mut begin = 0;
            while begin < piece.n_channels {
                let end = begin + tile_rows::<S>(piece.n_channels - begin);
                let end = end.min(piece.n_channels);
                let channels = piece.first_channel + begin..piece.first_channel + end;
                let plane = (piece.image * conv.shape.out_channels + channels.start) * self.plane;
                let mut out = Out {
                    conv,
                    epilogue: self.epilogue,
                    image: piece.image,
                    first_channel: channels.start,
                    first,
                    residual: self
                        .epilogue
                        .residual
                        .map(|all| &all[plane + piece.start..]),
                    plane: self.plane,
                    rows: &mut piece.rows[begin..end],
                };
                let residual = out.residual.map(|all| &all[first..]);
                let pixels = first..first + n_columns;
                prefetch(s, out.rows, pixels, (residual, self.plane));
                product.compute(s, channels, n_columns, &mut out);
                begin = end;
            }
        }
    }
}

/// Where a tile's sums become values of some channels.
struct Out<'a, 'b> {
    conv: &'a Conv2d,
    epilogue: &'a Epilogue<'a>,
    image: usize,
    first_channel: usize,
    /// The panel's first pixel, counted from the piece's.
    first: usize,
    /// From the piece's first pixel of the first channel on.
    residual: Option<&'a [f32]>,
    /// Values of a channel.
    plane: usize,
    /// The piece's pixels of each channel.
    rows: &'a mut [&'b mut [MaybeUninit<f32>]],
}

impl Sink for Out<'_, '_> {
    #[inline(always)]
    fn take<S: Simd, const V: usize>(&mut self, s: S, row: usize, column: usize, sums: [S::V; V]) {
        let first = self.first + column;
        // Columns are computed in multiples of STEP; a row may end before.
        let Some(to) = self.rows[row].get_mut(first..) else {
            return;
        };
        let channel = self.first_channel + row;
        let epilogue = ChannelEpilogue::new(s, self.conv, self.epilogue, self.image, channel);
        let residual = self.residual.map(|all| &all[row * self.plane + first..]);
        epilogue.store(s, sums, residual, to);
    }
}
