//! Attention on vectors of f32: both products are the inner loop of the convolutions. Keys and values are packed for it, once for
//! each head.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{AttentionShape, Call, OnlineSoftmax, Tile, tiles};
use crate::arena::with_scratch;
use crate::math::exp2;
use crate::microkernel::{Product, ROWS, STEP, Sums, TileColumns, Weights};
use crate::simd::{Isa, Kernel, Simd};

/// Keys of a block.
const KEYS: usize = 256;

/// Numbers of one head's packed keys, and of its packed values.
fn packed_lens(shape: &AttentionShape) -> (usize, usize) {
    (
        shape.n_keys.next_multiple_of(ROWS) * shape.head_width,
        shape.n_keys * shape.head_width.next_multiple_of(ROWS),
    )
}

/// Computes the attention.
pub(super) fn forward(call: Call, isa: Isa, out: &mut [MaybeUninit<f32>]) {
    let shape = call.shape;
    let AttentionShape {
        batch,
        n_heads,
        head_width,
        ..
    } = shape;
    let (n_of_keys, n_of_values) = packed_lens(&shape);
    let len = n_of_keys + n_of_values;
    let n_all = batch * n_heads;
    // So many that the scores of a block stay in the first-level cache, or of many registers are few for the second.
    let n_queries = isa.run(TileColumns);
    with_scratch([n_all * len], |[packed]| {
        packed
            .par_chunks_exact_mut(len)
            .take(n_all)
            .enumerate()
            .for_each(|(index, packed)| {
                let head = (index / n_heads, index % n_heads);
                let (keys, values) = packed.split_at_mut(n_of_keys);
                pack_keys(&shape, call.head(call.k, head, 0), keys);
                pack_values(&shape, call.head(call.v, head, 0), values);
            });
        let packed = &*packed;
        let lens = [
            head_width * n_queries,
            KEYS * n_queries,
            head_width * n_queries,
            2 * n_queries,
        ];
        tiles(&shape, n_queries, out)
            .into_par_iter()
            .with_max_len(1)
            .for_each(|tile| {
                let head = (tile.image * n_heads + tile.head) * len;
                with_scratch(lens, |[queries, scores, sums, state]| {
                    let (keys, values) = packed[head..][..len].split_at(n_of_keys);
                    isa.run(Attend {
                        call,
                        keys,
                        values,
                        queries,
                        scores,
                        sums: &mut sums[..head_width * n_queries],
                        softmax: OnlineSoftmax::new(&mut state[..2 * n_queries]),
                        tile,
                    });
                });
            });
    });
}

/// `[n_keys / ROWS][head_width][ROWS]`: the keys of a tile's rows share cache lines. From rows of their own, some processors load one
/// value at a time, as these lie in the same bank of the cache.
fn pack_keys(shape: &AttentionShape, k: &[f32], to: &mut [f32]) {
    let width = shape.head_width;
    for (key, from) in k.chunks(shape.width()).take(shape.n_keys).enumerate() {
        let to = &mut to[key / ROWS * width * ROWS + key % ROWS..];
        for (to, value) in to.iter_mut().step_by(ROWS).zip(&from[..width]) {
            *to = *value;
        }
    }
}

/// `[head_width / ROWS][n_keys][ROWS]`
fn pack_values(shape: &AttentionShape, v: &[f32], to: &mut [f32]) {
    for (key, value) in v.chunks(shape.width()).take(shape.n_keys).enumerate() {
        for (block, value) in value[..shape.head_width].chunks(ROWS).enumerate() {
            to[(block * shape.n_keys + key) * ROWS..][..value.len()].copy_from_slice(value);
        }
    }
}

/// Computes one tile.
struct Attend<'a, 'b> {
    call: Call<'a>,
    /// See [`pack_keys`].
    keys: &'a [f32],
    /// See [`pack_values`].
    values: &'a [f32],
    /// `[head_width][queries of a tile]`, scaled.
    queries: &'a mut [f32],
    /// `[KEYS][queries of a tile]`: scores of a block, then their exponentials.
    scores: &'a mut [f32],
    /// `[head_width][queries of a tile]`: sums over the values.
    sums: &'a mut [f32],
    softmax: OnlineSoftmax<'a>,
    tile: Tile<'b>,
}

impl Kernel for Attend<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let shape = self.call.shape;
        let n_columns = self.tile.out.len().next_multiple_of(STEP);
        let width = shape.head_width;
        let pitch = self.softmax.totals.len();
        let head = (self.tile.image, self.tile.head);
        let q = self.call.head(self.call.q, head, self.tile.first);
        for (column, query) in q
            .chunks(shape.width())
            .take(self.tile.out.len())
            .enumerate()
        {
            let to = self.queries[column..].iter_mut().step_by(pitch);
            for (to, &q) in to.zip(&query[..width]) {
                *to = q * self.call.scale;
            }
        }
        self.sums.fill(0.0);
        let n_keys = self.tile.n_keys(&shape, self.call.causal);
        for first in (0..n_keys).step_by(KEYS) {
            let n_block = KEYS.min(n_keys - first);
            let keys = Product {
                weights: Weights::<ROWS> {
                    values: &self.keys[first * width..],
                    pitch: width * ROWS,
                },
                pixels: self.queries[..width * pitch].chunks_exact(pitch),
            };
            let scores = &mut Sums::new(self.scores, pitch);
            keys.compute(s, 0..n_block, n_columns, scores);
            let scores = &mut self.scores[..n_block * pitch];
            if self.call.causal {
                self.tile.mask(first, pitch, scores);
            }
            for column in (0..n_columns).step_by(S::LANES) {
                let max = self.softmax.update(s, column, scores, self.sums);
                let mut total = s.splat(0.0);
                for scores in scores.chunks_exact_mut(pitch) {
                    let to = &mut scores[column..];
                    let e = exp2(s, s.sub(s.load(to), max));
                    s.store(e, to);
                    total = s.add(total, e);
                }
                self.softmax.add(s, column, total);
            }
            let values = Product {
                weights: Weights::<ROWS> {
                    values: &self.values[first * ROWS..],
                    pitch: shape.n_keys * ROWS,
                },
                pixels: self.scores[..n_block * pitch].chunks_exact(pitch),
            };
            let sums = &mut Sums {
                to: self.sums,
                pitch,
                add: true,
            };
            values.compute(s, 0..width, n_columns, sums);
        }
        self.tile.store(&self.softmax, self.sums);
    }
}
