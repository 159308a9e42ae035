//! What sounds at a candidate's beats and between them: onsets in the low, mid and high band, where kick, snare and hats are.

use super::super::Onset;
use super::super::hops::HOP_SECS;
use super::super::onset::OnsetStrength;
use super::super::series::SeriesReader;
use super::beats::Beats;
use super::pattern::{Alternation, Contrast};
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

/// Where between a beat and the next is listened: there, at a quarter, a third, half, two thirds and three quarters of the way.
const PLACES: [f32; 6] = [0.0, 0.25, 0.333, 0.5, 0.667, 0.75];

/// What alternates from beat to beat.
struct Patterns {
    two: [Contrast; 3],
    off_two: [Contrast; 3],
    low_groups: [Contrast; 2],
    backbeat: Alternation,
    off_backbeat: Alternation,
    double_backbeat: Alternation,
}

impl Patterns {
    fn new() -> Self {
        Self {
            two: [Contrast::new(2); 3],
            off_two: [Contrast::new(2); 3],
            low_groups: [3, 4].map(Contrast::new),
            backbeat: Alternation::default(),
            off_backbeat: Alternation::default(),
            double_backbeat: Alternation::default(),
        }
    }

    /// Takes what sounds on the next beat and half a beat later.
    fn push(&mut self, on: [f32; 3], half: [f32; 3]) {
        for (contrasts, values) in [(&mut self.two, on), (&mut self.off_two, half)] {
            let bands = contrasts.iter_mut().zip(values);
            bands.for_each(|(contrast, value)| contrast.push(value));
        }
        self.low_groups.iter_mut().for_each(|c| c.push(on[0]));
        let [on, half] = [on, half].map(|[low, mid, _]| [low, mid]);
        self.backbeat.push(on);
        self.off_backbeat.push(half);
        self.double_backbeat.push(on);
        self.double_backbeat.push(half);
    }
}

/// Of some beats.
///
/// # Errors
/// As [`Series::read`](super::super::series::Series::read).
pub(super) fn describe(strength: &OnsetStrength, onsets: &[Onset], beats: &Beats) -> Result<Drums> {
    let mut bands = strength.bands.reader();
    let mut sums = [[0.0f32; 3]; PLACES.len()];
    let mut patterns = Patterns::new();
    for (hop, next) in beats.pairs() {
        let mut peaks = [[0.0; 3]; PLACES.len()];
        for (peak, share) in peaks.iter_mut().zip(PLACES) {
            *peak = peak_at(
                &mut bands,
                hop + ((next - hop) as f32 * share).round() as usize,
            )?;
        }
        let values = sums.as_flattened_mut().iter_mut().zip(peaks.as_flattened());
        values.for_each(|(sum, peak)| *sum += peak);
        patterns.push(peaks[0], peaks[3]);
    }
    let n = beats.len().saturating_sub(1).max(1) as f32;
    let [on, quarter, third, half, two_thirds, three_quarters] =
        sums.map(|sums| sums.map(|sum| sum / n));
    let joined = |a: [f32; 3], b: [f32; 3]| [0, 1, 2].map(|k| (a[k] + b[k]) / 2.0);
    let over = |other: [f32; 3]| [0, 1, 2].map(|k| difference(on[k], other[k]));
    let total = on.iter().sum::<f32>().max(1e-6);
    let between = beats.pairs().map(|(hop, next)| (hop + next) / 2);
    Ok(Drums {
        over_half: over(half),
        over_thirds: over(joined(third, two_thirds)),
        over_quarters: over(joined(quarter, three_quarters)),
        share: on.map(|a| a / total),
        two: patterns.two.map(|contrast| contrast.value()),
        off_two: patterns.off_two.map(|contrast| contrast.value()),
        low_groups: patterns.low_groups.map(|contrast| contrast.value()),
        backbeat: patterns.backbeat.value(),
        off_backbeat: patterns.off_backbeat.value(),
        double_backbeat: patterns.double_backbeat.value(),
        density: density(onsets, beats),
        struck: struck(onsets, beats.iter()),
        off_struck: struck(onsets, between),
    })
}

fn difference(a: f32, b: f32) -> f32 {
    (a - b) / (a + b).max(1e-6)
}

fn peak_at(bands: &mut SeriesReader<'_, [f32; 3]>, hop: usize) -> Result<[f32; 3]> {
    let around = bands.read(hop.saturating_sub(REACH.0)..hop + REACH.1 + 1)?;
    Ok(around.iter().fold([0.0f32; 3], |most, bands| {
        [0, 1, 2].map(|k| most[k].max(bands[k]))
    }))
}

fn density(onsets: &[Onset], beats: &Beats) -> f32 {
    let (Some(first), Some(last)) = (beats.iter().next(), beats.iter().last()) else {
        return 0.0;
    };
    let music = first as f64 * HOP_SECS - NEAR_SECS..last as f64 * HOP_SECS - NEAR_SECS;
    let n = onsets
        .iter()
        .filter(|o| music.contains(&o.time_secs))
        .count();
    n as f32 / (beats.len() - 1).max(1) as f32
}

/// Share of places near which there is an onset.
fn struck(onsets: &[Onset], hops: impl Iterator<Item = usize>) -> f32 {
    let is_struck = |hop: usize| {
        let secs = hop as f64 * HOP_SECS;
        let next = onsets.partition_point(|o| o.time_secs < secs - NEAR_SECS);
        onsets
            .get(next)
            .is_some_and(|o| o.time_secs < secs + NEAR_SECS)
    };
    let (mut n_struck, mut n) = (0, 0);
    for hop in hops {
        n_struck += usize::from(is_struck(hop));
        n += 1;
    }
    n_struck as f32 / n.max(1) as f32
}
