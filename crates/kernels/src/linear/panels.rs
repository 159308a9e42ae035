//! Affine maps on vectors of f32.
//!
//! Blocks of [`ROWS`] tokens are transposed, so that the inner loop of the convolutions serves here too: tokens take the
//! part of its rows, the weights that of its pixels.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{LayerNorm, Linear, moments};
use crate::arena::with_scratch;
use crate::math::gelu;
use crate::microkernel::{Block, COLUMNS, ROWS};
use crate::simd::{Isa, Kernel, Simd};

/// Most tokens of a piece.
const PIECE_TOKENS: usize = 64;
/// Pieces to cut at least, where there is enough to cut.
const N_PIECES: usize = 16;
/// Weights from which on threads divide them: more than common caches hold.
const MANY_WEIGHTS: usize = 1 << 22;
/// Tokens that are worked off together then.
const MANY_TOKENS: usize = 256;

/// `[n_panels][width_in][COLUMNS]`
pub(super) fn pack(width_in: usize, weight: &[f32], packed: &mut [f32]) {
    for (column, row) in weight.chunks_exact(width_in).enumerate() {
        let panel = column / COLUMNS * width_in * COLUMNS;
        for (k, &weight) in row.iter().enumerate() {
            packed[panel + k * COLUMNS + column % COLUMNS] = weight;
        }
    }
}

/// Stores the map of `x` in `out`.
pub(super) fn forward(
    linear: &Linear,
    x: &[f32],
    norm: Option<&LayerNorm>,
    residual: Option<&[f32]>,
    out: &mut [MaybeUninit<f32>],
) {
    let offsets = offsets(linear);
    let call = Call {
        linear,
        norm,
        offsets: &offsets,
        x,
        residual,
    };
    match linear.weight.len() > MANY_WEIGHTS {
        true => call.share_weights(linear.isa, out),
        false => call.share_tokens(linear.isa, out),
    }
}

/// Multiples of [`COLUMNS`], one for each value of the input.
pub(super) fn offsets(linear: &Linear) -> Vec<usize> {
    (0..linear.width_in).map(|k| k * COLUMNS).collect()
}

/// A layer at work.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub linear: &'a Linear,
    pub norm: Option<&'a LayerNorm>,
    /// See [`offsets`].
    pub offsets: &'a [usize],
    pub x: &'a [f32],
    pub residual: Option<&'a [f32]>,
}

impl Call<'_> {
    /// Threads divide the tokens.
    fn share_tokens(self, isa: Isa, out: &mut [MaybeUninit<f32>]) {
        let (width_in, width_out) = (self.linear.width_in, self.linear.width_out);
        let n_tokens = out.len() / width_out;
        let even = n_tokens.div_ceil(N_PIECES).next_multiple_of(ROWS);
        let n_piece = even.min(PIECE_TOKENS);
        out.par_chunks_mut(n_piece * width_out)
            .enumerate()
            .for_each(|(index, out)| {
                let first_token = index * n_piece;
                let n_tokens = out.len() / width_out;
                with_scratch([n_piece * width_in], |[packed]| {
                    let blocks = packed.chunks_exact_mut(ROWS * width_in);
                    for (block, packed) in blocks.take(n_tokens.div_ceil(ROWS)).enumerate() {
                        let first = block * ROWS;
                        self.pack(isa, first_token + first, n_tokens - first, packed);
                    }
                    let rows = out.chunks_exact_mut(width_out).collect();
                    self.compute(isa, (first_token, 0), packed, rows);
                });
            });
    }

    /// Where weights are many, threads divide them, and not the tokens: each weight is then read once for
    /// [`MANY_TOKENS`] tokens.
    pub(super) fn share_weights(self, isa: Isa, out: &mut [MaybeUninit<f32>]) {
        let (width_in, width_out) = (self.linear.width_in, self.linear.width_out);
        let n_group = width_out.div_ceil(COLUMNS).div_ceil(N_PIECES) * COLUMNS;
        for (chunk, out) in out.chunks_mut(MANY_TOKENS * width_out).enumerate() {
            let first_token = chunk * MANY_TOKENS;
            let n_tokens = out.len() / width_out;
            let n_blocks = n_tokens.div_ceil(ROWS);
            with_scratch([n_blocks * ROWS * width_in], |[packed]| {
                packed
                    .par_chunks_exact_mut(ROWS * width_in)
                    .take(n_blocks)
                    .enumerate()
                    .for_each(|(block, packed)| {
                        let first = block * ROWS;
                        self.pack(isa, first_token + first, n_tokens - first, packed);
                    });
                let mut groups: Vec<Vec<&mut [MaybeUninit<f32>]>> = Vec::new();
                groups.resize_with(width_out.div_ceil(n_group), || Vec::with_capacity(n_tokens));
                for token in out.chunks_exact_mut(width_out) {
                    for (group, row) in groups.iter_mut().zip(token.chunks_mut(n_group)) {
                        group.push(row);
                    }
                }
                let packed = &*packed;
                groups
                    .into_par_iter()
                    .with_max_len(1)
                    .enumerate()
                    .for_each(|(group, rows)| {
                        self.compute(isa, (first_token, group * n_group), packed, rows);
                    });
            });
        }
    }

    /// Transposes the tokens from `first` on, at most [`ROWS`] and at most `n_tokens`, to `[width_in][ROWS]`.
    fn pack(self, isa: Isa, first: usize, n_tokens: usize, packed: &mut [f32]) {
        isa.run(Pack {
            norm: self.norm,
            width: self.linear.width_in,
            x: &self.x[first * self.linear.width_in..],
            n_rows: ROWS.min(n_tokens),
            packed,
        });
    }

    /// Computes a part of the output, whose first token and column are `first`; `packed` begins with that token.
    fn compute(
        self,
        isa: Isa,
        first: (usize, usize),
        packed: &[f32],
        rows: Vec<&mut [MaybeUninit<f32>]>,
    ) {
        with_scratch([2 * ROWS * COLUMNS], |[sums]| {
            isa.run(Compute {
                call: self,
                first,
                packed,
                sums,
                rows,
            });
        });
    }
}

/// Transposes a block of tokens, normalised.
struct Pack<'a> {
    norm: Option<&'a LayerNorm>,
    width: usize,
    x: &'a [f32],
    n_rows: usize,
    /// `[width_in][ROWS]`
    packed: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let width = self.width;
        // Rows after the last token repeat it; their sums are dropped.
        let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
        for (row, x) in rows.iter_mut().enumerate() {
            *x = &self.x[row.min(self.n_rows - 1) * width..][..width];
        }
        let mut affine = [[1.0, 0.0]; ROWS];
        if let Some(norm) = self.norm {
            for (affine, x) in affine.iter_mut().zip(rows) {
                let [mean, inverse] = moments(s, x, norm.eps);
                *affine = [inverse, mean];
            }
        }
        let (blocks, _) = self.packed.as_chunks_mut::<ROWS>();
        for (k, to) in blocks.iter_mut().take(width).enumerate() {
            for row in 0..ROWS {
                to[row] = rows[row][k];
            }
            if let Some(norm) = self.norm {
                let (weight, bias) = (norm.weight[k], norm.bias[k]);
                for row in 0..ROWS {
                    let [inverse, mean] = affine[row];
                    to[row] = (to[row] - mean) * inverse * weight + bias;
                }
            }
        }
    }
}

/// Computes a part of the output.
struct Compute<'a, 'b> {
    call: Call<'a>,
    /// First token and column of the part; the column is the first of a panel.
    first: (usize, usize),
    /// `[tokens / ROWS][width_in][ROWS]`
    packed: &'a [f32],
    /// `[2][ROWS][COLUMNS]`: values and gates.
    sums: &'a mut [f32],
    /// Each token's part of the output.
    rows: Vec<&'b mut [MaybeUninit<f32>]>,
}

impl Kernel for Compute<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let linear = self.call.linear;
        let width_in = linear.width_in;
        let n_tokens = self.rows.len();
        let Some(n_all) = self.rows.first().map(|row| row.len()) else {
            return;
        };
        let n_panels = linear.width_out.div_ceil(COLUMNS);
        let n_panel = width_in * COLUMNS;
        for begin in (0..n_all).step_by(COLUMNS) {
            let panel = (self.first.1 + begin) / COLUMNS;
            let n_columns = COLUMNS.min(n_all - begin);
            for first in (0..n_tokens).step_by(ROWS) {
                let n_rows = ROWS.min(n_tokens - first);
                for part in 0..if linear.is_gated { 2 } else { 1 } {
                    Block {
                        weights: &self.packed[first * width_in..][..ROWS * width_in],
                        offsets: self.call.offsets,
                        input: &linear.weight[(part * n_panels + panel) * n_panel..],
                    }
                    .compute(
                        s,
                        (0, n_columns),
                        (&mut self.sums[part * ROWS * COLUMNS..], COLUMNS, n_rows),
                        false,
                    );
                }
                for row in 0..n_rows {
                    self.store(s, (first + row, row), begin, n_columns);
                }
            }
        }
    }
}

impl Compute<'_, '_> {
    /// Stores one token's values of the panel whose first column is `begin`, counted from the part's first.
    #[inline(always)]
    fn store<S: Simd>(
        &mut self,
        s: S,
        (token, row): (usize, usize),
        begin: usize,
        n_columns: usize,
    ) {
        let linear = self.call.linear;
        let column = self.first.1 + begin;
        let at = (self.first.0 + token) * linear.width_out + column;
        let bias = &linear.bias[column..];
        let gate_bias = &linear.bias[linear.bias.len() / 2..];
        let sums = &self.sums[row * COLUMNS..];
        let to = &mut self.rows[token][begin..][..n_columns];
        for i in (0..n_columns).step_by(S::LANES) {
            let mut value = s.add(s.load(&sums[i..]), s.load(&bias[i..]));
            if linear.is_gated {
                let gate = s.load(&sums[ROWS * COLUMNS + i..]);
                let gate = s.add(gate, s.load(&gate_bias[column + i..]));
                value = s.mul(value, gelu(s, gate));
            }
            if let Some(residual) = self.call.residual {
                value = s.add(value, s.load_partial(&residual[at..][i..n_columns]));
            }
            s.store_partial(value, &mut to[i..]);
        }
    }
}
