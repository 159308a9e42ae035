//! Affine maps of tokens, `[tokens][width]`, normalised on the way in, gated or added on the way out.
//!
//! Blocks of [`ROWS`] tokens are transposed, so that the inner loop of the convolutions serves here too: tokens take the
//! part of its rows, the weights that of its pixels.

use rayon::prelude::*;

use super::arena::with_scratch;
use super::math::gelu;
use super::simd::{Isa, Kernel, Simd};
use super::tile::{Block, COLUMNS, ROWS};

/// Most tokens of a piece.
const PIECE_TOKENS: usize = 64;
/// Pieces to cut at least, where there is enough to cut.
const N_PIECES: usize = 16;
/// Weights from which on threads divide them: more than common caches hold.
const MANY_WEIGHTS: usize = 1 << 22;
/// Tokens that are worked off together then.
const MANY_TOKENS: usize = 256;

/// Layer normalisation (Ba et al., 2016) over a token's values.
#[derive(Clone, Debug)]
pub struct LayerNorm {
    /// Scale of each value.
    pub weight: Vec<f32>,
    /// Shift of each value.
    pub bias: Vec<f32>,
    /// Added to the variance.
    pub eps: f32,
}

/// An affine map with its weights packed for the kernels.
#[derive(Clone, Debug)]
pub struct Linear {
    width_in: usize,
    width_out: usize,
    is_gated: bool,
    /// `[n_panels][width_in][COLUMNS]`; if gated, the values' panels, then the gates'.
    weight: Vec<f32>,
    /// `[n_panels][COLUMNS]`
    bias: Vec<f32>,
}

impl Linear {
    /// Packs `weight`, `[width_out][width_in]`; an empty bias counts as zeros.
    pub fn new(width_in: usize, width_out: usize, weight: &[f32], bias: &[f32]) -> Self {
        let halves = [(weight, bias)];
        Self::pack(width_in, width_out, &halves)
    }

    /// Packs a map to `2 width_out` values whose output is the first half times GELU of the second: GEGLU (Shazeer,
    /// 2020, arXiv 2002.05202). `weight` is `[2 width_out][width_in]`.
    pub fn gated(width_in: usize, width_out: usize, weight: &[f32], bias: &[f32]) -> Self {
        let (values, gates) = weight.split_at(width_out * width_in);
        let (value_bias, gate_bias) = bias.split_at(bias.len() / 2);
        Self::pack(
            width_in,
            width_out,
            &[(values, value_bias), (gates, gate_bias)],
        )
    }

    fn pack(width_in: usize, width_out: usize, parts: &[(&[f32], &[f32])]) -> Self {
        let n_panels = width_out.div_ceil(COLUMNS);
        let len = n_panels * COLUMNS;
        let mut packed = vec![0.0; parts.len() * len * width_in];
        let mut packed_bias = vec![0.0; parts.len() * len];
        for (part, (weight, bias)) in parts.iter().enumerate() {
            let to = &mut packed[part * len * width_in..];
            for (column, row) in weight.chunks_exact(width_in).enumerate() {
                let panel = column / COLUMNS * width_in * COLUMNS;
                for (k, &weight) in row.iter().enumerate() {
                    to[panel + k * COLUMNS + column % COLUMNS] = weight;
                }
            }
            packed_bias[part * len..][..bias.len()].copy_from_slice(bias);
        }
        Self {
            width_in,
            width_out,
            is_gated: parts.len() == 2,
            weight: packed,
            bias: packed_bias,
        }
    }

    /// Values of a token of the input.
    pub fn width_in(&self) -> usize {
        self.width_in
    }

    /// Values of a token of the output.
    pub fn width_out(&self) -> usize {
        self.width_out
    }

    /// Writes the map of `x`, `[tokens][width_in]`, to `out`, `[tokens][width_out]`; `residual` is as large as `out`.
    pub fn forward(
        &self,
        isa: Isa,
        x: &[f32],
        norm: Option<&LayerNorm>,
        residual: Option<&[f32]>,
        out: &mut [f32],
    ) {
        let offsets = self.offsets();
        let call = self.call(&offsets, x, norm, residual);
        match self.weight.len() > MANY_WEIGHTS {
            true => call.share_weights(isa, out),
            false => call.share_tokens(isa, out),
        }
    }

    /// Multiples of [`COLUMNS`], one for each value of the input.
    fn offsets(&self) -> Vec<usize> {
        (0..self.width_in).map(|k| k * COLUMNS).collect()
    }

    fn call<'a>(
        &'a self,
        offsets: &'a [usize],
        x: &'a [f32],
        norm: Option<&'a LayerNorm>,
        residual: Option<&'a [f32]>,
    ) -> Call<'a> {
        Call {
            linear: self,
            norm,
            offsets,
            x,
            residual,
        }
    }
}

/// A layer at work.
#[derive(Clone, Copy)]
struct Call<'a> {
    linear: &'a Linear,
    norm: Option<&'a LayerNorm>,
    /// See [`Linear::offsets`].
    offsets: &'a [usize],
    x: &'a [f32],
    residual: Option<&'a [f32]>,
}

impl Call<'_> {
    /// Number of tokens; the input must be as long.
    fn n_tokens(&self, out: &[f32]) -> usize {
        let n_tokens = out.len() / self.linear.width_out;
        let n_values = n_tokens * self.linear.width_in;
        assert_eq!(self.x.len(), n_values, "input of a linear layer");
        n_tokens
    }

    /// Threads divide the tokens.
    fn share_tokens(self, isa: Isa, out: &mut [f32]) {
        let (width_in, width_out) = (self.linear.width_in, self.linear.width_out);
        let even = self.n_tokens(out).div_ceil(N_PIECES).next_multiple_of(ROWS);
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
    fn share_weights(self, isa: Isa, out: &mut [f32]) {
        self.n_tokens(out);
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
                let mut groups: Vec<Vec<&mut [f32]>> = Vec::new();
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
    fn compute(self, isa: Isa, first: (usize, usize), packed: &[f32], rows: Vec<&mut [f32]>) {
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
        // Rows behind the last token repeat it; their sums are dropped.
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
    rows: Vec<&'b mut [f32]>,
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

/// Mean, and 1 / standard deviation, in two passes.
#[inline(always)]
fn moments<S: Simd>(s: S, x: &[f32], eps: f32) -> [f32; 2] {
    let n = x.len() as f32;
    let vectors = x.chunks_exact(S::LANES);
    let mut sum = s.splat(0.0);
    for x in vectors.clone() {
        sum = s.add(sum, s.load(x));
    }
    let mean = (s.sum(sum) + vectors.remainder().iter().sum::<f32>()) / n;
    let mut squares = s.splat(0.0);
    for x in vectors.clone() {
        let x = s.sub(s.load(x), s.splat(mean));
        squares = s.mul_add(x, x, squares);
    }
    let mut squares = s.sum(squares);
    for x in vectors.remainder() {
        squares += (x - mean) * (x - mean);
    }
    [mean, 1.0 / (squares / n + eps).sqrt()]
}

#[cfg(test)]
mod tests {
    use super::super::conv::tests::noise;
    use super::*;

    fn reference(x: &[f32], weight: &[f32], bias: &[f32], width_in: usize) -> Vec<f64> {
        let width_out = weight.len() / width_in;
        let mut out = Vec::new();
        for token in x.chunks(width_in) {
            for column in 0..width_out {
                let row = &weight[column * width_in..][..width_in];
                let sum: f64 = row
                    .iter()
                    .zip(token)
                    .map(|(w, x)| f64::from(*w) * f64::from(*x))
                    .sum();
                out.push(sum + f64::from(bias[column]));
            }
        }
        out
    }

    fn normalized(x: &[f32], norm: &LayerNorm) -> Vec<f32> {
        let width = norm.weight.len();
        x.chunks(width)
            .flat_map(|token| {
                let n = width as f64;
                let mean = token.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
                let variance = token
                    .iter()
                    .map(|&x| (f64::from(x) - mean).powi(2))
                    .sum::<f64>()
                    / n;
                let inverse = 1.0 / (variance + f64::from(norm.eps)).sqrt();
                let affine = norm.weight.iter().zip(&norm.bias);
                token
                    .iter()
                    .zip(affine)
                    .map(|(&x, (&w, &b))| {
                        ((f64::from(x) - mean) * inverse * f64::from(w) + f64::from(b)) as f32
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    #[test]
    fn maps_equal_the_definition() {
        for (n_tokens, width_in, width_out) in [
            (1, 1, 1),
            (8, 64, 64),
            (77, 33, 50),
            (130, 20, 97),
            (300, 48, 16),
            (9, 5, 900),
        ] {
            let x = noise(1, n_tokens * width_in);
            let scale = 1.0 / (width_in as f32).sqrt();
            let weight: Vec<f32> = noise(2, 2 * width_out * width_in)
                .iter()
                .map(|w| w * scale)
                .collect();
            let bias = noise(3, 2 * width_out);
            let residual = noise(4, n_tokens * width_out);
            let norm = LayerNorm {
                weight: noise(5, width_in),
                bias: noise(6, width_in),
                eps: 1e-5,
            };
            let (first, first_bias) = (&weight[..width_out * width_in], &bias[..width_out]);
            let plain = Linear::new(width_in, width_out, first, first_bias);
            let gated = Linear::gated(width_in, width_out, &weight, &bias);
            let normed = normalized(&x, &norm);
            let expected = reference(&x, first, first_bias, width_in);
            let both = reference(&normed, &weight, &bias, width_in);
            let expected_gated: Vec<f64> = (0..n_tokens * width_out)
                .map(|i| {
                    let at = i / width_out * 2 * width_out + i % width_out;
                    let gate = both[at + width_out];
                    both[at] * super::super::math::tests::gelu_reference(gate)
                        + f64::from(residual[i])
                })
                .collect();
            for isa in Isa::available() {
                let mut out = vec![f32::NAN; n_tokens * width_out];
                plain.forward(isa, &x, None, None, &mut out);
                for (got, expected) in out.iter().zip(&expected) {
                    assert!(
                        (f64::from(*got) - expected).abs() < 5e-6,
                        "{} {got} for {expected}",
                        isa.name()
                    );
                }
                let mut shared = vec![f32::NAN; out.len()];
                let offsets = plain.offsets();
                plain
                    .call(&offsets, &x, None, None)
                    .share_weights(isa, &mut shared);
                assert_eq!(shared, out, "{}", isa.name());
                out.fill(f32::NAN);
                gated.forward(isa, &x, Some(&norm), Some(&residual), &mut out);
                shared.fill(f32::NAN);
                gated
                    .call(&offsets, &x, Some(&norm), Some(&residual))
                    .share_weights(isa, &mut shared);
                assert_eq!(shared, out, "gated {}", isa.name());
                for (got, expected) in out.iter().zip(&expected_gated) {
                    let error = (f64::from(*got) - expected).abs();
                    assert!(
                        error < 1e-5 * (1.0 + expected.abs()),
                        "{} {got} for {expected}",
                        isa.name()
                    );
                }
            }
        }
    }
}
