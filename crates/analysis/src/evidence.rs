//! What the decisions rest on, of a song as of its stems: onset strength and what the networks find.

use common::Result;
use common::rounding::rounded_f32;

use super::Hops;
use super::features::{Features, N_FFT};
use super::hops::{HOP_LENGTH, HOP_SECS};
use super::inputs::Inputs;
use super::network::{self, Activations};
use super::onset::OnsetStrength;
use super::resample::ANALYSIS_RATE_HZ;
use super::series::Series;

/// Onset strength of each hop, and the activations of the networks.
///
/// # Errors
/// As for what [`Inputs`] reads.
pub(super) fn evidence(features: &Features) -> Result<(OnsetStrength, Activations)> {
    let inputs = Inputs::of(features)?;
    let (strength, activations) = rayon::join(
        || OnsetStrength::of(features, &inputs),
        || network::activations(&inputs),
    );
    Ok((strength?, activations?))
}

/// The hops of a song at `sample_rate_hz`, without those of its sound. `bands` are those of its features.
///
/// # Errors
/// As [`Series::read`].
pub(super) fn hops_of(
    bands: &Series<[f32; 3]>,
    onset_strength: &Series<f32>,
    loudness_db: &Series<f32>,
    sample_rate_hz: u32,
) -> Result<Hops> {
    let secs = |n: usize| n as f64 / f64::from(ANALYSIS_RATE_HZ);
    let in_song = |n: usize| (secs(n) * f64::from(sample_rate_hz)).round() as u32;
    Ok(Hops {
        hop_length: in_song(HOP_LENGTH),
        hop_secs: HOP_SECS,
        n_fft: in_song(N_FFT),
        onset_strength: short(onset_strength, 1e4)?,
        bands: bands.clone(),
        loudness_db: short(loudness_db, 100.0)?,
        ..Hops::default()
    })
}

/// Values that are short in JSON.
fn short(values: &Series<f32>, steps: f32) -> Result<Series<f32>> {
    values.map(|value| rounded_f32(value, steps))
}
