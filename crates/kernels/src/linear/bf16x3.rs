//! Affine maps on AMX, each f32 as two bfloat16.

use std::mem::MaybeUninit;

use rayon::prelude::*;

use super::{LayerNorm, Linear, moments};
use crate::amx::{
    Amx, Columns, DEPTH, LOW, SIDE, STEP_WORDS, Steps, TILE, TILE_WORDS, Tiles, words,
};
use crate::arena::with_scratch;
use crate::math::gelu;
use crate::simd::{Kernel, Simd};

/// Words of tokens that are worked off together: half of a common second-level cache.
const CHUNK_WORDS: usize = 1 << 18;
/// Most tokens of them.
const CHUNK_TOKENS: usize = 1024;
/// Most steps that are summed in one pass: with more values of a token, few tokens would fit the chunk.
const PASS_STEPS: usize = 40;
/// Blocks of tokens that take turns with a panel: their sums, and the panel, stay near.
const GROUP: usize = 4;
/// Sums of a group: values and gates.
const GROUP_SUMS: usize = 2 * GROUP * SIDE * SIDE;
/// Pieces to cut a chunk's output into, where there is enough to cut.
const N_PIECES: usize = 16;

/// `[n_panels][steps][part][half][pair][TILE]`, see [`amx`](super::amx); `packed` is zero before.
pub(super) fn pack(width_in: usize, weight: &[f32], packed: &mut [f32]) {
    let n_steps = width_in.div_ceil(DEPTH);
    packed
        .par_chunks_exact_mut(n_steps * STEP_WORDS)
        .zip(weight.par_chunks(width_in * SIDE))
        .for_each(|(packed, weight)| {
            for (column, row) in weight.chunks_exact(width_in).enumerate() {
                for (step, values) in row.chunks(DEPTH).enumerate() {
                    let at = step * STEP_WORDS + column / TILE * TILE_WORDS + column % TILE;
                    let value = |k: usize| values.get(k).copied().unwrap_or_default();
                    for pair in 0..TILE {
                        let at = at + pair * TILE;
                        [packed[at], packed[at + LOW]] = words(value(pair), value(pair + TILE));
                    }
                }
            }
        });
}

/// Stores the map of `x` in `out`.
pub(super) fn forward(
    linear: &Linear,
    amx: Amx,
    x: &[f32],
    norm: Option<&LayerNorm>,
    residual: Option<&[f32]>,
    out: &mut [MaybeUninit<f32>],
) {
    let (width_in, width_out) = (linear.width_in, linear.width_out);
    let n_steps = width_in.div_ceil(DEPTH);
    let n_passes = n_steps.div_ceil(PASS_STEPS);
    let n_pass = n_steps.div_ceil(n_passes);
    let n_block = n_pass * STEP_WORDS;
    let n_chunk = (CHUNK_WORDS / n_block).clamp(GROUP, CHUNK_TOKENS / SIDE) * SIDE;
    for (chunk, out) in out.chunks_mut(n_chunk * width_out).enumerate() {
        let first_token = chunk * n_chunk;
        let n_tokens = out.len() / width_out;
        let n_blocks = n_tokens.div_ceil(SIDE);
        let mut pieces = pieces(out, (n_tokens, width_out));
        let n_sums = match n_passes {
            1 => GROUP_SUMS,
            _ => GROUP_SUMS * pieces.iter().map(Piece::n_groups).max().unwrap_or_default(),
        };
        with_scratch(
            [n_blocks * n_block, pieces.len() * n_sums],
            |[packed, sums]| {
                for first_step in (0..n_steps).step_by(n_pass) {
                    let steps = Steps::packed(n_pass.min(n_steps - first_step));
                    let n_block = steps.len() * STEP_WORDS;
                    let blocks = packed.par_chunks_exact_mut(n_block).take(n_blocks);
                    blocks.enumerate().for_each(|(block, packed)| {
                        let first = first_token + block * SIDE;
                        let n_rows = SIDE.min(n_tokens - block * SIDE);
                        linear.isa.run(Pack {
                            norm,
                            width: width_in,
                            first_step,
                            x: &x[first * width_in..][..n_rows * width_in],
                            packed,
                        });
                    });
                    let packed = &*packed;
                    pieces
                        .par_iter_mut()
                        .with_max_len(1)
                        .zip(sums.par_chunks_exact_mut(n_sums))
                        .for_each(|(piece, sums)| {
                            linear.isa.run(Compute {
                                linear,
                                amx,
                                steps: &steps,
                                first_step,
                                first_token,
                                residual,
                                packed,
                                sums,
                                piece,
                            });
                        });
                }
            },
        );
    }
}

/// Part of a chunk's output: some columns of some tokens.
struct Piece<'a> {
    /// First of its tokens in the chunk.
    first_token: usize,
    /// First of its columns.
    first_column: usize,
    /// Its columns of each token.
    rows: Vec<&'a mut [MaybeUninit<f32>]>,
}

impl Piece<'_> {
    /// Groups of blocks of tokens, over all panels.
    fn n_groups(&self) -> usize {
        let n_columns = self.rows.first().map_or(0, |row| row.len());
        n_columns.div_ceil(SIDE) * self.rows.len().div_ceil(GROUP * SIDE)
    }
}

/// Cuts `[n_tokens][width]` between panels, and between blocks of tokens where panels are few.
fn pieces(out: &mut [MaybeUninit<f32>], (n_tokens, width): (usize, usize)) -> Vec<Piece<'_>> {
    let n_panels = width.div_ceil(SIDE);
    let n_columns = n_panels.div_ceil(N_PIECES) * SIDE;
    let n_groups = width.div_ceil(n_columns);
    let n_parts = N_PIECES.div_ceil(n_groups);
    let n_rows = n_tokens.div_ceil(n_parts).next_multiple_of(SIDE);
    let mut pieces = Vec::with_capacity(n_tokens.div_ceil(n_rows) * n_groups);
    for first_token in (0..n_tokens).step_by(n_rows) {
        for first_column in (0..width).step_by(n_columns) {
            pieces.push(Piece {
                first_token,
                first_column,
                rows: Vec::with_capacity(n_rows),
            });
        }
    }
    for (token, row) in out.chunks_exact_mut(width).enumerate() {
        let first = token / n_rows * n_groups;
        for (piece, row) in pieces[first..].iter_mut().zip(row.chunks_mut(n_columns)) {
            piece.rows.push(row);
        }
    }
    pieces
}

/// Splits a block of tokens, normalised; rows after the last token are zeros.
struct Pack<'a> {
    norm: Option<&'a LayerNorm>,
    width: usize,
    first_step: usize,
    x: &'a [f32],
    /// `[steps][part][row][TILE]`
    packed: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let mut rows = self.x.chunks_exact(self.width);
        for row in 0..SIDE {
            let Some(x) = rows.next() else {
                for step in self.packed.chunks_exact_mut(STEP_WORDS) {
                    step[row * TILE..][..TILE].fill(0.0);
                    step[row * TILE + LOW..][..TILE].fill(0.0);
                }
                continue;
            };
            let affine = self.norm.map(|norm| (norm, moments(s, x, norm.eps)));
            for (step, packed) in self.packed.chunks_exact_mut(STEP_WORDS).enumerate() {
                for lane in (0..TILE).step_by(S::LANES) {
                    let k = (self.first_step + step) * DEPTH + lane;
                    let lower = normalized(s, x, k, affine);
                    let upper = normalized(s, x, k + TILE, affine);
                    let [high, low] = s.words(lower, upper);
                    s.store(high, &mut packed[row * TILE + lane..]);
                    s.store(low, &mut packed[row * TILE + lane + LOW..]);
                }
            }
        }
    }
}

/// A token's values from `k` on; zeros after the last.
#[inline(always)]
fn normalized<S: Simd>(s: S, x: &[f32], k: usize, affine: Option<(&LayerNorm, [f32; 2])>) -> S::V {
    let k = k.min(x.len());
    let values = s.load_partial(&x[k..]);
    let Some((norm, [mean, inverse])) = affine else {
        return values;
    };
    // Scale and shift are zeros after the last, too.
    let centered = s.mul(s.sub(values, s.splat(mean)), s.splat(inverse));
    let scale = s.load_partial(&norm.weight[k..]);
    s.mul_add(centered, scale, s.load_partial(&norm.bias[k..]))
}

/// Computes a piece of the output.
struct Compute<'a, 'b> {
    linear: &'a Linear,
    amx: Amx,
    steps: &'a Steps,
    /// First of them in the layer.
    first_step: usize,
    /// First token of the chunk.
    first_token: usize,
    residual: Option<&'a [f32]>,
    /// `[tokens / SIDE][steps][part][row][16]` of the chunk.
    packed: &'a [f32],
    /// `[groups][2][GROUP][SIDE][SIDE]`: values and gates; of one group where all steps are here.
    sums: &'a mut [f32],
    piece: &'a mut Piece<'b>,
}

impl Kernel for Compute<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let tiles = self.amx.tiles();
        let Some(n_all) = self.piece.rows.first().map(|row| row.len()) else {
            return;
        };
        let n_tokens = self.piece.rows.len();
        let is_last = self.first_step + self.steps.len() == self.linear.width_in.div_ceil(DEPTH);
        let n_panels = self.linear.width_out.div_ceil(SIDE);
        let mut at = 0;
        for begin in (0..n_all).step_by(SIDE) {
            let panel = (self.piece.first_column + begin) / SIDE;
            for first in (0..n_tokens).step_by(GROUP * SIDE) {
                let end = n_tokens.min(first + GROUP * SIDE);
                for part in 0..if self.linear.is_gated { 2 } else { 1 } {
                    for (block, first) in (first..end).step_by(SIDE).enumerate() {
                        let at = at + (part * GROUP + block) * SIDE * SIDE;
                        self.multiply(&tiles, first, panel + part * n_panels, at);
                    }
                }
                if is_last {
                    for token in first..end {
                        self.store(s, token, begin, at + (token - first) * SIDE);
                    }
                }
                at = (at + GROUP_SUMS) % self.sums.len();
            }
        }
    }
}

impl Compute<'_, '_> {
    /// Writes the block of the tokens from `first` on and a panel of weights to `sums`, from `at` on; adds it after the first steps.
    #[inline(always)]
    fn multiply(&mut self, tiles: &Tiles, first: usize, panel: usize, at: usize) {
        let n_block = self.steps.len() * STEP_WORDS;
        let n_panel = self.linear.width_in.div_ceil(DEPTH) * STEP_WORDS;
        let block = (self.piece.first_token + first) / SIDE;
        let weight = &self.linear.weight[panel * n_panel + self.first_step * STEP_WORDS..];
        tiles.multiply(
            &self.packed[block * n_block..][..n_block],
            Columns::packed(&weight[..n_block]),
            self.steps,
            self.first_step > 0,
            (&mut self.sums[at..], SIDE),
        );
    }

    /// Stores one token's values of the panel whose first column is `begin`, counted from the piece's first; their sums begin
    /// at `sums`.
    #[inline(always)]
    fn store<S: Simd>(&mut self, s: S, token: usize, begin: usize, sums: usize) {
        let linear = self.linear;
        let column = self.piece.first_column + begin;
        let token_of_all = self.first_token + self.piece.first_token + token;
        let at = token_of_all * linear.width_out + column; // in the residual
        let to = &mut self.piece.rows[token][begin..];
        let n_columns = SIDE.min(to.len());
        let to = &mut to[..n_columns];
        let bias = &linear.bias[column..];
        let gate_bias = &linear.bias[linear.bias.len() / 2..];
        let sums = &self.sums[sums..];
        for i in (0..n_columns).step_by(S::LANES) {
            let mut value = s.add(s.load(&sums[i..]), s.load(&bias[i..]));
            if linear.is_gated {
                let gate = s.load(&sums[GROUP * SIDE * SIDE + i..]);
                let gate = s.add(gate, s.load(&gate_bias[column + i..]));
                value = s.mul(value, gelu(s, gate));
            }
            if let Some(residual) = self.residual {
                value = s.add(value, s.load_partial(&residual[at..][i..n_columns]));
            }
            s.store_partial(value, &mut to[i..]);
        }
    }
}
