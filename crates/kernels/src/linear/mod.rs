//! Affine maps of tokens, `[tokens][width]`, normalised on the way in, gated or added on the way out.

mod bf16x3;
mod panels;

use std::mem::MaybeUninit;

use super::output::write_all;
use super::simd::{Isa, Simd};
use super::{amx, microkernel::TileColumns};

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

/// An affine map with its weights packed for an instruction set.
#[derive(Clone, Debug)]
pub struct Linear {
    isa: Isa,
    width_in: usize,
    width_out: usize,
    is_gated: bool,
    /// Panels of columns, see [`panels::pack`] and [`bf16x3::pack`]; if gated, the values' panels, then the gates'.
    weight: Vec<f32>,
    /// As many as there are columns in the panels.
    bias: Vec<f32>,
}

impl Linear {
    /// Packs `weight`, `[width_out][width_in]`; an empty bias counts as zeros.
    pub fn new(
        isa: Isa,
        (width_in, width_out): (usize, usize),
        weight: &[f32],
        bias: &[f32],
    ) -> Self {
        Self::pack(isa, (width_in, width_out), &[(weight, bias)])
    }

    /// Packs a map to `2 width_out` values whose output is the first half times GELU of the second: GEGLU (Shazeer,
    /// 2020, arXiv 2002.05202). `weight` is `[2 width_out][width_in]`.
    pub fn gated(
        isa: Isa,
        (width_in, width_out): (usize, usize),
        weight: &[f32],
        bias: &[f32],
    ) -> Self {
        let (values, gates) = weight.split_at(width_out * width_in);
        let (value_bias, gate_bias) = bias.split_at(bias.len() / 2);
        Self::pack(
            isa,
            (width_in, width_out),
            &[(values, value_bias), (gates, gate_bias)],
        )
    }

    fn pack(isa: Isa, (width_in, width_out): (usize, usize), parts: &[(&[f32], &[f32])]) -> Self {
        let (columns, depth) = match isa.uses_bf16x3() {
            true => (amx::SIDE, width_in.next_multiple_of(amx::DEPTH)),
            false => (isa.run(TileColumns), width_in),
        };
        let n_columns = width_out.next_multiple_of(columns);
        let mut packed = vec![0.0; parts.len() * n_columns * depth];
        let mut packed_bias = vec![0.0; parts.len() * n_columns];
        for (part, (weight, bias)) in parts.iter().enumerate() {
            let to = &mut packed[part * n_columns * depth..][..n_columns * depth];
            match isa.uses_bf16x3() {
                true => bf16x3::pack(width_in, weight, to),
                false => panels::pack(columns, width_in, weight, to),
            }
            packed_bias[part * n_columns..][..bias.len()].copy_from_slice(bias);
        }
        Self {
            isa,
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

    /// The map of `x`, `[tokens][width_in]`: `[tokens][width_out]`. `residual` is as large as the output.
    pub fn forward(
        &self,
        x: &[f32],
        norm: Option<&LayerNorm>,
        residual: Option<&[f32]>,
    ) -> Vec<f32> {
        let n_tokens = x.len() / self.width_in;
        assert_eq!(x.len(), n_tokens * self.width_in, "input of a linear layer");
        #[expect(unsafe_code, reason = "the output isn't cleared before")]
        // SAFETY: the output is cut into rows of tokens, and these into panels of columns; each panel of each row is stored
        // from the first value to the last.
        unsafe {
            write_all(n_tokens * self.width_out, |out| {
                self.write(x, norm, residual, out);
            })
        }
    }

    /// Stores the map of `x` in `out`.
    fn write(
        &self,
        x: &[f32],
        norm: Option<&LayerNorm>,
        residual: Option<&[f32]>,
        out: &mut [MaybeUninit<f32>],
    ) {
        if out.is_empty() {
            return;
        }
        match self.isa.amx() {
            Some(amx) => bf16x3::forward(self, amx, x, norm, residual, out),
            None => panels::forward(self, x, norm, residual, out),
        }
    }
}

/// Mean, and 1 / standard deviation, in two passes.
#[inline(always)]
fn moments<S: Simd>(s: S, x: &[f32], eps: f32) -> [f32; 2] {
    let n = x.len() as f32;
    let mean = sum_of::<_, false>(s, x, 0.0) / n;
    let variance = sum_of::<_, true>(s, x, mean) / n;
    [mean, 1.0 / (variance + eps).sqrt()]
}

/// The sum of all values, or of the squares of what they are above `mean`. Four sums side by side: one alone waits for each
/// addition.
#[inline(always)]
fn sum_of<S: Simd, const SQUARES: bool>(s: S, x: &[f32], mean: f32) -> f32 {
    let mut sums = [s.splat(0.0); 4];
    let mut quads = x.chunks_exact(4 * S::LANES);
    for quad in &mut quads {
        for i in 0..4 {
            sums[i] = add::<_, SQUARES>(s, sums[i], s.load(&quad[i * S::LANES..]), mean);
        }
    }
    let mut vectors = quads.remainder().chunks_exact(S::LANES);
    for x in &mut vectors {
        sums[0] = add::<_, SQUARES>(s, sums[0], s.load(x), mean);
    }
    let [a, b, c, d] = sums;
    let mut sum = s.sum(s.add(s.add(a, b), s.add(c, d)));
    for x in vectors.remainder() {
        sum += match SQUARES {
            true => (x - mean) * (x - mean),
            false => *x,
        };
    }
    sum
}

/// Adds a vector of values, or of the squares of what they are above `mean`.
#[inline(always)]
fn add<S: Simd, const SQUARES: bool>(s: S, sums: S::V, x: S::V, mean: f32) -> S::V {
    if !SQUARES {
        return s.add(sums, x);
    }
    let x = s.sub(x, s.splat(mean));
    s.mul_add(x, x, sums)
}

#[cfg(test)]
mod tests;
