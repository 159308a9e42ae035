//! Attention in bounded memory: a tile of queries against blocks of keys, with a running maximum and sum
//! (Milakov and Gimelshein, 2018, arXiv 1805.02867).
//!
//! Scores are computed with the queries along the vectors, `scores[key][query]`: the softmax then runs down the columns
//! without a sum across lanes, and both products are the convolutions' inner loop.

use rayon::prelude::*;

use super::arena::with_scratch;
use super::math::exp;
use super::simd::{Isa, Kernel, Simd};
use super::tile::{Block, COLUMNS, ROWS, STEP};

/// Keys of a block.
const KEYS: usize = 256;

/// Sizes of an attention; sequences are `[batch][tokens][n_heads * head_width]`.
#[derive(Clone, Copy, Debug)]
pub struct AttentionShape {
    /// Sequences.
    pub batch: usize,
    /// Tokens that look.
    pub n_queries: usize,
    /// Tokens that are looked at.
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

    /// Packed keys or values of one head, in values.
    fn packed_len(&self) -> usize {
        self.n_keys.next_multiple_of(ROWS) * self.head_width.next_multiple_of(ROWS)
    }
}

/// Writes `softmax(scale q kᵀ) v` of every head to `out`. With `causal`, a query sees the keys up to its own index only.
pub fn attention(
    isa: Isa,
    shape: AttentionShape,
    (q, k, v): (&[f32], &[f32], &[f32]),
    scale: f32,
    causal: bool,
    out: &mut [f32],
) {
    let AttentionShape {
        batch,
        n_queries,
        n_keys,
        n_heads,
        head_width,
    } = shape;
    assert_eq!(q.len(), batch * n_queries * shape.width(), "queries");
    assert_eq!(k.len(), batch * n_keys * shape.width(), "keys");
    assert_eq!(v.len(), k.len(), "values");
    assert_eq!(out.len(), q.len(), "output of an attention");
    if out.is_empty() || n_keys == 0 {
        return out.fill(0.0);
    }
    let len = shape.packed_len();
    let n_all = batch * n_heads;
    with_scratch([n_all * len, n_all * len], |[keys, values]| {
        let heads = keys
            .par_chunks_exact_mut(len)
            .zip(values.par_chunks_exact_mut(len));
        heads
            .take(n_all)
            .enumerate()
            .for_each(|(index, (keys, values))| {
                let from = index / n_heads * n_keys * shape.width() + index % n_heads * head_width;
                pack_keys(&shape, &k[from..], keys);
                pack_values(&shape, &v[from..], values);
            });
        let (keys, values) = (&*keys, &*values);
        let lens = [
            head_width * COLUMNS,
            KEYS * COLUMNS,
            head_width.next_multiple_of(ROWS) * COLUMNS,
            3 * COLUMNS,
        ];
        let offsets: Vec<usize> = (0..KEYS.max(head_width)).map(|row| row * COLUMNS).collect();
        tiles(&shape, out)
            .into_par_iter()
            .with_max_len(1)
            .for_each(|tile| {
                let from =
                    (tile.image * n_queries + tile.first) * shape.width() + tile.head * head_width;
                let head = (tile.image * n_heads + tile.head) * len;
                with_scratch(lens, |[queries, scores, sums, state]| {
                    isa.run(Attend {
                        shape,
                        scale,
                        causal,
                        offsets: &offsets,
                        q: &q[from..],
                        keys: &keys[head..][..len],
                        values: &values[head..][..len],
                        queries,
                        scores,
                        sums,
                        state,
                        tile,
                    });
                });
            });
    });
}

/// Some queries of one head.
struct Tile<'a> {
    image: usize,
    head: usize,
    first: usize,
    /// Each query's output.
    out: Vec<&'a mut [f32]>,
}

/// Cuts the output into tiles of at most [`COLUMNS`] queries.
fn tiles<'a>(shape: &AttentionShape, out: &'a mut [f32]) -> Vec<Tile<'a>> {
    let n_tiles = shape.n_queries.div_ceil(COLUMNS);
    let mut tiles = Vec::with_capacity(shape.batch * n_tiles * shape.n_heads);
    for image in 0..shape.batch {
        for tile in 0..n_tiles {
            let first = tile * COLUMNS;
            for head in 0..shape.n_heads {
                let out = Vec::with_capacity(COLUMNS);
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
        let tile = (image * n_tiles + query / COLUMNS) * shape.n_heads + head;
        tiles[tile].out.push(out);
    }
    tiles
}

/// `[n_keys / ROWS][head_width][ROWS]`
fn pack_keys(shape: &AttentionShape, k: &[f32], to: &mut [f32]) {
    for (block, to) in to.chunks_exact_mut(ROWS * shape.head_width).enumerate() {
        for row in 0..ROWS.min(shape.n_keys.saturating_sub(block * ROWS)) {
            let key = &k[(block * ROWS + row) * shape.width()..][..shape.head_width];
            for (to, &key) in to[row..].iter_mut().step_by(ROWS).zip(key) {
                *to = key;
            }
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
    shape: AttentionShape,
    scale: f32,
    causal: bool,
    /// Multiples of [`COLUMNS`].
    offsets: &'a [usize],
    q: &'a [f32],
    keys: &'a [f32],
    values: &'a [f32],
    /// `[head_width][COLUMNS]`: scaled queries.
    queries: &'a mut [f32],
    /// `[KEYS][COLUMNS]`: scores of a block, then their exponentials.
    scores: &'a mut [f32],
    /// `[head_width][COLUMNS]`: sums over the values.
    sums: &'a mut [f32],
    /// `[3][COLUMNS]`: greatest score so far, sum of the exponentials, and the factor of what was summed before.
    state: &'a mut [f32],
    tile: Tile<'b>,
}

impl Kernel for Attend<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let n_columns = self.tile.out.len().next_multiple_of(STEP);
        let width = self.shape.head_width;
        for column in 0..self.tile.out.len() {
            let query = &self.q[column * self.shape.width()..][..width];
            for (to, &q) in self.queries[column..]
                .iter_mut()
                .step_by(COLUMNS)
                .zip(query)
            {
                *to = q * self.scale;
            }
        }
        self.sums.fill(0.0);
        let (greatest, rest) = self.state.split_at_mut(COLUMNS);
        greatest.fill(f32::MIN);
        rest.fill(0.0);
        let last = if self.causal {
            self.tile.first + self.tile.out.len()
        } else {
            self.shape.n_keys
        };
        let n_keys = self.shape.n_keys.min(last);
        for first in (0..n_keys).step_by(KEYS) {
            let n_block = KEYS.min(n_keys - first);
            for row in (0..n_block).step_by(ROWS) {
                Block {
                    weights: &self.keys[(first + row) * width..][..ROWS * width],
                    offsets: self.offsets,
                    input: self.queries,
                }
                .compute(
                    s,
                    (0, n_columns),
                    (
                        &mut self.scores[row * COLUMNS..],
                        COLUMNS,
                        ROWS.min(n_block - row),
                    ),
                    false,
                );
            }
            if self.causal {
                self.hide(first, n_block);
            }
            for column in (0..n_columns).step_by(S::LANES) {
                self.exponentials(s, column, n_block);
            }
            for row in (0..width).step_by(ROWS) {
                let panel = row / ROWS * self.shape.n_keys + first;
                Block {
                    weights: &self.values[panel * ROWS..][..n_block * ROWS],
                    offsets: self.offsets,
                    input: self.scores,
                }
                .compute(
                    s,
                    (0, n_columns),
                    (
                        &mut self.sums[row * COLUMNS..],
                        COLUMNS,
                        ROWS.min(width - row),
                    ),
                    true,
                );
            }
        }
        for (column, out) in self.tile.out.iter_mut().enumerate() {
            let inverse = 1.0 / self.state[COLUMNS + column];
            for (to, sum) in out
                .iter_mut()
                .zip(self.sums[column..].iter().step_by(COLUMNS))
            {
                *to = sum * inverse;
            }
        }
    }
}

impl Attend<'_, '_> {
    /// Hides the keys behind each query.
    fn hide(&mut self, first: usize, n_block: usize) {
        for (row, scores) in self
            .scores
            .chunks_exact_mut(COLUMNS)
            .take(n_block)
            .enumerate()
        {
            let n_before = (first + row).saturating_sub(self.tile.first);
            scores[..n_before.min(COLUMNS)].fill(f32::MIN);
        }
    }

    /// Turns a block's scores into exponentials relative to the greatest score so far, and brings what was summed
    /// before to the same scale.
    #[inline(always)]
    fn exponentials<S: Simd>(&mut self, s: S, column: usize, n_block: usize) {
        let before = s.load(&self.state[column..]);
        let mut greatest = before;
        for scores in self.scores.chunks_exact(COLUMNS).take(n_block) {
            greatest = s.max(greatest, s.load(&scores[column..]));
        }
        let factor = exp(s, s.sub(before, greatest));
        let mut total = s.mul(s.load(&self.state[COLUMNS + column..]), factor);
        for scores in self.scores.chunks_exact_mut(COLUMNS).take(n_block) {
            let to = &mut scores[column..];
            let e = exp(s, s.sub(s.load(to), greatest));
            s.store(e, to);
            total = s.add(total, e);
        }
        s.store(greatest, &mut self.state[column..]);
        s.store(total, &mut self.state[COLUMNS + column..]);
        for sums in self.sums.chunks_exact_mut(COLUMNS) {
            let to = &mut sums[column..];
            s.store(s.mul(s.load(to), factor), to);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::conv::tests::noise;
    use super::*;

    fn reference(
        shape: &AttentionShape,
        q: &[f32],
        k: &[f32],
        v: &[f32],
        scale: f64,
        causal: bool,
    ) -> Vec<f64> {
        let width = shape.width();
        let mut out = vec![0.0; shape.batch * shape.n_queries * width];
        for image in 0..shape.batch {
            for (head, query) in
                (0..shape.n_heads).flat_map(|h| (0..shape.n_queries).map(move |q| (h, q)))
            {
                let row = |values: &[f32], n: usize, token: usize| -> Vec<f64> {
                    let from = (image * n + token) * width + head * shape.head_width;
                    values[from..from + shape.head_width]
                        .iter()
                        .map(|&x| f64::from(x))
                        .collect()
                };
                let q = row(q, shape.n_queries, query);
                let n_seen = if causal {
                    shape.n_keys.min(query + 1)
                } else {
                    shape.n_keys
                };
                let weights: Vec<f64> = (0..n_seen)
                    .map(|key| {
                        let k = row(k, shape.n_keys, key);
                        (scale * q.iter().zip(&k).map(|(a, b)| a * b).sum::<f64>()).exp()
                    })
                    .collect();
                let total: f64 = weights.iter().sum();
                for (key, weight) in weights.iter().enumerate() {
                    for (i, v) in row(v, shape.n_keys, key).iter().enumerate() {
                        let at =
                            (image * shape.n_queries + query) * width + head * shape.head_width + i;
                        out[at] += weight / total * v;
                    }
                }
            }
        }
        out
    }

    #[test]
    fn attention_equals_the_definition() {
        for (batch, n_queries, n_keys, n_heads, head_width) in [
            (1, 1, 1, 1, 1),
            (2, 64, 32, 4, 16),
            (8, 50, 77, 2, 40),
            (1, 300, 700, 1, 7),
            (2, 100, 100, 3, 20),
        ] {
            let shape = AttentionShape {
                batch,
                n_queries,
                n_keys,
                n_heads,
                head_width,
            };
            let q: Vec<f32> = noise(1, batch * n_queries * shape.width())
                .iter()
                .map(|x| 5.0 * x)
                .collect();
            let k = noise(2, batch * n_keys * shape.width());
            let v = noise(3, batch * n_keys * shape.width());
            for causal in [false, true] {
                if causal && n_queries != n_keys {
                    continue;
                }
                let expected = reference(&shape, &q, &k, &v, 0.7, causal);
                for isa in Isa::available() {
                    let mut out = vec![f32::NAN; q.len()];
                    attention(isa, shape, (&q, &k, &v), 0.7, causal, &mut out);
                    for (i, (got, expected)) in out.iter().zip(&expected).enumerate() {
                        let error = (f64::from(*got) - expected).abs();
                        assert!(
                            error < 4e-6,
                            "{shape:?} {causal} {} at {i}: {got} for {expected}",
                            isa.name()
                        );
                    }
                }
            }
        }
    }
}
