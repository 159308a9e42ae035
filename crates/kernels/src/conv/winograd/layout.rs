//! How a convolution is cut into pieces of tiles.

use super::TILE;
use crate::input::Shape;
use crate::microkernel::{COLUMNS, ROWS, STEP};

/// Pieces to cut at least, where there is enough to cut.
const N_PIECES: usize = 4;
/// Tiles of a piece with few channels.
const MAX_TILES: usize = 256;
/// Tiles that are multiplied at a time, at most. All weights of a layer are read for each such chunk, and seldom fit a core's own cache:
/// the larger it is, the less they hold up the products.
const MAX_CHUNK: usize = 2 * COLUMNS;
/// Output channels from which on pieces may be groups of them.
const MANY_OUTPUTS: usize = 16 * ROWS;
/// Channels of the input from which on a piece is one chunk.
const MANY_CHANNELS: usize = 64;

/// Tiles of one image.
pub(super) fn n_tiles(output: Shape) -> usize {
    output.height.div_ceil(TILE) * output.width.div_ceil(TILE)
}

/// How the work is cut.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub output: Shape,
    /// Images of a piece.
    pub n_images: usize,
    /// Rows of tiles of a piece in each image.
    pub n_rows: usize,
    /// Tiles in a row.
    pub width: usize,
    /// Output channels of a piece.
    pub n_channels: usize,
    /// Tiles that are transformed and multiplied at a time; a multiple of [`STEP`].
    pub n_chunk: usize,
    /// Values from one row of padded input to the next.
    pub pitch: usize,
}

impl Layout {
    pub fn new(output: Shape, in_channels: usize) -> Self {
        let (height, width) = (output.height.div_ceil(TILE), output.width.div_ceil(TILE));
        let n_tiles = output.batch * height * width;
        let most = if in_channels < MANY_CHANNELS {
            MAX_TILES
        } else {
            MAX_CHUNK
        };
        // Few tiles and many weights: pieces are groups of output channels, and each computes all transforms.
        let is_grouped = n_tiles <= 2 * COLUMNS && output.channels >= MANY_OUTPUTS;
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
            if is_grouped { wanted } else { MAX_CHUNK }
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

    /// Whether a piece is a group of output channels, of all tiles.
    pub fn is_grouped(&self) -> bool {
        self.n_channels < self.output.channels
            && self.n_images == self.output.batch
            && self.n_rows == self.output.height.div_ceil(TILE)
    }

    /// Tiles of a piece.
    pub fn n_tiles(&self) -> usize {
        self.n_images * self.n_rows * self.width
    }

    /// Values of one place, for `n_channels`: an odd number of cache lines, so that the places don't map to the
    /// same cache sets.
    pub fn place_pitch(&self, n_channels: usize) -> usize {
        ((n_channels * self.n_chunk / STEP) | 1) * STEP
    }

    /// Padded rows of each image in a piece.
    pub fn n_padded(&self) -> usize {
        self.n_rows * TILE + 2
    }

    /// Padded values of one channel in a piece.
    pub fn padded_len(&self) -> usize {
        self.n_images * self.n_padded() * self.pitch
    }

    /// Whether every vector of tiles lies in one row.
    pub fn is_whole(&self, lanes: usize) -> bool {
        self.width.is_multiple_of(lanes)
    }
}
