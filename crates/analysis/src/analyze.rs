//! The pass over a track, from samples to [`Analysis`].

use audio::Track;
use common::Result;

use super::evidence::{evidence, hops_of};
use super::features::FeatureExtractor;
use super::given::{self, Given};
use super::neural::NeuralTracker;
use super::sound::SoundMeter;
use super::tracker::{BeatTracker, Evidence, TrackerKind};
use super::{
    Analysis, AnalysisConfig, SCHEMA_VERSION, names, onset, rhythm, sections, stems, stream, tempo,
};

/// Hops between the spectra that are kept to compare bars: 40 ms.
const HOPS_PER_SPECTRUM: usize = 4;

/// Analyzes a track: one pass over its samples (and over those of its stems), then some arithmetic on a few kilobytes for
/// each second. What `config` gives is taken as it is.
///
/// # Errors
/// As for [`Track::blocks`]; those of the files that `config` names.
pub fn analyze(track: &Track, config: &AnalysisConfig) -> Result<Analysis> {
    let mut given = Given::read(config, &track.path, track.duration_secs)?;
    let stem_tracks = stems::open(track, &config.stems)?;
    let mut tracker = tracker_of(config.tracker, track.sample_rate_hz)?;
    let mut extractor = FeatureExtractor::new(track.duration_secs);
    let mut sound = SoundMeter::new(track.sample_rate_hz, track.n_channels as usize);
    stream::decode(
        track,
        |batch| {
            extractor.push(&batch.resampled);
            tracker.push(&batch.mono)
        },
        |batch| sound.push(&batch.interleaved, &batch.resampled),
    )?;
    let (mut features, sound) = (extractor.finish(), sound.finish());
    let (strength, mut activations) = evidence(&features);
    features.spectrogram.thin_out(HOPS_PER_SPECTRUM);
    let onsets = onset::find(&features, &strength, &activations);
    let mut hops = hops_of(&features, &strength, track.sample_rate_hz);
    (hops.harmonic, hops.percussive, hops.brightness_hz) =
        (sound.harmonic, sound.percussive, sound.brightness_hz);
    let mut analyzed_stems = Vec::new();
    for (name, stem) in &stem_tracks {
        let analyzed = stems::analyze(name, stem, features.n_hops)?;
        if analyzed.is_drums() {
            activations.merge_drum_activations(&analyzed.activations);
        }
        analyzed_stems.push(analyzed.stem);
    }
    let evidence = Evidence {
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
        Some(beats) => given::rhythm(beats, &evidence),
        None => rhythm::choose(&tracker.finish(&evidence)?, &evidence, &onsets),
    };
    let rhythm = match &given.locked {
        Some(locked) => given::with_locked(rhythm, locked, &evidence),
        None => rhythm,
    };
    if config.beats_path.is_some() {
        given.corrections.beats_early_secs = given::offset_secs(&rhythm.beats, &onsets);
    }
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
        stems: analyzed_stems,
        corrections: given.corrections,
    })
}

/// A tracker for a song at `sample_rate_hz`.
///
/// # Errors
/// [`common::Error::Config`] where this build lacks it.
pub(super) fn tracker_of(kind: TrackerKind, sample_rate_hz: u32) -> Result<Box<dyn BeatTracker>> {
    match kind {
        TrackerKind::Neural => Ok(Box::new(NeuralTracker)),
        #[cfg(feature = "aubio")]
        TrackerKind::Aubio => Ok(Box::new(super::aubio::AubioTracker::new(sample_rate_hz)?)),
        #[cfg(not(feature = "aubio"))]
        TrackerKind::Aubio => {
            let _ = sample_rate_hz;
            Err(common::Error::Config {
                name: "tracker",
                value: "aubio".to_owned(),
                allowed: "this build has only neural; build with --features aubio for it"
                    .to_owned(),
            })
        }
    }
}
