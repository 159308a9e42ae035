//! Affine maps on vectors of f32.
//!
//! Tokens take the part of the microkernel's weights, which lie in rows; the layer's weights, packed into panels, that of its
//! pixels.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{LayerNorm, Linear, moments};
use crate::arena::with_scratch;
use crate::math::gelu;
use crate::microkernel::{
    COLUMNS, GROUP, Product, ROWS, Sink, Sums, Weights, prefetch, tile_columns, tile_rows,
};
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

/// `[n_panels][width_in][columns]`
pub(super) fn pack(columns: usize, width_in: usize, weight: &[f32], packed: &mut [f32]) {
    for (column, row) in weight.chunks_exact(width_in).enumerate() {
        let panel = column / columns * width_in * columns;
        for (k, &weight) in row.iter().enumerate() {
            packed[panel + k * columns + column % columns] = weight;
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
        with_scratch([ROWS * COLUMNS], |[sums]| {
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
    /// `[ROWS][COLUMNS]`: values that wait for their gates.
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
        let columns = tile_columns::<S>();
        let n_panels = linear.width_out.div_ceil(columns);
        let n_panel = width_in * columns;
        for begin in (0..n_all).step_by(columns) {
            let n_columns = columns.min(n_all - begin);
            let column = self.first.1 + begin;
            let product = |part: usize| {
                let weight = &linear.weight[(part * n_panels + column / columns) * n_panel..];
                Product {
                    weights: Weights::<1> {
                        values: self.x,
                        pitch: width_in,
                    },
                    pixels: weight[..n_panel].chunks_exact(columns),
                }
            };
            let mut first = 0;
            while first < n_tokens {
                let tokens = first..n_tokens.min(first + tile_rows::<S>(n_tokens - first));
                let at = (self.first.0 + first) * linear.width_out + column;
                let mut out = Out {
                    bias: &linear.bias[column..][..columns],
                    gated: None,
                    residual: self.call.residual.map(|all| &all[at..]),
                    pitch: linear.width_out,
                    begin,
                    rows: &mut self.rows[tokens.clone()],
                };
                let residual = (out.residual, out.pitch);
                prefetch(s, out.rows, begin..begin + n_columns, residual);
                if linear.is_gated {
                    let values = &mut Sums::new(self.sums, COLUMNS);
                    product(0).compute(s, tokens.clone(), n_columns, values);
                    out.gated = Some((self.sums, out.bias));
                    out.bias = &linear.bias[linear.bias.len() / 2 + column..][..columns];
                }
                let part = usize::from(linear.is_gated);
                product(part).compute(s, tokens.clone(), n_columns, &mut out);
                first = tokens.end;
            }
        }
    }
}

/// Where a panel's sums become values of some tokens.
struct Out<'a, 'b> {
    /// Of the panel's columns; if gated, the gates'.
    bias: &'a [f32],
    /// If gated, `[ROWS][COLUMNS]` sums of the values, and their bias.
    gated: Option<(&'a [f32], &'a [f32])>,
    /// From the first token's value in the panel's first column on.
    residual: Option<&'a [f32]>,
    /// Values of a token in the residual.
    pitch: usize,
    /// Where the panel begins in the rows.
    begin: usize,
    /// Each token's part of the output.
    rows: &'a mut [&'b mut [MaybeUninit<f32>]],
}

impl Sink for Out<'_, '_> {
    #[inline(always)]
    fn take<S: Simd, const V: usize>(&mut self, s: S, row: usize, column: usize, sums: [S::V; V]) {
        // Columns are computed in multiples of STEP; a row may end before.
        let Some(to) = self.rows[row].get_mut(self.begin + column..) else {
            return;
        };
        let bias = s.load_row::<V>(&self.bias[column..]);
        let mut values = sums;
        for v in 0..V {
            values[v] = s.add(values[v], bias[v]);
        }
        if let Some((gated, bias)) = self.gated {
            let gated = s.load_row::<V>(&gated[row * COLUMNS + column..]);
            let bias = s.load_row::<V>(&bias[column..]);
            for v in 0..V {
                values[v] = s.mul(s.add(gated[v], bias[v]), gelu(s, values[v]));
            }
        }
        if let Some(residual) = self.residual {
            let residual = s.load_row::<V>(&residual[row * self.pitch + column..]);
            for v in 0..V {
                values[v] = s.add(values[v], residual[v]);
            }
        }
        s.store_row(values, to);
    }
}
