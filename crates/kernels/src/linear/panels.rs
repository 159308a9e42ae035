//! Affine maps on vectors of f32.
//!
//! Tokens take the part of the microkernel's weights, which lie in rows; the layer's weights, packed into panels, that of its
//! pixels.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{LayerNorm, Linear, moments};
use crate::arena::with_scratch;
use crate::math::gelu;
use crate::microkernel::{COLUMNS, GROUP, Product, ROWS, Weights, tile_columns, tile_rows};
use crate::simd::{Isa, Kernel, Simd};

/// Most tokens of a piece.
const PIECE_TOKENS: usize = 4 * GROUP;
/// Pieces to cut at least, where there is enough to cut.
const N_PIECES: usize = 16;
/// Weights from which on threads divide them: more than common caches hold.
const MANY_WEIGHTS: usize = 1 << 22;
/// Tokens up to which threads divide the weights as well: too few for each weight to be read once by every thread.
const FEW_TOKENS: usize = 128;
/// Tokens that are worked off together where threads divide the weights.
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
    let call = Call {
        linear,
        norm,
        x,
        residual,
    };
    match linear.weight.len() > MANY_WEIGHTS || x.len() / linear.width_in <= FEW_TOKENS {
        true => call.share_weights(linear.isa, out),
        false => call.share_tokens(linear.isa, out),
    }
}

/// A layer at work.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub linear: &'a Linear,
    pub norm: Option<&'a LayerNorm>,
    pub x: &'a [f32],
    pub residual: Option<&'a [f32]>,
}

impl Call<'_> {
    /// Threads divide the tokens.
    pub(super) fn share_tokens(self, isa: Isa, out: &mut [MaybeUninit<f32>]) {
        let (width_in, width_out) = (self.linear.width_in, self.linear.width_out);
        let n_tokens = out.len() / width_out;
        let even = n_tokens.div_ceil(N_PIECES).next_multiple_of(GROUP);
        let n_piece = even.min(PIECE_TOKENS);
        out.par_chunks_mut(n_piece * width_out)
            .zip(self.x.par_chunks(n_piece * width_in))
            .enumerate()
            .for_each(|(index, (out, x))| {
                let first = (index * n_piece, 0);
                let rows = out.chunks_exact_mut(width_out).collect();
                let Some(norm) = self.norm else {
                    return self.compute(isa, first, x, rows);
                };
                with_scratch([n_piece * width_in], |[normed]| {
                    let to = &mut normed[..x.len()];
                    isa.run(Normalize { norm, x, to });
                    self.compute(isa, first, normed, rows);
                });
            });
    }

    /// Where weights are many or tokens few, threads divide the weights, and not the tokens: each weight is then read once for
    /// [`MANY_TOKENS`] tokens.
    pub(super) fn share_weights(self, isa: Isa, out: &mut [MaybeUninit<f32>]) {
        let (width_in, width_out) = (self.linear.width_in, self.linear.width_out);
        let chunks = out.chunks_mut(MANY_TOKENS * width_out);
        for (chunk, (out, x)) in chunks
            .zip(self.x.chunks(MANY_TOKENS * width_in))
            .enumerate()
        {
            let first_token = chunk * MANY_TOKENS;
            let Some(norm) = self.norm else {
                self.share_columns(isa, first_token, x, out);
                continue;
            };
            with_scratch([x.len()], |[normed]| {
                normed
                    .par_chunks_mut(width_in)
                    .zip(x.par_chunks_exact(width_in))
                    .for_each(|(to, x)| isa.run(Normalize { norm, x, to }));
                self.share_columns(isa, first_token, normed, out);
            });
        }
    }

    /// Threads divide the columns of some tokens' output; `x` are these tokens, normalised.
    fn share_columns(self, isa: Isa, first_token: usize, x: &[f32], out: &mut [MaybeUninit<f32>]) {
        let width_out = self.linear.width_out;
        let n_group = width_out.div_ceil(COLUMNS).div_ceil(N_PIECES) * COLUMNS;
        let n_tokens = out.len() / width_out;
        let mut groups: Vec<Vec<&mut [MaybeUninit<f32>]>> = Vec::new();
        groups.resize_with(width_out.div_ceil(n_group), || Vec::with_capacity(n_tokens));
        for token in out.chunks_exact_mut(width_out) {
            for (group, row) in groups.iter_mut().zip(token.chunks_mut(n_group)) {
                group.push(row);
            }
        }
        groups
            .into_par_iter()
            .with_max_len(1)
            .enumerate()
            .for_each(|(group, rows)| self.compute(isa, (first_token, group * n_group), x, rows));
    }

    /// Computes a part of the output, whose first token and column are `first`; `x` begins with that token, normalised.
    fn compute(
        self,
        isa: Isa,
        first: (usize, usize),
        x: &[f32],
        rows: Vec<&mut [MaybeUninit<f32>]>,
    ) {
        with_scratch([2 * ROWS * COLUMNS], |[sums]| {
            isa.run(Compute {
                call: self,
                first,
                x,
                sums,
                rows,
            });
        });
    }
}

/// Normalises tokens.
struct Normalize<'a> {
    norm: &'a LayerNorm,
    x: &'a [f32],
    /// As long as `x`.
    to: &'a mut [f32],
}

impl Kernel for Normalize<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let LayerNorm { weight, bias, eps } = self.norm;
        let width = weight.len();
        let tokens = self.x.chunks_exact(width);
        for (x, to) in tokens.zip(self.to.chunks_exact_mut(width)) {
            let [mean, inverse] = moments(s, x, *eps);
            for k in (0..width).step_by(S::LANES) {
                let x = s.sub(s.load_partial(&x[k..]), s.splat(mean));
                let x = s.mul(s.mul(x, s.splat(inverse)), s.load_partial(&weight[k..]));
                s.store_partial(s.add(x, s.load_partial(&bias[k..])), &mut to[k..]);
            }
        }
    }
}

/// Computes a part of the output.
struct Compute<'a, 'b> {
    call: Call<'a>,
    /// First token and column of the part; the column is the first of a panel.
    first: (usize, usize),
    /// The part's tokens, `[tokens][width_in]`, normalised.
    x: &'a [f32],
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
        for begin in (0..n_all).step_by(tile_columns::<S>()) {
            let n_columns = tile_columns::<S>().min(n_all - begin);
            let at = self.first.1 + begin;
            let (panel, column) = (at / COLUMNS, at % COLUMNS);
            let mut first = 0;
            while first < n_tokens {
                let tokens = first..n_tokens.min(first + tile_rows::<S>(n_tokens - first));
                for part in 0..if linear.is_gated { 2 } else { 1 } {
                    let weight = &linear.weight[(part * n_panels + panel) * n_panel..];
                    let product = Product {
                        weights: Weights::<1> {
                            values: self.x,
                            pitch: width_in,
                        },
                        pixels: weight[..n_panel].chunks_exact(COLUMNS),
                    };
                    let sums = (&mut self.sums[part * ROWS * COLUMNS..], COLUMNS);
                    product.compute(s, tokens.clone(), (column, n_columns), sums, false);
                }
                for token in tokens.clone() {
                    self.store(s, (token, token - first), begin, n_columns);
                }
                first = tokens.end;
            }
        }
    }
}

impl Compute<'_, '_> {
    /// Stores one token's values from column `begin` on, counted from the part's first.
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
        let sums = &self.sums[row * COLUMNS + column % COLUMNS..];
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
