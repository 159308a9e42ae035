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
    let beat = |i: usize| (i < n).then(|| (hops[i], next(i)));
    let mut chroma = Around::new(features.chroma.reader(), beat(0))?;
    let mut bass = Around::new(features.bass_chroma.reader(), beat(0))?;
    let mut onsets = strength.bands.reader();
    let mut peak = |center: usize| -> Result<[f32; 3]> {
        let around = onsets.read(center.saturating_sub(3)..center + 4)?.iter();
        Ok(around.fold([0.0f32; 3], |m, b| [0, 1, 2].map(|k| m[k].max(b[k]))))
    };
    (0..n)
        .map(|i| {
            Ok(BeatEvidence {
                harmony: chroma.next_change(beat(i + 1))?,
                bass: bass.next_change(beat(i + 1))?,
                onset: peak(hops[i] + 1)?,
                off_onset: peak((hops[i] + next(i)) / 2 + 1)?,
            })
        })
        .collect()
}

/// What sounds around a beat, which moves through a song: a long one has many beats.
struct Around<'a> {
    chroma: SeriesReader<'a, [f32; 12]>,
    /// Mean chroma of the two beats before, of the beat itself and of the next one, as far as there are such.
    beats: [Option<[f32; 12]>; 4],
}

impl<'a> Around<'a> {
    /// Before the first beat, which lasts from one hop to another.
    fn new(chroma: SeriesReader<'a, [f32; 12]>, first: Option<(usize, usize)>) -> Result<Self> {
        let mut around = Self {
            chroma,
            beats: [None; 4],
        };
        around.advance(first)?;
        Ok(around)
    }

    fn advance(&mut self, next: Option<(usize, usize)>) -> Result<()> {
        self.beats.rotate_left(1);
        let next = next.map(|(start, end)| mean_chroma(&mut self.chroma, start, end));
        self.beats[3] = next.transpose()?;
        Ok(())
    }

    /// Moves on by a beat, behind which another one may lie, and says how much changes at it, 0..=1.
    fn next_change(&mut self, behind: Option<(usize, usize)>) -> Result<f32> {
        self.advance(behind)?;
        let near = match self.beats {
            [_, Some(before), Some(here), _] => distance(&before, &here),
            _ => 0.0,
        };
        // What sounded over the two beats before against the two from here on.
        let (before, after) = self.beats.split_at(2);
        let far = distance(&sum(before.iter().flatten()), &sum(after.iter().flatten()));
        Ok(0.5 * near + 0.5 * far)
    }
}

/// How much each beat sounds like a downbeat, with mean 0 and standard deviation 1 in each of its parts.
fn downbeat_scores(evidence: &[BeatEvidence]) -> Vec<f32> {
    type Part = fn(&BeatEvidence) -> f32;
    let parts: [(f32, Part); 8] = [
        (1.1, |e| e.harmony),
        (0.6, |e| e.bass),
        (1.0, |e| e.onset[0]),
        (0.25, |e| e.onset[1]),
        (-0.15, |e| e.onset[2]),
        (-0.3, |e| e.off_onset[0]),
        (-0.3, |e| e.off_onset[1]),
        (-0.25, |e| e.off_onset[2]),
    ];
    let mut scores = vec![0.0; evidence.len()];
    for (weight, part) in parts {
        let values = standardised(evidence.iter().map(part).collect());
        for (score, value) in scores.iter_mut().zip(values) {
            *score += weight * value;
        }
    }
    scores
}

/// Mean evidence at the downbeats of the best bars of `beats_per_bar` beats each over that of other beats, in standard deviations.
fn bars(scores: &[f32], beats_per_bar: usize) -> f32 {
    let n_positions = beats_per_bar.max(1);
    let share = 1.0 / n_positions as f32;
    // A bar that is cut short or starts over costs as much as several good downbeats.
    let slip_cost = 6.0 * (n_positions as f32).sqrt();
    let mut gain = vec![0.0f32; n_positions];
    // Of each beat as a downbeat: the position before it, where that isn't the bar's last.
    let mut slips: Vec<Option<u8>> = Vec::with_capacity(scores.len());
    for (i, score) in scores.iter().enumerate() {
        let best = (0..n_positions).fold(0, |b, p| if gain[p] > gain[b] { p } else { b });
        let after_slip = gain[best] - slip_cost;
        let slips_here = i > 0 && after_slip > gain[n_positions - 1];
        slips.push(slips_here.then_some(best as u8));
        gain.rotate_right(1);
        if slips_here {
            gain[0] = after_slip;
        }
        for (position, gain) in gain.iter_mut().enumerate() {
            *gain += score * (if position == 0 { 1.0 } else { 0.0 } - share);
        }
    }
    let mut position = (0..n_positions).fold(0, |b, p| if gain[p] > gain[b] { p } else { b });
    let mut is_downbeat = vec![false; scores.len()];
    for (is_downbeat, slip) in is_downbeat.iter_mut().zip(&slips).rev() {
        *is_downbeat = position == 0;
        position = match slip {
            Some(best) if position == 0 => usize::from(*best),
            _ => (position + n_positions - 1) % n_positions,
        };
    }
    let mean_of = |wanted: bool| {
        let chosen = scores.iter().zip(&is_downbeat);
        let chosen = chosen.filter(|(_, is_downbeat)| **is_downbeat == wanted);
        let (sum, n) = chosen.fold((0.0, 0), |(sum, n), (score, _)| (sum + score, n + 1));
        sum / n.max(1) as f32
    };
    mean_of(true) - mean_of(false)
}

/// How alike beats are at each distance from 1 to `max_lag`, 0..=1: cosine similarity of their evidence.
fn repetition(evidence: &[BeatEvidence], max_lag: usize) -> Vec<f32> {
    const N_COLUMNS: usize = 8;
    let n = evidence.len();
    let mut alike = vec![0.0f32; max_lag];
    for k in 0..N_COLUMNS {
        let of_beat = |e: &BeatEvidence| match k {
            0 => e.harmony,
            1 => e.bass,
            2..=4 => e.onset[k - 2],
            _ => e.off_onset[k - 5],
        };
        let column = standardised(evidence.iter().map(of_beat).collect());
        for (lag, alike) in (1..).zip(&mut alike).filter(|(lag, _)| n > lag * 2) {
            let pairs = column.iter().skip(lag).zip(&column);
            *alike += pairs.map(|(now, before)| now * before).sum::<f32>() / (n - lag) as f32;
        }
    }
    alike.iter().map(|sum| sum / N_COLUMNS as f32).collect()
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
    let mut total = sum(chroma.read(first..last + 1)?.iter());
    let norm = total.iter().map(|c| c * c).sum::<f32>().sqrt();
    if norm > 1e-9 {
        total.iter_mut().for_each(|c| *c /= norm);
    }
    Ok(total)
}

fn sum<'v>(values: impl Iterator<Item = &'v [f32; 12]>) -> [f32; 12] {
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
