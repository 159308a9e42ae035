//! What onset strength alone says of a candidate: how beats, off-beats, harmony and repetition differ, weighed by a network with one
//! small hidden layer. It was trained on synthetic music only; the recipe is in `training/`, its weights are `strength.weights`.

use std::sync::LazyLock;

use common::Result;

use super::super::series::Series;
use super::METERS;
use super::beats::Beats;
use super::meter::{Harmony, most_contrast};
use super::scorer::Scorer;

/// Numbers that describe a candidate with bars of one length.
const N_INPUTS: usize = 43;

/// What distinguishes a candidate, apart from its bars.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Profile {
    pub bpm: f32,
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

impl Profile {
    /// Of some beats, where `activation` is the onset strength relative to what is usual around.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn of(
        activation: &Series<f32>,
        beats: &Beats,
        bpm: f32,
        over_half: [f32; 3],
        harmony: f32,
    ) -> Result<Self> {
        let mut levels = activation.reader();
        let mut at = |hop: usize| -> Result<f32> {
            let around = levels.read(hop.saturating_sub(2)..hop + 3)?;
            Ok(around.iter().copied().fold(0.0, f32::max))
        };
        let mut between = |share: f32| -> Result<f32> {
            let inner = beats
                .pairs()
                .map(|(hop, next)| at(hop + ((next - hop) as f32 * share) as usize));
            Ok(inner.sum::<Result<f32>>()? / (beats.len() - 1).max(1) as f32)
        };
        let (on, half) = (between(0.0)?, between(0.5)?);
        let thirds = (between(0.333)? + between(0.667)?) / 2.0;
        let quarters = (between(0.25)? + between(0.75)?) / 2.0;
        let mut every_other = |first: usize| -> Result<f32> {
            let values = beats.iter().skip(first).step_by(2).map(&mut at);
            let n = beats.len().saturating_sub(first).div_ceil(2);
            Ok(values.sum::<Result<f32>>()? / n.max(1) as f32)
        };
        let (even, odd) = (every_other(0)?, every_other(1)?);
        Ok(Self {
            bpm,
            on,
            half,
            thirds,
            quarters,
            balance: even.min(odd) / even.max(odd).max(1e-6),
            clarity: clarity(activation, beats)?,
            bands: over_half,
            harmony,
        })
    }
}

/// How regular the sound is at the beats' distance, 0..=1: the autocorrelation of the activation from each beat's
/// surroundings to the next's.
fn clarity(activation: &Series<f32>, beats: &Beats) -> Result<f32> {
    let mean = activation.sum()? / activation.len().max(1) as f32;
    let mut levels = activation.reader();
    let (mut product, mut power) = (0.0f32, 1e-6f32);
    for (start, next) in beats.pairs() {
        let period = next - start;
        let around = levels.read(start..start + 2 * period)?;
        let next = around.get(period..).unwrap_or_default();
        for (now, next) in around.iter().zip(next) {
            product += (now - mean) * (next - mean);
            power += 0.5 * ((now - mean).powi(2) + (next - mean).powi(2));
        }
    }
    Ok(product / power)
}

/// The network's score of each candidate, with the bars that give it most; of `wanted` beats where that is given.
pub(super) fn scores(candidates: &[(&Profile, &Harmony)], wanted: Option<u32>) -> Vec<f32> {
    let highest = Highest::of(candidates);
    let score = |(profile, harmony): &(&Profile, &Harmony)| {
        let is_wanted = |n: usize| wanted.is_none_or(|wanted| wanted as usize == n);
        let meters = (0..METERS.len()).filter(|meter| is_wanted(METERS[*meter]));
        let scores =
            meters.map(|meter| NETWORK.score(&describe(profile, harmony, meter, &highest)));
        scores.fold(f32::MIN, f32::max)
    };
    candidates.iter().map(score).collect()
}

/// Highest values over all levels of a song, for comparison.
struct Highest {
    on: f32,
    clarity: f32,
    contrast: f32,
}

impl Highest {
    fn of(candidates: &[(&Profile, &Harmony)]) -> Self {
        let mut highest = Self {
            on: 1e-3,
            clarity: 1e-3,
            contrast: 1e-3,
        };
        for (profile, harmony) in candidates {
            highest.on = highest.on.max(profile.on);
            highest.clarity = highest.clarity.max(profile.clarity);
            highest.contrast = harmony
                .bars
                .iter()
                .copied()
                .fold(highest.contrast, f32::max);
        }
        highest
    }
}

fn describe(p: &Profile, harmony: &Harmony, meter: usize, highest: &Highest) -> [f32; N_INPUTS] {
    let n = METERS[meter];
    let again = |lag: usize| harmony.repetition.get(lag - 1).copied().unwrap_or(0.0);
    let others = (1..=8usize)
        .filter(|lag| lag % n != 0)
        .map(again)
        .fold(f32::MIN, f32::max);
    let contrast = harmony.bars[meter];
    let octaves = (p.bpm / 110.0).log2();
    let bar_octaves = (60.0 / p.bpm * n as f32 / 2.0).log2();
    let balance = p.balance.min(0.6);
    let is = |beats: usize| if n == beats { 1.0f32 } else { 0.0 };
    let compound = p.thirds - p.half;
    [
        p.on,
        p.half,
        p.thirds,
        p.quarters,
        balance,
        p.clarity,
        p.bands[0],
        p.bands[1],
        p.bands[2],
        octaves,
        octaves * octaves,
        bar_octaves,
        bar_octaves * bar_octaves,
        contrast,
        contrast * most_contrast(n),
        again(n),
        again(2 * n),
        others,
        p.harmony,
        is(2),
        is(3),
        is(4),
        is(5),
        is(6),
        is(7),
        is(2) * compound,
        (1.0 - is(2)) * compound,
        p.on / highest.on,
        p.clarity / highest.clarity,
        contrast / highest.contrast,
        p.half / p.on.max(0.05),
        p.thirds / p.on.max(0.05),
        is(3) * octaves,
        is(2) * octaves,
        is(3) * p.balance,
        is(2) * balance,
        is(4) * octaves,
        (p.on - p.half) / highest.on,
        (p.on - p.quarters) / highest.on,
        p.quarters / p.on.max(0.05),
        is(3) * again(3),
        is(4) * again(4),
        is(2) * again(2),
    ]
}

static NETWORK: LazyLock<Scorer> =
    LazyLock::new(|| Scorer::read(include_str!("strength.weights"), N_INPUTS, f32::MAX));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_whole() {
        assert!(NETWORK.n_units().is_some_and(|n| n > 0));
    }
}
