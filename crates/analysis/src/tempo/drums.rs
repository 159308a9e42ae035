//! What sounds at a candidate's beats and between them: onsets in the low, mid and high band, where kick, snare and hats are.

use super::super::Onset;
use super::super::hops::HOP_SECS;
use super::super::onset::OnsetStrength;
use super::super::series::SeriesReader;
use super::pattern::{alternation, contrast};
use common::Result;

/// Hops around a beat in which the strongest onset counts; strength is seen a hop late.
const REACH: (usize, usize) = (2, 4);
/// Farthest that an onset lies from its beat, in seconds.
const NEAR_SECS: f64 = 0.045;

/// See the fields; each is a number that [`super::judge`] weighs. Arrays have the low, the mid and the high band.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Drums {
    /// How much stronger onsets are on beats than halfway, at thirds and at quarters between them, -1..=1.
    pub over_half: [f32; 3],
    pub over_thirds: [f32; 3],
    pub over_quarters: [f32; 3],
    /// Share of the band in what sounds on beats.
    pub share: [f32; 3],
    /// How far every second beat stands out.
    pub two: [f32; 3],
    /// How far every second off-beat stands out.
    pub off_two: [f32; 3],
    /// How far every third and every fourth beat stand out in the low band.
    pub low_groups: [f32; 2],
    /// Kick and snare take turns from beat to beat, between off-beats, and between beats and off-beats: below 0.
    pub backbeat: f32,
    pub off_backbeat: f32,
    pub double_backbeat: f32,
    /// Onsets for each beat.
    pub density: f32,
    /// Share of beats with an onset, and of off-beats.
    pub struck: f32,
    pub off_struck: f32,
}

/// Of beats at `hops`.
///
/// # Errors
/// As [`Series::read`](super::super::series::Series::read).
pub(super) fn describe(
    strength: &OnsetStrength,
    onsets: &[Onset],
    hops: &[usize],
) -> Result<Drums> {
    let peaks = |share: f32| -> Result<[Vec<f32>; 3]> {
        let mut bands = strength.bands.reader();
        let places = hops
            .windows(2)
            .map(|w| w[0] + ((w[1] - w[0]) as f32 * share).round() as usize);
        let values = places.map(|hop| peak(&mut bands, hop));
        let values: Vec<[f32; 3]> = values.collect::<Result<_>>()?;
        Ok([0, 1, 2].map(|k| values.iter().map(|v| v[k]).collect()))
    };
    let joined =
        |a: [Vec<f32>; 3], b: [Vec<f32>; 3]| [0, 1, 2].map(|k| (mean(&a[k]) + mean(&b[k])) / 2.0);
    let (on, half) = (peaks(0.0)?, peaks(0.5)?);
    let at_on = [0, 1, 2].map(|k| mean(&on[k]));
    let at_half = [0, 1, 2].map(|k| mean(&half[k]));
    let thirds = joined(peaks(0.333)?, peaks(0.667)?);
    let quarters = joined(peaks(0.25)?, peaks(0.75)?);
    let over = |other: [f32; 3]| [0, 1, 2].map(|k| difference(at_on[k], other[k]));
    let total = at_on.iter().sum::<f32>().max(1e-6);
    let doubled = |k: usize| -> Vec<f32> {
        let pairs = on[k].iter().zip(&half[k]);
        pairs.flat_map(|(on, half)| [*on, *half]).collect()
    };
    let between: Vec<usize> = hops.windows(2).map(|w| (w[0] + w[1]) / 2).collect();
    Ok(Drums {
        over_half: over(at_half),
        over_thirds: over(thirds),
        over_quarters: over(quarters),
        share: at_on.map(|a| a / total),
        two: [0, 1, 2].map(|k| contrast(&on[k], 2)),
        off_two: [0, 1, 2].map(|k| contrast(&half[k], 2)),
        low_groups: [3, 4].map(|n| contrast(&on[0], n)),
        backbeat: alternation(&on[0], &on[1]),
        off_backbeat: alternation(&half[0], &half[1]),
        double_backbeat: alternation(&doubled(0), &doubled(1)),
        density: density(onsets, hops),
        struck: struck(onsets, hops),
        off_struck: struck(onsets, &between),
    })
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len().max(1) as f32
}

fn difference(a: f32, b: f32) -> f32 {
    (a - b) / (a + b).max(1e-6)
}

fn peak(bands: &mut SeriesReader<'_, [f32; 3]>, hop: usize) -> Result<[f32; 3]> {
    let around = bands.read(hop.saturating_sub(REACH.0)..hop + REACH.1 + 1)?;
    Ok(around.iter().fold([0.0f32; 3], |most, bands| {
        [0, 1, 2].map(|k| most[k].max(bands[k]))
    }))
}

fn density(onsets: &[Onset], hops: &[usize]) -> f32 {
    let (Some(first), Some(last)) = (hops.first(), hops.last()) else {
        return 0.0;
    };
    let music = *first as f64 * HOP_SECS - NEAR_SECS..*last as f64 * HOP_SECS - NEAR_SECS;
    let n = onsets
        .iter()
        .filter(|o| music.contains(&o.time_secs))
        .count();
    n as f32 / (hops.len() - 1).max(1) as f32
}

fn struck(onsets: &[Onset], hops: &[usize]) -> f32 {
    let is_struck = |hop: &&usize| {
        let secs = **hop as f64 * HOP_SECS;
        let next = onsets.partition_point(|o| o.time_secs < secs - NEAR_SECS);
        onsets
            .get(next)
            .is_some_and(|o| o.time_secs < secs + NEAR_SECS)
    };
    hops.iter().filter(is_struck).count() as f32 / hops.len().max(1) as f32
}
