//! Attention on AMX, each f32 as two bfloat16: keys are the rows of the scores' product, channels those of the sums'; queries are the columns of both.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{AttentionShape, Call, OnlineSoftmax, Tile, tiles};
use crate::amx::{Amx, Columns, DEPTH, LOW, SIDE, STEP_WORDS, Steps, TILE};
use crate::arena::with_scratch;
use crate::math::exp2;
use crate::simd::{Isa, Kernel, Simd};

/// Queries of a tile.
const COLUMNS: usize = 2 * SIDE;
/// Keys of a block.
const KEYS: usize = 4 * SIDE;
/// Words of a step of columns.
const STEP_COLUMNS: usize = DEPTH * COLUMNS;

/// Whether it is faster than on vectors: some head widths leave too much of their last step empty.
pub(super) fn is_faster(shape: &AttentionShape) -> bool {
    4 * shape.head_width.next_multiple_of(DEPTH) <= 5 * shape.head_width
}

/// Steps of a product over a head's channels.
fn n_steps(shape: &AttentionShape) -> usize {
    shape.head_width.div_ceil(DEPTH)
}

/// Blocks of [`SIDE`] keys, each also a step of the product over the keys.
fn n_blocks(shape: &AttentionShape) -> usize {
    shape.n_keys.div_ceil(SIDE)
}

/// Computes the attention.
pub(super) fn forward(call: Call, (isa, amx): (Isa, Amx), out: &mut [MaybeUninit<f32>]) {
    let shape = call.shape;
    let (n_steps, n_all) = (n_steps(&shape), shape.batch * shape.n_heads);
    let len = n_blocks(&shape) * n_steps * STEP_WORDS;
    with_scratch([n_all * len, n_all * len], |[keys, values]| {
        let heads = keys
            .par_chunks_exact_mut(len)
            .zip(values.par_chunks_exact_mut(len));
        heads
            .take(n_all)
            .enumerate()
            .for_each(|(index, (keys, values))| {
                let head = (index / shape.n_heads, index % shape.n_heads);
                isa.run(Pack {
                    shape,
                    k: call.head(call.k, head, 0),
                    v: call.head(call.v, head, 0),
                    keys,
                    values,
                });
            });
        let (keys, values) = (&*keys, &*values);
        let places = |n_steps: usize| (0..n_steps).map(|step| step * STEP_COLUMNS).collect();
        let by_channel = Steps::new(places(n_steps));
        let by_key: Vec<Steps> = (1..=KEYS / DEPTH).map(|n| Steps::new(places(n))).collect();
        let n_sums = n_steps * SIDE * COLUMNS;
        let lens = [
            n_steps * STEP_COLUMNS,
            KEYS * COLUMNS,
            KEYS * COLUMNS,
            n_sums,
            2 * COLUMNS,
        ];
        tiles(&shape, COLUMNS, out)
            .into_par_iter()
            .with_max_len(1)
            .for_each(|tile| {
                let head = (tile.image * shape.n_heads + tile.head) * len;
                with_scratch(lens, |[queries, scores, words, sums, state]| {
                    isa.run(Attend {
                        call,
                        amx,
                        steps: (&by_channel, &by_key),
                        keys: &keys[head..][..len],
                        values: &values[head..][..len],
                        queries,
                        scores,
                        words,
                        sums: &mut sums[..n_sums],
                        softmax: OnlineSoftmax::new(&mut state[..2 * COLUMNS]),
                        tile,
                    });
                });
            });
    });
}

/// Splits one head's keys and values; zeros after the last of them.
struct Pack<'a, 'b> {
    shape: AttentionShape,
    k: &'a [f32],
    v: &'a [f32],
    /// `[blocks of keys][steps][part][key][TILE]`
    keys: &'b mut [f32],
    /// `[blocks of channels][steps][part][channel][TILE]`
    values: &'b mut [f32],
}

impl Kernel for Pack<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let (shape, n_steps) = (self.shape, n_steps(&self.shape));
        let n_blocks = n_blocks(&shape);
        let token = |values: &'_ [f32], token: usize| match token < shape.n_keys {
            true => token * shape.width()..token * shape.width() + shape.head_width,
            false => values.len()..values.len(),
        };
        for key in 0..n_blocks * SIDE {
            let values = &self.k[token(self.k, key)];
            for step in 0..n_steps {
                let at = (key / SIDE * n_steps + step) * STEP_WORDS + key % SIDE * TILE;
                for lane in (0..TILE).step_by(S::LANES) {
                    let [high, low] = pair(s, (values, values), step * DEPTH + lane, TILE);
                    s.store(high, &mut self.keys[at + lane..]);
                    s.store(low, &mut self.keys[at + lane + LOW..]);
                }
            }
        }
        for index in 0..n_blocks * TILE {
            let (step, place) = (index / TILE, index % TILE);
            let key = step * DEPTH + place;
            let lower = &self.v[token(self.v, key)];
            let upper = &self.v[token(self.v, key + TILE)];
            for channel in (0..n_steps * SIDE).step_by(S::LANES) {
                let parts = pair(s, (lower, upper), channel, 0);
                let at = (channel / SIDE * n_blocks + step) * STEP_WORDS + channel % SIDE * TILE;
                for (part, words) in parts.into_iter().enumerate() {
                    let mut lanes = [0.0; TILE];
                    s.store(words, &mut lanes);
                    let to = &mut self.values[at + part * LOW + place..];
                    for (to, word) in to.iter_mut().step_by(TILE).zip(&lanes[..S::LANES]) {
                        *to = *word;
                    }
                }
            }
        }
    }
}

/// The words of `lower` from `at` on and of `upper` from `shift` after that; zeros after their ends.
#[inline(always)]
fn pair<S: Simd>(s: S, (lower, upper): (&[f32], &[f32]), at: usize, shift: usize) -> [S::V; 2] {
    let lower = &lower[at.min(lower.len())..];
    let upper = &upper[(at + shift).min(upper.len())..];
    s.words(s.load_partial(lower), s.load_partial(upper))
}

/// Computes one tile.
struct Attend<'a, 'b> {
    call: Call<'a>,
    amx: Amx,
    /// Over the channels; over 1 to `KEYS / DEPTH` blocks of keys.
    steps: (&'a Steps, &'a [Steps]),
    /// See [`Pack`].
    keys: &'a [f32],
    /// See [`Pack`].
    values: &'a [f32],
    /// `[steps][part][pair][COLUMNS]`: scaled queries.
    queries: &'a mut [f32],
    /// `[KEYS][COLUMNS]`
    scores: &'a mut [f32],
    /// `[KEYS / DEPTH][part][pair][COLUMNS]`: the scores' exponentials.
    words: &'a mut [f32],
    /// `[head_width][COLUMNS]`: sums over the values.
    sums: &'a mut [f32],
    softmax: OnlineSoftmax<'a>,
    tile: Tile<'b>,
}

impl Kernel for Attend<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let shape = self.call.shape;
        let tiles = self.amx.tiles();
        let (n_steps, n_blocks) = (n_steps(&shape), n_blocks(&shape));
        self.split_queries(s);
        self.sums.fill(0.0);
        let n_columns = self.tile.out.len().next_multiple_of(SIDE);
        let n_keys = self.tile.n_keys(&shape, self.call.causal);
        for first in (0..n_keys).step_by(KEYS) {
            let n_block = KEYS.min(n_keys - first);
            for row in (0..n_block).step_by(SIDE) {
                let keys = &self.keys[(first + row) / SIDE * n_steps * STEP_WORDS..];
                for column in (0..n_columns).step_by(SIDE) {
                    let queries = Columns::in_rows(&self.queries[column..], COLUMNS);
                    let to = &mut self.scores[row * COLUMNS + column..];
                    tiles.multiply(keys, queries, self.steps.0, false, (to, COLUMNS));
                }
            }
            let n_whole = n_block.next_multiple_of(DEPTH);
            let scores = &mut self.scores[..n_whole * COLUMNS];
            scores[n_block * COLUMNS..].fill(f32::MIN);
            if self.call.causal {
                self.tile.mask(first, COLUMNS, scores);
            }
            for column in (0..n_columns).step_by(S::LANES) {
                let max = self.softmax.update(s, column, scores, self.sums);
                let total = split_exponentials(s, max, scores, column, self.words);
                self.softmax.add(s, column, total);
            }
            let steps = &self.steps.1[n_whole / DEPTH - 1];
            for row in (0..n_steps * SIDE).step_by(SIDE) {
                let values = &self.values[(row / SIDE * n_blocks + first / DEPTH) * STEP_WORDS..];
                for column in (0..n_columns).step_by(SIDE) {
                    let words = Columns::in_rows(&self.words[column..], COLUMNS);
                    let to = &mut self.sums[row * COLUMNS + column..];
                    tiles.multiply(values, words, steps, true, (to, COLUMNS));
                }
            }
        }
        self.tile.store(&self.softmax, self.sums);
    }
}

impl Attend<'_, '_> {
    #[inline(always)]
    fn split_queries<S: Simd>(&mut self, s: S) {
        let shape = self.call.shape;
        let head = (self.tile.image, self.tile.head);
        let q = self.call.head(self.call.q, head, self.tile.first);
        self.queries.fill(0.0);
        let scale = s.splat(self.call.scale);
        for (column, query) in q
            .chunks(shape.width())
            .take(self.tile.out.len())
            .enumerate()
        {
            let query = &query[..shape.head_width];
            for (step, to) in self.queries.chunks_exact_mut(STEP_COLUMNS).enumerate() {
                for lane in (0..TILE).step_by(S::LANES) {
                    let at = step * DEPTH + lane;
                    let part = |at: usize| &query[at.min(query.len())..];
                    let lower = s.mul(s.load_partial(part(at)), scale);
                    let upper = s.mul(s.load_partial(part(at + TILE)), scale);
                    for (part, words) in s.words(lower, upper).into_iter().enumerate() {
                        let mut lanes = [0.0; TILE];
                        s.store(words, &mut lanes);
                        let to = &mut to[(part * TILE + lane) * COLUMNS + column..];
                        for (to, word) in to.iter_mut().step_by(COLUMNS).zip(&lanes[..S::LANES]) {
                            *to = *word;
                        }
                    }
                }
            }
        }
    }
}

/// Splits the exponentials of a vector's scores relative to the maximum, and returns their sum.
#[inline(always)]
fn split_exponentials<S: Simd>(
    s: S,
    max: S::V,
    scores: &[f32],
    column: usize,
    words: &mut [f32],
) -> S::V {
    let mut total = s.splat(0.0);
    let steps = scores.chunks_exact(STEP_COLUMNS);
    for (scores, words) in steps.zip(words.chunks_exact_mut(STEP_COLUMNS)) {
        let (lower, upper) = scores.split_at(TILE * COLUMNS);
        let (high, low) = words.split_at_mut(TILE * COLUMNS);
        for at in (column..TILE * COLUMNS).step_by(COLUMNS) {
            let lower = exp2(s, s.sub(s.load(&lower[at..]), max));
            let upper = exp2(s, s.sub(s.load(&upper[at..]), max));
            total = s.add(s.add(total, lower), upper);
            let [high_words, low_words] = s.words(lower, upper);
            s.store(high_words, &mut high[at..]);
            s.store(low_words, &mut low[at..]);
        }
    }
    total
}
