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
        let n_tokens = out.len() / self.width_out;
        assert_eq!(x.len(), n_tokens * self.width_in, "input of a linear layer");
        let even = n_tokens.div_ceil(N_PIECES).next_multiple_of(ROWS);
        let n_piece = even.min(PIECE_TOKENS);
        let offsets: Vec<usize> = (0..self.width_in).map(|k| k * COLUMNS).collect();
        out.par_chunks_mut(n_piece * self.width_out)
            .enumerate()
            .for_each(|(index, out)| {
                let lens = [n_piece * self.width_in, 2 * ROWS * COLUMNS];
                with_scratch(lens, |[packed, sums]| {
                    isa.run(Compute {
                        linear: self,
                        norm,
                        offsets: &offsets,
                        x: &x[index * n_piece * self.width_in..],
                        residual: residual.map(|all| &all[index * n_piece * self.width_out..]),
                        packed,
                        sums,
                        out,
                    });
                });
            });
    }
}

/// Computes a piece of the tokens.
struct Compute<'a> {
    linear: &'a Linear,
    norm: Option<&'a LayerNorm>,
    offsets: &'a [usize],
    x: &'a [f32],
    residual: Option<&'a [f32]>,
    /// `[tokens / ROWS][width_in][ROWS]`
    packed: &'a mut [f32],
    /// `[2][ROWS][COLUMNS]`: values and gates.
    sums: &'a mut [f32],
    out: &'a mut [f32],
}

impl Kernel for Compute<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let (width_in, width_out) = (self.linear.width_in, self.linear.width_out);
        let n_tokens = self.out.len() / width_out;
        for first in (0..n_tokens).step_by(ROWS) {
            self.pack(s, first, ROWS.min(n_tokens - first));
        }
        let n_panels = width_out.div_ceil(COLUMNS);
        let n_panel = width_in * COLUMNS;
        for panel in 0..n_panels {
            let n_columns = COLUMNS.min(width_out - panel * COLUMNS);
            for first in (0..n_tokens).step_by(ROWS) {
                let n_rows = ROWS.min(n_tokens - first);
                for part in 0..if self.linear.is_gated { 2 } else { 1 } {
                    Block {
                        weights: &self.packed[first * width_in..][..ROWS * width_in],
                        offsets: self.offsets,
                        input: &self.linear.weight[(part * n_panels + panel) * n_panel..],
                    }
                    .compute(
                        s,
                        (0, n_columns),
                        (&mut self.sums[part * ROWS * COLUMNS..], COLUMNS, n_rows),
                        false,
                    );
                }
                for row in 0..n_rows {
                    self.store(s, (first + row, row), panel, n_columns);
                }
            }
        }
    }
}

impl Compute<'_> {
    /// Transposes a block of tokens, normalised.
    #[inline(always)]
    fn pack<S: Simd>(&mut self, s: S, first: usize, n_rows: usize) {
        let width = self.linear.width_in;
        // Rows behind the last token repeat it; their sums are dropped.
        let mut rows: [&[f32]; ROWS] = [&[]; ROWS];
        for (row, x) in rows.iter_mut().enumerate() {
            *x = &self.x[(first + row.min(n_rows - 1)) * width..][..width];
        }
        let mut affine = [[1.0, 0.0]; ROWS];
        if let Some(norm) = self.norm {
            for (affine, x) in affine.iter_mut().zip(rows) {
                let [mean, inverse] = moments(s, x, norm.eps);
                *affine = [inverse, mean];
            }
        }
        let (blocks, _) = self.packed[first * width..].as_chunks_mut::<ROWS>();
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

    /// Stores one token's values of a panel.
    #[inline(always)]
    fn store<S: Simd>(
        &mut self,
        s: S,
        (token, row): (usize, usize),
        panel: usize,
        n_columns: usize,
    ) {
        let at = token * self.linear.width_out + panel * COLUMNS;
        let bias = &self.linear.bias[panel * COLUMNS..];
        let gate_bias = &self.linear.bias[self.linear.bias.len() / 2..];
        let sums = &self.sums[row * COLUMNS..];
        for column in (0..n_columns).step_by(S::LANES) {
            let mut value = s.add(s.load(&sums[column..]), s.load(&bias[column..]));
            if self.linear.is_gated {
                let gate = s.load(&sums[ROWS * COLUMNS + column..]);
                value = s.mul(
                    value,
                    gelu(
                        s,
                        s.add(gate, s.load(&gate_bias[panel * COLUMNS + column..])),
                    ),
                );
            }
            if let Some(residual) = self.residual {
                value = s.add(value, s.load_partial(&residual[at..][column..n_columns]));
            }
            s.store_partial(value, &mut self.out[at..][column..n_columns]);
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
                out.fill(f32::NAN);
                gated.forward(isa, &x, Some(&norm), Some(&residual), &mut out);
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
