//! The pass over a track, from samples to [`Analysis`].

use super::features::{FeatureExtractor, Features, HOP_LENGTH, HOP_SECS, N_FFT};
use super::inputs::{self, Levels};
use super::onset::{self, OnsetStrength};
use super::tracker::{self, Heard};
use super::{Analysis, AnalysisConfig, Hops, SCHEMA_VERSION, network, rhythm, sections};
use crate::{Result, Track};

/// Hops between the spectra that are kept to compare bars: 40 ms.
const HOPS_PER_SPECTRUM: usize = 4;

/// Listens to a track: one pass over its samples, then some arithmetic on a few kilobytes for each second.
///
/// # Errors
/// As for [`Track::blocks`].
pub fn analyze(track: &Track, config: &AnalysisConfig) -> Result<Analysis> {
    let mut extractor = FeatureExtractor::new(track.sample_rate_hz, track.duration_secs)?;
    let mut tracker = tracker::tracker(config.tracker, track.sample_rate_hz)?;
    for block in track.blocks(0..track.n_samples)?.mono() {
        let samples = block?.samples;
        extractor.push(&samples)?;
        tracker.push(&samples)?;
    }
    let mut features = extractor.finish()?;
    let reference_db = inputs::reference_levels(&features.loudness_db);
    let levels = Levels::new(&features, &reference_db);
    let strength = OnsetStrength::of(&levels, features.n_hops);
    let activations = network::activations(&levels, features.n_hops, &inputs::harmony(&features));
    features.spectrogram.thin_out(HOPS_PER_SPECTRUM);
    let onsets = onset::find(&features, &strength, &activations);
    let heard = Heard {
        features: &features,
        strength: &strength,
        activations: &activations,
        config,
    };
    let rhythm = rhythm::choose(tracker.finish(&heard)?, &heard, &onsets);
    let sections = sections::find(&features, &rhythm.beats, track.duration_secs);
    Ok(Analysis {
        schema_version: SCHEMA_VERSION,
        track: track.clone(),
        duration_secs: track.duration_secs,
        sample_rate_hz: track.sample_rate_hz,
        tempo_bpm: rhythm.tempo_bpm,
        tempo_confidence: rhythm.tempo_confidence,
        beat_confidence: rhythm.beat_confidence,
        beats: rhythm.beats,
        onsets,
        sections,
        hops: hops_of(features, strength, track.sample_rate_hz),
    })
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
