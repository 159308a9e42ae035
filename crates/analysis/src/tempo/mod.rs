//! The tempo that people would tap, judged from onset strength alone: beats at several metrical levels, each with bars of each
//! length, and a small network that chooses among them by how beats, off-beats, harmony and repetition differ.
//!
//! It is the prior of [`super::neural`]: what [`super::network`] finds at single beats leaves open whether
//! every beat or every other one is meant, which the whole song tells better.

mod judge;
mod levels;
mod meter;

use self::meter::Meter;
pub(super) use self::meter::{BeatEvidence, METERS, evidence, standardised};
use super::Onset;
use super::extent::Extent;
use super::features::Features;
use super::hops::HOP_SECS;
use super::onset::OnsetStrength;
use common::statistics::percentile;

/// Fewest beats that make a level.
const MIN_BEATS: usize = 4;

/// The most likely distance of beats in hops.
pub(super) fn period(
    features: &Features,
    strength: &OnsetStrength,
    onsets: &[Onset],
    meter: Option<u32>,
) -> Option<f32> {
    let activation = levels::activation(strength);
    let music = Extent::of(onsets, features, strength);
    let levels: Vec<Level> = levels::candidates(&activation)
        .into_iter()
        .map(|hops| music.trimmed(hops))
        .filter(|hops| hops.len() >= MIN_BEATS)
        .map(|hops| describe(features, strength, &activation, hops))
        .collect();
    let best = judge::best(&levels, meter)?;
    Some(median_period(&levels[best].hops))
}

/// A candidate for the beat.
struct Level {
    hops: Vec<usize>,
    profile: Profile,
    /// Bars of each length in [`METERS`].
    meters: Vec<Meter>,
    /// Likeness of beats at each distance, from 1.
    repetition: Vec<f32>,
}

fn median_period(hops: &[usize]) -> f32 {
    let periods: Vec<f32> = hops.windows(2).map(|w| (w[1] - w[0]) as f32).collect();
    percentile(&periods, 0.5)
}

/// What distinguishes a candidate, apart from its bars.
#[derive(Clone, Copy, Debug, Default)]
struct Profile {
    bpm: f32,
    /// Mean activation at beats, and at half, thirds and quarters between them.
    on: f32,
    half: f32,
    thirds: f32,
    quarters: f32,
    /// Mean activation of the weaker of all odd and all even beats over that of the stronger.
    balance: f32,
    /// See [`clarity`].
    clarity: f32,
    /// How much stronger onsets in each band are on beats than halfway between, -1..=1.
    bands: [f32; 3],
    /// Mean change of harmony at beats.
    harmony: f32,
}

fn describe(
    features: &Features,
    strength: &OnsetStrength,
    activation: &[f32],
    hops: Vec<usize>,
) -> Level {
    let evidence = meter::evidence(features, strength, &hops);
    let at = |hop: usize| {
        let around = hop.saturating_sub(2)..(hop + 3).min(activation.len());
        activation[around].iter().copied().fold(0.0, f32::max)
    };
    let between = |share: f32| {
        let inner = hops
            .windows(2)
            .map(|w| at(w[0] + ((w[1] - w[0]) as f32 * share) as usize));
        inner.sum::<f32>() / (hops.len() - 1) as f32
    };
    let every_other = |first: usize| {
        let values: Vec<f32> = hops
            .iter()
            .skip(first)
            .step_by(2)
            .map(|hop| at(*hop))
            .collect();
        values.iter().sum::<f32>() / values.len().max(1) as f32
    };
    let (even, odd) = (every_other(0), every_other(1));
    let sum = |of: fn(&BeatEvidence) -> [f32; 3], k: usize| {
        evidence.iter().map(|e| of(e)[k]).sum::<f32>()
    };
    let bands = [0, 1, 2].map(|k| {
        let (on, off) = (sum(|e| e.onset, k), sum(|e| e.off_onset, k));
        (on - off) / (on + off).max(1e-6)
    });
    let profile = Profile {
        bpm: 60.0 / (median_period(&hops) * HOP_SECS as f32),
        on: between(0.0),
        half: between(0.5),
        thirds: (between(0.333) + between(0.667)) / 2.0,
        quarters: (between(0.25) + between(0.75)) / 2.0,
        balance: even.min(odd) / even.max(odd).max(1e-6),
        clarity: clarity(activation, &hops),
        bands,
        harmony: evidence.iter().map(|e| e.harmony).sum::<f32>() / evidence.len().max(1) as f32,
    };
    let scores = meter::downbeat_scores(&evidence);
    Level {
        meters: METERS.iter().map(|n| meter::bars(&scores, *n)).collect(),
        repetition: meter::repetition(&evidence, 2 * METERS[METERS.len() - 1]),
        profile,
        hops,
    }
}

/// How regular the sound is at the beats' distance, 0..=1: the autocorrelation of the activation from each beat's
/// surroundings to the next's.
fn clarity(activation: &[f32], hops: &[usize]) -> f32 {
    let mean = activation.iter().sum::<f32>() / activation.len().max(1) as f32;
    let (mut product, mut power) = (0.0f32, 1e-6f32);
    for pair in hops.windows(2) {
        let (start, period) = (pair[0], pair[1] - pair[0]);
        for hop in start..pair[1] {
            let (Some(now), Some(next)) = (activation.get(hop), activation.get(hop + period))
            else {
                break;
            };
            product += (now - mean) * (next - mean);
            power += 0.5 * ((now - mean).powi(2) + (next - mean).powi(2));
        }
    }
    product / power
}
