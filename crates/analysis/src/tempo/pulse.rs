//! What the network hears at a candidate's beats and between them.

use super::super::network::{Activations, AtHop};
use super::super::series::Series;
use super::pattern::contrast;
use common::Result;

/// See the fields; each is a number that [`super::judge`] weighs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Pulse {
    /// Mean probability of a beat at beats, halfway, at thirds and at quarters between them.
    pub on: f32,
    pub half: f32,
    pub thirds: f32,
    pub quarters: f32,
    /// Mean log-odds at beats.
    pub odds: f32,
    /// The same added up over a second.
    pub odds_per_sec: f32,
    /// Share of beats that are more likely than not.
    pub sure: f32,
    /// How far every second, third and fourth beat stands out in the probability of a beat: those are the beats, and what is
    /// between them isn't.
    pub beat_contrasts: [f32; 3],
    /// The same in the probability of a downbeat: bars of two, three and four.
    pub bar_contrasts: [f32; 3],
    /// Mean probability of a downbeat at beats.
    pub downbeat: f32,
    /// Spread of the logarithm of periods.
    pub spread: f32,
}

/// Of beats at `hops`, where `worth` has the log-odds of a beat at each hop.
///
/// # Errors
/// As [`Series::read`].
pub(super) fn describe(
    activations: &Activations,
    worth: &Series<f32>,
    hops: &[usize],
) -> Result<Pulse> {
    let beat = |steps: &mut AtHop<'_>, hop: usize| steps.most(hop.saturating_sub(2)..=hop + 2, 0.0);
    let between = |share: f32| -> Result<f32> {
        let mut steps = AtHop::of(&activations.beat);
        let places = hops
            .windows(2)
            .map(|w| w[0] + ((w[1] - w[0]) as f32 * share).round() as usize);
        let inner = places.map(|hop| beat(&mut steps, hop));
        Ok(inner.sum::<Result<f32>>()? / (hops.len() - 1).max(1) as f32)
    };
    let n = hops.len().max(1) as f32;
    let mut steps = AtHop::of(&activations.beat);
    let at_beats = hops.iter().map(|hop| beat(&mut steps, *hop));
    let at_beats: Vec<f32> = at_beats.collect::<Result<_>>()?;
    let mut steps = AtHop::of(&activations.downbeat);
    let downbeats = hops.iter().map(|hop| steps.read(*hop));
    let downbeats: Vec<f32> = downbeats.collect::<Result<_>>()?;
    let mut worth = worth.reader();
    let odds = hops.iter().map(|hop| {
        let odds = worth.read(*hop..hop + 1)?;
        Ok(odds.first().copied().unwrap_or_default())
    });
    let odds = odds.sum::<Result<f32>>()?;
    let n_hops = hops.last().unwrap_or(&1) - hops.first().unwrap_or(&0) + 1;
    Ok(Pulse {
        on: at_beats.iter().sum::<f32>() / n,
        half: between(0.5)?,
        thirds: (between(0.333)? + between(0.667)?) / 2.0,
        quarters: (between(0.25)? + between(0.75)?) / 2.0,
        odds: odds / n,
        odds_per_sec: odds / n_hops as f32 * 100.0,
        sure: at_beats.iter().filter(|p| **p > 0.5).count() as f32 / n,
        beat_contrasts: [2, 3, 4].map(|n| contrast(&at_beats, n)),
        bar_contrasts: [2, 3, 4].map(|n| contrast(&downbeats, n)),
        downbeat: downbeats.iter().sum::<f32>() / n,
        spread: spread(hops),
    })
}

fn spread(hops: &[usize]) -> f32 {
    let periods: Vec<f32> = hops
        .windows(2)
        .map(|w| ((w[1] - w[0]).max(1) as f32).ln())
        .collect();
    let n = periods.len().max(1) as f32;
    let mean = periods.iter().sum::<f32>() / n;
    (periods.iter().map(|p| (p - mean).powi(2)).sum::<f32>() / n).sqrt()
}
