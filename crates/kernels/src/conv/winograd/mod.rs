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

pub(super) mod deep;
mod input;
mod layout;
mod output;
mod weights;

use input::{Pad, TransformInput};
use layout::{Layout, n_tiles};
use output::Multiply;
use weights::transform_weights;

use std::mem::MaybeUninit;

use super::{Conv2d, ConvShape, Epilogue, for_pieces};
use crate::arena::with_scratch;
use crate::input::{Input, Shape};
use crate::microkernel::{ROWS, STEP};
use crate::pieces::{Piece, Size, cut};
use crate::simd::Isa;

/// Rows and columns of a tile's output.
const TILE: usize = 4;
/// Rows and columns of a tile's input.
const PATCH: usize = 6;
/// Products for one tile and pair of channels.
const PLACES: usize = PATCH * PATCH;
/// Output channels whose products are held at once, where the weights of as many and of a place fit a core's own cache.
const GROUP: usize = 8 * ROWS;
/// The same where they don't: the inputs' transforms, which are large then, are read again for each such group.
const WIDE_GROUP: usize = 40 * ROWS;
/// Input channels up to which they fit.
const FEW_INPUTS: usize = 512;

/// Output channels whose products are held at once.
fn group(in_channels: usize) -> usize {
    match in_channels <= FEW_INPUTS {
        true => GROUP,
        false => WIDE_GROUP,
    }
}

/// Whether the weights are few enough to be read often.
pub(super) fn has_few_weights(in_channels: usize, out_channels: usize) -> bool {
    in_channels.saturating_mul(out_channels) <= deep::MIN_WEIGHTS
}

/// Whether it is faster than the direct convolution.
pub(super) fn is_faster(shape: &ConvShape, input: Shape) -> bool {
    // Of one image: a frame must not change with the number of its neighbours in the batch.
    // Doubled rows are written value by value: too slow for few channels.
    let least = if shape.upsample { 4 * ROWS } else { ROWS };
    (shape.kernel, shape.stride) == (3, 1)
        && shape.in_channels >= least
        && n_tiles(shape.output(input)) >= STEP
        && !deep::is_faster(shape, input)
}

/// Computes the convolution.
pub(super) fn forward(
    conv: &Conv2d,
    isa: Isa,
    input: &Input,
    epilogue: &Epilogue,
    out: &mut [MaybeUninit<f32>],
) {
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
    let is_one_chunk = layout.n_chunk >= layout.n_tiles();
    let input_lens = [
        // The transforms read up to 2 vectors of each phase after the last row.
        layout.padded_len() * if is_one_chunk { 1 } else { n_channels } + 8 * STEP,
        PLACES * 2 * STEP,
        PLACES * layout.place_pitch(n_channels),
    ];
    let output_lens = [
        PLACES * layout.place_pitch(group(n_channels).min(shape.channels.next_multiple_of(ROWS))),
        TILE * TILE * (layout.n_chunk + STEP),
    ];
    // Transforms the inputs of a piece's tiles from `first` on.
    let transform = |place: (usize, usize), first: usize, scratch: [&mut [f32]; 3]| {
        let [padded, patches, transformed] = scratch;
        for channel in 0..n_channels {
            let slot = if is_one_chunk { 0 } else { channel };
            let padded = &mut padded[slot * layout.padded_len()..];
            if first == 0 {
                isa.run(Pad {
                    layout,
                    input,
                    border: conv.shape.border,
                    channel,
                    first: place,
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
    };
    let multiply = |first: usize, transformed: &[f32], piece: &mut Piece| {
        with_scratch(output_lens, |[products, tiles]| {
            isa.run(Multiply {
                conv,
                layout,
                first,
                weights,
                transformed,
                products,
                tiles,
                epilogue,
                piece,
            });
        });
    };
    if layout.is_grouped() && is_one_chunk {
        // All pieces are of the same tiles: these are transformed once, which takes less than cutting them up would.
        return with_scratch(input_lens, |[padded, patches, transformed]| {
            transform((0, 0), 0, [padded, patches, &mut *transformed]);
            let transformed = &*transformed;
            for_pieces(pieces, |piece| multiply(0, transformed, piece));
        });
    }
    for_pieces(pieces, |piece| {
        with_scratch(input_lens, |[padded, patches, transformed]| {
            let place = (piece.image, piece.start / shape.width);
            for first in (0..layout.n_tiles()).step_by(layout.n_chunk) {
                transform(
                    place,
                    first,
                    [&mut *padded, &mut *patches, &mut *transformed],
                );
                multiply(first, transformed, piece);
            }
        });
    })
}
