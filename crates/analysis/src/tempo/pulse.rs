//! What the network hears at a candidate's beats and between them.

use super::super::network::{Activations, AtHop};
use super::super::series::Series;
use super::beats::Beats;
use super::pattern::Contrast;
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

/// Where between a beat and the next is listened: at a quarter, a third, half, two thirds and three quarters of the way.
const PLACES: [f32; 5] = [0.25, 0.333, 0.5, 0.667, 0.75];

/// Of some beats, where `worth` has the log-odds of a beat at each hop.
///
/// # Errors
/// As [`Series::read`].
pub(super) fn describe(
    activations: &Activations,
    worth: &Series<f32>,
    beats: &Beats,
) -> Result<Pulse> {
    let beat = |steps: &mut AtHop<'_>, hop: usize| steps.most(hop.saturating_sub(2)..=hop + 2, 0.0);
    let mut steps = AtHop::of(&activations.beat);
    let mut between = [0.0f32; PLACES.len()];
    for (hop, next) in beats.pairs() {
        for (sum, share) in between.iter_mut().zip(PLACES) {
            let place = hop + ((next - hop) as f32 * share).round() as usize;
            *sum += beat(&mut steps, place)?;
        }
    }
    let [quarter, third, half, two_thirds, three_quarters] =
        between.map(|sum| sum / (beats.len() - 1).max(1) as f32);
    let mut steps = AtHop::of(&activations.beat);
    let mut downbeats = AtHop::of(&activations.downbeat);
    let mut worth = worth.reader();
    let (mut on, mut downbeat, mut odds, mut n_sure) = (0.0, 0.0, 0.0, 0);
    let mut beat_contrasts = [2, 3, 4].map(Contrast::new);
    let mut bar_contrasts = beat_contrasts;
    for hop in beats.iter() {
        let (at_beat, at_downbeat) = (beat(&mut steps, hop)?, downbeats.read(hop)?);
        on += at_beat;
        downbeat += at_downbeat;
        odds += worth.read(hop..hop + 1)?.first().copied().unwrap_or(0.0);
        n_sure += usize::from(at_beat > 0.5);
        beat_contrasts.iter_mut().for_each(|c| c.push(at_beat));
        bar_contrasts.iter_mut().for_each(|c| c.push(at_downbeat));
    }
    let n = beats.len().max(1) as f32;
    let first = beats.iter().next().unwrap_or(0);
    let n_hops = beats.iter().last().unwrap_or(1) - first + 1;
    Ok(Pulse {
        on: on / n,
        half,
        thirds: (third + two_thirds) / 2.0,
        quarters: (quarter + three_quarters) / 2.0,
        odds: odds / n,
        odds_per_sec: odds / n_hops as f32 * 100.0,
        sure: n_sure as f32 / n,
        beat_contrasts: beat_contrasts.map(|contrast| contrast.value()),
        bar_contrasts: bar_contrasts.map(|contrast| contrast.value()),
        downbeat: downbeat / n,
        spread: spread(beats),
    })
}

fn spread(beats: &Beats) -> f32 {
    let periods = beats
        .pairs()
        .map(|(hop, next)| ((next - hop).max(1) as f32).ln());
    let n = beats.len().saturating_sub(1).max(1) as f32;
    let mean = periods.clone().sum::<f32>() / n;
    (periods.map(|p| (p - mean).powi(2)).sum::<f32>() / n).sqrt()
}
