//! Pulses: the sequence of times that best explains the onset strength at some metrical level.
//!
//! A semi-Markov dynamic program over hops, the bar-pointer model of Whiteley et al. (ISMIR 2006) reduced to its choices: a
//! state is "a pulse here, one period after the last", and the period changes from pulse to pulse at a cost. What is
//! gained is onset strength times the time that the pulse covers, so slow and fast levels compete fairly, and a prior on
//! the period decides which level is wanted.

use super::super::features::HOP_SECS;
use super::super::onset::OnsetStrength;

/// Centres of the metrical levels that are tried, in beats per minute: half an octave apart.
const LEVELS_BPM: [f32; 5] = [42.0, 60.0, 85.0, 120.0, 170.0];
/// Shortest period in hops: 300 bpm.
const MIN_PERIOD: usize = 20;
/// Longest period in hops: 30 bpm.
const MAX_PERIOD: usize = 200;
/// Distance between periods, as a factor.
const PERIOD_STEP: f64 = 1.022;
/// Cost of a change of the period by a factor of e, squared.
const CHANGE_COST: f32 = 90.0;
/// Largest change between neighbouring pulses, in steps.
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

/// The best pulses at every metrical level, as hops.
pub(super) fn candidates(activation: &[f32]) -> Vec<Vec<usize>> {
    let mut levels: Vec<Vec<usize>> = Vec::new();
    for bpm in LEVELS_BPM {
        let prior = PeriodPrior {
            center: 60.0 / (bpm * HOP_SECS as f32),
            width_octaves: 0.35,
            weight: 0.25,
        };
        let hops = track(activation, prior);
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

/// Whether nine in ten pulses of both sequences lie within two hops of each other.
fn is_same(a: &[usize], b: &[usize]) -> bool {
    let is_shared = |hop: &&usize| {
        let next = b.partition_point(|other| other + 2 < **hop);
        b.get(next).is_some_and(|other| *other <= **hop + 2)
    };
    a.iter().filter(is_shared).count() * 10 > a.len().max(b.len()) * 9
}

/// What is wanted of the pulse's period.
#[derive(Clone, Copy, Debug)]
pub(super) struct PeriodPrior {
    /// Preferred period in hops.
    pub center: f32,
    /// Width in octaves.
    pub width_octaves: f32,
    /// Loss at one width from the centre.
    pub weight: f32,
}

/// The best sequence of pulses over the whole of `activation`, as hop indices in ascending order.
pub(super) fn track(activation: &[f32], prior: PeriodPrior) -> Vec<usize> {
    let periods = periods();
    let n_periods = periods.len();
    let n_hops = activation.len();
    let loss: Vec<f32> = periods
        .iter()
        .map(|p| {
            let octaves = (*p as f32 / prior.center).log2() / prior.width_octaves;
            prior.weight * octaves * octaves * *p as f32 / UNIT_HOPS
        })
        .collect();
    let change_cost: Vec<f32> = (0..=MAX_CHANGE)
        .map(|steps| CHANGE_COST * (steps as f32 * PERIOD_STEP.ln() as f32).powi(2))
        .collect();
    // `reached[hop][period]`: best gain of a path that may go on from a pulse at this hop with this period. A pulse can be
    // the first one anywhere; what lies before it isn't explained, which costs as much as the mean activation.
    let mean = activation.iter().sum::<f32>() / n_hops.max(1) as f32;
    let mut reached = vec![0.0f32; (MAX_PERIOD + 1) * n_periods];
    let mut came_from = Origins::new(n_hops, n_periods);
    let mut here = vec![f32::MIN; n_periods];
    for (hop, level) in activation.iter().enumerate() {
        for (k, period) in periods.iter().enumerate() {
            here[k] = if hop < *period {
                // The first pulse.
                level * *period as f32 / UNIT_HOPS - loss[k]
            } else {
                let row = (hop - period) % (MAX_PERIOD + 1) * n_periods;
                let gain = (level - mean) * *period as f32 / UNIT_HOPS;
                reached[row + k] + gain - loss[k]
            };
        }
        let best = (0..n_periods).fold(0, |b, k| if here[k] > here[b] { k } else { b });
        came_from.set_best(hop, best);
        let row = hop % (MAX_PERIOD + 1) * n_periods;
        for k in 0..n_periods {
            let (mut gain, mut from) = (here[best] - JUMP_COST, best);
            for other in k.saturating_sub(MAX_CHANGE)..(k + MAX_CHANGE + 1).min(n_periods) {
                let candidate = here[other] - change_cost[other.abs_diff(k)];
                if candidate > gain {
                    (gain, from) = (candidate, other);
                }
            }
            reached[row + k] = gain;
            came_from.set(hop, k, from);
        }
    }
    // The last pulse lies within one period of the end.
    let mut end = (f32::MIN, 0, 0);
    for hop in n_hops.saturating_sub(MAX_PERIOD)..n_hops {
        for (k, period) in periods.iter().enumerate() {
            let gain = reached[hop % (MAX_PERIOD + 1) * n_periods + k];
            if n_hops - hop <= *period && gain > end.0 {
                end = (gain, hop, k);
            }
        }
    }
    let (_, mut hop, mut k) = end;
    let mut hops = Vec::new();
    if n_hops > 0 {
        loop {
            hops.push(hop);
            let from = came_from.get(hop, k);
            let Some(period) = periods.get(from).filter(|p| **p <= hop) else {
                break;
            };
            (hop, k) = (hop - period, from);
        }
    }
    hops.reverse();
    hops
}

/// For each hop and period, the period before it. Half a byte each: a step of up to [`MAX_CHANGE`] either way, or a jump to
/// the hop's best period. An hour of music has forty million of them.
struct Origins {
    n_periods: usize,
    /// Two entries a byte, `[hop][period]`.
    steps: Vec<u8>,
    /// `[hop]`
    best: Vec<u8>,
}

impl Origins {
    /// The step that stands for a jump.
    const JUMP: u8 = 15;

    fn new(n_hops: usize, n_periods: usize) -> Self {
        Self {
            n_periods,
            steps: vec![0; (n_hops * n_periods).div_ceil(2)],
            best: vec![0; n_hops],
        }
    }

    fn set_best(&mut self, hop: usize, best: usize) {
        self.best[hop] = best as u8;
    }

    /// After [`Self::set_best`] of the hop; each entry once.
    fn set(&mut self, hop: usize, period: usize, from: usize) {
        let step = match from.abs_diff(period) {
            0..=MAX_CHANGE => (from + MAX_CHANGE - period) as u8,
            _ => Self::JUMP,
        };
        let idx = hop * self.n_periods + period;
        self.steps[idx / 2] |= step << (4 * (idx % 2));
    }

    fn get(&self, hop: usize, period: usize) -> usize {
        let idx = hop * self.n_periods + period;
        match self.steps[idx / 2] >> (4 * (idx % 2)) & 15 {
            Self::JUMP => usize::from(self.best[hop]),
            step => (period + usize::from(step)).saturating_sub(MAX_CHANGE),
        }
    }
}

fn periods() -> Vec<usize> {
    let mut periods: Vec<usize> = (0..)
        .map(|i| (MIN_PERIOD as f64 * PERIOD_STEP.powi(i)).round() as usize)
        .take_while(|p| *p <= MAX_PERIOD)
        .collect();
    periods.dedup();
    periods
}
