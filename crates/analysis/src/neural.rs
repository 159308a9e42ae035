//! Our own beat tracker: the network finds beats, and the most likely sequence of them is found by a [`Chain`] whose periods stay
//! near the tempo that people would tap ([`super::tempo`]).

use common::Result;

use super::chain::Chain;
use super::hops::HOP_SECS;
use super::series::Series;
use super::tracker::{BeatTracker, Evidence};

/// Shortest and longest period in hops: 300 and 40 bpm.
const PERIODS: (f64, f64) = (20.0, 150.0);
/// Distance between periods, as a factor; and where the tempo is given.
const PERIOD_STEPS: [f64; 2] = [1.025, 1.01];
/// How far a given tempo may be left, as a factor.
const GIVEN_RANGE: f64 = 1.07;
/// Cost of a change by 0, 1, … steps from beat to beat.
const CHANGE_COSTS: [f32; 4] = [0.0, 0.5, 1.5, 3.0];
/// The same where the tempo is given, in finer steps, as a factor.
const GIVEN_STIFFNESS: f32 = 2.0;
/// Cost of a new tempo out of nowhere.
const JUMP_COST: f32 = 9.0;
/// Cost of a beat whose period is an octave from [`USUAL_PERIOD`].
const USUAL_OCTAVE_COST: f32 = 1.0;
/// Period in hops where none is likelier: 115 bpm, at which people tap by themselves.
const USUAL_PERIOD: f32 = 52.0;

/// See the module.
pub(super) struct NeuralTracker;

impl BeatTracker for NeuralTracker {
    fn push(&mut self, _: &[f32]) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>, evidence: &Evidence<'_>) -> Result<Vec<f64>> {
        let (n_hops, tempo_bpm) = (evidence.features.n_hops, evidence.config.tempo_bpm);
        let worth = evidence.activations.beat_odds(n_hops)?;
        let likely = evidence.likely.as_ref().map(|likely| &likely.hops[..]);
        let hops = beats(&worth, tempo_bpm, likely)?;
        Ok(hops.iter().map(|hop| *hop as f64 * HOP_SECS).collect())
    }
}

/// The beats, from what a beat is worth at each hop: those of the likely level, or the most likely ones near a given tempo.
fn beats(
    worth: &Series<f32>,
    tempo_bpm: Option<f64>,
    likely: Option<&[usize]>,
) -> Result<Vec<usize>> {
    match likely {
        Some(likely) if tempo_bpm.is_none() => Ok(likely.to_vec()),
        _ => track(worth, tempo_bpm),
    }
}

/// The most likely beats, near a given tempo.
fn track(worth: &Series<f32>, tempo_bpm: Option<f64>) -> Result<Vec<usize>> {
    let changes = CHANGE_COSTS.map(|cost| {
        if tempo_bpm.is_some() {
            GIVEN_STIFFNESS * cost
        } else {
            cost
        }
    });
    let (periods, step) = match tempo_bpm.map(|bpm| 60.0 / bpm / HOP_SECS) {
        Some(period) => (
            (period / GIVEN_RANGE, period * GIVEN_RANGE),
            PERIOD_STEPS[1],
        ),
        None => (PERIODS, PERIOD_STEPS[0]),
    };
    let chain = Chain::new(periods, step, changes.to_vec(), JUMP_COST);
    let weight = match tempo_bpm {
        Some(_) => 0.0,
        None => USUAL_OCTAVE_COST,
    };
    let cost = |period: &usize| weight * (*period as f32 / USUAL_PERIOD).log2().powi(2);
    let periods: Vec<[f32; 2]> = chain.periods().iter().map(|p| [1.0, cost(p)]).collect();
    Ok(chain.most_likely(worth, &periods)?.iter().collect())
}

#[cfg(test)]
mod tests {
    use super::super::network::odds;
    use super::Series;

    /// Worth of a beat at each hop, with beats at these times.
    fn activation(n_steps: usize, beats: &[f64]) -> Series<f32> {
        let mut activation = vec![0.02; n_steps];
        for secs in beats {
            let step = (secs / 0.02).round() as usize;
            (activation[step - 1], activation[step], activation[step + 1]) = (0.4, 0.9, 0.4);
        }
        odds(&activation.into(), 2 * n_steps).unwrap()
    }

    fn at_tempo(start: f64, bpm: f64, n_beats: usize) -> Vec<f64> {
        (0..n_beats)
            .map(|i| start + i as f64 * 60.0 / bpm)
            .collect()
    }

    fn tracked(beats: &[f64], tempo_bpm: Option<f64>) -> Vec<usize> {
        let n_steps = (beats[beats.len() - 1] / 0.02) as usize + 30;
        super::beats(&activation(n_steps, beats), tempo_bpm, None).unwrap()
    }

    fn has_all(found: &[usize], beats: &[f64]) -> bool {
        let hops = beats.iter().map(|secs| (secs * 100.0).round() as usize);
        let mut near = hops.map(|hop| found.iter().any(|f| f.abs_diff(hop) <= 2));
        near.all(|is_near| is_near)
    }

    #[test]
    fn every_tempo_is_found() {
        for bpm in [45.0, 60.0, 97.0, 140.0, 200.0] {
            let beats = at_tempo(0.5, bpm, 40);
            let found = tracked(&beats, None);
            assert!(found.len().abs_diff(40) <= 2, "{bpm}: {}", found.len());
            assert!(has_all(&found, &beats), "{bpm}");
        }
    }

    #[test]
    fn a_break_is_bridged_and_a_new_tempo_followed() {
        let first = at_tempo(0.5, 100.0, 24);
        let second = at_tempo(first[23] + 0.6, 140.0, 32);
        let sounding = [&first[..], &second[..8], &second[14..]].concat();
        let found = tracked(&sounding, None);
        assert!(has_all(&found, &[first, second].concat()));
    }

    #[test]
    fn a_given_tempo_is_kept() {
        let beats = at_tempo(0.5, 120.0, 40);
        let found = tracked(&beats, Some(60.0));
        assert!(
            found
                .windows(2)
                .all(|w| (94..=107).contains(&(w[1] - w[0])))
        );
    }
}
