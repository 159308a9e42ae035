//! Matrix products on AMX, Intel's tiles of bfloat16, as exact as f32 needs to be.
//!
//! A value is split into the nearest bfloat16 and the bfloat16 nearest to the rest: 16 bits of it are kept. Three products of the
//! parts (all but low times low) then make one product of f32 to about 2⁻¹⁷ (Henry et al., 2019, arXiv 1904.06376), summed in
//! f32. Tiles multiply sixteen times as fast as AVX-512 does, so three products still leave a fivefold.
//!
//! Operands are made of *steps* over `k`, 32 values deep; *words* hold the bfloat16 of `k` in their lower half and of
//! `k + 16` in the upper one. Any order of `k` will do, and this one needs no shuffles.

#[cfg_attr(not(target_arch = "x86_64"), path = "unsupported.rs")]
mod tile;

pub(super) use tile::{Amx, Tiles};

/// Rows and columns of a block of the product.
pub(super) const SIDE: usize = 32;
/// Values of `k` in a step.
pub(super) const DEPTH: usize = 32;
/// Words of a step's rows or columns: high parts of the first 16, of the second, then the low parts.
pub(super) const STEP_WORDS: usize = 4 * TILE_WORDS;

/// Rows of a tile, and words of each.
pub(super) const TILE: usize = 16;
/// Words of a tile.
pub(super) const TILE_WORDS: usize = TILE * TILE;
/// Words from the high parts of a step's rows or columns to the low ones.
pub(super) const LOW: usize = 2 * TILE_WORDS;

/// The columns of a product: for each step 16 rows of words, [`SIDE`] columns in two halves, twice.
#[derive(Clone, Copy, Debug)]
pub(super) struct Columns<'a> {
    /// All of them.
    pub words: &'a [f32],
    /// Words from one row to the next.
    pub pitch: usize,
    /// Words from the first half to the second.
    pub half: usize,
    /// Words from the high parts to the low ones.
    pub low: usize,
}

impl<'a> Columns<'a> {
    /// Steps one after the other, each of four tiles.
    pub(super) fn packed(words: &'a [f32]) -> Self {
        Self {
            words,
            pitch: TILE,
            half: TILE_WORDS,
            low: LOW,
        }
    }

    /// Steps of rows `pitch` words long: of the high parts of a step's pairs, then of the low ones.
    pub(super) fn in_rows(words: &'a [f32], pitch: usize) -> Self {
        Self {
            words,
            pitch,
            half: TILE,
            low: TILE * pitch,
        }
    }

    /// Words from a step's beginning to after its last.
    fn reach(&self) -> usize {
        // Saturated, it is longer than any slice.
        let rows = self.pitch.saturating_mul(TILE - 1).saturating_add(TILE);
        rows.saturating_add(self.low).saturating_add(self.half)
    }
}

/// Where each step's columns begin.
#[derive(Clone, Debug)]
pub(super) struct Steps {
    places: Vec<usize>,
    farthest: usize,
}

impl Steps {
    /// `places` are in words.
    pub(super) fn new(places: Vec<usize>) -> Self {
        Self {
            farthest: places.iter().copied().max().unwrap_or_default(),
            places,
        }
    }

    /// Of [`Columns::packed`].
    pub(super) fn packed(n_steps: usize) -> Self {
        Self::new((0..n_steps).map(|step| step * STEP_WORDS).collect())
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }
}

/// The bits of the bfloat16 nearest to `x`, ties to even, and of the one nearest to what that leaves. Values next to the greatest
/// f32, infinity and NaN make products that aren't finite; values next to zero count as zero.
fn split(x: f32) -> [u16; 2] {
    let round = |x: f32| {
        let bits = x.to_bits();
        (bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16) as u16
    };
    let high = round(x);
    [high, round(x - f32::from_bits(u32::from(high) << 16))]
}

/// The words of two values: their high parts, their low parts.
pub(super) fn words(lower: f32, upper: f32) -> [f32; 2] {
    let (lower, upper) = (split(lower), split(upper));
    std::array::from_fn(|part| {
        f32::from_bits(u32::from(lower[part]) | u32::from(upper[part]) << 16)
    })
}

/// Writes the words of a product's `row`, steps one after the other, to `packed`, which is zero before.
pub(super) fn pack_row(values: &[f32], row: usize, packed: &mut [f32]) {
    for (step, values) in packed
        .chunks_exact_mut(STEP_WORDS)
        .zip(values.chunks(DEPTH))
    {
        let value = |k: usize| values.get(k).copied().unwrap_or_default();
        for pair in 0..TILE {
            let at = row * TILE + pair;
            [step[at], step[at + LOW]] = words(value(pair), value(pair + TILE));
        }
    }
}

#[cfg(test)]
mod tests;
