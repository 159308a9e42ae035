//! The output transform: sums over channels, and `Aᵀ m A` of each tile.

use super::layout::Layout;
use super::{PATCH, PLACES, TILE, group};
use crate::conv::{ChannelEpilogue, Conv2d, Epilogue};
use crate::microkernel::{Product, ROWS, STEP, Sums, Weights};
use crate::pieces::Piece;
use crate::simd::{Kernel, Simd};

/// `Aᵀ m`
#[inline(always)]
fn transform_output<S: Simd>(s: S, m: [S::V; PATCH]) -> [S::V; TILE] {
    let (sum1, difference1) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
    let (sum2, difference2) = (s.add(m[3], m[4]), s.sub(m[3], m[4]));
    [
        s.add(m[0], s.add(sum1, sum2)),
        s.mul_add(s.splat(2.0), difference2, difference1),
        s.mul_add(s.splat(4.0), sum2, sum1),
        s.add(s.mul_add(s.splat(8.0), difference2, difference1), m[5]),
    ]
}

/// Sums over channels and turns them into the output's rows, for a chunk of tiles.
pub(super) struct Multiply<'a, 'b> {
    pub conv: &'a Conv2d,
    pub layout: Layout,
    /// First tile of the chunk.
    pub first: usize,
    pub weights: &'a [f32],
    /// `[PLACES][in_channels][n_chunk]`, see [`Layout::place_pitch`]
    pub transformed: &'a [f32],
    /// `[PLACES][group][n_chunk]`, likewise
    pub products: &'a mut [f32],
    /// `[TILE][TILE][n_chunk + STEP]`: the outputs of one channel, sorted by their place in the tile.
    pub tiles: &'a mut [f32],
    pub epilogue: &'a Epilogue<'a>,
    pub piece: &'a mut Piece<'b>,
}

impl Kernel for Multiply<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(mut self, s: S) {
        let n_channels = self.piece.n_channels;
        let in_channels = self.conv.shape.in_channels;
        let n_weights = in_channels * ROWS;
        let n_tiles = self.layout.n_chunk.min(self.layout.n_tiles() - self.first);
        let in_pitch = self.layout.place_pitch(in_channels);
        let group = group(in_channels);
        for first in (0..n_channels).step_by(group) {
            let n_rows = group.min(n_channels - first);
            let place_pitch = self.layout.place_pitch(n_rows.next_multiple_of(ROWS));
            for place in 0..PLACES {
                let first = self.piece.first_channel + first;
                let n_chunk = self.layout.n_chunk;
                let pixels = &self.transformed[place * in_pitch..][..in_channels * n_chunk];
                let product = Product {
                    weights: Weights::<ROWS> {
                        values: &self.weights[place * n_weights..],
                        pitch: PLACES * n_weights,
                    },
                    pixels: pixels.chunks_exact(n_chunk),
                };
                let products = &mut Sums::new(&mut self.products[place * place_pitch..], n_chunk);
                product.compute(s, first..first + n_rows, n_tiles, products);
            }
            for row in 0..n_rows {
                self.transform_channel(s, first + row, row * self.layout.n_chunk, place_pitch);
            }
        }
    }
}

impl Multiply<'_, '_> {
    /// `Aᵀ m A` of one channel's tiles, then their rows with bias and residual.
    #[inline(always)]
    pub fn transform_channel<S: Simd>(
        &mut self,
        s: S,
        channel: usize,
        from: usize,
        place_pitch: usize,
    ) {
        let layout = self.layout;
        let n_tiles = layout.n_chunk.min(layout.n_tiles() - self.first);
        let pitch = layout.n_chunk + STEP;
        for first in (0..n_tiles).step_by(S::LANES) {
            let products = &self.products[from + first..];
            let columns = six!(x => {
                let m = six!(y => s.load(&products[(y * PATCH + x) * place_pitch..]));
                transform_output(s, m)
            });
            for y in 0..TILE {
                let phases = transform_output(s, six!(x => columns[x][y]));
                if layout.is_whole(S::LANES) {
                    self.store(s, channel, self.first + first, y, phases);
                } else {
                    for x in 0..TILE {
                        s.store(phases[x], &mut self.tiles[(y * TILE + x) * pitch + first..]);
                    }
                }
            }
        }
        // Vectors over several rows of tiles: row by row.
        let mut tile = 0;
        while !layout.is_whole(S::LANES) && tile < n_tiles {
            for y in 0..TILE {
                let mut phases = [s.splat(0.0); TILE];
                for x in 0..TILE {
                    phases[x] = s.load(&self.tiles[(y * TILE + x) * pitch + tile..]);
                }
                self.store(s, channel, self.first + tile, y, phases);
            }
            let column = (self.first + tile) % layout.width;
            tile += S::LANES.min(layout.width - column).min(n_tiles - tile);
        }
    }

    /// Stores row `y` of the tiles from `tile` to the end of their row, at most a vector, given by their columns.
    #[inline(always)]
    fn store<S: Simd>(
        &mut self,
        s: S,
        channel: usize,
        tile: usize,
        y: usize,
        columns: [S::V; TILE],
    ) {
        let layout = self.layout;
        let width = layout.output.width;
        let (row, column) = (tile / layout.width, tile % layout.width);
        let image = row / layout.n_rows;
        let start = (row % layout.n_rows * TILE + y) * width;
        let Some(to) = self
            .piece
            .rows
            .get_mut(image * self.piece.n_channels + channel)
        else {
            return; // after the last image
        };
        let Some(to) = to.get_mut(start..start + width) else {
            return; // after the last row
        };
        let (image, channel) = (self.piece.image + image, self.piece.first_channel + channel);
        let epilogue = ChannelEpilogue::new(s, self.conv, self.epilogue, image, channel);
        let n_channels = self.conv.shape.out_channels;
        let plane = (image * n_channels + channel) * layout.output.plane() + self.piece.start;
        let residual = self
            .epilogue
            .residual
            .map(|all| &all[plane + start..][..width]);
        let values = s.interleave4(columns);
        for part in 0..TILE {
            let x = column * TILE + part * S::LANES;
            if x >= width {
                break;
            }
            let residual = residual.map(|residual| &residual[x..]);
            epilogue.store(s, [values[part]], residual, &mut to[x..]);
        }
    }
}
