//! Stage 2: a [`Track`] becomes an [`Analysis`]: what was heard, in seconds of the gapless track. No video
//! words here.

mod analyze;
#[cfg(feature = "aubio")]
mod aubio;
mod bar_pointer;
mod click;
mod confidence;
mod features;
mod inputs;
mod labels;
mod network;
mod onset;
mod plot;
mod pulse;
mod resample;
mod rhythm;
mod sections;
mod summary;
mod tracker;

pub use analyze::analyze;
pub use click::write_clicks;
pub use labels::labels;
pub use plot::plot;
pub use summary::summary;
pub use tracker::TrackerKind;

use serde::{Deserialize, Serialize};

use crate::Track;

/// Version of [`Analysis`]'s serialised form.
pub const SCHEMA_VERSION: u32 = 1;

/// Settings of the analysis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalysisConfig {
    /// How beats are found.
    pub tracker: TrackerKind,
    /// The tempo in beats per minute, where the user knows it; the pulse tracker stays within some percent of it.
    pub tempo_bpm: Option<f64>,
    /// Beats in a bar, where the user knows it: 3 for 3/4, 4 for 4/4, 2 for 6/8 (its beat is the dotted quarter).
    pub meter: Option<u32>,
}

/// What was heard in a song.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Analysis {
    /// Version of this type's serialised form.
    pub schema_version: u32,
    /// The song.
    pub track: Track,
    /// Length of the song in seconds.
    pub duration_secs: f64,
    /// Samples per second of the song.
    pub sample_rate_hz: u32,
    /// Median tempo in beats per minute; absent where no beat was found.
    pub tempo_bpm: Option<f64>,
    /// How sure the tempo is, 0..=1.
    pub tempo_confidence: f64,
    /// How sure the beats are, 0..=1. Mapping relies on energy alone where it is low.
    pub beat_confidence: f64,
    /// Beats, in order of time.
    pub beats: Vec<Beat>,
    /// Onsets, in order of time.
    pub onsets: Vec<Onset>,
    /// Sections without gaps from 0 to `duration_secs`.
    pub sections: Vec<Section>,
    /// Features of each hop.
    pub hops: Hops,
}

/// A beat.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    /// Time in seconds.
    pub time_secs: f64,
    /// Position in the bar, from 1; 1 is a downbeat.
    pub position_in_bar: u32,
    /// Onset strength around the beat, 0..=1 over the song.
    pub strength: f64,
}

/// The start of a sound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Onset {
    /// Time in seconds.
    pub time_secs: f64,
    /// Strength, 0..=1 over the song.
    pub strength: f64,
    /// Where most of the onset's energy lies.
    pub band: Band,
}

/// Part of the spectrum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Band {
    /// 20 to 200 Hz: kick and bass.
    Low,
    /// 200 Hz to 2.5 kHz: voice, snare, most harmony.
    Mid,
    /// Above 2.5 kHz: hats, cymbals, air.
    High,
}

/// A part of the song, `start_secs..end_secs` (half-open).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Start in seconds.
    pub start_secs: f64,
    /// End in seconds, not included.
    pub end_secs: f64,
    /// Repeated sections share a label.
    pub label: String,
    /// Mean loudness, 0..=1 over the song.
    pub energy: f64,
}

/// Envelopes at a constant hop; hop `i` describes the sound around `i * hop_length / sample_rate_hz` seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Hops {
    /// Distance between hops in samples of the song.
    pub hop_length: u32,
    /// Distance between hops in seconds.
    pub hop_secs: f64,
    /// STFT length in samples.
    pub n_fft: u32,
    /// Onset strength of each hop, 0 or more, 1 at the song's 99th percentile.
    pub onset_strength: Vec<f32>,
    /// Energy of low, mid and high band of each hop, as an amplitude relative to full scale (RMS).
    pub bands: Vec<[f32; 3]>,
    /// Loudness of each hop in dB relative to full scale (RMS), at least -120.
    pub loudness_db: Vec<f32>,
}
