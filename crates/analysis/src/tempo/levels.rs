//! Metrical levels: for each, the sequence of beats that best explains the onset strength.
//!
//! The path through a [`Chain`] that gains most, where what is gained is onset strength times the time that a beat covers:
//! slow and fast levels compete fairly, and a prior on the period decides which level is wanted.

use rayon::prelude::*;

use super::super::chain::Chain;
use super::super::hops::HOP_SECS;
use super::super::onset::OnsetStrength;

/// Centres of the metrical levels that are tried, in beats per minute: half an octave apart.
const LEVELS_BPM: [f32; 5] = [42.0, 60.0, 85.0, 120.0, 170.0];
/// Shortest and longest period in hops: 300 and 30 bpm.
const PERIODS: (f64, f64) = (20.0, 200.0);
/// Distance between periods, as a factor.
const PERIOD_STEP: f64 = 1.022;
/// Cost of a change of the period by a factor of e, squared.
const CHANGE_COST: f32 = 90.0;
/// Largest change between neighbouring beats, in steps.
const MAX_CHANGE: usize = 6;
/// Cost of any change beyond [`MAX_CHANGE`]: a new tempo.
const JUMP_COST: f32 = 2.5;
/// Time that one unit of gain covers, in hops.
const UNIT_HOPS: f32 = 50.0;

/// Onset strength relative to what is usual around, smoothed by the jitter of players, 0..=1.
pub(super) fn activation(strength: &OnsetStrength) -> Vec<f32> {
    let n = strength.full.len();
    let tops: Vec<f32> = strength
        .full
        .chunks(100)
        .map(|c| c.iter().copied().fold(0.0, f32::max))
        .collect();
    let local: Vec<f32> = (0..tops.len())
        .map(|i| {
            let around = &tops[i.saturating_sub(3)..(i + 4).min(tops.len())];
            around.iter().sum::<f32>() / around.len() as f32
        })
        .collect();
    let scaled: Vec<f32> = (0..n)
        .map(|hop| {
            let usual = local[hop / 100].max(0.15);
            let [low, mid, high] = strength.bands[hop];
            ((low * 1.6 + mid + 0.7 * high) / usual).min(1.2)
        })
        .collect();
    let kernel = [0.06, 0.24, 0.4, 0.24, 0.06];
    (0..n)
        .map(|hop| {
            (0..5)
                .map(|k| {
                    // Strength is seen a hop late.
                    let at = (hop + k + 1).checked_sub(2).and_then(|at| scaled.get(at));
                    at.copied().unwrap_or(0.0) * kernel[k]
                })
                .sum()
        })
        .collect()
}

/// The best beats at every metrical level, as hops.
pub(super) fn candidates(activation: &[f32]) -> Vec<Vec<usize>> {
    let mut levels: Vec<Vec<usize>> = Vec::new();
    let at_level = |bpm: &f32| {
        let prior = PeriodPrior {
            center: 60.0 / (bpm * HOP_SECS as f32),
            width_octaves: 0.35,
            weight: 0.25,
        };
        track(activation, prior)
    };
    let tracked: Vec<Vec<usize>> = LEVELS_BPM.par_iter().map(at_level).collect();
    for hops in tracked {
        if !levels.iter().any(|known| is_same(known, &hops)) {
            levels.push(hops);
        }
    }
    // Off-beats may be louder than beats: each level is also proposed half a period later.
    let half_later = |hops: &Vec<usize>| {
        let pairs = hops.windows(2);
        pairs.map(|pair| (pair[0] + pair[1]) / 2).collect()
    };
    let shifted: Vec<Vec<usize>> = levels.iter().map(half_later).collect();
    for hops in shifted {
        if !levels.iter().any(|known| is_same(known, &hops)) {
            levels.push(hops);
        }
    }
    levels
}

/// Whether nine in ten beats of both sequences lie within two hops of each other.
fn is_same(a: &[usize], b: &[usize]) -> bool {
    let is_shared = |hop: &&usize| {
        let next = b.partition_point(|other| other + 2 < **hop);
        b.get(next).is_some_and(|other| *other <= **hop + 2)
    };
    a.iter().filter(is_shared).count() * 10 > a.len().max(b.len()) * 9
}

/// What is wanted of the period.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeriodPrior {
    /// Preferred period in hops.
    pub center: f32,
    /// Width in octaves.
    pub width_octaves: f32,
    /// Loss at one width from the centre.
    pub weight: f32,
}

/// The best sequence of beats over the whole of `activation`, as hop indices in ascending order.
pub(super) fn track(activation: &[f32], prior: PeriodPrior) -> Vec<usize> {
    let change_cost = |steps| CHANGE_COST * (steps as f32 * PERIOD_STEP.ln() as f32).powi(2);
    let chain = Chain::new(
        PERIODS,
        PERIOD_STEP,
        (0..=MAX_CHANGE).map(change_cost).collect(),
        JUMP_COST,
    );
    let of_period = |period: &usize| {
        let weight = *period as f32 / UNIT_HOPS;
        let octaves = (*period as f32 / prior.center).log2() / prior.width_octaves;
        [weight, prior.weight * octaves * octaves * weight]
    };
    let periods: Vec<[f32; 2]> = chain.periods().iter().map(of_period).collect();
    let mean = activation.iter().sum::<f32>() / activation.len().max(1) as f32;
    let worth: Vec<f32> = activation.iter().map(|level| level - mean).collect();
    chain.most_likely(&worth, &periods)
}
