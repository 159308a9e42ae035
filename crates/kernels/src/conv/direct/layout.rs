//! How a direct convolution's input is laid out in strips.

use super::ConvShape;
use crate::input::Shape;
use crate::microkernel::{ROWS, STEP};

/// Values that a strip's planes may take, over all channels: half of a common second-level cache.
const STRIP_VALUES: usize = 1 << 17;

/// Sizes and places of a strip's planes.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub shape: ConvShape,
    pub input: Shape,
    /// Rows of the grid in a strip; the grid is the output's, or the input's where that is doubled.
    pub n_rows: usize,
    /// Columns of the grid.
    pub width: usize,
    /// Values from one row to the next.
    pub pitch: usize,
    /// Values from one channel to the next.
    pub plane: usize,
}

impl Layout {
    pub fn new(shape: ConvShape, input: Shape) -> Self {
        let output = shape.output(input);
        let (height, width, border) = match shape.stride {
            1 => (input.height, input.width, 2),
            _ => (output.height, output.width, 1),
        };
        let pitch = width + border;
        let n_planes = shape.stride * shape.stride;
        let fitting = STRIP_VALUES / (shape.in_channels * pitch * n_planes);
        // Even strips of at least 4 rows.
        let fitting = fitting.saturating_sub(border).max(4);
        let n_rows = height.div_ceil(height.div_ceil(fitting));
        // An odd number of cache lines: rows of several channels then don't map to the same cache sets.
        let n_values = n_planes * (n_rows + border) * pitch;
        let plane = (n_values.div_ceil(STEP) | 1) * STEP;
        Self {
            shape,
            input,
            n_rows,
            width,
            pitch,
            plane,
        }
    }

    /// Where `k` begins in a strip.
    pub fn offsets(&self) -> Vec<usize> {
        let taps: Vec<usize> = match (self.shape.stride, self.shape.upsample) {
            (1, false) => (0..9).map(|tap| tap / 3 * self.pitch + tap % 3).collect(),
            (1, true) => (0..4).map(|tap| tap / 2 * self.pitch + tap % 2).collect(),
            _ => (0..9).map(|tap| self.split_at(tap / 3, tap % 3)).collect(),
        };
        let channels = (0..self.shape.in_channels).map(|channel| channel * self.plane);
        channels
            .flat_map(|at| taps.iter().map(move |tap| at + tap))
            .collect()
    }

    /// Place of a padded row and column among planes that are split by parity.
    pub fn split_at(&self, row: usize, column: usize) -> usize {
        let plane = (row % 2 * 2 + column % 2) * (self.n_rows + 1) * self.pitch;
        plane + row / 2 * self.pitch + column / 2
    }

    /// Values of the output's plane in one piece.
    pub fn span(&self) -> usize {
        let n_values = self.n_rows * self.width;
        if self.shape.upsample {
            4 * n_values
        } else {
            n_values
        }
    }

    /// Room for the sums of one block of output channels.
    pub fn sums_len(&self) -> usize {
        let n_phases = if self.shape.upsample { 4 } else { 1 };
        n_phases * ROWS * (self.n_rows * self.pitch).next_multiple_of(STEP)
    }

    /// Values of a strip.
    pub fn strip_len(&self) -> usize {
        self.shape.in_channels * self.plane
    }
}
