//! The pass over a track, from samples to [`Analysis`].

use super::features::{FeatureExtractor, Features, HOP_LENGTH, HOP_SECS, N_FFT};
use super::onset::{self, OnsetStrength};
use super::{Analysis, AnalysisConfig, Beat, Hops, Onset, SCHEMA_VERSION, Section, rhythm};
use crate::{Result, Track};

/// Listens to a track: one pass over its samples, then some arithmetic on a few kilobytes for each second.
///
/// # Errors
/// As for [`Track::blocks`].
pub fn analyze(track: &Track, _config: &AnalysisConfig) -> Result<Analysis> {
    let mut extractor = FeatureExtractor::new(track.sample_rate_hz)?;
    for block in track.blocks(0..track.n_samples)?.mono() {
        extractor.push(&block?.samples)?;
    }
    let features = extractor.finish()?;
    let strength = OnsetStrength::of(&features);
    let onsets = onset::find(&features, &strength);
    let levels = rhythm::levels(&features, &strength);
    let beats = match levels.first() {
        Some(level) => level
            .hops
            .iter()
            .zip(&level.meter.positions)
            .map(|(hop, position)| Beat {
                time_secs: snapped(rhythm::secs(*hop), &onsets),
                position_in_bar: *position,
                strength: f64::from(strength.full[*hop].min(1.0)),
            })
            .collect(),
        None => Vec::new(),
    };
    let tempo_bpm = tempo(&beats);
    Ok(Analysis {
        schema_version: SCHEMA_VERSION,
        track: track.clone(),
        duration_secs: track.duration_secs,
        sample_rate_hz: track.sample_rate_hz,
        tempo_bpm,
        tempo_confidence: 0.5,
        beat_confidence: 0.5,
        beats,
        onsets,
        sections: vec![Section {
            start_secs: 0.0,
            end_secs: track.duration_secs,
            label: "A".to_owned(),
            energy: 1.0,
        }],
        hops: hops_of(features, strength, track.sample_rate_hz),
    })
}

/// The time of the nearest strong onset, where one is close.
fn snapped(secs: f64, onsets: &[Onset]) -> f64 {
    let first = onsets.partition_point(|o| o.time_secs < secs - 0.04);
    onsets[first..]
        .iter()
        .take_while(|o| o.time_secs <= secs + 0.04)
        .max_by(|a, b| {
            let value = |o: &Onset| o.strength * (-((o.time_secs - secs) / 0.025).powi(2)).exp();
            value(a).total_cmp(&value(b))
        })
        .map_or(secs, |o| o.time_secs)
}

/// Median tempo in beats per minute.
fn tempo(beats: &[Beat]) -> Option<f64> {
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

fn hops_of(features: Features, strength: OnsetStrength, sample_rate_hz: u32) -> Hops {
    let in_song = |n: usize| (n as f64 / 24_000.0 * f64::from(sample_rate_hz)).round() as u32;
    Hops {
        hop_length: in_song(HOP_LENGTH),
        hop_secs: HOP_SECS,
        n_fft: in_song(N_FFT),
        onset_strength: strength.full,
        bands: features.bands,
        loudness_db: features.loudness_db,
    }
}
