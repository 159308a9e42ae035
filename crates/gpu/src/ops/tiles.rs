//! Which tile a product of matrices is computed in: by a table, never by trying, so that the same GPU always computes in
//! the same order.

use crate::{Class, Element};

/// A tile of `16 pixels` by `16 channels` values, of which each of 256 threads computes `pixels` by `channels`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tile {
    pub pixels: usize,
    pub channels: usize,
}

const LARGE: Tile = Tile {
    pixels: 8,
    channels: 8,
};
const WIDE: Tile = Tile {
    pixels: 4,
    channels: 8,
};
const SMALL: Tile = Tile {
    pixels: 4,
    channels: 4,
};

/// Tiles that keep a card busy: about two for each of its compute units.
const ENOUGH: usize = 96;

impl Tile {
    /// The tile for `n_pixels` of one image and `n_channels`. The batch has no say, so that an image's values don't depend
    /// on its neighbours.
    ///
    /// Large tiles read least, but need many values to be divided among a card's units, and in f32 more registers than are
    /// good. Gates need tiles of eight channels a thread.
    pub(super) fn of(
        class: Class,
        element: Element,
        (n_pixels, n_channels): (usize, usize),
        gated: bool,
    ) -> Self {
        let n_large = n_pixels.div_ceil(128) * n_channels.div_ceil(128);
        match (class, element) {
            (Class::Discrete, Element::F16) if n_large >= ENOUGH => LARGE,
            (Class::Discrete | Class::Integrated, _)
                if n_channels > 64 && n_large >= ENOUGH / 4 =>
            {
                WIDE
            }
            _ if gated => WIDE,
            _ => SMALL,
        }
    }
}
