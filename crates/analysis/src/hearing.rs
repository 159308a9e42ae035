//! A track in two steps: what is heard in it, and what follows from that. The first takes seconds to minutes, the second a moment: a
//! program in which beats are corrected keeps the first.

use audio::Track;
use common::Result;

use super::evidence::{evidence, hops_of};
use super::features::{FeatureExtractor, Features};
use super::given::{self, Given};
use super::network::Activations;
use super::onset::OnsetStrength;
use super::rhythm::Rhythm;
use super::series::Series;
use super::sound::{Sound, SoundHops, SoundMeter};
use super::stems::StemFile;
use super::tracker::{BeatTracker, Evidence, TrackerKind};
use super::{
    Analysis, AnalysisConfig, Corrections, Hops, Onset, SCHEMA_VERSION, Section, Stem, names,
    onset, rhythm, sections, stems, stream, tempo,
};
use crate::analyze::tracker_of;
use crate::resample::ANALYSIS_RATE_HZ;

/// Share of the time that the pass over the samples takes, about; the networks take the rest.
const PASS_SHARE: f64 = 0.7;

/// What is heard in a track, before beats and sections are decided on: some kilobytes for each second.
pub struct Hearing {
    tracker: TrackerKind,
    stem_files: Vec<StemFile>,
    features: Features,
    strength: OnsetStrength,
    activations: Activations,
    sound_hops: SoundHops,
    heard: Heard,
}

/// The part of an analysis that no correction changes.
#[derive(Clone)]
struct Heard {
    track: Track,
    onsets: Vec<Onset>,
    sound: Sound,
    stems: Vec<Stem>,
}

/// The part that follows from corrections.
struct Decided {
    rhythm: Rhythm,
    sections: Vec<Section>,
    /// Whether the sections were found, and have letters for names.
    are_found: bool,
    corrections: Corrections,
}

/// As [`analyze`](crate::analyze), for a track that is analyzed again and again with other corrections: what is heard is kept in
/// `kept`, which is empty at first and belongs to this track. `observe` gets the share of the hearing that is done, 0..=1, and may end
/// the work by an error.
///
/// # Errors
/// As for [`analyze`](crate::analyze), and those of `observe`.
pub fn analyze_kept(
    track: &Track,
    config: &AnalysisConfig,
    kept: &mut Option<Hearing>,
    observe: &mut dyn FnMut(f64) -> Result<()>,
) -> Result<Analysis> {
    let given = Given::read(config, &track.path, track.duration_secs)?;
    let (hearing, tracker) = match kept.take().filter(|hearing| hearing.suits(config)) {
        Some(hearing) => (hearing, tracker_of(config.tracker, track.sample_rate_hz)?),
        None => Hearing::with_tracker(track, config, observe)?,
    };
    let hearing = kept.insert(hearing);
    let decided = hearing.decide(config, given, tracker)?;
    let hops = hearing.hops()?;
    hearing.heard.clone().with(decided, hops)
}

impl Hearing {
    /// Whether an analysis with other settings may go by it: the stems are the same, and the tracker needs no samples.
    fn suits(&self, config: &AnalysisConfig) -> bool {
        self.tracker == config.tracker
            && self.tracker == TrackerKind::Neural
            && self.stem_files == config.stems
    }

    /// What follows from it, without a copy; the tracker is the one that took the samples.
    pub(super) fn into_analysis(
        mut self,
        config: &AnalysisConfig,
        given: Given,
        tracker: Box<dyn BeatTracker>,
    ) -> Result<Analysis> {
        let decided = self.decide(config, given, tracker)?;
        // What is not needed any more makes room for the hops.
        self.activations = Activations::default();
        let hops = self.hops()?;
        self.heard.with(decided, hops)
    }

    /// The song's hops.
    fn hops(&self) -> Result<Hops> {
        let rate_hz = self.heard.track.sample_rate_hz;
        let (bands, loudness_db) = (&self.features.bands, &self.features.loudness_db);
        let mut hops = hops_of(bands, &self.strength.full, loudness_db, rate_hz)?;
        self.sound_hops.fill(&mut hops);
        Ok(hops)
    }

    /// Hears a track and the stems that `config` names; with the tracker, which took the samples.
    pub(super) fn with_tracker(
        track: &Track,
        config: &AnalysisConfig,
        observe: &mut dyn FnMut(f64) -> Result<()>,
    ) -> Result<(Self, Box<dyn BeatTracker>)> {
        let stem_tracks = stems::open(track, &config.stems)?;
        let mut tracker = tracker_of(config.tracker, track.sample_rate_hz)?;
        let mut extractor = FeatureExtractor::new();
        let mut sound = SoundMeter::new(track.sample_rate_hz, track.n_channels as usize);
        let n_samples = (track.duration_secs * f64::from(ANALYSIS_RATE_HZ)).max(1.0);
        let mut n_taken = 0;
        stream::decode(
            track,
            |batch| {
                extractor.push(&batch.resampled);
                tracker.push(&batch.mono)?;
                n_taken += batch.resampled.len();
                observe(PASS_SHARE * (n_taken as f64 / n_samples).min(1.0))
            },
            |batch| sound.push(&batch.interleaved, &batch.resampled),
        )?;
        let mut features = extractor.finish();
        let (sound, sound_hops) = sound.finish()?;
        let (strength, mut activations) = evidence(&features)?;
        let onsets = onset::find(&features, &strength, &activations)?;
        features.forget_details();
        activations.onset = Series::default();
        let mut analyzed_stems = Vec::new();
        for (name, stem) in &stem_tracks {
            let analyzed = stems::analyze(name, stem, features.n_hops)?;
            if analyzed.is_drums() {
                activations.merge_drum_activations(&analyzed.activations)?;
            }
            analyzed_stems.push(analyzed.stem);
        }
        let hearing = Self {
            tracker: config.tracker,
            stem_files: config.stems.clone(),
            features,
            strength,
            activations,
            sound_hops,
            heard: Heard {
                track: track.clone(),
                onsets,
                sound,
                stems: analyzed_stems,
            },
        };
        Ok((hearing, tracker))
    }

    fn decide(
        &self,
        config: &AnalysisConfig,
        mut given: Given,
        tracker: Box<dyn BeatTracker>,
    ) -> Result<Decided> {
        let (features, onsets) = (&self.features, &self.heard.onsets);
        let heard = tempo::Heard {
            features,
            strength: &self.strength,
            activations: &self.activations,
            onsets,
        };
        let evidence = Evidence {
            features,
            strength: &self.strength,
            activations: &self.activations,
            likely: tempo::likely(&heard, given.meter)?,
            config: &AnalysisConfig {
                tempo_bpm: given.tempo_bpm,
                meter: given.meter,
                ..config.clone()
            },
        };
        let rhythm = match &given.beats {
            Some(beats) => given::rhythm(beats, &evidence)?,
            None => rhythm::choose(&tracker.finish(&evidence)?, &evidence, onsets)?,
        };
        let rhythm = match &given.locked {
            Some(locked) => given::with_locked(rhythm, locked, &evidence)?,
            None => rhythm,
        };
        if config.beats_path.is_some() {
            given.corrections.beats_early_secs = given::offset_secs(&rhythm.beats, onsets);
        }
        let duration_secs = self.heard.track.duration_secs;
        let are_found = given.sections.is_none();
        let sections = match given.sections {
            Some(given) => {
                let parts: Vec<_> = given.into_iter().map(|s| (s.start_secs, s.label)).collect();
                sections::between(features, &parts, duration_secs)?
            }
            None => sections::find(features, &rhythm.beats, duration_secs)?,
        };
        Ok(Decided {
            rhythm,
            sections,
            are_found,
            corrections: given.corrections,
        })
    }
}

impl Heard {
    fn with(self, decided: Decided, hops: Hops) -> Result<Analysis> {
        let Self { track, sound, .. } = self;
        let (rhythm, mut sections) = (decided.rhythm, decided.sections);
        if decided.are_found {
            let traits = |section| names::Traits::of(section, &hops, &sound.slow_hops);
            let traits: Vec<_> = sections.iter().map(traits).collect::<Result<_>>()?;
            names::name(&mut sections, &traits);
        }
        Ok(Analysis {
            schema_version: SCHEMA_VERSION,
            duration_secs: track.duration_secs,
            sample_rate_hz: track.sample_rate_hz,
            track,
            tempo_bpm: rhythm.tempo_bpm,
            tempo_confidence: rhythm.tempo_confidence,
            beat_confidence: rhythm.beat_confidence,
            beats: rhythm.beats,
            onsets: self.onsets,
            sections,
            loudness_lufs: sound.loudness_lufs,
            key: sound.key,
            tuning_cents: sound.tuning_cents,
            hops,
            slow_hops: sound.slow_hops,
            stems: self.stems,
            corrections: decided.corrections,
        })
    }
}
