//! From the times that a tracker proposes to beats with positions in bars, a tempo and how sure they are.

use super::features::HOP_SECS;
use super::judge;
use super::meter::{self, BeatEvidence, Meter};
use super::onset::{percentile, rounded};
use super::tracker::Heard;
use super::{Beat, Onset};

/// Beats in a bar that are tried.
pub(super) const METERS: [usize; 6] = [2, 3, 4, 5, 6, 7];
/// Fewest beats that make a rhythm.
const MIN_BEATS: usize = 4;
/// Farthest that a beat is moved to an onset, in seconds.
const SNAP_SECS: f64 = 0.04;

/// Beats and tempo of a song.
#[derive(Clone, Debug, Default)]
pub(super) struct Rhythm {
    pub beats: Vec<Beat>,
    pub tempo_bpm: Option<f64>,
    pub tempo_confidence: f64,
    pub beat_confidence: f64,
}

/// A candidate for the beat.
pub(super) struct Level {
    pub hops: Vec<usize>,
    pub profile: Profile,
    /// Bars of each length in [`METERS`].
    pub meters: Vec<Meter>,
    /// Likeness of beats at each distance, from 1.
    pub repetition: Vec<f32>,
}

/// The best of `candidates` (beats in seconds), with bars. Empty where none is credible.
pub(super) fn choose(candidates: Vec<Vec<f64>>, heard: &Heard<'_>, onsets: &[Onset]) -> Rhythm {
    let levels = levels(candidates, heard, onsets);
    let Some(choice) = judge::best(&levels, heard.config.meter) else {
        return Rhythm::default();
    };
    let (level, meter) = (
        &levels[choice.level_idx],
        &levels[choice.level_idx].meters[choice.meter_idx],
    );
    let clarity = f64::from(level.profile.clarity.clamp(0.0, 1.0));
    let beats: Vec<Beat> = level
        .hops
        .iter()
        .zip(&meter.positions)
        .map(|(hop, position)| Beat {
            time_secs: rounded(snapped(*hop as f64 * HOP_SECS, onsets), 1e6),
            position_in_bar: *position,
            strength: rounded(strongest(&heard.strength.full, *hop), 1e4),
        })
        .collect();
    Rhythm {
        tempo_bpm: tempo(&beats),
        tempo_confidence: clarity * f64::from(choice.certainty),
        beat_confidence: clarity,
        beats,
    }
}

/// The most likely position in the bar of each of `hops`, which are beats for certain.
pub(super) fn positions(hops: Vec<usize>, heard: &Heard<'_>) -> Vec<u32> {
    let n = hops.len();
    let counted = heard.config.meter.unwrap_or(4).max(1);
    if n >= MIN_BEATS {
        let levels = [describe(heard, hops)];
        if let Some(choice) = judge::best(&levels, heard.config.meter) {
            return levels[0].meters[choice.meter_idx].positions.clone();
        }
    }
    (0..n as u32).map(|i| i % counted + 1).collect()
}

/// The candidates that have enough beats, described.
pub(super) fn levels(candidates: Vec<Vec<f64>>, heard: &Heard<'_>, onsets: &[Onset]) -> Vec<Level> {
    let n_hops = heard.activation.len();
    candidates
        .into_iter()
        .filter_map(|secs| {
            let hops = secs.iter().map(|s| (s / HOP_SECS).round() as usize);
            let mut hops: Vec<usize> = hops.filter(|hop| *hop < n_hops).collect();
            hops.dedup();
            let hops = trimmed(hops, onsets);
            (hops.len() >= MIN_BEATS).then(|| describe(heard, hops))
        })
        .collect()
}

/// Onset strength around a beat, 0..=1.
pub(super) fn strongest(strength: &[f32], hop: usize) -> f64 {
    let around = strength
        .get(hop.saturating_sub(3)..(hop + 4).min(strength.len()))
        .unwrap_or_default();
    f64::from(around.iter().copied().fold(0.0, f32::max).min(1.0))
}

/// The beats from the first onset to the last: the music, without the silence around it.
fn trimmed(mut hops: Vec<usize>, onsets: &[Onset]) -> Vec<usize> {
    let (Some(first), Some(last)) = (onsets.first(), onsets.last()) else {
        return Vec::new();
    };
    let margin = 0.55 * f64::from(median_period(&hops)) * HOP_SECS;
    let music = first.time_secs - margin..last.time_secs + margin;
    hops.retain(|hop| music.contains(&(*hop as f64 * HOP_SECS)));
    hops
}

fn median_period(hops: &[usize]) -> f32 {
    let periods: Vec<f32> = hops.windows(2).map(|w| (w[1] - w[0]) as f32).collect();
    percentile(&periods, 0.5)
}

/// What distinguishes a candidate, apart from its bars.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Profile {
    pub bpm: f32,
    /// Mean activation at beats, and at half, thirds and quarters between them.
    pub on: f32,
    pub half: f32,
    pub thirds: f32,
    pub quarters: f32,
    /// Mean activation of the weaker of all odd and all even beats over that of the stronger.
    pub balance: f32,
    /// See [`clarity`].
    pub clarity: f32,
    /// How much stronger onsets in each band are on beats than halfway between, -1..=1.
    pub bands: [f32; 3],
    /// Mean change of harmony at beats.
    pub harmony: f32,
}

fn describe(heard: &Heard<'_>, hops: Vec<usize>) -> Level {
    let activation = heard.activation;
    let evidence = meter::evidence(heard.features, heard.strength, &hops);
    let at = |hop: usize| {
        let around = hop.saturating_sub(2)..(hop + 3).min(activation.len());
        activation[around].iter().copied().fold(0.0, f32::max)
    };
    let between = |share: f32| {
        let inner = hops
            .windows(2)
            .map(|w| at(w[0] + ((w[1] - w[0]) as f32 * share) as usize));
        inner.sum::<f32>() / (hops.len() - 1) as f32
    };
    let every_other = |first: usize| {
        let values: Vec<f32> = hops
            .iter()
            .skip(first)
            .step_by(2)
            .map(|hop| at(*hop))
            .collect();
        values.iter().sum::<f32>() / values.len().max(1) as f32
    };
    let (even, odd) = (every_other(0), every_other(1));
    let sum = |of: fn(&BeatEvidence) -> [f32; 3], k: usize| {
        evidence.iter().map(|e| of(e)[k]).sum::<f32>()
    };
    let bands = [0, 1, 2].map(|k| {
        let (on, off) = (sum(|e| e.onset, k), sum(|e| e.off_onset, k));
        (on - off) / (on + off).max(1e-6)
    });
    let profile = Profile {
        bpm: 60.0 / (median_period(&hops) * HOP_SECS as f32),
        on: between(0.0),
        half: between(0.5),
        thirds: (between(0.333) + between(0.667)) / 2.0,
        quarters: (between(0.25) + between(0.75)) / 2.0,
        balance: even.min(odd) / even.max(odd).max(1e-6),
        clarity: clarity(activation, &hops),
        bands,
        harmony: evidence.iter().map(|e| e.harmony).sum::<f32>() / evidence.len().max(1) as f32,
    };
    let scores = meter::downbeat_scores(&evidence);
    Level {
        meters: METERS.iter().map(|n| meter::bars(&scores, *n)).collect(),
        repetition: meter::repetition(&evidence, 2 * METERS[METERS.len() - 1]),
        profile,
        hops,
    }
}

/// How regular the sound is at the beats' distance, 0..=1: the autocorrelation of the activation from each beat's
/// surroundings to the next's.
fn clarity(activation: &[f32], hops: &[usize]) -> f32 {
    let mean = activation.iter().sum::<f32>() / activation.len().max(1) as f32;
    let (mut product, mut power) = (0.0f32, 1e-6f32);
    for pair in hops.windows(2) {
        let (start, period) = (pair[0], pair[1] - pair[0]);
        for hop in start..pair[1] {
            let (Some(now), Some(next)) = (activation.get(hop), activation.get(hop + period))
            else {
                break;
            };
            product += (now - mean) * (next - mean);
            power += 0.5 * ((now - mean).powi(2) + (next - mean).powi(2));
        }
    }
    product / power
}

/// The time of the nearest strong onset, where one is close.
fn snapped(secs: f64, onsets: &[Onset]) -> f64 {
    let first = onsets.partition_point(|o| o.time_secs < secs - SNAP_SECS);
    let near = onsets[first..]
        .iter()
        .take_while(|o| o.time_secs <= secs + SNAP_SECS);
    let value = |o: &Onset| o.strength * (-((o.time_secs - secs) / 0.025).powi(2)).exp();
    near.max_by(|a, b| value(a).total_cmp(&value(b)))
        .map_or(secs, |o| o.time_secs)
}

/// Median tempo in beats per minute.
pub(super) fn tempo(beats: &[Beat]) -> Option<f64> {
    let mut intervals: Vec<f64> = beats
        .windows(2)
        .map(|w| w[1].time_secs - w[0].time_secs)
        .collect();
    intervals.sort_by(f64::total_cmp);
    intervals
        .get(intervals.len() / 2)
        .filter(|i| **i > 0.0)
        .map(|i| 60.0 / i)
}
