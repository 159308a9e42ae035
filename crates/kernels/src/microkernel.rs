//! The microkernel, the inner loop of all products of f32: rows of weights times rows of pixels.
//!
//! `out[r][p] = Σ_k weights[r][k] pixels[k][p]` serves convolutions (`k` walks over the channels, and the taps of the kernel),
//! Winograd's products, linear layers (tokens take the part of the weights' rows, weights that of the pixels) and attention.
//! A value is summed over `k` in order, whatever the vector's width: instruction sets with a fused multiply-add agree
//! to the last bit.
//!
//! Sums stay in registers over the whole of `k`: 8 rows by 3 vectors of 32 registers, 6 by 2 of 16. That many sums fill the time that
//! a multiply-add takes, and loads stay fewer than multiply-adds. Of 16 registers, 4 rows by 3 vectors would take every one, and
//! compilers then spill one in the loop.

use std::ops::Range;
use std::slice::Iter;

use super::output::Slot;
use super::simd::{Kernel, Simd};

/// Rows in a block of packed weights.
pub(super) const ROWS: usize = 8;
/// Rows that are whole tiles, whatever the registers.
pub(super) const GROUP: usize = 24;
/// The most columns in a panel of packed pixels.
pub(super) const COLUMNS: usize = 48;
/// Columns are computed in multiples of this many: inputs and outputs must have room for them.
pub(super) const STEP: usize = 16;

/// Rows of weights, interleaved in blocks of `N`: `[rows / N][k][N]`. With `N = 1` they lie one after the other.
#[derive(Clone, Copy)]
pub(super) struct Weights<'a, const N: usize> {
    pub values: &'a [f32],
    /// Values from one block to the next.
    pub pitch: usize,
}

impl<'a, const N: usize> Weights<'a, N> {
    /// The row's values for `n` of `k`, every `N`-th of a slice.
    #[inline(always)]
    fn row(&self, row: usize, n: usize) -> &'a [f32] {
        &self.values[row / N * self.pitch + row % N..][..(n - 1) * N + 1]
    }
}

/// Rows of pixels that begin anywhere in a slice; for rows at even distances, take [`slice::chunks_exact`].
#[derive(Clone)]
pub(super) struct Shifted<'a> {
    values: &'a [f32],
    offsets: Iter<'a, usize>,
}

impl<'a> Shifted<'a> {
    /// Rows of `values` that begin at `offsets`.
    #[inline(always)]
    pub(super) fn new(values: &'a [f32], offsets: &'a [usize]) -> Self {
        Self {
            values,
            offsets: offsets.iter(),
        }
    }
}

impl<'a> Iterator for Shifted<'a> {
    type Item = &'a [f32];

    #[inline(always)]
    fn next(&mut self) -> Option<&'a [f32]> {
        let offset = *self.offsets.next()?;
        Some(&self.values[offset..])
    }

    #[inline(always)]
    fn size_hint(&self) -> (usize, Option<usize>) {
        self.offsets.size_hint()
    }
}

impl ExactSizeIterator for Shifted<'_> {}

/// Rows of the next tile where `n` are left: as many as registers allow, or half a block where that leaves fewer idle.
#[inline(always)]
pub(super) fn tile_rows<S: Simd>(n: usize) -> usize {
    match (S::MANY_REGISTERS, n) {
        (true, 5..) => 8,
        (false, 5 | 6 | 9..) => 6,
        _ => 4,
    }
}

/// Columns that are computed for all rows before the next ones: of few registers so many that their pixels stay in the first-level
/// cache. Panels of that many columns lie in memory as they are read.
#[inline(always)]
pub(super) fn tile_columns<S: Simd>() -> usize {
    if S::MANY_REGISTERS { COLUMNS } else { STEP }
}

/// [`tile_columns`] of an instruction set.
pub(super) struct TileColumns;

impl Kernel for TileColumns {
    type Output = usize;

    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> usize {
        tile_columns::<S>()
    }
}

/// Where the sums of a tile go, while they are still in registers.
pub(super) trait Sink {
    /// Takes the sums of a row, counted from the first one computed, at some columns.
    fn take<S: Simd, const V: usize>(&mut self, s: S, row: usize, column: usize, sums: [S::V; V]);
}

/// Asks for the memory of some columns of a tile's output, and of its residual, whose rows lie `pitch` values apart and begin at these
/// columns: sums take long enough for it to arrive.
#[inline(always)]
pub(super) fn prefetch<S: Simd, T: Slot>(
    s: S,
    rows: &[&mut [T]],
    columns: Range<usize>,
    (residual, pitch): (Option<&[f32]>, usize),
) {
    for (row, to) in rows.iter().enumerate() {
        for column in columns.clone().step_by(STEP) {
            s.prefetch(&to[column]);
            if let Some(residual) = residual {
                s.prefetch(&residual[row * pitch + column - columns.start]);
            }
        }
    }
}

/// Sums as they are, in rows.
pub(super) struct Sums<'a> {
    pub to: &'a mut [f32],
    /// Values from one row to the next.
    pub pitch: usize,
    /// Whether they are added to what is there.
    pub add: bool,
}

impl<'a> Sums<'a> {
    /// In place of what is there.
    #[inline(always)]
    pub(super) fn new(to: &'a mut [f32], pitch: usize) -> Self {
        Self {
            to,
            pitch,
            add: false,
        }
    }
}

impl Sink for Sums<'_> {
    #[inline(always)]
    fn take<S: Simd, const V: usize>(&mut self, s: S, row: usize, column: usize, sums: [S::V; V]) {
        let to = &mut self.to[row * self.pitch + column..][..V * S::LANES];
        for (v, &sum) in sums.iter().enumerate() {
            let to = &mut to[v * S::LANES..];
            let sum = if self.add {
                s.add(s.load(to), sum)
            } else {
                sum
            };
            s.store(sum, to);
        }
    }
}

/// Weights times pixels.
pub(super) struct Product<'a, P, const N: usize> {
    pub weights: Weights<'a, N>,
    /// The row of pixels of each `k`.
    pub pixels: P,
}

impl<'a, P: ExactSizeIterator<Item = &'a [f32]> + Clone, const N: usize> Product<'a, P, N> {
    /// Computes the first `n_columns` columns, rounded up to [`STEP`], of some rows of the weights.
    #[inline(always)]
    pub(super) fn compute<S: Simd>(
        &self,
        s: S,
        rows: Range<usize>,
        n_columns: usize,
        sink: &mut impl Sink,
    ) {
        let mut column = 0;
        let end = n_columns.next_multiple_of(STEP);
        while column < end {
            let rows = rows.clone();
            let n_vectors = match ((end - column) / S::LANES, S::MANY_REGISTERS) {
                (1, _) => self.columns::<S, 1>(s, rows, column, sink),
                (2 | 4, _) | (_, false) => self.columns::<S, 2>(s, rows, column, sink),
                (_, true) => self.columns::<S, 3>(s, rows, column, sink),
            };
            column += n_vectors * S::LANES;
        }
    }

    /// All rows by `V` vectors: `V`.
    #[inline(always)]
    fn columns<S: Simd, const V: usize>(
        &self,
        s: S,
        rows: Range<usize>,
        column: usize,
        sink: &mut impl Sink,
    ) -> usize {
        let mut done = 0;
        while done < rows.len() {
            let tile = (rows.start, rows.start + done..rows.end);
            done += match (tile_rows::<S>(tile.1.len()), S::MANY_REGISTERS) {
                (8, true) => self.tile::<S, 8, V>(s, tile, column, sink),
                (6, false) => self.tile::<S, 6, V>(s, tile, column, sink),
                _ => self.tile::<S, 4, V>(s, tile, column, sink),
            };
        }
        V
    }

    /// The first `R` of `rows`, or all where they are fewer, by `V` vectors: `R`. The sink counts rows from `origin`.
    #[inline(always)]
    fn tile<S: Simd, const R: usize, const V: usize>(
        &self,
        s: S,
        (origin, rows): (usize, Range<usize>),
        column: usize,
        sink: &mut impl Sink,
    ) -> usize {
        let sums = match rows.start % N + R <= N {
            true => self.of_one_block::<S, R, V>(s, rows.start, column),
            false => self.of_rows::<S, R, V>(s, &rows, column),
        };
        for (row, &sums) in rows.zip(&sums) {
            sink.take(s, row - origin, column, sums);
        }
        R
    }

    /// Sums of `R` rows that lie in one block.
    #[inline(always)]
    fn of_one_block<S: Simd, const R: usize, const V: usize>(
        &self,
        s: S,
        first: usize,
        column: usize,
    ) -> [[S::V; V]; R] {
        let mut sums = [[s.splat(0.0); V]; R];
        let block = &self.weights.values[first / N * self.weights.pitch..];
        // Not zipped: that divides the lengths, which takes as long as some steps of the sum.
        let mut weights = block.chunks_exact(N);
        for pixels in self.pixels.clone() {
            let Some(weights) = weights.next() else {
                break;
            };
            let weights = &weights[first % N..][..R];
            let pixels = &pixels[column..][..V * S::LANES];
            let mut row = [s.splat(0.0); V];
            for v in 0..V {
                row[v] = s.load(&pixels[v * S::LANES..]);
            }
            for r in 0..R {
                let weight = s.splat(weights[r]);
                for v in 0..V {
                    sums[r][v] = s.mul_add(weight, row[v], sums[r][v]);
                }
            }
        }
        sums
    }

    /// Sums of the first `R` rows, wherever they lie. Rows after the last one repeat it.
    #[inline(always)]
    fn of_rows<S: Simd, const R: usize, const V: usize>(
        &self,
        s: S,
        rows: &Range<usize>,
        column: usize,
    ) -> [[S::V; V]; R] {
        let n = self.pixels.len();
        let mut weights: [&[f32]; R] = [&[]; R];
        for (r, weights) in weights.iter_mut().enumerate() {
            *weights = self.weights.row((rows.start + r).min(rows.end - 1), n);
        }
        let mut sums = [[s.splat(0.0); V]; R];
        for (k, pixels) in self.pixels.clone().enumerate() {
            let pixels = &pixels[column..][..V * S::LANES];
            let mut row = [s.splat(0.0); V];
            for v in 0..V {
                row[v] = s.load(&pixels[v * S::LANES..]);
            }
            for r in 0..R {
                let weight = s.splat(weights[r][k * N]);
                for v in 0..V {
                    sums[r][v] = s.mul_add(weight, row[v], sums[r][v]);
                }
            }
        }
        sums
    }
}
