//! Our tracker: pulses at several metrical levels, of which the one is chosen that makes the best beats and bars.

use super::features::{Features, HOP_SECS};
use super::meter::{self, BeatEvidence, Meter};
use super::onset::{OnsetStrength, percentile};
use super::pulse::{self, PeriodPrior};

/// Centres of the levels that are tried, in beats per minute: half an octave apart.
const LEVELS_BPM: [f32; 6] = [42.0, 60.0, 85.0, 120.0, 170.0, 240.0];

/// A candidate for the beat.
pub(super) struct Level {
    pub hops: Vec<usize>,
    pub meter: Meter,
    pub score: f32,
}

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

/// All levels, best first.
pub(super) fn levels(features: &Features, strength: &OnsetStrength) -> Vec<Level> {
    let activation = activation(strength);
    let mut levels: Vec<Level> = Vec::new();
    for bpm in LEVELS_BPM {
        let prior = PeriodPrior {
            center: 6000.0 / bpm,
            width_octaves: 0.35,
            weight: 0.25,
        };
        let hops = pulse::track(&activation, prior);
        if hops.len() < 4 || levels.iter().any(|l| is_same(&l.hops, &hops)) {
            continue;
        }
        levels.push(judge(features, strength, &activation, hops));
    }
    levels.sort_by(|a, b| b.score.total_cmp(&a.score));
    levels
}

fn is_same(a: &[usize], b: &[usize]) -> bool {
    let n_shared = a.iter().filter(|h| b.binary_search(h).is_ok()).count();
    n_shared * 10 > a.len().max(b.len()) * 9
}

fn judge(
    features: &Features,
    strength: &OnsetStrength,
    activation: &[f32],
    hops: Vec<usize>,
) -> Level {
    let evidence = meter::evidence(features, strength, &hops);
    let scores = meter::downbeat_scores(&evidence);
    let repetition = meter::repetition(&evidence, 12);
    let meters = [(2usize, -0.35f32), (3, -0.1), (4, 0.15)];
    let mut best: Option<(f32, Meter)> = None;
    for (n, prior) in meters {
        let meter = meter::bars(&scores, n);
        let again = repetition[n - 1] + 0.5 * repetition[2 * n - 1];
        let value = meter.contrast * 0.5 + again * 1.5 + prior;
        if best.as_ref().is_none_or(|(b, _)| value > *b) {
            best = Some((value, meter));
        }
    }
    let (meter_value, meter) = best.unwrap_or_default();
    let intervals: Vec<f32> = hops.windows(2).map(|w| (w[1] - w[0]) as f32).collect();
    let period = percentile(&intervals, 0.5);
    let bpm = 6000.0 / period;
    let octaves = (bpm / 110.0).log2();
    let at = |hop: usize| {
        let r = hop.saturating_sub(2)..(hop + 3).min(activation.len());
        activation[r].iter().copied().fold(0.0, f32::max)
    };
    let mean = |f: &dyn Fn(usize, usize) -> usize| {
        hops.windows(2).map(|w| at(f(w[0], w[1]))).sum::<f32>() / intervals.len() as f32
    };
    let on = mean(&|a, _| a);
    let half = mean(&|a, b| (a + b) / 2);
    let third = 0.5 * (mean(&|a, b| (2 * a + b) / 3) + mean(&|a, b| (a + 2 * b) / 3));
    let score = 1.5 * (on - half) - 0.9 * octaves * octaves + 0.6 * meter_value;
    if std::env::var_os("LAB").is_some() {
        eprintln!(
            "  bpm {bpm:6.1} n {:4} on {on:.2} half {half:.2} third {third:.2} meter {} contrast {:.2} value {meter_value:.2} rep {:?} score {score:.2}",
            hops.len(),
            meter.beats_per_bar,
            meter.contrast,
            repetition
                .iter()
                .map(|r| (r * 100.0) as i32)
                .collect::<Vec<_>>()
        );
    }
    let _: &[BeatEvidence] = &evidence;
    Level { hops, meter, score }
}

/// Seconds of a hop.
pub(super) fn secs(hop: usize) -> f64 {
    hop as f64 * HOP_SECS
}
