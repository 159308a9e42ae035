//! Attention in bounded memory: a tile of queries against blocks of keys, with a running maximum and sum
//! (Milakov and Gimelshein, 2018, arXiv 1805.02867).
//!
//! Scores are computed with the queries along the vectors, `scores[key][query]`: the softmax then runs down the columns
//! without a sum across lanes.

mod bf16x3;
mod vectors;

use std::mem::MaybeUninit;

use super::math::exp2;
use super::output::write_all;
use super::simd::{Isa, Simd};

/// Sizes of an attention; sequences are `[batch][tokens][n_heads * head_width]`.
#[derive(Clone, Copy, Debug)]
pub struct AttentionShape {
    /// Sequences.
    pub batch: usize,
    /// Query tokens of a sequence.
    pub n_queries: usize,
    /// Key and value tokens of a sequence.
    pub n_keys: usize,
    /// Heads.
    pub n_heads: usize,
    /// Values of a token in one head.
    pub head_width: usize,
}

impl AttentionShape {
    /// Values of a token.
    fn width(&self) -> usize {
        self.n_heads * self.head_width
    }
}

/// `softmax(scale q kᵀ) v` of every head, as large as `q`; without keys, zeros. With `causal`, a query sees the keys up to
/// its own index only.
pub fn attention(
    isa: Isa,
    shape: AttentionShape,
    (q, k, v): (&[f32], &[f32], &[f32]),
    scale: f32,
    causal: bool,
) -> Vec<f32> {
    let AttentionShape {
        batch,
        n_queries,
        n_keys,
        ..
    } = shape;
    assert_eq!(q.len(), batch * n_queries * shape.width(), "queries");
    assert_eq!(k.len(), batch * n_keys * shape.width(), "keys");
    assert_eq!(v.len(), k.len(), "values");
    if q.is_empty() || n_keys == 0 {
        return vec![0.0; q.len()];
    }
    let call = Call {
        shape,
        q,
        k,
        v,
        // Exponentials are powers of two; this makes up for the base.
        scale: scale * std::f32::consts::LOG2_E,
        causal,
    };
    let write = |out: &mut [MaybeUninit<f32>]| match isa.amx().filter(|_| bf16x3::is_faster(&shape))
    {
        Some(amx) => bf16x3::forward(call, (isa, amx), out),
        None => vectors::forward(call, isa, out),
    };
    #[expect(unsafe_code, reason = "the output isn't cleared before")]
    // SAFETY: `tiles` hands each head of each query to exactly one tile, and `Tile::store` stores all of its values.
    unsafe {
        write_all(q.len(), write)
    }
}

/// The inputs of an attention.
#[derive(Clone, Copy)]
struct Call<'a> {
    shape: AttentionShape,
    q: &'a [f32],
    k: &'a [f32],
    v: &'a [f32],
    scale: f32,
    causal: bool,
}

impl<'a> Call<'a> {
    /// Values of one head's tokens in `[batch][n_tokens][width]`, from a token on.
    fn head(&self, values: &'a [f32], (image, head): (usize, usize), token: usize) -> &'a [f32] {
        let n_tokens = values.len() / self.shape.batch / self.shape.width();
        let at = (image * n_tokens + token) * self.shape.width() + head * self.shape.head_width;
        &values[at..]
    }
}

/// Some queries of one head.
struct Tile<'a> {
    image: usize,
    head: usize,
    first: usize,
    /// Each query's output.
    out: Vec<&'a mut [MaybeUninit<f32>]>,
}

impl Tile<'_> {
    /// Keys that its queries see.
    fn n_keys(&self, shape: &AttentionShape, causal: bool) -> usize {
        match causal {
            true => shape.n_keys.min(self.first + self.out.len()),
            false => shape.n_keys,
        }
    }

    /// Masks the keys after each query: `scores` are those of the keys from `first` on, `[keys][n_columns]`.
    fn mask(&self, first: usize, n_columns: usize, scores: &mut [f32]) {
        for (row, scores) in scores.chunks_exact_mut(n_columns).enumerate() {
            let n_before = (first + row).saturating_sub(self.first);
            scores[..n_before.min(n_columns)].fill(f32::MIN);
        }
    }

    /// Writes the sums over the values, `[head_width][n_columns]`, divided by those of the exponentials.
    fn store(&mut self, softmax: &OnlineSoftmax, sums: &[f32]) {
        for (column, out) in self.out.iter_mut().enumerate() {
            let inverse = 1.0 / softmax.totals[column];
            for (row, to) in out.iter_mut().enumerate() {
                to.write(sums[row * softmax.totals.len() + column] * inverse);
            }
        }
    }
}

/// Cuts the output into tiles of at most `n_columns` queries.
fn tiles<'a>(
    shape: &AttentionShape,
    n_columns: usize,
    out: &'a mut [MaybeUninit<f32>],
) -> Vec<Tile<'a>> {
    let n_tiles = shape.n_queries.div_ceil(n_columns);
    let mut tiles = Vec::with_capacity(shape.batch * n_tiles * shape.n_heads);
    for image in 0..shape.batch {
        for tile in 0..n_tiles {
            let first = tile * n_columns;
            for head in 0..shape.n_heads {
                let out = Vec::with_capacity(n_columns);
                tiles.push(Tile {
                    image,
                    head,
                    first,
                    out,
                });
            }
        }
    }
    for (index, out) in out.chunks_exact_mut(shape.head_width).enumerate() {
        let (token, head) = (index / shape.n_heads, index % shape.n_heads);
        let (image, query) = (token / shape.n_queries, token % shape.n_queries);
        let tile = (image * n_tiles + query / n_columns) * shape.n_heads + head;
        tiles[tile].out.push(out);
    }
    tiles
}

/// The running softmax of a tile's queries.
struct OnlineSoftmax<'a> {
    /// Maximum of the scores so far.
    max: &'a mut [f32],
    /// Sum of the exponentials relative to it.
    totals: &'a mut [f32],
}

impl<'a> OnlineSoftmax<'a> {
    /// Of as many queries as half of `state` is long.
    fn new(state: &'a mut [f32]) -> Self {
        let (max, totals) = state.split_at_mut(state.len() / 2);
        max.fill(f32::MIN);
        totals.fill(0.0);
        Self { max, totals }
    }

    /// Updates the maxima of a vector of queries with the scores of a block, `[keys][n_columns]`, and rescales `sums`,
    /// `[..][n_columns]`, and the totals to them. Returns the maxima.
    #[inline(always)]
    fn update<S: Simd>(&mut self, s: S, column: usize, scores: &[f32], sums: &mut [f32]) -> S::V {
        let n_columns = self.totals.len();
        let before = s.load(&self.max[column..]);
        let mut max = before;
        for scores in scores.chunks_exact(n_columns) {
            max = s.max(max, s.load(&scores[column..]));
        }
        let factor = exp2(s, s.sub(before, max));
        let total = s.mul(s.load(&self.totals[column..]), factor);
        s.store(total, &mut self.totals[column..]);
        s.store(max, &mut self.max[column..]);
        for sums in sums.chunks_exact_mut(n_columns) {
            let to = &mut sums[column..];
            s.store(s.mul(s.load(to), factor), to);
        }
        max
    }

    /// Adds a sum of exponentials.
    #[inline(always)]
    fn add<S: Simd>(&mut self, s: S, column: usize, sum: S::V) {
        let to = &mut self.totals[column..];
        s.store(s.add(s.load(to), sum), to);
    }
}

#[cfg(test)]
mod tests;
