//! The pass over a track, from samples to [`Analysis`].

use super::features::{FeatureExtractor, Features, N_FFT};
use super::given::{self, Given};
use super::hops::{HOP_LENGTH, HOP_SECS};
use super::inputs::Inputs;
use super::network::{self, Activations};
use super::onset::{self, OnsetStrength};
use super::sound::{SoundMeter, rounded};
use super::tracker::{self, Heard};
use super::{
    Analysis, AnalysisConfig, Hops, SCHEMA_VERSION, names, rhythm, sections, stems, stream, tempo,
};
use crate::{Result, Track};

/// Hops between the spectra that are kept to compare bars: 40 ms.
const HOPS_PER_SPECTRUM: usize = 4;

/// Listens to a track: one pass over its samples (and over those of its stems), then some arithmetic on a few kilobytes for
/// each second. What `config` gives is not heard but taken.
///
/// # Errors
/// As for [`Track::blocks`]; those of the files that `config` names.
pub fn analyze(track: &Track, config: &AnalysisConfig) -> Result<Analysis> {
    let given = Given::read(config, track.duration_secs)?;
    let stem_tracks = stems::open(track, &config.stems)?;
    let mut tracker = tracker::tracker(config.tracker, track.sample_rate_hz)?;
    let mut extractor = FeatureExtractor::new(track.duration_secs);
    let mut sound = SoundMeter::new(track.sample_rate_hz, track.n_channels as usize);
    stream::listen(
        track,
        |batch| {
            extractor.push(&batch.resampled);
            tracker.push(&batch.mono)
        },
        |batch| sound.push(&batch.interleaved, &batch.resampled),
    )?;
    let (mut features, sound) = (extractor.finish(), sound.finish());
    let (strength, mut activations) = hear(&features);
    features.spectrogram.thin_out(HOPS_PER_SPECTRUM);
    let onsets = onset::find(&features, &strength, &activations);
    let mut hops = hops_of(&features, &strength, track.sample_rate_hz);
    (hops.harmonic, hops.percussive, hops.brightness_hz) =
        (sound.harmonic, sound.percussive, sound.brightness_hz);
    let mut heard_stems = Vec::new();
    for (name, stem) in &stem_tracks {
        let heard = stems::hear(name, stem, features.n_hops)?;
        if heard.is_drums() {
            activations.led_by(&heard.activations);
        }
        heard_stems.push(heard.stem);
    }
    let heard = Heard {
        features: &features,
        strength: &strength,
        activations: &activations,
        period: tempo::period(&features, &strength, &onsets, given.meter),
        config: &AnalysisConfig {
            tempo_bpm: given.tempo_bpm,
            meter: given.meter,
            ..config.clone()
        },
    };
    let rhythm = match &given.beats {
        Some(beats) => given::rhythm(beats, &heard),
        None => rhythm::choose(&tracker.finish(&heard)?, &heard, &onsets),
    };
    let sections = match given.sections {
        Some(given) => {
            let parts: Vec<_> = given.into_iter().map(|s| (s.start_secs, s.label)).collect();
            sections::between(&features, &parts, track.duration_secs)
        }
        None => {
            let mut sections = sections::find(&features, &rhythm.beats, track.duration_secs);
            let traits = |section| names::Traits::of(section, &hops, &sound.slow_hops);
            let traits: Vec<_> = sections.iter().map(traits).collect();
            names::name(&mut sections, &traits);
            sections
        }
    };
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
        loudness_lufs: sound.loudness_lufs,
        key: sound.key,
        tuning_cents: sound.tuning_cents,
        hops,
        slow_hops: sound.slow_hops,
        stems: heard_stems,
        corrections: given.corrections,
    })
}

/// Onset strength of each hop, and what the network hears.
pub(super) fn hear(features: &Features) -> (OnsetStrength, Activations) {
    let inputs = Inputs::of(features);
    rayon::join(
        || OnsetStrength::of(features, &inputs),
        || network::activations(&inputs),
    )
}

/// Numbers that are short in JSON.
fn short(values: &[f32], steps: f32) -> Vec<f32> {
    values.iter().map(|value| rounded(*value, steps)).collect()
}

pub(super) fn hops_of(features: &Features, strength: &OnsetStrength, sample_rate_hz: u32) -> Hops {
    let in_song = |n: usize| (n as f64 / 24_000.0 * f64::from(sample_rate_hz)).round() as u32;
    Hops {
        hop_length: in_song(HOP_LENGTH),
        hop_secs: HOP_SECS,
        n_fft: in_song(N_FFT),
        onset_strength: short(&strength.full, 1e4),
        bands: features
            .bands
            .iter()
            .map(|bands| bands.map(|b| rounded(b, 1e6)))
            .collect(),
        loudness_db: short(&features.loudness_db, 100.0),
        ..Hops::default()
    }
}
