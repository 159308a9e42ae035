//! The input transform: padded rows, and `Bᵀ d B` of their tiles.

use super::layout::Layout;
use super::{PATCH, TILE};
use crate::conv::Border;
use crate::input::{Input, Shape};
use crate::microkernel::STEP;
use crate::simd::{Kernel, Simd};

/// Copies one channel's rows of a piece, activated, into their border.
pub(super) struct Pad<'a> {
    pub layout: Layout,
    pub input: &'a Input<'a>,
    pub border: Border,
    pub channel: usize,
    /// First image and row of the piece.
    pub first: (usize, usize),
    /// `[n_images][n_padded][pitch]`
    pub padded: &'a mut [f32],
}

impl Kernel for Pad<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let layout = self.layout;
        let Shape {
            batch,
            height,
            width,
            ..
        } = layout.output;
        // 2 where the input is doubled.
        let scale = width / self.input.shape.width;
        let n_from = self.input.shape.width;
        let border = self.border;
        let n_padded = layout.n_padded();
        for i in 0..layout.n_images * n_padded {
            let image = self.first.0 + i / n_padded;
            let y = self.first.1 + i % n_padded;
            let (before, to) = self.padded.split_at_mut(i * layout.pitch);
            let to = &mut to[..layout.pitch];
            let Some(from_y) = border.row(y, height).filter(|_| image < batch) else {
                to.fill(0.0);
                continue;
            };
            if scale == 2 && y.is_multiple_of(2) && i % n_padded > 0 {
                to.copy_from_slice(&before[(i - 1) * layout.pitch..]);
                continue;
            }
            let plane = self.input.plane(image, self.channel);
            let from = &plane[from_y / scale * n_from..][..n_from];
            to[width + 1..].fill(0.0);
            self.input
                .copy(s, (image, self.channel), from, &mut to[1..=n_from]);
            if scale == 2 {
                // From the end, so that nothing is overwritten before it is read.
                for x in (0..n_from).rev() {
                    let value = to[1 + x];
                    to[1 + 2 * x] = value;
                    to[2 + 2 * x] = value;
                }
            }
            border.close(to, width);
        }
    }
}

/// Computes `Bᵀ d B` of one channel for a chunk of tiles.
pub(super) struct TransformInput<'a> {
    pub layout: Layout,
    /// First tile of the chunk.
    pub first: usize,
    /// `[n_images][n_padded][pitch]`
    pub padded: &'a [f32],
    /// `[PLACES][2 STEP]`: the inputs of a vector of tiles, where they come from several rows of tiles.
    pub patches: &'a mut [f32],
    pub place_pitch: usize,
    /// `[PLACES][..]`, a place's values `place_pitch` apart
    pub transformed: &'a mut [f32],
}

impl Kernel for TransformInput<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let end = self.layout.n_tiles().min(self.first + self.layout.n_chunk);
        let is_whole = self.layout.is_whole(S::LANES);
        for first in (self.first..end).step_by(S::LANES) {
            let mut tile = first;
            while !is_whole && tile < end.min(first + S::LANES) {
                tile += self.gather(s, tile, tile - first);
            }
            let rows = six!(y => {
                let d = if is_whole {
                    self.row(s, first, y)
                } else {
                    let patches = &self.patches[y * PATCH * 2 * STEP..];
                    six!(x => s.load(&patches[x * 2 * STEP..]))
                };
                transform_input(s, d)
            });
            for x in 0..PATCH {
                let column = transform_input(s, six!(y => rows[y][x]));
                for y in 0..PATCH {
                    let at = (y * PATCH + x) * self.place_pitch + first - self.first;
                    s.store(column[y], &mut self.transformed[at..]);
                }
            }
        }
    }
}

impl TransformInput<'_> {
    /// Row `y` of the inputs of a vector of tiles from `tile` on, all in one row of tiles.
    #[inline(always)]
    fn row<S: Simd>(&self, s: S, tile: usize, y: usize) -> [S::V; PATCH] {
        let layout = &self.layout;
        let (row, column) = (tile / layout.width, tile % layout.width);
        let top = row / layout.n_rows * layout.n_padded() + row % layout.n_rows * TILE;
        let from = &self.padded[(top + y) * layout.pitch + column * TILE..];
        let [a, b, c, d] = s.deinterleave4(load4(s, from));
        // Columns 4 and 5 are the next tile's 0 and 1.
        let [e, f, ..] = s.deinterleave4(load4(s, &from[TILE..]));
        [a, b, c, d, e, f]
    }

    /// Sorts the inputs of tiles from `tile` to the end of its row, at most a vector, by their place; `lane` is the
    /// first to write. Returns the number of tiles.
    #[inline(always)]
    fn gather<S: Simd>(&mut self, s: S, tile: usize, lane: usize) -> usize {
        for y in 0..PATCH {
            let row = self.row(s, tile, y);
            let to = &mut self.patches[y * PATCH * 2 * STEP + lane..];
            for x in 0..PATCH {
                s.store(row[x], &mut to[x * 2 * STEP..]);
            }
        }
        (self.layout.width - tile % self.layout.width).min(S::LANES - lane)
    }
}

#[inline(always)]
fn load4<S: Simd>(s: S, from: &[f32]) -> [S::V; 4] {
    let from = &from[..4 * S::LANES];
    let mut vectors = [s.splat(0.0); 4];
    for i in 0..4 {
        vectors[i] = s.load(&from[i * S::LANES..]);
    }
    vectors
}

/// `Bᵀ d`
#[inline(always)]
fn transform_input<S: Simd>(s: S, d: [S::V; PATCH]) -> [S::V; PATCH] {
    let times = |k: f32, a: S::V, b: S::V| s.mul_add(s.splat(k), a, b);
    let even = times(-4.0, d[2], d[4]);
    let odd = times(-4.0, d[1], d[3]);
    let even2 = s.sub(d[4], d[2]);
    let odd2 = s.sub(d[3], d[1]);
    [
        times(4.0, d[0], times(-5.0, d[2], d[4])),
        s.add(even, odd),
        s.sub(even, odd),
        times(2.0, odd2, even2),
        times(-2.0, odd2, even2),
        times(4.0, d[1], times(-5.0, d[3], d[5])),
    ]
}
