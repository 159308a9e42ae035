//! The microkernel, the inner loop of all products of f32: rows of packed weights times shifted rows of pixels.
//!
//! `out[r][p] = Σ_k weights[k][r] input[offsets[k] + p]` serves the direct convolution (`offsets` walk over the channels
//! and the taps of the kernel), 1×1 convolutions, Winograd's products and attention (they walk over rows).
//! A value is summed over `k` in order, whatever the vector's width: instruction sets with a fused multiply-add agree
//! to the last bit.

use super::simd::Simd;

/// Output rows in a block of weights.
pub(super) const ROWS: usize = 8;
/// Output columns in the largest block.
pub(super) const COLUMNS: usize = 48;
/// Columns are computed in multiples of this many: inputs and outputs must have room for them.
pub(super) const STEP: usize = 16;

/// Where a block reads and writes.
pub(super) struct Block<'a> {
    /// `[k][ROWS]`
    pub weights: &'a [f32],
    /// Start of each `k`'s row of pixels in `input`.
    pub offsets: &'a [usize],
    /// Rows of pixels.
    pub input: &'a [f32],
}

impl Block<'_> {
    /// Computes `n_columns` columns, rounded up to [`STEP`], from column `first` on. Row `r` is written (or added, if
    /// `add`) to `out[r * pitch + first ..]`; only the first `n_rows` rows need be there.
    #[inline(always)]
    pub(super) fn compute<S: Simd>(
        &self,
        s: S,
        columns: (usize, usize),
        out: (&mut [f32], usize, usize),
        add: bool,
    ) {
        self.compute_rows::<S, ROWS>(s, columns, out, add);
    }

    /// The same of weights `[k][N_ROWS]`, where there are more than [`ROWS`].
    #[inline(always)]
    pub(super) fn compute_rows<S: Simd, const N_ROWS: usize>(
        &self,
        s: S,
        (first, n_columns): (usize, usize),
        (out, pitch, n_rows): (&mut [f32], usize, usize),
        add: bool,
    ) {
        let mut column = first;
        let end = first + n_columns.next_multiple_of(STEP);
        while column < end {
            let out = (&mut *out, pitch, n_rows);
            let n_vectors = match ((end - column) / S::LANES, S::MANY_REGISTERS) {
                (1, _) => self.rows::<S, N_ROWS, 1>(s, column, out, add),
                (2, _) | (4, true) => self.rows::<S, N_ROWS, 2>(s, column, out, add),
                (_, true) => self.rows::<S, N_ROWS, 3>(s, column, out, add),
                (3..=5, false) => self.sixes::<S, N_ROWS, 4>(s, column, out, add),
                (_, false) => self.sixes::<S, N_ROWS, 6>(s, column, out, add),
            };
            column += n_vectors * S::LANES;
        }
    }

    /// All rows by `N` vectors, in as many tiles as the registers ask for.
    #[inline(always)]
    fn rows<S: Simd, const N_ROWS: usize, const N: usize>(
        &self,
        s: S,
        column: usize,
        (out, pitch, n_rows): (&mut [f32], usize, usize),
        add: bool,
    ) -> usize {
        let n_rows = n_rows.min(N_ROWS);
        let mut first = 0;
        while first < n_rows {
            let at = (first, column);
            let out = (&mut *out, pitch, n_rows);
            first += match S::MANY_REGISTERS && n_rows - first > ROWS / 2 {
                true => self.tile::<S, N_ROWS, ROWS, N>(s, at, out, add),
                false => self.tile::<S, N_ROWS, { ROWS / 2 }, N>(s, at, out, add),
            };
        }
        N
    }

    /// All rows by `N` vectors, an even number, where registers are few: of every [`ROWS`] rows 6 by 2 vectors at a time, then the
    /// 2 that are left by all `N`. 12 sums fill the time that a multiply-add takes, and loads stay fewer than multiply-adds; 4 rows by 3
    /// vectors would take all 16 registers, and compilers then spill one in the loop.
    #[inline(always)]
    fn sixes<S: Simd, const N_ROWS: usize, const N: usize>(
        &self,
        s: S,
        column: usize,
        (out, pitch, n_rows): (&mut [f32], usize, usize),
        add: bool,
    ) -> usize {
        let n_rows = n_rows.min(N_ROWS);
        let mut first = 0;
        while first < n_rows {
            let mut pair = 0;
            while pair < N {
                let at = (first, column + pair * S::LANES);
                let out = (&mut *out, pitch, n_rows);
                if n_rows - first <= ROWS / 2 {
                    self.tile::<S, N_ROWS, { ROWS / 2 }, 2>(s, at, out, add);
                } else {
                    self.tile::<S, N_ROWS, 6, 2>(s, at, out, add);
                }
                pair += 2;
            }
            if n_rows - first > 6 {
                let at = (first + 6, column);
                self.tile::<S, N_ROWS, 2, N>(s, at, (&mut *out, pitch, n_rows), add);
            }
            first += ROWS;
        }
        N
    }

    /// `R` rows from row `first_row` on by `N` vectors, held in registers over the whole sum.
    #[inline(always)]
    fn tile<S: Simd, const N_ROWS: usize, const R: usize, const N: usize>(
        &self,
        s: S,
        (first_row, column): (usize, usize),
        (out, pitch, n_rows): (&mut [f32], usize, usize),
        add: bool,
    ) -> usize {
        let mut sums = [[s.splat(0.0); N]; R];
        for (weights, &offset) in self.weights.chunks_exact(N_ROWS).zip(self.offsets) {
            let pixels = &self.input[offset + column..][..N * S::LANES];
            let mut row = [s.splat(0.0); N];
            for n in 0..N {
                row[n] = s.load(&pixels[n * S::LANES..]);
            }
            for r in 0..R {
                let weight = s.splat(weights[first_row + r]);
                for n in 0..N {
                    sums[r][n] = s.mul_add(weight, row[n], sums[r][n]);
                }
            }
        }
        for (r, sums) in sums
            .iter()
            .enumerate()
            .take(n_rows.saturating_sub(first_row))
        {
            let row = &mut out[(first_row + r) * pitch + column..][..N * S::LANES];
            for (n, &sum) in sums.iter().enumerate() {
                let to = &mut row[n * S::LANES..];
                let sum = if add { s.add(s.load(to), sum) } else { sum };
                s.store(sum, to);
            }
        }
        R
    }
}
