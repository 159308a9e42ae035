//! Layers that hear what happens around a hop: a third of a second to each side.

use super::conv::{Block, Conv, rectify};
use super::numbers::Numbers;

/// Distances of the five taps of the blocks, in hops.
const DILATIONS: [usize; 3] = [2, 4, 8];
/// Hops on each side of one that the outputs depend on.
pub(super) const REACH_HOPS: usize = 1 + 2 + 2 * (2 + 4 + 8);

/// Layers of `WIDTH` channels.
pub(super) struct Near<const WIDTH: usize> {
    mean: Vec<f32>,
    scale: Vec<f32>,
    first: [Conv<WIDTH>; 2],
    blocks: Vec<Block<WIDTH>>,
}

impl<const WIDTH: usize> Near<WIDTH> {
    pub fn read(numbers: &mut Numbers, n_in: usize) -> Self {
        Self {
            mean: numbers.next_row(n_in),
            scale: numbers.next_row(n_in),
            first: [
                Conv::read(numbers, n_in, 3, 1),
                Conv::read(numbers, WIDTH, 5, 1),
            ],
            blocks: DILATIONS
                .map(|dilation| Block::read(numbers, dilation))
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
        let mut near = self.first[0].apply(&input);
        drop(input);
        rectify(&mut near);
        let mut near = self.first[1].apply(near.as_flattened());
        rectify(&mut near);
        // A closure would not be inlined, and so not be compiled for vectors.
        for block in &self.blocks {
            block.apply(&mut near);
        }
        rectify(&mut near);
        near
    }
}
