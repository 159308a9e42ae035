//! Bars: which beats are downbeats, and how many beats a bar has.
//!
//! Evidence for a downbeat: the harmony and the bass change there, the low band strikes, and a phrase of one bar repeats.
//! Bars of each length are laid over the beats by a Viterbi pass that may change its phase at a cost (a pick-up, a bar of
//! another length), and the length whose downbeats stand out most wins.

use super::super::features::{Features, HOPS_PER_CHROMA};
use super::super::onset::OnsetStrength;
use super::super::series::SeriesReader;
use super::pattern::contrast;
use common::Result;

/// Beats in a bar that are tried.
pub(in super::super) const METERS: [usize; 6] = [2, 3, 4, 5, 6, 7];
/// Longest distance in beats at which beats are compared.
const MAX_LAG: usize = 14;

/// What is found at one beat, until the next.
#[derive(Clone, Copy, Debug, Default)]
pub(in super::super) struct BeatEvidence {
    /// Change of harmony, 0..=1.
    pub harmony: f32,
    /// Change of the bass note, 0..=1.
    pub bass: f32,
    /// Onset strength in the low, mid and high band.
    pub onset: [f32; 3],
    /// Onset strength half a beat later.
    pub off_onset: [f32; 3],
}

/// How harmony moves over a candidate's beats; each is a number that [`super::judge`] weighs.
#[derive(Clone, Debug, Default)]
pub(super) struct Harmony {
    /// Mean change of harmony and of the bass at beats.
    pub harmony: f32,
    pub bass: f32,
    /// How far every second, third and fourth beat stands out in the change of harmony, and of the bass.
    pub harmony_contrasts: [f32; 3],
    pub bass_contrasts: [f32; 3],
    /// How far the downbeats of bars of each length in [`METERS`] stand out, over the most that one kind of evidence can reach.
    pub bars: Vec<f32>,
    /// Likeness of beats at each distance, from 1.
    pub repetition: Vec<f32>,
}

/// Of beats at `hops`.
///
/// # Errors
/// As [`Series::read`](super::super::series::Series::read).
pub(super) fn describe(
    features: &Features,
    strength: &OnsetStrength,
    hops: &[usize],
) -> Result<Harmony> {
    let evidence = evidence(features, strength, hops)?;
    let harmony: Vec<f32> = evidence.iter().map(|e| e.harmony).collect();
    let bass: Vec<f32> = evidence.iter().map(|e| e.bass).collect();
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len().max(1) as f32;
    let scores = downbeat_scores(&evidence);
    Ok(Harmony {
        harmony: mean(&harmony),
        bass: mean(&bass),
        harmony_contrasts: [2, 3, 4].map(|n| contrast(&harmony, n)),
        bass_contrasts: [2, 3, 4].map(|n| contrast(&bass, n)),
        bars: METERS.iter().map(|n| stand_out(&scores, *n)).collect(),
        repetition: repetition(&evidence, MAX_LAG),
    })
}

/// How far downbeats stand out in the best bars of `n` beats, which may start over.
fn stand_out(scores: &[f32], n: usize) -> f32 {
    bars(scores, n) / most_contrast(n)
}

/// The most that one kind of evidence can let the downbeats of bars of `n` beats stand out, in standard deviations.
pub(super) fn most_contrast(n: usize) -> f32 {
    n as f32 / (n as f32 - 1.0).max(1.0).sqrt()
}

/// Evidence at each beat; `hops` are the beats.
///
/// # Errors
/// As [`Series::read`](super::super::series::Series::read).
pub(in super::super) fn evidence(
    features: &Features,
    strength: &OnsetStrength,
    hops: &[usize],
) -> Result<Vec<BeatEvidence>> {
    let n = hops.len();
    let last_period = if n >= 2 {
        hops[n - 1] - hops[n - 2]
    } else {
        50
    };
    let next = |i: usize| hops.get(i + 1).copied().unwrap_or(hops[i] + last_period);
    let of_beats = |mut chroma: SeriesReader<'_, [f32; 12]>| -> Result<Vec<[f32; 12]>> {
        let of_beat = |i: usize| mean_chroma(&mut chroma, hops[i], next(i));
        (0..n).map(of_beat).collect()
    };
    let chroma = of_beats(features.chroma.reader())?;
    let bass = of_beats(features.bass_chroma.reader())?;
    let mut onsets = strength.bands.reader();
    let mut peak = |center: usize| -> Result<[f32; 3]> {
        let around = onsets.read(center.saturating_sub(3)..center + 4)?.iter();
        Ok(around.fold([0.0f32; 3], |m, b| [0, 1, 2].map(|k| m[k].max(b[k]))))
    };
    (0..n)
        .map(|i| {
            let before = |values: &[[f32; 12]]| {
                // What sounded over the two beats before against the two from here on.
                let left = sum(&values[i.saturating_sub(2)..i]);
                let right = sum(&values[i..(i + 2).min(n)]);
                distance(&left, &right)
            };
            let change = |values: &[[f32; 12]]| {
                let near = if i > 0 {
                    distance(&values[i - 1], &values[i])
                } else {
                    0.0
                };
                0.5 * near + 0.5 * before(values)
            };
            Ok(BeatEvidence {
                harmony: change(&chroma),
                bass: change(&bass),
                onset: peak(hops[i] + 1)?,
                off_onset: peak((hops[i] + next(i)) / 2 + 1)?,
            })
        })
        .collect()
}

/// How much each beat sounds like a downbeat, with mean 0 and standard deviation 1 in each of its parts.
fn downbeat_scores(evidence: &[BeatEvidence]) -> Vec<f32> {
    let part = |f: &dyn Fn(&BeatEvidence) -> f32| standardised(evidence.iter().map(f).collect());
    let parts: Vec<(f32, Vec<f32>)> = vec![
        (1.1, part(&|e| e.harmony)),
        (0.6, part(&|e| e.bass)),
        (1.0, part(&|e| e.onset[0])),
        (0.25, part(&|e| e.onset[1])),
        (-0.15, part(&|e| e.onset[2])),
        (-0.3, part(&|e| e.off_onset[0])),
        (-0.3, part(&|e| e.off_onset[1])),
        (-0.25, part(&|e| e.off_onset[2])),
    ];
    (0..evidence.len())
        .map(|i| {
            parts
                .iter()
                .map(|(weight, values)| weight * values[i])
                .sum()
        })
        .collect()
}

/// Mean evidence at the downbeats of the best bars of `beats_per_bar` beats each over that of other beats, in standard deviations.
fn bars(scores: &[f32], beats_per_bar: usize) -> f32 {
    let n = scores.len();
    let n_positions = beats_per_bar.max(1);
    // A bar that is cut short or starts over costs as much as several good downbeats.
    let slip_cost = 6.0 * (n_positions as f32).sqrt();
    let mut gain = vec![0.0f32; n_positions];
    let mut came_from: Vec<Vec<usize>> = Vec::with_capacity(n);
    let reward = |i: usize, position: usize| {
        let share = 1.0 / n_positions as f32;
        scores[i] * (if position == 0 { 1.0 } else { 0.0 } - share)
    };
    for i in 0..n {
        let best = (0..n_positions).fold(0, |b, p| if gain[p] > gain[b] { p } else { b });
        let mut next = vec![0.0; n_positions];
        let mut from = vec![0; n_positions];
        for position in 0..n_positions {
            let regular = (position + n_positions - 1) % n_positions;
            let slips = position == 0 && i > 0 && gain[best] - slip_cost > gain[regular];
            from[position] = if slips { best } else { regular };
            let before = if i == 0 {
                0.0
            } else if slips {
                gain[best] - slip_cost
            } else {
                gain[regular]
            };
            next[position] = before + reward(i, position);
        }
        gain = next;
        came_from.push(from);
    }
    let mut position = (0..n_positions).fold(0, |b, p| if gain[p] > gain[b] { p } else { b });
    let mut positions = vec![0u32; n];
    for i in (0..n).rev() {
        positions[i] = position as u32 + 1;
        position = came_from[i][position];
    }
    let of = |is_downbeat: bool| {
        let chosen: Vec<f32> = (0..n)
            .filter(|i| (positions[*i] == 1) == is_downbeat)
            .map(|i| scores[i])
            .collect();
        chosen.iter().sum::<f32>() / chosen.len().max(1) as f32
    };
    of(true) - of(false)
}

/// How alike beats are at each distance from 1 to `max_lag`, 0..=1: cosine similarity of their evidence.
fn repetition(evidence: &[BeatEvidence], max_lag: usize) -> Vec<f32> {
    let columns: Vec<Vec<f32>> = (0..8)
        .map(|k| {
            standardised(
                evidence
                    .iter()
                    .map(|e| match k {
                        0 => e.harmony,
                        1 => e.bass,
                        2..=4 => e.onset[k - 2],
                        _ => e.off_onset[k - 5],
                    })
                    .collect(),
            )
        })
        .collect();
    let n = evidence.len();
    (1..=max_lag)
        .map(|lag| {
            if n <= lag * 2 {
                return 0.0;
            }
            let product: f32 = columns
                .iter()
                .map(|c| (lag..n).map(|i| c[i] * c[i - lag]).sum::<f32>() / (n - lag) as f32)
                .sum();
            product / columns.len() as f32
        })
        .collect()
}

/// With mean 0 and standard deviation 1, and nothing far out.
pub(in super::super) fn standardised(values: Vec<f32>) -> Vec<f32> {
    let n = values.len().max(1) as f32;
    let mean = values.iter().sum::<f32>() / n;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
    let scale = if deviation > 1e-6 {
        1.0 / deviation
    } else {
        0.0
    };
    // One extreme beat must not decide on its own.
    values
        .into_iter()
        .map(|v| ((v - mean) * scale).clamp(-2.5, 2.5))
        .collect()
}

fn mean_chroma(
    chroma: &mut SeriesReader<'_, [f32; 12]>,
    start_hop: usize,
    end_hop: usize,
) -> Result<[f32; 12]> {
    // The harmony window is long: leave out the borders, where both neighbours sound.
    let margin = ((end_hop - start_hop) / 5).min(8);
    let first = (start_hop + margin).div_ceil(HOPS_PER_CHROMA);
    let last = ((end_hop.saturating_sub(margin)) / HOPS_PER_CHROMA).max(first);
    let mut total = sum(chroma.read(first..last + 1)?);
    let norm = total.iter().map(|c| c * c).sum::<f32>().sqrt();
    if norm > 1e-9 {
        total.iter_mut().for_each(|c| *c /= norm);
    }
    Ok(total)
}

fn sum(values: &[[f32; 12]]) -> [f32; 12] {
    let mut total = [0.0; 12];
    for value in values {
        for (t, v) in total.iter_mut().zip(value) {
            *t += v;
        }
    }
    total
}

/// 1 minus the cosine similarity; 0 where one side is silent.
fn distance(a: &[f32; 12], b: &[f32; 12]) -> f32 {
    let dot: f32 = a.iter().zip(b).map(|(a, b)| a * b).sum();
    let norm = |v: &[f32; 12]| v.iter().map(|v| v * v).sum::<f32>().sqrt();
    let norms = norm(a) * norm(b);
    if norms > 1e-9 {
        (1.0 - dot / norms).clamp(0.0, 1.0)
    } else {
        0.0
    }
}
