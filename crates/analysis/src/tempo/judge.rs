//! Which metrical level, and which bars, are the beat as people tap it.
//!
//! Each pair of a level and a bar length is described by some forty numbers, and a network with one small hidden layer gives
//! it a score. The network was trained on synthetic music only; the recipe is in `training/`, the weights in
//! `judge.weights`.

use std::sync::LazyLock;

use super::{Level, METERS};

/// Tempo at which people tap by themselves, in beats per minute, and the log-odds that an octave from it costs (van Noorden and
/// Moelants 1999, "Resonance in the perception of musical pulse"). Levels an octave apart are often as good as each other to
/// the network.
const USUAL_TEMPO: (f32, f32) = (118.0, 1.75);
/// Numbers that describe a pair.
const N_INPUTS: usize = 43;

/// Index of the level of the best pair; with bars of `wanted` beats where that is given. None without levels.
pub(super) fn best(levels: &[Level], wanted: Option<u32>) -> Option<usize> {
    let highest = Highest::of(levels);
    let mut scores: Vec<(f32, usize)> = Vec::new();
    for (level_idx, level) in levels.iter().enumerate() {
        for (meter_idx, n_beats) in METERS.iter().enumerate() {
            let inputs = describe(level, meter_idx, &highest);
            if wanted.is_none_or(|n| n as usize == *n_beats) {
                let octaves = (level.profile.bpm / USUAL_TEMPO.0).log2();
                let usual = -USUAL_TEMPO.1 * octaves * octaves;
                scores.push((NETWORK.score(&inputs) + usual, level_idx));
            }
        }
    }
    let best = scores.into_iter().max_by(|a, b| a.0.total_cmp(&b.0))?;
    Some(best.1)
}

/// Highest values over all levels of a song, for comparison.
struct Highest {
    on: f32,
    clarity: f32,
    contrast: f32,
}

impl Highest {
    fn of(levels: &[Level]) -> Self {
        let mut highest = Self {
            on: 1e-3,
            clarity: 1e-3,
            contrast: 1e-3,
        };
        for level in levels {
            highest.on = highest.on.max(level.profile.on);
            highest.clarity = highest.clarity.max(level.profile.clarity);
            for meter in &level.meters {
                highest.contrast = highest
                    .contrast
                    .max(relative_contrast(meter.contrast, meter.beats_per_bar));
            }
        }
        highest
    }
}

/// Contrast over the highest that one kind of evidence can reach with bars of this length.
fn relative_contrast(contrast: f32, beats_per_bar: u32) -> f32 {
    let n = beats_per_bar as f32;
    contrast / (n / (n - 1.0).max(1.0).sqrt())
}

fn describe(level: &Level, meter_idx: usize, highest: &Highest) -> [f32; N_INPUTS] {
    let p = &level.profile;
    let meter = &level.meters[meter_idx];
    let n = METERS[meter_idx];
    let again = |lag: usize| level.repetition.get(lag - 1).copied().unwrap_or(0.0);
    let others = (1..=8usize)
        .filter(|lag| lag % n != 0)
        .map(again)
        .fold(f32::MIN, f32::max);
    let contrast = relative_contrast(meter.contrast, meter.beats_per_bar);
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
        meter.contrast,
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

/// One hidden layer of tanh units beside a direct linear path.
struct Network {
    n_hidden: usize,
    /// `[mean, scale, direct weight][input]`, then `[hidden][input weights, bias, output weight]`.
    numbers: Vec<f32>,
}

static NETWORK: LazyLock<Network> = LazyLock::new(|| {
    let numbers: Vec<f32> = include_str!("judge.weights")
        .split_whitespace()
        .filter_map(|n| n.parse().ok())
        .collect();
    Network {
        n_hidden: numbers.len().saturating_sub(3 * N_INPUTS) / (N_INPUTS + 2),
        numbers,
    }
});

impl Network {
    fn score(&self, inputs: &[f32; N_INPUTS]) -> f32 {
        let (head, hidden) = self
            .numbers
            .split_at((3 * N_INPUTS).min(self.numbers.len()));
        let mut scaled = [0.0f32; N_INPUTS];
        let mut score = 0.0;
        for (i, value) in scaled.iter_mut().enumerate() {
            let number = |row: usize| head.get(row * N_INPUTS + i).copied().unwrap_or(0.0);
            *value = (inputs[i] - number(0)) * number(1);
            score += *value * number(2);
        }
        for unit in hidden.chunks_exact(N_INPUTS + 2).take(self.n_hidden) {
            let (weights, ends) = unit.split_at(N_INPUTS);
            let sum: f32 = weights.iter().zip(&scaled).map(|(w, v)| w * v).sum();
            score += (sum + ends[0]).tanh() * ends[1];
        }
        score
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_weights_are_whole() {
        assert!(NETWORK.n_hidden > 0);
        assert_eq!(
            NETWORK.numbers.len(),
            3 * N_INPUTS + NETWORK.n_hidden * (N_INPUTS + 2)
        );
        assert!(NETWORK.numbers.iter().all(|n| n.is_finite()));
    }
}
