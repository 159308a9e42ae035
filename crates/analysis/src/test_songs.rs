//! Songs on paper, for the tests of this stage and of those behind it.

use audio::Track;

use crate::{self as analysis, Analysis, Band, Beat, Hops, Onset, Section, SlowHops};

/// A song at 120 beats per minute in 4/4, with a hop of 10 ms.
pub struct Song {
    /// Its length in seconds.
    pub duration_secs: f64,
    /// Loudness in dB by time in seconds.
    pub loudness_db: fn(f64) -> f32,
    /// Its hits.
    pub onsets: Vec<Onset>,
    /// Start in seconds and label of each section.
    pub sections: Vec<(f64, &'static str)>,
}

impl Default for Song {
    /// A minute with a quiet half and a loud one, a hit on every beat of the second half.
    fn default() -> Self {
        let beats = (60..118).map(|i| 0.5 * f64::from(i));
        Self {
            duration_secs: 60.0,
            loudness_db: |secs| if secs < 30.0 { -30.0 } else { -10.0 },
            onsets: beats.map(|secs| onset(secs, 0.8, Band::Low)).collect(),
            sections: vec![
                (0.0, "verse"),
                (14.3, "chorus"),
                (30.1, "verse"),
                (46.2, "chorus"),
            ],
        }
    }
}

/// A hit.
pub fn onset(time_secs: f64, strength: f64, band: Band) -> Onset {
    Onset {
        time_secs,
        strength,
        band,
    }
}

impl Song {
    /// The file that isn't there, as it would be read from JSON.
    #[expect(clippy::expect_used, reason = "the JSON is written here")]
    fn track(&self, sample_rate_hz: u32) -> Track {
        let track = serde_json::json!({
            "schema_version": 1,
            "path": "song.flac",
            "source_sha256": "00".repeat(32),
            "codec": "flac",
            "sample_rate_hz": sample_rate_hz,
            "n_channels": 2,
            "n_samples": (self.duration_secs * f64::from(sample_rate_hz)).round() as u64,
            "duration_secs": self.duration_secs,
            "skip_samples": 0,
        });
        serde_json::from_value(track).expect("a track")
    }

    /// What the analysis would find in it.
    pub fn analysis(&self) -> Analysis {
        let sample_rate_hz = 44100;
        let hop_secs = 0.01;
        let n_hops = (self.duration_secs / hop_secs).ceil() as usize;
        let hop_times = (0..n_hops).map(|i| i as f64 * hop_secs);
        let n_beats = (self.duration_secs / 0.5).ceil() as u32;
        let beat = |i: u32| Beat {
            time_secs: 0.5 * f64::from(i),
            position_in_bar: i % 4 + 1,
            strength: 0.5,
        };
        let ends = self
            .sections
            .iter()
            .skip(1)
            .map(|(start, _)| *start)
            .chain([self.duration_secs]);
        let section = |((start_secs, label), end_secs): (&(f64, &str), f64)| Section {
            start_secs: *start_secs,
            end_secs,
            label: (*label).to_owned(),
            energy: 0.5,
        };
        let bands = |secs: f64| {
            let mut bands = [0.1f32; 3];
            for onset in &self.onsets {
                let since = secs - onset.time_secs;
                if (-0.005..0.08).contains(&since) {
                    bands[onset.band as usize] = 0.1 + 0.4 * onset.strength as f32;
                }
            }
            bands
        };
        let onset_strength = |secs: f64| {
            let is_hit = |o: &Onset| (0.0..0.03).contains(&(secs - o.time_secs));
            if self.onsets.iter().any(is_hit) {
                0.9
            } else {
                0.02
            }
        };
        Analysis {
            schema_version: analysis::SCHEMA_VERSION,
            track: self.track(sample_rate_hz),
            duration_secs: self.duration_secs,
            sample_rate_hz,
            tempo_bpm: Some(120.0),
            tempo_confidence: 1.0,
            beat_confidence: 1.0,
            beats: (0..n_beats).map(beat).collect(),
            onsets: self.onsets.clone(),
            sections: self.sections.iter().zip(ends).map(section).collect(),
            hops: Hops {
                hop_length: 441,
                hop_secs,
                n_fft: 2048,
                onset_strength: hop_times.clone().map(onset_strength).collect(),
                bands: hop_times.clone().map(bands).collect(),
                loudness_db: hop_times.clone().map(self.loudness_db).collect(),
                percussive: hop_times.map(onset_strength).collect(),
                ..Hops::default()
            },
            loudness_lufs: Some(-14.0),
            key: None,
            tuning_cents: 0.0,
            slow_hops: SlowHops::default(),
            stems: Vec::new(),
            corrections: analysis::Corrections::default(),
        }
    }
}
