//! Stage 2: a [`Track`] becomes an [`Analysis`]: what is in the music, in seconds of the gapless track. No video
//! words here.

mod analyze;
#[cfg(feature = "aubio")]
mod aubio;
mod bars;
mod chain;
mod click;
mod confidence;
mod evidence;
mod extent;
mod features;
mod given;
mod hearing;
mod hops;
mod inputs;
mod labels;
mod names;
mod network;
mod neural;
mod novelty;
mod onset;
mod plot;
mod ranks;
mod resample;
mod rhythm;
mod rows;
mod sections;
mod series;
mod sound;
mod stems;
mod stream;
mod summary;
mod tempo;
#[doc(hidden)]
pub mod test_songs;
mod tracker;

pub use analyze::analyze;
pub use click::write_clicks;
#[doc(hidden)]
pub use given::corrections;
pub use given::{
    BeatsEdit, CollectionTrack, Part, TimeSignature, check_fix, collection_tracks, edit_fix,
    fix_path, fix_text,
};
pub use hearing::{Hearing, analyze_kept};
pub use labels::labels;
pub use plot::plot;
pub use ranks::Number;
pub use series::{Series, SeriesReader, Value};
pub use sound::{Key, Mode, pitch_name};
pub use stems::StemFile;
pub use summary::summary;
pub use tracker::TrackerKind;

use std::path::{Path, PathBuf};

use audio::Track;
use serde::{Deserialize, Serialize};

/// Version of [`Analysis`]'s serialised form. Version 1 lacked what is marked so; it can still be read.
pub const SCHEMA_VERSION: u32 = 2;

/// Settings of the analysis.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AnalysisConfig {
    /// How beats are found.
    pub tracker: TrackerKind,
    /// The tempo in beats per minute, where the user knows it; the neural tracker stays within some percent of it.
    pub tempo_bpm: Option<f64>,
    /// Beats in a bar, where the user knows it: 3 for 3/4, 4 for 4/4, 2 for 6/8 (its beat is the dotted quarter).
    pub meter: Option<u32>,
    /// A file with the beats: a label track of Audacity, a table of times, MIDI, or the collection of a DJ program (rekordbox's
    /// XML, Traktor's NML), in which the song is found by its path.
    pub beats_path: Option<PathBuf>,
    /// By how many seconds the beats and sections of `beats_path` are moved; later where above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grid_offset_secs: Option<f64>,
    /// The file of corrections to go by, as [`fix_text`] writes it.
    pub fix_path: Option<PathBuf>,
    /// Parts of the song in files of their own. Beats are tracked with the one called `drums`.
    pub stems: Vec<StemFile>,
}

impl AnalysisConfig {
    /// With the file of corrections beside a song, where there is one.
    pub fn with_corrections_beside(mut self, song: &Path) -> Self {
        self.fix_path = Some(fix_path(song)).filter(|path| path.exists());
        self
    }
}

/// What was found in a song.
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
    /// Probability that the tempo is right within 4 %, 0..=1; 1 where beats are given.
    pub tempo_confidence: f64,
    /// Probability that the beats are right (an F-measure above .9 within 70 ms), 0..=1; 1 where they are given. Mapping relies on energy
    /// alone where it is low.
    pub beat_confidence: f64,
    /// Beats, in order of time.
    pub beats: Vec<Beat>,
    /// Onsets, in order of time.
    pub onsets: Vec<Onset>,
    /// Sections without gaps from 0 to `duration_secs`.
    pub sections: Vec<Section>,
    /// Integrated loudness after ITU-R BS.1770-4 in LUFS; `None` in silence. Since version 2.
    #[serde(default)]
    pub loudness_lufs: Option<f64>,
    /// The key, where there are pitches. Since version 2.
    #[serde(default)]
    pub key: Option<Key>,
    /// How far the song's A4 lies above 440 Hz in cents, -50..50. Since version 2.
    #[serde(default)]
    pub tuning_cents: f64,
    /// Features of each hop.
    pub hops: Hops,
    /// Features of each slow hop. Since version 2.
    #[serde(default)]
    pub slow_hops: SlowHops,
    /// The song's stems that were given. Since version 2.
    #[serde(default)]
    pub stems: Vec<Stem>,
    /// What was taken from the user's files instead of being found. Since version 2.
    #[serde(default)]
    pub corrections: Corrections,
}

/// Files from which parts of an [`Analysis`] were taken.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Corrections {
    /// The tempo or meter that beats were found with.
    pub tempo: Option<PathBuf>,
    /// Beats and their positions in the bar.
    pub beats: Option<PathBuf>,
    /// Sections and their labels.
    pub sections: Option<PathBuf>,
    /// By how many seconds beats and sections of a file were moved, because it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid_offset_secs: Option<f64>,
    /// By how many seconds the beats of a file lie before the strong onsets (negative: behind them), where that is sure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beats_early_secs: Option<f64>,
}

impl Corrections {
    /// What was taken from where, a line each; and whether beats of a file lie beside what is heard.
    pub fn notes(&self) -> Vec<String> {
        let note = |(what, path): (&str, &Option<PathBuf>)| {
            let path = path.as_ref()?.display().to_string();
            Some(format!("{what} from {path}"))
        };
        let mut notes: Vec<String> = [
            ("tempo or meter", &self.tempo),
            ("beats", &self.beats),
            ("sections", &self.sections),
        ]
        .into_iter()
        .filter_map(note)
        .collect();
        let moved_secs = self.grid_offset_secs.unwrap_or(0.0);
        if let Some(secs) = self.grid_offset_secs {
            let way = if secs < 0.0 { "earlier" } else { "later" };
            notes.push(format!(
                "the grid is moved {} {way}",
                milliseconds(secs.abs())
            ));
        }
        if let Some(secs) = self.beats_early_secs {
            let (size, way) = match secs < 0.0 {
                true => (-secs, "late"),
                false => (secs, "early"),
            };
            notes.push(format!(
                "the grid lies {} {way}, measured at strong onsets; if you hear it too, give `grid_offset {}`",
                milliseconds(size),
                milliseconds(moved_secs + secs).replace(' ', "")
            ));
        }
        notes
    }
}

/// Seconds in whole milliseconds.
fn milliseconds(secs: f64) -> String {
    format!("{:.0} ms", secs * 1000.0)
}

/// Loudness at and below which a hop is silent, in dB relative to full scale.
pub const SILENCE_DB: f32 = -70.0;

/// Least [`Analysis::beat_confidence`] of beats that mapping goes by without being told to. Where there is no beat, less is
/// claimed. Beats below one half may have half or double the tempo that people tap; they still go with the music.
pub const MIN_RELIABLE_CONFIDENCE: f64 = 0.3;

impl Analysis {
    /// Whether the beats are sure enough to be gone by. Where they aren't, energy is all there is.
    pub fn has_reliable_beats(&self) -> bool {
        !self.beats.is_empty() && self.beat_confidence >= MIN_RELIABLE_CONFIDENCE
    }

    /// The most frequent number of beats from one downbeat to the next; 1 without bars.
    pub fn beats_per_bar(&self) -> u32 {
        let mut counts = [0usize; 33];
        for pair in self.beats.windows(2) {
            if pair[1].position_in_bar == 1 {
                counts[(pair[0].position_in_bar as usize).min(32)] += 1;
            }
        }
        let most = (1..counts.len()).rev().max_by_key(|n| counts[*n]);
        most.filter(|n| counts[*n] > 0).unwrap_or(1) as u32
    }
}

/// A part of the song in a file of its own: the drums alone, the voice alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stem {
    /// What the user calls it: `drums`, `bass`, `vocals`, `other` or anything else.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the whole file, in lowercase hex.
    pub source_sha256: String,
    /// Its onsets, in order of time.
    pub onsets: Vec<Onset>,
    /// Its onset strength, bands and loudness at each hop of the song.
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
    pub onset_strength: Series<f32>,
    /// Energy of low, mid and high band of each hop, as an amplitude relative to full scale (RMS).
    pub bands: Series<[f32; 3]>,
    /// Loudness of each hop in dB relative to full scale (RMS), at least -120.
    pub loudness_db: Series<f32>,
    /// Amplitude (RMS relative to full scale) of what lasts: voices, strings, pads. Since version 2.
    #[serde(default)]
    pub harmonic: Series<f32>,
    /// Amplitude (RMS relative to full scale) of what strikes: drums, attacks. Since version 2.
    #[serde(default)]
    pub percussive: Series<f32>,
    /// Spectral centroid below 12 kHz, weighted by amplitude, in Hz; 0 in silence. Since version 2.
    #[serde(default)]
    pub brightness_hz: Series<f32>,
}

/// Envelopes at a tenth of a second; slow hop `i` describes the sound around `i * hop_secs` seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SlowHops {
    /// Distance between slow hops in seconds.
    pub hop_secs: f64,
    /// Momentary loudness (0.4 s) after ITU-R BS.1770-4 in LUFS, at least -120.
    pub momentary_lufs: Series<f32>,
    /// Short-term loudness (3 s) after ITU-R BS.1770-4 in LUFS, at least -120.
    pub short_term_lufs: Series<f32>,
    /// `[slow hop][pitch class from C]`, in the song's own tuning, the strongest 1; 0 in silence.
    pub chroma: Series<[f32; 12]>,
    /// Stereo width: the side signal's share of the energy, 0 (mono) ..= 1, 0.5 where left and right are unlike. Empty for
    /// songs with one channel.
    pub width: Series<f32>,
    /// Correlation of left and right, -1..=1; 1 in silence. Empty for songs with one channel.
    pub correlation: Series<f32>,
}
