//! Our own beat tracker: the network finds beats, and the most likely sequence of them is found by a [`Chain`] whose periods stay
//! near the tempo that people would tap ([`super::tempo`]).

use common::Result;
use common::statistics::percentile;

use super::chain::Chain;
use super::hops::HOP_SECS;
use super::network::Activations;
use super::tracker::{BeatTracker, Evidence};

/// Shortest and longest period in hops: 300 and 40 bpm.
const PERIODS: (f64, f64) = (20.0, 150.0);
/// Distance between periods, as a factor; and where the tempo is given.
const PERIOD_STEPS: [f64; 2] = [1.025, 1.01];
/// How far a given tempo may be left, as a factor.
const GIVEN_RANGE: f64 = 1.07;
/// Cost of a change by 0, 1, … steps from beat to beat.
const CHANGE_COSTS: [f32; 4] = [0.0, 0.5, 1.5, 3.0];
/// Cost of a new tempo out of nowhere.
const JUMP_COST: f32 = 9.0;
/// Added to the log-odds of a beat: training weighs beats more than what lies between them.
const BEAT_BIAS: f32 = -0.3;
/// What a beat without any sign of it costs at most: breaks and rests.
const MISSING_COST: f32 = 3.5;
/// Cost of a beat whose period is an octave from the likely one: sparse intros don't halve the tempo.
const OCTAVE_COST: f32 = 2.5;
/// The same where no period is likely, from [`USUAL_PERIOD`].
const USUAL_OCTAVE_COST: f32 = 1.0;
/// Period in hops where none is likelier: 115 bpm, at which people tap by themselves.
const USUAL_PERIOD: f32 = 52.0;

/// How far a period may lie from the song's usual one, as a logarithm, to count as the same tempo.
const STEADY_RANGE: f32 = 0.05;
/// Share of a song's beats that hold one tempo from which on all of it does.
const STEADY_SHARE: f32 = 0.7;
/// Mean log-odds of beats below which there is hardly a beat to be heard, and one tempo would be a guess.
const MIN_MEAN: f32 = -1.5;
/// Mean log-odds that beats may lose by one tempo.
const MAX_LOSS: f32 = 0.25;
/// Fewest beats by which that can be told.
const MIN_STEADY_BEATS: usize = 24;

/// See the module.
pub(super) struct NeuralTracker;

impl BeatTracker for NeuralTracker {
    fn push(&mut self, _: &[f32]) -> Result<()> {
        Ok(())
    }

    fn finish(self: Box<Self>, evidence: &Evidence<'_>) -> Result<Vec<f64>> {
        let beat = &evidence.activations.beat;
        let n_hops = evidence.features.n_hops;
        let tempo_bpm = evidence.config.tempo_bpm;
        let mut hops = track(beat, n_hops, tempo_bpm, evidence.period);
        if tempo_bpm.is_none()
            && let Some(steady_bpm) = steady_tempo(&hops)
        {
            let steady = track(beat, n_hops, Some(steady_bpm), None);
            let worth = log_odds(beat, n_hops);
            let mean = |hops: &[usize]| {
                hops.iter().map(|hop| worth[*hop]).sum::<f32>() / hops.len().max(1) as f32
            };
            let (free, by_one_tempo) = (mean(&hops), mean(&steady));
            if free > MIN_MEAN && free - by_one_tempo < MAX_LOSS {
                hops = steady;
            }
        }
        Ok(hops.iter().map(|hop| *hop as f64 * HOP_SECS).collect())
    }
}

/// The most likely beats among `n_hops` hops, from their probability in each step; near a given tempo, or a likely period in
/// hops.
fn track(beat: &[f32], n_hops: usize, tempo_bpm: Option<f64>, likely: Option<f32>) -> Vec<usize> {
    let (periods, step) = match tempo_bpm.map(|bpm| 60.0 / bpm / HOP_SECS) {
        Some(period) => (
            (period / GIVEN_RANGE, period * GIVEN_RANGE),
            PERIOD_STEPS[1],
        ),
        None => (PERIODS, PERIOD_STEPS[0]),
    };
    let chain = Chain::new(periods, step, CHANGE_COSTS.to_vec(), JUMP_COST);
    let (center, weight) = match likely {
        _ if tempo_bpm.is_some() => (USUAL_PERIOD, 0.0),
        Some(likely) => (likely, OCTAVE_COST),
        None => (USUAL_PERIOD, USUAL_OCTAVE_COST),
    };
    let cost = |period: &usize| weight * (*period as f32 / center).log2().powi(2);
    let periods: Vec<[f32; 2]> = chain.periods().iter().map(|p| [1.0, cost(p)]).collect();
    chain.most_likely(&log_odds(beat, n_hops), &periods)
}

/// The tempo that most of the song holds, in beats per minute: what leaves it for a while is then taken for a mistake. None where
/// the tempo changes.
fn steady_tempo(hops: &[usize]) -> Option<f64> {
    let periods: Vec<f32> = hops.windows(2).map(|w| (w[1] - w[0]) as f32).collect();
    let median = percentile(&periods, 0.5);
    let is_usual = |period: &&f32| (**period / median).ln().abs() < STEADY_RANGE;
    let n_usual = periods.iter().filter(is_usual).count();
    let usual: Vec<f64> = periods
        .iter()
        .filter(is_usual)
        .map(|p| f64::from(*p))
        .collect();
    let is_steady =
        periods.len() >= MIN_STEADY_BEATS && n_usual as f32 >= STEADY_SHARE * periods.len() as f32;
    is_steady.then(|| 60.0 * usual.len() as f64 / (usual.iter().sum::<f64>() * HOP_SECS))
}

/// Log-odds of a beat at each hop, at least -[`MISSING_COST`].
fn log_odds(beat: &[f32], n_hops: usize) -> Vec<f32> {
    let of_hop = |hop: usize| {
        // Periods are whole hops and players aren't machines: a hop to either side will do.
        let around = hop.saturating_sub(1)..=hop + 1;
        let p = around.fold(1e-4f32, |most, hop| {
            most.max(Activations::at_hop(beat, hop))
        });
        let p = p.min(1.0 - 1e-4);
        (p / (1.0 - p)).ln().clamp(-MISSING_COST, 4.0) + BEAT_BIAS
    };
    (0..n_hops).map(of_hop).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Probabilities of beats at these times.
    fn activation(n_steps: usize, beats: &[f64]) -> Vec<f32> {
        let mut activation = vec![0.02; n_steps];
        for secs in beats {
            let step = (secs / 0.02).round() as usize;
            (activation[step - 1], activation[step], activation[step + 1]) = (0.4, 0.9, 0.4);
        }
        activation
    }

    fn steady(start: f64, bpm: f64, n_beats: usize) -> Vec<f64> {
        (0..n_beats)
            .map(|i| start + i as f64 * 60.0 / bpm)
            .collect()
    }

    fn tracked(beats: &[f64], tempo_bpm: Option<f64>) -> Vec<usize> {
        let n_steps = (beats[beats.len() - 1] / 0.02) as usize + 30;
        track(&activation(n_steps, beats), 2 * n_steps, tempo_bpm, None)
    }

    fn has_all(found: &[usize], beats: &[f64]) -> bool {
        let hops = beats.iter().map(|secs| (secs * 100.0).round() as usize);
        let mut near = hops.map(|hop| found.iter().any(|f| f.abs_diff(hop) <= 2));
        near.all(|is_near| is_near)
    }

    #[test]
    fn every_tempo_is_found() {
        for bpm in [45.0, 60.0, 97.0, 140.0, 200.0] {
            let beats = steady(0.5, bpm, 40);
            let found = tracked(&beats, None);
            assert!(found.len().abs_diff(40) <= 2, "{bpm}: {}", found.len());
            assert!(has_all(&found, &beats), "{bpm}");
        }
    }

    #[test]
    fn a_break_is_bridged_and_a_new_tempo_followed() {
        let first = steady(0.5, 100.0, 24);
        let second = steady(first[23] + 0.6, 140.0, 32);
        let sounding = [&first[..], &second[..8], &second[14..]].concat();
        let found = tracked(&sounding, None);
        assert!(has_all(&found, &[first, second].concat()));
    }

    #[test]
    fn a_given_tempo_is_kept() {
        let beats = steady(0.5, 120.0, 40);
        let found = tracked(&beats, Some(60.0));
        assert!(
            found
                .windows(2)
                .all(|w| (94..=107).contains(&(w[1] - w[0])))
        );
    }
}
