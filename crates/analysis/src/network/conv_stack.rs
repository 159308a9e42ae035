//! Layers that see what happens around a hop: a third of a second to each side.

use super::conv::{Block, Conv, rectify};
use super::weights::WeightReader;

/// Distances of the five taps of the blocks, in hops.
const DILATIONS: [usize; 3] = [2, 4, 8];
/// Hops on each side of one that the outputs depend on.
pub(super) const REACH_HOPS: usize = 1 + 2 + 2 * (2 + 4 + 8);

/// Layers of `WIDTH` channels.
pub(super) struct ConvStack<const WIDTH: usize> {
    mean: Vec<f32>,
    scale: Vec<f32>,
    first: [Conv<WIDTH>; 2],
    blocks: Vec<Block<WIDTH>>,
}

impl<const WIDTH: usize> ConvStack<WIDTH> {
    pub fn read(reader: &mut WeightReader, n_in: usize) -> Self {
        Self {
            mean: reader.next_row(n_in),
            scale: reader.next_row(n_in),
            first: [
                Conv::read(reader, n_in, 3, 1),
                Conv::read(reader, WIDTH, 5, 1),
            ],
            blocks: DILATIONS
                .map(|dilation| Block::read(reader, dilation))
                .into(),
        }
    }

    /// `input` is `[hop][input]`.
    #[inline(always)]
    pub fn apply(&self, mut input: Vec<f32>) -> Vec<[f32; WIDTH]> {
        for row in input.chunks_exact_mut(self.mean.len()) {
            for ((value, mean), scale) in row.iter_mut().zip(&self.mean).zip(&self.scale) {
                *value = (*value - mean) * scale;
            }
        }
        let mut hidden = self.first[0].apply(&input);
        drop(input);
        rectify(&mut hidden);
        let mut hidden = self.first[1].apply(hidden.as_flattened());
        rectify(&mut hidden);
        // A closure would not be inlined, and so not be compiled for vectors.
        for block in &self.blocks {
            block.apply(&mut hidden);
        }
        rectify(&mut hidden);
        hidden
    }
}
