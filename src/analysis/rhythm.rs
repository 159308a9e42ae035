//! From the times that a tracker proposes to beats with positions in bars, a tempo and how sure they are.

use super::features::HOP_SECS;
use super::meter::{self, Meter};
use super::onset::percentile;
use super::tracker::Heard;
use super::{Beat, Onset};

/// Tempo at which people like to tap, in beats per minute (Moelants 2002).
const PREFERRED_BPM: f32 = 110.0;
/// Bars that are tried: beats in a bar and how much more usual they are than others.
const METERS: [(u32, f32); 3] = [(2, -0.35), (3, -0.1), (4, 0.15)];
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

/// A candidate for the beat, judged.
struct Level {
    hops: Vec<usize>,
    meter: Meter,
    score: f32,
    clarity: f32,
}

/// The best of `candidates` (beats in seconds), with bars. Empty where none is credible.
pub(super) fn choose(candidates: Vec<Vec<f64>>, heard: &Heard<'_>, onsets: &[Onset]) -> Rhythm {
    let n_hops = heard.activation.len();
    let mut levels: Vec<Level> = candidates
        .into_iter()
        .filter_map(|secs| {
            let mut hops: Vec<usize> = secs.iter().map(|s| (s / HOP_SECS).round() as usize).collect();
            hops.retain(|hop| *hop < n_hops);
            hops.dedup();
            let hops = trimmed(hops, onsets);
            (hops.len() >= 4).then(|| judge(heard, hops))
        })
        .collect();
    levels.sort_by(|a, b| b.score.total_cmp(&a.score));
    let Some(best) = levels.first() else {
        return Rhythm::default();
    };
    let beats: Vec<Beat> = best
        .hops
        .iter()
        .zip(&best.meter.positions)
        .map(|(hop, position)| Beat {
            time_secs: snapped(*hop as f64 * HOP_SECS, onsets),
            position_in_bar: *position,
            strength: f64::from(heard.strength.full[*hop].min(1.0)),
        })
        .collect();
    let lead = levels.get(1).map_or(1.0, |second| best.score - second.score);
    let clarity = f64::from(best.clarity.clamp(0.0, 1.0));
    Rhythm {
        tempo_bpm: tempo(&beats),
        tempo_confidence: clarity * f64::from((0.4 + lead).clamp(0.0, 1.0)),
        beat_confidence: clarity,
        beats,
    }
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

fn judge(heard: &Heard<'_>, hops: Vec<usize>) -> Level {
    let activation = heard.activation;
    let evidence = meter::evidence(heard.features, heard.strength, &hops);
    let (meter_value, meter) = best_meter(&evidence, heard.config.meter);
    let bpm = 60.0 / (median_period(&hops) * HOP_SECS as f32);
    let octaves = (bpm / PREFERRED_BPM).log2();
    let at = |hop: usize| {
        let around = hop.saturating_sub(2)..(hop + 3).min(activation.len());
        activation[around].iter().copied().fold(0.0, f32::max)
    };
    let between = |share: f32| {
        let inner = hops.windows(2).map(|w| at(w[0] + ((w[1] - w[0]) as f32 * share) as usize));
        inner.sum::<f32>() / (hops.len() - 1) as f32
    };
    let every_other = |first: usize| {
        let values: Vec<f32> = hops.iter().skip(first).step_by(2).map(|hop| at(*hop)).collect();
        values.iter().sum::<f32>() / values.len().max(1) as f32
    };
    let (on, half) = (between(0.0), between(0.5));
    let (even, odd) = (every_other(0), every_other(1));
    // Where every other beat is empty, the beat is slower.
    let balance = even.min(odd) / even.max(odd).max(1e-6);
    let score = 1.2 * (on - half) + 0.8 * on - 0.6 * octaves * octaves + 0.45 * meter_value
        - 3.0 * (0.45 - balance).max(0.0);
    let clarity = clarity(activation, &hops);
    if std::env::var_os("LAB").is_some() {
        let sum = |f: &dyn Fn(&meter::BeatEvidence) -> [f32; 3]| {
            evidence.iter().map(f).fold([0.0f32; 3], |a, b| [a[0] + b[0], a[1] + b[1], a[2] + b[2]])
        };
        let (o, f) = (sum(&|e| e.onset), sum(&|e| e.off_onset));
        let bands = [0, 1, 2].map(|k| (o[k] - f[k]) / (o[k] + f[k]).max(1e-6));
        let scores = meter::downbeat_scores(&evidence);
        let repetition = meter::repetition(&evidence, 16);
        let bars: Vec<_> = (2..=7).map(|n| { let m = meter::bars(&scores, n); (n, m.contrast, m.positions.iter().position(|p| *p == 1), m.positions) }).collect();
        let harm = |half: bool| -> f32 { let _ = half; evidence.iter().map(|e| e.harmony).sum::<f32>() / evidence.len() as f32 };
        eprintln!("CAND {}", serde_json::json!({"bpm": bpm, "n": hops.len(), "on": on, "half": half, "third": (between(0.333) + between(0.667)) / 2.0, "bal": balance, "bands": bands, "clar": clarity,
            "q": (between(0.25) + between(0.75)) / 2.0, "harm": harm(false), "rep": repetition, "bars": bars, "hops": hops,
            "mean": activation.iter().sum::<f32>() / activation.len() as f32, "scores": scores, "ev": evidence.iter().map(|e| (e.harmony, e.bass, e.onset, e.off_onset)).collect::<Vec<_>>()}));
    }
    Level { hops, meter, score, clarity }
}

/// The bars that explain the beats best, and how well.
fn best_meter(evidence: &[meter::BeatEvidence], wanted: Option<u32>) -> (f32, Meter) {
    let scores = meter::downbeat_scores(evidence);
    let repetition = meter::repetition(evidence, 12);
    let wanted = wanted.map(|n| [(n.clamp(1, 12), 0.0)]);
    let meters = wanted.as_ref().map_or(METERS.as_slice(), |w| w.as_slice());
    let mut best: Option<(f32, Meter)> = None;
    for (n, usual) in meters {
        let meter = meter::bars(&scores, *n as usize);
        let again = |lag: u32| repetition.get(lag as usize - 1).copied().unwrap_or(0.0);
        let value = 0.5 * meter.contrast + 1.5 * again(*n) + 0.75 * again(2 * n) + usual;
        if best.as_ref().is_none_or(|(b, _)| value > *b) {
            best = Some((value, meter));
        }
    }
    best.unwrap_or_default()
}

/// How regular the sound is at the beats' distance, 0..=1: the autocorrelation of the activation from each beat's
/// surroundings to the next's.
fn clarity(activation: &[f32], hops: &[usize]) -> f32 {
    let mean = activation.iter().sum::<f32>() / activation.len().max(1) as f32;
    let (mut product, mut power) = (0.0f32, 1e-6f32);
    for pair in hops.windows(2) {
        let (start, period) = (pair[0], pair[1] - pair[0]);
        for hop in start..pair[1] {
            let (Some(now), Some(next)) = (activation.get(hop), activation.get(hop + period)) else {
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
    let near = onsets[first..].iter().take_while(|o| o.time_secs <= secs + SNAP_SECS);
    let value = |o: &Onset| o.strength * (-((o.time_secs - secs) / 0.025).powi(2)).exp();
    near.max_by(|a, b| value(a).total_cmp(&value(b))).map_or(secs, |o| o.time_secs)
}

/// Median tempo in beats per minute.
fn tempo(beats: &[Beat]) -> Option<f64> {
    let mut intervals: Vec<f64> = beats.windows(2).map(|w| w[1].time_secs - w[0].time_secs).collect();
    intervals.sort_by(f64::total_cmp);
    intervals.get(intervals.len() / 2).filter(|i| **i > 0.0).map(|i| 60.0 / i)
}
