//! How a direct convolution's input is laid out in strips.

use super::ConvShape;
use crate::input::Shape;
use crate::microkernel::{COLUMNS, ROWS, STEP};

/// Values that a strip's planes may take, over all channels: half of a common second-level cache.
const STRIP_VALUES: usize = 1 << 17;

/// Sizes and places of a strip's planes.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub shape: ConvShape,
    pub input: Shape,
    /// Rows of the grid in a strip; the grid is the output's, or the input's where that is doubled. For 1×1: values.
    pub n_rows: usize,
    /// Columns of the grid. For 1×1: 1.
    pub width: usize,
    /// Values from one row to the next.
    pub pitch: usize,
    /// Values from one channel to the next.
    pub plane: usize,
    /// Strips of a piece: 1, but for 1×1.
    pub n_strips: usize,
}

impl Layout {
    pub fn new(shape: ConvShape, input: Shape) -> Self {
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
        // An odd number of cache lines: rows of several channels then don't map to the same cache sets.
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
    pub fn offsets(&self) -> Vec<usize> {
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
    pub fn split_at(&self, row: usize, column: usize) -> usize {
        let plane = (row % 2 * 2 + column % 2) * (self.n_rows + 1) * self.pitch;
        plane + row / 2 * self.pitch + column / 2
    }

    /// Values of the output's plane in one piece.
    pub fn span(&self) -> usize {
        let n_values = self.n_strips * self.n_rows * self.width;
        if self.shape.upsample {
            4 * n_values
        } else {
            n_values
        }
    }

    /// Room for the sums of one block of output channels.
    pub fn sums_len(&self) -> usize {
        let n_phases = if self.shape.upsample { 4 } else { 1 };
        n_phases * ROWS * (self.n_strips * self.n_rows * self.pitch).next_multiple_of(STEP)
    }

    /// Values of a strip.
    pub fn strip_len(&self) -> usize {
        self.shape.in_channels * self.plane
    }
}
