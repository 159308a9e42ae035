//! Hears onsets.

use std::sync::LazyLock;

use common::Result;
use rayon::prelude::*;

use super::super::inputs::{Inputs, N_ATTACKS};
use super::conv::{Conv, sigmoid};
use super::conv_stack::{ConvStack, REACH_HOPS};
use super::weights::WeightReader;

const WIDTH: usize = 32;
/// Bands of the spectrogram and semitones, which fix the number of inputs.
const N_BANDS: usize = 40 + 66;
const N_IN: usize = 2 * N_BANDS + N_ATTACKS;
/// Hops that are computed at once: what they need fits the caches.
const CHUNK_HOPS: usize = 2000;

struct Network {
    around: ConvStack<WIDTH>,
    onset: Conv<1>,
}

static NETWORK: LazyLock<Network> = LazyLock::new(|| Network::read().0);

impl Network {
    /// The network, and how many weights were missing or left over.
    fn read() -> (Self, usize) {
        let mut reader = WeightReader::of(include_bytes!("onset.weights"));
        let network = Self {
            around: ConvStack::read(&mut reader, N_IN),
            onset: Conv::read(&mut reader, WIDTH, 3, 1),
        };
        (network, reader.n_wrong())
    }
}

/// The probability that a sound starts, at each hop.
///
/// # Errors
/// As [`Inputs::for_onsets`].
pub(super) fn activations(inputs: &Inputs<'_>) -> Result<Vec<f32>> {
    in_chunks(inputs, CHUNK_HOPS)
}

/// As [`activations`], in chunks of `chunk_hops` hops, which makes no difference.
pub(super) fn in_chunks(inputs: &Inputs<'_>, chunk_hops: usize) -> Result<Vec<f32>> {
    let network = LazyLock::force(&NETWORK);
    let arch = pulp::Arch::new();
    let n_hops = inputs.n_hops();
    let mut found = vec![0.0; n_hops];
    found
        .par_chunks_mut(chunk_hops)
        .enumerate()
        .try_for_each(|(i, found)| {
            let wanted = i * chunk_hops..i * chunk_hops + found.len();
            // One more for the output's own taps.
            let start = wanted.start.saturating_sub(REACH_HOPS + 1);
            let hops = start..(wanted.end + REACH_HOPS + 1).min(n_hops);
            let rows = inputs.for_onsets(hops)?;
            let onsets = arch.dispatch(Pass { network, rows });
            found.copy_from_slice(&onsets[wanted.start - start..wanted.end - start]);
            Ok(())
        })?;
    Ok(found)
}

/// One pass over part of a song.
struct Pass<'a> {
    network: &'a Network,
    /// What [`Inputs::for_onsets`] has for the hops.
    rows: Vec<f32>,
}

impl pulp::WithSimd for Pass<'_> {
    type Output = Vec<f32>;

    /// All convolutions are inlined, and so compiled for the vectors of `S`.
    #[inline(always)]
    fn with_simd<S: pulp::Simd>(self, _: S) -> Vec<f32> {
        let hidden = self.network.around.apply(self.rows);
        let onsets = self.network.onset.apply(hidden.as_flattened());
        onsets.iter().map(|[onset]| sigmoid(*onset)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_whole() {
        assert_eq!(Network::read().1, 0);
    }
}
