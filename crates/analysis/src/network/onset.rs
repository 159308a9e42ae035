//! Hears onsets.

use std::sync::LazyLock;

use common::Result;
use rayon::prelude::*;

use super::super::hops::HOPS_PER_SEC;
use super::super::inputs::{Inputs, N_ATTACKS};
use super::super::series::{Series, SeriesWriter};
use super::conv::{Conv, sigmoid};
use super::conv_stack::{ConvStack, REACH_HOPS};
use super::weights::WeightReader;

const WIDTH: usize = 32;
/// Bands of the spectrogram and semitones, which fix the number of inputs.
const N_BANDS: usize = 40 + 66;
const N_IN: usize = 2 * N_BANDS + N_ATTACKS;
/// Hops that are computed at once: what they need fits the caches.
const CHUNK_HOPS: usize = 2000;
/// Chunks that threads share before what was found is put away: 10 minutes.
const CHUNKS_AT_ONCE: usize = 30;

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
pub(super) fn activations(inputs: &Inputs<'_>) -> Result<Series<f32>> {
    in_chunks(inputs, CHUNK_HOPS)
}

/// As [`activations`], in chunks of `chunk_hops` hops, which makes no difference.
pub(super) fn in_chunks(inputs: &Inputs<'_>, chunk_hops: usize) -> Result<Series<f32>> {
    let network = LazyLock::force(&NETWORK);
    let arch = pulp::Arch::new();
    let n_hops = inputs.n_hops();
    let chunk = |start: usize| {
        let wanted = start..(start + chunk_hops).min(n_hops);
        // One more for the output's own taps.
        let start = wanted.start.saturating_sub(REACH_HOPS + 1);
        let hops = start..(wanted.end + REACH_HOPS + 1).min(n_hops);
        let rows = inputs.for_onsets(hops)?;
        let mut onsets = arch.dispatch(Pass { network, rows });
        onsets.truncate(wanted.end - start);
        onsets.drain(..wanted.start - start);
        Ok(onsets)
    };
    let mut found = SeriesWriter::new(HOPS_PER_SEC);
    let starts: Vec<usize> = (0..n_hops).step_by(chunk_hops).collect();
    for starts in starts.chunks(CHUNKS_AT_ONCE) {
        let onsets: Result<Vec<Vec<f32>>> = starts.par_iter().map(|at| chunk(*at)).collect();
        onsets?.into_iter().flatten().for_each(|p| found.push(p));
    }
    Ok(found.finish())
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
