//! One pass over the samples: everything that later steps need, at some kilobytes for each second of sound, most of which
//! don't stay in memory (see `rows.rs`).

mod envelopes;
mod levels;
mod pitches;
mod spectrogram;
mod spectrum;
mod sums;

pub(super) use envelopes::Envelopes;
pub(super) use levels::{FLOOR_DB, from_step};
pub(super) use spectrogram::{CoarseReader, CoarseSpectrogram, Levels, LogSpectrogram};
pub(super) use spectrum::Spectrum;

use audio::Track;
use common::Result;
use common::rounding::rounded_f32;
use envelopes::EnvelopeFollower;
use levels::db;
use pitches::Pitches;
use spectrogram::Filterbank;
use sums::sum;

use super::hops::{HOPS_PER_SEC, Hops};
use super::resample::ANALYSIS_RATE_HZ;
use super::series::{Series, SeriesWriter};
use super::stream::{self, Batch};

/// STFT length in samples at [`ANALYSIS_RATE_HZ`]: 42.7 ms.
pub const N_FFT: usize = 1024;
/// STFT length for the semitones: 85 ms.
const N_FFT_SEMITONES: usize = 2048;
/// STFT length for harmony: 171 ms, which tells semitones apart from 100 Hz up.
const N_FFT_HARMONY: usize = 4096;
/// Hops between two chroma vectors: 50 ms.
pub const HOPS_PER_CHROMA: usize = 5;
/// Hops further below the song's loudest than this are silence, and have no say in what is loud.
const AUDIBLE_RANGE_DB: f32 = 60.0;
/// Where the mid and the high band start.
const SPLITS_HZ: [f32; 2] = [200.0, 2500.0];

/// What is measured, before any decision.
pub(super) struct Features {
    pub n_hops: usize,
    /// Bands of a fifth to a sixth of an octave.
    pub spectrogram: LogSpectrogram,
    /// The same, in coarser steps of time.
    pub coarse: CoarseSpectrogram,
    /// Bands of a semitone, over longer windows: soft notes stand out between those that sound on.
    pub semitones: LogSpectrogram,
    /// RMS of the low, mid and high band around each hop, relative to full scale, in millionths.
    pub bands: Series<[f32; 3]>,
    /// RMS around each hop in dB relative to full scale.
    pub loudness_db: Series<f32>,
    /// Energy of each pitch class (C = 0) from 200 Hz to 2.1 kHz, each [`HOPS_PER_CHROMA`] hops.
    pub chroma: Series<[f32; 12]>,
    /// Energy of each pitch class below 260 Hz, likewise.
    pub bass_chroma: Series<[f32; 12]>,
    pub envelopes: Envelopes,
}

impl Features {
    /// Hears a whole track.
    ///
    /// # Errors
    /// As for [`Track::blocks`].
    pub fn of(track: &Track) -> Result<Self> {
        let mut extractor = FeatureExtractor::new();
        let take = |batch: &Batch| {
            extractor.push(&batch.resampled);
            Ok(())
        };
        stream::decode(track, take, |_| ())?;
        Ok(extractor.finish())
    }

    /// Forgets what is needed to find onsets and beats alone.
    pub fn forget_details(&mut self) {
        self.spectrogram = LogSpectrogram::default();
        self.semitones = LogSpectrogram::default();
        self.envelopes = Envelopes::default();
    }

    /// Level that the loudest twentieth of what sounds reaches, in dB relative to full scale.
    ///
    /// # Errors
    /// As [`Series::read`].
    pub fn song_db(&self) -> Result<f32> {
        let mut levels_db = self.loudness_db.iter();
        let loudest_db = levels_db.try_fold(f32::MIN, |max, db| db.map(|db| max.max(db)))?;
        let sounds = |db| db > loudest_db - AUDIBLE_RANGE_DB;
        self.loudness_db.percentile(0.95, sounds)
    }
}

/// Builds [`Features`] from a stream of mono samples at [`ANALYSIS_RATE_HZ`].
pub(super) struct FeatureExtractor {
    hops: Hops,
    follower: EnvelopeFollower,
    spectra: Spectra,
    features: Features,
}

impl FeatureExtractor {
    pub fn new() -> Self {
        let spectra = Spectra::new();
        let spectrogram = LogSpectrogram::new(&spectra.bands);
        Self {
            hops: Hops::new(N_FFT_HARMONY),
            follower: EnvelopeFollower::default(),
            features: Features {
                n_hops: 0,
                coarse: CoarseSpectrogram::new(spectrogram.n_bands()),
                spectrogram,
                semitones: LogSpectrogram::new(&spectra.semitones),
                bands: Series::default(),
                loudness_db: Series::default(),
                chroma: Series::default(),
                bass_chroma: Series::default(),
                envelopes: Envelopes::default(),
            },
            spectra,
        }
    }

    /// Takes the next samples.
    pub fn push(&mut self, samples: &[f32]) {
        let features = &mut self.features;
        self.follower.push(samples, &mut features.envelopes);
        self.hops.push(samples, |idx, window| {
            self.spectra.add(idx, window, features)
        });
    }

    /// Ends the stream. Hops reach to the last sample.
    pub fn finish(mut self) -> Features {
        let features = &mut self.features;
        self.hops
            .finish(|idx, window| self.spectra.add(idx, window, features));
        let written = self.spectra.written;
        features.bands = written.bands.finish();
        features.loudness_db = written.loudness_db.finish();
        features.chroma = written.chroma.finish();
        features.bass_chroma = written.bass_chroma.finish();
        self.features
    }
}

/// The spectra of a hop, and what is read from them.
struct Spectra {
    short: Spectrum,
    medium: Spectrum,
    long: Spectrum,
    bands: Filterbank,
    semitones: Filterbank,
    /// Bins at which the mid and the high band start.
    splits: [usize; 2],
    pitches: Pitches,
    written: Written,
}

/// Those of the [`Features`] that become a [`Series`].
struct Written {
    bands: SeriesWriter<[f32; 3]>,
    loudness_db: SeriesWriter<f32>,
    chroma: SeriesWriter<[f32; 12]>,
    bass_chroma: SeriesWriter<[f32; 12]>,
}

impl Spectra {
    fn new() -> Self {
        Self {
            short: Spectrum::new(N_FFT),
            medium: Spectrum::new(N_FFT_SEMITONES),
            long: Spectrum::new(N_FFT_HARMONY),
            bands: Filterbank::new(N_FFT, 6, 30.0..10_500.0),
            semitones: Filterbank::new(N_FFT_SEMITONES, 12, 60.0..5000.0),
            splits: SPLITS_HZ
                .map(|hz| (hz * N_FFT as f32 / ANALYSIS_RATE_HZ as f32).ceil() as usize),
            pitches: Pitches::new(),
            written: Written {
                bands: SeriesWriter::new(HOPS_PER_SEC),
                loudness_db: SeriesWriter::new(HOPS_PER_SEC),
                chroma: SeriesWriter::new(HOPS_PER_SEC / HOPS_PER_CHROMA),
                bass_chroma: SeriesWriter::new(HOPS_PER_SEC / HOPS_PER_CHROMA),
            },
        }
    }

    /// Adds hop `hop_idx`, of which `window` is the longest window, to `features`.
    fn add(&mut self, hop_idx: usize, window: &[f32], features: &mut Features) {
        let inner = |n: usize| &window[(N_FFT_HARMONY - n) / 2..(N_FFT_HARMONY + n) / 2];
        let power = self.short.power(inner(N_FFT));
        let [mid, high] = self.splits;
        let bands = [&power[..mid], &power[mid..high], &power[high..]].map(sum);
        let amplitudes = bands.map(|power| rounded_f32(power.sqrt(), 1e6));
        self.written.bands.push(amplitudes);
        self.written.loudness_db.push(db(bands.iter().sum()));
        let steps = features.spectrogram.push(&self.bands, power);
        features.coarse.push(hop_idx, steps);
        let power = self.medium.power(inner(N_FFT_SEMITONES));
        features.semitones.push(&self.semitones, power);
        if hop_idx.is_multiple_of(HOPS_PER_CHROMA) {
            let (chroma, bass) = self.pitches.chroma_of(self.long.power(window));
            self.written.chroma.push(chroma);
            self.written.bass_chroma.push(bass);
        }
        features.n_hops = hop_idx + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(samples: &[f32]) -> Features {
        let mut extractor = FeatureExtractor::new();
        extractor.push(samples);
        extractor.finish()
    }

    fn sine(hz: f32, secs: f32) -> Vec<f32> {
        let n = (secs * 24_000.0) as usize;
        (0..n)
            .map(|i| (i as f32 / 24_000.0 * hz * std::f32::consts::TAU).sin())
            .collect()
    }

    #[test]
    fn a_full_scale_sine_is_3_db_below_full_scale() {
        let features = features(&sine(1000.0, 1.0));
        assert_eq!(features.n_hops, 100);
        let loudness_db = features.loudness_db.to_vec().unwrap();
        assert!((loudness_db[50] + 3.01).abs() < 0.05);
        let [low, mid, high] = features.bands.to_vec().unwrap()[50];
        assert!(mid > 0.7 && low < 0.01 && high < 0.01);
    }

    #[test]
    fn chroma_names_the_pitch() {
        let of_a = features(&sine(440.0, 1.0));
        let chroma = of_a.chroma.to_vec().unwrap()[10];
        assert!(
            chroma
                .iter()
                .enumerate()
                .all(|(i, c)| i == 9 || *c < 0.01 * chroma[9])
        );
        let of_bass_e = features(&sine(82.4, 1.0));
        let bass = of_bass_e.bass_chroma.to_vec().unwrap()[10];
        assert!(
            bass.iter()
                .enumerate()
                .all(|(i, c)| i == 4 || *c < 0.05 * bass[4])
        );
    }

    #[test]
    fn silence_is_at_the_floor() {
        let features = features(&[0.0; 24_000]);
        assert!(
            features
                .loudness_db
                .iter()
                .all(|l| (l.unwrap() - FLOOR_DB).abs() < 1e-3)
        );
        assert_eq!(features.envelopes.len(), 1000);
    }
}
