//! Bars: which beats are downbeats, and how many beats a bar has.
//!
//! Evidence for a downbeat: the harmony and the bass change there, the low band strikes, and a phrase of one bar repeats.
//! Bars of each length are laid over the beats by a Viterbi pass that may change its phase at a cost (a pick-up, a bar of
//! another length), and the length whose downbeats stand out most wins.

use std::collections::VecDeque;

use super::super::features::{Features, HOPS_PER_CHROMA};
use super::super::onset::OnsetStrength;
use super::super::series::{Series, SeriesReader, SeriesWriter, Value};
use super::beats::Beats;
use super::pattern::Contrast;
use common::Result;

/// Beats in a bar that are tried.
pub(in super::super) const METERS: [usize; 6] = [2, 3, 4, 5, 6, 7];
/// Longest distance in beats at which beats are compared.
const MAX_LAG: usize = 14;

/// Most beats in a second: 300 a minute.
const MOST_BEATS_PER_SEC: usize = 5;

/// What is found at one beat, until the next.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
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

/// Numbers in a [`BeatEvidence`].
const N_COLUMNS: usize = 8;

impl BeatEvidence {
    fn columns(&self) -> [f32; N_COLUMNS] {
        let ([low, mid, high], [off_low, off_mid, off_high]) = (self.onset, self.off_onset);
        let Self { harmony, bass, .. } = *self;
        [harmony, bass, low, mid, high, off_low, off_mid, off_high]
    }
}

impl Value for BeatEvidence {
    const N_BYTES: usize = <[f32; N_COLUMNS]>::N_BYTES;

    fn with_bytes(self, take: impl FnOnce(&[u8])) {
        self.columns().with_bytes(take);
    }

    fn of_bytes(bytes: &[u8]) -> Self {
        let [harmony, bass, low, mid, high, off_low, off_mid, off_high] = Value::of_bytes(bytes);
        Self {
            harmony,
            bass,
            onset: [low, mid, high],
            off_onset: [off_low, off_mid, off_high],
        }
    }
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

/// Of some beats.
///
/// # Errors
/// As [`Series::read`].
pub(super) fn describe(
    features: &Features,
    strength: &OnsetStrength,
    beats: &Beats,
) -> Result<Harmony> {
    let evidence = evidence(features, strength, beats.iter())?;
    let standard = Standard::of(&evidence)?;
    let mut harmony = [2, 3, 4].map(Contrast::new);
    let mut bass = harmony;
    for beat in evidence.iter() {
        let beat = beat?;
        harmony.iter_mut().for_each(|c| c.push(beat.harmony));
        bass.iter_mut().for_each(|c| c.push(beat.bass));
    }
    let scores = downbeat_scores(&evidence, &standard)?;
    Ok(Harmony {
        harmony: standard.mean[0],
        bass: standard.mean[1],
        harmony_contrasts: harmony.map(|contrast| contrast.value()),
        bass_contrasts: bass.map(|contrast| contrast.value()),
        bars: METERS.iter().map(|n| stand_out(&scores, *n)).collect(),
        repetition: repetition(&evidence, &standard)?,
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
/// As [`Series::read`].
pub(in super::super) fn evidence(
    features: &Features,
    strength: &OnsetStrength,
    hops: impl Iterator<Item = usize>,
) -> Result<Series<BeatEvidence>> {
    let mut spans = spans(hops).peekable();
    let first = spans.peek().copied();
    let mut chroma = Around::new(features.chroma.reader(), first)?;
    let mut bass = Around::new(features.bass_chroma.reader(), first)?;
    let mut onsets = strength.bands.reader();
    let mut peak = |center: usize| -> Result<[f32; 3]> {
        let around = onsets.read(center.saturating_sub(3)..center + 4)?.iter();
        Ok(around.fold([0.0f32; 3], |m, b| [0, 1, 2].map(|k| m[k].max(b[k]))))
    };
    let mut evidence = SeriesWriter::new(MOST_BEATS_PER_SEC);
    while let Some((hop, next)) = spans.next() {
        let behind = spans.peek().copied();
        evidence.push(BeatEvidence {
            harmony: chroma.next_change(behind)?,
            bass: bass.next_change(behind)?,
            onset: peak(hop + 1)?,
            off_onset: peak((hop + next) / 2 + 1)?,
        });
    }
    Ok(evidence.finish())
}

/// Each beat's hop and the next one's; the last beat is as long as the one before.
fn spans(hops: impl Iterator<Item = usize>) -> impl Iterator<Item = (usize, usize)> {
    let mut hops = hops.peekable();
    let mut period = 50;
    std::iter::from_fn(move || {
        let hop = hops.next()?;
        period = hops.peek().map_or(period, |next| next - hop);
        Some((hop, hop + period))
    })
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

/// Weights of a beat's numbers, made comparable, in how much it sounds like a downbeat.
const DOWNBEAT_WEIGHTS: [f32; N_COLUMNS] = [1.1, 0.6, 1.0, 0.25, -0.15, -0.3, -0.3, -0.25];

/// How much each beat sounds like a downbeat.
fn downbeat_scores(evidence: &Series<BeatEvidence>, standard: &Standard) -> Result<Vec<f32>> {
    let score = |beat: Result<BeatEvidence>| {
        let values = standard.of_beat(&beat?);
        let weighted = DOWNBEAT_WEIGHTS.iter().zip(values);
        Ok(weighted.fold(0.0, |sum, (weight, value)| sum + weight * value))
    };
    evidence.iter().map(score).collect()
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

/// How alike beats are at each distance from 1 to [`MAX_LAG`], 0..=1: cosine similarity of their evidence.
fn repetition(evidence: &Series<BeatEvidence>, standard: &Standard) -> Result<Vec<f32>> {
    let n = evidence.len();
    let mut sums = [[0.0f32; N_COLUMNS]; MAX_LAG];
    let mut before: VecDeque<[f32; N_COLUMNS]> = VecDeque::with_capacity(MAX_LAG + 1);
    for beat in evidence.iter() {
        let now = standard.of_beat(&beat?);
        for (sums, before) in sums.iter_mut().zip(&before) {
            let products = now.iter().zip(before).map(|(now, before)| now * before);
            sums.iter_mut().zip(products).for_each(|(s, p)| *s += p);
        }
        before.push_front(now);
        before.truncate(MAX_LAG);
    }
    let alike = |(lag, sums): (usize, &[f32; N_COLUMNS])| match n > lag * 2 {
        true => {
            let means = sums.iter().map(|sum| sum / (n - lag) as f32);
            means.fold(0.0, |sum, mean| sum + mean) / N_COLUMNS as f32
        }
        false => 0.0,
    };
    Ok((1..).zip(&sums).map(alike).collect())
}

/// Makes the numbers of beats comparable: each with mean 0 and standard deviation 1 over the song, and nothing far out.
pub(in super::super) struct Standard {
    mean: [f32; N_COLUMNS],
    scale: [f32; N_COLUMNS],
}

impl Standard {
    /// For these beats.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn of(evidence: &Series<BeatEvidence>) -> Result<Self> {
        let n = evidence.len().max(1) as f32;
        let sum = |of: &dyn Fn(usize, f32) -> f32| -> Result<[f32; N_COLUMNS]> {
            let mut sums = [0.0; N_COLUMNS];
            for beat in evidence.iter() {
                let values = sums.iter_mut().zip(beat?.columns());
                for (column, (sum, value)) in values.enumerate() {
                    *sum += of(column, value);
                }
            }
            Ok(sums)
        };
        let mean = sum(&|_, value| value)?.map(|sum| sum / n);
        let squares = sum(&|column, value| (value - mean[column]).powi(2))?;
        let scale = squares.map(|square| match (square / n).sqrt() {
            deviation if deviation > 1e-6 => 1.0 / deviation,
            _ => 0.0,
        });
        Ok(Self { mean, scale })
    }

    /// One beat's: change of harmony, of the bass, onset strength in three bands, and that half a beat later.
    pub fn of_beat(&self, beat: &BeatEvidence) -> [f32; N_COLUMNS] {
        let mut values = beat.columns();
        let columns = values.iter_mut().zip(self.mean).zip(self.scale);
        for ((value, mean), scale) in columns {
            // One extreme beat must not decide on its own.
            *value = ((*value - mean) * scale).clamp(-2.5, 2.5);
        }
        values
    }
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
