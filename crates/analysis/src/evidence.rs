//! What the decisions rest on, of a song as of its stems: onset strength and what the networks find.

use super::Hops;
use super::features::{Features, N_FFT};
use super::hops::{HOP_LENGTH, HOP_SECS};
use super::inputs::Inputs;
use super::network::{self, Activations};
use super::onset::OnsetStrength;
use super::resample::ANALYSIS_RATE_HZ;
use super::sound::rounded;

/// Onset strength of each hop, and the activations of the networks.
pub(super) fn evidence(features: &Features) -> (OnsetStrength, Activations) {
    let inputs = Inputs::of(features);
    rayon::join(
        || OnsetStrength::of(features, &inputs),
        || network::activations(&inputs),
    )
}

/// The hops of a song at `sample_rate_hz`, without those of its sound.
pub(super) fn hops_of(features: &Features, strength: &OnsetStrength, sample_rate_hz: u32) -> Hops {
    let secs = |n: usize| n as f64 / f64::from(ANALYSIS_RATE_HZ);
    let in_song = |n: usize| (secs(n) * f64::from(sample_rate_hz)).round() as u32;
    Hops {
        hop_length: in_song(HOP_LENGTH),
        hop_secs: HOP_SECS,
        n_fft: in_song(N_FFT),
        onset_strength: short(&strength.full, 1e4),
        bands: features
            .bands
            .iter()
            .map(|bands| bands.map(|b| rounded(b, 1e6)))
            .collect(),
        loudness_db: short(&features.loudness_db, 100.0),
        ..Hops::default()
    }
}

/// Values that are short in JSON.
fn short(values: &[f32], steps: f32) -> Vec<f32> {
    values.iter().map(|value| rounded(*value, steps)).collect()
}
